/* SQLite stalls for tens of milliseconds at a checkpoint, so it lives on a thread of its own: the loop hands
 * over batches, the thread takes all that wait, runs each in the order of submission inside one transaction,
 * commits once, and wakes the loop. One fsync then carries as many turns as arrived during the one before it.
 *
 * When little is going on, what counts is how long one event takes, and it takes several transactions: it is
 * stored, its turn tells another flow, that one's turn asks something. Such a transaction is held open until
 * the loop has seen what was written and has handed over what follows from it; the chain then takes one fsync
 * in all.
 *
 * Rejected: one transaction per batch (an fsync each), a second connection for reads (order with the writes
 * around them is what the engine relies on), locking_mode=EXCLUSIVE (an operator could not look at a live
 * database; a lock file keeps a second gateway out instead). */
#include "store/journal-sqlite.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "schema-sql.h"
#include "store/writer.h"

#define SCHEMA_VERSION   "1"
#define PRUNE_ROWS       1000
#define BUSY_TIMEOUT_MS  2000
#define HELD_RECORDS_MAX 32 /* above it the loop has enough to do while the disk has */
#define ROUNDS_MAX       4  /* of one transaction */

typedef enum Statement {
        SQL_SEEN_PUT,
        SQL_SEEN_PRUNE,
        SQL_ADDRESS_GET,
        SQL_ADDRESS_PUT,
        SQL_ADDRESS_DELETE,
        SQL_ADDRESS_CLEAR,
        SQL_FLOW_EXISTS,
        SQL_FLOW_GET,
        SQL_FLOW_INSERT,
        SQL_FLOW_UPDATE,
        SQL_FLOW_STATUS,
        SQL_FLOW_DELETE,
        SQL_INBOX_PUT,
        SQL_INBOX_DELETE,
        SQL_INBOX_CLEAR,
        SQL_INBOX_GET,
        SQL_TIMER_PUT,
        SQL_TIMER_DELETE,
        SQL_TIMER_CLEAR,
        SQL_ASK_PUT,
        SQL_ASK_DELETE,
        SQL_ASK_STATUS,
        SQL_ASK_PRUNE,
        SQL_LIST,
        SQL_LIST_ASKS,
        N_STATEMENTS,
} Statement;

static const char *const statement_sql[N_STATEMENTS] = {
        [SQL_SEEN_PUT] = "INSERT OR IGNORE INTO seen (key, at_ms) VALUES (?1, ?2)",
        [SQL_SEEN_PRUNE] =
                "DELETE FROM seen WHERE id IN (SELECT id FROM (SELECT id, at_ms FROM seen ORDER BY id LIMIT ?2) "
                "WHERE at_ms < ?1)",
        [SQL_ADDRESS_GET] = "SELECT flow_id FROM address WHERE address = ?1",
        [SQL_ADDRESS_PUT] = "INSERT OR IGNORE INTO address (address, flow_id) VALUES (?1, ?2)",
        [SQL_ADDRESS_DELETE] = "DELETE FROM address WHERE address = ?1 AND flow_id = ?2",
        [SQL_ADDRESS_CLEAR] = "DELETE FROM address WHERE flow_id = ?1",
        [SQL_FLOW_EXISTS] = "SELECT 1 FROM flow WHERE id = ?1",
        [SQL_FLOW_GET] = "SELECT kind, version, step, data, status FROM flow WHERE id = ?1",
        [SQL_FLOW_INSERT] = "INSERT INTO flow (id, kind, version, step, data, created_ms, updated_ms) "
                            "VALUES (?1, ?2, ?3, ?4, '{}', ?5, ?5)",
        [SQL_FLOW_UPDATE] =
                "UPDATE flow SET version = ?2, step = ?3, data = ?4, updated_ms = ?5 WHERE id = ?1",
        [SQL_FLOW_STATUS] = "UPDATE flow SET status = ?2, error = ?3 WHERE id = ?1",
        [SQL_FLOW_DELETE] = "DELETE FROM flow WHERE id = ?1",
        [SQL_INBOX_PUT] = "INSERT INTO inbox (id, flow_id, event, data, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
        [SQL_INBOX_DELETE] = "DELETE FROM inbox WHERE id = ?1",
        [SQL_INBOX_CLEAR] = "DELETE FROM inbox WHERE flow_id = ?1",
        [SQL_INBOX_GET] = "SELECT id, event, data, at_ms FROM inbox WHERE flow_id = ?1 ORDER BY id",
        [SQL_TIMER_PUT] = "INSERT OR REPLACE INTO timer (flow_id, name, due_ms) VALUES (?1, ?2, ?3)",
        [SQL_TIMER_DELETE] = "DELETE FROM timer WHERE flow_id = ?1 AND name = ?2",
        [SQL_TIMER_CLEAR] = "DELETE FROM timer WHERE flow_id = ?1",
        [SQL_ASK_PUT] =
                "INSERT INTO ask (id, flow_id, verb, tag, lane, priority, coalesce_word, key, args, created_ms) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        [SQL_ASK_DELETE] = "DELETE FROM ask WHERE id = ?1",
        [SQL_ASK_STATUS] = "UPDATE ask SET status = ?2, error = ?3 WHERE id = ?1",
        [SQL_ASK_PRUNE] = "DELETE FROM ask WHERE status = 'dead' AND created_ms < ?1",
        [SQL_LIST] =
                "SELECT json_group_array(json_object('ref', printf('%016x', id), 'kind', kind, 'version', version, "
                "'step', step, 'status', status, 'error', error, 'created_ms', created_ms, 'updated_ms', "
                "updated_ms, 'waiting', waiting, 'data', CASE WHEN json_valid(data) THEN json(data) END)) FROM (SELECT *, "
                "(SELECT count(*) FROM inbox WHERE flow_id = flow.id) AS waiting FROM flow WHERE (?1 IS NULL OR kind = ?1) "
                "AND (?2 IS NULL OR status = ?2) AND (?3 IS NULL OR step = ?3) ORDER BY updated_ms DESC LIMIT ?4)",
        [SQL_LIST_ASKS] =
                "SELECT json_group_array(json_object('id', id, 'flow', printf('%016x', flow_id), 'verb', verb, 'lane', "
                "lane, 'key', key, 'status', status, 'error', error, 'created_ms', created_ms)) FROM (SELECT * FROM ask "
                "WHERE (?1 IS NULL OR status = ?1) ORDER BY id DESC LIMIT ?2)",
};

typedef struct JournalSqlite {
        Journal base;
        sqlite3 *db;
        sqlite3_stmt *statements[N_STATEMENTS];
        int lock_fd;
        JournalSqliteConfig config;

        JournalWriter *thread;
} JournalSqlite;

static int sqlite_fault(JournalSqlite *j, const char *what)
{
        log_error("journal", "%s: %s", what, sqlite3_errmsg(j->db));
        return error_origin(sqlite3_errcode(j->db) == SQLITE_FULL ? -ENOSPC : -EIO);
}

/* Binding shorthand: 'i' int64_t, 's' const char * (NULL allowed). The strings outlive the statement's run.
 */
static sqlite3_stmt *bind_row(JournalSqlite *j, Statement which, const char *types, ...)
{
        sqlite3_stmt *s = j->statements[which];
        va_list ap;

        sqlite3_reset(s);
        va_start(ap, types);
        for (int i = 0; types[i]; i++)
                if (types[i] == 'i')
                        sqlite3_bind_int64(s, i + 1, va_arg(ap, int64_t));
                else
                        sqlite3_bind_text(s, i + 1, va_arg(ap, const char *), -1, SQLITE_STATIC);
        va_end(ap);
        return s;
}

/* 1: a row stands; 0: done. */
static int step(JournalSqlite *j, sqlite3_stmt *s)
{
        int r = sqlite3_step(s);

        if (r == SQLITE_ROW)
                return 1;
        sqlite3_reset(s);
        return r == SQLITE_DONE ? 0 : sqlite_fault(j, sqlite3_sql(s));
}
#define run(_j, ...) step(_j, bind_row(_j, __VA_ARGS__))

static int find_flow(JournalSqlite *j, const char *address, int64_t *ret_id)
{
        bool direct = str_starts_with(address, "flow:");
        sqlite3_stmt *s;
        int r;

        *ret_id = direct ? (int64_t) strtoull(address + 5, NULL, 16) : 0;
        s = direct ? bind_row(j, SQL_FLOW_EXISTS, "i", *ret_id) : bind_row(j, SQL_ADDRESS_GET, "s", address);
        r = step(j, s);
        if (r <= 0)
                return error_trace(r);
        if (!direct)
                *ret_id = sqlite3_column_int64(s, 0);
        sqlite3_reset(s);
        return 1;
}

static int exec_deliver(JournalSqlite *j, JournalRecord *rec)
{
        int64_t existing;
        int r = find_flow(j, rec->address, &existing);

        if (r < 0)
                return error_trace(r);
        if (r == 0 && !rec->kind) {
                rec->outcome = JOURNAL_UNROUTED;
                return 0;
        }
        if (rec->key) {
                if (run(j, SQL_SEEN_PUT, "si", rec->key, rec->at_ms) < 0)
                        return error_trace(-EIO);
                if (sqlite3_changes(j->db) == 0) {
                        rec->outcome = JOURNAL_DUPLICATE;
                        return 0;
                }
        }
        rec->created = r == 0;
        if (rec->created) {
                r = run(j, SQL_FLOW_INSERT, "isisi", rec->flow_id, rec->kind, rec->number, rec->step,
                        rec->at_ms);
                if (r >= 0 && !str_starts_with(rec->address, "flow:"))
                        r = run(j, SQL_ADDRESS_PUT, "si", rec->address, rec->flow_id);
                if (r < 0)
                        return error_trace(r);
        } else
                rec->flow_id = existing;
        rec->outcome = JOURNAL_DELIVERED;
        return error_trace(
                run(j, SQL_INBOX_PUT, "iissi", rec->id, rec->flow_id, rec->event, rec->data, rec->at_ms));
}

static int exec_flow_delete(JournalSqlite *j, int64_t id)
{
        static const Statement all[] = {SQL_ADDRESS_CLEAR, SQL_TIMER_CLEAR, SQL_INBOX_CLEAR, SQL_FLOW_DELETE};

        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                if (run(j, all[i], "i", id) < 0)
                        return error_trace(-EIO);
        return 0;
}

static char *column_text(sqlite3_stmt *s, int i)
{
        return mem_strdup((const char *) sqlite3_column_text(s, i));
}

static int exec_load(JournalSqlite *j, JournalRecord *rec)
{
        _cleanup_(journal_flow_freep) JournalFlow *f = mem_new(JournalFlow);
        sqlite3_stmt *s = bind_row(j, SQL_FLOW_GET, "i", rec->flow_id);
        int r = step(j, s);

        if (r <= 0)
                return error_trace(r);
        f->kind = column_text(s, 0);
        f->version = sqlite3_column_int64(s, 1);
        f->step = column_text(s, 2);
        f->data = column_text(s, 3);
        f->status = column_text(s, 4);
        sqlite3_reset(s);

        s = bind_row(j, SQL_INBOX_GET, "i", rec->flow_id);
        while ((r = step(j, s)) > 0) {
                f->inbox = mem_resize(f->inbox, (f->n_inbox + 1) * sizeof(*f->inbox));
                f->inbox[f->n_inbox++] = (JournalInboxRow){
                        .id = sqlite3_column_int64(s, 0),
                        .event = column_text(s, 1),
                        .data = column_text(s, 2),
                        .at_ms = sqlite3_column_int64(s, 3),
                };
        }
        if (r < 0)
                return error_trace(r);
        rec->result = take(f);
        return 0;
}

static int exec_text(JournalSqlite *j, JournalRecord *rec, sqlite3_stmt *s)
{
        int r = step(j, s);

        if (r < 0)
                return error_trace(r);
        rec->text = r > 0 ? column_text(s, 0) : mem_strdup("[]");
        sqlite3_reset(s);
        return 0;
}

static int exec_prune(JournalSqlite *j, JournalRecord *rec)
{
        if (run(j, SQL_ASK_PRUNE, "i", rec->at_ms) < 0 ||
            run(j, SQL_SEEN_PRUNE, "ii", rec->at_ms, (int64_t) PRUNE_ROWS) < 0)
                return error_trace(-EIO);
        rec->number = sqlite3_changes(j->db);
        return 0;
}

static int exec_record(JournalSqlite *j, JournalRecord *rec)
{
        switch (rec->type) {
        case JOURNAL_DELIVER: return exec_deliver(j, rec);
        case JOURNAL_INBOX_PUT:
                return run(j, SQL_INBOX_PUT, "iissi", rec->id, rec->flow_id, rec->event, rec->data,
                           rec->at_ms);
        case JOURNAL_INBOX_DELETE: return run(j, SQL_INBOX_DELETE, "i", rec->id);
        case JOURNAL_FLOW_PUT:
                return run(j, SQL_FLOW_UPDATE, "iissi", rec->flow_id, rec->number, rec->step, rec->data,
                           rec->at_ms);
        case JOURNAL_FLOW_STATUS:
                return run(j, SQL_FLOW_STATUS, "iss", rec->flow_id, rec->status, rec->error);
        case JOURNAL_FLOW_DELETE: return exec_flow_delete(j, rec->flow_id);
        case JOURNAL_ADDRESS_PUT: return run(j, SQL_ADDRESS_PUT, "si", rec->address, rec->flow_id);
        case JOURNAL_ADDRESS_DELETE: return run(j, SQL_ADDRESS_DELETE, "si", rec->address, rec->flow_id);
        case JOURNAL_TIMER_PUT: return run(j, SQL_TIMER_PUT, "isi", rec->flow_id, rec->key, rec->at_ms);
        case JOURNAL_TIMER_DELETE:
                return rec->key ? run(j, SQL_TIMER_DELETE, "is", rec->flow_id, rec->key)
                                : run(j, SQL_TIMER_CLEAR, "i", rec->flow_id);
        case JOURNAL_ASK_PUT:
                return run(j, SQL_ASK_PUT, "iisssisssi", rec->id, rec->flow_id, rec->kind, rec->event,
                           rec->address, rec->number, rec->status, rec->key, rec->data, rec->at_ms);
        case JOURNAL_ASK_DELETE: return run(j, SQL_ASK_DELETE, "i", rec->id);
        case JOURNAL_ASK_DEAD: return run(j, SQL_ASK_STATUS, "iss", rec->id, "dead", rec->error);
        case JOURNAL_PRUNE: return exec_prune(j, rec);
        case JOURNAL_LOAD: return exec_load(j, rec);
        case JOURNAL_LIST:
                return exec_text(
                        j, rec,
                        bind_row(j, SQL_LIST, "sssi", rec->kind, rec->status, rec->step, rec->number));
        case JOURNAL_LIST_ASKS:
                return exec_text(j, rec, bind_row(j, SQL_LIST_ASKS, "si", rec->status, rec->number));
        case JOURNAL_SCAN:
        case JOURNAL_LATELY:
        case JOURNAL_ASK_FRESH:
        case JOURNAL_RELEASE: break; /* nobody shares this journal */
        }
        return error_origin(-EINVAL);
}

static int exec_sql(JournalSqlite *j, const char *sql)
{
        return sqlite3_exec(j->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sqlite_fault(j, sql);
}

static int exec_round(JournalSqlite *j, List *round)
{
        int r = 0;

        list_for_each (node, round) {
                JournalBatch *b = list_entry(node, JournalBatch, link);

                for (size_t i = 0; r >= 0 && i < b->n_records; i++)
                        r = exec_record(j, &b->records[i]);
        }
        return error_trace(r);
}

/* Whether the loop is likely to have something to add, and there is little else to do meanwhile. */
static bool leads_on(List *round)
{
        size_t n_records = 0;
        bool causes = false;

        list_for_each (node, round) {
                const JournalBatch *b = list_entry(node, JournalBatch, link);

                n_records += b->n_records;
                for (size_t i = 0; i < b->n_records && b->written && !b->was_written; i++)
                        causes |= b->records[i].type == JOURNAL_LOAD ||
                                  (b->records[i].type == JOURNAL_DELIVER &&
                                   b->records[i].outcome == JOURNAL_DELIVERED);
        }
        return causes && n_records <= HELD_RECORDS_MAX;
}

/* `batches` comes back with those that were taken along. */
static int execute(void *journal, List *batches)
{
        JournalSqlite *j = journal;
        int r = exec_sql(j, "BEGIN IMMEDIATE");
        List round, next;

        list_init(&round);
        list_init(&next);
        list_move_all(&round, batches);
        for (unsigned n = 1; !list_empty(&round); n++) {
                if (r >= 0)
                        r = exec_round(j, &round);
                if (r >= 0 && n < ROUNDS_MAX && !j->config.never_hold && leads_on(&round))
                        journal_writer_hold(j->thread, &round, &next);
                list_move_all(batches, &round);
                list_move_all(&round, &next);
        }
        FAILPOINT("journal.before_commit");
        if (r >= 0 && j->config.before_commit)
                r = j->config.before_commit(j->config.userdata);
        if (r >= 0)
                r = exec_sql(j, "COMMIT");
        FAILPOINT("journal.after_commit");
        if (r >= 0)
                return 0;
        if (!sqlite3_get_autocommit(j->db))
                sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
        list_for_each (node, batches)
                journal_batch_reset(list_entry(node, JournalBatch, link));
        return error_trace(r);
}

static void sqlite_submit(Journal *base, JournalBatch *batch)
{
        journal_writer_submit(container_of(base, JournalSqlite, base)->thread, batch);
}

static int scan_rows(JournalSqlite *j, const char *sql,
                     void (*on_row)(sqlite3_stmt *s, JournalScan *scan, void *u), JournalScan *scan,
                     void *userdata)
{
        sqlite3_stmt *s;
        int r;

        if (sqlite3_prepare_v2(j->db, sql, -1, &s, NULL) != SQLITE_OK)
                return sqlite_fault(j, sql);
        while ((r = sqlite3_step(s)) == SQLITE_ROW)
                on_row(s, scan, userdata);
        sqlite3_finalize(s);
        return r == SQLITE_DONE ? 0 : sqlite_fault(j, sql);
}

static const char *text_at(sqlite3_stmt *s, int i)
{
        return (const char *) sqlite3_column_text(s, i);
}

static void scan_ask(sqlite3_stmt *s, JournalScan *scan, void *userdata)
{
        scan->on_ask(userdata, &(JournalRecord){
                                       .type = JOURNAL_ASK_PUT,
                                       .id = sqlite3_column_int64(s, 0),
                                       .flow_id = sqlite3_column_int64(s, 1),
                                       .kind = text_at(s, 2),
                                       .event = text_at(s, 3),
                                       .address = text_at(s, 4),
                                       .number = sqlite3_column_int64(s, 5),
                                       .status = text_at(s, 6),
                                       .key = text_at(s, 7),
                                       .data = text_at(s, 8),
                                       .at_ms = sqlite3_column_int64(s, 9),
                               });
}

static void scan_timer(sqlite3_stmt *s, JournalScan *scan, void *userdata)
{
        scan->on_timer(userdata, &(JournalRecord){
                                         .type = JOURNAL_TIMER_PUT,
                                         .flow_id = sqlite3_column_int64(s, 0),
                                         .key = text_at(s, 1),
                                         .at_ms = sqlite3_column_int64(s, 2),
                                 });
}

static void scan_waiting(sqlite3_stmt *s, JournalScan *scan, void *userdata)
{
        scan->on_waiting(userdata, sqlite3_column_int64(s, 0));
}

static void scan_last_id(sqlite3_stmt *s, JournalScan *scan, void *userdata)
{
        (void) userdata;
        scan->last_id = MAX2(scan->last_id, sqlite3_column_int64(s, 0));
}

static int sqlite_scan(Journal *base, JournalScan *scan, void *userdata)
{
        static const struct {
                const char *sql;
                void (*on_row)(sqlite3_stmt *s, JournalScan *scan, void *userdata);
        } scans[] = {
                {"SELECT id, flow_id, verb, tag, lane, priority, coalesce_word, key, args, created_ms FROM ask "
                 "WHERE status = 'pending' ORDER BY id",
                 scan_ask},
                {"SELECT flow_id, name, due_ms FROM timer", scan_timer},
                {"SELECT DISTINCT i.flow_id FROM inbox i JOIN flow f ON f.id = i.flow_id WHERE f.status = 'active'",
                 scan_waiting},
                {"SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name IN ('ask', 'inbox')",
                 scan_last_id},
        };
        JournalSqlite *j = container_of(base, JournalSqlite, base);
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(scans); i++)
                r = scan_rows(j, scans[i].sql, scans[i].on_row, scan, userdata);
        return error_trace(r);
}

static void sqlite_free(Journal *base)
{
        JournalSqlite *j = container_of(base, JournalSqlite, base);

        journal_writer_free(j->thread);
        for (size_t i = 0; i < N_STATEMENTS; i++)
                sqlite3_finalize(j->statements[i]);
        sqlite3_close(j->db);
        if (j->lock_fd >= 0)
                close(j->lock_fd);
        free(j);
}

static const JournalOps sqlite_ops = {.submit = sqlite_submit, .scan = sqlite_scan, .free = sqlite_free};

static int take_lock(JournalSqlite *j, const char *path)
{
        _cleanup_free_ char *lock_path = mem_printf("%s.lock", path);

        j->lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (j->lock_fd < 0)
                return error_origin(-errno);
        if (flock(j->lock_fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? JOURNAL_SQLITE_E_LOCKED : error_origin(-errno);
        return 0;
}

/* A single value of a query, or NULL. Owned. */
static char *query_text(JournalSqlite *j, const char *sql)
{
        sqlite3_stmt *s;
        char *text = NULL;

        if (sqlite3_prepare_v2(j->db, sql, -1, &s, NULL) != SQLITE_OK)
                return NULL;
        if (sqlite3_step(s) == SQLITE_ROW)
                text = column_text(s, 0);
        sqlite3_finalize(s);
        return text;
}

/* What the last call met: damage on the disk is an outcome; anything else (a full disk, no permission) passes
 * with its cause, and the journal must not be touched for it. */
static int damage_or_fault(JournalSqlite *j, const char *what)
{
        int code = sqlite3_errcode(j->db) & 0xff;

        return code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? JOURNAL_SQLITE_E_DAMAGED
                                                               : sqlite_fault(j, what);
}

static int migrate(JournalSqlite *j)
{
        _cleanup_free_ char *check = query_text(j, "PRAGMA quick_check(1)");
        _cleanup_free_ char *version = NULL;
        int r;

        if (!check)
                return damage_or_fault(j, "cannot check the database");
        if (!str_equal(check, "ok"))
                return JOURNAL_SQLITE_E_DAMAGED;
        version = query_text(j, "SELECT value FROM meta WHERE key = 'schema'");
        if (!version) {
                r = exec_sql(j, "BEGIN IMMEDIATE");
                if (r >= 0)
                        r = exec_sql(j, schema_sql);
                if (r >= 0)
                        r = exec_sql(j,
                                     "INSERT INTO meta (key, value) VALUES ('schema', '" SCHEMA_VERSION "')");
                return r < 0 ? error_trace(r) : exec_sql(j, "COMMIT");
        }
        return strtol(version, NULL, 10) > strtol(SCHEMA_VERSION, NULL, 10) ? JOURNAL_SQLITE_E_NEWER : 0;
}

static int open_database(JournalSqlite *j, const char *path)
{
        int r;

        if (path) {
                r = take_lock(j, path);
                if (r != 0)
                        return r;
        }
        if (sqlite3_open(path ? path : ":memory:", &j->db) != SQLITE_OK)
                return sqlite_fault(j, "cannot open the database");
        /* An operator's own sqlite3 may hold the write lock for a moment. */
        sqlite3_busy_timeout(j->db, BUSY_TIMEOUT_MS);
        /* FULL: a commit is on the disk before it is answered. The page cache stays small: the working set of
         * a gateway is a few hundred rows. */
        if (exec_sql(j, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -2000; "
                        "PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY") < 0)
                return damage_or_fault(j, "cannot set up the database");
        r = migrate(j);
        if (r != 0)
                return r;
        for (size_t i = 0; i < N_STATEMENTS; i++)
                if (sqlite3_prepare_v3(j->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                       &j->statements[i], NULL) != SQLITE_OK)
                        return sqlite_fault(j, statement_sql[i]);
        return 0;
}

int journal_sqlite_open(Journal **ret, Loop *loop, const JournalSqliteConfig *config)
{
        JournalSqlite *j = mem_new(JournalSqlite);
        int r;

        j->base.ops = &sqlite_ops;
        j->config = *config;
        j->lock_fd = -1;
        j->thread = journal_writer_new(
                loop, &(JournalWriterConfig){.failed = "a transaction failed and was rolled back",
                                             .execute = execute,
                                             .journal = j});
        r = open_database(j, config->path);
        if (r == 0)
                r = journal_writer_start(j->thread);
        if (r != 0) {
                sqlite_free(&j->base);
                return r < 0 ? error_trace(r) : r;
        }
        *ret = &j->base;
        return 0;
}
