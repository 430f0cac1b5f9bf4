/* The form of a task: the modal that asks, what was typed into it, and what is wrong with that. Pure.
 *
 *   Values  {title, description, project (its id), category, repositories: [name], agent, model, priority,
 *           channel, notify}: strings; what is not given is absent or "". agent and model may be "auto".
 *   Offer   what may be chosen, as GATEWAY_OFFER gives it (flows/flows.h): {repositories: [{name}], projects:
 *           [{id, title, status, category, repositories, active}], project_list, complete, models: [{name}]}.
 *           NULL or {}: nothing is known, which leaves these fields out.
 *   Task    what a session is told: {title, description, category, project: {id, title}|absent, repositories,
 *           priority, agent, model, notify}
 *
 * Field names are the form's block_ids; every element's action_id is "value". */
#pragma once

#include "base/json.h"

#define START_FORM                  "start.form" /* callback_id */
#define START_TITLE_CHARS_MAX       120
#define START_DESCRIPTION_CHARS_MAX 3000
#define START_REPOSITORIES_MAX      32
#define START_AUTO                  "auto" /* agent, model: decided from the words of the task */

typedef struct StartForm {
        const char *ref;      /* of the flow that hears of it: private_metadata */
        const json_t *values; /* what stands in the fields; NULL = nothing */
        const json_t *offer;
        const char *note;  /* one line above the fields: what was inferred; NULL */
        const char *error; /* one line above that: why the form is here again; NULL */
        bool is_edit;      /* of a session that has begun: its channel stays */
} StartForm;
/* A modal with the callback_id START_FORM that tells when it is closed. More than 100 projects or
 * repositories become a select that asks for its options (block_suggestion). */
json_t *start_form_view(const StartForm *form);

/* Out of a view's state.values, cleaned: a title is one line, control characters and those that turn the
 * direction of text are gone. Fields that were not there are absent. */
json_t *start_form_read(const json_t *state_values);
/* What is wrong: {field: message for the person}, or NULL. `allow_channels`: NULL-terminated, empty = all. */
json_t *start_form_check(const json_t *values, const json_t *offer, const char *const *allow_channels,
                         bool is_edit);
/* The answer to a block_suggestion: {"options": […]}, at most 100 that contain `query`, in any case. */
json_t *start_form_options(const json_t *offer, const char *field, const char *query);

/* What the acknowledgement of `in` (connectors/slack/inbound.h: a form that was sent, a select that asks) has
 * to say: {"response_action": "errors", …}, {"options": …}; NULL when it is to be delivered instead. */
json_t *start_form_answer(const json_t *in, const json_t *offer, const char *const *allow_channels);

/* Why no thread of ours can be in a channel, by Slack's answer to conversations.info; NULL when one can, or
 * nobody knows. Static. */
const char *start_form_channel_problem(const json_t *answer);

json_t *start_form_task(const json_t *values, const json_t *offer);
/* The prompt: title and description, the title only once. Owned. */
char *start_form_prompt(const json_t *values);
/* Values of a text as it was said: its first line is the title, when it is short enough; a longer one is cut
 * there and stands whole in the description. Owned. */
json_t *start_form_split(const char *text);

/* "Project 0012 · high priority · auth-api, web", for a card; NULL when there is nothing to say. Owned. */
char *start_task_line(const json_t *task);
/* A note with a button that opens the form (again): action_id "start.open", value `ref`. */
json_t *start_form_offer_message(const char *ref, const char *emoji, const char *text, const char *label);
