/* A session's data and what is shown of it: the object that flows/session.c keeps, read and rendered in one
 * place.
 *
 * {title, text, user, channel, thread_ts, response_url, started_ms, state, error,
 *  defaults: {directory, agent, model, web_url, command, queue_max}, oc: {session_id, directory, agent,
 * model, last_message_id, online}, names: {U…: name}, queue: [{n, user, ts, text}], n_prompts, n_turns, turn:
 * {no, n, user, ts, text, message_id, foreign, asked, started_ms, idle_looks, view} | absent, open: {ref:
 * {what}}, tokens, cost, card, progress,
 * away: {n, first, last, n_stale, stale} | absent, heard: ts of the last message,
 * look_from: ts from which its thread is to be read before the next prompt | absent} */
#pragma once

#include "core/cards.h"
#include "core/posted.h"

#define SLOT_CARD     "card"
#define SLOT_PROGRESS "progress"

PostedPlace session_thread(Flow *f); /* where everything is said; borrowed from the data */

void session_set_state(Flow *f, SessionState state); /* and what follows from open requests */
SessionState session_state(Flow *f);
void session_set_error(Flow *f, const char *error); /* NULL clears */
void session_show_card(Flow *f);
/* A fresh card as a message, for `status`. */
json_t *session_card_message(Flow *f);
/* The same of a session as it is listed: its data, and its reference. */
json_t *session_card_of(const json_t *data, const char *ref, int64_t now_ms);
void session_show_progress(Flow *f, ProgressState state, const char *error, AskPriority priority);
/* The last state of the turn's progress message; one that has not appeared by now does not appear any more.
 */
void session_end_progress(Flow *f, ProgressState state, const char *error);

/* The deep link into OpenCode's web UI, or NULL. Owned. */
char *session_open_url(const json_t *data, const char *session_id);

/* Prompts that wait. */
/* In the order in which things were said; ts may be NULL: at the end. Its place, from 1. */
size_t session_queue_push(Flow *f, const char *user, const char *ts, const char *text);
/* In front of all others, as a prompt of its own: it gets the next number. */
void session_queue_again(Flow *f, json_t *prompt /* stolen */);
/* Owned: whose it was; NULL: it is not waiting. */
char *session_queue_remove(Flow *f, const char *ts);
json_t *session_queue_pop(Flow *f); /* owned; NULL when empty */
bool session_queue_edit(Flow *f, const char *ts,
                        const char *text /* NULL: as it is */); /* false: not waiting */
size_t session_queue_length(Flow *f);
/* What waits is not sent: each message gets its mark, and the thread is told. `why`: "Stopped." */
void session_queue_drop(Flow *f, const char *why);

/* Requests that wait for a person. */
void session_request_opened(Flow *f, const char *ref, const char *what);
void session_request_closed(Flow *f, const char *ref);
void session_requests_over(Flow *f); /* tells all of them that nobody waits any more */
