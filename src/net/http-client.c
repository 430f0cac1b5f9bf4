/* A request with a body is read through a callback that cannot be rewound, on purpose: curl would otherwise
 * repeat it silently on a new connection when a reused one dies before the answer, and a message would be
 * posted twice. Here that is a fault with `sent` set, and the caller knows that the outcome is unknown. */
#include "net/http-client.h"

#include "base/buf.h"
#include "base/error.h"
#include "net/http-op.h"

#define CONNECTIONS_PER_HOST_MAX 32L
#define CONNECTIONS_KEPT_MAX     16L

typedef struct Request {
        HttpOp op;
        HttpClient *client;
        CURL *easy;
        struct curl_slist *headers;
        Buf body, answer;
        size_t max_answer_bytes;
        bool too_large;
        void (*done)(void *userdata, const HttpResult *result);
        void *userdata;
        char error[CURL_ERROR_SIZE];
} Request;

static void free_request(Request *r)
{
        list_remove(&r->op.link);
        if (r->easy) {
                curl_multi_remove_handle(curl_loop_multi(r->client->curl), r->easy);
                curl_easy_cleanup(r->easy);
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

static size_t on_answer(char *data, size_t size, size_t n, void *userdata)
{
        Request *r = userdata;

        n *= size;
        if (n > r->max_answer_bytes - buf_len(&r->answer)) {
                r->too_large = true;
                return 0; /* anything but n ends the transfer */
        }
        buf_append(&r->answer, data, n);
        return n;
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

/* curl counts the bytes of the request as it writes them. */
static bool was_sent(CURL *easy)
{
        long n_bytes = 0;

        curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &n_bytes);
        return n_bytes > 0;
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
                result.body = buf_bytes(&r->answer);
                result.n_body = buf_len(&r->answer);
        }
        /* Not to be found any more by a callback that frees the client. */
        list_remove(&r->op.link);
        curl_multi_remove_handle(curl_loop_multi(r->client->curl), easy);
        r->easy = NULL;
        r->done(r->userdata, &result);
        curl_easy_cleanup(easy);
        free_request(r);
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

        /* There is nothing to rewind in an empty body: only a connection of its own keeps it from being repeated. */
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
                e = error_trace(curl_setup_easy(r->easy, call->url, r->client->ca_file, call->timeout_ms, r->error));
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

int http_client_send(HttpClient *c, const HttpCall *call, void (*done)(void *userdata, const HttpResult *result),
                     void *userdata, HttpOp **ret_op)
{
        Request *r = mem_new(Request);
        int e;

        r->client = c;
        r->op.cancel = cancel_request;
        r->done = done;
        r->userdata = userdata;
        r->max_answer_bytes = call->max_response_bytes;
        if (call->n_body > 0)
                buf_append(&r->body, call->body, call->n_body);
        list_append(&c->ops, &r->op.link);
        e = set_up(r, call);
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
        list_for_each_safe(node, &c->ops)
                http_op_cancel(list_entry(node, HttpOp, link));
        curl_loop_free(c->curl);
        free(c->user_agent);
        free(c->ca_file);
        free(c);
}
