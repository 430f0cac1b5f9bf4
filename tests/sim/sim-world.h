/* What the parts of the world know of each other: Slack, OpenCode, people, and the process between them. */
#pragma once

#include "connectors/slack/socket.h"
#include "sim.h"

#define BOT_USER    "UBOT"
#define DIRECTORY   "/srv/proj"
#define STRANGER    9
#define ANSWERS_MAX 8
#define N_CHANNELS  3 /* C0, C1, and D2: direct messages */

/* ---- Slack: sim-slack.c ---- */

typedef enum Mark { MARK_EYES = 1, MARK_DONE = 2, MARK_STOPPED = 4, MARK_WARNING = 8 } Mark;

typedef struct Button {
        char action_id[40], value[48];
} Button;

typedef struct SlackMessage {
        char ts[24], thread_ts[24]; /* thread_ts "" = top level */
        char edited_ts[24];
        unsigned channel;
        int user;   /* -1 = ours */
        int action; /* of a person's message */
        int session;
        char *text, *oid, *client_msg_id;
        bool deleted;
        unsigned marks; /* reactions of ours */
        int64_t at_ms;
        Button *buttons; /* of the present content */
        size_t n_buttons;
        int request;              /* whose card it is, or -1 */
        int answers[ANSWERS_MAX]; /* the actions that it answers */
        size_t n_answers;
        bool was_seen;
        UT_hash_handle hh;
} SlackMessage;

/* What only one person sees. */
typedef struct Whisper {
        unsigned channel;
        int user, session;
        int64_t at_ms;
        bool arrived; /* false: Slack did not take it (yet) */
        char *text;
} Whisper;

/* One gesture on a card, or one form sent. */
typedef struct Click {
        unsigned user;
        int request; /* -1: the Stop button */
        char action_id[40];
        char reply[32]; /* what it would answer: once, always, reject, a label */
        int64_t at_ms;
        bool was_acknowledged;
        unsigned n_responses, n_responses_failed;
} Click;

typedef struct Thread {
        unsigned channel;
        char ts[24]; /* "" = not there yet */
        char card_ts[24];
        int64_t last_drop_ms; /* "… queued messages were not sent" */
        bool lost_session;    /* deleted in OpenCode */
} Thread;

typedef struct SlackWorld {
        SlackMessage **messages;
        size_t n_messages, size_messages;
        SlackMessage *by_ts;
        Whisper *whispers;
        size_t n_whispers, size_whispers;
        Click *clicks;
        size_t n_clicks, size_clicks;
        Thread *threads; /* by session ordinal */
        unsigned n_open_envelopes, n_envelopes;
        unsigned n_calls; /* under way */
        uint64_t last_ts;
} SlackWorld;
extern SlackWorld slack;

void slack_init(void);
void slack_deinit(void);
SlackMessage *slack_message_at(const char *ts);
SlackMessage *slack_card_of(int request); /* NULL */
/* What is deleted before anybody has replied to it leaves nothing that could be seen, or replied to. */
bool slack_is_shown(const SlackMessage *m);
/* A person writes; the envelopes go out. Returns the message. */
SlackMessage *slack_write(int action, unsigned user, unsigned channel, const char *thread_ts,
                          const char *text, bool mention);
void slack_edit(SlackMessage *m, const char *text);
void slack_delete(SlackMessage *m);
void slack_command(int action, unsigned user, unsigned channel, const char *text);
void slack_click(unsigned user, SlackMessage *m, const Button *b, const char *reply, const char *values);
/* Slack's part of the process's life. */
void slack_process_down(void);
/* The gateway's web client: a new one for each life of the process. */
void slack_web_start(void);
void slack_web_stop(void);
void slack_whisper(unsigned channel, int user, int session, bool arrived, const json_t *message);
int session_of_thread(unsigned channel, const char *thread_ts);
/* Calls `fn` with each string of a message. */
void json_each_string(const json_t *value, void (*fn)(void *userdata, const char *text), void *userdata);

/* sim-envelope.c: from Slack to the process, and back the acknowledgement. */
typedef enum ResponseOwner { RESPONSE_ACTION, RESPONSE_CLICK } ResponseOwner;
void envelope_send(SlackEnvelopeType type, char *payload /* stolen */, int action, int click);
void envelope_acknowledged(const char *id);
void envelopes_deinit(void);
char *response_url_new(ResponseOwner owner, int index);
bool response_url_use(const char *url, ResponseOwner *ret_owner, int *ret_index, bool count);

/* ---- OpenCode: sim-opencode.c ---- */

typedef struct OcMessage {
        char id[48];
        bool is_user;
        char *text, *gateway_key;
        int64_t created_ms, completed_ms; /* 0 = not */
        const char *finish, *error_name;
        bool tool_failed;
        int action; /* of a user's message: the prompt */
        bool was_answered;
} OcMessage;

typedef enum RequestState_ { OC_PENDING, OC_ANSWERED, OC_REJECTED_STALE, OC_GONE } OcRequestState;

typedef struct OcRequest {
        char id[24];
        bool is_question, is_form, by_subagent;
        char react; /* the digit of the script */
        int session;
        unsigned run;
        int64_t asked_ms, settled_ms;
        OcRequestState state;
        bool is_live;      /* its run waits for it */
        bool from_gateway; /* who answered */
        char reply[64];    /* once, always, reject; labels joined by "," */
        bool is_moot;      /* answered too late, or lost with its run: nobody can say what counted */
        bool was_told;     /* the plugin has told its end */
        bool card_deleted; /* by a moderator: nobody can be blamed for its absence */
        unsigned n_sweeps; /* how often somebody looked for it in vain */
} OcRequest;

typedef struct OcSession {
        char id[24];
        char *key;
        int thread; /* session ordinal */
        OcMessage *messages;
        size_t n_messages, size_messages;
        bool deleted, is_busy, is_retrying, told_busy;
        unsigned run;
        int script_action; /* the prompt whose script runs */
        size_t script_at;
        int current; /* index of the assistant's message at work; -1 */
        int request; /* it waits for; -1 */
        SimEvent *next;
} OcSession;

typedef struct OcWorld {
        OcSession **sessions;
        size_t n_sessions;
        OcRequest *requests;
        size_t n_requests, size_requests;
        bool is_up;
        unsigned life;
        unsigned n_commands; /* in flight */
} OcWorld;
extern OcWorld oc;

void opencode_init(void);
void opencode_deinit(void);
void opencode_kill(int64_t down_ms /* 0 = some seconds */); /* and restart, later */
OcSession *opencode_session_of_thread(int thread);          /* the newest that is not deleted; NULL */
void opencode_user_prompt(OcSession *s, int action);
void opencode_user_abort(OcSession *s);
void opencode_user_delete(OcSession *s);
/* False: 404, somebody was faster. `from_gateway` decides what the card has to say. */
bool opencode_answer(OcRequest *r, const char *reply, bool has_message, bool from_gateway);

/* sim-bridge.c: the plugin's connection and what runs over it. */
void bridge_world_init(void);
void bridge_world_deinit(void);
void bridge_emit(const char *type, const char *session_id, const char *root_id, const char *format, ...)
        PRINTF_LIKE(4, 5); /* durable; the format gives further members, with a comma before each, ' for " */
void bridge_emit_volatile(const char *type, const char *session_id, const char *format, ...)
        PRINTF_LIKE(3, 4);
void bridge_cut(void);
void bridge_opencode_down(void); /* the plugin's memory is gone */
void bridge_opencode_up(void);
void bridge_process_down(void);
void bridge_process_up(void);
void bridge_say_reconcile(void);
bool bridge_is_settled(void);
/* opencode.c answers commands: an owned result object, or NULL with the error's code. */
json_t *opencode_perform(const json_t *command, const char **ret_code);
/* Whether a session.message has to be stored first: the session, or NULL when it can be answered at once. */
bool opencode_store_prompt(const json_t *command);
void opencode_reconcile_part(Buf *out); /* the "directories" array of a reconcile event */

/* ---- people: sim-people.c ---- */
void people_init(void);
void people_see_card(SlackMessage *m);
void people_see_offer(SlackMessage *m);
void people_see_request(int request); /* in OpenCode's own UI */
void people_see_form(unsigned user, int click, const char *ref);
void people_sweep(void); /* answers what nobody has answered */

/* ---- the gateway's process: sim-gateway.c ---- */
typedef struct SimDisk SimDisk;
void process_init(void);
void process_deinit(void);
void process_kill(int64_t down_ms);
bool process_is_up(void);
bool process_is_connected(void); /* to Slack */
bool process_is_idle(void);      /* nothing under way in it but timers */
SimDisk *process_disk(void);
void process_sockets(bool up);
void process_take_envelope(const char *id, SlackEnvelopeType type, const char *payload);
void process_take_frame(const char *bridge_id, const json_t *frame);
void process_bridge_connected(const char *bridge_id, bool connected);
void process_take_reply(const json_t *frame);
void process_fail_commands(void);
void process_check_metrics(void);
void *process_loop(void);

/* ---- sim-check.c ---- */
void check_world(void);
bool check_is_quiet(char *why, size_t size); /* everything has come to its end */
void check_end(void);
