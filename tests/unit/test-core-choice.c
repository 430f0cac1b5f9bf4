/* What a session does about agents and models: what a prompt names, what a role becomes, choices, and a
 * prompt that is sent again. */
#include "core-desk.h"

#define SESSION "thread:C1:1.1"
#define OC      "oc:ses_1"
#define OFFERS                                                                                                   \
        "{'agents':[{'name':'build','mode':'primary'},{'name':'bmad-pm','mode':'primary'}],'commands':[{'name':" \
        "'bmad-agent-architect'}],'skills':[{'name':'bmad-party-mode'}],'default_agent':'build'}"
#define PROFILES                                                                                             \
        "[{'name':'claude','model':'a/c','state':'healthy'},{'name':'qwen','model':'o/q:32b','state':'unknown'}]"

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

/* A session whose first prompt is on its way; `routing` is JSON. */
static void start(Desk *d, const char *routing)
{
        desk_tell(
                d, SESSION, "session", "slack.start",
                "{'user':'U0ANN','channel':'C1','ts':'1.1','thread_ts':'1.1','text':'fix it','routing':%s,'defaults':{"
                "'directory':'/r','model':'a/c','models':" PROFILES ",'fallback':{'failing_after':2}}}",
                routing);
        desk_end(d, desk_held(d, OPENCODE_SESSION_CREATE, 0), ASK_OK,
                 "{'session':{'id':'ses_1','directory':'/r'}}");
        desk_end(d, desk_held(d, SLACK_USER, 0), ASK_OK, "{'name':'Ann'}");
}

static void say(Desk *d, const char *text, const char *ts)
{
        desk_tell(d, SESSION, NULL, "slack.message", "{'user':'U0BOB','channel':'C1','ts':'%s','text':'%s'}",
                  ts, text);
}

static const Ask *prompt(Desk *d)
{
        return desk_held(d, OPENCODE_SESSION_MESSAGE, 0);
}

static void take_prompt(Desk *d)
{
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGE, 0), ASK_OK, "{}");
}

/* OpenCode is idle, and its last message, behind the turn's own, is this. */
static void looked(Desk *d, const char *answer)
{
        _cleanup_json_ json_t *s = desk_flow(d, "session");
        const char *own = json_str_or(s, "data.turn.message_id", "msg_x");

        desk_tell(d, OC, NULL, "oc.session.idle", "{'session_id':'ses_1'}");
        desk_end(
                d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                "{'status':{'type':'idle'},'messages':[{'id':'%s','role':'user','text':'x'},{'id':'%s_a','role':'assistant',"
                "'completed_ms':5,%s,'cost':0,'tokens':{'input':1,'output':1}}]}",
                own, own, answer);
}
#define ANSWER  "'finish':'stop','text':'Done.'"
#define ABORTED "'finish':'other','text':'','error':{'name':'MessageAbortedError','message':'aborted'}"
#define BROKEN  "'finish':'error','text':'','error':{'name':'APIError','message':'overloaded'}"

/* ---- what a prompt names ---- */

static void test_roles(void **state)
{
        static const struct {
                const char *routing, *agent, *command, *instruction, *label;
        } cases[] = {
                {"{'decision':{'agent':'pm','model':'qwen'}}", "bmad-pm", NULL, NULL, "pm (bmad-pm)"},
                {"{'decision':{'agent':'architect'}}", "build", "bmad-agent-architect", NULL,
                 "architect (command bmad-agent-architect)"},
                {"{'decision':{'agent':'party-mode'}}", "build", NULL, "Use the skill \"bmad-party-mode\"",
                 "party-mode (skill bmad-party-mode)"},
                {"{'decision':{'agent':'builder'}}", "build", NULL, "You are the builder",
                 "builder (played by build)"},
                {"{'decision':{'agent':'pm'},'override':{'agent':'build','user':'U0ANN'}}", "build", NULL,
                 NULL, "build"},
                {"{'override':{'agent':'gone','user':'U0ANN'}}", "build", NULL, NULL,
                 "gone (not there: build)"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Desk *d;
                const json_t *args;

                setup(state);
                d = *state;
                start(d, cases[i].routing);
                assert_int_equal(desk_n_held(d, OPENCODE_SESSION_MESSAGE),
                                 0); /* what is offered comes first */
                assert_string_equal(json_str(desk_held(d, OPENCODE_AGENTS_LIST, 0)->args, "directory"), "/r");
                desk_end(d, desk_held(d, OPENCODE_AGENTS_LIST, 0), ASK_OK, OFFERS "%s", "");
                args = prompt(d)->args;
                assert_string_equal(json_str_or(args, "agent", "-"), cases[i].agent);
                assert_string_equal(json_str_or(args, "command", "-"),
                                    cases[i].command ? cases[i].command : "-");
                assert_int_equal(json_str(args, "instruction") != NULL, cases[i].instruction != NULL);
                if (cases[i].instruction)
                        assert_true(str_starts_with(json_str(args, "instruction"), cases[i].instruction));
                assert_string_equal(json_str(args, "model.model_id"), i == 0 ? "q:32b" : "c");
                assert_true(desk_times(d, cases[i].label) > 0);
                /* Once told, it goes on in the conversation. */
                take_prompt(d);
                looked(d, ANSWER);
                say(d, "and now?", "2.2");
                desk_end(d, desk_held(d, SLACK_USER, 0), ASK_OK, "{'name':'Bob'}");
                assert_string_equal(json_str_or(prompt(d)->args, "agent", "-"), cases[i].agent);
                assert_null(json_str(prompt(d)->args, "command"));
                assert_null(json_str(prompt(d)->args, "instruction"));
                teardown(state);
        }
        setup(state);
}

static void test_nobody_says_what_is_offered(void **state)
{
        Desk *d = *state;

        start(d, "{'decision':{'agent':'pm'}}");
        desk_end(d, desk_held(d, OPENCODE_AGENTS_LIST, 0), ASK_PERMFAIL, "{'error':'invalid'}");
        assert_true(str_starts_with(json_str(prompt(d)->args, "instruction"), "You are the product manager"));
        take_prompt(d);
        looked(d, ANSWER);
        say(d, "next", "2.2");
        desk_end(d, desk_held(d, SLACK_USER, 0), ASK_OK, "{'name':'Bob'}");
        desk_end(d, desk_held(d, OPENCODE_AGENTS_LIST, 0), ASK_OK, OFFERS "%s", ""); /* asked again */
        assert_string_equal(json_str(prompt(d)->args, "agent"), "bmad-pm");
}

/* ---- choices ---- */

static void test_choices(void **state)
{
        Desk *d = *state;

        start(d, "null");
        take_prompt(d);
        say(d, "!model qwen", "2.2"); /* the turn goes on as it began */
        desk_end(d, desk_held(d, GATEWAY_MODELS, 0), ASK_OK, "{'profiles':" PROFILES "}%s", "");
        desk_expect(d, "session", "data.routing.override.model", "qwen");
        desk_expect(d, "session", "data.routing.override.user", "U0BOB");
        assert_true(desk_times(d, "Model from the next prompt on") > 0);
        assert_true(desk_times(d, "The current turn goes on as it began.") > 0);
        desk_forget(d);
        say(d, "!model qwen", "3.3");
        desk_end(d, desk_held(d, GATEWAY_MODELS, 0), ASK_OK, "{'profiles':" PROFILES "}%s", "");
        assert_true(desk_times(d, "already") > 0);
        say(d, "!model gpt", "4.4");
        desk_end(d, desk_held(d, GATEWAY_MODELS, 0), ASK_OK, "{'profiles':" PROFILES "}%s", "");
        assert_true(desk_times(d, "There is no model `gpt`. There are: `claude`, `qwen`") > 0);
        say(d, "!model x/y", "5.5");
        desk_end(d, desk_held(d, GATEWAY_MODELS, 0), ASK_OK, "{'profiles':" PROFILES "}%s", "");
        desk_end(d, desk_held(d, OPENCODE_PROVIDERS_LIST, 0), ASK_OK,
                 "{'providers':[{'id':'x','models':['y']}]}");
        desk_expect(d, "session", "data.routing.override.model", "x/y");
        say(d, "!agent", "6.6");
        desk_end(d, desk_held(d, OPENCODE_AGENTS_LIST, 0), ASK_OK, OFFERS "%s", "");
        assert_true(desk_times(d, "Which agent?") > 0);
        say(d, "!agent dev", "7.7");
        desk_end(d, desk_held(d, OPENCODE_AGENTS_LIST, 0), ASK_OK, OFFERS "%s", "");
        desk_expect(d, "session", "data.routing.override.agent", "builder");
        say(d, "!agent nobody", "8.8");
        desk_end(d, desk_held(d, OPENCODE_AGENTS_LIST, 0), ASK_TEMPFAIL, "{'error':'timeout'}");
        assert_true(desk_times(d, "Try again when it is back") > 0);
        desk_expect(d, "session", "step", "working");
        desk_expect(d, "session", "data.queue", "[]");
}

static void test_menu(void **state)
{
        Desk *d = *state;
        _cleanup_json_ json_t *s = NULL;
        _cleanup_free_ char *address = NULL;

        start(d, "null");
        s = desk_flow(d, "session");
        address = mem_printf("flow:%s", json_str(s, "ref"));
        desk_tell(
                d, address, NULL, "slack.action",
                "{'user':'U9','action_id':'session.more','value':'x:model:qwen','allowed':false,'why':'Not you.'}");
        assert_true(desk_times(d, "Not you.") > 0);
        assert_int_equal(desk_n_held(d, GATEWAY_MODELS), 0);
        desk_tell(d, address, NULL, "slack.action",
                  "{'user':'U0ANN','action_id':'session.more','value':'x:model:qwen','allowed':true}");
        desk_end(d, desk_held(d, GATEWAY_MODELS, 0), ASK_OK, "{'profiles':" PROFILES "}%s", "");
        desk_expect(d, "session", "data.routing.override.model", "qwen");
        desk_tell(d, address, NULL, "slack.action",
                  "{'user':'U0ANN','action_id':'session.model','value':'x:claude','allowed':true}");
        desk_end(d, desk_held(d, GATEWAY_MODELS, 0), ASK_OK, "{'profiles':" PROFILES "}%s", "");
        desk_expect(d, "session", "data.routing.override.model", "claude");
        desk_tell(d, address, NULL, "session.choose", "{'what':'model','name':'o/q:32b','user':'U0BOB'}");
        desk_end(d, desk_held(d, GATEWAY_MODELS, 0), ASK_OK, "{'profiles':" PROFILES "}%s", "");
        desk_expect(d, "session", "data.routing.override.model", "qwen");
}

/* ---- again ---- */

static char *prompt_id(Desk *d)
{
        return mem_strdup(json_str(prompt(d)->args, "message_id"));
}

static void test_abort_first(void **state)
{
        Desk *d = *state;
        _cleanup_free_ char *first = NULL, *second = NULL;

        start(d, "null");
        first = prompt_id(d);
        take_prompt(d);
        say(d, "later", "2.2"); /* waits, and goes on waiting */
        say(d, "!retry", "3.3");
        desk_expect(d, "session", "step", "stopping");
        assert_int_equal(desk_n_held(d, OPENCODE_SESSION_ABORT), 1);
        assert_int_equal(desk_n_held(d, OPENCODE_SESSION_MESSAGE), 0); /* not before the turn is over */
        desk_end(d, desk_held(d, OPENCODE_SESSION_ABORT, 0), ASK_OK, "{}");
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                 "{'status':{'type':'busy'},'messages':[]}");
        assert_int_equal(desk_n_held(d, OPENCODE_SESSION_MESSAGE), 0);
        looked(d, ABORTED);
        second = prompt_id(d);
        assert_string_equal(json_str(prompt(d)->args, "text"), "fix it");
        assert_string_not_equal(first, second);
        desk_expect(d, "session", "data.queue.0.text", "later");
        assert_int_equal(desk_times(d, "was not sent"), 0);
}

static void test_answered_while_it_was_aborted(void **state)
{
        Desk *d = *state;

        start(d, "null");
        take_prompt(d);
        say(d, "!retry", "3.3");
        desk_end(d, desk_held(d, OPENCODE_SESSION_ABORT, 0), ASK_OK, "{}");
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                 "{'status':{'type':'busy'},'messages':[]}");
        looked(d, ANSWER);
        assert_int_equal(desk_n_held(d, OPENCODE_SESSION_MESSAGE), 0);
        desk_expect(d, "session", "data.state", "idle");
        assert_int_equal(desk_times(d, "\"text\":\"Done.\",\"blocks\""), 1);
}

static void test_stop_is_more_than_again(void **state)
{
        Desk *d = *state;

        start(d, "null");
        take_prompt(d);
        say(d, "!retry", "3.3");
        say(d, "!stop", "4.4");
        desk_end(d, desk_held(d, OPENCODE_SESSION_ABORT, 0), ASK_OK, "{}");
        desk_end(d, desk_held(d, OPENCODE_SESSION_ABORT, 0), ASK_OK, "{}");
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                 "{'status':{'type':'busy'},'messages':[]}");
        looked(d, ABORTED);
        assert_int_equal(desk_n_held(d, OPENCODE_SESSION_MESSAGE), 0);
        desk_expect(d, "session", "data.state", "stopped");
        say(d, "!retry", "5.5"); /* what was stopped may be sent again */
        assert_string_equal(json_str(prompt(d)->args, "text"), "fix it");
}

static void test_fallback_begins(void **state)
{
        Desk *d = *state;

        start(d, "{'decision':{'model':'claude'}}");
        take_prompt(d);
        desk_tell(d, OC, NULL, "oc.session.retry", "{'session_id':'ses_1','attempt':1,'message':'busy'}");
        assert_int_equal(desk_n_held(d, GATEWAY_MODELS), 0);
        desk_tell(d, OC, NULL, "oc.session.retry", "{'session_id':'ses_1','attempt':2,'message':'busy'}");
        desk_tell(d, OC, NULL, "oc.session.retry", "{'session_id':'ses_1','attempt':3,'message':'busy'}");
        assert_int_equal(desk_n_held(d, GATEWAY_MODELS), 1); /* one question for one turn */
        desk_expect(d, "fallback", "data.model", "a/c");
        desk_end(d, desk_held(d, GATEWAY_MODELS, 0), ASK_OK, "{'profiles':" PROFILES "}%s", "");
        desk_tell(d, "fallback:none", NULL, "x", "{}");
        desk_expect(d, "fallback", "step", "offering");
        looked(d, BROKEN); /* and then it gave up */
        desk_expect(d, "fallback", "data.trying", "false");
        desk_expect(d, "session", "data.failed.text", "fix it");
        say(d, "something else", "2.2");
        desk_expect(d, "fallback", "data.outcome", "moved_on");
        desk_expect(d, "session", "data.failed", "(none)");
}

static void test_no_fallback(void **state)
{
        Desk *d = *state;

        start(d, "null");
        take_prompt(d);
        looked(d, "'finish':'error','text':'','error':{'name':'ContextOverflowError','message':'too long'}");
        assert_int_equal(desk_n_held(d, GATEWAY_MODELS), 0);
        desk_expect(d, "session", "data.failed.fallback", "false");
        desk_tell(d, SESSION, NULL, "session.retry", "{'user':'U0ANN'}");
        assert_string_equal(json_str(prompt(d)->args, "text"), "fix it");
        take_prompt(d);
        looked(d, ANSWER);
        desk_forget(d);
        desk_tell(d, SESSION, NULL, "session.retry", "{'user':'U0ANN'}");
        assert_true(desk_times(d, "The last turn did not fail") > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(_test) cmocka_unit_test_setup_teardown(_test, setup, teardown)
                T(test_nobody_says_what_is_offered),
                T(test_choices),
                T(test_menu),
                T(test_abort_first),
                T(test_answered_while_it_was_aborted),
                T(test_stop_is_more_than_again),
                T(test_fallback_begins),
                T(test_no_fallback),
                cmocka_unit_test_teardown(test_roles, teardown),
        };

        json_setup();
        return cmocka_run_group_tests_name("core-choice", tests, NULL, NULL);
}
