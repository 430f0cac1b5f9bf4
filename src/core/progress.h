/* What a session's agent is doing right now, folded from the bridge's volatile frames. Pure.
 *
 * Lost frames do no harm: the next one brings the state up to date, and the end of a turn never depends on
 * it. */
#pragma once

#include "base/json.h"

typedef struct Progress {
        char *tool, *tool_title; /* of the tool that runs; NULL = none */
        char *call_id;
        char *thought; /* last words of streamed text */
        json_t *todos;
        unsigned n_done, n_failed;
        bool changed; /* since progress_take() */
} Progress;

void progress_deinit(Progress *p);
/* `type` and `frame` of a volatile bridge event; "session.active" starts a new turn. */
void progress_apply(Progress *p, const char *type, const json_t *frame);
/* The data of a `progress` event when something changed, else NULL. */
json_t *progress_take(Progress *p);
