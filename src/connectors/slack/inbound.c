/* A payload is looked at where the tables below say, by the scanner, and does
 * not become a tree: the larger part of a click is the message with the button,
 * which we wrote ourselves. (docs/performance.md has the figures.) */
#include "connectors/slack/inbound.h"

#include "connectors/slack/block-kit.h"

#define FILES_MAX   10
#define ACTIONS_MAX 25

enum {
        E_TEAM,
        E_TYPE,
        E_EVENT,
        E_EVENT_TYPE,
        E_SUBTYPE,
        E_CHANNEL,
        E_CHANNEL_TYPE,
        E_USER,
        E_TS,
        E_THREAD_TS,
        E_TEXT,
        E_BOT_ID,
        E_FILES,
        E_MESSAGE,
        E_DELETED_TS,
        E_PREVIOUS,
        N_E
};
static const char *const event_paths[N_E] = {
        [E_TEAM] = "team_id",
        [E_TYPE] = "type",
        [E_EVENT] = "event",
        [E_EVENT_TYPE] = "event.type",
        [E_SUBTYPE] = "event.subtype",
        [E_CHANNEL] = "event.channel",
        [E_CHANNEL_TYPE] = "event.channel_type",
        [E_USER] = "event.user",
        [E_TS] = "event.ts",
        [E_THREAD_TS] = "event.thread_ts",
        [E_TEXT] = "event.text",
        [E_BOT_ID] = "event.bot_id",
        [E_FILES] = "event.files",
        [E_MESSAGE] = "event.message",
        [E_DELETED_TS] = "event.deleted_ts",
        [E_PREVIOUS] = "event.previous_message",
};

enum { C_TEAM, C_CHANNEL, C_USER, C_COMMAND, C_TEXT, C_TRIGGER_ID, C_RESPONSE_URL, N_C };
static const char *const command_paths[N_C] = {
        [C_TEAM] = "team_id",
        [C_CHANNEL] = "channel_id",
        [C_USER] = "user_id",
        [C_COMMAND] = "command",
        [C_TEXT] = "text",
        [C_TRIGGER_ID] = "trigger_id",
        [C_RESPONSE_URL] = "response_url",
};

enum {
        I_TYPE,
        I_TEAM,
        I_CHANNEL,
        I_USER,
        I_TS,
        I_THREAD_TS,
        I_TRIGGER_ID,
        I_RESPONSE_URL,
        I_ACTIONS,
        I_VALUES,
        I_VIEW_ID,
        I_VIEW_HASH,
        I_VIEW_CALLBACK,
        I_VIEW_METADATA,
        I_VIEW_VALUES,
        N_I
};
static const char *const interactive_paths[N_I] = {
        [I_TYPE] = "type",
        [I_TEAM] = "team.id",
        [I_CHANNEL] = "channel.id",
        [I_USER] = "user.id",
        [I_TS] = "container.message_ts",
        [I_THREAD_TS] = "message.thread_ts",
        [I_TRIGGER_ID] = "trigger_id",
        [I_RESPONSE_URL] = "response_url",
        [I_ACTIONS] = "actions",
        [I_VALUES] = "state.values",
        [I_VIEW_ID] = "view.id",
        [I_VIEW_HASH] = "view.hash",
        [I_VIEW_CALLBACK] = "view.callback_id",
        [I_VIEW_METADATA] = "view.private_metadata",
        [I_VIEW_VALUES] = "view.state.values",
};
/* What is neither a click nor a form that was sent: shortcuts, a form that was closed, a select that asks
 * what it offers. Rare, and hence looked at a second time. */
enum {
        R_TEAM,
        R_USER,
        R_CHANNEL,
        R_CALLBACK,
        R_TRIGGER_ID,
        R_RESPONSE_URL,
        R_TS,
        R_THREAD_TS,
        R_TEXT,
        R_VIEW_ID,
        R_VIEW_CALLBACK,
        R_VIEW_METADATA,
        R_VIEW_VALUES,
        R_BLOCK_ID,
        R_VALUE,
        N_R
};
static const char *const rare_paths[N_R] = {
        [R_TEAM] = "team.id",
        [R_USER] = "user.id",
        [R_CHANNEL] = "channel.id",
        [R_CALLBACK] = "callback_id",
        [R_TRIGGER_ID] = "trigger_id",
        [R_RESPONSE_URL] = "response_url",
        [R_TS] = "message_ts",
        [R_THREAD_TS] = "message.thread_ts",
        [R_TEXT] = "message.text",
        [R_VIEW_ID] = "view.id",
        [R_VIEW_CALLBACK] = "view.callback_id",
        [R_VIEW_METADATA] = "view.private_metadata",
        [R_VIEW_VALUES] = "view.state.values",
        [R_BLOCK_ID] = "block_id",
        [R_VALUE] = "value",
};
static const char *const home_paths[] = {"event.tab", "event.event_ts"};
_Static_assert((int) N_E <= JSON_SCAN_PATHS_MAX && (int) N_I <= JSON_SCAN_PATHS_MAX &&
                       (int) N_R <= JSON_SCAN_PATHS_MAX,
               "the scanner takes all paths");

typedef struct Payload {
        const char *const *paths;
        JsonSlice parts[JSON_SCAN_PATHS_MAX];
        const char *text; /* for a second look */
        size_t n_text;
} Payload;

/* A string of the payload that goes into the result, when it is there. */
typedef struct Copy {
        const char *key;
        unsigned part;
} Copy;

static void copy_strings(json_t *out, const Payload *p, const Copy *copies, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (p->parts[copies[i].part].type == JSON_SLICE_STRING)
                        json_object_set_new_nocheck(out, copies[i].key,
                                                    json_from_slice(&p->parts[copies[i].part]));
}
#define copy_all(_out, _payload, _copies) copy_strings(_out, _payload, _copies, ELEMENTSOF(_copies))

/* A string without which nothing can be done. */
typedef struct Need {
        unsigned part;
        size_t max_bytes;
} Need;

static const char *misfit(const JsonSlice *s, size_t max_bytes)
{
        if (s->type == JSON_SLICE_NONE)
                return "is missing";
        if (s->type != JSON_SLICE_STRING)
                return "must be a string";
        if (s->n_bytes == 0)
                return "is empty";
        return s->n_bytes > max_bytes ? "is too long" : NULL;
}

static bool has_strings(const Payload *p, const Need *needs, size_t n, char **ret_error)
{
        for (size_t i = 0; i < n; i++) {
                const char *why = misfit(&p->parts[needs[i].part], needs[i].max_bytes);

                if (why) {
                        *ret_error = mem_printf("payload.%s %s", p->paths[needs[i].part], why);
                        return false;
                }
        }
        return true;
}
#define has_all(_payload, _needs, _ret_error) has_strings(_payload, _needs, ELEMENTSOF(_needs), _ret_error)

static json_t *new_of(const char *type)
{
        return json_pack("{s:s}", "type", type);
}

static json_t *other(const char *what)
{
        return json_pack("{s:s, s:s}", "type", "other", "what", what);
}

static json_t *other_of(const JsonSlice *type, const char *without)
{
        _cleanup_json_ json_t *what = json_from_slice(type);

        return other(json_string_length(what) > 0 ? json_string_value(what) : without);
}

static void put_text(json_t *out, const json_t *text)
{
        _cleanup_free_ char *plain = slack_text_plain(json_is_string(text) ? json_string_value(text) : "");

        json_put_str(out, "text", plain);
}

/* ---- events ---- */

static void put_files(json_t *out, const json_t *files)
{
        static const char *const copied[][2] = {
                {"name", "name"}, {"mimetype", "mimetype"}, {"url", "url_private"}};
        json_t *list = json_array();

        for (size_t i = 0; i < MIN2(json_array_size(files), (size_t) FILES_MAX); i++) {
                json_t *short_file = json_object();

                for (size_t k = 0; k < ELEMENTSOF(copied); k++)
                        if (json_str(json_array_get(files, i), copied[k][1]))
                                json_put_str(short_file, copied[k][0],
                                             json_str(json_array_get(files, i), copied[k][1]));
                json_array_append_new(list, short_file);
        }
        json_object_set_new(out, "files", list);
}

static json_t *message(const Payload *p, char **ret_error)
{
        static const Need needs[] = {{E_CHANNEL, 64}, {E_TS, 64}};
        static const Copy copies[] = {
                {"team", E_TEAM},       {"channel", E_CHANNEL}, {"channel_type", E_CHANNEL_TYPE},
                {"user", E_USER},       {"ts", E_TS},           {"thread_ts", E_THREAD_TS},
                {"subtype", E_SUBTYPE}, {"raw_text", E_TEXT},
        };
        _cleanup_json_ json_t *files = NULL;
        json_t *out;

        if (!has_all(p, needs, ret_error))
                return NULL;
        out = new_of("message");
        copy_all(out, p, copies);
        put_text(out, json_object_get(out, "raw_text"));
        if (p->parts[E_FILES].type == JSON_SLICE_ARRAY)
                files = json_from_slice(&p->parts[E_FILES]);
        put_files(out, files);
        json_object_set_new(out, "bot",
                            json_boolean(p->parts[E_BOT_ID].type == JSON_SLICE_STRING ||
                                         json_slice_equal(&p->parts[E_SUBTYPE], "bot_message")));
        return out;
}

static json_t *edited(const Payload *p)
{
        static const Copy copies[] = {{"team", E_TEAM}, {"channel", E_CHANNEL}};
        static const char *const copied[][2] = {
                {"user", "user"}, {"ts", "ts"}, {"thread_ts", "thread_ts"}, {"edited_ts", "edited.ts"}};
        _cleanup_json_ json_t *now = json_from_slice(&p->parts[E_MESSAGE]);
        json_t *out = new_of("edited");

        copy_all(out, p, copies);
        for (size_t i = 0; i < ELEMENTSOF(copied); i++)
                if (json_str(now, copied[i][1]))
                        json_put_str(out, copied[i][0], json_str(now, copied[i][1]));
        put_text(out, json_at(now, "text"));
        json_object_set_new(out, "bot", json_boolean(json_str(now, "bot_id") != NULL));
        return out;
}

static json_t *deleted(const Payload *p, char **ret_error)
{
        static const Need needs[] = {{E_CHANNEL, 64}, {E_DELETED_TS, 64}};
        static const Copy copies[] = {{"team", E_TEAM}, {"channel", E_CHANNEL}, {"ts", E_DELETED_TS}};
        _cleanup_json_ json_t *previous = json_from_slice(&p->parts[E_PREVIOUS]);
        json_t *out;

        if (!has_all(p, needs, ret_error))
                return NULL;
        out = new_of("deleted");
        copy_all(out, p, copies);
        if (json_str(previous, "thread_ts"))
                json_put_str(out, "thread_ts", json_str(previous, "thread_ts"));
        json_object_set_new(out, "bot", json_boolean(json_str(previous, "bot_id") != NULL));
        return out;
}

/* Somebody looks at a tab of the app: "home", "messages", "about". */
static json_t *home_opened(const Payload *p, char **ret_error)
{
        static const Need needs[] = {{E_USER, 64}};
        static const Copy copies[] = {{"team", E_TEAM}, {"user", E_USER}, {"channel", E_CHANNEL}};
        static const Copy more[] = {{"tab", 0}, {"event_ts", 1}};
        Payload again = {.paths = home_paths};
        json_t *out;

        if (!has_all(p, needs, ret_error))
                return NULL;
        out = new_of("home");
        copy_all(out, p, copies);
        json_scan(p->text, p->n_text, home_paths, ELEMENTSOF(home_paths), again.parts);
        copy_all(out, &again, more);
        return out;
}

static json_t *event(const Payload *p, char **ret_error)
{
        const JsonSlice *type = &p->parts[E_EVENT_TYPE];

        if (p->parts[E_EVENT].type != JSON_SLICE_OBJECT)
                return other_of(&p->parts[E_TYPE], "event without an inner event");
        if (type->type != JSON_SLICE_STRING) {
                *ret_error = mem_strdup("payload.event.type is missing");
                return NULL;
        }
        if (json_slice_equal(type, "app_home_opened"))
                return home_opened(p, ret_error);
        if (!json_slice_equal(type, "message") && !json_slice_equal(type, "app_mention"))
                return other_of(type, "event");
        if (json_slice_equal(&p->parts[E_SUBTYPE], "message_changed"))
                return edited(p);
        if (json_slice_equal(&p->parts[E_SUBTYPE], "message_deleted"))
                return deleted(p, ret_error);
        return message(p, ret_error);
}

/* ---- what the history says of a message ---- */

json_t *slack_inbound_history(const json_t *m, const SlackHistoryPlace *place)
{
        static const char *const copied[] = {"user", "ts", "subtype"};
        const char *ts = json_str(m, "ts"), *thread_ts = json_str(m, "thread_ts");
        json_t *out;

        if (str_empty(ts) || strlen(ts) > 64)
                return NULL;
        out = new_of("message");
        json_put_str(out, "team", place->team);
        json_put_str(out, "channel", place->channel);
        json_put_str(out, "channel_type", place->is_direct ? "im" : "channel");
        for (size_t i = 0; i < ELEMENTSOF(copied); i++)
                if (json_str(m, copied[i]))
                        json_put_str(out, copied[i], json_str(m, copied[i]));
        /* A thread's parent names itself once it has replies; as an event it did not. */
        if (thread_ts && !str_equal(thread_ts, ts))
                json_put_str(out, "thread_ts", thread_ts);
        json_put_str(out, "raw_text", json_str_or(m, "text", ""));
        put_text(out, json_object_get(out, "raw_text"));
        put_files(out, json_object_get(m, "files"));
        json_object_set_new(
                out, "bot",
                json_boolean(json_str(m, "bot_id") || str_equal(json_str(m, "subtype"), "bot_message")));
        if (json_str(m, "edited.ts"))
                json_put_str(out, "edited_ts", json_str(m, "edited.ts"));
        return out;
}

/* ---- commands ---- */

static json_t *command(const Payload *p, char **ret_error)
{
        static const Need needs[] = {
                {C_COMMAND, 64}, {C_USER, 64}, {C_CHANNEL, 64}, {C_TRIGGER_ID, 256}, {C_RESPONSE_URL, 3000}};
        static const Copy copies[] = {
                {"team", C_TEAM},       {"channel", C_CHANNEL},       {"user", C_USER},
                {"command", C_COMMAND}, {"trigger_id", C_TRIGGER_ID}, {"response_url", C_RESPONSE_URL}};
        _cleanup_json_ json_t *text = NULL;
        json_t *out;

        if (!has_all(p, needs, ret_error))
                return NULL;
        out = new_of("command");
        copy_all(out, p, copies);
        text = json_from_slice(&p->parts[C_TEXT]);
        put_text(out, text);
        return out;
}

/* ---- clicks and forms ---- */

static void put_values(json_t *out, const JsonSlice *slice)
{
        json_t *values = slice->type == JSON_SLICE_OBJECT ? json_from_slice(slice) : NULL;

        json_object_set_new(out, "values", values ? values : json_object());
}

/* The first of the actions, which is what was clicked on; NULL when it is none.
 */
static const json_t *clicked(const json_t *actions, char **ret_error)
{
        static const JsonField fields[] = {{"actions", JSON_FIELD_ARR, true, ACTIONS_MAX},
                                           {"actions.0.action_id", JSON_FIELD_STR, true, 255}};
        _cleanup_json_ json_t *holder = json_pack("{s:O*}", "actions", actions);
        const char *why, *field = json_check(holder, fields, ELEMENTSOF(fields), &why);

        if (field)
                *ret_error = mem_printf("payload.%s %s", field, why);
        return field ? NULL : json_array_get(actions, 0);
}

static json_t *action(const Payload *p, char **ret_error)
{
        static const Need needs[] = {{I_USER, 64}};
        static const Copy copies[] = {
                {"team", I_TEAM},
                {"channel", I_CHANNEL},
                {"user", I_USER},
                {"ts", I_TS},
                {"thread_ts", I_THREAD_TS},
                {"trigger_id", I_TRIGGER_ID},
                {"response_url", I_RESPONSE_URL},
        };
        static const char *const copied[] = {"action_id", "action_ts"};
        _cleanup_json_ json_t *actions = json_from_slice(&p->parts[I_ACTIONS]);
        const json_t *first = has_all(p, needs, ret_error) ? clicked(actions, ret_error) : NULL;
        json_t *out;

        if (!first)
                return NULL;
        out = new_of("action");
        copy_all(out, p, copies);
        for (size_t i = 0; i < ELEMENTSOF(copied); i++)
                if (json_str(first, copied[i]))
                        json_put_str(out, copied[i], json_str(first, copied[i]));
        /* What was chosen, whatever kind of element it was. */
        json_put_str(out, "value", json_str_or(first, "value", json_str(first, "selected_option.value")));
        put_values(out, &p->parts[I_VALUES]);
        return out;
}

static json_t *view(const Payload *p, char **ret_error)
{
        static const Need needs[] = {{I_USER, 64}, {I_VIEW_ID, 255}, {I_VIEW_CALLBACK, 255}};
        static const Copy copies[] = {
                {"team", I_TEAM},
                {"user", I_USER},
                {"view_id", I_VIEW_ID},
                {"hash", I_VIEW_HASH},
                {"callback_id", I_VIEW_CALLBACK},
                {"ref", I_VIEW_METADATA},
        };
        json_t *out;

        if (!has_all(p, needs, ret_error))
                return NULL;
        out = new_of("view");
        copy_all(out, p, copies);
        put_values(out, &p->parts[I_VIEW_VALUES]);
        return out;
}

/* A shortcut: of a message ("ts", its "text") or of the whole workspace. */
static json_t *shortcut(const Payload *p, char **ret_error)
{
        static const Need needs[] = {{R_USER, 64}, {R_CALLBACK, 255}, {R_TRIGGER_ID, 256}};
        static const Copy copies[] = {
                {"team", R_TEAM},
                {"user", R_USER},
                {"channel", R_CHANNEL},
                {"callback_id", R_CALLBACK},
                {"trigger_id", R_TRIGGER_ID},
                {"response_url", R_RESPONSE_URL},
                {"ts", R_TS},
                {"thread_ts", R_THREAD_TS},
        };
        _cleanup_json_ json_t *text = NULL;
        json_t *out;

        if (!has_all(p, needs, ret_error))
                return NULL;
        out = new_of("shortcut");
        copy_all(out, p, copies);
        text = json_from_slice(&p->parts[R_TEXT]);
        put_text(out, text);
        return out;
}

static json_t *closed(const Payload *p, char **ret_error)
{
        static const Need needs[] = {{R_USER, 64}, {R_VIEW_ID, 255}, {R_VIEW_CALLBACK, 255}};
        static const Copy copies[] = {{"team", R_TEAM},
                                      {"user", R_USER},
                                      {"view_id", R_VIEW_ID},
                                      {"callback_id", R_VIEW_CALLBACK},
                                      {"ref", R_VIEW_METADATA}};
        json_t *out;

        if (!has_all(p, needs, ret_error))
                return NULL;
        out = new_of("closed");
        copy_all(out, p, copies);
        put_values(out, &p->parts[R_VIEW_VALUES]);
        return out;
}

/* A select of a form asks what there is; it is answered in the acknowledgement. */
static json_t *suggestion(const Payload *p, char **ret_error)
{
        static const Need needs[] = {{R_USER, 64}, {R_BLOCK_ID, 255}};
        static const Copy copies[] = {{"team", R_TEAM},         {"user", R_USER},
                                      {"view_id", R_VIEW_ID},   {"callback_id", R_VIEW_CALLBACK},
                                      {"ref", R_VIEW_METADATA}, {"block_id", R_BLOCK_ID},
                                      {"query", R_VALUE}};
        json_t *out;

        if (!has_all(p, needs, ret_error))
                return NULL;
        out = new_of("suggest");
        copy_all(out, p, copies);
        return out;
}

static json_t *interactive(const Payload *p, char **ret_error)
{
        static const struct {
                const char *type;
                json_t *(*read)(const Payload *p, char **ret_error);
        } rare[] = {{"shortcut", shortcut},
                    {"message_action", shortcut},
                    {"view_closed", closed},
                    {"block_suggestion", suggestion}};
        Payload again = {.paths = rare_paths};

        if (json_slice_equal(&p->parts[I_TYPE], "block_actions"))
                return action(p, ret_error);
        if (json_slice_equal(&p->parts[I_TYPE], "view_submission"))
                return view(p, ret_error);
        for (size_t i = 0; i < ELEMENTSOF(rare); i++)
                if (json_slice_equal(&p->parts[I_TYPE], rare[i].type)) {
                        json_scan(p->text, p->n_text, rare_paths, N_R, again.parts);
                        return rare[i].read(&again, ret_error);
                }
        return other_of(&p->parts[I_TYPE], "interactive without a type");
}

json_t *slack_inbound(SlackEnvelopeType type, const char *payload, size_t n_payload, char **ret_error)
{
        static const struct {
                json_t *(*read)(const Payload *p, char **ret_error);
                const char *const *paths;
                size_t n_paths;
        } kinds[] = {
                [SLACK_ENVELOPE_EVENT] = {event, event_paths, N_E},
                [SLACK_ENVELOPE_COMMAND] = {command, command_paths, N_C},
                [SLACK_ENVELOPE_INTERACTIVE] = {interactive, interactive_paths, N_I},
        };
        Payload p = {.paths = kinds[type].paths, .text = payload, .n_text = n_payload};
        size_t offset = 0;

        if (!json_scan(payload, n_payload, p.paths, kinds[type].n_paths, p.parts)) {
                const char *why = json_scan_explain(payload, n_payload, &offset);

                *ret_error = mem_printf("payload: %s at byte %zu", why ? why : "invalid", offset);
                return NULL;
        }
        if (payload[strspn(payload, " \t\r\n")] != '{') { /* not empty: it has been scanned */
                *ret_error = mem_strdup("payload must be an object");
                return NULL;
        }
        return kinds[type].read(&p, ret_error);
}
