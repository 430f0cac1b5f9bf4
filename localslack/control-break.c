/* The part of the control interface that breaks things: faults, sockets, envelopes, switches, addresses of
 * HTTP delivery, scenarios, and what happens to channels. */
#include "control-internal.h"

#include <openssl/evp.h>
#include <signal.h>

#include "channels.h"
#include "delivery.h"
#include "faults.h"
#include "http-delivery.h"
#include "scenario.h"
#include "snapshot.h"
#include "socketmode.h"

static void emit_faults(Local *l)
{
        if (feed_is_watched(l->feed))
                feed_emit(l->feed, "faults", json_pack("{s:o}", "faults", faults_render(l->faults)));
}

static void post_faults(ControlCall *c)
{
        const char *error;

        if (json_array_size(c->in) == 0 && json_object_size(c->in) == 0) {
                faults_clear(c->l->faults);
                error = NULL;
        } else
                error = faults_add(c->l->faults, c->in);
        if (error) {
                control_refuse(c, error);
                return;
        }
        emit_faults(c->l);
        control_answer(c, control_fine());
}

static void post_sockets(ControlCall *c)
{
        const char *action = json_str_or(c->in, "action", "");
        int n = socketmode_act(c->l->sockets, action, json_int(c->in, "which", -1));

        if (n < 0)
                control_refuse(c, "no such action");
        else
                control_answer(c, json_pack("{s:b,s:i}", "ok", 1, "sockets", n));
}

static void deliver_binary(ControlCall *c, const char *base64)
{
        size_t n = strlen(base64);
        _cleanup_free_ unsigned char *bytes = mem_alloc(n + 1);
        int n_bytes = n % 4 == 0 && n < (1u << 20)
                              ? EVP_DecodeBlock(bytes, (const unsigned char *) base64, (int) n)
                              : -1;

        for (size_t i = n; n_bytes > 0 && i > 0 && base64[i - 1] == '='; i--)
                n_bytes--;
        if (n_bytes < 0)
                control_refuse(c, "binary must be base64");
        else if (!socketmode_send_binary(c->l->sockets, bytes, (size_t) n_bytes))
                control_refuse(c, "no socket is up");
        else
                control_answer(c, control_fine());
}

/* {"envelope": object or text} or {"text"}: a text frame; {"binary": base64}: a binary one. */
static void post_deliver(ControlCall *c)
{
        const json_t *envelope = json_object_get(c->in, "envelope");
        const char *text = json_str(c->in, envelope ? "envelope" : "text");
        _cleanup_free_ char *dumped = text ? mem_strdup(text) : envelope ? json_dump(envelope) : NULL;

        if (json_str(c->in, "binary"))
                deliver_binary(c, json_str(c->in, "binary"));
        else if (!dumped)
                control_refuse(c, "envelope, text or binary is missing");
        else if (!socketmode_send(c->l->sockets, dumped, strlen(dumped)))
                control_refuse(c, "no socket is up");
        else
                control_answer(c, control_fine());
}

static void post_redeliver(ControlCall *c)
{
        const json_t *fresh = json_object_get(c->in, "new_envelope_id");
        const char *id = json_str(c->in, "event_id");

        if (!id)
                id = json_str_or(c->in, "envelope_id", "");
        if (delivery_redeliver(c->l->delivery, id, json_is_false(fresh)))
                control_answer(c, control_fine());
        else
                control_refuse(c, "no such event");
}

static void post_switches(ControlCall *c)
{
        _cleanup_free_ char *error = switches_apply(&c->l->switches, c->in);
        json_t *body;

        if (error) {
                control_refuse(c, error);
                return;
        }
        local_apply_switches(c->l);
        feed_emit(c->l->feed, "switches", switches_render(&c->l->switches));
        body = switches_render(&c->l->switches);
        json_object_set_new(body, "ok", json_true());
        control_answer(c, body);
}

static void get_http(ControlCall *c)
{
        control_answer(c, http_delivery_render(c->l->http));
}

static void post_http(ControlCall *c)
{
        _cleanup_free_ char *error = http_delivery_configure(c->l->http, c->in);

        if (error)
                control_refuse(c, error);
        else
                get_http(c);
}

static void get_faults(ControlCall *c)
{
        control_answer(c, json_pack("{s:b,s:o}", "ok", 1, "faults", faults_render(c->l->faults)));
}

static void get_switches(ControlCall *c)
{
        control_answer(c, switches_describe(&c->l->switches));
}

/* As Slack fails: what was done is on the disk, and whoever waits for an answer never learns of it. Nothing
 * happens between the two. */
static void post_die(ControlCall *c)
{
        const char *path = c->l->options->state;
        _cleanup_free_ char *error = path ? snapshot_save_file(c->l, path) : NULL;

        if (!path || error)
                control_refuse(c, error ? error : "without --state nothing would come back");
        else
                raise(SIGKILL);
}

/* --- what happens to channels --- */

/* {"channel", "archive"?: false} */
static void post_archive(ControlCall *c)
{
        Channel *ch = state_find_channel(c->l->state, json_str(c->in, "channel"));
        bool archive = !json_is_false(json_object_get(c->in, "archive"));

        if (!ch || channel_is_direct(ch)) {
                control_refuse(c, ch ? "a direct message cannot be archived" : "no such channel");
                return;
        }
        if (ch->is_archived != archive)
                channels_archive(c->l, ch, json_str_or(c->in, "user", "U0ANN"), archive);
        control_answer(c, control_fine());
}

/* {"channel", "user"?: the app's bot, "by"?}: into the channel, or out of it. */
static void move_member(ControlCall *c, bool in)
{
        Channel *ch = state_find_channel(c->l->state, json_str(c->in, "channel"));
        const User *user = state_find_user(c->l->state, json_str_or(c->in, "user", BOT_USER));
        const User *by = state_find_user(c->l->state, json_str_or(c->in, "by", "U0ANN"));

        if (!ch || !user || channel_is_direct(ch)) {
                control_refuse(c, !ch     ? "no such channel"
                                  : !user ? "no such user"
                                          : "a direct message has no door");
                return;
        }
        if (channel_has_member(ch, user->id) != in) {
                if (in)
                        channels_join(c->l, ch, user->id, by ? by->id : NULL);
                else
                        channels_leave(c->l, ch, user->id, by ? by->id : NULL);
        }
        control_answer(c, control_fine());
}

static void post_invite(ControlCall *c)
{
        move_member(c, true);
}

static void post_kick(ControlCall *c)
{
        move_member(c, false);
}

/* --- scenarios --- */

static void get_scenario(ControlCall *c)
{
        control_answer(c, scenario_render(c->l->scenario));
}

/* {"yaml": text}, or the scenario itself as JSON; {"stop": true} ends the one that is played. */
static void post_scenario(ControlCall *c)
{
        const char *yaml = json_str(c->in, "yaml");
        _cleanup_free_ char *error = NULL;

        if (!c->req) {
                control_refuse(c, "a scenario cannot start another");
                return;
        }
        if (json_bool(c->in, "stop"))
                scenario_stop(c->l->scenario);
        else
                error = yaml ? scenario_start_yaml(c->l->scenario, "scenario", yaml, strlen(yaml))
                             : scenario_start(c->l->scenario, c->in);
        if (error)
                control_refuse(c, error);
        else
                get_scenario(c);
}

static const ControlRoute routes[] = {
        {"GET", "faults", get_faults},
        {"POST", "faults", post_faults},
        {"GET", "http", get_http},
        {"POST", "http", post_http},
        {"POST", "sockets", post_sockets},
        {"POST", "deliver", post_deliver},
        {"POST", "redeliver", post_redeliver},
        {"POST", "die", post_die},
        {"GET", "switches", get_switches},
        {"POST", "switches", post_switches},
        {"POST", "archive", post_archive},
        {"POST", "invite", post_invite},
        {"POST", "kick", post_kick},
        {"GET", "scenario", get_scenario},
        {"POST", "scenario", post_scenario},
};

ControlRoutes control_break_routes(void)
{
        return (ControlRoutes){routes, ELEMENTSOF(routes)};
}
