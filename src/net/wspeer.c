/* The owner may send, close or abort from inside any callback. Nothing ends inside a call of the owner: a
 * broken connection is noticed while reading or flushing, and on_end comes from there. */
#include "net/wspeer.h"

#include <errno.h>

#include "base/error.h"
#include "base/log.h"
#include "net/wspeer-internal.h"

#define CLOSE_TIMEOUT_MS 1000
/* Turns of reading before other connections get theirs. */
#define READS_PER_TURN 16
#define CODE_ABNORMAL  1006

typedef enum PeerState {
        PEER_OPEN,
        PEER_CLOSING,   /* a close frame is on its way or waits for its echo; the deadline runs */
        PEER_REFUSING,  /* so it is after a violation: what still arrives is thrown away */
        PEER_LINGERING, /* and the close frame is out: waits for the far side to hang up */
        PEER_DEAD, /* the transport is gone, nobody is called; the memory waits for our stack to unwind */
} PeerState;

static const char *const STATE_NAMES[] = {
        [PEER_OPEN] = "open",           [PEER_CLOSING] = "closing", [PEER_REFUSING] = "refusing",
        [PEER_LINGERING] = "lingering", [PEER_DEAD] = "dead",
};

struct WsPeer {
        PeerState state;
        Transport *transport;
        Wsock *sock;
        const WsPeerEvents *events;
        void *userdata;
        Buf head, early;
        LoopTimer *close_timer;
        int64_t last_heard_ms;
        unsigned busy; /* depth of our functions on the call stack */
        bool paused, more_to_read;
        unsigned end_code;
        char *end_reason;
};

static void set_state(WsPeer *p, PeerState state)
{
        log_debug("net.websocket", "peer %p: %s -> %s", (void *) p, STATE_NAMES[p->state],
                  STATE_NAMES[state]);
        p->state = state;
}

static bool is_dead(const WsPeer *p)
{
        return p->state == PEER_DEAD;
}

static void free_peer(WsPeer *p)
{
        wsock_free(p->sock);
        buf_deinit(&p->head);
        buf_deinit(&p->early);
        free(p->end_reason);
        free(p);
}

static void enter(WsPeer *p)
{
        p->busy++;
}

static void leave(WsPeer *p)
{
        if (--p->busy == 0 && is_dead(p))
                free_peer(p);
}

static void cut(WsPeer *p)
{
        set_state(p, PEER_DEAD);
        transport_free(take(p->transport));
        loop_timer_free(take(p->close_timer));
}

void ws_peer_abort(WsPeer *p)
{
        if (!p || is_dead(p))
                return;
        enter(p);
        cut(p);
        leave(p);
}

static void end(WsPeer *p)
{
        if (is_dead(p))
                return;
        enter(p);
        cut(p);
        if (p->events && p->events->on_end)
                p->events->on_end(p->userdata, p->end_code, p->end_reason ? p->end_reason : "");
        leave(p);
}

static void set_end(WsPeer *p, unsigned code, const char *reason)
{
        p->end_code = code;
        mem_strset(&p->end_reason, reason);
}

static void on_close_timeout(void *userdata)
{
        end(userdata);
}

static void start_closing(WsPeer *p, PeerState state)
{
        if (p->state == PEER_OPEN) {
                p->close_timer = loop_timer_new(transport_loop(p->transport), on_close_timeout, p);
                loop_timer_set(p->close_timer, CLOSE_TIMEOUT_MS);
        }
        if (p->state < state)
                set_state(p, state);
        transport_call_soon(p->transport);
}

static void on_sock_text(void *userdata, const char *data, size_t n_bytes)
{
        WsPeer *p = userdata;

        if (!is_dead(p) && p->events && p->events->on_text)
                p->events->on_text(p->userdata, data, n_bytes);
}

static void on_sock_binary(void *userdata, const uint8_t *data, size_t n_bytes)
{
        WsPeer *p = userdata;

        if (!is_dead(p) && p->events && p->events->on_binary)
                p->events->on_binary(p->userdata, data, n_bytes);
}

static void on_sock_ping(void *userdata, const uint8_t *data, size_t n_bytes)
{
        WsPeer *p = userdata;

        if (is_dead(p))
                return;
        transport_call_soon(p->transport); /* the pong */
        if (p->events && p->events->on_ping)
                p->events->on_ping(p->userdata, data, n_bytes);
}

static void on_sock_pong(void *userdata, const uint8_t *data, size_t n_bytes)
{
        WsPeer *p = userdata;

        if (!is_dead(p) && p->events && p->events->on_pong)
                p->events->on_pong(p->userdata, data, n_bytes);
}

static void on_sock_close(void *userdata, unsigned code, const char *reason)
{
        WsPeer *p = userdata;

        if (is_dead(p))
                return;
        set_end(p, code, reason);
        start_closing(p, wsock_close_received(p->sock) ? PEER_CLOSING : PEER_REFUSING);
}

static const WsockEvents SOCK_EVENTS = {
        .on_text = on_sock_text,
        .on_binary = on_sock_binary,
        .on_ping = on_sock_ping,
        .on_pong = on_sock_pong,
        .on_close = on_sock_close,
};

static void feed(WsPeer *p, const uint8_t *data, size_t n_bytes)
{
        /* A violation has been reported through on_sock_close() when this returns. */
        if (p->state < PEER_REFUSING)
                (void) wsock_feed(p->sock, data, n_bytes);
}

static void on_readable(void *userdata)
{
        WsPeer *p = userdata;
        uint8_t *buffer = transport_read_buffer();
        ssize_t n = 0;

        enter(p);
        p->more_to_read = false;
        for (unsigned i = 0; i < READS_PER_TURN && !is_dead(p) && !p->paused; i++) {
                n = transport_read(p->transport, buffer, TRANSPORT_READ_BYTES);
                if (n <= 0)
                        break;
                p->last_heard_ms = loop_now_ms(transport_loop(p->transport));
                feed(p, buffer, (size_t) n);
                if (!is_dead(p) && n < TRANSPORT_READ_BYTES && !transport_hides_bytes(p->transport))
                        break; /* the socket is empty: spare the call that would only say so */
        }
        if (!is_dead(p) && n <= 0 && n != -EAGAIN && !p->paused) {
                if (n < 0 && p->state == PEER_OPEN)
                        set_end(p, CODE_ABNORMAL, strerror((int) -n));
                end(p);
        } else if (!is_dead(p) && n > 0 && !p->paused && transport_hides_bytes(p->transport)) {
                p->more_to_read = true;
                transport_call_soon(p->transport);
        }
        leave(p);
}

/* False when the transport is full or broken; a broken one ends the peer. */
static bool write_out(WsPeer *p, const void *data, size_t n_bytes, size_t *ret_n)
{
        ssize_t n = transport_write(p->transport, data, n_bytes);

        *ret_n = n > 0 ? (size_t) n : 0;
        if (n == (ssize_t) n_bytes)
                return true;
        if (n >= 0 || n == -EAGAIN) {
                transport_want_write(p->transport, true);
                return false;
        }
        if (p->state == PEER_OPEN)
                set_end(p, CODE_ABNORMAL, strerror((int) -n));
        end(p);
        return false;
}

static void flush(WsPeer *p)
{
        const uint8_t *data;
        size_t n, n_written;

        if (buf_len(&p->head) > 0) {
                bool all = write_out(p, buf_bytes(&p->head), buf_len(&p->head), &n_written);

                buf_consume(&p->head, n_written);
                if (!all)
                        return;
                buf_deinit(&p->head);
        }
        wsock_drain(p->sock, &data, &n);
        while (n > 0) { /* what is drained may let a waiting pong in */
                bool all = write_out(p, data, n, &n_written);

                wsock_drained(p->sock, n_written);
                if (!all)
                        return;
                wsock_drain(p->sock, &data, &n);
        }
        transport_want_write(p->transport, false);
}

/* All is written: the end, if this is one. A close frame that answers a violation must not be overtaken by
 * the reset that closing a socket with unread bytes causes: our direction ends, and the far side's hang-up,
 * or the deadline, ends the rest. */
static void finish(WsPeer *p)
{
        if (buf_len(&p->head) > 0 || wsock_queued_bytes(p->sock) > 0)
                return;
        if (p->state == PEER_CLOSING && wsock_close_received(p->sock)) {
                end(p);
        } else if (p->state == PEER_REFUSING) {
                set_state(p, PEER_LINGERING);
                transport_shutdown(p->transport);
        }
}

static void flush_and_finish(WsPeer *p)
{
        flush(p);
        if (!is_dead(p))
                finish(p);
}

static void on_writable(void *userdata)
{
        WsPeer *p = userdata;

        enter(p);
        flush_and_finish(p);
        leave(p);
}

static void on_soon(void *userdata)
{
        WsPeer *p = userdata;

        enter(p);
        if (buf_len(&p->early) > 0) {
                Buf early = buf_steal(&p->early);

                feed(p, (const uint8_t *) buf_bytes(&early), buf_len(&early));
                buf_deinit(&early);
        }
        if (!is_dead(p) && p->more_to_read)
                on_readable(p);
        if (!is_dead(p))
                flush_and_finish(p);
        leave(p);
}

static const TransportEvents TRANSPORT_EVENTS = {
        .on_readable = on_readable,
        .on_writable = on_writable,
        .on_soon = on_soon,
};

WsPeer *ws_peer_new(Transport *t, WsockRole role, size_t max_message_bytes, Buf *head, const void *early,
                    size_t n_early)
{
        WsPeer *p = mem_new(WsPeer);

        p->transport = t;
        p->sock = wsock_new(role, max_message_bytes, &SOCK_EVENTS, p);
        p->end_code = CODE_ABNORMAL;
        p->last_heard_ms = loop_now_ms(transport_loop(t));
        if (head)
                p->head = buf_steal(head);
        if (n_early > 0)
                buf_append(&p->early, early, n_early);
        p->more_to_read = true; /* a TLS transport may have decrypted more than the handshake */
        transport_set_events(t, &TRANSPORT_EVENTS, p);
        transport_want_read(t, true);
        transport_call_soon(t);
        return p;
}

void ws_peer_set_events(WsPeer *p, const WsPeerEvents *events, void *userdata)
{
        p->events = events;
        p->userdata = userdata;
}

void ws_peer_send_text(WsPeer *p, const char *data, size_t n_bytes)
{
        if (is_dead(p))
                return;
        wsock_send_text(p->sock, data, n_bytes);
        transport_call_soon(p->transport);
}

void ws_peer_send_binary(WsPeer *p, const void *data, size_t n_bytes)
{
        if (is_dead(p))
                return;
        wsock_send_binary(p->sock, data, n_bytes);
        transport_call_soon(p->transport);
}

void ws_peer_send_ping(WsPeer *p, const void *data, size_t n_bytes)
{
        if (is_dead(p))
                return;
        wsock_send_ping(p->sock, data, n_bytes);
        transport_call_soon(p->transport);
}

void ws_peer_close(WsPeer *p, unsigned code, const char *reason)
{
        if (is_dead(p))
                return;
        wsock_send_close(p->sock, code, reason);
        start_closing(p, PEER_CLOSING);
}

size_t ws_peer_queued_bytes(const WsPeer *p)
{
        return buf_len(&p->head) + wsock_queued_bytes(p->sock);
}

int64_t ws_peer_last_heard_ms(const WsPeer *p)
{
        return p->last_heard_ms;
}

void ws_peer_pause_reading(WsPeer *p, bool paused)
{
        if (is_dead(p))
                return;
        p->paused = paused;
        transport_want_read(p->transport, !paused);
        if (!paused) {
                p->more_to_read = true;
                transport_call_soon(p->transport);
        }
}

void ws_peer_mute_pongs(WsPeer *p, bool muted)
{
        if (!is_dead(p))
                wsock_mute_pongs(p->sock, muted);
}
