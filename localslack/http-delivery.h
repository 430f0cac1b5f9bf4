/* Delivery by HTTP instead of Socket Mode (reference §2): signed requests to the addresses of the app. Events
 * go as JSON, commands as a form, clicks and modals as a form with `payload`; the answer is the
 * acknowledgement. An address for events gets nothing until it has answered its url_verification. The books
 * (what waits, what is tried again) are those of delivery.c, the same as for sockets. */
#pragma once

#include "local.h"

typedef enum HttpKind { HTTP_EVENTS, HTTP_INTERACTIVE, HTTP_COMMANDS, HTTP_N_KINDS } HttpKind;

typedef struct HttpPost HttpPost;

typedef struct HttpAnswer {
        const char *failure;   /* NULL: acknowledged; else Slack's x-slack-retry-reason, or "disabled" */
        bool no_retry;         /* the app said x-slack-no-retry: 1 */
        const json_t *payload; /* of the answer; NULL when it had none */
} HttpAnswer;

typedef void (*HttpPostDone)(void *userdata, const HttpAnswer *answer);

HttpDelivery *http_delivery_new(Local *l);
void http_delivery_free(HttpDelivery *h);

/* What is set by the command line or by POST /_local/http: {"events"?, "interactive"?, "commands"?: url or
 * null, "signing_secret"?, "ssl_check"?: true}. Setting an address begins its verification anew, and ends a
 * disabled state. NULL, or what is wrong (owned; nothing was changed then). */
char *http_delivery_configure(HttpDelivery *h, const json_t *in);
/* {"events": {"url", "verified", "disabled", "error"?, "sent", "failed"}, "interactive": …, "commands":
 * {…, "ssl_check"?: status}} */
json_t *http_delivery_render(const HttpDelivery *h);

/* Does this kind go by HTTP? */
bool http_delivery_takes(const HttpDelivery *h, HttpKind kind);
/* Sends one; `done` is called once, never from inside, unless cancelled. `retry_reason` NULL: the first try.
 * NULL: it cannot be sent now (not verified, disabled, a bad address, too many under way), *ret_failure says
 * why (static). */
HttpPost *http_delivery_send(HttpDelivery *h, HttpKind kind, const char *payload, unsigned retry_num,
                             const char *retry_reason, HttpPostDone done, void *userdata,
                             const char **ret_failure);
/* The 3 s are over: no answer counts any more. */
void http_delivery_give_up(HttpPost *p);
/* The same without counting it as a failure: the end of the program, a reset. NULL is fine. */
void http_delivery_cancel(HttpPost *p);

/* The signature of reference §2: "v0=" and hex of HMAC-SHA256 over "v0:<timestamp>:<body>". `ret` takes
 * HTTP_SIGNATURE_SIZE bytes. */
#define HTTP_SIGNATURE_SIZE 68
void http_delivery_sign(const char *secret, int64_t timestamp_s, const char *body, size_t n_body,
                        char ret[HTTP_SIGNATURE_SIZE]);
