#include "http-delivery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/secret.h"
#include "net/http-client.h"
#include "net/url.h"
#include "problems.h"

#define ANSWER_BYTES_MAX   (1u << 20)
#define REDIRECTS_MAX      2
#define POSTS_MAX          2000 /* under way at once; more fail, and events come again */
#define VERIFY_AGAIN_MS    1000 /* an app that is not up yet */
#define PROBE_TIMEOUT_MS   3000
#define MINUTES            60
#define DISABLE_AT_LEAST   20 /* deliveries of the hour; Slack's own threshold is far above a laptop's */
#define VERIFICATION_TOKEN "local-verification-token"

static const char *const kind_names[] = {
        [HTTP_EVENTS] = "events", [HTTP_INTERACTIVE] = "interactive", [HTTP_COMMANDS] = "commands"};

typedef struct Minute {
        int64_t number;
        unsigned sent, failed;
} Minute;

typedef struct Target {
        HttpDelivery *owner;
        HttpKind kind;
        char *url, *error;
        bool verified, disabled;
        unsigned ssl_check_status; /* 0: not checked */
        uint64_t n_sent, n_failed;
        Minute minutes[MINUTES]; /* of events, for the 95 % rule */
        char challenge[UUID_SIZE];
        HttpPost *probe;
        LoopTimer *again;
} Target;

struct HttpDelivery {
        Local *local;
        HttpClient *client; /* made when first needed: libcurl is not small */
        Secret secret;
        Target targets[HTTP_N_KINDS];
        int64_t n_posts; /* ever made */
        size_t n_under_way;
};

struct HttpPost {
        Target *target;
        int64_t id;
        HttpOp *op;
        char *url, *content_type, *location;
        Buf body, answer;
        unsigned status, n_redirects, retry_num;
        const char *retry_reason;
        bool no_retry, is_json, is_probe, is_too_large;
        HttpPostDone done;
        void *userdata;
};

void http_delivery_sign(const char *secret, int64_t timestamp_s, const char *body, size_t n_body,
                        char ret[HTTP_SIGNATURE_SIZE])
{
        _cleanup_buf_ Buf base = {0};
        uint8_t digest[32];

        buf_printf(&base, "v0:%" PRId64 ":", timestamp_s);
        buf_append(&base, body, n_body);
        digest_hmac_sha256(secret, buf_bytes(&base), buf_len(&base), digest);
        memcpy(ret, "v0=", 3);
        digest_hex(digest, sizeof(digest), ret + 3);
}

/* --- what became of an address --- */

static void emit(const Target *t)
{
        json_t *all = http_delivery_render(t->owner);

        feed_emit(t->owner->local->feed, "http", all);
}

static void set_error(Target *t, const char *error)
{
        if (str_equal(t->error, error))
                return;
        mem_strset(&t->error, error);
        emit(t);
}

/* The share of failures in the last hour decides whether the subscription ends (reference §2). */
static void account(Target *t, bool failed)
{
        int64_t minute = t->owner->local->state->clock_ms() / 60000;
        int64_t limit = t->owner->local->switches.http_disable_percent;
        Minute *m = &t->minutes[minute % MINUTES];
        uint64_t n_sent = 0, n_failed = 0;

        t->n_sent++;
        t->n_failed += failed;
        if (t->kind != HTTP_EVENTS)
                return;
        if (m->number != minute)
                *m = (Minute){.number = minute};
        m->sent++;
        m->failed += failed;
        for (size_t i = 0; i < MINUTES; i++)
                if (t->minutes[i].number > minute - MINUTES) {
                        n_sent += t->minutes[i].sent;
                        n_failed += t->minutes[i].failed;
                }
        if (failed && limit > 0 && n_sent >= DISABLE_AT_LEAST && n_failed * 100 > n_sent * (uint64_t) limit &&
            !t->disabled) {
                t->disabled = true;
                problems_note(
                        t->owner->local, "http", t->url,
                        "The subscription to events was ended: nearly all deliveries of the last hour failed.",
                        "Repair the app, then set the address again (POST /_local/http).");
                emit(t);
        }
}

/* --- one request --- */

static void post_free(HttpPost *p)
{
        p->target->owner->n_under_way--;
        http_op_cancel(p->op);
        free(p->url);
        free(p->content_type);
        free(p->location);
        buf_deinit(&p->body);
        buf_deinit(&p->answer);
        free(p);
}

void http_delivery_cancel(HttpPost *p)
{
        if (p)
                post_free(p);
}

void http_delivery_give_up(HttpPost *p)
{
        account(p->target, true);
        problems_note(p->target->owner->local, "http", p->url,
                      "The app did not answer within 3 seconds; Slack counts that as a failure.",
                      "Answer 200 at once, and do the work afterwards.");
        post_free(p);
}

static void on_head(void *userdata, unsigned status, const HttpHeader *headers, size_t n_headers)
{
        HttpPost *p = userdata;

        p->status = status;
        for (size_t i = 0; i < n_headers; i++) {
                if (strcasecmp(headers[i].name, "x-slack-no-retry") == 0)
                        p->no_retry = str_equal(headers[i].value, "1");
                else if (strcasecmp(headers[i].name, "location") == 0)
                        mem_strset(&p->location, headers[i].value);
                else if (strcasecmp(headers[i].name, "content-type") == 0)
                        p->is_json = strncasecmp(headers[i].value, "application/json", 16) == 0;
        }
}

static void on_data(void *userdata, const void *data, size_t n_bytes)
{
        HttpPost *p = userdata;

        p->is_too_large |= buf_len(&p->answer) + n_bytes > ANSWER_BYTES_MAX;
        if (!p->is_too_large)
                buf_append(&p->answer, data, n_bytes);
}

static const HttpStreamEvents stream_events = {.on_head = on_head, .on_data = on_data};

static void on_posted(void *userdata, const HttpResult *result);

/* Signs anew: each attempt has its own timestamp. */
static int start(HttpPost *p)
{
        HttpDelivery *h = p->target->owner;
        char timestamp[64], signature[64 + HTTP_SIGNATURE_SIZE], hex[HTTP_SIGNATURE_SIZE], type[96], num[48],
                reason[96];
        int64_t now_s = clock_realtime_ms() / 1000;
        const char *headers[] = {type,
                                 timestamp,
                                 signature,
                                 "Accept: */*",
                                 "Connection: close",
                                 p->retry_reason ? num : NULL,
                                 reason,
                                 NULL};
        HttpCall call = {.method = "POST",
                         .url = p->url,
                         .headers = headers,
                         .body = buf_bytes(&p->body),
                         .n_body = buf_len(&p->body),
                         .timeout_ms = MAX2(h->local->switches.ack_timeout_ms, PROBE_TIMEOUT_MS)};

        http_delivery_sign(secret_reveal(&h->secret), now_s, call.body, call.n_body, hex);
        snprintf(type, sizeof(type), "Content-Type: %s", p->content_type);
        snprintf(timestamp, sizeof(timestamp), "X-Slack-Request-Timestamp: %" PRId64, now_s);
        snprintf(signature, sizeof(signature), "X-Slack-Signature: %s", hex);
        snprintf(num, sizeof(num), "X-Slack-Retry-Num: %u", p->retry_num);
        snprintf(reason, sizeof(reason), "X-Slack-Retry-Reason: %s", p->retry_reason ? p->retry_reason : "");
        p->status = 0;
        buf_clear(&p->answer);
        if (!h->client && http_client_new(&h->client, h->local->loop, "localslack/" PROJECT_VERSION) < 0)
                return -1;
        return http_client_stream(h->client, &call, &stream_events, on_posted, p, &p->op);
}

static const char *failure_of(const HttpPost *p, const HttpResult *result)
{
        if (result->fault == -ETIMEDOUT)
                return "http_timeout";
        if (result->fault < 0 && result->error &&
            (strstr(result->error, "SSL") || strstr(result->error, "certificate")))
                return "ssl_error";
        if (result->fault < 0)
                return p->status ? "http_error" : "connection_failed";
        if (p->n_redirects > REDIRECTS_MAX)
                return "too_many_redirects";
        return p->status >= 200 && p->status < 300 && !p->is_too_large ? NULL : "http_error";
}

/* The acknowledgement's payload as a socket would have brought it. */
static json_t *read_payload(HttpPost *p)
{
        const char *text = buf_bytes(&p->answer);
        size_t n = buf_len(&p->answer);
        _cleanup_free_ char *error = NULL;
        json_t *payload = NULL;

        if (n == 0 || p->target->kind == HTTP_EVENTS)
                return NULL;
        if (p->is_json || text[0] == '{') {
                payload = json_parse(text, n, &error);
                if (!payload)
                        problems_note(p->target->owner->local, "http", p->url,
                                      "The answer says it is JSON, but is not.", error);
                return payload;
        }
        if (p->target->kind != HTTP_COMMANDS)
                return NULL;
        _cleanup_free_ char *copy = mem_strndup(text, n);
        return json_pack("{s:s}", "text", copy);
}

static bool follow_redirect(HttpPost *p, const HttpResult *result)
{
        bool is_redirect = result->fault == 0 && p->location &&
                           (p->status == 301 || p->status == 302 || p->status == 307 || p->status == 308);
        Url url;

        if (!is_redirect || ++p->n_redirects > REDIRECTS_MAX || url_parse(p->location, &url) != 0)
                return false;
        url_deinit(&url);
        free(p->url);
        p->url = take(p->location);
        return start(p) >= 0;
}

static void on_posted(void *userdata, const HttpResult *result)
{
        HttpPost *p = userdata;
        HttpAnswer answer = {0};
        _cleanup_json_ json_t *payload = NULL;
        _cleanup_free_ char *what = NULL;

        p->op = NULL;
        if (follow_redirect(p, result))
                return;
        local_record_frame(p->target->owner->local, "http_in", p->id, buf_bytes(&p->answer),
                           buf_len(&p->answer));
        answer.failure = failure_of(p, result);
        answer.no_retry = p->no_retry;
        if (!p->is_probe)
                account(p->target, answer.failure != NULL);
        if (answer.failure && !p->is_probe) {
                what = p->status
                               ? mem_printf("The app answered %u; Slack counts that as a failure.", p->status)
                               : mem_printf("The app could not be reached: %s.",
                                            result->error ? result->error : "no answer");
                problems_note(p->target->owner->local, "http", p->url, what,
                              "Answer 200 within 3 seconds, whatever comes of it later.");
        } else if (!answer.failure)
                answer.payload = payload = read_payload(p);
        p->done(p->userdata, &answer);
        post_free(p);
}

static HttpPost *post_new(Target *t, const char *content_type)
{
        HttpPost *p = mem_new(HttpPost);

        p->target = t;
        t->owner->n_under_way++;
        p->id = ++t->owner->n_posts;
        p->url = mem_strdup(t->url);
        p->content_type = mem_strdup(content_type);
        return p;
}

static void put_command_form(Buf *out, const char *payload)
{
        _cleanup_json_ json_t *fields = json_parse(payload, strlen(payload), NULL);
        const char *name;
        json_t *value;

        json_object_foreach (fields, name, value)
                if (json_is_string(value))
                        form_append(out, name, json_string_value(value));
}

HttpPost *http_delivery_send(HttpDelivery *h, HttpKind kind, const char *payload, unsigned retry_num,
                             const char *retry_reason, HttpPostDone done, void *userdata,
                             const char **ret_failure)
{
        Target *t = &h->targets[kind];
        HttpPost *p;

        if (t->disabled || (kind == HTTP_EVENTS && !t->verified)) {
                *ret_failure = t->disabled ? "disabled" : "not_verified";
                return NULL;
        }
        if (h->n_under_way >= POSTS_MAX) {
                *ret_failure = "too_many_requests";
                return NULL;
        }
        p = post_new(t, kind == HTTP_EVENTS ? "application/json" : "application/x-www-form-urlencoded");
        p->done = done;
        p->userdata = userdata;
        p->retry_num = retry_num;
        p->retry_reason = retry_reason;
        if (kind == HTTP_EVENTS)
                buf_append_str(&p->body, payload);
        else if (kind == HTTP_COMMANDS)
                put_command_form(&p->body, payload);
        else
                form_append(&p->body, "payload", payload);
        local_record_frame(h->local, "http_out", p->id, payload, strlen(payload));
        if (start(p) < 0) {
                post_free(p);
                *ret_failure = "connection_failed";
                return NULL;
        }
        return p;
}

/* --- url_verification, ssl_check --- */

static void verify(Target *t);

static void on_again(void *userdata)
{
        verify(userdata);
}

/* JSON {"challenge": …}, a form challenge=…, or the bare text are all right with Slack. */
static bool holds_challenge(const HttpPost *p, const char *challenge)
{
        const char *text = buf_bytes(&p->answer);
        _cleanup_json_ json_t *body = json_parse(text, buf_len(&p->answer), NULL);
        _cleanup_free_ char *copy = mem_strndup(text, buf_len(&p->answer));
        const char *found = json_is_object(body)                  ? json_str(body, "challenge")
                            : str_starts_with(copy, "challenge=") ? copy + strlen("challenge=")
                                                                  : copy;

        return str_equal(found, challenge);
}

static void on_verified(void *userdata, const HttpAnswer *answer)
{
        Target *t = userdata;
        HttpPost *p = take(t->probe);
        _cleanup_free_ char *error = NULL;

        if (p->status == 0) { /* it may still be starting */
                loop_timer_set(t->again, VERIFY_AGAIN_MS);
                set_error(t, "the app does not answer yet; url_verification is tried again every second");
                return;
        }
        if (!answer->failure && holds_challenge(p, t->challenge)) {
                t->verified = true;
                set_error(t, NULL);
                emit(t);
                return;
        }
        error = answer->failure ? mem_printf("url_verification was answered with %u", p->status)
                                : mem_strdup("url_verification was answered without its challenge");
        set_error(t, error);
        problems_note(
                t->owner->local, "http", t->url, error,
                "Answer 200 with the challenge of the request; it is signed like every other request. Then "
                "set the address again (POST /_local/http).");
}

static void send_probe(Target *t, const char *content_type, const char *body, HttpPostDone done)
{
        HttpPost *p = post_new(t, content_type);

        buf_append_str(&p->body, body);
        p->is_probe = true;
        p->done = done;
        p->userdata = t;
        local_record_frame(t->owner->local, "http_out", p->id, body, strlen(body));
        http_delivery_cancel(t->probe);
        t->probe = p;
        if (start(p) < 0) {
                post_free(take(t->probe));
                set_error(t, "the address cannot be used");
        }
}

static void verify(Target *t)
{
        _cleanup_free_ char *body = NULL;

        uuid4(t->challenge);
        body = mem_printf("{\"token\":\"" VERIFICATION_TOKEN
                          "\",\"challenge\":\"%s\",\"type\":\"url_verification\"}",
                          t->challenge);
        send_probe(t, "application/json", body, on_verified);
}

static void on_ssl_checked(void *userdata, const HttpAnswer *answer)
{
        Target *t = userdata;
        HttpPost *p = take(t->probe);

        t->ssl_check_status = p->status;
        set_error(t, answer->failure ? "ssl_check=1 was not answered with 200" : NULL);
        emit(t);
}

/* --- addresses --- */

static void target_set(Target *t, const char *url)
{
        http_delivery_cancel(take(t->probe));
        loop_timer_clear(t->again);
        mem_strset(&t->url, url);
        mem_strset(&t->error, NULL);
        t->verified = t->disabled = false;
        t->ssl_check_status = 0;
        memset(t->minutes, 0, sizeof(t->minutes));
        if (url && t->kind == HTTP_EVENTS)
                verify(t);
        emit(t);
}

static bool url_fits(const json_t *value)
{
        Url url;
        bool fits = json_is_null(value) ||
                    (json_is_string(value) && url_parse(json_string_value(value), &url) == 0 &&
                     (url_deinit(&url), str_starts_with(json_string_value(value), "http")));

        return fits;
}

char *http_delivery_configure(HttpDelivery *h, const json_t *in)
{
        const json_t *secret = json_object_get(in, "signing_secret");
        Target *commands = &h->targets[HTTP_COMMANDS];

        for (size_t i = 0; i < HTTP_N_KINDS; i++) {
                const json_t *value = json_object_get(in, kind_names[i]);

                if (value && !url_fits(value))
                        return mem_printf("%s must be http://… or https://…, or null for Socket Mode",
                                          kind_names[i]);
        }
        if (secret && str_empty(json_string_value(secret)))
                return mem_strdup("signing_secret must be a text");
        if (secret)
                secret_set(&h->secret, json_string_value(secret));
        for (size_t i = 0; i < HTTP_N_KINDS; i++) {
                const json_t *value = json_object_get(in, kind_names[i]);

                if (value)
                        target_set(&h->targets[i], json_string_value(value));
        }
        if (json_bool(in, "ssl_check") && commands->url)
                send_probe(commands, "application/x-www-form-urlencoded",
                           "ssl_check=1&token=" VERIFICATION_TOKEN, on_ssl_checked);
        return NULL;
}

static json_t *render_target(const Target *t)
{
        json_t *out = json_pack("{s:s,s:b,s:I,s:I}", "url", t->url, "disabled", t->disabled, "sent",
                                (json_int_t) t->n_sent, "failed", (json_int_t) t->n_failed);

        if (t->kind == HTTP_EVENTS)
                json_object_set_new(out, "verified", json_boolean(t->verified));
        if (t->ssl_check_status)
                json_put_int(out, "ssl_check", t->ssl_check_status);
        if (t->error)
                json_put_str(out, "error", t->error);
        return out;
}

json_t *http_delivery_render(const HttpDelivery *h)
{
        json_t *out = json_object();

        for (size_t i = 0; i < HTTP_N_KINDS; i++)
                json_object_set_new(out, kind_names[i],
                                    h->targets[i].url ? render_target(&h->targets[i]) : json_null());
        return out;
}

bool http_delivery_takes(const HttpDelivery *h, HttpKind kind)
{
        return h->targets[kind].url != NULL;
}

HttpDelivery *http_delivery_new(Local *l)
{
        HttpDelivery *h = mem_new(HttpDelivery);
        const Options *o = l->options;
        const char *const urls[] = {[HTTP_EVENTS] = o->http_events,
                                    [HTTP_INTERACTIVE] = o->http_interactive,
                                    [HTTP_COMMANDS] = o->http_commands};

        h->local = l;
        secret_set(&h->secret, o->signing_secret);
        for (size_t i = 0; i < HTTP_N_KINDS; i++) {
                Target *t = &h->targets[i];

                t->owner = h;
                t->kind = (HttpKind) i;
                t->again = loop_timer_new(l->loop, on_again, t);
        }
        for (size_t i = 0; i < HTTP_N_KINDS; i++)
                if (urls[i])
                        target_set(&h->targets[i], urls[i]);
        return h;
}

void http_delivery_free(HttpDelivery *h)
{
        if (!h)
                return;
        for (size_t i = 0; i < HTTP_N_KINDS; i++) {
                Target *t = &h->targets[i];

                http_delivery_cancel(t->probe);
                loop_timer_free(t->again);
                free(t->url);
                free(t->error);
        }
        http_client_free(h->client);
        secret_deinit(&h->secret);
        free(h);
}
