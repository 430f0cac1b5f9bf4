/* HTTP/1.0 is spoken on purpose: the server then sends the stream without chunks, and everything behind the
 * empty line is server-sent events. The HTTP client of src/net hands out whole answers, and this one never
 * ends. */
#include "slack-feed.h"

#include <uv.h>

#include "base/buf.h"
#include "base/error.h"
#include "net/sse.h"
#include "net/url.h"

#define HEAD_BYTES_MAX  8192
#define EVENT_BYTES_MAX ((size_t) 4 * 1024 * 1024)
#define READ_BYTES      65536

struct SlackFeed {
        uv_tcp_t tcp;
        uv_connect_t connect;
        uv_write_t write;
        const SlackFeedEvents *events;
        void *userdata;
        SseParser *sse;
        Buf head;
        bool in_body, is_over, is_freed;
        char *request;
        char bytes[READ_BYTES];
};

static void end(SlackFeed *f, const char *why)
{
        if (f->is_over)
                return;
        f->is_over = true;
        uv_read_stop((uv_stream_t *) &f->tcp);
        if (!f->is_freed)
                f->events->on_end(f->userdata, why);
}

static void on_sse(void *userdata, const char *event, const char *id, const char *data)
{
        SlackFeed *f = userdata;

        (void) id;
        if (f->is_over || f->is_freed)
                return;
        if (str_equal(event, "ready"))
                f->events->on_ready(f->userdata);
        else
                f->events->on_event(f->userdata, event ? event : "", data);
}

static void feed_body(SlackFeed *f, const char *data, size_t n_bytes)
{
        if (sse_feed(f->sse, data, n_bytes) < 0)
                end(f, "an event is too large");
}

/* Everything up to the empty line; what came behind it is the first of the body. */
static void feed_head(SlackFeed *f, const char *data, size_t n_bytes)
{
        const char *end_of_head;

        buf_append(&f->head, data, n_bytes);
        end_of_head = strstr(buf_bytes(&f->head), "\r\n\r\n");
        if (!end_of_head) {
                if (buf_len(&f->head) > HEAD_BYTES_MAX)
                        end(f, "the answer's head does not end");
                return;
        }
        if (!strstr(buf_bytes(&f->head), " 200 ")) {
                end(f, "the feed was refused");
                return;
        }
        f->in_body = true;
        end_of_head += 4;
        feed_body(f, end_of_head, buf_len(&f->head) - (size_t) (end_of_head - buf_bytes(&f->head)));
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
        SlackFeed *f = handle->data;

        (void) suggested;
        *ret = uv_buf_init(f->bytes, sizeof(f->bytes));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
        SlackFeed *f = stream->data;

        if (n < 0)
                end(f, uv_strerror((int) n));
        else if (n > 0 && f->in_body)
                feed_body(f, buf->base, (size_t) n);
        else if (n > 0)
                feed_head(f, buf->base, (size_t) n);
}

static void on_written(uv_write_t *req, int status)
{
        if (status < 0)
                end(req->data, uv_strerror(status));
}

static void on_connected(uv_connect_t *req, int status)
{
        SlackFeed *f = req->data;
        uv_buf_t out = uv_buf_init(f->request, (unsigned) strlen(f->request));

        if (f->is_freed)
                return;
        if (status < 0) {
                end(f, uv_strerror(status));
                return;
        }
        f->write.data = f;
        uv_tcp_nodelay(&f->tcp, 1);
        uv_read_start((uv_stream_t *) &f->tcp, on_alloc, on_read);
        uv_write(&f->write, (uv_stream_t *) &f->tcp, &out, 1, on_written);
}

int slack_feed_open(SlackFeed **ret, Loop *loop, const char *url, const SlackFeedEvents *events,
                    void *userdata)
{
        struct sockaddr_in address;
        SlackFeed *f;
        Url parts;

        if (url_parse(url, &parts) != 0)
                return error_origin(-EINVAL);
        if (uv_ip4_addr(parts.host, (int) parts.port, &address) < 0) {
                url_deinit(&parts);
                return error_origin(-EINVAL);
        }
        f = mem_new(SlackFeed);
        f->events = events;
        f->userdata = userdata;
        f->sse = sse_parser_new(EVENT_BYTES_MAX, on_sse, f);
        f->request = mem_printf("GET /_local/events HTTP/1.0\r\nHost: %s:%u\r\n\r\n", parts.host, parts.port);
        url_deinit(&parts);
        uv_tcp_init(loop_uv(loop), &f->tcp);
        f->tcp.data = f->connect.data = f;
        uv_tcp_connect(&f->connect, &f->tcp, (const struct sockaddr *) &address, on_connected);
        *ret = f;
        return 0;
}

static void on_closed(uv_handle_t *handle)
{
        SlackFeed *f = handle->data;

        sse_parser_free(f->sse);
        buf_deinit(&f->head);
        free(f->request);
        free(f);
}

void slack_feed_free(SlackFeed *f)
{
        if (!f)
                return;
        f->is_freed = true;
        uv_close((uv_handle_t *) &f->tcp, on_closed);
}
