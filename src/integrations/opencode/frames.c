/* The shapes of all frames from a plugin, as tables: a second writing of contract/schemas/to-gateway, held to
 * it by the samples, which both sides' tests read.
 *
 * json_check() of base is for flat objects; these frames have arrays of objects, words, patterns and ranges,
 * and the answer must name the very element ("question.questions[0].options[1].label"). Hence a small
 * interpreter: a shape says what a value must be, a field names a shape, and the depth of the recursion is
 * the depth of these tables, never of what a peer sent. Unknown keys are ignored: a newer plugin may say
 * more. */
#include "integrations/opencode/frames.h"

#include <ctype.h>
#include <stdio.h>

#include "integrations/opencode/bridge.h"

typedef enum ShapeKind { SHAPE_STR, SHAPE_INT, SHAPE_BOOL, SHAPE_OBJ, SHAPE_ARR } ShapeKind;

typedef struct Field Field;
typedef struct Shape {
        ShapeKind kind;
        bool nullable;
        int64_t min, max;               /* characters, value, or elements; max 0 = unbounded */
        bool (*fits)(const char *text); /* strings only */
        const char *const *words;       /* strings only: the allowed ones */
        const char *why;                /* what to say when fits() or words refuse */
        const struct Shape *element;    /* arrays only */
        const Field *fields;            /* objects only */
        size_t n_fields;
} Shape;

struct Field {
        const char *name;
        const Shape *shape;
        bool optional;
};

#define FIELDS(_f)      .fields = (_f), .n_fields = ELEMENTSOF(_f)
#define STR(_name, ...) static const Shape _name = {SHAPE_STR, __VA_ARGS__}
#define INT(_name, ...) static const Shape _name = {SHAPE_INT, __VA_ARGS__}
#define ARR(_name, _max, _element, ...)                                                                      \
        static const Shape _name = {SHAPE_ARR, .max = (_max), .element = (_element), ##__VA_ARGS__}
#define OBJ(_name, _fields, ...) static const Shape _name = {SHAPE_OBJ, FIELDS(_fields), ##__VA_ARGS__}

/* --- values --- */

static bool is_id(const char *s)
{
        size_t n = 0;

        while (isalnum((unsigned char) s[n]) || s[n] == '_' || s[n] == '-')
                n++;
        return n >= 1 && n <= 128 && !s[n];
}

static bool is_absolute(const char *s)
{
        return s[0] == '/';
}

static bool is_uuid(const char *s)
{
        for (size_t i = 0; i < 36; i++) {
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;

                if (dash ? s[i] != '-' : !(isdigit((unsigned char) s[i]) || (s[i] >= 'a' && s[i] <= 'f')))
                        return false;
        }
        return !s[36];
}

#define ID_WHY .fits = is_id, .why = "must be 1 to 128 letters, digits, _ or -"
STR(shape_id, ID_WHY);
STR(shape_id_or_null, .nullable = true, ID_WHY);
STR(shape_uuid, .fits = is_uuid, .why = "must be a UUID in lower case");
STR(shape_directory, .max = 4096, .fits = is_absolute, .why = "must be an absolute path");
STR(shape_40, .max = 40);
STR(shape_64, .min = 1, .max = 64);
STR(shape_64_or_null, .nullable = true, .max = 64);
STR(shape_200, .max = 200);
STR(shape_name, .min = 1, .max = 200);
STR(shape_200_or_null, .nullable = true, .max = 200);
STR(shape_300, .max = 300);
STR(shape_500, .max = 500);
STR(shape_1000, .max = 1000);
STR(shape_1500, .max = 1500);
STR(shape_4000, .max = 4000);
STR(shape_4096, .max = 4096);
STR(shape_20000, .max = 20000);
STR(shape_200000, .max = 200000);
INT(shape_protocol, .min = BRIDGE_PROTOCOL, .max = BRIDGE_PROTOCOL);
INT(shape_natural, .min = 0);
INT(shape_positive, .min = 1);
static const Shape shape_bool = {SHAPE_BOOL};
static const Shape shape_any_object = {SHAPE_OBJ};

#define WORDS(_name, _why, ...)                                                                              \
        static const char *const _name##_words[] = {__VA_ARGS__, NULL};                                      \
        STR(_name, .words = _name##_words, .why = _why)
WORDS(shape_reply_word, "must be once, always or reject", "once", "always", "reject");
WORDS(shape_role_user, "must be user", "user");
WORDS(shape_part_kind, "must be text or reasoning", "text", "reasoning");
WORDS(shape_tool_status, "must be pending, running, completed or error", "pending", "running", "completed",
      "error");
WORDS(shape_status_type, "must be idle, busy or retry", "idle", "busy", "retry");
WORDS(shape_error_code, "must be not_found, invalid, unavailable, timeout or opencode_error", "not_found",
      "invalid", "unavailable", "timeout", "opencode_error");

/* --- objects of the contract's defs.schema.json --- */

static const Field model_fields[] = {{"provider_id", &shape_name}, {"model_id", &shape_name}};
OBJ(shape_model_or_null, model_fields, .nullable = true);

static const Field named_error_fields[] = {{"name", &shape_200}, {"message", &shape_4000}};
OBJ(shape_named_error, named_error_fields);

static const Field tool_ref_fields[] = {{"message_id", &shape_id}, {"call_id", &shape_500}};
OBJ(shape_tool_ref_or_null, tool_ref_fields, .nullable = true);

static const Field session_fields[] = {
        {"id", &shape_id},
        {"title", &shape_1000},
        {"directory", &shape_directory},
        {"parent_id", &shape_id_or_null},
        {"agent", &shape_200_or_null},
        {"model", &shape_model_or_null},
        {"gateway_key", &shape_200_or_null},
        {"created_ms", &shape_natural},
        {"updated_ms", &shape_natural},
};
OBJ(shape_session, session_fields);

static const Field status_fields[] = {
        {"type", &shape_status_type},
        {"attempt", &shape_natural, .optional = true},
        {"message", &shape_4000, .optional = true},
        {"next_ms", &shape_natural, .optional = true},
};
OBJ(shape_status, status_fields);

ARR(shape_patterns, 200, &shape_4096);
static const Field permission_fields[] = {
        {"id", &shape_id},
        {"permission", &shape_name},
        {"patterns", &shape_patterns},
        {"metadata", &shape_any_object},
        {"always", &shape_patterns},
        {"tool", &shape_tool_ref_or_null},
};
OBJ(shape_permission, permission_fields);

static const Field option_fields[] = {{"label", &shape_1000}, {"description", &shape_4000}};
OBJ(shape_option, option_fields);
ARR(shape_options, 100, &shape_option);
static const Field question_item_fields[] = {
        {"question", &shape_20000}, {"header", &shape_1000}, {"options", &shape_options},
        {"multiple", &shape_bool},  {"custom", &shape_bool},
};
OBJ(shape_question_item, question_item_fields);
ARR(shape_question_items, 50, &shape_question_item, .min = 1);
static const Field question_fields[] = {
        {"id", &shape_id},
        {"questions", &shape_question_items},
        {"tool", &shape_tool_ref_or_null},
};
OBJ(shape_question, question_fields);

ARR(shape_answer, 100, &shape_20000);
ARR(shape_answers, 50, &shape_answer);

static const Field todo_fields[] = {{"content", &shape_200}, {"status", &shape_40}, {"priority", &shape_40}};
OBJ(shape_todo, todo_fields);
ARR(shape_todos, 50, &shape_todo);

static const Field message_fields[] = {
        {"id", &shape_id},     {"role", &shape_role_user},      {"text", &shape_200000},
        {"agent", &shape_200}, {"model", &shape_model_or_null}, {"gateway_key", &shape_200_or_null},
};
OBJ(shape_message, message_fields);

static const Field tool_input_fields[] = {
        {"command", &shape_300, .optional = true}, {"filePath", &shape_300, .optional = true},
        {"pattern", &shape_300, .optional = true}, {"path", &shape_300, .optional = true},
        {"url", &shape_300, .optional = true},     {"description", &shape_300, .optional = true},
};
OBJ(shape_tool_input, tool_input_fields);

/* --- frames --- */

ARR(shape_directories, 10000, &shape_directory);
static const Field hello_fields[] = {
        {"protocol", &shape_protocol}, {"bridge_id", &shape_uuid},
        {"plugin_version", &shape_64}, {"opencode_version", &shape_64_or_null},
        {"pid", &shape_positive},      {"directories", &shape_directories},
        {"next_seq", &shape_positive}, {"lost", &shape_natural},
};
static const Field pong_fields[] = {{"nonce", &shape_name}};
static const Field directory_fields[] = {{"directory", &shape_directory}};

static const Field error_fields[] = {
        {"code", &shape_error_code},
        {"message", &shape_4000},
        {"field", &shape_500, .optional = true},
};
OBJ(shape_error, error_fields);
static const Field reply_fields[] = {
        {"request_id", &shape_name},
        {"ok", &shape_bool},
        {"result", &shape_any_object, .optional = true},
        {"error", &shape_error, .optional = true},
};
/* What `ok` adds to reply_fields. */
static const Field reply_ok_fields[] = {{"result", &shape_any_object}};
static const Field reply_failed_fields[] = {{"error", &shape_error}};

#define DURABLE_FIELDS                                                                                       \
        {"seq", &shape_positive}, {"directory", &shape_directory}, {"at_ms", &shape_natural},                \
                {"session_id", &shape_id},                                                                   \
        {                                                                                                    \
                "root_id", &shape_id                                                                         \
        }
#define VOLATILE_FIELDS                                                                                      \
        {"session_id", &shape_id}, {"root_id", &shape_id},                                                   \
        {                                                                                                    \
                "directory", &shape_directory                                                                \
        }

static const Field event_fields[] = {DURABLE_FIELDS};
static const Field session_event_fields[] = {DURABLE_FIELDS, {"session", &shape_session}};
static const Field retry_fields[] = {
        DURABLE_FIELDS,
        {"attempt", &shape_natural},
        {"message", &shape_4000},
        {"next_ms", &shape_natural},
};
static const Field session_error_fields[] = {DURABLE_FIELDS, {"error", &shape_named_error}};
static const Field message_received_fields[] = {DURABLE_FIELDS, {"message", &shape_message}};
static const Field permission_asked_fields[] = {DURABLE_FIELDS, {"permission", &shape_permission}};
static const Field permission_replied_fields[] = {
        DURABLE_FIELDS,
        {"permission_id", &shape_id},
        {"reply", &shape_reply_word},
};
static const Field question_asked_fields[] = {DURABLE_FIELDS, {"question", &shape_question}};
static const Field question_replied_fields[] = {
        DURABLE_FIELDS,
        {"question_id", &shape_id},
        {"answers", &shape_answers},
};
static const Field question_rejected_fields[] = {DURABLE_FIELDS, {"question_id", &shape_id}};

static const Field busy_fields[] = {
        {"session_id", &shape_id},
        {"root_id", &shape_id},
        {"status", &shape_status},
};
OBJ(shape_busy, busy_fields);
ARR(shape_busies, 10000, &shape_busy);
static const Field pending_permission_fields[] = {
        {"session_id", &shape_id},
        {"root_id", &shape_id},
        {"permission", &shape_permission},
};
OBJ(shape_pending_permission, pending_permission_fields);
ARR(shape_pending_permissions, 10000, &shape_pending_permission);
static const Field pending_question_fields[] = {
        {"session_id", &shape_id},
        {"root_id", &shape_id},
        {"question", &shape_question},
};
OBJ(shape_pending_question, pending_question_fields);
ARR(shape_pending_questions, 10000, &shape_pending_question);
static const Field reconciled_fields[] = {
        {"directory", &shape_directory},
        {"sessions", &shape_busies},
        {"permissions", &shape_pending_permissions},
        {"questions", &shape_pending_questions},
};
OBJ(shape_reconciled, reconciled_fields);
ARR(shape_reconciled_list, 10000, &shape_reconciled);
static const Field reconcile_fields[] = {
        {"seq", &shape_positive},
        {"directory", &shape_directory, .optional = true},
        {"at_ms", &shape_natural},
        {"directories", &shape_reconciled_list},
};

static const Field part_streamed_fields[] = {
        VOLATILE_FIELDS,          {"message_id", &shape_id},
        {"part_id", &shape_id},   {"kind", &shape_part_kind},
        {"content", &shape_1500}, {"length", &shape_natural},
};
static const Field tool_executed_fields[] = {
        VOLATILE_FIELDS,
        {"message_id", &shape_id},
        {"call_id", &shape_500},
        {"tool", &shape_name},
        {"status", &shape_tool_status},
        {"title", &shape_300},
        {"input", &shape_tool_input},
};
static const Field todo_updated_fields[] = {VOLATILE_FIELDS, {"todos", &shape_todos}};
static const Field milestone_fields[] = {VOLATILE_FIELDS, {"text", &shape_name}};

static const struct FrameType {
        const char *name;
        BridgeFrameClass class;
        const Field *fields;
        size_t n_fields;
} frame_types[] = {
        {"hello", BRIDGE_FRAME_CONTROL, FIELDS(hello_fields)},
        {"pong", BRIDGE_FRAME_CONTROL, FIELDS(pong_fields)},
        {"reply", BRIDGE_FRAME_CONTROL, FIELDS(reply_fields)},
        {"directory.added", BRIDGE_FRAME_CONTROL, FIELDS(directory_fields)},
        {"directory.removed", BRIDGE_FRAME_CONTROL, FIELDS(directory_fields)},
        {"session.created", BRIDGE_FRAME_DURABLE, FIELDS(session_event_fields)},
        {"session.updated", BRIDGE_FRAME_DURABLE, FIELDS(session_event_fields)},
        {"session.deleted", BRIDGE_FRAME_DURABLE, FIELDS(event_fields)},
        {"session.active", BRIDGE_FRAME_DURABLE, FIELDS(event_fields)},
        {"session.retry", BRIDGE_FRAME_DURABLE, FIELDS(retry_fields)},
        {"session.idle", BRIDGE_FRAME_DURABLE, FIELDS(event_fields)},
        {"session.error", BRIDGE_FRAME_DURABLE, FIELDS(session_error_fields)},
        {"message.received", BRIDGE_FRAME_DURABLE, FIELDS(message_received_fields)},
        {"permission.asked", BRIDGE_FRAME_DURABLE, FIELDS(permission_asked_fields)},
        {"permission.replied", BRIDGE_FRAME_DURABLE, FIELDS(permission_replied_fields)},
        {"question.asked", BRIDGE_FRAME_DURABLE, FIELDS(question_asked_fields)},
        {"question.replied", BRIDGE_FRAME_DURABLE, FIELDS(question_replied_fields)},
        {"question.rejected", BRIDGE_FRAME_DURABLE, FIELDS(question_rejected_fields)},
        {"reconcile", BRIDGE_FRAME_DURABLE, FIELDS(reconcile_fields)},
        {"message.part.streamed", BRIDGE_FRAME_VOLATILE, FIELDS(part_streamed_fields)},
        {"tool.executed", BRIDGE_FRAME_VOLATILE, FIELDS(tool_executed_fields)},
        {"todo.updated", BRIDGE_FRAME_VOLATILE, FIELDS(todo_updated_fields)},
        {"agent.milestone", BRIDGE_FRAME_VOLATILE, FIELDS(milestone_fields)},
};

int bridge_frame_type(const json_t *frame)
{
        const char *name = json_string_value(json_object_get(frame, "type"));

        for (size_t i = 0; name && i < ELEMENTSOF(frame_types); i++)
                if (strcmp(name, frame_types[i].name) == 0)
                        return (int) i;
        return -1;
}

unsigned bridge_frame_n_types(void)
{
        return ELEMENTSOF(frame_types);
}

const char *bridge_frame_type_name(unsigned type)
{
        return frame_types[type].name;
}

BridgeFrameClass bridge_frame_class(unsigned type)
{
        return frame_types[type].class;
}

/* --- the interpreter --- */

/* Where the check stands: a chain on the stack, turned into text only when something does not fit. */
typedef struct Place {
        const struct Place *up;
        const char *key; /* NULL: an array element */
        size_t index;
} Place;

typedef struct Misfit {
        char *path;
        size_t n_size, n_used;
        const char *why;
} Misfit;

static void path_append(Misfit *m, const Place *place)
{
        int n;

        if (!place)
                return;
        path_append(m, place->up);
        if (place->key)
                n = snprintf(m->path + m->n_used, m->n_size - m->n_used, "%s%s", m->n_used ? "." : "",
                             place->key);
        else
                n = snprintf(m->path + m->n_used, m->n_size - m->n_used, "[%zu]", place->index);
        m->n_used = MIN2(m->n_used + (size_t) n, m->n_size - 1);
}

static bool refuse(Misfit *m, const Place *place, const char *why)
{
        path_append(m, place);
        m->why = why;
        return false;
}

static int64_t count_characters(const char *s, size_t n_bytes)
{
        int64_t n = 0;

        for (size_t i = 0; i < n_bytes; i++)
                n += ((unsigned char) s[i] & 0xc0) != 0x80;
        return n;
}

static bool check_string(const json_t *v, const Shape *shape, const Place *place, Misfit *m)
{
        const char *text = json_string_value(v);
        size_t n_bytes = json_string_length(v);

        if (!text)
                return refuse(m, place, "must be a string");
        if (shape->min && n_bytes == 0)
                return refuse(m, place, "is empty");
        /* As many bytes at most as characters allowed: no need to count. */
        if (shape->max && n_bytes > (size_t) shape->max && count_characters(text, n_bytes) > shape->max)
                return refuse(m, place, "is too long");
        if (shape->fits && !shape->fits(text))
                return refuse(m, place, shape->why);
        if (shape->words) {
                const char *const *word = shape->words;

                while (*word && strcmp(*word, text) != 0)
                        word++;
                if (!*word)
                        return refuse(m, place, shape->why);
        }
        return true;
}

static bool check_value(const json_t *v, const Shape *shape, const Place *place, Misfit *m);

static bool check_fields(const json_t *obj, const Field *fields, size_t n_fields, const Place *up, Misfit *m)
{
        for (size_t i = 0; i < n_fields; i++) {
                Place place = {.up = up, .key = fields[i].name};
                const json_t *v = json_object_get(obj, fields[i].name);

                if (!v && fields[i].optional)
                        continue;
                if (!v)
                        return refuse(m, &place, "is missing");
                if (!check_value(v, fields[i].shape, &place, m))
                        return false;
        }
        return true;
}

static bool check_array(const json_t *v, const Shape *shape, const Place *place, Misfit *m)
{
        size_t n = json_array_size(v);

        if (!json_is_array(v))
                return refuse(m, place, "must be an array");
        if (n < (size_t) shape->min)
                return refuse(m, place, "is empty");
        if (n > (size_t) shape->max)
                return refuse(m, place, "has too many elements");
        for (size_t i = 0; i < n; i++) {
                Place inner = {.up = place, .index = i};

                if (!check_value(json_array_get(v, i), shape->element, &inner, m))
                        return false;
        }
        return true;
}

static bool check_value(const json_t *v, const Shape *shape, const Place *place, Misfit *m)
{
        if (json_is_null(v) && shape->nullable)
                return true;
        switch (shape->kind) {
        case SHAPE_STR: return check_string(v, shape, place, m);
        case SHAPE_INT:
                if (!json_is_integer(v))
                        return refuse(m, place, "must be an integer");
                if (json_integer_value(v) < shape->min)
                        return refuse(m, place, "is too small");
                if (shape->max && json_integer_value(v) > shape->max)
                        return refuse(m, place, "is too large");
                return true;
        case SHAPE_BOOL: return json_is_boolean(v) || refuse(m, place, "must be true or false");
        case SHAPE_OBJ:
                if (!json_is_object(v))
                        return refuse(m, place, "must be an object");
                return check_fields(v, shape->fields, shape->n_fields, place, m);
        case SHAPE_ARR: return check_array(v, shape, place, m);
        }
        return refuse(m, place, "has an unknown shape");
}

static bool check_reply(const json_t *frame, Misfit *m)
{
        return json_is_true(json_object_get(frame, "ok"))
                       ? check_fields(frame, reply_ok_fields, ELEMENTSOF(reply_ok_fields), NULL, m)
                       : check_fields(frame, reply_failed_fields, ELEMENTSOF(reply_failed_fields), NULL, m);
}

const char *bridge_frame_check(const json_t *frame, const char **ret_why)
{
        static _Thread_local char path[256];
        Misfit m = {.path = path, .n_size = sizeof(path)};
        int type = bridge_frame_type(frame);
        bool ok;

        path[0] = 0;
        if (!json_is_object(frame)) {
                *ret_why = "must be an object";
                return "";
        }
        if (type < 0) {
                const json_t *v = json_object_get(frame, "type");

                *ret_why = !v ? "is missing" : !json_is_string(v) ? "must be a string" : "is not known";
                return "type";
        }
        ok = check_fields(frame, frame_types[type].fields, frame_types[type].n_fields, NULL, &m);
        if (ok && frame_types[type].fields == reply_fields)
                ok = check_reply(frame, &m);
        *ret_why = m.why;
        return ok ? NULL : path;
}

const char *bridge_frame_error_code(const json_t *frame, const char *field)
{
        if (!*field || strcmp(field, "type") == 0)
                return "bad_frame";
        if (strcmp(field, "protocol") == 0 && json_is_integer(json_object_get(frame, field)))
                return "protocol";
        return "bad_field";
}

/* --- reading --- */

/* The value of \uXXXX at `s`, or -1. */
static int escape_value(const char *s, const char *end)
{
        unsigned value = 0;

        if (end - s < 6 || s[0] != '\\' || s[1] != 'u')
                return -1;
        for (int i = 2; i < 6; i++) {
                if (!isxdigit((unsigned char) s[i]))
                        return -1;
                value = value * 16 +
                        (unsigned) (isdigit((unsigned char) s[i]) ? s[i] - '0' : (s[i] | 0x20) - 'a' + 10);
        }
        return (int) value;
}

static bool is_surrogate(int value, int first)
{
        return value >= first && value < first + 0x400;
}

/* Replaces \u0000 and unpaired surrogates by \ufffd in place: all have the same length. */
static bool mend_escapes(char *text, size_t n_bytes)
{
        char *end = text + n_bytes, *s = text;
        bool mended = false;

        while ((s = memchr(s, '\\', (size_t) (end - s)))) {
                int value = escape_value(s, end);

                if (value < 0) {
                        s += MIN2((ptrdiff_t) 2, end - s);
                        continue;
                }
                if (is_surrogate(value, 0xd800) && is_surrogate(escape_value(s + 6, end), 0xdc00)) {
                        s += 12;
                        continue;
                }
                if (value == 0 || is_surrogate(value, 0xd800) || is_surrogate(value, 0xdc00)) {
                        memcpy(s, "\\ufffd", 6);
                        mended = true;
                }
                s += 6;
        }
        return mended;
}

json_t *bridge_frame_parse(const char *text, size_t n_bytes, char **ret_error)
{
        _cleanup_free_ char *copy = NULL;
        json_t *frame = json_parse(text, n_bytes, ret_error), *mended;

        if (frame)
                return frame;
        copy = mem_strndup(text, n_bytes);
        if (strlen(copy) != n_bytes || !mend_escapes(copy, n_bytes))
                return NULL;
        mended = json_parse(copy, n_bytes, NULL);
        if (mended) {
                free(*ret_error);
                *ret_error = NULL;
        }
        return mended;
}

/* The end of the string literal that starts at `s` (on its opening quote): behind the closing quote. */
static const char *skip_string(const char *s, const char *end)
{
        for (s++; s < end && *s != '"'; s++)
                if (*s == '\\' && s + 1 < end)
                        s++;
        return s < end ? s + 1 : end;
}

static const char *skip_space(const char *s, const char *end)
{
        while (s < end && isspace((unsigned char) *s))
                s++;
        return s;
}

/* JavaScript counts exactly up to here. */
#define SEQ_MAX (1LL << 53)

static int64_t read_seq(const char *s, const char *end)
{
        int64_t value = 0;

        s = skip_space(s, end);
        if (s == end || *s++ != ':')
                return 0;
        for (s = skip_space(s, end); s < end && isdigit((unsigned char) *s); s++) {
                value = value * 10 + (*s - '0');
                if (value > SEQ_MAX)
                        return 0;
        }
        return value;
}

int64_t bridge_frame_salvage_seq(const char *text, size_t n_bytes)
{
        const char *s = text, *end = text + n_bytes;
        unsigned depth = 0;

        while (s < end) {
                if (*s == '"') {
                        const char *after = skip_string(s, end);
                        bool is_key = depth == 1 && after - s == 5 && memcmp(s, "\"seq\"", 5) == 0;
                        int64_t seq = is_key ? read_seq(after, end) : 0;

                        if (seq > 0)
                                return seq;
                        s = after;
                        continue;
                }
                if (*s == '{' || *s == '[')
                        depth++;
                else if ((*s == '}' || *s == ']') && depth > 0)
                        depth--;
                s++;
        }
        return 0;
}
