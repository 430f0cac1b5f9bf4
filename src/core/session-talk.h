/* What a session says and hears in its thread, whatever step it is in. */
#pragma once

#include "flow/flow.h"

/* A reply becomes a prompt that waits; `will_start`: it is the next turn, so that nothing needs to be said
 * about its place. A full queue refuses it, visibly. */
void session_enqueue(Flow *f, const FlowEvent *ev, bool will_start);
/* `slack.edited`: of a prompt that still waits, the new text counts. */
FlowVerdict session_take_edit(Flow *f, const FlowEvent *ev);
/* The end of an ask that posted the card, the progress message or an answer. FLOW_IGNORE: none of these. */
FlowVerdict session_take_posted(Flow *f, const FlowEvent *ev);

/* Seen only by the person who wrote `ev`. */
void session_say_help(Flow *f, const FlowEvent *ev);
void session_say_status(Flow *f, const FlowEvent *ev);
/* `!list`, `!start …`: what a slash command would do, answered here. */
void session_pass_list(Flow *f, const FlowEvent *ev);
void session_pass_start(Flow *f, const FlowEvent *ev, const char *text);
void session_say_unknown(Flow *f, const FlowEvent *ev, const char *word);
