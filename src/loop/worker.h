/* Threads for what has to wait: jobs run on a few threads of a pool, and end on the loop's thread.
 *
 * Jobs of one lane run one after the other, in the order of their submission; other lanes go past them. Not
 * libuv's own pool: DNS look-ups share that one, and would wait behind a clone. */
#pragma once

#include "loop/child.h"
#include "loop/loop.h"

typedef struct Workers Workers;

typedef struct WorkerJob {
        const char *lane;             /* copied; NULL = none */
        void (*run)(void *userdata);  /* on a thread of the pool */
        void (*done)(void *userdata); /* then, on the loop's thread */
        void (*drop)(void *userdata); /* instead of done (and perhaps of run): the pool is being freed */
        void *userdata;
} WorkerJob;

/* `name` is what the threads are called (at most 15 characters). */
int workers_new(Workers **ret, Loop *loop, const char *name, unsigned n_threads, unsigned max_waiting);
/* Cancels what runs (workers_cancel()), waits for it, and drops the rest. Not from done() or a say. */
void workers_free(Workers *w);
DEFINE_CLEANUP(Workers *, workers_free);

/* False when max_waiting jobs are waiting already; then nothing of the job is called. */
bool workers_submit(Workers *w, const WorkerJob *job);
/* From a job: calls `fn` on the loop's thread, before the job's end and in order. `text` (stolen) is freed
 * after. */
typedef void (*WorkerSayFn)(void *userdata, const char *text);
void workers_say(Workers *w, WorkerSayFn fn, void *userdata, char *text);
/* Set when the pool is to end: jobs look at it, and hand it to their children. */
const ChildCancel *workers_cancel(const Workers *w);
size_t workers_n_busy(const Workers *w); /* jobs that wait or run */
