/* store: what is left of a journal whose file was damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macro.h"
#include "store/journal-sqlite.h"
#include "store/salvage.h"

#define PAGE_BYTES 4096
#define N_FLOWS    200

typedef struct Dir {
        char path[64], db[96];
} Dir;

static void sql(const char *db, const char *format, ...) PRINTF_LIKE(2, 3);
static void sql(const char *path, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;
        sqlite3 *db;
        va_list ap;

        va_start(ap, format);
        assert_true(vasprintf(&text, format, ap) > 0);
        va_end(ap);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
}

static int64_t number(const char *path, const char *query)
{
        sqlite3 *db;
        sqlite3_stmt *s;
        int64_t n;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, query, -1, &s, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        n = sqlite3_column_int64(s, 0);
        sqlite3_finalize(s);
        sqlite3_close(db);
        return n;
}

static int open_outcome(const char *db)
{
        Loop *loop = NULL;
        Journal *journal = NULL;
        int r;

        assert_int_equal(loop_new(&loop), 0);
        r = journal_sqlite_open(&journal, loop, &(JournalSqliteConfig){.path = db});
        journal_free(journal);
        loop_free(loop);
        return r;
}

/* A journal with flows, each with an address, a timer, an event and an ask, and as many keys. */
static int setup(void **state)
{
        Dir *d = mem_new(Dir);

        snprintf(d->path, sizeof(d->path), "/tmp/salvage-XXXXXX");
        assert_non_null(mkdtemp(d->path));
        snprintf(d->db, sizeof(d->db), "%s/gateway.db", d->path);
        assert_int_equal(open_outcome(d->db), 0);
        sql(d->db,
            "CREATE TEMP TABLE n AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %d) SELECT i FROM c;"
            "BEGIN;"
            "INSERT INTO flow SELECT i, 'session', 1, 'idle', printf('{\"pad\":\"%%0500d\"}', i), 'active', NULL, 1, 1 FROM n;"
            "INSERT INTO address SELECT 'slack:' || i, i FROM n;"
            "INSERT INTO timer SELECT i, 'look', 5 FROM n;"
            "INSERT INTO inbox SELECT i * 2, i, 'x', '{}', 1 FROM n;"
            "INSERT INTO seen SELECT i, 'msg:' || i, 1 FROM n;"
            "INSERT INTO ask SELECT i * 2 + 1, i, 'slack.post', '', '', 0, '', 'k' || i, '{}', 1, 'pending', NULL FROM n;"
            "COMMIT",
            N_FLOWS);
        *state = d;
        return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void) st, (void) type, (void) ftw;
        return remove(path);
}

static int teardown(void **state)
{
        Dir *d = *state;

        nftw(d->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        free(d);
        return 0;
}

/* Overwrites the page in which a row of `table` lies, found by a text that only that row has. */
static void damage_page_with(const char *db, const char *text)
{
        int fd = open(db, O_RDWR | O_CLOEXEC);
        char page[PAGE_BYTES];
        off_t at = 0;
        bool found = false;

        assert_true(fd >= 0);
        for (; pread(fd, page, sizeof(page), at) == sizeof(page); at += PAGE_BYTES)
                if (memmem(page, sizeof(page), text, strlen(text))) {
                        memset(page, 0xa5, sizeof(page));
                        assert_int_equal(pwrite(fd, page, sizeof(page), at), sizeof(page));
                        found = true;
                }
        close(fd);
        assert_true(found);
}

static void test_one_page_of_flows_is_lost(void **state)
{
        Dir *d = *state;
        SalvageReport report;
        char text[600];

        snprintf(text, sizeof(text), "{\"pad\":\"%0500d\"}", 100);
        damage_page_with(d->db, text);
        assert_int_equal(open_outcome(d->db), JOURNAL_SQLITE_E_DAMAGED);
        assert_int_equal(journal_salvage(d->db, &report), 0);
        assert_true(report.incomplete);
        assert_false(report.keys_are_lost);
        assert_in_range(report.n_flows, N_FLOWS - 8, N_FLOWS - 1); /* a page holds seven */
        assert_int_equal(number(d->db, "SELECT count(*) FROM flow"), report.n_flows);
        assert_int_equal(number(d->db, "SELECT count(*) FROM flow WHERE id IN (1, 200)"), 2);
        assert_int_equal(number(d->db, "SELECT count(*) FROM flow WHERE id = 100"), 0);
        /* What belonged to the lost ones is gone with them; promises to the outside world are kept. */
        assert_int_equal(number(d->db, "SELECT count(*) FROM address"), report.n_flows);
        assert_int_equal(number(d->db, "SELECT count(*) FROM inbox"), report.n_flows);
        assert_int_equal(number(d->db, "SELECT count(*) FROM timer"), report.n_flows);
        assert_int_equal(number(d->db, "SELECT count(*) FROM ask"), N_FLOWS);
        assert_int_equal(number(d->db, "SELECT count(*) FROM seen"), N_FLOWS);
        assert_true(number(d->db, "SELECT max(seq) FROM sqlite_sequence") > 2 * N_FLOWS + 1);
        assert_int_equal(access(report.kept_as, R_OK), 0);
        assert_int_equal(open_outcome(d->db), 0);
        salvage_report_deinit(&report);
}

static void test_lost_keys_are_told(void **state)
{
        Dir *d = *state;
        SalvageReport report;

        sql(d->db, "PRAGMA wal_checkpoint(TRUNCATE)");
        damage_page_with(d->db, "msg:150");
        assert_int_equal(journal_salvage(d->db, &report), 0);
        assert_true(report.keys_are_lost);
        assert_int_equal(report.n_flows, N_FLOWS);
        salvage_report_deinit(&report);
}

static void test_what_is_in_the_wal_counts(void **state)
{
        Dir *d = *state;
        SalvageReport report;
        sqlite3 *db;

        /* As after a kill: the last connection had no time for a checkpoint. */
        assert_int_equal(sqlite3_open(d->db, &db), SQLITE_OK);
        assert_int_equal(
                sqlite3_exec(
                        db,
                        "INSERT INTO flow VALUES (9999, 'session', 1, 'idle', '{}', 'active', NULL, 1, 1)",
                        NULL, NULL, NULL),
                SQLITE_OK);
        damage_page_with(d->db, "msg:150");
        assert_int_equal(journal_salvage(d->db, &report), 0);
        sqlite3_close(db);
        assert_int_equal(number(d->db, "SELECT count(*) FROM flow WHERE id = 9999"), 1);
        salvage_report_deinit(&report);
}

static void test_truncated(void **state)
{
        Dir *d = *state;
        SalvageReport report;
        struct stat st;

        assert_int_equal(stat(d->db, &st), 0);
        assert_int_equal(truncate(d->db, st.st_size / 2), 0);
        assert_int_equal(open_outcome(d->db), JOURNAL_SQLITE_E_DAMAGED);
        assert_int_equal(journal_salvage(d->db, &report), 0);
        assert_true(report.incomplete);
        assert_in_range(report.n_flows, 1, N_FLOWS - 1);
        assert_int_equal(open_outcome(d->db), 0);
        salvage_report_deinit(&report);
}

static void test_the_schema_is_lost(void **state)
{
        Dir *d = *state;
        SalvageReport report;
        int fd = open(d->db, O_RDWR | O_CLOEXEC);
        char garbage[PAGE_BYTES - 100];

        memset(garbage, 0x5a, sizeof(garbage));
        assert_int_equal(pwrite(fd, garbage, sizeof(garbage), 100), sizeof(garbage));
        close(fd);
        assert_int_equal(journal_salvage(d->db, &report), 0);
        assert_int_equal(report.n_rows, 0);
        assert_true(report.incomplete && report.keys_are_lost);
        assert_int_equal(open_outcome(d->db), 0);
        salvage_report_deinit(&report);
}

static void test_somebody_elses_file_is_left_alone(void **state)
{
        static const char letter[] = "Dear diary, today I mistyped a path.";
        Dir *d = *state;
        SalvageReport report;
        int fd = open(d->db, O_RDWR | O_TRUNC | O_CLOEXEC);
        char back[sizeof(letter)] = "";

        assert_int_equal(write(fd, letter, sizeof(letter)), sizeof(letter));
        assert_int_equal(open_outcome(d->db), JOURNAL_SQLITE_E_DAMAGED);
        assert_int_equal(journal_salvage(d->db, &report), SALVAGE_E_FOREIGN);
        assert_null(report.kept_as);
        assert_int_equal(pread(fd, back, sizeof(back), 0), sizeof(back));
        assert_string_equal(back, letter);
        close(fd);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                test(test_one_page_of_flows_is_lost), test(test_lost_keys_are_told),
                test(test_what_is_in_the_wal_counts), test(test_truncated),
                test(test_the_schema_is_lost),        test(test_somebody_elses_file_is_left_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
