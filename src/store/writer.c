#include "store/writer.h"

#include <pthread.h>

#include "base/error.h"
#include "base/failpoint.h"
#include "base/log.h"

struct JournalWriter {
        JournalWriterConfig config;
        LoopWake *wake;
        pthread_t thread;
        bool started;
        pthread_mutex_t mutex; /* guards what follows */
        pthread_cond_t more;
        List todo, finished; /* of JournalBatch */
        int finished_r;      /* of the batches in `finished`, all from one transaction */
        List *held;          /* batches of the open transaction that the loop has to see; NULL = it has */
        bool stop;
};

/* ---- the thread ---- */

static void *writer_main(void *arg)
{
        JournalWriter *w = arg;
        List batches;
        int r;

        pthread_mutex_lock(&w->mutex);
        for (;;) {
                /* One transaction's results are fetched before the next begins: `finished_r` is theirs. */
                while (!w->stop && (list_empty(&w->todo) || !list_empty(&w->finished)))
                        pthread_cond_wait(&w->more, &w->mutex);
                if (w->stop)
                        break;
                list_init(&batches);
                list_move_all(&batches, &w->todo);
                pthread_mutex_unlock(&w->mutex);
                r = w->config.execute(w->config.journal, &batches);
                if (r < 0)
                        log_fault(r, "journal", w->config.failed);
                pthread_mutex_lock(&w->mutex);
                list_move_all(&w->finished, &batches);
                w->finished_r = r;
                loop_wake_send(w->wake);
        }
        pthread_mutex_unlock(&w->mutex);
        return NULL;
}

void journal_writer_hold(JournalWriter *w, List *batches, List *ret_next)
{
        pthread_mutex_lock(&w->mutex);
        w->held = batches;
        loop_wake_send(w->wake);
        while (w->held && !w->stop)
                pthread_cond_wait(&w->more, &w->mutex);
        w->held = NULL;
        list_move_all(ret_next, &w->todo);
        pthread_mutex_unlock(&w->mutex);
}

/* ---- the loop's side ---- */

/* The thread waits meanwhile, and the list is ours. */
static void show_held(JournalWriter *w)
{
        List *held;

        pthread_mutex_lock(&w->mutex);
        held = w->held;
        pthread_mutex_unlock(&w->mutex);
        if (!held)
                return;
        list_for_each (node, held) {
                JournalBatch *b = list_entry(node, JournalBatch, link);

                if (!b->written || b->was_written)
                        continue;
                b->was_written = true;
                b->written(b);
        }
        pthread_mutex_lock(&w->mutex);
        w->held = NULL;
        pthread_cond_signal(&w->more);
        pthread_mutex_unlock(&w->mutex);
}

static void on_wake(void *userdata)
{
        JournalWriter *w = userdata;
        List batches;
        int r;

        show_held(w);
        list_init(&batches);
        pthread_mutex_lock(&w->mutex);
        list_move_all(&batches, &w->finished);
        r = list_empty(&batches) ? 0 : w->finished_r; /* a wake can be one too many */
        /* What was submitted behind a failed transaction fails with it: it must not commit before it. */
        if (r < 0)
                list_move_all(&batches, &w->todo);
        pthread_cond_signal(&w->more);
        pthread_mutex_unlock(&w->mutex);
        FAILPOINT("journal.before_done");
        list_for_each_safe (node, &batches) {
                JournalBatch *b = list_entry(node, JournalBatch, link);

                list_remove(node);
                b->done(b, r);
        }
}

void journal_writer_submit(JournalWriter *w, JournalBatch *batch)
{
        pthread_mutex_lock(&w->mutex);
        list_append(&w->todo, &batch->link);
        pthread_cond_signal(&w->more);
        pthread_mutex_unlock(&w->mutex);
}

JournalWriter *journal_writer_new(Loop *loop, const JournalWriterConfig *config)
{
        JournalWriter *w = mem_new(JournalWriter);

        w->config = *config;
        list_init(&w->todo);
        list_init(&w->finished);
        pthread_mutex_init(&w->mutex, NULL);
        pthread_cond_init(&w->more, NULL);
        w->wake = loop_wake_new(loop, on_wake, w);
        return w;
}

int journal_writer_start(JournalWriter *w)
{
        int r = -pthread_create(&w->thread, NULL, writer_main, w);

        w->started = r == 0;
        return error_trace(r);
}

void journal_writer_free(JournalWriter *w)
{
        if (!w)
                return;
        if (w->started) {
                pthread_mutex_lock(&w->mutex);
                w->stop = true;
                pthread_cond_signal(&w->more);
                pthread_mutex_unlock(&w->mutex);
                pthread_join(w->thread, NULL);
        }
        loop_wake_free(w->wake);
        pthread_mutex_destroy(&w->mutex);
        pthread_cond_destroy(&w->more);
        free(w);
}
