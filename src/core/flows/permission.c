/* One permission request: a card with buttons, until somebody answers, here or in OpenCode, or nobody waits
 * any more.
 *
 *   open → sending → over        answered in Slack
 *   open → over                  answered in OpenCode, closed, or expired
 *
 * The first answer wins, and OpenCode decides which that was: a click is sent there, and only its result
 * makes the card final. A flow in `over` stays for a month, so that a late click is told what happened. */
#include "core/flows/flows.h"

#include "connectors/slack/block-kit.h"
#include "connectors/slack/slack-asks.h"
#include "core/request.h"
#include "core/say.h"
#include "integrations/opencode/opencode-asks.h"

#define WHAT_CHARS 60

static const FlowStep step_open, step_sending, step_over;

static void show(Flow *f, AskPriority priority)
{
        const json_t *data = flow_data(f);
        PostedPlace place = request_place(f);
        json_t *message = card_permission(&(PermissionCard){
                .ref = flow_ref(f),
                .state = request_state(f),
                .permission = json_at(data, "permission"),
                .reply = json_str(data, "reply"),
                .reason = json_str(data, "reason"),
                .answered_by = json_str(data, "answered_by"),
                .subagent = json_str(data, "subagent"),
                .expires_ms = json_int(data, "expires_ms", 0),
                .now_ms = flow_now_ms(f),
        });

        posted_show(f, SLOT_REQUEST, &place, message, priority);
}

static char *what_for(const json_t *permission)
{
        const char *kind = json_str_or(permission, "permission", "go on");
        const char *command = json_str(permission, "metadata.command");
        bool is_edit = str_equal(kind, "edit");
        _cleanup_free_ char *cut = slack_cut(command   ? command
                                             : is_edit ? json_str_or(permission, "patterns.0", "a file")
                                                       : kind,
                                             WHAT_CHARS);

        if (command)
                return mem_printf("permission to run `%s`", cut);
        return is_edit ? mem_printf("permission to edit %s", cut) : mem_printf("permission (%s)", cut);
}

/* Whoever waits over HTTP instead of through OpenCode gets the same answer. */
static void answer_http(Flow *f, const char *status)
{
        const json_t *data = flow_data(f);
        json_t *args;

        if (!json_str(data, "http_request_id"))
                return;
        args = json_pack("{s:s, s:s}", "request_id", json_str(data, "http_request_id"), "status", status);
        if (json_str(data, "reason"))
                json_put_str(args, "message", json_str(data, "reason"));
        json_put_str(args, "answered_by", json_str(data, "answered_by"));
        flow_ask(f, &(FlowAsk){.verb = GATEWAY_HTTP_ANSWER, .args = args});
}

static FlowVerdict end(Flow *f, RequestState state)
{
        request_set_state(f, state);
        return flow_go(f, &step_over);
}

static void take_theirs(Flow *f, const FlowEvent *ev)
{
        json_put_str(flow_data(f), "reply", json_str_or(ev->data, "reply", "reject"));
        json_object_del(flow_data(f), "reason");
        json_object_del(flow_data(f), "answered_by");
}

/* The answer given in OpenCode's own UI (or by our own click, told back). */
static FlowVerdict replied_there(Flow *f, const FlowEvent *ev)
{
        take_theirs(f, ev);
        return end(f, REQUEST_ANSWERED);
}

/* Closed by a stop, while OpenCode had been told "yes" a moment before: what was allowed shall not look as if
 * it had not been. A rejection says nothing new: a stop rejects what waits. */
static FlowVerdict replied_before_the_end(Flow *f, const FlowEvent *ev)
{
        if (request_state(f) != REQUEST_CLOSED ||
            str_equal(json_str_or(ev->data, "reply", "reject"), "reject"))
                return FLOW_STAY;
        take_theirs(f, ev);
        request_set_state(f, REQUEST_ANSWERED);
        show(f, ASK_PRIORITY_URGENT);
        return FLOW_STAY;
}

/* ---- open ---- */

static FlowVerdict answer(Flow *f, const FlowEvent *ev, const char *reply, const char *reason)
{
        json_t *data = flow_data(f);

        json_put_str(data, "reply", reply);
        json_put_str(data, "answered_by", json_str(ev->data, "user"));
        if (!str_empty(reason))
                json_put_str(data, "reason", reason);
        if (!json_str(data, "http_request_id"))
                return flow_go(f, &step_sending);
        return end(f, REQUEST_ANSWERED);
}

static FlowVerdict clicked(Flow *f, const FlowEvent *ev)
{
        const char *action = json_str_or(ev->data, "action_id", "");

        if (request_refuse(f, ev))
                return FLOW_STAY;
        if (str_equal(action, "permission.once"))
                return answer(f, ev, "once", NULL);
        if (str_equal(action, "permission.always"))
                return answer(f, ev, "always", NULL);
        if (str_equal(action, "permission.deny"))
                return answer(f, ev, "reject", NULL);
        if (!str_equal(action, "permission.deny_reason"))
                return FLOW_IGNORE;
        flow_ask(f, &(FlowAsk){
                            .verb = SLACK_VIEW_OPEN,
                            .tag = json_str_or(ev->data, "user", ""),
                            .args = json_pack("{s:s, s:o}", "trigger_id",
                                              json_str_or(ev->data, "trigger_id", ""), "view",
                                              card_permission_reason_view(flow_ref(f))),
                    });
        return FLOW_STAY;
}

/* Slack gives a form three seconds; when they have passed, another click opens it. */
static FlowVerdict form_opened(Flow *f, const FlowEvent *ev)
{
        PostedPlace place = request_place(f);

        if (ev->outcome != ASK_OK)
                say_ephemeral(
                        f, &place, ev->tag, ":hourglass:",
                        "The form could not be opened in time. Click \"Deny with a reason\" once more.");
        return FLOW_STAY;
}

static FlowVerdict on_open(Flow *f, const FlowEvent *ev)
{
        PostedPlace place = request_place(f);

        if (flow_event_is(ev, "request.asked")) {
                _cleanup_free_ char *what = NULL;

                if (json_at(flow_data(f), "permission"))
                        return FLOW_IGNORE; /* told again, by a reconciliation */
                request_begin(f, ev);
                what = what_for(json_at(flow_data(f), "permission"));
                request_tell_opened(f, what);
                show(f, ASK_PRIORITY_URGENT);
                if (json_int(flow_data(f), "expires_ms", 0) > 0)
                        flow_timer(f, "expire", json_int(flow_data(f), "expires_ms", 0) - flow_now_ms(f));
                return FLOW_STAY;
        }
        if (!json_at(flow_data(f), "permission"))
                return FLOW_FAILED; /* an answer to a request that was never told: nothing to show */
        switch (posted_take_result(f, SLOT_REQUEST, &place, ev)) {
        case POSTED_GONE: show(f, ASK_PRIORITY_URGENT); return FLOW_STAY;
        case POSTED_TAKEN:
                if (request_card_missing(f, ev))
                        show(f, ASK_PRIORITY_URGENT);
                return FLOW_STAY;
        case POSTED_OTHER: break;
        }
        if (flow_event_is(ev, "slack.action"))
                return clicked(f, ev);
        if (flow_event_is(ev, "slack.view"))
                return request_refuse(f, ev)
                               ? FLOW_STAY
                               : answer(f, ev, "reject", json_str(ev->data, "values.reason.text.value"));
        if (flow_event_is_ask(ev, SLACK_VIEW_OPEN, NULL))
                return form_opened(f, ev);
        if (flow_event_is(ev, "request.replied"))
                return replied_there(f, ev);
        if (flow_event_is(ev, "request.over") || request_is_forgotten(f, ev, "permission.id"))
                return end(f, REQUEST_CLOSED);
        if (flow_event_is_timer(ev, "expire"))
                return end(f, REQUEST_EXPIRED);
        return FLOW_IGNORE;
}
static const FlowStep step_open = {"open", on_open};

/* ---- sending ---- */

/* Our answer came to nothing, or nobody knows: what OpenCode says counts. */
static FlowVerdict told(Flow *f)
{
        const json_t *theirs = json_at(flow_data(f), "theirs");
        FlowEvent ev = {.name = "request.replied", .tag = "", .data = theirs};

        if (request_may_be_ours(f) && str_equal(json_str(theirs, "reply"), json_str(flow_data(f), "reply")))
                return end(f, REQUEST_ANSWERED);
        return replied_there(f, &ev);
}

static FlowVerdict on_sent(Flow *f, const FlowEvent *ev)
{
        if (request_is_answered(f, ev))
                return end(f, REQUEST_ANSWERED);
        return json_at(flow_data(f), "theirs") ? told(f) : FLOW_STAY;
}

static FlowVerdict on_sending(Flow *f, const FlowEvent *ev)
{
        PostedPlace place = request_place(f);

        if (flow_event_is_enter(ev)) {
                const json_t *data = flow_data(f);
                _cleanup_free_ char *lane = request_lane(f);
                json_t *args = json_pack("{s:s, s:s, s:s}", "directory", json_str_or(data, "directory", ""),
                                         "permission_id", json_str_or(data, "permission.id", ""), "reply",
                                         json_str_or(data, "reply", "reject"));

                if (json_str(data, "reason"))
                        json_put_str(args, "message", json_str(data, "reason"));
                flow_ask(f, &(FlowAsk){.verb = OPENCODE_PERMISSION_REPLY, .lane = lane, .args = args});
                request_set_state(f, REQUEST_SENDING);
                show(f, ASK_PRIORITY_URGENT);
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, OPENCODE_PERMISSION_REPLY, NULL))
                return on_sent(f, ev);
        if (flow_event_is(ev, "slack.action") || flow_event_is(ev, "slack.view")) {
                request_refuse(f, ev);
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "request.replied")) {
                /* Usually our own reply, told back. If it is not, OpenCode will refuse ours, and this says
                 * why. */
                json_object_set_new(flow_data(f), "theirs", json_deep_copy(ev->data));
                return json_str(flow_data(f), "undecided") ? told(f) : FLOW_STAY;
        }
        if (flow_event_is_timer(ev, "told")) /* nobody answered: it died with its turn */
                return end(f, REQUEST_CLOSED);
        return posted_take_result(f, SLOT_REQUEST, &place, ev) == POSTED_OTHER ? FLOW_IGNORE : FLOW_STAY;
}
static const FlowStep step_sending = {"sending", on_sending};

/* ---- over ---- */

static const char *http_status(Flow *f)
{
        switch (request_state(f)) {
        case REQUEST_ANSWERED: return json_str_or(flow_data(f), "reply", "reject");
        case REQUEST_EXPIRED: return "timeout";
        case REQUEST_OPEN:
        case REQUEST_SENDING:
        case REQUEST_CLOSED: break;
        }
        return "closed";
}

static FlowVerdict on_over(Flow *f, const FlowEvent *ev)
{
        PostedPlace place = request_place(f);

        if (flow_event_is_enter(ev)) {
                show(f, ASK_PRIORITY_URGENT);
                answer_http(f, http_status(f));
                request_tell_closed(f, NULL);
                flow_timer(f, "forget", REQUEST_KEPT_MS);
                return FLOW_STAY;
        }
        if (flow_event_is_timer(ev, "forget"))
                return FLOW_DONE;
        if (flow_event_is(ev, "slack.action") || flow_event_is(ev, "slack.view")) {
                request_refuse(f, ev);
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "request.replied"))
                return replied_before_the_end(f, ev);
        if (flow_event_is(ev,
                          "request.asked")) { /* the HTTP caller asks again, its first connection was lost */
                answer_http(f, http_status(f));
                return FLOW_STAY;
        }
        return posted_take_result(f, SLOT_REQUEST, &place, ev) == POSTED_OTHER ? FLOW_IGNORE : FLOW_STAY;
}
static const FlowStep step_over = {"over", on_over};

static const FlowStep *const steps[] = {&step_open, &step_sending, &step_over, NULL};
const FlowKind flow_kind_permission = {.name = "permission", .version = 1, .steps = steps};
