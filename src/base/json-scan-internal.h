/* What the scanner and the parser (json-text.c) share: reading what is no container. Private to these two. */
#pragma once

#include "base/json.h"

typedef struct JsonScanKey {
        const char *name;
        size_t n_bytes;
} JsonScanKey;

typedef struct JsonScan {
        const char *at, *end;
        const char *why; /* set once, at the first fault */
        unsigned depth;
        unsigned n_keys[JSON_SCAN_PATHS_MAX];
        JsonScanKey keys[JSON_SCAN_PATHS_MAX][JSON_SCAN_SEGMENTS_MAX];
        JsonSlice *ret;
} JsonScan;

static inline bool json_scan_fail(JsonScan *s, const char *why)
{
        if (!s->why)
                s->why = why;
        return false;
}

static inline void json_scan_skip_space(JsonScan *s)
{
        while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
                s->at++;
}

/* Bytes of a string that need no look of their own: printable ASCII but `"` and `\`. Eight at a time: the sum
 * of three classic zero-byte tests has its high bit set in exactly the bytes that do need one, and perhaps in
 * bytes behind the first of them; so the first is where to stop. */
static inline const char *json_scan_skip_plain(const char *at, const char *end)
{
        const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;

        while (end - at >= 8) {
                uint64_t w, quote, backslash, special;

                memcpy(&w, at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
                w = __builtin_bswap64(w);
#endif
                quote = w ^ (ones * '"');
                backslash = w ^ (ones * '\\');
                special = (w | (w - ones * 0x20) | ((quote - ones) & ~quote) |
                           ((backslash - ones) & ~backslash)) &
                          highs;
                if (special)
                        return at + __builtin_ctzll(special) / 8;
                at += 8;
        }
        while (at < end && (unsigned char) *at >= 0x20 && (unsigned char) *at < 0x80 && *at != '"' &&
               *at != '\\')
                at++;
        return at;
}

/* `at` is on the opening quote, or on the first byte of the number or word; behind it afterwards. */
bool json_scan_string(JsonScan *s, JsonSlice *slice);
bool json_scan_number(JsonScan *s, JsonSlice *slice);
bool json_scan_word(JsonScan *s, const char *word, JsonSliceType type, JsonSlice *slice);

/* Unescapes into `ret`, which takes slice->n_bytes; not NUL-terminated. False when half a surrogate pair had
 * to be replaced by U+FFFD. */
bool json_slice_unescape(const JsonSlice *slice, char *ret, size_t *ret_n);
