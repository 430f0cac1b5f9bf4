/* Who works on a task: a role or a name that a person gave, and what of it the running OpenCode offers. Pure.
 *
 * A role may come as an agent, as a command or as a skill, with and without prefixes, depending on what is
 * installed and in which version; first agents are looked through, then commands, then skills. A role of
 * which nothing is offered is played by OpenCode's default agent, which is told what is expected of it. */
#pragma once

#include "base/json.h"

typedef enum AgentWay {
        AGENT_UNKNOWN,        /* no role, and nothing of that name is offered */
        AGENT_AS_AGENT,       /* prompts name it */
        AGENT_AS_COMMAND,     /* the first prompt runs it, with the text as its arguments */
        AGENT_AS_SKILL,       /* the first prompt asks for it */
        AGENT_AS_INSTRUCTION, /* the first prompt says what the role is */
} AgentWay;

typedef struct AgentFound {
        AgentWay way;
        const char *name; /* of the agent, command or skill, as OpenCode knows it; borrowed from the offers */
        const char *instruction; /* ahead of the first prompt, for the agent only; static, or NULL */
} AgentFound;

/* `wanted`: "architect", "pm", "builder", "party-mode", what people call these, or a name that OpenCode
 * knows. `offers`: {agents: [{name, mode}], commands: [{name}], skills: [{name}]}; NULL = nothing. */
AgentFound agents_resolve(const char *wanted, const json_t *offers);

const char *agent_way_name(AgentWay way); /* "agent", "command", "skill", "instruction", "unknown"; stored */

/* The roles in order: "architect", "pm", "builder", "party-mode". */
#define AGENT_ROLES_N 4
const char *agent_role_name(size_t i);
/* The role that `name` means, in any case and spelling; NULL when it is none. Static. */
const char *agent_role_named(const char *name);

/* What can be chosen: the four roles, then every further primary agent; at most AGENT_CHOICES_MAX. An owned
 * array of names. */
#define AGENT_CHOICES_MAX 24
json_t *agents_choices(const json_t *offers);

/* OpenCode's own form of the roles (opencode-agents/), for those who want them as agents: "pm.md" and its
 * text. Static. */
const char *agent_definition_file(size_t i);
const char *agent_definition_text(size_t i);
