/* Envelopes: each goes to exactly one socket, or to the app's address (http-delivery.h), is expected back as
 * an acknowledgement within 3 s, and what happens without one depends on its kind. Events are sent again,
 * with a new envelope_id and the same event_id, 0 s, 60 s and 300 s later, also when no socket was up;
 * commands and clicks are lost (reference §1.5, §1.10). */
#pragma once

#include "local.h"

#define DELIVERY_PENDING_MAX 65536
#define DELIVERY_RETRIES_MAX 3

typedef struct DeliveryResult {
        const char *envelope_id;
        const char *failure;   /* NULL = acknowledged; "timeout", "no_socket", "reset", or of HTTP:
                                * "http_error", "connection_failed", "not_verified", "disabled" … */
        const json_t *payload; /* of the acknowledgement; NULL when it had none */
        int64_t ack_us;        /* from the send to the acknowledgement */
} DeliveryResult;

Delivery *delivery_new(Local *l);
void delivery_free(Delivery *d);

typedef void (*DeliveryDone)(void *userdata, const DeliveryResult *result);
/* Sends a command or a click. `payload` is JSON text. `done` is called exactly once, never from inside this
 * call (not at all after delivery_free()). Returns the envelope_id, borrowed until `done`. */
const char *delivery_send(Delivery *d, const char *type, bool accepts_payload, const char *payload,
                          DeliveryDone done, void *userdata);
/* Raises an event: `event` (stolen) is the inner one. Returns its event_id; borrowed until
 * DELIVERY_EVENTS_KEPT more were raised. */
const char *delivery_raise(Delivery *d, json_t *event);
#define DELIVERY_EVENTS_KEPT 512
/* Raises a whole payload as it is (stolen), for payloads without an inner event. */
const char *delivery_raise_payload(Delivery *d, const char *event_id, json_t *payload);

/* Sends a kept event once more. `same_envelope` repeats the old envelope_id too. False: unknown. */
bool delivery_redeliver(Delivery *d, const char *event_or_envelope_id, bool same_envelope);
/* A text frame from this socket. */
void delivery_on_frame(Delivery *d, int64_t socket, const char *text, size_t n_bytes);

/* {"pending", "acked", "failed", "retries", "lost", "limited", "held"} */
json_t *delivery_counts(const Delivery *d);
void delivery_reset(Delivery *d); /* forgets retries and kept events; pending envelopes fail */
