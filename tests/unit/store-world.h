/* A journal by itself, in SQLite or (TEST_DATABASE=postgres) in PostgreSQL, and batches whose ends are noted.
 */
#pragma once

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <uv.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "postgres-server.h"
#include "store/journal-postgres.h"
#include "store/journal-sqlite.h"

typedef struct Store {
        char dir[64], *path;
        char *url; /* of PostgreSQL, which is then used; else NULL */
        Loop *loop;
        Journal *journal;
        int fail_commits;
        bool lose_answer, hide_database; /* at the next commit; atomic */
        Buf done;                        /* "1 2 3": tags of finished batches; "-2" = failed */
        unsigned n_done;
} Store;

static UNUSED int before_commit(void *userdata)
{
        Store *s = userdata;
        int left = __atomic_load_n(&s->fail_commits, __ATOMIC_SEQ_CST);

        if (left > 0)
                __atomic_fetch_sub(&s->fail_commits, 1, __ATOMIC_SEQ_CST);
        if (__atomic_exchange_n(&s->hide_database, false, __ATOMIC_SEQ_CST))
                postgres_server_hide(true);
        if (__atomic_exchange_n(&s->lose_answer, false, __ATOMIC_SEQ_CST))
                postgres_server_deafen();
        return left > 0 ? -ENOSPC : 0;
}

static UNUSED int open_journal(Store *s, Journal **ret)
{
        _cleanup_free_ char *error = NULL;

        if (s->url)
                return journal_postgres_open(ret, s->loop,
                                             &(JournalPostgresConfig){.url = s->url,
                                                                      .before_commit = before_commit,
                                                                      .userdata = s},
                                             &error);
        return journal_sqlite_open(
                ret, s->loop,
                &(JournalSqliteConfig){.path = s->path, .before_commit = before_commit, .userdata = s});
}

static UNUSED int setup(void **state)
{
        Store *s = mem_new(Store);

        log_set_level(LOG_ERROR + 1);
        if (postgres_server_wanted()) {
                s->url = postgres_server_schema();
                if (!s->url)
                        skip();
        }
        strcpy(s->dir, "/tmp/store-journal-XXXXXX");
        assert_non_null(mkdtemp(s->dir));
        s->path = mem_printf("%s/journal.db", s->dir);
        assert_int_equal(loop_new(&s->loop), 0);
        *state = s;
        return 0;
}

static UNUSED int teardown(void **state)
{
        static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
        Store *s = *state;

        journal_free(s->journal);
        loop_free(s->loop);
        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                _cleanup_free_ char *path = mem_printf("%s%s", s->path, suffixes[i]);

                unlink(path);
        }
        assert_int_equal(rmdir(s->dir), 0);
        buf_deinit(&s->done);
        free(s->path);
        free(s->url);
        free(s);
        return 0;
}

static UNUSED void reopen(Store *s)
{
        journal_free(s->journal);
        s->journal = NULL;
        assert_int_equal(open_journal(s, &s->journal), 0);
}

/* ---- batches ---- */

typedef struct Tagged {
        Store *store;
        JournalBatch *batch;
        int tag, r; /* r: how it ended */
        bool keep;
} Tagged;

static UNUSED void on_done(JournalBatch *batch, int r)
{
        Tagged *t = batch->userdata;
        Store *s = t->store;

        buf_printf(&s->done, "%s%d", buf_len(&s->done) ? " " : "", r < 0 ? -t->tag : t->tag);
        s->n_done++;
        t->r = r;
        if (t->keep)
                return;
        journal_batch_free(batch);
        free(t);
}

static UNUSED JournalBatch *batch_new(Store *s, int tag, bool keep)
{
        Tagged *t = mem_new(Tagged);

        *t = (Tagged){.store = s, .tag = tag, .keep = keep};
        t->batch = journal_batch_new(on_done, t);
        return t->batch;
}

static UNUSED void batch_free(JournalBatch *b)
{
        free(b->userdata);
        journal_batch_free(b);
}

static UNUSED void wait_done(Store *s, unsigned n)
{
        while (s->n_done < n)
                uv_run(loop_uv(s->loop), UV_RUN_ONCE);
}

/* Submits and waits; the batch stays for its results to be looked at. */
static UNUSED JournalBatch *commit(Store *s, JournalBatch *b)
{
        unsigned before = s->n_done;

        journal_submit(s->journal, b);
        wait_done(s, before + 1);
        return b;
}

static UNUSED JournalRecord *add_delivery(JournalBatch *b, int64_t id, const char *address, const char *key)
{
        JournalRecord *rec = journal_batch_add(b, JOURNAL_DELIVER);

        rec->address = journal_batch_string(b, address);
        rec->kind = "task";
        rec->step = "first";
        rec->number = 3;
        rec->flow_id = 1000 + id;
        rec->key = journal_batch_string(b, key);
        rec->id = id;
        rec->event = "hello";
        rec->data = "{}";
        rec->at_ms = 50 + id;
        return rec;
}

static UNUSED JournalFlow *load(Store *s, int64_t flow_id, JournalBatch **ret_batch)
{
        *ret_batch = batch_new(s, 0, true);
        journal_batch_add(*ret_batch, JOURNAL_LOAD)->flow_id = flow_id;
        return commit(s, *ret_batch)->records[0].result;
}

static UNUSED void run_sql(Store *s, const char *sql)
{
        sqlite3 *db;

        if (s->url) {
                free(postgres_server_query(s->url, sql));
                return;
        }
        assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
}

#define store_test(_name) cmocka_unit_test_setup_teardown(_name, setup, teardown)
