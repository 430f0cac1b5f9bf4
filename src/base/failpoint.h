/* Named places at which a test can kill the process: `GATEWAY_FAILPOINT=turn.before_commit:3` sends SIGKILL
 * at the third pass. Compiled in only with -Dfailpoints=true; a release build has no trace of them. */
#pragma once

#ifdef ENABLE_FAILPOINTS
void failpoint_hit(const char *name);
#define FAILPOINT(_name) failpoint_hit(_name)
#else
#define FAILPOINT(_name) ((void) 0)
#endif
