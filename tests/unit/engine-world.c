#include "engine-world.h"

#include <dirent.h>
#include <unistd.h>

#include <sqlite3.h>
#include <uv.h>

#include "postgres-server.h"

#include "base/clock.h"
#include "base/log.h"

/* Steps get no userdata: the world that runs is the one here. */
static World *world;

/* ---- the scripted flow ---- */

static const FlowStep step_a, step_b, step_c;

static const char *item(const json_t *op, size_t i)
{
        return json_string_value(json_array_get(op, i));
}

static json_t *item_json(const json_t *op, size_t i)
{
        return json_incref(json_array_get(op, i));
}

static void do_ask(Flow *f, const json_t *spec)
{
        flow_ask(f, &(FlowAsk){
                            .verb = json_str(spec, "verb"),
                            .tag = json_str(spec, "tag"),
                            .lane = json_str(spec, "lane"),
                            .priority = (AskPriority) json_int(spec, "priority", ASK_PRIORITY_URGENT),
                            .coalesce = json_str(spec, "coalesce"),
                            .args = json_incref(json_object_get(spec, "args")),
                    });
}

static void do_op(Flow *f, const json_t *op)
{
        const char *what = item(op, 0);

        if (str_equal(what, "set"))
                json_object_set(flow_data(f), item(op, 1), json_array_get(op, 2));
        else if (str_equal(what, "ask"))
                do_ask(f, json_array_get(op, 1));
        else if (str_equal(what, "forget"))
                flow_ask_forget(f, item(op, 1));
        else if (str_equal(what, "timer"))
                flow_timer(f, item(op, 1), json_integer_value(json_array_get(op, 2)));
        else if (str_equal(what, "cancel"))
                flow_timer_cancel(f, item(op, 1));
        else if (str_equal(what, "address"))
                flow_address_add(f, item(op, 1));
        else if (str_equal(what, "unaddress"))
                flow_address_remove(f, item(op, 1));
        else if (str_equal(what, "send"))
                flow_send(f, item(op, 1), item(op, 2), item_json(op, 3));
        else if (str_equal(what, "spawn"))
                flow_spawn(f, world_kind.name, item(op, 1), item(op, 2), item_json(op, 3));
        else if (str_equal(what, "random"))
                json_put_int(flow_data(f), item(op, 1), (int64_t) (flow_random(f) >> 1));
        else
                fail_msg("unknown operation %s", what);
}

static FlowVerdict verdict_of(Flow *f, const char *then)
{
        if (str_equal(then, "stay"))
                return FLOW_STAY;
        if (str_equal(then, "later"))
                return FLOW_LATER;
        if (str_equal(then, "ignore"))
                return FLOW_IGNORE;
        if (str_equal(then, "done"))
                return FLOW_DONE;
        if (str_equal(then, "failed"))
                return FLOW_FAILED;
        if (str_equal(then, "fault"))
                return FLOW_FAULT;
        if (str_equal(then, "fault-once"))
                return world->faults_left > 0 && world->faults_left-- ? FLOW_FAULT : FLOW_STAY;
        assert_true(str_starts_with(then, "go:"));
        return flow_go(f, then[3] == 'a' ? &step_a : then[3] == 'b' ? &step_b : &step_c);
}

static const json_t *find_script(Flow *f, const FlowEvent *ev)
{
        const json_t *on = json_object_get(flow_data(f), "on"), *script;
        char name[200];

        if (flow_event_is_enter(ev)) {
                snprintf(name, sizeof(name), "enter:%s", flow_step_name(f));
                return json_object_get(ev->data, name);
        }
        if (json_object_get(ev->data, "then") || json_object_get(ev->data, "do"))
                return ev->data;
        snprintf(name, sizeof(name), "%s/%s%s%s", flow_step_name(f), ev->name, *ev->tag ? ":" : "", ev->tag);
        script = json_object_get(on, name);
        return script ? script : json_object_get(on, strchr(name, '/') + 1);
}

static void note(Flow *f, const FlowEvent *ev)
{
        static const char *const outcomes[] = {"", "!temp", "!perm"};
        json_t *seen = json_object_get(flow_data(f), "seen");
        char text[200];

        snprintf(text, sizeof(text), "%s:%s%s%s%s", flow_step_name(f), ev->name, *ev->tag ? ":" : "", ev->tag,
                 outcomes[ev->outcome]);
        buf_printf(&world->trace, "%s%s", buf_len(&world->trace) ? " " : "", text);
        if (!seen) {
                seen = json_array();
                json_object_set_new(flow_data(f), "seen", seen);
        }
        json_array_append_new(seen, json_string(text));
}

static FlowVerdict on_event(Flow *f, const FlowEvent *ev)
{
        const json_t *script = find_script(f, ev), *ops = json_object_get(script, "do");

        note(f, ev);
        if ((flow_event_is(ev, "early") && str_equal(flow_step_name(f), "a")) ||
            (flow_event_is(ev, "b-only") && !str_equal(flow_step_name(f), "b")))
                return FLOW_LATER;
        for (size_t i = 0; i < json_array_size(ops); i++)
                do_op(f, json_array_get(ops, i));
        return verdict_of(f, json_str_or(script, "then", "stay"));
}

static const FlowStep step_a = {"a", on_event}, step_b = {"b", on_event}, step_c = {"c", on_event};
static const FlowStep *const steps[] = {&step_a, &step_b, &step_c, NULL};

static int upgrade(json_t *data, int from_version)
{
        if (from_version != 1)
                return -EINVAL;
        json_put_str(data, "upgraded", "from 1");
        return 0;
}

const FlowKind world_kind = {.name = "script", .version = 2, .steps = steps, .upgrade = upgrade};
static const FlowKind *const kinds[] = {&world_kind, NULL};

/* ---- the verbs ---- */

static void record_ask(World *w, const Ask *ask, const char *how)
{
        w->asks = mem_resize(w->asks, (w->n_asks + 1) * sizeof(*w->asks));
        w->asks[w->n_asks++] = (WorldAsk){
                .key = mem_strdup(ask->key),
                .verb = mem_strdup(ask->verb),
                .args = json_dump(ask->args),
                .how = mem_strdup(how),
                .attempt = ask->attempt,
                .uncertain = ask->uncertain,
        };
}

static void end_ask(Ask *ask, char how)
{
        switch (how) {
        case 'o': ask_ok(ask, NULL); break;
        case 't': ask_tempfail(ask, "busy", NULL, false, 0); break;
        case 'u': ask_tempfail(ask, "lost", NULL, true, 0); break;
        case 'r': ask_tempfail(ask, "ratelimited", NULL, false, 500); break;
        case 'p': ask_permfail(ask, "refused", NULL); break;
        default: fail_msg("unknown outcome %c", how);
        }
}

static void on_start(void *owner, Ask *ask)
{
        World *w = owner;
        char how = w->outcomes && *w->outcomes ? *w->outcomes++ : w->hold ? 'h' : 'o';

        record_ask(w, ask, "start");
        if (how != 'h') {
                end_ask(ask, how);
                return;
        }
        w->held = mem_resize(w->held, (w->n_held + 1) * sizeof(*w->held));
        w->held[w->n_held++] = ask;
}

static void on_probe(void *owner, Ask *ask)
{
        World *w = owner;

        record_ask(w, ask, "probe");
        if (w->probe_finds)
                ask_ok(ask, json_pack("{s:b}", "found", true));
        else
                ask_absent(ask);
}

static int64_t on_wait(void *owner, const Ask *ask)
{
        return ((World *) owner)->wait_ms;
}

static const AskVerb verbs[] = {
        {.name = "post", .max_attempts = 3, .deadline_ms = 60000, .backoff_ms = 10, .start = on_start},
        {.name = "once", .max_attempts = 1, .deadline_ms = 60000, .start = on_start},
        {.name = "probed", .max_attempts = 3, .backoff_ms = 10, .probe = on_probe, .start = on_start},
        {.name = "single", .max_inflight = 1, .start = on_start},
        {.name = "bucket", .wait_ms = on_wait, .start = on_start},
        {.name = "brief-probed", .deadline_ms = 150, .backoff_ms = 400, .probe = on_probe, .start = on_start},
        {.name = "brief", .deadline_ms = 150, .backoff_ms = 60, .start = on_start},
};

void world_end_ask(World *w, size_t i_held, AskOutcome outcome)
{
        Ask *ask;

        assert_true(i_held < w->n_held);
        ask = w->held[i_held];
        memmove(w->held + i_held, w->held + i_held + 1, (--w->n_held - i_held) * sizeof(*w->held));
        end_ask(ask, outcome == ASK_OK ? 'o' : outcome == ASK_TEMPFAIL ? 't' : 'p');
}

/* ---- life ---- */

static int before_commit(void *userdata)
{
        World *w = userdata;
        int left = __atomic_load_n(&w->fail_commits, __ATOMIC_SEQ_CST);

        __atomic_fetch_add(&w->n_commits, 1, __ATOMIC_SEQ_CST);
        if (left > 0)
                __atomic_fetch_sub(&w->fail_commits, 1, __ATOMIC_SEQ_CST);
        return left != 0 ? -ENOSPC : 0;
}

char *world_db_path(const World *w)
{
        return w->dir && !w->url ? mem_printf("%s/journal.db", w->dir) : NULL;
}

void world_run_sql(World *w, const char *sql)
{
        _cleanup_free_ char *path = world_db_path(w);
        sqlite3 *db;

        if (w->url) {
                free(postgres_server_query(w->url, sql));
                return;
        }
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
}

static int open_journal(World *w)
{
        _cleanup_free_ char *path = world_db_path(w), *error = NULL;

        if (w->url)
                return journal_postgres_open(&w->journal, w->loop,
                                             &(JournalPostgresConfig){.url = w->url,
                                                                      .before_commit = before_commit,
                                                                      .userdata = w},
                                             &error);
        return journal_sqlite_open(&w->journal, w->loop,
                                   &(JournalSqliteConfig){.path = path,
                                                          .before_commit = before_commit,
                                                          .userdata = w,
                                                          .never_hold = w->never_hold});
}

void world_start(World *w)
{
        world = w;
        assert_int_equal(loop_new(&w->loop), 0);
        w->metrics = metrics_new();
        assert_int_equal(open_journal(w), 0);
        assert_int_equal(flow_engine_new(&w->engine, w->loop, w->journal, w->metrics, &w->config), 0);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                flow_engine_add_verb(w->engine, &verbs[i], w);
        if (w->replica)
                flow_engine_share(w->engine, w->replica, w->metrics);
        assert_int_equal(flow_engine_start(w->engine), 0);
}

World *world_new(bool on_disk, const FlowEngineConfig *config)
{
        World *w = mem_new(World);
        static const char template[] = "/tmp/engine-world-XXXXXX";

        if (config)
                w->config = *config;
        w->config.kinds = kinds;
        w->config.fault_pause_ms = w->config.fault_pause_ms ? w->config.fault_pause_ms : 5;
        w->config.commit_retry_ms = w->config.commit_retry_ms ? w->config.commit_retry_ms : 20;
        if (on_disk) {
                w->dir = mem_strdup(template);
                assert_non_null(mkdtemp(w->dir));
        }
        log_set_level(getenv("WORLD_VERBOSE") ? LOG_DEBUG : LOG_ERROR + 1);
        if (postgres_server_wanted()) {
                w->url = postgres_server_schema();
                if (!w->url)
                        skip();
        }
        world_start(w);
        return w;
}

static bool nothing_in_flight(World *w)
{
        return w->engine->n_inflight == 0;
}

void world_kill(World *w)
{
        /* The writer's thread cannot be killed. A batch that it already has ends as its transaction does; the
         * open one is lost. */
        world_until(w, nothing_in_flight);
        flow_engine_free(w->engine);
        journal_free(w->journal);
        metrics_free(w->metrics);
        loop_free(w->loop);
        w->n_held = 0;
        w->engine = NULL;
}

void world_restart(World *w)
{
        world_kill(w);
        world_start(w);
}

static void remove_dir(const char *dir)
{
        DIR *d = opendir(dir);
        struct dirent *entry;

        while (d && (entry = readdir(d)))
                if (entry->d_name[0] != '.')
                        unlinkat(dirfd(d), entry->d_name, 0);
        closedir(d);
        rmdir(dir);
}

static void forget_asks(World *w)
{
        for (size_t i = 0; i < w->n_asks; i++) {
                free(w->asks[i].key);
                free(w->asks[i].verb);
                free(w->asks[i].args);
                free(w->asks[i].how);
        }
        w->n_asks = 0;
}

void world_free(World *w)
{
        if (w->engine)
                world_kill(w);
        if (w->dir)
                remove_dir(w->dir);
        forget_asks(w);
        free(w->asks);
        free(w->held);
        free(w->dir);
        free(w->url);
        free(w->listed);
        buf_deinit(&w->trace);
        buf_deinit(&w->delivered);
        free(w);
}

/* ---- running ---- */

static void on_deadline(void *userdata)
{
        *(bool *) userdata = true;
}

static void run_until(World *w, bool (*done)(World *w), int64_t deadline_ms)
{
        bool late = false;
        LoopTimer *timer = loop_timer_new(w->loop, on_deadline, &late);

        loop_timer_set(timer, deadline_ms);
        while (!late && !(done && done(w)))
                uv_run(loop_uv(w->loop), UV_RUN_ONCE);
        loop_timer_free(timer);
        if (late && done)
                fail_msg("nothing happened for %lld ms", (long long) deadline_ms);
}

static bool is_counted(World *w)
{
        return metric_value(w->counter) >= w->at_least;
}

void world_until(World *w, bool (*done)(World *w))
{
        run_until(w, done, WORLD_DEADLINE_MS);
}

void world_until_count(World *w, const MetricSeries *counter, double at_least)
{
        w->counter = counter;
        w->at_least = at_least;
        world_until(w, is_counted);
}

static bool settled(World *w)
{
        FlowEngine *e = w->engine;

        return !e->open && e->n_inflight == 0 && list_empty(&e->stalled) && list_empty(&e->runnable) &&
               !e->run_scheduled && !e->flush_scheduled && !e->pump_scheduled;
}

void world_settle(World *w)
{
        world_until(w, settled);
}

void world_sleep(World *w, int64_t ms)
{
        run_until(w, NULL, ms);
}

static void on_delivered(void *userdata, FlowDelivered outcome)
{
        World *w = userdata;

        buf_append_char(&w->delivered, "dDur"[outcome]);
        w->n_answered++;
}

static void deliver(World *w, const char *name, const char *event, const char *dedup_key, char *json)
{
        _cleanup_free_ char *address = strchr(name, ':') ? mem_strdup(name) : mem_printf("addr:%s", name);
        bool must_exist = event[0] == '?';

        for (char *p = json; *p; p++)
                *p = *p == '\'' ? '"' : *p;
        flow_deliver(w->engine, &(FlowDelivery){
                                        .address = address,
                                        .kind = must_exist ? NULL : world_kind.name,
                                        .event = event + must_exist,
                                        .dedup_key = dedup_key,
                                        .json = json,
                                        .done = on_delivered,
                                        .userdata = w,
                                });
}

void world_send(World *w, const char *name, const char *event, const char *format, ...)
{
        char *json = NULL;
        va_list ap;

        va_start(ap, format);
        assert_true(vasprintf(&json, format, ap) >= 0);
        va_end(ap);
        deliver(w, name, event, NULL, json);
}

void world_send_once(World *w, const char *name, const char *event, const char *dedup_key, const char *data)
{
        deliver(w, name, event, dedup_key, mem_strdup(data));
}

/* ---- looking ---- */

static void on_listed(void *userdata, const char *json)
{
        mem_strset(&((World *) userdata)->listed, json);
}

static bool is_listed(World *w)
{
        return w->listed != NULL;
}

const char *world_list(World *w, const char *status)
{
        mem_strset(&w->listed, NULL);
        flow_engine_list(w->engine, NULL, status, 1000, on_listed, w);
        world_until(w, is_listed);
        return w->listed;
}

const char *world_list_asks(World *w, const char *status)
{
        mem_strset(&w->listed, NULL);
        flow_engine_list_asks(w->engine, status, 1000, on_listed, w);
        world_until(w, is_listed);
        return w->listed;
}

static json_t *flows(World *w, const char *status)
{
        const char *text = world_list(w, status);
        json_t *list = json_parse(text, strlen(text), NULL);

        assert_true(json_is_array(list));
        return list;
}

char *world_flow(World *w, const char *status, size_t i, const char *path)
{
        _cleanup_json_ json_t *list = flows(w, status);
        const json_t *value = json_at(json_array_get(list, i), path);

        return json_is_string(value) ? mem_strdup(json_string_value(value)) : json_dump(value);
}

size_t world_n_flows(World *w, const char *status)
{
        _cleanup_json_ json_t *list = flows(w, status);

        return json_array_size(list);
}

static void expect_buf(Buf *b, const char *expected)
{
        assert_string_equal(buf_bytes(b), expected);
        buf_clear(b);
}

void world_expect_trace(World *w, const char *expected)
{
        world_settle(w);
        expect_buf(&w->trace, expected);
}

void world_expect_delivered(World *w, const char *expected)
{
        world_settle(w);
        expect_buf(&w->delivered, expected);
}

void world_expect_asks(World *w, const char *expected)
{
        _cleanup_buf_ Buf b = {0};

        world_settle(w);
        for (size_t i = 0; i < w->n_asks; i++)
                buf_printf(&b, "%s%s/%u%s", i ? " " : "", w->asks[i].verb, w->asks[i].attempt,
                           str_equal(w->asks[i].how, "probe") ? "?" : "");
        assert_string_equal(buf_bytes(&b), expected);
        forget_asks(w);
}

int world_setup_memory(void **state)
{
        *state = world_new(false, NULL);
        return 0;
}

int world_setup_disk(void **state)
{
        *state = world_new(true, NULL);
        return 0;
}

int world_teardown(void **state)
{
        world_free(*state);
        return 0;
}
