/* What the simulation (tests/sim) found, each as the shortest order of events that shows it. */
#include "core-desk.h"

#define ANSWER(_id, _text)                                                                                   \
        "{'id':'" _id "','role':'assistant','completed_ms':5,'finish':'stop','text':'" _text "'}"
#define IDLE "'status':{'type':'idle'}"

static int setup(void **state)
{
        Desk *d = desk_new(core_flow_kinds);

        d->slack_answers = true;
        *state = d;
        return 0;
}

static int teardown(void **state)
{
        desk_free(*state);
        return 0;
}

static void start(Desk *d)
{
        desk_tell(
                d, "thread:C1:100.1", "session", "slack.start",
                "{'user':'U1','channel':'C1','ts':'100.1','thread_ts':'100.1','text':'one','defaults':{'directory':'/"
                "repo'}}");
}

static void reply(Desk *d, const char *ts, const char *text)
{
        desk_tell(d, "thread:C1:100.1", NULL, "slack.message",
                  "{'user':'U1','channel':'C1','ts':'%s','text':'%s'}", ts, text);
}

/* To where the agent works. Returns the prompt's message id, borrowed from *ret_flow (owned). */
static const char *work(Desk *d, json_t **ret_flow)
{
        start(d);
        desk_end(d, desk_held(d, OPENCODE_SESSION_CREATE, 0), ASK_OK,
                 "{'session':{'id':'ses_1','directory':'/repo'}}");
        desk_end(d, desk_held(d, SLACK_USER, 0), ASK_OK, "{'name':'ann'}");
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGE, 0), ASK_OK, "{}");
        *ret_flow = desk_flow(d, "session");
        return json_str(*ret_flow, "data.turn.message_id");
}

static void test_two_turns_that_ended_unseen_are_both_answered(void **state)
{
        Desk *d = *state;
        _cleanup_json_ json_t *flow = NULL;
        const char *own = work(d, &flow);

        desk_tell(d, "oc:ses_1", NULL, "oc.session.idle", "{'session_id':'ses_1'}");
        desk_end(
                d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                "{'messages':[{'id':'%s','role':'user','text':'one'},{'id':'m1','role':'assistant','completed_ms':4,"
                "'finish':'tool-calls','tools':[],'text':'Let me see.'}," ANSWER(
                        "m2",
                        "Ours.") ",{'id':'m3','role':'user','text':'typed there'}," ANSWER("m4",
                                                                                           "Theirs.") "]," IDLE
                                                                                                      "}",
                own);
        desk_expect(d, "session", "step", "idle");
        assert_int_equal(desk_times(d, "\"text\":\"Ours.\"}"), 1);
        assert_int_equal(desk_times(d, "\"text\":\"Theirs.\"}"), 1);
        assert_int_equal(desk_times(d, "Let me see."), 0);
}

static void test_deleted_session_does_not_keep_what_waits(void **state)
{
        Desk *d = *state;
        _cleanup_json_ json_t *flow = NULL;

        work(d, &flow);
        reply(d, "101.1", "two");
        desk_tell(d, "oc:ses_1", NULL, "oc.session.deleted", "{'session_id':'ses_1'}");
        desk_expect(d, "session", "step", "broken");
        desk_expect(d, "session", "data.queue", "[]");
        assert_int_equal(desk_times(d, "1 queued message was not sent"), 2); /* its text and its block */
        assert_int_equal(desk_times(d, "\"ts\":\"101.1\",\"name\":\"octagonal_sign\""), 1);
}

static void test_stop_before_there_is_a_session_tells_what_is_not_sent(void **state)
{
        Desk *d = *state;

        start(d);
        reply(d, "101.1", "two");
        reply(d, "102.1", "!stop");
        desk_expect(d, "session", "step", "broken");
        desk_expect(d, "session", "data.state", "stopped");
        assert_int_equal(desk_times(d, "\"ts\":\"100.1\",\"name\":\"octagonal_sign\""), 1);
        assert_int_equal(desk_times(d, "\"ts\":\"101.1\",\"name\":\"octagonal_sign\""), 1);
}

/* Slack shows the card while the answer to its post is still out: who replies then is not routed to the
 * session. */
static void test_reply_before_the_thread_was_known_is_read(void **state)
{
        Desk *d = *state;

        d->slack_answers = false;
        desk_tell(d, "cmd:1", "session", "slack.start",
                  "{'user':'U1','channel':'C1','text':'one','defaults':{'directory':'/repo'}}");
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_OK, "{'ts':'200.9'}");
        assert_string_equal(json_str(desk_held(d, GATEWAY_MISSED, 0)->args, "address"), "thread:C1:200.9");
        assert_int_equal(desk_n_held(d, GATEWAY_CATCH_UP), 0);
        desk_end(d, desk_held(d, GATEWAY_MISSED, 0), ASK_OK, "{'missed':true}");
        assert_string_equal(json_str(desk_held(d, GATEWAY_CATCH_UP, 0)->args, "ts"), "200.9");
        desk_tell(d, "thread:C1:200.9", NULL, "slack.message",
                  "{'user':'U2','channel':'C1','ts':'201.1','text':'two','late':true}");
        desk_end(d, desk_held(d, GATEWAY_CATCH_UP, 0), ASK_OK, "{'n_read':1,'n_new':1}");
        desk_expect(d, "session", "data.queue.1.text", "two");
        desk_expect(d, "session", "data.away", "(none)"); /* it has been said */
}

static void test_thread_of_which_nothing_was_missed_is_not_read(void **state)
{
        Desk *d = *state;

        start(d);
        desk_end(d, desk_held(d, GATEWAY_MISSED, 0), ASK_OK, "{'missed':false}");
        assert_int_equal(desk_n_held(d, GATEWAY_CATCH_UP), 0);
        assert_int_equal(desk_n_held(d, OPENCODE_RECONCILE), 0);
}

/* What its agent asks before OpenCode's answer has made the session ours is told again. */
static void test_request_before_the_session_was_known_is_asked_for(void **state)
{
        Desk *d = *state;
        _cleanup_json_ json_t *flow = NULL;

        work(d, &flow);
        assert_string_equal(json_str(desk_held(d, GATEWAY_MISSED, 1)->args, "address"), "oc:ses_1");
        desk_end(d, desk_held(d, GATEWAY_MISSED, 1), ASK_OK, "{'missed':true}");
        assert_int_equal(desk_n_held(d, OPENCODE_RECONCILE), 1);
        assert_int_equal(desk_n_held(d, GATEWAY_CATCH_UP), 0);
}

/* Typed and answered while the bridge was cut, and then OpenCode was restarted: its events are gone. */
static void test_turn_that_nobody_told_of_is_shown(void **state)
{
        Desk *d = *state;
        _cleanup_json_ json_t *flow = NULL;
        _cleanup_free_ char *address = NULL;
        const char *own = work(d, &flow);

        address = mem_printf("flow:%s", json_str(flow, "ref"));
        desk_tell(d, "oc:ses_1", NULL, "oc.session.idle", "{'session_id':'ses_1'}");
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                 "{'messages':[{'id':'%s','role':'user','text':'one'}," ANSWER("m2", "Ours.") "]," IDLE "}",
                 own);
        desk_expect(d, "session", "step", "idle");
        desk_tell(d, "oc:ses_1", NULL, "oc.message.received",
                  "{'message':{'id':'m3','role':'user','text':'told in time'}}");
        desk_forget(d);
        desk_tell(d, address, NULL, "oc.look", "{'bridge_id':'b'}");
        assert_string_equal(json_str(desk_held(d, OPENCODE_SESSION_MESSAGES, 0)->args, "after"), "m2");
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                 "{'messages':[{'id':'m3','role':'user','text':'told in time'}," ANSWER(
                         "m4",
                         "First.") ",{'id':'m5','role':'user','text':'not told'}," ANSWER("m6",
                                                                                          "Second.") "]," IDLE
                                                                                                     "}");
        desk_expect(d, "session", "step", "working");
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                 "{'messages':[{'id':'m3','role':'user','text':'told in time'}," ANSWER(
                         "m4",
                         "First.") ",{'id':'m5','role':'user','text':'not told'}," ANSWER("m6",
                                                                                          "Second.") "]," IDLE
                                                                                                     "}");
        desk_expect(d, "session", "step", "idle");
        assert_int_equal(desk_times(d, "Asked in OpenCode: not told"), 2); /* its text and its block */
        assert_int_equal(desk_times(d, "Asked in OpenCode: told in time"), 0);
        assert_int_equal(desk_times(d, "\"text\":\"Second.\"}"), 1);
}

static void test_look_that_finds_nothing_changes_nothing(void **state)
{
        Desk *d = *state;
        _cleanup_json_ json_t *flow = NULL;
        _cleanup_free_ char *address = NULL;

        start(d);
        reply(d, "102.1", "!stop");
        desk_end(d, desk_held(d, OPENCODE_SESSION_CREATE, 0), ASK_OK,
                 "{'session':{'id':'ses_1','directory':'/repo'}}");
        flow = desk_flow(d, "session");
        address = mem_printf("flow:%s", json_str(flow, "ref"));
        desk_forget(d);
        desk_tell(d, address, NULL, "oc.look", "{'bridge_id':'b'}");
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK, "{'messages':[]," IDLE "}");
        desk_expect(d, "session", "step", "idle");
        desk_expect(d, "session", "data.state", "stopped");
        assert_int_equal(desk_times(d, "slack."), 0);
}

/* The order to make it had been given: the session is there, and people may type in it. */
static void test_session_that_was_made_after_a_stop_is_heard(void **state)
{
        Desk *d = *state;

        start(d);
        reply(d, "102.1", "!stop");
        desk_expect(d, "session", "step", "broken");
        desk_end(d, desk_held(d, OPENCODE_SESSION_CREATE, 0), ASK_OK,
                 "{'session':{'id':'ses_1','directory':'/repo'}}");
        desk_expect(d, "session", "step", "idle");
        desk_expect(d, "session", "data.state", "stopped");
        desk_tell(d, "oc:ses_1", NULL, "oc.message.received", "{'message':{'text':'typed there'}}");
        assert_true(desk_times(d, "Asked in OpenCode: typed there") > 0);
}

static void test_stopped_and_begun_again_is_one_session(void **state)
{
        Desk *d = *state;
        const Ask *first, *second;

        start(d);
        reply(d, "102.1", "!stop");
        reply(d, "103.1", "go on");
        first = desk_held(d, OPENCODE_SESSION_CREATE, 0);
        second = desk_held(d, OPENCODE_SESSION_CREATE, 1);
        assert_string_equal(json_str(first->args, "key"), json_str(second->args, "key"));
        desk_end(d, desk_held(d, OPENCODE_SESSION_CREATE, 0), ASK_OK,
                 "{'session':{'id':'ses_1','directory':'/repo'}}");
        desk_expect(d, "session", "step", "working");
        desk_end(d, desk_held(d, OPENCODE_SESSION_CREATE, 0), ASK_OK,
                 "{'session':{'id':'ses_1','directory':'/repo'}}");
        desk_expect(d, "session", "step", "working");
        desk_expect(d, "session", "data.oc.session_id", "ses_1");
}

/* To where somebody has clicked "Allow once" and the answer is on its way. */
static void click(Desk *d)
{
        _cleanup_json_ json_t *flow = NULL, *request = NULL;
        _cleanup_free_ char *address = NULL;

        work(d, &flow);
        desk_tell(
                d, "oc:ses_1", NULL, "oc.permission.asked",
                "{'session_id':'ses_1','directory':'/repo','at_ms':1,'permission':{'id':'per_1','permission':'bash',"
                "'patterns':[]}}");
        request = desk_flow(d, "permission");
        address = mem_printf("flow:%s", json_str(request, "ref"));
        desk_tell(d, address, NULL, "slack.action",
                  "{'user':'U1','action_id':'permission.once','allowed':true}");
        desk_expect(d, "permission", "step", "sending");
}

static void replied_in_opencode(Desk *d, const char *what)
{
        desk_tell(d, "oc:ses_1", NULL, "oc.permission.replied",
                  "{'session_id':'ses_1','permission_id':'per_1','reply':'%s'}", what);
}

static void test_refused_answer_waits_for_the_one_that_was_faster(void **state)
{
        Desk *d = *state;

        click(d);
        desk_end(d, desk_held(d, OPENCODE_PERMISSION_REPLY, 0), ASK_PERMFAIL, "{'error':'not_found'}");
        desk_expect(d, "permission", "step", "sending");
        replied_in_opencode(d, "reject");
        desk_expect(d, "permission", "data.state", "answered");
        desk_expect(d, "permission", "data.reply", "reject");
        desk_expect(d, "permission", "data.answered_by", "(none)");
}

/* The connection was lost with our answer, and the second attempt found the request gone: by whom? */
static void test_answer_of_unknown_fate_is_what_opencode_says(void **state)
{
        Desk *d = *state;

        click(d);
        desk_end(d, desk_held(d, OPENCODE_PERMISSION_REPLY, 0), ASK_OK, "{'already':true}");
        desk_expect(d, "permission", "step", "sending");
        replied_in_opencode(d, "always");
        desk_expect(d, "permission", "data.reply", "always");
        desk_expect(d, "permission", "data.answered_by", "(none)");
}

static void test_answer_of_unknown_fate_may_be_ours(void **state)
{
        Desk *d = *state;

        click(d);
        replied_in_opencode(d, "once");
        desk_expect(d, "permission", "step", "sending");
        desk_end(d, desk_held(d, OPENCODE_PERMISSION_REPLY, 0), ASK_OK, "{'already':true}");
        desk_expect(d, "permission", "data.state", "answered");
        desk_expect(d, "permission", "data.answered_by", "U1");
}

/* Allowed in OpenCode, and stopped in Slack before that was told: the card says that it was allowed. */
static void test_permission_given_before_a_stop_is_told(void **state)
{
        Desk *d = *state;
        _cleanup_json_ json_t *flow = NULL;

        work(d, &flow);
        desk_tell(
                d, "oc:ses_1", NULL, "oc.permission.asked",
                "{'session_id':'ses_1','directory':'/repo','at_ms':1,'permission':{'id':'per_1','permission':'bash',"
                "'patterns':[]}}");
        reply(d, "102.1", "!stop");
        desk_expect(d, "permission", "data.state", "closed");
        replied_in_opencode(d, "reject"); /* by the stop, as far as anybody knows */
        desk_expect(d, "permission", "data.state", "closed");
        replied_in_opencode(d, "once");
        desk_expect(d, "permission", "step", "over");
        desk_expect(d, "permission", "data.state", "answered");
        desk_expect(d, "permission", "data.reply", "once");
}

static void test_question_answered_before_a_stop_is_told(void **state)
{
        Desk *d = *state;
        _cleanup_json_ json_t *flow = NULL;

        work(d, &flow);
        desk_tell(
                d, "oc:ses_1", NULL, "oc.question.asked",
                "{'session_id':'ses_1','directory':'/repo','at_ms':1,'question':{'id':'que_1','questions':[{"
                "'question':'Which','header':'H','options':[{'label':'Red','description':''}]}]}}");
        reply(d, "102.1", "!stop");
        desk_expect(d, "question", "data.state", "closed");
        desk_tell(d, "oc:ses_1", NULL, "oc.question.rejected",
                  "{'session_id':'ses_1','question_id':'que_1'}");
        desk_expect(d, "question", "data.state", "closed");
        desk_tell(d, "oc:ses_1", NULL, "oc.question.replied",
                  "{'session_id':'ses_1','question_id':'que_1','answers':[['Red']]}");
        desk_expect(d, "question", "step", "over");
        desk_expect(d, "question", "data.state", "answered");
        desk_expect(d, "question", "data.answers", "[[\"Red\"]]");
}

/* The news of its end had overtaken it: the next look was told so. */
static void test_request_of_a_lost_session_is_not_opened(void **state)
{
        Desk *d = *state;
        _cleanup_json_ json_t *flow = NULL, *request = NULL;
        _cleanup_free_ char *address = NULL;

        work(d, &flow);
        address = mem_printf("flow:%s", json_str(flow, "ref"));
        desk_tell(d, "oc:ses_1", NULL, "oc.session.deleted", "{'session_id':'ses_1'}");
        desk_tell(
                d, address, NULL, "oc.permission.asked",
                "{'session_id':'ses_1','directory':'/repo','at_ms':1,'permission':{'id':'per_1','permission':'bash','"
                "patterns':[]}}");
        request = desk_flow(d, "permission");
        assert_null(request);
}

#define TEST(_f) cmocka_unit_test_setup_teardown(_f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_two_turns_that_ended_unseen_are_both_answered),
                TEST(test_deleted_session_does_not_keep_what_waits),
                TEST(test_stop_before_there_is_a_session_tells_what_is_not_sent),
                TEST(test_reply_before_the_thread_was_known_is_read),
                TEST(test_thread_of_which_nothing_was_missed_is_not_read),
                TEST(test_request_before_the_session_was_known_is_asked_for),
                TEST(test_turn_that_nobody_told_of_is_shown),
                TEST(test_look_that_finds_nothing_changes_nothing),
                TEST(test_session_that_was_made_after_a_stop_is_heard),
                TEST(test_stopped_and_begun_again_is_one_session),
                TEST(test_permission_given_before_a_stop_is_told),
                TEST(test_question_answered_before_a_stop_is_told),
                TEST(test_refused_answer_waits_for_the_one_that_was_faster),
                TEST(test_answer_of_unknown_fate_is_what_opencode_says),
                TEST(test_answer_of_unknown_fate_may_be_ours),
                TEST(test_request_of_a_lost_session_is_not_opened),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
