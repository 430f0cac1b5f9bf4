#include "state.h"

#include <stdio.h>

#include "base/digest.h"

#define SWEEP_STEP 4

static void user_free(User *u)
{
        free(u->id);
        free(u->name);
        free(u->real_name);
        free(u->email);
        free(u->title);
        free(u);
}

static void message_free(Message *m)
{
        json_decref(m->kept_body);
        free(m->frozen);
        free(m->replies);
        free(m);
}

static void note_deinit(ChannelNote *note)
{
        free(note->value);
        free(note->creator);
}

static void channel_free(Channel *c)
{
        for (size_t i = 0; i < c->n_messages; i++)
                message_free(c->messages[i]);
        for (size_t i = 0; i < c->n_members; i++)
                free(c->members[i]);
        note_deinit(&c->topic);
        note_deinit(&c->purpose);
        json_decref(c->previous_names);
        json_decref(c->pins);
        json_decref(c->bookmarks);
        json_decref(c->last_read);
        free(c->messages);
        free(c->members);
        free(c->creator);
        free(c->id);
        free(c->name);
        free(c);
}

static void ephemeral_free(Ephemeral *e)
{
        json_decref(e->body);
        free(e->user);
        free(e->channel);
        free(e);
}

State *state_new(const char *app_name, int64_t (*clock_ms)(void))
{
        static const char *const seed_channels[][2] = {{"C0GENERAL", "general"}, {"C0CODING", "coding"}};
        State *s = mem_new(State);

        s->clock_ms = clock_ms;
        s->client_msg_ids = json_object();
        s->revoked = json_object();
        s->app_name = mem_strdup(app_name);
        state_add_user(s, "U0ANN", "ann", "Ann", false);
        state_add_user(s, "U0BOB", "bob", "Bob", false);
        state_add_user(s, BOT_USER, app_name, app_name, true);
        for (size_t i = 0; i < ELEMENTSOF(seed_channels); i++) {
                Channel *c = state_add_channel(s, seed_channels[i][0], seed_channels[i][1], CHANNEL_PUBLIC);

                for (size_t u = 0; u < s->n_users; u++)
                        channel_add_member(c, s->users[u]->id);
        }
        return s;
}

void state_free(State *s)
{
        if (!s)
                return;
        for (size_t i = 0; i < s->n_users; i++)
                user_free(s->users[i]);
        for (size_t i = 0; i < s->n_channels; i++)
                channel_free(s->channels[i]);
        for (size_t i = 0; i < s->n_ephemerals; i++)
                ephemeral_free(s->ephemerals[i]);
        json_decref(s->client_msg_ids);
        json_decref(s->revoked);
        free(s->app_name);
        free(s);
}

void state_next_ts(State *s, char ret[STATE_TS_SIZE])
{
        int64_t us = s->clock_ms() * 1000;

        /* The clock may jump back; a timestamp never does. */
        if (us <= s->last_ts_us)
                us = s->last_ts_us + 1;
        s->last_ts_us = us;
        snprintf(ret, STATE_TS_SIZE, "%010u.%06u", (unsigned) (us / 1000000), (unsigned) (us % 1000000));
}

bool state_ts_valid(const char *ts)
{
        return ts && strlen(ts) == STATE_TS_SIZE - 1 && strspn(ts, "0123456789") == 10 && ts[10] == '.' &&
               strspn(ts + 11, "0123456789") == 6;
}

char *state_new_id(State *s, char prefix)
{
        static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        char text[11] = "0000000000";
        uint64_t n = ++s->last_id;

        for (size_t i = 9; i > 0 && n; i--, n /= 36)
                text[i] = digits[n % 36];
        text[0] = prefix;
        return mem_strdup(text);
}

User *state_find_user(const State *s, const char *id_or_name)
{
        if (str_empty(id_or_name))
                return NULL;
        for (size_t i = 0; i < s->n_users; i++)
                if (str_equal(s->users[i]->id, id_or_name) || str_equal(s->users[i]->name, id_or_name))
                        return s->users[i];
        return NULL;
}

User *state_add_user(State *s, const char *id, const char *name, const char *real_name, bool is_bot)
{
        User *u;

        if (s->n_users == STATE_USERS_MAX || state_find_user(s, id))
                return NULL;
        u = mem_new(User);
        u->id = id ? mem_strdup(id) : state_new_id(s, 'U');
        u->name = mem_strdup(name);
        u->real_name = mem_strdup(real_name ? real_name : name);
        u->is_bot = is_bot;
        if (!is_bot)
                u->email = mem_printf("%s@example.com", name);
        s->users[s->n_users++] = u;
        return u;
}

Channel *state_find_channel(const State *s, const char *id_or_name)
{
        if (str_empty(id_or_name))
                return NULL;
        if (*id_or_name == '#')
                id_or_name++;
        for (size_t i = 0; i < s->n_channels; i++)
                if (str_equal(s->channels[i]->id, id_or_name) || str_equal(s->channels[i]->name, id_or_name))
                        return s->channels[i];
        return NULL;
}

Channel *state_add_channel(State *s, const char *id, const char *name, ChannelKind kind)
{
        Channel *c;

        if (s->n_channels == STATE_CHANNELS_MAX || state_find_channel(s, id) || state_find_channel(s, name))
                return NULL;
        c = mem_new(Channel);
        c->id = id ? mem_strdup(id) : state_new_id(s, kind == CHANNEL_IM ? 'D' : 'C');
        c->name = mem_strdup(name);
        c->kind = kind;
        c->created_s = s->clock_ms() / 1000;
        c->creator = mem_strdup(s->n_users ? s->users[0]->id : BOT_USER);
        c->previous_names = json_array();
        c->pins = json_array();
        c->bookmarks = json_array();
        c->last_read = json_object();
        s->channels[s->n_channels++] = c;
        return c;
}

static bool has_exactly(const Channel *c, const char *const *users, size_t n_users)
{
        if (c->n_members != n_users || !channel_is_direct(c))
                return false;
        for (size_t i = 0; i < n_users; i++)
                if (!channel_has_member(c, users[i]))
                        return false;
        return true;
}

Channel *state_open_direct(State *s, const char *const *users, size_t n_users, bool create,
                           bool *ret_was_open)
{
        Channel *c;

        for (size_t i = 0; i < s->n_channels; i++)
                if (has_exactly(s->channels[i], users, n_users)) {
                        *ret_was_open = true;
                        return s->channels[i];
                }
        *ret_was_open = false;
        if (!create)
                return NULL;
        c = state_add_channel(s, NULL, NULL, n_users == 2 ? CHANNEL_IM : CHANNEL_MPIM);
        if (!c)
                return NULL;
        if (c->kind == CHANNEL_MPIM)
                c->name = mem_printf("mpdm-%s", c->id);
        for (size_t i = 0; i < n_users; i++)
                channel_add_member(c, users[i]);
        return c;
}

bool channel_has_member(const Channel *c, const char *user)
{
        for (size_t i = 0; i < c->n_members; i++)
                if (str_equal(c->members[i], user))
                        return true;
        return false;
}

void channel_add_member(Channel *c, const char *user)
{
        if (c->n_members >= STATE_USERS_MAX || channel_has_member(c, user))
                return;
        c->members = mem_resize(c->members, (c->n_members + 1) * sizeof(char *));
        c->members[c->n_members++] = mem_strdup(user);
}

bool channel_remove_member(Channel *c, const char *user)
{
        for (size_t i = 0; i < c->n_members; i++)
                if (str_equal(c->members[i], user)) {
                        free(c->members[i]);
                        memmove(c->members + i, c->members + i + 1, (c->n_members - i - 1) * sizeof(char *));
                        c->n_members--;
                        return true;
                }
        return false;
}

const char *channel_type_name(const Channel *c)
{
        static const char *const names[] = {[CHANNEL_PUBLIC] = "channel",
                                            [CHANNEL_PRIVATE] = "group",
                                            [CHANNEL_IM] = "im",
                                            [CHANNEL_MPIM] = "mpim"};

        return names[c->kind];
}

bool channel_is_direct(const Channel *c)
{
        return c->kind == CHANNEL_IM || c->kind == CHANNEL_MPIM;
}

void channel_rename(Channel *c, const char *name)
{
        json_array_insert_new(c->previous_names, 0, json_string(c->name));
        if (json_array_size(c->previous_names) > STATE_NAMES_KEPT)
                json_array_remove(c->previous_names, STATE_NAMES_KEPT);
        mem_strset(&c->name, name);
}

void channel_note_set(ChannelNote *note, const char *value, const char *user, int64_t now_s)
{
        mem_strset(&note->value, value);
        mem_strset(&note->creator, user);
        note->set_s = now_s;
}

static size_t find_in(const json_t *array, const char *key, const char *value);

size_t channel_find_pin(const Channel *c, const char *ts)
{
        return find_in(c->pins, "ts", ts);
}

bool channel_add_pin(Channel *c, const char *ts, const char *user, int64_t now_s)
{
        if (channel_find_pin(c, ts) != SIZE_MAX || json_array_size(c->pins) >= STATE_PINS_MAX)
                return false;
        json_array_append_new(
                c->pins, json_pack("{s:s,s:s,s:I}", "ts", ts, "user", user, "created", (json_int_t) now_s));
        return true;
}

bool channel_remove_pin(Channel *c, const char *ts)
{
        size_t i = channel_find_pin(c, ts);

        return i != SIZE_MAX && json_array_remove(c->pins, i) == 0;
}

json_t *channel_find_bookmark(const Channel *c, const char *id, size_t *ret_index)
{
        size_t i = find_in(c->bookmarks, "id", id);

        if (ret_index)
                *ret_index = i;
        return i == SIZE_MAX ? NULL : json_array_get(c->bookmarks, i);
}

static void token_key(const char *token, char ret[65])
{
        uint8_t digest[32];

        digest_sha256(token, strlen(token), digest);
        digest_hex(digest, sizeof(digest), ret);
}

void state_revoke_token(State *s, const char *token)
{
        char key[65];

        token_key(token, key);
        json_object_set_new(s->revoked, key, json_true());
        if (json_object_size(s->revoked) > STATE_REVOKED_MAX)
                json_object_del(s->revoked, json_object_iter_key(json_object_iter(s->revoked)));
}

bool state_token_revoked(const State *s, const char *token)
{
        char key[65];

        if (json_object_size(s->revoked) == 0)
                return false;
        token_key(token, key);
        return json_object_get(s->revoked, key) != NULL;
}

static void push(Message ***array, size_t *n, size_t *size, Message *m)
{
        if (*n == *size) {
                *size = *size ? *size * 2 : 8;
                *array = mem_resize(*array, *size * sizeof(Message *));
        }
        (*array)[(*n)++] = m;
}

static void drop(Message **array, size_t *n, const Message *m)
{
        for (size_t i = 0; i < *n; i++)
                if (array[i] == m) {
                        memmove(array + i, array + i + 1, (*n - i - 1) * sizeof(Message *));
                        (*n)--;
                        return;
                }
}

static void unlink_thread(Message *m)
{
        for (size_t i = 0; i < m->n_replies; i++)
                m->replies[i]->parent = NULL;
        if (m->parent)
                drop(m->parent->replies, &m->parent->n_replies, m);
}

/* An eighth at a time, so that a busy channel at its limit does not move the whole array for every post. */
static void evict_oldest(Channel *c)
{
        size_t n = c->n_messages / 8 + 1;

        for (size_t i = 0; i < n; i++) {
                channel_remove_pin(c, c->messages[i]->ts);
                unlink_thread(c->messages[i]);
                message_free(c->messages[i]);
        }
        memmove(c->messages, c->messages + n, (c->n_messages - n) * sizeof(Message *));
        c->n_messages -= n;
}

json_t *message_body(const Message *m)
{
        Message *mutable = (Message *) m;

        if (!m->kept_body) {
                mutable->kept_body = json_loads(m->frozen, JSON_ALLOW_NUL, NULL);
                free(take(mutable->frozen));
        }
        return m->kept_body;
}

/* A reference to the body that leaves a frozen message frozen: for who only reads, and reads many. */
static json_t *message_peek(const Message *m)
{
        return m->kept_body ? json_incref(m->kept_body) : json_loads(m->frozen, JSON_ALLOW_NUL, NULL);
}

static void freeze(Message *m)
{
        if (!m->kept_body || m->kept_body->refcount > 1)
                return;
        m->frozen = json_dump(m->kept_body);
        json_decref(take(m->kept_body));
}

/* Each post freezes the message that has just become old, and looks at a few more: at those that somebody has
 * read since. */
static void sweep(Channel *c)
{
        size_t n_old = c->n_messages > STATE_AWAKE ? c->n_messages - STATE_AWAKE : 0;

        if (n_old == 0)
                return;
        freeze(c->messages[n_old - 1]);
        for (unsigned i = 0; i < SWEEP_STEP; i++) {
                c->n_swept = c->n_swept + 1 < n_old ? c->n_swept + 1 : 0;
                freeze(c->messages[c->n_swept]);
        }
}

static Message *append(Channel *c, Message *m, Message *parent)
{
        if (parent) {
                m->parent = parent;
                push(&parent->replies, &parent->n_replies, &parent->size_replies, m);
        }
        push(&c->messages, &c->n_messages, &c->size_messages, m);
        if (c->n_messages > STATE_MESSAGES_MAX)
                evict_oldest(c);
        sweep(c);
        return m;
}

Message *state_add_message(State *s, Channel *c, json_t *body, Message *parent)
{
        Message *m = mem_new(Message);

        state_next_ts(s, m->ts);
        m->kept_body = body;
        json_put_str(body, "ts", m->ts);
        if (parent) {
                json_put_str(body, "thread_ts", parent->ts);
                json_put_str(body, "parent_user_id", json_str_or(message_body(parent), "user", ""));
        }
        return append(c, m, parent);
}

Message *state_restore_message(Channel *c, json_t *body, Message *parent)
{
        const char *ts = json_str(body, "ts");
        Message *m;

        if (!state_ts_valid(ts) ||
            (c->n_messages > 0 && strcmp(c->messages[c->n_messages - 1]->ts, ts) >= 0)) {
                json_decref(body);
                return NULL;
        }
        m = mem_new(Message);
        memcpy(m->ts, ts, sizeof(m->ts));
        m->kept_body = body;
        return append(c, m, parent);
}

size_t channel_lower_bound(const Channel *c, const char *ts)
{
        size_t low = 0, high = c->n_messages;

        while (low < high) {
                size_t middle = (low + high) / 2;

                if (strcmp(c->messages[middle]->ts, ts) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

Message *channel_find_message(const Channel *c, const char *ts)
{
        size_t i;

        if (!ts)
                return NULL;
        i = channel_lower_bound(c, ts);
        return i < c->n_messages && str_equal(c->messages[i]->ts, ts) ? c->messages[i] : NULL;
}

bool message_is_tombstone(const Message *m)
{
        static const char mark[] = "\"subtype\":\"tombstone\"";

        /* Inside a text the quotes would be escaped. */
        if (m->frozen && !strstr(m->frozen, mark))
                return false;
        return str_equal(json_str(message_body(m), "subtype"), "tombstone");
}

void state_remove_message(State *s, Channel *c, Message *m)
{
        size_t i = channel_lower_bound(c, m->ts);

        (void) s;
        channel_remove_pin(c, m->ts);
        if (m->n_replies > 0) {
                json_object_clear(message_body(m));
                json_put_str(message_body(m), "type", "message");
                json_put_str(message_body(m), "subtype", "tombstone");
                json_put_str(message_body(m), "user", SLACKBOT);
                json_put_str(message_body(m), "text", "This message was deleted.");
                json_put_str(message_body(m), "ts", m->ts);
                json_object_set_new(message_body(m), "hidden", json_true());
                return;
        }
        unlink_thread(m);
        memmove(c->messages + i, c->messages + i + 1, (c->n_messages - i - 1) * sizeof(Message *));
        c->n_messages--;
        message_free(m);
}

static void render_thread(const Message *m, json_t *out)
{
        json_t *users = json_array();

        /* Slack lists at most five of the people who replied, but counts them all. */
        json_t *seen = json_object();
        for (size_t i = 0; i < m->n_replies; i++) {
                _cleanup_json_ json_t *body = message_peek(m->replies[i]);
                const char *user = json_str_or(body, "user", "");

                if (!json_object_get(seen, user)) {
                        json_object_set_new(seen, user, json_true());
                        if (json_array_size(users) < 5)
                                json_array_append_new(users, json_string(user));
                }
        }
        json_put_str(out, "thread_ts", m->ts);
        json_put_int(out, "reply_count", (int64_t) m->n_replies);
        json_put_int(out, "reply_users_count", (int64_t) json_object_size(seen));
        json_put_str(out, "latest_reply", m->replies[m->n_replies - 1]->ts);
        json_object_set_new(out, "reply_users", users);
        json_object_set_new(out, "is_locked", json_false());
        json_object_set_new(out, "subscribed", json_true());
        json_decref(seen);
}

json_t *message_render(const Message *m, bool with_metadata)
{
        _cleanup_json_ json_t *body = message_peek(m);
        json_t *out = json_copy(body);
        const char *event_type = json_str(out, "metadata.event_type");

        if (m->n_replies > 0)
                render_thread(m, out);
        if (event_type && !with_metadata)
                json_object_set_new(out, "metadata", json_pack("{s:s}", "event_type", event_type));
        return out;
}

static size_t find_in(const json_t *array, const char *key, const char *value)
{
        size_t i;
        json_t *item;

        json_array_foreach ((json_t *) array, i, item) {
                const char *text = key ? json_str(item, key) : json_string_value(item);

                if (str_equal(text, value))
                        return i;
        }
        return SIZE_MAX;
}

ReactionResult message_add_reaction(Message *m, const char *name, const char *user)
{
        json_t *all = json_object_get(message_body(m), "reactions");
        json_t *one, *users;
        size_t i;

        if (!all) {
                all = json_array();
                json_object_set_new(message_body(m), "reactions", all);
        }
        i = find_in(all, "name", name);
        if (i == SIZE_MAX) {
                if (json_array_size(all) >= STATE_REACTIONS_MAX)
                        return REACTION_E_TOO_MANY;
                json_array_append_new(all, json_pack("{s:s,s:[],s:i}", "name", name, "users", "count", 0));
                i = json_array_size(all) - 1;
        }
        one = json_array_get(all, i);
        users = json_object_get(one, "users");
        if (find_in(users, NULL, user) != SIZE_MAX)
                return REACTION_E_ALREADY;
        json_array_append_new(users, json_string(user));
        json_put_int(one, "count", (int64_t) json_array_size(users));
        return REACTION_OK;
}

ReactionResult message_remove_reaction(Message *m, const char *name, const char *user)
{
        json_t *all = json_object_get(message_body(m), "reactions");
        size_t i = find_in(all, "name", name), u;
        json_t *one, *users;

        if (i == SIZE_MAX)
                return REACTION_E_NONE;
        one = json_array_get(all, i);
        users = json_object_get(one, "users");
        u = find_in(users, NULL, user);
        if (u == SIZE_MAX)
                return REACTION_E_NONE;
        json_array_remove(users, u);
        json_put_int(one, "count", (int64_t) json_array_size(users));
        if (json_array_size(users) == 0)
                json_array_remove(all, i);
        if (json_array_size(all) == 0)
                json_object_del(message_body(m), "reactions");
        return REACTION_OK;
}

Ephemeral *state_add_ephemeral(State *s, const char *channel, const char *user, json_t *body)
{
        Ephemeral *e = mem_new(Ephemeral);

        state_next_ts(s, e->ts);
        e->channel = mem_strdup(channel);
        e->user = mem_strdup(user);
        e->body = body;
        json_put_str(body, "ts", e->ts);
        json_object_set_new(body, "is_ephemeral", json_true());
        if (s->n_ephemerals == STATE_EPHEMERALS_MAX)
                state_remove_ephemeral(s, s->ephemerals[0]);
        s->ephemerals[s->n_ephemerals++] = e;
        return e;
}

Ephemeral *state_find_ephemeral(const State *s, const char *channel, const char *ts)
{
        for (size_t i = s->n_ephemerals; i-- > 0;)
                if (str_equal(s->ephemerals[i]->ts, ts) && str_equal(s->ephemerals[i]->channel, channel))
                        return s->ephemerals[i];
        return NULL;
}

void state_remove_ephemeral(State *s, Ephemeral *e)
{
        for (size_t i = 0; i < s->n_ephemerals; i++)
                if (s->ephemerals[i] == e) {
                        memmove(s->ephemerals + i, s->ephemerals + i + 1,
                                (s->n_ephemerals - i - 1) * sizeof(Ephemeral *));
                        s->n_ephemerals--;
                        ephemeral_free(e);
                        return;
                }
}

bool state_find_client_msg_id(const State *s, const char *id, const char **ret_channel, const char **ret_ts)
{
        const json_t *known = json_object_get(s->client_msg_ids, id);

        if (!known)
                return false;
        *ret_channel = json_str(known, "channel");
        *ret_ts = json_str(known, "ts");
        return true;
}

void state_note_client_msg_id(State *s, const char *id, const char *channel, const char *ts)
{
        json_object_set_new(s->client_msg_ids, id, json_pack("{s:s,s:s}", "channel", channel, "ts", ts));
        if (json_object_size(s->client_msg_ids) > STATE_CLIENT_MSG_IDS_MAX)
                json_object_del(s->client_msg_ids, json_object_iter_key(json_object_iter(s->client_msg_ids)));
}
