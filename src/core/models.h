/* Model profiles as sessions and flows see them: names for models, in order of preference. Pure.
 *
 * `profiles` is an array of {name, model: "provider/model"} (a session's defaults.models), or of what
 * GATEWAY_MODELS says of them, which has a state and a reason, too. */
#pragma once

#include "base/json.h"

/* "provider/model" of a profile's name, or `wanted` itself when it has that form; NULL otherwise. Borrowed.
 */
const char *models_resolve(const json_t *profiles, const char *wanted);
/* The name of the profile that has this model; NULL. Borrowed. */
const char *models_name_of(const json_t *profiles, const char *model);
/* "qwen (ollama/qwen2.5)", or the model alone when no profile has it. Owned; NULL for NULL. */
char *models_label(const json_t *profiles, const char *model);
/* What to do instead: the names of the other profiles that are not known to fail, in their order, at most
 * MODELS_ALTERNATIVES_MAX. An owned array. */
#define MODELS_ALTERNATIVES_MAX 3
json_t *models_alternatives(const json_t *profiles, const char *model);
/* "healthy", "failing" or "unknown" */
const char *models_state_of(const json_t *profiles, const char *model);

/* {provider_id, model_id} for the bridge; NULL when it has not the form. Owned. */
json_t *models_object(const char *model);
/* The reverse; NULL. Owned. */
char *models_text(const json_t *object);

/* Is the error of this name, as OpenCode gives it, one of the model, so that another model or another time
 * may help? A context that is too long, a refused tool, or an abort are none. */
bool models_is_failure(const char *error_name, const char *message);
