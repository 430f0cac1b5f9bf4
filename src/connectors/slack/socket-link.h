/* One Socket Mode connection, from apps.connections.open to the end of its TCP connection, as a state
 * machine.
 *
 *   OPENING → DIALING → GREETING → LIVE → EXPIRING → DRAINING → CLOSING → DEAD
 *
 * and from each state to CLOSING (a connection exists) or DEAD (none does). A link is used once: a reconnect
 * is a new link, so that no late callback of an old connection can touch a new one. What to do about a change
 * is its owner's business (socket.c), who is told of each by on_change and frees links only outside their
 * callbacks. */
#pragma once

#include "connectors/slack/envelope.h"

#define SLACK_MESSAGE_MAX_BYTES ((size_t) 16 * 1024 * 1024)

typedef struct SlackLink SlackLink;

typedef enum SlackLinkState {
        SLACK_LINK_OPENING,  /* apps.connections.open is under way */
        SLACK_LINK_DIALING,  /* the WebSocket handshake is */
        SLACK_LINK_GREETING, /* waiting for hello */
        SLACK_LINK_LIVE,
        SLACK_LINK_EXPIRING, /* live, and to be replaced */
        SLACK_LINK_DRAINING, /* replaced; still read and acknowledged on */
        SLACK_LINK_CLOSING,  /* our close frame is sent */
        SLACK_LINK_DEAD,
} SlackLinkState;

/* Why a link expires or ended. */
typedef enum SlackLinkEnd {
        SLACK_LINK_END_NONE,
        SLACK_LINK_END_STOPPED, /* by us: shutting down, or more links than wanted */
        SLACK_LINK_END_AGE,     /* planned: shortly before Slack would do it */
        SLACK_LINK_END_WARNING,
        SLACK_LINK_END_REFRESH,
        SLACK_LINK_END_DEAF,    /* it brings nothing: its owner wants another one */
        SLACK_LINK_END_RECOUNT, /* only to be told how many sockets Slack counts */
        SLACK_LINK_END_CLOSED,  /* failures from here on */
        SLACK_LINK_END_OVERSIZED,
        SLACK_LINK_END_PING, /* a ping was not answered */
        SLACK_LINK_END_SILENT,
        SLACK_LINK_END_STUCK, /* what we send is not taken */
        SLACK_LINK_END_HELLO, /* no hello in time */
        SLACK_LINK_END_DIAL,
        SLACK_LINK_END_OPEN,
        SLACK_LINK_END_REFUSED,  /* apps.connections.open failed for good: the operator must act */
        SLACK_LINK_END_DISABLED, /* link_disabled: likewise */
        SLACK_LINK_END_TOO_MANY,
        SLACK_N_LINK_ENDS,
} SlackLinkEnd;

typedef struct SlackLinkEvents {
        /* The state has just changed. For LIVE, `hello` is the greeting; else NULL. */
        void (*on_change)(void *userdata, SlackLink *link, SlackLinkState old, const SlackFrame *hello);
        void (*on_envelope)(void *userdata, SlackLink *link, const SlackEnvelope *env);
        void (*on_bad_frame)(void *userdata, SlackLink *link, SlackBadFrame bad, const char *why);
} SlackLinkEvents;

typedef struct SlackLinkContext { /* borrowed by every link for its lifetime */
        Loop *loop;
        HttpClient *http;
        const char *api_url; /* ends in a slash */
        const Secret *app_token;
        SlackSocketTiming timing; /* no zeros */
        const SlackLinkEvents *events;
        void *userdata;
} SlackLinkContext;

SlackLink *slack_link_new(const SlackLinkContext *context, uint64_t id);
void slack_link_start(SlackLink *link); /* once */
void slack_link_free(SlackLink *link);  /* cuts, without on_change; not inside its callbacks; takes NULL */

/* A live link turns EXPIRING (age) after so long. */
void slack_link_expire_after(SlackLink *link, int64_t after_ms);
/* A live link turns EXPIRING now, for the reason given. */
void slack_link_expire(SlackLink *link, SlackLinkEnd end);
/* A live or expiring link, replaced now: DRAINING, then it closes by itself. */
void slack_link_drain(SlackLink *link);
/* Leaves now, with the close handshake where there is a connection. */
void slack_link_close(SlackLink *link);
/* False when the link cannot carry it. */
bool slack_link_send(SlackLink *link, const char *text, size_t n_bytes);

uint64_t slack_link_id(const SlackLink *link);
SlackLinkState slack_link_state(const SlackLink *link);
bool slack_link_is_failure(SlackLinkEnd end);
SlackLinkEnd slack_link_end(const SlackLink *link);
const char *slack_link_error(const SlackLink *link); /* a code for on_state; "" when there was no failure */
int64_t slack_link_retry_after_ms(const SlackLink *link); /* the peer's wish; -1 */
int64_t slack_link_expires_ms(const SlackLink *link);     /* loop time; 0 = not known */
json_t *slack_link_health(const SlackLink *link);
const char *slack_link_end_name(SlackLinkEnd end);
