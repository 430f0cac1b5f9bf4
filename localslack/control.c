#include "control.h"

#include <stdio.h>

#include "api.h"
#include "bench.h"
#include "control-agents.h"
#include "control-page.h"
#include "delivery.h"
#include "faults.h"
#include "http-delivery.h"
#include "interact.h"
#include "messages.h"
#include "net/url.h"
#include "richtext.h"
#include "socketmode.h"

#define STATE_MESSAGES_SHOWN 1000

typedef struct ControlCall {
        Local *l;
        HttpRequest *req;
        const json_t *in; /* the body of a POST */
        Form query;
} ControlCall;

static void answer(ControlCall *c, json_t *body /* stolen */)
{
        http_respond_json(c->req, 200, body);
}

static void refuse(ControlCall *c, const char *why)
{
        http_respond_json(c->req, 400, json_pack("{s:b,s:s}", "ok", 0, "error", why));
}

static json_t *fine(void)
{
        return json_pack("{s:b}", "ok", 1);
}

/* The channel and the person of a request, or NULL after the answer. */
static Channel *need_channel(ControlCall *c)
{
        Channel *ch = state_find_channel(c->l->state, json_str(c->in, "channel"));

        if (!ch)
                refuse(c, "no such channel");
        return ch;
}

static User *need_user(ControlCall *c)
{
        User *u = state_find_user(c->l->state, json_str(c->in, "user"));

        if (!u)
                refuse(c, "no such user");
        return u;
}

static Message *need_message(ControlCall *c, Channel *ch)
{
        Message *m = channel_find_message(ch, json_str(c->in, "ts"));

        if (!m || message_is_tombstone(m)) {
                refuse(c, "no such message");
                return NULL;
        }
        return m;
}

/* --- people, channels, messages --- */

static void post_users(ControlCall *c)
{
        const char *name = json_str(c->in, "name");
        User *u = state_find_user(c->l->state, json_str(c->in, "id"));

        if (!u && !name) {
                refuse(c, "name is missing");
                return;
        }
        if (!u)
                u = state_add_user(c->l->state, json_str(c->in, "id"), name, json_str(c->in, "real_name"),
                                   json_bool(c->in, "is_bot"));
        if (!u) {
                refuse(c, "the workspace is full");
                return;
        }
        if (json_str(c->in, "presence"))
                u->is_away = str_equal(json_str(c->in, "presence"), "away");
        feed_emit(c->l->feed, "user", json_pack("{s:s}", "user", u->id));
        answer(c, json_pack("{s:b,s:s}", "ok", 1, "id", u->id));
}

/* The direct channel of `members`, which must be people of this workspace. */
static Channel *open_direct(ControlCall *c)
{
        const char *users[STATE_USERS_MAX];
        bool was_open;
        size_t n = 0, i;
        json_t *member;

        json_array_foreach (json_object_get(c->in, "members"), i, member) {
                const User *u = state_find_user(c->l->state, json_string_value(member));

                if (u && n < STATE_USERS_MAX)
                        users[n++] = u->id;
        }
        return n < 2 ? NULL : state_open_direct(c->l->state, users, n, true, &was_open);
}

static void post_channels(ControlCall *c)
{
        static const char *const types[] = {[CHANNEL_PUBLIC] = "channel",
                                            [CHANNEL_PRIVATE] = "group",
                                            [CHANNEL_IM] = "im",
                                            [CHANNEL_MPIM] = "mpim"};
        const char *type = json_str_or(c->in, "type", "channel"), *name = json_str(c->in, "name");
        ChannelKind kind = CHANNEL_PUBLIC;
        Channel *ch;
        size_t i;
        json_t *member;

        for (size_t k = 0; k < ELEMENTSOF(types); k++)
                if (str_equal(types[k], type))
                        kind = (ChannelKind) k;
        ch = kind == CHANNEL_IM || kind == CHANNEL_MPIM ? open_direct(c)
             : name                                     ? state_find_channel(c->l->state, name)
                                                        : NULL;
        if (!ch)
                ch = state_add_channel(c->l->state, json_str(c->in, "id"), name, kind);
        if (!ch) {
                refuse(c, "the id is taken, or the workspace is full");
                return;
        }
        json_array_foreach (json_object_get(c->in, "members"), i, member)
                if (state_find_user(c->l->state, json_string_value(member)))
                        channel_add_member(ch, json_string_value(member));
        feed_emit(c->l->feed, "channel", json_pack("{s:s}", "channel", ch->id));
        answer(c, json_pack("{s:b,s:s}", "ok", 1, "id", ch->id));
}

/* Files that a person attaches: {"name", "content", "mimetype"?}, or {"id"} of one uploaded before. NULL:
 * there is no such file. */
static json_t *attach_files(ControlCall *c, const User *user)
{
        _cleanup_free_ char *base_url = api_base_url(c->req);
        json_t *out = json_array(), *item;
        size_t i;

        json_array_foreach (json_object_get(c->in, "files"), i, item) {
                const char *content = json_str_or(item, "content", ""), *id = json_str(item, "id");
                json_t *known = id ? control_page_attach(c->l, base_url, user->id, id) : NULL;
                File *file;

                if (id && !known) {
                        json_decref(out);
                        return NULL;
                }
                if (known) {
                        json_array_append_new(out, known);
                        continue;
                }
                file = files_add(c->l->files, c->l->state, json_str_or(item, "name", "file.txt"), user->id);
                if (json_str(item, "mimetype"))
                        mem_strset(&file->mimetype, json_str(item, "mimetype"));
                files_set_data(c->l->files, file, content, strlen(content));
                file->completed = true;
                json_array_append_new(out, file_render(file, base_url));
        }
        return out;
}

static void post_message(ControlCall *c)
{
        Channel *ch = need_channel(c);
        const User *user = ch ? need_user(c) : NULL;
        const char *thread_ts = json_str(c->in, "thread_ts"), *subtype = json_str(c->in, "subtype");
        _cleanup_json_ json_t *extra = NULL;
        Message *parent, *m;

        if (!user)
                return;
        parent = channel_find_message(ch, thread_ts);
        if (thread_ts && !parent) {
                refuse(c, "no such thread");
                return;
        }
        extra = json_object();
        if (json_array_size(json_object_get(c->in, "files")) > 0) {
                json_t *files = attach_files(c, user);

                if (!files) {
                        refuse(c, "no such file");
                        return;
                }
                json_object_set_new(extra, "files", files);
                json_put_str(extra, "subtype", "file_share");
        }
        if (subtype)
                json_put_str(extra, "subtype", subtype);
        if (json_str(c->in, "client_msg_id"))
                json_put_str(extra, "client_msg_id", json_str(c->in, "client_msg_id"));
        m = messages_post_user(c->l, ch, user, json_str_or(c->in, "text", ""),
                               parent && parent->parent ? parent->parent : parent, extra);
        answer(c, json_pack("{s:b,s:s,s:s}", "ok", 1, "ts", m->ts, "channel", ch->id));
}

static void post_edit(ControlCall *c)
{
        Channel *ch = need_channel(c);
        Message *m = ch ? need_message(c, ch) : NULL;
        const char *text = json_str_or(c->in, "text", "");
        _cleanup_free_ char *editor = NULL;
        json_t *changes;

        if (!m)
                return;
        editor = mem_strdup(json_str_or(m->body, "user", BOT_USER));
        changes = json_pack("{s:s,s:o}", "text", text, "blocks", richtext_from_mrkdwn(text));
        messages_change(c->l, ch, m, changes, editor);
        json_decref(changes);
        answer(c, fine());
}

static void post_delete(ControlCall *c)
{
        Channel *ch = need_channel(c);
        Message *m = ch ? need_message(c, ch) : NULL;

        if (!m)
                return;
        messages_delete(c->l, ch, m);
        answer(c, fine());
}

static void post_reaction(ControlCall *c)
{
        static const char *const results[] = {[REACTION_OK] = NULL,
                                              [REACTION_E_ALREADY] = "already_reacted",
                                              [REACTION_E_NONE] = "no_reaction",
                                              [REACTION_E_TOO_MANY] = "too_many_emoji"};
        Channel *ch = need_channel(c);
        const User *user = ch ? need_user(c) : NULL;
        Message *m = user ? need_message(c, ch) : NULL;
        const char *name = json_str(c->in, "name");
        ReactionResult r;

        if (!m)
                return;
        if (str_empty(name)) {
                refuse(c, "name is missing");
                return;
        }
        r = messages_react(c->l, ch, m, name, user->id, !json_bool(c->in, "remove"));
        if (r == REACTION_OK)
                answer(c, fine());
        else
                refuse(c, results[r]);
}

/* --- interactions, answered when the app has acknowledged --- */

static void on_interaction(void *userdata, json_t *report)
{
        json_object_set_new(report, "ok", json_true());
        late_answer_send(userdata, 200, report);
}

typedef char *(*Interaction)(Local *l, const char *base_url, const json_t *in, InteractDone done,
                             void *userdata);

static void interact(ControlCall *c, Interaction fn)
{
        _cleanup_free_ char *base_url = api_base_url(c->req);
        LateAnswer *late = late_answer_new(c->req);
        _cleanup_free_ char *error = fn(c->l, base_url, c->in, on_interaction, late);

        if (error)
                late_answer_send(late, 400, json_pack("{s:b,s:s}", "ok", 0, "error", error));
}

static char *close_view(Local *l, const char *base_url, const json_t *in, InteractDone done, void *userdata)
{
        (void) base_url;
        return interact_view_close(l, in, done, userdata);
}

static void post_command(ControlCall *c)
{
        interact(c, interact_command);
}

static void post_action(ControlCall *c)
{
        interact(c, interact_action);
}

static void post_view_submit(ControlCall *c)
{
        interact(c, interact_view_submit);
}

static void post_view_close(ControlCall *c)
{
        interact(c, close_view);
}

static void post_shortcut(ControlCall *c)
{
        interact(c, interact_shortcut);
}

/* {"event": {…}} raises it as it is; {"payload": {…}} sends a payload without an inner event. */
static void post_event(ControlCall *c)
{
        json_t *event = json_object_get(c->in, "event"), *payload = json_object_get(c->in, "payload");
        const char *id;

        if (!json_is_object(event) && !json_is_object(payload)) {
                refuse(c, "event or payload must be an object");
                return;
        }
        id = event ? delivery_raise(c->l->delivery, json_deep_copy(event))
                   : delivery_raise_payload(c->l->delivery, json_str_or(payload, "event_id", "EvRAW"),
                                            json_deep_copy(payload));
        answer(c, json_pack("{s:b,s:s}", "ok", 1, "event_id", id));
}

/* A person opens the app's home, or its messages (reference §5.4): {"user", "tab"?: "home"|"messages"}. */
static void post_home(ControlCall *c)
{
        const User *user = need_user(c);
        const View *view = user ? views_find_home(c->l->views, user->id) : NULL;
        const Channel *ch;
        char ts[STATE_TS_SIZE];
        json_t *event;
        bool was_open;

        if (!user)
                return;
        ch = state_open_direct(c->l->state, (const char *[]){user->id, BOT_USER}, 2, true, &was_open);
        if (!ch) {
                refuse(c, "the workspace is full");
                return;
        }
        state_next_ts(c->l->state, ts);
        event = json_pack("{s:s,s:s,s:s,s:s,s:s}", "type", "app_home_opened", "user", user->id, "channel",
                          ch->id, "tab", json_str_or(c->in, "tab", "home"), "event_ts", ts);
        if (view)
                json_object_set_new(event, "view", view_render(view, NULL));
        delivery_raise(c->l->delivery, event);
        if (!was_open)
                feed_emit(c->l->feed, "channel", json_pack("{s:s}", "channel", ch->id));
        answer(c, fine());
}

/* --- inspection --- */

static void get_state(ControlCall *c)
{
        const char *limit = form_get(&c->query, "limit");

        answer(c, control_render_state(c->l, limit ? strtoul(limit, NULL, 10) : STATE_MESSAGES_SHOWN));
}

static void get_messages(ControlCall *c)
{
        const Channel *ch = state_find_channel(c->l->state, form_get(&c->query, "channel"));
        const char *thread_ts = form_get(&c->query, "thread_ts");
        json_t *messages;

        if (!ch) {
                refuse(c, "no such channel");
                return;
        }
        messages = json_array();
        for (size_t i = 0; i < ch->n_messages; i++) {
                const Message *m = ch->messages[i];

                if (!thread_ts || str_equal(m->ts, thread_ts) ||
                    (m->parent && str_equal(m->parent->ts, thread_ts)))
                        json_array_append_new(messages, message_render(m, true));
        }
        answer(c, json_pack("{s:b,s:o}", "ok", 1, "messages", messages));
}

static void put_json_string(Buf *out, const char *text)
{
        json_t *value = json_string(text);
        _cleanup_free_ char *quoted = json_dump(value);

        buf_append_str(out, value ? quoted : "null");
        json_decref(value);
}

/* `raw`: the record's text is the inside of an object already. */
static void respond_records(ControlCall *c, const RecordRing *ring, const char *key_name, const char *filter,
                            bool raw)
{
        const char *since = form_get(&c->query, "since");
        unsigned long long after = since ? strtoull(since, NULL, 10) : 0;
        const Record *r;
        HttpHeader header = {"Content-Type", "application/json"};
        Buf out = {0};
        bool first = true;

        buf_append_char(&out, '[');
        for (size_t i = 0; (r = record_ring_at(ring, i)); i++) {
                if (r->n <= after || (filter && !str_equal(filter, r->key)))
                        continue;
                buf_printf(&out, "%s{\"n\":%llu,\"at_ms\":%lld,", first ? "" : ",", (unsigned long long) r->n,
                           (long long) r->at_ms);
                if (key_name) {
                        buf_printf(&out, "\"%s\":", key_name);
                        put_json_string(&out, r->key);
                        buf_append_char(&out, ',');
                }
                if (raw)
                        buf_append_str(&out, r->text);
                else {
                        buf_append_str(&out, "\"text\":");
                        put_json_string(&out, r->text);
                }
                buf_append_char(&out, '}');
                first = false;
        }
        buf_append_char(&out, ']');
        http_respond(c->req, 200, &header, 1, buf_bytes(&out), buf_len(&out));
        buf_deinit(&out);
}

static void get_calls(ControlCall *c)
{
        respond_records(c, &c->l->calls, "method", form_get(&c->query, "method"), true);
}

static void get_frames(ControlCall *c)
{
        respond_records(c, &c->l->frames, "direction", form_get(&c->query, "direction"), false);
}

static void get_outcomes(ControlCall *c)
{
        respond_records(c, &c->l->outcomes, "outcome", form_get(&c->query, "outcome"), false);
}

static void get_problems(ControlCall *c)
{
        respond_records(c, &c->l->problems, NULL, form_get(&c->query, "source"), true);
}

static void get_events(ControlCall *c)
{
        feed_open(c->l->feed, c->req);
}

/* --- faults and switches --- */

static void post_faults(ControlCall *c)
{
        const char *error;

        if (json_array_size(c->in) == 0 && json_object_size(c->in) == 0) {
                faults_clear(c->l->faults);
                answer(c, fine());
                return;
        }
        error = faults_add(c->l->faults, c->in);
        if (error)
                refuse(c, error);
        else
                answer(c, fine());
}

static void post_sockets(ControlCall *c)
{
        const char *action = json_str_or(c->in, "action", "");
        int n = socketmode_act(c->l->sockets, action, json_int(c->in, "which", -1));

        if (n < 0)
                refuse(c, "no such action");
        else
                answer(c, json_pack("{s:b,s:i}", "ok", 1, "sockets", n));
}

static void post_deliver(ControlCall *c)
{
        const char *text = json_str(c->in, "envelope");
        _cleanup_free_ char *dumped = text ? mem_strdup(text) : json_dump(json_object_get(c->in, "envelope"));

        if (!json_object_get(c->in, "envelope"))
                refuse(c, "envelope is missing");
        else if (!socketmode_send(c->l->sockets, dumped, strlen(dumped)))
                refuse(c, "no socket is up");
        else
                answer(c, fine());
}

static void post_redeliver(ControlCall *c)
{
        const json_t *fresh = json_object_get(c->in, "new_envelope_id");
        const char *id = json_str(c->in, "event_id");

        if (!id)
                id = json_str_or(c->in, "envelope_id", "");
        if (delivery_redeliver(c->l->delivery, id, json_is_false(fresh)))
                answer(c, fine());
        else
                refuse(c, "no such event");
}

static void post_switches(ControlCall *c)
{
        _cleanup_free_ char *error = switches_apply(&c->l->switches, c->in);
        json_t *body;

        if (error) {
                refuse(c, error);
                return;
        }
        socketmode_apply_switches(c->l->sockets);
        body = switches_render(&c->l->switches);
        json_object_set_new(body, "ok", json_true());
        answer(c, body);
}

static void get_http(ControlCall *c)
{
        answer(c, http_delivery_render(c->l->http));
}

static void post_http(ControlCall *c)
{
        _cleanup_free_ char *error = http_delivery_configure(c->l->http, c->in);

        if (error)
                refuse(c, error);
        else
                get_http(c);
}

static void get_faults(ControlCall *c)
{
        answer(c, faults_render(c->l->faults));
}

static void get_switches(ControlCall *c)
{
        answer(c, switches_describe(&c->l->switches));
}

/* A new workspace; the sockets stay up, and so do the numbers of the records. */
static void post_reset(ControlCall *c)
{
        Local *l = c->l;

        bench_stop(l->bench);
        delivery_reset(l->delivery);
        faults_clear(l->faults);
        local_reset_switches(l);
        socketmode_apply_switches(l->sockets);
        local_reset_workspace(l);
        record_ring_clear(&l->calls);
        record_ring_clear(&l->frames);
        record_ring_clear(&l->outcomes);
        feed_emit(l->feed, "reset", json_object());
        answer(c, fine());
}

/* --- load --- */

static void post_bench(ControlCall *c)
{
        _cleanup_free_ char *base_url = api_base_url(c->req);
        _cleanup_free_ char *error = bench_start(c->l->bench, base_url, c->in);

        if (error)
                refuse(c, error);
        else
                answer(c, fine());
}

static void get_bench(ControlCall *c)
{
        answer(c, bench_report(c->l->bench));
}

static const struct {
        const char *method, *path;
        void (*fn)(ControlCall *c);
} routes[] = {
        {"GET", "state", get_state},
        {"GET", "messages", get_messages},
        {"GET", "calls", get_calls},
        {"GET", "frames", get_frames},
        {"GET", "outcomes", get_outcomes},
        {"GET", "problems", get_problems},
        {"GET", "events", get_events},
        {"GET", "bench", get_bench},
        {"POST", "bench", post_bench},
        {"POST", "users", post_users},
        {"POST", "channels", post_channels},
        {"POST", "message", post_message},
        {"POST", "edit", post_edit},
        {"POST", "delete", post_delete},
        {"POST", "reaction", post_reaction},
        {"POST", "command", post_command},
        {"POST", "action", post_action},
        {"POST", "view_submit", post_view_submit},
        {"POST", "view_close", post_view_close},
        {"POST", "shortcut", post_shortcut},
        {"POST", "event", post_event},
        {"POST", "home", post_home},
        {"GET", "faults", get_faults},
        {"POST", "faults", post_faults},
        {"GET", "http", get_http},
        {"POST", "http", post_http},
        {"POST", "sockets", post_sockets},
        {"POST", "deliver", post_deliver},
        {"POST", "redeliver", post_redeliver},
        {"GET", "switches", get_switches},
        {"POST", "switches", post_switches},
        {"POST", "reset", post_reset},
};

static void run(ControlCall *c, const char *path)
{
        const char *method = http_request_method(c->req);
        bool path_known = false;

        if (control_page_handle(c->l, c->req, path, c->in, &c->query) ||
            control_agents_handle(c->l, c->req, path, c->in))
                return;
        for (size_t i = 0; i < ELEMENTSOF(routes); i++) {
                if (!str_equal(routes[i].path, path))
                        continue;
                path_known = true;
                if (str_equal(routes[i].method, method)) {
                        routes[i].fn(c);
                        return;
                }
        }
        http_respond_json(
                c->req, path_known ? 405 : 404,
                json_pack("{s:b,s:s}", "ok", 0, "error", path_known ? "wrong method" : "no such address"));
}

static bool from_foreign_page(const HttpRequest *req)
{
        const char *site = http_request_header(req, "Sec-Fetch-Site"),
                   *mode = http_request_header(req, "Sec-Fetch-Mode");

        /* Node's fetch sends Sec-Fetch-Mode but no Sec-Fetch-Site; browsers send both. */
        return mode && site && !str_equal(site, "same-origin") && !str_equal(site, "none");
}

void control_handle(Local *l, HttpRequest *req)
{
        const char *query = http_request_query(req), *path = http_request_path(req) + strlen("/_local/");
        ControlCall c = {.l = l, .req = req};
        _cleanup_json_ json_t *in = NULL;
        _cleanup_free_ char *error = NULL;
        size_t n_body;
        const char *body = http_request_body(req, &n_body);

        if (from_foreign_page(req)) {
                http_respond_json(req, 403,
                                  json_pack("{s:b,s:s}", "ok", 0, "error", "not from another site"));
                return;
        }
        in = n_body > 0 ? json_parse(body, n_body, &error) : json_object();
        if (!in) {
                refuse(&c, error ? error : "the body is not JSON");
                return;
        }
        if (*query && form_parse(query, strlen(query), &c.query) != 0) {
                refuse(&c, "the query string is malformed");
                return;
        }
        c.in = in;
        run(&c, path);
        form_deinit(&c.query);
}
