/* Identity, people, reactions, the agent's status; reference §3.2, §5.3, §5.4 and Appendix A. */
#include "api.h"

#include <stdio.h>

#include "args.h"
#include "blocks.h"
#include "messages.h"
#include "socketmode.h"

#define STATUS_LIFE_MS (2 * 60 * 1000)

static json_t *api_test(ApiCall *c)
{
        const char *error = arg_str(c->args, "error");
        json_t *answer = str_empty(error) ? api_ok() : api_error(error);

        if (json_object_size(c->args) > 0)
                json_object_set(answer, "args", (json_t *) c->args);
        return answer;
}

static json_t *auth_test(ApiCall *c)
{
        _cleanup_free_ char *url = mem_printf("%s/", c->base_url);

        return json_pack("{s:b,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:b}", "ok", 1, "url", url, "team", "localslack",
                         "user", c->l->state->app_name, "team_id", TEAM_ID, "user_id", BOT_USER, "bot_id",
                         BOT_ID, "app_id", APP_ID, "is_enterprise_install", 0);
}

static json_t *apps_connections_open(ApiCall *c)
{
        _cleanup_free_ char *url = socketmode_make_url(c->l->sockets, c->base_url + strlen("http://"));

        return json_pack("{s:b,s:s}", "ok", 1, "url", url);
}

static json_t *render_user(const User *u)
{
        json_t *profile = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "real_name", u->real_name, "display_name",
                                    u->name, "real_name_normalized", u->real_name, "display_name_normalized",
                                    u->name, "status_text", "", "team", TEAM_ID);
        json_t *out = json_pack("{s:s,s:s,s:s,s:b,s:s,s:s,s:s,s:i,s:o,s:b,s:b,s:b}", "id", u->id, "team_id",
                                TEAM_ID, "name", u->name, "deleted", 0, "real_name", u->real_name, "tz",
                                "Europe/London", "tz_label", "Greenwich Mean Time", "tz_offset", 0, "profile",
                                profile, "is_bot", u->is_bot, "is_app_user", 0, "is_restricted", 0);

        json_put_int(out, "updated", 1700000000);
        if (u->is_bot) {
                json_put_str(profile, "bot_id", BOT_ID);
                json_put_str(profile, "api_app_id", APP_ID);
        }
        return out;
}

static json_t *users_info(ApiCall *c)
{
        const User *u = state_find_user(c->l->state, arg_str(c->args, "user"));

        return u ? json_pack("{s:b,s:o}", "ok", 1, "user", render_user(u)) : api_error("user_not_found");
}

static json_t *users_list(ApiCall *c)
{
        const State *s = c->l->state;
        json_t *members, *answer;
        const char *error;
        ApiPage page;

        if (!api_page(c, s->n_users, STATE_USERS_MAX, STATE_USERS_MAX, &page, &error))
                return api_error(error);
        members = json_array();
        for (size_t i = page.from; i < page.to; i++)
                json_array_append_new(members, render_user(s->users[i]));
        answer = json_pack("{s:b,s:o,s:I}", "ok", 1, "members", members, "cache_ts",
                           (json_int_t) (s->clock_ms() / 1000));
        api_put_next_cursor(answer, &page);
        return answer;
}

static json_t *users_get_presence(ApiCall *c)
{
        const char *name = arg_str(c->args, "user");
        const User *u = state_find_user(c->l->state, str_empty(name) ? BOT_USER : name);

        if (!u)
                return api_error("user_not_found");
        return json_pack("{s:b,s:s}", "ok", 1, "presence", u->is_away ? "away" : "active");
}

static json_t *team_info(ApiCall *c)
{
        return json_pack("{s:b,s:{s:s,s:s,s:s,s:s,s:{s:b}}}", "ok", 1, "team", "id", TEAM_ID, "name",
                         "localslack", "domain", "localslack", "email_domain", "", "icon", "image_default",
                         1);
}

static json_t *bots_info(ApiCall *c)
{
        const char *bot = arg_str(c->args, "bot");

        if (!str_empty(bot) && !str_equal(bot, BOT_ID))
                return api_error("bot_not_found");
        return json_pack("{s:b,s:{s:s,s:b,s:s,s:i,s:s,s:s,s:{}}}", "ok", 1, "bot", "id", BOT_ID, "deleted", 0,
                         "name", c->l->state->app_name, "updated", 1700000000, "app_id", APP_ID, "user_id",
                         BOT_USER, "icons");
}

static json_t *find_reactable(ApiCall *c, Channel **ret_channel, Message **ret)
{
        const char *ts = arg_str(c->args, "timestamp");

        *ret_channel = api_find_channel(c, "channel", false);
        if (!*ret_channel)
                return api_error("channel_not_found");
        if (!state_ts_valid(ts))
                return api_error("bad_timestamp");
        *ret = channel_find_message(*ret_channel, ts);
        return *ret && !message_is_tombstone(*ret) ? NULL : api_error("message_not_found");
}

static bool emoji_name_valid(const char *name)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_+-':";

        return name && *name && strlen(name) <= 100 && !name[strspn(name, allowed)];
}

static json_t *react(ApiCall *c, bool add)
{
        const char *name = arg_str(c->args, "name");
        json_t *error;
        Channel *ch;
        Message *m;

        if (!emoji_name_valid(name))
                return api_error("invalid_name");
        error = find_reactable(c, &ch, &m);
        if (error)
                return error;
        switch (messages_react(c->l, ch, m, name, BOT_USER, add)) {
        case REACTION_OK: return api_ok();
        case REACTION_E_ALREADY: return api_error("already_reacted");
        case REACTION_E_NONE: return api_error("no_reaction");
        case REACTION_E_TOO_MANY: return api_error("too_many_emoji");
        }
        return api_error("internal_error");
}

static json_t *reactions_add(ApiCall *c)
{
        return react(c, true);
}

static json_t *reactions_remove(ApiCall *c)
{
        return react(c, false);
}

static json_t *reactions_get(ApiCall *c)
{
        json_t *error;
        Channel *ch;
        Message *m;

        error = find_reactable(c, &ch, &m);
        if (error)
                return error;
        return json_pack("{s:b,s:s,s:s,s:o}", "ok", 1, "type", "message", "channel", ch->id, "message",
                         message_render(m, false));
}

/* --- what the agent is doing --- */

static void put_status(Local *l, const char *channel, const char *thread_ts, json_t *status /* stolen */)
{
        _cleanup_free_ char *key = mem_printf("%s:%s", channel, thread_ts);
        json_t *all = l->state->statuses;

        json_object_set(all, key, status);
        if (json_object_size(all) > STATE_STATUSES_MAX)
                json_object_del(all, json_object_iter_key(json_object_iter(all)));
        json_put_str(status, "channel", channel);
        json_put_str(status, "thread_ts", thread_ts);
        feed_emit(l->feed, "status", status);
}

static json_t *invalid(const char *error, const char *detail)
{
        json_t *answer = api_error(error);

        json_put_str(answer, "detail", detail);
        return answer;
}

static json_t *assistant_set_status(ApiCall *c)
{
        const Channel *ch = api_find_channel(c, "channel_id", false);
        const char *status = arg_str(c->args, "status"), *thread_ts = arg_str(c->args, "thread_ts");
        json_t *loading = json_object_get(c->args, "loading_messages"), *entry;

        if (!ch)
                return invalid("channel_not_found", "Invalid channel_id");
        if (!channel_find_message(ch, thread_ts))
                return invalid("invalid_thread_ts", "Thread not found");
        if (!status) /* may be empty: that clears it */
                return api_invalid_arguments("missing required field: status");
        if (json_array_size(loading) > 10)
                return api_invalid_arguments(
                        "no more than 10 items allowed [json-pointer:/loading_messages]");
        entry = json_pack("{s:s,s:I}", "status", status, "expires_ms",
                          (json_int_t) (c->l->state->clock_ms() + STATUS_LIFE_MS));
        if (json_is_array(loading))
                json_object_set(entry, "loading_messages", loading);
        put_status(c->l, ch->id, thread_ts, entry);
        return api_ok();
}

static json_t *sessions_set_status(ApiCall *c)
{
        static const char *const known[] = {"active", "processing", "suspended", "closed"};
        const Channel *ch = api_find_channel(c, "channel_id", false);
        const char *status = arg_str(c->args, "status"), *thread_ts = arg_str(c->args, "thread_ts");
        const char *title = arg_str(c->args, "title");
        bool is_known = false;

        if (!ch)
                return api_error("channel_not_found");
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                is_known |= str_equal(known[i], status);
        if (!is_known)
                return api_error("invalid_status");
        if (str_empty(thread_ts))
                return api_error("thread_ts_required");
        if (!channel_has_member(ch, BOT_USER))
                return api_error("not_authorized");
        if (title && blocks_count_chars(title) > 200)
                return api_invalid_arguments("must be less than 201 characters [json-pointer:/title]");
        put_status(c->l, ch->id, thread_ts,
                   json_pack("{s:s,s:s}", "session", status, "title", title ? title : ""));
        return json_pack("{s:b,s:s,s:s,s:s}", "ok", 1, "status", status, "agent_status", status, "title",
                         title ? title : "");
}

ApiMethods api_misc_methods(void)
{
        static const ApiMethod rows[] = {
                {"api.test", api_test},
                {"auth.test", auth_test},
                {"apps.connections.open", apps_connections_open},
                {"users.info", users_info},
                {"users.list", users_list},
                {"users.getPresence", users_get_presence},
                {"team.info", team_info},
                {"bots.info", bots_info},
                {"reactions.add", reactions_add},
                {"reactions.remove", reactions_remove},
                {"reactions.get", reactions_get},
                {"assistant.threads.setStatus", assistant_set_status},
                {"agents.sessions.setStatus", sessions_set_status},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
