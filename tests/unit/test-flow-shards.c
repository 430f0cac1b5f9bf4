/* flow: an engine that shares its journal, in PostgreSQL. The others are played by SQL. */
#include "engine-world.h"

#include "flow/shards.h"
#include "postgres-server.h"

#define WE    7
#define OTHER 9
#define ALL   (~(ShardSet) 0)

typedef struct Heard {
        unsigned n_stored, n_released;
        int64_t owner, flow_id;
        Buf hints;
} Heard;
static Heard heard;
static bool may_act;

static bool on_may_act(void *userdata)
{
        (void) userdata;
        return may_act;
}

static void on_stored(void *userdata, int64_t owner, int64_t flow_id)
{
        (void) userdata;
        heard.n_stored++;
        heard.owner = owner;
        heard.flow_id = flow_id;
}

static void on_hint(void *userdata, int64_t flow_id, const char *event, const json_t *data)
{
        (void) userdata;
        (void) flow_id;
        (void) data;
        buf_append_str(&heard.hints, event);
}

static void on_released(void *userdata)
{
        (void) userdata;
        heard.n_released++;
}

static const FlowReplica replica = {.id = WE,
                                    .may_act = on_may_act,
                                    .on_stored = on_stored,
                                    .on_hint = on_hint,
                                    .on_released = on_released};

static int setup(void **state)
{
        World *w = world_new(false, NULL);

        buf_deinit(&heard.hints);
        heard = (Heard){0};
        may_act = true;
        world_kill(w);
        w->replica = &replica;
        world_start(w);
        *state = w;
        return 0;
}

/* What the database says, as the next view would bring it. */
static void own(World *w, int64_t owner, int64_t epoch)
{
        _cleanup_free_ char *sql = mem_printf("UPDATE shard SET owner = %lld, epoch = %lld",
                                              (long long) owner, (long long) epoch);

        world_run_sql(w, sql);
}

static void view(World *w, ShardSet ours, int64_t epoch, ShardSet give_up)
{
        int64_t epochs[JOURNAL_SHARDS];

        for (unsigned s = 0; s < JOURNAL_SHARDS; s++)
                epochs[s] = epoch;
        flow_engine_set_shards(w->engine, ours, epochs, give_up);
        world_settle(w);
}

static void take_all(World *w, int64_t epoch)
{
        own(w, WE, epoch);
        view(w, ALL, epoch, 0);
        assert_true(flow_engine_shards(w->engine) == ALL);
}

static int64_t ask_sql(World *w, const char *sql)
{
        _cleanup_free_ char *text = postgres_server_query(w->url, sql);

        return text ? strtoll(text, NULL, 10) : 0;
}

/* As another gateway stores an event for a flow that is there. */
static void store_elsewhere(World *w, int id, const char *event)
{
        _cleanup_free_ char *sql = mem_printf("INSERT INTO inbox (id, flow_id, event, data, at_ms) "
                                              "SELECT %d, id, '%s', '{}', 1 FROM flow",
                                              id, event);

        world_run_sql(w, sql);
}

static int64_t only_flow(World *w)
{
        return ask_sql(w, "SELECT id FROM flow");
}

static void test_shards_own(void **state)
{
        World *w = *state;

        take_all(w, 1);
        world_send(w, "x", "hello", "{}");
        world_expect_trace(w, "a:hello");
        world_expect_delivered(w, "d");
        assert_int_equal(heard.n_stored, 0);
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM inbox"), 0);
}

static void test_shards_of_others(void **state)
{
        World *w = *state;

        own(w, OTHER, 1);
        world_send(w, "x", "hello", "{}");
        world_expect_delivered(w, "d"); /* durable, and acknowledged */
        world_expect_trace(w, "");
        assert_int_equal(heard.n_stored, 1);
        assert_int_equal(heard.owner, OTHER);
        assert_int_equal(heard.flow_id, only_flow(w));
        flow_hint(w->engine, "addr:x", "progress", NULL);
        assert_string_equal(buf_bytes(&heard.hints), "progress");
        /* It dies, and we take over. */
        take_all(w, 2);
        world_expect_trace(w, "a:hello");
}

/* Others have taken our shards while we were paused: what we still do has no effect. */
static void test_shards_fenced(void **state)
{
        World *w = *state;

        take_all(w, 1);
        world_send(w, "x", "hello",
                   "{'do': [['set', 'on', {'timer:t': {'do': [['set', 'late', 1], ['ask', {'verb': 'post'}], "
                   "['spawn', 'addr:y', 'hello', {}]]}}], ['timer', 't', 300]]}");
        world_expect_trace(w, "a:hello");
        own(w, OTHER, 2);
        world_until_count(w, w->engine->metrics.turns, 2);
        world_expect_trace(w, "a:timer:t"); /* in memory */
        assert_true(flow_engine_shards(w->engine) != ALL);
        world_expect_asks(w, "");
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM flow"), 1);
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM flow WHERE data::json ->> 'late' IS NOT NULL"), 0);
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM timer"), 1);
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM ask"), 0);
        /* The rest of our work is: what is heard is stored for whoever has the flow. */
        view(w, 0, 2, 0);
        world_send(w, "x", "more", "{}");
        world_expect_delivered(w, "dd");
        world_expect_trace(w, "");
        assert_int_equal(heard.owner, OTHER);
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM inbox"), 1);
        /* And with new epochs they are ours again, as they are now. */
        take_all(w, 3);
        world_until_count(w, w->engine->metrics.turns, 4);
        world_settle(w);
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM flow WHERE data::json ->> 'late' IS NOT NULL"), 1);
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM flow"), 2);
}

/* No asks while another may be at work in our place. */
static void test_shards_may_not_act(void **state)
{
        World *w = *state;

        take_all(w, 1);
        may_act = false;
        world_send(w, "x", "hello", "{'do': [['ask', {'verb': 'post'}]]}");
        world_expect_trace(w, "a:hello");
        world_expect_asks(w, "");
        may_act = true;
        flow_engine_kick(w->engine);
        world_expect_asks(w, "post/1");
        world_expect_trace(w, "a:post");
}

static void test_shards_given_up_quietly(void **state)
{
        World *w = *state;

        take_all(w, 1);
        w->hold = true;
        world_send(
                w, "x", "hello",
                "{'do': [['ask', {'verb': 'post', 'lane': 'l'}], ['ask', {'verb': 'probed', 'lane': 'l'}]]}");
        world_expect_trace(w, "a:hello");
        world_expect_asks(w, "post/1");
        view(w, ALL, 1, ALL);
        /* One is under way: its shard stays, and goes on, but starts nothing more. */
        assert_int_equal(shards_count(flow_engine_shards(w->engine)), 1);
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM shard WHERE owner IS NOT NULL"), 1);
        world_send(w, "x", "more", "{}");
        world_expect_trace(w, "a:more");
        world_end_ask(w, 0, ASK_OK);
        world_expect_trace(w, "a:post");
        world_expect_asks(w, "");
        assert_true(flow_engine_shards(w->engine) == 0);
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM shard WHERE owner IS NOT NULL"), 0);
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM ask WHERE fresh"), 1);
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM ask"), 1);
        assert_true(heard.n_released >= 2);
        /* A view that is older than that does not bring them back. */
        view(w, ALL, 1, 0);
        assert_true(flow_engine_shards(w->engine) == 0);
        /* The next owner starts the other one without looking for it. */
        take_all(w, 2);
        world_expect_asks(w, "probed/1");
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM ask WHERE fresh"), 0);
        /* One that was started is looked for. */
        own(w, WE, 3);
        w->n_held = 0;
        world_restart(w);
        view(w, ALL, 3, 0);
        world_expect_asks(w, "probed/1? probed/1");
}

/* Lost and ours again while an ask is under way: it ends once. */
static void test_shards_back_in_time(void **state)
{
        World *w = *state;

        take_all(w, 1);
        w->hold = true;
        world_send(w, "x", "hello", "{'do': [['ask', {'verb': 'post', 'lane': 'l'}]]}");
        world_expect_trace(w, "a:hello");
        own(w, OTHER, 2);
        view(w, 0, 2, 0);
        take_all(w, 3);
        world_expect_asks(w, "post/1");
        world_end_ask(w, 0, ASK_OK);
        world_expect_trace(w, "a:post");
        world_expect_asks(w, "");
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM ask"), 0);
}

/* Lost while an ask is under way, and not back: its end is nobody's here. */
static void test_shards_orphan(void **state)
{
        World *w = *state;

        take_all(w, 1);
        w->hold = true;
        world_send(w, "x", "hello", "{'do': [['ask', {'verb': 'post', 'lane': 'l'}]]}");
        world_expect_trace(w, "a:hello");
        own(w, OTHER, 2);
        view(w, 0, 2, 0);
        world_end_ask(w, 0, ASK_OK);
        world_expect_trace(w, "");
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM ask"), 1);
}

static void test_shards_stored_elsewhere(void **state)
{
        World *w = *state;

        take_all(w, 1);
        world_send(w, "x", "hello", "{}");
        world_expect_trace(w, "a:hello");
        store_elsewhere(w, 1, "first");
        flow_engine_look(w->engine, only_flow(w));
        flow_engine_look(w->engine, only_flow(w)); /* told twice */
        world_expect_trace(w, "a:first");
        flow_engine_look(w->engine, only_flow(w));
        world_expect_trace(w, "");
        /* Nobody tells: it looks by itself. */
        store_elsewhere(w, 2, "second");
        world_until_count(w, w->engine->metrics.turns, 3);
        world_expect_trace(w, "a:second");
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM inbox"), 0);
}

/* What is parked is not taken for new. */
static void test_shards_parked(void **state)
{
        World *w = *state;

        take_all(w, 1);
        world_send(w, "x", "hello", "{}");
        world_send(w, "x", "early", "{}");
        world_expect_trace(w, "a:hello a:early");
        flow_engine_look(w->engine, only_flow(w));
        world_sleep(w, 1200); /* longer than until it looks by itself */
        world_expect_trace(w, "");
        world_send(w, "x", "go", "{'then': 'go:b'}");
        world_expect_trace(w, "a:go b:enter b:early");
}

static bool is_stopped;

static void on_stopped(void *userdata)
{
        (void) userdata;
        is_stopped = true;
}

static bool has_stopped(World *w)
{
        (void) w;
        return is_stopped;
}

static void test_shards_stop(void **state)
{
        World *w = *state;

        take_all(w, 1);
        w->hold = true;
        world_send(w, "x", "hello", "{'do': [['ask', {'verb': 'post'}], ['timer', 't', 60000]]}");
        world_expect_trace(w, "a:hello");
        is_stopped = false;
        flow_engine_stop(w->engine, on_stopped, NULL);
        world_sleep(w, 50);
        assert_false(is_stopped);
        world_end_ask(w, 0, ASK_OK);
        world_until(w, has_stopped);
        world_expect_trace(w, "a:post");
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM shard WHERE owner IS NOT NULL"), 0);
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM timer"), 1);
        assert_int_equal(ask_sql(w, "SELECT count(*) FROM ask"), 0);
}

static unsigned n_performed;

static void on_performed(void *userdata, const AskResult *result)
{
        n_performed += result->outcome == (AskOutcome) (uintptr_t) userdata;
}

static void start_ok(void *owner, Ask *ask)
{
        (void) owner;
        assert_string_equal(ask->key, "0f/1");
        assert_int_equal(ask->attempt, 4);
        ask_ok(ask, NULL);
}

/* An ask of somebody else's flow leaves no trace here. */
static void test_shards_perform(void **state)
{
        static const AskVerb verb = {.name = "v", .start = start_ok};
        World *w = *state;

        n_performed = 0;
        flow_engine_perform(w->engine, &verb, NULL, &(Ask){.key = "0f/1", .attempt = 4}, json_object(),
                            on_performed, (void *) (uintptr_t) ASK_OK);
        assert_int_equal(n_performed, 1);
        assert_true(metric_value(w->engine->metrics.asks_pending) == 0);
}

#define shards_test(_name) cmocka_unit_test_setup_teardown(_name, setup, world_teardown)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                shards_test(test_shards_own),
                shards_test(test_shards_of_others),
                shards_test(test_shards_fenced),
                shards_test(test_shards_may_not_act),
                shards_test(test_shards_given_up_quietly),
                shards_test(test_shards_back_in_time),
                shards_test(test_shards_orphan),
                shards_test(test_shards_stored_elsewhere),
                shards_test(test_shards_parked),
                shards_test(test_shards_stop),
                shards_test(test_shards_perform),
        };
        int r;

        setenv("TEST_DATABASE", "postgres", 1);
        json_setup();
        r = cmocka_run_group_tests(tests, NULL, NULL);
        buf_deinit(&heard.hints);
        return r;
}
