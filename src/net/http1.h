/* HTTP/1.1 messages (RFC 9112) out of bytes, without I/O, over llhttp: requests and responses, every length
 * bounded. Feeding at once equals feeding byte by byte.
 *
 * Stricter than llhttp where leniency has been used to smuggle requests: no Transfer-Encoding beside
 * Content-Length, no coding but one `chunked`, no folded header lines, no bare LF, exactly one Host. */
#pragma once

#include "base/macro.h"

typedef enum Http1Kind { HTTP1_REQUEST, HTTP1_RESPONSE } Http1Kind;

typedef struct Http1Limits {
        size_t max_head_bytes;   /* start line and header section; trailers and chunk extensions once more */
        size_t max_target_bytes; /* the request target */
        unsigned max_headers;
        size_t max_body_bytes;
} Http1Limits;

typedef enum Http1Event {
        HTTP1_MORE, /* everything is consumed, the message is not complete */
        HTTP1_HEAD, /* the head is complete; feed what is left, be it nothing, to go on */
        HTTP1_DONE, /* the message is complete; http1_next() before the next feed */
        HTTP1_E_MALFORMED,
        HTTP1_E_VERSION,         /* not HTTP/1.0 or 1.1 */
        HTTP1_E_CODING,          /* a transfer coding that is not implemented */
        HTTP1_E_TARGET_TOO_LONG, /* from here on: over a limit */
        HTTP1_E_HEAD_TOO_LARGE,
        HTTP1_E_BODY_TOO_LARGE,
} Http1Event;

typedef struct Http1 Http1;

Http1 *http1_new(Http1Kind kind, const Http1Limits *limits);
void http1_free(Http1 *h);
DEFINE_CLEANUP(Http1 *, http1_free);

/* *ret_used tells how many bytes were taken; the rest belongs to what follows the message. An error is final.
 * A response without a length ends with the connection: http1_finish() then tells whether it was complete. */
Http1Event http1_feed(Http1 *h, const char *data, size_t n_bytes, size_t *ret_used);
Http1Event http1_finish(Http1 *h);
void http1_next(Http1 *h);
const char *http1_error_text(const Http1 *h); /* static; "" when there is none */
bool http1_in_message(const Http1 *h);        /* some bytes of a message have come, not all */

/* Of the current message, valid from HTTP1_HEAD (the body from HTTP1_DONE) to http1_next(). */
const char *http1_method(const Http1 *h);
const char *http1_target(const Http1 *h);
unsigned http1_status(const Http1 *h);
unsigned http1_minor_version(const Http1 *h);
bool http1_keep_alive(const Http1 *h);                      /* RFC 9112 §9.3 */
const char *http1_header(const Http1 *h, const char *name); /* the first; case-insensitive; NULL */
size_t http1_n_headers(const Http1 *h);
void http1_header_at(const Http1 *h, size_t i, const char **ret_name, const char **ret_value);
/* Whether a comma-separated header, over all its lines, has this element (RFC 9110 §5.6.1); not
 * case-sensitive. */
bool http1_header_has(const Http1 *h, const char *name, const char *element);
const char *http1_body(const Http1 *h, size_t *ret_n_bytes); /* NUL-terminated */
