#include "args.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

#include "net/url.h"

#define NAME_MAX_CHARS 100

/* Arguments whose value is JSON; a form can carry them as text only. */
static const char *const json_args[] = {
        "attachments", "blocks",  "chunks",  "files",    "loading_messages", "metadata",    "prompts", "view",
        "file_ids",    "message", "changes", "criteria", "document_content", "channel_ids", "user_ids"};

static bool is_json_arg(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(json_args); i++)
                if (str_equal(json_args[i], name))
                        return true;
        return false;
}

/* Text that does not parse stays text: the method answers with its own error (invalid_blocks_format …).
 * False: not UTF-8, or with a NUL inside, which only a multipart field could have. */
static bool put(json_t *args, const char *name, const char *value, size_t n_bytes)
{
        json_t *decoded = NULL;

        if (memchr(value, 0, n_bytes))
                return false;
        if (is_json_arg(name) && n_bytes > 0)
                decoded = json_parse(value, n_bytes, NULL);
        if (decoded && !json_is_object(decoded) && !json_is_array(decoded)) {
                json_decref(decoded);
                decoded = NULL;
        }
        return json_object_set_new(args, name, decoded ? decoded : json_stringn(value, n_bytes)) == 0;
}

static bool put_form(json_t *args, const char *text, size_t n_bytes)
{
        Form form;
        bool fine = true;

        if (n_bytes == 0)
                return true;
        if (form_parse(text, n_bytes, &form) != 0)
                return false;
        for (size_t i = 0; i < form.n && fine; i++)
                fine = put(args, form.fields[i].name, form.fields[i].value, strlen(form.fields[i].value));
        form_deinit(&form);
        return fine;
}

static const char *put_json(json_t *args, const char *body, size_t n_body)
{
        _cleanup_json_ json_t *value = NULL;
        const char *key;
        json_t *item;

        if (n_body == 0) /* the Python SDK sends an empty body under a JSON content type */
                return NULL;
        value = json_parse(body, n_body, NULL);
        if (!value)
                return "invalid_json";
        if (!json_is_object(value))
                return "json_not_object";
        json_object_foreach (value, key, item) {
                if (json_is_string(item))
                        put(args, key, json_string_value(item), json_string_length(item));
                else
                        json_object_set(args, key, item);
        }
        return NULL;
}

static const char *put_multipart(json_t *args, const char *content_type, const char *body, size_t n_body)
{
        Multipart m;
        const char *error = NULL;

        if (multipart_parse(content_type, body, n_body, &m) != 0)
                return "invalid_form_data";
        for (size_t i = 0; i < m.n && !error; i++)
                if (!put(args, m.parts[i].name, m.parts[i].data, m.parts[i].n_bytes))
                        error = "invalid_form_data";
        multipart_deinit(&m);
        return error;
}

static char *header_parameter(const char *line, size_t n_line, const char *name);

static bool is_type(const char *content_type, const char *name)
{
        size_t n = strlen(name);

        return strncasecmp(content_type, name, n) == 0 &&
               (!content_type[n] || strchr("; \t", content_type[n]));
}

const char *args_parse(const char *content_type, const char *body, size_t n_body, const char *query,
                       json_t **ret)
{
        _cleanup_json_ json_t *args = json_object();
        const char *error = NULL;

        if (!put_form(args, query, strlen(query)))
                return "invalid_form_data";
        if (!content_type || is_type(content_type, "application/x-www-form-urlencoded")) {
                if (!put_form(args, body, n_body))
                        return "invalid_form_data";
        } else if (is_type(content_type, "application/json"))
                error = put_json(args, body, n_body);
        else if (is_type(content_type, "multipart/form-data"))
                error = put_multipart(args, content_type, body, n_body);
        else if (n_body > 0)
                error = "invalid_post_type";
        if (error)
                return error;
        *ret = take(args);
        return NULL;
}

/* The value of charset= of a content type; owned, NULL when there is none. */
static char *charset_of(const char *content_type)
{
        return content_type ? header_parameter(content_type, strlen(content_type), "charset") : NULL;
}

/* "a[]" and "a[b]" are how other frameworks send arrays; Slack says so. */
static const char *check_names(const json_t *args)
{
        const char *name;
        json_t *value;

        json_object_foreach ((json_t *) args, name, value) {
                const char *end = name;

                while (isalnum((unsigned char) *end) || *end == '_')
                        end++;
                if (*end || end == name || end - name > NAME_MAX_CHARS)
                        return *end == '[' && end > name ? "invalid_array_arg" : "invalid_arg_name";
        }
        return NULL;
}

const char *args_parse_call(const char *content_type, const char *body, size_t n_body, const char *query,
                            bool with_json, json_t **ret, const char **ret_warning)
{
        bool is_json = content_type && is_type(content_type, "application/json"),
             is_form = content_type && is_type(content_type, "application/x-www-form-urlencoded");
        _cleanup_free_ char *charset = charset_of(content_type);
        _cleanup_json_ json_t *args = NULL;
        const char *error;

        *ret_warning = NULL;
        if (n_body > 0 && str_empty(content_type))
                return "missing_post_type";
        if (charset && strcasecmp(charset, "utf-8") != 0 && strcasecmp(charset, "iso-8859-1") != 0)
                return "invalid_charset";
        if (content_type && is_type(content_type, "multipart/form-data") && n_body == 0)
                return "request_timeout";
        error = args_parse(content_type, body, is_json && !with_json ? 0 : n_body, query, &args);
        if (!error)
                error = check_names(args);
        if (error)
                return error;
        if (is_json && !charset)
                *ret_warning = "missing_charset";
        else if (is_form && charset)
                *ret_warning = "superfluous_charset";
        *ret = take(args);
        return NULL;
}

const char *arg_str(const json_t *args, const char *name)
{
        return json_string_value(json_object_get(args, name));
}

bool arg_bool(const json_t *args, const char *name, bool fallback)
{
        const json_t *v = json_object_get(args, name);

        if (json_is_boolean(v))
                return json_is_true(v);
        if (json_is_integer(v))
                return json_integer_value(v) != 0;
        if (json_is_string(v))
                return str_equal(json_string_value(v), "true") || str_equal(json_string_value(v), "1");
        return fallback;
}

int64_t arg_int(const json_t *args, const char *name, int64_t fallback)
{
        const json_t *v = json_object_get(args, name);
        const char *text = json_string_value(v);
        char *end;
        long long n;

        if (json_is_integer(v))
                return json_integer_value(v);
        if (str_empty(text))
                return fallback;
        errno = 0;
        n = strtoll(text, &end, 10);
        return errno || *end ? fallback : n;
}

/* The value of `name="…"` in a header line, owned; NULL when absent. */
static char *header_parameter(const char *line, size_t n_line, const char *name)
{
        size_t n_name = strlen(name);

        for (size_t i = 0; i + n_name + 1 < n_line; i++) {
                const char *value = line + i + n_name + 1, *end = line + n_line, *stop;

                if (strncasecmp(line + i, name, n_name) != 0 || line[i + n_name] != '=' ||
                    (i > 0 && !strchr("; \t", line[i - 1])))
                        continue;
                if (*value == '"') {
                        value++;
                        stop = memchr(value, '"', (size_t) (end - value));
                        return stop ? mem_strndup(value, (size_t) (stop - value)) : NULL;
                }
                for (stop = value; stop < end && !strchr("; \t\r", *stop); stop++)
                        ;
                return mem_strndup(value, (size_t) (stop - value));
        }
        return NULL;
}

static void read_part_head(const char *head, size_t n_head, MultipartPart *part)
{
        static const char field[] = "content-disposition:";

        while (n_head > 0) {
                const char *eol = memmem(head, n_head, "\r\n", 2);
                size_t n_line = eol ? (size_t) (eol - head) : n_head;

                if (n_line > strlen(field) && strncasecmp(head, field, strlen(field)) == 0) {
                        free(part->name);
                        free(part->filename);
                        part->name = header_parameter(head, n_line, "name");
                        part->filename = header_parameter(head, n_line, "filename");
                }
                head += n_line + (eol ? 2 : 0);
                n_head -= n_line + (eol ? 2 : 0);
        }
}

static int read_parts(const char *at, const char *end, const char *delimiter, Multipart *m)
{
        size_t n_delimiter = strlen(delimiter);

        for (;;) {
                const char *head_end, *next;
                MultipartPart *part = &m->parts[m->n];

                if (end - at >= 2 && memcmp(at, "--", 2) == 0)
                        return 0;
                if (end - at < 2 || memcmp(at, "\r\n", 2) != 0 || m->n == ARGS_PARTS_MAX)
                        return 1;
                head_end = memmem(at, (size_t) (end - at), "\r\n\r\n", 4);
                if (!head_end)
                        return 1;
                part->data = head_end + 4;
                next = memmem(part->data, (size_t) (end - part->data), delimiter, n_delimiter);
                if (!next)
                        return 1;
                part->n_bytes = (size_t) (next - part->data);
                m->n++;
                if (head_end > at)
                        read_part_head(at + 2, (size_t) (head_end - at - 2), part);
                if (!part->name)
                        return 1;
                at = next + n_delimiter;
        }
}

int multipart_parse(const char *content_type, const char *body, size_t n_body, Multipart *ret)
{
        _cleanup_free_ char *boundary = header_parameter(content_type, strlen(content_type), "boundary");
        _cleanup_free_ char *delimiter = NULL;
        int r;

        memset(ret, 0, sizeof(*ret));
        if (str_empty(boundary) || strlen(boundary) > 70)
                return 1;
        delimiter = mem_printf("\r\n--%s", boundary);
        /* The first delimiter has no line break before it. */
        if (n_body < strlen(delimiter) - 2 || memcmp(body, delimiter + 2, strlen(delimiter) - 2) != 0)
                return 1;
        r = read_parts(body + strlen(delimiter) - 2, body + n_body, delimiter, ret);
        if (r != 0)
                multipart_deinit(ret);
        return r;
}

void multipart_deinit(Multipart *m)
{
        for (size_t i = 0; i < m->n; i++) {
                free(m->parts[i].name);
                free(m->parts[i].filename);
        }
        memset(m, 0, sizeof(*m));
}
