/* What a task's words say about the fields of its form (start-form.h): project, repositories, category, agent
 * and model. Pure. */
#pragma once

#include "base/json.h"

typedef struct StartInferred {
        json_t *values;  /* owned: only what could be inferred, beside title and description */
        json_t *routing; /* owned: {decision} of route_task(), for the session */
        char *note; /* owned: "Project 0012 from the title · agent architect: …"; NULL when there is none */
        bool certain; /* nothing has to be asked: the project is certain, or there is no list of any */
} StartInferred;

void start_inferred_deinit(StartInferred *i);
/* `values`: at least {title}, as start_form_split() made it. `offer` may be NULL. */
void start_infer(const json_t *values, const json_t *offer, StartInferred *ret);

/* What "auto" comes to for the values as they were sent: fills `agent` and `model` in place. Owned:
 * {decision, override?}; the override is what the person chose although the words say otherwise. */
json_t *start_route(json_t *values, const json_t *offer, const char *user, int64_t now_ms);
