/* The state repository: opened where it is configured, and sessions made again from it when the journal is
 * gone (core/session-document.h).
 *
 * Restoring twice, or beside sessions that are there, does nothing to those: their threads' addresses are
 * taken, and they do not listen. */
#include "gateway/gateway.h"

#include "base/error.h"
#include "base/log.h"
#include "core/flows/flows.h"
#include "integrations/workspace/state-asks.h"
#include "loop/worker.h"

#define WINDOW 64 /* documents on their way to the journal at once */

struct Restore {
        Gateway *gateway;
        Workers *workers;
        json_t *documents; /* of state_read_all() */
        json_t *failed;    /* [{session, error}] */
        size_t next, n_waiting, n_found;
        RestoredFn done;
        void *userdata;
        bool is_running;
};

int gateway_open_state(Gateway *g)
{
        const GatewayConf *conf = g->conf;
        int r;

        if (str_empty(conf->state.directory))
                return 0;
        r = state_repository_new(&g->state, g->loop, g->metrics,
                                 &(StateRepositoryConfig){
                                         .directory = conf->state.directory,
                                         .remote = conf->state.remote,
                                 });
        if (r < 0)
                return error_trace(r);
        for (const AskVerb *const *v = state_verbs; *v; v++)
                flow_engine_add_verb(g->engine, *v, g->state);
        g->restore = mem_new(Restore);
        *g->restore = (Restore){.gateway = g};
        return error_trace(workers_new(&g->restore->workers, g->loop, "restore", 1, 1));
}

void gateway_close_state(Gateway *g)
{
        state_repository_free(g->state);
        if (!g->restore)
                return;
        workers_free(g->restore->workers);
        json_decref(g->restore->documents);
        json_decref(g->restore->failed);
        free(take(g->restore));
}

static void finish(Restore *r)
{
        json_t *report = json_pack("{s:I, s:O}", "restored", (json_int_t) r->n_found, "failed", r->failed);
        RestoredFn done = r->done;
        size_t i;
        json_t *one;

        json_array_foreach (r->failed, i, one)
                log_warn("gateway", "the state of session %s cannot be restored: %s",
                         json_str_or(one, "session", "?"), json_str_or(one, "error", "?"));
        if (r->n_found > 0)
                log_info("gateway", "%zu sessions were read from the state repository", r->n_found);
        json_decref(r->documents);
        json_decref(r->failed);
        r->documents = r->failed = NULL;
        r->is_running = false;
        if (done)
                done(r->userdata, report);
        json_decref(report);
}

static void deliver_more(Restore *r);

static void on_delivered(void *userdata, FlowDelivered outcome)
{
        Restore *r = userdata;

        r->n_waiting--;
        if (outcome == FLOW_DELIVERED)
                r->n_found++;
        deliver_more(r);
}

static void fail(Restore *r, const json_t *entry, const char *why)
{
        json_array_append_new(r->failed, json_pack("{s:s, s:s}", "session",
                                                   json_str_or(entry, "session", "?"), "error", why));
}

static void deliver_one(Restore *r, const json_t *entry)
{
        const json_t *document = json_at(entry, "document");
        const char *channel = json_str(document, "slack.channel"),
                   *ts = json_str(document, "slack.thread_ts");
        _cleanup_free_ char *address = NULL;
        _cleanup_json_ json_t *data = NULL;

        if (!document || !channel || !ts) {
                fail(r, entry, json_str_or(entry, "error", "it names no thread in Slack"));
                return;
        }
        address = mem_printf("thread:%s:%s", channel, ts);
        data = json_pack("{s:s, s:O, s:O}", "name", json_str_or(entry, "session", ""), "document", document,
                         "defaults", r->gateway->defaults);
        r->n_waiting++;
        flow_deliver(r->gateway->engine, &(FlowDelivery){
                                                 .address = address,
                                                 .kind = "session",
                                                 .event = "session.restored",
                                                 .json = json_dump(data),
                                                 .done = on_delivered,
                                                 .userdata = r,
                                         });
}

static void deliver_more(Restore *r)
{
        while (r->n_waiting < WINDOW && r->next < json_array_size(r->documents))
                deliver_one(r, json_array_get(r->documents, r->next++));
        if (r->n_waiting == 0)
                finish(r);
}

static void read_all(void *userdata)
{
        Restore *r = userdata;

        r->documents = state_read_all(r->gateway->conf->state.directory);
}

static void on_read(void *userdata)
{
        Restore *r = userdata;

        r->failed = json_array();
        r->next = r->n_found = 0;
        deliver_more(r);
}

bool gateway_restore(Gateway *g, RestoredFn done, void *userdata)
{
        Restore *r = g->restore;

        if (!r || r->is_running)
                return false;
        r->is_running = true;
        r->done = done;
        r->userdata = userdata;
        workers_submit(r->workers, &(WorkerJob){.run = read_all, .done = on_read, .userdata = r});
        return true;
}

static void on_known(void *userdata, const char *json)
{
        Gateway *g = userdata;
        _cleanup_json_ json_t *sessions = json_parse(json, strlen(json), NULL);

        if (json_array_size(sessions) == 0)
                gateway_restore(g, NULL, NULL);
}

void gateway_restore_if_lost(Gateway *g)
{
        if (g->restore)
                flow_engine_list(g->engine, "session", NULL, 1, on_known, g);
}
