/* The workflows step by step: what each event leads to, and what is asked of Slack and OpenCode. What has to
 * do with rarer orders of events is in test-core-review.c. */
#include "core-desk.h"

#define SESSION "thread:C1:1.1"
#define OC      "oc:ses_1"

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

/* ---- a session ---- */

static void start(Desk *d)
{
        desk_tell(
                d, SESSION, "session", "slack.start",
                "{'user':'U0ANN','channel':'C1','ts':'1.1','thread_ts':'1.1','text':'fix it','defaults':{'directory':'/r',"
                "'model':'p/m'}}");
        desk_end(d, desk_held(d, OPENCODE_SESSION_CREATE, 0), ASK_OK,
                 "{'session':{'id':'ses_1','directory':'/r','agent':'build'}}");
        desk_end(d, desk_held(d, SLACK_USER, 0), ASK_OK, "{'name':'Ann'}");
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGE, 0), ASK_OK, "{}");
        desk_expect(d, "session", "step", "working");
}

/* OpenCode says idle, and this is what it has said. */
static void finish(Desk *d, const char *text)
{
        _cleanup_json_ json_t *s = desk_flow(d, "session");
        const char *own = json_str_or(s, "data.turn.message_id", "msg_theirs");

        desk_tell(d, OC, NULL, "oc.session.idle", "{'session_id':'ses_1'}");
        desk_end(
                d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                "{'status':{'type':'idle'},'messages':[{'id':'%s','role':'user','text':'x'},{'id':'%s_a','role':"
                "'assistant','completed_ms':5,'finish':'stop','text':'%s','cost':0.5,'tokens':{'input':10,'output':5}}]}",
                own, own, text);
}

static void test_a_turn(void **state)
{
        Desk *d = *state;
        const Ask *ask;

        desk_tell(
                d, SESSION, "session", "slack.start",
                "{'user':'U0ANN','channel':'C1','ts':'1.1','thread_ts':'1.1','text':'fix *it*','defaults':{'directory':'/r',"
                "'model':'p/m/x','agent':'plan'}}");
        desk_expect(d, "session", "step", "creating");
        desk_expect(d, "session", "data.state", "starting");
        assert_int_equal(desk_times(d, "\"name\":\"eyes\""), 1);
        ask = desk_held(d, OPENCODE_SESSION_CREATE, 0);
        assert_string_equal(json_str(ask->args, "directory"), "/r");
        assert_string_equal(json_str(ask->args, "agent"), "plan");
        assert_string_equal(json_str(ask->args, "model.provider_id"), "p");
        assert_string_equal(json_str(ask->args, "model.model_id"), "m/x");
        desk_end(d, desk_held(d, OPENCODE_SESSION_CREATE, 0), ASK_OK,
                 "{'session':{'id':'ses_1','directory':'/r'}}");
        desk_expect(d, "session", "step", "working");
        desk_end(d, desk_held(d, SLACK_USER, 0), ASK_OK, "{'name':'Ann'}");
        ask = desk_held(d, OPENCODE_SESSION_MESSAGE, 0);
        assert_string_equal(json_str(ask->args, "text"), "fix *it*");
        assert_string_equal(json_str(ask->args, "session_id"), "ses_1");
        assert_string_equal(json_str(ask->args, "author.name"), "Ann");
        assert_true(str_starts_with(json_str(ask->args, "message_id"), "msg_"));
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGE, 0), ASK_OK, "{}");
        desk_forget(d);
        finish(d, "All is well.");
        desk_expect(d, "session", "step", "idle");
        desk_expect(d, "session", "data.state", "idle");
        desk_expect(d, "session", "data.turn", "(none)");
        desk_expect(d, "session", "data.tokens", "15");
        assert_int_equal(desk_times(d, "\"text\":\"All is well.\",\"blocks\""), 1);
        assert_int_equal(desk_times(d, "\"ts\":\"1.1\",\"name\":\"white_check_mark\""), 1);

        /* The next one goes on in the same session, and does not ask for the name again. */
        desk_tell(d, SESSION, NULL, "slack.message",
                  "{'user':'U0ANN','channel':'C1','ts':'2.2','text':'and now?'}");
        desk_expect(d, "session", "step", "working");
        assert_int_equal(desk_n_held(d, SLACK_USER), 0);
        assert_string_equal(json_str(desk_held(d, OPENCODE_SESSION_MESSAGE, 0)->args, "text"), "and now?");
}

static void test_prompts_wait_their_turn(void **state)
{
        Desk *d = *state;

        start(d);
        desk_tell(d, SESSION, NULL, "slack.message",
                  "{'user':'U0ANN','channel':'C1','ts':'2.2','text':'two'}");
        desk_tell(d, SESSION, NULL, "slack.message",
                  "{'user':'U0BOB','channel':'C1','ts':'3.3','text':'three'}");
        assert_int_equal(desk_n_held(d, OPENCODE_SESSION_MESSAGE), 0);
        assert_int_equal(desk_times(d, "Queued as number 2"), 2); /* fallback and block */
        desk_tell(d, SESSION, NULL, "slack.edited", "{'user':'U0BOB','ts':'3.3','text':'four'}");
        finish(d, "One.");
        assert_string_equal(json_str(desk_held(d, OPENCODE_SESSION_MESSAGE, 0)->args, "text"), "two");
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGE, 0), ASK_OK, "{}");
        finish(d, "Two.");
        desk_end(d, desk_held(d, SLACK_USER, 0), ASK_PERMFAIL,
                 "{'error':'user_not_found'}"); /* then without a name */
        assert_string_equal(json_str(desk_held(d, OPENCODE_SESSION_MESSAGE, 0)->args, "text"), "four");
}

static void test_opencode_refuses_the_session(void **state)
{
        Desk *d = *state;

        desk_tell(
                d, SESSION, "session", "slack.start",
                "{'user':'U0ANN','channel':'C1','ts':'1.1','thread_ts':'1.1','text':'fix it','defaults':{'directory':'/none'}}");
        desk_end(d, desk_held(d, OPENCODE_SESSION_CREATE, 0), ASK_PERMFAIL,
                 "{'error':'invalid','message':'the directory does not exist'}");
        desk_expect(d, "session", "step", "broken");
        desk_expect(d, "session", "data.state", "failed");
        assert_int_not_equal(desk_times(d, "the directory does not exist"), 0);
        desk_tell(d, SESSION, NULL, "slack.message",
                  "{'user':'U0ANN','channel':'C1','ts':'2.2','text':'again'}");
        desk_expect(d, "session", "step", "creating");
        assert_int_equal(desk_n_held(d, OPENCODE_SESSION_CREATE), 1);
}

static void test_stop(void **state)
{
        Desk *d = *state;

        start(d);
        desk_tell(d, SESSION, NULL, "slack.message",
                  "{'user':'U0ANN','channel':'C1','ts':'2.2','text':'two'}");
        desk_tell(d, SESSION, NULL, "slack.message",
                  "{'user':'U0BOB','channel':'C1','ts':'3.3','text':'!stop'}");
        desk_expect(d, "session", "step", "stopping");
        assert_int_equal(desk_times(d, "1 queued message was not sent"), 2);
        desk_end(d, desk_held(d, OPENCODE_SESSION_ABORT, 0), ASK_OK, "{}");
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                 "{'status':{'type':'busy'},'messages':[]}");
        desk_expect(d, "session", "step", "stopping");
        finish(d, "As far as I came.");
        desk_expect(d, "session", "step", "idle");
        desk_expect(d, "session", "data.state", "stopped");
        assert_int_not_equal(desk_times(d, "As far as I came."), 0);
        /* With nothing to stop, the person is told so. */
        desk_tell(d, SESSION, NULL, "session.stop", "{'user':'U0BOB'}");
        assert_int_equal(desk_times(d, "Nothing is running"), 2);
        desk_expect(d, "session", "step", "idle");
}

/* What a slash command would do, said in a thread. */
static void test_words_that_are_passed_on(void **state)
{
        Desk *d = *state;

        start(d);
        desk_tell(d, SESSION, NULL, "slack.message",
                  "{'user':'U0BOB','channel':'C1','ts':'2.1','text':'!start paint the shed'}");
        desk_expect(d, "start", "data.text", "paint the shed");
        desk_expect(d, "start", "data.user", "U0BOB");
        desk_expect(d, "start", "data.at_once", "true");
        desk_tell(d, SESSION, NULL, "slack.message",
                  "{'user':'U0BOB','channel':'C1','ts':'2.2','text':'!list all'}");
        desk_expect(d, "command", "data.text", "list all");
        desk_forget(d);
        desk_end(d, desk_held(d, GATEWAY_SESSIONS, 0), ASK_OK, "{'sessions':[]}");
        assert_int_equal(desk_times(d, "slack.ephemeral"), 1);
        desk_expect(d, "command", "step", "(none)");
}

static void test_words_in_the_thread(void **state)
{
        static const struct {
                const char *text, *told;
        } cases[] = {{"!help", "!stop"},
                     {"!status", "Working"},
                     {"!dance", "I do not know `!dance`"},
                     {"!focus web", "I do not know"}};
        Desk *d = *state;

        start(d);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                desk_forget(d);
                desk_tell(d, SESSION, NULL, "slack.message",
                          "{'user':'U0ANN','channel':'C1','ts':'2.%zu','text':'%s'}", i, cases[i].text);
                assert_int_equal(desk_times(d, "slack.ephemeral"), 1);
                assert_int_not_equal(desk_times(d, cases[i].told), 0);
        }
        desk_expect(d, "session", "data.queue", "[]");
}

/* After a restart the events come again, and the answer to what was asked meanwhile may be faster. */
static void test_late_events_begin_nothing(void **state)
{
        Desk *d = *state;
        unsigned n_posts;

        start(d);
        finish(d, "Done.");
        n_posts = d->n_posts;
        desk_tell(d, OC, NULL, "oc.session.active", "{'session_id':'ses_1'}");
        desk_expect(d, "session", "step", "idle");
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                 "{'status':{'type':'idle'},'messages':[]}");
        desk_expect(d, "session", "step", "idle");
        desk_tell(d, OC, NULL, "oc.reconcile", "{'status':'busy','permissions':[],'questions':[]}");
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_TEMPFAIL, "{'error':'unavailable'}");
        desk_expect(d, "session", "step", "idle");
        assert_int_equal(d->n_posts, n_posts);
}

static void test_a_turn_that_began_in_opencode(void **state)
{
        Desk *d = *state;

        start(d);
        finish(d, "Done.");
        desk_tell(d, OC, NULL, "oc.message.received",
                  "{'session_id':'ses_1','message':{'id':'msg_w','text':'typed there','gateway_key':null}}");
        assert_int_equal(desk_times(d, "Asked in OpenCode: typed there"), 2);
        desk_tell(d, OC, NULL, "oc.session.active", "{'session_id':'ses_1'}");
        desk_tell(d, OC, NULL, "oc.session.idle", "{'session_id':'ses_1'}"); /* it was quick */
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                 "{'status':{'type':'idle'},'messages':[{'id':'msg_w','role':'user'}]}");
        desk_expect(d, "session", "step", "working");
        desk_end(
                d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                "{'status':{'type':'idle'},'messages':[{'id':'msg_w','role':'user'},{'id':'msg_a','role':'assistant',"
                "'completed_ms':5,'finish':'stop','text':'Told there.'}]}");
        desk_expect(d, "session", "step", "idle");
        assert_int_not_equal(desk_times(d, "Told there."), 0);
}

static void test_offline_and_back(void **state)
{
        Desk *d = *state;

        start(d);
        desk_tell(d, SESSION, NULL, "oc.offline", "{}");
        desk_expect(d, "session", "data.state", "offline");
        desk_tell(d, OC, NULL, "oc.reconcile", "{'status':'busy','permissions':[],'questions':[]}");
        desk_expect(d, "session", "data.state", "working");
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                 "{'status':{'type':'busy'},'messages':[]}");
        desk_expect(d, "session", "step", "working");
}

/* ---- permissions ---- */

#define ASKED                                                                                                      \
        "{'session_id':'ses_1','root_id':'ses_1','directory':'/r','permission':{'id':'per_1','permission':'bash'," \
        "'patterns':['ls'],'metadata':{'command':'%s'},'always':['ls *'],'tool':null}}"

static void click(Desk *d, const char *kind, const char *action, const char *value, const char *user,
                  const char *more)
{
        _cleanup_json_ json_t *flow = desk_flow(d, kind);
        _cleanup_free_ char *address = mem_printf("flow:%s", json_str(flow, "ref"));

        desk_tell(
                d, address, NULL, "slack.action",
                "{'user':'%s','channel':'C1','ts':'200.9','action_id':'%s','value':'%s%s','trigger_id':'7.7',"
                "'response_url':'https://r'%s}",
                user, action, json_str(flow, "ref"), value, more);
}

static void ask_permission(Desk *d)
{
        start(d);
        desk_tell(d, OC, NULL, "oc.permission.asked", ASKED, "ls");
        desk_expect(d, "permission", "step", "open");
        desk_expect(d, "session", "data.state", "waiting");
        desk_forget(d);
}

static void test_permission_answers(void **state)
{
        static const struct {
                const char *action, *reply, *shown;
        } cases[] = {{"permission.once", "once", "Allowed once"},
                     {"permission.always", "always", "Always allowed"},
                     {"permission.deny", "reject", "Denied"}};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Desk *d = desk_new(core_flow_kinds);
                const Ask *ask;

                d->slack_answers = true;
                ask_permission(d);
                click(d, "permission", cases[i].action, "", "U0BOB", "");
                desk_expect(d, "permission", "step", "sending");
                ask = desk_held(d, OPENCODE_PERMISSION_REPLY, 0);
                assert_string_equal(json_str(ask->args, "reply"), cases[i].reply);
                assert_string_equal(json_str(ask->args, "permission_id"), "per_1");
                assert_string_equal(json_str(ask->args, "directory"), "/r");
                /* OpenCode tells of our own answer, before it has replied to us. */
                desk_tell(d, OC, NULL, "oc.permission.replied", "{'permission_id':'per_1','reply':'%s'}",
                          cases[i].reply);
                desk_expect(d, "permission", "step", "sending");
                desk_end(d, desk_held(d, OPENCODE_PERMISSION_REPLY, 0), ASK_OK, "{}");
                desk_expect(d, "permission", "step", "over");
                desk_expect(d, "permission", "data.state", "answered");
                assert_int_not_equal(desk_times(d, cases[i].shown), 0);
                desk_expect(d, "session", "data.state", "working");
                desk_expect(d, "session", "data.open", "{}");
                desk_forget(d);
                click(d, "permission", "permission.deny", "", "U0ANN", "");
                assert_int_equal(desk_times(d, "Already answered by"), 2); /* fallback and block */
                assert_int_equal(desk_times(d, "\"user_id\":\"U0BOB\""), 1);
                assert_int_equal(desk_n_held(d, OPENCODE_PERMISSION_REPLY), 0);
                desk_free(d);
        }
}

static void test_permission_with_a_reason(void **state)
{
        Desk *d = *state;
        _cleanup_json_ json_t *flow = NULL;
        _cleanup_free_ char *address = NULL;

        ask_permission(d);
        click(d, "permission", "permission.deny_reason", "", "U0ANN", "");
        desk_expect(d, "permission", "step", "open");
        desk_end(d, desk_held(d, SLACK_VIEW_OPEN, 0), ASK_PERMFAIL, "{'error':'expired_trigger_id'}");
        assert_int_not_equal(desk_times(d, "could not be opened in time"), 0);
        flow = desk_flow(d, "permission");
        address = mem_printf("flow:%s", json_str(flow, "ref"));
        desk_tell(
                d, address, NULL, "slack.view",
                "{'user':'U0ANN','allowed':true,'values':{'reason':{'text':{'value':'use the other one'}}}}");
        assert_string_equal(json_str(desk_held(d, OPENCODE_PERMISSION_REPLY, 0)->args, "message"),
                            "use the other one");
        assert_string_equal(json_str(desk_held(d, OPENCODE_PERMISSION_REPLY, 0)->args, "reply"), "reject");
}

static void test_permission_refused_to_some(void **state)
{
        Desk *d = *state;

        ask_permission(d);
        click(d, "permission", "permission.once", "", "U0BOB", ",'allowed':false,'why':'Not you.'");
        desk_expect(d, "permission", "step", "open");
        assert_int_equal(desk_times(d, "Not you."), 2);
        assert_int_equal(desk_n_held(d, OPENCODE_PERMISSION_REPLY), 0);
}

static void test_permission_answered_there(void **state)
{
        Desk *d = *state;

        ask_permission(d);
        desk_tell(d, OC, NULL, "oc.permission.replied", "{'permission_id':'per_1','reply':'always'}");
        desk_expect(d, "permission", "step", "over");
        assert_int_not_equal(desk_times(d, "in OpenCode"), 0);
        click(d, "permission", "permission.once", "", "U0ANN", "");
        assert_int_equal(desk_times(d, "Already answered in OpenCode."), 2);
}

/* A click here and an answer there at the same time: OpenCode says which was first. */
static void test_permission_race(void **state)
{
        Desk *d = *state;

        ask_permission(d);
        click(d, "permission", "permission.once", "", "U0ANN", "");
        desk_tell(d, OC, NULL, "oc.permission.replied", "{'permission_id':'per_1','reply':'reject'}");
        desk_end(d, desk_held(d, OPENCODE_PERMISSION_REPLY, 0), ASK_PERMFAIL, "{'error':'not_found'}");
        desk_expect(d, "permission", "data.reply", "reject");
        desk_expect(d, "permission", "data.answered_by", "(none)");
        desk_expect(d, "permission", "step", "over");
}

static void test_permission_that_nobody_waits_for(void **state)
{
        Desk *d = *state;

        ask_permission(d);
        desk_tell(d, OC, NULL, "oc.permission.asked", ASKED, "ls"); /* told again */
        assert_int_equal(desk_times(d, "slack.post"), 0);
        desk_tell(d, OC, NULL, "oc.reconcile",
                  "{'status':'idle','permissions':[],'questions':[],'bridge_id':'b2'}");
        desk_expect(d, "permission", "data.state", "closed");
        assert_int_not_equal(desk_times(d, "No longer needed"), 0);
        desk_expect(d, "session", "data.open", "{}");
}

/* What the session's card says of it is cut, and not in the middle of a character. */
static void test_permission_for_a_long_command(void **state)
{
        Desk *d = *state;
        Buf command = {0};

        for (int i = 0; i < 100; i++)
                buf_append_str(&command, "\xC3\xA4");
        start(d);
        desk_tell(d, OC, NULL, "oc.permission.asked", ASKED, buf_bytes(&command));
        desk_expect(d, "session", "data.state", "waiting");
        click(d, "permission", "permission.once", "", "U0ANN", "");
        desk_end(d, desk_held(d, OPENCODE_PERMISSION_REPLY, 0), ASK_OK, "{}");
        desk_expect(d, "session", "data.open", "{}");
        desk_expect(d, "session", "data.state", "working");
        buf_deinit(&command);
}

static void test_permission_over_http(void **state)
{
        Desk *d = *state;
        const Ask *ask;

        start(d);
        desk_tell(
                d, OC, NULL, "http.permission",
                "{'request_id':'r1','session_id':'ses_1','permission':{'id':'r1','permission':'deploy','patterns':[],"
                "'always':[],'tool':null}}");
        click(d, "permission", "permission.deny", "", "U0ANN", "");
        desk_expect(d, "permission", "step", "over");
        ask = desk_held(d, GATEWAY_HTTP_ANSWER, 0);
        assert_string_equal(json_str(ask->args, "request_id"), "r1");
        assert_string_equal(json_str(ask->args, "status"), "reject");
        assert_string_equal(json_str(ask->args, "answered_by"), "U0ANN");
        assert_int_equal(desk_n_held(d, OPENCODE_PERMISSION_REPLY), 0);
        desk_end(d, desk_held(d, GATEWAY_HTTP_ANSWER, 0), ASK_OK, "{}");
        /* The caller, whose connection was lost, comes again. */
        desk_tell(d, OC, NULL, "http.permission",
                  "{'request_id':'r1','session_id':'ses_1','permission':{'id':'r1','permission':'deploy'}}");
        assert_string_equal(json_str(desk_held(d, GATEWAY_HTTP_ANSWER, 0)->args, "status"), "reject");
}

/* ---- questions ---- */

#define QUESTION(_n, _multiple, _custom)                                                                     \
        "{'question':'Q" #_n "?','header':'Q" #_n                                                            \
        "','options':[{'label':'Red','description':''},{'label':'Blue',"                                     \
        "'description':''}],'multiple':" #_multiple ",'custom':" #_custom "}"

static void ask_question(Desk *d, const char *questions)
{
        start(d);
        desk_tell(
                d, OC, NULL, "oc.question.asked",
                "{'session_id':'ses_1','root_id':'ses_1','directory':'/r','question':{'id':'que_1','questions':[%s],"
                "'tool':null}}",
                questions);
        desk_expect(d, "question", "step", "open");
        desk_expect(d, "session", "data.state", "waiting");
        desk_forget(d);
}

static void expect_answers(Desk *d, const char *answers)
{
        const Ask *ask = desk_held(d, OPENCODE_QUESTION_REPLY, 0);
        _cleanup_json_ json_t *want = desk_json("%s", answers);

        assert_string_equal(json_str(ask->args, "question_id"), "que_1");
        assert_true(json_equal(json_at(ask->args, "answers"), want));
}

static void test_question_picked(void **state)
{
        Desk *d = *state;

        ask_question(d, QUESTION(1, false, false));
        click(d, "question", "question.pick.0", ":0:9", "U0ANN", ""); /* no such option */
        desk_expect(d, "question", "step", "open");
        assert_int_equal(desk_times(d, "That choice is not there any more"), 2);
        click(d, "question", "question.pick.1", ":0:1", "U0ANN", "");
        expect_answers(d, "[['Blue']]");
        desk_end(d, desk_held(d, OPENCODE_QUESTION_REPLY, 0), ASK_OK, "{}");
        desk_expect(d, "question", "step", "over");
        desk_expect(d, "question", "data.state", "answered");
        desk_expect(d, "session", "data.state", "working");
        desk_forget(d);
        click(d, "question", "question.pick.0", ":0:0", "U0BOB", "");
        assert_int_equal(desk_times(d, "Already answered by"), 2); /* fallback and block */
        assert_int_equal(desk_times(d, "\"user_id\":\"U0ANN\""), 1);
}

static void test_question_submitted(void **state)
{
        Desk *d = *state;

        ask_question(d, QUESTION(1, true, false) "," QUESTION(2, false, false));
        click(d, "question", "question.submit", "", "U0ANN", ",'values':{}");
        desk_expect(d, "question", "step", "open"); /* something is missing, and the person is told what */
        assert_int_equal(desk_times(d, "slack.respond"), 1);
        click(d, "question", "question.submit", "", "U0ANN",
              ",'values':{'q0':{'choice':{'type':'checkboxes','selected_options':[{'value':'0'},{'value':'1'}]}},"
              "'q1':{'choice':{'type':'radio_buttons','selected_option':{'value':'1'}}}}");
        expect_answers(d, "[['Red','Blue'],['Blue']]");
}

static void test_question_skipped(void **state)
{
        Desk *d = *state;

        ask_question(d, QUESTION(1, false, true));
        click(d, "question", "question.reject", "", "U0ANN", "");
        desk_end(d, desk_held(d, OPENCODE_QUESTION_REJECT, 0), ASK_OK, "{}");
        desk_expect(d, "question", "step", "over");
        assert_int_not_equal(desk_times(d, "Skipped"), 0);
}

static void test_question_settled_there(void **state)
{
        static const struct {
                const char *event, *data, *state;
        } cases[] = {
                {"oc.question.replied", "{'question_id':'que_1','answers':[['Red']]}", "answered"},
                {"oc.question.rejected", "{'question_id':'que_1'}", "closed"},
                {"oc.session.deleted", "{'session_id':'ses_1'}", "closed"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Desk *d = desk_new(core_flow_kinds);

                d->slack_answers = true;
                ask_question(d, QUESTION(1, false, false));
                desk_tell(d, OC, NULL, cases[i].event, "%s", cases[i].data);
                desk_expect(d, "question", "step", "over");
                desk_expect(d, "question", "data.state", cases[i].state);
                desk_free(d);
        }
}

/* ---- slash commands and notices ---- */

static void test_commands(void **state)
{
        Desk *d = *state;

        desk_tell(d, "cmd:1", "command", "slack.command",
                  "{'user':'U0ANN','text':'help','command':'/opencode','response_url':'https://r'}");
        assert_int_equal(desk_times(d, "slack.respond"), 1);
        assert_null(desk_flow(d, "command")); /* said, and over */
        desk_tell(d, "cmd:2", "command", "slack.command",
                  "{'user':'U0ANN','text':'stop','response_url':'https://r'}");
        desk_end(d, desk_held(d, GATEWAY_SESSIONS, 0), ASK_OK, "{'sessions':[]}");
        assert_int_equal(desk_times(d, "Nothing is running."), 2);

        start(d);
        {
                _cleanup_json_ json_t *s = desk_flow(d, "session");

                desk_tell(d, "cmd:3", "command", "slack.command",
                          "{'user':'U0ANN','text':'stop','response_url':'https://r'}");
                desk_end(d, desk_held(d, GATEWAY_SESSIONS, 0), ASK_OK,
                         "{'sessions':[{'ref':'%s','data':{'turn':{},'title':'T'}}]}", json_str(s, "ref"));
        }
        desk_expect(d, "session", "step", "stopping");
        assert_null(desk_flow(d, "command"));
}

static void test_notices(void **state)
{
        Desk *d = *state;

        desk_tell(d, "notice:1", "notice", "notice.say", "{'text':'No.','response_url':'https://r'}");
        assert_int_equal(desk_times(d, "slack.respond"), 1);
        desk_tell(d, "notice:2", "notice", "notice.say",
                  "{'text':'No.','user':'U0ANN','channel':'C1','thread_ts':'1.1'}");
        assert_int_equal(desk_times(d, "slack.ephemeral"), 1);
        desk_tell(d, "notice:3", "notice", "notice.say", "{'text':'No.'}"); /* to nobody */
        assert_null(desk_flow(d, "notice"));
}

int main(void)
{
#define test(_name) cmocka_unit_test_setup_teardown(_name, setup, teardown)
        const struct CMUnitTest tests[] = {
                test(test_a_turn),
                test(test_prompts_wait_their_turn),
                test(test_opencode_refuses_the_session),
                test(test_stop),
                test(test_words_in_the_thread),
                test(test_words_that_are_passed_on),
                test(test_late_events_begin_nothing),
                test(test_a_turn_that_began_in_opencode),
                test(test_offline_and_back),
                cmocka_unit_test(test_permission_answers),
                test(test_permission_with_a_reason),
                test(test_permission_refused_to_some),
                test(test_permission_answered_there),
                test(test_permission_race),
                test(test_permission_that_nobody_waits_for),
                test(test_permission_for_a_long_command),
                test(test_permission_over_http),
                test(test_question_picked),
                test(test_question_submitted),
                test(test_question_skipped),
                cmocka_unit_test(test_question_settled_there),
                test(test_commands),
                test(test_notices),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
