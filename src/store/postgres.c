#include "store/postgres.h"

#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "schema-postgres-2-sql.h"
#include "schema-postgres-sql.h"

/* "OpenCode" as a number: one gateway at a time migrates. */
#define MIGRATION_LOCK 0x4f70656e436f6465LL

/* In order; what has been released is never changed. */
static const char *const migrations[] = {schema_postgres_sql, schema_postgres_2_sql};

static int wait_socket(PGconn *conn, short events, int64_t deadline_ms)
{
        struct pollfd fd = {.fd = PQsocket(conn), .events = events};
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        int r;

        if (fd.fd < 0)
                return error_origin(-ENOTCONN);
        if (left_ms <= 0)
                return error_origin(-ETIMEDOUT);
        r = poll(&fd, 1, (int) MIN2(left_ms, (int64_t) 60000));
        return r < 0 && errno != EINTR ? error_origin(-errno) : 0;
}

static int finish_connecting(PGconn *conn, int64_t deadline_ms)
{
        PostgresPollingStatusType status = PGRES_POLLING_WRITING;
        int r = 0;

        while (r >= 0 && status != PGRES_POLLING_OK) {
                if (status == PGRES_POLLING_FAILED)
                        return error_origin(-ECONNREFUSED);
                r = wait_socket(conn, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_ms);
                if (r >= 0)
                        status = PQconnectPoll(conn);
        }
        return error_trace(r);
}

static void no_notices(void *userdata, const PGresult *result)
{
        (void) userdata;
        (void) result;
}

int postgres_connect(PGconn **ret, const char *url, const char *application_name, int64_t timeout_ms,
                     char **ret_error)
{
        /* What stands before `dbname` the address may override. The time-outs of TCP notice a server that is
         * gone without a word, between the deadlines of statements. */
        static const char *const keys[] = {
                "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
                "dbname",          "application_name",    "client_encoding",  NULL};
        const char *values[] = {"5", "2", "3", "15000", url, application_name, "UTF8", NULL};
        PGconn *conn = PQconnectStartParams(keys, values, 1);
        int r = finish_connecting(conn, clock_monotonic_ms() + timeout_ms);

        if (r >= 0) {
                PQsetNoticeReceiver(conn, no_notices, NULL);
                PQsetnonblocking(conn, 1);
                /* Less than "on" would acknowledge what a crash forgets; more is the operator's choice. What
                 * dies between two statements must not keep its locks. */
                r = postgres_run(conn,
                                 "SELECT set_config('synchronous_commit', 'on', false) WHERE "
                                 "current_setting('synchronous_commit') IN ('off', 'local'); "
                                 "SET idle_in_transaction_session_timeout = '5s'",
                                 timeout_ms);
        }
        if (r < 0) {
                const char *said = PQerrorMessage(conn);

                *ret_error = mem_strdup(str_empty(said) ? strerror(-r) : said);
                (*ret_error)[strcspn(*ret_error, "\n")] = 0;
                PQfinish(conn);
                return error_trace(r);
        }
        *ret = conn;
        return 0;
}

int postgres_next_result(PGconn *conn, int64_t deadline_ms, PGresult **ret)
{
        int flushed = PQflush(conn), r;

        *ret = NULL;
        while (flushed != 0 || PQisBusy(conn)) {
                if (flushed < 0)
                        return error_origin(-EPIPE);
                r = wait_socket(conn, flushed > 0 ? POLLIN | POLLOUT : POLLIN, deadline_ms);
                if (r < 0)
                        return error_trace(r);
                if (!PQconsumeInput(conn))
                        return error_origin(-ECONNRESET);
                flushed = PQflush(conn);
        }
        *ret = PQgetResult(conn);
        return PQstatus(conn) == CONNECTION_OK ? 0 : error_origin(-ECONNRESET);
}

static bool is_good(const PGresult *result)
{
        ExecStatusType status = PQresultStatus(result);

        return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

/* All results of what was sent; the last one in *ret, if wanted. */
static int collect(PGconn *conn, int64_t timeout_ms, PGresult **ret)
{
        int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
        int r = 0, failed = 0;

        for (;;) {
                _cleanup_result_ PGresult *result = NULL;

                r = postgres_next_result(conn, deadline_ms, &result);
                if (r < 0 || !result)
                        break;
                if (!is_good(result)) {
                        log_error("postgres", "%s", PQresultErrorMessage(result));
                        failed = -EIO;
                }
                if (ret) {
                        PQclear(*ret);
                        *ret = take(result);
                }
        }
        return r < 0 ? error_trace(r) : failed ? error_origin(failed) : 0;
}

int postgres_run(PGconn *conn, const char *sql, int64_t timeout_ms)
{
        if (!PQsendQuery(conn, sql))
                return error_origin(-ENOTCONN);
        return error_trace(collect(conn, timeout_ms, NULL));
}

PGresult *postgres_query(PGconn *conn, const char *sql, int n_params, const char *const *params,
                         int64_t timeout_ms)
{
        PGresult *result = NULL;
        int r = -ENOTCONN;

        if (PQsendQueryParams(conn, sql, n_params, NULL, params, NULL, NULL, 0))
                r = collect(conn, timeout_ms, &result);
        if (r >= 0 && result)
                return result;
        PQclear(result);
        return NULL;
}

static int apply(PGconn *conn, size_t number, int64_t timeout_ms)
{
        _cleanup_free_ char *note = mem_printf("INSERT INTO migration (number) VALUES (%zu)", number);
        int r = postgres_run(conn, migrations[number - 1], timeout_ms);

        return r < 0 ? error_trace(r) : error_trace(postgres_run(conn, note, timeout_ms));
}

static int migrate_locked(PGconn *conn, int64_t timeout_ms)
{
        _cleanup_result_ PGresult *result = NULL;
        int64_t done;
        int r = postgres_run(conn,
                             "CREATE TABLE IF NOT EXISTS migration (number bigint PRIMARY KEY, "
                             "applied_at timestamptz NOT NULL DEFAULT now())",
                             timeout_ms);

        if (r < 0)
                return error_trace(r);
        result = postgres_query(conn, "SELECT coalesce(max(number), 0) FROM migration", 0, NULL, timeout_ms);
        if (!result)
                return error_origin(-EIO);
        done = postgres_int(result, 0, 0);
        if (done > (int64_t) ELEMENTSOF(migrations))
                return POSTGRES_E_NEWER;
        for (size_t number = (size_t) done + 1; r >= 0 && number <= ELEMENTSOF(migrations); number++)
                r = apply(conn, number, timeout_ms);
        return error_trace(r);
}

int postgres_migrate(PGconn *conn, int64_t timeout_ms)
{
        _cleanup_free_ char *begin = mem_printf("BEGIN; SELECT pg_advisory_xact_lock(%lld)", MIGRATION_LOCK);
        int r = postgres_run(conn, begin, timeout_ms);

        if (r >= 0)
                r = migrate_locked(conn, timeout_ms);
        if (r != 0) {
                (void) postgres_run(conn, "ROLLBACK", timeout_ms);
                return r < 0 ? error_trace(r) : r;
        }
        return error_trace(postgres_run(conn, "COMMIT", timeout_ms));
}

int64_t postgres_int(const PGresult *result, int row, int column)
{
        return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

char *postgres_text(const PGresult *result, int row, int column)
{
        return PQgetisnull(result, row, column) ? NULL : mem_strdup(PQgetvalue(result, row, column));
}
