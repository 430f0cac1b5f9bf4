/* What a record that has been written means in memory: a delivered event joins its flow's queue, a loaded row
 * becomes a slot. */
#include "flow/engine-internal.h"

#include "base/log.h"
#include "flow/shards.h"

#define PRUNE_FULL_ROWS 1000 /* as many were pruned at once: more are waiting */
#define KNOWN_MAX       4096

const FlowKind *engine_find_kind(FlowEngine *e, const char *name)
{
        for (const FlowKind *const *k = e->config.kinds; *k; k++)
                if (str_equal((*k)->name, name))
                        return *k;
        return NULL;
}

static const FlowStep *find_step(const FlowKind *kind, const char *name)
{
        for (const FlowStep *const *s = kind->steps; *s; s++)
                if (str_equal((*s)->name, name))
                        return *s;
        return NULL;
}

static AskOutcome outcome_from_row(const char *digits)
{
        long outcome = strtol(digits, NULL, 10);

        return outcome >= ASK_OK && outcome <= ASK_PERMFAIL ? (AskOutcome) outcome : ASK_PERMFAIL;
}

static EventItem *item_from_row(const char *event, const char *data, int64_t inbox_id)
{
        EventItem *item = mem_new(EventItem);
        const char *tab = strchr(event, '\t');

        /* A parked result of an ask: name, tag, outcome (turn.c, store_event). */
        item->name = tab ? mem_strndup(event, (size_t) (tab - event)) : mem_strdup(event);
        if (tab) {
                const char *second = strchr(tab + 1, '\t');

                item->tag = mem_strndup(tab + 1, second ? (size_t) (second - tab - 1) : strlen(tab + 1));
                if (second)
                        item->outcome = outcome_from_row(second + 1);
        }
        item->text = mem_strdup(data);
        item->inbox_id = inbox_id;
        return item;
}

static bool list_has(const List *items, int64_t inbox_id)
{
        list_for_each (node, (List *) items)
                if (list_entry(node, EventItem, link)->inbox_id == inbox_id)
                        return true;
        return false;
}

static bool queue_has(const Slot *slot, int64_t inbox_id)
{
        return list_has(&slot->queue, inbox_id);
}

bool engine_slot_has(const Slot *slot, int64_t inbox_id)
{
        return queue_has(slot, inbox_id) || list_has(&slot->parked, inbox_id);
}

static void quarantine_unreadable(FlowEngine *e, Slot *slot, const JournalFlow *f, const char *why)
{
        JournalRecord *rec = shards_add(e, engine_batch(e), JOURNAL_FLOW_STATUS, slot->flow_id);

        log_error("flow", "%s %016llx quarantined: %s", f->kind, (unsigned long long) slot->flow_id, why);
        metric_add(e->metrics.quarantined, 1);
        rec->flow_id = slot->flow_id;
        rec->status = "quarantined";
        rec->error = journal_batch_string(e->open->journal, why);
        slot->quarantined = true;
}

/* Brings the stored data up to the kind's version. */
static const char *upgrade(Slot *slot, const JournalFlow *f)
{
        _cleanup_json_ json_t *data = NULL;

        if (f->version == slot->kind->version)
                return NULL;
        if (f->version > slot->kind->version)
                return "it was written by a newer program";
        data = json_parse(slot->data, strlen(slot->data), NULL);
        if (!data || !slot->kind->upgrade || slot->kind->upgrade(data, (int) f->version) < 0)
                return "its data cannot be brought up to date";
        free(slot->data);
        slot->data = json_dump(data);
        return NULL;
}

static void look_again(Slot *slot)
{
        if (slot->look_again) {
                slot->look_again = false;
                engine_slot_look(slot);
        }
}

/* Of a flow in memory: what others have stored for it joins its queue. */
static void slot_looked(FlowEngine *e, Slot *slot, const JournalFlow *f)
{
        slot->is_looking = false;
        if (slot->state != SLOT_READY || slot->quarantined)
                return;
        for (size_t i = 0; f && i < f->n_inbox; i++)
                if (!engine_slot_has(slot, f->inbox[i].id) && !shards_is_consumed(e, f->inbox[i].id))
                        list_append(
                                &slot->queue,
                                &item_from_row(f->inbox[i].event, f->inbox[i].data, f->inbox[i].id)->link);
        if (!list_empty(&slot->queue))
                engine_slot_run(slot);
        look_again(slot);
}

static void slot_loaded(FlowEngine *e, const JournalRecord *rec)
{
        Slot *slot = engine_slot_find(e, rec->flow_id);
        const JournalFlow *f = rec->result;
        const char *why = NULL;
        List *first;

        if (slot && rec->number == LOAD_LOOK && shards_is_current(e, rec) && slot->is_looking) {
                slot_looked(e, slot, f);
                return;
        }
        if (!slot || slot->state != SLOT_LOADING || rec->number == LOAD_LOOK || !shards_is_current(e, rec))
                return;
        slot->state = f ? SLOT_READY : SLOT_GONE;
        if (!f) {
                engine_slot_run(slot);
                return;
        }
        slot->kind = engine_find_kind(e, f->kind);
        slot->step = slot->kind ? find_step(slot->kind, f->step) : NULL;
        mem_strset(&slot->data, f->data);
        slot->quarantined = str_equal(f->status, "quarantined");
        if (!slot->step)
                why = "this program does not know its kind or step";
        else
                why = upgrade(slot, f);
        if (why && !slot->quarantined)
                quarantine_unreadable(e, slot, f, why);
        /* Rows that are older than what has been queued meanwhile come first. */
        first = slot->queue.next;
        for (size_t i = 0; i < f->n_inbox; i++)
                if (!queue_has(slot, f->inbox[i].id))
                        list_insert_before(
                                first,
                                &item_from_row(f->inbox[i].event, f->inbox[i].data, f->inbox[i].id)->link);
        engine_slot_run(slot);
        look_again(slot);
}

static void known_free(FlowEngine *e, KnownAddress *k)
{
        HASH_DEL(e->known, k);
        free(k->address);
        free(k);
}

static void remember_address(FlowEngine *e, const char *address, int64_t flow_id)
{
        KnownAddress *k;

        HASH_FIND_STR(e->known, address, k);
        if (k) {
                k->flow_id = flow_id;
                return;
        }
        if (HASH_COUNT(e->known) >= KNOWN_MAX)
                known_free(e, e->known);
        k = mem_new(KnownAddress);
        k->address = mem_strdup(address);
        k->flow_id = flow_id;
        HASH_ADD_KEYPTR(hh, e->known, k->address, strlen(k->address), k);
}

static void delivered(FlowEngine *e, const JournalRecord *rec)
{
        Slot *slot = engine_slot_find(e, rec->flow_id);

        if (rec->outcome != JOURNAL_DELIVERED)
                return;
        remember_address(e, rec->address, rec->flow_id);
        if (e->shards.is_shared && (rec->owner != e->shards.config.id || !shards_is_ours(e, rec->flow_id))) {
                shards_tell_owner(e, rec->owner, rec->flow_id);
                return;
        }
        if (rec->created && !slot) {
                slot = engine_slot_new(e, rec->flow_id);
                slot->state = SLOT_READY;
                slot->kind = engine_find_kind(e, rec->kind);
                slot->step = slot->kind->steps[0];
                slot->data = mem_strdup("{}");
        }
        if (slot && queue_has(slot, rec->id))
                return; /* a LOAD of the same batch brought it already */
        engine_push(e, rec->flow_id, item_from_row(rec->event, rec->data, rec->id));
}

/* An operator's retry is durable. A load that was under way when it came still saw the quarantine. */
static void retried(FlowEngine *e, const JournalRecord *rec)
{
        shards_tell_owner(e, rec->owner, rec->flow_id);
        if (shards_is_ours(e, rec->flow_id))
                flow_engine_look(e, rec->flow_id);
}

static void pruned(FlowEngine *e, const JournalRecord *rec)
{
        if (rec->number >= PRUNE_FULL_ROWS)
                loop_timer_set(e->prune, e->config.commit_retry_ms);
}

void engine_record_written(FlowEngine *e, const JournalRecord *rec)
{
        if (rec->stale)
                return;
        switch (rec->type) {
        case JOURNAL_SCAN: shards_scanned(e, rec); break;
        case JOURNAL_LATELY: shards_looked(e, rec); break;
        case JOURNAL_DELIVER: delivered(e, rec); break;
        case JOURNAL_LOAD: slot_loaded(e, rec); break;
        case JOURNAL_PRUNE: pruned(e, rec); break;
        case JOURNAL_FLOW_STATUS:
                if (str_equal(rec->status, "active"))
                        retried(e, rec);
                break;
        default: break;
        }
}

void engine_known_forget(FlowEngine *e)
{
        while (e->known)
                known_free(e, e->known);
}
