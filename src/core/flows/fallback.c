/* A turn whose model does not answer: the thread is asked what to do, and meanwhile the model is looked
 * after.
 *
 *   looking → offering → acting → over     somebody chose, or the model came back after the turn had ended
 *                │  ↘ standing ↗           it did not come back in time; the buttons go on working
 *                └→ over                   the turn went on, was stopped, or the conversation went on without
 * it
 *
 * While OpenCode itself goes on trying (`trying`), only its turn tells that the model is back: an endpoint
 * may list its models and still refuse to answer. When the turn has ended, a check that succeeds sends the
 * prompt once more; a prompt that fails after that is not sent a second time without a person.
 *
 * A click and the recovery are two events of one flow: the first one decides, the other finds it in another
 * step and is told what happened. The session has the last word: it knows whether this turn is still the one
 * that is meant. A flow in `over` stays for a month, so that a late click is answered. */
#include "core/flows/flows.h"

#include "core/cards-choice.h"
#include "core/models.h"
#include "core/posted.h"
#include "core/say.h"

#define SLOT_MESSAGE "message"
#define POLL_MS      (30 * 1000)
#define WAIT_MS      (120 * 1000)
#define KEPT_MS      (30LL * 24 * 3600 * 1000)

static const FlowStep step_offering, step_standing, step_acting, step_over;

static PostedPlace place_of(Flow *f)
{
        return (PostedPlace){.channel = json_str_or(flow_data(f), "channel", ""),
                             .thread_ts = json_str(flow_data(f), "thread_ts")};
}

static FallbackState state_of(Flow *f)
{
        const char *step = flow_step_name(f);

        return str_equal(step, "over")       ? FALLBACK_OVER
               : str_equal(step, "acting")   ? FALLBACK_SENDING
               : str_equal(step, "standing") ? FALLBACK_STANDING
                                             : FALLBACK_OPEN;
}

static json_t *message(Flow *f, FallbackState state)
{
        const json_t *data = flow_data(f), *profiles = json_at(data, "profiles");
        _cleanup_free_ char *label = models_label(profiles, json_str(data, "model")),
                            *target = models_label(profiles, json_str(data, "target"));
        _cleanup_json_ json_t *alternatives = models_alternatives(profiles, json_str(data, "model"));

        return card_fallback(&(FallbackCard){
                .ref = flow_ref(f),
                .state = state,
                .model = str_empty(label) ? "The model" : label,
                .why = json_str(data, "why"),
                .trying = json_bool(data, "trying"),
                .again = json_bool(data, "auto"),
                .alternatives = alternatives,
                .wait_ms = json_int(data, "timing.wait_ms", WAIT_MS),
                .outcome = json_str(data, "outcome"),
                .target = target,
                .user = json_str(data, "user"),
                .refused = json_str(data, "refused"),
        });
}

static void show(Flow *f, FallbackState state)
{
        PostedPlace place = place_of(f);

        posted_show(f, SLOT_MESSAGE, &place, message(f, state), ASK_PRIORITY_URGENT);
}

static void ask_models(Flow *f, bool failed)
{
        json_t *args = json_pack("{s:b, s:s}", "check", true, "directory",
                                 json_str_or(flow_data(f), "directory", ""));

        if (failed)
                json_object_set_new(args, "failed",
                                    json_pack("{s:s, s:s}", "model", json_str_or(flow_data(f), "model", ""),
                                              "why", json_str_or(flow_data(f), "why", "")));
        flow_ask(f, &(FlowAsk){.verb = GATEWAY_MODELS, .coalesce = "models", .args = args});
}

static FlowVerdict end(Flow *f, const char *outcome, const char *user)
{
        json_put_str(flow_data(f), "outcome", outcome);
        if (str_equal(outcome, "recovered") || str_equal(outcome, "answered"))
                flow_ask(f, &(FlowAsk){.verb = GATEWAY_MODELS,
                                       .args = json_pack("{s:s}", "worked",
                                                         json_str_or(flow_data(f), "model", ""))});
        if (user)
                json_put_str(flow_data(f), "user", user);
        return flow_go(f, &step_over);
}

/* ---- what every step understands ---- */

static bool take_posted(Flow *f, const FlowEvent *ev)
{
        PostedPlace place = place_of(f);

        switch (posted_take_result(f, SLOT_MESSAGE, &place, ev)) {
        case POSTED_GONE: show(f, state_of(f)); return true;
        case POSTED_TAKEN: return true;
        case POSTED_OTHER: break;
        }
        return false;
}

static bool refused(Flow *f, const FlowEvent *ev)
{
        PostedPlace place = place_of(f);

        if (!json_is_false(json_at(ev->data, "allowed")))
                return false;
        say_ephemeral(f, &place, json_str_or(ev->data, "user", ""),
                      ":no_entry:", json_str_or(ev->data, "why", "You may not do that here."));
        return true;
}

/* ---- offering, standing ---- */

static FlowVerdict act(Flow *f, const char *by, const char *user, const char *name)
{
        json_t *data = flow_data(f);
        const char *target = name ? models_resolve(json_at(data, "profiles"), name) : NULL;

        json_put_str(data, "by", by);
        if (user)
                json_put_str(data, "user", user);
        if (target) {
                json_put_str(data, "target", target);
                json_put_str(data, "target_name", name);
        }
        return flow_go(f, &step_acting);
}

static FlowVerdict clicked(Flow *f, const FlowEvent *ev)
{
        const char *action = json_str_or(ev->data, "action_id", ""),
                   *user = json_str_or(ev->data, "user", ""),
                   *colon = strchr(json_str_or(ev->data, "value", ""), ':');
        PostedPlace place = place_of(f);

        if (refused(f, ev))
                return FLOW_STAY;
        if (str_equal(action, "fallback.retry"))
                return act(f, "click", user, NULL);
        if (!str_starts_with(action, "fallback.switch") || !colon)
                return FLOW_IGNORE;
        if (models_resolve(json_at(flow_data(f), "profiles"), colon + 1))
                return act(f, "click", user, colon + 1);
        say_ephemeral(f, &place, user, ":grey_question:", "That profile is not configured any more.");
        return FLOW_STAY;
}

/* What the gateway says of the profiles. True: the model is back, and may be asked once more. */
static bool took_models(Flow *f, const FlowEvent *ev)
{
        json_t *data = flow_data(f);
        const json_t *profiles = json_at(ev->data, "profiles");
        _cleanup_json_ json_t *before =
                                      models_alternatives(json_at(data, "profiles"), json_str(data, "model")),
                              *after = NULL;

        if (ev->outcome != ASK_OK || !json_is_array(profiles))
                return false;
        json_object_set_new(data, "profiles", json_deep_copy(profiles));
        after = models_alternatives(profiles, json_str(data, "model"));
        if (posted_ts(f, SLOT_MESSAGE) && !json_equal(before, after))
                show(f, state_of(f));
        return str_equal(models_state_of(profiles, json_str(data, "model")), "healthy") &&
               !json_bool(data, "trying") && !json_bool(data, "auto");
}

static FlowVerdict on_waiting(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is(ev, "slack.action"))
                return clicked(f, ev);
        if (flow_event_is(ev, "fallback.over"))
                return end(f, json_str_or(ev->data, "what", "ended"), json_str(ev->data, "user"));
        if (flow_event_is(ev, "fallback.turn_over")) {
                json_object_set_new(flow_data(f), "trying", json_false());
                json_put_str(flow_data(f), "why",
                             json_str_or(ev->data, "why", json_str_or(flow_data(f), "why", "")));
                show(f, state_of(f));
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "fallback.begin"))
                return FLOW_STAY; /* known */
        return take_posted(f, ev) ? FLOW_STAY : FLOW_IGNORE;
}

static FlowVerdict begin(Flow *f, const FlowEvent *ev)
{
        static const char *const copied[] = {"session",   "channel",  "thread_ts", "turn",
                                             "directory", "model",    "why",       "trying",
                                             "auto",      "profiles", "timing"};

        for (size_t i = 0; i < ELEMENTSOF(copied); i++)
                if (json_at(ev->data, copied[i]))
                        json_object_set_new(flow_data(f), copied[i],
                                            json_deep_copy(json_at(ev->data, copied[i])));
        ask_models(f, true);
        return FLOW_STAY;
}

/* Which other profile answers is found out first: a button that leads nowhere helps nobody. */
static FlowVerdict on_looking(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is(ev, "fallback.begin") && json_object_size(flow_data(f)) == 0)
                return begin(f, ev);
        if (json_object_size(flow_data(f)) == 0)
                return FLOW_FAILED; /* the end of something that was never told */
        if (flow_event_is(ev, "fallback.over"))
                return FLOW_DONE; /* before anybody was asked */
        if (flow_event_is(ev, "fallback.turn_over")) {
                json_object_set_new(flow_data(f), "trying", json_false());
                return FLOW_STAY;
        }
        if (!flow_event_is_ask(ev, GATEWAY_MODELS, NULL))
                return flow_event_is(ev, "fallback.begin") ? FLOW_STAY : FLOW_IGNORE;
        took_models(f, ev);
        return flow_go(f, &step_offering);
}
static const FlowStep step_looking = {"looking", on_looking};

static FlowVerdict on_offering(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is_enter(ev)) {
                show(f, FALLBACK_OPEN);
                flow_timer(f, "poll", json_int(flow_data(f), "timing.poll_ms", POLL_MS));
                flow_timer(f, "wait", json_int(flow_data(f), "timing.wait_ms", WAIT_MS));
                return FLOW_STAY;
        }
        if (flow_event_is_timer(ev, "poll")) {
                ask_models(f, false);
                flow_timer(f, "poll", json_int(flow_data(f), "timing.poll_ms", POLL_MS));
                return FLOW_STAY;
        }
        if (flow_event_is_timer(ev, "wait"))
                return flow_go(f, &step_standing);
        if (flow_event_is_ask(ev, GATEWAY_MODELS, NULL))
                return took_models(f, ev) ? act(f, "recovery", NULL, NULL) : FLOW_STAY;
        return on_waiting(f, ev);
}
static const FlowStep step_offering = {"offering", on_offering};

static FlowVerdict on_standing(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is_enter(ev)) {
                show(f, FALLBACK_STANDING);
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, GATEWAY_MODELS,
                              NULL)) { /* asked for before; nobody waits for it any more */
                took_models(f, ev);
                return FLOW_STAY;
        }
        return on_waiting(f, ev);
}
static const FlowStep step_standing = {"standing", on_standing};

/* ---- acting ---- */

static const char *outcome_of(Flow *f)
{
        return json_str(flow_data(f), "target") ? "switched" : "retried";
}

static FlowVerdict on_acting(Flow *f, const FlowEvent *ev)
{
        const json_t *data = flow_data(f);

        if (flow_event_is_enter(ev)) {
                _cleanup_free_ char *session = mem_printf("flow:%s", json_str_or(data, "session", "")),
                                    *own = mem_printf("flow:%s", flow_ref(f));
                json_t *args = json_pack(
                        "{s:s, s:I, s:s, s:s}", "from", own, "turn", (json_int_t) json_int(data, "turn", 0),
                        "by", json_str_or(data, "by", "click"), "user", json_str_or(data, "user", ""));

                if (json_str(data, "target_name"))
                        json_put_str(args, "model", json_str(data, "target_name"));
                flow_send(f, session, "fallback.act", args);
                show(f, FALLBACK_SENDING);
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "fallback.acted")) {
                if (json_bool(ev->data, "ok"))
                        return end(f, outcome_of(f), NULL);
                json_put_str(flow_data(f), "refused",
                             json_str_or(ev->data, "why", "Nothing was sent again."));
                return end(f, "refused", NULL);
        }
        /* The turn ended by itself before it could be aborted; or somebody stopped it. */
        if (flow_event_is(ev, "fallback.over")) {
                json_object_del(flow_data(f), "user");
                return end(f, json_str_or(ev->data, "what", "ended"), json_str(ev->data, "user"));
        }
        if (flow_event_is(ev, "slack.action")) {
                PostedPlace place = place_of(f);

                if (!refused(f, ev))
                        say_ephemeral(f, &place, json_str_or(ev->data, "user", ""), NULL,
                                      "Somebody was faster: the prompt is being sent again already.");
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, GATEWAY_MODELS, NULL) || flow_event_is(ev, "fallback.begin") ||
            flow_event_is(ev, "fallback.turn_over"))
                return FLOW_STAY;
        return take_posted(f, ev) ? FLOW_STAY : FLOW_IGNORE;
}
static const FlowStep step_acting = {"acting", on_acting};

/* ---- over ---- */

static void tell_late(Flow *f, const FlowEvent *ev)
{
        const json_t *data = flow_data(f);
        const char *outcome = json_str_or(data, "outcome", "ended"), *user = json_str(data, "user"),
                   *why = str_equal(outcome, "switched")  ? "Another model was chosen already"
                          : str_equal(outcome, "retried") ? "The prompt was sent again already"
                          : str_equal(outcome, "recovered") || str_equal(outcome, "answered")
                                  ? "The model answers again; nothing was sent"
                                  : "This is over; nothing was sent";
        _cleanup_free_ char *text = mem_printf("%s%s", why, user ? " by" : ".");
        PostedPlace place = place_of(f);

        if (!refused(f, ev))
                say_ephemeral_message(f, &place, json_str_or(ev->data, "user", ""),
                                      card_notice_by(NULL, text, user));
}

static FlowVerdict on_over(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is_enter(ev)) {
                show(f, FALLBACK_OVER);
                flow_timer(f, "forget", KEPT_MS);
                return FLOW_STAY;
        }
        if (flow_event_is_timer(ev, "forget"))
                return FLOW_DONE;
        if (flow_event_is(ev, "slack.action")) {
                tell_late(f, ev);
                return FLOW_STAY;
        }
        /* It had come back, and is gone again in the same turn. */
        if (flow_event_is(ev, "fallback.begin") &&
            str_equal(json_str(flow_data(f), "outcome"), "recovered")) {
                json_put_str(flow_data(f), "why", json_str_or(ev->data, "why", ""));
                json_object_set_new(flow_data(f), "trying", json_boolean(json_bool(ev->data, "trying")));
                json_object_del(flow_data(f), "outcome");
                return flow_go(f, &step_offering);
        }
        if (flow_event_is_ask(ev, GATEWAY_MODELS, NULL) || flow_event_is(ev, "fallback.begin") ||
            flow_event_is(ev, "fallback.over") || flow_event_is(ev, "fallback.turn_over") ||
            flow_event_is(ev, "fallback.acted"))
                return FLOW_STAY;
        return take_posted(f, ev) ? FLOW_STAY : FLOW_IGNORE;
}
static const FlowStep step_over = {"over", on_over};

static const FlowStep *const steps[] = {&step_looking, &step_offering, &step_standing,
                                        &step_acting,  &step_over,     NULL};
const FlowKind flow_kind_fallback = {.name = "fallback", .version = 1, .steps = steps};
