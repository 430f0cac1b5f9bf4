/* The command line of opencode-slack. */
#include <stdio.h>
#include <unistd.h>

#include "connectors/slack/manifest.h"
#include "gateway/gateway.h"
#include "gateway/routing-cli.h"

static const char usage[] =
        "opencode-slack: hand work to OpenCode from Slack\n"
        "\n"
        "  opencode-slack serve [-c FILE]          run the gateway (default file: gateway.yaml, if it is there)\n"
        "  opencode-slack check-config [-c FILE]   check the configuration and print the values in force\n"
        "  opencode-slack check-config --reference print every key, its default and its environment variable\n"
        "  opencode-slack doctor [-c FILE]         check tokens, Slack, OpenCode and the journal; say what to do\n"
        "  opencode-slack manifest [NAME]          print the Slack app manifest to create the app from\n"
        "  opencode-slack agents install [DIR]     write the agents architect, pm, builder and party-mode for OpenCode\n"
        "                                          (default: ~/.config/opencode/agents)\n"
        "  opencode-slack sessions [-c FILE]       list the sessions of the running gateway\n"
        "  opencode-slack sessions restore         make those of the state repository that are not there\n"
        "  opencode-slack flows [-c FILE]          list flows that were put aside after faults\n"
        "  opencode-slack flows retry REF          let one of them try again\n"
        "  opencode-slack routing [VERB]           which agent and model a task goes to: decide, evaluate, train, export\n"
        "  opencode-slack --version | --help\n"
        "\n"
        "Every key of the file can also be given as an environment variable, for example SLACK_BOT_TOKEN,\n"
        "SLACK_APP_TOKEN, GATEWAY_LISTEN, GATEWAY_STATE_DIR and GATEWAY_BRIDGE_TOKEN.\n";

typedef struct Args {
        const char *verb, *file, *words[4];
        size_t n_words;
        bool reference, bad;
} Args;

static Args parse_args(int argc, char **argv)
{
        Args a = {0};

        for (int i = 1; i < argc; i++) {
                if (str_equal(argv[i], "-c") && i + 1 < argc)
                        a.file = argv[++i];
                else if (str_equal(argv[i], "--reference"))
                        a.reference = true;
                else if (argv[i][0] == '-' && !str_equal(argv[i], "--version") &&
                         !str_equal(argv[i], "--help") && !str_equal(argv[i], "-h"))
                        a.bad = true;
                else if (!a.verb)
                        a.verb = argv[i];
                else if (a.n_words < ELEMENTSOF(a.words))
                        a.words[a.n_words++] = argv[i];
                else
                        a.bad = true;
        }
        return a;
}

static int load(const Args *args, GatewayConf *conf)
{
        _cleanup_free_ char *error = NULL;

        if (conf_load(args->file ? args->file : "gateway.yaml", args->file != NULL, conf, &error) < 0) {
                fprintf(stderr, "%s\n", error);
                return -1;
        }
        log_set_level(conf->gateway.log_level);
        return 0;
}

static int run_serve(const Args *args, const GatewayConf *conf)
{
        (void) args;
        return gateway_serve(conf);
}

static int run_check_config(const Args *args, const GatewayConf *conf)
{
        (void) args;
        conf_print(conf, stdout);
        return 0;
}

static int run_doctor(const Args *args, const GatewayConf *conf)
{
        (void) args;
        return gateway_doctor(conf);
}

static void print_sessions(const json_t *answer)
{
        size_t i;
        json_t *s;

        if (json_array_size(json_at(answer, "sessions")) == 0)
                printf("no sessions\n");
        json_array_foreach ((json_t *) json_at(answer, "sessions"), i, s)
                printf("%s  %-9s  %-9s  %s\n", json_str_or(s, "ref", ""), json_str_or(s, "state", ""),
                       json_str_or(s, "channel", ""), json_str_or(s, "title", ""));
}

static void print_restored(const json_t *answer)
{
        size_t i;
        json_t *one;

        printf("%lld sessions were read; those that the gateway has stay as they are\n",
               (long long) json_int(answer, "restored", 0));
        json_array_foreach ((json_t *) json_at(answer, "failed"), i, one)
                printf("%s: %s\n", json_str_or(one, "session", "?"), json_str_or(one, "error", "?"));
}

static int run_sessions(const Args *args, const GatewayConf *conf)
{
        if (args->n_words == 0)
                return gateway_remote(conf, "GET", "/api/sessions", print_sessions);
        if (args->n_words == 1 && str_equal(args->words[0], "restore"))
                return gateway_remote(conf, "POST", "/api/sessions/restore", print_restored);
        fputs(usage, stderr);
        return 2;
}

static void print_flows(const json_t *answer)
{
        size_t i;
        json_t *f;

        if (json_array_size(answer) == 0)
                printf("none was put aside\n");
        json_array_foreach ((json_t *) answer, i, f)
                printf("%s  %-10s  step %-10s  %s\n", json_str_or(f, "ref", ""), json_str_or(f, "kind", ""),
                       json_str_or(f, "step", ""), json_str_or(f, "error", ""));
}

static void print_retry(const json_t *answer)
{
        printf("%s tries again\n", json_str_or(answer, "retrying", "?"));
}

static int run_flows(const Args *args, const GatewayConf *conf)
{
        _cleanup_free_ char *path = NULL;

        if (args->n_words == 0)
                return gateway_remote(conf, "GET", "/api/flows?status=quarantined", print_flows);
        if (args->n_words != 2 || !str_equal(args->words[0], "retry")) {
                fputs(usage, stderr);
                return 2;
        }
        path = mem_printf("/api/flows/%s/retry", args->words[1]);
        return gateway_remote(conf, "POST", path, print_retry);
}

/* Without a configuration, too: the app has to exist before there are tokens. */
static int run_manifest(const Args *args)
{
        const char *command = getenv("GATEWAY_SLACK_COMMAND");
        _cleanup_free_ char *text = slack_manifest(args->n_words > 0 ? args->words[0] : "OpenCode",
                                                   command ? command : "/opencode");

        if (!text) {
                fprintf(stderr,
                        "the app's name must have 1 to 35 characters, and GATEWAY_SLACK_COMMAND must be a slash "
                        "command like /opencode\n");
                return 2;
        }
        printf("%s\n", text);
        return 0;
}

/* Without a configuration, too: this is about OpenCode, wherever it runs. */
static int run_agents(const Args *args)
{
        if (args->n_words < 1 || args->n_words > 2 || !str_equal(args->words[0], "install")) {
                fputs(usage, stderr);
                return 2;
        }
        return gateway_agents_install(args->n_words == 2 ? args->words[1] : NULL);
}

static const struct {
        const char *name;
        int (*run)(const Args *args, const GatewayConf *conf);
} verbs[] = {
        {"serve", run_serve},   {"check-config", run_check_config},
        {"doctor", run_doctor}, {"sessions", run_sessions},
        {"flows", run_flows},
};

static int run_configured(const Args *args)
{
        GatewayConf conf = {0};
        int r = 2;

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (str_equal(args->verb, verbs[i].name)) {
                        r = load(args, &conf) < 0 ? 1 : verbs[i].run(args, &conf);
                        conf_deinit(&conf);
                        return r;
                }
        fprintf(stderr, "opencode-slack: there is no verb \"%s\"; see opencode-slack --help\n", args->verb);
        return r;
}

int main(int argc, char **argv)
{
        Args args = parse_args(argc, argv);

        json_setup();
        if (argc > 1 && str_equal(argv[1], "routing"))
                return gateway_routing(argc - 2, argv + 2);
        if (args.bad || !args.verb) {
                fputs(usage, stderr);
                return 2;
        }
        if (str_equal(args.verb, "--help") || str_equal(args.verb, "-h") || str_equal(args.verb, "help")) {
                fputs(usage, stdout);
                return 0;
        }
        if (str_equal(args.verb, "--version")) {
                printf("opencode-slack %s\n", PROJECT_VERSION);
                return 0;
        }
        if (str_equal(args.verb, "manifest"))
                return run_manifest(&args);
        if (str_equal(args.verb, "agents"))
                return run_agents(&args);
        if (str_equal(args.verb, "check-config") && args.reference) {
                conf_print_reference(stdout);
                return 0;
        }
        return run_configured(&args);
}
