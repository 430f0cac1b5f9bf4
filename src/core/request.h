/* What permissions and questions have in common: a card in the thread, answered once, from anywhere. */
#pragma once

#include "core/cards.h"
#include "core/posted.h"

#define SLOT_REQUEST    "card"
#define REQUEST_TOLD_MS (10 * 1000) /* so long OpenCode may take to tell who answered: timer "told" */
#define REQUEST_KEPT_MS (30LL * 24 * 3600 * 1000) /* a click on an old card still gets an answer so long */

/* Copies what `request.asked` brought ({session, channel, thread_ts, directory, …}) into the flow's data. */
void request_begin(Flow *f, const FlowEvent *ev);
PostedPlace request_place(Flow *f);
RequestState request_state(Flow *f);
void request_set_state(Flow *f, RequestState state);
/* The lane of everything that is said to this OpenCode session. Owned. */
char *request_lane(Flow *f);

/* Tells the session that somebody is waited for (`what`: "permission to run `npm test`"), or not any more. */
void request_tell_opened(Flow *f, const char *what);
void request_tell_closed(Flow *f, json_t *outcome /* stolen; NULL = nothing that is to be remembered */);

/* Takes the result of our answer. True when it is ours that counts. Otherwise somebody else may have been
 * faster, or the request died with its turn: what OpenCode tells (`request.replied`, kept as "theirs")
 * decides, and is waited for. */
bool request_is_answered(Flow *f, const FlowEvent *ev);
/* Whether "theirs" may be our own answer, told back: we do not know what became of it. */
bool request_may_be_ours(Flow *f);

/* A click that may not be, or comes too late: the person is told why, only they. True when it was one. */
bool request_refuse(Flow *f, const FlowEvent *ev);
/* Takes the result of the card's post. True when it has not appeared and may still: the caller shows it once
 * more. One that Slack refuses is told of in words, since the agent waits all the same. */
bool request_card_missing(Flow *f, const FlowEvent *ev);
void request_tell_clicker(Flow *f, const FlowEvent *ev, const char *text);
/* `request.check` brought the list of what OpenCode still has, and this request (its id at `id_path`) is not
 * in it. */
bool request_is_forgotten(Flow *f, const FlowEvent *ev, const char *id_path);
