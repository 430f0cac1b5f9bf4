/* The app's own page in Slack: what waits for me, my sessions, where I want to be told. Pure. */
#pragma once

#include "base/json.h"

typedef struct HomeModel {
        const char *ref;        /* of the person's flow, for the buttons */
        const char *user;       /* whose page it is */
        const json_t *sessions; /* rows of GATEWAY_SESSIONS (flows/flows.h) */
        const char *focus;      /* "slack", "web" or "auto" */
        const char *command;    /* "/opencode" */
        size_t page;            /* of LIST_SHOWN sessions each, from 0 */
        int64_t now_ms;
} HomeModel;

/* {"type": "home", …} for views.publish. Buttons: "home.start", "home.more" ("<ref>:<page>"); a select
 * "home.focus"
 * ("<ref>:slack", …). */
json_t *home_view(const HomeModel *m);

bool home_is_focus(const char *word); /* "slack", "web", "auto" */
