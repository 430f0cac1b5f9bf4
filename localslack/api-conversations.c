/* conversations.*: reference §3.2, §3.4 and Appendix A. */
#include "api.h"

#include "args.h"

static json_t *render_direct(const Channel *ch)
{
        const char *other = ch->n_members && str_equal(ch->members[0], BOT_USER) && ch->n_members > 1
                                    ? ch->members[1]
                                    : ch->members[0];
        json_t *out = json_pack("{s:s,s:I,s:b,s:b,s:s,s:b,s:i}", "id", ch->id, "created",
                                (json_int_t) ch->created_s, "is_im", 1, "is_org_shared", 0, "user", other,
                                "is_user_deleted", 0, "priority", 0);

        json_object_set_new(out, "is_open", json_true());
        return out;
}

static json_t *render_channel(const Channel *ch, bool with_count)
{
        json_t *out;

        if (ch->kind == CHANNEL_IM) {
                out = render_direct(ch);
        } else {
                out = json_pack("{s:s,s:s,s:b,s:b,s:b,s:b,s:b,s:I,s:b,s:b,s:i,s:s,s:b,s:b,s:b}", "id", ch->id,
                                "name", ch->name, "is_channel", ch->kind == CHANNEL_PUBLIC, "is_group",
                                ch->kind == CHANNEL_PRIVATE, "is_im", 0, "is_mpim", ch->kind == CHANNEL_MPIM,
                                "is_private", ch->kind != CHANNEL_PUBLIC, "created",
                                (json_int_t) ch->created_s, "is_archived", 0, "is_general",
                                str_equal(ch->name, "general"), "unlinked", 0, "name_normalized", ch->name,
                                "is_shared", 0, "is_org_shared", 0, "is_ext_shared", 0);
                json_put_str(out, "context_team_id", TEAM_ID);
                json_put_str(out, "creator", "U0ANN");
                json_object_set_new(out, "is_member", json_boolean(channel_has_member(ch, BOT_USER)));
                json_object_set_new(out, "topic",
                                    json_pack("{s:s,s:s,s:i}", "value", "", "creator", "", "last_set", 0));
                json_object_set_new(out, "purpose",
                                    json_pack("{s:s,s:s,s:i}", "value", "", "creator", "", "last_set", 0));
                json_object_set_new(out, "previous_names", json_array());
        }
        if (with_count)
                json_put_int(out, "num_members", (int64_t) ch->n_members);
        return out;
}

static json_t *conversations_info(ApiCall *c)
{
        const Channel *ch = api_find_channel(c, "channel", false);

        if (!ch)
                return api_error("channel_not_found");
        return json_pack("{s:b,s:o}", "ok", 1, "channel",
                         render_channel(ch, arg_bool(c->args, "include_num_members", false)));
}

static bool type_wanted(const char *types, ChannelKind kind)
{
        static const char *const names[] = {[CHANNEL_PUBLIC] = "public_channel",
                                            [CHANNEL_PRIVATE] = "private_channel",
                                            [CHANNEL_IM] = "im",
                                            [CHANNEL_MPIM] = "mpim"};
        size_t n = strlen(names[kind]);

        for (const char *p = types; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
                if (strncmp(p, names[kind], n) == 0 && (p[n] == ',' || !p[n]))
                        return true;
        return false;
}

static json_t *conversations_list(ApiCall *c)
{
        const State *s = c->l->state;
        const char *types = arg_str(c->args, "types"), *error;
        const Channel *found[STATE_CHANNELS_MAX];
        json_t *channels = json_array(), *answer;
        size_t n = 0;
        ApiPage page;

        for (size_t i = 0; i < s->n_channels; i++)
                if (type_wanted(str_empty(types) ? "public_channel" : types, s->channels[i]->kind) &&
                    (s->channels[i]->kind == CHANNEL_PUBLIC || channel_has_member(s->channels[i], BOT_USER)))
                        found[n++] = s->channels[i];
        if (!api_page(c, n, 100, 999, &page, &error)) {
                json_decref(channels);
                return api_error(error);
        }
        for (size_t i = page.from; i < page.to; i++)
                json_array_append_new(channels, render_channel(found[i], true));
        answer = json_pack("{s:b,s:o}", "ok", 1, "channels", channels);
        api_put_next_cursor(answer, &page);
        return answer;
}

typedef struct Span {
        const char *oldest, *latest;
        bool inclusive;
} Span;

/* `oldest` and `latest` may be "0", "1700000000" or whole timestamps; compared as decimal numbers. */
static int compare_ts(const char *a, const char *b)
{
        size_t na = strcspn(a, "."), nb = strcspn(b, ".");

        if (na != nb)
                return na < nb ? -1 : 1;
        return strcmp(a, b);
}

static bool in_span(const Span *span, const char *ts)
{
        int low = span->oldest ? compare_ts(ts, span->oldest) : 1,
            high = span->latest ? compare_ts(ts, span->latest) : -1;

        return (low > 0 || (low == 0 && span->inclusive)) && (high < 0 || (high == 0 && span->inclusive));
}

static const char *read_span(ApiCall *c, Span *ret)
{
        const char *oldest = arg_str(c->args, "oldest"), *latest = arg_str(c->args, "latest");

        *ret = (Span){.inclusive = arg_bool(c->args, "inclusive", false)};
        if (!str_empty(oldest) && !str_equal(oldest, "0")) {
                if (oldest[strspn(oldest, "0123456789.")])
                        return "invalid_ts_oldest";
                ret->oldest = oldest;
        }
        if (!str_empty(latest) && !str_equal(latest, "now")) {
                if (latest[strspn(latest, "0123456789.")])
                        return "invalid_ts_latest";
                ret->latest = latest;
        }
        return NULL;
}

/* A page of messages continues at a timestamp, not at a number: what is posted between two calls must neither
 * repeat nor hide a message. Finds where the cursor of the call points into `found`. */
static bool seek(ApiCall *c, const Message *const *found, size_t n, size_t limit_default, size_t limit_max,
                 ApiPage *ret, const char **ret_error)
{
        const char *cursor = arg_str(c->args, "cursor");
        int64_t limit = arg_int(c->args, "limit", (int64_t) limit_default);
        char ts[STATE_TS_SIZE];

        *ret = (ApiPage){0};
        if (limit == 0)
                limit = (int64_t) limit_default;
        if (limit < 0 || limit > (int64_t) limit_max) {
                *ret_error = "invalid_limit";
                return false;
        }
        if (!str_empty(cursor)) {
                if (!api_decode_ts_cursor(cursor, ts)) {
                        *ret_error = "invalid_cursor";
                        return false;
                }
                while (ret->from < n && !str_equal(found[ret->from]->ts, ts))
                        ret->from++;
        }
        ret->to = MIN2(n, ret->from + (size_t) limit);
        ret->more = ret->to < n;
        return true;
}

static void put_messages(json_t *answer, const Message *const *found, const ApiPage *page, bool with_metadata)
{
        json_t *messages = json_array();

        for (size_t i = page->from; i < page->to; i++)
                json_array_append_new(messages, message_render(found[i], with_metadata));
        json_object_set_new(answer, "messages", messages);
        json_object_set_new(answer, "has_more", json_boolean(page->more));
        if (page->more)
                api_put_ts_cursor(answer, found[page->to]->ts);
}

/* Replies show in the history only when they were broadcast. */
static bool in_history(const Message *m)
{
        return !m->parent || str_equal(json_str(m->body, "subtype"), "thread_broadcast");
}

static json_t *conversations_history(ApiCall *c)
{
        const Channel *ch = api_find_channel(c, "channel", false);
        _cleanup_free_ const Message **found = NULL;
        json_t *answer;
        const char *error;
        size_t n = 0;
        ApiPage page;
        Span span;

        if (!ch)
                return api_error("channel_not_found");
        if (!channel_has_member(ch, BOT_USER))
                return api_error("not_in_channel");
        error = read_span(c, &span);
        if (error)
                return api_error(error);
        found = mem_zalloc((ch->n_messages + 1) * sizeof(*found));
        for (size_t i = ch->n_messages; i-- > 0;)
                if (in_history(ch->messages[i]) && in_span(&span, ch->messages[i]->ts))
                        found[n++] = ch->messages[i];
        if (!seek(c, found, n, 100, 999, &page, &error))
                return api_error(error);
        answer = api_ok();
        put_messages(answer, found, &page, arg_bool(c->args, "include_all_metadata", false));
        json_put_int(answer, "pin_count", 0);
        return answer;
}

static json_t *conversations_replies(ApiCall *c)
{
        const Channel *ch = api_find_channel(c, "channel", false);
        const Message *root = ch ? channel_find_message(ch, arg_str(c->args, "ts")) : NULL;
        _cleanup_free_ const Message **found = NULL;
        json_t *answer;
        const char *error;
        size_t n = 0;
        ApiPage page;
        Span span;

        if (!ch)
                return api_error("channel_not_found");
        if (!root)
                return api_error("thread_not_found");
        if (root->parent)
                root = root->parent;
        error = read_span(c, &span);
        if (error)
                return api_error(error);
        found = mem_zalloc((root->n_replies + 1) * sizeof(*found));
        found[n++] = root; /* first, whatever the span */
        for (size_t i = 0; i < root->n_replies; i++)
                if (in_span(&span, root->replies[i]->ts))
                        found[n++] = root->replies[i];
        if (!seek(c, found, n, 1000, 1000, &page, &error))
                return api_error(error);
        answer = api_ok();
        put_messages(answer, found, &page, arg_bool(c->args, "include_all_metadata", false));
        return answer;
}

static json_t *conversations_join(ApiCall *c)
{
        Channel *ch = api_find_channel(c, "channel", false);
        bool was_in = ch && channel_has_member(ch, BOT_USER);
        json_t *answer;

        if (!ch)
                return api_error("channel_not_found");
        if (channel_is_direct(ch))
                return api_error("method_not_supported_for_channel_type");
        channel_add_member(ch, BOT_USER);
        answer = json_pack("{s:b,s:o}", "ok", 1, "channel", render_channel(ch, false));
        if (was_in)
                api_add_warning(answer, "already_in_channel");
        else
                feed_emit(c->l->feed, "channel", json_pack("{s:s}", "channel", ch->id));
        return answer;
}

#define DIRECT_USERS_MAX 8

static json_t *open_users(ApiCall *c, char *list)
{
        const char *users[DIRECT_USERS_MAX + 1] = {BOT_USER};
        bool was_open, full = arg_bool(c->args, "return_im", false);
        size_t n = 1;
        Channel *ch;
        json_t *answer;

        for (char *save = NULL, *id = strtok_r(list, ", ", &save); id; id = strtok_r(NULL, ", ", &save)) {
                const User *user = state_find_user(c->l->state, id);

                if (!user)
                        return api_error("user_not_found");
                if (n > DIRECT_USERS_MAX)
                        return api_error("too_many_users");
                if (!str_equal(user->id, BOT_USER))
                        users[n++] = user->id;
        }
        if (n < 2)
                return api_error("not_enough_users");
        ch = state_open_direct(c->l->state, users, n, !arg_bool(c->args, "prevent_creation", false),
                               &was_open);
        if (!ch)
                return api_error("channel_not_found");
        answer = json_pack("{s:b,s:o}", "ok", 1, "channel",
                           full ? render_channel(ch, false) : json_pack("{s:s}", "id", ch->id));
        if (was_open) {
                json_object_set_new(answer, "no_op", json_true());
                json_object_set_new(answer, "already_open", json_true());
        } else
                feed_emit(c->l->feed, "channel", json_pack("{s:s}", "channel", ch->id));
        return answer;
}

static json_t *conversations_open(ApiCall *c)
{
        const char *users = arg_str(c->args, "users"), *channel = arg_str(c->args, "channel");
        _cleanup_free_ char *list = mem_strdup(users);
        const Channel *ch;

        if (!str_empty(users))
                return open_users(c, list);
        if (str_empty(channel))
                return api_error("users_list_not_supplied");
        ch = api_find_channel(c, "channel", false);
        if (!ch)
                return api_error("channel_not_found");
        if (!channel_is_direct(ch))
                return api_error("method_not_supported_for_channel_type");
        return json_pack("{s:b,s:b,s:b,s:{s:s}}", "ok", 1, "no_op", 1, "already_open", 1, "channel", "id",
                         ch->id);
}

static json_t *conversations_members(ApiCall *c)
{
        const Channel *ch = api_find_channel(c, "channel", false);
        json_t *members, *answer;
        const char *error;
        ApiPage page;

        if (!ch)
                return api_error("channel_not_found");
        if (!api_page(c, ch->n_members, 100, 1000, &page, &error))
                return api_error(error);
        members = json_array();
        for (size_t i = page.from; i < page.to; i++)
                json_array_append_new(members, json_string(ch->members[i]));
        answer = json_pack("{s:b,s:o}", "ok", 1, "members", members);
        api_put_next_cursor(answer, &page);
        return answer;
}

ApiMethods api_conversations_methods(void)
{
        static const ApiMethod rows[] = {
                {"conversations.info", conversations_info},
                {"conversations.list", conversations_list},
                {"conversations.history", conversations_history},
                {"conversations.replies", conversations_replies},
                {"conversations.join", conversations_join},
                {"conversations.open", conversations_open},
                {"conversations.members", conversations_members},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
