/* Whether Slack can be heard: what we say into a channel comes back as an event of that channel (the app is
 * subscribed to message.channels and the like), so a message of ours that does not is a sign of a connection
 * that is open, answers pings, and is deaf. A workspace in which nothing is said gives no sign and raises no
 * alarm. Pure: time is handed in, any monotonic milliseconds.
 *
 * Which channels give echoes is learnt from the first one of each; a channel whose events the app does not
 * get is never waited for. */
#pragma once

#include "base/json.h"

#define SLACK_ECHO_CHANNELS_MAX 1000
#define SLACK_ECHO_AWAITED_MAX  256 /* beyond: the oldest is not waited for any more */
#define SLACK_ECHO_HALF_DEAF    3   /* so many missing ones are a sign although other things are heard */

typedef struct SlackEcho SlackEcho;

SlackEcho *slack_echo_new(int64_t wait_ms);
void slack_echo_free(SlackEcho *e);
DEFINE_CLEANUP(SlackEcho *, slack_echo_free);

/* Slack has taken a message of ours. Its echo may have come before. */
void slack_echo_posted(SlackEcho *e, const char *channel, const char *ts, int64_t now_ms);
/* A message of ours came as an event. True: the channel is known for echoes from now on. */
bool slack_echo_heard(SlackEcho *e, const char *channel, const char *ts, int64_t now_ms);
/* Something came, whatever it was. */
void slack_echo_alive(SlackEcho *e, int64_t now_ms);

typedef enum SlackHearing {
        SLACK_HEARS,
        SLACK_HALF_DEAF, /* some things are heard, and several echoes are missing */
        SLACK_DEAF,      /* an echo is missing, and nothing at all was heard since */
} SlackHearing;
SlackHearing slack_echo_judge(const SlackEcho *e, int64_t now_ms);
/* Until the next echo is overdue; -1: none is awaited that is not overdue already. */
int64_t slack_echo_due_ms(const SlackEcho *e, int64_t now_ms);
/* New connections: what the old ones swallowed is not waited for. With `unlearn`, the channels of what is
 * missing are not believed to give echoes any more. */
void slack_echo_forget(SlackEcho *e, bool unlearn);

/* The channels known for echoes, to be kept over a restart: ["C…", …]. */
json_t *slack_echo_channels(const SlackEcho *e);
void slack_echo_learn(SlackEcho *e, const char *channel);
