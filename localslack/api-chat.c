/* chat.*: reference §3.2, §3.4, §4.2–4.5 and Appendix A. */
#include "api.h"

#include "args.h"
#include "blocks.h"
#include "messages.h"

#define TEXT_MAX        40000 /* longer text is cut, with a warning */
#define UPDATE_TEXT_MAX 4000  /* longer text is refused */
#define MARKDOWN_MAX    12000
#define ATTACHMENTS_MAX 100
#define METADATA_MAX    8192

static json_t *invalid_blocks(json_t *errors /* stolen */)
{
        json_t *answer = api_error("invalid_blocks"), *messages = json_array(), *item;
        size_t i;

        json_array_foreach (errors, i, item)
                json_array_append_new(messages, json_sprintf("[ERROR] %s", json_string_value(item)));
        json_object_set_new(answer, "errors", errors);
        json_object_set_new(answer, "response_metadata", json_pack("{s:o}", "messages", messages));
        return answer;
}

static size_t count_markdown(const json_t *blocks)
{
        size_t n = 0, i;
        json_t *block;

        json_array_foreach ((json_t *) blocks, i, block)
                if (str_equal(json_str(block, "type"), "markdown"))
                        n += blocks_count_chars(json_str_or(block, "text", ""));
        return n;
}

static json_t *check_blocks(const json_t *blocks)
{
        json_t *errors;

        if (!json_is_array(blocks))
                return api_error("invalid_blocks_format");
        errors = blocks_check(blocks, BLOCKS_MESSAGE, "/blocks");
        if (json_array_size(errors) > 0)
                return invalid_blocks(errors);
        json_decref(errors);
        if (count_markdown(blocks) > MARKDOWN_MAX)
                return api_error("msg_too_long");
        return blocks_count_text(blocks) > BLOCKS_TEXT_MAX ? api_error("msg_blocks_too_long") : NULL;
}

/* `*ret` becomes what is to be stored: the metadata, or null to remove it (an empty object). */
static json_t *check_metadata(const json_t *metadata, json_t **ret)
{
        _cleanup_free_ char *text = json_dump(metadata);

        *ret = NULL;
        if (!json_is_object(metadata))
                return api_error("invalid_metadata_format");
        if (strlen(text) > METADATA_MAX)
                return api_error("metadata_too_large");
        if (json_object_size(metadata) == 0) {
                *ret = json_null();
                return NULL;
        }
        if (!json_is_array(json_object_get(metadata, "entities")) &&
            (str_empty(json_str(metadata, "event_type")) ||
             !json_is_object(json_object_get(metadata, "event_payload"))))
                return api_error("invalid_metadata_schema");
        *ret = json_deep_copy(metadata);
        return NULL;
}

/* The first `max` characters. */
static char *cut_chars(const char *text, size_t max)
{
        const char *p = text;

        for (size_t n = 0; *p; p++)
                if (((unsigned char) *p & 0xc0) != 0x80 && n++ == max)
                        break;
        return mem_strndup(text, (size_t) (p - text));
}

static json_t *check_text(ApiCall *c, bool is_update, json_t *fields, const char **ret_warning)
{
        const char *text = arg_str(c->args, "text"), *markdown = arg_str(c->args, "markdown_text");

        if (!str_empty(markdown)) {
                if (!str_empty(text) || json_object_get(c->args, "blocks"))
                        return api_error("markdown_text_conflict");
                if (blocks_count_chars(markdown) > MARKDOWN_MAX)
                        return api_error("msg_too_long");
                json_put_str(fields, "text", markdown);
                json_object_set_new(fields, "blocks",
                                    json_pack("[{s:s,s:s}]", "type", "markdown", "text", markdown));
        } else if (text && is_update && blocks_count_chars(text) > UPDATE_TEXT_MAX) {
                return api_error("msg_too_long");
        } else if (text && blocks_count_chars(text) > TEXT_MAX) {
                _cleanup_free_ char *cut = cut_chars(text, TEXT_MAX);

                json_put_str(fields, "text", cut);
                *ret_warning = "message_truncated";
        } else if (text)
                json_put_str(fields, "text", text);
        return NULL;
}

static void copy_author(const json_t *args, json_t *fields)
{
        const char *username = arg_str(args, "username"), *emoji = arg_str(args, "icon_emoji");

        if (!str_empty(username))
                json_put_str(fields, "username", username);
        if (!str_empty(emoji))
                json_object_set_new(fields, "icons", json_pack("{s:s}", "emoji", emoji));
}

json_t *api_check_content(ApiCall *c, bool is_update, json_t **ret_fields, const char **ret_warning)
{
        const json_t *blocks = json_object_get(c->args, "blocks"),
                     *attachments = json_object_get(c->args, "attachments");
        const json_t *metadata = json_object_get(c->args, "metadata");
        _cleanup_json_ json_t *fields = json_object();
        json_t *error = check_text(c, is_update, fields, ret_warning), *stored;

        if (!error && blocks && !json_is_null(blocks) &&
            !(json_is_string(blocks) && !json_string_length(blocks))) {
                error = check_blocks(blocks);
                json_object_set(fields, "blocks", (json_t *) blocks);
        }
        if (!error && json_is_array(attachments)) {
                if (json_array_size(attachments) > ATTACHMENTS_MAX)
                        error = api_error("too_many_attachments");
                json_object_set(fields, "attachments", (json_t *) attachments);
        }
        if (!error && metadata && !json_is_null(metadata)) {
                error = check_metadata(metadata, &stored);
                if (!error)
                        json_object_set_new(fields, "metadata", stored);
        }
        if (!error && str_empty(json_str(fields, "text")) &&
            json_array_size(json_object_get(fields, "blocks")) == 0 &&
            json_array_size(json_object_get(fields, "attachments")) == 0)
                error = api_error("no_text");
        if (error)
                return error;
        copy_author(c->args, fields);
        *ret_fields = take(fields);
        return NULL;
}

static json_t *posted(const Channel *ch, const Message *m)
{
        json_t *answer = api_ok(), *message = message_render(m, true);

        json_put_str(answer, "channel", ch->id);
        json_put_str(answer, "ts", m->ts);
        json_object_set_new(answer, "message", message);
        return answer;
}

/* The answer to a client_msg_id that was seen before; NULL when it is new, or the switch is off. */
static json_t *repeated(ApiCall *c)
{
        const char *id = arg_str(c->args, "client_msg_id"), *channel, *ts;
        const Channel *ch;
        const Message *m;

        if (!c->l->switches.client_msg_id || str_empty(id) ||
            !state_find_client_msg_id(c->l->state, id, &channel, &ts))
                return NULL;
        ch = state_find_channel(c->l->state, channel);
        m = ch ? channel_find_message(ch, ts) : NULL;
        return m && !message_is_tombstone(m) ? posted(ch, m) : api_error("duplicate_message_not_found");
}

/* The root of the thread that thread_ts names. A ts that does not exist posts into the channel: the worst
 * that Slack is known to do (reference §3.4); the caller sees it in the answer. */
static json_t *find_thread(ApiCall *c, const Channel *ch, Message **ret)
{
        const char *thread_ts = arg_str(c->args, "thread_ts");

        *ret = NULL;
        if (str_empty(thread_ts))
                return NULL;
        if (!state_ts_valid(thread_ts))
                return api_error("invalid_thread_ts");
        *ret = channel_find_message(ch, thread_ts);
        if (*ret && (*ret)->parent)
                *ret = (*ret)->parent;
        return NULL;
}

static json_t *chat_post_message(ApiCall *c)
{
        Channel *ch = api_find_channel(c, "channel", true);
        const char *id = arg_str(c->args, "client_msg_id"), *warning = NULL;
        json_t *fields, *answer;
        Message *parent, *m;

        if (!ch)
                return api_error("channel_not_found");
        answer = repeated(c);
        if (!answer)
                answer = find_thread(c, ch, &parent);
        if (!answer)
                answer = api_check_content(c, false, &fields, &warning);
        if (answer)
                return answer;
        m = messages_post_app(c->l, ch, fields, parent, arg_bool(c->args, "reply_broadcast", false));
        if (!str_empty(id))
                state_note_client_msg_id(c->l->state, id, ch->id, m->ts);
        answer = posted(ch, m);
        if (warning)
                api_add_warning(answer, warning);
        return answer;
}

/* A message of the app itself, or the error. */
static json_t *find_own(ApiCall *c, const Channel *ch, const char *not_mine, Message **ret)
{
        if (!ch)
                return api_error("channel_not_found");
        *ret = channel_find_message(ch, arg_str(c->args, "ts"));
        if (!*ret || message_is_tombstone(*ret))
                return api_error("message_not_found");
        return str_equal(json_str((*ret)->body, "bot_id"), BOT_ID) ? NULL : api_error(not_mine);
}

static json_t *chat_update(ApiCall *c)
{
        Channel *ch = api_find_channel(c, "channel", false);
        const char *warning = NULL;
        json_t *fields = NULL, *answer;
        Message *m;

        answer = find_own(c, ch, "cant_update_message", &m);
        if (!answer)
                answer = api_check_content(c, true, &fields, &warning);
        if (answer)
                return answer;
        /* Text alone takes the blocks away; blocks alone keep the text. */
        if (!json_object_get(fields, "blocks"))
                json_object_set_new(fields, "blocks", json_array());
        else if (!json_object_get(fields, "text"))
                json_put_str(fields, "text", json_str(m->body, "text"));
        messages_change(c->l, ch, m, fields, BOT_USER);
        json_decref(fields);
        answer = posted(ch, m);
        json_put_str(answer, "text", json_str(m->body, "text"));
        if (warning)
                api_add_warning(answer, warning);
        return answer;
}

static json_t *chat_delete(ApiCall *c)
{
        Channel *ch = api_find_channel(c, "channel", false);
        json_t *answer;
        Message *m;

        answer = find_own(c, ch, "cant_delete_message", &m);
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
        const char *warning = NULL, *text = arg_str(c->args, "text");
        json_t *fields, *answer;
        const Ephemeral *e;

        if (!ch)
                return api_error("channel_not_found");
        if (!user || !channel_has_member(ch, user->id))
                return api_error("user_not_in_channel");
        if (text && blocks_count_chars(text) > TEXT_MAX)
                return api_error("msg_too_long");
        answer = api_check_content(c, false, &fields, &warning);
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
                {"chat.update", chat_update},
                {"chat.delete", chat_delete},
                {"chat.postEphemeral", chat_post_ephemeral},
                {"chat.getPermalink", chat_get_permalink},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
