/* Assertions for tests: POST /_local/expect waits until something is there, and answers with it, or, when the
 * time is over, in words with what was there instead. A test needs no polling and no sleep of its own.
 *
 *     {"message": {"channel": "general", "thread_ts"?, "user"?, "text"?, "contains"?, "matches"? (POSIX ERE),
 *                  "like"?: any part of the message's JSON, blocks and metadata too}}
 *     {"ephemeral": {"channel"?, "user"?, "contains"? …}}
 *     {"call": {"method", "channel"?, "contains"?, "matches"?, "like"?: part of {args, response, status}}}
 *     {"frame": {"direction"?, "contains"?, "matches"?, "like"?}}, {"problem": {…}}, {"outcome": {…}}
 *
 * with "count": exactly so many (0: none), "at_least" (1), "at_most", "unique": a dotted path whose values
 * must differ among those that fit ("metadata.event_payload.id"), "since": a number of a record (or a ts)
 * after which to look, "within_ms" (5000) and "settle_ms": for so long it must stay true (for `count` and
 * `at_most` 200). */
#pragma once

#include "local.h"

#define EXPECT_WAITING_MAX 256

/* Answers 200 {"ok": true, "found": […], "waited_ms"} or 422 {"ok": false, "error": text, "found": […]}; 400
 * for what cannot be asked. */
void expect_handle(Local *l, HttpRequest *req, const json_t *in);

/* Does `value` have everything that `part` has? Objects by member; each element of a list must be found in
 * the other's, in that order. *ret_path (owned, when false) is the place of the first difference. Pure. */
bool expect_is_part(const json_t *part, const json_t *value, char **ret_path);
