/* Roles against what OpenCode offers: names as installations of several kinds and versions have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/agents.h"

static json_t *offers_of(const char *text)
{
        char *copy = mem_strdup(text), *error = NULL;
        json_t *offers;

        for (char *p = copy; *p; p++)
                *p = *p == '\'' ? '"' : *p;
        offers = json_parse(copy, strlen(copy), &error);
        if (!offers)
                fail_msg("%s in %s", error, text);
        free(copy);
        return offers;
}

#define AGENT(_name)    "{'name':'" _name "','mode':'primary'}"
#define SUBAGENT(_name) "{'name':'" _name "','mode':'subagent'}"
#define NAME(_name)     "{'name':'" _name "'}"
#define NATIVE          AGENT("build") "," AGENT("plan") "," SUBAGENT("general") "," SUBAGENT("explore")

/* As BMAD 6.12 installs itself for OpenCode: everything as a command and as a skill. */
#define BMAD_6                                                                                                                                                                             \
        "{'agents':[" NATIVE                                                                                                                                                               \
        "],'commands':[" NAME("init") "," NAME("bmad-architecture") "," NAME("bmad-build") "," NAME("bmad-agent-dev") "," NAME("bmad-agent-pm") "," NAME("bmad-agent-architect") "," NAME( \
                "bmad-party-mode") "],'skills':[" NAME("bmad-agent-dev") "," NAME("bmad-agent-pm") "," NAME("bmad-agent-architect") "," NAME("bmad-party-mode") "]}"
/* Earlier ones: the module's name in the middle, paths, agents. */
#define BMAD_6_ALPHA                                                                                         \
        "{'agents':[" NATIVE                                                                                 \
        "],'commands':[" NAME("bmad/bmm/agents/pm") "," NAME("bmad-agent-bmm-dev") "," NAME(                 \
                "bmad:core:workflows:party-mode") "," NAME("bmad_bmm_architect") "," NAME("bmad-agent-bmb-bmad-builder") "]}"
#define BMAD_4                                                                                               \
        "{'agents':[" NATIVE "," AGENT("bmad-architect") "," AGENT("bmad-dev") "," AGENT(                    \
                "bmad-pm") "," SUBAGENT("bmad-party-mode") "]}"

static void test_resolve(void **state)
{
        static const struct {
                const char *offers, *wanted;
                AgentWay way;
                const char *name;
        } cases[] = {
                {BMAD_6, "architect", AGENT_AS_COMMAND, "bmad-agent-architect"},
                {BMAD_6, "pm", AGENT_AS_COMMAND, "bmad-agent-pm"},
                {BMAD_6, "builder", AGENT_AS_COMMAND, "bmad-agent-dev"},
                {BMAD_6, "dev", AGENT_AS_COMMAND, "bmad-agent-dev"},
                {BMAD_6, "party-mode", AGENT_AS_COMMAND, "bmad-party-mode"},
                {BMAD_6, "Party", AGENT_AS_COMMAND, "bmad-party-mode"},
                {BMAD_6, "plan", AGENT_AS_AGENT, "plan"},
                {BMAD_6, "build", AGENT_AS_AGENT, "build"},
                {BMAD_6, "architecture", AGENT_AS_COMMAND, "bmad-architecture"},
                {BMAD_6_ALPHA, "architect", AGENT_AS_COMMAND, "bmad_bmm_architect"},
                {BMAD_6_ALPHA, "pm", AGENT_AS_COMMAND, "bmad/bmm/agents/pm"},
                {BMAD_6_ALPHA, "builder", AGENT_AS_COMMAND, "bmad-agent-bmm-dev"},
                {BMAD_6_ALPHA, "party-mode", AGENT_AS_COMMAND, "bmad:core:workflows:party-mode"},
                {BMAD_4, "builder", AGENT_AS_AGENT, "bmad-dev"},
                {BMAD_4, "bmad-pm", AGENT_AS_AGENT, "bmad-pm"},
                /* subagents cannot be prompted */
                {BMAD_4, "party-mode", AGENT_AS_INSTRUCTION, NULL},
                {BMAD_4, "general", AGENT_UNKNOWN, NULL},
                /* agents before commands before skills, whatever their names */
                {"{'agents':[" AGENT("bmad-pm") "],'commands':[" NAME("pm") "],'skills':[" NAME("pm") "]}",
                 "pm", AGENT_AS_AGENT, "bmad-pm"},
                {"{'agents':[" NATIVE "],'commands':[" NAME("bmad-pm") "],'skills':[" NAME("pm") "]}", "pm",
                 AGENT_AS_COMMAND, "bmad-pm"},
                {"{'skills':[" NAME("product-manager") "]}", "pm", AGENT_AS_SKILL, "product-manager"},
                /* the better name, and the one that needed no cutting */
                {"{'agents':[" AGENT("bmad-dev") "," AGENT("dev") "," AGENT("builder") "]}", "builder",
                 AGENT_AS_AGENT, "builder"},
                {"{'agents':[" AGENT("bmad-dev") "," AGENT("dev") "]}", "builder", AGENT_AS_AGENT, "dev"},
                {"{'agents':[" AGENT("bmad-dev") "," AGENT("dev") "]}", "bmad-dev", AGENT_AS_AGENT,
                 "bmad-dev"},
                /* makers of agents are no builders */
                {"{'skills':[" NAME("bmad-agent-builder") "," NAME("bmad-workflow-builder") "]}", "builder",
                 AGENT_AS_INSTRUCTION, NULL},
                /* nothing is installed */
                {"{'agents':[" NATIVE "]}", "builder", AGENT_AS_INSTRUCTION, NULL},
                {"{'agents':[" NATIVE "]}", "bmad-architect", AGENT_AS_INSTRUCTION, NULL},
                {"{}", "pm", AGENT_AS_INSTRUCTION, NULL},
                {"{'agents':[" NATIVE "]}", "nobody", AGENT_UNKNOWN, NULL},
                {"{}", "", AGENT_UNKNOWN, NULL},
                {"{'agents':[{},{'name':7,'mode':'primary'}],'commands':'x'}", "x", AGENT_UNKNOWN, NULL},
                {"{}", "bmad-", AGENT_UNKNOWN, NULL},
                {"{}", "../../etc/passwd", AGENT_UNKNOWN, NULL},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ json_t *offers = offers_of(cases[i].offers);
                AgentFound found = agents_resolve(cases[i].wanted, offers);

                if (found.way != cases[i].way || !str_equal(found.name, cases[i].name))
                        fail_msg("%s of %s: %s %s", cases[i].wanted, cases[i].offers,
                                 agent_way_name(found.way), found.name ? found.name : "(none)");
                assert_int_equal(found.way == AGENT_AS_INSTRUCTION, found.instruction != NULL);
        }
        assert_int_equal(agents_resolve(NULL, NULL).way, AGENT_UNKNOWN);
}

static void test_definitions(void **state)
{
        for (size_t i = 0; i < AGENT_ROLES_N; i++) {
                const char *text = agent_definition_text(i);
                AgentFound found = agents_resolve(agent_role_name(i), NULL);

                assert_true(str_starts_with(text, "---\ndescription: "));
                assert_non_null(strstr(text, "\nmode: primary\n"));
                assert_non_null(strstr(text, "\npermission:\n  question: allow\n"));
                assert_true(str_starts_with(found.instruction, "You "));
                assert_true(strlen(found.instruction) < 8000); /* of the bridge's session.message */
                assert_string_equal(agent_role_named(agent_role_name(i)), agent_role_name(i));
        }
}

static void test_choices(void **state)
{
        _cleanup_json_ json_t *offers =
                offers_of("{'agents':[" NATIVE "," AGENT("pm") "," AGENT("reviewer") "]}");
        _cleanup_json_ json_t *choices = agents_choices(offers), *many = json_object(), *bounded = NULL;
        _cleanup_free_ char *text = json_dump(choices);
        json_t *list = json_array();

        assert_string_equal(
                text, "[\"architect\",\"pm\",\"builder\",\"party-mode\",\"build\",\"plan\",\"reviewer\"]");
        for (int i = 0; i < 1000; i++)
                json_array_append_new(
                        list, json_pack("{s:o, s:s}", "name", json_sprintf("a%d", i), "mode", "primary"));
        json_object_set_new(many, "agents", list);
        bounded = agents_choices(many);
        assert_int_equal(json_array_size(bounded), AGENT_CHOICES_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_resolve),
                cmocka_unit_test(test_definitions),
                cmocka_unit_test(test_choices),
        };

        json_setup();
        return cmocka_run_group_tests_name("core-agents", tests, NULL, NULL);
}
