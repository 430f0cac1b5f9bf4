/* Block Kit's shapes: every type once as it should be, and what Slack says to what should not be. In the
 * samples ' stands for ". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "blocks-rules.h"
#include "blocks.h"

#define T(_text) "{'type':'plain_text','text':'" _text "'}"
#define M(_text) "{'type':'mrkdwn','text':'" _text "'}"
#define RICH(_leaves)                                                                                        \
        "{'type':'rich_text','elements':[{'type':'rich_text_section','elements':[" _leaves "]}]}"
#define IMAGE       "{'type':'image','image_url':'https://x/y.png','alt_text':'a'}"
#define OPTIONS     "[{'text':" T("A") ",'value':'a'},{'text':" T("B") ",'value':'b'}]"
#define ACTION(_e)  "[{'type':'actions','elements':[" _e "]}]"
#define INPUT(_e)   "[{'type':'input','label':" T("L") ",'element':" _e "}]"
#define SECTION(_e) "[{'type':'section','text':" M("x") ",'accessory':" _e "}]"

static json_t *parse(const char *text)
{
        _cleanup_free_ char *quoted = mem_strdup(text);
        json_t *value;

        for (char *p = quoted; *p; p++)
                if (*p == '\'')
                        *p = '"';
        value = json_loads(quoted, JSON_DECODE_ANY, NULL);
        if (!value)
                fail_msg("not JSON: %s", quoted);
        return value;
}

static void test_good(void **state)
{
        static const char *const samples[] = {
                "[{'type':'section','text':" M("*x*") ",'fields':[" T("f") "],'expand':true,'block_id':'b'}]",
                "[{'type':'section','fields':[" T("f") "," M("g") "]}]",
                "[{'type':'divider'},{'type':'header','text':" T("h") "}]",
                "[{'type':'context','elements':[" M("x") "," T("y") "," IMAGE "]}]",
                "[{'type':'markdown','text':'# x'}]",
                "[{'type':'image','slack_file':{'id':'F1'},'alt_text':'a','title':" T("t") "}]",
                "[{'type':'file','source':'remote','external_id':'1'}]",
                "[{'type':'call','call_id':'R1'}]",
                "[{'type':'video','video_url':'https://v','thumbnail_url':'https://t','alt_text':'a','title':" T(
                        "t") ",'title_url':'https://u','author_name':'n','provider_name':'p','description':" T("d") "}]",
                "[{'type':'table','rows':[[{'type':'raw_text','text':'a'},{'type':'raw_number','value':1,'text':'1'}],"
                "[" RICH(
                        "{'type':'text','text':'x'}") "]],'column_settings':[null,{'align':'right','is_wrapped':true}]}]",
                "[{'type':'data_table','caption':'c','page_size':100,'row_header_column_index':0,"
                "'rows':[[{'type':'raw_text','text':'a'}]]}]",
                "[{'type':'data_visualization','anything':1}]",
                "[{'type':'alert','text':" M("x") ",'level':'warning'}]",
                "[{'type':'card','hero_image':" IMAGE ",'icon':" IMAGE ",'title':" M("t") ",'subtitle':" M(
                        "s") ",'body':" M("b") ",'actions':[{'type':'button','text':" T("x") "}]}]",
                "[{'type':'carousel','elements':[{'type':'card','title':" M("t") "}]}]",
                "[{'type':'container','title':" T("t") ",'subtitle':" M(
                        "s") ",'width':'wide','is_collapsible':true,"
                             "'default_collapsed':true,'has_header_divider':true,'icon':" IMAGE
                             ",'child_blocks':[{'type':'divider'}]}]",
                "[{'type':'container','rich_text_title':" RICH("") ",'child_blocks':[{'type':'divider'}]}]",
                "[{'type':'plan','title':'p','tasks':[{'type':'task_card','task_id':'1','title':'t','status':'error',"
                "'details':" RICH("") ",'output':" RICH(
                        "") ",'sources':[{'type':'url','url':'https://x','text':'x'}]}]}]",
                "[{'type':'context_actions','elements':[{'type':'feedback_buttons','action_id':'f','positive_button':"
                "{'text':" T("+") ",'value':'1','accessibility_label':'l'},'negative_button':{'text':" T(
                        "-") ",'value':'0'}},"
                             "{'type':'icon_button','icon':'trash','text':" T(
                                     "x") ",'value':'v','visible_to_user_ids':['U1']}]}]",
                /* rich text */
                "[{'type':'rich_text','elements':[{'type':'rich_text_section','elements':["
                "{'type':'text','text':'x','style':{'bold':true,'italic':true,'strike':true,'code':true,'underline':true}},"
                "{'type':'link','url':'https://x','text':'t','unsafe':true},{'type':'emoji','name':'wave','unicode':'1f44b'},"
                "{'type':'user','user_id':'U1'},{'type':'channel','channel_id':'C1'},{'type':'usergroup','usergroup_id':'S1'},"
                "{'type':'team','team_id':'T1'},{'type':'broadcast','range':'here'},{'type':'color','value':'#fff'},"
                "{'type':'date','timestamp':1700000000,'format':'{date}','url':'https://x','fallback':'f'}]},"
                "{'type':'rich_text_list','style':'ordered','indent':8,'offset':3,'border':1,'elements':"
                "[{'type':'rich_text_section','elements':[]}]},"
                "{'type':'rich_text_quote','border':0,'elements':[]},"
                "{'type':'rich_text_preformatted','elements':[{'type':'text','text':'c'}]}]}]",
                /* elements */
                ACTION("{'type':'button','text':" T(
                        "x") ",'value':'','url':'https://x','style':'danger','action_id':'a',"
                             "'accessibility_label':'l','confirm':{'title':" T("t") ",'text':" M(
                                     "x") ",'confirm':" T("y") ",'deny':" T("n") ",'style':'primary'}}"),
                ACTION("{'type':'workflow_button','text':" T(
                        "x") ",'workflow':{'trigger':{'url':'https://x',"
                             "'customizable_input_parameters':[{'name':'n','value':'v'}]}}}"),
                ACTION("{'type':'overflow','options':[{'text':" T(
                        "A") ",'value':'a','url':'https://x','description':" T("d") "}]}"),
                ACTION("{'type':'static_select','options':" OPTIONS ",'initial_option':{'text':" T(
                        "B") ",'value':'b'},'placeholder':" T("p") ",'focus_on_load':true}"),
                ACTION("{'type':'multi_static_select','option_groups':[{'label':" T(
                        "l") ",'options':" OPTIONS "}],'initial_options':" OPTIONS
                             ",'max_selected_items':2}"),
                ACTION("{'type':'external_select','min_query_length':0,'initial_option':{'text':" T(
                        "X") ",'value':'x'}}"),
                ACTION("{'type':'users_select','initial_user':'U1'}"),
                ACTION("{'type':'conversations_select','default_to_current_conversation':true,'response_url_enabled':true,"
                       "'filter':{'include':['im','public'],'exclude_bot_users':true}}"),
                ACTION("{'type':'channels_select','initial_channel':'C1','response_url_enabled':true}"),
                SECTION("{'type':'multi_users_select','initial_users':['U1']}"),
                SECTION("{'type':'multi_channels_select','initial_channels':['C1']}"),
                SECTION("{'type':'multi_conversations_select','initial_conversations':['C1']}"),
                SECTION("{'type':'multi_external_select','min_query_length':3}"),
                SECTION(IMAGE),
                INPUT("{'type':'checkboxes','options':[{'text':" M("*A*") ",'value':'a','description':" M(
                        "d") "}]}"),
                INPUT("{'type':'radio_buttons','options':" OPTIONS
                      ",'initial_option':{'text':" T("A") ",'value':'a'}}"),
                INPUT("{'type':'datepicker','initial_date':'2028-02-29','placeholder':" T("p") "}"),
                INPUT("{'type':'timepicker','initial_time':'23:59','timezone':'Europe/London'}"),
                INPUT("{'type':'datetimepicker','initial_date_time':1628633820}"),
                INPUT("{'type':'plain_text_input','multiline':true,'min_length':0,'max_length':3000,'initial_value':'x',"
                      "'dispatch_action_config':{'trigger_actions_on':['on_enter_pressed']}}"),
                INPUT("{'type':'rich_text_input','initial_value':" RICH(
                        "") ",'min_lines':1,'max_lines':100}"),
                INPUT("{'type':'number_input','is_decimal_allowed':true,'min_value':'-1.5','max_value':'7','initial_value':'0'}"),
                INPUT("{'type':'email_text_input','initial_value':'a@b'}"),
                INPUT("{'type':'url_text_input','initial_value':'https://x'}"),
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(samples); i++) {
                _cleanup_json_ json_t *blocks = parse(samples[i]),
                                      *errors = blocks_check(blocks, BLOCKS_MESSAGE, "/blocks");

                if (json_array_size(errors) > 0)
                        fail_msg("%s: %s", samples[i], json_str(errors, "0"));
        }
}

/* Every type that the table names is tried in the samples above or below: one that is nowhere is a mistake.
 */
static void test_types_exist(void **state)
{
        (void) state;
        for (size_t i = 0; rules_at(i); i++) {
                const RuleType *type = rules_at(i);

                assert_ptr_equal(rules_find(type->name), type);
                for (size_t r = 0; r < type->n; r++) {
                        const Rule *rule = &type->rules[r];
                        _cleanup_free_ char *types = rule->kind == RULE_OBJECT || rule->kind == RULE_ARRAY ||
                                                                     rule->kind == RULE_ROWS
                                                             ? mem_strdup(rule->types)
                                                             : NULL;
                        char *save = NULL;

                        for (char *t = types ? strtok_r(types, "|", &save) : NULL; t;
                             t = strtok_r(NULL, "|", &save))
                                if (!str_equal(t, "field") && !rules_find(t))
                                        fail_msg("%s.%s is of the type %s, which there is not", type->name,
                                                 rule->field, t);
                }
        }
        assert_null(rules_find("nonsense"));
        assert_null(rules_find(NULL));
}

static void test_bad(void **state)
{
        static const struct {
                const char *blocks, *error;
        } rows[] = {
                {"'text'", "must provide an array [json-pointer:/blocks]"},
                {"[{'type':'section','text':" T("x") ",'txt':1}]",
                 "invalid additional property: txt [json-pointer:/blocks/0]"},
                {"[{'type':'section','text':{'type':'mrkdwn','text':'x','emoji':true}}]",
                 "invalid additional property: emoji [json-pointer:/blocks/0/text]"},
                {"[{'type':'section','text':'x'}]", "must provide an object [json-pointer:/blocks/0/text]"},
                {"[{'type':'section','text':{'type':'mrkdwn','text':7}}]",
                 "must provide a string [json-pointer:/blocks/0/text/text]"},
                {"[{'type':'section','text':" T("x") ",'expand':'yes'}]",
                 "must be a boolean [json-pointer:/blocks/0/expand]"},
                {SECTION("{'type':'rich_text_input'}"),
                 "unsupported type: rich_text_input [json-pointer:/blocks/0/accessory/type]"},
                {"[{'type':'image','alt_text':'a'}]",
                 "missing required field: image_url [json-pointer:/blocks/0]"},
                {"[{'type':'image','alt_text':'a','image_url':'https://x','slack_file':{'id':'F1'}}]",
                 "failed to match exactly one allowed schema [json-pointer:/blocks/0]"},
                {"[{'type':'image','alt_text':'a','slack_file':{}}]",
                 "missing required field: id [json-pointer:/blocks/0/slack_file]"},
                {"[{'type':'image','alt_text':'a','image_url':'no address'}]",
                 "input must be a valid: uri [json-pointer:/blocks/0/image_url]"},
                {"[{'type':'image','alt_text':'','image_url':'https://x'}]",
                 "must be more than 0 characters [json-pointer:/blocks/0/alt_text]"},
                {"[{'type':'video','video_url':'http://v','thumbnail_url':'https://t','alt_text':'a','title':" T(
                         "t") "}]",
                 "input must be a valid: uri [json-pointer:/blocks/0/video_url]"},
                {"[{'type':'file','source':'local','external_id':'1'}]",
                 "must be a valid enum value [json-pointer:/blocks/0/source]"},
                {"[{'type':'table','rows':[[{'type':'button'}]]}]",
                 "unsupported type: button [json-pointer:/blocks/0/rows/0/0/type]"},
                {"[{'type':'table','rows':['x']}]", "must provide an array [json-pointer:/blocks/0/rows/0]"},
                {"[{'type':'table','rows':[]}]",
                 "must provide at least 1 items [json-pointer:/blocks/0/rows]"},
                {"[{'type':'table','rows':[[]],'column_settings':[{'align':'middle'}]}]",
                 "must be a valid enum value [json-pointer:/blocks/0/column_settings/0/align]"},
                {"[{'type':'data_table','rows':[[]]}]",
                 "missing required field: caption [json-pointer:/blocks/0]"},
                {"[{'type':'data_table','rows':[[]],'caption':'c','page_size':101}]",
                 "must be less than 100 [json-pointer:/blocks/0/page_size]"},
                {"[{'type':'table','rows':[[]]},{'type':'data_table','rows':[[]],'caption':'c'}]",
                 "only_one_table_allowed [json-pointer:/blocks/1]"},
                {"[{'type':'card'}]", "failed to match any allowed schemas [json-pointer:/blocks/0]"},
                {"[{'type':'carousel','elements':[{'type':'section'}]}]",
                 "unsupported type: section [json-pointer:/blocks/0/elements/0/type]"},
                {"[{'type':'container','child_blocks':[{'type':'divider'}]}]",
                 "missing required field: title [json-pointer:/blocks/0]"},
                {"[{'type':'container','title':" T("t") ",'child_blocks':[{'type':'markdown','text':'x'}]}]",
                 "unsupported type: markdown [json-pointer:/blocks/0/child_blocks/0/type]"},
                {"[{'type':'container','title':" T(
                         "t") ",'default_collapsed':true,'child_blocks':[{'type':'divider'}]}]",
                 "missing required field: is_collapsible [json-pointer:/blocks/0]"},
                {"[{'type':'plan','title':'p'},{'type':'task_card','task_id':'1','title':'t'}]",
                 "plan and task_card blocks cannot be combined [json-pointer:/blocks/1]"},
                {"[{'type':'task_card','task_id':'1','title':'t','details':{'type':'section'}}]",
                 "unsupported type: section [json-pointer:/blocks/0/details/type]"},
                {"[{'type':'rich_text','elements':[{'type':'rich_text_list','style':'dotted','elements':[]}]}]",
                 "must be a valid enum value [json-pointer:/blocks/0/elements/0/style]"},
                {"[{'type':'rich_text','elements':[{'type':'rich_text_section','elements':[{'type':'text'}]}]}]",
                 "missing required field: text [json-pointer:/blocks/0/elements/0/elements/0]"},
                {"[{'type':'rich_text','elements':[{'type':'rich_text_section','elements':"
                 "[{'type':'text','text':'x','style':{'loud':true}}]}]}]",
                 "invalid additional property: loud [json-pointer:/blocks/0/elements/0/elements/0/style]"},
                {"[{'type':'context_actions','elements':[{'type':'button','text':" T("x") "}]}]",
                 "unsupported type: button [json-pointer:/blocks/0/elements/0/type]"},
                {ACTION("{'type':'static_select'}"),
                 "missing required field: options [json-pointer:/blocks/0/elements/0]"},
                {ACTION("{'type':'static_select','options':" OPTIONS
                        ",'option_groups':[{'label':" T("l") ",'options':" OPTIONS "}]}"),
                 "failed to match exactly one allowed schema [json-pointer:/blocks/0/elements/0]"},
                {ACTION("{'type':'static_select','options':" OPTIONS
                        ",'initial_option':{'text':" T("C") ",'value':'c'}}"),
                 "must be one of the options [json-pointer:/blocks/0/elements/0/initial_option]"},
                {ACTION("{'type':'static_select','options':[{'text':" M("A") ",'value':'a'}]}"),
                 "unsupported type: mrkdwn [json-pointer:/blocks/0/elements/0/options/0/text/type]"},
                {ACTION("{'type':'static_select','options':[{'text':" T("A") ",'value':'a','url':''}]}"),
                 "invalid additional property: url [json-pointer:/blocks/0/elements/0/options/0]"},
                {ACTION("{'type':'multi_static_select','options':" OPTIONS ",'initial_options':" OPTIONS
                        ",'max_selected_items':1}"),
                 "no more than 1 items allowed [json-pointer:/blocks/0/elements/0/initial_options]"},
                {ACTION("{'type':'overflow','options':[]}"),
                 "must provide at least 1 items [json-pointer:/blocks/0/elements/0/options]"},
                {ACTION("{'type':'conversations_select','filter':{'include':['secret']}}"),
                 "must be a valid enum value [json-pointer:/blocks/0/elements/0/filter/include/0]"},
                {ACTION("{'type':'button','text':" T("x") ",'confirm':{'title':" T("t") "}}"),
                 "missing required field: text [json-pointer:/blocks/0/elements/0/confirm]"},
                {ACTION("{'type':'button','text':" T("x") ",'focus_on_load':true}"),
                 "invalid additional property: focus_on_load [json-pointer:/blocks/0/elements/0]"},
                {INPUT("{'type':'datepicker','initial_date':'2027-02-29'}"),
                 "input must be a valid: date [json-pointer:/blocks/0/element/initial_date]"},
                {INPUT("{'type':'timepicker','initial_time':'24:00'}"),
                 "input must be a valid: time [json-pointer:/blocks/0/element/initial_time]"},
                {INPUT("{'type':'datetimepicker','initial_date_time':17}"),
                 "must be a timestamp of 10 digits [json-pointer:/blocks/0/element/initial_date_time]"},
                {INPUT("{'type':'plain_text_input','min_length':9,'max_length':3}"),
                 "must be less than 3 [json-pointer:/blocks/0/element/min_length]"},
                {INPUT("{'type':'plain_text_input','max_length':0}"),
                 "must be greater than 1 [json-pointer:/blocks/0/element/max_length]"},
                {INPUT("{'type':'number_input'}"),
                 "missing required field: is_decimal_allowed [json-pointer:/blocks/0/element]"},
                {INPUT("{'type':'number_input','is_decimal_allowed':false,'min_value':'1.5'}"),
                 "input must be a valid: number [json-pointer:/blocks/0/element/min_value]"},
                {INPUT("{'type':'file_input'}"),
                 "unsupported type: file_input [json-pointer:/blocks/0/element/type]"},
                {ACTION("{'type':'plain_text_input'}"),
                 "unsupported type: plain_text_input [json-pointer:/blocks/0/elements/0/type]"},
                {"[{'type':'input','label':" T(
                         "A") ",'element':{'type':'plain_text_input','focus_on_load':true}},"
                              "{'type':'input','label':" T(
                                      "B") ",'element':{'type':'plain_text_input','focus_on_load':true}}]",
                 "only one element may have `focus_on_load` [json-pointer:/blocks/1/element]"},
                {"[{'type':'header','text':" T("x") ",'block_id':7}]",
                 "must provide a string [json-pointer:/blocks/0/block_id]"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ json_t *blocks = parse(rows[i].blocks),
                                      *errors = blocks_check(blocks, BLOCKS_MESSAGE, "/blocks");
                const char *first = json_str(errors, "0");

                if (!str_equal(first, rows[i].error))
                        fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].blocks, first ? first : "",
                                 rows[i].error);
                if (json_array_size(errors) != 1)
                        fail_msg("%s: also %s", rows[i].blocks, json_str(errors, "1"));
        }
}

static void test_surfaces(void **state)
{
        static const struct {
                const char *blocks;
                BlocksSurface surface;
                bool fine;
        } rows[] = {
                {"[{'type':'markdown','text':'x'}]", BLOCKS_MESSAGE, true},
                {"[{'type':'markdown','text':'x'}]", BLOCKS_MODAL, false},
                {"[{'type':'task_card','task_id':'1','title':'x'}]", BLOCKS_HOME, false},
                {"[{'type':'alert','text':" M("x") "}]", BLOCKS_MESSAGE, true},
                {"[{'type':'alert','text':" M("x") "}]", BLOCKS_MESSAGE_NO_ALERT, false},
                {"[{'type':'alert','text':" M("x") "}]", BLOCKS_MODAL, true},
                {"[{'type':'container','title':" T("t") ",'child_blocks':[{'type':'divider'}]}]", BLOCKS_HOME,
                 true},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ json_t *blocks = parse(rows[i].blocks),
                                      *errors = blocks_check(blocks, rows[i].surface, "/blocks");

                assert_int_equal(json_array_size(errors) == 0, rows[i].fine);
        }
}

/* What blocks.validate says more than the other answers: the example of the documentation, and a missing
 * field. */
static void test_details(void **state)
{
        _cleanup_json_ json_t *
                blocks = parse("[{'type':'section','text':{'type':'invalid','text':'x'}},{'type':'header'}]"),
               *errors = blocks_find_errors(blocks, BLOCKS_MESSAGE, ""),
               *want = parse("[{'code':'failed_constraint','message':'unsupported type: invalid',"
                             "'pointer':'/0/text/type','constraint':{'type':'enum','expected':"
                             "['plain_text','mrkdwn']}},{'code':'missing_field','message':"
                             "'missing required field: text','pointer':'/1','field':'text'}]");
        _cleanup_free_ char *text = json_dump(errors);

        (void) state;
        if (!json_equal(errors, want))
                fail_msg("%s", text);
}

static void test_views(void **state)
{
        static const struct {
                const char *view, *error; /* NULL: fine */
        } rows[] = {
                {"{'type':'modal','title':" T("t") ",'blocks':[],'clear_on_close':true,'id':'V1','hash':'x'}",
                 NULL},
                {"{'type':'home','blocks':[],'private_metadata':'m'}", NULL},
                {"{'type':'modal','title':" T("t") ",'blocks':{}}",
                 "must provide an array [json-pointer:/view/blocks]"},
                {"{'type':'modal','title':" T("t") "}",
                 "missing required field: blocks [json-pointer:/view]"},
                {"{'type':'modal','title':" M("t") ",'blocks':[]}",
                 "unsupported type: mrkdwn [json-pointer:/view/title/type]"},
                {"{'type':'modal','title':" T("t") ",'blocks':[],'notify_on_close':'yes'}",
                 "must be a boolean [json-pointer:/view/notify_on_close]"},
                {"{'type':'modal','title':" T("t") ",'blocks':[{'type':'container','title':" T(
                         "t") ",'child_blocks':" INPUT("{'type':'plain_text_input'}") "}]}",
                 "missing required field: submit [json-pointer:/view]"},
                {"{'type':'modal','title':" T("t") ",'submit':" T("s") ",'blocks':" INPUT(
                         "{'type':'file_input','filetypes':['png'],'max_files':10}") "}",
                 NULL},
                {"{'type':'modal','title':" T("t") ",'submit':" T("s") ",'blocks':" INPUT(
                         "{'type':'file_input','max_files':11}") "}",
                 "must be less than 10 [json-pointer:/view/blocks/0/element/max_files]"},
                {"'x'", "must provide an object [json-pointer:/view]"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ json_t *view = parse(rows[i].view), *errors = NULL;

                errors = blocks_check_view(view);
                if (!str_equal(json_str(errors, "0"), rows[i].error))
                        fail_msg("%s: \"%s\"", rows[i].view, json_str_or(errors, "0", ""));
        }
}

/* However much is wrong, and however deep: the list stays short, and the places whole. */
static void test_many_errors(void **state)
{
        _cleanup_json_ json_t *blocks = json_array(), *errors = NULL;

        (void) state;
        for (int i = 0; i < 50; i++)
                json_array_append_new(blocks, json_pack("{s:s}", "type", "header"));
        errors = blocks_find_errors(blocks, BLOCKS_MESSAGE, "/blocks");
        assert_int_equal(json_array_size(errors), 20);
        assert_string_equal(json_str(errors, "19.pointer"), "/blocks/19");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),        cmocka_unit_test(test_types_exist),
                cmocka_unit_test(test_bad),         cmocka_unit_test(test_surfaces),
                cmocka_unit_test(test_details),     cmocka_unit_test(test_views),
                cmocka_unit_test(test_many_errors),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
