#include "integrations/models/health.h"

#include "base/list.h"
#include "base/log.h"

#define COMPONENT        "models"
#define LOOK_TIMEOUT_MS  5000
#define ANSWER_MAX       (4 * 1024 * 1024) /* a hub's list of thousands of models */
#define FAILURE_HOLDS_MS (10 * 60 * 1000LL)
#define WHY_MAX          300

typedef struct Waiter {
        List link;
        void (*done)(void *userdata);
        void *userdata;
} Waiter;

typedef struct Profile {
        ModelHealth *health;
        ModelEndpoint endpoint;
        ModelState looked;                      /* by the last look */
        int64_t looked_ms, begun_ms, failed_ms; /* loop time; 0 = never */
        char *looked_why, *failed_why;
        List waiters; /* for the look under way */
        HttpOp *op;
        bool asks_health; /* the second question of this look */
        MetricSeries *failing, *n_healthy, *n_failing;
} Profile;

struct ModelHealth {
        Loop *loop;
        HttpClient *http;
        int64_t interval_ms;
        Profile *profiles;
        size_t n;
};

const char *model_state_name(ModelState state)
{
        static const char *const names[] = {"unknown", "healthy", "failing"};

        return names[state];
}

/* ---- what counts ---- */

static bool has_endpoint(const Profile *p)
{
        return !str_empty(p->endpoint.base_url);
}

static ModelStatus status_of(Profile *p)
{
        int64_t now_ms = loop_now_ms(p->health->loop);
        bool failed = p->failed_ms > 0 && (has_endpoint(p) ? p->failed_ms >= p->looked_ms
                                                           : now_ms - p->failed_ms < FAILURE_HOLDS_MS);

        if (failed && p->looked != MODEL_FAILING)
                return (ModelStatus){MODEL_FAILING, p->failed_why, p->looked_ms};
        return (ModelStatus){p->looked, p->looked_why, p->looked_ms};
}

static void changed(Profile *p, ModelState before)
{
        ModelStatus now = status_of(p);

        metric_set(p->failing, now.state == MODEL_FAILING);
        if (now.state != before)
                log_info(COMPONENT, "%s (%s): %s → %s%s%s", p->endpoint.name, p->endpoint.model,
                         model_state_name(before), model_state_name(now.state), now.why ? ": " : "",
                         now.why ? now.why : "");
}

/* ---- looking ---- */

char *model_health_url(const ModelEndpoint *endpoint)
{
        return mem_printf("%s/models", endpoint->base_url);
}

/* "http://h:1/v1" → "http://h:1/health": beside the API, not in it. Owned. */
static char *health_url(const ModelEndpoint *endpoint)
{
        size_t n = strlen(endpoint->base_url);

        if (n > 3 && str_equal(endpoint->base_url + n - 3, "/v1"))
                n -= 3;
        return mem_printf("%.*s/health", (int) n, endpoint->base_url);
}

char **model_health_headers(const ModelEndpoint *endpoint)
{
        char **headers = mem_zalloc(4 * sizeof(*headers));
        size_t n = 0;

        headers[n++] = mem_strdup("Accept: application/json");
        if (endpoint->is_anthropic)
                headers[n++] = mem_strdup("anthropic-version: 2023-06-01");
        if (endpoint->key && secret_is_set(endpoint->key))
                headers[n++] = endpoint->is_anthropic
                                       ? mem_printf("x-api-key: %s", secret_reveal(endpoint->key))
                                       : mem_printf("Authorization: Bearer %s", secret_reveal(endpoint->key));
        return headers;
}

void model_health_headers_free(char **headers)
{
        for (char **h = headers; h && *h; h++) {
                explicit_bzero(*h, strlen(*h));
                free(*h);
        }
        free(headers);
}

static bool lists(const json_t *answer, const char *id)
{
        _cleanup_free_ char *latest = mem_printf("%s:latest", id);
        size_t i;
        json_t *model;

        json_array_foreach ((json_t *) json_at(answer, "data"), i, model)
                if (str_equal(json_str(model, "id"), id) || str_equal(json_str(model, "id"), latest))
                        return true;
        return json_array_size(json_at(answer, "data")) == 0;
}

ModelState model_health_read(const ModelEndpoint *endpoint, const HttpResult *result, char **ret_why)
{
        _cleanup_json_ json_t *answer =
                result->fault < 0 ? NULL : json_parse(result->body, result->n_body, NULL);
        const char *slash = strchr(endpoint->model, '/'),
                   *message = json_str_or(answer, "error.message", json_str_or(answer, "error", ""));
        bool refused = result->status == 401 || result->status == 403,
             has_key = endpoint->key && secret_is_set(endpoint->key);

        *ret_why = NULL;
        if (result->fault < 0)
                *ret_why =
                        mem_printf("it cannot be reached: %s", result->error ? result->error : "no answer");
        else if (refused && has_key)
                *ret_why = mem_printf("it refuses the key (%u)", result->status);
        else if (!refused && (result->status < 200 || result->status > 299))
                *ret_why = mem_printf("it answers %u%s%.200s", result->status, *message ? ": " : "", message);
        if (*ret_why)
                return MODEL_FAILING;
        /* Without a key, to be asked for one is an answer. The list is no proof: OpenCode may call the model
         * by another name, and llama.cpp answers to any. */
        if (!refused && slash && !lists(answer, slash + 1))
                *ret_why = mem_printf("it answers, and does not list %.100s", slash + 1);
        return MODEL_HEALTHY;
}

static void looked(Profile *p, ModelState state, char *why /* stolen */)
{
        ModelState before = status_of(p).state;
        List waiters;

        p->op = NULL;
        p->looked = state;
        p->looked_ms = loop_now_ms(p->health->loop);
        free(p->looked_why);
        p->looked_why = why;
        metric_add(state == MODEL_HEALTHY ? p->n_healthy : p->n_failing, 1);
        changed(p, before);
        list_init(&waiters);
        while (!list_empty(&p->waiters)) {
                List *node = p->waiters.next;

                list_remove(node);
                list_append(&waiters, node);
        }
        while (!list_empty(&waiters)) {
                Waiter *w = list_entry(waiters.next, Waiter, link);

                list_remove(&w->link);
                w->done(w->userdata);
                free(w);
        }
}

static void send(Profile *p, const char *url);

static void on_answer(void *userdata, const HttpResult *result)
{
        Profile *p = userdata;
        char *why;
        ModelState state;

        if (result->fault >= 0 && result->status == 404 && !p->asks_health && !p->endpoint.is_anthropic) {
                _cleanup_free_ char *url = health_url(&p->endpoint);

                p->asks_health = true;
                send(p, url);
                return;
        }
        state = model_health_read(&p->endpoint, result, &why);
        if (p->asks_health && state == MODEL_HEALTHY) {
                free(why);
                why = NULL;
        }
        looked(p, state, why);
}

static void send(Profile *p, const char *url)
{
        char **headers = model_health_headers(&p->endpoint);
        int r = http_client_send(p->health->http,
                                 &(HttpCall){
                                         .method = "GET",
                                         .url = url,
                                         .headers = (const char *const *) headers,
                                         .timeout_ms = LOOK_TIMEOUT_MS,
                                         .max_response_bytes = ANSWER_MAX,
                                 },
                                 on_answer, p, &p->op);

        model_health_headers_free(headers);
        if (r < 0)
                looked(p, MODEL_FAILING, mem_strdup("its base_url cannot be asked"));
}

void model_health_look(ModelHealth *h, size_t i, void (*done)(void *userdata), void *userdata)
{
        Profile *p = &h->profiles[i];
        int64_t now_ms = loop_now_ms(h->loop);
        _cleanup_free_ char *url = NULL;
        bool under_way = !list_empty(&p->waiters);
        Waiter *w;

        if (!has_endpoint(p) || (!under_way && p->begun_ms > 0 && now_ms - p->begun_ms < h->interval_ms)) {
                done(userdata);
                return;
        }
        w = mem_new(Waiter);
        w->done = done;
        w->userdata = userdata;
        list_append(&p->waiters, &w->link);
        if (under_way)
                return;
        p->begun_ms = now_ms;
        p->asks_health = false;
        url = model_health_url(&p->endpoint);
        send(p, url);
}

/* ---- OpenCode's providers ---- */

bool model_health_wants_providers(ModelHealth *h)
{
        int64_t now_ms = loop_now_ms(h->loop);

        for (size_t i = 0; i < h->n; i++) {
                Profile *p = &h->profiles[i];

                if (!has_endpoint(p) && (p->begun_ms == 0 || now_ms - p->begun_ms >= h->interval_ms)) {
                        p->begun_ms = now_ms;
                        return true;
                }
        }
        return false;
}

static char *provider_fault(const ModelEndpoint *endpoint, const json_t *providers)
{
        size_t n = strcspn(endpoint->model, "/"), i, k;
        json_t *provider, *id;

        json_array_foreach ((json_t *) providers, i, provider) {
                const char *name = json_str_or(provider, "id", "");

                if (strlen(name) != n || strncmp(name, endpoint->model, n) != 0)
                        continue;
                json_array_foreach ((json_t *) json_at(provider, "models"), k, id)
                        if (str_equal(json_string_value(id), endpoint->model + n + 1))
                                return NULL;
                return mem_printf("OpenCode knows no model %.100s of its provider", endpoint->model + n + 1);
        }
        return mem_printf("OpenCode has no credentials for the provider %.*s", (int) MIN2(n, (size_t) 100),
                          endpoint->model);
}

void model_health_providers(ModelHealth *h, const json_t *providers)
{
        for (size_t i = 0; i < h->n; i++) {
                Profile *p = &h->profiles[i];
                char *why;

                if (has_endpoint(p))
                        continue;
                why = provider_fault(&p->endpoint, providers);
                p->begun_ms = loop_now_ms(h->loop);
                looked(p, why ? MODEL_FAILING : MODEL_HEALTHY, why);
        }
}

/* ---- sessions ---- */

void model_health_failed(ModelHealth *h, size_t i, const char *why)
{
        Profile *p = &h->profiles[i];
        ModelState before = status_of(p).state;
        _cleanup_free_ char *cut = mem_printf("%.*s", WHY_MAX, why ? why : "");

        p->failed_ms = MAX2(loop_now_ms(h->loop), (int64_t) 1);
        mem_strset(&p->failed_why, cut);
        changed(p, before);
}

void model_health_worked(ModelHealth *h, size_t i)
{
        Profile *p = &h->profiles[i];
        ModelState before = status_of(p).state;

        p->failed_ms = 0;
        changed(p, before);
}

/* ---- life ---- */

ModelHealth *model_health_new(Loop *loop, HttpClient *http, Metrics *metrics, const ModelEndpoint *endpoints,
                              size_t n, int64_t interval_ms)
{
        ModelHealth *h = mem_new(ModelHealth);

        *h = (ModelHealth){.loop = loop, .http = http, .interval_ms = interval_ms, .n = n};
        h->profiles = mem_zalloc((n + 1) * sizeof(*h->profiles));
        for (size_t i = 0; i < n; i++) {
                Profile *p = &h->profiles[i];
                _cleanup_free_ char *labels = mem_printf("profile=\"%s\"", endpoints[i].name),
                                    *healthy = mem_printf("%s,state=\"healthy\"", labels),
                                    *failing = mem_printf("%s,state=\"failing\"", labels);

                p->health = h;
                p->endpoint = endpoints[i];
                list_init(&p->waiters);
                p->failing = metrics_gauge(metrics, "model_failing",
                                           "1 while a model profile does not answer.", labels);
                p->n_healthy =
                        metrics_counter(metrics, "model_looks_total", "Looks at model profiles.", healthy);
                p->n_failing =
                        metrics_counter(metrics, "model_looks_total", "Looks at model profiles.", failing);
        }
        return h;
}

void model_health_free(ModelHealth *h)
{
        if (!h)
                return;
        for (size_t i = 0; i < h->n; i++) {
                Profile *p = &h->profiles[i];

                http_op_cancel(p->op);
                while (!list_empty(&p->waiters)) {
                        Waiter *w = list_entry(p->waiters.next, Waiter, link);

                        list_remove(&w->link);
                        free(w);
                }
                free(p->looked_why);
                free(p->failed_why);
        }
        free(h->profiles);
        free(h);
}

size_t model_health_n(const ModelHealth *h)
{
        return h->n;
}

const ModelEndpoint *model_health_endpoint(const ModelHealth *h, size_t i)
{
        return &h->profiles[i].endpoint;
}

ModelStatus model_health_status(ModelHealth *h, size_t i)
{
        return status_of(&h->profiles[i]);
}

size_t model_health_find(const ModelHealth *h, const char *model)
{
        size_t i = 0;

        while (i < h->n && !str_equal(h->profiles[i].endpoint.model, model))
                i++;
        return i;
}
