/* Connections of plugins: who may in, hello, liveness, events up, acknowledgements down.
 *
 *   upgrade ─▶ greeting ──hello──▶ live ──silence, violation, replaced, stop──▶ closing ─▶ on_end, freed
 *                 └───────── 5 s without one, or anything else first ─────────────▲
 *
 * The token is compared before the upgrade. A bridge_id that greets again replaces its older connection,
 * which the network has not yet noticed to be gone. Nothing is freed but in on_end and bridge_free(), so that
 * every callback upwards may do what it likes, bridge_stop() included.
 *
 * A frame that is refused is answered with an `error` frame naming the field, and acknowledged in its turn if
 * it had a seq: repeating it would not make it better. What it told is repaired by the next `reconcile`. */
#include "integrations/opencode/bridge-internal.h"

#include <strings.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"

/* WebSocket close codes (RFC 6455 §7.4.1, and 4000–4999 for applications). */
#define CLOSE_GOING_AWAY 1001
#define CLOSE_PROTOCOL   1002
#define CLOSE_TOO_LARGE  1009
#define CLOSE_TRY_LATER  1013
#define CLOSE_REPLACED   4000

/* A message a little too large is read nevertheless, so that its sender can be told; one beyond this is cut
 * off by the WebSocket machine itself, with the same close code. */
#define MESSAGE_MAX_BYTES (2 * BRIDGE_FRAME_MAX_BYTES)
#define LOG_INTERVAL_MS   10000

static const BridgeTiming default_timing = {
        .hello_ms = 5000,
        .ping_ms = 10000,
        .silence_ms = 25000,
        .command_ms = 35000,
        .unstored_ms = 30000,
};

/* --- sending --- */

static void send_new(BridgeConnection *c, json_t *frame /* stolen */)
{
        _cleanup_free_ char *text = json_dump(frame);

        ws_peer_send_text(c->peer, text, strlen(text));
        json_decref(frame);
}

static void send_error(BridgeConnection *c, const char *code, const char *message, const char *field,
                       int64_t seq)
{
        json_t *frame = json_pack("{s:s, s:s, s:s}", "type", "error", "code", code, "message", message);

        if (!str_empty(field))
                json_put_str(frame, "field", field);
        if (seq > 0)
                json_put_int(frame, "seq", seq);
        send_new(c, frame);
}

static void send_acks(void *userdata)
{
        Bridge *b = userdata;

        for (BridgeProcess *p = b->processes; p; p = p->hh.next) {
                if (!p->ack_due)
                        continue;
                p->ack_due = false;
                if (p->connection)
                        send_new(p->connection, json_pack("{s:s, s:I}", "type", "ack", "seq",
                                                          (json_int_t) p->ledger.durable));
        }
}

/* One ack per process and loop iteration, however many events became durable in it. */
static void ack_soon(BridgeProcess *p, Bridge *b)
{
        p->ack_due = true;
        if (!loop_timer_is_set(b->ack_timer))
                loop_timer_set(b->ack_timer, 0);
}

void bridge_event_durable(Bridge *b, const char *bridge_id, int64_t seq)
{
        BridgeProcess *p = bridge_process_find(b, bridge_id);

        if (p && ledger_settle(&p->ledger, seq))
                ack_soon(p, b);
}

/* --- states --- */

static const char *who(const BridgeConnection *c)
{
        return c->process ? c->process->id : c->from;
}

static void set_state(BridgeConnection *c, ConnectionState state, const char *why)
{
        static const char *const names[] = {"greeting", "live", "closing"};

        log_info(COMPONENT, "bridge %s (%s): %s -> %s: %s", who(c), c->from, names[c->state], names[state],
                 why);
        c->state = state;
}

/* No longer its process's connection; whatever it was asked is unanswered. */
static void detach(BridgeConnection *c, const char *why)
{
        Bridge *b = c->bridge;
        bool was_live = c->state == CONNECTION_LIVE;

        if (c->state == CONNECTION_CLOSING)
                return;
        set_state(c, CONNECTION_CLOSING, why);
        loop_timer_clear(c->timer);
        if (!was_live)
                return;
        c->process->connection = NULL;
        b->n_live--;
        metric_set(b->metrics.connected, b->n_live);
        bridge_commands_fail(c, why);
        if (b->config.on_connected)
                b->config.on_connected(b->config.userdata, c->process->id, false);
        c->process = NULL; /* absent now, and so may be forgotten before the peer has ended */
}

void bridge_connection_close(BridgeConnection *c, unsigned code, const char *reason)
{
        if (c->state == CONNECTION_CLOSING)
                return;
        detach(c, reason);
        ws_peer_close(c->peer, code, reason);
}

static void free_connection(BridgeConnection *c)
{
        list_remove(&c->link);
        c->bridge->n_connections--;
        bridge_commands_forget(c);
        loop_timer_free(c->timer);
        free(c->from);
        json_decref(c->offers);
        free(c);
}

static void on_end(void *userdata, unsigned code, const char *reason)
{
        BridgeConnection *c = userdata;
        _cleanup_free_ char *why = mem_printf("ended with %u %s", code, reason ? reason : "");

        detach(c, why);
        free_connection(c);
}

/* --- liveness --- */

void bridge_connection_schedule(BridgeConnection *c)
{
        const BridgeTiming *t = &c->bridge->timing;
        int64_t due;

        if (c->state == CONNECTION_CLOSING)
                return;
        if (c->state == CONNECTION_GREETING) {
                due = c->opened_ms + t->hello_ms;
        } else {
                due = MIN2(c->last_ping_ms + t->ping_ms, ws_peer_last_heard_ms(c->peer) + t->silence_ms);
                due = MIN2(due, bridge_commands_due_ms(c));
        }
        loop_timer_set(c->timer, due - loop_now_ms(c->bridge->loop));
}

static void send_ping(BridgeConnection *c, int64_t now_ms)
{
        char nonce[UUID_SIZE];

        uuid4(nonce);
        c->last_ping_ms = now_ms;
        send_new(c, json_pack("{s:s, s:s}", "type", "ping", "nonce", nonce));
}

/* The owner may refuse an event (overload) by not reporting it durable. The plugin repeats only after a
 * hello, and everything behind the event waits with it: so after a while the connection is given up for its
 * sake. */
static bool is_stuck(BridgeProcess *p, int64_t now_ms, int64_t patience_ms)
{
        int64_t oldest = ledger_oldest(&p->ledger);

        if (oldest != p->oldest_seq) {
                p->oldest_seq = oldest;
                p->oldest_since_ms = now_ms;
        }
        return oldest > 0 && now_ms - p->oldest_since_ms >= patience_ms;
}

static void on_timer(void *userdata)
{
        BridgeConnection *c = userdata;
        const BridgeTiming *t = &c->bridge->timing;
        int64_t now_ms = loop_now_ms(c->bridge->loop);

        if (c->state == CONNECTION_GREETING && now_ms - c->opened_ms >= t->hello_ms) {
                send_error(c, "protocol", "no hello in time", NULL, 0);
                bridge_connection_close(c, CLOSE_PROTOCOL, "no hello in time");
        } else if (c->state == CONNECTION_LIVE) {
                if (now_ms - ws_peer_last_heard_ms(c->peer) >= t->silence_ms) {
                        bridge_connection_close(c, CLOSE_GOING_AWAY, "nothing heard");
                        return;
                }
                if (is_stuck(c->process, now_ms, t->unstored_ms)) {
                        log_warn(COMPONENT,
                                 "bridge %s: seq %lld is not stored; the plugin shall bring it again",
                                 c->process->id, (long long) c->process->oldest_seq);
                        bridge_connection_close(c, CLOSE_TRY_LATER, "an event was not stored");
                        return;
                }
                if (now_ms - c->last_ping_ms >= t->ping_ms)
                        send_ping(c, now_ms);
                bridge_commands_expire(c, now_ms);
        }
        bridge_connection_schedule(c);
}

/* --- frames --- */

/* One line per connection and ten seconds: a peer must not be able to fill the log. */
static void log_refused(BridgeConnection *c, const char *code, const char *message)
{
        int64_t now_ms = loop_now_ms(c->bridge->loop);

        c->n_bad++;
        if (c->bad_logged_ms && now_ms - c->bad_logged_ms < LOG_INTERVAL_MS)
                return;
        c->bad_logged_ms = now_ms;
        log_warn(COMPONENT, "bridge %s: refused a frame: %s: %s (%u so far)", who(c), code, message,
                 c->n_bad);
}

static MetricSeries *refused_series(const BridgeMetrics *m, const char *code)
{
        if (str_equal(code, "bad_frame"))
                return m->bad_frame;
        if (str_equal(code, "bad_field"))
                return m->bad_field;
        return str_equal(code, "too_large") ? m->too_large : m->protocol;
}

static void close_overfull(BridgeConnection *c)
{
        log_error(COMPONENT, "bridge %s: %d events wait to be stored; it will have to replay", who(c),
                  LEDGER_WINDOW_MAX);
        bridge_connection_close(c, CLOSE_TRY_LATER, "too many events wait to be stored");
}

static LedgerVerdict receive_seq(BridgeConnection *c, int64_t seq)
{
        Bridge *b = c->bridge;
        int64_t n_missing;
        LedgerVerdict verdict = ledger_receive(&c->process->ledger, seq, &n_missing);

        if (n_missing > 0) {
                metric_add(b->metrics.missing, (double) n_missing);
                log_warn(COMPONENT, "bridge %s: %lld events are missing before seq %lld", c->process->id,
                         (long long) n_missing, (long long) seq);
        }
        if (verdict == LEDGER_AGAIN || verdict == LEDGER_DURABLE)
                metric_add(b->metrics.replayed, 1);
        if (verdict == LEDGER_FULL)
                close_overfull(c);
        return verdict;
}

/* Tells the plugin what is wrong, and gets the event out of its buffer. */
static void refuse(BridgeConnection *c, const char *code, const char *message, const char *field, int64_t seq)
{
        LedgerVerdict verdict;

        log_refused(c, code, message);
        metric_add(refused_series(&c->bridge->metrics, code), 1);
        send_error(c, code, message, field, seq);
        if (c->state != CONNECTION_LIVE || !ledger_is_plausible(&c->process->ledger, seq))
                return;
        verdict = receive_seq(c, seq);
        if (verdict != LEDGER_FULL && (ledger_settle(&c->process->ledger, seq) || verdict == LEDGER_DURABLE))
                ack_soon(c->process, c->bridge);
}

static void handle_event(BridgeConnection *c, const json_t *frame, int type)
{
        Bridge *b = c->bridge;
        int64_t seq =
                bridge_frame_class((unsigned) type) == BRIDGE_FRAME_DURABLE ? json_int(frame, "seq", 0) : 0;
        LedgerVerdict verdict = seq > 0 ? receive_seq(c, seq) : LEDGER_NEW;

        if (verdict == LEDGER_DURABLE)
                ack_soon(c->process, b);
        if (verdict == LEDGER_DURABLE || verdict == LEDGER_FULL)
                return;
        bridge_homes_learn(b, c->process, frame);
        b->config.on_event(b->config.userdata, &(BridgeEvent){
                                                       .bridge_id = c->process->id,
                                                       .seq = seq,
                                                       .type = bridge_frame_type_name((unsigned) type),
                                                       .session_id = json_str_or(frame, "session_id", ""),
                                                       .root_id = json_str_or(frame, "root_id", ""),
                                                       .directory = json_str_or(frame, "directory", ""),
                                                       .frame = frame,
                                               });
}

static void handle_hello(BridgeConnection *c, const json_t *hello)
{
        Bridge *b = c->bridge;
        BridgeProcess *p = bridge_process_get(b, json_str(hello, "bridge_id"));

        if (p->connection)
                bridge_connection_close(p->connection, CLOSE_REPLACED, "replaced by a newer connection");
        bridge_process_greet(p, hello, clock_realtime_ms());
        if (p->lost > 0) {
                metric_add(b->metrics.lost, (double) p->lost);
                log_warn(COMPONENT, "bridge %s lost %lld events while it could not reach us", p->id,
                         (long long) p->lost);
        }
        p->connection = c;
        p->oldest_seq = 0; /* patience begins again */
        c->process = p;
        c->rank = ++b->next_rank;
        c->last_ping_ms = loop_now_ms(b->loop);
        set_state(c, CONNECTION_LIVE, "hello");
        metric_set(b->metrics.connected, ++b->n_live);
        send_new(c, json_pack("{s:s, s:i, s:s, s:I}", "type", "welcome", "protocol", BRIDGE_PROTOCOL,
                              "gateway_version", PROJECT_VERSION, "ack", (json_int_t) p->ledger.durable));
        bridge_connection_schedule(c);
        if (b->config.on_connected)
                b->config.on_connected(b->config.userdata, p->id, true);
}

static void handle_frame(BridgeConnection *c, const json_t *frame, int type)
{
        const char *name = bridge_frame_type_name((unsigned) type);

        metric_add(c->bridge->metrics.frames[type], 1);
        if (c->state == CONNECTION_GREETING) {
                if (str_equal(name, "hello")) {
                        handle_hello(c, frame);
                } else {
                        refuse(c, "protocol", "the first frame must be hello", "type", 0);
                        bridge_connection_close(c, CLOSE_PROTOCOL, "no hello");
                }
        } else if (bridge_frame_class((unsigned) type) != BRIDGE_FRAME_CONTROL) {
                handle_event(c, frame, type);
        } else if (str_equal(name, "reply")) {
                bridge_commands_reply(c, frame);
        } else if (str_equal(name, "directory.added")) {
                bridge_process_add_directory(c->process, json_str(frame, "directory"));
                bridge_offers_forget(c, json_str(frame, "directory"));
        } else if (str_equal(name, "directory.removed")) {
                json_object_del(c->process->directories, json_str(frame, "directory"));
                bridge_offers_forget(c, json_str(frame, "directory"));
        } else if (str_equal(name, "hello")) {
                refuse(c, "protocol", "there was a hello on this connection already", "type", 0);
        }
        /* A pong has done its work by arriving: any byte is a sign of life. */
}

static void on_text(void *userdata, const char *data, size_t n_bytes)
{
        BridgeConnection *c = userdata;
        _cleanup_json_ json_t *frame = NULL;
        _cleanup_free_ char *error = NULL, *message = NULL;
        const char *field, *why, *code;
        bool greeting = c->state == CONNECTION_GREETING;

        if (c->state == CONNECTION_CLOSING)
                return;
        if (n_bytes > BRIDGE_FRAME_MAX_BYTES) {
                refuse(c, "too_large", "a frame may have 1048576 bytes", NULL,
                       bridge_frame_salvage_seq(data, n_bytes));
                send_acks(c->bridge); /* before the close frame, or it comes again for ever */
                bridge_connection_close(c, CLOSE_TOO_LARGE, "frame too large");
                return;
        }
        frame = bridge_frame_parse(data, n_bytes, &error);
        field = frame ? bridge_frame_check(frame, &why) : "";
        if (!field) {
                handle_frame(c, frame, bridge_frame_type(frame));
                return;
        }
        code = frame ? bridge_frame_error_code(frame, field) : "bad_frame";
        message = !frame   ? mem_printf("not JSON: %s", error)
                  : *field ? mem_printf("%s %s", field, why)
                           : mem_printf("a frame %s", why);
        refuse(c, code, message, field,
               frame ? json_int(frame, "seq", 0) : bridge_frame_salvage_seq(data, n_bytes));
        if (greeting)
                bridge_connection_close(c, CLOSE_PROTOCOL, "no valid hello");
}

static void on_binary(void *userdata, const uint8_t *data, size_t n_bytes)
{
        BridgeConnection *c = userdata;
        bool greeting = c->state == CONNECTION_GREETING;

        (void) data;
        (void) n_bytes;
        if (c->state == CONNECTION_CLOSING)
                return;
        refuse(c, "bad_frame", "a frame must be text, not binary", NULL, 0);
        if (greeting)
                bridge_connection_close(c, CLOSE_PROTOCOL, "no valid hello");
}

/* --- accepting --- */

static const WsPeerEvents peer_events = {.on_text = on_text, .on_binary = on_binary, .on_end = on_end};

static bool is_authorized(const Bridge *b, const HttpRequest *req)
{
        const char *value = http_request_header(req, "Authorization");

        if (!value || strncasecmp(value, "Bearer ", 7) != 0)
                return false;
        value += 7;
        return secret_equal(b->config.token, value + strspn(value, " "));
}

static void refuse_stranger(Bridge *b, HttpRequest *req)
{
        static const HttpHeader headers[] = {
                {"Content-Type", "application/json"}, {"WWW-Authenticate", "Bearer"}, /* RFC 9110 §15.5.2 */
        };
        static const char body[] =
                "{\"error\":{\"code\":\"unauthorized\",\"message\":\"the bridge token is missing or "
                "wrong; set the same GATEWAY_BRIDGE_TOKEN here and where OpenCode runs\"}}";
        int64_t now_ms = loop_now_ms(b->loop);

        metric_add(b->metrics.refused, 1);
        b->n_refusals_unlogged++;
        if (!b->refusal_logged_ms || now_ms - b->refusal_logged_ms >= LOG_INTERVAL_MS) {
                log_warn(COMPONENT,
                         "refused %u connection(s) with a missing or wrong bridge token, the last from %s",
                         b->n_refusals_unlogged, http_request_peer(req));
                b->refusal_logged_ms = now_ms;
                b->n_refusals_unlogged = 0;
        }
        http_respond(req, 401, headers, ELEMENTSOF(headers), body, sizeof(body) - 1);
}

void bridge_accept(Bridge *b, HttpRequest *req)
{
        BridgeConnection *c;

        if (!is_authorized(b, req)) {
                refuse_stranger(b, req);
                return;
        }
        if (b->stopping || b->n_connections >= CONNECTIONS_MAX) {
                http_respond_error(req, 503, "unavailable",
                                   b->stopping ? "the gateway is stopping" : "too many bridges are connected",
                                   NULL);
                return;
        }
        c = mem_new(BridgeConnection);
        c->bridge = b;
        c->from = mem_strdup(http_request_peer(req));
        c->opened_ms = loop_now_ms(b->loop);
        list_init(&c->commands);
        c->timer = loop_timer_new(b->loop, on_timer, c);
        list_append(&b->connections, &c->link);
        b->n_connections++;
        if (http_upgrade(req, MESSAGE_MAX_BYTES, &peer_events, c, &c->peer) < 0) {
                free_connection(c); /* answered already */
                return;
        }
        log_debug(COMPONENT, "bridge connection from %s", c->from);
        bridge_connection_schedule(c);
}

/* --- the whole --- */

static void make_metrics(BridgeMetrics *m, Metrics *metrics)
{
        static const char bad_help[] = "frames from plugins that were refused";
        static const char bad_name[] = "bridge_bad_frames_total";
        static const char commands_help[] = "commands to plugins, by how they ended";
        static const char commands_name[] = "bridge_commands_total";

        m->frames = mem_zalloc(bridge_frame_n_types() * sizeof(*m->frames));
        for (unsigned i = 0; i < bridge_frame_n_types(); i++) {
                _cleanup_free_ char *labels = mem_printf("type=\"%s\"", bridge_frame_type_name(i));

                m->frames[i] = metrics_counter(metrics, "bridge_frames_total", "frames from plugins", labels);
        }
        m->connected = metrics_gauge(metrics, "bridge_connected", "OpenCode processes connected", NULL);
        m->replayed = metrics_counter(metrics, "bridge_replayed_total", "events that came again", NULL);
        m->missing =
                metrics_counter(metrics, "bridge_missing_total", "sequence numbers that never came", NULL);
        m->lost = metrics_counter(metrics, "bridge_lost_total", "events plugins dropped from a full buffer",
                                  NULL);
        m->refused =
                metrics_counter(metrics, "bridge_refused_total", "connections without the right token", NULL);
        m->bad_frame = metrics_counter(metrics, bad_name, bad_help, "code=\"bad_frame\"");
        m->bad_field = metrics_counter(metrics, bad_name, bad_help, "code=\"bad_field\"");
        m->too_large = metrics_counter(metrics, bad_name, bad_help, "code=\"too_large\"");
        m->protocol = metrics_counter(metrics, bad_name, bad_help, "code=\"protocol\"");
        m->commands_ok = metrics_counter(metrics, commands_name, commands_help, "outcome=\"ok\"");
        m->commands_failed = metrics_counter(metrics, commands_name, commands_help, "outcome=\"failed\"");
        m->commands_unanswered =
                metrics_counter(metrics, commands_name, commands_help, "outcome=\"unanswered\"");
}

int bridge_new(Bridge **ret, Loop *loop, Metrics *metrics, const BridgeConfig *config)
{
        Bridge *b = mem_new(Bridge);

        b->loop = loop;
        b->config = *config;
        b->timing = default_timing;
        list_init(&b->connections);
        list_init(&b->queries);
        b->ack_timer = loop_timer_new(loop, send_acks, b);
        make_metrics(&b->metrics, metrics);
        *ret = b;
        return 0;
}

void bridge_set_timing(Bridge *b, const BridgeTiming *timing)
{
        b->timing = *timing;
}

void bridge_free(Bridge *b)
{
        if (!b)
                return;
        list_for_each_safe (node, &b->connections) {
                BridgeConnection *c = list_entry(node, BridgeConnection, link);

                ws_peer_abort(c->peer);
                free_connection(c);
        }
        bridge_queries_free(b);
        bridge_processes_free(b);
        loop_timer_free(b->ack_timer);
        free(b->metrics.frames);
        free(b);
}

void bridge_stop(Bridge *b)
{
        b->stopping = true;
        send_acks(b); /* what is durable need not come again after the restart */
        list_for_each (node, &b->connections)
                bridge_connection_close(list_entry(node, BridgeConnection, link), CLOSE_GOING_AWAY,
                                        "stopping");
}

unsigned bridge_connected(const Bridge *b)
{
        return b->n_live;
}

json_t *bridge_status(const Bridge *b)
{
        json_t *list = json_array();

        list_for_each (node, &b->connections) {
                const BridgeConnection *c = list_entry(node, BridgeConnection, link);
                const BridgeProcess *p = c->process;
                json_t *entry, *directories;
                const char *directory;
                json_t *unused;

                if (c->state != CONNECTION_LIVE)
                        continue;
                directories = json_array();
                json_object_foreach (p->directories, directory, unused)
                        json_array_append_new(directories, json_string(directory));
                entry = json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I}", "bridge_id", p->id, "directories",
                                  directories, "pid", (json_int_t) p->pid, "since_ms",
                                  (json_int_t) p->since_ms, "ack", (json_int_t) p->ledger.durable, "unstored",
                                  (json_int_t) ledger_pending(&p->ledger), "lost", (json_int_t) p->lost);
                json_put_str(entry, "plugin_version", p->plugin_version);
                json_put_str(entry, "opencode_version", p->opencode_version);
                json_array_append_new(list, entry);
        }
        return list;
}
