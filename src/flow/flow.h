/* What a workflow file sees: flows, steps, events, and what a step may decide.
 *
 * A flow is a row; a step is a pure function on it. One turn is one transaction: it consumes one event, runs
 * one step (and the `enter` of the next), and writes the new step, data, timers, messages and asks together.
 * A step does no I/O, reads no clock but flow_now_ms() and no randomness but flow_random(). */
#pragma once

#include "flow/ask.h"

typedef struct Flow Flow;

typedef enum FlowVerdict {
        FLOW_FAULT = -1, /* the step could not decide: the turn is undone and tried again, then quarantined */
        FLOW_STAY,       /* consumed; data, timers and asks of the turn are kept */
        FLOW_GO,         /* consumed; on to the step given to flow_go() */
        FLOW_LATER,      /* too early: parked until the step changes */
        FLOW_IGNORE,     /* nothing to do with it, now or ever */
        FLOW_DONE,       /* the flow is over; its row and its addresses go */
        FLOW_FAILED,     /* the same, counted as a failure */
} FlowVerdict;

typedef struct FlowEvent {
        const char *name;   /* "enter", "timer", an ask's verb, or what was delivered */
        const char *tag;    /* the ask's tag, or the timer's name; "" otherwise */
        AskOutcome outcome; /* of an ask */
        const json_t *data; /* an object, borrowed until the step returns */
} FlowEvent;

typedef struct FlowStep {
        const char *name; /* stored: append-only */
        FlowVerdict (*on)(Flow *f, const FlowEvent *ev);
} FlowStep;

typedef struct FlowKind {
        const char *name;             /* stored: append-only */
        int version;                  /* of the data */
        const FlowStep *const *steps; /* NULL-terminated; the first one is where a new flow starts, with
                                       * `enter` skipped and its first event as the first thing it sees */
        /* Brings data of an older version up to date in place; may be NULL while version is 1. < 0 = cannot.
         */
        int (*upgrade)(json_t *data, int from_version);
} FlowKind;

bool flow_event_is(const FlowEvent *ev, const char *name);
bool flow_event_is_enter(const FlowEvent *ev);
bool flow_event_is_timer(const FlowEvent *ev, const char *name);
bool flow_event_is_ask(const FlowEvent *ev, const char *verb, const char *tag /* NULL = any */);

json_t *flow_data(Flow *f); /* the flow's own object, to be changed in place */
const char *flow_ref(
        const Flow *f); /* 16 hex digits, unguessable: the address "flow:<ref>" reaches the flow */
const char *flow_step_name(const Flow *f);
int64_t flow_now_ms(const Flow *f); /* real time of this turn */
uint64_t flow_random(Flow *f);      /* the same again when the turn is tried again */

FlowVerdict flow_go(Flow *f, const FlowStep *next); /* returns FLOW_GO */

typedef struct FlowAsk {
        const char *verb;
        const char *tag;      /* comes back with the result; NULL = "" */
        const char *lane;     /* order is kept within it, one at a time; NULL = none */
        AskPriority priority; /* default: urgent */
        const char *coalesce; /* replaces this flow's unsent ask with the same word; NULL = never */
        json_t *args;         /* stolen */
} FlowAsk;
void flow_ask(Flow *f, const FlowAsk *ask);
/* Forgets this flow's ask with that coalescing word, if it has not been started. One that is under way ends,
 * but is not tried again; one that may have happened is looked for, where that can be done, and its result
 * comes if it has. */
void flow_ask_forget(Flow *f, const char *coalesce);

/* Timers belong to the step that set them and die with it. The same name again moves the timer. */
void flow_timer(Flow *f, const char *name, int64_t after_ms);
void flow_timer_cancel(Flow *f, const char *name);

/* Another name under which this flow is reached; unique over all flows, the first owner keeps it. */
void flow_address_add(Flow *f, const char *address);
void flow_address_remove(Flow *f, const char *address);

/* A message to whichever flow has that address when the turn commits; without one it is dropped. With `kind`,
 * a new flow is made for it then. */
void flow_send(Flow *f, const char *address, const char *event, json_t *data /* stolen, NULL = {} */);
void flow_spawn(Flow *f, const char *kind, const char *address, const char *event, json_t *data /* stolen */);
