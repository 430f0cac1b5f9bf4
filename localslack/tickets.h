/* The short-lived rights that Slack hands out with an interaction: the trigger_id (opens one view, once,
 * within 3 s) and the response_url (five posts within 30 minutes); reference §3.2, check 21.
 *
 * Both live in rings and carry their slot in their text, so that a load of thousands a second costs no
 * searching; an overwritten slot is an expired right. */
#pragma once

#include "state.h"

#define TRIGGERS_MAX          8192
#define RESPONSE_URLS_MAX     8192
#define TRIGGER_LIFE_MS       3000
#define RESPONSE_URL_LIFE_MS  (30 * 60 * 1000)
#define RESPONSE_URL_USES_MAX 5

typedef struct Trigger {
        char id[64];
        char user[32], view_id[16]; /* view_id: the view in which the click happened, or "" */
        int64_t expires_ms;
        bool used;
} Trigger;

typedef struct ResponseUrl {
        char key[64]; /* the last part of the address */
        char channel[32], user[32];
        char ts[STATE_TS_SIZE];        /* the message with the button; "" for a slash command */
        char thread_ts[STATE_TS_SIZE]; /* where an answer goes; "" = the channel */
        int64_t expires_ms;
        unsigned uses;
} ResponseUrl;

typedef struct Tickets {
        Trigger triggers[TRIGGERS_MAX];
        ResponseUrl urls[RESPONSE_URLS_MAX];
        uint64_t n_triggers, n_urls; /* ever made */
        int64_t trigger_life_ms, url_life_ms;
        uint64_t salt;
} Tickets;

Tickets *tickets_new(void);
void tickets_free(Tickets *t);

/* Borrowed until TRIGGERS_MAX more were made. */
const char *tickets_make_trigger(Tickets *t, const char *user, const char *view_id, int64_t now_ms);
/* NULL and the trigger, or Slack's error: invalid_trigger_id, expired_trigger_id, exchanged_trigger_id. */
const char *tickets_redeem_trigger(Tickets *t, const char *id, int64_t now_ms, const Trigger **ret);

/* `ts` and `thread_ts` may be NULL. */
ResponseUrl *tickets_make_url(Tickets *t, const char *channel, const char *user, const char *ts,
                              const char *thread_ts, int64_t now_ms);
/* NULL and the right with one use taken, or Slack's error: "expired_url" or "used_url". */
const char *tickets_use_url(Tickets *t, const char *key, int64_t now_ms, ResponseUrl **ret);
