/* Shared by the engine's own files: engine.c (slots, batches, delivery), turn.c (one turn), asks.c (the
 * outbox), timers.c. */
#pragma once

#include <uthash.h>

#include "base/heap.h"
#include "flow/engine.h"

#define FLOW_REF_SIZE 17
#define EVENT_ENTER   "enter"
#define EVENT_TIMER   "timer"
#define LOAD_LOOK     1 /* number of a JOURNAL_LOAD: only its inbox is wanted, the flow is in memory */

/* One thing to be consumed by one turn. */
typedef struct EventItem {
        List link;
        char *name, *tag;
        char *text;   /* JSON of the data, parsed when its turn comes; NULL = {} */
        json_t *data; /* or already parsed */
        AskOutcome outcome;
        int64_t inbox_id; /* row to delete with the turn; 0 = none */
        int64_t ask_id;   /* likewise */
        bool volatile_;   /* dropped rather than parked */
        unsigned n_faults;
        uint64_t seed; /* of the turn's random numbers; the same when it is tried again */
} EventItem;

typedef enum SlotState { SLOT_LOADING, SLOT_READY, SLOT_GONE } SlotState;

/* A flow in memory. Exists while there is something to do, and a while longer. */
typedef struct Slot {
        int64_t flow_id;
        FlowEngine *engine;
        SlotState state;
        const FlowKind *kind;
        const FlowStep *step;
        char *data; /* JSON text as last written */
        bool quarantined;
        List queue, parked; /* of EventItem */
        unsigned n_parked;
        bool is_looking, look_again; /* for rows that others have stored meanwhile */
        List run_link;               /* in engine->runnable */
        List idle_link;              /* in engine->idle, least recently used first */
        LoopTimer *again;            /* waits before a faulting event is tried again */
        UT_hash_handle hh;
} Slot;

/* Where recent deliveries went, for hints; uthash keeps the order of insertion, the oldest goes first. */
typedef struct KnownAddress {
        char *address;
        int64_t flow_id;
        UT_hash_handle hh;
} KnownAddress;

typedef struct TimerSet TimerSet;
typedef struct AskEntry AskEntry;
typedef struct Lane Lane;
typedef struct VerbEntry VerbEntry;

/* What a committed batch has to do in memory, beside what its records say. */
typedef struct DeliveryDone {
        size_t record;
        void (*done)(void *userdata, FlowDelivered outcome);
        void *userdata;
} DeliveryDone;
typedef struct ListDone {
        size_t record;
        FlowListFn done;
        void *userdata;
} ListDone;
typedef struct EngineBatch {
        FlowEngine *engine;
        JournalBatch *journal;
        DeliveryDone *deliveries;
        size_t n_deliveries, size_deliveries;
        ListDone *lists;
        size_t n_lists;
        List asks;     /* AskEntry, to be released into their lanes */
        bool released; /* it gives up shards */
        List link;
} EngineBatch;

/* Of shards.c. */
typedef enum ShardState { SHARD_AWAY, SHARD_TAKING, SHARD_OWNED, SHARD_LEAVING } ShardState;
typedef struct Shard {
        ShardState state;
        int64_t epoch;      /* 0 = away, or nobody shares the journal */
        int64_t over_epoch; /* of the last ownership that has ended */
} Shard;
typedef struct ConsumedRow {
        int64_t inbox_id;
        UT_hash_handle hh;
} ConsumedRow;
typedef struct EngineShards {
        bool is_shared;
        FlowReplica config;
        Shard all[JOURNAL_SHARDS];
        ConsumedRow *consumed;
        LoopTimer *look_due;
        unsigned n_looks;
        bool is_looking; /* a look is under way */
        MetricSeries *n_owned;
} EngineShards;

struct FlowEngine {
        Loop *loop;
        Journal *journal;
        FlowEngineConfig config;

        Slot *slots;
        KnownAddress *known;
        List runnable, idle;
        unsigned n_idle;
        bool run_scheduled, flush_scheduled;
        EngineBatch *open;   /* being filled; NULL = none */
        unsigned n_inflight; /* batches */
        unsigned n_written;  /* of them, those whose records have had their effect in memory already */
        List stalled;        /* EngineBatch whose commit failed, in order */
        bool is_failing;     /* the last commit that ended failed; also while it is tried again */
        LoopTimer *retry_commit, *prune;
        unsigned n_pending;
        int64_t last_id;
        bool ids_of_time;
        unsigned replica_number; /* 0 to 63 */
        EngineShards shards;
        bool started, stopping;
        LoopFn stopped;
        void *stopped_userdata;

        Heap timer_heap;
        TimerSet *timer_sets;
        LoopTimer *timer;

        VerbEntry *verbs;
        Lane *lanes;
        AskEntry *coalesced;
        List asks;     /* all of them */
        List foreign;  /* of flow_engine_perform() */
        Heap ask_heap; /* asks that wait for a time */
        LoopTimer *ask_timer;
        bool pump_scheduled;
        bool (*may_act)(void *userdata); /* NULL = always */
        void *may_act_userdata;

        struct {
                MetricSeries *turns, *faults, *quarantined, *ignored, *parked, *failed, *duplicates,
                        *unrouted, *refused, *commit_failures, *asks_pending, *asks_dead, *slots;
        } metrics;
};

/* engine.c */
EngineBatch *engine_batch(FlowEngine *e); /* the open one; flushed at the end of this loop iteration */
int64_t engine_next_id(FlowEngine *e);
void engine_push(FlowEngine *e, int64_t flow_id, EventItem *item /* stolen */);
void event_item_free(EventItem *item);
Slot *engine_slot_find(FlowEngine *e, int64_t flow_id); /* NULL = not in memory */
Slot *engine_slot_new(FlowEngine *e, int64_t flow_id);
void engine_slot_load(Slot *slot); /* no turn runs until its row is here */
void engine_slot_idle(Slot *slot);
/* Reads the rows of its inbox again: somebody else has stored something. */
void engine_slot_look(Slot *slot);
bool engine_slot_has(const Slot *slot, int64_t inbox_id); /* waiting or parked */
void engine_slots_forget(FlowEngine *e, ShardSet set);
ShardSet engine_slots_busy(const FlowEngine *e); /* where a result of an ask waits for its turn */
void engine_schedule_flush(FlowEngine *e);
void engine_slot_run(Slot *slot); /* puts it among the runnable */

/* written.c */
void engine_record_written(FlowEngine *e, const JournalRecord *rec);
const FlowKind *engine_find_kind(FlowEngine *e, const char *name); /* NULL = this program does not know it */
void engine_known_forget(FlowEngine *e);                           /* at the end */

/* turn.c: consumes the first event of a ready slot's queue. */
void turn_run(Slot *slot);
/* The queue of a quarantined slot becomes rows, to come back when an operator lets the flow try again. */
void turn_put_aside(Slot *slot);

/* asks.c */
void asks_init(FlowEngine *e);
void asks_deinit(FlowEngine *e);
AskEntry *asks_create(FlowEngine *e, int64_t flow_id, const JournalRecord *rec, json_t *args /* stolen */);
void asks_release(FlowEngine *e, EngineBatch *batch); /* committed: into the lanes */
void asks_recover(FlowEngine *e, const JournalRecord *rec);
void asks_forget(FlowEngine *e, EngineBatch *batch, int64_t flow_id, const char *coalesce);
void asks_pump(FlowEngine *e);
/* Of flows in these shards. forget: what is under way ends without an effect here, unless it is recovered
 * before. hold: nothing more is started. busy: where something is under way. */
void asks_forget_shards(FlowEngine *e, ShardSet set);
void asks_hold_shards(FlowEngine *e, ShardSet set);
void asks_mark_fresh(FlowEngine *e, EngineBatch *batch, ShardSet set);
ShardSet asks_busy_shards(const FlowEngine *e);
void asks_batch_add(EngineBatch *batch, AskEntry *entry);
void asks_batch_drop(EngineBatch *batch);

/* timers.c */
void timers_init(FlowEngine *e);
void timers_deinit(FlowEngine *e);
void timers_set(FlowEngine *e, int64_t flow_id, const char *name, int64_t due_ms);
void timers_cancel(FlowEngine *e, int64_t flow_id, const char *name /* NULL = all */);
void timers_forget_shards(FlowEngine *e, ShardSet set);
