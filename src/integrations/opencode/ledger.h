/* Which events of one bridge_id are durable: a window of sequence numbers, without I/O.
 *
 * The plugin counts its durable events 1, 2, 3 … and keeps them until an `ack` covers them, so an ack of N
 * may be sent only when every event up to N that the plugin could still repeat is stored. Storing may finish
 * in any order. A number that never came (the plugin's buffer overflowed, or a message was beyond reading)
 * can not be waited for: it is reported as a gap and then counts as settled; `reconcile` repairs what it
 * told. */
#pragma once

#include "base/macro.h"

/* Twice what a plugin may buffer: reached only by one that ignores the protocol. */
#define LEDGER_WINDOW_MAX 20000

typedef struct LedgerEntry {
        int64_t seq;
        bool durable;
} LedgerEntry;

typedef struct Ledger {
        int64_t durable; /* everything up to here is settled; 0 = nothing yet */
        int64_t highest; /* the highest seq seen or announced */
        LedgerEntry
                *entries; /* ascending, all > durable; a ring is not worth it: it is short or being refused */
        size_t n, size, start;
} Ledger;

void ledger_deinit(Ledger *l); /* `(Ledger) {0}` is valid and new */

/* A connection began: the plugin holds nothing below `next_seq` any more. */
void ledger_hello(Ledger *l, int64_t next_seq);

typedef enum LedgerVerdict {
        LEDGER_NEW,     /* hand it up */
        LEDGER_AGAIN,   /* came before and is not known to be durable: hand it up again */
        LEDGER_DURABLE, /* stored already: acknowledge, do not hand up */
        LEDGER_FULL,    /* the window is full; the event was not taken */
} LedgerVerdict;

/* An event arrived. *ret_missing = how many numbers before it were never seen (a gap), usually 0. */
LedgerVerdict ledger_receive(Ledger *l, int64_t seq, int64_t *ret_missing);

/* This one event is durable. Any order; unknown and repeated numbers are harmless. True when l->durable
 * moved. */
bool ledger_settle(Ledger *l, int64_t seq);

/* Whether a number that was read from a refused frame may be believed: a wild one would settle the future. */
static inline bool ledger_is_plausible(const Ledger *l, int64_t seq)
{
        return seq > 0 && seq <= l->highest + LEDGER_WINDOW_MAX;
}

/* The first event that is not stored; 0 = none. */
static inline int64_t ledger_oldest(const Ledger *l)
{
        return l->n > 0 ? l->entries[l->start].seq : 0;
}

static inline size_t ledger_pending(const Ledger *l)
{
        return l->n;
}
