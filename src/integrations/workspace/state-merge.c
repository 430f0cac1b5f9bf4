/* Somebody else pushed to the state repository. Ours goes on top of theirs, commit by commit and file by
 * file: a session's file is of one writer, so lines of two are never mixed. Where both changed one file, ours
 * is in force and theirs is kept beside it.
 *
 * The commits are built in an index of our own; the working tree, in which files are rewritten all the time,
 * is brought up to date afterwards, file by file, and only where it is as the last commit has it. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "integrations/workspace/state-internal.h"

#define AUTHORS_MAX "20"
#define FILES_MAX   100

typedef struct Merge {
        const Git *git;
        const char *directory;
        Git own; /* with our index */
        Problem *problem;
        json_t *theirs; /* path → {mode, blob, base}: what they changed; blob of zeros = deleted */
        json_t *ours;   /* path → true: what our commits changed */
        json_t *kept;   /* path → the name it is kept under */
        char stamp[32];
} Merge;

/* ":100644 100644 old new M\0path\0" … of diff-tree --raw -z. */
static bool read_changes(Merge *m, const char *text, size_t n,
                         bool (*each)(Merge *, const char *mode, const char *old, const char *new,
                                      const char *path))
{
        for (const char *at = text, *end = text + n; at < end && *at == ':';) {
                char old_mode[8], new_mode[8], old[65], new[65];
                const char *path = at + strlen(at) + 1;

                if (sscanf(at, ":%7s %7s %64s %64s", old_mode, new_mode, old, new) != 4 || path >= end)
                        break;
                if (!each(m, new_mode, old, new, path))
                        return false;
                at = path + strlen(path) + 1;
        }
        return true;
}

static bool changes(Merge *m, const char *from, const char *to,
                    bool (*each)(Merge *, const char *, const char *, const char *, const char *))
{
        _cleanup_git_ GitCommand c = {0};

        git_command(&c, m->git, m->directory,
                    GIT_ARGS("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-commit-id", "--root",
                             from, to));
        c.child.out_max_bytes = 64u * 1024 * 1024;
        return git_run(&c, m->git, "compare with what others pushed", m->problem) &&
               read_changes(m, buf_bytes(&c.child.out), buf_len(&c.child.out), each);
}

static bool note_theirs(Merge *m, const char *mode, const char *old, const char *new, const char *path)
{
        json_t *change = json_pack("{s:s, s:s, s:s}", "mode", mode, "blob", new, "base", old);

        if (json_object_set_new(m->theirs, path, change) < 0)
                return problem_set(m->problem, "git_error",
                                   "Others pushed a file whose name is not UTF-8 to the state repository.");
        return true;
}

static bool is_deleted(const char *blob)
{
        return strspn(blob, "0") == strlen(blob);
}

static bool index_put(Merge *m, const char *mode, const char *blob, const char *path)
{
        _cleanup_git_ GitCommand c = {0};
        _cleanup_buf_ Buf line = {0};

        buf_printf(&line, "%s %s\t%s", is_deleted(blob) ? "0" : mode, blob, path);
        buf_append_char(&line, 0);
        git_command(&c, &m->own, m->directory, GIT_ARGS("update-index", "-z", "--index-info"));
        c.child.input = buf_bytes(&line);
        c.child.n_input_bytes = buf_len(&line);
        return git_run(&c, &m->own, "put ours on top of theirs", m->problem);
}

/* Where theirs is kept: beside the file, under a name of its own. */
static char *kept_path(const Merge *m, const char *path)
{
        const char *slash = strrchr(path, '/');

        return mem_printf("%.*s.session-state.conflict-%s.yaml", slash ? (int) (slash + 1 - path) : 0, path,
                          m->stamp);
}

static bool keep_theirs(Merge *m, const char *path)
{
        const json_t *change = json_object_get(m->theirs, path);
        _cleanup_free_ char *kept = kept_path(m, path);

        if (json_object_get(m->kept, path))
                return true;
        json_put_str(m->kept, path, kept);
        return is_deleted(json_str(change, "blob")) || index_put(m, "100644", json_str(change, "blob"), kept);
}

static bool apply_ours(Merge *m, const char *mode, const char *old, const char *new, const char *path)
{
        const json_t *change = json_object_get(m->theirs, path);

        json_object_set_new(m->ours, path, json_true());
        if (change && !str_equal(json_str(change, "blob"), new) && !keep_theirs(m, path))
                return false;
        return index_put(m, mode, new, path);
}

/* One of our commits again, on `parent`; the new commit, owned by the caller. Empty ones are left out:
 * `parent`. */
static char *replay(Merge *m, const char *commit, const char *parent)
{
        _cleanup_free_ char *before = mem_printf("%s^", commit), *message = NULL, *date = NULL, *tree = NULL,
                            *has = NULL, *known = NULL;
        Git dated = *m->git;
        _cleanup_git_ GitCommand c = {0};

        known = git_get(m->git, m->directory, "", NULL, GIT_ARGS("rev-parse", "-q", "--verify", before));
        if (!known)
                known = git_get(m->git, m->directory, "put ours on top of theirs", m->problem,
                                GIT_ARGS("mktree"));
        message = git_get(m->git, m->directory, "put ours on top of theirs", m->problem,
                          GIT_ARGS("log", "-1", "--format=%B", commit));
        date = git_get(m->git, m->directory, "put ours on top of theirs", m->problem,
                       GIT_ARGS("log", "-1", "--format=%aI", commit));
        if (!known || !message || !date || !changes(m, known, commit, apply_ours))
                return NULL;
        tree = git_get(&m->own, m->directory, "put ours on top of theirs", m->problem,
                       GIT_ARGS("write-tree"));
        has = mem_printf("%s^{tree}", parent);
        free(take(known));
        known = git_get(m->git, m->directory, "put ours on top of theirs", m->problem,
                        GIT_ARGS("rev-parse", has));
        if (!tree || !known)
                return NULL;
        if (str_equal(tree, known))
                return mem_strdup(parent);
        dated.author_date = date;
        git_command(&c, &dated, m->directory,
                    GIT_ARGS("-c", "user.name=" STATE_AUTHOR, "-c", "user.email=" STATE_AUTHOR_MAIL,
                             "commit-tree", tree, "-p", parent));
        c.child.input = message;
        c.child.n_input_bytes = strlen(message);
        if (!git_run(&c, &dated, "put ours on top of theirs", m->problem))
                return NULL;
        return mem_strndup(buf_bytes(&c.child.out), strcspn(buf_bytes(&c.child.out), "\n"));
}

static char *replay_all(Merge *m, const char *base, const char *head, const char *theirs)
{
        _cleanup_free_ char *list = base ? git_get(m->git, m->directory, "put ours on top of theirs",
                                                   m->problem,
                                                   GIT_ARGS("rev-list", "--reverse", "--topo-order",
                                                            "--no-merges", head, "--not", theirs))
                                         : git_get(m->git, m->directory, "put ours on top of theirs",
                                                   m->problem,
                                                   GIT_ARGS("rev-list", "--reverse", "--topo-order",
                                                            "--no-merges", head)),
                            *tip = mem_strdup(theirs);

        for (char *at = list, *next; at && *at; at = next) {
                _cleanup_free_ char *made = NULL;

                next = at + strcspn(at, "\n");
                if (*next)
                        *next++ = 0;
                made = replay(m, at, tip);
                if (!made)
                        return NULL;
                mem_strset(&tip, made);
        }
        return list ? take(tip) : NULL;
}

/* --- the working tree --- */

/* Whether the file is as the last common commit had it, or as theirs is (an earlier attempt wrote it); what
 * is not there is so where it was not there. */
static bool is_untouched(Merge *m, const char *path, const char *base, const char *theirs)
{
        _cleanup_free_ char *full = mem_printf("%s/%s", m->directory, path), *blob = NULL;

        if (access(full, F_OK) < 0)
                return is_deleted(base) || is_deleted(theirs);
        blob = git_get(m->git, m->directory, "", NULL, GIT_ARGS("hash-object", "--no-filters", "--", path));
        return str_equal(blob, base) || str_equal(blob, theirs);
}

static bool write_file(Merge *m, const char *blob, const char *path)
{
        _cleanup_free_ char *full = mem_printf("%s/%s", m->directory, path), *dir = mem_strdup(full);
        _cleanup_git_ GitCommand c = {0};
        char *slash = strrchr(dir, '/');

        if (is_deleted(blob)) {
                unlink(full); /* not there is as good */
                return true;
        }
        *slash = 0;
        git_command(&c, m->git, m->directory, GIT_ARGS("cat-file", "blob", blob));
        return dir_make(dir, m->problem) && git_run(&c, m->git, "read what others pushed", m->problem) &&
               file_write_atomic(full, buf_bytes(&c.child.out), buf_len(&c.child.out), m->problem);
}

static bool update_files(Merge *m)
{
        const char *path;
        json_t *change, *kept;

        json_object_foreach (m->theirs, path, change) {
                const char *blob = json_str(change, "blob");

                if (json_object_get(m->ours, path) || str_starts_with(path, "/") || strstr(path, ".."))
                        continue;
                if (is_untouched(m, path, json_str(change, "base"), blob)) {
                        if (!write_file(m, blob, path))
                                return false;
                } else {
                        /* Rewritten here since our last commit: the next one will be ours again. */
                        _cleanup_free_ char *beside = kept_path(m, path);

                        json_put_str(m->kept, path, beside);
                }
        }
        json_object_foreach (m->kept, path, kept) {
                const char *blob = json_str(json_object_get(m->theirs, path), "blob");

                if (!is_deleted(blob) && !write_file(m, blob, json_string_value(kept)))
                        return false;
        }
        return true;
}

/* --- what is said --- */

static json_t *authors(Merge *m, const char *theirs, const char *head)
{
        _cleanup_git_ GitCommand c = {0};
        json_t *rows = json_array();

        git_command(&c, m->git, m->directory,
                    GIT_ARGS("log", "-z", "--max-count=" AUTHORS_MAX, "--format=%an%x00%cI%x00%s", theirs,
                             "--not", head));
        if (!git_run(&c, m->git, "read what others pushed", m->problem))
                return rows;
        for (const char *at = buf_bytes(&c.child.out), *end = at + buf_len(&c.child.out); at < end;) {
                const char *when = at + strlen(at) + 1, *subject = when < end ? when + strlen(when) + 1 : end;
                json_t *row;

                if (subject >= end + 1)
                        break;
                row = json_pack("{s:s, s:s, s:s}", "name", at, "at", when, "subject",
                                subject < end ? subject : "");
                if (row)
                        json_array_append_new(rows, row);
                at = subject < end ? subject + strlen(subject) + 1 : end;
        }
        return rows;
}

static void report(Merge *m, json_t *who, json_t **ret)
{
        json_t *files = json_array(), *kept;
        const char *path, *name = json_str_or(who, "0.name", "Somebody"),
                          *at = json_str_or(who, "0.at", "an unknown time");
        _cleanup_free_ char *message = NULL;

        json_object_foreach (m->kept, path, kept) {
                _cleanup_free_ char *session = mem_strndup(path, strcspn(path, "/"));

                if (json_array_size(files) < FILES_MAX)
                        json_array_append_new(files,
                                              json_pack("{s:s, s:O}", "session", session, "kept_as", kept));
        }
        message =
                json_array_size(files) > 0
                        ? mem_printf(
                                  "%s pushed to the state repository (%s), to %zu of the gateway's own files. The gateway's are in "
                                  "force; the others are kept beside them.",
                                  name, at, json_array_size(files))
                        : mem_printf(
                                  "%s pushed to the state repository (%s). The gateway's commits are on top of that now.",
                                  name, at);
        log_warn("state", "%s", message);
        json_decref(*ret);
        *ret = json_pack("{s:o, s:o, s:s}", "authors", who, "files", files, "message", message);
}

bool state_merge(const Git *git, const char *directory, const char *branch, const char *theirs,
                 json_t **ret_conflict, Problem *problem)
{
        _cleanup_free_ char *index = mem_printf("%s/.git/opencode-slack-merge.index", directory),
                            *index_lock = mem_printf("%s.lock", index),
                            *ref = mem_printf("refs/heads/%s", branch), *head = state_head(git, directory),
                            *base = NULL, *from = NULL, *tip = NULL;
        _cleanup_json_ json_t *their_changes = json_object(), *our_changes = json_object(),
                              *kept = json_object();
        Merge m = {.git = git,
                   .directory = directory,
                   .own = *git,
                   .problem = problem,
                   .theirs = their_changes,
                   .ours = our_changes,
                   .kept = kept};
        time_t now = time(NULL);
        struct tm tm;
        bool ok;

        if (!head)
                return problem_set(problem, "git_error",
                                   "The state repository has no commit of ours to push.");
        strftime(m.stamp, sizeof(m.stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
        m.own.index_file = index;
        unlink(index_lock); /* of a dead process: the lock is ours */
        unlink(index);
        base = git_get(git, directory, "", NULL, GIT_ARGS("merge-base", head, theirs));
        from = base ? mem_strdup(base)
                    : git_get(git, directory, "compare with what others pushed", problem, GIT_ARGS("mktree"));
        ok = from && changes(&m, from, theirs, note_theirs) &&
             git_do(&m.own, directory, "put ours on top of theirs", problem, GIT_ARGS("read-tree", theirs));
        tip = ok ? replay_all(&m, base, head, theirs) : NULL;
        ok = tip != NULL;
        FAILPOINT("state.merge.before_files");
        /* Files first: once the branch has moved, what they lack would look like ours to delete. */
        ok = ok && update_files(&m) &&
             git_do(git, directory, "put ours on top of theirs", problem,
                    GIT_ARGS("update-ref", ref, tip, head));
        if (ok) {
                report(&m, authors(&m, theirs, head), ret_conflict);
                if (!git_do(git, directory, "", NULL, GIT_ARGS("read-tree", "HEAD")))
                        log_debug("state", "the usual index of %s is busy", directory);
        }
        unlink(index);
        return ok;
}
