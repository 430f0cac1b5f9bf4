/* The loop's side of this folder: asks become jobs, jobs' ends become the asks' ends.
 *
 * Why a second performance is harmless: create and remove find out what is there under their lock (create.c,
 * remove.c); the others only look. */
#include "integrations/workspace/workspaces.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "integrations/git/names.h"
#include "integrations/workspace/workspace-internal.h"

#define MAX_PARALLEL 4
#define WAITING_MAX  1000
#define REFRESH_MS   (5 * 60 * 1000LL)
#define SAY_EVERY_MS 300
#define MINUTE_MS    (60 * 1000LL)

struct Workspaces {
        Loop *loop;
        Workers *workers, *lookout; /* git at work, and what only looks at the catalogue */
        WorkspacesConfig config;    /* strings owned, below */
        char *root, *builders_dir, *maker, *project_list, **remotes;
        LoopTimer *refresh;
        bool refreshing;
        json_t *catalog;
        List waiting; /* asks that want a fresh one */
        MetricSeries *ok, *failed, *took;
};

typedef struct Waiting {
        List link;
        Ask *ask;
} Waiting;

/* --- the catalogue --- */

typedef struct Look {
        Workspaces *workspaces;
        json_t *catalog;
} Look;

static void look_run(void *userdata)
{
        Look *look = userdata;
        const Workspaces *w = look->workspaces;
        Git git = {
                .cancel = workers_cancel(w->lookout),
                .local_timeout_ms = w->config.local_timeout_ms,
        };

        look->catalog =
                catalog_read(&(CatalogPlan){w->root, w->builders_dir, w->project_list,
                                            (const char *const *) w->remotes, w->config.read_projects},
                             &git);
}

static void look_done(void *userdata)
{
        Look *look = userdata;
        Workspaces *w = look->workspaces;

        json_decref(w->catalog);
        w->catalog = look->catalog;
        w->refreshing = false;
        free(look);
        list_for_each_safe (node, &w->waiting) {
                Waiting *waiting = list_entry(node, Waiting, link);

                list_remove(node);
                ask_ok(waiting->ask, json_incref(w->catalog));
                free(waiting);
        }
        loop_timer_set(w->refresh, w->config.refresh_ms ? w->config.refresh_ms : REFRESH_MS);
}

static void look_drop(void *userdata)
{
        Look *look = userdata;

        json_decref(look->catalog);
        free(look);
}

static void refresh(void *userdata)
{
        Workspaces *w = userdata;
        Look *look;

        if (w->refreshing)
                return;
        look = mem_new(Look);
        look->workspaces = w;
        w->refreshing = workers_submit(w->lookout, &(WorkerJob){NULL, look_run, look_done, look_drop, look});
        if (!w->refreshing)
                free(look); /* never: there is one at a time */
}

const json_t *workspaces_catalog(const Workspaces *w)
{
        return w->catalog;
}

static void start_catalog(void *owner, Ask *ask)
{
        Workspaces *w = owner;
        Waiting *waiting;

        if (!json_bool(ask->args, "refresh") && json_int(w->catalog, "refreshed_ms", 0) > 0) {
                ask_ok(ask, json_incref(w->catalog));
                return;
        }
        waiting = mem_new(Waiting);
        waiting->ask = ask;
        list_append(&w->waiting, &waiting->link);
        refresh(w);
}

/* --- progress --- */

static void on_said(void *userdata, const char *text)
{
        Workspaces *w = userdata;
        json_t *said = json_parse(text, strlen(text), NULL);
        const char *address = json_str(said, "address");

        if (w->config.on_progress && address)
                w->config.on_progress(w->config.userdata, address,
                                      json_incref(json_object_get(said, "data")));
        json_decref(said);
}

void progress_say(Job *job, const char *phase, const char *repository, size_t i, size_t n, int percent,
                  int64_t bytes)
{
        const char *address = json_str(job->args, "progress");
        _cleanup_json_ json_t *said = NULL;
        json_t *data;

        job->i_repository = i;
        job->n_repositories = n;
        if (!address)
                return;
        data = json_pack("{s:s, s:s, s:I, s:I}", "phase", phase, "repository", repository, "index",
                         (json_int_t) i, "total", (json_int_t) n);
        if (percent >= 0)
                json_put_int(data, "percent", percent);
        if (bytes >= 0)
                json_put_int(data, "bytes", bytes);
        said = json_pack("{s:s, s:o}", "address", address, "data", data);
        job->said_ms = clock_monotonic_ms();
        workers_say(job->workspaces->workers, on_said, job->workspaces, json_dump(said));
}

/* "Receiving objects:  45% (123/456), 1.20 MiB | 3.00 MiB/s\r" */
void progress_of_clone(void *userdata, const char *text, size_t n_bytes)
{
        static const struct {
                const char *name;
                double bytes;
        } units[] = {{"bytes", 1}, {"KiB", 1024}, {"MiB", 1024.0 * 1024}, {"GiB", 1024.0 * 1024 * 1024}};
        Job *job = userdata;
        _cleanup_free_ char *said = mem_strndup(text, n_bytes);
        const char *at = strstr(said, "Receiving objects:");
        int percent = 0;
        double amount = 0;
        char unit[8] = "";
        int64_t bytes = -1;

        if (!at || clock_monotonic_ms() - job->said_ms < SAY_EVERY_MS ||
            sscanf(at + 18, "%d%%", &percent) != 1)
                return;
        at = strstr(at, "), ");
        if (at && sscanf(at + 3, "%lf %7[A-Za-z]", &amount, unit) == 2)
                for (size_t i = 0; i < ELEMENTSOF(units); i++)
                        if (str_equal(unit, units[i].name))
                                bytes = (int64_t) (amount * units[i].bytes);
        progress_say(job, "clone", job->cloning, job->i_repository, job->n_repositories, percent, bytes);
}

/* --- asks --- */

static void job_free(Job *job)
{
        json_decref(job->args);
        json_decref(job->catalog);
        json_decref(job->result);
        free(job->key);
        free(job->builders_dir);
        problem_deinit(&job->problem);
        free(job);
}

static void job_run(void *userdata)
{
        Job *job = userdata;
        const char *dir = json_str(job->args, "builders_dir");
        _cleanup_free_ char *real = NULL;

        if (dir && dir[0] != '/') {
                problem_set(&job->problem, "invalid", "builders_dir must be an absolute path.");
                return;
        }
        if (dir)
                mem_strset(&job->builders_dir, dir);
        if (str_empty(job->builders_dir)) {
                problem_set(&job->problem, "not_found",
                            "No directory for workspaces is configured. Set workspace.repositories_root or "
                            "workspace.builders_dir.");
                return;
        }
        if (job->perform == perform_create && !dir_make(job->builders_dir, &job->problem))
                return;
        real = realpath(job->builders_dir, NULL);
        if (real)
                mem_strset(&job->builders_dir, real);
        if (!job->perform(job) && !job->problem.code)
                problem_set(&job->problem, "git_error", "It failed for a reason that was not told.");
}

static void job_done(void *userdata)
{
        Job *job = userdata;
        Workspaces *w = job->workspaces;
        bool temporary = problem_is_temporary(&job->problem);

        metric_observe_ms(w->took, (double) (clock_monotonic_ms() - job->started_ms));
        metric_add(job->problem.code ? w->failed : w->ok, 1);
        if (!job->problem.code) {
                ask_ok(job->ask, take(job->result));
        } else {
                log_info("workspace", "%s: %s: %s", job->ask->verb, job->problem.code, job->problem.message);
                ask_done(job->ask, &(AskResult){.outcome = temporary ? ASK_TEMPFAIL : ASK_PERMFAIL,
                                                .value = problem_to_json(&job->problem)});
        }
        job_free(job);
}

static void job_drop(void *userdata)
{
        job_free(userdata);
}

static void submit(Workspaces *w, Ask *ask, bool (*perform)(Job *))
{
        Job *job = mem_new(Job);

        *job = (Job){
                .workspaces = w,
                .ask = ask,
                .args = json_deep_copy(ask->args),
                .key = mem_strdup(ask->key),
                .builders_dir = mem_strdup(w->builders_dir),
                .root = w->root,
                .maker = w->maker,
                .catalog = json_deep_copy(w->catalog),
                .git = {.cancel = workers_cancel(w->workers),
                        .local_timeout_ms = w->config.local_timeout_ms,
                        .network_timeout_ms = w->config.network_timeout_ms},
                .perform = perform,
                .started_ms = clock_monotonic_ms(),
        };
        if (workers_submit(w->workers, &(WorkerJob){NULL, job_run, job_done, job_drop, job}))
                return;
        job_free(job);
        ask_tempfail(ask, "busy", "Too many workspaces are being worked on. Try again in a minute.", false,
                     0);
}

static void start_create(void *owner, Ask *ask)
{
        submit(owner, ask, perform_create);
}

static void start_inspect(void *owner, Ask *ask)
{
        submit(owner, ask, perform_inspect);
}

static void start_remove(void *owner, Ask *ask)
{
        submit(owner, ask, perform_remove);
}

static void start_list(void *owner, Ask *ask)
{
        submit(owner, ask, perform_list);
}

static const AskVerb verbs[] = {
        {.name = WORKSPACE_CATALOG, .max_attempts = 3, .backoff_ms = 1000, .start = start_catalog},
        {.name = WORKSPACE_CREATE,
         .max_attempts = 3,
         .deadline_ms = 30 * MINUTE_MS,
         .backoff_ms = 2000,
         .start = start_create},
        {.name = WORKSPACE_INSPECT,
         .max_attempts = 3,
         .deadline_ms = 5 * MINUTE_MS,
         .backoff_ms = 1000,
         .start = start_inspect},
        {.name = WORKSPACE_REMOVE,
         .max_attempts = 3,
         .deadline_ms = 30 * MINUTE_MS,
         .backoff_ms = 2000,
         .start = start_remove},
        {.name = WORKSPACE_LIST,
         .max_attempts = 3,
         .deadline_ms = 5 * MINUTE_MS,
         .backoff_ms = 1000,
         .start = start_list},
};
const AskVerb *const workspace_verbs[] = {&verbs[0], &verbs[1], &verbs[2], &verbs[3], &verbs[4], NULL};
_Static_assert(ELEMENTSOF(workspace_verbs) == ELEMENTSOF(verbs) + 1, "every verb is in the list");

/* --- the object --- */

static void configure(Workspaces *w, const WorkspacesConfig *c)
{
        size_t n = 0;

        w->config = *c;
        w->root = str_empty(c->repositories_root) ? NULL : realpath(c->repositories_root, NULL);
        if (!w->root && !str_empty(c->repositories_root))
                w->root = mem_strdup(c->repositories_root);
        if (!str_empty(c->builders_dir) || w->root)
                w->builders_dir = str_empty(c->builders_dir) ? mem_printf("%s/.builders", w->root)
                                                             : mem_strdup(c->builders_dir);
        if (!str_empty(c->project_list) || w->root)
                w->project_list = str_empty(c->project_list) ? mem_printf("%s/.ai/projectlist.md", w->root)
                                                             : mem_strdup(c->project_list);
        w->maker = mem_strdup(str_empty(c->maker) ? "native" : c->maker);
        while (c->remotes && c->remotes[n])
                n++;
        w->remotes = mem_zalloc((n + 1) * sizeof(*w->remotes));
        for (size_t i = 0; i < n; i++)
                w->remotes[i] = mem_strdup(c->remotes[i]);
}

int workspaces_new(Workspaces **ret, Loop *loop, Metrics *metrics, const WorkspacesConfig *config)
{
        _cleanup_(workspaces_freep) Workspaces *w = mem_new(Workspaces);
        int r;

        w->loop = loop;
        w->catalog = catalog_empty();
        list_init(&w->waiting);
        configure(w, config);
        w->refresh = loop_timer_new(loop, refresh, w);
        w->ok = metrics_counter(metrics, "gateway_workspace_operations_total",
                                "Workspaces made, looked at and removed.", "ok=\"true\"");
        w->failed = metrics_counter(metrics, "gateway_workspace_operations_total",
                                    "Workspaces made, looked at and removed.", "ok=\"false\"");
        w->took = metrics_histogram(metrics, "gateway_workspace_operation_seconds",
                                    "From the start of an operation on a workspace to its end.", NULL);
        r = workers_new(&w->workers, loop, "workspace",
                        config->max_parallel ? config->max_parallel : MAX_PARALLEL, WAITING_MAX);
        if (r == 0)
                r = workers_new(&w->lookout, loop, "catalog", 1, 1);
        if (r < 0)
                return error_trace(r);
        refresh(w);
        *ret = take(w);
        return 0;
}

void workspaces_free(Workspaces *w)
{
        if (!w)
                return;
        workers_free(w->lookout);
        workers_free(w->workers);
        loop_timer_free(w->refresh);
        list_for_each_safe (node, &w->waiting)
                free(list_entry(node, Waiting, link));
        json_decref(w->catalog);
        free(w->root);
        free(w->builders_dir);
        free(w->maker);
        free(w->project_list);
        for (char **remote = w->remotes; remote && *remote; remote++)
                free(*remote);
        free(w->remotes);
        free(w);
}
