#include "conf/conf-schema.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>

/* --- checks --- */

static const char *check_bot_token(const char *text)
{
        if (str_starts_with(text, "xapp-"))
                return "must be the bot token (xoxb-…), and this is an app-level token: were the two swapped?";
        return str_starts_with(text, "xoxp-") ? "must be the bot token (xoxb-…), and this is a user token"
                                              : NULL;
}

static const char *check_app_token(const char *text)
{
        if (str_starts_with(text, "xoxb-"))
                return "must be the app-level token (xapp-…), and this is a bot token: were the two swapped?";
        return str_starts_with(text, "xapp-") ? NULL : "must be an app-level token, which begins with xapp-";
}

const char *conf_check_url(const char *text)
{
        const char *host = str_starts_with(text, "https://")  ? text + 8
                           : str_starts_with(text, "http://") ? text + 7
                                                              : NULL;

        if (!host || strpbrk(text, " \t\"<>\\"))
                return "must be a URL that begins with https:// or http://";
        if (!*host || *host == '/' || *host == ':')
                return "must be a URL with a host name";
        if (memchr(host, '@', strcspn(host, "/?#")))
                return "must not have a user name or password in it";
        return strpbrk(text, "?#") ? "must be a URL without ? and #" : NULL;
}

static const char *check_command(const char *text)
{
        size_t n = text[0] == '/' ? strspn(text + 1, "abcdefghijklmnopqrstuvwxyz0123456789_-") : 0;

        return n >= 1 && n <= 31 && !text[1 + n] ? NULL : "must be a slash and 1 to 31 of a-z, 0-9, _ and -";
}

static bool is_slack_id(const char *text, const char *first)
{
        size_t n = strlen(text);

        if (n < 3 || n > 64 || !strchr(first, text[0]))
                return false;
        for (size_t i = 1; i < n; i++)
                if (!isupper((unsigned char) text[i]) && !isdigit((unsigned char) text[i]))
                        return false;
        return true;
}

static const char *check_user(const char *text)
{
        return is_slack_id(text, "UW")
                       ? NULL
                       : "must be member ids such as U012AB3CD (profile, then Copy member ID), not names";
}

static const char *check_channel(const char *text)
{
        return is_slack_id(text, "CGD")
                       ? NULL
                       : "must be channel ids such as C012AB3CD (at the end of the channel's details), "
                         "not names";
}

static const char *check_listen(const char *text)
{
        const char *colon = strrchr(text, ':');
        char *end;
        long port;

        if (!colon || colon == text || !isdigit((unsigned char) colon[1]))
                return "must be an address and a port, such as 127.0.0.1:8000 or [::1]:8000";
        port = strtol(colon + 1, &end, 10);
        if (*end || port > 65535)
                return "must have a port from 0 (any) to 65535";
        if (text[0] == '[' ? colon[-1] != ']' : memchr(text, ':', (size_t) (colon - text)) != NULL)
                return "must have an IPv6 address in brackets, such as [::1]:8000";
        return NULL;
}

static const char *check_database(const char *text)
{
        if (str_starts_with(text, "postgres://") || str_starts_with(text, "postgresql://") ||
            strcmp(text, "memory:") == 0 || (str_starts_with(text, "sqlite:") && text[7]))
                return NULL;
        return "must be empty (SQLite in gateway.state_dir), sqlite:PATH, postgres://…, or memory: (nothing survives a "
               "restart)";
}

static const char *check_bridge_token(const char *text)
{
        if (strlen(text) < 8)
                return "must have at least 8 characters, for example from: openssl rand -hex 32";
        return strpbrk(text, " \t") ? "must not contain spaces" : NULL;
}

static const char *check_absolute(const char *text)
{
        return text[0] == '/' ? NULL : "must be an absolute path";
}

const char *conf_check_model(const char *text)
{
        const char *slash = strchr(text, '/');

        return slash && slash != text && slash[1]
                       ? NULL
                       : "must be provider/model, such as anthropic/claude-sonnet-4-5";
}

static const char *check_remote(const char *text)
{
        const char *host = strstr(text, "://"),
                   *at = host ? memchr(host, '@', 3 + strcspn(host + 3, "/?#")) : NULL;

        /* What else an address has to be, git's names module says when it is used. */
        if (strpbrk(text, " \t") || text[0] == '-' || !strchr(text, ':'))
                return "must be an address such as https://host/owner/name.git or git@host:owner/name.git";
        return at && memchr(host + 3, ':', (size_t) (at - host - 3))
                       ? "must not have a password in it: give it to git's credential helper"
                       : NULL;
}

static const char *check_maker(const char *text)
{
        return str_equal(text, "native") || str_equal(text, "task") || str_equal(text, "par")
                       ? NULL
                       : "must be native, task or par";
}

/* --- the table --- */

#define AT(_field) .offset = offsetof(GatewayConf, _field)

const ConfItem conf_items[] = {
        {"slack", "bot_token", "SLACK_BOT_TOKEN", CONF_SECRET, AT(slack.bot_token), .check = check_bot_token,
         .where = "the bot token (xoxb-…), from https://api.slack.com/apps → your app → OAuth & Permissions",
         .meaning = "The app's bot token (xoxb-…)."},
        {"slack", "app_token", "SLACK_APP_TOKEN", CONF_SECRET, AT(slack.app_token), .check = check_app_token,
         .where =
                 "an app-level token (xapp-…) with connections:write, from https://api.slack.com/apps → your app → "
                 "Basic Information → App-Level Tokens",
         .meaning = "An app-level token (xapp-…) with the scope connections:write, for Socket Mode."},
        {"slack", "api_url", "SLACK_API_URL", CONF_TEXT, AT(slack.api_url),
         .fallback = "https://slack.com/api/", .check = conf_check_url,
         .meaning = "Where Slack's Web API is; localslack's when trying things out."},
        {"slack", "sockets", "GATEWAY_SLACK_SOCKETS", CONF_INT, AT(slack.sockets), .fallback = "2", .min = 1,
         .max = 4,
         .meaning = "Socket Mode connections held at once; with two, none is missed while one is renewed."},
        {"slack", "command", "GATEWAY_SLACK_COMMAND", CONF_TEXT, AT(slack.command), .fallback = "/opencode",
         .check = check_command, .meaning = "The slash command, as in the app's manifest."},
        {"slack", "allow_users", "GATEWAY_SLACK_ALLOW_USERS", CONF_LIST, AT(slack.allow_users),
         .check = check_user,
         .meaning = "Member ids of those who may use the app; empty: everybody in the workspace."},
        {"slack", "allow_channels", "GATEWAY_SLACK_ALLOW_CHANNELS", CONF_LIST, AT(slack.allow_channels),
         .check = check_channel, .meaning = "Channel ids in which the app may be used; empty: all."},
        {"slack", "approvers", "GATEWAY_SLACK_APPROVERS", CONF_LIST, AT(slack.approvers), .check = check_user,
         .meaning = "Member ids of those who may answer permissions; empty: everybody who may use the app."},
        {"slack", "catch_up_max_age_s", "GATEWAY_SLACK_CATCH_UP_MAX_AGE_S", CONF_INT,
         AT(slack.catch_up_max_age_s), .fallback = "86400", .min = 0, .max = 2592000,
         .meaning =
                 "What was said while the gateway was away is done when it is at most so old; older messages are counted "
                 "and named only."},
        {"slack", "catch_up_overlap_s", "GATEWAY_SLACK_CATCH_UP_OVERLAP_S", CONF_INT,
         AT(slack.catch_up_overlap_s), .fallback = "120", .min = 0, .max = 3600,
         .meaning =
                 "How far before a gap reading begins, for messages that were on their way when it began and for "
                 "clocks that differ; beyond the 25 s in which a dead connection may not have been noticed."},
        {"slack", "echo_wait_ms", "GATEWAY_SLACK_ECHO_WAIT_MS", CONF_INT, AT(slack.echo_wait_ms),
         .fallback = "25000", .min = 500, .max = 600000,
         .meaning =
                 "An own message that does not come back as an event within this time, where others did, is a sign of "
                 "a connection that is open and deaf."},

        {"gateway", "listen", "GATEWAY_LISTEN", CONF_TEXT, AT(gateway.listen), .fallback = "127.0.0.1:8000",
         .check = check_listen, .meaning = "Address and port for the plugin, the API and the metrics."},
        {"gateway", "advertise_url", "GATEWAY_ADVERTISE_URL", CONF_TEXT, AT(gateway.advertise_url),
         .check = conf_check_url,
         .meaning =
                 "Where other gateways on the same PostgreSQL reach this one, such as http://10.0.0.7:8000; empty: "
                 "gateway.listen."},
        {"gateway", "state_dir", "GATEWAY_STATE_DIR", CONF_TEXT, AT(gateway.state_dir), .fallback = "./state",
         .meaning = "Directory of the journal; made when it does not exist."},
        {"gateway", "database_url", "GATEWAY_DATABASE_URL", CONF_SECRET, AT(gateway.database_url),
         .check = check_database,
         .meaning =
                 "The journal: empty for SQLite in state_dir, or sqlite:PATH, or memory:; or postgres://user@host/name, "
                 "which several gateways may share."},
        {"gateway", "bridge_token", "GATEWAY_BRIDGE_TOKEN", CONF_SECRET, AT(gateway.bridge_token),
         .check = check_bridge_token,
         .where =
                 "any long random text, for example from: openssl rand -hex 32; the same in GATEWAY_BRIDGE_TOKEN where "
                 "OpenCode runs",
         .meaning = "What the plugin must present; the same text as its GATEWAY_BRIDGE_TOKEN."},
        {"gateway", "log_level", "GATEWAY_LOG_LEVEL", CONF_LEVEL, AT(gateway.log_level), .fallback = "info",
         .meaning = "debug, info, warn or error."},

        {"opencode", "url", "OPENCODE_URL", CONF_TEXT, AT(opencode.url), .fallback = "http://127.0.0.1:4096",
         .check = conf_check_url, .meaning = "Where `opencode serve` listens; used to wake it up."},
        {"opencode", "password", "OPENCODE_SERVER_PASSWORD", CONF_SECRET, AT(opencode.password),
         .meaning = "OpenCode's server password, when it has one."},
        {"opencode", "directory", "OPENCODE_DIRECTORY", CONF_TEXT, AT(opencode.directory),
         .check = check_absolute,
         .where = "the absolute path, where OpenCode runs, of the directory in which sessions start",
         .meaning = "The directory in which sessions start: an absolute path where OpenCode runs."},
        {"opencode", "agent", "GATEWAY_OPENCODE_AGENT", CONF_TEXT, AT(opencode.agent),
         .meaning = "The agent for new sessions; empty: OpenCode's default."},
        {"opencode", "model", "GATEWAY_OPENCODE_MODEL", CONF_TEXT, AT(opencode.model),
         .check = conf_check_model,
         .meaning = "The model for new sessions, as provider/model; empty: OpenCode's default."},
        {"opencode", "web_url", "GATEWAY_OPENCODE_WEB_URL", CONF_TEXT, AT(opencode.web_url),
         .check = conf_check_url,
         .meaning =
                 "Where people reach OpenCode's web page, for the Open in OpenCode button; empty: opencode.url."},

        {"models", "default", "GATEWAY_MODELS_DEFAULT", CONF_TEXT, AT(models.default_profile),
         .meaning =
                 "The profile of new sessions for which nothing else was decided; empty: opencode.model, and without it "
                 "the first profile."},
        {"models", "failing_after", "GATEWAY_MODELS_FAILING_AFTER", CONF_INT, AT(models.failing_after),
         .fallback = "2", .min = 1, .max = 5,
         .meaning =
                 "A model counts as failing when OpenCode has tried it so often in one turn; then the thread is asked."},
        {"models", "check_interval_s", "GATEWAY_MODELS_CHECK_INTERVAL_S", CONF_INT,
         AT(models.check_interval_s), .fallback = "30", .min = 1, .max = 60,
         .meaning =
                 "The shortest time between two checks of one profile, and how often a failing one is looked at."},
        {"models", "wait_s", "GATEWAY_MODELS_WAIT_S", CONF_INT, AT(models.wait_s), .fallback = "120",
         .min = 1, .max = 120,
         .meaning = "How long a failing model is looked at before only a person goes on."},

        {"workspace", "repositories_root", "GATEWAY_WORKSPACE_REPOSITORIES_ROOT", CONF_TEXT,
         AT(workspace.repositories_root), .check = check_absolute,
         .meaning = "The directory below which repositories are found, two levels deep: an absolute path."},
        {"workspace", "remotes", "GATEWAY_WORKSPACE_REMOTES", CONF_LIST, AT(workspace.remotes),
         .check = check_remote,
         .meaning = "Addresses of repositories that are offered, too, and cloned when they are first used."},
        {"workspace", "builders_dir", "GATEWAY_WORKSPACE_BUILDERS_DIR", CONF_TEXT, AT(workspace.builders_dir),
         .check = check_absolute,
         .meaning =
                 "Where workspaces are made, an absolute path; empty: .builders in workspace.repositories_root."},
        {"workspace", "maker", "GATEWAY_WORKSPACE_MAKER", CONF_TEXT, AT(workspace.maker),
         .fallback = "native", .check = check_maker,
         .meaning =
                 "What makes workspaces: native (the gateway itself), task (`task builder:init BUILDER_NAME=… REPOS=…`) "
                 "or par (`par workspace start`)."},
        {"workspace", "project_list", "GATEWAY_WORKSPACE_PROJECT_LIST", CONF_TEXT, AT(workspace.project_list),
         .check = check_absolute,
         .meaning =
                 "The list of projects, an absolute path; empty: .ai/projectlist.md in workspace.repositories_root."},

        {"state", "directory", "GATEWAY_STATE_DIRECTORY", CONF_TEXT, AT(state.directory),
         .check = check_absolute,
         .meaning =
                 "The git repository with one .session-state.yaml for each session, an absolute path; made, or cloned "
                 "from state.remote, when it does not exist. Empty: none is kept."},
        {"state", "remote", "GATEWAY_STATE_REMOTE", CONF_TEXT, AT(state.remote), .check = check_remote,
         .meaning = "Where the state repository is pushed; empty: nowhere, or to the origin that it has."},

        {"routing", "model", "GATEWAY_ROUTING_MODEL", CONF_TEXT, AT(routing.model), .check = check_absolute,
         .meaning =
                 "A file of `opencode-slack routing train`, an absolute path, in the place of the model that is built in; "
                 "read at the start."},

        {"limits", "queued_prompts", "GATEWAY_LIMITS_QUEUED_PROMPTS", CONF_INT, AT(limits.queued_prompts),
         .fallback = "50", .min = 1, .max = 1000,
         .meaning = "Messages that may wait in one thread; more are refused with a reason."},
        {"limits", "message_bytes", "GATEWAY_LIMITS_MESSAGE_BYTES", CONF_INT, AT(limits.message_bytes),
         .fallback = "100000", .min = 1000, .max = 200000,
         .meaning = "The longest message taken as a prompt."},

        {"progress", "interval_ms", "GATEWAY_PROGRESS_INTERVAL_MS", CONF_INT, AT(progress.interval_ms),
         .fallback = "1500", .min = 1000, .max = 60000,
         .meaning = "The shortest time between two edits of a session's progress message."},
};
const size_t conf_n_items = ELEMENTSOF(conf_items);

const ConfItem *conf_item_find(const char *section, const char *key)
{
        for (size_t i = 0; i < conf_n_items; i++)
                if (str_equal(conf_items[i].section, section) && str_equal(conf_items[i].key, key))
                        return &conf_items[i];
        return NULL;
}

bool conf_section_exists(const char *section)
{
        for (size_t i = 0; i < conf_n_items; i++)
                if (str_equal(conf_items[i].section, section))
                        return true;
        return false;
}

/* --- fields --- */

void *conf_item_field(const ConfItem *item, GatewayConf *conf)
{
        return (char *) conf + item->offset;
}

void conf_item_clear(const ConfItem *item, GatewayConf *conf)
{
        void *field = conf_item_field(item, conf);

        switch (item->type) {
        case CONF_TEXT: mem_strset(field, NULL); break;
        case CONF_SECRET: secret_deinit(field); break;
        case CONF_INT: *(int64_t *) field = 0; break;
        case CONF_LEVEL: *(LogLevel *) field = LOG_DEBUG; break;
        case CONF_LIST: {
                ConfList *list = field;

                for (size_t i = 0; i < list->n; i++)
                        free(list->items[i]);
                free(list->items);
                *list = (ConfList){0};
        }
        }
}

bool conf_item_is_set(const ConfItem *item, const GatewayConf *conf)
{
        const void *field = (const char *) conf + item->offset;

        switch (item->type) {
        case CONF_TEXT: return !str_empty(*(char *const *) field);
        case CONF_SECRET: return secret_is_set(field);
        case CONF_LIST: return ((const ConfList *) field)->n > 0;
        case CONF_INT:
        case CONF_LEVEL: return true;
        }
        return false;
}

static const char *set_int(const ConfItem *item, int64_t *field, const char *text, bool plain)
{
        static char why[64];
        char *end;
        long long value;

        errno = 0;
        value = strtoll(text, &end, 10);
        if (!plain || *end || end == text || isspace((unsigned char) text[0]))
                return plain ? "must be a whole number" : "must be a whole number, without quotes";
        if (errno || value < item->min || value > item->max) {
                snprintf(why, sizeof(why), "must be %lld to %lld", (long long) item->min,
                         (long long) item->max);
                return why;
        }
        *field = value;
        return NULL;
}

static const char *append(ConfList *list, const char *text)
{
        if (list->n >= CONF_LIST_MAX)
                return "must not have more than 1000 elements";
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i], text) == 0)
                        return "must not name anything twice";
        list->items = mem_resize(list->items, (list->n + 2) * sizeof(*list->items));
        list->items[list->n++] = mem_strdup(text);
        list->items[list->n] = NULL;
        return NULL;
}

const char *conf_check_line(const char *text)
{
        if (strlen(text) > CONF_TEXT_MAX_BYTES)
                return "must not be longer than 4096 bytes";
        for (const char *s = text; *s; s++)
                if (iscntrl((unsigned char) *s))
                        return "must be one line, without control characters";
        return NULL;
}

const char *conf_item_set(const ConfItem *item, GatewayConf *conf, const char *text, bool plain)
{
        void *field = conf_item_field(item, conf);
        const char *why;

        why = conf_check_line(text);
        if (why)
                return why;
        if (!*text && item->fallback)
                return "must not be empty";
        why = item->check && *text ? item->check(text) : NULL;
        if (why)
                return why;
        switch (item->type) {
        case CONF_TEXT: mem_strset(field, text); return NULL;
        case CONF_SECRET: secret_set(field, text); return NULL;
        case CONF_INT: return set_int(item, field, text, plain);
        case CONF_LIST: return *text ? append(field, text) : "must not have empty elements";
        case CONF_LEVEL:
                return log_level_from_string(text, field) ? NULL : "must be debug, info, warn or error";
        }
        return "has an unknown type";
}

void conf_error(ConfErrors *errors, const char *format, ...)
{
        _cleanup_free_ char *line = NULL;
        va_list ap;
        int n;

        if (errors->n++ >= CONF_ERRORS_MAX)
                return;
        va_start(ap, format);
        n = vasprintf(&line, format, ap);
        va_end(ap);
        if (n < 0)
                abort(); /* as every allocation of the process does */
        if (buf_len(&errors->text) > 0)
                buf_append_char(&errors->text, '\n');
        buf_append_str(&errors->text, line);
}
