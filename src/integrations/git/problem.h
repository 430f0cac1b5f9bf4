/* What went wrong, for the person who asked: one of the codes of workspace-asks.h, a sentence that names the
 * next step, and the program's own words. */
#pragma once

#include "base/json.h"
#include "loop/child.h"

typedef struct Problem {
        const char *code; /* static; NULL = nothing went wrong */
        char *message;
        char *details;    /* the last lines of what the program said; may be NULL */
        char *repository; /* its name; may be NULL */
        char *field;      /* of the ask's arguments; may be NULL */
        json_t *more;     /* further members of the ask's failure; may be NULL */
} Problem;

void problem_deinit(Problem *p);
#define _cleanup_problem_ _cleanup_(problem_deinit)
/* Sets it, unless something is set already: the first thing that went wrong is the cause. Always false, so
 * that it can be returned. */
bool problem_set(Problem *p, const char *code, const char *format, ...) PRINTF_LIKE(3, 4);
/* From errno: disk_full, permission, or git_error. `doing` is for people: "write the workspace's record". */
bool problem_set_errno(Problem *p, int error, const char *doing);
/* From how a program ended, by what it says in the C locale. `doing` as above; `program` is what to install
 * when it is missing. */
bool problem_set_child(Problem *p, const Child *child, const char *program, const char *doing);
/* Whether the same may succeed later without anybody doing anything. */
bool problem_is_temporary(const Problem *p);
json_t *problem_to_json(const Problem *p); /* {error, message, …}; owned by the caller */
