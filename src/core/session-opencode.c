#include "core/session-opencode.h"

#include "connectors/slack/markdown.h"
#include "connectors/slack/slack-asks.h"
#include "core/say.h"
#include "core/session-document.h"
#include "core/session-workspace.h"
#include "core/models.h"
#include "core/session-route.h"
#include "core/session.h"
#include "integrations/opencode/opencode-asks.h"

#define EXCERPT_CHARS 500 /* of a prompt that was typed in OpenCode */

void session_ask_create(Flow *f)
{
        /* The same key until the session is lost: what an attempt that was stopped has made is found by the
         * next. */
        _cleanup_free_ char *key = mem_printf("%s/session/%lld", session_key(f),
                                              (long long) json_int(flow_data(f), "n_lost", 0));
        const char *agent = json_str(flow_data(f), "defaults.agent");
        json_t *model = models_object(session_model(flow_data(f)));
        json_t *args = json_pack("{s:s, s:s, s:s}", "directory", session_directory(f), "title",
                                 json_str_or(flow_data(f), "title", "Task"), "key", key);

        if (!str_empty(agent) && !session_wanted_agent(flow_data(f)))
                json_put_str(args, "agent", agent);
        if (model)
                json_object_set_new(args, "model", model);
        flow_ask(f, &(FlowAsk){.verb = OPENCODE_SESSION_CREATE, .coalesce = "create", .args = args});
}

char *session_turn_tag(Flow *f)
{
        return mem_printf("%lld", (long long) json_int(flow_data(f), "turn.no", 0));
}

bool session_is_of_other_turn(Flow *f, const FlowEvent *ev)
{
        _cleanup_free_ char *tag = session_turn_tag(f);

        return !str_empty(ev->tag) && !str_equal(ev->tag, tag); /* asked by an older program: untagged */
}

static const char *author_name(Flow *f, const char *user)
{
        return json_string_value(json_object_get(json_object_get(flow_data(f), "names"), user));
}

/* A prompt and the order to stop it must not overtake each other. */
static char *prompt_lane(Flow *f)
{
        return mem_printf("prompt:%s", flow_ref(f));
}

void session_send_prompt(Flow *f)
{
        json_t *turn = json_object_get(flow_data(f), "turn");
        const char *user = json_str_or(turn, "user", "");
        _cleanup_free_ char *key =
                mem_printf("%s/prompt/%lld", session_key(f), (long long) json_int(turn, "n", 0));
        /* It has one already when it was sent before the session was restored. */
        _cleanup_free_ char *message_id = json_str(turn, "message_id")
                                                  ? mem_strdup(json_str(turn, "message_id"))
                                                  : opencode_message_id(key, flow_now_ms(f));
        _cleanup_free_ char *lane = prompt_lane(f);
        _cleanup_free_ char *tag = session_turn_tag(f);
        json_t *args =
                json_pack("{s:s, s:s, s:s, s:s}", "directory", json_str_or(flow_data(f), "oc.directory", ""),
                          "session_id", json_str_or(flow_data(f), "oc.session_id", ""), "message_id",
                          message_id, "text", json_str_or(turn, "text", ""));
        const char *name = author_name(f, user);

        json_put_str(turn, "message_id", message_id);
        if (name)
                json_object_set_new(args, "author", json_pack("{s:s, s:s}", "name", name, "source", "slack"));
        flow_timer(f, "offline", SESSION_OFFLINE_AFTER_MS);
        if (!session_put_route(f, args)) {
                json_decref(args);
                return;
        }
        flow_ask(f, &(FlowAsk){.verb = OPENCODE_SESSION_MESSAGE,
                               .tag = tag,
                               .lane = lane,
                               .coalesce = "prompt",
                               .args = args});
        session_keep(f); /* under this name it is asked again, should the journal be lost */
}

void session_ask_prompt(Flow *f)
{
        const char *user = json_str_or(json_at(flow_data(f), "turn"), "user", "");
        _cleanup_free_ char *tag = session_turn_tag(f);

        if (author_name(f, user) || str_empty(user))
                session_send_prompt(f);
        else
                flow_ask(
                        f,
                        &(FlowAsk){.verb = SLACK_USER, .tag = tag, .args = json_pack("{s:s}", "user", user)});
}

void session_take_name(Flow *f, const FlowEvent *ev)
{
        json_t *names = json_object_get(flow_data(f), "names");
        const char *user = json_str_or(json_at(flow_data(f), "turn"), "user", "");

        if (!names) {
                names = json_object();
                json_object_set_new(flow_data(f), "names", names);
        }
        json_put_str(names, user, json_str_or(ev->data, "name", user));
}

void session_look(Flow *f)
{
        const json_t *oc = json_at(flow_data(f), "oc");
        json_t *args =
                json_pack("{s:s, s:s, s:i}", "directory", json_str_or(oc, "directory", ""), "session_id",
                          json_str_or(oc, "session_id", ""), "limit", SESSION_MESSAGES_PAGE);
        _cleanup_free_ char *tag = session_turn_tag(f);

        if (json_str(oc, "last_message_id"))
                json_put_str(args, "after", json_str(oc, "last_message_id"));
        flow_ask(f,
                 &(FlowAsk){.verb = OPENCODE_SESSION_MESSAGES, .tag = tag, .coalesce = "look", .args = args});
        flow_timer(f, "look", SESSION_LOOK_ANYWAY_MS);
}

void session_ask_abort(Flow *f)
{
        const json_t *oc = json_at(flow_data(f), "oc");
        _cleanup_free_ char *lane = prompt_lane(f);

        flow_ask(f, &(FlowAsk){
                            .verb = OPENCODE_SESSION_ABORT,
                            .lane = lane,
                            .coalesce = "abort",
                            .args = json_pack("{s:s, s:s}", "directory", json_str_or(oc, "directory", ""),
                                              "session_id", json_str_or(oc, "session_id", "")),
                    });
}

/* ---- what was typed in OpenCode ---- */

/* A command's message has the text of its template, without our mark. */
static bool is_own_command(Flow *f, const json_t *message)
{
        const char *id = json_str_or(message, "id", "");

        return str_equal(id, json_str(flow_data(f), "turn.message_id")) ||
               str_equal(id, json_str(flow_data(f), "agent.told_id"));
}

void session_say_foreign(Flow *f, const json_t *message)
{
        PostedPlace thread = session_thread(f);
        _cleanup_free_ char *excerpt = slack_markdown_plain(json_str_or(message, "text", ""), EXCERPT_CHARS);
        _cleanup_free_ char *text = NULL;

        if (json_str(message, "gateway_key") || str_empty(excerpt) || is_own_command(f, message))
                return;
        text = mem_printf("Asked in OpenCode: %s", excerpt);
        say_in_thread(f, &thread, ":computer:", text);
        json_put_str(json_object_get(flow_data(f), "oc"), "shown", json_str(message, "id"));
}

void session_expect_unheard(Flow *f)
{
        json_object_set_new(json_object_get(flow_data(f), "oc"), "unheard", json_true());
}

void session_say_unheard(Flow *f, const FlowEvent *ev)
{
        json_t *oc = json_object_get(flow_data(f), "oc"), *message;
        const json_t *messages = json_at(ev->data, "messages");
        size_t i, from = 0;

        if (!json_bool(oc, "unheard") || ev->outcome != ASK_OK)
                return;
        json_object_del(oc, "unheard");
        json_array_foreach ((json_t *) messages, i, message)
                if (str_equal(json_str(message, "id"), json_str(oc, "shown")))
                        from = i + 1;
        for (i = from; i < json_array_size(messages); i++) {
                message = json_array_get(messages, i);
                if (str_equal(json_str(message, "role"), "user"))
                        session_say_foreign(f, message);
        }
}
