#include "elements.h"

#include "blocks.h"

typedef enum Shape { SHAPE_TEXT, SHAPE_OPTION, SHAPE_OPTIONS, SHAPE_LIST, SHAPE_OBJECT, SHAPE_NUMBER } Shape;

typedef struct ElementType {
        const char *type, *field, *initial;
        Shape shape;
        bool holds;
} ElementType;

static const ElementType types[] = {
        {"button", "value", NULL, SHAPE_TEXT, false},
        {"icon_button", "value", NULL, SHAPE_TEXT, false},
        {"feedback_buttons", "value", NULL, SHAPE_TEXT, false},
        {"overflow", "selected_option", NULL, SHAPE_OPTION, false},
        {"static_select", "selected_option", "initial_option", SHAPE_OPTION, true},
        {"external_select", "selected_option", "initial_option", SHAPE_OPTION, true},
        {"radio_buttons", "selected_option", "initial_option", SHAPE_OPTION, true},
        {"multi_static_select", "selected_options", "initial_options", SHAPE_OPTIONS, true},
        {"multi_external_select", "selected_options", "initial_options", SHAPE_OPTIONS, true},
        {"checkboxes", "selected_options", "initial_options", SHAPE_OPTIONS, true},
        {"users_select", "selected_user", "initial_user", SHAPE_TEXT, true},
        {"channels_select", "selected_channel", "initial_channel", SHAPE_TEXT, true},
        {"conversations_select", "selected_conversation", "initial_conversation", SHAPE_TEXT, true},
        {"multi_users_select", "selected_users", "initial_users", SHAPE_LIST, true},
        {"multi_channels_select", "selected_channels", "initial_channels", SHAPE_LIST, true},
        {"multi_conversations_select", "selected_conversations", "initial_conversations", SHAPE_LIST, true},
        {"datepicker", "selected_date", "initial_date", SHAPE_TEXT, true},
        {"timepicker", "selected_time", "initial_time", SHAPE_TEXT, true},
        {"datetimepicker", "selected_date_time", "initial_date_time", SHAPE_NUMBER, true},
        {"plain_text_input", "value", "initial_value", SHAPE_TEXT, true},
        {"number_input", "value", "initial_value", SHAPE_TEXT, true},
        {"email_text_input", "value", "initial_value", SHAPE_TEXT, true},
        {"url_text_input", "value", "initial_value", SHAPE_TEXT, true},
        {"rich_text_input", "rich_text_value", "initial_value", SHAPE_OBJECT, true},
        /* The choice is a list of file objects, as the upload gave them. */
        {"file_input", "files", NULL, SHAPE_LIST, true},
};

static const ElementType *find_type(const char *type)
{
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (str_equal(types[i].type, type))
                        return &types[i];
        return NULL;
}

bool element_holds_value(const char *type)
{
        const ElementType *t = find_type(type);

        return t && t->holds;
}

static const json_t *find_in_options(const json_t *options, const char *value)
{
        size_t i;
        json_t *option;

        json_array_foreach ((json_t *) options, i, option)
                if (str_equal(json_str(option, "value"), value))
                        return option;
        return NULL;
}

/* The option with this value, as the app wrote it. */
static const json_t *find_option(const json_t *element, const json_t *choice)
{
        const char *value = json_is_string(choice) ? json_string_value(choice) : json_str(choice, "value");
        const json_t *found = find_in_options(json_object_get(element, "options"), value);
        size_t i;
        json_t *group;

        json_array_foreach (json_object_get(element, "option_groups"), i, group)
                if (!found)
                        found = find_in_options(json_object_get(group, "options"), value);
        /* An external select's options are not in the block: they are taken as they come. */
        if (!found && strstr(json_str_or(element, "type", ""), "external") && json_is_object(choice))
                return choice;
        return found;
}

/* As in Slack's payloads: without `url`, and the text without what only matters for display. */
static json_t *copy_option(const json_t *option)
{
        json_t *out = json_deep_copy(option);

        json_object_del(out, "url");
        return out;
}

static const char *put_options(const json_t *element, const json_t *choice, json_t *out)
{
        json_t *list = json_array(), *item;
        size_t i;

        json_object_set_new(out, "selected_options", list);
        if (choice && !json_is_null(choice) && !json_is_array(choice))
                return "the choice must be an array";
        json_array_foreach ((json_t *) choice, i, item) {
                const json_t *option = find_option(element, item);

                if (!option)
                        return "no such option";
                json_array_append_new(list, copy_option(option));
        }
        return NULL;
}

static const char *put_shaped(const ElementType *t, const json_t *element, const json_t *choice, json_t *out)
{
        const json_t *option;

        switch (t->shape) {
        case SHAPE_OPTIONS: return put_options(element, choice, out);
        case SHAPE_OPTION:
                option = choice && !json_is_null(choice) ? find_option(element, choice) : NULL;
                json_object_set_new(out, t->field, option ? copy_option(option) : json_null());
                return option || !choice || json_is_null(choice) ? NULL : "no such option";
        case SHAPE_LIST:
                json_object_set_new(out, t->field,
                                    json_is_array(choice) ? json_deep_copy(choice) : json_array());
                return NULL;
        case SHAPE_TEXT:
                if (choice && !json_is_string(choice) && !json_is_null(choice))
                        return "the choice must be a text";
                json_object_set_new(out, t->field,
                                    json_string_length(choice) > 0 ? json_copy((json_t *) choice)
                                                                   : json_null());
                return NULL;
        case SHAPE_NUMBER:
        case SHAPE_OBJECT:
                json_object_set_new(out, t->field, choice ? json_deep_copy(choice) : json_null());
                return NULL;
        }
        return NULL;
}

const char *element_put_value(const json_t *element, const json_t *choice, json_t *out)
{
        const ElementType *t = find_type(json_str(element, "type"));
        const json_t *inner;

        if (!t)
                return "this element takes no value";
        /* Slack's own object, as it stands in state.values. */
        inner = json_is_object(choice) ? json_object_get(choice, t->field) : NULL;
        return put_shaped(t, element, inner ? inner : choice, out);
}

void element_put_initial(const json_t *element, json_t *out)
{
        const ElementType *t = find_type(json_str(element, "type"));

        if (t)
                put_shaped(t, element, t->initial ? json_object_get(element, t->initial) : NULL, out);
}

typedef struct Collect {
        const json_t *chosen;
        json_t *values;
        const char *error;
} Collect;

static void collect_one(void *userdata, const json_t *block, const json_t *element)
{
        Collect *c = userdata;
        const char *block_id = json_str(block, "block_id"), *action_id = json_str(element, "action_id");
        const json_t *choice = json_object_get(json_object_get(c->chosen, block_id), action_id);
        json_t *group, *value;
        const char *error = NULL;

        if (!element_holds_value(json_str(element, "type")) || !block_id || !action_id)
                return;
        group = json_object_get(c->values, block_id);
        if (!group) {
                group = json_object();
                json_object_set_new(c->values, block_id, group);
        }
        value = json_object();
        json_put_str(value, "type", json_str(element, "type"));
        if (choice)
                error = element_put_value(element, choice, value);
        else
                element_put_initial(element, value);
        json_object_set_new(group, action_id, value);
        if (error && !c->error)
                c->error = error;
}

const char *elements_collect(const json_t *blocks, const json_t *chosen, json_t **ret)
{
        Collect c = {.chosen = chosen, .values = json_object()};

        blocks_each_element(blocks, collect_one, &c);
        if (c.error)
                json_decref(c.values);
        else
                *ret = c.values;
        return c.error;
}

static bool has_value(const json_t *value)
{
        const char *key;
        json_t *item;

        json_object_foreach ((json_t *) value, key, item)
                if (!str_equal(key, "type") && !json_is_null(item) &&
                    !(json_is_array(item) && json_array_size(item) == 0))
                        return true;
        return false;
}

json_t *elements_missing(const json_t *blocks, const json_t *values)
{
        json_t *out = json_object(), *block;
        size_t i;

        json_array_foreach ((json_t *) blocks, i, block) {
                const char *block_id = json_str(block, "block_id"),
                           *action_id = json_str(block, "element.action_id");

                if (!str_equal(json_str(block, "type"), "input") || json_bool(block, "optional"))
                        continue;
                if (!has_value(json_object_get(json_object_get(values, block_id), action_id)))
                        json_put_str(out, block_id, "Please complete this required field.");
        }
        return out;
}
