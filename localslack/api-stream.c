/* chat.startStream, appendStream, stopStream; reference §5.2 and Appendix A. */
#include "agents.h"
#include "api-chat.h"

#include "args.h"
#include "blocks.h"
#include "messages.h"
#include "streams.h"

static json_t *answer_error(const char *error, json_t *details /* stolen */)
{
        if (!details)
                return api_error(error);
        return api_invalid_list(error, details);
}

/* The two people arguments say for whom the answer is meant; a direct message knows it without them. */
static json_t *check_recipient(ApiCall *c, const Channel *ch)
{
        const char *user = arg_str(c->args, "recipient_user_id");

        if (ch->kind == CHANNEL_IM)
                return NULL;
        if (str_empty(user))
                return api_error("missing_recipient_user_id");
        if (str_empty(arg_str(c->args, "recipient_team_id")))
                return api_error("missing_recipient_team_id");
        return state_find_user(c->l->state, user) ? NULL : api_error("user_not_found");
}

static json_t *check_start(ApiCall *c, const Channel *ch, Message **ret_parent, StreamMode *ret_mode)
{
        json_t *answer = chat_check_channel(c, ch);

        if (!answer)
                answer = chat_find_thread(c, ch, ret_parent);
        if (!answer)
                answer = check_recipient(c, ch);
        if (answer)
                return answer;
        /* A stream of its own is known in channels only. */
        if (!*ret_parent && channel_is_direct(ch))
                return api_error("channel_type_not_supported");
        if (!stream_parse_mode(arg_str(c->args, "task_display_mode"), ret_mode))
                return api_invalid_arguments(
                        "value must be one of timeline, plan, dense [json-pointer:/task_display_mode]");
        if (arg_bool(c->args, "is_stoppable", false) && !c->l->switches.stop_events)
                return api_error("not_subscribed_to_message_stream_stopped");
        return NULL;
}

static json_t *append(ApiCall *c, Stream *content, bool needs_any)
{
        const char *markdown = arg_str(c->args, "markdown_text"), *error;
        const json_t *chunks;
        json_t *details;

        if (!chat_arg_array(c, "chunks", &chunks))
                return api_error("invalid_chunks");
        if (needs_any && str_empty(markdown) && json_array_size(chunks) == 0)
                return api_error("no_text");
        error = stream_append(content, str_empty(markdown) ? NULL : markdown, chunks, &details);
        return error ? answer_error(error, details) : NULL;
}

static json_t *answer_ts(const Channel *ch, const Message *m)
{
        return json_pack("{s:b,s:s,s:s}", "ok", 1, "channel", ch->id, "ts", m->ts);
}

static json_t *start_stream(ApiCall *c)
{
        Channel *ch = api_find_channel(c, "channel", true);
        _cleanup_(stream_freep) Stream *content = NULL;
        _cleanup_json_ json_t *fields = json_object();
        StreamMode mode;
        Message *parent = NULL;
        json_t *answer = check_start(c, ch, &parent, &mode);
        const Channel *old_channel;
        const Message *m;

        if (answer)
                return answer;
        m = chat_find_repeated(c, &old_channel, &answer);
        if (m || answer)
                return m ? answer_ts(old_channel, m) : answer;
        answer = chat_put_author(c, fields);
        content = stream_new(mode);
        if (!answer)
                answer = append(c, content, false);
        if (answer)
                return answer;
        m = streams_start(c->l->streams, ch, take(content), take(fields), parent);
        chat_note_posted(c, ch, m);
        return answer_ts(ch, m);
}

/* The open stream of the call's channel and ts, or the answer. */
static json_t *find_open(ApiCall *c, Channel **ret_channel, Message **ret, Stream **ret_content)
{
        Channel *ch = api_find_channel(c, "channel", false);
        json_t *answer = chat_check_channel(c, ch);
        const char *error;

        if (!answer)
                answer = chat_find_own(c, ch, "message_not_owned_by_app", ret);
        if (answer)
                return answer;
        error = streams_find_open(c->l->streams, ch, *ret, ret_content);
        *ret_channel = ch;
        return error ? api_error(error) : NULL;
}

static json_t *append_stream(ApiCall *c)
{
        Stream *content;
        Channel *ch;
        Message *m;
        json_t *answer = find_open(c, &ch, &m, &content);

        if (!answer)
                answer = append(c, content, true);
        if (answer)
                return answer;
        streams_show(c->l->streams, ch, m);
        return answer_ts(ch, m);
}

/* The blocks at the end of the finished message: their own fifty. */
static json_t *check_end(ApiCall *c, const json_t **ret_blocks, json_t **ret_metadata)
{
        const char *session = arg_str(c->args, "session_status");
        json_t *answer;

        if (!str_empty(session) && !agents_status_known(session))
                return api_invalid_arguments("value must be one of active, processing, suspended, closed "
                                             "[json-pointer:/session_status]");
        if (!chat_arg_array(c, "blocks", ret_blocks))
                return api_error("invalid_blocks_format");
        if (json_array_size(*ret_blocks) > STREAM_BLOCKS_MAX)
                return api_error("msg_blocks_too_many");
        answer = *ret_blocks ? chat_check_blocks(c, *ret_blocks) : NULL;
        return answer ? answer : chat_check_metadata(c, ret_metadata);
}

static json_t *stop_stream(ApiCall *c)
{
        const char *session = arg_str(c->args, "session_status");
        _cleanup_json_ json_t *metadata = NULL;
        const json_t *blocks;
        Stream *content;
        Channel *ch;
        Message *m;
        json_t *answer = find_open(c, &ch, &m, &content);

        if (!answer)
                answer = check_end(c, &blocks, &metadata);
        if (!answer)
                answer = append(c, content, false);
        if (answer)
                return answer;
        if (!str_empty(session))
                agents_set_session(c->l->agents, ch->id, m->parent ? m->parent->ts : m->ts, session, NULL,
                                   NULL);
        streams_stop(c->l->streams, ch, m, blocks, json_is_object(metadata) ? metadata : NULL);
        answer = answer_ts(ch, m);
        json_object_set_new(answer, "message", message_render(m, true));
        return answer;
}

ApiMethods api_stream_methods(void)
{
        static const ApiMethod rows[] = {
                {"chat.startStream", start_stream},
                {"chat.appendStream", append_stream},
                {"chat.stopStream", stop_stream},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
