/* Repositories and workspaces, where they are configured: how the project list is read (core/projects.h), and
 * how progress reaches the session that waits. */
#include "gateway/gateway.h"

#include "base/error.h"
#include "core/flows/flows.h"
#include "core/projects-json.h"
#include "integrations/workspace/workspace-asks.h"

static void on_progress(void *userdata, const char *address, json_t *data)
{
        Gateway *g = userdata;

        flow_hint(g->engine, address, WORKSPACE_PROGRESS, data);
}

int gateway_open_workspaces(Gateway *g)
{
        const GatewayConf *conf = g->conf;
        int r;

        if (str_empty(conf->workspace.repositories_root) && str_empty(conf->workspace.builders_dir))
                return 0;
        r = workspaces_new(&g->workspaces, g->loop, g->metrics,
                           &(WorkspacesConfig){
                                   .repositories_root = conf->workspace.repositories_root,
                                   .remotes = (const char *const *) conf->workspace.remotes.items,
                                   .builders_dir = conf->workspace.builders_dir,
                                   .maker = conf->workspace.maker,
                                   .project_list = conf->workspace.project_list,
                                   .read_projects = projects_to_json,
                                   .on_progress = on_progress,
                                   .userdata = g,
                           });
        if (r < 0)
                return error_trace(r);
        for (const AskVerb *const *v = workspace_verbs; *v; v++)
                flow_engine_add_verb(g->engine, *v, g->workspaces);
        return 0;
}
