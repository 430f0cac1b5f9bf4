/* The arguments of a Web API call, in whatever way they came: form, JSON, query string, multipart; reference
 * §3.1. One object is made of them; JSON that travels as text inside a form field is decoded. */
#pragma once

#include "base/json.h"

#define ARGS_PARTS_MAX 64

/* NULL and a new object, or the Slack error to answer with (static). `content_type` may be NULL. */
const char *args_parse(const char *content_type, const char *body, size_t n_body, const char *query,
                       json_t **ret);

/* The same for one method: JSON is read only `with_json`, a body without a type is refused, and so is a name
 * that no argument can have. `*ret_warning` becomes missing_charset, superfluous_charset or NULL (static). */
const char *args_parse_call(const char *content_type, const char *body, size_t n_body, const char *query,
                            bool with_json, json_t **ret, const char **ret_warning);

/* Readers that accept both JSON types and the texts that forms are limited to. */
const char *arg_str(const json_t *args, const char *name);          /* NULL when absent or not a string */
bool arg_bool(const json_t *args, const char *name, bool fallback); /* true, "true", "1", 1 */
int64_t arg_int(const json_t *args, const char *name,
                int64_t fallback); /* fallback when not a whole number */

/* multipart/form-data (RFC 7578). Parts point into the body; names are owned. */
typedef struct MultipartPart {
        char *name, *filename; /* filename: NULL for a plain field */
        const char *data;
        size_t n_bytes;
} MultipartPart;
typedef struct Multipart {
        MultipartPart parts[ARGS_PARTS_MAX];
        size_t n;
} Multipart;
/* > 0: malformed, or more than ARGS_PARTS_MAX parts. */
int multipart_parse(const char *content_type, const char *body, size_t n_body, Multipart *ret);
void multipart_deinit(Multipart *m);
