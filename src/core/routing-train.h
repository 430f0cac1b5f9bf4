/* Training and measuring the router: labelled texts, the model made from them, its file, and how good a
 * router is. Pure: files are read and written by the caller. docs/routing.md describes format and command. */
#pragma once

#include "base/buf.h"
#include "core/routing.h"

#define ROUTE_MODEL_BYTES_MAX (1024u * 1024)
#define ROUTE_EXAMPLES_MAX    200000
#define ROUTE_EXAMPLES_MIN    40 /* fewer teach nothing */
#define ROUTE_LINE_BYTES_MAX  (64u * 1024)

typedef struct RouteExample {
        char *title, *description;
        RouteAgent agent;
        float weight; /* 1; less for a decision that nobody contradicted */
} RouteExample;

typedef struct RouteExamples {
        RouteExample *all;
        size_t n, size;
} RouteExamples;

/* Adds the labelled texts of `bytes`, one JSON object per line: {text | title, description?; agent}, or a
 * record of `routing export`, whose agent is the override, or else the decision at half the weight. `split`,
 * unless NULL, leaves out lines that say another split. False and an owned "line 3: …" in *ret_error when a
 * line is none of these. */
bool route_examples_read(RouteExamples *e, const char *bytes, size_t n_bytes, const char *split,
                         char **ret_error);
void route_examples_deinit(RouteExamples *e);

/* The record of one session, {v, id, at_ms, title, description?, decision, override | null, agent}, where
 * `agent` is the one that it went to in the end. `session` is a row of the journal: {ref, created_ms, data:
 * {task, routing}}. NULL when it was not routed. Owned by the caller. */
json_t *route_record_json(const json_t *session);

typedef struct RouteModelReport {
        size_t n_texts;
        size_t n_right, n_keywords_right; /* each text judged by a model that had not seen it */
        double temperature;
        bool serves; /* the learned model was clearly better */
} RouteModelReport;

/* Deterministic: the same examples in the same order give the same bytes. NULL when there are fewer than
 * ROUTE_EXAMPLES_MIN, or all of one agent. Owned by the caller. */
RouteModel *route_train(const RouteExamples *e);
void route_model_free(RouteModel *m);
DEFINE_CLEANUP(RouteModel *, route_model_free);
bool route_model_serves(const RouteModel *m); /* false for NULL */
/* As route_task(), but the model decides whether it serves or not. */
void route_decide(const RouteText *text, const RouteModel *model /* borrowed; NULL: keywords */,
                  RouteDecision *ret);
void route_model_report(const RouteModel *m, RouteModelReport *ret);

void route_model_write(const RouteModel *m, Buf *out);
/* NULL, and a static text that says why, when the bytes are no model of this program. */
RouteModel *route_model_read(const void *bytes, size_t n_bytes, const char **ret_error);

#define ROUTE_BINS 10

typedef struct RouteEvaluation {
        size_t n, n_right;
        size_t confusion[ROUTE_AGENTS_N][ROUTE_AGENTS_N]; /* [what is right][what was decided] */
        struct {
                size_t n, n_right;
                double confidence; /* their sum */
        } bins[ROUTE_BINS];        /* by confidence: 0 to 0.1, … */
} RouteEvaluation;

/* `model` NULL: the keywords; else the model, whether it serves or not. */
void route_evaluate(const RouteExamples *e, const RouteModel *model, RouteEvaluation *ret);
double route_evaluation_accuracy(const RouteEvaluation *v);
/* Expected calibration error: how far confidence and truth are apart, 0 to 1. */
double route_evaluation_ece(const RouteEvaluation *v);
void route_evaluation_print(const RouteEvaluation *v, Buf *out); /* for people */
