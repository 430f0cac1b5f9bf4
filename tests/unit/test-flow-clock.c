/* flow: what a jump of real time may not do. The clocks are this file's, so that one of them can jump. */
#include "engine-world.h"

#include <time.h>

#include "base/clock.h"

#define HOUR_MS (60 * 60 * 1000LL)

static int64_t jump_ms; /* of real time */

static int64_t read_us(clockid_t id)
{
        struct timespec ts;

        clock_gettime(id, &ts);
        return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_realtime_ms(void)
{
        return read_us(CLOCK_REALTIME) / 1000 + jump_ms;
}

int64_t clock_monotonic_ms(void)
{
        return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_monotonic_us(void)
{
        return read_us(CLOCK_MONOTONIC);
}

int64_t clock_boottime_ms(void)
{
        return read_us(CLOCK_BOOTTIME) / 1000;
}

static int setup(void **state)
{
        jump_ms = 0;
        return world_setup_disk(state);
}

static bool holds_one(World *w)
{
        return w->n_held >= 1;
}

/* "post" has a deadline of a minute. */
static void test_jump_forward_does_not_expire_an_ask(void **state)
{
        World *w = *state;

        w->outcomes = "ho";
        world_send(w, "x", "hello", "{'do': [['ask', {'verb': 'post'}]]}");
        world_until(w, holds_one);
        jump_ms = 2 * HOUR_MS;
        world_end_ask(w, 0, ASK_TEMPFAIL);
        world_until_count(w, w->engine->metrics.turns, 2);
        world_expect_trace(w, "a:hello a:post");
        world_expect_asks(w, "post/1 post/2");
}

static void test_jump_back_does_not_hold_up_a_timer(void **state)
{
        World *w = *state;

        world_send(w, "x", "hello", "{'do': [['timer', 't', 50]]}");
        world_settle(w);
        jump_ms = -2 * HOUR_MS;
        world_until_count(w, w->engine->metrics.turns, 2);
        world_expect_trace(w, "a:hello a:timer:t");
}

static void test_jump_forward_does_not_hurry_a_timer(void **state)
{
        World *w = *state;
        int64_t start_ms = clock_monotonic_ms();

        world_send(w, "x", "hello", "{'do': [['timer', 't', 200]]}");
        world_settle(w);
        jump_ms = 2 * HOUR_MS;
        world_until_count(w, w->engine->metrics.turns, 2);
        assert_true(clock_monotonic_ms() - start_ms >= 195);
}

/* Written by a clock that was ahead: no older than now, so that it has all of its time. */
static void test_restart_with_a_clock_set_back(void **state)
{
        World *w = *state;

        w->outcomes = "ho";
        world_send(w, "x", "hello", "{'do': [['ask', {'verb': 'post'}]]}");
        world_until(w, holds_one);
        world_expect_trace(w, "a:hello");
        jump_ms = -2 * HOUR_MS;
        world_restart(w);
        world_until_count(w, w->engine->metrics.turns, 1);
        world_expect_trace(w, "a:post");
}

#define TEST(_name) cmocka_unit_test_setup_teardown(_name, setup, world_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_jump_forward_does_not_expire_an_ask),
                TEST(test_jump_back_does_not_hold_up_a_timer),
                TEST(test_jump_forward_does_not_hurry_a_timer),
                TEST(test_restart_with_a_clock_set_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
