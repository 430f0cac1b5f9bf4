/* Answers that are passed on while they arrive, through a proxy made of our own server and client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "net/http-client.h"
#include "net/http-server.h"
#include "test-net-client.h"

typedef struct World {
        Loop *loop;
        HttpServer *server;
        HttpClient *client;
        unsigned port;
        HttpStream *stream;
        HttpRequest *held;
        unsigned n_drained, n_closed;

        HttpOp *op;
        unsigned n_heads, n_done, status;
        int fault;
        bool sent;
        size_t n_received;
        Buf received, headers;
        enum {
                NOTHING,
                CANCEL_AT_HEAD,
                CANCEL_AT_DATA,
                FREE_AT_HEAD,
                FREE_AT_DATA,
                PAUSE_AT_DATA,
                TOGGLE_AT_DATA
        } trick;
} World;

static void on_stream_close(void *userdata)
{
        World *w = userdata;

        w->stream = NULL;
        w->n_closed++;
}

static void on_drain(void *userdata)
{
        World *w = userdata;

        w->n_drained++;
}

static void on_request(void *userdata, HttpRequest *req)
{
        World *w = userdata;
        const HttpHeader headers[] = {
                {"Content-Type", "text/event-stream"}, {"Set-Cookie", "a"}, {"Set-Cookie", "b"}};

        if (str_equal(http_request_path(req), "/hold")) {
                w->held = req;
                return;
        }
        if (str_equal(http_request_path(req), "/short")) {
                http_respond(req, 404, NULL, 0, "gone", 4);
                return;
        }
        w->stream = http_stream_open_with(req, 200, headers, 3, on_stream_close, w);
        http_stream_set_on_drain(w->stream, on_drain);
}

static int setup(void **state)
{
        World *w = mem_new(World);
        HttpServerConfig config = {.listen = "127.0.0.1:0", .on_request = on_request, .userdata = w};

        setenv("no_proxy", "*", 1);
        if (loop_new(&w->loop) < 0 || http_server_new(&w->server, w->loop, &config) < 0 ||
            http_client_new(&w->client, w->loop, "tester/1") < 0)
                return -1;
        w->port = http_server_port(w->server);
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        World *w = *state;

        http_client_free(w->client);
        http_server_free(w->server);
        loop_free(w->loop);
        buf_deinit(&w->received);
        buf_deinit(&w->headers);
        free(w);
        return 0;
}

static void on_head(void *userdata, unsigned status, const HttpHeader *headers, size_t n_headers)
{
        World *w = userdata;

        w->n_heads++;
        w->status = status;
        for (size_t i = 0; i < n_headers; i++)
                buf_printf(&w->headers, "%s: %s\n", headers[i].name, headers[i].value);
        if (w->trick == CANCEL_AT_HEAD)
                http_op_cancel(w->op);
        else if (w->trick == FREE_AT_HEAD)
                http_client_free(take(w->client));
}

static void on_data(void *userdata, const void *data, size_t n_bytes)
{
        World *w = userdata;

        if (w->trick == TOGGLE_AT_DATA) { /* which makes curl deliver more while `data` is in use */
                http_op_pause(w->op, true);
                http_op_pause(w->op, false);
        }
        w->n_received += n_bytes;
        buf_append(&w->received, data, n_bytes);
        if (w->trick == CANCEL_AT_DATA)
                http_op_cancel(w->op);
        else if (w->trick == FREE_AT_DATA)
                http_client_free(take(w->client));
        else if (w->trick == PAUSE_AT_DATA)
                http_op_pause(w->op, true);
}

static void on_done(void *userdata, const HttpResult *result)
{
        World *w = userdata;

        w->n_done++;
        w->fault = result->fault;
        w->sent = result->sent;
        assert_int_equal(result->n_body, 0);
}

static const HttpStreamEvents EVENTS = {.on_head = on_head, .on_data = on_data};

static void start(World *w, const char *path, int64_t timeout_ms)
{
        _cleanup_free_ char *url = mem_printf("http://127.0.0.1:%u%s", w->port, path);
        HttpCall call = {.method = "GET", .url = url, .timeout_ms = timeout_ms};

        assert_int_equal(http_client_stream(w->client, &call, &EVENTS, on_done, w, &w->op), 0);
}

static void passes_an_answer_on_while_it_arrives(void **state)
{
        World *w = *state;

        start(w, "/stream", 5000);
        WAIT_UNTIL(w->loop, w->n_heads == 1);
        assert_int_equal(w->status, 200);
        assert_non_null(strstr(buf_bytes(&w->headers), "Content-Type: text/event-stream\n"));
        assert_non_null(strstr(buf_bytes(&w->headers), "Set-Cookie: a\nSet-Cookie: b\n"));
        http_stream_write(w->stream, "data: 1\n\n", 9);
        WAIT_UNTIL(w->loop, strstr(buf_bytes(&w->received), "data: 1\n\n"));
        http_stream_write(w->stream, "data: 2\n\n", 9);
        WAIT_UNTIL(w->loop, strstr(buf_bytes(&w->received), "data: 2\n\n"));
        assert_int_equal(w->n_done, 0);
        http_stream_close(take(w->stream));
        WAIT_UNTIL(w->loop, w->n_done == 1);
        assert_int_equal(w->fault, 0);
        assert_int_equal(w->n_heads, 1);
}

static void passes_short_answers_on(void **state)
{
        World *w = *state;

        start(w, "/short", 5000);
        WAIT_UNTIL(w->loop, w->n_done == 1);
        assert_int_equal(w->status, 404);
        assert_string_equal(buf_bytes(&w->received), "gone");
}

static void has_a_deadline_until_the_head(void **state)
{
        World *w = *state;

        start(w, "/hold", 50);
        WAIT_UNTIL(w->loop, w->n_done == 1);
        assert_true(w->fault < 0);
        assert_true(w->sent);
        assert_int_equal(w->n_heads, 0);
        start(w, "/stream", 100);
        WAIT_UNTIL(w->loop, w->n_heads == 1);
        {
                int64_t until_ms = clock_monotonic_ms() + 200;

                WAIT_UNTIL(w->loop, clock_monotonic_ms() > until_ms);
        }
        assert_int_equal(w->n_done, 1); /* no deadline after it */
}

static void tells_of_an_answer_that_breaks_off(void **state)
{
        World *w = *state;

        start(w, "/stream", 5000);
        WAIT_UNTIL(w->loop, w->stream);
        http_stream_write(w->stream, "half", 4);
        WAIT_UNTIL(w->loop, w->n_received == 4);
        http_server_free(take(w->server));
        WAIT_UNTIL(w->loop, w->n_done == 1);
        assert_true(w->fault < 0);
}

static void a_paused_stream_pushes_back(void **state)
{
        static char piece[1 << 20];
        World *w = *state;
        int64_t until_ms;

        start(w, "/stream", 5000);
        WAIT_UNTIL(w->loop, w->n_heads == 1);
        w->n_drained = 0; /* the head counts too */
        w->trick = PAUSE_AT_DATA;
        for (unsigned i = 0; i < 20; i++)
                http_stream_write(w->stream, piece, sizeof(piece));
        until_ms = clock_monotonic_ms() + 100;
        WAIT_UNTIL(w->loop, clock_monotonic_ms() > until_ms);
        assert_true(w->n_received < 20 * sizeof(piece));
        assert_true(http_stream_queued_bytes(w->stream) > 0);
        assert_int_equal(w->n_drained, 0);
        w->trick = NOTHING;
        http_op_pause(w->op, false);
        WAIT_UNTIL(w->loop, w->n_received == 20 * sizeof(piece));
        assert_int_equal(w->n_drained, 1);
        http_stream_close(take(w->stream));
        WAIT_UNTIL(w->loop, w->n_done == 1);
        assert_int_equal(w->fault, 0);
}

static void may_go_on_from_inside(void **state)
{
        World *w = *state;
        Buf text = {0};

        for (unsigned i = 0; i < 300000; i++)
                buf_printf(&text, "%u ", i);
        start(w, "/stream", 5000);
        WAIT_UNTIL(w->loop, w->n_heads == 1);
        w->trick = TOGGLE_AT_DATA;
        http_stream_write(w->stream, buf_bytes(&text), buf_len(&text));
        http_stream_close(take(w->stream));
        WAIT_UNTIL(w->loop, w->n_done == 1);
        assert_int_equal(w->n_received, buf_len(&text));
        assert_memory_equal(buf_bytes(&w->received), buf_bytes(&text), buf_len(&text));
        buf_deinit(&text);
}

static void may_be_ended_from_inside(void **state)
{
        World *w = *state;

        for (w->trick = CANCEL_AT_HEAD; w->trick <= CANCEL_AT_DATA; w->trick++) {
                start(w, "/stream", 5000);
                WAIT_UNTIL(w->loop, w->stream);
                http_stream_write(w->stream, "x", 1);
                WAIT_UNTIL(w->loop, !w->stream); /* the server sees it go */
        }
        assert_int_equal(w->n_received, 1);
        for (w->trick = FREE_AT_HEAD; w->trick <= FREE_AT_DATA; w->trick++) {
                if (!w->client)
                        assert_int_equal(http_client_new(&w->client, w->loop, "tester/1"), 0);
                start(w, "/stream", 5000);
                WAIT_UNTIL(w->loop, w->stream);
                http_stream_write(w->stream, "x", 1);
                WAIT_UNTIL(w->loop, !w->stream);
        }
        assert_int_equal(w->n_done, 0);
}

#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(passes_an_answer_on_while_it_arrives),
                TEST(passes_short_answers_on),
                TEST(has_a_deadline_until_the_head),
                TEST(tells_of_an_answer_that_breaks_off),
                TEST(a_paused_stream_pushes_back),
                TEST(may_go_on_from_inside),
                TEST(may_be_ended_from_inside),
        };

        return cmocka_run_group_tests_name("net/http-stream", tests, NULL, NULL);
}
