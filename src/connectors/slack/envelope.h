/* One text frame of Socket Mode, told apart without building a tree: the payload stays the bytes it came as,
 * to be journalled and parsed later. Pure. https://docs.slack.dev/apis/events-api/using-socket-mode ("hello",
 * "disconnect", "acknowledging events") */
#pragma once

#include "connectors/slack/socket.h"

#define SLACK_ENVELOPE_ID_MAX 128

typedef enum SlackFrameType {
        SLACK_FRAME_HELLO,
        SLACK_FRAME_DISCONNECT,
        SLACK_FRAME_ENVELOPE,
        SLACK_FRAME_UNKNOWN, /* a `type` that did not exist when this was written: to be ignored */
        SLACK_FRAME_MALFORMED,
} SlackFrameType;

typedef enum SlackDisconnect {
        SLACK_DISCONNECT_WARNING,       /* about 10 s before the end */
        SLACK_DISCONNECT_REFRESH,       /* now; also any reason that is new to us */
        SLACK_DISCONNECT_LINK_DISABLED, /* Socket Mode was switched off for the app */
        SLACK_DISCONNECT_TOO_MANY,      /* more than 10 sockets of the app */
} SlackDisconnect;

typedef enum SlackBadFrame {
        SLACK_BAD_JSON,
        SLACK_BAD_TYPE,      /* `type` missing or no string */
        SLACK_BAD_ID,        /* `envelope_id` missing, empty, or longer than SLACK_ENVELOPE_ID_MAX bytes */
        SLACK_BAD_PAYLOAD,   /* `payload` missing or no object */
        SLACK_BAD_UNKNOWN,   /* SLACK_FRAME_UNKNOWN */
        SLACK_BAD_OVERSIZED, /* over the message limit: told by the WebSocket machine, never by
                                slack_frame_parse() */
        SLACK_N_BAD,
} SlackBadFrame;

typedef struct SlackFrame {
        SlackFrameType type;
        SlackEnvelope envelope; /* ENVELOPE; id points to `id`, payload into the text; `socket` is left 0 */
        char id[SLACK_ENVELOPE_ID_MAX + 1];
        unsigned num_connections;   /* HELLO, DISCONNECT; 0 = not said */
        int64_t connection_time_ms; /* HELLO: debug_info.approximate_connection_time; 0 = not said */
        char host[64];              /* HELLO, DISCONNECT: debug_info.host; "" = not said */
        SlackDisconnect disconnect;
        char reason[32];   /* DISCONNECT: as Slack wrote it */
        SlackBadFrame bad; /* MALFORMED, UNKNOWN */
        char why[128];     /* MALFORMED, UNKNOWN: for people, names the field and the place */
} SlackFrame;

/* Never fails: what cannot be understood is MALFORMED. `ret` borrows from `text`, and from itself: do not
 * copy it. */
void slack_frame_parse(const char *text, size_t n_bytes, SlackFrame *ret);

const char *slack_bad_frame_name(SlackBadFrame bad);          /* "json", "type", …: a metric's label */
const char *slack_envelope_type_name(SlackEnvelopeType type); /* "events_api", … */
