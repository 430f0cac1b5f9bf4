/* Faults on request: what the next calls of a Web API method shall meet (POST /_local/faults). Taken in the
 * order in which they were given, each for `times` calls. */
#pragma once

#include "local.h"

#define FAULTS_MAX 1000

typedef enum FaultAction {
        FAULT_NONE,                /* only the delay */
        FAULT_HTTP_500_BEFORE,     /* the call has no effect */
        FAULT_HTTP_500_AFTER,      /* it has, but the answer says otherwise */
        FAULT_DROP_BEFORE,         /* the connection ends without an answer, nothing happened */
        FAULT_DROP_RESPONSE_AFTER, /* committed, response lost */
        FAULT_OK_FALSE,            /* {"ok":false,"error":…} with `status` (200) */
        FAULT_RATE_LIMIT,          /* 429 with Retry-After */
        FAULT_HTTP_STATUS          /* any status, no effect; method "link" = the WebSocket handshake */
} FaultAction;

typedef struct Fault {
        char method[64]; /* "" = any */
        FaultAction action;
        char error[64];
        unsigned status;
        int64_t retry_after_s, delay_ms, times;
} Fault;

Faults *faults_new(void);
void faults_free(Faults *f);
void faults_clear(Faults *f);
/* Adds an array of faults; NULL, or what is wrong (static). */
const char *faults_add(Faults *f, const json_t *list);
/* The fault for this call, used up by one; false when there is none. */
bool faults_take(Faults *f, const char *method, Fault *ret);
bool faults_take_upgrade(Faults *f, unsigned *ret_status);
