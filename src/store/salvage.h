/* A damaged SQLite journal: what can still be read is taken over into a new file. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct SalvageReport {
        char *kept_as;      /* where the damaged file is now; owned */
        int64_t n_flows;    /* taken over */
        int64_t n_rows;     /* of all tables, flows included */
        bool incomplete;    /* some rows could not be read */
        bool keys_are_lost; /* among them keys by which a repeated input is recognised */
} SalvageReport;
void salvage_report_deinit(SalvageReport *r);

typedef enum SalvageOutcome {
        SALVAGE_E_FOREIGN = 1, /* not a SQLite database at all: left alone, it may be somebody's */
} SalvageOutcome;

/* Moves the database at `path` (and its -wal) aside, makes a new one with schema.sql, and copies every row
 * that can be read. The caller holds the journal's lock, or is the only one to know the path. Blocks. When it
 * fails the damaged file is where it was, or where ret->kept_as says. */
int journal_salvage(const char *path, SalvageReport *ret);
