/* state-yaml: what is written reads back as it was, is readable, and what is no state file is refused by
 * name. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "integrations/workspace/state-yaml.h"

static json_t *parse(const char *text)
{
        json_t *value = json_parse(text, strlen(text), NULL);

        assert_non_null(value);
        return value;
}

static void expect_round_trip(const char *document)
{
        _cleanup_json_ json_t *before = parse(document), *after = NULL;
        _cleanup_free_ char *yaml = state_to_yaml(before, "s1"), *error = NULL, *again = NULL;

        after = state_from_yaml(yaml, strlen(yaml), &error);
        if (!after)
                fail_msg("%s\n%s", error, yaml);
        json_put_int(before, "schema", 1);
        json_put_str(before, "session", "s1");
        if (!json_equal(before, after))
                fail_msg("%s\n%s", yaml, again = json_dump(after));
}

static void test_round_trips(void **state)
{
        expect_round_trip("{}");
        expect_round_trip(
                "{\"title\": \"Add rate limiting\", \"slack\": {\"channel\": \"C1\", \"thread_ts\": "
                "\"1700000000.000100\"}, \"usage\": {\"cost\": 0.25, \"tokens\": 12345678901, \"whole\": 2.0}}");
        expect_round_trip("{\"workspace\": {\"repositories\": [{\"name\": \"api\"}, {\"name\": \"web\"}]}, "
                          "\"questions\": [], \"deployment\": {}}");
        expect_round_trip(
                "{\"x\": [null, true, false, \"null\", \"true\", \"~\", \"\", \"12\", \"1.5\", \"-3\", \"0012\", "
                "\"1e9\", \"yes\", \"0x10\", \"2024-01-01\", -5, [[], [{}]]]}");
        expect_round_trip(
                "{\"x\": [\" lead\", \"trail \", \"a: b\", \"# no\", \"- no\", \"*a\", \"&a\", \"!t\", \"%x\", "
                "\"{a}\", \"[a]\", \"'q'\", \"\\\"q\\\"\", \"back\\\\slash\", \"---\", \"...\", \"?\", \"|\", \">\"]}");
        expect_round_trip(
                "{\"description\": \"one\\ntwo\\n\\n  three\\n\", \"x\": [\"\\n\", \"a\\n\", \"a\\n\\n\", \"\\na\", "
                "\" a\\nb\", \"a \\nb\", \"a\\tb\", \"a\\u0001b\", \"a\\r\\nb\", \"\\u2028\", \"\\ufeff\", \"\\u0085\"]}");
        expect_round_trip("{\"title\": \"Größe 🚀 \\u202eevil\", \"a key: with\\nall\": 1, \"\": 2}");
}

static void test_it_is_readable(void **state)
{
        _cleanup_json_ json_t *document = parse(
                "{\"note\": \"x\", \"slack\": {\"channel\": \"C0GENERAL\"}, \"title\": \"Add rate limiting\", \"task\": "
                "{\"description\": \"First line\\nand a second one\\n\"}, \"ref\": \"0012\"}");
        _cleanup_free_ char *yaml = state_to_yaml(document, "4f2a");

        assert_string_equal(strstr(yaml, "schema"), "schema: 1\n"
                                                    "session: \"4f2a\"\n"
                                                    "ref: \"0012\"\n"
                                                    "title: Add rate limiting\n"
                                                    "task:\n"
                                                    "  description: |\n"
                                                    "    First line\n"
                                                    "    and a second one\n"
                                                    "slack:\n"
                                                    "  channel: C0GENERAL\n"
                                                    "note: x\n");
        assert_int_equal(yaml[0], '#');
}

static void test_what_is_refused(void **state)
{
        static const struct {
                const char *text, *error;
        } cases[] = {
                {"", "line 1: is empty"},
                {"- a\n", "line 1: must be a map"},
                {"title: x\n", "line 1: has no schema version"},
                {"schema: 2\n", "line 1: was written by a newer gateway"},
                {"schema: 1\ntitle: [a]\n", "line 1: title must be a string"},
                {"schema: 1\nslack: {channel: 5}\n", "line 1: slack.channel must be a string"},
                {"schema: 1\nschema: 1\n", "line 2: a key is there twice"},
                {"schema: 1\na: &x 1\n", "line 2: anchors and tags are not supported"},
                {"schema: 1\na: *x\n", "line 2: aliases are not supported"},
                {"schema: 1\na: !!str x\n", "line 2: anchors and tags are not supported"},
                {"schema: 1\n[a]: x\n", "line 2: a key must be a plain text"},
                {"schema: 1\n---\nschema: 1\n", "line 2: only one document is supported"},
                {"schema: 1\na: \"x\\0y\"\n", "line 2: has a NUL in it"},
                {"schema: 1\n<<<<<<< HEAD\n", "line 3: could not find expected ':'"},
        };
        Buf deep = {0};
        char *error;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_null(state_from_yaml(cases[i].text, strlen(cases[i].text), &error));
                assert_string_equal(error, cases[i].error);
                free(error);
        }
        buf_append_str(&deep, "schema: 1\na: ");
        for (unsigned i = 0; i < 100; i++)
                buf_append_char(&deep, '[');
        assert_null(state_from_yaml(buf_bytes(&deep), buf_len(&deep), &error));
        assert_string_equal(error, "line 2: is nested too deep");
        free(error);
        buf_deinit(&deep);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trips),
                cmocka_unit_test(test_it_is_readable),
                cmocka_unit_test(test_what_is_refused),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
