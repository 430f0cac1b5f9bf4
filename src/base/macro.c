#include "base/macro.h"

#include <stdarg.h>
#include <stdio.h>

static void *check(void *ptr)
{
        if (!ptr) {
                static const char message[] = "out of memory: aborting (nothing durable is lost)\n";
                fwrite(message, 1, sizeof(message) - 1, stderr);
                abort();
        }
        return ptr;
}

void *mem_alloc(size_t n_bytes)
{
        return check(malloc(n_bytes ? n_bytes : 1));
}

void *mem_zalloc(size_t n_bytes)
{
        return check(calloc(1, n_bytes ? n_bytes : 1));
}

void *mem_resize(void *ptr, size_t n_bytes)
{
        return check(realloc(ptr, n_bytes ? n_bytes : 1));
}

char *mem_strdup(const char *s)
{
        return s ? mem_strndup(s, strlen(s)) : NULL;
}

char *mem_strndup(const char *s, size_t n_bytes)
{
        char *copy = mem_alloc(n_bytes + 1);

        memcpy(copy, s, n_bytes);
        copy[n_bytes] = 0;
        return copy;
}

char *mem_printf(const char *format, ...)
{
        va_list ap;
        char *out = NULL;
        int r;

        va_start(ap, format);
        r = vasprintf(&out, format, ap);
        va_end(ap);
        return r < 0 ? check(NULL) : out;
}

void mem_strset(char **slot, const char *value)
{
        char *copy = mem_strdup(value);

        free(*slot);
        *slot = copy;
}
