/* The engine, as the composition root sees it: kinds and verbs are registered, events are delivered, and
 * every accepted event leads to exactly one turn, whatever dies meanwhile.
 *
 * The turn runs in memory on the loop thread, at once and on top of turns that are not yet committed: batches
 * commit in order, so the later turn can never survive without the earlier one. What leaves the process (an
 * acknowledgement, the start of an ask) waits for the commit. */
#pragma once

#include "base/metric.h"
#include "flow/flow.h"
#include "store/journal.h"
#include "store/shards.h"

typedef struct FlowEngine FlowEngine;

typedef struct FlowEngineConfig {
        const FlowKind *const *kinds; /* NULL-terminated, static */
        unsigned max_pending;     /* deliveries not yet durable, before more are refused; default 20,000 */
        unsigned max_slots;       /* idle flows kept in memory; default 512 */
        unsigned fault_pause_ms;  /* before an event that faulted is tried again; default 1000 */
        unsigned commit_retry_ms; /* before a failed commit is tried again; default 1000 */
} FlowEngineConfig;

int flow_engine_new(FlowEngine **ret, Loop *loop, Journal *journal /* borrowed */, Metrics *metrics,
                    const FlowEngineConfig *config);
/* Before flow_engine_start(). `verb` is static, `owner` outlives the engine. */
void flow_engine_add_verb(FlowEngine *e, const AskVerb *verb, void *owner);
/* Takes up what a restart left: pending asks (as uncertain), timers, waiting events. */
int flow_engine_start(FlowEngine *e);
/* No new asks are started and no new deliveries accepted; `done` once everything submitted is durable (and,
 * where others share the journal, every shard given up): never, on a disk that stays full, so that the caller
 * sets a deadline. */
void flow_engine_stop(FlowEngine *e, LoopFn done, void *userdata);
void flow_engine_free(FlowEngine *e);
DEFINE_CLEANUP(FlowEngine *, flow_engine_free);

typedef enum FlowDelivered {
        FLOW_DELIVERED, /* durable: acknowledge */
        FLOW_DUPLICATE, /* was accepted before: acknowledge */
        FLOW_UNROUTED,  /* no flow has that address: nobody's business; acknowledge, or tell the person */
        FLOW_REFUSED,   /* too much is waiting, or the engine is stopping: do not acknowledge */
} FlowDelivered;

typedef struct FlowDelivery {
        const char *address;
        const char *kind; /* makes a flow when none has the address; NULL = it must exist */
        const char *event;
        const char *dedup_key; /* NULL: may be delivered any number of times */
        char *json;            /* stolen: the event's data, an object as JSON text; NULL = {} */
        /* Once, after the commit; never from inside flow_deliver(). May be NULL. */
        void (*done)(void *userdata, FlowDelivered outcome);
        void *userdata;
} FlowDelivery;
void flow_deliver(FlowEngine *e, const FlowDelivery *d);
/* For what may be lost: is never stored, costs no commit of its own. Reaches a flow only through an address
 * at which something durable has been delivered since the start, and not too long ago. */
void flow_hint(FlowEngine *e, const char *address, const char *event, json_t *data /* stolen */);

/* ---- several engines on one journal ----
 *
 * A flow belongs to a shard, a shard to one engine at a time (store/shards.h). Each stores what it hears,
 * whoever has the flow; turns and asks are the owner's. */
typedef struct FlowReplica {
        int64_t id; /* ours, as the journal names owners; > 0 */
        /* Asked before asks are started: false = not now, another may be at work in our place;
         * flow_engine_kick() when it is true again. */
        bool (*may_act)(void *userdata);
        /* An event was stored for a flow of `owner`: who should flow_engine_look(). May be lost, it looks
         * now and then anyway. */
        void (*on_stored)(void *userdata, int64_t owner, int64_t flow_id);
        /* A hint for a flow of somebody else, who should flow_engine_hint(). */
        void (*on_hint)(void *userdata, int64_t flow_id, const char *event, const json_t *data);
        void (*on_released)(void *userdata); /* shards that we gave up are free now */
        void *userdata;
} FlowReplica;
/* Before flow_engine_start(), which then takes up nothing: flow_engine_set_shards() does. */
void flow_engine_share(FlowEngine *e, const FlowReplica *replica, Metrics *metrics);
void flow_engine_set_number(FlowEngine *e, unsigned number); /* 0 to 63, part of the ids that we give */
/* What is ours as the journal sees it, with the epoch of each. What is new is taken up as after a restart;
 * what is gone is forgotten; what is in `give_up` is given up when nothing of it is under way. */
void flow_engine_set_shards(FlowEngine *e, ShardSet ours, const int64_t epochs[JOURNAL_SHARDS],
                            ShardSet give_up);
ShardSet flow_engine_shards(const FlowEngine *e); /* those whose flows are at work here */
void flow_engine_look(FlowEngine *e, int64_t flow_id);
/* Performs an ask of somebody else's flow, once: no lane, no retry, nothing durable. `like` has its key,
 * attempt, uncertain, repeated and created_ms. `done` borrows the result; it is not called when the engine is
 * freed before. */
typedef void (*AskPerformed)(void *userdata, const AskResult *result);
void flow_engine_perform(FlowEngine *e, const AskVerb *verb, void *owner, const Ask *like,
                         json_t *args /* stolen */, AskPerformed done, void *userdata);
void flow_engine_hint(FlowEngine *e, int64_t flow_id, const char *event, json_t *data /* stolen */);

/* An adapter's circumstances changed (a bridge connected): asks that waited for their wait_ms() are asked
 * again. */
void flow_engine_kick(FlowEngine *e);

bool flow_engine_healthy(const FlowEngine *e); /* false while the journal cannot commit */

/* For operators: a JSON array as text, borrowed until the callback returns. */
typedef void (*FlowListFn)(void *userdata, const char *json);
void flow_engine_list(FlowEngine *e, const char *kind, const char *status, int64_t limit, FlowListFn done,
                      void *userdata);
/* Only the active ones of a kind that are in one step: as many as there are, not as many as there ever were.
 */
void flow_engine_list_step(FlowEngine *e, const char *kind, const char *step, int64_t limit, FlowListFn done,
                           void *userdata);
void flow_engine_list_asks(FlowEngine *e, const char *status, int64_t limit, FlowListFn done, void *userdata);
/* Lets a quarantined flow try again. */
void flow_engine_retry(FlowEngine *e, const char *ref);
