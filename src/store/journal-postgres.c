/* The journal in PostgreSQL: like the one in SQLite, a thread that takes all batches that wait and makes one
 * transaction of them; while it commits, the next ones gather.
 *
 * A transaction is two round trips: everything is sent at once, the results are read, then COMMIT is sent.
 * So nothing is uncertain but a COMMIT whose answer did not come, and all results are known by then. Every
 * transaction writes its number into the journal's own row of `writer`; whoever reconnects reads that row,
 * which waits for what the old connection may still be doing, and knows whether the last one was committed.
 * Its batches, which the engine submits again as they are, are then done without being executed.
 *
 * Rejected: COMMIT in the first round trip (after a cut the outcome of each delivery would have to be
 * guessed), one transaction per batch, two-phase commit, a second connection for reads. */
#include "store/journal-postgres.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "store/journal-postgres-internal.h"
#include "store/writer.h"

#define CONNECT_TIMEOUT_MS     5000
#define STATEMENT_TIMEOUT_MS   20000
#define MIGRATION_TIMEOUT_MS   60000
#define OPEN_RETRY_MS          250
#define TRIES_MAX              8 /* of one transaction at once; then the engine waits before it tries again */
#define APPLICATION_NAME_BYTES 48
#define TRANSACTION_DONE       UINT64_MAX

typedef struct JournalPostgres {
        Journal base;
        JournalPostgresConfig config;
        char name[APPLICATION_NAME_BYTES]; /* of our connections: "opencode-slack journal <writer>" */
        int64_t writer;
        PGconn *conn;         /* NULL = none; the thread's */
        uint64_t transaction; /* number of the last one that was begun */
        uint64_t committed;   /* as the database said when we connected */
        bool was_connected;

        JournalWriter *thread;
} JournalPostgres;

/* ---- the connection ---- */

static void disconnect(JournalPostgres *j)
{
        if (j->conn)
                PQfinish(take(j->conn));
}

/* What an earlier connection was doing is over when this returns: a row that it has changed is locked until
 * then. One that the server has not noticed to be dead is ended first. */
static int find_committed(JournalPostgres *j)
{
        _cleanup_free_ char *writer = mem_printf("%lld", (long long) j->writer);
        const char *params[] = {writer, j->name};
        _cleanup_result_ PGresult *ended = NULL, *row = NULL;

        ended = postgres_query(
                j->conn,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 "
                "AND pid <> pg_backend_pid()",
                1, params + 1, STATEMENT_TIMEOUT_MS);
        if (!ended)
                return error_origin(-EIO);
        row = postgres_query(j->conn, "SELECT transaction_number FROM writer WHERE id = $1 FOR UPDATE", 1,
                             params, STATEMENT_TIMEOUT_MS);
        if (!row)
                return error_origin(-EIO);
        if (PQntuples(row) > 0) {
                j->committed = (uint64_t) postgres_int(row, 0, 0);
                return 0;
        }
        PQclear(row);
        row = postgres_query(j->conn, "INSERT INTO writer (id, transaction_number) VALUES ($1, 0)", 1, params,
                             STATEMENT_TIMEOUT_MS);
        return row ? 0 : error_origin(-EIO);
}

static int connect_now(JournalPostgres *j, char **ret_error)
{
        int r = postgres_connect(&j->conn, j->config.url, j->name, CONNECT_TIMEOUT_MS, ret_error);

        if (r >= 0 && !j->was_connected)
                r = postgres_migrate(j->conn, MIGRATION_TIMEOUT_MS);
        if (r == 0)
                r = postgres_records_prepare(j->conn, STATEMENT_TIMEOUT_MS);
        if (r == 0)
                r = postgres_run(
                        j->conn,
                        "PREPARE fence AS SELECT journal_fence($1::bigint[], $2::bigint[]); "
                        "PREPARE mark AS UPDATE writer SET transaction_number = $2, at = now() WHERE id = $1",
                        STATEMENT_TIMEOUT_MS);
        if (r == 0)
                r = find_committed(j);
        if (r == 0 && !PQenterPipelineMode(j->conn))
                r = error_origin(-EPROTO);
        if (r != 0)
                disconnect(j);
        return r < 0 ? error_trace(r) : r;
}

static int ensure_connected(JournalPostgres *j)
{
        _cleanup_free_ char *error = NULL;
        int r;

        if (j->conn)
                return 0;
        r = connect_now(j, &error);
        if (r < 0)
                log_error("journal", "the database cannot be reached: %s", error ? error : strerror(-r));
        else
                log_info("journal", "connected to the database again");
        return error_trace(r);
}

/* ---- a transaction ---- */

/* The shards for whose owner something is written, each once, as arrays of PostgreSQL. */
static size_t collect_fences(const List *batches, Buf *shards, Buf *epochs)
{
        int64_t seen[JOURNAL_SHARDS] = {0};
        size_t n = 0;

        list_for_each (node, (List *) batches) {
                const JournalBatch *b = list_entry(node, JournalBatch, link);

                for (size_t i = 0; i < b->n_records; i++) {
                        const JournalRecord *rec = &b->records[i];

                        if (rec->epoch == 0 || rec->stale || seen[rec->shard] == rec->epoch)
                                continue;
                        /* Two epochs of one shard: the fence names the older one, and comes again. */
                        seen[rec->shard] = rec->epoch;
                        buf_printf(shards, "%c%u", n ? ',' : '{', rec->shard);
                        buf_printf(epochs, "%c%lld", n ? ',' : '{', (long long) rec->epoch);
                        n++;
                }
        }
        buf_append_char(shards, '}');
        buf_append_char(epochs, '}');
        return n;
}

static int send_prepared(JournalPostgres *j, const char *name, const char *a, const char *b)
{
        const char *values[] = {a, b};

        return PQsendQueryPrepared(j->conn, name, a ? 2 : 0, values, NULL, NULL, 0) ? 0
                                                                                    : error_origin(-ENOTCONN);
}

static int send_plain(JournalPostgres *j, const char *sql)
{
        return PQsendQueryParams(j->conn, sql, 0, NULL, NULL, NULL, NULL, 0) ? 0 : error_origin(-ENOTCONN);
}

static int send_all(JournalPostgres *j, const List *batches, bool *ret_fenced)
{
        _cleanup_buf_ Buf shards = {0}, epochs = {0};
        char writer[24], number[24];
        int r = send_plain(j, "BEGIN");

        *ret_fenced = collect_fences(batches, &shards, &epochs) > 0;
        if (r >= 0 && *ret_fenced)
                r = send_prepared(j, "fence", buf_bytes(&shards), buf_bytes(&epochs));
        list_for_each (node, (List *) batches) {
                const JournalBatch *b = list_entry(node, JournalBatch, link);

                for (size_t i = 0; r >= 0 && i < b->n_records; i++)
                        if (!b->records[i].stale)
                                r = postgres_record_send(j->conn, &b->records[i]);
        }
        snprintf(writer, sizeof(writer), "%lld", (long long) j->writer);
        snprintf(number, sizeof(number), "%llu", (unsigned long long) j->transaction);
        if (r >= 0)
                r = send_prepared(j, "mark", writer, number);
        /* A sync, not a flush: only at a sync does the server count how long a transaction has been idle, and
         * one whose process is paused must let go of its locks. It does not commit what BEGIN has begun. */
        if (r >= 0 && !PQpipelineSync(j->conn))
                r = error_origin(-ENOTCONN);
        return error_trace(r);
}

static int read_all(JournalPostgres *j, const List *batches, bool fenced, int64_t deadline_ms,
                    char **ret_detail, bool *ret_synced)
{
        _cleanup_result_ PGresult *begin = NULL, *fence = NULL, *mark = NULL, *sync = NULL;
        int r = postgres_pipeline_result(j->conn, deadline_ms, &begin, NULL);

        if (r == 0 && fenced)
                r = postgres_pipeline_result(j->conn, deadline_ms, &fence, ret_detail);
        list_for_each (node, (List *) batches) {
                JournalBatch *b = list_entry(node, JournalBatch, link);

                for (size_t i = 0; r == 0 && i < b->n_records; i++)
                        if (!b->records[i].stale)
                                r = postgres_record_read(j->conn, b, &b->records[i], deadline_ms);
        }
        if (r == 0)
                r = postgres_pipeline_result(j->conn, deadline_ms, &mark, NULL);
        if (r == 0)
                r = postgres_pipeline_result(j->conn, deadline_ms, &sync, NULL);
        *ret_synced = r == 0;
        if (r == 0 && strcmp(PQcmdTuples(mark), "1") != 0)
                return error_origin(-EIO); /* our row is gone: connecting makes it anew */
        return r < 0 ? error_trace(r) : r;
}

/* Reads and drops everything up to the next sync. */
static int drain(JournalPostgres *j, int64_t deadline_ms)
{
        for (;;) {
                _cleanup_result_ PGresult *result = NULL;
                int r = postgres_next_result(j->conn, deadline_ms, &result);

                if (r < 0)
                        return error_trace(r);
                if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
                        return 0;
        }
}

/* Ends what was begun; `synced`: the results up to the sync of send_all() have been read. */
static int roll_back(JournalPostgres *j, bool synced, int64_t deadline_ms)
{
        int r = synced ? 0 : drain(j, deadline_ms);

        if (r >= 0 && (send_plain(j, "ROLLBACK") < 0 || !PQpipelineSync(j->conn)))
                r = error_origin(-ENOTCONN);
        if (r >= 0)
                r = drain(j, deadline_ms);
        if (r < 0)
                return error_trace(r);
        return PQtransactionStatus(j->conn) == PQTRANS_IDLE ? 0 : error_origin(-EPROTO);
}

static int commit(JournalPostgres *j, int64_t deadline_ms)
{
        _cleanup_result_ PGresult *result = NULL, *sync = NULL;
        int r;

        if (send_plain(j, "COMMIT") < 0 || !PQpipelineSync(j->conn))
                return error_origin(-ENOTCONN);
        r = postgres_pipeline_result(j->conn, deadline_ms, &result, NULL);
        if (r == 0)
                r = postgres_pipeline_result(j->conn, deadline_ms, &sync, NULL);
        FAILPOINT("journal.after_commit");
        if (r == 0 && !str_equal(PQcmdStatus(result), "COMMIT"))
                return error_origin(-EIO);
        return r < 0 ? error_trace(r) : r;
}

static void mark_records(const List *batches, unsigned shard, int64_t epoch)
{
        log_warn("journal", "shard %u has changed hands: what was written for it is left out", shard);
        list_for_each (node, (List *) batches) {
                JournalBatch *b = list_entry(node, JournalBatch, link);

                for (size_t i = 0; i < b->n_records; i++)
                        if (b->records[i].epoch == epoch && b->records[i].shard == shard)
                                b->records[i].stale = true;
        }
}

/* `fence`: what journal_fence() said, "<shard>/<epoch> …". An epoch that is over stays so. */
static void mark_stale(const List *batches, const char *fence)
{
        while (!str_empty(fence)) {
                char *end;
                unsigned shard = (unsigned) strtoul(fence, &end, 10);

                if (*end != '/')
                        return;
                mark_records(batches, shard, strtoll(end + 1, &end, 10));
                fence = end + strspn(end, " ");
        }
}

/* An attempt may have left somebody else's id in a delivery that makes a flow, and that flow may be gone. */
static void forget_results(JournalBatch *b)
{
        journal_batch_reset(b);
        b->transaction = 0;
        for (size_t i = 0; i < b->n_records; i++)
                if (b->records[i].type == JOURNAL_DELIVER && b->records[i].kind)
                        b->records[i].flow_id =
                                (int64_t) ((random_u64() >> 1 & ~(uint64_t) (JOURNAL_SHARDS - 1)) |
                                           journal_shard(b->records[i].flow_id));
}

/* One attempt, connected. */
static int try_once(JournalPostgres *j, const List *batches, char **ret_stale)
{
        int64_t deadline_ms = clock_monotonic_ms() + STATEMENT_TIMEOUT_MS;
        bool fenced, synced = false;
        int r;

        j->transaction++;
        list_for_each (node, (List *) batches)
                list_entry(node, JournalBatch, link)->transaction = j->transaction;
        r = send_all(j, batches, &fenced);
        if (r == 0)
                r = read_all(j, batches, fenced, deadline_ms, ret_stale, &synced);
        FAILPOINT("journal.before_commit");
        if (r == 0 && j->config.before_commit)
                r = j->config.before_commit(j->config.userdata);
        if (r == 0) {
                r = commit(j, deadline_ms);
                if (r != 0) /* nobody knows: the next connection finds out */
                        disconnect(j);
                return r < 0 ? error_trace(r) : r;
        }
        list_for_each (node, (List *) batches)
                forget_results(list_entry(node, JournalBatch, link));
        if (PQstatus(j->conn) != CONNECTION_OK || roll_back(j, synced, deadline_ms) < 0)
                disconnect(j);
        return r < 0 ? error_trace(r) : r;
}

/* Said once and for all: the database remembers the last transaction only. */
static bool is_committed(const JournalPostgres *j, JournalBatch *b)
{
        if (b->transaction > 0 && b->transaction == j->committed)
                b->transaction = TRANSACTION_DONE;
        return b->transaction == TRANSACTION_DONE;
}

static int exec_batches(JournalPostgres *j, List *batches)
{
        int r = -EIO;
        List done;

        list_init(&done);
        for (unsigned n = 0; n < TRIES_MAX; n++) {
                _cleanup_free_ char *stale = NULL;
                bool was_connected = j->conn != NULL;

                r = ensure_connected(j);
                if (r < 0)
                        break;
                list_for_each_safe (node, batches) {
                        JournalBatch *b = list_entry(node, JournalBatch, link);

                        if (is_committed(j, b)) {
                                list_remove(node);
                                list_append(&done, node);
                        } else if (b->transaction > 0)
                                forget_results(b);
                }
                r = list_empty(batches) ? 0 : try_once(j, batches, &stale);
                if (r == POSTGRES_RECORD_E_FENCED)
                        mark_stale(batches, stale);
                else if (r <= 0 && (r == 0 || j->conn || !was_connected))
                        break; /* a connection that was found dead is replaced at once */
        }
        list_move_all(&done, batches);
        list_move_all(batches, &done);
        return r > 0 ? error_origin(-EAGAIN) : error_trace(r);
}

/* ---- the journal ---- */

static int execute(void *journal, List *batches)
{
        return exec_batches(journal, batches);
}

static void postgres_submit(Journal *base, JournalBatch *batch)
{
        journal_writer_submit(container_of(base, JournalPostgres, base)->thread, batch);
}

/* On the caller's thread, before the writer has anything to do: its connection is idle. */
static int postgres_scan(Journal *base, JournalScan *scan, void *userdata)
{
        JournalPostgres *j = container_of(base, JournalPostgres, base);
        int (*before_commit)(void *userdata) = j->config.before_commit;
        JournalBatch *b = journal_batch_new(NULL, NULL);
        JournalRecord *rec = journal_batch_add(b, JOURNAL_SCAN);
        List batches;
        int r;

        scan->last_id = JOURNAL_IDS_OF_TIME;
        rec->number = -1; /* all shards */
        list_init(&batches);
        list_append(&batches, &b->link);
        j->config.before_commit = NULL; /* nothing is written */
        r = exec_batches(j, &batches);
        j->config.before_commit = before_commit;
        list_remove(&b->link);
        for (size_t i = 0; r >= 0 && i < rec->n_rows; i++) {
                const JournalRecord *row = &rec->rows[i];

                if (row->type == JOURNAL_ASK_PUT)
                        scan->on_ask(userdata, row);
                else if (row->type == JOURNAL_TIMER_PUT)
                        scan->on_timer(userdata, row);
                else
                        scan->on_waiting(userdata, row->flow_id);
        }
        journal_batch_free(b);
        return error_trace(r);
}

static void postgres_free(Journal *base)
{
        JournalPostgres *j = container_of(base, JournalPostgres, base);

        journal_writer_free(j->thread);
        disconnect(j);
        free(j);
}

static const JournalOps postgres_ops = {
        .submit = postgres_submit, .scan = postgres_scan, .free = postgres_free};

static int open_database(JournalPostgres *j, char **ret_error)
{
        int64_t deadline_ms = clock_monotonic_ms() + j->config.patience_ms;
        int r;

        for (;;) {
                r = connect_now(j, ret_error);
                if (r >= 0 || clock_monotonic_ms() >= deadline_ms)
                        break;
                log_warn("journal", "the database cannot be reached yet: %s", *ret_error ? *ret_error : "?");
                mem_strset(ret_error, NULL);
                nanosleep(&(struct timespec){.tv_nsec = OPEN_RETRY_MS * 1000000L}, NULL);
        }
        j->was_connected = r == 0;
        return r < 0 ? error_trace(r) : r;
}

int journal_postgres_open(Journal **ret, Loop *loop, const JournalPostgresConfig *config, char **ret_error)
{
        JournalPostgres *j = mem_new(JournalPostgres);
        int r;

        j->base.ops = &postgres_ops;
        j->config = *config;
        j->writer = (int64_t) (random_u64() >> 1);
        snprintf(j->name, sizeof(j->name), "opencode-slack journal %016llx", (unsigned long long) j->writer);
        j->thread = journal_writer_new(
                loop, &(JournalWriterConfig){.failed = "a transaction failed, or nobody knows yet",
                                             .execute = execute,
                                             .journal = j});
        *ret_error = NULL;
        r = open_database(j, ret_error);
        if (r == 0)
                r = journal_writer_start(j->thread);
        if (r != 0) {
                postgres_free(&j->base);
                return r < 0 ? error_trace(r) : r;
        }
        *ret = &j->base;
        return 0;
}
