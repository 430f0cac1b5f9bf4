#include "connectors/slack/rate.h"

#include <math.h>
#include <uthash.h>

#define RESERVE_SHARE 0.25
/* A peer's Retry-After is believed up to this. */
#define BLOCK_MAX_MS (10 * 60 * 1000)

typedef struct Limit {
        double capacity;
        double per_ms;
} Limit;

#define PER_MINUTE(_n)                                                                                       \
        {                                                                                                    \
                (_n), (_n) / 60000.0                                                                         \
        }

static const struct {
        const char *method;
        Limit limit;
} limits[] = {
        /* The documents say tier 3 and the SDKs tier 1; this allows what reconnecting needs, and no storm. */
        {"apps.connections.open", {10, 10 / 60000.0}},
        {"auth.test", PER_MINUTE(600)},
        {"chat.delete", PER_MINUTE(50)},
        {"chat.getPermalink", PER_MINUTE(600)},
        {"chat.postEphemeral", PER_MINUTE(100)},
        {"chat.postMessage", PER_MINUTE(300)}, /* "several hundred" per workspace */
        {"chat.update", PER_MINUTE(50)},
        {"conversations.history", PER_MINUTE(50)},
        {"conversations.info", PER_MINUTE(50)},
        {"conversations.list", PER_MINUTE(20)},
        {"conversations.open", PER_MINUTE(50)},
        {"conversations.replies", PER_MINUTE(50)},
        {"reactions.add", PER_MINUTE(50)},
        {"reactions.remove", PER_MINUTE(20)},
        {"users.info", PER_MINUTE(100)},
        {"users.list", PER_MINUTE(20)},
        {"views.open", PER_MINUTE(100)},
        {"views.publish", PER_MINUTE(100)},
        {"views.push", PER_MINUTE(100)},
        {"views.update", PER_MINUTE(100)},
};
static const Limit other_limit = PER_MINUTE(50);
static const Limit channel_limit = {5, 1 / 1000.0};

typedef struct Bucket {
        Limit whole, limit; /* limit: our part of it */
        double tokens;      /* negative when calls were made without asking */
        int64_t filled_ms;  /* `tokens` is as of then; in the future while blocked */
        UT_hash_handle hh;
        char key[];
} Bucket;

struct SlackRate {
        unsigned n_sharing;
        Bucket *buckets; /* uthash keeps the order of insertion; a used bucket is moved to the end */
};

SlackRate *slack_rate_new(void)
{
        SlackRate *r = mem_new(SlackRate);

        r->n_sharing = 1;
        return r;
}

static void drop(SlackRate *r, Bucket *b)
{
        HASH_DEL(r->buckets, b);
        free(b);
}

void slack_rate_free(SlackRate *r)
{
        if (!r)
                return;
        while (r->buckets)
                drop(r, r->buckets);
        free(r);
}

static Limit find_limit(const char *method)
{
        for (size_t i = 0; i < ELEMENTSOF(limits); i++)
                if (strcmp(limits[i].method, method) == 0)
                        return limits[i].limit;
        return other_limit;
}

/* A part of a limit; whoever may call at all may call once. */
static Limit part_of(Limit whole, unsigned n_sharing)
{
        return (Limit){MAX2(whole.capacity / n_sharing, 1), whole.per_ms / n_sharing};
}

void slack_rate_set_share(SlackRate *r, unsigned n)
{
        r->n_sharing = MAX2(n, 1u);
        for (Bucket *b = r->buckets; b; b = b->hh.next) {
                b->limit = part_of(b->whole, r->n_sharing);
                b->tokens = MIN2(b->tokens, b->limit.capacity);
        }
}

static bool is_per_channel(const char *method, const char *channel)
{
        return channel && *channel && strcmp(method, "chat.postMessage") == 0;
}

static void fill(Bucket *b, int64_t now_ms)
{
        if (now_ms <= b->filled_ms)
                return;
        b->tokens = MIN2(b->limit.capacity, b->tokens + (double) (now_ms - b->filled_ms) * b->limit.per_ms);
        b->filled_ms = now_ms;
}

static Bucket *get(SlackRate *r, const char *key, Limit limit, int64_t now_ms)
{
        size_t n_key = strlen(key);
        Bucket *b;

        HASH_FIND(hh, r->buckets, key, n_key, b);
        if (b) {
                HASH_DELETE(hh, r->buckets, b);
                fill(b, now_ms);
        } else {
                if (HASH_COUNT(r->buckets) >= SLACK_RATE_BUCKETS_MAX)
                        drop(r, r->buckets);
                b = mem_zalloc(sizeof(*b) + n_key + 1);
                memcpy(b->key, key, n_key);
                b->whole = limit;
                b->limit = part_of(limit, r->n_sharing);
                b->tokens = b->limit.capacity;
                b->filled_ms = now_ms;
        }
        HASH_ADD_KEYPTR(hh, r->buckets, b->key, n_key, b);
        return b;
}

/* The buckets that a call draws from: the method's, and for chat.postMessage the channel's. */
static unsigned find(SlackRate *r, const char *method, const char *channel, int64_t now_ms, Bucket *ret[2])
{
        unsigned n = 0;

        if (is_per_channel(method, channel)) {
                _cleanup_free_ char *key = mem_printf("%s %s", method, channel);

                ret[n++] = get(r, key, channel_limit, now_ms);
        }
        ret[n++] = get(r, method, find_limit(method), now_ms);
        return n;
}

static int64_t wait_ms(const Bucket *b, bool urgent, int64_t now_ms)
{
        double reserve = urgent ? 0 : b->limit.capacity * RESERVE_SHARE;
        /* A bucket of one token has no room for a reserve. */
        double needed = MIN2(1 + reserve, MAX2(b->limit.capacity, 1));
        int64_t wait = MAX2(b->filled_ms - now_ms, (int64_t) 0); /* while blocked */

        /* Rounding errors of the filling must not make a caller wait for the last billionth of a token. */
        if (b->tokens + 1e-9 < needed)
                wait += (int64_t) ceil((needed - b->tokens) / b->limit.per_ms - 1e-6);
        return wait;
}

int64_t slack_rate_wait_ms(SlackRate *r, const char *method, const char *channel, bool urgent, int64_t now_ms)
{
        Bucket *buckets[2];
        unsigned n = find(r, method, channel, now_ms, buckets);
        int64_t wait = 0;

        for (unsigned i = 0; i < n; i++)
                wait = MAX2(wait, wait_ms(buckets[i], urgent, now_ms));
        return wait;
}

void slack_rate_take(SlackRate *r, const char *method, const char *channel, int64_t now_ms)
{
        Bucket *buckets[2];
        unsigned n = find(r, method, channel, now_ms, buckets);

        for (unsigned i = 0; i < n; i++)
                /* The debt is bounded, so that a burst of perishable calls cannot close a method for minutes.
                 */
                buckets[i]->tokens = MAX2(buckets[i]->tokens - 1, -buckets[i]->limit.capacity);
}

void slack_rate_block(SlackRate *r, const char *method, const char *channel, int64_t retry_after_ms,
                      int64_t now_ms)
{
        Bucket *buckets[2];

        /* Slack does not say which limit it was; the narrowest is the likely one. */
        find(r, method, channel, now_ms, buckets);
        buckets[0]->tokens = MIN2(buckets[0]->tokens, 1); /* the call that Slack invites to */
        buckets[0]->filled_ms = MAX2(buckets[0]->filled_ms, now_ms + MIN2(MAX2(retry_after_ms, (int64_t) 0),
                                                                          (int64_t) BLOCK_MAX_MS));
}

size_t slack_rate_n_buckets(const SlackRate *r)
{
        return HASH_COUNT(r->buckets);
}
