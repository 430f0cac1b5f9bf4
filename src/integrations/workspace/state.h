/* The state repository: one .session-state.yaml for each session, written at each change, committed at
 * milestones, pushed when there is a remote. Its verbs are in state-asks.h; register them with it as their
 * owner.
 *
 * Files are written by one pool of threads, git runs on another, commits and pushes each one at a time: a
 * remote that hangs holds up neither a write nor a commit. */
#pragma once

#include "base/json.h"
#include "base/metric.h"
#include "loop/worker.h"

typedef struct StateRepository StateRepository;

typedef struct StateRepositoryConfig {      /* all is copied */
        const char *directory;              /* made when it does not exist, cloned when there is a remote */
        const char *remote;                 /* "" or NULL: origin as it is configured there, or nowhere */
        int64_t local_timeout_ms;           /* of one git command; 0 = git.h's */
        int64_t network_timeout_ms;         /* of one fetch or push; 0 = 60 s */
        int64_t retry_min_ms, retry_max_ms; /* after a push that failed; 0 = 5 s and 5 minutes */
} StateRepositoryConfig;

/* Prepares the repository in the background; asks wait until that is done. */
int state_repository_new(StateRepository **ret, Loop *loop, Metrics *metrics,
                         const StateRepositoryConfig *config);
/* Asks under way are dropped without an ask_done(); after a restart they are performed again. */
void state_repository_free(StateRepository *s);
DEFINE_CLEANUP(StateRepository *, state_repository_free);

/* For a restore: all sessions' documents in `directory`, as [{session, document} | {session, error}], by
 * name. Reads files, so not on a loop that others wait for. Kept conflict files are left out. */
json_t *state_read_all(const char *directory);
