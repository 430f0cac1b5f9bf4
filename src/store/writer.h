/* The thread behind a journal: takes what was submitted, in order, has it executed as one transaction at a
 * time, and hands it back to the loop. */
#pragma once

#include "loop/loop.h"
#include "store/journal.h"

typedef struct JournalWriter JournalWriter;

typedef struct JournalWriterConfig {
        const char *failed; /* what is logged of a transaction that failed; static */
        /* On the thread: one transaction of these batches, never none. Those that were taken along
         * (journal_writer_hold()) are added to the list. */
        int (*execute)(void *journal, List *batches);
        void *journal;
} JournalWriterConfig;

JournalWriter *journal_writer_new(Loop *loop, const JournalWriterConfig *config);
int journal_writer_start(JournalWriter *w); /* its thread; before the first submit */
/* Joins the thread; what was submitted and is not done stays undone. Takes NULL. */
void journal_writer_free(JournalWriter *w);

/* Loop thread. The batch's done() is called there, too. */
void journal_writer_submit(JournalWriter *w, JournalBatch *batch);
/* Within execute(): has the loop call written() of these batches, and waits for that. `ret_next` gets what
 * was submitted meanwhile, to become part of the same transaction. */
void journal_writer_hold(JournalWriter *w, List *batches, List *ret_next);
