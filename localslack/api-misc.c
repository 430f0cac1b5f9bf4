/* Identity, and the agent's status; reference §3.2, §5.3, §5.4 and Appendix A. */
#include "api.h"

#include <stdio.h>

#include "args.h"
#include "blocks.h"
#include "delivery.h"
#include "messages.h"
#include "socketmode.h"

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
        const User *u = state_find_user(c->l->state, c->user_id);
        json_t *answer =
                json_pack("{s:b,s:o,s:s,s:s,s:s,s:s,s:b}", "ok", 1, "url", json_sprintf("%s/", c->base_url),
                          "team", "localslack", "user", u ? u->name : "", "team_id", TEAM_ID, "user_id",
                          c->user_id, "is_enterprise_install", 0);

        if (c->token == TOKEN_BOT) {
                json_put_str(answer, "bot_id", BOT_ID);
                json_put_str(answer, "app_id", APP_ID);
        }
        return answer;
}

static json_t *apps_connections_open(ApiCall *c)
{
        _cleanup_free_ char *url = socketmode_make_url(c->l->sockets, c->base_url + strlen("http://"));

        return json_pack("{s:b,s:s}", "ok", 1, "url", url);
}

static json_t *auth_revoke(ApiCall *c)
{
        const char *kind = c->token == TOKEN_BOT ? "bot" : "oauth",
                   *other = c->token == TOKEN_BOT ? "oauth" : "bot";
        bool is_test = arg_bool(c->args, "test", false);

        if (!is_test) {
                state_revoke_token(c->l->state, c->token_text);
                delivery_raise(c->l->delivery, json_pack("{s:s,s:{s:[s],s:[]}}", "type", "tokens_revoked",
                                                         "tokens", kind, c->user_id, other));
        }
        return json_pack("{s:b,s:b}", "ok", 1, "revoked", !is_test);
}

static json_t *auth_teams_list(ApiCall *c)
{
        json_t *answer, *teams = json_pack("[{s:s,s:s}]", "id", TEAM_ID, "name", "localslack");
        const char *error;
        ApiPage page;

        if (!api_page(c, 1, 100, 1000, &page, &error)) {
                json_decref(teams);
                return api_error(error);
        }
        if (page.from == 1)
                json_array_clear(teams);
        answer = json_pack("{s:b,s:o}", "ok", 1, "teams", teams);
        api_put_next_cursor(answer, &page);
        return answer;
}

/* Who an event was for: here always the one installation. */
static json_t *apps_event_authorizations_list(ApiCall *c)
{
        json_t *answer;
        const char *error;
        ApiPage page;

        if (!str_starts_with(arg_str(c->args, "event_context"), "4-"))
                return api_error("invalid_event_context");
        if (!api_page(c, 1, 100, 1000, &page, &error))
                return api_error(error);
        answer = json_pack("{s:b,s:[{s:n,s:s,s:s,s:b,s:b}]}", "ok", 1, "authorizations", "enterprise_id",
                           "team_id", TEAM_ID, "user_id", BOT_USER, "is_bot", 1, "is_enterprise_install", 0);
        api_put_next_cursor(answer, &page);
        return answer;
}

ApiMethods api_misc_methods(void)
{
        static const ApiMethod rows[] = {
                {"api.test", api_test},
                {"auth.test", auth_test},
                {"auth.revoke", auth_revoke},
                {"auth.teams.list", auth_teams_list},
                {"apps.connections.open", apps_connections_open},
                {"apps.event.authorizations.list", apps_event_authorizations_list},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
