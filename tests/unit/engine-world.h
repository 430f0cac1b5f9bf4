/* A world for engine tests: a loop, a journal (in memory or on disk), an engine, and verbs that are recorded
 * instead of performed. With TEST_DATABASE=postgres the journal is PostgreSQL, a schema for each world.
 *
 * The flows of its one kind, "script", do what their events tell them, so that a test reads as a list of
 * events. An event's data may hold
 *   {"do": [["set", key, value] | ["ask", {verb, tag?, lane?, priority?, coalesce?, args?}] | ["forget",
 * word] |
 *           ["timer", name, ms] | ["cancel", name] | ["address", a] | ["unaddress", a] | ["send", a, event,
 * data] |
 *           ["spawn", a, event, data] | ["random", key]],
 *    "then": "stay" | "go:<step>" | "later" | "ignore" | "done" | "failed" | "fault" | "fault-once",
 *    "enter:<step>": {…the same, for a step gone to…}}
 * and the flow's data may hold {"on": {"<step>/<event>": script, "<event>": script}} for timers and results
 * of asks. An event called "early" is LATER in step a, "b-only" is LATER outside b. Every step appends to the
 * flow's own list "seen", which is what tells whether a turn was kept. */
#pragma once

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "flow/engine-internal.h"
#include "store/journal-postgres.h"
#include "store/journal-sqlite.h"

#define WORLD_DEADLINE_MS 20000

typedef struct WorldAsk {
        char *key, *verb, *args, *how; /* how: "start" or "probe" */
        unsigned attempt;
        bool uncertain;
} WorldAsk;

typedef struct World {
        Loop *loop;
        Journal *journal;
        Metrics *metrics;
        FlowEngine *engine;
        FlowEngineConfig config;
        char *dir;        /* NULL = the journal is in memory */
        char *url;        /* of PostgreSQL, which then stands for both; NULL = SQLite */
        int fail_commits; /* so many commits to come fail; -1 = all; atomic */
        int n_commits;    /* attempted; atomic */
        bool never_hold;  /* from the next start on: an event's turn has a commit of its own */

        const FlowReplica *replica; /* from the next start on: one of several on the journal */

        Buf trace;      /* "a:hello b:enter …": each step that was run, undone ones too */
        WorldAsk *asks; /* every start and probe, in order */
        size_t n_asks;
        Ask **held; /* started, waiting for the test to end them */
        size_t n_held;
        bool hold;            /* hold asks instead of answering OK */
        const char *outcomes; /* of the next asks, a letter each: o k, t empfail, u ncertain tempfail, p
                                 ermfail, h old */
        bool probe_finds;
        int64_t wait_ms;      /* of the verb "bucket" */
        unsigned faults_left; /* for "fault-once" */

        Buf delivered; /* outcomes of deliveries, a letter each: d elivered, D uplicate, u nrouted, r efused
                        */
        unsigned n_answered;
        char *listed;                /* of the last world_list() */
        const MetricSeries *counter; /* of world_until_count() */
        double at_least;
} World;

extern const FlowKind world_kind;

/* The verbs: "post" (3 attempts, 10 ms backoff), "once" (perishable), "probed", "single" (one at a time),
 * "bucket" (has wait_ms), "brief" and "brief-probed" (deadline 150 ms). */
World *world_new(bool on_disk, const FlowEngineConfig *config /* may be NULL */);
void world_free(World *w);
/* Ends the engine and the journal, as a process does that is killed now: what is not committed is lost; then
 * starts again on the same file. World on disk only. */
void world_restart(World *w);
/* The two halves, for what a test does to the file meanwhile. */
void world_kill(World *w);
void world_start(World *w);
char *world_db_path(const World *w);           /* owned by the caller; NULL with PostgreSQL */
void world_run_sql(World *w, const char *sql); /* between the halves */

/* Runs the loop until `done` says so; fails the test at the deadline. */
void world_until(World *w, bool (*done)(World *w));
void world_until_count(World *w, const MetricSeries *counter, double at_least);
/* Until nothing is under way: no turn to run, no batch to commit. What waits for a time or for the test
 * stays. */
void world_settle(World *w);
void world_sleep(World *w, int64_t ms);

/* Delivers to "addr:<name>" (or to `name` itself when it has a colon); a flow is made when there is none,
 * unless the event starts with "?". The format gives the event's data, in which ' stands for ". Does not run
 * the loop. */
void world_send(World *w, const char *name, const char *event, const char *format, ...) PRINTF_LIKE(4, 5);
void world_send_once(World *w, const char *name, const char *event, const char *dedup_key, const char *data);

void world_end_ask(World *w, size_t i_held, AskOutcome outcome);

/* What the operator sees, as JSON text that is valid until the next call. Runs the loop. */
const char *world_list(World *w, const char *status);
const char *world_list_asks(World *w, const char *status);
/* From the operator's list: flow `i`'s member at `path` as text: strings bare, everything else as JSON.
 * Owned. */
char *world_flow(World *w, const char *status, size_t i, const char *path);
size_t world_n_flows(World *w, const char *status);

/* Compare, and start anew. */
void world_expect_trace(World *w, const char *expected);
void world_expect_asks(World *w, const char *expected); /* "post/1 once/1 probed/1?" (? = a probe) … */
void world_expect_delivered(World *w, const char *expected);

int world_setup_memory(void **state);
int world_setup_disk(void **state);
int world_teardown(void **state);
