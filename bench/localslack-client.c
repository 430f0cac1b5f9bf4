/* An app that only acknowledges: N sockets to a localslack, every envelope answered at once, nothing kept.
 * What is measured with it is localslack. Prints "up" when all sockets have said hello, then runs until it is
 * ended.
 *
 *     localslack-client http://127.0.0.1:3000 4 */
#include <signal.h>
#include <stdio.h>

#include "base/json.h"
#include "net/http-client.h"

#define SOCKETS_MAX     10
#define MESSAGE_MAX     (1u << 20)
#define TIMEOUT_MS      10000
#define ID_BYTES        36
#define ID_AT           16 /* of {"envelope_id":"… */
#define ENVELOPE_BEGINS "{\"envelope_id\":\""

typedef struct Client {
        Loop *loop;
        HttpClient *http;
        const char *url;
        unsigned n_wanted, n_up;
        int status;
} Client;

static void fail(Client *c, const char *what, const char *why)
{
        fprintf(stderr, "localslack-client: %s: %s\n", what, why ? why : "no reason given");
        c->status = 1;
        loop_stop(c->loop);
}

typedef struct Socket {
        Client *client;
        WsPeer *peer;
} Socket;

static Socket sockets[SOCKETS_MAX];

static void on_text(void *userdata, const char *data, size_t n_bytes)
{
        Socket *s = userdata;
        char ack[] = ENVELOPE_BEGINS "012345678901234567890123456789012345\"}";

        if (n_bytes > ID_AT + ID_BYTES && memcmp(data, ENVELOPE_BEGINS, ID_AT) == 0) {
                memcpy(ack + ID_AT, data + ID_AT, ID_BYTES);
                ws_peer_send_text(s->peer, ack, sizeof(ack) - 1);
        } else if (memmem(data, n_bytes, "\"hello\"", 7) && ++s->client->n_up == s->client->n_wanted) {
                puts("up");
                fflush(stdout);
        }
}

static void on_end(void *userdata, unsigned code, const char *reason)
{
        Socket *s = userdata;

        (void) code;
        s->peer = NULL;
        fail(s->client, "a socket ended", reason);
}

static const WsPeerEvents events = {.on_text = on_text, .on_end = on_end};

static void on_dialled(void *userdata, const WsDialResult *result)
{
        Socket *s = userdata;

        if (result->fault < 0) {
                fail(s->client, "dialling", result->error);
                return;
        }
        s->peer = result->peer;
        ws_peer_set_events(s->peer, &events, s);
}

static void on_opened(void *userdata, const HttpResult *result)
{
        Socket *s = userdata;
        _cleanup_json_ json_t *answer =
                result->fault < 0 ? NULL : json_parse(result->body, result->n_body, NULL);
        const char *url = json_str(answer, "url");

        if (!url || ws_dial(s->client->http, url, NULL, MESSAGE_MAX, TIMEOUT_MS, on_dialled, s, NULL) < 0)
                fail(s->client, "apps.connections.open", result->error);
}

static void on_signal(void *userdata)
{
        loop_stop(userdata);
}

int main(int argc, char **argv)
{
        static const char *const headers[] = {"Authorization: Bearer xapp-1-bench", NULL};
        Client c = {.url = argc > 1 ? argv[1] : NULL,
                    .n_wanted = argc > 2 ? (unsigned) strtoul(argv[2], NULL, 10) : 0};
        _cleanup_free_ char *open_url = NULL;
        HttpCall call = {
                .method = "POST", .headers = headers, .timeout_ms = TIMEOUT_MS, .max_response_bytes = 65536};
        LoopSignal *on_term, *on_int;

        if (!c.url || c.n_wanted < 1 || c.n_wanted > SOCKETS_MAX) {
                fputs("usage: localslack-client URL SOCKETS\n", stderr);
                return 2;
        }
        json_setup();
        signal(SIGPIPE, SIG_IGN);
        if (loop_new(&c.loop) < 0 || http_client_new(&c.http, c.loop, "localslack-client") < 0)
                return 1;
        on_term = loop_signal_new(c.loop, SIGTERM, on_signal, c.loop);
        on_int = loop_signal_new(c.loop, SIGINT, on_signal, c.loop);
        open_url = mem_printf("%s/api/apps.connections.open", c.url);
        call.url = open_url;
        for (unsigned i = 0; i < c.n_wanted; i++) {
                sockets[i].client = &c;
                if (http_client_send(c.http, &call, on_opened, &sockets[i], NULL) < 0)
                        fail(&c, "apps.connections.open", "cannot be called");
        }
        loop_run(c.loop);
        for (unsigned i = 0; i < c.n_wanted; i++)
                ws_peer_abort(sockets[i].peer);
        http_client_free(c.http);
        loop_signal_free(on_term);
        loop_signal_free(on_int);
        loop_free(c.loop);
        return c.status;
}
