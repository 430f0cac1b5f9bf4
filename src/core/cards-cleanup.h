/* What would go, goes, and went with a workspace. Pure. */
#pragma once

#include "base/json.h"

typedef enum CleanupState {
        CLEANUP_LOOKING,
        CLEANUP_OFFERED,
        CLEANUP_REMOVING,
        CLEANUP_REMOVED,
        CLEANUP_KEPT,   /* somebody decided so, or nobody decided */
        CLEANUP_FAILED, /* `error` says why; Try again */
} CleanupState;

typedef struct CleanupCard {
        const char *ref; /* for the buttons */
        CleanupState state;
        const char *name;         /* the workspace's */
        const json_t *inspection; /* of workspace.inspect; NULL while looking */
        const json_t *removed;    /* of workspace.remove; NULL */
        const char *at;           /* where removing has got to: "api (2 of 3)"; NULL */
        const char *error;
        const char *by; /* who decided: a Slack user id; NULL */
} CleanupCard;
/* Buttons (action_id): "cleanup.remove" when nothing would be lost, "cleanup.confirm" (opens the modal) when
 * something would, "cleanup.keep", "cleanup.retry". */
json_t *card_cleanup(const CleanupCard *m);

/* The modal in which the names are typed of what may be lost: callback_id "cleanup.confirm", one input,
 * block_id "names", action_id "text". */
json_t *card_cleanup_view(const char *ref, const json_t *inspection);
/* The names of what would be lost, as `confirm` of workspace.remove wants them; "." for files beside the
 * repositories. An owned array of strings. */
json_t *cleanup_at_risk(const json_t *inspection);
/* Typed names against those: NULL when each of them is there and nothing else, else what is wrong with them
 * (owned). */
char *cleanup_check_names(const json_t *at_risk, const char *typed);
