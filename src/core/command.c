#include "core/command.h"

#include <ctype.h>
#include <strings.h>

static const struct {
        const char *word;
        CommandVerb verb;
} words[] = {
        {"start", COMMAND_START},  {"new", COMMAND_START},       {"status", COMMAND_STATUS},
        {"list", COMMAND_LIST},    {"ls", COMMAND_LIST},         {"sessions", COMMAND_LIST},
        {"stop", COMMAND_STOP},    {"abort", COMMAND_STOP},      {"help", COMMAND_HELP},
        {"?", COMMAND_HELP},       {"cleanup", COMMAND_CLEANUP}, {"focus", COMMAND_FOCUS},
        {"model", COMMAND_MODEL},  {"models", COMMAND_MODEL},    {"agent", COMMAND_AGENT},
        {"agents", COMMAND_AGENT}, {"retry", COMMAND_RETRY},     {"again", COMMAND_RETRY},
};

static const CommandHelp help[] = {
        {"start",
         ": a new session in a thread of its own, with a form; with words behind it at once, when they say enough",
         true},
        {"status",
         ": what runs here, and what waits for you; of one session with its number or title behind it", true},
        {"list", ": your sessions with their numbers, what waits first; \"list all\" shows everybody's",
         true},
        {"stop", ": ends the current turn; what was done stays", true},
        {"cleanup", ": shows what removing the workspace would remove, and removes it when you say so", true},
        {"focus", ": where you want to be told of things: \"slack\", \"web\" or \"auto\"", false},
        {"model", " and a name: another model from the next prompt on; without a name, the choice", true},
        {"agent", " and a name: another agent, likewise", true},
        {"retry", ": sends the last prompt again", true},
        {"help", ": this list", true},
};

const CommandHelp *command_help(size_t i)
{
        return i < ELEMENTSOF(help) ? &help[i] : NULL;
}

Command command_parse(const char *text)
{
        Command c = {.verb = COMMAND_UNKNOWN};
        size_t n, n_word;

        while (isspace((unsigned char) *text))
                text++;
        n = strcspn(text, " \t\r\n");
        n_word = MIN2(n, sizeof(c.word) - 1);
        while (n_word < n && n_word > 0 && ((unsigned char) text[n_word] & 0xc0) == 0x80)
                n_word--; /* not in the middle of a character */
        memcpy(c.word, text, n_word);
        c.rest = text + n;
        while (isspace((unsigned char) *c.rest))
                c.rest++;
        if (n == 0)
                c.verb = COMMAND_HELP;
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcasecmp(c.word, words[i].word) == 0)
                        c.verb = words[i].verb;
        return c;
}

bool command_parse_bang(const char *text, Command *ret)
{
        while (isspace((unsigned char) *text))
                text++;
        if (*text != '!' || !isalpha((unsigned char) text[1]))
                return false;
        *ret = command_parse(text + 1);
        return true;
}
