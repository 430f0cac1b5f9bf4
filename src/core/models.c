#include "core/models.h"

static const json_t *find(const json_t *profiles, const char *key, const char *value)
{
        size_t i;
        json_t *profile;

        json_array_foreach ((json_t *) profiles, i, profile)
                if (value && str_equal(json_str(profile, key), value))
                        return profile;
        return NULL;
}

static bool is_model(const char *text)
{
        const char *slash = text ? strchr(text, '/') : NULL;

        return slash && slash != text && slash[1];
}

const char *models_resolve(const json_t *profiles, const char *wanted)
{
        const char *model = json_str(find(profiles, "name", wanted), "model");

        return model ? model : is_model(wanted) ? wanted : NULL;
}

const char *models_name_of(const json_t *profiles, const char *model)
{
        return json_str(find(profiles, "model", model), "name");
}

char *models_label(const json_t *profiles, const char *model)
{
        const char *name = models_name_of(profiles, model);

        return name ? mem_printf("%s (%s)", name, model) : mem_strdup(model);
}

json_t *models_alternatives(const json_t *profiles, const char *model)
{
        json_t *names = json_array(), *profile;
        size_t i;

        json_array_foreach ((json_t *) profiles, i, profile)
                if (!str_equal(json_str(profile, "model"), model) && json_str(profile, "name") &&
                    !str_equal(json_str(profile, "state"), "failing") &&
                    json_array_size(names) < MODELS_ALTERNATIVES_MAX)
                        json_array_append_new(names, json_string(json_str(profile, "name")));
        return names;
}

const char *models_state_of(const json_t *profiles, const char *model)
{
        return json_str_or(find(profiles, "model", model), "state", "unknown");
}

json_t *models_object(const char *model)
{
        const char *slash = is_model(model) ? strchr(model, '/') : NULL;

        return slash ? json_pack("{s:s%, s:s}", "provider_id", model, (size_t) (slash - model), "model_id",
                                 slash + 1)
                     : NULL;
}

char *models_text(const json_t *object)
{
        const char *model_id = json_str(object, "model_id");

        return model_id ? mem_printf("%s/%s", json_str_or(object, "provider_id", "?"), model_id) : NULL;
}

bool models_is_failure(const char *error_name, const char *message)
{
        static const char *const names[] = {
                "APIError",          "ProviderAuthError", "ProviderModelNotFoundError",
                "ProviderInitError", "AI_APICallError",   "AI_RetryError"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (str_equal(error_name, names[i]))
                        return true;
        /* What OpenCode does not classify it calls unknown, a model that it does not have among it. */
        return str_equal(error_name, "UnknownError") && message &&
               (str_starts_with(message, "Model not found") || strstr(message, "Unable to connect") ||
                strstr(message, "ECONN") || strstr(message, "fetch failed"));
}
