/* Lists of sessions: `list`, `status`, and the app's own page. Pure.
 *
 * `sessions` are rows of GATEWAY_SESSIONS (flows/flows.h): {ref, updated_ms, permalink?, data}. The order is
 * by what has to be done: what waits for the reader, what waits for others, what is at work, the rest; within
 * these by the last change. A session's number is its place in that order. */
#pragma once

#include "core/cards.h"

#define LIST_SHOWN 20

typedef enum ListGroup {
        LIST_WAITS_FOR_YOU,
        LIST_WAITS_FOR_OTHERS,
        LIST_AT_WORK,
        LIST_QUIET,
        LIST_GROUPS_N,
} ListGroup;

typedef struct ListModel {
        const json_t *sessions;
        const char *user; /* the reader: whose sessions are "yours" */
        bool everybody;   /* else only the reader's own */
        bool busy_only;   /* without those that nothing happens in */
        size_t first;     /* so many are left out at the start, for the page behind */
        int64_t now_ms;
} ListModel;

/* The sessions in their order: an array of rows, owned. */
json_t *list_order(const ListModel *m);
/* One line each with its number and a link, grouped; at most LIST_SHOWN, then "and n more". */
json_t *card_list(const ListModel *m);
/* The same lines as blocks, for a page that has a head of its own. `ordered`: of list_order(). Owned. */
json_t *list_blocks(const ListModel *m, const json_t *ordered);

/* What `status 2` or `status login` means: the row of list_order() with that number, or the only one whose
 * title has these words, or the one whose title is these words. NULL: none, or (*ret_many) several. Borrowed
 * from `ordered`. */
const json_t *list_pick(const json_t *ordered, const char *what, bool *ret_many);
