/* The little language of `/opencode …` and `!…`. Pure. */
#pragma once

#include "base/macro.h"

typedef enum CommandVerb {
        COMMAND_START,
        COMMAND_STATUS,
        COMMAND_LIST,
        COMMAND_STOP,
        COMMAND_HELP,
        COMMAND_MODEL, /* `rest`: the name that was chosen, or nothing */
        COMMAND_AGENT,
        COMMAND_RETRY,
        COMMAND_CLEANUP,
        COMMAND_FOCUS,
        COMMAND_UNKNOWN,
} CommandVerb;

/* What people are told of a word; in the order of the help. */
typedef struct CommandHelp {
        const char *word, *what; /* "stop", ": ends the current turn …" */
        bool in_thread;          /* works there, as "!word" */
} CommandHelp;
/* NULL behind the last. */
const CommandHelp *command_help(size_t i);

typedef struct Command {
        CommandVerb verb;
        char word[32];    /* as typed, for "I do not know …" */
        const char *rest; /* what follows, trimmed at the front; borrowed from the text */
} Command;

/* "start fix the bug", "help", "" (= help). */
Command command_parse(const char *text);
/* "!stop": true for a word right after the mark; "!!!" or "! no" is a message like any other. */
bool command_parse_bang(const char *text, Command *ret);
