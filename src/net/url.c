#include "net/url.h"

#include <ctype.h>

#define FORM_FIELDS_MAX 256

typedef struct Scheme {
        const char *name;
        unsigned port;
} Scheme;

static const Scheme SCHEMES[] = {{"http", 80}, {"https", 443}, {"ws", 80}, {"wss", 443}, {"postgres", 5432}};

static const Scheme *find_scheme(const char *text, size_t n_bytes)
{
        for (size_t i = 0; i < ELEMENTSOF(SCHEMES); i++)
                if (strlen(SCHEMES[i].name) == n_bytes && strncasecmp(SCHEMES[i].name, text, n_bytes) == 0)
                        return &SCHEMES[i];
        return NULL;
}

/* Names and IPv4 addresses, or the inside of [] when `ipv6`. What else a host could be (percent escapes, raw
 * Unicode) nobody configures, and refusing it closes the door to confusions between parsers. */
static bool host_is_valid(const char *host, size_t n_bytes, bool ipv6)
{
        if (n_bytes == 0 || n_bytes > 253)
                return false;
        for (size_t i = 0; i < n_bytes; i++) {
                unsigned char c = (unsigned char) host[i];

                if (ipv6 ? !(isxdigit(c) || c == ':' || c == '.')
                         : !(isalnum(c) || c == '-' || c == '.' || c == '_'))
                        return false;
        }
        return true;
}

static bool parse_port(const char *text, size_t n_bytes, unsigned *ret)
{
        unsigned port = 0;

        if (n_bytes == 0 || n_bytes > 5)
                return false;
        for (size_t i = 0; i < n_bytes; i++) {
                if (!isdigit((unsigned char) text[i]))
                        return false;
                port = port * 10 + (unsigned) (text[i] - '0');
        }
        if (port == 0 || port > 65535)
                return false;
        *ret = port;
        return true;
}

/* "host", "host:port", "[v6]", "[v6]:port"; `*port` keeps its default when none is given. */
static char *parse_authority(const char *text, size_t n_bytes, unsigned *port)
{
        bool ipv6 = n_bytes > 0 && *text == '[';
        const char *end = text + n_bytes, *host = text + ipv6;
        const char *host_end = memchr(host, ipv6 ? ']' : ':', (size_t) (end - host));
        const char *rest;
        char *out;

        if (!host_end) {
                if (ipv6)
                        return NULL;
                host_end = end;
        }
        rest = host_end + ipv6;
        if (!host_is_valid(host, (size_t) (host_end - host), ipv6))
                return NULL;
        if (rest < end && (*rest != ':' || !parse_port(rest + 1, (size_t) (end - rest - 1), port)))
                return NULL;
        out = mem_strndup(host, (size_t) (host_end - host));
        for (char *p = out; *p; p++)
                *p = (char) tolower((unsigned char) *p);
        return out;
}

static bool path_is_valid(const char *path)
{
        for (; *path; path++)
                if ((unsigned char) *path <= ' ' || *path == 0x7F)
                        return false;
        return true;
}

void url_deinit(Url *u)
{
        free(u->scheme);
        free(u->host);
        free(u->path);
        *u = (Url){0};
}

int url_parse(const char *text, Url *ret)
{
        const char *colon = strstr(text, "://"), *authority, *path;
        const Scheme *scheme;
        unsigned port;
        char *host;

        *ret = (Url){0};
        scheme = colon ? find_scheme(text, (size_t) (colon - text)) : NULL;
        if (!scheme)
                return URL_E_INVALID;
        authority = colon + 3;
        path = authority + strcspn(authority, "/?#");
        if (!path_is_valid(path))
                return URL_E_INVALID;
        port = scheme->port;
        host = parse_authority(authority, (size_t) (path - authority), &port);
        if (!host)
                return URL_E_INVALID;
        ret->scheme = mem_strdup(scheme->name);
        ret->host = host;
        ret->port = port;
        /* The fragment stays with the reader (RFC 3986 §3.5). */
        ret->path = mem_printf("%s%.*s", *path == '/' ? "" : "/", (int) strcspn(path, "#"), path);
        return 0;
}

void url_encode(Buf *out, const char *text, size_t n_bytes)
{
        static const char HEX[] = "0123456789ABCDEF";
        char *at = buf_reserve(out, n_bytes * 3);
        size_t n = 0;

        for (size_t i = 0; i < n_bytes; i++) {
                unsigned char c = (unsigned char) text[i];

                if (c < 0x80 && (isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~')) {
                        at[n++] = (char) c;
                } else {
                        at[n++] = '%';
                        at[n++] = HEX[c >> 4];
                        at[n++] = HEX[c & 15];
                }
        }
        buf_commit(out, n);
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

char *url_decode(const char *text, size_t n_bytes, bool form)
{
        _cleanup_free_ char *out = mem_alloc(n_bytes + 1);
        size_t n = 0;

        for (size_t i = 0; i < n_bytes; i++) {
                int high, low;

                if (text[i] == 0)
                        return NULL;
                if (text[i] != '%') {
                        out[n++] = form && text[i] == '+' ? ' ' : text[i];
                        continue;
                }
                high = n_bytes - i > 2 ? hex_digit(text[i + 1]) : -1;
                low = n_bytes - i > 2 ? hex_digit(text[i + 2]) : -1;
                if (high < 0 || low < 0 || (high == 0 && low == 0))
                        return NULL;
                out[n++] = (char) (high << 4 | low);
                i += 2;
        }
        out[n] = 0;
        return take(out);
}

void form_deinit(Form *f)
{
        for (size_t i = 0; i < f->n; i++) {
                free(f->fields[i].name);
                free(f->fields[i].value);
        }
        free(f->fields);
        *f = (Form){0};
}

static int add_field(Form *f, const char *text, size_t n_bytes)
{
        const char *equals = memchr(text, '=', n_bytes);
        size_t n_name = equals ? (size_t) (equals - text) : n_bytes;
        _cleanup_free_ char *name = url_decode(text, n_name, true);
        _cleanup_free_ char *value =
                equals ? url_decode(equals + 1, n_bytes - n_name - 1, true) : mem_strdup("");

        if (!name || !value)
                return FORM_E_MALFORMED;
        if (f->n == FORM_FIELDS_MAX)
                return FORM_E_TOO_MANY;
        if ((f->n & (f->n - 1)) == 0) /* doubles at each power of two */
                f->fields = mem_resize(f->fields, sizeof(*f->fields) * MAX2(f->n * 2, (size_t) 4));
        f->fields[f->n++] = (FormField){take(name), take(value)};
        return 0;
}

int form_parse(const char *text, size_t n_bytes, Form *ret)
{
        const char *end = text + n_bytes;

        *ret = (Form){0};
        while (text < end) {
                const char *ampersand = memchr(text, '&', (size_t) (end - text));
                const char *field_end = ampersand ? ampersand : end;
                int r = field_end > text ? add_field(ret, text, (size_t) (field_end - text)) : 0;

                if (r != 0) {
                        form_deinit(ret);
                        return r;
                }
                text = ampersand ? ampersand + 1 : end;
        }
        return 0;
}

const char *form_get(const Form *f, const char *name)
{
        for (size_t i = 0; i < f->n; i++)
                if (strcmp(f->fields[i].name, name) == 0)
                        return f->fields[i].value;
        return NULL;
}

void form_append(Buf *out, const char *name, const char *value)
{
        if (buf_len(out) > 0)
                buf_append_char(out, '&');
        url_encode(out, name, strlen(name));
        buf_append_char(out, '=');
        url_encode(out, value, strlen(value));
}
