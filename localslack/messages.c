#include "messages.h"

#include <stdio.h>

#include "agents.h"
#include "base/digest.h"
#include "blocks.h"
#include "delivery.h"
#include "markdown.h"
#include "richtext.h"

#define FALLBACK_TEXT "This content can't be displayed."

/* --- feed and events --- */

static void emit(Local *l, const char *event, const Channel *c, const Message *m)
{
        json_t *data;

        if (!feed_is_watched(l->feed))
                return;
        data = json_object();
        json_put_str(data, "channel", c->id);
        json_object_set_new(data, "message", message_render(m, true));
        feed_emit(l->feed, event, data);
        if (m->parent) { /* its reply_count changed with it */
                data = json_object();
                json_put_str(data, "channel", c->id);
                json_object_set_new(data, "message", message_render(m->parent, true));
                feed_emit(l->feed, "update", data);
        }
}

static bool app_hears(const Local *l, const Channel *c)
{
        return l->switches.message_events && channel_has_member(c, BOT_USER);
}

static json_t *message_event(const Channel *c, const Message *m)
{
        json_t *event = message_render(m, false);

        json_put_str(event, "channel", c->id);
        json_put_str(event, "event_ts", m->ts);
        json_put_str(event, "channel_type", channel_type_name(c));
        return event;
}

/* A mention raises app_mention beside message: same ts, another event_id; never in direct messages. */
static void raise_mention(Local *l, const Channel *c, const Message *m)
{
        static const char *const left_out[] = {"channel_type", "subtype", "parent_user_id"};
        const char *text = json_str_or(message_body(m), "text", "");
        json_t *event;

        if (channel_is_direct(c) || !channel_has_member(c, BOT_USER) ||
            (!strstr(text, "<@" BOT_USER ">") && !strstr(text, "<@" BOT_USER "|")))
                return;
        event = message_event(c, m);
        json_put_str(event, "type", "app_mention");
        for (size_t i = 0; i < ELEMENTSOF(left_out); i++)
                json_object_del(event, left_out[i]);
        delivery_raise(l->delivery, event);
}

static void raise_change(Local *l, const Channel *c, const char *subtype, const char *ts, json_t *message,
                         json_t *previous)
{
        char event_ts[STATE_TS_SIZE];
        json_t *event = json_object();

        state_next_ts(l->state, event_ts);
        json_put_str(event, "type", "message");
        json_put_str(event, "subtype", subtype);
        json_object_set_new(event, "hidden", json_true());
        if (message)
                json_object_set_new(event, "message", message);
        else
                json_put_str(event, "deleted_ts", ts);
        json_object_set_new(event, "previous_message", previous);
        json_put_str(event, "channel", c->id);
        json_put_str(event, "ts", event_ts);
        json_put_str(event, "event_ts", event_ts);
        json_put_str(event, "channel_type", channel_type_name(c));
        delivery_raise(l->delivery, event);
}

/* --- files --- */

static void raise_file_event(Local *l, const char *type, const File *file, const Channel *c)
{
        char ts[STATE_TS_SIZE];
        json_t *event;

        if (!l->switches.file_events)
                return;
        state_next_ts(l->state, ts);
        event = json_pack("{s:s,s:s,s:s,s:{s:s},s:s}", "type", type, "file_id", file->id, "user_id",
                          file->user, "file", "id", file->id, "event_ts", ts);
        if (c)
                json_put_str(event, "channel_id", c->id);
        delivery_raise(l->delivery, event);
}

/* A file knows where it was shown. */
static void note_files(Local *l, const Channel *c, const Message *m)
{
        json_t *item;
        size_t i;

        json_array_foreach (json_object_get(message_body(m), "files"), i, item) {
                File *file = files_find(l->files, json_str(item, "id"));

                if (!file)
                        continue;
                file_note_share(file, c, m);
                if (channel_has_member(c, BOT_USER))
                        raise_file_event(l, "file_shared", file, c);
        }
}

/* What is left of a file in the messages that showed it. */
static void bury_file(Local *l, const File *file, Channel *c, Message *m)
{
        json_t *files = json_object_get(message_body(m), "files"), *item;
        size_t i;

        json_array_foreach (files, i, item)
                if (str_equal(json_str(item, "id"), file->id))
                        json_array_set_new(files, i, file_render(file, ""));
        emit(l, "update", c, m);
}

void messages_delete_file(Local *l, File *file)
{
        json_t *share;
        size_t i;

        files_delete(l->files, file);
        json_array_foreach (file->shares, i, share) {
                Channel *c = state_find_channel(l->state, json_str(share, "channel"));
                Message *m = c ? channel_find_message(c, json_str(share, "ts")) : NULL;

                if (m)
                        bury_file(l, file, c, m);
        }
        raise_file_event(l, "file_deleted", file, NULL);
}

/* --- posting --- */

Message *messages_post_user(Local *l, Channel *c, const User *user, const char *text, Message *parent,
                            const json_t *extra)
{
        json_t *body = json_object();
        char uuid[UUID_SIZE];
        Message *m;

        uuid4(uuid);
        json_put_str(body, "type", "message");
        json_put_str(body, "user", user->id);
        json_put_str(body, "client_msg_id", uuid);
        json_put_str(body, "text", text);
        json_put_str(body, "team", TEAM_ID);
        json_object_set_new(body, "blocks", richtext_from_mrkdwn(text));
        if (extra)
                json_object_update(body, (json_t *) extra);
        m = state_add_message(l->state, c, body, parent);
        note_files(l, c, m);
        emit(l, "message", c, m);
        if (app_hears(l, c) &&
            (l->switches.twins || !strstr(text, "<@" BOT_USER ">") || channel_is_direct(c)))
                delivery_raise(l->delivery, message_event(c, m));
        raise_mention(l, c, m);
        return m;
}

Message *messages_post_notice(Local *l, Channel *c, const char *user, const char *subtype, const char *text,
                              const json_t *extra)
{
        json_t *body = json_pack("{s:s,s:s,s:s,s:s}", "type", "message", "subtype", subtype, "user", user,
                                 "text", text);
        Message *m;

        if (extra)
                json_object_update(body, (json_t *) extra);
        m = state_add_message(l->state, c, body, NULL);
        emit(l, "message", c, m);
        if (app_hears(l, c))
                delivery_raise(l->delivery, message_event(c, m));
        return m;
}

static json_t *bot_profile(const Local *l)
{
        return json_pack("{s:s,s:s,s:s,s:s,s:b,s:I,s:{}}", "id", BOT_ID, "app_id", APP_ID, "name",
                         l->state->app_name, "team_id", TEAM_ID, "deleted", 0, "updated",
                         (json_int_t) 1700000000, "icons");
}

/* Markdown is stored as what it means, everything else completed (reference §4.2). */
static json_t *store_blocks(const json_t *blocks)
{
        _cleanup_json_ json_t *translated = markdown_translate_blocks(blocks);

        return blocks_normalize(translated);
}

static void put_blocks(json_t *body, const json_t *blocks)
{
        if (json_array_size(blocks) > 0)
                json_object_set_new(body, "blocks", store_blocks(blocks));
        else
                json_object_del(body, "blocks");
}

/* Blocks and text; a message of blocks alone says in its text that there is more to see. */
static void put_text(json_t *body, const json_t *fields)
{
        _cleanup_free_ char *text = richtext_escape(json_str_or(fields, "text", ""));

        put_blocks(body, json_object_get(fields, "blocks"));
        json_put_str(body, "text", *text || !json_object_get(body, "blocks") ? text : FALLBACK_TEXT);
}

/* With a person's token the app speaks as that person. */
static void put_author(const Local *l, json_t *body, const char *user)
{
        json_put_str(body, "user", user);
        json_put_str(body, "team", TEAM_ID);
        json_put_str(body, "app_id", APP_ID);
        if (!str_equal(user, BOT_USER))
                return;
        json_put_str(body, "bot_id", BOT_ID);
        json_object_set_new(body, "bot_profile", bot_profile(l));
}

static json_t *app_body(Local *l, json_t *fields)
{
        static const char *const copied[] = {"attachments", "metadata",        "files",
                                             "username",    "icons",           "subtype",
                                             "upload",      "streaming_state", "mrkdwn"};
        json_t *body = json_object();

        json_put_str(body, "type", "message");
        put_author(l, body, json_str_or(fields, "user", BOT_USER));
        put_text(body, fields);
        for (size_t i = 0; i < ELEMENTSOF(copied); i++)
                if (json_object_get(fields, copied[i]))
                        json_object_set(body, copied[i], json_object_get(fields, copied[i]));
        json_decref(fields);
        return body;
}

Message *messages_post_app(Local *l, Channel *c, json_t *fields, Message *parent, bool broadcast)
{
        json_t *body = app_body(l, fields);
        Message *m;

        if (broadcast && parent)
                json_put_str(body, "subtype", "thread_broadcast");
        m = state_add_message(l->state, c, body, parent);
        note_files(l, c, m);
        agents_note_post(l->agents, c->id, parent ? parent->ts : m->ts);
        emit(l, "message", c, m);
        if (app_hears(l, c) && l->switches.own_messages)
                delivery_raise(l->delivery, message_event(c, m));
        return m;
}

void messages_stream(Local *l, Channel *c, Message *m, json_t *fields, bool raise)
{
        static const char *const replaced[] = {"metadata", "streaming_state"};
        _cleanup_json_ json_t *previous = raise ? json_deep_copy(message_body(m)) : NULL;

        put_text(message_body(m), fields);
        for (size_t i = 0; i < ELEMENTSOF(replaced); i++)
                if (json_object_get(fields, replaced[i]))
                        json_object_set(message_body(m), replaced[i], json_object_get(fields, replaced[i]));
        json_decref(fields);
        emit(l, "update", c, m);
        if (raise && app_hears(l, c) && l->switches.own_messages)
                raise_change(l, c, "message_changed", m->ts, message_render(m, false), take(previous));
}

void messages_change(Local *l, Channel *c, Message *m, const json_t *changes, const char *editor)
{
        static const char *const replaced[] = {"attachments", "metadata", "files"};
        _cleanup_json_ json_t *previous = json_deep_copy(message_body(m));
        _cleanup_free_ char *text = richtext_escape(json_str_or(changes, "text", ""));
        const json_t *blocks = json_object_get(changes, "blocks");
        char ts[STATE_TS_SIZE];

        if (blocks)
                put_blocks(message_body(m), blocks);
        json_put_str(message_body(m), "text",
                     *text || !json_object_get(message_body(m), "blocks") ? text : FALLBACK_TEXT);
        for (size_t i = 0; i < ELEMENTSOF(replaced); i++) {
                json_t *v = json_object_get(changes, replaced[i]);

                if (json_is_null(v))
                        json_object_del(message_body(m), replaced[i]);
                else if (v)
                        json_object_set(message_body(m), replaced[i], v);
        }
        state_next_ts(l->state, ts);
        json_object_set_new(message_body(m), "edited", json_pack("{s:s,s:s}", "user", editor, "ts", ts));
        emit(l, "update", c, m);
        if (app_hears(l, c) && (l->switches.own_messages || !json_str(message_body(m), "bot_id")))
                raise_change(l, c, "message_changed", m->ts, message_render(m, false), take(previous));
}

void messages_broadcast(Local *l, Channel *c, Message *m)
{
        json_t *previous = json_deep_copy(message_body(m));

        json_put_str(message_body(m), "subtype", "thread_broadcast");
        emit(l, "update", c, m);
        if (app_hears(l, c) && l->switches.own_messages)
                raise_change(l, c, "message_changed", m->ts, message_render(m, false), previous);
        else
                json_decref(previous);
}

void messages_delete(Local *l, Channel *c, Message *m)
{
        _cleanup_json_ json_t *previous = json_deep_copy(message_body(m));
        Message *parent = m->parent;
        char ts[STATE_TS_SIZE];

        memcpy(ts, m->ts, sizeof(ts));
        if (m->n_replies > 0) {
                state_remove_message(l->state, c, m);
                emit(l, "update", c, m);
        } else {
                state_remove_message(l->state, c, m);
                feed_emit(l->feed, "delete", json_pack("{s:s,s:s}", "channel", c->id, "ts", ts));
                if (parent)
                        emit(l, "update", c, parent);
        }
        if (app_hears(l, c) && (l->switches.own_messages || !json_str(previous, "bot_id")))
                raise_change(l, c, "message_deleted", ts, NULL, take(previous));
}

ReactionResult messages_react(Local *l, Channel *c, Message *m, const char *name, const char *user, bool add)
{
        ReactionResult r = add ? message_add_reaction(m, name, user) : message_remove_reaction(m, name, user);
        char ts[STATE_TS_SIZE];
        json_t *event;

        if (r != REACTION_OK)
                return r;
        emit(l, "reaction", c, m);
        if (!app_hears(l, c))
                return r;
        state_next_ts(l->state, ts);
        event = json_pack("{s:s,s:s,s:s,s:s,s:s,s:{s:s,s:s,s:s}}", "type",
                          add ? "reaction_added" : "reaction_removed", "user", user, "reaction", name,
                          "item_user", json_str_or(message_body(m), "user", ""), "event_ts", ts, "item",
                          "type", "message", "channel", c->id, "ts", m->ts);
        delivery_raise(l->delivery, event);
        return r;
}

/* --- ephemeral --- */

static void emit_ephemeral(Local *l, const Ephemeral *e)
{
        feed_emit(l->feed, "ephemeral",
                  json_pack("{s:s,s:s,s:O}", "channel", e->channel, "user", e->user, "message", e->body));
}

Ephemeral *messages_post_ephemeral(Local *l, Channel *c, const char *user, json_t *fields,
                                   const char *thread_ts)
{
        json_t *body = app_body(l, fields);
        Ephemeral *e;

        json_object_del(body, "metadata"); /* ephemeral messages carry none (reference §4.4) */
        if (!str_empty(thread_ts))
                json_put_str(body, "thread_ts", thread_ts);
        e = state_add_ephemeral(l->state, c->id, user, body);
        emit_ephemeral(l, e);
        return e;
}

void messages_change_ephemeral(Local *l, Ephemeral *e, json_t *fields)
{
        put_text(e->body, fields);
        json_decref(fields);
        emit_ephemeral(l, e);
}

void messages_delete_ephemeral(Local *l, Ephemeral *e)
{
        feed_emit(l->feed, "delete", json_pack("{s:s,s:s}", "channel", e->channel, "ts", e->ts));
        state_remove_ephemeral(l->state, e);
}
