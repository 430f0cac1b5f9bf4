/* Private to the Markdown compiler: what the parse hands to the packing. */
#pragma once

#include "base/buf.h"
#include "base/json.h"

typedef enum MarkdownItemKind {
        ITEM_TEXT,    /* body: array of the inline elements of rich_text; a paragraph or a bold heading */
        ITEM_LIST,    /* the same; one list item */
        ITEM_QUOTE,   /* the same; one quote */
        ITEM_CODE,    /* body: a string */
        ITEM_HEADER,  /* body: a string of one line */
        ITEM_DIVIDER, /* no body */
        ITEM_TABLE, /* body: {"rows": [[cell, …], …], "column_settings": […]} of Slack's table block */
} MarkdownItemKind;

typedef struct MarkdownItem {
        MarkdownItemKind kind;
        json_t *body;
        size_t n_chars;    /* what it costs of a message's characters */
        size_t n_elements; /* of the body, for the kinds with inline elements */
        unsigned quote;    /* number of the quote it is in; 0 = none */
        unsigned indent;   /* of a list item */
        unsigned number;   /* of a list item; 0 = bullet */
        bool heading;      /* to be kept with what follows */
} MarkdownItem;

typedef struct MarkdownItems {
        MarkdownItem *items;
        size_t n, size;
} MarkdownItems;

/* A table of more than table_chars_max characters becomes code. `items` is empty before. */
void markdown_parse(const char *markdown, size_t n_bytes, size_t table_chars_max, MarkdownItems *items);
void markdown_items_deinit(MarkdownItems *items);

/* Characters of an inline element: its text and its address. */
size_t markdown_element_chars(const json_t *element);
/* Appends the separator and `more`; plain texts that meet become one: fewer elements, same look. */
void markdown_join(json_t *elements, const char *separator, const json_t *more);
/* The text of inline elements without their styles. */
void markdown_elements_plain(const json_t *elements, Buf *out);
