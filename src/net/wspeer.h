/* A WebSocket connection that is up: a Wsock on a transport (an accepted TCP socket, or a dialled one, with
 * TLS or without). The same type for both roles.
 *
 * Writes are queued and flushed once per loop iteration, so that a burst of small messages is one system
 * call. Ends exactly once: with on_end, after whose return the peer frees itself (the owner drops its
 * pointer), or with ws_peer_abort(); nothing is called after. Every function may be called inside every
 * callback; none calls back from inside itself. */
#pragma once

#include "loop/loop.h"
#include "net/wsock.h"

typedef struct WsPeer WsPeer;

typedef struct WsPeerEvents {
        void (*on_text)(void *userdata, const char *data, size_t n_bytes);
        void (*on_ping)(void *userdata, const uint8_t *data, size_t n_bytes); /* may be NULL */
        void (*on_pong)(void *userdata, const uint8_t *data, size_t n_bytes); /* may be NULL */
        /* The connection is over. `code`: the peer's close code, 1005 when its close frame had none; the code
         * that we sent (1002, 1007, 1009) when it violated the protocol; 1006 when the connection just broke,
         * or our close was not answered. */
        void (*on_end)(void *userdata, unsigned code, const char *reason);
        void (*on_binary)(void *userdata, const uint8_t *data, size_t n_bytes); /* may be NULL: ignored */
} WsPeerEvents;

void ws_peer_set_events(WsPeer *p, const WsPeerEvents *events /* static */, void *userdata);
void ws_peer_send_text(WsPeer *p, const char *data, size_t n_bytes);
void ws_peer_send_binary(WsPeer *p, const void *data, size_t n_bytes);
void ws_peer_send_ping(WsPeer *p, const void *data, size_t n_bytes);
/* Starts the close handshake; waits at most 1 s for the echo, then shuts the transport down itself (Slack
 * leaves that to the client). on_end follows. */
void ws_peer_close(WsPeer *p, unsigned code, const char *reason);
/* Cuts at once, without a close frame and without on_end. Frees. NULL is fine, and so is a call inside
 * on_end. */
void ws_peer_abort(WsPeer *p);
/* Bytes that the far side has not taken yet; the owner decides what too many means. */
size_t ws_peer_queued_bytes(const WsPeer *p);
int64_t ws_peer_last_heard_ms(const WsPeer *p); /* loop time of the last byte received */
/* Test hooks of localslack: stop reading (a half-open peer), or read again; leave pings without a pong. */
void ws_peer_pause_reading(WsPeer *p, bool paused);
void ws_peer_mute_pongs(WsPeer *p, bool muted);
