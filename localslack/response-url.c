/* What an app posts to a response_url: five times within 30 minutes, no token (reference §3.2, check 21). */
#include "api-chat.h"
#include "args.h"
#include "messages.h"
#include "problems.h"

static void say(HttpRequest *req, unsigned status, const char *text)
{
        http_respond_text(req, status, "text/plain; charset=utf-8", text);
}

/* The fields to store (new); NULL with Slack's error in *ret_error (owned): the same checks as for a post. */
static json_t *content(Local *l, const json_t *in, char **ret_error)
{
        ApiCall call = {.l = l, .args = in, .token = TOKEN_BOT, .user_id = BOT_USER};
        const char *warning;
        json_t *fields, *answer = chat_check_content(&call, CONTENT_POST, &fields, &warning);

        if (!answer)
                return fields;
        *ret_error = mem_strdup(json_str(answer, "error"));
        json_decref(answer);
        return NULL;
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

static const char *replace_original(Local *l, Channel *ch, const char *ts, json_t *changes /* stolen */)
{
        _cleanup_json_ json_t *owned = changes;
        Message *m = channel_find_message(ch, ts);
        Ephemeral *e = m ? NULL : state_find_ephemeral(l->state, ch->id, ts);

        if (!m && !e)
                return "message_not_found";
        if (e) {
                messages_change_ephemeral(l, e, take(owned));
                return NULL;
        }
        if (!json_object_get(changes, "blocks"))
                json_object_set_new(changes, "blocks", json_array());
        messages_change(l, ch, m, changes, BOT_USER);
        return NULL;
}

static void post_new(Local *l, Channel *ch, const ResponseUrl *right, const json_t *in,
                     json_t *fields /* stolen */)
{
        const char *thread_ts = json_str(in, "thread_ts");
        Message *parent;

        if (!str_equal(json_str(in, "response_type"), "in_channel")) {
                messages_post_ephemeral(l, ch, right->user, fields, thread_ts ? thread_ts : right->thread_ts);
                return;
        }
        parent = channel_find_message(ch, thread_ts);
        messages_post_app(l, ch, fields, parent && parent->parent ? parent->parent : parent, false);
}

/* NULL, or Slack's error (owned). */
static char *carry_out(Local *l, const ResponseUrl *right, const json_t *in)
{
        Channel *ch = state_find_channel(l->state, right->channel);
        char *error = NULL;
        json_t *fields;

        if (!ch)
                return mem_strdup("channel_not_found");
        if (arg_bool(in, "delete_original", false))
                return mem_strdup(delete_original(l, ch, right->ts));
        fields = content(l, in, &error);
        if (!fields)
                return error;
        if (arg_bool(in, "replace_original", false) && *right->ts)
                return mem_strdup(replace_original(l, ch, right->ts, fields));
        post_new(l, ch, right, in, fields);
        return NULL;
}

void api_handle_response_url(Local *l, HttpRequest *req)
{
        const char *key = strrchr(http_request_path(req), '/') + 1, *error;
        _cleanup_json_ json_t *in = NULL;
        ResponseUrl *right;
        size_t n_body;
        const char *body = http_request_body(req, &n_body);
        _cleanup_free_ char *failure = NULL;

        error = args_parse(http_request_header(req, "Content-Type"), body, n_body, "", &in);
        if (error) {
                say(req, 400, "invalid_payload");
                return;
        }
        error = tickets_use_url(l->tickets, key, l->state->clock_ms(), &right);
        if (error) {
                problems_note(
                        l, "response_url", key, error,
                        "A response_url takes five posts within 30 minutes; the Web API takes any number.");
                say(req, 404, error);
                return;
        }
        failure = carry_out(l, right, in);
        if (failure)
                problems_note(l, "response_url", key, failure, "The post to the response_url was refused.");
        say(req, failure ? 400 : 200, failure ? failure : "ok");
}
