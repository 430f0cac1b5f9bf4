/* A connected non-blocking byte stream on the loop: a TCP socket, or a libcurl connection (TCP or TLS). Both
 * are driven by readiness, so that the layers above read into one shared buffer and decide themselves when to
 * write. Private to src/net. */
#pragma once

#include <sys/types.h>

#include "loop/loop.h"

typedef struct Transport Transport;

typedef struct TransportEvents {
        void (*on_readable)(void *userdata);
        void (*on_writable)(void *userdata); /* after transport_want_write() */
        void (*on_soon)(void *userdata);     /* after transport_call_soon() */
} TransportEvents;

/* How a stream that is not a plain socket moves bytes; the socket only tells readiness. */
typedef struct TransportIo {
        ssize_t (*read)(void *io, void *ret, size_t n_bytes);
        ssize_t (*write)(void *io, const void *data, size_t n_bytes);
        void (*close)(void *io); /* ends the connection and with it the socket */
} TransportIo;

/* Takes a connected socket: makes it non-blocking, sets TCP_NODELAY and keepalive. On < 0 `fd` is closed. */
int transport_new_socket(Transport **ret, Loop *loop, int fd);
/* `io` is closed through ops->close; on < 0 it is not. */
int transport_new_io(Transport **ret, Loop *loop, int fd, const TransportIo *ops /* static */, void *io);
/* Closes at once; no callback comes after, and it may be called from inside one. NULL is fine. */
void transport_free(Transport *t);

void transport_set_events(Transport *t, const TransportEvents *events /* static */, void *userdata);
Loop *transport_loop(const Transport *t);

/* True when bytes may be waiting inside (decrypted by TLS) though the socket is not readable: then only
 * -EAGAIN means that there is nothing. */
bool transport_hides_bytes(const Transport *t);

#define TRANSPORT_EOF 0 /* of transport_read(): the far side has ended its direction */
/* > 0 bytes, TRANSPORT_EOF, -EAGAIN, or another negative errno. */
ssize_t transport_read(Transport *t, void *ret, size_t n_bytes);
/* > 0 bytes, -EAGAIN, or another negative errno. */
ssize_t transport_write(Transport *t, const void *data, size_t n_bytes);
/* Ends our direction, where that is possible without ending the other (plain sockets). */
void transport_shutdown(Transport *t);
void transport_want_read(Transport *t, bool want);
void transport_want_write(Transport *t, bool want);
/* on_soon once, in the next iteration of the loop, before it waits: the place where everything that was
 * queued meanwhile is written with one system call. */
void transport_call_soon(Transport *t);

/* One buffer for all reads of the thread: its content is consumed before the next read. */
#define TRANSPORT_READ_BYTES (64 * 1024)
uint8_t *transport_read_buffer(void);
