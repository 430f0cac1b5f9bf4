/* The payload is built once and only its identifiers change: what is measured is the app, not this program.
 * The identifiers keep their length, so they are written over the template in place. */
#include "bench.h"

#include <stdio.h>

#include "base/clock.h"
#include "delivery.h"
#include "http-delivery.h"
#include "interact.h"
#include "messages.h"
#include "richtext.h"
#include "socketmode.h"

#define ENVELOPES_MAX 5000000
#define WINDOW_MAX    10000
#define BATCH_MAX     256
#define MARK          "EvBENCH00000"
#define MARK_TS       "1500000000.000000"

struct Bench {
        Local *local;
        const char *type; /* of the envelope */
        bool accepts_payload, running;
        bool recorded; /* the switch before the run; "record": false leaves the frames of a load out */
        char *payload;
        char *id_at[4], *ts_at[8]; /* places in `payload` that change */
        size_t n_ids, n_ts;
        uint64_t total, window, sent, acked, failed;
        double rate; /* per second; 0 = as fast as the window allows */
        int64_t started_us, ended_us;
        uint32_t *latencies_us;
        LoopTimer *timer;
        bool deferred;
        uint64_t generation; /* late acknowledgements of a stopped run do not count for the next */
};

typedef struct Shot {
        Bench *bench;
        uint64_t generation;
} Shot;

static void pump(Bench *b);

static void on_pump(void *userdata)
{
        Bench *b = userdata;

        b->deferred = false;
        if (b->running)
                pump(b);
}

static void pump_soon(Bench *b)
{
        if (!b->deferred) {
                b->deferred = true;
                loop_defer(b->local->loop, on_pump, b);
        }
}

static void end_run(Bench *b)
{
        b->running = false;
        b->ended_us = clock_monotonic_us();
        loop_timer_clear(b->timer);
        b->local->switches.record_frames = b->recorded;
        feed_emit(b->local->feed, "bench", bench_report(b));
}

static void on_done(void *userdata, const DeliveryResult *r)
{
        Shot *shot = userdata;
        Bench *b = shot->bench;
        bool counts = b->running && shot->generation == b->generation;

        free(shot);
        if (!counts)
                return;
        if (r->failure)
                b->failed++;
        else
                b->latencies_us[b->acked++] = (uint32_t) MIN2(r->ack_us, (int64_t) UINT32_MAX);
        if (b->acked + b->failed == b->total)
                end_run(b);
        else
                pump_soon(b);
}

/* Fresh identifiers of the same length: event_id, and a ts that grows with the number. */
static void stamp(Bench *b)
{
        char text[32];

        snprintf(text, sizeof(text), "EvB%09llu", (unsigned long long) (b->sent % 1000000000));
        for (size_t i = 0; i < b->n_ids; i++)
                memcpy(b->id_at[i], text, strlen(MARK));
        snprintf(text, sizeof(text), "%010llu.%06llu",
                 1500000000ull + b->sent / 1000000 + b->generation * 100,
                 (unsigned long long) (b->sent % 1000000));
        for (size_t i = 0; i < b->n_ts; i++)
                memcpy(b->ts_at[i], text, strlen(MARK_TS));
}

static void pump(Bench *b)
{
        uint64_t due = b->total;

        if (b->rate > 0) {
                due = MIN2(b->total,
                           (uint64_t) ((double) (clock_monotonic_us() - b->started_us) / 1e6 * b->rate) + 1);
                if (due < b->total && !loop_timer_is_set(b->timer))
                        loop_timer_set(b->timer, MAX2((int64_t) (1000.0 / b->rate), 1));
        }
        for (unsigned n = 0; n < BATCH_MAX && b->sent < due && b->sent - b->acked - b->failed < b->window;
             n++) {
                Shot *shot = mem_new(Shot);

                *shot = (Shot){.bench = b, .generation = b->generation};
                stamp(b);
                b->sent++;
                if (!delivery_send(b->local->delivery, b->type, b->accepts_payload, b->payload, on_done,
                                   shot)) {
                        free(shot);
                        b->failed++;
                }
        }
        if (b->sent < due && b->sent - b->acked - b->failed < b->window)
                pump_soon(b);
}

Bench *bench_new(Local *l)
{
        Bench *b = mem_new(Bench);

        b->local = l;
        b->timer = loop_timer_new(l->loop, on_pump, b);
        return b;
}

void bench_stop(Bench *b)
{
        if (b->running)
                end_run(b);
        b->generation++;
}

void bench_free(Bench *b)
{
        if (!b)
                return;
        loop_timer_free(b->timer);
        free(b->payload);
        free(b->latencies_us);
        free(b);
}

static void find_marks(Bench *b)
{
        b->n_ids = b->n_ts = 0;
        for (char *p = b->payload; (p = strstr(p, MARK)) && b->n_ids < ELEMENTSOF(b->id_at);
             p += strlen(MARK))
                b->id_at[b->n_ids++] = p;
        for (char *p = b->payload; (p = strstr(p, MARK_TS)) && b->n_ts < ELEMENTSOF(b->ts_at);
             p += strlen(MARK_TS))
                b->ts_at[b->n_ts++] = p;
}

/* A person's message as an event payload; the message itself is not stored. */
static char *message_payload(const Channel *ch, const User *user, const char *text, const char *type)
{
        json_t *event =
                json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:o}", "type", type, "user", user->id, "text",
                          text, "ts", MARK_TS, "event_ts", MARK_TS, "team", TEAM_ID, "channel", ch->id,
                          "channel_type", channel_type_name(ch), "blocks", richtext_from_mrkdwn(text));
        json_t *who = json_pack("{s:n,s:s,s:s,s:b,s:b}", "enterprise_id", "team_id", TEAM_ID, "user_id",
                                BOT_USER, "is_bot", 1, "is_enterprise_install", 0);
        json_t *payload =
                json_pack("{s:s,s:s,s:s,s:o,s:s,s:s,s:I,s:[o],s:b,s:s}", "token", "local-verification-token",
                          "team_id", TEAM_ID, "api_app_id", APP_ID, "event", event, "type", "event_callback",
                          "event_id", MARK, "event_time", (json_int_t) (clock_realtime_ms() / 1000),
                          "authorizations", who, "is_ext_shared_channel", 0, "event_context", "4-bench");
        char *out = json_dump(payload);

        json_decref(payload);
        return out;
}

static char *command_payload(const Local *l, const char *base_url, const Channel *ch, const User *user,
                             const char *text)
{
        _cleanup_free_ char *url = mem_printf("%s/commands/%s/bench", base_url, TEAM_ID);
        json_t *payload = json_pack(
                "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "token", "local-verification-token",
                "team_id", TEAM_ID, "team_domain", "localslack", "channel_id", ch->id, "channel_name",
                ch->name ? ch->name : "directmessage", "user_id", user->id, "user_name", user->name,
                "command", l->options->slash_commands[0], "text", text, "api_app_id", APP_ID,
                "is_enterprise_install", "false", "response_url", url, "trigger_id", MARK);
        char *out = json_dump(payload);

        json_decref(payload);
        return out;
}

static char *build_payload(Bench *b, const char *base_url, const json_t *in, char **ret_error)
{
        const char *kind = json_str_or(in, "kind", "message"), *text = json_str_or(in, "text", "hello");
        const Channel *ch = state_find_channel(b->local->state, json_str_or(in, "channel", "general"));
        const User *user = state_find_user(b->local->state, json_str_or(in, "user", "ann"));

        b->type = "events_api";
        b->accepts_payload = false;
        if (!ch || !user) {
                *ret_error = mem_strdup("no such channel or user");
                return NULL;
        }
        if (str_equal(kind, "message"))
                return message_payload(ch, user, text, "message");
        if (str_equal(kind, "mention"))
                return message_payload(ch, user, text, "app_mention");
        if (str_equal(kind, "command")) {
                b->type = "slash_commands";
                b->accepts_payload = true;
                return command_payload(b->local, base_url, ch, user, text);
        }
        b->type = "interactive";
        if (str_equal(kind, "action"))
                return interact_block_actions(b->local, base_url, in, ret_error);
        *ret_error = mem_strdup("kind must be message, mention, command or action");
        return NULL;
}

static bool app_is_there(const Local *l)
{
        bool found = socketmode_count_live(l->sockets) > 0;

        for (unsigned kind = 0; kind < HTTP_N_KINDS; kind++)
                found |= http_delivery_takes(l->http, (HttpKind) kind);
        return found;
}

char *bench_start(Bench *b, const char *base_url, const json_t *in)
{
        int64_t total = json_int(in, "envelopes", 1000), window = json_int(in, "window", 100);
        const json_t *rate = json_object_get(in, "rate");
        char *error = NULL, *payload;

        if (b->running)
                return mem_strdup("a run is under way");
        if (total < 1 || total > ENVELOPES_MAX || window < 1 || window > WINDOW_MAX)
                return mem_strdup("envelopes or window is out of range");
        if (!app_is_there(b->local))
                return mem_strdup("no socket is up, and no address is set");
        payload = build_payload(b, base_url, in, &error);
        if (!payload)
                return error;
        free(b->payload);
        b->payload = payload;
        find_marks(b);
        free(b->latencies_us);
        b->latencies_us = mem_alloc((size_t) total * sizeof(uint32_t));
        b->total = (uint64_t) total;
        b->window = (uint64_t) window;
        b->rate = json_is_number(rate) && json_number_value(rate) > 0 ? json_number_value(rate) : 0;
        b->sent = b->acked = b->failed = 0;
        b->generation++;
        b->running = true;
        b->recorded = b->local->switches.record_frames;
        b->local->switches.record_frames = b->recorded && !json_is_false(json_object_get(in, "record"));
        b->started_us = clock_monotonic_us();
        pump_soon(b);
        return NULL;
}

static int compare(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

        return (x > y) - (x < y);
}

json_t *bench_report(const Bench *b)
{
        double seconds = (double) ((b->running ? clock_monotonic_us() : b->ended_us) - b->started_us) / 1e6;
        json_t *out = json_pack("{s:b,s:I,s:I,s:I,s:f}", "running", b->running, "sent", (json_int_t) b->sent,
                                "acked", (json_int_t) b->acked, "failed", (json_int_t) b->failed, "seconds",
                                seconds);

        if (b->acked > 0 && !b->running) {
                qsort(b->latencies_us, b->acked, sizeof(uint32_t), compare);
                json_put_int(out, "p50_us", b->latencies_us[b->acked / 2]);
                json_put_int(out, "p99_us", b->latencies_us[b->acked * 99 / 100]);
                json_put_int(out, "max_us", b->latencies_us[b->acked - 1]);
        }
        json_object_set_new(out, "per_second", json_real(seconds > 0 ? (double) b->acked / seconds : 0));
        return out;
}
