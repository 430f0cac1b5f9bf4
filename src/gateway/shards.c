/* One of several gateways on one PostgreSQL: what the database says of the others and of who has which
 * shards, handed to those whom it concerns. Who has flows to work on is the engine's matter, who is asked
 * for OpenCode the relay's.
 *
 * One that was paused and wakes up finds its asks held back by its own clock and what it still writes for
 * its former shards left out by the journal; with its next view it forgets them and goes on without. */
#include "gateway/gateway.h"
#include "gateway/relay.h"

#include "net/url.h"

#define OFFLINE_AFTER_MS 5000

bool gateway_may_act(void *userdata)
{
        const Gateway *g = userdata;

        return g->replica && replica_holds(g->replica);
}

static void on_stored(void *userdata, int64_t owner, int64_t flow_id)
{
        Gateway *g = userdata;

        relay_stored(g->relay, owner, flow_id);
}

static void on_hint(void *userdata, int64_t flow_id, const char *event, const json_t *data)
{
        Gateway *g = userdata;

        relay_hint(g->relay, g->shard_owners[journal_shard(flow_id)], flow_id, event, data);
}

static void on_released(void *userdata)
{
        Gateway *g = userdata;

        relay_look(g->relay);
}

static void tell_peers(Gateway *g, const char *what, json_t *data, PeersTold done, void *userdata)
{
        relay_tell(g->relay, what, data, done, userdata);
}

void gateway_tell_connections(Gateway *g)
{
        if (g->replica) /* as many sockets as it wants, before it has them: they are no surprise to the others
                         */
                replica_set_connections(
                        g->replica, bridge_connected(g->bridge),
                        g->stopping ? slack_socket_live(g->sockets)
                                    : MAX2(slack_socket_live(g->sockets), (unsigned) g->conf->slack.sockets));
}

void gateway_bridges_changed(Gateway *g)
{
        bool any = gateway_has_bridge(g);

        gateway_tell_connections(g);
        if (g->waker)
                opencode_waker_set_connected(g->waker, any);
        if (any) {
                loop_timer_clear(g->offline);
                flow_engine_kick(g->engine);
        } else if (!g->stopping && !loop_timer_is_set(g->offline))
                loop_timer_set(g->offline, OFFLINE_AFTER_MS);
}

static void kick(void *userdata)
{
        Gateway *g = userdata;

        flow_engine_kick(g->engine);
}

/* Sockets of others that we do not know of would be taken for ghosts. */
void gateway_start_sockets(Gateway *g)
{
        if (g->identity && (!g->replica || g->knows_peers) && !g->stopping)
                slack_socket_start(g->sockets);
}

static void on_view(void *userdata, const ReplicaView *view)
{
        Gateway *g = userdata;
        unsigned n_bridges = 0, n_sockets = 0;
        ShardSet ours = 0;
        bool had_bridge = gateway_has_bridge(g);

        for (unsigned s = 0; s < JOURNAL_SHARDS; s++) {
                g->shard_owners[s] = view->owners[s];
                if (view->owners[s] == replica_id(g->replica))
                        ours |= shards_of(s);
        }
        for (size_t i = 0; i < view->n_peers; i++) {
                n_bridges += view->peers[i].n_bridges;
                n_sockets += view->peers[i].n_sockets;
        }
        slack_socket_set_others(g->sockets, n_sockets);
        if (!g->knows_peers) {
                g->knows_peers = true;
                gateway_start_sockets(g);
        }
        g->n_peers = (unsigned) view->n_peers;
        g->n_peer_bridges = n_bridges;
        relay_set_peers(g->relay, view);
        slack_web_set_share(g->web, 1 + g->n_peers);
        flow_engine_set_number(g->engine, view->number);
        flow_engine_set_shards(g->engine, ours, view->epochs, view->give_up);
        if (gateway_has_bridge(g) != had_bridge)
                gateway_bridges_changed(g);
        if (!replica_holds(g->replica)) /* it does when this is over */
                loop_defer(g->loop, kick, g);
}

void gateway_share_engine(Gateway *g)
{
        if (!gateway_shares_journal(g))
                return;
        /* The same id as the journal's owner column will have, hence made here. */
        g->relay = relay_new(g);
        g->tell_peers = tell_peers;
        g->replica =
                replica_new(g->loop, &(ReplicaConfig){
                                             .database_url = secret_reveal(&g->conf->gateway.database_url),
                                             .on_view = on_view,
                                             .userdata = g,
                                     });
        flow_engine_share(g->engine,
                          &(FlowReplica){
                                  .id = replica_id(g->replica),
                                  .may_act = gateway_may_act,
                                  .on_stored = on_stored,
                                  .on_hint = on_hint,
                                  .on_released = on_released,
                                  .userdata = g,
                          },
                          g->metrics);
}

/* Where the others reach us: as configured, or as we listen. */
static char *advertised(const Gateway *g)
{
        const char *listen = g->conf->gateway.listen;

        if (!str_empty(g->conf->gateway.advertise_url))
                return mem_strdup(g->conf->gateway.advertise_url);
        if (str_starts_with(listen, "0.0.0.0:") || str_starts_with(listen, "[::]:"))
                log_warn("gateway",
                         "other gateways cannot reach %s: set gateway.advertise_url (GATEWAY_ADVERTISE_URL)",
                         listen);
        return mem_printf("http://%.*s:%u", (int) (strrchr(listen, ':') - listen), listen,
                          http_server_port(g->server));
}

void gateway_join(Gateway *g)
{
        _cleanup_free_ char *url = NULL;

        if (!g->replica)
                return;
        url = advertised(g);
        gateway_tell_connections(g);
        log_info("gateway", "one of the gateways on this database, reached at %s", url);
        replica_start(g->replica, url);
}

bool gateway_has_work(const Gateway *g)
{
        return !g->replica ||
               (replica_holds(g->replica) && (flow_engine_shards(g->engine) || g->n_peers >= JOURNAL_SHARDS));
}

json_t *gateway_describe_shards(const Gateway *g)
{
        return json_pack("{s:I, s:I, s:I}", "shards",
                         (json_int_t) shards_count(flow_engine_shards(g->engine)), "others",
                         (json_int_t) g->n_peers, "bridges_elsewhere", (json_int_t) g->n_peer_bridges);
}
