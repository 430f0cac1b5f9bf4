/* localslack: a Slack that runs on a laptop, for one app. Speaks Socket Mode, signed HTTP and the Web API as
 * Slack does, has a page for people, and is controlled and inspected by tests under /_local/. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "api.h"
#include "base/error.h"
#include "base/log.h"
#include "control.h"
#include "delivery.h"
#include "page.h"
#include "scenario.h"
#include "snapshot.h"
#include "socketmode.h"

#define BODY_BYTES_MAX (40u << 20) /* a file */

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
        else if (is_post && (str_starts_with(path, "/commands/") || str_starts_with(path, "/actions/") ||
                             str_starts_with(path, "/app/")))
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

/* --- the state file --- */

typedef struct Saver {
        Local *local;
        LoopTimer *timer;
        uint64_t saved; /* what the feed had counted when it was written last */
} Saver;

static int save(Saver *s)
{
        const char *path = s->local->options->state;
        _cleanup_free_ char *error = NULL;
        uint64_t now = feed_count_events(s->local->feed);

        if (!path || now == s->saved)
                return 0;
        error = snapshot_save_file(s->local, path);
        if (error) {
                log_error("localslack.state", "the workspace is not saved: %s", error);
                return -1;
        }
        s->saved = now;
        return 0;
}

static void on_save_timer(void *userdata)
{
        Saver *s = userdata;

        (void) save(s); /* said so; the next turn tries again */
        loop_timer_set(s->timer, s->local->options->save_every_s * 1000);
}

static void on_save_signal(void *userdata)
{
        (void) save(userdata);
}

/* < 0 after saying what is wrong. */
static int load(Local *l)
{
        const Options *o = l->options;
        _cleanup_free_ char *error = NULL;
        bool loaded = false;

        if (o->state)
                error = snapshot_load_file(l, o->state, &loaded);
        if (o->state && !error && !loaded) /* better now than after a day's work */
                error = snapshot_save_file(l, o->state);
        if (!error && o->scenario)
                error = scenario_start_file(l->scenario, o->scenario);
        if (error)
                fprintf(stderr, "localslack: %s\n", error);
        else if (loaded)
                log_info("localslack.state", "the workspace of %s is back", o->state);
        return error ? -1 : 0;
}

static void announce(Local *l, const HttpServer *server)
{
        const char *listen = l->options->listen;

        l->base_url = mem_printf("http://%.*s:%u", (int) (strrchr(listen, ':') - listen), listen,
                                 http_server_port(server));
        printf("localslack listening on %s\n", l->base_url);
        if (isatty(STDOUT_FILENO))
                printf("\nFor an app in Socket Mode:\n"
                       "  export SLACK_API_URL=%s/api/\n"
                       "  export SLACK_BOT_TOKEN=%s\n"
                       "  export SLACK_APP_TOKEN=%s\n\nOpen %s in a browser; Ctrl-C ends.\n",
                       l->base_url, l->options->bot_token ? l->options->bot_token : "xoxb-local",
                       l->options->app_token ? l->options->app_token : "xapp-1-local", l->base_url);
        fflush(stdout);
}

static int run(Local *l, Loop *loop)
{
        Saver saver = {.local = l};
        LoopSignal *signals[] = {loop_signal_new(loop, SIGINT, on_signal, loop),
                                 loop_signal_new(loop, SIGTERM, on_signal, loop),
                                 loop_signal_new(loop, SIGUSR1, on_save_signal, &saver)};
        int r;

        saver.saved = feed_count_events(l->feed);
        saver.timer = loop_timer_new(loop, on_save_timer, &saver);
        if (l->options->state && l->options->save_every_s > 0)
                loop_timer_set(saver.timer, l->options->save_every_s * 1000);
        r = loop_run(loop);
        if (save(&saver) < 0)
                r = -1;
        loop_timer_free(saver.timer);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                loop_signal_free(signals[i]);
        return r;
}

static int serve(const Options *o)
{
        _cleanup_(loop_freep) Loop *loop = NULL;
        HttpServer *server = NULL;
        HttpServerConfig config = {.listen = o->listen,
                                   .max_body_bytes = BODY_BYTES_MAX,
                                   .on_request = on_request,
                                   .on_abort = on_abort};
        Local local;
        int r = loop_new(&loop), status = 0;

        if (r < 0)
                return -1;
        local_init(&local, loop, o);
        config.userdata = &local;
        r = http_server_new(&server, loop, &config);
        if (r < 0) {
                fprintf(stderr, "localslack: cannot listen on %s: %s%s\n", o->listen, strerror(-r),
                        r == -EADDRINUSE ? "; another one may be running, choose another --listen" : "");
                status = -1;
        } else if (load(&local) < 0)
                status = -1;
        else {
                announce(&local, server);
                status = run(&local, loop);
        }
        if (server) {
                /* What still waits is answered; then the server, whose connections refer to the workspace. */
                scenario_stop(local.scenario);
                local_drop_waits(&local);
                delivery_reset(local.delivery);
                feed_free(take(local.feed));
                local.feed = feed_new(loop);
                http_server_free(server);
        }
        local_deinit(&local);
        return status;
}

int main(int argc, char **argv)
{
        Options options;
        int r;

        json_setup();
        r = options_read(argc, argv, &options);
        if (r != 0)
                return r < 0 ? 2 : 0;
        signal(SIGPIPE, SIG_IGN);
        log_set_level(options.quiet ? LOG_ERROR : LOG_INFO);
        return serve(&options) < 0 ? 1 : 0;
}
