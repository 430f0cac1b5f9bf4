/* One turn: an event, a step, and everything that follows from it, collected first and written together.
 *
 * The step works on a copy of the flow's data parsed for this turn; its effects are gathered in the Flow
 * object. Only when it has decided do they become records of the open batch. A fault leaves no trace of the
 * turn. */
#include "flow/engine-internal.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "flow/shards.h"

#define GO_CHAIN_MAX 16
#define PARKED_MAX   256
#define FAULTS_MAX   3

typedef enum EffectType {
        EFFECT_ASK,
        EFFECT_ASK_FORGET,
        EFFECT_TIMER,
        EFFECT_TIMER_CANCEL,
        EFFECT_TIMERS_CLEAR, /* a step was left */
        EFFECT_ADDRESS,
        EFFECT_ADDRESS_REMOVE,
        EFFECT_SEND,
} EffectType;

typedef struct Effect {
        EffectType type;
        char *name, *tag, *lane, *word; /* verb, timer, address or event; by type */
        AskPriority priority;
        int64_t due_ms;
        json_t *json;
} Effect;

struct Flow {
        Slot *slot;
        char ref[FLOW_REF_SIZE];
        json_t *data;
        const FlowStep *step, *next;
        int64_t now_ms;
        uint64_t random_state;
        Effect *effects;
        size_t n_effects, size_effects;
};

bool flow_event_is(const FlowEvent *ev, const char *name)
{
        return strcmp(ev->name, name) == 0;
}

bool flow_event_is_enter(const FlowEvent *ev)
{
        return flow_event_is(ev, EVENT_ENTER);
}

bool flow_event_is_timer(const FlowEvent *ev, const char *name)
{
        return flow_event_is(ev, EVENT_TIMER) && strcmp(ev->tag, name) == 0;
}

bool flow_event_is_ask(const FlowEvent *ev, const char *verb, const char *tag)
{
        return flow_event_is(ev, verb) && (!tag || strcmp(ev->tag, tag) == 0);
}

json_t *flow_data(Flow *f)
{
        return f->data;
}

const char *flow_ref(const Flow *f)
{
        return f->ref;
}

const char *flow_step_name(const Flow *f)
{
        return f->step->name;
}

int64_t flow_now_ms(const Flow *f)
{
        return f->now_ms;
}

uint64_t flow_random(Flow *f)
{
        /* splitmix64, seeded from the flow and the event: a repeated turn draws the same numbers. */
        uint64_t z = (f->random_state += 0x9e3779b97f4a7c15u);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
}

FlowVerdict flow_go(Flow *f, const FlowStep *next)
{
        f->next = next;
        return FLOW_GO;
}

static Effect *effect(Flow *f, EffectType type, const char *name)
{
        Effect *x;

        if (f->n_effects == f->size_effects) {
                f->size_effects = f->size_effects ? f->size_effects * 2 : 8;
                f->effects = mem_resize(f->effects, f->size_effects * sizeof(*f->effects));
        }
        x = &f->effects[f->n_effects++];
        *x = (Effect){.type = type, .name = mem_strdup(name)};
        return x;
}

static char *or_empty(const char *s)
{
        return mem_strdup(s ? s : "");
}

void flow_ask(Flow *f, const FlowAsk *ask)
{
        Effect *x = effect(f, EFFECT_ASK, ask->verb);

        x->tag = or_empty(ask->tag);
        x->lane = or_empty(ask->lane);
        x->word = or_empty(ask->coalesce);
        x->priority = ask->priority;
        x->json = ask->args ? ask->args : json_object();
}

void flow_ask_forget(Flow *f, const char *coalesce)
{
        effect(f, EFFECT_ASK_FORGET, coalesce);
}

void flow_timer(Flow *f, const char *name, int64_t after_ms)
{
        effect(f, EFFECT_TIMER, name)->due_ms = f->now_ms + after_ms;
}

void flow_timer_cancel(Flow *f, const char *name)
{
        effect(f, EFFECT_TIMER_CANCEL, name);
}

void flow_address_add(Flow *f, const char *address)
{
        effect(f, EFFECT_ADDRESS, address);
}

void flow_address_remove(Flow *f, const char *address)
{
        effect(f, EFFECT_ADDRESS_REMOVE, address);
}

void flow_spawn(Flow *f, const char *kind, const char *address, const char *event, json_t *data)
{
        Effect *x = effect(f, EFFECT_SEND, address);

        x->word = mem_strdup(kind);
        x->tag = mem_strdup(event);
        x->json = data ? data : json_object();
}

void flow_send(Flow *f, const char *address, const char *event, json_t *data)
{
        flow_spawn(f, NULL, address, event, data);
}

static void flow_deinit(Flow *f)
{
        for (size_t i = 0; i < f->n_effects; i++) {
                Effect *x = &f->effects[i];

                free(x->name);
                free(x->tag);
                free(x->lane);
                free(x->word);
                json_decref(x->json);
        }
        free(f->effects);
        json_decref(f->data);
}

static void write_ask(Flow *f, EngineBatch *batch, Effect *x)
{
        FlowEngine *e = f->slot->engine;
        JournalBatch *jb = batch->journal;
        _cleanup_free_ char *args = json_dump(x->json);
        int64_t id = engine_next_id(e);
        _cleanup_free_ char *key = mem_printf("%s/%lld", f->ref, (long long) id);
        JournalRecord *rec;

        if (*x->word)
                asks_forget(e, batch, f->slot->flow_id, x->word);
        rec = shards_add(e, batch, JOURNAL_ASK_PUT, f->slot->flow_id);
        rec->id = id;
        rec->flow_id = f->slot->flow_id;
        rec->kind = journal_batch_string(jb, x->name);
        rec->event = journal_batch_string(jb, x->tag);
        rec->address = journal_batch_string(jb, x->lane);
        rec->number = x->priority;
        rec->status = journal_batch_string(jb, x->word);
        rec->key = journal_batch_string(jb, key);
        rec->data = journal_batch_string(jb, args);
        rec->at_ms = f->now_ms;
        asks_batch_add(batch, asks_create(e, f->slot->flow_id, rec, take(x->json)));
}

static void write_inbox_delete(Slot *slot, EngineBatch *batch, int64_t inbox_id)
{
        shards_add(slot->engine, batch, JOURNAL_INBOX_DELETE, slot->flow_id)->id = inbox_id;
        shards_consumed(slot->engine, inbox_id);
}

/* A timer that fired while this turn was waiting must not reach the step that has just cancelled it. */
static void drop_fired_timers(Slot *slot, EngineBatch *batch, const char *name)
{
        list_for_each_safe (node, &slot->queue) {
                EventItem *item = list_entry(node, EventItem, link);

                if (!str_equal(item->name, EVENT_TIMER) || (name && !str_equal(item->tag, name)))
                        continue;
                if (item->inbox_id) /* it had been put aside */
                        write_inbox_delete(slot, batch, item->inbox_id);
                event_item_free(item);
        }
}

static void write_timer(Flow *f, EngineBatch *batch, const Effect *x)
{
        FlowEngine *e = f->slot->engine;
        bool set = x->type == EFFECT_TIMER;
        JournalRecord *rec =
                shards_add(e, batch, set ? JOURNAL_TIMER_PUT : JOURNAL_TIMER_DELETE, f->slot->flow_id);

        rec->flow_id = f->slot->flow_id;
        rec->key = journal_batch_string(batch->journal, x->name);
        rec->at_ms = x->due_ms;
        drop_fired_timers(f->slot, batch, x->name);
        if (set)
                timers_set(e, f->slot->flow_id, x->name, x->due_ms);
        else
                timers_cancel(e, f->slot->flow_id, x->name);
}

static void write_send(Flow *f, EngineBatch *batch, const Effect *x)
{
        FlowEngine *e = f->slot->engine;
        const FlowKind *kind = x->word ? engine_find_kind(e, x->word) : NULL;
        _cleanup_free_ char *data = json_dump(x->json);
        JournalRecord *rec = shards_add(e, batch, JOURNAL_DELIVER, f->slot->flow_id);

        rec->address = journal_batch_string(batch->journal, x->name);
        rec->event = journal_batch_string(batch->journal, x->tag);
        rec->data = journal_batch_string(batch->journal, data);
        rec->id = engine_next_id(e);
        rec->at_ms = f->now_ms;
        if (kind) {
                rec->kind = kind->name;
                rec->step = kind->steps[0]->name;
                rec->number = kind->version;
                rec->flow_id = shards_new_flow_id(e);
        }
}

static void write_effect(Flow *f, EngineBatch *batch, Effect *x)
{
        JournalRecord *rec;

        switch (x->type) {
        case EFFECT_ASK: write_ask(f, batch, x); break;
        case EFFECT_ASK_FORGET: asks_forget(f->slot->engine, batch, f->slot->flow_id, x->name); break;
        case EFFECT_TIMER:
        case EFFECT_TIMER_CANCEL:
        case EFFECT_TIMERS_CLEAR: write_timer(f, batch, x); break;
        case EFFECT_SEND: write_send(f, batch, x); break;
        case EFFECT_ADDRESS:
        case EFFECT_ADDRESS_REMOVE:
                rec = shards_add(f->slot->engine, batch,
                                 x->type == EFFECT_ADDRESS ? JOURNAL_ADDRESS_PUT : JOURNAL_ADDRESS_DELETE,
                                 f->slot->flow_id);
                rec->address = journal_batch_string(batch->journal, x->name);
                rec->flow_id = f->slot->flow_id;
                break;
        }
}

/* The event's data as text: what a row stores. */
static const char *item_text(EventItem *item)
{
        if (!item->text)
                item->text = item->data ? json_dump(item->data) : mem_strdup("{}");
        return item->text;
}

/* The event is consumed: its row, ask or timer goes with the turn. `dead`: the flow could not use a failure.
 */
static void write_consumed(Slot *slot, EngineBatch *batch, EventItem *item, bool dead)
{
        JournalRecord *rec;

        if (item->inbox_id)
                write_inbox_delete(slot, batch, item->inbox_id);
        if (item->ask_id) {
                rec = shards_add(slot->engine, batch, dead ? JOURNAL_ASK_DEAD : JOURNAL_ASK_DELETE,
                                 slot->flow_id);
                rec->id = item->ask_id;
                rec->error = dead ? journal_batch_string(batch->journal, item_text(item)) : NULL;
                if (dead)
                        metric_add(slot->engine->metrics.asks_dead, 1);
        }
        if (str_equal(item->name, EVENT_TIMER)) {
                rec = shards_add(slot->engine, batch, JOURNAL_TIMER_DELETE, slot->flow_id);
                rec->flow_id = slot->flow_id;
                rec->key = journal_batch_string(batch->journal, item->tag);
        }
}

/* Gives an event that has no inbox row (an ask's result) one, so that it survives while it is parked. */
static void store_event(Slot *slot, EngineBatch *batch, EventItem *item)
{
        JournalRecord *rec;

        if (item->inbox_id)
                return;
        /* The name, tag and outcome of an ask's result travel in the row as one event name. */
        write_consumed(slot, batch, item, false);
        rec = shards_add(slot->engine, batch, JOURNAL_INBOX_PUT, slot->flow_id);
        rec->id = item->inbox_id = engine_next_id(slot->engine);
        rec->flow_id = slot->flow_id;
        if (item->tag || item->outcome != ASK_OK) {
                _cleanup_free_ char *full =
                        mem_printf("%s\t%s\t%d", item->name, item->tag ? item->tag : "", (int) item->outcome);

                rec->event = journal_batch_string(batch->journal, full);
        } else
                rec->event = journal_batch_string(batch->journal, item->name);
        rec->data = journal_batch_string(batch->journal, item_text(item));
        rec->at_ms = clock_realtime_ms();
        item->ask_id = 0;
}

static void park(Slot *slot, EventItem *item)
{
        if (item->volatile_ || str_equal(item->name, EVENT_TIMER) || slot->n_parked >= PARKED_MAX) {
                if (!item->volatile_)
                        log_warn("flow", "%s: dropped an early %s in step %s", slot->kind->name, item->name,
                                 slot->step->name);
                write_consumed(slot, engine_batch(slot->engine), item, false);
                event_item_free(item);
                return;
        }
        store_event(slot, engine_batch(slot->engine), item);
        list_append(&slot->parked, &item->link);
        slot->n_parked++;
        metric_add(slot->engine->metrics.parked, 1);
}

static void unpark(Slot *slot)
{
        while (!list_empty(&slot->parked)) {
                List *last = slot->parked.prev;

                list_remove(last);
                list_prepend(&slot->queue, last);
        }
        slot->n_parked = 0;
}

void turn_put_aside(Slot *slot)
{
        list_for_each_safe (node, &slot->queue) {
                EventItem *item = list_entry(node, EventItem, link);

                if (!item->volatile_)
                        store_event(slot, engine_batch(slot->engine), item);
                event_item_free(item);
        }
}

static void quarantine(Slot *slot, EventItem *item, const char *why)
{
        FlowEngine *e = slot->engine;
        EngineBatch *batch = engine_batch(e);
        JournalRecord *rec;

        log_error("flow", "%s %016llx quarantined in step %s by %s: %s", slot->kind ? slot->kind->name : "?",
                  (unsigned long long) slot->flow_id, slot->step ? slot->step->name : "?", item->name, why);
        metric_add(e->metrics.quarantined, 1);
        list_prepend(&slot->queue, &item->link);
        unpark(slot);
        turn_put_aside(slot);
        rec = shards_add(e, batch, JOURNAL_FLOW_STATUS, slot->flow_id);
        rec->flow_id = slot->flow_id;
        rec->status = "quarantined";
        rec->error = journal_batch_string(batch->journal, why);
        slot->quarantined = true;
}

static void on_again(void *userdata)
{
        Slot *slot = userdata;

        loop_timer_free(take(slot->again));
        engine_slot_run(slot);
}

static void turn_faulted(Slot *slot, EventItem *item, const char *why)
{
        FlowEngine *e = slot->engine;

        metric_add(e->metrics.faults, 1);
        if (++item->n_faults >= FAULTS_MAX) {
                quarantine(slot, item, why);
                return;
        }
        log_warn("flow", "%s %016llx: %s in step %s faulted (%u): %s", slot->kind->name,
                 (unsigned long long) slot->flow_id, item->name, slot->step->name, item->n_faults, why);
        list_prepend(&slot->queue, &item->link);
        slot->again = loop_timer_new(e->loop, on_again, slot);
        loop_timer_set(slot->again, slot->engine->config.fault_pause_ms);
}

/* Runs the step, and the `enter` of each step it goes to. */
static FlowVerdict decide(Flow *f, const FlowEvent *ev)
{
        FlowVerdict v = f->step->on(f, ev);

        for (unsigned n = 0; v == FLOW_GO; n++) {
                FlowEvent enter = {.name = EVENT_ENTER, .tag = "", .data = ev->data};

                if (!f->next || n >= GO_CHAIN_MAX)
                        return FLOW_FAULT;
                effect(f, EFFECT_TIMERS_CLEAR, NULL);
                log_debug("flow", "%s %s: %s → %s on %s", f->slot->kind->name, f->ref, f->step->name,
                          f->next->name, ev->name);
                f->step = take(f->next);
                v = f->step->on(f, &enter);
                if (v == FLOW_IGNORE || v == FLOW_LATER)
                        v = FLOW_STAY; /* a step may have nothing to do on entering */
        }
        return v;
}

static void commit_turn(Flow *f, EventItem *item, FlowVerdict verdict)
{
        Slot *slot = f->slot;
        EngineBatch *batch = engine_batch(slot->engine);
        bool over = verdict == FLOW_DONE || verdict == FLOW_FAILED;
        JournalRecord *rec;

        write_consumed(slot, batch, item, false);
        for (size_t i = 0; i < f->n_effects; i++)
                write_effect(f, batch, &f->effects[i]);
        if (over) {
                if (verdict == FLOW_FAILED)
                        metric_add(slot->engine->metrics.failed, 1);
                rec = shards_add(slot->engine, batch, JOURNAL_FLOW_DELETE, slot->flow_id);
                rec->flow_id = slot->flow_id;
                timers_cancel(slot->engine, slot->flow_id, NULL);
                slot->state = SLOT_GONE;
                return;
        }
        char *data = json_dump(f->data);

        if (f->step != slot->step || !str_equal(data, slot->data)) {
                rec = shards_add(slot->engine, batch, JOURNAL_FLOW_PUT, slot->flow_id);
                rec->flow_id = slot->flow_id;
                rec->number = slot->kind->version;
                rec->step = f->step->name;
                rec->data = journal_batch_string(batch->journal, data);
                rec->at_ms = f->now_ms;
        }
        free(slot->data);
        slot->data = data;
        if (f->step != slot->step) {
                slot->step = f->step;
                unpark(slot);
        }
        FAILPOINT("turn.after");
}

static json_t *event_data(EventItem *item)
{
        if (!item->data)
                item->data = item->text ? json_parse(item->text, strlen(item->text), NULL) : json_object();
        return item->data;
}

void turn_run(Slot *slot)
{
        EventItem *item = list_first(&slot->queue, EventItem, link);
        Flow f = {.slot = slot, .step = slot->step, .now_ms = clock_realtime_ms()};
        FlowEvent ev = {.name = item->name, .tag = item->tag ? item->tag : "", .outcome = item->outcome};
        FlowVerdict verdict;

        FAILPOINT("turn.before");
        list_remove(&item->link);
        snprintf(f.ref, sizeof(f.ref), "%016llx", (unsigned long long) slot->flow_id);
        if (!item->seed) /* rows have ids of one counter; what has no row yet draws its own */
                item->seed = item->inbox_id + item->ask_id ? (uint64_t) (item->inbox_id + item->ask_id)
                                                           : random_u64();
        f.random_state = (uint64_t) slot->flow_id ^ item->seed;
        f.data = json_parse(slot->data, strlen(slot->data), NULL);
        ev.data = event_data(item);
        if (!json_is_object(f.data) || !json_is_object(ev.data)) {
                const char *why = json_is_object(f.data) ? "the event's data is not a JSON object"
                                                         : "the flow's data is not a JSON object";

                flow_deinit(&f);
                quarantine(slot, item, why);
                return;
        }
        metric_add(slot->engine->metrics.turns, 1);
        verdict = decide(&f, &ev);
        switch (verdict) {
        case FLOW_STAY:
        case FLOW_DONE:
        case FLOW_FAILED:
                commit_turn(&f, item, verdict);
                event_item_free(item);
                break;
        case FLOW_LATER: park(slot, item); break;
        case FLOW_IGNORE:
                metric_add(slot->engine->metrics.ignored, 1);
                write_consumed(slot, engine_batch(slot->engine), item,
                               item->ask_id && item->outcome != ASK_OK);
                event_item_free(item);
                break;
        case FLOW_GO: /* decide() resolves it */
        case FLOW_FAULT: turn_faulted(slot, item, "the step returned a fault"); break;
        }
        flow_deinit(&f);
}
