/* agents.conversations.*; reference §5.5 and Appendix B. Slack publishes no errors of these methods but
 * content_too_large; where none is known, the words of neighbouring methods are used. */
#include <strings.h>

#include "agents-channels.h"
#include "agents.h"
#include "api-chat.h"
#include "args.h"
#include "blocks.h"
#include "canvas.h"
#include "channels.h"
#include "messages.h"

/* --- helpers --- */

static json_t *too_long(const char *pointer, size_t max)
{
        return api_invalid_arguments("must be less than %zu characters [json-pointer:%s]", max + 1, pointer);
}

/* The code channel that an argument names, or the answer. */
static json_t *find(ApiCall *c, const char *argument, Channel **ret_channel, json_t **ret)
{
        *ret_channel = api_find_channel(c, argument, false);
        *ret = *ret_channel ? code_channels_find(c->l->code_channels, (*ret_channel)->id) : NULL;
        if (!c->l->switches.code_channels)
                return api_error("feature_disabled");
        if (!*ret_channel)
                return api_error("channel_not_found");
        if (!*ret)
                return api_error("channel_type_not_supported");
        if ((*ret_channel)->is_archived)
                return api_error("is_archived");
        return channel_has_member(*ret_channel, c->user_id) ? NULL : api_error("not_authorized");
}

static void emit(ApiCall *c, const json_t *one)
{
        if (feed_is_watched(c->l->feed))
                feed_emit(c->l->feed, "code_channel", json_deep_copy(one));
}

static json_t *done(const Channel *ch)
{
        return json_pack("{s:b,s:s}", "ok", 1, "channel_id", ch->id);
}

/* --- create, archive --- */

static json_t *find_origin(ApiCall *c, Channel **ret_channel, Message **ret)
{
        bool has_channel = !str_empty(arg_str(c->args, "origin_channel_id")),
             has_ts = !str_empty(arg_str(c->args, "origin_message_ts"));

        *ret_channel = NULL;
        *ret = NULL;
        if (has_channel != has_ts)
                return api_invalid_arguments("origin_channel_id and origin_message_ts go together");
        if (!has_channel)
                return NULL;
        *ret_channel = api_find_channel(c, "origin_channel_id", false);
        *ret = *ret_channel ? channel_find_message(*ret_channel, arg_str(c->args, "origin_message_ts"))
                            : NULL;
        return !*ret_channel ? api_error("channel_not_found") : !*ret ? api_error("message_not_found") : NULL;
}

static json_t *create(ApiCall *c)
{
        const char *title = arg_str(c->args, "name"), *session_id = arg_str(c->args, "session_id");
        json_t *one = code_channels_find_session(c->l->code_channels, session_id), *answer;
        _cleanup_free_ char *name = NULL;
        Channel *origin, *ch;
        Message *message;

        if (!c->l->switches.code_channels)
                return api_error("feature_disabled");
        if (one) /* session_id makes the call idempotent */
                return json_pack("{s:b,s:s}", "ok", 1, "channel_id", json_str(one, "channel"));
        answer = find_origin(c, &origin, &message);
        if (!answer && code_channels_are_full(c->l->code_channels))
                answer = api_error("restricted_action");
        if (answer)
                return answer;
        name = code_channels_make_name(c->l->state, title);
        ch = channels_create(c->l, name,
                             arg_bool(c->args, "is_private", false) ? CHANNEL_PRIVATE : CHANNEL_PUBLIC,
                             c->user_id);
        if (!ch)
                return api_error("restricted_action");
        one = code_channels_add(c->l->code_channels, ch, c->user_id, session_id, origin ? origin->id : NULL,
                                message ? message->ts : NULL);
        if (message && state_find_user(c->l->state, json_str(message_body(message), "user")) &&
            !channel_has_member(ch, json_str(message_body(message), "user")))
                channels_join(c->l, ch, json_str(message_body(message), "user"), c->user_id);
        agents_set_session(c->l->agents, ch->id, "", "active", title, NULL);
        emit(c, one);
        return done(ch);
}

/* The summary goes back to where the task came from. */
static json_t *share_summary(ApiCall *c, const Channel *ch, const json_t *one)
{
        const char *ts = arg_str(c->args, "summary_message_ts");
        Channel *origin = state_find_channel(c->l->state, json_str(one, "origin.channel_id"));
        Message *parent = origin ? channel_find_message(origin, json_str(one, "origin.ts")) : NULL;
        const Message *summary = channel_find_message(ch, ts);
        json_t *fields;

        if (str_empty(ts))
                return NULL;
        if (!summary || !parent)
                return api_error("message_not_found");
        fields = json_pack("{s:s}", "text", json_str_or(message_body(summary), "text", ""));
        if (json_object_get(message_body(summary), "blocks"))
                json_object_set(fields, "blocks", json_object_get(message_body(summary), "blocks"));
        messages_post_app(c->l, origin, fields, parent->parent ? parent->parent : parent, false);
        return NULL;
}

static json_t *archive(ApiCall *c)
{
        Channel *ch;
        json_t *one, *answer = find(c, "channel_id", &ch, &one);

        if (!answer)
                answer = share_summary(c, ch, one);
        if (answer)
                return answer;
        agents_set_session(c->l->agents, ch->id, "", "closed", NULL, NULL);
        channels_archive(c->l, ch, c->user_id, true);
        return api_ok();
}

/* --- properties --- */

typedef struct Limit {
        const char *name;
        size_t max;
        bool required;
} Limit;

/* The texts of an object, by the table. NULL, or the answer. */
static json_t *check_texts(const json_t *obj, const char *pointer, const Limit *limits, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const json_t *v = json_object_get(obj, limits[i].name);
                _cleanup_free_ char *at = mem_printf("%s/%s", pointer, limits[i].name);

                if (!v || json_is_null(v)) {
                        if (limits[i].required)
                                return api_invalid_arguments("missing required field: %s [json-pointer:%s]",
                                                             limits[i].name, pointer);
                        continue;
                }
                if (!json_is_string(v))
                        return api_invalid_arguments("must provide a string [json-pointer:%s]", at);
                if (blocks_count_chars(json_string_value(v)) > limits[i].max)
                        return too_long(at, limits[i].max);
        }
        return NULL;
}

static bool one_of(const char *list, const char *word)
{
        size_t n = word ? strlen(word) : 0;

        for (const char *p = list; word && *p;) {
                size_t k = strcspn(p, "|");

                if (k == n && strncmp(p, word, n) == 0)
                        return true;
                p += k + (p[k] == '|');
        }
        return false;
}

static json_t *check_item(const json_t *item, size_t i, json_t *seen)
{
        static const Limit limits[] = {{"key", 64, true},
                                       {"label", 128, true},
                                       {"icon", 64, false},
                                       {"url", 2048, false},
                                       {"item_type", 16, false}};
        static const char icons[] = "branch|folder|hierarchy|life-ring|link|globe|terminal|code|search|lock";
        _cleanup_free_ char *pointer = mem_printf("/code_channel/context_bar_items/%zu", i);
        const char *icon = json_str(item, "icon"), *type = json_str(item, "item_type");
        json_t *answer = check_texts(item, pointer, limits, ELEMENTSOF(limits));

        if (answer)
                return answer;
        if (icon && !one_of(icons, icon))
                return api_invalid_arguments("value must be one of %s [json-pointer:%s/icon]", icons,
                                             pointer);
        if (type && !one_of("info|action", type))
                return api_invalid_arguments("value must be one of info|action [json-pointer:%s/item_type]",
                                             pointer);
        if (json_object_get(seen, json_str(item, "key")))
                return api_invalid_arguments("`key` already exists [json-pointer:%s/key]", pointer);
        json_object_set_new(seen, json_str(item, "key"), json_true());
        return NULL;
}

static json_t *check_code_channel(const json_t *code)
{
        const json_t *items = json_object_get(code, "context_bar_items"),
                     *summary = json_object_get(code, "summary_message");
        _cleanup_json_ json_t *seen = json_object();
        json_t *answer = NULL, *item;
        size_t i;

        if (items && (!json_is_array(items) || json_array_size(items) > CODE_CONTEXT_ITEMS_MAX))
                return api_invalid_arguments(
                        "no more than %d items allowed [json-pointer:/code_channel/context_bar_items]",
                        CODE_CONTEXT_ITEMS_MAX);
        json_array_foreach ((json_t *) items, i, item) {
                answer = check_item(item, i, seen);
                if (answer)
                        return answer;
        }
        if (summary && !json_is_null(summary) && !state_ts_valid(json_str(summary, "message_ts")))
                return api_invalid_arguments(
                        "missing required field: message_ts [json-pointer:/code_channel/summary_message]");
        return NULL;
}

static json_t *set_properties(ApiCall *c)
{
        static const Limit limits[] = {{"url", 2048, false},
                                       {"resource_type", 64, false},
                                       {"title", 255, false},
                                       {"provider", 64, false}};
        json_t *code = json_object_get(c->args, "code_channel"),
               *resource = json_object_get(c->args, "agent_resource");
        Channel *ch;
        json_t *one, *answer = find(c, "channel_id", &ch, &one);

        if (!answer)
                answer = check_code_channel(code);
        if (!answer)
                answer = check_texts(resource, "/agent_resource", limits, ELEMENTSOF(limits));
        if (answer)
                return answer;
        if (json_is_object(code))
                json_object_update(json_object_get(one, "code_channel"), code);
        if (json_is_object(resource))
                json_object_update(json_object_get(one, "agent_resource"), resource);
        emit(c, one);
        return done(ch);
}

/* --- views --- */

/* Only public places on the web, by https. */
static bool domain_valid(const char *domain)
{
        static const char *const inner[] = {"localhost", "127.", "10.", "192.168.", "169.254.", "[", "0."};
        const char *host =
                domain && str_starts_with(domain, "https://") ? domain + strlen("https://") : domain;

        if (str_empty(host) || strstr(host, "://") || !strchr(host, '.'))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(inner); i++)
                if (strncasecmp(host, inner[i], strlen(inner[i])) == 0)
                        return false;
        return true;
}

static json_t *check_csp(const json_t *csp)
{
        static const char *const lists[] = {"connect_domains", "resource_domains"};
        size_t i;
        json_t *item;

        for (size_t k = 0; k < ELEMENTSOF(lists); k++)
                json_array_foreach (json_object_get(csp, lists[k]), i, item)
                        if (!domain_valid(json_string_value(item)))
                                return api_invalid_arguments(
                                        "not a public https domain [json-pointer:/csp/%s/%zu]", lists[k], i);
        return NULL;
}

static json_t *missing(const char *name)
{
        return api_invalid_arguments("missing required field: %s", name);
}

/* What this type of view needs; NULL, or the answer. */
static json_t *check_view(ApiCall *c, const char *type)
{
        static const struct {
                const char *type, *needs;
                bool keyed;
        } types[] = {{"html", "content", true},
                     {"diff", "content", false},
                     {"block_kit", "blocks", true},
                     {"canvas", "canvas_id", true},
                     {"pull_request", "pr_url", false}};
        const char *canvas_id = arg_str(c->args, "canvas_id");
        const json_t *blocks;

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                if (!str_equal(types[i].type, type))
                        continue;
                if (!json_object_get(c->args, types[i].needs))
                        return missing(types[i].needs);
                if (types[i].keyed && str_empty(arg_str(c->args, "view_key")))
                        return missing("view_key");
                if (str_equal(type, "canvas") && !canvases_find(c->l->canvases, canvas_id))
                        return api_error("canvas_not_found");
                if (!str_equal(type, "block_kit"))
                        return check_csp(json_object_get(c->args, "csp"));
                return chat_arg_array(c, "blocks", &blocks) && blocks ? chat_check_blocks(c, blocks)
                                                                      : api_error("invalid_blocks_format");
        }
        return api_invalid_arguments(
                "value must be one of html|diff|block_kit|canvas|pull_request [json-pointer:/type]");
}

/* "name", or the last part of the key without .html. */
static char *make_label(ApiCall *c, const char *type)
{
        const char *name = arg_str(c->args, "name"), *key = arg_str(c->args, "view_key"), *slash;
        char *label, *dot;

        if (!str_empty(name) || str_empty(key))
                return mem_strdup(!str_empty(name) ? name : type);
        slash = strrchr(key, '/');
        label = mem_strdup(slash && slash[1] ? slash + 1 : key);
        dot = strrchr(label, '.');
        if (dot && dot > label && (str_equal(dot, ".html") || str_equal(dot, ".htm")))
                *dot = 0;
        return label;
}

static json_t *view_fields(ApiCall *c, const char *type)
{
        static const char *const copied[] = {
                "content", "blocks",      "canvas_id",   "access_level", "agent_content_hash",
                "pr_url",  "base_branch", "head_branch", "csp"};
        _cleanup_free_ char *label = make_label(c, type);
        json_t *out = json_pack("{s:s}", "label", label);

        for (size_t i = 0; i < ELEMENTSOF(copied); i++)
                if (json_object_get(c->args, copied[i]))
                        json_object_set(out, copied[i], json_object_get(c->args, copied[i]));
        return out;
}

static json_t *set_view(ApiCall *c)
{
        const char *type = str_empty(arg_str(c->args, "type")) ? "html" : arg_str(c->args, "type"), *error;
        const char *level = arg_str(c->args, "access_level");
        _cleanup_json_ json_t *fields = NULL;
        Channel *ch;
        json_t *one, *view, *answer = find(c, "channel_id", &ch, &one);

        if (!answer)
                answer = check_view(c, type);
        if (!answer && !str_empty(level) && canvas_parse_level(level) == CANVAS_NONE)
                answer = api_invalid_arguments(
                        "value must be one of read|comment|write [json-pointer:/access_level]");
        if (answer)
                return answer;
        fields = view_fields(c, type);
        error = code_channel_set_view(c->l->code_channels, c->l->state, one, type,
                                      arg_str(c->args, "view_key"), fields, &view);
        if (error)
                return api_error(error);
        if (str_equal(type, "canvas"))
                canvas_set_access(canvases_find(c->l->canvases, arg_str(c->args, "canvas_id")), ch->id, true,
                                  str_empty(level) ? "write" : level);
        emit(c, one);
        answer = json_pack("{s:b,s:s,s:s,s:s,s:s,s:I}", "ok", 1, "channel_id", ch->id, "type", type,
                           "view_id", json_str(view, "view_id"), "file_id", json_str(view, "file_id"),
                           "content_version", (json_int_t) json_int(view, "content_version", 1));
        if (json_str(view, "canvas_id"))
                json_put_str(answer, "canvas_id", json_str(view, "canvas_id"));
        return answer;
}

static json_t *list_views(ApiCall *c)
{
        static const char *const shown[] = {"view_id",         "view_key",   "label",
                                            "content_version", "date_added", "file_id"};
        Channel *ch;
        json_t *one, *answer = find(c, "channel_id", &ch, &one), *list, *view;
        size_t i;

        if (answer)
                return answer;
        list = json_array();
        json_array_foreach (json_object_get(one, "views"), i, view) {
                json_t *item = json_object();

                for (size_t k = 0; k < ELEMENTSOF(shown); k++)
                        if (json_object_get(view, shown[k]))
                                json_object_set(item, shown[k], json_object_get(view, shown[k]));
                json_array_append_new(list, item);
        }
        return json_pack("{s:b,s:o}", "ok", 1, "views", list);
}

static json_t *remove_view(ApiCall *c)
{
        const char *key = arg_str(c->args, "view_key"), *id = arg_str(c->args, "view_id");
        Channel *ch;
        json_t *one, *answer = find(c, "channel_id", &ch, &one), *view;

        if (answer)
                return answer;
        if (str_empty(key) == str_empty(id))
                return api_invalid_arguments("provide exactly one of view_key and view_id");
        view = code_channel_find_view(one, key, str_empty(id) ? NULL : id);
        if (!view)
                return api_error("view_not_found");
        answer = done(ch);
        json_put_str(answer, "view_id", json_str(view, "view_id"));
        code_channel_remove_view(one, view);
        emit(c, one);
        return answer;
}

/* --- commands --- */

static json_t *check_command(const json_t *command, size_t i, json_t *seen)
{
        static const Limit limits[] = {
                {"name", 31, true}, {"description", 2000, false}, {"argument_hint", 1000, false}};
        static const char builtin[] =
                "archive|away|call|collapse|dnd|expand|feed|invite|join|leave|me|mute|msg|open|"
                "prefs|remind|remove|rename|search|shortcuts|shrug|star|status|topic|who";
        _cleanup_free_ char *pointer = mem_printf("/commands/%zu", i);
        const char *name = json_str(command, "name");
        json_t *answer = check_texts(command, pointer, limits, ELEMENTSOF(limits));

        if (answer)
                return answer;
        if (str_empty(name) || *name == '/' || strpbrk(name, " \t\n"))
                return api_invalid_arguments("not the name of a command [json-pointer:%s/name]", pointer);
        if (one_of(builtin, name))
                return api_invalid_arguments("a command of Slack itself [json-pointer:%s/name]", pointer);
        if (json_object_get(seen, name))
                return api_invalid_arguments("`name` already exists [json-pointer:%s/name]", pointer);
        json_object_set_new(seen, name, json_true());
        return NULL;
}

static json_t *set_commands(ApiCall *c)
{
        _cleanup_json_ json_t *seen = json_object();
        const json_t *commands = json_object_get(c->args, "commands");
        Channel *ch;
        json_t *one, *answer = find(c, "channel_id", &ch, &one), *command;
        size_t i;

        if (answer)
                return answer;
        if (!json_is_array(commands) || json_array_size(commands) > CODE_COMMANDS_MAX)
                return api_invalid_arguments("no more than %d items allowed [json-pointer:/commands]",
                                             CODE_COMMANDS_MAX);
        json_array_foreach ((json_t *) commands, i, command) {
                answer = check_command(command, i, seen);
                if (answer)
                        return answer;
        }
        json_object_set_new(one, "commands", json_deep_copy(commands));
        emit(c, one);
        answer = done(ch);
        json_put_int(answer, "command_count", (int64_t) json_array_size(commands));
        return answer;
}

/* --- the canvas with the plan --- */

static json_t *find_canvas(ApiCall *c, Canvas **ret)
{
        Channel *ch;
        json_t *one, *answer = find(c, "channel", &ch, &one);

        if (answer)
                return answer;
        *ret = canvases_find(c->l->canvases, arg_str(c->args, "canvas_id"));
        return *ret && canvas_level(*ret, c->l->state, c->user_id) >= CANVAS_READ
                       ? NULL
                       : api_error("canvas_not_found");
}

static json_t *get_canvas(ApiCall *c)
{
        const char *format = arg_str(c->args, "content_format");
        _cleanup_free_ char *markdown = NULL;
        Canvas *canvas;
        json_t *answer = find_canvas(c, &canvas);

        if (answer)
                return answer;
        if (!str_empty(format) && !str_equal(format, "markdown"))
                return api_invalid_arguments("value must be one of markdown [json-pointer:/content_format]");
        markdown = canvas_markdown(canvas);
        return json_pack("{s:b,s:s,s:s,s:s,s:[],s:b}", "ok", 1, "canvas_id", canvas->id, "title",
                         canvas->title, "content", markdown, "comments", "has_more_comments", 0);
}

static json_t *set_canvas_content(ApiCall *c)
{
        const char *content = arg_str(c->args, "content");
        Canvas *canvas;
        json_t *answer = find_canvas(c, &canvas);
        char *detail;
        size_t n;

        if (answer)
                return answer;
        if (canvas_level(canvas, c->l->state, c->user_id) < CANVAS_WRITE)
                return api_error("restricted_action");
        if (blocks_count_chars(content) > CANVAS_CHARS_MAX)
                return api_error("canvas_too_large");
        detail = canvas_check(content);
        if (detail) {
                answer = api_error("canvas_editing_failed");
                json_put_str(answer, "detail", detail);
                free(detail);
                return answer;
        }
        n = canvas_set_markdown(canvas, c->l->state, content);
        feed_emit(c->l->feed, "canvas", canvas_render(canvas));
        return json_pack("{s:b,s:s,s:I}", "ok", 1, "canvas_id", canvas->id, "sections_changed_count",
                         (json_int_t) n);
}

ApiMethods api_agents_channels_methods(void)
{
        static const ApiMethod rows[] = {
                {"agents.conversations.create", create},
                {"agents.conversations.archive", archive},
                {"agents.conversations.setProperties", set_properties},
                {"agents.conversations.setView", set_view},
                {"agents.conversations.listViews", list_views},
                {"agents.conversations.removeView", remove_view},
                {"agents.conversations.setCommands", set_commands},
                {"agents.conversations.getCanvas", get_canvas},
                {"agents.conversations.setCanvasContent", set_canvas_content},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
