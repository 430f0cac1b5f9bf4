/* The workspace: users, channels, messages, reactions, ephemeral messages. No I/O and no clock of its own, so
 * that its rules can be tested by the table.
 *
 * A message's `body` is the JSON object that Slack shows to clients, as far as it is the message's own; what
 * follows from others (reply_count, latest_reply …) is added when it is rendered. Everything is bounded: at
 * a limit the oldest goes, and what refers to it stays valid. */
#pragma once

#include "base/json.h"

#define STATE_TS_SIZE            18 /* "1700000000.000100" and the NUL */
#define STATE_USERS_MAX          1000
#define STATE_CHANNELS_MAX       1000
#define STATE_MESSAGES_MAX       50000 /* per channel */
#define STATE_EPHEMERALS_MAX     2000
#define STATE_CLIENT_MSG_IDS_MAX 50000
#define STATE_AWAKE              64  /* messages of a channel whose bodies are not frozen */
#define STATE_REACTIONS_MAX      50  /* different emoji on one message */
#define STATE_PINS_MAX           100 /* per channel */
#define STATE_BOOKMARKS_MAX      100 /* per channel */
#define STATE_NAMES_KEPT         20  /* of a channel's earlier names */
#define STATE_REVOKED_MAX        1000
#define STATE_TOPIC_MAX          250 /* characters of a topic or purpose */

#define TEAM_ID  "T0LOCAL"
#define APP_ID   "A0LOCAL"
#define BOT_ID   "B0BOT"
#define BOT_USER "U0BOT"
#define SLACKBOT "USLACKBOT"

typedef struct User {
        char *id, *name, *real_name;
        char *email; /* NULL for bots */
        char *title; /* of the profile; may be NULL */
        bool is_bot, is_away, is_deleted;
} User;

typedef struct Message {
        char ts[STATE_TS_SIZE];
        struct Message *parent;   /* NULL for a message of the channel itself */
        struct Message **replies; /* oldest first */
        size_t n_replies, size_replies;
        json_t *kept_body; /* private, as is `frozen`: see message_body() */
        char *frozen;
} Message;

typedef enum ChannelKind { CHANNEL_PUBLIC, CHANNEL_PRIVATE, CHANNEL_IM, CHANNEL_MPIM } ChannelKind;

/* A topic or a purpose. */
typedef struct ChannelNote {
        char *value, *creator; /* NULL: never set */
        int64_t set_s;
} ChannelNote;

typedef struct Channel {
        char *id, *name, *creator;
        ChannelKind kind;
        bool is_archived, is_closed; /* is_closed: a direct message that the app has put away */
        ChannelNote topic, purpose;
        json_t *previous_names; /* texts, newest first */
        json_t *pins;           /* {"ts", "user", "created"}, oldest first */
        json_t *bookmarks;      /* as Slack shows them, oldest first */
        json_t *last_read;      /* user → ts */
        char **members;
        size_t n_members;
        Message **messages; /* by ts, replies included */
        size_t n_messages, size_messages;
        size_t n_swept; /* where the next look for messages to freeze begins */
        int64_t created_s;
} Channel;

/* Shown to one person; not part of the history, reachable through a response_url only. */
typedef struct Ephemeral {
        char ts[STATE_TS_SIZE];
        char *user, *channel;
        json_t *body;
} Ephemeral;

typedef struct State {
        int64_t (*clock_ms)(void); /* since the epoch */
        int64_t last_ts_us;
        uint64_t last_id;
        User *users[STATE_USERS_MAX];
        size_t n_users;
        Channel *channels[STATE_CHANNELS_MAX];
        size_t n_channels;
        Ephemeral *ephemerals[STATE_EPHEMERALS_MAX]; /* oldest first */
        size_t n_ephemerals;
        json_t *client_msg_ids; /* id → {"channel", "ts"}, oldest first */
        json_t *revoked;        /* digests of tokens → true, oldest first */
        char *app_name;
} State;

/* Seeds Ann, Bob, the app's bot, #general and #coding, with everybody inside. */
State *state_new(const char *app_name, int64_t (*clock_ms)(void));
void state_free(State *s);
DEFINE_CLEANUP(State *, state_free);

/* The next timestamp: unique and growing over the whole workspace (Slack: per channel). */
void state_next_ts(State *s, char ret[STATE_TS_SIZE]);
bool state_ts_valid(const char *ts); /* "<10 digits>.<6 digits>" */
/* An identifier of Slack's look: prefix, then nine characters of 0-9A-Z. */
char *state_new_id(State *s, char prefix);

User *state_find_user(const State *s, const char *id_or_name);
/* NULL when the workspace is full or `id` is taken. `id` may be NULL. */
User *state_add_user(State *s, const char *id, const char *name, const char *real_name, bool is_bot);

Channel *state_find_channel(const State *s, const char *id_or_name /* "#name" too */);
Channel *state_add_channel(State *s, const char *id, const char *name, ChannelKind kind);
/* The direct-message channel of exactly these people (at least two ids); made when `create`. */
Channel *state_open_direct(State *s, const char *const *users, size_t n_users, bool create,
                           bool *ret_was_open);
bool channel_has_member(const Channel *c, const char *user);
void channel_add_member(Channel *c, const char *user);    /* at most STATE_USERS_MAX, no doubles */
bool channel_remove_member(Channel *c, const char *user); /* false: was not in it */
const char *channel_type_name(const Channel *c);          /* "channel", "group", "im", "mpim" */
bool channel_is_direct(const Channel *c);

/* The new name is free, says the caller; the old one is remembered. */
void channel_rename(Channel *c, const char *name);
void channel_note_set(ChannelNote *note, const char *value, const char *user, int64_t now_s);

/* Pins name messages by ts. False: it is (not) pinned already, or there are STATE_PINS_MAX. */
size_t channel_find_pin(const Channel *c, const char *ts); /* SIZE_MAX: not pinned */
bool channel_add_pin(Channel *c, const char *ts, const char *user, int64_t now_s);
bool channel_remove_pin(Channel *c, const char *ts);
/* Borrowed; NULL: there is none with this id. `ret_index` may be NULL. */
json_t *channel_find_bookmark(const Channel *c, const char *id, size_t *ret_index);

/* Only digests of revoked tokens are kept. */
void state_revoke_token(State *s, const char *token);
bool state_token_revoked(const State *s, const char *token);

/* Appends `body` (stolen) with a new ts; `parent` makes it a reply. Sets ts, thread_ts and parent_user_id. */
Message *state_add_message(State *s, Channel *c, json_t *body, Message *parent);
/* The same for a message that was saved: it keeps its ts, which must be newer than the channel's newest.
 * NULL: it is not. `body` is stolen in both cases. */
Message *state_restore_message(Channel *c, json_t *body, Message *parent);
Message *channel_find_message(const Channel *c, const char *ts);
/* Index of the first message with a ts not below `ts`. */
size_t channel_lower_bound(const Channel *c, const char *ts);
/* Removes a message; a parent with replies stays as a tombstone, as in Slack. */
void state_remove_message(State *s, Channel *c, Message *m);
bool message_is_tombstone(const Message *m);
/* What the message says, to be read and changed. Messages behind the newest STATE_AWAKE of a channel are kept
 * as JSON text, a fifth of the size, until somebody looks; some later post puts them back. Borrowed until the
 * next message is added to the channel. */
json_t *message_body(const Message *m);
/* A copy for the outside. Without `with_metadata`, of the metadata only event_type shows (reference §4.4). */
json_t *message_render(const Message *m, bool with_metadata);

typedef enum ReactionResult {
        REACTION_OK,
        REACTION_E_ALREADY,
        REACTION_E_NONE,
        REACTION_E_TOO_MANY
} ReactionResult;
ReactionResult message_add_reaction(Message *m, const char *name, const char *user);
ReactionResult message_remove_reaction(Message *m, const char *name, const char *user);

Ephemeral *state_add_ephemeral(State *s, const char *channel, const char *user, json_t *body /* stolen */);
Ephemeral *state_find_ephemeral(const State *s, const char *channel, const char *ts);
void state_remove_ephemeral(State *s, Ephemeral *e);

/* client_msg_id: what was posted under it before; false when it is new. */
bool state_find_client_msg_id(const State *s, const char *id, const char **ret_channel, const char **ret_ts);
void state_note_client_msg_id(State *s, const char *id, const char *channel, const char *ts);

/* All of it as JSON (new), and back: what `s` holds is replaced, its clock stays. False: that is not what
 * state_save() gave, and `s` is as it was. */
json_t *state_save(const State *s);
bool state_load(State *s, const json_t *saved);
