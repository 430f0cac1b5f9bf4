/* Whether an uncertain slack.post has already happened: each post carries the key of its ask as metadata
 * (https://docs.slack.dev/messaging/message-metadata), and the thread, or the channel, is read for it. */
#pragma once

#include "connectors/slack/web.h"
#include "flow/ask.h"

#define SLACK_METADATA_TYPE "opencode_slack"

/* Ends `ask` (OK with {channel, ts}, or TEMPFAIL when Slack cannot be read now), or reports it absent. */
void slack_probe_post(SlackWeb *web, Ask *ask);
/* Ends `ask` as a failed call says; not for SLACK_WEB_OK. */
void slack_ask_fail(Ask *ask, const SlackWebResult *result);
