/* URLs, query strings and forms (WHATWG URL "application/x-www-form-urlencoded"). */
#pragma once

#include "base/buf.h"

typedef struct Url {
        char *scheme, *host, *path; /* path with query, "/" at least */
        unsigned port;              /* the scheme's default when not given */
} Url;

void url_deinit(Url *u);
enum { URL_E_INVALID = 1 };
/* http, https, ws, wss, postgres; no user information. The host comes out in lower case, an IPv6 address
 * without its brackets; a fragment is dropped. URL_E_INVALID = not such a URL; `ret` is empty then. */
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
enum { FORM_E_MALFORMED = 1, FORM_E_TOO_MANY }; /* a broken escape or a NUL; more than 256 fields */
/* 0 or an outcome above, `ret` is empty then. A field without `=` has an empty value; empty fields are
 * skipped. */
int form_parse(const char *text, size_t n_bytes, Form *ret);
const char *form_get(const Form *f, const char *name);           /* the first; NULL */
void form_append(Buf *out, const char *name, const char *value); /* adds & where needed */
