#include "blockkit-check.h"

#include <strings.h>

#include "base/buf.h"

typedef struct Check {
        BlockkitAllow allow;
        char *error; /* the first one */
        size_t n_chars, n_tables;
        json_t *block_ids; /* a set */
} Check;

static void complain(Check *c, const char *what, const json_t *at)
{
        if (!c->error) {
                char *json = json_dump(at);

                c->error = mem_printf("%s: %.300s", what, json);
                free(json);
        }
}

static void complain_size(Check *c, const char *what, size_t n, size_t max, const json_t *at)
{
        char *text = mem_printf("%s: %zu, at most %zu", what, n, max);

        complain(c, text, at);
        free(text);
}

/* Non-empty string of at most `max` characters. */
static void check_string(Check *c, const json_t *obj, const char *key, size_t max)
{
        const char *s = json_string_value(json_object_get(obj, key));
        size_t n = 0;

        if (!s || !*s) {
                complain(c, "text missing or empty", obj);
                return;
        }
        for (const char *p = s; *p; p++) {
                n += (*p & 0xC0) != 0x80;
                if ((unsigned char) *p < 0x20 && *p != '\n' && *p != '\t')
                        complain(c, "control character", obj);
        }
        if (n > max)
                complain_size(c, key, n, max, obj);
}

static void count(Check *c, const json_t *obj, const char *key)
{
        for (const char *p = json_string_value(json_object_get(obj, key)); p && *p; p++)
                c->n_chars += (*p & 0xC0) != 0x80;
}

/* In what Slack parses, the only tokens are ours, and entities are whole. */
static void check_parsed(Check *c, const char *s, const json_t *at)
{
        for (const char *p = s; *p; p++) {
                if (*p == '&' && strncmp(p, "&amp;", 5) != 0 && strncmp(p, "&lt;", 4) != 0 &&
                    strncmp(p, "&gt;", 4) != 0)
                        complain(c, "bare & or torn entity", at);
                if (*p == '@' && (strncmp(p, "@channel", 8) == 0 || strncmp(p, "@here", 5) == 0 ||
                                  strncmp(p, "@everyone", 9) == 0))
                        complain(c, "broadcast word", at);
                if (*p == '>')
                        complain(c, "bare >", at);
                if (*p != '<')
                        continue;
                if (c->allow == BLOCKKIT_DATA_ONLY ||
                    (strncmp(p, "<@U", 3) != 0 && strncmp(p, "<!date^", 7) != 0))
                        complain(c, "token", at);
                p += strcspn(p, ">");
                if (*p != '>')
                        complain(c, "torn token", at);
        }
}

static void check_text_object(Check *c, const json_t *text, const char *type, size_t max)
{
        const char *is = json_str_or(text, "type", "");

        if (type ? !str_equal(is, type) : !str_equal(is, "mrkdwn") && !str_equal(is, "plain_text"))
                complain(c, "wrong type of text object", text);
        check_string(c, text, "text", max);
        count(c, text, "text");
        if (str_equal(is, "mrkdwn"))
                check_parsed(c, json_str_or(text, "text", ""), text);
        if (str_equal(is, "plain_text") && json_object_get(text, "verbatim"))
                complain(c, "verbatim is of mrkdwn", text);
}

static void check_url(Check *c, const json_t *at)
{
        const char *url = json_str_or(at, "url", "");

        check_string(c, at, "url", 3000);
        if (strncasecmp(url, "https://", 8) != 0 && strncasecmp(url, "http://", 7) != 0 &&
            strncasecmp(url, "mailto:", 7) != 0)
                complain(c, "scheme", at);
        if (url[strcspn(url, " <>\"\n\t")])
                complain(c, "character in address", at);
}

/* --- rich text -------------------------------------------------------------------------------------------
 */

static void check_inline(Check *c, const json_t *element)
{
        const char *type = json_str_or(element, "type", "");
        const json_t *flag;
        const char *key;

        json_object_foreach (json_object_get(element, "style"), key, flag)
                if (!json_is_true(flag) || (!str_equal(key, "bold") && !str_equal(key, "italic") &&
                                            !str_equal(key, "strike") && !str_equal(key, "code")))
                        complain(c, "style", element);
        if (str_equal(type, "text")) {
                check_string(c, element, "text", 12000);
                count(c, element, "text");
        } else if (str_equal(type, "link")) {
                check_url(c, element);
                count(c, element, "url");
                count(c, element, "text");
                if (json_object_get(element, "text"))
                        check_string(c, element, "text", 12000);
        } else if (c->allow == BLOCKKIT_CARD && str_equal(type, "user"))
                check_string(c, element, "user_id", 255);
        else if (c->allow == BLOCKKIT_CARD && str_equal(type, "emoji"))
                check_string(c, element, "name", 100);
        else
                complain(c, "inline element", element);
}

static void check_inlines(Check *c, const json_t *parent)
{
        const json_t *element;
        size_t i;

        if (json_array_size(json_object_get(parent, "elements")) == 0)
                complain(c, "no elements", parent);
        json_array_foreach (json_object_get(parent, "elements"), i, element)
                check_inline(c, element);
}

static void check_list(Check *c, const json_t *list)
{
        const json_t *section;
        size_t i;

        if (!str_equal(json_str(list, "style"), "bullet") && !str_equal(json_str(list, "style"), "ordered"))
                complain(c, "list style", list);
        if (json_int(list, "indent", 0) < 0 || json_int(list, "indent", 0) > 8 ||
            json_int(list, "offset", 0) < 0)
                complain(c, "list indent", list);
        if (json_array_size(json_object_get(list, "elements")) == 0)
                complain(c, "no elements", list);
        json_array_foreach (json_object_get(list, "elements"), i, section) {
                if (!str_equal(json_str(section, "type"), "rich_text_section"))
                        complain(c, "list item", section);
                check_inlines(c, section);
        }
}

static void check_rich_text(Check *c, const json_t *block)
{
        const json_t *element;
        size_t i;

        if (json_array_size(json_object_get(block, "elements")) == 0)
                complain(c, "no elements", block);
        json_array_foreach (json_object_get(block, "elements"), i, element) {
                const char *type = json_str_or(element, "type", "");

                if (str_equal(type, "rich_text_list"))
                        check_list(c, element);
                else if (str_equal(type, "rich_text_section") || str_equal(type, "rich_text_quote") ||
                         str_equal(type, "rich_text_preformatted"))
                        check_inlines(c, element);
                else
                        complain(c, "rich text element", element);
        }
}

static void check_table(Check *c, const json_t *block)
{
        const json_t *rows = json_object_get(block, "rows"), *row, *cell;
        size_t i, j, before = c->n_chars, n_columns = json_array_size(json_array_get(rows, 0));

        if (++c->n_tables > 1)
                complain(c, "more than one table", block);
        if (json_array_size(rows) == 0 || json_array_size(rows) > 100 || n_columns == 0 || n_columns > 20 ||
            json_array_size(json_object_get(block, "column_settings")) > 20)
                complain(c, "table size", block);
        json_array_foreach (rows, i, row) {
                if (json_array_size(row) != n_columns)
                        complain(c, "ragged table", row);
                json_array_foreach (row, j, cell)
                        if (str_equal(json_str(cell, "type"), "raw_text")) {
                                check_string(c, cell, "text", 10000);
                                count(c, cell, "text");
                        } else if (str_equal(json_str(cell, "type"), "rich_text"))
                                check_rich_text(c, cell);
                        else
                                complain(c, "cell", cell);
        }
        if (c->n_chars - before > 10000)
                complain(c, "table characters", block);
}

/* --- elements --------------------------------------------------------------------------------------------
 */

static void check_options(Check *c, const json_t *element, size_t max)
{
        const json_t *options = json_object_get(element, "options"), *option;
        json_t *values = json_object();
        size_t i;

        if (json_array_size(options) == 0 || json_array_size(options) > max)
                complain(c, "number of options", element);
        json_array_foreach (options, i, option) {
                check_text_object(c, json_object_get(option, "text"), NULL, 75);
                check_string(c, option, "value", 150);
                if (json_object_get(values, json_str_or(option, "value", "")))
                        complain(c, "value twice", element);
                json_object_set_new(values, json_str_or(option, "value", ""), json_true());
                if (json_object_get(option, "description"))
                        check_text_object(c, json_object_get(option, "description"), NULL, 75);
        }
        json_decref(values);
}

static void check_button(Check *c, const json_t *button)
{
        const json_t *confirm = json_object_get(button, "confirm");
        const char *style = json_str(button, "style");

        check_text_object(c, json_object_get(button, "text"), "plain_text", 75);
        if (json_object_get(button, "value"))
                check_string(c, button, "value", 2000);
        if (json_object_get(button, "url"))
                check_url(c, button);
        if (style && !str_equal(style, "primary") && !str_equal(style, "danger"))
                complain(c, "button style", button);
        if (confirm) {
                check_text_object(c, json_object_get(confirm, "title"), "plain_text", 100);
                check_text_object(c, json_object_get(confirm, "text"), NULL, 300);
                check_text_object(c, json_object_get(confirm, "confirm"), "plain_text", 30);
                check_text_object(c, json_object_get(confirm, "deny"), "plain_text", 30);
        }
}

static void check_element(Check *c, const json_t *element, bool in_input)
{
        const char *type = json_str_or(element, "type", "");

        if (c->allow == BLOCKKIT_DATA_ONLY)
                complain(c, "interactive element", element);
        check_string(c, element, "action_id", 255);
        if (json_object_get(element, "placeholder"))
                check_text_object(c, json_object_get(element, "placeholder"), "plain_text", 150);
        if (!in_input && str_equal(type, "button"))
                check_button(c, element);
        else if (str_equal(type, "radio_buttons") || str_equal(type, "checkboxes"))
                check_options(c, element, 10);
        else if (str_equal(type, "static_select") || str_equal(type, "multi_static_select"))
                check_options(c, element, 100);
        else if (!in_input && str_equal(type, "overflow"))
                check_options(c, element, 5);
        else if (str_equal(type, "external_select") || str_equal(type, "multi_external_select")) {
                if (json_object_get(element, "options"))
                        complain(c, "an external select has no options", element);
        } else if (str_equal(type, "conversations_select")) {
                if (json_object_get(element, "initial_conversation") &&
                    json_bool(element, "default_to_current_conversation"))
                        complain(c, "two initial conversations", element);
        } else if (in_input && str_equal(type, "plain_text_input")) {
                if (json_int(element, "max_length", 3000) > 3000)
                        complain(c, "max_length", element);
        } else
                complain(c, "element", element);
}

static void check_actions(Check *c, const json_t *block)
{
        const json_t *elements = json_object_get(block, "elements"), *element;
        json_t *action_ids = json_object();
        size_t i;

        if (json_array_size(elements) == 0 || json_array_size(elements) > 25)
                complain(c, "number of elements", block);
        json_array_foreach (elements, i, element) {
                const char *action_id = json_str_or(element, "action_id", "");

                check_element(c, element, false);
                if (json_object_get(action_ids, action_id))
                        complain(c, "action_id twice in a block", block);
                json_object_set_new(action_ids, action_id, json_true());
        }
        json_decref(action_ids);
}

/* --- blocks ----------------------------------------------------------------------------------------------
 */

static void check_context(Check *c, const json_t *block)
{
        const json_t *elements = json_object_get(block, "elements"), *element;
        size_t i;

        if (json_array_size(elements) == 0 || json_array_size(elements) > 10)
                complain(c, "number of elements", block);
        json_array_foreach (elements, i, element)
                check_text_object(c, element, NULL, 3000);
}

static void check_block(Check *c, const json_t *block)
{
        const char *type = json_str_or(block, "type", ""), *block_id = json_str(block, "block_id");

        if (block_id) {
                check_string(c, block, "block_id", 255);
                if (json_object_get(c->block_ids, block_id))
                        complain(c, "block_id twice", block);
                json_object_set_new(c->block_ids, block_id, json_true());
        }
        if (str_equal(type, "section")) {
                check_text_object(c, json_object_get(block, "text"), NULL, 3000);
                if (json_object_get(block, "accessory"))
                        check_element(c, json_object_get(block, "accessory"), false);
        } else if (str_equal(type, "header"))
                check_text_object(c, json_object_get(block, "text"), "plain_text", 150);
        else if (str_equal(type, "context"))
                check_context(c, block);
        else if (str_equal(type, "actions"))
                check_actions(c, block);
        else if (str_equal(type, "input")) {
                check_text_object(c, json_object_get(block, "label"), "plain_text", 2000);
                check_element(c, json_object_get(block, "element"), true);
        } else if (str_equal(type, "rich_text"))
                check_rich_text(c, block);
        else if (str_equal(type, "table"))
                check_table(c, block);
        else if (!str_equal(type, "divider"))
                complain(c, "type of block", block);
}

static void check_blocks(Check *c, const json_t *blocks, size_t max)
{
        const json_t *block;
        size_t i;

        if (json_array_size(blocks) == 0 || json_array_size(blocks) > max)
                complain_size(c, "blocks", json_array_size(blocks), max, blocks);
        c->block_ids = json_object();
        json_array_foreach (blocks, i, block)
                check_block(c, block);
        json_decref(c->block_ids);
}

char *blockkit_check_message(const json_t *message, BlockkitAllow allow)
{
        Check c = {.allow = allow};

        if (json_object_size(message) != 2)
                complain(&c, "keys of the message", message);
        check_string(&c, message, "text", 3000);
        c.allow = BLOCKKIT_DATA_ONLY; /* the fallback is plain in any case */
        check_parsed(&c, json_str_or(message, "text", ""), message);
        c.allow = allow;
        check_blocks(&c, json_object_get(message, "blocks"), 50);
        if (c.n_chars > 12000)
                complain_size(&c, "characters in all", c.n_chars, 12000, json_object_get(message, "text"));
        return c.error;
}

char *blockkit_check_view(const json_t *view)
{
        Check c = {.allow = BLOCKKIT_CARD};
        char *json = json_dump(view);

        if (str_equal(json_str(view, "type"), "modal")) {
                check_text_object(&c, json_object_get(view, "title"), "plain_text", 24);
                check_text_object(&c, json_object_get(view, "submit"), "plain_text", 24);
                check_text_object(&c, json_object_get(view, "close"), "plain_text", 24);
        } else if (!str_equal(json_str(view, "type"), "home") || json_object_get(view, "title"))
                complain(&c, "type", view);
        check_string(&c, view, "callback_id", 255);
        if (json_object_get(view, "private_metadata"))
                check_string(&c, view, "private_metadata", 3000);
        if (strlen(json) > 250000)
                complain(&c, "size of the view", json_object_get(view, "title"));
        check_blocks(&c, json_object_get(view, "blocks"), 100);
        free(json);
        return c.error;
}

static void collect_visible(const json_t *value, Buf *out)
{
        const json_t *child;
        const char *key;
        size_t i;

        json_array_foreach (value, i, child)
                collect_visible(child, out);
        json_object_foreach ((json_t *) value, key, child) {
                if (json_is_string(child) && str_equal(key, "text")) {
                        buf_append_str(out, json_string_value(child));
                        buf_append_char(out, '\n');
                } else if (!str_equal(key, "style"))
                        collect_visible(child, out);
        }
        if (str_equal(json_str(value, "type"), "link") && !json_object_get(value, "text"))
                buf_append_str(out, json_str_or(value, "url", ""));
}

char *blockkit_visible_text(const json_t *value)
{
        Buf out = {0};

        collect_visible(value, &out);
        return buf_take(&out);
}
