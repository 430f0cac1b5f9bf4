/* What was said while Slack could not be heard: the words that are not obeyed, the way through the history,
 * and what a session makes of what was found. */
#include "core-desk.h"

#include "core/catchup.h"
#include "core/intake.h"

#define CATCHUP "catchup:slack"
#define SESSION "thread:C1:1.1"

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

static void test_timestamps(void **state)
{
        _cleanup_free_ char *ts = ts_from_ms(1700000000123), *zero = ts_from_ms(-5);
        _cleanup_free_ char *after = ts_after("7.999999"), *behind = ts_after("1700000000.000100");

        (void) state;
        assert_string_equal(ts, "1700000000.123000");
        assert_string_equal(zero, "0.000000");
        assert_int_equal(ts_to_ms("1700000000.123456"), 1700000000123);
        assert_int_equal(ts_to_ms("1700000000"), 1700000000000);
        assert_int_equal(ts_to_ms(NULL), 0);
        assert_true(ts_compare("1700000000.000100", "1700000000.000200") < 0);
        assert_true(ts_compare("999999999.999999", "1000000000.000000") < 0);
        assert_true(ts_compare(NULL, "0.000000") < 0);
        assert_int_equal(ts_compare("1.000000", "1.000000"), 0);
        assert_string_equal(after, "8.000000");
        assert_string_equal(behind, "1700000000.000101");
}

static void test_words(void **state)
{
        static const char *const dangerous[] = {
                "!stop",    "!Stop now",    " !STOP",         "stop",   "Stop.",       "please stop!",
                "STOP!!!",  "stop it",      "ok stop please", "abort",  "cancel that", "halt",
                "!cleanup", "!deploy prod", "!promote",       "!retry", "please !stop"};
        static const char *const harmless[] = {"",
                                               "!status",
                                               "!help",
                                               "stop the server when the port is taken",
                                               "don't stop",
                                               "stopwatch",
                                               "deploy it",
                                               "!",
                                               "the word stop",
                                               "cancel the order in the test",
                                               "retry",
                                               "cleanup of the code"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(dangerous); i++)
                if (!catchup_dangerous_word(dangerous[i]))
                        fail_msg("\"%s\" would be obeyed", dangerous[i]);
        for (size_t i = 0; i < ELEMENTSOF(harmless); i++)
                if (catchup_dangerous_word(harmless[i]))
                        fail_msg("\"%s\" would not be obeyed", harmless[i]);
        assert_null(catchup_dangerous_word(NULL));
}

/* ---- the way through the history ---- */

static void wish(Desk *d, const char *more)
{
        desk_tell(d, CATCHUP, "catchup", "transport.catch_up",
                  "{'at_ms':1000000000,'overlap_ms':1000,'max_age_ms':60000,'why':'gap'%s}", more);
}

static void begin(Desk *d)
{
        desk_tell(d, CATCHUP, "catchup", "transport.mark", "{'at_ms':999900000}");
        wish(d, "");
        desk_expect(d, "catchup", "step", "listing");
        desk_expect(d, "catchup", "data.run.from", "999899.000000");
}

static void list(Desk *d, const char *sessions, const char *channels)
{
        desk_end(d, desk_held(d, GATEWAY_SESSIONS, 0), ASK_OK, "{'sessions':[%s]}", sessions);
        desk_end(d, desk_held(d, SLACK_CHANNELS, 0), ASK_OK, "{'channels':[%s],'next_cursor':''}", channels);
}

static const char *page_arg(Desk *d, const char *name)
{
        return json_str_or(desk_held(d, GATEWAY_CATCH_UP, 0)->args, name, "(none)");
}

static void page(Desk *d, const char *result)
{
        desk_end(d, desk_held(d, GATEWAY_CATCH_UP, 0), ASK_OK, "%s", result);
}

static void test_the_first_start_reads_nothing(void **state)
{
        Desk *d = *state;

        wish(d, "");
        desk_expect(d, "catchup", "step", "waiting");
        desk_expect(d, "catchup", "data.mark_ms", "1000000000");
        assert_int_equal(desk_n_held(d, GATEWAY_SESSIONS), 0);
        assert_int_equal(desk_n_held(d, GATEWAY_CAUGHT_UP), 1);
}

static void test_channels_then_threads(void **state)
{
        Desk *d = *state;

        begin(d);
        list(d, "{'data':{'channel':'C1','thread_ts':'5.0'}},{'data':{'channel':'C9','thread_ts':'6.0'}}",
             "{'id':'C1','is_direct':false},{'id':'D2','is_direct':true}");
        assert_string_equal(page_arg(d, "channel"), "C1");
        assert_string_equal(page_arg(d, "oldest"), "999899.000000");
        page(d,
             "{'n_read':2,'n_new':1,'concerned':['999950.0'],'threads':['999950.0'],'last':'999950.0','next_cursor':'more'}");
        assert_string_equal(page_arg(d, "cursor"), "more");
        page(d, "{'n_read':0,'n_new':0,'concerned':[],'threads':[]}");
        assert_string_equal(page_arg(d, "channel"), "D2");
        assert_true(json_bool(desk_held(d, GATEWAY_CATCH_UP, 0)->args, "is_direct"));
        page(d, "{'n_new':0,'concerned':[],'threads':[]}");
        desk_expect(d, "catchup", "step", "threads");
        /* The one that changed, and the session's, of which the history did not speak; C9 is not ours any
         * more. */
        assert_string_equal(page_arg(d, "ts"), "999950.0");
        page(d, "{'n_new':2,'concerned':['999950.0'],'missing':[]}");
        assert_string_equal(page_arg(d, "ts"), "5.0");
        page(d, "{'n_new':0,'concerned':[],'missing':[]}");
        desk_expect(d, "catchup", "step", "waiting");
        desk_expect(d, "catchup", "data.last.n_new", "3");
        desk_expect(d, "catchup", "data.last.n_threads", "2");
        desk_expect(d, "catchup", "data.run", "(none)");
        assert_int_equal(desk_n_held(d, GATEWAY_CAUGHT_UP), 1);
}

static void test_many_old_threads(void **state)
{
        Desk *d = *state;
        const char *one = "{'data':{'channel':'C1','thread_ts':'%d.0'}}";
        _cleanup_buf_ Buf sessions = {0};

        for (int i = 2; i <= 6; i++) {
                buf_append_str(&sessions, i > 2 ? "," : "");
                buf_printf(&sessions, one, i);
        }
        buf_append(&sessions, "", 1);
        begin(d);
        list(d, buf_bytes(&sessions), "{'id':'C1','is_direct':false}");
        /* One reading of the history instead of five of threads. */
        assert_string_equal(page_arg(d, "oldest"), "2.0");
        assert_string_equal(page_arg(d, "from"), "999899.000000");
        page(d, "{'concerned':[],'threads':['4.0'],'last':'2.0'}");
        assert_string_equal(page_arg(d, "ts"), "4.0");
        page(d, "{'concerned':[],'missing':[]}");
        desk_expect(d, "catchup", "step", "waiting");
}

static void test_failures_and_wishes_meanwhile(void **state)
{
        Desk *d = *state;

        begin(d);
        desk_end(d, desk_held(d, GATEWAY_SESSIONS, 0), ASK_OK,
                 "{'sessions':[{'data':{'channel':'C1','thread_ts':'5.0','queue':[{'ts':'7.0'},{'n':1}]}}]}");
        /* Without the list at least where sessions are. */
        desk_end(d, desk_held(d, SLACK_CHANNELS, 0), ASK_PERMFAIL, "{'error':'missing_scope'}");
        assert_string_equal(page_arg(d, "channel"), "C1");
        desk_tell(d, CATCHUP, NULL, "transport.mark", "{'at_ms':1000030000}");
        wish(d, ",'from_ms':999000000");
        desk_end(d, desk_held(d, GATEWAY_CATCH_UP, 0), ASK_PERMFAIL, "{'error':'not_in_channel'}");
        /* What waits in a queue is looked at all the same. */
        assert_string_equal(page_arg(d, "ts"), "5.0");
        assert_string_equal(page_arg(d, "oldest"), "7.0");
        assert_string_equal(json_str(desk_held(d, GATEWAY_CATCH_UP, 0)->args, "queued.0"), "7.0");
        page(d, "{'concerned':[],'missing':['7.0']}");
        /* The second wish, with its own beginning. */
        desk_expect(d, "catchup", "data.last.n_errors", "2");
        desk_expect(d, "catchup", "step", "listing");
        desk_expect(d, "catchup", "data.run.from", "998999.000000");
        assert_int_equal(desk_n_held(d, GATEWAY_CAUGHT_UP), 0);
}

/* ---- a session ---- */

static void start_session(Desk *d)
{
        desk_tell(
                d, SESSION, "session", "slack.start",
                "{'user':'U0ANN','channel':'C1','ts':'1.1','thread_ts':'1.1','text':'fix it','defaults':{'directory':'/r'}}");
        desk_end(d, desk_held(d, OPENCODE_SESSION_CREATE, 0), ASK_OK,
                 "{'session':{'id':'ses_1','directory':'/r'}}");
        desk_end(d, desk_held(d, SLACK_USER, 0), ASK_OK, "{'name':'Ann'}");
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGE, 0), ASK_OK, "{}");
        desk_forget(d);
}

static void test_a_session_says_what_came(void **state)
{
        Desk *d = *state;

        start_session(d);
        desk_tell(d, SESSION, NULL, "slack.caught_up", "{}");
        assert_int_equal(desk_times(d, "came while I was away"), 0);
        desk_tell(d, SESSION, NULL, "slack.message", "{'user':'U0ANN','ts':'9.000000','text':'live'}");
        desk_tell(d, SESSION, NULL, "slack.message",
                  "{'user':'U0ANN','ts':'7.000000','text':'second','late':true}");
        desk_tell(d, SESSION, NULL, "slack.message",
                  "{'user':'U0ANN','ts':'5.000000','text':'first','late':true}");
        desk_tell(d, SESSION, NULL, "slack.stale", "{'user':'U0ANN','ts':'2.000000','text':'old'}");
        /* In the order in which it was said. */
        desk_expect(d, "session", "data.queue.0.text", "first");
        desk_expect(d, "session", "data.queue.1.text", "second");
        desk_expect(d, "session", "data.queue.2.text", "live");
        desk_forget(d);
        desk_tell(d, SESSION, NULL, "slack.caught_up", "{}");
        assert_int_equal(desk_times(d, "2 messages came while I was away"), 2); /* fallback and block */
        assert_int_equal(desk_times(d, "1 older message"), 2);
        desk_tell(d, SESSION, NULL, "slack.caught_up", "{}");
        assert_int_equal(desk_times(d, "2 messages came while I was away"), 2);
        desk_tell(d, SESSION, NULL, "slack.deleted", "{'ts':'7.000000'}");
        desk_expect(d, "session", "data.queue.1.text", "live");
        assert_int_equal(desk_times(d, "does not go to the agent"), 2);
}

/* Something before the reply may not have been heard: it is looked for, and what was said first goes first.
 */
static void test_a_look_before_the_prompt(void **state)
{
        _cleanup_json_ json_t *row = NULL;
        Desk *d = *state;

        start_session(d);
        row = desk_flow(d, "session");
        desk_tell(d, "oc:ses_1", NULL, "oc.session.idle", "{'session_id':'ses_1'}");
        desk_end(
                d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                "{'status':{'type':'idle'},'messages':[{'id':'%s','role':'user','text':'x'},{'id':'a','role':'assistant',"
                "'completed_ms':5,'finish':'stop','text':'done'}]}",
                json_str_or(row, "data.turn.message_id", ""));
        desk_expect(d, "session", "step", "idle");
        desk_tell(d, SESSION, NULL, "slack.message",
                  "{'user':'U0ANN','ts':'9.000000','text':'go','doubt':true}");
        assert_int_equal(desk_n_held(d, OPENCODE_SESSION_MESSAGE), 0);
        assert_string_equal(page_arg(d, "ts"), "1.1");
        assert_string_equal(page_arg(d, "from"), "1.1");
        desk_tell(d, SESSION, NULL, "slack.message",
                  "{'user':'U0ANN','ts':'5.000000','text':'the blue one','late':true}");
        page(d, "{'concerned':['1.1'],'missing':[]}");
        assert_string_equal(json_str(desk_held(d, OPENCODE_SESSION_MESSAGE, 0)->args, "text"),
                            "the blue one");
        desk_expect(d, "session", "data.queue.0.text", "go");
        desk_expect(d, "session", "data.turn.ts", "5.000000");
        desk_expect(d, "session", "data.look_from", "(none)");
}

static void test_a_word_is_offered(void **state)
{
        Desk *d = *state;
        _cleanup_json_ json_t *offer = NULL;
        _cleanup_free_ char *address = NULL;

        start_session(d);
        desk_tell(d, SESSION, NULL, "slack.withheld",
                  "{'user':'U0ANN','ts':'5.000000','text':'please stop','word':'stop'}");
        desk_expect(d, "session", "step", "working");
        assert_int_equal(desk_times(d, "offer.take"), 1);
        offer = desk_flow(d, "notice");
        address = mem_printf("flow:%s", json_str(offer, "ref"));
        desk_tell(d, address, NULL, "slack.action",
                  "{'user':'U0EVE','action_id':'offer.take','allowed':false,'why':'No.'}");
        desk_expect(d, "session", "step", "working");
        desk_tell(d, address, NULL, "slack.action",
                  "{'user':'U0BOB','action_id':'offer.take','allowed':true}");
        desk_expect(d, "session", "step", "stopping");
        desk_forget(d);
        desk_tell(d, address, NULL, "slack.action",
                  "{'user':'U0BOB','action_id':'offer.take','allowed':true}");
        assert_int_equal(desk_times(d, ""), 0); /* once */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_timestamps),
                cmocka_unit_test(test_words),
                cmocka_unit_test_setup_teardown(test_the_first_start_reads_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_channels_then_threads, setup, teardown),
                cmocka_unit_test_setup_teardown(test_many_old_threads, setup, teardown),
                cmocka_unit_test_setup_teardown(test_failures_and_wishes_meanwhile, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_session_says_what_came, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_look_before_the_prompt, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_word_is_offered, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
