/* Time, in milliseconds. Pure code never reads a clock: it is handed the turn's `now_ms`. */
#pragma once

#include <stdint.h>

int64_t clock_realtime_ms(void);  /* since the epoch; may jump */
int64_t clock_monotonic_ms(void); /* since some start; never jumps */
int64_t clock_monotonic_us(void);
int64_t clock_boottime_ms(void); /* never jumps either, and goes on while the machine sleeps: how long ago */
