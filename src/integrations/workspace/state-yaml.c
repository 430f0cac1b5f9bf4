#include "integrations/workspace/state-yaml.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <yaml.h>

#include "base/buf.h"

/* The order in the file, and what each is. Members of lists are not looked into. */
static const JsonField fields[] = {
        {"schema", JSON_FIELD_INT},
        {"session", JSON_FIELD_STR, .max = 64},
        {"ref", JSON_FIELD_STR, .max = 64},
        {"state", JSON_FIELD_STR, .max = 64},
        {"error", JSON_FIELD_STR},
        {"title", JSON_FIELD_STR, .max = 4000},
        {"created_at", JSON_FIELD_STR, .max = 64},
        {"created_by", JSON_FIELD_OBJ},
        {"agent", JSON_FIELD_STR, .max = 400},
        {"model", JSON_FIELD_STR, .max = 400},
        {"task", JSON_FIELD_OBJ},
        {"slack", JSON_FIELD_OBJ},
        {"slack.channel", JSON_FIELD_STR, .max = 64},
        {"slack.thread_ts", JSON_FIELD_STR, .max = 64},
        {"opencode", JSON_FIELD_OBJ},
        {"opencode.session_id", JSON_FIELD_STR, .max = 200},
        {"opencode.directory", JSON_FIELD_STR, .max = 4096},
        {"workspace", JSON_FIELD_OBJ},
        {"workspace.name", JSON_FIELD_STR, .max = 64},
        {"workspace.path", JSON_FIELD_STR, .max = 4096},
        {"workspace.branch", JSON_FIELD_STR, .max = 200},
        {"workspace.repositories", JSON_FIELD_ARR, .max = 32},
        {"under_way", JSON_FIELD_OBJ},
        {"waiting", JSON_FIELD_ARR, .max = 1000},
        {"questions", JSON_FIELD_ARR, .max = 1000},
        {"milestones", JSON_FIELD_ARR, .max = 1000},
        {"deployment", JSON_FIELD_OBJ},
        {"pull_requests", JSON_FIELD_ARR, .max = 100},
        {"usage", JSON_FIELD_OBJ},
        {"routing", JSON_FIELD_OBJ},
};

char *state_check(const json_t *document)
{
        const char *why, *field = json_check(document, fields, ELEMENTSOF(fields), &why);

        return field ? mem_printf("%s %s", field, why) : NULL;
}

/* --- writing --- */

static const char head[] =
        "# The state of one session of the OpenCode Slack Gateway, which is its only writer.\n"
        "# What the fields are: docs/session-state.md. Read by: opencode-slack sessions restore.\n";

static int append(void *userdata, unsigned char *data, size_t n)
{
        buf_append(userdata, data, n);
        return 1;
}

static void emit(yaml_emitter_t *emitter, yaml_event_t *event, int made)
{
        /* libyaml fails here only without memory. */
        if (!made || !yaml_emitter_emit(emitter, event))
                abort();
}

/* Whether a string may stand without quotes: nobody takes it for a number, a date, a word of YAML or its
 * syntax. */
static bool is_plain(const char *s)
{
        static const char *const words[] = {"true", "false", "null", "yes", "no", "on",
                                            "off",  "y",     "n",    "nan", "inf"};
        size_t n = strlen(s);

        if (n == 0 || !isalpha((unsigned char) s[0]) || s[n - 1] == ' ')
                return false;
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcasecmp(s, words[i]) == 0)
                        return false;
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char) s[i]) && !strchr(" ._/-+()@", s[i]))
                        return false;
        return true;
}

static void emit_scalar(yaml_emitter_t *emitter, const char *text, yaml_scalar_style_t style)
{
        yaml_event_t event;

        emit(emitter, &event,
             yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *) text, (int) strlen(text),
                                          style == YAML_PLAIN_SCALAR_STYLE, style != YAML_PLAIN_SCALAR_STYLE,
                                          style));
}

static void emit_string(yaml_emitter_t *emitter, const char *text)
{
        bool several = strchr(text, '\n') && !strstr(text, " \n") && text[0] != ' ' && text[0] != '\n';

        for (const unsigned char *s = (const unsigned char *) text; *s && several; s++)
                several = *s >= ' ' || *s == '\n';
        emit_scalar(emitter, text,
                    is_plain(text) ? YAML_PLAIN_SCALAR_STYLE
                    : several      ? YAML_LITERAL_SCALAR_STYLE
                                   : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

static void emit_value(yaml_emitter_t *emitter, const json_t *value);

static void emit_members(yaml_emitter_t *emitter, const json_t *object)
{
        const char *key;
        json_t *value;

        json_object_foreach ((json_t *) object, key, value) {
                emit_string(emitter, key);
                emit_value(emitter, value);
        }
}

static void emit_number(yaml_emitter_t *emitter, const json_t *value)
{
        char text[40];

        if (json_is_integer(value))
                snprintf(text, sizeof(text), "%lld", (long long) json_integer_value(value));
        else
                snprintf(text, sizeof(text), "%.17g", json_real_value(value));
        if (json_is_real(value) && !strpbrk(text, ".en"))
                strcat(text, ".0");
        emit_scalar(emitter, text, YAML_PLAIN_SCALAR_STYLE);
}

static void emit_value(yaml_emitter_t *emitter, const json_t *value)
{
        yaml_event_t event;
        json_t *element;
        size_t i;

        switch (json_typeof(value)) {
        case JSON_OBJECT:
                emit(emitter, &event,
                     yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
                                                         json_object_size(value) ? YAML_BLOCK_MAPPING_STYLE
                                                                                 : YAML_FLOW_MAPPING_STYLE));
                emit_members(emitter, value);
                emit(emitter, &event, yaml_mapping_end_event_initialize(&event));
                break;
        case JSON_ARRAY:
                emit(emitter, &event,
                     yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                                          json_array_size(value) ? YAML_BLOCK_SEQUENCE_STYLE
                                                                                 : YAML_FLOW_SEQUENCE_STYLE));
                json_array_foreach (value, i, element)
                        emit_value(emitter, element);
                emit(emitter, &event, yaml_sequence_end_event_initialize(&event));
                break;
        case JSON_STRING: emit_string(emitter, json_string_value(value)); break;
        case JSON_INTEGER:
        case JSON_REAL: emit_number(emitter, value); break;
        case JSON_TRUE: emit_scalar(emitter, "true", YAML_PLAIN_SCALAR_STYLE); break;
        case JSON_FALSE: emit_scalar(emitter, "false", YAML_PLAIN_SCALAR_STYLE); break;
        case JSON_NULL: emit_scalar(emitter, "null", YAML_PLAIN_SCALAR_STYLE); break;
        }
}

static json_t *in_order(const json_t *document, const char *session)
{
        json_t *ordered = json_object(), *value;
        const char *key;

        json_put_int(ordered, "schema", STATE_SCHEMA);
        json_put_str(ordered, "session", session);
        for (size_t i = 2; i < ELEMENTSOF(fields); i++)
                if (!strchr(fields[i].path, '.') && (value = json_object_get(document, fields[i].path)))
                        json_object_set(ordered, fields[i].path, value);
        json_object_foreach ((json_t *) document, key, value)
                if (!json_object_get(ordered, key))
                        json_object_set(ordered, key, value);
        return ordered;
}

char *state_to_yaml(const json_t *document, const char *session)
{
        _cleanup_json_ json_t *ordered = in_order(document, session);
        yaml_emitter_t emitter;
        yaml_event_t event;
        Buf text = {0};

        buf_append_str(&text, head);
        if (!yaml_emitter_initialize(&emitter))
                abort();
        yaml_emitter_set_output(&emitter, append, &text);
        yaml_emitter_set_unicode(&emitter, 1);
        yaml_emitter_set_width(&emitter, -1);
        emit(&emitter, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
        emit(&emitter, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
        emit_value(&emitter, ordered);
        emit(&emitter, &event, yaml_document_end_event_initialize(&event, 1));
        emit(&emitter, &event, yaml_stream_end_event_initialize(&event));
        yaml_emitter_delete(&emitter);
        return buf_take(&text);
}

/* --- reading --- */

typedef struct Reader {
        yaml_parser_t parser;
        yaml_event_t event;
        bool has_event;
        unsigned depth;
        char *error; /* the first one */
} Reader;

static json_t *fail(Reader *r, size_t line, const char *why)
{
        if (!r->error)
                r->error = mem_printf("line %zu: %s", line + 1, why);
        return NULL;
}

static bool next(Reader *r)
{
        if (r->has_event)
                yaml_event_delete(&r->event);
        r->has_event = yaml_parser_parse(&r->parser, &r->event);
        if (!r->has_event)
                fail(r, r->parser.problem_mark.line,
                     r->parser.problem ? r->parser.problem : "cannot be read");
        return r->has_event;
}

static json_t *number_or_string(const char *s)
{
        char *end;

        if (isdigit((unsigned char) s[0]) || (s[0] == '-' && isdigit((unsigned char) s[1]))) {
                long long integer;
                double real;

                errno = 0;
                integer = strtoll(s, &end, 10);
                if (!*end && !errno)
                        return json_integer(integer);
                real = strtod(s, &end);
                if (!*end && strpbrk(s, ".eE") && !strpbrk(s, "xX"))
                        return json_real(real);
        }
        return json_string(s);
}

static json_t *read_scalar(Reader *r)
{
        const char *s = (const char *) r->event.data.scalar.value;
        json_t *value;

        if (r->event.data.scalar.anchor || r->event.data.scalar.tag)
                return fail(r, r->event.start_mark.line, "anchors and tags are not supported");
        if (strlen(s) != r->event.data.scalar.length)
                return fail(r, r->event.start_mark.line, "has a NUL in it");
        if (r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
                value = json_string(s);
        else if (!*s || str_equal(s, "null") || str_equal(s, "~"))
                value = json_null();
        else if (str_equal(s, "true") || str_equal(s, "false"))
                value = json_boolean(s[0] == 't');
        else
                value = number_or_string(s);
        return value ? value
                     : fail(r, r->event.start_mark.line, "is not UTF-8, or a number that is too large");
}

static json_t *read_value(Reader *r);

static json_t *read_map(Reader *r)
{
        _cleanup_json_ json_t *map = json_object();

        while (next(r) && r->event.type != YAML_MAPPING_END_EVENT) {
                _cleanup_free_ char *key = NULL;
                size_t line = r->event.start_mark.line;
                json_t *value;

                if (r->event.type != YAML_SCALAR_EVENT || r->event.data.scalar.anchor ||
                    r->event.data.scalar.tag ||
                    strlen((const char *) r->event.data.scalar.value) != r->event.data.scalar.length)
                        return fail(r, line, "a key must be a plain text");
                key = mem_strdup((const char *) r->event.data.scalar.value);
                if (json_object_get(map, key))
                        return fail(r, line, "a key is there twice");
                if (!next(r))
                        return NULL;
                value = read_value(r);
                if (!value)
                        return NULL;
                if (json_object_set_new(map, key, value) < 0)
                        return fail(r, line, "a key is not UTF-8");
        }
        return r->error ? NULL : take(map);
}

static json_t *read_list(Reader *r)
{
        _cleanup_json_ json_t *list = json_array();

        while (next(r) && r->event.type != YAML_SEQUENCE_END_EVENT) {
                json_t *value = read_value(r);

                if (!value)
                        return NULL;
                json_array_append_new(list, value);
        }
        return r->error ? NULL : take(list);
}

/* The value that the current event begins. */
static json_t *read_value(Reader *r)
{
        json_t *value = NULL;

        if (++r->depth > STATE_DEPTH_MAX)
                return fail(r, r->event.start_mark.line, "is nested too deep");
        switch (r->event.type) {
        case YAML_SCALAR_EVENT: value = read_scalar(r); break;
        case YAML_MAPPING_START_EVENT:
                value = r->event.data.mapping_start.anchor || r->event.data.mapping_start.tag
                                ? fail(r, r->event.start_mark.line, "anchors and tags are not supported")
                                : read_map(r);
                break;
        case YAML_SEQUENCE_START_EVENT:
                value = r->event.data.sequence_start.anchor || r->event.data.sequence_start.tag
                                ? fail(r, r->event.start_mark.line, "anchors and tags are not supported")
                                : read_list(r);
                break;
        default: fail(r, r->event.start_mark.line, "aliases are not supported");
        }
        r->depth--;
        return value;
}

static json_t *read_document(Reader *r)
{
        _cleanup_json_ json_t *document = NULL;
        _cleanup_free_ char *why = NULL;

        if (!next(r) || !next(r))
                return NULL;
        if (r->event.type != YAML_DOCUMENT_START_EVENT)
                return fail(r, 0, "is empty");
        if (!next(r))
                return NULL;
        document = read_value(r);
        if (!document || !next(r) || !next(r))
                return NULL;
        if (r->event.type != YAML_STREAM_END_EVENT)
                return fail(r, r->event.start_mark.line, "only one document is supported");
        if (!json_is_object(document))
                return fail(r, 0, "must be a map");
        if (json_int(document, "schema", 0) < 1)
                return fail(r, 0, "has no schema version");
        if (json_int(document, "schema", 0) > STATE_SCHEMA)
                return fail(r, 0, "was written by a newer gateway");
        why = state_check(document);
        return why ? fail(r, 0, why) : take(document);
}

json_t *state_from_yaml(const char *text, size_t n_bytes, char **ret_error)
{
        Reader r = {0};
        json_t *document = NULL;

        if (n_bytes > STATE_YAML_BYTES_MAX) {
                fail(&r, 0, "is longer than 1 MiB");
        } else if (!yaml_parser_initialize(&r.parser)) {
                abort(); /* no memory */
        } else {
                yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
                yaml_parser_set_input_string(&r.parser, (const unsigned char *) text, n_bytes);
                document = read_document(&r);
                if (r.has_event)
                        yaml_event_delete(&r.event);
                yaml_parser_delete(&r.parser);
        }
        if (ret_error)
                *ret_error = r.error;
        else
                free(r.error);
        return document;
}
