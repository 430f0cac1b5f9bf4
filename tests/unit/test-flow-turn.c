/* flow: what one turn does, by verdict; parked events, timers, addresses, messages, faults, flows in and out
 * of memory. */
#include "engine-world.h"

#include "base/clock.h"

static void expect_flow(World *w, size_t i, const char *path, const char *expected)
{
        _cleanup_free_ char *value = world_flow(w, NULL, i, path);

        assert_string_equal(value, expected);
}

static void test_stay(void **state)
{
        World *w = *state;

        world_send(w, "x", "hello", "{'do': [['set', 'n', 7]]}");
        world_expect_delivered(w, "d");
        world_expect_trace(w, "a:hello");
        expect_flow(w, 0, "data.n", "7");
        expect_flow(w, 0, "step", "a");
        expect_flow(w, 0, "version", "2");
        world_send(w, "x", "hello", "{}");
        world_expect_trace(w, "a:hello");
        expect_flow(w, 0, "data.seen", "[\"a:hello\",\"a:hello\"]");
        assert_int_equal(world_n_flows(w, NULL), 1);
}

static void test_go_enters_in_the_same_turn(void **state)
{
        World *w = *state;

        world_send(w, "x", "first", "{'then': 'go:b', 'enter:b': {'do': [['set', 'n', 1]], 'then': 'go:c'}}");
        world_send(w, "x", "second", "{}");
        world_expect_trace(w, "a:first b:enter c:enter c:second");
        assert_int_equal((int) metric_value(w->engine->metrics.turns), 2);
        expect_flow(w, 0, "step", "c");
        expect_flow(w, 0, "data.n", "1");
}

static void test_enter_may_have_nothing_to_do(void **state)
{
        World *w = *state;

        world_send(w, "x", "first",
                   "{'do': [['set', 'n', 1]], 'then': 'go:b', 'enter:b': {'then': 'ignore'}}");
        world_settle(w);
        expect_flow(w, 0, "step", "b");
        expect_flow(w, 0, "data.n", "1");
}

static void test_endless_go_is_a_fault(void **state)
{
        World *w = *state;

        world_send(w, "x", "first", "{'then': 'go:b', 'enter:b': {'then': 'go:b'}}");
        world_until_count(w, w->engine->metrics.quarantined, 1);
        world_settle(w);
        expect_flow(w, 0, "status", "quarantined");
        expect_flow(w, 0, "step", "a");
        expect_flow(w, 0, "data", "{}");
}

static void test_ignore_leaves_no_trace(void **state)
{
        World *w = *state;

        world_send(w, "x", "hello", "{}");
        world_send(w, "x", "noise", "{'do': [['set', 'n', 1], ['ask', {'verb': 'post'}]], 'then': 'ignore'}");
        world_expect_trace(w, "a:hello a:noise");
        world_expect_asks(w, "");
        expect_flow(w, 0, "data", "{\"seen\":[\"a:hello\"]}");
        assert_int_equal((int) metric_value(w->engine->metrics.ignored), 1);
        world_restart(w);
        world_expect_trace(w, "");
}

static void test_later_waits_for_the_step(void **state)
{
        World *w = *state;

        world_send(w, "x", "early", "{'i': 1}");
        world_send(w, "x", "b-only", "{}");
        world_send(w, "x", "early", "{'i': 2}");
        world_expect_trace(w, "a:early a:b-only a:early");
        world_expect_delivered(w, "ddd");
        world_send(w, "x", "go", "{'then': 'go:c'}");
        world_send(w, "x", "last", "{}");
        world_expect_trace(w, "a:go c:enter c:early c:b-only c:early c:last");
        world_send(w, "x", "go", "{'then': 'go:b'}");
        world_expect_trace(w, "c:go b:enter b:b-only");
        expect_flow(
                w, 0, "data.seen",
                "[\"a:go\",\"c:enter\",\"c:early\",\"c:early\",\"c:last\",\"c:go\",\"b:enter\",\"b:b-only\"]");
}

static void test_parked_outlive_the_process(void **state)
{
        World *w = *state;

        world_send(w, "x", "hello",
                   "{'do': [['ask', {'verb': 'post'}], ['set', 'on', {'a/post': {'then': 'later'}}]]}");
        world_expect_trace(w, "a:hello a:post");
        for (int i = 0; i < 5; i++)
                world_send(w, "x", "early", "{'do': [['set', 'last', %d]]}", i);
        world_expect_trace(w, "a:early a:early a:early a:early a:early");
        world_restart(w);
        world_expect_trace(w, "a:post a:early a:early a:early a:early a:early");
        world_expect_asks(w, "post/1");
        world_send(w, "x", "go", "{'then': 'go:c'}");
        world_expect_trace(w, "a:go c:enter c:post c:early c:early c:early c:early c:early");
        expect_flow(w, 0, "data.last", "4");
        world_restart(w);
        world_expect_trace(w, "");
}

static void test_parked_are_bounded(void **state)
{
        World *w = *state;

        for (int i = 0; i < 300; i++)
                world_send(w, "x", "early", "{}");
        world_settle(w);
        assert_int_equal((int) metric_value(w->engine->metrics.parked), 256);
        buf_clear(&w->trace);
        world_send(w, "x", "go", "{'then': 'go:c'}");
        world_settle(w);
        assert_int_equal((int) metric_value(w->engine->metrics.turns), 300 + 1 + 256);
}

static void test_done_removes_all_but_asks(void **state)
{
        World *w = *state;

        w->hold = true;
        world_send(w, "x", "hello",
                   "{'do': [['ask', {'verb': 'post'}], ['timer', 't', 20], ['address', 'second:1']]}");
        world_send(w, "x", "early", "{}");
        world_settle(w);
        world_send(w, "second:1", "?end",
                   "{'do': [['ask', {'verb': 'post', 'tag': 'bye'}]], 'then': 'done'}");
        world_settle(w);
        assert_int_equal(world_n_flows(w, NULL), 0);
        world_expect_asks(w, "post/1 post/1");
        buf_clear(&w->delivered);
        world_send(w, "second:1", "?hello", "{}");
        world_send(w, "x", "?hello", "{}");
        world_expect_delivered(w, "uu");
        world_sleep(w, 40); /* the timer is gone */
        buf_clear(&w->trace);
        world_end_ask(w, 0, ASK_OK);
        world_end_ask(w, 0, ASK_PERMFAIL);
        world_expect_trace(w, "");
        assert_string_equal(world_list_asks(w, NULL), "[]");
        world_send(w, "x", "hello", "{}"); /* a new flow */
        world_expect_trace(w, "a:hello");
        world_send(w, "x", "end", "{'then': 'failed'}");
        world_settle(w);
        assert_int_equal((int) metric_value(w->engine->metrics.failed), 1);
}

static void test_events_behind_the_last_are_nobodys(void **state)
{
        World *w = *state;

        world_send(w, "x", "hello", "{'then': 'done'}");
        world_send(w, "x", "behind", "{}");
        world_expect_delivered(w, "dd");
        world_expect_trace(w, "a:hello");
        assert_int_equal(world_n_flows(w, NULL), 0);
        world_restart(w);
        world_expect_trace(w, "");
}

static void test_timer_dies_with_its_step(void **state)
{
        World *w = *state;

        world_send(w, "x", "hello",
                   "{'do': [['timer', 'old', 400], ['timer', 'off', 10], ['cancel', 'off']]}");
        world_settle(w);
        world_send(w, "x", "go",
                   "{'do': [['timer', 'left', 5]], 'then': 'go:b', "
                   "'enter:b': {'do': [['timer', 'new', 300]]}}");
        world_expect_trace(w, "a:hello a:go b:enter");
        world_sleep(w, 500);
        world_expect_trace(w, "b:timer:new");
        world_restart(w);
        world_sleep(w, 20);
        world_expect_trace(w, "");
}

/* The timer has fired, but its event stands behind the one that leaves the step. */
static void test_fired_timer_does_not_reach_the_next_step(void **state)
{
        World *w = *state;

        for (int i = 0; i < 20; i++) {
                int64_t until;

                world_send(w, "x", "a", "{'then': 'go:a', 'enter:a': {'do': [['timer', 't', 3]]}}");
                world_settle(w);
                world_send(w, "x", "b", "{'then': 'go:b'}");
                world_settle(w);
                world_send(w, "x", "a", "{'then': 'go:a', 'enter:a': {'do': [['timer', 't', 3]]}}");
                world_send(w, "x", "b", "{'then': 'go:b'}");
                until = clock_monotonic_ms() + 5; /* both are due when the loop looks next */
                while (clock_monotonic_ms() < until)
                        ;
                world_sleep(w, 6);
                assert_null(strstr(buf_bytes(&w->trace), "b:timer"));
                buf_clear(&w->trace);
        }
}

static void test_timer_moves_and_outlives_the_process(void **state)
{
        World *w = *state;
        int64_t start = clock_monotonic_ms();

        world_send(w, "x", "hello",
                   "{'do': [['timer', 't', 5], ['timer', 't', 60], ['timer', 'u', 100000]]}");
        world_settle(w);
        world_restart(w);
        buf_clear(&w->trace);
        world_until_count(w, w->engine->metrics.turns, 1);
        assert_true(clock_monotonic_ms() - start >= 55);
        world_expect_trace(w, "a:timer:t");
        world_restart(w);
        world_sleep(w, 20);
        world_expect_trace(w, "");
}

static void test_timer_sets_itself_again(void **state)
{
        World *w = *state;

        world_send(w, "x", "hello",
                   "{'do': [['timer', 't', 20], ['set', 'on', {'timer:t': {'do': [['timer', 't', 20]]}}]]}");
        world_until_count(w, w->engine->metrics.turns, 6);
        world_restart(w);
        world_until_count(w, w->engine->metrics.turns, 3);
}

static void test_delivery_outcomes(void **state)
{
        World *w = *state;

        world_send_once(w, "x", "hello", "key 1", "{}");
        world_send_once(w, "x", "hello", "key 1", "{}");
        world_send_once(w, "x", "hello", "key 2", "{}");
        world_send_once(w, "nobody", "?hello", "key 3", "{}");
        world_expect_delivered(w, "dDdu");
        world_send_once(w, "nobody", "hello", "key 3", "{}"); /* unrouted did not use the key up */
        world_send_once(w, "x", "hello", "key 1", "{}");
        world_expect_delivered(w, "dD");
        world_expect_trace(w, "a:hello a:hello a:hello");
        world_restart(w);
        world_send_once(w, "x", "hello", "key 2", "{}");
        world_expect_delivered(w, "D");
}

static void test_refused_under_load(void **state)
{
        World *w = world_new(false, &(FlowEngineConfig){.max_pending = 4});

        (void) state;
        for (int i = 0; i < 6; i++)
                world_send(w, "x", "hello", "{}");
        world_settle(w);
        assert_int_equal(w->n_answered, 6);
        assert_int_equal((int) metric_value(w->engine->metrics.turns), 4);
        assert_int_equal((int) metric_value(w->engine->metrics.refused), 2);
        world_send(w, "x", "hello", "{}");
        world_until_count(w, w->engine->metrics.turns, 5);
        world_free(w);
}

static void test_addresses(void **state)
{
        World *w = *state;

        world_send(w, "one", "hello", "{'do': [['address', 'shared:1'], ['set', 'me', 1]]}");
        world_settle(w);
        world_send(w, "two", "hello",
                   "{'do': [['address', 'shared:1'], ['unaddress', 'addr:one'], ['set', 'me', 2]]}");
        world_settle(w);
        world_send(w, "shared:1", "?hello", "{'do': [['set', 'got', 'it']]}"); /* the first owner kept it */
        world_send(w, "one", "?hello", "{}");                                  /* nobody removes another's */
        world_settle(w);
        buf_clear(&w->delivered);
        for (size_t i = 0; i < 2; i++) {
                _cleanup_free_ char *me = world_flow(w, NULL, i, "data.me");

                expect_flow(w, i, "data.got", strcmp(me, "1") == 0 ? "it" : "null");
        }
        world_send(w, "one", "?hello", "{'do': [['unaddress', 'shared:1']]}");
        world_settle(w);
        world_send(w, "shared:1", "?hello", "{}");
        world_expect_delivered(w, "du");
}

static void test_reached_by_reference(void **state)
{
        World *w = *state;
        _cleanup_free_ char *ref = NULL, *address = NULL;

        world_send(w, "x", "hello", "{}");
        world_settle(w);
        ref = world_flow(w, NULL, 0, "ref");
        address = mem_printf("flow:%s", ref);
        world_send(w, address, "?hello", "{}");
        world_send(w, "flow:0123456789abcdef", "?hello", "{}");
        world_send(w, "flow:", "?hello", "{}");
        world_expect_delivered(w, "dduu");
        world_expect_trace(w, "a:hello a:hello");
}

static void test_spawn_and_send(void **state)
{
        World *w = *state;

        world_send(w, "parent", "hello",
                   "{'do': [['spawn', 'addr:child', 'born', {'do': [['send', 'addr:parent', 'greet', {}]]}], "
                   "['send', 'addr:nobody', 'lost', {}], ['send', 'addr:child', 'next', {}]]}");
        world_settle(w);
        world_expect_trace(w, "a:hello a:born a:next a:greet");
        assert_int_equal(world_n_flows(w, NULL), 2);
        world_send(w, "parent", "again", "{'do': [['spawn', 'addr:child', 'born', {}]]}");
        world_expect_trace(w, "a:again a:born");
        assert_int_equal(world_n_flows(w, NULL), 2);
}

static void test_fault_is_undone_and_tried_again(void **state)
{
        World *w = *state;

        w->faults_left = 2;
        world_send(w, "x", "hello",
                   "{'do': [['set', 'n', 1], ['ask', {'verb': 'post'}], ['timer', 't', 1], "
                   "['random', 'r']], 'then': 'fault-once'}");
        world_send(w, "x", "next", "{}");
        world_send(w, "y", "other", "{}");
        world_until_count(w, w->engine->metrics.turns, 6);
        world_settle(w);
        assert_int_equal((int) metric_value(w->engine->metrics.faults), 2);
        assert_int_equal(w->n_asks, 1);
        assert_true(str_starts_with(buf_bytes(&w->trace), "a:hello a:other a:hello a:hello a:next"));
        expect_flow(w, 1, "status", "active");
}

static void test_random_repeats_only_with_its_turn(void **state)
{
        World *w = *state;
        char *drawn[3];

        world_send(w, "x", "hello",
                   "{'do': [['timer', 't', 20], ['random', 'r'], ['set', 'on', "
                   "{'timer:t': {'do': [['timer', 't', 20], ['random', 'r']]}}]]}");
        for (int i = 0; i < 3; i++) {
                world_until_count(w, w->engine->metrics.turns, i + 1);
                drawn[i] = world_flow(w, NULL, 0, "data.r");
        }
        assert_string_not_equal(drawn[0], drawn[1]);
        assert_string_not_equal(drawn[1], drawn[2]);
        for (int i = 0; i < 3; i++)
                free(drawn[i]);
}

static void test_quarantine_and_retry(void **state)
{
        World *w = *state;
        _cleanup_free_ char *ref = NULL, *error = NULL;

        w->hold = true;
        world_send(w, "x", "hello", "{'do': [['ask', {'verb': 'post'}], ['timer', 't', 500]]}");
        world_send(w, "x", "early", "{}");
        world_settle(w);
        w->faults_left = 3;
        world_send(w, "x", "bad", "{'then': 'fault-once'}");
        world_send(w, "x", "behind", "{}");
        world_until_count(w, w->engine->metrics.quarantined, 1);
        world_settle(w);
        assert_int_equal(world_n_flows(w, "quarantined"), 1);
        assert_int_equal(world_n_flows(w, "active"), 0);
        error = world_flow(w, NULL, 0, "error");
        assert_string_equal(error, "the step returned a fault");
        ref = world_flow(w, NULL, 0, "ref");
        buf_clear(&w->trace);

        /* It takes events in, but makes no turn: deliveries, a result, a timer. */
        world_send(w, "x", "meanwhile", "{}");
        world_send(w, "y", "other", "{}");
        world_end_ask(w, 0, ASK_OK);
        world_sleep(w, 600);
        world_expect_trace(w, "a:other");
        world_restart(w);
        world_expect_trace(w, "");
        assert_string_equal(world_list_asks(w, NULL), "[]");

        flow_engine_retry(w->engine, ref);
        world_expect_trace(w, "a:early a:bad a:behind a:meanwhile a:post a:timer:t");
        assert_int_equal(world_n_flows(w, "active"), 2);
        expect_flow(w, 1, "error", "null");
        world_restart(w);
        world_expect_trace(w, "a:early");
}

static void test_retry_while_it_is_looked_up(void **state)
{
        World *w = *state;
        _cleanup_free_ char *ref = NULL;

        w->faults_left = 3;
        world_send(w, "x", "bad", "{'then': 'fault-once'}");
        world_until_count(w, w->engine->metrics.quarantined, 1);
        ref = world_flow(w, NULL, 0, "ref");
        buf_clear(&w->trace);
        for (int i = 0; i < 50; i++) {
                /* The delivery makes the engine load the flow, quarantined; the retry crosses with it. */
                world_send(w, "x", "ping", "{}");
                world_sleep(w, i % 3);
                flow_engine_retry(w->engine, ref);
                world_settle(w);
                assert_non_null(strstr(buf_bytes(&w->trace), "a:ping"));
                buf_clear(&w->trace);
                w->faults_left = 3;
                world_send(w, "x", "bad", "{'then': 'fault-once'}");
                world_until_count(w, w->engine->metrics.quarantined, i + 2);
                world_settle(w);
        }
        flow_engine_retry(w->engine, "00000000000000ff"); /* no such flow: nothing happens */
        world_settle(w);
}

static void test_data_that_is_not_json(void **state)
{
        World *w = *state;

        world_send(w, "x", "hello", "{}");
        world_send(w, "x", "broken", "{");
        world_until_count(w, w->engine->metrics.quarantined, 1);
        world_settle(w);
        expect_flow(w, 0, "status", "quarantined");
        expect_flow(w, 0, "error", "the event's data is not a JSON object");
}

static void test_hints(void **state)
{
        World *w = *state;

        flow_hint(w->engine, "addr:x", "nobody", NULL);
        world_send(w, "x", "hello", "{}");
        world_settle(w);
        flow_hint(w->engine, "addr:x", "tick", json_pack("{s:[[s,s,i]]}", "do", "set", "n", 5));
        world_settle(w);
        flow_hint(w->engine, "addr:x", "early", NULL); /* dropped rather than parked */
        world_settle(w);
        expect_flow(w, 0, "data.n", "5");
        world_send(w, "x", "go", "{'then': 'go:c'}");
        world_expect_trace(w, "a:hello a:tick a:early a:go c:enter");
        world_restart(w);
        world_expect_trace(w, "");
}

static void test_flows_leave_memory(void **state)
{
        World *w = world_new(false, &(FlowEngineConfig){.max_slots = 2});

        (void) state;
        for (int round = 0; round < 3; round++)
                for (int i = 0; i < 20; i++) {
                        _cleanup_free_ char *name = mem_printf("%d", i);

                        world_send(w, name, "hello", "{}");
                        world_send(w, name, "early", "{}");
                }
        world_settle(w);
        assert_in_range((uintmax_t) metric_value(w->engine->metrics.slots), 0, 2);
        for (int i = 0; i < 20; i++) {
                _cleanup_free_ char *name = mem_printf("%d", i);

                buf_clear(&w->trace);
                world_send(w, name, "go", "{'then': 'go:c'}");
                world_settle(w);
                assert_non_null(strstr(buf_bytes(&w->trace), "a:go c:enter c:early c:early c:early"));
        }
        for (size_t i = 0; i < 20; i++)
                expect_flow(w, i, "data.seen",
                            "[\"a:hello\",\"a:hello\",\"a:hello\",\"a:go\",\"c:enter\",\"c:early\","
                            "\"c:early\",\"c:early\"]");
        world_free(w);
}

#define disk(_name)   cmocka_unit_test_setup_teardown(_name, world_setup_disk, world_teardown)
#define memory(_name) cmocka_unit_test_setup_teardown(_name, world_setup_memory, world_teardown)

/* From an event over two turns to an ask: one commit. Many events at once keep turns and commits apart, so
 * that the loop works while the disk does. */
static void test_a_chain_is_one_commit(void **state)
{
        World *w = *state;
        static const char chain[] = "{'do': [['spawn', 'addr:y', 'hi', {'do': [['set', 'n', 1]]}]]}";

        if (w->url)
                skip(); /* PostgreSQL holds no transaction open */
        world_send(w, "x", "hello", chain);
        world_settle(w);
        world_expect_trace(w, "a:hello a:hi");
        assert_int_equal(__atomic_load_n(&w->n_commits, __ATOMIC_SEQ_CST), 1);

        w->n_commits = 0;
        for (int i = 0; i < 40; i++)
                world_send(w, "x", "hello", "{}");
        world_settle(w);
        assert_int_equal(__atomic_load_n(&w->n_commits, __ATOMIC_SEQ_CST), 2);
        buf_clear(&w->trace);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                memory(test_stay),
                memory(test_go_enters_in_the_same_turn),
                memory(test_enter_may_have_nothing_to_do),
                memory(test_endless_go_is_a_fault),
                disk(test_ignore_leaves_no_trace),
                memory(test_later_waits_for_the_step),
                disk(test_parked_outlive_the_process),
                memory(test_parked_are_bounded),
                memory(test_done_removes_all_but_asks),
                disk(test_events_behind_the_last_are_nobodys),
                disk(test_timer_dies_with_its_step),
                memory(test_fired_timer_does_not_reach_the_next_step),
                disk(test_timer_moves_and_outlives_the_process),
                disk(test_timer_sets_itself_again),
                disk(test_delivery_outcomes),
                disk(test_a_chain_is_one_commit),
                cmocka_unit_test(test_refused_under_load),
                memory(test_addresses),
                memory(test_reached_by_reference),
                memory(test_spawn_and_send),
                memory(test_fault_is_undone_and_tried_again),
                memory(test_random_repeats_only_with_its_turn),
                disk(test_quarantine_and_retry),
                memory(test_retry_while_it_is_looked_up),
                memory(test_data_that_is_not_json),
                disk(test_hints),
                cmocka_unit_test(test_flows_leave_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
