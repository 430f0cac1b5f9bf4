/* OpenCode loads a plugin only when a directory is first used: an idle `opencode serve` has no bridge. While
 * nobody is connected, the waker uses the directory (GET /agent?directory=…, reference §4.1) until somebody
 * is. */
#pragma once

#include "base/secret.h"
#include "net/http-client.h"

typedef struct OpencodeWaker OpencodeWaker;

/* `url` and `directory` are copied, `password` (may be NULL or unset) is borrowed for the waker's life.
 * Starts trying at once. */
OpencodeWaker *opencode_waker_new(Loop *loop, HttpClient *client, const char *url, const Secret *password,
                                  const char *directory);
void opencode_waker_free(OpencodeWaker *w);
DEFINE_CLEANUP(OpencodeWaker *, opencode_waker_free);

/* true: stops. false: tries at once and then every 3 s, after half a minute every 10 s. */
void opencode_waker_set_connected(OpencodeWaker *w, bool connected);

/* For tests: the time between tries, and that of one try (5 s). */
void opencode_waker_set_timing(OpencodeWaker *w, int64_t eager_ms, int64_t timeout_ms);
