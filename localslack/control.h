/* Control and inspection for tests and for the page: everything below /_local/. Not part of Slack. */
#pragma once

#include "local.h"

/* Answers any request to /_local/…. A request that changes something must come from the page itself or from
 * outside a browser: other sites' pages are refused. */
void control_handle(Local *l, HttpRequest *req);

/* An act of a scenario: POST `path` with the body `in`, without anybody who reads the answer. NULL, or what
 * is wrong (owned). */
char *control_act(Local *l, const char *path, const json_t *in);

/* Is there such an act? */
bool control_knows_act(const char *path);

/* The whole workspace as the page and the tests see it; at most `limit` messages of each channel, the newest.
 */
json_t *control_render_state(const Local *l, size_t limit);
json_t *control_render_channel(const Channel *c, size_t limit);
