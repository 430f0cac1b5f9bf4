#include "integrations/opencode/waker.h"

#include <string.h>

#include "base/digest.h"
#include "base/log.h"
#include "net/url.h"

#define COMPONENT   "opencode.waker"
#define EAGER_MS    3000
#define EAGER_TRIES 10
#define PATIENT_MS  10000
/* Short, although the first use of a directory may take OpenCode minutes (it installs packages): that goes on
 * without us, and a request that arrives in the moment of OpenCode's own start is never answered at all. */
#define TIMEOUT_MS       5000
#define MAX_ANSWER_BYTES (4 * 1024 * 1024)

struct OpencodeWaker {
        HttpClient *client;
        LoopTimer *timer;
        HttpOp *op;
        char *url;
        const Secret *password;
        int64_t eager_ms, timeout_ms;
        unsigned n_tries;
        bool connected;
        char *complaint; /* what was said last, so that it is said once */
};

static void complain(OpencodeWaker *w, const char *what)
{
        if (str_equal(w->complaint, what))
                return;
        mem_strset(&w->complaint, what);
        log_warn(COMPONENT, "%s", what);
}

static void on_done(void *userdata, const HttpResult *result)
{
        OpencodeWaker *w = userdata;

        w->op = NULL;
        log_debug(COMPONENT, "try %u: %s", w->n_tries, result->fault < 0 ? result->error : "answered");
        if (result->fault < 0) {
                _cleanup_free_ char *what =
                        mem_printf("OpenCode does not answer at %s: %s", w->url, result->error);

                complain(w, what);
        } else if (result->status == 401) {
                complain(w, "OpenCode wants a password: set opencode.password (OPENCODE_SERVER_PASSWORD)");
        } else if (result->status != 200) {
                _cleanup_free_ char *what = mem_printf("OpenCode answered %u at %s", result->status, w->url);

                complain(w, what);
        } else if (w->n_tries == EAGER_TRIES) {
                complain(w, "OpenCode answers, but its plugin does not connect: is it installed, and are "
                            "GATEWAY_URL and GATEWAY_BRIDGE_TOKEN set where OpenCode runs?");
        }
        loop_timer_set(w->timer, w->n_tries < EAGER_TRIES ? w->eager_ms : PATIENT_MS);
}

static void send_request(OpencodeWaker *w)
{
        _cleanup_free_ char *credentials = NULL, *encoded = NULL, *header = NULL;
        const char *headers[] = {NULL, NULL};
        HttpCall call = {
                .method = "GET",
                .url = w->url,
                .headers = headers,
                .timeout_ms = w->timeout_ms,
                .max_response_bytes = MAX_ANSWER_BYTES,
        };
        int r;

        if (w->password && secret_is_set(w->password)) {
                credentials = mem_printf("opencode:%s", secret_reveal(w->password));
                encoded = base64_encode(credentials, strlen(credentials));
                header = mem_printf("Authorization: Basic %s", encoded);
                headers[0] = header;
        }
        r = http_client_send(w->client, &call, on_done, w, &w->op);
        if (r < 0) {
                log_fault(r, COMPONENT, "could not ask OpenCode");
                loop_timer_set(w->timer, PATIENT_MS);
        }
        if (header) {
                explicit_bzero(credentials, strlen(credentials));
                explicit_bzero(encoded, strlen(encoded));
                explicit_bzero(header, strlen(header));
        }
}

static void on_timer(void *userdata)
{
        OpencodeWaker *w = userdata;

        w->n_tries++;
        send_request(w);
}

OpencodeWaker *opencode_waker_new(Loop *loop, HttpClient *client, const char *url, const Secret *password,
                                  const char *directory)
{
        OpencodeWaker *w = mem_new(OpencodeWaker);
        size_t n = strlen(url);
        Buf address = {0};

        while (n > 0 && url[n - 1] == '/')
                n--;
        buf_append(&address, url, n);
        buf_append_str(&address, "/agent?directory=");
        url_encode(&address, directory, strlen(directory));
        w->url = buf_take(&address);
        w->client = client;
        w->password = password;
        w->eager_ms = EAGER_MS;
        w->timeout_ms = TIMEOUT_MS;
        w->timer = loop_timer_new(loop, on_timer, w);
        loop_timer_set(w->timer, 0);
        return w;
}

void opencode_waker_set_timing(OpencodeWaker *w, int64_t eager_ms, int64_t timeout_ms)
{
        w->eager_ms = eager_ms;
        w->timeout_ms = timeout_ms;
}

static void stop(OpencodeWaker *w)
{
        loop_timer_clear(w->timer);
        if (w->op)
                http_op_cancel(take(w->op));
}

void opencode_waker_set_connected(OpencodeWaker *w, bool connected)
{
        if (w->connected == connected)
                return;
        w->connected = connected;
        w->n_tries = 0;
        mem_strset(&w->complaint, NULL);
        stop(w);
        if (!connected)
                loop_timer_set(w->timer, 0);
}

void opencode_waker_free(OpencodeWaker *w)
{
        if (!w)
                return;
        stop(w);
        loop_timer_free(w->timer);
        free(w->url);
        free(w->complaint);
        free(w);
}
