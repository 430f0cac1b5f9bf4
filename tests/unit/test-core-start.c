/* From a task to its session: at once, or over a form that may be closed, come too late, or be refused by
 * what follows; whatever happens, what was typed is still there. */
#include "core-desk.h"

#include "core/start-form.h"
#include "integrations/workspace/workspace-asks.h"

#define LIST                                                                                                 \
        "{'complete':true,'repositories':[{'name':'web'}],"                                                  \
        "'projects':[{'id':'0012','title':'Landing page','category':'site','repositories':['web'],'active':true}]}"
#define ASKED(_text)                                                                                         \
        "{'user':'U0ANN','channel':'C1','text':'" _text                                                      \
        "','trigger_id':'t1','response_url':'https://r','at_once':true,'defaults':{'directory':'/r'}}"
#define SENT(_title)                                                                                                            \
        "{'user':'U0ANN','allowed':true,'callback_id':'start.form','values':{'title':{'value':{'value':'" _title                \
        "'}},'description':{'value':{'value':'Why: it is ugly.'}},'project':{'value':{'selected_option':{'value':'0012'}}},"    \
        "'repositories':{'value':{'selected_options':[{'value':'web'}]}},'agent':{'value':{'selected_option':{'value':'pm'}}}," \
        "'priority':{'value':{'selected_option':{'value':'high'}}},'channel':{'value':{'selected_conversation':'C2'}}}}"

static int setup(void **state)
{
        Desk *d = desk_new(core_flow_kinds);

        *state = d;
        return 0;
}

static int teardown(void **state)
{
        desk_free(*state);
        return 0;
}

static char *self(Desk *d)
{
        _cleanup_json_ json_t *flow = desk_flow(d, "start");

        return mem_printf("flow:%s", json_str_or(flow, "ref", ""));
}

static void offer(Desk *d, const char *what)
{
        desk_end(d, desk_held(d, GATEWAY_OFFER, 0), ASK_OK, "%s", what);
}

/* The view that Slack is asked to open; ends that ask. */
static json_t *opened(Desk *d)
{
        Ask *ask = desk_held(d, SLACK_VIEW_OPEN, 0);
        json_t *view = json_deep_copy(json_at(ask->args, "view"));

        desk_end(d, ask, ASK_OK, "{'view_id':'V1'}");
        return view;
}

static void ask_for(Desk *d, const char *format)
{
        desk_tell(d, "cmd:1", "start", "start.asked", "%s", format);
}

static const json_t *element_of(const json_t *view, const char *field)
{
        json_t *block;
        size_t i;

        json_array_foreach (json_object_get(view, "blocks"), i, block)
                if (str_equal(json_str(block, "block_id"), field))
                        return json_object_get(block, "element");
        return NULL;
}

/* ---- at once ---- */

static void test_enough_is_known(void **state)
{
        static const struct {
                const char *asked, *offer, *project;
        } cases[] = {
                {ASKED("fix the typo"), "{}", "(none)"}, /* there is no list: nothing to ask */
                {ASKED("0012 new colours"), LIST, "0012"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Desk *d = desk_new(core_flow_kinds);

                ask_for(d, cases[i].asked);
                offer(d, cases[i].offer);
                assert_int_equal(desk_n_held(d, SLACK_VIEW_OPEN), 0);
                desk_expect(d, "start", "step", "handed");
                desk_expect(d, "session", "data.task.project.id", cases[i].project);
                desk_expect(d, "session", "data.channel", "C1");
                desk_expect(d, "session", "data.routing.decision.agent", "builder");
                desk_expect(d, "session", "data.defaults.directory", "/r");
                desk_end(d, desk_held(d, SLACK_POST, 0), ASK_OK, "{'ts':'200.1','channel':'C1'}");
                desk_expect(d, "start", "step", "(none)");
                desk_free(d);
        }
}

static void test_the_text_is_said_as_it_was(void **state)
{
        Desk *d = *state;

        ask_for(d, ASKED("fix it\\n\\n* one\\n* two"));
        offer(d, "{}");
        desk_expect(d, "session", "data.title", "fix it");
        desk_expect(d, "session", "data.queue.0.text", "fix it\n\n* one\n* two");
}

/* ---- the form ---- */

static void test_without_text_there_is_a_form(void **state)
{
        Desk *d = *state;
        _cleanup_free_ char *address = NULL;
        _cleanup_json_ json_t *view = NULL;

        ask_for(d, ASKED(""));
        offer(d, LIST);
        assert_string_equal(json_str(desk_held(d, SLACK_VIEW_OPEN, 0)->args, "trigger_id"), "t1");
        view = opened(d);
        assert_string_equal(json_str(element_of(view, "channel"), "initial_conversation"), "C1");
        assert_null(json_str(element_of(view, "title"), "initial_value"));
        address = self(d);
        assert_string_equal(json_str(view, "private_metadata"), address + 5);
        desk_tell(d, address, NULL, "slack.view", SENT("New colours"));
        offer(d, LIST);
        desk_expect(d, "session", "data.title", "New colours");
        desk_expect(d, "session", "data.channel", "C2");
        desk_expect(d, "session", "data.queue.0.text", "New colours\n\nWhy: it is ugly.");
        desk_expect(d, "session", "data.task.project.title", "Landing page");
        desk_expect(d, "session", "data.task.repositories", "[\"web\"]");
        desk_expect(d, "session", "data.task.priority", "high");
        desk_expect(d, "session", "data.task.agent", "pm");
        desk_expect(d, "session", "data.routing.override.agent", "pm");
        desk_expect(d, "session", "data.routing.override.user", "U0ANN");
}

/* A list, and nothing in the text that says which project: asked, with what is known. */
static void test_uncertain_text_is_asked_about(void **state)
{
        Desk *d = *state;
        _cleanup_json_ json_t *view = NULL;

        ask_for(d, ASKED("fix the typo"));
        offer(d, LIST);
        view = opened(d);
        assert_string_equal(json_str(element_of(view, "title"), "initial_value"), "fix the typo");
        assert_string_equal(json_str(element_of(view, "category"), "initial_option.value"), "bug");
        assert_string_equal(json_str(element_of(view, "agent"), "initial_option.value"), "builder");
        assert_non_null(strstr(json_str(view, "blocks.0.elements.0.text"), "Agent builder"));
        desk_expect(d, "session", "step", "(none)");
}

/* Slack's three seconds are over: a button, and behind it the same form. */
static void test_too_late_for_the_trigger(void **state)
{
        Desk *d = *state;
        _cleanup_free_ char *address = NULL;
        _cleanup_json_ json_t *view = NULL;

        ask_for(d, ASKED("fix the typo"));
        offer(d, LIST);
        desk_end(d, desk_held(d, SLACK_VIEW_OPEN, 0), ASK_PERMFAIL, "{'error':'expired_trigger_id'}");
        assert_int_equal(desk_times(d, "\"start.open\""), 1);
        assert_int_equal(desk_times(d, "slack.respond"), 1);
        address = self(d);
        desk_tell(
                d, address, NULL, "slack.action",
                "{'user':'U0ANN','allowed':true,'action_id':'start.open','trigger_id':'t2','response_url':'https://r2'}");
        offer(d, LIST);
        assert_string_equal(json_str(desk_held(d, SLACK_VIEW_OPEN, 0)->args, "trigger_id"), "t2");
        view = opened(d);
        assert_string_equal(json_str(element_of(view, "title"), "initial_value"), "fix the typo");
}

static void test_closed_and_opened_again(void **state)
{
        Desk *d = *state;
        _cleanup_free_ char *address = NULL;
        _cleanup_json_ json_t *first = NULL, *view = NULL;

        ask_for(d, ASKED(""));
        offer(d, LIST);
        first = opened(d);
        address = self(d);
        desk_tell(d, address, NULL, "slack.closed", SENT("Half a thought"));
        assert_int_equal(desk_times(d, "Open again"), 1);
        desk_expect(d, "session", "step", "(none)");
        desk_tell(d, address, NULL, "slack.action",
                  "{'user':'U0ANN','allowed':true,'action_id':'start.open','trigger_id':'t2'}");
        offer(d, LIST);
        view = opened(d);
        assert_string_equal(json_str(element_of(view, "title"), "initial_value"), "Half a thought");
        assert_string_equal(json_str(element_of(view, "channel"), "initial_conversation"), "C2");
        assert_string_equal(json_str(element_of(view, "priority"), "initial_option.value"), "high");
}

/* ---- what fails behind the form ---- */

static void test_not_in_the_channel(void **state)
{
        Desk *d = *state;
        _cleanup_free_ char *address = NULL;
        _cleanup_json_ json_t *first = NULL, *view = NULL;

        ask_for(d, ASKED(""));
        offer(d, LIST);
        first = opened(d);
        address = self(d);
        desk_tell(d, address, NULL, "slack.view", SENT("New colours"));
        offer(d, LIST);
        desk_forget(d);
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_PERMFAIL, "{'error':'not_in_channel'}");
        desk_expect(d, "session", "step", "(none)");
        desk_expect(d, "start", "step", "open");
        assert_int_equal(desk_times(d, "Invite me to this channel"),
                         2); /* the text and its block, once told */
        assert_int_equal(desk_times(d, "Open again"), 1);
        desk_tell(d, address, NULL, "slack.action",
                  "{'user':'U0ANN','allowed':true,'action_id':'start.open','trigger_id':'t2'}");
        offer(d, LIST);
        view = opened(d);
        assert_non_null(strstr(json_str(view, "blocks.0.elements.0.text"), "Invite me"));
        assert_string_equal(json_str(element_of(view, "title"), "initial_value"), "New colours");
        desk_tell(d, address, NULL, "slack.view", SENT("New colours"));
        offer(d, LIST);
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_OK, "{'ts':'200.1','channel':'C2'}");
        desk_expect(d, "start", "step", "(none)");
        desk_expect(d, "session", "step", "preparing");
}

static void test_a_repository_vanished(void **state)
{
        Desk *d = *state;
        _cleanup_free_ char *address = NULL;
        _cleanup_json_ json_t *first = NULL;

        ask_for(d, ASKED(""));
        offer(d, LIST);
        first = opened(d);
        address = self(d);
        desk_tell(d, address, NULL, "slack.view", SENT("New colours"));
        offer(d, "{'complete':true,'repositories':[{'name':'other'}],'projects':[{'id':'0012'}]}");
        desk_expect(d, "start", "step", "open");
        desk_expect(d, "start", "data.error", "Not there any more: web. Choose again.");
        desk_expect(d, "session", "step", "(none)");
}

static void test_the_catalogue_is_not_there_yet(void **state)
{
        Desk *d = *state;

        ask_for(d, ASKED("fix the typo"));
        offer(d, "{'complete':false,'repositories':[],'projects':[]}");
        assert_int_equal(desk_n_held(d, SLACK_VIEW_OPEN), 0);
        desk_expect(d, "start", "step", "reading"); /* and asked again, or given up, by a timer */
        desk_expect(d, "session", "step", "(none)");
}

static void test_who_may_not(void **state)
{
        Desk *d = *state;

        desk_tell(d, "cut:1", "start", "start.asked",
                  "{'user':'U0BOB','text':'x','trigger_id':'t','allowed':false,'why':'Not you.'}");
        assert_int_equal(desk_times(d, "Not you."), 2);
        assert_int_equal(desk_times(d, "\"channel\":\"U0BOB\""),
                         1); /* a shortcut is nowhere: said directly */
        desk_expect(d, "start", "step", "(none)");
}

/* ---- editing ---- */

/* A session whose first prompt has not been sent. */
static void begin_session(Desk *d)
{
        ask_for(d, ASKED("fix the typo"));
        offer(d, "{}");
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_OK, "{'ts':'200.1','channel':'C1'}");
        desk_expect(d, "session", "step", "creating");
        desk_tell(d, "thread:C1:200.1", NULL, "slack.action",
                  "{'user':'U0ANN','allowed':true,'action_id':'session.edit','trigger_id':'t2'}");
        offer(d, LIST);
}

static void test_edit_before_the_prompt(void **state)
{
        Desk *d = *state;
        _cleanup_free_ char *address = NULL;
        _cleanup_json_ json_t *view = NULL;

        begin_session(d);
        view = opened(d);
        assert_string_equal(json_str(element_of(view, "title"), "initial_value"), "fix the typo");
        assert_null(element_of(view, "channel"));
        address = self(d);
        desk_forget(d);
        desk_tell(d, address, NULL, "slack.view", SENT("fix the header"));
        offer(d, LIST);
        desk_expect(d, "start", "step", "(none)");
        desk_expect(d, "session", "data.title", "fix the header");
        desk_expect(d, "session", "data.queue.0.text", "fix the header\n\nWhy: it is ugly.");
        desk_expect(d, "session", "data.task.repositories", "[\"web\"]");
        desk_expect(d, "session", "data.routing.override.agent", "pm");
        assert_int_equal(desk_times(d, "stay as they were"), 0);
}

static void test_edit_when_it_works_already(void **state)
{
        Desk *d = *state;
        _cleanup_free_ char *address = NULL;
        _cleanup_json_ json_t *view = NULL;

        begin_session(d);
        view = opened(d);
        address = self(d);
        desk_end(d, desk_held(d, OPENCODE_SESSION_CREATE, 0), ASK_OK,
                 "{'session':{'id':'ses_1','directory':'/r'}}");
        desk_forget(d);
        desk_tell(d, address, NULL, "slack.view", SENT("fix the header"));
        offer(d, LIST);
        desk_expect(d, "session", "data.title", "fix the header");
        desk_expect(d, "session", "data.task.repositories", "[]");
        desk_expect(d, "session", "data.task.project", "(none)");
        desk_expect(d, "session", "data.task.priority", "high");
        assert_true(desk_times(d, "stay as they were") > 0);
        assert_true(desk_times(d, "has read the description already") > 0);
}

/* Somebody named a model in full, which the form cannot show: it is not lost by an edit. */
static void test_edit_after_a_tap(void **state)
{
        Desk *d = *state;
        _cleanup_free_ char *address = NULL;
        _cleanup_json_ json_t *view = NULL;

        ask_for(d, ASKED("fix the typo"));
        offer(d, "{}");
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_OK, "{'ts':'200.1','channel':'C1'}");
        desk_tell(d, "thread:C1:200.1", NULL, "session.edited",
                  "{'user':'U0BOB','task':{'title':'fix the typo','agent':'builder'},"
                  "'routing':{'override':{'agent':'pm','model':'provider/large','user':'U0BOB'}}}");
        desk_expect(d, "session", "data.routing.override.model", "provider/large");
        desk_tell(d, "thread:C1:200.1", NULL, "slack.action",
                  "{'user':'U0ANN','allowed':true,'action_id':'session.edit','trigger_id':'t2'}");
        offer(d, LIST);
        view = opened(d);
        assert_string_equal(json_str(element_of(view, "agent"), "initial_option.value"), "pm");
        address = self(d);
        desk_tell(
                d, address, NULL, "slack.view",
                "{'user':'U0ANN','allowed':true,'values':{'title':{'value':{'value':'fix the typo'}},'model':{'value':{'selected_option':{'value':'auto'}}},"
                "'agent':{'value':{'selected_option':{'value':'builder'}}}}}");
        offer(d, LIST);
        desk_expect(d, "session", "data.task.agent", "builder");
        desk_expect(d, "session", "data.routing.override.agent", "(none)"); /* as the words say */
        desk_expect(d, "session", "data.routing.override.model", "provider/large");
}

/* The workspace cannot be made: another repository in the form, and it goes on without a further word. */
static void test_edit_of_what_could_not_begin(void **state)
{
        Desk *d = *state;
        _cleanup_free_ char *address = NULL;
        _cleanup_json_ json_t *view = NULL;

        ask_for(d, ASKED("0012 new colours"));
        offer(d, LIST);
        desk_end(d, desk_held(d, SLACK_POST, 0), ASK_OK, "{'ts':'200.1','channel':'C1'}");
        desk_expect(d, "session", "step", "preparing");
        desk_end(d, desk_held(d, WORKSPACE_CREATE, 0), ASK_PERMFAIL,
                 "{'error':'no_commits','message':'web has no commits yet'}");
        desk_expect(d, "session", "step", "broken");
        desk_tell(d, "thread:C1:200.1", NULL, "slack.action",
                  "{'user':'U0ANN','allowed':true,'action_id':'session.edit','trigger_id':'t2'}");
        offer(d, LIST);
        view = opened(d);
        address = self(d);
        desk_tell(
                d, address, NULL, "slack.view",
                "{'user':'U0ANN','allowed':true,'values':{'title':{'value':{'value':'new colours'}},'repositories':{'value':{'selected_options':[]}}}}");
        offer(d, LIST);
        desk_expect(d, "session", "data.task.repositories", "[]");
        desk_expect(d, "session", "step", "creating");
}

int main(void)
{
#define test(_fn) cmocka_unit_test_setup_teardown(_fn, setup, teardown)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_enough_is_known),
                test(test_the_text_is_said_as_it_was),
                test(test_without_text_there_is_a_form),
                test(test_uncertain_text_is_asked_about),
                test(test_too_late_for_the_trigger),
                test(test_closed_and_opened_again),
                test(test_not_in_the_channel),
                test(test_a_repository_vanished),
                test(test_the_catalogue_is_not_there_yet),
                test(test_who_may_not),
                test(test_edit_before_the_prompt),
                test(test_edit_when_it_works_already),
                test(test_edit_after_a_tap),
                test(test_edit_of_what_could_not_begin),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
