/* The workflows on the real engine, with every ask in the test's hands: orders of events that the outside
 * world brings about once in a thousand turns are written down here one after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <uv.h>

#include "base/log.h"
#include "connectors/slack/slack-asks.h"
#include "core/flows/flows.h"
#include "core/intake.h"
#include "flow/engine-internal.h"
#include "integrations/opencode/opencode-asks.h"
#include "store/journal-sqlite.h"

#define DEADLINE_MS 20000
#define CHANNEL     "C1"
#define THREAD      "100.1"

typedef struct Desk {
        Loop *loop;
        Journal *journal;
        Metrics *metrics;
        FlowEngine *engine;
        Ask **held; /* started and not ended, in order */
        size_t n_held;
        char *listed;
        Buf said; /* what was posted or said, one JSON text a line */
        unsigned n_posts, n_answers;
        bool hold_posts;
        const char *refuse; /* the text of posts that Slack does not take */
} Desk;

/* ---- asks ---- */

static void note(Desk *d, const Ask *ask)
{
        _cleanup_free_ char *text = json_dump(ask->args);

        buf_printf(&d->said, "%s %s\n", ask->verb, text);
}

static void on_slack(void *owner, Ask *ask)
{
        Desk *d = owner;

        note(d, ask);
        d->n_answers +=
                str_equal(ask->verb, SLACK_POST) && str_equal(json_str(ask->args, "message.text"), "First.");
        if (d->refuse && str_equal(json_str(ask->args, "message.text"), d->refuse)) {
                ask_permfail(ask, "msg_too_long", NULL);
                return;
        }
        ask_ok(ask, json_pack("{s:o}", "ts", json_sprintf("200.%u", ++d->n_posts)));
}

/* Posts are answered at once, except while the test wants to answer them itself. */
static void on_hold(void *owner, Ask *ask);
static void on_post(void *owner, Ask *ask)
{
        if (((Desk *) owner)->hold_posts)
                on_hold(owner, ask);
        else
                on_slack(owner, ask);
}

static void on_hold(void *owner, Ask *ask)
{
        Desk *d = owner;

        note(d, ask);
        d->held = mem_resize(d->held, (d->n_held + 1) * sizeof(Ask *));
        d->held[d->n_held++] = ask;
}

static const AskVerb verbs[] = {
        {.name = SLACK_POST, .start = on_post, .max_attempts = 1},
        {.name = SLACK_UPDATE, .start = on_slack},
        {.name = SLACK_EPHEMERAL, .start = on_slack},
        {.name = SLACK_DELETE, .start = on_slack},
        {.name = SLACK_REACT, .start = on_slack},
        {.name = SLACK_RESPOND, .start = on_slack},
        {.name = SLACK_USER, .start = on_hold},
        {.name = OPENCODE_SESSION_CREATE, .start = on_hold},
        {.name = OPENCODE_SESSION_MESSAGE, .start = on_hold},
        {.name = OPENCODE_SESSION_MESSAGES, .start = on_hold},
        {.name = OPENCODE_SESSION_ABORT, .start = on_hold},
};

/* ---- life ---- */

static int setup(void **state)
{
        Desk *d = mem_new(Desk);

        log_set_level(LOG_ERROR + 1);
        assert_int_equal(loop_new(&d->loop), 0);
        d->metrics = metrics_new();
        assert_int_equal(journal_sqlite_open(&d->journal, d->loop, &(JournalSqliteConfig){0}), 0);
        assert_int_equal(flow_engine_new(&d->engine, d->loop, d->journal, d->metrics,
                                         &(FlowEngineConfig){.kinds = core_flow_kinds}),
                         0);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                flow_engine_add_verb(d->engine, &verbs[i], d);
        assert_int_equal(flow_engine_start(d->engine), 0);
        *state = d;
        return 0;
}

static int teardown(void **state)
{
        Desk *d = *state;

        journal_free(d->journal);
        flow_engine_free(d->engine);
        metrics_free(d->metrics);
        loop_free(d->loop);
        free(d->held);
        free(d->listed);
        buf_deinit(&d->said);
        free(d);
        return 0;
}

/* ---- running ---- */

static bool settled(Desk *d)
{
        FlowEngine *e = d->engine;

        return !e->open && e->n_inflight == 0 && list_empty(&e->runnable) && !e->run_scheduled &&
               !e->flush_scheduled && !e->pump_scheduled;
}

static void on_late(void *userdata)
{
        *(bool *) userdata = true;
}

static void settle(Desk *d)
{
        bool late = false;
        LoopTimer *timer = loop_timer_new(d->loop, on_late, &late);

        loop_timer_set(timer, DEADLINE_MS);
        while (!late && !settled(d))
                uv_run(loop_uv(d->loop), UV_RUN_ONCE);
        loop_timer_free(timer);
        assert_false(late);
}

/* In `format` ' stands for ". */
static json_t *json_of(const char *format, va_list ap)
{
        char *text = NULL;
        json_t *value;

        assert_true(vasprintf(&text, format, ap) >= 0);
        for (char *p = text; *p; p++)
                *p = *p == '\'' ? '"' : *p;
        value = json_parse(text, strlen(text), NULL);
        assert_non_null(value);
        free(text);
        return value;
}

static void tell(Desk *d, const char *address, const char *kind, const char *event, const char *format, ...)
{
        _cleanup_json_ json_t *data = NULL;
        va_list ap;

        va_start(ap, format);
        data = json_of(format, ap);
        va_end(ap);
        flow_deliver(
                d->engine,
                &(FlowDelivery){.address = address, .kind = kind, .event = event, .json = json_dump(data)});
        settle(d);
}

static size_t n_held(const Desk *d, const char *verb)
{
        size_t n = 0;

        for (size_t i = 0; i < d->n_held; i++)
                n += str_equal(d->held[i]->verb, verb);
        return n;
}

static Ask *held(Desk *d, const char *verb, size_t nth)
{
        for (size_t i = 0; i < d->n_held; i++)
                if (str_equal(d->held[i]->verb, verb) && nth-- == 0)
                        return d->held[i];
        fail_msg("no %s is under way", verb);
        return NULL;
}

static void end(Desk *d, Ask *ask, AskOutcome outcome, const char *format, ...)
{
        json_t *value;
        va_list ap;
        size_t i = 0;

        va_start(ap, format);
        value = json_of(format, ap);
        va_end(ap);
        while (d->held[i] != ask)
                i++;
        memmove(d->held + i, d->held + i + 1, (--d->n_held - i) * sizeof(*d->held));
        ask_done(ask, &(AskResult){.outcome = outcome, .value = value});
        settle(d);
}

static void on_listed(void *userdata, const char *json)
{
        mem_strset(&((Desk *) userdata)->listed, json);
}

/* The session's row: step, data. Owned. */
static json_t *session(Desk *d)
{
        json_t *list, *first;

        flow_engine_list(d->engine, "session", NULL, 10, on_listed, d);
        settle(d);
        list = json_parse(d->listed, strlen(d->listed), NULL);
        first = json_incref(json_array_get(list, 0));
        json_decref(list);
        assert_non_null(first);
        return first;
}

static void expect(Desk *d, const char *path, const char *value)
{
        _cleanup_json_ json_t *s = session(d);

        assert_string_equal(json_str_or(s, path, "(none)"), value);
}

static unsigned times_said(const Desk *d, const char *text)
{
        const char *at = buf_bytes(&d->said), *stop = at + buf_len(&d->said);
        unsigned n = 0;

        while (at < stop && (at = memmem(at, (size_t) (stop - at), text, strlen(text)))) {
                at++;
                n++;
        }
        return n;
}

/* ---- a session that works ---- */

#define DEFAULTS "'defaults':{'directory':'/repo'}"

static void say(Desk *d, const char *user, const char *ts, const char *text)
{
        tell(d, "thread:" CHANNEL ":" THREAD, NULL, "slack.message",
             "{'user':'%s','channel':'" CHANNEL "','ts':'%s','text':'%s'}", user, ts, text);
}

/* To where the prompt waits for OpenCode's reply. */
static void begin(Desk *d)
{
        tell(d, "thread:" CHANNEL ":" THREAD, "session", "slack.start",
             "{'user':'U1','channel':'" CHANNEL "','ts':'" THREAD "','thread_ts':'" THREAD
             "','text':'one'," DEFAULTS "}");
        end(d, held(d, OPENCODE_SESSION_CREATE, 0), ASK_OK, "{'session':{'id':'ses_1','directory':'/repo'}}");
        end(d, held(d, SLACK_USER, 0), ASK_OK, "{'name':'ann'}");
        expect(d, "step", "working");
}

static void take_prompt(Desk *d)
{
        end(d, held(d, OPENCODE_SESSION_MESSAGE, 0), ASK_OK, "{}");
}

static void idle_event(Desk *d)
{
        tell(d, "oc:ses_1", NULL, "oc.session.idle", "{'session_id':'ses_1'}");
}

#define ANSWER(_id, _text)                                                                                   \
        "{'id':'" _id "','role':'assistant','completed_ms':5,'finish':'stop','text':'" _text "'}"
#define IDLE "'status':{'type':'idle'}"

/* ---- tests ---- */

static void test_two_looks_are_one_answer(void **state)
{
        Desk *d = *state;

        begin(d);
        take_prompt(d);
        say(d, "U1", "101.1", "two");
        idle_event(d); /* an abort says it twice, and so may anything that fails */
        idle_event(d);
        assert_int_equal(n_held(d, OPENCODE_SESSION_MESSAGES), 2);
        end(d, held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
            "{'messages':[" ANSWER("m1", "First.") "]," IDLE "}");
        expect(d, "data.turn.text", "two");
        end(d, held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
            "{'messages':[" ANSWER("m1", "First.") "]," IDLE "}");
        expect(d, "data.turn.text", "two"); /* which has not even been sent */
        assert_int_equal(d->n_answers, 1);
}

static void test_foreign_answer_is_not_ours(void **state)
{
        Desk *d = *state;

        begin(d);
        idle_event(d); /* of something asked in OpenCode while our prompt is on its way */
        end(d, held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
            "{'messages':[" ANSWER("m1", "Theirs.") "]," IDLE "}");
        expect(d, "step", "working");
        expect(d, "data.turn.text", "one");
        take_prompt(d);
        {
                _cleanup_json_ json_t *s = session(d);
                const char *own = json_str(s, "data.turn.message_id");

                idle_event(d);
                end(d, held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                    "{'messages':[" ANSWER("m1", "Theirs.") ",{'id':'%s','role':'user','text':'one'}," ANSWER(
                            "m2", "Ours.") "]," IDLE "}",
                    own);
        }
        expect(d, "step", "idle");
        assert_true(times_said(d, "Ours.") > 0);
        assert_true(times_said(d, "Theirs.") > 0); /* said as well, but it did not end our turn */
}

static void test_name_that_comes_in_the_next_turn(void **state)
{
        Desk *d = *state;

        begin(d);
        take_prompt(d);
        say(d, "U2", "101.1", "two");
        say(d, "U3", "102.1", "three");
        idle_event(d);
        end(d, held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
            "{'messages':[" ANSWER("m1", "First.") "]," IDLE "}");
        expect(d, "data.turn.user", "U2"); /* whose name is being looked up, slowly */
        tell(d, "oc:ses_1", NULL, "oc.session.error",
             "{'session_id':'ses_1','error':{'name':'E','message':'broke'}}");
        end(d, held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK, "{'messages':[]," IDLE "}");
        expect(d, "data.turn.user", "U3");
        end(d, held(d, SLACK_USER, 0), ASK_OK, "{'name':'bob'}");
        assert_int_equal(n_held(d, OPENCODE_SESSION_MESSAGE), 0);
        expect(d, "data.names.U3", "(none)");
        end(d, held(d, SLACK_USER, 0), ASK_OK, "{'name':'cleo'}");
        assert_int_equal(n_held(d, OPENCODE_SESSION_MESSAGE), 1); /* once */
        expect(d, "data.names.U3", "cleo");
}

/* A timer comes due, without waiting for it. */
static void fire(Desk *d, const char *name)
{
        _cleanup_json_ json_t *s = session(d);
        EventItem *item = mem_new(EventItem);

        item->name = mem_strdup(EVENT_TIMER);
        item->tag = mem_strdup(name);
        engine_push(d->engine, (int64_t) strtoull(json_str(s, "ref"), NULL, 16), item);
        settle(d);
}

static void test_offline_comes_and_goes(void **state)
{
        Desk *d = *state;

        begin(d); /* and nobody is there to take the prompt */
        expect(d, "data.state", "working");
        fire(d, "offline");
        expect(d, "data.state", "offline");
        take_prompt(d);
        expect(d, "data.state", "working");
        tell(d, "oc:ses_1", NULL, "oc.offline", "{}");
        expect(d, "data.state", "offline");
        fire(d, "look"); /* the bridge is back with another directory: no reconciliation for this session */
        end(d, held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK, "{'messages':[],'status':{'type':'busy'}}");
        expect(d, "data.state", "working");
        tell(d, "oc:ses_1", NULL, "oc.session.deleted", "{'session_id':'ses_1'}");
        tell(d, "thread:" CHANNEL ":" THREAD, NULL, "oc.offline",
             "{}"); /* too late for the turn it is about */
        expect(d, "data.state", "failed");
}

static void test_idle_before_the_start_does_not_count_at_the_end(void **state)
{
        Desk *d = *state;

        begin(d);
        take_prompt(d);
        idle_event(d); /* of the turn before */
        end(d, held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK, "{'messages':[]," IDLE "}");
        fire(d, "look");
        end(d, held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK, "{'messages':[],'status':{'type':'busy'}}");
        idle_event(d); /* the answer is not yet written to the end */
        end(d, held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
            "{'messages':[{'id':'m1','role':'assistant'}]," IDLE "}");
        expect(d, "step", "working");
}

static void test_deleted_session_is_replaced(void **state)
{
        Desk *d = *state;

        begin(d);
        take_prompt(d);
        tell(d, "oc:ses_1", NULL, "oc.session.deleted", "{'session_id':'ses_subagent'}");
        expect(d, "step", "working");
        tell(d, "oc:ses_1", NULL, "oc.session.deleted", "{'session_id':'ses_1'}");
        expect(d, "step", "broken");
        say(d, "U1", "101.1", "two");
        end(d, held(d, OPENCODE_SESSION_CREATE, 0), ASK_OK, "{'session':{'id':'ses_2','directory':'/repo'}}");
        end(d, held(d, OPENCODE_SESSION_MESSAGE, 0), ASK_PERMFAIL, "{'error':'not_found','message':'gone'}");
        expect(d, "step", "broken"); /* deleted while nobody told us */
        expect(d, "data.oc.session_id", "(none)");
        say(d, "U1", "102.1", "three");
        end(d, held(d, OPENCODE_SESSION_CREATE, 0), ASK_OK, "{'session':{'id':'ses_3','directory':'/repo'}}");
        take_prompt(d);
        tell(d, "oc:ses_3", NULL, "oc.session.idle", "{'session_id':'ses_3'}");
        end(d, held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
            "{'messages':[" ANSWER("m1", "First.") "]," IDLE "}");
        expect(d, "step", "idle");
        tell(d, "oc:ses_3", NULL, "oc.session.deleted", "{'session_id':'ses_3'}");
        expect(d, "step", "broken");
}

static void test_answer_that_slack_refuses_is_told(void **state)
{
        Desk *d = *state;

        d->refuse = "First.";
        begin(d);
        take_prompt(d);
        idle_event(d);
        end(d, held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
            "{'messages':[" ANSWER("m1", "First.") "]," IDLE "}");
        assert_true(times_said(d, "Slack refused it (msg_too_long)") > 0);
        expect(d, "step", "idle");
}

/* The text of a message that became `text`, as it goes to its session; NULL = refused. Owned. */
static char *edited_to(const char *text)
{
        IntakeContext ctx = {.bot_user = "UBOT", .max_text_bytes = 20};
        _cleanup_(intake_plan_deinit) IntakePlan plan = {0};
        _cleanup_json_ json_t *in =
                json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "type", "edited", "user", "U1", "channel",
                          CHANNEL, "ts", "101.1", "thread_ts", THREAD, "edited_ts", "102.1", "text", text);

        intake_decide(&ctx, in, &plan);
        assert_string_equal(plan.event, "slack.edited");
        assert_int_equal(!json_str(plan.data, "text"), json_str(plan.data, "why") != NULL);
        return json_str(plan.data, "text") ? mem_strdup(json_str(plan.data, "text")) : NULL;
}

static void test_edit_is_read_as_the_message_was(void **state)
{
        Desk *d = *state;
        _cleanup_free_ char *usable = edited_to("<@UBOT> do that"), *empty = edited_to(" "),
                            *longer = edited_to("more than the operator allows");

        assert_string_equal(usable, "do that");
        assert_null(empty);
        assert_null(longer);
        begin(d);
        say(d, "U1", "101.1", "two");
        tell(d, "thread:" CHANNEL ":" THREAD, NULL, "slack.edited",
             "{'user':'U1','ts':'101.1','why':'Too long.'}");
        expect(d, "data.queue.0.text", "two");
        assert_true(times_said(d, "Too long. Until then") > 0);
        tell(d, "thread:" CHANNEL ":" THREAD, NULL, "slack.edited", "{'user':'U1','ts':'101.1','text':'2'}");
        expect(d, "data.queue.0.text", "2");
}

static void test_card_that_does_not_appear(void **state)
{
        Desk *d = *state;

        begin(d);
        take_prompt(d);
        d->hold_posts = true;
        tell(d, "oc:ses_1", NULL, "oc.permission.asked",
             "{'session_id':'ses_1','directory':'/repo','permission':{'id':'per_1','permission':'bash','patterns':['ls']}}");
        end(d, held(d, SLACK_POST, 0), ASK_TEMPFAIL, "{'error':'deadline'}"); /* Slack was away for hours */
        end(d, held(d, SLACK_POST, 0), ASK_PERMFAIL, "{'error':'invalid_blocks'}");
        assert_int_equal(n_held(d, SLACK_POST), 1);
        assert_true(times_said(d, "Slack refused the card (invalid_blocks)") > 0);
}

static void test_error_of_a_turn_is_told_though_the_next_begins(void **state)
{
        Desk *d = *state;
        unsigned before;

        d->hold_posts = false;
        begin(d);
        take_prompt(d);
        say(d, "U1", "101.1", "two");
        say(d, "U1", "102.1", "three");
        d->hold_posts = true; /* the second turn's progress message is slow to appear */
        idle_event(d);
        end(d, held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
            "{'messages':[" ANSWER("m1", "First.") "]," IDLE "}");
        while (n_held(d, SLACK_POST) > 1 || times_said(d, "Working") == 0)
                end(d, held(d, SLACK_POST, 0), ASK_OK, "{'ts':'300.1'}");
        before = times_said(d, "no such model");
        end(d, held(d, OPENCODE_SESSION_MESSAGE, 0), ASK_PERMFAIL,
            "{'error':'invalid','message':'no such model'}");
        expect(d, "data.turn.text", "three");
        while (n_held(d, SLACK_POST) > 0)
                end(d, held(d, SLACK_POST, 0), ASK_OK, "{'ts':'300.2'}");
        assert_int_equal(before, 0);
        assert_true(times_said(d, SLACK_POST " ") > 0);
        assert_true(times_said(d, "no such model") > 0);
}

static void test_long_turn_is_read_page_by_page(void **state)
{
        Desk *d = *state;
        Buf page = {0};
        _cleanup_free_ char *text = NULL;

        begin(d);
        take_prompt(d);
        for (unsigned i = 0; i < 200; i++)
                buf_printf(
                        &page,
                        "%s{'id':'m%u','role':'assistant','completed_ms':5,'finish':'tool-calls','tools':[]}",
                        i ? "," : "", i);
        text = buf_take(&page);
        idle_event(d);
        end(d, held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK, "{'messages':[%s]," IDLE "}", text);
        assert_string_equal(json_str(held(d, OPENCODE_SESSION_MESSAGES, 0)->args, "after"), "m199");
        end(d, held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
            "{'messages':[" ANSWER("m200", "First.") "]," IDLE "}");
        expect(d, "step", "idle");
        assert_int_equal(d->n_answers, 1);
}

static void test_request_that_overtook_a_reconciliation_stays_open(void **state)
{
        Desk *d = *state;

        begin(d);
        take_prompt(d);
        tell(d, "oc:ses_1", NULL, "oc.permission.asked",
             "{'session_id':'ses_1','directory':'/repo','at_ms':1001,'permission':{'id':'per_1','permission':'bash','patterns':[]}}");
        tell(d, "oc:ses_1", NULL, "oc.reconcile",
             "{'status':'busy','permissions':[],'questions':[],'at_ms':1000}");
        expect(d, "data.state", "waiting");
        tell(d, "oc:ses_1", NULL, "oc.reconcile",
             "{'status':'busy','permissions':[],'questions':[],'at_ms':2000}");
        expect(d, "data.state", "working"); /* it really is gone */
}

#define TEST(_f) cmocka_unit_test_setup_teardown(_f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_two_looks_are_one_answer),
                TEST(test_foreign_answer_is_not_ours),
                TEST(test_name_that_comes_in_the_next_turn),
                TEST(test_offline_comes_and_goes),
                TEST(test_deleted_session_is_replaced),
                TEST(test_answer_that_slack_refuses_is_told),
                TEST(test_edit_is_read_as_the_message_was),
                TEST(test_card_that_does_not_appear),
                TEST(test_error_of_a_turn_is_told_though_the_next_begins),
                TEST(test_long_turn_is_read_page_by_page),
                TEST(test_request_that_overtook_a_reconciliation_stays_open),
                TEST(test_idle_before_the_start_does_not_count_at_the_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
