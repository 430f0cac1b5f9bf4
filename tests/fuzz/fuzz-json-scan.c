/* json_scan() against jansson: the same texts are valid, and a member found has the same value. */
#include <assert.h>
#include <stdio.h>

#include "base/json-scan.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static const char *const paths[] = {"type", "envelope_id", "payload", "a.b", "a", "retry_attempt", "a.b.c"};

static void check_value(const JsonSlice *s, const json_t *value)
{
        char text[4096];
        int64_t i;
        bool b;

        if (!value) {
                assert(s->type == JSON_SLICE_NONE);
                return;
        }
        switch (json_typeof(value)) {
        case JSON_OBJECT: assert(s->type == JSON_SLICE_OBJECT && s->data[0] == '{'); break;
        case JSON_ARRAY: assert(s->type == JSON_SLICE_ARRAY && s->data[0] == '['); break;
        case JSON_STRING:
                if (json_slice_copy(s, text, sizeof(text))) {
                        assert(strlen(text) == json_string_length(value));
                        assert(strcmp(text, json_string_value(value)) == 0);
                        assert(json_slice_equal(s, text));
                } else
                        assert(json_string_length(value) != strlen(json_string_value(value)) ||
                               json_string_length(value) >= sizeof(text));
                break;
        case JSON_INTEGER: assert(json_slice_int(s, &i) && i == json_integer_value(value)); break;
        case JSON_REAL: assert(s->type == JSON_SLICE_NUMBER && !json_slice_int(s, &i)); break;
        case JSON_TRUE:
        case JSON_FALSE: assert(json_slice_bool(s, &b) && b == json_is_true(value)); break;
        case JSON_NULL: assert(s->type == JSON_SLICE_NULL); break;
        }
}

/* jansson refuses a few texts that are JSON: integers beyond 64 bits, reals beyond a double, lone
 * surrogates, a NUL in a key.
 */
static bool beyond_jansson(const json_error_t *error)
{
        return json_error_code(error) == json_error_numeric_overflow || strstr(error->text, "nicode") ||
               json_error_code(error) == json_error_null_byte_in_key ||
               json_error_code(error) == json_error_stack_overflow ||
               json_error_code(error) == json_error_duplicate_key;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        const char *text = (const char *) data;
        JsonSlice s[ELEMENTSOF(paths)];
        json_error_t error;
        _cleanup_json_ json_t *value =
                json_loadb(text, n_bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
        bool ok = json_scan(text, n_bytes, paths, ELEMENTSOF(paths), s);
        size_t offset = 0;
        const char *why = json_scan_explain(text, n_bytes, &offset);

        assert(ok == (why == NULL));
        assert(offset <= n_bytes);
        if (ok && !value)
                assert(beyond_jansson(&error));
        if (!ok && value) /* jansson lets a NUL byte behind a value pass */
                assert(strcmp(why, "nested too deeply") == 0 || (offset < n_bytes && data[offset] == 0));
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                if (s[i].type != JSON_SLICE_NONE)
                        assert(s[i].data >= text && s[i].data + s[i].n_bytes <= text + n_bytes);
                if (ok && value)
                        check_value(&s[i], json_is_object(value) ? json_at(value, paths[i]) : NULL);
        }
        return 0;
}
