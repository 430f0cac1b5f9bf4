/* The workspace to a file and back: people, channels, messages, views, files, streams, agents' sessions,
 * scheduled messages and the switches. Not saved: sockets, envelopes under way, records, trigger ids and
 * response URLs, which do not outlive a connection or an hour anyway. */
#pragma once

#include "local.h"

#define SNAPSHOT_VERSION   1
#define SNAPSHOT_BYTES_MAX (256u << 20)

/* {"localslack": 1, "saved_at_ms", "state", "views", …} */
json_t *snapshot_save(const Local *l);
/* Replaces the workspace. NULL, or what is wrong (owned), and the workspace is as it was. */
char *snapshot_load(Local *l, const json_t *in);

/* NULL, or what is wrong (owned). A file that does not exist is no error: *ret_loaded is false. */
char *snapshot_load_file(Local *l, const char *path, bool *ret_loaded);
/* Written beside, flushed, then renamed: there is always a whole file. */
char *snapshot_save_file(const Local *l, const char *path);
