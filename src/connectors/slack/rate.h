/* Slack's rate limits as token buckets, kept on our side so that the limit is met before Slack has to say so.
 * Pure: time is handed in, any monotonic milliseconds.
 *
 * One bucket per method (https://docs.slack.dev/apis/web-api/rate-limits: tiers of 1, 20, 50 and 100 calls a
 * minute per app and workspace) holding a minute's worth, filling evenly. chat.postMessage has one per
 * channel besides (bursts of 5, one a second) and a wide one for the workspace. The lowest quarter of each
 * bucket is kept for urgent calls: a flood of progress leaves room for the question that somebody waits for.
 *
 * The map is bounded: beyond SLACK_RATE_BUCKETS_MAX the bucket used longest ago is forgotten, which is almost
 * always a full one and thereby no loss. */
#pragma once

#include "base/macro.h"

#define SLACK_RATE_BUCKETS_MAX 1024

typedef struct SlackRate SlackRate;

SlackRate *slack_rate_new(void);
void slack_rate_free(SlackRate *r);
DEFINE_CLEANUP(SlackRate *, slack_rate_free);

/* Slack counts for the app as a whole: of `n` programs that call as the same app each keeps to its part. At
 * least 1; what a bucket holds beyond its part is gone. */
void slack_rate_set_share(SlackRate *r, unsigned n);

/* Milliseconds until a call may be made; 0 = now. `channel` may be NULL, and counts for chat.postMessage
 * only. */
int64_t slack_rate_wait_ms(SlackRate *r, const char *method, const char *channel, bool urgent,
                           int64_t now_ms);
/* A call is made now, allowed or not: an over-hasty one is owed. */
void slack_rate_take(SlackRate *r, const char *method, const char *channel, int64_t now_ms);
/* Slack said 429: nothing at all until `retry_after_ms` is over, then one call, then as
 * the bucket fills. Waits over ten minutes are not believed. */
void slack_rate_block(SlackRate *r, const char *method, const char *channel, int64_t retry_after_ms,
                      int64_t now_ms);

size_t slack_rate_n_buckets(const SlackRate *r);
