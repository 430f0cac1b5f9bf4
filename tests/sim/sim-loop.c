/* The loop, the clocks and the random numbers of a run. Everything that happens is an event in one heap,
 * ordered by virtual time; what is ready at the same time runs in an order that the seed decides, except that
 * deferred calls keep theirs (loop.h promises it).
 *
 * This file defines the functions of loop/loop.h and base/clock.h, so that the linker takes these instead of
 * the product's; random_u64() and random_bytes() are wrapped by the linker (meson.build). */
#include "sim.h"

#include "base/clock.h"

#define TIE_BITS 20
#define EPOCH_MS 1767225600000LL /* 2026-01-01: when every run begins */

SimLoop sim_loop;

static uint64_t splitmix(uint64_t *state)
{
        uint64_t z = (*state += 0x9e3779b97f4a7c15u);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
}

uint32_t sim_draw(SimStream stream, uint32_t n)
{
        return n < 2 ? 0 : (uint32_t) ((splitmix(&sim_loop.streams[stream]) >> 32) * n >> 32);
}

int64_t sim_draw_ms(SimStream stream, int64_t from_ms, int64_t to_ms)
{
        return from_ms + sim_draw(stream, (uint32_t) (to_ms - from_ms + 1));
}

bool sim_chance(SimStream stream, unsigned percent)
{
        return percent > 0 && sim_draw(stream, 100) < percent;
}

void sim_loop_init(uint64_t seed)
{
        uint64_t state = seed;

        sim_loop = (SimLoop){0};
        for (size_t i = 0; i < SIM_N_OWNERS; i++)
                list_init(&sim_loop.owned[i]);
        for (size_t i = 0; i < SIM_N_STREAMS; i++)
                sim_loop.streams[i] = splitmix(&state);
}

void sim_loop_deinit(void)
{
        for (unsigned i = 0; i < SIM_N_OWNERS; i++)
                sim_cancel_owned((SimOwner) i);
        heap_deinit(&sim_loop.heap);
        while (sim_loop.spare) {
                SimEvent *next = sim_loop.spare->userdata;

                free(sim_loop.spare);
                sim_loop.spare = next;
        }
}

int64_t sim_now_ms(void)
{
        return sim_loop.now_ms;
}

int64_t sim_true_ms(void)
{
        return EPOCH_MS + sim_loop.now_ms;
}

/* ---- events ---- */

static void schedule(SimEvent *ev, int64_t at_ms)
{
        ev->held_back = 0;
        heap_remove(&sim_loop.heap, &ev->heap);
        heap_insert(&sim_loop.heap, &ev->heap, at_ms << TIE_BITS | sim_draw(DRAW_ORDER, 1u << TIE_BITS));
}

static SimEvent *event_new(void)
{
        SimEvent *ev = sim_loop.spare;

        if (!ev)
                return mem_new(SimEvent);
        sim_loop.spare = ev->userdata;
        *ev = (SimEvent){0};
        return ev;
}

static void event_free(SimEvent *ev)
{
        ev->userdata = sim_loop.spare;
        sim_loop.spare = ev;
}

SimEvent *sim_after(SimOwner owner, int64_t after_ms, LoopFn fn, LoopFn drop, void *userdata)
{
        SimEvent *ev = event_new();

        ev->owner = owner;
        ev->fn = fn;
        ev->drop = drop;
        ev->userdata = userdata;
        list_append(&sim_loop.owned[owner], &ev->link);
        schedule(ev, sim_loop.now_ms + MAX2(after_ms, (int64_t) 0));
        return ev;
}

void sim_cancel(SimEvent *ev)
{
        if (!ev)
                return;
        heap_remove(&sim_loop.heap, &ev->heap);
        list_remove(&ev->link);
        event_free(ev);
}

void sim_cancel_owned(SimOwner owner)
{
        while (!list_empty(&sim_loop.owned[owner])) {
                SimEvent *ev = list_first(&sim_loop.owned[owner], SimEvent, link);
                LoopFn drop = ev->drop;
                void *userdata = ev->userdata;

                sim_cancel(ev);
                if (drop)
                        drop(userdata);
        }
}

static void run_event(SimEvent *ev)
{
        LoopFn fn = ev->fn;
        void *userdata = ev->userdata;

        if (!ev->is_timer) {
                list_remove(&ev->link);
                event_free(ev);
        }
        fn(userdata);
}

/* ---- loop/loop.h ---- */

typedef struct Deferred {
        List link;
        LoopFn fn;
        void *userdata;
} Deferred;

struct Loop {
        List deferred;
};

struct LoopTimer {
        SimEvent event;
};

static bool run_deferred(void)
{
        Loop *loop = sim_loop.gateway_loop;
        List batch;

        if (!loop || list_empty(&loop->deferred) || sim_loop.now_ms < sim_loop.paused_until_ms)
                return false;
        /* As in loop.c: what is deferred meanwhile waits for the next iteration. */
        list_init(&batch);
        list_for_each_safe (node, &loop->deferred) {
                list_remove(node);
                list_append(&batch, node);
        }
        list_for_each_safe (node, &batch) {
                Deferred *d = list_entry(node, Deferred, link);
                LoopFn fn = d->fn;
                void *userdata = d->userdata;

                list_remove(node);
                free(d);
                fn(userdata);
        }
        return true;
}

bool sim_step(void)
{
        HeapNode *min;
        SimEvent *ev;

        sim_loop.n_steps++;
        min = heap_min(&sim_loop.heap);
        if ((!min || min->key >> TIE_BITS > sim_loop.now_ms || sim_draw(DRAW_ORDER, 2)) && run_deferred())
                return true;
        if (!min)
                return false;
        ev = container_of(min, SimEvent, heap);
        sim_loop.now_ms = MAX2(sim_loop.now_ms, min->key >> TIE_BITS);
        heap_remove(&sim_loop.heap, min);
        if (ev->owner == OWNER_GATEWAY && sim_loop.now_ms < sim_loop.paused_until_ms) {
                if (!ev->held_back)
                        ev->held_back = ++sim_loop.n_held_back;
                /* What waited in its sockets is still in its order then. */
                heap_insert(&sim_loop.heap, &ev->heap,
                            sim_loop.paused_until_ms << TIE_BITS | (ev->held_back & ((1 << TIE_BITS) - 1)));
                return true;
        }
        run_event(ev);
        return true;
}

int loop_new(Loop **ret)
{
        *ret = mem_new(Loop);
        list_init(&(*ret)->deferred);
        sim_loop.gateway_loop = *ret;
        return 0;
}

void loop_free(Loop *loop)
{
        if (!loop)
                return;
        list_for_each_safe (node, &loop->deferred)
                free(list_entry(node, Deferred, link));
        sim_loop.gateway_loop = NULL;
        free(loop);
}

int loop_run(Loop *loop)
{
        (void) loop;
        while (sim_step())
                ;
        return 0;
}

void loop_stop(Loop *loop)
{
        (void) loop;
}

int64_t loop_now_ms(Loop *loop)
{
        (void) loop;
        return sim_loop.now_ms;
}

void *loop_uv(Loop *loop)
{
        (void) loop;
        return NULL;
}

void loop_defer(Loop *loop, LoopFn fn, void *userdata)
{
        Deferred *d = mem_new(Deferred);

        d->fn = fn;
        d->userdata = userdata;
        list_append(&loop->deferred, &d->link);
}

LoopTimer *loop_timer_new(Loop *loop, LoopFn fn, void *userdata)
{
        LoopTimer *t = mem_new(LoopTimer);

        (void) loop;
        t->event = (SimEvent){.owner = OWNER_GATEWAY, .is_timer = true, .fn = fn, .userdata = userdata};
        list_init(&t->event.link);
        return t;
}

void loop_timer_set(LoopTimer *t, int64_t after_ms)
{
        schedule(&t->event, sim_loop.now_ms + MAX2(after_ms, (int64_t) 0));
}

void loop_timer_clear(LoopTimer *t)
{
        heap_remove(&sim_loop.heap, &t->event.heap);
}

bool loop_timer_is_set(const LoopTimer *t)
{
        return t->event.heap.slot > 0;
}

void loop_timer_free(LoopTimer *t)
{
        if (!t)
                return;
        heap_remove(&sim_loop.heap, &t->event.heap);
        free(t);
}

/* ---- base/clock.h, base/digest.h ---- */

int64_t clock_realtime_ms(void)
{
        return sim_true_ms() + sim_loop.clock_jump_ms;
}

int64_t clock_monotonic_ms(void)
{
        return sim_loop.now_ms;
}

int64_t clock_monotonic_us(void)
{
        return sim_loop.now_ms * 1000;
}

int64_t clock_boottime_ms(void)
{
        return sim->mutation == MUTATION_WALL_CLOCK ? clock_realtime_ms() : sim_loop.now_ms;
}

uint64_t __wrap_random_u64(void);
uint64_t __wrap_random_u64(void)
{
        return splitmix(&sim_loop.streams[DRAW_PRODUCT]);
}

void __wrap_random_bytes(void *ret, size_t n_bytes);
void __wrap_random_bytes(void *ret, size_t n_bytes)
{
        for (size_t i = 0; i < n_bytes; i++)
                ((uint8_t *) ret)[i] = (uint8_t) (__wrap_random_u64() >> 40);
}
