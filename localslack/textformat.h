/* What Slack makes of the text that an app posts before it is stored: links and names become tokens
 * (arguments `parse` and `link_names`, reference Appendix A, chat.postMessage and chat.update). Pure. */
#pragma once

#include "state.h"

typedef enum TextFormat {
        TEXT_URLS = 1 << 0,       /* https://… becomes <https://…> */
        TEXT_BROADCASTS = 1 << 1, /* @here, @channel, @everyone become <!here> … */
        TEXT_CHANNELS = 1 << 2,   /* #general becomes <#C…|general> */
        TEXT_USERS = 1 << 3,      /* @ann becomes <@U…> */
        TEXT_LITERAL = 1 << 4     /* the app's own < and > are no markup */
} TextFormat;

/* `formats`: any of TextFormat. What stands in code or in a token stays as it is. Owned. */
char *textformat_apply(const State *s, const char *text, unsigned formats);
