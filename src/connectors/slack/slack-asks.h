/* What the core may ask of Slack. One verb per effect; each says why performing it twice is harmless.
 *
 * `message` is {"text": fallback, "blocks": […]}, made by core/cards.h or the Markdown compiler. All posts and
 * updates are sent with unfurling, link_names and parsing off.
 *
 * | verb             | args                                                          | result                  |
 * |------------------|---------------------------------------------------------------|-------------------------|
 * | slack.post       | channel, thread_ts?, message                                  | {channel, ts}           |
 * | slack.update     | channel, ts, message                                          | {}                      |
 * | slack.delete     | channel, ts                                                   | {}                      |
 * | slack.ephemeral  | channel, user, thread_ts?, message                            | {}                      |
 * | slack.react      | channel, ts, name                                             | {}                      |
 * | slack.unreact    | channel, ts, name                                             | {}                      |
 * | slack.respond    | response_url, message, replace_original?, response_type?      | {}                      |
 * | slack.view_open  | trigger_id, view                                              | {view_id}               |
 * | slack.permalink  | channel, ts                                                   | {permalink}             |
 * | slack.user       | user                                                          | {name}                  |
 *
 * Failures carry Slack's own error code: {"error": "channel_not_found", "message": …}. */
#pragma once

#include "connectors/slack/web.h"
#include "flow/ask.h"

#define SLACK_POST "slack.post"
#define SLACK_UPDATE "slack.update"
#define SLACK_DELETE "slack.delete"
#define SLACK_EPHEMERAL "slack.ephemeral"
#define SLACK_REACT "slack.react"
#define SLACK_UNREACT "slack.unreact"
#define SLACK_RESPOND "slack.respond"
#define SLACK_VIEW_OPEN "slack.view_open"
#define SLACK_PERMALINK "slack.permalink"
#define SLACK_USER "slack.user"

/* The verbs, for the engine's registry; `web` is the owner to register them with. */
extern const AskVerb *const slack_verbs[]; /* NULL-terminated */
