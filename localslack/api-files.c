/* Files: address, bytes, completion (reference §3.2); the download needs the bot's token as in Slack. */
#include "api.h"

#include <stdio.h>
#include <strings.h>

#include "args.h"
#include "messages.h"

#define FILES_PER_CALL_MAX 10

static json_t *get_upload_url(ApiCall *c)
{
        const char *name = arg_str(c->args, "filename"), *alt = arg_str(c->args, "alt_txt");
        int64_t length = arg_int(c->args, "length", -1);
        _cleanup_free_ char *url = NULL;
        File *file;

        if (length < 1)
                return api_error("missing_argument");
        if (alt && strlen(alt) > 1000)
                return api_error("alt_txt_too_large");
        if (!str_empty(arg_str(c->args, "snippet_type")) && length > FILE_SNIPPET_MAX)
                return api_error("snippet_too_large");
        if (length > FILES_BYTES_MAX / 4)
                return api_error("file_upload_size_restricted");
        file = files_add(c->l->files, c->l->state, name, BOT_USER);
        file->n_bytes = (size_t) length;
        url = mem_printf("%s/upload/v1/%s", c->base_url, file->upload_key);
        return json_pack("{s:b,s:s,s:s}", "ok", 1, "upload_url", url, "file_id", file->id);
}

static void share(ApiCall *c, Channel *ch, json_t *files)
{
        const char *comment = arg_str(c->args, "initial_comment"), *thread_ts = arg_str(c->args, "thread_ts");
        Message *parent = channel_find_message(ch, thread_ts);
        json_t *fields = json_pack("{s:s,s:O,s:b,s:s}", "text", comment ? comment : "", "files", files,
                                   "upload", 1, "subtype", "file_share");
        json_t *blocks = json_object_get(c->args, "blocks");

        if (str_empty(comment) && json_is_array(blocks))
                json_object_set(fields, "blocks", blocks);
        messages_post_app(c->l, ch, fields, parent && parent->parent ? parent->parent : parent, false);
}

static json_t *complete_upload(ApiCall *c)
{
        const json_t *list = json_object_get(c->args, "files");
        bool shared = !str_empty(arg_str(c->args, "channel_id"));
        Channel *ch = shared ? api_find_channel(c, "channel_id", true) : NULL;
        json_t *files, *item;
        size_t i;

        if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > FILES_PER_CALL_MAX)
                return api_invalid_arguments("must provide between 1 and %d files [json-pointer:/files]",
                                             FILES_PER_CALL_MAX);
        if (shared && !ch)
                return api_error("channel_not_found");
        json_array_foreach ((json_t *) list, i, item) {
                const File *file = files_find(c->l->files, json_str(item, "id"));

                if (!file || !file->uploaded || file->completed)
                        return api_error("file_not_found");
        }
        files = json_array();
        json_array_foreach ((json_t *) list, i, item) {
                File *file = files_find(c->l->files, json_str(item, "id"));

                if (json_str(item, "title"))
                        mem_strset(&file->title, json_str(item, "title"));
                file->completed = true;
                json_array_append_new(files, file_render(file, c->base_url));
        }
        if (shared)
                share(c, ch, files);
        return json_pack("{s:b,s:o}", "ok", 1, "files", files);
}

static json_t *files_info(ApiCall *c)
{
        const File *file = files_find(c->l->files, arg_str(c->args, "file"));

        return file ? json_pack("{s:b,s:o}", "ok", 1, "file", file_render(file, c->base_url))
                    : api_error("file_not_found");
}

void api_handle_upload(Local *l, HttpRequest *req)
{
        const char *key = http_request_path(req) + strlen("/upload/v1/");
        const char *type = http_request_header(req, "Content-Type");
        File *file = files_find_upload(l->files, key);
        size_t n_bytes;
        const char *body = http_request_body(req, &n_bytes);
        Multipart parts = {0};
        char text[48];

        if (!file || file->completed) {
                http_respond_error(req, 404, "unknown_upload", "no such upload", NULL);
                return;
        }
        /* The Node SDK sends a multipart field, the Python SDK the bare bytes. */
        if (type && strncasecmp(type, "multipart/form-data", 19) == 0) {
                if (multipart_parse(type, body, n_bytes, &parts) != 0 || parts.n == 0) {
                        http_respond_error(req, 400, "bad_multipart", "the body is not multipart/form-data",
                                           NULL);
                        multipart_deinit(&parts);
                        return;
                }
                body = parts.parts[0].data;
                n_bytes = parts.parts[0].n_bytes;
        }
        files_set_data(l->files, file, body, n_bytes);
        multipart_deinit(&parts);
        snprintf(text, sizeof(text), "OK - %zu", n_bytes);
        http_respond_text(req, 200, "text/plain; charset=utf-8", text);
}

static bool may_download(const Local *l, const HttpRequest *req)
{
        const char *header = http_request_header(req, "Authorization"),
                   *site = http_request_header(req, "Sec-Fetch-Site");

        if (str_equal(site, "same-origin")) /* the page */
                return true;
        if (!header || strncasecmp(header, "Bearer xoxb-", 12) != 0)
                return false;
        return !l->options->bot_token || str_equal(header + 7, l->options->bot_token);
}

/* /files-pri/T…-F…/name and /files-pri/T…-F…/download/name */
void api_handle_download(Local *l, HttpRequest *req)
{
        const char *path = http_request_path(req) + strlen("/files-pri/");
        HttpHeader headers[] = {{"Content-Type", "application/octet-stream"},
                                {"Content-Disposition", "attachment"},
                                {"X-Content-Type-Options", "nosniff"}};
        _cleanup_free_ char *id = NULL;
        const File *file;

        if (!may_download(l, req)) {
                http_respond_error(req, 403, "not_authorized", "a bot token is needed", NULL);
                return;
        }
        id = str_starts_with(path, TEAM_ID "-")
                     ? mem_strndup(path + strlen(TEAM_ID) + 1, strcspn(path + strlen(TEAM_ID) + 1, "/"))
                     : NULL;
        file = files_find(l->files, id);
        if (!file || !file->data)
                http_respond_error(req, 404, "file_not_found", "no such file", NULL);
        else {
                headers[0].value = file->mimetype;
                http_respond(req, 200, headers, ELEMENTSOF(headers), file->data, file->n_bytes);
        }
}

ApiMethods api_files_methods(void)
{
        static const ApiMethod rows[] = {
                {"files.getUploadURLExternal", get_upload_url},
                {"files.completeUploadExternal", complete_upload},
                {"files.info", files_info},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
