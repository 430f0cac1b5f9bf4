/* Taking back what was made in part, by us just now or by a gateway that was killed. Everything here finds
 * out what is there, and may be done again. */
#include "base/failpoint.h"
#include "base/log.h"
#include "integrations/workspace/workspace-internal.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* Whether git still knows the path as a worktree. */
static bool is_listed(Job *job, const char *repository, const char *path, bool *ret)
{
        _cleanup_free_ char *list = git_get(&job->git, repository, "list worktrees", &job->problem,
                                            GIT_ARGS("worktree", "list", "--porcelain")),
                            *line = mem_printf("worktree %s", path);

        *ret = false;
        if (!list)
                return false;
        for (const char *at = list; (at = strstr(at, line)); at += strlen(line))
                if ((at == list || at[-1] == '\n') && (at[strlen(line)] == '\n' || !at[strlen(line)]))
                        *ret = true;
        return true;
}

/* Takes the directory out of its place in one step, if it is one of ours: whatever ends us, it is there as a
 * whole or not at all, so that a half removed worktree never looks like work that somebody has changed. An
 * agent may have put a symbolic link where the workspace's directory was; what it leads to is not ours to
 * remove. */
static bool put_away(Job *job, const char *path)
{
        size_t n = strlen(job->builders_dir);
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = mem_strndup(path, (size_t) (slash - path)), *real = NULL, *trash = NULL,
                            *moved = NULL;

        if (strncmp(path, job->builders_dir, n) != 0 || path[n] != '/')
                return true; /* made by another program, which has its own place for it */
        real = realpath(parent, NULL);
        if (!real && errno == ENOENT)
                return true;
        if (!str_equal(real, parent))
                return problem_set(&job->problem, "not_a_workspace",
                                   "%s is not where it was made: a symbolic link leads elsewhere.", path);
        trash = workspace_trash(job, strrchr(parent, '/') + 1);
        moved = mem_printf("%s%s", trash, slash);
        if (!dir_make(trash, &job->problem) || !tree_remove(moved, NULL, &job->problem))
                return false;
        if (rename(path, moved) == 0 || errno == ENOENT)
                return true;
        return tree_remove(path, NULL, &job->problem); /* something is mounted there */
}

char *workspace_trash(const Job *job, const char *name)
{
        return mem_printf("%s/.workspaces/%s.trash", job->builders_dir, name);
}

bool worktree_discard(Job *job, const char *repository, const char *path)
{
        _cleanup_lock_ int lock = -1;
        bool listed;

        if (!put_away(job, path))
                return false;
        FAILPOINT("workspace.discard.after_move");
        if (access(repository, F_OK) < 0) /* the repository itself is gone: there was only the directory */
                return true;
        lock = repository_lock(job, repository);
        if (lock < 0 || !is_listed(job, repository, path, &listed))
                return false;
        /* --force twice: it is locked. */
        return !listed || git_do(&job->git, repository, "remove a worktree", &job->problem,
                                 GIT_ARGS("worktree", "remove", "--force", "--force", path));
}

/* Our branch, if nobody has put anything on it. */
static bool branch_discard(Job *job, const char *repository, const char *branch, const char *base_commit)
{
        _cleanup_free_ char *ref = mem_printf("refs/heads/%s", branch), *tip = NULL;
        _cleanup_problem_ Problem problem = {0};

        if (access(repository, F_OK) < 0)
                return true;
        tip = git_get(&job->git, repository, "", NULL, GIT_ARGS("rev-parse", "-q", "--verify", ref));
        if (!tip || !str_equal(tip, base_commit))
                return true;
        /* Refused by git where somebody has it checked out: then it is not ours any more. */
        if (!git_do(&job->git, repository, "remove the branch", &problem,
                    GIT_ARGS("branch", "-D", "--", branch)))
                log_warn("workspace", "the branch %s stays in %s: %s", branch, repository, problem.message);
        return true;
}

bool workspace_undo(Job *job, json_t *record)
{
        const char *name = json_str(record, "name");
        const Maker *maker = maker_find(json_str_or(record, "maker", "native"));
        _cleanup_free_ char *path = NULL, *trash = NULL;
        json_t *repository;
        size_t i;

        if (maker && maker->forget)
                maker->forget(job, record);
        json_array_foreach (json_object_get(record, "repositories"), i, repository) {
                const char *at = json_str(repository, "repository");

                if (!worktree_discard(job, at, json_str(repository, "path")))
                        return false;
                FAILPOINT("workspace.undo.before_branch");
                if (json_bool(repository, "branch_made") &&
                    !branch_discard(job, at, json_str(record, "branch"), json_str(repository, "base_commit")))
                        return false;
        }
        path = mem_printf("%s/%s", job->builders_dir,
                          name); /* never what somebody else's program called its own */
        trash = workspace_trash(job, name);
        return tree_remove(trash, NULL, &job->problem) && tree_remove(path, NULL, &job->problem) &&
               record_remove(job, name);
}
