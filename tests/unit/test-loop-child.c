/* child: what a program gets, what is kept of what it says, and that its end comes with all that it started.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "loop/child.h"

#define LIMIT_MS 20000

#define SH(_script) ((const char *const[]){"sh", "-c", (_script), NULL})

static Child child_of(const char *const *argv)
{
        return (Child){.argv = argv, .timeout_ms = LIMIT_MS, .out_max_bytes = 1000, .err_max_bytes = 1000};
}

static void test_output_and_end(void **state)
{
        Child c = child_of(SH("echo hello; echo oh >&2; exit 3"));

        child_run(&c, NULL);
        assert_int_equal(c.end, CHILD_EXITED);
        assert_int_equal(c.status, 3);
        assert_string_equal(buf_bytes(&c.out), "hello\n");
        assert_string_equal(buf_bytes(&c.err), "oh\n");
        child_deinit(&c);

        c = child_of(SH("kill -USR1 $$"));
        child_run(&c, NULL);
        assert_int_equal(c.end, CHILD_SIGNALED);
        assert_int_equal(c.status, SIGUSR1);
        child_deinit(&c);
}

static void test_input_environment_directory(void **state)
{
        const char *const env[] = {"PATH=/usr/bin:/bin", "COLOUR=red", NULL};
        _cleanup_free_ char *big = mem_zalloc(300001);
        Child c = child_of(SH("wc -c; echo $COLOUR $HOME; pwd"));

        memset(big, 'x', 300000); /* more than a pipe holds */
        c.env = env;
        c.dir = "/usr";
        c.input = big;
        c.n_input_bytes = 300000;
        child_run(&c, NULL);
        assert_string_equal(buf_bytes(&c.out), "300000\nred\n/usr\n");
        child_deinit(&c);

        /* One that does not read is not waited for. */
        c = child_of((const char *const[]){"true", NULL});
        c.input = big;
        c.n_input_bytes = 300000;
        child_run(&c, NULL);
        assert_true(child_succeeded(&c));
        child_deinit(&c);
}

static void test_what_cannot_start(void **state)
{
        Child c = child_of((const char *const[]){"no-such-program-anywhere", NULL});

        child_run(&c, NULL);
        assert_int_equal(c.end, CHILD_NOT_STARTED);
        assert_int_equal(c.status, ENOENT);
        child_deinit(&c);
        c = child_of((const char *const[]){"true", NULL});
        c.dir = "/no/such/directory";
        child_run(&c, NULL);
        assert_int_equal(c.end, CHILD_NOT_STARTED);
        assert_int_equal(c.status, ENOENT);
        child_deinit(&c);
}

static void count(void *userdata, const char *text, size_t n_bytes)
{
        *(size_t *) userdata += n_bytes;
}

static void test_output_is_bounded(void **state)
{
        size_t n_seen = 0;
        Child c = child_of(
                SH("head -c 200000 /dev/zero | tr '\\0' 'a'; (head -c 200000 /dev/zero | tr '\\0' 'b'; "
                   "printf end) >&2"));

        c.on_err = count;
        c.userdata = &n_seen;
        child_run(&c, NULL);
        assert_true(child_succeeded(&c));
        assert_int_equal(buf_len(&c.out), 1000);
        assert_true(c.out_truncated);
        assert_int_equal(buf_len(&c.err), 1000);
        assert_string_equal(buf_bytes(&c.err) + 997, "end"); /* the last of it */
        assert_int_equal(n_seen, 200003);
        child_deinit(&c);
}

static void test_time_limit_ends_the_group(void **state)
{
        int ends[2];
        char byte;
        Child c = child_of(SH("sleep 1000 & sleep 1000"));

        /* Both sleepers hold the pipe; its end is read when neither is left. */
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        c.timeout_ms = 100;
        c.keep_fds[c.n_keep_fds++] = ends[1];
        child_run(&c, NULL);
        close(ends[1]);
        assert_int_equal(c.end, CHILD_TIMED_OUT);
        assert_int_equal(read(ends[0], &byte, 1), 0);
        close(ends[0]);
        child_deinit(&c);
}

static void test_one_that_ignores_sigterm_is_killed(void **state)
{
        Child c = child_of(SH("trap '' TERM; while :; do sleep 1000; done"));

        c.timeout_ms = 100;
        child_run(&c, NULL);
        assert_int_equal(c.end, CHILD_TIMED_OUT);
        assert_int_equal(c.status, SIGKILL);
        child_deinit(&c);
}

static void test_what_is_left_running_is_not_waited_for(void **state)
{
        Child c = child_of(SH("sleep 1000 & echo $!"));
        int64_t start_ms = clock_monotonic_ms();

        child_run(&c, NULL);
        assert_true(child_succeeded(&c));
        assert_true(clock_monotonic_ms() - start_ms < LIMIT_MS);
        assert_int_equal(kill(atoi(buf_bytes(&c.out)), SIGKILL), 0);
        child_deinit(&c);
}

static void *cancel_when_told(void *arg)
{
        struct {
                ChildCancel *cancel;
                int fd;
        } *order = arg;
        char byte;

        if (read(order->fd, &byte, 1) == 1)
                child_cancel_set(order->cancel);
        return NULL;
}

static void test_cancel(void **state)
{
        ChildCancel *cancel = child_cancel_new();
        int ends[2];
        struct {
                ChildCancel *cancel;
                int fd;
        } order;
        pthread_t thread;
        Child both[2] = {child_of(SH("sleep 1000")), child_of(SH("printf x >&3; sleep 1000"))};
        Child late = child_of(SH("true"));

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(dup2(ends[1], 3) == 3 || ends[1] == 3, 1);
        order.cancel = cancel;
        order.fd = ends[0];
        assert_int_equal(pthread_create(&thread, NULL, cancel_when_told, &order), 0);
        both[1].keep_fds[both[1].n_keep_fds++] = 3;
        child_run_all((Child *const[]){&both[0], &both[1]}, 2, 2, cancel);
        pthread_join(thread, NULL);
        assert_int_equal(both[0].end, CHILD_CANCELLED);
        assert_int_equal(both[1].end, CHILD_CANCELLED);
        child_run(&late, cancel); /* not even started */
        assert_int_equal(late.end, CHILD_CANCELLED);
        assert_false(child_cancel_wait(cancel, LIMIT_MS));
        assert_true(child_cancel_wait(NULL, 1));
        for (size_t i = 0; i < 2; i++)
                child_deinit(&both[i]);
        child_deinit(&late);
        child_cancel_free(cancel);
}

static void test_several_beside_each_other(void **state)
{
        Child all[7], *pointers[ELEMENTSOF(all)];
        char dir[] = "/tmp/test-child-XXXXXX";
        const char *const *script = SH(
                "touch $$; ls | wc -l; while [ $(ls | wc -l) -lt 2 -a ! -e two ]; do sleep 0.01; done; ls | wc -l; "
                "touch two; rm $$");

        /* Each makes its mark, and counts those of the others that are there at once. */
        assert_non_null(mkdtemp(dir));
        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                all[i] = child_of(script);
                all[i].dir = dir;
                pointers[i] = &all[i];
        }
        child_run_all(pointers, ELEMENTSOF(all), 3, NULL);
        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                assert_true(child_succeeded(&all[i]));
                assert_in_range(atoi(buf_bytes(&all[i].out)), 1, 4); /* three and the file "two" */
                child_deinit(&all[i]);
        }
        child_run(&(Child){.argv = (const char *const[]){"rm", "-r", dir, NULL}, .timeout_ms = LIMIT_MS},
                  NULL);
}

/* A lock that is handed down stays held until the child has ended, also when its parent was killed; and the
 * child is told so. */
static void test_parent_killed(void **state)
{
        char path[] = "/tmp/test-child-lock-XXXXXX";
        int fd = mkostemp(path, O_CLOEXEC), own, ends[2];
        char byte;
        pid_t parent;

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        parent = fork();
        if (parent == 0) {
                Child c = child_of(SH("printf x >&9; exec sleep 1000"));

                flock(fd, LOCK_EX);
                dup2(ends[1], 9);
                c.keep_fds[c.n_keep_fds++] = fd;
                c.keep_fds[c.n_keep_fds++] = 9;
                child_run(&c, NULL);
                _exit(0);
        }
        close(fd); /* it is the same lock in both */
        assert_int_equal(read(ends[0], &byte, 1), 1);
        kill(parent, SIGKILL);
        waitpid(parent, NULL, 0);
        own = open(path, O_RDWR | O_CLOEXEC);
        assert_int_equal(flock(own, LOCK_EX), 0); /* comes back only when the sleeper is gone */
        close(own);
        close(ends[0]);
        close(ends[1]);
        unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_output_and_end),
                cmocka_unit_test(test_input_environment_directory),
                cmocka_unit_test(test_what_cannot_start),
                cmocka_unit_test(test_output_is_bounded),
                cmocka_unit_test(test_time_limit_ends_the_group),
                cmocka_unit_test(test_one_that_ignores_sigterm_is_killed),
                cmocka_unit_test(test_what_is_left_running_is_not_waited_for),
                cmocka_unit_test(test_cancel),
                cmocka_unit_test(test_several_beside_each_other),
                cmocka_unit_test(test_parent_killed),
        };

        signal(SIGPIPE, SIG_IGN);
        alarm(50);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
