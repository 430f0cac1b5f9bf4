/* The value of a Block Kit element: how a choice is named in a request of a test or of the page, and how
 * Slack shows it in `actions` and in `state.values` (reference §6.4). Pure. */
#pragma once

#include "base/json.h"

/* Elements that hold a value (selects, inputs …) as opposed to those that only act (buttons, overflow). */
bool element_holds_value(const char *type);

/* Adds the value to `out` under the names that Slack uses for this type. `choice` (borrowed, may be NULL or
 * null: nothing chosen) is a text, an array of texts, an option object, or Slack's own object. NULL, or what
 * is wrong with the choice (static). */
const char *element_put_value(const json_t *element, const json_t *choice, json_t *out);
/* The same with the element's initial_… value. */
void element_put_initial(const json_t *element, json_t *out);

/* state.values of all elements in `blocks`; `chosen` is {block_id: {action_id: choice}} and may be NULL. What
 * is not chosen has its initial value. NULL and the values, or what is wrong (static). */
const char *elements_collect(const json_t *blocks, const json_t *chosen, json_t **ret);
/* {block_id: "Please complete this required field."} for the input blocks that are not optional and empty. */
json_t *elements_missing(const json_t *blocks, const json_t *values);
