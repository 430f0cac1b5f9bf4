/* What a person sees: cards as Slack messages. Pure: a model in, {"text", "blocks"} out.
 *
 * Whatever comes from a model or a tool is data: it goes into rich_text or escaped text, never into mrkdwn as
 * it is, so that it can neither mention anybody nor forge a link or a button. Buttons carry an opaque
 * reference in `value`; who may click is decided at the click. */
#pragma once

#include "base/json.h"

typedef enum SessionState {
        SESSION_STARTING, /* the OpenCode session is being made */
        SESSION_WORKING,
        SESSION_WAITING,  /* for a person: `waiting_for` says what */
        SESSION_IDLE,     /* the last turn is finished; a reply goes on */
        SESSION_RETRYING, /* OpenCode retries its model */
        SESSION_OFFLINE,  /* no OpenCode is connected; work goes on when it is back */
        SESSION_STOPPING,
        SESSION_STOPPED,
        SESSION_FAILED,
} SessionState;

typedef struct SessionCard {
        const char *ref;          /* for the buttons */
        const char *title, *user; /* the user is a Slack id */
        SessionState state;
        const char *waiting_for;               /* "permission to run `npm test`", "an answer"; NULL */
        const char *error;                     /* one line for SESSION_FAILED or SESSION_RETRYING; NULL */
        const char *agent, *model, *directory; /* NULL while unknown */
        const char *open_url;                  /* of OpenCode's web UI; NULL = no button */
        const char *task;                      /* "Project 0012 · high priority"; NULL = no line */
        bool can_edit;                         /* of the task: a button */
        int64_t started_ms, now_ms;
        int64_t tokens;         /* in + out so far; 0 = unknown */
        double cost_usd;        /* 0 = unknown or free */
        unsigned n_queued;      /* prompts that wait for the current turn to end */
        const char *reasons;    /* one line: why this agent and this model; NULL */
        const char *decided_by; /* "keywords" or "learned"; NULL: nothing was decided */
        const char *chosen_by;  /* the Slack user who chose otherwise; NULL */
        const json_t *switches; /* names of other model profiles, for the menu; NULL = none */
        bool can_retry;         /* the last turn did not succeed */
} SessionCard;
/* Buttons (action_id): "session.stop" while starting, working, waiting or retrying; "session.edit";
 * "session.open" (a link). A menu "session.more" with the values "<ref>:model:<profile>" (at most 2),
 * "<ref>:model", "<ref>:agent", "<ref>:retry". */
json_t *card_session(const SessionCard *m);

typedef enum ProgressState {
        PROGRESS_WORKING,
        PROGRESS_DONE,
        PROGRESS_STOPPED,
        PROGRESS_FAILED
} ProgressState;
typedef struct ProgressCard {
        ProgressState state;
        const char *tool, *tool_title; /* what runs now: "bash", "npm test"; NULL */
        const char *thought;           /* last words of streamed text, at most 300 bytes used; NULL */
        const json_t *todos;           /* [{content, status, priority}]; NULL */
        unsigned n_tools_done, n_tools_failed;
        int64_t elapsed_ms;
        const char *error; /* one line; NULL */
} ProgressCard;
/* One calm message: a headline, the to-do list with ticks (at most 12 shown, then "and n more"), one context
 * line. When done it shrinks to one context line ("Done in 42 s · 7 tools"). */
json_t *card_progress(const ProgressCard *m);

typedef enum RequestState {
        REQUEST_OPEN,
        REQUEST_SENDING, /* somebody clicked; the answer is on its way to OpenCode */
        REQUEST_ANSWERED,
        REQUEST_CLOSED,  /* no longer needed: the turn was stopped, or the session ended */
        REQUEST_EXPIRED, /* the caller's own time limit passed; a time-out is never a denial */
} RequestState;

typedef struct PermissionCard {
        const char *ref;
        RequestState state;
        const json_t *permission;   /* {id, permission, patterns[], metadata{command?,diff?,…}, always[]} */
        const char *reply;          /* "once" | "always" | "reject" */
        const char *reason;         /* given with a denial; NULL */
        const char *answered_by;    /* a Slack user id, or NULL = in OpenCode itself */
        const char *subagent;       /* a subagent asks; NULL */
        int64_t expires_ms, now_ms; /* expires_ms 0 = never */
} PermissionCard;
/* Buttons: "permission.once" (primary), "permission.always" (with a confirm dialog that names the patterns;
 * left out when `always` is empty), "permission.deny" (danger), "permission.deny_reason". The command whole,
 * as preformatted rich text (9,000 characters, then it says how many more), a diff likewise (at most 60
 * lines, then "… n more lines"). When not open: no buttons, one line that says who answered what and where
 * ("Allowed once by <@U1>", "Denied in OpenCode"). */
json_t *card_permission(const PermissionCard *m);
/* The modal of "Deny with a reason": callback_id "permission.deny_reason", private_metadata = ref, one input,
 * block_id "reason", action_id "text". */
json_t *card_permission_reason_view(const char *ref);

typedef struct QuestionCard {
        const char *ref;
        RequestState state;
        const json_t *questions; /* [{question, header, options[{label, description}], multiple, custom}] */
        const json_t *answers;   /* [[…], …] when answered */
        const char *answered_by;
        const char *error; /* shown under an open card: "Please answer question 2."; NULL */
        int64_t expires_ms, now_ms;
} QuestionCard;
/* One question, single choice, at most 5 options: a button each ("question.pick", value "<ref>:0:<option
 * index>", the recommended one — label ends in "(Recommended)" or else none — primary), in a block of its own
 * with the description below it; with `custom` a text input block (block_id "q0_text", action_id "text") and
 * "question.submit".
 * Everything else: per question a header line, radio_buttons or checkboxes (> 10 options: static_select or
 * multi_static_select) as input block, block_id "q<i>", action_id "choice", option value "<option index>";
 * with `custom` an optional text input "q<i>_text"; one primary button "question.submit" (value = ref) for
 * all. Always a "question.reject" button, "Skip". Options that do not fit into Slack's 75 characters are cut
 * with …; the full text then stands above. Beyond 12 questions or the characters of a message, a line says
 * how many more are in OpenCode. */
json_t *card_question(const QuestionCard *m);
/* Reads the answers out of a block_actions payload's state.values (for "question.submit"), or NULL with
 * *ret_error (owned) naming the question that still wants one: [[label, …, free text], …]; a choice and a
 * free text both count. A question without options and without text, when others are answered, counts as
 * unanswered: [], and so does one that the card did not show. At least one answer in all is needed. */
json_t *card_question_read(const json_t *questions, const json_t *state_values, char **ret_error);

/* Lists of sessions: cards-list.h. */
json_t *card_help(const char *command /* "/opencode" */, bool in_thread);
/* Plain data, inert; `backticks` set as code; with an optional leading emoji name (":warning:"). */
json_t *card_notice(const char *emoji, const char *text);
/* The same with a mention of that Slack user (NULL = none) at the end: "Already answered by @Ann". */
json_t *card_notice_by(const char *emoji, const char *text, const char *user);
const char *session_state_name(SessionState s); /* "working", stored */
bool session_state_from_name(const char *name, SessionState *ret);
/* "42 s", "3 min", "2 h 5 min", "4 days". */
char *card_duration(int64_t ms);
