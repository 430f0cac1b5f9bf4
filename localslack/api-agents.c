/* assistant.threads.* and agents.sessions.*; reference §5.3, §5.4 and Appendix A. */
#include "agents-channels.h"
#include "agents.h"
#include "api-chat.h"
#include "args.h"
#include "blocks.h"
#include "channels.h"

#define LOADING_MAX 10
#define PROMPTS_MAX 4
#define TITLE_MAX   200

/* --- assistant.threads --- */

static json_t *detailed(const char *error, const char *detail)
{
        json_t *answer = api_error(error);

        json_put_str(answer, "detail", detail);
        return answer;
}

/* The thread of the call, or the answer. `needs_thread`: it must be named. */
static json_t *find_assistant_thread(ApiCall *c, bool needs_thread, const Channel **ret)
{
        const Channel *ch = api_find_channel(c, "channel_id", false);
        const char *thread_ts = arg_str(c->args, "thread_ts");

        *ret = ch;
        if (!ch)
                return detailed("channel_not_found", "Invalid channel_id");
        if (str_empty(thread_ts))
                return needs_thread ? detailed("invalid_thread_ts", "Thread not found") : NULL;
        return channel_find_message(ch, thread_ts) ? NULL : detailed("invalid_thread_ts", "Thread not found");
}

/* username and icon of the call as username and icons; what is null is to be removed. */
static json_t *take_look(ApiCall *c, json_t *look)
{
        static const char *const names[] = {"username", "icon_emoji", "icon_url"};
        json_t *answer = chat_put_author(c, look);

        json_object_del(look, "subtype");
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (json_is_null(json_object_get(c->args, names[i])))
                        json_object_set_new(look, i == 0 ? "username" : "icons", json_null());
        if (!answer && str_equal(json_str(look, "username"), "slackbot"))
                return api_error("reserved_username");
        return answer;
}

static json_t *threads_set_status(ApiCall *c)
{
        const char *status = arg_str(c->args, "status");
        const json_t *loading;
        const Channel *ch;
        _cleanup_json_ json_t *look = json_object();
        json_t *answer = find_assistant_thread(c, true, &ch), *item;
        size_t i;

        if (answer)
                return answer;
        if (!status) /* may be empty: that clears it */
                return api_invalid_arguments("missing required field: status");
        if (!chat_arg_array(c, "loading_messages", &loading))
                return api_invalid_arguments("must provide an array [json-pointer:/loading_messages]");
        if (json_array_size(loading) > LOADING_MAX)
                return api_invalid_arguments("no more than %d items allowed [json-pointer:/loading_messages]",
                                             LOADING_MAX);
        json_array_foreach ((json_t *) loading, i, item)
                if (!json_is_string(item))
                        return api_invalid_arguments(
                                "must provide a string [json-pointer:/loading_messages/%zu]", i);
        answer = take_look(c, look);
        if (answer)
                return answer;
        if (loading)
                json_object_set(look, "loading_messages", (json_t *) loading);
        agents_set_status(c->l->agents, ch->id, arg_str(c->args, "thread_ts"), status, take(look));
        return api_ok();
}

static json_t *threads_set_title(ApiCall *c)
{
        const Channel *ch;
        json_t *answer = find_assistant_thread(c, true, &ch);

        if (answer)
                return answer;
        agents_set_title(c->l->agents, ch->id, arg_str(c->args, "thread_ts"), arg_str(c->args, "title"));
        return api_ok();
}

static json_t *check_prompts(const json_t *prompts)
{
        static const char *const fields[] = {"title", "message"};
        size_t i;
        json_t *item;

        if (!json_is_array(prompts))
                return api_invalid_arguments("must provide an array [json-pointer:/prompts]");
        if (json_array_size(prompts) > PROMPTS_MAX)
                return api_invalid_arguments("no more than %d items allowed [json-pointer:/prompts]",
                                             PROMPTS_MAX);
        json_array_foreach ((json_t *) prompts, i, item)
                for (size_t f = 0; f < ELEMENTSOF(fields); f++)
                        if (str_empty(json_str(item, fields[f])))
                                return api_invalid_arguments(
                                        "missing required field: %s [json-pointer:/prompts/%zu]", fields[f],
                                        i);
        return NULL;
}

static json_t *threads_set_suggested_prompts(ApiCall *c)
{
        const json_t *prompts = json_object_get(c->args, "prompts");
        const char *thread_ts = arg_str(c->args, "thread_ts");
        const Channel *ch;
        json_t *answer;

        if (!c->l->switches.agent)
                return api_error("not_agent_app");
        answer = find_assistant_thread(c, false, &ch);
        if (!answer)
                answer = check_prompts(prompts);
        if (answer)
                return answer;
        agents_set_prompts(c->l->agents, ch->id, thread_ts ? thread_ts : "", arg_str(c->args, "title"),
                           prompts);
        return api_ok();
}

/* --- agents.sessions --- */

/* The place of a session, or the answer: in code channels there is one for the whole channel. */
static json_t *find_place(ApiCall *c, Channel **ret, const char **ret_thread_ts)
{
        Channel *ch = api_find_channel(c, "channel_id", false);
        const char *thread_ts = arg_str(c->args, "thread_ts");

        *ret = ch;
        *ret_thread_ts = thread_ts ? thread_ts : "";
        if (!c->l->switches.agent)
                return api_error("feature_disabled");
        if (!ch)
                return api_error("channel_not_found");
        if (!channel_has_member(ch, c->user_id))
                return api_error("not_authorized");
        if (code_channels_find(c->l->code_channels, ch->id))
                return str_empty(thread_ts) ? NULL : api_error("thread_ts_not_allowed");
        return str_empty(thread_ts) ? api_error("thread_ts_required") : NULL;
}

static json_t *check_session(ApiCall *c, const Channel *ch, json_t *look)
{
        const char *title = arg_str(c->args, "title"), *initiator = arg_str(c->args, "initiator_user_id");

        if (!agents_status_known(arg_str(c->args, "status")))
                return api_error("invalid_status");
        if (title && blocks_count_chars(title) > TITLE_MAX)
                return api_invalid_arguments("must be less than %d characters [json-pointer:/title]",
                                             TITLE_MAX + 1);
        if (!str_empty(initiator) && !channel_has_member(ch, initiator))
                return api_error("user_not_found");
        return take_look(c, look);
}

static json_t *sessions_set_status(ApiCall *c)
{
        const char *status = arg_str(c->args, "status"), *title = arg_str(c->args, "title"), *thread_ts;
        _cleanup_json_ json_t *look = json_object();
        const json_t *session;
        Channel *ch;
        json_t *answer = find_place(c, &ch, &thread_ts);

        if (!answer)
                answer = check_session(c, ch, look);
        if (answer)
                return answer;
        session = agents_find_session(c->l->agents, ch->id, thread_ts);
        agents_set_session(c->l->agents, ch->id, thread_ts, status, session ? NULL : title, look);
        session = agents_find_session(c->l->agents, ch->id, thread_ts);
        answer = json_pack("{s:b,s:s,s:s,s:s}", "ok", 1, "status", status, "agent_status", status, "title",
                           json_str_or(session, "title", ""));
        if (str_equal(status, "processing") && !c->l->switches.stop_events)
                api_add_warning(answer, "missing_agent_session_stopped_event_subscription");
        return answer;
}

static json_t *sessions_rename(ApiCall *c)
{
        const char *title = arg_str(c->args, "title"), *thread_ts;
        const json_t *session;
        Channel *ch;
        json_t *answer = find_place(c, &ch, &thread_ts);

        if (answer)
                return answer;
        session = agents_find_session(c->l->agents, ch->id, thread_ts);
        if (!session)
                return api_error("session_not_found");
        if (blocks_count_chars(title) > TITLE_MAX)
                return api_error("invalid_name");
        if (ch->is_archived)
                return api_error("is_archived");
        if (!*thread_ts) { /* the session of a channel: it is renamed as well */
                _cleanup_free_ char *name = code_channels_make_name(c->l->state, title);

                channels_rename(c->l, ch, name, c->user_id);
        }
        agents_set_session(c->l->agents, ch->id, thread_ts, json_str(session, "session"), title, NULL);
        return json_pack("{s:b,s:s}", "ok", 1, "title", title);
}

ApiMethods api_agents_methods(void)
{
        static const ApiMethod rows[] = {
                {"assistant.threads.setStatus", threads_set_status},
                {"assistant.threads.setTitle", threads_set_title},
                {"assistant.threads.setSuggestedPrompts", threads_set_suggested_prompts},
                {"agents.sessions.setStatus", sessions_set_status},
                {"agents.sessions.rename", sessions_rename},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
