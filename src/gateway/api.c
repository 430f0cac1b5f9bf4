/* The gateway's HTTP interface (contract/openapi.yaml). Health and metrics are open, since the address is a
 * private one; everything under /api needs the bridge token. */
#include "gateway/gateway.h"

#include "core/routing-train.h"
#include "gateway/relay.h"
#include "net/sse.h"

#define STREAMS_MAX      64
#define STREAM_QUEUE_MAX (256 * 1024) /* a reader that is slower than this is cut off */
#define LIST_MAX         10000

struct EventStream {
        List link;
        Gateway *gateway;
        HttpStream *stream;
};

static bool authorized(const Gateway *g, HttpRequest *req)
{
        const char *header = http_request_header(req, "Authorization");

        return header && str_starts_with(header, "Bearer ") &&
               secret_equal(&g->conf->gateway.bridge_token, header + 7);
}

/* ---- health ---- */

static void get_healthz(Gateway *g, HttpRequest *req)
{
        (void) g;
        http_respond_json(req, 200, json_pack("{s:s, s:s}", "status", "ok", "version", PROJECT_VERSION));
}

static void get_readyz(Gateway *g, HttpRequest *req)
{
        bool journal = flow_engine_healthy(g->engine),
             slack = g->identity && slack_socket_live(g->sockets) > 0;
        bool deaf = health_is_deaf(g->health),
             ready = journal && slack && !deaf && gateway_has_work(g) && !g->stopping;
        json_t *body = json_pack("{s:s, s:s, s:o, s:o, s:I}", "status",
                                 ready  ? "ready"
                                 : deaf ? "deaf"
                                        : "not ready",
                                 "journal", journal ? "ok" : "cannot commit", "slack",
                                 slack_socket_health(g->sockets), "bridges", bridge_status(g->bridge),
                                 "sockets_live", (json_int_t) slack_socket_live(g->sockets));

        json_put_str(body, "slack_error", g->slack_error);
        if (g->replica)
                json_object_set_new(body, "replica", gateway_describe_shards(g));
        json_object_set_new(body, "transport", health_render(g->health));
        json_object_set_new(body, "models", gateway_models_status(g));
        http_respond_json(req, ready ? 200 : 503, body);
}

static void get_metrics(Gateway *g, HttpRequest *req)
{
        _cleanup_buf_ Buf out = {0};

        metrics_render(g->metrics, &out);
        http_respond_text(req, 200, "text/plain; version=0.0.4; charset=utf-8", buf_bytes(&out));
}

/* ---- lists ---- */

/* A request that waits for the journal. Its client may go meanwhile. */
typedef struct ListRequest {
        Gateway *gateway;
        HttpRequest *req;
        char *ref; /* one session of the list; NULL = all */
} ListRequest;

static ListRequest *list_request(Gateway *g, HttpRequest *req)
{
        ListRequest *l = mem_new(ListRequest);

        l->gateway = g;
        l->req = req;
        http_request_set_userdata(req, l);
        return l;
}

static void list_request_free(ListRequest *l)
{
        free(l->ref);
        free(l);
}

/* What a reader of the API sees of a session: the stored data without the texts of Slack's messages. */
static json_t *public_session(const json_t *row)
{
        static const char *const copied[][2] = {
                {"ref", "ref"},
                {"step", "step"},
                {"status", "status"},
                {"created_ms", "created_ms"},
                {"updated_ms", "updated_ms"},
                {"title", "data.title"},
                {"state", "data.state"},
                {"user", "data.user"},
                {"channel", "data.channel"},
                {"thread_ts", "data.thread_ts"},
                {"opencode", "data.oc"},
                {"workspace", "data.workspace"},
                {"task", "data.task"},
                {"tokens", "data.tokens"},
                {"cost_usd", "data.cost"},
                {"waiting_for", "data.open"},
                {"error", "data.error"},
        };
        json_t *out = json_object();

        for (size_t i = 0; i < ELEMENTSOF(copied); i++) {
                const json_t *value = json_at(row, copied[i][1]);

                if (value)
                        json_object_set(out, copied[i][0], (json_t *) value);
        }
        json_put_int(out, "queued", (int64_t) json_array_size(json_at(row, "data.queue")));
        return out;
}

static void answer_session(ListRequest *l, const json_t *rows)
{
        size_t i;
        json_t *row;

        json_array_foreach ((json_t *) rows, i, row)
                if (str_equal(json_str(row, "ref"), l->ref)) {
                        http_respond_json(l->req, 200, public_session(row));
                        return;
                }
        http_respond_error(l->req, 404, "not_found", "there is no such session", NULL);
}

static void on_sessions(void *userdata, const char *json)
{
        ListRequest *l = userdata;
        _cleanup_json_ json_t *rows = json_parse(json, strlen(json), NULL);
        json_t *sessions;
        size_t i;
        json_t *row;

        if (l->req && l->ref)
                answer_session(l, rows);
        else if (l->req) {
                sessions = json_array();
                json_array_foreach (rows, i, row)
                        json_array_append_new(sessions, public_session(row));
                http_respond_json(l->req, 200, json_pack("{s:o}", "sessions", sessions));
        }
        list_request_free(l);
}

static void get_sessions(Gateway *g, HttpRequest *req, const char *ref)
{
        ListRequest *l = list_request(g, req);

        l->ref = mem_strdup(ref);
        flow_engine_list(g->engine, "session", NULL, LIST_MAX, on_sessions, l);
}

static void on_routed(void *userdata, const char *json)
{
        ListRequest *l = userdata;
        _cleanup_json_ json_t *rows = json_parse(json, strlen(json), NULL);
        json_t *records = json_array(), *row;
        size_t i;

        json_array_foreach (rows, i, row) {
                json_t *record = route_record_json(row);

                if (record)
                        json_array_append_new(records, record);
        }
        if (l->req)
                http_respond_json(l->req, 200, json_pack("{s:O}", "records", records));
        json_decref(records);
        list_request_free(l);
}

/* /api/routing: what was decided for each session, and what people said to that. */
static void get_routing(Gateway *g, HttpRequest *req)
{
        flow_engine_list(g->engine, "session", NULL, LIST_MAX, on_routed, list_request(g, req));
}

static void on_rows(void *userdata, const char *json)
{
        ListRequest *l = userdata;

        if (l->req)
                http_respond_text(l->req, 200, "application/json", json);
        list_request_free(l);
}

/* /api/flows?status=quarantined, /api/asks?status=dead: for an operator who looks after something that is
 * stuck. */
static void get_flows(Gateway *g, HttpRequest *req)
{
        const char *query = http_request_query(req);

        flow_engine_list(g->engine, NULL, strstr(query, "status=quarantined") ? "quarantined" : NULL, 200,
                         on_rows, list_request(g, req));
}

static void get_asks(Gateway *g, HttpRequest *req)
{
        const char *query = http_request_query(req);

        flow_engine_list_asks(g->engine, strstr(query, "status=dead") ? "dead" : NULL, 200, on_rows,
                              list_request(g, req));
}

static void post_flow_retry(Gateway *g, HttpRequest *req, const char *rest)
{
        _cleanup_free_ char *ref = mem_strndup(rest, strcspn(rest, "/"));

        flow_engine_retry(g->engine, ref);
        http_respond_json(req, 202, json_pack("{s:s}", "retrying", ref));
}

static void on_restored(void *userdata, const json_t *report)
{
        ListRequest *l = userdata;

        if (l->req)
                http_respond_json(l->req, 200, json_deep_copy(report));
        list_request_free(l);
}

/* POST /api/sessions/restore: out of the state repository. */
static void post_restore(Gateway *g, HttpRequest *req)
{
        ListRequest *l = list_request(g, req);

        if (gateway_restore(g, on_restored, l))
                return;
        http_respond_error(req, 409, "not_possible",
                           "no state repository is configured (state.directory), or it is being read already",
                           NULL);
        list_request_free(l);
}

/* ---- the event stream ---- */

static void stream_free(EventStream *s)
{
        list_remove(&s->link);
        free(s);
}

static void on_stream_closed(void *userdata)
{
        stream_free(userdata);
}

static void get_events(Gateway *g, HttpRequest *req)
{
        EventStream *s;
        unsigned n = 0;

        list_for_each (node, &g->streams)
                n++;
        if (n >= STREAMS_MAX) {
                http_respond_error(req, 503, "overloaded", "too many readers", NULL);
                return;
        }
        s = mem_new(EventStream);
        s->gateway = g;
        list_append(&g->streams, &s->link);
        s->stream = http_stream_open(req, 200, "text/event-stream", on_stream_closed, s);
        http_stream_write(s->stream, ": connected\n\n", 13);
}

void gateway_publish(Gateway *g, const char *event, json_t *data)
{
        _cleanup_buf_ Buf out = {0};
        _cleanup_free_ char *text = NULL;

        if (list_empty(&g->streams)) {
                json_decref(data);
                return;
        }
        text = json_dump(data);
        json_decref(data);
        sse_format(&out, event, NULL, text);
        list_for_each_safe (node, &g->streams) {
                EventStream *s = list_entry(node, EventStream, link);

                http_stream_write(s->stream, buf_bytes(&out), buf_len(&out));
                if (http_stream_queued_bytes(s->stream) > STREAM_QUEUE_MAX) {
                        http_stream_close(s->stream);
                        stream_free(s);
                }
        }
}

/* ---- routes ---- */

static void route_api(Gateway *g, HttpRequest *req, const char *method, const char *path)
{
        bool get = str_equal(method, "GET"), post = str_equal(method, "POST");

        if (!authorized(g, req))
                http_respond_error(req, 401, "unauthorized",
                                   "send Authorization: Bearer with the bridge token", NULL);
        else if (get && str_equal(path, "/api/sessions"))
                get_sessions(g, req, NULL);
        else if (get && str_starts_with(path, "/api/sessions/"))
                get_sessions(g, req, path + strlen("/api/sessions/"));
        else if (get && str_equal(path, "/api/routing"))
                get_routing(g, req);
        else if (get && str_equal(path, "/api/events"))
                get_events(g, req);
        else if (get && str_equal(path, "/api/flows"))
                get_flows(g, req);
        else if (get && str_equal(path, "/api/asks"))
                get_asks(g, req);
        else if (post && str_equal(path, "/api/sessions/restore"))
                post_restore(g, req);
        else if (post && str_starts_with(path, "/api/flows/"))
                post_flow_retry(g, req, path + strlen("/api/flows/"));
        else if (post && str_equal(path, "/api/opencode/permission"))
                permission_http_request(g, req);
        else if (post && g->relay && str_equal(path, "/api/replica"))
                relay_request(g->relay, req);
        else
                http_respond_error(req, 404, "not_found", "there is nothing here", NULL);
}

void gateway_on_request(void *userdata, HttpRequest *req)
{
        Gateway *g = userdata;
        const char *method = http_request_method(req), *path = http_request_path(req);
        bool get = str_equal(method, "GET");

        if (str_equal(path, "/api/opencode/bridge"))
                bridge_accept(g->bridge, req);
        else if (get && str_equal(path, "/healthz"))
                get_healthz(g, req);
        else if (get && str_equal(path, "/readyz"))
                get_readyz(g, req);
        else if (get && str_equal(path, "/metrics"))
                get_metrics(g, req);
        else if (str_starts_with(path, "/api/"))
                route_api(g, req, method, path);
        else
                http_respond_error(req, 404, "not_found", "there is nothing here", NULL);
}

void gateway_on_abort(void *userdata, HttpRequest *req)
{
        ListRequest *l = http_request_userdata(req);

        if (l)
                l->req = NULL;
        permission_http_aborted(userdata, req);
        relay_aborted(((Gateway *) userdata)->relay, req);
}

void api_deinit(Gateway *g)
{
        list_for_each_safe (node, &g->streams)
                stream_free(list_entry(node, EventStream, link));
}
