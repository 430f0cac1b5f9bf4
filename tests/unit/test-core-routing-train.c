/* core: labelled texts, the model made from them, its file, and how good a router is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/json.h"
#include "core/routing-train.h"

#define DATA "src/core/routing-data/"

static void read_into(RouteExamples *e, const char *path)
{
        _cleanup_buf_ Buf bytes = {0};
        _cleanup_free_ char *error = NULL;
        FILE *f = fopen(path, "r");
        size_t n;

        assert_non_null(f);
        while ((n = fread(buf_reserve(&bytes, 65536), 1, 65536, f)) > 0)
                buf_commit(&bytes, n);
        fclose(f);
        if (!route_examples_read(e, buf_bytes(&bytes), buf_len(&bytes), NULL, &error))
                fail_msg("%s, %s", path, error);
}

/* `n` texts per agent that a few words tell apart. */
static void make_examples(RouteExamples *e, size_t n)
{
        static const char *const words[ROUTE_AGENTS_N] = {"zebra", "quokka", "wombat", "lemur"};
        _cleanup_buf_ Buf lines = {0};
        _cleanup_free_ char *error = NULL;

        for (size_t i = 0; i < n; i++)
                for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                        buf_printf(&lines, "{\"text\": \"%s number %zu\", \"agent\": \"%s\"}\n", words[a], i,
                                   route_agent_name((RouteAgent) a));
        assert_true(route_examples_read(e, buf_bytes(&lines), buf_len(&lines), NULL, &error));
}

static void test_examples(void **state)
{
        static const char lines[] =
                "{\"id\": \"1\", \"text\": \"a\", \"agent\": \"pm\", \"split\": \"train\"}\r\n\n"
                "{\"title\": \"b\", \"description\": \"c\", \"agent\": \"Builder\", \"split\": \"hold-out\"}\n"
                "{\"title\": \"d\", \"decision\": {\"agent\": \"pm\"}, \"override\": {\"agent\": \"architect\"}, \"agent\": \"architect\"}\n"
                "{\"title\": \"e\", \"decision\": {\"agent\": \"pm\"}, \"override\": null, \"agent\": \"pm\"}\n"
                "{\"title\": \"f\", \"decision\": {\"agent\": \"pm\"}, \"override\": {\"model\": \"qwen\"}}";
        RouteExamples e = {0};
        _cleanup_free_ char *error = NULL;

        (void) state;
        assert_true(route_examples_read(&e, lines, strlen(lines), "train", &error));
        assert_int_equal(e.n, 4);
        assert_int_equal(e.all[0].agent, ROUTE_PM);
        assert_int_equal(e.all[1].agent, ROUTE_ARCHITECT);
        assert_true(e.all[1].weight == 1);
        assert_true(e.all[2].weight == 0.5f); /* nobody said anything */
        assert_true(e.all[3].weight == 1);    /* somebody looked, and left the agent as it was */
        route_examples_deinit(&e);
}

static void test_bad_examples(void **state)
{
        static const struct {
                const char *lines, *error;
        } cases[] = {
                {"{\"text\": \"a\", \"agent\": \"pm\"}\nnonsense",
                 "line 2: it is no JSON object, or too long"},
                {"[]", "line 1: it is no JSON object, or too long"},
                {"{\"text\": \"a\"}", "line 1: it has no agent"},
                {"{\"text\": \"a\", \"agent\": \"chef\"}",
                 "line 1: its agent is none of architect, pm, builder, party-mode"},
                {"{\"agent\": \"pm\"}", "line 1: it has no text"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                RouteExamples e = {0};
                _cleanup_free_ char *error = NULL;

                assert_false(route_examples_read(&e, cases[i].lines, strlen(cases[i].lines), NULL, &error));
                assert_string_equal(error, cases[i].error);
                route_examples_deinit(&e);
        }
}

static void test_training(void **state)
{
        RouteExamples e = {0};
        _cleanup_(route_model_freep) RouteModel *first = NULL, *second = NULL;
        _cleanup_buf_ Buf a = {0}, b = {0};
        RouteModelReport r;
        RouteDecision d;

        (void) state;
        make_examples(&e, 25);
        first = route_train(&e);
        second = route_train(&e);
        route_model_write(first, &a);
        route_model_write(second, &b);
        assert_int_equal(buf_len(&a), buf_len(&b));
        assert_memory_equal(buf_bytes(&a), buf_bytes(&b), buf_len(&a));
        assert_true(buf_len(&a) < ROUTE_MODEL_BYTES_MAX);
        route_model_report(first, &r);
        assert_int_equal(r.n_texts, 100);
        assert_int_equal(r.n_right, 100);
        assert_int_equal(r.n_keywords_right, 25); /* all to the builder */
        assert_true(r.serves && route_model_serves(first));
        route_task(&(RouteText){.title = "quokka number 999"}, first, &d);
        assert_int_equal(d.agent, ROUTE_PM);
        assert_int_equal(d.by, ROUTE_BY_LEARNED);
        assert_non_null(strstr(d.reasons, "quokka"));
        route_examples_deinit(&e);
}

/* Labels that nothing in the texts explains: the model knows no more than the keywords, and stays away. */
static void test_does_not_serve(void **state)
{
        _cleanup_buf_ Buf lines = {0};
        _cleanup_free_ char *error = NULL;
        _cleanup_(route_model_freep) RouteModel *model = NULL;
        RouteExamples e = {0};
        RouteDecision d;

        (void) state;
        for (size_t i = 0; i < 80; i++)
                buf_printf(&lines, "{\"text\": \"fix bug %zu\", \"agent\": \"%s\"}\n", i,
                           i % 4 ? "builder" : "pm");
        assert_true(route_examples_read(&e, buf_bytes(&lines), buf_len(&lines), NULL, &error));
        model = route_train(&e);
        assert_non_null(model);
        assert_false(route_model_serves(model));
        route_task(&(RouteText){.title = "fix bug 4711"}, model, &d);
        assert_int_equal(d.by, ROUTE_BY_KEYWORDS);
        route_decide(&(RouteText){.title = "fix bug 4711"}, model, &d);
        assert_int_equal(d.by, ROUTE_BY_LEARNED);
        assert_true(d.confidence < 0.95); /* a quarter of these was not the builder's */
        route_examples_deinit(&e);
}

static void test_too_little(void **state)
{
        RouteExamples few = {0}, same = {0};
        _cleanup_buf_ Buf lines = {0};
        _cleanup_free_ char *error = NULL;

        (void) state;
        make_examples(&few, 3);
        assert_null(route_train(&few));
        for (size_t i = 0; i < 100; i++)
                buf_printf(&lines, "{\"text\": \"t %zu\", \"agent\": \"pm\"}\n", i);
        assert_true(route_examples_read(&same, buf_bytes(&lines), buf_len(&lines), NULL, &error));
        assert_null(route_train(&same));
        assert_null(route_train(&(RouteExamples){0}));
        route_examples_deinit(&few);
        route_examples_deinit(&same);
}

/* Every byte that is changed, and every byte that is missing, is seen. */
static void test_model_file(void **state)
{
        _cleanup_(route_model_freep) RouteModel *model = NULL, *again = NULL;
        _cleanup_buf_ Buf bytes = {0}, copy = {0};
        RouteExamples e = {0};
        RouteDecision a, b;
        const char *error;

        (void) state;
        make_examples(&e, 15);
        model = route_train(&e);
        route_examples_deinit(&e);
        route_model_write(model, &bytes);
        again = route_model_read(buf_bytes(&bytes), buf_len(&bytes), &error);
        assert_non_null(again);
        route_decide(&(RouteText){.title = "lemur"}, model, &a);
        route_decide(&(RouteText){.title = "lemur"}, again, &b);
        assert_memory_equal(&a, &b, sizeof(a));
        for (size_t i = 0; i < buf_len(&bytes); i += i < 64 || i + 40 > buf_len(&bytes) ? 1 : 4999) {
                char *damaged;

                buf_clear(&copy);
                buf_append(&copy, buf_bytes(&bytes), buf_len(&bytes));
                damaged = (char *) buf_bytes(&copy);
                damaged[i] = (char) (damaged[i] ^ 0x20);
                assert_null(route_model_read(damaged, buf_len(&copy), &error));
                assert_non_null(error);
                assert_null(route_model_read(buf_bytes(&bytes), i, NULL));
        }
        assert_null(route_model_read("", 0, &error));
        assert_string_equal(error, "it is no routing model");
}

/* What is built in, on texts that it has not seen: far from what is measured today (docs/routing.md), so that
 * only a real loss breaks this. */
static void test_builtin(void **state)
{
        const RouteModel *model = route_model_builtin();
        RouteExamples e = {0};
        RouteEvaluation learned, keywords;
        RouteModelReport r;

        (void) state;
        assert_non_null(model);
        assert_true(route_model_serves(model));
        route_model_report(model, &r);
        assert_true(r.n_right > r.n_keywords_right);
        read_into(&e, DATA "hold-out.jsonl");
        assert_true(e.n >= 300);
        route_evaluate(&e, model, &learned);
        route_evaluate(&e, NULL, &keywords);
        assert_true(route_evaluation_accuracy(&learned) > 0.88);
        assert_true(route_evaluation_accuracy(&keywords) > 0.75);
        assert_true(route_evaluation_ece(&learned) < 0.1);
        route_examples_deinit(&e);
}

/* A text of the hold-out must not be among those that are learned from. */
static void test_splits_are_apart(void **state)
{
        static const char *const files[] = {DATA "train-architect.jsonl", DATA "train-builder.jsonl",
                                            DATA "train-pm.jsonl", DATA "train-party-mode.jsonl"};
        RouteExamples train = {0}, held = {0};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                read_into(&train, files[i]);
        read_into(&held, DATA "hold-out.jsonl");
        assert_true(train.n >= 600);
        for (size_t i = 0; i < held.n; i++)
                for (size_t k = 0; k < train.n; k++)
                        if (strcasecmp(held.all[i].title, train.all[k].title) == 0)
                                fail_msg("in both: %s", held.all[i].title);
        route_examples_deinit(&train);
        route_examples_deinit(&held);
}

static void test_evaluation(void **state)
{
        RouteEvaluation v = {.n = 10, .n_right = 8};
        _cleanup_buf_ Buf out = {0};

        (void) state;
        v.confusion[ROUTE_BUILDER][ROUTE_BUILDER] = 8;
        v.confusion[ROUTE_PM][ROUTE_BUILDER] = 2;
        v.bins[9].n = 10;
        v.bins[9].n_right = 8;
        v.bins[9].confidence = 9.5;
        assert_true(route_evaluation_accuracy(&v) == 0.8);
        assert_true(route_evaluation_ece(&v) > 0.149 && route_evaluation_ece(&v) < 0.151);
        route_evaluation_print(&v, &out);
        assert_non_null(strstr(buf_bytes(&out), "8 of 10 right: 80.0%"));
        assert_non_null(strstr(buf_bytes(&out), "0.9 to 1.0       10    95%      80%"));
}

static void test_record(void **state)
{
        static const char session[] =
                "{\"ref\": \"r1\", \"created_ms\": 5, \"data\": {\"title\": \"old\", \"task\": {\"title\": \"t\", \"description\": \"d\"},"
                " \"routing\": {\"decision\": {\"agent\": \"pm\"}, \"override\": {\"agent\": \"builder\"}}}}";
        _cleanup_json_ json_t *row = json_parse(session, strlen(session), NULL),
                              *record = route_record_json(row);
        _cleanup_json_ json_t *none = json_pack("{s:s, s:{}}", "ref", "r2", "data");
        _cleanup_free_ char *line = json_dump(record), *error = NULL;
        RouteExamples e = {0};

        (void) state;
        assert_string_equal(json_str(record, "id"), "r1");
        assert_string_equal(json_str(record, "agent"), "builder");
        assert_true(route_examples_read(&e, line, strlen(line), NULL, &error));
        assert_int_equal(e.all[0].agent, ROUTE_BUILDER);
        assert_string_equal(e.all[0].title, "t");
        assert_string_equal(e.all[0].description, "d");
        assert_null(route_record_json(none));
        route_examples_deinit(&e);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_examples),   cmocka_unit_test(test_bad_examples),
                cmocka_unit_test(test_training),   cmocka_unit_test(test_does_not_serve),
                cmocka_unit_test(test_too_little), cmocka_unit_test(test_model_file),
                cmocka_unit_test(test_builtin),    cmocka_unit_test(test_splits_are_apart),
                cmocka_unit_test(test_evaluation), cmocka_unit_test(test_record),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
