/* store: the journal, record by record, in SQLite or (TEST_DATABASE=postgres) in PostgreSQL; what each of
 * them opens and refuses. */
#include "store-world.h"

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
        rec = journal_batch_add(b, JOURNAL_LIST);
        rec->step = "s";
        rec->number = 10;
        commit(s, b);
        assert_string_equal(buf_bytes(&s->done), "1");
        assert_non_null(strstr(b->records[5].text, "00000000000003ea"));
        assert_non_null(strstr(b->records[6].text, "because"));
        assert_null(strstr(b->records[6].text, "00000000000003e9"));
        list = json_parse(b->records[7].text, strlen(b->records[7].text), NULL);
        assert_int_equal(json_array_size(list), 1);
        assert_string_equal(json_str(list, "0.kind"), "other"); /* the last changed */
        assert_true(json_is_null(json_at(list, "0.data")));
        assert_non_null(strstr(b->records[8].text, "00000000000003eb"));
        assert_null(strstr(b->records[8].text, "00000000000003e9"));
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
        int r = cmocka_run_group_tests(both, NULL, NULL);

        return postgres_server_wanted() ? r : r + cmocka_run_group_tests(sqlite, NULL, NULL);
}
