/* What people do to the app: commands, clicks, modals. Builds the payloads of reference §6.1, §6.4 and §6.5
 * from what is stored, sends them, and carries out what the acknowledgement asks for (§1.6). */
#pragma once

#include "local.h"

/* Called once when the app has acknowledged or the 3 s have passed. `report` (stolen) is what a test wants to
 * know: {"envelope_id", "acked", "ack_ms", "error"?, "response"?, …}. */
typedef void (*InteractDone)(void *userdata, json_t *report);

/* Each returns NULL when it was sent, or what is wrong with the request (owned). */
char *interact_command(Local *l, const char *base_url, const json_t *in, InteractDone done, void *userdata);
char *interact_action(Local *l, const char *base_url, const json_t *in, InteractDone done, void *userdata);
/* What an external select offers for {"user", …, "action_id", "value"}: reports options or option_groups. */
char *interact_suggest(Local *l, const char *base_url, const json_t *in, InteractDone done, void *userdata);
char *interact_view_submit(Local *l, const char *base_url, const json_t *in, InteractDone done,
                           void *userdata);
char *interact_view_close(Local *l, const json_t *in, InteractDone done, void *userdata);
char *interact_shortcut(Local *l, const char *base_url, const json_t *in, InteractDone done, void *userdata);

/* The JSON text of a block_actions payload for an element of a stored message; NULL when there is none such.
 * Shared with the load generator. */
char *interact_block_actions(Local *l, const char *base_url, const json_t *in, char **ret_error);
void interact_emit_view(Local *l, const View *view);
