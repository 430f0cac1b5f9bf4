/* A session's workspace: the directory with a worktree per repository in which its agent works
 * (integrations/workspace/workspace-asks.h). Sessions whose task names no repository work where OpenCode was
 * configured to.
 *
 * In the session's data: task.repositories: [name], task.project.id, and once it is made
 *   workspace: {name, path, branch, repositories: [{name, path, branch, base}]} */
#pragma once

#include "flow/flow.h"

/* The task names repositories, and there is no workspace yet. */
bool session_wants_workspace(Flow *f);
/* Asks for it; the thread sees how it goes. Harmless twice: the same workspace is found. */
void session_ask_workspace(Flow *f);
void session_forget_workspace_ask(Flow *f);

typedef enum WorkspaceNews {
        WORKSPACE_OTHER, /* the event is about something else */
        WORKSPACE_NEWS,  /* taken: it goes on */
        WORKSPACE_MADE,
        WORKSPACE_FAILED, /* the session's error says why and what to do */
} WorkspaceNews;
WorkspaceNews session_take_workspace_event(Flow *f, const FlowEvent *ev);
/* The end of an ask that posted the line about the workspace. */
bool session_take_workspace_posted(Flow *f, const FlowEvent *ev);

/* Somebody wants it removed (flows/cleanup.c); refused while the agent is at work in it. */
void session_ask_cleanup(Flow *f, const FlowEvent *ev);

/* Where the agent works: the workspace, its only repository, or the configured directory. Borrowed. */
const char *session_directory(Flow *f);
