/* Walking, counting and completing blocks; their validation is in blocks.c. */
#include "blocks.h"

#include <stdio.h>

#include "base/digest.h"

static bool one_of(const char *word, const char *const *list, size_t n)
{
        for (size_t i = 0; word && i < n; i++)
                if (str_equal(list[i], word))
                        return true;
        return false;
}

/* Elements that can act or hold a value; each needs an action_id. */
static bool is_interactive(const char *type)
{
        static const char *const types[] = {
                "button",          "overflow",         "checkboxes",       "radio_buttons",
                "datepicker",      "timepicker",       "datetimepicker",   "plain_text_input",
                "rich_text_input", "number_input",     "email_text_input", "url_text_input",
                "file_input",      "feedback_buttons", "icon_button",      "workflow_button"};
        size_t n = type ? strlen(type) : 0;

        return one_of(type, types, ELEMENTSOF(types)) || (n > 7 && str_equal(type + n - 7, "_select"));
}

size_t blocks_count_text(const json_t *value)
{
        static const char *const keys[] = {"text", "alt_text", "title", "caption"};
        size_t n = 0, i;
        const char *key;
        json_t *item;

        if (json_is_array(value))
                json_array_foreach ((json_t *) value, i, item)
                        n += blocks_count_text(item);
        else if (json_is_object(value))
                json_object_foreach ((json_t *) value, key, item)
                        n += !json_is_string(item) ? blocks_count_text(item)
                             : one_of(key, keys, ELEMENTSOF(keys))
                                     ? blocks_count_chars(json_string_value(item))
                                     : 0;
        return n;
}

static void put_random_id(json_t *obj, const char *key)
{
        static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        uint64_t random = random_u64();
        char id[6];

        for (size_t i = 0; i < 5; i++, random /= 62)
                id[i] = digits[random % 62];
        id[5] = 0;
        json_put_str(obj, key, id);
}

static void complete(json_t *value)
{
        const char *type = json_str(value, "type"), *key;
        size_t i;
        json_t *item;

        if (json_is_array(value)) {
                json_array_foreach (value, i, item)
                        complete(item);
                return;
        }
        if (!json_is_object(value))
                return;
        if (str_equal(type, "plain_text") && !json_object_get(value, "emoji"))
                json_object_set_new(value, "emoji", json_true());
        else if (str_equal(type, "mrkdwn") && !json_object_get(value, "verbatim"))
                json_object_set_new(value, "verbatim", json_false());
        else if (is_interactive(type) && str_empty(json_str(value, "action_id")))
                put_random_id(value, "action_id");
        json_object_foreach (value, key, item)
                complete(item);
}

json_t *blocks_normalize(const json_t *blocks)
{
        json_t *out = json_deep_copy(blocks), *block;
        size_t i;

        json_array_foreach (out, i, block) {
                complete(block);
                /* The markdown block is translated by Slack and loses its block_id (reference §4.2). */
                if (str_empty(json_str(block, "block_id")))
                        put_random_id(block, "block_id");
        }
        return out;
}

void blocks_each_element(const json_t *blocks,
                         void (*fn)(void *userdata, const json_t *block, const json_t *element),
                         void *userdata)
{
        size_t i, k;
        json_t *block, *element;

        json_array_foreach ((json_t *) blocks, i, block) {
                static const char *const single[] = {"accessory", "element"}, *const many[] = {"elements",
                                                                                               "actions"};

                for (k = 0; k < ELEMENTSOF(single); k++) {
                        element = json_object_get(block, single[k]);
                        if (is_interactive(json_str(element, "type")))
                                fn(userdata, block, element);
                }
                for (size_t m = 0; m < ELEMENTSOF(many); m++)
                        json_array_foreach (json_object_get(block, many[m]), k, element)
                                if (is_interactive(json_str(element, "type")))
                                        fn(userdata, block, element);
                blocks_each_element(json_object_get(block, "child_blocks"), fn, userdata);
                if (str_equal(json_str(block, "type"), "carousel"))
                        blocks_each_element(json_object_get(block, "elements"), fn, userdata);
        }
}

typedef struct Find {
        const char *action_id, *block_id;
        const json_t *block, *element;
} Find;

static void find_one(void *userdata, const json_t *block, const json_t *element)
{
        Find *f = userdata;

        if (!f->element && str_equal(json_str(element, "action_id"), f->action_id) &&
            (!f->block_id || str_equal(json_str(block, "block_id"), f->block_id))) {
                f->block = block;
                f->element = element;
        }
}

const json_t *blocks_find_element(const json_t *blocks, const char *action_id, const char *block_id,
                                  const json_t **ret_block)
{
        Find f = {.action_id = action_id, .block_id = block_id};

        blocks_each_element(blocks, find_one, &f);
        *ret_block = f.block;
        return f.element;
}
