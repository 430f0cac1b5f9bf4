/* Model profiles: their state, for flows, for /readyz and for the metrics. Endpoints are looked at by
 * integrations/models; what OpenCode says of its providers comes over the bridge, and both meet here. */
#include "gateway/gateway.h"

#include "core/flows/flows.h"

typedef struct ModelsAsk {
        List link; /* in g->model_asks */
        Gateway *gateway;
        Ask *ask;
        unsigned n_waiting; /* looks under way, and one for the loop that begins them */
} ModelsAsk;

void gateway_models_init(Gateway *g)
{
        ModelEndpoint endpoints[CONF_MODELS_MAX];
        size_t n = g->conf->models.n_profiles;

        for (size_t i = 0; i < n; i++) {
                const ConfModel *model = &g->conf->models.profiles[i];

                endpoints[i] = (ModelEndpoint){.name = model->name,
                                               .model = model->model,
                                               .is_anthropic = str_equal(model->kind, "anthropic"),
                                               .base_url = model->base_url,
                                               .key = &model->key};
        }
        list_init(&g->model_asks);
        g->models = model_health_new(g->loop, g->http, g->metrics, endpoints, n,
                                     g->conf->models.check_interval_s * 1000);
}

void gateway_models_deinit(Gateway *g)
{
        if (!g->models) /* it never began */
                return;
        while (!list_empty(&g->model_asks)) {
                ModelsAsk *a = list_entry(g->model_asks.next, ModelsAsk, link);

                list_remove(&a->link);
                free(a);
        }
        model_health_free(g->models);
}

/* ---- what sessions begin with ---- */

void gateway_models_defaults(const GatewayConf *conf, json_t *defaults)
{
        const char *name = conf->models.default_profile;
        json_t *profiles = json_array();

        for (size_t i = 0; i < conf->models.n_profiles; i++) {
                const ConfModel *model = &conf->models.profiles[i];
                bool first = i == 0 && str_empty(name) && str_empty(conf->opencode.model);

                json_array_append_new(profiles,
                                      json_pack("{s:s, s:s}", "name", model->name, "model", model->model));
                if (first || (!str_empty(name) && str_equal(name, model->name)))
                        json_put_str(defaults, "model", model->model);
        }
        json_object_set_new(defaults, "models", profiles);
        json_object_set_new(defaults, "fallback",
                            json_pack("{s:I, s:I, s:I}", "failing_after",
                                      (json_int_t) conf->models.failing_after, "poll_ms",
                                      (json_int_t) conf->models.check_interval_s * 1000, "wait_ms",
                                      (json_int_t) conf->models.wait_s * 1000));
}

/* ---- the verb ---- */

json_t *gateway_models_status(Gateway *g)
{
        json_t *profiles = json_array();

        for (size_t i = 0; i < model_health_n(g->models); i++) {
                const ModelEndpoint *endpoint = model_health_endpoint(g->models, i);
                ModelStatus status = model_health_status(g->models, i);
                json_t *profile =
                        json_pack("{s:s, s:s, s:s, s:s}", "name", endpoint->name, "model", endpoint->model,
                                  "kind", endpoint->is_anthropic ? "anthropic" : "openai-compatible", "state",
                                  model_state_name(status.state));

                if (!str_empty(status.why))
                        json_put_str(profile, "why", status.why);
                if (status.looked_ms > 0)
                        json_put_int(profile, "looked_s_ago",
                                     (loop_now_ms(g->loop) - status.looked_ms) / 1000);
                json_array_append_new(profiles, profile);
        }
        return profiles;
}

static void looked(void *userdata)
{
        ModelsAsk *a = userdata;

        if (--a->n_waiting > 0)
                return;
        ask_ok(a->ask, json_pack("{s:o}", "profiles", gateway_models_status(a->gateway)));
        list_remove(&a->link);
        free(a);
}

static void on_providers(void *userdata, const json_t *providers)
{
        ModelsAsk *a = userdata;

        if (providers)
                model_health_providers(a->gateway->models, providers);
        looked(a);
}

static void take_report(Gateway *g, const json_t *args)
{
        size_t n = model_health_n(g->models),
               failed = model_health_find(g->models, json_str(args, "failed.model")),
               worked = model_health_find(g->models, json_str(args, "worked"));

        if (failed < n)
                model_health_failed(g->models, failed, json_str(args, "failed.why"));
        if (worked < n)
                model_health_worked(g->models, worked);
}

static void start_models(void *owner, Ask *ask)
{
        Gateway *g = owner;
        ModelsAsk *a = mem_new(ModelsAsk);
        const char *directory = json_str(ask->args, "directory");

        take_report(g, ask->args);
        *a = (ModelsAsk){.gateway = g, .ask = ask, .n_waiting = 1};
        list_append(&g->model_asks, &a->link);
        if (json_bool(ask->args, "check")) {
                a->n_waiting += (unsigned) model_health_n(g->models);
                for (size_t i = 0; i < model_health_n(g->models); i++)
                        model_health_look(g->models, i, looked, a);
                if (!str_empty(directory) && bridge_connected(g->bridge) > 0 &&
                    model_health_wants_providers(g->models)) {
                        a->n_waiting++;
                        bridge_list_providers(g->bridge, directory, on_providers, a);
                }
        }
        looked(a);
}

/* A look; what it is told may be told twice. */
const AskVerb gateway_models_verb = {.name = GATEWAY_MODELS,
                                     .max_attempts = 3,
                                     .deadline_ms = 60000,
                                     .backoff_ms = 100,
                                     .start = start_models};
