#include "core/session-requests.h"

#include "core/session-document.h"
#include "core/session.h"

static void spawn_request(Flow *f, const char *kind, const char *prefix, const char *field,
                          const json_t *from)
{
        const json_t *data = flow_data(f), *request = json_at(from, field);
        PostedPlace thread = session_thread(f);
        _cleanup_free_ char *address = mem_printf("%s:%s", prefix, json_str_or(request, "id", ""));
        json_t *asked =
                json_pack("{s:s, s:s, s:s, s:s, s:o}", "session", flow_ref(f), "channel", thread.channel,
                          "thread_ts", thread.thread_ts ? thread.thread_ts : "", "directory",
                          json_str_or(from, "directory", json_str_or(data, "oc.directory", "")), field,
                          json_deep_copy(request));

        if (!str_equal(json_str(from, "session_id"), json_str(data, "oc.session_id")))
                json_put_str(asked, "subagent", json_str(from, "session_id"));
        json_put_str(asked, "root_id", json_str(data, "oc.session_id"));
        json_put_int(asked, "asked_ms", json_int(from, "at_ms", 0));
        json_put_str(asked, "http_request_id", json_str(from, "request_id"));
        json_put_int(asked, "expires_ms", json_int(from, "expires_ms", 0));
        flow_spawn(f, kind, address, "request.asked", asked);
}

static void forward_reply(Flow *f, const char *prefix, const char *id_field, const json_t *frame)
{
        _cleanup_free_ char *address = mem_printf("%s:%s", prefix, json_str_or(frame, id_field, ""));

        flow_send(f, address, "request.replied", json_deep_copy(frame));
}

/* What was asked before the session was lost in OpenCode may be read after it: nobody waits for it, and what
 * is said of it does not find us any more. */
static bool is_orphan(Flow *f, const FlowEvent *ev)
{
        _cleanup_free_ char *address = NULL;

        if (json_str(flow_data(f), "oc.session_id"))
                return false;
        if (flow_event_is(ev, "oc.permission.asked") || flow_event_is(ev, "oc.question.asked"))
                return true;
        if (!flow_event_is(ev, "request.opened"))
                return false;
        address = mem_printf("flow:%s", json_str_or(ev->data, "ref", ""));
        flow_send(f, address, "request.over", NULL);
        return true;
}

static void take_closed(Flow *f, const FlowEvent *ev)
{
        session_request_closed(f, json_str_or(ev->data, "ref", ""));
        session_keep_answer(f, ev);
}

FlowVerdict session_take_request_event(Flow *f, const FlowEvent *ev)
{
        if (is_orphan(f, ev))
                return FLOW_STAY;
        if (flow_event_is(ev, "oc.permission.asked"))
                spawn_request(f, "permission", "perm", "permission", ev->data);
        else if (flow_event_is(ev, "oc.question.asked"))
                spawn_request(f, "question", "que", "question", ev->data);
        else if (flow_event_is(ev, "http.permission"))
                spawn_request(f, "permission", "http", "permission", ev->data);
        else if (flow_event_is(ev, "oc.permission.replied"))
                forward_reply(f, "perm", "permission_id", ev->data);
        else if (flow_event_is(ev, "oc.question.replied") || flow_event_is(ev, "oc.question.rejected"))
                forward_reply(f, "que", "question_id", ev->data);
        else if (flow_event_is(ev, "request.opened"))
                session_request_opened(f, json_str_or(ev->data, "ref", ""),
                                       json_str_or(ev->data, "what", "an answer"));
        else if (flow_event_is(ev, "request.closed"))
                take_closed(f, ev);
        else
                return FLOW_IGNORE;
        if (flow_event_is(ev, "request.opened") || flow_event_is(ev, "request.closed")) {
                if (session_state(f) == SESSION_WORKING || session_state(f) == SESSION_WAITING)
                        session_set_state(f, SESSION_WORKING);
                session_show_card(f);
        }
        return FLOW_STAY;
}

void session_reconcile_requests(Flow *f, const FlowEvent *ev)
{
        json_t *request, *pending = json_array();
        const char *ref;
        size_t i;

        json_array_foreach ((json_t *) json_at(ev->data, "permissions"), i, request) {
                spawn_request(f, "permission", "perm", "permission", request);
                json_array_append_new(pending, json_string(json_str_or(request, "permission.id", "")));
        }
        json_array_foreach ((json_t *) json_at(ev->data, "questions"), i, request) {
                spawn_request(f, "question", "que", "question", request);
                json_array_append_new(pending, json_string(json_str_or(request, "question.id", "")));
        }
        json_object_foreach ((json_t *) json_at(flow_data(f), "open"), ref, request) {
                _cleanup_free_ char *address = mem_printf("flow:%s", ref);

                flow_send(f, address, "request.check",
                          json_pack("{s:O, s:I}", "pending", pending, "at_ms",
                                    (json_int_t) json_int(ev->data, "at_ms", 0)));
        }
        json_decref(pending);
}
