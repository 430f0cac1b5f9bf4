/* A workspace without a network: calls of the Web API run as they would behind a server, at a time that the
 * test sets. */
#pragma once

#include "api.h"
#include "loop/loop.h"

typedef struct Room {
        Loop *loop;
        Options options;
        Local l;
} Room;

extern int64_t room_now_ms; /* what the workspace's clock shows */

Room *room_new(void);
void room_free(Room *r);
DEFINE_CLEANUP(Room *, room_free);

/* The answer (owned) to a call with the bot's token, or another one. `args` is JSON, ' stands for "; or a
 * form ("a=b&c=d") for the methods that read nothing else. */
json_t *room_call(Room *r, const char *method, const char *args);
json_t *room_call_as(Room *r, const char *token, const char *method, const char *args);
/* The call's error must be `error`; NULL: it must succeed. Returns "ts" of the answer, if there is one, until
 * the next call. */
const char *room_expect(Room *r, const char *error, const char *method, const char *args);
/* The same with arguments made like printf does, at most 128 kB. */
json_t *room_callf(Room *r, const char *method, const char *format, ...) PRINTF_LIKE(3, 4);
const char *room_expectf(Room *r, const char *error, const char *method, const char *format, ...)
        PRINTF_LIKE(4, 5);
/* The stored message; it must be there. Borrowed. */
const json_t *room_message(Room *r, const char *channel, const char *ts);
/* JSON in which ' stands for ". */
json_t *room_json(const char *quoted);
/* The events that were raised since the last call, oldest first; owned. */
json_t *room_events(Room *r);
