/* core: which agent and model a task goes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "core/routing-train.h"

static RouteDecision decide(const char *title, const char *description, const RouteModel *model)
{
        RouteDecision d;

        route_task(&(RouteText){title, description}, model, &d);
        return d;
}

static void expect(const char *text, RouteAgent want, const RouteModel *model)
{
        RouteDecision d = decide(text, NULL, model);

        if (d.agent != want)
                fail_msg("\"%s\" goes to %s (%.2f, %s)", text, route_agent_name(d.agent), d.confidence,
                         d.reasons);
}

/* What the words look like and what is wanted are not always the same. */
static const struct {
        const char *text;
        RouteAgent want;
} borders[] = {
        {"design a button", ROUTE_BUILDER},
        {"Design the architecture of the billing service", ROUTE_ARCHITECT},
        {"implement the architecture we agreed", ROUTE_BUILDER},
        {"Write user stories for the search page", ROUTE_PM},
        {"write unit tests for the search page", ROUTE_BUILDER},
        {"Write an ADR about the message queue", ROUTE_ARCHITECT},
        {"Brainstorm user stories with the whole team", ROUTE_PARTY_MODE},
        {"discuss with everybody how we name the product", ROUTE_PARTY_MODE},
        {"Debate whether we need a second database", ROUTE_PARTY_MODE},
        {"Get the team's view on trunk based development", ROUTE_PARTY_MODE},
        {"Run a retrospective of the last sprint", ROUTE_PARTY_MODE},
        {"The retro page shows an error when I add a note", ROUTE_BUILDER},
        {"threat model for the upload endpoint", ROUTE_ARCHITECT},
        {"Evaluate options for the job scheduler", ROUTE_ARCHITECT},
        {"How should we structure the repository?", ROUTE_ARCHITECT},
        {"How should we scale the chat servers to a million users?", ROUTE_ARCHITECT},
        {"How do we migrate to PostgreSQL without downtime?", ROUTE_ARCHITECT},
        {"capacity planning for the ticket sale", ROUTE_ARCHITECT},
        {"data model for subscriptions and invoices", ROUTE_ARCHITECT},
        {"PRD for shared shopping lists", ROUTE_PM},
        {"Prioritize the backlog", ROUTE_PM},
        {"Acceptance criteria for the login", ROUTE_PM},
        {"KPIs for the support team", ROUTE_PM},
        {"release notes for version 3", ROUTE_PM},
        {"Login broken on Safari", ROUTE_BUILDER},
        {"hey can you fix the flaky checkout test please", ROUTE_BUILDER},
        {"HEY CAN YOU FIX THE FLAKY CHECKOUT TEST PLEASE", ROUTE_BUILDER},
        {"TypeError: x is not a function at render (app.js:10)", ROUTE_BUILDER},
        {"add a dark mode toggle", ROUTE_BUILDER},
        {"Don't write code yet: evaluate the options for a message broker", ROUTE_ARCHITECT},
        {"Behebe den Fehler beim Anmelden", ROUTE_BUILDER},
        {"Schreibe Akzeptanzkriterien für den Warenkorb", ROUTE_PM},
        {"Diskutiert das bitte aus verschiedenen Perspektiven", ROUTE_PARTY_MODE},
        {"Corrige le bouton de paiement qui ne marche pas", ROUTE_BUILDER},
        {"Arregla el error al guardar el formulario", ROUTE_BUILDER},
        {"Diseñar la arquitectura del sistema de pagos", ROUTE_ARCHITECT},
};

static void test_borders(void **state)
{
        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(borders); i++)
                expect(borders[i].text, borders[i].want, route_model_builtin());
}

/* The keywords alone, where the model is not there or does not serve. */
static void test_keywords(void **state)
{
        static const struct {
                const char *text;
                RouteAgent want;
        } cases[] = {
                {"design a button", ROUTE_BUILDER},
                {"Design a system that stores events", ROUTE_ARCHITECT},
                {"implement the architecture we agreed", ROUTE_BUILDER},
                {"write user stories for the returns", ROUTE_PM},
                {"brainstorm with everyone", ROUTE_PARTY_MODE},
                {"crash on start", ROUTE_BUILDER},
                {"moving auth to a third party, options and trade-offs", ROUTE_ARCHITECT},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                expect(cases[i].text, cases[i].want, NULL);
                assert_int_equal(decide(cases[i].text, NULL, NULL).by, ROUTE_BY_KEYWORDS);
        }
        assert_int_equal(decide("design a button", NULL, route_model_builtin()).by, ROUTE_BY_LEARNED);
}

static void test_profile(void **state)
{
        static const char hard[] =
                "Rewrite the payment pipeline: distributed transactions across services, migration of legacy data with "
                "zero downtime, encryption of card data, concurrency and replication.\n- move the ledger\n- shard "
                "it\n- cache invalidation\n- failover\nFiles: src/ledger.c, src/pay.c, src/queue.c";
        RouteDecision easy = decide("Fix a typo in the footer", NULL, NULL),
                      complex = decide(hard, NULL, NULL);

        (void) state;
        assert_int_equal(easy.agent, ROUTE_BUILDER);
        assert_int_equal(easy.level, ROUTE_LOW);
        assert_int_equal(easy.profile, ROUTE_QWEN);
        assert_int_equal(complex.level, ROUTE_HIGH);
        assert_int_equal(complex.profile, ROUTE_CLAUDE);
        assert_true(easy.complexity < complex.complexity);
        assert_int_equal(decide("PRD for invoices", NULL, NULL).profile, ROUTE_CLAUDE);
}

/* A title that its description begins with says nothing twice. */
static void test_title_and_description(void **state)
{
        static const char text[] = "Roadmap for the second half of the year, with the reasons for each item";
        RouteDecision once = decide(NULL, text, NULL),
                      cut = decide("Roadmap for the second half\xe2\x80\xa6", text, NULL),
                      dots = decide("Roadmap for the second half...", text, NULL),
                      other = decide("Broken build", text, NULL);

        (void) state;
        assert_memory_equal(&once, &cut, sizeof(once));
        assert_memory_equal(&once, &dots, sizeof(once));
        assert_true(other.scores[ROUTE_BUILDER] > once.scores[ROUTE_BUILDER]);
}

static void test_nothing(void **state)
{
        static const char *const texts[] = {"", " \n\t ", "?!", "\xf0\x9f\x98\x80", "12345", "\xff\xfe\xfd"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                RouteDecision d = decide(texts[i], NULL, NULL);

                assert_int_equal(d.agent, ROUTE_BUILDER);
                assert_true(d.confidence < 0.6);
        }
        assert_int_equal(decide(NULL, NULL, route_model_builtin()).agent, ROUTE_BUILDER);
}

/* Whatever is pasted, the answer is an answer, and the same again. */
static void check_sane(const char *title, const char *description)
{
        const RouteModel *models[] = {NULL, route_model_builtin()};

        for (size_t i = 0; i < ELEMENTSOF(models); i++) {
                RouteDecision a = decide(title, description, models[i]),
                              b = decide(title, description, models[i]);
                double sum = 0;

                assert_memory_equal(&a, &b, sizeof(a));
                for (size_t k = 0; k < ROUTE_AGENTS_N; k++)
                        sum += a.scores[k];
                assert_true(sum > 0.999 && sum < 1.001);
                assert_true(a.confidence >= 0.25 && a.confidence <= 1 && a.confidence == a.scores[a.agent]);
                assert_true(a.complexity >= 0 && a.complexity <= 100);
                assert_true(strlen(a.reasons) < ROUTE_REASONS_BYTES_MAX);
                for (const char *s = a.reasons; *s; s++)
                        assert_true((unsigned char) *s >= 0x80 || strchr(" ,;-", *s) ||
                                    (*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9'));
        }
}

static void test_hostile(void **state)
{
        static const char *const pieces[] = {"a",
                                             "-",
                                             "`",
                                             "```",
                                             "<",
                                             "<@",
                                             "/",
                                             "./a",
                                             "#1 ",
                                             "'",
                                             "what's ",
                                             "design ",
                                             "\n- ",
                                             "?",
                                             "\xff",
                                             "\xc3",
                                             "\xe2\x80\xae",
                                             "\xf0\x9f\x98\x80",
                                             "\xe5\xad\x97",
                                             "do not ",
                                             "<!channel> ",
                                             "*evil* ",
                                             "how should we "};
        size_t sizes[] = {1, 100, 10 * 1024, 1024 * 1024};

        (void) state;
        for (size_t p = 0; p < ELEMENTSOF(pieces); p++)
                for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                        _cleanup_buf_ Buf text = {0};

                        while (buf_len(&text) < sizes[i])
                                buf_append_str(&text, pieces[p]);
                        buf_append_char(&text, '\0');
                        check_sane(buf_bytes(&text), NULL);
                        check_sane(NULL, buf_bytes(&text));
                        check_sane(buf_bytes(&text), buf_bytes(&text));
                }
        check_sane("fix <!channel> *bold* <https://evil|link> @here `code` & co \xe2\x80\xae",
                   "architecture <@U123>");
}

static void test_random_bytes(void **state)
{
        uint64_t random = 1;

        (void) state;
        for (size_t round = 0; round < 300; round++) {
                char text[400];
                size_t n = round % (sizeof(text) - 1);

                for (size_t i = 0; i < n; i++) {
                        random = random * 6364136223846793005u + 1442695040888963407u;
                        text[i] = (char) (random >> 40);
                        text[i] = text[i] ? text[i] : ' ';
                }
                text[n] = '\0';
                check_sane(text, NULL);
        }
}

static void test_json(void **state)
{
        RouteDecision d = decide("Evaluate options for the queue, with trade-offs", NULL, NULL);
        _cleanup_json_ json_t *value = route_decision_json(&d);

        (void) state;
        assert_int_equal(json_int(value, "v", 0), 1);
        assert_string_equal(json_str(value, "agent"), "architect");
        assert_string_equal(json_str(value, "model"), "claude");
        assert_string_equal(json_str(value, "by"), "keywords");
        assert_true(json_is_real(json_at(value, "confidence")));
        assert_int_equal(json_object_size(json_at(value, "scores")), ROUTE_AGENTS_N);
        assert_non_null(strstr(json_str(value, "reasons"), "trade off"));
        assert_non_null(strstr(json_str(value, "reasons"), "\xe2\x86\x92 architect; complexity"));
}

static void test_names(void **state)
{
        (void) state;
        for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                assert_int_equal(route_agent_named(route_agent_name((RouteAgent) a)), a);
        assert_int_equal(route_agent_named("Party"), ROUTE_PARTY_MODE);
        assert_int_equal(route_agent_named("nobody"), ROUTE_AGENTS_N);
        assert_int_equal(route_agent_named(NULL), ROUTE_AGENTS_N);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_borders),      cmocka_unit_test(test_keywords),
                cmocka_unit_test(test_profile),      cmocka_unit_test(test_title_and_description),
                cmocka_unit_test(test_nothing),      cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_random_bytes), cmocka_unit_test(test_json),
                cmocka_unit_test(test_names),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
