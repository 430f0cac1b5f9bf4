/* A session's task: what the form said of it (core/start-form.h), and what may still be changed.
 *
 * In the session's data: task: {title, description, category, project: {id, title}, repositories, priority,
 * agent, model, notify} | absent, routing: {decision, override?} | absent, form: the ref of the flow that
 * asked for the session and hears what became of it | absent. */
#pragma once

#include "flow/flow.h"

/* Takes over what `slack.start` brought of it. True when the task names the session. */
bool session_task_begin(Flow *f, const FlowEvent *ev);
/* Tells the form that the thread is there, or (`why`: for people) that there will be none. False when no form
 * asked for the session: whoever wants to be told has to be told otherwise. */
bool session_tell_form(Flow *f, const char *why);
/* A click on Edit, and what was sent from the form then opened (`session.edited`). FLOW_IGNORE: neither. */
FlowVerdict session_take_task_event(Flow *f, const FlowEvent *ev);
/* Until its first turn is over. */
bool session_can_edit(const json_t *data);
