/* Slack's Web API: one call in, one classified result out; rate buckets per method and channel.
 * https://docs.slack.dev/apis/web-api */
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
        SLACK_WEB_UNKNOWN,      /* it may have happened (lost response, 5xx, internal_error, …): probe first */
} SlackWebOutcome;

typedef struct SlackWebResult {
        SlackWebOutcome outcome;
        const char *error;      /* Slack's error code or ours ("timeout", "http_502"); NULL when OK */
        const json_t *body;     /* Slack's answer, borrowed until the callback returns; NULL when there was none */
        int64_t retry_after_ms;
} SlackWebResult;

int slack_web_new(SlackWeb **ret, Loop *loop, HttpClient *http, Metrics *metrics, const char *api_url,
                  const Secret *bot_token /* borrowed */);
void slack_web_free(SlackWeb *w); /* cancels, without callbacks */
DEFINE_CLEANUP(SlackWeb *, slack_web_free);

typedef void (*SlackWebDone)(void *userdata, const SlackWebResult *result);

/* POSTs a form; objects and arrays in `args` become JSON strings. Times out after 10 s. `done` exactly once,
 * later. Takes a token from the method's bucket whether there is one or not: ask slack_web_wait_ms() before. */
void slack_web_call(SlackWeb *w, const char *method, json_t *args /* stolen */, SlackWebDone done, void *userdata);
/* POSTs JSON to a response_url; the answer's body is not read. */
void slack_web_respond(SlackWeb *w, const char *response_url, json_t *message /* stolen */, SlackWebDone done,
                       void *userdata);

/* Milliseconds until `method` may be called for `channel` (NULL: not per channel); 0 = now. */
int64_t slack_web_wait_ms(SlackWeb *w, const char *method, const char *channel);
