/* A URL or form that parses survives being written and parsed again; what is encoded decodes to itself. */
#include <stdio.h>

#include "net/url.h"

#define CHECK(_condition)                                                                                    \
        do {                                                                                                 \
                if (!(_condition)) {                                                                         \
                        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #_condition);                     \
                        abort();                                                                             \
                }                                                                                            \
        } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check_url(const char *text)
{
        _cleanup_free_ char *again = NULL;
        bool ipv6;
        Url a, b;

        if (url_parse(text, &a) != 0) {
                CHECK(!a.scheme && !a.host && !a.path);
                return;
        }
        CHECK(*a.host && *a.path == '/' && a.port > 0 && a.port < 65536);
        CHECK(!strpbrk(a.path, " \t\r\n#") && !strpbrk(a.host, " \t\r\n/@#?"));
        ipv6 = strchr(a.host, ':') != NULL;
        again = mem_printf("%s://%s%s%s:%u%s", a.scheme, ipv6 ? "[" : "", a.host, ipv6 ? "]" : "", a.port,
                           a.path);
        CHECK(url_parse(again, &b) == 0);
        CHECK(str_equal(a.scheme, b.scheme) && str_equal(a.host, b.host) && str_equal(a.path, b.path));
        CHECK(a.port == b.port);
        url_deinit(&a);
        url_deinit(&b);
}

static void check_form(const char *text, size_t n_bytes)
{
        Form a, b;
        Buf written = {0};

        if (form_parse(text, n_bytes, &a) != 0) {
                CHECK(a.n == 0 && !a.fields);
                return;
        }
        CHECK(a.n <= 256);
        for (size_t i = 0; i < a.n; i++)
                form_append(&written, a.fields[i].name, a.fields[i].value);
        CHECK(form_parse(buf_bytes(&written), buf_len(&written), &b) == 0);
        CHECK(a.n == b.n);
        for (size_t i = 0; i < a.n; i++) {
                CHECK(str_equal(a.fields[i].name, b.fields[i].name));
                CHECK(str_equal(a.fields[i].value, b.fields[i].value));
                CHECK(form_get(&a, a.fields[i].name) != NULL);
        }
        form_deinit(&a);
        form_deinit(&b);
        buf_deinit(&written);
}

static void check_encoding(const char *text)
{
        Buf encoded = {0};
        _cleanup_free_ char *decoded = NULL;

        url_encode(&encoded, text, strlen(text));
        decoded = url_decode(buf_bytes(&encoded), buf_len(&encoded), true);
        CHECK(str_equal(decoded, text));
        buf_deinit(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        _cleanup_free_ char *text = mem_strndup((const char *) data, n_bytes);

        check_url(text);
        check_form((const char *) data, n_bytes);
        check_encoding(text);
        return 0;
}
