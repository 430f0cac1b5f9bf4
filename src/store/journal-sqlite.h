/* The journal in SQLite: one writer thread, WAL, synchronous=FULL, group commit. */
#pragma once

#include "store/journal.h"

typedef struct JournalSqliteConfig {
        const char *path; /* of the database file; NULL = in memory, for tests */
        /* An instant that tests put a failing disk into: called before each commit; < 0 fails it. May be
         * NULL. */
        int (*before_commit)(void *userdata);
        void *userdata;
        /* No transaction is held open for what follows from it (JournalBatch.written): for tests of what lies
         * between an event's commit and its turn's. */
        bool never_hold;
} JournalSqliteConfig;

typedef enum JournalSqliteOutcome {
        JOURNAL_SQLITE_E_LOCKED = 1, /* another gateway has it */
        JOURNAL_SQLITE_E_NEWER,      /* its schema is newer than this program */
        JOURNAL_SQLITE_E_DAMAGED,    /* not a database, or its pages do not add up */
} JournalSqliteOutcome;

/* Opens, locks, migrates. Blocks: called before the loop runs. */
int journal_sqlite_open(Journal **ret, Loop *loop, const JournalSqliteConfig *config);
