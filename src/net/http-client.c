/* A request with a body is read through a callback that cannot be rewound, on purpose: curl would otherwise
 * repeat it silently on a new connection when a reused one dies before the answer, and a message would be
 * posted twice. Here that is a fault with `sent` set, and the caller knows that the outcome is unknown. */
#include "net/http-client.h"

#include "base/buf.h"
#include "base/error.h"
#include "net/http-op.h"

#define CONNECTIONS_PER_HOST_MAX 32L
#define CONNECTIONS_KEPT_MAX     16L
#define HEADERS_MAX              128 /* of a streamed answer; more are dropped */

typedef struct Request {
        HttpOp op;
        HttpClient *client;
        CURL *easy;
        struct curl_slist *headers;
        Buf body, answer;
        size_t max_answer_bytes;
        bool too_large;
        const HttpStreamEvents *events; /* of a stream: the answer is handed on in pieces */
        List ready;                     /* in the client's list while there is something to hand on */
        LoopTimer *head_deadline;
        bool head_due, head_done;
        bool busy, cancelled; /* inside a callback of its own; cancelled there */
        void (*done)(void *userdata, const HttpResult *result);
        void *userdata;
        char error[CURL_ERROR_SIZE];
} Request;

static void free_request(Request *r)
{
        list_remove(&r->op.link);
        list_remove(&r->ready);
        if (r->easy) {
                curl_multi_remove_handle(curl_loop_multi(r->client->curl), r->easy);
                curl_easy_cleanup(take(r->easy));
        }
        loop_timer_free(take(r->head_deadline));
        if (r->busy) {
                r->cancelled = true;
                return;
        }
        curl_slist_free_all(r->headers);
        buf_deinit(&r->body);
        buf_deinit(&r->answer);
        free(r);
}

static void cancel_request(HttpOp *op)
{
        free_request(container_of(op, Request, op));
}

static void mark_ready(Request *r)
{
        if (!list_linked(&r->ready))
                list_append(&r->client->ready, &r->ready);
}

/* curl's callbacks only note what has come: the owner's are called outside of curl, where he is free to do
 * anything. */
static size_t on_answer(char *data, size_t size, size_t n, void *userdata)
{
        Request *r = userdata;

        n *= size;
        if (r->events) {
                mark_ready(r);
        } else if (n > r->max_answer_bytes - buf_len(&r->answer)) {
                r->too_large = true;
                return 0; /* anything but n ends the transfer */
        }
        buf_append(&r->answer, data, n);
        return n;
}

static size_t on_header_line(char *line, size_t size, size_t n, void *userdata)
{
        Request *r = userdata;
        long status = 0;

        n *= size;
        curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
        if (!r->head_done && status >= 200 && n <= 2 && (n == 0 || *line == '\r' || *line == '\n')) {
                r->head_due = true; /* the empty line after a head that is not interim */
                mark_ready(r);
        }
        return n;
}

static void hand_on_head(Request *r)
{
        HttpHeader headers[HEADERS_MAX];
        struct curl_header *header = NULL;
        size_t n = 0;
        long status = 0;

        r->head_due = false;
        r->head_done = true;
        loop_timer_clear(r->head_deadline);
        curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
        while (n < HEADERS_MAX && (header = curl_easy_nextheader(r->easy, CURLH_HEADER, -1, header)))
                headers[n++] = (HttpHeader){header->name, header->value};
        r->events->on_head(r->userdata, (unsigned) status, headers, n);
}

/* `r` may be gone after it: the owner may cancel from inside. Going on with a paused stream from inside makes
 * curl deliver more at once, which is why the piece is taken out first. */
static void hand_on(Request *r)
{
        r->busy = true;
        if (r->head_due)
                hand_on_head(r);
        if (!r->cancelled && buf_len(&r->answer) > 0) {
                Buf piece = r->answer;

                r->answer = (Buf){0};
                r->events->on_data(r->userdata, buf_bytes(&piece), buf_len(&piece));
                buf_deinit(&piece);
        }
        r->busy = false;
        if (r->cancelled)
                free_request(r);
}

static void enter(HttpClient *c)
{
        c->busy++;
}

static void leave(HttpClient *c)
{
        if (--c->busy > 0 || !c->freed)
                return;
        curl_loop_free(c->curl);
        free(c->user_agent);
        free(c->ca_file);
        free(c);
}

static void on_progress(void *userdata)
{
        HttpClient *c = userdata;

        enter(c);
        while (!list_empty(&c->ready)) {
                Request *r = list_first(&c->ready, Request, ready);

                list_remove(&r->ready);
                hand_on(r);
        }
        leave(c);
}

static size_t on_body_wanted(char *ret, size_t size, size_t n, void *userdata)
{
        Request *r = userdata;

        n = MIN2(n * size, buf_len(&r->body));
        if (n > 0)
                memcpy(ret, buf_bytes(&r->body), n);
        buf_consume(&r->body, n);
        return n;
}

static int fault_of(CURLcode code)
{
        switch (code) {
        case CURLE_OPERATION_TIMEDOUT: return -ETIMEDOUT;
        case CURLE_COULDNT_CONNECT: return -ECONNREFUSED;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY: return -EHOSTUNREACH;
        default: return -EIO;
        }
}

static int64_t wanted_delay_ms(CURL *easy, unsigned status)
{
        struct curl_header *header;

        if ((status != 429 && status != 503) ||
            curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
                return -1;
        return retry_after_ms(header->value);
}

static int64_t date_of_answer_ms(CURL *easy)
{
        struct curl_header *header;
        time_t date;

        if (curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
                return 0;
        date = curl_getdate(header->value, NULL);
        return date > 0 ? (int64_t) date * 1000 : 0;
}

/* curl counts the bytes of the request as it writes them. */
static bool was_sent(CURL *easy)
{
        long n_bytes = 0;

        curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &n_bytes);
        return n_bytes > 0;
}

/* The end of `r`, which is gone after it. */
static void finish(Request *r, HttpResult *result)
{
        HttpClient *c = r->client;

        enter(c);
        list_remove(&r->op.link);
        r->busy = true; /* a cancellation from inside `done` comes too late to mean anything */
        r->done(r->userdata, result);
        r->busy = false;
        free_request(r);
        leave(c);
}

static void on_done(void *userdata, CURL *easy, CURLcode code)
{
        HttpResult result = {.retry_after_ms = -1};
        Request *r;
        long status = 0;

        (void) userdata;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &r);
        result.sent = was_sent(easy);
        if (r->too_large) {
                result.fault = error_origin(-EMSGSIZE);
                result.error = "the answer is too large";
        } else if (code != CURLE_OK) {
                result.fault = error_origin(fault_of(code));
                result.error = *r->error ? r->error : curl_easy_strerror(code);
        } else {
                curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
                result.status = (unsigned) status;
                result.retry_after_ms = wanted_delay_ms(easy, result.status);
                result.date_ms = date_of_answer_ms(easy);
                result.body = buf_bytes(&r->answer);
                result.n_body = buf_len(&r->answer);
        }
        finish(r, &result);
}

static void on_head_deadline(void *userdata)
{
        Request *r = userdata;
        HttpResult result = {
                .fault = error_origin(-ETIMEDOUT),
                .sent = was_sent(r->easy),
                .retry_after_ms = -1,
                .error = "the answer took too long",
        };

        finish(r, &result);
}

static int add_headers(Request *r, const char *const *lines)
{
        bool has_type = false;

        for (; lines && *lines; lines++) {
                if (!header_line_is_valid(*lines))
                        return error_origin(-EINVAL);
                has_type |= strncasecmp(*lines, "Content-Type:", 13) == 0;
                r->headers = curl_slist_append(r->headers, *lines);
        }
        /* What curl adds unasked: a form's type, and a round trip before each large body. */
        if (!has_type)
                r->headers = curl_slist_append(r->headers, "Content-Type:");
        r->headers = curl_slist_append(r->headers, "Expect:");
        curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
        return 0;
}

static void set_method(Request *r, const char *method)
{
        bool repeatable = !str_equal(method, "POST") && !str_equal(method, "PATCH"); /* RFC 9110 §9.2.2 */
        bool has_body = buf_len(&r->body) > 0 || !repeatable || str_equal(method, "PUT");

        /* There is nothing to rewind in an empty body: only a connection of its own keeps it from being
         * repeated. */
        if (!repeatable && buf_len(&r->body) == 0)
                curl_easy_setopt(r->easy, CURLOPT_FRESH_CONNECT, 1L);
        if (has_body) {
                curl_easy_setopt(r->easy, CURLOPT_POST, 1L);
                curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) buf_len(&r->body));
                curl_easy_setopt(r->easy, CURLOPT_READFUNCTION, on_body_wanted);
                curl_easy_setopt(r->easy, CURLOPT_READDATA, r);
        }
        if (str_equal(method, "HEAD"))
                curl_easy_setopt(r->easy, CURLOPT_NOBODY, 1L);
        else if (!(has_body ? str_equal(method, "POST") : str_equal(method, "GET")))
                curl_easy_setopt(r->easy, CURLOPT_CUSTOMREQUEST, method);
}

static void pause_stream(HttpOp *op, bool paused)
{
        Request *r = container_of(op, Request, op);

        if (r->easy)
                curl_easy_pause(r->easy, paused ? CURLPAUSE_RECV : CURLPAUSE_CONT);
}

static void set_up_stream(Request *r, int64_t timeout_ms)
{
        r->op.pause = pause_stream;
        r->head_deadline = loop_timer_new(r->client->loop, on_head_deadline, r);
        loop_timer_set(r->head_deadline, timeout_ms);
        curl_easy_setopt(r->easy, CURLOPT_TIMEOUT_MS, 0L);
        curl_easy_setopt(r->easy, CURLOPT_CONNECTTIMEOUT_MS, (long) timeout_ms);
        curl_easy_setopt(r->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        curl_easy_setopt(r->easy, CURLOPT_HEADERFUNCTION, on_header_line);
        curl_easy_setopt(r->easy, CURLOPT_HEADERDATA, r);
}

static bool method_is_valid(const char *method)
{
        return *method && strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(method);
}

static int set_up(Request *r, const HttpCall *call)
{
        int e = method_is_valid(call->method) && !strpbrk(call->url, "\r\n ") ? 0 : error_origin(-EINVAL);

        r->easy = curl_easy_init();
        if (!r->easy)
                abort(); /* out of memory, the only way it fails once curl is initialized */
        if (e == 0)
                e = error_trace(
                        curl_setup_easy(r->easy, call->url, r->client->ca_file, call->timeout_ms, r->error));
        if (e == 0)
                e = error_trace(add_headers(r, call->headers));
        if (e < 0)
                return e;
        set_method(r, call->method);
        curl_easy_setopt(r->easy, CURLOPT_USERAGENT, r->client->user_agent);
        curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_answer);
        curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
        curl_easy_setopt(r->easy, CURLOPT_PRIVATE, r);
        return 0;
}

static int start(HttpClient *c, const HttpCall *call, const HttpStreamEvents *events,
                 void (*done)(void *userdata, const HttpResult *result), void *userdata, HttpOp **ret_op)
{
        Request *r = mem_new(Request);
        int e;

        r->client = c;
        r->op.cancel = cancel_request;
        r->events = events;
        r->done = done;
        r->userdata = userdata;
        r->max_answer_bytes = call->max_response_bytes;
        list_init(&r->ready);
        if (call->n_body > 0)
                buf_append(&r->body, call->body, call->n_body);
        list_append(&c->ops, &r->op.link);
        e = set_up(r, call);
        if (e == 0 && events)
                set_up_stream(r, call->timeout_ms);
        if (e == 0 && curl_multi_add_handle(curl_loop_multi(c->curl), r->easy) != CURLM_OK)
                e = error_origin(-EIO);
        if (e < 0) {
                free_request(r);
                return error_trace(e);
        }
        if (ret_op)
                *ret_op = &r->op;
        return 0;
}

int http_client_send(HttpClient *c, const HttpCall *call,
                     void (*done)(void *userdata, const HttpResult *result), void *userdata, HttpOp **ret_op)
{
        return error_trace(start(c, call, NULL, done, userdata, ret_op));
}

int http_client_stream(HttpClient *c, const HttpCall *call, const HttpStreamEvents *events,
                       void (*done)(void *userdata, const HttpResult *result), void *userdata,
                       HttpOp **ret_op)
{
        return error_trace(start(c, call, events, done, userdata, ret_op));
}

void http_op_pause(HttpOp *op, bool paused)
{
        if (op->pause)
                op->pause(op, paused);
}

void http_op_cancel(HttpOp *op)
{
        if (op)
                op->cancel(op);
}

int http_client_new(HttpClient **ret, Loop *loop, const char *user_agent)
{
        HttpClient *c = mem_new(HttpClient);
        int e = curl_loop_new(&c->curl, loop, on_done, c);

        if (e < 0) {
                free(c);
                return error_trace(e);
        }
        c->loop = loop;
        c->user_agent = mem_strdup(user_agent);
        list_init(&c->ops);
        list_init(&c->ready);
        curl_loop_set_on_progress(c->curl, on_progress);
        curl_multi_setopt(curl_loop_multi(c->curl), CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_PER_HOST_MAX);
        curl_multi_setopt(curl_loop_multi(c->curl), CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT_MAX);
        *ret = c;
        return 0;
}

void http_client_set_ca_file(HttpClient *c, const char *path)
{
        mem_strset(&c->ca_file, path);
}

void http_client_free(HttpClient *c)
{
        if (!c)
                return;
        enter(c);
        c->freed = true;
        list_for_each_safe (node, &c->ops)
                http_op_cancel(list_entry(node, HttpOp, link));
        leave(c);
}
