/* What the bridge's own files share. Nothing outside this folder and its tests includes it. */
#pragma once

#include <uthash.h>

#include "integrations/opencode/bridge.h"
#include "integrations/opencode/frames.h"
#include "integrations/opencode/ledger.h"

#define COMPONENT "opencode.bridge"

/* Limits: one OpenCode process is one connection; a developer has a handful of them. */
#define CONNECTIONS_MAX  64
#define PROCESSES_MAX    256   /* remembered, connected or not */
#define DIRECTORIES_MAX  10000 /* per process; as in the contract */
#define HOMES_MAX        8192  /* ids whose process is remembered */
#define QUEUED_MAX_BYTES (8 * 1024 * 1024)

typedef enum ConnectionState {
        CONNECTION_GREETING, /* upgraded, waiting for hello */
        CONNECTION_LIVE,
        CONNECTION_CLOSING, /* given up: what still arrives is ignored */
} ConnectionState;

typedef struct BridgeConnection BridgeConnection;

/* An OpenCode process, by its bridge_id: outlives its connections. */
typedef struct BridgeProcess {
        char id[40];
        Ledger ledger;
        int64_t oldest_seq,
                oldest_since_ms; /* the first event not stored, and since when it is (loop time) */
        bool ack_due;
        BridgeConnection *connection; /* NULL while away */
        char *plugin_version, *opencode_version;
        int64_t pid, lost, since_ms; /* since_ms: real time of the last hello */
        json_t *directories;         /* a set: its keys */
        UT_hash_handle hh;
} BridgeProcess;

struct BridgeConnection {
        List link;
        Bridge *bridge;
        WsPeer *peer;
        ConnectionState state;
        BridgeProcess *process; /* NULL before hello */
        LoopTimer *timer;
        int64_t opened_ms, last_ping_ms; /* loop time */
        uint64_t rank;                   /* grows with every hello: the highest is the most recent */
        List commands;                   /* BridgeCommand, oldest first */
        unsigned n_bad;
        int64_t bad_logged_ms;
        char *from;     /* "127.0.0.1:54321" */
        json_t *offers; /* directory → the result of agents.list; NULL = none known */
};

/* Which process last spoke about a session, a permission or a question. */
typedef struct BridgeHome {
        char *id;
        BridgeProcess *process;
        UT_hash_handle hh;
} BridgeHome;

/* Milliseconds. Only tests differ from the defaults. */
typedef struct BridgeTiming {
        int64_t hello_ms;    /* from the upgrade to hello: 5 s */
        int64_t ping_ms;     /* between pings: 10 s */
        int64_t silence_ms;  /* without a byte, then dead: 25 s */
        int64_t command_ms;  /* from a command to its reply: 35 s, five more than the plugin's own deadline */
        int64_t unstored_ms; /* an event handed up and not reported durable, then it is fetched again: 30 s */
} BridgeTiming;

typedef struct BridgeMetrics {
        MetricSeries **frames; /* by type */
        MetricSeries *connected, *replayed, *missing, *lost, *refused;
        MetricSeries *bad_frame, *bad_field, *too_large, *protocol;
        MetricSeries *commands_ok, *commands_failed, *commands_unanswered;
} BridgeMetrics;

struct Bridge {
        Loop *loop;
        BridgeConfig config;
        BridgeTiming timing;
        List connections; /* in all states */
        unsigned n_connections, n_live;
        uint64_t next_rank;
        BridgeProcess *processes; /* by id, in the order of first contact */
        BridgeHome *homes;        /* by id, least recently heard of first */
        LoopTimer *ack_timer;
        int64_t refusal_logged_ms;
        unsigned n_refusals_unlogged;
        List queries; /* of offers.c */
        uint64_t n_queries;
        bool stopping;
        BridgeMetrics metrics;
};

void bridge_set_timing(Bridge *b, const BridgeTiming *timing);

/* --- commands.c: one request, one answer --- */

/* How a command ended. */
typedef struct BridgeReply {
        const json_t *frame;        /* the checked reply; NULL when there was none */
        bool sent;                  /* the command may have reached the plugin */
        const char *code, *message; /* why there was none: unavailable, timeout or invalid, and a text */
        BridgeConnection *from;     /* of a reply that came; borrowed until the callback returns */
} BridgeReply;

typedef void (*BridgeReplyFn)(void *userdata, const BridgeReply *reply);

typedef struct BridgeCommand {
        List link;
        char *request_id;
        int64_t due_ms; /* loop time */
        BridgeReplyFn done;
        void *userdata;
} BridgeCommand;

/* Whom a command is for, most telling first: the process that asked for the permission or the question, one
 * that has the directory open, the one that last spoke of the session, the one that greeted last. NULL or ""
 * = not known. */
typedef struct BridgeTarget {
        const char *pending_id, *directory, *session_id;
} BridgeTarget;

/* Sends `frame` (stolen; has type and request_id) and calls `done` exactly once, perhaps at once; never after
 * bridge_free(). A frame larger than BRIDGE_FRAME_MAX_BYTES is not sent: code "invalid". */
void bridge_command(Bridge *b, const BridgeTarget *target, json_t *frame, BridgeReplyFn done, void *userdata);
/* Sends `frame` (borrowed) to every live connection but the one that `target` means; replies are ignored. */
void bridge_command_others(Bridge *b, const BridgeTarget *target, const json_t *frame);

void bridge_commands_reply(BridgeConnection *c, const json_t *frame);
void bridge_commands_expire(BridgeConnection *c, int64_t now_ms);
void bridge_commands_fail(BridgeConnection *c, const char *message);
void bridge_commands_forget(BridgeConnection *c); /* without calling back */
/* Loop time at which the oldest command is due; INT64_MAX when there is none. */
int64_t bridge_commands_due_ms(const BridgeConnection *c);

/* --- bridge.c --- */

void bridge_connection_close(BridgeConnection *c, unsigned code, const char *reason);
/* Sets the connection's timer to whatever is due next. */
void bridge_connection_schedule(BridgeConnection *c);

/* --- offers.c: what directories offer, per connection --- */

#define OFFERS_MAX_DIRECTORIES 32
const json_t *bridge_offers_get(const BridgeConnection *c /* NULL is fine */, const char *directory);
void bridge_offers_put(BridgeConnection *c, const char *directory, const json_t *offers /* borrowed */);
void bridge_queries_free(Bridge *b);
void bridge_offers_forget(BridgeConnection *c, const char *directory /* NULL: all */);

/* --- processes.c: who is who --- */

BridgeProcess *bridge_process_find(Bridge *b, const char *id);
BridgeProcess *bridge_process_get(Bridge *b, const char *id); /* makes it; forgets the oldest absent one */
void bridge_process_greet(BridgeProcess *p, const json_t *hello, int64_t now_ms);
void bridge_process_add_directory(BridgeProcess *p, const char *directory);
void bridge_processes_free(Bridge *b);
/* Learns from an event which sessions, permissions and questions live in `p`. */
void bridge_homes_learn(Bridge *b, BridgeProcess *p, const json_t *frame);
/* The live connection that `target` means; NULL when nobody is connected. */
BridgeConnection *bridge_choose(Bridge *b, const BridgeTarget *target);
