/* Start, life and end of the daemon.
 *
 * Start: journal → engine (takes up what a restart left) → HTTP (the plugin can connect) → where several
 * share the journal, our part of it → who are we at Slack? → sockets. End, on SIGTERM or SIGINT: sockets are
 * closed with a close frame while what still arrives is made durable, then the engine commits what is open; a
 * second signal ends at once, which costs nothing that a crash would not. */
#include "gateway/gateway.h"

#include <signal.h>

#include "base/error.h"
#include "connectors/slack/slack-asks.h"
#include "core/flows/flows.h"
#include "core/routing-train.h"
#include "gateway/relay.h"
#include "integrations/opencode/opencode-asks.h"

#define IDENTIFY_AGAIN_MS 5000
#define OFFLINE_AFTER_MS  5000
#define HEARTBEAT_MS      15000
#define STOP_PATIENCE_MS  10000 /* then what a full disk has not taken stays with Slack and the plugin */
#define REQUEST_BODY_MAX  (1024 * 1024)

static void finish(void *userdata)
{
        Gateway *g = userdata;

        loop_stop(g->loop);
}

static void stop_anyway(void *userdata)
{
        log_warn("gateway",
                 "stopping without the journal: what was not committed was not acknowledged either");
        finish(userdata);
}

static void sockets_closed(void *userdata)
{
        Gateway *g = userdata;

        flow_engine_stop(g->engine, finish, g);
}

static void stop(Gateway *g, int exit_code)
{
        if (g->stopping) {
                loop_stop(g->loop);
                return;
        }
        g->stopping = true;
        g->exit_code = exit_code;
        health_stop(g->health);
        log_info("gateway", "stopping");
        loop_timer_set(g->stop_anyway, STOP_PATIENCE_MS);
        bridge_stop(g->bridge);
        if (g->replica)
                replica_leave(g->replica);
        if (g->sockets)
                slack_socket_stop(g->sockets, sockets_closed, g);
        else
                sockets_closed(g);
}

static void on_signal(void *userdata)
{
        stop(userdata, 0);
}

/* ---- who are we at Slack? ---- */

static bool is_hopeless(const char *error)
{
        static const char *const hopeless[] = {"invalid_auth",  "not_authed",    "account_inactive",
                                               "token_revoked", "token_expired", "not_allowed_token_type",
                                               "team_disabled"};

        for (size_t i = 0; i < ELEMENTSOF(hopeless); i++)
                if (str_equal(error, hopeless[i]))
                        return true;
        return false;
}

static void on_identity(void *userdata, const SlackWebResult *result)
{
        Gateway *g = userdata;

        if (g->stopping)
                return;
        mem_strset(&g->slack_error, result->outcome == SLACK_WEB_OK ? NULL : result->error);
        if (result->outcome == SLACK_WEB_OK) {
                g->identity = json_deep_copy(result->body);
                g->intake.bot_user = json_str_or(g->identity, "user_id", "");
                g->intake.workspace_url = json_str(g->identity, "url");
                log_info("gateway", "signed in to Slack as %s (%s) in %s",
                         json_str_or(g->identity, "user", "?"), g->intake.bot_user,
                         json_str_or(g->identity, "team", "?"));
                gateway_start_sockets(g);
                return;
        }
        if (is_hopeless(result->error)) {
                log_error("gateway",
                          "Slack refuses the bot token (%s): check SLACK_BOT_TOKEN; "
                          "`opencode-slack doctor` tells more",
                          result->error);
                stop(g, 1);
                return;
        }
        log_warn("gateway", "Slack cannot be reached (%s), trying again", result->error);
        loop_timer_set(g->identify_again, MAX2(result->retry_after_ms, (int64_t) IDENTIFY_AGAIN_MS));
}

static void identify(void *userdata)
{
        Gateway *g = userdata;

        slack_web_call(g->web, "auth.test", json_object(), on_identity, g);
}

static void on_socket_state(void *userdata, unsigned n_live, const char *error)
{
        Gateway *g = userdata;

        mem_strset(&g->slack_error, error);
        gateway_tell_connections(g);
        if (error)
                log_warn("gateway", "Slack: %u live sockets, and no further one (%s)", n_live, error);
        else
                log_info("gateway", "Slack: %u live sockets", n_live);
        if (!g->stopping)
                health_on_sockets(g->health, n_live);
}

static void on_socket_notice(void *userdata, SlackSocketNotice notice)
{
        Gateway *g = userdata;

        if (!g->stopping)
                health_on_notice(g->health, notice);
}

/* ---- the bridge comes and goes ---- */

static void on_offline(void *userdata)
{
        gateway_tell_offline(userdata);
}

static void on_bridge_connected(void *userdata, const char *bridge_id, bool connected)
{
        Gateway *g = userdata;

        log_info("gateway", "bridge %s %s", bridge_id, connected ? "connected" : "gone");
        gateway_bridges_changed(g);
}

static void on_heartbeat(void *userdata)
{
        Gateway *g = userdata;

        gateway_publish(g, "heartbeat", json_object());
        loop_timer_set(g->heartbeat, HEARTBEAT_MS);
}

/* ---- start ---- */

static json_t *session_defaults(const GatewayConf *conf)
{
        json_t *defaults = json_object();

        json_put_str(defaults, "directory", conf->opencode.directory);
        json_put_str(defaults, "agent", conf->opencode.agent);
        json_put_str(defaults, "model", conf->opencode.model);
        json_put_str(defaults, "web_url", conf->opencode.web_url);
        json_put_str(defaults, "command", conf->slack.command);
        json_put_int(defaults, "queue_max", conf->limits.queued_prompts);
        json_object_set_new(defaults, "state", json_boolean(!str_empty(conf->state.directory)));
        gateway_models_defaults(conf, defaults);
        return defaults;
}

static json_t *offer(void *gateway)
{
        return gateway_offer(gateway);
}

static void fill_intake(Gateway *g)
{
        const GatewayConf *conf = g->conf;

        g->defaults = session_defaults(conf);
        g->intake = (IntakeContext){
                .command = conf->slack.command,
                .allow_users = (const char *const *) conf->slack.allow_users.items,
                .allow_channels = (const char *const *) conf->slack.allow_channels.items,
                .approvers = (const char *const *) conf->slack.approvers.items,
                .defaults = g->defaults,
                .max_text_bytes = (size_t) conf->limits.message_bytes,
                .offer = offer,
                .offer_of = g,
        };
        g->m.ack_ms = metrics_histogram(g->metrics, "slack_ack_seconds",
                                        "From an envelope to its acknowledgement.", NULL);
        g->m.bad_payloads = metrics_counter(g->metrics, "slack_bad_payloads_total",
                                            "Payloads that cannot be read.", NULL);
        g->m.turns_refused =
                metrics_counter(g->metrics, "slack_refused_total", "Envelopes refused under load.", NULL);
        g->m.caught_up = metrics_counter(g->metrics, "slack_caught_up_total",
                                         "Messages that were found in the history instead of heard.", NULL);
}

static void add_verbs(Gateway *g)
{
        for (const AskVerb *const *v = slack_verbs; *v; v++)
                flow_engine_add_verb(g->engine, *v, g->web);
        for (const AskVerb *const *v = opencode_verbs; *v; v++)
                flow_engine_add_verb(g->engine, g->relay ? relay_verb(g->relay, *v) : *v,
                                     g->relay ? (void *) g->relay : g->bridge);
        for (const AskVerb *const *v = gateway_verbs; *v; v++)
                flow_engine_add_verb(g->engine, *v, g);
        flow_engine_add_verb(g->engine, &gateway_offer_verb, g);
        flow_engine_add_verb(g->engine, &gateway_models_verb, g);
}

static int start_slack(Gateway *g)
{
        const GatewayConf *conf = g->conf;
        int r = slack_web_new(&g->web, g->loop, g->http, g->metrics, conf->slack.api_url,
                              &conf->slack.bot_token);

        if (r < 0)
                return error_trace(r);
        return error_trace(slack_socket_new(&g->sockets, g->loop, g->http, g->metrics,
                                            &(SlackSocketConfig){
                                                    .api_url = conf->slack.api_url,
                                                    .app_token = &conf->slack.app_token,
                                                    .n_sockets = (unsigned) conf->slack.sockets,
                                                    .on_envelope = gateway_on_envelope,
                                                    .on_state = on_socket_state,
                                                    .on_notice = on_socket_notice,
                                                    .userdata = g,
                                            }));
}

static int start_server(Gateway *g)
{
        int r = http_server_new(&g->server, g->loop,
                                &(HttpServerConfig){
                                        .listen = g->conf->gateway.listen,
                                        .max_body_bytes = REQUEST_BODY_MAX,
                                        .on_request = gateway_on_request,
                                        .on_abort = gateway_on_abort,
                                        .userdata = g,
                                });

        if (r < 0) {
                log_error("gateway", "cannot listen on %s: %s", g->conf->gateway.listen, strerror(-r));
                return error_trace(r);
        }
        /* One line on stdout that tells scripts that, and where, the gateway is up. */
        printf("opencode-slack listening on port %u\n", http_server_port(g->server));
        fflush(stdout);
        return 0;
}

static int start(Gateway *g)
{
        const GatewayConf *conf = g->conf;
        int r = gateway_open_journal(g);

        if (r >= 0)
                r = http_client_new(&g->http, g->loop, "opencode-slack/" PROJECT_VERSION);
        if (r >= 0)
                r = flow_engine_new(&g->engine, g->loop, g->journal, g->metrics,
                                    &(FlowEngineConfig){.kinds = core_flow_kinds});
        if (r >= 0)
                r = bridge_new(&g->bridge, g->loop, g->metrics,
                               &(BridgeConfig){
                                       .token = &conf->gateway.bridge_token,
                                       .on_event = gateway_on_bridge_event,
                                       .on_connected = on_bridge_connected,
                                       .userdata = g,
                               });
        if (r >= 0)
                r = start_slack(g);
        if (r < 0)
                return error_trace(r);
        gateway_share_engine(g);
        gateway_models_init(g);
        add_verbs(g);
        r = gateway_open_router(g);
        if (r >= 0)
                r = gateway_open_workspaces(g);
        if (r >= 0)
                r = gateway_open_state(g);
        if (r < 0)
                return error_trace(r);
        r = flow_engine_start(g->engine);
        if (r >= 0) {
                g->health = health_new(g);
                slack_web_set_on_posted(g->web, health_on_posted, g->health);
                r = start_server(g);
        }
        if (r < 0)
                return error_trace(r);
        if (!str_empty(conf->opencode.url) && !str_empty(conf->opencode.directory))
                g->waker = opencode_waker_new(g->loop, g->http, conf->opencode.url, &conf->opencode.password,
                                              conf->opencode.directory);
        gateway_join(g);
        gateway_restore_if_lost(g);
        loop_timer_set(g->offline, OFFLINE_AFTER_MS);
        loop_timer_set(g->heartbeat, HEARTBEAT_MS);
        identify(g);
        return 0;
}

static void gateway_deinit(Gateway *g)
{
        /* From the outside in: nothing may call into what is already gone. */
        opencode_waker_free(g->waker);
        slack_socket_free(g->sockets);
        api_deinit(g);
        permission_http_deinit(g);
        http_server_free(g->server);
        bridge_free(g->bridge);
        relay_free(g->relay);
        slack_web_free(g->web);
        workspaces_free(g->workspaces);
        gateway_close_state(g);
        health_free(g->health);
        gateway_models_deinit(g);
        http_client_free(g->http);
        live_deinit(g);
        journal_free(g->journal); /* joins the writer, before the engine goes */
        flow_engine_free(g->engine);
        history_deinit(g);
        route_slack_deinit(g);
        route_bridge_deinit(g);
        missed_free(g->missed);
        replica_free(g->replica); /* nothing of ours is under way any more */
        loop_timer_free(g->identify_again);
        loop_timer_free(g->offline);
        loop_timer_free(g->heartbeat);
        loop_timer_free(g->stop_anyway);
        loop_signal_free(g->sigint);
        loop_signal_free(g->sigterm);
        route_model_free(g->router);
        json_decref(g->identity);
        json_decref(g->defaults);
        free(g->slack_error);
        metrics_free(g->metrics);
        loop_free(g->loop);
}

int gateway_serve(const GatewayConf *conf)
{
        Gateway g = {.conf = conf, .metrics = metrics_new()};
        int r;

        list_init(&g.streams);
        list_init(&g.pages);
        list_init(&g.pending_acks);
        list_init(&g.pending_events);
        r = loop_new(&g.loop);
        if (r < 0) {
                metrics_free(g.metrics);
                return 1;
        }
        g.missed = missed_new();
        signal(SIGPIPE, SIG_IGN);
        g.sigint = loop_signal_new(g.loop, SIGINT, on_signal, &g);
        g.sigterm = loop_signal_new(g.loop, SIGTERM, on_signal, &g);
        g.identify_again = loop_timer_new(g.loop, identify, &g);
        g.offline = loop_timer_new(g.loop, on_offline, &g);
        g.heartbeat = loop_timer_new(g.loop, on_heartbeat, &g);
        g.stop_anyway = loop_timer_new(g.loop, stop_anyway, &g);
        fill_intake(&g);
        r = start(&g);
        if (r == 0)
                loop_run(g.loop);
        else if (r < 0) {
                log_fault(r, "gateway", "cannot start");
                g.exit_code = 1;
        }
        gateway_deinit(&g);
        return g.exit_code;
}
