/* libuv closes handles asynchronously; here each handle is a heap object that detaches from its owner at
 * once (no callback can reach the owner any more) and frees itself when libuv lets it go. */
#include "loop/loop.h"

#include <uv.h>

#include "base/error.h"

typedef struct Deferred {
        List link;
        LoopFn fn;
        void *userdata;
} Deferred;

struct Loop {
        uv_loop_t uv;
        uv_check_t check; /* runs the deferred calls after the poll phase */
        uv_idle_t idle;   /* keeps poll from blocking while there are deferred calls */
        List deferred;
};

struct LoopTimer {
        uv_timer_t uv;
        LoopFn fn;
        void *userdata;
};

struct LoopWake {
        uv_async_t uv;
        LoopFn fn;
        void *userdata;
};

struct LoopSignal {
        uv_signal_t uv;
        LoopFn fn;
        void *userdata;
};

static void on_idle(uv_idle_t *handle)
{
        (void) handle;
}

static void on_check(uv_check_t *handle)
{
        Loop *loop = handle->data;
        List batch;

        /* What is deferred meanwhile runs in the next iteration, so that I/O is never starved. */
        list_init(&batch);
        list_for_each_safe (node, &loop->deferred) {
                list_remove(node);
                list_append(&batch, node);
        }
        list_for_each_safe (node, &batch) {
                Deferred *d = list_entry(node, Deferred, link);

                list_remove(node);
                d->fn(d->userdata);
                free(d);
        }
        if (list_empty(&loop->deferred))
                uv_idle_stop(&loop->idle);
}

int loop_new(Loop **ret)
{
        Loop *loop = mem_new(Loop);
        int r = uv_loop_init(&loop->uv);

        if (r < 0) {
                free(loop);
                return error_origin(r);
        }
        list_init(&loop->deferred);
        uv_check_init(&loop->uv, &loop->check);
        loop->check.data = loop;
        uv_check_start(&loop->check, on_check);
        uv_unref((uv_handle_t *) &loop->check);
        uv_idle_init(&loop->uv, &loop->idle);
        *ret = loop;
        return 0;
}

static void close_leftover(uv_handle_t *handle, void *arg)
{
        (void) arg;
        if (!uv_is_closing(handle))
                uv_close(handle, NULL);
}

void loop_free(Loop *loop)
{
        if (!loop)
                return;
        list_for_each_safe (node, &loop->deferred)
                free(list_entry(node, Deferred, link));
        list_init(&loop->deferred);
        uv_walk(&loop->uv, close_leftover, NULL);
        while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0)
                ;
        uv_loop_close(&loop->uv);
        free(loop);
}

int loop_run(Loop *loop)
{
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        return 0;
}

void loop_stop(Loop *loop)
{
        uv_stop(&loop->uv);
}

int64_t loop_now_ms(Loop *loop)
{
        return (int64_t) uv_now(&loop->uv);
}

void *loop_uv(Loop *loop)
{
        return &loop->uv;
}

void loop_defer(Loop *loop, LoopFn fn, void *userdata)
{
        Deferred *d = mem_new(Deferred);

        d->fn = fn;
        d->userdata = userdata;
        list_append(&loop->deferred, &d->link);
        uv_idle_start(&loop->idle, on_idle);
}

static void on_closed(uv_handle_t *handle)
{
        free(handle); /* the uv handle is the first member of each of our objects */
}

static void on_timer(uv_timer_t *handle)
{
        LoopTimer *t = (LoopTimer *) handle;

        t->fn(t->userdata);
}

LoopTimer *loop_timer_new(Loop *loop, LoopFn fn, void *userdata)
{
        LoopTimer *t = mem_new(LoopTimer);

        uv_timer_init(&loop->uv, &t->uv);
        t->fn = fn;
        t->userdata = userdata;
        return t;
}

void loop_timer_set(LoopTimer *t, int64_t after_ms)
{
        /* libuv counts from the cached time of the iteration; a long callback would shorten the wait. */
        uv_update_time(t->uv.loop);
        uv_timer_start(&t->uv, on_timer, (uint64_t) MAX2(after_ms, (int64_t) 0), 0);
}

void loop_timer_clear(LoopTimer *t)
{
        uv_timer_stop(&t->uv);
}

bool loop_timer_is_set(const LoopTimer *t)
{
        return uv_is_active((const uv_handle_t *) &t->uv);
}

void loop_timer_free(LoopTimer *t)
{
        if (!t)
                return;
        uv_timer_stop(&t->uv);
        uv_close((uv_handle_t *) &t->uv, on_closed);
}

static void on_wake(uv_async_t *handle)
{
        LoopWake *w = (LoopWake *) handle;

        if (w->fn)
                w->fn(w->userdata);
}

LoopWake *loop_wake_new(Loop *loop, LoopFn fn, void *userdata)
{
        LoopWake *w = mem_new(LoopWake);

        uv_async_init(&loop->uv, &w->uv, on_wake);
        w->fn = fn;
        w->userdata = userdata;
        return w;
}

void loop_wake_send(LoopWake *w)
{
        uv_async_send(&w->uv);
}

void loop_wake_free(LoopWake *w)
{
        if (!w)
                return;
        w->fn = NULL;
        uv_close((uv_handle_t *) &w->uv, on_closed);
}

static void on_signal(uv_signal_t *handle, int signo)
{
        LoopSignal *s = (LoopSignal *) handle;

        (void) signo;
        s->fn(s->userdata);
}

LoopSignal *loop_signal_new(Loop *loop, int signo, LoopFn fn, void *userdata)
{
        LoopSignal *s = mem_new(LoopSignal);

        uv_signal_init(&loop->uv, &s->uv);
        uv_signal_start(&s->uv, on_signal, signo);
        s->fn = fn;
        s->userdata = userdata;
        return s;
}

void loop_signal_free(LoopSignal *s)
{
        if (!s)
                return;
        uv_signal_stop(&s->uv);
        uv_close((uv_handle_t *) &s->uv, on_closed);
}
