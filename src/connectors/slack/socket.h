/* Socket Mode: keeps N live WebSockets to Slack, replaces each before it dies, and hands every envelope up.
 * Design and facts: docs/architecture.md and "Socket Mode" in Slack's documentation
 * (https://docs.slack.dev/apis/events-api/using-socket-mode).
 *
 * Slack sends each envelope to one of the app's sockets, and a click that goes to a dead one is lost for
 * good. Therefore: a socket is left only when its successor has been greeted, is read and acknowledged on for
 * a while after that, and is closed with a close frame, since what merely breaks stays registered at Slack
 * for hours (a "ghost") and swallows its share. A dead one is noticed by an unanswered ping within 23 s. */
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
#define SLACK_N_ENVELOPE_TYPES 3

typedef struct SlackEnvelope {
        const char *id; /* envelope_id */
        SlackEnvelopeType type;
        const char *payload; /* raw JSON text of the payload, borrowed, not NUL-terminated */
        size_t n_payload;
        bool accepts_response; /* accepts_response_payload */
        unsigned retry_attempt;
        uint64_t socket; /* the socket that brought it: give it back to slack_socket_ack() */
} SlackEnvelope;

/* Every period that the machine knows; zero means the default. Tests and soak runs shorten them. */
typedef struct SlackSocketTiming {
        int64_t connect_ms;     /* 10 s: for apps.connections.open, and again for the handshake */
        int64_t hello_ms;       /* 10 s */
        int64_t ping_ms;        /* 10 s: between our pings, and (a quarter more) for each to be answered */
        int64_t silent_ms;      /* 25 s without a byte: dead */
        int64_t drain_ms;       /* 10 s: how long a replaced socket is still read */
        int64_t close_ms;       /* 2 s: for the close handshake and the end of the connection */
        int64_t backoff_ms;     /* 0.5 s: doubled with each failure in a row, full jitter */
        int64_t backoff_max_ms; /* 60 s */
        int64_t blocked_ms;     /* 60 s: between attempts that only an operator's action can make succeed */
        int64_t too_many_ms;    /* 60 s and jitter: before another socket after too_many_websockets */
        int64_t recount_ms; /* 5 min: while Slack counts ghosts, a socket is renewed to hear the new count */
} SlackSocketTiming;

/* A dead socket goes unnoticed no longer than this, with the default timing. */
#define SLACK_SOCKET_UNNOTICED_MS (25 * 1000)

typedef enum SlackSocketNotice {
        SLACK_SOCKET_BROKEN,      /* a live socket broke: what was sent to it at the end may be lost */
        SLACK_SOCKET_GHOSTS,      /* Slack counts sockets that nobody has, and sends them their share */
        SLACK_SOCKET_GHOSTS_GONE, /* it does not any more */
        SLACK_SOCKET_FRESH,       /* after slack_socket_refresh(): all live sockets are new ones */
        SLACK_N_SOCKET_NOTICES,
} SlackSocketNotice;

typedef struct SlackSocketConfig {
        const char *api_url;      /* "https://slack.com/api/" */
        const Secret *app_token;  /* borrowed for the lifetime */
        unsigned n_sockets;       /* 1..4; default 2 */
        SlackSocketTiming timing; /* zeros: the defaults */
        /* Must end in one slack_socket_ack(), once the envelope is durable; not calling it leaves the
         * envelope to Slack's redelivery (events only: clicks and commands are not delivered again). */
        void (*on_envelope)(void *userdata, const SlackEnvelope *env);
        /* The number of live sockets, or the error, changed. `error`: why no (further) socket could be had
         * ("invalid_auth", "link_disabled", "unreachable", …), else NULL; borrowed until the return. */
        void (*on_state)(void *userdata, unsigned n_live, const char *error);
        void (*on_notice)(void *userdata, SlackSocketNotice notice); /* may be NULL */
        void *userdata;
} SlackSocketConfig;

/* < 0: an api_url that is none, or n_sockets out of range. */
int slack_socket_new(SlackSocketMode **ret, Loop *loop, HttpClient *http, Metrics *metrics,
                     const SlackSocketConfig *config);
void slack_socket_start(SlackSocketMode *s);
/* Closes all sockets with a close frame, after waiting at most 0.5 s for acknowledgements that are still to
 * come; `done` at most 2 s after that, never from inside this call. Envelopes that arrive meanwhile are still
 * handed up. */
void slack_socket_stop(SlackSocketMode *s, void (*done)(void *userdata), void *userdata);
/* Cuts what is left. Not from inside a callback of its own other than `done` of slack_socket_stop(). */
void slack_socket_free(SlackSocketMode *s);
DEFINE_CLEANUP(SlackSocketMode *, slack_socket_free);

/* Acknowledges on the socket that brought the envelope, else on any live one; with none, the ack is dropped
 * and counted (Slack will redeliver). `payload`: JSON text or NULL. */
void slack_socket_ack(SlackSocketMode *s, uint64_t socket, const char *envelope_id, const char *payload);

/* Opens new sockets in the place of all that are live, which are then closed without being drained: for
 * connections that look alive and bring nothing. */
void slack_socket_refresh(SlackSocketMode *s);
/* How many sockets other processes of the same app are known to have: they are no ghosts. 0 at first. */
void slack_socket_set_others(SlackSocketMode *s, unsigned n_sockets);

unsigned slack_socket_live(const SlackSocketMode *s);
/* Transport health as a JSON object: {"live", "wanted", "ghosts", "reconnects", "error", "sockets": [{"id",
 * "state", "since_ms": in that state, "last_heard_ms": ago, "envelopes", "host"}]}. */
json_t *slack_socket_health(const SlackSocketMode *s);
