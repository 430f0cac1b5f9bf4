/* Several gateways on one PostgreSQL: one is at work, the others stand by, without a port and without
 * sockets, until it gives its lease back or has not renewed it for six seconds. Slack and the plugin repeat
 * what was not acknowledged to whoever is at work then.
 *
 * One that was paused and wakes up finds its asks held back by its own clock, its commits refused by the
 * journal, and ends, to be started again as one that stands by. */
#include "gateway/gateway.h"

static void on_acquired(void *userdata)
{
        Gateway *g = userdata;

        loop_stop(g->loop); /* gateway_stand_by() goes on */
}

static void on_renewed(void *userdata)
{
        Gateway *g = userdata;

        log_warn("gateway", "the lease had run out for a while, and is ours again");
        if (g->engine)
                flow_engine_kick(g->engine);
}

static void on_lost(void *userdata)
{
        Gateway *g = userdata;

        log_error("gateway", "another gateway has taken over; this one ends");
        g->stopping = true;
        g->exit_code = 1;
        loop_stop(g->loop);
}

bool gateway_may_act(void *userdata)
{
        const Gateway *g = userdata;

        return lease_holds(g->lease);
}

bool gateway_stand_by(Gateway *g)
{
        if (!gateway_shares_journal(g))
                return true;
        g->lease = lease_new(g->loop, &(LeaseConfig){
                                              .url = secret_reveal(&g->conf->gateway.database_url),
                                              .on_acquired = on_acquired,
                                              .on_renewed = on_renewed,
                                              .on_lost = on_lost,
                                              .userdata = g,
                                      });
        log_info("gateway", "standing by until no other gateway is at work on this database");
        loop_run(g->loop);
        return !g->stopping && lease_epoch(g->lease) > 0;
}
