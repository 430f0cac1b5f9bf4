/* Log lines on stderr, one per event, in logfmt: `time=… level=info component=slack.socket msg="…"`.
 *
 * Every line passes a redactor before it is written: Slack tokens (xoxb-, xoxp-, xapp-, …), response_url and
 * WebSocket ticket addresses, and `Bearer …` values come out as `***`, whoever put them in. The level is the
 * one process-wide setting outside the composition root: a logger handed through every pure function would
 * cost more clarity than it buys. */
#pragma once

#include "base/macro.h"

typedef enum LogLevel { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR } LogLevel;

void log_set_level(LogLevel level);
bool log_enabled(LogLevel level);
/* "debug" … "error"; returns false and leaves *ret alone for any other word. */
bool log_level_from_string(const char *word, LogLevel *ret);

void log_write(LogLevel level, const char *component, const char *format, ...) PRINTF_LIKE(3, 4);

#define log_at(_level, ...)                                                                                  \
        do {                                                                                                 \
                if (log_enabled(_level))                                                                     \
                        log_write((_level), __VA_ARGS__);                                                    \
        } while (0)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)

/* Logs a fault with the trace collected on its way up, and ends its journey: returns 0. */
int log_fault(int r, const char *component, const char *what);

/* Replaces secrets in `text` in place, without changing its length. Exposed for tests and for outgoing text.
 */
void log_redact(char *text);
