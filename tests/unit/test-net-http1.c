/* The HTTP/1.1 machine by itself; what a server does with it is in test-net-http-server.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "net/http1.h"

static const Http1Limits LIMITS = {
        .max_head_bytes = 400, .max_target_bytes = 100, .max_headers = 10, .max_body_bytes = 100};

static void describe(Http1 *h, Http1Kind kind, Buf *log)
{
        size_t n;

        if (kind == HTTP1_REQUEST)
                buf_printf(log, "%s %s", http1_method(h), http1_target(h));
        else
                buf_printf(log, "%u", http1_status(h));
        buf_printf(log, "%s(%s);", http1_keep_alive(h) ? "" : " close", http1_body(h, &n));
}

/* Feeds `text` in steps, message after message; the log of the messages, and the event it ended with. */
static Http1Event run(Http1Kind kind, const char *text, size_t step, Buf *log, bool finish)
{
        Http1 *h = http1_new(kind, &LIMITS);
        Http1Event event = HTTP1_MORE;
        const char *p = text, *end = text + strlen(text);

        while ((p < end || event == HTTP1_HEAD) && event <= HTTP1_DONE) {
                size_t n_used;

                event = http1_feed(h, p, MIN2(step, (size_t) (end - p)), &n_used);
                p += n_used;
                if (event == HTTP1_DONE) {
                        describe(h, kind, log);
                        http1_next(h);
                }
        }
        if (finish) {
                event = http1_finish(h);
                if (event == HTTP1_DONE)
                        describe(h, kind, log);
        }
        http1_free(h);
        return event;
}

static void check_with(Http1Kind kind, const char *text, const char *expected, Http1Event last, bool finish)
{
        static const size_t STEPS[] = {1, 5, 10000};

        for (size_t i = 0; i < ELEMENTSOF(STEPS); i++) {
                Buf log = {0};

                assert_int_equal(run(kind, text, STEPS[i], &log, finish), last);
                assert_string_equal(buf_bytes(&log), expected);
                buf_deinit(&log);
        }
}

#define HOST "Host: x\r\n"

static void parses_requests(void **state)
{
        check_with(HTTP1_REQUEST,
                   "\r\nGET / HTTP/1.1\r\n" HOST "\r\n"
                   "POST /p HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
                   "PUT /q HTTP/1.1\r\n" HOST
                   "Transfer-Encoding: Chunked\r\n\r\n1;x=\"y\"\r\na\r\n2\r\nbc\r\n0\r\nT: t\r\n\r\n"
                   "DELETE /d?x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
                   "GET /old HTTP/1.0\r\n\r\n",
                   "GET /();POST /p(abc);PUT /q(abc);DELETE /d?x close();GET /old close();", HTTP1_DONE,
                   false);
        /* An upgrade is the business of the layer above. */
        check_with(HTTP1_REQUEST,
                   "GET /ws HTTP/1.1\r\n" HOST
                   "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n",
                   "GET /ws();GET /();", HTTP1_DONE, false);
}

static void parses_responses(void **state)
{
        check_with(HTTP1_RESPONSE,
                   "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"
                   "HTTP/1.1 204 No Content\r\n\r\n",
                   "103();200(ok);204();", HTTP1_DONE, false);
        check_with(HTTP1_RESPONSE, "HTTP/1.1 200 OK\r\n\r\nuntil the end", "200 close(until the end);",
                   HTTP1_DONE, true);
        check_with(HTTP1_RESPONSE, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", "", HTTP1_E_MALFORMED,
                   true);
        check_with(HTTP1_RESPONSE, "HTTP/1.1 200 OK\r\nConte", "", HTTP1_E_MALFORMED, true);
}

static void tells_where_the_message_ends(void **state)
{
        static const char TEXT[] =
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x02hi";
        Http1 *h = http1_new(HTTP1_RESPONSE, &LIMITS);
        size_t n_used;

        assert_false(http1_in_message(h));
        assert_int_equal(http1_feed(h, TEXT, 3, &n_used), HTTP1_MORE);
        assert_true(http1_in_message(h));
        assert_int_equal(http1_feed(h, TEXT + 3, sizeof(TEXT) - 4, &n_used), HTTP1_HEAD);
        assert_string_equal(TEXT + 3 + n_used, "\x81\x02hi");
        http1_free(h);
}

static void finds_headers(void **state)
{
        static const char TEXT[] =
                "GET / HTTP/1.1\r\n" HOST "Empty:\r\nA:  b \t\r\nConnection: keep-alive , Upgrade\r\n"
                "connection: x,,y\r\n\r\n";
        Http1 *h = http1_new(HTTP1_REQUEST, &LIMITS);
        const char *name, *value;
        size_t n_used;

        assert_int_equal(http1_feed(h, TEXT, sizeof(TEXT) - 1, &n_used), HTTP1_HEAD);
        assert_int_equal(http1_n_headers(h), 5);
        assert_string_equal(http1_header(h, "EMPTY"), "");
        assert_string_equal(http1_header(h, "a"), "b");
        assert_null(http1_header(h, "absent"));
        assert_true(http1_header_has(h, "Connection", "upgrade"));
        assert_true(http1_header_has(h, "Connection", "Y"));
        assert_false(http1_header_has(h, "Connection", "up"));
        assert_false(http1_header_has(h, "Connection", ""));
        http1_header_at(h, 3, &name, &value);
        assert_string_equal(name, "Connection");
        assert_string_equal(value, "keep-alive , Upgrade");
        http1_free(h);
}

static void the_first_fault_counts(void **state)
{
        /* Both lines are wrong; what is said must not depend on how much was read at once. */
        check_with(HTTP1_REQUEST, "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\nContent-Length: 101\r\n\r\n", "",
                   HTTP1_E_MALFORMED, false);
        check_with(HTTP1_REQUEST, "GET / HTTP/1.1\nHost: x\r\nContent-Length: 101\r\n\r\n", "",
                   HTTP1_E_MALFORMED, false);
        check_with(HTTP1_REQUEST, "GET / HTTP/1.1\r\n" HOST "Content-Length: 101\r\n\r\n", "",
                   HTTP1_E_BODY_TOO_LARGE, false);
        check_with(HTTP1_REQUEST, "GET / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551616\r\n\r\n",
                   "", HTTP1_E_MALFORMED, false);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parses_requests),
                cmocka_unit_test(parses_responses),
                cmocka_unit_test(tells_where_the_message_ends),
                cmocka_unit_test(finds_headers),
                cmocka_unit_test(the_first_fault_counts),
        };

        return cmocka_run_group_tests_name("net/http1", tests, NULL, NULL);
}
