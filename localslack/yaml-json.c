#include "yaml-json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <yaml.h>

#define DEPTH_MAX 16
#define NODES_MAX 50000

typedef struct Reader {
        yaml_parser_t parser;
        yaml_event_t event;
        const char *name;
        char *error;
        size_t n_nodes;
} Reader;

static void fail(Reader *r, yaml_mark_t mark, const char *why)
{
        if (!r->error)
                r->error = mem_printf("%s:%zu:%zu: %s", r->name, mark.line + 1, mark.column + 1, why);
}

static const char *decoration(const yaml_event_t *e)
{
        const yaml_char_t *anchor = NULL, *tag = NULL;

        if (e->type == YAML_ALIAS_EVENT)
                return "aliases (*name) are not supported";
        if (e->type == YAML_SCALAR_EVENT) {
                anchor = e->data.scalar.anchor;
                tag = e->data.scalar.tag;
        } else if (e->type == YAML_SEQUENCE_START_EVENT) {
                anchor = e->data.sequence_start.anchor;
                tag = e->data.sequence_start.tag;
        } else if (e->type == YAML_MAPPING_START_EVENT) {
                anchor = e->data.mapping_start.anchor;
                tag = e->data.mapping_start.tag;
        }
        return anchor ? "anchors (&name) are not supported" : tag ? "tags (!name) are not supported" : NULL;
}

static bool next(Reader *r)
{
        const char *why;

        yaml_event_delete(&r->event);
        if (r->error)
                return false;
        if (!yaml_parser_parse(&r->parser, &r->event)) {
                fail(r, r->parser.error == YAML_READER_ERROR ? r->parser.mark : r->parser.problem_mark,
                     r->parser.problem ? r->parser.problem : "is not YAML");
                return false;
        }
        why = decoration(&r->event);
        if (!why && ++r->n_nodes > NODES_MAX)
                why = "is too large";
        if (why)
                fail(r, r->event.start_mark, why);
        return !why;
}

static json_t *number_of(const char *text)
{
        static const char allowed[] = "+-0123456789.eE";
        char *end;
        long long whole;
        double real;

        if (!*text || text[strspn(text, allowed)] || !strpbrk(text, "0123456789"))
                return NULL;
        errno = 0;
        whole = strtoll(text, &end, 10);
        if (!*end && errno == 0)
                return json_integer(whole);
        real = strtod(text, &end);
        return !*end && isfinite(real) ? json_real(real) : NULL;
}

static json_t *scalar(Reader *r)
{
        const char *text = (const char *) r->event.data.scalar.value;
        json_t *out = NULL;

        if (r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
                if (!*text || str_equal(text, "~") || str_equal(text, "null"))
                        return json_null();
                if (str_equal(text, "true") || str_equal(text, "false"))
                        return json_boolean(*text == 't');
                out = number_of(text);
        }
        if (!out)
                out = json_stringn(text, r->event.data.scalar.length);
        if (!out || (json_is_string(out) && strlen(json_string_value(out)) != r->event.data.scalar.length)) {
                fail(r, r->event.start_mark, "a text that JSON cannot hold");
                json_decref(out);
                return NULL;
        }
        return out;
}

static json_t *value(Reader *r, unsigned depth);

static json_t *sequence(Reader *r, unsigned depth)
{
        json_t *out = json_array(), *item;

        while (next(r) && r->event.type != YAML_SEQUENCE_END_EVENT) {
                item = value(r, depth);
                if (!item)
                        break;
                json_array_append_new(out, item);
        }
        return out;
}

static json_t *mapping(Reader *r, unsigned depth)
{
        json_t *out = json_object();

        while (next(r) && r->event.type != YAML_MAPPING_END_EVENT) {
                _cleanup_free_ char *key = NULL;
                yaml_mark_t mark = r->event.start_mark;
                json_t *item;

                if (r->event.type != YAML_SCALAR_EVENT) {
                        fail(r, mark, "a key must be a text");
                        break;
                }
                key = mem_strdup((const char *) r->event.data.scalar.value);
                if (json_object_get(out, key)) {
                        fail(r, mark, "the key stands twice");
                        break;
                }
                item = next(r) ? value(r, depth) : NULL;
                if (!item)
                        break;
                if (json_object_set_new(out, key, item) < 0) {
                        fail(r, mark, "a key that JSON cannot hold");
                        break;
                }
        }
        return out;
}

/* Of the current event; NULL after an error. */
static json_t *value(Reader *r, unsigned depth)
{
        if (depth >= DEPTH_MAX) {
                fail(r, r->event.start_mark, "is nested too deeply");
                return NULL;
        }
        switch (r->event.type) {
        case YAML_SCALAR_EVENT: return scalar(r);
        case YAML_SEQUENCE_START_EVENT: return sequence(r, depth + 1);
        case YAML_MAPPING_START_EVENT: return mapping(r, depth + 1);
        default: fail(r, r->event.start_mark, "a value is missing"); return NULL;
        }
}

static json_t *document(Reader *r)
{
        json_t *out = NULL;

        if (next(r) && next(r) && r->event.type == YAML_DOCUMENT_START_EVENT && next(r))
                out = value(r, 0);
        else if (!r->error)
                fail(r, r->event.start_mark, "is empty");
        if (out && next(r) && next(r) && r->event.type != YAML_STREAM_END_EVENT)
                fail(r, r->event.start_mark, "holds more than one document");
        return out;
}

json_t *yaml_json_parse(const char *name, const char *text, size_t n_bytes, char **ret_error)
{
        Reader r = {.name = name};
        json_t *out;

        *ret_error = NULL;
        if (n_bytes > YAML_JSON_BYTES_MAX) {
                *ret_error = mem_printf("%s: is larger than %u bytes", name, YAML_JSON_BYTES_MAX);
                return NULL;
        }
        if (!yaml_parser_initialize(&r.parser))
                abort(); /* out of memory, the only way it fails */
        yaml_parser_set_input_string(&r.parser, (const unsigned char *) text, n_bytes);
        out = document(&r);
        yaml_event_delete(&r.event);
        yaml_parser_delete(&r.parser);
        if (!r.error)
                return out;
        json_decref(out);
        *ret_error = r.error;
        return NULL;
}
