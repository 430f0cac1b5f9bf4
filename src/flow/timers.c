/* Timers of all flows in one heap under one loop timer. Their rows are written by the turn that sets them;
 * here they only come due. The rows hold real time, so that a timer set before a restart is still right after
 * it; from then on a clock counts that does not jump, and goes on during a suspend. */
#include "flow/engine-internal.h"

#include "base/clock.h"

/* The loop timer stands still while the machine sleeps. Looking again at least this often bounds the error.
 */
#define LOOK_AGAIN_MS 30000

typedef struct TimerEntry {
        List link; /* in its set */
        HeapNode heap;
        TimerSet *set;
        char *name;
} TimerEntry;

struct TimerSet {
        int64_t flow_id;
        List entries;
        UT_hash_handle hh;
};

static void rearm(FlowEngine *e)
{
        HeapNode *min = heap_min(&e->timer_heap);

        if (!min)
                loop_timer_clear(e->timer);
        else
                loop_timer_set(e->timer, MIN2(MAX2(min->key - clock_boottime_ms(), (int64_t) 0),
                                              (int64_t) LOOK_AGAIN_MS));
}

static void entry_free(FlowEngine *e, TimerEntry *t)
{
        heap_remove(&e->timer_heap, &t->heap);
        list_remove(&t->link);
        free(t->name);
        free(t);
}

static void set_free_if_empty(FlowEngine *e, TimerSet *set)
{
        if (!list_empty(&set->entries))
                return;
        HASH_DEL(e->timer_sets, set);
        free(set);
}

static void on_due(void *userdata)
{
        FlowEngine *e = userdata;
        int64_t now_ms = clock_boottime_ms();
        HeapNode *min;

        while ((min = heap_min(&e->timer_heap)) && min->key <= now_ms) {
                TimerEntry *t = container_of(min, TimerEntry, heap);
                TimerSet *set = t->set;
                EventItem *item = mem_new(EventItem);

                item->name = mem_strdup(EVENT_TIMER);
                item->tag = mem_strdup(t->name);
                engine_push(e, set->flow_id, item);
                entry_free(e, t);
                set_free_if_empty(e, set);
        }
        rearm(e);
}

static TimerEntry *find(TimerSet *set, const char *name)
{
        list_for_each (node, &set->entries) {
                TimerEntry *t = list_entry(node, TimerEntry, link);

                if (str_equal(t->name, name))
                        return t;
        }
        return NULL;
}

void timers_set(FlowEngine *e, int64_t flow_id, const char *name, int64_t due_ms)
{
        TimerSet *set;
        TimerEntry *t;

        HASH_FIND(hh, e->timer_sets, &flow_id, sizeof(flow_id), set);
        if (!set) {
                set = mem_new(TimerSet);
                set->flow_id = flow_id;
                list_init(&set->entries);
                HASH_ADD(hh, e->timer_sets, flow_id, sizeof(flow_id), set);
        }
        t = find(set, name);
        if (t)
                heap_remove(&e->timer_heap, &t->heap);
        else {
                t = mem_new(TimerEntry);
                t->set = set;
                t->name = mem_strdup(name);
                list_append(&set->entries, &t->link);
        }
        heap_insert(&e->timer_heap, &t->heap, clock_boottime_ms() + due_ms - clock_realtime_ms());
        rearm(e);
}

void timers_cancel(FlowEngine *e, int64_t flow_id, const char *name)
{
        TimerSet *set;

        HASH_FIND(hh, e->timer_sets, &flow_id, sizeof(flow_id), set);
        if (!set)
                return;
        list_for_each_safe (node, &set->entries) {
                TimerEntry *t = list_entry(node, TimerEntry, link);

                if (!name || str_equal(t->name, name))
                        entry_free(e, t);
        }
        set_free_if_empty(e, set);
        rearm(e);
}

void timers_forget_shards(FlowEngine *e, ShardSet set)
{
        TimerSet *timers, *next;

        HASH_ITER (hh, e->timer_sets, timers, next)
                if (shards_have(set, journal_shard(timers->flow_id)))
                        timers_cancel(e, timers->flow_id, NULL);
}

void timers_init(FlowEngine *e)
{
        e->timer = loop_timer_new(e->loop, on_due, e);
}

void timers_deinit(FlowEngine *e)
{
        TimerSet *set, *next;

        HASH_ITER (hh, e->timer_sets, set, next) {
                list_for_each_safe (node, &set->entries)
                        entry_free(e, list_entry(node, TimerEntry, link));
                set_free_if_empty(e, set);
        }
        heap_deinit(&e->timer_heap);
        loop_timer_free(e->timer);
}
