/* What people see of an agent besides its messages: its status in a thread, the session behind it with the
 * Stop button, suggested prompts, the thread's title (reference §5.3, §5.4). */
#pragma once

#include "local.h"

#define AGENTS_ENTRIES_MAX 1000 /* of each kind; the oldest goes */

Agents *agents_new(Local *l);
void agents_free(Agents *a);
void agents_clear(Agents *a);

/* "is thinking…", for the time of the switch status_life_ms or until the next message; "" clears. `look`
 * (stolen, may be NULL): loading_messages, username, icons. */
void agents_set_status(Agents *a, const char *channel, const char *thread_ts, const char *status,
                       json_t *look);
/* A message was posted: it ends what the agent was said to be doing. */
void agents_note_post(Agents *a, const char *channel, const char *thread_ts);

bool agents_status_known(const char *session); /* active, processing, suspended, closed */
/* thread_ts is "" for the session of a whole channel. What is known of the session (borrowed), or NULL:
 * {"session": active|processing|suspended|closed, "title", "username"?, "icons"?}. */
const json_t *agents_find_session(const Agents *a, const char *channel, const char *thread_ts);
/* Makes the session if there is none; title (may be NULL) and look (borrowed, may be NULL) change if given,
 * and a null in look removes. */
void agents_set_session(Agents *a, const char *channel, const char *thread_ts, const char *session,
                        const char *title, const json_t *look);
/* A person stops it: what streams there ends, and the app hears of it. NULL and a new answer {"ts": [of the
 * streams], "event_id"?}, or what is wrong (static). */
const char *agents_stop(Agents *a, Channel *c, const char *user, const char *thread_ts, json_t **ret);
/* A person gives it another title. */
const char *agents_rename(Agents *a, const Channel *c, const char *user, const char *thread_ts,
                          const char *title);

void agents_set_title(Agents *a, const char *channel, const char *thread_ts, const char *title);
/* `prompts` (borrowed): [{"title", "message"}]; thread_ts may be "". */
void agents_set_prompts(Agents *a, const char *channel, const char *thread_ts, const char *title,
                        const json_t *prompts);

/* Takes away what is over; called by a timer. */
void agents_expire(Agents *a);

/* {"statuses": […], "prompts": […], "titles": […]}, as the feed's events status, prompts and title have
 * them. */
json_t *agents_render(const Agents *a);
json_t *agents_save(const Agents *a);
bool agents_load(Agents *a, const json_t *saved);
