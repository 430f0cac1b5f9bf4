/* The command line. Texts point into argv, or into the options themselves, which must not move. */
#pragma once

#include "base/macro.h"

#define SHORTCUTS_MAX        10
#define SLASH_COMMANDS_MAX   50
#define OPTIONS_SWITCHES_MAX 64
#define OPTIONS_RECORD_MB    3
#define OPTIONS_SAVE_EVERY_S 30

typedef struct OptionsShortcut {
        bool is_global; /* else of a message */
        char callback_id[256];
        const char *name;
} OptionsShortcut;

typedef struct Options {
        const char *listen;
        const char *bot_token, *app_token; /* NULL: any token of the right kind */
        const char *app_name;
        const char *slash_commands[SLASH_COMMANDS_MAX];
        const char *usage_hints[SLASH_COMMANDS_MAX]; /* "" when there is none */
        char command_names[SLASH_COMMANDS_MAX][34];  /* what slash_commands points to */
        size_t n_slash_commands;
        OptionsShortcut shortcuts[SHORTCUTS_MAX];
        size_t n_shortcuts;
        int64_t socket_lifetime_s;                  /* approximate_connection_time */
        const char *switches[OPTIONS_SWITCHES_MAX]; /* "NAME=VALUE", checked */
        size_t n_switches;
        const char *http_events, *http_interactive, *http_commands; /* NULL: by Socket Mode */
        const char *signing_secret;
        const char *scenario, *state; /* files, or NULL */
        int64_t save_every_s;
        int64_t record_mb; /* how much of what happened is kept */
        bool quiet;
} Options;

void options_init(Options *o);
/* 0: go on; > 0: done (help, version were printed); < 0: wrong, and said on standard error. */
int options_read(int argc, char **argv, Options *ret);
