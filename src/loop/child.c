#include "loop/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define READ_BYTES 65536
/* How often a child is looked at where the kernel has no pidfd_open(). */
#define LOOK_MS 10

struct ChildCancel {
        atomic_bool set;
        int fd; /* readable for ever once it is set */
};

ChildCancel *child_cancel_new(void)
{
        ChildCancel *c = mem_new(ChildCancel);

        c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        return c;
}

void child_cancel_free(ChildCancel *c)
{
        if (!c)
                return;
        if (c->fd >= 0)
                close(c->fd);
        free(c);
}

void child_cancel_set(ChildCancel *c)
{
        uint64_t one = 1;

        atomic_store(&c->set, true);
        /* Cannot fail: the counter is far from its end. Without a descriptor the flag is seen at the next
         * look. */
        if (c->fd >= 0 && write(c->fd, &one, sizeof(one)) < 0)
                return;
}

bool child_cancel_is_set(const ChildCancel *c)
{
        return c && atomic_load(&((ChildCancel *) c)->set);
}

bool child_cancel_wait(const ChildCancel *c, int64_t wait_ms)
{
        struct pollfd p = {.fd = c ? c->fd : -1, .events = POLLIN};

        if (!child_cancel_is_set(c))
                poll(&p, 1, (int) wait_ms);
        return !child_cancel_is_set(c);
}

typedef struct Running {
        Child *child;
        pid_t pid; /* 0 = not started, or over */
        int pid_fd, in, out, err;
        size_t n_written;
        int64_t limit_ms; /* monotonic; when it is to be ended, then when it is to be killed */
        bool ending;      /* has got SIGTERM */
        ChildEnd because; /* of ending */
} Running;

/* What happens between vfork() and exec: only system calls, in the child's own copy of the descriptor table
 * but in the parent's memory. The errno of what failed is left in *ret_errno. */
static void __attribute__((noreturn, noinline))
become(const Child *child, pid_t parent, int in, int out, int err, volatile int *ret_errno)
{
        sigset_t none;
        struct sigaction usual = {.sa_handler = SIG_DFL};

        sigemptyset(&none);
        sigaction(SIGPIPE, &usual, NULL); /* an ignored signal would stay ignored */
        sigprocmask(SIG_SETMASK, &none, NULL);
        setsid();
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
                _exit(127);
        for (size_t i = 0; i < child->n_keep_fds; i++)
                fcntl(child->keep_fds[i], F_SETFD, 0);
        if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0 || (child->dir && chdir(child->dir) < 0))
                goto failed;
        execvpe(child->argv[0], (char *const *) child->argv,
                child->env ? (char *const *) child->env : environ);
failed:
        *ret_errno = errno;
        _exit(127);
}

static pid_t spawn(const Child *child, int in, int out, int err, int *ret_errno)
{
        volatile int error = 0;
        pid_t parent = getpid(), pid;
        sigset_t all, before;

        /* A signal handler of ours must not run in the child while the memory is shared. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pid = vfork();
        if (pid == 0)
                become(child, parent, in, out, err, &error);
        if (pid < 0)
                error = errno;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (pid > 0 && error) {
                while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                        ;
                pid = -1;
        }
        *ret_errno = error;
        return pid;
}

static void close_fd(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

static bool make_pipe(int ends[2])
{
        if (pipe2(ends, O_CLOEXEC) < 0) {
                ends[0] = ends[1] = -1;
                return false;
        }
        return true;
}

static void start(Running *r)
{
        Child *child = r->child;
        int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, error = 0;

        if (!make_pipe(out) || !make_pipe(err) || (child->input && !make_pipe(in)))
                error = errno;
        else if (!child->input && (in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
                error = errno;
        else
                r->pid = spawn(child, in[0], out[1], err[1], &error);
        close_fd(&in[0]);
        close_fd(&out[1]);
        close_fd(&err[1]);
        r->in = in[1], r->out = out[0], r->err = err[0];
        if (error) {
                r->pid = 0;
                child->end = CHILD_NOT_STARTED;
                child->status = error;
                close_fd(&r->in);
                close_fd(&r->out);
                close_fd(&r->err);
                return;
        }
        fcntl(r->out, F_SETFL, O_NONBLOCK);
        fcntl(r->err, F_SETFL, O_NONBLOCK);
        if (r->in >= 0)
                fcntl(r->in, F_SETFL, O_NONBLOCK);
        r->pid_fd = (int) syscall(SYS_pidfd_open, r->pid, 0);
        r->limit_ms = clock_monotonic_ms() + child->timeout_ms;
}

static void keep_out(Child *child, const char *data, size_t n)
{
        size_t room = child->out_max_bytes - MIN2(buf_len(&child->out), child->out_max_bytes);

        if (n > room)
                child->out_truncated = true;
        buf_append(&child->out, data, MIN2(n, room));
}

static void keep_err(Child *child, const char *data, size_t n)
{
        if (child->on_err)
                child->on_err(child->userdata, data, n);
        buf_append(&child->err, data, n);
        if (buf_len(&child->err) > child->err_max_bytes)
                buf_consume(&child->err, buf_len(&child->err) - child->err_max_bytes);
}

/* Reads what there is. At the end of the stream the descriptor is closed. */
static void drain(Running *r, int *fd, void (*keep)(Child *, const char *, size_t))
{
        char data[READ_BYTES];
        ssize_t n;

        while (*fd >= 0) {
                n = read(*fd, data, sizeof(data));
                if (n > 0)
                        keep(r->child, data, (size_t) n);
                else if (n < 0 && errno == EINTR)
                        continue;
                else if (n < 0 && errno == EAGAIN)
                        return;
                else
                        close_fd(fd);
        }
}

static void feed(Running *r)
{
        const Child *child = r->child;

        while (r->in >= 0) {
                size_t left = child->n_input_bytes - r->n_written;
                ssize_t n = left ? write(r->in, child->input + r->n_written, left) : 0;

                if (n > 0)
                        r->n_written += (size_t) n;
                else if (n < 0 && errno == EINTR)
                        continue;
                else if (n < 0 && errno == EAGAIN)
                        return;
                else /* all is written, or it does not want more: that is its business */
                        close_fd(&r->in);
        }
}

static void begin_ending(Running *r, ChildEnd because)
{
        if (r->ending)
                return;
        r->ending = true;
        r->because = because;
        r->limit_ms = clock_monotonic_ms() + CHILD_GRACE_MS;
        kill(-r->pid, SIGTERM);
}

static void finish(Running *r, int status)
{
        Child *child = r->child;

        /* Not until the end of the streams: what it left running may hold them open for ever. */
        drain(r, &r->out, keep_out);
        drain(r, &r->err, keep_err);
        if (r->ending)
                kill(-r->pid, SIGKILL); /* who in its group did not listen to SIGTERM */
        child->end = r->ending ? r->because : WIFEXITED(status) ? CHILD_EXITED : CHILD_SIGNALED;
        child->status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
        r->pid = 0;
        close_fd(&r->pid_fd);
        close_fd(&r->in);
        close_fd(&r->out);
        close_fd(&r->err);
}

/* What is due for one child; how long it may be left alone, in milliseconds, is taken into *wait_ms. */
static void look_after(Running *r, const ChildCancel *cancel, int64_t *wait_ms)
{
        int64_t now_ms = clock_monotonic_ms();
        int status;

        drain(r, &r->out, keep_out);
        drain(r, &r->err, keep_err);
        feed(r);
        if (waitpid(r->pid, &status, WNOHANG) == r->pid) {
                finish(r, status);
                return;
        }
        if (child_cancel_is_set(cancel))
                begin_ending(r, CHILD_CANCELLED);
        if (now_ms >= r->limit_ms && !r->ending) {
                begin_ending(r, CHILD_TIMED_OUT);
        } else if (now_ms >= r->limit_ms) {
                kill(-r->pid, SIGKILL);
                r->limit_ms = now_ms + CHILD_GRACE_MS;
        }
        *wait_ms = MIN2(*wait_ms, MAX2(r->limit_ms - now_ms, (int64_t) 0));
        if (r->pid_fd < 0)
                *wait_ms = MIN2(*wait_ms, (int64_t) LOOK_MS);
}

static void wait_for_news(const Running *all, size_t n, const ChildCancel *cancel, int64_t wait_ms)
{
        struct pollfd *polls = mem_zalloc((4 * n + 1) * sizeof(*polls));
        nfds_t n_polls = 0;
        bool cancelling = child_cancel_is_set(cancel);

        if (cancel && !cancelling)
                polls[n_polls++] = (struct pollfd){.fd = cancel->fd, .events = POLLIN};
        for (size_t i = 0; i < n; i++) {
                const Running *r = &all[i];

                if (!r->pid)
                        continue;
                polls[n_polls++] = (struct pollfd){.fd = r->out, .events = POLLIN};
                polls[n_polls++] = (struct pollfd){.fd = r->err, .events = POLLIN};
                polls[n_polls++] = (struct pollfd){.fd = r->pid_fd, .events = POLLIN};
                polls[n_polls++] = (struct pollfd){.fd = r->in, .events = POLLOUT};
        }
        poll(polls, n_polls, (int) wait_ms); /* negative descriptors are passed over; an EINTR is a look */
        free(polls);
}

void child_run_all(Child *const *children, size_t n, unsigned max_parallel, const ChildCancel *cancel)
{
        Running *all = mem_zalloc(MAX2(n, (size_t) 1) * sizeof(*all));
        size_t next = 0, n_running = 0;

        do {
                int64_t wait_ms = 60000;

                while (next < n && n_running < max_parallel) {
                        Running *r = &all[next];

                        *r = (Running){
                                .child = children[next++], .pid_fd = -1, .in = -1, .out = -1, .err = -1};
                        if (child_cancel_is_set(cancel))
                                r->child->end = CHILD_CANCELLED;
                        else
                                start(r);
                        n_running += r->pid > 0;
                }
                for (size_t i = 0; i < next; i++) {
                        if (!all[i].pid)
                                continue;
                        look_after(&all[i], cancel, &wait_ms);
                        n_running -= all[i].pid == 0;
                }
                if (n_running > 0 && (next == n || n_running == max_parallel))
                        wait_for_news(all, next, cancel, wait_ms);
        } while (n_running > 0 || next < n);
        free(all);
}

void child_run(Child *child, const ChildCancel *cancel)
{
        child_run_all(&child, 1, 1, cancel);
}

void child_deinit(Child *child)
{
        buf_deinit(&child->out);
        buf_deinit(&child->err);
}
