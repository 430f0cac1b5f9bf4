/* Rate limits by tier: token buckets per method, and for chat.postMessage per channel and for the workspace
 * (reference §4.1). Each bucket starts full, holds what a minute allows, and refills evenly. Pure. */
#pragma once

#include "methods.h"

#define RATE_BUCKETS_MAX 4096 /* beyond it the longest unused is forgotten, that is, full again */

/* Posts: one a second per channel with short bursts; "several hundred" a minute for the workspace. */
#define RATE_POST_BURST           5
#define RATE_POST_CHANNEL_PER_MIN 60
#define RATE_POST_TEAM_PER_MIN    300
/* Reading history, for apps that are distributed outside the Marketplace. */
#define RATE_HISTORY_PER_MIN 1

typedef struct Rate Rate;

Rate *rate_new(void);
void rate_free(Rate *r);
void rate_clear(Rate *r); /* all buckets are full */

/* Takes one call. 0: it may run; else the seconds after which the next one may (Retry-After, at least 1).
 * `who` tells the tokens of one workspace apart, `channel` (may be NULL) the channels of the methods that are
 * limited by channel. `per_min` > 0 replaces the tier's rate. `scale` shortens or stretches every wait: with
 * 0.1 a minute lasts six seconds; 0 = no limits. `now_ms` never goes back. */
int64_t rate_take(Rate *r, const Method *m, const char *who, const char *channel, unsigned per_min,
                  double scale, int64_t now_ms);
