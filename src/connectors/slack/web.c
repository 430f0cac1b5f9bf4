#include "connectors/slack/web.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "connectors/slack/rate.h"
#include "net/url.h"

#define COMPONENT "slack.web"

#define CALL_TIMEOUT_MS  10000
#define ANSWER_MAX_BYTES ((size_t) 8 * 1024 * 1024)
/* A rate limit without a Retry-After (some come as "ok": false with status 200). */
#define DEFAULT_RETRY_AFTER_MS 5000
#define WARNING_INTERVAL_MS    60000

struct SlackWeb {
        Loop *loop;
        HttpClient *http;
        Metrics *metrics;
        char *api_url; /* ends in a slash */
        const Secret *bot_token;
        SlackRate *rate;
        List calls;
        List stillborn;           /* calls that could not even be handed to the HTTP client */
        LoopTimer *stillborn_due; /* ends them, later */
        List laters;
        int64_t warned_ms;
        uint64_t n_unwarned;
        void (*on_posted)(void *userdata, const char *channel, const char *ts);
        void *posted_userdata;
        int64_t ahead_ms; /* of clock_boottime_ms(), Slack's time; 0 = not known */
};

typedef struct Call {
        List link;
        SlackWeb *web;
        HttpOp *op;
        char *method, *channel;
        bool is_response;    /* to a response_url: only the status says anything */
        const char *refusal; /* of a stillborn call */
        int64_t started_ms;
        SlackWebDone done;
        LoopFn drop;
        void *userdata;
} Call;

static const char *const outcome_names[SLACK_WEB_N_OUTCOMES] = {
        [SLACK_WEB_OK] = "ok",
        [SLACK_WEB_ERROR] = "error",
        [SLACK_WEB_RATE_LIMITED] = "rate_limited",
        [SLACK_WEB_UNSENT] = "unsent",
        [SLACK_WEB_UNKNOWN] = "unknown",
};

SlackWebOutcome slack_web_classify(const char *error)
{
        static const struct {
                const char *error;
                SlackWebOutcome outcome;
        } known[] = {
                {"ratelimited", SLACK_WEB_RATE_LIMITED},
                {"rate_limited", SLACK_WEB_RATE_LIMITED},
                /* "It's possible some aspect of the operation succeeded before the error was raised." */
                {"internal_error", SLACK_WEB_UNKNOWN},
                {"fatal_error", SLACK_WEB_UNKNOWN},
                {"request_timeout", SLACK_WEB_UNKNOWN},
                {"service_unavailable", SLACK_WEB_UNKNOWN},
                /* The workspace is being moved into an organisation; calls work again afterwards. */
                {"team_added_to_org", SLACK_WEB_UNSENT},
        };

        if (str_empty(error))
                return SLACK_WEB_UNKNOWN;
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (str_equal(error, known[i].error))
                        return known[i].outcome;
        return SLACK_WEB_ERROR;
}

static void call_free(Call *call)
{
        list_remove(&call->link);
        free(call->method);
        free(call->channel);
        free(call);
}

static void count(const Call *call, const SlackWebResult *result)
{
        _cleanup_free_ char *labels =
                mem_printf("method=\"%s\",outcome=\"%s\"", call->method, outcome_names[result->outcome]);
        _cleanup_free_ char *method = mem_printf("method=\"%s\"", call->method);
        Metrics *m = call->web->metrics;

        metric_add(metrics_counter(m, "slack_calls_total", "Web API calls by outcome", labels), 1);
        metric_observe_ms(
                metrics_histogram(m, "slack_call_seconds", "Time to the answer of a Web API call", method),
                (double) (loop_now_ms(call->web->loop) - call->started_ms));
}

static void finish(Call *call, const SlackWebResult *result)
{
        SlackWeb *w = call->web;
        SlackWebDone done = call->done;
        void *userdata = call->userdata;

        if (result->outcome == SLACK_WEB_RATE_LIMITED)
                slack_rate_block(w->rate, call->method, call->channel, result->retry_after_ms,
                                 loop_now_ms(w->loop));
        count(call, result);
        log_debug(COMPONENT, "%s: %s%s%s", call->method, outcome_names[result->outcome],
                  result->error ? " " : "", result->error ? result->error : "");
        call_free(call);
        done(userdata, result);
}

/* Warnings repeat with each call of the kind that causes them: once a minute is enough for a reader. */
static void log_warnings(Call *call, const json_t *body)
{
        SlackWeb *w = call->web;
        const char *warning = json_str(body, "warning");
        int64_t now_ms = loop_now_ms(w->loop);

        if (!warning)
                warning = json_str(body, "response_metadata.warnings.0");
        if (!warning)
                return;
        if (w->warned_ms > 0 && now_ms - w->warned_ms < WARNING_INTERVAL_MS) {
                w->n_unwarned++;
                return;
        }
        log_warn(COMPONENT, "%s: Slack warns of %.200s (%llu more warnings since the last line)",
                 call->method, warning, (unsigned long long) w->n_unwarned);
        w->warned_ms = now_ms;
        w->n_unwarned = 0;
}

/* What a person needs in order to put it right; owned, NULL when Slack said nothing but the code. */
static char *describe(const json_t *body)
{
        const char *needed = json_str(body, "needed");
        const char *text = json_str(body, "response_metadata.messages.0");

        if (needed)
                return mem_printf("the app lacks the scope %.200s", needed);
        if (!text)
                text = json_str(body, "errors.0");
        if (!text)
                text = json_str(body, "detail");
        return text ? mem_strndup(text, strnlen(text, 500)) : NULL;
}

static void finish_with_body(Call *call, const json_t *body, int64_t retry_after_ms)
{
        SlackWebResult result = {.outcome = SLACK_WEB_OK, .body = body};
        _cleanup_free_ char *detail = NULL;

        log_warnings(call, body);
        if (!json_bool(body, "ok")) {
                const char *error = json_str(body, "error");

                detail = describe(body);
                result.outcome = slack_web_classify(error);
                result.error = str_empty(error) ? "bad_answer" : error;
                result.detail = detail;
                if (result.outcome == SLACK_WEB_RATE_LIMITED)
                        result.retry_after_ms = retry_after_ms >= 0 ? retry_after_ms : DEFAULT_RETRY_AFTER_MS;
        }
        finish(call, &result);
}

/* An answer that is not Slack's JSON: a proxy's, or Slack's infrastructure speaking. Its status says little
 * about what Slack did with the call, hence UNKNOWN; a response_url speaks through nothing but its status. */
static void finish_with_status(Call *call, const HttpResult *http)
{
        SlackWebResult result = {.outcome = SLACK_WEB_UNKNOWN, .error = "bad_answer"};
        char code[16];

        snprintf(code, sizeof(code), "http_%u", http->status);
        if (http->status == 429) {
                result.outcome = SLACK_WEB_RATE_LIMITED;
                result.error = "ratelimited";
                result.retry_after_ms =
                        http->retry_after_ms >= 0 ? http->retry_after_ms : DEFAULT_RETRY_AFTER_MS;
        } else if (http->status >= 300) {
                result.error = code;
                result.retry_after_ms = MAX2(http->retry_after_ms, (int64_t) 0);
                if (call->is_response && http->status >= 400 && http->status < 500 && http->status != 408)
                        result.outcome = SLACK_WEB_ERROR; /* expired or used up (5 times, 30 minutes) */
        } else if (call->is_response)
                result = (SlackWebResult){.outcome = SLACK_WEB_OK};
        finish(call, &result);
}

static void on_answer(void *userdata, const HttpResult *http)
{
        Call *call = userdata;
        _cleanup_json_ json_t *body = NULL;

        call->op = NULL;
        if (http->date_ms > 0)
                call->web->ahead_ms = http->date_ms - clock_boottime_ms();
        if (http->fault < 0) {
                finish(call, &(SlackWebResult){.outcome = http->sent ? SLACK_WEB_UNKNOWN : SLACK_WEB_UNSENT,
                                               .error = http->sent ? "no_answer" : "unreachable",
                                               .detail = http->error});
                return;
        }
        /* Slack's own errors come with 200, or as JSON with 429; a 5xx is never a statement about the call.
         */
        if (!call->is_response && http->status < 500)
                body = json_parse(http->body, http->n_body, NULL);
        if (json_is_boolean(json_at(body, "ok")))
                finish_with_body(call, body, http->retry_after_ms);
        else
                finish_with_status(call, http);
}

static void end_stillborn(void *userdata)
{
        SlackWeb *w = userdata;
        List batch;

        list_init(&batch);
        list_for_each_safe (node, &w->stillborn) {
                list_remove(node);
                list_append(&batch, node);
        }
        while (!list_empty(&batch)) {
                Call *call = list_first(&batch, Call, link);

                finish(call,
                       &(SlackWebResult){.outcome = call->is_response ? SLACK_WEB_ERROR : SLACK_WEB_UNSENT,
                                         .error = call->refusal});
        }
}

static void send_call(Call *call, const HttpCall *http)
{
        SlackWeb *w = call->web;
        int r;

        call->started_ms = loop_now_ms(w->loop);
        slack_rate_take(w->rate, call->method, call->channel, call->started_ms);
        list_append(&w->calls, &call->link);
        r = http_client_send(w->http, http, on_answer, call, &call->op);
        if (r >= 0)
                return;
        log_fault(r, COMPONENT, "sending a call");
        call->refusal = call->is_response ? "bad_response_url" : "unreachable";
        list_remove(&call->link);
        list_append(&w->stillborn, &call->link);
        loop_timer_set(w->stillborn_due, 0);
}

static Call *call_new(SlackWeb *w, const char *method, SlackWebDone done, LoopFn drop, void *userdata)
{
        Call *call = mem_new(Call);

        list_init(&call->link);
        call->web = w;
        call->method = mem_strdup(method);
        call->done = done;
        call->drop = drop;
        call->userdata = userdata;
        return call;
}

static void append_field(Buf *form, const char *name, const json_t *value)
{
        _cleanup_free_ char *text = NULL;

        if (json_is_null(value))
                return;
        if (json_is_string(value)) {
                form_append(form, name, json_string_value(value));
                return;
        }
        text = json_dump(value);
        form_append(form, name, text);
}

void slack_web_call_owned(SlackWeb *w, const char *method, json_t *args, SlackWebDone done, LoopFn drop,
                          void *userdata)
{
        Call *call = call_new(w, method, done, drop, userdata);
        _cleanup_free_ char *url = mem_printf("%s%s", w->api_url, method);
        _cleanup_free_ char *authorization =
                mem_printf("Authorization: Bearer %s", secret_reveal(w->bot_token));
        const char *headers[] = {authorization, "Content-Type: application/x-www-form-urlencoded", NULL};
        _cleanup_buf_ Buf form = {0};
        const char *name;
        json_t *value;

        json_object_foreach (args, name, value)
                append_field(&form, name, value);
        call->channel = mem_strdup(json_str(args, "channel"));
        json_decref(args);
        send_call(call, &(HttpCall){.method = "POST",
                                    .url = url,
                                    .headers = headers,
                                    .body = buf_bytes(&form),
                                    .n_body = buf_len(&form),
                                    .timeout_ms = CALL_TIMEOUT_MS,
                                    .max_response_bytes = ANSWER_MAX_BYTES});
        explicit_bzero(authorization, strlen(authorization));
}

void slack_web_call(SlackWeb *w, const char *method, json_t *args, SlackWebDone done, void *userdata)
{
        slack_web_call_owned(w, method, args, done, NULL, userdata);
}

void slack_web_respond_owned(SlackWeb *w, const char *response_url, json_t *message, SlackWebDone done,
                             LoopFn drop, void *userdata)
{
        Call *call = call_new(w, "response_url", done, drop, userdata);
        _cleanup_free_ char *text = json_dump(message);
        static const char *const headers[] = {"Content-Type: application/json; charset=utf-8", NULL};

        call->is_response = true;
        json_decref(message);
        /* What Slack sent over TLS is not answered in the clear, whoever may have forged the address. */
        if (!str_starts_with(response_url, "https://") &&
            (str_starts_with(w->api_url, "https://") || !str_starts_with(response_url, "http://"))) {
                call->refusal = "bad_response_url";
                call->started_ms = loop_now_ms(w->loop);
                list_append(&w->stillborn, &call->link);
                loop_timer_set(w->stillborn_due, 0);
                return;
        }
        send_call(call, &(HttpCall){.method = "POST",
                                    .url = response_url,
                                    .headers = headers,
                                    .body = text,
                                    .n_body = strlen(text),
                                    .timeout_ms = CALL_TIMEOUT_MS,
                                    .max_response_bytes = ANSWER_MAX_BYTES});
}

void slack_web_respond(SlackWeb *w, const char *response_url, json_t *message, SlackWebDone done,
                       void *userdata)
{
        slack_web_respond_owned(w, response_url, message, done, NULL, userdata);
}

int64_t slack_web_now_ms(const SlackWeb *w)
{
        return w->ahead_ms ? clock_boottime_ms() + w->ahead_ms : clock_realtime_ms();
}

int64_t slack_web_wait_ms(SlackWeb *w, const char *method, const char *channel, bool urgent)
{
        return slack_rate_wait_ms(w->rate, method, channel, urgent, loop_now_ms(w->loop));
}

void slack_web_set_share(SlackWeb *w, unsigned n)
{
        slack_rate_set_share(w->rate, n);
}

typedef struct Later {
        List link;
        LoopTimer *timer;
        LoopFn fn, drop;
        void *userdata;
} Later;

static void later_free(Later *l)
{
        list_remove(&l->link);
        loop_timer_free(l->timer);
        free(l);
}

static void on_later(void *userdata)
{
        Later *l = userdata;
        LoopFn fn = l->fn;
        void *of = l->userdata;

        later_free(l);
        fn(of);
}

void slack_web_later(SlackWeb *w, int64_t after_ms, LoopFn fn, LoopFn drop, void *userdata)
{
        Later *l = mem_new(Later);

        *l = (Later){.fn = fn, .drop = drop, .userdata = userdata};
        l->timer = loop_timer_new(w->loop, on_later, l);
        loop_timer_set(l->timer, after_ms);
        list_append(&w->laters, &l->link);
}

void slack_web_set_on_posted(SlackWeb *w,
                             void (*on_posted)(void *userdata, const char *channel, const char *ts),
                             void *userdata)
{
        w->on_posted = on_posted;
        w->posted_userdata = userdata;
}

void slack_web_tell_posted(SlackWeb *w, const char *channel, const char *ts)
{
        if (w->on_posted)
                w->on_posted(w->posted_userdata, channel, ts);
}

int slack_web_new(SlackWeb **ret, Loop *loop, HttpClient *http, Metrics *metrics, const char *api_url,
                  const Secret *bot_token)
{
        SlackWeb *w;

        if (!str_starts_with(api_url, "https://") && !str_starts_with(api_url, "http://"))
                return error_origin(-EINVAL);
        w = mem_new(SlackWeb);
        w->loop = loop;
        w->http = http;
        w->metrics = metrics;
        w->api_url = mem_printf("%s%s", api_url, api_url[strlen(api_url) - 1] == '/' ? "" : "/");
        w->bot_token = bot_token;
        w->rate = slack_rate_new();
        list_init(&w->calls);
        list_init(&w->stillborn);
        list_init(&w->laters);
        w->stillborn_due = loop_timer_new(loop, end_stillborn, w);
        *ret = w;
        return 0;
}

static void drop_calls(List *calls)
{
        list_for_each_safe (node, calls) {
                Call *call = list_entry(node, Call, link);

                if (call->op)
                        http_op_cancel(call->op);
                if (call->drop)
                        call->drop(call->userdata);
                call_free(call);
        }
}

void slack_web_free(SlackWeb *w)
{
        if (!w)
                return;
        drop_calls(&w->calls);
        drop_calls(&w->stillborn);
        while (!list_empty(&w->laters)) {
                Later *l = list_first(&w->laters, Later, link);

                l->drop(l->userdata);
                later_free(l);
        }
        loop_timer_free(w->stillborn_due);
        slack_rate_free(w->rate);
        free(w->api_url);
        free(w);
}
