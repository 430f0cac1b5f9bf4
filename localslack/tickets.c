#include "tickets.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/digest.h"

Tickets *tickets_new(void)
{
        Tickets *t = mem_new(Tickets);

        t->salt = random_u64();
        t->trigger_life_ms = TRIGGER_LIFE_MS;
        t->url_life_ms = RESPONSE_URL_LIFE_MS;
        return t;
}

void tickets_free(Tickets *t)
{
        free(t);
}

static void copy_text(char *to, size_t size, const char *from)
{
        snprintf(to, size, "%s", from ? from : "");
}

/* Not a secret, only hard to hit by mistake: the last part of an identifier. */
static uint64_t scramble(uint64_t n, uint64_t salt)
{
        n = (n + salt) * 0x9e3779b97f4a7c15u;
        n ^= n >> 29;
        return n * 0xbf58476d1ce4e5b9u;
}

const char *tickets_make_trigger(Tickets *t, const char *user, const char *view_id, int64_t now_ms)
{
        uint64_t n = t->n_triggers++;
        Trigger *slot = &t->triggers[n % TRIGGERS_MAX];

        snprintf(slot->id, sizeof(slot->id), "%" PRIu64 ".%" PRIu64 ".%016" PRIx64, n, n % TRIGGERS_MAX,
                 scramble(n, t->salt));
        copy_text(slot->user, sizeof(slot->user), user);
        copy_text(slot->view_id, sizeof(slot->view_id), view_id);
        slot->expires_ms = now_ms + t->trigger_life_ms;
        slot->used = false;
        return slot->id;
}

const char *tickets_redeem_trigger(Tickets *t, const char *id, int64_t now_ms, const Trigger **ret)
{
        uint64_t n, slot_index;
        Trigger *slot;

        if (!id || sscanf(id, "%" SCNu64 ".%" SCNu64, &n, &slot_index) != 2 || slot_index >= TRIGGERS_MAX)
                return "invalid_trigger_id";
        slot = &t->triggers[slot_index];
        if (!str_equal(slot->id, id))
                return n < t->n_triggers ? "expired_trigger_id" : "invalid_trigger_id";
        if (slot->used)
                return "exchanged_trigger_id";
        if (now_ms > slot->expires_ms)
                return "expired_trigger_id";
        slot->used = true;
        *ret = slot;
        return NULL;
}

ResponseUrl *tickets_make_url(Tickets *t, const char *channel, const char *user, const char *ts,
                              const char *thread_ts, int64_t now_ms)
{
        uint64_t n = t->n_urls++;
        ResponseUrl *slot = &t->urls[n % RESPONSE_URLS_MAX];

        snprintf(slot->key, sizeof(slot->key), "%" PRIu64 "-%016" PRIx64, n % RESPONSE_URLS_MAX,
                 scramble(n, ~t->salt));
        copy_text(slot->channel, sizeof(slot->channel), channel);
        copy_text(slot->user, sizeof(slot->user), user);
        copy_text(slot->ts, sizeof(slot->ts), ts);
        copy_text(slot->thread_ts, sizeof(slot->thread_ts), thread_ts);
        slot->expires_ms = now_ms + t->url_life_ms;
        slot->uses = 0;
        return slot;
}

const char *tickets_use_url(Tickets *t, const char *key, int64_t now_ms, ResponseUrl **ret)
{
        uint64_t slot_index;
        ResponseUrl *slot;

        if (sscanf(key, "%" SCNu64, &slot_index) != 1 || slot_index >= RESPONSE_URLS_MAX)
                return "expired_url";
        slot = &t->urls[slot_index];
        if (!str_equal(slot->key, key) || now_ms > slot->expires_ms)
                return "expired_url";
        if (slot->uses >= RESPONSE_URL_USES_MAX)
                return "used_url";
        slot->uses++;
        *ret = slot;
        return NULL;
}
