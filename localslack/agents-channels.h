/* Code channels: a channel of its own for one task of an agent, with a context bar, tabs and commands
 * (reference §5.5 and Appendix B). What is known of each is one JSON object, as little of it is interpreted.
 */
#pragma once

#include "local.h"

#define CODE_CHANNELS_MAX       200
#define CODE_VIEWS_MAX          20 /* of one channel */
#define CODE_VIEW_BYTES_MAX     1000000
#define CODE_VIEWS_BYTES_MAX    (64u << 20) /* all together */
#define CODE_COMMANDS_MAX       10
#define CODE_CONTEXT_ITEMS_MAX  5
#define CODE_CHANNEL_NAME_CHARS 80

CodeChannels *code_channels_new(void);
void code_channels_free(CodeChannels *cs);
void code_channels_clear(CodeChannels *cs);

/* A new name for a channel, made of what people read: "Fix the Login!" becomes "fix-the-login", with a number
 * when that is taken. Owned. */
char *code_channels_make_name(const State *s, const char *title);
bool code_channels_are_full(const CodeChannels *cs);
/* Not when they are full. session_id, origin_channel and origin_ts may be NULL. */
json_t *code_channels_add(CodeChannels *cs, const Channel *c, const char *agent, const char *session_id,
                          const char *origin_channel, const char *origin_ts);
/* {"channel", "agent", "session_id"?, "origin"?: {"channel_id", "ts"}, "code_channel": {…}, "agent_resource":
 * {…}, "views": [{"view_id", "view_key"?, "type", "label", "content_version", "date_added", "content"? …}],
 * "commands": […]}; borrowed, NULL: not a code channel. */
json_t *code_channels_find(const CodeChannels *cs, const char *channel);
json_t *code_channels_find_session(const CodeChannels *cs, const char *session_id);

/* The view that `key` (or its id) names. */
json_t *code_channel_find_view(const json_t *channel, const char *view_key, const char *view_id);
/* The tab of this type and key, made or changed: `fields` (borrowed) are its own, content_version goes up.
 * NULL and the view, or the error: too_many_views, content_too_large. */
const char *code_channel_set_view(CodeChannels *cs, State *s, json_t *channel, const char *type,
                                  const char *view_key, const json_t *fields, json_t **ret);
/* False: there was none. */
bool code_channel_remove_view(json_t *channel, const json_t *view);

/* conversations.info's channel.properties: {"agent_session": …, "code_channel": …}; NULL for other channels.
 */
json_t *code_channels_properties(const Local *l, const char *channel);
json_t *code_channels_render(const CodeChannels *cs); /* all of them, for the page */
json_t *code_channels_save(const CodeChannels *cs);
bool code_channels_load(CodeChannels *cs, const json_t *saved);
