/* What is in a workspace, and what removing it would lose. Only looks. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "integrations/workspace/workspace-internal.h"

#define SIZE_ENTRIES_MAX 200000
#define SUBMODULES_MAX   200
#define FILES_BESIDE_MAX 50
#define STATUS_BYTES_MAX (1024u * 1024)

/* git status --porcelain=v2 --branch -z: each entry ends in NUL; a rename has its old name behind it. */
static void read_status(const char *text, size_t n, json_t *row)
{
        json_t *files = json_object_get(row, "dirty_files");
        int64_t n_dirty = 0;

        for (const char *at = text, *end = text + n; at < end; at += strlen(at) + 1) {
                const char *name = NULL;
                unsigned n_fields = 0;

                if (str_starts_with(at, "# branch.oid ") && at[13] != '(')
                        json_put_str(row, "head", at + 13);
                else if (str_starts_with(at, "# branch.head ") && at[14] != '(')
                        json_put_str(row, "branch", at + 14);
                else if (str_starts_with(at, "# branch.upstream "))
                        json_put_str(row, "upstream", at + 18);
                else if (str_starts_with(at, "# branch.ab +")) {
                        char *behind;

                        json_put_int(row, "ahead", strtoll(at + 13, &behind, 10));
                        json_put_int(row, "behind", *behind == ' ' ? -strtoll(behind + 1, NULL, 10) : 0);
                }
                n_fields = *at == '1' ? 8 : *at == '2' ? 9 : *at == 'u' ? 10 : *at == '?' ? 1 : 0;
                if (n_fields == 0)
                        continue;
                n_dirty++;
                for (name = at; n_fields > 0 && name; n_fields--)
                        name = (name = strchr(name, ' ')) ? name + 1 : NULL;
                if (name && json_array_size(files) < WORKSPACE_DIRTY_LISTED_MAX) {
                        json_t *text_or_none = json_string(name);

                        json_array_append_new(files, text_or_none
                                                             ? text_or_none
                                                             : json_string("(a name that is not UTF-8)"));
                }
                if (*at == '2')
                        at += strlen(at) + 1;
        }
        json_put_int(row, "dirty", n_dirty);
}

/* How many commits `args` names; false with the problem set. */
static bool count(Job *job, const char *dir, const char *const *args, int64_t *ret, Problem *problem)
{
        _cleanup_free_ char *text = git_get(&job->git, dir, "count commits", problem, args);

        *ret = text ? strtoll(text, NULL, 10) : 0;
        return text != NULL;
}

/* Commits of the initialised submodules that are in none of their remotes' branches: their repositories lie
 * in the worktree's own part of .git, and go with it. */
static bool count_in_submodules(Job *job, const char *path, int64_t *n, Problem *problem)
{
        _cleanup_free_ char *modules = mem_printf("%s/.gitmodules", path), *list = NULL;
        unsigned n_seen = 0;

        if (access(modules, F_OK) < 0)
                return true;
        list = git_get(&job->git, path, "look at the submodules", problem,
                       GIT_ARGS("submodule", "status", "--recursive"));
        if (!list)
                return false;
        for (const char *at = list; *at && n_seen < SUBMODULES_MAX; n_seen++) {
                size_t n_line = strcspn(at, "\n");
                const char *name = memchr(at + 1, ' ', n_line > 1 ? n_line - 1 : 0), *end;
                int64_t own = 0;

                if (name && *at != '-') {
                        _cleanup_free_ char *dir = NULL;

                        end = memmem(name, (size_t) (at + n_line - name), " (",
                                     2); /* its description, if any */
                        end = end ? end : at + n_line;
                        dir = mem_printf("%s/%.*s", path, (int) (end - name - 1), name + 1);
                        if (!count(job, dir,
                                   GIT_ARGS("rev-list", "--count", "HEAD", "--branches", "--not",
                                            "--remotes"),
                                   &own, problem))
                                return false;
                        *n += own;
                }
                at += n_line + (at[n_line] == '\n');
        }
        return true;
}

static bool count_commits(Job *job, const char *path, const char *branch, bool has_remote, json_t *row,
                          Problem *problem)
{
        _cleanup_free_ char *ref = mem_printf("refs/heads/%s", branch),
                            *exclude = mem_printf("--exclude=%s", branch),
                            *tip = git_get(&job->git, path, "", NULL,
                                           GIT_ARGS("rev-parse", "-q", "--verify", ref));
        /* The worktree's branch even when something else is checked out: removing takes both. */
        const char *also = tip ? tip : "HEAD";
        int64_t n = 0, own = 0;

        if (has_remote) {
                if (!count(job, path, GIT_ARGS("rev-list", "--count", "HEAD", also, "--not", "--remotes"), &n,
                           problem))
                        return false;
                json_put_int(row, "unpushed", n);
        }
        if (!count(job, path,
                   GIT_ARGS("rev-list", "--count", "HEAD", also, "--not", exclude, "--branches", "--tags",
                            "--remotes"),
                   &own, problem) ||
            !count_in_submodules(job, path, &own, problem))
                return false;
        json_put_int(row, "only_here", own);
        return true;
}

static bool look(Job *job, const json_t *record, const char *path, json_t *row, Problem *problem)
{
        _cleanup_free_ char *remotes = NULL, *lock_file = NULL;
        _cleanup_git_ GitCommand c = {0};
        bool cut;

        git_command(&c, &job->git, path,
                    GIT_ARGS("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal",
                             "--ignore-submodules=none"));
        c.child.out_max_bytes = STATUS_BYTES_MAX;
        if (!git_run(&c, &job->git, "look at the worktree", problem))
                return false;
        read_status(buf_bytes(&c.child.out), buf_len(&c.child.out), row);
        json_object_set_new(row, "dirty_truncated", json_boolean(c.child.out_truncated));
        remotes = git_get(&job->git, path, "", NULL, GIT_ARGS("remote"));
        if (json_str(row, "head") &&
            !count_commits(job, path, json_str(record, "branch"), !str_empty(remotes), row, problem))
                return false;
        lock_file = git_get(&job->git, path, "", NULL,
                            GIT_ARGS("rev-parse", "--path-format=absolute", "--git-path", "locked"));
        json_object_set_new(row, "locked", json_boolean(lock_file && access(lock_file, F_OK) == 0));
        json_put_int(row, "size_bytes", tree_size(path, SIZE_ENTRIES_MAX, job->git.cancel, &cut));
        json_object_set_new(row, "size_truncated", json_boolean(cut));
        return true;
}

static json_t *inspect_repository(Job *job, const json_t *record, const json_t *repository)
{
        const char *path = json_str(repository, "path");
        json_t *row = json_pack(
                "{s:s, s:s, s:n, s:n, s:i, s:[], s:b, s:n, s:i, s:n, s:i, s:i, s:b, s:I, s:b, s:b}", "name",
                json_str(repository, "name"), "path", path, "branch", "head", "dirty", 0, "dirty_files",
                "dirty_truncated", 0, "unpushed", "only_here", 0, "upstream", "ahead", 0, "behind", 0,
                "locked", 0, "size_bytes", (json_int_t) 0, "size_truncated", 0, "missing", 0);
        _cleanup_problem_ Problem problem = {0};
        bool missing = access(path, F_OK) < 0 && errno == ENOENT, at_risk;

        json_object_set_new(row, "missing", json_boolean(missing));
        if (!missing && !look(job, record, path, row, &problem))
                json_object_set_new(row, "error", problem_to_json(&problem));
        /* What cannot be looked at may hold anything. */
        at_risk = problem.code || json_int(row, "dirty", 0) > 0 || json_int(row, "only_here", 0) > 0;
        json_object_set_new(row, "at_risk", json_boolean(at_risk));
        return row;
}

static bool is_repository(const json_t *record, const char *name)
{
        json_t *repository;
        size_t i;

        json_array_foreach (json_object_get(record, "repositories"), i, repository)
                if (str_equal(json_str(repository, "name"), name))
                        return true;
        return false;
}

static json_t *files_beside(const json_t *record)
{
        DIR *dir = opendir(json_str(record, "path"));
        json_t *names = json_array();
        struct dirent *entry;

        while (dir && json_array_size(names) < FILES_BESIDE_MAX && (entry = readdir(dir))) {
                json_t *name;

                if (str_equal(entry->d_name, ".") || str_equal(entry->d_name, "..") ||
                    is_repository(record, entry->d_name))
                        continue;
                name = json_string(entry->d_name);
                json_array_append_new(names, name ? name : json_string("(a name that is not UTF-8)"));
        }
        if (dir)
                closedir(dir);
        return names;
}

json_t *workspace_inspection(Job *job, const json_t *record)
{
        json_t *rows = json_array(), *repository, *beside = files_beside(record), *row;
        bool at_risk = json_array_size(beside) > 0;
        size_t i;

        json_array_foreach (json_object_get(record, "repositories"), i, repository) {
                row = inspect_repository(job, record, repository);
                at_risk = at_risk || json_bool(row, "at_risk");
                json_array_append_new(rows, row);
        }
        return json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:o}", "name", json_str(record, "name"), "path",
                         json_str(record, "path"), "branch", json_str(record, "branch"), "state",
                         json_str(record, "state"), "at_risk", at_risk, "files_beside", beside,
                         "repositories", rows);
}

bool perform_inspect(Job *job)
{
        const char *path = json_str_or(job->args, "path", "");
        _cleanup_free_ char *name = NULL;
        _cleanup_json_ json_t *record = NULL;

        if (!workspace_find(job, path, &name, &record))
                return false;
        if (!record)
                return problem_set(&job->problem, "not_a_workspace", "There is no workspace at %s.", path);
        job->result = workspace_inspection(job, record);
        return !child_cancel_is_set(job->git.cancel) ||
               problem_set(&job->problem, "cancelled", "The gateway is stopping.");
}
