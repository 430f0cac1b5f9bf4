/* Making a workspace: everything is looked at before anything is made, what is to be made is recorded before
 * it is made, and what goes wrong is taken back.
 *
 * Twice is harmless: the record has the key of the ask that it was made for. The same ask finds its workspace
 * complete and says so, or finds what a crash left, takes it back and begins again. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "integrations/git/names.h"
#include "integrations/workspace/workspace-internal.h"

#define UNIQUE_MAX 50

typedef struct Wish {
        const char *project, *slug;
        const char *branch; /* NULL = the maker's */
        const Maker *maker;
        bool use_branch, unique;
} Wish;

static bool refuse(Job *job, const char *field, const char *why)
{
        problem_set(&job->problem, "invalid", "%s %s.", field, why);
        if (!job->problem.field)
                job->problem.field = mem_strdup(field);
        return false;
}

static bool check_repositories(Job *job)
{
        const json_t *all = json_object_get(job->args, "repositories");
        json_t *one;
        size_t i;

        if (json_array_size(all) < 1 || json_array_size(all) > WORKSPACE_REPOSITORIES_MAX)
                return refuse(job, "repositories", "must be 1 to 32");
        json_array_foreach (all, i, one) {
                _cleanup_free_ char *field = mem_printf("repositories.%zu.name", i);
                const char *name = json_str(one, "name"), *why = name_check_repository(name ? name : "");

                if (why)
                        return refuse(job, field, why);
                for (size_t k = 0; k < i; k++)
                        if (strcasecmp(json_str(json_array_get(all, k), "name"), name) == 0)
                                return refuse(job, field,
                                              "must be another name: two would be the same directory");
        }
        return true;
}

static bool read_wish(Job *job, Wish *w)
{
        const char *why, *existing = json_str_or(job->args, "existing_branch", "refuse");

        *w = (Wish){
                .project = json_str_or(job->args, "project", ""),
                .slug = json_str_or(job->args, "slug", ""),
                .branch = json_str(job->args, "branch"),
                .maker = maker_find(json_str_or(job->args, "maker", job->maker)),
                .use_branch = str_equal(existing, "use"),
                .unique = json_bool(job->args, "unique"),
        };
        if (*w->project && (why = name_check_project(w->project)))
                return refuse(job, "project", why);
        if ((why = name_check_slug(w->slug)))
                return refuse(job, "slug", why);
        if (w->branch && (why = name_check_branch(w->branch)))
                return refuse(job, "branch", why);
        if (!w->use_branch && !str_equal(existing, "refuse"))
                return refuse(job, "existing_branch", "must be refuse or use");
        if (!w->maker)
                return refuse(job, "maker", "must be native, task or par");
        return check_repositories(job);
}

/* --- the name --- */

typedef enum Found { FOUND_NOTHING, FOUND_OURS, FOUND_OTHER, FOUND_PROBLEM } Found;

/* What is there under this name. What a crash left is taken back. */
static Found examine(Job *job, const char *name, json_t **ret_record)
{
        _cleanup_free_ char *path = mem_printf("%s/%s", job->builders_dir, name);
        _cleanup_json_ json_t *record = record_read(job, name);
        const char *state = json_str_or(record, "state", "");
        struct stat st;

        if (job->problem.code)
                return FOUND_PROBLEM;
        if (record && str_equal(state, "making")) {
                log_info("workspace", "taking back the unfinished workspace %s", name);
                return workspace_undo(job, record) ? FOUND_NOTHING : FOUND_PROBLEM;
        }
        if (record && str_equal(state, "complete") && str_equal(json_str(record, "key"), job->key)) {
                *ret_record = take(record);
                return FOUND_OURS;
        }
        if (record)
                return FOUND_OTHER;
        return lstat(path, &st) == 0 && rmdir(path) < 0 && errno != ENOENT ? FOUND_OTHER : FOUND_NOTHING;
}

/* --- the plan --- */

static bool plan_branch(Job *job, const Wish *w, const Repository *r, const char *branch, json_t *entry)
{
        _cleanup_free_ char *tip = NULL;

        if (!repository_branch(&job->git, r, branch, &tip, &job->problem))
                return false;
        if (tip && !w->use_branch)
                return problem_set(
                        &job->problem, "branch_exists",
                        "%s already has a branch %s. Choose another name, or go on with that branch.",
                        json_str(entry, "name"), branch);
        if (tip)
                json_put_str(entry, "base_commit", tip);
        json_object_set_new(entry, "branch_made", json_boolean(!tip));
        return true;
}

static json_t *plan_repository(Job *job, const Wish *w, const json_t *wanted, const char *path,
                               const char *branch)
{
        const char *name = json_str(wanted, "name");
        _cleanup_repository_ Repository r = {0};
        _cleanup_free_ char *stale = NULL, *base = NULL, *commit = NULL,
                            *worktree = mem_printf("%s/%s", path, name);
        _cleanup_json_ json_t *entry = NULL;

        if (!source_open(job, wanted, name, &r, &stale) ||
            !repository_base(&job->git, &r, json_str(wanted, "base"), &base, &commit, &job->problem))
                return NULL;
        entry = json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", name, "path", worktree, "repository", r.path,
                          "base", base, "base_commit", commit);
        if (stale)
                json_put_str(entry, "stale", stale);
        return plan_branch(job, w, &r, branch, entry) ? take(entry) : NULL;
}

static json_t *plan(Job *job, const Wish *w, const char *name, const char *branch)
{
        _cleanup_free_ char *path = mem_printf("%s/%s", job->builders_dir, name);
        _cleanup_json_ json_t *record =
                json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:[]}", "version", 1, "name", name, "key",
                          job->key, "path", path, "branch", branch, "project", w->project, "maker",
                          w->maker->name, "created_ms", (json_int_t) clock_realtime_ms(), "repositories");
        json_t *wanted;
        size_t i;

        json_array_foreach (json_object_get(job->args, "repositories"), i, wanted) {
                json_t *entry;

                job->i_repository = i + 1;
                job->n_repositories = json_array_size(json_object_get(job->args, "repositories"));
                entry = plan_repository(job, w, wanted, path, branch);

                if (!entry) {
                        if (!job->problem.repository)
                                job->problem.repository = mem_strdup(json_str(wanted, "name"));
                        if (!job->problem.field)
                                job->problem.field = mem_printf(
                                        "repositories.%zu%s", i,
                                        str_equal(job->problem.code, "base_not_found") ? ".base" : "");
                        return NULL;
                }
                json_array_append_new(json_object_get(record, "repositories"), entry);
        }
        return take(record);
}

/* --- the end --- */

/* Each worktree is there, and on its branch. */
static bool verify(Job *job, const json_t *record)
{
        const char *branch = json_str(record, "branch"),
                   *code = str_equal(json_str(record, "maker"), "native") ? "git_error" : "maker_failed";
        json_t *repository;
        size_t i;

        json_array_foreach (json_object_get(record, "repositories"), i, repository) {
                const char *name = json_str(repository, "name"), *path = json_str(repository, "path");
                _cleanup_free_ char *dot_git = mem_printf("%s/.git", path), *on = NULL;

                if (access(dot_git, F_OK) < 0)
                        return problem_set(&job->problem, code, "There is no worktree of %s at %s.", name,
                                           path);
                on = git_get(&job->git, path, "look at what was made", &job->problem,
                             GIT_ARGS("symbolic-ref", "-q", "--short", "HEAD"));
                if (!str_equal(on, branch))
                        return problem_set(&job->problem, code, "The worktree of %s is not on the branch %s.",
                                           name, branch);
        }
        return true;
}

static bool finish(Job *job, const json_t *record, bool already)
{
        json_t *made = json_array(), *repository;
        size_t i;

        json_array_foreach (json_object_get(record, "repositories"), i, repository) {
                json_t *row = json_deep_copy(repository);

                json_object_del(row, "branch_made");
                json_put_str(row, "branch", json_str(record, "branch"));
                json_array_append_new(made, row);
        }
        job->result = json_pack("{s:s, s:s, s:s, s:s, s:b, s:o}", "name", json_str(record, "name"), "path",
                                json_str(record, "path"), "branch", json_str(record, "branch"), "maker",
                                json_str(record, "maker"), "already", already, "repositories", made);
        return true;
}

static bool make(Job *job, const Wish *w, json_t *record)
{
        _cleanup_problem_ Problem cause = {0};

        FAILPOINT("workspace.create.before_record");
        if (!record_write(job, record, "making"))
                return false;
        if (w->maker->make(job, record) && verify(job, record)) {
                FAILPOINT("workspace.create.before_complete");
                if (record_write(job, record, "complete"))
                        return finish(job, record, false);
        }
        /* A gateway that stops leaves it to the next attempt. */
        if (child_cancel_is_set(job->git.cancel))
                return false;
        cause = job->problem;
        job->problem = (Problem){0};
        if (!workspace_undo(job, record)) {
                log_warn("workspace", "%s is not taken back yet: %s", json_str(record, "name"),
                         job->problem.message);
                problem_deinit(&job->problem);
        }
        job->problem = cause;
        cause = (Problem){0};
        return false;
}

static bool create_under(Job *job, const Wish *w, const char *slug, bool *ret_taken)
{
        _cleanup_free_ char *name = name_workspace(w->project, slug),
                            *branch = w->branch ? mem_strdup(w->branch) : w->maker->branch(w->project, slug);
        _cleanup_lock_ int lock = workspace_lock(job, name);
        _cleanup_json_ json_t *record = NULL;
        bool ok = false;

        if (lock < 0)
                return false;
        switch (examine(job, name, &record)) {
        case FOUND_PROBLEM: break;
        case FOUND_OURS: ok = verify(job, record) && finish(job, record, true); break;
        case FOUND_OTHER: *ret_taken = true; break;
        case FOUND_NOTHING: record = plan(job, w, name, branch); ok = record && make(job, w, record);
        }
        job->git.n_keep_fds = 0;
        return ok;
}

static char *numbered(const Wish *w, unsigned i)
{
        return i == 1 ? mem_strdup(w->slug) : mem_printf("%.*s-%u", NAME_SLUG_CHARS_MAX - 3, w->slug, i);
}

/* Which of the numbers this ask has already, even when a smaller one has become free since; else 1. */
static unsigned first_number(Job *job, const Wish *w)
{
        for (unsigned i = 1; w->unique && i <= UNIQUE_MAX; i++) {
                _cleanup_free_ char *slug = numbered(w, i), *name = name_workspace(w->project, slug);
                _cleanup_json_ json_t *record = record_read(job, name);

                if (str_equal(json_str(record, "key"), job->key))
                        return i;
                problem_deinit(&job->problem); /* a damaged record is met again when its name is tried */
        }
        return 1;
}

bool perform_create(Job *job)
{
        int64_t start_ms = clock_monotonic_ms();
        Wish w;

        if (!read_wish(job, &w))
                return false;
        for (unsigned i = first_number(job, &w); i <= (w.unique ? UNIQUE_MAX : 1); i++) {
                _cleanup_free_ char *slug = numbered(&w, i);
                bool taken = false;

                if (create_under(job, &w, slug, &taken)) {
                        json_put_int(job->result, "ms", clock_monotonic_ms() - start_ms);
                        return true;
                }
                if (!taken)
                        return false;
        }
        problem_set(&job->problem, "exists",
                    "There already is a workspace or directory of that name. Choose another title.");
        if (!job->problem.field)
                job->problem.field = mem_strdup("slug");
        return false;
}
