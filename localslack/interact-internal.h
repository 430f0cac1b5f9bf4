/* What the parts of interact-*.c share: an interaction that waits for its acknowledgement, and the pieces of
 * payloads and reports. */
#pragma once

#include "delivery.h"
#include "interact.h"

typedef struct InteractJob {
        Local *l;
        char *user, *channel, *view_id, *command;
        char *thread_ts;
        InteractDone done;
        void *userdata;
} InteractJob;

InteractJob *interact_job_new(Local *l, const char *user, InteractDone done, void *userdata);
void interact_job_free(InteractJob *j);

/* What all payloads of interactions have, with a fresh trigger_id; `view_id` of the view that it stands for,
 * or NULL. */
json_t *interact_payload(Local *l, const char *type, const User *user, const char *view_id);
/* Adds `response_url` to `out`; `kind` is the first part of its path ("actions", "commands"). */
void interact_put_response_url(Local *l, json_t *out, const char *base_url, const char *kind,
                               const char *channel, const char *user, const char *ts, const char *thread_ts);
/* The ids in file_inputs of `values` ({block_id: {action_id: value}}) become file objects. NULL, or what is
 * wrong (owned). */
char *interact_fill_files(Local *l, const char *base_url, const User *user, json_t *values);
/* Sends `text` as an envelope; `j` is freed by `done`, or here with what is wrong (owned). */
char *interact_send(InteractJob *j, bool accepts_payload, const char *text, DeliveryDone done);
/* What became of it, for a test or the page. */
json_t *interact_report(const DeliveryResult *r);
/* What Slack tells a person whose command or click nobody answered. */
void interact_tell_failure(const InteractJob *j, const char *what);
/* The end of an interaction of which nothing follows here. */
void interact_on_action_done(void *userdata, const DeliveryResult *r);
