/* The HTTP client and the WebSocket dialler against our own server, and against a bare socket where a server
 * has to misbehave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>

#include "net/http-client.h"
#include "net/http-server.h"
#include "test-net-client.h"

#define SLOW_NAME_MS 3000

/* In place of the system's: one name takes long. Other threads than the loop's are the ones that ask. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret)
{
        int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

        if (host && strcmp(host, "slow.test") == 0) {
                poll(NULL, 0, SLOW_NAME_MS);
                return EAI_NONAME;
        }
        *(void **) &real = dlsym(RTLD_NEXT, "getaddrinfo");
        return real(host, port, hints, ret);
}

typedef struct World {
        Loop *loop;
        HttpServer *server;
        HttpClient *client;
        char base[64];
        unsigned n_requests;
        HttpRequest *held;
        WsPeer *server_peer;
        bool free_client_in_done;

        /* The last outcome. */
        unsigned n_done, status;
        int fault;
        bool sent;
        int64_t retry_after_ms, date_ms;
        char *body, *error;
        WsPeer *peer;
        Buf log, server_log;
} World;

static void echo_text(void *userdata, const char *data, size_t n_bytes)
{
        World *w = userdata;

        ws_peer_send_text(w->server_peer, data, n_bytes);
}

static void echo_binary(void *userdata, const uint8_t *data, size_t n_bytes)
{
        World *w = userdata;

        ws_peer_send_binary(w->server_peer, data, n_bytes);
}

static void server_end(void *userdata, unsigned code, const char *reason)
{
        World *w = userdata;

        buf_printf(&w->server_log, "end:%u:%s;", code, reason);
        w->server_peer = NULL;
}

static const WsPeerEvents SERVER_EVENTS = {
        .on_text = echo_text, .on_binary = echo_binary, .on_end = server_end};

static void answer_everything(HttpRequest *req)
{
        Buf text = {0};
        HttpHeader header;
        size_t n_body;
        const char *body = http_request_body(req, &n_body);

        buf_printf(&text, "%s %s\n", http_request_method(req), http_request_target(req));
        for (size_t i = 0; http_request_header_at(req, i, &header); i++)
                buf_printf(&text, "%s: %s\n", header.name, header.value);
        buf_printf(&text, "\n%.*s", (int) MIN2(n_body, (size_t) 100), body);
        http_respond_text(req, 200, "text/plain", buf_bytes(&text));
        buf_deinit(&text);
}

static void on_request(void *userdata, HttpRequest *req)
{
        World *w = userdata;
        const char *path = http_request_path(req);
        const HttpHeader retry = {"Retry-After", "7"};

        w->n_requests++;
        if (str_equal(path, "/hold"))
                w->held = req;
        else if (str_equal(path, "/limited"))
                http_respond(req, 429, &retry, 1, "", 0);
        else if (str_equal(path, "/large"))
                http_respond_text(req, 200, "text/plain", "0123456789");
        else if (str_equal(path, "/ws"))
                (void) http_upgrade(req, 1 << 20, &SERVER_EVENTS, w, &w->server_peer);
        else if (str_equal(path, "/moved"))
                http_respond(req, 302, &(HttpHeader){"Location", "/elsewhere"}, 1, "", 0);
        else
                answer_everything(req);
}

static void on_abort(void *userdata, HttpRequest *req)
{
        World *w = userdata;

        assert_ptr_equal(w->held, req);
        w->held = NULL;
}

static int setup(void **state)
{
        World *w = mem_new(World);
        HttpServerConfig config = {
                .listen = "127.0.0.1:0",
                .on_request = on_request,
                .on_abort = on_abort,
                .userdata = w,
        };

        setenv("no_proxy", "*", 1); /* a proxy of the environment must not see loopback */
        if (loop_new(&w->loop) < 0 || http_server_new(&w->server, w->loop, &config) < 0 ||
            http_client_new(&w->client, w->loop, "tester/1") < 0)
                return -1;
        snprintf(w->base, sizeof(w->base), "http://127.0.0.1:%u", http_server_port(w->server));
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        World *w = *state;

        ws_peer_abort(w->peer);
        ws_peer_abort(w->server_peer);
        http_client_free(w->client);
        http_server_free(w->server);
        loop_free(w->loop);
        free(w->body);
        free(w->error);
        buf_deinit(&w->log);
        buf_deinit(&w->server_log);
        free(w);
        return 0;
}

static void on_dialled(void *userdata, const WsDialResult *result);

static void on_done(void *userdata, const HttpResult *result)
{
        World *w = userdata;

        w->n_done++;
        w->fault = result->fault;
        w->sent = result->sent;
        w->status = result->status;
        w->retry_after_ms = result->retry_after_ms;
        w->date_ms = result->date_ms;
        free(w->body);
        w->body = result->body ? mem_strndup(result->body, result->n_body) : NULL;
        mem_strset(&w->error, result->error);
        assert_true((result->fault < 0) == (result->error != NULL));
        if (w->free_client_in_done)
                http_client_free(take(w->client));
}

static void send_call(World *w, HttpCall call, const char *path, HttpOp **ret_op)
{
        _cleanup_free_ char *url = mem_printf("%s%s", *path == '/' ? w->base : "", path);

        call.url = url;
        if (!call.timeout_ms)
                call.timeout_ms = 5000;
        if (!call.max_response_bytes)
                call.max_response_bytes = 100000;
        assert_int_equal(http_client_send(w->client, &call, on_done, w, ret_op), 0);
}

static void perform(World *w, HttpCall call, const char *path)
{
        unsigned n = w->n_done;

        send_call(w, call, path, NULL);
        assert_int_equal(w->n_done, n); /* never from inside the call */
        WAIT_UNTIL(w->loop, w->n_done > n);
}

static void sends_what_it_is_told(void **state)
{
        World *w = *state;
        const char *const headers[] = {"X-One: 1", "Content-Type: application/json", NULL};

        perform(w, (HttpCall){.method = "GET"}, "/a?b=c");
        assert_int_equal(w->fault, 0);
        assert_int_equal(w->status, 200);
        assert_true(w->sent);
        assert_int_equal(w->retry_after_ms, -1);
        assert_non_null(strstr(w->body, "GET /a?b=c\n"));
        assert_non_null(strstr(w->body, "User-Agent: tester/1\n"));

        perform(w, (HttpCall){.method = "POST", .headers = headers, .body = "{\"a\":1}", .n_body = 7}, "/p");
        assert_non_null(strstr(w->body, "POST /p\n"));
        assert_non_null(strstr(w->body, "X-One: 1\n"));
        assert_non_null(strstr(w->body, "Content-Type: application/json\n"));
        assert_non_null(strstr(w->body, "Content-Length: 7\n"));
        assert_null(strstr(w->body, "Expect"));
        assert_non_null(strstr(w->body, "\n\n{\"a\":1}"));

        perform(w, (HttpCall){.method = "POST"}, "/p");
        assert_non_null(strstr(w->body, "Content-Length: 0\n"));
        assert_null(strstr(w->body, "Content-Type"));
        perform(w, (HttpCall){.method = "DELETE"}, "/d");
        assert_non_null(strstr(w->body, "DELETE /d\n"));
        perform(w, (HttpCall){.method = "PUT", .body = "x", .n_body = 1}, "/d");
        assert_non_null(strstr(w->body, "PUT /d\n"));
        perform(w, (HttpCall){.method = "HEAD"}, "/d");
        assert_int_equal(w->status, 200);
        assert_string_equal(w->body, "");
        perform(w, (HttpCall){.method = "GET"}, "/moved");
        assert_int_equal(w->status, 302);
}

static void sends_large_bodies(void **state)
{
        World *w = *state;
        char *body = mem_alloc(900000);

        memset(body, 'b', 900000);
        perform(w, (HttpCall){.method = "POST", .body = body, .n_body = 900000}, "/p");
        assert_int_equal(w->status, 200);
        assert_non_null(strstr(w->body, "Content-Length: 900000\n"));
        free(body);
}

static void reports_retry_after(void **state)
{
        World *w = *state;

        perform(w, (HttpCall){.method = "GET"}, "/limited");
        assert_int_equal(w->status, 429);
        assert_int_equal(w->retry_after_ms, 7000);
}

static void reports_the_servers_clock(void **state)
{
        World *w = *state;
        int64_t before_ms = clock_realtime_ms();

        perform(w, (HttpCall){.method = "GET"}, "/limited");
        assert_in_range(w->date_ms, before_ms - 1000, clock_realtime_ms());
        assert_int_equal(w->date_ms % 1000, 0);
}

static void limits_the_answer(void **state)
{
        World *w = *state;

        perform(w, (HttpCall){.method = "GET", .max_response_bytes = 10}, "/large");
        assert_int_equal(w->status, 200);
        perform(w, (HttpCall){.method = "GET", .max_response_bytes = 9}, "/large");
        assert_true(w->fault < 0);
        assert_int_equal(w->status, 0);
        assert_true(w->sent);
        assert_string_equal(w->error, "the answer is too large");
}

static void keeps_its_deadline(void **state)
{
        World *w = *state;
        int64_t start_ms = clock_monotonic_ms();

        perform(w, (HttpCall){.method = "GET", .timeout_ms = 80}, "/hold");
        assert_true(w->fault < 0);
        assert_true(w->sent);
        assert_in_range(clock_monotonic_ms() - start_ms, 70, 2000);
        WAIT_UNTIL(w->loop, !w->held); /* the server sees it go */
}

static void a_slow_name_does_not_stop_the_loop(void **state)
{
        World *w = *state;
        HttpOp *op = NULL;
        int64_t start_ms = clock_monotonic_ms(), until_ms = start_ms + 50;

        send_call(w, (HttpCall){.method = "GET"}, "http://slow.test/", &op);
        WAIT_UNTIL(w->loop, clock_monotonic_ms() > until_ms);
        http_op_cancel(op);
        assert_int_equal(ws_dial(w->client, "ws://slow.test/", NULL, 1, 5000, on_dialled, w, &op), 0);
        until_ms += 50;
        WAIT_UNTIL(w->loop, clock_monotonic_ms() > until_ms);
        http_op_cancel(op);
        perform(w, (HttpCall){.method = "GET", .timeout_ms = 50}, "http://slow.test/");
        assert_true(w->fault < 0);
        assert_false(w->sent);
        assert_in_range(clock_monotonic_ms() - start_ms, 150, SLOW_NAME_MS - 500);
}

/* A bare listening socket; the port in *ret_port. */
static int listen_bare(unsigned *ret_port)
{
        struct sockaddr_in address = {.sin_family = AF_INET};
        socklen_t n = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, n), 0);
        assert_int_equal(listen(fd, 8), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &n), 0);
        *ret_port = ntohs(address.sin_port);
        return fd;
}

static void accept_bare(World *w, int listener, Client *ret)
{
        *ret = (Client){.loop = w->loop, .fd = -1};
        WAIT_UNTIL(w->loop, (ret->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0);
}

static void knows_when_nothing_was_sent(void **state)
{
        World *w = *state;
        unsigned port;
        char url[64];

        close(listen_bare(&port)); /* nobody listens there now */
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
        perform(w, (HttpCall){.method = "POST", .body = "x", .n_body = 1}, url);
        assert_true(w->fault < 0);
        assert_false(w->sent);
}

static void never_repeats_a_request_by_itself(void **state)
{
        World *w = *state;
        unsigned port;
        int listener = listen_bare(&port), again;
        Client c;
        char url[64], byte;

        snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
        send_call(w, (HttpCall){.method = "POST", .body = "one", .n_body = 3}, url, NULL);
        accept_bare(w, listener, &c);
        client_expect(&c, "\r\n\r\none");
        client_send_str(&c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        WAIT_UNTIL(w->loop, w->n_done == 1);
        assert_int_equal(w->status, 200);

        /* The kept connection takes the second request, and dies. */
        send_call(w, (HttpCall){.method = "POST", .body = "two", .n_body = 3}, url, NULL);
        client_expect(&c, "\r\n\r\ntwo");
        client_close(&c);
        WAIT_UNTIL(w->loop, w->n_done == 2);
        assert_true(w->fault < 0);
        assert_true(w->sent);
        /* curl may have connected again, but then it had nothing to say. */
        while ((again = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
                assert_true(recv(again, &byte, 1, 0) <= 0);
                close(again);
        }
        close(listener);
}

static void refuses_calls_that_cannot_be_made(void **state)
{
        World *w = *state;
        const char *const smuggled[] = {"X: a\r\nY: b", NULL}, *const nameless[] = {"hello", NULL};
        HttpCall bad[] = {
                {.method = "GET", .url = "file:///etc/passwd"},
                {.method = "GET", .url = "http://127.0.0.1:1/", .headers = smuggled},
                {.method = "GET", .url = "http://127.0.0.1:1/", .headers = nameless},
                {.method = "GET", .url = "http://127.0.0.1:1/a b"},
                {.method = "GET / HTTP/1.1\r\nX:", .url = "http://127.0.0.1:1/"},
        };

        for (size_t i = 1; i < ELEMENTSOF(bad); i++) {
                bad[i].timeout_ms = 1000;
                assert_true(http_client_send(w->client, &bad[i], on_done, w, NULL) < 0);
        }
        bad[0].timeout_ms = 1000;
        if (http_client_send(w->client, &bad[0], on_done, w, NULL) == 0) {
                WAIT_UNTIL(w->loop, w->n_done == 1); /* the protocol is found out by curl, later */
                assert_true(w->fault < 0);
                assert_false(w->sent);
        }
}

static void cancels_without_a_callback(void **state)
{
        World *w = *state;
        HttpOp *op = NULL;

        send_call(w, (HttpCall){.method = "GET"}, "/hold", &op);
        WAIT_UNTIL(w->loop, w->held);
        http_op_cancel(op);
        WAIT_UNTIL(w->loop, !w->held);
        send_call(w, (HttpCall){.method = "GET"}, "/hold", &op);
        http_op_cancel(op); /* before anything happened */
        perform(w, (HttpCall){.method = "GET"}, "/a");
        assert_int_equal(w->n_done, 1);
}

static void the_client_may_be_freed_in_a_callback(void **state)
{
        World *w = *state;

        w->free_client_in_done = true;
        send_call(w, (HttpCall){.method = "GET"}, "/hold", NULL);
        perform(w, (HttpCall){.method = "GET"}, "/a");
        assert_int_equal(w->n_done, 1);
        WAIT_UNTIL(w->loop, !w->held);
}

static void reuses_connections_under_load(void **state)
{
        World *w = *state;

        for (unsigned round = 0; round < 20; round++) {
                unsigned n = w->n_done;

                for (unsigned i = 0; i < 50; i++)
                        send_call(w, (HttpCall){.method = "POST", .body = "x", .n_body = 1}, "/p", NULL);
                WAIT_UNTIL(w->loop, w->n_done == n + 50);
                assert_int_equal(w->fault, 0);
        }
        assert_int_equal(w->n_requests, 1000);
}

static void client_text_frame(void *userdata, const char *data, size_t n_bytes)
{
        World *w = userdata;

        if (n_bytes > 100)
                buf_printf(&w->log, "text#%zu;", n_bytes);
        else
                buf_printf(&w->log, "text:%.*s;", (int) n_bytes, data);
}

static void client_binary(void *userdata, const uint8_t *data, size_t n_bytes)
{
        buf_printf(&((World *) userdata)->log, "binary#%zu:%u;", n_bytes, data[0]);
}

static void client_ping(void *userdata, const uint8_t *data, size_t n_bytes)
{
        buf_printf(&((World *) userdata)->log, "ping:%.*s;", (int) n_bytes, (const char *) data);
}

static void client_pong(void *userdata, const uint8_t *data, size_t n_bytes)
{
        buf_printf(&((World *) userdata)->log, "pong:%.*s;", (int) n_bytes, (const char *) data);
}

static void client_end(void *userdata, unsigned code, const char *reason)
{
        World *w = userdata;

        buf_printf(&w->log, "end:%u:%s;", code, reason);
        w->peer = NULL;
}

static const WsPeerEvents CLIENT_EVENTS = {client_text_frame, client_ping, client_pong, client_end,
                                           client_binary};

static void on_dialled(void *userdata, const WsDialResult *result)
{
        World *w = userdata;

        w->n_done++;
        w->fault = result->fault;
        w->status = result->status;
        w->retry_after_ms = result->retry_after_ms;
        mem_strset(&w->error, result->error);
        w->peer = result->peer;
        assert_true((result->fault == 0) == (result->peer != NULL));
        if (w->peer)
                ws_peer_set_events(w->peer, &CLIENT_EVENTS, w);
        if (w->free_client_in_done)
                http_client_free(take(w->client));
}

static void start_dial(World *w, unsigned port, const char *path, int64_t timeout_ms)
{
        _cleanup_free_ char *url = mem_printf("ws://127.0.0.1:%u%s", port, path);
        const char *const headers[] = {"Authorization: Bearer secret", NULL};

        buf_clear(&w->log);
        assert_int_equal(ws_dial(w->client, url, headers, 100000, timeout_ms, on_dialled, w, NULL), 0);
}

static void dial(World *w, const char *path)
{
        unsigned n = w->n_done;

        start_dial(w, http_server_port(w->server), path, 5000);
        WAIT_UNTIL(w->loop, w->n_done > n);
}

static const char *log_of(World *w)
{
        return buf_bytes(&w->log);
}

static void dials_and_talks(void **state)
{
        World *w = *state;
        char *large = mem_alloc(70000);

        dial(w, "/ws");
        assert_int_equal(w->fault, 0);
        ws_peer_send_text(w->peer, "hello", 5);
        WAIT_UNTIL(w->loop, strstr(log_of(w), "text:hello;"));
        memset(large, 'x', 70000);
        ws_peer_send_text(w->peer, large, 70000);
        WAIT_UNTIL(w->loop, strstr(log_of(w), "text#70000;"));
        ws_peer_send_binary(w->peer, "\xFF\0", 2);
        WAIT_UNTIL(w->loop, strstr(log_of(w), "binary#2:255;"));
        ws_peer_send_ping(w->peer, "p1", 2);
        WAIT_UNTIL(w->loop, strstr(log_of(w), "pong:p1;"));
        ws_peer_send_ping(w->server_peer, "p2", 2);
        WAIT_UNTIL(w->loop, strstr(log_of(w), "ping:p2;"));
        assert_in_range(loop_now_ms(w->loop) - ws_peer_last_heard_ms(w->peer), 0, 1000);
        WAIT_UNTIL(w->loop, ws_peer_queued_bytes(w->peer) == 0);
        ws_peer_close(w->peer, 1000, "done");
        WAIT_UNTIL(w->loop, !w->peer && !w->server_peer);
        assert_string_equal(buf_bytes(&w->server_log), "end:1000:done;");
        assert_non_null(strstr(log_of(w), "end:1000:;"));
        free(large);
}

static void a_peer_outlives_its_client(void **state)
{
        World *w = *state;

        w->free_client_in_done = true;
        dial(w, "/ws");
        ws_peer_send_text(w->peer, "still here", 10);
        WAIT_UNTIL(w->loop, strstr(log_of(w), "text:still here;"));
        ws_peer_abort(take(w->server_peer));
        WAIT_UNTIL(w->loop, !w->peer);
        assert_non_null(strstr(log_of(w), "end:1006:"));
}

static void requests_leave_open_websockets_alone(void **state)
{
        World *w = *state;

        dial(w, "/ws");
        ws_peer_pause_reading(w->peer, true);
        ws_peer_send_text(w->server_peer, "unread", 6);
        for (unsigned i = 0; i < 3; i++)
                perform(w, (HttpCall){.method = "GET"}, "/a");
        ws_peer_pause_reading(w->peer, false);
        WAIT_UNTIL(w->loop, strstr(log_of(w), "text:unread;"));
}

static void survives_backpressure(void **state)
{
        World *w = *state;
        char *large = mem_alloc(60000);
        unsigned n = 0;

        memset(large, 'x', 60000);
        dial(w, "/ws");
        ws_peer_pause_reading(w->server_peer, true);
        for (unsigned i = 0; i < 400; i++) { /* more than the sockets hold */
                ws_peer_send_text(w->peer, large, 60000);
                turn_loop(w->loop);
        }
        assert_true(ws_peer_queued_bytes(w->peer) > 60000);
        ws_peer_pause_reading(w->server_peer, false);
        WAIT_UNTIL(w->loop, buf_len(&w->log) == 400 * strlen("text#60000;"));
        for (const char *p = log_of(w); (p = strstr(p, "text#60000;")); p++)
                n++;
        assert_int_equal(n, 400);
        free(large);
}

static void reports_refused_dials(void **state)
{
        World *w = *state;
        unsigned port;

        dial(w, "/limited");
        assert_true(w->fault < 0);
        assert_int_equal(w->status, 429);
        assert_int_equal(w->retry_after_ms, 7000);
        assert_string_equal(w->error, "the server answered with HTTP 429");
        dial(w, "/a");
        assert_int_equal(w->status, 200);
        close(listen_bare(&port));
        start_dial(w, port, "/", 5000);
        WAIT_UNTIL(w->loop, w->n_done == 3);
        assert_true(w->fault < 0);
        assert_int_equal(w->status, 0);
        assert_non_null(w->error);
        assert_true(ws_dial(w->client, "http://127.0.0.1/", NULL, 1, 1, on_dialled, w, NULL) < 0);
        assert_true(ws_dial(w->client, "ws://bad host/", NULL, 1, 1, on_dialled, w, NULL) < 0);
}

static void dial_bare(World *w, const char *answer, const char *error)
{
        unsigned port, n = w->n_done;
        int listener = listen_bare(&port);
        Client c;

        start_dial(w, port, "/x?y", 500);
        accept_bare(w, listener, &c);
        client_expect(&c, "\r\n\r\n");
        assert_non_null(strstr(client_text(&c), "GET /x?y HTTP/1.1\r\n"));
        assert_non_null(strstr(client_text(&c), "Authorization: Bearer secret\r\n"));
        if (answer)
                client_send_str(&c, answer);
        else
                shutdown(c.fd, SHUT_WR);
        WAIT_UNTIL(w->loop, w->n_done > n);
        assert_true(w->fault < 0);
        assert_string_equal(w->error, error);
        client_close(&c);
        close(listener);
}

static void checks_the_handshake(void **state)
{
        World *w = *state;

        dial_bare(w,
                  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
                  "wrong Sec-WebSocket-Accept");
        dial_bare(w, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n",
                  "the server did not upgrade to WebSocket");
        dial_bare(w, "SSH-2.0-OpenSSH_9.2\r\n", "the server's answer is not HTTP/1.1");
        dial_bare(w, NULL, "the server closed the connection during the WebSocket handshake");
        dial_bare(w, "HTTP/1.1 101 Sw", "the WebSocket handshake took too long");
        dial_bare(w, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 409 Conflict\r\n\r\n",
                  "the server answered with HTTP 409");
}

static char *accept_for(const char *request)
{
        const char *key = strstr(request, "Sec-WebSocket-Key: ") + 19;
        _cleanup_free_ char *copy = mem_strndup(key, strcspn(key, "\r"));
        char accept[29];

        wsock_accept_key(copy, accept);
        return mem_printf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Accept: %s\r\n\r\n",
                          accept);
}

static void takes_frames_that_come_with_the_handshake(void **state)
{
        World *w = *state;
        unsigned port;
        int listener = listen_bare(&port);
        Client c;
        _cleanup_free_ char *answer = NULL, *all = NULL;

        start_dial(w, port, "/", 5000);
        accept_bare(w, listener, &c);
        client_expect(&c, "\r\n\r\n");
        answer = accept_for(client_text(&c));
        all = mem_printf("%s\x81\x05hello\x81\x03you", answer);
        client_send_str(&c, all);
        WAIT_UNTIL(w->loop, strstr(log_of(w), "text:hello;text:you;"));
        /* The server, as Slack's, closes and leaves the hanging up to the client. */
        buf_clear(&c.in);
        client_send(&c, "\x88\x02\x03\xE8", 4);
        client_expect_eof(&c);
        assert_int_equal(buf_len(&c.in), 8); /* the masked echo */
        assert_null(w->peer);
        assert_non_null(strstr(log_of(w), "end:1000:;"));
        client_close(&c);
        close(listener);
}

static void hangs_up_itself_after_its_close_was_answered(void **state)
{
        World *w = *state;
        unsigned port;
        int listener = listen_bare(&port);
        Client c;
        _cleanup_free_ char *answer = NULL;
        int64_t start_ms;

        start_dial(w, port, "/", 5000);
        accept_bare(w, listener, &c);
        client_expect(&c, "\r\n\r\n");
        answer = accept_for(client_text(&c));
        client_send_str(&c, answer);
        WAIT_UNTIL(w->loop, w->peer);
        start_ms = clock_monotonic_ms();
        buf_clear(&c.in);
        ws_peer_close(w->peer, 1000, "");
        client_expect_bytes(&c, 8);
        client_send(&c, "\x88\x02\x03\xE8", 4);
        client_expect_eof(&c);
        assert_in_range(clock_monotonic_ms() - start_ms, 0, 900); /* before the deadline of a silent server */
        assert_string_equal(log_of(w), "end:1000:;");
        client_close(&c);
        close(listener);
}

/* Blocks of every size that an object of ours may have had: what the dial gave back is among them. */
#define BLOCK_STEP_BYTES 16
#define BLOCK_SIZES      64
#define BLOCKS_EACH      16

static size_t block_bytes(size_t i)
{
        return (i / BLOCKS_EACH + 1) * BLOCK_STEP_BYTES;
}

static void a_reset_writes_into_nothing_that_was_given_back(void **state)
{
        World *w = *state;
        struct linger at_once = {.l_onoff = 1};
        uint8_t *blocks[BLOCK_SIZES * BLOCKS_EACH];
        _cleanup_free_ char *answer = NULL;
        unsigned port;
        int listener = listen_bare(&port);
        Client c;

        start_dial(w, port, "/", 5000);
        accept_bare(w, listener, &c);
        client_expect(&c, "\r\n\r\n");
        answer = accept_for(client_text(&c));
        client_send_str(&c, answer);
        WAIT_UNTIL(w->loop, w->peer);
        for (size_t i = 0; i < ELEMENTSOF(blocks); i++)
                blocks[i] = memset(mem_alloc(block_bytes(i)), 0x5a, block_bytes(i));
        assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
        client_close(&c);
        WAIT_UNTIL(w->loop, !w->peer);
        assert_string_equal(log_of(w), "end:1006:Connection reset by peer;");
        for (size_t i = 0; i < ELEMENTSOF(blocks); i++) {
                for (size_t k = 0; k < block_bytes(i); k++)
                        assert_int_equal(blocks[i][k], 0x5a);
                free(blocks[i]);
        }
        close(listener);
}

static void dials_through_a_proxy(void **state)
{
        World *w = *state;
        unsigned port;
        int listener = listen_bare(&port);
        _cleanup_free_ char *proxy = mem_printf("http://127.0.0.1:%u", port), *answer = NULL;
        Client c;

        unsetenv("no_proxy");
        setenv("http_proxy", proxy, 1);
        start_dial(w, 7, "/x", 5000); /* the port that the proxy is asked for */
        accept_bare(w, listener, &c);
        client_expect(&c, "CONNECT 127.0.0.1:7 HTTP/1.1\r\n");
        assert_null(strstr(client_text(&c), "secret")); /* which is not for the proxy */
        client_send_str(&c, "HTTP/1.1 200 Connected\r\n\r\n");
        client_expect(&c, "GET /x HTTP/1.1\r\n");
        client_expect(&c, "Authorization: Bearer secret\r\n");
        answer = accept_for(client_text(&c));
        client_send_str(&c, answer);
        WAIT_UNTIL(w->loop, w->peer);
        unsetenv("http_proxy");
        client_close(&c);
        close(listener);
}

static void cancels_dials(void **state)
{
        World *w = *state;
        unsigned port;
        int listener = listen_bare(&port);
        _cleanup_free_ char *url = mem_printf("ws://127.0.0.1:%u/", port);
        HttpOp *op;
        Client c;

        assert_int_equal(ws_dial(w->client, url, NULL, 1000, 5000, on_dialled, w, &op), 0);
        http_op_cancel(op);
        assert_int_equal(ws_dial(w->client, url, NULL, 1000, 5000, on_dialled, w, &op), 0);
        accept_bare(w, listener, &c);
        client_expect(&c, "\r\n\r\n");
        http_op_cancel(op);
        client_expect_eof(&c);
        client_close(&c);
        assert_int_equal(ws_dial(w->client, url, NULL, 1000, 5000, on_dialled, w, &op), 0);
        http_client_free(take(w->client)); /* cancels too */
        assert_int_equal(w->n_done, 0);
        close(listener);
}

#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(sends_what_it_is_told),
                TEST(sends_large_bodies),
                TEST(reports_retry_after),
                TEST(reports_the_servers_clock),
                TEST(limits_the_answer),
                TEST(keeps_its_deadline),
                TEST(a_slow_name_does_not_stop_the_loop),
                TEST(knows_when_nothing_was_sent),
                TEST(never_repeats_a_request_by_itself),
                TEST(refuses_calls_that_cannot_be_made),
                TEST(cancels_without_a_callback),
                TEST(the_client_may_be_freed_in_a_callback),
                TEST(reuses_connections_under_load),
                TEST(dials_and_talks),
                TEST(a_peer_outlives_its_client),
                TEST(requests_leave_open_websockets_alone),
                TEST(survives_backpressure),
                TEST(reports_refused_dials),
                TEST(checks_the_handshake),
                TEST(takes_frames_that_come_with_the_handshake),
                TEST(hangs_up_itself_after_its_close_was_answered),
                TEST(a_reset_writes_into_nothing_that_was_given_back),
                TEST(dials_through_a_proxy),
                TEST(cancels_dials),
        };

        return cmocka_run_group_tests_name("net/http-client", tests, NULL, NULL);
}
