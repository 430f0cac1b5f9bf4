/* What Slack makes of Markdown when it stores a message: header, rich_text, table and divider blocks, without
 * ids (reference §4.2, §7.1). Tokens such as <@U…> keep their meaning, HTML has none. Pure. */
#pragma once

#include "base/json.h"

/* A new array of blocks; empty for a text without content. The limits of what comes out are Block Kit's: a
 * heading above 150 characters becomes a bold line, a second table, or one that is too large for a table
 * block, a preformatted text. `may_have_table` (may be NULL) is cleared when a table was made. */
json_t *markdown_translate(const char *text, bool *may_have_table);
/* A copy of `blocks` in which markdown blocks are replaced by what they mean. */
json_t *markdown_translate_blocks(const json_t *blocks);
/* One rich_text block: for what may not be anything else (the details of a task). */
json_t *markdown_to_rich_text(const char *text);
