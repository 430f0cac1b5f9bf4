#include "net/transport.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/error.h"

/* Linux's own two hours outlive whoever waits for a vanished client. */
#define KEEPALIVE_IDLE_S 60

struct Transport {
        uv_poll_t poll;
        /* An idle handle and not a prepare handle: it runs before the wait as well, and while it is active
         * the wait does not block, so that a call requested from another idle callback is not late. */
        uv_idle_t soon;
        Loop *loop;
        int fd;
        const TransportIo *ops; /* NULL: a plain socket */
        void *io;
        const TransportEvents *events;
        void *userdata;
        int wanted; /* UV_READABLE | UV_WRITABLE */
        unsigned n_handles;
};

static void on_handle_closed(uv_handle_t *handle)
{
        Transport *t = handle->data;

        if (--t->n_handles == 0)
                free(t);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
        Transport *t = poll->data;

        /* An error state of the socket is found, and named, by the next read or write. */
        if (status < 0)
                events = t->wanted;
        /* Either callback may free the transport: the handle is closing then, its memory still here. */
        if ((events & UV_WRITABLE) && (t->wanted & UV_WRITABLE) && t->events)
                t->events->on_writable(t->userdata);
        if ((events & UV_READABLE) && (t->wanted & UV_READABLE) && t->events)
                t->events->on_readable(t->userdata);
}

static void on_idle(uv_idle_t *idle)
{
        Transport *t = idle->data;

        uv_idle_stop(idle);
        if (t->events)
                t->events->on_soon(t->userdata);
}

static int open_handles(Transport **ret, Loop *loop, int fd)
{
        Transport *t = mem_new(Transport);
        int r = uv_poll_init(loop_uv(loop), &t->poll, fd);

        if (r < 0) {
                free(t);
                return error_origin(r);
        }
        uv_idle_init(loop_uv(loop), &t->soon);
        t->poll.data = t->soon.data = t;
        t->n_handles = 2;
        t->loop = loop;
        t->fd = fd;
        *ret = t;
        return 0;
}

int transport_new_socket(Transport **ret, Loop *loop, int fd)
{
        int on = 1, idle_s = KEEPALIVE_IDLE_S, r;

        /* On a socket that is not TCP these fail, and are not needed. */
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void) setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
        (void) setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
        r = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ? error_origin(-errno)
                                                                    : open_handles(ret, loop, fd);
        if (r < 0)
                close(fd);
        return error_trace(r);
}

int transport_new_io(Transport **ret, Loop *loop, int fd, const TransportIo *ops, void *io)
{
        int r = open_handles(ret, loop, fd);

        if (r < 0)
                return error_trace(r);
        (*ret)->ops = ops;
        (*ret)->io = io;
        return 0;
}

void transport_free(Transport *t)
{
        if (!t)
                return;
        t->events = NULL;
        t->wanted = 0;
        uv_idle_stop(&t->soon);
        uv_poll_stop(&t->poll);
        uv_close((uv_handle_t *) &t->soon, on_handle_closed);
        uv_close((uv_handle_t *) &t->poll, on_handle_closed);
        if (t->ops)
                t->ops->close(t->io);
        else
                close(t->fd);
}

void transport_set_events(Transport *t, const TransportEvents *events, void *userdata)
{
        t->events = events;
        t->userdata = userdata;
}

Loop *transport_loop(const Transport *t)
{
        return t->loop;
}

bool transport_hides_bytes(const Transport *t)
{
        return t->ops != NULL;
}

ssize_t transport_read(Transport *t, void *ret, size_t n_bytes)
{
        ssize_t n;

        if (t->ops)
                return t->ops->read(t->io, ret, n_bytes);
        do
                n = recv(t->fd, ret, n_bytes, 0);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

ssize_t transport_write(Transport *t, const void *data, size_t n_bytes)
{
        ssize_t n;

        if (t->ops)
                return t->ops->write(t->io, data, n_bytes);
        do
                n = send(t->fd, data, n_bytes, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

void transport_shutdown(Transport *t)
{
        if (!t->ops)
                (void) shutdown(t->fd, SHUT_WR); /* fails only when the connection is gone already */
}

static void set_wanted(Transport *t, int bit, bool want)
{
        int wanted = want ? t->wanted | bit : t->wanted & ~bit;

        if (wanted == t->wanted)
                return;
        t->wanted = wanted;
        if (wanted)
                uv_poll_start(&t->poll, wanted, on_poll);
        else
                uv_poll_stop(&t->poll);
}

void transport_want_read(Transport *t, bool want)
{
        set_wanted(t, UV_READABLE, want);
}

void transport_want_write(Transport *t, bool want)
{
        set_wanted(t, UV_WRITABLE, want);
}

void transport_call_soon(Transport *t)
{
        uv_idle_start(&t->soon, on_idle);
}

uint8_t *transport_read_buffer(void)
{
        static _Thread_local uint8_t buffer[TRANSPORT_READ_BYTES];

        return buffer;
}
