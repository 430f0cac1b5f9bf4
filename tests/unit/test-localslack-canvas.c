/* Canvases: sections, changes, who may, and what Slack says of what it cannot hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "canvas.h"
#include "localslack-room.h"

#define DOC(_text) "{'type':'markdown','markdown':'" _text "'}"

static char id[16]; /* of the last create() */

static Canvas *create(Room *r, const char *args)
{
        _cleanup_json_ json_t *answer = room_call(r, "canvases.create", args);

        snprintf(id, sizeof(id), "%s", json_str_or(answer, "canvas_id", ""));
        return canvases_find(r->l.canvases, id);
}

static void test_sections(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        static const struct {
                const char *types, *text;
                size_t n;
        } cases[] = {{"[]", NULL, 6},          {"['h1']", NULL, 1},
                     {"['h2']", NULL, 1},      {"['any_header']", NULL, 2},
                     {"['h1','h2']", NULL, 2}, {"[]", "FIRST", 1},
                     {"['h1']", "first", 0},   {"[]", "nowhere", 0},
                     {"[]", "blank", 1}};
        const Canvas *canvas = create(
                r,
                "{'title':'Plan','document_content':" DOC(
                        "# One\\nfirst words\\nmore\\n\\n- a\\n- b\\n\\n```\\n# no heading\\n\\nafter a blank\\n```\\n## "
                        "Two\\n\\n\\nlast") "}");

        (void) state;
        assert_string_equal(canvas->title, "Plan");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ json_t *types = room_json(cases[i].types),
                                      *found = canvas_find_sections(canvas, types, cases[i].text);

                assert_int_equal(json_array_size(found), cases[i].n);
        }
}

/* The section that contains `text`. */
static char *section(Room *r, const char *text)
{
        _cleanup_json_ json_t *answer =
                room_callf(r, "canvases.sections.lookup",
                           "{'canvas_id':'%s','criteria':{'contains_text':'%s'}}", id, text);

        assert_true(json_bool(answer, "ok"));
        return mem_strdup(json_str(answer, "sections.0.id"));
}

static void assert_markdown(Room *r, const char *wanted)
{
        _cleanup_free_ char *got = canvas_markdown(canvases_find(r->l.canvases, id));

        assert_string_equal(got, wanted);
}

static void edit(Room *r, const char *error, const char *operation, const char *section_id, const char *more)
{
        room_expectf(r, error, "canvases.edit",
                     "{'canvas_id':'%s','changes':[{'operation':'%s','section_id':'%s'%s}]}", id, operation,
                     section_id, more);
}

static void test_changes(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        _cleanup_free_ char *a = NULL, *b = NULL;

        (void) state;
        create(r, "{'document_content':" DOC("aa\\n\\nbb") "}");
        a = section(r, "aa");
        b = section(r, "bb");
        edit(r, NULL, "insert_after", a, ",'document_content':" DOC("after a"));
        edit(r, NULL, "insert_before", b, ",'document_content':" DOC("before b"));
        edit(r, NULL, "insert_at_start", "", ",'document_content':" DOC("# Top"));
        edit(r, NULL, "insert_at_end", "", ",'document_content':" DOC("end"));
        assert_markdown(r, "# Top\n\naa\n\nafter a\n\nbefore b\n\nbb\n\nend");
        edit(r, NULL, "replace", b, ",'document_content':" DOC("B1\\n\\nB2"));
        edit(r, NULL, "delete", a, "");
        assert_markdown(r, "# Top\n\nafter a\n\nbefore b\n\nB1\n\nB2\n\nend");
        edit(r, "canvas_editing_failed", "delete", a, "");
        edit(r, NULL, "replace", "", ",'document_content':" DOC("all new"));
        assert_markdown(r, "all new");
        edit(r, NULL, "rename", "", ",'title_content':" DOC("Better"));
        assert_string_equal(canvases_find(r->l.canvases, id)->title, "Better");
        edit(r, "canvas_editing_failed", "shuffle", "", "");
        edit(r, "canvas_editing_failed", "insert_at_end", "", "");
        edit(r, "canvas_editing_failed", "insert_at_end", "",
             ",'document_content':{'type':'html','markdown':'x'}");
}

static void test_refusals(void **state)
{
        static const struct {
                const char *method, *args, *error;
        } cases[] = {
                {"canvases.edit", "{'canvas_id':'F9','changes':[{'operation':'delete'}]}",
                 "canvas_not_found"},
                {"canvases.delete", "{'canvas_id':'F9'}", "canvas_not_found"},
                {"canvases.create", "{'document_content':{'type':'html'}}", "invalid_arguments"},
                {"canvases.create", "{'channel_id':'C9'}", "channel_not_found"},
                {"conversations.canvases.create", "{'channel_id':'C0GENERAL'}", NULL},
                {"conversations.canvases.create", "{'channel_id':'C0GENERAL'}",
                 "channel_canvas_already_exists"},
                {"conversations.canvases.create", "{'channel_id':'C0CODING'}", NULL},
        };
        _cleanup_(room_freep) Room *r = room_new();
        _cleanup_json_ json_t *answer = NULL;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                room_expect(r, cases[i].error, cases[i].method, cases[i].args);
        answer = room_call(r, "canvases.create", "{'document_content':" DOC("fine\\n\\n> - a") "}");
        assert_string_equal(json_str(answer, "error"), "canvas_creation_failed");
        assert_string_equal(json_str(answer, "detail"),
                            "'content' error: line 3: Unsupported block type (List) within block quote");
        create(r, "{}");
        room_expectf(r, "invalid_arguments", "canvases.edit", "{'canvas_id':'%s','changes':[{},{}]}", id);
        room_expectf(r, "invalid_arguments", "canvases.sections.lookup", "{'canvas_id':'%s','criteria':7}",
                     id);
}

static void test_access(void **state)
{
        static const struct {
                const char *more, *error;
        } cases[] = {
                {"'access_level':'read','user_ids':['U0ANN']", NULL},
                {"'access_level':'best','user_ids':['U0ANN']", "invalid_arguments"},
                {"'access_level':'read'", "invalid_parameters"},
                {"'access_level':'read','user_ids':['U0ANN'],'channel_ids':['C0CODING']",
                 "invalid_parameters"},
                {"'access_level':'read','user_ids':['U9']", "user_not_found"},
                {"'access_level':'read','channel_ids':['C9']", "channel_not_found"},
                {"'access_level':'owner','channel_ids':['C0CODING']", "invalid_parameters"},
        };
        _cleanup_(room_freep) Room *r = room_new();
        const Canvas *canvas = create(r, "{}");
        const State *s = r->l.state;
        _cleanup_json_ json_t *hers = NULL;

        (void) state;
        assert_int_equal(canvas_level(canvas, s, "U0ANN"), CANVAS_NONE);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                room_expectf(r, cases[i].error, "canvases.access.set", "{'canvas_id':'%s',%s}", id,
                             cases[i].more);
        assert_int_equal(canvas_level(canvas, s, "U0ANN"), CANVAS_READ);
        room_expectf(r, NULL, "canvases.access.set",
                     "{'canvas_id':'%s','access_level':'write','channel_ids':['C0CODING']}", id);
        assert_int_equal(canvas_level(canvas, s, "U0ANN"), CANVAS_WRITE); /* as a member of #coding */
        room_expectf(r, NULL, "canvases.access.delete", "{'canvas_id':'%s','channel_ids':['C0CODING']}", id);
        assert_int_equal(canvas_level(canvas, s, "U0ANN"), CANVAS_READ);
        /* A person's canvas is not there for the app, until it may see it; then not to be changed. */
        hers = room_call_as(r, "xoxp-local-U0ANN", "canvases.create", "{}");
        snprintf(id, sizeof(id), "%s", json_str(hers, "canvas_id"));
        edit(r, "canvas_not_found", "insert_at_end", "", ",'document_content':" DOC("x"));
        canvas_set_access(canvases_find(r->l.canvases, id), "U0BOT", false, "read");
        edit(r, "restricted_action", "insert_at_end", "", ",'document_content':" DOC("x"));
        room_expectf(r, "restricted_action", "canvases.delete", "{'canvas_id':'%s'}", id);
}

/* Sections that were not changed keep their ids. */
static void test_ids_stay(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        Canvas *canvas = create(r, "{'document_content':" DOC("aa\\n\\nbb\\n\\ncc") "}");
        _cleanup_free_ char *a = section(r, "aa"), *b = section(r, "bb"), *c = section(r, "cc"),
                            *new_b = NULL;

        (void) state;
        canvas_set_markdown(canvas, r->l.state, "aa\n\nbb changed\n\ncc");
        assert_string_equal(json_str(canvas->sections, "0.id"), a);
        assert_string_equal(json_str(canvas->sections, "2.id"), c);
        new_b = section(r, "bb");
        assert_string_not_equal(b, new_b);
}

static void test_save(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        _cleanup_json_ json_t *saved = NULL, *again = NULL, *bad = room_json("[{}]");

        (void) state;
        create(r, "{'document_content':" DOC("aa") "}");
        saved = canvases_save(r->l.canvases);
        assert_false(canvases_load(r->l.canvases, bad));
        assert_true(canvases_load(r->l.canvases, saved));
        again = canvases_save(r->l.canvases);
        assert_true(json_equal(saved, again));
        room_expectf(r, NULL, "canvases.delete", "{'canvas_id':'%s'}", id);
        room_expectf(r, "canvas_not_found", "canvases.delete", "{'canvas_id':'%s'}", id);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sections), cmocka_unit_test(test_changes),
                cmocka_unit_test(test_refusals), cmocka_unit_test(test_access),
                cmocka_unit_test(test_ids_stay), cmocka_unit_test(test_save),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
