/* store: what only the journal in PostgreSQL has to do: connections that die, also in COMMIT, several
 * journals on one database, the fence. */
#include <signal.h>

#include "store-world.h"

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

int main(void)
{
        static const struct CMUnitTest tests[] = {
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

        setenv("TEST_DATABASE", "postgres", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
