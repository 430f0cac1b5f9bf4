/* A message that is posted once and edited in place: what is asked of Slack, in every order of events. */
#include "core-desk.h"

#include "core/posted.h"

static const PostedPlace place = {.channel = "C1", .thread_ts = "1.1"};

/* One flow with one slot; the events say what to do with it. */
static FlowVerdict on_event(Flow *f, const FlowEvent *ev)
{
        static const char *const names[] = {
                [POSTED_OTHER] = "other", [POSTED_TAKEN] = "taken", [POSTED_GONE] = "gone"};

        if (flow_event_is(ev, "show"))
                posted_show(f, "slot", &place, json_pack("{s:s}", "text", json_str(ev->data, "text")),
                            ASK_PRIORITY_NORMAL);
        else if (flow_event_is(ev, "reset"))
                posted_reset(f, "slot");
        else
                json_put_str(flow_data(f), "result", names[posted_take_result(f, "slot", &place, ev)]);
        return FLOW_STAY;
}
static const FlowStep step = {"only", on_event};
static const FlowStep *const steps[] = {&step, NULL};
static const FlowKind kind = {.name = "posted", .version = 1, .steps = steps};
static const FlowKind *const kinds[] = {&kind, NULL};

static void show(Desk *d, const char *text)
{
        desk_tell(d, "x:1", "posted", "show", "{'text':'%s'}", text);
}

static void reset(Desk *d)
{
        desk_tell(d, "x:1", "posted", "reset", "{}");
}

/* The nth held ask of a verb is about this text, and (an edit) about this message. */
static void expect(Desk *d, const char *verb, size_t nth, const char *text, const char *ts)
{
        const Ask *ask = desk_held(d, verb, nth);

        assert_string_equal(json_str_or(ask->args, "message.text", ""), text);
        assert_string_equal(json_str_or(ask->args, "channel", ""), "C1");
        if (str_equal(verb, SLACK_POST))
                assert_string_equal(json_str_or(ask->args, "thread_ts", ""), "1.1");
        else
                assert_string_equal(json_str_or(ask->args, "ts", ""), ts);
}

static int setup(void **state)
{
        *state = desk_new(kinds);
        return 0;
}

static int teardown(void **state)
{
        desk_free(*state);
        return 0;
}

static void test_posted_once_then_edited(void **state)
{
        Desk *d = *state;

        show(d, "one");
        expect(d, SLACK_POST, 0, "one", NULL);
        show(d, "two");
        show(d, "three");
        assert_int_equal(desk_n_held(d, SLACK_POST), 1); /* the wish is kept until the ts is known */
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_OK, "{'ts':'5.5'}");
        desk_expect(d, "posted", "data.result", "taken");
        expect(d, SLACK_UPDATE, 0, "three", "5.5");
        show(d, "four");
        show(d, "five");
        assert_int_equal(desk_n_held(d, SLACK_UPDATE),
                         1); /* they wait in the message's lane, and the newest wins */
        desk_end(d, desk_held(d, SLACK_UPDATE, 0), ASK_OK, "{}");
        expect(d, SLACK_UPDATE, 0, "five", "5.5");
        desk_end(d, desk_held(d, SLACK_UPDATE, 0), ASK_OK, "{}");
        assert_int_equal(d->n_held, 0);
        assert_int_equal(desk_times(d, "slack.post"), 1);
}

/* An edit of the card that Slack makes wait, and a question that comes meanwhile: two flows, one thread. */
static void test_an_edit_holds_up_no_post(void **state)
{
        Desk *d = *state;

        show(d, "one");
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_OK, "{'ts':'5.5'}");
        show(d, "two");
        assert_int_equal(desk_n_held(d, SLACK_UPDATE), 1);
        desk_tell(d, "x:2", "posted", "show", "{'text':'a question'}");
        expect(d, SLACK_POST, 0, "a question", NULL);
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_OK, "{'ts':'6.6'}");
        desk_end(d, desk_held(d, SLACK_UPDATE, 0), ASK_OK, "{}");
}

static void test_it_cannot_be_posted(void **state)
{
        Desk *d = *state;

        show(d, "one");
        show(d, "two");
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_PERMFAIL, "{'error':'channel_not_found'}");
        desk_expect(d, "posted", "data.slot.error", "channel_not_found");
        show(d, "three"); /* and is tried again with the next wish */
        expect(d, SLACK_POST, 0, "three", NULL);
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_OK, "{'ts':'5.5'}");
        desk_expect(d, "posted", "data.slot.error", "(none)");
        desk_expect(d, "posted", "data.slot.ts", "5.5");
}

static void test_somebody_deletes_it(void **state)
{
        Desk *d = *state;

        show(d, "one");
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_OK, "{'ts':'5.5'}");
        show(d, "two");
        desk_end(d, desk_held(d, SLACK_UPDATE, 0), ASK_PERMFAIL, "{'error':'message_not_found'}");
        desk_expect(d, "posted", "data.result", "gone");
        show(d, "three");
        expect(d, SLACK_POST, 0, "three", NULL);
}

static void test_an_edit_that_fails_otherwise(void **state)
{
        Desk *d = *state;

        show(d, "one");
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_OK, "{'ts':'5.5'}");
        show(d, "two");
        desk_end(d, desk_held(d, SLACK_UPDATE, 0), ASK_PERMFAIL, "{'error':'edit_window_closed'}");
        desk_expect(d, "posted", "data.result", "taken");
        desk_expect(d, "posted", "data.slot.ts", "5.5"); /* it is still there */
}

static void test_reset_takes_a_late_post_back(void **state)
{
        Desk *d = *state;

        show(d, "one");
        reset(d);
        show(d, "two"); /* of the next generation, behind the first in the thread's lane */
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_OK, "{'ts':'5.5'}");
        assert_string_equal(json_str(desk_held(d, SLACK_DELETE, 0)->args, "ts"), "5.5");
        desk_expect(d, "posted", "data.slot.ts", "(none)");
        expect(d, SLACK_POST, 0, "two", NULL);
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_OK, "{'ts':'6.6'}");
        desk_expect(d, "posted", "data.slot.ts", "6.6");
        desk_end(d, desk_held(d, SLACK_DELETE, 0), ASK_OK, "{}");
        desk_expect(d, "posted", "data.result", "other");
        assert_int_equal(d->n_held, 0);
}

static void test_reset_forgets_what_waits(void **state)
{
        Desk *d = *state;

        show(d, "one");
        reset(d);
        show(d, "two");
        reset(d); /* before "two" could be sent */
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_PERMFAIL, "{'error':'not_in_channel'}");
        assert_int_equal(d->n_held,
                         0); /* a post that failed needs no deletion, one that was forgotten no post */
        desk_expect(d, "posted", "data.slot", "{\"generation\":2}");
}

static void test_reset_of_what_stands(void **state)
{
        Desk *d = *state;

        show(d, "one");
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_OK, "{'ts':'5.5'}");
        show(d, "two");
        reset(d); /* the message stays as it will be; the next one is new */
        show(d, "three");
        desk_end(d, desk_held(d, SLACK_UPDATE, 0), ASK_OK, "{}");
        expect(d, SLACK_POST, 0, "three", NULL);
        assert_int_equal(desk_times(d, "slack.delete"), 0);
}

int main(void)
{
#define test(_name) cmocka_unit_test_setup_teardown(_name, setup, teardown)
        const struct CMUnitTest tests[] = {
                test(test_posted_once_then_edited),      test(test_an_edit_holds_up_no_post),
                test(test_it_cannot_be_posted),          test(test_somebody_deletes_it),
                test(test_an_edit_that_fails_otherwise), test(test_reset_takes_a_late_post_back),
                test(test_reset_forgets_what_waits),     test(test_reset_of_what_stands),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
