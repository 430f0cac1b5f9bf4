/* What the core may ask of repositories and workspaces. A workspace is a directory with one git worktree per
 * repository, all on one feature branch: `{builders_dir}/{project}-{slug}/{repository}` (docs/workspaces.md).
 *
 *   workspace.catalog  refresh?
 *       → {repositories: [Repository], projects: [Project], project_list, complete, refreshed_ms}
 *   workspace.create   project?, slug, repositories: [Wanted], branch?, builders_dir?, maker?,
 *                      existing_branch?, unique?, progress?
 *       → {name, path, branch, maker, already, repositories: [Made], ms}
 *   workspace.inspect  path
 *       → Inspection
 *   workspace.remove   path, confirm?: [name], keep_branches?, progress?
 *       → {name, already, repositories: [{name, branch, branch_deleted, kept_because?}]}
 *   workspace.list
 *       → {workspaces: [{name, path, branch, state, project, maker, repositories: [name], created_ms}]}
 *
 * Repository    {name, path|null, url|null, default_branch|null, has_commits}
 *               path is null for a configured remote that is not cloned yet; as a Wanted it is used as it is.
 *               url is origin's, without credentials. Same-named ones are all called "{owner}-{name}".
 * Project       {id, title, status, category, repositories: [name], active}
 * project_list  "ok", "missing", "empty" (nothing in it has an id), "unreadable", "too_long" (only its
 *               first half MiB was read)
 * Wanted        {name, path?|url?, base?}. Without path and url the name is looked up in the catalogue.
 *               base: a branch, tag or commit; else the default branch (the newer of the local one and
 *               origin's), else the branch that is checked out.
 * branch        "feature/{name}" when absent
 * existing_branch  "refuse" (default), or "use": goes on with a branch that is already there and that
 *               nobody has checked out
 * unique        true: where another ask has made a workspace of that name, "-2", "-3" … goes behind the slug
 *               and the default branch; else that is the failure "exists"
 * maker         "native", "task", "par"; else the configured one
 * Made          {name, path, branch, base, base_commit, repository: path of the main repository}
 * Inspection    {name, path, branch, state: "complete|making|removing", at_risk, files_beside: [name],
 *                repositories: [{name, path, branch|null (detached), head|null, dirty, dirty_files: [first
 *                20], dirty_truncated, unpushed|null (no remote), only_here, upstream|null, ahead, behind,
 *                locked, size_bytes, size_truncated, at_risk, missing, error?}]}
 *               unpushed: commits that no remote-tracking branch has. only_here: commits that no other
 *               branch, no tag and no remote-tracking branch has, of the worktree and its submodules: what
 *               removing loses. files_beside: what lies in the directory and is no repository of it.
 * confirm       names of the repositories whose uncommitted and unpushed work may be lost; "." for
 *               files_beside
 * progress      an address of the asking flow; hints WORKSPACE_PROGRESS go there: {phase: "clone|worktree|
 *               checkout|submodules|task|par|remove", repository, index (from 1), total, percent?, bytes?}
 *
 * Failures are {error, message, field?, repository?, details?}; message is for people and names the next
 * step.
 *   permanent  invalid (field: "slug", "branch", "repositories.1.base" …), exists, branch_exists, no_commits,
 *              detached_head, not_found, not_a_repository, base_not_found, disk_full, permission,
 *              git_missing, git_error, maker_missing, maker_failed, not_a_workspace, would_lose_work (with
 *              inspection)
 *   temporary  busy (another maker holds the lock), locked (a *.lock file of git), timeout, unreachable, auth
 *
 * Whatever the failure, nothing half made is left: what had been made is taken back first. Only when that
 * fails too, or the gateway dies meanwhile, something stays, together with a record of what it is; the next
 * create or remove of that name takes it back before it does anything else. */
#pragma once

#include "flow/ask.h"

#define WORKSPACE_CATALOG "workspace.catalog"
#define WORKSPACE_CREATE  "workspace.create"
#define WORKSPACE_INSPECT "workspace.inspect"
#define WORKSPACE_REMOVE  "workspace.remove"
#define WORKSPACE_LIST    "workspace.list"

#define WORKSPACE_PROGRESS "workspace.progress" /* the hint's event */

#define WORKSPACE_REPOSITORIES_MAX 32
#define WORKSPACE_DIRTY_LISTED_MAX 20

extern const AskVerb *const workspace_verbs[]; /* NULL-terminated; register with a Workspaces as owner */
