/* loop: order of what is deferred, timers that move and go, wake-ups from threads, signals. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "loop/loop.h"

typedef struct Fixture {
        Loop *loop;
        Buf trace;
        LoopTimer *timer, *other;
        LoopWake *wake;
        unsigned n, n_woken;
} Fixture;

static int setup(void **state)
{
        Fixture *f = mem_new(Fixture);

        assert_int_equal(loop_new(&f->loop), 0);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;

        loop_free(f->loop);
        buf_deinit(&f->trace);
        free(f);
        return 0;
}

static void say_a(void *userdata)
{
        buf_append_char(&((Fixture *) userdata)->trace, 'a');
}

static void say_b(void *userdata)
{
        buf_append_char(&((Fixture *) userdata)->trace, 'b');
}

static void stop(void *userdata)
{
        loop_stop(((Fixture *) userdata)->loop);
}

static void defer_more(void *userdata)
{
        Fixture *f = userdata;

        loop_defer(f->loop, say_b, f);
        loop_defer(f->loop, stop, f);
}

static void test_deferred_keep_their_order(void **state)
{
        Fixture *f = *state;

        loop_defer(f->loop, say_a, f);
        loop_defer(f->loop, say_b, f);
        loop_defer(f->loop, defer_more, f);
        loop_defer(f->loop, say_a, f);
        assert_string_equal(buf_bytes(&f->trace), "");
        loop_run(f->loop);
        assert_string_equal(buf_bytes(&f->trace), "abab"); /* deferred meanwhile: next time round */
        loop_defer(f->loop, say_a, f);                     /* never run: freed with the loop */
}

static void on_repeat(void *userdata)
{
        Fixture *f = userdata;

        assert_false(loop_timer_is_set(f->timer));
        if (++f->n == 3)
                loop_stop(f->loop);
        else
                loop_timer_set(f->timer, 5);
}

static void test_timer_sets_itself_again(void **state)
{
        Fixture *f = *state;
        int64_t start = clock_monotonic_ms();

        f->timer = loop_timer_new(f->loop, on_repeat, f);
        assert_false(loop_timer_is_set(f->timer));
        loop_timer_set(f->timer, 1000000);
        assert_true(loop_timer_is_set(f->timer));
        loop_timer_set(f->timer, 5); /* moves it */
        loop_run(f->loop);
        assert_int_equal(f->n, 3);
        assert_true(clock_monotonic_ms() - start >= 14);
        loop_timer_free(f->timer);
        loop_timer_free(NULL);
}

static void free_both(void *userdata)
{
        Fixture *f = userdata;

        buf_append_char(&f->trace, 'f');
        loop_timer_free(f->timer); /* itself, */
        loop_timer_free(f->other); /* and one that is due in the same moment */
        loop_defer(f->loop, stop, f);
}

static void test_freed_timers_never_fire(void **state)
{
        Fixture *f = *state;
        LoopTimer *cleared = loop_timer_new(f->loop, say_b, f);

        f->timer = loop_timer_new(f->loop, free_both, f);
        f->other = loop_timer_new(f->loop, say_a, f);
        loop_timer_set(cleared, 0);
        loop_timer_set(f->timer, 1);
        loop_timer_set(f->other, 1);
        loop_timer_clear(cleared);
        loop_run(f->loop);
        assert_string_equal(buf_bytes(&f->trace), "f");
        loop_timer_free(cleared);
}

/* The wait counts from when it is set, not from when the iteration began. */
static void set_late(void *userdata)
{
        Fixture *f = userdata;

        usleep(30 * 1000);
        f->timer = loop_timer_new(f->loop, stop, f);
        loop_timer_set(f->timer, 30);
}

static void test_timer_after_a_long_callback(void **state)
{
        Fixture *f = *state;
        int64_t start = clock_monotonic_ms();

        loop_defer(f->loop, set_late, f);
        loop_run(f->loop);
        assert_true(clock_monotonic_ms() - start >= 59);
        loop_timer_free(f->timer);
}

static void on_wake(void *userdata)
{
        Fixture *f = userdata;

        f->n_woken++;
        if (__atomic_load_n(&f->n, __ATOMIC_SEQ_CST) == 1000)
                loop_stop(f->loop);
}

static void *wake_often(void *arg)
{
        Fixture *f = arg;

        for (int i = 0; i < 1000; i++) {
                __atomic_fetch_add(&f->n, 1, __ATOMIC_SEQ_CST);
                loop_wake_send(f->wake);
        }
        return NULL;
}

static void test_wake_from_a_thread(void **state)
{
        Fixture *f = *state;
        pthread_t thread;

        f->wake = loop_wake_new(f->loop, on_wake, f);
        assert_int_equal(pthread_create(&thread, NULL, wake_often, f), 0);
        loop_run(f->loop); /* the last one is never lost */
        pthread_join(thread, NULL);
        assert_in_range(f->n_woken, 1, 1000);
        loop_wake_send(f->wake);
        loop_wake_free(f->wake); /* under way: nobody is called */
        loop_wake_free(NULL);
}

static void raise_one(void *userdata)
{
        (void) userdata;
        kill(getpid(), SIGUSR1);
}

static void test_signal(void **state)
{
        Fixture *f = *state;
        LoopSignal *s = loop_signal_new(f->loop, SIGUSR1, stop, f);

        loop_defer(f->loop, raise_one, f);
        loop_run(f->loop);
        loop_signal_free(s);
        loop_signal_free(NULL);
}

#define loop_test(_name) cmocka_unit_test_setup_teardown(_name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                loop_test(test_deferred_keep_their_order), loop_test(test_timer_sets_itself_again),
                loop_test(test_freed_timers_never_fire),   loop_test(test_timer_after_a_long_callback),
                loop_test(test_wake_from_a_thread),        loop_test(test_signal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
