#include "connectors/slack/probe.h"

#include "base/clock.h"
#include "base/log.h"

#define COMPONENT "slack.asks"

#define PAGE_SIZE 200
/* A channel with more messages than this since the ask is read no further; the client_msg_id that every post
 * carries is then the only guard against a double. */
#define PAGES_MAX 25
/* The message is stamped with Slack's clock. How long ago it was asked for is only as right as ours was when
 * the process was started anew, and a page more costs nothing. */
#define CLOCK_SLACK_MS (10 * 60 * 1000)

typedef struct Probe {
        SlackWeb *web;
        Ask *ask;
        unsigned n_pages;
        char *channel; /* as Slack named it; NULL = as asked */
        char *ts;      /* the one that stays: given, or the oldest that was found; NULL = none */
        bool is_given;
        json_t *doubles;
} Probe;

static void probe_free(void *userdata)
{
        Probe *p = userdata;

        free(p->channel);
        free(p->ts);
        json_decref(p->doubles);
        free(p);
}

void slack_ask_fail(Ask *ask, const SlackWebResult *result)
{
        switch (result->outcome) {
        case SLACK_WEB_RATE_LIMITED:
        case SLACK_WEB_UNSENT:
                ask_tempfail(ask, result->error, result->detail, false, result->retry_after_ms);
                break;
        case SLACK_WEB_UNKNOWN:
                ask_tempfail(ask, result->error, result->detail, true, result->retry_after_ms);
                break;
        case SLACK_WEB_OK:
        case SLACK_WEB_ERROR: ask_permfail(ask, result->error, result->detail); break;
        }
}

/* Ours on this page: one stays, what else carries the same key is a double. */
static void take_ours(Probe *p, const json_t *messages)
{
        const json_t *message;
        size_t i;

        json_array_foreach (messages, i, message) {
                const char *ts = json_str(message, "ts");

                if (!ts || !str_equal(json_str(message, "metadata.event_type"), SLACK_METADATA_TYPE) ||
                    !str_equal(json_str(message, "metadata.event_payload.oid"), p->ask->key))
                        continue;
                if (!p->ts)
                        p->ts = mem_strdup(ts);
                else if (!p->is_given && strcmp(ts, p->ts) < 0) { /* a history comes newest first */
                        json_array_append_new(p->doubles, json_string(p->ts));
                        mem_strset(&p->ts, ts);
                } else if (!str_equal(p->ts, ts))
                        json_array_append_new(p->doubles, json_string(ts));
        }
}

static void end(Probe *p)
{
        Ask *ask = p->ask;
        const char *channel = p->channel ? p->channel : json_str(ask->args, "channel");
        json_t *value = p->ts ? json_pack("{s:s?, s:s}", "channel", channel, "ts", p->ts) : NULL;

        probe_free(p);
        if (value)
                ask_ok(ask, value);
        else
                ask_absent(ask);
}

static void delete_next(Probe *p);

static void on_deleted(void *userdata, const SlackWebResult *result)
{
        Probe *p = userdata;
        Ask *ask = p->ask;

        if (result->outcome == SLACK_WEB_RATE_LIMITED || result->outcome == SLACK_WEB_UNSENT ||
            result->outcome == SLACK_WEB_UNKNOWN) {
                probe_free(p); /* looked for again, and found again */
                ask_tempfail(ask, result->error, result->detail, true, result->retry_after_ms);
                return;
        }
        if (result->outcome == SLACK_WEB_ERROR && !str_equal(result->error, "message_not_found"))
                log_warn(COMPONENT, "%s %s: its double stays in the channel: %s", ask->verb, ask->key,
                         result->error);
        json_array_remove(p->doubles, 0);
        delete_next(p);
}

static void delete_next(Probe *p)
{
        const char *double_ts = json_string_value(json_array_get(p->doubles, 0));

        if (!double_ts) {
                end(p);
                return;
        }
        log_info(COMPONENT, "%s %s: is there twice, at %s and %s; the latter goes", p->ask->verb, p->ask->key,
                 p->ts, double_ts);
        slack_web_call_owned(
                p->web, "chat.delete",
                json_pack("{s:s?, s:s}", "channel", json_str(p->ask->args, "channel"), "ts", double_ts),
                on_deleted, probe_free, p);
}

static void read_page(Probe *p, const char *cursor);

static void on_page(void *userdata, const SlackWebResult *result)
{
        Probe *p = userdata;
        Ask *ask = p->ask;
        const char *cursor;

        if (result->outcome == SLACK_WEB_ERROR) {
                /* The thread is gone, or the app may not read here: the post itself will tell, or has. */
                log_warn(COMPONENT, "%s %s: cannot look whether it has happened: %s", ask->verb, ask->key,
                         result->error);
                end(p);
                return;
        }
        if (result->outcome != SLACK_WEB_OK) {
                probe_free(p);
                /* Whatever became of this read, the post is as uncertain as before. */
                ask_tempfail(ask, result->error, result->detail, true, result->retry_after_ms);
                return;
        }
        take_ours(p, json_object_get(result->body, "messages"));
        cursor = json_str(result->body, "response_metadata.next_cursor");
        if (!str_empty(cursor) && p->n_pages < PAGES_MAX)
                read_page(p, cursor);
        else
                delete_next(p);
}

static void read_page(Probe *p, const char *cursor)
{
        const json_t *args = p->ask->args;
        const char *thread_ts = json_str(args, "thread_ts");
        int64_t age_ms = clock_boottime_ms() - p->ask->since_ms;
        int64_t oldest_ms = slack_web_now_ms(p->web) - age_ms - CLOCK_SLACK_MS;
        _cleanup_free_ char *oldest = mem_printf("%lld.%06lld", (long long) (oldest_ms / 1000),
                                                 (long long) (oldest_ms % 1000 * 1000));
        json_t *form = json_pack("{s:s?, s:s?, s:s, s:b, s:b, s:i}", "channel", json_str(args, "channel"),
                                 "ts", thread_ts, "oldest", oldest, "inclusive", 1, "include_all_metadata", 1,
                                 "limit", PAGE_SIZE);

        if (cursor)
                json_put_str(form, "cursor", cursor);
        p->n_pages++;
        slack_web_call_owned(p->web, thread_ts ? "conversations.replies" : "conversations.history", form,
                             on_page, probe_free, p);
}

static Probe *probe_new(SlackWeb *web, Ask *ask)
{
        Probe *p = mem_new(Probe);

        p->web = web;
        p->ask = ask;
        p->doubles = json_array();
        return p;
}

void slack_probe_post(SlackWeb *web, Ask *ask)
{
        read_page(probe_new(web, ask), NULL);
}

static void on_later(void *userdata)
{
        read_page(userdata, NULL);
}

void slack_probe_doubles(SlackWeb *web, Ask *ask, const char *channel, const char *ts)
{
        Probe *p = probe_new(web, ask);

        p->channel = mem_strdup(channel);
        p->ts = mem_strdup(ts);
        p->is_given = true;
        slack_web_later(web, SLACK_DOUBLES_AFTER_MS, on_later, probe_free, p);
}
