/* HTTPS client (libcurl multi on our loop) and WebSocket dialler. HTTP/1.1 with keep-alive; redirects are not
 * followed; certificates are verified; every request has a deadline. */
#pragma once

#include "loop/loop.h"
#include "net/http-header.h"
#include "net/wspeer.h"

typedef struct HttpClient HttpClient;
typedef struct HttpOp HttpOp;

int http_client_new(HttpClient **ret, Loop *loop, const char *user_agent);
void http_client_free(HttpClient *c); /* cancels what is under way, without callbacks */
DEFINE_CLEANUP(HttpClient *, http_client_free);
/* A PEM file of certificates to trust instead of the system's; NULL = the system's. For what starts after
 * it. */
void http_client_set_ca_file(HttpClient *c, const char *path);

typedef struct HttpResult {
        int fault; /* < 0: no answer (connection, TLS, deadline, too large); `status` is 0 then */
        bool sent; /* false only when the request certainly did not reach the server */
        unsigned status;
        const char *body; /* borrowed until the callback returns; NUL-terminated */
        size_t n_body;
        int64_t retry_after_ms; /* Retry-After of a 429 or 503; -1 when absent */
        int64_t date_ms;        /* Date: the server's clock, in whole seconds; 0 when absent */
        const char *error;      /* for people: "could not resolve host", … ; NULL when fault == 0 */
} HttpResult;

typedef struct HttpCall {
        const char *method; /* "GET", "POST", … */
        const char *url;
        const char *const *headers; /* "Name: value" lines, NULL-terminated; may be NULL */
        const void *body;           /* copied */
        size_t n_body;
        int64_t timeout_ms; /* for the whole exchange */
        size_t max_response_bytes;
} HttpCall;

/* Everything in `call` is copied. `done` is called exactly once, never from inside this call, unless the
 * operation is cancelled first; the operation is gone then. It may start, cancel and free whatever it likes,
 * the client too. < 0: the call itself cannot be made (a malformed URL, method or header), `done` is not
 * called. A POST or PATCH is never repeated behind the caller's back, not even when a kept connection dies
 * under it. */
int http_client_send(HttpClient *c, const HttpCall *call,
                     void (*done)(void *userdata, const HttpResult *result), void *userdata,
                     HttpOp **ret_op /* may be NULL */);
void http_op_cancel(HttpOp *op); /* without a callback; NULL is fine */

/* An answer that is passed on while it arrives (a proxy, server-sent events): on_head once, on_data any
 * number of times, and `done` at the end, whose result has no body. `timeout_ms` is the time until the head;
 * after it only the connection's own deadlines count, and cancelling. max_response_bytes does not apply:
 * nothing is kept. */
typedef struct HttpStreamEvents {
        /* The headers as they came, the hop-by-hop ones too; borrowed until the callback returns. */
        void (*on_head)(void *userdata, unsigned status, const HttpHeader *headers, size_t n_headers);
        void (*on_data)(void *userdata, const void *data, size_t n_bytes);
} HttpStreamEvents;
int http_client_stream(HttpClient *c, const HttpCall *call, const HttpStreamEvents *events /* static */,
                       void (*done)(void *userdata, const HttpResult *result), void *userdata,
                       HttpOp **ret_op);
/* Stops reading from the server, or reads again; what has been read already still comes. Of a stream only. */
void http_op_pause(HttpOp *op, bool paused);

/* Dials ws:// or wss://. `done` gets a live peer (fault == 0) or none, with the HTTP status of a refusal
 * (0 when there was none) and a text. Handshake headers as above. The peer's events are set in `done` by
 * ws_peer_set_events(); messages that arrived with the handshake are delivered after `done` returns. */
typedef struct WsDialResult {
        int fault;
        unsigned status;
        int64_t retry_after_ms;
        const char *error;
        WsPeer *peer; /* belongs to the caller, and outlives the client */
} WsDialResult;
int ws_dial(HttpClient *c, const char *url, const char *const *headers, size_t max_message_bytes,
            int64_t timeout_ms, void (*done)(void *userdata, const WsDialResult *result), void *userdata,
            HttpOp **ret_op);
