/* Shared by the parts of the state repository; all of it runs on worker threads. */
#pragma once

#include "integrations/git/files.h"
#include "integrations/git/git.h"
#include "integrations/workspace/state-asks.h"
#include "integrations/workspace/state-yaml.h"
#include "integrations/workspace/state.h"

#define STATE_FILE        ".session-state.yaml"
#define STATE_AUTHOR      "opencode-slack"
#define STATE_AUTHOR_MAIL "opencode-slack@localhost"

/* --- state-git.c --- */
/* Makes `directory` a repository, with `remote` (may be NULL) as its origin. */
bool state_prepare(const Git *git, const char *directory, const char *remote, Problem *problem);
/* Against another process on the same repository. */
int state_lock(const char *directory, const ChildCancel *cancel, Problem *problem);
/* The branch that HEAD names; owned by the caller. */
char *state_branch(const Git *git, const char *directory, Problem *problem);
/* HEAD's commit; NULL without a problem when there is none yet. */
char *state_head(const Git *git, const char *directory);
/* One commit of the files of `sessions` (an array of names; NULL = of all that there are). *ret_commit = NULL
 * when nothing is new. */
bool state_commit(const Git *git, const char *directory, const json_t *sessions, const char *message,
                  char **ret_commit, Problem *problem);
/* Whether the remote lacks something of ours. False also without a remote. */
bool state_is_ahead(const Git *git, const char *directory);
/* One attempt to have the remote say what we say; conflicts are resolved on the way (*ret_conflict, may be
 * set even when it fails). */
bool state_push(const Git *git, const char *directory, int64_t timeout_ms, json_t **ret_conflict,
                Problem *problem);

/* --- state-merge.c --- */
/* Puts our commits on top of `theirs`, as state-asks.h says of conflicts; the lock is held. */
bool state_merge(const Git *git, const char *directory, const char *branch, const char *theirs,
                 json_t **ret_conflict, Problem *problem);
