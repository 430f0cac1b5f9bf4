/* Status, session, Stop button, prompts and titles of an agent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "agents.h"
#include "control-agents.h"
#include "localslack-room.h"

typedef struct Thread {
        Room *room;
        char ts[STATE_TS_SIZE];
} Thread;

static Thread thread_new(void)
{
        Thread t = {.room = room_new()};

        memcpy(t.ts, room_expect(t.room, NULL, "chat.postMessage", "{'channel':'C0GENERAL','text':'root'}"),
               sizeof(t.ts));
        json_decref(room_events(t.room));
        return t;
}

/* What the page is told of the thread; owned, NULL: nothing. */
static json_t *shown(const Thread *t, const char *kind)
{
        _cleanup_json_ json_t *all = agents_render(t->room->l.agents);

        return json_incref(json_array_get(json_object_get(all, kind), 0));
}

static void assert_status(const Thread *t, const char *status)
{
        _cleanup_json_ json_t *entry = shown(t, "statuses");

        assert_string_equal(json_str_or(entry, "status", ""), status);
}

static void set_status(const Thread *t, const char *status)
{
        room_expectf(t->room, NULL, "assistant.threads.setStatus",
                     "{'channel_id':'C0GENERAL','thread_ts':'%s','status':'%s','loading_messages':['one']}",
                     t->ts, status);
}

static void test_status(void **state)
{
        Thread t = thread_new();
        _cleanup_json_ json_t *entry = NULL;

        (void) state;
        set_status(&t, "is thinking…");
        entry = shown(&t, "statuses");
        assert_string_equal(json_str(entry, "status"), "is thinking…");
        assert_string_equal(json_str(entry, "loading_messages.0"), "one");
        assert_string_equal(json_str(entry, "thread_ts"), t.ts);
        set_status(&t, "");
        assert_status(&t, "");
        /* It goes by itself after two minutes, not before. */
        set_status(&t, "works");
        room_now_ms += 119999;
        agents_expire(t.room->l.agents);
        assert_status(&t, "works");
        room_now_ms += 1;
        agents_expire(t.room->l.agents);
        assert_status(&t, "");
        /* It goes with the answer, and only with one in the same thread. */
        set_status(&t, "works");
        room_expect(t.room, NULL, "chat.postMessage", "{'channel':'C0GENERAL','text':'elsewhere'}");
        assert_status(&t, "works");
        room_expectf(t.room, NULL, "chat.postMessage",
                     "{'channel':'C0GENERAL','text':'done','thread_ts':'%s'}", t.ts);
        assert_status(&t, "");
        room_free(t.room);
}

static void test_refusals(void **state)
{
        static const struct {
                const char *method, *args, *error; /* %s: the thread */
        } cases[] = {
                {"assistant.threads.setStatus", "{'channel_id':'C9','thread_ts':'%s','status':'x'}",
                 "channel_not_found"},
                {"assistant.threads.setStatus", "{'channel_id':'C0GENERAL','thread_ts':'1%s','status':'x'}",
                 "invalid_thread_ts"},
                {"assistant.threads.setStatus", "{'channel_id':'C0GENERAL','thread_ts':'%s'}",
                 "invalid_arguments"},
                {"assistant.threads.setStatus",
                 "{'channel_id':'C0GENERAL','thread_ts':'%s','status':'x','loading_messages':[1]}",
                 "invalid_arguments"},
                {"assistant.threads.setStatus",
                 "{'channel_id':'C0GENERAL','thread_ts':'%s','status':'x','loading_messages':"
                 "['1','2','3','4','5','6','7','8','9','10','11']}",
                 "invalid_arguments"},
                {"assistant.threads.setStatus",
                 "{'channel_id':'C0GENERAL','thread_ts':'%s','status':'x','username':'slackbot'}",
                 "reserved_username"},
                {"assistant.threads.setTitle", "{'channel_id':'C0GENERAL','thread_ts':'1%s','title':'x'}",
                 "invalid_thread_ts"},
                {"assistant.threads.setSuggestedPrompts",
                 "{'channel_id':'C0GENERAL','thread_ts':'%s','prompts':[{'title':'x'}]}",
                 "invalid_arguments"},
                {"assistant.threads.setSuggestedPrompts",
                 "{'channel_id':'C0GENERAL','thread_ts':'%s','prompts':[{},{},{},{},{}]}",
                 "invalid_arguments"},
                {"agents.sessions.setStatus", "{'channel_id':'C9','thread_ts':'%s','status':'active'}",
                 "channel_not_found"},
                {"agents.sessions.setStatus", "{'channel_id':'C0GENERAL','thread_ts':'%s','status':'busy'}",
                 "invalid_status"},
                {"agents.sessions.setStatus", "{'channel_id':'C0GENERAL','status':'active'}",
                 "thread_ts_required"},
                {"agents.sessions.setStatus",
                 "{'channel_id':'C0GENERAL','thread_ts':'%s','status':'active','initiator_user_id':'U9'}",
                 "user_not_found"},
                {"agents.sessions.rename", "{'channel_id':'C0GENERAL','thread_ts':'%s','title':'x'}",
                 "session_not_found"},
        };
        Thread t = thread_new();

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *place = strstr(cases[i].args, "%s");
                _cleanup_free_ char *args = place ? mem_printf("%.*s%s%s", (int) (place - cases[i].args),
                                                               cases[i].args, t.ts, place + 2)
                                                  : mem_strdup(cases[i].args);

                room_expect(t.room, cases[i].error, cases[i].method, args);
        }
        t.room->l.switches.agent = false;
        room_expectf(t.room, "not_agent_app", "assistant.threads.setSuggestedPrompts",
                     "{'channel_id':'C0GENERAL','thread_ts':'%s','prompts':[]}", t.ts);
        room_expectf(t.room, "feature_disabled", "agents.sessions.setStatus",
                     "{'channel_id':'C0GENERAL','thread_ts':'%s','status':'active'}", t.ts);
        room_free(t.room);
}

static void test_session(void **state)
{
        Thread t = thread_new();
        static const char args[] = "{'channel_id':'C0GENERAL','thread_ts':'%s','status':'%s','title':'%s'}";
        _cleanup_json_ json_t *first = NULL, *second = NULL, *entry = NULL;

        (void) state;
        first = room_callf(t.room, "agents.sessions.setStatus", args, t.ts, "processing", "Research");
        assert_string_equal(json_str(first, "agent_status"), "processing");
        entry = shown(&t, "statuses");
        assert_true(json_bool(entry, "stoppable"));
        /* The title is of the beginning; later it is renamed only. */
        second = room_callf(t.room, "agents.sessions.setStatus", args, t.ts, "active", "Other");
        assert_string_equal(json_str(second, "title"), "Research");
        room_expectf(t.room, NULL, "agents.sessions.rename",
                     "{'channel_id':'C0GENERAL','thread_ts':'%s','title':'Bora Bora'}", t.ts);
        json_decref(entry);
        entry = shown(&t, "statuses");
        assert_string_equal(json_str(entry, "title"), "Bora Bora");
        assert_false(json_bool(entry, "stoppable"));
        /* A message ends the status, not the session. */
        room_expectf(t.room, NULL, "chat.postMessage", "{'channel':'C0GENERAL','text':'x','thread_ts':'%s'}",
                     t.ts);
        assert_non_null(agents_find_session(t.room->l.agents, "C0GENERAL", t.ts));
        t.room->l.switches.stop_events = false;
        json_decref(first);
        first = room_callf(t.room, "agents.sessions.setStatus", args, t.ts, "processing", "");
        assert_string_equal(json_str(first, "warning"), "missing_agent_session_stopped_event_subscription");
        room_free(t.room);
}

/* Slack has stopped the streams when the app hears of it. */
static void test_stop(void **state)
{
        Thread t = thread_new();
        _cleanup_free_ char *text =
                mem_printf("{'user':'U0ANN','channel':'C0GENERAL','thread_ts':'%s'}", t.ts);
        _cleanup_json_ json_t *in = room_json(text), *answer = NULL, *events = NULL;
        char ts[STATE_TS_SIZE];
        const char *error;

        (void) state;
        assert_null(control_agents_act(&t.room->l, "agent_stop", in, &error));
        assert_string_equal(error, "nothing is running there");
        memcpy(ts,
               room_expectf(
                       t.room, NULL, "chat.startStream",
                       "{'channel':'C0GENERAL','thread_ts':'%s','recipient_user_id':'U0ANN','recipient_team_id':'T'}",
                       t.ts),
               sizeof(ts));
        json_decref(room_events(t.room));
        answer = control_agents_act(&t.room->l, "agent_stop", in, &error);
        assert_string_equal(json_str(answer, "ts.0"), ts);
        events = room_events(t.room);
        assert_string_equal(json_str(events, "0.subtype"), "message_changed");
        assert_string_equal(json_str(events, "1.type"), "agent_session_stopped");
        assert_string_equal(json_str(events, "1.user"), "U0ANN");
        assert_string_equal(json_str(events, "1.thread_ts"), t.ts);
        assert_string_equal(json_str(events, "1.streaming_message_ts.0"), ts);
        room_expectf(t.room, "stopped_by_user", "chat.appendStream",
                     "{'channel':'C0GENERAL','ts':'%s','markdown_text':'x'}", ts);
        room_free(t.room);
}

static void test_session_ends_with_the_stream(void **state)
{
        Thread t = thread_new();
        char ts[STATE_TS_SIZE];

        (void) state;
        memcpy(ts,
               room_expectf(
                       t.room, NULL, "chat.startStream",
                       "{'channel':'C0GENERAL','thread_ts':'%s','recipient_user_id':'U0ANN','recipient_team_id':'T'}",
                       t.ts),
               sizeof(ts));
        room_expectf(t.room, "invalid_arguments", "chat.stopStream",
                     "{'channel':'C0GENERAL','ts':'%s','session_status':'tired'}", ts);
        room_expectf(t.room, NULL, "chat.stopStream",
                     "{'channel':'C0GENERAL','ts':'%s','session_status':'suspended'}", ts);
        assert_string_equal(json_str(agents_find_session(t.room->l.agents, "C0GENERAL", t.ts), "session"),
                            "suspended");
        room_free(t.room);
}

static void test_people(void **state)
{
        Thread t = thread_new();
        _cleanup_json_ json_t *open = room_json("{'user':'U0ANN','context_channel':'general'}"),
                              *opened = NULL, *looked = NULL, *events = NULL, *rename = NULL, *renamed = NULL;
        _cleanup_free_ char *text = NULL;
        const char *error;

        (void) state;
        opened = control_agents_act(&t.room->l, "assistant_open", open, &error);
        assert_non_null(opened);
        looked = control_agents_act(&t.room->l, "assistant_context", open, &error);
        assert_non_null(looked);
        room_expectf(t.room, NULL, "agents.sessions.setStatus",
                     "{'channel_id':'%s','thread_ts':'%s','status':'active','title':'Old'}",
                     json_str(opened, "channel"), json_str(opened, "thread_ts"));
        text = mem_printf("{'user':'U0ANN','channel':'%s','thread_ts':'%s','title':'New'}",
                          json_str(opened, "channel"), json_str(opened, "thread_ts"));
        rename = room_json(text);
        renamed = control_agents_act(&t.room->l, "agent_rename", rename, &error);
        assert_non_null(renamed);
        events = room_events(t.room);
        assert_string_equal(json_str(events, "0.subtype"), "assistant_app_thread");
        assert_string_equal(json_str(events, "1.type"), "assistant_thread_started");
        assert_string_equal(json_str(events, "1.assistant_thread.thread_ts"), json_str(opened, "thread_ts"));
        assert_string_equal(json_str(events, "1.assistant_thread.context.channel_id"), "C0GENERAL");
        assert_string_equal(json_str(events, "2.type"), "app_context_changed");
        assert_string_equal(json_str(events, "2.context.entities.0.value"), "C0GENERAL");
        assert_string_equal(json_str(events, "3.type"), "agent_session_title_changed");
        assert_string_equal(json_str(events, "3.title"), "New");
        assert_string_equal(json_str(events, "3.previous_title"), "Old");
        room_free(t.room);
}

static void test_prompts_and_titles(void **state)
{
        Thread t = thread_new();
        _cleanup_json_ json_t *prompts = NULL, *title = NULL, *saved = NULL, *again = NULL,
                              *bad = room_json("{}");

        (void) state;
        room_expectf(
                t.room, NULL, "assistant.threads.setSuggestedPrompts",
                "{'channel_id':'C0GENERAL','thread_ts':'%s','title':'Try','prompts':[{'title':'a','message':'b'}]}",
                t.ts);
        room_expectf(t.room, NULL, "assistant.threads.setTitle",
                     "{'channel_id':'C0GENERAL','thread_ts':'%s','title':'Topic'}", t.ts);
        prompts = shown(&t, "prompts");
        title = shown(&t, "titles");
        assert_string_equal(json_str(prompts, "title"), "Try");
        assert_string_equal(json_str(prompts, "prompts.0.message"), "b");
        assert_string_equal(json_str(title, "title"), "Topic");
        saved = agents_save(t.room->l.agents);
        assert_false(agents_load(t.room->l.agents, bad));
        assert_true(agents_load(t.room->l.agents, saved));
        again = agents_save(t.room->l.agents);
        assert_true(json_equal(saved, again));
        room_free(t.room);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_status),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_session),
                cmocka_unit_test(test_stop),
                cmocka_unit_test(test_people),
                cmocka_unit_test(test_session_ends_with_the_stream),
                cmocka_unit_test(test_prompts_and_titles),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
