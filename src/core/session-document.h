/* What of a session is kept in the state repository: enough for a person to read what became of it, and for
 * a gateway whose journal is gone to go on with it (docs/session-state.md).
 *
 * Written whenever something in it has changed, committed at milestones; both only where a state repository
 * is configured (defaults.state in the session's data). */
#pragma once

#include "flow/flow.h"

/* The document, without the fields that state.write adds. Owned. */
json_t *session_document(Flow *f);
/* Asks for it to be written, if it is not what was written last. */
void session_keep(Flow *f);
/* A milestone: "session_created", "question_answered", "session_ended". */
void session_keep_milestone(Flow *f, const char *milestone);
/* `request.closed` of a question that was answered: {questions: [text], answers, by}. */
void session_keep_answer(Flow *f, const FlowEvent *ev);
/* The end of such an ask: somebody else's hand in the repository is told in the thread. */
bool session_take_kept(Flow *f, const FlowEvent *ev);

/* `session.restored` {document, defaults}: a session whose journal was lost becomes what its document says.
 * False: the document does not name what a session cannot do without. */
bool session_restore(Flow *f, const FlowEvent *ev);
/* What this session's prompts and sessions in OpenCode are keyed by: its reference, and after it was
 * restored, the one that it had, so that what was sent before is not sent again. Borrowed. */
const char *session_key(Flow *f);
