/* localslack: a Slack that runs on a laptop, for one app. Speaks Socket Mode and the Web API as Slack does,
 * has a page for people, and is controlled and inspected by tests under /_local/. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#include "api.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "bench.h"
#include "control.h"
#include "delivery.h"
#include "faults.h"
#include "page.h"
#include "socketmode.h"

#define BODY_BYTES_MAX     (40u << 20) /* a file */
#define CALLS_KEPT         20000
#define CALLS_BYTES_MAX    (128u << 20)
#define FRAMES_KEPT        20000
#define FRAMES_BYTES_MAX   (64u << 20)
#define OUTCOMES_KEPT      20000
#define OUTCOMES_BYTES_MAX (16u << 20)

static const char usage[] =
        "Usage: localslack [OPTION]…\n"
        "A Slack for one app, on this machine.\n\n"
        "  --listen HOST:PORT       where to listen (127.0.0.1:3000; port 0 = any free one)\n"
        "  --bot-token TOKEN        the only xoxb- token to accept (any)\n"
        "  --app-token TOKEN        the only xapp- token to accept (any)\n"
        "  --app-name NAME          name of the app and of its bot user (opencode)\n"
        "  --slash-command /NAME    a command of the app; may be given several times (/opencode)\n"
        "  --socket-lifetime SECONDS  approximate_connection_time of a socket (18060)\n"
        "  --quiet                  do not log\n"
        "  --help, --version\n";

enum {
        OPTION_LISTEN = 256,
        OPTION_BOT_TOKEN,
        OPTION_APP_TOKEN,
        OPTION_APP_NAME,
        OPTION_COMMAND,
        OPTION_LIFETIME,
        OPTION_QUIET,
        OPTION_HELP,
        OPTION_VERSION
};

static bool listen_valid(const char *text)
{
        const char *colon = strrchr(text, ':');
        size_t n_port = colon ? strlen(colon + 1) : 0;

        return colon && n_port > 0 && n_port <= 5 && strspn(colon + 1, "0123456789") == n_port &&
               atoi(colon + 1) <= 65535;
}

/* 0: go on; > 0: done (help, version); < 0: wrong. */
static int read_options(int argc, char **argv, Options *o)
{
        static const struct option known[] = {
                {"listen", required_argument, NULL, OPTION_LISTEN},
                {"bot-token", required_argument, NULL, OPTION_BOT_TOKEN},
                {"app-token", required_argument, NULL, OPTION_APP_TOKEN},
                {"app-name", required_argument, NULL, OPTION_APP_NAME},
                {"slash-command", required_argument, NULL, OPTION_COMMAND},
                {"socket-lifetime", required_argument, NULL, OPTION_LIFETIME},
                {"quiet", no_argument, NULL, OPTION_QUIET},
                {"help", no_argument, NULL, OPTION_HELP},
                {"version", no_argument, NULL, OPTION_VERSION},
                {0},
        };
        int option;

        *o = (Options){.listen = "127.0.0.1:3000", .app_name = "opencode", .socket_lifetime_s = 18060};
        while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
                switch (option) {
                case OPTION_LISTEN: o->listen = optarg; break;
                case OPTION_BOT_TOKEN: o->bot_token = optarg; break;
                case OPTION_APP_TOKEN: o->app_token = optarg; break;
                case OPTION_APP_NAME: o->app_name = optarg; break;
                case OPTION_COMMAND:
                        if (*optarg != '/' || o->n_slash_commands == SLASH_COMMANDS_MAX) {
                                fprintf(stderr,
                                        "localslack: a slash command starts with / and there are at most %d\n",
                                        SLASH_COMMANDS_MAX);
                                return -1;
                        }
                        o->slash_commands[o->n_slash_commands++] = optarg;
                        break;
                case OPTION_LIFETIME:
                        o->socket_lifetime_s = atoll(optarg);
                        if (o->socket_lifetime_s < 1) {
                                fprintf(stderr, "localslack: --socket-lifetime must be at least 1\n");
                                return -1;
                        }
                        break;
                case OPTION_QUIET: o->quiet = true; break;
                case OPTION_HELP: fputs(usage, stdout); return 1;
                case OPTION_VERSION: puts("localslack " PROJECT_VERSION); return 1;
                default: return -1;
                }
        if (optind < argc) {
                fprintf(stderr, "localslack: unexpected argument %s\n", argv[optind]);
                return -1;
        }
        if (!listen_valid(o->listen)) {
                fprintf(stderr, "localslack: --listen takes HOST:PORT, not %s\n", o->listen);
                return -1;
        }
        if (o->n_slash_commands == 0)
                o->slash_commands[o->n_slash_commands++] = "/opencode";
        return 0;
}

static void on_request(void *userdata, HttpRequest *req)
{
        Local *l = userdata;
        const char *path = http_request_path(req), *method = http_request_method(req);
        bool is_post = str_equal(method, "POST") || str_equal(method, "PUT");

        if (str_starts_with(path, "/api/"))
                api_handle(l, req);
        else if (str_starts_with(path, "/_local/"))
                control_handle(l, req);
        else if (str_equal(path, "/link") || str_equal(path, "/link/"))
                socketmode_accept(l->sockets, req);
        else if (is_post && (str_starts_with(path, "/commands/") || str_starts_with(path, "/actions/")))
                api_handle_response_url(l, req);
        else if (is_post && str_starts_with(path, "/upload/v1/"))
                api_handle_upload(l, req);
        else if (str_starts_with(path, "/files-pri/"))
                api_handle_download(l, req);
        else if (!str_equal(method, "GET") || !page_handle(req))
                http_respond_error(req, 404, "not_found", "there is nothing here", NULL);
}

static void on_abort(void *userdata, HttpRequest *req)
{
        (void) userdata;
        late_answer_abort(req);
}

static void on_signal(void *userdata)
{
        loop_stop(userdata);
}

static void local_init(Local *l, Loop *loop, const Options *o)
{
        *l = (Local){.loop = loop, .options = o};
        switches_init(&l->switches);
        l->state = state_new(o->app_name, clock_realtime_ms);
        l->tickets = tickets_new();
        l->views = views_new();
        l->files = files_new();
        l->feed = feed_new(loop);
        l->faults = faults_new();
        record_ring_init(&l->calls, CALLS_KEPT, CALLS_BYTES_MAX);
        record_ring_init(&l->frames, FRAMES_KEPT, FRAMES_BYTES_MAX);
        record_ring_init(&l->outcomes, OUTCOMES_KEPT, OUTCOMES_BYTES_MAX);
        l->sockets = socketmode_new(l);
        l->delivery = delivery_new(l);
        l->bench = bench_new(l);
}

static void local_deinit(Local *l)
{
        socketmode_free(l->sockets);
        delivery_free(l->delivery);
        bench_free(l->bench);
        feed_free(l->feed);
        faults_free(l->faults);
        views_free(l->views);
        files_free(l->files);
        tickets_free(l->tickets);
        state_free(l->state);
        record_ring_deinit(&l->calls);
        record_ring_deinit(&l->frames);
        record_ring_deinit(&l->outcomes);
        switches_deinit(&l->switches);
}

static int serve(const Options *o)
{
        _cleanup_(loop_freep) Loop *loop = NULL;
        HttpServer *server = NULL;
        HttpServerConfig config = {.listen = o->listen,
                                   .max_body_bytes = BODY_BYTES_MAX,
                                   .on_request = on_request,
                                   .on_abort = on_abort};
        LoopSignal *on_int, *on_term;
        Local local;
        int r = loop_new(&loop);

        if (r < 0)
                return error_trace(r);
        local_init(&local, loop, o);
        config.userdata = &local;
        r = http_server_new(&server, loop, &config);
        if (r >= 0) {
                on_int = loop_signal_new(loop, SIGINT, on_signal, loop);
                on_term = loop_signal_new(loop, SIGTERM, on_signal, loop);
                printf("localslack listening on http://%.*s:%u\n",
                       (int) (strrchr(o->listen, ':') - o->listen), o->listen, http_server_port(server));
                fflush(stdout);
                r = loop_run(loop);
                loop_signal_free(on_int);
                loop_signal_free(on_term);
                /* What still waits is answered; then the server, whose connections refer to the workspace. */
                delivery_reset(local.delivery);
                feed_free(take(local.feed));
                local.feed = feed_new(loop);
                http_server_free(server);
        }
        local_deinit(&local);
        return r < 0 ? error_trace(r) : 0;
}

int main(int argc, char **argv)
{
        Options options;
        int r = read_options(argc, argv, &options);

        if (r != 0)
                return r < 0 ? 2 : 0;
        json_setup();
        signal(SIGPIPE, SIG_IGN);
        log_set_level(options.quiet ? LOG_ERROR : LOG_INFO);
        r = serve(&options);
        if (r < 0) {
                fprintf(stderr, "localslack: cannot listen on %s: %s\n", options.listen, strerror(-r));
                return 1;
        }
        return 0;
}
