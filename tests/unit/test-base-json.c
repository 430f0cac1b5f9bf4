/* base/json: bounded strict parsing, readers by path, shapes. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"

static json_t *parse(const char *text)
{
        return json_parse(text, strlen(text), NULL);
}

static void expect_error(const char *text, size_t n_bytes, const char *expected)
{
        char *error = NULL;

        assert_null(json_parse(text, n_bytes, &error));
        assert_non_null(error);
        if (!strstr(error, expected))
                fail_msg("\"%s\" does not say \"%s\"", error, expected);
        free(error);
}

static void test_strict(void **state)
{
        (void) state;
        expect_error("{\"a\":1,\"a\":2}", 13, "duplicate");
        expect_error("{\"a\":1", 6, "line 1");
        expect_error("", 0, "line 1");
        expect_error("{} {}", 5, "line 1");
        expect_error("[1,\n 2,\n x]", 11, "line 3 column");
        expect_error("\"\\u0000\"", 8, "line 1");
        expect_error("\"a\0b\"", 5, "line 1");
        expect_error("{}\0", 3, "line 1");
        expect_error("{}\0{", 4, "line 1");
        expect_error("{\"a\\u0000\":1}", 13, "line 1");
        expect_error("\"\xff\"", 3, "0xff");
        assert_null(json_parse("nope", 4, NULL));
}

static void test_depth(void **state)
{
        (void) state;
        for (unsigned depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
                _cleanup_buf_ Buf b = {0};
                json_t *value;

                for (unsigned i = 0; i < depth; i++)
                        buf_append_str(&b, i % 2 ? "{\"[{\\\"\":" : "[");
                buf_append_str(&b, "1");
                for (unsigned i = depth; i > 0; i--)
                        buf_append_str(&b, (i - 1) % 2 ? "}" : "]");
                value = json_parse(buf_bytes(&b), buf_len(&b), NULL);
                assert_int_equal(value != NULL, depth <= JSON_DEPTH_MAX);
                json_decref(value);
        }
        expect_error("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 65, "deep");
}

static void test_any_value(void **state)
{
        static const char *const texts[] = {
                "null", "true", "-12", "\"x\"", "[]", "{}", "{\"a\":[1,2.5,null]}"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_json_ json_t *value = parse(texts[i]);
                _cleanup_free_ char *text = NULL;

                assert_non_null(value);
                text = json_dump(value);
                assert_string_equal(text, texts[i]);
        }
        {
                _cleanup_free_ char *nothing = json_dump(NULL);

                assert_string_equal(nothing, "null");
        }
}

static void test_readers(void **state)
{
        _cleanup_json_ json_t *v = parse(
                "{\"a\":{\"b\":[{\"c\":\"deep\"},7]},\"n\":3,\"t\":true,\"z\":null,\"real\":1.5,\"big\":9007199254740993}");

        (void) state;
        assert_string_equal(json_str(v, "a.b.0.c"), "deep");
        assert_int_equal(json_int(v, "a.b.1", -1), 7);
        assert_int_equal(json_int(v, "n", -1), 3);
        assert_int_equal(json_int(v, "big", -1), 9007199254740993);
        assert_true(json_bool(v, "t"));
        assert_ptr_equal(json_at(v, ""), v);
        /* Missing, or of another type: the default. */
        assert_null(json_str(v, "n"));
        assert_null(json_str(v, "a.x.y"));
        assert_null(json_str(v, "n.x"));
        assert_null(json_str(NULL, "a"));
        assert_null(json_str(v, "a.b.2"));
        assert_null(json_str(v, "a.b.99999999999999999999"));
        assert_null(json_str(v, "a.b.x"));
        assert_string_equal(json_str_or(v, "z", "else"), "else");
        assert_int_equal(json_int(v, "real", -1), -1);
        assert_int_equal(json_int(v, "t", -1), -1);
        assert_false(json_bool(v, "n"));
        assert_false(json_bool(v, "z"));
        {
                _cleanup_free_ char *path = mem_alloc(1000);

                memset(path, 'a', 999);
                path[999] = 0;
                assert_null(json_at(v, path));
        }
}

static void test_put(void **state)
{
        _cleanup_json_ json_t *v = json_object();
        _cleanup_free_ char *text = NULL;

        (void) state;
        json_put_str(v, "s", "x");
        json_put_str(v, "null", NULL);
        json_put_int(v, "i", -5);
        json_put_int(v, "i", 6);
        text = json_dump(v);
        assert_string_equal(text, "{\"s\":\"x\",\"null\":null,\"i\":6}");
}

static void test_shapes(void **state)
{
        static const JsonField fields[] = {
                {"id", JSON_FIELD_STR, true, 5},      {"n", JSON_FIELD_INT, true},
                {"o.name", JSON_FIELD_STR, false, 0}, {"list", JSON_FIELD_ARR, false, 2},
                {"flag", JSON_FIELD_BOOL, false},     {"o", JSON_FIELD_OBJ, false},
        };
        static const struct {
                const char *text, *path, *why;
        } cases[] = {
                {"{\"id\":\"x\",\"n\":1}", NULL, NULL},
                {"{\"id\":\"12345\",\"n\":1,\"o\":{\"name\":\"\"},\"list\":[1,2],\"flag\":false}", NULL,
                 NULL},
                {"{\"id\":\"x\",\"n\":1,\"o\":null,\"list\":null,\"flag\":null}", NULL, NULL},
                {"{\"n\":1}", "id", "is missing"},
                {"{\"id\":null,\"n\":1}", "id", "must be a string"},
                {"{\"id\":\"\",\"n\":1}", "id", "is empty"},
                {"{\"id\":\"123456\",\"n\":1}", "id", "is too long"},
                {"{\"id\":\"x\",\"n\":1.0}", "n", "must be an integer"},
                {"{\"id\":\"x\",\"n\":1,\"list\":[1,2,3]}", "list", "has too many elements"},
                {"{\"id\":\"x\",\"n\":1,\"list\":{}}", "list", "must be an array"},
                {"{\"id\":\"x\",\"n\":1,\"flag\":1}", "flag", "must be true or false"},
                {"{\"id\":\"x\",\"n\":1,\"o\":[]}", "o", "must be an object"},
                {"{\"id\":\"x\",\"n\":1,\"o\":{\"name\":1}}", "o.name", "must be a string"},
                {"[]", "id", "is missing"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ json_t *v = parse(cases[i].text);
                const char *why = NULL, *path = json_check(v, fields, ELEMENTSOF(fields), &why);

                assert_true(str_equal(path, cases[i].path));
                if (path)
                        assert_string_equal(why, cases[i].why);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_strict),    cmocka_unit_test(test_depth),
                cmocka_unit_test(test_any_value), cmocka_unit_test(test_readers),
                cmocka_unit_test(test_put),       cmocka_unit_test(test_shapes),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
