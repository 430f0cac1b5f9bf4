#include "connectors/slack/block-kit.h"

#include <stdio.h>
#include <strings.h>

#include "base/buf.h"

#define PREFORMATTED_CHARS_MAX 9000
#define CONTEXT_ELEMENTS_MAX   10
#define ACTIONS_ELEMENTS_MAX   25
#define ID_CHARS_MAX           255
#define VALUE_CHARS_MAX        2000
#define OPTION_VALUE_CHARS_MAX 150
#define LABEL_CHARS_MAX        2000
#define PLACEHOLDER_CHARS_MAX  150
#define CONFIRM_TITLE_MAX      100
#define CONFIRM_TEXT_MAX       300
#define CONFIRM_BUTTON_MAX     30
#define INPUT_CHARS_MAX        3000

#define ELLIPSIS    "\xE2\x80\xA6"
#define REPLACEMENT "\xEF\xBF\xBD"
#define ZERO_WIDTH  "\xE2\x80\x8B"

/* --- text ------------------------------------------------------------------------------------------------
 */

/* Bytes of the well-formed UTF-8 sequence at `s` (RFC 3629 table 3-7), or 0. */
static size_t utf8_sequence(const unsigned char *s, size_t n)
{
        if (n == 0)
                return 0;
        if (s[0] < 0x80)
                return 1;
        if (s[0] >= 0xC2 && s[0] <= 0xDF)
                return n >= 2 && (s[1] & 0xC0) == 0x80 ? 2 : 0;
        if (s[0] >= 0xE0 && s[0] <= 0xEF) {
                unsigned char low = s[0] == 0xE0 ? 0xA0 : 0x80, high = s[0] == 0xED ? 0x9F : 0xBF;

                return n >= 3 && s[1] >= low && s[1] <= high && (s[2] & 0xC0) == 0x80 ? 3 : 0;
        }
        if (s[0] >= 0xF0 && s[0] <= 0xF4) {
                unsigned char low = s[0] == 0xF0 ? 0x90 : 0x80, high = s[0] == 0xF4 ? 0x8F : 0xBF;

                return n >= 4 && s[1] >= low && s[1] <= high && (s[2] & 0xC0) == 0x80 && (s[3] & 0xC0) == 0x80
                               ? 4
                               : 0;
        }
        return 0;
}

/* U+202A–202E and U+2066–2069: embeddings, overrides and isolates. The plain marks U+200E/200F stay, they are
 * part of ordinary right-to-left text. */
static bool is_bidi_override(const unsigned char *s, size_t n)
{
        return n == 3 && s[0] == 0xE2 &&
               ((s[1] == 0x80 && s[2] >= 0xAA && s[2] <= 0xAE) ||
                (s[1] == 0x81 && s[2] >= 0xA6 && s[2] <= 0xA9));
}

char *slack_clean(const char *text, size_t n_bytes)
{
        Buf out = {0};

        for (size_t i = 0; text && i < n_bytes;) {
                const unsigned char *s = (const unsigned char *) text + i;
                size_t n = utf8_sequence(s, n_bytes - i);

                if (n == 0 || is_bidi_override(s, n)) {
                        buf_append_str(&out, REPLACEMENT);
                        n = MAX2(n, (size_t) 1);
                } else if (*s == '\r') {
                        buf_append_char(&out, '\n');
                        n = i + 1 < n_bytes && s[1] == '\n' ? 2 : 1;
                } else if ((*s < 0x20 && *s != '\n' && *s != '\t') || *s == 0x7F) {
                        /* U+2400 + c, and U+2421 for DEL. */
                        buf_append_str(&out, "\xE2\x90");
                        buf_append_char(&out, (char) (*s == 0x7F ? 0xA1 : 0x80 + *s));
                } else if (n == 2 && s[0] == 0xC2 && s[1] < 0xA0) {
                        buf_append_str(&out, REPLACEMENT); /* C1 controls */
                } else
                        buf_append(&out, s, n);
                i += n;
        }
        return buf_take(&out);
}

static char *clean(const char *text)
{
        return slack_clean(text, text ? strlen(text) : 0);
}

/* Number of characters of clean text. */
static size_t count_chars(const char *text)
{
        size_t n = 0;

        for (; *text; text++)
                n += (*text & 0xC0) != 0x80;
        return n;
}

size_t slack_chars(const char *text)
{
        size_t n = 0;

        for (; text && *text; text++)
                n += ((*text & 0xC0) != 0x80) + ((unsigned char) *text >= 0xF0);
        return n;
}

/* Bytes of the first max_chars characters of clean text. */
static size_t bytes_of_chars(const char *text, size_t max_chars)
{
        size_t i = 0;

        for (size_t n = 0; text[i]; i++)
                if ((text[i] & 0xC0) != 0x80 && ++n > max_chars)
                        break;
        return i;
}

char *slack_cut(const char *text, size_t max_chars)
{
        _cleanup_free_ char *s = clean(text);
        size_t n_bytes;

        if (max_chars == 0)
                return mem_strdup("");
        if (count_chars(s) <= max_chars)
                return take(s);
        n_bytes = bytes_of_chars(s, max_chars - 1);
        return mem_printf("%.*s" ELLIPSIS, (int) n_bytes, s);
}

/* Bytes of what may not be torn apart at `s`: a token, an entity, or one character. */
static size_t mrkdwn_unit(const char *s)
{
        size_t n;

        if (*s == '<') {
                n = strcspn(s, ">\n");
                return s[n] == '>' ? n + 1 : 1;
        }
        if (*s == '&') {
                n = strcspn(s, ";");
                return n <= 4 && s[n] == ';' ? n + 1 : 1;
        }
        for (n = 1; (s[n] & 0xC0) == 0x80; n++)
                ;
        return n;
}

char *slack_cut_mrkdwn(const char *mrkdwn, size_t max_chars)
{
        _cleanup_free_ char *s = clean(mrkdwn);
        size_t n_bytes = 0, n_chars = 0;

        if (max_chars == 0)
                return mem_strdup("");
        if (count_chars(s) <= max_chars)
                return take(s);
        while (s[n_bytes]) {
                size_t unit = mrkdwn_unit(s + n_bytes), chars = 0;

                for (size_t i = 0; i < unit; i++)
                        chars += (s[n_bytes + i] & 0xC0) != 0x80;
                if (n_chars + chars > max_chars - 1)
                        break;
                n_bytes += unit;
                n_chars += chars;
        }
        return mem_printf("%.*s" ELLIPSIS, (int) n_bytes, s);
}

/* Length of the broadcast word at `s`, or 0. */
static size_t broadcast_word(const char *s)
{
        static const char *const words[] = {"channel", "here", "everyone"};

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strncasecmp(s, words[i], strlen(words[i])) == 0)
                        return strlen(words[i]);
        return 0;
}

char *slack_escape(const char *text)
{
        _cleanup_free_ char *s = clean(text);
        Buf out = {0};

        for (const char *p = s; *p; p++) {
                if (*p == '&')
                        buf_append_str(&out, "&amp;");
                else if (*p == '<')
                        buf_append_str(&out, "&lt;");
                else if (*p == '>')
                        buf_append_str(&out, "&gt;");
                else
                        buf_append_char(&out, *p);
                if (*p == '@' && broadcast_word(p + 1))
                        buf_append_str(&out, ZERO_WIDTH);
        }
        return buf_take(&out);
}

char *slack_one_line(const char *text)
{
        _cleanup_free_ char *s = clean(text);
        Buf out = {0};

        for (const char *p = s; *p;) {
                size_t n_space = strspn(p, " \t\n"), n_word;

                p += n_space;
                n_word = strcspn(p, " \t\n");
                if (n_space > 0 && n_word > 0 && buf_len(&out) > 0)
                        buf_append_char(&out, ' ');
                buf_append(&out, p, n_word);
                p += n_word;
        }
        return buf_take(&out);
}

static void append_unescaped(Buf *out, const char *s, size_t n)
{
        static const struct {
                const char *entity;
                char c;
        } entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}};

        for (size_t i = 0; i < n;) {
                size_t j = 0, n_entity = 0;

                while (s[i] == '&' && j < ELEMENTSOF(entities) && n_entity == 0) {
                        size_t len = strlen(entities[j].entity);

                        if (n - i >= len && memcmp(s + i, entities[j].entity, len) == 0)
                                n_entity = len;
                        else
                                j++;
                }
                buf_append_char(out, n_entity ? entities[j].c : s[i]);
                i += n_entity ? n_entity : 1;
        }
}

/* The inside of <…>, as https://docs.slack.dev/messaging/formatting-message-text lists them. */
static void append_token(Buf *out, const char *token, size_t n)
{
        const char *bar = memchr(token, '|', n);
        size_t n_target = bar ? (size_t) (bar - token) : n, n_label = bar ? n - n_target - 1 : 0;
        const char *label = bar ? bar + 1 : NULL;

        if (*token == '@' || *token == '#') {
                if (n_label == 0) {
                        buf_append_char(out, '<');
                        buf_append(out, token, n_target);
                        buf_append_char(out, '>');
                        return;
                }
                buf_append_char(out, *token);
                append_unescaped(out, label, n_label);
        } else if (*token == '!') {
                /* <!here>, <!here|here>, <!subteam^S1|@group>, <!date^…|fallback> */
                size_t n_word = n_target - 1;

                if (n_word > 0 && broadcast_word(token + 1) == n_word) {
                        buf_append_char(out, '@');
                        buf_append(out, token + 1, n_word);
                } else
                        append_unescaped(out, n_label ? label : token, n_label ? n_label : n);
        } else if (n_target > 7 && strncmp(token, "mailto:", 7) == 0)
                append_unescaped(out, token + 7, n_target - 7);
        else
                append_unescaped(out, token, n_target);
}

char *slack_text_plain(const char *text)
{
        _cleanup_free_ char *s = clean(text);
        Buf out = {0};

        for (const char *p = s; *p;) {
                size_t n = *p == '<' ? strcspn(p, ">") : 0;

                if (n > 1 && p[n] == '>') {
                        append_token(&out, p + 1, n - 1);
                        p += n + 1;
                        continue;
                }
                n = MAX2(strcspn(p, "<"), (size_t) 1);
                append_unescaped(&out, p, n);
                p += n;
        }
        return buf_take(&out);
}

/* The host of "https://user@host:port/…" as a browser reads it: a backslash ends it like a slash, and what
 * stands before the last @ is not the host. NULL unless plain ASCII: a name in another script can look like
 * any other. */
static char *url_host(const char *authority)
{
        size_t n = strcspn(authority, "/\\?#");
        const char *host = authority;

        if (authority[n] == '\\')
                return NULL;
        for (size_t i = 0; i < n; i++)
                if (authority[i] == '@')
                        host = authority + i + 1;
        n -= (size_t) (host - authority);
        if (n == 0 ||
            strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") < n)
                return NULL;
        return mem_strndup(host, n);
}

char *slack_url(const char *url, char **ret_host)
{
        _cleanup_free_ char *s = clean(url), *host = NULL;
        Buf out = {0};

        if (strncasecmp(s, "https://", 8) == 0)
                host = url_host(s + 8);
        else if (strncasecmp(s, "http://", 7) == 0)
                host = url_host(s + 7);
        else if (strncasecmp(s, "mailto:", 7) == 0 && s[7])
                host = mem_strndup(s + 7, strcspn(s + 7, "?"));
        if (!host || !*host || strpbrk(s, "\n\t"))
                return NULL;
        for (const char *p = s; *p; p++) {
                if (strchr(" <>\"`|\\^{}", *p))
                        buf_printf(&out, "%%%02X", (unsigned) *p);
                else
                        buf_append_char(&out, *p);
        }
        if (buf_len(&out) > SLACK_URL_CHARS_MAX) {
                buf_deinit(&out);
                return NULL;
        }
        if (ret_host)
                *ret_host = take(host);
        return buf_take(&out);
}

/* --- text objects and elements ---------------------------------------------------------------------------
 */

/* A cut, clean, non-empty JSON string. */
static json_t *string_of(const char *text, size_t max_chars)
{
        _cleanup_free_ char *s = slack_cut(text, max_chars);
        const char *p = s + strspn(s, " \t\n");

        return json_string(*p ? s : "(no text)");
}

json_t *text_mrkdwn(const char *mrkdwn)
{
        _cleanup_free_ char *s = slack_cut_mrkdwn(mrkdwn, SLACK_SECTION_CHARS_MAX);
        const char *p = s + strspn(s, " \t\n");

        return json_pack("{s:s, s:s, s:b}", "type", "mrkdwn", "text", *p ? s : "(no text)", "verbatim", 1);
}

static json_t *plain_cut(const char *text, size_t max_chars)
{
        return json_pack("{s:s, s:o, s:b}", "type", "plain_text", "text", string_of(text, max_chars), "emoji",
                         0);
}

json_t *text_plain(const char *plain)
{
        return plain_cut(plain, SLACK_SECTION_CHARS_MAX);
}

static void put_cut(json_t *obj, const char *key, const char *value, size_t max_chars)
{
        json_object_set_new(obj, key, string_of(value, max_chars));
}

json_t *rich_text(const char *text, unsigned style)
{
        static const char *const names[] = {"bold", "italic", "strike", "code"};
        _cleanup_free_ char *s = clean(text);
        json_t *element;

        if (!*s)
                return NULL;
        element = json_pack("{s:s, s:s}", "type", "text", "text", s);
        if (style) {
                json_t *flags = json_object();

                for (size_t i = 0; i < ELEMENTSOF(names); i++)
                        if (style & (1u << i))
                                json_object_set_new(flags, names[i], json_true());
                json_object_set_new(element, "style", flags);
        }
        return element;
}

json_t *rich_link(const char *url, const char *text, unsigned style)
{
        json_t *element = rich_text(str_empty(text) ? url : text, style);

        json_put_str(element, "type", "link");
        json_put_str(element, "url", url);
        if (str_empty(text))
                json_object_del(element, "text");
        return element;
}

json_t *rich_emoji(const char *name)
{
        return json_pack("{s:s, s:s}", "type", "emoji", "name", name);
}

json_t *rich_user(const char *user_id)
{
        return json_pack("{s:s, s:o}", "type", "user", "user_id", string_of(user_id, ID_CHARS_MAX));
}

json_t *rich_section(json_t *elements)
{
        return json_pack("{s:s, s:o}", "type", "rich_text_section", "elements", elements);
}

json_t *element_button(const char *action_id, const char *text, const char *value, ButtonStyle style)
{
        json_t *button =
                json_pack("{s:s, s:o}", "type", "button", "text", plain_cut(text, SLACK_BUTTON_CHARS_MAX));

        put_cut(button, "action_id", action_id, ID_CHARS_MAX);
        if (value)
                put_cut(button, "value", value, VALUE_CHARS_MAX);
        if (style != BUTTON_PLAIN)
                json_put_str(button, "style", style == BUTTON_PRIMARY ? "primary" : "danger");
        return button;
}

json_t *element_link_button(const char *action_id, const char *text, const char *url)
{
        _cleanup_free_ char *safe = slack_url(url, NULL);
        json_t *button;

        if (!safe)
                return NULL;
        button = element_button(action_id, text, NULL, BUTTON_PLAIN);
        json_put_str(button, "url", safe);
        return button;
}

json_t *element_confirm(json_t *button, const char *title, const char *text, const char *yes, const char *no)
{
        json_t *confirm =
                json_pack("{s:o, s:o, s:o, s:o}", "title", plain_cut(title, CONFIRM_TITLE_MAX), "text",
                          plain_cut(text, CONFIRM_TEXT_MAX), "confirm", plain_cut(yes, CONFIRM_BUTTON_MAX),
                          "deny", plain_cut(no, CONFIRM_BUTTON_MAX));

        json_object_set_new(button, "confirm", confirm);
        return button;
}

json_t *element_option(const char *text, const char *value, const char *description)
{
        json_t *option = json_pack("{s:o}", "text", plain_cut(text, SLACK_OPTION_CHARS_MAX));

        put_cut(option, "value", value, OPTION_VALUE_CHARS_MAX);
        if (!str_empty(description))
                json_object_set_new(option, "description", plain_cut(description, SLACK_OPTION_CHARS_MAX));
        return option;
}

json_t *element_text_input(const char *action_id, const char *placeholder, bool multiline)
{
        json_t *input = json_pack("{s:s, s:b, s:i}", "type", "plain_text_input", "multiline", multiline,
                                  "max_length", INPUT_CHARS_MAX);

        put_cut(input, "action_id", action_id, ID_CHARS_MAX);
        if (placeholder)
                json_object_set_new(input, "placeholder", plain_cut(placeholder, PLACEHOLDER_CHARS_MAX));
        return input;
}

/* --- blocks ----------------------------------------------------------------------------------------------
 */

json_t *block_section(const char *mrkdwn)
{
        return json_pack("{s:s, s:o}", "type", "section", "text", text_mrkdwn(mrkdwn));
}

json_t *block_section_accessory(const char *mrkdwn, json_t *accessory)
{
        json_t *block = block_section(mrkdwn);

        if (accessory)
                json_object_set_new(block, "accessory", accessory);
        return block;
}

json_t *block_header(const char *plain)
{
        _cleanup_free_ char *line = slack_one_line(plain);

        return json_pack("{s:s, s:o}", "type", "header", "text", plain_cut(line, SLACK_HEADER_CHARS_MAX));
}

json_t *block_divider(void)
{
        return json_pack("{s:s}", "type", "divider");
}

json_t *block_context_of(json_t *elements)
{
        while (json_array_size(elements) > CONTEXT_ELEMENTS_MAX)
                json_array_remove(elements, json_array_size(elements) - 1);
        if (json_array_size(elements) == 0)
                json_array_append_new(elements, text_mrkdwn(""));
        return json_pack("{s:s, s:o}", "type", "context", "elements", elements);
}

json_t *block_context(const char *mrkdwn)
{
        return block_context_of(json_pack("[o]", text_mrkdwn(mrkdwn)));
}

json_t *block_actions(const char *block_id, json_t *elements)
{
        json_t *block;

        while (json_array_size(elements) > ACTIONS_ELEMENTS_MAX)
                json_array_remove(elements, json_array_size(elements) - 1);
        if (json_array_size(elements) == 0) {
                json_decref(elements);
                return NULL;
        }
        block = json_pack("{s:s, s:o}", "type", "actions", "elements", elements);
        if (block_id)
                put_cut(block, "block_id", block_id, ID_CHARS_MAX);
        return block;
}

json_t *block_input(const char *block_id, const char *label, json_t *element, bool optional)
{
        json_t *block =
                json_pack("{s:s, s:o, s:o, s:b}", "type", "input", "label", plain_cut(label, LABEL_CHARS_MAX),
                          "element", element, "optional", optional);

        if (block_id)
                put_cut(block, "block_id", block_id, ID_CHARS_MAX);
        return block;
}

json_t *block_rich_text(json_t *elements)
{
        return json_pack("{s:s, s:o}", "type", "rich_text", "elements", elements);
}

static size_t count_lines(const char *text)
{
        size_t n = *text ? 1 : 0;

        for (; *text; text++)
                n += *text == '\n' && text[1];
        return n;
}

/* Bytes of the first max_lines lines, without the last newline. */
static size_t bytes_of_lines(const char *text, size_t max_lines)
{
        size_t n = 0;

        for (; max_lines > 0 && text[n]; max_lines--) {
                n += strcspn(text + n, "\n");
                if (text[n] && max_lines > 1)
                        n++;
        }
        return n;
}

json_t *block_preformatted(const char *text, size_t max_lines)
{
        _cleanup_free_ char *s = clean(text), *shown = NULL;
        size_t n = strlen(s), n_lines, n_bytes;

        while (n > 0 && s[n - 1] == '\n')
                s[--n] = 0;
        n_lines = count_lines(s);
        n_bytes = max_lines > 0 && n_lines > max_lines ? bytes_of_lines(s, max_lines) : n;
        if (bytes_of_chars(s, PREFORMATTED_CHARS_MAX) < n_bytes) {
                n_bytes = bytes_of_chars(s, PREFORMATTED_CHARS_MAX);
                shown = mem_printf("%.*s\n" ELLIPSIS " %zu more characters", (int) n_bytes, s,
                                   count_chars(s + n_bytes));
        } else if (n_bytes < n)
                shown = mem_printf("%.*s\n" ELLIPSIS " %zu more line%s", (int) n_bytes, s,
                                   n_lines - max_lines, n_lines - max_lines == 1 ? "" : "s");
        return block_rich_text(json_pack("[{s:s, s:[o]}]", "type", "rich_text_preformatted", "elements",
                                         rich_text(shown ? shown
                                                   : *s  ? s
                                                         : " ",
                                                   0)));
}

/* --- messages --------------------------------------------------------------------------------------------
 */

/* All strings that Slack may count as text in a block. */
static size_t block_chars(const json_t *value)
{
        const json_t *child;
        const char *key;
        size_t i, n = 0;

        if (json_is_array(value))
                json_array_foreach (value, i, child)
                        n += block_chars(child);
        else if (json_is_object(value))
                json_object_foreach ((json_t *) value, key, child)
                        n += json_is_string(child) && (str_equal(key, "text") || str_equal(key, "url"))
                                     ? count_chars(json_string_value(child))
                                     : block_chars(child);
        return n;
}

static bool has_buttons(const json_t *block)
{
        return str_equal(json_str(block, "type"), "actions");
}

/* Keeps the first blocks that fit beside all those with buttons, puts one line in place of the rest. */
static void fit_blocks(json_t *blocks)
{
        _cleanup_json_ json_t *notice = block_context(ELLIPSIS " The rest is not shown here.");
        size_t n_chars = block_chars(notice), n_blocks = 1, i;
        const json_t *block;
        bool full = false;

        if (json_array_size(blocks) <= SLACK_BLOCKS_MAX && block_chars(blocks) <= SLACK_MESSAGE_CHARS_MAX)
                return;
        json_array_foreach (blocks, i, block)
                if (has_buttons(block)) {
                        n_chars += block_chars(block);
                        n_blocks++;
                }
        for (i = 0; (block = json_array_get(blocks, i));) {
                if (has_buttons(block)) {
                        i++;
                        continue;
                }
                n_chars += block_chars(block);
                n_blocks++;
                if (full)
                        json_array_remove(blocks, i);
                else if (n_blocks > SLACK_BLOCKS_MAX || n_chars > SLACK_MESSAGE_CHARS_MAX) {
                        full = true;
                        json_array_set(blocks, i++, notice);
                } else
                        i++;
        }
        while (json_array_size(blocks) > SLACK_BLOCKS_MAX)
                json_array_remove(blocks, json_array_size(blocks) - 1);
}

json_t *slack_message(const char *text, json_t *blocks)
{
        _cleanup_free_ char *escaped = slack_escape(text),
                            *cut = slack_cut_mrkdwn(escaped, SLACK_FALLBACK_CHARS_MAX);

        fit_blocks(blocks);
        return json_pack("{s:s, s:o}", "text", *cut ? cut : "(no text)", "blocks", blocks);
}
