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
        if (c.verb == COMMAND_LIST || c.verb == COMMAND_STATUS || c.verb == COMMAND_STOP)
                return flow_go(f, &step_listing);
        return say(f, card_help(json_str_or(ev->data, "command", "/opencode"), false));
}
static const FlowStep step_reading = {"reading", on_reading};

/* ---- listing ---- */

static bool is_running(const json_t *session)
{
        return json_is_object(json_at(session, "data.turn"));
}

static size_t fill_lines(const json_t *sessions, bool running_only, SessionLine *lines)
{
        size_t i, n = 0;
        json_t *s;

        json_array_foreach ((json_t *) sessions, i, s) {
                if (n == LIST_MAX || (running_only && !is_running(s)))
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

static FlowVerdict stop_the_one(Flow *f, const json_t *sessions)
{
        const json_t *only = NULL;
        _cleanup_free_ char *address = NULL, *text = NULL;
        size_t i, n = 0;
        json_t *s;

        json_array_foreach ((json_t *) sessions, i, s)
                if (is_running(s)) {
                        only = s;
                        n++;
                }
        if (n == 0)
                return say(f, card_notice(NULL, "Nothing is running."));
        if (n > 1)
                return say(
                        f,
                        card_notice(
                                NULL,
                                "Several sessions are running. Say `!stop` in the thread of the one you mean, "
                                "or press Stop on its card."));
        address = mem_printf("flow:%s", json_str_or(only, "ref", ""));
        flow_send(f, address, "session.stop",
                  json_pack("{s:s}", "user", json_str_or(flow_data(f), "user", "")));
        text = mem_printf("Stopping: %s", json_str_or(only, "data.title", "Task"));
        return say(f, card_notice(":octagonal_sign:", text));
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
        return say(f, card_session_list(lines, fill_lines(sessions, c.verb == COMMAND_STATUS, lines),
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
