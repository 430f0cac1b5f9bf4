/* base/json-text: what json_parse() and json_dump() make of a text is what jansson makes of it, for texts
 * that are JSON, nearly JSON, and JSON with one byte changed. */
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"

static const char *const texts[] = {
        "{}",
        "[]",
        " [ ] ",
        "null",
        "true",
        " false ",
        "\"\"",
        "0",
        "-0",
        "-12",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "1e5",
        "1E+05",
        "-3.25",
        "2.5e-3",
        "1e400",
        "1e-400",
        "0.1000000000000000055511151231257827021181583404541015625",
        "01",
        "1.",
        ".5",
        "-",
        "+1",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20ac\"",
        "\"\\ud83d\\ude00 and \\u0041\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "\"\\u0000\"",
        "\"\\u000\"",
        "\"\\x\"",
        "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xff\"",
        "\"tab\there\"",
        "\"\x7f\x01\"",
        "\"open",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"\":1,\"a b\":[1,2,{\"c\":null}],\"\\n\":true}",
        "{\"a\" : {\"b\" : [ 1 , 2 ] } }",
        "{\"a\":1,}",
        "[1,]",
        "[1 2]",
        "{\"a\" 1}",
        "{a:1}",
        "{} {}",
        "nul",
        "",
        "   ",
        "{\"type\":\"event_callback\",\"event\":{\"type\":\"message\",\"user\":\"U1\",\"text\":\"a \\\"quoted\\\" word\","
        "\"ts\":\"1500000000.000100\",\"blocks\":[{\"type\":\"rich_text\",\"elements\":[{\"type\":\"text\",\"text\":"
        "\"caf\\u00e9\"}]}]},\"event_time\":1500000000,\"is_bot\":false,\"nothing\":null,\"cost\":0.0123}",
};

static json_t *parse_as_jansson(const char *text, size_t n_bytes)
{
        json_error_t error;

        return json_loadb(text, n_bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
}

static bool has_real(const json_t *value)
{
        size_t i;
        const char *key;
        json_t *member;

        json_array_foreach ((json_t *) value, i, member)
                if (has_real(member))
                        return true;
        json_object_foreach ((json_t *) value, key, member)
                if (has_real(member))
                        return true;
        return json_is_real(value);
}

static void compare(const char *text, size_t n_bytes)
{
        /* In an allocation of exactly its size, so that a sanitizer sees any byte read too far. */
        _cleanup_free_ char *copy = mem_alloc(n_bytes ? n_bytes : 1), *error = NULL;
        _cleanup_json_ json_t *theirs = parse_as_jansson(text, n_bytes), *ours = NULL;

        memcpy(copy, text, n_bytes);
        ours = json_parse(copy, n_bytes, &error);
        if ((ours == NULL) != (theirs == NULL))
                fail_msg("%s by us, not by jansson: %.*s", ours ? "taken" : "refused", (int) n_bytes, text);
        assert_true((error == NULL) == (ours != NULL));
        if (!ours)
                return;
        _cleanup_free_ char *our_dump = json_dump(ours),
                            *their_dump = json_dumps(theirs, JSON_COMPACT | JSON_ENCODE_ANY);

        assert_true(json_equal(ours, theirs));
        if (has_real(theirs)) { /* ours are shorter */
                _cleanup_json_ json_t *again = parse_as_jansson(our_dump, strlen(our_dump));

                assert_true(json_equal(again, theirs));
        } else
                assert_string_equal(our_dump, their_dump);
}

static void test_as_jansson(void **state)
{
        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                compare(texts[i], strlen(texts[i]));
        compare("\"a\0b\"", 5);
        compare("1\0", 2);
}

/* Every byte of every text replaced by each of those that mean something. */
static void test_as_jansson_when_changed(void **state)
{
        static const char bytes[] = "{}[]\",:\\ut0e-.x \n\x01\x80\xc3";

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                size_t n = strlen(texts[i]);
                _cleanup_free_ char *text = mem_strdup(texts[i]);

                for (size_t at = 0; at < n; at++) {
                        for (size_t b = 0; b < sizeof(bytes); b++) { /* the NUL too */
                                text[at] = bytes[b];
                                compare(text, n);
                        }
                        text[at] = texts[i][at];
                        compare(text, at);
                }
        }
}

static void test_depth(void **state)
{
        char text[2 * (JSON_DEPTH_MAX + 1)];
        _cleanup_free_ char *error = NULL;

        (void) state;
        memset(text, '[', sizeof(text) / 2);
        memset(text + sizeof(text) / 2, ']', sizeof(text) / 2);
        json_decref(json_parse(text + 1, sizeof(text) - 2, &error));
        assert_null(error);
        assert_null(json_parse(text, sizeof(text), &error));
        assert_string_equal(error, "nested deeper than 64 levels");
}

static void test_errors_are_jansson_s(void **state)
{
        _cleanup_free_ char *error = NULL;

        (void) state;
        assert_null(json_parse("{\n  \"a\": 1,\n  \"a\": 2}", 22, &error));
        assert_string_equal(error, "line 3 column 5: duplicate object key near '\"a\"'");
}

static void test_dump(void **state)
{
        _cleanup_json_ json_t *value = json_pack("{s:s, s:[i, f, b, n], s:{}, s:[]}", "t",
                                                 "\x01\x1f\"\\\b\f\n\r\t/\x7f", "a", -1, 1.0, 1, "o", "e");
        _cleanup_free_ char *dump = json_dump(value), *nothing = json_dump(NULL);

        (void) state;
        assert_string_equal(
                dump,
                "{\"t\":\"\\u0001\\u001F\\\"\\\\\\b\\f\\n\\r\\t/\x7f\",\"a\":[-1,1.0,true,null],\"o\":{},\"e\":[]}");
        assert_string_equal(nothing, "null");
}

/* What is written short reads back as the very same number, also beside those that are. */
static void test_reals(void **state)
{
        static const struct {
                double real;
                const char *dump;
        } table[] = {
                {0, "0.0"},         {1, "1.0"},
                {-1, "-1.0"},       {0.0009, "0.0009"},
                {0.9975, "0.9975"}, {-0.25, "-0.25"},
                {12.5, "12.5"},     {1e10, "10000000000.0"},
                {0.00001, NULL},    {1.0 / 3, NULL},
                {1e300, NULL},      {5e-324, NULL},
                {0.1 + 0.2, NULL},  {99999999999.99999, NULL},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_json_ json_t *value = json_real(table[i].real);
                _cleanup_free_ char *dump = json_dump(value), *theirs = json_dumps(value, JSON_ENCODE_ANY);

                assert_string_equal(dump, table[i].dump ? table[i].dump : theirs);
                assert_true(strtod(dump, NULL) == table[i].real);
        }
        for (int i = -100000; i <= 100000; i += 7) {
                double reals[] = {i / 10000.0, i / 10000.0 * (1 + DBL_EPSILON), i / 10000.0 * 1.000001};

                for (size_t k = 0; k < ELEMENTSOF(reals); k++) {
                        _cleanup_json_ json_t *value = json_real(reals[k]);
                        _cleanup_free_ char *dump = json_dump(value);

                        assert_true(strtod(dump, NULL) == reals[k]);
                }
        }
}

/* No assertion: machines differ. The figure is for whoever changes this. */
static void test_speed(void **state)
{
        const char *text = texts[ELEMENTSOF(texts) - 1];
        int64_t us[2];

        (void) state;
        for (int who = 0; who < 2; who++) {
                int64_t since = clock_monotonic_us();

                for (int i = 0; i < 20000; i++)
                        json_decref(who ? json_parse(text, strlen(text), NULL)
                                        : parse_as_jansson(text, strlen(text)));
                us[who] = clock_monotonic_us() - since;
        }
        printf("%zu bytes: jansson %.2f us, json_parse %.2f us\n", strlen(text), (double) us[0] / 20000,
               (double) us[1] / 20000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_as_jansson), cmocka_unit_test(test_as_jansson_when_changed),
                cmocka_unit_test(test_depth),      cmocka_unit_test(test_errors_are_jansson_s),
                cmocka_unit_test(test_dump),       cmocka_unit_test(test_reals),
                cmocka_unit_test(test_speed),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
