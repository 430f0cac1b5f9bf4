/* Calls of the Web API without a process around them, as rows of a table: method, arguments, error. */
#pragma once

#include "api.h"

#define BOT_TOKEN "xoxb-test"

Local *calls_new(void);
void calls_free(Local *l);

/* The answer to a call with the arguments `args`, a JSON object as text with ' for ", sent as a form. New. */
json_t *calls_run(Local *l, const char *token, const char *method, const char *args);
/* The same by the bot, whose error is expected; "" stands for none. Fails the test otherwise. */
void calls_expect(Local *l, const char *method, const char *args, const char *error);
/* The value at `path` of the answer to a call that must succeed; owned, what is no text as JSON. */
char *calls_get(Local *l, const char *method, const char *args, const char *path);
/* The inner events raised since the last call, oldest first; a new array. */
json_t *calls_take_events(Local *l);
