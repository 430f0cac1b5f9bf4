/* The event loop: libuv behind our names. One loop, one thread; everything that is not marked otherwise is
 * called from that thread only. Callbacks get the `userdata` that was given with them. */
#pragma once

#include "base/list.h"
#include "base/macro.h"

typedef struct Loop Loop;
typedef struct LoopTimer LoopTimer;
typedef struct LoopWake LoopWake;
typedef struct LoopSignal LoopSignal;
typedef void (*LoopFn)(void *userdata);

int loop_new(Loop **ret);
/* Runs what is left of closing handles, then frees. */
void loop_free(Loop *loop);
DEFINE_CLEANUP(Loop *, loop_free);
int loop_run(Loop *loop);        /* until loop_stop() */
void loop_stop(Loop *loop);      /* returns from loop_run() after the current callback */
int64_t loop_now_ms(Loop *loop); /* monotonic, cached once per iteration */
void *loop_uv(Loop *loop);       /* uv_loop_t *, for src/net only */

/* Runs `fn` once, after the callbacks of this iteration. Order of calls is kept. */
void loop_defer(Loop *loop, LoopFn fn, void *userdata);

/* A one-shot timer, created idle. Setting it again moves it. Freed timers never fire. */
LoopTimer *loop_timer_new(Loop *loop, LoopFn fn, void *userdata);
void loop_timer_set(LoopTimer *t, int64_t after_ms);
void loop_timer_clear(LoopTimer *t);
bool loop_timer_is_set(const LoopTimer *t);
void loop_timer_free(LoopTimer *t); /* takes NULL */

/* Wakes the loop from any thread; several calls may become one callback. */
LoopWake *loop_wake_new(Loop *loop, LoopFn fn, void *userdata);
void loop_wake_send(LoopWake *w); /* any thread */
void loop_wake_free(LoopWake *w);

LoopSignal *loop_signal_new(Loop *loop, int signo, LoopFn fn, void *userdata);
void loop_signal_free(LoopSignal *s);
