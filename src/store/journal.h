/* The journal: where everything durable is a row. The engine writes through this interface only; SQLite,
 * memory or PostgreSQL stand behind it.
 *
 * Work is handed over in batches. A batch is one transaction: all its records or none, in their order, and
 * batches commit in the order in which they were submitted. While one is being committed the engine fills the
 * next: that is the group commit. A batch whose commit failed may be submitted again as it is.
 *
 * Several replicas of the gateway may share a journal in PostgreSQL. A flow belongs to the shard of its id's
 * lowest bits, and a shard to one replica at a time, by epochs that only grow. What a replica writes as owner
 * of a shard says so (shard, epoch), and has no effect once somebody else owns it. */
#pragma once

#include "base/buf.h"
#include "loop/loop.h"

#define JOURNAL_SHARDS 64
static inline unsigned journal_shard(int64_t flow_id)
{
        return (unsigned) flow_id & (JOURNAL_SHARDS - 1);
}

typedef enum JournalRecordType {
        /* An event for the flow at `address` ("flow:<16 hex>" or any added address). The dedup key, if any,
         * is entered in the same transaction; a key that is there already makes the record a DUPLICATE.
         * Without a flow there: with `kind` one is made under the id `flow_id` (version `number`, step
         * `step`, data {}), else UNROUTED and nothing is written, not even the key. Fields: address, kind?,
         * step?, number, flow_id, key?, id (of the inbox row), event, data, at_ms. Results: outcome, created,
         * flow_id, owner. */
        JOURNAL_DELIVER,
        JOURNAL_INBOX_PUT,      /* id, flow_id, event, data, at_ms: an event that needs no routing */
        JOURNAL_INBOX_DELETE,   /* id */
        JOURNAL_FLOW_PUT,       /* flow_id, kind, number = version, step, data, at_ms */
        JOURNAL_FLOW_STATUS,    /* flow_id, status ("active", "quarantined"), error? → owner */
        JOURNAL_FLOW_DELETE,    /* flow_id: with its addresses, timers and inbox; its asks live on */
        JOURNAL_ADDRESS_PUT,    /* address, flow_id: the first owner keeps it */
        JOURNAL_ADDRESS_DELETE, /* address, flow_id */
        JOURNAL_TIMER_PUT,      /* flow_id, key = name, at_ms = due */
        JOURNAL_TIMER_DELETE,   /* flow_id, key = name; NULL = all of the flow */
        JOURNAL_ASK_PUT, /* id, flow_id, kind = verb, event = tag, address = lane, number = priority, status =
                          * coalescing word, key, data = args, at_ms */
        JOURNAL_ASK_DELETE, /* id */
        JOURNAL_ASK_DEAD,   /* id, error: kept for an operator to see */
        JOURNAL_PRUNE, /* at_ms: forgets dedup keys that are older, a thousand at a time → number: how many;
                        * and dead asks that are older */
        /* Reads, in order with the writes around them. */
        JOURNAL_LOAD, /* flow_id → result: the flow, or NULL */
        JOURNAL_LIST, /* kind? (NULL = all), status?, step?, number = limit → text: a JSON array of flows, the
                         last changed first */
        JOURNAL_LIST_ASKS, /* status?, number = limit → text: a JSON array of asks, newest first */
        /* Of a journal that several replicas share. */
        JOURNAL_SCAN,   /* number = a mask of shards → rows: what their new owner has to go on with. Pending
                         * asks (ASK_PUT) by id, timers (TIMER_PUT), flows with events in their inbox
                         * (INBOX_PUT). No ask is `fresh` any more after it */
        JOURNAL_LATELY, /* number = a mask of shards, at_ms = since so many ms, 0 = always → rows: what is in
                         * the inboxes of their active flows (INBOX_PUT: id, flow_id) */
        JOURNAL_ASK_FRESH, /* id: is given up without ever having been started */
        JOURNAL_RELEASE,   /* shard, epoch: has no owner any more */
} JournalRecordType;

typedef enum JournalOutcome { JOURNAL_DELIVERED, JOURNAL_DUPLICATE, JOURNAL_UNROUTED } JournalOutcome;

typedef struct JournalInboxRow {
        int64_t id, at_ms;
        char *event, *data;
} JournalInboxRow;

typedef struct JournalFlow {
        char *kind, *step, *data, *status;
        int64_t version;
        JournalInboxRow *inbox; /* oldest first */
        size_t n_inbox;
} JournalFlow;
void journal_flow_free(JournalFlow *f);
DEFINE_CLEANUP(JournalFlow *, journal_flow_free);

typedef struct JournalRecord {
        JournalRecordType type;
        int64_t flow_id, id, number, at_ms;
        /* Strings live in the batch's arena (journal_batch_string()) or outlive the batch. */
        const char *address, *kind, *step, *event, *data, *key, *status, *error;
        /* epoch > 0: written as owner of `shard` in that epoch. When that is over the record is left out, and
         * `stale`. */
        unsigned shard;
        int64_t epoch;
        bool stale;
        bool fresh; /* of an ask that was scanned: nobody has started it */
        JournalOutcome outcome;
        bool created;
        int64_t owner; /* the replica that has the flow's shard; 0 = nobody, or a journal without replicas */
        struct JournalRecord *rows; /* owned by the batch */
        size_t n_rows;
        JournalFlow *result; /* owned by the batch until taken */
        char *text;          /* likewise */
} JournalRecord;

typedef struct JournalBatch JournalBatch;
struct JournalBatch {
        JournalRecord *records;
        size_t n_records, size_records;
        List chunks; /* the arena */
        /* On the loop thread, at most once, and not for every batch: the records have been executed and have
         * their results, and nothing is durable yet. A batch that is submitted in here becomes durable
         * together with this one. When the commit fails, done() says so, and the results are the same when
         * the batch is submitted again. May be NULL. */
        void (*written)(JournalBatch *batch);
        bool was_written; /* written() has been called */
        /* On the loop thread, in order of submission. r < 0: nothing was written, and nothing that was
         * submitted behind it. The batch is the callee's again. */
        void (*done)(JournalBatch *batch, int r);
        void *userdata;
        List link;            /* the journal's while submitted */
        uint64_t transaction; /* the journal's own: in which it was last tried */
};

JournalBatch *journal_batch_new(void (*done)(JournalBatch *batch, int r), void *userdata);
void journal_batch_free(JournalBatch *b);
const char *journal_batch_string(JournalBatch *b, const char *s); /* copied into the arena; NULL stays NULL */
/* Appended, zeroed; valid until the next call. */
JournalRecord *journal_batch_add(JournalBatch *b, JournalRecordType type);
/* Forgets results: before the batch is executed once more. */
void journal_batch_reset(JournalBatch *b);

#define JOURNAL_IDS_OF_TIME (-1)

typedef struct Journal Journal;
typedef struct JournalScan {
        void (*on_ask)(void *userdata,
                       const JournalRecord *ask); /* pending ones, by id, as JOURNAL_ASK_PUT */
        void (*on_timer)(void *userdata, const JournalRecord *timer); /* as JOURNAL_TIMER_PUT */
        void (*on_waiting)(void *userdata, int64_t flow_id); /* active flows with events in their inbox */
        /* Result: the highest id that inbox or asks ever had, of deleted rows too. JOURNAL_IDS_OF_TIME:
         * others write as well, and an id is made of the time and the replica (engine_next_id()). */
        int64_t last_id;
} JournalScan;

typedef struct JournalOps {
        void (*submit)(Journal *j, JournalBatch *batch);
        /* Before the first submit: what a restart has to go on with. */
        int (*scan)(Journal *j, JournalScan *scan, void *userdata);
        void (*free)(Journal *j); /* after the last batch is done */
} JournalOps;
struct Journal {
        const JournalOps *ops;
};

static inline void journal_submit(Journal *j, JournalBatch *batch)
{
        j->ops->submit(j, batch);
}
static inline int journal_scan(Journal *j, JournalScan *scan, void *userdata)
{
        return j->ops->scan(j, scan, userdata);
}
static inline void journal_free(Journal *j)
{
        if (j)
                j->ops->free(j);
}
DEFINE_CLEANUP(Journal *, journal_free);
