/* What chunks make of a streamed message, in its three ways to show tasks, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buf.h"
#include "stream.h"

static json_t *parse(const char *quoted)
{
        _cleanup_free_ char *text = mem_strdup(quoted);
        json_t *out;

        for (char *p = text; *p; p++)
                if (*p == '\'')
                        *p = '"';
        out = json_parse(text, strlen(text), NULL);
        assert_non_null(out);
        return out;
}

static const char *append(Stream *s, const char *markdown, const char *chunks)
{
        _cleanup_json_ json_t *list = chunks ? parse(chunks) : NULL, *details = NULL;

        return stream_append(s, markdown, list, &details);
}

#define TASK(_id, _title, _status)                                                                           \
        "{'type':'task_update','id':'" _id "','title':'" _title "','status':'" _status "'}"

/* The types of the blocks, one letter each: Header, Rich_text, Task_card, Plan, Divider. */
static char *shape(const Stream *s)
{
        _cleanup_json_ json_t *blocks = stream_render_blocks(s);
        Buf out = {0};
        size_t i;
        json_t *block;

        json_array_foreach (blocks, i, block) {
                assert_non_null(json_str(block, "block_id"));
                buf_append_char(&out, json_str(block, "type")[0]);
                if (json_object_get(block, "tasks"))
                        buf_printf(&out, "%zu", json_array_size(json_object_get(block, "tasks")));
        }
        return out.data ? buf_take(&out) : mem_strdup("");
}

static void test_modes(void **state)
{
        static const char chunks[] = "[{'type':'markdown_text','text':'One '},{'type':'markdown_text','text':'two.'}," TASK(
                "a", "Read",
                "complete") "," TASK("b", "Write",
                                     "in_progress") ",{'type':'markdown_text','text':'# Then'}," TASK("c",
                                                                                                      "Test",
                                                                                                      "pending") ",{'type':'blocks','blocks':[{'type':'divider'}]}]";
        static const struct {
                const char *mode, *shape;
        } cases[] = {{NULL, "rtthtd"}, {"timeline", "rtthtd"}, {"plan", "rp3hd"}, {"dense", "rp2hp1d"}};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(stream_freep) Stream *s = NULL;
                _cleanup_free_ char *got = NULL, *text = NULL;
                StreamMode mode;

                assert_true(stream_parse_mode(cases[i].mode, &mode));
                s = stream_new(mode);
                assert_null(append(s, NULL, chunks));
                got = shape(s);
                assert_string_equal(got, cases[i].shape);
                text = stream_render_text(s);
                assert_string_equal(text, "One two.# Then");
        }
}

static void test_unknown_mode(void **state)
{
        StreamMode mode;

        (void) state;
        assert_false(stream_parse_mode("fancy", &mode));
        assert_true(stream_parse_mode("", &mode));
        assert_int_equal(mode, STREAM_TIMELINE);
}

/* Text that comes in pieces is one text: what was begun in one chunk ends in another. */
static void test_text_goes_on(void **state)
{
        _cleanup_(stream_freep) Stream *s = stream_new(STREAM_TIMELINE);
        _cleanup_json_ json_t *blocks = NULL;

        (void) state;
        assert_null(append(s, "**hello wo", NULL));
        assert_null(append(s, NULL, "[{'type':'markdown_text','text':'rld!**'}]"));
        blocks = stream_render_blocks(s);
        assert_string_equal(json_str(blocks, "0.elements.0.elements.0.text"), "hello world!");
        assert_true(json_bool(blocks, "0.elements.0.elements.0.style.bold"));
}

/* The same id changes the card where it stands; what is not said again stays. */
static void test_task_in_place(void **state)
{
        _cleanup_(stream_freep) Stream *s = stream_new(STREAM_TIMELINE);
        _cleanup_json_ json_t *blocks = NULL;

        (void) state;
        assert_null(append(
                s, NULL,
                "[{'type':'task_update','id':'a','title':'Run','status':'in_progress','details':'`make`',"
                "'sources':[{'type':'url','url':'https://ci.example/1','text':'CI'}]}]"));
        assert_null(append(s, "between", NULL));
        assert_null(
                append(s, NULL,
                       "[{'type':'task_update','id':'a','title':'Ran','status':'complete','output':'ok'}]"));
        blocks = stream_render_blocks(s);
        assert_int_equal(json_array_size(blocks), 2);
        assert_string_equal(json_str(blocks, "0.title"), "Ran");
        assert_string_equal(json_str(blocks, "0.status"), "complete");
        assert_string_equal(json_str(blocks, "0.task_id"), "a");
        assert_true(json_bool(blocks, "0.details.elements.0.elements.0.style.code"));
        assert_string_equal(json_str(blocks, "0.output.elements.0.elements.0.text"), "ok");
        assert_string_equal(json_str(blocks, "0.sources.0.text"), "CI");
}

static void test_plan_title(void **state)
{
        _cleanup_(stream_freep) Stream *s = stream_new(STREAM_PLAN);
        _cleanup_json_ json_t *blocks = NULL;

        (void) state;
        assert_null(append(s, NULL, "[{'type':'plan_update','title':'First'}]"));
        assert_null(append(s, NULL, "[{'type':'markdown_text','text':'x'}," TASK("a", "A", "pending") "]"));
        assert_null(append(s, NULL, "[{'type':'plan_update','title':'Fixing the flaky test'}]"));
        blocks = stream_render_blocks(s);
        assert_string_equal(json_str(blocks, "0.type"), "plan");
        assert_string_equal(json_str(blocks, "0.title"), "Fixing the flaky test");
        assert_string_equal(json_str(blocks, "0.tasks.0.task_id"), "a");
        assert_string_equal(json_str(blocks, "1.type"), "rich_text");
}

static void test_refusals(void **state)
{
        static const struct {
                const char *chunks, *error;
        } cases[] = {
                {"{}", "invalid_chunks"},
                {"['x']", "invalid_chunks"},
                {"[{'type':'text','text':'x'}]", "invalid_chunks"},
                {"[{'type':'markdown_text'}]", "invalid_chunks"},
                {"[{'type':'markdown_text','text':7}]", "invalid_chunks"},
                {"[{'type':'plan_update'}]", "invalid_chunks"},
                {"[{'type':'task_update','id':'a','status':'pending'}]", "invalid_chunks"},
                {"[" TASK("", "t", "pending") "]", "invalid_chunks"},
                {"[" TASK("a", "t", "completed") "]", "invalid_chunks"},
                {"[{'type':'task_update','id':'a','title':'t','status':'error','sources':[{'url':'x'}]}]",
                 "invalid_chunks"},
                {"[{'type':'blocks'}]", "invalid_chunks"},
                {"[{'type':'blocks','blocks':[{'type':'nothing'}]}]", "invalid_blocks"},
                {"[{'type':'markdown_text','text':'kept out too'},{'type':'blocks','blocks':[]}]",
                 "invalid_chunks"},
        };
        _cleanup_(stream_freep) Stream *s = stream_new(STREAM_TIMELINE);
        _cleanup_free_ char *text = NULL;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_string_equal(append(s, NULL, cases[i].chunks), cases[i].error);
        text = stream_render_text(s);
        assert_string_equal(text, "");
}

static char *repeat(const char *what, size_t n)
{
        Buf out = {0};

        for (size_t i = 0; i < n; i++)
                buf_append_str(&out, what);
        return buf_take(&out);
}

static void test_sizes(void **state)
{
        _cleanup_(stream_freep) Stream *s = stream_new(STREAM_TIMELINE);
        _cleanup_free_ char *most = repeat("ä", STREAM_MARKDOWN_MAX),
                            *more = repeat("ä", STREAM_MARKDOWN_MAX + 1),
                            *dividers = repeat("{'type':'divider'},", 24),
                            *many = repeat("{'type':'divider'},", 50), *text = NULL, *block_text = NULL,
                            *block_many = NULL;

        (void) state;
        assert_string_equal(append(s, more, NULL), "msg_too_long");
        for (int i = 0; i < 3; i++)
                assert_null(append(s, most, NULL));
        assert_string_equal(append(s, most, NULL), "msg_too_long"); /* 48,000 together */
        text = mem_printf("[{'type':'markdown_text','text':'%s'},{'type':'markdown_text','text':'%s'}]", most,
                          most);
        assert_string_equal(append(s, NULL, text), "msg_too_long"); /* one call of more than 25 kB */
        block_text = mem_printf("[{'type':'blocks','blocks':[%s{'type':'divider'}]}]", dividers);
        assert_null(append(s, NULL, block_text));
        assert_null(append(s, NULL, block_text));
        assert_string_equal(append(s, NULL, block_text), "msg_blocks_too_many");
        block_many = mem_printf("[{'type':'blocks','blocks':[%s{'type':'divider'}]}]", many);
        assert_string_equal(append(s, NULL, block_many), "msg_blocks_too_many");
}

static void test_save(void **state)
{
        _cleanup_(stream_freep) Stream *s = stream_new(STREAM_PLAN), *back = NULL;
        _cleanup_json_ json_t *saved = NULL, *one = NULL, *two = NULL;

        (void) state;
        assert_null(append(s, "hi", "[" TASK("a", "A", "pending") ",{'type':'plan_update','title':'T'}]"));
        saved = stream_save(s);
        back = stream_load(saved);
        assert_non_null(back);
        assert_null(append(back, NULL, "[" TASK("a", "A", "complete") "]"));
        assert_null(append(s, NULL, "[" TASK("a", "A", "complete") "]"));
        one = stream_render_blocks(s);
        two = stream_render_blocks(back);
        assert_true(json_equal(one, two));
        json_object_set_new(saved, "mode", json_string("other"));
        assert_null(stream_load(saved));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_modes),        cmocka_unit_test(test_unknown_mode),
                cmocka_unit_test(test_text_goes_on), cmocka_unit_test(test_task_in_place),
                cmocka_unit_test(test_plan_title),   cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_sizes),        cmocka_unit_test(test_save),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
