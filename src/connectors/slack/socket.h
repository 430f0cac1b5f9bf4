/* Socket Mode: keeps N live WebSockets to Slack, replaces each before it dies, and hands every envelope up.
 * Design and facts: docs/architecture.md and "Socket Mode" in Slack's documentation
 * (https://docs.slack.dev/apis/events-api/using-socket-mode). */
#pragma once

#include "base/json.h"
#include "base/metric.h"
#include "base/secret.h"
#include "net/http-client.h"

typedef struct SlackSocketMode SlackSocketMode;

typedef enum SlackEnvelopeType {
        SLACK_ENVELOPE_EVENT,       /* "events_api" */
        SLACK_ENVELOPE_COMMAND,     /* "slash_commands" */
        SLACK_ENVELOPE_INTERACTIVE, /* "interactive" */
} SlackEnvelopeType;

typedef struct SlackEnvelope {
        const char *id;          /* envelope_id */
        SlackEnvelopeType type;
        const char *payload;     /* raw JSON text of the payload, borrowed, not NUL-terminated */
        size_t n_payload;
        bool accepts_response;   /* accepts_response_payload */
        unsigned retry_attempt;
        uint64_t socket;         /* the socket that brought it: give it back to slack_socket_ack() */
} SlackEnvelope;

typedef struct SlackSocketConfig {
        const char *api_url;          /* "https://slack.com/api/" */
        const Secret *app_token;      /* borrowed for the lifetime */
        unsigned n_sockets;           /* 1..4; default 2 */
        /* Must end in one slack_socket_ack(), once the envelope is durable; not calling it leaves the envelope to
         * Slack's redelivery. */
        void (*on_envelope)(void *userdata, const SlackEnvelope *env);
        /* The number of live sockets changed. `error`: why none can be had ("invalid_auth"), else NULL. */
        void (*on_state)(void *userdata, unsigned n_live, const char *error);
        void *userdata;
} SlackSocketConfig;

int slack_socket_new(SlackSocketMode **ret, Loop *loop, HttpClient *http, Metrics *metrics,
                     const SlackSocketConfig *config);
void slack_socket_start(SlackSocketMode *s);
/* Closes all sockets with a close frame; `done` after at most 2 s. */
void slack_socket_stop(SlackSocketMode *s, void (*done)(void *userdata), void *userdata);
void slack_socket_free(SlackSocketMode *s);
DEFINE_CLEANUP(SlackSocketMode *, slack_socket_free);

/* Acknowledges on the socket that brought the envelope, else on any live one; with none, the ack is dropped
 * and counted (Slack will redeliver). `payload`: JSON text or NULL. */
void slack_socket_ack(SlackSocketMode *s, uint64_t socket, const char *envelope_id, const char *payload);

unsigned slack_socket_live(const SlackSocketMode *s);
/* Transport health as a JSON object: per socket {state, since_ms, last_heard_ms, envelopes}, ghosts, reconnects. */
json_t *slack_socket_health(const SlackSocketMode *s);
