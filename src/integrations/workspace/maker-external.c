/* Workspaces made by somebody else's program: go-task (`task builder:init`) or par. What they made is
 * verified afterwards, like our own (create.c). */
#include <unistd.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "integrations/git/names.h"
#include "integrations/workspace/workspace-internal.h"

#define MAKER_TIMEOUT_MS (10 * 60 * 1000LL)

static bool run(Job *job, const char *dir, const char *const *argv, const char *doing, Problem *problem,
                char **ret_out)
{
        char *env[GIT_ENV_MAX];
        Child child = {
                .argv = argv,
                .env = (const char *const *) env,
                .dir = dir,
                .n_keep_fds = job->git.n_keep_fds,
                .timeout_ms = job->git.network_timeout_ms ? job->git.network_timeout_ms : MAKER_TIMEOUT_MS,
                .out_max_bytes = 64 * 1024,
                .err_max_bytes = 16 * 1024,
        };
        bool ok;

        memcpy(child.keep_fds, job->git.keep_fds, sizeof(child.keep_fds));
        git_environment(env, NULL);
        child_run(&child, job->git.cancel);
        ok = child_succeeded(&child);
        if (!ok && problem) {
                problem_set_child(problem, &child, argv[0], doing);
                if (str_equal(problem->code, "git_error"))
                        problem->code = "maker_failed";
        }
        if (ret_out)
                *ret_out = mem_strdup(buf_bytes(&child.out));
        for (char **e = env; *e; e++)
                free(*e);
        child_deinit(&child);
        return ok;
}

/* The repositories' paths or names with commas between them. */
static char *joined(const json_t *record, const char *member)
{
        Buf text = {0};
        json_t *repository;
        size_t i;

        json_array_foreach (json_object_get(record, "repositories"), i, repository) {
                if (i > 0)
                        buf_append_char(&text, ',');
                buf_append_str(&text, json_str(repository, member));
        }
        return buf_take(&text);
}

/* --- task --- */

/* In the directory above builders_dir, where `.builders/{name}` is what the Taskfile makes. */
static bool task_make(Job *job, json_t *record)
{
        _cleanup_free_ char *repos = joined(record, "name"), *arg_repos = mem_printf("REPOS=%s", repos),
                            *arg_name = mem_printf("BUILDER_NAME=%s", json_str(record, "name")),
                            *arg_branch = mem_printf("BRANCH=%s", json_str(record, "branch")),
                            *dir = mem_strndup(job->builders_dir, (size_t) (strrchr(job->builders_dir, '/') -
                                                                            job->builders_dir));
        const char *const argv[] = {"task", "builder:init", arg_name, arg_repos, arg_branch, NULL};

        progress_say(job, "task", "", 1, 1, -1, -1);
        return run(job, *dir ? dir : "/", argv, "make the workspace with task", &job->problem, NULL);
}

const Maker maker_task = {.name = "task", .branch = name_feature_branch, .make = task_make};

/* --- par --- */

/* par names the branch after the workspace. */
static char *par_branch(const char *project, const char *slug)
{
        return name_workspace(project, slug);
}

/* Where par has put them, git knows: the worktree of each repository that is on the branch. */
static char *worktree_on(Job *job, const char *repository, const char *branch)
{
        _cleanup_free_ char *list = git_get(&job->git, repository, "list worktrees", &job->problem,
                                            GIT_ARGS("worktree", "list", "--porcelain")),
                            *wanted = mem_printf("branch refs/heads/%s", branch);
        const char *path = NULL;
        size_t n_path = 0, n;

        for (const char *at = list; at && *at; at += n + (at[n] == '\n')) {
                n = strcspn(at, "\n");
                if (str_starts_with(at, "worktree ")) {
                        path = at + 9;
                        n_path = n - 9;
                } else if (path && n == strlen(wanted) && strncmp(at, wanted, n) == 0) {
                        return mem_strndup(path, n_path);
                }
        }
        return NULL;
}

static bool find_worktrees(Job *job, json_t *record)
{
        json_t *repository;
        size_t i;

        json_array_foreach (json_object_get(record, "repositories"), i, repository) {
                _cleanup_free_ char *path = worktree_on(job, json_str(repository, "repository"),
                                                        json_str(record, "branch")),
                                    *above = path ? mem_printf("%s/../..", path) : NULL,
                                    *root = above ? realpath(above, NULL) : NULL;

                if (!root)
                        return problem_set(&job->problem, "maker_failed", "par has made no worktree of %s.",
                                           json_str(repository, "name"));
                json_put_str(repository, "path", path);
                json_put_str(record, "path", root); /* {root}/{repository}/{label} */
        }
        return true;
}

static bool par_make(Job *job, json_t *record)
{
        _cleanup_free_ char *repos = joined(record, "repository");
        const char *name = json_str(record, "name"), *dir = job->root ? job->root : "/";
        const char *const argv[] = {"par", "workspace", "start", name, "--path", dir, "--repos", repos, NULL};

        if (!str_equal(json_str(record, "branch"), name))
                return problem_set(&job->problem, "invalid",
                                   "par names the branch after the workspace: it must be %s.", name);
        progress_say(job, "par", "", 1, 1, -1, -1);
        return run(job, dir, argv, "make the workspace with par", &job->problem, NULL) &&
               find_worktrees(job, record);
}

/* par's own list of sessions, and its tmux session. That it knows none is what is wanted. */
static void par_forget(Job *job, const json_t *record)
{
        _cleanup_problem_ Problem problem = {0};
        const char *const argv[] = {"par", "rm", json_str(record, "name"), NULL};

        if (!run(job, job->root, argv, "take the workspace back with par", &problem, NULL))
                log_debug("workspace", "%s", problem.message);
}

const Maker maker_par = {.name = "par", .branch = par_branch, .make = par_make, .forget = par_forget};
