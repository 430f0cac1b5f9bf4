/* What a test or a person can change while localslack runs (POST /_local/switches, --switch NAME=VALUE): how
 * much of Slack is played, and every behaviour of Slack that is not known (reference §10.1). One table says
 * their names, defaults and why; the README's list is checked against it. Pure. */
#pragma once

#include "base/json.h"

/* The order is that of the names in the table of switches.c. */
typedef enum StreamBucket { STREAM_BUCKET_WORKSPACE, STREAM_BUCKET_MESSAGE } StreamBucket;
typedef enum PongMode { PONGS_ALL, PONGS_ONCE, PONGS_NONE } PongMode;
typedef enum TokenState { TOKENS_VALID, TOKENS_INACTIVE, TOKENS_REVOKED, TOKENS_EXPIRED } TokenState;
typedef enum DeletedParent {
        DELETED_PARENT_REPLY,
        DELETED_PARENT_UNTHREAD,
        DELETED_PARENT_REFUSE
} DeletedParent;
typedef enum StreamLife { STREAM_LIFE_TOTAL, STREAM_LIFE_IDLE } StreamLife;

typedef struct Switches {
        double retry_scale;              /* of the waits between redeliveries, 0 s, 60 s, 300 s */
        int64_t ack_timeout_ms;          /* 3000 */
        bool sticky;                     /* every envelope to the oldest socket, instead of a random one */
        bool client_msg_id;              /* a repeated client_msg_id returns the first message */
        int64_t client_msg_id_window_ms; /* for so long; 0 = for ever */
        bool twins;                      /* a mention raises both message and app_mention */
        bool own_messages;               /* the app sees its own posts as events */
        bool message_events;             /* message events at all: is the app subscribed? */
        bool action_payload;             /* accepts_response_payload of block_actions: reports differ */
        bool record_frames;
        char *scopes;      /* "chat:write,commands": refuse the rest with missing_scope; NULL: all granted */
        bool sibling_acks; /* an acknowledgement counts on any socket of the app */
        bool gap_redelivery;          /* what was raised while no socket was up comes later */
        int64_t trigger_life_ms;      /* of a trigger_id */
        int64_t response_url_life_ms; /* of a response_url */
        int64_t ticket_life_ms;       /* of the address that apps.connections.open gives */
        int64_t ping_period_ms;       /* of our pings */
        int64_t idle_kill_ms;         /* a socket from which no byte came for so long is cut; 0 = never */
        int64_t ghost_ms;        /* a socket that broke without a close frame stays registered for so long */
        double lifetime_scale;   /* of approximate_connection_time, and of the 360 s of debug_reconnects */
        PongMode pongs;          /* do we answer pings? */
        int64_t thread_limit;    /* replies that a thread takes; 0 = no limit */
        char *thread_full_error; /* what chat.postMessage says beyond it */
        int64_t events_per_hour; /* above it, one app_rate_limited a minute instead; 0 = no limit */
        bool rate_limits;        /* the tiers of the Web API */
        bool history_limited;    /* conversations.history and replies: 1 call a minute, 15 messages */
        TokenState token_state;  /* of every token: account_inactive and so on */
        bool alert_in_messages;  /* alert blocks are taken in messages too */
        bool home_tab;           /* the app has a Home tab */
        StreamBucket stream_bucket;   /* whose appends share a bucket */
        double rate_scale;            /* of their minutes: 0.01 makes a minute 600 ms */
        int64_t http_disable_percent; /* failed HTTP deliveries of an hour that end the subscription; 0 = none
                                       */
        DeletedParent deleted_parent; /* what becomes of a reply to a message that was deleted */
        int64_t stream_life_ms;       /* of a streamed message */
        StreamLife stream_life;       /* counted from its start, or from the last append */
        int64_t status_life_ms;       /* of an assistant's status */
        bool agent;                   /* the app is declared an agent */
        bool file_events;             /* it is subscribed to file_shared and file_deleted */
        bool code_channels;           /* the workspace takes part in code channels */
        bool stop_events;             /* it is subscribed to agent_session_stopped */
} Switches;

typedef enum SwitchType { SWITCH_BOOL, SWITCH_INT, SWITCH_REAL, SWITCH_TEXT, SWITCH_CHOICE } SwitchType;

typedef struct SwitchRow {
        const char *name;
        SwitchType type;
        size_t offset;     /* in Switches: bool, int64_t, double, owned char * or an enum */
        double fallback;   /* of the types that are not a text; of a choice its place */
        double min, max;   /* of SWITCH_INT and SWITCH_REAL */
        const char *texts; /* SWITCH_TEXT: the default, or NULL; SWITCH_CHOICE: "first|second|…" */
        const char *why;   /* what it does, and why this is the default */
} SwitchRow;

extern const SwitchRow switch_rows[];
extern const size_t n_switch_rows;

void switches_init(Switches *s);
void switches_deinit(Switches *s);
/* Sets one switch. NULL, or what is wrong (owned). A JSON null gives a text back its default. */
char *switches_set(Switches *s, const char *name, const json_t *value);
/* The same from "NAME=VALUE", as the command line and scenarios have it. */
char *switches_set_text(Switches *s, const char *assignment);
/* All members of an object; at the first that is wrong it stops. Members named "ok" are ignored, so that an
 * answer can be sent back. */
char *switches_apply(Switches *s, const json_t *in);
/* {"retry_scale": 1, …} */
json_t *switches_render(const Switches *s);
/* [{"name", "type", "value", "default", "choices"?, "why"}] */
json_t *switches_describe(const Switches *s);
