/* Small words that the whole tree shares: scope-bound cleanup, ownership transfer, container lookup.
 *
 * Allocation never fails here: every allocator in the process (ours and jansson's) aborts when the system
 * has no memory. That is safe because nothing is acknowledged before it is durable, so a process that dies
 * at any instruction loses nothing; and it removes hundreds of error paths that no test can reach. What a
 * peer can make us allocate is bounded by limits at the protocol layer, not by hoping for ENOMEM. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENTSOF(_array)                 (sizeof(_array) / sizeof((_array)[0]))
#define container_of(_ptr, _type, _member) ((_type *) ((char *) (_ptr) -offsetof(_type, _member)))
#define MAX2(_a, _b)                       ((_a) > (_b) ? (_a) : (_b))
#define MIN2(_a, _b)                       ((_a) < (_b) ? (_a) : (_b))
#define UNUSED                             __attribute__((unused))
#define PRINTF_LIKE(_fmt, _first)          __attribute__((format(printf, _fmt, _first)))

/* `_cleanup_(x_freep) X *x = NULL;` frees at the end of the scope; `return take(x);` hands it on. */
#define _cleanup_(_fn) __attribute__((cleanup(_fn)))
#define take(_ptr)                                                                                           \
        ({                                                                                                   \
                __typeof__(_ptr) *_take_p = &(_ptr);                                                         \
                __typeof__(_ptr) _take_v = *_take_p;                                                         \
                *_take_p = NULL;                                                                             \
                _take_v;                                                                                     \
        })
#define DEFINE_CLEANUP(_type, _fn)                                                                           \
        static inline void _fn##p(_type *p)                                                                  \
        {                                                                                                    \
                if (*p)                                                                                      \
                        _fn(*p);                                                                             \
        }                                                                                                    \
        struct _fn##_needs_semicolon

static inline void mem_freep(void *p)
{
        free(*(void **) p);
}
#define _cleanup_free_ _cleanup_(mem_freep)

/* Allocators: never return NULL. Contents of mem_new() are zeroed. */
void *mem_alloc(size_t n_bytes);
void *mem_zalloc(size_t n_bytes);
void *mem_resize(void *ptr, size_t n_bytes);
char *mem_strdup(const char *s);                  /* NULL in, NULL out */
char *mem_strndup(const char *s, size_t n_bytes); /* always NUL-terminated */
char *mem_printf(const char *format, ...) PRINTF_LIKE(1, 2);
#define mem_new(_type) ((_type *) mem_zalloc(sizeof(_type)))

/* Replaces an owned string; `value` is copied, NULL clears. */
void mem_strset(char **slot, const char *value);

static inline bool str_equal(const char *a, const char *b)
{
        return a == b || (a && b && strcmp(a, b) == 0);
}
static inline bool str_starts_with(const char *s, const char *prefix)
{
        return strncmp(s, prefix, strlen(prefix)) == 0;
}
static inline bool str_empty(const char *s)
{
        return !s || !*s;
}
