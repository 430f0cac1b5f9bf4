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
        int64_t seq;      /* > 0: durable, answer with bridge_event_durable(); 0: volatile */
        const char *type; /* "permission.asked", … */
        const char *session_id, *root_id, *directory; /* "" when the frame has none (reconcile) */
        const json_t *frame; /* the whole, checked frame; borrowed until the callback returns */
} BridgeEvent;

typedef struct BridgeConfig {
        const Secret *token; /* borrowed; an unset token refuses everybody */
        /* May call bridge_event_durable() at once or later. Not calling it refuses the event: after half a
         * minute the connection is closed, and the plugin connects again and repeats it. */
        void (*on_event)(void *userdata, const BridgeEvent *event);
        void (*on_connected)(void *userdata, const char *bridge_id, bool connected);
        void *userdata;
} BridgeConfig;

int bridge_new(Bridge **ret, Loop *loop, Metrics *metrics, const BridgeConfig *config);
void bridge_free(Bridge *b); /* cuts the connections; asks under way are not ended */
DEFINE_CLEANUP(Bridge *, bridge_free);

/* Takes an HTTP request for /api/opencode/bridge: checks the token, upgrades. Always answers it. */
void bridge_accept(Bridge *b, HttpRequest *req);
/* This one event is durable; called for each, in any order. Acknowledged is what is durable without a hole,
 * once per loop iteration. */
void bridge_event_durable(Bridge *b, const char *bridge_id, int64_t seq);

/* What OpenCode has credentials for, as seen from a directory: [{id, models: [id]}], borrowed until `done`
 * returns; NULL when nobody says so within the time of a command. `done` once, perhaps from inside; never
 * after bridge_free(). */
void bridge_list_providers(Bridge *b, const char *directory,
                           void (*done)(void *userdata, const json_t *providers), void *userdata);

/* How well a connected plugin of ours fits an ask with these arguments (directory, session_id, permission_id
 * or question_id): 0 = none is connected, 1 = one is, 2 = it has the directory open, 3 = it last spoke of the
 * session, 4 = of the permission or question. */
unsigned bridge_fit(Bridge *b, const json_t *args);
unsigned bridge_connected(const Bridge *b); /* live plugin connections */
/* For /api and doctor, a new list of the live ones: [{bridge_id, pid, plugin_version, opencode_version|null,
 * directories:[…], since_ms, ack, unstored, lost}]; `unstored` = events handed up and not yet durable. */
json_t *bridge_status(const Bridge *b);
/* Acknowledges what is durable, closes the connections with 1001, ends the asks under way (uncertain), and
 * takes no new connections. */
void bridge_stop(Bridge *b);

/* Checks one frame from a plugin. NULL = fits; else the path of the first field that does not ("" = the frame
 * itself), borrowed until the next call in this thread, and *ret_why a static text. */
const char *bridge_frame_check(const json_t *frame, const char **ret_why);
