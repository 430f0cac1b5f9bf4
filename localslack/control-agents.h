/* What a person does around an agent: the Stop button, another title, opening a conversation, looking at
 * something else meanwhile (reference §5.4). */
#pragma once

#include "local.h"
#include "net/http-server.h"

/* Answers `POST agent_stop`, `agent_rename`, `code_action`, `assistant_open` and `assistant_context`; false
 * when `path` is none of these, and nothing was done. */
bool control_agents_handle(Local *l, HttpRequest *req, const char *path, const json_t *in);

/* The same without a request: a new answer, or NULL with *ret_error (static). */
json_t *control_agents_act(Local *l, const char *path, const json_t *in, const char **ret_error);
