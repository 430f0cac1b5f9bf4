#include "control.h"

#include "agents-channels.h"
#include "agents.h"
#include "delivery.h"
#include "socketmode.h"

json_t *control_render_channel(const Channel *c, size_t limit)
{
        json_t *members = json_array(), *messages = json_array(), *out = json_object();
        size_t first = c->n_messages > limit ? c->n_messages - limit : 0;

        for (size_t i = 0; i < c->n_members; i++)
                json_array_append_new(members, json_string(c->members[i]));
        for (size_t i = first; i < c->n_messages; i++)
                json_array_append_new(messages, message_render(c->messages[i], true));
        json_put_str(out, "id", c->id);
        json_put_str(out, "name", c->name);
        json_put_str(out, "type", channel_type_name(c));
        json_object_set_new(out, "is_archived", json_boolean(c->is_archived));
        json_put_str(out, "topic", c->topic.value ? c->topic.value : "");
        json_put_str(out, "purpose", c->purpose.value ? c->purpose.value : "");
        json_object_set_new(out, "pins", json_deep_copy(c->pins));
        json_object_set_new(out, "bookmarks", json_deep_copy(c->bookmarks));
        json_object_set_new(out, "members", members);
        json_object_set_new(out, "messages", messages);
        json_put_int(out, "n_messages", (int64_t) c->n_messages);
        return out;
}

static json_t *render_users(const State *s)
{
        json_t *out = json_array();

        for (size_t i = 0; i < s->n_users; i++)
                json_array_append_new(out, json_pack("{s:s,s:s,s:s,s:b,s:b}", "id", s->users[i]->id, "name",
                                                     s->users[i]->name, "real_name", s->users[i]->real_name,
                                                     "is_bot", s->users[i]->is_bot, "is_away",
                                                     s->users[i]->is_away));
        return out;
}

static json_t *render_ephemerals(const State *s)
{
        json_t *out = json_array();

        for (size_t i = 0; i < s->n_ephemerals; i++)
                json_array_append_new(out,
                                      json_pack("{s:s,s:s,s:O}", "channel", s->ephemerals[i]->channel, "user",
                                                s->ephemerals[i]->user, "message", s->ephemerals[i]->body));
        return out;
}

static json_t *render_views(const Views *v, bool homes)
{
        json_t *out = json_array();

        for (size_t i = 0; i < v->n; i++)
                if (v->all[i]->is_home == homes)
                        json_array_append_new(out, json_pack("{s:s,s:o}", "user", v->all[i]->user, "view",
                                                             view_render(v->all[i], NULL)));
        return out;
}

/* What the page offers behind "/" and in its menus. */
static void put_offers(json_t *app, const Options *o)
{
        json_t *commands = json_array(), *shortcuts = json_array();

        for (size_t i = 0; i < o->n_slash_commands; i++)
                json_array_append_new(commands,
                                      json_pack("{s:s,s:s}", "command", o->slash_commands[i], "usage_hint",
                                                o->usage_hints[i] ? o->usage_hints[i] : ""));
        for (size_t i = 0; i < o->n_shortcuts; i++)
                json_array_append_new(shortcuts, json_pack("{s:s,s:s,s:s}", "type",
                                                           o->shortcuts[i].is_global ? "global" : "message",
                                                           "callback_id", o->shortcuts[i].callback_id, "name",
                                                           o->shortcuts[i].name));
        json_object_set_new(app, "commands", commands);
        json_object_set_new(app, "shortcuts", shortcuts);
}

json_t *control_render_state(const Local *l, size_t limit)
{
        const State *s = l->state;
        json_t *out = json_object(), *channels = json_array(), *commands = json_array();

        for (size_t i = 0; i < s->n_channels; i++)
                json_array_append_new(channels, control_render_channel(s->channels[i], limit));
        for (size_t i = 0; i < l->options->n_slash_commands; i++)
                json_array_append_new(commands, json_string(l->options->slash_commands[i]));
        json_object_set_new(out, "team", json_pack("{s:s,s:s}", "id", TEAM_ID, "name", "localslack"));
        json_object_set_new(out, "app",
                            json_pack("{s:s,s:s,s:s,s:s,s:o}", "id", APP_ID, "name", s->app_name, "user_id",
                                      BOT_USER, "bot_id", BOT_ID, "slash_commands", commands));
        put_offers(json_object_get(out, "app"), l->options);
        json_object_set_new(out, "users", render_users(s));
        json_object_set_new(out, "channels", channels);
        json_object_set_new(out, "ephemerals", render_ephemerals(s));
        json_object_set_new(out, "views", render_views(l->views, false));
        json_object_set_new(out, "homes", render_views(l->views, true));
        json_object_update_new(out, agents_render(l->agents));
        json_object_set_new(out, "code_channels", code_channels_render(l->code_channels));
        json_object_set_new(out, "canvases", canvases_render(l->canvases));
        json_object_set_new(out, "sockets", socketmode_render(l->sockets));
        json_object_set_new(out, "envelopes", delivery_counts(l->delivery));
        return out;
}
