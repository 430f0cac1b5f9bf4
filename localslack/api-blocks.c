/* blocks.validate and apps.manifest.validate: payloads looked at without doing anything; reference §3.2, §6.6
 * and Appendix A. */
#include "api.h"

#include "args.h"
#include "blocks.h"

#define PAYLOAD_MAX 100000 /* characters */

static json_t *only_one(void)
{
        return json_pack("{s:b,s:s,s:{s:[s]}}", "ok", 0, "error", "invalid_arguments", "response_metadata",
                         "messages", "must provide exactly one of `blocks`, `view`, or `message`");
}

static json_t *result(const char *error, json_t *errors /* stolen */)
{
        json_t *answer;

        if (json_array_size(errors) == 0) {
                json_decref(errors);
                return api_ok();
        }
        answer = api_error(error);
        json_object_set_new(answer, "errors", errors);
        return answer;
}

static BlocksSurface message_surface(const ApiCall *c)
{
        return c->l->switches.alert_in_messages ? BLOCKS_MESSAGE : BLOCKS_MESSAGE_NO_ALERT;
}

static json_t *check_message(const ApiCall *c, const json_t *message)
{
        const json_t *blocks = json_object_get(message, "blocks");

        if (!json_is_object(message))
                return json_pack("[{s:s,s:s,s:s}]", "code", "invalid_type", "message",
                                 "must provide an object", "pointer", "");
        if (!blocks && !json_str(message, "text") && !json_object_get(message, "attachments"))
                return json_pack("[{s:s,s:s,s:s,s:s}]", "code", "missing_field", "message",
                                 "missing required field: text", "pointer", "", "field", "text");
        return blocks ? blocks_find_errors(blocks, message_surface(c), "/blocks") : json_array();
}

static json_t *blocks_validate(ApiCall *c)
{
        static const char *const names[] = {"blocks", "view", "message"};
        const json_t *payload = NULL;
        const char *which = NULL;
        _cleanup_free_ char *text = NULL;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const json_t *v = json_object_get(c->args, names[i]);

                if (!v || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0))
                        continue;
                if (which)
                        return only_one();
                which = names[i];
                payload = v;
        }
        if (!which)
                return only_one();
        text = json_is_string(payload) ? mem_strdup(json_string_value(payload)) : json_dump(payload);
        if (blocks_count_chars(text) > PAYLOAD_MAX)
                return api_invalid_arguments("must be less than %d characters [json-pointer:/%s]",
                                             PAYLOAD_MAX + 1, which);
        if (str_equal(which, "blocks"))
                return result("invalid_blocks", blocks_find_errors(payload, message_surface(c), ""));
        if (str_equal(which, "view"))
                return result("invalid_view", blocks_find_view_errors(payload, ""));
        return result("invalid_message", check_message(c, payload));
}

/* --- manifests --- */

static void complain(json_t *errors, const char *pointer, const char *message)
{
        json_array_append_new(errors, json_pack("{s:s,s:s}", "message", message, "pointer", pointer));
}

static void check_length(json_t *errors, const json_t *manifest, const char *path, const char *pointer,
                         size_t max)
{
        const char *text = json_str(manifest, path);
        _cleanup_free_ char *message = mem_printf("must be less than %zu characters", max + 1);

        if (text && blocks_count_chars(text) > max)
                complain(errors, pointer, message);
}

static void check_commands(json_t *errors, const json_t *commands)
{
        size_t i;
        json_t *command;

        if (json_array_size(commands) > 50)
                complain(errors, "/features/slash_commands", "no more than 50 items allowed");
        json_array_foreach ((json_t *) commands, i, command) {
                _cleanup_free_ char *pointer = mem_printf("/features/slash_commands/%zu", i);
                const char *name = json_str(command, "command");

                if (str_empty(name) || *name != '/')
                        complain(errors, pointer, "Command must begin with a /");
                else if (blocks_count_chars(name) > 32)
                        complain(errors, pointer, "must be less than 33 characters");
                if (str_empty(json_str(command, "description")))
                        complain(errors, pointer, "missing required field: description");
        }
}

/* The limits of reference §6.6, and the settings that depend on each other. */
static void check_manifest(json_t *errors, const json_t *m)
{
        bool socket_mode = json_bool(m, "settings.socket_mode_enabled");
        const json_t *events = json_at(m, "settings.event_subscriptions.bot_events");

        if (!json_is_object(json_object_get(m, "display_information")))
                complain(errors, "", "missing required field: display_information");
        else if (str_empty(json_str(m, "display_information.name")))
                complain(errors, "/display_information", "missing required field: name");
        check_length(errors, m, "display_information.name", "/display_information/name", 35);
        check_length(errors, m, "display_information.description", "/display_information/description", 140);
        check_length(errors, m, "display_information.long_description",
                     "/display_information/long_description", 4000);
        check_length(errors, m, "features.agent_view.agent_description",
                     "/features/agent_view/agent_description", 300);
        check_commands(errors, json_at(m, "features.slash_commands"));
        if (json_array_size(json_at(m, "features.shortcuts")) > 10)
                complain(errors, "/features/shortcuts", "no more than 10 items allowed");
        if (json_array_size(json_at(m, "oauth_config.scopes.bot")) > 255)
                complain(errors, "/oauth_config/scopes/bot", "no more than 255 items allowed");
        if (json_array_size(events) > 100)
                complain(errors, "/settings/event_subscriptions/bot_events",
                         "no more than 100 items allowed");
        if (json_array_size(events) > 0 && !socket_mode &&
            str_empty(json_str(m, "settings.event_subscriptions.request_url")))
                complain(errors, "/settings/event_subscriptions",
                         "Event Subscription requires either Request URL or Socket Mode Enabled");
        if (json_bool(m, "settings.interactivity.is_enabled") && !socket_mode &&
            str_empty(json_str(m, "settings.interactivity.request_url")))
                complain(errors, "/settings/interactivity", "Interactivity requires a Request URL");
}

static json_t *apps_manifest_validate(ApiCall *c)
{
        const char *text = arg_str(c->args, "manifest"), *app = arg_str(c->args, "app_id");
        _cleanup_json_ json_t *manifest = json_parse(text, strlen(text), NULL);
        json_t *errors = json_array(), *answer;

        if (!str_empty(app) && !str_equal(app, APP_ID)) {
                json_decref(errors);
                return api_error("invalid_app_id");
        }
        if (!json_is_object(manifest))
                complain(errors, "", "must be a valid JSON object");
        else
                check_manifest(errors, manifest);
        answer = json_array_size(errors) ? api_error("invalid_manifest") : api_ok();
        json_object_set_new(answer, "errors", errors);
        return answer;
}

ApiMethods api_blocks_methods(void)
{
        static const ApiMethod rows[] = {
                {"blocks.validate", blocks_validate},
                {"apps.manifest.validate", apps_manifest_validate},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
