/* The examples of WHATWG HTML §9.2.6 and the corners of its grammar, at once and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/sse.h"

static void on_event(void *userdata, const char *event, const char *id, const char *data)
{
        buf_printf(userdata, "[%s|%s|%s]", event, id ? id : "-", data);
}

static void check(const char *stream, size_t n_bytes, const char *expected)
{
        for (size_t step = 1; step <= n_bytes; step = step == 1 ? 3 : step == 3 ? n_bytes : n_bytes + 1) {
                Buf log = {0};
                SseParser *p = sse_parser_new(100, on_event, &log);

                for (size_t at = 0; at < n_bytes; at += step)
                        assert_int_equal(sse_feed(p, stream + at, MIN2(step, n_bytes - at)), 0);
                assert_string_equal(buf_bytes(&log), expected);
                sse_parser_free(p);
                buf_deinit(&log);
        }
}

#define CHECK(_stream, _expected) check(_stream, sizeof(_stream) - 1, _expected)

static void parses_the_examples_of_the_standard(void **state)
{
        CHECK("data: YHOO\ndata: +2\ndata: 10\n\n", "[message|-|YHOO\n+2\n10]");
        CHECK(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
              "[message|1|first event][message||second event][message|| third event]");
        CHECK("data\n\ndata\ndata\n\ndata:", "[message|-|][message|-|\n]");
        CHECK("data:test\n\ndata: test\n\n", "[message|-|test][message|-|test]");
}

static void parses_the_corners(void **state)
{
        CHECK("\xEF\xBB\xBF"
              "data: a\r\n\r\nevent: e\rdata: b\r\r",
              "[message|-|a][e|-|b]");
        CHECK("event: lost\n\ndata: a\n\n", "[message|-|a]");
        CHECK("id: 7\ndata: a\n\ndata: b\n\n", "[message|7|a][message|7|b]");
        CHECK("id: x\0y\ndata: a\n\n", "[message|-|a]");
        CHECK("data: a\0b\n\n", "[message|-|a\xEF\xBF\xBD"
                                "b]");
        CHECK("retry: 10\nunknown: x\n:comment\ndata: a\n\n", "[message|-|a]");
        CHECK("data : a\n\n", "");
        CHECK("data: unfinished\n", "");
}

static void limits_events(void **state)
{
        Buf log = {0};
        SseParser *p = sse_parser_new(20, on_event, &log);

        assert_int_equal(sse_feed(p, "data: 0123456789\n\n", 18), 0);
        assert_int_equal(sse_feed(p, "data: 0123456789\n", 17), 0);
        assert_true(sse_feed(p, "data: 0123456789\n\n", 18) < 0);
        assert_true(sse_feed(p, "\n", 1) < 0);
        assert_string_equal(buf_bytes(&log), "[message|-|0123456789]");
        sse_parser_free(p);
        buf_deinit(&log);
}

static void formats_what_it_can_parse(void **state)
{
        Buf out = {0};

        sse_format(&out, NULL, NULL, "one");
        sse_format(&out, "tick\nx", "7", "a\r\nb\rc\nd\n");
        assert_string_equal(
                buf_bytes(&out),
                "data: one\n\nevent: tickx\nid: 7\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
        check(buf_bytes(&out), buf_len(&out), "[message|-|one][tickx|7|a\nb\nc\nd\n]");
        buf_deinit(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parses_the_examples_of_the_standard),
                cmocka_unit_test(parses_the_corners),
                cmocka_unit_test(limits_events),
                cmocka_unit_test(formats_what_it_can_parse),
        };

        return cmocka_run_group_tests_name("net/sse", tests, NULL, NULL);
}
