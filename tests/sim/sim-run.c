/* One run: the plan's actions and faults become events, and the world runs until everything has come to its
 * end. */
#include <stdarg.h>
#include <stdio.h>

#include "sim-act.h"
#include "sim-world.h"

#define SETTLE_MAX_MS                                                                                        \
        (45 * 60 * 1000LL) /* after the last action and fault; the model may need ten minutes a step */
#define QUIET_MS      (100 * 1000LL) /* nothing may stir for so long */
#define LOOK_MS       1997           /* not in step with the engine's own timers */
#define SWEEP_MS      (60 * 1000LL)
#define STEPS_MAX     400000
#define SMALL_JUMP_MS (8 * 60 * 1000LL) /* what is asked for is as old as the clock says after a restart */
#define LARGE_JUMP_MS (4 * 60 * 60 * 1000LL) /* while the process lives, no age depends on it */

Run *sim;

static struct {
        unsigned on[N_FAULT_KINDS]; /* percent; 0 = off */
        bool sweeping;
        int64_t quiet_since_ms;
        bool is_over;
        char why[200];
} state;

/* ---- tags ---- */

bool tag_find(const char *text, SimTag *ret, const char **ret_after)
{
        for (const char *p = text; (p = strstr(p, "zs")); p++) {
                char *end;
                long session = strtol(p + 2, &end, 10), action;

                if (end == p + 2 || *end != 'p')
                        continue;
                action = strtol(end + 1, &end, 10);
                if (*end != 'z')
                        continue;
                *ret = (SimTag){(int) session, (int) action};
                if (ret_after)
                        *ret_after = end + 1;
                return true;
        }
        return false;
}

void tag_print(char out[24], int session, int action)
{
        snprintf(out, 24, "zs%dp%dz", session, action);
}

/* ---- telling ---- */

void sim_fail(const char *violation, const char *format, ...)
{
        va_list ap;

        if (sim->failed)
                return;
        sim->failed = true;
        sim->failed_ms = sim_now_ms();
        snprintf(sim->violation, sizeof(sim->violation), "%s", violation);
        va_start(ap, format);
        vsnprintf(sim->details, sizeof(sim->details), format, ap);
        va_end(ap);
        sim_trace("VIOLATION: %s: %s", violation, sim->details);
}

void sim_say(const char *format, ...)
{
        int64_t ms = sim_now_ms();
        va_list ap;

        printf("%02lld:%02lld:%02lld.%03lld  ", (long long) (ms / 3600000), (long long) (ms / 60000 % 60),
               (long long) (ms / 1000 % 60), (long long) (ms % 1000));
        va_start(ap, format);
        vprintf(format, ap);
        va_end(ap);
        putchar('\n');
}

void sim_note(const char *what, int64_t number)
{
        uint64_t h = sim->trace_hash ^ (uint64_t) number ^ (uint64_t) sim_now_ms() << 20;

        for (; *what; what++)
                h = (h ^ (uint8_t) *what) * 0x100000001b3u;
        sim->trace_hash = h;
}

/* ---- faults ---- */

bool fault_is_on(FaultKind kind)
{
        return state.on[kind] > 0;
}

bool fault_hits(FaultKind kind)
{
        return state.on[kind] > 0 && sim_chance(DRAW_NET, state.on[kind]);
}

static bool has_crash(void)
{
        for (size_t i = 0; i < sim->plan->n_faults; i++)
                if (sim->plan->faults[i].kind == FAULT_CRASH || sim->plan->faults[i].kind == FAULT_CRASH_AT)
                        return true;
        return false;
}

static void on_fault(void *userdata)
{
        const Fault *f = userdata;
        int64_t jump_ms = has_crash() ? SMALL_JUMP_MS : LARGE_JUMP_MS;

        sim_trace("fault: %s", fault_name(f->kind));
        switch (f->kind) {
        case FAULT_CRASH:
        case FAULT_CRASH_AT: process_kill(f->for_ms); break;
        case FAULT_PAUSE: sim_loop.paused_until_ms = sim_now_ms() + f->for_ms; break;
        case FAULT_CLOCK: sim_loop.clock_jump_ms = sim_draw_ms(DRAW_NET, 0, jump_ms) - jump_ms / 2; break;
        case FAULT_BRIDGE_CUT: bridge_cut(); break;
        case FAULT_OPENCODE_KILL: opencode_kill(sim->plan->n_days ? f->for_ms : 0); break;
        case FAULT_SOCKETS_DOWN:
                state.on[f->kind] = 100;
                process_sockets(false);
                break;
        default: state.on[f->kind] = f->percent; break;
        }
}

static void on_fault_over(void *userdata)
{
        const Fault *f = userdata;

        state.on[f->kind] = 0;
        if (f->kind == FAULT_CLOCK)
                sim_loop.clock_jump_ms = 0;
        if (f->kind == FAULT_SOCKETS_DOWN)
                process_sockets(true);
}

static void schedule(Plan *plan)
{
        for (size_t i = 0; i < plan->n_actions; i++)
                if (!plan->actions[i].dropped)
                        sim_after(OWNER_WORLD, plan->actions[i].at_ms, act, NULL, (void *) i);
        for (size_t i = 0; i < plan->n_faults; i++) {
                Fault *f = &plan->faults[i];

                if (f->dropped || f->kind == FAULT_CRASH_AT)
                        continue;
                sim_after(OWNER_WORLD, f->at_ms, on_fault, NULL, f);
                if (f->kind != FAULT_CRASH && f->kind != FAULT_PAUSE)
                        sim_after(OWNER_WORLD, f->at_ms + f->for_ms, on_fault_over, NULL, f);
        }
}

static void crash_at_step(Plan *plan)
{
        for (size_t i = 0; i < plan->n_faults; i++)
                if (plan->faults[i].kind == FAULT_CRASH_AT && !plan->faults[i].dropped &&
                    plan->faults[i].at_ms == (int64_t) sim_loop.n_steps)
                        on_fault(&plan->faults[i]);
}

/* ---- the end ---- */

static void on_sweep(void *userdata)
{
        people_sweep();
        sim_after(OWNER_WORLD, sim->plan->n_days ? 20 * SWEEP_MS : SWEEP_MS, on_sweep, NULL, userdata);
}

static void look(void)
{
        int64_t now_ms = sim_now_ms();

        check_world();
        if (now_ms < sim->plan->horizon_ms)
                return;
        if (!check_is_quiet(state.why, sizeof(state.why))) {
                state.quiet_since_ms = -1;
                if (now_ms > sim->plan->horizon_ms + SETTLE_MAX_MS)
                        sim_fail("does not settle", "%s", state.why);
                return;
        }
        if (state.quiet_since_ms < 0)
                state.quiet_since_ms = now_ms;
        if (now_ms - state.quiet_since_ms < QUIET_MS)
                return;
        check_end();
        state.is_over = true;
}

static void on_look(void *userdata)
{
        look();
        sim_after(OWNER_WORLD, sim->plan->n_days ? 10 * LOOK_MS : LOOK_MS, on_look, NULL, userdata);
}

void run_plan(Run *run, Plan *plan)
{
        memset(&state, 0, sizeof(state));
        state.quiet_since_ms = -1;
        run->plan = plan;
        run->failed = false;
        run->trace_hash = 0xcbf29ce484222325u;
        sim = run;
        sim_loop_init(plan->seed);
        slack_init();
        people_init();
        opencode_init();
        process_init();
        schedule(plan);
        sim_after(OWNER_WORLD, plan->n_days ? SWEEP_MS : plan->horizon_ms + SWEEP_MS, on_sweep, NULL, NULL);
        sim_after(OWNER_WORLD, LOOK_MS, on_look, NULL, NULL);
        while (!run->failed && !state.is_over && sim_step()) {
                crash_at_step(plan);
                if (sim_loop.n_steps > STEPS_MAX * (1 + 60ull * plan->n_days))
                        sim_fail("does not come to rest", "more than %llu steps",
                                 (unsigned long long) sim_loop.n_steps);
        }
        sim_note("steps", (int64_t) sim_loop.n_steps);
        process_deinit();
        opencode_deinit();
        slack_deinit();
        sim_loop_deinit();
}
