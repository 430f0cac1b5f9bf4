/* How the files of the control interface work together: one call, its answer, and who answers it. Private to
 * control*.c. */
#pragma once

#include "local.h"
#include "net/url.h"

typedef struct ControlCall {
        Local *l;
        HttpRequest *req; /* NULL: an act of a scenario, nobody reads the answer */
        const json_t *in; /* the body of a POST */
        Form query;
        char *error; /* owned; what a scenario is told */
} ControlCall;

typedef struct ControlRoute {
        const char *method, *path;
        void (*fn)(ControlCall *c);
} ControlRoute;

typedef struct ControlRoutes {
        const ControlRoute *rows;
        size_t n;
} ControlRoutes;
ControlRoutes control_break_routes(void);
ControlRoutes control_inspect_routes(void);

void control_answer(ControlCall *c, json_t *body /* stolen */);
void control_refuse(ControlCall *c, const char *why);
json_t *control_fine(void);
/* "http://127.0.0.1:3000", as the client calls us. Owned. */
char *control_base_url(const ControlCall *c);
