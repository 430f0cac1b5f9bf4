/* One connection to PostgreSQL, used by one thread, with deadlines: libpq's blocking calls wait for a silent
 * server for as long as TCP does. Shared by the journal and the cluster's link. */
#pragma once

#include <libpq-fe.h>

#include "base/macro.h"

/* Connects within `timeout_ms`. UTF-8, no notices; a commit is durable at least on the server itself.
 * `application_name` tells connections apart in pg_stat_activity. < 0: *ret_error is owned, and without the
 * password. */
int postgres_connect(PGconn **ret, const char *url, const char *application_name, int64_t timeout_ms,
                     char **ret_error);

/* Waits until the next result stands or `deadline_ms` (monotonic) is over; sends meanwhile what is queued.
 * *ret is owned, NULL = the end of one statement's results. < 0: the connection is of no further use. */
int postgres_next_result(PGconn *conn, int64_t deadline_ms, PGresult **ret);

/* Runs one or several statements without parameters. */
int postgres_run(PGconn *conn, const char *sql, int64_t timeout_ms);

/* The statement's one result; NULL = fault (logged). */
PGresult *postgres_query(PGconn *conn, const char *sql, int n_params, const char *const *params,
                         int64_t timeout_ms);

/* The schema of this program, made or brought up to date; replicas that start together do it one after the
 * other. */
typedef enum PostgresOutcome {
        POSTGRES_E_NEWER = 1 /* its schema is newer than this program */
} PostgresOutcome;
int postgres_migrate(PGconn *conn, int64_t timeout_ms);

int64_t postgres_int(const PGresult *result, int row, int column); /* 0 for NULL */
char *postgres_text(const PGresult *result, int row, int column);  /* owned; NULL for NULL */

static inline void postgres_clearp(PGresult **r)
{
        PQclear(*r);
}
#define _cleanup_result_ _cleanup_(postgres_clearp)
