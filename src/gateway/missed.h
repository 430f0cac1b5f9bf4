/* What was said to an address that no flow had yet.
 *
 * A thread, or an OpenCode session, exists before the flow that owns it can be found under its name: Slack
 * shows the card while the answer to its post is still out, OpenCode has the session while the result is on
 * its way into the journal. What is said meanwhile reaches nobody. Remembered is only that it was said; the
 * flow asks once it has the address (GATEWAY_MISSED), and reads where it can be read. */
#pragma once

#include <stdbool.h>

typedef struct Missed Missed;

Missed *missed_new(void);
void missed_free(Missed *m);
/* At the limit (4,096 addresses) the one that was last named longest ago is forgotten: what is said to the
 * threads and sessions of others is noted, too, and ours are made within seconds. */
void missed_note(Missed *m, const char *address);
/* True once for each that was noted. */
bool missed_take(Missed *m, const char *address);
