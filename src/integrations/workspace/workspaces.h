/* Repositories and workspaces: owns the threads that git is run on, the catalogue, and the locks. Its verbs
 * are in workspace-asks.h; register them with it as their owner. */
#pragma once

#include "base/json.h"
#include "base/metric.h"
#include "loop/worker.h"

typedef struct Workspaces Workspaces;

typedef struct WorkspacesConfig {                     /* all is copied */
        const char *repositories_root;                /* "" or NULL = none */
        const char *const *remotes;                   /* NULL-terminated; may be NULL */
        const char *builders_dir;                     /* "" = .builders in the root */
        const char *maker;                            /* "native", "task", "par"; NULL = native */
        const char *project_list;                     /* "" = .ai/projectlist.md in the root */
        unsigned max_parallel;                        /* workspaces worked on at once; 0 = 4 */
        int64_t local_timeout_ms, network_timeout_ms; /* of one git command; 0 = git.h's */
        int64_t refresh_ms;                           /* of the catalogue; 0 = 5 minutes */
        /* The list's projects as an array of Project (workspace-asks.h). Called on a worker thread: pure.
         * NULL: there are no projects. */
        json_t *(*read_projects)(const char *text, size_t n_bytes);
        /* A hint for the flow at `address`; on the loop's thread. May be NULL. */
        void (*on_progress)(void *userdata, const char *address, json_t *data /* stolen */);
        void *userdata;
} WorkspacesConfig;

/* Reads the catalogue for the first time, in the background. */
int workspaces_new(Workspaces **ret, Loop *loop, Metrics *metrics, const WorkspacesConfig *config);
/* Ends what runs (git gets SIGTERM), and waits for it: some seconds at worst. Asks under way are dropped
 * without an ask_done(); after a restart they are performed again. */
void workspaces_free(Workspaces *w);
DEFINE_CLEANUP(Workspaces *, workspaces_free);

/* What the last look found: the result of workspace.catalog. Borrowed until the loop's next turn; never NULL,
 * empty with complete: false before the first look has ended. */
const json_t *workspaces_catalog(const Workspaces *w);
