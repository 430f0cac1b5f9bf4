/* The parse: md4c's callbacks make the list of items. */
#include "connectors/slack/markdown-items.h"

#include <md4c.h>
#include <strings.h>

#include "connectors/slack/block-kit.h"

/* HTML blocks are off, so that their lines are parsed as Markdown with the tags shown; spans are on, to see
 * <br>. Bare e-mail addresses are not linked: in this trade they are mostly git@host:path. */
#define MARKDOWN_FLAGS                                                                                       \
        (MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_TASKLISTS | MD_FLAG_PERMISSIVEURLAUTOLINKS |       \
         MD_FLAG_NOHTMLBLOCKS)
#define INPUT_BYTES_MAX    (512 * 1024)
#define SWELL_FACTOR       4
#define SWELL_FREE         65536 /* small texts may swell freely */
#define LINK_URL_CHARS_MAX 2000  /* a longer address is shown as text */
#define LIST_INDENT_MAX    8
#define COLUMN_PAD_MAX     40

void markdown_items_deinit(MarkdownItems *all)
{
        for (size_t i = 0; i < all->n; i++)
                json_decref(all->items[i].body);
        free(all->items);
        *all = (MarkdownItems){0};
}

static MarkdownItem *items_add(MarkdownItems *all, MarkdownItem item)
{
        if (all->n == all->size) {
                all->size = MAX2(all->size * 2, (size_t) 64);
                all->items = mem_resize(all->items, all->size * sizeof(MarkdownItem));
        }
        all->items[all->n] = item;
        return &all->items[all->n++];
}

size_t markdown_element_chars(const json_t *element)
{
        return slack_chars(json_str(element, "text")) + slack_chars(json_str(element, "url"));
}

static size_t elements_chars(const json_t *elements)
{
        const json_t *element;
        size_t i, n = 0;

        json_array_foreach (elements, i, element)
                n += markdown_element_chars(element);
        return n;
}

/* Appends text, to the last element where that is plain text too: fewer elements, same look. */
static bool is_plain_text(const json_t *element)
{
        return str_equal(json_str(element, "type"), "text") && !json_object_get(element, "style");
}

static void join_element(json_t *elements, json_t *element /* stolen */)
{
        json_t *last = json_array_get(elements, json_array_size(elements) - 1);

        if (last && is_plain_text(last) && is_plain_text(element)) {
                _cleanup_free_ char *text =
                        mem_printf("%s%s", json_str(last, "text"), json_str(element, "text"));

                json_put_str(last, "text", text);
                json_decref(element);
        } else
                json_array_append_new(elements, element);
}

void markdown_join(json_t *elements, const char *separator, const json_t *more)
{
        json_t *element;
        size_t i;

        if (*separator)
                join_element(elements, rich_text(separator, 0));
        json_array_foreach (more, i, element)
                join_element(elements, json_incref(element));
}

void markdown_elements_plain(const json_t *elements, Buf *out)
{
        const json_t *element;
        size_t i;

        json_array_foreach (elements, i, element)
                buf_append_str(out, json_str_or(element, "text", json_str_or(element, "url", "")));
}

/* --- parse -----------------------------------------------------------------------------------------------
 */

typedef struct Container {
        bool is_list;
        bool item_open;  /* of a list: the current item has no text yet */
        unsigned indent; /* of a list: 0 for the outermost */
        unsigned number; /* of a list: of the current item; 0 = bullets */
} Container;

typedef struct Parse {
        MarkdownItems *items;
        size_t table_chars_max;
        size_t budget; /* what may still come out, see SWELL_FACTOR */
        Container *containers;
        size_t n_containers, size_containers;
        unsigned n_quotes, n_lists, quote; /* depths; `quote` counts the outermost ones */
        json_t *elements;                  /* of the paragraph, heading or cell being read */
        Buf run;                           /* text of one style, not yet an element */
        unsigned run_style;
        unsigned styles[4];                /* nesting depth of bold, italic, strike, code */
        unsigned heading;                  /* level, 0 outside */
        unsigned link_depth;               /* > 0 in a link or image; only the outermost counts */
        char *link, *link_raw, *link_host; /* NULL link = not safe: shown as text */
        bool link_is_image;
        Buf link_label;
        bool in_code;
        Buf code;
        json_t *rows, *column_settings; /* of the table being read */
} Parse;

static Container *innermost(Parse *p)
{
        return p->n_containers ? &p->containers[p->n_containers - 1] : NULL;
}

static void container_push(Parse *p, Container c)
{
        if (p->n_containers == p->size_containers) {
                p->size_containers = MAX2(p->size_containers * 2, (size_t) 16);
                p->containers = mem_resize(p->containers, p->size_containers * sizeof(Container));
        }
        p->containers[p->n_containers++] = c;
}

static unsigned current_style(const Parse *p)
{
        unsigned style = 0;

        for (unsigned i = 0; i < ELEMENTSOF(p->styles); i++)
                if (p->styles[i] > 0)
                        style |= 1u << i;
        return style;
}

/* Ends the run of one style. */
static void flush_run(Parse *p)
{
        _cleanup_free_ char *text = NULL;

        if (buf_len(&p->run) == 0)
                return;
        text = slack_clean(buf_bytes(&p->run), buf_len(&p->run));
        buf_clear(&p->run);
        if (p->link)
                json_array_append_new(p->elements, rich_link(p->link, text, p->run_style));
        else
                json_array_append_new(p->elements, rich_text(text, p->run_style));
}

static void add_text(Parse *p, const char *text, size_t n_bytes)
{
        unsigned style = current_style(p);

        if (style != p->run_style)
                flush_run(p);
        p->run_style = style;
        buf_append(&p->run, text, n_bytes);
        if (p->link_depth > 0)
                buf_append(&p->link_label, text, n_bytes);
}

static bool is_blank(const json_t *elements)
{
        const json_t *element;
        size_t i;

        json_array_foreach (elements, i, element) {
                const char *text = json_str(element, "text");

                if (!text || text[strspn(text, " \t\n")])
                        return false;
        }
        return true;
}

/* Adds the inline elements read so far as an item of the kind that the containers around make it. */
static void flush_elements(Parse *p)
{
        Container *c = innermost(p);
        MarkdownItem item = {
                .kind = ITEM_TEXT, .quote = p->n_quotes ? p->quote : 0, .heading = p->heading > 0};
        MarkdownItem *last = p->items->n ? &p->items->items[p->items->n - 1] : NULL;

        flush_run(p);
        if (is_blank(p->elements)) {
                json_array_clear(p->elements);
                return;
        }
        item.body = p->elements;
        p->elements = json_array();
        item.n_chars = elements_chars(item.body);
        item.n_elements = json_array_size(item.body);
        if (c && c->is_list && c->item_open) {
                c->item_open = false;
                item.kind = ITEM_LIST;
                item.indent = MIN2(c->indent, LIST_INDENT_MAX);
                item.number = c->number;
                item.heading = false;
        } else if (c && last && last->kind == ITEM_LIST && c->is_list && last->indent == c->indent &&
                   last->number == c->number) {
                /* A further paragraph of the list item. */
                markdown_join(last->body, "\n", item.body);
                json_decref(item.body);
                last->n_chars += item.n_chars + 1;
                last->n_elements = json_array_size(last->body);
                return;
        } else if (item.quote) {
                item.kind = ITEM_QUOTE;
                if (last && last->kind == ITEM_QUOTE && last->quote == item.quote) {
                        markdown_join(last->body, "\n\n", item.body);
                        json_decref(item.body);
                        last->n_chars += item.n_chars + 2;
                        last->n_elements = json_array_size(last->body);
                        return;
                }
        }
        items_add(p->items, item);
}

/* Before something that no list can hold. An ordered item that starts with it still shows its number. */
static void leave_text_flow(Parse *p)
{
        Container *c;

        flush_elements(p);
        c = innermost(p);
        if (c && c->is_list && c->item_open && c->number > 0) {
                json_array_append_new(p->elements, rich_text("\xE2\x80\x8B", 0));
                flush_elements(p);
        }
}

static void add_block(Parse *p, MarkdownItemKind kind, json_t *body, size_t n_chars)
{
        items_add(p->items, (MarkdownItem){.kind = kind,
                                           .body = body,
                                           .n_chars = n_chars,
                                           .quote = p->n_quotes ? p->quote : 0,
                                           .heading = kind == ITEM_HEADER});
}

static void add_code(Parse *p, const char *text, size_t n_bytes)
{
        _cleanup_free_ char *clean = NULL;

        while (n_bytes > 0 && text[n_bytes - 1] == '\n')
                n_bytes--;
        clean = slack_clean(text, n_bytes);
        if (clean[strspn(clean, " \t\n")])
                add_block(p, ITEM_CODE, json_string(clean), slack_chars(clean));
}

static void add_heading(Parse *p)
{
        json_t *element;
        size_t i;
        bool plain = p->heading <= 2 && p->n_containers == 0;
        Buf text = {0};

        flush_run(p);
        json_array_foreach (p->elements, i, element)
                plain = plain && str_equal(json_str(element, "type"), "text");
        markdown_elements_plain(p->elements, &text);
        plain = plain && slack_chars(buf_bytes(&text)) <= SLACK_HEADER_CHARS_MAX;
        if (plain && !is_blank(p->elements)) {
                _cleanup_free_ char *line = slack_one_line(buf_bytes(&text));

                add_block(p, ITEM_HEADER, json_string(line), slack_chars(line));
                json_array_clear(p->elements);
        } else {
                json_array_foreach (p->elements, i, element) {
                        json_t *style = json_object_get(element, "style");

                        if (!style) {
                                style = json_object();
                                json_object_set_new(element, "style", style);
                        }
                        json_object_set_new(style, "bold", json_true());
                }
                flush_elements(p);
        }
        buf_deinit(&text);
        p->heading = 0;
}

/* --- parse: tables ---------------------------------------------------------------------------------------
 */

static void table_begin(Parse *p)
{
        leave_text_flow(p);
        p->rows = json_array();
        p->column_settings = json_array();
}

static void table_column(Parse *p, MD_ALIGN align)
{
        static const char *const names[] = {NULL, NULL, "center", "right"};
        json_t *settings = json_pack("{s:b}", "is_wrapped", 1);

        if (names[align])
                json_put_str(settings, "align", names[align]);
        json_array_append_new(p->column_settings, settings);
}

static void table_cell(Parse *p)
{
        json_t *row = json_array_get(p->rows, json_array_size(p->rows) - 1);

        flush_run(p);
        json_array_append_new(row, p->elements);
        p->elements = json_array();
}

/* The rows as aligned text, for a table that Slack would refuse. Aligned only where the padding stays in
 * proportion to the content. */
static void table_as_text(Parse *p)
{
        size_t widths[SLACK_TABLE_COLUMNS_MAX] = {0}, n_chars = 0, n_padded = 0, i, j;
        json_t *row, *cell;
        Buf out = {0};

        json_array_foreach (p->rows, i, row)
                json_array_foreach (row, j, cell) {
                        size_t n = elements_chars(cell);

                        n_chars += n + 3;
                        if (j < ELEMENTSOF(widths))
                                widths[j] = MAX2(widths[j], MIN2(n, (size_t) COLUMN_PAD_MAX));
                }
        for (j = 0; j < ELEMENTSOF(widths); j++)
                n_padded += widths[j] * json_array_size(p->rows);
        json_array_foreach (p->rows, i, row) {
                json_array_foreach (row, j, cell) {
                        Buf text = {0};
                        _cleanup_free_ char *line = NULL;

                        markdown_elements_plain(cell, &text);
                        line = slack_one_line(buf_bytes(&text));
                        buf_deinit(&text);
                        buf_append_str(&out, j > 0 ? " | " : "");
                        buf_append_str(&out, line);
                        if (j + 1 < json_array_size(row) && j < ELEMENTSOF(widths) && n_padded <= 4 * n_chars)
                                for (size_t n = slack_chars(line); n < widths[j]; n++)
                                        buf_append_char(&out, ' ');
                }
                buf_append_char(&out, '\n');
        }
        add_code(p, buf_bytes(&out), buf_len(&out));
        buf_deinit(&out);
}

/* Turns a cell from an array of elements into Slack's cell, which may not be empty. */
static json_t *table_slack_cell(json_t *elements)
{
        const json_t *only = json_array_get(elements, 0);

        if (is_blank(elements))
                return json_pack("{s:s, s:s}", "type", "raw_text", "text", " ");
        if (json_array_size(elements) == 1 && is_plain_text(only))
                return json_pack("{s:s, s:s}", "type", "raw_text", "text", json_str(only, "text"));
        return block_rich_text(json_pack("[o]", rich_section(json_incref(elements))));
}

static void table_end(Parse *p)
{
        size_t n_columns = json_array_size(p->column_settings), n_rows = json_array_size(p->rows),
               n_chars = 0, i, j;
        json_t *row, *cell;

        json_array_foreach (p->rows, i, row)
                json_array_foreach (row, j, cell)
                        n_chars += MAX2(elements_chars(cell), (size_t) 1);
        if (n_rows > SLACK_TABLE_ROWS_MAX || n_columns > SLACK_TABLE_COLUMNS_MAX ||
            n_chars > p->table_chars_max)
                table_as_text(p);
        else {
                json_array_foreach (p->rows, i, row)
                        json_array_foreach (row, j, cell)
                                json_array_set_new(row, j, table_slack_cell(cell));
                add_block(p, ITEM_TABLE,
                          json_pack("{s:O, s:O}", "rows", p->rows, "column_settings", p->column_settings),
                          n_chars);
        }
        json_decref(take(p->rows));
        json_decref(take(p->column_settings));
}

/* --- parse: links ----------------------------------------------------------------------------------------
 */

static const char *without_scheme(const char *url)
{
        const char *colon = strchr(url, ':');

        if (!colon)
                return url;
        return str_starts_with(colon, "://") ? colon + 3 : colon + 1;
}

/* Whether the label already shows where the link goes: the address, with or without scheme and last slash, or
 * the host. */
static bool label_shows_target(const char *label, const char *url, const char *host)
{
        const char *label_rest = str_starts_with(label, "http") ? without_scheme(label) : label;
        const char *url_rest = without_scheme(url);
        size_t n_label = strlen(label_rest), n_url = strlen(url_rest);

        if (n_label > 0 && label_rest[n_label - 1] == '/')
                n_label--;
        if (n_url > 0 && url_rest[n_url - 1] == '/')
                n_url--;
        if (str_equal(label, host))
                return true;
        return n_label == n_url && strncasecmp(label_rest, url_rest, n_url) == 0;
}

static void link_enter(Parse *p, const MD_ATTRIBUTE *target, bool is_image)
{
        _cleanup_free_ char *url = NULL;

        if (p->link_depth++ > 0)
                return;
        p->link_raw = slack_clean(target->text, target->size);
        p->link_is_image = is_image;
        url = slack_url(p->link_raw, &p->link_host);
        if (url && slack_chars(url) <= LINK_URL_CHARS_MAX) {
                flush_run(p);
                p->link = take(url);
        }
}

static void link_leave(Parse *p)
{
        _cleanup_free_ char *label = NULL, *url = NULL, *raw = NULL, *host = NULL;

        if (--p->link_depth > 0)
                return;
        if (buf_len(&p->link_label) == 0 && (p->link_is_image || !p->link))
                add_text(p, p->link_is_image ? "image" : "link", p->link_is_image ? 5 : 4);
        if (p->link)
                flush_run(p);
        label = slack_clean(buf_bytes(&p->link_label), buf_len(&p->link_label));
        buf_clear(&p->link_label);
        url = take(p->link);
        raw = take(p->link_raw);
        host = take(p->link_host);
        if (url && !*label)
                json_array_append_new(p->elements, rich_link(url, NULL, current_style(p)));
        else if (url ? !label_shows_target(label, url, host)
                     : *raw && *raw != '#' && !str_equal(label, raw)) {
                _cleanup_free_ char *shown = mem_printf(" (%s)", url ? host : raw);

                add_text(p, shown, strlen(shown));
        }
}

/* --- parse: md4c's callbacks -----------------------------------------------------------------------------
 */

/* Every callback pays; when the budget is used up the parse ends. md4c 0.4.8 passes only negative values all
 * the way up: after a positive one it would go on behind the paragraph. */
static int spend(Parse *p, size_t n)
{
        if (n > p->budget)
                return -1;
        p->budget -= n;
        return 0;
}

static void list_item_enter(Parse *p, const MD_BLOCK_LI_DETAIL *li)
{
        Container *c = innermost(p);

        c->item_open = true;
        if (li->is_task)
                add_text(p, li->task_mark == ' ' ? "\xE2\x98\x90 " : "\xE2\x98\x91 ", 4);
}

static int enter_block(MD_BLOCKTYPE type, void *detail, void *data)
{
        Parse *p = data;

        switch (type) {
        case MD_BLOCK_QUOTE:
                leave_text_flow(p);
                if (p->n_quotes++ == 0)
                        p->quote++;
                container_push(p, (Container){0});
                break;
        case MD_BLOCK_UL:
        case MD_BLOCK_OL:
                flush_elements(p);
                container_push(p, (Container){.is_list = true,
                                              .indent = p->n_lists++,
                                              .number = type == MD_BLOCK_OL
                                                                ? ((MD_BLOCK_OL_DETAIL *) detail)->start
                                                                : 0});
                break;
        case MD_BLOCK_LI: list_item_enter(p, detail); break;
        case MD_BLOCK_HR:
                leave_text_flow(p);
                add_block(p, ITEM_DIVIDER, NULL, 0);
                break;
        case MD_BLOCK_H:
                flush_elements(p);
                p->heading = ((MD_BLOCK_H_DETAIL *) detail)->level;
                break;
        case MD_BLOCK_CODE:
                leave_text_flow(p);
                p->in_code = true;
                break;
        case MD_BLOCK_TABLE: table_begin(p); break;
        case MD_BLOCK_TR: json_array_append_new(p->rows, json_array()); break;
        case MD_BLOCK_TH: table_column(p, ((MD_BLOCK_TD_DETAIL *) detail)->align); break;
        default: break;
        }
        return spend(p, 1);
}

static int leave_block(MD_BLOCKTYPE type, void *detail, void *data)
{
        Parse *p = data;
        Container *c;

        switch (type) {
        case MD_BLOCK_P: flush_elements(p); break;
        case MD_BLOCK_H: add_heading(p); break;
        case MD_BLOCK_LI:
                flush_elements(p);
                c = innermost(p);
                if (c->item_open)
                        leave_text_flow(p);
                c->item_open = false;
                if (c->number > 0)
                        c->number++;
                break;
        case MD_BLOCK_UL:
        case MD_BLOCK_OL:
                p->n_containers--;
                p->n_lists--;
                break;
        case MD_BLOCK_QUOTE:
                p->n_containers--;
                p->n_quotes--;
                break;
        case MD_BLOCK_CODE:
                add_code(p, buf_bytes(&p->code), buf_len(&p->code));
                buf_clear(&p->code);
                p->in_code = false;
                break;
        case MD_BLOCK_TH:
        case MD_BLOCK_TD: table_cell(p); break;
        case MD_BLOCK_TABLE: table_end(p); break;
        default: break;
        }
        return 0;
}

static int style_index(MD_SPANTYPE type)
{
        switch (type) {
        case MD_SPAN_STRONG: return 0;
        case MD_SPAN_EM: return 1;
        case MD_SPAN_DEL: return 2;
        case MD_SPAN_CODE: return 3;
        default: return -1;
        }
}

static int enter_span(MD_SPANTYPE type, void *detail, void *data)
{
        Parse *p = data;
        const MD_ATTRIBUTE *target = NULL;

        if (style_index(type) >= 0)
                p->styles[style_index(type)]++;
        if (type == MD_SPAN_A)
                target = &((MD_SPAN_A_DETAIL *) detail)->href;
        else if (type == MD_SPAN_IMG)
                target = &((MD_SPAN_IMG_DETAIL *) detail)->src;
        if (target)
                link_enter(p, target, type == MD_SPAN_IMG);
        return spend(p, target ? 1 + target->size : 1);
}

static int leave_span(MD_SPANTYPE type, void *detail, void *data)
{
        Parse *p = data;

        if (style_index(type) >= 0)
                p->styles[style_index(type)]--;
        if (type == MD_SPAN_A || type == MD_SPAN_IMG)
                link_leave(p);
        return 0;
}

/* Numeric references and the few names that models write; any other stays as it was written. */
static void add_entity(Parse *p, const char *text, size_t n)
{
        static const struct {
                const char *name, *utf8;
        } names[] = {{"&amp;", "&"},
                     {"&lt;", "<"},
                     {"&gt;", ">"},
                     {"&quot;", "\""},
                     {"&apos;", "'"},
                     {"&nbsp;", "\xC2\xA0"},
                     {"&copy;", "\xC2\xA9"},
                     {"&times;", "\xC3\x97"},
                     {"&ndash;", "\xE2\x80\x93"},
                     {"&mdash;", "\xE2\x80\x94"},
                     {"&bull;", "\xE2\x80\xA2"},
                     {"&hellip;", "\xE2\x80\xA6"},
                     {"&larr;", "\xE2\x86\x90"},
                     {"&rarr;", "\xE2\x86\x92"},
                     {"&le;", "\xE2\x89\xA4"},
                     {"&ge;", "\xE2\x89\xA5"},
                     {"&check;", "\xE2\x9C\x93"}};
        char digits[16] = {0}, utf8[4];
        unsigned long c;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strlen(names[i].name) == n && memcmp(names[i].name, text, n) == 0) {
                        add_text(p, names[i].utf8, strlen(names[i].utf8));
                        return;
                }
        if (n < 4 || text[1] != '#' || n - 3 >= sizeof(digits)) {
                add_text(p, text, n);
                return;
        }
        memcpy(digits, text + 2, n - 3);
        c = digits[0] == 'x' || digits[0] == 'X' ? strtoul(digits + 1, NULL, 16) : strtoul(digits, NULL, 10);
        if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
                c = 0xFFFD;
        n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        for (size_t i = n; i-- > 1; c >>= 6)
                utf8[i] = (char) (0x80 | (c & 0x3F));
        utf8[0] = (char) (n == 1 ? c : (0xF00u >> n & 0xFF) | c);
        add_text(p, utf8, n);
}

static bool is_line_break_tag(const char *text, size_t n)
{
        return n >= 4 && n <= 6 && strncasecmp(text, "<br", 3) == 0 && text[n - 1] == '>' &&
               strspn(text + 3, " /") == n - 4;
}

static int on_text(MD_TEXTTYPE type, const MD_CHAR *text, MD_SIZE n, void *data)
{
        Parse *p = data;

        if (p->in_code)
                buf_append(&p->code, text, n);
        else if (type == MD_TEXT_BR || type == MD_TEXT_SOFTBR ||
                 (type == MD_TEXT_HTML && is_line_break_tag(text, n)))
                add_text(p, p->heading ? " " : "\n", 1);
        else if (type == MD_TEXT_ENTITY)
                add_entity(p, text, n);
        else
                add_text(p, text, n);
        return spend(p, 1 + n);
}

static void parse_deinit(Parse *p)
{
        free(p->containers);
        json_decref(p->elements);
        buf_deinit(&p->run);
        buf_deinit(&p->code);
        buf_deinit(&p->link_label);
        free(p->link);
        free(p->link_raw);
        free(p->link_host);
        json_decref(p->rows);
        json_decref(p->column_settings);
}

void markdown_parse(const char *markdown, size_t n_bytes, size_t table_chars_max, MarkdownItems *items)
{
        static const MD_PARSER parser = {.flags = MARKDOWN_FLAGS,
                                         .enter_block = enter_block,
                                         .leave_block = leave_block,
                                         .enter_span = enter_span,
                                         .leave_span = leave_span,
                                         .text = on_text};
        _cleanup_free_ char *clean = slack_clean(markdown, n_bytes);
        size_t n_clean = strlen(clean);
        Parse p = {.items = items,
                   .elements = json_array(),
                   .table_chars_max = table_chars_max,
                   .budget = SWELL_FACTOR * n_clean + SWELL_FREE};

        if (n_clean > INPUT_BYTES_MAX || md_parse(clean, (MD_SIZE) n_clean, &parser, &p) != 0) {
                markdown_items_deinit(items);
                p.n_quotes = 0;
                add_code(&p, clean, n_clean);
        }
        parse_deinit(&p);
}
