#include "connectors/slack/probe.h"

#include "base/log.h"

#define COMPONENT "slack.asks"

#define PAGE_SIZE 200
/* A channel with more messages than this since the ask is read no further; the client_msg_id that every post
 * carries is then the only guard against a double. */
#define PAGES_MAX 25
/* Slack's clock and ours differ, and the message is stamped with Slack's. */
#define CLOCK_SLACK_MS 5000

typedef struct Probe {
        SlackWeb *web;
        Ask *ask;
        unsigned n_pages;
} Probe;

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

static const json_t *find_ours(const json_t *messages, const char *key)
{
        const json_t *message;
        size_t i;

        json_array_foreach (messages, i, message)
                if (str_equal(json_str(message, "metadata.event_type"), SLACK_METADATA_TYPE) &&
                    str_equal(json_str(message, "metadata.event_payload.oid"), key) &&
                    json_str(message, "ts"))
                        return message;
        return NULL;
}

static void read_page(Probe *p, const char *cursor);

static void on_page(void *userdata, const SlackWebResult *result)
{
        Probe *p = userdata;
        Ask *ask = p->ask;
        const json_t *ours;
        const char *cursor;

        if (result->outcome == SLACK_WEB_ERROR) {
                /* The thread is gone, or the app may not read here: the post itself will tell. */
                log_warn(COMPONENT, "%s %s: cannot look whether it has happened: %s", ask->verb, ask->key,
                         result->error);
                free(p);
                ask_absent(ask);
                return;
        }
        if (result->outcome != SLACK_WEB_OK) {
                free(p);
                /* Whatever became of this read, the post is as uncertain as before. */
                ask_tempfail(ask, result->error, result->detail, true, result->retry_after_ms);
                return;
        }
        ours = find_ours(json_object_get(result->body, "messages"), ask->key);
        cursor = json_str(result->body, "response_metadata.next_cursor");
        if (ours) {
                free(p);
                ask_ok(ask, json_pack("{s:s?, s:s}", "channel", json_str(ask->args, "channel"), "ts",
                                      json_str(ours, "ts")));
        } else if (!str_empty(cursor) && p->n_pages < PAGES_MAX)
                read_page(p, cursor);
        else {
                free(p);
                ask_absent(ask);
        }
}

static void read_page(Probe *p, const char *cursor)
{
        const json_t *args = p->ask->args;
        const char *thread_ts = json_str(args, "thread_ts");
        int64_t oldest_ms = p->ask->created_ms - CLOCK_SLACK_MS;
        _cleanup_free_ char *oldest = mem_printf("%lld.%06lld", (long long) (oldest_ms / 1000),
                                                 (long long) (oldest_ms % 1000 * 1000));
        json_t *form = json_pack("{s:s?, s:s?, s:s, s:b, s:b, s:i}", "channel", json_str(args, "channel"),
                                 "ts", thread_ts, "oldest", oldest, "inclusive", 1, "include_all_metadata", 1,
                                 "limit", PAGE_SIZE);

        if (cursor)
                json_put_str(form, "cursor", cursor);
        p->n_pages++;
        slack_web_call_owned(p->web, thread_ts ? "conversations.replies" : "conversations.history", form,
                             on_page, free, p);
}

void slack_probe_post(SlackWeb *web, Ask *ask)
{
        Probe *p = mem_new(Probe);

        p->web = web;
        p->ask = ask;
        read_page(p, NULL);
}
