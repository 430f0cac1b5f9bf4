/* Block Kit: limits with Slack's words and places, what is completed on storing, and the values of elements.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "blocks.h"
#include "elements.h"

static json_t *parse(const char *text)
{
        json_t *value = json_loads(text, 0, NULL);

        if (!value)
                fail_msg("not JSON: %s", text);
        return value;
}

/* The first complaint about `blocks`, "" when there is none; owned. */
static char *first_error(const char *blocks)
{
        _cleanup_json_ json_t *value = parse(blocks),
                              *errors = blocks_check(value, BLOCKS_MESSAGE, "/blocks");

        return mem_strdup(json_array_size(errors) ? json_string_value(json_array_get(errors, 0)) : "");
}

static void test_rules(void **state)
{
        static const struct {
                const char *blocks, *error;
        } rows[] = {
                {"[]", ""},
                {"[{\"type\":\"divider\"}]", ""},
                {"[{}]", "missing required field: type [json-pointer:/blocks/0]"},
                {"[1]", "must provide an object [json-pointer:/blocks/0]"},
                {"[{\"type\":\"x\"}]", "unsupported type: x [json-pointer:/blocks/0/type]"},
                {"[{\"type\":\"section\"}]", "missing required field: text [json-pointer:/blocks/0]"},
                {"[{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"\"}}]",
                 "must be more than 0 characters [json-pointer:/blocks/0/text/text]"},
                {"[{\"type\":\"section\",\"text\":{\"type\":\"html\",\"text\":\"x\"}}]",
                 "unsupported type: html [json-pointer:/blocks/0/text/type]"},
                {"[{\"type\":\"header\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"x\"}}]",
                 "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]"},
                {"[{\"type\":\"actions\",\"elements\":[]}]",
                 "must provide at least 1 items [json-pointer:/blocks/0/elements]"},
                {"[{\"type\":\"actions\",\"elements\":[{\"type\":\"button\",\"action_id\":\"a\"}]}]",
                 "missing required field: text [json-pointer:/blocks/0/elements/0]"},
                {"[{\"type\":\"actions\",\"elements\":[{\"type\":\"button\",\"style\":\"loud\",\"text\":{\"type\":\"plain_text\",\"text\":\"x\"}}]}]",
                 "must be a valid enum value [json-pointer:/blocks/0/elements/0/style]"},
                {"[{\"type\":\"actions\",\"elements\":[{\"type\":\"button\",\"action_id\":\"a\",\"text\":{\"type\":\"plain_text\",\"text\":\"x\"}},"
                 "{\"type\":\"button\",\"action_id\":\"a\",\"text\":{\"type\":\"plain_text\",\"text\":\"y\"}}]}]",
                 "`action_id` already exists [json-pointer:/blocks/0/elements/1/action_id]"},
                {"[{\"type\":\"divider\",\"block_id\":\"b\"},{\"type\":\"divider\",\"block_id\":\"b\"}]",
                 "`block_id` already exists [json-pointer:/blocks/1/block_id]"},
                {"[{\"type\":\"table\",\"rows\":[[]]},{\"type\":\"table\",\"rows\":[[]]}]",
                 "only_one_table_allowed [json-pointer:/blocks/1]"},
                {"[{\"type\":\"task_card\",\"task_id\":\"1\",\"title\":\"x\",\"status\":\"completed\"}]",
                 "must be a valid enum value [json-pointer:/blocks/0/status]"},
                {"[{\"type\":\"input\",\"label\":{\"type\":\"plain_text\",\"text\":\"x\"},\"element\":{\"type\":\"button\"}}]",
                 "unsupported type: button [json-pointer:/blocks/0/element/type]"},
                {"[{\"type\":\"image\",\"image_url\":\"https://x/y.png\"}]",
                 "missing required field: alt_text [json-pointer:/blocks/0]"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *error = first_error(rows[i].blocks);

                if (!str_equal(error, rows[i].error))
                        fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].blocks, error, rows[i].error);
        }
}

/* A limit is tried at its last allowed value and one above. */
static void assert_limit(const char *before, const char *after, unsigned max, const char *error)
{
        for (unsigned extra = 0; extra <= 1; extra++) {
                _cleanup_free_ char *fill = mem_zalloc(2 * (max + extra) + 1), *blocks = NULL, *got = NULL;

                for (unsigned i = 0; i < max + extra; i++)
                        memcpy(fill + 2 * i, "\xc3\xa4", 2); /* characters count, not bytes */
                blocks = mem_printf("%s%s%s", before, fill, after);
                got = first_error(blocks);
                assert_string_equal(got, extra ? error : "");
        }
}

static void test_limits(void **state)
{
        (void) state;
        assert_limit("[{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"", "\"}}]", 3000,
                     "must be less than 3001 characters [json-pointer:/blocks/0/text/text]");
        assert_limit("[{\"type\":\"header\",\"text\":{\"type\":\"plain_text\",\"text\":\"", "\"}}]", 150,
                     "must be less than 151 characters [json-pointer:/blocks/0/text/text]");
        assert_limit(
                "[{\"type\":\"actions\",\"elements\":[{\"type\":\"button\",\"text\":{\"type\":\"plain_text\",\"text\":\"",
                "\"}}]}]", 75,
                "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]");
        assert_limit(
                "[{\"type\":\"actions\",\"elements\":[{\"type\":\"button\",\"text\":{\"type\":\"plain_text\",\"text\":\"x\"},\"value\":\"",
                "\"}]}]", 2000,
                "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]");
        assert_limit("[{\"type\":\"divider\",\"block_id\":\"", "\"}]", 255,
                     "must be less than 256 characters [json-pointer:/blocks/0/block_id]");
}

static void test_too_many_blocks(void **state)
{
        _cleanup_json_ json_t *blocks = json_array(), *fine = NULL, *errors = NULL;

        (void) state;
        for (int i = 0; i < 50; i++)
                json_array_append_new(blocks, json_pack("{s:s}", "type", "divider"));
        fine = blocks_check(blocks, BLOCKS_MESSAGE, "/blocks");
        assert_int_equal(json_array_size(fine), 0);
        json_array_append_new(blocks, json_pack("{s:s}", "type", "divider"));
        errors = blocks_check(blocks, BLOCKS_MESSAGE, "/blocks");
        assert_string_equal(json_str(errors, "0"), "no more than 50 items allowed [json-pointer:/blocks]");
        json_decref(take(errors));
        errors = blocks_check(blocks, BLOCKS_MODAL, "/view/blocks"); /* a view may have 100 */
        assert_int_equal(json_array_size(errors), 0);
}

static void test_views(void **state)
{
        static const struct {
                const char *view, *error;
        } rows[] = {
                {"{\"type\":\"modal\",\"title\":{\"type\":\"plain_text\",\"text\":\"T\"},\"blocks\":[]}",
                 NULL},
                {"{\"type\":\"modal\",\"blocks\":[]}", "missing required field: title [json-pointer:/view]"},
                {"{\"type\":\"home\"}", "missing required field: blocks [json-pointer:/view]"},
                {"{\"type\":\"page\",\"blocks\":[]}", "unsupported type: page [json-pointer:/view/type]"},
                {"{\"type\":\"modal\",\"title\":{\"type\":\"plain_text\",\"text\":\"1234567890123456789012345\"},\"blocks\":[]}",
                 "must be less than 25 characters [json-pointer:/view/title/text]"},
                {"{\"type\":\"modal\",\"title\":{\"type\":\"plain_text\",\"text\":\"T\"},\"blocks\":[{\"type\":\"input\",\"label\":{\"type\":\"plain_text\","
                 "\"text\":\"L\"},\"element\":{\"type\":\"plain_text_input\"}}]}",
                 "missing required field: submit [json-pointer:/view]"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ json_t *view = parse(rows[i].view), *errors = blocks_check_view(view);
                const char *first = json_str(errors, "0");

                if (!str_equal(first, rows[i].error))
                        fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].view, first ? first : "",
                                 rows[i].error ? rows[i].error : "");
        }
}

static void test_normalize(void **state)
{
        _cleanup_json_ json_t *blocks =
                parse("[{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"x\"},\"accessory\":"
                      "{\"type\":\"button\",\"text\":{\"type\":\"plain_text\",\"text\":\"y\"}}}]");
        _cleanup_json_ json_t *out = blocks_normalize(blocks);

        (void) state;
        assert_int_equal(strlen(json_str(out, "0.block_id")), 5);
        assert_int_equal(strlen(json_str(out, "0.accessory.action_id")), 5);
        assert_true(json_bool(out, "0.accessory.text.emoji"));
        assert_true(json_is_false(json_at(out, "0.text.verbatim")));
        assert_null(json_str(blocks, "0.block_id")); /* the original is untouched */
        assert_int_equal(blocks_count_text(out), 2);
}

static const char form[] =
        "[{\"type\":\"input\",\"block_id\":\"t\",\"element\":{\"type\":\"plain_text_input\",\"action_id\":\"v\",\"initial_value\":\"was\"}},"
        "{\"type\":\"input\",\"block_id\":\"o\",\"optional\":true,\"element\":{\"type\":\"plain_text_input\",\"action_id\":\"v\"}},"
        "{\"type\":\"actions\",\"block_id\":\"a\",\"elements\":[{\"type\":\"button\",\"action_id\":\"b\",\"value\":\"1\"},"
        "{\"type\":\"static_select\",\"action_id\":\"s\",\"option_groups\":[{\"options\":[{\"value\":\"x\",\"text\":{\"type\":\"plain_text\",\"text\":\"X\"}}]}]},"
        "{\"type\":\"checkboxes\",\"action_id\":\"c\",\"options\":[{\"value\":\"1\",\"url\":\"u\"},{\"value\":\"2\"}],\"initial_options\":[{\"value\":\"2\"}]}]}]";

static void test_values(void **state)
{
        _cleanup_json_ json_t *blocks = parse(form),
                              *chosen = parse("{\"a\":{\"s\":\"x\",\"c\":[\"1\",\"2\"]},\"t\":{\"v\":\"\"}}");
        _cleanup_json_ json_t *values = NULL, *initial = NULL, *missing = NULL,
                              *bad = parse("{\"a\":{\"s\":\"nope\"}}");
        json_t *none = NULL;

        (void) state;
        assert_null(elements_collect(blocks, NULL, &initial));
        assert_string_equal(json_str(initial, "t.v.value"), "was");
        assert_true(json_is_null(json_at(initial, "o.v.value")));
        assert_true(json_is_null(json_at(initial, "a.s.selected_option")));
        assert_string_equal(json_str(initial, "a.c.selected_options.0.value"), "2");
        assert_null(json_at(initial, "a.b")); /* a button has no state */
        assert_null(elements_collect(blocks, chosen, &values));
        assert_string_equal(json_str(values, "a.s.selected_option.text.text"), "X");
        assert_int_equal(json_array_size(json_at(values, "a.c.selected_options")), 2);
        assert_null(json_at(values, "a.c.selected_options.0.url"));
        missing = elements_missing(blocks, values);
        assert_int_equal(json_object_size(missing), 1); /* "t" was emptied, "o" is optional */
        assert_non_null(json_object_get(missing, "t"));
        assert_string_equal(elements_collect(blocks, bad, &none), "no such option");
}

static void test_find(void **state)
{
        _cleanup_json_ json_t *blocks = parse(form);
        const json_t *block;

        (void) state;
        assert_string_equal(json_str(blocks_find_element(blocks, "v", NULL, &block), "type"),
                            "plain_text_input");
        assert_string_equal(json_str(block, "block_id"), "t");
        assert_non_null(blocks_find_element(blocks, "v", "o", &block));
        assert_string_equal(json_str(block, "block_id"), "o");
        assert_null(blocks_find_element(blocks, "v", "a", &block));
        assert_null(blocks_find_element(NULL, "v", NULL, &block));
}

/* Files are chosen as the objects that the upload gave; none is nothing for a field that needs one. */
static void test_file_input(void **state)
{
        _cleanup_json_ json_t *blocks = parse("[{\"type\":\"input\",\"block_id\":\"b\",\"element\":"
                                              "{\"type\":\"file_input\",\"action_id\":\"a\"}}]"),
                              *chosen = parse("{\"b\":{\"a\":[{\"id\":\"F1\"}]}}"), *none = NULL,
                              *some = NULL, *missing = NULL, *fine = NULL;

        (void) state;
        assert_null(elements_collect(blocks, NULL, &none));
        assert_int_equal(json_array_size(json_at(none, "b.a.files")), 0);
        missing = elements_missing(blocks, none);
        assert_int_equal(json_object_size(missing), 1);
        assert_null(elements_collect(blocks, chosen, &some));
        assert_string_equal(json_str(some, "b.a.files.0.id"), "F1");
        fine = elements_missing(blocks, some);
        assert_int_equal(json_object_size(fine), 0);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_file_input), cmocka_unit_test(test_rules),
                cmocka_unit_test(test_limits),     cmocka_unit_test(test_too_many_blocks),
                cmocka_unit_test(test_views),      cmocka_unit_test(test_normalize),
                cmocka_unit_test(test_values),     cmocka_unit_test(test_find),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
