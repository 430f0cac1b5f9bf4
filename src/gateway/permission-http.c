/* POST /api/opencode/permission: the blocking form of a permission request, for plugins and tools that want
 * to ask a person and wait (contract/openapi.yaml).
 *
 * The question itself is a flow like any other. What waits here is only the HTTP request; if its connection
 * is lost, or the gateway restarted, the caller asks again with the same request_id and gets the same answer.
 */
#include "gateway/gateway.h"

#include "base/clock.h"

#define WAITERS_MAX    1000
#define TIMEOUT_MAX_MS (24LL * 3600 * 1000)

struct HttpWaiter {
        char *request_id;
        Gateway *gateway;
        HttpRequest *req;
        UT_hash_handle hh;
};

static void waiter_free(HttpWaiter *w)
{
        HASH_DEL(w->gateway->waiters, w);
        free(w->request_id);
        free(w);
}

static HttpWaiter *waiter_find(Gateway *g, const char *request_id)
{
        HttpWaiter *w;

        HASH_FIND_STR(g->waiters, request_id, w);
        return w;
}

static void refuse(HttpWaiter *w, unsigned status, const char *code, const char *message, const char *field)
{
        HttpRequest *req = w->req;

        waiter_free(w);
        http_respond_error(req, status, code, message, field);
}

static void on_delivered(void *userdata, FlowDelivered outcome)
{
        char *request_id = ((void **) userdata)[1];
        Gateway *g = ((void **) userdata)[0];
        HttpWaiter *w = waiter_find(g, request_id);

        free(request_id);
        free(userdata);
        if (!w)
                return; /* the caller has gone */
        if (outcome == FLOW_UNROUTED)
                refuse(w, 404, "not_found", "no session in Slack has this session_id", "session_id");
        else if (outcome == FLOW_REFUSED)
                refuse(w, 503, "overloaded", "too much is waiting; ask again", NULL);
}

static void deliver(Gateway *g, const char *request_id, json_t *data /* stolen */)
{
        _cleanup_free_ char *address = mem_printf("oc:%s", json_str_or(data, "session_id", ""));
        void **userdata = mem_alloc(2 * sizeof(void *));

        userdata[0] = g;
        userdata[1] = mem_strdup(request_id);
        flow_deliver(g->engine, &(FlowDelivery){
                                        .address = address,
                                        .event = "http.permission",
                                        .json = json_dump(data),
                                        .done = on_delivered,
                                        .userdata = userdata,
                                });
        json_decref(data);
}

static json_t *event_data(const json_t *body)
{
        static const char *const copied[] = {"permission", "patterns", "metadata"};
        int64_t timeout_ms = json_int(body, "timeout_ms", 0);
        json_t *permission =
                json_pack("{s:s, s:[], s:n}", "id", json_str(body, "request_id"), "always", "tool");
        json_t *data = json_pack("{s:s, s:s, s:o}", "request_id", json_str(body, "request_id"), "session_id",
                                 json_str(body, "session_id"), "permission", permission);

        for (size_t i = 0; i < ELEMENTSOF(copied); i++)
                if (json_at(body, copied[i]))
                        json_object_set(permission, copied[i], (json_t *) json_at(body, copied[i]));
        if (timeout_ms > 0)
                json_put_int(data, "expires_ms", clock_realtime_ms() + MIN2(timeout_ms, TIMEOUT_MAX_MS));
        return data;
}

void permission_http_request(Gateway *g, HttpRequest *req)
{
        static const JsonField fields[] = {
                {"request_id", JSON_FIELD_STR, true, 128}, {"session_id", JSON_FIELD_STR, true, 128},
                {"permission", JSON_FIELD_STR, true, 128}, {"patterns", JSON_FIELD_ARR, false, 100},
                {"metadata", JSON_FIELD_OBJ, false, 0},    {"timeout_ms", JSON_FIELD_INT, false, 0},
        };
        size_t n;
        const char *text = http_request_body(req, &n), *field, *why;
        _cleanup_free_ char *error = NULL;
        _cleanup_json_ json_t *body = json_parse(text, n, &error);
        const char *request_id;
        HttpWaiter *w;

        if (!json_is_object(body)) {
                http_respond_error(req, 400, "bad_json", error ? error : "the body must be a JSON object",
                                   NULL);
                return;
        }
        field = json_check(body, fields, ELEMENTSOF(fields), &why);
        if (field) {
                http_respond_error(req, 400, "bad_field", why, field);
                return;
        }
        request_id = json_str(body, "request_id");
        w = waiter_find(g, request_id);
        if (w) /* the same caller again; the older connection is the dead one */
                refuse(w, 409, "replaced", "the same request_id was asked again", "request_id");
        if (HASH_COUNT(g->waiters) >= WAITERS_MAX) {
                http_respond_error(req, 503, "overloaded", "too many requests wait for people", NULL);
                return;
        }
        w = mem_new(HttpWaiter);
        w->request_id = mem_strdup(request_id);
        w->gateway = g;
        w->req = req;
        HASH_ADD_KEYPTR(hh, g->waiters, w->request_id, strlen(w->request_id), w);
        deliver(g, w->request_id, event_data(body));
}

void permission_http_aborted(Gateway *g, HttpRequest *req)
{
        HttpWaiter *w, *next;

        HASH_ITER (hh, g->waiters, w, next)
                if (w->req == req)
                        waiter_free(w);
}

void permission_http_answer(Gateway *g, const json_t *answer)
{
        HttpWaiter *w = waiter_find(g, json_str_or(answer, "request_id", ""));
        const char *status = json_str_or(answer, "status", "closed");
        HttpRequest *req;
        json_t *body;

        if (!w)
                return;
        req = w->req;
        waiter_free(w);
        body = json_pack("{s:s}", "status", status);
        if (json_str(answer, "message"))
                json_put_str(body, "message", json_str(answer, "message"));
        if (json_str(answer, "answered_by"))
                json_put_str(body, "answered_by", json_str(answer, "answered_by"));
        /* A time-out, or a turn that ended meanwhile, is neither a yes nor a no. */
        http_respond_json(req,
                          str_equal(status, "timeout")  ? 408
                          : str_equal(status, "closed") ? 410
                                                        : 200,
                          body);
}

void permission_http_deinit(Gateway *g)
{
        while (g->waiters)
                waiter_free(g->waiters);
}
