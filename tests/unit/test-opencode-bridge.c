/* The bridge with plugins that behave, and with those that do not, over loopback. */
#include "bridge-world.h"

#include "base/digest.h"

#include "base/clock.h"
#include "base/log.h"

static int64_t last_ack(const Plugin *p)
{
        return json_int(heard(p, "ack"), "seq", -1);
}

/* --- who may in --- */

typedef struct Answer {
        bool done;
        unsigned status;
        json_t *body;
} Answer;

static void on_answer(void *userdata, const HttpResult *result)
{
        Answer *a = userdata;

        a->done = true;
        a->status = result->status;
        a->body = json_parse(result->body, result->n_body, NULL);
}

static void get(World *w, const char *authorization, Answer *ret)
{
        _cleanup_free_ char *url =
                mem_printf("http://127.0.0.1:%u/api/opencode/bridge", http_server_port(w->server));
        _cleanup_free_ char *header = authorization ? mem_printf("Authorization: %s", authorization) : NULL;
        const char *const headers[] = {header, NULL};
        HttpCall call = {
                .method = "GET",
                .url = url,
                .headers = headers,
                .timeout_ms = 5000,
                .max_response_bytes = 10000,
        };

        *ret = (Answer){0};
        assert_int_equal(http_client_send(w->client, &call, on_answer, ret, NULL), 0);
        run_until(w, ret->done);
}

static void test_strangers(void **state)
{
        static const char *const refused[] = {NULL,
                                              "Bearer",
                                              "Bearer ",
                                              "Bearer a token of the tesT",
                                              "Bearer a token of the test2",
                                              "Bearer a token of the tes",
                                              "Basic a token of the test"};
        World w;
        Answer a;
        Plugin p;

        world_init(&w);
        for (size_t i = 0; i < ELEMENTSOF(refused); i++) {
                get(&w, refused[i], &a);
                assert_int_equal(a.status, 401);
                assert_string_equal(json_str(a.body, "error.code"), "unauthorized");
                json_decref(a.body);
        }
        get(&w, "bearer  " TEST_TOKEN, &a); /* the scheme's case does not matter; but this is no WebSocket */
        assert_true(a.status == 400 || a.status == 426);
        json_decref(a.body);
        plugin_dial(&w, &p, "wrong");
        assert_null(p.peer);
        assert_int_equal(p.status, 401);
        plugin_deinit(&p);
        secret_set(&w.token, NULL); /* an unset token lets nobody in, not everybody */
        get(&w, "Bearer ", &a);
        assert_int_equal(a.status, 401);
        json_decref(a.body);
        assert_int_equal(world_metric(&w, "bridge_refused_total", NULL), ELEMENTSOF(refused) + 2);
        world_deinit(&w);
}

static void test_hello(void **state)
{
        World w;
        Plugin p;
        json_t *status;

        world_init(&w);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        assert_int_equal(json_int(heard(&p, "welcome"), "protocol", 0), 1);
        assert_int_equal(json_int(heard(&p, "welcome"), "ack", -1), 0);
        assert_string_equal(json_str(heard(&p, "welcome"), "gateway_version"), PROJECT_VERSION);
        assert_int_equal(bridge_connected(w.bridge), 1);
        plugin_send(&p, json_pack("{s:s, s:s}", "type", "directory.added", "directory", "/srv/b"));
        plugin_send(&p, json_pack("{s:s, s:s}", "type", "directory.removed", "directory", "/srv/a"));
        plugin_send(&p, idle_event(1, "ses_1"));
        run_until(&w, last_ack(&p) == 1);
        status = bridge_status(w.bridge);
        assert_int_equal(json_array_size(status), 1);
        assert_string_equal(json_str(status, "0.bridge_id"), TEST_BRIDGE_ID);
        assert_int_equal(json_array_size(json_at(status, "0.directories")), 1);
        assert_string_equal(json_str(status, "0.directories.0"), "/srv/b");
        assert_int_equal(json_int(status, "0.pid", 0), 42);
        assert_int_equal(json_int(status, "0.ack", -1), 1);
        assert_true(json_is_null(json_at(status, "0.opencode_version")));
        json_decref(status);
        plugin_send(&p, hello(TEST_BRIDGE_ID, 2, "/srv/a")); /* once is enough */
        run_until(&w, heard(&p, "error"));
        assert_string_equal(json_str(heard(&p, "error"), "code"), "protocol");
        ws_peer_close(p.peer, 1000, "bye");
        run_until(&w, p.ended && bridge_connected(w.bridge) == 0);
        assert_int_equal(json_array_size(w.connected), 2);
        assert_true(json_is_true(json_at(w.connected, "0.1")));
        assert_true(json_is_false(json_at(w.connected, "1.1")));
        plugin_deinit(&p);
        world_deinit(&w);
}

/* What a connection may not begin with. */
static void test_bad_beginnings(void **state)
{
        static const struct {
                const char *text, *code, *field;
        } cases[] = {
                {"{\"type\":\"pong\",\"nonce\":\"x\"}", "protocol", "type"},
                {"{\"type\":\"hello\",\"protocol\":2}", "protocol", "protocol"},
                {"{\"type\":\"hello\",\"protocol\":1,\"bridge_id\":\"x\"}", "bad_field", "bridge_id"},
                {"hello", "bad_frame", NULL},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                World w;
                Plugin p;

                world_init(&w);
                plugin_dial(&w, &p, TEST_TOKEN);
                plugin_send_text(&p, cases[i].text);
                run_until(&w, p.ended);
                assert_int_equal(p.end_code, 1002);
                assert_string_equal(json_str(heard(&p, "error"), "code"), cases[i].code);
                assert_true(str_equal(json_str(heard(&p, "error"), "field"), cases[i].field));
                assert_int_equal(json_array_size(w.connected), 0);
                plugin_deinit(&p);
                world_deinit(&w);
        }
}

static void test_no_hello(void **state)
{
        World w;
        Plugin p;

        world_init(&w);
        bridge_set_timing(w.bridge, &(BridgeTiming){50, 10000, 25000, 35000, 30000});
        plugin_dial(&w, &p, TEST_TOKEN);
        run_until(&w, p.ended);
        assert_int_equal(p.end_code, 1002);
        assert_string_equal(json_str(heard(&p, "error"), "message"), "no hello in time");
        plugin_deinit(&p);
        world_deinit(&w);
}

static void test_too_many(void **state)
{
        World w;
        Plugin plugins[CONNECTIONS_MAX], one_more;

        world_init(&w);
        for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
                plugin_dial(&w, &plugins[i], TEST_TOKEN);
        plugin_dial(&w, &one_more, TEST_TOKEN);
        assert_null(one_more.peer);
        assert_int_equal(one_more.status, 503);
        plugin_deinit(&one_more);
        ws_peer_close(plugins[0].peer, 1000, "");
        run_until(&w, plugins[0].ended && w.bridge->n_connections < CONNECTIONS_MAX);
        plugin_dial(&w, &one_more, TEST_TOKEN);
        assert_non_null(one_more.peer);
        plugin_deinit(&one_more);
        for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
                plugin_deinit(&plugins[i]);
        world_deinit(&w);
}

/* --- events and acks --- */

static void test_events(void **state)
{
        World w;
        Plugin p;
        const json_t *up;

        world_init(&w);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        plugin_send(&p, idle_event(1, "ses_1"));
        plugin_send(&p, json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", "agent.milestone", "session_id",
                                  "ses_2", "root_id", "ses_1", "directory", "/srv/a", "text", "done"));
        plugin_send(&p, json_pack("{s:s, s:i, s:i, s:[]}", "type", "reconcile", "seq", 2, "at_ms", 5,
                                  "directories"));
        run_until(&w, last_ack(&p) == 2);
        assert_int_equal(json_array_size(w.events), 3);
        up = json_at(w.events, "0._up");
        assert_string_equal(json_str(up, "bridge_id"), TEST_BRIDGE_ID);
        assert_int_equal(json_int(up, "seq", 0), 1);
        assert_string_equal(json_str(up, "type"), "session.idle");
        assert_string_equal(json_str(up, "session_id"), "ses_1");
        assert_string_equal(json_str(up, "directory"), "/srv/a");
        up = json_at(w.events, "1._up");
        assert_int_equal(json_int(up, "seq", -1), 0);
        assert_string_equal(json_str(up, "root_id"), "ses_1");
        up = json_at(w.events, "2._up");
        assert_string_equal(json_str(up, "session_id"), "");
        assert_string_equal(json_str(up, "root_id"), "");
        assert_string_equal(json_str(up, "directory"), "");
        assert_int_equal(world_metric(&w, "bridge_frames_total", "type=\"reconcile\""), 1);
        plugin_deinit(&p);
        world_deinit(&w);
}

static void test_coalesced_acks(void **state)
{
        enum { N = 500 };
        World w;
        Plugin p;

        world_init(&w);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        for (int i = 1; i <= N; i++)
                plugin_send(&p, idle_event(i, "ses_1"));
        run_until(&w, last_ack(&p) == N);
        assert_int_equal(w.n_events, N);
        assert_true(count_heard(&p, "ack") < N / 10);
        plugin_deinit(&p);
        world_deinit(&w);
}

static void test_durable_in_any_order(void **state)
{
        World w;
        Plugin p;

        world_init(&w);
        w.settle = false;
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        for (int i = 1; i <= 4; i++)
                plugin_send(&p, idle_event(i, "ses_1"));
        run_until(&w, w.n_events == 4);
        bridge_event_durable(w.bridge, TEST_BRIDGE_ID, 3);
        bridge_event_durable(w.bridge, TEST_BRIDGE_ID, 2);
        bridge_event_durable(w.bridge, OTHER_BRIDGE_ID, 1); /* of nobody */
        bridge_event_durable(w.bridge, TEST_BRIDGE_ID, 99); /* never received */
        plugin_send(&p, idle_event(5, "ses_1"));
        run_until(&w, w.n_events == 5);
        assert_null(heard(&p, "ack"));
        bridge_event_durable(w.bridge, TEST_BRIDGE_ID, 1);
        run_until(&w, last_ack(&p) == 3);
        assert_int_equal(count_heard(&p, "ack"), 1);
        plugin_deinit(&p);
        world_deinit(&w);
}

/* A refused event is answered with its place and reason, and acknowledged in its turn. */
static void test_bad_events(void **state)
{
        World w;
        Plugin p;
        json_t *bad;

        world_init(&w);
        w.settle = false;
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        plugin_send(&p, idle_event(1, "ses_1"));
        bad = idle_event(2, "ses_1");
        json_object_set_new(bad, "at_ms", json_string("now"));
        plugin_send(&p, bad);
        run_until(&w, heard(&p, "error"));
        assert_string_equal(json_str(heard(&p, "error"), "code"), "bad_field");
        assert_string_equal(json_str(heard(&p, "error"), "field"), "at_ms");
        assert_string_equal(json_str(heard(&p, "error"), "message"), "at_ms must be an integer");
        assert_int_equal(json_int(heard(&p, "error"), "seq", 0), 2);
        assert_null(heard(&p, "ack"));
        bridge_event_durable(w.bridge, TEST_BRIDGE_ID, 1);
        run_until(&w, last_ack(&p) == 2);
        plugin_send_text(&p, "{\"type\":\"session.idle\",\"seq\":3,oops");
        run_until(&w, last_ack(&p) == 3);
        assert_string_equal(json_str(heard(&p, "error"), "code"), "bad_frame");
        assert_int_equal(json_int(heard(&p, "error"), "seq", 0), 3);
        plugin_send_text(&p, "{\"type\":\"session.exploded\",\"seq\":4}");
        run_until(&w, last_ack(&p) == 4);
        assert_string_equal(json_str(heard(&p, "error"), "field"), "type");
        /* A wild number in a broken frame must not settle the future. */
        plugin_send_text(&p, "{\"type\":\"session.idle\",\"seq\":9000000000000,oops");
        plugin_send(&p, idle_event(5, "ses_1"));
        run_until(&w, w.n_events == 2);
        bridge_event_durable(w.bridge, TEST_BRIDGE_ID, 5);
        run_until(&w, last_ack(&p) == 5);
        assert_int_equal(world_metric(&w, "bridge_bad_frames_total", "code=\"bad_field\""), 1);
        assert_int_equal(world_metric(&w, "bridge_bad_frames_total", "code=\"bad_frame\""), 3);
        assert_int_equal(bridge_connected(w.bridge), 1);
        plugin_deinit(&p);
        world_deinit(&w);
}

static void test_too_large(void **state)
{
        World w;
        Plugin p;
        char *text = mem_alloc(BRIDGE_FRAME_MAX_BYTES + 2);

        world_init(&w);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        memset(text, ' ', BRIDGE_FRAME_MAX_BYTES + 1);
        text[BRIDGE_FRAME_MAX_BYTES + 1] = 0;
        memcpy(text, "{\"seq\":1,", 9);
        plugin_send_text(&p, text);
        run_until(&w, p.ended);
        assert_int_equal(p.end_code, 1009);
        assert_string_equal(json_str(heard(&p, "error"), "code"), "too_large");
        assert_int_equal(json_int(heard(&p, "error"), "seq", 0), 1);
        assert_int_equal(last_ack(&p), 1); /* or it would come again with the next connection */
        plugin_deinit(&p);
        free(text);

        plugin_connect(&w, &p, TEST_BRIDGE_ID, 2, "/srv/a");
        text = mem_alloc(3 * BRIDGE_FRAME_MAX_BYTES + 1);
        memset(text, ' ', 3 * BRIDGE_FRAME_MAX_BYTES);
        text[3 * BRIDGE_FRAME_MAX_BYTES] = 0;
        plugin_send_text(&p, text);
        run_until(&w, p.ended && bridge_connected(w.bridge) == 0);
        plugin_deinit(&p);
        free(text);
        world_deinit(&w);
}

/* --- reconnecting --- */

static void test_replay(void **state)
{
        World w;
        Plugin p;

        world_init(&w);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        plugin_send(&p, idle_event(1, "ses_1"));
        plugin_send(&p, idle_event(2, "ses_1"));
        run_until(&w, last_ack(&p) == 2);
        w.settle = false;
        plugin_send(&p, idle_event(3, "ses_1")); /* its storing never ends */
        run_until(&w, w.n_events == 3);
        ws_peer_abort(take(p.peer));
        run_until(&w, bridge_connected(w.bridge) == 0);
        plugin_deinit(&p);

        w.settle = true;
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 2, "/srv/a");
        assert_int_equal(json_int(heard(&p, "welcome"), "ack", -1), 2);
        plugin_send(&p, idle_event(2, "ses_1")); /* a plugin that did not hear the ack */
        run_until(&w, last_ack(&p) == 2);
        assert_int_equal(w.n_events, 3);
        plugin_send(&p, idle_event(3, "ses_1"));
        plugin_send(&p, idle_event(4, "ses_1"));
        run_until(&w, last_ack(&p) == 4);
        assert_int_equal(w.n_events, 5);
        assert_int_equal(world_metric(&w, "bridge_replayed_total", NULL), 2);
        assert_int_equal(world_metric(&w, "bridge_missing_total", NULL), 0);
        plugin_send(&p, idle_event(8, "ses_1")); /* 5 to 7 never come */
        run_until(&w, last_ack(&p) == 8);
        assert_int_equal(world_metric(&w, "bridge_missing_total", NULL), 3);
        plugin_deinit(&p);
        world_deinit(&w);
}

static void test_replaced(void **state)
{
        World w;
        Plugin older, newer, other;

        world_init(&w);
        w.settle = false;
        plugin_connect(&w, &older, TEST_BRIDGE_ID, 1, "/srv/a");
        plugin_connect(&w, &other, OTHER_BRIDGE_ID, 1, "/srv/a");
        plugin_send(&older, idle_event(1, "ses_1"));
        run_until(&w, w.n_events == 1);
        plugin_connect(&w, &newer, TEST_BRIDGE_ID, 1, "/srv/a");
        run_until(&w, older.ended);
        assert_int_equal(older.end_code, 4000);
        assert_int_equal(bridge_connected(w.bridge), 2);
        bridge_event_durable(w.bridge, TEST_BRIDGE_ID,
                             1); /* of the older connection: told on the newer one */
        run_until(&w, last_ack(&newer) == 1);
        plugin_send(&other, idle_event(1, "ses_9"));
        run_until(&w, w.n_events == 2);
        assert_false(newer.ended);
        assert_false(other.ended);
        plugin_deinit(&older);
        plugin_deinit(&newer);
        plugin_deinit(&other);
        world_deinit(&w);
}

/* Processes come and go for weeks; what is remembered of them is bounded, the latest being kept. */
static void test_many_processes(void **state)
{
        World w;
        Plugin p;
        char id[UUID_SIZE];

        world_init(&w);
        for (unsigned i = 0; i < PROCESSES_MAX + 10; i++) {
                snprintf(id, sizeof(id), "%08x-0000-4000-8000-000000000000", i);
                plugin_connect(&w, &p, id, 1, "/srv/a");
                plugin_send(&p, idle_event(1, "ses_1"));
                run_until(&w, last_ack(&p) == 1);
                ws_peer_abort(take(p.peer));
                run_until(&w, bridge_connected(w.bridge) == 0);
                plugin_deinit(&p);
        }
        assert_int_equal(HASH_COUNT(w.bridge->processes), PROCESSES_MAX);
        assert_non_null(bridge_process_find(w.bridge, id));
        assert_null(bridge_process_find(w.bridge, "00000000-0000-4000-8000-000000000000"));
        world_deinit(&w);
}

/* --- liveness and the end --- */

static void test_silence(void **state)
{
        World w;
        Plugin lively, mute;

        world_init(&w);
        bridge_set_timing(w.bridge, &(BridgeTiming){5000, 30, 200, 35000, 30000});
        plugin_connect(&w, &lively, TEST_BRIDGE_ID, 1, "/srv/a");
        plugin_connect(&w, &mute, OTHER_BRIDGE_ID, 1, "/srv/a");
        mute.mute = true;
        run_until(&w, mute.ended);
        assert_true(count_heard(&mute, "ping") >= 3);
        run_until(&w, count_heard(&lively, "ping") >= 10);
        assert_false(lively.ended);
        assert_int_equal(bridge_connected(w.bridge), 1);
        plugin_deinit(&lively);
        plugin_deinit(&mute);
        world_deinit(&w);
}

/* An event that the owner refused is brought again, and all behind it. */
static void test_unstored(void **state)
{
        World w;
        Plugin p, again;

        world_init(&w);
        bridge_set_timing(w.bridge, &(BridgeTiming){5000, 20, 25000, 35000, 100});
        w.settle = false;
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        plugin_send(&p, idle_event(1, "ses_1"));
        plugin_send(&p, idle_event(2, "ses_1"));
        run_until(&w, w.n_events == 2);
        bridge_event_durable(w.bridge, TEST_BRIDGE_ID, 2);
        run_until(&w, p.ended);
        assert_int_equal(p.end_code, 1013);
        w.settle = true;
        plugin_connect(&w, &again, TEST_BRIDGE_ID, 1, "/srv/a");
        plugin_send(&again, idle_event(1, "ses_1"));
        plugin_send(&again, idle_event(2, "ses_1"));
        run_until(&w, last_ack(&again) == 2);
        assert_int_equal(w.n_events, 3); /* the second was stored */
        run_until(&w, count_heard(&again, "ping") >= 10);
        assert_false(again.ended);
        plugin_deinit(&p);
        plugin_deinit(&again);
        world_deinit(&w);
}

static void test_stop(void **state)
{
        World w;
        Plugin p, late;

        world_init(&w);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        plugin_send(&p, idle_event(1, "ses_1"));
        run_until(&w, w.n_events == 1);
        bridge_stop(w.bridge);
        assert_int_equal(bridge_connected(w.bridge), 0);
        run_until(&w, p.ended);
        assert_int_equal(p.end_code, 1001);
        assert_int_equal(last_ack(&p), 1);
        plugin_dial(&w, &late, TEST_TOKEN);
        assert_int_equal(late.status, 503);
        plugin_deinit(&p);
        plugin_deinit(&late);
        world_deinit(&w);
}

/* The callback may do what it likes. */
static void stop_in_callback(void *userdata, const BridgeEvent *event)
{
        World *w = userdata;

        w->n_events++;
        bridge_event_durable(w->bridge, event->bridge_id, event->seq);
        bridge_stop(w->bridge);
}

static void test_stop_in_callback(void **state)
{
        World w;
        Plugin p;

        world_init(&w);
        w.bridge->config.on_event = stop_in_callback;
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        for (int i = 1; i <= 10; i++)
                plugin_send(&p, idle_event(i, "ses_1"));
        run_until(&w, p.ended);
        assert_int_equal(w.n_events, 1);
        assert_int_equal(last_ack(&p), 1);
        plugin_deinit(&p);
        world_deinit(&w);
}

static void test_overfull(void **state)
{
        World w;
        Plugin p;

        world_init(&w);
        w.settle = false;
        json_decref(take(w.events));
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        for (int i = 1; i <= LEDGER_WINDOW_MAX + 1; i++) {
                plugin_send(&p, idle_event(i, "ses_1"));
                if (i % 1000 == 0)
                        run_until(&w, w.n_events == (unsigned) i);
        }
        run_until(&w, p.ended);
        assert_int_equal(p.end_code, 1013);
        plugin_deinit(&p);
        world_deinit(&w);
}

/* Not a measurement, an alarm: an event costs microseconds, not milliseconds. */
static void test_speed(void **state)
{
        enum { N = 20000 };
        World w;
        Plugin p;
        int64_t start_us;

        world_init(&w);
        json_decref(take(w.events));
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        start_us = clock_monotonic_us();
        for (int i = 1; i <= N; i++) {
                plugin_send(&p, idle_event(i, "ses_1"));
                if (i % 1000 == 0)
                        run_until(&w, w.n_events == (unsigned) i);
        }
        run_until(&w, last_ack(&p) == N);
        start_us = clock_monotonic_us() - start_us;
        print_message("%d durable events in and acknowledged, both ends in this process: %.1f us each\n", N,
                      (double) start_us / N);
        assert_true(start_us / N < 1000);
        plugin_deinit(&p);
        world_deinit(&w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_strangers),
                cmocka_unit_test(test_hello),
                cmocka_unit_test(test_bad_beginnings),
                cmocka_unit_test(test_no_hello),
                cmocka_unit_test(test_too_many),
                cmocka_unit_test(test_events),
                cmocka_unit_test(test_coalesced_acks),
                cmocka_unit_test(test_durable_in_any_order),
                cmocka_unit_test(test_bad_events),
                cmocka_unit_test(test_too_large),
                cmocka_unit_test(test_replay),
                cmocka_unit_test(test_replaced),
                cmocka_unit_test(test_many_processes),
                cmocka_unit_test(test_silence),
                cmocka_unit_test(test_unstored),
                cmocka_unit_test(test_stop),
                cmocka_unit_test(test_stop_in_callback),
                cmocka_unit_test(test_overfull),
                cmocka_unit_test(test_speed),
        };

        json_setup();
        log_set_level(LOG_ERROR);
        return cmocka_run_group_tests_name("opencode-bridge", tests, NULL, NULL);
}
