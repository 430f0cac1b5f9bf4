/* localslack's feed (GET /_local/events), as it happens: how a load program sees that a message has reached
 * Slack. */
#pragma once

#include "loop/loop.h"

typedef struct SlackFeed SlackFeed;

typedef struct SlackFeedEvents {
        void (*on_ready)(void *userdata); /* from here on nothing is missed */
        void (*on_event)(void *userdata, const char *event, const char *data);
        void (*on_end)(void *userdata, const char *why); /* the feed is over; free it later, not in here */
} SlackFeedEvents;

/* `url` is localslack's, with a numeric host. < 0: not such an address, or nobody listens there. */
int slack_feed_open(SlackFeed **ret, Loop *loop, const char *url, const SlackFeedEvents *events /* static */,
                    void *userdata);
void slack_feed_free(SlackFeed *f); /* takes NULL */
