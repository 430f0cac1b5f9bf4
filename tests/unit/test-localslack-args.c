/* Arguments of a Web API call: every encoding gives the same object, and broken ones give Slack's errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "args.h"

#define FORM "application/x-www-form-urlencoded"
#define JSON "application/json; charset=utf-8"

static json_t *parse(const char *type, const char *body, const char *query)
{
        json_t *args = NULL;

        assert_null(args_parse(type, body, strlen(body), query, &args));
        return args;
}

static void assert_same(json_t *args /* stolen */, const char *expected)
{
        _cleanup_json_ json_t *want = json_loads(expected, 0, NULL);
        _cleanup_free_ char *text = json_dump(args);

        assert_non_null(want);
        if (!json_equal(args, want))
                fail_msg("%s instead of %s", text, expected);
        json_decref(args);
}

static void test_encodings(void **state)
{
        static const char expected[] =
                "{\"channel\":\"C1\",\"text\":\"a & b\",\"blocks\":[{\"type\":\"divider\"}]}";

        (void) state;
        assert_same(parse(FORM, "channel=C1&text=a+%26+b&blocks=%5B%7B%22type%22%3A%22divider%22%7D%5D", ""),
                    expected);
        assert_same(parse(NULL, "text=a+%26+b&blocks=%5B%7B%22type%22%3A%22divider%22%7D%5D", "channel=C1"),
                    expected);
        assert_same(parse(JSON, expected, ""), expected);
        assert_same(
                parse("Application/JSON",
                      "{\"channel\":\"C1\",\"text\":\"a & b\",\"blocks\":\"[{\\\"type\\\":\\\"divider\\\"}]\"}",
                      ""),
                expected);
        assert_same(
                parse("multipart/form-data; boundary=XX",
                      "--XX\r\nContent-Disposition: form-data; name=\"channel\"\r\n\r\nC1\r\n"
                      "--XX\r\ncontent-disposition: form-data; name=text\r\n\r\na & b\r\n"
                      "--XX\r\nContent-Disposition: form-data; name=\"blocks\"\r\n\r\n[{\"type\":\"divider\"}]\r\n"
                      "--XX--\r\n",
                      ""),
                expected);
        assert_same(parse(NULL, "", ""), "{}");
        assert_same(parse("application/json;charset=utf-8", "", ""), "{}"); /* the Python SDK's empty body */
}

static void test_json_texts(void **state)
{
        (void) state;
        /* Only known arguments are decoded; what does not parse stays text for the method to refuse. */
        assert_same(parse(FORM, "text=%5B1%5D&blocks=nonsense&metadata=%7B%7D&view=17", ""),
                    "{\"text\":\"[1]\",\"blocks\":\"nonsense\",\"metadata\":{},\"view\":\"17\"}");
}

static void test_errors(void **state)
{
        static const struct {
                const char *type, *body, *error;
        } rows[] = {
                {JSON, "{", "invalid_json"},
                {JSON, "[]", "json_not_object"},
                {JSON, "{\"a\":1,\"a\":2}", "invalid_json"},
                {FORM, "a=%zz", "invalid_form_data"},
                {FORM, "a=%ff", "invalid_form_data"},
                {"text/plain", "a=1", "invalid_post_type"},
                {"multipart/form-data", "--XX--", "invalid_form_data"},
                {"multipart/form-data; boundary=XX",
                 "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n1", "invalid_form_data"},
                {"multipart/form-data; boundary=XX", "--XX\r\n\r\n1\r\n--XX--", "invalid_form_data"},
                {"multipart/form-data; boundary=XX", "garbage", "invalid_form_data"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                json_t *args = NULL;
                const char *error = args_parse(rows[i].type, rows[i].body, strlen(rows[i].body), "", &args);

                if (!str_equal(error, rows[i].error))
                        fail_msg("row %zu: %s instead of %s", i, error ? error : "none", rows[i].error);
                assert_null(args);
        }
}

static void test_multipart_parts(void **state)
{
        static const char body[] =
                "--b\r\nContent-Disposition: form-data; name=\"body\"; filename=\"Untitled\"\r\n"
                "Content-Type: application/octet-stream\r\n\r\n\0\1\r\n--c\r\n--b--\r\n";
        Multipart m;

        (void) state;
        assert_int_equal(multipart_parse("multipart/form-data; boundary=\"b\"", body, sizeof(body) - 1, &m),
                         0);
        assert_int_equal(m.n, 1);
        assert_string_equal(m.parts[0].name, "body");
        assert_string_equal(m.parts[0].filename, "Untitled");
        assert_int_equal(m.parts[0].n_bytes, 7);
        assert_memory_equal(m.parts[0].data, "\0\1\r\n--c", 7);
        multipart_deinit(&m);
}

static void test_readers(void **state)
{
        _cleanup_json_ json_t *args = json_loads(
                "{\"t\":\"true\",\"one\":\"1\",\"f\":false,\"n\":\"42\",\"i\":7,\"bad\":\"4x\",\"e\":\"\"}",
                0, NULL);

        (void) state;
        assert_true(arg_bool(args, "t", false));
        assert_true(arg_bool(args, "one", false));
        assert_false(arg_bool(args, "f", true));
        assert_true(arg_bool(args, "absent", true));
        assert_int_equal(arg_int(args, "n", 0), 42);
        assert_int_equal(arg_int(args, "i", 0), 7);
        assert_int_equal(arg_int(args, "bad", -1), -1);
        assert_int_equal(arg_int(args, "e", -1), -1);
        assert_null(arg_str(args, "i"));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_encodings), cmocka_unit_test(test_json_texts),
                cmocka_unit_test(test_errors),    cmocka_unit_test(test_multipart_parts),
                cmocka_unit_test(test_readers),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
