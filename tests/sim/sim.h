/* The simulation: the product's own engine, workflows, intake, routes and verbs, linked against a loop, a
 * clock, random numbers, a journal, a Slack and an OpenCode that are all decided by one seed and run on
 * virtual time.
 *
 * One run at a time per process: what the product calls without a handle (clocks, random numbers) finds the
 * run in `sim`. README.md says what is simulated and what is checked. */
#pragma once

#include <uthash.h>

#include "base/buf.h"
#include "base/heap.h"
#include "base/json.h"
#include "base/list.h"
#include "loop/loop.h"

/* ---- time, events, randomness: sim-loop.c ---- */

/* Whose death takes an event along. What is on the wire, or in Slack, is the world's. */
typedef enum SimOwner { OWNER_WORLD, OWNER_GATEWAY, OWNER_OPENCODE, SIM_N_OWNERS } SimOwner;

typedef struct SimEvent {
        HeapNode heap;
        List link; /* among its owner's */
        SimOwner owner;
        int64_t held_back; /* its place among what a pause holds back; 0 = none */
        bool is_timer;     /* part of a LoopTimer: not freed when it has run */
        LoopFn fn, drop;
        void *userdata;
} SimEvent;

/* Streams of random numbers: what one part draws does not shift the draws of another. */
typedef enum SimStream {
        DRAW_ORDER,   /* which of several that are ready */
        DRAW_NET,     /* latencies, and what a fault hits */
        DRAW_DISK,    /* the journal */
        DRAW_PRODUCT, /* the product's own random numbers */
        DRAW_AGENT,   /* how long the agent takes */
        DRAW_PEOPLE,
        DRAW_PLAN,
        SIM_N_STREAMS
} SimStream;

typedef struct SimLoop {
        Heap heap;
        List owned[SIM_N_OWNERS];
        int64_t now_ms;        /* virtual, monotonic */
        int64_t clock_jump_ms; /* how far the gateway's clock is off */
        int64_t paused_until_ms;
        int64_t n_held_back; /* events, by a pause */
        uint64_t streams[SIM_N_STREAMS];
        uint64_t n_steps, n_turns;
        Loop *gateway_loop; /* NULL while the process is down */
        SimEvent *spare;    /* freed ones, linked through userdata */
} SimLoop;

void sim_loop_init(uint64_t seed);
void sim_loop_deinit(void);
/* Runs `fn` after so many virtual milliseconds, at least 0. `drop` frees what `userdata` holds if it never
 * runs. */
SimEvent *sim_after(SimOwner owner, int64_t after_ms, LoopFn fn, LoopFn drop, void *userdata);
void sim_cancel(SimEvent *ev);
void sim_cancel_owned(SimOwner owner);
/* Runs what is next. False when there is nothing. */
bool sim_step(void);
int64_t sim_now_ms(void);
int64_t sim_true_ms(void); /* real time of the world; the gateway's own clock may be off */
uint32_t sim_draw(SimStream stream, uint32_t n); /* 0 … n - 1 */
int64_t sim_draw_ms(SimStream stream, int64_t from_ms, int64_t to_ms);
bool sim_chance(SimStream stream, unsigned percent);

/* ---- the plan: sim-plan.c ---- */

typedef enum ActionKind {
        ACT_MENTION,       /* a new session by mention; message and app_mention */
        ACT_DIRECT,        /* a new session by a direct message */
        ACT_START,         /* a new session by slash command */
        ACT_REPLY,         /* a message in the thread */
        ACT_REPLY_MENTION, /* the same with a mention: two twins */
        ACT_EDIT,          /* of an earlier reply */
        ACT_DELETE,        /* likewise */
        ACT_BANG_STOP,
        ACT_BANG_STATUS,
        ACT_BANG_HELP,
        ACT_BANG_UNKNOWN,
        ACT_CLICK_STOP,
        ACT_COMMAND_LIST,
        ACT_COMMAND_STATUS,
        ACT_COMMAND_STOP,
        ACT_COMMAND_HELP,
        ACT_STRANGER,       /* a reply by somebody who may not */
        ACT_FOREIGN,        /* a prompt in OpenCode's own UI */
        ACT_FOREIGN_ABORT,  /* Esc in OpenCode's own UI */
        ACT_DELETE_SESSION, /* in OpenCode's own UI */
        ACT_DELETE_CARD,    /* a moderator deletes a message of ours */
        N_ACTION_KINDS
} ActionKind;

/* What the agent does with a prompt, a letter each: T tool, P permission, p the same by a subagent, Q
 * question, M form of two questions, R retry of the model, L a long time, E ends in an error, X fails without
 * a message. P, Q and M are followed by a digit: what people do about it (people.c). */
#define SCRIPT_MAX 20

typedef struct Action {
        int64_t at_ms;
        ActionKind kind;
        unsigned user;
        int session; /* ordinal of the thread; the starts are numbered in order */
        int of;      /* the action that is edited or deleted; -1 = none */
        char script[SCRIPT_MAX];
        bool dropped; /* by the shrinker */

        /* What became of it. */
        bool was_done;         /* it was possible: the thread was there */
        char ts[24];           /* of the person's message; "" = none */
        int64_t done_ms;       /* virtual */
        unsigned n_prompted;   /* messages in OpenCode with its tag */
        unsigned n_answers;    /* posts in Slack with the answer to it */
        bool is_answer_due;    /* OpenCode has a complete answer to it */
        bool was_acknowledged; /* by the gateway, in one of its envelopes */
        bool was_deleted;      /* the person's message */
        bool was_edited;
        unsigned n_responses; /* through its response_url */
        unsigned n_responses_failed;
} Action;

typedef enum FaultKind {
        FAULT_CRASH,     /* of the gateway, at a time, then a restart */
        FAULT_CRASH_AT,  /* the same at a step of the scheduler */
        FAULT_PAUSE,     /* of the gateway's process */
        FAULT_CLOCK,     /* the gateway's real time jumps */
        FAULT_DISK_FULL, /* commits fail */
        FAULT_DISK_SLOW,
        FAULT_BRIDGE_CUT,
        FAULT_OPENCODE_KILL, /* and restart: the turn is lost */
        FAULT_LOST_BEFORE,   /* calls to Slack that never arrive */
        FAULT_LOST_AFTER,    /* calls whose answer is lost */
        FAULT_5XX,
        FAULT_429,
        FAULT_UNREACHABLE,
        FAULT_SLOW,         /* answers of many seconds */
        FAULT_DOUBLED,      /* envelopes delivered again under another id */
        FAULT_SOCKETS_DOWN, /* of the gateway */
        FAULT_DELAYED,      /* envelopes late, and out of order */
        FAULT_ACK_LOST,
        FAULT_IDLE_DOUBLED,
        FAULT_IDLE_LOST,
        FAULT_STORED_LATE, /* prompts */
        N_FAULT_KINDS
} FaultKind;

typedef struct Fault {
        FaultKind kind;
        int64_t at_ms; /* FAULT_CRASH_AT: a number of steps */
        int64_t for_ms;
        unsigned percent;
        bool dropped;
} Fault;

typedef struct Plan {
        uint64_t seed;
        Action *actions; /* by time */
        size_t n_actions;
        Fault *faults;
        size_t n_faults;
        unsigned n_sessions;
        bool brings_again;        /* Slack brings again what was not acknowledged */
        bool echoes;              /* … and our own messages as events */
        bool knows_client_msg_id; /* Slack recognises a repeated post by it */
        int64_t horizon_ms;       /* the last action and the last fault are over */
        unsigned n_days;          /* 0 = an ordinary run */
} Plan;

void plan_make(Plan *ret, uint64_t seed, unsigned n_days);
void plan_copy(Plan *ret, const Plan *from);
void plan_deinit(Plan *p);
void plan_print(const Plan *p, FILE *out);
const char *action_name(ActionKind kind);
const char *fault_name(FaultKind kind);

/* ---- one run: sim-run.c ---- */

typedef struct Run {
        Plan *plan;
        bool verbose, checks_frames;
        int mutation; /* a deliberate defect of the simulation, to see that the checks notice: see --mutate */
        bool failed;
        char violation[64]; /* a stable name, for the shrinker */
        char details[600];
        int64_t failed_ms;
        uint64_t n_workflows; /* flows made, and further turns of sessions */
        uint64_t trace_hash;
} Run;
extern Run *sim;
extern SimLoop sim_loop;

/* Runs the plan to its end, or to the first violation. */
void run_plan(Run *run, Plan *plan);
void sim_fail(const char *violation, const char *format, ...) PRINTF_LIKE(2, 3);
void sim_say(const char *format, ...) PRINTF_LIKE(1, 2);
#define sim_trace(...)                                                                                       \
        do {                                                                                                 \
                if (sim->verbose)                                                                            \
                        sim_say(__VA_ARGS__);                                                                \
        } while (0)
/* Whether a fault of that kind is going on and hits now. */
bool fault_hits(FaultKind kind);
bool fault_is_on(FaultKind kind);
/* A trace of what happened, to compare two runs of one seed. */
void sim_note(const char *what, int64_t number);

/* "zs2p7z": said in session 2 by action 7. All texts of people and agents carry one. */
typedef struct SimTag {
        int session, action;
} SimTag;
bool tag_find(const char *text, SimTag *ret, const char **ret_after);
void tag_print(char out[24], int session, int action);

/* ---- deliberate defects (sim --mutate) ---- */
enum {
        MUTATION_NONE,
        MUTATION_LOSE_COMMIT,  /* the journal forgets a committed transaction at a crash */
        MUTATION_POST_TWICE,   /* Slack shows a post twice */
        MUTATION_PROMPT_TWICE, /* the plugin stores a prompt although it has it */
        MUTATION_LOSE_INBOX,   /* what waits in an inbox is not read back after a restart */
        MUTATION_LEAK,         /* an answer goes to another thread */
        MUTATION_LOSE_REPLY,   /* a click's answer to OpenCode is dropped and said to be given */
        MUTATION_LOSE_EARLY,   /* what was said before there was an address is never asked for */
        MUTATION_WALL_CLOCK,   /* ages are taken from a clock that jumps */
        MUTATION_OWN_CLOCK,    /* Slack's time is taken from the gateway's own clock */
        N_MUTATIONS
};
