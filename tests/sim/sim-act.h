#pragma once

/* Does the action of that number; `userdata` is the number. */
void act(void *userdata);
