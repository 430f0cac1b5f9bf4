/* A Slack payload, reduced to what the core decides on. Pure.
 *
 * Shapes (all strings unless said otherwise; a missing one is absent):
 *   message   {team, channel, channel_type, user, ts, thread_ts, subtype, bot (bool), text, raw_text,
 *             files [{name, mimetype, url}]}; app_mention gives the same, so that the twins of one mention
 *             come out alike. Out of the history: edited_ts too
 *   edited    {team, channel, user, ts, thread_ts, edited_ts, text, bot}
 *   deleted   {team, channel, ts (of what was deleted), thread_ts, bot}
 *   command   {team, channel, user, command, text, trigger_id, response_url}
 *   action    {team, channel, user, ts, thread_ts, action_id, value, action_ts, trigger_id, response_url,
 *             values {}}
 *   view      {team, user, view_id, hash, callback_id, ref (its private_metadata), values {}}
 *   closed    {team, user, view_id, callback_id, ref, values {}}: a form that was closed unsent
 *   suggest   {team, user, view_id, callback_id, ref, block_id, query}: what does this select offer?
 *   shortcut  {team, user, callback_id, trigger_id, text}, of a message also {channel, ts, thread_ts,
 *             response_url}
 *   home      {team, user, channel, tab, event_ts}: the app's own page was opened
 *   other     {what}: nothing this product acts on
 * and each has its name as "type".
 *
 * `text` is readable (slack_text_plain()); `raw_text` is Slack's, for finding mentions.
 * https://docs.slack.dev/reference/events, …/interaction-payloads */
#pragma once

#include "base/json.h"
#include "connectors/slack/socket.h"

/* Returns an owned object, or NULL with *ret_error (owned) naming the field and what is wrong with it. */
json_t *slack_inbound(SlackEnvelopeType type, const char *payload, size_t n_payload, char **ret_error);

typedef struct SlackHistoryPlace {
        const char *team, *channel; /* which the messages of a history do not name */
        bool is_direct;             /* a channel of one person and the app */
} SlackHistoryPlace;

/* One element of `messages` of conversations.history or conversations.replies as the shape `message`, equal
 * in all that decides to what the event said or would have said. Owned; NULL for what is no message. */
json_t *slack_inbound_history(const json_t *message, const SlackHistoryPlace *place);
