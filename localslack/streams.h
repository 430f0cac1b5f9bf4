/* The streamed messages of the workspace: which of them are open, how long yet, and how they end (reference
 * §5.2). A stream ends when the app stops it, when its time is over, or when a person presses Stop; after
 * that the message is one like any other. */
#pragma once

#include "local.h"
#include "stream.h"

#define STREAMS_MAX 1000 /* open and ended ones; the oldest are forgotten, and ended if they were open */

Streams *streams_new(Local *l);
void streams_free(Streams *ss);
void streams_clear(Streams *ss);

/* Posts the message. `fields` (stolen): what is known of its author. */
Message *streams_start(Streams *ss, Channel *c, Stream *content /* stolen */, json_t *fields,
                       Message *parent);
/* NULL and the content, to be changed and then shown; or Slack's error for a message that is not streaming:
 * message_not_in_streaming_state or stopped_by_user. */
const char *streams_find_open(Streams *ss, const Channel *c, const Message *m, Stream **ret);
bool streams_is_open(Streams *ss, const Channel *c, const Message *m);
/* The message becomes what its content says, and its time begins anew if idle time is what counts. */
void streams_show(Streams *ss, Channel *c, Message *m);
/* Ends it. `blocks` (may be NULL, completed) come to its end, `metadata` (may be NULL) with it. */
void streams_stop(Streams *ss, Channel *c, Message *m, const json_t *blocks, const json_t *metadata);
/* A person stopped everything that streams in this thread; NULL: in the channel itself. A new array of the
 * messages' ts. */
json_t *streams_stop_by_user(Streams *ss, Channel *c, const char *thread_ts);

/* Ends those whose time is over; called by a timer. */
void streams_expire(Streams *ss);

json_t *streams_save(const Streams *ss);
/* Replaces what there is; false: not what streams_save() gave. The messages must be there already. */
bool streams_load(Streams *ss, const json_t *saved);
