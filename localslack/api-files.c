/* Files: address, bytes, completion (reference §3.2); the download needs the bot's token as in Slack. */
#include "api-chat.h"

#include <stdio.h>
#include <strings.h>

#include "args.h"
#include "blocks.h"
#include "delivery.h"
#include "messages.h"

#define FILES_PER_CALL_MAX 10
#define CHANNELS_MAX       100
#define ALT_TXT_MAX        1000
#define LIST_COUNT         100
#define LIST_COUNT_MAX     1000

static json_t *get_upload_url(ApiCall *c)
{
        const char *name = arg_str(c->args, "filename"), *alt = arg_str(c->args, "alt_txt");
        const char *snippet_type = arg_str(c->args, "snippet_type");
        int64_t length = arg_int(c->args, "length", -1);
        _cleanup_free_ char *url = NULL;
        File *file;

        if (length < 1)
                return api_error("missing_argument");
        if (alt && blocks_count_chars(alt) > ALT_TXT_MAX)
                return api_error("alt_txt_too_large");
        if (!str_empty(snippet_type) && length > FILE_SNIPPET_MAX)
                return api_error("snippet_too_large");
        if (length > FILES_BYTES_MAX / 4)
                return api_error("file_upload_size_restricted");
        file = files_add(c->l->files, c->l->state, name, c->user_id);
        if (!str_empty(snippet_type) && !file_set_snippet(file, snippet_type)) {
                files_delete(c->l->files, file);
                return api_error("unknown_snippet_type");
        }
        if (!str_empty(alt))
                mem_strset(&file->alt_txt, alt);
        file->n_bytes = (size_t) length;
        url = mem_printf("%s/upload/v1/%s", c->base_url, file->upload_key);
        return json_pack("{s:b,s:s,s:s}", "ok", 1, "upload_url", url, "file_id", file->id);
}

/* --- completion --- */

typedef struct Share {
        Channel *channels[CHANNELS_MAX];
        size_t n_channels;
        json_t *fields; /* of the message, without the files */
        Message *parent;
} Share;

static json_t *add_channel(ApiCall *c, Share *s, const char *name, const char *unknown)
{
        const json_t *args = json_pack("{s:s}", "channel", name);
        ApiCall one = *c;
        Channel *ch;
        json_t *answer;

        one.args = args;
        ch = api_find_channel(&one, "channel", true);
        json_decref((json_t *) args);
        if (!ch)
                return api_error(unknown);
        answer = chat_check_channel(c, ch);
        if (!answer)
                s->channels[s->n_channels++] = ch;
        return answer;
}

/* channel_id, or `channels`: "C1,U2". */
static json_t *find_channels(ApiCall *c, Share *s)
{
        const char *one = arg_str(c->args, "channel_id"), *many = arg_str(c->args, "channels");
        json_t *answer = str_empty(one) ? NULL : add_channel(c, s, one, "channel_not_found");

        for (const char *p = str_empty(one) ? many : NULL; p && *p && !answer;) {
                size_t n = strcspn(p, ",");
                _cleanup_free_ char *name = mem_strndup(p, n);

                if (s->n_channels == CHANNELS_MAX)
                        return api_error("channels_limit_exceeded");
                if (*name)
                        answer = add_channel(c, s, name, "invalid_channel");
                p += n + (p[n] == ',');
        }
        return answer;
}

static json_t *check_share(ApiCall *c, Share *s)
{
        const char *comment = arg_str(c->args, "initial_comment");
        const json_t *blocks;
        json_t *answer = find_channels(c, s);

        if (answer || s->n_channels == 0)
                return answer;
        if (s->n_channels == 1)
                answer = chat_find_thread(c, s->channels[0], &s->parent);
        if (answer)
                return answer;
        s->fields = json_pack("{s:s,s:b,s:s,s:s}", "text", comment ? comment : "", "upload", 1, "subtype",
                              "file_share", "user", c->user_id);
        if (str_empty(comment)) { /* with a comment the blocks are not even looked at */
                if (!chat_arg_array(c, "blocks", &blocks))
                        return api_error("invalid_blocks");
                answer = blocks ? chat_check_blocks(c, blocks) : NULL;
                if (blocks)
                        json_object_set(s->fields, "blocks", (json_t *) blocks);
        }
        if (!answer)
                answer = chat_put_author(c, s->fields);
        json_put_str(s->fields, "subtype", "file_share");
        return answer;
}

static json_t *check_files(ApiCall *c, const json_t **ret)
{
        size_t i;
        json_t *item;

        if (!chat_arg_array(c, "files", ret) || json_array_size(*ret) == 0 ||
            json_array_size(*ret) > FILES_PER_CALL_MAX)
                return api_invalid_arguments("must provide between 1 and %d files [json-pointer:/files]",
                                             FILES_PER_CALL_MAX);
        json_array_foreach ((json_t *) *ret, i, item) {
                const File *file = files_find(c->l->files, json_str(item, "id"));

                if (!file || !file->uploaded || file->completed || !str_equal(file->user, c->user_id))
                        return api_error("file_not_found");
        }
        return NULL;
}

static json_t *render_files(ApiCall *c, const json_t *list)
{
        json_t *out = json_array(), *item;
        size_t i;

        json_array_foreach ((json_t *) list, i, item)
                json_array_append_new(
                        out, file_render(files_find(c->l->files, json_str(item, "id")), c->base_url));
        return out;
}

static json_t *complete_upload(ApiCall *c)
{
        Share share = {0};
        const json_t *list;
        json_t *answer = check_files(c, &list), *item;
        size_t i;

        if (!answer)
                answer = check_share(c, &share);
        if (answer) {
                json_decref(share.fields);
                return answer;
        }
        json_array_foreach ((json_t *) list, i, item) {
                File *file = files_find(c->l->files, json_str(item, "id"));

                if (json_str(item, "title"))
                        mem_strset(&file->title, json_str(item, "title"));
                file->completed = true;
        }
        for (size_t k = 0; k < share.n_channels; k++) {
                json_t *fields = json_deep_copy(share.fields);

                json_object_set_new(fields, "files", render_files(c, list));
                messages_post_app(c->l, share.channels[k], fields, share.parent, false);
        }
        json_decref(share.fields);
        return json_pack("{s:b,s:o}", "ok", 1, "files", render_files(c, list));
}

/* --- looking, deleting --- */

/* A file of the app's own, or one that was shown where the app is. */
static bool is_visible(ApiCall *c, const File *file)
{
        size_t i;
        json_t *share;

        if (str_equal(file->user, c->user_id) || file_is_shared(file, NULL))
                return true;
        json_array_foreach (file->shares, i, share) {
                const Channel *ch = state_find_channel(c->l->state, json_str(share, "channel"));

                if (ch && channel_has_member(ch, c->user_id))
                        return true;
        }
        return false;
}

static json_t *find_file(ApiCall *c, File **ret)
{
        *ret = files_find_any(c->l->files, arg_str(c->args, "file"));
        if (!*ret || !is_visible(c, *ret))
                return api_error("file_not_found");
        return (*ret)->is_deleted ? api_error("file_deleted") : NULL;
}

static json_t *files_info(ApiCall *c)
{
        File *file;
        json_t *answer = find_file(c, &file);

        if (answer)
                return answer;
        return json_pack("{s:b,s:o,s:[],s:{s:s}}", "ok", 1, "file", file_render(file, c->base_url),
                         "comments", "response_metadata", "next_cursor", "");
}

/* "all", "images", "snippets", "pdfs", "zips", "spaces", several with commas. */
static bool type_wanted(const File *file, const char *types)
{
        static const struct {
                const char *word, *mimetype;
        } kinds[] = {{"images", "image/"}, {"pdfs", "application/pdf"}, {"zips", "application/zip"}};

        if (str_empty(types))
                return true;
        for (const char *p = types; *p;) {
                size_t n = strcspn(p, ",");

                if ((n == 3 && strncmp(p, "all", 3) == 0) ||
                    (n == 8 && strncmp(p, "snippets", 8) == 0 && file_is_text(file)))
                        return true;
                for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                        if (strlen(kinds[i].word) == n && strncmp(p, kinds[i].word, n) == 0 &&
                            str_starts_with(file->mimetype, kinds[i].mimetype))
                                return true;
                p += n + (p[n] == ',');
        }
        return false;
}

static bool is_listed(ApiCall *c, const File *file)
{
        const char *channel = arg_str(c->args, "channel"), *user = arg_str(c->args, "user");

        return file->completed && !file->is_deleted && is_visible(c, file) &&
               (str_empty(channel) || file_is_shared(file, channel)) &&
               (str_empty(user) || str_equal(file->user, user)) &&
               file->created_s >= arg_int(c->args, "ts_from", 0) &&
               file->created_s <= arg_int(c->args, "ts_to", INT64_MAX) &&
               type_wanted(file, arg_str(c->args, "types"));
}

/* Newest first, in pages with numbers: files.list is older than cursors. */
static json_t *files_list(ApiCall *c)
{
        int64_t count = arg_int(c->args, "count", LIST_COUNT), page = arg_int(c->args, "page", 1);
        const Files *f = c->l->files;
        int64_t n = 0, first;
        json_t *list;

        if (!str_empty(arg_str(c->args, "user")) && !state_find_user(c->l->state, arg_str(c->args, "user")))
                return api_error("user_not_found");
        if (count < 1 || count > LIST_COUNT_MAX || page < 1)
                return api_invalid_arguments("count and page must be at least 1, count at most %d",
                                             LIST_COUNT_MAX);
        list = json_array();
        first = (page - 1) * count;
        for (size_t i = f->n; i-- > 0;)
                if (is_listed(c, f->all[i])) {
                        if (n >= first && n < first + count)
                                json_array_append_new(list, file_render(f->all[i], c->base_url));
                        n++;
                }
        return json_pack("{s:b,s:o,s:{s:I,s:I,s:I,s:I}}", "ok", 1, "files", list, "paging", "count",
                         (json_int_t) count, "total", (json_int_t) n, "page", (json_int_t) page, "pages",
                         (json_int_t) ((n + count - 1) / count));
}

static json_t *files_delete_method(ApiCall *c)
{
        File *file;
        json_t *answer = find_file(c, &file);

        if (answer)
                return answer;
        if (!str_equal(file->user, c->user_id))
                return api_error("cant_delete_file");
        messages_delete_file(c->l, file);
        return api_ok();
}

/* --- bytes --- */

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
        if (!header || strncasecmp(header, "Bearer xox", 10) != 0)
                return false;
        return !l->options->bot_token || str_starts_with(header + 7, "xoxp-") ||
               str_equal(header + 7, l->options->bot_token);
}

/* /files-pri/T…-F…/name and /files-pri/T…-F…/download/name */
void api_handle_download(Local *l, HttpRequest *req)
{
        const char *path = http_request_path(req) + strlen("/files-pri/");
        /* Whatever somebody uploaded must not run as a page of this origin. */
        HttpHeader headers[] = {{"Content-Type", "application/octet-stream"},
                                {"Content-Disposition", "attachment"},
                                {"Content-Security-Policy", "sandbox"},
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
                {"files.list", files_list},
                {"files.delete", files_delete_method},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
