/* The WebSocket machine against hand-made frames (RFC 6455 §5), each test both at once and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/buf.h"
#include "net/wsock.h"

typedef struct Seen {
        Wsock *w;
        Buf log; /* what the callbacks saw, in words */
        bool echo;
} Seen;

static void on_text(void *userdata, const char *data, size_t n)
{
        Seen *s = userdata;

        if (n > 40)
                buf_printf(&s->log, "text#%zu;", n);
        else
                buf_printf(&s->log, "text:%.*s;", (int) n, data);
        if (s->echo)
                wsock_send_text(s->w, data, n);
}

static void on_binary(void *userdata, const uint8_t *data, size_t n)
{
        Seen *s = userdata;

        (void) data;
        buf_printf(&s->log, "binary#%zu;", n);
}

static void on_ping(void *userdata, const uint8_t *data, size_t n)
{
        buf_printf(&((Seen *) userdata)->log, "ping:%.*s;", (int) n, (const char *) data);
}

static void on_pong(void *userdata, const uint8_t *data, size_t n)
{
        buf_printf(&((Seen *) userdata)->log, "pong:%.*s;", (int) n, (const char *) data);
}

static void on_close(void *userdata, unsigned code, const char *reason)
{
        buf_printf(&((Seen *) userdata)->log, "close:%u:%s;", code, reason);
}

static const WsockEvents EVENTS = {on_text, on_binary, on_ping, on_pong, on_close};

/* One frame as a peer would write it. `mask` of 0 = unmasked. */
static void frame(Buf *out, uint8_t first, bool masked, const void *payload, size_t n)
{
        static const uint8_t MASK[4] = {0x37, 0xfa, 0x21, 0x3d};
        uint8_t bit = masked ? 0x80 : 0;

        buf_append_char(out, (char) first);
        if (n < 126) {
                buf_append_char(out, (char) (bit | n));
        } else if (n < 65536) {
                buf_append_char(out, (char) (bit | 126));
                buf_append_char(out, (char) (n >> 8));
                buf_append_char(out, (char) n);
        } else {
                buf_append_char(out, (char) (bit | 127));
                for (int shift = 56; shift >= 0; shift -= 8)
                        buf_append_char(out, (char) ((uint64_t) n >> shift));
        }
        if (masked)
                buf_append(out, MASK, 4);
        for (size_t i = 0; i < n; i++)
                buf_append_char(out, (char) (((const uint8_t *) payload)[i] ^ (masked ? MASK[i % 4] : 0)));
}

static void text_frame(Buf *out, uint8_t first, const char *payload)
{
        frame(out, first, true, payload, strlen(payload));
}

typedef struct Result {
        Buf log, out;
        bool failed;
} Result;

static void drain(Wsock *w, Buf *out)
{
        const uint8_t *data;
        size_t n;

        wsock_drain(w, &data, &n);
        while (n > 0) {
                buf_append(out, data, n);
                wsock_drained(w, n);
                wsock_drain(w, &data, &n);
        }
}

static Result run(WsockRole role, const Buf *in, size_t step, size_t limit)
{
        Seen seen = {0};
        Result result = {0};
        Wsock *w = wsock_new(role, limit, &EVENTS, &seen);
        const uint8_t *data = (const uint8_t *) buf_bytes(in);

        for (size_t at = 0; at < buf_len(in); at += step)
                if (wsock_feed(w, data + at, MIN2(step, buf_len(in) - at)) < 0)
                        result.failed = true;
        drain(w, &result.out);
        result.log = seen.log;
        wsock_free(w);
        return result;
}

/* What the callbacks saw, equal for every way of cutting the input; frees `in`. The output of the last run is
 * left in *ret_out when asked for. */
static void check_as(WsockRole role, Buf *in, size_t limit, const char *expected, bool failed, Buf *ret_out)
{
        static const size_t STEPS[] = {SIZE_MAX / 2, 1, 7, 4096};

        for (size_t i = 0; i < ELEMENTSOF(STEPS); i++) {
                Result r = run(role, in, STEPS[i], limit);

                assert_string_equal(buf_bytes(&r.log), expected);
                assert_int_equal(r.failed, failed);
                buf_deinit(&r.log);
                if (ret_out) {
                        buf_deinit(ret_out);
                        *ret_out = r.out;
                } else {
                        buf_deinit(&r.out);
                }
        }
        buf_deinit(in);
}

static void check(Buf *in, const char *expected, bool failed)
{
        check_as(WSOCK_SERVER, in, 100000, expected, failed, NULL);
}

static void expect_bytes(Buf *out, const void *expected, size_t n)
{
        assert_int_equal(buf_len(out), n);
        assert_memory_equal(buf_bytes(out), expected, n);
        buf_deinit(out);
}

static void delivers_messages(void **state)
{
        Buf in = {0};

        text_frame(&in, 0x81, "Hello");
        text_frame(&in, 0x81, "");
        text_frame(&in, 0x81,
                   "Gr\xC3\xBC\xC3\x9F"
                   "e");
        frame(&in, 0x82, true, "\0\xff", 2);
        check(&in,
              "text:Hello;text:;text:Gr\xC3\xBC\xC3\x9F"
              "e;binary#2;",
              false);
}

static void joins_fragments_around_control_frames(void **state)
{
        Buf in = {0};

        text_frame(&in, 0x01, "\xF0\x9F"); /* a character cut in two */
        text_frame(&in, 0x89, "are you there");
        text_frame(&in, 0x00, "\x98\x80 and");
        text_frame(&in, 0x8A, "late");
        text_frame(&in, 0x00, "");
        text_frame(&in, 0x80, " on");
        text_frame(&in, 0x81, "next");
        check(&in, "ping:are you there;pong:late;text:\xF0\x9F\x98\x80 and on;text:next;", false);
}

static void takes_large_messages(void **state)
{
        Buf in = {0}, large = {0};

        memset(buf_reserve(&large, 70000), 'x', 70000);
        buf_commit(&large, 70000);
        frame(&in, 0x81, true, large.data, 70000);
        frame(&in, 0x81, true, large.data, 300);
        check(&in, "text#70000;text#300;", false);
        buf_deinit(&large);
}

static void answers_ping_byte_for_byte(void **state)
{
        Buf in = {0}, out = {0};

        text_frame(&in, 0x89, "Ping from client (1667)");
        check_as(WSOCK_SERVER, &in, 1000, "ping:Ping from client (1667);", false, &out);
        expect_bytes(&out, "\x8A\x17Ping from client (1667)", 25);
}

static void refuses_a_message_over_the_limit(void **state)
{
        static const char REASON[] = "\x88\x11\x03\xF1message too big";
        Buf in = {0}, out = {0};

        /* The header and one byte are enough. */
        buf_append(&in, "\x81\xFE\x03\xE9\x01\x02\x03\x04x", 9);
        check_as(WSOCK_SERVER, &in, 1000, "close:1009:message too big;", true, &out);
        expect_bytes(&out, REASON, sizeof(REASON) - 1);

        text_frame(&in, 0x01, "12345");
        text_frame(&in, 0x80, "678901");
        check_as(WSOCK_SERVER, &in, 10, "close:1009:message too big;", true, NULL);

        text_frame(&in, 0x01, "12345");
        text_frame(&in, 0x80, "67890");
        check_as(WSOCK_SERVER, &in, 10, "text:1234567890;", false, NULL);

        /* A length near 2^63 must not overflow the sum. */
        text_frame(&in, 0x01, "12345");
        buf_append(&in, "\x80\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x02\x03\x04x", 15);
        check_as(WSOCK_SERVER, &in, 10, "close:1009:message too big;", true, NULL);
}

static void refuses_text_that_is_not_utf8(void **state)
{
        static const char *const BAD[] = {
                "\xC0\xAF",         /* overlong */
                "\xED\xA0\x80",     /* a surrogate */
                "\xF4\x90\x80\x80", /* above U+10FFFF */
                "a\x80",            /* a continuation of nothing */
                "abcdefgh\xFF",
                "\xE2\x82", /* cut short */
        };

        for (size_t i = 0; i < ELEMENTSOF(BAD); i++) {
                Buf in = {0};

                text_frame(&in, 0x81, "ok");
                text_frame(&in, 0x81, BAD[i]);
                text_frame(&in, 0x81, "never");
                check(&in, "text:ok;close:1007:text is not UTF-8;", true);
        }
}

typedef struct Violation {
        const char *bytes;
        size_t n;
        const char *log;
} Violation;

#define BYTES(_literal) _literal, sizeof(_literal) - 1
#define MASK            "\0\0\0\0"

static void refuses_violations(void **state)
{
        static const Violation CASES[] = {
                {BYTES("\x81\x02hi"), "close:1002:unmasked frame;"},
                {BYTES("\xC1\x80" MASK), "close:1002:reserved bits without an extension;"},
                {BYTES("\x83\x80" MASK), "close:1002:unknown opcode;"},
                {BYTES("\x8B\x80" MASK), "close:1002:unknown opcode;"},
                {BYTES("\x80\x80" MASK), "close:1002:continuation of nothing;"},
                {BYTES("\x01\x80" MASK "\x81\x80" MASK), "close:1002:new message inside another;"},
                {BYTES("\x09\x80" MASK), "close:1002:malformed frame;"},         /* a fragmented ping */
                {BYTES("\x89\xFE\x00\x7E" MASK), "close:1002:malformed frame;"}, /* a ping of 126 bytes */
                {BYTES("\x81\xFE\x00\x05" MASK),
                 "close:1002:malformed frame;"}, /* a length not in its shortest form */
                {BYTES("\x81\xFF\x80\0\0\0\0\0\0\0" MASK), "close:1002:malformed frame;"},
                {BYTES("\x88\x81" MASK "\x03"), "close:1002:close frame of one byte;"},
                {BYTES("\x88\x82" MASK "\x03\xE7"), "close:1002:invalid close code;"}, /* 999 */
                {BYTES("\x88\x82" MASK "\x03\xED"), "close:1002:invalid close code;"}, /* 1005 */
                {BYTES("\x88\x82" MASK "\x0B\xB7"), "close:1002:invalid close code;"}, /* 2999 */
                {BYTES("\x88\x83" MASK "\x03\xE8\xFF"), "close:1007:close reason is not UTF-8;"},
        };

        for (size_t i = 0; i < ELEMENTSOF(CASES); i++) {
                Buf in = {0};

                buf_append(&in, CASES[i].bytes, CASES[i].n);
                check(&in, CASES[i].log, true);
        }
        {
                Buf in = {0};

                frame(&in, 0x81, true, "hi", 2);
                check_as(WSOCK_CLIENT, &in, 100, "close:1002:masked frame;", true, NULL);
        }
}

static void echoes_a_close_and_ignores_the_rest(void **state)
{
        Buf in = {0}, out = {0};

        frame(&in, 0x88, true,
              "\x0F\xA0"
              "bye",
              5);
        text_frame(&in, 0x81, "ignored");
        check_as(WSOCK_SERVER, &in, 100, "close:4000:bye;", false, &out);
        expect_bytes(&out, "\x88\x02\x0F\xA0", 4);

        frame(&in, 0x88, true, "", 0);
        check_as(WSOCK_SERVER, &in, 100, "close:1005:;", false, &out);
        expect_bytes(&out, "\x88\x00", 2);
}

static void sends_nothing_after_a_close(void **state)
{
        Seen seen = {0};
        Wsock *w = wsock_new(WSOCK_SERVER, 100, &EVENTS, &seen);
        Buf in = {0}, out = {0};

        wsock_send_text(w, "a", 1);
        wsock_send_close(w, 1001, "going");
        wsock_send_close(w, 1000, NULL);
        wsock_send_text(w, "b", 1);
        assert_true(wsock_close_sent(w));
        assert_false(wsock_close_received(w));
        /* Until the peer's close arrives, its messages count. */
        text_frame(&in, 0x81, "last words");
        text_frame(&in, 0x89, "unanswered");
        frame(&in, 0x88, true, "\x03\xE9", 2);
        assert_int_equal(wsock_feed(w, (const uint8_t *) buf_bytes(&in), buf_len(&in)), 0);
        assert_true(wsock_close_received(w));
        assert_string_equal(buf_bytes(&seen.log), "text:last words;ping:unanswered;close:1001:;");
        drain(w, &out);
        expect_bytes(&out,
                     "\x81\x01"
                     "a\x88\x07\x03\xE9going",
                     12);
        assert_int_equal(wsock_queued_bytes(w), 0);
        buf_deinit(&in);
        buf_deinit(&seen.log);
        wsock_free(w);
}

static void cuts_a_long_reason_at_a_character(void **state)
{
        Seen seen = {0};
        Wsock *w = wsock_new(WSOCK_SERVER, 100, &EVENTS, &seen);
        char reason[200];
        Buf out = {0};

        memset(reason, 'x', 122);
        strcpy(reason + 122, "\xC3\xBC");
        wsock_send_close(w, 1000, reason);
        drain(w, &out);
        assert_int_equal(buf_len(&out), 2 + 2 + 122);
        buf_deinit(&out);
        wsock_free(w);
}

static void feed_back(Wsock *from, Wsock *to)
{
        Buf bytes = {0};

        drain(from, &bytes);
        assert_int_equal(wsock_feed(to, (const uint8_t *) buf_bytes(&bytes), buf_len(&bytes)), 0);
        buf_deinit(&bytes);
}

static void both_roles_understand_each_other(void **state)
{
        static const size_t SIZES[] = {0, 1, 7, 8, 9, 125, 126, 127, 4090, 4096, 65535, 65536, 70001};
        Seen client_seen = {0}, server_seen = {.echo = true};
        Wsock *client = wsock_new(WSOCK_CLIENT, 1 << 20, &EVENTS, &client_seen);
        Wsock *server = wsock_new(WSOCK_SERVER, 1 << 20, &EVENTS, &server_seen);
        char *text = mem_alloc(70001);

        server_seen.w = server;
        for (size_t i = 0; i < 70001; i++)
                text[i] = (char) ('a' + i % 26);
        for (size_t i = 0; i < ELEMENTSOF(SIZES); i++) {
                char expected[64];

                buf_clear(&client_seen.log);
                if (SIZES[i] > 40)
                        snprintf(expected, sizeof(expected), "text#%zu;", SIZES[i]);
                else
                        snprintf(expected, sizeof(expected), "text:%.*s;", (int) SIZES[i], text);
                wsock_send_text(client, text, SIZES[i]);
                feed_back(client, server);
                feed_back(server, client);
                assert_string_equal(buf_bytes(&client_seen.log), expected);
        }
        wsock_send_ping(client, "p", 1);
        wsock_send_binary(client, text, 99);
        wsock_send_close(client, 1000, "done");
        buf_clear(&client_seen.log);
        buf_clear(&server_seen.log);
        feed_back(client, server);
        feed_back(server, client);
        assert_string_equal(buf_bytes(&server_seen.log), "ping:p;binary#99;close:1000:done;");
        assert_string_equal(buf_bytes(&client_seen.log), "pong:p;close:1000:;");
        buf_deinit(&client_seen.log);
        buf_deinit(&server_seen.log);
        wsock_free(client);
        wsock_free(server);
        free(text);
}

static void masks_differ_from_frame_to_frame(void **state)
{
        Seen seen = {0};
        Wsock *w = wsock_new(WSOCK_CLIENT, 100, &EVENTS, &seen);
        Buf out = {0};

        wsock_send_text(w, "same", 4);
        wsock_send_text(w, "same", 4);
        drain(w, &out);
        assert_int_equal(buf_len(&out), 20);
        assert_memory_not_equal(buf_bytes(&out) + 2, buf_bytes(&out) + 12, 4);
        buf_deinit(&out);
        wsock_free(w);
}

static void a_flood_of_pings_does_not_grow_the_output(void **state)
{
        Seen seen = {0};
        WsockEvents quiet = {.on_text = on_text};
        Wsock *w = wsock_new(WSOCK_SERVER, 100, &quiet, &seen);
        Buf in = {0}, out = {0};

        for (unsigned i = 0; i < 5000; i++) {
                char payload[126];

                snprintf(payload, sizeof(payload), "%0125u", i);
                text_frame(&in, 0x89, payload);
        }
        assert_int_equal(wsock_feed(w, (const uint8_t *) buf_bytes(&in), buf_len(&in)), 0);
        assert_in_range(wsock_queued_bytes(w), 64 * 1024, 65 * 1024);
        drain(w, &out);
        /* The latest one is answered when there is room. */
        assert_string_equal(buf_bytes(&out) + buf_len(&out) - 4, "4999");
        buf_deinit(&in);
        buf_deinit(&out);
        wsock_free(w);
}

static void computes_the_accept_value_of_the_rfc(void **state)
{
        char accept[29];

        wsock_accept_key("dGhlIHNhbXBsZSBub25jZQ==", accept);
        assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(delivers_messages),
                cmocka_unit_test(joins_fragments_around_control_frames),
                cmocka_unit_test(takes_large_messages),
                cmocka_unit_test(answers_ping_byte_for_byte),
                cmocka_unit_test(refuses_a_message_over_the_limit),
                cmocka_unit_test(refuses_text_that_is_not_utf8),
                cmocka_unit_test(refuses_violations),
                cmocka_unit_test(echoes_a_close_and_ignores_the_rest),
                cmocka_unit_test(sends_nothing_after_a_close),
                cmocka_unit_test(cuts_a_long_reason_at_a_character),
                cmocka_unit_test(both_roles_understand_each_other),
                cmocka_unit_test(masks_differ_from_frame_to_frame),
                cmocka_unit_test(a_flood_of_pings_does_not_grow_the_output),
                cmocka_unit_test(computes_the_accept_value_of_the_rfc),
        };

        return cmocka_run_group_tests_name("net/wsock", tests, NULL, NULL);
}
