#include "store/shards.h"

static ShardSet owned_by(const int64_t owners[JOURNAL_SHARDS], int64_t id)
{
        ShardSet set = 0;

        for (unsigned s = 0; s < JOURNAL_SHARDS; s++)
                if (owners[s] == id)
                        set |= shards_of(s);
        return set;
}

void shards_plan(const int64_t owners[JOURNAL_SHARDS], const int64_t *members, size_t n_members, int64_t me,
                 ShardSet *ret_take, ShardSet *ret_give_up)
{
        ShardSet mine = owned_by(owners, me), unowned = owned_by(owners, 0);
        size_t rank = 0, share;

        *ret_take = *ret_give_up = 0;
        while (rank < n_members && members[rank] != me)
                rank++;
        if (rank == n_members) {
                *ret_give_up = mine;
                return;
        }
        share = JOURNAL_SHARDS / n_members + (rank < JOURNAL_SHARDS % n_members);
        for (unsigned s = JOURNAL_SHARDS; shards_count(mine & ~*ret_give_up) > share;)
                *ret_give_up |= mine & shards_of(--s);
        /* Each begins elsewhere, so that two that look at once seldom want the same ones. */
        for (unsigned i = 0; i < JOURNAL_SHARDS && shards_count(mine | *ret_take) < share; i++)
                *ret_take |= unowned &
                             shards_of((unsigned) (rank * JOURNAL_SHARDS / n_members + i) % JOURNAL_SHARDS);
}
