#include "base/log.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/error.h"

#define LINE_MAX_BYTES 4096

static LogLevel threshold = LOG_INFO;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_set_level(LogLevel level)
{
        threshold = level;
}

bool log_enabled(LogLevel level)
{
        return level >= threshold;
}

bool log_level_from_string(const char *word, LogLevel *ret)
{
        for (size_t i = 0; i < ELEMENTSOF(level_names); i++)
                if (str_equal(word, level_names[i])) {
                        *ret = (LogLevel) i;
                        return true;
                }
        return false;
}

/* Each marker is followed by the secret, up to the first byte that cannot belong to it. */
static const char *const secret_markers[] = {"xoxb-",     "xoxp-", "xoxa-",   "xoxe-",   "xoxr-",
                                             "xoxs-",     "xapp-", "ticket=", "Bearer ", "hooks.slack.com/",
                                             "/response/"};

void log_redact(char *text)
{
        for (size_t i = 0; i < ELEMENTSOF(secret_markers); i++) {
                char *at = text;

                while ((at = strstr(at, secret_markers[i]))) {
                        at += strlen(secret_markers[i]);
                        while (*at && (isalnum((unsigned char) *at) || strchr("-_./+=%", *at)))
                                *at++ = '*';
                }
        }
}

static size_t quote(char *out, size_t size, const char *text)
{
        size_t n = 0;

        for (; *text && n + 3 < size; text++) {
                unsigned char c = (unsigned char) *text;

                if (c == '"' || c == '\\') {
                        out[n++] = '\\';
                        out[n++] = (char) c;
                } else if (c == '\n') {
                        out[n++] = '\\';
                        out[n++] = 'n';
                } else
                        out[n++] = c < 0x20 ? ' ' : (char) c;
        }
        out[n] = 0;
        return n;
}

void log_write(LogLevel level, const char *component, const char *format, ...)
{
        char message[LINE_MAX_BYTES], quoted[LINE_MAX_BYTES + 64], stamp[32];
        struct timespec now;
        struct tm tm;
        va_list ap;

        va_start(ap, format);
        vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        log_redact(message);
        quote(quoted, sizeof(quoted), message);
        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &tm);
        strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
        fprintf(stderr, "time=%s.%03ldZ level=%s component=%s msg=\"%s\"\n", stamp, now.tv_nsec / 1000000,
                level_names[level], component, quoted);
}

int log_fault(int r, const char *component, const char *what)
{
        if (r < 0)
                log_error(component, "%s: %s", what, error_last_trace());
        return 0;
}
