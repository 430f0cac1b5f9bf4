/* Which repository is meant, and a clone of it where it is only an address. */
#include "base/digest.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "integrations/git/names.h"
#include "integrations/workspace/workspace-internal.h"

#include <stdio.h>
#include <errno.h>
#include <unistd.h>

/* The clone of an address: one for all workspaces, below builders_dir. Its own checkout stays empty. */
static char *clone_path(const Job *job, const char *url, const char *name)
{
        uint8_t digest[32];
        char hex[17];

        digest_sha256(url, strlen(url), digest);
        digest_hex(digest, 8, hex);
        return mem_printf("%s/.repositories/%s-%s", job->builders_dir, name, hex);
}

static bool clone(Job *job, const char *url, const char *path, const char *name)
{
        _cleanup_free_ char *temporary = mem_printf("%s.part", path), *public = name_url_public(url),
                            *doing = mem_printf("clone %s", public);
        _cleanup_git_ GitCommand c = {0};

        /* What a crash left; nobody else is here, we hold the lock. */
        if (!tree_remove(temporary, job->git.cancel, &job->problem))
                return false;
        git_command(&c, &job->git, NULL,
                    GIT_ARGS("clone", "--progress", "--no-checkout", "--", url, temporary));
        git_command_use_network(&c, &job->git);
        c.child.on_err = progress_of_clone;
        c.child.userdata = job;
        job->cloning = name;
        progress_say(job, "clone", name, job->i_repository, job->n_repositories, 0, 0);
        if (!git_run(&c, &job->git, doing, &job->problem)) {
                tree_remove(temporary, NULL, &job->problem); /* what is wrong is said already */
                return false;
        }
        FAILPOINT("workspace.clone.before_rename");
        if (rename(temporary, path) < 0)
                return problem_set_errno(&job->problem, errno, doing);
        return true;
}

/* What came since. A remote that is away leaves what is there: *ret_stale says so. */
static void fetch(Job *job, const char *path, char **ret_stale)
{
        _cleanup_problem_ Problem problem = {0};
        _cleanup_git_ GitCommand c = {0};

        git_command(&c, &job->git, path, GIT_ARGS("fetch", "--quiet", "--prune", "origin"));
        c.child.timeout_ms = FETCH_TIMEOUT_MS;
        if (job->git.network_timeout_ms)
                c.child.timeout_ms = MIN2(c.child.timeout_ms, job->git.network_timeout_ms);
        if (git_run(&c, &job->git, "fetch what is new", &problem))
                return;
        log_warn("workspace", "%s: %s", path, problem.message);
        *ret_stale = mem_strdup(problem.message);
}

static bool open_clone(Job *job, const char *url, const char *name, Repository *ret, char **ret_stale)
{
        _cleanup_free_ char *path = clone_path(job, url, name),
                            *dir = mem_printf("%s/.repositories", job->builders_dir);
        _cleanup_lock_ int lock = -1;
        bool ok;

        if (!dir_make(dir, &job->problem))
                return false;
        lock = repository_lock(job, path);
        if (lock < 0)
                return false;
        job->git.keep_fds[job->git.n_keep_fds++] = lock;
        ok = true;
        if (repository_is_at(path))
                fetch(job, path, ret_stale);
        else
                ok = clone(job, url, path, name);
        job->git.n_keep_fds--;
        return ok && repository_open(&job->git, path, ret, &job->problem);
}

static const json_t *in_catalog(const Job *job, const char *name)
{
        json_t *repository;
        size_t i;

        json_array_foreach ((json_t *) json_at(job->catalog, "repositories"), i, repository)
                if (str_equal(json_str(repository, "name"), name))
                        return repository;
        return NULL;
}

bool source_open(Job *job, const json_t *wanted, const char *name, Repository *ret, char **ret_stale)
{
        const char *path = json_str(wanted, "path"), *url = json_str(wanted, "url"), *why;
        _cleanup_free_ char *beside = NULL;

        if (!path && !url) {
                const json_t *known = in_catalog(job, name);

                path = json_str(known, "path");
                url = json_str(known, "url");
                if (!known && job->root) /* one that came after the last look */
                        path = beside = mem_printf("%s/%s", job->root, name);
                if (!known && !(path && repository_is_at(path)))
                        return problem_set(&job->problem, "not_found", "There is no repository called %s.",
                                           name);
        }
        if (path)
                return path[0] == '/' ? repository_open(&job->git, path, ret, &job->problem)
                                      : problem_set(&job->problem, "invalid",
                                                    "The path of %s must be absolute.", name);
        why = name_check_url(url);
        if (why)
                return problem_set(&job->problem, "invalid", "The address of %s %s.", name, why);
        return open_clone(job, url, name, ret, ret_stale);
}
