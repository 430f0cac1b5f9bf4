/* What a person sees: each card in each state by what it says and offers, and all of them with hostile
 * models: whatever comes in, Slack takes the card, nothing in it mentions anybody, and its buttons are there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "blockkit-check.h"
#include "core/cards.h"

#define MINUTE 60000

static json_t *checked(json_t *message)
{
        char *error = blockkit_check_message(message, BLOCKKIT_CARD);

        if (error)
                fail_msg("%s", error);
        return message;
}

static void assert_says(const json_t *message, const char *what)
{
        char *text = blockkit_visible_text(json_object_get(message, "blocks"));

        if (!strstr(text, what))
                fail_msg("\"%s\" is not in:\n%s", what, text);
        free(text);
}

static void assert_silent(const json_t *message, const char *what)
{
        char *text = blockkit_visible_text(json_object_get(message, "blocks"));

        if (strstr(text, what))
                fail_msg("\"%s\" is in:\n%s", what, text);
        free(text);
}

/* The action_ids of all elements, in order, with spaces between. */
static char *actions(const json_t *message)
{
        Buf out = {0};
        const json_t *block, *element;
        size_t i, j;

        json_array_foreach (json_object_get(message, "blocks"), i, block) {
                json_array_foreach (json_object_get(block, "elements"), j, element)
                        if (json_str(element, "action_id"))
                                buf_printf(&out, "%s ", json_str(element, "action_id"));
                if (json_str(block, "element.action_id"))
                        buf_printf(&out, "%s/%s ", json_str_or(block, "block_id", "-"),
                                   json_str(block, "element.action_id"));
        }
        return buf_take(&out);
}

static void assert_actions(const json_t *message, const char *want)
{
        char *got = actions(message);

        assert_string_equal(got, want);
        free(got);
}

static const json_t *find_element(const json_t *message, const char *action_id)
{
        const json_t *block, *element;
        size_t i, j;

        json_array_foreach (json_object_get(message, "blocks"), i, block) {
                json_array_foreach (json_object_get(block, "elements"), j, element)
                        if (str_equal(json_str(element, "action_id"), action_id))
                                return element;
                if (str_equal(json_str(block, "element.action_id"), action_id))
                        return json_object_get(block, "element");
        }
        return NULL;
}

/* JSON written with ' for ". */
static json_t *parse(const char *text)
{
        char *json = mem_strdup(text), *error = NULL;
        json_t *value;

        for (char *p = json; *p; p++)
                if (*p == '\'')
                        *p = '"';
        value = json_parse(json, strlen(json), &error);
        if (!value)
                fail_msg("%s", error);
        free(json);
        return value;
}

static char *repeat(const char *s, size_t n)
{
        Buf out = {0};

        while (n-- > 0)
                buf_append_str(&out, s);
        return buf_take(&out);
}

/* --- session --- */

static SessionCard session(SessionState state)
{
        return (SessionCard){.ref = "0123456789abcdef",
                             .title = "Fix the login race",
                             .user = "U0ANN",
                             .state = state,
                             .agent = "build",
                             .model = "scripted/demo",
                             .directory = "/srv/projects/units",
                             .open_url = "http://127.0.0.1:4096/x",
                             .started_ms = 1000,
                             .now_ms = 1000 + 3 * MINUTE,
                             .tokens = 12400,
                             .cost_usd = 0.42};
}

static void test_session(void **state)
{
        SessionCard m = session(SESSION_WORKING);
        json_t *card = checked(card_session(&m));

        assert_string_equal(json_str(card, "text"), "Fix the login race: Working");
        assert_says(card, "Fix the login race");
        assert_says(card, "<@U0ANN>");
        assert_says(
                card,
                "build \xC2\xB7 scripted/demo \xC2\xB7 units \xC2\xB7 3 min \xC2\xB7 12.4 k tokens \xC2\xB7 $0.42");
        assert_actions(card, "session.stop session.open session.more ");
        assert_string_equal(json_str(find_element(card, "session.stop"), "value"), m.ref);
        json_decref(card);

        m = session(SESSION_WAITING);
        m.waiting_for = "permission to run `npm test`";
        m.n_queued = 2;
        card = checked(card_session(&m));
        assert_says(card, "Waiting for permission to run ");
        assert_says(card, "npm test\n");
        assert_says(card, "2 messages wait for the current turn to end.");
        json_decref(card);

        m = session(SESSION_FAILED);
        m.error = "Model not found:\nmock/nope";
        m.open_url = "javascript:alert(1)";
        card = checked(card_session(&m));
        assert_says(card, "Model not found: mock/nope");
        assert_says(card, "Reply in this thread to try again.");
        assert_actions(card, "session.more ");
        json_decref(card);
}

static void test_session_states(void **state)
{
        for (SessionState s = SESSION_STARTING; s <= SESSION_FAILED; s++) {
                SessionCard m = session(s), bare = {.state = s};
                SessionState back;

                json_decref(checked(card_session(&m)));
                json_decref(checked(card_session(&bare)));
                assert_true(session_state_from_name(session_state_name(s), &back));
                assert_int_equal(back, s);
        }
        assert_false(session_state_from_name("nope", &(SessionState){0}));
        assert_false(session_state_from_name(NULL, &(SessionState){0}));
}

static void test_duration(void **state)
{
        static const struct {
                int64_t ms;
                const char *text;
        } cases[] = {{-5, "0 s"},
                     {42999, "42 s"},
                     {3 * MINUTE, "3 min"},
                     {125 * MINUTE, "2 h 5 min"},
                     {120 * MINUTE, "2 h"},
                     {24 * 60 * MINUTE, "1 day"},
                     {(int64_t) 100 * 60 * MINUTE, "4 days"}};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char *text = card_duration(cases[i].ms);

                assert_string_equal(text, cases[i].text);
                free(text);
        }
}

/* --- progress --- */

static void test_progress(void **state)
{
        json_t *todos = parse(
                "[{'content':'Read the tests','status':'completed','priority':'high'},"
                "{'content':'Fix `toKelvin`','status':'in_progress','priority':'medium'},"
                "{'content':'Old idea','status':'cancelled'},{'content':'Run the tests','status':'pending'}]");
        ProgressCard m = {.state = PROGRESS_WORKING,
                          .tool = "bash",
                          .tool_title = "npm test",
                          .thought = "I **see** the bug.",
                          .todos = todos,
                          .n_tools_done = 6,
                          .n_tools_failed = 1,
                          .elapsed_ms = 42000};
        json_t *card = checked(card_progress(&m));

        assert_says(card, "\xC2\xB7 42 s");
        assert_says(card, "\xE2\x9C\x93  \nRead the tests");
        assert_says(card, "I see the bug.");
        assert_says(card, "bash: npm test \xC2\xB7 7 tools, 1 failed");
        assert_actions(card, "");
        json_decref(card);

        m.state = PROGRESS_DONE;
        card = checked(card_progress(&m));
        assert_int_equal(json_array_size(json_object_get(card, "blocks")), 1);
        assert_says(card, "Done in 42 s \xC2\xB7 7 tools, 1 failed \xC2\xB7 2 of 4 steps");
        json_decref(card);

        m = (ProgressCard){.state = PROGRESS_FAILED, .elapsed_ms = 1000, .error = "<!channel> mock error"};
        card = checked(card_progress(&m));
        assert_says(card, "Failed after 1 s");
        assert_says(card, "<!channel> mock error"); /* in plain_text, where it is nothing but text */
        assert_string_equal(json_str(card, "text"), "Failed after 1 s: &lt;!channel&gt; mock error");
        json_decref(card);

        m = (ProgressCard){.state = PROGRESS_STOPPED, .elapsed_ms = 5000, .n_tools_done = 1};
        card = checked(card_progress(&m));
        assert_says(card, "Stopped after 5 s \xC2\xB7 1 tool");
        json_decref(card);
        json_decref(todos);
}

static void test_progress_window(void **state)
{
        json_t *todos = json_array();
        ProgressCard m = {.todos = todos};
        json_t *card;

        for (int i = 0; i < 50; i++) {
                char *content = mem_printf("step %d.", i);

                json_array_append_new(todos, json_pack("{s:s, s:s}", "content", content, "status",
                                                       i < 20    ? "completed"
                                                       : i == 20 ? "in_progress"
                                                                 : "pending"));
                free(content);
        }
        card = checked(card_progress(&m));
        assert_says(card, "19 earlier");
        assert_says(card, "step 20.");
        assert_says(card, "and 19 more");
        assert_silent(card, "step 18.");
        assert_silent(card, "step 31.");
        json_decref(card);
        json_decref(todos);
}

static void test_progress_thought_is_cut_at_a_word(void **state)
{
        char *thought = repeat("some words ", 100);
        ProgressCard m = {.thought = thought};
        json_t *card = checked(card_progress(&m));

        assert_says(card, "\xE2\x80\xA6 some words some words");
        json_decref(card);
        free(thought);
}

/* --- permission --- */

static void test_permission(void **state)
{
        json_t *permission =
                parse("{'id':'per_1','permission':'bash','patterns':['npm test'],"
                      "'metadata':{'command':'npm test && echo <!channel>'},'always':['npm *','echo *']}");
        PermissionCard m = {.ref = "r",
                            .permission = permission,
                            .subagent = "explore",
                            .now_ms = 1700000000000,
                            .expires_ms = 1700000000000 + 20 * MINUTE};
        json_t *card = checked(card_permission(&m));
        const json_t *always;

        assert_says(card, "Run this command?");
        assert_says(card, "npm test && echo <!channel>");
        assert_says(card, "asked by the subagent explore");
        assert_says(card, "Time left: 20 min, until <!date^1700001200^{time}|22:33 UTC>");
        assert_actions(card, "permission.once permission.always permission.deny permission.deny_reason ");
        always = find_element(card, "permission.always");
        assert_true(str_starts_with(json_str(always, "confirm.text.text"), "npm *, echo *\n"));
        assert_string_equal(json_str(always, "value"), "r");
        assert_string_equal(json_str(find_element(card, "permission.once"), "style"), "primary");
        assert_string_equal(json_str(find_element(card, "permission.deny"), "style"), "danger");
        json_decref(card);
        json_decref(permission);
}

static void test_permission_outcomes(void **state)
{
        static const struct {
                RequestState state;
                const char *reply, *by, *says;
        } cases[] = {
                {REQUEST_ANSWERED, "once", "U1", "Allowed once by <@U1>"},
                {REQUEST_ANSWERED, "always", "U1", "Always allowed by <@U1>"},
                {REQUEST_ANSWERED, "reject", NULL, "Denied in OpenCode"},
                {REQUEST_ANSWERED, "once", "<!channel>", "Allowed once in OpenCode"},
                {REQUEST_SENDING, "once", "U1", "Allowed once by <@U1>, on its way to OpenCode"},
                {REQUEST_CLOSED, NULL, NULL, "No longer needed: the turn that asked is over."},
                {REQUEST_EXPIRED, NULL, NULL, "Nobody answered in time. That is not a denial."},
        };
        json_t *permission =
                parse("{'permission':'bash','patterns':['ls'],'metadata':{'command':'ls'},'always':[]}");

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                PermissionCard m = {.ref = "r",
                                    .state = cases[i].state,
                                    .permission = permission,
                                    .reply = cases[i].reply,
                                    .answered_by = cases[i].by,
                                    .reason = "use *the* other"};
                json_t *card = checked(card_permission(&m));

                assert_says(card, cases[i].says);
                assert_actions(card, "");
                if (cases[i].state == REQUEST_ANSWERED && str_equal(cases[i].reply, "reject"))
                        assert_says(card, "use *the* other");
                else
                        assert_silent(card, "use *the* other");
                json_decref(card);
        }
        json_decref(permission);
}

static void test_permission_diff(void **state)
{
        Buf diff = {0};
        json_t *permission =
                parse("{'permission':'edit','patterns':['b.txt'],'metadata':{'filepath':'/srv/b.txt'},"
                      "'always':['*']}");
        PermissionCard m = {.ref = "r", .permission = permission};
        json_t *card;

        buf_append_str(&diff, "Index: /srv/b.txt\n=====\n--- /srv/b.txt\n+++ /srv/b.txt\n");
        for (int i = 0; i < 100; i++)
                buf_printf(&diff, "+line %d\n", i);
        json_put_str(json_object_get(permission, "metadata"), "diff", buf_bytes(&diff));
        card = checked(card_permission(&m));
        assert_says(card, "Change this file?");
        assert_says(card, "/srv/b.txt\n--- /srv/b.txt\n+++");
        assert_says(card, "+line 57\n\xE2\x80\xA6 42 more lines");
        assert_true(str_starts_with(json_str(find_element(card, "permission.always"), "confirm.text.text"),
                                    "Everything of the kind \"edit\"."));
        json_decref(card);
        m.state = REQUEST_CLOSED;
        card = checked(card_permission(&m));
        assert_silent(card, "+line");
        json_decref(card);
        json_decref(permission);
        buf_deinit(&diff);
}

static void test_permission_without_details(void **state)
{
        json_t *permission =
                parse("{'permission':'mcp_<x>','patterns':['a','','b'],'metadata':{},'always':[]}");
        PermissionCard m = {.ref = "r", .permission = permission}, none = {.ref = "r"};
        json_t *card = checked(card_permission(&m));

        assert_says(card, "Allow \"mcp_<x>\"?");
        assert_says(card, "a\nb");
        /* Without a rule to make, there is no button that makes one. */
        assert_actions(card, "permission.once permission.deny permission.deny_reason ");
        json_decref(card);
        json_decref(checked(card_permission(&none)));
        json_decref(permission);
}

static void test_permission_reason_view(void **state)
{
        json_t *view = card_permission_reason_view("0123456789abcdef");
        char *error = blockkit_check_view(view);

        assert_null(error);
        assert_string_equal(json_str(view, "callback_id"), "permission.deny_reason");
        assert_string_equal(json_str(view, "private_metadata"), "0123456789abcdef");
        assert_string_equal(json_str(view, "blocks.0.block_id"), "reason");
        assert_string_equal(json_str(view, "blocks.0.element.action_id"), "text");
        json_decref(view);
}

/* --- question --- */

static const char one_question[] =
        "[{'question':'Which behaviour below `absolute` zero?','header':'Below zero','options':["
        "{'label':'Throw (Recommended)','description':'RangeError'},{'label':'Clamp','description':'Return 0 K'}],"
        "'multiple':false,'custom':true}]";
static const char three_questions[] =
        "[{'question':'Which?','header':'A','options':[{'label':'x','description':''},{'label':'y','description':'why'}],"
        "'multiple':false,'custom':true},{'question':'Which units?','header':'B','options':[{'label':'K'},{'label':'F'}],"
        "'multiple':true,'custom':false},{'question':'Anything else?','header':'C','options':[],'multiple':false,"
        "'custom':true}]";

static void test_question_picks(void **state)
{
        json_t *questions = parse(one_question);
        QuestionCard m = {.ref = "r", .questions = questions};
        json_t *card = checked(card_question(&m));
        const json_t *pick = find_element(card, "question.pick");

        assert_string_equal(json_str(card, "text"), "Question: Which behaviour below absolute zero?");
        assert_says(card, "Below zero");
        assert_actions(card, "question.pick question.pick q0_text/text question.submit question.reject ");
        assert_string_equal(json_str(pick, "value"), "r:0:0");
        assert_string_equal(json_str(pick, "style"), "primary");
        assert_says(card, "Throw (Recommended)\nRangeError\nClamp\nReturn 0 K\n");
        json_decref(card);

        json_object_set_new(json_array_get(questions, 0), "custom", json_false());
        m.error = "Please answer question 1.";
        card = checked(card_question(&m));
        assert_actions(card, "question.pick question.pick question.reject ");
        assert_says(card, "Please answer question 1.");
        json_decref(card);
        json_decref(questions);
}

static void test_question_form(void **state)
{
        json_t *questions = parse(three_questions);
        QuestionCard m = {.ref = "r", .questions = questions};
        json_t *card = checked(card_question(&m));

        assert_actions(card,
                       "q0/choice q0_text/text q1/choice q2_text/text question.submit question.reject ");
        assert_string_equal(json_str(find_element(card, "choice"), "type"), "radio_buttons");
        assert_string_equal(json_str(find_element(card, "question.submit"), "style"), "primary");
        assert_string_equal(json_str(find_element(card, "question.submit"), "value"), "r");
        json_decref(card);
        json_decref(questions);
}

static void test_question_many_options(void **state)
{
        json_t *questions =
                parse("[{'question':'Which?','header':'H','options':[],'multiple':true,'custom':false}]");
        json_t *options = json_object_get(json_array_get(questions, 0), "options"), *card;
        QuestionCard m = {.ref = "r", .questions = questions};

        for (int i = 0; i < 120; i++) {
                char *label = mem_printf("option %d %s", i,
                                         i == 3 ? "with a label so long that it is cut in the form, and "
                                                  "therefore stands above it in full"
                                                : "");

                json_array_append_new(options, json_pack("{s:s, s:s}", "label", label, "description", "d"));
                free(label);
        }
        card = checked(card_question(&m));
        assert_string_equal(json_str(find_element(card, "choice"), "type"), "multi_static_select");
        assert_says(card, "therefore stands above it in full");
        assert_says(card, "20 more options are in OpenCode.");
        json_decref(card);
        json_decref(questions);
}

static void test_question_outcomes(void **state)
{
        json_t *questions = parse(three_questions), *answers = parse("[['y','or so'],['K','F'],[]]");
        QuestionCard m = {.ref = "r",
                          .questions = questions,
                          .answers = answers,
                          .state = REQUEST_ANSWERED,
                          .answered_by = "U1"};
        json_t *card = checked(card_question(&m));

        assert_says(card, "Which?\n\n\ny, or so");
        assert_says(card, "Which units?\n\n\nK, F");
        assert_says(card, "not answered");
        assert_says(card, "Answered by <@U1>");
        assert_actions(card, "");
        json_decref(card);

        m.answers = NULL;
        card = checked(card_question(&m));
        assert_says(card, "Skipped by <@U1>");
        assert_silent(card, "not answered");
        json_decref(card);

        for (RequestState s = REQUEST_SENDING; s <= REQUEST_EXPIRED; s++) {
                m.state = s;
                card = checked(card_question(&m));
                assert_actions(card, "");
                json_decref(card);
        }
        json_decref(questions);
        json_decref(answers);
}

static void assert_read(const char *questions, const char *values, const char *want)
{
        json_t *q = parse(questions), *v = parse(values), *answers;
        char *error = NULL, *got;

        answers = card_question_read(q, v, &error);
        got = answers ? json_dump(answers) : take(error);
        assert_string_equal(got, want);
        free(got);
        json_decref(answers);
        json_decref(q);
        json_decref(v);
}

static void test_question_read(void **state)
{
        static const char all[] = "{'q0':{'choice':{'selected_option':{'value':'1'}}},"
                                  "'q1':{'choice':{'selected_options':[{'value':'0'},{'value':'1'}]}},"
                                  "'q0_text':{'text':{'value':'  '}},'q2_text':{'text':{'value':'more'}}}";

        assert_read(three_questions, all, "[[\"y\"],[\"K\",\"F\"],[\"more\"]]");
        assert_read(three_questions,
                    "{'q0_text':{'text':{'value':'mine'}},"
                    "'q1':{'choice':{'selected_options':[{'value':'1'}]}}}",
                    "[[\"mine\"],[\"F\"],[]]");
        assert_read(three_questions,
                    "{'q0':{'choice':{'selected_option':{'value':'0'}}},"
                    "'q1':{'choice':{'selected_options':[]}}}",
                    "Please answer question 2.");
        assert_read(one_question, "{'q0_text':{'text':{'value':null}}}", "Please choose or write an answer.");
        assert_read(one_question,
                    "{'q0_text':{'text':{'value':'both'}},'q0':{'choice':{'selected_option':{'value':'1'}}}}",
                    "[[\"Clamp\",\"both\"]]");
        /* Forged values choose nothing; free text that was not offered is not taken. */
        assert_read(one_question, "{'q0':{'choice':{'selected_option':{'value':'7'}}}}",
                    "Please choose or write an answer.");
        assert_read(one_question, "{'q0':{'choice':{'selected_option':{'value':'-1'}}}}",
                    "Please choose or write an answer.");
        assert_read(one_question, "{'q0':{'choice':{'selected_option':{'value':'1x'}}}}",
                    "Please choose or write an answer.");
        assert_read(three_questions,
                    "{'q0':{'choice':{'selected_option':{'value':'0'}}},'q1_text':{'text':{'value':'x'}}}",
                    "Please answer question 2.");
        assert_read("[{'question':'?','header':'h','options':[]}]", "{}", "Please write an answer.");
}

/* --- lists, help, notices --- */

static void test_help_and_notices(void **state)
{
        json_t *card = checked(card_help("/opencode", false));

        assert_says(card, "/opencode start");
        json_decref(card);
        card = checked(card_help("/opencode", true));
        assert_says(card, "!stop");
        assert_silent(card, "focus"); /* is a person's, not a thread's */
        json_decref(card);
        card = checked(card_notice(":warning:", "No <!channel> in `x`, and ` alone"));
        assert_string_equal(json_str(card, "blocks.0.elements.0.elements.0.name"), "warning");
        assert_says(card, "No <!channel> in \nx\n, and ` alone");
        json_decref(card);
        card = checked(card_notice_by(NULL, "Already answered by", "U1"));
        assert_string_equal(json_str(card, "blocks.0.elements.0.elements.2.user_id"), "U1");
        json_decref(card);
        json_decref(checked(card_notice(NULL, NULL)));
        json_decref(checked(card_notice_by("x", "", "<!here>")));
}

/* --- anything at all --- */

static json_t *hostile_questions(const char *text, size_t n, size_t n_options)
{
        json_t *questions = json_array();

        for (size_t i = 0; i < n; i++) {
                json_t *options = json_array();

                for (size_t j = 0; j < n_options; j++)
                        json_array_append_new(options,
                                              json_pack("{s:s, s:s}", "label", text, "description", text));
                json_array_append_new(questions, json_pack("{s:s, s:s, s:o, s:b, s:b}", "question", text,
                                                           "header", text, "options", options, "multiple",
                                                           (int) (i % 2), "custom", (int) (i % 3 != 0)));
        }
        return questions;
}

static void try_questions(const char *text)
{
        static const size_t counts[] = {0, 1, 2, 12, 50}, option_counts[] = {0, 1, 5, 6, 11, 150};

        for (size_t i = 0; i < ELEMENTSOF(counts); i++)
                for (size_t j = 0; j < ELEMENTSOF(option_counts); j++) {
                        json_t *questions = hostile_questions(text, counts[i], option_counts[j]), *card;
                        QuestionCard m = {.ref = "r",
                                          .questions = questions,
                                          .error = text,
                                          .answered_by = text,
                                          .expires_ms = 5,
                                          .answers = questions};

                        card = checked(card_question(&m));
                        assert_non_null(find_element(card, "question.reject"));
                        if (counts[i] > 1)
                                assert_non_null(find_element(card, "question.submit"));
                        assert_silent(card, "The rest is not shown here");
                        json_decref(card);
                        m.state = REQUEST_ANSWERED;
                        json_decref(checked(card_question(&m)));
                        json_decref(questions);
                }
}

static void try_text(const char *text)
{
        json_t *permission = json_pack("{s:s, s:[s, s], s:{s:s, s:s, s:s}, s:[s, s]}", "permission", text,
                                       "patterns", text, text, "metadata", "filepath", text, "command", text,
                                       "diff", text, "always", text, text);
        json_t *todos = json_pack("[{s:s, s:s}, {s:s, s:s}]", "content", text, "status", text, "content",
                                  text, "status", "in_progress");

        for (int s = 0; s <= SESSION_FAILED; s++) {
                SessionCard m = {.ref = text,
                                 .title = text,
                                 .user = text,
                                 .state = (SessionState) s,
                                 .waiting_for = text,
                                 .error = text,
                                 .agent = text,
                                 .model = text,
                                 .directory = text,
                                 .open_url = text,
                                 .n_queued = 1,
                                 .tokens = 5000000,
                                 .cost_usd = 0.001};

                json_decref(checked(card_session(&m)));
        }
        for (int s = 0; s <= PROGRESS_FAILED; s++) {
                ProgressCard m = {.state = (ProgressState) s,
                                  .tool = text,
                                  .tool_title = text,
                                  .thought = text,
                                  .todos = todos,
                                  .error = text};

                json_decref(checked(card_progress(&m)));
        }
        for (int variant = 0; variant < 4; variant++) {
                for (int s = 0; s <= REQUEST_EXPIRED; s++) {
                        PermissionCard m = {.ref = text,
                                            .state = (RequestState) s,
                                            .permission = permission,
                                            .reply = text,
                                            .reason = text,
                                            .answered_by = text,
                                            .subagent = text};

                        json_decref(checked(card_permission(&m)));
                }
                /* Again with the command, then the diff, then the file gone. */
                json_object_del(json_object_get(permission, "metadata"), variant == 0   ? "command"
                                                                         : variant == 1 ? "diff"
                                                                                        : "filepath");
        }
        json_decref(checked(card_notice(text, text)));
        json_decref(permission);
        json_decref(todos);
}

static void test_anything(void **state)
{
        static const char *const texts[] = {"",
                                            " ",
                                            "\n\n",
                                            "x",
                                            "<!channel> @here <@U1> <https://evil.example|x> & *b* `c`",
                                            "```\ncode\n```\n# h\n| a |\n|---|\n| b |\n",
                                            "\x1B[31m\xE2\x80\xAE",
                                            "`",
                                            "``",
                                            "a`b",
                                            "<",
                                            "&amp;",
                                            ":tada:"};
        static const char *const repeated[] = {
                "x", "word ", "\xF0\x9F\x98\x80", "&<>", "`a` ", "\n", "line\n", "*a* ", "@here "};

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                try_text(texts[i]);
                try_questions(texts[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(repeated); i++) {
                char *text = repeat(repeated[i], 16384 / strlen(repeated[i]));
                char *shorter = repeat(repeated[i], 1500 / strlen(repeated[i]));

                try_text(text);
                try_questions(shorter);
                free(text);
                free(shorter);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_session),
                cmocka_unit_test(test_session_states),
                cmocka_unit_test(test_duration),
                cmocka_unit_test(test_progress),
                cmocka_unit_test(test_progress_window),
                cmocka_unit_test(test_progress_thought_is_cut_at_a_word),
                cmocka_unit_test(test_permission),
                cmocka_unit_test(test_permission_outcomes),
                cmocka_unit_test(test_permission_diff),
                cmocka_unit_test(test_permission_without_details),
                cmocka_unit_test(test_permission_reason_view),
                cmocka_unit_test(test_question_picks),
                cmocka_unit_test(test_question_form),
                cmocka_unit_test(test_question_many_options),
                cmocka_unit_test(test_question_outcomes),
                cmocka_unit_test(test_question_read),
                cmocka_unit_test(test_help_and_notices),
                cmocka_unit_test(test_anything),
        };

        json_setup();
        return cmocka_run_group_tests_name("core-cards", tests, NULL, NULL);
}
