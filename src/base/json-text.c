/* Text to tree and tree to text. jansson does both, byte by byte through callbacks, which was most of what
 * the gateway did: this reads with the scanner's eight bytes at a time, and writes runs.
 *
 * The reader only knows what is right. Whatever it does not like goes to jansson, which has the last word,
 * and the words for the error: so the two can differ in nothing but speed. (docs/performance.md has the
 * figures.) */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/json-scan-internal.h"

#define NUMBER_BYTES_MAX 64
#define DECIMALS         4 /* that are written without help */
#define DECIMALS_SCALE   10000

/* --- reading: NULL = ask jansson --- */

static json_t *read_value(JsonScan *s);

static json_t *read_string(const JsonSlice *slice)
{
        _cleanup_free_ char *plain = NULL;
        size_t n;

        if (!memchr(slice->data, '\\', slice->n_bytes))
                return json_stringn_nocheck(slice->data, slice->n_bytes);
        plain = mem_alloc(slice->n_bytes);
        if (!json_slice_unescape(slice, plain, &n) || memchr(plain, 0, n))
                return NULL;
        return json_stringn_nocheck(plain, n);
}

static json_t *read_number(const JsonSlice *slice)
{
        char text[NUMBER_BYTES_MAX];
        int64_t integer;
        double real;

        if (json_slice_int(slice, &integer))
                return json_integer(integer);
        if (slice->n_bytes >= sizeof(text))
                return NULL;
        memcpy(text, slice->data, slice->n_bytes);
        text[slice->n_bytes] = 0;
        if (!strpbrk(text, ".eE"))
                return NULL; /* an integer that does not fit */
        errno = 0;
        real = strtod(text, NULL);
        return errno || !isfinite(real) ? NULL : json_real(real);
}

/* `at` is behind the bracket. */
static json_t *read_array(JsonScan *s)
{
        _cleanup_json_ json_t *array = json_array();

        json_scan_skip_space(s);
        if (s->at < s->end && *s->at == ']') {
                s->at++;
                return take(array);
        }
        for (;;) {
                json_t *value = read_value(s);

                if (!value)
                        return NULL;
                json_array_append_new(array, value);
                json_scan_skip_space(s);
                if (s->at == s->end || (*s->at != ',' && *s->at != ']'))
                        return NULL;
                if (*s->at++ == ']')
                        return take(array);
        }
}

static bool read_member(JsonScan *s, json_t *object)
{
        size_t n_members = json_object_size(object);
        JsonSlice key;
        json_t *value;

        json_scan_skip_space(s);
        if (s->at == s->end || *s->at != '"' || !json_scan_string(s, &key) ||
            memchr(key.data, '\\', key.n_bytes))
                return false;
        json_scan_skip_space(s);
        if (s->at == s->end || *s->at++ != ':')
                return false;
        value = read_value(s);
        if (!value)
                return false;
        json_object_setn_new_nocheck(object, key.data, key.n_bytes, value);
        return json_object_size(object) > n_members; /* else the key was there already */
}

static json_t *read_object(JsonScan *s)
{
        _cleanup_json_ json_t *object = json_object();

        json_scan_skip_space(s);
        if (s->at < s->end && *s->at == '}') {
                s->at++;
                return take(object);
        }
        for (;;) {
                if (!read_member(s, object))
                        return NULL;
                json_scan_skip_space(s);
                if (s->at == s->end || (*s->at != ',' && *s->at != '}'))
                        return NULL;
                if (*s->at++ == '}')
                        return take(object);
        }
}

static json_t *read_container(JsonScan *s)
{
        bool is_object = *s->at++ == '{';
        json_t *value;

        if (++s->depth > JSON_DEPTH_MAX)
                return NULL;
        value = is_object ? read_object(s) : read_array(s);
        s->depth--;
        return value;
}

static json_t *read_value(JsonScan *s)
{
        JsonSlice slice;

        json_scan_skip_space(s);
        if (s->at == s->end)
                return NULL;
        switch (*s->at) {
        case '{':
        case '[': return read_container(s);
        case '"': return json_scan_string(s, &slice) ? read_string(&slice) : NULL;
        case 't': return json_scan_word(s, "true", JSON_SLICE_TRUE, &slice) ? json_true() : NULL;
        case 'f': return json_scan_word(s, "false", JSON_SLICE_FALSE, &slice) ? json_false() : NULL;
        case 'n': return json_scan_word(s, "null", JSON_SLICE_NULL, &slice) ? json_null() : NULL;
        default: return json_scan_number(s, &slice) ? read_number(&slice) : NULL;
        }
}

static json_t *read_text(const char *text, size_t n_bytes)
{
        JsonScan s; /* the scanner's table of keys is not used */
        _cleanup_json_ json_t *value = NULL;

        s.at = text;
        s.end = text + n_bytes;
        s.why = NULL;
        s.depth = 0;
        value = read_value(&s);
        if (!value)
                return NULL;
        json_scan_skip_space(&s);
        return s.at == s.end ? take(value) : NULL;
}

json_t *json_from_slice(const JsonSlice *slice)
{
        _cleanup_free_ char *plain = NULL;
        json_t *value;
        size_t n;

        if (slice->type == JSON_SLICE_NONE)
                return NULL;
        value = slice->type == JSON_SLICE_STRING ? read_string(slice)
                                                 : json_parse(slice->data, slice->n_bytes, NULL);
        if (value || slice->type != JSON_SLICE_STRING)
                return value;
        plain = mem_alloc(slice->n_bytes);
        json_slice_unescape(slice, plain, &n);
        return memchr(plain, 0, n) ? NULL : json_stringn_nocheck(plain, n);
}

/* jansson's own depth limit is 2048, deep enough to make recursive readers of the tree uneasy. */
static bool too_deep(const char *text, size_t n_bytes)
{
        unsigned depth = 0;
        bool in_string = false;

        for (size_t i = 0; i < n_bytes; i++) {
                char c = text[i];

                if (in_string) {
                        if (c == '\\')
                                i++;
                        else if (c == '"')
                                in_string = false;
                } else if (c == '"')
                        in_string = true;
                else if (c == '{' || c == '[') {
                        if (++depth > JSON_DEPTH_MAX)
                                return true;
                } else if ((c == '}' || c == ']') && depth > 0)
                        depth--;
        }
        return false;
}

json_t *json_parse(const char *text, size_t n_bytes, char **ret_error)
{
        json_error_t error;
        json_t *value = n_bytes > 0 ? read_text(text, n_bytes) : NULL;

        if (value)
                return value;
        if (too_deep(text, n_bytes)) {
                if (ret_error)
                        *ret_error = mem_printf("nested deeper than %d levels", JSON_DEPTH_MAX);
                return NULL;
        }
        value = json_loadb(text, n_bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        if (!value && ret_error)
                *ret_error = mem_printf("line %d column %d: %s", error.line, error.column, error.text);
        return value;
}

/* --- writing --- */

static void write_escape(Buf *out, unsigned char c)
{
        static const char names[] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                     ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};

        if (c < sizeof(names) && names[c]) {
                char pair[2] = {'\\', names[c]};

                buf_append(out, pair, 2);
        } else
                buf_printf(out, "\\u%04X", c);
}

/* The first byte that JSON does not take as it is. */
static const char *skip_unescaped(const char *at, const char *end)
{
        for (;;) {
                at = json_scan_skip_plain(at, end);
                if (at == end || !((unsigned char) *at & 0x80))
                        return at;
                at++;
        }
}

/* `mark` goes before it, when it is not 0. */
static void write_string(Buf *out, char mark, const char *text, size_t n_bytes)
{
        const char *end = text + n_bytes, *plain = skip_unescaped(text, end);
        char *at = buf_reserve(out, n_bytes + 3);
        size_t n = 0;

        if (mark)
                at[n++] = mark;
        at[n++] = '"';
        while (plain < end) {
                memcpy(at + n, text, (size_t) (plain - text));
                buf_commit(out, n + (size_t) (plain - text));
                write_escape(out, (unsigned char) *plain);
                text = plain + 1;
                plain = skip_unescaped(text, end);
                at = buf_reserve(out, (size_t) (end - text) + 1);
                n = 0;
        }
        memcpy(at + n, text, (size_t) (end - text));
        n += (size_t) (end - text);
        at[n++] = '"';
        buf_commit(out, n);
}

static void write_value(Buf *out, const json_t *value);

static void write_object(Buf *out, json_t *object)
{
        char mark = '{';

        for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
                write_string(out, mark, json_object_iter_key(i), json_object_iter_key_len(i));
                buf_append_char(out, ':');
                write_value(out, json_object_iter_value(i));
                mark = ',';
        }
        if (mark == '{')
                buf_append_char(out, mark);
        buf_append_char(out, '}');
}

static void write_array(Buf *out, const json_t *array)
{
        buf_append_char(out, '[');
        for (size_t i = 0; i < json_array_size(array); i++) {
                if (i > 0)
                        buf_append_char(out, ',');
                write_value(out, json_array_get(array, i));
        }
        buf_append_char(out, ']');
}

/* A number of at most DECIMALS decimals, which is what ours are: 0.0009, where jansson writes seventeen
 * digits by way of a string of its own. It reads back the same, because the quotient of two exact numbers
 * is rounded as its decimal form is when it is read. */
static bool write_decimal(Buf *out, double real)
{
        double scaled = real * DECIMALS_SCALE;
        long long whole;
        char text[32];
        int n;

        if (!(fabs(scaled) < 1e15) || (real == 0 && signbit(real)))
                return false;
        whole = (long long) (scaled < 0 ? scaled - 0.5 : scaled + 0.5);
        if ((double) whole / DECIMALS_SCALE != real)
                return false;
        n = snprintf(text, sizeof(text), "%s%lld.%0*lld", whole < 0 ? "-" : "", llabs(whole) / DECIMALS_SCALE,
                     DECIMALS, llabs(whole) % DECIMALS_SCALE);
        while (text[n - 1] == '0' && text[n - 2] != '.')
                n--;
        buf_append(out, text, (size_t) n);
        return true;
}

static void write_real(Buf *out, const json_t *value)
{
        _cleanup_free_ char *text = NULL;

        if (write_decimal(out, json_real_value(value)))
                return;
        text = json_dumps(value, JSON_ENCODE_ANY);
        buf_append_str(out, text ? text : "null");
}

static void write_integer(Buf *out, json_int_t value)
{
        char text[32];
        int n = snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, value);

        buf_append(out, text, (size_t) n);
}

static void write_value(Buf *out, const json_t *value)
{
        switch (json_typeof(value)) {
        case JSON_OBJECT: write_object(out, (json_t *) value); break;
        case JSON_ARRAY: write_array(out, value); break;
        case JSON_STRING: write_string(out, 0, json_string_value(value), json_string_length(value)); break;
        case JSON_INTEGER: write_integer(out, json_integer_value(value)); break;
        case JSON_REAL: write_real(out, value); break;
        case JSON_TRUE: buf_append_str(out, "true"); break;
        case JSON_FALSE: buf_append_str(out, "false"); break;
        case JSON_NULL: buf_append_str(out, "null"); break;
        }
}

char *json_dump(const json_t *value)
{
        Buf out = {0};

        if (!value)
                return mem_strdup("null");
        write_value(&out, value);
        return buf_take(&out);
}
