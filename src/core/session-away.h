/* What a session does about messages that came while Slack could not be heard (core/catchup.h), or before it
 * could be found. */
#pragma once

#include "flow/flow.h"

/* A message was taken. One of the history is counted for the line that slack.caught_up brings; one that was
 * heard in doubt lets the thread be read before the next prompt. */
void session_away_note(Flow *f, const FlowEvent *ev);
/* Before a prompt goes to OpenCode. True: the thread is read first, for two seconds at most; session_looked()
 * tells of the end, after which it is said what was said first. */
bool session_look_first(Flow *f);
bool session_looked(Flow *f, const FlowEvent *ev);
/* The session can be found under a new address from now on: asks whether something was said there before,
 * which is then read. `what`: MISSED_THREAD or MISSED_OPENCODE. */
#define MISSED_THREAD   "thread"
#define MISSED_OPENCODE "opencode"
void session_ask_missed(Flow *f, const char *what, const char *address);
/* Whatever was said in the thread behind `ts` is read, now. */
void session_read_behind(Flow *f, const char *ts);
/* slack.withheld, slack.stale, slack.deleted, slack.caught_up, and the answers to session_ask_missed().
 * FLOW_IGNORE: the event is not such. */
FlowVerdict session_take_away_event(Flow *f, const FlowEvent *ev);
