/* The packing: items into messages within Slack's limits, in order. */
#include "connectors/slack/markdown.h"

#include "connectors/slack/block-kit.h"
#include "connectors/slack/markdown-items.h"

#define DEFAULT_BLOCKS       45
#define DEFAULT_CHARS        11000
#define LEAST_CHARS          3000 /* room for any header, and for any link with some of its label */
#define MESSAGE_ELEMENTS_MAX 1000 /* inline elements of one message; Slack's own limit is not documented */
#define SEPARATOR_CHARS      2    /* at most, before an item */
#define FALLBACK_BYTES       (4 * SLACK_FALLBACK_CHARS_MAX)

typedef struct Packer {
        size_t max_blocks, max_chars;
        json_t *messages;
        json_t *blocks; /* of the message being filled */
        json_t *rich; /* borrowed: the elements of its last block, where that is rich_text to be continued */
        MarkdownItem last; /* the last item in there; without its body */
        size_t n_chars, n_elements;
        bool has_table;
        Buf fallback;
} Packer;

static bool has_inline_elements(const MarkdownItem *item)
{
        return item->kind == ITEM_TEXT || item->kind == ITEM_LIST || item->kind == ITEM_QUOTE;
}

static bool is_own_block(const MarkdownItem *item)
{
        return item->kind == ITEM_HEADER || item->kind == ITEM_DIVIDER || item->kind == ITEM_TABLE;
}

/* --- plain text ------------------------------------------------------------------------------------------
 */

static void table_plain(const json_t *table, Buf *out)
{
        const json_t *row, *cell;
        size_t i, j;

        json_array_foreach (json_object_get(table, "rows"), i, row) {
                json_array_foreach (row, j, cell) {
                        buf_append_str(out, j > 0 ? " | " : "");
                        buf_append_str(out, json_str_or(cell, "text", ""));
                        markdown_elements_plain(json_at(cell, "elements.0.elements"), out);
                }
                buf_append_char(out, '\n');
        }
}

static void item_plain(const MarkdownItem *item, Buf *out)
{
        if (item->kind == ITEM_LIST && item->number > 0)
                buf_printf(out, "%u. ", item->number);
        else if (item->kind == ITEM_LIST)
                buf_append_str(out, "\xE2\x80\xA2 ");
        if (has_inline_elements(item))
                markdown_elements_plain(item->body, out);
        else if (item->kind == ITEM_TABLE)
                table_plain(item->body, out);
        else if (item->body)
                buf_append_str(out, json_string_value(item->body));
        buf_append_char(out, '\n');
}

/* --- messages --------------------------------------------------------------------------------------------
 */

static void finish_message(Packer *p)
{
        _cleanup_free_ char *text = NULL;
        size_t n_text = buf_len(&p->fallback);

        if (json_array_size(p->blocks) == 0)
                return;
        while (n_text > 0 && buf_bytes(&p->fallback)[n_text - 1] == '\n')
                n_text--;
        text = slack_clean(buf_bytes(&p->fallback), n_text);
        json_array_append_new(p->messages, slack_message(text, p->blocks));
        p->blocks = json_array();
        p->rich = NULL;
        p->n_chars = p->n_elements = 0;
        p->has_table = false;
        buf_clear(&p->fallback);
}

static void add_block(Packer *p, json_t *block)
{
        json_array_append_new(p->blocks, block);
        p->rich = NULL;
}

static void open_rich(Packer *p)
{
        if (p->rich)
                return;
        add_block(p, block_rich_text(json_array()));
        p->rich = json_object_get(json_array_get(p->blocks, json_array_size(p->blocks) - 1), "elements");
        p->last = (MarkdownItem){.kind = ITEM_CODE}; /* nothing that asks for a gap */
}

static json_t *last_rich(Packer *p)
{
        return json_array_get(p->rich, json_array_size(p->rich) - 1);
}

static json_t *rich_element(const char *type, json_t *elements /* stolen */, bool border)
{
        json_t *element = json_pack("{s:s, s:o}", "type", type, "elements", elements);

        if (border)
                json_put_int(element, "border", 1);
        return element;
}

/* Paragraphs that follow each other share one section: Slack sets no space between two sections. */
static void append_text(Packer *p, const MarkdownItem *item)
{
        const char *separator = p->last.kind == ITEM_TEXT ? p->last.heading ? "\n" : "\n\n"
                                : p->last.kind == ITEM_LIST || p->last.kind == ITEM_QUOTE ? "\n"
                                                                                          : "";
        json_t *elements;

        if (p->last.kind != ITEM_TEXT)
                json_array_append_new(p->rich, rich_section(json_array()));
        elements = json_object_get(last_rich(p), "elements");
        markdown_join(elements, separator, item->body);
}

static void append_list_item(Packer *p, const MarkdownItem *item)
{
        json_t *list;

        if (p->last.kind != ITEM_LIST || p->last.indent != item->indent || p->last.quote != item->quote ||
            (item->number > 0 ? p->last.number + 1 != item->number : p->last.number > 0)) {
                list = rich_element("rich_text_list", json_array(), item->quote > 0);
                json_put_str(list, "style", item->number > 0 ? "ordered" : "bullet");
                json_put_int(list, "indent", item->indent);
                if (item->number > 1)
                        json_put_int(list, "offset", item->number - 1);
                json_array_append_new(p->rich, list);
        }
        json_array_append_new(json_object_get(last_rich(p), "elements"),
                              rich_section(json_incref(item->body)));
}

static void append_item(Packer *p, const MarkdownItem *item)
{
        if (!is_own_block(item))
                open_rich(p);
        switch (item->kind) {
        case ITEM_TEXT: append_text(p, item); break;
        case ITEM_LIST: append_list_item(p, item); break;
        case ITEM_QUOTE:
                json_array_append_new(p->rich,
                                      rich_element("rich_text_quote", json_incref(item->body), false));
                break;
        case ITEM_CODE:
                json_array_append_new(
                        p->rich, rich_element("rich_text_preformatted",
                                              json_pack("[o]", rich_text(json_string_value(item->body), 0)),
                                              item->quote > 0));
                break;
        case ITEM_HEADER: add_block(p, block_header(json_string_value(item->body))); break;
        case ITEM_DIVIDER: add_block(p, block_divider()); break;
        case ITEM_TABLE: {
                json_t *table = json_pack("{s:s}", "type", "table");

                json_object_update(table, item->body);
                add_block(p, table);
                p->has_table = true;
        } break;
        }
        p->n_chars += item->n_chars + SEPARATOR_CHARS;
        p->n_elements += item->n_elements + 1;
        p->last = *item;
        p->last.body = NULL;
        if (buf_len(&p->fallback) < FALLBACK_BYTES)
                item_plain(item, &p->fallback);
}

/* --- splitting -------------------------------------------------------------------------------------------
 */

/* Bytes of at most max_chars characters of `text`, up to a line's or else a word's end in the second half. */
static size_t cut_point(const char *text, size_t max_chars)
{
        size_t n = 0, n_chars = 0, line = 0, word = 0;

        while (text[n]) {
                size_t chars = (unsigned char) text[n] >= 0xF0 ? 2 : 1;

                if (n_chars + chars > max_chars)
                        break;
                n_chars += chars;
                do
                        n++;
                while ((text[n] & 0xC0) == 0x80);
                if (text[n - 1] == '\n')
                        line = n;
                else if (text[n - 1] == ' ')
                        word = n;
        }
        return !text[n] ? n : line > n / 2 ? line : word > n / 2 ? word : n;
}

static MarkdownItem split_code(MarkdownItem *item, size_t room)
{
        const char *text = json_string_value(item->body);
        size_t n = cut_point(text, room), n_shown = n;
        MarkdownItem piece = *item;
        json_t *rest = json_string(text + n);

        while (n_shown > 0 && text[n_shown - 1] == '\n')
                n_shown--;
        piece.body = json_stringn(text, n_shown);
        piece.n_chars = slack_chars(json_string_value(piece.body));
        json_decref(item->body);
        item->body = rest;
        item->n_chars = slack_chars(json_string_value(rest));
        return piece;
}

/* Cuts an inline element in two so that the first part takes at most `room` characters; NULL when it cannot.
 */
static json_t *split_element(json_t *element, size_t room)
{
        const char *text = json_str(element, "text");
        size_t n_address = slack_chars(json_str(element, "url")), n;
        _cleanup_free_ char *tail = NULL;
        json_t *head;

        if (!text || room <= n_address)
                return NULL;
        n = cut_point(text, room - n_address);
        if (n == 0)
                return NULL;
        tail = mem_strdup(text + n);
        head = json_copy(element);
        json_object_set_new(head, "text", json_stringn(text, n));
        json_put_str(element, "text", tail);
        return head;
}

/* Copies elements from *from on, as many as take up to `room` characters, and moves *from behind them. The
 * item's counts become those of the rest; the elements before *from stay in its body until drop_elements(),
 * so that the work is linear. */
static MarkdownItem split_elements(MarkdownItem *item, size_t *from, size_t room, size_t max_elements)
{
        MarkdownItem piece = *item;
        json_t *element, *first_part;

        piece.body = json_array();
        piece.n_chars = piece.n_elements = 0;
        while ((element = json_array_get(item->body, *from)) && piece.n_elements < max_elements) {
                size_t chars = markdown_element_chars(element);

                if (piece.n_chars + chars > room) {
                        first_part = split_element(element, room - piece.n_chars);
                        if (!first_part)
                                break;
                        item->n_chars += markdown_element_chars(element) - chars;
                        piece.n_chars += markdown_element_chars(first_part);
                        piece.n_elements++;
                        json_array_append_new(piece.body, first_part);
                        return piece;
                }
                json_array_append(piece.body, element);
                piece.n_chars += chars;
                piece.n_elements++;
                item->n_chars -= chars;
                item->n_elements--;
                ++*from;
        }
        return piece;
}

static void drop_elements(MarkdownItem *item, size_t n)
{
        json_t *rest = json_array(), *element;

        for (size_t i = n; (element = json_array_get(item->body, i)); i++)
                json_array_append(rest, element);
        json_decref(item->body);
        item->body = rest;
}

/* --- packing ---------------------------------------------------------------------------------------------
 */

static bool fits_empty(const Packer *p, const MarkdownItem *item)
{
        return item->n_chars + SEPARATOR_CHARS <= p->max_chars && item->n_elements < MESSAGE_ELEMENTS_MAX;
}

static bool fits(const Packer *p, const MarkdownItem *item)
{
        size_t n_blocks = json_array_size(p->blocks) + (is_own_block(item) || !p->rich ? 1 : 0);

        return n_blocks <= p->max_blocks && p->n_chars + item->n_chars + SEPARATOR_CHARS <= p->max_chars &&
               p->n_elements + item->n_elements < MESSAGE_ELEMENTS_MAX &&
               !(item->kind == ITEM_TABLE && p->has_table);
}

static void place(Packer *p, MarkdownItem *item)
{
        size_t n_placed = 0;

        while (!fits(p, item)) {
                size_t room = p->max_chars - MIN2(p->n_chars + SEPARATOR_CHARS, p->max_chars);
                bool can_split = !fits_empty(p, item) && room >= p->max_chars / 4 &&
                                 p->n_elements < MESSAGE_ELEMENTS_MAX / 2 &&
                                 (p->rich || json_array_size(p->blocks) < p->max_blocks);

                if (can_split) {
                        MarkdownItem piece =
                                item->kind == ITEM_CODE
                                        ? split_code(item, room)
                                        : split_elements(item, &n_placed, room,
                                                         MESSAGE_ELEMENTS_MAX - 1 - p->n_elements);

                        if (piece.n_chars > 0)
                                append_item(p, &piece);
                        if (piece.n_chars > 0 && item->kind == ITEM_LIST)
                                item->kind = ITEM_TEXT; /* the rest has no bullet of its own */
                        json_decref(piece.body);
                }
                finish_message(p);
        }
        if (n_placed > 0)
                drop_elements(item, n_placed);
        append_item(p, item);
}

/* A heading goes to the next message together with what it heads. */
static bool keep_with_next(const Packer *p, const MarkdownItems *all, size_t i)
{
        size_t need = 0, n_blocks = json_array_size(p->blocks) + 1;
        bool second_table = false;

        if (!all->items[i].heading || (i > 0 && all->items[i - 1].heading))
                return false;
        for (; i < all->n && all->items[i].heading; i++) {
                need += all->items[i].n_chars + SEPARATOR_CHARS;
                n_blocks += is_own_block(&all->items[i]);
        }
        if (i < all->n) {
                need += fits_empty(p, &all->items[i]) ? all->items[i].n_chars + SEPARATOR_CHARS
                                                      : p->max_chars / 4;
                second_table = all->items[i].kind == ITEM_TABLE && p->has_table;
        }
        return need <= p->max_chars &&
               (p->n_chars + need > p->max_chars || n_blocks > p->max_blocks || second_table);
}

json_t *slack_markdown_messages(const char *markdown, size_t n_bytes, const SlackMarkdownLimits *limits)
{
        MarkdownItems items = {0};
        Packer p = {.max_blocks = DEFAULT_BLOCKS,
                    .max_chars = DEFAULT_CHARS,
                    .messages = json_array(),
                    .blocks = json_array()};

        if (limits && limits->max_blocks)
                p.max_blocks = MIN2(limits->max_blocks, (size_t) SLACK_BLOCKS_MAX);
        if (limits && limits->max_text_chars)
                p.max_chars = MIN2(MAX2(limits->max_text_chars, (size_t) LEAST_CHARS),
                                   (size_t) SLACK_MESSAGE_CHARS_MAX);
        markdown_parse(markdown, n_bytes, MIN2((size_t) SLACK_TABLE_CHARS_MAX, p.max_chars - SEPARATOR_CHARS),
                       &items);
        for (size_t i = 0; i < items.n; i++) {
                if (keep_with_next(&p, &items, i))
                        finish_message(&p);
                place(&p, &items.items[i]);
        }
        finish_message(&p);
        if (json_array_size(p.messages) == 0)
                json_array_append_new(p.messages, slack_message(NULL, json_pack("[o]", block_context(NULL))));
        markdown_items_deinit(&items);
        json_decref(p.blocks);
        buf_deinit(&p.fallback);
        return p.messages;
}

char *slack_markdown_plain(const char *markdown, size_t max_chars)
{
        MarkdownItems items = {0};
        Buf out = {0};
        _cleanup_free_ char *line = NULL;

        markdown_parse(markdown, markdown ? strlen(markdown) : 0, SLACK_TABLE_CHARS_MAX, &items);
        for (size_t i = 0; i < items.n; i++)
                item_plain(&items.items[i], &out);
        line = slack_one_line(buf_bytes(&out));
        markdown_items_deinit(&items);
        buf_deinit(&out);
        return slack_cut(line, max_chars);
}
