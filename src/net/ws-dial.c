/* libcurl makes the connection (names, proxies, TLS with verified certificates), the handshake is ours, and
 * the frames go through curl_easy_send() and curl_easy_recv() on the connection.
 *
 * Every dial has a multi handle of its own, kept as long as its connection: in a shared one, curl looks
 * through its idle connections whenever a request needs one, takes a WebSocket with unread bytes for a dead
 * connection, and closes it. */
#include <stdio.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "net/http-op.h"
#include "net/http1.h"
#include "net/transport.h"
#include "net/url.h"
#include "net/wspeer-internal.h"

#define ANSWER_HEAD_BYTES_MAX (16 * 1024)
#define ANSWER_HEADERS_MAX    64

/* The connection, which outlives the dial. */
typedef struct CurlIo {
        CurlLoop *curl;
        CURL *easy;
} CurlIo;

typedef struct Dial {
        HttpOp op;
        Loop *loop;
        CurlIo *io;           /* NULL once the transport has it */
        Transport *transport; /* NULL until connected, and once the peer has it */
        LoopTimer *deadline;
        Http1 *answer;
        Buf out; /* the handshake */
        char key[25], error[CURL_ERROR_SIZE];
        size_t max_message_bytes;
        void (*done)(void *userdata, const WsDialResult *result);
        void *userdata;
} Dial;

static ssize_t io_result(CURLcode code, size_t n)
{
        if (code == CURLE_OK)
                return (ssize_t) n;
        return code == CURLE_AGAIN ? -EAGAIN : -ECONNRESET;
}

static ssize_t io_read(void *userdata, void *ret, size_t n_bytes)
{
        CurlIo *io = userdata;
        size_t n = 0;
        CURLcode code = curl_easy_recv(io->easy, ret, n_bytes, &n);

        return io_result(code, n);
}

static ssize_t io_write(void *userdata, const void *data, size_t n_bytes)
{
        CurlIo *io = userdata;
        size_t n = 0;
        CURLcode code = curl_easy_send(io->easy, data, n_bytes, &n);

        return io_result(code, n);
}

static void io_close(void *userdata)
{
        CurlIo *io = userdata;

        curl_multi_remove_handle(curl_loop_multi(io->curl), io->easy); /* closes a connect-only connection */
        curl_easy_cleanup(io->easy);
        curl_loop_free(io->curl);
        free(io);
}

static const TransportIo IO = {.read = io_read, .write = io_write, .close = io_close};

static void free_dial(Dial *d)
{
        list_remove(&d->op.link);
        transport_free(d->transport);
        if (d->io)
                io_close(d->io);
        loop_timer_free(d->deadline);
        http1_free(d->answer);
        buf_deinit(&d->out);
        free(d);
}

static void cancel_dial(HttpOp *op)
{
        free_dial(container_of(op, Dial, op));
}

/* `d` is gone after this. The client may be freed in `done`; so the dial leaves its list first. */
static void finish(Dial *d, WsDialResult *result)
{
        list_remove(&d->op.link);
        transport_free(take(d->transport));
        loop_timer_clear(d->deadline);
        d->done(d->userdata, result);
        free_dial(d);
}

static void give_up(Dial *d, int fault, const char *error)
{
        WsDialResult result = {.fault = error_origin(fault), .retry_after_ms = -1, .error = error};

        finish(d, &result);
}

static void on_deadline(void *userdata)
{
        give_up(userdata, -ETIMEDOUT, "the WebSocket handshake took too long");
}

static void refuse_status(Dial *d, unsigned status)
{
        char text[64];
        WsDialResult result = {
                .fault = error_origin(-ECONNREFUSED),
                .status = status,
                .retry_after_ms = status == 429 || status == 503
                                          ? retry_after_ms(http1_header(d->answer, "Retry-After"))
                                          : -1,
                .error = text,
        };

        snprintf(text, sizeof(text), "the server answered with HTTP %u", status);
        finish(d, &result);
}

/* RFC 6455 §4.1, the client's checks; we offered neither extensions nor subprotocols. */
static const char *find_fault(const Dial *d)
{
        char accept[29];

        wsock_accept_key(d->key, accept);
        if (!http1_header_has(d->answer, "Upgrade", "websocket") ||
            !http1_header_has(d->answer, "Connection", "upgrade"))
                return "the server did not upgrade to WebSocket";
        if (!str_equal(http1_header(d->answer, "Sec-WebSocket-Accept"), accept))
                return "wrong Sec-WebSocket-Accept";
        if (http1_header(d->answer, "Sec-WebSocket-Extensions") ||
            http1_header(d->answer, "Sec-WebSocket-Protocol"))
                return "the server chose an extension or protocol that was not offered";
        return NULL;
}

static void take_answer(Dial *d, const char *rest, size_t n_rest)
{
        WsDialResult result = {.status = 101, .retry_after_ms = -1};
        const char *fault;

        if (http1_status(d->answer) != 101) {
                refuse_status(d, http1_status(d->answer));
                return;
        }
        fault = find_fault(d);
        if (fault) {
                give_up(d, -EPROTO, fault);
                return;
        }
        result.peer = ws_peer_new(take(d->transport), WSOCK_CLIENT, d->max_message_bytes, NULL, rest, n_rest);
        finish(d, &result);
}

/* True when the dial has ended. */
static bool feed_answer(Dial *d, const char *data, size_t n_bytes)
{
        for (;;) {
                size_t n_used;
                Http1Event event = http1_feed(d->answer, data, n_bytes, &n_used);

                data += n_used;
                n_bytes -= n_used;
                if (event == HTTP1_MORE) {
                        return false;
                } else if (event == HTTP1_DONE) {
                        http1_next(d->answer); /* an interim answer */
                } else if (event > HTTP1_DONE) {
                        give_up(d, -EPROTO, "the server's answer is not HTTP/1.1");
                        return true;
                } else if (http1_status(d->answer) == 101 || http1_status(d->answer) >= 200) {
                        take_answer(d, data, n_bytes);
                        return true;
                }
        }
}

static void on_readable(void *userdata)
{
        Dial *d = userdata;
        uint8_t *buffer = transport_read_buffer();

        for (;;) {
                ssize_t n = transport_read(d->transport, buffer, TRANSPORT_READ_BYTES);

                if (n == -EAGAIN)
                        return;
                if (n <= 0) {
                        give_up(d, -ECONNRESET,
                                "the server closed the connection during the WebSocket handshake");
                        return;
                }
                if (feed_answer(d, (const char *) buffer, (size_t) n))
                        return;
        }
}

static void on_writable(void *userdata)
{
        Dial *d = userdata;

        while (buf_len(&d->out) > 0) {
                ssize_t n = transport_write(d->transport, buf_bytes(&d->out), buf_len(&d->out));

                if (n == -EAGAIN) {
                        transport_want_write(d->transport, true);
                        return;
                }
                if (n <= 0) {
                        give_up(d, -ECONNRESET, "the connection broke during the WebSocket handshake");
                        return;
                }
                buf_consume(&d->out, (size_t) n);
        }
        transport_want_write(d->transport, false);
}

static void on_soon(void *userdata)
{
        on_writable(userdata);
}

static const TransportEvents EVENTS = {
        .on_readable = on_readable, .on_writable = on_writable, .on_soon = on_soon};

static void on_connected(void *userdata, CURL *easy, CURLcode code)
{
        Dial *d = userdata;
        curl_socket_t fd = CURL_SOCKET_BAD;

        if (code == CURLE_OK)
                code = curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
        if (code != CURLE_OK || fd == CURL_SOCKET_BAD) {
                int fault = code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -ECONNREFUSED;

                give_up(d, fault, *d->error ? d->error : curl_easy_strerror(code));
                return;
        }
        if (transport_new_io(&d->transport, d->loop, fd, &IO, d->io) < 0) {
                give_up(d, -EIO, "the connection cannot be watched");
                return;
        }
        /* The connection outlives the dial; what curl said of a later reset would go into freed memory. */
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
        d->io = NULL;
        transport_set_events(d->transport, &EVENTS, d);
        transport_want_read(d->transport, true);
        transport_call_soon(d->transport);
}

static void put_handshake(Dial *d, const Url *url, const char *user_agent, const char *const *headers)
{
        bool ipv6 = strchr(url->host, ':') != NULL, secure = str_equal(url->scheme, "wss");
        _cleanup_free_ char *key = NULL;
        uint8_t nonce[16];

        random_bytes(nonce, sizeof(nonce));
        key = base64_encode(nonce, sizeof(nonce));
        memcpy(d->key, key, sizeof(d->key));
        buf_printf(&d->out, "GET %s HTTP/1.1\r\nHost: %s%s%s", url->path, ipv6 ? "[" : "", url->host,
                   ipv6 ? "]" : "");
        if (url->port != (secure ? 443 : 80))
                buf_printf(&d->out, ":%u", url->port);
        buf_printf(&d->out,
                   "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: %s\r\n",
                   d->key);
        if (user_agent)
                buf_printf(&d->out, "User-Agent: %s\r\n", user_agent);
        for (; headers && *headers; headers++)
                buf_printf(&d->out, "%s\r\n", *headers);
        buf_append_str(&d->out, "\r\n");
}

static int connect_to(Dial *d, HttpClient *c, const char *url, int64_t timeout_ms)
{
        /* To a client that only connects, ws: and wss: are http: and https: under another name. */
        _cleanup_free_ char *http_url = mem_printf("http%s", url + 2);
        int r;

        d->io = mem_new(CurlIo);
        d->io->easy = curl_easy_init();
        if (!d->io->easy)
                abort(); /* out of memory, the only way it fails once curl is initialized */
        r = curl_loop_new(&d->io->curl, c->loop, on_connected, d);
        if (r < 0) {
                curl_easy_cleanup(d->io->easy);
                free(take(d->io));
                return error_trace(r);
        }
        r = curl_setup_easy(d->io->easy, http_url, c->ca_file, timeout_ms, d->error);
        if (r < 0)
                return error_trace(r);
        curl_easy_setopt(d->io->easy, CURLOPT_CONNECT_ONLY, 1L);
        curl_easy_setopt(d->io->easy, CURLOPT_HTTPPROXYTUNNEL, 1L); /* a proxy only passes the bytes on */
        if (curl_multi_add_handle(curl_loop_multi(d->io->curl), d->io->easy) != CURLM_OK)
                return error_origin(-EIO);
        return 0;
}

static int check_call(const Url *url, const char *const *headers)
{
        if (!str_equal(url->scheme, "ws") && !str_equal(url->scheme, "wss"))
                return error_origin(-EINVAL);
        for (; headers && *headers; headers++)
                if (!header_line_is_valid(*headers))
                        return error_origin(-EINVAL);
        return 0;
}

int ws_dial(HttpClient *c, const char *url, const char *const *headers, size_t max_message_bytes,
            int64_t timeout_ms, void (*done)(void *userdata, const WsDialResult *result), void *userdata,
            HttpOp **ret_op)
{
        Http1Limits limits = {
                .max_head_bytes = ANSWER_HEAD_BYTES_MAX,
                .max_headers = ANSWER_HEADERS_MAX,
                .max_body_bytes = ANSWER_HEAD_BYTES_MAX,
        };
        Url parts;
        Dial *d;
        int r = url_parse(url, &parts) == 0 ? check_call(&parts, headers) : error_origin(-EINVAL);

        if (r < 0) {
                url_deinit(&parts);
                return error_trace(r);
        }
        d = mem_new(Dial);
        d->op.cancel = cancel_dial;
        list_append(&c->ops, &d->op.link);
        d->loop = c->loop;
        d->done = done;
        d->userdata = userdata;
        d->max_message_bytes = max_message_bytes;
        d->answer = http1_new(HTTP1_RESPONSE, &limits);
        d->deadline = loop_timer_new(c->loop, on_deadline, d);
        loop_timer_set(d->deadline, timeout_ms);
        put_handshake(d, &parts, c->user_agent, headers);
        url_deinit(&parts);
        r = connect_to(d, c, url, timeout_ms);
        if (r < 0) {
                free_dial(d);
                return error_trace(r);
        }
        if (ret_op)
                *ret_op = &d->op;
        return 0;
}
