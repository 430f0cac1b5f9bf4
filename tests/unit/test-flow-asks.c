/* flow: the outbox. Order, priority, coalescing, buckets, retries, and how each ask ends. */
#include "engine-world.h"

#include "base/clock.h"

#define ASK(_rest) "{'do': [['ask', {" _rest "}]]}"

static bool holds_one(World *w)
{
        return w->n_held >= 1;
}

/* The arguments of everything started so far, in order: "1 2 3". */
static void expect_args(World *w, const char *expected)
{
        _cleanup_buf_ Buf b = {0};

        world_settle(w);
        for (size_t i = 0; i < w->n_asks; i++) {
                _cleanup_json_ json_t *args = json_parse(w->asks[i].args, strlen(w->asks[i].args), NULL);

                buf_printf(&b, "%s%lld", i ? " " : "", (long long) json_int(args, "n", -1));
        }
        assert_string_equal(buf_bytes(&b), expected);
}

static void test_result_comes_back(void **state)
{
        World *w = *state;

        world_send(w, "x", "hello", ASK("'verb': 'post', 'tag': 'card', 'args': {'n': 1}"));
        world_expect_trace(w, "a:hello a:post:card");
        assert_string_equal(w->asks[0].args, "{\"n\":1}");
        assert_int_equal(w->asks[0].attempt, 1);
        assert_false(w->asks[0].uncertain);
        assert_string_equal(world_list_asks(w, NULL), "[]");
        assert_int_equal((int) metric_value(w->engine->metrics.asks_pending), 0);
        world_restart(w);
        world_expect_trace(w, "");
        world_expect_asks(w, "post/1");
}

static void test_nothing_starts_before_the_commit(void **state)
{
        World *w = *state;

        world_send(w, "x", "hello", "{}");
        world_settle(w);
        world_send(w, "x", "ask", ASK("'verb': 'post'"));
        world_until_count(w, w->engine->metrics.turns, 2); /* the turn has run, its batch is still open */
        assert_int_equal(w->n_asks, 0);
        world_expect_asks(w, "post/1");
}

static void test_keys_never_come_again(void **state)
{
        World *w = *state;
        _cleanup_free_ char *first = NULL;

        world_send(w, "x", "hello", ASK("'verb': 'post'"));
        world_settle(w);
        first = mem_strdup(w->asks[0].key);
        world_restart(w); /* every row is gone */
        world_send(w, "x", "hello", ASK("'verb': 'post'"));
        world_settle(w);
        assert_int_equal(w->n_asks, 2);
        assert_string_not_equal(w->asks[1].key, first);
        assert_memory_equal(w->asks[1].key, first, 17); /* of the same flow */
}

static void test_lane_keeps_order(void **state)
{
        World *w = *state;

        w->hold = true;
        for (int i = 1; i <= 4; i++)
                world_send(w, i % 2 ? "x" : "y", "hello",
                           ASK("'verb': 'post', 'lane': 'thread', 'args': {'n': %d}"), i);
        world_send(w, "x", "hello", ASK("'verb': 'post', 'args': {'n': 9}")); /* no lane: beside them */
        expect_args(w, "1 9");
        assert_int_equal(w->n_held, 2);
        world_end_ask(w, 0, ASK_OK);
        expect_args(w, "1 9 2");
        world_end_ask(w, 1, ASK_PERMFAIL);
        expect_args(w, "1 9 2 3");
        world_end_ask(w, 1, ASK_OK);
        expect_args(w, "1 9 2 3 4");
        world_end_ask(w, 1, ASK_OK);
        world_end_ask(w, 0, ASK_OK);
        world_settle(w);
        assert_null(w->engine->lanes);
}

static void test_urgent_overtakes_what_has_not_started(void **state)
{
        World *w = *state;

        w->hold = true;
        world_send(w, "x", "hello", ASK("'verb': 'post', 'lane': 't', 'priority': 2, 'args': {'n': 1}"));
        expect_args(w, "1");
        world_send(w, "x", "hello", ASK("'verb': 'post', 'lane': 't', 'priority': 2, 'args': {'n': 2}"));
        world_send(w, "x", "hello", ASK("'verb': 'post', 'lane': 't', 'priority': 1, 'args': {'n': 3}"));
        world_send(w, "x", "hello", ASK("'verb': 'post', 'lane': 't', 'priority': 0, 'args': {'n': 4}"));
        world_send(w, "x", "hello", ASK("'verb': 'post', 'lane': 't', 'priority': 0, 'args': {'n': 5}"));
        expect_args(w, "1"); /* what is under way stays first */
        for (int i = 0; i < 5; i++) {
                world_end_ask(w, 0, ASK_OK);
                world_settle(w);
        }
        expect_args(w, "1 4 5 3 2");
}

static void test_urgent_overtakes_what_waits_for_a_token(void **state)
{
        World *w = *state;

        w->wait_ms = 60000;
        world_send(w, "x", "hello", ASK("'verb': 'bucket', 'lane': 't', 'priority': 2, 'args': {'n': 1}"));
        world_settle(w);
        world_send(w, "x", "hello", ASK("'verb': 'post', 'lane': 't', 'args': {'n': 2}"));
        expect_args(w, "2");
        w->wait_ms = 0;
        flow_engine_kick(w->engine);
        expect_args(w, "2 1");
}

static void test_urgent_does_not_shorten_a_backoff(void **state)
{
        World *w = *state;
        int64_t start = clock_monotonic_ms();

        w->outcomes = "r"; /* "not before 500 ms" */
        world_send(w, "x", "hello", ASK("'verb': 'post', 'lane': 't', 'priority': 2, 'args': {'n': 1}"));
        expect_args(w, "1");
        world_send(w, "x", "hello", ASK("'verb': 'post', 'lane': 't', 'args': {'n': 2}"));
        expect_args(w, "1 2");
        world_until_count(w, w->engine->metrics.turns, 4);
        assert_true(clock_monotonic_ms() - start >= 495);
        expect_args(w, "1 2 1");
        assert_int_equal(w->asks[2].attempt, 2);
}

static void test_priority_across_verbs(void **state)
{
        World *w = *state;

        w->hold = true;
        world_send(w, "x", "hello", ASK("'verb': 'single', 'args': {'n': 1}"));
        world_settle(w);
        world_send(w, "x", "hello",
                   "{'do': [['ask', {'verb': 'single', 'priority': 2, 'args': {'n': 2}}], "
                   "['ask', {'verb': 'single', 'priority': 1, 'args': {'n': 3}}], "
                   "['ask', {'verb': 'single', 'priority': 0, 'args': {'n': 4}}]]}");
        expect_args(w, "1"); /* max_inflight */
        for (int i = 0; i < 4; i++) {
                world_end_ask(w, 0, ASK_OK);
                world_settle(w);
        }
        expect_args(w, "1 4 3 2");
}

static void test_newer_replaces_unsent(void **state)
{
        World *w = *state;

        w->wait_ms = 60000;
        for (int i = 1; i <= 3; i++)
                world_send(w, "x", "hello",
                           ASK("'verb': 'bucket', 'lane': 't', 'coalesce': 'p', 'args': {'n': %d}"), i);
        world_send(w, "y", "hello", ASK("'verb': 'bucket', 'lane': 't', 'coalesce': 'p', 'args': {'n': 4}"));
        world_settle(w);
        assert_int_equal((int) metric_value(w->engine->metrics.asks_pending), 2);
        w->wait_ms = 0;
        flow_engine_kick(w->engine);
        expect_args(w, "4 3"); /* y's turn came before x's second and third */
        assert_string_equal(world_list_asks(w, NULL), "[]");
}

static void test_newer_replaces_within_one_turn(void **state)
{
        World *w = *state;

        world_send(w, "x", "hello",
                   "{'do': [['ask', {'verb': 'post', 'coalesce': 'p', 'args': {'n': 1}}], "
                   "['ask', {'verb': 'post', 'coalesce': 'p', 'args': {'n': 2}}]]}");
        expect_args(w, "2");
}

static void test_newer_waits_for_what_is_under_way(void **state)
{
        World *w = *state;

        w->hold = true;
        for (int i = 1; i <= 4; i++) {
                world_send(w, "x", "hello",
                           ASK("'verb': 'post', 'lane': 't', 'coalesce': 'p', 'args': {'n': %d}"), i);
                world_settle(w);
        }
        expect_args(w, "1");
        world_end_ask(w, 0, ASK_OK);
        expect_args(w, "1 4");
        world_end_ask(w, 0, ASK_OK);
        world_expect_trace(w, "a:hello a:hello a:hello a:hello a:post a:post");
        assert_null(w->engine->coalesced);
}

static void test_forget(void **state)
{
        World *w = *state;

        w->hold = true;
        world_send(w, "x", "hello", ASK("'verb': 'post', 'lane': 't', 'coalesce': 'p', 'args': {'n': 1}"));
        world_settle(w);
        world_send(w, "x", "hello", ASK("'verb': 'post', 'lane': 't', 'coalesce': 'p', 'args': {'n': 2}"));
        world_settle(w);
        world_send(w, "x", "hello", "{'do': [['forget', 'p'], ['forget', 'unknown']]}");
        world_settle(w);
        assert_int_equal((int) metric_value(w->engine->metrics.asks_pending), 1);
        world_send(w, "x", "hello", "{'do': [['forget', 'p']]}"); /* under way: it ends as it would */
        world_settle(w);
        world_end_ask(w, 0, ASK_OK);
        world_restart(w);
        expect_args(w, "1 1"); /* its turn was lost, so it was performed again */
}

/* Its newer version is more urgent, so that it would be tried again behind it, and undo it. */
static void test_what_was_replaced_is_not_tried_again(void **state)
{
        World *w = *state;

        w->hold = true;
        world_send(w, "x", "hello",
                   ASK("'verb': 'post', 'lane': 't', 'priority': 2, 'coalesce': 'p', 'args': {'n': 1}"));
        world_settle(w);
        world_send(w, "x", "hello", ASK("'verb': 'post', 'lane': 't', 'coalesce': 'p', 'args': {'n': 2}"));
        world_settle(w);
        world_end_ask(w, 0, ASK_TEMPFAIL);
        world_settle(w);
        world_end_ask(w, 0, ASK_OK);
        world_sleep(w, 50);
        expect_args(w, "1 2");
        assert_string_equal(world_list_asks(w, NULL), "[]");
}

static void test_forgotten_but_it_may_have_happened(void **state)
{
        World *w = *state;

        w->outcomes = "u";
        world_send(w, "x", "hello", ASK("'verb': 'probed', 'coalesce': 'p'"));
        world_settle(w);
        world_send(w, "x", "hello", "{'do': [['forget', 'p']]}");
        world_sleep(w, 50);
        world_expect_asks(w, "probed/1 probed/2?"); /* it had not, and does not any more */
        world_expect_trace(w, "a:hello a:hello");
        assert_string_equal(world_list_asks(w, NULL), "[]");

        w->outcomes = "u";
        w->probe_finds = true;
        world_send(w, "x", "hello", ASK("'verb': 'probed', 'coalesce': 'p'"));
        world_settle(w);
        world_send(w, "x", "hello", "{'do': [['forget', 'p']]}");
        world_until_count(w, w->engine->metrics.turns, 5);
        world_expect_asks(w, "probed/1 probed/2?");
        world_expect_trace(w, "a:hello a:hello a:probed"); /* it had: the flow can take it back */
}

static void test_wait_and_kick(void **state)
{
        World *w = *state;
        int64_t start = clock_monotonic_ms();

        w->wait_ms = 200;
        world_send(w, "x", "hello", ASK("'verb': 'bucket', 'args': {'n': 1}"));
        expect_args(w, "");
        world_sleep(w, 20);
        w->wait_ms = 0;
        world_until_count(w, w->engine->metrics.turns, 2);
        assert_true(clock_monotonic_ms() - start >= 195);
        w->wait_ms = 3600 * 1000;
        world_send(w, "x", "hello", ASK("'verb': 'bucket', 'args': {'n': 2}"));
        world_settle(w);
        flow_engine_kick(w->engine); /* still no token */
        expect_args(w, "1");
        w->wait_ms = 0;
        flow_engine_kick(w->engine);
        expect_args(w, "1 2");
}

static void test_tempfail_is_tried_again(void **state)
{
        World *w = *state;

        w->outcomes = "to";
        world_send(w, "x", "hello", ASK("'verb': 'post'"));
        world_until_count(w, w->engine->metrics.turns, 2);
        world_expect_trace(w, "a:hello a:post");
        world_expect_asks(w, "post/1 post/2");
}

static void test_attempts_run_out(void **state)
{
        World *w = *state;

        w->outcomes = "tttt";
        world_send(w, "x", "hello", ASK("'verb': 'post', 'lane': 't'"));
        world_until_count(w, w->engine->metrics.turns, 2);
        world_expect_trace(w, "a:hello a:post!temp");
        world_expect_asks(w, "post/1 post/2 post/3");
}

static void test_uncertain_is_passed_on(void **state)
{
        World *w = *state;

        w->outcomes = "uto";
        world_send(w, "x", "hello", ASK("'verb': 'post'"));
        world_until_count(w, w->engine->metrics.turns, 2);
        assert_false(w->asks[0].uncertain);
        assert_true(w->asks[1].uncertain);
        assert_true(w->asks[2].uncertain);
}

static void test_perishable_is_tried_once(void **state)
{
        World *w = *state;

        w->outcomes = "t";
        world_send(w, "x", "hello", ASK("'verb': 'once'"));
        world_settle(w);
        world_expect_trace(w, "a:hello a:once!temp");
        world_expect_asks(w, "once/1");
}

static void test_deadline(void **state)
{
        World *w = *state;
        int64_t start = clock_monotonic_ms();

        w->outcomes = "tttttttttt";
        world_send(w, "x", "hello", ASK("'verb': 'brief'"));
        world_until_count(w, w->engine->metrics.turns, 2);
        assert_true(clock_monotonic_ms() - start < 2000);
        world_expect_trace(w, "a:hello a:brief!temp");
        assert_in_range(w->n_asks, 1, 5);
}

static void test_deadline_behind_others(void **state)
{
        World *w = *state;

        w->outcomes = "h";
        world_send(w, "x", "hello", ASK("'verb': 'post', 'lane': 't'"));
        world_send(w, "x", "hello", ASK("'verb': 'brief', 'lane': 't'"));
        world_until(w, holds_one);
        world_sleep(w, 170);
        world_end_ask(w, 0, ASK_OK);
        world_expect_trace(w, "a:hello a:hello a:post a:brief!temp");
        world_expect_asks(w, "post/1");
}

static void test_retry_after(void **state)
{
        World *w = *state;
        int64_t start = clock_monotonic_ms();

        w->outcomes = "ro";
        world_send(w, "x", "hello", ASK("'verb': 'post'"));
        world_until_count(w, w->engine->metrics.turns, 2);
        assert_true(clock_monotonic_ms() - start >= 495);
        world_expect_asks(w, "post/1 post/2");
}

static void test_probe(void **state)
{
        World *w = *state;

        w->outcomes = "uo";
        world_send(w, "x", "hello", ASK("'verb': 'probed'"));
        world_until_count(w, w->engine->metrics.turns, 2);
        world_expect_asks(w, "probed/1 probed/2? probed/2");
        w->outcomes = "u";
        w->probe_finds = true;
        world_send(w, "x", "hello", ASK("'verb': 'probed'"));
        world_until_count(w, w->engine->metrics.turns, 4);
        world_expect_asks(w, "probed/1 probed/2?");
        w->outcomes = "to"; /* certain that nothing happened: no probe */
        world_send(w, "x", "hello", ASK("'verb': 'probed'"));
        world_until_count(w, w->engine->metrics.turns, 6);
        world_expect_asks(w, "probed/1 probed/2");
}

/* Past its deadline nothing is begun; whether it has happened is still asked. */
static void test_probe_past_the_deadline(void **state)
{
        World *w = *state;

        w->outcomes = "uhh";
        world_send(w, "x", "hello", ASK("'verb': 'brief-probed'"));
        world_until_count(w, w->engine->metrics.turns, 2);
        world_expect_trace(w, "a:hello a:brief-probed!temp"); /* its backoff would end behind the deadline */
        w->probe_finds = true;
        world_send(w, "x", "hello", ASK("'verb': 'brief-probed'"));
        world_until(w, holds_one);
        world_sleep(w, 170);
        world_restart(w);
        buf_clear(&w->trace);
        world_expect_trace(w, "a:brief-probed");
        w->probe_finds = false;
        world_send(w, "x", "hello", ASK("'verb': 'brief-probed'"));
        world_until(w, holds_one);
        world_sleep(w, 170);
        world_restart(w);
        buf_clear(&w->trace);
        world_expect_trace(w, "a:brief-probed!temp");
        world_expect_asks(w, "brief-probed/1 brief-probed/1 brief-probed/1? brief-probed/1 brief-probed/1?");
}

static void test_dead_letters(void **state)
{
        World *w = *state;
        const char *list;

        w->outcomes = "pt";
        world_send(w, "x", "hello",
                   "{'do': [['ask', {'verb': 'post'}], ['set', 'on', "
                   "{'post': {'then': 'ignore'}, 'once': {'then': 'stay'}}]]}");
        world_expect_trace(w, "a:hello a:post!perm");
        world_send(w, "x", "hello", ASK("'verb': 'once'"));
        world_settle(w); /* a failure that the flow used is not dead */
        list = world_list_asks(w, "dead");
        assert_non_null(strstr(list, "\"verb\":\"post\""));
        assert_null(strstr(list, "once"));
        assert_non_null(strstr(list, "refused"));
        assert_int_equal((int) metric_value(w->engine->metrics.asks_dead), 1);
        world_restart(w);
        world_settle(w);
        world_expect_asks(w, "post/1 once/1"); /* dead asks stay so */
        assert_non_null(strstr(world_list_asks(w, "dead"), "post"));
}

static void test_unknown_verb(void **state)
{
        World *w = *state;

        world_send(w, "x", "hello", ASK("'verb': 'unheard.of', 'tag': 't'"));
        world_expect_trace(w, "a:hello a:unheard.of:t!perm");
        assert_string_equal(world_list_asks(w, NULL), "[]");
}

static bool two_are_answered(World *w)
{
        return w->n_answered == 2;
}

static void test_stopping_starts_nothing(void **state)
{
        World *w = *state;

        w->wait_ms = 5;
        world_send(w, "x", "hello", ASK("'verb': 'bucket'"));
        world_settle(w);
        flow_engine_stop(w->engine, NULL, NULL);
        w->wait_ms = 0;
        world_sleep(w, 20);
        world_send(w, "x", "hello", "{}");
        world_until(w, two_are_answered);
        world_expect_asks(w, "");
        assert_int_equal(w->delivered.data[w->delivered.n_bytes - 1], 'r');
        world_restart(w);
        world_until_count(w, w->engine->metrics.turns, 1);
        world_expect_asks(w, "bucket/1");
}

#define disk(_name)   cmocka_unit_test_setup_teardown(_name, world_setup_disk, world_teardown)
#define memory(_name) cmocka_unit_test_setup_teardown(_name, world_setup_memory, world_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                disk(test_result_comes_back),
                disk(test_nothing_starts_before_the_commit),
                disk(test_keys_never_come_again),
                memory(test_lane_keeps_order),
                memory(test_urgent_overtakes_what_has_not_started),
                memory(test_urgent_overtakes_what_waits_for_a_token),
                memory(test_urgent_does_not_shorten_a_backoff),
                memory(test_priority_across_verbs),
                memory(test_newer_replaces_unsent),
                memory(test_newer_replaces_within_one_turn),
                memory(test_newer_waits_for_what_is_under_way),
                disk(test_forget),
                memory(test_what_was_replaced_is_not_tried_again),
                memory(test_forgotten_but_it_may_have_happened),
                memory(test_wait_and_kick),
                memory(test_tempfail_is_tried_again),
                memory(test_attempts_run_out),
                memory(test_uncertain_is_passed_on),
                memory(test_perishable_is_tried_once),
                memory(test_deadline),
                memory(test_deadline_behind_others),
                memory(test_retry_after),
                memory(test_probe),
                disk(test_probe_past_the_deadline),
                disk(test_dead_letters),
                memory(test_unknown_verb),
                disk(test_stopping_starts_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
