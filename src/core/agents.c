#include "core/agents.h"

#include <ctype.h>
#include <strings.h>

#include "agent-architect.h"
#include "agent-builder.h"
#include "agent-party-mode.h"
#include "agent-pm.h"

#define NAME_BYTES_MAX 200

static const struct {
        const char *name, *file, *definition;
        const char *const names[8]; /* how installations call it, best first; prefixes are cut off before */
} roles[AGENT_ROLES_N] = {
        {"architect",
         "architect.md",
         agent_architect_md,
         {"architect", "solution-architect", "system-architect", "software-architect", NULL}},
        {"pm", "pm.md", agent_pm_md, {"pm", "product-manager", "product", NULL}},
        {"builder",
         "builder.md",
         agent_builder_md,
         {"builder", "dev", "developer", "engineer", "software-engineer", "coder", NULL}},
        {"party-mode", "party-mode.md", agent_party_mode_md, {"party-mode", "party", NULL}},
};

static const struct {
        AgentWay way;
        const char *list, *name;
} ways[] = {
        {AGENT_UNKNOWN, NULL, "unknown"},
        {AGENT_AS_AGENT, "agents", "agent"},
        {AGENT_AS_COMMAND, "commands", "command"},
        {AGENT_AS_SKILL, "skills", "skill"},
        {AGENT_AS_INSTRUCTION, NULL, "instruction"},
};

const char *agent_way_name(AgentWay way)
{
        return ways[way].name;
}

const char *agent_role_name(size_t i)
{
        return roles[i].name;
}

const char *agent_definition_file(size_t i)
{
        return roles[i].file;
}

const char *agent_definition_text(size_t i)
{
        return roles[i].definition;
}

/* ---- names ---- */

/* "bmad/agents/BMAD_Agent-bmm-PM" → "pm": the last part of a path, in lower case, without what installations
 * put in front. Owned. *ret_cut: something was cut off. */
static char *plain_name(const char *name, bool *ret_cut)
{
        static const char *const prefixes[] = {"bmad-",  "bmm-",    "core-", "agents-",
                                               "agent-", "skills-", "skill-"};
        const char *last = name + strlen(name);
        char *plain, *p;
        bool cut = true;

        while (last > name && !strchr("/:", last[-1]))
                last--;
        *ret_cut = last > name;
        plain = mem_strndup(last, strnlen(last, NAME_BYTES_MAX));
        for (p = plain; *p; p++)
                *p = *p == '_' || *p == ' ' ? '-' : (char) tolower((unsigned char) *p);
        while (cut) {
                cut = false;
                for (size_t i = 0; i < ELEMENTSOF(prefixes) && !cut; i++)
                        if (str_starts_with(plain, prefixes[i]) && plain[strlen(prefixes[i])]) {
                                memmove(plain, plain + strlen(prefixes[i]),
                                        strlen(plain) - strlen(prefixes[i]) + 1);
                                cut = *ret_cut = true;
                        }
        }
        return plain;
}

static const char *const *names_of_role(const char *role)
{
        for (size_t i = 0; role && i < AGENT_ROLES_N; i++)
                if (str_equal(roles[i].name, role))
                        return roles[i].names;
        return NULL;
}

const char *agent_role_named(const char *name)
{
        bool cut;
        _cleanup_free_ char *plain = plain_name(name ? name : "", &cut);

        for (size_t i = 0; i < AGENT_ROLES_N; i++)
                for (const char *const *n = roles[i].names; *n; n++)
                        if (str_equal(*n, plain))
                                return roles[i].name;
        return NULL;
}

/* BMAD's "agent-builder" and its like make agents; they are no builders of what was asked for. */
static bool makes_agents(const char *name)
{
        return strcasestr(name, "agent-builder") || strcasestr(name, "agent_builder") ||
               strcasestr(name, "bmb") || strcasestr(name, "workflow-builder") ||
               strcasestr(name, "module-builder");
}

/* ---- looking ---- */

static bool is_usable(AgentWay way, const json_t *offer)
{
        return !str_empty(json_str(offer, "name")) &&
               (way != AGENT_AS_AGENT || !str_equal(json_str(offer, "mode"), "subagent"));
}

static const char *find_exact(AgentWay way, const json_t *list, const char *wanted)
{
        size_t i;
        json_t *offer;

        json_array_foreach ((json_t *) list, i, offer)
                if (is_usable(way, offer) && strcasecmp(json_str(offer, "name"), wanted) == 0)
                        return json_str(offer, "name");
        return NULL;
}

/* The best of a list: of the names in their order, one that is it as it stands before one that was cut. */
static const char *find_plain(AgentWay way, const json_t *list, const char *const *names)
{
        size_t i;
        json_t *offer;

        for (; *names; names++) {
                const char *found = NULL;

                json_array_foreach ((json_t *) list, i, offer) {
                        const char *name = json_str_or(offer, "name", "");
                        bool cut;
                        _cleanup_free_ char *plain = plain_name(name, &cut);

                        if (!is_usable(way, offer) || !str_equal(plain, *names) || makes_agents(name))
                                continue;
                        if (!cut)
                                return name;
                        if (!found)
                                found = name;
                }
                if (found)
                        return found;
        }
        return NULL;
}

static const char *instruction_of(const char *role)
{
        for (size_t i = 0; i < AGENT_ROLES_N; i++)
                if (str_equal(roles[i].name, role)) {
                        const char *end = strstr(roles[i].definition + 3, "\n---\n");

                        return end ? end + 5 : roles[i].definition;
                }
        return NULL;
}

AgentFound agents_resolve(const char *wanted, const json_t *offers)
{
        const char *role = agent_role_named(wanted);
        bool cut;
        _cleanup_free_ char *plain = plain_name(wanted ? wanted : "", &cut);
        const char *const own[] = {plain, NULL};

        if (str_empty(wanted))
                return (AgentFound){.way = AGENT_UNKNOWN};
        for (AgentWay way = AGENT_AS_AGENT; way <= AGENT_AS_SKILL; way++) {
                const json_t *list = json_at(offers, ways[way].list);
                const char *name = find_exact(way, list, wanted);

                if (!name)
                        name = find_plain(way, list, role ? names_of_role(role) : own);
                if (name)
                        return (AgentFound){.way = way, .name = name};
        }
        if (role)
                return (AgentFound){.way = AGENT_AS_INSTRUCTION, .instruction = instruction_of(role)};
        return (AgentFound){.way = AGENT_UNKNOWN};
}

json_t *agents_choices(const json_t *offers)
{
        json_t *choices = json_array(), *agent;
        size_t i;

        for (i = 0; i < AGENT_ROLES_N; i++)
                json_array_append_new(choices, json_string(roles[i].name));
        json_array_foreach ((json_t *) json_at(offers, "agents"), i, agent)
                if (is_usable(AGENT_AS_AGENT, agent) && json_array_size(choices) < AGENT_CHOICES_MAX &&
                    !names_of_role(json_str(agent, "name")))
                        json_array_append_new(choices, json_string(json_str(agent, "name")));
        return choices;
}
