#include "loop/worker.h"

#include <pthread.h>
#include <signal.h>

#include "base/error.h"

/* Enough for what jobs do; the default of 8 MiB each would be address space for nothing. */
#define STACK_BYTES (1024 * 1024)

typedef enum ItemKind { ITEM_SAID, ITEM_DONE } ItemKind;

typedef struct Item {
        List link; /* in waiting, or in news */
        ItemKind kind;
        WorkerJob job; /* lane owned */
        WorkerSayFn say;
        void *say_userdata;
        char *text;
} Item;

struct Workers {
        LoopWake *wake;
        ChildCancel *cancel;
        pthread_t *threads;
        unsigned n_threads;

        pthread_mutex_t lock; /* over all below */
        pthread_cond_t work;
        List waiting, news;
        const char **lanes; /* of the jobs that run, by thread; NULL = none */
        size_t n_waiting, n_running, max_waiting;
        bool stopping;
};

static void item_free(Item *item)
{
        free((char *) item->job.lane);
        free(item->text);
        free(item);
}

static bool lane_is_busy(const Workers *w, const char *lane)
{
        for (unsigned i = 0; lane && i < w->n_threads; i++)
                if (str_equal(w->lanes[i], lane))
                        return true;
        return false;
}

/* The first whose lane is free: jobs of one lane stand in order, so the first of a lane is the oldest. */
static Item *take_next(Workers *w)
{
        list_for_each (node, &w->waiting) {
                Item *item = list_entry(node, Item, link);

                if (lane_is_busy(w, item->job.lane))
                        continue;
                list_remove(node);
                w->n_waiting--;
                return item;
        }
        return NULL;
}

typedef struct ThreadStart {
        Workers *workers;
        unsigned i;
        char name[16];
} ThreadStart;

static void *thread_main(void *arg)
{
        ThreadStart *start = arg;
        Workers *w = start->workers;
        unsigned i = start->i;
        Item *item;
        sigset_t all;

        sigfillset(&all); /* handlers belong to the loop's thread; a pipe that breaks is an errno here */
        pthread_sigmask(SIG_SETMASK, &all, NULL);
        pthread_setname_np(pthread_self(), start->name);
        free(start);
        pthread_mutex_lock(&w->lock);
        while (!w->stopping) {
                item = take_next(w);
                if (!item) {
                        pthread_cond_wait(&w->work, &w->lock);
                        continue;
                }
                w->lanes[i] = item->job.lane;
                w->n_running++;
                pthread_mutex_unlock(&w->lock);
                item->job.run(item->job.userdata);
                pthread_mutex_lock(&w->lock);
                w->lanes[i] = NULL;
                w->n_running--;
                list_append(&w->news, &item->link);
                pthread_cond_broadcast(&w->work); /* its lane is free */
                loop_wake_send(w->wake);
        }
        pthread_mutex_unlock(&w->lock);
        return NULL;
}

static void on_news(void *userdata)
{
        Workers *w = userdata;
        List batch;

        list_init(&batch);
        pthread_mutex_lock(&w->lock);
        list_for_each_safe (node, &w->news) {
                list_remove(node);
                list_append(&batch, node);
        }
        pthread_mutex_unlock(&w->lock);
        list_for_each_safe (node, &batch) {
                Item *item = list_entry(node, Item, link);

                list_remove(node);
                if (item->kind == ITEM_SAID)
                        item->say(item->say_userdata, item->text);
                else
                        item->job.done(item->job.userdata);
                item_free(item);
        }
}

static int start_threads(Workers *w, const char *name, unsigned n)
{
        pthread_attr_t attr;
        int r = 0;

        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, STACK_BYTES);
        while (w->n_threads < n && r == 0) {
                ThreadStart *start = mem_new(ThreadStart);

                start->workers = w;
                start->i = w->n_threads;
                strncpy(start->name, name, sizeof(start->name) - 1);
                r = pthread_create(&w->threads[w->n_threads], &attr, thread_main, start);
                if (r == 0)
                        w->n_threads++;
                else
                        free(start);
        }
        pthread_attr_destroy(&attr);
        return r == 0 ? 0 : error_origin(-r);
}

int workers_new(Workers **ret, Loop *loop, const char *name, unsigned n_threads, unsigned max_waiting)
{
        Workers *w = mem_new(Workers);
        int r;

        list_init(&w->waiting);
        list_init(&w->news);
        pthread_mutex_init(&w->lock, NULL);
        pthread_cond_init(&w->work, NULL);
        w->max_waiting = max_waiting;
        w->threads = mem_zalloc(n_threads * sizeof(*w->threads));
        w->lanes = mem_zalloc(n_threads * sizeof(*w->lanes));
        w->cancel = child_cancel_new();
        w->wake = loop_wake_new(loop, on_news, w);
        r = start_threads(w, name, n_threads);
        if (r < 0) {
                workers_free(w);
                return error_trace(r);
        }
        *ret = w;
        return 0;
}

static void drop_all(List *items)
{
        list_for_each_safe (node, items) {
                Item *item = list_entry(node, Item, link);

                list_remove(node);
                if (item->kind == ITEM_DONE)
                        item->job.drop(item->job.userdata);
                item_free(item);
        }
}

void workers_free(Workers *w)
{
        if (!w)
                return;
        child_cancel_set(w->cancel);
        pthread_mutex_lock(&w->lock);
        w->stopping = true;
        pthread_cond_broadcast(&w->work);
        pthread_mutex_unlock(&w->lock);
        for (unsigned i = 0; i < w->n_threads; i++)
                pthread_join(w->threads[i], NULL);
        loop_wake_free(w->wake);
        drop_all(&w->news);
        drop_all(&w->waiting);
        child_cancel_free(w->cancel);
        pthread_cond_destroy(&w->work);
        pthread_mutex_destroy(&w->lock);
        free(w->threads);
        free(w->lanes);
        free(w);
}

bool workers_submit(Workers *w, const WorkerJob *job)
{
        Item *item;
        bool full;

        pthread_mutex_lock(&w->lock);
        full = w->n_waiting >= w->max_waiting;
        if (!full) {
                item = mem_new(Item);
                item->kind = ITEM_DONE;
                item->job = *job;
                item->job.lane = mem_strdup(job->lane);
                list_append(&w->waiting, &item->link);
                w->n_waiting++;
                pthread_cond_signal(&w->work);
        }
        pthread_mutex_unlock(&w->lock);
        return !full;
}

void workers_say(Workers *w, WorkerSayFn fn, void *userdata, char *text)
{
        Item *item = mem_new(Item);

        item->kind = ITEM_SAID;
        item->say = fn;
        item->say_userdata = userdata;
        item->text = text;
        pthread_mutex_lock(&w->lock);
        list_append(&w->news, &item->link);
        pthread_mutex_unlock(&w->lock);
        loop_wake_send(w->wake);
}

const ChildCancel *workers_cancel(const Workers *w)
{
        return w->cancel;
}

size_t workers_n_busy(const Workers *w)
{
        Workers *m = (Workers *) w;
        size_t n;

        pthread_mutex_lock(&m->lock);
        n = m->n_waiting + m->n_running;
        pthread_mutex_unlock(&m->lock);
        return n;
}
