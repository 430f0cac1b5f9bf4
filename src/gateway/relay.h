/* The exchange between gateways that share a journal (relay-frames.h): asks for an OpenCode whose plugin is
 * connected elsewhere, word of what was stored, hints, and what all have to know. */
#pragma once

#include "gateway/gateway.h"

typedef struct Relay Relay;

Relay *relay_new(Gateway *g);
void relay_free(Relay *r); /* before the HTTP client; asks under way are not ended */

/* The others, as the journal knows them now. */
void relay_set_peers(Relay *r, const ReplicaView *view);

/* The verb with which the engine asks OpenCode: as `verb`, and on the bridge that fits, wherever it is.
 * Registered with the relay as owner. */
const AskVerb *relay_verb(Relay *r, const AskVerb *verb);

void relay_stored(Relay *r, int64_t owner, int64_t flow_id);
void relay_hint(Relay *r, int64_t owner, int64_t flow_id, const char *event, const json_t *data);
void relay_look(Relay *r);
/* `done` (may be NULL) once, perhaps from inside this call. Echoes are gathered for a moment. */
void relay_tell(Relay *r, const char *what, json_t *data /* stolen */, PeersTold done, void *userdata);

/* POST /api/replica, authorized. */
void relay_request(Relay *r, HttpRequest *req);
void relay_aborted(Relay *r, HttpRequest *req); /* takes NULL */
