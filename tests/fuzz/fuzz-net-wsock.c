/* Whatever a peer sends, what comes out of the machine does not depend on how the bytes were cut, and after
 * an error there is a close frame to send. The first byte of the input chooses the role, the limit and the
 * cuts. */
#include <stdio.h>

#include "base/buf.h"
#include "net/utf8.h"
#include "net/wsock.h"

#define CHECK(_condition)                                                                                    \
        do {                                                                                                 \
                if (!(_condition)) {                                                                         \
                        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #_condition);                     \
                        abort();                                                                             \
                }                                                                                            \
        } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

typedef struct Run {
        Wsock *w;
        Buf log;
        size_t n_out;
        unsigned n_closes;
        bool failed;
} Run;

static void add(Run *r, char kind, const void *data, size_t n_bytes)
{
        buf_printf(&r->log, "%c%zu:", kind, n_bytes);
        buf_append(&r->log, data, n_bytes);
}

static void on_text(void *userdata, const char *data, size_t n_bytes)
{
        Run *r = userdata;

        CHECK(utf8_is_valid(data, n_bytes));
        CHECK(r->n_closes == 0);
        add(r, 't', data, n_bytes);
        wsock_send_text(r->w, data, MIN2(n_bytes, (size_t) 10));
}

static void on_binary(void *userdata, const uint8_t *data, size_t n_bytes)
{
        add(userdata, 'b', data, n_bytes);
}

static void on_ping(void *userdata, const uint8_t *data, size_t n_bytes)
{
        add(userdata, 'p', data, n_bytes);
}

static void on_pong(void *userdata, const uint8_t *data, size_t n_bytes)
{
        add(userdata, 'q', data, n_bytes);
}

static void on_close(void *userdata, unsigned code, const char *reason)
{
        Run *r = userdata;

        CHECK(r->n_closes++ == 0);
        CHECK(utf8_is_valid(reason, strlen(reason)));
        buf_printf(&r->log, "c%u:%s", code, reason);
}

static const WsockEvents EVENTS = {on_text, on_binary, on_ping, on_pong, on_close};

/* Masks are random: of a client's output only the length is comparable. */
static void drain(Run *r, WsockRole role)
{
        const uint8_t *out;
        size_t n;

        wsock_drain(r->w, &out, &n);
        while (n > 0) {
                if (role == WSOCK_SERVER)
                        buf_append(&r->log, out, n);
                r->n_out += n;
                wsock_drained(r->w, n);
                wsock_drain(r->w, &out, &n);
        }
        CHECK(wsock_queued_bytes(r->w) == 0);
}

static Run run(WsockRole role, size_t limit, size_t step, const uint8_t *data, size_t n_bytes)
{
        Run r = {0};

        r.w = wsock_new(role, limit, &EVENTS, &r);
        for (size_t at = 0; at < n_bytes; at += step)
                if (wsock_feed(r.w, data + at, MIN2(step, n_bytes - at)) < 0)
                        r.failed = true;
        if (r.failed)
                CHECK(wsock_close_sent(r.w) && r.n_closes == 1);
        drain(&r, role);
        wsock_free(r.w);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        WsockRole role;
        size_t limit;
        Run whole, cut;

        if (n_bytes < 1)
                return 0;
        role = *data & 1 ? WSOCK_CLIENT : WSOCK_SERVER;
        limit = *data & 2 ? 20 : 100000;
        whole = run(role, limit, SIZE_MAX / 2, data + 1, n_bytes - 1);
        cut = run(role, limit, *data & 4 ? 1 : 1 + (*data >> 3), data + 1, n_bytes - 1);
        CHECK(whole.failed == cut.failed);
        CHECK(whole.n_out == cut.n_out);
        CHECK(buf_len(&whole.log) == buf_len(&cut.log));
        CHECK(memcmp(buf_bytes(&whole.log), buf_bytes(&cut.log), buf_len(&whole.log)) == 0);
        buf_deinit(&whole.log);
        buf_deinit(&cut.log);
        return 0;
}
