/* Between blocks.c, which walks blocks beside the table of their shapes, and blocks-together.c, which knows
 * what concerns several fields of an object, or several blocks. */
#pragma once

#include "base/json.h"

#define BLOCKS_POINTER_SIZE 512

typedef struct BlocksCheck {
        json_t *errors;
        json_t *block_ids;
        unsigned surface; /* one of ON_… */
        bool no_alert;
        unsigned n_tables, n_plans, n_loose_tasks, n_focused;
        char at[BLOCKS_POINTER_SIZE]; /* the place that is looked at */
        size_t n_at;
} BlocksCheck;

/* Goes down; the result takes blocks_leave() back up. */
size_t blocks_enter(BlocksCheck *c, const char *field);
size_t blocks_enter_index(BlocksCheck *c, size_t i);
void blocks_leave(BlocksCheck *c, size_t before);

/* A failed_constraint; `constraint` is stolen, and may be NULL. */
void blocks_complain(BlocksCheck *c, json_t *constraint, const char *format, ...) PRINTF_LIKE(3, 4);
void blocks_complain_missing(BlocksCheck *c, const char *field);
void blocks_complain_format(BlocksCheck *c, const char *format, const char *got);
/* {"type", "expected", "got"} of a number that is beyond its bound. */
json_t *blocks_bound(const char *type, int64_t expected, int64_t got);
/* Is `word` one of `list`, separated by |? */
bool blocks_in_list(const char *list, const char *word);

/* The field is there, and not null. */
bool blocks_has(const json_t *obj, const char *field);

/* What no single field shows about an object of this type. */
void blocks_check_together(BlocksCheck *c, const json_t *obj, const char *type);
/* A task_card that stands in no plan. */
void blocks_count_loose_task(BlocksCheck *c);
