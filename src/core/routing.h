/* Which agent and which model a task goes to, from its words alone. Pure; docs/routing.md describes it for
 * people.
 *
 * Two can decide. The keywords are a lexicon written by hand (routing-words.c): phrases with a weight per
 * agent, read in their context. The learned model is a linear one over the words and what the keywords found;
 * it serves only when it was better than the keywords on texts that it had not seen, which its file says
 * about itself. */
#pragma once

#include <jansson.h>

#include "base/macro.h"

#define ROUTE_TITLE_BYTES_MAX       1024 /* what is looked at; the rest of a longer text is not read at all */
#define ROUTE_DESCRIPTION_BYTES_MAX 6144
#define ROUTE_REASONS_BYTES_MAX     200

typedef enum RouteAgent {
        ROUTE_ARCHITECT,  /* a decision or a document about how something is built */
        ROUTE_PM,         /* about what is built, why, for whom, and when */
        ROUTE_BUILDER,    /* running code, or a fix of it */
        ROUTE_PARTY_MODE, /* several voices, exploration without one deliverable */
        ROUTE_AGENTS_N,
} RouteAgent;

typedef enum RouteProfile {
        ROUTE_CLAUDE, /* reasoning: all but plain building */
        ROUTE_QWEN,
} RouteProfile;

typedef enum RouteLevel {
        ROUTE_LOW,
        ROUTE_MEDIUM,
        ROUTE_HIGH,
} RouteLevel;

typedef enum RouteBy {
        ROUTE_BY_KEYWORDS,
        ROUTE_BY_LEARNED,
} RouteBy;

typedef struct RouteText {
        const char *title, *description; /* borrowed; either may be NULL; any bytes */
} RouteText;

typedef struct RouteModel RouteModel;

typedef struct RouteDecision {
        RouteAgent agent;
        RouteProfile profile;
        int complexity; /* 0 to 100 */
        RouteLevel level;
        double confidence;             /* the probability that `agent` is right */
        double scores[ROUTE_AGENTS_N]; /* a probability each, 1 in all */
        RouteBy by;
        /* "trade-offs, multi-tenant → architect; complexity high": of the text only plain words of ASCII
         * letters and digits get into it. */
        char reasons[ROUTE_REASONS_BYTES_MAX];
} RouteDecision;

/* Never fails; the same text gives the same bits. An empty text goes to the builder with the confidence of a
 * guess. A description that begins with its title is read once. */
void route_task(const RouteText *text, const RouteModel *learned /* borrowed; NULL: keywords */,
                RouteDecision *ret);

/* {v, agent, model, complexity, level, confidence, scores: {architect, …}, by, reasons}: what sessions store
 * under `routing.decision`. Owned by the caller. */
json_t *route_decision_json(const RouteDecision *decision);

/* "architect", "pm", "builder", "party-mode" */
const char *route_agent_name(RouteAgent agent);
/* Also by the names that people use ("party", "dev"), in any case; ROUTE_AGENTS_N when there is none of that
 * name. */
RouteAgent route_agent_named(const char *name);
const char *route_profile_name(RouteProfile profile); /* "claude", "qwen" */
const char *route_level_name(RouteLevel level);       /* "low", "medium", "high" */
const char *route_by_name(RouteBy by);                /* "keywords", "learned" */

/* The model that was trained from src/core/routing-data/ when the program was built. Static; whether it
 * serves is in it, so it can be handed to route_task() as it is. */
const RouteModel *route_model_builtin(void);
