/* A scanner over raw JSON text: validates all of it and finds members by path, in one pass, without
 * allocating.
 *
 * A full parse builds a tree; most messages that a gateway relays need three of their members looked at and
 * the rest handed on as bytes. Strict RFC 8259: one value, valid UTF-8 (RFC 3629), no trailing commas, no
 * bytes below 0x20 in strings, containers nested at most JSON_DEPTH_MAX deep. Duplicate keys are not detected
 * (that would need memory); the first one counts. Lone surrogates in \u escapes are grammatical, and become
 * U+FFFD when unescaped.
 *
 * Pure. Safe on any bytes; nothing beyond `n_bytes` is read. */
#pragma once

#include "base/macro.h"

#define JSON_SCAN_PATHS_MAX    16
#define JSON_SCAN_SEGMENTS_MAX 6

typedef enum JsonSliceType {
        JSON_SLICE_NONE, /* not there */
        JSON_SLICE_OBJECT,
        JSON_SLICE_ARRAY,
        JSON_SLICE_STRING,
        JSON_SLICE_NUMBER,
        JSON_SLICE_TRUE,
        JSON_SLICE_FALSE,
        JSON_SLICE_NULL,
} JsonSliceType;

/* A value inside the scanned text, borrowed from it. A string is what stands between its quotes, still
 * escaped. */
typedef struct JsonSlice {
        const char *data;
        size_t n_bytes;
        JsonSliceType type;
} JsonSlice;

/* True when `text` is one valid JSON value. ret[i] is then the member at paths[i] ("debug_info.host": keys of
 * nested objects, joined by dots), or has the type JSON_SLICE_NONE. When false, all of `ret` is
 * JSON_SLICE_NONE. At most JSON_SCAN_PATHS_MAX paths of at most JSON_SCAN_SEGMENTS_MAX keys. */
bool json_scan(const char *text, size_t n_bytes, const char *const *paths, size_t n_paths, JsonSlice *ret);

/* What is wrong with a text that json_scan() refused: a static phrase and the byte at which it was noticed;
 * NULL when nothing is. Scans again: for the cold path. */
const char *json_scan_explain(const char *text, size_t n_bytes, size_t *ret_offset);

/* Whether a string slice, unescaped, is `literal`; false for any other type. */
bool json_slice_equal(const JsonSlice *s, const char *literal);
/* Unescapes a string slice into `ret`, NUL-terminated. False, with `ret` empty, when it is no string, does
 * not fit `size` (> 0) bytes, or contains a NUL. */
bool json_slice_copy(const JsonSlice *s, char *ret, size_t size);
/* False when it is no boolean. */
bool json_slice_bool(const JsonSlice *s, bool *ret);
/* False when it is no number, has a fraction or an exponent, or does not fit. */
bool json_slice_int(const JsonSlice *s, int64_t *ret);
