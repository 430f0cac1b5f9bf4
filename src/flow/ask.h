/* An ask: a durable command to the outside world, performed at least once after its turn has committed.
 *
 * Adapters (Slack, OpenCode, …) register the verbs they can perform. The engine starts an ask when its lane
 * is free, its verb has room and its rate bucket has a token; the adapter ends it with exactly one
 * ask_done(). The result is delivered to the flow that asked, as an event named like the verb. */
#pragma once

#include "base/json.h"

typedef enum AskOutcome {
        ASK_OK,
        ASK_TEMPFAIL, /* may succeed later: the engine retries within the verb's bounds, then gives up with it
                       */
        ASK_PERMFAIL, /* will never succeed as it is */
} AskOutcome;

typedef enum AskPriority {
        ASK_PRIORITY_URGENT, /* questions, permissions, final states, answers to a click */
        ASK_PRIORITY_NORMAL,
        ASK_PRIORITY_PROGRESS, /* may be dropped or replaced by a newer one */
} AskPriority;
#define ASK_N_PRIORITIES 3

/* Read-only for adapters; valid from start() until ask_done(). */
typedef struct Ask {
        const char *key; /* stable for ever, unique: the source of idempotency keys ("a4f0…/12") */
        const char *verb;
        const char *lane; /* "" = none */
        const json_t *args;
        AskPriority priority;
        unsigned attempt;   /* 1, 2, … */
        bool uncertain;     /* an earlier attempt may have had its effect (lost response, restart) */
        bool repeated;      /* an uncertain attempt was looked for and not found; it may still show up */
        int64_t created_ms; /* real time of the turn that asked */
        int64_t since_ms; /* the same by clock_boottime_ms(): what came from a restart has only the real time
                           */
} Ask;

typedef struct AskResult {
        AskOutcome outcome;
        json_t *value;  /* stolen; an object, or NULL for {}. On failure {"error":"code","message":"…"} */
        bool uncertain; /* TEMPFAIL only: the effect may have happened nevertheless */
        int64_t retry_after_ms; /* TEMPFAIL only: the peer's own wish; 0 = the verb's backoff */
} AskResult;

typedef struct AskVerb {
        const char *name;      /* "slack.post" */
        unsigned max_inflight; /* over all lanes; 0 = unbounded */
        unsigned max_attempts; /* 1 = perishable: tried once, never again after a restart */
        int64_t deadline_ms;   /* after which no new attempt is made, counted from since_ms */
        int64_t backoff_ms;    /* before the second attempt; doubles, with jitter, up to 30 s */
        /* Milliseconds until a token is free, 0 = now. Asked right before start(), which then takes the
         * token. May be NULL. */
        int64_t (*wait_ms)(void *owner, const Ask *ask);
        /* Called instead of start() when the ask is uncertain: finds out whether it has already happened, and
         * ends in ask_done() if so, in ask_absent() if not. NULL: a second start() is harmless by itself, for
         * the reason that the verb's definition states. */
        void (*probe)(void *owner, Ask *ask);
        void (*start)(void *owner, Ask *ask);
} AskVerb;

/* Ends an ask. May be called from inside start() or probe(), or later; exactly once; `ask` is gone after. */
void ask_done(Ask *ask, const AskResult *result);
/* The probe found nothing: the engine calls start() when the bucket allows. */
void ask_absent(Ask *ask);

/* Shorthands for adapters. */
static inline void ask_ok(Ask *ask, json_t *value /* stolen */)
{
        ask_done(ask, &(AskResult){.outcome = ASK_OK, .value = value});
}
static inline json_t *ask_error(const char *code, const char *message)
{
        return json_pack("{s:s, s:s}", "error", code, "message", message ? message : code);
}
static inline void ask_permfail(Ask *ask, const char *code, const char *message)
{
        ask_done(ask, &(AskResult){.outcome = ASK_PERMFAIL, .value = ask_error(code, message)});
}
static inline void ask_tempfail(Ask *ask, const char *code, const char *message, bool uncertain,
                                int64_t retry_after_ms)
{
        ask_done(ask, &(AskResult){.outcome = ASK_TEMPFAIL,
                                   .value = ask_error(code, message),
                                   .uncertain = uncertain,
                                   .retry_after_ms = retry_after_ms});
}
