#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#define KEEP_BYTES (64 * 1024)

void buf_deinit(Buf *b)
{
        free(b->data);
        *b = (Buf){0};
}

void buf_clear(Buf *b)
{
        if (b->size > KEEP_BYTES) {
                buf_deinit(b);
                return;
        }
        b->start = b->n_bytes = 0;
        if (b->data)
                b->data[0] = 0;
}

char *buf_reserve(Buf *b, size_t n_bytes)
{
        if (b->n_bytes + n_bytes + 1 > b->size) {
                if (b->start > 0) {
                        memmove(b->data, b->data + b->start, b->n_bytes - b->start);
                        b->n_bytes -= b->start;
                        b->start = 0;
                }
                if (b->n_bytes + n_bytes + 1 > b->size) {
                        b->size = MAX2(b->n_bytes + n_bytes + 1, MAX2(b->size * 2, (size_t) 256));
                        b->data = mem_resize(b->data, b->size);
                }
        }
        return b->data + b->n_bytes;
}

void buf_commit(Buf *b, size_t n_bytes)
{
        b->n_bytes += n_bytes;
        b->data[b->n_bytes] = 0;
}

void buf_append(Buf *b, const void *data, size_t n_bytes)
{
        char *at = buf_reserve(b, n_bytes);

        if (n_bytes > 0)
                memcpy(at, data, n_bytes);
        buf_commit(b, n_bytes);
}

void buf_append_str(Buf *b, const char *s)
{
        buf_append(b, s, strlen(s));
}

void buf_append_char(Buf *b, char c)
{
        buf_append(b, &c, 1);
}

void buf_printf(Buf *b, const char *format, ...)
{
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(NULL, 0, format, ap);
        va_end(ap);
        if (n < 0)
                return;
        va_start(ap, format);
        vsnprintf(buf_reserve(b, (size_t) n), (size_t) n + 1, format, ap);
        va_end(ap);
        buf_commit(b, (size_t) n);
}

void buf_consume(Buf *b, size_t n_bytes)
{
        b->start += MIN2(n_bytes, buf_len(b));
        if (b->start == b->n_bytes)
                buf_clear(b);
}

char *buf_take(Buf *b)
{
        char *out = mem_strndup(buf_bytes(b), buf_len(b));

        buf_deinit(b);
        return out;
}
