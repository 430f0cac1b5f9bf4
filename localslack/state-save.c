#include "state.h"

#define SAVE_VERSION 1

static void put_opt(json_t *out, const char *key, const char *value)
{
        if (value)
                json_put_str(out, key, value);
}

static void put_flag(json_t *out, const char *key, bool value)
{
        if (value)
                json_object_set_new(out, key, json_true());
}

static json_t *save_user(const User *u)
{
        json_t *out = json_pack("{s:s,s:s,s:s}", "id", u->id, "name", u->name, "real_name", u->real_name);

        put_opt(out, "email", u->email);
        put_opt(out, "title", u->title);
        put_flag(out, "is_bot", u->is_bot);
        put_flag(out, "is_away", u->is_away);
        put_flag(out, "is_deleted", u->is_deleted);
        return out;
}

static void save_note(json_t *out, const char *key, const ChannelNote *note)
{
        if (note->value)
                json_object_set_new(out, key,
                                    json_pack("{s:s,s:s,s:I}", "value", note->value, "creator",
                                              note->creator ? note->creator : "", "set_s",
                                              (json_int_t) note->set_s));
}

static json_t *save_message(const Message *m)
{
        json_t *out = json_pack("{s:O}", "body", message_body(m));

        if (m->parent)
                json_put_str(out, "parent", m->parent->ts);
        return out;
}

static json_t *save_channel(const Channel *c)
{
        json_t *members = json_array(), *messages = json_array();
        json_t *out = json_pack("{s:s,s:i,s:I,s:o,s:o,s:O,s:O,s:O,s:O}", "id", c->id, "kind", (int) c->kind,
                                "created_s", (json_int_t) c->created_s, "members", members, "messages",
                                messages, "previous_names", c->previous_names, "pins", c->pins, "bookmarks",
                                c->bookmarks, "last_read", c->last_read);

        put_opt(out, "name", c->name);
        put_opt(out, "creator", c->creator);
        put_flag(out, "is_archived", c->is_archived);
        put_flag(out, "is_closed", c->is_closed);
        save_note(out, "topic", &c->topic);
        save_note(out, "purpose", &c->purpose);
        for (size_t i = 0; i < c->n_members; i++)
                json_array_append_new(members, json_string(c->members[i]));
        for (size_t i = 0; i < c->n_messages; i++)
                json_array_append_new(messages, save_message(c->messages[i]));
        return out;
}

json_t *state_save(const State *s)
{
        json_t *users = json_array(), *channels = json_array(), *ephemerals = json_array();

        for (size_t i = 0; i < s->n_users; i++)
                json_array_append_new(users, save_user(s->users[i]));
        for (size_t i = 0; i < s->n_channels; i++)
                json_array_append_new(channels, save_channel(s->channels[i]));
        for (size_t i = 0; i < s->n_ephemerals; i++)
                json_array_append_new(ephemerals,
                                      json_pack("{s:s,s:s,s:O}", "channel", s->ephemerals[i]->channel, "user",
                                                s->ephemerals[i]->user, "body", s->ephemerals[i]->body));
        return json_pack("{s:i,s:s,s:I,s:I,s:o,s:o,s:o,s:O,s:O}", "version", SAVE_VERSION, "app_name",
                         s->app_name, "last_ts_us", (json_int_t) s->last_ts_us, "last_id",
                         (json_int_t) s->last_id, "users", users, "channels", channels, "ephemerals",
                         ephemerals, "client_msg_ids", s->client_msg_ids, "revoked", s->revoked);
}

/* --- back --- */

static bool load_user(State *s, const json_t *in)
{
        const char *id = json_str(in, "id"), *name = json_str(in, "name");
        User *u = str_empty(id) || str_empty(name)
                          ? NULL
                          : state_add_user(s, id, name, json_str(in, "real_name"), json_bool(in, "is_bot"));

        if (!u)
                return false;
        mem_strset(&u->email, json_str(in, "email"));
        mem_strset(&u->title, json_str(in, "title"));
        u->is_away = json_bool(in, "is_away");
        u->is_deleted = json_bool(in, "is_deleted");
        return true;
}

static void load_note(const json_t *in, const char *key, ChannelNote *note)
{
        const json_t *saved = json_object_get(in, key);

        if (json_str(saved, "value"))
                channel_note_set(note, json_str(saved, "value"), json_str(saved, "creator"),
                                 json_int(saved, "set_s", 0));
}

static void load_list(const json_t *in, const char *key, json_t **target, size_t max)
{
        const json_t *list = json_object_get(in, key);

        if (!json_is_array(list) || json_array_size(list) > max)
                return;
        json_decref(*target);
        *target = json_deep_copy(list);
}

static void load_map(const json_t *in, const char *key, json_t **target, size_t max)
{
        const json_t *map = json_object_get(in, key);

        if (!json_is_object(map) || json_object_size(map) > max)
                return;
        json_decref(*target);
        *target = json_deep_copy(map);
}

static bool load_messages(Channel *c, const json_t *list)
{
        size_t i;
        json_t *one;

        json_array_foreach ((json_t *) list, i, one) {
                const char *parent_ts = json_str(one, "parent");
                json_t *body = json_object_get(one, "body");

                if (!json_is_object(body) || i >= STATE_MESSAGES_MAX ||
                    !state_restore_message(c, json_deep_copy(body), channel_find_message(c, parent_ts)))
                        return false;
        }
        return true;
}

static bool load_channel(State *s, const json_t *in)
{
        const char *id = json_str(in, "id");
        int64_t kind = json_int(in, "kind", -1);
        const json_t *members = json_object_get(in, "members");
        Channel *c;
        size_t i;
        json_t *member;

        if (str_empty(id) || kind < CHANNEL_PUBLIC || kind > CHANNEL_MPIM)
                return false;
        c = state_add_channel(s, id, json_str(in, "name"), (ChannelKind) kind);
        if (!c)
                return false;
        c->created_s = json_int(in, "created_s", c->created_s);
        c->is_archived = json_bool(in, "is_archived");
        c->is_closed = json_bool(in, "is_closed");
        mem_strset(&c->creator, json_str_or(in, "creator", BOT_USER));
        load_note(in, "topic", &c->topic);
        load_note(in, "purpose", &c->purpose);
        load_list(in, "previous_names", &c->previous_names, STATE_NAMES_KEPT);
        load_list(in, "pins", &c->pins, STATE_PINS_MAX);
        load_list(in, "bookmarks", &c->bookmarks, STATE_BOOKMARKS_MAX);
        load_map(in, "last_read", &c->last_read, STATE_USERS_MAX);
        json_array_foreach ((json_t *) members, i, member)
                if (state_find_user(s, json_string_value(member)))
                        channel_add_member(c, json_string_value(member));
        return load_messages(c, json_object_get(in, "messages"));
}

static bool load_ephemeral(State *s, const json_t *in)
{
        const char *channel = json_str(in, "channel"), *user = json_str(in, "user");
        json_t *body = json_object_get(in, "body");
        _cleanup_free_ char *ts = mem_strdup(json_str(body, "ts"));
        Ephemeral *e;

        if (!channel || !user || !state_ts_valid(ts))
                return false;
        e = state_add_ephemeral(s, channel, user, json_deep_copy(body));
        memcpy(e->ts, ts, sizeof(e->ts));
        json_put_str(e->body, "ts", ts);
        return true;
}

/* Without its seeds. */
static State *new_empty(const State *like)
{
        State *s = mem_new(State);

        s->clock_ms = like->clock_ms;
        s->client_msg_ids = json_object();
        s->revoked = json_object();
        return s;
}

static bool load_all(State *s, const json_t *in)
{
        static const struct {
                const char *key;
                bool (*fn)(State *s, const json_t *in);
        } parts[] = {{"users", load_user}, {"channels", load_channel}, {"ephemerals", load_ephemeral}};

        if (json_int(in, "version", 0) != SAVE_VERSION || str_empty(json_str(in, "app_name")))
                return false;
        mem_strset(&s->app_name, json_str(in, "app_name"));
        for (size_t p = 0; p < ELEMENTSOF(parts); p++) {
                const json_t *list = json_object_get(in, parts[p].key);
                json_t *item;
                size_t i;

                if (!json_is_array(list))
                        return false;
                json_array_foreach ((json_t *) list, i, item)
                        if (!parts[p].fn(s, item))
                                return false;
        }
        load_map(in, "client_msg_ids", &s->client_msg_ids, STATE_CLIENT_MSG_IDS_MAX);
        load_map(in, "revoked", &s->revoked, STATE_REVOKED_MAX);
        /* Last: what was loaded has taken timestamps of its own. */
        s->last_ts_us = MAX2(json_int(in, "last_ts_us", 0), s->last_ts_us);
        s->last_id = (uint64_t) json_int(in, "last_id", 0);
        return true;
}

bool state_load(State *s, const json_t *saved)
{
        State *loaded = new_empty(s), old;
        bool fine = load_all(loaded, saved);

        if (fine) {
                old = *s;
                *s = *loaded;
                *loaded = old;
        }
        state_free(loaded);
        return fine;
}
