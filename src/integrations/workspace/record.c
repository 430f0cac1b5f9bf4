#include "integrations/workspace/workspace-internal.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "base/digest.h"
#include "integrations/git/names.h"

#define RECORDS "/.workspaces"

char *record_path(const Job *job, const char *name)
{
        return mem_printf("%s" RECORDS "/%s.json", job->builders_dir, name);
}

json_t *record_read(Job *job, const char *name)
{
        _cleanup_free_ char *path = record_path(job, name), *text = NULL;
        json_t *record;
        size_t n;
        int error;

        text = file_read(path, RECORD_BYTES_MAX, &n, &error);
        if (!text) {
                if (error != ENOENT)
                        problem_set_errno(&job->problem, error, "read the workspace's record");
                return NULL;
        }
        record = json_parse(text, n, NULL);
        if (json_int(record, "version", 0) == 1 && str_equal(json_str(record, "name"), name) &&
            json_str(record, "path") && json_str(record, "branch") &&
            json_is_array(json_at(record, "repositories")))
                return record;
        json_decref(record);
        problem_set(
                &job->problem, "git_error",
                "The record of workspace %s is damaged. Look at %s and the directory beside it, and remove both.",
                name, path);
        return NULL;
}

bool record_write(Job *job, json_t *record, const char *state)
{
        _cleanup_free_ char *path = record_path(job, json_str(record, "name")), *text = NULL;

        json_put_str(record, "state", state);
        text = json_dump(record);
        return file_write_atomic(path, text, strlen(text), &job->problem);
}

bool record_remove(Job *job, const char *name)
{
        _cleanup_free_ char *path = record_path(job, name);

        file_remove_leftovers(path);
        return unlink(path) == 0 || errno == ENOENT ||
               problem_set_errno(&job->problem, errno, "remove the workspace's record");
}

static int take_lock(Job *job, const char *file, const char *what)
{
        _cleanup_free_ char *dir = mem_printf("%s" RECORDS, job->builders_dir),
                            *path = mem_printf("%s/%s.lock", dir, file);

        if (!dir_make(dir, &job->problem))
                return -1;
        return lock_take(path, LOCK_WAIT_MS, job->git.cancel, what, &job->problem);
}

int workspace_lock(Job *job, const char *name)
{
        _cleanup_free_ char *what = mem_printf("The workspace %s", name);
        int fd = take_lock(job, name, what);

        if (fd >= 0)
                job->git.keep_fds[job->git.n_keep_fds++] = fd;
        return fd;
}

int repository_lock(Job *job, const char *path)
{
        _cleanup_free_ char *what = mem_printf("The repository %s", path), *file = NULL;
        uint8_t digest[32];
        char hex[17];

        digest_sha256(path, strlen(path), digest);
        digest_hex(digest, 8, hex);
        file = mem_printf(".repository-%s", hex);
        return take_lock(job, file, what);
}

bool workspace_find(Job *job, const char *path, char **ret_name, json_t **ret_record)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = NULL, *resolved = NULL;

        *ret_name = NULL;
        *ret_record = NULL;
        if (path[0] != '/' || !slash || name_check_workspace(slash + 1))
                return problem_set(&job->problem, "not_a_workspace", "%s is not a workspace's directory.",
                                   path);
        *ret_record = record_read(job, slash + 1);
        if (job->problem.code)
                return false;
        parent = mem_strndup(path, (size_t) MAX2(slash - path, (ptrdiff_t) 1));
        resolved = realpath(parent, NULL);
        if (!str_equal(resolved ? resolved : parent, job->builders_dir) &&
            !str_equal(json_str(*ret_record, "path"), path)) {
                json_decref(*ret_record);
                *ret_record = NULL;
                return problem_set(&job->problem, "not_a_workspace", "%s is not in %s.", path,
                                   job->builders_dir);
        }
        *ret_name = mem_strdup(slash + 1);
        return true;
}

static json_t *summary(const json_t *record)
{
        static const char *const kept[] = {"name",    "path",  "branch",    "state",
                                           "project", "maker", "created_ms"};
        json_t *row = json_object(), *names = json_array(), *repository;
        size_t i;

        for (i = 0; i < ELEMENTSOF(kept); i++)
                if (json_object_get(record, kept[i]))
                        json_object_set(row, kept[i], json_object_get(record, kept[i]));
        json_array_foreach (json_object_get(record, "repositories"), i, repository)
                json_array_append(names, json_object_get(repository, "name"));
        json_object_set_new(row, "repositories", names);
        return row;
}

json_t *records_list(Job *job)
{
        _cleanup_free_ char *dir_path = mem_printf("%s" RECORDS, job->builders_dir);
        DIR *dir = opendir(dir_path);
        json_t *rows = json_array();
        struct dirent *entry;

        if (!dir) {
                if (errno != ENOENT)
                        problem_set_errno(&job->problem, errno, "read the list of workspaces");
                return rows;
        }
        while ((entry = readdir(dir))) {
                size_t n = strlen(entry->d_name);
                _cleanup_free_ char *name = mem_strndup(entry->d_name, n > 5 ? n - 5 : 0);
                json_t *record;

                if (n <= 5 || !str_equal(entry->d_name + n - 5, ".json") || name_check_workspace(name))
                        continue;
                record = record_read(job, name);
                if (record)
                        json_array_append_new(rows, summary(record));
                else
                        problem_deinit(&job->problem); /* one that is damaged, or just gone, hides no other */
                json_decref(record);
        }
        closedir(dir);
        return rows;
}

bool perform_list(Job *job)
{
        job->result = json_pack("{s:o}", "workspaces", records_list(job));
        return !job->problem.code;
}
