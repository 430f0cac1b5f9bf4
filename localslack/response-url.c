/* What an app posts to a response_url: five times within 30 minutes, no token (reference §3.2, check 21). */
#include "api.h"

#include "args.h"
#include "blocks.h"
#include "messages.h"

static void say(HttpRequest *req, unsigned status, const char *text)
{
        http_respond_text(req, status, "text/plain; charset=utf-8", text);
}

/* NULL, or Slack's error for content that cannot be shown. */
static const char *check(const json_t *in)
{
        const json_t *blocks = json_object_get(in, "blocks");
        json_t *errors;
        size_t n_errors;

        if (!blocks || json_is_null(blocks))
                return NULL;
        if (!json_is_array(blocks))
                return "invalid_blocks_format";
        errors = blocks_check(blocks, BLOCKS_MESSAGE, "/blocks");
        n_errors = json_array_size(errors);
        json_decref(errors);
        if (n_errors > 0)
                return "invalid_blocks";
        return blocks_count_text(blocks) > BLOCKS_TEXT_MAX ? "msg_blocks_too_long" : NULL;
}

static json_t *content(const json_t *in)
{
        static const char *const names[] = {"text", "blocks", "attachments", "metadata"};
        json_t *out = json_object();

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                json_t *v = json_object_get(in, names[i]);

                if (v && !json_is_null(v))
                        json_object_set(out, names[i], v);
        }
        return out;
}

static const char *delete_original(Local *l, Channel *ch, const char *ts)
{
        Message *m = channel_find_message(ch, ts);
        Ephemeral *e = m ? NULL : state_find_ephemeral(l->state, ch->id, ts);

        if (m)
                messages_delete(l, ch, m);
        else if (e)
                messages_delete_ephemeral(l, e);
        return m || e ? NULL : "message_not_found";
}

static const char *replace_original(Local *l, Channel *ch, const char *ts, const json_t *in)
{
        Message *m = channel_find_message(ch, ts);
        Ephemeral *e = m ? NULL : state_find_ephemeral(l->state, ch->id, ts);
        json_t *changes;

        if (!m && !e)
                return "message_not_found";
        changes = content(in);
        if (e) {
                messages_change_ephemeral(l, e, changes);
                return NULL;
        }
        if (!json_object_get(changes, "blocks"))
                json_object_set_new(changes, "blocks", json_array());
        messages_change(l, ch, m, changes, BOT_USER);
        json_decref(changes);
        return NULL;
}

static const char *post_new(Local *l, Channel *ch, const ResponseUrl *right, const json_t *in)
{
        const char *thread_ts = json_str(in, "thread_ts");
        Message *parent;

        if (str_empty(json_str(in, "text")) && json_array_size(json_object_get(in, "blocks")) == 0 &&
            json_array_size(json_object_get(in, "attachments")) == 0)
                return "no_text";
        if (!str_equal(json_str(in, "response_type"), "in_channel")) {
                messages_post_ephemeral(l, ch, right->user, content(in),
                                        thread_ts ? thread_ts : right->thread_ts);
                return NULL;
        }
        parent = channel_find_message(ch, thread_ts);
        messages_post_app(l, ch, content(in), parent && parent->parent ? parent->parent : parent, false);
        return NULL;
}

void api_handle_response_url(Local *l, HttpRequest *req)
{
        const char *key = strrchr(http_request_path(req), '/') + 1, *error;
        _cleanup_json_ json_t *in = NULL;
        ResponseUrl *right;
        size_t n_body;
        const char *body = http_request_body(req, &n_body);
        Channel *ch;

        error = args_parse(http_request_header(req, "Content-Type"), body, n_body, "", &in);
        if (error) {
                say(req, 400, "invalid_payload");
                return;
        }
        error = tickets_use_url(l->tickets, key, l->state->clock_ms(), &right);
        if (error) {
                say(req, 404, error);
                return;
        }
        ch = state_find_channel(l->state, right->channel);
        error = ch ? check(in) : "channel_not_found";
        if (!error && arg_bool(in, "delete_original", false))
                error = delete_original(l, ch, right->ts);
        else if (!error && arg_bool(in, "replace_original", false) && *right->ts)
                error = replace_original(l, ch, right->ts, in);
        else if (!error)
                error = post_new(l, ch, right, in);
        say(req, error ? 400 : 200, error ? error : "ok");
}
