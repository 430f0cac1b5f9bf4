/* The HTTP server over loopback, spoken to byte by byte where it matters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "net/http-server.h"
#include "net/sse.h"
#include "test-net-client.h"

typedef struct World {
        Loop *loop;
        HttpServer *server;
        unsigned port;
        HttpRequest *held[8];
        unsigned n_held, n_requests, n_aborted, n_stream_closed;
        HttpStream *stream;
        WsPeer *peer;
        Buf log;
} World;

static void on_stream_close(void *userdata)
{
        World *w = userdata;

        w->n_stream_closed++;
        w->stream = NULL;
}

static void on_ws_text(void *userdata, const char *data, size_t n_bytes)
{
        World *w = userdata;

        if (n_bytes == 4 && memcmp(data, "quit", 4) == 0)
                ws_peer_close(w->peer, 1000, "asked");
        else if (n_bytes == 3 && memcmp(data, "cut", 3) == 0)
                ws_peer_abort(take(w->peer));
        else
                ws_peer_send_text(w->peer, data, n_bytes);
}

static void on_ws_end(void *userdata, unsigned code, const char *reason)
{
        World *w = userdata;

        buf_printf(&w->log, "end:%u:%s;", code, reason);
        w->peer = NULL;
}

static const WsPeerEvents WS_EVENTS = {.on_text = on_ws_text, .on_end = on_ws_end};

static void answer_echo(HttpRequest *req)
{
        size_t n_body;
        const char *body = http_request_body(req, &n_body);
        HttpHeader header = {"X-Path", http_request_path(req)};

        http_respond(req, 200, &header, 1, body, n_body);
}

static void answer_injection(HttpRequest *req)
{
        HttpHeader headers[] = {{"X-Bad", "a\r\nX-Evil: 1"}, {"Content-Length", "999"}, {"X-Good", "1"}};

        http_respond(req, 200, headers, 3, "ok", 2);
}

static void on_request(void *userdata, HttpRequest *req)
{
        World *w = userdata;
        const char *path = http_request_path(req);

        w->n_requests++;
        http_request_set_userdata(req, w);
        if (str_equal(path, "/hold"))
                w->held[w->n_held++] = req;
        else if (str_equal(path, "/json"))
                http_respond_json(req, 200, json_pack("{s:s}", "query", http_request_query(req)));
        else if (str_equal(path, "/error"))
                http_respond_error(req, 422, "invalid", "No such thing.", "name");
        else if (str_equal(path, "/empty"))
                http_respond(req, 204, NULL, 0, NULL, 0);
        else if (str_equal(path, "/inject"))
                answer_injection(req);
        else if (str_equal(path, "/stream"))
                w->stream = http_stream_open(req, 200, "text/event-stream", on_stream_close, w);
        else if (str_equal(path, "/ws"))
                (void) http_upgrade(req, 1000, &WS_EVENTS, w, &w->peer);
        else if (str_equal(path, "/free"))
                http_server_free(take(w->server));
        else
                answer_echo(req);
}

static void on_abort(void *userdata, HttpRequest *req)
{
        World *w = userdata;

        assert_ptr_equal(http_request_userdata(req), w);
        w->n_aborted++;
}

static int setup_with(void **state, int64_t idle_timeout_ms)
{
        World *w = mem_new(World);
        HttpServerConfig config = {
                .listen = "127.0.0.1:0",
                .max_head_bytes = 2048,
                .max_body_bytes = 1000,
                .max_connections = 4,
                .idle_timeout_ms = idle_timeout_ms,
                .on_request = on_request,
                .on_abort = on_abort,
                .userdata = w,
        };

        if (loop_new(&w->loop) < 0 || http_server_new(&w->server, w->loop, &config) < 0)
                return -1;
        w->port = http_server_port(w->server);
        *state = w;
        return 0;
}

static int setup(void **state)
{
        return setup_with(state, 60000);
}

static int setup_impatient(void **state)
{
        return setup_with(state, 100);
}

static int teardown(void **state)
{
        World *w = *state;

        ws_peer_abort(w->peer);
        http_server_free(w->server);
        loop_free(w->loop);
        buf_deinit(&w->log);
        free(w);
        return 0;
}

#define HOST "Host: x\r\n"

static void exchange(World *w, const char *request, const char *expected)
{
        Client c;

        client_open(&c, w->loop, w->port);
        client_send_str(&c, request);
        client_expect(&c, expected);
        client_close(&c);
}

/* The request is refused with this status, and the connection is closed after it. */
static void refused(World *w, const char *request, const char *status)
{
        Client c;
        char line[32];

        snprintf(line, sizeof(line), "HTTP/1.1 %s ", status);
        client_open(&c, w->loop, w->port);
        client_send_str(&c, request);
        client_expect(&c, "}}");
        assert_int_equal(strncmp(client_text(&c), line, strlen(line)), 0);
        assert_non_null(strstr(client_text(&c), "{\"error\":{\"code\":"));
        assert_non_null(strstr(client_text(&c), "Connection: close\r\n"));
        client_expect_eof(&c);
        client_close(&c);
        assert_int_equal(w->n_requests, 0);
}

static void answers_simple_requests(void **state)
{
        World *w = *state;

        exchange(w, "GET /a%20b?x=1 HTTP/1.1\r\n" HOST "\r\n", "X-Path: /a b\r\n");
        exchange(w, "GET http://host:80/p?q HTTP/1.1\r\n" HOST "\r\n", "X-Path: /p\r\n");
        exchange(w, "GET http://host?q HTTP/1.1\r\n" HOST "\r\n", "X-Path: /\r\n");
        exchange(w, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "X-Path: *\r\n");
        exchange(w, "GET /json?a=b%20c HTTP/1.1\r\n" HOST "\r\n", "{\"query\":\"a=b%20c\"}");
        exchange(w, "GET /error HTTP/1.1\r\n" HOST "\r\n",
                 "{\"error\":{\"code\":\"invalid\",\"message\":\"No such thing.\",\"field\":\"name\"}}");
        exchange(w, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", "\r\n\r\nhello");
        exchange(w,
                 "POST / HTTP/1.1\r\n" HOST
                 "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n",
                 "Content-Length: 6\r\n\r\nhello!");
}

static void leaves_bodies_out_where_http_has_none(void **state)
{
        World *w = *state;
        Client c;

        client_open(&c, w->loop, w->port);
        client_send_str(&c, "HEAD /json HTTP/1.1\r\n" HOST "\r\nGET /empty HTTP/1.1\r\n" HOST "\r\n"
                            "GET /last HTTP/1.1\r\n" HOST "\r\n");
        client_expect(&c, "X-Path: /last\r\n");
        assert_null(strstr(client_text(&c), "query"));
        assert_non_null(strstr(client_text(&c), "Content-Length: 12\r\n\r\nHTTP/1.1 204"));
        client_close(&c);
}

static void keeps_its_hands_on_the_framing(void **state)
{
        World *w = *state;
        Client c;

        client_open(&c, w->loop, w->port);
        client_send_str(&c, "GET /inject HTTP/1.1\r\n" HOST "\r\n");
        client_expect(&c, "\r\n\r\nok");
        assert_null(strstr(client_text(&c), "Evil"));
        assert_null(strstr(client_text(&c), "999"));
        assert_non_null(strstr(client_text(&c), "X-Good: 1\r\n"));
        client_close(&c);
}

static void serves_http_1_0(void **state)
{
        World *w = *state;
        Client c;

        client_open(&c, w->loop, w->port);
        client_send_str(&c, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        client_expect(&c, "Connection: keep-alive\r\n");
        client_send_str(&c, "GET /b HTTP/1.0\r\n\r\n");
        client_expect(&c, "X-Path: /b\r\n");
        client_expect_eof(&c);
        client_close(&c);

        client_open(&c, w->loop, w->port);
        client_send_str(&c, "GET /stream HTTP/1.0\r\n\r\n");
        WAIT_UNTIL(w->loop, w->stream);
        http_stream_write(w->stream, "piece", 5);
        http_stream_close(w->stream);
        client_expect_eof(&c);
        assert_non_null(strstr(client_text(&c), "\r\n\r\npiece"));
        assert_null(strstr(client_text(&c), "chunked"));
        client_close(&c);
}

static void answers_pipelined_requests_in_order(void **state)
{
        World *w = *state;
        Client c;
        const char *a, *b;

        client_open(&c, w->loop, w->port);
        client_send_str(&c, "GET /hold HTTP/1.1\r\n" HOST "\r\nPOST /b HTTP/1.1\r\n" HOST
                            "Content-Length: 3\r\n\r\none"
                            "GET /c HTTP/1.1\r\n" HOST "\r\n");
        WAIT_UNTIL(w->loop, w->n_held == 1);
        assert_int_equal(w->n_requests, 1);
        http_respond_text(w->held[0], 200, "text/plain", "held");
        client_expect(&c, "X-Path: /c\r\n");
        a = strstr(client_text(&c), "held");
        b = strstr(client_text(&c), "\r\n\r\none");
        assert_true(a && b && a < b);
        assert_int_equal(w->n_requests, 3);
        client_close(&c);
}

static void refuses_malformed_requests(void **state)
{
        World *w = *state;

        refused(w, "nonsense\r\n\r\n", "400");
        refused(w, "GET / HTTP/1.1\r\n\r\n", "400"); /* no Host */
        refused(w, "GET / HTTP/1.1\r\n" HOST HOST "\r\n", "400");
        refused(w, "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", "400"); /* obs-fold */
        refused(w, "GET / HTTP/1.1\r\n" HOST "X : a\r\n\r\n", "400");
        refused(w, "GET / HTTP/1.1\n" HOST "\r\n", "400"); /* a bare LF */
        refused(w, "GET / HTTP/1.1\r\n" HOST "X: a\nY: b\r\n\r\n", "400");
        refused(w, "GET /%zz HTTP/1.1\r\n" HOST "\r\n", "400");
        refused(w, "GET /a%00b HTTP/1.1\r\n" HOST "\r\n", "400");
        refused(w, "CONNECT host:80 HTTP/1.1\r\n" HOST "\r\n", "400");
        refused(w, "GET / HTTP/2.0\r\n" HOST "\r\n", "505");
        refused(w,
                "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "400");
        refused(w,
                "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
                "400");
        refused(w, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400");
        refused(w, "POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\na", "400");
        refused(w, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501");
        refused(w, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501");
        refused(w, "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400");
        refused(w, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "400");
}

/* `n` times `unit` between `head` and `tail`. */
static char *repeat(const char *head, const char *unit, unsigned n, const char *tail)
{
        Buf out = {0};

        buf_append_str(&out, head);
        for (unsigned i = 0; i < n; i++)
                buf_append_str(&out, unit);
        buf_append_str(&out, tail);
        return buf_take(&out);
}

static void refuses_what_is_over_a_limit(void **state)
{
        World *w = *state;
        struct {
                const char *head, *unit;
                unsigned n;
                const char *tail, *status;
        } cases[] = {
                {"GET /", "a", 1100, " HTTP/1.1\r\n" HOST "\r\n", "414"},
                {"GET /", "a", 5000, "", "414"},
                {"GET / HTTP/1.1\r\n" HOST "X: ", "a", 5000, "\r\n\r\n", "431"},
                {"GET / HTTP/1.1\r\n" HOST, "A:\r\n", 130, "\r\n", "431"},
                {"", "\r\n", 2000, "", "431"},
                {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n", "a", 1, "", "413"},
                {"POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999\r\n\r\n", "a", 1, "", "413"},
                {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", "2\r\nab\r\n", 501, "",
                 "413"},
                {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;", "a", 3000, "=b\r\n",
                 "431"},
                {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n", 2000, "",
                 "431"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *request =
                        repeat(cases[i].head, cases[i].unit, cases[i].n, cases[i].tail);

                refused(w, request, cases[i].status);
        }
        {
                _cleanup_free_ char *request =
                        repeat("POST / HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n", "a", 1000, "");

                exchange(w, request, "Content-Length: 1000\r\n");
        }
}

static void the_answer_survives_a_client_that_keeps_sending(void **state)
{
        World *w = *state;
        _cleanup_free_ char *request =
                repeat("POST / HTTP/1.1\r\n" HOST "Content-Length: 9000000\r\n\r\n", "aaaaaaaaaa", 50000, "");

        refused(w, request, "413");
}

static void says_continue_to_who_waits_for_it(void **state)
{
        World *w = *state;
        Client c;

        client_open(&c, w->loop, w->port);
        client_send_str(&c, "POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
        client_expect(&c, "HTTP/1.1 100 Continue\r\n\r\n");
        client_send_str(&c, "ok");
        client_expect(&c, "\r\n\r\nok");
        client_close(&c);
}

static void tells_the_handler_that_the_client_is_gone(void **state)
{
        World *w = *state;
        Client c;

        client_open(&c, w->loop, w->port);
        client_send_str(&c, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
        WAIT_UNTIL(w->loop, w->n_held == 1);
        assert_int_equal(strncmp(http_request_peer(w->held[0]), "127.0.0.1:", 10), 0);
        client_close(&c);
        WAIT_UNTIL(w->loop, w->n_aborted == 1);
}

static void a_client_may_end_its_direction_first(void **state)
{
        World *w = *state;
        Client c;

        client_open(&c, w->loop, w->port);
        client_send_str(&c, "GET /a HTTP/1.1\r\n" HOST "\r\n");
        shutdown(c.fd, SHUT_WR);
        client_expect(&c, "X-Path: /a\r\n");
        client_expect_eof(&c);
        client_close(&c);
}

static void a_slow_request_meets_its_deadline(void **state)
{
        World *w = *state;
        Client c, silent;
        int64_t start_ms = clock_monotonic_ms();

        client_open(&silent, w->loop, w->port);
        client_open(&c, w->loop, w->port);
        client_send_str(&c, "GET / HTTP/1.1\r\nHost:");
        while (clock_monotonic_ms() - start_ms < 3000 && !c.eof) { /* one byte now and then does not help */
                client_send_str(&c, " ");
                poll(NULL, 0, 10);
        }
        assert_int_equal(strncmp(client_text(&c), "HTTP/1.1 408 ", 13), 0);
        assert_in_range(clock_monotonic_ms() - start_ms, 100, 2900);
        client_expect_eof(&silent); /* who says nothing is told nothing */
        assert_int_equal(buf_len(&silent.in), 0);
        client_close(&c);
        client_close(&silent);
}

static void a_client_that_reads_nothing_is_cut(void **state)
{
        World *w = *state;
        Client c;
        char *piece = mem_zalloc(1 << 20);

        client_open(&c, w->loop, w->port);
        client_send_str(&c, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
        WAIT_UNTIL(w->loop, w->stream);
        for (unsigned i = 0; i < 32; i++)
                http_stream_write(w->stream, piece, 1 << 20);
        turn_loop(w->loop);
        assert_true(http_stream_queued_bytes(w->stream) > 0);
        WAIT_UNTIL(w->loop, w->n_stream_closed == 1);
        client_close(&c);
        free(piece);
}

static void streams_events(void **state)
{
        World *w = *state;
        Client c;
        Buf event = {0};

        client_open(&c, w->loop, w->port);
        client_send_str(&c, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
        WAIT_UNTIL(w->loop, w->stream);
        client_expect(&c, "Transfer-Encoding: chunked\r\n");
        sse_format(&event, "tick", "7", "a\nb");
        http_stream_write(w->stream, event.data, buf_len(&event));
        http_stream_write(w->stream, "", 0);
        client_expect(&c, "\r\n\r\n23\r\nevent: tick\nid: 7\ndata: a\ndata: b\n\n\r\n");
        http_stream_close(take(w->stream));
        client_expect(&c, "\r\n0\r\n\r\n");
        client_send_str(&c, "GET /again HTTP/1.1\r\n" HOST "\r\n");
        client_expect(&c, "X-Path: /again\r\n");
        assert_int_equal(w->n_stream_closed, 0);
        client_send_str(&c, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
        WAIT_UNTIL(w->loop, w->stream);
        client_close(&c);
        WAIT_UNTIL(w->loop, w->n_stream_closed == 1);
        buf_deinit(&event);
}

static void refuses_more_connections_than_allowed(void **state)
{
        World *w = *state;
        Client c[5];

        for (unsigned i = 0; i < 5; i++)
                client_open(&c[i], w->loop, w->port);
        client_expect_eof(&c[4]);
        client_close(&c[0]);
        for (unsigned i = 1; i < 4; i++)
                client_send_str(&c[i], "GET /a HTTP/1.1\r\n" HOST "\r\n");
        for (unsigned i = 1; i < 4; i++)
                client_expect(&c[i], "X-Path: /a\r\n");
        exchange(w, "GET /b HTTP/1.1\r\n" HOST "\r\n", "X-Path: /b\r\n");
        for (unsigned i = 1; i < 5; i++)
                client_close(&c[i]);
}

static void outlasts_a_lack_of_file_descriptors(void **state)
{
        World *w = *state;
        Client c;
        int fds[4096];
        size_t n = 0;

        client_open(&c, w->loop, w->port);
        while (n < ELEMENTSOF(fds) && (fds[n] = dup(c.fd)) >= 0)
                n++;
        assert_true(n == ELEMENTSOF(fds) || errno == EMFILE); /* valgrind does not keep the limit */
        for (unsigned i = 0; i < 20; i++)
                turn_loop(w->loop);
        while (n > 0)
                close(fds[--n]);
        client_send_str(&c, "GET /a HTTP/1.1\r\n" HOST "\r\n");
        client_expect(&c, "X-Path: /a\r\n");
        client_close(&c);
}

static void the_server_may_be_freed_in_a_handler(void **state)
{
        World *w = *state;
        Client held, c;

        client_open(&held, w->loop, w->port);
        client_send_str(&held, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
        WAIT_UNTIL(w->loop, w->n_held == 1);
        client_open(&c, w->loop, w->port);
        client_send_str(&c, "GET /free HTTP/1.1\r\n" HOST "\r\nGET /a HTTP/1.1\r\n" HOST "\r\n");
        client_expect_eof(&c);
        client_expect_eof(&held);
        assert_int_equal(w->n_aborted, 0);
        client_close(&c);
        client_close(&held);
}

#define HANDSHAKE                                                                                            \
        "GET /ws HTTP/1.1\r\n" HOST "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"              \
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static void upgrades_to_websocket(void **state)
{
        World *w = *state;
        Client c;

        client_open(&c, w->loop, w->port);
        /* A client that does not wait for the 101. */
        client_send(&c, HANDSHAKE "\x81\x82\0\0\0\0hi", sizeof(HANDSHAKE) - 1 + 8);
        client_expect(&c, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02hi");
        client_send(&c, "\x81\x82\0\0\0\0yo", 8);
        client_expect(&c, "\x81\x02yo");
        client_send(&c, "\x81\x84\0\0\0\0quit", 10);
        client_expect(&c, "\x88\x07\x03\xE8"
                          "asked");
        client_send(&c, "\x88\x82\0\0\0\0\x03\xE8", 8);
        client_expect_eof(&c);
        assert_string_equal(buf_bytes(&w->log), "end:1000:;");
        client_close(&c);
}

static void ws_open(Client *c, World *w)
{
        client_open(c, w->loop, w->port);
        client_send_str(c, HANDSHAKE);
        client_expect(c, "\r\n\r\n");
        buf_clear(&c->in);
        buf_clear(&w->log);
}

static void a_websocket_ends_in_each_way(void **state)
{
        World *w = *state;
        Client c;

        ws_open(&c, w); /* the client just goes */
        client_close(&c);
        WAIT_UNTIL(w->loop, !w->peer);
        assert_string_equal(buf_bytes(&w->log), "end:1006:;");

        ws_open(&c, w); /* it says so */
        client_send(&c, "\x88\x84\0\0\0\0\x03\xE9ok", 10);
        client_expect_eof(&c);
        assert_string_equal(buf_bytes(&w->log), "end:1001:ok;");
        assert_memory_equal(client_text(&c), "\x88\x02\x03\xE9", 4);
        client_close(&c);

        ws_open(&c, w); /* it breaks the rules, and keeps sending */
        client_send(&c, "\x81\xFE\x10\x00\0\0\0\0abcdefghijkl", 20);
        client_expect(&c, "\x88\x11\x03\xF1message too big");
        client_send(&c, "abcdefghijkl", 12);
        client_expect_eof(&c);
        client_close(&c);
        WAIT_UNTIL(w->loop, !w->peer);
        assert_string_equal(buf_bytes(&w->log), "end:1009:message too big;");

        ws_open(&c, w); /* it is cut from inside a callback, with another message behind */
        client_send(&c, "\x81\x83\0\0\0\0cut\x81\x82\0\0\0\0hi", 17);
        client_expect_eof(&c);
        assert_null(w->peer);
        assert_int_equal(buf_len(&w->log), 0);
        assert_int_equal(buf_len(&c.in), 0);
        client_close(&c);

        ws_open(&c, w); /* it never answers our close */
        ws_peer_close(w->peer, 1001, "bye");
        client_expect(&c, "\x88\x05\x03\xE9"
                          "bye");
        client_expect_eof(&c);
        assert_string_equal(buf_bytes(&w->log), "end:1006:;");
        client_close(&c);
}

static void a_paused_websocket_reads_nothing(void **state)
{
        World *w = *state;
        Client c;
        int64_t until_ms;

        ws_open(&c, w);
        ws_peer_pause_reading(w->peer, true);
        client_send(&c, "\x81\x82\0\0\0\0hi", 8);
        until_ms = clock_monotonic_ms() + 50;
        WAIT_UNTIL(w->loop, clock_monotonic_ms() > until_ms);
        client_receive(&c);
        assert_int_equal(buf_len(&c.in), 0);
        ws_peer_pause_reading(w->peer, false);
        client_expect(&c, "\x81\x02hi");
        client_close(&c);
        WAIT_UNTIL(w->loop, !w->peer);
}

static void refuses_what_is_not_a_handshake(void **state)
{
        World *w = *state;
        const char *const bad[] = {
                "GET /ws HTTP/1.1\r\n" HOST
                "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
                "GET /ws HTTP/1.1\r\n" HOST
                "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: short\r\n\r\n",
                "POST /ws HTTP/1.1\r\n" HOST
                "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                exchange(w, bad[i], "HTTP/1.1 400 Bad Request\r\n");
        exchange(w, "GET /ws HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 426 Upgrade Required\r\n");
        exchange(w,
                 "GET /ws HTTP/1.1\r\n" HOST
                 "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 8\r\n\r\n",
                 "Sec-WebSocket-Version: 13\r\n");
        assert_null(w->peer);
        /* An offer to upgrade that is not taken up leaves HTTP as it is. */
        exchange(w,
                 "GET /a HTTP/1.1\r\n" HOST
                 "Upgrade: h2c\r\nConnection: upgrade\r\n\r\nGET /b HTTP/1.1\r\n" HOST "\r\n",
                 "X-Path: /b\r\n");
}

static void says_why_it_cannot_listen(void **state)
{
        World *w = *state;
        HttpServer *s = NULL;
        HttpServerConfig config = {.listen = "127.0.0.1", .on_request = on_request};
        char taken[32];

        assert_true(http_server_new(&s, w->loop, &config) < 0);
        config.listen = "no such host:80";
        assert_true(http_server_new(&s, w->loop, &config) < 0);
        snprintf(taken, sizeof(taken), "127.0.0.1:%u", w->port);
        config.listen = taken;
        assert_true(http_server_new(&s, w->loop, &config) < 0);
        assert_null(s);
}

#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, setup, teardown)

int main(void)
{
        const struct rlimit few_descriptors = {.rlim_cur = 256, .rlim_max = 256};
        const struct CMUnitTest tests[] = {
                TEST(answers_simple_requests),
                TEST(leaves_bodies_out_where_http_has_none),
                TEST(keeps_its_hands_on_the_framing),
                TEST(serves_http_1_0),
                TEST(answers_pipelined_requests_in_order),
                TEST(refuses_malformed_requests),
                TEST(refuses_what_is_over_a_limit),
                TEST(the_answer_survives_a_client_that_keeps_sending),
                TEST(says_continue_to_who_waits_for_it),
                TEST(tells_the_handler_that_the_client_is_gone),
                TEST(a_client_may_end_its_direction_first),
                cmocka_unit_test_setup_teardown(a_slow_request_meets_its_deadline, setup_impatient, teardown),
                cmocka_unit_test_setup_teardown(a_client_that_reads_nothing_is_cut, setup_impatient,
                                                teardown),
                TEST(streams_events),
                TEST(refuses_more_connections_than_allowed),
                TEST(outlasts_a_lack_of_file_descriptors),
                TEST(the_server_may_be_freed_in_a_handler),
                TEST(upgrades_to_websocket),
                TEST(a_websocket_ends_in_each_way),
                TEST(a_paused_websocket_reads_nothing),
                TEST(refuses_what_is_not_a_handshake),
                TEST(says_why_it_cannot_listen),
        };

        setrlimit(RLIMIT_NOFILE, &few_descriptors);
        return cmocka_run_group_tests_name("net/http-server", tests, NULL, NULL);
}
