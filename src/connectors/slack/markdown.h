/* Markdown (CommonMark with GitHub's tables, strike-through and task lists, parsed by md4c) compiled to Slack
 * messages: rich_text, header, table and divider blocks.
 *
 * The text comes from a model and is data: it goes into rich_text text elements, which Slack does not parse,
 * so no mention, broadcast, date or hidden link can come out of it; links keep http(s) and mailto only and
 * show their target where the label differs from it ("label (host)"); images become links; HTML is shown as
 * text.
 *
 * Two passes: the parse makes a flat list of items (a paragraph, a list item, a code block, a table …), the
 * packing puts them into messages. A tree was not needed: Slack's blocks nest one level deep.
 *
 * Choices: a line break in the source stays one, as in a chat and unlike on a page; headings of level 1 and 2
 * are header blocks, deeper ones bold lines; a heading is not left alone at the end of a message. */
#pragma once

#include "base/json.h"

typedef struct SlackMarkdownLimits {
        size_t max_blocks;     /* per message, at most 50; 0 = 45 */
        size_t max_text_chars; /* over all blocks of one message, in characters (addresses of links counted),
                                * from 3,000 to 12,000; 0 = 11,000 */
} SlackMarkdownLimits;

/* Returns an array of messages, each {"text": plain fallback ≤ 3,000 characters, "blocks": […]}, each within
 * Slack's limits: ≤ 50 blocks, ≤ 12,000 characters over all blocks, header ≤ 150, one table per message (a
 * second table starts a new message; a table over 100 rows × 20 columns or 10,000 characters becomes
 * preformatted text). A code fence that does not fit is closed and opened again in the next message; nothing
 * is lost and order is kept. Empty input gives one message saying "(no text)".
 *
 * What comes out is linear in n_bytes: a text that would swell more than 4-fold (Markdown can: references,
 * table rows) or is beyond 512 KiB comes out as it was written, preformatted. */
json_t *slack_markdown_messages(const char *markdown, size_t n_bytes, const SlackMarkdownLimits *limits);
/* The same text without markup on one line, cut at max_chars with "…": fallbacks, list lines, log excerpts.
 * Not escaped. Owned. */
char *slack_markdown_plain(const char *markdown, size_t max_chars);
