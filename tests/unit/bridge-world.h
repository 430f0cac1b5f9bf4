/* A world for tests of the bridge: the real HTTP server and client on one loop, a bridge, and plugins that
 * say what the test tells them and keep what they hear. Included by one test program each. */
#pragma once

#include <stdarg.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>
#include <uv.h>

#include "integrations/opencode/bridge-internal.h"
#include "net/http-client.h"

#define TEST_TOKEN      "a token of the test"
#define TEST_LIMIT_MS   10000
#define TEST_BRIDGE_ID  "0b9d3c52-9f0e-4b8f-9f43-0a6a2f2f5f01"
#define OTHER_BRIDGE_ID "11111111-9f0e-4b8f-9f43-0a6a2f2f5f02"

typedef struct World {
        Loop *loop;
        Metrics *metrics;
        HttpServer *server;
        HttpClient *client;
        Bridge *bridge;
        Secret token;
        LoopTimer *guard;
        bool timed_out;
        json_t *events;    /* frames handed up, each with what BridgeEvent said as "_up" */
        json_t *connected; /* [[bridge_id, bool], …] */
        bool settle;       /* report every event as durable at once */
        unsigned n_events;
} World;

/* A fake plugin. */
typedef struct Plugin {
        World *world;
        WsPeer *peer;
        json_t *heard;             /* frames, oldest first */
        bool dialled, ended, mute; /* mute: does not answer pings */
        unsigned status, end_code;
} Plugin;

static void on_guard(void *userdata)
{
        ((World *) userdata)->timed_out = true;
}

/* Runs the loop until the condition holds; a test that waits longer than TEST_LIMIT_MS fails. */
#define run_until(_w, _condition)                                                                            \
        do {                                                                                                 \
                (_w)->timed_out = false;                                                                     \
                loop_timer_set((_w)->guard, TEST_LIMIT_MS);                                                  \
                while (!(_condition) && !(_w)->timed_out)                                                    \
                        uv_run(loop_uv((_w)->loop), UV_RUN_ONCE);                                            \
                loop_timer_clear((_w)->guard);                                                               \
                if ((_w)->timed_out)                                                                         \
                        fail_msg("waited in vain for " #_condition);                                         \
        } while (0)

static void world_on_event(void *userdata, const BridgeEvent *event)
{
        World *w = userdata;
        json_t *copy;

        w->n_events++;
        if (w->settle && event->seq > 0)
                bridge_event_durable(w->bridge, event->bridge_id, event->seq);
        if (!w->events)
                return;
        copy = json_deep_copy(event->frame);
        json_object_set_new(copy, "_up",
                            json_pack("{s:s, s:I, s:s, s:s, s:s, s:s}", "bridge_id", event->bridge_id, "seq",
                                      (json_int_t) event->seq, "type", event->type, "session_id",
                                      event->session_id, "root_id", event->root_id, "directory",
                                      event->directory));
        json_array_append_new(w->events, copy);
}

static void world_on_connected(void *userdata, const char *bridge_id, bool connected)
{
        json_array_append_new(((World *) userdata)->connected, json_pack("[s, b]", bridge_id, connected));
}

static void world_on_request(void *userdata, HttpRequest *req)
{
        bridge_accept(((World *) userdata)->bridge, req);
}

static void world_init(World *w)
{
        HttpServerConfig server = {.listen = "127.0.0.1:0", .on_request = world_on_request, .userdata = w};
        BridgeConfig bridge = {
                .token = &w->token,
                .on_event = world_on_event,
                .on_connected = world_on_connected,
                .userdata = w,
        };

        *w = (World){.settle = true, .events = json_array(), .connected = json_array()};
        secret_set(&w->token, TEST_TOKEN);
        w->metrics = metrics_new();
        assert_int_equal(loop_new(&w->loop), 0);
        w->guard = loop_timer_new(w->loop, on_guard, w);
        assert_int_equal(http_server_new(&w->server, w->loop, &server), 0);
        assert_int_equal(http_client_new(&w->client, w->loop, "test"), 0);
        assert_int_equal(bridge_new(&w->bridge, w->loop, w->metrics, &bridge), 0);
}

static void world_deinit(World *w)
{
        bridge_free(w->bridge);
        http_client_free(w->client);
        http_server_free(w->server);
        loop_timer_free(w->guard);
        loop_free(w->loop);
        metrics_free(w->metrics);
        secret_deinit(&w->token);
        json_decref(w->events);
        json_decref(w->connected);
}

UNUSED static double world_metric(World *w, const char *name, const char *labels)
{
        return metric_value(metrics_counter(w->metrics, name, "", labels));
}

/* --- plugins --- */

static void plugin_send_text(Plugin *p, const char *text)
{
        ws_peer_send_text(p->peer, text, strlen(text));
}

static void plugin_send(Plugin *p, json_t *frame /* stolen */)
{
        _cleanup_free_ char *text = json_dump(frame);

        plugin_send_text(p, text);
        json_decref(frame);
}

static void plugin_on_text(void *userdata, const char *data, size_t n_bytes)
{
        Plugin *p = userdata;
        json_t *frame = json_parse(data, n_bytes, NULL);

        assert_non_null(frame);
        if (str_equal(json_str(frame, "type"), "ping") && !p->mute)
                plugin_send(p, json_pack("{s:s, s:s}", "type", "pong", "nonce", json_str(frame, "nonce")));
        json_array_append_new(p->heard, frame);
}

static void plugin_on_end(void *userdata, unsigned code, const char *reason)
{
        Plugin *p = userdata;

        p->ended = true;
        p->end_code = code;
        p->peer = NULL;
}

static const WsPeerEvents plugin_events = {.on_text = plugin_on_text, .on_end = plugin_on_end};

static void plugin_on_dialled(void *userdata, const WsDialResult *result)
{
        Plugin *p = userdata;

        p->dialled = true;
        p->status = result->status;
        p->peer = result->peer;
        if (p->peer)
                ws_peer_set_events(p->peer, &plugin_events, p);
}

/* Dials and waits for the answer: p->peer, or p->status of the refusal. */
static void plugin_dial(World *w, Plugin *p, const char *token)
{
        _cleanup_free_ char *url =
                mem_printf("ws://127.0.0.1:%u/api/opencode/bridge", http_server_port(w->server));
        _cleanup_free_ char *header = mem_printf("Authorization: Bearer %s", token);
        const char *const headers[] = {header, NULL};

        *p = (Plugin){.world = w, .heard = json_array()};
        assert_int_equal(ws_dial(w->client, url, headers, 4 * 1024 * 1024, 5000, plugin_on_dialled, p, NULL),
                         0);
        run_until(w, p->dialled);
}

static json_t *hello(const char *bridge_id, int64_t next_seq, const char *directory)
{
        return json_pack("{s:s, s:i, s:s, s:s, s:n, s:i, s:[s], s:I, s:i}", "type", "hello", "protocol", 1,
                         "bridge_id", bridge_id, "plugin_version", "0.1.0", "opencode_version", "pid", 42,
                         "directories", directory, "next_seq", (json_int_t) next_seq, "lost", 0);
}

/* The last frame of that type that the plugin heard; NULL when there is none. */
static const json_t *heard(const Plugin *p, const char *type)
{
        for (size_t i = json_array_size(p->heard); i > 0; i--) {
                const json_t *frame = json_array_get(p->heard, i - 1);

                if (str_equal(json_str(frame, "type"), type))
                        return frame;
        }
        return NULL;
}

UNUSED static unsigned count_heard(const Plugin *p, const char *type)
{
        unsigned n = 0;

        for (size_t i = 0; i < json_array_size(p->heard); i++)
                n += str_equal(json_str(json_array_get(p->heard, i), "type"), type);
        return n;
}

/* Dials, greets and waits for the welcome. */
UNUSED static void plugin_connect(World *w, Plugin *p, const char *bridge_id, int64_t next_seq,
                                  const char *directory)
{
        plugin_dial(w, p, TEST_TOKEN);
        assert_non_null(p->peer);
        plugin_send(p, hello(bridge_id, next_seq, directory));
        run_until(w, heard(p, "welcome"));
}

UNUSED static void plugin_deinit(Plugin *p)
{
        ws_peer_abort(p->peer);
        json_decref(p->heard);
}

/* session.idle, the shortest durable event. */
UNUSED static json_t *idle_event(int64_t seq, const char *session_id)
{
        return json_pack("{s:s, s:I, s:s, s:i, s:s, s:s}", "type", "session.idle", "seq", (json_int_t) seq,
                         "directory", "/srv/a", "at_ms", 1, "session_id", session_id, "root_id", session_id);
}
