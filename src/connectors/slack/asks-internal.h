/* Verbs that stand in files of their own, for the list in asks.c. */
#pragma once

#include "flow/ask.h"

extern const AskVerb slack_channels_verb;
