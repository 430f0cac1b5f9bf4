/* conversations.*, what only reads: reference §3.2, §3.4 and Appendix A. */
#include "agents-channels.h"
#include "api.h"

#include "args.h"
#include "channels.h"

static json_t *render_channel(ApiCall *c, const Channel *ch, bool with_count)
{
        json_t *out = channels_render(ch, c->user_id);

        if (with_count)
                json_put_int(out, "num_members", (int64_t) ch->n_members);
        return out;
}

static json_t *conversations_info(ApiCall *c)
{
        const Channel *ch = api_need_channel(c, "channel");
        json_t *channel;

        if (!ch)
                return api_error("channel_not_found");
        channel = render_channel(c, ch, arg_bool(c->args, "include_num_members", false));
        if (arg_bool(c->args, "include_locale", false))
                json_put_str(channel, "locale", "en-US");
        if (code_channels_find(c->l->code_channels, ch->id))
                json_object_set_new(channel, "properties", code_channels_properties(c->l, ch->id));
        return json_pack("{s:b,s:o}", "ok", 1, "channel", channel);
}

static const char *const type_names[] = {[CHANNEL_PUBLIC] = "public_channel",
                                         [CHANNEL_PRIVATE] = "private_channel",
                                         [CHANNEL_IM] = "im",
                                         [CHANNEL_MPIM] = "mpim"};

/* The kinds that `types` asks for, as bits; false: there is something else in it. */
static bool read_types(const char *types, unsigned *ret)
{
        *ret = 0;
        if (str_empty(types))
                types = "public_channel";
        for (const char *p = types; *p;) {
                size_t n = strcspn(p, ",");
                unsigned kind = 0;

                while (n > 0 && *p == ' ') {
                        p++;
                        n--;
                }
                while (kind < CHANNEL_KINDS &&
                       (strlen(type_names[kind]) != n || strncmp(type_names[kind], p, n) != 0))
                        kind++;
                if (kind == CHANNEL_KINDS)
                        return false;
                *ret |= 1u << kind;
                p += n + (p[n] == ',');
        }
        return true;
}

/* Each kind that is asked for needs its own scope. */
static json_t *check_type_scopes(const ApiCall *c, unsigned kinds)
{
        for (ChannelKind kind = CHANNEL_PUBLIC; kind < CHANNEL_KINDS; kind++) {
                _cleanup_free_ char *needed = method_scopes(method_find(c->method), c->token, kind);

                if ((kinds & (1u << kind)) && !scopes_suffice(needed, c->granted))
                        return api_missing_scope(c, needed);
        }
        return NULL;
}

/* The channels that are in `member_id` (NULL: of anybody) and that the caller may see. */
static json_t *list_channels(ApiCall *c, const char *member_id)
{
        const State *s = c->l->state;
        const Channel *found[STATE_CHANNELS_MAX];
        bool no_archived = arg_bool(c->args, "exclude_archived", false);
        json_t *channels, *answer;
        const char *error;
        unsigned kinds;
        size_t n = 0;
        ApiPage page;

        if (!read_types(arg_str(c->args, "types"), &kinds))
                return api_error("invalid_types");
        answer = check_type_scopes(c, kinds);
        if (answer)
                return answer;
        for (size_t i = 0; i < s->n_channels; i++) {
                const Channel *ch = s->channels[i];

                if ((kinds & (1u << ch->kind)) && !(no_archived && ch->is_archived) &&
                    (ch->kind == CHANNEL_PUBLIC || channel_has_member(ch, c->user_id)) &&
                    (!member_id || channel_has_member(ch, member_id)))
                        found[n++] = ch;
        }
        if (!api_page(c, n, 100, 999, &page, &error))
                return api_error(error);
        channels = json_array();
        for (size_t i = page.from; i < page.to; i++)
                json_array_append_new(channels, render_channel(c, found[i], !member_id));
        answer = json_pack("{s:b,s:o}", "ok", 1, "channels", channels);
        api_put_next_cursor(answer, &page);
        return answer;
}

static json_t *conversations_list(ApiCall *c)
{
        return list_channels(c, NULL);
}

static json_t *users_conversations(ApiCall *c)
{
        const char *name = arg_str(c->args, "user");
        const User *u = state_find_user(c->l->state, str_empty(name) ? c->user_id : name);

        return u ? list_channels(c, u->id) : api_error("user_not_found");
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
        return !m->parent || str_equal(json_str(message_body(m), "subtype"), "thread_broadcast");
}

/* A bot reads what it is in; people also what they could join. */
static const char *check_readable(const ApiCall *c, const Channel *ch)
{
        if (!ch)
                return "channel_not_found";
        return c->token == TOKEN_BOT && !channel_has_member(ch, c->user_id) ? "not_in_channel" : NULL;
}

static void reverse(const Message **list, size_t n)
{
        for (size_t i = 0; i < n / 2; i++) {
                const Message *other = list[n - 1 - i];

                list[n - 1 - i] = list[i];
                list[i] = other;
        }
}

/* Newest first. With `oldest` alone it is the page nearest to it that is given, so that one can go forward
 * ("oldest, inclusive, limit 1" finds one message); the order within a page stays. */
static json_t *conversations_history(ApiCall *c)
{
        const Channel *ch = api_need_channel(c, "channel");
        _cleanup_free_ const Message **found = NULL;
        const char *error = check_readable(c, ch);
        json_t *answer;
        bool forward;
        size_t n = 0;
        ApiPage page;
        Span span;

        if (!error)
                error = read_span(c, &span);
        if (error)
                return api_error(error);
        forward = span.oldest && !span.latest;
        found = mem_zalloc((ch->n_messages + 1) * sizeof(*found));
        for (size_t i = ch->n_messages; i-- > 0;)
                if (in_history(ch->messages[i]) && in_span(&span, ch->messages[i]->ts))
                        found[n++] = ch->messages[i];
        if (forward)
                reverse(found, n);
        if (!seek(c, found, n, 100, 999, &page, &error))
                return api_error(error);
        if (forward)
                reverse(found + page.from, page.to - page.from);
        answer = api_ok();
        if (span.latest)
                json_put_str(answer, "latest", span.latest);
        put_messages(answer, found, &page, arg_bool(c->args, "include_all_metadata", false));
        json_put_int(answer, "pin_count", (int64_t) json_array_size(ch->pins));
        return answer;
}

static json_t *conversations_replies(ApiCall *c)
{
        const Channel *ch = api_need_channel(c, "channel");
        const char *error = check_readable(c, ch);
        _cleanup_free_ const Message **found = NULL;
        const Message *root;
        json_t *answer;
        size_t n = 0;
        ApiPage page;
        Span span;

        if (error)
                return api_error(error);
        root = channel_find_message(ch, arg_str(c->args, "ts"));
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

static json_t *conversations_members(ApiCall *c)
{
        const Channel *ch = api_need_channel(c, "channel");
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
                {"conversations.members", conversations_members},
                {"users.conversations", users_conversations},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
