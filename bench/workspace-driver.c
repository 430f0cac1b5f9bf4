/* Performs the verbs of workspaces and of the state repository as they are asked for on standard input, one
 * JSON object on a line: {"id", "verb", "key"?, "uncertain"?, "args"}; answers {"id", "outcome", "value",
 * "ms"} and, in between,
 * {"progress": address, "data"}. The engine's part, without the engine: nothing is stored, nothing is tried
 * again. For tests and the benchmark.
 *
 *   workspace-driver CONFIGURATION    {"repositories_root", "remotes", "builders_dir", "maker",
 * "project_list", "local_timeout_ms", "network_timeout_ms", "max_parallel", "state": {"directory", "remote",
 *                                     "retry_ms"}}
 *   workspace-driver --read DIRECTORY what a restore reads of a state repository */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "core/projects-json.h"
#include "integrations/workspace/state-asks.h"
#include "integrations/workspace/state.h"
#include "integrations/workspace/workspace-asks.h"
#include "integrations/workspace/workspaces.h"

typedef struct Driver {
        Loop *loop;
        Workspaces *workspaces;
        StateRepository *state;
        uv_pipe_t in;
        Buf text;
        char chunk[65536];
        unsigned n_asks;
} Driver;

static Driver driver;

typedef struct Asked {
        Ask ask;
        json_t *line;
        char *key;
        int64_t start_ms;
} Asked;

static void say(json_t *line /* stolen */)
{
        char *text = json_dump(line);

        puts(text);
        fflush(stdout);
        free(text);
        json_decref(line);
}

void ask_done(Ask *ask, const AskResult *result)
{
        static const char *const outcomes[] = {"ok", "tempfail", "permfail"};
        Asked *asked = container_of(ask, Asked, ask);

        say(json_pack("{s:O, s:s, s:o, s:I}", "id", json_object_get(asked->line, "id"), "outcome",
                      outcomes[result->outcome], "value", result->value ? result->value : json_object(), "ms",
                      (json_int_t) (clock_monotonic_ms() - asked->start_ms)));
        json_decref(asked->line);
        free(asked->key);
        free(asked);
}

static void on_progress(void *userdata, const char *address, json_t *data)
{
        say(json_pack("{s:s, s:o}", "progress", address, "data", data));
}

static void start(const AskVerb *const *verbs, void *owner, Asked *asked)
{
        for (; *verbs; verbs++)
                if (str_equal((*verbs)->name, asked->ask.verb)) {
                        (*verbs)->start(owner, &asked->ask);
                        return;
                }
        ask_permfail(&asked->ask, "invalid", "no such verb");
}

static void on_line(const char *text, size_t n)
{
        json_t *line = json_parse(text, n, NULL);
        Asked *asked = mem_new(Asked);

        asked->line = line;
        asked->key = json_str(line, "key") ? mem_strdup(json_str(line, "key"))
                                           : mem_printf("driver/%u", ++driver.n_asks);
        asked->start_ms = clock_monotonic_ms();
        asked->ask = (Ask){
                .key = asked->key,
                .verb = json_str_or(line, "verb", ""),
                .lane = "",
                .args = json_object_get(line, "args"),
                .attempt = 1,
                .uncertain = json_bool(line, "uncertain"),
                .created_ms = clock_realtime_ms(),
        };
        if (driver.state && str_starts_with(asked->ask.verb, "state."))
                start(state_verbs, driver.state, asked);
        else
                start(workspace_verbs, driver.workspaces, asked);
}

static void allocate(uv_handle_t *handle, size_t size, uv_buf_t *ret)
{
        *ret = uv_buf_init(driver.chunk, sizeof(driver.chunk));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
        const char *newline;

        if (n < 0) {
                loop_stop(driver.loop);
                return;
        }
        buf_append(&driver.text, chunk->base, (size_t) n);
        while ((newline = memchr(buf_bytes(&driver.text), '\n', buf_len(&driver.text)))) {
                size_t n_line = (size_t) (newline - buf_bytes(&driver.text));

                on_line(buf_bytes(&driver.text), n_line);
                buf_consume(&driver.text, n_line + 1);
        }
}

int main(int argc, char **argv)
{
        json_t *config = argc == 2 ? json_parse(argv[1], strlen(argv[1]), NULL) : NULL, *remote;
        const char *remotes[101] = {NULL};
        Metrics *metrics;
        const json_t *state;
        size_t i;

        json_setup();
        if (argc == 3 && str_equal(argv[1], "--read")) {
                say(state_read_all(argv[2]));
                return 0;
        }
        if (!config) {
                fprintf(stderr, "usage: workspace-driver CONFIGURATION (a JSON object)\n");
                return 2;
        }
        signal(SIGPIPE, SIG_IGN);
        json_array_foreach (json_object_get(config, "remotes"), i, remote)
                if (i < 100)
                        remotes[i] = json_string_value(remote);
        metrics = metrics_new();
        state = json_object_get(config, "state");
        if (loop_new(&driver.loop) < 0 ||
            workspaces_new(&driver.workspaces, driver.loop, metrics,
                           &(WorkspacesConfig){
                                   .repositories_root = json_str(config, "repositories_root"),
                                   .remotes = remotes,
                                   .builders_dir = json_str(config, "builders_dir"),
                                   .maker = json_str(config, "maker"),
                                   .project_list = json_str(config, "project_list"),
                                   .max_parallel = (unsigned) json_int(config, "max_parallel", 0),
                                   .local_timeout_ms = json_int(config, "local_timeout_ms", 0),
                                   .network_timeout_ms = json_int(config, "network_timeout_ms", 0),
                                   .read_projects = projects_to_json,
                                   .on_progress = on_progress,
                           }) < 0)
                return 1;
        if (state &&
            state_repository_new(&driver.state, driver.loop, metrics,
                                 &(StateRepositoryConfig){
                                         .directory = json_str(state, "directory"),
                                         .remote = json_str(state, "remote"),
                                         .network_timeout_ms = json_int(config, "network_timeout_ms", 0),
                                         .retry_min_ms = json_int(state, "retry_ms", 0),
                                         .retry_max_ms = json_int(state, "retry_ms", 0),
                                 }) < 0)
                return 1;
        uv_pipe_init(loop_uv(driver.loop), &driver.in, 0);
        uv_pipe_open(&driver.in, STDIN_FILENO);
        uv_read_start((uv_stream_t *) &driver.in, allocate, on_read);
        loop_run(driver.loop);
        state_repository_free(driver.state);
        workspaces_free(driver.workspaces);
        loop_free(driver.loop);
        metrics_free(metrics);
        buf_deinit(&driver.text);
        json_decref(config);
        return 0;
}
