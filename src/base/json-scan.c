/* Recursive descent over the bytes; the recursion is bounded by JSON_DEPTH_MAX. A path is alive in an object
 * when its leading keys led there: a bit mask per level, so that the parts of a message that nobody asks
 * about are skipped at the speed of validation. */
#include "base/json-scan-internal.h"

static bool scan_value(JsonScan *s, uint32_t alive, unsigned level, JsonSlice *slice);

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c |= 0x20;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `at` is behind "\u". */
static bool read_hex4(const char *at, const char *end, unsigned *ret)
{
        unsigned value = 0;

        if (end - at < 4)
                return false;
        for (unsigned i = 0; i < 4; i++) {
                int digit = hex_digit(at[i]);

                if (digit < 0)
                        return false;
                value = value << 4 | (unsigned) digit;
        }
        *ret = value;
        return true;
}

static bool scan_escape(JsonScan *s)
{
        unsigned unit;

        if (s->end - s->at < 2)
                return json_scan_fail(s, "unterminated string");
        switch (s->at[1]) {
        case '"':
        case '\\':
        case '/':
        case 'b':
        case 'f':
        case 'n':
        case 'r':
        case 't': s->at += 2; return true;
        case 'u':
                if (!read_hex4(s->at + 2, s->end, &unit))
                        return json_scan_fail(s, "invalid \\u escape");
                s->at += 6;
                return true;
        default: return json_scan_fail(s, "invalid escape");
        }
}

/* RFC 3629: neither overlong forms, nor surrogates, nor anything above U+10FFFF. */
static size_t utf8_length(const char *text, size_t n_bytes)
{
        const unsigned char *p = (const unsigned char *) text;
        unsigned char low = 0x80, high = 0xbf;
        size_t n;

        if (p[0] >= 0xc2 && p[0] <= 0xdf)
                n = 2;
        else if (p[0] >= 0xe0 && p[0] <= 0xef)
                n = 3;
        else if (p[0] >= 0xf0 && p[0] <= 0xf4)
                n = 4;
        else
                return 0;
        if (p[0] == 0xe0)
                low = 0xa0;
        else if (p[0] == 0xed)
                high = 0x9f;
        else if (p[0] == 0xf0)
                low = 0x90;
        else if (p[0] == 0xf4)
                high = 0x8f;
        if (n_bytes < n || p[1] < low || p[1] > high)
                return 0;
        for (size_t i = 2; i < n; i++)
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
        return n;
}

bool json_scan_string(JsonScan *s, JsonSlice *slice)
{
        const char *start = ++s->at;

        for (;;) {
                s->at = json_scan_skip_plain(s->at, s->end);
                if (s->at == s->end)
                        return json_scan_fail(s, "unterminated string");
                if (*s->at == '"') {
                        *slice = (JsonSlice){start, (size_t) (s->at - start), JSON_SLICE_STRING};
                        s->at++;
                        return true;
                }
                if (*s->at == '\\') {
                        if (!scan_escape(s))
                                return false;
                } else if ((unsigned char) *s->at < 0x20)
                        return json_scan_fail(s, "control character in a string");
                else {
                        size_t n = utf8_length(s->at, (size_t) (s->end - s->at));

                        if (n == 0)
                                return json_scan_fail(s, "invalid UTF-8");
                        s->at += n;
                }
        }
}

static bool scan_digits(JsonScan *s)
{
        const char *start = s->at;

        while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
                s->at++;
        return s->at > start || json_scan_fail(s, "invalid number");
}

bool json_scan_number(JsonScan *s, JsonSlice *slice)
{
        const char *start = s->at;

        if (*s->at == '-')
                s->at++;
        if (s->at < s->end && *s->at == '0')
                s->at++;
        else if (!scan_digits(s))
                return false;
        if (s->at < s->end && *s->at == '.') {
                s->at++;
                if (!scan_digits(s))
                        return false;
        }
        if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
                s->at++;
                if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
                        s->at++;
                if (!scan_digits(s))
                        return false;
        }
        *slice = (JsonSlice){start, (size_t) (s->at - start), JSON_SLICE_NUMBER};
        return true;
}

bool json_scan_word(JsonScan *s, const char *word, JsonSliceType type, JsonSlice *slice)
{
        size_t n = strlen(word);

        if ((size_t) (s->end - s->at) < n || memcmp(s->at, word, n) != 0)
                return json_scan_fail(s, "invalid value");
        *slice = (JsonSlice){s->at, n, type};
        s->at += n;
        return true;
}

static bool key_matches(const JsonSlice *key, const JsonScanKey *wanted)
{
        return key->n_bytes == wanted->n_bytes && memcmp(key->data, wanted->name, wanted->n_bytes) == 0;
}

/* The paths among `alive` that lead through `key`, as a mask. */
static uint32_t match_key(const JsonScan *s, uint32_t alive, unsigned level, JsonSlice key)
{
        char plain[128];
        uint32_t found = 0;

        if (!alive)
                return 0;
        if (memchr(key.data, '\\', key.n_bytes)) { /* it may be one of ours, written with escapes */
                if (!json_slice_copy(&key, plain, sizeof(plain)))
                        return 0;
                key = (JsonSlice){plain, strlen(plain), JSON_SLICE_STRING};
        }
        for (; alive; alive &= alive - 1) {
                unsigned i = (unsigned) __builtin_ctz(alive);

                if (key_matches(&key, &s->keys[i][level]))
                        found |= 1u << i;
        }
        return found;
}

/* One `"key": value` of an object at `level`, for the paths that are alive in it. */
static bool scan_member(JsonScan *s, uint32_t alive, unsigned level)
{
        uint32_t here = 0, below = 0;
        JsonSlice key, value;

        if (s->at == s->end || *s->at != '"')
                return json_scan_fail(s, "expected a key");
        if (!json_scan_string(s, &key))
                return false;
        for (uint32_t rest = match_key(s, alive, level, key); rest; rest &= rest - 1) {
                unsigned i = (unsigned) __builtin_ctz(rest);

                if (s->n_keys[i] > level + 1)
                        below |= 1u << i;
                else
                        here |= 1u << i;
        }
        json_scan_skip_space(s);
        if (s->at == s->end || *s->at != ':')
                return json_scan_fail(s, "expected a colon");
        s->at++;
        if (!scan_value(s, below, level + 1, &value))
                return false;
        for (; here; here &= here - 1) {
                JsonSlice *slot = &s->ret[__builtin_ctz(here)];

                if (slot->type == JSON_SLICE_NONE)
                        *slot = value;
        }
        return true;
}

static bool scan_container(JsonScan *s, char close, uint32_t alive, unsigned level, JsonSlice *slice)
{
        const char *start = s->at++;
        bool is_object = close == '}';

        if (++s->depth > JSON_DEPTH_MAX)
                return json_scan_fail(s, "nested too deeply");
        json_scan_skip_space(s);
        if (s->at < s->end && *s->at == close)
                s->at++;
        else
                for (;;) {
                        JsonSlice element;

                        if (is_object ? !scan_member(s, alive, level) : !scan_value(s, 0, 0, &element))
                                return false;
                        json_scan_skip_space(s);
                        if (s->at == s->end)
                                return json_scan_fail(s, is_object ? "unterminated object"
                                                                   : "unterminated array");
                        if (*s->at == close) {
                                s->at++;
                                break;
                        }
                        if (*s->at != ',')
                                return json_scan_fail(s, "expected a comma");
                        s->at++;
                        if (is_object)
                                json_scan_skip_space(s);
                }
        s->depth--;
        *slice = (JsonSlice){start, (size_t) (s->at - start),
                             is_object ? JSON_SLICE_OBJECT : JSON_SLICE_ARRAY};
        return true;
}

static bool scan_value(JsonScan *s, uint32_t alive, unsigned level, JsonSlice *slice)
{
        json_scan_skip_space(s);
        if (s->at == s->end)
                return json_scan_fail(s, "expected a value");
        switch (*s->at) {
        case '{': return scan_container(s, '}', alive, level, slice);
        case '[': return scan_container(s, ']', 0, 0, slice);
        case '"': return json_scan_string(s, slice);
        case 't': return json_scan_word(s, "true", JSON_SLICE_TRUE, slice);
        case 'f': return json_scan_word(s, "false", JSON_SLICE_FALSE, slice);
        case 'n': return json_scan_word(s, "null", JSON_SLICE_NULL, slice);
        case '-':
        case '0' ... '9': return json_scan_number(s, slice);
        default: return json_scan_fail(s, "invalid value");
        }
}

/* Returns the paths that have a form at all, as a mask. */
static uint32_t prepare_paths(JsonScan *s, const char *const *paths, size_t n_paths)
{
        uint32_t alive = 0;

        for (size_t i = 0; i < MIN2(n_paths, (size_t) JSON_SCAN_PATHS_MAX); i++) {
                const char *at = paths[i];
                unsigned n = 0;

                for (; n < JSON_SCAN_SEGMENTS_MAX; n++) {
                        const char *dot = strchrnul(at, '.');

                        s->keys[i][n] = (JsonScanKey){at, (size_t) (dot - at)};
                        at = dot;
                        if (!*at)
                                break;
                        at++;
                }
                if (n == JSON_SCAN_SEGMENTS_MAX)
                        continue;
                s->n_keys[i] = n + 1;
                alive |= 1u << i;
        }
        return alive;
}

static bool scan_text(JsonScan *s, uint32_t alive)
{
        JsonSlice value;

        if (!scan_value(s, alive, 0, &value))
                return false;
        json_scan_skip_space(s);
        return s->at == s->end || json_scan_fail(s, "text after the value");
}

bool json_scan(const char *text, size_t n_bytes, const char *const *paths, size_t n_paths, JsonSlice *ret)
{
        JsonScan s; /* the key table is filled as far as it is used, not cleared */
        uint32_t alive;

        for (size_t i = 0; i < n_paths; i++)
                ret[i] = (JsonSlice){0};
        s.at = text;
        s.end = text + n_bytes;
        s.why = NULL;
        s.depth = 0;
        s.ret = ret;
        alive = prepare_paths(&s, paths, n_paths);
        if (scan_text(&s, alive))
                return true;
        for (size_t i = 0; i < n_paths; i++)
                ret[i] = (JsonSlice){0};
        return false;
}

const char *json_scan_explain(const char *text, size_t n_bytes, size_t *ret_offset)
{
        JsonScan s = {.at = text, .end = text + n_bytes};

        if (scan_text(&s, 0))
                return NULL;
        *ret_offset = (size_t) (s.at - text);
        return s.why;
}

static size_t put_utf8(uint32_t c, char out[4])
{
        if (c < 0x80) {
                out[0] = (char) c;
                return 1;
        }
        if (c < 0x800) {
                out[0] = (char) (0xc0 | c >> 6);
                out[1] = (char) (0x80 | (c & 0x3f));
                return 2;
        }
        if (c < 0x10000) {
                out[0] = (char) (0xe0 | c >> 12);
                out[1] = (char) (0x80 | (c >> 6 & 0x3f));
                out[2] = (char) (0x80 | (c & 0x3f));
                return 3;
        }
        out[0] = (char) (0xf0 | c >> 18);
        out[1] = (char) (0x80 | (c >> 12 & 0x3f));
        out[2] = (char) (0x80 | (c >> 6 & 0x3f));
        out[3] = (char) (0x80 | (c & 0x3f));
        return 4;
}

#define HALF_A_PAIR 0x110000 /* beyond Unicode: a surrogate alone */

/* `*at` is behind the "\u" of an escape that the scan found valid; takes the second half of a pair along. */
static uint32_t read_code_point(const char **at, const char *end)
{
        unsigned unit, low;

        if (!read_hex4(*at, end, &unit))
                return HALF_A_PAIR;
        *at += 4;
        if (unit < 0xd800 || unit > 0xdfff)
                return unit;
        if (unit < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' &&
            read_hex4(*at + 2, end, &low) && low >= 0xdc00 && low <= 0xdfff) {
                *at += 6;
                return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        }
        return HALF_A_PAIR;
}

/* Takes one byte, or one escape, of a string slice; returns what it stands for, 1 to 4 bytes. Half a
 * surrogate pair becomes U+FFFD, and sets *half. */
static size_t next_bytes(const char **at, const char *end, char out[4], bool *half)
{
        const char *p = *at;
        uint32_t c;

        if (*p != '\\' || end - p < 2) {
                *at += 1;
                out[0] = *p;
                return 1;
        }
        *at += 2;
        switch (p[1]) {
        case 'b': out[0] = '\b'; return 1;
        case 'f': out[0] = '\f'; return 1;
        case 'n': out[0] = '\n'; return 1;
        case 'r': out[0] = '\r'; return 1;
        case 't': out[0] = '\t'; return 1;
        case 'u':
                c = read_code_point(at, end);
                *half |= c == HALF_A_PAIR;
                return put_utf8(c == HALF_A_PAIR ? 0xfffd : c, out);
        default: out[0] = p[1]; return 1;
        }
}

bool json_slice_unescape(const JsonSlice *s, char *ret, size_t *ret_n)
{
        const char *at = s->data, *end = at + s->n_bytes;
        bool half = false;
        size_t n = 0;

        while (at < end && !half) {
                const char *escape = memchr(at, '\\', (size_t) (end - at));
                size_t n_plain = (size_t) ((escape ? escape : end) - at);
                char bytes[4];
                size_t k;

                memcpy(ret + n, at, n_plain);
                n += n_plain;
                at += n_plain;
                if (!escape)
                        break;
                k = next_bytes(&at, end, bytes, &half);
                memcpy(ret + n, bytes, k);
                n += k;
        }
        *ret_n = n;
        return !half;
}

bool json_slice_copy(const JsonSlice *s, char *ret, size_t size)
{
        const char *at, *end;
        bool half = false;
        size_t n = 0;

        ret[0] = 0;
        if (s->type != JSON_SLICE_STRING)
                return false;
        at = s->data;
        end = at + s->n_bytes;
        while (at < end) {
                char bytes[4];
                size_t k = next_bytes(&at, end, bytes, &half);

                if (bytes[0] == 0 || n + k >= size) {
                        ret[0] = 0;
                        return false;
                }
                memcpy(ret + n, bytes, k);
                n += k;
        }
        ret[n] = 0;
        return true;
}

bool json_slice_equal(const JsonSlice *s, const char *literal)
{
        size_t n = strlen(literal);
        const char *at, *end;
        bool half = false;

        if (s->type != JSON_SLICE_STRING)
                return false;
        at = s->data;
        end = at + s->n_bytes;
        while (at < end) {
                char bytes[4];
                size_t k = next_bytes(&at, end, bytes, &half);

                if (k > n || memcmp(literal, bytes, k) != 0)
                        return false;
                literal += k;
                n -= k;
        }
        return n == 0;
}

bool json_slice_bool(const JsonSlice *s, bool *ret)
{
        if (s->type != JSON_SLICE_TRUE && s->type != JSON_SLICE_FALSE)
                return false;
        *ret = s->type == JSON_SLICE_TRUE;
        return true;
}

bool json_slice_int(const JsonSlice *s, int64_t *ret)
{
        bool negative = s->type == JSON_SLICE_NUMBER && s->data[0] == '-';
        int64_t value = 0;

        if (s->type != JSON_SLICE_NUMBER)
                return false;
        for (size_t i = negative; i < s->n_bytes; i++) {
                int digit = s->data[i] - '0';

                if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
                    __builtin_sub_overflow(value, digit, &value)) /* downwards: INT64_MIN fits too */
                        return false;
        }
        if (!negative && __builtin_sub_overflow(0, value, &value))
                return false;
        *ret = value;
        return true;
}
