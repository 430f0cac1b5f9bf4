/* A session's state as YAML and back (docs/session-state.md). Pure.
 *
 * What is written can be read by a person and by any YAML reader; what is read is a small part of YAML: one
 * document of maps, lists and scalars, without anchors, aliases and tags. */
#pragma once

#include "base/json.h"

#define STATE_SCHEMA         1
#define STATE_YAML_BYTES_MAX (1024u * 1024)
#define STATE_DEPTH_MAX      32

/* NULL when the document's known fields have the types of docs/session-state.md; else an owned text
 * "slack.channel must be a string". Unknown fields are let through: a newer gateway may have written them. */
char *state_check(const json_t *document);
/* The file's text, owned by the caller: a head for people, then the fields, the known ones first and in their
 * order. */
char *state_to_yaml(const json_t *document, const char *session);
/* NULL and an owned text "line 3: …" when it is no state file that this version can read. */
json_t *state_from_yaml(const char *text, size_t n_bytes, char **ret_error);
