#include "delivery.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/heap.h"
#include "base/log.h"
#include "faults.h"
#include "http-delivery.h"
#include "problems.h"
#include "socketmode.h"

#define LATE_KEPT 64   /* envelopes whose time is over; their acknowledgements are told to be late */
#define HELD_MAX  4096 /* envelopes that a fault holds back; beyond it they go at once */

typedef struct Event {
        unsigned n_refs;
        char id[32];
        char envelope_id[UUID_SIZE]; /* the latest */
        char *payload;
        unsigned attempt;         /* number of the delivery to come: 0 = the first */
        const char *retry_reason; /* of the delivery to come (static) */
        bool is_final;            /* the app asked for no more */
        HeapNode retry;
} Event;

typedef struct Envelope {
        Delivery *owner;
        char id[UUID_SIZE];
        uint32_t slot;
        char type[16];
        Event *event; /* NULL for commands and clicks */
        DeliveryDone done;
        void *userdata;
        int64_t sent_us;
        const char *failure; /* what it means when the deadline passes */
        HeapNode deadline;
        HttpPost *post;   /* under way by HTTP */
        bool is_copy;     /* made by a fault: its fate is nobody's business */
        bool is_ack_lost; /* on request: its acknowledgement shall not arrive */
        int64_t socket;   /* that it went to; 0 = by HTTP, or nowhere */
} Envelope;

/* A frame that a fault holds back. The envelope may be gone when it comes out. */
typedef struct Held {
        Delivery *owner;
        char envelope_id[UUID_SIZE];
        char *frame;
        size_t n_frame, payload_at;
        LoopTimer *timer; /* NULL: waits for others, to be shuffled with them */
        List link;
} Held;

struct Delivery {
        Local *local;
        Envelope **slots; /* the first 8 hex digits of an envelope_id are its slot: no search */
        uint32_t *free_slots;
        size_t n_slots, n_free, n_pending;
        Heap deadlines, retries;
        LoopTimer *timer;
        Event *kept[DELIVERY_EVENTS_KEPT];
        uint64_t n_events, n_acked, n_failed, n_retries, n_lost;
        uint64_t n_limited;
        int64_t hour_started_ms, limited_minute; /* of events_per_hour */
        int64_t n_in_hour;
        Buf frame;         /* the envelope being built, */
        size_t payload_at; /* where its payload begins, */
        List held, shuffled;
        size_t n_held, n_shuffled, window;
        struct {
                char id[UUID_SIZE];
                int64_t since_ms;
        } late[LATE_KEPT];
        uint64_t n_late;
        LoopTimer *shuffle_timer;
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
        _cleanup_free_ char *text = NULL;
        json_t *line;

        if (!d->local->switches.record_frames)
                return;
        line = json_pack("{s:s,s:s,s:s}", "envelope_id", id, "type", type, "outcome", outcome);
        if (e) {
                json_put_str(line, "event_id", e->id);
                json_put_int(line, "attempt", e->attempt);
        }
        text = json_dump(line);
        record_ring_add(&d->local->outcomes, clock_realtime_ms(), outcome, text, strlen(text));
        feed_emit(d->local->feed, "envelope", line);
}

static void schedule_retry(Delivery *d, Event *e)
{
        double wait_ms;

        if (e->attempt >= DELIVERY_RETRIES_MAX || e->is_final) {
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
        http_delivery_cancel(take(v->post));
        d->slots[v->slot] = NULL;
        d->free_slots[d->n_free++] = v->slot;
        d->n_pending--;
        event_unref(v->event);
        free(v);
}

/* In the words of reference §1.10. */
static const char *retry_reason(const Envelope *v, const char *failure)
{
        if (v->socket != 0 || str_equal(failure, "no_socket"))
                return "timeout";
        if (str_equal(failure, "timeout"))
                return "http_timeout";
        if (str_equal(failure, "not_verified") || str_equal(failure, "disabled"))
                return "connection_failed";
        return str_equal(failure, "too_many_requests") ? "unknown_error" : failure;
}

/* The app had it, and let the time pass: said in plain words, now and when the acknowledgement comes at last.
 */
static void note_unanswered(Delivery *d, const Envelope *v)
{
        size_t i = (size_t) (d->n_late++ % LATE_KEPT);
        _cleanup_free_ char *what =
                mem_printf("An envelope of type %s was not acknowledged within %.1f s.%s", v->type,
                           (double) d->local->switches.ack_timeout_ms / 1000,
                           v->event ? " The event comes again." : " The person was shown a failure.");

        memcpy(d->late[i].id, v->id, sizeof(v->id));
        d->late[i].since_ms = loop_now_ms(d->local->loop);
        problems_note(d->local, "socket", v->id, what, "Acknowledge first, and do the work afterwards.");
}

static void note_late(Delivery *d, const char *id)
{
        for (size_t i = 0; i < LATE_KEPT; i++)
                if (str_equal(d->late[i].id, id)) {
                        _cleanup_free_ char *what = mem_printf(
                                "An acknowledgement came %lld ms too late, and counts for nothing.",
                                (long long) (loop_now_ms(d->local->loop) - d->late[i].since_ms));

                        *d->late[i].id = 0;
                        problems_note(d->local, "socket", id, what,
                                      "Acknowledge first, and do the work afterwards.");
                        return;
                }
}

static void finish(Delivery *d, Envelope *v, const char *failure, const json_t *payload)
{
        DeliveryResult result = {.envelope_id = v->id,
                                 .failure = failure,
                                 .payload = payload,
                                 .ack_us = clock_monotonic_us() - v->sent_us};

        if (v->is_copy) {
                envelope_free(d, v);
                return;
        }
        if (failure)
                d->n_failed++;
        else
                d->n_acked++;
        if (failure || feed_is_watched(d->local->feed))
                record_outcome(d, v->id, v->type, v->event, failure ? failure : "acked");
        if (v->socket > 0 && str_equal(failure, "timeout") && !v->is_ack_lost &&
            socketmode_is_sound(d->local->sockets, v->socket))
                note_unanswered(d, v);
        if (failure && v->event) {
                v->event->retry_reason = retry_reason(v, failure);
                v->event->is_final |= str_equal(failure, "disabled") ||
                                      (str_equal(failure, "no_socket") && !d->local->switches.gap_redelivery);
                schedule_retry(d, v->event);
        }
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
        v->owner = d;
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
        d->payload_at = buf_len(&d->frame);
        buf_append_str(&d->frame, payload);
        buf_append_char(&d->frame, '}');
}

static HttpKind kind_of(const Envelope *v)
{
        return str_equal(v->type, "events_api")       ? HTTP_EVENTS
               : str_equal(v->type, "slash_commands") ? HTTP_COMMANDS
                                                      : HTTP_INTERACTIVE;
}

static void on_answered(void *userdata, const HttpAnswer *answer)
{
        Envelope *v = userdata;
        Delivery *d = v->owner;

        v->post = NULL; /* frees itself */
        if (v->is_ack_lost && !answer->failure)
                return; /* the deadline comes */
        if (v->event)
                v->event->is_final |= answer->failure && answer->no_retry;
        finish(d, v, answer->failure, answer->payload);
        arm_timer(d);
}

static const char *post(Delivery *d, Envelope *v, const char *frame, size_t n_frame, size_t payload_at)
{
        _cleanup_free_ char *payload = mem_strndup(frame + payload_at, n_frame - payload_at - 1);
        const Event *e = v->event;
        const char *failure = NULL;

        v->post = http_delivery_send(d->local->http, kind_of(v), payload, e ? e->attempt : 0,
                                     e && e->attempt ? e->retry_reason : NULL, on_answered, v, &failure);
        return failure;
}

/* Onto the wire, whichever it is. Without one the envelope fails at once, but not inside this call. */
static void transmit(Delivery *d, Envelope *v, const char *frame, size_t n_frame, size_t payload_at)
{
        int64_t wait_ms = d->local->switches.ack_timeout_ms;

        v->failure = "timeout";
        v->sent_us = clock_monotonic_us();
        if (http_delivery_takes(d->local->http, kind_of(v))) {
                const char *failure = post(d, v, frame, n_frame, payload_at);

                if (failure) {
                        v->failure = failure;
                        wait_ms = 0;
                }
        } else {
                v->socket = socketmode_send(d->local->sockets, frame, n_frame);
                if (v->socket == 0) {
                        v->failure = "no_socket";
                        wait_ms = 0;
                }
        }
        heap_insert(&d->deadlines, &v->deadline, loop_now_ms(d->local->loop) + wait_ms);
        if (heap_min(&d->deadlines) == &v->deadline)
                arm_timer(d);
}

/* --- what faults do to an envelope on its way --- */

static Envelope *find_envelope(const Delivery *d, const char *id)
{
        unsigned long slot;

        if (strlen(id) != UUID_SIZE - 1)
                return NULL;
        slot = strtoul((char[9]){id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], 0}, NULL, 16);
        return slot < d->n_slots && d->slots[slot] && str_equal(d->slots[slot]->id, id) ? d->slots[slot]
                                                                                        : NULL;
}

static void held_free(Held *h)
{
        list_remove(&h->link);
        loop_timer_free(h->timer);
        free(h->frame);
        free(h);
}

static void held_release(Held *h)
{
        Delivery *d = h->owner;
        Envelope *v = find_envelope(d, h->envelope_id);

        if (v)
                transmit(d, v, h->frame, h->n_frame, h->payload_at);
        held_free(h);
}

static void on_held_timer(void *userdata)
{
        Held *h = userdata;

        h->owner->n_held--;
        held_release(h);
}

static Held *held_new(Delivery *d, const Envelope *v, List *list)
{
        Held *h = mem_new(Held);

        h->owner = d;
        memcpy(h->envelope_id, v->id, sizeof(h->envelope_id));
        h->n_frame = buf_len(&d->frame);
        h->frame = mem_strndup(buf_bytes(&d->frame), h->n_frame);
        h->payload_at = d->payload_at;
        list_append(list, &h->link);
        return h;
}

static void hold(Delivery *d, const Envelope *v, int64_t delay_ms)
{
        Held *h = held_new(d, v, &d->held);

        d->n_held++;
        h->timer = loop_timer_new(d->local->loop, on_held_timer, h);
        loop_timer_set(h->timer, delay_ms);
}

/* All that wait go, in an order that the seed decides. */
static void release_shuffled(Delivery *d)
{
        loop_timer_clear(d->shuffle_timer);
        while (d->n_shuffled > 0) {
                size_t pick = (size_t) (local_random(d->local) % d->n_shuffled--);
                List *node = d->shuffled.next;

                while (pick-- > 0)
                        node = node->next;
                held_release(list_entry(node, Held, link));
        }
}

static void on_shuffle_timer(void *userdata)
{
        release_shuffled(userdata);
}

static void hold_for_shuffle(Delivery *d, const Envelope *v, const Fault *fault)
{
        held_new(d, v, &d->shuffled);
        if (d->n_shuffled++ == 0) {
                d->window = fault->window;
                loop_timer_set(d->shuffle_timer, fault->delay_ms);
        }
        if (d->n_shuffled >= d->window)
                release_shuffled(d);
}

static void drop_held(Delivery *d)
{
        list_for_each_safe (node, &d->held)
                held_free(list_entry(node, Held, link));
        list_for_each_safe (node, &d->shuffled)
                held_free(list_entry(node, Held, link));
        d->n_held = d->n_shuffled = 0;
        loop_timer_clear(d->shuffle_timer);
}

/* The same once more under another envelope_id; nobody waits for its acknowledgement. */
static void send_copy(Delivery *d, const Envelope *v, bool accepts_payload)
{
        _cleanup_free_ char *payload =
                mem_strndup(buf_bytes(&d->frame) + d->payload_at, buf_len(&d->frame) - d->payload_at - 1);
        Envelope *copy = envelope_new(d, v->type);

        if (!copy)
                return;
        copy->is_copy = true;
        build_frame(d, copy->id, v->type, accepts_payload, v->event, payload);
        transmit(d, copy, buf_bytes(&d->frame), buf_len(&d->frame), d->payload_at);
}

static const char *inner_of(const json_t *payload)
{
        const char *inner = json_str(payload, "event.type");

        if (!inner)
                inner = json_str(payload, "command");
        return inner ? inner : json_str_or(payload, "type", "");
}

static bool take_fault(Delivery *d, const Envelope *v, Fault *ret)
{
        _cleanup_json_ json_t *payload = NULL;

        if (!faults_has_envelopes(d->local->faults))
                return false;
        payload = json_parse(buf_bytes(&d->frame) + d->payload_at, buf_len(&d->frame) - d->payload_at - 1,
                             NULL);
        return faults_take_envelope(d->local->faults, v->type, inner_of(payload), ret);
}

/* Sends the built frame, or does to it what a fault asks for. */
static void dispatch(Delivery *d, Envelope *v, bool accepts_payload)
{
        const char *frame = buf_bytes(&d->frame);
        size_t n_frame = buf_len(&d->frame);
        Fault fault;

        if (!take_fault(d, v, &fault)) {
                transmit(d, v, frame, n_frame, d->payload_at);
                return;
        }
        log_debug("localslack.delivery", "envelope %s meets a fault", v->id);
        if (fault.action == FAULT_DELAY && d->n_held < HELD_MAX) {
                hold(d, v, fault.delay_ms);
        } else if (fault.action == FAULT_REORDER && d->n_shuffled < HELD_MAX) {
                hold_for_shuffle(d, v, &fault);
        } else if (fault.action == FAULT_LOSE) {
                local_record_frame(d->local, "lost", 0, frame, n_frame);
                v->failure = "timeout";
                v->sent_us = clock_monotonic_us();
                v->socket = -1;
                heap_insert(&d->deadlines, &v->deadline,
                            loop_now_ms(d->local->loop) + d->local->switches.ack_timeout_ms);
                arm_timer(d);
        } else {
                v->is_ack_lost = fault.action == FAULT_LOSE_ACK;
                transmit(d, v, frame, n_frame, d->payload_at);
                if (fault.action == FAULT_REPEAT && v->socket > 0)
                        socketmode_send(d->local->sockets, frame, n_frame);
                else if (fault.action == FAULT_DUPLICATE)
                        send_copy(d, v, accepts_payload);
        }
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
        dispatch(d, v, accepts_payload);
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
        dispatch(d, v, false);
}

static const char *keep_and_send(Delivery *d, const char *event_id, json_t *payload)
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

/* Above the limit an app gets, once a minute, word of what it does not get (reference §2). */
static bool is_over_limit(Delivery *d)
{
        int64_t now_ms = d->local->state->clock_ms(), limit = d->local->switches.events_per_hour;
        json_t *payload;

        if (now_ms - d->hour_started_ms >= 3600000) {
                d->hour_started_ms = now_ms;
                d->n_in_hour = 0;
        }
        if (limit == 0 || ++d->n_in_hour <= limit)
                return false;
        d->n_limited++;
        if (d->limited_minute == now_ms / 60000)
                return true;
        d->limited_minute = now_ms / 60000;
        payload = json_pack("{s:s,s:s,s:s,s:I,s:s}", "token", "local-verification-token", "type",
                            "app_rate_limited", "team_id", TEAM_ID, "minute_rate_limited",
                            (json_int_t) (d->limited_minute * 60), "api_app_id", APP_ID);
        keep_and_send(d, "EvRATELIMITED", payload);
        return true;
}

const char *delivery_raise_payload(Delivery *d, const char *event_id, json_t *payload)
{
        if (is_over_limit(d)) {
                json_decref(payload);
                return "";
        }
        return keep_and_send(d, event_id, payload);
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
                if (!same_envelope || http_delivery_takes(d->local->http, HTTP_EVENTS)) {
                        send_event(d, e);
                        return true;
                }
                build_frame(d, e->envelope_id, "events_api", false, e, e->payload);
                return socketmode_send(d->local->sockets, buf_bytes(&d->frame), buf_len(&d->frame)) != 0;
        }
        return false;
}

void delivery_on_frame(Delivery *d, int64_t socket, const char *text, size_t n_bytes)
{
        _cleanup_free_ char *error = NULL;
        _cleanup_json_ json_t *ack = json_parse(text, n_bytes, &error);
        const char *id = json_str(ack, "envelope_id");
        Envelope *v = id ? find_envelope(d, id) : NULL;
        char where[32];

        if (!id) {
                snprintf(where, sizeof(where), "socket %lld", (long long) socket);
                problems_note(
                        d->local, "socket", where,
                        error ? "A frame of the app is not JSON." : "A frame of the app has no envelope_id.",
                        "An app sends acknowledgements only: {\"envelope_id\": \"…\", \"payload\": {…}?}.");
                return;
        }
        /* An unknown or a second acknowledgement is ignored, as by Slack (check 6). */
        if (!v)
                note_late(d, id);
        if (!v || v->is_ack_lost || (v->socket != socket && !d->local->switches.sibling_acks))
                return;
        finish(d, v, NULL, json_object_get(ack, "payload"));
}

static void on_timer(void *userdata)
{
        Delivery *d = userdata;
        int64_t now = loop_now_ms(d->local->loop);
        HeapNode *node;

        while ((node = heap_min(&d->deadlines)) && node->key <= now) {
                Envelope *v = container_of(node, Envelope, deadline);

                if (v->post)
                        http_delivery_give_up(take(v->post));
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
        d->shuffle_timer = loop_timer_new(l->loop, on_shuffle_timer, d);
        list_init(&d->held);
        list_init(&d->shuffled);
        return d;
}

void delivery_reset(Delivery *d)
{
        HeapNode *node;

        drop_held(d);
        d->n_in_hour = 0;
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
        loop_timer_free(d->shuffle_timer);
        buf_deinit(&d->frame);
        free(d->slots);
        free(d->free_slots);
        free(d);
}

json_t *delivery_counts(const Delivery *d)
{
        return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "pending", (json_int_t) d->n_pending, "acked",
                         (json_int_t) d->n_acked, "failed", (json_int_t) d->n_failed, "retries",
                         (json_int_t) d->n_retries, "lost", (json_int_t) d->n_lost, "limited",
                         (json_int_t) d->n_limited, "held", (json_int_t) (d->n_held + d->n_shuffled));
}
