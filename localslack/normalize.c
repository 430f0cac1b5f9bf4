#include "normalize.h"

#include <ctype.h>
#include <stdio.h>

#include "base/json.h"

static bool is_word(char c)
{
        return isalnum((unsigned char) c) || c == '_';
}

static size_t count(const char *p, size_t n, bool (*fits)(char c))
{
        size_t i = 0;

        while (i < n && fits(p[i]))
                i++;
        return i;
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
        return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_id_char(char c)
{
        return is_digit(c) || (c >= 'A' && c <= 'Z');
}

/* Each gives the length of what begins at `p`, or 0. */

static size_t match_trigger(const char *p, size_t n)
{
        size_t a = count(p, n, is_digit), b, c;

        if (a == 0 || a >= n || p[a] != '.')
                return 0;
        b = count(p + a + 1, n - a - 1, is_digit);
        if (b == 0 || a + b + 1 >= n || p[a + b + 1] != '.')
                return 0;
        c = count(p + a + b + 2, n - a - b - 2, is_hex);
        return c == 16 ? a + b + c + 2 : 0;
}

static size_t match_ts(const char *p, size_t n)
{
        return n >= 17 && count(p, n, is_digit) == 10 && p[10] == '.' && count(p + 11, n - 11, is_digit) == 6
                       ? 17
                       : 0;
}

static size_t match_uuid(const char *p, size_t n)
{
        static const size_t parts[] = {8, 4, 4, 4, 12};
        size_t at = 0;

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                if (at >= n || count(p + at, n - at, is_hex) != parts[i])
                        return 0;
                at += parts[i];
                if (i + 1 < ELEMENTSOF(parts) && (at >= n || p[at++] != '-'))
                        return 0;
        }
        return at;
}

static size_t match_hex(const char *p, size_t n)
{
        size_t hex = count(p, n, is_hex);

        return hex >= 16 ? hex : 0;
}

static size_t match_id(const char *p, size_t n)
{
        size_t prefix = n > 2 && p[0] == 'E' && p[1] == 'v' ? 2 : 1, rest;
        bool has_digit = false;

        if (prefix == 1 && !strchr("CDFGQUVWAB", p[0]))
                return 0;
        rest = count(p + prefix, n - prefix, is_id_char);
        for (size_t i = 0; i < rest; i++)
                has_digit |= is_digit(p[prefix + i]);
        return has_digit && rest >= 9 && rest <= 11 ? prefix + rest : 0;
}

static size_t match_port(const char *p, size_t n)
{
        static const char host[] = "127.0.0.1:";

        if (n < sizeof(host) || strncmp(p, host, sizeof(host) - 1) != 0)
                return 0;
        return sizeof(host) - 1 + count(p + sizeof(host) - 1, n - sizeof(host) + 1, is_digit);
}

static const struct {
        const char *name;
        size_t (*match)(const char *p, size_t n);
} patterns[] = {{"trigger", match_trigger}, {"ts", match_ts}, {"uuid", match_uuid},
                {"host", match_port},       {"id", match_id}, {"hex", match_hex}};

/* Members whose number is a time. */
static size_t match_time(const char *p, size_t n)
{
        static const char *const names[] = {
                "\"at_ms\":",   "\"event_time\":",  "\"created\":",  "\"updated\":",
                "\"post_at\":", "\"date_create\":", "\"timestamp\":"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                size_t n_name = strlen(names[i]);

                if (n > n_name && strncmp(p, names[i], n_name) == 0 && is_digit(p[n_name]))
                        return n_name;
        }
        return 0;
}

static void put_name(Buf *out, json_t *names, json_t *counts, const char *kind, const char *p, size_t n)
{
        _cleanup_free_ char *value = mem_strndup(p, n);
        const json_t *known = json_object_get(names, value);
        char name[48];

        if (!known) {
                json_int_t number = json_int(counts, kind, 0) + 1;

                json_put_int(counts, kind, number);
                snprintf(name, sizeof(name), "%s-%lld", kind, (long long) number);
                json_put_str(names, value, name);
                known = json_object_get(names, value);
        }
        buf_append_str(out, json_string_value(known));
}

/* The length of what was written in another way; 0: nothing was. */
static size_t rewrite(Buf *out, json_t *names, json_t *counts, const char *p, size_t n)
{
        size_t length = match_time(p, n);

        if (length > 0) {
                buf_append(out, p, length);
                buf_append_char(out, '0');
                return length + count(p + length, n - length, is_digit);
        }
        for (size_t i = 0; i < ELEMENTSOF(patterns); i++) {
                length = patterns[i].match(p, n);
                if (length > 0 && (length == n || !is_word(p[length]))) {
                        put_name(out, names, counts, patterns[i].name, p, length);
                        return length;
                }
        }
        return 0;
}

void normalize_export(Buf *text)
{
        const char *p = buf_bytes(text);
        size_t n = buf_len(text), i = 0;
        json_t *names = json_object(), *counts = json_object();
        Buf out = {0};

        while (i < n) {
                /* Inside a text that is JSON itself the quotes are escaped: \" stands before the names. */
                bool begins = i == 0 || !is_word(p[i - 1]);
                size_t length = begins ? rewrite(&out, names, counts, p + i, n - i) : 0;

                if (length == 0) {
                        buf_append_char(&out, p[i]);
                        length = 1;
                }
                i += length;
        }
        json_decref(names);
        json_decref(counts);
        buf_deinit(text);
        *text = out;
}
