/* Requests and responses, pipelined: the messages, and the error that ends them, do not depend on how the
 * bytes were cut, and no limit is passed. The first byte of the input chooses the kind, the limits and the
 * cuts. */
#include <stdio.h>

#include "base/buf.h"
#include "net/http1.h"

#define CHECK(_condition)                                                                                    \
        do {                                                                                                 \
                if (!(_condition)) {                                                                         \
                        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #_condition);                     \
                        abort();                                                                             \
                }                                                                                            \
        } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

typedef struct Run {
        Http1Kind kind;
        Http1 *h;
        Buf log;
        Http1Event error;
} Run;

static const Http1Limits SMALL = {
        .max_head_bytes = 100, .max_target_bytes = 20, .max_headers = 3, .max_body_bytes = 10};
static const Http1Limits LARGE = {
        .max_head_bytes = 5000, .max_target_bytes = 1000, .max_headers = 50, .max_body_bytes = 2000};

static void log_head(Run *r, const Http1Limits *limits)
{
        if (r->kind == HTTP1_REQUEST) {
                CHECK(strlen(http1_target(r->h)) <= limits->max_target_bytes);
                CHECK(http1_header(r->h, "host") || http1_minor_version(r->h) == 0);
                buf_printf(&r->log, "%s %s", http1_method(r->h), http1_target(r->h));
        } else {
                buf_printf(&r->log, "%u", http1_status(r->h));
        }
        CHECK(!http1_header(r->h, "Content-Length") || !http1_header(r->h, "Transfer-Encoding"));
        CHECK(http1_n_headers(r->h) <= limits->max_headers);
        buf_printf(&r->log, " 1.%u keep=%d close=%d\n", http1_minor_version(r->h), http1_keep_alive(r->h),
                   http1_header_has(r->h, "Connection", "close"));
        for (size_t i = 0; i < http1_n_headers(r->h); i++) {
                const char *name, *value;

                http1_header_at(r->h, i, &name, &value);
                CHECK(!strpbrk(name, " \t\r\n:") && !strpbrk(value, "\r\n"));
                buf_printf(&r->log, "%s: %s\n", name, value);
        }
}

static void log_message(Run *r, const Http1Limits *limits)
{
        size_t n;
        const char *body = http1_body(r->h, &n);

        CHECK(n <= limits->max_body_bytes);
        buf_printf(&r->log, "body %zu:", n);
        buf_append(&r->log, body, n);
        buf_append_char(&r->log, '\n');
}

/* As a server would: on with the next message, until an error. */
static void feed(Run *r, const Http1Limits *limits, const char *data, size_t n_bytes)
{
        Http1Event event = HTTP1_DONE;

        while (!r->error && (n_bytes > 0 || event == HTTP1_HEAD)) {
                size_t n_used;

                event = http1_feed(r->h, data, n_bytes, &n_used);
                CHECK(n_used <= n_bytes);
                data += n_used;
                n_bytes -= n_used;
                if (event == HTTP1_MORE) {
                        CHECK(n_bytes == 0);
                } else if (event == HTTP1_HEAD) {
                        log_head(r, limits);
                } else if (event == HTTP1_DONE) {
                        log_message(r, limits);
                        http1_next(r->h);
                } else {
                        r->error = event;
                }
        }
}

static Run run(Http1Kind kind, const Http1Limits *limits, size_t step, const char *data, size_t n_bytes)
{
        Run r = {.kind = kind, .h = http1_new(kind, limits)};

        for (size_t at = 0; at < n_bytes; at += step)
                feed(&r, limits, data + at, MIN2(step, n_bytes - at));
        if (!r.error && http1_in_message(r.h)) {
                r.error = http1_finish(r.h);
                if (r.error == HTTP1_DONE)
                        log_message(&r, limits);
        }
        http1_free(r.h);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        Http1Kind kind;
        const Http1Limits *limits;
        Run whole, cut;

        if (n_bytes < 1)
                return 0;
        kind = *data & 1 ? HTTP1_RESPONSE : HTTP1_REQUEST;
        limits = *data & 2 ? &SMALL : &LARGE;
        whole = run(kind, limits, SIZE_MAX / 2, (const char *) data + 1, n_bytes - 1);
        cut = run(kind, limits, *data & 4 ? 1 : 1 + (*data >> 3), (const char *) data + 1, n_bytes - 1);
        CHECK(whole.error == cut.error);
        CHECK(buf_len(&whole.log) == buf_len(&cut.log));
        CHECK(memcmp(buf_bytes(&whole.log), buf_bytes(&cut.log), buf_len(&whole.log)) == 0);
        buf_deinit(&whole.log);
        buf_deinit(&cut.log);
        return 0;
}
