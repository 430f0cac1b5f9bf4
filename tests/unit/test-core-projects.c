/* core: the list of projects as people write it, and which of them a task belongs to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "core/projects.h"

/* "0012|Title|status|category|a,b;" for each project. Owned. */
static char *render(const Projects *p)
{
        _cleanup_buf_ Buf out = {0};

        for (size_t i = 0; i < p->n; i++) {
                const Project *one = &p->all[i];

                buf_printf(&out, "%s|%s|%s|%s|", one->id, one->title, one->status, one->category);
                for (size_t k = 0; k < one->n_repositories; k++)
                        buf_printf(&out, "%s%s", k ? "," : "", one->repositories[k]);
                buf_append_char(&out, ';');
        }
        return mem_strdup(buf_bytes(&out));
}

static void test_shapes(void **state)
{
        static const struct {
                const char *text, *want;
        } cases[] = {
                {"", ""},
                {"# Projects\n\nNothing here yet, 12 ideas.\n", ""},
                {"| ID | Title | Status | Category | Repositories |\n"
                 "|----|-------|--------|----------|--------------|\n"
                 "| 0012 | OpenCode Slack Integration | Implementing | integration | ai-dev, domain-apis |\n"
                 "| **0013** | `Grid` Exit Strategy | planned | trading | - |\n",
                 "0012|OpenCode Slack Integration|implementing|integration|ai-dev,domain-apis;"
                 "0013|Grid Exit Strategy|planned|trading|;"},
                {"| Status | Project | Repo |\n|:--|--:|---|\n| active | 0007 - A \\| B | core |\n",
                 "0007|A | B|active||core;"},
                {"## 0012 - OpenCode Slack Integration\n"
                 "- **Status:** implementing\n* Category: Integration\n- Repositories: ai-dev; domain-apis\n"
                 "Some prose: with a colon.\n### Notes\nRepo: plugin\n"
                 "## Other things\n- Status: lost\n",
                 "0012|OpenCode Slack Integration|implementing|integration|ai-dev,domain-apis,plugin;"},
                {"- 0012: OpenCode Slack Integration (implementing) [integration] repos: ai-dev, domain-apis\n"
                 "- [x] 0011: Done thing (done)\n* #7 Short id\n1. first\n- 2024-05-01: a date\n",
                 "0012|OpenCode Slack Integration|implementing|integration|ai-dev,domain-apis;"
                 "0011|Done thing|done||;7|Short id|||;"},
                {"## 3 things to do\n12 ideas\n2) second\n- 5\n", "5||||;"},
                {"### [0003] Brackets\r\n- status: wip\r\n", "0003|Brackets|wip||;"},
                {"## Project 0012 \xe2\x80\x94 Dash\n## 0012\n- repos: a a b\n", "0012|Dash|||a,b;"},
                {"- 12345678901234: too long for an id\n- 10th: thing\n- 3.5 GB of logs\n", ""},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *got = NULL;
                Projects p;

                projects_parse(cases[i].text, strlen(cases[i].text), &p);
                got = render(&p);
                projects_deinit(&p);
                assert_string_equal(got, cases[i].want);
        }
}

static void test_limits(void **state)
{
        _cleanup_buf_ Buf text = {0};
        Projects p;

        buf_append_str(&text, "- 9999: ");
        for (int i = 0; i < 300; i++)
                buf_append_str(&text, "\xc3\xa4");
        buf_append_char(&text, '\n');
        for (int i = 0; i < PROJECTS_MAX + 5; i++)
                buf_printf(&text, "- %04d: Project\n", 10000 + i);
        projects_parse(buf_bytes(&text), buf_len(&text), &p);
        assert_int_equal(p.n, PROJECTS_MAX);
        assert_int_equal(p.n_dropped, 6);
        assert_int_equal(strlen(p.all[0].title), PROJECT_TEXT_BYTES_MAX);
        projects_deinit(&p);
}

static void test_similarity(void **state)
{
        static const struct {
                const char *a, *b;
                bool same;
        } cases[] = {
                {"OpenCode Slack Integration", "opencode slack integration", true},
                {"OpenCode-Slack integration!", "OpenCode Slack Integration", true},
                {"Slack integration: OpenCode", "OpenCode Slack Integration", true},
                {"OpenCode Slack Integrations", "OpenCode Slack Integration", true},
                {"Add rate limiting", "OpenCode Slack Integration", false},
                {"Slack", "OpenCode Slack Integration", false},
                {"OpenCode Slack", "OpenCode Slack Integration", false},
                {"", "", false},
                {"!!!", "OpenCode", false},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(project_title_similarity(cases[i].a, cases[i].b) > PROJECT_SIMILARITY_MIN,
                                 cases[i].same);
        assert_true(project_title_similarity("same words", "Words, same") == 1.0);
}

static void test_inference(void **state)
{
        static const char list[] =
                "- 0012: OpenCode Slack Integration (implementing) [chat] repos: ai-dev, gateway\n"
                "- 0013: Grid Exit Strategy (implementing) [trading] repos: grid\n"
                "- 0014: Grid Entry Strategy (planned) [trading] repos: grid\n"
                "- 0015: Old chat (done) [chat] repos: ai-dev, gateway, old\n"
                "- 7: Short\n";
        static const struct {
                const char *title, *repositories[3], *category, *id;
                ProjectBy by;
        } cases[] = {
                {"OpenCode Slack integration", {}, NULL, "0012", PROJECT_BY_TITLE},
                {"0013 fix the exit", {}, NULL, "0013", PROJECT_BY_ID},
                {"Fix the exit (#7)", {}, NULL, "7", PROJECT_BY_ID},
                {"7 tests fail", {}, NULL, NULL, PROJECT_BY_NOTHING},
                {"project 7 needs a test", {}, NULL, "7", PROJECT_BY_ID},
                {"0012 and 0013", {}, NULL, NULL, PROJECT_BY_NOTHING},
                {"v1.0012", {}, NULL, NULL, PROJECT_BY_NOTHING},
                {"Fix it", {"gateway"}, NULL, "0012", PROJECT_BY_REPOSITORIES}, /* the active one of two */
                {"Fix it", {"gateway", "old"}, NULL, "0015", PROJECT_BY_REPOSITORIES},
                {"Fix it", {"GRID"}, NULL, "0013", PROJECT_BY_REPOSITORIES},
                {"Fix it", {"grid", "ai-dev"}, NULL, NULL, PROJECT_BY_NOTHING},
                {"Fix it", {"nobody's"}, "chat", "0012", PROJECT_BY_CATEGORY},
                {"Fix it", {}, "trading", "0013", PROJECT_BY_CATEGORY},
                {"Fix it", {}, "unknown", NULL, PROJECT_BY_NOTHING},
                {"", {}, NULL, NULL, PROJECT_BY_NOTHING},
        };
        Projects p;

        projects_parse(list, strlen(list), &p);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ProjectHints hints = {cases[i].title, cases[i].repositories, cases[i].category};
                ProjectBy by;
                const Project *found = projects_infer(&p, &hints, &by);

                if (cases[i].id)
                        assert_string_equal(found ? found->id : "nothing", cases[i].id);
                else
                        assert_null(found);
                assert_int_equal(by, cases[i].by);
        }
        projects_deinit(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_shapes),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_similarity),
                cmocka_unit_test(test_inference),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
