/* A growing byte buffer with a read position: append at the end, consume at the front. */
#pragma once

#include "base/macro.h"

typedef struct Buf {
        char *data;     /* NUL-terminated whenever n_bytes > start */
        size_t start;   /* bytes already consumed */
        size_t n_bytes; /* end of the valid bytes, counted from data */
        size_t size;    /* allocated */
} Buf;

void buf_deinit(Buf *b); /* frees, leaves an empty buffer; `(Buf) {0}` is valid */
void buf_clear(Buf *b);  /* keeps a small allocation, gives back a large one */
void buf_append(Buf *b, const void *data, size_t n_bytes);
void buf_append_str(Buf *b, const char *s);
void buf_append_char(Buf *b, char c);
void buf_printf(Buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
/* Room for n_bytes at the end, to be written directly and then declared with buf_commit(). */
char *buf_reserve(Buf *b, size_t n_bytes);
void buf_commit(Buf *b, size_t n_bytes);
void buf_consume(Buf *b, size_t n_bytes);
char *buf_take(Buf *b); /* the bytes as an owned NUL-terminated string; the buffer is empty after */

static inline const char *buf_bytes(const Buf *b)
{
        return b->data ? b->data + b->start : "";
}
static inline size_t buf_len(const Buf *b)
{
        return b->n_bytes - b->start;
}
#define _cleanup_buf_ _cleanup_(buf_deinit)
