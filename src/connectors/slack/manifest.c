/* Socket Mode and interactivity are on, so no URL of the gateway appears in it and no port needs to be
 * reachable. Two things can not be in a manifest and stay with the person: the app-level token
 * (connections:write) and inviting the app into private channels.
 *
 * should_escape makes Slack write mentions in a command's text as <@U…> and <#C…>: names are not ids. */
#include "connectors/slack/manifest.h"

#include "base/json.h"

/* Only what the program uses: each scope is a question that a workspace's administrator asks. */
static const char *const bot_scopes[] = {
        "app_mentions:read",
        "channels:history",
        "channels:read",
        "chat:write",
        "chat:write.public",
        "commands",
        "groups:history",
        "groups:read",
        "im:history",
        "im:read",
        "mpim:history",
        "mpim:read",
        "metadata.message:read",
        "reactions:write",
        "users:read",
};

static const char *const bot_events[] = {
        "app_home_opened", "app_mention", "message.channels", "message.groups", "message.im", "message.mpim",
};

static json_t *list(const char *const *words, size_t n)
{
        json_t *array = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(array, json_string(words[i]));
        return array;
}

static json_t *shortcuts(void)
{
        return json_pack("[{s:s, s:s, s:s, s:s}, {s:s, s:s, s:s, s:s}]", "type", "global", "name",
                         "Start a task", "callback_id", "start.task", "description",
                         "A form for a new coding session", "type", "message", "name",
                         "Start a task from this", "callback_id", "start.from_message", "description",
                         "The message becomes the task's text");
}

static json_t *features(const char *app_name, const char *command)
{
        return json_pack("{s:o, s:{s:b, s:b, s:b}, s:{s:s, s:b}, s:[{s:s, s:s, s:s, s:b}]}", "shortcuts",
                         shortcuts(), "app_home", "home_tab_enabled", true, "messages_tab_enabled", true,
                         "messages_tab_read_only_enabled", false, "bot_user", "display_name", app_name,
                         "always_online", true, "slash_commands", "command", command, "description",
                         "Start and steer coding sessions", "usage_hint",
                         "start [task] | status | list | stop | help", "should_escape", true);
}

static size_t count_characters(const char *s)
{
        size_t n = 0;

        for (; *s; s++)
                n += ((unsigned char) *s & 0xc0) != 0x80;
        return n;
}

static bool is_command(const char *command)
{
        size_t n = command[0] == '/' ? strspn(command + 1, "abcdefghijklmnopqrstuvwxyz0123456789_-") : 0;

        return n >= 1 && n <= 31 && !command[1 + n];
}

char *slack_manifest(const char *app_name, const char *command)
{
        _cleanup_json_ json_t *manifest = NULL;
        json_t *display;

        if (str_empty(app_name) || count_characters(app_name) > 35 || !is_command(command))
                return NULL;
        display = json_pack("{s:s, s:s, s:s}", "name", app_name, "description",
                            "Coding sessions in OpenCode, started, steered and answered from Slack.",
                            "background_color", "#101418");
        if (!display) /* the name is not UTF-8 */
                return NULL;
        manifest = json_pack("{s:{s:i}, s:o, s:o, s:{s:{s:o}}, s:{s:b, s:b, s:b, s:{s:b}, s:{s:o}}}",
                             "_metadata", "major_version", 2, "display_information", display, "features",
                             features(app_name, command), "oauth_config", "scopes", "bot",
                             list(bot_scopes, ELEMENTSOF(bot_scopes)), "settings", "socket_mode_enabled",
                             true, "org_deploy_enabled", false, "token_rotation_enabled", false,
                             "interactivity", "is_enabled", true, "event_subscriptions", "bot_events",
                             list(bot_events, ELEMENTSOF(bot_events)));
        return json_dumps(manifest, JSON_INDENT(2));
}
