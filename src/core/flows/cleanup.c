/* The removal of one workspace: what would go is shown, somebody decides, it goes.
 *
 *   looking → offered → removing → over
 *      ↑_________|  ↑_______|  (tried again; changed meanwhile)
 *
 * Nothing is removed unless a person said so after having seen what would be lost, and work that is nowhere
 * else only when they have typed the names of the repositories that it is in. */
#include "core/flows/flows.h"

#include "connectors/slack/slack-asks.h"
#include "core/cards-cleanup.h"
#include "core/posted.h"
#include "core/say.h"
#include "integrations/workspace/workspace-asks.h"

#define SLOT_CLEANUP    "card"
#define OFFER_STANDS_MS (24LL * 3600 * 1000)

static const FlowStep step_offered, step_removing, step_over;

static PostedPlace place_of(Flow *f)
{
        return (PostedPlace){.channel = json_str_or(flow_data(f), "channel", ""),
                             .thread_ts = json_str(flow_data(f), "thread_ts")};
}

static void show(Flow *f, CleanupState state, AskPriority priority)
{
        const json_t *data = flow_data(f);
        PostedPlace place = place_of(f);

        posted_show(f, SLOT_CLEANUP, &place,
                    card_cleanup(&(CleanupCard){
                            .ref = flow_ref(f),
                            .state = state,
                            .name = json_str_or(data, "workspace.name", ""),
                            .inspection = json_at(data, "inspection"),
                            .removed = json_at(data, "removed"),
                            .at = json_str(data, "at"),
                            .error = json_str(data, "error"),
                            .by = json_str(data, "by"),
                    }),
                    priority);
}

static void tell(Flow *f, const FlowEvent *ev, const char *text)
{
        PostedPlace place = place_of(f);

        say_ephemeral(f, &place, json_str_or(ev->data, "user", ""), ":broom:", text);
}

static const char *workspace_path(Flow *f)
{
        return json_str_or(flow_data(f), "workspace.path", "");
}

static void look(Flow *f)
{
        json_put_str(flow_data(f), "error", NULL);
        show(f, CLEANUP_LOOKING, ASK_PRIORITY_NORMAL);
        flow_ask(f, &(FlowAsk){.verb = WORKSPACE_INSPECT,
                               .coalesce = "inspect",
                               .args = json_pack("{s:s}", "path", workspace_path(f))});
}

/* ---- looking ---- */

static FlowVerdict looked(Flow *f, const FlowEvent *ev)
{
        if (ev->outcome == ASK_OK) {
                json_object_set_new(flow_data(f), "inspection", json_deep_copy(ev->data));
                return flow_go(f, &step_offered);
        }
        json_put_str(flow_data(f), "error", json_str_or(ev->data, "message", "it cannot be looked at"));
        return flow_go(f, &step_offered);
}

static FlowVerdict on_looking(Flow *f, const FlowEvent *ev)
{
        PostedPlace place = place_of(f);

        if (flow_event_is(ev, "cleanup.begin")) {
                if (json_at(flow_data(f), "workspace")) {
                        tell(f, ev, "This workspace is being looked at already; its card is in the thread.");
                        return FLOW_STAY;
                }
                json_object_update_missing(flow_data(f), (json_t *) ev->data);
                look(f);
                return FLOW_STAY;
        }
        if (!json_at(flow_data(f), "workspace"))
                return FLOW_FAILED;
        if (flow_event_is_enter(ev)) {
                look(f);
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, WORKSPACE_INSPECT, NULL))
                return looked(f, ev);
        return posted_take_result(f, SLOT_CLEANUP, &place, ev) == POSTED_OTHER ? FLOW_IGNORE : FLOW_STAY;
}
static const FlowStep step_looking = {"looking", on_looking};

/* ---- offered ---- */

static FlowVerdict decide(Flow *f, const FlowEvent *ev, json_t *confirm /* stolen */)
{
        json_put_str(flow_data(f), "by", json_str(ev->data, "user"));
        json_object_set_new(flow_data(f), "confirm", confirm);
        return flow_go(f, &step_removing);
}

static FlowVerdict confirmed(Flow *f, const FlowEvent *ev)
{
        json_t *at_risk = cleanup_at_risk(json_at(flow_data(f), "inspection"));
        _cleanup_free_ char *wrong =
                cleanup_check_names(at_risk, json_str(ev->data, "values.names.text.value"));

        if (!wrong)
                return decide(f, ev, at_risk);
        json_decref(at_risk);
        tell(f, ev, wrong);
        return FLOW_STAY;
}

static FlowVerdict clicked(Flow *f, const FlowEvent *ev)
{
        const char *action = json_str_or(ev->data, "action_id", "");

        if (!json_bool(ev->data, "allowed")) {
                tell(f, ev, json_str_or(ev->data, "why", "You may not do that here."));
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "slack.view"))
                return confirmed(f, ev);
        if (str_equal(action, "cleanup.keep")) {
                json_put_str(flow_data(f), "by", json_str(ev->data, "user"));
                json_put_str(flow_data(f), "end", "kept");
                return flow_go(f, &step_over);
        }
        if (str_equal(action, "cleanup.retry"))
                return flow_go(f, &step_looking);
        if (str_equal(action, "cleanup.confirm"))
                flow_ask(f, &(FlowAsk){.verb = SLACK_VIEW_OPEN,
                                       .args = json_pack(
                                               "{s:s, s:o}", "trigger_id",
                                               json_str_or(ev->data, "trigger_id", ""), "view",
                                               card_cleanup_view(flow_ref(f),
                                                                 json_at(flow_data(f), "inspection")))});
        else if (str_equal(action, "cleanup.remove") &&
                 !json_bool(json_at(flow_data(f), "inspection"), "at_risk"))
                return decide(f, ev, json_array());
        return FLOW_STAY;
}

static FlowVerdict on_offered(Flow *f, const FlowEvent *ev)
{
        PostedPlace place = place_of(f);

        if (flow_event_is_enter(ev)) {
                show(f, json_str(flow_data(f), "error") ? CLEANUP_FAILED : CLEANUP_OFFERED,
                     ASK_PRIORITY_URGENT);
                flow_timer(f, "stands", OFFER_STANDS_MS);
                return FLOW_STAY;
        }
        if (flow_event_is_timer(ev, "stands")) {
                json_put_str(flow_data(f), "end", "kept");
                return flow_go(f, &step_over);
        }
        if (flow_event_is(ev, "slack.action") || flow_event_is(ev, "slack.view"))
                return clicked(f, ev);
        if (flow_event_is(ev, "cleanup.begin")) /* asked for again: it may have changed */
                return flow_go(f, &step_looking);
        if (flow_event_is_ask(ev, SLACK_VIEW_OPEN, NULL)) {
                if (ev->outcome != ASK_OK) {
                        PostedPlace thread = place_of(f);

                        say_in_thread(f, &thread,
                                      ":warning:", "The form could not be opened. Press the button again.");
                }
                return FLOW_STAY;
        }
        return posted_take_result(f, SLOT_CLEANUP, &place, ev) == POSTED_OTHER ? FLOW_IGNORE : FLOW_STAY;
}
static const FlowStep step_offered = {"offered", on_offered};

/* ---- removing ---- */

static void remove_it(Flow *f)
{
        _cleanup_free_ char *self = mem_printf("flow:%s", flow_ref(f));

        flow_ask(f, &(FlowAsk){.verb = WORKSPACE_REMOVE,
                               .args = json_pack("{s:s, s:O, s:s}", "path", workspace_path(f), "confirm",
                                                 json_at(flow_data(f), "confirm"), "progress", self)});
}

static FlowVerdict removed(Flow *f, const FlowEvent *ev)
{
        json_t *data = flow_data(f);

        json_object_del(data, "at");
        if (ev->outcome == ASK_OK) {
                _cleanup_free_ char *session = mem_printf("flow:%s", json_str_or(data, "session", ""));

                json_object_set_new(data, "removed", json_deep_copy(ev->data));
                json_put_str(data, "end", "removed");
                flow_send(f, session, "session.cleaned", json_pack("{s:s}", "path", workspace_path(f)));
                return flow_go(f, &step_over);
        }
        /* Somebody worked in it since it was looked at: what would be lost now is shown. */
        if (str_equal(json_str(ev->data, "error"), "would_lose_work") && json_at(ev->data, "inspection"))
                json_object_set_new(data, "inspection", json_deep_copy(json_at(ev->data, "inspection")));
        else
                json_put_str(data, "error", json_str_or(ev->data, "message", "it could not be removed"));
        json_put_str(data, "by", NULL);
        return flow_go(f, &step_offered);
}

static FlowVerdict on_removing(Flow *f, const FlowEvent *ev)
{
        PostedPlace place = place_of(f);

        if (flow_event_is_enter(ev)) {
                show(f, CLEANUP_REMOVING, ASK_PRIORITY_NORMAL);
                remove_it(f);
                return FLOW_STAY;
        }
        if (flow_event_is(ev, WORKSPACE_PROGRESS)) {
                _cleanup_free_ char *at = mem_printf("%s (%d of %d)", json_str_or(ev->data, "repository", ""),
                                                     (int) json_int(ev->data, "index", 1),
                                                     (int) json_int(ev->data, "total", 1));

                json_put_str(flow_data(f), "at", at);
                show(f, CLEANUP_REMOVING, ASK_PRIORITY_PROGRESS);
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, WORKSPACE_REMOVE, NULL))
                return removed(f, ev);
        if (flow_event_is(ev, "slack.action") || flow_event_is(ev, "slack.view")) {
                tell(f, ev, "It is being removed already.");
                return FLOW_STAY;
        }
        return posted_take_result(f, SLOT_CLEANUP, &place, ev) == POSTED_OTHER ? FLOW_IGNORE : FLOW_STAY;
}
static const FlowStep step_removing = {"removing", on_removing};

/* ---- over ---- */

static FlowVerdict on_over(Flow *f, const FlowEvent *ev)
{
        PostedPlace place = place_of(f);

        if (flow_event_is_enter(ev)) {
                _cleanup_free_ char *own =
                        mem_printf("cleanup:%s", json_str_or(flow_data(f), "workspace.name", ""));

                /* The name may be looked at again, or belong to another workspace one day. */
                flow_address_remove(f, own);
                show(f, str_equal(json_str(flow_data(f), "end"), "removed") ? CLEANUP_REMOVED : CLEANUP_KEPT,
                     ASK_PRIORITY_URGENT);
                flow_timer(f, "forget", OFFER_STANDS_MS);
                return FLOW_STAY;
        }
        if (flow_event_is_timer(ev, "forget"))
                return FLOW_DONE;
        if (flow_event_is(ev, "slack.action") || flow_event_is(ev, "slack.view")) {
                tell(f, ev, "This has been decided already. `!cleanup` looks again.");
                return FLOW_STAY;
        }
        return posted_take_result(f, SLOT_CLEANUP, &place, ev) == POSTED_OTHER ? FLOW_IGNORE : FLOW_STAY;
}
static const FlowStep step_over = {"over", on_over};

static const FlowStep *const steps[] = {&step_looking, &step_offered, &step_removing, &step_over, NULL};
const FlowKind flow_kind_cleanup = {.name = "cleanup", .version = 1, .steps = steps};
