/* The form of a task: what is cleaned, what is refused and on which field, what the words of a task say, and
 * that whatever is in the list of projects gives a modal that Slack takes. */
#include "core-desk.h"

#include "blockkit-check.h"
#include "connectors/slack/block-kit.h"
#include "core/start-form.h"
#include "core/start-infer.h"

#define OFFER                                                                                                                                 \
        "{'complete':true,'project_list':'ok',"                                                                                               \
        "'repositories':[{'name':'auth-api'},{'name':'web'},{'name':'billing'}],"                                                             \
        "'projects':[{'id':'0012','title':'OpenCode Slack Integration','status':'implementing','category':'integration',"                     \
        "'repositories':['auth-api','gone'],'active':true},"                                                                                  \
        "{'id':'0013','title':'Grid Exit Strategy','status':'planned','category':'trading','repositories':['web','billing'],'active':false}," \
        "{'id':'0014','title':'Landing page','status':'active','category':'website','repositories':['web'],'active':true}],"                  \
        "'models':[{'name':'claude','model':'anthropic/x'},{'name':'qwen','model':'ollama/y'}]}"

static char *repeated(const char *piece, size_t n)
{
        Buf b = {0};

        while (n-- > 0)
                buf_append_str(&b, piece);
        return buf_take(&b);
}

/* ---- reading ---- */

/* What Slack sends: every kind of element. */
static void test_read(void **state)
{
        _cleanup_json_ json_t *sent = desk_json(
                "{'title':{'value':{'type':'plain_text_input','value':'  Add login\\n to it '}},"
                "'description':{'value':{'type':'plain_text_input','value':'one\\ntwo'}},"
                "'project':{'value':{'type':'static_select','selected_option':{'value':'0012'}}},"
                "'category':{'value':{'type':'static_select','selected_option':null}},"
                "'repositories':{'value':{'type':'multi_static_select','selected_options':[{'value':'web'},{'value':'billing'}]}},"
                "'channel':{'value':{'type':'conversations_select','selected_conversation':'C1'}},"
                "'other':{'value':{'type':'plain_text_input','value':'x'}}, 'notify':7}");
        _cleanup_json_ json_t *want = desk_json(
                "{'title':'Add login to it','description':'one\\ntwo','project':'0012','category':'',"
                "'repositories':['web','billing'],'channel':'C1'}");
        _cleanup_json_ json_t *got = start_form_read(sent);

        if (!json_equal(want, got))
                fail_msg("%s", json_dumps(got, 0));
}

static void test_titles_are_cleaned(void **state)
{
        static const struct {
                const char *typed, *title;
        } cases[] = {
                {"Fix it", "Fix it"},
                {" two\r\nlines\t and tabs ", "two lines and tabs"},
                {"a\x01\x1b[31mb\x7f", "a[31mb"},
                {"safe\xE2\x80\xAE"
                 "elif.exe\xE2\x80\xAC",
                 "safeelif.exe"},
                {"\xE2\x81\xA6x\xE2\x81\xA9", "x"},
                {"\xEF\xBB\xBFx", "x"},
                {"caf\xC2\x85\xC3\xA9", "caf\xC3\xA9"},
                {"../../etc/passwd; rm -rf /",
                 "../../etc/passwd; rm -rf /"}, /* a text; its slug is made elsewhere */
                {"-rf", "-rf"},
                {"\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D \xE2\x80\x8F!",
                 "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D \xE2\x80\x8F!"},
                {"\xF0\x9F\x9A\x80 launch", "\xF0\x9F\x9A\x80 launch"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ json_t *sent =
                        json_pack("{s:{s:{s:s}}}", "title", "value", "value", cases[i].typed);
                _cleanup_json_ json_t *values = start_form_read(sent);

                assert_string_equal(json_str(values, "title"), cases[i].title);
        }
}

static void test_split(void **state)
{
        static const struct {
                const char *text, *title, *description;
        } cases[] = {
                {"", "", ""},
                {"fix the login", "fix the login", ""},
                {"fix the login\n\nIt says 500.\nAlways.", "fix the login", "It says 500.\nAlways."},
                {"  \n fix  \n", "fix", ""},
        };
        _cleanup_free_ char *long_text = repeated("0123456789 ", 30);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ json_t *values = start_form_split(cases[i].text);

                assert_string_equal(json_str(values, "title"), cases[i].title);
                assert_string_equal(json_str(values, "description"), cases[i].description);
        }
        long_text[strlen(long_text) - 1] = 0;
        for (int lines = 1; lines <= 2; lines++) {
                _cleanup_free_ char *text = mem_printf("%s%s", long_text, lines == 2 ? "\nmore" : "");
                _cleanup_json_ json_t *values = start_form_split(text);
                _cleanup_free_ char *prompt = start_form_prompt(values);

                assert_int_equal(slack_chars(json_str(values, "title")), START_TITLE_CHARS_MAX);
                assert_string_equal(json_str(values, "description"), text);
                assert_string_equal(prompt, text); /* nothing is said twice */
        }
}

static void test_prompt(void **state)
{
        static const struct {
                const char *title, *description, *prompt;
        } cases[] = {
                {"Fix it", "", "Fix it"},
                {"Fix it", "It says 500.", "Fix it\n\nIt says 500."},
                {"Fix it", "Fix it, please.", "Fix it, please."},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ json_t *values =
                        json_pack("{s:s, s:s}", "title", cases[i].title, "description", cases[i].description);
                _cleanup_free_ char *prompt = start_form_prompt(values);

                assert_string_equal(prompt, cases[i].prompt);
        }
}

/* ---- what is wrong ---- */

static void test_check(void **state)
{
        static const char *const c1[] = {"C1", NULL};
        static const struct {
                const char *values; /* beside title T and channel C1 */
                const char *field;  /* NULL: nothing is wrong */
                const char *says;
                bool c1_only, is_edit;
        } cases[] = {
                {"{}", NULL, NULL, false, false},
                {"{'project':'0012','category':'bug','repositories':['web'],'agent':'pm','model':'qwen','priority':'high','notify':'none'}",
                 NULL, NULL, true, false},
                {"{'category':'trading','agent':'auto','model':'auto'}", NULL, NULL, false, false},
                {"{'title':''}", "title", "Say in a few words", false, false},
                {"{'title':'\\u200b\\u00a0\\u3000'}", "title", "Say in a few words", false, false},
                {"{'project':'0099'}", "project", "not in the list any more", false, false},
                {"{'repositories':['web','gone','lost']}", "repositories", "Not there any more: gone, lost.",
                 false, false},
                {"{'category':'nonsense'}", "category", "no such category", false, false},
                {"{'agent':'root'}", "agent", "no such agent", false, false},
                {"{'model':'gpt'}", "model", "not there any more", false, false},
                {"{'priority':'asap'}", "priority", "no priority", false, false},
                {"{'notify':'loudly'}", "notify", "cannot be chosen", false, false},
                {"{'channel':''}", "channel", "Choose the channel", false, false},
                {"{'channel':'general'}", "channel", "That is no channel", false, false},
                {"{'channel':'C2'}", NULL, NULL, false, false},
                {"{'channel':'C2'}", "channel", "not to be used in this channel", true, false},
                {"{'channel':''}", NULL, NULL, true, true},
        };
        _cleanup_json_ json_t *offer = desk_json(OFFER);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ json_t *values = desk_json("{'title':'T','channel':'C1'}"),
                                      *more = desk_json("%s", cases[i].values), *errors = NULL;

                json_object_update(values, more);
                errors = start_form_check(values, offer, cases[i].c1_only ? c1 : NULL, cases[i].is_edit);
                if (!cases[i].field && errors)
                        fail_msg("%s: %s", cases[i].values, json_dumps(errors, 0));
                if (!cases[i].field)
                        continue;
                assert_int_equal(json_object_size(errors), 1);
                if (!strstr(json_str_or(errors, cases[i].field, ""), cases[i].says))
                        fail_msg("%s: %s", cases[i].values, json_dumps(errors, 0));
        }
}

static void test_lengths(void **state)
{
        static const struct {
                const char *field;
                size_t n;
                bool fits;
        } cases[] = {{"title", 120, true},
                     {"title", 121, false},
                     {"title", 10000, false},
                     {"description", 3000, true},
                     {"description", 3001, false}};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = repeated("x", cases[i].n);
                _cleanup_json_ json_t *values = desk_json("{'title':'T','channel':'C1'}"), *errors = NULL;

                json_put_str(values, cases[i].field, text);
                errors = start_form_check(values, NULL, NULL, false);
                assert_int_equal(errors == NULL, cases[i].fits);
                if (errors)
                        assert_non_null(json_str(errors, cases[i].field));
        }
}

/* ---- what the acknowledgement says ---- */

static void test_answer(void **state)
{
        static const struct {
                const char *in, *answer; /* "" = delivered */
        } cases[] = {
                {"{'type':'view','callback_id':'start.form','values':{'title':{'value':{'value':'T'}},'channel':{'value':{'selected_conversation':'C1'}}}}",
                 ""},
                {"{'type':'view','callback_id':'start.form','values':{'title':{'value':{'value':' '}},'channel':{'value':{'selected_conversation':'C1'}}}}",
                 "{'response_action':'errors','errors':{'title':'Say in a few words what is to be done.'}}"},
                {"{'type':'view','callback_id':'start.form','values':{'title':{'value':{'value':'T'}}}}",
                 ""}, /* an edit has no channel */
                {"{'type':'view','callback_id':'permission.deny_reason','values':{}}", ""},
                {"{'type':'closed','callback_id':'start.form','values':{}}", ""},
                {"{'type':'suggest','callback_id':'start.form','block_id':'project','query':'GRID'}",
                 "{'options':[{'text':{'type':'plain_text','emoji':false,'text':'0013 \xC2\xB7 Grid Exit Strategy'},'value':'0013',"
                 "'description':{'type':'plain_text','emoji':false,'text':'planned'}}]}"},
                {"{'type':'suggest','callback_id':'start.form','block_id':'repositories','query':'api'}",
                 "{'options':[{'text':{'type':'plain_text','emoji':false,'text':'auth-api'},'value':'auth-api'}]}"},
                {"{'type':'suggest','callback_id':'start.form','block_id':'title','query':''}",
                 "{'options':[]}"},
        };
        _cleanup_json_ json_t *offer = desk_json(OFFER);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ json_t *in = desk_json("%s", cases[i].in),
                                      *want = *cases[i].answer ? desk_json("%s", cases[i].answer) : NULL,
                                      *got = start_form_answer(in, offer, NULL);

                if (!want && got)
                        fail_msg("%s: %s", cases[i].in, json_dumps(got, 0));
                if (want && !json_equal(want, got))
                        fail_msg("%s: %s", cases[i].in, got ? json_dumps(got, JSON_ENSURE_ASCII) : "nothing");
        }
}

static void test_channel_problem(void **state)
{
        static const struct {
                const char *answer, *why; /* the beginning; NULL: none */
        } cases[] = {
                {"{'ok':true,'channel':{'id':'C1','is_member':true}}", NULL},
                {"{'ok':true,'channel':{'id':'C1','is_member':false}}", "I am not in that channel"},
                {"{'ok':true,'channel':{'id':'D1','is_im':true,'is_member':false}}", NULL},
                {"{'ok':true,'channel':{'id':'C1','is_member':true,'is_archived':true}}",
                 "That channel is archived"},
                {"{'ok':true,'channel':{'id':'C1'}}", NULL},
                {"{'ok':false,'error':'channel_not_found'}", "I am not in that channel"},
                {"{'ok':false,'error':'missing_scope'}", NULL},
                {"{}", NULL},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ json_t *answer = desk_json("%s", cases[i].answer);
                const char *why = start_form_channel_problem(answer);

                assert_int_equal(why != NULL, cases[i].why != NULL);
                assert_true(!why || str_starts_with(why, cases[i].why));
        }
}

/* ---- inference ---- */

static void test_infer(void **state)
{
        static const struct {
                const char *text, *offer, *values /* part of them */, *note /* part of it */;
                bool certain;
        } cases[] = {
                {"0012: add buttons", OFFER,
                 "{'project':'0012','category':'integration','repositories':['auth-api']}",
                 "Project 0012 from its number in the text", true},
                {"OpenCode Slack integration", OFFER, "{'project':'0012'}", "from the title", true},
                {"auth-api fails with 500", OFFER, "{'project':'0012','repositories':['auth-api']}",
                 "from the repositories", true},
                {"fix the crash in web and billing", OFFER,
                 "{'project':'0013','repositories':['web','billing'],'category':'trading'}", "Project 0013",
                 true},
                {"the website is slow", OFFER,
                 "{'project':'0014','category':'website','repositories':['web']}", "only active one", true},
                {"fix the typo", OFFER, "{'category':'bug'}", "Agent builder", false},
                {"webhook docs", OFFER, "{'category':'doc'}", "", false}, /* "web" is no word of it */
                {"fix the typo", "{}", "{'category':'bug','agent':'builder'}", "Agent builder", true},
                {"fix the typo", "{'repositories':[{'name':'web'}],'projects':[]}", "{}", "", true},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ json_t *offer = desk_json("%s", cases[i].offer),
                                      *want = desk_json("%s", cases[i].values),
                                      *values = start_form_split(cases[i].text);
                _cleanup_(start_inferred_deinit) StartInferred got = {0};
                const char *key;
                json_t *value;

                start_infer(values, offer, &got);
                json_object_foreach (want, key, value)
                        if (!json_equal(value, json_object_get(got.values, key)))
                                fail_msg("%s: %s in %s", cases[i].text, key, json_dumps(got.values, 0));
                if (!strstr(got.note, cases[i].note))
                        fail_msg("%s: %s", cases[i].text, got.note);
                assert_int_equal(got.certain, cases[i].certain);
                assert_non_null(json_at(got.routing, "decision.agent"));
        }
}

static void test_route(void **state)
{
        _cleanup_json_ json_t *offer = desk_json(OFFER);
        _cleanup_json_ json_t *values = desk_json(
                                      "{'title':'fix the failing login test','agent':'auto','model':''}"),
                              *routing = start_route(values, offer, "U1", 5);
        _cleanup_json_ json_t *chosen = desk_json(
                                      "{'title':'fix the failing login test','agent':'pm','model':'auto'}"),
                              *overridden = start_route(chosen, NULL, "U1", 5);

        assert_string_equal(json_str(values, "agent"), "builder");
        assert_null(json_at(routing, "override"));
        assert_string_equal(json_str(routing, "decision.agent"), "builder");
        assert_string_equal(json_str(chosen, "agent"), "pm");
        assert_string_equal(json_str(overridden, "override.agent"), "pm");
        assert_string_equal(json_str(overridden, "override.user"), "U1");
        assert_null(json_at(overridden, "override.model"));
}

/* ---- the modal ---- */

static json_t *element_of(const json_t *view, const char *field)
{
        json_t *block;
        size_t i;

        json_array_foreach (json_object_get(view, "blocks"), i, block)
                if (str_equal(json_str(block, "block_id"), field))
                        return json_object_get(block, "element");
        return NULL;
}

static void assert_view(const json_t *view)
{
        _cleanup_free_ char *error = blockkit_check_view(view);

        if (error)
                fail_msg("%s", error);
}

static void test_view(void **state)
{
        _cleanup_json_ json_t *
                offer = desk_json(OFFER),
               *values = desk_json(
                       "{'title':'T','project':'0014','repositories':['web','unknown'],'channel':'C1','model':'qwen'}"),
               *view = start_form_view(&(StartForm){.ref = "00aa",
                                                    .values = values,
                                                    .offer = offer,
                                                    .note = "Project 0014",
                                                    .error = "Again"}),
               *bare = start_form_view(&(StartForm){.ref = "00aa"}),
               *edit = start_form_view(
                       &(StartForm){.ref = "00aa", .values = values, .offer = offer, .is_edit = true});

        assert_view(view);
        assert_view(bare);
        assert_view(edit);
        assert_string_equal(json_str(view, "private_metadata"), "00aa");
        assert_string_equal(json_str(view, "callback_id"), START_FORM);
        assert_true(json_bool(view, "notify_on_close"));
        assert_true(strstr(json_str(view, "blocks.0.elements.0.text"), "Again") != NULL);
        assert_string_equal(json_str(view, "blocks.1.elements.0.text"), "Project 0014");
        assert_string_equal(json_str(element_of(view, "project"), "initial_option.value"), "0014");
        assert_string_equal(json_str(element_of(view, "project"), "options.0.value"),
                            "0012"); /* active ones first */
        assert_int_equal(json_array_size(json_at(element_of(view, "repositories"), "initial_options")), 1);
        assert_string_equal(json_str(element_of(view, "channel"), "initial_conversation"), "C1");
        assert_string_equal(json_str(element_of(view, "model"), "initial_option.value"), "qwen");
        assert_string_equal(json_str(element_of(view, "priority"), "initial_option.value"), "medium");
        /* Nothing is known: what there is nothing to choose from is left out. */
        assert_null(element_of(bare, "project"));
        assert_null(element_of(bare, "repositories"));
        assert_null(element_of(bare, "model"));
        assert_true(json_bool(element_of(bare, "channel"), "default_to_current_conversation"));
        assert_null(element_of(edit, "channel"));
        assert_string_equal(json_str(edit, "submit.text"), "Save");
}

/* More than a select takes, names that are too long for one, and texts of any kind. */
static void test_view_of_many(void **state)
{
        _cleanup_json_ json_t *offer = desk_json("{'repositories':[],'projects':[],'models':[]}"),
                              *values = desk_json("{'repositories':['repo-7'],'project':'0007'}"),
                              *view = NULL, *options = NULL;
        _cleanup_free_ char *long_name = repeated("n", 200), *long_title = repeated("title ", 40);

        for (int i = 0; i < 150; i++) {
                json_array_append_new(json_object_get(offer, "repositories"),
                                      json_pack("{s:o}", "name", json_sprintf("repo-%d", i)));
                json_array_append_new(json_object_get(offer, "projects"),
                                      json_pack("{s:o, s:s, s:o, s:s}", "id", json_sprintf("%04d", i),
                                                "title", long_title, "category", json_sprintf("cat%d", i),
                                                "status", "*b* <@U1>"));
        }
        json_array_append_new(json_object_get(offer, "repositories"), json_pack("{s:s}", "name", long_name));
        view = start_form_view(&(StartForm){.ref = "00aa", .values = values, .offer = offer});
        assert_view(view);
        assert_string_equal(json_str(element_of(view, "repositories"), "type"), "multi_external_select");
        assert_string_equal(json_str(element_of(view, "repositories"), "initial_options.0.value"), "repo-7");
        assert_null(json_at(element_of(view, "repositories"), "options"));
        assert_string_equal(json_str(element_of(view, "project"), "type"), "external_select");
        assert_string_equal(json_str(element_of(view, "project"), "initial_option.value"), "0007");
        assert_int_equal(json_array_size(json_at(element_of(view, "category"), "options")),
                         SLACK_OPTIONS_MAX);
        options = start_form_options(offer, "repositories", "");
        assert_int_equal(json_array_size(json_object_get(options, "options")), SLACK_OPTIONS_MAX);
}

static void test_task(void **state)
{
        _cleanup_json_ json_t *
                offer = desk_json(OFFER),
               *values = desk_json(
                       "{'title':'T','description':'','project':'0012','category':'bug','repositories':['web','billing','auth-api','x'],'agent':'pm','priority':'high','channel':'C1'}"),
               *task = start_form_task(values, offer),
               *want = desk_json(
                       "{'title':'T','project':{'id':'0012','title':'OpenCode Slack Integration'},'category':'bug',"
                       "'repositories':['web','billing','auth-api','x'],'agent':'pm','priority':'high'}");
        _cleanup_free_ char *line = start_task_line(task), *none = NULL, *as_named = NULL;
        _cleanup_json_ json_t *names = NULL;
        _cleanup_json_ json_t *bare = desk_json("{'title':'T','repositories':[],'priority':'medium'}");

        assert_true(json_equal(task, want));
        assert_string_equal(
                line,
                "Project 0012 \xC2\xB7 bug \xC2\xB7 high priority \xC2\xB7 web, billing, auth-api and 1 more");
        names = desk_json("{'repositories':['api','web'],'priority':'medium'}");
        as_named = start_task_line(names);
        assert_string_equal(as_named, "api, web");
        none = start_task_line(bare);
        assert_null(none);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_read),   cmocka_unit_test(test_titles_are_cleaned),
                cmocka_unit_test(test_split),  cmocka_unit_test(test_prompt),
                cmocka_unit_test(test_check),  cmocka_unit_test(test_lengths),
                cmocka_unit_test(test_answer), cmocka_unit_test(test_channel_problem),
                cmocka_unit_test(test_infer),  cmocka_unit_test(test_route),
                cmocka_unit_test(test_view),   cmocka_unit_test(test_view_of_many),
                cmocka_unit_test(test_task),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
