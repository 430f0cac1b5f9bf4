/* One turn of a session: from the prompt to what is said of it. */
#pragma once

#include "core/cards.h"
#include "core/reading.h"
#include "flow/flow.h"

/* The next prompt of the queue, or a turn that somebody began in OpenCode's own UI. Borrowed. */
json_t *session_turn_begin(Flow *f);
/* What was read becomes the session's: the last message seen, agent, model, tokens, cost. */
void session_turn_remember(Flow *f, const json_t *messages, const TurnReading *reading);
/* The texts of `reading`, one Slack message or several each; `is_over`: the turn's own answer, too. */
void session_post_answers(Flow *f, const TurnReading *reading, bool is_over);
/* Why the answer is an error, or NULL; to have been stopped is none for whoever stopped. Borrowed. */
const char *session_turn_error(const TurnReading *reading, bool stopped);
/* `oc.session.error`: an error that leaves no message behind (an unknown model, no credentials) is told only
 * once, here. */
void session_turn_note_error(Flow *f, const FlowEvent *ev);
/* The turn is over: its answer, the last state of its progress message, a mark on the person's message. */
void session_turn_end(Flow *f, ProgressState outcome, const char *error, const TurnReading *reading);
