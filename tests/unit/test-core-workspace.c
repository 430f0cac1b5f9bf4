/* A session's workspace: prepared, removed, and a session that comes back from its document. */
#include "core-desk.h"

#include "core/cards-cleanup.h"

#define MADE                                                                                                 \
        "{'name':'0012-limits','path':'/b/0012-limits','branch':'feature/0012-limits','ms':1200,"            \
        "'repositories':[{'name':'api','path':'/b/0012-limits/api'},{'name':'web','path':'/b/0012-limits/web'}]}"

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

static void start(Desk *d, const char *repositories)
{
        desk_tell(
                d, "cmd:1", "session", "slack.start",
                "{'user':'U1','channel':'C1','text':'Add rate limits','defaults':{'directory':'/repo','state':true},"
                "'task':{'project':{'id':'0012'},'repositories':[%s]}}",
                repositories);
}

static void test_no_repositories_no_workspace(void **state)
{
        Desk *d = *state;

        start(d, "");
        desk_expect(d, "session", "step", "creating");
        assert_int_equal(desk_n_held(d, WORKSPACE_CREATE), 0);
        assert_string_equal(json_str(desk_held(d, OPENCODE_SESSION_CREATE, 0)->args, "directory"), "/repo");
}

static void test_workspace_comes_before_the_session(void **state)
{
        Desk *d = *state;
        const json_t *args;

        start(d, "'api','web'");
        desk_expect(d, "session", "step", "preparing");
        assert_int_equal(desk_n_held(d, OPENCODE_SESSION_CREATE), 0);
        args = desk_held(d, WORKSPACE_CREATE, 0)->args;
        assert_string_equal(json_str(args, "project"), "0012");
        assert_string_equal(json_str(args, "slug"), "add-rate-limits");
        assert_int_equal(json_array_size(json_at(args, "repositories")), 2);
        assert_true(json_bool(args, "unique"));
        assert_int_equal(desk_times(d, "Preparing the workspace: api, web\""), 2); /* text and block */

        desk_end(d, desk_held(d, WORKSPACE_CREATE, 0), ASK_OK, MADE);
        desk_expect(d, "session", "step", "creating");
        desk_expect(d, "session", "data.workspace.branch", "feature/0012-limits");
        /* Two repositories: the agent works above them. */
        assert_string_equal(json_str(desk_held(d, OPENCODE_SESSION_CREATE, 0)->args, "directory"),
                            "/b/0012-limits");
}

static void test_one_repository_is_the_directory(void **state)
{
        Desk *d = *state;

        start(d, "'api'");
        desk_end(
                d, desk_held(d, WORKSPACE_CREATE, 0), ASK_OK,
                "{'name':'n','path':'/b/n','branch':'feature/n','repositories':[{'name':'api','path':'/b/n/api'}]}");
        assert_string_equal(json_str(desk_held(d, OPENCODE_SESSION_CREATE, 0)->args, "directory"),
                            "/b/n/api");
}

static void test_failure_is_told_and_a_reply_tries_again(void **state)
{
        Desk *d = *state;
        _cleanup_json_ json_t *flow = NULL;
        _cleanup_free_ char *thread = NULL;

        start(d, "'api'");
        desk_end(
                d, desk_held(d, WORKSPACE_CREATE, 0), ASK_PERMFAIL,
                "{'error':'no_commits','message':'api has no commits yet. Make a first one, then try again.'}");
        desk_expect(d, "session", "step", "broken");
        desk_expect(d, "session", "data.state", "failed");
        assert_true(desk_times(d, "api has no commits yet.") > 0);
        flow = desk_flow(d, "session");
        thread = mem_printf("thread:C1:%s", json_str_or(flow, "data.thread_ts", ""));
        desk_tell(d, thread, NULL, "slack.message",
                  "{'user':'U1','channel':'C1','ts':'900.1','text':'again'}");
        desk_expect(d, "session", "step", "preparing");
        assert_int_equal(desk_n_held(d, WORKSPACE_CREATE), 1);
}

static void test_made_after_a_stop_is_used_by_the_next_reply(void **state)
{
        Desk *d = *state;
        _cleanup_json_ json_t *flow = NULL;
        _cleanup_free_ char *thread = NULL;

        start(d, "'api','web'");
        flow = desk_flow(d, "session");
        thread = mem_printf("thread:C1:%s", json_str_or(flow, "data.thread_ts", ""));
        desk_tell(d, thread, NULL, "slack.message",
                  "{'user':'U1','channel':'C1','ts':'900.1','text':'!stop'}");
        desk_expect(d, "session", "step", "broken");
        desk_end(d, desk_held(d, WORKSPACE_CREATE, 0), ASK_OK, MADE);
        desk_expect(d, "session", "data.workspace.name", "0012-limits");
        desk_tell(d, thread, NULL, "slack.message",
                  "{'user':'U1','channel':'C1','ts':'901.1','text':'go on'}");
        desk_expect(d, "session", "step", "creating");
}

/* ---- its document ---- */

/* To where the first turn is over; returns the thread's address (owned). */
static char *to_idle(Desk *d)
{
        _cleanup_json_ json_t *flow = NULL;
        const char *id;

        start(d, "'api','web'");
        desk_end(d, desk_held(d, WORKSPACE_CREATE, 0), ASK_OK, MADE);
        desk_end(d, desk_held(d, OPENCODE_SESSION_CREATE, 0), ASK_OK,
                 "{'session':{'id':'ses_1','directory':'/b/0012-limits'}}");
        desk_end(d, desk_held(d, SLACK_USER, 0), ASK_OK, "{'name':'ann'}");
        desk_end(d, desk_held(d, OPENCODE_SESSION_MESSAGE, 0), ASK_OK, "{}");
        flow = desk_flow(d, "session");
        id = json_str_or(flow, "data.turn.message_id", "");
        desk_tell(d, "oc:ses_1", NULL, "oc.session.idle", "{'session_id':'ses_1'}");
        desk_end(
                d, desk_held(d, OPENCODE_SESSION_MESSAGES, 0), ASK_OK,
                "{'messages':[{'id':'%s','role':'user','text':'x'},{'id':'m2','role':'assistant','parent_id':'%s',"
                "'completed_ms':5,'finish':'stop','text':'Done.'}],'status':{'type':'idle'}}",
                id, id);
        desk_expect(d, "session", "step", "idle");
        return mem_printf("thread:C1:%s", json_str_or(flow, "data.thread_ts", ""));
}

/* Writes and commits of one session follow each other: all of them succeed. */
static void keep_all(Desk *d)
{
        while (desk_n_held(d, STATE_WRITE) + desk_n_held(d, STATE_COMMIT) > 0)
                desk_end(d,
                         desk_n_held(d, STATE_WRITE) ? desk_held(d, STATE_WRITE, 0)
                                                     : desk_held(d, STATE_COMMIT, 0),
                         ASK_OK, "{}");
}

static void test_state_is_written_when_it_changes_and_committed_once(void **state)
{
        Desk *d = *state;
        size_t n_commits;
        const json_t *args;

        free(to_idle(d));
        n_commits = desk_n_held(d, STATE_COMMIT);
        assert_true(desk_n_held(d, STATE_WRITE) + n_commits > 0);
        args = desk_n_held(d, STATE_WRITE) ? desk_held(d, STATE_WRITE, 0)->args
                                           : desk_held(d, STATE_COMMIT, 0)->args;
        assert_string_equal(json_str(args, "document.title"), "Add rate limits");
        assert_non_null(strstr(json_str(args, "session"), "-add-rate-limits-"));
        assert_string_equal(json_str(args, "document.task.project.id"), "0012");
        keep_all(d);
        assert_int_equal(desk_times(d, "\"milestone\":\"session_created\""), 1);
        /* Nothing new, nothing written. */
        desk_forget(d);
        desk_tell(d, "oc:ses_1", NULL, "oc.session.idle", "{'session_id':'ses_1'}");
        assert_int_equal(desk_times(d, STATE_WRITE), 0);
}

static void test_write_that_fails_is_told_once(void **state)
{
        Desk *d = *state;
        unsigned n = 0;

        free(to_idle(d));
        while (desk_n_held(d, STATE_WRITE) + desk_n_held(d, STATE_COMMIT) > 0 && n++ < 20)
                desk_end(d,
                         desk_n_held(d, STATE_WRITE) ? desk_held(d, STATE_WRITE, 0)
                                                     : desk_held(d, STATE_COMMIT, 0),
                         ASK_PERMFAIL, "{'error':'permission','message':'the directory may not be written'}");
        assert_int_equal(desk_times(d, "could not be written down: the directory may not be written"), 2);
}

static void test_a_document_becomes_a_session_again(void **state)
{
        Desk *d = *state;

        desk_tell(
                d, "thread:C1:100.1", "session", "session.restored",
                "{'name':'2026-01-01-x-abcdef','defaults':{'directory':'/repo','state':true},'document':{"
                "'ref':'00000000000000aa','title':'Old','state':'working','created_by':{'user':'U1'},'usage':{'prompts':3},"
                "'slack':{'channel':'C1','thread_ts':'100.1','card_ts':'100.2','heard':'150.000001'},"
                "'opencode':{'session_id':'ses_9','directory':'/b/x'},"
                "'under_way':{'n':3,'user':'U1','ts':'150.1','text':'go on','message_id':'msg_old'}}}");
        /* What was under way is asked again under its old name; what was said since is read. */
        desk_expect(d, "session", "step", "working");
        assert_string_equal(json_str(desk_held(d, GATEWAY_CATCH_UP, 0)->args, "from"), "150.000002");
        desk_end(d, desk_held(d, GATEWAY_CATCH_UP, 0), ASK_OK,
                 "{'n_read':0,'n_new':0,'concerned':[],'threads':[],'missing':[]}");
        desk_end(d, desk_held(d, SLACK_USER, 0), ASK_OK, "{'name':'ann'}");
        assert_string_equal(json_str(desk_held(d, OPENCODE_SESSION_MESSAGE, 0)->args, "message_id"),
                            "msg_old");
        /* What OpenCode tells finds it. */
        desk_tell(
                d, "oc:ses_9", NULL, "oc.permission.asked",
                "{'session_id':'ses_9','permission':{'id':'per_1','permission':'bash','patterns':[],'metadata':{}}}");
        desk_expect(d, "permission", "step", "open");
        /* The card that is there is edited, no second one is posted. */
        assert_true(desk_times(d, "\"ts\":\"100.2\"") > 0);
}

static void test_an_answered_question_is_a_milestone(void **state)
{
        Desk *d = *state;

        free(to_idle(d));
        desk_tell(
                d, "oc:ses_1", NULL, "oc.question.asked",
                "{'session_id':'ses_1','question':{'id':'que_1','questions':[{'question':'Blue?','header':'h',"
                "'options':[{'label':'Yes','description':''}],'multiple':false,'custom':false}]}}");
        desk_tell(d, "que:que_1", NULL, "request.replied", "{'question_id':'que_1','answers':[['Yes']]}");
        keep_all(d);
        assert_int_equal(desk_times(d, "\"milestone\":\"question_answered\""), 1);
        desk_expect(d, "session", "data.document.questions.0.answers", "[[\"Yes\"]]");
        desk_expect(d, "session", "data.document.questions.0.questions", "[\"Blue?\"]");
}

static void test_a_document_without_a_thread_is_refused(void **state)
{
        Desk *d = *state;
        _cleanup_json_ json_t *flow = NULL;

        desk_tell(d, "thread:C1:100.1", "session", "session.restored",
                  "{'name':'x','document':{'ref':'aa'}}");
        flow = desk_flow(d, "session");
        assert_null(flow);
}

/* ---- cleanup ---- */

#define RISKY                                                                                                               \
        "{'name':'0012-limits','path':'/b/0012-limits','at_risk':true,'files_beside':[],'repositories':["                   \
        "{'name':'api','branch':'feature/0012-limits','dirty':2,'dirty_files':['a.c','b.c'],'only_here':1,'at_risk':true}," \
        "{'name':'web','branch':'feature/0012-limits','dirty':0,'dirty_files':[],'only_here':0,'at_risk':false}]}"

static void begin_cleanup(Desk *d, const char *thread)
{
        desk_tell(d, thread, NULL, "slack.message",
                  "{'user':'U1','channel':'C1','ts':'950.1','text':'!cleanup'}");
        desk_expect(d, "cleanup", "step", "looking");
}

static void click(Desk *d, const char *event, const char *data)
{
        _cleanup_json_ json_t *flow = desk_flow(d, "cleanup");
        _cleanup_free_ char *address = mem_printf("flow:%s", json_str_or(flow, "ref", ""));

        desk_tell(d, address, NULL, event, "%s", data);
}

static void test_cleanup_without_risk(void **state)
{
        Desk *d = *state;
        _cleanup_free_ char *thread = to_idle(d);

        begin_cleanup(d, thread);
        desk_end(
                d, desk_held(d, WORKSPACE_INSPECT, 0), ASK_OK,
                "{'name':'0012-limits','at_risk':false,'files_beside':[],'repositories':[{'name':'api','branch':'f'}]}");
        desk_expect(d, "cleanup", "step", "offered");
        click(d, "slack.action",
              "{'user':'U2','action_id':'cleanup.remove','allowed':false,'why':'Not you.'}");
        desk_expect(d, "cleanup", "step", "offered");
        click(d, "slack.action", "{'user':'U1','action_id':'cleanup.remove','allowed':true}");
        desk_expect(d, "cleanup", "step", "removing");
        desk_end(d, desk_held(d, WORKSPACE_REMOVE, 0), ASK_OK,
                 "{'name':'0012-limits','repositories':[{'name':'api','branch':'f','branch_deleted':true}]}");
        desk_expect(d, "cleanup", "step", "over");
        desk_expect(d, "session", "step", "broken");
        desk_expect(d, "session", "data.workspace", "(none)");
        desk_expect(d, "session", "data.state", "stopped");
        keep_all(d);
        assert_int_equal(desk_times(d, "\"milestone\":\"session_ended\""), 1);
        /* A reply begins anew. */
        desk_tell(d, thread, NULL, "slack.message",
                  "{'user':'U1','channel':'C1','ts':'960.1','text':'more'}");
        desk_expect(d, "session", "step", "preparing");
}

static void test_work_at_risk_wants_its_names(void **state)
{
        Desk *d = *state;
        _cleanup_free_ char *thread = to_idle(d);

        begin_cleanup(d, thread);
        desk_end(d, desk_held(d, WORKSPACE_INSPECT, 0), ASK_OK, RISKY);
        /* A forged click on a button that is not there does nothing. */
        click(d, "slack.action", "{'user':'U1','action_id':'cleanup.remove','allowed':true}");
        desk_expect(d, "cleanup", "step", "offered");
        click(d, "slack.action",
              "{'user':'U1','action_id':'cleanup.confirm','allowed':true,'trigger_id':'t'}");
        assert_int_equal(desk_times(d, "Type the names to say so"), 1);
        click(d, "slack.view", "{'user':'U1','allowed':true,'values':{'names':{'text':{'value':'web'}}}}");
        desk_expect(d, "cleanup", "step", "offered");
        click(d, "slack.view", "{'user':'U1','allowed':true,'values':{'names':{'text':{'value':' api '}}}}");
        desk_expect(d, "cleanup", "step", "removing");
        desk_expect(d, "cleanup", "data.confirm", "[\"api\"]");
        /* Somebody committed meanwhile: shown anew, nothing decided. */
        desk_end(d, desk_held(d, WORKSPACE_REMOVE, 0), ASK_PERMFAIL,
                 "{'error':'would_lose_work','message':'web has changed','inspection':" RISKY "}");
        desk_expect(d, "cleanup", "step", "offered");
        click(d, "slack.action", "{'user':'U1','action_id':'cleanup.keep','allowed':true}");
        desk_expect(d, "cleanup", "step", "over");
        desk_expect(d, "session", "step", "idle");
}

static void test_cleanup_waits_for_the_agent(void **state)
{
        Desk *d = *state;
        _cleanup_free_ char *thread = to_idle(d);
        _cleanup_json_ json_t *flow = NULL;

        desk_tell(d, thread, NULL, "slack.message",
                  "{'user':'U1','channel':'C1','ts':'940.1','text':'work'}");
        desk_tell(d, thread, NULL, "slack.message",
                  "{'user':'U1','channel':'C1','ts':'950.1','text':'!cleanup'}");
        flow = desk_flow(d, "cleanup");
        assert_null(flow);
        assert_true(desk_times(d, "The agent is at work in the workspace") > 0);
}

static void test_names(void **state)
{
        static const struct {
                const char *at_risk, *typed, *wrong; /* NULL = right */
        } cases[] = {
                {"[]", "", NULL},
                {"['api']", "api", NULL},
                {"['api','web']", "web, api", NULL},
                {"['api','web']", "api;web\n", NULL},
                {"['api','web']", "api", "`web` was not named"},
                {"['api']", "", "`api` was not named"},
                {"['api']", NULL, "`api` was not named"},
                {"['api']", "api web", "`web` is none"},
                {"['api']", "ap", "`ap` is none"},
                {"['api','.']", "api .", NULL},
                {"['api','.']", "api", "`.` was not named"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ json_t *at_risk = desk_json("%s", cases[i].at_risk);
                _cleanup_free_ char *wrong = cleanup_check_names(at_risk, cases[i].typed);

                if (cases[i].wrong ? !wrong || !strstr(wrong, cases[i].wrong) : wrong != NULL)
                        fail_msg("%s typed as \"%s\": %s", cases[i].at_risk, cases[i].typed, wrong);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_no_repositories_no_workspace, setup, teardown),
                cmocka_unit_test_setup_teardown(test_workspace_comes_before_the_session, setup, teardown),
                cmocka_unit_test_setup_teardown(test_one_repository_is_the_directory, setup, teardown),
                cmocka_unit_test_setup_teardown(test_failure_is_told_and_a_reply_tries_again, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(test_made_after_a_stop_is_used_by_the_next_reply, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(test_state_is_written_when_it_changes_and_committed_once,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(test_write_that_fails_is_told_once, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_document_becomes_a_session_again, setup, teardown),
                cmocka_unit_test_setup_teardown(test_an_answered_question_is_a_milestone, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_document_without_a_thread_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cleanup_without_risk, setup, teardown),
                cmocka_unit_test_setup_teardown(test_work_at_risk_wants_its_names, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cleanup_waits_for_the_agent, setup, teardown),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
