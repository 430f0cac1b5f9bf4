/* Whether an uncertain slack.post has already happened: each post carries the key of its ask as metadata
 * (https://docs.slack.dev/messaging/message-metadata), and the thread, or the channel, is read for it. */
#pragma once

#include "connectors/slack/web.h"
#include "flow/ask.h"

#define SLACK_METADATA_TYPE "opencode_slack"

/* How long the first of two attempts may have been on its way inside Slack. */
#define SLACK_DOUBLES_AFTER_MS 5000

/* Ends `ask` (OK with {channel, ts}, or TEMPFAIL when Slack cannot be read now), or reports it absent. Of
 * several the first stays, the others are deleted. */
void slack_probe_post(SlackWeb *web, Ask *ask);
/* After a repeated post has succeeded with `ts`: looks a while later whether the attempt before it has
 * appeared after all, deletes that one, and ends `ask` with {channel, ts}. A crash meanwhile leads to
 * slack_probe_post(). */
void slack_probe_doubles(SlackWeb *web, Ask *ask, const char *channel, const char *ts);
/* Ends `ask` as a failed call says; not for SLACK_WEB_OK. */
void slack_ask_fail(Ask *ask, const SlackWebResult *result);
