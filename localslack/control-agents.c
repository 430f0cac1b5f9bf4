#include "control-agents.h"

#include "agents-channels.h"
#include "agents.h"
#include "delivery.h"
#include "messages.h"

static const char *need_place(Local *l, const json_t *in, User **ret_user, Channel **ret_channel)
{
        *ret_user = state_find_user(l->state, json_str(in, "user"));
        *ret_channel = state_find_channel(l->state, json_str(in, "channel"));
        return !*ret_user ? "no such user" : !*ret_channel ? "no such channel" : NULL;
}

/* {"user", "channel", "thread_ts"?} → {"ts": of the stopped streams, "event_id"?} */
static json_t *stop(Local *l, const json_t *in, const char **ret_error)
{
        User *user;
        Channel *ch;
        json_t *out = NULL;

        *ret_error = need_place(l, in, &user, &ch);
        if (!*ret_error)
                *ret_error = agents_stop(l->agents, ch, user->id, json_str_or(in, "thread_ts", ""), &out);
        return out;
}

/* {"user", "channel", "thread_ts"?, "title"} */
static json_t *rename_session(Local *l, const json_t *in, const char **ret_error)
{
        const char *title = json_str(in, "title");
        User *user;
        Channel *ch;

        *ret_error = need_place(l, in, &user, &ch);
        if (!*ret_error && str_empty(title))
                *ret_error = "title is missing";
        if (!*ret_error)
                *ret_error = agents_rename(l->agents, ch, user->id, json_str_or(in, "thread_ts", ""), title);
        return *ret_error ? NULL : json_object();
}

static json_t *assistant_event(Local *l, const char *type, const char *user, const Channel *dm,
                               const char *thread_ts, const json_t *in)
{
        const Channel *context = state_find_channel(l->state, json_str(in, "context_channel"));
        json_t *event = json_pack("{s:s,s:{s:s,s:{},s:s,s:s}}", "type", type, "assistant_thread", "user_id",
                                  user, "context", "channel_id", dm->id, "thread_ts", thread_ts);
        json_t *where = (json_t *) json_at(event, "assistant_thread.context");
        char event_ts[STATE_TS_SIZE];

        if (context) {
                json_put_str(where, "channel_id", context->id);
                json_put_str(where, "team_id", TEAM_ID);
                json_object_set_new(where, "enterprise_id", json_null());
        }
        state_next_ts(l->state, event_ts);
        json_put_str(event, "event_ts", event_ts);
        return event;
}

static Channel *open_direct(Local *l, const json_t *in, User **ret_user, const char **ret_error)
{
        Channel *dm;
        bool was_open;

        *ret_user = state_find_user(l->state, json_str(in, "user"));
        if (!*ret_user) {
                *ret_error = "no such user";
                return NULL;
        }
        dm = state_open_direct(l->state, (const char *[]){(*ret_user)->id, BOT_USER}, 2, true, &was_open);
        if (!dm)
                *ret_error = "the workspace is full";
        else if (!was_open)
                feed_emit(l->feed, "channel", json_pack("{s:s}", "channel", dm->id));
        return dm;
}

/* {"user", "context_channel"?} → {"channel", "thread_ts", "event_id"}: the older way in which a conversation
 * with an assistant begins, with a root that Slack posts. */
static json_t *open_assistant(Local *l, const json_t *in, const char **ret_error)
{
        User *user;
        Channel *dm = open_direct(l, in, &user, ret_error);
        const Message *root;
        const char *event_id;

        if (!dm)
                return NULL;
        root = messages_post_app(
                l, dm,
                json_pack("{s:s,s:s}", "text", "New Assistant Thread", "subtype", "assistant_app_thread"),
                NULL, false);
        event_id = delivery_raise(l->delivery,
                                  assistant_event(l, "assistant_thread_started", user->id, dm, root->ts, in));
        return json_pack("{s:s,s:s,s:s}", "channel", dm->id, "thread_ts", root->ts, "event_id", event_id);
}

/* What the person looks at beside the conversation: `entities` as Slack has them, or a channel. */
static json_t *context_event(Local *l, const char *user, const Channel *dm, const json_t *in)
{
        const Channel *context = state_find_channel(l->state, json_str(in, "context_channel"));
        json_t *entities = json_object_get(in, "entities"), *list;
        char event_ts[STATE_TS_SIZE];

        if (json_is_array(entities))
                list = json_deep_copy(entities);
        else if (context)
                list = json_pack("[{s:s,s:s,s:s}]", "type", "slack#/types/channel_id", "value", context->id,
                                 "team_id", TEAM_ID);
        else
                list = json_array();
        state_next_ts(l->state, event_ts);
        return json_pack("{s:s,s:s,s:s,s:{s:o},s:s}", "type", "app_context_changed", "channel", dm->id,
                         "user", user, "context", "entities", list, "event_ts", event_ts);
}

/* {"user", "context_channel"? or "entities"?, "thread_ts"?}: with thread_ts the older event of an assistant's
 * thread, else app_context_changed. */
static json_t *change_context(Local *l, const json_t *in, const char **ret_error)
{
        const char *thread_ts = json_str(in, "thread_ts");
        User *user;
        Channel *dm = open_direct(l, in, &user, ret_error);
        json_t *event;

        if (!dm)
                return NULL;
        event = thread_ts
                        ? assistant_event(l, "assistant_thread_context_changed", user->id, dm, thread_ts, in)
                        : context_event(l, user->id, dm, in);
        return json_pack("{s:s,s:s}", "channel", dm->id, "event_id", delivery_raise(l->delivery, event));
}

/* {"user", "channel", "key"}: a click into the context bar of a code channel. */
static json_t *click_context_bar(Local *l, const json_t *in, const char **ret_error)
{
        const char *key = json_str(in, "key");
        User *user;
        Channel *ch;
        json_t *item;
        char event_ts[STATE_TS_SIZE];
        size_t i;

        *ret_error = need_place(l, in, &user, &ch);
        if (*ret_error)
                return NULL;
        *ret_error = "there is no such action";
        json_array_foreach ((json_t *) json_at(code_channels_find(l->code_channels, ch->id),
                                               "code_channel.context_bar_items"),
                            i, item) {
                if (!str_equal(json_str(item, "key"), key) ||
                    !str_equal(json_str(item, "item_type"), "action"))
                        continue;
                *ret_error = NULL;
                state_next_ts(l->state, event_ts);
                return json_pack("{s:s}", "event_id",
                                 delivery_raise(l->delivery,
                                                json_pack("{s:s,s:s,s:s,s:s,s:{s:s,s:s}}", "type",
                                                          "code_channel_action", "channel", ch->id, "user",
                                                          user->id, "event_ts", event_ts, "action", "key",
                                                          key, "label", json_str_or(item, "label", ""))));
        }
        return NULL;
}

static const struct {
        const char *path;
        json_t *(*fn)(Local *l, const json_t *in, const char **ret_error);
} acts[] = {
        {"agent_stop", stop},
        {"agent_rename", rename_session},
        {"code_action", click_context_bar},
        {"assistant_open", open_assistant},
        {"assistant_context", change_context},
};

json_t *control_agents_act(Local *l, const char *path, const json_t *in, const char **ret_error)
{
        *ret_error = "no such address";
        for (size_t i = 0; i < ELEMENTSOF(acts); i++)
                if (str_equal(acts[i].path, path)) {
                        *ret_error = NULL;
                        return acts[i].fn(l, in, ret_error);
                }
        return NULL;
}

bool control_agents_handle(Local *l, HttpRequest *req, const char *path, const json_t *in)
{
        const char *error;
        bool is_known = false;
        json_t *answer;

        for (size_t i = 0; i < ELEMENTSOF(acts); i++)
                is_known |= str_equal(acts[i].path, path);
        if (!is_known || !str_equal(http_request_method(req), "POST"))
                return false;
        answer = control_agents_act(l, path, in, &error);
        if (answer)
                json_object_set_new(answer, "ok", json_true());
        http_respond_json(req, answer ? 200 : 400,
                          answer ? answer : json_pack("{s:b,s:s}", "ok", 0, "error", error));
        return true;
}
