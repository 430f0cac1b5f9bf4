/* base/json-scan: the grammar by tables, then members by path, then the readers. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/buf.h"
#include "base/json-scan.h"

static bool valid(const char *text, size_t n_bytes)
{
        /* In an allocation of exactly its size, so that a sanitizer sees any byte read too far. */
        char *copy = mem_alloc(n_bytes ? n_bytes : 1);
        size_t offset = 0;
        bool ok;

        memcpy(copy, text, n_bytes);
        ok = json_scan(copy, n_bytes, NULL, 0, NULL);
        assert_int_equal(ok, json_scan_explain(copy, n_bytes, &offset) == NULL);
        assert_true(offset <= n_bytes);
        free(copy);
        return ok;
}

static void test_accepts(void **state)
{
        static const char *const texts[] = {
                "{}",
                "[]",
                " [ ] ",
                "\t{\r\n}\n",
                "null",
                "true",
                "false",
                "0",
                "-0",
                "12",
                "-3.25",
                "1e5",
                "1E+05",
                "2.5e-3",
                "\"\"",
                "\"a\"",
                "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
                "\"\\ud83d\\ude00\"",
                "\"\\ud83d\"",
                "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"",
                "[1,2,[3,{\"a\":[]}]]",
                "{\"a\":1,\"a\":2}",
                "{\"a\" : {\"b\" : [ 1 , 2 ] } }",
                "\"\x7f\"",
                "\"0123456789abcdef0123456789\"",
                "\"\\u0000\"",
                "123456789012345678901234567890",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (!valid(texts[i], strlen(texts[i])))
                        fail_msg("refused: %s", texts[i]);
}

static void test_refuses(void **state)
{
        static const struct {
                const char *text, *why;
                size_t offset;
        } rows[] = {
                {"", "expected a value", 0},
                {"  ", "expected a value", 2},
                {"{", "expected a key", 1},
                {"{\"a\"", "expected a colon", 4},
                {"{\"a\":", "expected a value", 5},
                {"{\"a\":1", "unterminated object", 6},
                {"{\"a\":1,}", "expected a key", 7},
                {"{,}", "expected a key", 1},
                {"{a:1}", "expected a key", 1},
                {"{\"a\" 1}", "expected a colon", 5},
                {"{\"a\":1 \"b\":2}", "expected a comma", 7},
                {"[", "expected a value", 1},
                {"[1", "unterminated array", 2},
                {"[1,]", "invalid value", 3},
                {"[1 2]", "expected a comma", 3},
                {"[1}", "expected a comma", 2},
                {"nul", "invalid value", 0},
                {"nullx", "text after the value", 4},
                {"True", "invalid value", 0},
                {"1 2", "text after the value", 2},
                {"01", "text after the value", 1},
                {"-", "invalid number", 1},
                {"+1", "invalid value", 0},
                {".5", "invalid value", 0},
                {"1.", "invalid number", 2},
                {"1e", "invalid number", 2},
                {"1e+", "invalid number", 3},
                {"-a", "invalid number", 1},
                {"\"a", "unterminated string", 2},
                {"\"a\\", "unterminated string", 2},
                {"\"\\x\"", "invalid escape", 1},
                {"\"\\u12g4\"", "invalid \\u escape", 1},
                {"\"\\u12", "invalid \\u escape", 1},
                {"\"a\nb\"", "control character in a string", 2},
                {"\"0123456789\x1f\"", "control character in a string", 11},
                {"\"\x80\"", "invalid UTF-8", 1},
                {"\"\xc0\x80\"", "invalid UTF-8", 1},
                {"\"\xe0\x80\x80\"", "invalid UTF-8", 1},
                {"\"\xed\xa0\x80\"", "invalid UTF-8", 1},
                {"\"\xf0\x80\x80\x80\"", "invalid UTF-8", 1},
                {"\"\xf4\x90\x80\x80\"", "invalid UTF-8", 1},
                {"\"\xf5\x80\x80\x80\"", "invalid UTF-8", 1},
                {"\"\xe2\x82\"", "invalid UTF-8", 1},
                {"\"\xe2\x82", "invalid UTF-8", 1},
                {"\xef\xbb\xbf{}", "invalid value", 0},
                {"'a'", "invalid value", 0},
                {"// x", "invalid value", 0},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                size_t offset = 0;

                if (valid(rows[i].text, strlen(rows[i].text)))
                        fail_msg("accepted: %s", rows[i].text);
                assert_string_equal(json_scan_explain(rows[i].text, strlen(rows[i].text), &offset),
                                    rows[i].why);
                assert_int_equal(offset, rows[i].offset);
        }
        assert_false(valid("\"a\0b\"", 5));
        assert_false(valid("{}\0", 3));
}

static void test_depth(void **state)
{
        char text[200];

        (void) state;
        for (size_t depth = 63; depth <= 66; depth++) {
                memset(text, '[', depth);
                memset(text + depth, ']', depth);
                assert_int_equal(valid(text, 2 * depth), depth <= 64);
        }
        memset(text, '[', sizeof(text));
        assert_false(valid(text, sizeof(text)));
}

static void assert_slice(const JsonSlice *s, JsonSliceType type, const char *text)
{
        assert_int_equal(s->type, type);
        assert_int_equal(s->n_bytes, strlen(text));
        assert_memory_equal(s->data, text, s->n_bytes);
}

static void test_members(void **state)
{
        static const char text[] =
                "{\"x\":{\"type\":\"no\"},\"type\":\"hello\",\"debug_info\":{\"host\":\"a\\u0062c\","
                "\"n\":{\"deep\":[1,{\"host\":2}]}},\"n\":-12,\"ok\":true,\"no\":false,\"nil\":null,"
                "\"arr\":[ 1 ],\"type\":\"second\",\"\\u0065sc\":1.5,\"a.b\":1,\"deb\":0}";
        static const char *const paths[] = {
                "type", "debug_info.host", "debug_info.n.deep", "n",          "ok", "no",    "nil", "arr",
                "esc",  "missing",         "x.type.y",          "debug_info", "",   "arr.x", "a.b"};
        JsonSlice s[ELEMENTSOF(paths)];

        (void) state;
        assert_true(json_scan(text, strlen(text), paths, ELEMENTSOF(paths), s));
        assert_slice(&s[0], JSON_SLICE_STRING, "hello");
        assert_slice(&s[1], JSON_SLICE_STRING, "a\\u0062c");
        assert_slice(&s[2], JSON_SLICE_ARRAY, "[1,{\"host\":2}]");
        assert_slice(&s[3], JSON_SLICE_NUMBER, "-12");
        assert_slice(&s[4], JSON_SLICE_TRUE, "true");
        assert_slice(&s[5], JSON_SLICE_FALSE, "false");
        assert_slice(&s[6], JSON_SLICE_NULL, "null");
        assert_slice(&s[7], JSON_SLICE_ARRAY, "[ 1 ]");
        assert_slice(&s[8], JSON_SLICE_NUMBER, "1.5");
        assert_int_equal(s[11].type, JSON_SLICE_OBJECT);
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                if (i == 9 || i == 10 || i >= 12)
                        assert_int_equal(s[i].type, JSON_SLICE_NONE);
}

static void test_members_of_broken_text(void **state)
{
        static const char *const paths[] = {"a"};
        JsonSlice s[1];

        (void) state;
        assert_false(json_scan("{\"a\":1,\"b\":}", 12, paths, 1, s));
        assert_int_equal(s[0].type, JSON_SLICE_NONE);
        assert_true(json_scan("[{\"a\":1}]", 9, paths, 1, s));
        assert_int_equal(s[0].type, JSON_SLICE_NONE);
}

static void test_path_limits(void **state)
{
        static const char *const paths[] = {"a.b.c.d.e.f", "a.b.c.d.e.f.g"};
        static const char text[] = "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":1}}}}}}}";
        JsonSlice s[2];

        (void) state;
        assert_true(json_scan(text, strlen(text), paths, 2, s));
        assert_slice(&s[0], JSON_SLICE_OBJECT, "{\"g\":1}");
        assert_int_equal(s[1].type, JSON_SLICE_NONE);
}

static void test_copy_and_equal(void **state)
{
        static const struct {
                const char *raw, *plain; /* NULL: refused */
        } rows[] = {
                {"", ""},
                {"plain", "plain"},
                {"a\\/b\\\\\\\"\\b\\f\\n\\r\\t", "a/b\\\"\b\f\n\r\t"},
                {"\\u0041\\u00e9\\u20ac\\ud83d\\ude00", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
                {"\\ud83dx", "\xef\xbf\xbdx"},
                {"\\ude00", "\xef\xbf\xbd"},
                {"\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
                {"a\\u0000b", NULL},
        };
        char out[32];

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                JsonSlice s = {rows[i].raw, strlen(rows[i].raw), JSON_SLICE_STRING};

                assert_int_equal(json_slice_copy(&s, out, sizeof(out)), rows[i].plain != NULL);
                assert_string_equal(out, rows[i].plain ? rows[i].plain : "");
                if (!rows[i].plain)
                        continue;
                assert_true(json_slice_equal(&s, rows[i].plain));
                assert_false(json_slice_equal(&s, "something else"));
                assert_int_equal(json_slice_copy(&s, out, strlen(rows[i].plain) + 1), true);
                if (*rows[i].plain)
                        assert_int_equal(json_slice_copy(&s, out, strlen(rows[i].plain)), false);
        }
        assert_false(json_slice_equal(&(JsonSlice){"ab", 2, JSON_SLICE_STRING}, "abc"));
        assert_false(json_slice_equal(&(JsonSlice){"12", 2, JSON_SLICE_NUMBER}, "12"));
        assert_false(json_slice_copy(&(JsonSlice){0}, out, sizeof(out)));
}

static void test_numbers_and_booleans(void **state)
{
        static const struct {
                const char *text;
                bool ok;
                int64_t value;
        } rows[] = {
                {"0", true, 0},
                {"-0", true, 0},
                {"18060", true, 18060},
                {"-7", true, -7},
                {"1.0", false, 0},
                {"1e3", false, 0},
                {"9223372036854775807", true, INT64_MAX},
                {"-9223372036854775808", true, INT64_MIN},
                {"9223372036854775808", false, 0},
                {"-9223372036854775809", false, 0},
                {"99999999999999999999999", false, 0},
        };
        int64_t value;
        bool b;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                JsonSlice s = {rows[i].text, strlen(rows[i].text), JSON_SLICE_NUMBER};

                value = 0;
                assert_int_equal(json_slice_int(&s, &value), rows[i].ok);
                assert_true(value == rows[i].value);
        }
        assert_false(json_slice_int(&(JsonSlice){"1", 1, JSON_SLICE_STRING}, &value));
        assert_true(json_slice_bool(&(JsonSlice){"true", 4, JSON_SLICE_TRUE}, &b) && b);
        assert_true(json_slice_bool(&(JsonSlice){"false", 5, JSON_SLICE_FALSE}, &b) && !b);
        assert_false(json_slice_bool(&(JsonSlice){"null", 4, JSON_SLICE_NULL}, &b));
}

/* The word-at-a-time skip of plain text must stop at every special byte, wherever it stands in a word. */
static void test_special_byte_at_each_place(void **state)
{
        static const struct {
                const char *bytes;
                bool ok;
        } rows[] = {{"\x1f", false}, {"\x01", false}, {"\\n", true}, {"\xc3\xa9", true}, {"\xff", false},
                    {" ", true},     {"!#", true},    {"[]", true},  {"\x7f", true}};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (int lead = 0; lead < 20; lead++)
                        for (int tail = 0; tail < 12; tail++) {
                                char text[64];
                                int n = snprintf(text, sizeof(text), "\"%.*s%s%.*s\"", lead,
                                                 "\x21\x23\x5b\x5d\x20\x7f"
                                                 "abcdefghijklmnopqr",
                                                 rows[i].bytes, tail, "!#[] abcdefghij");

                                assert_int_equal(valid(text, (size_t) n), rows[i].ok);
                        }
}

/* Acknowledging an envelope must stay cheap; the bound is loose, so that it only catches another order of
 * cost. */
static void test_speed(void **state)
{
        static const char *const paths[] = {
                "type",          "envelope_id",     "payload",         "accepts_response_payload",
                "retry_attempt", "num_connections", "debug_info.host", "reason"};
        _cleanup_buf_ Buf b = {0};
        JsonSlice s[ELEMENTSOF(paths)];
        int64_t start_us;
        enum { ROUNDS = 20000 };

        (void) state;
        buf_append_str(
                &b, "{\"envelope_id\":\"57d6a792-4d35-4d0b-b6aa-3361493e1caf\",\"payload\":{\"token\":\"x\","
                    "\"event\":{\"type\":\"message\",\"text\":\"");
        while (buf_len(&b) < 700)
                buf_append_str(&b, "words and \\\"quotes\\\" \\n of a message ");
        buf_append_str(
                &b,
                "\",\"blocks\":[{\"type\":\"rich_text\",\"elements\":[{\"type\":\"text\",\"text\":\"hello\"}]}],"
                "\"ts\":\"1700000000.000100\",\"channel\":\"C1\"},\"type\":\"event_callback\"},"
                "\"type\":\"events_api\",\"accepts_response_payload\":false,\"retry_attempt\":0}");
        start_us = clock_monotonic_us();
        for (int i = 0; i < ROUNDS; i++)
                assert_true(json_scan(buf_bytes(&b), buf_len(&b), paths, ELEMENTSOF(paths), s));
        start_us = clock_monotonic_us() - start_us;
        print_message("%zu bytes in %.2f us\n", buf_len(&b), (double) start_us / ROUNDS);
        assert_true(start_us / ROUNDS < 100);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_accepts),
                cmocka_unit_test(test_refuses),
                cmocka_unit_test(test_depth),
                cmocka_unit_test(test_members),
                cmocka_unit_test(test_members_of_broken_text),
                cmocka_unit_test(test_path_limits),
                cmocka_unit_test(test_copy_and_equal),
                cmocka_unit_test(test_numbers_and_booleans),
                cmocka_unit_test(test_special_byte_at_each_place),
                cmocka_unit_test(test_speed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
