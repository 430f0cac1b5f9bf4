#include "connectors/slack/inbound.h"

#include "connectors/slack/block-kit.h"

#define FILES_MAX 10

/* Copies strings from dotted paths of the payload to keys of the result, where they are. */
typedef struct Copy {
        const char *key, *path;
} Copy;

static void copy_strings(json_t *out, const json_t *payload, const Copy *copies, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const char *value = json_str(payload, copies[i].path);

                if (value)
                        json_put_str(out, copies[i].key, value);
        }
}
#define copy_all(_out, _payload, _copies) copy_strings(_out, _payload, _copies, ELEMENTSOF(_copies))

static json_t *new_of(const char *type)
{
        return json_pack("{s:s}", "type", type);
}

static json_t *other(const char *what)
{
        return json_pack("{s:s, s:s}", "type", "other", "what", what);
}

static void put_text(json_t *out, const char *text)
{
        _cleanup_free_ char *plain = slack_text_plain(text ? text : "");

        json_put_str(out, "text", plain);
}

static void put_files(json_t *out, const json_t *files)
{
        static const Copy copies[] = {{"name", "name"}, {"mimetype", "mimetype"}, {"url", "url_private"}};
        json_t *list = json_array();
        size_t i;
        json_t *file;

        json_array_foreach((json_t *) files, i, file) {
                json_t *short_file = json_object();

                if (i == FILES_MAX) {
                        json_decref(short_file);
                        break;
                }
                copy_all(short_file, file, copies);
                json_array_append_new(list, short_file);
        }
        json_object_set_new(out, "files", list);
}

static json_t *message(const json_t *payload)
{
        static const Copy copies[] = {
                {"team", "team_id"},      {"channel", "event.channel"},     {"channel_type", "event.channel_type"},
                {"user", "event.user"},   {"ts", "event.ts"},               {"thread_ts", "event.thread_ts"},
                {"subtype", "event.subtype"}, {"raw_text", "event.text"},
        };
        json_t *out = new_of("message");

        copy_all(out, payload, copies);
        put_text(out, json_str(payload, "event.text"));
        put_files(out, json_at(payload, "event.files"));
        json_object_set_new(out, "bot",
                            json_boolean(json_str(payload, "event.bot_id") ||
                                         str_equal(json_str(payload, "event.subtype"), "bot_message")));
        return out;
}

static json_t *edited(const json_t *payload)
{
        static const Copy copies[] = {
                {"team", "team_id"},           {"channel", "event.channel"},
                {"user", "event.message.user"}, {"ts", "event.message.ts"},
                {"thread_ts", "event.message.thread_ts"}, {"edited_ts", "event.message.edited.ts"},
        };
        json_t *out = new_of("edited");

        copy_all(out, payload, copies);
        put_text(out, json_str(payload, "event.message.text"));
        json_object_set_new(out, "bot", json_boolean(json_str(payload, "event.message.bot_id") != NULL));
        return out;
}

static json_t *event(const json_t *payload, char **ret_error)
{
        static const JsonField message_fields[] = {{"event.channel", JSON_FIELD_STR, true, 64},
                                                   {"event.ts", JSON_FIELD_STR, true, 64}};
        const char *type = json_str(payload, "event.type"), *subtype = json_str(payload, "event.subtype"), *field, *why;

        if (!json_is_object(json_at(payload, "event")))
                return other(json_str_or(payload, "type", "event without an inner event"));
        if (!type) {
                *ret_error = mem_strdup("payload.event.type is missing");
                return NULL;
        }
        if (!str_equal(type, "message") && !str_equal(type, "app_mention"))
                return other(type);
        if (str_equal(subtype, "message_changed"))
                return edited(payload);
        field = json_check(payload, message_fields, ELEMENTSOF(message_fields), &why);
        if (field) {
                *ret_error = mem_printf("payload.%s %s", field, why);
                return NULL;
        }
        return message(payload);
}

static json_t *command(const json_t *payload, char **ret_error)
{
        static const JsonField fields[] = {{"command", JSON_FIELD_STR, true, 64},
                                           {"user_id", JSON_FIELD_STR, true, 64},
                                           {"channel_id", JSON_FIELD_STR, true, 64},
                                           {"trigger_id", JSON_FIELD_STR, true, 256},
                                           {"response_url", JSON_FIELD_STR, true, 3000}};
        static const Copy copies[] = {{"team", "team_id"},       {"channel", "channel_id"},      {"user", "user_id"},
                                      {"command", "command"},    {"trigger_id", "trigger_id"},   {"response_url", "response_url"}};
        const char *why, *field = json_check(payload, fields, ELEMENTSOF(fields), &why);
        json_t *out;

        if (field) {
                *ret_error = mem_printf("payload.%s %s", field, why);
                return NULL;
        }
        out = new_of("command");
        copy_all(out, payload, copies);
        put_text(out, json_str(payload, "text"));
        return out;
}

/* What was chosen, whatever kind of element it was. */
static const char *chosen_value(const json_t *action)
{
        const char *value = json_str(action, "value");

        return value ? value : json_str(action, "selected_option.value");
}

static json_t *action(const json_t *payload, char **ret_error)
{
        static const JsonField fields[] = {{"user.id", JSON_FIELD_STR, true, 64},
                                           {"actions", JSON_FIELD_ARR, true, 25},
                                           {"actions.0.action_id", JSON_FIELD_STR, true, 255}};
        static const Copy copies[] = {
                {"team", "team.id"},         {"channel", "channel.id"},         {"user", "user.id"},
                {"ts", "container.message_ts"}, {"thread_ts", "message.thread_ts"}, {"trigger_id", "trigger_id"},
                {"response_url", "response_url"}, {"action_id", "actions.0.action_id"}, {"action_ts", "actions.0.action_ts"},
        };
        const char *why, *field = json_check(payload, fields, ELEMENTSOF(fields), &why);
        const json_t *values = json_at(payload, "state.values");
        json_t *out;

        if (field) {
                *ret_error = mem_printf("payload.%s %s", field, why);
                return NULL;
        }
        out = new_of("action");
        copy_all(out, payload, copies);
        json_put_str(out, "value", chosen_value(json_at(payload, "actions.0")));
        json_object_set_new(out, "values", values ? json_deep_copy(values) : json_object());
        return out;
}

static json_t *view(const json_t *payload, char **ret_error)
{
        static const JsonField fields[] = {{"user.id", JSON_FIELD_STR, true, 64},
                                           {"view.id", JSON_FIELD_STR, true, 255},
                                           {"view.callback_id", JSON_FIELD_STR, true, 255}};
        static const Copy copies[] = {
                {"team", "team.id"},      {"user", "user.id"},   {"view_id", "view.id"},
                {"hash", "view.hash"},    {"callback_id", "view.callback_id"}, {"ref", "view.private_metadata"},
        };
        const char *why, *field = json_check(payload, fields, ELEMENTSOF(fields), &why);
        const json_t *values = json_at(payload, "view.state.values");
        json_t *out;

        if (field) {
                *ret_error = mem_printf("payload.%s %s", field, why);
                return NULL;
        }
        out = new_of("view");
        copy_all(out, payload, copies);
        json_object_set_new(out, "values", values ? json_deep_copy(values) : json_object());
        return out;
}

static json_t *interactive(const json_t *payload, char **ret_error)
{
        const char *type = json_str_or(payload, "type", "");

        if (str_equal(type, "block_actions"))
                return action(payload, ret_error);
        if (str_equal(type, "view_submission"))
                return view(payload, ret_error);
        return other(*type ? type : "interactive without a type");
}

json_t *slack_inbound(SlackEnvelopeType type, const char *payload, size_t n_payload, char **ret_error)
{
        _cleanup_json_ json_t *parsed = json_parse(payload, n_payload, ret_error);

        if (!parsed)
                return NULL;
        if (!json_is_object(parsed)) {
                *ret_error = mem_strdup("payload must be an object");
                return NULL;
        }
        switch (type) {
        case SLACK_ENVELOPE_EVENT: return event(parsed, ret_error);
        case SLACK_ENVELOPE_COMMAND: return command(parsed, ret_error);
        case SLACK_ENVELOPE_INTERACTIVE: return interactive(parsed, ret_error);
        }
        *ret_error = mem_strdup("unknown envelope type");
        return NULL;
}
