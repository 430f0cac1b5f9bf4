/* YAML as JSON: mappings, sequences and scalars, typed as YAML's core schema has them (true, null, 12, 1.5,
 * else a text; quoted ones are texts). Aliases, anchors, tags, several documents and doubled keys are
 * refused, so that a small file stays small. Pure. */
#pragma once

#include "base/json.h"

#define YAML_JSON_BYTES_MAX (1u << 20)

/* NULL and an owned text "name:3:5: …". */
json_t *yaml_json_parse(const char *name, const char *text, size_t n_bytes, char **ret_error);
