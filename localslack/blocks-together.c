#include "blocks-check.h"

#include "blocks-rules.h"
#include "blocks.h"

#define TABLE_TEXT_MAX 10000

bool blocks_has(const json_t *obj, const char *field)
{
        const json_t *v = json_object_get(obj, field);

        return v && !json_is_null(v);
}

static void need_one_of(BlocksCheck *c, const json_t *obj, const char *a, const char *b)
{
        if (!blocks_has(obj, a) && !blocks_has(obj, b))
                blocks_complain_missing(c, a);
        else if (blocks_has(obj, a) && blocks_has(obj, b))
                blocks_complain(c, json_pack("{s:s}", "type", "one_of"),
                                "failed to match exactly one allowed schema");
}

static void check_action_ids(BlocksCheck *c, const json_t *block)
{
        _cleanup_json_ json_t *seen = json_object();
        size_t i, up;
        json_t *item;

        json_array_foreach (json_object_get(block, "elements"), i, item) {
                const char *id = json_str(item, "action_id");

                if (str_empty(id))
                        continue;
                if (!json_object_get(seen, id)) {
                        json_object_set_new(seen, id, json_true());
                        continue;
                }
                up = c->n_at;
                blocks_enter(c, "elements");
                blocks_enter_index(c, i);
                blocks_enter(c, "action_id");
                blocks_complain(c, json_pack("{s:s,s:s}", "type", "unique_items", "got", id),
                                "`action_id` already exists");
                blocks_leave(c, up);
        }
}

static bool is_option_of(const json_t *options, const json_t *wanted)
{
        size_t i;
        json_t *option;

        json_array_foreach ((json_t *) options, i, option)
                if (str_equal(json_str(option, "value"), json_str(wanted, "value")))
                        return true;
        return false;
}

static void check_initial_option(BlocksCheck *c, const json_t *element, const json_t *wanted)
{
        bool found = is_option_of(json_object_get(element, "options"), wanted);
        size_t i;
        json_t *group;

        json_array_foreach (json_object_get(element, "option_groups"), i, group)
                found = found || is_option_of(json_object_get(group, "options"), wanted);
        if (!found && json_str(wanted, "value"))
                blocks_complain(c, NULL, "must be one of the options");
}

/* What is chosen to begin with must be there to choose. */
static void check_initial_options(BlocksCheck *c, const json_t *element)
{
        const json_t *list = json_object_get(element, "initial_options");
        int64_t max = json_int(element, "max_selected_items", INT64_MAX);
        size_t i, up = c->n_at;
        json_t *item;

        if (blocks_has(element, "initial_option")) {
                blocks_enter(c, "initial_option");
                check_initial_option(c, element, json_object_get(element, "initial_option"));
                blocks_leave(c, up);
        }
        blocks_enter(c, "initial_options");
        if ((int64_t) json_array_size(list) > max)
                blocks_complain(c, blocks_bound("max_items", max, (int64_t) json_array_size(list)),
                                "no more than %lld items allowed", (long long) max);
        json_array_foreach ((json_t *) list, i, item) {
                size_t here = blocks_enter_index(c, i);

                check_initial_option(c, element, item);
                blocks_leave(c, here);
        }
        blocks_leave(c, up);
}

static void check_order(BlocksCheck *c, const json_t *element, const char *low, const char *high)
{
        int64_t a = json_int(element, low, INT64_MIN), b = json_int(element, high, INT64_MAX);
        size_t up;

        if (a <= b)
                return;
        up = blocks_enter(c, low);
        blocks_complain(c, blocks_bound("maximum", b, a), "must be less than %lld", (long long) b);
        blocks_leave(c, up);
}

static void check_number(BlocksCheck *c, const json_t *element, const char *field)
{
        const char *text = json_str(element, field);
        bool decimal = json_bool(element, "is_decimal_allowed");
        size_t n, up;

        if (str_empty(text))
                return;
        n = strspn(text + (*text == '-'), decimal ? "0123456789." : "0123456789") + (*text == '-');
        if (!text[n] && n > (*text == '-'))
                return;
        up = blocks_enter(c, field);
        blocks_complain_format(c, "number", text);
        blocks_leave(c, up);
}

static void check_table(BlocksCheck *c, const json_t *block)
{
        size_t n = blocks_count_text(json_object_get(block, "rows")), up;

        if (++c->n_tables > 1)
                blocks_complain(c, NULL, "only_one_table_allowed");
        if (n <= TABLE_TEXT_MAX)
                return;
        up = blocks_enter(c, "rows");
        blocks_complain(c, blocks_bound("max_length", TABLE_TEXT_MAX, (int64_t) n),
                        "must be less than %d characters", TABLE_TEXT_MAX + 1);
        blocks_leave(c, up);
}

static void check_section(BlocksCheck *c, const json_t *obj)
{
        if (!blocks_has(obj, "text") && !blocks_has(obj, "fields"))
                blocks_complain_missing(c, "text");
}

static void check_image(BlocksCheck *c, const json_t *obj)
{
        need_one_of(c, obj, "image_url", "slack_file");
}

static void check_slack_file(BlocksCheck *c, const json_t *obj)
{
        need_one_of(c, obj, "id", "url");
}

static void check_select(BlocksCheck *c, const json_t *obj)
{
        need_one_of(c, obj, "options", "option_groups");
        check_initial_options(c, obj);
}

static void check_text_input(BlocksCheck *c, const json_t *obj)
{
        check_order(c, obj, "min_length", "max_length");
}

static void check_rich_input(BlocksCheck *c, const json_t *obj)
{
        check_order(c, obj, "min_lines", "max_lines");
}

static void check_number_input(BlocksCheck *c, const json_t *obj)
{
        check_number(c, obj, "min_value");
        check_number(c, obj, "max_value");
        check_number(c, obj, "initial_value");
}

/* Files are asked for in modals only. */
static void check_file_input(BlocksCheck *c, const json_t *obj)
{
        size_t up;

        (void) obj;
        if (c->surface == ON_MODAL)
                return;
        up = blocks_enter(c, "type");
        blocks_complain(c, NULL, "unsupported type: file_input");
        blocks_leave(c, up);
}

static void check_card(BlocksCheck *c, const json_t *obj)
{
        if (!blocks_has(obj, "hero_image") && !blocks_has(obj, "title") && !blocks_has(obj, "actions") &&
            !blocks_has(obj, "body"))
                blocks_complain(c, json_pack("{s:s}", "type", "any_of"),
                                "failed to match any allowed schemas");
}

static void check_container(BlocksCheck *c, const json_t *obj)
{
        if (!blocks_has(obj, "title") && !blocks_has(obj, "rich_text_title"))
                blocks_complain_missing(c, "title");
        if (json_bool(obj, "default_collapsed") && !json_bool(obj, "is_collapsible"))
                blocks_complain_missing(c, "is_collapsible");
}

/* Tasks stand in one plan, or loose in the message. */
static void check_tasks(BlocksCheck *c)
{
        if (c->n_plans && c->n_loose_tasks)
                blocks_complain(c, NULL, "plan and task_card blocks cannot be combined");
}

void blocks_count_loose_task(BlocksCheck *c)
{
        if (c->n_loose_tasks++ == 0)
                check_tasks(c);
}

static void check_plan(BlocksCheck *c, const json_t *obj)
{
        (void) obj;
        if (c->n_plans++ == 0)
                check_tasks(c);
}

void blocks_check_together(BlocksCheck *c, const json_t *obj, const char *type)
{
        static const struct {
                const char *types;
                void (*fn)(BlocksCheck *c, const json_t *obj);
        } checks[] = {
                {"section", check_section},
                {"image", check_image},
                {"slack_file", check_slack_file},
                {"actions|context_actions", check_action_ids},
                {"static_select|multi_static_select", check_select},
                {"checkboxes|radio_buttons", check_initial_options},
                {"plain_text_input", check_text_input},
                {"rich_text_input", check_rich_input},
                {"number_input", check_number_input},
                {"table|data_table", check_table},
                {"file_input", check_file_input},
                {"card", check_card},
                {"container", check_container},
                {"plan", check_plan},
        };

        for (size_t i = 0; i < ELEMENTSOF(checks); i++)
                if (blocks_in_list(checks[i].types, type))
                        checks[i].fn(c, obj);
        if (json_bool(obj, "focus_on_load") && ++c->n_focused == 2)
                blocks_complain(c, NULL, "only one element may have `focus_on_load`");
}
