/* The error idiom of the tree.
 *
 *   r < 0   a fault (negative errno). Nobody matches on the value: it is passed up, each level adding a line
 *           to the trace, until somebody turns it into a log line, a metric and a retry.
 *   r == 0  done.
 *   r > 0   an outcome of the callee's own enum (FOO_E_SOMETHING), to be handled or folded by the caller.
 *
 * A fault is logged where it is folded, not where it is passed: log or return, never both. */
#pragma once

#include <errno.h>

/* Where a fault starts: records file and line, returns `r` (< 0). */
#define error_origin(_r) error_origin_at((_r), __FILE__, __LINE__, __func__)
/* Passes a fault up, adding this line to the trace; outcomes (>= 0) go through untouched. */
#define error_trace(_r) error_trace_at((_r), __FILE__, __LINE__, __func__)

int error_origin_at(int r, const char *file, int line, const char *func);
int error_trace_at(int r, const char *file, int line, const char *func);

/* The trace of the last fault of this thread, "file:line func <- …"; borrowed until the next fault. */
const char *error_last_trace(void);
