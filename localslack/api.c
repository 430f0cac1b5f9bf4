#include "api.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include <openssl/evp.h>

#include "args.h"
#include "base/clock.h"
#include "base/digest.h"
#include "faults.h"
#include "problems.h"
#include "tcp.h"

json_t *api_ok(void)
{
        return json_pack("{s:b}", "ok", 1);
}

json_t *api_error(const char *error)
{
        return json_pack("{s:b,s:s}", "ok", 0, "error", error);
}

json_t *api_invalid_arguments(const char *format, ...)
{
        char text[256];
        va_list ap;

        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        return api_invalid_list("invalid_arguments", json_pack("[s]", text));
}

json_t *api_invalid_list(const char *error, json_t *errors)
{
        json_t *answer = api_error(error), *messages = json_array(), *item;
        size_t i;

        json_array_foreach (errors, i, item)
                json_array_append_new(messages, json_sprintf("[ERROR] %s", json_string_value(item)));
        json_object_set_new(answer, "response_metadata", json_pack("{s:o}", "messages", messages));
        json_decref(errors);
        return answer;
}

void api_add_warning(json_t *answer, const char *warning)
{
        const char *before = json_str(answer, "warning");
        _cleanup_free_ char *both = before ? mem_printf("%s,%s", before, warning) : mem_strdup(warning);
        json_t *meta = json_object_get(answer, "response_metadata"), *list;

        json_put_str(answer, "warning", both);
        if (!meta) {
                meta = json_object();
                json_object_set_new(answer, "response_metadata", meta);
        }
        list = json_object_get(meta, "warnings");
        if (!list) {
                list = json_array();
                json_object_set_new(meta, "warnings", list);
        }
        json_array_append_new(list, json_string(warning));
}

char *api_base_url(const HttpRequest *req)
{
        const char *host = http_request_header(req, "Host");
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";

        if (str_empty(host) || strlen(host) > 255 || host[strspn(host, allowed)])
                host = "127.0.0.1";
        return mem_printf("http://%s", host);
}

/* --- pages --- */

/* Opaque to clients: base64 of "next:17" or "next_ts:1700000000.000100". Owned text, or NULL. */
static char *open_cursor(const char *cursor)
{
        size_t n_cursor = strlen(cursor);
        char *text;
        int n_text;

        if (n_cursor == 0 || n_cursor % 4 || n_cursor > 64)
                return NULL;
        text = mem_zalloc(n_cursor + 1);
        n_text = EVP_DecodeBlock((unsigned char *) text, (const unsigned char *) cursor, (int) n_cursor);
        if (n_text > 0)
                return text;
        free(text);
        return NULL;
}

static bool decode_cursor(const char *cursor, size_t n, size_t *ret_from)
{
        _cleanup_free_ char *text = open_cursor(cursor);
        unsigned long long from;
        char end;

        if (!text || sscanf(text, "next:%llu%c", &from, &end) != 1 || from > n)
                return false;
        *ret_from = (size_t) from;
        return true;
}

bool api_decode_ts_cursor(const char *cursor, char ret[STATE_TS_SIZE])
{
        static const char prefix[] = "next_ts:";
        _cleanup_free_ char *text = open_cursor(cursor);

        if (!text || !str_starts_with(text, prefix) || !state_ts_valid(text + strlen(prefix)))
                return false;
        memcpy(ret, text + strlen(prefix), STATE_TS_SIZE);
        return true;
}

static void put_cursor(json_t *answer, const char *text)
{
        _cleanup_free_ char *cursor = *text ? base64_encode(text, strlen(text)) : mem_strdup("");
        json_t *meta = json_object_get(answer, "response_metadata");

        if (!meta) {
                meta = json_object();
                json_object_set_new(answer, "response_metadata", meta);
        }
        json_put_str(meta, "next_cursor", cursor);
}

void api_put_ts_cursor(json_t *answer, const char *ts)
{
        _cleanup_free_ char *text = mem_printf("next_ts:%s", ts);

        put_cursor(answer, text);
}

bool api_page(const ApiCall *c, size_t n, size_t limit_default, size_t limit_max, ApiPage *ret,
              const char **ret_error)
{
        const char *cursor = arg_str(c->args, "cursor");
        bool given = json_object_get(c->args, "limit") && !str_equal(arg_str(c->args, "limit"), "");
        int64_t limit = arg_int(c->args, "limit", given ? -1 : 0);

        *ret = (ApiPage){0};
        if (!str_empty(cursor) && !decode_cursor(cursor, n, &ret->from)) {
                *ret_error = "invalid_cursor";
                return false;
        }
        if (limit == 0)
                limit = (int64_t) limit_default;
        if (limit < 0 || limit > (int64_t) limit_max) {
                *ret_error = "invalid_limit";
                return false;
        }
        ret->to = MIN2(n, ret->from + (size_t) limit);
        ret->more = ret->to < n;
        return true;
}

void api_put_next_cursor(json_t *answer, const ApiPage *page)
{
        _cleanup_free_ char *text = page->more ? mem_printf("next:%zu", page->to) : mem_strdup("");

        put_cursor(answer, text);
}

Channel *api_find_channel(const ApiCall *c, const char *name, bool open)
{
        const char *text = arg_str(c->args, name);
        Channel *ch = state_find_channel(c->l->state, text);
        bool was_open;

        if (!ch && open && text && (*text == 'U' || *text == 'W') && state_find_user(c->l->state, text))
                ch = state_open_direct(c->l->state, (const char *[]){text, c->user_id}, 2, true, &was_open);
        /* What the caller is not in and cannot join does not exist for it. */
        if (ch && ch->kind != CHANNEL_PUBLIC && !channel_has_member(ch, c->user_id))
                return NULL;
        return ch;
}

Channel *api_need_channel(const ApiCall *c, const char *name)
{
        Channel *ch = api_find_channel(c, name, false);

        return ch && str_equal(ch->id, arg_str(c->args, name)) ? ch : NULL;
}

/* --- one call --- */

const ApiMethod *api_find_method(const char *name)
{
        const ApiMethods tables[] = {api_chat_methods(),     api_stream_methods(),
                                     api_agents_methods(),   api_agents_channels_methods(),
                                     api_schedule_methods(), api_conversations_methods(),
                                     api_channels_methods(), api_users_methods(),
                                     api_items_methods(),    api_misc_methods(),
                                     api_blocks_methods(),   api_views_methods(),
                                     api_files_methods(),    api_canvas_methods()};

        for (size_t t = 0; t < ELEMENTSOF(tables); t++)
                for (size_t i = 0; i < tables[t].n; i++)
                        if (str_equal(tables[t].rows[i].name, name))
                                return &tables[t].rows[i];
        return NULL;
}

static void record_call(Local *l, const char *method, const json_t *args, const char *response,
                        unsigned status, const Fault *fault)
{
        _cleanup_buf_ Buf line = {0};
        _cleanup_free_ char *args_text = json_dump(args);
        json_t *data;

        buf_printf(&line, "\"args\":%s,\"response\":%s,\"status\":%u,\"fault\":%s", args_text,
                   response ? response : "null", status, fault ? "true" : "false");
        record_ring_add(&l->calls, clock_realtime_ms(), method, buf_bytes(&line), buf_len(&line));
        if (feed_is_watched(l->feed)) {
                data = json_pack("{s:I,s:s,s:i}", "n", (json_int_t) l->calls.n_ever, "method", method,
                                 "status", (int) status);
                feed_emit(l->feed, "call", data);
        }
}

static void respond(HttpRequest *req, unsigned status, const ApiReply *reply, const char *text)
{
        char id[33], retry[24];
        HttpHeader headers[] = {{"Content-Type", "application/json; charset=utf-8"},
                                {"X-OAuth-Scopes", reply->granted_scopes},
                                {"X-Accepted-OAuth-Scopes", reply->accepted_scopes},
                                {"X-Slack-Req-Id", id},
                                {"Retry-After", retry}};

        snprintf(id, sizeof(id), "%016" PRIx64 "%016" PRIx64, random_u64(), random_u64());
        snprintf(retry, sizeof(retry), "%" PRId64, reply->retry_after_s);
        http_respond(req, status, headers, ELEMENTSOF(headers) - (reply->retry_after_s < 0), text,
                     strlen(text));
}

/* The answer that a fault gives instead of the method's; NULL when the method runs. */
static json_t *fault_answer(const Fault *f)
{
        switch (f->action) {
        case FAULT_HTTP_500_BEFORE:
        case FAULT_HTTP_STATUS: return api_error("internal_error");
        case FAULT_OK_FALSE: return api_error(f->error);
        case FAULT_RATE_LIMIT: return api_error("ratelimited");
        case FAULT_DROP_BEFORE: return json_null();
        default: return NULL;
        }
}

/* An answer that is ready, and kept back on request of a test: the effect comes in time, the answer late. */
typedef struct LateReply {
        LocalWait wait;
        LateAnswer *late;
        ApiReply reply;
        char *text;
        LoopTimer *timer;
} LateReply;

static void late_reply_free(LateReply *late)
{
        list_remove(&late->wait.link);
        loop_timer_free(late->timer);
        api_reply_deinit(&late->reply);
        free(late->text);
        free(late);
}

static void drop_late_reply(LocalWait *wait)
{
        LateReply *late = container_of(wait, LateReply, wait);

        late_answer_drop(late->late);
        late_reply_free(late);
}

static void on_late(void *userdata)
{
        LateReply *late = userdata;
        HttpRequest *http = late_answer_take(late->late);

        if (http)
                respond(http, 200, &late->reply, late->text);
        late_reply_free(late);
}

static void answer_later(Local *l, HttpRequest *http, ApiReply *reply, char *text /* stolen */,
                         int64_t delay_ms)
{
        LateReply *late = mem_new(LateReply);

        late->wait.drop = drop_late_reply;
        list_append(&l->waits, &late->wait.link);
        late->reply = *reply;
        *reply = (ApiReply){0};
        late->text = text;
        late->late = late_answer_new(http);
        late->timer = loop_timer_new(l->loop, on_late, late);
        loop_timer_set(late->timer, delay_ms);
}

static void answer_call(Local *l, HttpRequest *http, const char *method, const Fault *fault)
{
        _cleanup_free_ char *base_url = api_base_url(http), *text = NULL;
        ApiRequest req = {.method = method,
                          .is_get = str_equal(http_request_method(http), "GET"),
                          .authorization = http_request_header(http, "Authorization"),
                          .content_type = http_request_header(http, "Content-Type"),
                          .query = http_request_query(http),
                          .base_url = base_url};
        json_t *instead = fault ? fault_answer(fault) : NULL;
        _cleanup_(api_reply_deinit) ApiReply reply;
        unsigned status;

        req.body = http_request_body(http, &req.n_body);
        if (instead)
                api_run_instead(l, &req, instead, &reply);
        else
                api_run(l, &req, &reply);
        status = fault && fault->action != FAULT_NONE ? fault->status : reply.retry_after_s >= 0 ? 429 : 200;
        if (fault && fault->action == FAULT_RATE_LIMIT)
                reply.retry_after_s = fault->retry_after_s;
        text = json_dump(reply.answer);
        record_call(l, method, reply.args, text, status, fault);
        if (!fault)
                problems_note_answer(l, method, status, reply.answer);
        if (fault && fault->action == FAULT_DELAY_AFTER) {
                answer_later(l, http, &reply, take(text), fault->delay_ms);
                return;
        }
        if (fault && (fault->action == FAULT_DROP_BEFORE || fault->action == FAULT_DROP_RESPONSE_AFTER))
                tcp_hang_up(http_request_peer(http));
        else
                respond(http, status, &reply,
                        fault && fault->action == FAULT_HTTP_500_AFTER
                                ? "{\"ok\":false,\"error\":\"internal_error\"}"
                                : text);
}

typedef struct Delayed {
        LocalWait wait;
        Local *l;
        LateAnswer *late;
        Fault fault;
        char method[128];
        LoopTimer *timer;
} Delayed;

static void delayed_free(Delayed *d)
{
        list_remove(&d->wait.link);
        loop_timer_free(d->timer);
        free(d);
}

static void drop_delayed(LocalWait *wait)
{
        Delayed *d = container_of(wait, Delayed, wait);

        late_answer_drop(d->late);
        delayed_free(d);
}

static void on_delay_over(void *userdata)
{
        Delayed *d = userdata;
        HttpRequest *req = late_answer_take(d->late);

        if (req)
                answer_call(d->l, req, d->method, &d->fault);
        delayed_free(d);
}

void api_handle(Local *l, HttpRequest *req)
{
        const char *path = http_request_path(req);
        char method[128];
        Fault fault;
        Delayed *d;

        snprintf(method, sizeof(method), "%s", path + strlen("/api/"));
        if (!faults_take(l->faults, method, &fault)) {
                answer_call(l, req, method, NULL);
                return;
        }
        if (fault.delay_ms == 0 || fault.action == FAULT_DELAY_AFTER) {
                answer_call(l, req, method, &fault);
                return;
        }
        d = mem_new(Delayed);
        d->wait.drop = drop_delayed;
        list_append(&l->waits, &d->wait.link);
        d->l = l;
        d->fault = fault;
        memcpy(d->method, method, sizeof(method));
        d->late = late_answer_new(req);
        d->timer = loop_timer_new(l->loop, on_delay_over, d);
        loop_timer_set(d->timer, fault.delay_ms);
}
