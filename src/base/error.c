#include "base/error.h"

#include <stdio.h>
#include <string.h>

/* One trace per thread, not global state: it only serves the log line of the fault being passed up. */
static _Thread_local char trace[1024];
static _Thread_local size_t n_trace;

static void add(const char *file, int line, const char *func, const char *lead)
{
        int n;

        if (n_trace >= sizeof(trace))
                return;
        n = snprintf(trace + n_trace, sizeof(trace) - n_trace, "%s%s:%d %s", lead, file, line, func);
        if (n > 0)
                n_trace += (size_t) n;
}

int error_origin_at(int r, const char *file, int line, const char *func)
{
        if (r >= 0)
                return r;
        n_trace = 0;
        trace[0] = 0;
        {
                n_trace = (size_t) snprintf(trace, sizeof(trace), "%s at ", strerror(-r));
                add(file, line, func, "");
        }
        return r;
}

int error_trace_at(int r, const char *file, int line, const char *func)
{
        if (r < 0)
                add(file, line, func, " <- ");
        return r;
}

const char *error_last_trace(void)
{
        return trace;
}
