/* YAML through libyaml's event interface: it has the marks for the errors, shows aliases and anchors instead
 * of resolving them, and its depth costs no stack. Reading goes on after a value that does not fit, so that
 * one run names all mistakes; it stops where the structure itself is in doubt. */
#include <yaml.h>

#include "conf/conf-schema.h"

typedef struct Reader {
        yaml_parser_t parser;
        yaml_event_t event;
        const char *name;
        GatewayConf *conf;
        ConfErrors *errors;
        bool stopped, has_secrets;
        bool seen[128]; /* items, by their place in the table */
} Reader;

static void complain_at(Reader *r, yaml_mark_t mark, const char *path, const char *why)
{
        conf_error(r->errors, "%s:%zu:%zu: %s%s%s", r->name, mark.line + 1, mark.column + 1, path,
                   *path ? ": " : "", why);
}

static void stop_at(Reader *r, yaml_mark_t mark, const char *why)
{
        if (!r->stopped)
                complain_at(r, mark, "", why);
        r->stopped = true;
}

/* The next event into r->event; false when reading has stopped. */
static bool next(Reader *r)
{
        const char *anchor = NULL, *tag = NULL;

        yaml_event_delete(&r->event);
        if (r->stopped)
                return false;
        if (!yaml_parser_parse(&r->parser, &r->event)) {
                yaml_mark_t mark = r->parser.problem_mark;

                if (r->parser.error ==
                    YAML_READER_ERROR) /* has an offset only, and the mark is where it stands */
                        mark = r->parser.mark;
                stop_at(r, mark, r->parser.problem ? r->parser.problem : "is not YAML");
                return false;
        }
        switch (r->event.type) {
        case YAML_ALIAS_EVENT:
                stop_at(r, r->event.start_mark, "aliases (*name) are not supported");
                return false;
        case YAML_SCALAR_EVENT:
                anchor = (const char *) r->event.data.scalar.anchor;
                tag = (const char *) r->event.data.scalar.tag;
                break;
        case YAML_SEQUENCE_START_EVENT:
                anchor = (const char *) r->event.data.sequence_start.anchor;
                tag = (const char *) r->event.data.sequence_start.tag;
                break;
        case YAML_MAPPING_START_EVENT:
                anchor = (const char *) r->event.data.mapping_start.anchor;
                tag = (const char *) r->event.data.mapping_start.tag;
                break;
        default: break;
        }
        if (anchor)
                stop_at(r, r->event.start_mark, "anchors (&name) are not supported");
        else if (tag)
                stop_at(r, r->event.start_mark, "tags (!name) are not supported");
        return !r->stopped;
}

/* Skips the value that the current event begins; afterwards its last event is the current one. */
static void skip(Reader *r)
{
        unsigned depth = 0;

        do {
                if (r->event.type == YAML_MAPPING_START_EVENT || r->event.type == YAML_SEQUENCE_START_EVENT)
                        depth++;
                else if (r->event.type == YAML_MAPPING_END_EVENT || r->event.type == YAML_SEQUENCE_END_EVENT)
                        depth--;
        } while (depth > 0 && next(r));
}

static bool is_plain(const Reader *r)
{
        return r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool is_null(const Reader *r)
{
        const char *text = (const char *) r->event.data.scalar.value;

        return r->event.type == YAML_SCALAR_EVENT && is_plain(r) &&
               (!*text || str_equal(text, "~") || str_equal(text, "null") || str_equal(text, "Null") ||
                str_equal(text, "NULL"));
}

/* The text of the current scalar; NULL, after a complaint, when it is none that C can hold. */
static const char *scalar(Reader *r, const char *path, const char *otherwise)
{
        const char *text;

        if (r->event.type != YAML_SCALAR_EVENT) {
                complain_at(r, r->event.start_mark, path, otherwise);
                return NULL;
        }
        text = (const char *) r->event.data.scalar.value;
        if (strlen(text) == r->event.data.scalar.length)
                return text;
        complain_at(r, r->event.start_mark, path, "must not contain NUL");
        return NULL;
}

/* The text of the current key; NULL, after a complaint, when it could not be one of ours. Only such a key is
 * repeated in an error: a token pasted into the wrong place is not. */
static const char *key_name(Reader *r, const char *section)
{
        const char *key = r->event.type == YAML_SCALAR_EVENT ? (const char *) r->event.data.scalar.value : "";
        size_t n = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");

        if (n > 0 && n <= 40 && n == r->event.data.scalar.length)
                return key;
        complain_at(r, r->event.start_mark, section, "has a key that is not a known one");
        return NULL;
}

static void set(Reader *r, const ConfItem *item, const char *path, const char *text)
{
        const char *why = conf_item_set(item, r->conf, text, is_plain(r));

        if (why)
                complain_at(r, r->event.start_mark, path, why);
        else if (item->type == CONF_SECRET)
                r->has_secrets = true;
}

static void read_list(Reader *r, const ConfItem *item, const char *path)
{
        if (r->event.type != YAML_SEQUENCE_START_EVENT) {
                complain_at(r, r->event.start_mark, path, "must be a list, such as [A, B]");
                skip(r);
                return;
        }
        while (next(r) && r->event.type != YAML_SEQUENCE_END_EVENT) {
                const char *text = scalar(r, path, "must be a list of texts");

                if (text)
                        set(r, item, path, text);
                skip(r);
        }
}

static const char *expected(const ConfItem *item)
{
        return item->type == CONF_INT ? "must be a whole number" : "must be a text";
}

static void read_value(Reader *r, const ConfItem *item, const char *path)
{
        const char *text;

        if (is_null(r))
                return; /* a key left blank in a template: the default stays */
        conf_item_clear(item, r->conf);
        if (item->type == CONF_LIST) {
                read_list(r, item, path);
                return;
        }
        text = scalar(r, path, expected(item));
        if (text)
                set(r, item, path, text);
        skip(r);
}

/* A key with one letter more, less, or other than this: what was meant. */
static bool is_similar(const char *a, const char *b)
{
        size_t n_a = strlen(a), n_b = strlen(b), front = 0, back = 0;

        while (a[front] && a[front] == b[front])
                front++;
        while (back < n_a - front && back < n_b - front && a[n_a - 1 - back] == b[n_b - 1 - back])
                back++;
        return MAX2(n_a, n_b) - front - back <= 2;
}

static void complain_unknown_key(Reader *r, const char *section, const char *key, const char *path)
{
        for (size_t i = 0; i < conf_n_items; i++) {
                const ConfItem *item = &conf_items[i];
                bool same_section = str_equal(item->section, section);
                _cleanup_free_ char *why = NULL;

                if (!(same_section ? is_similar(item->key, key) : str_equal(item->key, key)))
                        continue;
                why = mem_printf("is not a known key; %s.%s is", item->section, item->key);
                complain_at(r, r->event.start_mark, path, why);
                return;
        }
        complain_at(r, r->event.start_mark, path, "is not a known key");
}

/* One value of a model profile; the current event is its key. */
static void read_model_value(Reader *r, ConfModel *model, const char *profile_path, Buf *seen)
{
        const char *key = key_name(r, profile_path);
        _cleanup_free_ char *copy = mem_strdup(key ? key : ""),
                            *path = mem_printf("%s.%s", profile_path, copy),
                            *listed = mem_printf(",%s,", copy);
        const char *why = NULL, *text;

        if (key && strstr(buf_bytes(seen), listed))
                why = "is set twice";
        else if (key)
                why = conf_model_set(model, key, NULL);
        if (why)
                complain_at(r, r->event.start_mark, path, why);
        if (!key)
                skip(r);
        buf_append_str(seen, listed);
        if (!next(r))
                return;
        if (key && !why && !is_null(r) && (text = scalar(r, path, "must be a text"))) {
                why = conf_model_set(model, copy, text);
                if (why)
                        complain_at(r, r->event.start_mark, path, why);
                else if (str_equal(copy, "key"))
                        r->has_secrets = true;
        }
        skip(r);
}

/* A key of the section `models` that is none of its settings: a profile. The current event is its name. */
static void read_model(Reader *r)
{
        _cleanup_free_ char *name = mem_strdup(
                r->event.type == YAML_SCALAR_EVENT ? (const char *) r->event.data.scalar.value : "");
        size_t n_before = r->conf->models.n_profiles;
        const char *why = NULL;
        ConfModel *model = conf_model_named(r->conf, name, &why);
        _cleanup_free_ char *path = mem_printf("models%s%s", model ? "." : "", model ? name : "");
        _cleanup_buf_ Buf seen = {0};

        if (model && r->conf->models.n_profiles == n_before)
                why = "is there twice";
        if (why)
                complain_at(r, r->event.start_mark, path, why);
        skip(r);
        if (!next(r))
                return;
        if (why || r->event.type != YAML_MAPPING_START_EVENT) {
                if (!why)
                        complain_at(
                                r, r->event.start_mark, path,
                                "is neither a setting nor a profile: a profile has keys of its own, such as "
                                "{model: provider/model}");
                skip(r);
                return;
        }
        buf_append_str(&seen, ",");
        while (next(r) && r->event.type != YAML_MAPPING_END_EVENT)
                read_model_value(r, model, path, &seen);
}

static bool is_model_name(const Reader *r, const char *section)
{
        return str_equal(section, "models") && r->event.type == YAML_SCALAR_EVENT &&
               !conf_item_find(section, (const char *) r->event.data.scalar.value);
}

static void read_section(Reader *r, const char *section)
{
        while (next(r) && r->event.type != YAML_MAPPING_END_EVENT) {
                if (is_model_name(r, section)) {
                        read_model(r);
                        continue;
                }
                const char *key = key_name(r, section);
                _cleanup_free_ char *path = key ? mem_printf("%s.%s", section, key) : NULL;
                const ConfItem *item = key ? conf_item_find(section, key) : NULL;

                if (key && !item)
                        complain_unknown_key(r, section, key, path);
                if (!key)
                        skip(r);
                if (item && r->seen[item - conf_items]) {
                        complain_at(r, r->event.start_mark, path, "is set twice");
                        item = NULL;
                }
                if (!next(r))
                        return;
                if (item) {
                        r->seen[item - conf_items] = true;
                        read_value(r, item, path);
                } else {
                        skip(r);
                }
        }
}

static void read_root(Reader *r)
{
        char sections[256] = ","; /* those seen, each between commas */

        while (next(r) && r->event.type != YAML_MAPPING_END_EVENT) {
                const char *name = key_name(r, "the file");
                _cleanup_free_ char *section = mem_strdup(name);
                _cleanup_free_ char *listed = section ? mem_printf(",%s,", section) : NULL;
                bool known = section && conf_section_exists(section);

                if (section && !known)
                        complain_at(r, r->event.start_mark, section, "is not a known section");
                if (known && strstr(sections, listed)) {
                        complain_at(r, r->event.start_mark, section, "is there twice");
                        known = false;
                } else if (known && strlen(sections) + strlen(listed) < sizeof(sections)) {
                        strcat(sections, listed + 1);
                }
                if (!name)
                        skip(r);
                if (!next(r))
                        return;
                if (known && r->event.type == YAML_MAPPING_START_EVENT) {
                        read_section(r, section);
                        continue;
                }
                if (known && !is_null(r))
                        complain_at(r, r->event.start_mark, section, "must be a section: keys, indented");
                skip(r);
        }
}

void conf_read_yaml(const char *name, const char *text, size_t n_bytes, GatewayConf *conf, ConfErrors *errors,
                    bool *ret_has_secrets)
{
        Reader r = {.name = name, .conf = conf, .errors = errors};

        if (!yaml_parser_initialize(&r.parser))
                abort(); /* it can only be memory */
        yaml_parser_set_input_string(&r.parser, (const unsigned char *) text, n_bytes);
        if (next(&r) && next(&r) && r.event.type == YAML_DOCUMENT_START_EVENT && next(&r)) {
                if (r.event.type == YAML_MAPPING_START_EVENT) {
                        read_root(&r);
                } else if (!is_null(&r)) {
                        complain_at(&r, r.event.start_mark, "", "must begin with a section, such as slack:");
                        skip(&r);
                }
                if (next(&r) && next(&r) && r.event.type != YAML_STREAM_END_EVENT)
                        stop_at(&r, r.event.start_mark, "only one document is supported");
        }
        *ret_has_secrets = r.has_secrets;
        yaml_event_delete(&r.event);
        yaml_parser_delete(&r.parser);
}
