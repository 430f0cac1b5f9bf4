#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "net/url.h"

typedef struct UrlCase {
        const char *text, *scheme, *host;
        unsigned port;
        const char *path;
} UrlCase;

static void parses_urls(void **state)
{
        static const UrlCase CASES[] = {
                {"https://slack.com/api/chat.postMessage", "https", "slack.com", 443,
                 "/api/chat.postMessage"},
                {"http://127.0.0.1:3000", "http", "127.0.0.1", 3000, "/"},
                {"WSS://Wss-Primary.Slack.com/link/?ticket=a%20b&app_id=c", "wss", "wss-primary.slack.com",
                 443, "/link/?ticket=a%20b&app_id=c"},
                {"ws://[2001:DB8::1]:8000/x", "ws", "2001:db8::1", 8000, "/x"},
                {"ws://[::1]", "ws", "::1", 80, "/"},
                {"http://host?q=1", "http", "host", 80, "/?q=1"},
                {"http://host/a#fragment?x", "http", "host", 80, "/a"},
                {"http://host#f", "http", "host", 80, "/"},
                {"postgres://db.internal/gateway", "postgres", "db.internal", 5432, "/gateway"},
                {"http://under_score:65535/", "http", "under_score", 65535, "/"},
        };

        for (size_t i = 0; i < ELEMENTSOF(CASES); i++) {
                Url u;

                assert_int_equal(url_parse(CASES[i].text, &u), 0);
                assert_string_equal(u.scheme, CASES[i].scheme);
                assert_string_equal(u.host, CASES[i].host);
                assert_int_equal(u.port, CASES[i].port);
                assert_string_equal(u.path, CASES[i].path);
                url_deinit(&u);
        }
}

static void refuses_what_is_not_such_a_url(void **state)
{
        static const char *const BAD[] = {
                "",
                "slack.com",
                "ftp://host/",
                "http:/host",
                "://host",
                "http://",
                "http:///path",
                "http://user@host/",
                "http://user:secret@host/",
                "http://host:0/",
                "http://host:65536/",
                "http://host:8a/",
                "http://host:/",
                "http://host:123456/",
                "http://[::1/",
                "http://[]/",
                "http://[::1]x/",
                "http://[g::1]/",
                "http://ho st/",
                "http://host/a b",
                "http://host/\r\nX: y",
                "http://host\\evil/",
                "http://h\xC3\xB6st/",
                "http://a%2eb/",
        };

        for (size_t i = 0; i < ELEMENTSOF(BAD); i++) {
                Url u;

                assert_int_equal(url_parse(BAD[i], &u), URL_E_INVALID);
                assert_null(u.host);
        }
}

static void encodes_and_decodes(void **state)
{
        Buf out = {0};
        char *text;

        url_encode(&out, "a b/\xC3\xBC~+", 8);
        assert_string_equal(buf_bytes(&out), "a%20b%2F%C3%BC~%2B");
        text = url_decode(buf_bytes(&out), buf_len(&out), false);
        assert_string_equal(text, "a b/\xC3\xBC~+");
        free(text);
        buf_deinit(&out);
        text = url_decode("a+b%2b", 6, true);
        assert_string_equal(text, "a b+");
        free(text);
        text = url_decode("a+b", 3, false);
        assert_string_equal(text, "a+b");
        free(text);
        assert_null(url_decode("%", 1, false));
        assert_null(url_decode("%4", 2, false));
        assert_null(url_decode("%4g", 3, false));
        assert_null(url_decode("a%00b", 5, false));
        assert_null(url_decode("a\0b", 3, false));
        assert_null(url_decode("%41", 2, false)); /* no look beyond the end */
}

static void parses_forms(void **state)
{
        const char *text = "payload=%7B%22a%22%3A1%7D&empty=&&flag&a=1&a=2&sp+ace=x+y";
        Form f;
        Buf again = {0};

        assert_int_equal(form_parse(text, strlen(text), &f), 0);
        assert_int_equal(f.n, 6);
        assert_string_equal(form_get(&f, "payload"), "{\"a\":1}");
        assert_string_equal(form_get(&f, "empty"), "");
        assert_string_equal(form_get(&f, "flag"), "");
        assert_string_equal(form_get(&f, "a"), "1");
        assert_string_equal(f.fields[4].value, "2");
        assert_string_equal(form_get(&f, "sp ace"), "x y");
        assert_null(form_get(&f, "absent"));
        form_append(&again, "sp ace", "x y");
        form_append(&again, "b", "&=");
        assert_string_equal(buf_bytes(&again), "sp%20ace=x%20y&b=%26%3D");
        buf_deinit(&again);
        form_deinit(&f);
        assert_int_equal(form_parse("", 0, &f), 0);
        assert_int_equal(f.n, 0);
        form_deinit(&f);
}

static void limits_forms(void **state)
{
        Buf text = {0};
        Form f;

        for (unsigned i = 0; i < 256; i++)
                form_append(&text, "a", "b");
        assert_int_equal(form_parse(buf_bytes(&text), buf_len(&text), &f), 0);
        assert_int_equal(f.n, 256);
        form_deinit(&f);
        form_append(&text, "a", "b");
        assert_int_equal(form_parse(buf_bytes(&text), buf_len(&text), &f), FORM_E_TOO_MANY);
        assert_null(f.fields);
        buf_deinit(&text);
        assert_int_equal(form_parse("a=1&b=%zz", 9, &f), FORM_E_MALFORMED);
        assert_int_equal(f.n, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parses_urls),         cmocka_unit_test(refuses_what_is_not_such_a_url),
                cmocka_unit_test(encodes_and_decodes), cmocka_unit_test(parses_forms),
                cmocka_unit_test(limits_forms),
        };

        return cmocka_run_group_tests_name("net/url", tests, NULL, NULL);
}
