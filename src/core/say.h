/* Short things that are said to a person: notices, replies to commands, reactions. */
#pragma once

#include "core/posted.h"

/* Only `user` sees it, in the thread. `emoji` may be NULL. */
void say_ephemeral(Flow *f, const PostedPlace *place, const char *user, const char *emoji, const char *text);
void say_ephemeral_message(Flow *f, const PostedPlace *place, const char *user, json_t *message /* stolen */);
/* Everybody in the thread sees it. */
void say_in_thread(Flow *f, const PostedPlace *place, const char *emoji, const char *text);
void say_message_in_thread(Flow *f, const PostedPlace *place, json_t *message /* stolen */);
/* To whoever gave a command or clicked: through the response_url, only they see it. */
void say_response(Flow *f, const char *response_url, json_t *message /* stolen */);
void say_reaction(Flow *f, const char *channel, const char *ts, const char *emoji);
