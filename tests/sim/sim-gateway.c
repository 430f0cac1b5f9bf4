/* The process: started and killed as often as the plan says, always on the same rows. It is put together as
 * src/gateway/serve.c does it, from the product's own routes, workflows, engine and verbs; what those reach
 * outside (sockets, the bridge's connections, HTTP) ends in this file. */
#include "sim-world.h"

#include <stdio.h>

#include "base/log.h"
#include "connectors/slack/slack-asks.h"
#include "core/flows/flows.h"
#include "flow/engine-internal.h"
#include "gateway/gateway.h"
#include "integrations/opencode/bridge-internal.h"
#include "integrations/opencode/opencode-asks.h"
#include "sim-journal.h"

#define OFFLINE_AFTER_MS 5000
#define COMMAND_MS       35000

void bridge_ack(int64_t durable);
void bridge_send_command(json_t *frame /* stolen */);

typedef struct Command {
        List link;
        char *request_id;
        BridgeReplyFn done;
        void *userdata;
        SimEvent *due;
} Command;

/* What the real bridge remembers of a process that greeted. */
typedef struct Memory {
        List link;
        char bridge_id[40];
        Ledger ledger;
} Memory;

static struct {
        bool is_up, is_connected;
        Gateway g;
        SimDisk *disk;
        List commands, memories;
        unsigned n_connected;
        const char *bridge_id; /* connected now */
} process;

static const char *const allow_users[] = {"U0", "U1", "U2", "U3", NULL};
static GatewayConf conf = {
        .progress.interval_ms = 2000,
        .slack = {.catch_up_max_age_s = 86400, .catch_up_overlap_s = 120, .echo_wait_ms = 10000},
};

bool process_is_up(void)
{
        return process.is_up;
}

bool process_is_connected(void)
{
        return process.is_up && process.is_connected;
}

SimDisk *process_disk(void)
{
        return process.disk;
}

/* ---- Slack's end ---- */

typedef struct Arrived {
        char id[40];
        SlackEnvelopeType type;
        char *payload;
} Arrived;

static void arrived_free(void *userdata)
{
        Arrived *a = userdata;

        free(a->payload);
        free(a);
}

static void on_read(void *userdata)
{
        Arrived *a = userdata;

        gateway_on_envelope(&process.g, &(SlackEnvelope){.id = a->id,
                                                         .type = a->type,
                                                         .payload = a->payload,
                                                         .n_payload = strlen(a->payload)});
        arrived_free(a);
}

void process_take_envelope(const char *id, SlackEnvelopeType type, const char *payload)
{
        Arrived *a = mem_new(Arrived);

        snprintf(a->id, sizeof(a->id), "%s", id);
        a->type = type;
        a->payload = mem_strdup(payload);
        sim_trace("gateway: gets envelope %s", id);
        sim_after(OWNER_GATEWAY, 0, on_read, arrived_free, a);
}

static void on_ack(void *userdata)
{
        envelope_acknowledged(userdata);
        free(userdata);
}

void slack_socket_ack(SlackSocketMode *s, uint64_t socket, const char *envelope_id, const char *payload)
{
        (void) s;
        (void) socket;
        (void) payload;
        sim_trace("gateway: acknowledges envelope %s", envelope_id);
        if (!fault_hits(FAULT_ACK_LOST))
                sim_after(OWNER_WORLD, sim_draw_ms(DRAW_NET, 1, 50), on_ack, free, mem_strdup(envelope_id));
}

/* ---- the bridge's end ---- */

static Memory *memory_of(const char *bridge_id)
{
        Memory *m;

        list_for_each (node, &process.memories)
                if (str_equal(list_entry(node, Memory, link)->bridge_id, bridge_id))
                        return list_entry(node, Memory, link);
        m = mem_new(Memory);
        snprintf(m->bridge_id, sizeof(m->bridge_id), "%s", bridge_id);
        list_init(&m->link);
        list_append(&process.memories, &m->link);
        return m;
}

void bridge_event_durable(Bridge *b, const char *bridge_id, int64_t seq)
{
        Memory *m = memory_of(bridge_id);

        (void) b;
        if (ledger_settle(&m->ledger, seq) && process.bridge_id && str_equal(bridge_id, process.bridge_id))
                bridge_ack(m->ledger.durable);
}

void process_take_frame(const char *bridge_id, const json_t *frame)
{
        Memory *m = memory_of(bridge_id);
        int64_t seq = json_int(frame, "seq", 0), missing;
        BridgeEvent event = {
                .bridge_id = bridge_id,
                .seq = seq,
                .type = json_str_or(frame, "type", ""),
                .session_id = json_str_or(frame, "session_id", ""),
                .root_id = json_str_or(frame, "root_id", ""),
                .directory = json_str_or(frame, "directory", ""),
                .frame = frame,
        };

        sim_trace("gateway: gets event %lld %s", (long long) seq, event.type);
        if (seq > 0) {
                LedgerVerdict verdict;

                if (m->ledger.highest == 0)
                        ledger_hello(&m->ledger, seq);
                verdict = ledger_receive(&m->ledger, seq, &missing);
                if (verdict == LEDGER_DURABLE) {
                        bridge_ack(m->ledger.durable);
                        return;
                }
                if (verdict == LEDGER_FULL)
                        return;
        }
        gateway_on_bridge_event(&process.g, &event);
}

static void command_end(Command *c, const BridgeReply *reply)
{
        sim_cancel(take(c->due));
        list_remove(&c->link);
        c->done(c->userdata, reply);
        free(c->request_id);
        free(c);
}

static void on_command_due(void *userdata)
{
        Command *c = userdata;

        c->due = NULL;
        command_end(c, &(BridgeReply){.sent = true,
                                      .code = "timeout",
                                      .message = "OpenCode did not answer in time"});
}

void bridge_command(Bridge *b, const BridgeTarget *target, json_t *frame, BridgeReplyFn done, void *userdata)
{
        Command *c;

        (void) b;
        (void) target;
        if (!process.bridge_id) {
                json_decref(frame);
                done(userdata, &(BridgeReply){.code = "unavailable", .message = "OpenCode is not connected"});
                return;
        }
        c = mem_new(Command);
        c->request_id = mem_strdup(json_str(frame, "request_id"));
        c->done = done;
        c->userdata = userdata;
        c->due = sim_after(OWNER_GATEWAY, COMMAND_MS, on_command_due, NULL, c);
        list_init(&c->link);
        list_append(&process.commands, &c->link);
        sim_trace("gateway: commands %s %s", json_str_or(frame, "type", "?"), c->request_id);
        bridge_send_command(frame);
}

void bridge_command_others(Bridge *b, const BridgeTarget *target, const json_t *frame)
{
        (void) b;
        (void) target;
        (void) frame; /* there are no others */
}

/* There is one process, and nothing is remembered of what it offers. */
BridgeConnection *bridge_choose(Bridge *b, const BridgeTarget *target)
{
        (void) b;
        (void) target;
        return NULL;
}

const json_t *bridge_offers_get(const BridgeConnection *c, const char *directory)
{
        (void) c;
        (void) directory;
        return NULL;
}

void bridge_offers_put(BridgeConnection *c, const char *directory, const json_t *offers)
{
        (void) c;
        (void) directory;
        (void) offers;
}

void bridge_offers_forget(BridgeConnection *c, const char *directory)
{
        (void) c;
        (void) directory;
}

unsigned bridge_connected(const Bridge *b)
{
        (void) b;
        return process.bridge_id ? 1 : 0;
}

void process_take_reply(const json_t *frame)
{
        const char *id = json_str_or(frame, "request_id", "");

        list_for_each_safe (node, &process.commands) {
                Command *c = list_entry(node, Command, link);

                if (!str_equal(c->request_id, id))
                        continue;
                command_end(c, &(BridgeReply){.frame = frame, .sent = true});
                return;
        }
}

void process_fail_commands(void)
{
        List all;

        list_init(&all);
        list_for_each_safe (node, &process.commands) {
                list_remove(node);
                list_append(&all, node);
        }
        while (!list_empty(&all))
                command_end(list_first(&all, Command, link),
                            &(BridgeReply){.sent = true,
                                           .code = "unavailable",
                                           .message = "the connection was lost"});
}

/* As on_bridge_connected() of serve.c. */
void process_bridge_connected(const char *bridge_id, bool connected)
{
        if (!process.is_up)
                return;
        process.bridge_id = connected ? memory_of(bridge_id)->bridge_id : NULL;
        if (connected) {
                loop_timer_clear(process.g.offline);
                flow_engine_kick(process.g.engine);
                bridge_ack(memory_of(bridge_id)->ledger.durable);
        } else {
                process_fail_commands();
                loop_timer_set(process.g.offline, OFFLINE_AFTER_MS);
        }
}

static void on_offline(void *userdata)
{
        gateway_tell_offline(userdata);
}

/* ---- sockets, and whether Slack is heard ---- */

void process_sockets(bool up)
{
        if (!process.is_up || process.is_connected == up)
                return;
        process.is_connected = up;
        sim_trace("gateway: its sockets are %s", up ? "up" : "down");
        health_on_sockets(process.g.health, up ? 2 : 0);
}

static void on_fresh(void *userdata)
{
        (void) userdata;
        if (process.is_connected)
                health_on_notice(process.g.health, SLACK_SOCKET_FRESH);
}

void slack_socket_refresh(SlackSocketMode *s)
{
        (void) s;
        sim_trace("gateway: opens fresh sockets");
        sim_after(OWNER_GATEWAY, sim_draw_ms(DRAW_NET, 200, 2000), on_fresh, NULL, NULL);
}

void slack_web_tell_posted(SlackWeb *w, const char *channel, const char *ts)
{
        (void) w;
        health_on_posted(process.g.health, channel, ts);
}

/* ---- what the routes reach besides ---- */

void gateway_publish(Gateway *g, const char *event, json_t *data)
{
        (void) g;
        (void) event;
        json_decref(data);
}

void permission_http_answer(Gateway *g, const json_t *answer)
{
        (void) g;
        (void) answer;
}

/* ---- life ---- */

static void on_sockets_up(void *userdata)
{
        (void) userdata;
        if (!fault_is_on(FAULT_SOCKETS_DOWN))
                process_sockets(true);
}

static void say_nothing_was_missed(void *owner, Ask *ask)
{
        (void) owner;
        ask_ok(ask, json_pack("{s:b}", "missed", 0));
}
static const AskVerb forgetful_verb = {.name = GATEWAY_MISSED, .start = say_nothing_was_missed};

static void add_verbs(Gateway *g)
{
        for (const AskVerb *const *v = slack_verbs; *v; v++)
                flow_engine_add_verb(g->engine, *v, g);
        for (const AskVerb *const *v = opencode_verbs; *v; v++)
                flow_engine_add_verb(g->engine, *v, g);
        for (const AskVerb *const *v = gateway_verbs; *v; v++) {
                bool forgets = sim->mutation == MUTATION_LOSE_EARLY && str_equal((*v)->name, GATEWAY_MISSED);

                flow_engine_add_verb(g->engine, forgets ? &forgetful_verb : *v, g);
        }
        flow_engine_add_verb(g->engine, &gateway_offer_verb, g);
}

/* The simulated gateway has no repositories: g->workspaces is NULL, and this is never reached. */
const json_t *workspaces_catalog(const Workspaces *w)
{
        (void) w;
        abort();
}

static void start(void)
{
        static json_t *defaults, *identity;
        Gateway *g = &process.g;

        if (!defaults)
                defaults =
                        json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "directory", DIRECTORY, "agent", "build",
                                  "model", "", "web_url", "", "command", "/opencode", "queue_max", 4);
        if (!identity)
                identity = json_pack("{s:s, s:s}", "user_id", BOT_USER, "team_id", "T1");
        *g = (Gateway){.identity = identity, .conf = &conf, .metrics = metrics_new(), .defaults = defaults};
        loop_new(&g->loop);
        list_init(&g->pages);
        list_init(&g->pending_acks);
        list_init(&g->pending_events);
        g->missed = missed_new();
        g->journal = sim_journal_open(process.disk);
        flow_engine_new(
                &g->engine, g->loop, g->journal, g->metrics,
                &(FlowEngineConfig){.kinds = core_flow_kinds, .max_slots = 1 + sim_draw(DRAW_ORDER, 8)});
        add_verbs(g);
        slack_web_start();
        g->intake = (IntakeContext){.bot_user = BOT_USER,
                                    .command = "/opencode",
                                    .allow_users = allow_users,
                                    .defaults = defaults,
                                    .max_text_bytes = 4000};
        g->m.ack_ms = metrics_histogram(g->metrics, "slack_ack_seconds", "", NULL);
        g->m.bad_payloads = metrics_counter(g->metrics, "slack_bad_payloads_total", "", NULL);
        g->m.turns_refused = metrics_counter(g->metrics, "slack_refused_total", "", NULL);
        g->m.caught_up = metrics_counter(g->metrics, "slack_caught_up_total", "", NULL);
        g->offline = loop_timer_new(g->loop, on_offline, g);
        process.is_up = true;
        if (flow_engine_start(g->engine) < 0)
                sim_fail("cannot start", "flow_engine_start()");
        g->health = health_new(g);
        loop_timer_set(g->offline, OFFLINE_AFTER_MS);
        sim_after(OWNER_GATEWAY, sim_draw_ms(DRAW_NET, 50, 1500), on_sockets_up, NULL, NULL);
        sim_trace("gateway: started");
        bridge_process_up();
}

static void on_start(void *userdata)
{
        (void) userdata;
        if (!process.is_up)
                start();
}

void process_check_metrics(void)
{
        const FlowEngine *e = process.g.engine;

        if (!process.is_up)
                return;
        if (metric_value(e->metrics.quarantined) > 0)
                sim_fail("quarantine", "a flow was put aside");
        if (metric_value(e->metrics.faults) > 0)
                sim_fail("fault", "a step faulted");
        if (metric_value(process.g.m.bad_payloads) > 0)
                sim_fail("bad payload", "an envelope could not be read");
}

static void stop(void)
{
        Gateway *g = &process.g;

        if (!process.is_up)
                return;
        process_check_metrics();
        process.is_up = process.is_connected = false;
        sim_cancel_owned(OWNER_GATEWAY);
        while (!list_empty(&process.commands)) {
                Command *c = list_first(&process.commands, Command, link);

                list_remove(&c->link);
                free(c->request_id);
                free(c);
        }
        while (!list_empty(&process.memories)) {
                Memory *m = list_first(&process.memories, Memory, link);

                list_remove(&m->link);
                ledger_deinit(&m->ledger);
                free(m);
        }
        process.bridge_id = NULL;
        live_deinit(g);
        health_free(g->health);
        sim_journal_kill(g->journal);
        flow_engine_free(g->engine);
        history_deinit(g);
        missed_free(g->missed);
        slack_web_stop();
        route_slack_deinit(g);
        route_bridge_deinit(g);
        loop_timer_free(g->offline);
        metrics_free(g->metrics);
        loop_free(g->loop);
}

void process_kill(int64_t down_ms)
{
        if (!process.is_up)
                return;
        sim_trace("gateway: killed");
        stop();
        bridge_process_down();
        sim_after(OWNER_WORLD, down_ms, on_start, NULL, NULL);
}

void process_init(void)
{
        list_init(&process.commands);
        list_init(&process.memories);
        process.disk = sim_disk_new();
        process.is_up = process.is_connected = false;
        process.bridge_id = NULL;
        start();
}

void process_deinit(void)
{
        stop();
        sim_disk_free(take(process.disk));
}

bool process_is_idle(void)
{
        const FlowEngine *e = process.g.engine;

        return process.is_up && !e->open && e->n_inflight == 0 && list_empty(&e->stalled) &&
               list_empty(&e->runnable) && list_empty(&e->asks) && list_empty(&process.commands) &&
               sim_journal_is_idle(process.g.journal);
}
