/* The window of sequence numbers: what may be acknowledged when, by tables and by a seeded model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "integrations/opencode/ledger.h"

static LedgerVerdict receive(Ledger *l, int64_t seq)
{
        int64_t n_missing;
        LedgerVerdict verdict = ledger_receive(l, seq, &n_missing);

        assert_int_equal(n_missing, 0);
        return verdict;
}

static void test_in_order(void **state)
{
        Ledger l = {0};

        for (int64_t seq = 1; seq <= 1000; seq++) {
                assert_int_equal(receive(&l, seq), LEDGER_NEW);
                assert_true(ledger_settle(&l, seq));
                assert_int_equal(l.durable, seq);
        }
        assert_int_equal(receive(&l, 1000), LEDGER_DURABLE);
        assert_false(ledger_settle(&l, 1000));
        assert_int_equal(ledger_pending(&l), 0);
        ledger_deinit(&l);
}

static void test_out_of_order(void **state)
{
        Ledger l = {0};

        for (int64_t seq = 1; seq <= 4; seq++)
                receive(&l, seq);
        assert_false(ledger_settle(&l, 3));
        assert_false(ledger_settle(&l, 2));
        assert_int_equal(l.durable, 0);
        assert_int_equal(receive(&l, 2), LEDGER_DURABLE); /* behind a hole, but stored */
        assert_int_equal(receive(&l, 4), LEDGER_AGAIN);
        assert_true(ledger_settle(&l, 1));
        assert_int_equal(l.durable, 3);
        assert_true(ledger_settle(&l, 4));
        assert_int_equal(l.durable, 4);
        ledger_deinit(&l);
}

static void test_unknown_numbers(void **state)
{
        Ledger l = {0};

        assert_false(ledger_settle(&l, 7)); /* never received: acknowledging it would lose it */
        assert_int_equal(l.durable, 0);
        assert_false(ledger_settle(&l, -1));
        ledger_deinit(&l);
}

static void test_gap(void **state)
{
        Ledger l = {0};
        int64_t n_missing;

        receive(&l, 1);
        assert_int_equal(ledger_receive(&l, 5, &n_missing), LEDGER_NEW);
        assert_int_equal(n_missing, 3);
        assert_true(ledger_settle(&l, 1));
        assert_int_equal(l.durable, 1);
        assert_true(ledger_settle(&l, 5)); /* 2 to 4 can not be waited for */
        assert_int_equal(l.durable, 5);
        ledger_deinit(&l);
}

static void test_hello(void **state)
{
        Ledger l = {0};

        /* After a restart of the gateway the numbers before next_seq are no gap. */
        ledger_hello(&l, 17);
        assert_int_equal(l.durable, 0);
        assert_int_equal(receive(&l, 17), LEDGER_NEW);
        assert_int_equal(receive(&l, 18), LEDGER_NEW);
        /* The connection breaks; the plugin dropped 17 from a full buffer and will repeat 18. */
        ledger_hello(&l, 18);
        assert_int_equal(l.durable, 17);
        assert_int_equal(receive(&l, 18), LEDGER_AGAIN);
        assert_false(ledger_settle(&l, 17)); /* its storing ends late */
        assert_true(ledger_settle(&l, 18));
        assert_int_equal(l.durable, 18);
        ledger_deinit(&l);
}

static void test_full(void **state)
{
        Ledger l = {0};

        for (int64_t seq = 1; seq <= LEDGER_WINDOW_MAX; seq++)
                assert_int_equal(receive(&l, seq), LEDGER_NEW);
        assert_int_equal(receive(&l, LEDGER_WINDOW_MAX + 1), LEDGER_FULL);
        assert_int_equal(receive(&l, 5), LEDGER_AGAIN);
        assert_true(ledger_settle(&l, 1));
        assert_int_equal(receive(&l, LEDGER_WINDOW_MAX + 1), LEDGER_NEW);
        ledger_deinit(&l);
}

static void test_extremes(void **state)
{
        Ledger l = {0};
        int64_t n_missing;

        assert_int_equal(ledger_receive(&l, INT64_MAX, &n_missing), LEDGER_NEW);
        assert_int_equal(n_missing, INT64_MAX - 1);
        assert_int_equal(ledger_receive(&l, 1, &n_missing), LEDGER_NEW);
        assert_int_equal(n_missing, 0);
        ledger_hello(&l, INT64_MAX);
        assert_int_equal(l.durable, 1);
        assert_true(ledger_is_plausible(&(Ledger){0}, 1));
        assert_false(ledger_is_plausible(&(Ledger){0}, 0));
        assert_false(ledger_is_plausible(&(Ledger){0}, INT64_MAX));
        ledger_deinit(&l);
}

static unsigned rnd(uint64_t *seed, unsigned n)
{
        *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
        return (unsigned) (*seed >> 33) % n;
}

/* A plugin that sends, loses connections and replays; a store that finishes in any order or not at all. Never
 * may an ack cover an event that is neither stored nor out of the plugin's hands; and in the end all is. */
static void run_model(uint64_t seed)
{
        enum { N = 300 };
        bool stored[N + 1] = {0};
        int64_t acked = 0, sent = 0;
        Ledger l = {0};

        ledger_hello(&l, 1);
        for (unsigned turn = 0; turn < 3000; turn++) {
                int64_t from = MAX2(acked, l.durable), seq;

                switch (rnd(&seed, 12)) {
                case 0: /* reconnect */
                        acked = l.durable;
                        sent = acked;
                        ledger_hello(&l, acked + 1);
                        break;
                case 1:
                case 2:
                case 3:
                case 4: /* send the next */
                        if (sent < N) {
                                LedgerVerdict v = receive(&l, ++sent);

                                assert_int_equal(v == LEDGER_DURABLE, stored[sent]);
                        }
                        break;
                default: /* store one of those under way */
                        if (l.highest <= from)
                                break;
                        seq = from + 1 + rnd(&seed, (unsigned) (l.highest - from));
                        stored[seq] = true;
                        ledger_settle(&l, seq);
                }
                for (seq = 1; seq <= l.durable; seq++)
                        assert_true(stored[seq]);
        }
        for (int64_t seq = sent + 1; seq <= N; seq++)
                receive(&l, seq);
        for (int64_t seq = 1; seq <= N; seq++)
                ledger_settle(&l, seq);
        assert_int_equal(l.durable, N);
        assert_int_equal(ledger_pending(&l), 0);
        ledger_deinit(&l);
}

static void test_model(void **state)
{
        for (uint64_t seed = 1; seed <= 200; seed++)
                run_model(seed);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_in_order),        cmocka_unit_test(test_out_of_order),
                cmocka_unit_test(test_unknown_numbers), cmocka_unit_test(test_gap),
                cmocka_unit_test(test_hello),           cmocka_unit_test(test_full),
                cmocka_unit_test(test_extremes),        cmocka_unit_test(test_model),
        };

        return cmocka_run_group_tests_name("opencode-ledger", tests, NULL, NULL);
}
