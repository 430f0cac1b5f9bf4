/* One HTTP request per frame, over connections that the client keeps. What is sent is bounded: asks by their
 * verbs, hints and tellings by number, word of stored events by one request under way per peer, behind which
 * more gather. Everything but an ask may be lost: owners look into their inbox now and then, the rest is
 * said again or does not matter. An ask is not lost but uncertain, as when the bridge itself goes. */
#include "gateway/relay.h"

#include "connectors/slack/web.h"
#include "gateway/relay-frames.h"
#include "integrations/opencode/opencode-asks.h"

#define COMPONENT      "relay"
#define ASK_TIMEOUT_MS 40000 /* five seconds more than the bridge gives a command */
#define TIMEOUT_MS     3000
#define ANSWER_MAX     (2 * 1024 * 1024)
#define ABSENT_WAIT_MS 500
#define CALLS_MAX      1000 /* of those that may be lost */
#define VERBS_MAX      16
#define ECHOES_MS      200
#define ECHOES_MAX     200

/* How well a bridge fits an ask, from nobody connected to the one who knows of it. */
typedef enum RelayFit { FIT_NONE, FIT_ANY, FIT_DIRECTORY, FIT_SESSION, FIT_ASKER } RelayFit;

typedef struct Peer {
        int64_t id;
        char *url;
        unsigned n_bridges;
        json_t *stored; /* refs of flows, gathered */
        bool is_telling;
        UT_hash_handle hh;
} Peer;

struct Relay {
        Gateway *gateway;
        Peer *peers;
        unsigned n_calls;
        List calls, asks, performing;
        AskVerb verbs[VERBS_MAX];
        const AskVerb *originals[VERBS_MAX];
        size_t n_verbs;
        json_t *echoes;
        LoopTimer *echoes_due;
        MetricSeries *sent, *lost;
};

/* ---- one call ---- */

typedef void (*CallDone)(void *userdata, const HttpResult *result, const json_t *answer /* NULL = none */);
typedef struct Call {
        List link;
        Relay *relay;
        HttpOp *op;
        CallDone done;
        LoopFn drop;
        void *userdata;
} Call;

static void call_free(Call *call)
{
        list_remove(&call->link);
        call->relay->n_calls--;
        free(call);
}

static void on_answer(void *userdata, const HttpResult *result)
{
        Call *call = userdata;
        CallDone done = call->done;
        void *of = call->userdata;
        _cleanup_json_ json_t *answer = NULL;

        if (result->fault == 0 && result->status == 200)
                answer = json_parse(result->body, result->n_body, NULL);
        if (!answer) {
                metric_add(call->relay->lost, 1);
                log_debug(COMPONENT, "no answer: %s (%u)", result->error ? result->error : "",
                          result->status);
        }
        call_free(call);
        done(of, result, answer);
}

/* `done` exactly once and later, or `drop` (may be NULL) when the relay is freed before. false: neither; it
 * cannot be sent. */
static bool send_frame(Relay *r, const char *base, json_t *frame /* stolen */, int64_t timeout_ms,
                       CallDone done, LoopFn drop, void *userdata)
{
        _cleanup_json_ json_t *owned = frame;
        _cleanup_free_ char *url = mem_printf("%s/api/replica", base), *body = json_dump(owned);
        _cleanup_free_ char *token = mem_printf("Authorization: Bearer %s",
                                                secret_reveal(&r->gateway->conf->gateway.bridge_token));
        const char *headers[] = {token, "Content-Type: application/json", NULL};
        Call *call = mem_new(Call);
        int result;

        *call = (Call){.relay = r, .done = done, .drop = drop, .userdata = userdata};
        result = http_client_send(r->gateway->http,
                                  &(HttpCall){.method = "POST",
                                              .url = url,
                                              .headers = headers,
                                              .body = body,
                                              .n_body = strlen(body),
                                              .timeout_ms = timeout_ms,
                                              .max_response_bytes = ANSWER_MAX},
                                  on_answer, call, &call->op);
        explicit_bzero(token, strlen(token));
        if (result < 0) {
                log_fault(result, COMPONENT, "sending to another gateway");
                free(call);
                return false;
        }
        metric_add(r->sent, 1);
        r->n_calls++;
        list_append(&r->calls, &call->link);
        return true;
}

static void ignore(void *userdata, const HttpResult *result, const json_t *answer)
{
        (void) userdata;
        (void) result;
        (void) answer;
}

/* For what may be lost. */
static void send_loose(Relay *r, const char *url, json_t *frame /* stolen */)
{
        if (r->n_calls < CALLS_MAX)
                (void) send_frame(r, url, frame, TIMEOUT_MS, ignore, NULL, NULL);
        else
                json_decref(frame);
}

/* ---- peers ---- */

static Peer *find(Relay *r, int64_t id)
{
        Peer *p;

        HASH_FIND(hh, r->peers, &id, sizeof(id), p);
        return p;
}

static void peer_free(Relay *r, Peer *p)
{
        HASH_DEL(r->peers, p);
        json_decref(p->stored);
        free(p->url);
        free(p);
}

static bool is_in(const ReplicaView *view, int64_t id)
{
        for (size_t i = 0; i < view->n_peers; i++)
                if (view->peers[i].id == id)
                        return true;
        return false;
}

void relay_set_peers(Relay *r, const ReplicaView *view)
{
        Peer *p, *next;

        HASH_ITER (hh, r->peers, p, next)
                if (!is_in(view, p->id)) {
                        log_info(COMPONENT, "the gateway at %s is gone", p->url);
                        peer_free(r, p);
                }
        for (size_t i = 0; i < view->n_peers; i++) {
                const ReplicaPeer *seen = &view->peers[i];

                p = find(r, seen->id);
                if (!p) {
                        log_info(COMPONENT, "there is a gateway at %s", seen->url);
                        p = mem_new(Peer);
                        p->id = seen->id;
                        p->stored = json_array();
                        HASH_ADD(hh, r->peers, id, sizeof(p->id), p);
                }
                mem_strset(&p->url, seen->url);
                p->n_bridges = seen->n_bridges;
        }
}

/* ---- asks for OpenCode ---- */

/* An ask that looks for its bridge: the best fit first, each peer in turn. */
typedef struct RelayAsk {
        List link;
        Relay *relay;
        Ask *ask;
        const AskVerb *verb;
        RelayFit fit; /* that is looked for now */
        int64_t *candidates, asked;
        size_t n_candidates, next;
} RelayAsk;

static void ask_free(RelayAsk *a)
{
        list_remove(&a->link);
        free(a->candidates);
        free(a);
}

static void ask_drop(void *userdata)
{
        ask_free(userdata);
}

static RelayFit local_fit(const Relay *r, const json_t *args)
{
        return (RelayFit) bridge_fit(r->gateway->bridge, args);
}

static void try_next(RelayAsk *a);

static void on_ask_answer(void *userdata, const HttpResult *http, const json_t *answer)
{
        RelayAsk *a = userdata;
        Ask *ask = a->ask;
        Peer *p = find(a->relay, a->asked);
        AskResult result;

        if (json_bool(answer, "elsewhere")) {
                if (p && a->fit == FIT_ANY)
                        p->n_bridges = 0; /* until it says otherwise */
                try_next(a);
                return;
        }
        ask_free(a);
        if (http->fault == 0 && http->status == 413) {
                ask_permfail(ask, "invalid", "the command is larger than 1 MiB");
                return;
        }
        result = relay_result_read(answer);
        if (!answer) {
                result.uncertain = http->sent;
                if (p)
                        p->n_bridges = 0;
        }
        ask_done(ask, &result);
}

static bool perform_here(RelayAsk *a)
{
        Relay *r = a->relay;
        Ask *ask = a->ask;
        const AskVerb *verb = a->verb;

        if (local_fit(r, ask->args) < a->fit)
                return false;
        ask_free(a);
        verb->start(r->gateway->bridge, ask);
        return true;
}

static void try_next(RelayAsk *a)
{
        Relay *r = a->relay;
        Ask *ask = a->ask;

        for (; a->fit > FIT_NONE; a->fit--, a->next = 0) {
                if (a->next == 0 && perform_here(a))
                        return;
                while (a->next < a->n_candidates) {
                        Peer *p = find(r, a->candidates[a->next++]);

                        if (!p)
                                continue;
                        a->asked = p->id;
                        if (send_frame(r, p->url, relay_ask_frame(ask, a->fit), ASK_TIMEOUT_MS, on_ask_answer,
                                       ask_drop, a))
                                return;
                }
        }
        ask_free(a);
        ask_tempfail(ask, "unavailable", "OpenCode is not connected", false, 0);
}

static const AskVerb *original(const Relay *r, const char *name)
{
        for (size_t i = 0; i < r->n_verbs; i++)
                if (str_equal(r->verbs[i].name, name))
                        return r->originals[i];
        return NULL;
}

static void start_ask(void *owner, Ask *ask)
{
        Relay *r = owner;
        RelayAsk *a = mem_new(RelayAsk);
        size_t n = HASH_COUNT(r->peers);
        bool here = bridge_connected(r->gateway->bridge) > 0;

        *a = (RelayAsk){.relay = r, .ask = ask, .verb = original(r, ask->verb)};
        list_append(&r->asks, &a->link);
        a->candidates = mem_zalloc(MAX2(n, (size_t) 1) * sizeof(*a->candidates));
        for (Peer *p = r->peers; p; p = p->hh.next)
                if (p->n_bridges > 0)
                        a->candidates[a->n_candidates++] = p->id;
        /* With one bridge only there is nothing to choose. */
        a->fit = a->n_candidates + here > 1 ? FIT_ASKER : FIT_ANY;
        try_next(a);
}

static int64_t wait_ask(void *owner, const Ask *ask)
{
        Relay *r = owner;

        (void) ask;
        if (bridge_connected(r->gateway->bridge) > 0)
                return 0;
        for (Peer *p = r->peers; p; p = p->hh.next)
                if (p->n_bridges > 0)
                        return 0;
        return ABSENT_WAIT_MS;
}

const AskVerb *relay_verb(Relay *r, const AskVerb *verb)
{
        AskVerb *copy = &r->verbs[r->n_verbs];

        r->originals[r->n_verbs++] = verb;
        *copy = *verb;
        copy->start = start_ask;
        copy->wait_ms = wait_ask;
        return copy;
}

/* ---- what others ask of us ---- */

typedef struct Performing {
        List link;
        HttpRequest *req; /* NULL: gone; the ask goes on, its asker asks again */
} Performing;

static void on_performed(void *userdata, const AskResult *result)
{
        Performing *p = userdata;

        if (p->req)
                http_respond_json(p->req, 200, relay_result_frame(result));
        list_remove(&p->link);
        free(p);
}

static void take_ask(Relay *r, HttpRequest *req, const json_t *frame)
{
        const AskVerb *verb = original(r, json_str(frame, "verb"));
        json_t *args = json_object_get(frame, "args");
        Ask like = relay_ask_read(frame);
        Performing *p;

        if (!verb) {
                http_respond_error(req, 400, "bad_field", "is not a verb of the bridge", "verb");
                return;
        }
        if (r->gateway->stopping ||
            local_fit(r, args) < MAX2(json_int(frame, "least", 0), (int64_t) FIT_ANY)) {
                http_respond_json(req, 200, json_pack("{s:b}", "elsewhere", 1));
                return;
        }
        p = mem_new(Performing);
        p->req = req;
        list_append(&r->performing, &p->link);
        flow_engine_perform(r->gateway->engine, verb, r->gateway->bridge, &like, json_incref(args),
                            on_performed, p);
}

static bool take_told(Relay *r, const char *what, const json_t *data)
{
        Gateway *g = r->gateway;
        size_t i;
        json_t *echo;

        if (str_equal(what, "echo"))
                json_array_foreach ((json_t *) json_at(data, "echoes"), i, echo)
                        health_on_echo(g->health, json_str_or(echo, "channel", ""),
                                       json_str_or(echo, "ts", ""));
        else if (str_equal(what, "caught_up"))
                health_caught_up(g->health);
        else if (str_equal(what, "http_answer"))
                permission_http_answer(g, data);
        else if (str_equal(what, "missed"))
                return missed_take(g->missed, json_str_or(data, "address", ""));
        return false;
}

/* Whether to answer yes. */
static bool take_frame(Relay *r, const json_t *frame)
{
        const char *type = json_str(frame, "type");
        Gateway *g = r->gateway;
        size_t i;
        json_t *ref;

        if (str_equal(type, "stored"))
                json_array_foreach (json_object_get(frame, "flows"), i, ref)
                        flow_engine_look(g->engine, relay_flow_id(json_string_value(ref)));
        else if (str_equal(type, "hint"))
                flow_engine_hint(g->engine, relay_flow_id(json_str(frame, "flow")), json_str(frame, "event"),
                                 json_incref(json_object_get(frame, "data")));
        else if (str_equal(type, "look"))
                replica_look(g->replica);
        else if (str_equal(type, "tell"))
                return take_told(r, json_str(frame, "what"), json_at(frame, "data"));
        return false;
}

void relay_request(Relay *r, HttpRequest *req)
{
        size_t n;
        const char *text = http_request_body(req, &n), *field, *why;
        _cleanup_free_ char *error = NULL;
        _cleanup_json_ json_t *frame = json_parse(text, n, &error);

        if (!json_is_object(frame)) {
                http_respond_error(req, 400, "bad_json", error ? error : "the body must be a JSON object",
                                   NULL);
                return;
        }
        field = relay_frame_check(frame, &why);
        if (field) {
                http_respond_error(req, 400, "bad_field", why, field);
                return;
        }
        if (str_equal(json_str(frame, "type"), "ask")) {
                take_ask(r, req, frame);
                return;
        }
        http_respond_json(req, 200, json_pack("{s:b}", "yes", take_frame(r, frame)));
}

void relay_aborted(Relay *r, HttpRequest *req)
{
        if (!r)
                return;
        list_for_each (node, &r->performing)
                if (list_entry(node, Performing, link)->req == req)
                        list_entry(node, Performing, link)->req = NULL;
}

/* ---- what we tell others ---- */

typedef struct Telling {
        Relay *relay;
        int64_t peer;
} Telling;

static void send_stored(Relay *r, Peer *p);

static void on_stored_answer(void *userdata, const HttpResult *result, const json_t *answer)
{
        Telling *t = userdata;
        Relay *r = t->relay;
        Peer *p = find(r, t->peer);

        (void) result;
        (void) answer;
        free(t);
        if (!p)
                return;
        p->is_telling = false;
        send_stored(r, p);
}

static void send_stored(Relay *r, Peer *p)
{
        Telling *t;

        if (p->is_telling || json_array_size(p->stored) == 0)
                return;
        t = mem_new(Telling);
        *t = (Telling){r, p->id};
        p->is_telling = send_frame(r, p->url, json_pack("{s:s, s:o}", "type", "stored", "flows", p->stored),
                                   TIMEOUT_MS, on_stored_answer, free, t);
        p->stored = json_array();
        if (!p->is_telling)
                free(t);
}

void relay_stored(Relay *r, int64_t owner, int64_t flow_id)
{
        Peer *p = find(r, owner);

        if (!p || json_array_size(p->stored) >= RELAY_FLOWS_MAX)
                return; /* the owner looks by itself */
        json_array_append_new(p->stored, relay_flow_ref(flow_id));
        send_stored(r, p);
}

void relay_hint(Relay *r, int64_t owner, int64_t flow_id, const char *event, const json_t *data)
{
        Peer *p = find(r, owner);

        if (p)
                send_loose(r, p->url,
                           json_pack("{s:s, s:o, s:s, s:O}", "type", "hint", "flow", relay_flow_ref(flow_id),
                                     "event", event, "data", data));
}

void relay_look(Relay *r)
{
        for (Peer *p = r->peers; p; p = p->hh.next)
                send_loose(r, p->url, json_pack("{s:s}", "type", "look"));
}

typedef struct Broadcast {
        unsigned n_open; /* and one for the loop that makes them */
        bool failed;
        bool yes;
        PeersTold done;
        void *userdata;
} Broadcast;

static void broadcast_unref(Broadcast *b)
{
        if (--b->n_open > 0)
                return;
        if (b->done)
                b->done(b->userdata, !b->failed, b->yes);
        free(b);
}

static void on_told(void *userdata, const HttpResult *result, const json_t *answer)
{
        Broadcast *b = userdata;

        (void) result;
        b->failed |= !answer;
        b->yes |= json_bool(answer, "yes");
        broadcast_unref(b);
}

static void drop_told(void *userdata)
{
        Broadcast *b = userdata;

        b->done = NULL;
        broadcast_unref(b);
}

static void broadcast(Relay *r, const char *what, json_t *data /* stolen */, PeersTold done, void *userdata)
{
        Broadcast *b = mem_new(Broadcast);

        *b = (Broadcast){.n_open = 1, .done = done, .userdata = userdata};
        for (Peer *p = r->peers; p; p = p->hh.next) {
                b->n_open++;
                if (r->n_calls < CALLS_MAX &&
                    send_frame(r, p->url,
                               json_pack("{s:s, s:s, s:O}", "type", "tell", "what", what, "data", data),
                               TIMEOUT_MS, on_told, drop_told, b))
                        continue;
                b->n_open--;
                b->failed = true;
        }
        json_decref(data);
        broadcast_unref(b);
}

static void send_echoes(void *userdata)
{
        Relay *r = userdata;
        json_t *echoes = r->echoes;

        r->echoes = json_array();
        loop_timer_clear(r->echoes_due);
        broadcast(r, "echo", json_pack("{s:o}", "echoes", echoes), NULL, NULL);
}

void relay_tell(Relay *r, const char *what, json_t *data, PeersTold done, void *userdata)
{
        if (!str_equal(what, "echo")) {
                broadcast(r, what, data, done, userdata);
                return;
        }
        json_array_append_new(r->echoes, data);
        if (json_array_size(r->echoes) >= ECHOES_MAX)
                send_echoes(r);
        else if (!loop_timer_is_set(r->echoes_due))
                loop_timer_set(r->echoes_due, ECHOES_MS);
}

/* ---- life ---- */

Relay *relay_new(Gateway *g)
{
        Relay *r = mem_new(Relay);

        r->gateway = g;
        list_init(&r->calls);
        list_init(&r->asks);
        list_init(&r->performing);
        r->echoes = json_array();
        r->echoes_due = loop_timer_new(g->loop, send_echoes, r);
        r->sent = metrics_counter(g->metrics, "relay_sent_total", "Frames sent to other gateways.", NULL);
        r->lost = metrics_counter(g->metrics, "relay_lost_total", "Frames that no other gateway took.", NULL);
        return r;
}

void relay_free(Relay *r)
{
        if (!r)
                return;
        list_for_each_safe (node, &r->calls) {
                Call *call = list_entry(node, Call, link);

                http_op_cancel(call->op);
                if (call->drop)
                        call->drop(call->userdata);
                call_free(call);
        }
        list_for_each_safe (node, &r->performing) {
                list_remove(node);
                free(list_entry(node, Performing, link));
        }
        while (r->peers)
                peer_free(r, r->peers);
        json_decref(r->echoes);
        loop_timer_free(r->echoes_due);
        free(r);
}
