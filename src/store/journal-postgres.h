/* The journal in PostgreSQL 15 or later: one writer thread with a connection of its own, group commit, and
 * several gateways on one database. */
#pragma once

#include "store/journal.h"
#include "store/postgres.h"

typedef struct JournalPostgresConfig {
        const char *url;     /* postgres://user:password@host/database?…; borrowed for the journal's life */
        int64_t patience_ms; /* of the opening, for a database that is just starting; 0 = one try */
        /* An instant that tests put a failing database into: called before each commit; < 0 fails it. May be
         * NULL. */
        int (*before_commit)(void *userdata);
        void *userdata;
} JournalPostgresConfig;

/* Connects and migrates. Blocks: called before the loop runs. POSTGRES_E_NEWER, or < 0: *ret_error is an
 * owned text for the operator, without the password. */
int journal_postgres_open(Journal **ret, Loop *loop, const JournalPostgresConfig *config, char **ret_error);
