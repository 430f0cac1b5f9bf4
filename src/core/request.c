#include "core/request.h"

#include "connectors/slack/slack-asks.h"
#include "core/say.h"

static const char *const state_names[] = {
        [REQUEST_OPEN] = "open",     [REQUEST_SENDING] = "sending", [REQUEST_ANSWERED] = "answered",
        [REQUEST_CLOSED] = "closed", [REQUEST_EXPIRED] = "expired",
};

void request_begin(Flow *f, const FlowEvent *ev)
{
        json_object_update_missing(flow_data(f), (json_t *) ev->data);
        request_set_state(f, REQUEST_OPEN);
}

PostedPlace request_place(Flow *f)
{
        const char *thread_ts = json_str(flow_data(f), "thread_ts");

        return (PostedPlace){
                .channel = json_str_or(flow_data(f), "channel", ""),
                .thread_ts = str_empty(thread_ts) ? NULL : thread_ts,
        };
}

RequestState request_state(Flow *f)
{
        const char *name = json_str_or(flow_data(f), "state", "open");

        for (size_t i = 0; i < ELEMENTSOF(state_names); i++)
                if (str_equal(state_names[i], name))
                        return (RequestState) i;
        return REQUEST_OPEN;
}

void request_set_state(Flow *f, RequestState state)
{
        json_put_str(flow_data(f), "state", state_names[state]);
}

char *request_lane(Flow *f)
{
        return mem_printf("oc:%s", json_str_or(flow_data(f), "session", ""));
}

static void tell_session(Flow *f, const char *event, json_t *data)
{
        _cleanup_free_ char *address = mem_printf("flow:%s", json_str_or(flow_data(f), "session", ""));

        json_put_str(data, "ref", flow_ref(f));
        flow_send(f, address, event, data);
}

bool request_is_answered(Flow *f, const FlowEvent *ev)
{
        bool already = json_bool(ev->data, "already");

        if (ev->outcome == ASK_OK && !already)
                return true;
        json_put_str(flow_data(f), "undecided", already ? "already" : "refused");
        flow_timer(f, "told", REQUEST_TOLD_MS);
        return false;
}

bool request_may_be_ours(Flow *f)
{
        return str_equal(json_str(flow_data(f), "undecided"), "already");
}

void request_tell_opened(Flow *f, const char *what)
{
        tell_session(f, "request.opened", json_pack("{s:s}", "what", what));
}

void request_tell_closed(Flow *f, json_t *outcome)
{
        tell_session(f, "request.closed", outcome ? outcome : json_object());
}

static void tell_clicker(Flow *f, const FlowEvent *ev, json_t *message /* stolen */)
{
        const char *response_url = json_str(ev->data, "response_url"), *user = json_str(ev->data, "user");
        PostedPlace place = request_place(f);

        if (response_url)
                say_response(f, response_url, message);
        else if (user)
                say_ephemeral_message(f, &place, user, message);
        else
                json_decref(message);
}

void request_tell_clicker(Flow *f, const FlowEvent *ev, const char *text)
{
        tell_clicker(f, ev, card_notice(NULL, text));
}

static json_t *late_notice(Flow *f)
{
        const char *by = json_str(flow_data(f), "answered_by");

        switch (request_state(f)) {
        case REQUEST_CLOSED:
                return card_notice(NULL, "This is no longer needed: the turn that asked is over.");
        case REQUEST_EXPIRED:
                return card_notice(NULL, "The time limit has passed; whoever asked does not wait any more.");
        case REQUEST_SENDING:
        case REQUEST_ANSWERED:
        case REQUEST_OPEN: break;
        }
        return by ? card_notice_by(NULL, "Already answered by", by)
                  : card_notice(NULL, "Already answered in OpenCode.");
}

bool request_refuse(Flow *f, const FlowEvent *ev)
{
        if (json_is_false(json_at(ev->data, "allowed"))) {
                request_tell_clicker(f, ev, json_str_or(ev->data, "why", "You may not answer this."));
                return true;
        }
        if (request_state(f) == REQUEST_OPEN)
                return false;
        tell_clicker(f, ev, late_notice(f));
        return true;
}

bool request_card_missing(Flow *f, const FlowEvent *ev)
{
        PostedPlace place = request_place(f);
        _cleanup_free_ char *text = NULL;

        if (!flow_event_is(ev, SLACK_POST) || ev->outcome == ASK_OK || posted_ts(f, SLOT_REQUEST))
                return false;
        if (ev->outcome == ASK_TEMPFAIL)
                return true;
        text = mem_printf(
                "The agent waits for an answer that I cannot ask for here: Slack refused the card (%s). "
                "It can be answered in OpenCode.",
                json_str_or(ev->data, "error", "unknown"));
        say_in_thread(f, &place, ":warning:", text);
        return false;
}

bool request_is_forgotten(Flow *f, const FlowEvent *ev, const char *id_path)
{
        const char *id = json_str_or(flow_data(f), id_path, "");
        size_t i;
        json_t *pending;

        if (!flow_event_is(ev, "request.check") || json_str(flow_data(f), "http_request_id"))
                return false;
        /* A reconciliation is taken apart before it is delivered, and what was asked meanwhile overtakes it.
         * Both times are of the plugin's clock. */
        if (json_int(ev->data, "at_ms", 0) > 0 &&
            json_int(flow_data(f), "asked_ms", 0) >= json_int(ev->data, "at_ms", 0))
                return false;
        json_array_foreach ((json_t *) json_at(ev->data, "pending"), i, pending)
                if (str_equal(json_string_value(pending), id))
                        return false;
        return true;
}
