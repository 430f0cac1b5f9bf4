/* flow: many flows, few of them in memory, and a process that is killed over and over.
 *
 * A child process runs the engine on a journal on disk and is killed with SIGKILL: at a commit, at the start
 * of an ask, at an acknowledgement, or at any microsecond. The next child goes on with the same file. What
 * the outside world saw is in a log that each child appends to: acknowledgements and performed asks. The
 * world does what Slack does: it sends again whatever was not acknowledged, in order, under the same key.
 *
 * In the end each flow must have consumed each of its events exactly once and in order, each parked event
 * likewise, and each result of an ask exactly once; an ask keeps its key over all its performances, and a
 * performance that may be the second says so.
 *
 * FLOW_RANDOM_SEED repeats one run, FLOW_RANDOM_RUNS sets their number. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <uthash.h>
#include <uv.h>

#include "base/buf.h"
#include "base/log.h"
#include "flow/engine.h"
#include "flow/engine-internal.h"
#include "postgres-server.h"
#include "store/journal-postgres.h"
#include "store/journal-sqlite.h"

#define N_FLOWS           100
#define N_EVENTS          700
#define WINDOW            40
#define GENERATIONS_MAX   14
#define CHILD_DEADLINE_MS 30000

typedef enum EventSort { SORT_MESSAGE, SORT_PARKED, SORT_FINISH } EventSort;

typedef struct Planned {
        EventSort sort;
        unsigned flow, seq; /* seq: 1, 2, … by flow and sort */
} Planned;

typedef enum KillAt {
        KILL_NEVER,
        KILL_AT_COMMIT,
        KILL_AT_START,
        KILL_AT_ACK,
        KILL_AT_TIME,
        N_KILL_AT
} KillAt;

static Planned plan[N_EVENTS + N_FLOWS];
static size_t n_plan;
static char dir[64], *db_path, *log_path;
static char *url; /* of PostgreSQL, where it is wanted: one schema for each seed */

static uint64_t random_state;

static unsigned draw(unsigned n)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (unsigned) ((random_state >> 20) % n);
}

static void make_plan(void)
{
        unsigned next[N_FLOWS][2] = {0};

        n_plan = 0;
        for (unsigned i = 0; i < N_EVENTS; i++) {
                EventSort sort = draw(4) == 0 ? SORT_PARKED : SORT_MESSAGE;
                unsigned flow = draw(4) == 0 ? draw(5) : draw(N_FLOWS); /* some are busier */

                plan[n_plan++] = (Planned){sort, flow, ++next[flow][sort]};
        }
        for (unsigned i = 0; i < N_FLOWS; i++)
                plan[n_plan++] = (Planned){SORT_FINISH, i, 1};
}

/* ---- the flows ---- */

static const FlowStep step_even, step_odd;

static void append(Flow *f, const char *list, json_t *value)
{
        json_t *array = json_object_get(flow_data(f), list);

        if (!array) {
                array = json_array();
                json_object_set_new(flow_data(f), list, array);
        }
        json_array_append_new(array, value);
}

static FlowVerdict on_message(Flow *f, const FlowEvent *ev)
{
        int64_t seq = json_int(ev->data, "seq", 0), flow = json_int(ev->data, "flow", 0);
        char tag[24], lane[24], peer[24];

        append(f, "got", json_integer(seq));
        snprintf(tag, sizeof(tag), "%lld", (long long) seq);
        snprintf(lane, sizeof(lane), "lane:%lld", (long long) flow % 7);
        flow_ask(f,
                 &(FlowAsk){
                         .verb = seq % 3 ? "post" : "probed",
                         .tag = tag,
                         .lane = seq % 5 ? lane : NULL,
                         .priority = (AskPriority) (seq % 3),
                         .args = json_pack("{s:I, s:I}", "flow", (json_int_t) flow, "seq", (json_int_t) seq),
                 });
        if (seq % 3 == 0) {
                snprintf(peer, sizeof(peer), "r:%lld", (long long) (flow + 1) % N_FLOWS);
                flow_spawn(f, "random", peer, "peer", json_pack("{s:I}", "seq", (json_int_t) seq));
        }
        flow_timer(f, "tick", seq % 4);
        if (seq % 4)
                return FLOW_STAY;
        return flow_go(f, str_equal(flow_step_name(f), "even") ? &step_odd : &step_even);
}

static FlowVerdict on_any(Flow *f, const FlowEvent *ev)
{
        bool odd = str_equal(flow_step_name(f), "odd");
        int64_t seq = json_int(ev->data, "seq", 0);

        if (flow_event_is(ev, "message"))
                return on_message(f, ev);
        if (flow_event_is(ev, "parked")) {
                if (!odd)
                        return FLOW_LATER;
                append(f, "parked", json_integer(seq));
        } else if (flow_event_is(ev, "peer"))
                append(f, "peers", json_integer(seq));
        else if (flow_event_is(ev, "post") || flow_event_is(ev, "probed")) {
                seq = strtol(ev->tag, NULL, 10);
                if (!odd && seq % 4 == 1)
                        return FLOW_LATER;
                append(f, "results", json_integer(seq));
        } else if (flow_event_is(ev, "finish")) {
                json_put_int(flow_data(f), "me", json_int(ev->data, "flow", -1));
                return odd ? FLOW_STAY : flow_go(f, &step_odd);
        } else if (!flow_event_is_enter(ev) && !flow_event_is_timer(ev, "tick"))
                return FLOW_FAULT;
        return FLOW_STAY;
}

static const FlowStep step_even = {"even", on_any}, step_odd = {"odd", on_any};
static const FlowStep *const steps[] = {&step_even, &step_odd, NULL};
static const FlowKind kind = {.name = "random", .version = 1, .steps = steps};
static const FlowKind *const kinds[] = {&kind, NULL};

/* ---- the child ---- */

typedef struct Child {
        Loop *loop;
        Journal *journal;
        Metrics *metrics;
        FlowEngine *engine;
        int log_fd;
        unsigned generation;
        KillAt kill_at;
        int kill_after; /* so many passes */
        int fail_commits;
        bool *acked;
        size_t next, n_open, n_acked;
} Child;

static void pass(Child *c, KillAt at)
{
        if (c->kill_at == at && __atomic_sub_fetch(&c->kill_after, 1, __ATOMIC_SEQ_CST) == 0)
                kill(getpid(), SIGKILL);
}

static void log_line(Child *c, const char *format, ...) PRINTF_LIKE(2, 3);
static void log_line(Child *c, const char *format, ...)
{
        char line[200];
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
        if (write(c->log_fd, line, (size_t) n) != n)
                abort();
}

static int before_commit(void *userdata)
{
        Child *c = userdata;

        pass(c, KILL_AT_COMMIT);
        return __atomic_sub_fetch(&c->fail_commits, 1, __ATOMIC_SEQ_CST) % 13 == 0 ? -ENOSPC : 0;
}

typedef struct Later {
        Child *child;
        Ask *ask;
        LoopTimer *timer;
} Later;

static void on_later(void *userdata)
{
        Later *l = userdata;

        ask_ok(l->ask, NULL);
        loop_timer_free(l->timer);
        free(l);
}

static void on_start(void *owner, Ask *ask)
{
        Child *c = owner;
        unsigned how = draw(6);

        log_line(c, "S %u %lld/%lld %s %d\n", c->generation, (long long) json_int(ask->args, "flow", -1),
                 (long long) json_int(ask->args, "seq", -1), ask->key, ask->uncertain);
        pass(c, KILL_AT_START);
        if (how == 0)
                ask_tempfail(ask, "busy", NULL, false, 0);
        else if (how == 1)
                ask_tempfail(ask, "lost", NULL, true, 0);
        else if (how < 4)
                ask_ok(ask, NULL);
        else {
                Later *l = mem_new(Later);

                *l = (Later){.child = c, .ask = ask, .timer = loop_timer_new(c->loop, on_later, l)};
                loop_timer_set(l->timer, how - 4);
        }
}

static void on_probe(void *owner, Ask *ask)
{
        Child *c = owner;

        pass(c, KILL_AT_START);
        if (draw(2))
                ask_ok(ask, NULL);
        else
                ask_absent(ask);
}

static const AskVerb verbs[] = {
        {.name = "post", .max_inflight = 8, .backoff_ms = 1, .start = on_start},
        {.name = "probed", .backoff_ms = 1, .probe = on_probe, .start = on_start},
};

static void send_more(Child *c);

typedef struct Sent {
        Child *child;
        size_t i;
} Sent;

static void on_delivered(void *userdata, FlowDelivered outcome)
{
        Sent *s = userdata;
        Child *c = s->child;

        if (outcome != FLOW_DELIVERED && outcome != FLOW_DUPLICATE)
                abort();
        pass(c, KILL_AT_ACK);
        log_line(c, "A %zu\n", s->i);
        c->acked[s->i] = true;
        c->n_acked++;
        c->n_open--;
        free(s);
        send_more(c);
}

static void send_one(Child *c, size_t i)
{
        static const char *const names[] = {"message", "parked", "finish"};
        char address[24], key[32];
        Sent *s = mem_new(Sent);

        *s = (Sent){c, i};
        snprintf(address, sizeof(address), "r:%u", plan[i].flow);
        snprintf(key, sizeof(key), "event %zu", i);
        c->n_open++;
        flow_deliver(c->engine,
                     &(FlowDelivery){
                             .address = address,
                             .kind = "random",
                             .event = names[plan[i].sort],
                             .dedup_key = key,
                             .json = mem_printf("{\"flow\":%u,\"seq\":%u}", plan[i].flow, plan[i].seq),
                             .done = on_delivered,
                             .userdata = s,
                     });
}

static void send_more(Child *c)
{
        while (c->n_open < WINDOW && c->next < n_plan) {
                size_t i = c->next++;

                if (!c->acked[i])
                        send_one(c, i);
        }
}

static bool all_done(const Child *c)
{
        FlowEngine *e = c->engine;

        return c->n_acked == n_plan && !e->open && e->n_inflight == 0 && list_empty(&e->stalled) &&
               list_empty(&e->runnable) && !e->run_scheduled && !e->flush_scheduled && list_empty(&e->asks) &&
               e->timer_heap.n == 0;
}

static void on_look(void *userdata)
{
        Child *c = userdata;

        if (all_done(c))
                loop_stop(c->loop);
}

static void on_too_late(void *userdata)
{
        (void) userdata;
        _exit(3);
}

static int open_journal(Child *c, int (*hook)(void *userdata))
{
        _cleanup_free_ char *error = NULL;

        if (url)
                return journal_postgres_open(
                        &c->journal, c->loop,
                        &(JournalPostgresConfig){.url = url, .before_commit = hook, .userdata = c}, &error);
        return journal_sqlite_open(
                &c->journal, c->loop,
                &(JournalSqliteConfig){.path = db_path, .before_commit = hook, .userdata = c});
}

static void child_start(Child *c)
{
        if (loop_new(&c->loop) < 0)
                _exit(4);
        c->metrics = metrics_new();
        if (open_journal(c, before_commit) != 0)
                _exit(5);
        flow_engine_new(&c->engine, c->loop, c->journal, c->metrics,
                        &(FlowEngineConfig){
                                .kinds = kinds, .max_slots = 2, .fault_pause_ms = 1, .commit_retry_ms = 2});
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                flow_engine_add_verb(c->engine, &verbs[i], c);
        if (flow_engine_start(c->engine) < 0)
                _exit(6);
}

/* Runs until everything is done, or until it is killed. */
static void child_main(unsigned generation, KillAt kill_at, bool *acked)
{
        Child c = {.generation = generation, .acked = acked, .kill_at = kill_at};
        LoopTimer *too_late, *look;

        c.kill_after = 1 + (int) draw(kill_at == KILL_AT_COMMIT ? 12 : 90);
        c.fail_commits = 1 + (int) draw(40);
        c.log_fd = open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        child_start(&c);
        for (size_t i = 0; i < n_plan; i++)
                c.n_acked += acked[i];
        too_late = loop_timer_new(c.loop, on_too_late, NULL);
        loop_timer_set(too_late, CHILD_DEADLINE_MS);
        send_more(&c);
        while (!all_done(&c)) {
                look = loop_timer_new(c.loop, on_look, &c);
                loop_timer_set(look, 2);
                uv_run(loop_uv(c.loop), UV_RUN_ONCE);
                loop_timer_free(look);
        }
        loop_timer_free(too_late);
        flow_engine_free(c.engine);
        journal_free(c.journal);
        metrics_free(c.metrics);
        loop_free(c.loop);
        _exit(0);
}

/* ---- the parent ---- */

typedef struct Seen {
        char *what; /* "flow/seq", or a key */
        char *other;
        unsigned generation;
        UT_hash_handle hh;
} Seen;

static Seen *seen_add(Seen **table, const char *what, const char *other, unsigned generation)
{
        Seen *s;

        HASH_FIND_STR(*table, what, s);
        if (s) {
                assert_string_equal(s->other, other);
                return s;
        }
        s = mem_new(Seen);
        *s = (Seen){.what = mem_strdup(what), .other = mem_strdup(other), .generation = generation};
        HASH_ADD_KEYPTR(hh, *table, s->what, strlen(s->what), s);
        return s;
}

static void seen_free(Seen *table)
{
        Seen *s, *next;

        HASH_ITER (hh, table, s, next) {
                HASH_DEL(table, s);
                free(s->what);
                free(s->other);
                free(s);
        }
}

/* Reads what the world saw: which events are acknowledged, and that asks kept to their rules. */
static void read_log(bool *acked)
{
        Seen *by_event = NULL, *by_key = NULL;
        FILE *file = fopen(log_path, "r");
        char line[256];

        while (file && fgets(line, sizeof(line), file)) {
                char event[64], key[64];
                unsigned generation;
                size_t i;
                int uncertain;

                if (sscanf(line, "A %zu", &i) == 1)
                        acked[i] = true;
                else if (sscanf(line, "S %u %63s %63s %d", &generation, event, key, &uncertain) == 4) {
                        Seen *s = seen_add(&by_event, event, key, generation);

                        seen_add(&by_key, key, event, generation);
                        /* "probed" clears the doubt by looking; its seq is a multiple of 3. */
                        if (s->generation < generation && strtol(strchr(event, '/') + 1, NULL, 10) % 3)
                                assert_true(uncertain);
                }
        }
        if (file)
                fclose(file);
        seen_free(by_event);
        seen_free(by_key);
}

static void on_list(void *userdata, const char *json)
{
        *(json_t **) userdata = json_parse(json, strlen(json), NULL);
}

static int compare_numbers(const void *a, const void *b)
{
        return *(const int *) a - *(const int *) b;
}

/* The list holds 1 … n, each once; in order, or in any. */
static void expect_numbers(const json_t *data, const char *list, unsigned n, bool ordered)
{
        const json_t *array = json_object_get(data, list);
        int numbers[N_EVENTS];

        assert_int_equal(json_array_size(array), n);
        for (unsigned i = 0; i < n; i++)
                numbers[i] = (int) json_integer_value(json_array_get(array, i));
        if (!ordered)
                qsort(numbers, n, sizeof(*numbers), compare_numbers);
        for (unsigned i = 0; i < n; i++)
                assert_int_equal(numbers[i], i + 1);
}

static void verify_flow(const json_t *data, unsigned flow)
{
        unsigned n[3] = {0}, n_previous = 0;
        const json_t *peers = json_object_get(data, "peers");
        int numbers[N_EVENTS];

        for (size_t i = 0; i < n_plan; i++) {
                if (plan[i].flow == flow)
                        n[plan[i].sort]++;
                if (plan[i].flow == (flow + N_FLOWS - 1) % N_FLOWS && plan[i].sort == SORT_MESSAGE)
                        n_previous++;
        }
        expect_numbers(data, "got", n[SORT_MESSAGE], true);
        expect_numbers(data, "parked", n[SORT_PARKED], true);
        expect_numbers(data, "results", n[SORT_MESSAGE], false);
        assert_int_equal(json_array_size(peers), n_previous / 3);
        for (unsigned i = 0; i < n_previous / 3; i++)
                numbers[i] = (int) json_integer_value(json_array_get(peers, i));
        for (unsigned i = 0; i < n_previous / 3; i++)
                assert_int_equal(numbers[i], 3 * (i + 1));
}

static int no_hook(void *userdata)
{
        (void) userdata;
        return 0;
}

static void verify(void)
{
        Child c = {.log_fd = -1};
        json_t *list = NULL, *asks = NULL;
        bool found[N_FLOWS] = {0};

        assert_int_equal(loop_new(&c.loop), 0);
        c.metrics = metrics_new();
        assert_int_equal(open_journal(&c, no_hook), 0);
        flow_engine_new(&c.engine, c.loop, c.journal, c.metrics, &(FlowEngineConfig){.kinds = kinds});
        assert_int_equal(flow_engine_start(c.engine), 0);
        flow_engine_list(c.engine, NULL, NULL, 1000, on_list, &list);
        flow_engine_list_asks(c.engine, NULL, 1000, on_list, &asks);
        while (!asks)
                uv_run(loop_uv(c.loop), UV_RUN_ONCE);
        assert_int_equal(json_array_size(list), N_FLOWS);
        assert_int_equal(json_array_size(asks), 0);
        for (size_t i = 0; i < N_FLOWS; i++) {
                const json_t *flow = json_array_get(list, i);
                int64_t id = json_int(flow, "data.me", -1);

                assert_string_equal(json_str(flow, "status"), "active");
                assert_in_range(id, 0, N_FLOWS - 1);
                assert_false(found[id]);
                found[id] = true;
                verify_flow(json_object_get(flow, "data"), (unsigned) id);
        }
        json_decref(list);
        json_decref(asks);
        flow_engine_free(c.engine);
        journal_free(c.journal);
        metrics_free(c.metrics);
        loop_free(c.loop);
}

static void remove_files(void)
{
        static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                _cleanup_free_ char *path = mem_printf("%s%s", db_path, suffixes[i]);

                unlink(path);
        }
        unlink(log_path);
}

/* Returns how many children were killed. */
static unsigned run_seed(uint64_t seed)
{
        unsigned n_killed = 0;

        random_state = seed * 0x9e3779b97f4a7c15u + 1;
        if (postgres_server_wanted()) {
                free(url);
                url = postgres_server_schema();
                if (!url)
                        skip();
        }
        make_plan();
        for (unsigned generation = 1;; generation++) {
                bool acked[N_EVENTS + N_FLOWS] = {0};
                KillAt kill_at = generation < GENERATIONS_MAX ? 1 + draw(N_KILL_AT - 1) : KILL_NEVER;
                unsigned pause_us = url ? 60000 + draw(300000) : 3000 + draw(30000);
                int status;
                pid_t pid;

                read_log(acked);
                pid = fork();
                assert_true(pid >= 0);
                if (pid == 0)
                        child_main(generation, kill_at, acked);
                random_state += generation; /* the child has drawn from a copy */
                if (kill_at == KILL_AT_TIME) {
                        usleep(pause_us);
                        kill(pid, SIGKILL);
                }
                assert_int_equal(waitpid(pid, &status, 0), pid);
                if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                        break;
                if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
                        fail_msg("seed %llu: the child ended with status %#x", (unsigned long long) seed,
                                 status);
                n_killed++;
        }
        read_log((bool[N_EVENTS + N_FLOWS]){0});
        verify();
        remove_files();
        return n_killed;
}

static void test_killed_over_and_over(void **state)
{
        const char *fixed = getenv("FLOW_RANDOM_SEED"), *runs = getenv("FLOW_RANDOM_RUNS");
        unsigned n_runs = runs ? (unsigned) atoi(runs) : 25, n_killed = 0;

        (void) state;
        for (unsigned i = 0; i < (fixed ? 1 : n_runs); i++) {
                uint64_t seed = fixed ? strtoull(fixed, NULL, 10) : i + 1;

                print_message("seed %llu\n", (unsigned long long) seed);
                n_killed += run_seed(seed);
        }
        print_message("killed %u times\n", n_killed);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed_over_and_over)};
        int r;

        log_set_level(getenv("WORLD_VERBOSE") ? LOG_DEBUG : LOG_ERROR + 1);
        strcpy(dir, "/tmp/flow-random-XXXXXX");
        if (!mkdtemp(dir))
                return 1;
        db_path = mem_printf("%s/journal.db", dir);
        log_path = mem_printf("%s/world.log", dir);
        r = cmocka_run_group_tests(tests, NULL, NULL);
        remove_files();
        rmdir(dir);
        free(db_path);
        free(log_path);
        free(url);
        return r;
}
