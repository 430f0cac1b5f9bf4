/* Whether Slack can be heard, which is more than that sockets are open: down, deaf, ghosts. What follows: the
 * metric, the log, /readyz, fresh sockets, and that what may have been missed is read from the history
 * (core/flows/catchup.c). */
#pragma once

#include "base/json.h"
#include "connectors/slack/socket.h"

typedef struct Gateway Gateway;
typedef struct TransportHealth TransportHealth;

TransportHealth *health_new(Gateway *g);
void health_free(TransportHealth *h);
/* Slack was heard until now: said once more before the end. */
void health_stop(TransportHealth *h);

/* What the sockets tell. */
void health_on_sockets(TransportHealth *h, unsigned n_live);
void health_on_notice(TransportHealth *h, SlackSocketNotice notice);
/* Every envelope; `in`: the shape of inbound.h, NULL when it cannot be read. */
void health_on_envelope(TransportHealth *h, const json_t *in);
/* A message of ours came as an event to another gateway of the same app: Slack chooses where it sends what.
 */
void health_on_echo(TransportHealth *h, const char *channel, const char *ts);
/* Slack has taken a message of ours. */
void health_on_posted(void *health, const char *channel, const char *ts);
/* What was asked for has been read. */
void health_caught_up(TransportHealth *h);

bool health_is_deaf(const TransportHealth *h);
/* {"state": "down" | "ok" | "deaf", "since_ms", "heard_ms" (ago), "deaf_alarms", "echo_channels",
 * "catching_up"} */
json_t *health_render(const TransportHealth *h);
