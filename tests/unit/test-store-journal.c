/* store: the journal, record by record, in SQLite or (TEST_DATABASE=postgres) in PostgreSQL; what each of
 * them opens and refuses. */
#include <stdarg.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <uv.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "postgres-server.h"
#include "store/journal-postgres.h"
#include "store/journal-sqlite.h"

typedef struct Store {
        char dir[64], *path;
        char *url; /* of PostgreSQL, which is then used; else NULL */
        Loop *loop;
        Journal *journal;
        int fail_commits;
        bool lose_answer, hide_database; /* at the next commit; atomic */
        Buf done;                        /* "1 2 3": tags of finished batches; "-2" = failed */
        unsigned n_done;
} Store;

static int before_commit(void *userdata)
{
        Store *s = userdata;
        int left = __atomic_load_n(&s->fail_commits, __ATOMIC_SEQ_CST);

        if (left > 0)
                __atomic_fetch_sub(&s->fail_commits, 1, __ATOMIC_SEQ_CST);
        if (__atomic_exchange_n(&s->hide_database, false, __ATOMIC_SEQ_CST))
                postgres_server_hide(true);
        if (__atomic_exchange_n(&s->lose_answer, false, __ATOMIC_SEQ_CST))
                postgres_server_deafen();
        return left > 0 ? -ENOSPC : 0;
}

static int open_journal(Store *s, Journal **ret)
{
        _cleanup_free_ char *error = NULL;

        if (s->url)
                return journal_postgres_open(ret, s->loop,
                                             &(JournalPostgresConfig){.url = s->url,
                                                                      .before_commit = before_commit,
                                                                      .userdata = s},
                                             &error);
        return journal_sqlite_open(
                ret, s->loop,
                &(JournalSqliteConfig){.path = s->path, .before_commit = before_commit, .userdata = s});
}

static int setup(void **state)
{
        Store *s = mem_new(Store);

        log_set_level(LOG_ERROR + 1);
        if (postgres_server_wanted()) {
                s->url = postgres_server_schema();
                if (!s->url)
                        skip();
        }
        strcpy(s->dir, "/tmp/store-journal-XXXXXX");
        assert_non_null(mkdtemp(s->dir));
        s->path = mem_printf("%s/journal.db", s->dir);
        assert_int_equal(loop_new(&s->loop), 0);
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
        Store *s = *state;

        journal_free(s->journal);
        loop_free(s->loop);
        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                _cleanup_free_ char *path = mem_printf("%s%s", s->path, suffixes[i]);

                unlink(path);
        }
        assert_int_equal(rmdir(s->dir), 0);
        buf_deinit(&s->done);
        free(s->path);
        free(s->url);
        free(s);
        return 0;
}

static void reopen(Store *s)
{
        journal_free(s->journal);
        s->journal = NULL;
        assert_int_equal(open_journal(s, &s->journal), 0);
}

/* ---- batches ---- */

typedef struct Tagged {
        Store *store;
        JournalBatch *batch;
        int tag, r; /* r: how it ended */
        bool keep;
} Tagged;

static void on_done(JournalBatch *batch, int r)
{
        Tagged *t = batch->userdata;
        Store *s = t->store;

        buf_printf(&s->done, "%s%d", buf_len(&s->done) ? " " : "", r < 0 ? -t->tag : t->tag);
        s->n_done++;
        t->r = r;
        if (t->keep)
                return;
        journal_batch_free(batch);
        free(t);
}

static JournalBatch *batch_new(Store *s, int tag, bool keep)
{
        Tagged *t = mem_new(Tagged);

        *t = (Tagged){.store = s, .tag = tag, .keep = keep};
        t->batch = journal_batch_new(on_done, t);
        return t->batch;
}

static void batch_free(JournalBatch *b)
{
        free(b->userdata);
        journal_batch_free(b);
}

static void wait_done(Store *s, unsigned n)
{
        while (s->n_done < n)
                uv_run(loop_uv(s->loop), UV_RUN_ONCE);
}

/* Submits and waits; the batch stays for its results to be looked at. */
static JournalBatch *commit(Store *s, JournalBatch *b)
{
        unsigned before = s->n_done;

        journal_submit(s->journal, b);
        wait_done(s, before + 1);
        return b;
}

static JournalRecord *add_delivery(JournalBatch *b, int64_t id, const char *address, const char *key)
{
        JournalRecord *rec = journal_batch_add(b, JOURNAL_DELIVER);

        rec->address = journal_batch_string(b, address);
        rec->kind = "task";
        rec->step = "first";
        rec->number = 3;
        rec->flow_id = 1000 + id;
        rec->key = journal_batch_string(b, key);
        rec->id = id;
        rec->event = "hello";
        rec->data = "{}";
        rec->at_ms = 50 + id;
        return rec;
}

static JournalFlow *load(Store *s, int64_t flow_id, JournalBatch **ret_batch)
{
        *ret_batch = batch_new(s, 0, true);
        journal_batch_add(*ret_batch, JOURNAL_LOAD)->flow_id = flow_id;
        return commit(s, *ret_batch)->records[0].result;
}

static void test_deliver(void **state)
{
        Store *s = *state;
        JournalBatch *b = batch_new(s, 1, true), *loaded;
        JournalFlow *f;

        reopen(s);
        add_delivery(b, 1, "a", "k1");
        add_delivery(b, 2, "a", "k2");
        add_delivery(b, 3, "a", "k1");
        add_delivery(b, 4, "b", NULL)->kind = NULL;
        add_delivery(b, 5, "flow:3e9", "k5")->kind = NULL; /* 0x3e9 = 1001 */
        add_delivery(b, 6, "b", "k6");
        commit(s, b);
        assert_int_equal(b->records[0].outcome, JOURNAL_DELIVERED);
        assert_true(b->records[0].created);
        assert_int_equal(b->records[1].outcome, JOURNAL_DELIVERED);
        assert_false(b->records[1].created);
        assert_int_equal(b->records[1].flow_id, 1001);
        assert_int_equal(b->records[2].outcome, JOURNAL_DUPLICATE);
        assert_int_equal(b->records[3].outcome, JOURNAL_UNROUTED);
        assert_int_equal(b->records[4].outcome, JOURNAL_DELIVERED);
        assert_int_equal(b->records[4].flow_id, 1001);
        assert_true(b->records[5].created);
        batch_free(b);

        f = load(s, 1001, &loaded);
        assert_non_null(f);
        assert_string_equal(f->kind, "task");
        assert_string_equal(f->step, "first");
        assert_string_equal(f->status, "active");
        assert_string_equal(f->data, "{}");
        assert_int_equal(f->version, 3);
        assert_int_equal(f->n_inbox, 3);
        assert_int_equal(f->inbox[0].id, 1);
        assert_int_equal(f->inbox[2].id, 5);
        assert_int_equal(f->inbox[2].at_ms, 55);
        batch_free(loaded);
        assert_null(load(s, 4711, &loaded));
        batch_free(loaded);
}

static void test_delete_takes_all_but_asks(void **state)
{
        Store *s = *state;
        JournalBatch *b = batch_new(s, 1, true), *list;
        JournalRecord *rec;

        reopen(s);
        add_delivery(b, 1, "a", NULL);
        rec = journal_batch_add(b, JOURNAL_TIMER_PUT);
        rec->flow_id = 1001;
        rec->key = "t";
        rec->at_ms = 99;
        rec = journal_batch_add(b, JOURNAL_ASK_PUT);
        *rec = (JournalRecord){.type = JOURNAL_ASK_PUT,
                               .id = 7,
                               .flow_id = 1001,
                               .kind = "post",
                               .event = "",
                               .address = "",
                               .status = "",
                               .key = "3e9/7",
                               .data = "{}",
                               .at_ms = 60};
        journal_batch_add(b, JOURNAL_FLOW_DELETE)->flow_id = 1001;
        add_delivery(b, 8, "a", NULL)->kind = NULL;
        commit(s, b);
        assert_int_equal(b->records[4].outcome, JOURNAL_UNROUTED);
        batch_free(b);
        list = batch_new(s, 2, true);
        journal_batch_add(list, JOURNAL_LIST)->number = 10;
        journal_batch_add(list, JOURNAL_LIST_ASKS)->number = 10;
        commit(s, list);
        assert_string_equal(list->records[0].text, "[]");
        assert_non_null(strstr(list->records[1].text, "3e9/7"));
        batch_free(list);
}

static void test_failed_batches_keep_their_order(void **state)
{
        Store *s = *state;

        reopen(s);
        for (int round = 0; round < 30; round++) {
                JournalBatch *batches[6];
                unsigned before = s->n_done;

                buf_clear(&s->done);
                __atomic_store_n(&s->fail_commits, 1, __ATOMIC_SEQ_CST);
                for (int i = 0; i < 6; i++) {
                        batches[i] = batch_new(s, i + 1, true);
                        add_delivery(batches[i], round * 100 + i + 1, "a", NULL);
                        journal_submit(s->journal, batches[i]);
                        if (i == round % 6)
                                usleep(200); /* the writer takes some, finds the disk full, and gets the rest
                                                later */
                }
                wait_done(s, before + 6);
                /* Whatever the threads did: all failed, none has passed another. */
                assert_string_equal(buf_bytes(&s->done), "-1 -2 -3 -4 -5 -6");
                buf_clear(&s->done);
                for (int i = 0; i < 6; i++)
                        journal_submit(s->journal, batches[i]);
                wait_done(s, before + 12);
                assert_string_equal(buf_bytes(&s->done), "1 2 3 4 5 6");
                for (int i = 0; i < 6; i++) {
                        assert_int_equal(batches[i]->records[0].outcome, JOURNAL_DELIVERED);
                        assert_int_equal(batches[i]->records[0].created, round == 0 && i == 0);
                        batch_free(batches[i]);
                }
        }
}

static void test_failed_batch_wrote_nothing(void **state)
{
        Store *s = *state;
        JournalBatch *b = batch_new(s, 1, true), *loaded;

        reopen(s);
        add_delivery(b, 1, "a", "k");
        s->fail_commits = 1;
        commit(s, b);
        assert_string_equal(buf_bytes(&s->done), "-1");
        assert_false(b->records[0].created);
        assert_null(load(s, 1001, &loaded));
        batch_free(loaded);
        commit(s, b);
        assert_int_equal(b->records[0].outcome, JOURNAL_DELIVERED);
        assert_true(b->records[0].created);
        batch_free(b);
}

static void test_prune(void **state)
{
        Store *s = *state;
        JournalBatch *b = batch_new(s, 1, true);
        JournalRecord *rec;

        reopen(s);
        for (int i = 0; i < 2500; i++) {
                _cleanup_free_ char *key = mem_printf("key %d", i);

                add_delivery(b, i + 1, "a", key)->at_ms = i < 2400 ? 10 : 30;
        }
        rec = journal_batch_add(b, JOURNAL_ASK_PUT);
        *rec = (JournalRecord){.type = JOURNAL_ASK_PUT,
                               .id = 9000,
                               .flow_id = 1,
                               .kind = "post",
                               .event = "",
                               .address = "",
                               .status = "",
                               .key = "1/9000",
                               .data = "{}",
                               .at_ms = 10};
        journal_batch_add(b, JOURNAL_ASK_DEAD)->id = 9000;
        commit(s, b);
        batch_free(b);
        b = batch_new(s, 2, true);
        for (int i = 0; i < 4; i++)
                journal_batch_add(b, JOURNAL_PRUNE)->at_ms = 20;
        add_delivery(b, 5001, "a", "key 2399");
        add_delivery(b, 5002, "a", "key 2400");
        journal_batch_add(b, JOURNAL_LIST_ASKS)->number = 10;
        commit(s, b);
        assert_int_equal(b->records[0].number, 1000);
        assert_int_equal(b->records[2].number, 400);
        assert_int_equal(b->records[3].number, 0);
        assert_int_equal(b->records[4].outcome, JOURNAL_DELIVERED);
        assert_int_equal(b->records[5].outcome, JOURNAL_DUPLICATE);
        assert_string_equal(b->records[6].text, "[]");
        batch_free(b);
}

/* ---- scanning ---- */

typedef struct Scanned {
        Buf text;
} Scanned;

static void scan_ask(void *userdata, const JournalRecord *r)
{
        buf_printf(userdata,
                   "ask %lld of %lld: %s tag=%s lane=%s priority=%lld word=%s key=%s args=%s at=%lld\n",
                   (long long) r->id, (long long) r->flow_id, r->kind, r->event, r->address,
                   (long long) r->number, r->status, r->key, r->data, (long long) r->at_ms);
}

static void scan_timer(void *userdata, const JournalRecord *r)
{
        buf_printf(userdata, "timer %s of %lld at %lld\n", r->key, (long long) r->flow_id,
                   (long long) r->at_ms);
}

static void scan_waiting(void *userdata, int64_t flow_id)
{
        buf_printf(userdata, "waiting %lld\n", (long long) flow_id);
}

static int64_t scan(Store *s, Buf *out)
{
        JournalScan scan = {.on_ask = scan_ask, .on_timer = scan_timer, .on_waiting = scan_waiting};

        assert_int_equal(journal_scan(s->journal, &scan, out), 0);
        return scan.last_id;
}

static void test_ids_outlive_their_rows(void **state)
{
        Store *s = *state;
        JournalBatch *b = batch_new(s, 1, true);
        _cleanup_buf_ Buf text = {0};

        reopen(s);
        assert_int_equal(scan(s, &text), 0);
        add_delivery(b, 41, "a", NULL);
        journal_batch_add(b, JOURNAL_INBOX_DELETE)->id = 41;
        commit(s, b);
        batch_free(b);
        reopen(s);
        assert_int_equal(scan(s, &text), 41);
        assert_string_equal(buf_bytes(&text), "");
}

/* ---- files ---- */

static void run_sql(Store *s, const char *sql)
{
        sqlite3 *db;

        if (s->url) {
                free(postgres_server_query(s->url, sql));
                return;
        }
        assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
}

/* Rows as schema 1 has ever written them. Never changed, only added to. */
static void test_golden_rows_load(void **state)
{
        Store *s = *state;
        JournalBatch *b, *loaded;
        JournalFlow *f;
        _cleanup_buf_ Buf text = {0};
        FILE *file = fopen("tests/unit/golden/schema-1.sql", "r");
        char sql[16384];
        size_t n;

        assert_non_null(file);
        n = fread(sql, 1, sizeof(sql) - 1, file);
        fclose(file);
        sql[n] = 0;
        run_sql(s, sql);
        reopen(s);
        assert_int_equal(scan(s, &text), 57);
        assert_string_equal(
                buf_bytes(&text),
                "ask 44 of 4660: slack.post tag=card lane=slack:C1/1700000000.000100 priority=0 word= "
                "key=0000000000001234/44 args={\"channel\":\"C1\"} at=1700000000500\n"
                "ask 57 of 4660: slack.update tag= lane=slack:C1/1700000000.000100 priority=2 word=progress "
                "key=0000000000001234/57 args={} at=1700000000900\n"
                "timer reminder of 4660 at 1700000600000\n"
                "waiting 4660\n");
        f = load(s, 4660, &loaded);
        assert_non_null(f);
        assert_string_equal(f->step, "working");
        assert_string_equal(f->data, "{\"title\":\"Ünïcode\",\"n\":1}");
        assert_int_equal(f->n_inbox, 2);
        assert_string_equal(f->inbox[0].event, "slack.message");
        assert_string_equal(f->inbox[1].event, "slack.post\tcard\t2");
        batch_free(loaded);
        f = load(s, 22136, &loaded);
        assert_string_equal(f->status, "quarantined");
        batch_free(loaded);
        b = batch_new(s, 1, true);
        add_delivery(b, 58, "slack:C1/1700000000.000100", NULL)->kind = NULL;
        add_delivery(b, 59, "any", "Ev0001");
        journal_batch_add(b, JOURNAL_LIST)->number = 10;
        commit(s, b);
        assert_int_equal(b->records[0].flow_id, 4660);
        assert_int_equal(b->records[1].outcome, JOURNAL_DUPLICATE);
        assert_non_null(strstr(b->records[2].text, "\"ref\":\"0000000000005678\""));
        batch_free(b);
}

static void test_locked(void **state)
{
        Store *s = *state;
        Journal *second = NULL;

        reopen(s);
        assert_int_equal(open_journal(s, &second), JOURNAL_SQLITE_E_LOCKED);
        assert_null(second);
        reopen(s); /* the lock went with the first */
}

static void test_newer(void **state)
{
        Store *s = *state;

        reopen(s);
        journal_free(take(s->journal));
        run_sql(s, "UPDATE meta SET value = '2' WHERE key = 'schema'");
        assert_int_equal(open_journal(s, &s->journal), JOURNAL_SQLITE_E_NEWER);
        run_sql(s, "UPDATE meta SET value = '1' WHERE key = 'schema'");
        reopen(s);
}

static void write_at(Store *s, long offset, const char *bytes, size_t n)
{
        FILE *file = fopen(s->path, "r+b");

        assert_non_null(file);
        assert_int_equal(fseek(file, offset, SEEK_SET), 0);
        assert_int_equal(fwrite(bytes, 1, n, file), n);
        fclose(file);
}

static void test_damaged(void **state)
{
        Store *s = *state;
        JournalBatch *b = batch_new(s, 1, true);
        char garbage[4096];
        FILE *file;

        memset(garbage, 0xa5, sizeof(garbage));
        reopen(s);
        for (int i = 0; i < 200; i++)
                add_delivery(b, i + 1, "a", NULL)->data =
                        "{\"padding\":\"01234567890123456789012345678901234567890\"}";
        commit(s, b);
        batch_free(b);
        journal_free(take(s->journal)); /* checkpoints the log into the file */
        write_at(s, 3 * 4096, garbage, sizeof(garbage));
        assert_int_equal(open_journal(s, &s->journal), JOURNAL_SQLITE_E_DAMAGED);

        file = fopen(s->path, "wb");
        fputs("this is no database, but long enough to look at as if it were one, is it not?", file);
        fclose(file);
        assert_int_equal(open_journal(s, &s->journal), JOURNAL_SQLITE_E_DAMAGED);
        assert_int_equal(unlink(s->path), 0);
        reopen(s);
}

static void test_directory_that_is_not_there(void **state)
{
        Store *s = *state;
        Journal *j = NULL;

        assert_true(journal_sqlite_open(&j, s->loop,
                                        &(JournalSqliteConfig){.path = "/nonexistent/journal.db"}) < 0);
        assert_null(j);
}

static void test_list_filters(void **state)
{
        Store *s = *state;
        JournalBatch *b = batch_new(s, 1, true);
        JournalRecord *rec;
        _cleanup_json_ json_t *list = NULL;

        reopen(s);
        add_delivery(b, 1, "a", NULL);
        add_delivery(b, 2, "b", NULL);
        add_delivery(b, 3, "c", NULL)->kind = "other";
        rec = journal_batch_add(b, JOURNAL_FLOW_STATUS);
        rec->flow_id = 1002;
        rec->status = "quarantined";
        rec->error = "because";
        rec = journal_batch_add(b, JOURNAL_FLOW_PUT);
        *rec = (JournalRecord){.type = JOURNAL_FLOW_PUT,
                               .flow_id = 1003,
                               .number = 1,
                               .step = "s",
                               .data = "not json",
                               .at_ms = INT64_MAX};
        rec = journal_batch_add(b, JOURNAL_LIST);
        rec->kind = "task";
        rec->number = 10;
        rec = journal_batch_add(b, JOURNAL_LIST);
        rec->status = "quarantined";
        rec->number = 10;
        journal_batch_add(b, JOURNAL_LIST)->number = 1;
        commit(s, b);
        assert_string_equal(buf_bytes(&s->done), "1");
        assert_non_null(strstr(b->records[5].text, "00000000000003ea"));
        assert_non_null(strstr(b->records[6].text, "because"));
        assert_null(strstr(b->records[6].text, "00000000000003e9"));
        list = json_parse(b->records[7].text, strlen(b->records[7].text), NULL);
        assert_int_equal(json_array_size(list), 1);
        assert_string_equal(json_str(list, "0.kind"), "other"); /* the last changed */
        assert_true(json_is_null(json_at(list, "0.data")));
        batch_free(b);
}

static void test_strings_of_a_batch(void **state)
{
        JournalBatch *b = journal_batch_new(NULL, NULL);
        char *large = mem_alloc(100000);
        const char *strings[200];

        (void) state;
        memset(large, 'x', 99999);
        large[99999] = 0;
        assert_null(journal_batch_string(b, NULL));
        for (size_t i = 0; i < ELEMENTSOF(strings); i++) {
                large[i] = 'y';
                strings[i] = journal_batch_string(b, i % 7 == 0 ? large : large + 99000);
                journal_batch_add(b, JOURNAL_LOAD)->id = (int64_t) i;
                large[i] = 'x';
        }
        for (size_t i = 0; i < ELEMENTSOF(strings); i++) {
                assert_int_equal(strlen(strings[i]), i % 7 == 0 ? 99999 : 999);
                assert_int_equal(strings[i][i], i % 7 == 0 ? 'y' : 'x');
                assert_int_equal(b->records[i].id, i);
        }
        journal_batch_free(b);
        journal_batch_free(NULL);
        free(large);
}

/* ---- written before it is durable ---- */

typedef struct Chain {
        Store *store;
        JournalBatch *second;
        unsigned n_written, n_done_then;
        JournalOutcome outcome;
} Chain;
static Chain chain;

static void on_written(JournalBatch *batch)
{
        chain.n_written++;
        chain.n_done_then = chain.store->n_done;
        chain.outcome = batch->records[0].outcome;
        if (chain.second)
                journal_submit(chain.store->journal, chain.second);
}

/* What is submitted in written() shares the fate of its batch, also when that is to fail; and comes again
 * with it. */
static void test_written_before_durable(void **state)
{
        Store *s = *state;
        JournalBatch *first = batch_new(s, 1, true);

        reopen(s);
        chain = (Chain){.store = s, .second = batch_new(s, 2, true), .outcome = JOURNAL_UNROUTED};
        add_delivery(first, 1, "a:1", "key");
        first->written = on_written;
        add_delivery(chain.second, 2, "a:1", "other");
        s->fail_commits = 1; /* one transaction: both fail with one */
        journal_submit(s->journal, first);
        wait_done(s, 2);
        assert_string_equal(buf_bytes(&s->done), "-1 -2");
        assert_int_equal(chain.n_written, 1);
        assert_int_equal(chain.n_done_then, 0);
        assert_int_equal(chain.outcome, JOURNAL_DELIVERED);

        buf_clear(&s->done);
        journal_submit(s->journal, first);
        journal_submit(s->journal, chain.second);
        wait_done(s, 4);
        assert_string_equal(buf_bytes(&s->done), "1 2");
        assert_int_equal(chain.n_written, 1); /* it knows already */
        assert_int_equal(first->records[0].outcome, JOURNAL_DELIVERED);
        assert_int_equal(chain.second->records[0].outcome, JOURNAL_DELIVERED);
        assert_int_equal(chain.second->records[0].flow_id, 1001);
        batch_free(first);
        batch_free(chain.second);
}

/* A duplicate causes nothing: nobody needs to see it before the commit. */
static void test_nothing_to_see(void **state)
{
        Store *s = *state;
        JournalBatch *first = batch_new(s, 1, true), *again = batch_new(s, 2, true);

        reopen(s);
        chain = (Chain){.store = s};
        add_delivery(first, 1, "a:1", "key");
        batch_free(commit(s, first));
        add_delivery(again, 2, "a:1", "key");
        again->written = on_written;
        commit(s, again);
        assert_int_equal(again->records[0].outcome, JOURNAL_DUPLICATE);
        assert_int_equal(chain.n_written, 0);
        batch_free(again);
}

/* ---- PostgreSQL ---- */

static void test_postgres_newer(void **state)
{
        Store *s = *state;

        reopen(s);
        journal_free(take(s->journal));
        run_sql(s, "INSERT INTO migration (number) VALUES (1000)");
        assert_int_equal(open_journal(s, &s->journal), POSTGRES_E_NEWER);
        run_sql(s, "DELETE FROM migration WHERE number = 1000");
        reopen(s);
}

static void test_postgres_absent(void **state)
{
        Store *s = *state;
        Journal *j = NULL;
        _cleanup_free_ char *error = NULL;

        assert_true(journal_postgres_open(
                            &j, s->loop,
                            &(JournalPostgresConfig){.url = "postgres://me:geheim@127.0.0.1:1/none"},
                            &error) < 0);
        assert_null(j);
        assert_non_null(error);
        assert_null(strstr(error, "geheim"));
}

static int64_t count(Store *s, const char *what)
{
        _cleanup_free_ char *sql = mem_printf("SELECT count(*) FROM %s", what);
        _cleanup_free_ char *text = postgres_server_query(s->url, sql);

        return strtoll(text, NULL, 10);
}

/* A connection that died while nothing was going on is replaced without anybody noticing. */
static void test_postgres_cut(void **state)
{
        Store *s = *state;

        reopen(s);
        for (int i = 1; i <= 5; i++) {
                JournalBatch *b = batch_new(s, i, true);

                add_delivery(b, i, "a", NULL);
                postgres_server_cut("opencode-slack journal");
                commit(s, b);
                batch_free(b);
        }
        assert_string_equal(buf_bytes(&s->done), "1 2 3 4 5");
        assert_int_equal(count(s, "inbox"), 5);
}

/* COMMIT arrives and is done, and the answer is lost: once the connection is back it is known, and the batch
 * comes to its end with the results it had. */
static void test_postgres_answer_lost(void **state)
{
        Store *s = *state;
        JournalBatch *b = batch_new(s, 1, true), *again = batch_new(s, 2, true);

        reopen(s);
        __atomic_store_n(&s->lose_answer, true, __ATOMIC_SEQ_CST);
        add_delivery(b, 1, "a", "k1");
        commit(s, b);
        assert_string_equal(buf_bytes(&s->done), "1");
        assert_int_equal(b->records[0].outcome, JOURNAL_DELIVERED); /* not DUPLICATE */
        assert_true(b->records[0].created);
        assert_int_equal(count(s, "inbox"), 1);
        add_delivery(again, 2, "a", "k1");
        commit(s, again);
        assert_int_equal(again->records[0].outcome, JOURNAL_DUPLICATE);
        batch_free(b);
        batch_free(again);
}

/* The same, and the database is gone for a while: the engine is told that nothing is known, and submits the
 * batch again. */
static void test_postgres_answer_lost_for_long(void **state)
{
        Store *s = *state;
        JournalBatch *b = batch_new(s, 1, true);

        reopen(s);
        __atomic_store_n(&s->lose_answer, true, __ATOMIC_SEQ_CST);
        __atomic_store_n(&s->hide_database, true, __ATOMIC_SEQ_CST);
        add_delivery(b, 1, "a", "k1");
        commit(s, b);
        assert_string_equal(buf_bytes(&s->done), "-1");
        postgres_server_hide(false);
        buf_clear(&s->done);
        commit(s, b);
        assert_string_equal(buf_bytes(&s->done), "1");
        assert_int_equal(b->records[0].outcome, JOURNAL_DELIVERED);
        assert_true(b->records[0].created);
        assert_int_equal(count(s, "inbox"), 1);
        batch_free(b);
}

/* Whatever was under way, nothing is lost and nothing is there twice. */
static void test_postgres_restarted(void **state)
{
        static const int signals[] = {SIGINT, SIGQUIT};
        Store *s = *state;
        int64_t id = 0;

        reopen(s);
        for (size_t round = 0; round < ELEMENTSOF(signals); round++) {
                JournalBatch *batches[20];

                s->n_done = 0;
                for (size_t i = 0; i < ELEMENTSOF(batches); i++) {
                        batches[i] = batch_new(s, (int) i + 1, true);
                        id++;
                        add_delivery(batches[i], id, "a", NULL);
                        journal_submit(s->journal, batches[i]);
                        if (i == 10)
                                postgres_server_restart(signals[round]);
                        uv_run(loop_uv(s->loop), UV_RUN_NOWAIT);
                }
                wait_done(s, ELEMENTSOF(batches));
                /* Those that failed come again. */
                for (size_t i = 0; i < ELEMENTSOF(batches); i++)
                        while (((Tagged *) batches[i]->userdata)->r < 0)
                                commit(s, batches[i]);
                for (size_t i = 0; i < ELEMENTSOF(batches); i++)
                        batch_free(batches[i]);
                assert_int_equal(count(s, "inbox"), id);
        }
}

/* Two gateways, one address, one key: one flow, one event. */
static void test_postgres_two_journals(void **state)
{
        Store *s = *state;
        Journal *first, *second;
        JournalBatch *batches[40];
        unsigned n_created = 0, n_delivered = 0;

        reopen(s);
        first = s->journal;
        s->journal = NULL;
        assert_int_equal(open_journal(s, &second), 0);
        for (int i = 0; i < 40; i++) {
                _cleanup_free_ char *key = mem_printf("k%d", i / 2);
                _cleanup_free_ char *address = mem_printf("a%d", i / 4);

                batches[i] = batch_new(s, i, true);
                add_delivery(batches[i], i + 1, address, key);
                journal_submit(i % 2 ? first : second, batches[i]);
        }
        wait_done(s, 40);
        for (int i = 0; i < 40; i++) {
                n_created += batches[i]->records[0].created;
                n_delivered += batches[i]->records[0].outcome == JOURNAL_DELIVERED;
                batch_free(batches[i]);
        }
        assert_int_equal(n_created, 10);
        assert_int_equal(n_delivered, 20);
        assert_int_equal(count(s, "inbox"), 20);
        assert_int_equal(count(s, "flow"), 10);
        assert_int_equal(
                count(s, "inbox i JOIN flow f ON f.id = i.flow_id JOIN address a ON a.flow_id = f.id"), 20);
        journal_free(first);
        journal_free(second);
}

/* What was written for a shard that has changed hands is left out; the rest of the batch is not. */
static void test_postgres_fence(void **state)
{
        Store *s = *state;
        JournalBatch *b = batch_new(s, 1, true);
        JournalRecord *rec;

        reopen(s);
        run_sql(s, "UPDATE shard SET owner = 7, epoch = 3 WHERE id IN (5, 6)");
        for (unsigned shard = 5; shard <= 8; shard++) {
                rec = add_delivery(b, shard, "a", NULL);
                rec->address = journal_batch_string(b, shard == 5 ? "five" : shard == 6 ? "six" : "other");
                rec->shard = shard;
                rec->epoch = shard == 5 ? 3 : shard == 8 ? 0 : 2;
        }
        commit(s, b);
        assert_false(b->records[0].stale);
        assert_true(b->records[1].stale);
        assert_true(b->records[2].stale);
        assert_false(b->records[3].stale);
        assert_int_equal(count(s, "inbox WHERE id IN (5, 8)"), 2);
        assert_int_equal(count(s, "inbox"), 2);
        batch_free(b);
}

static void test_postgres_owner_and_scan(void **state)
{
        Store *s = *state;
        JournalBatch *b = batch_new(s, 1, true);
        JournalRecord *rec;

        reopen(s);
        run_sql(s, "UPDATE shard SET owner = 7, epoch = 3 WHERE id = 5");
        add_delivery(b, 1, "a", NULL)->flow_id = 64 * 9 + 5;
        add_delivery(b, 2, "b", NULL)->flow_id = 64 * 9 + 6;
        rec = journal_batch_add(b, JOURNAL_TIMER_PUT);
        rec->flow_id = 64 * 9 + 5;
        rec->key = "t";
        rec->at_ms = 99;
        rec = journal_batch_add(b, JOURNAL_ASK_PUT);
        *rec = (JournalRecord){.type = JOURNAL_ASK_PUT,
                               .id = 7,
                               .flow_id = 64 * 8 + 5,
                               .kind = "post",
                               .event = "",
                               .address = "lane",
                               .status = "",
                               .key = "k",
                               .data = "{}",
                               .at_ms = 60};
        rec = journal_batch_add(b, JOURNAL_SCAN);
        rec->number = 1 << 5;
        rec = journal_batch_add(b, JOURNAL_RELEASE);
        rec->shard = 5;
        rec->epoch = 3;
        add_delivery(b, 3, "a", NULL);
        commit(s, b);
        assert_int_equal(b->records[0].owner, 7);
        assert_int_equal(b->records[1].owner, 0);
        rec = &b->records[4];
        assert_int_equal(rec->n_rows, 3);
        assert_int_equal(rec->rows[0].type, JOURNAL_ASK_PUT);
        assert_string_equal(rec->rows[0].address, "lane");
        assert_int_equal(rec->rows[1].type, JOURNAL_TIMER_PUT);
        assert_int_equal(rec->rows[1].at_ms, 99);
        assert_int_equal(rec->rows[2].flow_id, 64 * 9 + 5);
        assert_int_equal(b->records[6].owner, 0);
        batch_free(b);
}

#define store_test(_name) cmocka_unit_test_setup_teardown(_name, setup, teardown)

int main(void)
{
        static const struct CMUnitTest both[] = {
                store_test(test_deliver),
                store_test(test_delete_takes_all_but_asks),
                store_test(test_failed_batches_keep_their_order),
                store_test(test_failed_batch_wrote_nothing),
                store_test(test_prune),
                store_test(test_list_filters),
                cmocka_unit_test(test_strings_of_a_batch),
        };
        static const struct CMUnitTest sqlite[] = {
                store_test(test_ids_outlive_their_rows),
                store_test(test_golden_rows_load),
                store_test(test_locked),
                store_test(test_newer),
                store_test(test_damaged),
                store_test(test_directory_that_is_not_there),
                store_test(test_written_before_durable),
                store_test(test_nothing_to_see),
        };
        static const struct CMUnitTest postgres[] = {
                store_test(test_postgres_newer),
                store_test(test_postgres_absent),
                store_test(test_postgres_cut),
                store_test(test_postgres_answer_lost),
                store_test(test_postgres_answer_lost_for_long),
                store_test(test_postgres_restarted),
                store_test(test_postgres_two_journals),
                store_test(test_postgres_fence),
                store_test(test_postgres_owner_and_scan),
        };
        int r = cmocka_run_group_tests(both, NULL, NULL);

        return r + (postgres_server_wanted() ? cmocka_run_group_tests(postgres, NULL, NULL)
                                             : cmocka_run_group_tests(sqlite, NULL, NULL));
}
