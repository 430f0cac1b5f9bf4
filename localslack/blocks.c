/* Walks blocks beside the table of their shapes. The words are those of the validator that Slack published
 * (github.com/slackhq/hack-json-schema) and that reports of its errors show; what no such validator can say,
 * because it looks at several fields or blocks, follows its pattern. */
#include "blocks.h"

#include <stdio.h>

#include "blocks-check.h"
#include "blocks-rules.h"

#define ERRORS_MAX      20
#define ID_MAX          255
#define BLOCKS_MAX      50
#define VIEW_BLOCKS_MAX 100
#define ROW_CELLS_MAX   20
#define FIELD_TEXT_MAX  2000

static void check_object(BlocksCheck *c, const json_t *obj, const RuleType *type);

/* --- places and complaints --- */

size_t blocks_enter(BlocksCheck *c, const char *field)
{
        size_t before = c->n_at;
        int n = snprintf(c->at + c->n_at, sizeof(c->at) - c->n_at, "/%s", field);

        c->n_at = MIN2(c->n_at + (size_t) n, sizeof(c->at) - 1);
        return before;
}

size_t blocks_enter_index(BlocksCheck *c, size_t i)
{
        char text[24];

        snprintf(text, sizeof(text), "%zu", i);
        return blocks_enter(c, text);
}

void blocks_leave(BlocksCheck *c, size_t before)
{
        c->n_at = before;
        c->at[before] = 0;
}

/* The new complaint, to be added to; NULL when there are enough. */
static json_t *add_error(BlocksCheck *c, const char *code, const char *message)
{
        json_t *error;

        if (json_array_size(c->errors) >= ERRORS_MAX)
                return NULL;
        error = json_pack("{s:s,s:s,s:s}", "code", code, "message", message, "pointer", c->at);
        json_array_append_new(c->errors, error);
        return error;
}

void blocks_complain(BlocksCheck *c, json_t *constraint, const char *format, ...)
{
        json_t *error;
        char text[256];
        va_list ap;

        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        error = add_error(c, "failed_constraint", text);
        if (error && constraint)
                json_object_set(error, "constraint", constraint);
        json_decref(constraint);
}

static void complain_type(BlocksCheck *c, const char *what)
{
        add_error(c, "invalid_type", what);
}

void blocks_complain_missing(BlocksCheck *c, const char *field)
{
        _cleanup_free_ char *text = mem_printf("missing required field: %s", field);
        json_t *error = add_error(c, "missing_field", text);

        if (error)
                json_put_str(error, "field", field);
}

json_t *blocks_bound(const char *type, int64_t expected, int64_t got)
{
        return json_pack("{s:s,s:I,s:I}", "type", type, "expected", (json_int_t) expected, "got",
                         (json_int_t) got);
}

static json_t *list_types(const char *types)
{
        json_t *out = json_array();

        for (const char *p = types; *p;) {
                size_t n = strcspn(p, "|");

                json_array_append_new(out, json_stringn(p, n));
                p += n + (p[n] == '|');
        }
        return out;
}

bool blocks_in_list(const char *list, const char *word)
{
        size_t n = strlen(word);

        for (const char *p = list; p; p = strchr(p, '|'), p = p ? p + 1 : NULL)
                if (strncmp(p, word, n) == 0 && (p[n] == '|' || !p[n]))
                        return true;
        return false;
}

/* --- values --- */

size_t blocks_count_chars(const char *text)
{
        size_t n = 0;

        for (; *text; text++)
                n += ((unsigned char) *text & 0xc0) != 0x80;
        return n;
}

/* `max` 0: no limit. */
static void check_length(BlocksCheck *c, const char *text, unsigned min, unsigned max)
{
        size_t n = blocks_count_chars(text);

        if (n < min)
                blocks_complain(c, blocks_bound("min_length", min, (int64_t) n),
                                "must be more than %u characters", min - 1);
        if (max && n > max)
                blocks_complain(c, blocks_bound("max_length", max, (int64_t) n),
                                "must be less than %u characters", max + 1);
}

static void check_string(BlocksCheck *c, const json_t *v, unsigned min, unsigned max)
{
        if (json_is_string(v))
                check_length(c, json_string_value(v), min, max);
        else
                complain_type(c, "must provide a string");
}

static void complain_enum(BlocksCheck *c, const char *types, const char *got)
{
        blocks_complain(c,
                        json_pack("{s:s,s:o,s:s}", "type", "enum", "expected", list_types(types), "got", got),
                        "must be a valid enum value");
}

static void check_integer(BlocksCheck *c, const json_t *v, unsigned min, unsigned max)
{
        int64_t n = json_integer_value(v);

        if (!json_is_integer(v))
                complain_type(c, "must provide an integer");
        else if (n < min)
                blocks_complain(c, blocks_bound("minimum", min, n), "must be greater than %u", min);
        else if (max && n > max)
                blocks_complain(c, blocks_bound("maximum", max, n), "must be less than %u", max);
}

void blocks_complain_format(BlocksCheck *c, const char *format, const char *got)
{
        blocks_complain(c, json_pack("{s:s,s:s,s:s}", "type", "format", "expected", format, "got", got),
                        "input must be a valid: %s", format);
}

/* "scheme:rest" without spaces. */
static bool is_url(const char *text)
{
        size_t n = strcspn(text, ":");

        return n > 0 && text[n] && text[n + 1] && !text[strcspn(text, " \t\r\n<>\"")] &&
               strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-") >= n;
}

static bool is_date(const char *text)
{
        static const unsigned days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        unsigned year, month, day;
        char end;

        return strlen(text) == 10 && sscanf(text, "%4u-%2u-%2u%c", &year, &month, &day, &end) == 3 &&
               month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] &&
               (month != 2 || day < 29 || (year % 4 == 0 && (year % 100 || year % 400 == 0)));
}

static bool is_time(const char *text)
{
        unsigned hour, minute;
        char end;

        return strlen(text) == 5 && sscanf(text, "%2u:%2u%c", &hour, &minute, &end) == 2 && hour < 24 &&
               minute < 60;
}

static bool is_https(const char *text)
{
        return str_starts_with(text, "https://") && is_url(text);
}

static void check_format(BlocksCheck *c, const json_t *v, const Rule *rule, const char *format,
                         bool (*is_valid)(const char *text))
{
        size_t before = json_array_size(c->errors);

        check_string(c, v, rule->min, rule->max);
        if (json_array_size(c->errors) == before && !is_valid(json_string_value(v)))
                blocks_complain_format(c, format, json_string_value(v));
}

static void check_text(BlocksCheck *c, const json_t *v, bool plain_only, unsigned min, unsigned max)
{
        const char *types = plain_only ? "plain_text" : "plain_text|mrkdwn", *type = json_str(v, "type");
        const json_t *text = json_object_get(v, "text");
        const RuleType *shape;
        const char *key;
        json_t *item;
        size_t up;

        if (!json_is_object(v)) {
                complain_type(c, "must provide an object");
                return;
        }
        if (!type)
                blocks_complain_missing(c, "type");
        else if (!blocks_in_list(types, type)) {
                up = blocks_enter(c, "type");
                blocks_complain(c, json_pack("{s:s,s:o}", "type", "enum", "expected", list_types(types)),
                                "unsupported type: %.60s", type);
                blocks_leave(c, up);
                return;
        }
        if (!text)
                blocks_complain_missing(c, "text");
        else {
                up = blocks_enter(c, "text");
                check_string(c, text, min, max);
                blocks_leave(c, up);
        }
        shape = rules_find(type);
        json_object_foreach ((json_t *) v, key, item) {
                bool known = str_equal(key, "type") || str_equal(key, "text");

                for (size_t i = 0; shape && !known && i < shape->n; i++)
                        known = str_equal(shape->rules[i].field, key);
                if (shape && !known)
                        blocks_complain(c,
                                        json_pack("{s:s,s:s}", "type", "additional_properties", "got", key),
                                        "invalid additional property: %.60s", key);
        }
}

/* An object of one of `types`. Objects without a type of their own are named by a list of one. */
static void check_typed(BlocksCheck *c, const json_t *v, const char *types)
{
        const char *type = json_str(v, "type");
        const RuleType *only = strchr(types, '|') ? NULL : rules_find(types);
        size_t up;

        if (str_equal(types, "field"))
                check_text(c, v, false, 1, FIELD_TEXT_MAX);
        else if (!json_is_object(v))
                complain_type(c, "must provide an object");
        else if (only && !only->has_type)
                check_object(c, v, only);
        else if (!type)
                blocks_complain_missing(c, "type");
        else if (!blocks_in_list(types, type)) {
                up = blocks_enter(c, "type");
                blocks_complain(c, json_pack("{s:s,s:o}", "type", "enum", "expected", list_types(types)),
                                "unsupported type: %.60s", type);
                blocks_leave(c, up);
        } else
                check_object(c, v, rules_find(type));
}

/* True: an array whose items may be looked at. */
static bool check_size(BlocksCheck *c, const json_t *v, unsigned min, unsigned max)
{
        size_t n = json_array_size(v);

        if (!json_is_array(v)) {
                complain_type(c, "must provide an array");
                return false;
        }
        if (n < min)
                blocks_complain(c, blocks_bound("min_items", min, (int64_t) n),
                                "must provide at least %u items", min);
        if (n <= max)
                return true;
        blocks_complain(c, blocks_bound("max_items", max, (int64_t) n), "no more than %u items allowed", max);
        return false;
}

static void check_array(BlocksCheck *c, const json_t *v, const Rule *rule)
{
        size_t i, up;
        json_t *item;

        if (!check_size(c, v, rule->min, rule->max))
                return;
        json_array_foreach ((json_t *) v, i, item) {
                /* A column that has no settings is skipped with a null. */
                if (json_is_null(item) && str_equal(rule->types, "column_setting"))
                        continue;
                up = blocks_enter_index(c, i);
                if (rule->kind == RULE_ARRAY)
                        check_typed(c, item, rule->types);
                else if (!json_is_string(item))
                        complain_type(c, "must provide a string");
                else if (rule->types && !blocks_in_list(rule->types, json_string_value(item)))
                        complain_enum(c, rule->types, json_string_value(item));
                blocks_leave(c, up);
        }
}

static void check_rows(BlocksCheck *c, const json_t *v, const Rule *rule)
{
        const Rule cells = {"", RULE_ARRAY, true, 0, ROW_CELLS_MAX, rule->types};
        size_t i, up;
        json_t *row;

        if (!check_size(c, v, rule->min, rule->max))
                return;
        json_array_foreach ((json_t *) v, i, row) {
                up = blocks_enter_index(c, i);
                check_array(c, row, &cells);
                blocks_leave(c, up);
        }
}

static void check_value(BlocksCheck *c, const Rule *rule, const json_t *v)
{
        switch (rule->kind) {
        case RULE_STRING: check_string(c, v, rule->min, rule->max); break;
        case RULE_ENUM:
                if (!json_is_string(v))
                        complain_type(c, "must provide a string");
                else if (!blocks_in_list(rule->types, json_string_value(v)))
                        complain_enum(c, rule->types, json_string_value(v));
                break;
        case RULE_BOOL:
                if (!json_is_boolean(v))
                        complain_type(c, "must be a boolean");
                break;
        case RULE_INT: check_integer(c, v, rule->min, rule->max); break;
        case RULE_NUMBER:
                if (!json_is_number(v))
                        complain_type(c, "must provide a number");
                break;
        case RULE_URL: check_format(c, v, rule, "uri", is_url); break;
        case RULE_HTTPS: check_format(c, v, rule, "uri", is_https); break;
        case RULE_DATE: check_format(c, v, rule, "date", is_date); break;
        case RULE_TIME: check_format(c, v, rule, "time", is_time); break;
        case RULE_TIMESTAMP:
                if (!json_is_integer(v))
                        complain_type(c, "must provide an integer");
                else if (json_integer_value(v) < 1000000000 || json_integer_value(v) > 9999999999)
                        blocks_complain(c, NULL, "must be a timestamp of 10 digits");
                break;
        case RULE_PLAIN: check_text(c, v, true, rule->min, rule->max); break;
        case RULE_TEXT: check_text(c, v, false, rule->min, rule->max); break;
        case RULE_OBJECT: check_typed(c, v, rule->types); break;
        case RULE_ARRAY:
        case RULE_STRINGS: check_array(c, v, rule); break;
        case RULE_ROWS: check_rows(c, v, rule); break;
        case RULE_ANY: break;
        }
}

/* --- objects, blocks, views --- */

static const Rule *find_rule(const RuleType *type, const char *field)
{
        for (size_t i = 0; i < type->n; i++)
                if (str_equal(type->rules[i].field, field))
                        return &type->rules[i];
        return NULL;
}

static void check_extra(BlocksCheck *c, const json_t *obj, const RuleType *type)
{
        const char *key;
        json_t *item;

        json_object_foreach ((json_t *) obj, key, item) {
                if (find_rule(type, key) || (type->has_type && str_equal(key, "type")) ||
                    (type->surfaces != ON_INSIDE && str_equal(key, "block_id")))
                        continue;
                blocks_complain(c, json_pack("{s:s,s:s}", "type", "additional_properties", "got", key),
                                "invalid additional property: %.60s", key);
        }
}

static void check_object(BlocksCheck *c, const json_t *obj, const RuleType *type)
{
        for (size_t i = 0; i < type->n; i++) {
                const json_t *v = json_object_get(obj, type->rules[i].field);
                size_t up;

                if (!v || (json_is_null(v) && !type->rules[i].required)) {
                        if (type->rules[i].required)
                                blocks_complain_missing(c, type->rules[i].field);
                        continue;
                }
                up = blocks_enter(c, type->rules[i].field);
                check_value(c, &type->rules[i], v);
                blocks_leave(c, up);
        }
        if (!type->is_open)
                check_extra(c, obj, type);
        blocks_check_together(c, obj, type->name);
}

static void check_block_id(BlocksCheck *c, const json_t *block)
{
        const json_t *v = json_object_get(block, "block_id");
        const char *id = json_string_value(v);
        size_t up;

        if (!v || json_is_null(v))
                return;
        up = blocks_enter(c, "block_id");
        check_string(c, v, 0, ID_MAX);
        if (!str_empty(id) && json_object_get(c->block_ids, id))
                blocks_complain(c, json_pack("{s:s,s:s}", "type", "unique_items", "got", id),
                                "`block_id` already exists");
        else if (!str_empty(id))
                json_object_set_new(c->block_ids, id, json_true());
        blocks_leave(c, up);
}

static json_t *list_blocks(const BlocksCheck *c)
{
        json_t *out = json_array();

        for (size_t i = 0; rules_at(i); i++)
                if ((rules_at(i)->surfaces & c->surface) &&
                    !(c->no_alert && str_equal(rules_at(i)->name, "alert")))
                        json_array_append_new(out, json_string(rules_at(i)->name));
        return out;
}

static void check_block(BlocksCheck *c, const json_t *block)
{
        const char *name = json_str(block, "type");
        const RuleType *type = rules_find(name);
        size_t up;

        if (!json_is_object(block)) {
                complain_type(c, "must provide an object");
                return;
        }
        check_block_id(c, block);
        if (!name)
                blocks_complain_missing(c, "type");
        else if (!type || !(type->surfaces & c->surface) || (c->no_alert && str_equal(name, "alert"))) {
                up = blocks_enter(c, "type");
                blocks_complain(c, json_pack("{s:s,s:o}", "type", "enum", "expected", list_blocks(c)),
                                "unsupported type: %.60s", name);
                blocks_leave(c, up);
        } else {
                if (str_equal(name, "task_card"))
                        blocks_count_loose_task(c);
                check_object(c, block, type);
        }
}

static void check_blocks(BlocksCheck *c, const json_t *blocks)
{
        unsigned max = c->surface == ON_MESSAGE ? BLOCKS_MAX : VIEW_BLOCKS_MAX;
        size_t i, up;
        json_t *block;

        if (!check_size(c, blocks, 0, max))
                return;
        json_array_foreach ((json_t *) blocks, i, block) {
                up = blocks_enter_index(c, i);
                check_block(c, block);
                blocks_leave(c, up);
        }
}

static void check_init(BlocksCheck *c, unsigned surface, const char *pointer)
{
        *c = (BlocksCheck){.errors = json_array(), .block_ids = json_object(), .surface = surface};
        if (*pointer)
                blocks_enter(c, pointer + 1);
}

json_t *blocks_find_errors(const json_t *blocks, BlocksSurface surface, const char *pointer)
{
        static const unsigned surfaces[] = {[BLOCKS_MESSAGE] = ON_MESSAGE,
                                            [BLOCKS_MODAL] = ON_MODAL,
                                            [BLOCKS_HOME] = ON_HOME,
                                            [BLOCKS_MESSAGE_NO_ALERT] = ON_MESSAGE};
        BlocksCheck c;

        check_init(&c, surfaces[surface], pointer);
        c.no_alert = surface == BLOCKS_MESSAGE_NO_ALERT;
        check_blocks(&c, blocks);
        json_decref(c.block_ids);
        return c.errors;
}

static bool has_inputs(const json_t *blocks)
{
        size_t i;
        json_t *block;

        json_array_foreach ((json_t *) blocks, i, block)
                if (str_equal(json_str(block, "type"), "input") ||
                    has_inputs(json_object_get(block, "child_blocks")))
                        return true;
        return false;
}

json_t *blocks_find_view_errors(const json_t *view, const char *pointer)
{
        const char *type = json_str(view, "type");
        const json_t *blocks = json_object_get(view, "blocks");
        BlocksCheck c;
        size_t up;

        check_init(&c, str_equal(type, "home") ? ON_HOME : ON_MODAL, pointer);
        if (!json_is_object(view))
                complain_type(&c, "must provide an object");
        else
                check_typed(&c, view, "modal|home");
        if (!blocks_has(view, "blocks"))
                blocks_complain_missing(&c, "blocks");
        else {
                up = blocks_enter(&c, "blocks");
                check_blocks(&c, blocks);
                blocks_leave(&c, up);
        }
        if (str_equal(type, "modal") && has_inputs(blocks) && !blocks_has(view, "submit"))
                blocks_complain_missing(&c, "submit");
        json_decref(c.block_ids);
        return c.errors;
}

static json_t *as_texts(json_t *errors /* stolen */)
{
        json_t *out = json_array(), *error;
        size_t i;

        json_array_foreach (errors, i, error)
                json_array_append_new(out, json_sprintf("%s [json-pointer:%s]", json_str(error, "message"),
                                                        json_str(error, "pointer")));
        json_decref(errors);
        return out;
}

json_t *blocks_check(const json_t *blocks, BlocksSurface surface, const char *pointer)
{
        return as_texts(blocks_find_errors(blocks, surface, pointer));
}

json_t *blocks_check_view(const json_t *view)
{
        return as_texts(blocks_find_view_errors(view, "/view"));
}
