/* Slots, batches and delivery: how an event becomes a durable row, then a turn, then effects.
 *
 *   flow_deliver() → DELIVER record → commit → done() acknowledges → the event is queued at its slot →
 * turn_run() → records of the next batch → commit → asks are released.
 *
 * A journal with little to do shows a batch before it commits it (batch_written()): the event's turn then
 * runs at once, and its records join the same commit. Only memory is ahead of the disk then, as it is behind
 * a failed commit; what others can see, acknowledgements and asks, always waits for the commit.
 *
 * A batch whose commit fails (full disk, I/O error) is kept and tried again, with everything behind it in
 * order; the turns in memory stay valid, nothing is acknowledged meanwhile, and health says so. */
#include "flow/engine-internal.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "flow/shards.h"

#define MAX_INFLIGHT_BATCHES    2
#define TURNS_PER_ITERATION     512
#define DEFAULT_COMMIT_RETRY_MS 1000
#define DEFAULT_FAULT_PAUSE_MS  1000
#define PRUNE_EVERY_MS          (60 * 1000)
#define SEEN_KEPT_MS            (30LL * 24 * 3600 * 1000)
#define DEFAULT_MAX_PENDING     20000
#define DEFAULT_MAX_SLOTS       512
#define ID_EPOCH_MS             1577836800000LL /* 2020: good until 2089 */
#define ID_COUNTER_BITS         16
#define ID_TIME_SHIFT           (ID_COUNTER_BITS + 6)
#define ID_REPLICA_MASK         (63LL << ID_COUNTER_BITS)

static void batch_done(JournalBatch *journal, int r);
static void batch_written(JournalBatch *journal);

void event_item_free(EventItem *item)
{
        if (!item)
                return;
        list_remove(&item->link);
        free(item->name);
        free(item->tag);
        free(item->text);
        json_decref(item->data);
        free(item);
}

/* A counter; or, where several replicas give ids, 41 bits of milliseconds, 6 of the replica's number, 16 of a
 * counter: unique, and in the order of time as good as clocks agree. A clock that goes back does not take the
 * ids with it. */
int64_t engine_next_id(FlowEngine *e)
{
        int64_t now = (clock_realtime_ms() - ID_EPOCH_MS) << ID_TIME_SHIFT,
                own = (int64_t) e->replica_number << ID_COUNTER_BITS;

        e->last_id++;
        if (!e->ids_of_time)
                return e->last_id;
        if (e->last_id < now)
                e->last_id = now | own;
        else if ((e->last_id & ID_REPLICA_MASK) != own) /* the counter is full, or the number is a new one */
                e->last_id = (((e->last_id >> ID_TIME_SHIFT) + 1) << ID_TIME_SHIFT) | own;
        return e->last_id;
}

/* ---- batches ---- */

static EngineBatch *batch_new(FlowEngine *e)
{
        EngineBatch *b = mem_new(EngineBatch);

        b->engine = e;
        b->journal = journal_batch_new(batch_done, b);
        b->journal->written = batch_written;
        list_init(&b->asks);
        list_init(&b->link);
        return b;
}

static void batch_free(EngineBatch *b)
{
        asks_batch_drop(b);
        journal_batch_free(b->journal);
        free(b->deliveries);
        free(b->lists);
        free(b);
}

EngineBatch *engine_batch(FlowEngine *e)
{
        if (!e->open)
                e->open = batch_new(e);
        engine_schedule_flush(e);
        return e->open;
}

static void submit(FlowEngine *e, EngineBatch *b)
{
        e->n_inflight++;
        e->n_written += b->journal->was_written;
        journal_submit(e->journal, b->journal);
}

static void flush(FlowEngine *e)
{
        EngineBatch *b = e->open;

        if (!b || e->n_inflight - e->n_written >= MAX_INFLIGHT_BATCHES || !list_empty(&e->stalled))
                return;
        e->open = NULL;
        if (b->journal->n_records == 0)
                batch_free(b);
        else
                submit(e, b);
}

static void maybe_stopped(FlowEngine *e)
{
        if (e->stopping && e->stopped && !e->open && e->n_inflight == 0 && list_empty(&e->stalled) &&
            shards_are_away(e)) {
                LoopFn fn = take(e->stopped);

                fn(e->stopped_userdata);
        }
}

static void on_flush(void *userdata)
{
        FlowEngine *e = userdata;

        e->flush_scheduled = false;
        flush(e);
        maybe_stopped(e);
}

void engine_schedule_flush(FlowEngine *e)
{
        if (e->flush_scheduled)
                return;
        e->flush_scheduled = true;
        loop_defer(e->loop, on_flush, e);
}

static void on_retry_commit(void *userdata)
{
        FlowEngine *e = userdata;

        list_for_each_safe (node, &e->stalled) {
                list_remove(node);
                submit(e, list_entry(node, EngineBatch, link));
        }
}

/* ---- slots ---- */

Slot *engine_slot_find(FlowEngine *e, int64_t flow_id)
{
        Slot *slot;

        HASH_FIND(hh, e->slots, &flow_id, sizeof(flow_id), slot);
        return slot;
}

Slot *engine_slot_new(FlowEngine *e, int64_t flow_id)
{
        Slot *slot = mem_new(Slot);

        slot->flow_id = flow_id;
        slot->engine = e;
        list_init(&slot->queue);
        list_init(&slot->parked);
        list_init(&slot->run_link);
        list_init(&slot->idle_link);
        HASH_ADD(hh, e->slots, flow_id, sizeof(flow_id), slot);
        metric_set(e->metrics.slots, HASH_COUNT(e->slots));
        return slot;
}

static void drop_items(List *items)
{
        list_for_each_safe (node, items)
                event_item_free(list_entry(node, EventItem, link));
}

static void slot_free(Slot *slot)
{
        FlowEngine *e = slot->engine;

        if (list_linked(&slot->idle_link)) {
                list_remove(&slot->idle_link);
                e->n_idle--;
        }
        list_remove(&slot->run_link);
        drop_items(&slot->queue);
        drop_items(&slot->parked);
        loop_timer_free(slot->again);
        free(slot->data);
        HASH_DEL(e->slots, slot);
        metric_set(e->metrics.slots, HASH_COUNT(e->slots));
        free(slot);
}

void engine_slot_idle(Slot *slot)
{
        FlowEngine *e = slot->engine;

        if (!list_linked(&slot->idle_link)) {
                list_append(&e->idle, &slot->idle_link);
                e->n_idle++;
        }
        while (e->n_idle > e->config.max_slots)
                slot_free(list_entry(e->idle.next, Slot, idle_link));
}

void engine_slot_load(Slot *slot)
{
        FlowEngine *e = slot->engine;

        slot->state = SLOT_LOADING;
        shards_add(e, engine_batch(e), JOURNAL_LOAD, slot->flow_id)->flow_id = slot->flow_id;
}

void engine_slot_look(Slot *slot)
{
        FlowEngine *e = slot->engine;
        JournalRecord *rec;

        if (slot->state == SLOT_LOADING || slot->is_looking) { /* which may have missed it */
                slot->look_again = true;
                return;
        }
        slot->is_looking = true;
        rec = shards_add(e, engine_batch(e), JOURNAL_LOAD, slot->flow_id);
        rec->flow_id = slot->flow_id;
        rec->number = LOAD_LOOK;
}

void engine_slots_forget(FlowEngine *e, ShardSet set)
{
        Slot *slot, *next;

        HASH_ITER (hh, e->slots, slot, next)
                if (shards_have(set, journal_shard(slot->flow_id)))
                        slot_free(slot);
}

ShardSet engine_slots_busy(const FlowEngine *e)
{
        ShardSet busy = 0;

        for (const Slot *slot = e->slots; slot; slot = slot->hh.next)
                list_for_each (node, (List *) &slot->queue)
                        if (list_entry(node, EventItem, link)->ask_id && !slot->again)
                                busy |= shards_of(journal_shard(slot->flow_id));
        return busy;
}

/* Events for a flow that has ended: an ask's row goes, everything else is nobody's. */
static void discard_for_gone(FlowEngine *e, Slot *slot)
{
        list_for_each_safe (node, &slot->queue) {
                EventItem *item = list_entry(node, EventItem, link);

                if (item->ask_id)
                        shards_add(e, engine_batch(e), JOURNAL_ASK_DELETE, slot->flow_id)->id = item->ask_id;
                event_item_free(item);
        }
        slot_free(slot);
}

static void on_run(void *userdata);

static void schedule_run(FlowEngine *e)
{
        if (e->run_scheduled)
                return;
        e->run_scheduled = true;
        loop_defer(e->loop, on_run, e);
}

void engine_slot_run(Slot *slot)
{
        FlowEngine *e = slot->engine;

        if (slot->state == SLOT_LOADING || slot->again || list_linked(&slot->run_link))
                return;
        if (list_linked(&slot->idle_link)) {
                list_remove(&slot->idle_link);
                e->n_idle--;
        }
        list_append(&e->runnable, &slot->run_link);
        schedule_run(e);
}

void engine_push(FlowEngine *e, int64_t flow_id, EventItem *item)
{
        Slot *slot = engine_slot_find(e, flow_id);

        if (!slot) {
                slot = engine_slot_new(e, flow_id);
                engine_slot_load(slot);
        }
        list_append(&slot->queue, &item->link);
        engine_slot_run(slot);
}

static void slot_step(Slot *slot)
{
        if (slot->state == SLOT_LOADING)
                return; /* it runs when it is loaded */
        if (slot->state == SLOT_READY && !slot->quarantined && !list_empty(&slot->queue))
                turn_run(slot);
        if (slot->state == SLOT_GONE)
                discard_for_gone(slot->engine, slot);
        else if (slot->quarantined) {
                turn_put_aside(slot);
                slot_free(slot);
        } else if (!list_empty(&slot->queue))
                engine_slot_run(slot);
        else
                engine_slot_idle(slot);
}

static void run_turns(FlowEngine *e)
{
        for (unsigned n = 0; n < TURNS_PER_ITERATION && !list_empty(&e->runnable); n++) {
                Slot *slot = list_entry(e->runnable.next, Slot, run_link);

                list_remove(&slot->run_link);
                slot_step(slot);
        }
        if (!list_empty(&e->runnable))
                schedule_run(e);
}

static void on_run(void *userdata)
{
        FlowEngine *e = userdata;

        e->run_scheduled = false;
        run_turns(e);
        shards_check_leaving(e);
}

/* ---- commits ---- */

static void answer_delivery(FlowEngine *e, const DeliveryDone *d, const JournalRecord *rec)
{
        static const FlowDelivered outcomes[] = {
                [JOURNAL_DELIVERED] = FLOW_DELIVERED,
                [JOURNAL_DUPLICATE] = FLOW_DUPLICATE,
                [JOURNAL_UNROUTED] = FLOW_UNROUTED,
        };

        e->n_pending--;
        if (rec->outcome == JOURNAL_DUPLICATE)
                metric_add(e->metrics.duplicates, 1);
        if (rec->outcome == JOURNAL_UNROUTED)
                metric_add(e->metrics.unrouted, 1);
        if (d->done)
                d->done(d->userdata, outcomes[rec->outcome]);
}

static void batch_written(JournalBatch *journal)
{
        EngineBatch *b = journal->userdata;
        FlowEngine *e = b->engine;

        e->n_written++;
        for (size_t i = 0; i < journal->n_records; i++)
                engine_record_written(e, &journal->records[i]);
        run_turns(e);
        flush(e);
}

static void batch_committed(EngineBatch *b)
{
        FlowEngine *e = b->engine;

        shards_batch_committed(e, b);
        for (size_t i = 0; i < b->n_deliveries; i++)
                answer_delivery(e, &b->deliveries[i], &b->journal->records[b->deliveries[i].record]);
        for (size_t i = 0; i < b->n_lists; i++)
                b->lists[i].done(b->lists[i].userdata, b->journal->records[b->lists[i].record].text);
        for (size_t i = 0; i < b->journal->n_records && !b->journal->was_written; i++)
                engine_record_written(e, &b->journal->records[i]);
        asks_release(e, b);
        shards_batch_over(e, b);
        batch_free(b);
}

static void batch_done(JournalBatch *journal, int r)
{
        EngineBatch *b = journal->userdata;
        FlowEngine *e = b->engine;

        FAILPOINT("engine.batch_done");
        e->n_inflight--;
        e->n_written -= journal->was_written;
        if (r < 0) {
                metric_add(e->metrics.commit_failures, 1);
                log_error("flow", "the journal cannot commit (%s); nothing is acknowledged until it can",
                          strerror(-r));
                list_append(&e->stalled, &b->link);
                e->is_failing = true;
                loop_timer_set(e->retry_commit, e->config.commit_retry_ms);
                return;
        }
        e->is_failing = false;
        batch_committed(b);
        flush(e);
        maybe_stopped(e);
}

/* ---- the interface ---- */

static void on_refused(void *userdata)
{
        DeliveryDone *d = userdata;

        d->done(d->userdata, FLOW_REFUSED);
        free(d);
}

static void refuse(FlowEngine *e, const FlowDelivery *d)
{
        metric_add(e->metrics.refused, 1);
        if (d->done) {
                DeliveryDone *copy = mem_new(DeliveryDone);

                *copy = (DeliveryDone){.done = d->done, .userdata = d->userdata};
                loop_defer(e->loop, on_refused, copy);
        }
        free(d->json);
}

static void add_delivery(EngineBatch *b, size_t record, const FlowDelivery *d)
{
        if (b->n_deliveries == b->size_deliveries) {
                b->size_deliveries = b->size_deliveries ? b->size_deliveries * 2 : 32;
                b->deliveries = mem_resize(b->deliveries, b->size_deliveries * sizeof(*b->deliveries));
        }
        b->deliveries[b->n_deliveries++] = (DeliveryDone){record, d->done, d->userdata};
        b->engine->n_pending++;
}

void flow_deliver(FlowEngine *e, const FlowDelivery *d)
{
        const FlowKind *kind = d->kind ? engine_find_kind(e, d->kind) : NULL;
        JournalRecord *rec;
        EngineBatch *b;

        if (e->stopping || e->n_pending >= e->config.max_pending) {
                refuse(e, d);
                return;
        }
        b = engine_batch(e);
        rec = journal_batch_add(b->journal, JOURNAL_DELIVER);
        rec->address = journal_batch_string(b->journal, d->address);
        rec->event = journal_batch_string(b->journal, d->event);
        rec->key = journal_batch_string(b->journal, d->dedup_key);
        rec->data = journal_batch_string(b->journal, d->json ? d->json : "{}");
        rec->id = engine_next_id(e);
        rec->at_ms = clock_realtime_ms();
        if (kind) {
                rec->kind = kind->name;
                rec->step = kind->steps[0]->name;
                rec->number = kind->version;
                rec->flow_id = shards_new_flow_id(e);
        }
        add_delivery(b, b->journal->n_records - 1, d);
        free(d->json);
}

void flow_hint(FlowEngine *e, const char *address, const char *event, json_t *data)
{
        KnownAddress *k;

        HASH_FIND_STR(e->known, address, k);
        if (k && !shards_is_ours(e, k->flow_id))
                e->shards.config.on_hint(e->shards.config.userdata, k->flow_id, event, data);
        if (k && shards_is_ours(e, k->flow_id))
                flow_engine_hint(e, k->flow_id, event, data);
        else
                json_decref(data);
}

static void list_records(FlowEngine *e, JournalRecordType type, const char *kind, const char *status,
                         const char *step, int64_t limit, FlowListFn done, void *userdata)
{
        EngineBatch *b = engine_batch(e);
        JournalRecord *rec = journal_batch_add(b->journal, type);

        rec->kind = journal_batch_string(b->journal, kind);
        rec->status = journal_batch_string(b->journal, status);
        rec->step = journal_batch_string(b->journal, step);
        rec->number = limit;
        b->lists = mem_resize(b->lists, (b->n_lists + 1) * sizeof(*b->lists));
        b->lists[b->n_lists++] = (ListDone){b->journal->n_records - 1, done, userdata};
}

void flow_engine_list(FlowEngine *e, const char *kind, const char *status, int64_t limit, FlowListFn done,
                      void *userdata)
{
        list_records(e, JOURNAL_LIST, kind, status, NULL, limit, done, userdata);
}

void flow_engine_list_step(FlowEngine *e, const char *kind, const char *step, int64_t limit, FlowListFn done,
                           void *userdata)
{
        list_records(e, JOURNAL_LIST, kind, "active", step, limit, done, userdata);
}

void flow_engine_list_asks(FlowEngine *e, const char *status, int64_t limit, FlowListFn done, void *userdata)
{
        list_records(e, JOURNAL_LIST_ASKS, NULL, status, NULL, limit, done, userdata);
}

void flow_engine_retry(FlowEngine *e, const char *ref)
{
        JournalRecord *rec = journal_batch_add(engine_batch(e)->journal, JOURNAL_FLOW_STATUS);

        rec->flow_id = (int64_t) strtoull(ref, NULL, 16);
        rec->status = "active";
}

bool flow_engine_healthy(const FlowEngine *e)
{
        return !e->is_failing;
}

/* ---- life ---- */

static void on_prune(void *userdata)
{
        FlowEngine *e = userdata;

        journal_batch_add(engine_batch(e)->journal, JOURNAL_PRUNE)->at_ms =
                clock_realtime_ms() - SEEN_KEPT_MS;
        loop_timer_set(e->prune, PRUNE_EVERY_MS);
}

static void make_metrics(FlowEngine *e, Metrics *m)
{
        e->metrics.turns = metrics_counter(m, "flow_turns_total", "Steps run.", NULL);
        e->metrics.faults =
                metrics_counter(m, "flow_faults_total", "Turns undone because the step faulted.", NULL);
        e->metrics.quarantined =
                metrics_counter(m, "flow_quarantined_total", "Flows put aside after faults.", NULL);
        e->metrics.ignored = metrics_counter(m, "flow_ignored_total", "Events a step had no use for.", NULL);
        e->metrics.parked =
                metrics_counter(m, "flow_parked_total", "Events that came too early and wait.", NULL);
        e->metrics.failed = metrics_counter(m, "flow_failed_total", "Flows that ended as failures.", NULL);
        e->metrics.duplicates =
                metrics_counter(m, "flow_duplicates_total", "Deliveries accepted before.", NULL);
        e->metrics.unrouted = metrics_counter(m, "flow_unrouted_total", "Deliveries for no flow.", NULL);
        e->metrics.refused = metrics_counter(m, "flow_refused_total", "Deliveries refused under load.", NULL);
        e->metrics.commit_failures =
                metrics_counter(m, "journal_commit_failures_total", "Failed commits.", NULL);
        e->metrics.asks_pending = metrics_gauge(m, "flow_asks_pending", "Asks not yet ended.", NULL);
        e->metrics.asks_dead =
                metrics_counter(m, "flow_asks_dead_total", "Failed asks nobody could use.", NULL);
        e->metrics.slots = metrics_gauge(m, "flow_slots", "Flows in memory.", NULL);
}

int flow_engine_new(FlowEngine **ret, Loop *loop, Journal *journal, Metrics *metrics,
                    const FlowEngineConfig *config)
{
        FlowEngine *e = mem_new(FlowEngine);

        e->loop = loop;
        e->journal = journal;
        e->config = *config;
        if (e->config.max_pending == 0)
                e->config.max_pending = DEFAULT_MAX_PENDING;
        if (e->config.max_slots == 0)
                e->config.max_slots = DEFAULT_MAX_SLOTS;
        if (e->config.fault_pause_ms == 0)
                e->config.fault_pause_ms = DEFAULT_FAULT_PAUSE_MS;
        if (e->config.commit_retry_ms == 0)
                e->config.commit_retry_ms = DEFAULT_COMMIT_RETRY_MS;
        list_init(&e->runnable);
        list_init(&e->idle);
        list_init(&e->stalled);
        e->retry_commit = loop_timer_new(loop, on_retry_commit, e);
        e->prune = loop_timer_new(loop, on_prune, e);
        make_metrics(e, metrics);
        asks_init(e);
        timers_init(e);
        *ret = e;
        return 0;
}

static void recover_ask(void *userdata, const JournalRecord *rec)
{
        asks_recover(userdata, rec);
}

static void recover_timer(void *userdata, const JournalRecord *rec)
{
        timers_set(userdata, rec->flow_id, rec->key, rec->at_ms);
}

static void recover_waiting(void *userdata, int64_t flow_id)
{
        FlowEngine *e = userdata;

        if (!engine_slot_find(e, flow_id))
                engine_slot_load(engine_slot_new(e, flow_id));
}

int flow_engine_start(FlowEngine *e)
{
        JournalScan scan = {.on_ask = recover_ask, .on_timer = recover_timer, .on_waiting = recover_waiting};
        int r = 0;

        if (e->shards.is_shared) {
                scan.last_id = JOURNAL_IDS_OF_TIME;
                shards_start(e);
        } else
                r = journal_scan(e->journal, &scan, e);
        if (r < 0)
                return error_trace(r);
        e->ids_of_time = scan.last_id == JOURNAL_IDS_OF_TIME;
        if (scan.last_id > INT64_MAX / 2)
                return error_origin(-EOVERFLOW); /* no counter of ours got there */
        e->last_id = MAX2(e->last_id, scan.last_id);
        e->started = true;
        loop_timer_set(e->prune, PRUNE_EVERY_MS);
        return 0;
}

void flow_engine_stop(FlowEngine *e, LoopFn done, void *userdata)
{
        e->stopping = true;
        e->stopped = done;
        e->stopped_userdata = userdata;
        shards_stop(e);
        engine_schedule_flush(e);
}

void flow_engine_free(FlowEngine *e)
{
        Slot *slot, *next;

        if (!e)
                return;
        if (e->open)
                batch_free(e->open);
        list_for_each_safe (node, &e->stalled)
                batch_free(list_entry(node, EngineBatch, link));
        HASH_ITER (hh, e->slots, slot, next)
                slot_free(slot);
        engine_known_forget(e);
        asks_deinit(e);
        timers_deinit(e);
        shards_deinit(e);
        loop_timer_free(e->retry_commit);
        loop_timer_free(e->prune);
        free(e);
}
