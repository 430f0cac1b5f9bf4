/* What a repository is and has, and from where a branch begins. From a worker thread. */
#pragma once

#include "integrations/git/git.h"

typedef struct Repository {
        char *path;           /* resolved */
        char *common_dir;     /* its .git directory, or itself when it is bare */
        char *head_branch;    /* NULL = detached */
        char *default_branch; /* NULL = it has none that can be told */
        char *url;            /* origin's, as configured; NULL = none */
        bool has_commits;     /* HEAD's branch has one, or the default branch */
        bool has_remote;
} Repository;

/* `path` is the repository's own directory, not one below it. */
bool repository_open(const Git *git, const char *path, Repository *ret, Problem *problem);
void repository_deinit(Repository *r);
#define _cleanup_repository_ _cleanup_(repository_deinit)

/* Whether a directory is a repository of its own: not a worktree or submodule of another. No git is run. */
bool repository_is_at(const char *path);

/* From where a new branch begins: `wanted` (a branch, a branch of origin, a tag, a commit) or, when NULL, the
 * default branch, else the one that is checked out. Of a branch that is here and at origin the newer one is
 * taken, ours if each has what the other lacks. *ret_name as a person would say it, *ret_commit its object
 * id. */
bool repository_base(const Git *git, const Repository *r, const char *wanted, char **ret_name,
                     char **ret_commit, Problem *problem);
/* The commit of a branch here; *ret = NULL when there is no such branch. */
bool repository_branch(const Git *git, const Repository *r, const char *branch, char **ret, Problem *problem);
