/* What the core may ask of Slack. One verb per effect; each says why performing it twice is harmless
 * (asks.c).
 *
 * `message` is {"text": fallback, "blocks": […]}, made by core/cards.h or the Markdown compiler. All posts
 * and updates are sent with unfurling, link_names and parsing off. If Slack refuses the blocks, or their
 * length, the text goes out alone, so that a person sees something in any case.
 *
 *   verb              args                                                result
 *   slack.post        channel, thread_ts?, message                        {channel, ts}
 *   slack.update      channel, ts, message                                {}
 *   slack.delete      channel, ts                                         {}
 *   slack.ephemeral   channel, user, thread_ts?, message                  {}
 *   slack.react       channel, ts, name                                   {}
 *   slack.unreact     channel, ts, name                                   {}
 *   slack.respond     response_url, message, replace_original?, response_type?   {}
 *   slack.view_open   trigger_id, view                                    {view_id}
 *   slack.view_publish   user, view                                       {view_id}
 *   slack.permalink   channel, ts                                         {permalink}
 *   slack.user        user                                                {name}
 *   slack.channels    cursor?: those that the bot is in, a page           {channels: [{id, is_direct}],
 * next_cursor}
 *
 * Failures carry Slack's own error code: {"error": "channel_not_found", "message": …}, or those of web.h.
 * slack.post ends with "thread_gone" when the thread's parent was deleted: Slack then posts at the top level
 * without a word, which is taken back. Deleting what is gone, adding a reaction that is there and removing
 * one that is not are successes. */
#pragma once

#include "connectors/slack/web.h"
#include "flow/ask.h"

#define SLACK_POST         "slack.post"
#define SLACK_UPDATE       "slack.update"
#define SLACK_DELETE       "slack.delete"
#define SLACK_EPHEMERAL    "slack.ephemeral"
#define SLACK_REACT        "slack.react"
#define SLACK_UNREACT      "slack.unreact"
#define SLACK_RESPOND      "slack.respond"
#define SLACK_VIEW_OPEN    "slack.view_open"
#define SLACK_VIEW_PUBLISH "slack.view_publish"
#define SLACK_PERMALINK    "slack.permalink"
#define SLACK_USER         "slack.user"
#define SLACK_CHANNELS     "slack.channels"

/* The verbs, for the engine's registry; `web` is the owner to register them with. Asks under way when the web
 * client is freed are dropped without an ask_done(). */
extern const AskVerb *const slack_verbs[]; /* NULL-terminated */
