/* The gateway's end of the bridge (contract/asyncapi.yaml): accepts plugin connections, checks every frame,
 * hands events up, acknowledges them once they are durable, and carries commands down.
 *
 * What was acknowledged is remembered per bridge_id in memory only: after a restart the welcome says 0, the
 * plugin replays what it still holds, and the inbox's unique keys (bridge_id, seq) make that harmless. */
#pragma once

#include "base/metric.h"
#include "base/secret.h"
#include "flow/ask.h"
#include "net/http-server.h"

typedef struct Bridge Bridge;

typedef struct BridgeEvent {
        const char *bridge_id;
        int64_t seq;          /* > 0: durable, answer with bridge_event_durable(); 0: volatile */
        const char *type;     /* "permission.asked", … */
        const char *session_id, *root_id, *directory; /* "" when the frame has none (reconcile) */
        const json_t *frame;  /* the whole, checked frame; borrowed until the callback returns */
} BridgeEvent;

typedef struct BridgeConfig {
        const Secret *token; /* borrowed; an unset token refuses everybody */
        /* May call bridge_event_durable() at once or later. Not calling it leaves the event to replay. */
        void (*on_event)(void *userdata, const BridgeEvent *event);
        void (*on_connected)(void *userdata, const char *bridge_id, bool connected);
        void *userdata;
} BridgeConfig;

int bridge_new(Bridge **ret, Loop *loop, Metrics *metrics, const BridgeConfig *config);
void bridge_free(Bridge *b);
DEFINE_CLEANUP(Bridge *, bridge_free);

/* Takes an HTTP request for /api/opencode/bridge: checks the token, upgrades. Always answers it. */
void bridge_accept(Bridge *b, HttpRequest *req);
/* Everything of `bridge_id` up to and including `seq` is durable: acknowledges (once per loop iteration). */
void bridge_event_durable(Bridge *b, const char *bridge_id, int64_t seq);

unsigned bridge_connected(const Bridge *b); /* live plugin connections */
json_t *bridge_status(const Bridge *b);     /* for /api and doctor: [{bridge_id, directories, pid, since_ms, …}] */
void bridge_stop(Bridge *b);                /* closes the connections with 1001 */

/* Checks one frame from a plugin. NULL = fits; else the field's path, and *ret_why a static text. Pure. */
const char *bridge_frame_check(const json_t *frame, const char **ret_why);
