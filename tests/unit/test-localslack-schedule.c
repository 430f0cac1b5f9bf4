/* Messages for later: when they come, when they are refused, how they are listed and withdrawn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "localslack-room.h"
#include "schedule.h"

#define POST "{'channel':'C0GENERAL','text':'%s','post_at':%lld}"

static long long now_s(void)
{
        return (long long) room_now_ms / 1000;
}

static const Message *newest(const Room *r)
{
        const Channel *c = state_find_channel(r->l.state, "C0GENERAL");

        return c->n_messages ? c->messages[c->n_messages - 1] : NULL;
}

static void test_posted_in_time(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        _cleanup_json_ json_t *late = room_callf(r, "chat.scheduleMessage", POST, "late", now_s() + 60);

        (void) state;
        json_decref(room_callf(r, "chat.scheduleMessage", POST, "early", now_s() + 30));
        assert_string_equal(json_str(late, "message.type"), "delayed_message");
        assert_int_equal(json_int(late, "post_at", 0), now_s() + 60);
        assert_int_equal(json_str(late, "scheduled_message_id")[0], 'Q');
        schedule_run(r->l.schedule);
        assert_null(newest(r));
        room_now_ms += 29999;
        schedule_run(r->l.schedule);
        assert_null(newest(r));
        room_now_ms += 1;
        schedule_run(r->l.schedule);
        assert_string_equal(json_str(message_body(newest(r)), "text"), "early");
        assert_string_equal(json_str(message_body(newest(r)), "bot_id"), "B0BOT");
        room_now_ms += 30000;
        schedule_run(r->l.schedule);
        assert_string_equal(json_str(message_body(newest(r)), "text"), "late");
        assert_null(schedule_at(r->l.schedule, 0));
}

static void test_refusals(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();

        (void) state;
        room_expectf(r, "time_in_past", "chat.scheduleMessage", POST, "x", now_s());
        room_expectf(r, NULL, "chat.scheduleMessage", POST, "x", now_s() + 1);
        room_expectf(r, NULL, "chat.scheduleMessage", POST, "x", now_s() + SCHEDULE_AHEAD_S);
        room_expectf(r, "time_too_far", "chat.scheduleMessage", POST, "x", now_s() + SCHEDULE_AHEAD_S + 1);
        room_expect(r, "invalid_time", "chat.scheduleMessage",
                    "{'channel':'C0GENERAL','text':'x','post_at':'soon'}");
        room_expectf(r, "no_text", "chat.scheduleMessage", POST, "", now_s() + 9);
        room_expectf(r, "channel_not_found", "chat.scheduleMessage",
                     "{'channel':'C9','text':'x','post_at':%lld}", now_s() + 9);
        room_expect(r, "invalid_scheduled_message_id", "chat.deleteScheduledMessage",
                    "{'channel':'C0GENERAL','scheduled_message_id':'Q1'}");
        room_expect(r, "invalid_channel", "chat.scheduledMessages.list", "{'channel':'C9'}");
        room_expect(r, "invalid_cursor", "chat.scheduledMessages.list", "{'cursor':'zzzz'}");
}

/* Thirty within five minutes of the clock and a channel; another channel has its own thirty. */
static void test_too_many(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        long long window = (now_s() / SCHEDULE_WINDOW_S + 2) * SCHEDULE_WINDOW_S;

        (void) state;
        for (int i = 0; i < SCHEDULE_WINDOW_MAX; i++)
                room_expectf(r, NULL, "chat.scheduleMessage", POST, "x", window + i * 10);
        room_expectf(r, "restricted_too_many", "chat.scheduleMessage", POST, "x", window + 299);
        room_expectf(r, NULL, "chat.scheduleMessage", POST, "x", window + 300);
        room_expectf(r, NULL, "chat.scheduleMessage", "{'channel':'C0CODING','text':'x','post_at':%lld}",
                     window);
}

static void test_list_and_delete(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        _cleanup_json_ json_t *first = NULL, *second = NULL, *range = NULL, *channel = NULL;
        long long base = now_s() + 1000;

        (void) state;
        for (int i = 2; i >= 0; i--)
                room_expectf(r, NULL, "chat.scheduleMessage", POST,
                             i == 0   ? "a"
                             : i == 1 ? "b"
                                      : "c",
                             base + i);
        first = room_call(r, "chat.scheduledMessages.list", "{'limit':2}");
        assert_int_equal(json_array_size(json_object_get(first, "scheduled_messages")), 2);
        assert_string_equal(json_str(first, "scheduled_messages.0.text"), "a");
        assert_string_equal(json_str(first, "scheduled_messages.1.channel_id"), "C0GENERAL");
        second = room_callf(r, "chat.scheduledMessages.list", "{'limit':2,'cursor':'%s'}",
                            json_str(first, "response_metadata.next_cursor"));
        assert_string_equal(json_str(second, "scheduled_messages.0.text"), "c");
        assert_string_equal(json_str(second, "response_metadata.next_cursor"), "");
        range = room_callf(r, "chat.scheduledMessages.list", "{'oldest':'%lld','latest':'%lld'}", base + 1,
                           base + 1);
        assert_int_equal(json_array_size(json_object_get(range, "scheduled_messages")), 1);
        channel = room_call(r, "chat.scheduledMessages.list", "{'channel':'C0CODING'}");
        assert_int_equal(json_array_size(json_object_get(channel, "scheduled_messages")), 0);
        room_expectf(r, "invalid_scheduled_message_id", "chat.deleteScheduledMessage",
                     "{'channel':'C0CODING','scheduled_message_id':'%s'}",
                     json_str(first, "scheduled_messages.0.id"));
        room_expectf(r, NULL, "chat.deleteScheduledMessage",
                     "{'channel':'C0GENERAL','scheduled_message_id':'%s'}",
                     json_str(first, "scheduled_messages.0.id"));
        assert_string_equal(json_str(schedule_at(r->l.schedule, 0)->fields, "text"), "b");
}

/* The thread that was there is gone, the channel is archived: what was promised for them. */
static void test_place_is_gone(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        static const char reply[] = "{'channel':'C0GENERAL','text':'reply','post_at':%lld,'thread_ts':'%s'}";
        char root[STATE_TS_SIZE];

        (void) state;
        memcpy(root, room_expect(r, NULL, "chat.postMessage", "{'channel':'C0GENERAL','text':'x'}"),
               sizeof(root));
        room_expectf(r, NULL, "chat.scheduleMessage", reply, now_s() + 5, root);
        room_expectf(r, NULL, "chat.scheduleMessage", reply, now_s() + 6, root);
        room_now_ms += 5000;
        schedule_run(r->l.schedule);
        assert_string_equal(json_str(message_body(newest(r)), "thread_ts"), root);
        state_find_channel(r->l.state, "C0GENERAL")->is_archived = true;
        room_now_ms += 5000;
        schedule_run(r->l.schedule);
        assert_int_equal(state_find_channel(r->l.state, "C0GENERAL")->n_messages, 2);
        assert_null(schedule_at(r->l.schedule, 0));
}

static void test_save(void **state)
{
        _cleanup_(room_freep) Room *r = room_new();
        _cleanup_json_ json_t *saved = NULL, *again = NULL, *bad = room_json("[{'id':'Q1'}]");

        (void) state;
        room_expectf(r, NULL, "chat.scheduleMessage", POST, "x", now_s() + 9);
        saved = schedule_save(r->l.schedule);
        assert_false(schedule_load(r->l.schedule, bad));
        assert_true(schedule_load(r->l.schedule, saved));
        again = schedule_save(r->l.schedule);
        assert_true(json_equal(saved, again));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_posted_in_time), cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_too_many),       cmocka_unit_test(test_list_and_delete),
                cmocka_unit_test(test_place_is_gone),  cmocka_unit_test(test_save),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
