/* Between journal-postgres.c (the thread, its transactions) and journal-postgres-records.c (what one record
 * is in SQL). */
#pragma once

#include "store/journal.h"
#include "store/postgres.h"

/* How a transaction goes wrong without being lost. */
typedef enum PostgresRecordOutcome {
        POSTGRES_RECORD_E_AGAIN = 1, /* a deadlock or a conflict: the whole transaction again, at once */
        POSTGRES_RECORD_E_FENCED,    /* a shard has changed hands: again, without what was written for it */
} PostgresRecordOutcome;

/* Prepares every statement. */
int postgres_records_prepare(PGconn *conn, int64_t timeout_ms);

/* In pipeline mode: queues the statements of a record, without waiting. */
int postgres_record_send(PGconn *conn, const JournalRecord *rec);
/* Reads their results, in the same order, into the record; strings go into the batch's arena. > 0:
 * PostgresRecordOutcome, the transaction is aborted. */
int postgres_record_read(PGconn *conn, JournalBatch *batch, JournalRecord *rec, int64_t deadline_ms);

/* One result of a statement in the pipeline, owned; outcomes as above. *ret_detail (may be NULL): the
 * message of the error, owned. */
int postgres_pipeline_result(PGconn *conn, int64_t deadline_ms, PGresult **ret, char **ret_detail);
