/* Does a model answer? What its endpoint says, what OpenCode says of its provider, and what sessions found
 * out.
 *
 * An endpoint is looked at when somebody wants to know and it has not been looked at for the interval; nobody
 * who wants to know, no look. It is asked for its list of models (GET {base_url}/models); where there is no
 * such list, for its health (GET /health beside the /v1, as llama.cpp's server and vLLM have it). Prompts are
 * never sent: they cost money, and queue behind real ones.
 *
 * What counts is the newest: a session that found out that a model fails makes it failing until a later look,
 * or a session, says otherwise. Without an endpoint there is nothing to look at but OpenCode's credentials,
 * which say nothing about whether a provider answers; then a failure counts for ten minutes. */
#pragma once

#include "base/json.h"
#include "base/metric.h"
#include "base/secret.h"
#include "net/http-client.h"

typedef struct ModelHealth ModelHealth;

typedef enum ModelState { MODEL_UNKNOWN, MODEL_HEALTHY, MODEL_FAILING } ModelState;
const char *model_state_name(ModelState state); /* "unknown", "healthy", "failing" */

/* Strings are borrowed as long as the ModelHealth lives. */
typedef struct ModelEndpoint {
        const char *name, *model; /* "qwen", "ollama/qwen2.5" */
        bool is_anthropic;        /* its API's headers; else OpenAI's */
        const char *base_url;     /* "" = none to look at */
        const Secret *key;        /* may be unset */
} ModelEndpoint;

typedef struct ModelStatus {
        ModelState state;
        const char *why;   /* one line, NULL when there is nothing to say; borrowed until the next call */
        int64_t looked_ms; /* loop time of the last look at the endpoint or the provider; 0 = never */
} ModelStatus;

ModelHealth *model_health_new(Loop *loop, HttpClient *http, Metrics *metrics,
                              const ModelEndpoint *endpoints /* copied */, size_t n, int64_t interval_ms);
void model_health_free(ModelHealth *h); /* who waits for a look is not told */
DEFINE_CLEANUP(ModelHealth *, model_health_free);

size_t model_health_n(const ModelHealth *h);
const ModelEndpoint *model_health_endpoint(const ModelHealth *h, size_t i);
ModelStatus model_health_status(ModelHealth *h, size_t i);
/* The one with that "provider/model"; model_health_n() when there is none. */
size_t model_health_find(const ModelHealth *h, const char *model);

/* Looks, unless it has been done within the interval; `done` once, perhaps from inside. Several who want to
 * know wait for one look. Without an endpoint there is nothing to do. */
void model_health_look(ModelHealth *h, size_t i, void (*done)(void *userdata), void *userdata);
/* Is it time to ask OpenCode for its providers, for the sake of those without an endpoint? */
bool model_health_wants_providers(ModelHealth *h);
/* [{id, models: [id]}]: all that OpenCode has credentials for. */
void model_health_providers(ModelHealth *h, const json_t *providers);

/* What a session found out. */
void model_health_failed(ModelHealth *h, size_t i, const char *why);
void model_health_worked(ModelHealth *h, size_t i);

/* For the doctor: what a look at this endpoint would send and how its answer reads. The URL is owned. */
char *model_health_url(const ModelEndpoint *endpoint);
/* Owned header lines, NULL-terminated. */
char **model_health_headers(const ModelEndpoint *endpoint);
void model_health_headers_free(char **headers);
/* *ret_why: owned, or NULL. */
ModelState model_health_read(const ModelEndpoint *endpoint, const HttpResult *result, char **ret_why);
