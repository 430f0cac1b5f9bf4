/* What people do and what goes wrong in one run, drawn from its seed before it begins, so that a failing run
 * can be made smaller by leaving out one thing after the other. */
#include <stdio.h>

#include "sim.h"

#define MINUTE_MS (60 * 1000LL)
#define DAY_MS    (24 * 60 * MINUTE_MS)

static const char *const action_names[N_ACTION_KINDS] = {
        [ACT_MENTION] = "starts by mention",
        [ACT_DIRECT] = "starts by direct message",
        [ACT_START] = "starts by command",
        [ACT_REPLY] = "replies",
        [ACT_REPLY_MENTION] = "replies with a mention",
        [ACT_EDIT] = "edits",
        [ACT_DELETE] = "deletes",
        [ACT_BANG_STOP] = "!stop",
        [ACT_BANG_STATUS] = "!status",
        [ACT_BANG_HELP] = "!help",
        [ACT_BANG_UNKNOWN] = "!dance",
        [ACT_CLICK_STOP] = "clicks Stop",
        [ACT_COMMAND_LIST] = "/opencode list",
        [ACT_COMMAND_STATUS] = "/opencode status",
        [ACT_COMMAND_STOP] = "/opencode stop",
        [ACT_COMMAND_HELP] = "/opencode help",
        [ACT_STRANGER] = "(not allowed) replies",
        [ACT_FOREIGN] = "types in OpenCode",
        [ACT_FOREIGN_ABORT] = "aborts in OpenCode",
        [ACT_DELETE_SESSION] = "deletes the session in OpenCode",
        [ACT_DELETE_CARD] = "deletes our newest message",
};

static const char *const fault_names[N_FAULT_KINDS] = {
        [FAULT_CRASH] = "the gateway is killed",
        [FAULT_CRASH_AT] = "the gateway is killed at a step",
        [FAULT_PAUSE] = "the gateway stands still",
        [FAULT_CLOCK] = "the gateway's clock jumps",
        [FAULT_DISK_FULL] = "commits fail",
        [FAULT_DISK_SLOW] = "commits are slow",
        [FAULT_BRIDGE_CUT] = "the bridge is cut",
        [FAULT_OPENCODE_KILL] = "OpenCode is killed",
        [FAULT_LOST_BEFORE] = "calls to Slack get lost",
        [FAULT_LOST_AFTER] = "answers of Slack get lost",
        [FAULT_5XX] = "Slack answers 502",
        [FAULT_429] = "Slack answers 429",
        [FAULT_UNREACHABLE] = "Slack cannot be reached",
        [FAULT_SLOW] = "Slack is slow",
        [FAULT_DOUBLED] = "envelopes come twice",
        [FAULT_DELAYED] = "envelopes come late",
        [FAULT_SOCKETS_DOWN] = "the gateway's sockets are down",
        [FAULT_ACK_LOST] = "acknowledgements get lost",
        [FAULT_IDLE_DOUBLED] = "idle is said twice",
        [FAULT_IDLE_LOST] = "idle is not said",
        [FAULT_STORED_LATE] = "prompts are stored late",
};

const char *action_name(ActionKind kind)
{
        return action_names[kind];
}

const char *fault_name(FaultKind kind)
{
        return fault_names[kind];
}

static bool is_window(FaultKind kind)
{
        return kind != FAULT_CRASH && kind != FAULT_CRASH_AT && kind != FAULT_BRIDGE_CUT &&
               kind != FAULT_OPENCODE_KILL;
}

/* ---- drawing ---- */

static unsigned draw(unsigned n)
{
        return sim_draw(DRAW_PLAN, n);
}

static Action *add_action(Plan *p, int64_t at_ms, ActionKind kind, int session)
{
        Action *a;

        p->actions = mem_resize(p->actions, (p->n_actions + 1) * sizeof(*p->actions));
        a = &p->actions[p->n_actions++];
        *a = (Action){.at_ms = at_ms, .kind = kind, .user = draw(3), .session = session, .of = -1};
        return a;
}

static void draw_script(char out[SCRIPT_MAX])
{
        static const char steps[] = "TTTTPPPPpQQQMRL";
        unsigned n = draw(3) ? draw(4) : 0;
        size_t at = 0;

        for (unsigned i = 0; i < n; i++) {
                char step = steps[draw(sizeof(steps) - 1)];

                if (step == 'L' && draw(3))
                        step = 'T';
                out[at++] = step;
                if (strchr("PpQM", step))
                        out[at++] = (char) ('0' + draw(10));
        }
        if (draw(12) == 0)
                out[at++] = draw(2) ? 'E' : 'X';
        out[at] = 0;
}

static ActionKind draw_kind(void)
{
        static const ActionKind kinds[] = {
                ACT_REPLY,         ACT_REPLY,        ACT_REPLY,       ACT_REPLY,         ACT_REPLY,
                ACT_REPLY,         ACT_REPLY,        ACT_REPLY,       ACT_REPLY_MENTION, ACT_EDIT,
                ACT_EDIT,          ACT_DELETE,       ACT_BANG_STOP,   ACT_BANG_STATUS,   ACT_BANG_HELP,
                ACT_BANG_UNKNOWN,  ACT_CLICK_STOP,   ACT_CLICK_STOP,  ACT_COMMAND_LIST,  ACT_COMMAND_STATUS,
                ACT_COMMAND_STOP,  ACT_COMMAND_HELP, ACT_STRANGER,    ACT_FOREIGN,       ACT_FOREIGN,
                ACT_FOREIGN_ABORT, ACT_DELETE_CARD,  ACT_DELETE_CARD,
        };

        if (draw(60) == 0)
                return ACT_DELETE_SESSION;
        return kinds[draw(ELEMENTSOF(kinds))];
}

static void draw_session(Plan *p, int session, int64_t from_ms)
{
        static const ActionKind starts[] = {ACT_MENTION, ACT_MENTION, ACT_DIRECT, ACT_START, ACT_START};
        unsigned n = draw(7);
        int64_t at_ms = from_ms + draw(20000);
        int last_reply = -1;

        draw_script(add_action(p, at_ms, starts[draw(ELEMENTSOF(starts))], session)->script);
        for (unsigned i = 0; i < n; i++) {
                Action *a;

                at_ms += draw(4) ? draw(20000) : draw(3) ? draw(500) : draw(120000);
                a = add_action(p, at_ms, draw_kind(), session);
                if (a->kind == ACT_EDIT || a->kind == ACT_DELETE)
                        a->of = last_reply;
                if (a->kind == ACT_REPLY || a->kind == ACT_REPLY_MENTION || a->kind == ACT_FOREIGN)
                        draw_script(a->script);
                if (a->kind == ACT_REPLY)
                        last_reply = (int) p->n_actions - 1;
        }
}

static void add_fault(Plan *p, FaultKind kind, int64_t at_ms, int64_t for_ms, unsigned percent)
{
        p->faults = mem_resize(p->faults, (p->n_faults + 1) * sizeof(*p->faults));
        p->faults[p->n_faults++] =
                (Fault){.kind = kind, .at_ms = at_ms, .for_ms = for_ms, .percent = percent};
}

static void draw_faults(Plan *p, int64_t until_ms)
{
        static const unsigned weights[N_FAULT_KINDS] = {
                [FAULT_CRASH] = 5,        [FAULT_CRASH_AT] = 6,      [FAULT_PAUSE] = 2,
                [FAULT_CLOCK] = 1,        [FAULT_DISK_FULL] = 2,     [FAULT_DISK_SLOW] = 2,
                [FAULT_BRIDGE_CUT] = 4,   [FAULT_OPENCODE_KILL] = 4, [FAULT_LOST_BEFORE] = 2,
                [FAULT_LOST_AFTER] = 3,   [FAULT_5XX] = 2,           [FAULT_429] = 2,
                [FAULT_UNREACHABLE] = 2,  [FAULT_SLOW] = 2,          [FAULT_DOUBLED] = 3,
                [FAULT_SOCKETS_DOWN] = 3, [FAULT_DELAYED] = 2,       [FAULT_ACK_LOST] = 2,
                [FAULT_IDLE_DOUBLED] = 2, [FAULT_IDLE_LOST] = 2,     [FAULT_STORED_LATE] = 2,
        };
        unsigned n = draw(3) ? draw(6) : 0, total = 0;

        for (size_t i = 0; i < N_FAULT_KINDS; i++)
                total += weights[i];
        while (n-- > 0) {
                unsigned at = draw(total), kind = 0;

                while (at >= weights[kind])
                        at -= weights[kind++];
                if (kind == FAULT_CRASH_AT)
                        add_fault(p, FAULT_CRASH_AT, 1 + draw(3000), sim_draw_ms(DRAW_PLAN, 300, 20000), 0);
                else
                        add_fault(p, (FaultKind) kind, draw((unsigned) until_ms),
                                  sim_draw_ms(DRAW_PLAN, 300, 30000), 10 + draw(91));
        }
}

/* The answer to the post of a slash command's card gets lost, and somebody replies in the thread that only
 * Slack knows yet. */
static void draw_early_reply(Plan *p)
{
        const Action *start = &p->actions[draw((unsigned) p->n_actions)];
        int64_t at_ms = start->at_ms;
        int session = start->session;

        if (start->kind != ACT_START || draw(2))
                return;
        add_fault(p, FAULT_LOST_AFTER, at_ms, 6000, 100);
        draw_script(add_action(p, at_ms + 400 + draw(5000), ACT_REPLY, session)->script);
}

/* What became of a post is not known, and the clock was wrong when it was asked for. */
static void draw_wrong_clock(Plan *p)
{
        int64_t at_ms = p->actions[draw((unsigned) p->n_actions)].at_ms;

        if (draw(10))
                return;
        add_fault(p, FAULT_CLOCK, MAX2(at_ms - 500, (int64_t) 0), 30000, 100);
        add_fault(p, FAULT_LOST_AFTER, at_ms, 1000 + draw(8000), 60);
}

/* Typed and answered in OpenCode while its plugin has no connection, and then OpenCode is restarted: nobody
 * will tell of it. */
static void draw_unheard_turn(Plan *p, int64_t at_ms)
{
        if (draw(10))
                return;
        at_ms += draw(20000);
        add_fault(p, FAULT_BRIDGE_CUT, at_ms - 50, 0, 0);
        add_action(p, at_ms, ACT_FOREIGN, (int) draw(p->n_sessions));
        add_fault(p, FAULT_OPENCODE_KILL, at_ms + 4000 + draw(4000), 0, 0);
}

static int compare_actions(const void *a, const void *b)
{
        const Action *x = a, *y = b;

        return x->at_ms < y->at_ms ? -1 : x->at_ms > y->at_ms;
}

/* Sorted by time; `of` follows the message that it means. */
static void sort_actions(Plan *p)
{
        int64_t *of_ms = mem_alloc((p->n_actions + 1) * sizeof(*of_ms));

        /* Times within a session only grow, so that time and session name an action. */
        for (size_t i = 0; i < p->n_actions; i++)
                of_ms[i] = p->actions[i].of >= 0 ? p->actions[p->actions[i].of].at_ms : -1;
        for (size_t i = 0; i < p->n_actions; i++)
                p->actions[i].of = of_ms[i] >= 0 ? (int) i : -1; /* for now: where its time is */
        for (size_t i = 0; i < p->n_actions; i++)
                p->actions[i].done_ms = of_ms[i];
        qsort(p->actions, p->n_actions, sizeof(*p->actions), compare_actions);
        for (size_t i = 0; i < p->n_actions; i++) {
                Action *a = &p->actions[i];

                if (a->of < 0)
                        continue;
                a->of = -1;
                for (size_t k = 0; k < i; k++)
                        if (p->actions[k].session == a->session && p->actions[k].at_ms == a->done_ms &&
                            p->actions[k].kind == ACT_REPLY)
                                a->of = (int) k;
        }
        for (size_t i = 0; i < p->n_actions; i++)
                p->actions[i].done_ms = 0;
        free(of_ms);
}

static void set_horizon(Plan *p)
{
        p->horizon_ms = 0;
        for (size_t i = 0; i < p->n_actions; i++)
                p->horizon_ms = MAX2(p->horizon_ms, p->actions[i].at_ms);
        for (size_t i = 0; i < p->n_faults; i++)
                if (p->faults[i].kind != FAULT_CRASH_AT)
                        p->horizon_ms =
                                MAX2(p->horizon_ms,
                                     p->faults[i].at_ms +
                                             (is_window(p->faults[i].kind) ? p->faults[i].for_ms : 0));
}

/* One session that people work in for weeks: its thread gets longer than a page of Slack's may be, the
 * gateway is restarted on most days, OpenCode is replaced by a newer one now and then. */
static void draw_days(Plan *p, unsigned n_days)
{
        p->n_sessions = 1;
        draw_script(add_action(p, 1000, ACT_MENTION, 0)->script);
        for (unsigned day = 0; day < n_days; day++) {
                int64_t at_ms = day * DAY_MS + 9 * 60 * MINUTE_MS;
                unsigned n = day % 7 < 5 ? 12 + draw(16) : draw(4);

                for (unsigned i = 0; i < n; i++) {
                        Action *a;

                        at_ms += 1000 + draw(25 * 60 * 1000);
                        a = add_action(p, at_ms, draw_kind(), 0);
                        if (a->kind == ACT_DELETE_SESSION || a->kind == ACT_EDIT || a->kind == ACT_DELETE)
                                a->kind = ACT_REPLY;
                        draw_script(a->script);
                }
                for (unsigned i = draw(3); i > 0; i--)
                        add_fault(p, FAULT_CRASH, day * DAY_MS + draw((unsigned) DAY_MS), 1000 + draw(60000),
                                  0);
                if (draw(4) == 0)
                        add_fault(p, FAULT_OPENCODE_KILL, day * DAY_MS + draw((unsigned) DAY_MS), 0, 0);
                if (draw(7) == 0) /* an upgrade */
                        add_fault(p, FAULT_OPENCODE_KILL, day * DAY_MS + draw((unsigned) DAY_MS),
                                  2 * MINUTE_MS + draw(10 * 60 * 1000), 0);
                if (draw(4) == 0)
                        add_fault(p, FAULT_BRIDGE_CUT, day * DAY_MS + draw((unsigned) DAY_MS), 0, 0);
                if (draw(5) == 0)
                        add_fault(p, (FaultKind) (FAULT_LOST_BEFORE + draw(6)),
                                  day * DAY_MS + draw((unsigned) DAY_MS), 5 * MINUTE_MS, 30);
        }
}

void plan_make(Plan *ret, uint64_t seed, unsigned n_days)
{
        *ret = (Plan){.seed = seed, .n_days = n_days};
        sim_loop_init(seed);
        ret->knows_client_msg_id = draw(2);
        ret->brings_again = draw(2);
        ret->echoes = draw(4) == 0;
        if (n_days)
                draw_days(ret, n_days);
        else {
                int64_t last_ms = 0;

                ret->n_sessions = 1 + draw(3);
                for (unsigned i = 0; i < ret->n_sessions; i++)
                        draw_session(ret, (int) i, 2000);
                for (size_t i = 0; i < ret->n_actions; i++)
                        last_ms = MAX2(last_ms, ret->actions[i].at_ms);
                draw_faults(ret, last_ms + 20000);
                draw_early_reply(ret);
                draw_wrong_clock(ret);
                draw_unheard_turn(ret, last_ms);
        }
        sort_actions(ret);
        set_horizon(ret);
}

void plan_copy(Plan *ret, const Plan *from)
{
        *ret = *from;
        ret->actions = mem_alloc((from->n_actions + 1) * sizeof(*ret->actions));
        ret->faults = mem_alloc((from->n_faults + 1) * sizeof(*ret->faults));
        memcpy(ret->actions, from->actions, from->n_actions * sizeof(*ret->actions));
        if (from->n_faults)
                memcpy(ret->faults, from->faults, from->n_faults * sizeof(*ret->faults));
}

void plan_deinit(Plan *p)
{
        free(p->actions);
        free(p->faults);
        *p = (Plan){0};
}

/* ---- printing ---- */

static void print_time(int64_t ms, FILE *out)
{
        if (ms >= DAY_MS)
                fprintf(out, "%lld d ", (long long) (ms / DAY_MS));
        fprintf(out, "%02lld:%02lld:%02lld.%03lld", (long long) (ms / 3600000 % 24),
                (long long) (ms / 60000 % 60), (long long) (ms / 1000 % 60), (long long) (ms % 1000));
}

void plan_print(const Plan *p, FILE *out)
{
        fprintf(out, "seed %llu%s; Slack %s client_msg_id, %s what was not acknowledged, %s\n",
                (unsigned long long) p->seed, p->n_days ? " (days)" : "",
                p->knows_client_msg_id ? "recognises" : "ignores",
                p->brings_again ? "brings again" : "forgets",
                p->echoes ? "echoes our messages" : "has no echoes");
        for (size_t i = 0; i < p->n_actions; i++) {
                const Action *a = &p->actions[i];

                if (a->dropped)
                        continue;
                fputs("  ", out);
                print_time(a->at_ms, out);
                fprintf(out, "  action %zu: U%u %s, session %d", i, a->user, action_name(a->kind),
                        a->session);
                if (*a->script)
                        fprintf(out, ", the agent does %s", a->script);
                if (a->of >= 0)
                        fprintf(out, ", the message of action %d", a->of);
                fputc('\n', out);
        }
        for (size_t i = 0; i < p->n_faults; i++) {
                const Fault *f = &p->faults[i];

                if (f->dropped)
                        continue;
                fputs("  ", out);
                if (f->kind == FAULT_CRASH_AT)
                        fprintf(out, "step %lld", (long long) f->at_ms);
                else
                        print_time(f->at_ms, out);
                fprintf(out, "  fault: %s", fault_name(f->kind));
                if (is_window(f->kind) || f->kind == FAULT_CRASH || f->kind == FAULT_CRASH_AT)
                        fprintf(out, ", for %lld ms", (long long) f->for_ms);
                if (is_window(f->kind) && f->kind != FAULT_PAUSE && f->kind != FAULT_CLOCK &&
                    f->kind != FAULT_DISK_SLOW)
                        fprintf(out, ", %u %%", f->percent);
                fputc('\n', out);
        }
}
