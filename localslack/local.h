/* All of localslack in one place: the workspace, the sockets of the app, the records and the switches. Passed
 * to the handlers; the modules below it (state, tickets, views, files, blocks, args, record) do not know it.
 */
#pragma once

#include "canvas.h"
#include "feed.h"
#include "files.h"
#include "options.h"
#include "rate.h"
#include "record.h"
#include "state.h"
#include "switches.h"
#include "tickets.h"
#include "views.h"

typedef struct Socketmode Socketmode;
typedef struct Delivery Delivery;
typedef struct Faults Faults;
typedef struct Bench Bench;
typedef struct HttpDelivery HttpDelivery;
typedef struct Streams Streams;
typedef struct Agents Agents;
typedef struct CodeChannels CodeChannels;
typedef struct Schedule Schedule;

/* Something that waits for a timer with a request in its hands. Member of a struct of its own; `drop` frees
 * that without an answer: the program ends. */
typedef struct LocalWait {
        List link;
        void (*drop)(struct LocalWait *wait);
} LocalWait;

typedef struct Local {
        Loop *loop;
        List waits;
        const Options *options;
        State *state;
        Tickets *tickets;
        Views *views;
        Files *files;
        Switches switches;
        Feed *feed;
        RecordRing calls, frames, outcomes, problems;
        Socketmode *sockets;
        Delivery *delivery;
        Faults *faults;
        Rate *rate;
        Bench *bench;
        HttpDelivery *http;
        Streams *streams;
        Agents *agents;
        CodeChannels *code_channels;
        Schedule *schedule;
        Canvases *canvases;
        struct Scenario *scenario;
        char *base_url; /* "http://127.0.0.1:3000"; NULL until the server listens */
        uint64_t rng;   /* of everything that a scenario's seed shall repeat */
} Local;

/* `options` must live as long as `l`. */
void local_init(Local *l, Loop *loop, const Options *options);
void local_deinit(Local *l);
/* The switches as they were at the start: the defaults, and what the command line says. */
void local_reset_switches(Local *l);
/* Tells those who keep a copy of a switch. */
void local_apply_switches(Local *l);
/* A new, seeded workspace in the place of the old one; sockets, switches and the numbers of the records
 * stay. */
void local_reset_workspace(Local *l);

/* Drops all that wait, before the server goes. */
void local_drop_waits(Local *l);
/* The next of the numbers that `rng` begins. */
uint64_t local_random(Local *l);
/* What went over a wire, into the record: direction "out", "in", "http_out" …, `id` of the socket. */
void local_record_frame(Local *l, const char *direction, int64_t id, const char *text, size_t n_bytes);

/* A request whose answer waits for something else. The client may leave meanwhile; a NULL request has none.
 */
typedef struct LateAnswer LateAnswer;
LateAnswer *late_answer_new(HttpRequest *req);
void late_answer_send(LateAnswer *late, unsigned status, json_t *body /* stolen */); /* frees */
/* Takes the request back to answer it in another way, and frees `late`; NULL when the client has gone. */
HttpRequest *late_answer_take(LateAnswer *late);
/* Frees `late` without an answer. */
void late_answer_drop(LateAnswer *late);
/* Has the client gone? */
bool late_answer_is_abandoned(const LateAnswer *late);
/* To be called from the server's on_abort. */
void late_answer_abort(HttpRequest *req);
