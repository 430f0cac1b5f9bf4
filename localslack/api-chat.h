/* What the methods that write into a channel have in common. */
#pragma once

#include "api.h"

/* May the caller write there? NULL, or the answer: channel_not_found, is_archived, not_in_channel. */
json_t *chat_check_channel(ApiCall *c, const Channel *ch);
/* The root of the thread that thread_ts names; *ret is NULL for the channel itself. NULL, or the answer. */
json_t *chat_find_thread(ApiCall *c, const Channel *ch, Message **ret);
/* A message of the caller's own, or the answer: message_not_found, or `not_mine`. */
json_t *chat_find_own(ApiCall *c, const Channel *ch, const char *not_mine, Message **ret);
/* username and icon, which need a scope of their own, into `fields`. NULL, or the answer. */
json_t *chat_put_author(ApiCall *c, json_t *fields);
/* The message that was posted under the call's client_msg_id before: NULL when it is new. With an answer in
 * *ret_error: that message is gone. */
const Message *chat_find_repeated(ApiCall *c, const Channel **ret_channel, json_t **ret_error);
void chat_note_posted(ApiCall *c, const Channel *ch, const Message *m);
/* NULL and the metadata to store (new; null: remove it, NULL: none was sent), or the answer. */
json_t *chat_check_metadata(ApiCall *c, json_t **ret);
/* NULL, or the answer for blocks that Slack would refuse. */
json_t *chat_check_blocks(const ApiCall *c, const json_t *blocks);
/* Slack's check of what a message says: text, markdown_text, blocks, attachments, metadata, author. NULL and
 * the fields to store (new), or the answer with the error. `warning` may be set to a static text. */
typedef enum ContentKind { CONTENT_POST, CONTENT_UPDATE, CONTENT_EPHEMERAL, CONTENT_SCHEDULED } ContentKind;
json_t *chat_check_content(ApiCall *c, ContentKind kind, json_t **ret_fields, const char **ret_warning);
/* An argument that may be an array, or absent (NULL, null, ""). False: something else. */
bool chat_arg_array(const ApiCall *c, const char *name, const json_t **ret);
