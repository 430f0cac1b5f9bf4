/* Removing a workspace, and losing nothing by it that nobody has confirmed by name.
 *
 * Twice is harmless, and so is an end in the middle: what is gone already is passed over, and the record goes
 * last. Each worktree is looked at once more right before it goes, since an agent may still be at work in it.
 */
#include <errno.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "integrations/git/names.h"
#include "integrations/workspace/workspace-internal.h"

static bool is_confirmed(const Job *job, const char *name)
{
        json_t *one;
        size_t i;

        json_array_foreach (json_object_get(job->args, "confirm"), i, one)
                if (str_equal(json_string_value(one), name))
                        return true;
        return false;
}

static bool would_lose(Job *job, json_t *inspection /* stolen */, const char *name, const char *what)
{
        problem_set(&job->problem, "would_lose_work",
                    "%s has %s that would be lost. Confirm it by name, or save it first.", name, what);
        if (!job->problem.repository && !str_equal(name, "The workspace"))
                job->problem.repository = mem_strdup(name);
        if (!job->problem.more)
                job->problem.more = json_pack("{s:O}", "inspection", inspection);
        json_decref(inspection);
        return false;
}

static const char *what_is_at_risk(const json_t *row)
{
        bool dirty = json_int(row, "dirty", 0) > 0, commits = json_int(row, "only_here", 0) > 0;

        return json_object_get(row, "error") ? "files that cannot be looked at"
               : dirty && commits            ? "uncommitted files and commits"
               : dirty                       ? "uncommitted files"
                                             : "commits that are nowhere else";
}

/* False: something would be lost, and the ask ends. */
static bool check_risks(Job *job, const json_t *record, const char *only)
{
        json_t *inspection = workspace_inspection(job, record), *row;
        size_t i;

        if (child_cancel_is_set(job->git.cancel)) {
                json_decref(inspection);
                return problem_set(&job->problem, "cancelled", "The gateway is stopping.");
        }
        json_array_foreach (json_object_get(inspection, "repositories"), i, row)
                if ((!only || str_equal(json_str(row, "name"), only)) && json_bool(row, "at_risk") &&
                    !is_confirmed(job, json_str(row, "name")))
                        return would_lose(job, inspection, json_str(row, "name"), what_is_at_risk(row));
        if (!only && json_array_size(json_object_get(inspection, "files_beside")) > 0 &&
            !is_confirmed(job, "."))
                return would_lose(job, inspection, "The workspace", "files beside the repositories");
        json_decref(inspection);
        return true;
}

/* Our branch goes when another ref has all of it, or when its loss was confirmed. */
static bool remove_branch(Job *job, const json_t *record, const json_t *repository, json_t *row)
{
        const char *at = json_str(repository, "repository"), *branch = json_str(record, "branch"),
                   *kept = NULL;
        _cleanup_free_ char *ref = mem_printf("refs/heads/%s", branch),
                            *exclude = mem_printf("--exclude=%s", branch), *tip = NULL, *own = NULL;
        _cleanup_problem_ Problem problem = {0};

        tip = access(at, F_OK) == 0
                      ? git_get(&job->git, at, "", NULL, GIT_ARGS("rev-parse", "-q", "--verify", ref))
                      : NULL;
        if (!tip)
                return true;
        own = git_get(
                &job->git, at, "count commits", &job->problem,
                GIT_ARGS("rev-list", "--count", tip, "--not", exclude, "--branches", "--tags", "--remotes"));
        if (!own)
                return false;
        if (json_bool(job->args, "keep_branches"))
                kept = "asked for";
        else if (!json_bool(repository, "branch_made") && !is_confirmed(job, json_str(repository, "name")))
                kept = "was there before the workspace";
        else if (!str_equal(own, "0") && !is_confirmed(job, json_str(repository, "name")))
                kept = "has commits that are nowhere else";
        else if (!git_do(&job->git, at, "remove the branch", &problem,
                         GIT_ARGS("branch", "-D", "--", branch)))
                kept = problem.message;
        json_object_set_new(row, "branch_deleted", json_boolean(!kept));
        if (kept)
                json_put_str(row, "kept_because", kept);
        return true;
}

static bool remove_repository(Job *job, const json_t *record, const json_t *repository, json_t *rows)
{
        const char *name = json_str(repository, "name"), *at = json_str(repository, "repository");
        json_t *row = json_pack("{s:s, s:s, s:b}", "name", name, "branch", json_str(record, "branch"),
                                "branch_deleted", 0);
        _cleanup_lock_ int lock = -1;

        json_array_append_new(rows, row);
        FAILPOINT("workspace.remove.before_worktree");
        if (!check_risks(job, record, name) || !worktree_discard(job, at, json_str(repository, "path")))
                return false;
        FAILPOINT("workspace.remove.before_branch");
        lock = repository_lock(job, at);
        return lock >= 0 && remove_branch(job, record, repository, row);
}

static bool remove_all(Job *job, json_t *record)
{
        const json_t *repositories = json_object_get(record, "repositories");
        const Maker *maker = maker_find(json_str_or(record, "maker", "native"));
        _cleanup_free_ char *own = mem_printf("%s/%s", job->builders_dir, json_str(record, "name")),
                            *trash = workspace_trash(job, json_str(record, "name"));
        size_t n = json_array_size(repositories);
        json_t *rows = json_object_get(job->result, "repositories");

        if (!check_risks(job, record, NULL) || !record_write(job, record, "removing"))
                return false;
        for (size_t i = 0; i < n; i++) {
                const json_t *repository = json_array_get(repositories, i);

                progress_say(job, "remove", json_str(repository, "name"), i + 1, n, -1, -1);
                if (!remove_repository(job, record, repository, rows)) {
                        if (!job->problem.repository)
                                job->problem.repository = mem_strdup(json_str(repository, "name"));
                        return false;
                }
        }
        if (maker && maker->forget)
                maker->forget(job, record);
        FAILPOINT("workspace.remove.before_record");
        /* What has come to lie beside the repositories since it was looked at stays, and is said. */
        if (!is_confirmed(job, ".") && rmdir(own) < 0 && errno != ENOENT)
                return would_lose(job, workspace_inspection(job, record), "The workspace",
                                  "files beside the repositories");
        return tree_remove(trash, job->git.cancel, &job->problem) && tree_remove(own, NULL, &job->problem) &&
               record_remove(job, json_str(record, "name"));
}

bool perform_remove(Job *job)
{
        const char *path = json_str_or(job->args, "path", "");
        _cleanup_free_ char *name = NULL;
        _cleanup_json_ json_t *record = NULL;
        _cleanup_lock_ int lock = -1;
        bool ok;

        if (!workspace_find(job, path, &name, &record))
                return false;
        lock = workspace_lock(job, name);
        if (lock < 0)
                return false;
        json_decref(record); /* it may be another one since we hold the lock */
        record = record_read(job, name);
        if (job->problem.code)
                return false;
        if (!record) {
                if (access(path, F_OK) == 0)
                        return problem_set(&job->problem, "not_a_workspace",
                                           "%s was not made by the gateway, so it does not remove it.", path);
                job->result = json_pack("{s:s, s:b, s:[]}", "name", name, "already", 1, "repositories");
                return true;
        }
        job->result = json_pack("{s:s, s:b, s:[]}", "name", name, "already", 0, "repositories");
        ok = str_equal(json_str(record, "state"), "making") ? workspace_undo(job, record)
                                                            : remove_all(job, record);
        job->git.n_keep_fds = 0;
        return ok;
}
