/* WebSocket protocol machine (RFC 6455) without I/O, over wslay: bytes in, messages out; both roles.
 *
 * Feeding all bytes at once equals feeding them one by one. Compression is never negotiated. Text must be
 * valid UTF-8; a violation of the protocol or of a limit makes the machine queue a close frame with the right
 * code (1002, 1007, 1009) and report it through on_close. */
#pragma once

#include "base/macro.h"

typedef enum WsockRole { WSOCK_CLIENT, WSOCK_SERVER } WsockRole;

typedef struct WsockEvents {
        /* One complete text message. `data` is borrowed until the callback returns. */
        void (*on_text)(void *userdata, const char *data, size_t n_bytes);
        void (*on_binary)(void *userdata, const uint8_t *data, size_t n_bytes); /* may be NULL: ignored */
        /* A ping has already been answered by the machine (payload echoed byte for byte). May be NULL. */
        void (*on_ping)(void *userdata, const uint8_t *data, size_t n_bytes);
        void (*on_pong)(void *userdata, const uint8_t *data, size_t n_bytes); /* may be NULL */
        /* The peer's close frame arrived, or the machine closed by itself after a violation; once. `code` is
         * 1005 when the peer gave none. */
        void (*on_close)(void *userdata, unsigned code, const char *reason);
} WsockEvents;

typedef struct Wsock Wsock;

Wsock *wsock_new(WsockRole role, size_t max_message_bytes, const WsockEvents *events /* static */,
                 void *userdata);
void wsock_free(Wsock *w);
DEFINE_CLEANUP(Wsock *, wsock_free);

/* Consumes all bytes; callbacks run inside (they may send, never free). < 0: the connection is unusable now
 * (a close frame may be waiting in wsock_drain()). */
int wsock_feed(Wsock *w, const uint8_t *data, size_t n_bytes);
void wsock_send_text(Wsock *w, const char *data, size_t n_bytes);
void wsock_send_binary(Wsock *w, const void *data, size_t n_bytes);
void wsock_send_ping(Wsock *w, const void *data, size_t n_bytes /* ≤ 125 */);
/* Test hook of localslack: pings of the peer stay without an answer. */
void wsock_mute_pongs(Wsock *w, bool muted);
void wsock_send_close(Wsock *w, unsigned code, const char *reason);
/* The bytes to be written next, borrowed until the next call on `w`; *ret_n == 0 when there are none. */
int wsock_drain(Wsock *w, const uint8_t **ret, size_t *ret_n);
void wsock_drained(Wsock *w, size_t n_bytes); /* so many of them were written */
size_t wsock_queued_bytes(const Wsock *w);
bool wsock_close_sent(const Wsock *w);
bool wsock_close_received(const Wsock *w);

/* The handshake's accept value (RFC 6455 §4.2.2) for a Sec-WebSocket-Key; `ret` takes 29 bytes. */
void wsock_accept_key(const char *key, char ret[29]);
