/* What it means to post, change, delete or react: the store, the page's feed and the app's events together.
 * Everything that a person or the app does to messages goes through here. */
#pragma once

#include "local.h"

/* A person's message. `extra` (borrowed, may be NULL) is merged into it (files, subtype, client_msg_id). */
Message *messages_post_user(Local *l, Channel *c, const User *user, const char *text, Message *parent,
                            const json_t *extra);
/* What Slack itself says in a channel: "<@U0ANN> has joined the channel", of subtype channel_join and so on.
 */
Message *messages_post_notice(Local *l, Channel *c, const char *user, const char *subtype, const char *text,
                              const json_t *extra);
/* The app's message; `fields` (stolen): text, blocks, attachments, metadata, files, username, icons, subtype,
 * streaming_state, and with a person's token `user`. */
Message *messages_post_app(Local *l, Channel *c, json_t *fields, Message *parent, bool broadcast);
/* Replaces text, and blocks, attachments, metadata where `changes` (borrowed) has them; a null removes. */
void messages_change(Local *l, Channel *c, Message *m, const json_t *changes, const char *editor);
/* What a streamed message is now: text, blocks (translated already), metadata, streaming_state of `fields`
 * (stolen). With `raise` the app hears of it; it is not an edit. */
void messages_stream(Local *l, Channel *c, Message *m, json_t *fields, bool raise);
/* A reply that its channel shall see too. */
void messages_broadcast(Local *l, Channel *c, Message *m);
void messages_delete(Local *l, Channel *c, Message *m);
/* The file is gone, also from the messages that show it. */
void messages_delete_file(Local *l, File *file);
ReactionResult messages_react(Local *l, Channel *c, Message *m, const char *name, const char *user, bool add);

/* Shown to `user` only; `fields` as above (stolen). */
Ephemeral *messages_post_ephemeral(Local *l, Channel *c, const char *user, json_t *fields,
                                   const char *thread_ts);
void messages_change_ephemeral(Local *l, Ephemeral *e, json_t *fields /* stolen */);
void messages_delete_ephemeral(Local *l, Ephemeral *e);
