/* The engine as one of several on a journal: which flows are its own, and how they come and go.
 *
 *   away ──view: ours──▶ taking ──scanned──▶ owned ──view: too many; stop──▶ leaving ──nothing under way──▶
 * away ▲                    └────────────────── view or fence: somebody else's ──────────────┴────────┘
 *
 * Everything that a turn writes says for which shard and epoch. What is written for a shard that has changed
 * hands has no effect (the journal's fence), and is how the engine may hear of it first.
 *
 * An event may be stored by any engine; its owner is told, and looks. Since telling may fail, and since an
 * owner may be new, each looks every second for what was stored lately, and every minute for all there is.
 *
 * Leaving is quiet: no further ask is started, and when none is under way the flows are forgotten and the
 * shard is free. Asks that were never started are marked, so that their next owner need not look for them. */
#include "flow/shards.h"

#include "base/digest.h"
#include "base/log.h"

#define LOOK_EVERY_MS  1000
#define LATELY_MS      30000 /* longer than any transaction takes */
#define LOOKS_PER_FULL 60
#define SHARDS_FOREACH(_s, _set)                                                                             \
        for (unsigned _s = 0; _s < JOURNAL_SHARDS; _s++)                                                     \
                if (shards_have(_set, _s))

static void set_state(FlowEngine *e, unsigned shard, ShardState state)
{
        static const char *const names[] = {"away", "taking", "owned", "leaving"};
        Shard *s = &e->shards.all[shard];

        log_debug("flow", "shard %u: %s → %s (epoch %lld)", shard, names[s->state], names[state],
                  (long long) s->epoch);
        s->state = state;
}

static ShardSet in_state(const FlowEngine *e, ShardState state)
{
        ShardSet set = 0;

        for (unsigned s = 0; s < JOURNAL_SHARDS; s++)
                if (e->shards.all[s].state == state)
                        set |= shards_of(s);
        return set;
}

bool shards_is_ours(const FlowEngine *e, int64_t flow_id)
{
        ShardState state = e->shards.all[journal_shard(flow_id)].state;

        return !e->shards.is_shared || state == SHARD_OWNED || state == SHARD_LEAVING;
}

bool shards_may_start(const FlowEngine *e, int64_t flow_id)
{
        return !e->shards.is_shared || e->shards.all[journal_shard(flow_id)].state == SHARD_OWNED;
}

JournalRecord *shards_add(FlowEngine *e, EngineBatch *batch, JournalRecordType type, int64_t flow_id)
{
        JournalRecord *rec = journal_batch_add(batch->journal, type);

        rec->shard = journal_shard(flow_id);
        rec->epoch = e->shards.all[rec->shard].epoch;
        return rec;
}

bool shards_is_current(const FlowEngine *e, const JournalRecord *rec)
{
        return !e->shards.is_shared || rec->epoch == e->shards.all[rec->shard].epoch;
}

int64_t shards_new_flow_id(FlowEngine *e)
{
        uint64_t id = random_u64() >> 1;
        ShardSet ours = e->shards.is_shared ? in_state(e, SHARD_OWNED) : 0;
        unsigned nth;

        if (!ours)
                return (int64_t) id;
        /* One of our own: who hears of a session first has it. */
        nth = (unsigned) (random_u64() % shards_count(ours));
        SHARDS_FOREACH(s, ours)
        {
                if (nth-- == 0)
                        return (int64_t) ((id & ~(uint64_t) (JOURNAL_SHARDS - 1)) | s);
        }
        return (int64_t) id;
}

/* ---- rows that a turn has consumed, until that is committed ---- */

void shards_consumed(FlowEngine *e, int64_t inbox_id)
{
        ConsumedRow *row;

        if (!e->shards.is_shared)
                return;
        row = mem_new(ConsumedRow);
        row->inbox_id = inbox_id;
        HASH_ADD(hh, e->shards.consumed, inbox_id, sizeof(row->inbox_id), row);
}

bool shards_is_consumed(const FlowEngine *e, int64_t inbox_id)
{
        ConsumedRow *row;

        HASH_FIND(hh, e->shards.consumed, &inbox_id, sizeof(inbox_id), row);
        return row != NULL;
}

static void forget_consumed(FlowEngine *e, int64_t inbox_id)
{
        ConsumedRow *row;

        HASH_FIND(hh, e->shards.consumed, &inbox_id, sizeof(inbox_id), row);
        if (row) {
                HASH_DEL(e->shards.consumed, row);
                free(row);
        }
}

/* ---- losing and giving up ---- */

/* Forgets all that is in memory of them; rows stay for whoever has them now. `epochs_over`: a view that is
 * older than this must not bring them back. */
static void forget(FlowEngine *e, ShardSet set)
{
        if (!set)
                return;
        SHARDS_FOREACH(s, set)
        {
                set_state(e, s, SHARD_AWAY);
                e->shards.all[s].over_epoch = e->shards.all[s].epoch;
                e->shards.all[s].epoch = 0;
        }
        engine_slots_forget(e, set);
        asks_forget_shards(e, set);
        timers_forget_shards(e, set);
}

static void release(FlowEngine *e, ShardSet set)
{
        EngineBatch *batch = engine_batch(e);

        log_info("flow", "giving up %u shards", shards_count(set));
        asks_mark_fresh(e, batch, set);
        SHARDS_FOREACH(s, set)
        {
                JournalRecord *rec = journal_batch_add(batch->journal, JOURNAL_RELEASE);

                rec->shard = s;
                rec->epoch = e->shards.all[s].epoch;
        }
        batch->released = true;
        forget(e, set);
}

void shards_check_leaving(FlowEngine *e)
{
        ShardSet leaving = e->shards.is_shared ? in_state(e, SHARD_LEAVING) : 0;

        if (leaving)
                leaving &= ~(asks_busy_shards(e) | engine_slots_busy(e));
        if (leaving)
                release(e, leaving);
}

static void leave(FlowEngine *e, ShardSet set)
{
        SHARDS_FOREACH(s, set)
        set_state(e, s, SHARD_LEAVING);
        asks_hold_shards(e, set);
        shards_check_leaving(e);
}

void shards_stop(FlowEngine *e)
{
        if (!e->shards.is_shared)
                return;
        loop_timer_clear(e->shards.look_due);
        leave(e, in_state(e, SHARD_OWNED) | in_state(e, SHARD_TAKING));
}

bool shards_are_away(const FlowEngine *e)
{
        return !e->shards.is_shared || shards_count(in_state(e, SHARD_AWAY)) == JOURNAL_SHARDS;
}

void shards_batch_committed(FlowEngine *e, const EngineBatch *batch)
{
        ShardSet lost = 0;

        if (!e->shards.is_shared)
                return;
        for (size_t i = 0; i < batch->journal->n_records; i++) {
                const JournalRecord *rec = &batch->journal->records[i];

                if (rec->stale && rec->epoch == e->shards.all[rec->shard].epoch)
                        lost |= shards_of(rec->shard);
        }
        if (lost)
                log_warn("flow", "%u shards belong to another gateway now", shards_count(lost));
        forget(e, lost);
}

void shards_batch_over(FlowEngine *e, const EngineBatch *batch)
{
        if (!e->shards.is_shared)
                return;
        for (size_t i = 0; i < batch->journal->n_records; i++)
                if (batch->journal->records[i].type == JOURNAL_INBOX_DELETE)
                        forget_consumed(e, batch->journal->records[i].id);
        if (batch->released)
                e->shards.config.on_released(e->shards.config.userdata);
}

/* ---- taking ---- */

static void take_over(FlowEngine *e, ShardSet set, const int64_t epochs[JOURNAL_SHARDS])
{
        if (!set)
                return;
        SHARDS_FOREACH(s, set)
        {
                e->shards.all[s].epoch = epochs[s];
                set_state(e, s, SHARD_TAKING);
        }
        journal_batch_add(engine_batch(e)->journal, JOURNAL_SCAN)->number = (int64_t) set;
}

void flow_engine_set_shards(FlowEngine *e, ShardSet ours, const int64_t epochs[JOURNAL_SHARDS],
                            ShardSet give_up)
{
        ShardSet lost = 0, taken = 0;

        for (unsigned s = 0; s < JOURNAL_SHARDS; s++) {
                const Shard *shard = &e->shards.all[s];
                bool is_ours = shards_have(ours, s);

                if (shard->state != SHARD_AWAY && (!is_ours || shard->epoch != epochs[s]))
                        lost |= shards_of(s);
                if (is_ours && (shard->state == SHARD_AWAY || shard->epoch != epochs[s]) &&
                    epochs[s] > shard->over_epoch && !e->stopping)
                        taken |= shards_of(s);
        }
        if (lost)
                log_warn("flow", "%u shards belong to another gateway now", shards_count(lost));
        forget(e, lost);
        take_over(e, taken, epochs);
        leave(e, give_up & in_state(e, SHARD_OWNED));
        metric_set(e->shards.n_owned, shards_count(flow_engine_shards(e)));
        if (e->stopping)
                engine_schedule_flush(e); /* it may have waited for the last of them */
}

ShardSet flow_engine_shards(const FlowEngine *e)
{
        return in_state(e, SHARD_OWNED) | in_state(e, SHARD_LEAVING);
}

void shards_scanned(FlowEngine *e, const JournalRecord *rec)
{
        ShardSet set = (ShardSet) rec->number & in_state(e, SHARD_TAKING);

        SHARDS_FOREACH(s, set)
        set_state(e, s, SHARD_OWNED);
        for (size_t i = 0; i < rec->n_rows; i++) {
                const JournalRecord *row = &rec->rows[i];

                if (!shards_have(set, journal_shard(row->flow_id)))
                        continue;
                if (row->type == JOURNAL_ASK_PUT)
                        asks_recover(e, row);
                else if (row->type == JOURNAL_TIMER_PUT)
                        timers_set(e, row->flow_id, row->key, row->at_ms);
                else if (!engine_slot_find(e, row->flow_id))
                        engine_slot_load(engine_slot_new(e, row->flow_id));
        }
        if (e->stopping)
                leave(e, set);
}

/* ---- what others have stored ---- */

void shards_tell_owner(FlowEngine *e, int64_t owner, int64_t flow_id)
{
        if (owner > 0 && owner != e->shards.config.id)
                e->shards.config.on_stored(e->shards.config.userdata, owner, flow_id);
}

void flow_engine_look(FlowEngine *e, int64_t flow_id)
{
        ShardState state = e->shards.all[journal_shard(flow_id)].state;
        Slot *slot;

        if (e->shards.is_shared && state == SHARD_AWAY)
                return; /* its owner looks, or will when it takes it over */
        slot = engine_slot_find(e, flow_id);
        if (!slot)
                engine_slot_load(engine_slot_new(e, flow_id));
        else if (slot->quarantined) {
                slot->quarantined = false;
                engine_slot_load(slot);
        } else if (e->shards.is_shared)
                engine_slot_look(slot);
}

static void on_look(void *userdata)
{
        FlowEngine *e = userdata;
        ShardSet ours = flow_engine_shards(e);
        JournalRecord *rec;

        loop_timer_set(e->shards.look_due, LOOK_EVERY_MS);
        if (!ours || e->shards.is_looking)
                return;
        rec = journal_batch_add(engine_batch(e)->journal, JOURNAL_LATELY);
        rec->number = (int64_t) ours;
        rec->at_ms = e->shards.n_looks++ % LOOKS_PER_FULL == 0 ? 0 : LATELY_MS;
        e->shards.is_looking = true;
}

void shards_looked(FlowEngine *e, const JournalRecord *rec)
{
        e->shards.is_looking = false;
        for (size_t i = 0; i < rec->n_rows; i++) {
                const JournalRecord *row = &rec->rows[i];
                const Slot *slot = engine_slot_find(e, row->flow_id);

                if (shards_is_ours(e, row->flow_id) && !shards_is_consumed(e, row->id) &&
                    !(slot && engine_slot_has(slot, row->id)))
                        flow_engine_look(e, row->flow_id);
        }
}

void flow_engine_hint(FlowEngine *e, int64_t flow_id, const char *event, json_t *data)
{
        EventItem *item;

        if (!shards_is_ours(e, flow_id)) {
                json_decref(data);
                return;
        }
        item = mem_new(EventItem);
        item->name = mem_strdup(event);
        item->data = data ? data : json_object();
        item->volatile_ = true;
        engine_push(e, flow_id, item);
}

/* ---- life ---- */

void flow_engine_share(FlowEngine *e, const FlowReplica *replica, Metrics *metrics)
{
        e->shards.is_shared = true;
        e->shards.config = *replica;
        e->may_act = replica->may_act;
        e->may_act_userdata = replica->userdata;
        e->shards.look_due = loop_timer_new(e->loop, on_look, e);
        e->shards.n_owned =
                metrics_gauge(metrics, "flow_shards", "Shards of the journal that are ours.", NULL);
}

void flow_engine_set_number(FlowEngine *e, unsigned number)
{
        e->replica_number = number & 63;
}

void shards_start(FlowEngine *e)
{
        loop_timer_set(e->shards.look_due, LOOK_EVERY_MS);
}

void shards_deinit(FlowEngine *e)
{
        while (e->shards.consumed)
                forget_consumed(e, e->shards.consumed->inbox_id);
        loop_timer_free(e->shards.look_due);
}
