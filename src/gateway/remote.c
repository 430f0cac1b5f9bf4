/* Verbs that ask the running gateway over its own HTTP interface. */
#include "gateway/gateway.h"

#include <stdio.h>

#define TIMEOUT_MS 10000
#define ANSWER_MAX (64 * 1024 * 1024)

typedef struct Remote {
        Loop *loop;
        void (*print)(const json_t *answer);
        int exit_code;
} Remote;

static void on_answer(void *userdata, const HttpResult *result)
{
        Remote *remote = userdata;
        _cleanup_json_ json_t *answer =
                result->fault < 0 ? NULL : json_parse(result->body, result->n_body, NULL);

        loop_stop(remote->loop);
        if (result->fault < 0)
                fprintf(stderr, "the gateway does not answer (%s); is it running?\n", result->error);
        else if (result->status >= 300)
                fprintf(stderr, "the gateway refused: %s\n",
                        json_str_or(answer, "error.message", "no reason given"));
        else {
                remote->print(answer);
                remote->exit_code = 0;
        }
}

int gateway_remote(const GatewayConf *conf, const char *method, const char *path,
                   void (*print)(const json_t *answer))
{
        _cleanup_free_ char *url = mem_printf("http://%s%s", conf->gateway.listen, path);
        _cleanup_free_ char *token =
                mem_printf("Authorization: Bearer %s", secret_reveal(&conf->gateway.bridge_token));
        const char *headers[] = {token, NULL};
        Remote remote = {.print = print, .exit_code = 1};
        HttpClient *http;

        if (loop_new(&remote.loop) < 0 ||
            http_client_new(&http, remote.loop, "opencode-slack/" PROJECT_VERSION) < 0)
                return 1;
        http_client_send(http,
                         &(HttpCall){
                                 .method = method,
                                 .url = url,
                                 .headers = headers,
                                 .timeout_ms = TIMEOUT_MS,
                                 .max_response_bytes = ANSWER_MAX,
                         },
                         on_answer, &remote, NULL);
        loop_run(remote.loop);
        http_client_free(http);
        loop_free(remote.loop);
        return remote.exit_code;
}
