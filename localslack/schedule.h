/* Messages that are to be posted later: chat.scheduleMessage (reference Appendix A). */
#pragma once

#include "local.h"

#define SCHEDULE_MAX        1000                /* waiting messages, over all channels */
#define SCHEDULE_AHEAD_S    (120 * 24 * 3600LL) /* the furthest that Slack takes */
#define SCHEDULE_WINDOW_S   300                 /* of at most … */
#define SCHEDULE_WINDOW_MAX 30                  /* … messages of a channel */

typedef struct Scheduled {
        char *id; /* "Q…" */
        char *channel, *user;
        char *thread_ts; /* may be NULL */
        bool broadcast;
        int64_t post_at_s, created_s;
        json_t *fields; /* as messages_post_app() takes them */
} Scheduled;

Schedule *schedule_new(Local *l);
void schedule_free(Schedule *s);
void schedule_clear(Schedule *s);

/* NULL and the message, or Slack's error: time_in_past, time_too_far, restricted_too_many,
 * message_limit_exceeded. `fields` is stolen in either case. */
const char *schedule_add(Schedule *s, const Channel *c, const char *user, int64_t post_at_s, json_t *fields,
                         const char *thread_ts, bool broadcast, const Scheduled **ret);
/* By the time of posting; NULL beyond the end. */
const Scheduled *schedule_at(const Schedule *s, size_t i);
/* False: there is none such in this channel. */
bool schedule_remove(Schedule *s, const char *channel, const char *id);
/* Posts what is due; called by a timer. A message whose channel is gone or archived is dropped, one whose
 * thread is gone is posted into the channel. */
void schedule_run(Schedule *s);

json_t *schedule_save(const Schedule *s);
bool schedule_load(Schedule *s, const json_t *saved);
