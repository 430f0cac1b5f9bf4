/* Validation is a table of rules, one row per field of a block, element or composition object. The texts are
 * Slack's own where they are known from reports ("must be less than 3001 characters", "no more than 25 items
 * allowed"), and follow their pattern elsewhere. */
#include "blocks.h"

#include <stdio.h>

#define ERRORS_MAX   20
#define POINTER_SIZE 256

typedef enum RuleKind {
        RULE_STRING, /* min..max characters */
        RULE_ENUM,   /* one of `types`, separated by | */
        RULE_BOOL,
        RULE_INT,      /* min..max */
        RULE_PLAIN,    /* plain_text object, max characters */
        RULE_TEXT,     /* plain_text or mrkdwn object, max characters */
        RULE_OBJECT,   /* one object of one of `types` */
        RULE_ARRAY,    /* min..max objects of `types` */
        RULE_RAW_ARRAY /* min..max of anything */
} RuleKind;

typedef struct Rule {
        const char *owner; /* type of the object the row belongs to */
        const char *field;
        RuleKind kind;
        bool required;
        unsigned min, max;
        const char *types;
} Rule;

#define SELECTS                                                                                                \
        "static_select|external_select|users_select|conversations_select|channels_select|multi_static_select|" \
        "multi_external_select|multi_users_select|multi_conversations_select|multi_channels_select"
#define PICKERS "datepicker|timepicker|datetimepicker|checkboxes|radio_buttons"
#define INPUTS                                                                                               \
        SELECTS "|" PICKERS                                                                                  \
                "|plain_text_input|rich_text_input|number_input|email_text_input|url_text_input|file_input"

static const char message_blocks[] =
        "actions|alert|card|carousel|container|context|context_actions|data_table|"
        "data_visualization|divider|file|header|image|input|markdown|plan|rich_text|"
        "section|table|task_card|video|call";
static const char view_blocks[] =
        "actions|alert|container|context|divider|header|image|input|rich_text|section|table|video|card|carousel";

static const Rule rules[] = {
        /* blocks */
        {"section", "text", RULE_TEXT, false, 1, 3000, NULL},
        {"section", "fields", RULE_ARRAY, false, 1, 10, "field"},
        {"section", "accessory", RULE_OBJECT, false, 0, 0,
         "button|overflow|image|workflow_button|plain_text_input|" SELECTS "|" PICKERS},
        {"section", "expand", RULE_BOOL, false, 0, 0, NULL},
        {"header", "text", RULE_PLAIN, true, 1, 150, NULL},
        {"markdown", "text", RULE_STRING, true, 1, 12000, NULL},
        {"context", "elements", RULE_ARRAY, true, 1, 10, "context_text|image"},
        {"actions", "elements", RULE_ARRAY, true, 1, 25,
         "button|overflow|workflow_button|plain_text_input|rich_text_input|" SELECTS "|" PICKERS},
        {"context_actions", "elements", RULE_ARRAY, true, 1, 5, "feedback_buttons|icon_button"},
        {"image", "image_url", RULE_STRING, false, 1, 3000, NULL},
        {"image", "alt_text", RULE_STRING, true, 0, 2000, NULL},
        {"image", "title", RULE_PLAIN, false, 1, 2000, NULL},
        {"input", "label", RULE_PLAIN, true, 1, 2000, NULL},
        {"input", "element", RULE_OBJECT, true, 0, 0, INPUTS},
        {"input", "hint", RULE_PLAIN, false, 0, 2000, NULL},
        {"input", "optional", RULE_BOOL, false, 0, 0, NULL},
        {"input", "dispatch_action", RULE_BOOL, false, 0, 0, NULL},
        {"rich_text", "elements", RULE_ARRAY, true, 0, 1000,
         "rich_text_section|rich_text_list|rich_text_preformatted|rich_text_quote"},
        {"rich_text_list", "style", RULE_ENUM, true, 0, 0, "bullet|ordered"},
        {"rich_text_list", "elements", RULE_ARRAY, true, 0, 1000, "rich_text_section"},
        {"rich_text_list", "indent", RULE_INT, false, 0, 8, NULL},
        {"rich_text_section", "elements", RULE_RAW_ARRAY, true, 0, 5000, NULL},
        {"rich_text_preformatted", "elements", RULE_RAW_ARRAY, true, 0, 5000, NULL},
        {"rich_text_quote", "elements", RULE_RAW_ARRAY, true, 0, 5000, NULL},
        {"table", "rows", RULE_RAW_ARRAY, true, 1, 100, NULL},
        {"table", "column_settings", RULE_RAW_ARRAY, false, 0, 20, NULL},
        {"data_table", "rows", RULE_RAW_ARRAY, true, 1, 100, NULL},
        {"data_table", "caption", RULE_STRING, true, 1, 2000, NULL},
        {"data_table", "page_size", RULE_INT, false, 1, 100, NULL},
        {"container", "child_blocks", RULE_ARRAY, true, 1, 10, message_blocks},
        {"container", "title", RULE_PLAIN, false, 1, 150, NULL},
        {"card", "title", RULE_TEXT, false, 1, 150, NULL},
        {"card", "subtitle", RULE_TEXT, false, 1, 150, NULL},
        {"card", "body", RULE_TEXT, false, 1, 200, NULL},
        {"card", "actions", RULE_ARRAY, false, 0, 3, "button"},
        {"carousel", "elements", RULE_ARRAY, true, 1, 10, "card"},
        {"alert", "text", RULE_TEXT, true, 1, 200, NULL},
        {"plan", "title", RULE_STRING, true, 1, 300, NULL},
        {"plan", "tasks", RULE_ARRAY, false, 0, 100, "task_card"},
        {"task_card", "task_id", RULE_STRING, true, 1, 255, NULL},
        {"task_card", "title", RULE_STRING, true, 1, 300, NULL},
        {"task_card", "status", RULE_ENUM, false, 0, 0, "pending|in_progress|complete|error"},
        /* elements */
        {"button", "text", RULE_PLAIN, true, 1, 75, NULL},
        {"button", "value", RULE_STRING, false, 0, 2000, NULL},
        {"button", "url", RULE_STRING, false, 0, 3000, NULL},
        {"button", "style", RULE_ENUM, false, 0, 0, "primary|danger"},
        {"button", "accessibility_label", RULE_STRING, false, 0, 75, NULL},
        {"button", "confirm", RULE_OBJECT, false, 0, 0, "confirm"},
        {"static_select", "options", RULE_ARRAY, false, 1, 100, "option"},
        {"static_select", "option_groups", RULE_ARRAY, false, 1, 100, "option_group"},
        {"static_select", "placeholder", RULE_PLAIN, false, 1, 150, NULL},
        {"static_select", "initial_option", RULE_OBJECT, false, 0, 0, "option"},
        {"static_select", "confirm", RULE_OBJECT, false, 0, 0, "confirm"},
        {"multi_static_select", "options", RULE_ARRAY, false, 1, 100, "option"},
        {"multi_static_select", "option_groups", RULE_ARRAY, false, 1, 100, "option_group"},
        {"multi_static_select", "placeholder", RULE_PLAIN, false, 1, 150, NULL},
        {"multi_static_select", "initial_options", RULE_ARRAY, false, 1, 100, "option"},
        {"multi_static_select", "max_selected_items", RULE_INT, false, 1, 1000, NULL},
        {"external_select", "placeholder", RULE_PLAIN, false, 1, 150, NULL},
        {"users_select", "placeholder", RULE_PLAIN, false, 1, 150, NULL},
        {"conversations_select", "placeholder", RULE_PLAIN, false, 1, 150, NULL},
        {"channels_select", "placeholder", RULE_PLAIN, false, 1, 150, NULL},
        {"overflow", "options", RULE_ARRAY, true, 1, 5, "option"},
        {"checkboxes", "options", RULE_ARRAY, true, 1, 10, "option"},
        {"checkboxes", "initial_options", RULE_ARRAY, false, 1, 10, "option"},
        {"radio_buttons", "options", RULE_ARRAY, true, 1, 10, "option"},
        {"radio_buttons", "initial_option", RULE_OBJECT, false, 0, 0, "option"},
        {"plain_text_input", "placeholder", RULE_PLAIN, false, 1, 150, NULL},
        {"plain_text_input", "initial_value", RULE_STRING, false, 0, 3000, NULL},
        {"plain_text_input", "multiline", RULE_BOOL, false, 0, 0, NULL},
        {"plain_text_input", "min_length", RULE_INT, false, 0, 3000, NULL},
        {"plain_text_input", "max_length", RULE_INT, false, 1, 3000, NULL},
        {"feedback_buttons", "positive_button", RULE_OBJECT, true, 0, 0, "feedback_button"},
        {"feedback_buttons", "negative_button", RULE_OBJECT, true, 0, 0, "feedback_button"},
        {"icon_button", "icon", RULE_STRING, true, 1, 255, NULL},
        {"icon_button", "text", RULE_PLAIN, true, 1, 75, NULL},
        {"icon_button", "value", RULE_STRING, false, 0, 2000, NULL},
        /* composition objects, which carry no `type` of their own */
        {"feedback_button", "text", RULE_PLAIN, true, 1, 75, NULL},
        {"feedback_button", "value", RULE_STRING, true, 0, 2000, NULL},
        {"option", "text", RULE_TEXT, true, 1, 75, NULL},
        {"option", "value", RULE_STRING, true, 1, 150, NULL},
        {"option", "description", RULE_TEXT, false, 1, 75, NULL},
        {"option", "url", RULE_STRING, false, 0, 3000, NULL},
        {"option_group", "label", RULE_PLAIN, true, 1, 75, NULL},
        {"option_group", "options", RULE_ARRAY, true, 1, 100, "option"},
        {"confirm", "title", RULE_PLAIN, true, 1, 100, NULL},
        {"confirm", "text", RULE_TEXT, true, 1, 300, NULL},
        {"confirm", "confirm", RULE_PLAIN, true, 1, 30, NULL},
        {"confirm", "deny", RULE_PLAIN, true, 1, 30, NULL},
        {"confirm", "style", RULE_ENUM, false, 0, 0, "primary|danger"},
        /* views */
        {"modal", "title", RULE_PLAIN, true, 1, 24, NULL},
        {"modal", "submit", RULE_PLAIN, false, 1, 24, NULL},
        {"modal", "close", RULE_PLAIN, false, 1, 24, NULL},
        {"modal", "private_metadata", RULE_STRING, false, 0, 3000, NULL},
        {"modal", "callback_id", RULE_STRING, false, 0, 255, NULL},
        {"modal", "external_id", RULE_STRING, false, 0, 255, NULL},
        {"home", "private_metadata", RULE_STRING, false, 0, 3000, NULL},
        {"home", "callback_id", RULE_STRING, false, 0, 255, NULL},
        {"home", "external_id", RULE_STRING, false, 0, 255, NULL},
};

typedef struct Check {
        json_t *errors;
        json_t *block_ids;
        unsigned n_tables, n_plans, n_loose_tasks;
} Check;

static void check_object(Check *c, const json_t *obj, const char *as, const char *pointer);

static void complain(Check *c, const char *pointer, const char *format, ...) PRINTF_LIKE(3, 4);
static void complain(Check *c, const char *pointer, const char *format, ...)
{
        char text[256], full[600];
        va_list ap;

        if (json_array_size(c->errors) >= ERRORS_MAX)
                return;
        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        snprintf(full, sizeof(full), "%s [json-pointer:%s]", text, pointer);
        json_array_append_new(c->errors, json_string(full));
}

size_t blocks_count_chars(const char *text)
{
        size_t n = 0;

        for (; *text; text++)
                n += ((unsigned char) *text & 0xc0) != 0x80;
        return n;
}

static bool in_list(const char *list, const char *word)
{
        size_t n = strlen(word);

        for (const char *p = list; p; p = strchr(p, '|'), p = p ? p + 1 : NULL)
                if (strncmp(p, word, n) == 0 && (p[n] == '|' || !p[n]))
                        return true;
        return false;
}

static void check_length(Check *c, const char *text, unsigned min, unsigned max, const char *pointer)
{
        size_t n = blocks_count_chars(text);

        if (n < min)
                complain(c, pointer, "must be more than %u characters", min - 1);
        if (max && n > max)
                complain(c, pointer, "must be less than %u characters", max + 1);
}

static void check_text(Check *c, const json_t *v, bool plain_only, unsigned min, unsigned max,
                       const char *pointer)
{
        char at[POINTER_SIZE];
        const char *type = json_str(v, "type"), *text = json_str(v, "text");

        if (!json_is_object(v)) {
                complain(c, pointer, "must provide an object");
                return;
        }
        snprintf(at, sizeof(at), "%.200s/type", pointer);
        if (!type)
                complain(c, pointer, "missing required field: type");
        else if (!in_list(plain_only ? "plain_text" : "plain_text|mrkdwn", type))
                complain(c, at, "unsupported type: %.60s", type);
        snprintf(at, sizeof(at), "%.200s/text", pointer);
        if (!text)
                complain(c, pointer, "missing required field: text");
        else
                check_length(c, text, min, max, at);
}

static void check_typed(Check *c, const json_t *v, const char *types, const char *pointer)
{
        const char *type = json_str(v, "type");
        char at[POINTER_SIZE];

        if (!json_is_object(v))
                complain(c, pointer, "must provide an object");
        else if (str_equal(types, "field"))
                check_text(c, v, false, 1, 2000, pointer);
        else if (in_list("option|option_group|confirm|feedback_button", types))
                check_object(c, v, types, pointer);
        else if (str_equal(types, "context_text|image") && type && in_list("plain_text|mrkdwn", type))
                check_text(c, v, false, 1, 3000, pointer);
        else if (!type)
                complain(c, pointer, "missing required field: type");
        else if (!in_list(types, type)) {
                snprintf(at, sizeof(at), "%.200s/type", pointer);
                complain(c, at, "unsupported type: %.60s", type);
        } else
                check_object(c, v, type, pointer);
}

static void check_array(Check *c, const json_t *v, const Rule *rule, const char *pointer)
{
        char at[POINTER_SIZE];
        size_t i;
        json_t *item;

        if (!json_is_array(v)) {
                complain(c, pointer, "must provide an array");
                return;
        }
        if (json_array_size(v) < rule->min)
                complain(c, pointer, "no fewer than %u items allowed", rule->min);
        if (json_array_size(v) > rule->max) {
                complain(c, pointer, "no more than %u items allowed", rule->max);
                return;
        }
        if (rule->kind != RULE_ARRAY)
                return;
        json_array_foreach ((json_t *) v, i, item) {
                snprintf(at, sizeof(at), "%.200s/%zu", pointer, i);
                check_typed(c, item, rule->types, at);
        }
}

static void check_field(Check *c, const Rule *rule, const json_t *v, const char *pointer)
{
        switch (rule->kind) {
        case RULE_STRING:
                if (!json_is_string(v))
                        complain(c, pointer, "must provide a string");
                else
                        check_length(c, json_string_value(v), rule->min, rule->max, pointer);
                break;
        case RULE_ENUM:
                if (!json_is_string(v))
                        complain(c, pointer, "must provide a string");
                else if (!in_list(rule->types, json_string_value(v)))
                        complain(c, pointer, "value must be one of %.180s", rule->types);
                break;
        case RULE_BOOL:
                if (!json_is_boolean(v))
                        complain(c, pointer, "must provide a boolean");
                break;
        case RULE_INT:
                if (!json_is_integer(v))
                        complain(c, pointer, "must provide an integer");
                else if (json_integer_value(v) < rule->min)
                        complain(c, pointer, "must be at least %u", rule->min);
                else if (json_integer_value(v) > rule->max)
                        complain(c, pointer, "must be at most %u", rule->max);
                break;
        case RULE_PLAIN: check_text(c, v, true, rule->min, rule->max, pointer); break;
        case RULE_TEXT: check_text(c, v, false, rule->min, rule->max, pointer); break;
        case RULE_OBJECT: check_typed(c, v, rule->types, pointer); break;
        case RULE_ARRAY:
        case RULE_RAW_ARRAY: check_array(c, v, rule, pointer); break;
        }
}

static void check_id(Check *c, const json_t *obj, const char *field, json_t *seen, const char *pointer)
{
        const json_t *v = json_object_get(obj, field);
        const char *id = json_string_value(v);
        char at[POINTER_SIZE];

        if (!v || json_is_null(v))
                return;
        snprintf(at, sizeof(at), "%.200s/%s", pointer, field);
        if (!id)
                complain(c, at, "must provide a string");
        else if (blocks_count_chars(id) > 255)
                complain(c, at, "must be less than 256 characters");
        else if (*id && json_object_get(seen, id))
                complain(c, at, "`%s` already exists", field);
        else if (*id)
                json_object_set_new(seen, id, json_true());
}

static void check_action_ids(Check *c, const json_t *block, const char *pointer)
{
        const json_t *elements = json_object_get(block, "elements");
        _cleanup_json_ json_t *seen = json_object();
        char at[POINTER_SIZE];
        size_t i;
        json_t *item;

        json_array_foreach ((json_t *) elements, i, item) {
                snprintf(at, sizeof(at), "%.200s/elements/%zu", pointer, i);
                check_id(c, item, "action_id", seen, at);
        }
}

static void check_table(Check *c, const json_t *block, const char *pointer)
{
        const json_t *rows = json_object_get(block, "rows");
        char at[POINTER_SIZE];
        size_t i;
        json_t *row;

        if (++c->n_tables > 1)
                complain(c, pointer, "only_one_table_allowed");
        if (blocks_count_text(rows) > 10000)
                complain(c, pointer, "table exceeds 10000 characters");
        json_array_foreach ((json_t *) rows, i, row) {
                snprintf(at, sizeof(at), "%.200s/rows/%zu", pointer, i);
                if (!json_is_array(row))
                        complain(c, at, "must provide an array");
                else if (json_array_size(row) > 20)
                        complain(c, at, "no more than 20 items allowed");
        }
}

static void check_by_type(Check *c, const json_t *obj, const char *as, const char *pointer)
{
        if (in_list("actions|context_actions", as))
                check_action_ids(c, obj, pointer);
        else if (in_list("table|data_table", as))
                check_table(c, obj, pointer);
        else if (str_equal(as, "section") && !json_object_get(obj, "text") && !json_object_get(obj, "fields"))
                complain(c, pointer, "missing required field: text or fields");
        else if (str_equal(as, "image") && !json_object_get(obj, "image_url") &&
                 !json_object_get(obj, "slack_file"))
                complain(c, pointer, "missing required field: image_url");
        else if (in_list("static_select|multi_static_select", as) && !json_object_get(obj, "options") &&
                 !json_object_get(obj, "option_groups"))
                complain(c, pointer, "missing required field: options");
        else if (str_equal(as, "plan") && c->n_plans++ == 0 && c->n_loose_tasks)
                complain(c, pointer, "plan and task_card blocks cannot be combined");
}

static void check_object(Check *c, const json_t *obj, const char *as, const char *pointer)
{
        char at[POINTER_SIZE];

        for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
                const json_t *v;

                if (!str_equal(rules[i].owner, as))
                        continue;
                v = json_object_get(obj, rules[i].field);
                if (!v || (json_is_null(v) && !rules[i].required)) {
                        if (rules[i].required)
                                complain(c, pointer, "missing required field: %s", rules[i].field);
                        continue;
                }
                snprintf(at, sizeof(at), "%.200s/%s", pointer, rules[i].field);
                check_field(c, &rules[i], v, at);
        }
        check_by_type(c, obj, as, pointer);
}

static void check_blocks(Check *c, const json_t *blocks, BlocksSurface surface, const char *pointer)
{
        unsigned max = surface == BLOCKS_MESSAGE ? 50 : 100;
        char at[POINTER_SIZE];
        size_t i;
        json_t *block;

        if (json_array_size(blocks) > max) {
                complain(c, pointer, "no more than %u items allowed", max);
                return;
        }
        json_array_foreach ((json_t *) blocks, i, block) {
                snprintf(at, sizeof(at), "%.100s/%zu", pointer, i);
                if (json_is_object(block))
                        check_id(c, block, "block_id", c->block_ids, at);
                if (str_equal(json_str(block, "type"), "task_card") && c->n_loose_tasks++ == 0 && c->n_plans)
                        complain(c, at, "plan and task_card blocks cannot be combined");
                check_typed(c, block, surface == BLOCKS_MESSAGE ? message_blocks : view_blocks, at);
        }
}

json_t *blocks_check(const json_t *blocks, BlocksSurface surface, const char *pointer)
{
        Check c = {.errors = json_array(), .block_ids = json_object()};

        check_blocks(&c, blocks, surface, pointer);
        json_decref(c.block_ids);
        return c.errors;
}

json_t *blocks_check_view(const json_t *view)
{
        Check c = {.errors = json_array(), .block_ids = json_object()};
        const char *type = json_str(view, "type");
        const json_t *blocks = json_object_get(view, "blocks");
        bool has_input = false;
        size_t i;
        json_t *block;

        if (!type)
                complain(&c, "/view", "missing required field: type");
        else if (!in_list("modal|home", type))
                complain(&c, "/view/type", "unsupported type: %.60s", type);
        else
                check_object(&c, view, type, "/view");
        if (!json_is_array(blocks))
                complain(&c, "/view", "missing required field: blocks");
        else
                check_blocks(&c, blocks, str_equal(type, "home") ? BLOCKS_HOME : BLOCKS_MODAL,
                             "/view/blocks");
        json_array_foreach ((json_t *) blocks, i, block)
                has_input |= str_equal(json_str(block, "type"), "input");
        if (str_equal(type, "modal") && has_input && !json_is_object(json_object_get(view, "submit")))
                complain(&c, "/view", "missing required field: submit");
        json_decref(c.block_ids);
        return c.errors;
}
