/* What a session asks of OpenCode. */
#pragma once

#include "flow/flow.h"

#define SESSION_OFFLINE_AFTER_MS (10 * 1000) /* so long nobody takes what was asked: timer "offline" */
#define SESSION_LOOK_ANYWAY_MS   (60 * 1000) /* no event came meanwhile: timer "look" */
#define SESSION_MESSAGES_PAGE    200         /* so many messages are looked at together */

void session_ask_create(Flow *f);
/* The turn's prompt. The agent is told who speaks: a name that is not known yet is asked for first
 * (SLACK_USER), its result goes to session_take_name() and session_send_prompt(). Sets the timer "offline".
 */
void session_ask_prompt(Flow *f);
void session_take_name(Flow *f, const FlowEvent *ev);
/* What OpenCode offers is asked for, too, where a role was wanted whose form is not known yet
 * (OPENCODE_AGENTS_LIST): its result goes to session_take_offers() and here again. */
void session_send_prompt(Flow *f);
/* The session's messages since the turn before. Moves the timer "look". */
void session_look(Flow *f);
void session_ask_abort(Flow *f);

/* A prompt that was typed in OpenCode, shown in the thread; ours are not. */
void session_say_foreign(Flow *f, const json_t *message);
/* The look that follows may find what nobody told of; session_say_unheard() takes its result, and shows the
 * prompts in it that have not been shown. */
void session_expect_unheard(Flow *f);
void session_say_unheard(Flow *f, const FlowEvent *ev);

char *session_turn_tag(Flow *f); /* of what is asked for the current turn. Owned. */
/* What is asked for one turn (name, prompt, messages) may be answered in the next: is this such a result? */
bool session_is_of_other_turn(Flow *f, const FlowEvent *ev);
