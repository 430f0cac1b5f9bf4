/* Workspaces of the gateway's own making: worktrees without files first, one repository after the other under
 * its lock, which takes milliseconds; then all files, beside each other and beside other workspaces of the
 * same repositories. */
#include <unistd.h>

#include "base/failpoint.h"
#include "integrations/git/names.h"
#include "integrations/workspace/workspace-internal.h"

static bool add_worktree(Job *job, const json_t *record, const json_t *repository)
{
        const char *branch = json_str(record, "branch"), *at = json_str(repository, "repository"),
                   *path = json_str(repository, "path"), *commit = json_str(repository, "base_commit");
        _cleanup_free_ char *reason = mem_printf("workspace %s", json_str(record, "name")),
                            *doing = mem_printf("make the worktree of %s", json_str(repository, "name"));
        _cleanup_lock_ int lock = repository_lock(job, at);
        bool ok;

        if (lock < 0)
                return false;
        job->git.keep_fds[job->git.n_keep_fds++] = lock;
        ok = json_bool(repository, "branch_made")
                     ? git_do(&job->git, at, doing, &job->problem,
                              GIT_ARGS("worktree", "add", "--quiet", "--no-checkout", "--no-track", "--lock",
                                       "--reason", reason, "-b", branch, path, commit))
                     : git_do(&job->git, at, doing, &job->problem,
                              GIT_ARGS("worktree", "add", "--quiet", "--no-checkout", "--lock", "--reason",
                                       reason, path, branch));
        job->git.n_keep_fds--;
        return ok;
}

static bool check_out(Job *job, const json_t *record)
{
        const json_t *repositories = json_object_get(record, "repositories");
        size_t n = json_array_size(repositories);
        GitCommand *commands = mem_zalloc(n * sizeof(*commands));
        Child **children = mem_zalloc(n * sizeof(*children));
        bool ok = true;

        for (size_t i = 0; i < n; i++) {
                git_command(&commands[i], &job->git, json_str(json_array_get(repositories, i), "path"),
                            GIT_ARGS("reset", "--hard", "--quiet", "--no-recurse-submodules"));
                children[i] = &commands[i].child;
        }
        child_run_all(children, n, CHECKOUTS_AT_ONCE, job->git.cancel);
        for (size_t i = 0; i < n; i++) {
                const char *name = json_str(json_array_get(repositories, i), "name");

                if (ok && !child_succeeded(children[i])) {
                        _cleanup_free_ char *doing = mem_printf("write the files of %s", name);

                        ok = problem_set_child(&job->problem, children[i], "git", doing);
                        job->problem.repository = mem_strdup(name);
                }
                git_command_deinit(&commands[i]);
        }
        free(commands);
        free(children);
        return ok;
}

static bool init_submodules(Job *job, const json_t *repository, size_t i, size_t n)
{
        const char *path = json_str(repository, "path"), *name = json_str(repository, "name");
        _cleanup_free_ char *modules = mem_printf("%s/.gitmodules", path),
                            *doing = mem_printf("get the submodules of %s", name);
        _cleanup_git_ GitCommand c = {0};

        if (access(modules, F_OK) < 0)
                return true;
        progress_say(job, "submodules", name, i, n, -1, -1);
        git_command(&c, &job->git, path, GIT_ARGS("submodule", "update", "--init", "--recursive", "--quiet"));
        git_command_use_network(&c, &job->git);
        return git_run(&c, &job->git, doing, &job->problem);
}

static bool make(Job *job, json_t *record)
{
        const json_t *repositories = json_object_get(record, "repositories");
        size_t n = json_array_size(repositories);

        if (!dir_make(json_str(record, "path"), &job->problem))
                return false;
        for (size_t i = 0; i < n; i++) {
                const json_t *repository = json_array_get(repositories, i);

                progress_say(job, "worktree", json_str(repository, "name"), i + 1, n, -1, -1);
                FAILPOINT("workspace.create.before_worktree");
                if (!add_worktree(job, record, repository)) {
                        if (!job->problem.repository)
                                job->problem.repository = mem_strdup(json_str(repository, "name"));
                        return false;
                }
        }
        progress_say(job, "checkout", "", n, n, -1, -1);
        FAILPOINT("workspace.create.before_checkout");
        if (!check_out(job, record))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!init_submodules(job, json_array_get(repositories, i), i + 1, n)) {
                        job->problem.repository =
                                mem_strdup(json_str(json_array_get(repositories, i), "name"));
                        return false;
                }
        return true;
}

const Maker maker_native = {.name = "native", .branch = name_feature_branch, .make = make};

const Maker *maker_find(const char *name)
{
        static const Maker *const all[] = {&maker_native, &maker_task, &maker_par};

        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                if (str_equal(all[i]->name, name))
                        return all[i];
        return NULL;
}
