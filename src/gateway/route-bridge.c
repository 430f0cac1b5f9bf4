/* From a frame of the plugin to its acknowledgement. Durable events go to the flow of their session; what
 * streams goes to live.c; a reconciliation is taken apart and each session gets its own part. */
#include "gateway/gateway.h"

#include "base/failpoint.h"

#define LOOKED_AT_MAX 200   /* sessions at rest: those that changed last */
#define BELIEVED_MAX  10000 /* sessions at work, requests open: more than any OpenCode runs */

typedef struct PendingEvent {
        List link; /* in gateway->pending_events */
        Gateway *gateway;
        char *bridge_id;
        int64_t seq;
        json_t *frame;      /* of a reconciliation */
        List parts;         /* Part */
        unsigned n_waiting; /* parts, lists that are being read, and one for who makes them */
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
        list_init(&p->parts);
        list_append(&g->pending_events, &p->link);
        return p;
}

/* One delivery of it. */
typedef struct Part {
        List link;
        PendingEvent *event;
        char *address;
} Part;

static void part_free(Part *part)
{
        list_remove(&part->link);
        free(part->address);
        free(part);
}

static void pending_free(PendingEvent *p)
{
        list_remove(&p->link);
        list_for_each_safe (node, &p->parts)
                part_free(list_entry(node, Part, link));
        json_decref(p->frame);
        free(p->bridge_id);
        free(p);
}

static void pending_unref(PendingEvent *p)
{
        if (--p->n_waiting > 0)
                return;
        FAILPOINT("bridge.before_ack");
        if (!p->refused) /* refused under load: it stays with the plugin, which brings it again */
                bridge_event_durable(p->gateway->bridge, p->bridge_id, p->seq);
        pending_free(p);
}

void route_bridge_deinit(Gateway *g)
{
        list_for_each_safe (node, &g->pending_events)
                pending_free(list_entry(node, PendingEvent, link));
}

static void on_delivered(void *userdata, FlowDelivered outcome)
{
        Part *part = userdata;
        PendingEvent *p = part->event;

        p->refused |= outcome == FLOW_REFUSED;
        if (outcome == FLOW_UNROUTED)
                missed_note(p->gateway->missed, part->address);
        part_free(part);
        pending_unref(p);
}

static void deliver(PendingEvent *p, const char *address, const char *event, const char *dedup_key,
                    const json_t *data)
{
        Part *part = mem_new(Part);

        part->event = p;
        part->address = mem_strdup(address);
        list_append(&p->parts, &part->link);
        p->n_waiting++;
        flow_deliver(p->gateway->engine, &(FlowDelivery){
                                                 .address = address,
                                                 .event = event,
                                                 .dedup_key = dedup_key,
                                                 .json = json_dump(data),
                                                 .done = on_delivered,
                                                 .userdata = part,
                                         });
}

/* ---- reconciliation ----
 *
 * Whom it concerns: the sessions that OpenCode names, those that we believe at work, and the requests that we
 * believe open. All others have nothing to agree about, however many there are. */

static const json_t *directory_part(const json_t *frame, const char *directory)
{
        size_t i;
        json_t *part;

        json_array_foreach ((json_t *) json_at(frame, "directories"), i, part)
                if (str_equal(json_str(part, "directory"), directory))
                        return part;
        return NULL;
}

/* The elements of part[list] that belong to `root_id`, each with its directory, as the single events have it.
 */
static json_t *own_requests(const json_t *part, const char *list, const char *root_id)
{
        json_t *own = json_array(), *request;
        size_t i;

        json_array_foreach ((json_t *) json_at(part, list), i, request)
                if (str_equal(json_str(request, "root_id"), root_id)) {
                        json_t *copy = json_copy(request);

                        json_put_str(copy, "directory", json_str(part, "directory"));
                        json_array_append_new(own, copy);
                }
        return own;
}

static const char *own_status(const json_t *part, const char *root_id)
{
        size_t i;
        json_t *s;

        json_array_foreach ((json_t *) json_at(part, "sessions"), i, s)
                if (str_equal(json_str(s, "root_id"), root_id))
                        return json_str_or(s, "status.type", "busy");
        return "idle";
}

static void deliver_part(PendingEvent *p, const char *address, const char *event, json_t *data /* stolen */)
{
        _cleanup_free_ char *key = mem_printf("bridge:%s:%lld:%s", p->bridge_id, (long long) p->seq, address);

        json_put_int(data, "at_ms", json_int(p->frame, "at_ms", 0));
        deliver(p, address, event, key, data);
        json_decref(data);
}

/* What OpenCode knows of one session: everything, so that what is missing is over. */
static void reconcile_session(PendingEvent *p, const json_t *part, const char *address, const char *root_id)
{
        deliver_part(p, address, "oc.reconcile",
                     json_pack("{s:s, s:o, s:o, s:s}", "status", own_status(part, root_id), "permissions",
                               own_requests(part, "permissions", root_id), "questions",
                               own_requests(part, "questions", root_id), "bridge_id", p->bridge_id));
}

static const char *const lists[] = {"sessions", "permissions", "questions"}; /* of a directory's part */

static bool names(const json_t *part, const char *root_id)
{
        size_t i;
        json_t *one;

        for (size_t k = 0; k < ELEMENTSOF(lists); k++)
                json_array_foreach ((json_t *) json_at(part, lists[k]), i, one)
                        if (str_equal(json_str(one, "root_id"), root_id))
                                return true;
        return false;
}

static void reconcile_named(PendingEvent *p, const json_t *part)
{
        _cleanup_json_ json_t *told = json_object();
        size_t i;
        json_t *one;

        for (size_t k = 0; k < ELEMENTSOF(lists); k++)
                json_array_foreach ((json_t *) json_at(part, lists[k]), i, one) {
                        const char *root_id = json_str_or(one, "root_id", "");
                        _cleanup_free_ char *address = mem_printf("oc:%s", root_id);

                        if (json_object_get(told, root_id))
                                continue;
                        json_object_set_new(told, root_id, json_true());
                        reconcile_session(p, part, address, root_id);
                }
}

/* Sessions that we believe busy, and of which OpenCode says nothing. */
static void reconcile_unnamed(PendingEvent *p, const char *json, const char *ref_path, const char *root_path,
                              const char *directory_path)
{
        _cleanup_json_ json_t *rows = json_parse(json, strlen(json), NULL);
        size_t i;
        json_t *row;

        json_array_foreach (rows, i, row) {
                const char *root_id = json_str(row, root_path);
                const json_t *part = directory_part(p->frame, json_str(row, directory_path));
                _cleanup_free_ char *address = mem_printf("flow:%s", json_str_or(row, ref_path, ""));

                if (root_id && part && !names(part, root_id))
                        reconcile_session(p, part, address, root_id);
        }
        pending_unref(p);
}

static void on_working(void *userdata, const char *json)
{
        reconcile_unnamed(userdata, json, "ref", "data.oc.session_id", "data.oc.directory");
}

/* A turn that nobody told of: typed in OpenCode while its plugin could not be heard, which then died with it.
 * Each session that is at rest looks once in the life of an OpenCode process. */
static void on_idle(void *userdata, const char *json)
{
        PendingEvent *p = userdata;
        _cleanup_json_ json_t *rows = json_parse(json, strlen(json), NULL);
        size_t i;
        json_t *row;

        json_array_foreach (rows, i, row) {
                const char *root_id = json_str(row, "data.oc.session_id");
                const json_t *part = directory_part(p->frame, json_str(row, "data.oc.directory"));
                _cleanup_free_ char *address = mem_printf("flow:%s", json_str_or(row, "ref", ""));
                _cleanup_free_ char *key = mem_printf("look:%s:%s", p->bridge_id, address);
                json_t *data;

                if (!root_id || !part || names(part, root_id))
                        continue;
                data = json_pack("{s:s}", "bridge_id", p->bridge_id);
                deliver(p, address, "oc.look", key, data);
                json_decref(data);
        }
        pending_unref(p);
}

/* The session closes its requests, not we: an answer that it has just been told is on its way to them. */
static void on_open_requests(void *userdata, const char *json)
{
        reconcile_unnamed(userdata, json, "data.session", "data.root_id", "data.directory");
}

static void reconcile(Gateway *g, const BridgeEvent *event)
{
        static const struct {
                const char *kind, *step;
                FlowListFn fn;
        } believed[] = {
                {"session", "working", on_working},
                {"session", "stopping", on_working},
                {"permission", "open", on_open_requests},
                {"question", "open", on_open_requests},
        };
        PendingEvent *p = pending_new(g, event);
        size_t i;
        json_t *part;

        json_array_foreach ((json_t *) json_at(p->frame, "directories"), i, part)
                reconcile_named(p, part);
        p->n_waiting++;
        flow_engine_list_step(g->engine, "session", "idle", LOOKED_AT_MAX, on_idle, p);
        for (i = 0; i < ELEMENTSOF(believed); i++) {
                p->n_waiting++;
                flow_engine_list_step(g->engine, believed[i].kind, believed[i].step, BELIEVED_MAX,
                                      believed[i].fn, p);
        }
        pending_unref(p);
}

/* ---- no OpenCode ---- */

static void on_working_for_offline(void *userdata, const char *json)
{
        Gateway *g = userdata;
        _cleanup_json_ json_t *sessions = json_parse(json, strlen(json), NULL);
        size_t i;
        json_t *session;

        if (gateway_has_bridge(g))
                return; /* it came back while we were looking */
        json_array_foreach (sessions, i, session) {
                _cleanup_free_ char *address = mem_printf("flow:%s", json_str_or(session, "ref", ""));

                flow_deliver(g->engine, &(FlowDelivery){.address = address, .event = "oc.offline"});
        }
}

void gateway_tell_offline(Gateway *g)
{
        flow_engine_list_step(g->engine, "session", "working", BELIEVED_MAX, on_working_for_offline, g);
        flow_engine_list_step(g->engine, "session", "stopping", BELIEVED_MAX, on_working_for_offline, g);
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
        PendingEvent *p;

        live_apply(g, event);
        if (event->seq == 0)
                return;
        publish(g, event);
        if (str_equal(event->type, "reconcile")) {
                reconcile(g, event);
                return;
        }
        FAILPOINT("bridge.before_deliver");
        address = mem_printf("oc:%s", event->root_id);
        name = mem_printf("oc.%s", event->type);
        key = mem_printf("bridge:%s:%lld", event->bridge_id, (long long) event->seq);
        p = pending_new(g, event);
        deliver(p, address, name, key, event->frame);
        pending_unref(p);
}
