/* Modals and App Homes: what is stored, the stack of a person's modals, hashes and external ids; reference
 * §6.5. Pure. */
#pragma once

#include "state.h"

#define VIEWS_MAX       1000
#define VIEWS_STACK_MAX 3
#define VIEW_BYTES_MAX  (250 * 1024)

typedef struct View {
        char *id, *user, *hash;
        char *root_id, *previous_id; /* previous_id may be NULL */
        json_t *body;                /* the payload as the app gave it, blocks completed */
        bool is_home;
        uint64_t n_hash;
} View;

typedef struct Views {
        View *all[VIEWS_MAX]; /* oldest first */
        size_t n;
} Views;

Views *views_new(void);
void views_free(Views *v);

View *views_find(const Views *v, const char *id);
View *views_find_external(const Views *v, const char *external_id);
View *views_find_home(const Views *v, const char *user);
/* The modal on top of this person's stack; NULL when none is open. */
View *views_find_top(const Views *v, const char *user);

/* NULL and the view, or Slack's error: duplicate_external_id, push_limit_reached; not_found of a push where
 * no modal is open. `body` is copied. A new root modal replaces the stack that the person had open. */
const char *views_open(Views *v, State *s, const char *user, const json_t *body, View **ret);
const char *views_push(Views *v, State *s, const char *user, const json_t *body, View **ret);
const char *views_publish(Views *v, State *s, const char *user, const json_t *body, View **ret);
/* `hash` may be NULL; hash_conflict, duplicate_external_id. */
const char *views_update(Views *v, State *s, View *view, const json_t *body, const char *hash);
void views_close(Views *v, View *view);
void views_close_stack(Views *v, const char *user);

/* As Slack shows it; `values` becomes state.values (borrowed, NULL = none). */
json_t *view_render(const View *view, const json_t *values);

/* As state_save() and state_load(). */
json_t *views_save(const Views *v);
bool views_load(Views *v, const json_t *saved);
