/* Requests of one connection are served one after the other: a pipelined request waits in `in` until the one
 * before it is answered, which keeps the answers in order for free.
 *
 * Answers only append to `out`; writing, and taking up the next pipelined request, happen in on_soon(), so
 * that a handler is never called from inside another handler's answer. */
#include "net/http-conn.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "net/url.h"

#define LINGER_MS      1000
#define IN_BYTES_MAX   (64 * 1024)  /* pipelined bytes before we stop reading */
#define OUT_BYTES_HIGH (256 * 1024) /* unread answers before we stop serving pipelined requests */
#define HEADERS_MAX    128
#define READS_PER_TURN 4

static const char *const STATE_NAMES[] = {
        [CONN_READING] = "reading", [CONN_PENDING] = "pending",     [CONN_STREAMING] = "streaming",
        [CONN_CLOSING] = "closing", [CONN_LINGERING] = "lingering", [CONN_DEAD] = "dead",
};

void conn_set_state(Conn *c, ConnState state)
{
        log_debug("net.server", "connection %p: %s -> %s", (void *) c, STATE_NAMES[c->state],
                  STATE_NAMES[state]);
        c->state = state;
}

static void enter(Conn *c)
{
        c->busy++;
}

static void leave(Conn *c)
{
        if (--c->busy > 0 || c->state != CONN_DEAD)
                return;
        http1_free(c->parser);
        buf_deinit(&c->in);
        buf_deinit(&c->out);
        free(c->request.path);
        free(c->request.query);
        free(c);
}

void conn_cut(Conn *c)
{
        if (c->state == CONN_DEAD)
                return;
        enter(c);
        conn_set_state(c, CONN_DEAD);
        transport_free(take(c->transport)); /* NULL when it was handed on to a WsPeer */
        loop_timer_free(take(c->timer));
        list_remove(&c->link);
        c->server->n_conns--;
        c->server = NULL;
        leave(c);
}

/* The client is gone: whoever waits for it is told. */
static void lose(Conn *c)
{
        const HttpServerConfig *config = c->server ? &c->server->config : NULL;
        ConnState state = c->state;

        if (state == CONN_DEAD)
                return;
        enter(c);
        if (state == CONN_PENDING && config->on_abort) {
                void (*on_abort)(void *, HttpRequest *) = config->on_abort;

                on_abort(config->userdata, &c->request);
        } else if (state == CONN_STREAMING && c->stream.on_close) {
                c->stream.on_close(c->stream.userdata);
        }
        conn_cut(c);
        leave(c);
}

static void on_timer(void *userdata)
{
        Conn *c = userdata;

        if (c->state == CONN_READING && http1_in_message(c->parser) && buf_len(&c->out) == 0)
                conn_refuse(c, 408, "request_timeout", "The request did not arrive in time.");
        else
                lose(c);
}

static void set_deadline(Conn *c, int64_t after_ms)
{
        loop_timer_set(c->timer, after_ms);
}

static void flush(Conn *c)
{
        size_t n_before = buf_len(&c->out);

        while (buf_len(&c->out) > 0) {
                ssize_t n = transport_write(c->transport, buf_bytes(&c->out), buf_len(&c->out));

                if (n == -EAGAIN)
                        break;
                if (n < 0) {
                        lose(c);
                        return;
                }
                buf_consume(&c->out, (size_t) n);
        }
        transport_want_write(c->transport, buf_len(&c->out) > 0);
        if (buf_len(&c->out) > 0) {
                /* A client that takes nothing for so long is as good as gone. */
                if (buf_len(&c->out) < n_before || !loop_timer_is_set(c->timer))
                        set_deadline(c, c->server->config.idle_timeout_ms);
        } else if (n_before > 0 && (c->state == CONN_PENDING || c->state == CONN_STREAMING)) {
                loop_timer_clear(c->timer);
        }
        if (c->state == CONN_CLOSING && buf_len(&c->out) == 0) {
                if (c->eof) {
                        conn_cut(c);
                        return;
                }
                /* Closing a socket with unread bytes resets it, and the reset may overtake the answer. */
                transport_shutdown(c->transport);
                conn_set_state(c, CONN_LINGERING);
                set_deadline(c, LINGER_MS);
        }
        if (c->state == CONN_STREAMING && n_before > 0 && buf_len(&c->out) == 0 && c->stream.on_drain)
                c->stream.on_drain(c->stream.userdata);
}

/* RFC 9112 §3.2: origin-form, absolute-form and asterisk-form; the decoded path and the raw query. */
static bool split_target(HttpRequest *req, const char *target)
{
        const char *path = target, *question;

        if (*target != '/' && !str_equal(target, "*")) {
                const char *authority = strstr(target, "://");

                if (!authority)
                        return false;
                path = authority + 3 + strcspn(authority + 3, "/?");
        }
        question = strchr(path, '?');
        req->path = url_decode(path, question ? (size_t) (question - path) : strlen(path), false);
        if (req->path && !*req->path)
                mem_strset(&req->path, "/");
        req->query = mem_strdup(question ? question + 1 : "");
        return req->path != NULL;
}

static void forget_request(Conn *c)
{
        free(c->request.path);
        free(c->request.query);
        c->request = (HttpRequest){.conn = c};
}

static void dispatch(Conn *c)
{
        forget_request(c);
        if (!split_target(&c->request, http1_target(c->parser))) {
                conn_refuse(c, 400, "bad_request", "The request target is not a valid path.");
                return;
        }
        conn_set_state(c, CONN_PENDING);
        loop_timer_clear(c->timer);
        c->server->config.on_request(c->server->config.userdata, &c->request);
}

static void refuse_event(Conn *c, Http1Event event)
{
        const char *text = http1_error_text(c->parser);

        switch (event) {
        case HTTP1_E_VERSION: conn_refuse(c, 505, "http_version_not_supported", text); break;
        case HTTP1_E_CODING: conn_refuse(c, 501, "not_implemented", text); break;
        case HTTP1_E_TARGET_TOO_LONG: conn_refuse(c, 414, "uri_too_long", text); break;
        case HTTP1_E_HEAD_TOO_LARGE: conn_refuse(c, 431, "request_header_fields_too_large", text); break;
        case HTTP1_E_BODY_TOO_LARGE: conn_refuse(c, 413, "content_too_large", text); break;
        default: conn_refuse(c, 400, "bad_request", text); break;
        }
}

static bool may_serve(const Conn *c)
{
        return c->state == CONN_READING && buf_len(&c->out) < OUT_BYTES_HIGH;
}

/* Serves what the bytes contain, as far as requests are answered at once; keeps the rest. */
static void process(Conn *c, const char *data, size_t n_bytes)
{
        Http1Event event = HTTP1_MORE;

        while (may_serve(c) && (n_bytes > 0 || event == HTTP1_HEAD)) {
                bool was_inside = http1_in_message(c->parser);
                size_t n_used;

                event = http1_feed(c->parser, data, n_bytes, &n_used);
                data += n_used;
                n_bytes -= n_used;
                if (!was_inside && http1_in_message(c->parser))
                        set_deadline(c, c->server->config.idle_timeout_ms);
                if (event == HTTP1_HEAD && n_bytes == 0 &&
                    http1_header_has(c->parser, "Expect", "100-continue"))
                        buf_append_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
                if (event == HTTP1_DONE) {
                        if (http1_header(c->parser, "Upgrade")) {
                                /* What follows may be frames: http_upgrade() looks for them in `in`. */
                                buf_append(&c->in, data, n_bytes);
                                n_bytes = 0;
                        }
                        dispatch(c);
                } else if (event > HTTP1_DONE) {
                        refuse_event(c, event);
                }
        }
        if (n_bytes > 0 && c->state < CONN_CLOSING)
                buf_append(&c->in, data, n_bytes);
}

static void process_waiting(Conn *c)
{
        Buf in;

        if (!may_serve(c) || buf_len(&c->in) == 0)
                return;
        in = c->in;
        c->in = (Buf){0};
        process(c, buf_bytes(&in), buf_len(&in));
        buf_deinit(&in);
}

static void update_reading(Conn *c)
{
        transport_want_read(c->transport, !c->eof && buf_len(&c->in) < IN_BYTES_MAX);
}

static void take_bytes(Conn *c, const char *data, size_t n_bytes)
{
        if (c->state == CONN_CLOSING || c->state == CONN_LINGERING)
                return;
        if (may_serve(c) && buf_len(&c->in) == 0) {
                process(c, data, n_bytes);
        } else {
                buf_append(&c->in, data, n_bytes);
                process_waiting(c);
        }
}

/* A client may end its direction and still wait for answers (printf … | nc). One whose request is not
 * answered yet, though, is taken for gone: nothing else tells of a browser that was closed. */
static void take_eof(Conn *c)
{
        if (buf_len(&c->out) == 0 || c->state == CONN_PENDING || c->state == CONN_STREAMING) {
                lose(c);
                return;
        }
        c->eof = true;
        if (c->state == CONN_READING)
                conn_answered(c, false);
}

static void on_readable(void *userdata)
{
        Conn *c = userdata;
        uint8_t *buffer = transport_read_buffer();

        enter(c);
        for (unsigned i = 0; i < READS_PER_TURN && c->state != CONN_DEAD && buf_len(&c->in) < IN_BYTES_MAX;
             i++) {
                ssize_t n = transport_read(c->transport, buffer, TRANSPORT_READ_BYTES);

                if (n > 0)
                        take_bytes(c, (const char *) buffer, (size_t) n);
                else if (n == TRANSPORT_EOF)
                        take_eof(c);
                else if (n != -EAGAIN)
                        lose(c);
                if (n < TRANSPORT_READ_BYTES)
                        break;
        }
        if (c->state != CONN_DEAD) {
                if (buf_len(&c->out) > 0)
                        transport_call_soon(c->transport);
                update_reading(c);
        }
        leave(c);
}

static void flush_and_go_on(Conn *c)
{
        flush(c);
        if (c->state == CONN_DEAD)
                return;
        process_waiting(c);
        if (c->state == CONN_DEAD)
                return;
        if (buf_len(&c->out) > 0)
                transport_call_soon(c->transport);
        update_reading(c);
}

static void on_writable(void *userdata)
{
        Conn *c = userdata;

        enter(c);
        flush_and_go_on(c);
        leave(c);
}

static const TransportEvents TRANSPORT_EVENTS = {
        .on_readable = on_readable,
        .on_writable = on_writable,
        .on_soon = on_writable,
};

static void format_peer(char *ret, size_t n_bytes, const struct sockaddr *peer, socklen_t n_peer)
{
        char host[INET6_ADDRSTRLEN + 16], port[8];

        if (getnameinfo(peer, n_peer, host, sizeof(host), port, sizeof(port),
                        NI_NUMERICHOST | NI_NUMERICSERV) == 0)
                snprintf(ret, n_bytes, peer->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
        else
                snprintf(ret, n_bytes, "unknown");
}

void conn_new(HttpServer *s, int fd, const struct sockaddr *peer, socklen_t n_peer)
{
        Http1Limits limits = {
                .max_head_bytes = s->config.max_head_bytes,
                .max_target_bytes = s->config.max_head_bytes / 2,
                .max_headers = HEADERS_MAX,
                .max_body_bytes = s->config.max_body_bytes,
        };
        Conn *c = mem_new(Conn);
        int r = transport_new_socket(&c->transport, s->loop, fd);

        if (r < 0) {
                log_fault(r, "net.server", "cannot watch an accepted connection");
                free(c);
                return;
        }
        c->server = s;
        list_append(&s->conns, &c->link);
        s->n_conns++;
        format_peer(c->peer, sizeof(c->peer), peer, n_peer);
        c->request.conn = c;
        c->parser = http1_new(HTTP1_REQUEST, &limits);
        c->timer = loop_timer_new(s->loop, on_timer, c);
        set_deadline(c, s->config.idle_timeout_ms);
        transport_set_events(c->transport, &TRANSPORT_EVENTS, c);
        transport_want_read(c->transport, true);
}

void conn_answered(Conn *c, bool keep_alive)
{
        transport_call_soon(c->transport);
        if (!keep_alive) {
                conn_set_state(c, CONN_CLOSING);
                buf_clear(&c->in);
                set_deadline(c, c->server->config.idle_timeout_ms);
                return;
        }
        http1_next(c->parser);
        conn_set_state(c, CONN_READING);
        set_deadline(c, c->server->config.idle_timeout_ms);
}
