#include "net/sse.h"

#include <errno.h>

#include "base/error.h"

struct SseParser {
        size_t max_event_bytes;
        void (*on_event)(void *userdata, const char *event, const char *id, const char *data);
        void *userdata;
        Buf line;      /* the one being read */
        Buf data;      /* data lines so far, each with its newline */
        char *event;   /* NULL = "message" */
        char *last_id; /* outlives the event (the stream's last event ID) */
        bool begun;    /* past the place of a byte order mark */
        bool skip_lf;  /* the last line ended in CR; a LF right after belongs to it */
        bool failed;
};

static void append_field(Buf *out, const char *name, const char *value)
{
        buf_printf(out, "%s: ", name);
        for (; *value; value++)
                if (*value != '\n' && *value != '\r')
                        buf_append_char(out, *value);
        buf_append_char(out, '\n');
}

void sse_format(Buf *out, const char *event, const char *id, const char *data)
{
        if (event)
                append_field(out, "event", event);
        if (id)
                append_field(out, "id", id);
        for (;;) {
                size_t n = strcspn(data, "\r\n");

                buf_append_str(out, "data: ");
                buf_append(out, data, n);
                buf_append_char(out, '\n');
                data += n;
                if (!*data)
                        break;
                data += data[0] == '\r' && data[1] == '\n' ? 2 : 1;
        }
        buf_append_char(out, '\n');
}

SseParser *sse_parser_new(size_t max_event_bytes,
                          void (*on_event)(void *userdata, const char *event, const char *id,
                                           const char *data),
                          void *userdata)
{
        SseParser *p = mem_new(SseParser);

        p->max_event_bytes = max_event_bytes;
        p->on_event = on_event;
        p->userdata = userdata;
        return p;
}

void sse_parser_free(SseParser *p)
{
        if (!p)
                return;
        buf_deinit(&p->line);
        buf_deinit(&p->data);
        free(p->event);
        free(p->last_id);
        free(p);
}

static void dispatch(SseParser *p)
{
        size_t n = buf_len(&p->data);

        if (n > 0) {
                p->data.data[p->data.start + n - 1] = 0; /* the newline after the last data line */
                p->on_event(p->userdata, p->event ? p->event : "message", p->last_id, buf_bytes(&p->data));
        }
        buf_clear(&p->data);
        mem_strset(&p->event, NULL);
}

/* The callback takes C strings; a NUL, which no sender of text has a use for, becomes U+FFFD. */
static void append_data(SseParser *p, const char *value, size_t n_bytes)
{
        const char *end = value + n_bytes, *nul;

        while ((nul = memchr(value, 0, (size_t) (end - value)))) {
                buf_append(&p->data, value, (size_t) (nul - value));
                buf_append_str(&p->data, "\xEF\xBF\xBD");
                value = nul + 1;
        }
        buf_append(&p->data, value, (size_t) (end - value));
        buf_append_char(&p->data, '\n');
}

static bool name_is(const char *name, size_t n_bytes, const char *wanted)
{
        return n_bytes == strlen(wanted) && memcmp(name, wanted, n_bytes) == 0;
}

/* One line without its end. `retry` and unknown fields are ignored, comments (empty names) too. */
static void take_line(SseParser *p, const char *line, size_t n_bytes)
{
        const char *colon, *value;
        size_t n_name, n_value;

        if (!p->begun && n_bytes >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) {
                line += 3;
                n_bytes -= 3;
        }
        p->begun = true;
        if (n_bytes == 0) {
                dispatch(p);
                return;
        }
        colon = memchr(line, ':', n_bytes);
        n_name = colon ? (size_t) (colon - line) : n_bytes;
        value = colon ? colon + 1 : line + n_bytes;
        if (value < line + n_bytes && *value == ' ')
                value++;
        n_value = (size_t) (line + n_bytes - value);
        if (name_is(line, n_name, "data")) {
                append_data(p, value, n_value);
        } else if (name_is(line, n_name, "event")) {
                free(p->event);
                p->event = n_value > 0 && *value ? mem_strndup(value, n_value) : NULL;
        } else if (name_is(line, n_name, "id") && !memchr(value, 0, n_value)) {
                free(p->last_id);
                p->last_id = mem_strndup(value, n_value);
        }
}

static bool too_large(const SseParser *p)
{
        return buf_len(&p->line) + buf_len(&p->data) > p->max_event_bytes;
}

int sse_feed(SseParser *p, const char *data, size_t n_bytes)
{
        const char *end = data + n_bytes;

        while (data < end && !p->failed) {
                const char *stop = data;

                if (p->skip_lf && *data == '\n') {
                        p->skip_lf = false;
                        data++;
                        continue;
                }
                p->skip_lf = false;
                while (stop < end && *stop != '\n' && *stop != '\r')
                        stop++;
                buf_append(&p->line, data, (size_t) (stop - data));
                p->failed = too_large(p);
                if (stop == end || p->failed)
                        break;
                take_line(p, buf_bytes(&p->line), buf_len(&p->line));
                buf_clear(&p->line);
                p->skip_lf = *stop == '\r';
                data = stop + 1;
        }
        return p->failed ? error_origin(-EMSGSIZE) : 0;
}
