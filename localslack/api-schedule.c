/* chat.scheduleMessage, deleteScheduledMessage, scheduledMessages.list; reference Appendix A. */
#include "api-chat.h"

#include "args.h"
#include "schedule.h"

#define LIST_LIMIT     100
#define LIST_LIMIT_MAX 1000

/* What will be posted, as far as it is known. */
static json_t *render_delayed(const Scheduled *m)
{
        json_t *out = json_deep_copy(m->fields);

        json_put_str(out, "type", "delayed_message");
        if (str_equal(m->user, BOT_USER)) {
                json_put_str(out, "subtype", "bot_message");
                json_put_str(out, "bot_id", BOT_ID);
        }
        return out;
}

static json_t *schedule_message(ApiCall *c)
{
        Channel *ch = api_find_channel(c, "channel", true);
        const char *warning, *error;
        int64_t post_at_s = arg_int(c->args, "post_at", -1);
        json_t *fields, *answer = chat_check_channel(c, ch);
        const Scheduled *m;
        Message *parent;

        if (!answer && post_at_s < 0)
                answer = api_error("invalid_time");
        if (!answer)
                answer = chat_find_thread(c, ch, &parent);
        if (!answer)
                answer = chat_check_content(c, CONTENT_SCHEDULED, &fields, &warning);
        if (answer)
                return answer;
        json_put_str(fields, "user", c->user_id);
        error = schedule_add(c->l->schedule, ch, c->user_id, post_at_s, fields, parent ? parent->ts : NULL,
                             arg_bool(c->args, "reply_broadcast", false), &m);
        if (error)
                return api_error(error);
        return json_pack("{s:b,s:s,s:s,s:I,s:o}", "ok", 1, "channel", ch->id, "scheduled_message_id", m->id,
                         "post_at", (json_int_t) m->post_at_s, "message", render_delayed(m));
}

static json_t *delete_scheduled_message(ApiCall *c)
{
        const Channel *ch = api_find_channel(c, "channel", false);

        if (!ch)
                return api_error("channel_not_found");
        return schedule_remove(c->l->schedule, ch->id, arg_str(c->args, "scheduled_message_id"))
                       ? api_ok()
                       : api_error("invalid_scheduled_message_id");
}

/* "oldest" and "latest" are times of posting, in seconds; false: not a number. */
static bool arg_time(ApiCall *c, const char *name, double fallback, double *ret)
{
        const json_t *v = json_object_get(c->args, name);
        const char *text = json_string_value(v);
        char *end = NULL;

        *ret = fallback;
        if (json_is_number(v))
                *ret = json_number_value(v);
        else if (!str_empty(text))
                *ret = strtod(text, &end);
        return !end || !*end;
}

static json_t *list_scheduled_messages(ApiCall *c)
{
        bool one = !str_empty(arg_str(c->args, "channel"));
        const Channel *ch = one ? api_find_channel(c, "channel", false) : NULL;
        const Scheduled *found[SCHEDULE_MAX], *m;
        json_t *list, *answer;
        double oldest, latest;
        const char *error;
        size_t n = 0;
        ApiPage page;

        if (one && !ch)
                return api_error("invalid_channel");
        if (!arg_time(c, "oldest", 0, &oldest) || !arg_time(c, "latest", 1e12, &latest))
                return api_invalid_arguments("oldest and latest must be timestamps");
        for (size_t i = 0; (m = schedule_at(c->l->schedule, i)); i++)
                if (str_equal(m->user, c->user_id) && (!ch || str_equal(m->channel, ch->id)) &&
                    (double) m->post_at_s >= oldest && (double) m->post_at_s <= latest)
                        found[n++] = m;
        if (!api_page(c, n, LIST_LIMIT, LIST_LIMIT_MAX, &page, &error))
                return api_error(error);
        list = json_array();
        for (size_t i = page.from; i < page.to; i++)
                json_array_append_new(list, json_pack("{s:s,s:s,s:I,s:I,s:s}", "id", found[i]->id,
                                                      "channel_id", found[i]->channel, "post_at",
                                                      (json_int_t) found[i]->post_at_s, "date_created",
                                                      (json_int_t) found[i]->created_s, "text",
                                                      json_str_or(found[i]->fields, "text", "")));
        answer = json_pack("{s:b,s:o}", "ok", 1, "scheduled_messages", list);
        api_put_next_cursor(answer, &page);
        return answer;
}

ApiMethods api_schedule_methods(void)
{
        static const ApiMethod rows[] = {
                {"chat.scheduleMessage", schedule_message},
                {"chat.deleteScheduledMessage", delete_scheduled_message},
                {"chat.scheduledMessages.list", list_scheduled_messages},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
