/* Server-sent events (WHATWG HTML §9.2), both directions, without I/O. */
#pragma once

#include "base/buf.h"

/* Appends one event; `event` and `id` may be NULL; newlines in `data` become several data lines. */
void sse_format(Buf *out, const char *event, const char *id, const char *data);

typedef struct SseParser SseParser;
SseParser *sse_parser_new(size_t max_event_bytes,
                          void (*on_event)(void *userdata, const char *event, const char *id,
                                           const char *data),
                          void *userdata);
void sse_parser_free(SseParser *p);
int sse_feed(SseParser *p, const char *data, size_t n_bytes); /* < 0: an event over the limit */
