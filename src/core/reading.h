/* What OpenCode's messages say about a turn. Pure. */
#pragma once

#include "base/json.h"

typedef struct TurnReading {
        const json_t *answer; /* the last completed message of the agent; NULL = none yet */
        bool unfinished;    /* the agent's last message has no end: cut off in the middle, or still to come */
        const json_t *text; /* the last one with text */
        const json_t *messages;
        int64_t tokens;
        double cost;
} TurnReading;

/* `messages`: what the ask opencode.session_messages brought, everything since the turn before. An answer
 * counts only behind the turn's own prompt `own_id` (NULL = nobody of ours asked): before it stands what
 * somebody asked in OpenCode meanwhile. Where the prompt is not among them, `taken` tells whether OpenCode
 * has it nevertheless (a long turn shows only its end), or is still to get it. The result borrows from
 * `messages`. */
TurnReading turn_read(const json_t *messages, const char *own_id, bool taken);

/* What has to be said of all that was read: the last text in front of each further prompt, since several
 * turns may have ended before anybody could look; and, when the turn itself is over, the text that was found.
 * An owned array of strings. */
json_t *turn_texts(const TurnReading *reading, bool is_over);
