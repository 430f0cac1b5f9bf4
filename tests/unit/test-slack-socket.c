/* connectors/slack/socket: the manager and its links against a Slack that behaves in all the ways that Slack
 * was seen to behave. Periods are shortened; nothing waits for a fixed time to pass but for conditions. */
#include "test-slack-fake.h"

#include "connectors/slack/socket.h"

typedef struct Conn {
        WsPeer *peer; /* NULL once it has ended */
        unsigned end_code;
        unsigned n_texts;
        char last[256];
} Conn;

static Fake fake;
static SlackSocketMode *mode;
static Conn conns[64];
static unsigned n_conns;
static struct {
        const char *open_body; /* instead of an address */
        unsigned open_status, link_status;
        const char *retry_after;
        unsigned n_ghosts;        /* counted on top of those that are open */
        unsigned connection_time; /* s; 0: not said */
        bool mute;                /* no hello */
        bool hang_up;             /* close right after hello */
        bool hold;                /* apps.connections.open is not answered */
} world;
static struct {
        unsigned n_envelopes, n_states, n_live, lowest_live;
        char error[64];
        char id[160], payload[256];
        SlackEnvelope last;
        bool ack_at_once, stopped;
        unsigned notices[SLACK_N_SOCKET_NOTICES];
} seen;

static void server_text(void *userdata, const char *data, size_t n_bytes)
{
        Conn *c = userdata;

        c->n_texts++;
        snprintf(c->last, sizeof(c->last), "%.*s", (int) n_bytes, data);
}

static void server_end(void *userdata, unsigned code, const char *reason)
{
        Conn *c = userdata;

        (void) reason;
        c->peer = NULL;
        c->end_code = code;
}

static const WsPeerEvents server_events = {.on_text = server_text, .on_end = server_end};

static void conn_send(Conn *c, const char *text)
{
        ws_peer_send_text(c->peer, text, strlen(text));
}

static unsigned count_open(void)
{
        unsigned n = 0;

        for (unsigned i = 0; i < n_conns; i++)
                n += conns[i].peer != NULL;
        return n;
}

static void accept_link(HttpRequest *req)
{
        Conn *c = &conns[n_conns];
        char hello[256], time[64] = "";

        assert_true(n_conns < ELEMENTSOF(conns));
        if (http_upgrade(req, 1 << 20, &server_events, c, &c->peer) < 0)
                fail_msg("no WebSocket handshake");
        n_conns++;
        if (world.mute)
                return;
        if (world.connection_time)
                snprintf(time, sizeof(time), ",\"approximate_connection_time\":%u", world.connection_time);
        snprintf(hello, sizeof(hello),
                 "{\"type\":\"hello\",\"num_connections\":%u,\"debug_info\":{\"host\":\"applink-1\"%s}}",
                 count_open() + world.n_ghosts, time);
        conn_send(c, hello);
        if (world.hang_up)
                ws_peer_close(c->peer, 1000, "");
}

static void answer(Fake *f, HttpRequest *req, const FakeRequest *r)
{
        _cleanup_free_ char *body = NULL;
        HttpHeader header = {"Retry-After", world.retry_after};

        if (strcmp(http_request_path(req), "/link/") == 0) {
                if (world.link_status)
                        http_respond_text(req, world.link_status, "text/html", "<html>no</html>");
                else
                        accept_link(req);
                return;
        }
        assert_string_equal(r->method, "apps.connections.open");
        assert_string_equal(r->authorization, "Bearer xapp-test");
        if (world.hold)
                return;
        body = world.open_body
                       ? mem_strdup(world.open_body)
                       : mem_printf("{\"ok\":true,\"url\":\"ws:\\/\\/127.0.0.1:%u\\/link\\/?ticket=%zu\"}",
                                    http_server_port(f->server), f->n_requests);
        http_respond(req, world.open_status ? world.open_status : 200, &header, world.retry_after ? 1 : 0,
                     body, strlen(body));
}

static void on_envelope(void *userdata, const SlackEnvelope *env)
{
        (void) userdata;
        seen.n_envelopes++;
        seen.last = *env;
        snprintf(seen.id, sizeof(seen.id), "%s", env->id);
        snprintf(seen.payload, sizeof(seen.payload), "%.*s", (int) env->n_payload, env->payload);
        if (seen.ack_at_once)
                slack_socket_ack(mode, env->socket, env->id, NULL);
}

static void on_state(void *userdata, unsigned n_live, const char *error)
{
        (void) userdata;
        seen.n_states++;
        /* The dip that replacing must never cause. */
        if (seen.n_live >= 2)
                seen.lowest_live = MIN2(seen.lowest_live, n_live);
        seen.n_live = n_live;
        snprintf(seen.error, sizeof(seen.error), "%s", error ? error : "");
}

static void on_notice(void *userdata, SlackSocketNotice notice)
{
        (void) userdata;
        seen.notices[notice]++;
}

static void on_stopped(void *userdata)
{
        *(bool *) userdata = true;
}

static const SlackSocketTiming quick = {.connect_ms = 3000,
                                        .hello_ms = 3000,
                                        .ping_ms = 200,
                                        .silent_ms = 500,
                                        .drain_ms = 60,
                                        .close_ms = 500,
                                        .backoff_ms = 5,
                                        .backoff_max_ms = 40,
                                        .blocked_ms = 150,
                                        .too_many_ms = 150};

static SlackSocketTiming timing; /* of the next open_mode(); quick unless a test says otherwise */

static void open_mode(unsigned n_sockets)
{
        SlackSocketConfig config = {.api_url = fake.api_url,
                                    .app_token = &fake.app_token,
                                    .n_sockets = n_sockets,
                                    .timing = timing,
                                    .on_envelope = on_envelope,
                                    .on_state = on_state,
                                    .on_notice = on_notice};

        fake_init(&fake);
        fake.answer = answer;
        memset(&world, 0, sizeof(world));
        memset(&seen, 0, sizeof(seen));
        memset(conns, 0, sizeof(conns));
        n_conns = 0;
        seen.lowest_live = 100;
        assert_int_equal(slack_socket_new(&mode, fake.loop, fake.http, fake.metrics, &config), 0);
}

static void start_live(unsigned n)
{
        slack_socket_start(mode);
        WAIT_UNTIL(&fake, slack_socket_live(mode) == n && seen.n_live == n);
}

static void close_mode(void)
{
        timing = quick;
        slack_socket_free(mode);
        for (unsigned i = 0; i < n_conns; i++)
                ws_peer_abort(conns[i].peer);
        fake_deinit(&fake);
}

static double total(const char *name, const char *labels)
{
        return metric_value(metrics_counter(fake.metrics, name, "", labels));
}

static void test_envelopes_and_acks(void **state)
{
        (void) state;
        open_mode(2);
        start_live(2);
        assert_int_equal(n_conns, 2);
        assert_string_equal(seen.error, "");
        assert_string_equal(fake_request(&fake, "apps.connections.open", 0)->body, "");
        for (unsigned i = 0; i < 2; i++) {
                conn_send(
                        &conns[i],
                        "{\"type\":\"slash_commands\",\"envelope_id\":\"e-1\",\"payload\":{\"text\":\"\\u00e9\"},"
                        "\"accepts_response_payload\":true}");
                WAIT_UNTIL(&fake, seen.n_envelopes == 2 * i + 1);
                assert_string_equal(seen.id, "e-1");
                assert_string_equal(seen.payload, "{\"text\":\"\\u00e9\"}");
                assert_true(seen.last.accepts_response);
                slack_socket_ack(mode, seen.last.socket, "e-1", "{\"text\":\"hi\"}");
                WAIT_UNTIL(&fake, conns[i].n_texts == 1);
                assert_string_equal(conns[i].last, "{\"envelope_id\":\"e-1\",\"payload\":{\"text\":\"hi\"}}");
                conn_send(
                        &conns[i],
                        "{\"type\":\"events_api\",\"envelope_id\":\"q\\\"\\\\\\n\",\"payload\":{},\"retry_attempt\":1}");
                WAIT_UNTIL(&fake, seen.n_envelopes == 2 * i + 2);
                assert_int_equal(seen.last.retry_attempt, 1);
                slack_socket_ack(mode, seen.last.socket, seen.id, NULL);
                WAIT_UNTIL(&fake, conns[i].n_texts == 2);
                assert_string_equal(conns[i].last, "{\"envelope_id\":\"q\\u0022\\u005c\\u000a\"}");
        }
        assert_true(total("slack_acks_total", NULL) == 4);
        assert_true(total("slack_envelopes_total", "type=\"slash_commands\"") == 2);
        assert_true(total("slack_envelopes_total", "type=\"events_api\"") == 2);
        close_mode();
}

static void test_ack_elsewhere(void **state)
{
        uint64_t socket;

        (void) state;
        open_mode(2);
        start_live(2);
        conn_send(&conns[0], "{\"type\":\"interactive\",\"envelope_id\":\"e\",\"payload\":{}}");
        WAIT_UNTIL(&fake, seen.n_envelopes == 1);
        socket = seen.last.socket;
        ws_peer_abort(take(conns[0].peer));
        WAIT_UNTIL(&fake, total("slack_reconnects_total", "reason=\"closed\"") == 1);
        slack_socket_ack(mode, socket, "e", NULL);
        WAIT_UNTIL(&fake, conns[1].n_texts == 1);
        assert_string_equal(conns[1].last, "{\"envelope_id\":\"e\"}");
        close_mode();

        open_mode(1);
        slack_socket_ack(mode, 1, "e", NULL);
        assert_true(total("slack_acks_dropped_total", NULL) == 1);
        close_mode();
}

/* Warned or asked, the old socket goes only when the new one has been greeted, is read meanwhile and after,
 * and leaves with a close frame. */
static void test_replacement(void **state)
{
        static const char *const reasons[] = {"warning", "refresh_requested", "something_new"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(reasons); i++) {
                _cleanup_free_ char *bye =
                        mem_printf("{\"type\":\"disconnect\",\"reason\":\"%s\"}", reasons[i]);

                open_mode(2);
                start_live(2);
                seen.ack_at_once = true;
                conn_send(&conns[0], bye);
                WAIT_UNTIL(&fake, n_conns == 3);
                assert_non_null(conns[0].peer);
                conn_send(&conns[0], "{\"type\":\"events_api\",\"envelope_id\":\"late\",\"payload\":{}}");
                WAIT_UNTIL(&fake, conns[0].n_texts == 1);
                assert_string_equal(conns[0].last, "{\"envelope_id\":\"late\"}");
                WAIT_UNTIL(&fake, !conns[0].peer);
                assert_int_equal(conns[0].end_code, 1000);
                assert_non_null(conns[1].peer);
                assert_non_null(conns[2].peer);
                assert_int_equal(slack_socket_live(mode), 2);
                assert_true(seen.lowest_live >= 2);
                assert_int_equal(n_conns, 3);
                close_mode();
        }
}

/* Slack may close, or just vanish, right after it asked: that is no failure, and no dip with two sockets. */
static void test_replacement_when_slack_closes_first(void **state)
{
        (void) state;
        open_mode(2);
        start_live(2);
        conn_send(&conns[1], "{\"type\":\"disconnect\",\"reason\":\"refresh_requested\"}");
        ws_peer_close(conns[1].peer, 1000, "");
        WAIT_UNTIL(&fake, n_conns >= 3 && slack_socket_live(mode) == 2);
        assert_non_null(conns[0].peer);
        assert_true(total("slack_reconnects_total", "reason=\"refresh\"") == 1);
        assert_true(total("slack_reconnects_total", "reason=\"closed\"") == 0);
        close_mode();
}

/* Both at once: two new ones come, two old ones go, and there is always one. */
static void test_both_expire(void **state)
{
        (void) state;
        open_mode(2);
        start_live(2);
        for (unsigned i = 0; i < 2; i++)
                conn_send(&conns[i], "{\"type\":\"disconnect\",\"reason\":\"warning\"}");
        WAIT_UNTIL(&fake, n_conns == 4 && !conns[0].peer && !conns[1].peer);
        assert_int_equal(slack_socket_live(mode), 2);
        assert_true(seen.lowest_live >= 2);
        close_mode();
}

static void test_age(void **state)
{
        (void) state;
        open_mode(2);
        world.connection_time = 1;
        start_live(2);
        /* 0.9 s and half of it: apart from each other, and never both. */
        WAIT_UNTIL(&fake, total("slack_reconnects_total", "reason=\"age\"") == 3);
        assert_true(seen.lowest_live >= 2);
        assert_true(total("slack_reconnects_total", "reason=\"closed\"") == 0);
        close_mode();
}

static void test_broken_connection(void **state)
{
        (void) state;
        open_mode(2);
        start_live(2);
        ws_peer_abort(take(conns[0].peer));
        WAIT_UNTIL(&fake, n_conns >= 3 && slack_socket_live(mode) == 2);
        assert_true(total("slack_reconnects_total", "reason=\"closed\"") == 1);
        WAIT_UNTIL(&fake, seen.error[0] == 0);
        close_mode();
}

/* The connection stands, but nobody is there: only the unanswered ping tells. */
static void test_half_open(void **state)
{
        (void) state;
        open_mode(2);
        start_live(2);
        ws_peer_pause_reading(conns[0].peer, true);
        WAIT_UNTIL(&fake, n_conns >= 3 && slack_socket_live(mode) == 2);
        assert_true(total("slack_reconnects_total", "reason=\"ping_unanswered\"") == 1);
        /* The answered pings of the other one kept it. */
        assert_non_null(conns[1].peer);
        close_mode();
}

static void test_bad_frames(void **state)
{
        static const struct {
                const char *text, *label;
        } rows[] = {
                {"hello", "reason=\"json\""},
                {"{\"type\":\"hello\"", "reason=\"json\""},
                {"[]", "reason=\"type\""},
                {"{\"type\":\"goodbye\"}", "reason=\"unknown_type\""},
                {"{\"type\":\"events_api\",\"payload\":{}}", "reason=\"envelope_id\""},
                {"{\"type\":\"events_api\",\"envelope_id\":\"e\"}", "reason=\"payload\""},
        };

        (void) state;
        open_mode(1);
        start_live(1);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                double before = total("slack_bad_frames_total", rows[i].label);

                for (unsigned n = 0; n < 5; n++)
                        conn_send(&conns[0], rows[i].text);
                WAIT_UNTIL(&fake, total("slack_bad_frames_total", rows[i].label) == before + 5);
        }
        conn_send(&conns[0], "{\"type\":\"hello\"}"); /* twice: of no consequence */
        conn_send(&conns[0], "{\"type\":\"events_api\",\"envelope_id\":\"e\",\"payload\":{}}");
        WAIT_UNTIL(&fake, seen.n_envelopes == 1);
        assert_int_equal(n_conns, 1);
        close_mode();
}

static void test_oversized(void **state)
{
        size_t n_bytes = (16 << 20) + 1;
        _cleanup_free_ char *text = mem_alloc(n_bytes);

        (void) state;
        timing.ping_ms = 5000; /* the answer to a ping waits behind the message */
        open_mode(1);
        start_live(1);
        memset(text, ' ', n_bytes);
        ws_peer_send_text(conns[0].peer, text, n_bytes);
        WAIT_UNTIL(&fake, n_conns >= 2 && slack_socket_live(mode) == 1);
        assert_true(total("slack_bad_frames_total", "reason=\"oversized\"") == 1);
        close_mode();
}

static void test_refused(void **state)
{
        static const char *const codes[] = {"invalid_auth", "not_authed", "account_inactive",
                                            "not_allowed_token_type"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(codes); i++) {
                _cleanup_free_ char *body = mem_printf("{\"ok\":false,\"error\":\"%s\"}", codes[i]);
                int64_t start_ms = clock_monotonic_ms();

                open_mode(2);
                world.open_body = body;
                slack_socket_start(mode);
                WAIT_UNTIL(&fake, seen.error[0]);
                assert_string_equal(seen.error, codes[i]);
                assert_int_equal(seen.n_live, 0);
                WAIT_UNTIL(&fake, fake.n_requests == 2);
                assert_true(clock_monotonic_ms() - start_ms >= quick.blocked_ms);
                /* Put right by the operator. */
                world.open_body = NULL;
                WAIT_UNTIL(&fake, slack_socket_live(mode) == 2 && seen.n_live == 2);
                assert_string_equal(seen.error, "");
                close_mode();
        }
}

static void test_open_fails(void **state)
{
        static const struct {
                unsigned status;
                const char *body, *error;
        } rows[] = {
                {500, "", "http_500"},
                {200, "{\"ok\":false,\"error\":\"internal_error\"}", "internal_error"},
                {200, "<html>", "bad_answer"},
                {200, "{\"ok\":true}", "bad_answer"},
                {200, "{\"ok\":true,\"url\":\"http://127.0.0.1/\"}", "bad_url"},
                {200, "{\"ok\":true,\"url\":\"ws://127.0.0.1:1/\"}", "unreachable"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                open_mode(1);
                world.open_status = rows[i].status;
                world.open_body = rows[i].body;
                slack_socket_start(mode);
                WAIT_UNTIL(&fake, fake.n_requests >= 3 && seen.error[0]);
                assert_string_equal(seen.error, rows[i].error);
                world.open_status = 0;
                world.open_body = NULL;
                WAIT_UNTIL(&fake, slack_socket_live(mode) == 1 && seen.error[0] == 0);
                close_mode();
        }
}

static void test_retry_after(void **state)
{
        int64_t start_ms = clock_monotonic_ms();

        (void) state;
        open_mode(1);
        world.open_status = 429;
        world.open_body = "{\"ok\":false,\"error\":\"ratelimited\"}";
        world.retry_after = "1";
        slack_socket_start(mode);
        WAIT_UNTIL(&fake, seen.error[0]);
        assert_string_equal(seen.error, "ratelimited");
        memset(&world, 0, sizeof(world));
        WAIT_UNTIL(&fake, slack_socket_live(mode) == 1);
        assert_true(clock_monotonic_ms() - start_ms >= 1000);
        assert_int_equal(fake.n_requests, 3); /* 429, address, handshake */
        close_mode();
}

static void test_handshake_refused(void **state)
{
        (void) state;
        open_mode(1);
        world.link_status = 409;
        slack_socket_start(mode);
        WAIT_UNTIL(&fake, seen.error[0]);
        assert_string_equal(seen.error, "http_409");
        world.link_status = 0;
        WAIT_UNTIL(&fake, slack_socket_live(mode) == 1);
        assert_true(total("slack_reconnects_total", "reason=\"dial_failed\"") >= 1);
        close_mode();
}

static void test_no_hello(void **state)
{
        (void) state;
        timing.hello_ms = 50;
        open_mode(1);
        world.mute = true;
        slack_socket_start(mode);
        WAIT_UNTIL(&fake, n_conns >= 1 && !conns[0].peer);
        assert_int_equal(conns[0].end_code, 1000);
        WAIT_UNTIL(&fake, seen.error[0]);
        assert_string_equal(seen.error, "no_hello");
        world.mute = false;
        WAIT_UNTIL(&fake, slack_socket_live(mode) == 1);
        close_mode();
}

static void test_link_disabled(void **state)
{
        int64_t start_ms;

        (void) state;
        open_mode(2);
        start_live(2);
        start_ms = clock_monotonic_ms();
        for (unsigned i = 0; i < 2; i++)
                conn_send(&conns[i], "{\"type\":\"disconnect\",\"reason\":\"link_disabled\"}");
        WAIT_UNTIL(&fake, seen.n_live == 0);
        assert_string_equal(seen.error, "link_disabled");
        WAIT_UNTIL(&fake, slack_socket_live(mode) == 2 && seen.n_live == 2);
        assert_true(clock_monotonic_ms() - start_ms >= quick.blocked_ms);
        assert_string_equal(seen.error, "");
        assert_int_equal(n_conns, 4);
        close_mode();
}

static void test_too_many(void **state)
{
        int64_t start_ms;

        (void) state;
        open_mode(2);
        start_live(2);
        start_ms = clock_monotonic_ms();
        conn_send(&conns[1],
                  "{\"type\":\"disconnect\",\"reason\":\"too_many_websockets\",\"num_connections\":10}");
        WAIT_UNTIL(&fake, !conns[1].peer);
        assert_int_equal(conns[1].end_code, 1000);
        WAIT_UNTIL(&fake, n_conns == 3);
        assert_true(clock_monotonic_ms() - start_ms >= quick.too_many_ms);
        assert_non_null(conns[0].peer);
        close_mode();
}

/* A Slack that greets and hangs up must not be stormed. */
static void test_no_storm(void **state)
{
        (void) state;
        open_mode(2);
        world.hang_up = true;
        slack_socket_start(mode);
        fake_run(&fake, 1500);
        assert_in_range(n_conns, 3, 12);
        close_mode();
}

static void test_ghosts(void **state)
{
        _cleanup_json_ json_t *health = NULL;

        (void) state;
        open_mode(2);
        world.n_ghosts = 1;
        slack_socket_start(mode);
        WAIT_UNTIL(&fake, slack_socket_live(mode) == 3);
        assert_true(metric_value(metrics_gauge(fake.metrics, "slack_ghost_sockets", "", NULL)) == 1);
        /* The next greeting knows of no ghost any more: back to two. */
        world.n_ghosts = 0;
        conn_send(&conns[0], "{\"type\":\"disconnect\",\"reason\":\"warning\"}");
        WAIT_UNTIL(&fake, n_conns == 4 && count_open() == 2 && slack_socket_live(mode) == 2);
        close_mode();

        open_mode(2);
        world.n_ghosts = 6;
        slack_socket_start(mode);
        WAIT_UNTIL(&fake, slack_socket_live(mode) == 2);
        assert_true(metric_value(metrics_gauge(fake.metrics, "slack_ghost_sockets", "", NULL)) >= 6);
        health = slack_socket_health(mode);
        assert_int_equal(json_int(health, "live", -1), 2);
        assert_int_equal(json_int(health, "wanted", -1), 2); /* too crowded for more */
        assert_true(json_int(health, "ghosts", -1) >= 6);
        assert_string_equal(json_str(health, "sockets.1.state"), "live");
        assert_string_equal(json_str(health, "sockets.0.host"), "applink-1");
        assert_true(json_int(health, "sockets.0.last_heard_ms", -1) >= 0);
        assert_int_equal(json_int(health, "sockets.0.envelopes", -1), 0);
        assert_true(json_is_null(json_at(health, "error")));
        close_mode();
}

static void test_ghosts_are_counted_again(void **state)
{
        (void) state;
        timing.recount_ms = 50;
        open_mode(2);
        slack_socket_set_others(mode, 2);
        world.n_ghosts = 3;
        slack_socket_start(mode);
        WAIT_UNTIL(&fake, seen.notices[SLACK_SOCKET_GHOSTS] == 1 && slack_socket_live(mode) == 3);
        assert_true(metric_value(metrics_gauge(fake.metrics, "slack_ghost_sockets", "", NULL)) == 1);
        /* Nobody tells that they are gone: it is asked. */
        world.n_ghosts = 2;
        WAIT_UNTIL(&fake, seen.notices[SLACK_SOCKET_GHOSTS_GONE] == 1);
        assert_int_equal(seen.notices[SLACK_SOCKET_GHOSTS], 1);
        assert_int_equal(seen.notices[SLACK_SOCKET_BROKEN], 0);
        close_mode();
}

static void test_refresh(void **state)
{
        (void) state;
        timing.drain_ms = 60000; /* they must not wait for that */
        open_mode(2);
        start_live(2);
        slack_socket_refresh(mode);
        WAIT_UNTIL(&fake, seen.notices[SLACK_SOCKET_FRESH] == 1);
        assert_int_equal(n_conns, 4);
        assert_null(conns[0].peer);
        assert_null(conns[1].peer);
        assert_int_equal(conns[0].end_code, 1000);
        assert_int_equal(slack_socket_live(mode), 2);
        assert_true(seen.lowest_live >= 2);
        ws_peer_abort(take(conns[2].peer));
        WAIT_UNTIL(&fake, seen.notices[SLACK_SOCKET_BROKEN] == 1 && slack_socket_live(mode) == 2);
        assert_int_equal(seen.notices[SLACK_SOCKET_FRESH], 1);
        close_mode();
}

static void test_stop(void **state)
{
        bool stopped = false;

        (void) state;
        open_mode(2);
        start_live(2);
        slack_socket_stop(mode, on_stopped, &stopped);
        assert_false(stopped);
        /* Still handed up while closing. */
        conn_send(&conns[0], "{\"type\":\"events_api\",\"envelope_id\":\"late\",\"payload\":{}}");
        WAIT_UNTIL(&fake, stopped);
        assert_int_equal(conns[0].end_code, 1000);
        assert_int_equal(conns[1].end_code, 1000);
        assert_int_equal(seen.n_live, 0);
        assert_int_equal(seen.n_envelopes, 1);
        fake_run(&fake, 50);
        assert_int_equal(n_conns, 2);
        close_mode();

        /* An envelope is on its way to the disk: acknowledged first, then closed. */
        stopped = false;
        open_mode(1);
        start_live(1);
        conn_send(&conns[0], "{\"type\":\"interactive\",\"envelope_id\":\"click\",\"payload\":{}}");
        WAIT_UNTIL(&fake, seen.n_envelopes == 1);
        slack_socket_stop(mode, on_stopped, &stopped);
        fake_run(&fake, 30);
        assert_non_null(conns[0].peer);
        slack_socket_ack(mode, seen.last.socket, "click", NULL);
        WAIT_UNTIL(&fake, stopped);
        assert_string_equal(conns[0].last, "{\"envelope_id\":\"click\"}");
        assert_int_equal(conns[0].end_code, 1000);
        close_mode();

        /* One that is never acknowledged does not keep us. */
        stopped = false;
        open_mode(1);
        start_live(1);
        conn_send(&conns[0], "{\"type\":\"interactive\",\"envelope_id\":\"click\",\"payload\":{}}");
        WAIT_UNTIL(&fake, seen.n_envelopes == 1);
        slack_socket_stop(mode, on_stopped, &stopped);
        WAIT_UNTIL(&fake, stopped);
        close_mode();

        /* One that does not take part in the close handshake. */
        stopped = false;
        open_mode(1);
        start_live(1);
        ws_peer_pause_reading(conns[0].peer, true);
        slack_socket_stop(mode, on_stopped, &stopped);
        WAIT_UNTIL(&fake, stopped);
        close_mode();

        /* In the middle of opening, and before the start. */
        stopped = false;
        open_mode(1);
        world.hold = true;
        slack_socket_start(mode);
        WAIT_UNTIL(&fake, fake.n_requests == 1);
        slack_socket_stop(mode, on_stopped, &stopped);
        WAIT_UNTIL(&fake, stopped);
        close_mode();
        stopped = false;
        open_mode(1);
        slack_socket_stop(mode, on_stopped, &stopped);
        WAIT_UNTIL(&fake, stopped);
        close_mode();
}

/* A process that was stopped for a while finds its pings unanswered and the answers in the kernel. */
static void test_stall(void **state)
{
        (void) state;
        open_mode(2);
        start_live(2);
        for (unsigned i = 0; i < 3; i++) {
                int64_t until_ms = clock_monotonic_ms() + 450;

                fake_run(&fake, 210);
                while (clock_monotonic_ms() < until_ms)
                        ;
        }
        fake_run(&fake, 450);
        assert_int_equal(n_conns, 2);
        assert_int_equal(slack_socket_live(mode), 2);
        close_mode();
}

static void test_config(void **state)
{
        SlackSocketConfig config = {.api_url = "slack.com"};

        (void) state;
        open_mode(1);
        slack_socket_free(take(mode));
        assert_true(slack_socket_new(&mode, fake.loop, fake.http, fake.metrics, &config) < 0);
        config.api_url = fake.api_url;
        config.n_sockets = 5;
        assert_true(slack_socket_new(&mode, fake.loop, fake.http, fake.metrics, &config) < 0);
        close_mode();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_envelopes_and_acks),
                cmocka_unit_test(test_ack_elsewhere),
                cmocka_unit_test(test_replacement),
                cmocka_unit_test(test_replacement_when_slack_closes_first),
                cmocka_unit_test(test_both_expire),
                cmocka_unit_test(test_age),
                cmocka_unit_test(test_broken_connection),
                cmocka_unit_test(test_half_open),
                cmocka_unit_test(test_bad_frames),
                cmocka_unit_test(test_oversized),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_open_fails),
                cmocka_unit_test(test_retry_after),
                cmocka_unit_test(test_handshake_refused),
                cmocka_unit_test(test_no_hello),
                cmocka_unit_test(test_link_disabled),
                cmocka_unit_test(test_too_many),
                cmocka_unit_test(test_no_storm),
                cmocka_unit_test(test_ghosts),
                cmocka_unit_test(test_ghosts_are_counted_again),
                cmocka_unit_test(test_refresh),
                cmocka_unit_test(test_stop),
                cmocka_unit_test(test_stall),
                cmocka_unit_test(test_config),
        };

        timing = quick;
        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
