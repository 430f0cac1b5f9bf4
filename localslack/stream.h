/* The content of one streamed message: chunks go in, the blocks of the message come out (reference §5.2).
 *
 * What was streamed is kept as an ordered list of parts, so that a task that is updated stays where it first
 * appeared, and text goes on in the part that is open. Pure. */
#pragma once

#include "base/json.h"

#define STREAM_MARKDOWN_MAX   12000 /* characters of one markdown_text */
#define STREAM_CALL_BYTES_MAX 25000 /* of all chunks of one call */
#define STREAM_TEXT_MAX       40000 /* characters of one stream: what a message holds */
#define STREAM_BLOCKS_MAX     50    /* of all blocks chunks together */
#define STREAM_TASKS_MAX      100
#define STREAM_PARTS_MAX      1000

typedef enum StreamMode { STREAM_TIMELINE, STREAM_PLAN, STREAM_DENSE } StreamMode;

typedef struct Stream {
        StreamMode mode;
        /* {"markdown": text} | {"task": id} | {"plan": true} | {"blocks": [completed]}, in order */
        json_t *parts;
        json_t *tasks; /* id → the task_card block */
        char *plan_title;
        size_t n_chars, n_blocks;
} Stream;

Stream *stream_new(StreamMode mode);
void stream_free(Stream *s);
DEFINE_CLEANUP(Stream *, stream_free);
/* False: there is no such mode. NULL is the default, timeline. */
bool stream_parse_mode(const char *name, StreamMode *ret);

/* Takes `markdown` and then `chunks` in (borrowed; both may be NULL), all or nothing. NULL, or Slack's error;
 * with invalid_blocks, *ret_details has the texts (new). */
const char *stream_append(Stream *s, const char *markdown, const json_t *chunks, json_t **ret_details);

/* The blocks of the message as it is now, with block_ids that do not change from call to call. */
json_t *stream_render_blocks(const Stream *s);
/* All text, as the message's `text`; owned. */
char *stream_render_text(const Stream *s);

json_t *stream_save(const Stream *s);
Stream *stream_load(const json_t *saved); /* NULL when it is not one */
