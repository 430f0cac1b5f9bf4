/* A desk for tests of workflows: the real engine on a journal in memory, and every ask in the test's hands.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "connectors/slack/slack-asks.h"
#include "core/flows/flows.h"
#include "flow/engine-internal.h"
#include "integrations/opencode/opencode-asks.h"
#include "integrations/workspace/state-asks.h"
#include "integrations/workspace/workspace-asks.h"

typedef struct Desk {
        Loop *loop;
        Journal *journal;
        Metrics *metrics;
        FlowEngine *engine;
        Ask **held; /* started and not ended, in order */
        size_t n_held;
        bool slack_answers; /* Slack's asks are answered OK at once, posts with "200.<n>" */
        unsigned n_posts;
        Buf log; /* every ask that was started: "<verb> <args>\n" */
        char *listed;
} Desk;

Desk *desk_new(const FlowKind *const *kinds);
void desk_free(Desk *d);

/* Delivers and runs until nothing is under way but held asks and timers. In formats ' stands for ". */
void desk_tell(Desk *d, const char *address, const char *kind, const char *event, const char *format, ...)
        PRINTF_LIKE(5, 6);
/* The nth held ask of a verb; fails when there is none. Valid until it is ended. */
Ask *desk_held(Desk *d, const char *verb, size_t nth);
size_t desk_n_held(const Desk *d, const char *verb);
void desk_end(Desk *d, Ask *ask, AskOutcome outcome, const char *format, ...) PRINTF_LIKE(4, 5);

/* The row {ref, step, status, data} of the newest flow of a kind, NULL when there is none. Owned. */
json_t *desk_flow(Desk *d, const char *kind);
/* Its member at `path`: strings bare, anything else as JSON, "(none)" when absent. */
void desk_expect(Desk *d, const char *kind, const char *path, const char *value);
/* How often `text` is in the log since the last call of desk_forget(). */
unsigned desk_times(const Desk *d, const char *text);
void desk_forget(Desk *d);

/* JSON written with ' for ". Owned. */
json_t *desk_json(const char *format, ...) PRINTF_LIKE(1, 2);
