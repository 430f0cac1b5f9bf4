/* Shared by the parts of this folder: one ask's work on a worker thread, and a workspace's record.
 *
 * A record is `{builders_dir}/.workspaces/{name}.json`: what the workspace is to be, written before anything
 * is made, and what state it is in. It is not in the workspace, where an agent works, and it is what a crash
 * leaves to the next attempt: {version, name, key, state, path, branch, project, maker, created_ms,
 * repositories: [{name, path, repository, base, base_commit, branch_made, stale?}]}. */
#pragma once

#include "integrations/git/files.h"
#include "integrations/git/repository.h"
#include "integrations/workspace/workspace-asks.h"
#include "integrations/workspace/workspaces.h"

#define RECORD_BYTES_MAX  (256u * 1024)
#define LOCK_WAIT_MS      30000
#define FETCH_TIMEOUT_MS  60000
#define CHECKOUTS_AT_ONCE 4

typedef struct Job {
        Workspaces *workspaces;
        Ask *ask; /* the loop's thread only */
        json_t *args;
        char *key;
        char *builders_dir; /* resolved */
        char *root;         /* of repositories; NULL = none */
        const char *maker;  /* as configured */
        json_t *catalog;    /* the snapshot, not to be changed */
        Git git;
        Problem problem;
        json_t *result;
        int64_t started_ms, said_ms;
        const char *cloning;
        size_t i_repository, n_repositories; /* of what is being done, from 1 */
        bool (*perform)(struct Job *job);
} Job;

/* --- record.c --- */
char *record_path(const Job *job, const char *name);
/* NULL without a problem: there is none. */
json_t *record_read(Job *job, const char *name);
bool record_write(Job *job, json_t *record, const char *state);
bool record_remove(Job *job, const char *name);
/* The workspace's lock; handed to all of the job's commands. < 0: the problem is set. */
int workspace_lock(Job *job, const char *name);
/* The lock of a repository's branches and list of worktrees, for a moment. */
int repository_lock(Job *job, const char *path);
/* From the path of an ask: the workspace's name and its record (NULL when it has none). False: it is none, or
 * not one below builders_dir. */
bool workspace_find(Job *job, const char *path, char **ret_name, json_t **ret_record);
/* {workspaces: […]} */
json_t *records_list(Job *job);

/* --- progress.c --- */
void progress_say(Job *job, const char *phase, const char *repository, size_t i, size_t n, int percent,
                  int64_t bytes);
/* For `on_err` of a git command with --progress; `userdata` is the job, job->cloning the repository. */
void progress_of_clone(void *userdata, const char *text, size_t n_bytes);

/* --- source.c --- */
/* Finds the repository that the ask's `wanted` means, cloned if need be. */
bool source_open(Job *job, const json_t *wanted, const char *name, Repository *ret, char **ret_stale);

/* --- makers --- */
typedef struct Maker {
        const char *name;
        /* The branch that it will make when the ask names none; owned by the caller. */
        char *(*branch)(const char *project, const char *slug);
        /* May change paths of the record. What it had made is taken back by undo(). */
        bool (*make)(Job *job, json_t *record);
        /* Takes the whole workspace back in its own way, before ours; may be NULL. */
        void (*forget)(Job *job, const json_t *record);
} Maker;
const Maker *maker_find(const char *name);
extern const Maker maker_native, maker_task, maker_par;

/* --- undo.c --- */
/* Where removed worktrees lie until the record goes; owned by the caller. */
char *workspace_trash(const Job *job, const char *name);
/* Takes a worktree out of its place, and what git knows of it, whatever state it is in. */
bool worktree_discard(Job *job, const char *repository, const char *path);
/* Takes back all that a record that is not complete may have led to, then the record. */
bool workspace_undo(Job *job, json_t *record);

/* --- inspect.c --- */
json_t *workspace_inspection(Job *job, const json_t *record);

/* --- what the verbs do; the result is job->result --- */
bool perform_create(Job *job);
bool perform_inspect(Job *job);
bool perform_remove(Job *job);
bool perform_list(Job *job);

/* --- catalog.c --- */
typedef struct CatalogPlan {
        const char *root, *builders_dir, *project_list;
        const char *const *remotes;
        json_t *(*read_projects)(const char *text, size_t n_bytes);
} CatalogPlan;
json_t *catalog_read(const CatalogPlan *plan, const Git *git);
json_t *catalog_empty(void);
