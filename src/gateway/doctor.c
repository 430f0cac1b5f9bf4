/* `doctor`: looks at everything the gateway needs, one line each, with what to do where something is wrong.
 */
#include "gateway/gateway.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMEOUT_MS 10000
#define ANSWER_MAX (1024 * 1024)

typedef struct Doctor {
        const GatewayConf *conf;
        Loop *loop;
        HttpClient *http;
        size_t next;     /* check */
        size_t n_models; /* looked at */
        unsigned n_bad;
} Doctor;

static void next_check(void *userdata);

static void report(Doctor *d, bool good, const char *what, const char *advice)
{
        printf("%s %s%s%s\n", good ? "ok  " : "BAD ", what, advice ? ": " : "", advice ? advice : "");
        d->n_bad += !good;
        loop_defer(d->loop, next_check, d);
}

static void call(Doctor *d, const char *method, const char *url, const char *authorization,
                 void (*done)(void *userdata, const HttpResult *result))
{
        const char *headers[] = {authorization, NULL};

        http_client_send(d->http,
                         &(HttpCall){
                                 .method = method,
                                 .url = url,
                                 .headers = authorization ? headers : NULL,
                                 .timeout_ms = TIMEOUT_MS,
                                 .max_response_bytes = ANSWER_MAX,
                         },
                         done, d, NULL);
}

static void check_state_dir(Doctor *d)
{
        const char *dir = d->conf->gateway.state_dir;
        _cleanup_free_ char *what = mem_printf("state directory %s", dir);
        struct stat st;
        bool missing = stat(dir, &st) < 0;

        report(d, missing || access(dir, W_OK) == 0, what,
               missing                  ? "it will be made at the first start"
               : access(dir, W_OK) == 0 ? NULL
                                        : "not writable; set GATEWAY_STATE_DIR to a directory that is");
}

static void check_directory(Doctor *d)
{
        const char *dir = d->conf->opencode.directory;
        _cleanup_free_ char *what = mem_printf("working directory %s", *dir ? dir : "(none)");
        struct stat st;
        bool good = *dir == '/' && stat(dir, &st) == 0 && S_ISDIR(st.st_mode);

        report(d, good, what,
               good ? NULL
                    : "set OPENCODE_DIRECTORY to the absolute path of the repository in which sessions start");
}

static void on_slack(Doctor *d, const HttpResult *result, const char *what, const char *variable)
{
        _cleanup_json_ json_t *answer =
                result->fault < 0 ? NULL : json_parse(result->body, result->n_body, NULL);
        _cleanup_free_ char *advice = NULL;

        if (json_bool(answer, "ok")) {
                report(d, true, what, json_str(answer, "team"));
                return;
        }
        if (result->fault < 0)
                advice = mem_printf("Slack cannot be reached: %s", result->error);
        else
                advice = mem_printf("Slack says %s; check %s at https://api.slack.com/apps",
                                    json_str_or(answer, "error", "something unreadable"), variable);
        report(d, false, what, advice);
}

static void on_bot_token(void *userdata, const HttpResult *result)
{
        on_slack(userdata, result, "Slack bot token",
                 "SLACK_BOT_TOKEN (OAuth & Permissions → Bot User OAuth Token)");
}

static void on_app_token(void *userdata, const HttpResult *result)
{
        on_slack(
                userdata, result, "Slack app token and Socket Mode",
                "SLACK_APP_TOKEN (Basic Information → App-Level Tokens, scope connections:write) and that Socket Mode is on");
}

static void check_slack(Doctor *d, const char *method, const Secret *token,
                        void (*done)(void *userdata, const HttpResult *result))
{
        _cleanup_free_ char *url = mem_printf("%s%s", d->conf->slack.api_url, method);
        _cleanup_free_ char *header = mem_printf("Authorization: Bearer %s", secret_reveal(token));

        call(d, "POST", url, header, done);
}

static void check_bot_token(Doctor *d)
{
        check_slack(d, "auth.test", &d->conf->slack.bot_token, on_bot_token);
}

static void check_app_token(Doctor *d)
{
        check_slack(d, "apps.connections.open", &d->conf->slack.app_token, on_app_token);
}

static void on_opencode(void *userdata, const HttpResult *result)
{
        bool good = result->fault >= 0 && (result->status == 200 || result->status == 401);

        report(userdata, good, "OpenCode",
               good ? result->status == 401 ? "it answers, and wants a password (OPENCODE_SERVER_PASSWORD)"
                                            : NULL
                    : "it does not answer at OPENCODE_URL; start it with `opencode serve --port 4096`");
}

static void check_opencode(Doctor *d)
{
        _cleanup_free_ char *url = NULL;

        if (str_empty(d->conf->opencode.url)) {
                report(d, true, "OpenCode",
                       "no opencode.url: it is not woken; its plugin connects when a directory is used");
                return;
        }
        url = mem_printf("%s/global/health", d->conf->opencode.url);
        call(d, "GET", url, NULL, on_opencode);
}

static void on_gateway(void *userdata, const HttpResult *result)
{
        _cleanup_json_ json_t *answer =
                result->fault < 0 ? NULL : json_parse(result->body, result->n_body, NULL);
        size_t n = json_array_size(json_at(answer, "bridges"));
        _cleanup_free_ char *text = NULL;

        if (result->fault < 0)
                text = mem_strdup("not running here (`opencode-slack serve` starts it)");
        else
                text = mem_printf("%s, %lld live sockets, %zu OpenCode %s connected",
                                  json_str_or(answer, "status", "?"),
                                  (long long) json_int(answer, "sockets_live", 0), n,
                                  n == 1 ? "process" : "processes");
        report(userdata, result->fault < 0 || result->status == 200, "gateway", text);
}

static void check_gateway(Doctor *d)
{
        _cleanup_free_ char *url = mem_printf("http://%s/readyz", d->conf->gateway.listen);

        call(d, "GET", url, NULL, on_gateway);
}

/* ---- model profiles ---- */

static ModelEndpoint endpoint_of(const ConfModel *model)
{
        return (ModelEndpoint){.name = model->name,
                               .model = model->model,
                               .is_anthropic = str_equal(model->kind, "anthropic"),
                               .base_url = model->base_url,
                               .key = &model->key};
}

static void on_model(void *userdata, const HttpResult *result)
{
        Doctor *d = userdata;
        const ConfModel *model = &d->conf->models.profiles[d->n_models - 1];
        ModelEndpoint endpoint = endpoint_of(model);
        _cleanup_free_ char *why = NULL, *what = mem_printf("model %s (%s)", model->name, model->model),
                            *advice = NULL;
        bool good = model_health_read(&endpoint, result, &why) == MODEL_HEALTHY;

        if (!good)
                advice = mem_printf("%s; see models.%s.base_url (%s)", why, model->name, model->base_url);
        report(d, good, what, good ? why : advice);
}

/* One profile after the other, and this check again until all were looked at. */
static void check_models(Doctor *d)
{
        const ConfModel *model;
        ModelEndpoint endpoint;
        _cleanup_free_ char *url = NULL, *what = NULL;
        char **headers;

        if (d->n_models == d->conf->models.n_profiles) {
                if (d->n_models == 0)
                        report(d, true, "model profiles", "none; sessions use opencode.model");
                else
                        loop_defer(d->loop, next_check, d);
                return;
        }
        d->next--;
        model = &d->conf->models.profiles[d->n_models++];
        endpoint = endpoint_of(model);
        if (str_empty(endpoint.base_url)) {
                what = mem_printf("model %s (%s)", model->name, model->model);
                report(d, true, what, "no base_url: known by what OpenCode says of it");
                return;
        }
        url = model_health_url(&endpoint);
        headers = model_health_headers(&endpoint);
        if (http_client_send(d->http,
                             &(HttpCall){
                                     .method = "GET",
                                     .url = url,
                                     .headers = (const char *const *) headers,
                                     .timeout_ms = TIMEOUT_MS,
                                     .max_response_bytes = ANSWER_MAX,
                             },
                             on_model, d, NULL) < 0)
                report(d, false, model->name, "its base_url cannot be asked");
        model_health_headers_free(headers);
}

static void (*const checks[])(Doctor *d) = {check_state_dir, check_directory, check_bot_token,
                                            check_app_token, check_opencode,  check_gateway,
                                            check_models};

static void next_check(void *userdata)
{
        Doctor *d = userdata;

        if (d->next == ELEMENTSOF(checks))
                loop_stop(d->loop);
        else
                checks[d->next++](d);
}

int gateway_doctor(const GatewayConf *conf)
{
        Doctor d = {.conf = conf};

        if (loop_new(&d.loop) < 0 || http_client_new(&d.http, d.loop, "opencode-slack/" PROJECT_VERSION) < 0)
                return 1;
        loop_defer(d.loop, next_check, &d);
        loop_run(d.loop);
        http_client_free(d.http);
        loop_free(d.loop);
        if (d.n_bad)
                printf("%u to look after\n", d.n_bad);
        else
                printf("all is well\n");
        return d.n_bad ? 1 : 0;
}
