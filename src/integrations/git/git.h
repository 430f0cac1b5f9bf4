/* The program git, run from a worker thread (loop/worker.h): argument vectors, no shell, no hooks, no
 * prompts, English messages, an environment of its own, and a time limit for each command. */
#pragma once

#include "integrations/git/problem.h"

#define GIT_LOCAL_TIMEOUT_MS   (2 * 60 * 1000LL)
#define GIT_NETWORK_TIMEOUT_MS (10 * 60 * 1000LL)

/* One sequence of commands. `(Git) {.cancel = …}` is fine. */
typedef struct Git {
        const char *program;                          /* NULL = "git" */
        const ChildCancel *cancel;                    /* NULL = never */
        int64_t local_timeout_ms, network_timeout_ms; /* 0 = as above */
        int keep_fds[CHILD_KEEP_FDS_MAX];             /* locks: held as long as any of these commands lives */
        size_t n_keep_fds;
        const char *index_file;  /* GIT_INDEX_FILE; NULL = the repository's own */
        const char *author_date; /* of commits; NULL = now */
} Git;

#define GIT_ARGS_MAX 40
#define GIT_ENV_MAX  40

/* One command. Filled by git_command(), run by git_run() (or several with child_run_all()), released by
 * git_command_deinit(). `dir`, `args` and what `git` points to are borrowed until then. */
typedef struct GitCommand {
        Child child; /* timeout, output limits, input and on_err may be changed before it is run */
        const char *argv[GIT_ARGS_MAX + 32];
        char *env[GIT_ENV_MAX];
} GitCommand;

/* Never moved after: child points into it. */
void git_command(GitCommand *c, const Git *git, const char *dir /* NULL = none */, const char *const *args);
void git_command_use_network(GitCommand *c, const Git *git); /* its time limit */
/* True when it ended with 0; else *problem (may be NULL) says that `doing` failed. */
bool git_run(GitCommand *c, const Git *git, const char *doing, Problem *problem);
void git_command_deinit(GitCommand *c);
#define _cleanup_git_ _cleanup_(git_command_deinit)

#define GIT_ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Shorthands: run, and look at the end only, or at the output without its last newline (owned by the caller;
 * NULL = it failed). */
bool git_do(const Git *git, const char *dir, const char *doing, Problem *problem, const char *const *args);
char *git_get(const Git *git, const char *dir, const char *doing, Problem *problem, const char *const *args);
/* For questions that are answered by the exit code: 0 and 1 are answers. False with the problem set
 * otherwise. */
bool git_ask(const Git *git, const char *dir, bool *ret, Problem *problem, const char *const *args);

/* The environment for other programs on the same terms: what a program needs to find its way and its
 * credentials, none of the gateway's secrets. Filled with owned strings. */
void git_environment(char *env[GIT_ENV_MAX], const Git *git);
