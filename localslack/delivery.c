#include "delivery.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/heap.h"
#include "base/log.h"
#include "socketmode.h"

typedef struct Event {
        unsigned n_refs;
        char id[32];
        char envelope_id[UUID_SIZE]; /* the latest */
        char *payload;
        unsigned attempt; /* number of the delivery to come: 0 = the first */
        HeapNode retry;
} Event;

typedef struct Envelope {
        char id[UUID_SIZE];
        uint32_t slot;
        char type[16];
        Event *event; /* NULL for commands and clicks */
        DeliveryDone done;
        void *userdata;
        int64_t sent_us;
        const char *failure; /* what it means when the deadline passes */
        HeapNode deadline;
} Envelope;

struct Delivery {
        Local *local;
        Envelope **slots; /* the first 8 hex digits of an envelope_id are its slot: no search */
        uint32_t *free_slots;
        size_t n_slots, n_free, n_pending;
        Heap deadlines, retries;
        LoopTimer *timer;
        Event *kept[DELIVERY_EVENTS_KEPT];
        uint64_t n_events, n_acked, n_failed, n_retries, n_lost;
        Buf frame;
};

static const int64_t retry_after_ms[DELIVERY_RETRIES_MAX] = {0, 60000, 300000};

static void arm_timer(Delivery *d)
{
        const HeapNode *a = heap_min(&d->deadlines), *b = heap_min(&d->retries);
        int64_t now = loop_now_ms(d->local->loop), due;

        if (!a && !b) {
                loop_timer_clear(d->timer);
                return;
        }
        due = !a ? b->key : !b ? a->key : MIN2(a->key, b->key);
        loop_timer_set(d->timer, MAX2(due - now, 0));
}

static void event_unref(Event *e)
{
        if (!e || --e->n_refs > 0)
                return;
        free(e->payload);
        free(e);
}

static void record_outcome(Delivery *d, const char *id, const char *type, const Event *e, const char *outcome)
{
        json_t *line;

        if (!d->local->switches.record_frames)
                return;
        line = json_pack("{s:s,s:s,s:s}", "envelope_id", id, "type", type, "outcome", outcome);
        if (e) {
                json_put_str(line, "event_id", e->id);
                json_put_int(line, "attempt", e->attempt);
        }
        record_ring_add(&d->local->outcomes, clock_realtime_ms(), outcome, json_dump(line));
        feed_emit(d->local->feed, "envelope", line);
}

static void schedule_retry(Delivery *d, Event *e)
{
        double wait_ms;

        if (e->attempt >= DELIVERY_RETRIES_MAX) {
                d->n_lost++;
                record_outcome(d, e->envelope_id, "events_api", e, "lost");
                return;
        }
        wait_ms = (double) retry_after_ms[e->attempt++] * d->local->switches.retry_scale;
        if (e->retry.slot == 0) {
                e->n_refs++;
                heap_insert(&d->retries, &e->retry, loop_now_ms(d->local->loop) + (int64_t) wait_ms);
        }
}

/* Takes the envelope out of the books and frees it; its `done` has been called, or there is none to call. */
static void envelope_free(Delivery *d, Envelope *v)
{
        heap_remove(&d->deadlines, &v->deadline);
        d->slots[v->slot] = NULL;
        d->free_slots[d->n_free++] = v->slot;
        d->n_pending--;
        event_unref(v->event);
        free(v);
}

static void finish(Delivery *d, Envelope *v, const char *failure, const json_t *payload)
{
        DeliveryResult result = {.envelope_id = v->id,
                                 .failure = failure,
                                 .payload = payload,
                                 .ack_us = clock_monotonic_us() - v->sent_us};

        if (failure)
                d->n_failed++;
        else
                d->n_acked++;
        if (failure || feed_is_watched(d->local->feed))
                record_outcome(d, v->id, v->type, v->event, failure ? failure : "acked");
        if (failure && v->event)
                schedule_retry(d, v->event);
        if (v->done)
                v->done(v->userdata, &result);
        envelope_free(d, v);
}

static bool grow_slots(Delivery *d)
{
        size_t old = d->n_slots;

        if (old == DELIVERY_PENDING_MAX)
                return false;
        d->n_slots = old ? old * 2 : 256;
        d->slots = mem_resize(d->slots, d->n_slots * sizeof(Envelope *));
        d->free_slots = mem_resize(d->free_slots, d->n_slots * sizeof(uint32_t));
        for (size_t i = d->n_slots; i-- > old;) {
                d->slots[i] = NULL;
                d->free_slots[d->n_free++] = (uint32_t) i;
        }
        return true;
}

static Envelope *envelope_new(Delivery *d, const char *type)
{
        char uuid[UUID_SIZE];
        Envelope *v;

        if (d->n_free == 0 && !grow_slots(d))
                return NULL;
        v = mem_new(Envelope);
        v->slot = d->free_slots[--d->n_free];
        d->slots[v->slot] = v;
        d->n_pending++;
        uuid4(uuid);
        snprintf(v->id, sizeof(v->id), "%08" PRIx32 "%.28s", v->slot, uuid + 8);
        snprintf(v->type, sizeof(v->type), "%s", type);
        return v;
}

static void build_frame(Delivery *d, const char *envelope_id, const char *type, bool accepts_payload,
                        const Event *e, const char *payload)
{
        buf_clear(&d->frame);
        buf_printf(&d->frame, "{\"envelope_id\":\"%s\",\"type\":\"%s\",\"accepts_response_payload\":%s,",
                   envelope_id, type, accepts_payload ? "true" : "false");
        if (e)
                buf_printf(&d->frame, "\"retry_attempt\":%u,\"retry_reason\":\"%s\",", e->attempt,
                           e->attempt ? "timeout" : "");
        buf_append_str(&d->frame, "\"payload\":");
        buf_append_str(&d->frame, payload);
        buf_append_char(&d->frame, '}');
}

/* Sends the built frame; without a socket the envelope fails at once, but not inside this call. */
static void dispatch(Delivery *d, Envelope *v)
{
        int64_t wait_ms = d->local->switches.ack_timeout_ms;

        v->failure = "timeout";
        v->sent_us = clock_monotonic_us();
        if (!socketmode_send(d->local->sockets, buf_bytes(&d->frame), buf_len(&d->frame))) {
                v->failure = "no_socket";
                wait_ms = 0;
        }
        heap_insert(&d->deadlines, &v->deadline, loop_now_ms(d->local->loop) + wait_ms);
        if (heap_min(&d->deadlines) == &v->deadline)
                arm_timer(d);
}

const char *delivery_send(Delivery *d, const char *type, bool accepts_payload, const char *payload,
                          DeliveryDone done, void *userdata)
{
        Envelope *v = envelope_new(d, type);

        if (!v)
                return NULL;
        v->done = done;
        v->userdata = userdata;
        build_frame(d, v->id, type, accepts_payload, NULL, payload);
        dispatch(d, v);
        return v->id;
}

static void send_event(Delivery *d, Event *e)
{
        Envelope *v = envelope_new(d, "events_api");

        if (!v) {
                schedule_retry(d, e);
                arm_timer(d);
                return;
        }
        v->event = e;
        e->n_refs++;
        memcpy(e->envelope_id, v->id, sizeof(e->envelope_id));
        build_frame(d, v->id, "events_api", false, e, e->payload);
        dispatch(d, v);
}

const char *delivery_raise_payload(Delivery *d, const char *event_id, json_t *payload)
{
        Event *e = mem_new(Event), **slot = &d->kept[d->n_events++ % DELIVERY_EVENTS_KEPT];

        e->n_refs = 1;
        snprintf(e->id, sizeof(e->id), "%s", event_id);
        e->payload = json_dump(payload);
        json_decref(payload);
        event_unref(*slot);
        *slot = e;
        send_event(d, e);
        return e->id;
}

const char *delivery_raise(Delivery *d, json_t *event)
{
        _cleanup_free_ char *id = NULL, *bare = state_new_id(d->local->state, '0');
        json_t *payload = json_object(), *who;

        id = mem_printf("Ev%s", bare);
        json_put_str(payload, "token", "local-verification-token");
        json_put_str(payload, "team_id", TEAM_ID);
        json_put_str(payload, "context_team_id", TEAM_ID);
        json_object_set_new(payload, "context_enterprise_id", json_null());
        json_put_str(payload, "api_app_id", APP_ID);
        json_object_set_new(payload, "event", event);
        json_put_str(payload, "type", "event_callback");
        json_put_str(payload, "event_id", id);
        json_put_int(payload, "event_time", clock_realtime_ms() / 1000);
        who = json_pack("{s:n,s:s,s:s,s:b,s:b}", "enterprise_id", "team_id", TEAM_ID, "user_id", BOT_USER,
                        "is_bot", 1, "is_enterprise_install", 0);
        json_object_set_new(payload, "authorizations", json_pack("[o]", who));
        json_object_set_new(payload, "is_ext_shared_channel", json_false());
        json_object_set_new(payload, "event_context", json_pack("s+", "4-", id));
        return delivery_raise_payload(d, id, payload);
}

bool delivery_redeliver(Delivery *d, const char *id, bool same_envelope)
{
        for (size_t i = 0; i < DELIVERY_EVENTS_KEPT; i++) {
                Event *e = d->kept[i];

                if (!e || (!str_equal(e->id, id) && !str_equal(e->envelope_id, id)))
                        continue;
                if (!same_envelope) {
                        send_event(d, e);
                        return true;
                }
                build_frame(d, e->envelope_id, "events_api", false, e, e->payload);
                return socketmode_send(d->local->sockets, buf_bytes(&d->frame), buf_len(&d->frame));
        }
        return false;
}

void delivery_on_frame(Delivery *d, const char *text, size_t n_bytes)
{
        _cleanup_json_ json_t *ack = json_parse(text, n_bytes, NULL);
        const char *id = json_str(ack, "envelope_id");
        const json_t *payload = json_object_get(ack, "payload");
        unsigned long slot;

        if (!id || strlen(id) != UUID_SIZE - 1)
                return;
        slot = strtoul((char[9]){id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], 0}, NULL, 16);
        /* An unknown or a second acknowledgement is ignored, as by Slack (check 6). */
        if (slot < d->n_slots && d->slots[slot] && str_equal(d->slots[slot]->id, id))
                finish(d, d->slots[slot], NULL, payload);
}

static void on_timer(void *userdata)
{
        Delivery *d = userdata;
        int64_t now = loop_now_ms(d->local->loop);
        HeapNode *node;

        while ((node = heap_min(&d->deadlines)) && node->key <= now) {
                Envelope *v = container_of(node, Envelope, deadline);

                finish(d, v, v->failure, NULL);
        }
        /* Retries with a wait of 0 s come due here as well; a retry that fails again at once waits for the
         * next pass, so this ends. */
        for (size_t n = d->retries.n; n > 0 && (node = heap_min(&d->retries)) && node->key <= now; n--) {
                Event *e = container_of(node, Event, retry);

                heap_remove(&d->retries, node);
                d->n_retries++;
                send_event(d, e);
                event_unref(e);
        }
        arm_timer(d);
}

Delivery *delivery_new(Local *l)
{
        Delivery *d = mem_new(Delivery);

        d->local = l;
        d->timer = loop_timer_new(l->loop, on_timer, d);
        return d;
}

void delivery_reset(Delivery *d)
{
        HeapNode *node;

        for (size_t i = 0; i < DELIVERY_EVENTS_KEPT; i++) {
                event_unref(d->kept[i]);
                d->kept[i] = NULL;
        }
        for (size_t i = 0; i < d->n_slots; i++)
                if (d->slots[i] && d->slots[i]->event)
                        envelope_free(d, d->slots[i]);
                else if (d->slots[i])
                        finish(d, d->slots[i], "reset", NULL);
        while ((node = heap_min(&d->retries))) {
                heap_remove(&d->retries, node);
                event_unref(container_of(node, Event, retry));
        }
        arm_timer(d);
}

void delivery_free(Delivery *d)
{
        if (!d)
                return;
        for (size_t i = 0; i < d->n_slots; i++)
                if (d->slots[i])
                        envelope_free(d, d->slots[i]);
        delivery_reset(d);
        heap_deinit(&d->deadlines);
        heap_deinit(&d->retries);
        loop_timer_free(d->timer);
        buf_deinit(&d->frame);
        free(d->slots);
        free(d->free_slots);
        free(d);
}

json_t *delivery_counts(const Delivery *d)
{
        return json_pack("{s:I,s:I,s:I,s:I,s:I}", "pending", (json_int_t) d->n_pending, "acked",
                         (json_int_t) d->n_acked, "failed", (json_int_t) d->n_failed, "retries",
                         (json_int_t) d->n_retries, "lost", (json_int_t) d->n_lost);
}
