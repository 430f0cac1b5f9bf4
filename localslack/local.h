/* All of localslack in one place: the workspace, the sockets of the app, the records and the switches. Passed
 * to the handlers; the modules below it (state, tickets, views, files, blocks, args, record) do not know it.
 */
#pragma once

#include "feed.h"
#include "files.h"
#include "record.h"
#include "state.h"
#include "tickets.h"
#include "views.h"

#define SLASH_COMMANDS_MAX 50

typedef struct Options {
        const char *listen;
        const char *bot_token, *app_token; /* NULL: any token of the right kind */
        const char *app_name;
        const char *slash_commands[SLASH_COMMANDS_MAX];
        size_t n_slash_commands;
        int64_t socket_lifetime_s; /* approximate_connection_time */
        bool quiet;
} Options;

/* What a test can change while it runs; POST /_local/switches. */
typedef struct Switches {
        double retry_scale;     /* of the waits between redeliveries, 0 s, 60 s, 300 s */
        int64_t ack_timeout_ms; /* 3000 */
        bool sticky;            /* every envelope to the oldest socket, instead of a random one */
        bool client_msg_id;     /* a repeated client_msg_id returns the first message */
        bool twins;             /* a mention raises both message and app_mention */
        bool own_messages;      /* the app sees its own posts as events */
        bool message_events;    /* message events at all: is the app subscribed? */
        bool action_payload;    /* accepts_response_payload of block_actions: reports differ */
        bool record_frames;
        char *scopes; /* "chat:write,commands": refuse the rest with missing_scope; NULL: all granted */
} Switches;

typedef struct Socketmode Socketmode;
typedef struct Delivery Delivery;
typedef struct Faults Faults;
typedef struct Bench Bench;

typedef struct Local {
        Loop *loop;
        const Options *options;
        State *state;
        Tickets *tickets;
        Views *views;
        Files *files;
        Switches switches;
        Feed *feed;
        RecordRing calls, frames, outcomes;
        Socketmode *sockets;
        Delivery *delivery;
        Faults *faults;
        Bench *bench;
} Local;

void switches_init(Switches *s);
void switches_deinit(Switches *s);

/* A request whose answer waits for something else. The client may leave meanwhile. */
typedef struct LateAnswer LateAnswer;
LateAnswer *late_answer_new(HttpRequest *req);
void late_answer_send(LateAnswer *late, unsigned status, json_t *body /* stolen */); /* frees */
/* Takes the request back to answer it in another way, and frees `late`; NULL when the client has gone. */
HttpRequest *late_answer_take(LateAnswer *late);
/* To be called from the server's on_abort. */
void late_answer_abort(HttpRequest *req);
