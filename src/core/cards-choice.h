/* Cards of what can be chosen: agents and models, and what to do about a model that does not answer. */
#pragma once

#include "core/cards.h"

typedef struct ChoicesCard {
        const char *ref;
        const char *what;      /* "model" or "agent" */
        const json_t *choices; /* [{name, detail}] */
        const char *current;   /* a name; NULL = none of them */
} ChoicesCard;
/* Up to 6 choices a line with a button each, "session.<what>" with the value "<ref>:<name>"; more of them one
 * static_select of the same action_id. The current one is marked, and has no button. */
json_t *card_choices(const ChoicesCard *m);

typedef enum FallbackState {
        FALLBACK_OPEN,     /* looked after, buttons */
        FALLBACK_STANDING, /* not looked after any more; the buttons still work */
        FALLBACK_SENDING,  /* a choice is being carried out */
        FALLBACK_OVER,
} FallbackState;

typedef struct FallbackCard {
        const char *ref;
        FallbackState state;
        const char *model;          /* its label, "qwen (ollama/qwen2.5)" */
        const char *why;            /* one line of OpenCode's or the endpoint's */
        bool trying;                /* OpenCode goes on trying by itself */
        bool again;                 /* the prompt has been sent again before, without being asked for */
        const json_t *alternatives; /* names of profiles */
        int64_t wait_ms;            /* how long it is looked after */
        const char *outcome; /* over: "recovered", "retried", "switched", "answered", …, see cards-choice.c */
        const char *target;  /* of "switched": the label of the other model */
        const char *user;    /* who chose; NULL = nobody, the model came back */
        const char *refused; /* of "refused": why */
} FallbackCard;
/* Buttons: "fallback.retry" (value = ref), and "fallback.switch.<i>" with the value "<ref>:<name>" for each
 * alternative, at most 3. */
json_t *card_fallback(const FallbackCard *m);
