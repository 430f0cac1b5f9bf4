/* store: the division of shards, as a pure function. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "store/shards.h"

#define ALL (~(ShardSet) 0)

typedef struct Division {
        int64_t owners[JOURNAL_SHARDS];
        int64_t members[16];
        size_t n_members;
} Division;

static void plan(const Division *d, int64_t me, ShardSet *take, ShardSet *give_up)
{
        shards_plan(d->owners, d->members, d->n_members, me, take, give_up);
}

static unsigned owned(const Division *d, int64_t id)
{
        unsigned n = 0;

        for (unsigned s = 0; s < JOURNAL_SHARDS; s++)
                n += d->owners[s] == id;
        return n;
}

static void set_owner(Division *d, ShardSet set, int64_t id)
{
        for (unsigned s = 0; s < JOURNAL_SHARDS; s++)
                if (shards_have(set, s))
                        d->owners[s] = id;
}

/* All look by turns until nobody wants anything; the number of shards that changed hands. */
static unsigned settle(Division *d)
{
        unsigned n_moved = 0;

        for (unsigned round = 0; round < 20; round++) {
                bool calm = true;

                for (size_t i = 0; i < d->n_members; i++) {
                        ShardSet take, give_up;

                        plan(d, d->members[i], &take, &give_up);
                        set_owner(d, give_up, 0);
                        set_owner(d, take, d->members[i]);
                        n_moved += shards_count(take);
                        calm = calm && !take && !give_up;
                }
                if (calm)
                        return n_moved;
        }
        fail_msg("it does not come to rest");
        return 0;
}

static void assert_even(const Division *d)
{
        unsigned sum = 0;

        for (size_t i = 0; i < d->n_members; i++) {
                unsigned n = owned(d, d->members[i]);

                assert_in_range(n, JOURNAL_SHARDS / d->n_members, JOURNAL_SHARDS / d->n_members + 1);
                sum += n;
        }
        assert_int_equal(sum, JOURNAL_SHARDS);
}

static void test_alone(void **state)
{
        Division d = {.members = {7}, .n_members = 1};
        ShardSet take, give_up;

        (void) state;
        plan(&d, 7, &take, &give_up);
        assert_true(take == ALL);
        assert_true(give_up == 0);
}

static void test_even_and_few_moves(void **state)
{
        Division d = {.members = {7}, .n_members = 1};
        unsigned n_moved;

        (void) state;
        settle(&d);
        for (size_t n = 2; n <= 5; n++) {
                d.members[n - 1] = (int64_t) (n * 10);
                d.n_members = n;
                n_moved = settle(&d);
                assert_int_equal(n_moved, owned(&d, d.members[n - 1])); /* and nothing else */
                assert_even(&d);
        }
        /* One dies: its shards are moved, no others. */
        set_owner(&d, ALL, 0);
        settle(&d);
        for (unsigned s = 0; s < JOURNAL_SHARDS; s++)
                if (d.owners[s] == 30)
                        d.owners[s] = 0;
        d.members[2] = 40;
        d.members[3] = 50;
        d.n_members = 4;
        assert_in_range(settle(&d), 12, 13);
        assert_even(&d);
}

static void test_leaving(void **state)
{
        Division d = {.members = {7, 20}, .n_members = 2};
        ShardSet take, give_up;

        (void) state;
        settle(&d);
        d.members[0] = 20;
        d.n_members = 1;
        plan(&d, 7, &take, &give_up);
        assert_true(take == 0);
        assert_int_equal(shards_count(give_up), 32);
        plan(&d, 20, &take, &give_up);
        assert_true(take == 0); /* not before they are free */
}

/* What somebody has who is alive is never taken. */
static void test_nothing_is_stolen(void **state)
{
        Division d = {.members = {7, 20, 30}, .n_members = 3};
        ShardSet take, give_up;

        (void) state;
        set_owner(&d, ALL, 20);
        plan(&d, 7, &take, &give_up);
        assert_true(take == 0 && give_up == 0);
        plan(&d, 20, &take, &give_up);
        assert_true(take == 0);
        assert_int_equal(shards_count(give_up), JOURNAL_SHARDS - 21);
}

/* Two that see the same free shards want different ones, as far as there are enough. */
static void test_apart(void **state)
{
        Division d = {.members = {7, 20}, .n_members = 2};
        ShardSet first, second, give_up;

        (void) state;
        plan(&d, 7, &first, &give_up);
        plan(&d, 20, &second, &give_up);
        assert_true((first & second) == 0);
        assert_true((first | second) == ALL);
}

static void test_more_than_shards(void **state)
{
        Division d = {.n_members = 0};
        int64_t members[70];
        unsigned n = 0;

        (void) state;
        for (int i = 0; i < 70; i++)
                members[i] = i + 1;
        for (int i = 0; i < 70; i++) {
                ShardSet take, give_up;

                shards_plan(d.owners, members, 70, i + 1, &take, &give_up);
                assert_true(shards_count(take) <= 1);
                set_owner(&d, take, i + 1);
                n += shards_count(take);
        }
        assert_int_equal(n, JOURNAL_SHARDS);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_alone),   cmocka_unit_test(test_even_and_few_moves),
                cmocka_unit_test(test_leaving), cmocka_unit_test(test_nothing_is_stolen),
                cmocka_unit_test(test_apart),   cmocka_unit_test(test_more_than_shards),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
