/* One person: the app's own page, and where they want to be told of things. The row stays for good, as small
 * as it is.
 *
 * Slack tells when the page is opened, and never when it is left. For a while after it was opened it follows
 * what happens in this person's sessions, at most once every few seconds; what is shown already is not sent
 * again. */
#include "core/flows/flows.h"

#include "base/digest.h"
#include "connectors/slack/slack-asks.h"
#include "core/cards.h"
#include "core/home.h"
#include "core/say.h"

#define FOLLOWED_MS (15LL * 60 * 1000)
#define REFRESH_MS  3000
#define PAGES_MAX   50

static const FlowStep step_here;

static void ask_sessions(Flow *f)
{
        flow_ask(f, &(FlowAsk){.verb = GATEWAY_SESSIONS,
                               .coalesce = "sessions",
                               .args = json_pack("{s:s}", "user", json_str_or(flow_data(f), "user", ""))});
}

static void publish(Flow *f, const json_t *sessions)
{
        json_t *data = flow_data(f);
        json_t *view = home_view(&(HomeModel){.ref = flow_ref(f),
                                              .user = json_str_or(data, "user", ""),
                                              .sessions = sessions,
                                              .focus = json_str_or(data, "focus", "auto"),
                                              .command = json_str_or(data, "command", "/opencode"),
                                              .page = (size_t) json_int(data, "page", 0),
                                              .now_ms = flow_now_ms(f)});
        _cleanup_free_ char *text = json_dump(view);
        char digest[UUID_SIZE];

        uuid5(text, digest);
        if (str_equal(digest, json_str(data, "shown"))) {
                json_decref(view);
                return;
        }
        json_put_str(data, "shown", digest);
        flow_ask(f, &(FlowAsk){.verb = SLACK_VIEW_PUBLISH,
                               .coalesce = "publish",
                               .args = json_pack("{s:s, s:o}", "user", json_str_or(data, "user", ""), "view",
                                                 view)});
}

static FlowVerdict opened(Flow *f, const FlowEvent *ev)
{
        json_t *data = flow_data(f);

        json_put_int(data, "opened_ms", flow_now_ms(f));
        json_put_int(data, "page", 0);
        json_object_del(data, "shown"); /* Slack may have forgotten it: shown anew */
        if (json_str(ev->data, "command"))
                json_put_str(data, "command", json_str(ev->data, "command"));
        if (json_at(ev->data, "defaults"))
                json_object_set_new(data, "defaults", json_deep_copy(json_at(ev->data, "defaults")));
        ask_sessions(f);
        return FLOW_STAY;
}

static void start_task(Flow *f, const FlowEvent *ev)
{
        const char *trigger_id = json_str_or(ev->data, "trigger_id", "");
        _cleanup_free_ char *address = mem_printf("cut:%s", trigger_id);
        json_t *asked = json_pack("{s:s, s:s, s:s}", "user", json_str_or(flow_data(f), "user", ""), "text",
                                  "", "trigger_id", trigger_id);

        if (json_at(flow_data(f), "defaults"))
                json_object_set(asked, "defaults", (json_t *) json_at(flow_data(f), "defaults"));
        flow_spawn(f, "start", address, "start.asked", asked);
}

static void set_focus(Flow *f, const char *word)
{
        if (home_is_focus(word))
                json_put_str(flow_data(f), "focus", word);
}

static FlowVerdict clicked(Flow *f, const FlowEvent *ev)
{
        const char *action = json_str_or(ev->data, "action_id", ""),
                   *value = json_str_or(ev->data, "value", ""), *argument = strchr(value, ':');

        if (json_is_false(json_at(ev->data, "allowed")))
                return FLOW_STAY; /* the page of somebody who was taken off the list */
        if (str_equal(action, "home.start")) {
                start_task(f, ev);
                return FLOW_STAY;
        }
        if (str_equal(action, "home.focus") && argument)
                set_focus(f, argument + 1);
        if (str_starts_with(action, "home.more") && argument)
                json_put_int(flow_data(f), "page",
                             (int64_t) MIN2(strtoul(argument + 1, NULL, 10), (unsigned long) PAGES_MAX));
        json_put_int(flow_data(f), "opened_ms", flow_now_ms(f));
        ask_sessions(f);
        return FLOW_STAY;
}

/* `/opencode focus …`: without a word it tells, with one it sets. */
static FlowVerdict focus_asked(Flow *f, const FlowEvent *ev)
{
        const char *word = json_str_or(ev->data, "focus", "");
        _cleanup_free_ char *text = NULL;

        set_focus(f, word);
        text = *word && !home_is_focus(word)
                       ? mem_strdup("I know `focus slack`, `focus web` and `focus auto`.")
                       : mem_printf("Your focus is `%s`.", json_str_or(flow_data(f), "focus", "auto"));
        say_response(f, json_str_or(ev->data, "response_url", ""), card_notice(":dart:", text));
        return FLOW_STAY;
}

static FlowVerdict on_here(Flow *f, const FlowEvent *ev)
{
        json_t *data = flow_data(f);

        if (!json_str(data, "user") && json_str(ev->data, "user"))
                json_put_str(data, "user", json_str(ev->data, "user"));
        if (flow_event_is(ev, "home.opened"))
                return opened(f, ev);
        if (flow_event_is(ev, "home.changed")) {
                if (flow_now_ms(f) - json_int(data, "opened_ms", 0) < FOLLOWED_MS &&
                    !json_bool(data, "due")) {
                        json_object_set_new(data, "due", json_true());
                        flow_timer(f, "refresh", REFRESH_MS);
                }
                return FLOW_STAY;
        }
        if (flow_event_is_timer(ev, "refresh")) {
                json_object_del(data, "due");
                ask_sessions(f);
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, GATEWAY_SESSIONS, NULL)) {
                if (ev->outcome == ASK_OK)
                        publish(f, json_at(ev->data, "sessions"));
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, SLACK_VIEW_PUBLISH, NULL)) {
                if (ev->outcome != ASK_OK)
                        json_object_del(data, "shown");
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "slack.action"))
                return clicked(f, ev);
        if (flow_event_is(ev, "focus.asked"))
                return focus_asked(f, ev);
        return FLOW_IGNORE;
}
static const FlowStep step_here = {"here", on_here};

static const FlowStep *const steps[] = {&step_here, NULL};
const FlowKind flow_kind_person = {.name = "person", .version = 1, .steps = steps};
