/* Frames of the bridge, folded: what a person sees of them. */
#include "core-desk.h"

#include "core/progress.h"

static void apply(Progress *p, const char *type, const char *json)
{
        _cleanup_json_ json_t *frame = desk_json("%s", json);

        progress_apply(p, type, frame);
}

/* The next hint is exactly this ("" = there is none). */
static void expect(Progress *p, const char *json)
{
        _cleanup_json_ json_t *got = progress_take(p), *want = *json ? desk_json("%s", json) : NULL;
        _cleanup_free_ char *text = got ? json_dump(got) : NULL;

        if (want ? !json_equal(got, want) : got != NULL)
                fail_msg("%s instead of %s", text ? text : "nothing", json);
}

static void test_tools(void **state)
{
        Progress p = {0};

        expect(&p, "");
        apply(&p, "tool.executed",
              "{'call_id':'1','tool':'bash','status':'running','title':'','input':{'command':'ls'}}");
        expect(&p, "{'tool':'bash','tool_title':'ls','thought':null,'todos':null,'n_done':0,'n_failed':0}");
        expect(&p, "");
        apply(&p, "tool.executed",
              "{'call_id':'2','tool':'read','status':'running','title':'a.c','input':{'filePath':'/a.c'}}");
        apply(&p, "tool.executed",
              "{'call_id':'1','tool':'bash','status':'completed','title':'ls','input':{}}");
        expect(&p, "{'tool':'read','tool_title':'a.c','thought':null,'todos':null,'n_done':1,'n_failed':0}");
        apply(&p, "tool.executed", "{'call_id':'2','tool':'read','status':'error','title':'a.c','input':{}}");
        expect(&p, "{'tool':null,'tool_title':null,'thought':null,'todos':null,'n_done':1,'n_failed':1}");
        apply(&p, "tool.executed",
              "{'call_id':'3','tool':'odd','status':'pending','input':{}}"); /* nothing to call it */
        expect(&p, "{'tool':'odd','tool_title':null,'thought':null,'todos':null,'n_done':1,'n_failed':1}");
        progress_deinit(&p);
}

static void test_words_and_todos(void **state)
{
        Progress p = {0};
        Buf frame = {0};
        json_t *hint;

        apply(&p, "message.part.streamed", "{'content':'Looking around.'}");
        apply(&p, "todo.updated", "{'todos':[{'content':'look','status':'completed'}]}");
        expect(&p, "{'tool':null,'tool_title':null,'thought':'Looking around.','todos':[{'content':'look',"
                   "'status':'completed'}],'n_done':0,'n_failed':0}");

        /* Only the last words, and whole characters of them. */
        buf_append_str(&frame, "{'content':'");
        for (int i = 0; i < 200; i++)
                buf_append_str(&frame, "\xE2\x82\xAC");
        buf_append_str(&frame, "!'}");
        apply(&p, "message.part.streamed", buf_bytes(&frame));
        hint = progress_take(&p);
        assert_int_equal(strlen(json_str(hint, "thought")), 3 * 99 + 1);
        json_decref(hint);
        buf_deinit(&frame);

        apply(&p, "agent.milestone", "{'text':'x'}");
        expect(&p, ""); /* nothing that is shown */
        apply(&p, "session.active", "{}");
        expect(&p, "{'tool':null,'tool_title':null,'thought':null,'todos':null,'n_done':0,'n_failed':0}");
        progress_deinit(&p);
}

/* What no plugin sends, and what a later one may. */
static void test_odd_frames(void **state)
{
        static const char *const types[] = {"tool.executed", "message.part.streamed", "todo.updated",
                                            "session.active"};
        static const char *const frames[] = {
                "{}",
                "{'status':7,'call_id':[],'tool':null,'title':{},'input':'text'}",
                "{'content':null,'todos':'none'}",
                "{'content':''}",
        };
        Progress p = {0};

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                for (size_t j = 0; j < ELEMENTSOF(frames); j++) {
                        json_t *hint;

                        apply(&p, types[i], frames[j]);
                        hint = progress_take(&p);
                        assert_true(json_is_object(hint));
                        json_decref(hint);
                }
        progress_deinit(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_tools),
                                           cmocka_unit_test(test_words_and_todos),
                                           cmocka_unit_test(test_odd_frames)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
