/* Helpers over jansson: bounded strict parsing, reading without ceremony, and shape checks whose errors name
 * the field. jansson allocates through mem_alloc() once json_setup() ran, so building never fails. */
#pragma once

#include <jansson.h>

#include "base/json-scan.h"

#define JSON_DEPTH_MAX 64

/* Routes jansson's allocations through ours. Called once by each program's main. */
void json_setup(void);

/* Parses one JSON value: duplicates of a key are refused, depth is at most JSON_DEPTH_MAX, NUL bytes are
 * refused. Returns NULL and, if asked, an owned text "line 1 column 7: …". */
json_t *json_parse(const char *text, size_t n_bytes, char **ret_error);

/* The value that json_scan() found. NULL when there is none, or a tree cannot hold it (a NUL in a string);
 * half a surrogate pair becomes U+FFFD. */
json_t *json_from_slice(const JsonSlice *slice);

#define _cleanup_json_ _cleanup_(json_decrefp)

char *json_dump(const json_t *value); /* compact, owned by the caller */

/* Readers by dotted path ("a.b.0.c", arrays by index). They never fail: what is missing or of another type
 * gives the default. Strings are borrowed from the object. */
const json_t *json_at(const json_t *obj, const char *path);
const char *json_str(const json_t *obj, const char *path); /* NULL */
const char *json_str_or(const json_t *obj, const char *path, const char *fallback);
int64_t json_int(const json_t *obj, const char *path, int64_t fallback);
bool json_bool(const json_t *obj, const char *path); /* false */

/* json_object_set_new() of a string; NULL sets JSON null. */
void json_put_str(json_t *obj, const char *key, const char *value);
void json_put_int(json_t *obj, const char *key, int64_t value);

/* Shape of an object, checked field by field; dotted paths reach into nested objects. */
typedef enum JsonFieldType {
        JSON_FIELD_STR,
        JSON_FIELD_INT,
        JSON_FIELD_BOOL,
        JSON_FIELD_OBJ,
        JSON_FIELD_ARR
} JsonFieldType;
typedef struct JsonField {
        const char *path;
        JsonFieldType type;
        bool required; /* a required string may not be empty */
        size_t max;    /* bytes of a string, elements of an array; 0 = unbounded */
} JsonField;
/* NULL when `obj` fits; else the path of the first field that does not, with *ret_why a static text such as
 * "is missing", "must be a string", "is too long". An optional field may be null. */
const char *json_check(const json_t *obj, const JsonField *fields, size_t n_fields, const char **ret_why);
