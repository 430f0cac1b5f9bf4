#include "rate.h"

#include <uthash.h>

typedef struct Bucket {
        char *key;
        double tokens;
        int64_t at_ms; /* of the last look */
        UT_hash_handle hh;
} Bucket;

struct Rate {
        Bucket *buckets; /* in the order of their last use */
};

Rate *rate_new(void)
{
        return mem_new(Rate);
}

static void drop(Rate *r, Bucket *b)
{
        HASH_DEL(r->buckets, b);
        free(b->key);
        free(b);
}

void rate_clear(Rate *r)
{
        while (r->buckets)
                drop(r, r->buckets);
}

void rate_free(Rate *r)
{
        if (!r)
                return;
        rate_clear(r);
        free(r);
}

/* The bucket of this key as it stands now, moved to the end of the list. */
static Bucket *look(Rate *r, const char *key, double capacity, double per_ms, int64_t now_ms)
{
        size_t n = strlen(key);
        Bucket *b;

        HASH_FIND(hh, r->buckets, key, n, b);
        if (b) {
                b->tokens = MIN2(capacity, b->tokens + per_ms * (double) (now_ms - b->at_ms));
                HASH_DEL(r->buckets, b);
        } else {
                if (HASH_COUNT(r->buckets) >= RATE_BUCKETS_MAX)
                        drop(r, r->buckets);
                b = mem_new(Bucket);
                b->key = mem_strdup(key);
                b->tokens = capacity;
        }
        b->at_ms = now_ms;
        HASH_ADD_KEYPTR(hh, r->buckets, b->key, n, b);
        return b;
}

/* Seconds to wait, 0 when there is a token. Takes none. What rounding loses is not the caller's loss. */
static int64_t wait_s(const Bucket *b, double per_ms)
{
        double seconds = (1 - b->tokens) / per_ms / 1000;
        int64_t whole = (int64_t) seconds;

        if (b->tokens >= 1 - 5e-7)
                return 0;
        return MAX2(whole + (seconds - (double) whole > 1e-6), 1);
}

typedef struct Limit {
        char *key;
        double capacity, per_ms;
} Limit;

static Limit make_limit(char *key, unsigned capacity, unsigned per_min, double scale)
{
        return (Limit){.key = key, .capacity = capacity, .per_ms = per_min / (60000.0 * scale)};
}

static unsigned tier_per_min(Tier tier)
{
        static const unsigned per_min[] = {[TIER_NONE] = 0,
                                           [TIER_1] = 1,
                                           [TIER_2] = 20,
                                           [TIER_3] = 50,
                                           [TIER_4] = 100,
                                           [TIER_600] = 600,
                                           [TIER_POST] = RATE_POST_TEAM_PER_MIN,
                                           [TIER_STATUS] = 60};

        return per_min[tier];
}

int64_t rate_take(Rate *r, const Method *m, const char *who, const char *channel, unsigned per_min,
                  double scale, int64_t now_ms)
{
        Bucket *buckets[2];
        Limit limits[2];
        size_t n = 0;
        int64_t wait = 0;

        if (per_min == 0)
                per_min = tier_per_min(m->tier);
        if (per_min == 0 || scale <= 0)
                return 0;
        if (m->tier == TIER_POST && channel)
                limits[n++] = make_limit(mem_printf("%s %s %s", m->name, who, channel), RATE_POST_BURST,
                                         RATE_POST_CHANNEL_PER_MIN, scale);
        limits[n++] =
                m->tier == TIER_STATUS && channel
                        ? make_limit(mem_printf("%s %s %s", m->name, who, channel), per_min, per_min, scale)
                        : make_limit(mem_printf("%s %s", m->name, who), per_min, per_min, scale);
        for (size_t i = 0; i < n; i++) {
                buckets[i] = look(r, limits[i].key, limits[i].capacity, limits[i].per_ms, now_ms);
                wait = MAX2(wait, wait_s(buckets[i], limits[i].per_ms));
        }
        /* A call that is refused costs nothing: it was not served. */
        for (size_t i = 0; i < n; i++) {
                if (wait == 0)
                        buckets[i]->tokens -= 1;
                free(limits[i].key);
        }
        return wait;
}
