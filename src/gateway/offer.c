/* What a task can be about, for its form (core/start-form.h): out of memory, since a form has to be there
 * within three seconds, and a select asks with every letter. */
#include "gateway/gateway.h"

#include "core/flows/flows.h"

static json_t *models(const GatewayConf *conf)
{
        json_t *list = json_array();

        for (size_t i = 0; i < conf->models.n_profiles; i++)
                json_array_append_new(list, json_pack("{s:s, s:s}", "name", conf->models.profiles[i].name,
                                                      "model", conf->models.profiles[i].model));
        return list;
}

json_t *gateway_offer(Gateway *g)
{
        json_t *offer = json_pack("{s:[], s:[], s:s, s:b}", "repositories", "projects", "project_list",
                                  "missing", "complete", 1);

        if (g->workspaces)
                json_object_update(offer, (json_t *) workspaces_catalog(g->workspaces));
        json_object_set_new(offer, "models", models(g->conf));
        return offer;
}

static void start_offer(void *owner, Ask *ask)
{
        Gateway *g = owner;
        RouteText text = {json_str(ask->args, "title"), json_str(ask->args, "description")};
        json_t *offer = gateway_offer(g);
        RouteDecision decision;

        if (text.title || text.description) {
                route_task(&text, g->intake.router, &decision);
                json_object_set_new(offer, "routing", route_decision_json(&decision));
        }
        ask_ok(ask, offer);
}
/* A read. */
const AskVerb gateway_offer_verb = {
        .name = GATEWAY_OFFER, .max_attempts = 3, .backoff_ms = 100, .start = start_offer};
