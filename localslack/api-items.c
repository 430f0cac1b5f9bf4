/* What is attached to messages and channels: reactions, pins, bookmarks; reference §3.2 and Appendix A. */
#include "api.h"

#include "args.h"
#include "blocks.h"
#include "channels.h"
#include "messages.h"

#define BOOKMARK_TITLE_MAX 256
#define BOOKMARK_LINK_MAX  2048
#define REACTIONS_PAGE     100

static const char emoji_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789_+-':";

/* The message that `channel` and `timestamp` name. NULL, or Slack's error. */
static const char *find_item(const ApiCall *c, Channel **ret_channel, Message **ret)
{
        const char *ts = arg_str(c->args, "timestamp");

        if (str_empty(arg_str(c->args, "channel")) || str_empty(ts))
                return "no_item_specified";
        *ret_channel = api_need_channel(c, "channel");
        if (!*ret_channel)
                return "channel_not_found";
        if (!state_ts_valid(ts))
                return "bad_timestamp";
        *ret = channel_find_message(*ret_channel, ts);
        return *ret && !message_is_tombstone(*ret) ? NULL : "message_not_found";
}

/* --- reactions --- */

static json_t *react(ApiCall *c, bool add)
{
        const char *name = arg_str(c->args, "name"), *error;
        Channel *ch;
        Message *m;

        if (strlen(name) > 100 || name[strspn(name, emoji_chars)])
                return api_error("invalid_name");
        error = find_item(c, &ch, &m);
        if (!error && ch->is_archived)
                error = "is_archived";
        if (error)
                return api_error(error);
        switch (messages_react(c->l, ch, m, name, c->user_id, add)) {
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
        const char *error;
        Channel *ch;
        Message *m;

        error = find_item(c, &ch, &m);
        if (error)
                return api_error(error);
        return json_pack("{s:b,s:s,s:s,s:o}", "ok", 1, "type", "message", "channel", ch->id, "message",
                         message_render(m, false));
}

static bool has_reacted(const Message *m, const char *user)
{
        const json_t *all = json_object_get(message_body(m), "reactions");
        size_t i, k;
        json_t *one, *id;

        json_array_foreach ((json_t *) all, i, one)
                json_array_foreach (json_object_get(one, "users"), k, id)
                        if (str_equal(json_string_value(id), user))
                                return true;
        return false;
}

/* What somebody reacted to, channel by channel, the newest first. */
static json_t *reactions_list(ApiCall *c)
{
        const State *s = c->l->state;
        const char *user = arg_str(c->args, "user"), *error;
        json_t *all = json_array(), *items, *answer;
        ApiPage page;

        if (str_empty(user))
                user = c->user_id;
        for (size_t i = 0; i < s->n_channels; i++) {
                const Channel *ch = s->channels[i];

                if (!channel_has_member(ch, c->user_id))
                        continue;
                for (size_t k = ch->n_messages; k-- > 0;)
                        if (has_reacted(ch->messages[k], user))
                                json_array_append_new(all, json_pack("{s:s,s:s,s:o}", "type", "message",
                                                                     "channel", ch->id, "message",
                                                                     message_render(ch->messages[k], false)));
        }
        if (!api_page(c, json_array_size(all), REACTIONS_PAGE, 1000, &page, &error)) {
                json_decref(all);
                return api_error(error);
        }
        items = json_array();
        for (size_t i = page.from; i < page.to; i++)
                json_array_append(items, json_array_get(all, i));
        json_decref(all);
        answer = json_pack("{s:b,s:o}", "ok", 1, "items", items);
        api_put_next_cursor(answer, &page);
        return answer;
}

/* --- pins --- */

static json_t *pin(ApiCall *c, bool add)
{
        const char *error;
        Channel *ch;
        Message *m;

        error = find_item(c, &ch, &m);
        if (!error && !channel_has_member(ch, c->user_id))
                error = "not_in_channel";
        if (!error && ch->is_archived)
                error = "is_archived";
        if (!error && add && channel_find_pin(ch, m->ts) != SIZE_MAX)
                error = "already_pinned";
        if (!error && !channels_pin(c->l, ch, m, c->user_id, add))
                error = add ? "too_many_pins" : "no_pin";
        return error ? api_error(error) : api_ok();
}

static json_t *pins_add(ApiCall *c)
{
        return pin(c, true);
}

static json_t *pins_remove(ApiCall *c)
{
        return pin(c, false);
}

/* The newest pin first. */
static json_t *pins_list(ApiCall *c)
{
        const Channel *ch = api_need_channel(c, "channel");
        json_t *items;

        if (!ch)
                return api_error("channel_not_found");
        if (!channel_has_member(ch, c->user_id))
                return api_error("not_in_channel");
        items = json_array();
        for (size_t i = json_array_size(ch->pins); i-- > 0;) {
                const json_t *one = json_array_get(ch->pins, i);
                const Message *m = channel_find_message(ch, json_str(one, "ts"));

                if (m)
                        json_array_append_new(items, json_pack("{s:s,s:s,s:I,s:s,s:o}", "type", "message",
                                                               "channel", ch->id, "created",
                                                               (json_int_t) json_int(one, "created", 0),
                                                               "created_by", json_str(one, "user"), "message",
                                                               message_render(m, false)));
        }
        return json_pack("{s:b,s:o}", "ok", 1, "items", items);
}

/* --- bookmarks --- */

/* The channel, if the caller may work on its bookmarks. */
static const char *need_board(const ApiCall *c, Channel **ret)
{
        *ret = api_need_channel(c, "channel_id");
        if (!*ret)
                return "channel_not_found";
        return channel_has_member(*ret, c->user_id) ? NULL : "permission_denied";
}

/* NULL, or the answer with what is wrong with title, link or emoji, as far as they are given. */
static json_t *check_bookmark(const ApiCall *c)
{
        const char *title = arg_str(c->args, "title"), *link = arg_str(c->args, "link"),
                   *emoji = arg_str(c->args, "emoji");
        size_t n_emoji = emoji ? strlen(emoji) : 0;

        if (title && blocks_count_chars(title) > BOOKMARK_TITLE_MAX)
                return api_invalid_arguments("must be less than %d characters [json-pointer:/title]",
                                             BOOKMARK_TITLE_MAX + 1);
        if (link && blocks_count_chars(link) > BOOKMARK_LINK_MAX)
                return api_invalid_arguments("must be less than %d characters [json-pointer:/link]",
                                             BOOKMARK_LINK_MAX + 1);
        if (link && !str_starts_with(link, "http://") && !str_starts_with(link, "https://"))
                return api_error("invalid_link");
        if (n_emoji > 0 &&
            (n_emoji < 3 || *emoji != ':' || emoji[n_emoji - 1] != ':' || emoji[strspn(emoji, emoji_chars)]))
                return api_error("invalid_emoji");
        return NULL;
}

static void put_changes(const ApiCall *c, json_t *bookmark)
{
        static const char *const fields[] = {"title", "link", "emoji"};

        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (arg_str(c->args, fields[i]))
                        json_put_str(bookmark, fields[i], arg_str(c->args, fields[i]));
        json_put_str(bookmark, "last_updated_by_user_id", c->user_id);
        json_put_str(bookmark, "last_updated_by_team_id", TEAM_ID);
}

static json_t *answer_bookmark(const ApiCall *c, const Channel *ch, json_t *bookmark)
{
        feed_emit(c->l->feed, "channel", json_pack("{s:s}", "channel", ch->id));
        return json_pack("{s:b,s:O}", "ok", 1, "bookmark", bookmark);
}

static json_t *bookmarks_add(ApiCall *c)
{
        _cleanup_free_ char *plain = NULL, *id = NULL;
        json_t *bookmark, *answer;
        Channel *ch;
        const char *error = need_board(c, &ch);

        if (error)
                return api_error(error);
        if (!str_equal(arg_str(c->args, "type"), "link"))
                return api_error("invalid_bookmark_type");
        if (str_empty(arg_str(c->args, "link")))
                return api_error("invalid_link");
        answer = check_bookmark(c);
        if (answer)
                return answer;
        if (json_array_size(ch->bookmarks) >= STATE_BOOKMARKS_MAX)
                return api_error("too_many_bookmarks");
        plain = state_new_id(c->l->state, 'k');
        id = mem_printf("B%s", plain);
        bookmark = json_pack("{s:s,s:s,s:s,s:s,s:n,s:s,s:n,s:I,s:i,s:s,s:n,s:n}", "id", id, "channel_id",
                             ch->id, "type", "link", "emoji", "", "icon_url", "link", "", "entity_id",
                             "date_created", (json_int_t) (c->l->state->clock_ms() / 1000), "date_updated", 0,
                             "rank", "", "shortcut_id", "app_id");
        put_changes(c, bookmark);
        /* Ranks are texts that sort in the order in which the bookmarks stand. */
        json_object_set_new(bookmark, "rank",
                            json_sprintf("g%06llu", (unsigned long long) c->l->state->last_id));
        json_array_append_new(ch->bookmarks, bookmark);
        return answer_bookmark(c, ch, bookmark);
}

static json_t *bookmarks_edit(ApiCall *c)
{
        json_t *bookmark, *answer;
        Channel *ch;
        const char *error = need_board(c, &ch);

        if (error)
                return api_error(error);
        bookmark = channel_find_bookmark(ch, arg_str(c->args, "bookmark_id"), NULL);
        if (!bookmark)
                return api_error("not_found");
        answer = check_bookmark(c);
        if (answer)
                return answer;
        put_changes(c, bookmark);
        json_put_int(bookmark, "date_updated", c->l->state->clock_ms() / 1000);
        return answer_bookmark(c, ch, bookmark);
}

static json_t *bookmarks_remove(ApiCall *c)
{
        Channel *ch;
        const char *error = need_board(c, &ch);
        size_t i;

        if (error)
                return api_error(error);
        if (!channel_find_bookmark(ch, arg_str(c->args, "bookmark_id"), &i))
                return api_error("not_found");
        json_array_remove(ch->bookmarks, i);
        feed_emit(c->l->feed, "channel", json_pack("{s:s}", "channel", ch->id));
        return api_ok();
}

static json_t *bookmarks_list(ApiCall *c)
{
        Channel *ch;
        const char *error = need_board(c, &ch);

        return error ? api_error(error)
                     : json_pack("{s:b,s:o}", "ok", 1, "bookmarks", json_deep_copy(ch->bookmarks));
}

ApiMethods api_items_methods(void)
{
        static const ApiMethod rows[] = {
                {"reactions.add", reactions_add},
                {"reactions.remove", reactions_remove},
                {"reactions.get", reactions_get},
                {"reactions.list", reactions_list},
                {"pins.add", pins_add},
                {"pins.remove", pins_remove},
                {"pins.list", pins_list},
                {"bookmarks.add", bookmarks_add},
                {"bookmarks.edit", bookmarks_edit},
                {"bookmarks.remove", bookmarks_remove},
                {"bookmarks.list", bookmarks_list},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
