/* Lists of sessions and the app's own page: what stands where, what a number or a word means, and how the
 * page follows what happens. */
#include "core-desk.h"

#include "blockkit-check.h"
#include "core/cards-list.h"
#include "core/home.h"

#define MINUTE 60000

#define ROW(_ref, _user, _title, _state, _open)                                                              \
        "{'ref':'" _ref "','updated_ms':0,'permalink':'https://acme.slack.com/archives/C1/p" _ref            \
        "','data':{'user':'" _user "','title':'" _title "','state':'" _state "','open':{" _open "}}}"
#define OPEN "'00ff':{'what':'permission to run `npm test`'}"

#define SESSIONS                                                                                             \
        "[" ROW("1", "U0ANN", "Paint the shed", "idle",                                                      \
                "") "," ROW("2", "U0BOB", "Mow the lawn", "waiting",                                         \
                            OPEN) "," ROW("3", "U0ANN", "Feed the cat", "working",                           \
                                          "") "," ROW("4", "U0ANN", "Paint the fence", "waiting",            \
                                                      OPEN) "," ROW("5", "U0BOB", "Wash", "failed", "") "]"

static char *visible(const json_t *value)
{
        return blockkit_visible_text(json_object_get(value, "blocks"));
}

static void expect_says(const json_t *value, const char *text, bool says)
{
        _cleanup_free_ char *all = visible(value);

        if ((strstr(all, text) != NULL) != says)
                fail_msg("%s%s in: %s", says ? "not " : "", text, all);
}

static void expect_sound(const json_t *message)
{
        _cleanup_free_ char *error = blockkit_check_message(message, BLOCKKIT_CARD);

        if (error)
                fail_msg("%s", error);
}

/* ---- lists ---- */

static void test_order(void **state)
{
        static const struct {
                const char *user;
                bool everybody, busy_only;
                const char *refs;
        } cases[] = {
                {"U0ANN", false, false, "431"}, {"U0ANN", true, false, "42315"},
                {"U0ANN", false, true, "43"},   {"U0BOB", true, false, "24315"},
                {"U0BOB", false, false, "25"},  {"U0EVE", false, false, ""},
        };
        _cleanup_json_ json_t *sessions = desk_json("%s", SESSIONS);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ListModel m = {.sessions = sessions,
                               .user = cases[i].user,
                               .everybody = cases[i].everybody,
                               .busy_only = cases[i].busy_only};
                _cleanup_json_ json_t *ordered = list_order(&m);
                _cleanup_buf_ Buf refs = {0};
                json_t *row;
                size_t k;

                json_array_foreach (ordered, k, row)
                        buf_append_str(&refs, json_str(row, "ref"));
                assert_string_equal(buf_len(&refs) ? buf_bytes(&refs) : "", cases[i].refs);
        }
}

static void test_list(void **state)
{
        _cleanup_json_ json_t *sessions = desk_json("%s", SESSIONS), *list = NULL, *none = NULL,
                              *nothing = json_array();

        list = card_list(
                &(ListModel){.sessions = sessions, .user = "U0ANN", .everybody = true, .now_ms = 5 * MINUTE});
        expect_sound(list);
        expect_says(list, "Waiting for you", true);
        expect_says(list, "1  \n", true);
        expect_says(list, "Paint the fence", true);
        expect_says(list, " \xC2\xB7 5 min", true);
        expect_says(list, "and ", false);
        none = card_list(&(ListModel){.sessions = nothing, .user = "U0ANN"});
        expect_sound(none);
        expect_says(none, "/opencode start", true);
}

/* Many sessions, hostile titles and addresses: within Slack's limits, and inert. */
static void test_list_of_anything(void **state)
{
        static const char *const titles[] = {"<!channel> & <@U1>", "", "*bold* `code", "\xE2\x80\xAEx",
                                             "a\nb\tc"};
        _cleanup_json_ json_t *sessions = json_array(), *list = NULL;

        for (int i = 0; i < 200; i++)
                json_array_append_new(sessions,
                                      json_pack("{s:s, s:s, s:{s:s, s:s, s:s}}", "ref", "1", "permalink",
                                                i % 2 ? "javascript:x" : "https://a.example/x", "data",
                                                "user", i % 3 ? "U0ANN" : "nobody <x>", "title",
                                                titles[i % 5], "state", i % 7 ? "idle" : "strange"));
        list = card_list(&(ListModel){.sessions = sessions, .user = "U0ANN", .everybody = true, .now_ms = 1});
        expect_sound(list);
        expect_says(list, "and 180 more", true);
}

static void test_pick(void **state)
{
        static const struct {
                const char *what, *ref;
                bool many;
        } cases[] = {
                {"1", "4", false},        {"3", "1", false},
                {"4", NULL, false},       {"0", NULL, false},
                {"99999", NULL, false},   {"feed", "3", false},
                {"Paint", NULL, true},    {"PAINT THE SHED", "1", false},
                {"nothing", NULL, false}, {"  ", NULL, false},
        };
        _cleanup_json_ json_t *sessions = desk_json("%s", SESSIONS),
                              *ordered = list_order(&(ListModel){.sessions = sessions, .user = "U0ANN"});

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                bool many;
                const json_t *row = list_pick(ordered, cases[i].what, &many);

                assert_string_equal(json_str_or(row, "ref", "(none)"),
                                    cases[i].ref ? cases[i].ref : "(none)");
                assert_int_equal(many, cases[i].many);
        }
}

/* ---- the page ---- */

static void expect_view(const json_t *view)
{
        _cleanup_free_ char *error = blockkit_check_view(view);

        if (error)
                fail_msg("%s", error);
}

static void test_home(void **state)
{
        _cleanup_json_ json_t *sessions = desk_json("%s", SESSIONS), *nothing = json_array();
        _cleanup_json_ json_t *view = home_view(&(HomeModel){.ref = "00aa",
                                                             .user = "U0ANN",
                                                             .sessions = sessions,
                                                             .focus = "web",
                                                             .command = "/opencode",
                                                             .now_ms = MINUTE}),
                              *empty = home_view(&(HomeModel){.ref = "00aa",
                                                              .user = "U0ANN",
                                                              .sessions = nothing,
                                                              .command = "/opencode"});
        _cleanup_free_ char *text = json_dump(view);

        expect_view(view);
        expect_view(empty);
        assert_string_equal(json_str(view, "type"), "home");
        expect_says(view, "What waits for you", true);
        expect_says(view, "npm test", true);
        expect_says(view, "Paint the fence", true);
        expect_says(view, "Mow the lawn", false); /* somebody else's */
        assert_non_null(strstr(
                text, "\"initial_option\":{\"text\":{\"type\":\"plain_text\",\"text\":\"In OpenCode\""));
        assert_null(strstr(text, "home.more"));
        expect_says(empty, "Nothing waits for you", true);
        expect_says(empty, "/opencode start", true);
}

static void test_home_pages(void **state)
{
        _cleanup_json_ json_t *sessions = json_array();

        for (int i = 0; i < 45; i++)
                json_array_append_new(sessions,
                                      json_pack("{s:{s:s, s:o, s:s}}", "data", "user", "U0ANN", "title",
                                                json_sprintf("Task %02d", i), "state", "idle"));
        for (size_t page = 0; page < 4; page++) {
                _cleanup_json_ json_t *view = home_view(&(HomeModel){
                        .ref = "00aa", .user = "U0ANN", .sessions = sessions, .command = "/o", .page = page});
                _cleanup_free_ char *text = json_dump(view);

                expect_view(view);
                expect_says(view, "Task 00",
                            page == 0 || page == 3); /* behind the last page begins the first */
                expect_says(view, "Task 20", page == 1);
                expect_says(view, "Task 44", page == 2);
                if (page < 2)
                        assert_non_null(strstr(text, page == 0 ? "\"00aa:1\"" : "\"00aa:2\""));
                assert_int_equal(strstr(text, "home.more.back") != NULL, page > 0);
        }
}

/* ---- the flow ---- */

static int setup(void **state)
{
        *state = desk_new(core_flow_kinds);
        return 0;
}

static int teardown(void **state)
{
        desk_free(*state);
        return 0;
}

static void open_page(Desk *d)
{
        desk_tell(d, "person:U0ANN", "person", "home.opened",
                  "{'user':'U0ANN','command':'/opencode','defaults':{'directory':'/r'}}");
}

static void end_list(Desk *d, const char *sessions)
{
        assert_string_equal(json_str(desk_held(d, GATEWAY_SESSIONS, 0)->args, "user"), "U0ANN");
        desk_end(d, desk_held(d, GATEWAY_SESSIONS, 0), ASK_OK, "{'sessions':%s}", sessions);
}

static void test_opened(void **state)
{
        Desk *d = *state;

        open_page(d);
        end_list(d, SESSIONS);
        assert_string_equal(json_str(desk_held(d, SLACK_VIEW_PUBLISH, 0)->args, "user"), "U0ANN");
        desk_end(d, desk_held(d, SLACK_VIEW_PUBLISH, 0), ASK_OK, "{'view_id':'V1'}");
        open_page(d); /* once more: shown, although nothing changed */
        end_list(d, SESSIONS);
        assert_int_equal(desk_n_held(d, SLACK_VIEW_PUBLISH), 1);
}

static void test_changes_are_followed(void **state)
{
        Desk *d = *state;

        open_page(d);
        end_list(d, SESSIONS);
        desk_end(d, desk_held(d, SLACK_VIEW_PUBLISH, 0), ASK_OK, "{'view_id':'V1'}");
        desk_tell(d, "person:U0ANN", NULL, "home.changed", "{}");
        desk_tell(d, "person:U0ANN", NULL, "home.changed", "{}");
        desk_expect(d, "person", "data.due", "true"); /* one timer for both */
        assert_int_equal(desk_n_held(d, GATEWAY_SESSIONS), 0);
}

static void test_nobody_looks(void **state)
{
        Desk *d = *state;

        desk_tell(d, "person:U0ANN", "person", "focus.asked",
                  "{'user':'U0ANN','focus':'web','response_url':'https://r'}");
        desk_tell(d, "person:U0ANN", NULL, "home.changed", "{}");
        desk_expect(d, "person", "data.due", "(none)");
        desk_expect(d, "person", "data.focus", "web");
        assert_true(desk_times(d, "Your focus is") > 0);
        desk_tell(d, "person:U0ANN", "person", "focus.asked",
                  "{'user':'U0ANN','focus':'nowhere','response_url':'https://r'}");
        desk_expect(d, "person", "data.focus", "web");
}

static void test_clicks(void **state)
{
        Desk *d = *state;

        open_page(d);
        end_list(d, SESSIONS);
        desk_tell(d, "person:U0ANN", NULL, "slack.action",
                  "{'user':'U0ANN','allowed':true,'action_id':'home.focus','value':'00aa:slack'}");
        desk_expect(d, "person", "data.focus", "slack");
        end_list(d, SESSIONS);
        desk_tell(d, "person:U0ANN", NULL, "slack.action",
                  "{'user':'U0ANN','allowed':true,'action_id':'home.more','value':'00aa:1'}");
        desk_expect(d, "person", "data.page", "1");
        desk_tell(
                d, "person:U0ANN", NULL, "slack.action",
                "{'user':'U0ANN','allowed':true,'action_id':'home.start','value':'00aa','trigger_id':'t9'}");
        desk_expect(d, "start", "data.trigger_id", "t9");
        desk_expect(d, "start", "data.defaults.directory", "/r");
        desk_tell(d, "person:U0ANN", NULL, "slack.action",
                  "{'user':'U0ANN','allowed':false,'action_id':'home.focus','value':'00aa:web'}");
        desk_expect(d, "person", "data.focus", "slack");
}

/* ---- the commands ---- */

static void command(Desk *d, const char *text, const char *sessions)
{
        desk_forget(d);
        desk_tell(
                d, "cmd:1", "command", "slack.command",
                "{'user':'U0ANN','channel':'C1','command':'/opencode','text':'%s','response_url':'https://r'}",
                text);
        desk_end(d, desk_held(d, GATEWAY_SESSIONS, 0), ASK_OK, "{'sessions':%s}", sessions);
        while (desk_n_held(d, SLACK_RESPOND) > 0)
                desk_end(d, desk_held(d, SLACK_RESPOND, 0), ASK_OK, "{}");
}

static void test_commands(void **state)
{
        static const struct {
                const char *text, *sessions, *says, *says_not;
        } cases[] = {
                {"list", SESSIONS, "Paint the shed", "Mow the lawn"},
                {"list all", SESSIONS, "Mow the lawn", "and "},
                {"status", SESSIONS, "Paint the fence", "Paint the shed"},
                {"status", "[" ROW("3", "U0ANN", "Feed the cat", "working", "") "]", "session.stop",
                 "session.start"},
                {"status 2", SESSIONS, "Feed the cat", "Paint"},
                {"status fence", SESSIONS, "Paint the fence", "shed"},
                {"status paint", SESSIONS, "Several sessions", "fence"},
                {"status lawn", SESSIONS, "Mow the lawn", "fence"}, /* somebody else's */
                {"status zzz", SESSIONS, "no session with that", "fence"},
                {"status", "[]", "Nothing runs", "fence"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Desk *d = *state;

                command(d, cases[i].text, cases[i].sessions);
                if (desk_times(d, cases[i].says) == 0 || desk_times(d, cases[i].says_not) > 0)
                        fail_msg("%s: %s", cases[i].text, buf_bytes(&d->log));
                desk_expect(d, "command", "step", "(none)");
        }
}

int main(void)
{
#define test(_fn) cmocka_unit_test_setup_teardown(_fn, setup, teardown)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_list),
                cmocka_unit_test(test_list_of_anything),
                cmocka_unit_test(test_pick),
                cmocka_unit_test(test_home),
                cmocka_unit_test(test_home_pages),
                test(test_opened),
                test(test_changes_are_followed),
                test(test_nobody_looks),
                test(test_clicks),
                test(test_commands),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
