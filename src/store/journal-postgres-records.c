/* Each record is one prepared statement or two. All of a transaction are sent before the first result is
 * read: what a delivery does depends on what it finds, and is therefore a function in the database
 * (schema-postgres.sql). */
#include "store/journal-postgres-internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"

#define PARAMS_MAX 12
#define PRUNE_ROWS "1000"
#define INT_DIGITS 24

typedef enum Statement {
        SQL_DELIVER,
        SQL_INBOX_PUT,
        SQL_INBOX_DELETE,
        SQL_FLOW_PUT,
        SQL_FLOW_STATUS,
        SQL_FLOW_DELETE,
        SQL_ADDRESS_PUT,
        SQL_ADDRESS_DELETE,
        SQL_TIMER_PUT,
        SQL_TIMER_DELETE,
        SQL_TIMER_CLEAR,
        SQL_ASK_PUT,
        SQL_ASK_DELETE,
        SQL_ASK_DEAD,
        SQL_PRUNE_ASKS,
        SQL_PRUNE_SEEN,
        SQL_FLOW_GET,
        SQL_INBOX_GET,
        SQL_LIST,
        SQL_LIST_ASKS,
        SQL_SCAN_ASKS,
        SQL_SCAN_TIMERS,
        SQL_SCAN_WAITING,
        SQL_SCAN_UNFRESH,
        SQL_LATELY,
        SQL_ASK_FRESH,
        SQL_RELEASE,
        N_STATEMENTS,
} Statement;

static const char *const statement_sql[N_STATEMENTS] = {
        [SQL_DELIVER] = "SELECT outcome, created, flow_id, owner FROM journal_deliver($1::text, $2::bigint, "
                        "$3::text, $4::text, $5::bigint, $6::bigint, $7::text, $8::bigint, $9::text, "
                        "$10::text, $11::bigint)",
        [SQL_INBOX_PUT] = "INSERT INTO inbox (id, flow_id, event, data, at_ms) VALUES ($1, $2, $3, $4, $5)",
        [SQL_INBOX_DELETE] = "DELETE FROM inbox WHERE id = $1",
        [SQL_FLOW_PUT] = "UPDATE flow SET version = $2, step = $3, data = $4, updated_ms = $5 WHERE id = $1",
        [SQL_FLOW_STATUS] = "SELECT journal_flow_status($1::bigint, $2::text, $3::text)",
        [SQL_FLOW_DELETE] = "SELECT journal_flow_delete($1::bigint)",
        [SQL_ADDRESS_PUT] = "INSERT INTO address (address, flow_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        [SQL_ADDRESS_DELETE] = "DELETE FROM address WHERE address = $1 AND flow_id = $2",
        [SQL_TIMER_PUT] = "INSERT INTO timer (flow_id, name, due_ms) VALUES ($1, $2, $3) "
                          "ON CONFLICT (flow_id, name) DO UPDATE SET due_ms = EXCLUDED.due_ms",
        [SQL_TIMER_DELETE] = "DELETE FROM timer WHERE flow_id = $1 AND name = $2",
        [SQL_TIMER_CLEAR] = "DELETE FROM timer WHERE flow_id = $1",
        [SQL_ASK_PUT] =
                "INSERT INTO ask (id, flow_id, verb, tag, lane, priority, coalesce_word, key, args, created_ms) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        [SQL_ASK_DELETE] = "DELETE FROM ask WHERE id = $1",
        [SQL_ASK_DEAD] = "UPDATE ask SET status = 'dead', error = $2 WHERE id = $1",
        [SQL_PRUNE_ASKS] = "DELETE FROM ask WHERE status = 'dead' AND created_ms < $1",
        /* Two gateways that prune at once take different rows. */
        [SQL_PRUNE_SEEN] =
                "DELETE FROM seen WHERE id IN (SELECT s.id FROM seen s WHERE s.id IN (SELECT id FROM "
                "(SELECT id, at_ms FROM seen ORDER BY id LIMIT " PRUNE_ROWS ") first WHERE at_ms < $1) "
                "FOR UPDATE SKIP LOCKED)",
        [SQL_FLOW_GET] = "SELECT kind, version, step, data, status FROM flow WHERE id = $1",
        [SQL_INBOX_GET] = "SELECT id, event, data, at_ms FROM inbox WHERE flow_id = $1 ORDER BY id",
        [SQL_LIST] =
                "SELECT coalesce(json_agg(row_to_json(l) ORDER BY updated_ms DESC), '[]')::text FROM (SELECT "
                "lpad(to_hex(f.id), 16, '0') AS ref, kind, version, step, status, error, created_ms, updated_ms, "
                "(SELECT count(*) FROM inbox i WHERE i.flow_id = f.id) AS waiting, journal_json(data) AS data "
                "FROM flow f WHERE ($1::text IS NULL OR kind = $1) AND ($2::text IS NULL OR status = $2) "
                "AND ($3::text IS NULL OR step = $3) ORDER BY updated_ms DESC LIMIT $4::bigint) l",
        [SQL_LIST_ASKS] =
                "SELECT coalesce(json_agg(row_to_json(l) ORDER BY l.id DESC), '[]')::text FROM (SELECT id, "
                "lpad(to_hex(flow_id), 16, '0') AS flow, verb, lane, key, status, error, created_ms FROM ask "
                "WHERE ($1::text IS NULL OR status = $1) ORDER BY id DESC LIMIT $2::bigint) l",
        [SQL_SCAN_ASKS] =
                "SELECT id, flow_id, verb, tag, lane, priority, coalesce_word, key, args, created_ms, fresh "
                "FROM ask WHERE status = 'pending' AND (flow_id & 63) = ANY ($1::bigint[]) ORDER BY id",
        [SQL_SCAN_TIMERS] =
                "SELECT flow_id, name, due_ms FROM timer WHERE (flow_id & 63) = ANY ($1::bigint[])",
        [SQL_SCAN_WAITING] =
                "SELECT DISTINCT i.flow_id FROM inbox i JOIN flow f ON f.id = i.flow_id WHERE f.status = 'active' "
                "AND (i.flow_id & 63) = ANY ($1::bigint[])",
        [SQL_SCAN_UNFRESH] =
                "UPDATE ask SET fresh = false WHERE fresh AND (flow_id & 63) = ANY ($1::bigint[])",
        [SQL_LATELY] = "SELECT i.id, i.flow_id FROM inbox i JOIN flow f ON f.id = i.flow_id WHERE f.status = "
                       "'active' AND (i.flow_id & 63) = ANY ($1::bigint[]) AND ($2::bigint = 0 OR "
                       "i.put_at > clock_timestamp() - $2::bigint * interval '1 ms')",
        [SQL_ASK_FRESH] = "UPDATE ask SET fresh = true WHERE id = $1",
        [SQL_RELEASE] = "UPDATE shard SET owner = NULL WHERE id = $1 AND epoch = $2",
};

static void statement_name(Statement which, char name[8])
{
        snprintf(name, 8, "s%d", (int) which);
}

int postgres_records_prepare(PGconn *conn, int64_t timeout_ms)
{
        for (Statement i = 0; i < N_STATEMENTS; i++) {
                _cleanup_free_ char *sql = NULL;
                char name[8];
                int r;

                statement_name(i, name);
                sql = mem_printf("PREPARE %s AS %s", name, statement_sql[i]);
                r = postgres_run(conn, sql, timeout_ms);
                if (r < 0)
                        return error_trace(r);
        }
        return 0;
}

/* Parameters: 'i' int64_t, 's' const char * (NULL allowed). libpq copies what it is given. */
static int send(PGconn *conn, Statement which, const char *types, ...)
{
        const char *values[PARAMS_MAX];
        char digits[PARAMS_MAX][INT_DIGITS], name[8];
        int n = 0;
        va_list ap;

        va_start(ap, types);
        for (; types[n]; n++)
                if (types[n] == 'i') {
                        snprintf(digits[n], INT_DIGITS, "%lld", (long long) va_arg(ap, int64_t));
                        values[n] = digits[n];
                } else
                        values[n] = va_arg(ap, const char *);
        va_end(ap);
        statement_name(which, name);
        return PQsendQueryPrepared(conn, name, n, values, NULL, NULL, 0) ? 0 : error_origin(-ENOTCONN);
}

static int send_deliver(PGconn *conn, const JournalRecord *rec)
{
        bool direct = str_starts_with(rec->address, "flow:");
        char id[INT_DIGITS];

        if (direct)
                snprintf(id, sizeof(id), "%lld", (long long) strtoull(rec->address + 5, NULL, 16));
        return send(conn, SQL_DELIVER, "ssssiisissi", rec->address, direct ? id : NULL, rec->kind, rec->step,
                    rec->number, rec->flow_id, rec->key, rec->id, rec->event, rec->data, rec->at_ms);
}

/* The shards of a mask as an array of PostgreSQL. */
static void format_shards(uint64_t mask, char text[64 * 3 + 3])
{
        char *at = text;

        *at++ = '{';
        for (int i = 0; i < 64; i++)
                if (mask >> i & 1)
                        at += sprintf(at, at[-1] == '{' ? "%d" : ",%d", i);
        *at++ = '}';
        *at = 0;
}

static int send_scan(PGconn *conn, const JournalRecord *rec)
{
        char shards[64 * 3 + 3];
        int r;

        format_shards((uint64_t) rec->number, shards);
        r = send(conn, SQL_SCAN_ASKS, "s", shards);
        if (r >= 0)
                r = send(conn, SQL_SCAN_TIMERS, "s", shards);
        if (r >= 0)
                r = send(conn, SQL_SCAN_WAITING, "s", shards);
        return r >= 0 ? send(conn, SQL_SCAN_UNFRESH, "s", shards) : error_trace(r);
}

static int send_lately(PGconn *conn, const JournalRecord *rec)
{
        char shards[64 * 3 + 3];

        format_shards((uint64_t) rec->number, shards);
        return send(conn, SQL_LATELY, "si", shards, rec->at_ms);
}

int postgres_record_send(PGconn *c, const JournalRecord *rec)
{
        int r = 0;

        switch (rec->type) {
        case JOURNAL_DELIVER: return send_deliver(c, rec);
        case JOURNAL_INBOX_PUT:
                return send(c, SQL_INBOX_PUT, "iissi", rec->id, rec->flow_id, rec->event, rec->data,
                            rec->at_ms);
        case JOURNAL_INBOX_DELETE: return send(c, SQL_INBOX_DELETE, "i", rec->id);
        case JOURNAL_FLOW_PUT:
                return send(c, SQL_FLOW_PUT, "iissi", rec->flow_id, rec->number, rec->step, rec->data,
                            rec->at_ms);
        case JOURNAL_FLOW_STATUS:
                return send(c, SQL_FLOW_STATUS, "iss", rec->flow_id, rec->status, rec->error);
        case JOURNAL_FLOW_DELETE: return send(c, SQL_FLOW_DELETE, "i", rec->flow_id);
        case JOURNAL_ADDRESS_PUT: return send(c, SQL_ADDRESS_PUT, "si", rec->address, rec->flow_id);
        case JOURNAL_ADDRESS_DELETE: return send(c, SQL_ADDRESS_DELETE, "si", rec->address, rec->flow_id);
        case JOURNAL_TIMER_PUT: return send(c, SQL_TIMER_PUT, "isi", rec->flow_id, rec->key, rec->at_ms);
        case JOURNAL_TIMER_DELETE:
                return rec->key ? send(c, SQL_TIMER_DELETE, "is", rec->flow_id, rec->key)
                                : send(c, SQL_TIMER_CLEAR, "i", rec->flow_id);
        case JOURNAL_ASK_PUT:
                return send(c, SQL_ASK_PUT, "iisssisssi", rec->id, rec->flow_id, rec->kind, rec->event,
                            rec->address, rec->number, rec->status, rec->key, rec->data, rec->at_ms);
        case JOURNAL_ASK_DELETE: return send(c, SQL_ASK_DELETE, "i", rec->id);
        case JOURNAL_ASK_DEAD: return send(c, SQL_ASK_DEAD, "is", rec->id, rec->error);
        case JOURNAL_PRUNE:
                r = send(c, SQL_PRUNE_ASKS, "i", rec->at_ms);
                return r >= 0 ? send(c, SQL_PRUNE_SEEN, "i", rec->at_ms) : error_trace(r);
        case JOURNAL_LOAD:
                r = send(c, SQL_FLOW_GET, "i", rec->flow_id);
                return r >= 0 ? send(c, SQL_INBOX_GET, "i", rec->flow_id) : error_trace(r);
        case JOURNAL_LIST: return send(c, SQL_LIST, "sssi", rec->kind, rec->status, rec->step, rec->number);
        case JOURNAL_LIST_ASKS: return send(c, SQL_LIST_ASKS, "si", rec->status, rec->number);
        case JOURNAL_SCAN: return send_scan(c, rec);
        case JOURNAL_LATELY: return send_lately(c, rec);
        case JOURNAL_ASK_FRESH: return send(c, SQL_ASK_FRESH, "i", rec->id);
        case JOURNAL_RELEASE: return send(c, SQL_RELEASE, "ii", (int64_t) rec->shard, rec->epoch);
        }
        return error_origin(-EINVAL);
}

/* ---- results ---- */

static int classify(const PGresult *result, char **ret_detail)
{
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE),
                   *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

        if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED)
                return POSTGRES_RECORD_E_AGAIN; /* an earlier statement said why */
        if (ret_detail)
                *ret_detail = mem_strdup(message);
        if (str_equal(state, "OGF01"))
                return POSTGRES_RECORD_E_FENCED;
        if (str_equal(state, "40001") || str_equal(state, "40P01") || str_equal(state, "55P03"))
                return POSTGRES_RECORD_E_AGAIN;
        log_error("journal", "PostgreSQL: %s %s", state ? state : "", message ? message : "");
        return error_origin(state && str_starts_with(state, "53") ? -ENOSPC : -EIO);
}

int postgres_pipeline_result(PGconn *conn, int64_t deadline_ms, PGresult **ret, char **ret_detail)
{
        _cleanup_result_ PGresult *result = NULL, *end = NULL;
        int r = postgres_next_result(conn, deadline_ms, &result);

        if (r < 0)
                return error_trace(r);
        if (!result)
                return error_origin(-EPROTO);
        if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) { /* which has no end of its own */
                r = postgres_next_result(conn, deadline_ms, &end);
                if (r < 0)
                        return error_trace(r);
        }
        switch (PQresultStatus(result)) {
        case PGRES_COMMAND_OK:
        case PGRES_TUPLES_OK:
        case PGRES_PIPELINE_SYNC: *ret = take(result); return 0;
        default: return classify(result, ret_detail);
        }
}

static const char *arena_text(JournalBatch *b, const PGresult *result, int row, int column)
{
        return journal_batch_string(b, PQgetvalue(result, row, column));
}

static int read_load(PGconn *conn, JournalRecord *rec, const PGresult *flow, int64_t deadline_ms)
{
        _cleanup_(journal_flow_freep) JournalFlow *f = NULL;
        _cleanup_result_ PGresult *inbox = NULL;
        int r = postgres_pipeline_result(conn, deadline_ms, &inbox, NULL);

        if (r != 0 || PQntuples(flow) == 0)
                return r < 0 ? error_trace(r) : r;
        f = mem_new(JournalFlow);
        f->kind = postgres_text(flow, 0, 0);
        f->version = postgres_int(flow, 0, 1);
        f->step = postgres_text(flow, 0, 2);
        f->data = postgres_text(flow, 0, 3);
        f->status = postgres_text(flow, 0, 4);
        f->n_inbox = (size_t) PQntuples(inbox);
        f->inbox = mem_zalloc(MAX2(f->n_inbox, (size_t) 1) * sizeof(*f->inbox));
        for (int i = 0; i < PQntuples(inbox); i++)
                f->inbox[i] = (JournalInboxRow){
                        .id = postgres_int(inbox, i, 0),
                        .event = postgres_text(inbox, i, 1),
                        .data = postgres_text(inbox, i, 2),
                        .at_ms = postgres_int(inbox, i, 3),
                };
        rec->result = take(f);
        return 0;
}

static JournalRecord *add_row(JournalRecord *rec)
{
        rec->rows = mem_resize(rec->rows, (rec->n_rows + 1) * sizeof(*rec->rows));
        return &rec->rows[rec->n_rows++];
}

static int read_scan(PGconn *conn, JournalBatch *b, JournalRecord *rec, const PGresult *asks,
                     int64_t deadline_ms)
{
        _cleanup_result_ PGresult *timers = NULL, *waiting = NULL, *unfresh = NULL;
        int r = postgres_pipeline_result(conn, deadline_ms, &timers, NULL);

        if (r == 0)
                r = postgres_pipeline_result(conn, deadline_ms, &waiting, NULL);
        if (r == 0)
                r = postgres_pipeline_result(conn, deadline_ms, &unfresh, NULL);
        if (r != 0)
                return r < 0 ? error_trace(r) : r;
        for (int i = 0; i < PQntuples(asks); i++)
                *add_row(rec) = (JournalRecord){
                        .type = JOURNAL_ASK_PUT,
                        .id = postgres_int(asks, i, 0),
                        .flow_id = postgres_int(asks, i, 1),
                        .kind = arena_text(b, asks, i, 2),
                        .event = arena_text(b, asks, i, 3),
                        .address = arena_text(b, asks, i, 4),
                        .number = postgres_int(asks, i, 5),
                        .status = arena_text(b, asks, i, 6),
                        .key = arena_text(b, asks, i, 7),
                        .data = arena_text(b, asks, i, 8),
                        .at_ms = postgres_int(asks, i, 9),
                        .fresh = PQgetvalue(asks, i, 10)[0] == 't',
                };
        for (int i = 0; i < PQntuples(timers); i++)
                *add_row(rec) = (JournalRecord){
                        .type = JOURNAL_TIMER_PUT,
                        .flow_id = postgres_int(timers, i, 0),
                        .key = arena_text(b, timers, i, 1),
                        .at_ms = postgres_int(timers, i, 2),
                };
        for (int i = 0; i < PQntuples(waiting); i++)
                *add_row(rec) =
                        (JournalRecord){.type = JOURNAL_INBOX_PUT, .flow_id = postgres_int(waiting, i, 0)};
        return 0;
}

static void read_lately(JournalRecord *rec, const PGresult *result)
{
        for (int i = 0; i < PQntuples(result); i++)
                *add_row(rec) = (JournalRecord){.type = JOURNAL_INBOX_PUT,
                                                .id = postgres_int(result, i, 0),
                                                .flow_id = postgres_int(result, i, 1)};
}

int postgres_record_read(PGconn *conn, JournalBatch *batch, JournalRecord *rec, int64_t deadline_ms)
{
        static const JournalOutcome outcomes[] = {JOURNAL_DELIVERED, JOURNAL_DUPLICATE, JOURNAL_UNROUTED};
        _cleanup_result_ PGresult *result = NULL, *seen = NULL;
        int r = postgres_pipeline_result(conn, deadline_ms, &result, NULL);

        if (r != 0)
                return r < 0 ? error_trace(r) : r;
        switch (rec->type) {
        case JOURNAL_DELIVER:
                rec->outcome = outcomes[postgres_int(result, 0, 0)];
                rec->created = PQgetvalue(result, 0, 1)[0] == 't';
                if (rec->outcome == JOURNAL_DELIVERED)
                        rec->flow_id = postgres_int(result, 0, 2);
                rec->owner = postgres_int(result, 0, 3);
                return 0;
        case JOURNAL_FLOW_STATUS: rec->owner = postgres_int(result, 0, 0); return 0;
        case JOURNAL_PRUNE:
                r = postgres_pipeline_result(conn, deadline_ms, &seen, NULL);
                if (r == 0)
                        rec->number = strtoll(PQcmdTuples(seen), NULL, 10);
                return r < 0 ? error_trace(r) : r;
        case JOURNAL_LOAD: return read_load(conn, rec, result, deadline_ms);
        case JOURNAL_LIST:
        case JOURNAL_LIST_ASKS: rec->text = postgres_text(result, 0, 0); return 0;
        case JOURNAL_SCAN: return read_scan(conn, batch, rec, result, deadline_ms);
        case JOURNAL_LATELY: read_lately(rec, result); return 0;
        default: return 0;
        }
}
