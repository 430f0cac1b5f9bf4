/* Programs, run from a thread that may wait (worker.h): an argument vector and no shell, no standard input
 * but what is given, bounded output, a time limit, and an end for all that a program has started itself.
 *
 * Each child leads a session and process group of its own: nothing can ask on a terminal, and at its time
 * limit or when cancelled the whole group gets SIGTERM and, CHILD_GRACE_MS later, SIGKILL. When this process
 * dies the child gets SIGTERM, so that git takes its lock files away; descriptors handed down (locks) stay
 * held until it has ended. Rejected: uv_spawn(), whose fork() copies the page tables of a large process on
 * the loop thread, and whose callbacks would cut each sequence of commands into states. */
#pragma once

#include "base/buf.h"

#define CHILD_GRACE_MS     2000
#define CHILD_KEEP_FDS_MAX 4

/* Ends what runs, from any thread. Once set it stays so. */
typedef struct ChildCancel ChildCancel;
ChildCancel *child_cancel_new(void);
void child_cancel_free(ChildCancel *c);
void child_cancel_set(ChildCancel *c);
bool child_cancel_is_set(const ChildCancel *c); /* NULL = never */
/* Waits, unless it is or becomes set: then false. */
bool child_cancel_wait(const ChildCancel *c, int64_t wait_ms);

typedef enum ChildEnd {
        CHILD_EXITED,      /* status is its exit code */
        CHILD_SIGNALED,    /* status is the signal */
        CHILD_TIMED_OUT,   /* and was ended */
        CHILD_CANCELLED,   /* was ended, or not even started */
        CHILD_NOT_STARTED, /* status is the errno: ENOENT when there is no such program or directory */
} ChildEnd;

typedef struct Child {
        const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
        const char *const *env;  /* "NAME=value", NULL-terminated; NULL = this process's own */
        const char *dir;         /* NULL = this process's own */
        const char *input;       /* its standard input; NULL = nothing */
        size_t n_input_bytes;
        int keep_fds[CHILD_KEEP_FDS_MAX]; /* handed down under their numbers */
        size_t n_keep_fds;
        int64_t timeout_ms;
        size_t out_max_bytes; /* the rest of its output is read and thrown away */
        size_t err_max_bytes; /* of its errors the last ones are kept */
        /* Sees its errors as they come, also those that are not kept; on the calling thread. May be NULL. */
        void (*on_err)(void *userdata, const char *text, size_t n_bytes);
        void *userdata;

        /* Set by child_run(); released with child_deinit(). */
        ChildEnd end;
        int status;
        Buf out, err;
        bool out_truncated;
} Child;

/* Runs to the end. Not from the loop's thread. `cancel` may be NULL. */
void child_run(Child *child, const ChildCancel *cancel);
/* Several beside each other, at most `max_parallel` at once. */
void child_run_all(Child *const *children, size_t n, unsigned max_parallel, const ChildCancel *cancel);
void child_deinit(Child *child);
static inline bool child_succeeded(const Child *child)
{
        return child->end == CHILD_EXITED && child->status == 0;
}
