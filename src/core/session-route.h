/* Who works on a session and with which model: what was decided, what a person chose instead, and what of it
 * OpenCode offers.
 *
 * In the session's data: routing: {decision?: {agent, model, reasons, by, …}, override?: {agent?, model?,
 * user, at_ms}} (both may be absent), agent: {wanted, way, name, fallback, told_n, told_id, guess_n} |
 * absent, which is what the wanted agent turned out to be (core/agents.h); told_n: the prompt that told
 * OpenCode of it, guess_n: the one for which nobody said what is offered. defaults.model and defaults.agent
 * count where nothing was decided. */
#pragma once

#include "flow/flow.h"

const char *session_model(
        const json_t *data); /* "provider/model" of the next prompt; NULL: OpenCode's choice */
const char *session_wanted_agent(
        const json_t *data); /* a role or a name; NULL: defaults.agent or OpenCode's choice */
/* For the card. Owned; NULL while unknown. */
char *session_agent_label(const json_t *data);
char *session_model_label(const json_t *data);

/* Puts agent, model, command and instruction of the turn's prompt into the arguments of
 * opencode.session_message. False: what OpenCode offers has to be known first, and has been asked for, with
 * the turn's tag; its result goes to session_take_offers(). */
bool session_put_route(Flow *f, json_t *args);
void session_take_offers(Flow *f, const FlowEvent *ev);

/* What somebody chose; counts from the next prompt on. `what`: "agent" or "model". */
void session_override(Flow *f, const char *what, const char *value, const char *user);
