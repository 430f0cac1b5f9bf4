/* The composition root: the one place that knows all the parts, and the only one with a whole-process object.
 */
#pragma once

#include <uthash.h>

#include "conf/conf.h"
#include "connectors/slack/socket.h"
#include "connectors/slack/web.h"
#include "core/intake.h"
#include "flow/engine.h"
#include "gateway/health.h"
#include "gateway/missed.h"
#include "integrations/models/health.h"
#include "integrations/opencode/bridge.h"
#include "integrations/opencode/waker.h"
#include "integrations/workspace/state.h"
#include "integrations/workspace/workspaces.h"
#include "net/http-server.h"
#include "store/replica-postgres.h"

typedef struct Gateway Gateway;
typedef struct LiveSession LiveSession;
typedef struct HttpWaiter HttpWaiter;
typedef struct EventStream EventStream;
typedef struct Restore Restore;

/* all: everybody who is alive has heard it; yes: one of them said so. */
typedef void (*PeersTold)(void *userdata, bool all, bool yes);

struct Gateway {
        const GatewayConf *conf;
        Loop *loop;
        Metrics *metrics;
        Journal *journal;
        Replica *replica; /* NULL: nobody shares the journal; likewise what follows, up to tell_peers */
        struct Relay *relay;
        bool knows_peers; /* has heard of them */
        unsigned n_peers, n_peer_bridges;
        int64_t shard_owners[JOURNAL_SHARDS];
        /* Tells the gateways with whom we share (relay.h). */
        void (*tell_peers)(Gateway *g, const char *what, json_t *data /* stolen */,
                           PeersTold done /* may be NULL */, void *userdata);
        FlowEngine *engine;
        HttpClient *http;
        HttpServer *server;
        SlackWeb *web;
        SlackSocketMode *sockets;
        TransportHealth *health;
        Bridge *bridge;
        OpencodeWaker *waker;
        Workspaces *workspaces; /* NULL: none are configured */
        StateRepository *state; /* likewise */
        Restore *restore;
        RouteModel *router; /* of our users' own; NULL: the built-in one */

        json_t *identity; /* of auth.test: {user_id, team_id, team, user, url}; NULL until it is known */
        json_t *defaults; /* for new sessions */
        IntakeContext intake;
        char *slack_error; /* why Slack cannot be reached, for /readyz; NULL */
        LoopTimer *identify_again, *offline, *heartbeat, *stop_anyway;
        LoopSignal *sigint, *sigterm;
        bool stopping;
        int exit_code;

        ModelHealth *models;
        List model_asks; /* of models.c: those that wait for a look */
        LiveSession *live;
        HttpWaiter *waiters;
        List streams; /* of EventStream */
        List pages;   /* of history.c: pages of Slack's history that are being taken in */
        List pending_acks, pending_events; /* of route-slack.c, route-bridge.c: not durable yet */
        Missed *missed;
        struct {
                MetricSeries *ack_ms, *bad_payloads, *turns_refused, *caught_up;
        } m;
};

/* serve.c: runs until a signal; returns the process's exit code. */
int gateway_serve(const GatewayConf *conf);

/* shards.c: one of several. gateway_share_engine() before the engine is started, gateway_join() when others
 * can reach us. */
void gateway_share_engine(Gateway *g);
void gateway_join(Gateway *g);
void gateway_start_sockets(Gateway *g);  /* once we know who we are, and whose the other sockets are */
bool gateway_may_act(void *gateway);     /* our lease holds, as far as we know */
bool gateway_has_work(const Gateway *g); /* for /readyz: flows are ours, or there are enough others */
json_t *gateway_describe_shards(const Gateway *g);
void gateway_tell_connections(Gateway *g); /* to the others: to plugins and to Slack */
void gateway_bridges_changed(Gateway *g);  /* here or elsewhere: one more, one less */
/* A plugin is connected, to us or to another. */
static inline bool gateway_has_bridge(const Gateway *g)
{
        return bridge_connected(g->bridge) + g->n_peer_bridges > 0;
}

/* journal.c: opens g->journal; what is wrong has been logged when it fails. */
int gateway_open_journal(Gateway *g);
bool gateway_shares_journal(const Gateway *g); /* with other replicas: it is PostgreSQL */

/* route-slack.c: from an envelope to its acknowledgement. */
void gateway_on_envelope(void *gateway, const SlackEnvelope *env);
void route_slack_deinit(Gateway *g); /* after Slack's web client and the engine */

/* route-bridge.c: from a frame of the plugin to its acknowledgement. */
void gateway_on_bridge_event(void *gateway, const BridgeEvent *event);
void route_bridge_deinit(Gateway *g); /* after the engine */
/* Tells every session at work that no OpenCode is connected. */
void gateway_tell_offline(Gateway *g);

/* live.c: what streams, folded per session and handed on at most once per progress interval. */
void live_apply(Gateway *g, const BridgeEvent *event);
void live_deinit(Gateway *g);

/* router.c: reads routing.model, if there is one; what is wrong has been logged when it fails. */
int gateway_open_router(Gateway *g);

/* workspaces.c: opens g->workspaces, and registers its verbs, if they are configured. */
int gateway_open_workspaces(Gateway *g);

/* restore.c: the state repository, where one is configured, and sessions out of it. */
int gateway_open_state(Gateway *g);
void gateway_close_state(Gateway *g); /* before the engine */
/* Makes sessions of all documents that are no sessions yet. `done` (may be NULL) gets {restored, failed:
 * [{session, error}]}, borrowed, when all are durable. False: there is no state repository, or it is being
 * done already. */
typedef void (*RestoredFn)(void *userdata, const json_t *report);
bool gateway_restore(Gateway *g, RestoredFn done, void *userdata);
void gateway_restore_if_lost(Gateway *g); /* at the start: when the journal knows of no session at all */

/* history.c: one page of what was said while Slack was not heard. */
extern const AskVerb gateway_catch_up_verb;
void history_deinit(Gateway *g); /* after the engine: nothing is delivered any more */

/* offer.c: what a task can be about, as core/flows/flows.h says of GATEWAY_OFFER. Owned. */
json_t *gateway_offer(Gateway *g);
extern const AskVerb gateway_offer_verb;

/* models.c: the model profiles. */
void gateway_models_init(Gateway *g);
void gateway_models_deinit(Gateway *g); /* after the bridge and the engine */
/* What new sessions know of them: defaults.model, defaults.models, defaults.fallback. */
void gateway_models_defaults(const GatewayConf *conf, json_t *defaults);
/* [{name, model, kind, state, why?, looked_s_ago?}]. Owned. */
json_t *gateway_models_status(Gateway *g);
extern const AskVerb gateway_models_verb;

/* asks.c: the verbs of the composition root. */
extern const AskVerb *const gateway_verbs[]; /* NULL-terminated; owner: Gateway */

/* api.c: GET /healthz, /readyz, /metrics, /api/…; the WebSocket of the bridge. */
void gateway_on_request(void *gateway, HttpRequest *req);
void gateway_on_abort(void *gateway, HttpRequest *req);
void gateway_publish(Gateway *g, const char *event, json_t *data /* stolen */); /* on /api/events */
void api_deinit(Gateway *g);

/* permission-http.c: POST /api/opencode/permission. */
void permission_http_request(Gateway *g, HttpRequest *req);
void permission_http_aborted(Gateway *g, HttpRequest *req);
void permission_http_answer(Gateway *g, const json_t *answer);
void permission_http_deinit(Gateway *g);

/* doctor.c, remote.c: the other verbs of the program; return the exit code. */
int gateway_doctor(const GatewayConf *conf);
/* agents-install.c; NULL: where OpenCode looks for every project. Files that are there stay as they are. */
int gateway_agents_install(const char *directory);
/* Prints what `path` of the running gateway's API answers; `method` "GET" or "POST". */
int gateway_remote(const GatewayConf *conf, const char *method, const char *path,
                   void (*print)(const json_t *answer));
