/* Slack's Web API: one call in, one classified result out; rate buckets per method and channel.
 * https://docs.slack.dev/apis/web-api
 *
 * The classification is what makes posting safe: a call that certainly did not happen may be repeated, one
 * that perhaps did must be looked up first, and Slack's own client does not tell the two apart (it posts
 * twice). */
#pragma once

#include "base/json.h"
#include "base/metric.h"
#include "base/secret.h"
#include "net/http-client.h"

typedef struct SlackWeb SlackWeb;

typedef enum SlackWebOutcome {
        SLACK_WEB_OK,           /* "ok": true */
        SLACK_WEB_ERROR,        /* "ok": false with an error that is final ("channel_not_found", …) */
        SLACK_WEB_RATE_LIMITED, /* 429, or ok:false ratelimited / rate_limited; retry_after_ms is set */
        SLACK_WEB_UNSENT,       /* it certainly did not happen (no connection); try again */
        SLACK_WEB_UNKNOWN, /* it may have happened (lost response, 5xx, internal_error, …): probe first */
} SlackWebOutcome;
#define SLACK_WEB_N_OUTCOMES 5

typedef struct SlackWebResult {
        SlackWebOutcome outcome;
        const char *error; /* Slack's error code, or ours: "unreachable" (UNSENT), "no_answer", "bad_answer",
                            * "http_502" (UNKNOWN), "bad_response_url"; NULL when OK */
        const char
                *detail; /* for people: Slack's own words, the missing scope, the network's error; or NULL */
        const json_t
                *body; /* Slack's answer, borrowed until the callback returns; NULL when there was none */
        int64_t retry_after_ms; /* RATE_LIMITED always, UNKNOWN perhaps; else 0 */
} SlackWebResult;

int slack_web_new(SlackWeb **ret, Loop *loop, HttpClient *http, Metrics *metrics, const char *api_url,
                  const Secret *bot_token /* borrowed */);
/* Cancels, without callbacks. Not from inside a callback of its own. */
void slack_web_free(SlackWeb *w);
DEFINE_CLEANUP(SlackWeb *, slack_web_free);

typedef void (*SlackWebDone)(void *userdata, const SlackWebResult *result);

/* POSTs a form; objects and arrays in `args` become JSON strings, nulls are left out. Times out after 10 s.
 * `done` exactly once, later. Takes a token from the method's bucket whether there is one or not: ask
 * slack_web_wait_ms() before. Answers over 8 MiB count as lost. */
void slack_web_call(SlackWeb *w, const char *method, json_t *args /* stolen */, SlackWebDone done,
                    void *userdata);
/* The same for a `userdata` that needs freeing: `drop` is called instead of `done` by slack_web_free(). */
void slack_web_call_owned(SlackWeb *w, const char *method, json_t *args /* stolen */, SlackWebDone done,
                          LoopFn drop, void *userdata);
/* POSTs JSON to a response_url; the answer's body is not read. Our token is not sent along. */
void slack_web_respond(SlackWeb *w, const char *response_url, json_t *message /* stolen */, SlackWebDone done,
                       void *userdata);
void slack_web_respond_owned(SlackWeb *w, const char *response_url, json_t *message /* stolen */,
                             SlackWebDone done, LoopFn drop, void *userdata);

/* Slack's time, since the epoch: what the last answer said, carried on by a clock that does not jump; right
 * to a second or two. Before the first answer our own. */
int64_t slack_web_now_ms(const SlackWeb *w);

/* Milliseconds until `method` may be called for `channel` (NULL: not per channel); 0 = now. The last quarter
 * of each bucket is kept for urgent calls. */
int64_t slack_web_wait_ms(SlackWeb *w, const char *method, const char *channel, bool urgent);

/* So many programs, this one included, call as the same app: each keeps to its part of Slack's limits. */
void slack_web_set_share(SlackWeb *w, unsigned n);

/* Calls `fn` after a while; `drop` instead, when slack_web_free() comes before. */
void slack_web_later(SlackWeb *w, int64_t after_ms, LoopFn fn, LoopFn drop, void *userdata);

/* Is told of each message that Slack has taken by chat.postMessage. */
void slack_web_set_on_posted(SlackWeb *w,
                             void (*on_posted)(void *userdata, const char *channel, const char *ts),
                             void *userdata);
void slack_web_tell_posted(SlackWeb *w, const char *channel, const char *ts);

/* What an "ok": false with this error code means. Pure. */
SlackWebOutcome slack_web_classify(const char *error);
