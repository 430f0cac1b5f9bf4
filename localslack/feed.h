/* The live feed `GET /_local/events` (server-sent events): the page and the test harness follow the workspace
 * through it instead of polling. A reader that does not keep up is cut; it reloads the state and goes on. */
#pragma once

#include "base/json.h"
#include "net/http-server.h"

#define FEED_READERS_MAX      64
#define FEED_QUEUED_BYTES_MAX (8u << 20)

typedef struct Feed Feed;

Feed *feed_new(Loop *loop);
void feed_free(Feed *f);
DEFINE_CLEANUP(Feed *, feed_free);

/* Answers `req` with the stream (503 when there are FEED_READERS_MAX). */
void feed_open(Feed *f, HttpRequest *req);
bool feed_is_watched(const Feed *f);       /* lets a hot path skip building `data` */
uint64_t feed_count_events(const Feed *f); /* raised so far, read or not */
void feed_emit(Feed *f, const char *event, json_t *data /* stolen */);
