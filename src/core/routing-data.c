/* Labelled texts, and how good a router is on them. */
#include <stdio.h>

#include "base/json.h"
#include "core/routing-model.h"
#include "core/routing-train.h"

/* ---- examples ---- */

/* What a person said counts whole, what nobody contradicted half. */
static const char *label_of(const json_t *line, float *ret_weight)
{
        *ret_weight = 1;
        if (!json_at(line, "decision"))
                return json_str(line, "agent");
        if (json_str(line, "override.agent"))
                return json_str(line, "override.agent");
        if (!json_is_object(json_at(line, "override")))
                *ret_weight = 0.5;
        return json_str(line, "decision.agent");
}

static const char *read_example(const json_t *line, RouteExample *ret)
{
        const char *agent = label_of(line, &ret->weight), *title = json_str(line, "title"),
                   *description = json_str(line, "description"), *text = json_str(line, "text");

        if (!agent)
                return "it has no agent";
        ret->agent = route_agent_named(agent);
        if (ret->agent == ROUTE_AGENTS_N)
                return "its agent is none of architect, pm, builder, party-mode";
        if (!title && !description && !text)
                return "it has no text";
        ret->title = mem_strdup(text ? text : title);
        ret->description = mem_strdup(text ? NULL : description);
        return NULL;
}

static const char *read_line(RouteExamples *e, const char *line, size_t n_bytes, const char *split)
{
        _cleanup_json_ json_t *value =
                n_bytes > ROUTE_LINE_BYTES_MAX ? NULL : json_parse(line, n_bytes, NULL);
        const char *error;

        if (!json_is_object(value))
                return "it is no JSON object, or too long";
        if (split && json_str(value, "split") && !str_equal(json_str(value, "split"), split))
                return NULL;
        if (e->n >= ROUTE_EXAMPLES_MAX)
                return "it is one too many";
        if (e->n == e->size) {
                e->size = e->size ? e->size * 2 : 256;
                e->all = mem_resize(e->all, e->size * sizeof(*e->all));
        }
        error = read_example(value, &e->all[e->n]);
        e->n += !error;
        return error;
}

bool route_examples_read(RouteExamples *e, const char *bytes, size_t n_bytes, const char *split,
                         char **ret_error)
{
        size_t from = 0, line = 1;

        for (size_t i = 0; i <= n_bytes; i++) {
                const char *error;
                size_t n = i - from;

                if (i < n_bytes && bytes[i] != '\n')
                        continue;
                while (n > 0 && strchr(" \t\r", bytes[from + n - 1]))
                        n--;
                error = n > 0 ? read_line(e, bytes + from, n, split) : NULL;
                if (error) {
                        *ret_error = mem_printf("line %zu: %s", line, error);
                        return false;
                }
                from = i + 1;
                line++;
        }
        return true;
}

void route_examples_deinit(RouteExamples *e)
{
        for (size_t i = 0; i < e->n; i++) {
                free(e->all[i].title);
                free(e->all[i].description);
        }
        free(e->all);
        *e = (RouteExamples){0};
}

json_t *route_record_json(const json_t *session)
{
        const json_t *decision = json_at(session, "data.routing.decision"),
                     *override = json_at(session, "data.routing.override");
        const char *agent = json_str_or(override, "agent", json_str_or(decision, "agent", ""));
        json_t *record;

        if (!json_is_object(decision))
                return NULL;
        record = json_pack("{s:i}", "v", 1);
        json_put_str(record, "id", json_str(session, "ref"));
        json_put_int(record, "at_ms", json_int(session, "created_ms", 0));
        json_put_str(record, "title",
                     json_str_or(session, "data.task.title", json_str_or(session, "data.title", "")));
        if (json_str(session, "data.task.description"))
                json_put_str(record, "description", json_str(session, "data.task.description"));
        json_object_set(record, "decision", (json_t *) decision);
        json_object_set_new(record, "override",
                            json_is_object(override) ? json_incref((json_t *) override) : json_null());
        json_put_str(record, "agent", agent);
        return record;
}

/* ---- evaluation ---- */

void route_evaluate(const RouteExamples *e, const RouteModel *model, RouteEvaluation *ret)
{
        *ret = (RouteEvaluation){0};
        for (size_t i = 0; i < e->n; i++) {
                const RouteText text = {e->all[i].title, e->all[i].description};
                RouteDecision d;
                size_t bin;
                bool right;

                route_decide(&text, model, &d);
                right = d.agent == e->all[i].agent;
                bin = MIN2((size_t) (d.confidence * ROUTE_BINS), (size_t) ROUTE_BINS - 1);
                ret->n++;
                ret->n_right += right;
                ret->confusion[e->all[i].agent][d.agent]++;
                ret->bins[bin].n++;
                ret->bins[bin].n_right += right;
                ret->bins[bin].confidence += d.confidence;
        }
}

static double share(double part, double whole)
{
        return whole > 0 ? part / whole : 0;
}

double route_evaluation_accuracy(const RouteEvaluation *v)
{
        return share((double) v->n_right, (double) v->n);
}

double route_evaluation_ece(const RouteEvaluation *v)
{
        double error = 0;

        for (size_t i = 0; i < ROUTE_BINS; i++) {
                double off = v->bins[i].confidence - (double) v->bins[i].n_right;

                error += off < 0 ? -off : off;
        }
        return share(error, (double) v->n);
}

static void print_agents(const RouteEvaluation *v, Buf *out)
{
        buf_printf(out, "\n%-12s", "is \\ decided");
        for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                buf_printf(out, "%11s", route_agent_name((RouteAgent) a));
        buf_printf(out, "%11s%11s\n", "precision", "recall");
        for (size_t a = 0; a < ROUTE_AGENTS_N; a++) {
                size_t decided = 0, is = 0;

                buf_printf(out, "%-12s", route_agent_name((RouteAgent) a));
                for (size_t k = 0; k < ROUTE_AGENTS_N; k++) {
                        buf_printf(out, "%11zu", v->confusion[a][k]);
                        decided += v->confusion[k][a];
                        is += v->confusion[a][k];
                }
                buf_printf(out, "%10.1f%%%10.1f%%\n",
                           100 * share((double) v->confusion[a][a], (double) decided),
                           100 * share((double) v->confusion[a][a], (double) is));
        }
}

void route_evaluation_print(const RouteEvaluation *v, Buf *out)
{
        buf_printf(out, "%zu of %zu right: %.1f%%\n", v->n_right, v->n, 100 * route_evaluation_accuracy(v));
        print_agents(v, out);
        buf_printf(out, "\nconfidence     texts   said    right\n");
        for (size_t i = 0; i < ROUTE_BINS; i++)
                if (v->bins[i].n > 0)
                        buf_printf(out, "%.1f to %.1f  %7zu  %4.0f%%    %4.0f%%\n", (double) i / ROUTE_BINS,
                                   (double) (i + 1) / ROUTE_BINS, v->bins[i].n,
                                   100 * v->bins[i].confidence / (double) v->bins[i].n,
                                   100 * share((double) v->bins[i].n_right, (double) v->bins[i].n));
        buf_printf(out, "expected calibration error: %.3f\n", route_evaluation_ece(v));
}
