/* What came while no socket was live is read from the history: the pure parts of that. The workflow is
 * flows/catchup.c, the reading of a page gateway/history.c.
 *
 * A message of the history goes the way of a live one, under the same key, so that it does not matter how
 * often it is read. Two things set it apart, which intake_decide() finds in the message itself:
 *   "late": true   it was read, not heard: words that stop or destroy are not obeyed, the person is asked
 *   "stale": true  it is also older than people expect to be obeyed: counted and named only */
#pragma once

#include "base/json.h"

/* Slack's timestamps ("1700000000.000200") are compared as what they are: decimal numbers as text, never
 * floating point. NULL and "" are before everything. */
int ts_compare(const char *a, const char *b);
/* Real time in milliseconds; 0 for what is no timestamp. */
int64_t ts_to_ms(const char *ts);
/* "1700000000.123000". Owned. */
char *ts_from_ms(int64_t ms);
/* The first one behind `ts`. Owned. */
char *ts_after(const char *ts);

/* The word when `text` is one that stops, repeats or destroys something, in any of its forms ("!stop",
 * "stop", "Please stop!"); else NULL. Static. */
const char *catchup_dangerous_word(const char *text);
