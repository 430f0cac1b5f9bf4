/* Model profiles: the one place of the configuration whose names are the operator's own. */
#include "conf/conf-schema.h"

#include <ctype.h>

extern char **environ;

#define ENV_PREFIX "GATEWAY_MODELS_"

static const char *check_kind(const char *text)
{
        return str_equal(text, "anthropic") || str_equal(text, "openai-compatible")
                       ? NULL
                       : "must be anthropic or openai-compatible";
}

static const struct {
        const char *key, *env; /* the variable's end */
        size_t offset;
        bool is_secret;
        const char *(*check)(const char *text); /* NULL: any text of one line */
} fields[] = {
        {"model", "_MODEL", offsetof(ConfModel, model), .check = conf_check_model},
        {"kind", "_KIND", offsetof(ConfModel, kind), .check = check_kind},
        {"base_url", "_BASE_URL", offsetof(ConfModel, base_url), .check = conf_check_url},
        {"key", "_KEY", offsetof(ConfModel, key), .is_secret = true},
};

static const char *check_name(const char *name)
{
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

        return n >= 1 && n <= 31 && !name[n] && isalpha((unsigned char) name[0])
                       ? NULL
                       : "has a profile whose name is not a letter and up to 30 of a-z, 0-9, _ and -";
}

ConfModel *conf_model_named(GatewayConf *conf, const char *name, const char **ret_why)
{
        ConfModel *model;

        *ret_why = check_name(name);
        if (*ret_why)
                return NULL;
        for (size_t i = 0; i < conf->models.n_profiles; i++)
                if (str_equal(conf->models.profiles[i].name, name))
                        return &conf->models.profiles[i];
        if (conf->models.n_profiles == CONF_MODELS_MAX) {
                *ret_why = "must not have more than 16 profiles";
                return NULL;
        }
        conf->models.profiles =
                mem_resize(conf->models.profiles, (conf->models.n_profiles + 1) * sizeof(ConfModel));
        model = &conf->models.profiles[conf->models.n_profiles++];
        *model = (ConfModel){.name = mem_strdup(name),
                             .model = mem_strdup(""),
                             .kind = mem_strdup(""),
                             .base_url = mem_strdup("")};
        return model;
}

const char *conf_model_set(ConfModel *model, const char *key, const char *text)
{
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                void *field = (char *) model + fields[i].offset;
                const char *why;

                if (!str_equal(fields[i].key, key))
                        continue;
                if (!text)
                        return NULL;
                why = conf_check_line(text);
                if (!why && *text && fields[i].check)
                        why = fields[i].check(text);
                if (why)
                        return why;
                if (fields[i].is_secret)
                        secret_set(field, text);
                else
                        mem_strset(field, text);
                return NULL;
        }
        return "is not a known key: a profile has model, kind, base_url and key";
}

void conf_models_clear(GatewayConf *conf)
{
        for (size_t i = 0; i < conf->models.n_profiles; i++) {
                ConfModel *model = &conf->models.profiles[i];

                free(model->name);
                free(model->model);
                free(model->kind);
                free(model->base_url);
                secret_deinit(&model->key);
        }
        free(conf->models.profiles);
        conf->models.profiles = NULL;
        conf->models.n_profiles = 0;
}

/* --- the environment --- */

/* A profile "qwen-32b" is QWEN_32B there. */
static bool is_env_name(const char *name, const char *env, size_t n)
{
        if (strlen(name) != n)
                return false;
        for (size_t i = 0; i < n; i++)
                if (toupper((unsigned char) (name[i] == '-' ? '_' : name[i])) != env[i])
                        return false;
        return true;
}

static void set_from_variable(GatewayConf *conf, const char *variable /* behind the prefix */, size_t n_name,
                              const char *key, const char *value, ConfErrors *errors)
{
        _cleanup_free_ char *name = mem_strndup(variable, n_name), *text = mem_strdup(value);
        const char *why = NULL;
        ConfModel *model = NULL;

        for (size_t i = 0; i < conf->models.n_profiles && !model; i++)
                if (is_env_name(conf->models.profiles[i].name, variable, n_name))
                        model = &conf->models.profiles[i];
        for (char *p = name; *p; p++)
                *p = (char) tolower((unsigned char) *p);
        /* Secrets that were made with `echo` and mounted as a file end in a newline. */
        for (size_t n = strlen(text); n > 0 && strchr(" \t\r\n", text[n - 1]); n--)
                text[n - 1] = 0;
        if (!*text)
                return;
        if (!model)
                model = conf_model_named(conf, name, &why);
        if (!why)
                why = conf_model_set(model, key, text);
        if (why)
                conf_error(errors, "%s%.*s: models%s%s.%s: %s", ENV_PREFIX, (int) strcspn(variable, "="),
                           variable, model ? "." : "", model ? model->name : "", key, why);
        explicit_bzero(text, strlen(text));
}

static int by_text(const void *a, const void *b)
{
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static bool is_setting(const char *variable)
{
        for (size_t i = 0; i < conf_n_items; i++) {
                size_t n = strlen(conf_items[i].env);

                if (strncmp(variable, conf_items[i].env, n) == 0 && variable[n] == '=')
                        return true;
        }
        return false;
}

void conf_models_read_environment(GatewayConf *conf, ConfErrors *errors)
{
        _cleanup_free_ char **found = NULL; /* their order in the environment is nobody's intention */
        size_t n_found = 0;

        for (char **e = environ; e && *e; e++)
                if (str_starts_with(*e, ENV_PREFIX) && !is_setting(*e)) {
                        found = mem_resize(found, (n_found + 1) * sizeof(*found));
                        found[n_found++] = *e;
                }
        if (n_found > 0)
                qsort(found, n_found, sizeof(*found), by_text);
        for (size_t i = 0; i < n_found; i++) {
                const char *variable = found[i] + strlen(ENV_PREFIX), *equals = strchr(variable, '=');
                size_t n = (size_t) (equals - variable), k = 0;

                while (k < ELEMENTSOF(fields) &&
                       (n <= strlen(fields[k].env) ||
                        strncmp(equals - strlen(fields[k].env), fields[k].env, strlen(fields[k].env)) != 0))
                        k++;
                if (k < ELEMENTSOF(fields))
                        set_from_variable(conf, variable, n - strlen(fields[k].env), fields[k].key,
                                          equals + 1, errors);
                else
                        conf_error(
                                errors,
                                "%s%.*s: is neither a setting nor ends in _MODEL, _KIND, _BASE_URL or _KEY",
                                ENV_PREFIX, (int) n, variable);
        }
}

/* --- the whole --- */

static const ConfModel *twin(const GatewayConf *conf, size_t i)
{
        for (size_t k = 0; k < i; k++)
                if (str_equal(conf->models.profiles[k].model, conf->models.profiles[i].model))
                        return &conf->models.profiles[k];
        return NULL;
}

void conf_models_finish(GatewayConf *conf, ConfErrors *errors)
{
        bool has_default = str_empty(conf->models.default_profile);

        for (size_t i = 0; i < conf->models.n_profiles; i++) {
                ConfModel *model = &conf->models.profiles[i];

                has_default |= str_equal(model->name, conf->models.default_profile);
                if (!*model->model) {
                        conf_error(errors,
                                   "models.%s.model: is missing: provider/model, as OpenCode names it",
                                   model->name);
                        continue;
                }
                if (!*model->kind)
                        mem_strset(&model->kind, str_starts_with(model->model, "anthropic/")
                                                         ? "anthropic"
                                                         : "openai-compatible");
                if (str_equal(model->kind, "openai-compatible") && !*model->base_url)
                        conf_error(errors,
                                   "models.%s.base_url: is missing: where the endpoint is, such as "
                                   "http://127.0.0.1:11434/v1",
                                   model->name);
                if (twin(conf, i))
                        conf_error(errors, "models.%s.model: is the model of models.%s, too", model->name,
                                   twin(conf, i)->name);
        }
        if (!has_default)
                conf_error(errors, "models.default: must be the name of a profile, and there is no models.%s",
                           conf->models.default_profile);
}

void conf_models_print_reference(FILE *out)
{
        fputs("  # Profiles, in order of preference, each a name of your own with keys of its own:\n"
              "  # - model: provider/model, as OpenCode names it. Required.\n"
              "  # - kind: anthropic or openai-compatible (Ollama, vLLM, llama.cpp server).\n"
              "  # - base_url: of the endpoint, for checks; required when it is openai-compatible.\n"
              "  # - key: a secret, for checks of an endpoint that wants one.\n"
              "  # Environment: GATEWAY_MODELS_QWEN_MODEL, _KIND, _BASE_URL and _KEY, for a profile named qwen.\n"
              "  # - claude: {model: anthropic/claude-sonnet-4-5, kind: anthropic}\n"
              "  # - qwen: {model: \"ollama/qwen2.5-coder:32b\", base_url: http://127.0.0.1:11434/v1}\n",
              out);
}

void conf_models_print(const GatewayConf *conf, FILE *out)
{
        for (size_t i = 0; i < conf->models.n_profiles; i++) {
                const ConfModel *model = &conf->models.profiles[i];

                fprintf(out, "  %s: {model: ", model->name);
                conf_print_quoted(model->model, out);
                fputs(", kind: ", out);
                conf_print_quoted(model->kind, out);
                fputs(", base_url: ", out);
                conf_print_quoted(model->base_url, out);
                fputs(", key: ", out);
                conf_print_quoted(secret_print(&model->key), out);
                fputs("}\n", out);
        }
}
