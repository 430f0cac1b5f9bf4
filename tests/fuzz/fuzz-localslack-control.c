/* Requests to a workspace without sockets, one a line: "act PATH JSON" is what a person or a test does, "call
 * METHOD BODY" is the app's. Nothing may break, every answer says whether it is ok, and the workspace can be
 * saved afterwards. */
#include <assert.h>

#include "api.h"
#include "control.h"
#include "delivery.h"
#include "snapshot.h"

#define LINES_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* Time stands still, so that the corpus knows the timestamps: the first message is 1700000000.000000. */
static int64_t clock_fixed(void)
{
        return 1700000000000;
}

/* `http` would make requests of its own. */
static void act(Local *l, const char *path, const char *body)
{
        _cleanup_json_ json_t *in = json_parse(body, strlen(body), NULL);
        _cleanup_free_ char *error = NULL;

        if (!in || str_equal(path, "http"))
                return;
        error = control_act(l, path, in);
        assert(!error || *error);
}

static void call(Local *l, const char *method, const char *body)
{
        bool is_app = str_equal(method, "apps.connections.open");
        ApiRequest req = {.method = method,
                          .authorization = is_app ? "Bearer xapp-1" : "Bearer xoxb-1",
                          .content_type = *body == '{' ? "application/json; charset=utf-8"
                                                       : "application/x-www-form-urlencoded",
                          .query = "",
                          .base_url = "http://127.0.0.1",
                          .body = body,
                          .n_body = strlen(body)};
        ApiReply reply;

        api_run(l, &req, &reply);
        assert(json_is_boolean(json_object_get(reply.answer, "ok")));
        assert(json_bool(reply.answer, "ok") || json_str(reply.answer, "error"));
        api_reply_deinit(&reply);
}

static void run_line(Local *l, char *line)
{
        char *kind = line, *name = strchr(kind, ' '), *body = name ? strchr(name + 1, ' ') : NULL;

        if (!body)
                return;
        *name++ = 0;
        *body++ = 0;
        if (str_equal(kind, "act"))
                act(l, name, body);
        else if (str_equal(kind, "call"))
                call(l, name, body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        _cleanup_free_ char *text = mem_strndup((const char *) data, n_bytes);
        _cleanup_json_ json_t *saved = NULL;
        Options options;
        Loop *loop;
        Local local;
        char *line = text;

        options_init(&options);
        options.slash_commands[options.n_slash_commands++] = "/opencode";
        assert(loop_new(&loop) == 0);
        local_init(&local, loop, &options);
        local.state->clock_ms = clock_fixed;
        for (unsigned i = 0; line && i < LINES_MAX; i++) {
                char *end = strchr(line, '\n');

                if (end)
                        *end++ = 0;
                run_line(&local, line);
                line = end;
        }
        saved = snapshot_save(&local);
        assert(json_is_object(saved));
        delivery_reset(local.delivery);
        local_deinit(&local);
        loop_free(loop);
        return 0;
}
