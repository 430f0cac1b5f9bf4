#include "integrations/opencode/ledger.h"

void ledger_deinit(Ledger *l)
{
        free(l->entries);
        *l = (Ledger){0};
}

static LedgerEntry *at(Ledger *l, size_t i)
{
        return &l->entries[l->start + i];
}

/* The place of the first entry >= seq; l->n when there is none. */
static size_t find(Ledger *l, int64_t seq)
{
        size_t low = 0, high = l->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (at(l, middle)->seq < seq)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static void insert(Ledger *l, size_t place, int64_t seq)
{
        if (l->start + l->n == l->size) {
                /* Slide before growing: what was settled at the front is free space. */
                if (l->start > 0)
                        memmove(l->entries, l->entries + l->start, l->n * sizeof(*l->entries));
                l->start = 0;
                if (l->n * 2 >= l->size) {
                        l->size = MAX2(l->size * 2, (size_t) 64);
                        l->entries = mem_resize(l->entries, l->size * sizeof(*l->entries));
                }
        }
        memmove(at(l, place + 1), at(l, place), (l->n - place) * sizeof(*l->entries));
        *at(l, place) = (LedgerEntry){.seq = seq};
        l->n++;
}

static bool advance(Ledger *l)
{
        int64_t before = l->durable;

        while (l->n > 0 && at(l, 0)->durable) {
                l->durable = at(l, 0)->seq;
                l->start++;
                l->n--;
        }
        return l->durable != before;
}

void ledger_hello(Ledger *l, int64_t next_seq)
{
        /* The plugin will not repeat these, so nothing is lost by no longer waiting for them; their being
         * stored may still be under way, and ends in a ledger_settle() that finds nothing to do. */
        for (size_t i = 0; i < l->n && at(l, i)->seq < next_seq; i++)
                at(l, i)->durable = true;
        advance(l);
        l->highest = MAX2(l->highest, next_seq - 1);
}

LedgerVerdict ledger_receive(Ledger *l, int64_t seq, int64_t *ret_missing)
{
        size_t place;

        *ret_missing = 0;
        if (seq <= l->durable)
                return LEDGER_DURABLE;
        place = find(l, seq);
        if (place < l->n && at(l, place)->seq == seq)
                return at(l, place)->durable ? LEDGER_DURABLE : LEDGER_AGAIN;
        if (l->n >= LEDGER_WINDOW_MAX)
                return LEDGER_FULL;
        *ret_missing = MAX2(seq - l->highest - 1, (int64_t) 0);
        l->highest = MAX2(l->highest, seq);
        insert(l, place, seq);
        return LEDGER_NEW;
}

bool ledger_settle(Ledger *l, int64_t seq)
{
        size_t place = find(l, seq);

        if (place < l->n && at(l, place)->seq == seq)
                at(l, place)->durable = true;
        return advance(l);
}
