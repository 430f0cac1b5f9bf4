#include "conf/conf.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/error.h"
#include "conf/conf-schema.h"

#define COMPONENT      "conf"
#define FILE_MAX_BYTES (1024 * 1024)

void conf_deinit(GatewayConf *conf)
{
        for (size_t i = 0; i < conf_n_items; i++)
                conf_item_clear(&conf_items[i], conf);
        conf_models_clear(conf);
}

static void set_defaults(GatewayConf *conf)
{
        *conf = (GatewayConf){0};
        for (size_t i = 0; i < conf_n_items; i++) {
                const ConfItem *item = &conf_items[i];

                if (item->fallback)
                        conf_item_set(item, conf, item->fallback, true);
                else if (item->type == CONF_TEXT)
                        conf_item_set(item, conf, "", true);
        }
}

static void cut_slashes(char *url)
{
        size_t n = strlen(url);

        while (n > 0 && url[n - 1] == '/')
                url[--n] = 0;
}

/* What is written in several ways, in one; and defaults that are other keys' values. */
static void normalize(GatewayConf *conf)
{
        char *api_url = conf->slack.api_url;

        cut_slashes(api_url);
        conf->slack.api_url = mem_printf("%s/", api_url);
        free(api_url);
        cut_slashes(conf->opencode.url);
        if (str_empty(conf->opencode.web_url))
                mem_strset(&conf->opencode.web_url, conf->opencode.url);
        cut_slashes(conf->opencode.web_url);
        for (size_t i = 0; i < conf->models.n_profiles; i++)
                cut_slashes(conf->models.profiles[i].base_url);
        cut_slashes(conf->gateway.advertise_url);
}

/* --- the environment --- */

static void set_list_from(const ConfItem *item, GatewayConf *conf, char *text, ConfErrors *errors)
{
        char *rest = text;

        while (true) {
                char *word = strtok_r(rest, ", \t", &rest);
                const char *why = word ? conf_item_set(item, conf, word, true) : NULL;

                if (why)
                        conf_error(errors, "%s: %s.%s: %s", item->env, item->section, item->key, why);
                if (!word)
                        return;
        }
}

static void read_environment(GatewayConf *conf, ConfErrors *errors)
{
        for (size_t i = 0; i < conf_n_items; i++) {
                const ConfItem *item = &conf_items[i];
                _cleanup_free_ char *text = mem_strdup(getenv(item->env));
                const char *why;

                /* Secrets that were made with `echo` and mounted as a file end in a newline. */
                for (size_t n = text ? strlen(text) : 0; n > 0 && strchr(" \t\r\n", text[n - 1]); n--)
                        text[n - 1] = 0;
                if (str_empty(text))
                        continue;
                conf_item_clear(item, conf);
                if (item->type == CONF_LIST) {
                        set_list_from(item, conf, text, errors);
                        continue;
                }
                why = conf_item_set(item, conf, text, true);
                if (why)
                        conf_error(errors, "%s: %s.%s: %s", item->env, item->section, item->key, why);
                if (item->type == CONF_SECRET)
                        explicit_bzero(text, strlen(text));
        }
}

/* --- the file --- */

/* 0 with *ret NULL: there is no such file. */
static int read_file(const char *path, Buf *ret, bool *ret_public, ConfErrors *errors)
{
        FILE *f = fopen(path, "re");
        struct stat st;
        size_t n;
        int error;

        if (!f)
                return errno;
        *ret_public = fstat(fileno(f), &st) == 0 && (st.st_mode & 0007);
        n = fread(buf_reserve(ret, FILE_MAX_BYTES + 1), 1, FILE_MAX_BYTES + 1, f);
        buf_commit(ret, n);
        error = ferror(f) ? errno : 0;
        fclose(f);
        if (!error && n > FILE_MAX_BYTES)
                conf_error(errors, "%s: is larger than 1 MiB", path);
        return error;
}

static void load_file(const char *path, bool required, GatewayConf *conf, ConfErrors *errors)
{
        Buf text = {0};
        bool is_public = false, has_secrets;
        int error = read_file(path, &text, &is_public, errors);

        if (error && (error != ENOENT || required))
                conf_error(errors, "%s: cannot be read: %s", path, strerror(error));
        if (!error && errors->n == 0) {
                conf_read_yaml(path, buf_bytes(&text), buf_len(&text), conf, errors, &has_secrets);
                if (has_secrets && is_public)
                        log_warn(COMPONENT,
                                 "%s holds secrets and everybody on this machine can read it: chmod 600 it",
                                 path);
        }
        if (text.data)
                explicit_bzero(text.data, text.size);
        buf_deinit(&text);
}

/* --- the whole --- */

static void find_missing(const GatewayConf *conf, ConfErrors *errors)
{
        for (size_t i = 0; i < conf_n_items; i++) {
                const ConfItem *item = &conf_items[i];

                if (item->where && !conf_item_is_set(item, conf))
                        conf_error(errors, "missing: %s.%s (%s): %s", item->section, item->key, item->env,
                                   item->where);
        }
}

static int finish(GatewayConf *conf, ConfErrors *errors, char **ret_error)
{
        if (errors->n == 0)
                conf_models_finish(conf, errors);
        if (errors->n == 0) {
                buf_deinit(&errors->text);
                normalize(conf);
                return 0;
        }
        if (errors->n > CONF_ERRORS_MAX)
                buf_printf(&errors->text, "\nand %u more", errors->n - CONF_ERRORS_MAX);
        *ret_error = buf_take(&errors->text);
        conf_deinit(conf);
        return error_origin(-EINVAL);
}

int conf_load(const char *path, bool required, GatewayConf *ret, char **ret_error)
{
        ConfErrors errors = {0};

        set_defaults(ret);
        if (path)
                load_file(path, required, ret, &errors);
        read_environment(ret, &errors);
        conf_models_read_environment(ret, &errors);
        /* A value that was refused is not missing, too. */
        if (errors.n == 0)
                find_missing(ret, &errors);
        return finish(ret, &errors, ret_error);
}

int conf_parse(const char *name, const char *text, size_t n_bytes, GatewayConf *ret, char **ret_error)
{
        ConfErrors errors = {0};
        bool has_secrets;

        set_defaults(ret);
        conf_read_yaml(name, text, n_bytes, ret, &errors, &has_secrets);
        return finish(ret, &errors, ret_error);
}

/* --- printing --- */

static const char *type_name(const ConfItem *item)
{
        static const char *const names[] = {"text", "secret", "whole number", "list of texts", "word"};

        return names[item->type];
}

static bool is_last_of(size_t i, const char *section)
{
        return strcmp(conf_items[i].section, section) == 0 &&
               (i + 1 == conf_n_items || strcmp(conf_items[i + 1].section, section) != 0);
}

void conf_print_reference(FILE *out)
{
        const char *section = "";

        for (size_t i = 0; i < conf_n_items; i++) {
                const ConfItem *item = &conf_items[i];

                if (strcmp(section, item->section) != 0)
                        fprintf(out, "%s%s:\n", i ? "\n" : "", item->section);
                section = item->section;
                fprintf(out, "  # %s\n", item->meaning);
                fprintf(out, "  # %s%s", item->where ? "Required. A " : "A ", type_name(item));
                if (item->type == CONF_INT)
                        fprintf(out, ", %lld to %lld", (long long) item->min, (long long) item->max);
                fprintf(out, "; environment variable %s%s.\n", item->env,
                        item->type == CONF_LIST ? " (separated by commas)" : "");
                if (item->type == CONF_LIST)
                        fprintf(out, "  # %s: []\n", item->key);
                else
                        fprintf(out, "  # %s: %s\n", item->key, item->fallback ? item->fallback : "\"\"");
                if (is_last_of(i, "models"))
                        conf_models_print_reference(out);
        }
}

/* As a YAML double-quoted scalar; values have no control characters. */
void conf_print_quoted(const char *text, FILE *out)
{
        fputc('"', out);
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        fputc('\\', out);
                fputc(*text, out);
        }
        fputc('"', out);
}

static void print_list(const ConfList *list, FILE *out)
{
        fputc('[', out);
        for (size_t i = 0; i < list->n; i++) {
                fputs(i ? ", " : "", out);
                conf_print_quoted(list->items[i], out);
        }
        fputc(']', out);
}

void conf_print(const GatewayConf *conf, FILE *out)
{
        static const char *const levels[] = {"debug", "info", "warn", "error"};
        const char *section = "";

        for (size_t i = 0; i < conf_n_items; i++) {
                const ConfItem *item = &conf_items[i];
                const void *field = (const char *) conf + item->offset;

                if (strcmp(section, item->section) != 0)
                        fprintf(out, "%s:\n", item->section);
                section = item->section;
                fprintf(out, "  %s: ", item->key);
                switch (item->type) {
                case CONF_TEXT: conf_print_quoted(*(char *const *) field, out); break;
                case CONF_SECRET: conf_print_quoted(secret_print(field), out); break;
                case CONF_INT: fprintf(out, "%lld", (long long) *(const int64_t *) field); break;
                case CONF_LIST: print_list(field, out); break;
                case CONF_LEVEL: fputs(levels[*(const LogLevel *) field], out); break;
                }
                fputc('\n', out);
                if (is_last_of(i, "models"))
                        conf_models_print(conf, out);
        }
}
