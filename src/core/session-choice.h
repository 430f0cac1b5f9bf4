/* Another agent, another model: chosen in words, on the session's card, or by a command from outside the
 * thread. What can be chosen is asked for each time (profiles and their state from the gateway, agents from
 * OpenCode); what was chosen counts from the next prompt on, and everybody in the thread is told. */
#pragma once

#include "flow/flow.h"

/* `what`: "model" or "agent"; `name`: what was asked for, "" = show the choices to `ev`'s user. */
void session_choice_begin(Flow *f, const char *what, const char *name, const FlowEvent *ev);
/* Clicks on the card's menu and on the choices, `session.choose`, and the results of what was asked for them.
 * FLOW_IGNORE: none of these. */
FlowVerdict session_take_choice_event(Flow *f, const FlowEvent *ev);
/* The menu's "Send the last prompt again". */
bool session_choice_is_retry(const FlowEvent *ev);
/* What OpenCode offers, asked for by a turn and not by a person. */
bool session_choice_is_offers_of_turn(const FlowEvent *ev);
