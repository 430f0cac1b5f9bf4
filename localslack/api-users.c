/* People and the team: users.*, usergroups.list, team.info, bots.info, emoji.list; reference §3.2, Appendix
 * A. */
#include "api.h"

#include <strings.h>

#include "args.h"
#include "channels.h"

static bool sees_emails(const ApiCall *c)
{
        return scopes_suffice("users:read.email", c->granted);
}

/* By id only; names are not accepted. */
static User *need_user(const ApiCall *c, const char *arg)
{
        const char *id = arg_str(c->args, arg);
        User *u = state_find_user(c->l->state, id);

        return u && str_equal(u->id, id) ? u : NULL;
}

static json_t *render_user(const ApiCall *c, const User *u)
{
        json_t *out = channels_render_user(u, sees_emails(c));

        if (arg_bool(c->args, "include_locale", false))
                json_put_str(out, "locale", "en-US");
        return out;
}

static json_t *users_info(ApiCall *c)
{
        const User *u = need_user(c, "user");

        return u ? json_pack("{s:b,s:o}", "ok", 1, "user", render_user(c, u)) : api_error("user_not_found");
}

/* Without `limit` everybody comes at once. */
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
                json_array_append_new(members, render_user(c, s->users[i]));
        answer = json_pack("{s:b,s:o,s:I}", "ok", 1, "members", members, "cache_ts",
                           (json_int_t) (s->clock_ms() / 1000));
        api_put_next_cursor(answer, &page);
        return answer;
}

static json_t *users_lookup_by_email(ApiCall *c)
{
        const char *email = arg_str(c->args, "email");

        for (size_t i = 0; i < c->l->state->n_users; i++) {
                const User *u = c->l->state->users[i];

                if (u->email && !u->is_deleted && strcasecmp(u->email, email) == 0)
                        return json_pack("{s:b,s:o}", "ok", 1, "user", render_user(c, u));
        }
        return api_error("users_not_found");
}

/* Of oneself more is said than of others. */
static json_t *users_get_presence(ApiCall *c)
{
        bool is_own = str_empty(arg_str(c->args, "user"));
        const User *u = is_own ? state_find_user(c->l->state, c->user_id) : need_user(c, "user");
        json_t *answer;

        if (!u)
                return api_error("user_not_found");
        answer = json_pack("{s:b,s:s}", "ok", 1, "presence", u->is_away ? "away" : "active");
        if (str_equal(u->id, c->user_id)) {
                json_object_set_new(answer, "online", json_boolean(!u->is_away));
                json_object_set_new(answer, "auto_away", json_false());
                json_object_set_new(answer, "manual_away", json_boolean(u->is_away));
                json_put_int(answer, "connection_count", !u->is_away);
        }
        return answer;
}

static json_t *users_set_presence(ApiCall *c)
{
        const char *presence = arg_str(c->args, "presence");
        User *u = state_find_user(c->l->state, c->user_id);

        if (!str_equal(presence, "auto") && !str_equal(presence, "away"))
                return api_error("invalid_presence");
        u->is_away = str_equal(presence, "away");
        feed_emit(c->l->feed, "user", json_pack("{s:s}", "user", u->id));
        return api_ok();
}

static json_t *users_profile_get(ApiCall *c)
{
        const User *u = str_empty(arg_str(c->args, "user")) ? state_find_user(c->l->state, c->user_id)
                                                            : need_user(c, "user");
        _cleanup_json_ json_t *user = NULL;
        json_t *profile;

        if (!u)
                return api_error("user_not_found");
        user = channels_render_user(u, sees_emails(c));
        profile = json_incref(json_object_get(user, "profile"));
        json_object_set_new(profile, "fields", json_object());
        json_put_int(profile, "status_expiration", 0);
        return json_pack("{s:b,s:o}", "ok", 1, "profile", profile);
}

/* There are no user groups here. */
static json_t *usergroups_list(ApiCall *c)
{
        (void) c;
        return json_pack("{s:b,s:[]}", "ok", 1, "usergroups");
}

static json_t *team_info(ApiCall *c)
{
        const char *team = arg_str(c->args, "team");

        if (!str_empty(team) && !str_equal(team, TEAM_ID))
                return api_error("team_not_found");
        return json_pack("{s:b,s:{s:s,s:s,s:s,s:s,s:{s:b},s:s,s:s}}", "ok", 1, "team", "id", TEAM_ID, "name",
                         "localslack", "domain", "localslack", "email_domain", "example.com", "icon",
                         "image_default", 1, "url", c->base_url, "avatar_base_url", c->base_url);
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

/* No emoji but the standard ones, which Slack does not list. */
static json_t *emoji_list(ApiCall *c)
{
        return json_pack("{s:b,s:{},s:o}", "ok", 1, "emoji", "cache_ts",
                         json_sprintf("%lld.000000", (long long) c->l->state->clock_ms() / 1000));
}

ApiMethods api_users_methods(void)
{
        static const ApiMethod rows[] = {
                {"users.info", users_info},
                {"users.list", users_list},
                {"users.lookupByEmail", users_lookup_by_email},
                {"users.getPresence", users_get_presence},
                {"users.setPresence", users_set_presence},
                {"users.profile.get", users_profile_get},
                {"usergroups.list", usergroups_list},
                {"team.info", team_info},
                {"bots.info", bots_info},
                {"emoji.list", emoji_list},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
