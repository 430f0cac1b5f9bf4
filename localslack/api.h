/* The Web API: what Slack asks of a call (methods.h) is looked at in api-frame.c, the answer's transport,
 * faults and the record of calls in api.c; handlers see decoded arguments and return the answer. */
#pragma once

#include "local.h"
#include "methods.h"

typedef struct ApiCall {
        Local *l;
        const char *method;
        const json_t *args;
        const char *base_url;   /* "http://127.0.0.1:3000": what the client calls us */
        unsigned token;         /* TOKEN_BOT, TOKEN_USER …, TOKEN_NONE */
        const char *token_text; /* the token itself; must not get into any record */
        const char *user_id;    /* on whose behalf: the app's bot user, or the person of a user token */
        const char *granted;    /* scopes; NULL: all */
} ApiCall;

/* A handler. What is asked before it runs is the row of the same name in methods.c. */
typedef struct ApiMethod {
        const char *name;
        json_t *(*fn)(ApiCall *c); /* a new answer, "ok" included */
} ApiMethod;

typedef struct ApiMethods {
        const ApiMethod *rows;
        size_t n;
} ApiMethods;
ApiMethods api_chat_methods(void);
ApiMethods api_stream_methods(void);
ApiMethods api_agents_methods(void);
ApiMethods api_agents_channels_methods(void);
ApiMethods api_schedule_methods(void);
ApiMethods api_conversations_methods(void);
ApiMethods api_channels_methods(void);
ApiMethods api_users_methods(void);
ApiMethods api_items_methods(void);
ApiMethods api_blocks_methods(void);
ApiMethods api_misc_methods(void);
ApiMethods api_views_methods(void);
ApiMethods api_files_methods(void);
ApiMethods api_canvas_methods(void);
const ApiMethod *api_find_method(const char *name); /* NULL: there is no such method */

/* A call as it came, without its transport. Borrowed; what was not sent is NULL, or "" for the query. */
typedef struct ApiRequest {
        const char *method; /* "chat.postMessage" */
        bool is_get;
        const char *authorization, *content_type, *query, *base_url, *body;
        size_t n_body;
} ApiRequest;

typedef struct ApiReply {
        json_t *args;          /* owned; without the token */
        json_t *answer;        /* owned */
        int64_t retry_after_s; /* >= 0: answered with 429 */
        char *accepted_scopes; /* owned, for X-Accepted-OAuth-Scopes */
        char *granted_scopes;  /* owned, for X-OAuth-Scopes */
} ApiReply;

/* Runs a call: encoding, token, scopes, rate, required arguments, and then the method. */
void api_run(Local *l, const ApiRequest *req, ApiReply *ret);
/* The same, but `answer` (stolen) is what was decided without running the method. */
void api_run_instead(Local *l, const ApiRequest *req, json_t *answer, ApiReply *ret);
void api_reply_deinit(ApiReply *r);

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
/* invalid_arguments with all of `errors` (stolen), texts. */
json_t *api_invalid_list(const char *error, json_t *errors);
void api_add_warning(json_t *answer, const char *warning);
/* missing_scope, with what is needed and what is there. */
json_t *api_missing_scope(const ApiCall *c, const char *needed);

/* The channel that an argument names, if the caller may see it: id, "#name", or with `open` a user's id. */
Channel *api_find_channel(const ApiCall *c, const char *name, bool open);
/* The same by id only, as all methods but those of chat.* want it. */
Channel *api_need_channel(const ApiCall *c, const char *name);
/* One page of `n` items starting at the cursor of the call; false: invalid_cursor or invalid_limit in
 * *ret_error. */
typedef struct ApiPage {
        size_t from, to;
        bool more;
} ApiPage;
bool api_page(const ApiCall *c, size_t n, size_t limit_default, size_t limit_max, ApiPage *ret,
              const char **ret_error);
/* Cursors of message lists name the timestamp of the next message. False: not one of ours. */
bool api_decode_ts_cursor(const char *cursor, char ret[STATE_TS_SIZE]);
void api_put_ts_cursor(json_t *answer, const char *ts);
/* response_metadata.next_cursor for the item that follows ("" at the end). */
void api_put_next_cursor(json_t *answer, const ApiPage *page);
