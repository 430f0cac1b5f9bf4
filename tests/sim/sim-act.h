#pragma once

#include "sim.h"

/* Does the action of that number; `userdata` is the number. */
void act(void *userdata);
/* Whether the gateway does not know the thread, or OpenCode's session, to which it was said. For a while that
 * is so of every new one; of one that it never got to know, what is said is nobody's business there. */
bool act_is_unheard(const Action *a);
