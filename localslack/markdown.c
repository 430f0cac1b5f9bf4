/* md4c reports the parts of a document one after the other; a builder puts them where they belong. Only the
 * containers that rich_text knows are kept apart: sections, lists with an indent, quotes, preformatted text.
 */
#include "markdown.h"

#include <md4c.h>

#include "base/buf.h"
#include "blocks.h"
#include "richtext.h"

#define HEADER_MAX      150
#define INDENT_MAX      8
#define LISTS_MAX       32
#define TABLE_ROWS_MAX  100
#define TABLE_COLS_MAX  20
#define TABLE_CHARS_MAX 10000

typedef struct ListLevel {
        bool is_ordered;
        unsigned start, n_items;
} ListLevel;

typedef struct Builder {
        const char *source;
        json_t *out;
        json_t *rich;    /* elements of the rich_text block being filled (borrowed); NULL: none */
        json_t *inlines; /* elements of the section, quote or cell being filled (borrowed); NULL: none */
        Buf pending;     /* text that was not yet put there */
        unsigned n_bold, n_italic, n_strike, n_code;
        unsigned n_links; /* nesting; the outermost gives the address */
        char *url;
        Buf code;
        char *language;
        json_t *heading; /* elements of a heading (owned) */
        json_t *rows, *row, *columns;
        unsigned n_quotes, n_lists;
        ListLevel lists[LISTS_MAX];
        bool item_is_fresh; /* nothing was said in the list item yet */
        bool may_have_table;
} Builder;

static json_t *append_new(json_t *array, json_t *item)
{
        json_array_append_new(array, item);
        return item;
}

static json_t *need_rich(Builder *b)
{
        if (!b->rich)
                b->rich = json_object_get(
                        append_new(b->out, json_pack("{s:s,s:[]}", "type", "rich_text", "elements")),
                        "elements");
        return b->rich;
}

static json_t *need_inlines(Builder *b)
{
        if (!b->inlines)
                b->inlines =
                        json_object_get(append_new(need_rich(b), json_pack("{s:s,s:[]}", "type",
                                                                           b->n_quotes ? "rich_text_quote"
                                                                                       : "rich_text_section",
                                                                           "elements")),
                                        "elements");
        return b->inlines;
}

static json_t *style_of(const Builder *b)
{
        json_t *style = json_object();

        if (b->n_bold)
                json_object_set_new(style, "bold", json_true());
        if (b->n_italic)
                json_object_set_new(style, "italic", json_true());
        if (b->n_strike)
                json_object_set_new(style, "strike", json_true());
        if (b->n_code)
                json_object_set_new(style, "code", json_true());
        if (json_object_size(style) > 0)
                return style;
        json_decref(style);
        return NULL;
}

static void flush(Builder *b)
{
        _cleanup_json_ json_t *style = NULL;

        if (buf_len(&b->pending) == 0)
                return;
        style = style_of(b);
        (b->n_code ? richtext_put : richtext_put_tokens)(need_inlines(b), buf_bytes(&b->pending),
                                                         buf_len(&b->pending), style);
        buf_clear(&b->pending);
}

/* Text in which nothing is a token: what was escaped in the source. */
static void put_literally(Builder *b, const char *text, size_t n_bytes)
{
        _cleanup_json_ json_t *style = NULL;

        if (b->n_links) {
                buf_append(&b->pending, text, n_bytes);
                return;
        }
        flush(b);
        style = style_of(b);
        richtext_put(need_inlines(b), text, n_bytes, style);
}

static void close_inlines(Builder *b)
{
        flush(b);
        b->inlines = NULL;
}

/* A line of its own inside what is being filled. */
static void break_line(Builder *b, const char *separator)
{
        flush(b);
        if (json_array_size(need_inlines(b)) > 0)
                buf_append_str(&b->pending, separator);
}

/* --- entities and attributes --- */

static void append_scalar(Buf *out, unsigned long c)
{
        if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                c = 0xfffd;
        if (c >= 0x10000) {
                buf_append_char(out, (char) (0xf0 | c >> 18));
                buf_append_char(out, (char) (0x80 | (c >> 12 & 0x3f)));
        } else if (c >= 0x800)
                buf_append_char(out, (char) (0xe0 | c >> 12));
        if (c >= 0x800)
                buf_append_char(out, (char) (0x80 | (c >> 6 & 0x3f)));
        else if (c >= 0x80)
                buf_append_char(out, (char) (0xc0 | c >> 6));
        buf_append_char(out, (char) (c >= 0x80 ? 0x80 | (c & 0x3f) : c));
}

/* "&amp;", "&#39;", "&#x27;"; names that are not known stay as they are. */
static void append_entity(Buf *out, const char *text, size_t n_bytes)
{
        static const char *const names[][2] = {{"&amp;", "&"},   {"&lt;", "<"},   {"&gt;", ">"},
                                               {"&quot;", "\""}, {"&apos;", "'"}, {"&nbsp;", "\u00a0"}};

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strlen(names[i][0]) == n_bytes && memcmp(names[i][0], text, n_bytes) == 0) {
                        buf_append_str(out, names[i][1]);
                        return;
                }
        if (n_bytes > 3 && text[1] == '#') {
                bool is_hex = text[2] == 'x' || text[2] == 'X';
                _cleanup_free_ char *digits = mem_strndup(text + (is_hex ? 3 : 2), n_bytes - 3);

                append_scalar(out, strtoul(digits, NULL, is_hex ? 16 : 10));
        } else
                buf_append(out, text, n_bytes);
}

static char *attribute(const MD_ATTRIBUTE *a)
{
        Buf out = {0};

        for (size_t i = 0; a->size > 0 && a->substr_offsets[i] < a->size; i++) {
                const char *part = a->text + a->substr_offsets[i];
                size_t n = a->substr_offsets[i + 1] - a->substr_offsets[i];

                if (a->substr_types[i] == MD_TEXT_ENTITY)
                        append_entity(&out, part, n);
                else
                        buf_append(&out, part, n);
        }
        return out.data ? buf_take(&out) : mem_strdup("");
}

/* --- lists --- */

static ListLevel *list_level(Builder *b)
{
        return &b->lists[MIN2(b->n_lists, LISTS_MAX) - 1];
}

static void enter_list(Builder *b, bool is_ordered, unsigned start)
{
        close_inlines(b);
        b->n_lists++;
        *list_level(b) = (ListLevel){.is_ordered = is_ordered, .start = start};
}

/* In a quote, where rich_text has no lists, an item is a line. */
static void enter_quoted_item(Builder *b, const ListLevel *level)
{
        break_line(b, "\n");
        for (unsigned i = 1; i < b->n_lists; i++)
                buf_append_str(&b->pending, "    ");
        if (level->is_ordered)
                buf_printf(&b->pending, "%u. ", level->start + level->n_items);
        else
                buf_append_str(&b->pending, "• ");
}

/* The list goes on when it is what was filled last; after a nested list it begins anew, further down. */
static json_t *need_list(Builder *b, const ListLevel *level)
{
        json_t *rich = need_rich(b), *last = json_array_get(rich, json_array_size(rich) - 1), *list;
        unsigned indent = MIN2(b->n_lists - 1, INDENT_MAX), offset = level->start + level->n_items - 1;
        const char *style = level->is_ordered ? "ordered" : "bullet";

        if (level->n_items > 0 && str_equal(json_str(last, "type"), "rich_text_list") &&
            json_int(last, "indent", 0) == indent && str_equal(json_str(last, "style"), style))
                return json_object_get(last, "elements");
        list = json_pack("{s:s,s:s,s:i,s:i,s:[]}", "type", "rich_text_list", "style", style, "indent",
                         (int) indent, "border", 0, "elements");
        if (level->is_ordered && offset > 0)
                json_put_int(list, "offset", offset);
        return json_object_get(append_new(rich, list), "elements");
}

static void enter_item(Builder *b, const MD_BLOCK_LI_DETAIL *detail)
{
        ListLevel *level = list_level(b);

        if (b->n_quotes)
                enter_quoted_item(b, level);
        else {
                close_inlines(b);
                b->inlines = json_object_get(
                        append_new(need_list(b, level),
                                   json_pack("{s:s,s:[]}", "type", "rich_text_section", "elements")),
                        "elements");
        }
        if (detail->is_task)
                buf_append_str(&b->pending, detail->task_mark == ' ' ? "☐ " : "☑ ");
        level->n_items++;
        b->item_is_fresh = true;
}

/* --- paragraphs, headings, code --- */

static void enter_paragraph(Builder *b)
{
        const json_t *last;

        if (b->n_quotes || b->n_lists) {
                if (!b->item_is_fresh)
                        break_line(b, "\n");
        } else {
                close_inlines(b);
                last = json_array_get(need_rich(b), json_array_size(need_rich(b)) - 1);
                if (str_equal(json_str(last, "type"), "rich_text_section"))
                        b->inlines = json_object_get(last, "elements");
                break_line(b, "\n\n");
        }
        b->item_is_fresh = false;
}

static void enter_heading(Builder *b)
{
        if (b->n_quotes || b->n_lists) {
                enter_paragraph(b);
                flush(b);
                b->n_bold++;
                return;
        }
        close_inlines(b);
        b->inlines = b->heading = json_array();
}

static void leave_heading(Builder *b)
{
        _cleanup_json_ json_t *heading = NULL;
        _cleanup_free_ char *text = NULL;

        flush(b);
        if (!b->heading) {
                b->n_bold--;
                return;
        }
        heading = take(b->heading);
        b->inlines = NULL;
        text = richtext_plain(heading);
        if (!*text)
                return;
        if (blocks_count_chars(text) <= HEADER_MAX) {
                b->rich = NULL;
                json_array_append_new(b->out, json_pack("{s:s,s:{s:s,s:s,s:b}}", "type", "header", "text",
                                                        "type", "plain_text", "text", text, "emoji", 1));
                return;
        }
        b->n_bold++;
        enter_paragraph(b);
        put_literally(b, text, strlen(text));
        close_inlines(b);
        b->n_bold--;
}

static void enter_code(Builder *b, const MD_BLOCK_CODE_DETAIL *detail)
{
        close_inlines(b);
        buf_clear(&b->code);
        free(b->language);
        b->language = attribute(&detail->lang);
}

static void put_preformatted(Builder *b, const char *text, size_t n_bytes, const char *language)
{
        json_t *block = append_new(need_rich(b), json_pack("{s:s,s:[],s:i}", "type", "rich_text_preformatted",
                                                           "elements", "border", 0));

        richtext_put(json_object_get(block, "elements"), text, n_bytes, NULL);
        if (!str_empty(language))
                json_put_str(block, "language", language);
}

static void leave_code(Builder *b)
{
        size_t n = buf_len(&b->code);

        while (n > 0 && buf_bytes(&b->code)[n - 1] == '\n')
                n--;
        put_preformatted(b, buf_bytes(&b->code), n, b->language);
}

/* --- tables --- */

static void enter_table(Builder *b)
{
        close_inlines(b);
        b->rows = json_array();
        b->columns = json_array();
}

static void enter_cell(Builder *b, MD_ALIGN align)
{
        static const char *const names[] = {[MD_ALIGN_DEFAULT] = "left",
                                            [MD_ALIGN_LEFT] = "left",
                                            [MD_ALIGN_CENTER] = "center",
                                            [MD_ALIGN_RIGHT] = "right"};

        close_inlines(b);
        if (json_array_size(b->rows) == 1)
                json_array_append_new(b->columns, json_pack("{s:s}", "align", names[align]));
        b->inlines = append_new(b->row, json_array());
}

/* {"type": "raw_text"} where text is all there is; Slack refuses an empty cell. */
static json_t *render_cell(const json_t *elements)
{
        const json_t *first = json_array_get(elements, 0);

        if (json_array_size(elements) == 0)
                return json_pack("{s:s,s:s}", "type", "raw_text", "text", " ");
        if (json_array_size(elements) == 1 && str_equal(json_str(first, "type"), "text") &&
            !json_object_get(first, "style"))
                return json_pack("{s:s,s:s}", "type", "raw_text", "text", json_str(first, "text"));
        return json_pack("{s:s,s:[{s:s,s:O}]}", "type", "rich_text", "elements", "type", "rich_text_section",
                         "elements", elements);
}

static json_t *render_table(const json_t *rows, json_t *columns)
{
        json_t *out = json_pack("{s:s,s:[],s:O}", "type", "table", "rows", "column_settings", columns), *row,
               *cell;
        size_t r, c;

        json_array_foreach ((json_t *) rows, r, row) {
                json_t *cells = append_new(json_object_get(out, "rows"), json_array());

                json_array_foreach (row, c, cell)
                        json_array_append_new(cells, render_cell(cell));
        }
        return out;
}

static void put_table_as_text(Builder *b, const json_t *rows)
{
        _cleanup_buf_ Buf text = {0};
        json_t *row, *cell;
        size_t r, c;

        json_array_foreach ((json_t *) rows, r, row) {
                if (r > 0)
                        buf_append_char(&text, '\n');
                json_array_foreach (row, c, cell) {
                        _cleanup_free_ char *plain = richtext_plain(cell);

                        buf_printf(&text, "%s%s", c ? " | " : "", plain);
                }
        }
        put_preformatted(b, buf_bytes(&text), buf_len(&text), NULL);
}

static void leave_table(Builder *b)
{
        _cleanup_json_ json_t *rows = take(b->rows), *columns = take(b->columns), *table = NULL;

        close_inlines(b);
        b->row = NULL;
        table = render_table(rows, columns);
        if (!b->may_have_table || json_array_size(rows) > TABLE_ROWS_MAX ||
            json_array_size(columns) > TABLE_COLS_MAX || blocks_count_text(table) > TABLE_CHARS_MAX) {
                put_table_as_text(b, rows);
                return;
        }
        b->may_have_table = false;
        b->rich = NULL;
        json_array_append(b->out, table);
}

/* --- what md4c reports --- */

static int on_enter_block(MD_BLOCKTYPE type, void *detail, void *userdata)
{
        Builder *b = userdata;

        switch (type) {
        case MD_BLOCK_P: enter_paragraph(b); break;
        case MD_BLOCK_H: enter_heading(b); break;
        case MD_BLOCK_QUOTE:
                if (b->n_quotes++ == 0)
                        close_inlines(b);
                b->item_is_fresh = false;
                break;
        case MD_BLOCK_UL: enter_list(b, false, 1); break;
        case MD_BLOCK_OL: enter_list(b, true, ((MD_BLOCK_OL_DETAIL *) detail)->start); break;
        case MD_BLOCK_LI: enter_item(b, detail); break;
        case MD_BLOCK_CODE: enter_code(b, detail); break;
        case MD_BLOCK_TABLE: enter_table(b); break;
        case MD_BLOCK_TR: b->row = append_new(b->rows, json_array()); break;
        case MD_BLOCK_TH:
        case MD_BLOCK_TD: enter_cell(b, ((MD_BLOCK_TD_DETAIL *) detail)->align); break;
        case MD_BLOCK_HR:
                if (b->n_quotes || b->n_lists)
                        break;
                close_inlines(b);
                b->rich = NULL;
                json_array_append_new(b->out, json_pack("{s:s}", "type", "divider"));
                break;
        default: break;
        }
        return 0;
}

static int on_leave_block(MD_BLOCKTYPE type, void *detail, void *userdata)
{
        Builder *b = userdata;

        switch (type) {
        case MD_BLOCK_P: flush(b); break;
        case MD_BLOCK_H: leave_heading(b); break;
        case MD_BLOCK_QUOTE:
                flush(b);
                if (--b->n_quotes == 0)
                        b->inlines = NULL;
                break;
        case MD_BLOCK_UL:
        case MD_BLOCK_OL:
                flush(b);
                b->n_lists--;
                if (!b->n_quotes)
                        b->inlines = NULL;
                b->item_is_fresh = false;
                break;
        case MD_BLOCK_LI: flush(b); break;
        case MD_BLOCK_CODE: leave_code(b); break;
        case MD_BLOCK_TABLE: leave_table(b); break;
        case MD_BLOCK_TH:
        case MD_BLOCK_TD: close_inlines(b); break;
        default: break;
        }
        return 0;
}

static int on_enter_span(MD_SPANTYPE type, void *detail, void *userdata)
{
        Builder *b = userdata;

        if (!b->n_links)
                flush(b);
        switch (type) {
        case MD_SPAN_STRONG: b->n_bold++; break;
        case MD_SPAN_EM: b->n_italic++; break;
        case MD_SPAN_DEL: b->n_strike++; break;
        case MD_SPAN_CODE: b->n_code++; break;
        case MD_SPAN_A:
        case MD_SPAN_IMG:
                if (b->n_links++ == 0) {
                        free(b->url);
                        b->url = attribute(type == MD_SPAN_A ? &((MD_SPAN_A_DETAIL *) detail)->href
                                                             : &((MD_SPAN_IMG_DETAIL *) detail)->src);
                }
                break;
        default: break;
        }
        return 0;
}

/* <https://…|label> is Slack's own way to name a link; for Markdown it is an address with a | inside. */
static void leave_link(Builder *b)
{
        size_t n = buf_len(&b->pending);
        _cleanup_free_ char *text = mem_strndup(buf_bytes(&b->pending), n);
        char *bar = str_equal(text, b->url) ? strchr(b->url, '|') : NULL;
        json_t *element, *style = style_of(b);

        if (bar)
                *bar++ = 0;
        element = json_pack("{s:s,s:s}", "type", "link", "url", b->url);
        if (bar || (*text && !str_equal(text, b->url)))
                json_put_str(element, "text", bar ? bar : text);
        if (style)
                json_object_set_new(element, "style", style);
        json_array_append_new(need_inlines(b), element);
        buf_clear(&b->pending);
}

static int on_leave_span(MD_SPANTYPE type, void *detail, void *userdata)
{
        Builder *b = userdata;

        if (!b->n_links)
                flush(b);
        switch (type) {
        case MD_SPAN_STRONG: b->n_bold--; break;
        case MD_SPAN_EM: b->n_italic--; break;
        case MD_SPAN_DEL: b->n_strike--; break;
        case MD_SPAN_CODE: b->n_code--; break;
        case MD_SPAN_A:
        case MD_SPAN_IMG:
                if (--b->n_links == 0)
                        leave_link(b);
                break;
        default: break;
        }
        return 0;
}

static bool is_escaped(const Builder *b, const char *text)
{
        size_t n = 0;

        while (text - n > b->source && text[-1 - (ptrdiff_t) n] == '\\')
                n++;
        return n % 2 == 1;
}

static int on_text(MD_TEXTTYPE type, const MD_CHAR *text, MD_SIZE size, void *userdata)
{
        Builder *b = userdata;
        _cleanup_buf_ Buf entity = {0};

        switch (type) {
        case MD_TEXT_NULLCHAR: break;
        case MD_TEXT_BR:
        case MD_TEXT_SOFTBR: buf_append_char(&b->pending, '\n'); break;
        case MD_TEXT_ENTITY:
                append_entity(&entity, text, size);
                put_literally(b, buf_bytes(&entity), buf_len(&entity));
                break;
        case MD_TEXT_CODE: buf_append(b->n_code ? &b->pending : &b->code, text, size); break;
        default:
                if (size > 0 && is_escaped(b, text)) {
                        put_literally(b, text, 1);
                        text++;
                        size--;
                }
                buf_append(&b->pending, text, size);
        }
        if (size > 0)
                b->item_is_fresh = false;
        return 0;
}

json_t *markdown_translate(const char *text, bool *may_have_table)
{
        static const MD_PARSER parser = {
                .flags = MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_TASKLISTS | MD_FLAG_NOHTML |
                         MD_FLAG_PERMISSIVEURLAUTOLINKS | MD_FLAG_NOINDENTEDCODEBLOCKS,
                .enter_block = on_enter_block,
                .leave_block = on_leave_block,
                .enter_span = on_enter_span,
                .leave_span = on_leave_span,
                .text = on_text,
        };
        Builder b = {
                .source = text, .out = json_array(), .may_have_table = !may_have_table || *may_have_table};

        md_parse(text, (MD_SIZE) strlen(text), &parser, &b);
        if (may_have_table)
                *may_have_table = b.may_have_table;
        buf_deinit(&b.pending);
        buf_deinit(&b.code);
        free(b.url);
        free(b.language);
        return b.out;
}

json_t *markdown_translate_blocks(const json_t *blocks)
{
        json_t *out = json_array(), *block;
        bool may_have_table = true;
        size_t i;

        json_array_foreach ((json_t *) blocks, i, block)
                if (str_equal(json_str(block, "type"), "table") ||
                    str_equal(json_str(block, "type"), "data_table"))
                        may_have_table = false;
        json_array_foreach ((json_t *) blocks, i, block) {
                json_t *translated;

                if (!str_equal(json_str(block, "type"), "markdown")) {
                        json_array_append_new(out, json_deep_copy(block));
                        continue;
                }
                translated = markdown_translate(json_str_or(block, "text", ""), &may_have_table);
                json_array_extend(out, translated);
                json_decref(translated);
        }
        return out;
}

json_t *markdown_to_rich_text(const char *text)
{
        bool may_have_table = false;
        json_t *blocks = markdown_translate(text, &may_have_table), *out, *block;
        json_t *elements = json_array();
        size_t i;

        json_array_foreach (blocks, i, block)
                if (str_equal(json_str(block, "type"), "rich_text"))
                        json_array_extend(elements, json_object_get(block, "elements"));
                else if (str_equal(json_str(block, "type"), "header"))
                        json_array_append_new(
                                elements, json_pack("{s:s,s:[{s:s,s:s,s:{s:b}}]}", "type",
                                                    "rich_text_section", "elements", "type", "text", "text",
                                                    json_str(block, "text.text"), "style", "bold", 1));
        out = json_pack("{s:s,s:o}", "type", "rich_text", "elements", elements);
        json_decref(blocks);
        return out;
}
