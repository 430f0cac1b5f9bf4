/* A slash command that asks or tells: help, status, list, stop. (`start` is a session's first event.) Slash
 * commands do not work in threads, so `stop` has to find out which session is meant: the only one that runs,
 * else the person chooses from the list. */
#include "core/flows/flows.h"

#include "connectors/slack/slack-asks.h"
#include "core/cards.h"
#include "core/command.h"
#include "core/say.h"

#define LIST_MAX 15

static const FlowStep step_reading, step_listing, step_saying;

static FlowVerdict say(Flow *f, json_t *message /* stolen */)
{
        say_response(f, json_str_or(flow_data(f), "response_url", ""), message);
        return flow_go(f, &step_saying);
}

static FlowVerdict on_reading(Flow *f, const FlowEvent *ev)
{
        Command c;

        if (!flow_event_is(ev, "slack.command"))
                return FLOW_IGNORE;
        json_object_update_missing(flow_data(f), (json_t *) ev->data);
        c = command_parse(json_str_or(ev->data, "text", ""));
        if (c.verb == COMMAND_LIST || c.verb == COMMAND_STATUS || c.verb == COMMAND_STOP ||
            c.verb == COMMAND_CLEANUP)
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

static bool is_any(const json_t *session)
{
        (void) session;
        return true;
}

static size_t fill_lines(const json_t *sessions, bool (*is_shown)(const json_t *session), SessionLine *lines)
{
        size_t i, n = 0;
        json_t *s;

        json_array_foreach ((json_t *) sessions, i, s) {
                if (n == LIST_MAX || !is_shown(s))
                        continue;
                lines[n] = (SessionLine){
                        .title = json_str_or(s, "data.title", "Task"),
                        .permalink = json_str(s, "permalink"),
                        .waiting_for = json_str(s, "waiting_for"),
                        .updated_ms = json_int(s, "updated_ms", 0),
                };
                session_state_from_name(json_str_or(s, "data.state", "starting"), &lines[n].state);
                n++;
        }
        return n;
}

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

static FlowVerdict on_listing(Flow *f, const FlowEvent *ev)
{
        const json_t *sessions = json_at(ev->data, "sessions");
        SessionLine lines[LIST_MAX];
        Command c = command_parse(json_str_or(flow_data(f), "text", ""));

        if (flow_event_is_enter(ev)) {
                flow_ask(f, &(FlowAsk){.verb = GATEWAY_SESSIONS});
                return FLOW_STAY;
        }
        if (!flow_event_is_ask(ev, GATEWAY_SESSIONS, NULL))
                return FLOW_IGNORE;
        if (c.verb == COMMAND_STOP)
                return stop_the_one(f, sessions);
        if (c.verb == COMMAND_CLEANUP)
                return clean_the_one(f, sessions);
        return say(f,
                   card_session_list(
                           lines, fill_lines(sessions, c.verb == COMMAND_STATUS ? is_running : is_any, lines),
                           flow_now_ms(f)));
}
static const FlowStep step_listing = {"listing", on_listing};

/* ---- saying ---- */

static FlowVerdict on_saying(Flow *f, const FlowEvent *ev)
{
        return flow_event_is_ask(ev, SLACK_RESPOND, NULL) ? FLOW_DONE : FLOW_IGNORE;
}
static const FlowStep step_saying = {"saying", on_saying};

static const FlowStep *const steps[] = {&step_reading, &step_listing, &step_saying, NULL};
const FlowKind flow_kind_command = {.name = "command", .version = 1, .steps = steps};
