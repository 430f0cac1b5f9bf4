/* The outbox in memory: lanes, priorities, coalescing, rate buckets, retries.
 *
 * An ask becomes visible here when its turn has committed, and goes when a turn has consumed its result; a
 * crash in between finds its row and performs it again, marked uncertain. Within a lane one ask is under way
 * at a time, in the order of asking, except that a more urgent one overtakes whatever has not been started: a
 * question is never behind progress, and progress that waits for a rate bucket never blocks a final state. */
#include "flow/engine-internal.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "flow/shards.h"

#define BACKOFF_MAX_MS 30000

typedef enum AskState {
        ASK_UNCOMMITTED, /* in its batch's list */
        ASK_IN_LANE,     /* behind others */
        ASK_READY,       /* in its verb's queue */
        ASK_TIMED,       /* in ask_heap: backoff, or no token in the bucket */
        ASK_HELD,        /* its shard is being given up */
        ASK_IN_FLIGHT,
} AskState;

struct AskEntry {
        Ask ask; /* what the adapter sees */
        FlowEngine *engine;
        int64_t id, flow_id;
        char *key, *verb_name, *tag, *lane_name, *word;
        json_t *args;
        VerbEntry *verb;
        Lane *lane; /* NULL = none */
        AskState state;
        bool for_token;         /* TIMED because of wait_ms() */
        bool is_unwanted;       /* forgotten or replaced after it may have had its effect */
        bool is_orphan;         /* in flight, and its shard is not ours any more */
        AskPerformed performed; /* of flow_engine_perform(); else NULL */
        void *performed_userdata;
        int64_t not_before_ms; /* loop time; the backoff holds even after having been overtaken */
        List link;
        List all_link; /* in engine->asks */
        HeapNode heap;
        char *coalesce_key; /* "<flow>:<word>"; NULL = not registered */
        UT_hash_handle hh;
};

struct Lane {
        char *name;
        AskEntry *current;
        List waiting[ASK_N_PRIORITIES];
        UT_hash_handle hh;
};

struct VerbEntry {
        const AskVerb *verb;
        void *owner;
        unsigned n_inflight;
        List ready[ASK_N_PRIORITIES];
        UT_hash_handle hh;
};

static void schedule_pump(FlowEngine *e);

void flow_engine_add_verb(FlowEngine *e, const AskVerb *verb, void *owner)
{
        VerbEntry *v = mem_new(VerbEntry);

        v->verb = verb;
        v->owner = owner;
        for (unsigned i = 0; i < ASK_N_PRIORITIES; i++)
                list_init(&v->ready[i]);
        HASH_ADD_KEYPTR(hh, e->verbs, verb->name, strlen(verb->name), v);
}

static void uncoalesce(AskEntry *a)
{
        if (!a->coalesce_key)
                return;
        HASH_DEL(a->engine->coalesced, a);
        free(take(a->coalesce_key));
}

static void entry_free(AskEntry *a)
{
        uncoalesce(a);
        heap_remove(&a->engine->ask_heap, &a->heap);
        list_remove(&a->link);
        list_remove(&a->all_link);
        metric_add(a->engine->metrics.asks_pending, a->performed ? 0 : -1);
        json_decref(a->args);
        free(a->key);
        free(a->verb_name);
        free(a->tag);
        free(a->lane_name);
        free(a->word);
        free(a);
}

static char *coalesce_key(int64_t flow_id, const char *word)
{
        return mem_printf("%llx:%s", (unsigned long long) flow_id, word);
}

static void register_word(AskEntry *a)
{
        FlowEngine *e = a->engine;
        AskEntry *older;

        if (!*a->word)
                return;
        a->coalesce_key = coalesce_key(a->flow_id, a->word);
        HASH_FIND_STR(e->coalesced, a->coalesce_key, older);
        if (older) { /* it was under way, or was when the process died */
                uncoalesce(older);
                older->is_unwanted = true;
        }
        HASH_ADD_KEYPTR(hh, e->coalesced, a->coalesce_key, strlen(a->coalesce_key), a);
}

AskEntry *asks_create(FlowEngine *e, int64_t flow_id, const JournalRecord *rec, json_t *args)
{
        AskEntry *a = mem_new(AskEntry);

        a->engine = e;
        a->id = rec->id;
        a->flow_id = flow_id;
        a->key = mem_strdup(rec->key);
        a->verb_name = mem_strdup(rec->kind);
        a->tag = mem_strdup(rec->event);
        a->lane_name = mem_strdup(rec->address);
        a->word = mem_strdup(rec->status);
        a->args = args;
        list_init(&a->link);
        list_append(&e->asks, &a->all_link);
        HASH_FIND_STR(e->verbs, rec->kind, a->verb);
        a->ask = (Ask){
                .key = a->key,
                .verb = a->verb_name,
                .lane = a->lane_name,
                .args = args,
                .priority =
                        (AskPriority) MIN2(MAX2(rec->number, (int64_t) 0), (int64_t) ASK_N_PRIORITIES - 1),
                .created_ms = rec->at_ms,
                /* Real time may jump while the process lives; only what a restart found is as old as it says.
                 */
                .since_ms = clock_boottime_ms() - MAX2(clock_realtime_ms() - rec->at_ms, (int64_t) 0),
        };
        register_word(a);
        metric_add(e->metrics.asks_pending, 1);
        return a;
}

void asks_batch_add(EngineBatch *batch, AskEntry *entry)
{
        list_append(&batch->asks, &entry->link);
}

void asks_batch_drop(EngineBatch *batch)
{
        list_for_each_safe (node, &batch->asks)
                entry_free(list_entry(node, AskEntry, link));
}

static void set_timed(AskEntry *a, int64_t after_ms, bool for_token);

static void make_ready(AskEntry *a)
{
        int64_t wait_ms = a->not_before_ms - loop_now_ms(a->engine->loop);

        if (!shards_may_start(a->engine, a->flow_id)) {
                a->state = ASK_HELD;
                return;
        }
        if (wait_ms > 0) {
                set_timed(a, wait_ms, false);
                return;
        }
        a->state = ASK_READY;
        list_append(&a->verb->ready[a->ask.priority], &a->link);
        schedule_pump(a->engine);
}

static void lane_free_if_empty(FlowEngine *e, Lane *lane)
{
        if (lane->current)
                return;
        for (unsigned i = 0; i < ASK_N_PRIORITIES; i++)
                if (!list_empty(&lane->waiting[i]))
                        return;
        HASH_DEL(e->lanes, lane);
        free(lane->name);
        free(lane);
}

static void lane_advance(FlowEngine *e, Lane *lane)
{
        for (unsigned i = 0; !lane->current && i < ASK_N_PRIORITIES; i++) {
                AskEntry *a = list_first(&lane->waiting[i], AskEntry, link);

                if (!a)
                        continue;
                list_remove(&a->link);
                lane->current = a;
                make_ready(a);
        }
        lane_free_if_empty(e, lane);
}

static Lane *lane_get(FlowEngine *e, const char *name)
{
        Lane *lane;

        HASH_FIND_STR(e->lanes, name, lane);
        if (lane)
                return lane;
        lane = mem_new(Lane);
        lane->name = mem_strdup(name);
        for (unsigned i = 0; i < ASK_N_PRIORITIES; i++)
                list_init(&lane->waiting[i]);
        HASH_ADD_KEYPTR(hh, e->lanes, lane->name, strlen(lane->name), lane);
        return lane;
}

static void enter_lane(AskEntry *a)
{
        FlowEngine *e = a->engine;
        AskEntry *current;

        if (!*a->lane_name) {
                make_ready(a);
                return;
        }
        a->lane = lane_get(e, a->lane_name);
        a->state = ASK_IN_LANE;
        list_append(&a->lane->waiting[a->ask.priority], &a->link);
        current = a->lane->current;
        if (current && current->state != ASK_IN_FLIGHT && current->ask.priority > a->ask.priority) {
                /* Overtake: what has not started goes back to the head of its own queue. */
                list_remove(&current->link);
                heap_remove(&e->ask_heap, &current->heap);
                current->state = ASK_IN_LANE;
                list_prepend(&a->lane->waiting[current->ask.priority], &current->link);
                a->lane->current = NULL;
        }
        lane_advance(e, a->lane);
}

static void finish(AskEntry *a, AskOutcome outcome, json_t *value)
{
        FlowEngine *e = a->engine;
        EventItem *item = mem_new(EventItem);

        item->name = mem_strdup(a->ask.verb);
        item->tag = mem_strdup(a->tag);
        item->outcome = outcome;
        item->data = value ? value : json_object();
        item->ask_id = a->id;
        if (a->lane) {
                if (a->lane->current == a)
                        a->lane->current = NULL;
                lane_advance(e, take(a->lane));
        }
        engine_push(e, a->flow_id, item);
        entry_free(a);
}

/* Whether it happened can be found out, and should be: the flow gets the result, and can take the effect
 * back. */
static bool must_be_looked_for(const AskEntry *a)
{
        return a->ask.uncertain && a->verb && a->verb->verb->probe;
}

static void remove_entry(AskEntry *a)
{
        FlowEngine *e = a->engine;
        Lane *lane = a->lane;

        if (lane && lane->current == a)
                lane->current = NULL;
        entry_free(a);
        if (lane)
                lane_advance(e, lane);
}

/* It never happened, or that does not matter any more: nobody hears of it again. */
static void drop(EngineBatch *batch, AskEntry *a)
{
        shards_add(a->engine, batch, JOURNAL_ASK_DELETE, a->flow_id)->id = a->id;
        remove_entry(a);
}

static void release(AskEntry *a)
{
        if (!a->verb) {
                log_error("flow", "ask %s: this program does not know the verb %s", a->key, a->verb_name);
                finish(a, ASK_PERMFAIL, ask_error("unknown_verb", NULL));
                return;
        }
        enter_lane(a);
}

void asks_release(FlowEngine *e, EngineBatch *batch)
{
        (void) e;
        list_for_each_safe (node, &batch->asks) {
                list_remove(node);
                release(list_entry(node, AskEntry, link));
        }
}

/* It is under way here since its shard was ours before: its end is what counts. */
static bool adopt(FlowEngine *e, int64_t id)
{
        list_for_each (node, &e->asks) {
                AskEntry *a = list_entry(node, AskEntry, all_link);

                if (!a->is_orphan || a->id != id)
                        continue;
                a->is_orphan = false;
                register_word(a);
                return true;
        }
        return false;
}

void asks_recover(FlowEngine *e, const JournalRecord *rec)
{
        json_t *args = json_parse(rec->data, strlen(rec->data), NULL);
        bool readable = json_is_object(args);
        _cleanup_free_ char *key = coalesce_key(rec->flow_id, rec->status);
        AskEntry *older = NULL, *a;

        if (adopt(e, rec->id)) {
                json_decref(args);
                return;
        }
        if (*rec->status)
                HASH_FIND_STR(e->coalesced, key, older);
        a = asks_create(e, rec->flow_id, rec, args ? args : json_object());
        a->ask.uncertain = !rec->fresh;
        /* The older one was under way when the newer one was asked. Done again it would come after the newer
         * one, if that is more urgent, and undo it. */
        if (older && !must_be_looked_for(older))
                drop(engine_batch(e), older);
        if (!readable) {
                log_error("flow", "ask %s: its arguments are not a JSON object", a->key);
                finish(a, ASK_PERMFAIL, ask_error("unreadable", NULL));
                return;
        }
        release(a);
}

void asks_forget(FlowEngine *e, EngineBatch *batch, int64_t flow_id, const char *word)
{
        _cleanup_free_ char *key = coalesce_key(flow_id, word);
        AskEntry *a;

        HASH_FIND_STR(e->coalesced, key, a);
        if (!a)
                return;
        if (a->state == ASK_IN_FLIGHT || must_be_looked_for(a)) {
                uncoalesce(a);
                a->is_unwanted = true;
                return;
        }
        drop(batch, a);
}

static void set_timed(AskEntry *a, int64_t after_ms, bool for_token)
{
        FlowEngine *e = a->engine;
        HeapNode *min;

        a->state = ASK_TIMED;
        a->for_token = for_token;
        if (!for_token)
                a->not_before_ms = loop_now_ms(e->loop) + after_ms;
        heap_insert(&e->ask_heap, &a->heap, loop_now_ms(e->loop) + after_ms);
        min = heap_min(&e->ask_heap);
        loop_timer_set(e->ask_timer, MAX2(min->key - loop_now_ms(e->loop), (int64_t) 0));
}

static void on_ask_timer(void *userdata)
{
        FlowEngine *e = userdata;
        int64_t now_ms = loop_now_ms(e->loop);
        HeapNode *min;

        while ((min = heap_min(&e->ask_heap)) && min->key <= now_ms) {
                heap_remove(&e->ask_heap, min);
                make_ready(container_of(min, AskEntry, heap));
        }
        if (min)
                loop_timer_set(e->ask_timer, min->key - now_ms);
}

static bool past_deadline(const AskEntry *a, int64_t after_ms)
{
        return a->verb->verb->deadline_ms > 0 &&
               clock_boottime_ms() + after_ms > a->ask.since_ms + a->verb->verb->deadline_ms;
}

/* Starts a ready ask if it may start now. */
static void start(AskEntry *a)
{
        VerbEntry *v = a->verb;
        int64_t wait_ms;
        bool probing = a->ask.uncertain && v->verb->probe;

        list_remove(&a->link);
        /* Whether it has happened is worth knowing even when it may not happen any more. */
        if (past_deadline(a, 0) && !probing) {
                finish(a, ASK_TEMPFAIL, ask_error("deadline", "it was not done in time"));
                return;
        }
        if (a->ask.uncertain && v->verb->max_attempts == 1) {
                finish(a, ASK_TEMPFAIL,
                       ask_error("interrupted", "the gateway was restarted while it was under way"));
                return;
        }
        wait_ms = v->verb->wait_ms ? v->verb->wait_ms(v->owner, &a->ask) : 0;
        if (wait_ms > 0) {
                set_timed(a, wait_ms, true);
                return;
        }
        a->state = ASK_IN_FLIGHT;
        v->n_inflight++;
        a->ask.attempt++;
        FAILPOINT("ask.before_start");
        if (probing)
                v->verb->probe(v->owner, &a->ask);
        else
                v->verb->start(v->owner, &a->ask);
        FAILPOINT("ask.after_start");
}

void asks_pump(FlowEngine *e)
{
        VerbEntry *v, *next;

        if (e->stopping || (e->may_act && !e->may_act(e->may_act_userdata)))
                return;
        for (unsigned priority = 0; priority < ASK_N_PRIORITIES; priority++)
                HASH_ITER (hh, e->verbs, v, next) {
                        unsigned max = v->verb->max_inflight;

                        while (!list_empty(&v->ready[priority]) && (max == 0 || v->n_inflight < max))
                                start(list_first(&v->ready[priority], AskEntry, link));
                }
}

static void on_pump(void *userdata)
{
        FlowEngine *e = userdata;

        e->pump_scheduled = false;
        asks_pump(e);
        shards_check_leaving(e);
}

static void schedule_pump(FlowEngine *e)
{
        if (e->pump_scheduled)
                return;
        e->pump_scheduled = true;
        loop_defer(e->loop, on_pump, e);
}

void flow_engine_kick(FlowEngine *e)
{
        /* Collected first: a started ask may be timed again at once. */
        List due;

        list_init(&due);
        for (size_t i = 0; i < e->ask_heap.n; i++) {
                AskEntry *a = container_of(e->ask_heap.nodes[i], AskEntry, heap);

                if (a->for_token)
                        list_append(&due, &a->link);
        }
        list_for_each_safe (node, &due) {
                AskEntry *a = list_entry(node, AskEntry, link);

                list_remove(node);
                heap_remove(&e->ask_heap, &a->heap);
                make_ready(a);
        }
        schedule_pump(e);
}

static int64_t backoff_ms(const AskEntry *a)
{
        int64_t base = a->verb->verb->backoff_ms;

        for (unsigned i = 1; i < a->ask.attempt && base < BACKOFF_MAX_MS; i++)
                base *= 2;
        base = MIN2(base, (int64_t) BACKOFF_MAX_MS);
        return base / 2 + (int64_t) (random_u64() % (uint64_t) (base / 2 + 1));
}

void ask_done(Ask *ask, const AskResult *result)
{
        AskEntry *a = container_of(ask, AskEntry, ask);
        const AskVerb *verb;
        int64_t after_ms;

        if (a->performed) {
                a->performed(a->performed_userdata, result);
                json_decref(result->value);
                entry_free(a);
                return;
        }
        verb = a->verb->verb;
        a->verb->n_inflight--;
        schedule_pump(a->engine);
        if (a->is_orphan) { /* whoever has it now looks after it */
                json_decref(result->value);
                remove_entry(a);
                return;
        }
        FAILPOINT("ask.done");
        a->ask.uncertain |= result->outcome == ASK_TEMPFAIL && result->uncertain;
        if (result->outcome == ASK_TEMPFAIL && a->is_unwanted && !must_be_looked_for(a)) {
                json_decref(result->value);
                drop(engine_batch(a->engine), a);
                return;
        }
        after_ms = result->retry_after_ms > 0 ? result->retry_after_ms : backoff_ms(a);
        if (result->outcome != ASK_TEMPFAIL || (verb->max_attempts && a->ask.attempt >= verb->max_attempts) ||
            past_deadline(a, after_ms)) {
                finish(a, result->outcome, result->value);
                return;
        }
        log_info("flow", "%s %s: attempt %u failed (%s), again in %lld ms", ask->verb, ask->key, ask->attempt,
                 json_str_or(result->value, "error", "?"), (long long) after_ms);
        json_decref(result->value);
        set_timed(a, after_ms, false);
        /* A more urgent one may have arrived in the lane meanwhile. */
        if (a->lane)
                for (unsigned i = 0; i < a->ask.priority; i++)
                        if (!list_empty(&a->lane->waiting[i])) {
                                heap_remove(&a->engine->ask_heap, &a->heap);
                                a->state = ASK_IN_LANE;
                                a->lane->current = NULL;
                                list_prepend(&a->lane->waiting[a->ask.priority], &a->link);
                                lane_advance(a->engine, a->lane);
                                return;
                        }
}

void ask_absent(Ask *ask)
{
        AskEntry *a = container_of(ask, AskEntry, ask);

        /* Nothing happened yet: from here on it is a fresh attempt, with its own token. */
        a->verb->n_inflight--;
        if (a->is_orphan) {
                remove_entry(a);
                return;
        }
        if (a->is_unwanted) {
                drop(engine_batch(a->engine), a);
                return;
        }
        a->ask.uncertain = false;
        a->ask.repeated = true;
        a->ask.attempt--;
        make_ready(a);
}

/* ---- shards that come and go ---- */

void asks_forget_shards(FlowEngine *e, ShardSet set)
{
        list_for_each_safe (node, &e->asks) {
                AskEntry *a = list_entry(node, AskEntry, all_link);

                if (!shards_have(set, journal_shard(a->flow_id)))
                        continue;
                if (a->state == ASK_IN_FLIGHT) { /* its adapter still has it */
                        uncoalesce(a);
                        a->is_orphan = true;
                } else
                        remove_entry(a);
        }
}

void asks_hold_shards(FlowEngine *e, ShardSet set)
{
        list_for_each (node, &e->asks) {
                AskEntry *a = list_entry(node, AskEntry, all_link);

                if (a->state != ASK_READY || !shards_have(set, journal_shard(a->flow_id)))
                        continue;
                list_remove(&a->link);
                a->state = ASK_HELD;
        }
}

void asks_mark_fresh(FlowEngine *e, EngineBatch *batch, ShardSet set)
{
        list_for_each (node, &e->asks) {
                AskEntry *a = list_entry(node, AskEntry, all_link);

                if (shards_have(set, journal_shard(a->flow_id)) && a->state != ASK_IN_FLIGHT &&
                    a->ask.attempt == 0 && !a->ask.uncertain && !a->ask.repeated)
                        shards_add(e, batch, JOURNAL_ASK_FRESH, a->flow_id)->id = a->id;
        }
}

ShardSet asks_busy_shards(const FlowEngine *e)
{
        ShardSet busy = 0;

        list_for_each (node, (List *) &e->asks) {
                const AskEntry *a = list_entry(node, AskEntry, all_link);

                if (a->state == ASK_IN_FLIGHT && !a->is_orphan)
                        busy |= shards_of(journal_shard(a->flow_id));
        }
        return busy;
}

/* ---- for somebody else ---- */

void flow_engine_perform(FlowEngine *e, const AskVerb *verb, void *owner, const Ask *like, json_t *args,
                         AskPerformed done, void *userdata)
{
        AskEntry *a = mem_new(AskEntry);

        a->engine = e;
        a->performed = done;
        a->performed_userdata = userdata;
        a->key = mem_strdup(like->key);
        a->args = args;
        list_init(&a->link);
        list_append(&e->foreign, &a->all_link);
        a->ask = *like;
        a->ask.key = a->key;
        a->ask.verb = verb->name;
        a->ask.lane = "";
        a->ask.args = args;
        verb->start(owner, &a->ask);
}

void asks_init(FlowEngine *e)
{
        list_init(&e->asks);
        list_init(&e->foreign);
        e->ask_timer = loop_timer_new(e->loop, on_ask_timer, e);
}

void asks_deinit(FlowEngine *e)
{
        VerbEntry *v, *v_next;
        Lane *lane, *lane_next;

        /* What is in flight belongs to adapters that are gone by now; the rows stay for the next start. */
        list_for_each_safe (node, &e->asks)
                entry_free(list_entry(node, AskEntry, all_link));
        list_for_each_safe (node, &e->foreign)
                entry_free(list_entry(node, AskEntry, all_link));
        HASH_ITER (hh, e->lanes, lane, lane_next) {
                HASH_DEL(e->lanes, lane);
                free(lane->name);
                free(lane);
        }
        HASH_ITER (hh, e->verbs, v, v_next) {
                HASH_DEL(e->verbs, v);
                free(v);
        }
        heap_deinit(&e->ask_heap);
        loop_timer_free(e->ask_timer);
}
