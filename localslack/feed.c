#include "feed.h"

#include <stdio.h>

#include "net/sse.h"

#define HEARTBEAT_MS 15000

typedef struct Reader {
        Feed *feed;
        HttpStream *stream;
        List link;
} Reader;

struct Feed {
        List readers;
        size_t n_readers;
        uint64_t n_events;
        LoopTimer *heartbeat;
        Loop *loop;
};

static void reader_free(Reader *r)
{
        list_remove(&r->link);
        r->feed->n_readers--;
        free(r);
}

static void on_reader_close(void *userdata)
{
        reader_free(userdata);
}

static void write_to(Reader *r, const char *data, size_t n_bytes)
{
        if (http_stream_queued_bytes(r->stream) > FEED_QUEUED_BYTES_MAX) {
                http_stream_close(r->stream);
                reader_free(r);
                return;
        }
        http_stream_write(r->stream, data, n_bytes);
}

static void on_heartbeat(void *userdata)
{
        static const char comment[] = ": alive\n\n";
        Feed *f = userdata;

        list_for_each_safe (node, &f->readers)
                write_to(list_entry(node, Reader, link), comment, strlen(comment));
        loop_timer_set(f->heartbeat, HEARTBEAT_MS);
}

Feed *feed_new(Loop *loop)
{
        Feed *f = mem_new(Feed);

        list_init(&f->readers);
        f->loop = loop;
        f->heartbeat = loop_timer_new(loop, on_heartbeat, f);
        loop_timer_set(f->heartbeat, HEARTBEAT_MS);
        return f;
}

void feed_free(Feed *f)
{
        if (!f)
                return;
        list_for_each_safe (node, &f->readers) {
                Reader *r = list_entry(node, Reader, link);

                http_stream_close(r->stream);
                reader_free(r);
        }
        loop_timer_free(f->heartbeat);
        free(f);
}

void feed_open(Feed *f, HttpRequest *req)
{
        static const char hello[] = "retry: 500\nevent: ready\ndata: {}\n\n";
        Reader *r;

        if (f->n_readers == FEED_READERS_MAX) {
                http_respond_error(req, 503, "too_many_readers", "too many readers of the feed", NULL);
                return;
        }
        r = mem_new(Reader);
        r->feed = f;
        list_append(&f->readers, &r->link);
        f->n_readers++;
        r->stream = http_stream_open(req, 200, "text/event-stream", on_reader_close, r);
        http_stream_write(r->stream, hello, strlen(hello));
}

bool feed_is_watched(const Feed *f)
{
        return f->n_readers > 0;
}

uint64_t feed_count_events(const Feed *f)
{
        return f->n_events;
}

void feed_emit(Feed *f, const char *event, json_t *data)
{
        f->n_events++;
        if (f->n_readers > 0) {
                _cleanup_buf_ Buf out = {0};
                _cleanup_free_ char *text = json_dump(data);
                char id[24];

                snprintf(id, sizeof(id), "%llu", (unsigned long long) f->n_events);
                sse_format(&out, event, id, text);
                list_for_each_safe (node, &f->readers)
                        write_to(list_entry(node, Reader, link), buf_bytes(&out), buf_len(&out));
        }
        json_decref(data);
}
