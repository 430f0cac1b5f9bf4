#include "integrations/git/repository.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "integrations/git/names.h"

void repository_deinit(Repository *r)
{
        free(r->path);
        free(r->common_dir);
        free(r->head_branch);
        free(r->default_branch);
        free(r->url);
        *r = (Repository){0};
}

static bool is_dir(const char *path, const char *sub)
{
        _cleanup_free_ char *full = mem_printf("%s/%s", path, sub);
        struct stat st;

        return stat(full, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_bare(const char *path)
{
        _cleanup_free_ char *head = mem_printf("%s/HEAD", path);
        struct stat st;

        return stat(head, &st) == 0 && S_ISREG(st.st_mode) && is_dir(path, "objects") && is_dir(path, "refs");
}

bool repository_is_at(const char *path)
{
        return is_dir(path, ".git") || is_bare(path);
}

/* A configured value or a symbolic ref; NULL when there is none, which is no problem. */
static char *get_optional(const Git *git, const char *dir, const char *const *args)
{
        char *text = git_get(git, dir, "", NULL, args);

        if (text && !*text) {
                free(text);
                return NULL;
        }
        return text;
}

/* The default branch is what origin says, or what it is usually called, or what is checked out. */
static void read_branches(Repository *r, const char *refs, size_t n_names, const char *const *names)
{
        size_t best = n_names;

        for (const char *line = refs; *line;) {
                size_t n = strcspn(line, "\n"), n_ref = strcspn(line, "\t");
                const char *symref = n_ref < n ? line + n_ref + 1 : "";
                size_t n_symref = n_ref < n ? n - n_ref - 1 : 0;

                if (n_symref > 20 && strncmp(symref, "refs/remotes/origin/", 20) == 0) {
                        free(r->default_branch);
                        r->default_branch = mem_strndup(symref + 20, n_symref - 20);
                        best = 0;
                }
                for (size_t i = 0; i < best; i++) {
                        _cleanup_free_ char *ref = mem_printf("refs/heads/%s", names[i]);

                        if (strlen(ref) == n_ref && strncmp(line, ref, n_ref) == 0) {
                                mem_strset(&r->default_branch, names[i]);
                                best = i;
                                break;
                        }
                }
                line += n + (line[n] == '\n');
        }
}

bool repository_open(const Git *git, const char *path, Repository *ret, Problem *problem)
{
        static const char *const usual[] = {"main", "master", "trunk"};
        _cleanup_free_ char *refs = NULL, *head = NULL, *remotes = NULL;

        *ret = (Repository){.path = realpath(path, NULL)};
        if (!ret->path)
                return problem_set(problem, errno == EACCES ? "permission" : "not_found", "%s: %s.", path,
                                   strerror(errno));
        if (!repository_is_at(ret->path))
                return problem_set(problem, "not_a_repository", "%s is not a git repository of its own.",
                                   ret->path);
        ret->common_dir = is_bare(ret->path) ? mem_strdup(ret->path) : mem_printf("%s/.git", ret->path);
        refs = git_get(git, ret->path, "read the repository", problem,
                       GIT_ARGS("for-each-ref", "--format=%(refname)%09%(symref)", "refs/remotes/origin/HEAD",
                                "refs/heads/main", "refs/heads/master", "refs/heads/trunk"));
        if (!refs)
                return false;
        read_branches(ret, refs, ELEMENTSOF(usual), usual);
        ret->head_branch = get_optional(git, ret->path, GIT_ARGS("symbolic-ref", "-q", "--short", "HEAD"));
        head = get_optional(git, ret->path, GIT_ARGS("rev-parse", "-q", "--verify", "HEAD^{commit}"));
        if (!ret->default_branch && head)
                ret->default_branch = mem_strdup(ret->head_branch);
        ret->has_commits = head || ret->default_branch;
        remotes = get_optional(git, ret->path, GIT_ARGS("config", "--get-regexp", "^remote\\..*\\.url$"));
        ret->has_remote = remotes != NULL;
        if (remotes)
                ret->url = get_optional(git, ret->path, GIT_ARGS("config", "--get", "remote.origin.url"));
        return !child_cancel_is_set(git->cancel) ||
               problem_set(problem, "cancelled", "The gateway is stopping.");
}

static char *commit_of(const Git *git, const Repository *r, const char *prefix, const char *name)
{
        _cleanup_free_ char *rev = mem_printf("%s%s^{commit}", prefix, name);

        return get_optional(git, r->path, GIT_ARGS("rev-parse", "-q", "--verify", rev));
}

bool repository_branch(const Git *git, const Repository *r, const char *branch, char **ret, Problem *problem)
{
        *ret = commit_of(git, r, "refs/heads/", branch);
        return !child_cancel_is_set(git->cancel) ||
               problem_set(problem, "cancelled", "The gateway is stopping.");
}

/* A branch by its name, here or at origin. */
static bool find_branch(const Git *git, const Repository *r, const char *branch, char **ret_commit,
                        Problem *problem)
{
        _cleanup_free_ char *here = commit_of(git, r, "refs/heads/", branch),
                            *there = commit_of(git, r, "refs/remotes/origin/", branch);
        bool is_older = false;

        if (here && there && !str_equal(here, there) &&
            !git_ask(git, r->path, &is_older, problem, GIT_ARGS("merge-base", "--is-ancestor", here, there)))
                return false;
        *ret_commit = here && !is_older ? take(here) : take(there);
        return true;
}

bool repository_base(const Git *git, const Repository *r, const char *wanted, char **ret_name,
                     char **ret_commit, Problem *problem)
{
        const char *name = wanted ? wanted : r->default_branch ? r->default_branch : r->head_branch;
        const char *why = name ? name_check_branch(name) : NULL;

        *ret_name = *ret_commit = NULL;
        if (!r->has_commits)
                return problem_set(problem, "no_commits",
                                   "%s has no commits yet. Make a first commit there, then try again.",
                                   r->path);
        if (!name)
                return problem_set(
                        problem, "detached_head",
                        "HEAD of %s is detached, and no default branch can be told. Name a base branch.",
                        r->path);
        if (wanted && why)
                return problem_set(problem, "invalid", "The base %s.", why);
        if (!find_branch(git, r, name, ret_commit, problem))
                return false;
        if (!*ret_commit && wanted)
                *ret_commit = commit_of(git, r, "refs/tags/", name);
        if (!*ret_commit && wanted && strspn(name, "0123456789abcdef") == strlen(name) && strlen(name) >= 7)
                *ret_commit = commit_of(git, r, "", name);
        if (!*ret_commit)
                return problem_set(problem, "base_not_found",
                                   "%s has no branch, tag or commit called \"%s\".", r->path, name);
        *ret_name = mem_strdup(name);
        return true;
}
