#include "options.h"

#include <getopt.h>
#include <stdio.h>

#include "net/url.h"
#include "switches.h"

static const char usage[] =
        "Usage: localslack [OPTION]…\n"
        "A Slack for one app, on this machine: Socket Mode or signed HTTP, the Web API, a page for people, and\n"
        "addresses under /_local/ with which tests act, look and break things. See its README.\n\n"
        "Where:\n"
        "  --listen HOST:PORT        where to listen (127.0.0.1:3000; port 0 = any free one)\n"
        "  --state FILE              load the workspace from FILE if it exists; save it there at the end,\n"
        "                            on SIGUSR1, and while it changes\n"
        "  --save-every SECONDS      how often, when something changed (30; 0 = only at the end)\n\n"
        "The app:\n"
        "  --app-name NAME           name of the app and of its bot user (opencode)\n"
        "  --slash-command '/NAME [usage hint]'\n"
        "                            a command of the app; may be given several times (/opencode)\n"
        "  --shortcut KIND:CALLBACK_ID:NAME\n"
        "                            a shortcut of the app, KIND is global or message\n"
        "  --bot-token TOKEN         the only xoxb- token to accept (any)\n"
        "  --app-token TOKEN         the only xapp- token to accept (any)\n"
        "  --socket-lifetime SECONDS approximate_connection_time of a socket (18060)\n\n"
        "Delivery by HTTP instead of Socket Mode:\n"
        "  --http-events URL         where events go\n"
        "  --http-interactive URL    where clicks, shortcuts and modals go\n"
        "  --http-commands URL       where slash commands go\n"
        "  --signing-secret SECRET   with which requests are signed (local-signing-secret)\n\n"
        "Behaviour:\n"
        "  --switch NAME=VALUE       set a switch; may be given several times\n"
        "  --list-switches           what there is to be set, with defaults and reasons\n"
        "  --scenario FILE           play a file of people's acts and faults (YAML)\n"
        "  --no-rate-limits          the same as --switch rate_limits=false\n"
        "  --record-mb N             how much of what happened is kept: calls, frames … (3)\n\n"
        "  --quiet                   do not log\n"
        "  --help, --version\n";

enum {
        OPTION_LISTEN = 256,
        OPTION_BOT_TOKEN,
        OPTION_APP_TOKEN,
        OPTION_APP_NAME,
        OPTION_COMMAND,
        OPTION_SHORTCUT,
        OPTION_LIFETIME,
        OPTION_STATE,
        OPTION_SAVE_EVERY,
        OPTION_HTTP_EVENTS,
        OPTION_HTTP_INTERACTIVE,
        OPTION_HTTP_COMMANDS,
        OPTION_SIGNING_SECRET,
        OPTION_SWITCH,
        OPTION_LIST_SWITCHES,
        OPTION_SCENARIO,
        OPTION_NO_RATE_LIMITS,
        OPTION_RECORD_MB,
        OPTION_QUIET,
        OPTION_HELP,
        OPTION_VERSION
};

static const struct option known[] = {
        {"listen", required_argument, NULL, OPTION_LISTEN},
        {"bot-token", required_argument, NULL, OPTION_BOT_TOKEN},
        {"app-token", required_argument, NULL, OPTION_APP_TOKEN},
        {"app-name", required_argument, NULL, OPTION_APP_NAME},
        {"slash-command", required_argument, NULL, OPTION_COMMAND},
        {"shortcut", required_argument, NULL, OPTION_SHORTCUT},
        {"socket-lifetime", required_argument, NULL, OPTION_LIFETIME},
        {"state", required_argument, NULL, OPTION_STATE},
        {"save-every", required_argument, NULL, OPTION_SAVE_EVERY},
        {"http-events", required_argument, NULL, OPTION_HTTP_EVENTS},
        {"http-interactive", required_argument, NULL, OPTION_HTTP_INTERACTIVE},
        {"http-commands", required_argument, NULL, OPTION_HTTP_COMMANDS},
        {"signing-secret", required_argument, NULL, OPTION_SIGNING_SECRET},
        {"switch", required_argument, NULL, OPTION_SWITCH},
        {"list-switches", no_argument, NULL, OPTION_LIST_SWITCHES},
        {"scenario", required_argument, NULL, OPTION_SCENARIO},
        {"no-rate-limits", no_argument, NULL, OPTION_NO_RATE_LIMITS},
        {"record-mb", required_argument, NULL, OPTION_RECORD_MB},
        {"quiet", no_argument, NULL, OPTION_QUIET},
        {"help", no_argument, NULL, OPTION_HELP},
        {"version", no_argument, NULL, OPTION_VERSION},
        {0},
};

void options_init(Options *o)
{
        *o = (Options){.listen = "127.0.0.1:3000",
                       .app_name = "opencode",
                       .socket_lifetime_s = 18060,
                       .signing_secret = "local-signing-secret",
                       .save_every_s = OPTIONS_SAVE_EVERY_S,
                       .record_mb = OPTIONS_RECORD_MB};
}

static int wrong(const char *what, const char *value)
{
        fprintf(stderr, "localslack: %s, not %s\n", what, value);
        return -1;
}

static int read_number(const char *text, int64_t min, const char *what, int64_t *ret)
{
        char *end;
        long long n = strtoll(text, &end, 10);

        if (end == text || *end || n < min || n > 1000000000)
                return wrong(what, text);
        *ret = n;
        return 0;
}

static int read_url(const char *text, const char **ret)
{
        Url url;
        bool ok = url_parse(text, &url) == 0 &&
                  (str_equal(url.scheme, "http") || str_equal(url.scheme, "https"));

        url_deinit(&url);
        if (!ok)
                return wrong("the address of an app is http://… or https://…", text);
        *ret = text;
        return 0;
}

/* "/deploy", or with what the page shows behind it: "/deploy [service] [version]". */
static int add_command(Options *o, const char *text)
{
        size_t n = strcspn(text, " ");

        if (*text != '/' || n < 2 || n > 33)
                return wrong("a slash command is / and a name of at most 32 characters", text);
        if (o->n_slash_commands == SLASH_COMMANDS_MAX)
                return wrong("an app has at most 50 slash commands; one too many", text);
        memcpy(o->command_names[o->n_slash_commands], text, n);
        o->slash_commands[o->n_slash_commands] = o->command_names[o->n_slash_commands];
        o->usage_hints[o->n_slash_commands++] = text + n + strspn(text + n, " ");
        return 0;
}

/* "global:callback_id:Name" or "message:callback_id:Name". */
static int add_shortcut(Options *o, const char *text)
{
        static const char how[] =
                "a shortcut is global:CALLBACK_ID:NAME or message:CALLBACK_ID:NAME, at most 10";
        OptionsShortcut *s = &o->shortcuts[o->n_shortcuts];
        bool is_global = str_starts_with(text, "global:");
        const char *id = strchr(text, ':'), *name = id ? strchr(id + 1, ':') : NULL;
        size_t n = name ? (size_t) (name - id - 1) : 0;

        if ((!is_global && !str_starts_with(text, "message:")) || n == 0 || n >= sizeof(s->callback_id) ||
            !name[1] || o->n_shortcuts == SHORTCUTS_MAX)
                return wrong(how, text);
        s->is_global = is_global;
        memcpy(s->callback_id, id + 1, n);
        s->callback_id[n] = 0;
        s->name = name + 1;
        o->n_shortcuts++;
        return 0;
}

static int add_switch(Options *o, const char *text)
{
        Switches tried;
        _cleanup_free_ char *error = NULL;

        switches_init(&tried);
        error = switches_set_text(&tried, text);
        switches_deinit(&tried);
        if (!error && o->n_switches == OPTIONS_SWITCHES_MAX)
                error = mem_strdup("too many switches");
        if (error) {
                fprintf(stderr, "localslack: --switch %s: %s\n", text, error);
                return -1;
        }
        o->switches[o->n_switches++] = text;
        return 0;
}

static int list_switches(void)
{
        Switches s;
        json_t *all, *row;
        size_t i;

        switches_init(&s);
        all = switches_describe(&s);
        switches_deinit(&s);
        json_array_foreach (all, i, row) {
                _cleanup_free_ char *value = json_dumps(json_object_get(row, "default"), JSON_ENCODE_ANY);

                printf("%s=%s\n    %s%s%s\n", json_str(row, "name"), value, json_str_or(row, "choices", ""),
                       json_str(row, "choices") ? ": " : "", json_str(row, "why"));
        }
        json_decref(all);
        return 1;
}

static int read_one(Options *o, int option, const char *value)
{
        switch (option) {
        case OPTION_LISTEN: o->listen = value; return 0;
        case OPTION_BOT_TOKEN: o->bot_token = value; return 0;
        case OPTION_APP_TOKEN: o->app_token = value; return 0;
        case OPTION_APP_NAME: o->app_name = value; return 0;
        case OPTION_COMMAND: return add_command(o, value);
        case OPTION_SHORTCUT: return add_shortcut(o, value);
        case OPTION_LIFETIME:
                return read_number(value, 1, "--socket-lifetime takes seconds, 1 at least",
                                   &o->socket_lifetime_s);
        case OPTION_STATE: o->state = value; return 0;
        case OPTION_SAVE_EVERY: return read_number(value, 0, "--save-every takes seconds", &o->save_every_s);
        case OPTION_HTTP_EVENTS: return read_url(value, &o->http_events);
        case OPTION_HTTP_INTERACTIVE: return read_url(value, &o->http_interactive);
        case OPTION_HTTP_COMMANDS: return read_url(value, &o->http_commands);
        case OPTION_SIGNING_SECRET: o->signing_secret = value; return 0;
        case OPTION_SWITCH: return add_switch(o, value);
        case OPTION_LIST_SWITCHES: return list_switches();
        case OPTION_SCENARIO: o->scenario = value; return 0;
        case OPTION_NO_RATE_LIMITS: return add_switch(o, "rate_limits=false");
        case OPTION_RECORD_MB:
                if (read_number(value, 1, "--record-mb takes a number from 1 to 4096", &o->record_mb) < 0)
                        return -1;
                return o->record_mb <= 4096 ? 0 : wrong("--record-mb takes a number from 1 to 4096", value);
        case OPTION_QUIET: o->quiet = true; return 0;
        case OPTION_HELP: fputs(usage, stdout); return 1;
        case OPTION_VERSION: puts("localslack " PROJECT_VERSION); return 1;
        default: fputs("localslack --help lists the options\n", stderr); return -1;
        }
}

static bool listen_valid(const char *text)
{
        const char *colon = strrchr(text, ':');
        size_t n_port = colon ? strlen(colon + 1) : 0;

        return colon && n_port > 0 && n_port <= 5 && strspn(colon + 1, "0123456789") == n_port &&
               atoi(colon + 1) <= 65535;
}

int options_read(int argc, char **argv, Options *ret)
{
        int option, r;

        optind = 0; /* from the start, also when called again */
        options_init(ret);
        while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
                r = read_one(ret, option, optarg);
                if (r != 0)
                        return r;
        }
        if (optind < argc)
                return wrong("there are options only, see --help", argv[optind]);
        if (!listen_valid(ret->listen))
                return wrong("--listen takes HOST:PORT", ret->listen);
        if (str_empty(ret->signing_secret))
                return wrong("--signing-secret must not be empty", "\"\"");
        if (ret->n_slash_commands == 0)
                add_command(ret, "/opencode");
        return 0;
}
