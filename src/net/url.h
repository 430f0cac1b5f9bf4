/* URLs, query strings and forms (WHATWG URL "application/x-www-form-urlencoded"). */
#pragma once

#include "base/buf.h"

typedef struct Url {
        char *scheme, *host, *path; /* path with query, "/" at least */
        unsigned port;              /* the scheme's default when not given */
} Url;

void url_deinit(Url *u);
/* http, https, ws, wss, postgres; no user information. > 0 = not such a URL. */
int url_parse(const char *text, Url *ret);

void url_encode(Buf *out, const char *text, size_t n_bytes);
/* `+` is a space when `form`. Returns an owned string; NULL for a broken escape or an encoded NUL. */
char *url_decode(const char *text, size_t n_bytes, bool form);

/* A form or query string, field by field. */
typedef struct FormField {
        char *name, *value;
} FormField;
typedef struct Form {
        FormField *fields;
        size_t n;
} Form;
void form_deinit(Form *f);
/* > 0 = malformed, or more than 256 fields. */
int form_parse(const char *text, size_t n_bytes, Form *ret);
const char *form_get(const Form *f, const char *name); /* the first; NULL */
void form_append(Buf *out, const char *name, const char *value); /* adds & where needed */
