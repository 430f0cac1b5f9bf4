#include "richtext.h"

#include "base/buf.h"
#include "blocks.h"

char *richtext_escape(const char *text)
{
        Buf out = {0};

        for (const char *p = text; *p; p++)
                if (*p == '&' && !str_starts_with(p, "&amp;") && !str_starts_with(p, "&lt;") &&
                    !str_starts_with(p, "&gt;"))
                        buf_append_str(&out, "&amp;");
                else
                        buf_append_char(&out, *p);
        return out.data ? buf_take(&out) : mem_strdup("");
}

static char *unescape(const char *text, size_t n_bytes)
{
        static const char *const entities[][2] = {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}};
        Buf out = {0};

        for (size_t i = 0; i < n_bytes;) {
                size_t step = 0;

                for (size_t e = 0; e < ELEMENTSOF(entities) && text[i] == '&' && !step; e++) {
                        size_t n = strlen(entities[e][0]);

                        if (n_bytes - i >= n && memcmp(text + i, entities[e][0], n) == 0) {
                                buf_append_str(&out, entities[e][1]);
                                step = n;
                        }
                }
                if (!step)
                        buf_append_char(&out, text[i]);
                i += step ? step : 1;
        }
        return out.data ? buf_take(&out) : mem_strdup("");
}

static bool same_style(const json_t *element, const json_t *style)
{
        const json_t *before = json_object_get(element, "style");

        return before && style ? json_equal((json_t *) before, (json_t *) style) : !before && !style;
}

void richtext_put(json_t *elements, const char *text, size_t n_bytes, const json_t *style)
{
        size_t n = json_array_size(elements);
        json_t *last = n ? json_array_get(elements, n - 1) : NULL, *element;

        if (n_bytes == 0)
                return;
        if (str_equal(json_str(last, "type"), "text") && same_style(last, style)) {
                json_object_set_new(
                        last, "text",
                        json_sprintf("%s%.*s", json_str_or(last, "text", ""), (int) n_bytes, text));
                return;
        }
        element = json_pack("{s:s,s:o}", "type", "text", "text", json_stringn_nocheck(text, n_bytes));
        if (style)
                json_object_set_new(element, "style", json_deep_copy(style));
        json_array_append_new(elements, element);
}

static json_t *reference(const char *type, const char *key, const char *value)
{
        return *value ? json_pack("{s:s,s:s}", "type", type, key, value) : NULL;
}

/* The inside of <…>: @U…, #C…|name, !here, !subteam^S…, or a link with an optional label. NULL: no token. */
static json_t *token_element(const char *inside, size_t n_bytes)
{
        _cleanup_free_ char *text = mem_strndup(inside, n_bytes);
        char *label = strchr(text, '|');
        json_t *out;

        if (label)
                *label++ = 0;
        if (*text == '@')
                return reference("user", "user_id", text + 1);
        if (*text == '#')
                return reference("channel", "channel_id", text + 1);
        if (str_starts_with(text, "!subteam^"))
                return reference("usergroup", "usergroup_id", text + strlen("!subteam^"));
        if (*text == '!')
                return reference("broadcast", "range", text + 1);
        if (!strstr(text, "://") && !str_starts_with(text, "mailto:"))
                return NULL;
        out = json_pack("{s:s,s:s}", "type", "link", "url", text);
        if (label)
                json_put_str(out, "text", label);
        return out;
}

typedef void (*PutFn)(json_t *elements, const char *text, size_t n_bytes, const json_t *style);

static void put_split(json_t *elements, const char *text, size_t n_bytes, const json_t *style, PutFn put)
{
        const char *from = text, *end = text + n_bytes;

        for (const char *p = text; p < end;) {
                const char *close = *p == '<' ? memchr(p, '>', (size_t) (end - p)) : NULL;
                json_t *element = close ? token_element(p + 1, (size_t) (close - p - 1)) : NULL;

                if (!element) {
                        p++;
                        continue;
                }
                put(elements, from, (size_t) (p - from), style);
                if (style)
                        json_object_set_new(element, "style", json_deep_copy(style));
                json_array_append_new(elements, element);
                from = p = close + 1;
        }
        put(elements, from, (size_t) (end - from), style);
}

void richtext_put_tokens(json_t *elements, const char *text, size_t n_bytes, const json_t *style)
{
        put_split(elements, text, n_bytes, style, richtext_put);
}

static void put_unescaped(json_t *elements, const char *text, size_t n_bytes, const json_t *style)
{
        _cleanup_free_ char *plain = unescape(text, n_bytes);

        richtext_put(elements, plain, strlen(plain), style);
}

json_t *richtext_from_mrkdwn(const char *text)
{
        json_t *elements = json_array(), *block, *out;

        put_split(elements, text, strlen(text), NULL, put_unescaped);
        block = json_pack("[{s:s,s:[{s:s,s:o}]}]", "type", "rich_text", "elements", "type",
                          "rich_text_section", "elements", elements);
        out = blocks_normalize(block);
        json_decref(block);
        return out;
}

static void add_plain(const json_t *element, Buf *out)
{
        static const char *const keys[] = {"text",         "url",   "user_id", "channel_id",
                                           "usergroup_id", "range", "name"};

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (json_str(element, keys[i])) {
                        buf_append_str(out, json_str(element, keys[i]));
                        return;
                }
}

char *richtext_plain(const json_t *elements)
{
        Buf out = {0};
        size_t i;
        json_t *element;

        json_array_foreach ((json_t *) elements, i, element)
                add_plain(element, &out);
        return out.data ? buf_take(&out) : mem_strdup("");
}
