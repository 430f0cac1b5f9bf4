#include "connectors/slack/socket-link.h"

#include <stdio.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "connectors/slack/web.h"

#define COMPONENT "slack.socket"

/* Acks are about a hundred bytes; this many of them unsent means that nobody reads. */
#define QUEUED_MAX_BYTES ((size_t) 4 * 1024 * 1024)
#define ANSWER_MAX_BYTES ((size_t) 64 * 1024)

struct SlackLink {
        const SlackLinkContext *context;
        uint64_t id;
        SlackLinkState state;
        SlackLinkEnd end;
        char error[64];
        int64_t retry_after_ms;
        HttpOp *op; /* OPENING, DIALING */
        WsPeer *peer;
        int64_t since_ms, expires_ms;
        LoopTimer *deadline; /* of the state: hello, age, drain, close */
        LoopTimer *ping;
        char nonce[17];   /* of the ping that is not answered yet; "" when it is */
        bool is_doubtful; /* the last ping is overdue */
        uint64_t n_envelopes;
        char host[64];
        SlackFrame frame; /* too large for the stack of a callback in a callback */
};

static const char *const state_names[] = {
        [SLACK_LINK_OPENING] = "opening",   [SLACK_LINK_DIALING] = "dialing",
        [SLACK_LINK_GREETING] = "greeting", [SLACK_LINK_LIVE] = "live",
        [SLACK_LINK_EXPIRING] = "expiring", [SLACK_LINK_DRAINING] = "draining",
        [SLACK_LINK_CLOSING] = "closing",   [SLACK_LINK_DEAD] = "dead",
};

static const char *const end_names[SLACK_N_LINK_ENDS] = {
        [SLACK_LINK_END_NONE] = "none",
        [SLACK_LINK_END_STOPPED] = "stopped",
        [SLACK_LINK_END_AGE] = "age",
        [SLACK_LINK_END_WARNING] = "warning",
        [SLACK_LINK_END_REFRESH] = "refresh",
        [SLACK_LINK_END_DEAF] = "deaf",
        [SLACK_LINK_END_RECOUNT] = "recount",
        [SLACK_LINK_END_CLOSED] = "closed",
        [SLACK_LINK_END_OVERSIZED] = "oversized",
        [SLACK_LINK_END_PING] = "ping_unanswered",
        [SLACK_LINK_END_SILENT] = "silent",
        [SLACK_LINK_END_STUCK] = "stuck",
        [SLACK_LINK_END_HELLO] = "no_hello",
        [SLACK_LINK_END_DIAL] = "dial_failed",
        [SLACK_LINK_END_OPEN] = "open_failed",
        [SLACK_LINK_END_REFUSED] = "refused",
        [SLACK_LINK_END_DISABLED] = "link_disabled",
        [SLACK_LINK_END_TOO_MANY] = "too_many_websockets",
};

const char *slack_link_end_name(SlackLinkEnd end)
{
        return end_names[end];
}

bool slack_link_is_failure(SlackLinkEnd end)
{
        return end >= SLACK_LINK_END_CLOSED;
}

static bool has_greeted(const SlackLink *link)
{
        return link->state >= SLACK_LINK_LIVE && link->state <= SLACK_LINK_DRAINING;
}

static void set_state(SlackLink *link, SlackLinkState state, const SlackFrame *hello)
{
        const SlackSocketTiming *t = &link->context->timing;
        SlackLinkState old = link->state;
        bool why = state >= SLACK_LINK_EXPIRING && link->end != SLACK_LINK_END_NONE;

        log_at(link->error[0] && state >= SLACK_LINK_CLOSING ? LOG_WARN : LOG_INFO, COMPONENT,
               "socket %llu: %s -> %s%s%s%s%s", (unsigned long long) link->id, state_names[old],
               state_names[state], why ? ": " : "", why ? end_names[link->end] : "",
               why && link->error[0] ? " " : "", why ? link->error : "");
        link->state = state;
        link->since_ms = loop_now_ms(link->context->loop);
        loop_timer_clear(link->deadline);
        if (state == SLACK_LINK_GREETING)
                loop_timer_set(link->deadline, t->hello_ms);
        else if (state == SLACK_LINK_DRAINING)
                loop_timer_set(link->deadline, t->drain_ms);
        else if (state == SLACK_LINK_CLOSING)
                loop_timer_set(link->deadline, t->close_ms);
        if (state == SLACK_LINK_LIVE)
                loop_timer_set(link->ping, t->ping_ms);
        else if (state >= SLACK_LINK_CLOSING)
                loop_timer_clear(link->ping);
        link->context->events->on_change(link->context->userdata, link, old, hello);
}

/* The way out. The first reason given counts, unless the new one forbids coming back. */
static void leave(SlackLink *link, SlackLinkEnd end, const char *error)
{
        if (link->state >= SLACK_LINK_CLOSING)
                return;
        if (link->end == SLACK_LINK_END_NONE || end >= SLACK_LINK_END_REFUSED) {
                link->end = end;
                snprintf(link->error, sizeof(link->error), "%s", error);
        }
        if (link->op)
                http_op_cancel(link->op);
        link->op = NULL;
        if (link->peer) {
                /* Also a connection that seems dead is told: what only breaks stays registered as a ghost. */
                ws_peer_close(link->peer, 1000, "");
                set_state(link, SLACK_LINK_CLOSING, NULL);
        } else
                set_state(link, SLACK_LINK_DEAD, NULL);
}

void slack_link_expire(SlackLink *link, SlackLinkEnd end)
{
        if (link->state != SLACK_LINK_LIVE)
                return;
        link->end = end;
        set_state(link, SLACK_LINK_EXPIRING, NULL);
}

static void expire(SlackLink *link, SlackLinkEnd end)
{
        if (link->state == SLACK_LINK_LIVE)
                slack_link_expire(link, end);
        else if (link->state < SLACK_LINK_LIVE)
                leave(link, SLACK_LINK_END_CLOSED, "refreshed_before_hello");
}

static void on_deadline(void *userdata)
{
        SlackLink *link = userdata;

        switch (link->state) {
        case SLACK_LINK_GREETING: leave(link, SLACK_LINK_END_HELLO, "no_hello"); break;
        case SLACK_LINK_LIVE: expire(link, SLACK_LINK_END_AGE); break;
        case SLACK_LINK_DRAINING: leave(link, SLACK_LINK_END_STOPPED, ""); break;
        case SLACK_LINK_CLOSING:
                ws_peer_abort(link->peer);
                link->peer = NULL;
                set_state(link, SLACK_LINK_DEAD, NULL);
                break;
        default: break;
        }
}

static void on_ping_due(void *userdata)
{
        SlackLink *link = userdata;
        const SlackSocketTiming *t = &link->context->timing;
        int64_t now_ms = loop_now_ms(link->context->loop);

        if (link->nonce[0] && !link->is_doubtful) {
                /* After a suspend, or a stall of this process, the answer may be waiting in the kernel, and
                 * timers run before sockets are read: look once more. */
                link->is_doubtful = true;
                loop_timer_set(link->ping, t->ping_ms / 4);
                return;
        }
        if (link->nonce[0]) {
                leave(link, SLACK_LINK_END_PING, "ping_unanswered");
                return;
        }
        link->is_doubtful = false;
        if (now_ms - ws_peer_last_heard_ms(link->peer) >= t->silent_ms) {
                leave(link, SLACK_LINK_END_SILENT, "silent");
                return;
        }
        snprintf(link->nonce, sizeof(link->nonce), "%016llx", (unsigned long long) random_u64());
        ws_peer_send_ping(link->peer, link->nonce, strlen(link->nonce));
        loop_timer_set(link->ping, t->ping_ms);
}

static void on_disconnect(SlackLink *link, const SlackFrame *f)
{
        log_info(COMPONENT, "socket %llu: Slack disconnects: %s", (unsigned long long) link->id, f->reason);
        switch (f->disconnect) {
        case SLACK_DISCONNECT_WARNING: expire(link, SLACK_LINK_END_WARNING); break;
        case SLACK_DISCONNECT_REFRESH: expire(link, SLACK_LINK_END_REFRESH); break;
        case SLACK_DISCONNECT_LINK_DISABLED: leave(link, SLACK_LINK_END_DISABLED, "link_disabled"); break;
        case SLACK_DISCONNECT_TOO_MANY: leave(link, SLACK_LINK_END_TOO_MANY, "too_many_websockets"); break;
        }
}

static void on_text(void *userdata, const char *text, size_t n_bytes)
{
        SlackLink *link = userdata;
        const SlackLinkContext *c = link->context;
        SlackFrame *f = &link->frame;

        slack_frame_parse(text, n_bytes, f);
        switch (f->type) {
        case SLACK_FRAME_HELLO:
                if (link->state != SLACK_LINK_GREETING)
                        break;
                snprintf(link->host, sizeof(link->host), "%s", f->host);
                set_state(link, SLACK_LINK_LIVE, f);
                break;
        case SLACK_FRAME_DISCONNECT: on_disconnect(link, f); break;
        case SLACK_FRAME_ENVELOPE:
                /* In every state: a click that arrives on a closing socket is as good as any other, and may
                 * be acknowledged on the next one. */
                f->envelope.socket = link->id;
                link->n_envelopes++;
                c->events->on_envelope(c->userdata, link, &f->envelope);
                break;
        case SLACK_FRAME_UNKNOWN:
        case SLACK_FRAME_MALFORMED: c->events->on_bad_frame(c->userdata, link, f->bad, f->why); break;
        }
}

static void on_pong(void *userdata, const uint8_t *data, size_t n_bytes)
{
        SlackLink *link = userdata;

        if (link->nonce[0] && n_bytes == strlen(link->nonce) && memcmp(data, link->nonce, n_bytes) == 0)
                link->nonce[0] = 0;
}

static void on_end(void *userdata, unsigned code, const char *reason)
{
        SlackLink *link = userdata;
        const SlackLinkContext *c = link->context;
        char error[sizeof(link->error)];

        link->peer = NULL;
        log_info(COMPONENT, "socket %llu: the connection ended with code %u%s%.100s",
                 (unsigned long long) link->id, code, str_empty(reason) ? "" : ": ",
                 str_empty(reason) ? "" : reason);
        if (link->state == SLACK_LINK_CLOSING) {
                set_state(link, SLACK_LINK_DEAD, NULL);
                return;
        }
        if (code == 1009)
                c->events->on_bad_frame(c->userdata, link, SLACK_BAD_OVERSIZED, "a message over 16 MiB");
        snprintf(error, sizeof(error), "closed_%u", code);
        /* A link that was told to go, and is ended by Slack before us, did not fail. */
        if (link->state == SLACK_LINK_EXPIRING || link->state == SLACK_LINK_DRAINING)
                set_state(link, SLACK_LINK_DEAD, NULL);
        else
                leave(link, code == 1009 ? SLACK_LINK_END_OVERSIZED : SLACK_LINK_END_CLOSED, error);
}

static const WsPeerEvents peer_events = {.on_text = on_text, .on_pong = on_pong, .on_end = on_end};

static void on_dialed(void *userdata, const WsDialResult *result)
{
        SlackLink *link = userdata;
        char error[sizeof(link->error)] = "unreachable";

        link->op = NULL;
        if (result->fault < 0 || !result->peer) {
                log_warn(COMPONENT, "socket %llu: no WebSocket (status %u): %s",
                         (unsigned long long) link->id, result->status, result->error ? result->error : "");
                if (result->status)
                        snprintf(error, sizeof(error), "http_%u", result->status);
                link->retry_after_ms = result->retry_after_ms;
                leave(link, SLACK_LINK_END_DIAL, error);
                return;
        }
        link->peer = result->peer;
        ws_peer_set_events(link->peer, &peer_events, link);
        set_state(link, SLACK_LINK_GREETING, NULL);
}

static void dial(SlackLink *link, const char *url)
{
        const SlackLinkContext *c = link->context;
        int r;

        /* An API over TLS hands out no address in the clear; whoever changes that is not Slack. */
        if (!str_starts_with(url, "wss://") &&
            (str_starts_with(c->api_url, "https://") || !str_starts_with(url, "ws://"))) {
                leave(link, SLACK_LINK_END_OPEN, "bad_url");
                return;
        }
        set_state(link, SLACK_LINK_DIALING, NULL);
        r = ws_dial(c->http, url, NULL, SLACK_MESSAGE_MAX_BYTES, c->timing.connect_ms, on_dialed, link,
                    &link->op);
        if (r < 0) {
                log_fault(r, COMPONENT, "dialing");
                leave(link, SLACK_LINK_END_DIAL, "bad_url");
        }
}

/* https://docs.slack.dev/reference/methods/apps.connections.open; the address is good for one connection. */
static void on_opened(void *userdata, const HttpResult *http)
{
        SlackLink *link = userdata;
        _cleanup_json_ json_t *body = NULL;
        char error[sizeof(link->error)];
        const char *code;

        link->op = NULL;
        if (http->fault < 0) {
                log_warn(COMPONENT, "socket %llu: apps.connections.open: %s", (unsigned long long) link->id,
                         http->error ? http->error : "no answer");
                leave(link, SLACK_LINK_END_OPEN, http->sent ? "no_answer" : "unreachable");
                return;
        }
        link->retry_after_ms = http->retry_after_ms;
        body = json_parse(http->body, http->n_body, NULL);
        if (http->status == 200 && json_bool(body, "ok") && json_str(body, "url")) {
                link->retry_after_ms = -1;
                dial(link, json_str(body, "url"));
                return;
        }
        code = json_str(body, "error");
        snprintf(error, sizeof(error), "http_%u", http->status);
        if (!code && http->status == 200)
                snprintf(error, sizeof(error), "bad_answer");
        leave(link,
              code && http->status != 429 && slack_web_classify(code) == SLACK_WEB_ERROR
                      ? SLACK_LINK_END_REFUSED
                      : SLACK_LINK_END_OPEN,
              code ? code : error);
}

SlackLink *slack_link_new(const SlackLinkContext *c, uint64_t id)
{
        SlackLink *link = mem_new(SlackLink);

        link->context = c;
        link->id = id;
        link->retry_after_ms = -1;
        link->since_ms = loop_now_ms(c->loop);
        link->deadline = loop_timer_new(c->loop, on_deadline, link);
        link->ping = loop_timer_new(c->loop, on_ping_due, link);
        return link;
}

void slack_link_start(SlackLink *link)
{
        const SlackLinkContext *c = link->context;
        _cleanup_free_ char *url = mem_printf("%sapps.connections.open", c->api_url);
        /* The token must be in the header; as a parameter it is refused. */
        _cleanup_free_ char *authorization =
                mem_printf("Authorization: Bearer %s", secret_reveal(c->app_token));
        const char *headers[] = {authorization, "Content-Type: application/x-www-form-urlencoded", NULL};
        int r;

        log_info(COMPONENT, "socket %llu: opening", (unsigned long long) link->id);
        r = http_client_send(c->http,
                             &(HttpCall){.method = "POST",
                                         .url = url,
                                         .headers = headers,
                                         .body = "",
                                         .timeout_ms = c->timing.connect_ms,
                                         .max_response_bytes = ANSWER_MAX_BYTES},
                             on_opened, link, &link->op);
        explicit_bzero(authorization, strlen(authorization));
        if (r < 0) {
                log_fault(r, COMPONENT, "apps.connections.open");
                leave(link, SLACK_LINK_END_OPEN, "unreachable");
        }
}

void slack_link_free(SlackLink *link)
{
        if (!link)
                return;
        if (link->op)
                http_op_cancel(link->op);
        ws_peer_abort(link->peer);
        loop_timer_free(link->deadline);
        loop_timer_free(link->ping);
        free(link);
}

void slack_link_expire_after(SlackLink *link, int64_t after_ms)
{
        if (link->state != SLACK_LINK_LIVE)
                return;
        link->expires_ms = loop_now_ms(link->context->loop) + after_ms;
        loop_timer_set(link->deadline, after_ms);
}

void slack_link_drain(SlackLink *link)
{
        if (link->state != SLACK_LINK_LIVE && link->state != SLACK_LINK_EXPIRING)
                return;
        if (link->end == SLACK_LINK_END_NONE)
                link->end = SLACK_LINK_END_STOPPED;
        set_state(link, SLACK_LINK_DRAINING, NULL);
}

void slack_link_close(SlackLink *link)
{
        leave(link, SLACK_LINK_END_STOPPED, "");
}

bool slack_link_send(SlackLink *link, const char *text, size_t n_bytes)
{
        if (!link->peer || (!has_greeted(link) && link->state != SLACK_LINK_GREETING))
                return false;
        if (ws_peer_queued_bytes(link->peer) > QUEUED_MAX_BYTES) {
                leave(link, SLACK_LINK_END_STUCK, "stuck");
                return false;
        }
        ws_peer_send_text(link->peer, text, n_bytes);
        return true;
}

uint64_t slack_link_id(const SlackLink *link)
{
        return link->id;
}

SlackLinkState slack_link_state(const SlackLink *link)
{
        return link->state;
}

SlackLinkEnd slack_link_end(const SlackLink *link)
{
        return link->end;
}

const char *slack_link_error(const SlackLink *link)
{
        return link->error;
}

int64_t slack_link_retry_after_ms(const SlackLink *link)
{
        return link->retry_after_ms;
}

int64_t slack_link_expires_ms(const SlackLink *link)
{
        return link->expires_ms;
}

json_t *slack_link_health(const SlackLink *link)
{
        int64_t now_ms = loop_now_ms(link->context->loop);

        return json_pack("{s:I, s:s, s:I, s:o, s:I, s:s}", "id", (json_int_t) link->id, "state",
                         state_names[link->state], "since_ms", (json_int_t) (now_ms - link->since_ms),
                         "last_heard_ms",
                         link->peer ? json_integer(now_ms - ws_peer_last_heard_ms(link->peer)) : json_null(),
                         "envelopes", (json_int_t) link->n_envelopes, "host", link->host);
}
