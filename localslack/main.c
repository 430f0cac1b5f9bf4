/* localslack: a Slack that runs on a laptop, for one app. Speaks Socket Mode, signed HTTP and the Web API as
 * Slack does, has a page for people, and is controlled and inspected by tests under /_local/. */
#include <signal.h>
#include <stdio.h>

#include "api.h"
#include "base/error.h"
#include "base/log.h"
#include "control.h"
#include "delivery.h"
#include "page.h"
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
        int r;

        json_setup();
        r = options_read(argc, argv, &options);
        if (r != 0)
                return r < 0 ? 2 : 0;
        signal(SIGPIPE, SIG_IGN);
        log_set_level(options.quiet ? LOG_ERROR : LOG_INFO);
        r = serve(&options);
        if (r < 0) {
                fprintf(stderr, "localslack: cannot listen on %s: %s\n", options.listen, strerror(-r));
                return 1;
        }
        return 0;
}
