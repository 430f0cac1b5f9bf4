/* A client made of a bare socket, for tests that care about bytes. The server under test runs in the same
 * thread: whenever the client waits, the loop turns. Every wait has a deadline. */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "loop/loop.h"

#define WAIT_MS 20000

typedef struct Client {
        Loop *loop;
        int fd;
        Buf in;
        bool eof;
} Client;

static inline void turn_loop(Loop *loop)
{
        uv_run(loop_uv(loop), UV_RUN_NOWAIT);
}

/* Until the loop has something to do, or a millisecond. */
static inline void wait_for_loop(Loop *loop)
{
        poll(&(struct pollfd){.fd = uv_backend_fd(loop_uv(loop)), .events = POLLIN}, 1, 1);
}

/* Turns the loop until `condition` holds. */
#define WAIT_UNTIL(_loop, _condition)                                                                        \
        do {                                                                                                 \
                int64_t _deadline_ms = clock_monotonic_ms() + WAIT_MS;                                       \
                while (!(_condition)) {                                                                      \
                        assert_true(clock_monotonic_ms() < _deadline_ms);                                    \
                        turn_loop(_loop);                                                                    \
                        wait_for_loop(_loop);                                                                \
                }                                                                                            \
        } while (0)

static inline void client_open(Client *c, Loop *loop, unsigned port)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};

        *c = (Client){.loop = loop};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(c->fd, (struct sockaddr *) &address, sizeof(address)), 0);
}

static inline void client_close(Client *c)
{
        close(c->fd);
        buf_deinit(&c->in);
}

static inline void client_receive(Client *c)
{
        char *at = buf_reserve(&c->in, 65536);
        ssize_t n = recv(c->fd, at, 65536, MSG_DONTWAIT);

        buf_commit(&c->in, n > 0 ? (size_t) n : 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
                c->eof = true;
}

static inline void client_send(Client *c, const void *data, size_t n_bytes)
{
        size_t n_sent = 0;
        int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;

        while (n_sent < n_bytes && clock_monotonic_ms() < deadline_ms) {
                ssize_t n = send(c->fd, (const char *) data + n_sent, n_bytes - n_sent,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n < 0 && errno != EAGAIN)
                        return; /* the server has had enough; the test looks at what it says */
                if (n > 0)
                        n_sent += (size_t) n;
                turn_loop(c->loop);
                client_receive(c);
        }
}

static inline void client_send_str(Client *c, const char *text)
{
        client_send(c, text, strlen(text));
}

static inline const char *client_text(Client *c)
{
        return buf_bytes(&c->in);
}

/* Until `needle` has been received. */
static inline void client_expect(Client *c, const char *needle)
{
        int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;

        while (!strstr(client_text(c), needle)) {
                if (c->eof || clock_monotonic_ms() > deadline_ms)
                        fail_msg("expected \"%s\", got \"%s\"%s", needle, client_text(c),
                                 c->eof ? " and the end" : "");
                turn_loop(c->loop);
                poll(&(struct pollfd){.fd = c->fd, .events = POLLIN}, 1, 1);
                client_receive(c);
        }
}

static inline void client_expect_bytes(Client *c, size_t n_bytes)
{
        int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;

        while (buf_len(&c->in) < n_bytes) {
                assert_true(!c->eof && clock_monotonic_ms() < deadline_ms);
                turn_loop(c->loop);
                client_receive(c);
        }
}

static inline void client_expect_eof(Client *c)
{
        int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;

        while (!c->eof) {
                assert_true(clock_monotonic_ms() < deadline_ms);
                turn_loop(c->loop);
                poll(&(struct pollfd){.fd = c->fd, .events = POLLIN}, 1, 1);
                client_receive(c);
        }
}
