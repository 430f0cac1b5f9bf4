/* How the HTTP server and the dialler make a WsPeer. Private to src/net. */
#pragma once

#include "base/buf.h"
#include "net/transport.h"
#include "net/wspeer.h"

/* Moves the bytes out; `b` is empty after. */
static inline Buf buf_steal(Buf *b)
{
        Buf out = *b;

        *b = (Buf){0};
        return out;
}

/* Takes the transport. `head` (moved out of, may be NULL) is written before any frame: the server's 101.
 * `early` (may be empty) are bytes that followed the handshake; they are fed in the loop's next iteration,
 * after the maker has had its chance to set the events. */
WsPeer *ws_peer_new(Transport *t /* stolen */, WsockRole role, size_t max_message_bytes, Buf *head,
                    const void *early, size_t n_early);
