/* A turn whose model failed, and its prompt sent again: to the same model or to another one, never twice at
 * once.
 *
 * In the session's data: failed: {turn, n, user, ts, text, auto, fallback} | absent, the last prompt, when
 * its turn did not succeed and nothing was asked since; turn.again: {from, user, by} | absent, this turn is
 * being aborted so that its prompt can be sent again; turn.fallback: "open" | "recovered" | absent, what the
 * flow `fallback` of this turn was told; turn.auto: the prompt was sent again without being asked for, which
 * happens once. */
#pragma once

#include "core/cards.h"
#include "core/reading.h"
#include "flow/flow.h"

/* OpenCode tries its model again (`oc.session.retry`): from the configured attempt on the thread is asked. */
void session_again_on_retry(Flow *f, const FlowEvent *ev);
/* `progress`: what was in trouble says something. */
void session_again_on_progress(Flow *f, const FlowEvent *ev);

typedef enum AgainPlan {
        AGAIN_NOT,         /* whoever asked has been told why */
        AGAIN_ABORT_FIRST, /* the turn has to end before */
        AGAIN_NOW,         /* the prompt is the first of the queue */
} AgainPlan;
/* `fallback.act`, or somebody who asks for it in words (`ev` has the user). */
AgainPlan session_again_plan(Flow *f, const FlowEvent *ev);
/* Is this turn being aborted so that its prompt can be sent again? */
bool session_again_is_wanted(Flow *f);
/* … and has it been answered while it was to be aborted? Then the answer counts. */
bool session_again_is_answered(Flow *f, const TurnReading *reading);

/* The turn ends. True: its prompt is to be sent again, and stands at the head of the queue; nothing is said.
 */
bool session_again_end(Flow *f, ProgressState outcome, const char *error);
/* The next turn begins, with `turn` taken out of the queue. */
void session_again_begin(Flow *f, const json_t *turn);
