#include "control-page.h"

#include "files.h"

static void refuse(HttpRequest *req, const char *why)
{
        http_respond_json(req, 400, json_pack("{s:b,s:s}", "ok", 0, "error", why));
}

/* {"user", "name", "length", "mimetype"?} → {"id", "upload_url"}: the bytes go to upload_url, and the id into
 * `files` of a message, or into the value of a file_input. */
static void post_files(Local *l, HttpRequest *req, const json_t *in)
{
        const User *user = state_find_user(l->state, json_str(in, "user"));
        const char *name = json_str(in, "name");
        int64_t length = json_int(in, "length", -1);
        _cleanup_free_ char *url = NULL;
        File *file;

        if (!user || str_empty(name)) {
                refuse(req, user ? "name is missing" : "no such user");
                return;
        }
        if (length < 0 || length > FILES_BYTES_MAX / 4) {
                refuse(req, "the file is too large");
                return;
        }
        file = files_add(l->files, l->state, name, user->id);
        file->n_bytes = (size_t) length;
        if (!str_empty(json_str(in, "mimetype")))
                mem_strset(&file->mimetype, json_str(in, "mimetype"));
        url = mem_printf("/upload/v1/%s", file->upload_key);
        http_respond_json(req, 200, json_pack("{s:b,s:s,s:s}", "ok", 1, "id", file->id, "upload_url", url));
}

/* Is it shown in the channel, and not only in its thread? */
static bool is_in_channel(const Message *m)
{
        return !m->parent || str_equal(json_str(message_body(m), "subtype"), "thread_broadcast");
}

/* The newest messages before `before`, oldest first; with `in_channel=true` without the replies in threads.
 */
static void get_history(Local *l, HttpRequest *req, const Form *query)
{
        const Channel *ch = state_find_channel(l->state, form_get(query, "channel"));
        const char *before = form_get(query, "before"), *limit_text = form_get(query, "limit");
        bool in_channel = str_equal(form_get(query, "in_channel"), "true");
        size_t limit = limit_text ? strtoul(limit_text, NULL, 10) : 100, at;
        json_t *messages;

        if (!ch || (before && !state_ts_valid(before))) {
                refuse(req, ch ? "before is no timestamp" : "no such channel");
                return;
        }
        limit = MIN2(MAX2(limit, (size_t) 1), (size_t) CONTROL_HISTORY_MAX);
        messages = json_array();
        for (at = before ? channel_lower_bound(ch, before) : ch->n_messages;
             at > 0 && json_array_size(messages) < limit; at--)
                if (!in_channel || is_in_channel(ch->messages[at - 1]))
                        json_array_insert_new(messages, 0, message_render(ch->messages[at - 1], true));
        http_respond_json(req, 200,
                          json_pack("{s:b,s:o,s:b}", "ok", 1, "messages", messages, "has_more", at > 0));
}

bool control_page_handle(Local *l, HttpRequest *req, const char *path, const json_t *in, const Form *query)
{
        const char *method = http_request_method(req);

        if (str_equal(path, "files") && str_equal(method, "POST"))
                post_files(l, req, in);
        else if (str_equal(path, "history") && str_equal(method, "GET"))
                get_history(l, req, query);
        else
                return false;
        return true;
}

json_t *control_page_attach(Local *l, const char *base_url, const char *user, const char *file_id)
{
        File *file = files_find(l->files, file_id);

        if (!file || !file->uploaded || !str_equal(file->user, user))
                return NULL;
        file->completed = true;
        return file_render(file, base_url);
}
