/* Repositories and workspaces, where they are configured: how the project list is read (core/projects.h), and
 * how progress reaches the session that waits. */
#include "gateway/gateway.h"

#include "base/error.h"
#include "core/flows/flows.h"
#include "core/projects.h"
#include "integrations/workspace/workspace-asks.h"

static json_t *project_json(const Project *p)
{
        json_t *repositories = json_array();

        for (size_t i = 0; i < p->n_repositories; i++)
                json_array_append_new(repositories, json_string(p->repositories[i]));
        return json_pack("{s:s, s:s, s:s, s:s, s:o, s:b}", "id", p->id, "title", p->title, "status",
                         p->status, "category", p->category, "repositories", repositories, "active",
                         project_is_active(p));
}

static json_t *read_projects(const char *text, size_t n_bytes)
{
        json_t *list = json_array();
        Projects projects;

        projects_parse(text, n_bytes, &projects);
        for (size_t i = 0; i < projects.n; i++)
                json_array_append_new(list, project_json(&projects.all[i]));
        projects_deinit(&projects);
        return list;
}

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
                                   .read_projects = read_projects,
                                   .on_progress = on_progress,
                                   .userdata = g,
                           });
        if (r < 0)
                return error_trace(r);
        for (const AskVerb *const *v = workspace_verbs; *v; v++)
                flow_engine_add_verb(g->engine, *v, g->workspaces);
        return 0;
}
