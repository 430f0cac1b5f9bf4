#include "base/json.h"

#include <ctype.h>

void json_setup(void)
{
        json_set_alloc_funcs(mem_alloc, free);
}

static const json_t *child(const json_t *value, const char *key, size_t n_key)
{
        if (json_is_array(value) && isdigit((unsigned char) *key))
                return json_array_get(value, strtoul(key, NULL, 10));
        return json_object_getn(value, key, n_key);
}

const json_t *json_at(const json_t *obj, const char *path)
{
        while (obj && *path) {
                size_t n = strcspn(path, ".");

                obj = child(obj, path, n);
                path += n;
                if (*path == '.')
                        path++;
        }
        return obj;
}

const char *json_str(const json_t *obj, const char *path)
{
        return json_string_value(json_at(obj, path));
}

const char *json_str_or(const json_t *obj, const char *path, const char *fallback)
{
        const char *s = json_str(obj, path);

        return s ? s : fallback;
}

int64_t json_int(const json_t *obj, const char *path, int64_t fallback)
{
        const json_t *v = json_at(obj, path);

        return json_is_integer(v) ? json_integer_value(v) : fallback;
}

bool json_bool(const json_t *obj, const char *path)
{
        return json_is_true(json_at(obj, path));
}

void json_put_str(json_t *obj, const char *key, const char *value)
{
        json_object_set_new(obj, key, value ? json_string(value) : json_null());
}

void json_put_int(json_t *obj, const char *key, int64_t value)
{
        json_object_set_new(obj, key, json_integer(value));
}

static const char *misfit(const json_t *v, const JsonField *f)
{
        switch (f->type) {
        case JSON_FIELD_STR:
                if (!json_is_string(v))
                        return "must be a string";
                if (f->required && json_string_length(v) == 0)
                        return "is empty";
                return f->max && json_string_length(v) > f->max ? "is too long" : NULL;
        case JSON_FIELD_INT: return json_is_integer(v) ? NULL : "must be an integer";
        case JSON_FIELD_BOOL: return json_is_boolean(v) ? NULL : "must be true or false";
        case JSON_FIELD_OBJ: return json_is_object(v) ? NULL : "must be an object";
        case JSON_FIELD_ARR:
                if (!json_is_array(v))
                        return "must be an array";
                return f->max && json_array_size(v) > f->max ? "has too many elements" : NULL;
        }
        return "has an unknown type";
}

const char *json_check(const json_t *obj, const JsonField *fields, size_t n_fields, const char **ret_why)
{
        for (size_t i = 0; i < n_fields; i++) {
                const json_t *v = json_at(obj, fields[i].path);

                if (!v || (json_is_null(v) && !fields[i].required)) {
                        if (!fields[i].required)
                                continue;
                        *ret_why = "is missing";
                        return fields[i].path;
                }
                *ret_why = misfit(v, &fields[i]);
                if (*ret_why)
                        return fields[i].path;
        }
        return NULL;
}
