/* What an app did wrong, in plain words for its developer: what, where, how to repair it. Kept in a ring,
 * shown by GET /_local/problems and by the feed's event `problem`. */
#pragma once

#include "local.h"

/* `source`: "call", "socket", "http", "modal", "click", "response_url"; `where`: a method, an address, an
 * identifier. All are copied. */
void problems_note(Local *l, const char *source, const char *where, const char *what, const char *fix);
/* The same from a Web API answer that is not ok; knows Slack's errors. An answer that is fine is ignored. */
void problems_note_answer(Local *l, const char *method, unsigned status, const json_t *answer);
