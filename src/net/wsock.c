/* Incoming frames are cut by wslay's frame layer, which checks lengths and unmasks; messages are put together
 * here and not by wslay's event layer, because that one allocates several times per message, in both
 * directions, where this one hands a small message straight out of the frame buffer and appends outgoing
 * frames to one output buffer.
 *
 * Invariant: what is delivered, answered and refused depends on the bytes alone, never on how they were cut
 * into calls of wsock_feed(). */
#include "net/wsock.h"

#include <sys/types.h>
#include <wslay/wslay.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "net/utf8.h"

#define CONTROL_BYTES_MAX 125
#define HEADER_BYTES_MAX  14
/* A peer that sends pings and reads nothing must not grow our output: above this, only the latest ping is
 * answered, when there is room again (RFC 6455 §5.5.3 allows it). */
#define PONG_QUEUE_BYTES (64 * 1024)

struct Wsock {
        WsockRole role;
        size_t max_message_bytes;
        const WsockEvents *events;
        void *userdata;

        wslay_frame_context_ptr frames;
        const uint8_t *in; /* what wsock_feed() was given and wslay has not taken yet */
        size_t n_in;

        bool in_frame; /* the header of a frame has been seen, not yet its last byte */
        uint64_t n_frame_seen;
        uint8_t control[CONTROL_BYTES_MAX + 1];
        size_t n_control;

        bool in_message;        /* a fragmented message waits for its continuation */
        uint8_t message_opcode; /* WSLAY_TEXT_FRAME or WSLAY_BINARY_FRAME */
        size_t n_message;       /* bytes of it in the frames that have started */
        Buf message;
        Utf8 utf8;

        Buf out;
        uint64_t mask_state;
        uint8_t pong[CONTROL_BYTES_MAX]; /* the latest ping that found no room */
        size_t n_pong;
        bool pong_waits, pongs_muted;

        bool close_sent, close_received, failed;
};

static ssize_t take_input(uint8_t *buf, size_t n_bytes, int flags, void *userdata)
{
        Wsock *w = userdata;
        size_t n = MIN2(n_bytes, w->n_in);

        (void) flags;
        if (n == 0)
                return -1; /* wslay's word for "no more now" */
        memcpy(buf, w->in, n);
        w->in += n;
        w->n_in -= n;
        return (ssize_t) n;
}

Wsock *wsock_new(WsockRole role, size_t max_message_bytes, const WsockEvents *events, void *userdata)
{
        static const struct wslay_frame_callbacks callbacks = {.recv_callback = take_input};
        Wsock *w = mem_new(Wsock);

        w->role = role;
        w->max_message_bytes = max_message_bytes;
        w->events = events;
        w->userdata = userdata;
        if (wslay_frame_context_init(&w->frames, &callbacks, w) < 0)
                abort(); /* out of memory, the only way it fails; see base/macro.h */
        random_bytes(&w->mask_state, sizeof(w->mask_state));
        return w;
}

void wsock_free(Wsock *w)
{
        if (!w)
                return;
        wslay_frame_context_free(w->frames);
        buf_deinit(&w->message);
        buf_deinit(&w->out);
        free(w);
}

/* Masking keeps a browser's scripts from choosing the bytes on the wire (RFC 6455 §10.3). Nothing here runs
 * untrusted scripts, so that a fast generator (splitmix64) with an unpredictable seed is enough. */
static uint32_t next_mask(Wsock *w)
{
        uint64_t z = (w->mask_state += 0x9E3779B97F4A7C15ULL);

        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return (uint32_t) (z >> 32);
}

static void copy_masked(uint8_t *to, const uint8_t *from, size_t n_bytes, const uint8_t mask[4])
{
        uint64_t word, mask_word;
        size_t i = 0;

        memcpy(&mask_word, mask, 4);
        memcpy((uint8_t *) &mask_word + 4, mask, 4);
        for (; i + 8 <= n_bytes; i += 8) {
                memcpy(&word, from + i, 8);
                word ^= mask_word;
                memcpy(to + i, &word, 8);
        }
        for (; i < n_bytes; i++)
                to[i] = from[i] ^ mask[i % 4];
}

/* RFC 6455 §5.2. Appends one whole frame to the output. */
static void put_frame(Wsock *w, uint8_t opcode, const void *data, size_t n_bytes)
{
        uint8_t mask_bit = w->role == WSOCK_CLIENT ? 0x80 : 0;
        uint8_t *at = (uint8_t *) buf_reserve(&w->out, HEADER_BYTES_MAX + n_bytes);
        size_t n = 0;

        at[n++] = 0x80 | opcode;
        if (n_bytes < 126) {
                at[n++] = mask_bit | (uint8_t) n_bytes;
        } else if (n_bytes <= UINT16_MAX) {
                at[n++] = mask_bit | 126;
                at[n++] = (uint8_t) (n_bytes >> 8);
                at[n++] = (uint8_t) n_bytes;
        } else {
                at[n++] = mask_bit | 127;
                for (int shift = 56; shift >= 0; shift -= 8)
                        at[n++] = (uint8_t) ((uint64_t) n_bytes >> shift);
        }
        if (mask_bit) {
                uint32_t mask = next_mask(w);

                memcpy(at + n, &mask, sizeof(mask));
                n += sizeof(mask);
                copy_masked(at + n, data, n_bytes, at + n - sizeof(mask));
        } else if (n_bytes > 0) {
                memcpy(at + n, data, n_bytes);
        }
        buf_commit(&w->out, n + n_bytes);
}

/* Nothing may follow a close frame (RFC 6455 §5.5.1). */
static void send_frame(Wsock *w, uint8_t opcode, const void *data, size_t n_bytes)
{
        if (!w->close_sent)
                put_frame(w, opcode, data, n_bytes);
}

void wsock_send_text(Wsock *w, const char *data, size_t n_bytes)
{
        send_frame(w, WSLAY_TEXT_FRAME, data, n_bytes);
}

void wsock_send_binary(Wsock *w, const void *data, size_t n_bytes)
{
        send_frame(w, WSLAY_BINARY_FRAME, data, n_bytes);
}

void wsock_send_ping(Wsock *w, const void *data, size_t n_bytes)
{
        send_frame(w, WSLAY_PING, data, MIN2(n_bytes, (size_t) CONTROL_BYTES_MAX));
}

/* A reason is cut at a character, not inside one. */
static size_t fit_reason(const char *reason)
{
        size_t n = strlen(reason);

        if (n <= CONTROL_BYTES_MAX - 2)
                return n;
        n = CONTROL_BYTES_MAX - 2;
        while (n > 0 && ((uint8_t) reason[n] & 0xC0) == 0x80)
                n--;
        return n;
}

void wsock_send_close(Wsock *w, unsigned code, const char *reason)
{
        uint8_t payload[CONTROL_BYTES_MAX];
        size_t n_reason = reason ? fit_reason(reason) : 0;

        if (w->close_sent)
                return;
        if (code == WSLAY_CODE_NO_STATUS_RCVD) {
                put_frame(w, WSLAY_CONNECTION_CLOSE, NULL, 0);
        } else {
                payload[0] = (uint8_t) (code >> 8);
                payload[1] = (uint8_t) code;
                if (n_reason > 0)
                        memcpy(payload + 2, reason, n_reason);
                put_frame(w, WSLAY_CONNECTION_CLOSE, payload, 2 + n_reason);
        }
        w->close_sent = true;
        w->pong_waits = false;
}

void wsock_mute_pongs(Wsock *w, bool muted)
{
        w->pongs_muted = muted;
}

/* A violation: says so to the peer and to the owner, and takes nothing more. */
static int fail(Wsock *w, unsigned code, const char *reason)
{
        bool known = w->close_received;

        w->failed = true;
        wsock_send_close(w, code, reason);
        if (!known && w->events->on_close)
                w->events->on_close(w->userdata, code, reason);
        return error_origin(-EPROTO);
}

static void answer_ping(Wsock *w)
{
        if (w->pongs_muted) {
                w->pong_waits = false;
        } else if (wsock_queued_bytes(w) < PONG_QUEUE_BYTES) {
                send_frame(w, WSLAY_PONG, w->control, w->n_control);
                w->pong_waits = false;
        } else if (!w->close_sent) {
                memcpy(w->pong, w->control, w->n_control);
                w->n_pong = w->n_control;
                w->pong_waits = true;
        }
        if (w->events->on_ping)
                w->events->on_ping(w->userdata, w->control, w->n_control);
}

/* RFC 6455 §7.4 and the IANA registry: what may appear on the wire. */
static bool code_is_sendable(unsigned code)
{
        if (code >= 3000 && code <= 4999)
                return true;
        return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

static int take_close(Wsock *w)
{
        unsigned code = WSLAY_CODE_NO_STATUS_RCVD;
        const char *reason = "";

        if (w->n_control == 1)
                return fail(w, WSLAY_CODE_PROTOCOL_ERROR, "close frame of one byte");
        if (w->n_control >= 2) {
                code = (unsigned) w->control[0] << 8 | w->control[1];
                reason = (const char *) w->control + 2;
                if (!code_is_sendable(code))
                        return fail(w, WSLAY_CODE_PROTOCOL_ERROR, "invalid close code");
                if (!utf8_is_valid(reason, w->n_control - 2))
                        return fail(w, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, "close reason is not UTF-8");
        }
        w->control[w->n_control] = 0;
        w->close_received = true;
        wsock_send_close(w, code, NULL);
        if (w->events->on_close)
                w->events->on_close(w->userdata, code, reason);
        return 0;
}

static int take_control(Wsock *w, uint8_t opcode)
{
        switch (opcode) {
        case WSLAY_PING: answer_ping(w); return 0;
        case WSLAY_PONG:
                if (w->events->on_pong)
                        w->events->on_pong(w->userdata, w->control, w->n_control);
                return 0;
        default: return take_close(w);
        }
}

/* The first piece of a frame: everything that its header can violate. */
static int start_frame(Wsock *w, const struct wslay_frame_iocb *f)
{
        bool control = wslay_is_ctrl_frame(f->opcode);

        if (f->rsv != 0)
                return fail(w, WSLAY_CODE_PROTOCOL_ERROR, "reserved bits without an extension");
        if ((f->mask != 0) != (w->role == WSOCK_SERVER))
                return fail(w, WSLAY_CODE_PROTOCOL_ERROR,
                            w->role == WSOCK_SERVER ? "unmasked frame" : "masked frame");
        if (control ? f->opcode > WSLAY_PONG : f->opcode > WSLAY_BINARY_FRAME)
                return fail(w, WSLAY_CODE_PROTOCOL_ERROR, "unknown opcode");
        w->in_frame = true;
        w->n_frame_seen = 0;
        if (control) {
                w->n_control = 0;
                return 0;
        }
        if ((f->opcode == WSLAY_CONTINUATION_FRAME) != w->in_message)
                return fail(w, WSLAY_CODE_PROTOCOL_ERROR,
                            w->in_message ? "new message inside another" : "continuation of nothing");
        if (!w->in_message) {
                w->in_message = true;
                w->message_opcode = f->opcode;
                w->n_message = 0;
                w->utf8 = (Utf8){0};
        }
        if (f->payload_length > w->max_message_bytes - w->n_message)
                return fail(w, WSLAY_CODE_MESSAGE_TOO_BIG, "message too big");
        w->n_message += f->payload_length;
        return 0;
}

static int deliver(Wsock *w, const uint8_t *data, size_t n_bytes)
{
        w->in_message = false;
        if (w->message_opcode == WSLAY_BINARY_FRAME) {
                if (w->events->on_binary)
                        w->events->on_binary(w->userdata, data, n_bytes);
                return 0;
        }
        if (!utf8_is_complete(&w->utf8))
                return fail(w, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, "text is not UTF-8");
        if (w->events->on_text)
                w->events->on_text(w->userdata, (const char *) data, n_bytes);
        return 0;
}

static int take_data(Wsock *w, const struct wslay_frame_iocb *f, bool frame_complete)
{
        int r = 0;

        if (w->message_opcode == WSLAY_TEXT_FRAME && !utf8_feed(&w->utf8, f->data, f->data_length))
                return fail(w, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, "text is not UTF-8");
        if (frame_complete && f->fin && buf_len(&w->message) == 0)
                return deliver(w, f->data, f->data_length); /* straight out of the frame buffer */
        buf_append(&w->message, f->data, f->data_length);
        if (frame_complete && f->fin) {
                r = deliver(w, (const uint8_t *) buf_bytes(&w->message), buf_len(&w->message));
                buf_clear(&w->message);
        }
        return r;
}

static int take_piece(Wsock *w, const struct wslay_frame_iocb *f)
{
        bool complete;

        if (!w->in_frame) {
                int r = start_frame(w, f);

                if (r < 0)
                        return r;
        }
        w->n_frame_seen += f->data_length;
        complete = w->n_frame_seen == f->payload_length;
        if (complete)
                w->in_frame = false;
        if (!wslay_is_ctrl_frame(f->opcode))
                return take_data(w, f, complete);
        if (f->data_length > 0)
                memcpy(w->control + w->n_control, f->data, f->data_length);
        w->n_control += f->data_length;
        return complete ? take_control(w, f->opcode) : 0;
}

int wsock_feed(Wsock *w, const uint8_t *data, size_t n_bytes)
{
        w->in = data;
        w->n_in = n_bytes;
        while (!w->failed && !w->close_received) {
                struct wslay_frame_iocb f;
                ssize_t n;
                int r;

                memset(&f, 0, sizeof(f));
                n = wslay_frame_recv(w->frames, &f);
                if (n == WSLAY_ERR_WANT_READ)
                        return 0;
                /* Lengths not in their shortest form, long or fragmented control frames. */
                r = n < 0 ? fail(w, WSLAY_CODE_PROTOCOL_ERROR, "malformed frame") : take_piece(w, &f);
                if (r < 0)
                        return r;
        }
        return w->failed ? error_origin(-EPROTO) : 0; /* what follows a close frame is ignored */
}

int wsock_drain(Wsock *w, const uint8_t **ret, size_t *ret_n)
{
        *ret = (const uint8_t *) buf_bytes(&w->out);
        *ret_n = buf_len(&w->out);
        return 0;
}

void wsock_drained(Wsock *w, size_t n_bytes)
{
        buf_consume(&w->out, n_bytes);
        if (w->pong_waits && buf_len(&w->out) < PONG_QUEUE_BYTES) {
                w->pong_waits = false;
                send_frame(w, WSLAY_PONG, w->pong, w->n_pong);
        }
}

size_t wsock_queued_bytes(const Wsock *w)
{
        return buf_len(&w->out);
}

bool wsock_close_sent(const Wsock *w)
{
        return w->close_sent;
}

bool wsock_close_received(const Wsock *w)
{
        return w->close_received;
}

void wsock_accept_key(const char *key, char ret[29])
{
        _cleanup_free_ char *joined = mem_printf("%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
        _cleanup_free_ char *encoded = NULL;
        uint8_t digest[20];

        digest_sha1(joined, strlen(joined), digest);
        encoded = base64_encode(digest, sizeof(digest));
        memcpy(ret, encoded, 28);
        ret[28] = 0;
}
