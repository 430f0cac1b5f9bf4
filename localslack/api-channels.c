/* conversations.*, what changes something: reference §3.2 and Appendix A. */
#include "api.h"

#include "args.h"
#include "blocks.h"
#include "channels.h"

#define CHANNEL_NAME_MAX 80
#define INVITES_MAX      100
#define DIRECT_USERS_MAX 8 /* besides the caller */

/* What a method wants of its channel, as bits. */
#define WANT_NO_DIRECT 1u
#define WANT_DIRECT    2u
#define WANT_LIVE      4u /* not archived */
#define WANT_MEMBER    8u

/* NULL and the channel, or Slack's error. */
static const char *need_channel(const ApiCall *c, unsigned wanted, Channel **ret)
{
        Channel *ch = api_need_channel(c, "channel");

        *ret = ch;
        if (!ch)
                return "channel_not_found";
        if (((wanted & WANT_NO_DIRECT) && channel_is_direct(ch)) ||
            ((wanted & WANT_DIRECT) && !channel_is_direct(ch)))
                return "method_not_supported_for_channel_type";
        if ((wanted & WANT_MEMBER) && !channel_has_member(ch, c->user_id))
                return "not_in_channel";
        return (wanted & WANT_LIVE) && ch->is_archived ? "is_archived" : NULL;
}

static json_t *with_channel(const ApiCall *c, const Channel *ch)
{
        return json_pack("{s:b,s:o}", "ok", 1, "channel", channels_render(ch, c->user_id));
}

static bool is_general(const Channel *ch)
{
        return str_equal(ch->name, "general");
}

/* --- making and naming --- */

/* NULL, or what is wrong with a channel's name. Letters of other scripts are fine, capitals are not. */
static const char *check_name(const char *name)
{
        bool only_punctuation = true;

        if (str_empty(name))
                return "invalid_name_required";
        if (blocks_count_chars(name) > CHANNEL_NAME_MAX)
                return "invalid_name_maxlength";
        for (const char *p = name; *p; p++) {
                bool is_word = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || (*p & 0x80);

                if (!is_word && *p != '-' && *p != '_')
                        return "invalid_name_specials";
                only_punctuation = only_punctuation && !is_word;
        }
        return only_punctuation ? "invalid_name_punctuation" : NULL;
}

static json_t *conversations_create(ApiCall *c)
{
        bool is_private = arg_bool(c->args, "is_private", false);
        const char *name = arg_str(c->args, "name"), *error;
        _cleanup_free_ char *needed = method_scopes(method_find("conversations.archive"), c->token,
                                                    is_private ? CHANNEL_PRIVATE : CHANNEL_PUBLIC);
        const Channel *ch;

        if (!scopes_suffice(needed, c->granted))
                return api_missing_scope(c, needed);
        if (!json_object_get(c->args, "name"))
                return api_invalid_arguments("missing required field: name");
        error = check_name(name);
        if (error)
                return api_error(error);
        if (state_find_channel(c->l->state, name))
                return api_error("name_taken");
        ch = channels_create(c->l, name, is_private ? CHANNEL_PRIVATE : CHANNEL_PUBLIC, c->user_id);
        return ch ? with_channel(c, ch) : api_error("cannot_create_channel");
}

static json_t *conversations_rename(ApiCall *c)
{
        const char *name = arg_str(c->args, "name"), *error;
        const Channel *other;
        Channel *ch;

        error = need_channel(c, WANT_NO_DIRECT | WANT_MEMBER | WANT_LIVE, &ch);
        if (!error)
                error = check_name(name);
        if (error)
                return api_error(error);
        /* Only who made a channel may rename it (and admins, of whom there are none here). */
        if (!str_equal(ch->creator, c->user_id))
                return api_error("not_authorized");
        other = state_find_channel(c->l->state, name);
        if (other && other != ch)
                return api_error("name_taken");
        if (other != ch)
                channels_rename(c->l, ch, name, c->user_id);
        return with_channel(c, ch);
}

static json_t *conversations_archive(ApiCall *c)
{
        Channel *ch;
        const char *error = need_channel(c, WANT_NO_DIRECT, &ch);

        if (!error && ch->is_archived)
                error = "already_archived";
        if (!error && is_general(ch))
                error = "cant_archive_general";
        if (!error && !channel_has_member(ch, c->user_id))
                error = "not_in_channel";
        if (error)
                return api_error(error);
        channels_archive(c->l, ch, c->user_id, true);
        return api_ok();
}

static json_t *conversations_unarchive(ApiCall *c)
{
        Channel *ch;
        const char *error = need_channel(c, WANT_NO_DIRECT | WANT_MEMBER, &ch);

        if (!error && !ch->is_archived)
                error = "not_archived";
        if (error)
                return api_error(error);
        channels_archive(c->l, ch, c->user_id, false);
        return api_ok();
}

typedef void (*SetNote)(Local *l, Channel *ch, const char *text, const char *user);

static json_t *set_note(ApiCall *c, const char *arg, SetNote fn, Channel **ret)
{
        const char *text = arg_str(c->args, arg), *error;

        error = need_channel(c, WANT_NO_DIRECT | WANT_MEMBER | WANT_LIVE, ret);
        if (error)
                return api_error(error);
        if (!text) /* an empty one is fine: it clears */
                return api_invalid_arguments("missing required field: %s", arg);
        if (blocks_count_chars(text) > STATE_TOPIC_MAX)
                return api_error("too_long");
        fn(c->l, *ret, text, c->user_id);
        return NULL;
}

static json_t *conversations_set_topic(ApiCall *c)
{
        Channel *ch;
        json_t *error = set_note(c, "topic", channels_set_topic, &ch);

        return error ? error : with_channel(c, ch);
}

static json_t *conversations_set_purpose(ApiCall *c)
{
        Channel *ch;
        json_t *error = set_note(c, "purpose", channels_set_purpose, &ch), *answer;

        if (error)
                return error;
        answer = with_channel(c, ch);
        json_put_str(answer, "purpose", arg_str(c->args, "purpose"));
        return answer;
}

/* --- who is in it --- */

static json_t *conversations_join(ApiCall *c)
{
        Channel *ch;
        const char *error = need_channel(c, WANT_NO_DIRECT | WANT_LIVE, &ch);
        json_t *answer;
        bool was_in;

        if (!error && ch->kind != CHANNEL_PUBLIC)
                error = "method_not_supported_for_channel_type";
        if (error)
                return api_error(error);
        was_in = channel_has_member(ch, c->user_id);
        if (!was_in)
                channels_join(c->l, ch, c->user_id, NULL);
        answer = with_channel(c, ch);
        if (was_in)
                api_add_warning(answer, "already_in_channel");
        return answer;
}

static json_t *conversations_leave(ApiCall *c)
{
        Channel *ch;
        const char *error = need_channel(c, WANT_NO_DIRECT | WANT_LIVE, &ch);

        if (!error && is_general(ch))
                error = "cant_leave_general";
        if (error)
                return api_error(error);
        if (!channel_has_member(ch, c->user_id))
                return json_pack("{s:b,s:b}", "ok", 1, "not_in_channel", 1);
        if (ch->n_members == 1 && ch->kind == CHANNEL_PRIVATE)
                return api_error("last_member");
        channels_leave(c->l, ch, c->user_id, NULL);
        return api_ok();
}

static json_t *conversations_kick(ApiCall *c)
{
        const User *user = state_find_user(c->l->state, arg_str(c->args, "user"));
        Channel *ch;
        const char *error = need_channel(c, WANT_NO_DIRECT | WANT_MEMBER | WANT_LIVE, &ch);

        if (!error && !user)
                error = "user_not_found";
        if (!error && str_equal(user->id, c->user_id))
                error = "cant_kick_self";
        if (!error && is_general(ch))
                error = "cant_kick_from_general";
        if (!error && !channel_has_member(ch, user->id))
                error = "not_in_channel";
        if (error)
                return api_error(error);
        channels_leave(c->l, ch, user->id, c->user_id);
        return api_ok();
}

/* NULL, or why this one cannot be invited. */
static const char *check_invitee(const ApiCall *c, const Channel *ch, const char *id)
{
        const User *u = state_find_user(c->l->state, id);

        if (!u || !str_equal(u->id, id))
                return "user_not_found";
        if (str_equal(id, c->user_id))
                return "cant_invite_self";
        if (u->is_deleted)
                return "cant_invite";
        return channel_has_member(ch, id) ? "already_in_channel" : NULL;
}

/* Invites all or none, or with `force` those who can be. One person's error is the answer's error; several
 * have each their own. */
static json_t *invite(ApiCall *c, Channel *ch, char *list)
{
        const char *wanted[INVITES_MAX], *good[INVITES_MAX], *first = NULL;
        bool force = arg_bool(c->args, "force", false);
        json_t *errors = json_array(), *answer;
        size_t n = 0, n_good = 0;

        for (char *save = NULL, *id = strtok_r(list, ", ", &save); id; id = strtok_r(NULL, ", ", &save)) {
                if (n == INVITES_MAX) {
                        json_decref(errors);
                        return api_error("too_many_users");
                }
                wanted[n++] = id;
        }
        for (size_t i = 0; i < n; i++) {
                const char *error = check_invitee(c, ch, wanted[i]);

                if (error)
                        json_array_append_new(errors, json_pack("{s:s,s:b,s:s}", "user", wanted[i], "ok", 0,
                                                                "error", error));
                else
                        good[n_good++] = wanted[i];
                if (error && !first)
                        first = error;
        }
        if (n == 0)
                answer = api_error("no_user");
        else if (first && !(force && n_good > 0))
                answer = api_error(first);
        else {
                for (size_t i = 0; i < n_good; i++)
                        if (!channel_has_member(ch, good[i])) /* named twice */
                                channels_join(c->l, ch, good[i], c->user_id);
                answer = with_channel(c, ch);
        }
        if (n > 1 && json_array_size(errors) > 0)
                json_object_set(answer, "errors", errors);
        json_decref(errors);
        return answer;
}

static json_t *conversations_invite(ApiCall *c)
{
        _cleanup_free_ char *list = mem_strdup(arg_str(c->args, "users"));
        Channel *ch;
        const char *error = need_channel(c, WANT_NO_DIRECT | WANT_MEMBER | WANT_LIVE, &ch);

        if (!error && str_empty(list))
                error = "no_user";
        return error ? api_error(error) : invite(c, ch, list);
}

/* --- direct messages --- */

static json_t *opened(const ApiCall *c, Channel *ch, bool was_open)
{
        bool full = arg_bool(c->args, "return_im", false);
        json_t *answer = json_pack("{s:b,s:o}", "ok", 1, "channel",
                                   full ? channels_render(ch, c->user_id) : json_pack("{s:s}", "id", ch->id));

        if (was_open && !ch->is_closed) {
                json_object_set_new(answer, "no_op", json_true());
                json_object_set_new(answer, "already_open", json_true());
        } else
                feed_emit(c->l->feed, "channel", json_pack("{s:s}", "channel", ch->id));
        ch->is_closed = false;
        return answer;
}

static json_t *open_users(ApiCall *c, char *list)
{
        const char *users[DIRECT_USERS_MAX + 1] = {c->user_id};
        bool was_open;
        size_t n = 1;
        Channel *ch;

        for (char *save = NULL, *id = strtok_r(list, ", ", &save); id; id = strtok_r(NULL, ", ", &save)) {
                const User *user = state_find_user(c->l->state, id);

                if (!user || !str_equal(user->id, id))
                        return api_error("user_not_found");
                if (user->is_deleted)
                        return api_error("user_disabled");
                if (n > DIRECT_USERS_MAX)
                        return api_error("too_many_users");
                if (!str_equal(user->id, c->user_id))
                        users[n++] = user->id;
        }
        if (n < 2)
                return api_error("not_enough_users");
        ch = state_open_direct(c->l->state, users, n, !arg_bool(c->args, "prevent_creation", false),
                               &was_open);
        return ch ? opened(c, ch, was_open) : api_error("channel_not_found");
}

static json_t *conversations_open(ApiCall *c)
{
        const char *users = arg_str(c->args, "users"), *error;
        _cleanup_free_ char *list = mem_strdup(users);
        Channel *ch;

        if (!str_empty(users))
                return open_users(c, list);
        if (str_empty(arg_str(c->args, "channel")))
                return api_error("users_list_not_supplied");
        error = need_channel(c, WANT_DIRECT, &ch);
        return error ? api_error(error) : opened(c, ch, true);
}

static json_t *conversations_close(ApiCall *c)
{
        Channel *ch;
        const char *error = need_channel(c, WANT_DIRECT, &ch);

        if (error)
                return api_error(error);
        if (ch->is_closed)
                return json_pack("{s:b,s:b,s:b}", "ok", 1, "no_op", 1, "already_closed", 1);
        ch->is_closed = true;
        return api_ok();
}

static json_t *conversations_mark(ApiCall *c)
{
        const char *ts = arg_str(c->args, "ts");
        Channel *ch;
        const char *error = need_channel(c, WANT_MEMBER, &ch);

        if (!error && !state_ts_valid(ts))
                error = "invalid_timestamp";
        if (error)
                return api_error(error);
        json_object_set_new(ch->last_read, c->user_id, json_string(ts));
        return api_ok();
}

ApiMethods api_channels_methods(void)
{
        static const ApiMethod rows[] = {
                {"conversations.create", conversations_create},
                {"conversations.rename", conversations_rename},
                {"conversations.archive", conversations_archive},
                {"conversations.unarchive", conversations_unarchive},
                {"conversations.setTopic", conversations_set_topic},
                {"conversations.setPurpose", conversations_set_purpose},
                {"conversations.join", conversations_join},
                {"conversations.leave", conversations_leave},
                {"conversations.kick", conversations_kick},
                {"conversations.invite", conversations_invite},
                {"conversations.open", conversations_open},
                {"conversations.close", conversations_close},
                {"conversations.mark", conversations_mark},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
