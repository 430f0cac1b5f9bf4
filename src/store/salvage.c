/* Each table is read by its key, upwards until a page cannot be read, then downwards from the other end: one
 * damaged page costs its own rows, and what lies beyond it is kept. Rows are copied as they are; one whose
 * text was damaged is found by whoever reads it, and put aside there like any other that cannot be
 * understood.
 *
 * Rejected: SQLite's own recovery extension (not in every distribution's library; it also brings back deleted
 * rows, and a question answered yesterday must not be asked again). */
#include "store/salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/macro.h"
#include "schema-sql.h"

/* Ids of asks and events must never come again, also where the counter itself was lost. */
#define ID_MARGIN "1000000"

#define SQLITE_MAGIC "SQLite format 3" /* and a NUL: https://www.sqlite.org/fileformat.html §1.3.1 */

typedef struct Table {
        const char *name, *columns;
        const char *up, *down; /* the order of its key, and the reverse */
        const char *placeholders;
} Table;

static const Table tables[] = {
        {"meta", "key, value", "key", "key DESC", "?,?"},
        {"flow", "id, kind, version, step, data, status, error, created_ms, updated_ms", "id", "id DESC",
         "?,?,?,?,?,?,?,?,?"},
        {"address", "address, flow_id", "address", "address DESC", "?,?"},
        {"inbox", "id, flow_id, event, data, at_ms", "id", "id DESC", "?,?,?,?,?"},
        {"seen", "id, key, at_ms", "id", "id DESC", "?,?,?"},
        {"timer", "flow_id, name, due_ms", "flow_id, name", "flow_id DESC, name DESC", "?,?,?"},
        {"ask", "id, flow_id, verb, tag, lane, priority, coalesce_word, key, args, created_ms, status, error",
         "id", "id DESC", "?,?,?,?,?,?,?,?,?,?,?,?"},
};

void salvage_report_deinit(SalvageReport *r)
{
        free(take(r->kept_as));
}

static int fault(sqlite3 *db, const char *what)
{
        log_error("journal", "%s: %s", what, sqlite3_errmsg(db));
        return error_origin(-EIO);
}

/* One pass over a table. Returns the number of rows that were new in `to`; < 0 when `to` fails. */
static int64_t copy_pass(sqlite3 *from, sqlite3_stmt *insert, const Table *t, const char *order,
                         bool *ret_complete)
{
        _cleanup_free_ char *sql =
                mem_printf("SELECT %s FROM %s NOT INDEXED ORDER BY %s", t->columns, t->name, order);
        sqlite3 *to = sqlite3_db_handle(insert);
        sqlite3_stmt *select = NULL;
        int64_t n = 0;
        int r = sqlite3_prepare_v2(from, sql, -1, &select, NULL);

        while (r == SQLITE_OK && (r = sqlite3_step(select)) == SQLITE_ROW) {
                for (int i = 0; i < sqlite3_column_count(select); i++)
                        sqlite3_bind_value(insert, i + 1, sqlite3_column_value(select, i));
                r = sqlite3_step(insert);
                n += r == SQLITE_DONE ? sqlite3_changes(to) : 0;
                sqlite3_reset(insert);
                /* A value that the schema does not allow is damage of this row; anything else is a fault. */
                if (r != SQLITE_DONE && (r & 0xff) != SQLITE_CONSTRAINT && (r & 0xff) != SQLITE_MISMATCH) {
                        sqlite3_finalize(select);
                        return fault(to, "cannot write what was salvaged");
                }
                r = SQLITE_OK;
        }
        *ret_complete = r == SQLITE_DONE;
        sqlite3_finalize(select);
        return n;
}

static int copy_table(sqlite3 *from, sqlite3 *to, const Table *t, SalvageReport *report)
{
        _cleanup_free_ char *sql =
                mem_printf("INSERT OR IGNORE INTO %s (%s) VALUES (%s)", t->name, t->columns, t->placeholders);
        sqlite3_stmt *insert;
        bool complete = false, ignored;
        int64_t n, more = 0;

        if (sqlite3_prepare_v2(to, sql, -1, &insert, NULL) != SQLITE_OK)
                return fault(to, sql);
        n = copy_pass(from, insert, t, t->up, &complete);
        if (n >= 0 && !complete)
                more = copy_pass(from, insert, t, t->down, &ignored);
        sqlite3_finalize(insert);
        if (n < 0 || more < 0)
                return error_trace(-EIO);
        report->n_rows += n + more;
        report->incomplete |= !complete;
        if (str_equal(t->name, "flow"))
                report->n_flows = n + more;
        if (str_equal(t->name, "seen"))
                report->keys_are_lost = !complete;
        return 0;
}

static int copy_all(sqlite3 *from, sqlite3 *to, SalvageReport *report)
{
        static const char finish[] =
                /* What belongs to a flow that is gone reaches nobody. Asks are kept: they are promises. */
                "DELETE FROM address WHERE flow_id NOT IN (SELECT id FROM flow);"
                "DELETE FROM timer WHERE flow_id NOT IN (SELECT id FROM flow);"
                "DELETE FROM inbox WHERE flow_id NOT IN (SELECT id FROM flow);"
                "DELETE FROM sqlite_sequence;"
                "INSERT INTO sqlite_sequence (name, seq) SELECT 'ask', " ID_MARGIN
                " + max((SELECT COALESCE(MAX(id), 0) FROM ask), (SELECT COALESCE(MAX(id), 0) FROM inbox));"
                "COMMIT";

        if (sqlite3_exec(to, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
            sqlite3_exec(to, schema_sql, NULL, NULL, NULL) != SQLITE_OK)
                return fault(to, "cannot make a new journal");
        for (size_t i = 0; i < ELEMENTSOF(tables); i++)
                if (copy_table(from, to, &tables[i], report) < 0)
                        return error_trace(-EIO);
        if (sqlite3_exec(to, "INSERT OR IGNORE INTO meta (key, value) VALUES ('schema', '1')", NULL, NULL,
                         NULL) != SQLITE_OK ||
            sqlite3_exec(to, finish, NULL, NULL, NULL) != SQLITE_OK)
                return fault(to, "cannot finish the new journal");
        return 0;
}

static int is_sqlite(const char *path)
{
        char head[sizeof(SQLITE_MAGIC)];
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                return error_origin(-errno);
        n = read(fd, head, sizeof(head));
        close(fd);
        return n == sizeof(head) && memcmp(head, SQLITE_MAGIC, sizeof(head)) == 0;
}

/* A WAL belongs to its database by name. */
static int move_aside(const char *path, char **ret)
{
        static const char *const suffixes[] = {"-wal", "-shm", ""};
        char stamp[32];
        time_t now = time(NULL);
        struct tm tm;
        _cleanup_free_ char *to = NULL;

        strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
        to = mem_printf("%s.damaged-%s", path, stamp);
        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                _cleanup_free_ char *old = mem_printf("%s%s", path, suffixes[i]);
                _cleanup_free_ char *new = mem_printf("%s%s", to, suffixes[i]);

                if (rename(old, new) < 0 && errno != ENOENT)
                        return error_origin(-errno);
        }
        *ret = take(to);
        return 0;
}

int journal_salvage(const char *path, SalvageReport *ret)
{
        sqlite3 *from = NULL, *to = NULL;
        int r = is_sqlite(path);

        *ret = (SalvageReport){};
        if (r <= 0)
                return r < 0 ? error_trace(r) : SALVAGE_E_FOREIGN;
        r = move_aside(path, &ret->kept_as);
        if (r < 0)
                return error_trace(r);
        if (sqlite3_open(ret->kept_as, &from) != SQLITE_OK || sqlite3_open(path, &to) != SQLITE_OK)
                r = fault(from, "cannot open the databases");
        /* writable_schema: a schema that does not parse in one place does not hide the tables of the others.
         */
        if (r >= 0 && sqlite3_exec(from, "PRAGMA writable_schema = ON", NULL, NULL, NULL) != SQLITE_OK)
                log_warn("journal", "the damaged journal's schema cannot be read: %s", sqlite3_errmsg(from));
        if (r >= 0)
                r = copy_all(from, to, ret);
        sqlite3_close(from);
        sqlite3_close(to);
        return r < 0 ? error_trace(r) : 0;
}
