/* Slack's limits for messages and views, asserted block by block: written from the published limits
 * (https://docs.slack.dev/reference/block-kit) and not from the code under test. Shared by the unit tests and
 * the fuzzer. */
#pragma once

#include "base/json.h"

typedef enum BlockkitAllow {
        BLOCKKIT_DATA_ONLY, /* made of foreign text alone: no mention, no token, no button may be in it */
        BLOCKKIT_CARD,      /* mentions of users and dates are ours */
} BlockkitAllow;

/* NULL when `message` ({"text", "blocks"}) is one that Slack takes; else an owned text that names what is
 * wrong. */
char *blockkit_check_message(const json_t *message, BlockkitAllow allow);
char *blockkit_check_view(const json_t *view);
/* All texts that a person sees, in order. Owned. */
char *blockkit_visible_text(const json_t *value);
