#include "control.h"

#include <malloc.h>
#include <stdio.h>

#include "api.h"
#include "bench.h"
#include "control-agents.h"
#include "control-internal.h"
#include "control-page.h"
#include "delivery.h"
#include "faults.h"
#include "http-delivery.h"
#include "interact.h"
#include "messages.h"
#include "richtext.h"
#include "socketmode.h"

void control_answer(ControlCall *c, json_t *body)
{
        if (c->req)
                http_respond_json(c->req, 200, body);
        else
                json_decref(body);
}

void control_refuse(ControlCall *c, const char *why)
{
        if (c->req)
                http_respond_json(c->req, 400, json_pack("{s:b,s:s}", "ok", 0, "error", why));
        else
                mem_strset(&c->error, why);
}

json_t *control_fine(void)
{
        return json_pack("{s:b}", "ok", 1);
}

char *control_base_url(const ControlCall *c)
{
        return c->req ? api_base_url(c->req)
                      : mem_strdup(c->l->base_url ? c->l->base_url : "http://127.0.0.1");
}

/* The channel and the person of a request, or NULL after the answer. */
static Channel *need_channel(ControlCall *c)
{
        Channel *ch = state_find_channel(c->l->state, json_str(c->in, "channel"));

        if (!ch)
                control_refuse(c, "no such channel");
        return ch;
}

static User *need_user(ControlCall *c)
{
        User *u = state_find_user(c->l->state, json_str(c->in, "user"));

        if (!u)
                control_refuse(c, "no such user");
        return u;
}

static Message *need_message(ControlCall *c, Channel *ch)
{
        Message *m = channel_find_message(ch, json_str(c->in, "ts"));

        if (!m || message_is_tombstone(m)) {
                control_refuse(c, "no such message");
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
                control_refuse(c, "name is missing");
                return;
        }
        if (!u)
                u = state_add_user(c->l->state, json_str(c->in, "id"), name, json_str(c->in, "real_name"),
                                   json_bool(c->in, "is_bot"));
        if (!u) {
                control_refuse(c, "the workspace is full");
                return;
        }
        if (json_str(c->in, "presence"))
                u->is_away = str_equal(json_str(c->in, "presence"), "away");
        feed_emit(c->l->feed, "user", json_pack("{s:s}", "user", u->id));
        control_answer(c, json_pack("{s:b,s:s}", "ok", 1, "id", u->id));
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
                control_refuse(c, "the id is taken, or the workspace is full");
                return;
        }
        json_array_foreach (json_object_get(c->in, "members"), i, member) {
                const User *u = state_find_user(c->l->state, json_string_value(member));

                if (u)
                        channel_add_member(ch, u->id);
        }
        feed_emit(c->l->feed, "channel", json_pack("{s:s}", "channel", ch->id));
        control_answer(c, json_pack("{s:b,s:s}", "ok", 1, "id", ch->id));
}

/* Files that a person attaches: {"name", "content", "mimetype"?}, or {"id"} of one uploaded before. NULL:
 * there is no such file. */
static json_t *attach_files(ControlCall *c, const User *user)
{
        _cleanup_free_ char *base_url = control_base_url(c);
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
                control_refuse(c, "no such thread");
                return;
        }
        extra = json_object();
        if (json_array_size(json_object_get(c->in, "files")) > 0) {
                json_t *files = attach_files(c, user);

                if (!files) {
                        control_refuse(c, "no such file");
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
        control_answer(c, json_pack("{s:b,s:s,s:s}", "ok", 1, "ts", m->ts, "channel", ch->id));
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
        editor = mem_strdup(json_str_or(message_body(m), "user", BOT_USER));
        changes = json_pack("{s:s,s:o}", "text", text, "blocks", richtext_from_mrkdwn(text));
        messages_change(c->l, ch, m, changes, editor);
        json_decref(changes);
        control_answer(c, control_fine());
}

static void post_delete(ControlCall *c)
{
        Channel *ch = need_channel(c);
        Message *m = ch ? need_message(c, ch) : NULL;

        if (!m)
                return;
        messages_delete(c->l, ch, m);
        control_answer(c, control_fine());
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
                control_refuse(c, "name is missing");
                return;
        }
        r = messages_react(c->l, ch, m, name, user->id, !json_bool(c->in, "remove"));
        if (r == REACTION_OK)
                control_answer(c, control_fine());
        else
                control_refuse(c, results[r]);
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
        _cleanup_free_ char *base_url = control_base_url(c);
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

static void post_suggest(ControlCall *c)
{
        interact(c, interact_suggest);
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
                control_refuse(c, "event or payload must be an object");
                return;
        }
        id = event ? delivery_raise(c->l->delivery, json_deep_copy(event))
                   : delivery_raise_payload(c->l->delivery, json_str_or(payload, "event_id", "EvRAW"),
                                            json_deep_copy(payload));
        control_answer(c, json_pack("{s:b,s:s}", "ok", 1, "event_id", id));
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
                control_refuse(c, "the workspace is full");
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
        control_answer(c, control_fine());
}

/* A new workspace; the sockets stay up, and so do the numbers of the records. */
static void post_reset(ControlCall *c)
{
        Local *l = c->l;

        bench_stop(l->bench);
        delivery_reset(l->delivery);
        faults_clear(l->faults);
        local_reset_switches(l);
        local_apply_switches(l);
        local_reset_workspace(l);
        record_ring_clear(&l->calls);
        record_ring_clear(&l->frames);
        record_ring_clear(&l->outcomes);
        feed_emit(l->feed, "reset", json_object());
        control_answer(c, control_fine());
}

/* --- load --- */

static void post_bench(ControlCall *c)
{
        _cleanup_free_ char *base_url = control_base_url(c);
        _cleanup_free_ char *error = bench_start(c->l->bench, base_url, c->in);

        if (error)
                control_refuse(c, error);
        else
                control_answer(c, control_fine());
}

static void get_bench(ControlCall *c)
{
        control_answer(c, bench_report(c->l->bench));
}

static const ControlRoute routes[] = {
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
        {"POST", "suggest", post_suggest},
        {"POST", "view_submit", post_view_submit},
        {"POST", "view_close", post_view_close},
        {"POST", "shortcut", post_shortcut},
        {"POST", "event", post_event},
        {"POST", "home", post_home},
        {"POST", "reset", post_reset},
};

/* NULL when there is none; *ret_known tells whether the address exists for another method. */
static const ControlRoute *find_route(const char *method, const char *path, bool *ret_known)
{
        const ControlRoutes tables[] = {
                {routes, ELEMENTSOF(routes)}, control_break_routes(), control_inspect_routes()};

        *ret_known = false;
        for (size_t t = 0; t < ELEMENTSOF(tables); t++)
                for (size_t i = 0; i < tables[t].n; i++) {
                        const ControlRoute *r = &tables[t].rows[i];

                        if (str_equal(r->path, path)) {
                                *ret_known = true;
                                if (str_equal(r->method, method))
                                        return r;
                        }
                }
        return NULL;
}

static void run(ControlCall *c, const char *path)
{
        bool is_known;
        const ControlRoute *r;

        if (control_page_handle(c->l, c->req, path, c->in, &c->query) ||
            control_agents_handle(c->l, c->req, path, c->in))
                return;
        r = find_route(http_request_method(c->req), path, &is_known);
        if (r)
                r->fn(c);
        else
                http_respond_json(c->req, is_known ? 405 : 404,
                                  json_pack("{s:b,s:s}", "ok", 0, "error",
                                            is_known ? "wrong method" : "no such address"));
}

bool control_knows_act(const char *path)
{
        static const char *const of_agents[] = {"agent_stop", "agent_rename", "assistant_open",
                                                "assistant_context"};
        bool is_known;

        for (size_t i = 0; i < ELEMENTSOF(of_agents); i++)
                if (str_equal(of_agents[i], path))
                        return true;
        return find_route("POST", path, &is_known) != NULL;
}

char *control_act(Local *l, const char *path, const json_t *in)
{
        ControlCall c = {.l = l, .in = in};
        const char *error = NULL;
        bool is_known;
        const ControlRoute *r = find_route("POST", path, &is_known);
        json_t *out;

        if (r) {
                r->fn(&c);
                return c.error;
        }
        out = control_agents_act(l, path, in, &error);
        if (!out && !error)
                return mem_printf("there is no act %.64s", path);
        json_decref(out);
        return error ? mem_strdup(error) : NULL;
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
                control_refuse(&c, error ? error : "the body is not JSON");
                return;
        }
        if (*query && form_parse(query, strlen(query), &c.query) != 0) {
                control_refuse(&c, "the query string is malformed");
                return;
        }
        c.in = in;
        run(&c, path);
        form_deinit(&c.query);
        /* An answer may have needed more memory than the workspace itself; it is given back. */
        if (str_equal(path, "state") || str_equal(path, "snapshot") || str_equal(path, "export"))
                (void) malloc_trim(0);
}
