/* Faults on request: what the next calls of a Web API method, the next envelopes, or the next handshakes
 * shall meet (POST /_local/faults, and scenarios). Of several that fit the oldest is taken, each for `times`
 * calls, or for `for_ms`, and with `probability`. */
#pragma once

#include "local.h"

#define FAULTS_MAX 1000

typedef enum FaultAction {
        FAULT_NONE,                /* only the delay */
        FAULT_HTTP_500_BEFORE,     /* the call has no effect */
        FAULT_HTTP_500_AFTER,      /* it has, but the answer says otherwise */
        FAULT_DROP_BEFORE,         /* the connection ends without an answer, nothing happened */
        FAULT_DROP_RESPONSE_AFTER, /* committed, response lost */
        FAULT_DELAY_AFTER,         /* done at once, answered after delay_ms */
        FAULT_OK_FALSE,            /* {"ok":false,"error":…} with `status` (200) */
        FAULT_RATE_LIMIT,          /* 429 with Retry-After */
        FAULT_HTTP_STATUS,         /* any status, no effect; method "link" = the WebSocket handshake */
        /* of envelopes */
        FAULT_LOSE,      /* not sent at all */
        FAULT_LOSE_ACK,  /* its acknowledgement is lost */
        FAULT_DUPLICATE, /* comes a second time, under another envelope_id */
        FAULT_REPEAT,    /* comes a second time, the same frame */
        FAULT_DELAY,     /* comes delay_ms later */
        FAULT_REORDER    /* is held until `window` of them are, or delay_ms passed; then all go, shuffled */
} FaultAction;

typedef struct Fault {
        char target[64]; /* a method, "chat.*" or "" = any; of an envelope its type or what is inside, or ""
                          */
        bool is_envelope;
        FaultAction action;
        char error[64];
        unsigned status, window;
        int64_t retry_after_s;
        int64_t delay_ms, delay_max_ms; /* drawn evenly between them; delay_ms is the one drawn once taken */
        bool is_exponential;            /* drawn with the mean delay_ms, at most delay_max_ms */
        int64_t times;                  /* left; -1 = no end */
        int64_t until_ms;               /* of the loop's clock; 0 = no end */
        double probability;
} Fault;

Faults *faults_new(Local *l);
void faults_free(Faults *f);
void faults_clear(Faults *f);
/* Adds an array of faults, or one; all or none of them. NULL, or what is wrong (static). */
const char *faults_add(Faults *f, const json_t *list);
/* [{"method" or "envelope", "action", "times"?, "for_ms"?, …}] of those that are still to come. */
json_t *faults_render(Faults *f);
/* The fault for this call, used up by one; false when there is none. */
bool faults_take(Faults *f, const char *method, Fault *ret);
bool faults_take_upgrade(Faults *f, unsigned *ret_status);
/* For an envelope of this type ("events_api", …) with this inside ("message", "block_actions", "/command").
 */
bool faults_take_envelope(Faults *f, const char *type, const char *inner, Fault *ret);
/* Are there any for envelopes? Lets the hot path skip what it needs to know for asking. */
bool faults_has_envelopes(const Faults *f);
