/* Block Kit: what Slack refuses, with its texts and places, and the small completions that Slack makes to
 * what it stores (block_id, action_id, emoji, verbatim). The shapes are the table in blocks-rules.c. Pure. */
#pragma once

#include "base/json.h"

/* BLOCKS_MESSAGE_NO_ALERT: a message, if alerts are for modals only (reference §4.2 has both). */
typedef enum BlocksSurface {
        BLOCKS_MESSAGE,
        BLOCKS_MODAL,
        BLOCKS_HOME,
        BLOCKS_MESSAGE_NO_ALERT
} BlocksSurface;

/* What is wrong, as a new array (empty when all is well), at most 20:
 *   {"code", "message", "pointer", "constraint": {"type", "expected", "got"}?, "field"?}
 * with `code` missing_field, invalid_type or failed_constraint. `pointer` is the place of the array
 * ("/blocks"), respectively of the view ("/view", or "" for its own pointers). */
json_t *blocks_find_errors(const json_t *blocks, BlocksSurface surface, const char *pointer);
json_t *blocks_find_view_errors(const json_t *view, const char *pointer);

/* The same as the texts that other answers carry: "no more than 25 items allowed
 * [json-pointer:/blocks/1/elements]". */
json_t *blocks_check(const json_t *blocks, BlocksSurface surface, const char *pointer);
json_t *blocks_check_view(const json_t *view); /* pointers from "/view" */

/* Characters of all texts inside; Slack refuses a message above BLOCKS_TEXT_MAX with msg_blocks_too_long. */
size_t blocks_count_text(const json_t *blocks);
#define BLOCKS_TEXT_MAX 13200

/* A completed deep copy, as Slack stores it. */
json_t *blocks_normalize(const json_t *blocks);

/* The element with this action_id (and block_id unless NULL), with the block around it; NULL when absent. */
const json_t *blocks_find_element(const json_t *blocks, const char *action_id, const char *block_id,
                                  const json_t **ret_block);
/* Calls `fn` for every interactive element, with the block it stands in. */
void blocks_each_element(const json_t *blocks,
                         void (*fn)(void *userdata, const json_t *block, const json_t *element),
                         void *userdata);
/* Unicode characters of a UTF-8 text. */
size_t blocks_count_chars(const char *text);
