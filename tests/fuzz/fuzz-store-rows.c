/* A journal whose rows are anything at all: what another version wrote, or a person with an SQL prompt. The
 * engine opens it, or refuses; it runs what it finds; it does not crash, and ends with nothing under way.
 *
 * Each line of the input is a row, a letter for its table and the columns behind it:
 *   f|id|kind|version|step|data|status  a|address|flow  i|id|flow|event|data  t|flow|name|due
 * k|id|flow|verb|tag|lane| priority|word|key|args|status  s|key  m|key|value
 * "\t" in a column stands for a tab. Rows that the tables themselves refuse are left out. */
#include <assert.h>
#include <stdio.h>
#include <unistd.h>

#include <sqlite3.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/engine-internal.h"
#include "store/journal-sqlite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define COLUMNS_MAX 10
#define RUN_MS      200

static const struct {
        char letter;
        const char *sql;
} tables[] = {
        {'f', "INSERT OR REPLACE INTO flow (id, kind, version, step, data, status, created_ms, updated_ms) "
              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, 1)"},
        {'a', "INSERT OR REPLACE INTO address (address, flow_id) VALUES (?1, ?2)"},
        {'i', "INSERT OR REPLACE INTO inbox (id, flow_id, event, data, at_ms) VALUES (?1, ?2, ?3, ?4, 1)"},
        {'t', "INSERT OR REPLACE INTO timer (flow_id, name, due_ms) VALUES (?1, ?2, ?3)"},
        {'k',
         "INSERT OR REPLACE INTO ask (id, flow_id, verb, tag, lane, priority, coalesce_word, key, args, status, "
         "created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1)"},
        {'s', "INSERT OR REPLACE INTO seen (key, at_ms) VALUES (?1, 1)"},
        {'m', "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)"},
};

/* ---- a flow whose events say what becomes of them ---- */

static const FlowStep step_a, step_b;

static FlowVerdict on_event(Flow *f, const FlowEvent *ev)
{
        assert(ev->outcome >= ASK_OK && ev->outcome <= ASK_PERMFAIL);
        assert(json_is_object(ev->data) && json_is_object(flow_data(f)));
        switch (ev->name[0] % 8) {
        case 0: return FLOW_STAY;
        case 1: return flow_event_is_enter(ev) ? FLOW_STAY : flow_go(f, &step_b);
        case 2: return str_equal(flow_step_name(f), "a") ? FLOW_LATER : FLOW_STAY;
        case 3: return FLOW_IGNORE;
        case 4: return FLOW_DONE;
        case 5: return FLOW_FAULT;
        case 6:
                json_put_int(flow_data(f), "n", json_int(flow_data(f), "n", 0) + 1);
                flow_ask(f, &(FlowAsk){.verb = "post", .lane = "lane", .coalesce = "word"});
                return FLOW_STAY;
        default: flow_timer(f, "t", 1); return FLOW_STAY;
        }
}

static const FlowStep step_a = {"a", on_event}, step_b = {"b", on_event};
static const FlowStep *const steps[] = {&step_a, &step_b, NULL};
static const FlowKind kind = {.name = "k", .version = 1, .steps = steps};
static const FlowKind *const kinds[] = {&kind, NULL};

static void on_start(void *owner, Ask *ask)
{
        (void) owner;
        assert(ask->priority < ASK_N_PRIORITIES && ask->args);
        ask_ok(ask, NULL);
}

static const AskVerb verb = {.name = "post", .start = on_start};

/* ---- the rows ---- */

static void insert_row(sqlite3 *db, char *line)
{
        sqlite3_stmt *s = NULL;
        char *columns[COLUMNS_MAX] = {NULL}, *p = line + 1;
        int n = 0;

        for (size_t i = 0; i < ELEMENTSOF(tables) && !s; i++)
                if (tables[i].letter == line[0])
                        sqlite3_prepare_v2(db, tables[i].sql, -1, &s, NULL);
        if (!s)
                return;
        while (n < COLUMNS_MAX && *p == '|') {
                *p++ = 0;
                columns[n++] = p;
                for (; *p && *p != '|'; p++)
                        if (p[0] == '\\' && p[1] == 't') {
                                p[0] = '\t';
                                memmove(p + 1, p + 2, strlen(p + 2) + 1);
                        }
        }
        for (int i = 0; i < n && i < sqlite3_bind_parameter_count(s); i++)
                sqlite3_bind_text(s, i + 1, columns[i], -1, SQLITE_STATIC);
        sqlite3_step(s);
        sqlite3_finalize(s);
}

static void insert_rows(const char *path, const uint8_t *data, size_t n_bytes)
{
        _cleanup_free_ char *text = mem_strndup((const char *) data, n_bytes);
        char *save = NULL;
        sqlite3 *db;

        assert(sqlite3_open(path, &db) == SQLITE_OK);
        sqlite3_exec(db, "PRAGMA synchronous = OFF; BEGIN", NULL, NULL, NULL);
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                insert_row(db, line);
        sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        sqlite3_close(db);
}

/* ---- running ---- */

static bool is_idle(const FlowEngine *e)
{
        for (const Slot *slot = e->slots; slot; slot = slot->hh.next)
                if (slot->again)
                        return false; /* an event that faulted is about to be tried again */
        return !e->open && e->n_inflight == 0 && list_empty(&e->runnable) && !e->run_scheduled &&
               !e->flush_scheduled && !e->pump_scheduled;
}

static void wake(void *userdata)
{
        (void) userdata;
}

static void run(Loop *loop, Journal *journal)
{
        Metrics *metrics = metrics_new();
        FlowEngine *e = NULL;
        int64_t end_ms = clock_monotonic_ms() + RUN_MS;
        bool started;

        flow_engine_new(&e, loop, journal, metrics,
                        &(FlowEngineConfig){.kinds = kinds, .fault_pause_ms = 1, .max_slots = 2});
        flow_engine_add_verb(e, &verb, NULL);
        started = flow_engine_start(e) == 0;
        while (started && !is_idle(e) && clock_monotonic_ms() < end_ms) {
                LoopTimer *timer = loop_timer_new(loop, wake, NULL);

                loop_timer_set(timer, 5);
                uv_run(loop_uv(loop), UV_RUN_ONCE);
                loop_timer_free(timer);
        }
        assert(list_empty(&e->stalled)); /* no row makes a commit impossible */
        while (e->n_inflight > 0)
                uv_run(loop_uv(loop), UV_RUN_ONCE);
        flow_engine_free(e);
        metrics_free(metrics);
}

static int open_journal(Journal **ret, Loop *loop, const char *path)
{
        return journal_sqlite_open(ret, loop, &(JournalSqliteConfig){.path = path});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
        const char *dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        _cleanup_free_ char *path = mem_printf("%s/fuzz-store-rows-%d", dir, (int) getpid());
        Journal *journal = NULL;
        Loop *loop = NULL;

        log_set_level(LOG_ERROR + 1);
        assert(loop_new(&loop) == 0);
        assert(open_journal(&journal, loop, path) == 0);
        journal_free(take(journal));
        insert_rows(path, data, n_bytes);
        if (open_journal(&journal, loop, path) == 0) {
                run(loop, journal);
                journal_free(journal);
        }
        loop_free(loop);
        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                _cleanup_free_ char *file = mem_printf("%s%s", path, suffixes[i]);

                unlink(file);
        }
        return 0;
}
