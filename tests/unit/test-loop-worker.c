/* worker: lanes keep their order and pass each other, what is said comes before the end, and nothing is left.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "loop/worker.h"

#define N_JOBS 200

typedef struct World {
        Loop *loop;
        Workers *workers;
        LoopTimer *guard;
        unsigned n_done, n_dropped, n_expected;
        Buf said;
        unsigned last[3]; /* number of the last job done, by lane */
} World;

typedef struct Job {
        World *world;
        unsigned lane, number;
        int wait_for_fd, tell_fd;
        bool ran;
} Job;

static void too_late(void *userdata)
{
        fail_msg("the workers did not finish in time");
}

static void open_world(World *w, unsigned n_threads, unsigned max_waiting)
{
        *w = (World){0};
        assert_int_equal(loop_new(&w->loop), 0);
        assert_int_equal(workers_new(&w->workers, w->loop, "test", n_threads, max_waiting), 0);
        w->guard = loop_timer_new(w->loop, too_late, NULL);
        loop_timer_set(w->guard, 20000);
}

static void close_world(World *w)
{
        workers_free(w->workers);
        loop_timer_free(w->guard);
        loop_free(w->loop);
        buf_deinit(&w->said);
}

static void on_said(void *userdata, const char *text)
{
        buf_append_str(&((World *) userdata)->said, text);
}

static void run(void *userdata)
{
        Job *job = userdata;
        char byte = 'x';

        job->ran = true;
        if (job->tell_fd)
                assert_int_equal(write(job->tell_fd, &byte, 1), 1);
        if (job->wait_for_fd)
                assert_int_equal(read(job->wait_for_fd, &byte, 1), 1);
}

static void done(void *userdata)
{
        Job *job = userdata;
        World *w = job->world;

        assert_true(job->ran);
        assert_true(job->number > w->last[job->lane]);
        w->last[job->lane] = job->number;
        free(job);
        if (++w->n_done == w->n_expected)
                loop_stop(w->loop);
}

static void drop(void *userdata)
{
        Job *job = userdata;

        job->world->n_dropped++;
        free(job);
}

static bool submit(World *w, unsigned lane, unsigned number, int wait_for_fd, int tell_fd)
{
        static const char *const names[] = {"a", "b", "c"};
        Job *job = mem_new(Job);
        bool taken;

        *job = (Job){w, lane, number, wait_for_fd, tell_fd, false};
        taken = workers_submit(w->workers, &(WorkerJob){names[lane], run, done, drop, job});
        if (!taken)
                free(job);
        return taken;
}

static void test_lanes_keep_their_order(void **state)
{
        World w;

        open_world(&w, 4, N_JOBS);
        w.n_expected = N_JOBS;
        for (unsigned i = 1; i <= N_JOBS; i++)
                assert_true(submit(&w, i % 3, i, 0, 0));
        loop_run(w.loop);
        assert_int_equal(w.n_done, N_JOBS);
        assert_int_equal(workers_n_busy(w.workers), 0);
        close_world(&w);
}

static void test_a_blocked_lane_is_passed(void **state)
{
        int gate[2];
        World w;

        assert_int_equal(pipe(gate), 0);
        open_world(&w, 2, N_JOBS);
        w.n_expected = 3;
        submit(&w, 0, 1, gate[0], 0); /* waits until the job of the other lane opens the gate */
        submit(&w, 0, 2, 0, 0);       /* must not run beside it, nor hold up the other lane */
        submit(&w, 1, 1, 0, gate[1]);
        loop_run(w.loop);
        assert_int_equal(w.n_done, 3);
        close_world(&w);
        close(gate[0]);
        close(gate[1]);
}

static void say_and_end(void *userdata)
{
        World *w = userdata;

        workers_say(w->workers, on_said, w, mem_strdup("one "));
        workers_say(w->workers, on_said, w, mem_strdup("two "));
}

static void ended(void *userdata)
{
        World *w = userdata;

        buf_append_str(&w->said, "end");
        loop_stop(w->loop);
}

static void test_what_is_said_comes_first(void **state)
{
        World w;

        open_world(&w, 1, 10);
        assert_true(workers_submit(w.workers, &(WorkerJob){NULL, say_and_end, ended, NULL, &w}));
        loop_run(w.loop);
        assert_string_equal(buf_bytes(&w.said), "one two end");
        close_world(&w);
}

static void test_limit_and_dropping(void **state)
{
        int gate[2], told[2];
        char byte;
        World w;

        assert_int_equal(pipe(gate), 0);
        assert_int_equal(pipe(told), 0);
        open_world(&w, 1, 2);
        assert_true(submit(&w, 0, 1, gate[0], told[1]));
        assert_int_equal(read(told[0], &byte, 1), 1); /* it runs, and waits no more */
        assert_true(submit(&w, 0, 2, 0, 0));
        assert_true(submit(&w, 1, 1, 0, 0));
        assert_false(submit(&w, 2, 1, 0, 0)); /* as many wait as may */
        assert_false(child_cancel_is_set(workers_cancel(w.workers)));
        assert_int_equal(write(gate[1], "x", 1), 1);
        close_world(&w); /* one has run or is running, the others never did: all are given back */
        assert_int_equal(w.n_dropped + w.n_done, 3);
        close(gate[0]);
        close(gate[1]);
        close(told[0]);
        close(told[1]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lanes_keep_their_order),
                cmocka_unit_test(test_a_blocked_lane_is_passed),
                cmocka_unit_test(test_what_is_said_comes_first),
                cmocka_unit_test(test_limit_and_dropping),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
