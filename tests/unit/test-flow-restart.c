/* flow: what a restart finds, and what a disk that fails for a while does. */
#include "engine-world.h"

#include <unistd.h>

static bool holds_one(World *w)
{
        return w->n_held >= 1;
}

static void fail_commits(World *w, int n)
{
        __atomic_store_n(&w->fail_commits, n, __ATOMIC_SEQ_CST);
}

static void test_killed_before_the_commit(void **state)
{
        World *w = *state;

        world_send_once(w, "x", "hello", "key", "{}");
        world_restart(w);
        world_expect_delivered(w, "");
        world_expect_trace(w, "");
        assert_string_equal(world_list(w, NULL), "[]");
        world_send_once(w, "x", "hello", "key", "{}"); /* Slack sends again what was not acknowledged */
        world_expect_delivered(w, "d");
        world_expect_trace(w, "a:hello");
}

static bool answered(World *w)
{
        return w->n_answered > 0;
}

static void test_killed_between_acknowledgement_and_turn(void **state)
{
        World *w = *state;
        _cleanup_free_ char *n = NULL;

        w->never_hold = true;
        world_restart(w);
        for (int i = 1; i <= 3; i++)
                world_send(w, "x", "hello", "{'do': [['set', 'n', %d]]}", i);
        world_until(w, answered);
        assert_string_equal(buf_bytes(&w->delivered), "ddd");
        fail_commits(w, -1);
        world_until_count(w, w->engine->metrics.turns, 3); /* in memory only */
        world_kill(w);
        fail_commits(w, 0);
        buf_clear(&w->trace);
        world_start(w);
        world_expect_trace(w, "a:hello a:hello a:hello");
        n = world_flow(w, NULL, 0, "data.n");
        assert_string_equal(n, "3");
}

static void test_killed_between_turn_and_its_commit(void **state)
{
        World *w = *state;
        _cleanup_free_ char *seen = NULL;

        w->never_hold = true;
        world_restart(w);
        world_send(w, "x", "hello", "{'do': [['set', 'n', 1]]}");
        world_settle(w);
        buf_clear(&w->delivered);
        w->n_answered = 0;
        world_send(w, "x", "second",
                   "{'do': [['set', 'n', 2], ['ask', {'verb': 'post'}], ['timer', 't', 5], "
                   "['address', 'new:1'], ['send', 'addr:x', 'third', {}]], 'then': 'go:b'}");
        world_until_count(w, w->engine->metrics.turns, 2); /* the batch of this turn is still open */
        assert_int_equal(w->n_answered, 1);
        buf_clear(&w->trace);
        world_kill(w);
        assert_int_equal(w->n_asks, 0);
        world_start(w);
        world_until_count(w, w->engine->metrics.turns, 2);
        world_settle(w);
        assert_true(
                str_starts_with(buf_bytes(&w->trace), "a:second b:enter b:")); /* once more, and all of it */
        world_sleep(w, 20);
        world_expect_asks(w, "post/1");
        seen = world_flow(w, NULL, 0, "data.seen");
        assert_non_null(strstr(seen, "b:third"));
        assert_non_null(strstr(seen, "b:post"));
        assert_null(strstr(seen, "b:timer")); /* set in step a, which was left in the same turn */
        assert_ptr_equal(strstr(strstr(seen, "a:second") + 1, "a:second"), NULL);
        world_send(w, "new:1", "?hello", "{}");
        world_expect_delivered(w, "dd");
}

/* An event, its turn, the turn of the flow that it tells, and their asks: what was not committed together
 * comes again together. */
static void test_killed_in_a_chain(void **state)
{
        World *w = *state;

        if (w->url)
                skip(); /* PostgreSQL holds no transaction open */
        fail_commits(w, -1);
        world_send(w, "x", "hello",
                   "{'do': [['spawn', 'addr:y', 'hi', {'do': [['ask', {'verb': 'post'}]]}]]}");
        world_until_count(w, w->engine->metrics.turns, 2); /* ahead of the disk, in memory */
        world_until_count(w, w->engine->metrics.commit_failures, 2);
        assert_int_equal(w->n_answered, 0);
        assert_int_equal(w->n_asks, 0);
        fail_commits(w, 0); /* the same records again, not the same turns */
        world_settle(w);
        world_expect_delivered(w, "d");
        world_expect_asks(w, "post/1");
        world_expect_trace(w, "a:hello a:hi a:post");

        fail_commits(w, -1);
        world_send(w, "z", "hello", "{'do': [['spawn', 'addr:u', 'hi', {}]]}");
        world_until_count(w, w->engine->metrics.turns, 5);
        world_kill(w);
        fail_commits(w, 0);
        world_start(w);
        world_settle(w);
        world_expect_delivered(w, "");
        assert_int_equal(world_n_flows(w, NULL), 2); /* x and y: of z nothing is left */
}

static void test_killed_while_an_ask_is_under_way(void **state)
{
        World *w = *state;
        _cleanup_free_ char *key = NULL;

        w->hold = true;
        world_send(w, "x", "hello",
                   "{'do': [['ask', {'verb': 'post', 'tag': 'T', 'lane': 't', 'args': {'n': 1}}], "
                   "['ask', {'verb': 'post', 'lane': 't', 'args': {'n': 2}}], "
                   "['ask', {'verb': 'once'}], ['ask', {'verb': 'probed'}]]}");
        world_settle(w);
        assert_int_equal(w->n_asks, 3);
        key = mem_strdup(w->asks[0].key);
        assert_false(w->asks[0].uncertain);
        w->hold = false;
        world_restart(w);
        world_settle(w);
        assert_int_equal(w->n_asks, 3 + 4);
        for (size_t i = 3; i < w->n_asks; i++) {
                WorldAsk *a = &w->asks[i];

                assert_string_not_equal(a->verb, "once"); /* perishable: not tried again */
                assert_int_equal(a->attempt, 1);
                if (str_equal(a->verb, "post"))
                        assert_true(a->uncertain);
                if (str_equal(a->key, key))
                        assert_non_null(strstr(a->args, "1"));
        }
        assert_non_null(strstr(buf_bytes(&w->trace), "a:post:T"));
        assert_non_null(strstr(buf_bytes(&w->trace), "a:once!temp"));
        assert_non_null(strstr(buf_bytes(&w->trace), "a:probed"));
        assert_string_equal(world_list_asks(w, NULL), "[]");
}

static void test_probe_after_a_restart(void **state)
{
        World *w = *state;

        w->hold = true;
        world_send(w, "x", "hello", "{'do': [['ask', {'verb': 'probed'}]]}");
        world_until(w, holds_one);
        w->probe_finds = true;
        w->hold = false;
        world_restart(w);
        buf_clear(&w->trace);
        world_expect_trace(w, "a:probed");
        world_expect_asks(w, "probed/1 probed/1?"); /* found: not performed again */
}

static void test_killed_before_the_result_is_used(void **state)
{
        World *w = *state;

        world_send(w, "x", "hello", "{'do': [['ask', {'verb': 'post'}]]}");
        world_until_count(w, w->engine->metrics.turns, 2); /* the result's turn, not committed */
        assert_int_equal(w->n_asks, 1);
        buf_clear(&w->trace);
        world_restart(w);
        world_expect_trace(w, "a:post"); /* performed again, used once */
        assert_true(w->asks[1].uncertain);
        assert_string_equal(w->asks[0].key, w->asks[1].key);
        world_expect_asks(w, "post/1 post/1");
        world_restart(w);
        world_expect_trace(w, "");
}

static void test_lane_order_after_a_restart(void **state)
{
        World *w = *state;

        w->hold = true;
        for (int i = 1; i <= 5; i++)
                world_send(
                        w, "x", "hello",
                        "{'do': [['ask', {'verb': 'post', 'lane': 't', 'priority': %d, 'args': {'n': %d}}]]}",
                        i == 4 ? 0 : 2, i);
        world_settle(w);
        w->hold = false;
        world_restart(w);
        world_settle(w);
        assert_int_equal(w->n_asks, 6);
        for (int i = 1; i < 6; i++) {
                static const char *const order[] = {"4", "1", "2", "3", "5"};

                assert_non_null(strstr(w->asks[i].args, order[i - 1]));
        }
}

static void test_coalesced_after_a_restart(void **state)
{
        World *w = *state;

        w->hold = true;
        for (int i = 1; i <= 2; i++) {
                world_send(
                        w, "x", "hello",
                        "{'do': [['ask', {'verb': 'post', 'lane': 't', 'coalesce': 'p', 'args': {'n': %d}}]]}",
                        i);
                world_settle(w);
        }
        assert_int_equal(w->n_asks, 1);
        w->wait_ms = 0;
        world_restart(w); /* 1 was under way, 2 waited: both are pending under one word */
        world_settle(w);
        world_send(w, "x", "hello",
                   "{'do': [['ask', {'verb': 'post', 'lane': 't', 'coalesce': 'p', 'args': {'n': 3}}]]}");
        world_settle(w);
        w->hold = false;
        while (w->n_held > 0) {
                world_end_ask(w, 0, ASK_OK);
                world_settle(w);
        }
        assert_int_equal(w->n_asks, 3); /* 1 is not done again, it would only be in the way of 2 */
        assert_non_null(strstr(w->asks[1].args, "2"));
        assert_non_null(strstr(w->asks[2].args, "3"));
        assert_string_equal(world_list_asks(w, NULL), "[]");
}

/* The older edit was under way, the newer one is more urgent: done again in the order of urgency, the older
 * would win. */
static void test_replaced_before_a_restart(void **state)
{
        World *w = *state;
        const char *ask = "{'do': [['ask', {'verb': '%s', 'lane': 't', 'coalesce': 'p', 'priority': %d, "
                          "'args': {'n': %d}}]]}";

        w->hold = true;
        for (int i = 1; i <= 2; i++) {
                world_send(w, "x", "hello", ask, "post", 2 - i, i);
                world_settle(w);
        }
        w->hold = false;
        world_restart(w);
        world_settle(w);
        assert_int_equal(w->n_asks, 2);
        assert_non_null(strstr(w->asks[1].args, "2"));
        assert_string_equal(world_list_asks(w, NULL), "[]");

        /* What can be looked for is, and not done again. */
        w->hold = true;
        for (int i = 3; i <= 4; i++) {
                world_send(w, "x", "hello", ask, "probed", 4 - i, i);
                world_settle(w);
        }
        w->hold = false;
        world_restart(w);
        world_settle(w);
        world_expect_asks(w, "post/1 post/1 probed/1 probed/1? probed/1 probed/1?");
        assert_string_equal(world_list_asks(w, NULL), "[]");
}

static void test_deadline_passed_while_down(void **state)
{
        World *w = *state;

        w->hold = true;
        world_send(w, "x", "hello", "{'do': [['ask', {'verb': 'brief'}]]}");
        world_until(w, holds_one);
        world_kill(w);
        usleep(170 * 1000);
        buf_clear(&w->trace);
        world_start(w);
        world_until_count(w, w->engine->metrics.turns, 1);
        world_expect_trace(w, "a:brief!temp");
        world_expect_asks(w, "brief/1");
}

static void test_timer_due_while_down(void **state)
{
        World *w = *state;

        world_send(w, "x", "hello", "{'do': [['timer', 't', 300]]}");
        world_settle(w);
        world_kill(w);
        usleep(310 * 1000);
        buf_clear(&w->trace);
        world_start(w);
        world_until_count(w, w->engine->metrics.turns, 1);
        world_expect_trace(w, "a:timer:t");
}

/* ---- the disk is full ---- */

static void test_full_disk(void **state)
{
        World *w = *state;

        world_send(w, "x", "hello", "{}");
        world_settle(w);
        buf_clear(&w->delivered);
        fail_commits(w, -1);
        for (int i = 0; i < 10; i++) {
                world_send(w, i % 2 ? "x" : "y", "hello",
                           "{'do': [['ask', {'verb': 'post'}], ['set', 'n', %d]]}", i);
                world_sleep(w, i % 4 * 10);
        }
        world_until_count(w, w->engine->metrics.commit_failures, 3);
        assert_false(flow_engine_healthy(w->engine));
        assert_string_equal(buf_bytes(&w->delivered), ""); /* nothing is acknowledged … */
        assert_int_equal(w->n_asks, 0);                    /* … and nothing done */
        fail_commits(w, 0);
        world_expect_delivered(w, "dddddddddd");
        world_settle(w);
        assert_true(flow_engine_healthy(w->engine));
        assert_int_equal(w->n_asks, 10);
        world_restart(w);
        world_settle(w);
        assert_int_equal(w->n_asks, 10);
        assert_int_equal(world_n_flows(w, NULL), 2);
}

static void test_disk_fails_now_and_then(void **state)
{
        World *w = *state;

        for (int i = 0; i < 120; i++) {
                fail_commits(w, i % 3);
                world_send(w, i % 5 ? "x" : "y", "hello", "{'do': [['ask', {'verb': 'post', 'lane': 't'}]]}");
                if (i % 7 == 0)
                        world_sleep(w, 1);
        }
        fail_commits(w, 0);
        world_settle(w);
        assert_int_equal(w->n_answered, 120);
        assert_int_equal(w->n_asks, 120);
        world_restart(w);
        world_settle(w);
        assert_int_equal(w->n_asks, 120);
        assert_string_equal(world_list_asks(w, NULL), "[]");
}

static void test_killed_while_the_disk_is_full(void **state)
{
        World *w = *state;

        world_send(w, "x", "hello", "{}");
        world_settle(w);
        fail_commits(w, -1);
        world_send_once(w, "x", "lost", "key", "{'do': [['ask', {'verb': 'post'}]]}");
        world_until_count(w, w->engine->metrics.commit_failures, 1);
        world_kill(w);
        fail_commits(w, 0);
        buf_clear(&w->trace);
        buf_clear(&w->delivered);
        world_start(w);
        world_expect_trace(w, "");
        world_send_once(w, "x", "lost", "key", "{'do': [['ask', {'verb': 'post'}]]}");
        world_expect_delivered(w, "d");
        world_expect_asks(w, "post/1");
}

static void on_stopped(void *userdata)
{
        *(bool *) userdata = true;
}

static void test_stop_waits_for_what_is_not_durable(void **state)
{
        World *w = *state;
        bool stopped = false;

        fail_commits(w, -1);
        world_send(w, "x", "hello", "{}");
        world_until_count(w, w->engine->metrics.commit_failures, 1);
        flow_engine_stop(w->engine, on_stopped, &stopped);
        world_until_count(w, w->engine->metrics.commit_failures, 2);
        world_sleep(w, 5);
        assert_false(stopped);
        fail_commits(w, 0);
        world_settle(w);
        assert_true(stopped);
        world_expect_delivered(w, "d");
}

/* ---- kinds change ---- */

static void test_older_data_is_upgraded(void **state)
{
        World *w = *state;
        _cleanup_free_ char *value = NULL;

        world_send(w, "x", "hello", "{}");
        world_send(w, "y", "hello", "{}");
        world_send(w, "z", "hello", "{}");
        world_settle(w);
        world_kill(w);
        world_run_sql(w, "UPDATE flow SET version = 1 WHERE id = (SELECT flow_id FROM address WHERE "
                         "address = 'addr:x'); UPDATE flow SET version = 3 WHERE id = (SELECT flow_id "
                         "FROM address WHERE address = 'addr:y'); UPDATE flow SET step = 'gone' WHERE id = "
                         "(SELECT flow_id FROM address WHERE address = 'addr:z')");
        buf_clear(&w->trace);
        world_start(w);
        world_send(w, "x", "next", "{}");
        world_send(w, "y", "next", "{}"); /* written by a newer program */
        world_send(w, "z", "next", "{}"); /* in a step that is not known */
        world_expect_trace(w, "a:next");
        assert_int_equal(world_n_flows(w, "quarantined"), 2);
        value = world_flow(w, "active", 0, "data.upgraded");
        assert_string_equal(value, "from 1");
        /* They wait for the program that knows them. */
        world_kill(w);
        world_run_sql(w, "UPDATE flow SET version = 2, step = 'b'");
        world_start(w);
        for (size_t i = 0; i < 2; i++) {
                _cleanup_free_ char *ref = world_flow(w, "quarantined", 0, "ref");

                flow_engine_retry(w->engine, ref);
                world_settle(w);
        }
        world_expect_trace(w, "b:next b:next");
}

#define disk(_name) cmocka_unit_test_setup_teardown(_name, world_setup_disk, world_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                disk(test_killed_before_the_commit),
                disk(test_killed_between_acknowledgement_and_turn),
                disk(test_killed_between_turn_and_its_commit),
                disk(test_killed_in_a_chain),
                disk(test_killed_while_an_ask_is_under_way),
                disk(test_probe_after_a_restart),
                disk(test_killed_before_the_result_is_used),
                disk(test_lane_order_after_a_restart),
                disk(test_coalesced_after_a_restart),
                disk(test_replaced_before_a_restart),
                disk(test_deadline_passed_while_down),
                disk(test_timer_due_while_down),
                disk(test_full_disk),
                disk(test_disk_fails_now_and_then),
                disk(test_killed_while_the_disk_is_full),
                disk(test_stop_waits_for_what_is_not_durable),
                disk(test_older_data_is_upgraded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
