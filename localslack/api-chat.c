/* chat.*: reference §3.2, §3.4, §4.2–4.5 and Appendix A. */
#include "api-chat.h"

#include "args.h"
#include "messages.h"
#include "streams.h"

/* --- where to, and whose --- */

json_t *chat_check_channel(ApiCall *c, const Channel *ch)
{
        if (!ch)
                return api_error("channel_not_found");
        if (ch->is_archived)
                return api_error("is_archived");
        if (channel_has_member(ch, c->user_id))
                return NULL;
        /* Only an app may write where it is not, and only with a scope of its own. */
        return c->token == TOKEN_BOT && scopes_suffice("chat:write.public", c->granted)
                       ? NULL
                       : api_error("not_in_channel");
}

/* A ts that does not exist posts into the channel: the worst that Slack is known to do (reference §3.4); the
 * caller sees it in the answer. */
json_t *chat_find_thread(ApiCall *c, const Channel *ch, Message **ret)
{
        const Switches *s = &c->l->switches;
        const char *thread_ts = arg_str(c->args, "thread_ts");
        Message *m;

        *ret = NULL;
        if (str_empty(thread_ts))
                return NULL;
        if (!state_ts_valid(thread_ts))
                return api_error("invalid_thread_ts");
        m = channel_find_message(ch, thread_ts);
        if (m && m->parent)
                m = m->parent;
        if (m && message_is_tombstone(m)) {
                if (s->deleted_parent == DELETED_PARENT_REFUSE)
                        return api_error("cannot_reply_to_message");
                if (s->deleted_parent == DELETED_PARENT_UNTHREAD)
                        return NULL;
        }
        if (m && s->thread_limit > 0 && (int64_t) m->n_replies >= s->thread_limit)
                return api_error(s->thread_full_error);
        *ret = m;
        return NULL;
}

static bool is_own(const ApiCall *c, const Message *m)
{
        const char *user = json_str(message_body(m), "user");

        return str_equal(c->user_id, BOT_USER) ? str_equal(json_str(message_body(m), "bot_id"), BOT_ID)
                                               : str_equal(user, c->user_id);
}

json_t *chat_find_own(ApiCall *c, const Channel *ch, const char *not_mine, Message **ret)
{
        *ret = ch ? channel_find_message(ch, arg_str(c->args, "ts")) : NULL;
        if (!ch)
                return api_error("channel_not_found");
        if (!*ret || message_is_tombstone(*ret))
                return api_error("message_not_found");
        return is_own(c, *ret) ? NULL : api_error(not_mine);
}

/* --- a second call under the same client_msg_id: reference §4.5 --- */

const Message *chat_find_repeated(ApiCall *c, const Channel **ret_channel, json_t **ret_error)
{
        const char *id = arg_str(c->args, "client_msg_id"), *channel, *ts;
        int64_t window_ms = c->l->switches.client_msg_id_window_ms;
        const Message *m;

        *ret_error = NULL;
        if (!c->l->switches.client_msg_id || str_empty(id) ||
            !state_find_client_msg_id(c->l->state, id, &channel, &ts))
                return NULL;
        if (window_ms > 0 && c->l->state->clock_ms() - (int64_t) (strtod(ts, NULL) * 1000) > window_ms)
                return NULL;
        *ret_channel = state_find_channel(c->l->state, channel);
        m = *ret_channel ? channel_find_message(*ret_channel, ts) : NULL;
        if (m && !message_is_tombstone(m))
                return m;
        *ret_error = api_error(*ret_channel ? "duplicate_message_not_found" : "duplicate_channel_not_found");
        return NULL;
}

void chat_note_posted(ApiCall *c, const Channel *ch, const Message *m)
{
        const char *id = arg_str(c->args, "client_msg_id");

        if (!str_empty(id))
                state_note_client_msg_id(c->l->state, id, ch->id, m->ts);
}

/* --- the methods --- */

static json_t *posted(const Channel *ch, const Message *m, const char *warning)
{
        json_t *answer = api_ok();

        json_put_str(answer, "channel", ch->id);
        json_put_str(answer, "ts", m->ts);
        json_object_set_new(answer, "message", message_render(m, true));
        if (warning)
                api_add_warning(answer, warning);
        return answer;
}

static json_t *chat_post_message(ApiCall *c)
{
        Channel *ch = api_find_channel(c, "channel", true);
        const Channel *old_channel;
        const Message *old;
        const char *warning;
        json_t *fields, *answer = chat_check_channel(c, ch);
        Message *parent, *m;

        if (answer)
                return answer;
        old = chat_find_repeated(c, &old_channel, &answer);
        if (old)
                return posted(old_channel, old, NULL);
        if (!answer)
                answer = chat_find_thread(c, ch, &parent);
        if (!answer)
                answer = chat_check_content(c, CONTENT_POST, &fields, &warning);
        if (answer)
                return answer;
        json_put_str(fields, "user", c->user_id);
        m = messages_post_app(c->l, ch, fields, parent, arg_bool(c->args, "reply_broadcast", false));
        chat_note_posted(c, ch, m);
        return posted(ch, m, warning);
}

static json_t *chat_me_message(ApiCall *c)
{
        Channel *ch = api_find_channel(c, "channel", false);
        json_t *answer = chat_check_channel(c, ch);
        const Message *m;

        if (answer)
                return answer;
        m = messages_post_app(c->l, ch,
                              json_pack("{s:s,s:s,s:s}", "text", arg_str(c->args, "text"), "subtype",
                                        "me_message", "user", c->user_id),
                              NULL, false);
        return json_pack("{s:b,s:s,s:s}", "ok", 1, "channel", ch->id, "ts", m->ts);
}

static bool has_content(const ApiCall *c)
{
        static const char *const names[] = {"text", "markdown_text", "blocks", "attachments", "file_ids"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const json_t *v = json_object_get(c->args, names[i]);

                if (v && !json_is_null(v) && !(json_is_string(v) && json_string_length(v) == 0))
                        return true;
        }
        return false;
}

/* A reply is shown to the channel as well, later; its content cannot change with it. */
static json_t *broadcast(ApiCall *c, Channel *ch, Message *m)
{
        if (!m->parent)
                return api_error("cant_broadcast_message");
        if (has_content(c))
                return api_error("no_dual_broadcast_content_update");
        messages_broadcast(c->l, ch, m);
        return posted(ch, m, NULL);
}

/* file_ids: the files that the message has from now on. */
static json_t *put_files(ApiCall *c, json_t *fields)
{
        const json_t *ids;
        json_t *files, *id;
        size_t i;

        if (!chat_arg_array(c, "file_ids", &ids))
                return api_error("file_not_found");
        if (!ids)
                return NULL;
        files = json_array();
        json_object_set_new(fields, "files", files);
        json_array_foreach ((json_t *) ids, i, id) {
                const File *file = files_find(c->l->files, json_string_value(id));

                if (!file)
                        return api_error("file_not_found");
                json_array_append_new(files, file_render(file, c->base_url));
        }
        return NULL;
}

static json_t *check_update(ApiCall *c, const Channel *ch, Message **ret)
{
        json_t *answer = chat_find_own(c, ch, "cant_update_message", ret);

        if (answer)
                return answer;
        if (ch->is_archived)
                return api_error("is_inactive");
        return streams_is_open(c->l->streams, ch, *ret) ? api_error("streaming_state_conflict") : NULL;
}

static json_t *chat_update(ApiCall *c)
{
        Channel *ch = api_find_channel(c, "channel", false);
        const char *warning;
        _cleanup_json_ json_t *fields = NULL;
        Message *m;
        json_t *answer = check_update(c, ch, &m);

        if (!answer && arg_bool(c->args, "reply_broadcast", false) &&
            !str_equal(json_str(message_body(m), "subtype"), "thread_broadcast"))
                return broadcast(c, ch, m);
        if (!answer)
                answer = chat_check_content(c, CONTENT_UPDATE, &fields, &warning);
        if (!answer)
                answer = put_files(c, fields);
        if (answer)
                return answer;
        /* Text alone takes the blocks away; blocks alone keep the text. */
        if (!json_object_get(fields, "blocks"))
                json_object_set_new(fields, "blocks", json_array());
        if (!json_object_get(fields, "text"))
                json_put_str(fields, "text", json_str(message_body(m), "text"));
        messages_change(c->l, ch, m, fields, c->user_id);
        answer = posted(ch, m, warning);
        json_put_str(answer, "text", json_str(message_body(m), "text"));
        return answer;
}

static json_t *chat_delete(ApiCall *c)
{
        Channel *ch = api_find_channel(c, "channel", false);
        json_t *answer;
        Message *m;

        answer = chat_find_own(c, ch, "cant_delete_message", &m);
        if (answer)
                return answer;
        answer = json_pack("{s:b,s:s,s:s}", "ok", 1, "channel", ch->id, "ts", m->ts);
        messages_delete(c->l, ch, m);
        return answer;
}

static json_t *chat_post_ephemeral(ApiCall *c)
{
        Channel *ch = api_find_channel(c, "channel", false);
        const User *user = state_find_user(c->l->state, arg_str(c->args, "user"));
        const char *warning;
        json_t *fields, *answer = chat_check_channel(c, ch);
        const Ephemeral *e;

        if (answer)
                return answer;
        if (!user || !channel_has_member(ch, user->id))
                return api_error("user_not_in_channel");
        answer = chat_check_content(c, CONTENT_EPHEMERAL, &fields, &warning);
        if (answer)
                return answer;
        e = messages_post_ephemeral(c->l, ch, user->id, fields, arg_str(c->args, "thread_ts"));
        return json_pack("{s:b,s:s}", "ok", 1, "message_ts", e->ts);
}

static json_t *chat_get_permalink(ApiCall *c)
{
        Channel *ch = api_find_channel(c, "channel", false);
        const Message *m = ch ? channel_find_message(ch, arg_str(c->args, "message_ts")) : NULL;
        _cleanup_free_ char *url = NULL;

        if (!ch)
                return api_error("channel_not_found");
        if (!m)
                return api_error("message_not_found");
        url = mem_printf("%s/archives/%s/p%.10s%s", c->base_url, ch->id, m->ts, m->ts + 11);
        if (m->parent) {
                char *full = mem_printf("%s?thread_ts=%s&cid=%s", url, m->parent->ts, ch->id);

                free(url);
                url = full;
        }
        return json_pack("{s:b,s:s,s:s}", "ok", 1, "channel", ch->id, "permalink", url);
}

ApiMethods api_chat_methods(void)
{
        static const ApiMethod rows[] = {
                {"chat.postMessage", chat_post_message},
                {"chat.meMessage", chat_me_message},
                {"chat.update", chat_update},
                {"chat.delete", chat_delete},
                {"chat.postEphemeral", chat_post_ephemeral},
                {"chat.getPermalink", chat_get_permalink},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
