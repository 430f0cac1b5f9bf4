/* Which of several gateways on one PostgreSQL is at work: a lease in a row, renewed every two seconds, and
 * free for another six seconds after the last time. A thread of its own with a connection of its own. */
#pragma once

#include "loop/loop.h"

typedef struct Lease Lease;

typedef struct LeaseConfig {
        const char *url; /* borrowed for the lease's life */
        /* On the loop thread. acquired: once. renewed: after a time in which lease_holds() was false. lost:
         * once, somebody else is at work; nothing of ours has an effect in the journal any more. */
        void (*on_acquired)(void *userdata);
        void (*on_renewed)(void *userdata);
        void (*on_lost)(void *userdata);
        void *userdata;
} LeaseConfig;

Lease *lease_new(Loop *loop, const LeaseConfig *config); /* tries at once, and until it has it */
/* Gives the lease back, so that another has it at once. Takes NULL. */
void lease_free(Lease *l);

/* By our own monotonic clock, which goes on while the process is paused. While false, nothing may be done to
 * the outside world: another may have taken over. Any thread. */
bool lease_holds(const Lease *l);
int64_t lease_epoch(const Lease *l); /* of the journal's fence; > 0 once acquired */
