#include "socketmode.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "delivery.h"
#include "faults.h"
#include "net/url.h"
#include "tcp.h"

#define HOST_NAME         "applink-local"
#define MESSAGE_BYTES_MAX (1u << 20) /* from the app: acknowledgements with a view inside are the largest */
#define QUEUED_BYTES_MAX  (64u << 20)
#define WARNING_AHEAD_MS  10000
#define CLOSE_AFTER_MS    30000 /* a socket that was told to go and does not */
#define HELD_OPEN_MS      20000 /* Slack leaves TCP open after the close handshake */
#define HELD_MAX          64
#define DEBUG_LIFETIME_S  360

typedef enum SocketState {
        SOCKET_LIVE,
        SOCKET_RETIRING, /* told to go; still acknowledges, gets nothing new */
        SOCKET_REFUSED,  /* one too many */
        SOCKET_FROZEN,   /* half-open: counted, given envelopes, silent */
        SOCKET_GHOST,    /* the far side has gone without a word: still registered (reference §1.12) */
        SOCKET_CLOSING
} SocketState;

static const char *const state_names[] = {
        [SOCKET_LIVE] = "live",     [SOCKET_RETIRING] = "retiring", [SOCKET_REFUSED] = "refused",
        [SOCKET_FROZEN] = "frozen", [SOCKET_GHOST] = "ghost",       [SOCKET_CLOSING] = "closing"};

typedef struct Ticket {
        char text[UUID_SIZE];
        int64_t expires_ms;
} Ticket;

typedef struct Socket {
        Socketmode *owner;
        int64_t id;
        WsPeer *peer; /* NULL for a ghost */
        SocketState state;
        bool is_muted; /* reads, but its acknowledgements are ignored */
        bool is_deaf;  /* answers pings, and loses every envelope that it is given */
        bool is_warned;
        bool is_silent, keeps_pongs; /* sends no pings; answers none */
        unsigned n_pings;            /* that it sent us */
        int64_t opened_ms, started_ms /* since the epoch */, lifetime_ms;
        char address[72];
        int held_fd; /* keeps TCP open beyond the end of `peer`; -1 = none */
        LoopTimer *ping_timer, *life_timer;
        List link;
} Socket;

typedef struct HeldOpen {
        Socketmode *owner;
        int fd;
        LoopTimer *timer;
        List link;
} HeldOpen;

struct Socketmode {
        Local *local;
        Ticket tickets[SOCKETS_TICKETS_MAX];
        size_t n_tickets; /* ever made */
        char app_hash[65];
        List sockets, held;
        size_t n_sockets, n_held;
        int64_t last_id;
};

static void set_state(Socket *s, SocketState state)
{
        json_t *data;

        if (s->state == state)
                return;
        log_debug("localslack.socket", "socket %lld: %s → %s", (long long) s->id, state_names[s->state],
                  state_names[state]);
        s->state = state;
        data = json_pack("{s:I,s:s}", "id", (json_int_t) s->id, "state", state_names[state]);
        feed_emit(s->owner->local->feed, "socket", data);
}

static void socket_send(Socket *s, const char *text, size_t n_bytes)
{
        bool is_swallowed = s->state == SOCKET_FROZEN || s->state == SOCKET_GHOST;

        local_record_frame(s->owner->local, is_swallowed ? "swallowed" : "out", s->id, text, n_bytes);
        if (!is_swallowed)
                ws_peer_send_text(s->peer, text, n_bytes);
}

static void socket_free(Socket *s)
{
        list_remove(&s->link);
        if (s->state != SOCKET_REFUSED)
                s->owner->n_sockets--;
        loop_timer_free(s->ping_timer);
        loop_timer_free(s->life_timer);
        if (s->held_fd >= 0)
                close(s->held_fd);
        feed_emit(s->owner->local->feed, "socket",
                  json_pack("{s:I,s:s}", "id", (json_int_t) s->id, "state", "gone"));
        free(s);
}

static void socket_cut(Socket *s)
{
        ws_peer_abort(take(s->peer));
        socket_free(s);
}

/* Stays registered without a connection: counted in hello, given envelopes, for `ms`. */
static void become_ghost(Socket *s, int64_t ms)
{
        ws_peer_abort(take(s->peer));
        if (s->held_fd >= 0)
                close(s->held_fd);
        s->held_fd = -1;
        set_state(s, SOCKET_GHOST);
        loop_timer_clear(s->ping_timer);
        loop_timer_set(s->life_timer, ms);
}

static void held_free(HeldOpen *h)
{
        list_remove(&h->link);
        h->owner->n_held--;
        loop_timer_free(h->timer);
        close(h->fd);
        free(h);
}

static void on_held_timer(void *userdata)
{
        held_free(userdata);
}

/* After the close handshake Slack leaves it to the client to end the connection (reference §1.7). */
static void hold_open(Socketmode *sm, int fd)
{
        HeldOpen *h = mem_new(HeldOpen);

        if (sm->n_held == HELD_MAX)
                held_free(list_first(&sm->held, HeldOpen, link));
        h->owner = sm;
        h->fd = fd;
        h->timer = loop_timer_new(sm->local->loop, on_held_timer, h);
        loop_timer_set(h->timer, HELD_OPEN_MS);
        list_append(&sm->held, &h->link);
        sm->n_held++;
}

static void send_disconnect(Socket *s, const char *reason)
{
        json_t *message = json_pack("{s:s,s:s,s:{s:s}}", "type", "disconnect", "reason", reason, "debug_info",
                                    "host", HOST_NAME);
        _cleanup_free_ char *text = NULL;

        if (str_equal(reason, "too_many_websockets")) {
                json_put_int(message, "num_connections", (int64_t) s->owner->n_sockets);
                json_object_set_new(message, "connection_info", json_pack("{s:s}", "app_id", APP_ID));
        }
        text = json_dump(message);
        json_decref(message);
        socket_send(s, text, strlen(text));
}

static void retire(Socket *s, const char *reason)
{
        send_disconnect(s, reason);
        set_state(s, SOCKET_RETIRING);
        loop_timer_set(s->life_timer, CLOSE_AFTER_MS);
}

static void on_life_timer(void *userdata)
{
        Socket *s = userdata;
        int64_t age_ms = loop_now_ms(s->owner->local->loop) - s->opened_ms;

        if (s->state == SOCKET_FROZEN ||
            s->state == SOCKET_GHOST) { /* a ghost is never told anything; it goes at the end of its life */
                socket_cut(s);
        } else if (s->state == SOCKET_LIVE && !s->is_warned && age_ms < s->lifetime_ms) {
                s->is_warned = true;
                send_disconnect(s, "warning");
                loop_timer_set(s->life_timer, s->lifetime_ms - age_ms);
        } else if (s->state == SOCKET_LIVE)
                retire(s, "refresh_requested");
        else {
                set_state(s, SOCKET_CLOSING);
                ws_peer_close(s->peer, 1000, "");
        }
}

static void on_ping_timer(void *userdata)
{
        static const char payload[] = "Ping from " HOST_NAME;
        Socket *s = userdata;
        const Switches *switches = &s->owner->local->switches;
        int64_t now = loop_now_ms(s->owner->local->loop), silent_ms = now - ws_peer_last_heard_ms(s->peer);

        if (s->state != SOCKET_FROZEN) {
                if ((switches->idle_kill_ms > 0 && silent_ms > switches->idle_kill_ms) ||
                    ws_peer_queued_bytes(s->peer) > QUEUED_BYTES_MAX) {
                        socket_cut(s);
                        return;
                }
                if (!s->is_silent)
                        ws_peer_send_ping(s->peer, payload, strlen(payload));
        }
        loop_timer_set(s->ping_timer, switches->ping_period_ms);
}

static void on_text(void *userdata, const char *data, size_t n_bytes)
{
        Socket *s = userdata;

        local_record_frame(s->owner->local, s->is_muted ? "ignored" : "in", s->id, data, n_bytes);
        if (!s->is_muted)
                delivery_on_frame(s->owner->local->delivery, s->id, data, n_bytes);
}

static void apply_pongs(Socket *s)
{
        PongMode mode = s->owner->local->switches.pongs;

        if (s->peer)
                ws_peer_mute_pongs(s->peer, s->keeps_pongs || mode == PONGS_NONE ||
                                                    (mode == PONGS_ONCE && s->n_pings > 0));
}

static void on_ping(void *userdata, const uint8_t *data, size_t n_bytes)
{
        Socket *s = userdata;

        (void) data;
        (void) n_bytes;
        s->n_pings++;
        apply_pongs(s);
}

static void on_end(void *userdata, unsigned code, const char *reason)
{
        Socket *s = userdata;
        int64_t ghost_ms = s->owner->local->switches.ghost_ms;

        log_debug("localslack.socket", "socket %lld ended: %u %s", (long long) s->id, code, reason);
        s->peer = NULL; /* frees itself */
        if (code == 1006 && ghost_ms > 0 && (s->state == SOCKET_LIVE || s->state == SOCKET_FROZEN)) {
                become_ghost(s, ghost_ms);
                return;
        }
        if (code != 1006 && s->held_fd >= 0) {
                hold_open(s->owner, s->held_fd);
                s->held_fd = -1;
        }
        socket_free(s);
}

static const WsPeerEvents peer_events = {.on_text = on_text, .on_ping = on_ping, .on_end = on_end};

void socketmode_apply_switches(Socketmode *sm)
{
        list_for_each (node, &sm->sockets)
                apply_pongs(list_entry(node, Socket, link));
}

Socketmode *socketmode_new(Local *l)
{
        Socketmode *sm = mem_new(Socketmode);
        uint8_t hash[32];

        sm->local = l;
        list_init(&sm->sockets);
        list_init(&sm->held);
        digest_sha256(APP_ID, strlen(APP_ID), hash);
        digest_hex(hash, sizeof(hash), sm->app_hash);
        return sm;
}

void socketmode_free(Socketmode *sm)
{
        if (!sm)
                return;
        list_for_each_safe (node, &sm->sockets)
                socket_cut(list_entry(node, Socket, link));
        list_for_each_safe (node, &sm->held)
                held_free(list_entry(node, HeldOpen, link));
        free(sm);
}

char *socketmode_make_url(Socketmode *sm, const char *host)
{
        Ticket *t = &sm->tickets[sm->n_tickets++ % SOCKETS_TICKETS_MAX];

        uuid4(t->text);
        t->expires_ms = loop_now_ms(sm->local->loop) + sm->local->switches.ticket_life_ms;
        return mem_printf("ws://%s/link/?ticket=%s&app_id=%s", host, t->text, sm->app_hash);
}

static bool redeem(Socketmode *sm, const char *text)
{
        for (size_t i = 0; text && i < SOCKETS_TICKETS_MAX; i++)
                if (*sm->tickets[i].text && str_equal(sm->tickets[i].text, text)) {
                        bool fresh = loop_now_ms(sm->local->loop) <= sm->tickets[i].expires_ms;

                        *sm->tickets[i].text = 0; /* one address, one connection */
                        return fresh;
                }
        return false;
}

/* "2020-10-11 12:12:12.120", as in debug_info.started. */
static void format_started(int64_t at_ms, char ret[32])
{
        time_t at_s = (time_t) (at_ms / 1000);
        struct tm utc;
        size_t n;

        gmtime_r(&at_s, &utc);
        n = strftime(ret, 32, "%Y-%m-%d %H:%M:%S", &utc);
        snprintf(ret + n, 32 - n, ".%03d", (int) (at_ms % 1000));
}

static void say_hello(Socket *s)
{
        Socketmode *sm = s->owner;
        _cleanup_free_ char *text = NULL;
        char started[32];

        format_started(s->started_ms, started);
        text = mem_printf("{\"type\":\"hello\",\"num_connections\":%zu,\"debug_info\":{\"host\":\"" HOST_NAME
                          "\",\"started\":\"%s\",\"build_number\":1,\"approximate_connection_time\":%lld},"
                          "\"connection_info\":{\"app_id\":\"" APP_ID "\"}}",
                          sm->n_sockets, started, (long long) (s->lifetime_ms / 1000));
        socket_send(s, text, strlen(text));
        feed_emit(sm->local->feed, "socket",
                  json_pack("{s:I,s:s}", "id", (json_int_t) s->id, "state", "live"));
        /* A first ping at once: the Node SDK watches the server only after it has seen one. */
        loop_timer_set(s->ping_timer, 0);
        loop_timer_set(s->life_timer, s->lifetime_ms > 2 * WARNING_AHEAD_MS
                                              ? s->lifetime_ms - WARNING_AHEAD_MS
                                              : s->lifetime_ms / 2);
}

static void admit(Socketmode *sm, HttpRequest *req, bool short_lived)
{
        Socket *s = mem_new(Socket);

        s->owner = sm;
        s->id = ++sm->last_id;
        s->opened_ms = loop_now_ms(sm->local->loop);
        s->started_ms = clock_realtime_ms();
        s->lifetime_ms =
                (int64_t) (sm->local->switches.lifetime_scale * 1000 *
                           (double) (short_lived ? DEBUG_LIFETIME_S : sm->local->options->socket_lifetime_s));
        snprintf(s->address, sizeof(s->address), "%s", http_request_peer(req));
        if (http_upgrade(req, MESSAGE_BYTES_MAX, &peer_events, s, &s->peer) < 0) {
                free(s); /* answered with 400 or 426 already */
                return;
        }
        s->ping_timer = loop_timer_new(sm->local->loop, on_ping_timer, s);
        s->life_timer = loop_timer_new(sm->local->loop, on_life_timer, s);
        list_append(&sm->sockets, &s->link);
        s->held_fd = tcp_hold_open(s->address);
        if (sm->n_sockets >= SOCKETS_MAX) {
                s->state = SOCKET_REFUSED;
                send_disconnect(s, "too_many_websockets");
                ws_peer_close(s->peer, 1000, "");
                return;
        }
        sm->n_sockets++;
        apply_pongs(s);
        say_hello(s);
}

void socketmode_accept(Socketmode *sm, HttpRequest *req)
{
        const char *query = http_request_query(req);
        bool known, short_lived;
        unsigned status;
        Form form;

        if (faults_take_upgrade(sm->local->faults, &status)) {
                http_respond_error(req, status, "refused", "the connection was refused on request of a test",
                                   NULL);
                return;
        }
        if (form_parse(query, strlen(query), &form) != 0) {
                http_respond_error(req, 400, "bad_query", "the query string is malformed", NULL);
                return;
        }
        known = redeem(sm, form_get(&form, "ticket"));
        short_lived = str_equal(form_get(&form, "debug_reconnects"), "true");
        form_deinit(&form);
        if (!known)
                http_respond_error(req, 401, "invalid_ticket", "the ticket is unknown, used or too old",
                                   "ticket");
        else
                admit(sm, req, short_lived);
}

static bool takes_envelopes(const Socket *s)
{
        return s->state == SOCKET_LIVE || s->state == SOCKET_FROZEN || s->state == SOCKET_GHOST;
}

size_t socketmode_count_live(const Socketmode *sm)
{
        size_t n = 0;

        list_for_each (node, &sm->sockets)
                n += takes_envelopes(list_entry(node, Socket, link));
        return n;
}

int64_t socketmode_send(Socketmode *sm, const char *text, size_t n_bytes)
{
        size_t n = socketmode_count_live(sm), pick;

        if (n == 0)
                return 0;
        pick = n == 1 || sm->local->switches.sticky ? 0 : (size_t) (local_random(sm->local) % n);
        list_for_each (node, &sm->sockets) {
                Socket *s = list_entry(node, Socket, link);

                if (takes_envelopes(s) && pick-- == 0) {
                        if (s->is_deaf)
                                local_record_frame(sm->local, "swallowed", s->id, text, n_bytes);
                        else
                                socket_send(s, text, n_bytes);
                        return s->id;
                }
        }
        return 0;
}

/* How long a ghost stays that was asked for while the switch ghost_ms is 0. */
#define GHOST_ASKED_MS 60000

bool socketmode_is_sound(const Socketmode *sm, int64_t id)
{
        list_for_each (node, &sm->sockets) {
                const Socket *s = list_entry(node, Socket, link);

                if (s->id == id)
                        return (s->state == SOCKET_LIVE || s->state == SOCKET_RETIRING) && !s->is_muted &&
                               !s->is_deaf;
        }
        return false;
}

bool socketmode_send_binary(Socketmode *sm, const void *data, size_t n_bytes)
{
        list_for_each (node, &sm->sockets) {
                Socket *s = list_entry(node, Socket, link);

                if (s->state == SOCKET_LIVE) {
                        ws_peer_send_binary(s->peer, data, n_bytes);
                        return true;
                }
        }
        return false;
}

static bool act_on(Socket *s, const char *action)
{
        int64_t ghost_ms = s->owner->local->switches.ghost_ms;

        if (s->state == SOCKET_GHOST && !str_equal(action, "kill") && !str_equal(action, "reset"))
                return true; /* nobody is there */
        if (str_equal(action, "warning"))
                send_disconnect(s, "warning");
        else if (str_equal(action, "refresh"))
                retire(s, "refresh_requested");
        else if (str_equal(action, "link_disabled"))
                retire(s, "link_disabled");
        else if (str_equal(action, "kill"))
                socket_cut(s);
        else if (str_equal(action, "reset") || str_equal(action, "rst")) {
                tcp_reset_on_close(s->address);
                socket_cut(s);
        } else if (str_equal(action, "ghost"))
                become_ghost(s, ghost_ms > 0 ? ghost_ms : GHOST_ASKED_MS);
        else if (str_equal(action, "close")) {
                set_state(s, SOCKET_CLOSING);
                ws_peer_close(s->peer, 1001, "");
        } else if (str_equal(action, "freeze")) {
                ws_peer_pause_reading(s->peer, true);
                set_state(s, SOCKET_FROZEN);
        } else if (str_equal(action, "thaw")) {
                set_state(s, SOCKET_LIVE);
                ws_peer_pause_reading(s->peer, false);
        } else if (str_equal(action, "mute"))
                s->is_muted = true;
        else if (str_equal(action, "unmute"))
                s->is_muted = false;
        else if (str_equal(action, "deafen"))
                s->is_deaf = true;
        else if (str_equal(action, "undeafen"))
                s->is_deaf = false;
        else
                return false;
        return true;
}

int socketmode_act(Socketmode *sm, const char *action, int64_t which)
{
        int n = 0;

        list_for_each_safe (node, &sm->sockets) {
                Socket *s = list_entry(node, Socket, link);

                if (s->state == SOCKET_REFUSED || (which >= 0 && s->id != which))
                        continue;
                if (!act_on(s, action))
                        return -1;
                n++;
        }
        return n;
}

json_t *socketmode_render(const Socketmode *sm)
{
        json_t *out = json_array();

        list_for_each (node, &sm->sockets) {
                const Socket *s = list_entry(node, Socket, link);

                json_array_append_new(out,
                                      json_pack("{s:I,s:s,s:b,s:I,s:s}", "id", (json_int_t) s->id, "state",
                                                state_names[s->state], "muted", s->is_muted, "age_ms",
                                                (json_int_t) (loop_now_ms(sm->local->loop) - s->opened_ms),
                                                "peer", s->address));
        }
        return out;
}
