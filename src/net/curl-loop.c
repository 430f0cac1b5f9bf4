#include "net/curl-loop.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/clock.h"
#include "base/error.h"

/* A connection whose bytes stay unacknowledged for so long is dead, whatever TCP hopes. */
#define UNACKNOWLEDGED_MS 30000
#define KEEPALIVE_IDLE_S  30
#define KEEPALIVE_EVERY_S 10
/* Idle connections that are reused after this may meet the server's hang-up on the way. */
#define REUSE_IDLE_S      50L
#define RETRY_AFTER_MAX_S (24 * 3600)

struct CurlLoop {
        Loop *loop;
        CURLM *multi;
        LoopTimer *timer;
        void (*on_done)(void *userdata, CURL *easy, CURLcode code);
        void (*on_progress)(void *userdata);
        void *userdata;
        unsigned busy; /* depth of our functions on the call stack */
        bool freed;
};

/* curl's interest in one socket. */
typedef struct Watch {
        uv_poll_t poll;
        CurlLoop *owner; /* NULL once curl has lost interest */
        curl_socket_t fd;
} Watch;

static void free_now(CurlLoop *c)
{
        /* Closes idle connections, which ends their watches through on_socket(). */
        curl_multi_cleanup(c->multi);
        loop_timer_free(c->timer);
        free(c);
}

static void report_done(CurlLoop *c)
{
        CURLMsg *message;
        int n_left;

        while (!c->freed && (message = curl_multi_info_read(c->multi, &n_left)))
                if (message->msg == CURLMSG_DONE)
                        c->on_done(c->userdata, message->easy_handle, message->data.result);
}

static void act(CurlLoop *c, curl_socket_t fd, int events)
{
        int n_running;

        c->busy++;
        curl_multi_socket_action(c->multi, fd, events, &n_running);
        if (c->on_progress)
                c->on_progress(c->userdata);
        report_done(c);
        if (--c->busy == 0 && c->freed)
                free_now(c);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
        Watch *w = container_of(poll, Watch, poll);
        int curl_events = status < 0 ? CURL_CSELECT_ERR : 0;

        if (events & UV_READABLE)
                curl_events |= CURL_CSELECT_IN;
        if (events & UV_WRITABLE)
                curl_events |= CURL_CSELECT_OUT;
        if (w->owner)
                act(w->owner, w->fd, curl_events);
}

static void on_timer(void *userdata)
{
        act(userdata, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_change(CURLM *multi, long timeout_ms, void *userdata)
{
        CurlLoop *c = userdata;

        (void) multi;
        if (timeout_ms < 0)
                loop_timer_clear(c->timer);
        else
                loop_timer_set(c->timer, timeout_ms);
        return 0;
}

static void on_watch_closed(uv_handle_t *handle)
{
        free(container_of((uv_poll_t *) handle, Watch, poll));
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
        CurlLoop *c = userdata;
        Watch *w = socket_data;

        (void) easy;
        if (what == CURL_POLL_REMOVE) {
                if (w) {
                        curl_multi_assign(c->multi, fd, NULL);
                        w->owner = NULL;
                        uv_poll_stop(&w->poll);
                        uv_close((uv_handle_t *) &w->poll, on_watch_closed);
                }
                return 0;
        }
        if (!w) {
                w = mem_new(Watch);
                if (uv_poll_init_socket(loop_uv(c->loop), &w->poll, fd) < 0) {
                        free(w);
                        return -1;
                }
                w->owner = c;
                w->fd = fd;
                curl_multi_assign(c->multi, fd, w);
        }
        uv_poll_start(&w->poll,
                      (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
                      on_poll);
        return 0;
}

int curl_loop_new(CurlLoop **ret, Loop *loop, void (*on_done)(void *userdata, CURL *easy, CURLcode code),
                  void *userdata)
{
        CurlLoop *c = mem_new(CurlLoop);

        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(c->multi = curl_multi_init())) {
                free(c);
                return error_origin(-EIO);
        }
        c->loop = loop;
        c->on_done = on_done;
        c->userdata = userdata;
        c->timer = loop_timer_new(loop, on_timer, c);
        curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
        curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer_change);
        curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
        *ret = c;
        return 0;
}

void curl_loop_set_on_progress(CurlLoop *c, void (*on_progress)(void *userdata))
{
        c->on_progress = on_progress;
}

void curl_loop_free(CurlLoop *c)
{
        if (!c)
                return;
        c->freed = true;
        if (c->busy == 0)
                free_now(c);
}

CURLM *curl_loop_multi(CurlLoop *c)
{
        return c->multi;
}

static int on_new_socket(void *userdata, curl_socket_t fd, curlsocktype purpose)
{
        int timeout_ms = UNACKNOWLEDGED_MS;

        (void) userdata;
        (void) purpose;
        (void) setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
        return CURL_SOCKOPT_OK;
}

/* OpenSSL wants a write that did not fit repeated from the same address, unless told otherwise; our output
 * buffers move when they grow. */
static CURLcode on_ssl_context(CURL *easy, void *context, void *userdata)
{
        (void) easy;
        (void) userdata;
        SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);
        return CURLE_OK;
}

int curl_setup_easy(CURL *easy, const char *url, const char *ca_file, int64_t timeout_ms, char *error_buffer)
{
        CURLcode e = curl_easy_setopt(easy, CURLOPT_URL, url);

        if (e == CURLE_OK)
                e = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        if (e == CURLE_OK)
                e = curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_context);
        if (e == CURLE_OK && ca_file)
                e = curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
        if (e != CURLE_OK)
                return error_origin(-EINVAL);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_buffer);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        /* Else curl waits, blocking the loop, for the resolver thread of a name that nobody needs any more.
         */
        curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) timeout_ms);
        curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
        curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
        curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long) KEEPALIVE_IDLE_S);
        curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long) KEEPALIVE_EVERY_S);
        curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, REUSE_IDLE_S);
        curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_new_socket);
        return 0;
}

int64_t retry_after_ms(const char *value)
{
        char *end;
        long long seconds;

        if (!value)
                return -1;
        value += strspn(value, " \t");
        if (*value >= '0' && *value <= '9') {
                seconds = strtoll(value, &end, 10);
                if (end[strspn(end, " \t\r\n")])
                        return -1;
        } else {
                time_t date = curl_getdate(value, NULL);

                if (date == -1)
                        return -1;
                seconds = (long long) date - clock_realtime_ms() / 1000;
        }
        return MAX2(0, MIN2(seconds, (long long) RETRY_AFTER_MAX_S)) * 1000;
}

bool header_line_is_valid(const char *line)
{
        const char *colon = strchr(line, ':');

        return colon && colon > line && !strpbrk(line, "\r\n") && !memchr(line, ' ', (size_t) (colon - line));
}
