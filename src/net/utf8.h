/* UTF-8 validation (RFC 3629) of a text that arrives in pieces: no overlong forms, no surrogates, nothing
 * above U+10FFFF. */
#pragma once

#include "base/macro.h"

typedef struct Utf8 {
        uint8_t need;      /* continuation bytes still missing from the current character */
        uint8_t low, high; /* bounds of the next one */
} Utf8;

/* False as soon as no continuation could make the text valid. `(Utf8) {0}` starts a text. */
bool utf8_feed(Utf8 *u, const void *data, size_t n_bytes);
static inline bool utf8_is_complete(const Utf8 *u)
{
        return u->need == 0;
}
bool utf8_is_valid(const void *data, size_t n_bytes); /* of a whole text */
