#include "core/session-route.h"

#include "core/agents.h"
#include "core/models.h"
#include "core/session-opencode.h"
#include "core/session.h"
#include "integrations/opencode/opencode-asks.h"

static const json_t *profiles(const json_t *data)
{
        return json_at(data, "defaults.models");
}

const char *session_model(const json_t *data)
{
        static const char *const paths[] = {"routing.override.model", "routing.decision.model",
                                            "defaults.model"};

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                const char *model = models_resolve(profiles(data), json_str(data, paths[i]));

                if (model)
                        return model;
        }
        return NULL;
}

const char *session_wanted_agent(const json_t *data)
{
        const char *agent = json_str(data, "routing.override.agent");

        if (str_empty(agent))
                agent = json_str(data, "routing.decision.agent");
        return str_empty(agent) ? NULL : agent;
}

/* What was found without knowing what is offered counts for one prompt. */
static bool is_resolved(const json_t *data, const char *wanted)
{
        int64_t guess_n = json_int(data, "agent.guess_n", 0);

        return str_equal(json_str(data, "agent.wanted"), wanted) &&
               (guess_n == 0 || guess_n == json_int(data, "turn.n", 0));
}

char *session_agent_label(const json_t *data)
{
        const char *wanted = session_wanted_agent(data), *way = json_str_or(data, "agent.way", ""),
                   *name = json_str_or(data, "agent.name", ""),
                   *fallback = json_str_or(data, "agent.fallback", "the default agent");

        if (!wanted)
                return mem_strdup(json_str(data, "oc.agent"));
        if (!is_resolved(data, wanted) || str_equal(name, wanted))
                return mem_strdup(wanted);
        if (str_equal(way, "agent"))
                return mem_printf("%s (%s)", wanted, name);
        if (str_equal(way, "command") || str_equal(way, "skill"))
                return mem_printf("%s (%s %s)", wanted, way, name);
        if (str_equal(way, "instruction"))
                return mem_printf("%s (played by %s)", wanted, fallback);
        return mem_printf("%s (not there: %s)", wanted, fallback);
}

char *session_model_label(const json_t *data)
{
        const char *model = session_model(data);

        return models_label(profiles(data), model ? model : json_str(data, "oc.model"));
}

/* ---- the prompt ---- */

static bool tells(Flow *f)
{
        int64_t told_n = json_int(flow_data(f), "agent.told_n", 0), n = json_int(flow_data(f), "turn.n", 0);

        return told_n == 0 || told_n == n;
}

static void put_found(Flow *f, json_t *args)
{
        json_t *agent = json_object_get(flow_data(f), "agent");
        const char *way = json_str_or(agent, "way", ""), *name = json_str_or(agent, "name", ""),
                   *wanted = json_str_or(agent, "wanted", "");
        bool is_command = str_equal(way, "command");

        if (str_equal(way, "agent"))
                json_put_str(args, "agent", name);
        else if (json_str(agent, "fallback"))
                json_put_str(args, "agent", json_str(agent, "fallback"));
        if (!tells(f))
                return;
        json_put_int(agent, "told_n", json_int(flow_data(f), "turn.n", 0));
        /* A command takes no files; then its role is told as text, which the agent understands, too. */
        if (is_command && json_array_size(json_at(args, "files")) == 0) {
                json_put_str(args, "command", name);
                json_put_str(agent, "told_id", json_str(args, "message_id"));
        } else if (is_command || str_equal(way, "skill")) {
                _cleanup_free_ char *text = mem_printf(
                        "Use the %s \"%s\" for this task, and stay in its role for the whole conversation.",
                        way, name);

                json_put_str(args, "instruction", text);
        } else if (str_equal(way, "instruction"))
                json_put_str(args, "instruction", agents_resolve(wanted, NULL).instruction);
}

bool session_put_route(Flow *f, json_t *args)
{
        const char *wanted = session_wanted_agent(flow_data(f)),
                   *agent = json_str(flow_data(f), "defaults.agent"), *model = session_model(flow_data(f));
        _cleanup_free_ char *tag = session_turn_tag(f);

        if (wanted && !is_resolved(flow_data(f), wanted)) {
                flow_ask(f, &(FlowAsk){.verb = OPENCODE_AGENTS_LIST,
                                       .tag = tag,
                                       .coalesce = "offers",
                                       .args = json_pack("{s:s}", "directory",
                                                         json_str_or(flow_data(f), "oc.directory", ""))});
                return false;
        }
        if (model) {
                json_object_set_new(args, "model", models_object(model));
                json_put_str(json_object_get(flow_data(f), "turn"), "model", model);
        }
        if (wanted)
                put_found(f, args);
        else if (!str_empty(agent))
                json_put_str(args, "agent", agent);
        return true;
}

void session_take_offers(Flow *f, const FlowEvent *ev)
{
        const char *wanted = session_wanted_agent(flow_data(f));
        const json_t *offers = ev->outcome == ASK_OK ? ev->data : NULL;
        AgentFound found = agents_resolve(wanted, offers);
        json_t *agent = json_object();

        if (!wanted) { /* taken back meanwhile */
                json_decref(agent);
                return;
        }
        json_put_str(agent, "wanted", wanted);
        json_put_str(agent, "way", agent_way_name(found.way));
        if (found.name)
                json_put_str(agent, "name", found.name);
        if (!offers)
                json_put_int(agent, "guess_n", json_int(flow_data(f), "turn.n", 0));
        if (json_str(offers, "default_agent"))
                json_put_str(agent, "fallback", json_str(offers, "default_agent"));
        json_object_set_new(flow_data(f), "agent", agent);
        session_show_card(f);
}

void session_override(Flow *f, const char *what, const char *value, const char *user)
{
        json_t *routing = json_object_get(flow_data(f), "routing"), *override;

        if (!json_is_object(routing)) {
                routing = json_object();
                json_object_set_new(flow_data(f), "routing", routing);
        }
        override = json_object_get(routing, "override");
        if (!json_is_object(override)) {
                override = json_object();
                json_object_set_new(routing, "override", override);
        }
        json_put_str(override, what, value);
        json_put_str(override, "user", user);
        json_put_int(override, "at_ms", flow_now_ms(f));
}
