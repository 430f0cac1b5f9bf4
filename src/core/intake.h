/* Where something that arrived from Slack belongs, and whether its author may. Pure.
 *
 * Input: the shapes of connectors/slack/inbound.h. Output: a delivery for the engine, or nothing. Keys are
 * made of what Slack keeps the same when it says something twice: a message's channel and ts (one mention
 * arrives as `message` and as `app_mention`, an edit fires the mention again), a command's trigger_id, a
 * click's action_ts.
 *
 * A message that was read from the history instead of heard carries "late" (and perhaps "stale"): see
 * core/catchup.h for what differs. */
#pragma once

#include "base/json.h"
#include "core/routing.h"

typedef struct IntakeContext {
        const char *bot_user;              /* our own user id, from auth.test */
        const char *command;               /* "/opencode" */
        const char *const *allow_users;    /* NULL-terminated; empty = everybody */
        const char *const *allow_channels; /* likewise */
        const char *const *approvers;      /* who may answer permissions; empty = everybody allowed */
        const json_t *defaults; /* {directory, agent, model, web_url, command, queue_max} for new sessions */
        const char *workspace_url; /* "https://acme.slack.com/"; NULL until it is known */
        const RouteModel *router;  /* what decides which agent a mention's task goes to; NULL: keywords */
        /* What a task can be about (start-form.h), owned by who asks. May be NULL. */
        json_t *(*offer)(void *offer_of);
        void *offer_of;
        size_t max_text_bytes;
        bool doubt; /* something may have been said that was not heard: what comes now is marked "doubt" */
} IntakeContext;

typedef struct IntakePlan {
        char *address;    /* NULL: nobody's business; acknowledge and forget */
        const char *kind; /* flow to make when none has the address */
        const char *event;
        char *dedup_key;
        json_t *data;
        char *if_unrouted; /* what to tell the person when no flow is there; NULL = nothing */
} IntakePlan;

void intake_plan_deinit(IntakePlan *p);
void intake_decide(const IntakeContext *ctx, const json_t *in, IntakePlan *ret);
/* The plan that says `text` to whoever `in` came from. */
void intake_notice(const json_t *in, const char *dedup_key, const char *text, IntakePlan *ret);
