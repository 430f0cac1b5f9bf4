/* The Web API: one row per method. Handlers see decoded arguments and return the answer; transport, tokens,
 * scopes, required arguments, faults and the record of calls are dealt with around them (api.c). */
#pragma once

#include "local.h"

typedef struct ApiCall {
        Local *l;
        const char *method;
        const json_t *args;
        const char *base_url; /* "http://127.0.0.1:3000": what the client calls us */
} ApiCall;

typedef enum ApiToken { API_TOKEN_BOT, API_TOKEN_APP, API_TOKEN_NONE } ApiToken;

typedef struct ApiMethod {
        const char *name;
        json_t *(*fn)(ApiCall *c); /* a new answer, "ok" included */
        ApiToken token;
        const char *scope;    /* NULL: none needed */
        const char *required; /* "channel,ts": missing ones are refused before the handler runs */
} ApiMethod;

typedef struct ApiMethods {
        const ApiMethod *rows;
        size_t n;
} ApiMethods;
ApiMethods api_chat_methods(void);
ApiMethods api_conversations_methods(void);
ApiMethods api_misc_methods(void);
ApiMethods api_views_methods(void);
ApiMethods api_files_methods(void);

/* Answers a request to /api/<method>. */
void api_handle(Local *l, HttpRequest *req);
/* Answers a POST to /commands/…: a response_url. */
void api_handle_response_url(Local *l, HttpRequest *req);
/* Answers a POST to /upload/v1/<key> and a GET of /files-pri/…. */
void api_handle_upload(Local *l, HttpRequest *req);
void api_handle_download(Local *l, HttpRequest *req);
/* "http://" and the Host that the client used. Owned. */
char *api_base_url(const HttpRequest *req);

json_t *api_ok(void);
json_t *api_error(const char *error);
/* invalid_arguments with one message, as Slack words it. */
json_t *api_invalid_arguments(const char *format, ...) PRINTF_LIKE(1, 2);
void api_add_warning(json_t *answer, const char *warning);

/* The channel that an argument names, if the app may see it: id, "#name", or with `open` a user's id. */
Channel *api_find_channel(ApiCall *c, const char *name, bool open);
/* Slack's check of what a message says: text, blocks, attachments, metadata, markdown_text. NULL and the
 * fields to store (new), or the answer with the error. `warning` may be set to a static text. */
json_t *api_check_content(ApiCall *c, bool is_update, json_t **ret_fields, const char **ret_warning);

/* One page of `n` items starting at the cursor of the call; false: invalid_cursor or invalid_limit in
 * *ret_error. */
typedef struct ApiPage {
        size_t from, to;
        bool more;
} ApiPage;
bool api_page(ApiCall *c, size_t n, size_t limit_default, size_t limit_max, ApiPage *ret,
              const char **ret_error);
/* Cursors of message lists name the timestamp of the next message. False: not one of ours. */
bool api_decode_ts_cursor(const char *cursor, char ret[STATE_TS_SIZE]);
void api_put_ts_cursor(json_t *answer, const char *ts);
/* response_metadata.next_cursor for the item that follows ("" at the end). */
void api_put_next_cursor(json_t *answer, const ApiPage *page);
