/* The configuration: a YAML file, overridden by environment variables, checked against one table
 * (conf-schema.c) that is also its documentation.
 *
 *     slack:
 *       bot_token: xoxb-…        # or the environment variable SLACK_BOT_TOKEN
 *     gateway:
 *       listen: 127.0.0.1:8000
 *
 * Two levels, sections and keys (in `models`, three: each profile has keys of its own); values are texts,
 * whole numbers and lists of texts. Nobody's configuration
 * needs YAML's aliases, anchors, tags or several documents, so they are refused, and so are unknown and
 * duplicate keys: a misspelt allow-list that is ignored would let everybody in. Every error names its place
 * ("gateway.yaml:12:5: slack.sockets: must be 1 to 4") and never a value, which may be a secret. */
#pragma once

#include <stdio.h>

#include "base/log.h"
#include "base/secret.h"

typedef struct ConfList {
        char **items; /* NULL when empty, else with a NULL behind the last */
        size_t n;
} ConfList;

/* A model profile: a name that people use for a model, and how to find out whether it answers. */
typedef struct ConfModel {
        char *name;     /* "qwen": a-z, 0-9, _ and - */
        char *model;    /* "provider/model", as OpenCode names it; unique among the profiles */
        char *kind;     /* "anthropic" or "openai-compatible" */
        char *base_url; /* of the endpoint, "" = none; always there for openai-compatible */
        Secret key;     /* for the endpoint's checks only; OpenCode has its own */
} ConfModel;
#define CONF_MODELS_MAX 16

/* Strings are never NULL after conf_load(); "" means not set. */
typedef struct GatewayConf {
        struct {
                Secret bot_token, app_token;
                char *api_url; /* ends in a slash */
                int64_t sockets;
                char *command;
                ConfList allow_users, allow_channels; /* empty: all */
                ConfList approvers;                   /* empty: everybody allowed */
                int64_t catch_up_max_age_s, catch_up_overlap_s, echo_wait_ms;
        } slack;
        struct {
                char *listen, *state_dir;
                char *advertise_url; /* "" = as it listens */
                Secret database_url; /* unset = SQLite in state_dir, "sqlite:PATH", "memory:", "postgres://…",
                                        which may have a password */
                Secret bridge_token;
                LogLevel log_level;
        } gateway;
        struct {
                char *url; /* like web_url: without a slash at the end */
                Secret password;
                char *directory, *agent;
                char *model; /* "provider/model"; the model may have slashes of its own */
                char *web_url;
        } opencode;
        struct {
                char *default_profile; /* "" = the first */
                int64_t failing_after, check_interval_s, wait_s;
                ConfModel *profiles; /* in order of preference */
                size_t n_profiles;
        } models;
        struct {
                char *repositories_root; /* "" = none: no workspaces but of what has a path or an address */
                ConfList remotes;
                char *builders_dir, *maker, *project_list; /* "" = below repositories_root; see there */
        } workspace;
        struct {
                char *directory, *remote;
        } state;
        struct {
                char *model; /* "" = the built-in one */
        } routing;
        struct {
                int64_t queued_prompts, message_bytes;
        } limits;
        struct {
                int64_t interval_ms;
        } progress;
} GatewayConf;

/* Defaults, then the file (NULL = none; `required` = it is an error when it does not exist), then the
 * environment (an empty variable counts as absent); then what must be there is looked for.
 * < 0: *ret_error is an owned text for the operator with one line per mistake, *ret holds nothing. */
int conf_load(const char *path, bool required, GatewayConf *ret, char **ret_error);
void conf_deinit(GatewayConf *conf); /* `(GatewayConf) {0}` is fine */

/* The part of conf_load() without files and environment: defaults and then `text`, called `name` in errors;
 * nothing is mandatory. */
int conf_parse(const char *name, const char *text, size_t n_bytes, GatewayConf *ret, char **ret_error);

/* Every key with its type, default, environment variable and meaning, as a commented YAML file. */
void conf_print_reference(FILE *out);
/* The values in force, as YAML; secrets as ***. */
void conf_print(const GatewayConf *conf, FILE *out);
