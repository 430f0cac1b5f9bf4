#include "blocks-rules.h"

#define REQUIRED true
#define OPTIONAL false
#define NOTHING  0, 0, NULL

/* Fields that many elements share. */
#define ACTION_ID                                                                                            \
        {                                                                                                    \
                "action_id", RULE_STRING, OPTIONAL, 0, 255, NULL                                             \
        }
#define CONFIRM                                                                                              \
        {                                                                                                    \
                "confirm", RULE_OBJECT, OPTIONAL, 0, 0, "confirm"                                            \
        }
#define FOCUS                                                                                                \
        {                                                                                                    \
                "focus_on_load", RULE_BOOL, OPTIONAL, NOTHING                                                \
        }
#define HINT                                                                                                 \
        {                                                                                                    \
                "placeholder", RULE_PLAIN, OPTIONAL, 1, 150, NULL                                            \
        }
#define DISPATCH                                                                                             \
        {                                                                                                    \
                "dispatch_action_config", RULE_OBJECT, OPTIONAL, 0, 0, "dispatch_action_config"              \
        }
#define MAX_ITEMS                                                                                            \
        {                                                                                                    \
                "max_selected_items", RULE_INT, OPTIONAL, 1, 1000, NULL                                      \
        }
#define LABEL                                                                                                \
        {                                                                                                    \
                "accessibility_label", RULE_STRING, OPTIONAL, 0, 75, NULL                                    \
        }
#define STYLE                                                                                                \
        {                                                                                                    \
                "style", RULE_ENUM, OPTIONAL, 0, 0, "primary|danger"                                         \
        }
#define RESPOND                                                                                              \
        {                                                                                                    \
                "response_url_enabled", RULE_BOOL, OPTIONAL, NOTHING                                         \
        }

#define SELECTS                                                                                                \
        "static_select|external_select|users_select|conversations_select|channels_select|multi_static_select|" \
        "multi_external_select|multi_users_select|multi_conversations_select|multi_channels_select"
#define PICKERS "datepicker|timepicker|datetimepicker|checkboxes|radio_buttons"
#define INPUTS                                                                                               \
        SELECTS "|" PICKERS                                                                                  \
                "|plain_text_input|rich_text_input|number_input|email_text_input|url_text_input|file_input"

/* --- blocks --- */

static const Rule section[] = {
        {"text", RULE_TEXT, OPTIONAL, 1, 3000, NULL},
        {"fields", RULE_ARRAY, OPTIONAL, 1, 10, "field"},
        {"accessory", RULE_OBJECT, OPTIONAL, 0, 0,
         "button|overflow|image|workflow_button|" SELECTS "|" PICKERS},
        {"expand", RULE_BOOL, OPTIONAL, NOTHING},
};
static const Rule header[] = {
        {"text", RULE_PLAIN, REQUIRED, 1, 150, NULL},
};
static const Rule markdown[] = {
        {"text", RULE_STRING, REQUIRED, 1, 12000, NULL},
};
static const Rule context[] = {
        {"elements", RULE_ARRAY, REQUIRED, 1, 10, "plain_text|mrkdwn|image"},
};
static const Rule actions[] = {
        {"elements", RULE_ARRAY, REQUIRED, 1, 25,
         "button|overflow|workflow_button|rich_text_input|" SELECTS "|" PICKERS},
};
static const Rule context_actions[] = {
        {"elements", RULE_ARRAY, REQUIRED, 1, 5, "feedback_buttons|icon_button"},
};
/* What Slack adds to an image that it stores is taken back without a word. */
static const Rule image[] = {
        {"image_url", RULE_URL, OPTIONAL, 1, 3000, NULL},
        {"slack_file", RULE_OBJECT, OPTIONAL, 0, 0, "slack_file"},
        {"alt_text", RULE_STRING, REQUIRED, 1, 2000, NULL},
        {"title", RULE_PLAIN, OPTIONAL, 1, 2000, NULL},
        {"fallback", RULE_ANY, OPTIONAL, NOTHING},
        {"image_width", RULE_ANY, OPTIONAL, NOTHING},
        {"image_height", RULE_ANY, OPTIONAL, NOTHING},
        {"image_bytes", RULE_ANY, OPTIONAL, NOTHING},
        {"is_animated", RULE_ANY, OPTIONAL, NOTHING},
};
static const Rule input[] = {
        {"label", RULE_PLAIN, REQUIRED, 1, 2000, NULL},    {"element", RULE_OBJECT, REQUIRED, 0, 0, INPUTS},
        {"hint", RULE_PLAIN, OPTIONAL, 0, 2000, NULL},     {"optional", RULE_BOOL, OPTIONAL, NOTHING},
        {"dispatch_action", RULE_BOOL, OPTIONAL, NOTHING},
};
static const Rule file[] = {
        {"external_id", RULE_STRING, REQUIRED, 1, 255, NULL},
        {"source", RULE_ENUM, REQUIRED, 0, 0, "remote"},
        {"file_id", RULE_ANY, OPTIONAL, NOTHING},
        {"file", RULE_ANY, OPTIONAL, NOTHING},
};
static const Rule video[] = {
        {"video_url", RULE_HTTPS, REQUIRED, 1, 3000, NULL},
        {"thumbnail_url", RULE_URL, REQUIRED, 1, 3000, NULL},
        {"alt_text", RULE_STRING, REQUIRED, 1, 2000, NULL},
        {"title", RULE_PLAIN, REQUIRED, 1, 199, NULL},
        {"title_url", RULE_HTTPS, OPTIONAL, 1, 3000, NULL},
        {"author_name", RULE_STRING, OPTIONAL, 0, 49, NULL},
        {"provider_name", RULE_STRING, OPTIONAL, 0, 255, NULL},
        {"provider_icon_url", RULE_URL, OPTIONAL, 1, 3000, NULL},
        {"description", RULE_PLAIN, OPTIONAL, 0, 200, NULL},
};
static const Rule call[] = {
        {"call_id", RULE_STRING, REQUIRED, 1, 255, NULL},
        {"api_decoration_available", RULE_BOOL, OPTIONAL, NOTHING},
        {"call", RULE_ANY, OPTIONAL, NOTHING},
};
static const Rule table[] = {
        {"rows", RULE_ROWS, REQUIRED, 1, 100, "rich_text|raw_text|raw_number"},
        {"column_settings", RULE_ARRAY, OPTIONAL, 0, 20, "column_setting"},
};
static const Rule data_table[] = {
        {"rows", RULE_ROWS, REQUIRED, 1, 100, "rich_text|raw_text|raw_number"},
        {"caption", RULE_STRING, REQUIRED, 1, 2000, NULL},
        {"page_size", RULE_INT, OPTIONAL, 1, 100, NULL},
        {"row_header_column_index", RULE_INT, OPTIONAL, 0, 19, NULL},
};
static const Rule card[] = {
        {"hero_image", RULE_OBJECT, OPTIONAL, 0, 0, "image"},
        {"icon", RULE_OBJECT, OPTIONAL, 0, 0, "image"},
        {"title", RULE_TEXT, OPTIONAL, 1, 150, NULL},
        {"subtitle", RULE_TEXT, OPTIONAL, 1, 150, NULL},
        {"body", RULE_TEXT, OPTIONAL, 1, 200, NULL},
        {"actions", RULE_ARRAY, OPTIONAL, 1, 3, "button"},
};
static const Rule carousel[] = {
        {"elements", RULE_ARRAY, REQUIRED, 1, 10, "card"},
};
static const Rule container[] = {
        {"title", RULE_PLAIN, OPTIONAL, 1, 150, NULL},
        {"rich_text_title", RULE_OBJECT, OPTIONAL, 0, 0, "rich_text"},
        {"subtitle", RULE_TEXT, OPTIONAL, 1, 150, NULL},
        {"child_blocks", RULE_ARRAY, REQUIRED, 1, 10,
         "actions|context|divider|file|header|image|input|rich_text|section|table|video"},
        {"width", RULE_ENUM, OPTIONAL, 0, 0, "narrow|standard|wide|full"},
        {"icon", RULE_OBJECT, OPTIONAL, 0, 0, "image"},
        {"is_collapsible", RULE_BOOL, OPTIONAL, NOTHING},
        {"default_collapsed", RULE_BOOL, OPTIONAL, NOTHING},
        {"has_header_divider", RULE_BOOL, OPTIONAL, NOTHING},
};
static const Rule alert[] = {
        {"text", RULE_TEXT, REQUIRED, 1, 200, NULL},
        {"level", RULE_ENUM, OPTIONAL, 0, 0, "default|info|warning|error|success"},
};
static const Rule plan[] = {
        {"title", RULE_STRING, REQUIRED, 1, 300, NULL},
        {"tasks", RULE_ARRAY, OPTIONAL, 0, 100, "task_card"},
};
static const Rule task_card[] = {
        {"task_id", RULE_STRING, REQUIRED, 1, 255, NULL},
        {"title", RULE_STRING, REQUIRED, 1, 300, NULL},
        {"status", RULE_ENUM, OPTIONAL, 0, 0, "pending|in_progress|complete|error"},
        {"details", RULE_OBJECT, OPTIONAL, 0, 0, "rich_text"},
        {"output", RULE_OBJECT, OPTIONAL, 0, 0, "rich_text"},
        {"sources", RULE_ARRAY, OPTIONAL, 0, 100, "url"},
};

/* --- rich text --- */

#define RICH_STYLE                                                                                           \
        {                                                                                                    \
                "style", RULE_OBJECT, OPTIONAL, 0, 0, "rich_text_style"                                      \
        }
#define RICH_BORDER                                                                                          \
        {                                                                                                    \
                "border", RULE_INT, OPTIONAL, 0, 1, NULL                                                     \
        }
#define RICH_LEAVES "text|link|emoji|user|channel|usergroup|team|broadcast|color|date"

static const Rule rich_text[] = {
        {"elements", RULE_ARRAY, REQUIRED, 0, 1000,
         "rich_text_section|rich_text_list|rich_text_preformatted|rich_text_quote"},
};
static const Rule rich_text_section[] = {
        {"elements", RULE_ARRAY, REQUIRED, 0, 5000, RICH_LEAVES},
};
static const Rule rich_text_list[] = {
        {"elements", RULE_ARRAY, REQUIRED, 0, 1000, "rich_text_section"},
        {"style", RULE_ENUM, REQUIRED, 0, 0, "bullet|ordered"},
        {"indent", RULE_INT, OPTIONAL, 0, 8, NULL},
        {"offset", RULE_INT, OPTIONAL, 0, 1000000, NULL},
        RICH_BORDER,
};
static const Rule rich_text_preformatted[] = {
        {"elements", RULE_ARRAY, REQUIRED, 0, 5000, RICH_LEAVES},
        {"language", RULE_STRING, OPTIONAL, 0, 255, NULL},
        RICH_BORDER,
};
static const Rule rich_text_quote[] = {
        {"elements", RULE_ARRAY, REQUIRED, 0, 5000, RICH_LEAVES},
        RICH_BORDER,
};
static const Rule text[] = {
        {"text", RULE_STRING, REQUIRED, 1, 0, NULL},
        RICH_STYLE,
};
static const Rule rich_link[] = {
        {"url", RULE_URL, REQUIRED, 1, 0, NULL},
        {"text", RULE_STRING, OPTIONAL, 0, 0, NULL},
        {"unsafe", RULE_BOOL, OPTIONAL, NOTHING},
        RICH_STYLE,
};
static const Rule emoji[] = {
        {"name", RULE_STRING, REQUIRED, 1, 255, NULL},
        {"unicode", RULE_STRING, OPTIONAL, 0, 255, NULL},
        {"url", RULE_URL, OPTIONAL, 1, 3000, NULL},
        {"skin_tone", RULE_INT, OPTIONAL, 1, 6, NULL},
        {"display_url", RULE_ANY, OPTIONAL, NOTHING},
        {"display_team_id", RULE_ANY, OPTIONAL, NOTHING},
        RICH_STYLE,
};
static const Rule user[] = {
        {"user_id", RULE_STRING, REQUIRED, 1, 255, NULL},
        RICH_STYLE,
};
static const Rule channel[] = {
        {"channel_id", RULE_STRING, REQUIRED, 1, 255, NULL},
        RICH_STYLE,
};
static const Rule usergroup[] = {
        {"usergroup_id", RULE_STRING, REQUIRED, 1, 255, NULL},
        RICH_STYLE,
};
static const Rule team[] = {
        {"team_id", RULE_STRING, REQUIRED, 1, 255, NULL},
        RICH_STYLE,
};
static const Rule broadcast[] = {
        {"range", RULE_ENUM, REQUIRED, 0, 0, "here|channel|everyone"},
        RICH_STYLE,
};
static const Rule color[] = {
        {"value", RULE_STRING, REQUIRED, 1, 255, NULL},
        RICH_STYLE,
};
static const Rule date[] = {
        {"timestamp", RULE_INT, REQUIRED, 0, 0, NULL},
        {"format", RULE_STRING, REQUIRED, 1, 255, NULL},
        {"url", RULE_URL, OPTIONAL, 1, 3000, NULL},
        {"fallback", RULE_STRING, OPTIONAL, 0, 255, NULL},
        RICH_STYLE,
};
static const Rule rich_text_style[] = {
        {"bold", RULE_BOOL, OPTIONAL, NOTHING},      {"italic", RULE_BOOL, OPTIONAL, NOTHING},
        {"strike", RULE_BOOL, OPTIONAL, NOTHING},    {"code", RULE_BOOL, OPTIONAL, NOTHING},
        {"underline", RULE_BOOL, OPTIONAL, NOTHING}, {"highlight", RULE_BOOL, OPTIONAL, NOTHING},
        {"unlink", RULE_BOOL, OPTIONAL, NOTHING},    {"client_highlight", RULE_BOOL, OPTIONAL, NOTHING},
};

/* --- elements --- */

static const Rule button[] = {
        {"text", RULE_PLAIN, REQUIRED, 1, 75, NULL},
        {"value", RULE_STRING, OPTIONAL, 0, 2000, NULL},
        {"url", RULE_URL, OPTIONAL, 1, 3000, NULL},
        STYLE,
        LABEL,
        CONFIRM,
        ACTION_ID,
};
static const Rule workflow_button[] = {
        {"text", RULE_PLAIN, REQUIRED, 1, 75, NULL},
        {"workflow", RULE_OBJECT, REQUIRED, 0, 0, "workflow"},
        STYLE,
        LABEL,
        CONFIRM,
        ACTION_ID,
};
static const Rule workflow[] = {
        {"trigger", RULE_OBJECT, REQUIRED, 0, 0, "trigger"},
};
static const Rule trigger[] = {
        {"url", RULE_URL, REQUIRED, 1, 3000, NULL},
        {"customizable_input_parameters", RULE_ARRAY, OPTIONAL, 0, 100, "input_parameter"},
};
static const Rule input_parameter[] = {
        {"name", RULE_STRING, REQUIRED, 1, 255, NULL},
        {"value", RULE_STRING, REQUIRED, 0, 3000, NULL},
};
static const Rule overflow[] = {
        {"options", RULE_ARRAY, REQUIRED, 1, 5, "overflow_option"},
        CONFIRM,
        ACTION_ID,
};
static const Rule checkboxes[] = {
        {"options", RULE_ARRAY, REQUIRED, 1, 10, "mrkdwn_option"},
        {"initial_options", RULE_ARRAY, OPTIONAL, 1, 10, "mrkdwn_option"},
        CONFIRM,
        FOCUS,
        ACTION_ID,
};
static const Rule radio_buttons[] = {
        {"options", RULE_ARRAY, REQUIRED, 1, 10, "mrkdwn_option"},
        {"initial_option", RULE_OBJECT, OPTIONAL, 0, 0, "mrkdwn_option"},
        CONFIRM,
        FOCUS,
        ACTION_ID,
};
static const Rule datepicker[] = {
        {"initial_date", RULE_DATE, OPTIONAL, NOTHING}, CONFIRM, FOCUS, HINT, ACTION_ID,
};
static const Rule timepicker[] = {
        {"initial_time", RULE_TIME, OPTIONAL, NOTHING},
        {"timezone", RULE_STRING, OPTIONAL, 1, 255, NULL},
        CONFIRM,
        FOCUS,
        HINT,
        ACTION_ID,
};
static const Rule datetimepicker[] = {
        {"initial_date_time", RULE_TIMESTAMP, OPTIONAL, NOTHING},
        CONFIRM,
        FOCUS,
        ACTION_ID,
};
static const Rule plain_text_input[] = {
        {"initial_value", RULE_STRING, OPTIONAL, 0, 3000, NULL},
        {"multiline", RULE_BOOL, OPTIONAL, NOTHING},
        {"min_length", RULE_INT, OPTIONAL, 0, 3000, NULL},
        {"max_length", RULE_INT, OPTIONAL, 1, 3000, NULL},
        DISPATCH,
        FOCUS,
        HINT,
        ACTION_ID,
};
static const Rule rich_text_input[] = {
        {"initial_value", RULE_OBJECT, OPTIONAL, 0, 0, "rich_text"},
        {"min_lines", RULE_INT, OPTIONAL, 1, 100, NULL},
        {"max_lines", RULE_INT, OPTIONAL, 1, 100, NULL},
        DISPATCH,
        FOCUS,
        HINT,
        ACTION_ID,
};
static const Rule number_input[] = {
        {"is_decimal_allowed", RULE_BOOL, REQUIRED, NOTHING},
        {"initial_value", RULE_STRING, OPTIONAL, 0, 255, NULL},
        {"min_value", RULE_STRING, OPTIONAL, 0, 255, NULL},
        {"max_value", RULE_STRING, OPTIONAL, 0, 255, NULL},
        DISPATCH,
        FOCUS,
        HINT,
        ACTION_ID,
};
static const Rule email_text_input[] = {
        {"initial_value", RULE_STRING, OPTIONAL, 0, 3000, NULL}, DISPATCH, FOCUS, HINT, ACTION_ID,
};
static const Rule url_text_input[] = {
        {"initial_value", RULE_STRING, OPTIONAL, 0, 3000, NULL}, DISPATCH, FOCUS, HINT, ACTION_ID,
};
static const Rule file_input[] = {
        {"filetypes", RULE_STRINGS, OPTIONAL, 1, 100, NULL},
        {"max_files", RULE_INT, OPTIONAL, 1, 10, NULL},
        ACTION_ID,
};
static const Rule feedback_buttons[] = {
        {"positive_button", RULE_OBJECT, REQUIRED, 0, 0, "feedback_button"},
        {"negative_button", RULE_OBJECT, REQUIRED, 0, 0, "feedback_button"},
        ACTION_ID,
};
static const Rule feedback_button[] = {
        {"text", RULE_PLAIN, REQUIRED, 1, 75, NULL},
        {"value", RULE_STRING, REQUIRED, 0, 2000, NULL},
        LABEL,
};
static const Rule icon_button[] = {
        {"icon", RULE_STRING, REQUIRED, 1, 255, NULL},
        {"text", RULE_PLAIN, REQUIRED, 1, 75, NULL},
        {"value", RULE_STRING, OPTIONAL, 0, 2000, NULL},
        {"visible_to_user_ids", RULE_STRINGS, OPTIONAL, 0, 100, NULL},
        LABEL,
        CONFIRM,
        ACTION_ID,
};
static const Rule static_select[] = {
        {"options", RULE_ARRAY, OPTIONAL, 1, 100, "option"},
        {"option_groups", RULE_ARRAY, OPTIONAL, 1, 100, "option_group"},
        {"initial_option", RULE_OBJECT, OPTIONAL, 0, 0, "option"},
        CONFIRM,
        FOCUS,
        HINT,
        ACTION_ID,
};
static const Rule multi_static_select[] = {
        {"options", RULE_ARRAY, OPTIONAL, 1, 100, "option"},
        {"option_groups", RULE_ARRAY, OPTIONAL, 1, 100, "option_group"},
        {"initial_options", RULE_ARRAY, OPTIONAL, 1, 100, "option"},
        MAX_ITEMS,
        CONFIRM,
        FOCUS,
        HINT,
        ACTION_ID,
};
static const Rule external_select[] = {
        {"initial_option", RULE_OBJECT, OPTIONAL, 0, 0, "option"},
        {"min_query_length", RULE_INT, OPTIONAL, 0, 1000, NULL},
        CONFIRM,
        FOCUS,
        HINT,
        ACTION_ID,
};
static const Rule multi_external_select[] = {
        {"initial_options", RULE_ARRAY, OPTIONAL, 1, 100, "option"},
        {"min_query_length", RULE_INT, OPTIONAL, 0, 1000, NULL},
        MAX_ITEMS,
        CONFIRM,
        FOCUS,
        HINT,
        ACTION_ID,
};
static const Rule users_select[] = {
        {"initial_user", RULE_STRING, OPTIONAL, 1, 255, NULL}, CONFIRM, FOCUS, HINT, ACTION_ID,
};
static const Rule multi_users_select[] = {
        {"initial_users", RULE_STRINGS, OPTIONAL, 0, 1000, NULL}, MAX_ITEMS, CONFIRM, FOCUS, HINT, ACTION_ID,
};
static const Rule conversations_select[] = {
        {"initial_conversation", RULE_STRING, OPTIONAL, 1, 255, NULL},
        {"default_to_current_conversation", RULE_BOOL, OPTIONAL, NOTHING},
        {"filter", RULE_OBJECT, OPTIONAL, 0, 0, "filter"},
        RESPOND,
        CONFIRM,
        FOCUS,
        HINT,
        ACTION_ID,
};
static const Rule multi_conversations_select[] = {
        {"initial_conversations", RULE_STRINGS, OPTIONAL, 0, 1000, NULL},
        {"default_to_current_conversation", RULE_BOOL, OPTIONAL, NOTHING},
        {"filter", RULE_OBJECT, OPTIONAL, 0, 0, "filter"},
        MAX_ITEMS,
        CONFIRM,
        FOCUS,
        HINT,
        ACTION_ID,
};
static const Rule channels_select[] = {
        {"initial_channel", RULE_STRING, OPTIONAL, 1, 255, NULL}, RESPOND, CONFIRM, FOCUS, HINT, ACTION_ID,
};
static const Rule multi_channels_select[] = {
        {"initial_channels", RULE_STRINGS, OPTIONAL, 0, 1000, NULL},
        MAX_ITEMS,
        CONFIRM,
        FOCUS,
        HINT,
        ACTION_ID,
};

/* --- composition objects --- */

static const Rule plain_text[] = {
        {"text", RULE_STRING, REQUIRED, 1, 3000, NULL},
        {"emoji", RULE_BOOL, OPTIONAL, NOTHING},
};
static const Rule mrkdwn[] = {
        {"text", RULE_STRING, REQUIRED, 1, 3000, NULL},
        {"verbatim", RULE_BOOL, OPTIONAL, NOTHING},
};
static const Rule raw_text[] = {
        {"text", RULE_STRING, REQUIRED, 1, 0, NULL},
};
static const Rule raw_number[] = {
        {"value", RULE_NUMBER, REQUIRED, NOTHING},
        {"text", RULE_STRING, OPTIONAL, 1, 0, NULL},
};
static const Rule url[] = {
        {"url", RULE_URL, REQUIRED, 1, 3000, NULL},
        {"text", RULE_STRING, REQUIRED, 1, 0, NULL},
};
static const Rule slack_file[] = {
        {"id", RULE_STRING, OPTIONAL, 1, 255, NULL},
        {"url", RULE_URL, OPTIONAL, 1, 3000, NULL},
};
static const Rule column_setting[] = {
        {"align", RULE_ENUM, OPTIONAL, 0, 0, "left|center|right"},
        {"is_wrapped", RULE_BOOL, OPTIONAL, NOTHING},
};
/* Markdown in an option is for checkboxes and radio buttons, an address for overflow menus. */
static const Rule option[] = {
        {"text", RULE_PLAIN, REQUIRED, 1, 75, NULL},
        {"value", RULE_STRING, REQUIRED, 1, 150, NULL},
        {"description", RULE_PLAIN, OPTIONAL, 1, 75, NULL},
};
static const Rule mrkdwn_option[] = {
        {"text", RULE_TEXT, REQUIRED, 1, 75, NULL},
        {"value", RULE_STRING, REQUIRED, 1, 150, NULL},
        {"description", RULE_TEXT, OPTIONAL, 1, 75, NULL},
};
static const Rule overflow_option[] = {
        {"text", RULE_PLAIN, REQUIRED, 1, 75, NULL},
        {"value", RULE_STRING, REQUIRED, 1, 150, NULL},
        {"description", RULE_PLAIN, OPTIONAL, 1, 75, NULL},
        {"url", RULE_URL, OPTIONAL, 1, 3000, NULL},
};
static const Rule option_group[] = {
        {"label", RULE_PLAIN, REQUIRED, 1, 75, NULL},
        {"options", RULE_ARRAY, REQUIRED, 1, 100, "option"},
};
static const Rule confirm[] = {
        {"title", RULE_PLAIN, OPTIONAL, 1, 100, NULL},
        {"text", RULE_TEXT, REQUIRED, 1, 300, NULL},
        {"confirm", RULE_PLAIN, OPTIONAL, 1, 30, NULL},
        {"deny", RULE_PLAIN, OPTIONAL, 1, 30, NULL},
        STYLE,
};
static const Rule dispatch_action_config[] = {
        {"trigger_actions_on", RULE_STRINGS, OPTIONAL, 1, 2, "on_enter_pressed|on_character_entered"},
};
static const Rule filter[] = {
        {"include", RULE_STRINGS, OPTIONAL, 1, 4, "im|mpim|private|public"},
        {"exclude_external_shared_channels", RULE_BOOL, OPTIONAL, NOTHING},
        {"exclude_bot_users", RULE_BOOL, OPTIONAL, NOTHING},
};

/* --- views, whose blocks are looked at apart --- */

#define VIEW_FIELDS                                                                                          \
        {"private_metadata", RULE_STRING, OPTIONAL, 0, 3000, NULL},                                          \
                {"callback_id", RULE_STRING, OPTIONAL, 0, 255, NULL},                                        \
                {"external_id", RULE_STRING, OPTIONAL, 0, 255, NULL},                                        \
                {"clear_on_close", RULE_BOOL, OPTIONAL, NOTHING},                                            \
        {                                                                                                    \
                "notify_on_close", RULE_BOOL, OPTIONAL, NOTHING                                              \
        }

static const Rule modal[] = {
        {"title", RULE_PLAIN, REQUIRED, 1, 24, NULL},
        {"submit", RULE_PLAIN, OPTIONAL, 1, 24, NULL},
        {"close", RULE_PLAIN, OPTIONAL, 1, 24, NULL},
        {"submit_disabled", RULE_BOOL, OPTIONAL, NOTHING},
        VIEW_FIELDS,
};
static const Rule home[] = {
        VIEW_FIELDS,
};

/* `_rules`: the array above; a block or element, which says its type. */
#define TYPED(_name, _surfaces, _rules)                                                                      \
        {                                                                                                    \
                _name, _surfaces, _rules, ELEMENTSOF(_rules), false, true                                    \
        }
#define BLOCK(_rules, _surfaces) TYPED(#_rules, _surfaces, _rules)
#define ELEMENT(_rules)          TYPED(#_rules, ON_INSIDE, _rules)
/* An object without a type. */
#define OBJECT(_rules)                                                                                       \
        {                                                                                                    \
#_rules, ON_INSIDE, _rules, ELEMENTSOF(_rules), false, false                                 \
        }
#define VIEW(_rules)                                                                                         \
        {                                                                                                    \
#_rules, ON_INSIDE, _rules, ELEMENTSOF(_rules), true, true                                   \
        }

static const RuleType types[] = {
        BLOCK(section, ON_ALL),
        BLOCK(header, ON_ALL),
        BLOCK(context, ON_ALL),
        BLOCK(actions, ON_ALL),
        BLOCK(image, ON_ALL),
        BLOCK(input, ON_ALL),
        BLOCK(rich_text, ON_ALL),
        BLOCK(video, ON_ALL),
        BLOCK(alert, ON_ALL),
        BLOCK(card, ON_ALL),
        BLOCK(carousel, ON_ALL),
        BLOCK(container, ON_ALL),
        BLOCK(markdown, ON_MESSAGE),
        BLOCK(context_actions, ON_MESSAGE),
        BLOCK(file, ON_MESSAGE),
        BLOCK(call, ON_MESSAGE),
        BLOCK(table, ON_MESSAGE),
        BLOCK(data_table, ON_MESSAGE),
        BLOCK(plan, ON_MESSAGE),
        BLOCK(task_card, ON_MESSAGE),
        {"divider", ON_ALL, NULL, 0, false, true},
        /* Its fields are not published. */
        {"data_visualization", ON_MESSAGE, NULL, 0, true, true},

        ELEMENT(rich_text_section),
        ELEMENT(rich_text_list),
        ELEMENT(rich_text_preformatted),
        ELEMENT(rich_text_quote),
        ELEMENT(text),
        TYPED("link", ON_INSIDE, rich_link),
        ELEMENT(emoji),
        ELEMENT(user),
        ELEMENT(channel),
        ELEMENT(usergroup),
        ELEMENT(team),
        ELEMENT(broadcast),
        ELEMENT(color),
        ELEMENT(date),

        ELEMENT(button),
        ELEMENT(workflow_button),
        ELEMENT(overflow),
        ELEMENT(checkboxes),
        ELEMENT(radio_buttons),
        ELEMENT(datepicker),
        ELEMENT(timepicker),
        ELEMENT(datetimepicker),
        ELEMENT(plain_text_input),
        ELEMENT(rich_text_input),
        ELEMENT(number_input),
        ELEMENT(email_text_input),
        ELEMENT(url_text_input),
        ELEMENT(file_input),
        ELEMENT(feedback_buttons),
        ELEMENT(icon_button),
        ELEMENT(static_select),
        ELEMENT(multi_static_select),
        ELEMENT(external_select),
        ELEMENT(multi_external_select),
        ELEMENT(users_select),
        ELEMENT(multi_users_select),
        ELEMENT(conversations_select),
        ELEMENT(multi_conversations_select),
        ELEMENT(channels_select),
        ELEMENT(multi_channels_select),

        ELEMENT(plain_text),
        ELEMENT(mrkdwn),
        ELEMENT(raw_text),
        ELEMENT(raw_number),
        ELEMENT(url),
        OBJECT(slack_file),
        OBJECT(column_setting),
        OBJECT(option),
        OBJECT(mrkdwn_option),
        OBJECT(overflow_option),
        OBJECT(option_group),
        OBJECT(confirm),
        OBJECT(dispatch_action_config),
        OBJECT(filter),
        OBJECT(rich_text_style),
        OBJECT(feedback_button),
        OBJECT(workflow),
        OBJECT(trigger),
        OBJECT(input_parameter),

        VIEW(modal),
        VIEW(home),
};

const RuleType *rules_find(const char *name)
{
        for (size_t i = 0; name && i < ELEMENTSOF(types); i++)
                if (str_equal(types[i].name, name))
                        return &types[i];
        return NULL;
}

const RuleType *rules_at(size_t i)
{
        return i < ELEMENTSOF(types) ? &types[i] : NULL;
}
