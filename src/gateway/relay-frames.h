/* What gateways that share a journal say to each other: JSON in the body of POST /api/replica, with the
 * bridge token. Every frame is harmless twice.
 *
 *   {type: "ask", verb, key, args, attempt, uncertain, repeated, created_ms, least}
 *        performs an ask on the bridge of the one who is told, if that fits at least so well (RelayFit)
 *        → {outcome, value?, uncertain, retry_after_ms} | {elsewhere: true}
 *   {type: "stored", flows: [ref]}          events were stored for flows of the one who is told → {}
 *   {type: "hint", flow: ref, event, data}  for a flow of the one who is told; may be lost → {}
 *   {type: "look"}                          shards are free → {}
 *   {type: "tell", what, data}              to all: "echo", "caught_up", "http_answer", "missed" → {yes} */
#pragma once

#include "base/json.h"
#include "flow/ask.h"

#define RELAY_FLOWS_MAX 1000

/* NULL = fits; else the path of the first field that does not, borrowed until the next call, and *ret_why. */
const char *relay_frame_check(const json_t *frame, const char **ret_why);

json_t *relay_ask_frame(const Ask *ask, unsigned least);
/* The strings are borrowed from the frame; args are not set. */
Ask relay_ask_read(const json_t *frame);

json_t *relay_result_frame(const AskResult *result);
/* What the answer to an ask means; `value` is owned by the result. An answer that is not one counts as lost.
 */
AskResult relay_result_read(const json_t *answer);

json_t *relay_flow_ref(int64_t flow_id);
int64_t relay_flow_id(const char *ref); /* 0 = not one */
