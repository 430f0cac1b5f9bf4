/* A load of envelopes with a bounded number unacknowledged, and how long each acknowledgement took. */
#pragma once

#include "local.h"

Bench *bench_new(Local *l);
void bench_free(Bench *b);
/* {"envelopes", "window", "kind": "message"|"mention"|"command"|"action", "user"?, "channel"?, "text"?,
 * "rate"?, and for "action" what POST /_local/action takes}. NULL, or what is wrong (owned). */
char *bench_start(Bench *b, const char *base_url, const json_t *in);
void bench_stop(Bench *b);
/* {"running", "sent", "acked", "failed", "seconds", "p50_us", "p99_us", "max_us", "per_second"} */
json_t *bench_report(const Bench *b);
