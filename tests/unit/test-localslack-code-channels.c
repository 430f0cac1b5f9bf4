/* Code channels: made once, described, filled with tabs and commands, and put away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "agents-channels.h"
#include "canvas.h"
#include "control-agents.h"
#include "localslack-room.h"

static char id[16]; /* of the last create() */

static void create(Room *r, const char *args)
{
        _cleanup_json_ json_t *answer = room_call(r, "agents.conversations.create", args);

        assert_true(json_bool(answer, "ok"));
        snprintf(id, sizeof(id), "%s", json_str_or(answer, "channel_id", ""));
}

/* Calls with the channel and more arguments; the answer is owned. */
static json_t *call(Room *r, const char *method, const char *more)
{
        _cleanup_free_ char *full = mem_printf("agents.conversations.%s", method);

        return room_callf(r, full, "{'channel_id':'%s'%s}", id, more);
}

static void expect(Room *r, const char *error, const char *method, const char *more)
{
        _cleanup_json_ json_t *answer = call(r, method, more);

        if (!str_equal(json_str(answer, "error"), error))
                fail_msg("%s %s: %s", method, more, json_str_or(answer, "error", "ok"));
}

static void test_create(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        char root[STATE_TS_SIZE], first[16];
        _cleanup_json_ json_t *info = NULL;
        const Channel *c;

        (void) state;
        memcpy(root, room_expect(r, NULL, "chat.postMessage", "{'channel':'C0GENERAL','text':'x'}"),
               sizeof(root));
        {
                _cleanup_free_ char *args =
                        mem_printf("{'name':'Fix the Login!','session_id':'s1',"
                                   "'origin_channel_id':'C0GENERAL','origin_message_ts':'%s'}",
                                   root);

                create(r, args);
        }
        memcpy(first, id, sizeof(first));
        c = state_find_channel(r->l.state, id);
        assert_string_equal(c->name, "fix-the-login");
        create(r, "{'name':'Other','session_id':'s1'}"); /* the same session: the same channel */
        assert_string_equal(id, first);
        create(r, "{'name':'Fix the login'}");
        assert_string_equal(state_find_channel(r->l.state, id)->name, "fix-the-login-2");
        info = room_callf(r, "conversations.info", "channel=%s", first);
        assert_string_equal(json_str(info, "channel.properties.agent_session.title"), "Fix the Login!");
        assert_string_equal(json_str(info, "channel.properties.agent_session.origin_link.ts"), root);
        room_expect(r, "invalid_arguments", "agents.conversations.create",
                    "{'name':'x','origin_channel_id':'C0GENERAL'}");
        room_expect(r, "message_not_found", "agents.conversations.create",
                    "{'name':'x','origin_channel_id':'C0GENERAL','origin_message_ts':'1600000000.000000'}");
        r->l.switches.code_channels = false;
        room_expect(r, "feature_disabled", "agents.conversations.create", "{'name':'x'}");
}

/* The session is the channel's: no thread, and a new title is a new name. */
static void test_session(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();

        (void) state;
        create(r, "{'name':'one'}");
        room_expectf(r, NULL, "agents.sessions.setStatus", "{'channel_id':'%s','status':'processing'}", id);
        room_expectf(r, "thread_ts_not_allowed", "agents.sessions.setStatus",
                     "{'channel_id':'%s','status':'active','thread_ts':'1600000000.000000'}", id);
        room_expectf(r, NULL, "agents.sessions.rename", "{'channel_id':'%s','title':'Second Name'}", id);
        assert_string_equal(state_find_channel(r->l.state, id)->name, "second-name");
        expect(r, NULL, "archive", "");
        assert_true(state_find_channel(r->l.state, id)->is_archived);
        expect(r, "is_archived", "listViews", "");
}

static void test_refusals(void **state)
{
        static const struct {
                const char *method, *more, *error;
        } cases[] = {
                {"setProperties",
                 ",'code_channel':{'context_bar_items':[{'key':'k','label':'l','icon':'lock'}]}", NULL},
                {"setProperties", ",'code_channel':{'context_bar_items':[{'key':'k'}]}", "invalid_arguments"},
                {"setProperties",
                 ",'code_channel':{'context_bar_items':[{'key':'k','label':'l','icon':'x'}]}",
                 "invalid_arguments"},
                {"setProperties",
                 ",'code_channel':{'context_bar_items':[{'key':'k','label':'l'},{'key':'k','label':'m'}]}",
                 "invalid_arguments"},
                {"setProperties", ",'code_channel':{'context_bar_items':[1,2,3,4,5,6]}", "invalid_arguments"},
                {"setProperties", ",'agent_resource':{'url':7}", "invalid_arguments"},
                {"setView", ",'type':'film'", "invalid_arguments"},
                {"setView", ",'view_key':'k'", "invalid_arguments"}, /* html without content */
                {"setView", ",'content':'x'", "invalid_arguments"},  /* and without a key */
                {"setView", ",'type':'block_kit','view_key':'k','blocks':[{'type':'x'}]", "invalid_blocks"},
                {"setView", ",'type':'canvas','view_key':'k','canvas_id':'F9'", "canvas_not_found"},
                {"setView", ",'view_key':'k','content':'x','csp':{'resource_domains':['http://e.org']}",
                 "invalid_arguments"},
                {"setView", ",'view_key':'k','content':'x','csp':{'resource_domains':['10.0.0.1']}",
                 "invalid_arguments"},
                {"setView", ",'view_key':'k','content':'x','csp':{'resource_domains':['https://e.org']}",
                 NULL},
                {"removeView", "", "invalid_arguments"},
                {"removeView", ",'view_key':'a','view_id':'b'", "invalid_arguments"},
                {"removeView", ",'view_key':'nothing'", "view_not_found"},
                {"setCommands", ",'commands':[{'name':'deploy'},{'name':'deploy'}]", "invalid_arguments"},
                {"setCommands", ",'commands':[{'name':'remind'}]", "invalid_arguments"},
                {"setCommands", ",'commands':[{'name':'/deploy'}]", "invalid_arguments"},
                {"setCommands", ",'commands':[]", NULL},
        };
        _cleanup_(room_freep) Room *r = room_new();

        (void) state;
        create(r, "{'name':'one'}");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                expect(r, cases[i].error, cases[i].method, cases[i].more);
        snprintf(id, sizeof(id), "C0GENERAL");
        expect(r, "channel_type_not_supported", "listViews", "");
}

static void test_views(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        _cleanup_json_ json_t *first = NULL, *again = NULL, *diff = NULL, *diff_again = NULL, *list = NULL;

        (void) state;
        create(r, "{'name':'one'}");
        first = call(r, "setView", ",'view_key':'out/report.html','content':'<p>'");
        again = call(r, "setView", ",'view_key':'out/report.html','content':'<b>'");
        assert_string_equal(json_str(first, "view_id"), json_str(again, "view_id"));
        assert_int_equal(json_int(again, "content_version", 0), 2);
        diff = call(r, "setView", ",'type':'diff','content':'+a'");
        diff_again = call(r, "setView", ",'type':'diff','view_key':'other','content':'+b'");
        assert_string_equal(json_str(diff, "view_id"), json_str(diff_again, "view_id"));
        list = call(r, "listViews", "");
        assert_int_equal(json_array_size(json_object_get(list, "views")), 2);
        assert_string_equal(json_str(list, "views.0.label"), "report");
        expect(r, NULL, "removeView", ",'view_key':'out/report.html'");
        expect(r, "view_not_found", "removeView", ",'view_key':'out/report.html'");
}

static void test_canvas(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        _cleanup_json_ json_t *made = room_call(
                r, "canvases.create", "{'document_content':{'type':'markdown','markdown':'aa\\n\\nbb'}}");
        const char *canvas = json_str(made, "canvas_id");
        _cleanup_json_ json_t *set = NULL, *got = NULL;

        (void) state;
        create(r, "{'name':'one'}");
        set = room_callf(r, "agents.conversations.setCanvasContent",
                         "{'channel':'%s','canvas_id':'%s','content':'aa\\n\\nbb changed'}", id, canvas);
        assert_int_equal(json_int(set, "sections_changed_count", 0), 1);
        got = room_callf(r, "agents.conversations.getCanvas", "{'channel':'%s','canvas_id':'%s'}", id,
                         canvas);
        assert_string_equal(json_str(got, "content"), "aa\n\nbb changed");
        room_expectf(r, "canvas_not_found", "agents.conversations.getCanvas",
                     "{'channel':'%s','canvas_id':'F9'}", id);
}

static void test_context_bar(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        _cleanup_json_ json_t *in = NULL, *answer = NULL, *events = NULL;
        _cleanup_free_ char *text = NULL;
        const char *error;

        (void) state;
        create(r, "{'name':'one'}");
        expect(r, NULL, "setProperties",
               ",'code_channel':{'context_bar_items':[{'key':'go','label':'Go','item_type':'action'},"
               "{'key':'info','label':'I'}]}");
        json_decref(room_events(r));
        text = mem_printf("{'user':'U0ANN','channel':'%s','key':'go'}", id);
        in = room_json(text);
        answer = control_agents_act(&r->l, "code_action", in, &error);
        assert_non_null(answer);
        events = room_events(r);
        assert_string_equal(json_str(events, "0.type"), "code_channel_action");
        assert_string_equal(json_str(events, "0.action.label"), "Go");
        json_object_set_new(in, "key", json_string("info")); /* not one to click */
        assert_null(control_agents_act(&r->l, "code_action", in, &error));
}

static void test_save(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        _cleanup_json_ json_t *saved = NULL, *again = NULL, *bad = room_json("[{}]");

        (void) state;
        create(r, "{'name':'one','session_id':'s'}");
        expect(r, NULL, "setCommands", ",'commands':[{'name':'deploy'}]");
        saved = code_channels_save(r->l.code_channels);
        assert_false(code_channels_load(r->l.code_channels, bad));
        assert_true(code_channels_load(r->l.code_channels, saved));
        again = code_channels_save(r->l.code_channels);
        assert_true(json_equal(saved, again));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_create),   cmocka_unit_test(test_session),
                cmocka_unit_test(test_refusals), cmocka_unit_test(test_views),
                cmocka_unit_test(test_canvas),   cmocka_unit_test(test_context_bar),
                cmocka_unit_test(test_save),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
