#include "channels.h"

#include "delivery.h"
#include "messages.h"

#define UPDATED_S 1700000000 /* of what never changes here: profiles */

static void put_note(json_t *out, const char *key, const ChannelNote *note)
{
        json_object_set_new(out, key,
                            json_pack("{s:s,s:s,s:I}", "value", note->value ? note->value : "", "creator",
                                      note->creator ? note->creator : "", "last_set",
                                      (json_int_t) note->set_s));
}

static json_t *render_direct(const Channel *c, const char *viewer)
{
        const char *other = c->members[0];

        for (size_t i = 0; i < c->n_members; i++)
                if (!str_equal(c->members[i], viewer))
                        other = c->members[i];
        return json_pack("{s:s,s:I,s:b,s:b,s:b,s:s,s:b,s:b,s:i,s:s}", "id", c->id, "created",
                         (json_int_t) c->created_s, "is_im", 1, "is_org_shared", 0, "is_archived",
                         c->is_archived, "user", other, "is_user_deleted", 0, "is_open", !c->is_closed,
                         "priority", 0, "context_team_id", TEAM_ID);
}

json_t *channels_render(const Channel *c, const char *viewer)
{
        const char *last_read = json_string_value(json_object_get(c->last_read, viewer));
        json_t *out;

        if (c->kind == CHANNEL_IM)
                out = render_direct(c, viewer);
        else {
                out = json_pack("{s:s,s:s,s:b,s:b,s:b,s:b,s:b,s:I,s:b,s:b,s:i,s:s,s:b,s:b,s:b,s:b}", "id",
                                c->id, "name", c->name, "is_channel", c->kind == CHANNEL_PUBLIC, "is_group",
                                c->kind != CHANNEL_PUBLIC, "is_im", 0, "is_mpim", c->kind == CHANNEL_MPIM,
                                "is_private", c->kind != CHANNEL_PUBLIC, "created", (json_int_t) c->created_s,
                                "is_archived", c->is_archived, "is_general", str_equal(c->name, "general"),
                                "unlinked", 0, "name_normalized", c->name, "is_shared", 0, "is_org_shared", 0,
                                "is_ext_shared", 0, "is_pending_ext_shared", 0);
                json_put_str(out, "context_team_id", TEAM_ID);
                json_put_str(out, "creator", c->creator);
                json_put_int(out, "updated", c->created_s * 1000);
                json_object_set_new(out, "is_member", json_boolean(channel_has_member(c, viewer)));
                json_object_set_new(out, "pending_shared", json_array());
                json_object_set_new(out, "shared_team_ids", json_pack("[s]", TEAM_ID));
                put_note(out, "topic", &c->topic);
                put_note(out, "purpose", &c->purpose);
                json_object_set_new(out, "previous_names", json_deep_copy(c->previous_names));
        }
        if (last_read)
                json_put_str(out, "last_read", last_read);
        return out;
}

json_t *channels_render_user(const User *u, bool with_email)
{
        json_t *profile =
                json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "real_name", u->real_name, "display_name",
                          u->name, "real_name_normalized", u->real_name, "display_name_normalized", u->name,
                          "title", u->title ? u->title : "", "status_text", "", "status_emoji", "", "team",
                          TEAM_ID, "avatar_hash", "g00000000000");
        json_t *out =
                json_pack("{s:s,s:s,s:s,s:b,s:s,s:s,s:s,s:s,s:i,s:o,s:b,s:b,s:b,s:b,s:I}", "id", u->id,
                          "team_id", TEAM_ID, "name", u->name, "deleted", u->is_deleted, "color", "9f69e7",
                          "real_name", u->real_name, "tz", "Europe/London", "tz_label", "Greenwich Mean Time",
                          "tz_offset", 0, "profile", profile, "is_bot", u->is_bot, "is_app_user", 0,
                          "is_restricted", 0, "is_ultra_restricted", 0, "updated", (json_int_t) UPDATED_S);

        if (with_email && u->email)
                json_put_str(profile, "email", u->email);
        if (str_equal(u->id, BOT_USER)) {
                json_put_str(profile, "bot_id", BOT_ID);
                json_put_str(profile, "api_app_id", APP_ID);
        }
        return out;
}

/* --- events --- */

static void emit(Local *l, const Channel *c)
{
        feed_emit(l->feed, "channel", json_pack("{s:s}", "channel", c->id));
}

static void raise(Local *l, json_t *event)
{
        char ts[STATE_TS_SIZE];

        state_next_ts(l->state, ts);
        json_put_str(event, "event_ts", ts);
        delivery_raise(l->delivery, event);
}

/* Channel events have another name in private channels: "group_archive". The app hears of public channels,
 * and of those that it is in. */
static void raise_channel(Local *l, const Channel *c, const char *what, json_t *event)
{
        _cleanup_free_ char *type =
                mem_printf("%s_%s", c->kind == CHANNEL_PUBLIC ? "channel" : "group", what);

        if (c->kind != CHANNEL_PUBLIC && !channel_has_member(c, BOT_USER)) {
                json_decref(event);
                return;
        }
        json_put_str(event, "type", type);
        raise(l, event);
}

/* Who came or left is told to an app that is in the channel, or was meant itself. */
static void raise_member(Local *l, const Channel *c, const char *type, const char *user, const char *inviter)
{
        json_t *event;

        if (!channel_has_member(c, BOT_USER) && !str_equal(user, BOT_USER))
                return;
        event = json_pack("{s:s,s:s,s:s,s:s,s:s}", "type", type, "user", user, "channel", c->id,
                          "channel_type", c->kind == CHANNEL_PUBLIC ? "C" : "G", "team", TEAM_ID);
        if (inviter)
                json_put_str(event, "inviter", inviter);
        raise(l, event);
}

static void say(Local *l, Channel *c, const char *user, const char *subtype, char *text /* owned, freed */,
                json_t *extra /* stolen */)
{
        messages_post_notice(l, c, user, subtype, text, extra);
        json_decref(extra);
        free(text);
}

/* --- acts --- */

Channel *channels_create(Local *l, const char *name, ChannelKind kind, const char *creator)
{
        Channel *c = state_add_channel(l->state, NULL, name, kind);

        if (!c)
                return NULL;
        mem_strset(&c->creator, creator);
        channel_add_member(c, creator);
        emit(l, c);
        if (kind == CHANNEL_PUBLIC)
                raise(l, json_pack("{s:s,s:{s:s,s:s,s:I,s:s,s:b}}", "type", "channel_created", "channel",
                                   "id", c->id, "name", c->name, "created", (json_int_t) c->created_s,
                                   "creator", creator, "is_channel", 1));
        return c;
}

void channels_join(Local *l, Channel *c, const char *user, const char *inviter)
{
        channel_add_member(c, user);
        emit(l, c);
        raise_member(l, c, "member_joined_channel", user, inviter);
        if (!channel_is_direct(c))
                say(l, c, user, c->kind == CHANNEL_PUBLIC ? "channel_join" : "group_join",
                    mem_printf("<@%s> has joined the channel", user),
                    inviter ? json_pack("{s:s}", "inviter", inviter) : NULL);
}

void channels_leave(Local *l, Channel *c, const char *user, const char *kicker)
{
        channel_remove_member(c, user);
        emit(l, c);
        raise_member(l, c, "member_left_channel", user, NULL);
        if (str_equal(user, BOT_USER))
                raise(l, json_pack("{s:s,s:s,s:s}", "type",
                                   c->kind == CHANNEL_PUBLIC ? "channel_left" : "group_left", "channel",
                                   c->id, "actor_id", kicker ? kicker : user));
        if (!channel_is_direct(c))
                say(l, c, user, c->kind == CHANNEL_PUBLIC ? "channel_leave" : "group_leave",
                    mem_printf("<@%s> has left the channel", user), NULL);
}

void channels_archive(Local *l, Channel *c, const char *user, bool archive)
{
        const char *what = archive ? "archive" : "unarchive";
        _cleanup_free_ char *subtype =
                mem_printf("%s_%s", c->kind == CHANNEL_PUBLIC ? "channel" : "group", what);

        c->is_archived = archive;
        say(l, c, user, subtype, mem_printf("<@%s> %sd the channel", user, what), NULL);
        emit(l, c);
        raise_channel(l, c, what, json_pack("{s:s,s:s}", "channel", c->id, "user", user));
}

void channels_rename(Local *l, Channel *c, const char *name, const char *user)
{
        _cleanup_free_ char *old = mem_strdup(c->name);

        channel_rename(c, name);
        say(l, c, user, c->kind == CHANNEL_PUBLIC ? "channel_name" : "group_name",
            mem_printf("<@%s> has renamed the channel from \"%s\" to \"%s\"", user, old, name),
            json_pack("{s:s,s:s}", "old_name", old, "name", name));
        emit(l, c);
        raise_channel(l, c, "rename",
                      json_pack("{s:{s:s,s:s,s:I}}", "channel", "id", c->id, "name", name, "created",
                                (json_int_t) c->created_s));
}

void channels_set_topic(Local *l, Channel *c, const char *topic, const char *user)
{
        channel_note_set(&c->topic, topic, user, l->state->clock_ms() / 1000);
        say(l, c, user, c->kind == CHANNEL_PUBLIC ? "channel_topic" : "group_topic",
            *topic ? mem_printf("set the channel topic: %s", topic) : mem_strdup("cleared the channel topic"),
            json_pack("{s:s}", "topic", topic));
        emit(l, c);
}

void channels_set_purpose(Local *l, Channel *c, const char *purpose, const char *user)
{
        channel_note_set(&c->purpose, purpose, user, l->state->clock_ms() / 1000);
        say(l, c, user, c->kind == CHANNEL_PUBLIC ? "channel_purpose" : "group_purpose",
            *purpose ? mem_printf("set the channel description: %s", purpose)
                     : mem_strdup("cleared the channel description"),
            json_pack("{s:s}", "purpose", purpose));
        emit(l, c);
}

bool channels_pin(Local *l, Channel *c, Message *m, const char *user, bool pin)
{
        int64_t now_s = l->state->clock_ms() / 1000;
        json_t *item;

        if (!(pin ? channel_add_pin(c, m->ts, user, now_s) : channel_remove_pin(c, m->ts)))
                return false;
        emit(l, c);
        if (!channel_has_member(c, BOT_USER))
                return true;
        item = json_pack("{s:s,s:s,s:I,s:s,s:o}", "type", "message", "channel", c->id, "created",
                         (json_int_t) now_s, "created_by", user, "message", message_render(m, false));
        raise(l, json_pack("{s:s,s:s,s:s,s:o,s:i,s:b}", "type", pin ? "pin_added" : "pin_removed", "user",
                           user, "channel_id", c->id, "item", item, "pin_count",
                           (int) json_array_size(c->pins), "has_pins", json_array_size(c->pins) > 0));
        return true;
}

void channels_announce_user(Local *l, const User *u, bool is_new)
{
        feed_emit(l->feed, "user", json_pack("{s:s}", "user", u->id));
        raise(l, json_pack("{s:s,s:o}", "type", is_new ? "team_join" : "user_change", "user",
                           channels_render_user(u, true)));
}
