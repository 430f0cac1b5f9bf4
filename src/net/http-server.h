/* HTTP/1.1 server: requests with bounded heads and bodies, keep-alive, pipelining answered in order, streams
 * (server-sent events), and the upgrade to WebSocket. RFC 9112; a message with both Transfer-Encoding and
 * Content-Length is refused. Limits answered with 400, 408, 413, 414, 431 and a JSON body
 * {"error":{"code","message"}}. */
#pragma once

#include "base/json.h"
#include "loop/loop.h"
#include "net/http-header.h"
#include "net/wspeer.h"

typedef struct HttpServer HttpServer;
typedef struct HttpRequest HttpRequest;
typedef struct HttpStream HttpStream;

typedef struct HttpServerConfig {
        const char *listen;       /* "127.0.0.1:8000", "[::1]:8000", port 0 = any; a name is resolved */
        size_t max_head_bytes;    /* default 32 kB */
        size_t max_body_bytes;    /* default 1 MiB */
        unsigned max_connections; /* default 1024, without WebSockets; more are closed at accept */
        int64_t idle_timeout_ms;  /* default 75 s; also the limit for a request to arrive */
        /* One complete request. The handler answers now or later, exactly once, with one of http_respond*(),
         * http_stream_open() or http_upgrade(). */
        void (*on_request)(void *userdata, HttpRequest *req);
        /* The client went away before the answer; `req` is gone after this call, and may not be answered in
         * it. NULL only for who answers every request before on_request returns. */
        void (*on_abort)(void *userdata, HttpRequest *req);
        void *userdata;
} HttpServerConfig;

int http_server_new(HttpServer **ret, Loop *loop, const HttpServerConfig *config);
/* Cuts all connections, without callbacks: requests and streams are gone after it. A WsPeer that came from
 * one stays with its owner. */
void http_server_free(HttpServer *s);
DEFINE_CLEANUP(HttpServer *, http_server_free);
unsigned http_server_port(const HttpServer *s); /* the one actually bound */

/* All borrowed until the request is answered. */
const char *http_request_method(const HttpRequest *req);
const char *http_request_path(const HttpRequest *req);  /* percent-decoded, without query */
const char *http_request_query(const HttpRequest *req); /* raw, "" when none */
const char *http_request_header(const HttpRequest *req, const char *name);      /* NULL; case-insensitive */
const char *http_request_target(const HttpRequest *req);                        /* as it came */
bool http_request_header_at(const HttpRequest *req, size_t i, HttpHeader *ret); /* false: no such */
/* NUL-terminated. */
const char *http_request_body(const HttpRequest *req, size_t *ret_n_bytes);
const char *http_request_peer(const HttpRequest *req); /* "127.0.0.1:54321" */
void http_request_set_userdata(HttpRequest *req, void *userdata);
void *http_request_userdata(const HttpRequest *req);

/* Connection, Content-Length, Date, Keep-Alive and Transfer-Encoding are written by the server and dropped
 * from `headers`, as is what would break the head (line breaks). Bodies are left out where HTTP has none
 * (HEAD, 204, 304). None of these calls a handler: they may be called from anywhere, inside a handler too. */
void http_respond(HttpRequest *req, unsigned status, const HttpHeader *headers, size_t n_headers,
                  const void *body, size_t n_bytes);
void http_respond_text(HttpRequest *req, unsigned status, const char *content_type, const char *body);
void http_respond_json(HttpRequest *req, unsigned status, json_t *body /* stolen */);
/* {"error":{"code":…,"message":…,"field":…}}; field may be NULL. */
void http_respond_error(HttpRequest *req, unsigned status, const char *code, const char *message,
                        const char *field);

/* An open-ended answer (chunked; to HTTP/1.0 until the connection's end). on_close is called once when the
 * client goes, or has not taken anything for idle_timeout_ms; the stream is gone then. Not after
 * http_stream_close(), which frees the stream. */
HttpStream *http_stream_open(HttpRequest *req, unsigned status, const char *content_type,
                             void (*on_close)(void *userdata), void *userdata);
HttpStream *http_stream_open_with(HttpRequest *req, unsigned status, const HttpHeader *headers,
                                  size_t n_headers, void (*on_close)(void *userdata), void *userdata);
void http_stream_write(HttpStream *s, const void *data, size_t n_bytes);
size_t http_stream_queued_bytes(const HttpStream *s);
/* Called with the stream's userdata whenever the client has taken everything that was queued: for who fills
 * the stream as fast as it empties. NULL = nobody. */
void http_stream_set_on_drain(HttpStream *s, void (*on_drain)(void *userdata));
void http_stream_close(HttpStream *s);

/* Answers 101 when `req` is a WebSocket handshake; on < 0 it has already been answered with 400 or 426. The
 * peer no longer belongs to the server, nor counts among its connections. Origin is not looked at: a handler
 * that browsers can reach compares it itself (RFC 6455 §10.2). */
int http_upgrade(HttpRequest *req, size_t max_message_bytes, const WsPeerEvents *events, void *userdata,
                 WsPeer **ret);
