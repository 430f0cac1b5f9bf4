/* Streamed messages from start to end: who may, how long, and what is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "localslack-room.h"
#include "messages.h"
#include "streams.h"

#define TO_ANN "'recipient_user_id':'U0ANN','recipient_team_id':'T0LOCAL'"

/* A stream in a thread of #general; its ts. */
static const char *start(Room *w, char ret[STATE_TS_SIZE])
{
        char root[STATE_TS_SIZE];

        memcpy(root, room_expect(w, NULL, "chat.postMessage", "{'channel':'C0GENERAL','text':'root'}"),
               STATE_TS_SIZE);
        memcpy(ret,
               room_expectf(w, NULL, "chat.startStream",
                            "{'channel':'C0GENERAL','thread_ts':'%s'," TO_ANN ",'markdown_text':'**a'}",
                            root),
               STATE_TS_SIZE);
        return ret;
}

static void test_life(void **state)
{
        _cleanup_(room_freep) Room *w = room_new();
        char ts[STATE_TS_SIZE];
        const json_t *m;

        (void) state;
        start(w, ts);
        m = room_message(w, "C0GENERAL", ts);
        assert_string_equal(json_str(m, "streaming_state"), "in_progress");
        assert_string_equal(json_str(m, "bot_id"), "B0BOT");
        room_expectf(w, NULL, "chat.appendStream",
                     "{'channel':'C0GENERAL','ts':'%s','chunks':[{'type':'markdown_text','text':'b**'}]}",
                     ts);
        assert_true(json_bool(m, "blocks.0.elements.0.elements.0.style.bold"));
        assert_null(json_object_get(m, "edited"));
        room_expectf(w, "streaming_state_conflict", "chat.update",
                     "{'channel':'C0GENERAL','ts':'%s','text':'x'}", ts);
        room_expectf(w, NULL, "chat.stopStream",
                     "{'channel':'C0GENERAL','ts':'%s','markdown_text':' end','blocks':[{'type':'divider'}],"
                     "'metadata':{'event_type':'t','event_payload':{'a':1}}}",
                     ts);
        assert_string_equal(json_str(m, "streaming_state"), "completed");
        assert_string_equal(json_str(m, "blocks.1.type"), "divider");
        assert_string_equal(json_str(m, "text"), "**ab** end");
        assert_string_equal(json_str(m, "metadata.event_type"), "t");
        room_expectf(w, "message_not_in_streaming_state", "chat.appendStream",
                     "{'channel':'C0GENERAL','ts':'%s','markdown_text':'x'}", ts);
        room_expectf(w, "message_not_in_streaming_state", "chat.stopStream",
                     "{'channel':'C0GENERAL','ts':'%s'}", ts);
        room_expectf(w, NULL, "chat.update", "{'channel':'C0GENERAL','ts':'%s','text':'x'}", ts);
}

/* The app hears of its beginning and of its end, not of every word. */
static void test_events(void **state)
{
        _cleanup_(room_freep) Room *w = room_new();
        _cleanup_json_ json_t *events = NULL;
        char ts[STATE_TS_SIZE];

        (void) state;
        start(w, ts);
        room_expectf(w, NULL, "chat.appendStream", "{'channel':'C0GENERAL','ts':'%s','markdown_text':'x'}",
                     ts);
        room_expectf(w, NULL, "chat.stopStream", "{'channel':'C0GENERAL','ts':'%s'}", ts);
        events = room_events(w);
        assert_int_equal(json_array_size(events), 3);
        assert_string_equal(json_str(events, "1.streaming_state"), "in_progress");
        assert_string_equal(json_str(events, "1.ts"), ts);
        assert_string_equal(json_str(events, "2.subtype"), "message_changed");
        assert_string_equal(json_str(events, "2.message.streaming_state"), "completed");
        assert_string_equal(json_str(events, "2.previous_message.streaming_state"), "in_progress");
}

static void test_who_may(void **state)
{
        _cleanup_(room_freep) Room *w = room_new();
        static const struct {
                const char *args, *error;
        } cases[] = {
                {"{'channel':'C0NONE'}", "channel_not_found"},
                {"{'channel':'C0GENERAL'}", "missing_recipient_user_id"},
                {"{'channel':'C0GENERAL','recipient_user_id':'U0ANN'}", "missing_recipient_team_id"},
                {"{'channel':'C0GENERAL','recipient_user_id':'U9','recipient_team_id':'T0LOCAL'}",
                 "user_not_found"},
                {"{'channel':'C0GENERAL'," TO_ANN ",'task_display_mode':'fancy'}", "invalid_arguments"},
                {"{'channel':'C0GENERAL'," TO_ANN ",'thread_ts':'x'}", "invalid_thread_ts"},
                {"{'channel':'C0GENERAL'," TO_ANN ",'chunks':{}}", "invalid_chunks"},
                {"{'channel':'C0GENERAL'," TO_ANN ",'chunks':[{'type':'blocks','blocks':[{'type':'x'}]}]}",
                 "invalid_blocks"},
                {"{'channel':'U0ANN'}", "channel_type_not_supported"}, /* no thread in a direct message */
                {"{'channel':'C0GENERAL'," TO_ANN "}", NULL},          /* a stream of the channel itself */
        };
        char root[STATE_TS_SIZE];

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                room_expect(w, cases[i].error, "chat.startStream", cases[i].args);
        memcpy(root, room_expect(w, NULL, "chat.postMessage", "{'channel':'U0ANN','text':'root'}"),
               sizeof(root));
        room_expectf(w, NULL, "chat.startStream", "{'channel':'U0ANN','thread_ts':'%s'}", root);
        w->l.switches.stop_events = false;
        room_expect(w, "not_subscribed_to_message_stream_stopped", "chat.startStream",
                    "{'channel':'C0GENERAL'," TO_ANN ",'is_stoppable':true}");
}

static void test_appending(void **state)
{
        _cleanup_(room_freep) Room *w = room_new();
        User *ann = state_find_user(w->l.state, "U0ANN");
        Channel *c = state_find_channel(w->l.state, "C0GENERAL");
        const Message *hers = messages_post_user(&w->l, c, ann, "hi", NULL, NULL);
        char ts[STATE_TS_SIZE];

        (void) state;
        start(w, ts);
        room_expect(w, "message_not_found", "chat.appendStream",
                    "{'channel':'C0GENERAL','ts':'1700000000.999999','markdown_text':'x'}");
        room_expectf(w, "message_not_owned_by_app", "chat.appendStream",
                     "{'channel':'C0GENERAL','ts':'%s','markdown_text':'x'}", hers->ts);
        room_expectf(w, "no_text", "chat.appendStream", "{'channel':'C0GENERAL','ts':'%s','chunks':[]}", ts);
        room_expectf(w, "invalid_chunks", "chat.appendStream",
                     "{'channel':'C0GENERAL','ts':'%s','chunks':[{'type':'task_update','id':'1'}]}", ts);
        room_expectf(w, "invalid_metadata_schema", "chat.stopStream",
                     "{'channel':'C0GENERAL','ts':'%s','metadata':{'event_type':''}}", ts);
        assert_string_equal(json_str(room_message(w, "C0GENERAL", ts), "streaming_state"), "in_progress");
        room_expectf(w, NULL, "chat.delete", "{'channel':'C0GENERAL','ts':'%s'}", ts);
        room_expectf(w, "message_not_found", "chat.stopStream", "{'channel':'C0GENERAL','ts':'%s'}", ts);
}

static void test_time_is_over(void **state)
{
        static const struct {
                StreamLife life;
                bool alive; /* 6 minutes after the start, with an append every 2 minutes */
        } cases[] = {{STREAM_LIFE_TOTAL, false}, {STREAM_LIFE_IDLE, true}};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(room_freep) Room *w = room_new();
                char ts[STATE_TS_SIZE];

                w->l.switches.stream_life = cases[i].life;
                start(w, ts);
                for (int k = 0; k < 3; k++) {
                        room_now_ms += 120000;
                        room_expectf(w, k < 2 || cases[i].alive ? NULL : "message_not_in_streaming_state",
                                     "chat.appendStream",
                                     "{'channel':'C0GENERAL','ts':'%s','markdown_text':'.'}", ts);
                }
                assert_string_equal(json_str(room_message(w, "C0GENERAL", ts), "streaming_state"),
                                    cases[i].alive ? "in_progress" : "errored");
                /* The way out of a broken pill. */
                room_now_ms += 300000;
                streams_expire(w->l.streams);
                room_expectf(w, NULL, "chat.update", "{'channel':'C0GENERAL','ts':'%s','text':'whole'}", ts);
        }
}

static void test_stopped_by_a_person(void **state)
{
        _cleanup_(room_freep) Room *w = room_new();
        Channel *c = state_find_channel(w->l.state, "C0GENERAL");
        _cleanup_json_ json_t *none = NULL, *stopped = NULL;
        char ts[STATE_TS_SIZE];

        (void) state;
        start(w, ts);
        none = streams_stop_by_user(w->l.streams, c, NULL);
        assert_int_equal(json_array_size(none), 0);
        stopped = streams_stop_by_user(w->l.streams, c,
                                       json_str(room_message(w, "C0GENERAL", ts), "thread_ts"));
        assert_int_equal(json_array_size(stopped), 1);
        assert_string_equal(json_string_value(json_array_get(stopped, 0)), ts);
        room_expectf(w, "stopped_by_user", "chat.appendStream",
                     "{'channel':'C0GENERAL','ts':'%s','markdown_text':'x'}", ts);
        assert_string_equal(json_str(room_message(w, "C0GENERAL", ts), "streaming_state"), "completed");
}

static void test_same_client_msg_id(void **state)
{
        _cleanup_(room_freep) Room *w = room_new();
        static const char args[] = "{'channel':'C0GENERAL'," TO_ANN ",'client_msg_id':'0b0c'}";
        char ts[STATE_TS_SIZE];

        (void) state;
        memcpy(ts, room_expect(w, NULL, "chat.startStream", args), sizeof(ts));
        assert_string_equal(room_expect(w, NULL, "chat.startStream", args), ts);
        room_expectf(w, NULL, "chat.delete", "{'channel':'C0GENERAL','ts':'%s'}", ts);
        room_expect(w, "duplicate_message_not_found", "chat.startStream", args);
}

static void test_many(void **state)
{
        _cleanup_(room_freep) Room *w = room_new();
        char first[STATE_TS_SIZE], ts[STATE_TS_SIZE];

        (void) state;
        start(w, first);
        for (int i = 0; i < STREAMS_MAX; i++)
                memcpy(ts, room_expect(w, NULL, "chat.startStream", "{'channel':'C0GENERAL'," TO_ANN "}"),
                       sizeof(ts));
        assert_string_equal(json_str(room_message(w, "C0GENERAL", first), "streaming_state"), "errored");
        room_expectf(w, NULL, "chat.stopStream", "{'channel':'C0GENERAL','ts':'%s'}", ts);
}

static void test_save(void **state)
{
        _cleanup_(room_freep) Room *w = room_new();
        _cleanup_json_ json_t *saved = NULL, *bad = room_json("[{'ts':'x'}]");
        char ts[STATE_TS_SIZE];

        (void) state;
        start(w, ts);
        saved = streams_save(w->l.streams);
        assert_false(streams_load(w->l.streams, bad));
        room_expectf(w, "message_not_in_streaming_state", "chat.stopStream",
                     "{'channel':'C0GENERAL','ts':'%s'}", ts);
        assert_true(streams_load(w->l.streams, saved));
        room_expectf(w, NULL, "chat.stopStream", "{'channel':'C0GENERAL','ts':'%s','markdown_text':'b**'}",
                     ts);
        assert_true(json_bool(room_message(w, "C0GENERAL", ts), "blocks.0.elements.0.elements.0.style.bold"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_life),
                cmocka_unit_test(test_events),
                cmocka_unit_test(test_who_may),
                cmocka_unit_test(test_appending),
                cmocka_unit_test(test_time_is_over),
                cmocka_unit_test(test_stopped_by_a_person),
                cmocka_unit_test(test_same_client_msg_id),
                cmocka_unit_test(test_many),
                cmocka_unit_test(test_save),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
