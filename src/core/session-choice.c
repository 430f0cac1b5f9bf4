#include "core/session-choice.h"

#include "connectors/slack/slack-asks.h"
#include "core/agents.h"
#include "core/cards-choice.h"
#include "core/flows/flows.h"
#include "core/models.h"
#include "core/say.h"
#include "core/session-route.h"
#include "core/session.h"
#include "integrations/opencode/opencode-asks.h"

#define TAG            "choose:" /* "choose:<what>:<user>:<name>" */
#define NAME_BYTES_MAX 200

typedef struct Choice {
        char *what, *user, *name; /* name "" = show what there is */
} Choice;

static void choice_deinit(Choice *c)
{
        free(c->what);
        free(c->user);
        free(c->name);
}

static bool choice_read(const char *tag, Choice *ret)
{
        const char *user, *name;

        *ret = (Choice){0};
        if (!str_starts_with(tag, TAG) || !(user = strchr(tag + strlen(TAG), ':')) ||
            !(name = strchr(user + 1, ':')))
                return false;
        ret->what = mem_strndup(tag + strlen(TAG), (size_t) (user - tag) - strlen(TAG));
        ret->user = mem_strndup(user + 1, (size_t) (name - user - 1));
        ret->name = mem_strdup(name + 1);
        return true;
}

/* ---- asking ---- */

static void ask(Flow *f, const char *verb, const char *what, const char *name, const char *user)
{
        _cleanup_free_ char *tag =
                mem_printf(TAG "%s:%s:%.*s", what, user, (int) strcspn(name, " \t\r\n"), name);
        const char *directory = json_str(flow_data(f), "oc.directory");

        if (str_empty(directory))
                directory = json_str_or(flow_data(f), "defaults.directory", "");
        flow_ask(f, &(FlowAsk){.verb = verb, .tag = tag, .args = json_pack("{s:s}", "directory", directory)});
}

static void begin(Flow *f, const char *what, const char *name, const char *user)
{
        PostedPlace thread = session_thread(f);

        if (strlen(name) > NAME_BYTES_MAX)
                say_ephemeral(f, &thread, user, ":grey_question:", "There is none with so long a name.");
        else
                ask(f, str_equal(what, "model") ? GATEWAY_MODELS : OPENCODE_AGENTS_LIST, what, name, user);
}

void session_choice_begin(Flow *f, const char *what, const char *name, const FlowEvent *ev)
{
        begin(f, what, name, json_str_or(ev->data, "user", ""));
}

/* ---- choosing ---- */

static void chosen(Flow *f, const Choice *c, const char *value, const char *label)
{
        PostedPlace thread = session_thread(f);
        _cleanup_free_ char *text = NULL;
        bool working = json_at(flow_data(f), "turn") != NULL;

        session_override(f, c->what, value, c->user);
        if (str_equal(c->what, "agent"))
                json_object_del(flow_data(f), "agent"); /* told anew, even if it is the same again */
        text = mem_printf("%s from the next prompt on: `%s`.%s Chosen by",
                          str_equal(c->what, "model") ? "Model" : "Agent", label,
                          working ? " The current turn goes on as it began." : "");
        say_message_in_thread(f, &thread, card_notice_by(":twisted_rightwards_arrows:", text, c->user));
        session_show_card(f);
}

static void unknown(Flow *f, const Choice *c, const json_t *names)
{
        PostedPlace thread = session_thread(f);
        _cleanup_buf_ Buf list = {0};
        _cleanup_free_ char *text = NULL;
        size_t i;
        json_t *name;

        json_array_foreach ((json_t *) names, i, name)
                buf_printf(&list, "%s`%s`", i ? ", " : "", json_string_value(name));
        text = mem_printf("There is no %s `%s`. %s%s", c->what, c->name,
                          buf_len(&list) > 0 ? "There are: " : "None is configured.", buf_bytes(&list));
        say_ephemeral(f, &thread, c->user, ":grey_question:", text);
}

static void show(Flow *f, const Choice *c, json_t *choices /* stolen */, const char *current)
{
        PostedPlace thread = session_thread(f);

        say_ephemeral_message(
                f, &thread, c->user,
                card_choices(&(ChoicesCard){
                        .ref = flow_ref(f), .what = c->what, .choices = choices, .current = current}));
        json_decref(choices);
}

static void already(Flow *f, const Choice *c, const char *label)
{
        PostedPlace thread = session_thread(f);
        _cleanup_free_ char *text = mem_printf("The %s is `%s` already.", c->what, label);

        say_ephemeral(f, &thread, c->user, NULL, text);
}

/* ---- models ---- */

static void show_models(Flow *f, const Choice *c, const json_t *profiles)
{
        const char *model = session_model(flow_data(f));
        json_t *choices = json_array(), *profile;
        size_t i;

        json_array_foreach ((json_t *) profiles, i, profile) {
                const char *state = json_str_or(profile, "state", "unknown");
                _cleanup_free_ char *detail = mem_printf("%s%s", json_str_or(profile, "model", ""),
                                                         str_equal(state, "failing")   ? ", does not answer"
                                                         : str_equal(state, "healthy") ? ", answers"
                                                                                       : "");

                json_array_append_new(choices, json_pack("{s:s, s:s}", "name",
                                                         json_str_or(profile, "name", ""), "detail", detail));
        }
        show(f, c, choices, models_name_of(profiles, model));
}

static void on_models(Flow *f, const FlowEvent *ev, const Choice *c)
{
        const json_t *profiles = json_at(ev->data, "profiles");
        const char *model = models_resolve(profiles, c->name);
        _cleanup_free_ char *label = models_label(profiles, model);
        json_t *names, *profile;
        size_t i;

        /* As they are now, for a session that began before they were changed. */
        if (json_is_array(profiles))
                json_object_set_new(json_object_get(flow_data(f), "defaults"), "models",
                                    json_deep_copy(profiles));
        if (!*c->name) {
                show_models(f, c, profiles);
                return;
        }
        if (model && str_equal(model, session_model(flow_data(f)))) {
                already(f, c, label);
                return;
        }
        if (model && models_name_of(profiles, model)) {
                chosen(f, c, models_name_of(profiles, model), label);
                return;
        }
        if (model) { /* no profile's; perhaps OpenCode has it nevertheless */
                ask(f, OPENCODE_PROVIDERS_LIST, c->what, c->name, c->user);
                return;
        }
        names = json_array();
        json_array_foreach ((json_t *) profiles, i, profile)
                json_array_append_new(names, json_string(json_str_or(profile, "name", "")));
        unknown(f, c, names);
        json_decref(names);
}

static void on_providers(Flow *f, const FlowEvent *ev, const Choice *c)
{
        size_t i, k;
        json_t *provider, *id;
        _cleanup_json_ json_t *known = json_array();

        json_array_foreach ((json_t *) json_at(ev->data, "providers"), i, provider)
                json_array_foreach ((json_t *) json_at(provider, "models"), k, id) {
                        _cleanup_free_ char *model =
                                mem_printf("%s/%s", json_str_or(provider, "id", ""), json_string_value(id));

                        if (str_equal(model, c->name)) {
                                chosen(f, c, model, model);
                                return;
                        }
                        if (json_array_size(known) < 20)
                                json_array_append_new(known, json_string(model));
                }
        unknown(f, c, known);
}

/* ---- agents ---- */

static const char *detail_of(AgentFound found)
{
        switch (found.way) {
        case AGENT_AS_AGENT: return "an agent of OpenCode";
        case AGENT_AS_COMMAND: return "a command in OpenCode";
        case AGENT_AS_SKILL: return "a skill in OpenCode";
        case AGENT_AS_INSTRUCTION:
                return "nothing of that name in OpenCode: the default agent, told the role";
        case AGENT_UNKNOWN: break;
        }
        return "";
}

static void on_agents(Flow *f, const FlowEvent *ev, const Choice *c)
{
        _cleanup_json_ json_t *names = agents_choices(ev->data);
        const char *current = session_wanted_agent(flow_data(f)), *role = agent_role_named(c->name);
        AgentFound found = agents_resolve(c->name, ev->data);
        const char *value = role && found.way != AGENT_AS_AGENT ? role : found.name ? found.name : role;
        json_t *choices, *name;
        size_t i;

        if (!current)
                current = json_str(flow_data(f), "oc.agent");
        if (*c->name && found.way == AGENT_UNKNOWN)
                unknown(f, c, names);
        else if (*c->name && str_equal(value, current))
                already(f, c, value);
        else if (*c->name)
                chosen(f, c, value, value);
        if (*c->name)
                return;
        choices = json_array();
        json_array_foreach (names, i, name)
                json_array_append_new(
                        choices, json_pack("{s:O, s:s}", "name", name, "detail",
                                           detail_of(agents_resolve(json_string_value(name), ev->data))));
        show(f, c, choices, current);
}

/* ---- events ---- */

/* "<ref>:model", "<ref>:model:qwen": what stands behind the ref. */
static const char *value_of(const FlowEvent *ev)
{
        const char *colon = strchr(json_str_or(ev->data, "value", ""), ':');

        return colon ? colon + 1 : "";
}

static FlowVerdict clicked(Flow *f, const FlowEvent *ev, const char *what, const char *name)
{
        PostedPlace thread = session_thread(f);
        const char *user = json_str_or(ev->data, "user", "");

        if (json_is_false(json_at(ev->data, "allowed")))
                say_ephemeral(f, &thread, user,
                              ":no_entry:", json_str_or(ev->data, "why", "You may not do that here."));
        else
                begin(f, what, name, user);
        return FLOW_STAY;
}

static FlowVerdict on_action(Flow *f, const FlowEvent *ev)
{
        const char *action = json_str_or(ev->data, "action_id", ""), *value = value_of(ev);

        if (str_equal(action, "session.model") || str_equal(action, "session.agent"))
                return clicked(f, ev, action + strlen("session."), value);
        if (!str_equal(action, "session.more") || str_equal(value, "retry"))
                return FLOW_IGNORE;
        if (str_starts_with(value, "model:"))
                return clicked(f, ev, "model", value + strlen("model:"));
        return clicked(f, ev, str_equal(value, "model") ? "model" : "agent", "");
}

static FlowVerdict on_answer(Flow *f, const FlowEvent *ev)
{
        PostedPlace thread = session_thread(f);
        Choice c;

        if (!choice_read(ev->tag, &c))
                return FLOW_IGNORE;
        if (ev->outcome != ASK_OK)
                say_ephemeral(
                        f, &thread, c.user, ":warning:",
                        "OpenCode does not say what there is to choose from. Try again when it is back.");
        else if (flow_event_is(ev, GATEWAY_MODELS))
                on_models(f, ev, &c);
        else if (flow_event_is(ev, OPENCODE_PROVIDERS_LIST))
                on_providers(f, ev, &c);
        else
                on_agents(f, ev, &c);
        choice_deinit(&c);
        return FLOW_STAY;
}

FlowVerdict session_take_choice_event(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is_ask(ev, GATEWAY_MODELS, NULL) ||
            flow_event_is_ask(ev, OPENCODE_AGENTS_LIST, NULL) ||
            flow_event_is_ask(ev, OPENCODE_PROVIDERS_LIST, NULL))
                return on_answer(f, ev);
        if (flow_event_is(ev, "session.choose")) {
                session_choice_begin(f, json_str_or(ev->data, "what", "model"),
                                     json_str_or(ev->data, "name", ""), ev);
                return FLOW_STAY;
        }
        return flow_event_is(ev, "slack.action") ? on_action(f, ev) : FLOW_IGNORE;
}

bool session_choice_is_retry(const FlowEvent *ev)
{
        return flow_event_is(ev, "slack.action") &&
               str_equal(json_str(ev->data, "action_id"), "session.more") &&
               str_equal(value_of(ev), "retry") && !json_is_false(json_at(ev->data, "allowed"));
}

bool session_choice_is_offers_of_turn(const FlowEvent *ev)
{
        return flow_event_is_ask(ev, OPENCODE_AGENTS_LIST, NULL) && !str_starts_with(ev->tag, TAG);
}
