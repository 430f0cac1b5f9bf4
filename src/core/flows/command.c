/* A command that asks or tells: help, status, list, stop, model, agent, retry. (`start` is a flow of its
 * own.) Slash commands do not work in threads, so what is about one session has to find out which is meant:
 * the only one that runs, for model, agent and retry else the person's only one in the channel; else the
 * person says it in the thread. In threads some of them are said as `!word`: then there is no response_url.
 */
#include "core/flows/flows.h"

#include <strings.h>

#include "connectors/slack/slack-asks.h"
#include "core/cards-list.h"
#include "core/command.h"
#include "core/say.h"
#include "core/session.h"

static const FlowStep step_reading, step_listing, step_saying;

static FlowVerdict say(Flow *f, json_t *message /* stolen */)
{
        const json_t *data = flow_data(f);
        PostedPlace place = {.channel = json_str_or(data, "channel", ""),
                             .thread_ts = json_str(data, "thread_ts")};

        if (json_str(data, "response_url"))
                say_response(f, json_str(data, "response_url"), message);
        else
                say_ephemeral_message(f, &place, json_str_or(data, "user", ""), message);
        return flow_go(f, &step_saying);
}

/* A person's focus is theirs to know: their flow answers. */
static FlowVerdict ask_focus(Flow *f, const char *word)
{
        const char *user = json_str_or(flow_data(f), "user", "");
        _cleanup_free_ char *address = mem_printf("person:%s", user);

        flow_spawn(f, "person", address, "focus.asked",
                   json_pack("{s:s, s:s, s:s}", "user", user, "focus", word, "response_url",
                             json_str_or(flow_data(f), "response_url", "")));
        return FLOW_DONE;
}

static bool is_choice(CommandVerb verb)
{
        return verb == COMMAND_MODEL || verb == COMMAND_AGENT || verb == COMMAND_RETRY;
}

static FlowVerdict on_reading(Flow *f, const FlowEvent *ev)
{
        Command c;

        if (!flow_event_is(ev, "slack.command"))
                return FLOW_IGNORE;
        json_object_update_missing(flow_data(f), (json_t *) ev->data);
        c = command_parse(json_str_or(ev->data, "text", ""));
        if (c.verb == COMMAND_FOCUS)
                return ask_focus(f, c.rest);
        if (c.verb == COMMAND_LIST || c.verb == COMMAND_STATUS || c.verb == COMMAND_STOP ||
            c.verb == COMMAND_CLEANUP || is_choice(c.verb))
                return flow_go(f, &step_listing);
        return say(f, card_help(json_str_or(ev->data, "command", "/opencode"), false));
}
static const FlowStep step_reading = {"reading", on_reading};

/* ---- listing ---- */

static bool is_running(const json_t *session)
{
        return json_is_object(json_at(session, "data.turn"));
}

static bool has_workspace(const json_t *session)
{
        return json_is_object(json_at(session, "data.workspace"));
}

static ListModel model_of(Flow *f, const json_t *sessions, bool everybody, bool busy_only)
{
        return (ListModel){.sessions = sessions,
                           .user = json_str(flow_data(f), "user"),
                           .everybody = everybody,
                           .busy_only = busy_only,
                           .now_ms = flow_now_ms(f)};
}

static bool is_all(const char *word)
{
        return strcasecmp(word, "all") == 0 || strcasecmp(word, "-a") == 0;
}

/* ---- status ---- */

static FlowVerdict show(Flow *f, const json_t *session)
{
        return say(f, session_card_of(json_at(session, "data"), json_str_or(session, "ref", ""),
                                      flow_now_ms(f)));
}

/* By number or title, among one's own and then among all. */
static FlowVerdict status_of(Flow *f, const json_t *sessions, const char *what)
{
        ListModel own = model_of(f, sessions, false, false), all = model_of(f, sessions, true, false);
        _cleanup_json_ json_t *ordered = list_order(&own), *every = list_order(&all);
        bool many = false;
        const json_t *session = list_pick(ordered, what, &many);

        if (!session && !many)
                session = list_pick(every, what, &many);
        if (session)
                return show(f, session);
        return say(
                f,
                card_notice(
                        NULL,
                        many ? "Several sessions have that in their title. `list` shows their numbers."
                             : "There is no session with that number or title. `list` shows what there is."));
}

/* The only one at work in this channel, or of this person at all; else what there is. */
static FlowVerdict status_here(Flow *f, const json_t *sessions)
{
        ListModel busy = model_of(f, sessions, true, true), own = model_of(f, sessions, false, true);
        _cleanup_json_ json_t *ordered = list_order(&busy), *mine = list_order(&own);
        const json_t *here = NULL, *session;
        size_t i, n = 0;

        json_array_foreach (ordered, i, session)
                if (str_equal(json_str(session, "data.channel"), json_str(flow_data(f), "channel"))) {
                        here = session;
                        n++;
                }
        if (n == 1)
                return show(f, here);
        if (n == 0 && json_array_size(mine) == 1)
                return show(f, json_array_get(mine, 0));
        return say(f, card_list(&own));
}

/* ---- stop, cleanup ---- */

/* The only session that `is_meant`; otherwise the person has been told. */
static const json_t *the_one(Flow *f, const json_t *sessions, bool (*is_meant)(const json_t *session),
                             const char *none, const char *several)
{
        const json_t *only = NULL;
        size_t i, n = 0;
        json_t *s;

        json_array_foreach ((json_t *) sessions, i, s)
                if (is_meant(s)) {
                        only = s;
                        n++;
                }
        if (n == 1)
                return only;
        say(f, card_notice(NULL, n == 0 ? none : several));
        return NULL;
}

/* Tells the session what its `!word` would tell it. */
static FlowVerdict forward(Flow *f, const json_t *session, const char *event, const char *emoji,
                           const char *what)
{
        _cleanup_free_ char *address = mem_printf("flow:%s", json_str_or(session, "ref", ""));
        _cleanup_free_ char *text = mem_printf("%s: %s", what, json_str_or(session, "data.title", "Task"));

        flow_send(f, address, event, json_pack("{s:s}", "user", json_str_or(flow_data(f), "user", "")));
        return say(f, card_notice(emoji, text));
}

static FlowVerdict stop_the_one(Flow *f, const json_t *sessions)
{
        const json_t *session = the_one(f, sessions, is_running, "Nothing is running.",
                                        "Several sessions are running. Say `!stop` in the thread of the one "
                                        "you mean, or press Stop on its card.");

        return session ? forward(f, session, "session.stop", ":octagonal_sign:", "Stopping")
                       : flow_go(f, &step_saying);
}

static FlowVerdict clean_the_one(Flow *f, const json_t *sessions)
{
        const json_t *session =
                the_one(f, sessions, has_workspace, "No session has a workspace.",
                        "Several sessions have a workspace. Say `!cleanup` in the thread of the "
                        "one you mean.");

        return session ? forward(f, session, "session.cleanup",
                                 ":broom:", "What would go is shown in its thread")
                       : flow_go(f, &step_saying);
}

/* The session that somebody means who cannot say it: the only one of theirs at work, else their only one in
 * this channel. NULL: there is none, or (*ret_n > 1) there are several. */
static const json_t *meant(Flow *f, const json_t *sessions, size_t *ret_n)
{
        const char *user = json_str(flow_data(f), "user"), *channel = json_str(flow_data(f), "channel");
        const json_t *found[2] = {NULL, NULL};
        size_t n[2] = {0, 0}, i;
        json_t *s;

        json_array_foreach ((json_t *) sessions, i, s) {
                if (!str_equal(json_str(s, "data.user"), user))
                        continue;
                if (is_running(s)) {
                        found[0] = s;
                        n[0]++;
                }
                if (str_equal(json_str(s, "data.channel"), channel)) {
                        found[1] = s;
                        n[1]++;
                }
        }
        *ret_n = n[0] > 0 ? n[0] : n[1];
        return *ret_n == 1 ? found[n[0] > 0 ? 0 : 1] : NULL;
}

static FlowVerdict choose(Flow *f, const json_t *sessions, const Command *c)
{
        static const char *const words[] = {
                [COMMAND_MODEL] = "model", [COMMAND_AGENT] = "agent", [COMMAND_RETRY] = "retry"};
        const char *word = words[c->verb], *user = json_str_or(flow_data(f), "user", "");
        _cleanup_free_ char *address = NULL, *text = NULL;
        size_t n;
        const json_t *session = meant(f, sessions, &n);

        if (!session) {
                text = n == 0 ? mem_strdup("You have no session here. `start` and a task begins one.")
                              : mem_printf(
                                        "You have several sessions. Say `!%s%s%.60s` in the thread of the one you "
                                        "mean.",
                                        word, *c->rest ? " " : "", c->rest);
                return say(f, card_notice(NULL, text));
        }
        address = mem_printf("flow:%s", json_str_or(session, "ref", ""));
        if (c->verb == COMMAND_RETRY)
                flow_send(f, address, "session.retry", json_pack("{s:s}", "user", user));
        else
                flow_send(f, address, "session.choose",
                          json_pack("{s:s, s:s, s:s}", "what", word, "name", c->rest, "user", user));
        text = mem_printf("In its thread: %s", json_str_or(session, "data.title", "Task"));
        return say(f, card_notice(NULL, text));
}

static FlowVerdict on_listing(Flow *f, const FlowEvent *ev)
{
        const json_t *sessions = json_at(ev->data, "sessions");
        Command c = command_parse(json_str_or(flow_data(f), "text", ""));
        ListModel list;

        if (flow_event_is_enter(ev)) {
                flow_ask(f, &(FlowAsk){.verb = GATEWAY_SESSIONS});
                return FLOW_STAY;
        }
        if (!flow_event_is_ask(ev, GATEWAY_SESSIONS, NULL))
                return FLOW_IGNORE;
        if (c.verb == COMMAND_STOP)
                return stop_the_one(f, sessions);
        if (is_choice(c.verb))
                return choose(f, sessions, &c);
        if (c.verb == COMMAND_CLEANUP)
                return clean_the_one(f, sessions);
        if (c.verb == COMMAND_STATUS)
                return *c.rest ? status_of(f, sessions, c.rest) : status_here(f, sessions);
        list = model_of(f, sessions, is_all(c.rest), false);
        return say(f, card_list(&list));
}
static const FlowStep step_listing = {"listing", on_listing};

/* ---- saying ---- */

static FlowVerdict on_saying(Flow *f, const FlowEvent *ev)
{
        return flow_event_is_ask(ev, SLACK_RESPOND, NULL) || flow_event_is_ask(ev, SLACK_EPHEMERAL, NULL)
                       ? FLOW_DONE
                       : FLOW_IGNORE;
}
static const FlowStep step_saying = {"saying", on_saying};

static const FlowStep *const steps[] = {&step_reading, &step_listing, &step_saying, NULL};
const FlowKind flow_kind_command = {.name = "command", .version = 1, .steps = steps};
