/* A task text is whatever somebody pasted. Up to a first NUL the bytes are the title, after it the
 * description; the same bytes are also taken for a model's file, and for a file of labelled texts. */
#include <assert.h>

#include "base/json.h"
#include "core/routing-train.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check(const RouteText *text, const RouteModel *model)
{
        RouteDecision d, again;
        double sum = 0;

        route_decide(text, model, &d);
        route_decide(text, model, &again);
        assert(memcmp(&d, &again, sizeof(d)) == 0);
        for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                sum += d.scores[a];
        assert(sum > 0.999 && sum < 1.001 && d.agent < ROUTE_AGENTS_N);
        assert(d.complexity >= 0 && d.complexity <= 100);
        assert(strlen(d.reasons) < ROUTE_REASONS_BYTES_MAX);
        json_decref(route_decision_json(&d));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        _cleanup_free_ char *text = mem_strndup((const char *) data, n_bytes), *error = NULL;
        const char *description = strlen(text) < n_bytes ? text + strlen(text) + 1 : NULL;
        const RouteText task = {text, description};
        RouteExamples e = {0};

        check(&task, NULL);
        check(&task, route_model_builtin());
        assert(!route_model_read(data, n_bytes, NULL));
        route_examples_read(&e, (const char *) data, n_bytes, NULL, &error);
        route_examples_deinit(&e);
        return 0;
}
