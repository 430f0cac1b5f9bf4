/* The table of all keys, and the two ways a value gets into its field. Internal to this folder. */
#pragma once

#include "base/buf.h"
#include "conf/conf.h"

typedef enum ConfType { CONF_TEXT, CONF_SECRET, CONF_INT, CONF_LIST, CONF_LEVEL } ConfType;

typedef struct ConfItem {
        const char *section, *key;
        const char *env;
        ConfType type;
        size_t offset;        /* of the field in GatewayConf */
        const char *fallback; /* as written in a file; NULL = "" or nothing */
        int64_t min, max;     /* CONF_INT */
        /* NULL = the text may be so; else a static text, "must …". Of a list: called for each element. */
        const char *(*check)(const char *text);
        const char *where;   /* not NULL: the key must be set, and this is what it is and where to get it */
        const char *meaning; /* for the reference */
} ConfItem;

#define CONF_TEXT_MAX_BYTES 4096
#define CONF_LIST_MAX       1000

extern const ConfItem conf_items[];
extern const size_t conf_n_items;

/* NULL when there is none. Section and key need not be terminated. */
const ConfItem *conf_item_find(const char *section, const char *key);
bool conf_section_exists(const char *section);

/* Checks and stores one value (of a list: appends one element). NULL = stored; else a static or item-owned
 * text, "must …", borrowed until the next call. `plain`: written without quotes, so it may be a number. */
const char *conf_item_set(const ConfItem *item, GatewayConf *conf, const char *text, bool plain);
void conf_item_clear(const ConfItem *item, GatewayConf *conf);
bool conf_item_is_set(const ConfItem *item, const GatewayConf *conf);

void *conf_item_field(const ConfItem *item, GatewayConf *conf);

/* What goes wrong, one line each; bounded. */
typedef struct ConfErrors {
        Buf text;
        unsigned n;
} ConfErrors;
#define CONF_ERRORS_MAX 20
void conf_error(ConfErrors *errors, const char *format, ...) PRINTF_LIKE(2, 3);

/* Reads a YAML text into `conf`; *ret_has_secrets: the file itself holds one. */
void conf_read_yaml(const char *name, const char *text, size_t n_bytes, GatewayConf *conf, ConfErrors *errors,
                    bool *ret_has_secrets);

/* ---- model profiles (conf-models.c) ---- */

/* The profile of that name, made when there is none yet; NULL when the name may not be one, or there are too
 * many, with *ret_why a static text. */
ConfModel *conf_model_named(GatewayConf *conf, const char *name, const char **ret_why);
/* Stores one value. NULL = stored; else a static text, borrowed; "is not a known key" for an unknown one. */
const char *conf_model_set(ConfModel *model, const char *key, const char *text);
void conf_models_clear(GatewayConf *conf);
/* GATEWAY_MODELS_<NAME>_MODEL, _KIND, _BASE_URL and _KEY, for profiles of the file and others. */
void conf_models_read_environment(GatewayConf *conf, ConfErrors *errors);
/* What can only be said of all of them together; kinds that were left out are filled in. */
void conf_models_finish(GatewayConf *conf, ConfErrors *errors);
void conf_models_print_reference(FILE *out);
void conf_models_print(const GatewayConf *conf, FILE *out);
/* As a YAML double-quoted scalar; values have no control characters. */
void conf_print_quoted(const char *text, FILE *out);

/* Checks that other tables need, too: NULL or "must …". */
const char *conf_check_url(const char *text);
const char *conf_check_model(const char *text);
const char *conf_check_line(const char *text);
