#include "connectors/slack/echo.h"

#include <uthash.h>

#include "base/list.h"

#define EARLY_MAX 64
/* Then it is given up: Slack delivers late at times, but not so late. */
#define PATIENCE_MS (10 * 60 * 1000)

typedef struct Awaited {
        char *channel, *ts;
        int64_t since_ms;
        List link;
} Awaited;

typedef struct Known {
        UT_hash_handle hh;
        char channel[];
} Known;

struct SlackEcho {
        int64_t wait_ms, alive_ms;
        Known *known;
        List awaited; /* oldest first */
        size_t n_awaited;
        /* Echoes that came before the answer to their post. */
        char *early[EARLY_MAX];
        size_t n_early; /* ever */
};

SlackEcho *slack_echo_new(int64_t wait_ms)
{
        SlackEcho *e = mem_new(SlackEcho);

        e->wait_ms = wait_ms;
        e->alive_ms = INT64_MIN;
        list_init(&e->awaited);
        return e;
}

static void drop(SlackEcho *e, Awaited *a)
{
        list_remove(&a->link);
        e->n_awaited--;
        free(a->channel);
        free(a->ts);
        free(a);
}

static void unlearn(SlackEcho *e, const char *channel)
{
        Known *k;

        HASH_FIND_STR(e->known, channel, k);
        if (!k)
                return;
        HASH_DEL(e->known, k);
        free(k);
}

void slack_echo_free(SlackEcho *e)
{
        Known *k, *next;

        if (!e)
                return;
        while (!list_empty(&e->awaited))
                drop(e, list_first(&e->awaited, Awaited, link));
        HASH_ITER (hh, e->known, k, next) {
                HASH_DEL(e->known, k);
                free(k);
        }
        for (size_t i = 0; i < EARLY_MAX; i++)
                free(e->early[i]);
        free(e);
}

static bool knows(const SlackEcho *e, const char *channel)
{
        Known *k;

        HASH_FIND_STR(e->known, channel, k);
        return k != NULL;
}

void slack_echo_learn(SlackEcho *e, const char *channel)
{
        size_t n = strlen(channel);
        Known *k;

        if (knows(e, channel) || HASH_COUNT(e->known) >= SLACK_ECHO_CHANNELS_MAX)
                return;
        k = mem_zalloc(sizeof(*k) + n + 1);
        memcpy(k->channel, channel, n);
        HASH_ADD_STR(e->known, channel, k);
}

static bool came_early(SlackEcho *e, const char *channel, const char *ts)
{
        _cleanup_free_ char *key = mem_printf("%s %s", channel, ts);

        for (size_t i = 0; i < EARLY_MAX; i++)
                if (e->early[i] && str_equal(e->early[i], key))
                        return true;
        return false;
}

void slack_echo_posted(SlackEcho *e, const char *channel, const char *ts, int64_t now_ms)
{
        Awaited *a;

        if (!knows(e, channel) || came_early(e, channel, ts))
                return;
        if (e->n_awaited >= SLACK_ECHO_AWAITED_MAX)
                drop(e, list_first(&e->awaited, Awaited, link));
        a = mem_new(Awaited);
        a->channel = mem_strdup(channel);
        a->ts = mem_strdup(ts);
        a->since_ms = now_ms;
        list_append(&e->awaited, &a->link);
        e->n_awaited++;
}

void slack_echo_alive(SlackEcho *e, int64_t now_ms)
{
        e->alive_ms = now_ms;
        while (!list_empty(&e->awaited)) {
                Awaited *a = list_first(&e->awaited, Awaited, link);

                if (now_ms - a->since_ms < PATIENCE_MS)
                        break;
                drop(e, a);
        }
}

bool slack_echo_heard(SlackEcho *e, const char *channel, const char *ts, int64_t now_ms)
{
        bool is_new = !knows(e, channel);
        char **slot = &e->early[e->n_early++ % EARLY_MAX];

        slack_echo_alive(e, now_ms);
        free(*slot);
        *slot = mem_printf("%s %s", channel, ts);
        list_for_each_safe (node, &e->awaited) {
                Awaited *a = list_entry(node, Awaited, link);

                if (str_equal(a->ts, ts) && str_equal(a->channel, channel))
                        drop(e, a);
        }
        slack_echo_learn(e, channel);
        return is_new && knows(e, channel);
}

SlackHearing slack_echo_judge(const SlackEcho *e, int64_t now_ms)
{
        unsigned n_missing = 0;
        bool heard_since = true;

        list_for_each (node, &e->awaited) {
                const Awaited *a = list_entry(node, Awaited, link);

                if (now_ms - a->since_ms < e->wait_ms)
                        break;
                if (n_missing++ == 0)
                        heard_since = e->alive_ms > a->since_ms;
        }
        if (n_missing > 0 && !heard_since)
                return SLACK_DEAF;
        return n_missing >= SLACK_ECHO_HALF_DEAF ? SLACK_HALF_DEAF : SLACK_HEARS;
}

int64_t slack_echo_due_ms(const SlackEcho *e, int64_t now_ms)
{
        list_for_each (node, &e->awaited) {
                const Awaited *a = list_entry(node, Awaited, link);

                if (now_ms - a->since_ms < e->wait_ms)
                        return a->since_ms + e->wait_ms - now_ms;
        }
        return -1;
}

void slack_echo_forget(SlackEcho *e, bool also_unlearn)
{
        while (!list_empty(&e->awaited)) {
                Awaited *a = list_first(&e->awaited, Awaited, link);

                if (also_unlearn)
                        unlearn(e, a->channel);
                drop(e, a);
        }
}

json_t *slack_echo_channels(const SlackEcho *e)
{
        json_t *channels = json_array();
        Known *k, *next;

        HASH_ITER (hh, e->known, k, next)
                json_array_append_new(channels, json_string(k->channel));
        return channels;
}
