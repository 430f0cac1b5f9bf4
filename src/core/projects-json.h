/* The list of projects as the workspaces' catalogue shows it. Pure. */
#pragma once

#include "base/json.h"

/* An array of {id, title, status, category, repositories: [name], active} from the text of a project list
 * (core/projects.h). Owned by the caller. */
json_t *projects_to_json(const char *text, size_t n_bytes);
