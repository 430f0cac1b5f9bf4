/* A journal in memory, without a thread: its rows are the disk and outlive the process, a transaction takes
 * virtual time, can fail, and is undone when the process dies before its end. */
#pragma once

#include <uthash.h>

#include "store/journal.h"

typedef struct SimDisk SimDisk;

SimDisk *sim_disk_new(void);
void sim_disk_free(SimDisk *d);

/* The journal of one life of the process. */
Journal *sim_journal_open(SimDisk *d);
/* The process dies: the open transaction is undone, batches under way come back as failed. */
void sim_journal_kill(Journal *j);
bool sim_journal_is_idle(const Journal *j);

typedef enum SimTable {
        TABLE_FLOW,
        TABLE_ADDRESS,
        TABLE_INBOX,
        TABLE_SEEN,
        TABLE_TIMER,
        TABLE_ASK,
        SIM_N_TABLES
} SimTable;

/* One row. Which string is what: flow {kind, step, data, status, error}, inbox {event, data}, timer {name},
 * ask {verb, tag, lane, word, key, args, status, error}. */
typedef struct SimRow {
        SimTable table;
        int64_t id, flow_id;
        int64_t at_ms, created_ms, number;
        char *key; /* of address, seen and timer rows */
        char *s[8];
        UT_hash_handle hh;
} SimRow;

size_t sim_disk_n(const SimDisk *d, SimTable table);
SimRow *sim_disk_rows(const SimDisk *d, SimTable table);               /* the first; go on with hh.next */
const SimRow *sim_disk_flow_at(const SimDisk *d, const char *address); /* NULL */
