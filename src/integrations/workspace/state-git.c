/* What git does for the state repository. Commits are built from an index of our own, from the last commit
 * and the files of the sessions concerned: what a person has staged there, a lock that a crash left on the
 * usual index, or a working tree that was not brought up to date in time, can then change nothing in them. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "integrations/workspace/state-internal.h"

#define PUSH_ROUNDS 3

static bool is_repository(const char *directory)
{
        _cleanup_free_ char *git_dir = mem_printf("%s/.git", directory);

        return access(git_dir, F_OK) == 0;
}

static bool clone(const Git *git, const char *directory, const char *remote)
{
        _cleanup_git_ GitCommand c = {0};
        _cleanup_problem_ Problem problem = {0}, cleaning = {0};
        _cleanup_free_ char *temporary = mem_printf("%s.part", directory);

        if (!tree_remove(temporary, git->cancel, &problem))
                return false;
        git_command(&c, git, NULL, GIT_ARGS("clone", "--quiet", "--", remote, temporary));
        c.child.timeout_ms = git->network_timeout_ms;
        rmdir(directory); /* an empty one is in the way; anything else makes the rename fail */
        if (git_run(&c, git, "clone the state repository", &problem) && rename(temporary, directory) == 0)
                return true;
        if (problem.code)
                log_warn("state", "%s It begins empty, and what is there is fetched with the first push.",
                         problem.message);
        tree_remove(temporary, NULL, &cleaning);
        return false;
}

bool state_prepare(const Git *git, const char *directory, const char *remote, Problem *problem)
{
        _cleanup_free_ char *known = NULL;
        bool made = is_repository(directory);

        if (!made && remote)
                made = clone(git, directory, remote);
        if (!made &&
            (!dir_make(directory, problem) || !git_do(git, directory, "make the state repository", problem,
                                                      GIT_ARGS("init", "--quiet", "--initial-branch=main"))))
                return false;
        if (!remote)
                return true;
        known = git_get(git, directory, "", NULL, GIT_ARGS("config", "--get", "remote.origin.url"));
        if (str_equal(known, remote))
                return true;
        return known ? git_do(git, directory, "set the state repository's remote", problem,
                              GIT_ARGS("remote", "set-url", "origin", remote))
                     : git_do(git, directory, "set the state repository's remote", problem,
                              GIT_ARGS("remote", "add", "origin", remote));
}

int state_lock(const char *directory, const ChildCancel *cancel, Problem *problem)
{
        _cleanup_free_ char *path = mem_printf("%s/.git/opencode-slack.lock", directory);

        return lock_take(path, 30000, cancel, "The state repository", problem);
}

char *state_branch(const Git *git, const char *directory, Problem *problem)
{
        char *branch = git_get(git, directory, "", NULL, GIT_ARGS("symbolic-ref", "-q", "--short", "HEAD"));

        if (!branch)
                problem_set(problem, "not_a_repository",
                            "HEAD of the state repository %s names no branch. Check one out there.",
                            directory);
        return branch;
}

char *state_head(const Git *git, const char *directory)
{
        return git_get(git, directory, "", NULL, GIT_ARGS("rev-parse", "-q", "--verify", "HEAD^{commit}"));
}

/* Brings our index to HEAD's tree, or empties it. We hold the lock: a lock file on it is of a dead process.
 */
static bool begin_index(const Git *git, const char *directory, const char *head, Problem *problem)
{
        _cleanup_free_ char *lock = mem_printf("%s.lock", git->index_file);

        unlink(lock);
        unlink(git->index_file);
        return !head || git_do(git, directory, "read the last commit", problem, GIT_ARGS("read-tree", head));
}

static bool add_files(const Git *git, const char *directory, const json_t *sessions, Problem *problem)
{
        _cleanup_git_ GitCommand c = {0};
        _cleanup_buf_ Buf paths = {0};
        json_t *session;
        size_t i;

        if (!sessions)
                return git_do(git, directory, "commit the state", problem,
                              GIT_ARGS("add", "--ignore-removal", "--force", "--",
                                       ":(glob)*/.session-state*.yaml"));
        json_array_foreach (sessions, i, session) {
                _cleanup_free_ char *path = mem_printf("%s/" STATE_FILE, json_string_value(session)),
                                    *full = mem_printf("%s/%s", directory, path);

                if (access(full, F_OK) < 0)
                        continue;
                buf_append(&paths, path, strlen(path) + 1);
        }
        if (buf_len(&paths) == 0)
                return true;
        git_command(&c, git, directory,
                    GIT_ARGS("add", "--ignore-removal", "--force", "--pathspec-from-file=-",
                             "--pathspec-file-nul"));
        c.child.input = buf_bytes(&paths);
        c.child.n_input_bytes = buf_len(&paths);
        return git_run(&c, git, "commit the state", problem);
}

static char *write_commit(const Git *git, const char *directory, const char *tree, const char *parent,
                          const char *message, Problem *problem)
{
        _cleanup_git_ GitCommand c = {0};

        git_command(&c, git, directory,
                    parent ? GIT_ARGS("-c", "user.name=" STATE_AUTHOR, "-c", "user.email=" STATE_AUTHOR_MAIL,
                                      "commit-tree", tree, "-p", parent)
                           : GIT_ARGS("-c", "user.name=" STATE_AUTHOR, "-c", "user.email=" STATE_AUTHOR_MAIL,
                                      "commit-tree", tree));
        c.child.input = message;
        c.child.n_input_bytes = strlen(message);
        if (!git_run(&c, git, "commit the state", problem))
                return NULL;
        return mem_strndup(buf_bytes(&c.child.out), strcspn(buf_bytes(&c.child.out), "\n"));
}

bool state_commit(const Git *git, const char *directory, const json_t *sessions, const char *message,
                  char **ret_commit, Problem *problem)
{
        _cleanup_free_ char *index = mem_printf("%s/.git/opencode-slack.index", directory),
                            *head = state_head(git, directory),
                            *branch = state_branch(git, directory, problem), *ref = NULL, *tree = NULL,
                            *old = NULL, *commit = NULL;
        Git own = *git;

        *ret_commit = NULL;
        own.index_file = index;
        if (!branch || !begin_index(&own, directory, head, problem) ||
            !add_files(&own, directory, sessions, problem))
                return false;
        tree = git_get(&own, directory, "commit the state", problem, GIT_ARGS("write-tree"));
        if (!tree)
                return false;
        old = head ? git_get(git, directory, "commit the state", problem,
                             GIT_ARGS("rev-parse", "HEAD^{tree}"))
                   : NULL;
        if (str_equal(tree, old))
                return true;
        ref = mem_printf("refs/heads/%s", branch);
        commit = write_commit(git, directory, tree, head, message, problem);
        FAILPOINT("state.commit.before_ref");
        /* An empty old value: it must not exist. */
        if (!commit || !git_do(git, directory, "commit the state", problem,
                               GIT_ARGS("update-ref", ref, commit, head ? head : "")))
                return false;
        FAILPOINT("state.commit.after_ref");
        *ret_commit = take(commit);
        /* For people who look: `git status` compares with the usual index. It is not read by us. */
        if (!git_do(git, directory, "", NULL, GIT_ARGS("read-tree", "HEAD")))
                log_debug("state", "the usual index of %s is busy", directory);
        return true;
}

/* --- pushing --- */

static bool has_remote(const Git *git, const char *directory)
{
        _cleanup_free_ char *url =
                git_get(git, directory, "", NULL, GIT_ARGS("config", "--get", "remote.origin.url"));

        return !str_empty(url);
}

bool state_is_ahead(const Git *git, const char *directory)
{
        _cleanup_free_ char *n = NULL;

        if (!has_remote(git, directory))
                return false;
        n = git_get(git, directory, "", NULL,
                    GIT_ARGS("rev-list", "--count", "HEAD", "--not", "--remotes=origin"));
        return n && !str_equal(n, "0");
}

typedef enum Pushed { PUSHED, PUSH_BEHIND, PUSH_FAILED } Pushed;

static Pushed push_once(const Git *git, const char *directory, const char *branch, int64_t timeout_ms,
                        Problem *problem)
{
        _cleanup_free_ char *refspec = mem_printf("HEAD:refs/heads/%s", branch);
        _cleanup_git_ GitCommand c = {0};

        git_command(&c, git, directory, GIT_ARGS("push", "--porcelain", "origin", refspec));
        c.child.timeout_ms = timeout_ms;
        child_run(&c.child, git->cancel);
        if (child_succeeded(&c.child))
                return PUSHED;
        if (c.child.end == CHILD_EXITED &&
            (strstr(buf_bytes(&c.child.out), "[rejected]") || strstr(buf_bytes(&c.child.err), "[rejected]")))
                return PUSH_BEHIND;
        problem_set_child(problem, &c.child, "git", "push the state");
        return PUSH_FAILED;
}

static bool fetch_and_merge(const Git *git, const char *directory, const char *branch, int64_t timeout_ms,
                            json_t **ret_conflict, Problem *problem)
{
        _cleanup_free_ char *refspec = mem_printf("+refs/heads/%s:refs/remotes/origin/%s", branch, branch),
                            *ref = mem_printf("refs/remotes/origin/%s", branch), *theirs = NULL;
        _cleanup_git_ GitCommand c = {0};
        _cleanup_lock_ int lock = -1;
        Git locked = *git;

        git_command(&c, git, directory, GIT_ARGS("fetch", "--quiet", "origin", refspec));
        c.child.timeout_ms = timeout_ms;
        if (!git_run(&c, git, "fetch what others pushed", problem))
                return false;
        lock = state_lock(directory, git->cancel, problem);
        if (lock < 0)
                return false;
        locked.keep_fds[locked.n_keep_fds++] = lock;
        theirs = git_get(&locked, directory, "read what others pushed", problem,
                         GIT_ARGS("rev-parse", "--verify", ref));
        return theirs && state_merge(&locked, directory, branch, theirs, ret_conflict, problem);
}

bool state_push(const Git *git, const char *directory, int64_t timeout_ms, json_t **ret_conflict,
                Problem *problem)
{
        _cleanup_free_ char *branch = state_branch(git, directory, problem);

        if (!branch)
                return false;
        for (unsigned i = 0; i < PUSH_ROUNDS; i++) {
                switch (push_once(git, directory, branch, timeout_ms, problem)) {
                case PUSHED: return true;
                case PUSH_FAILED: return false;
                case PUSH_BEHIND: break;
                }
                if (!fetch_and_merge(git, directory, branch, timeout_ms, ret_conflict, problem))
                        return false;
        }
        return problem_set(problem, "busy",
                           "Others push to the state repository's branch %s all the time; ours waits.",
                           branch);
}
