/* A message of ours in Slack that is posted once and edited in place afterwards: the session's card, a turn's
 * progress, a permission. Its state lives in the flow's data under `slot`: {"ts", "asked", "next", "error",
 * "generation"}.
 *
 * While the post is under way the newest wish is kept in "next" and becomes an edit as soon as the ts is
 * known. */
#pragma once

#include "flow/flow.h"

typedef struct PostedPlace {
        const char *channel;
        const char *thread_ts; /* NULL = top level */
} PostedPlace;

/* Shows `message` at `place`; edits of one slot coalesce, so that only the newest is sent. */
void posted_show(Flow *f, const char *slot, const PostedPlace *place, json_t *message /* stolen */,
                 AskPriority priority);
typedef enum PostedResult {
        POSTED_OTHER, /* the event is not about this slot */
        POSTED_TAKEN, /* noted */
        POSTED_GONE,  /* somebody deleted the message; showing it again posts a new one */
} PostedResult;
/* Takes the results of the asks that posted_show() made. */
PostedResult posted_take_result(Flow *f, const char *slot, const PostedPlace *place, const FlowEvent *ev);
const char *posted_ts(Flow *f, const char *slot);    /* NULL until it is there */
const char *posted_error(Flow *f, const char *slot); /* Slack's error when it cannot be posted; NULL */
/* `ts` is a message of ours that is there already: the next show edits it. */
void posted_adopt(Flow *f, const char *slot, const char *ts);
/* The next show posts a new message. A post that is still under way is taken back: forgotten if it has not
 * been sent, deleted if it appears after all. */
void posted_reset(Flow *f, const char *slot);

/* The lane of everything that is said in a thread, so that it appears in the order of asking. Owned. */
char *posted_lane(const PostedPlace *place);
