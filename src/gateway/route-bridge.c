/* From a frame of the plugin to its acknowledgement. Durable events go to the flow of their session; what
 * streams goes to live.c; a reconciliation is taken apart and each session gets its own part. */
#include "gateway/gateway.h"

#include "base/failpoint.h"

#define SESSIONS_MAX 100000

typedef struct PendingEvent {
        Gateway *gateway;
        char *bridge_id;
        int64_t seq;
        json_t *frame;      /* of a reconciliation */
        unsigned n_waiting; /* deliveries under way, and one for the loop that makes them */
        bool refused;
} PendingEvent;

static PendingEvent *pending_new(Gateway *g, const BridgeEvent *event)
{
        PendingEvent *p = mem_new(PendingEvent);

        p->gateway = g;
        p->bridge_id = mem_strdup(event->bridge_id);
        p->seq = event->seq;
        p->frame = json_incref((json_t *) event->frame);
        p->n_waiting = 1;
        return p;
}

static void pending_unref(PendingEvent *p)
{
        if (--p->n_waiting > 0)
                return;
        FAILPOINT("bridge.before_ack");
        if (!p->refused) /* refused under load: it stays with the plugin, which brings it again */
                bridge_event_durable(p->gateway->bridge, p->bridge_id, p->seq);
        json_decref(p->frame);
        free(p->bridge_id);
        free(p);
}

static void on_delivered(void *userdata, FlowDelivered outcome)
{
        PendingEvent *p = userdata;

        p->refused |= outcome == FLOW_REFUSED;
        pending_unref(p);
}

/* ---- reconciliation ---- */

static const json_t *directory_part(const json_t *frame, const char *directory)
{
        size_t i;
        json_t *part;

        json_array_foreach ((json_t *) json_at(frame, "directories"), i, part)
                if (str_equal(json_str(part, "directory"), directory))
                        return part;
        return NULL;
}

/* The elements of part[list] that belong to `session_id`, each with its directory, as the single events have
 * it. */
static json_t *own_requests(const json_t *part, const char *list, const char *session_id)
{
        json_t *own = json_array(), *request;
        size_t i;

        json_array_foreach ((json_t *) json_at(part, list), i, request)
                if (str_equal(json_str(request, "root_id"), session_id)) {
                        json_t *copy = json_copy(request);

                        json_put_str(copy, "directory", json_str(part, "directory"));
                        json_array_append_new(own, copy);
                }
        return own;
}

static const char *own_status(const json_t *part, const char *session_id)
{
        size_t i;
        json_t *s;

        json_array_foreach ((json_t *) json_at(part, "sessions"), i, s)
                if (str_equal(json_str(s, "root_id"), session_id))
                        return json_str_or(s, "status.type", "busy");
        return "idle";
}

static bool has_business(const json_t *session, const json_t *data)
{
        return json_object_size(json_at(session, "data.turn")) > 0 ||
               json_object_size(json_at(session, "data.open")) > 0 ||
               json_array_size(json_at(data, "permissions")) > 0 ||
               json_array_size(json_at(data, "questions")) > 0 ||
               !str_equal(json_str(data, "status"), "idle");
}

static void reconcile_session(PendingEvent *p, const json_t *session)
{
        const char *session_id = json_str(session, "data.oc.session_id"),
                   *ref = json_str_or(session, "ref", "");
        const json_t *part = directory_part(p->frame, json_str(session, "data.oc.directory"));
        _cleanup_free_ char *address = mem_printf("flow:%s", ref);
        _cleanup_free_ char *key = mem_printf("bridge:%s:%lld:%s", p->bridge_id, (long long) p->seq, ref);
        _cleanup_json_ json_t *data = NULL;

        if (!session_id || !part)
                return;
        data = json_pack("{s:s, s:o, s:o, s:s}", "status", own_status(part, session_id), "permissions",
                         own_requests(part, "permissions", session_id), "questions",
                         own_requests(part, "questions", session_id), "bridge_id", p->bridge_id);
        json_put_int(data, "at_ms", json_int(p->frame, "at_ms", 0));
        if (!has_business(session, data))
                return;
        p->n_waiting++;
        flow_deliver(p->gateway->engine, &(FlowDelivery){
                                                 .address = address,
                                                 .event = "oc.reconcile",
                                                 .dedup_key = key,
                                                 .json = json_dump(data),
                                                 .done = on_delivered,
                                                 .userdata = p,
                                         });
}

static void on_sessions_for_reconcile(void *userdata, const char *json)
{
        PendingEvent *p = userdata;
        _cleanup_json_ json_t *sessions = json_parse(json, strlen(json), NULL);
        size_t i;
        json_t *session;

        json_array_foreach (sessions, i, session)
                reconcile_session(p, session);
        pending_unref(p);
}

/* ---- no OpenCode ---- */

static void on_sessions_for_offline(void *userdata, const char *json)
{
        Gateway *g = userdata;
        _cleanup_json_ json_t *sessions = json_parse(json, strlen(json), NULL);
        size_t i;
        json_t *session;

        if (bridge_connected(g->bridge) > 0)
                return; /* it came back while we were looking */
        json_array_foreach (sessions, i, session) {
                _cleanup_free_ char *address = mem_printf("flow:%s", json_str_or(session, "ref", ""));

                if (json_object_size(json_at(session, "data.turn")) > 0)
                        flow_deliver(g->engine, &(FlowDelivery){.address = address, .event = "oc.offline"});
        }
}

void gateway_tell_offline(Gateway *g)
{
        flow_engine_list(g->engine, "session", "active", SESSIONS_MAX, on_sessions_for_offline, g);
}

/* ---- events ---- */

static void publish(Gateway *g, const BridgeEvent *event)
{
        gateway_publish(g, "opencode",
                        json_pack("{s:s, s:s, s:s}", "type", event->type, "session_id", event->session_id,
                                  "directory", event->directory));
}

void gateway_on_bridge_event(void *userdata, const BridgeEvent *event)
{
        Gateway *g = userdata;
        _cleanup_free_ char *address = NULL, *name = NULL, *key = NULL;

        live_apply(g, event);
        if (event->seq == 0)
                return;
        publish(g, event);
        if (str_equal(event->type, "reconcile")) {
                flow_engine_list(g->engine, "session", "active", SESSIONS_MAX, on_sessions_for_reconcile,
                                 pending_new(g, event));
                return;
        }
        FAILPOINT("bridge.before_deliver");
        address = mem_printf("oc:%s", event->root_id);
        name = mem_printf("oc.%s", event->type);
        key = mem_printf("bridge:%s:%lld", event->bridge_id, (long long) event->seq);
        flow_deliver(g->engine, &(FlowDelivery){
                                        .address = address,
                                        .event = name,
                                        .dedup_key = key,
                                        .json = json_dump(event->frame),
                                        .done = on_delivered,
                                        .userdata = pending_new(g, event),
                                });
}
