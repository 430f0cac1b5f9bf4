/* Events do not depend on how the stream was cut, and an event that is written again reads the same. The
 * first byte of the input chooses the limit and the cuts. */
#include <stdio.h>

#include "net/sse.h"

#define CHECK(_condition)                                                                                    \
        do {                                                                                                 \
                if (!(_condition)) {                                                                         \
                        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #_condition);                     \
                        abort();                                                                             \
                }                                                                                            \
        } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

typedef struct Run {
        Buf log, again; /* again: the events, written by sse_format() */
        bool failed;
} Run;

static void on_event(void *userdata, const char *event, const char *id, const char *data)
{
        Run *r = userdata;

        buf_printf(&r->log, "%s|%s|%s\n", event, id ? id : "(none)", data);
        sse_format(&r->again, event, id, data);
}

static Run run(size_t limit, size_t step, const char *data, size_t n_bytes)
{
        Run r = {0};
        SseParser *p = sse_parser_new(limit, on_event, &r);

        for (size_t at = 0; at < n_bytes; at += step)
                if (sse_feed(p, data + at, MIN2(step, n_bytes - at)) < 0)
                        r.failed = true;
        sse_parser_free(p);
        return r;
}

static void check_same(const Run *a, const Run *b)
{
        CHECK(buf_len(&a->log) == buf_len(&b->log));
        CHECK(memcmp(buf_bytes(&a->log), buf_bytes(&b->log), buf_len(&a->log)) == 0);
}

static void free_run(Run *r)
{
        buf_deinit(&r->log);
        buf_deinit(&r->again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        size_t limit;
        Run whole, cut, again;

        if (n_bytes < 1)
                return 0;
        limit = *data & 1 ? 30 : 100000;
        whole = run(limit, SIZE_MAX / 2, (const char *) data + 1, n_bytes - 1);
        cut = run(limit, *data & 2 ? 1 : 1 + (*data >> 2), (const char *) data + 1, n_bytes - 1);
        CHECK(whole.failed == cut.failed);
        check_same(&whole, &cut);
        again = run(SIZE_MAX / 2, 3, buf_bytes(&whole.again), buf_len(&whole.again));
        check_same(&whole, &again);
        free_run(&whole);
        free_run(&cut);
        free_run(&again);
        return 0;
}
