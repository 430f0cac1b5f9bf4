/* Which of the shards a replica should take, and which give up: a pure function of who is alive and who owns
 * what. All that see the same come to an even division, and move no more shards than that needs. */
#pragma once

#include "store/journal.h"

typedef uint64_t ShardSet; /* a bit per shard */
_Static_assert(JOURNAL_SHARDS == 64, "a set of shards is one word");

static inline bool shards_have(ShardSet set, unsigned shard)
{
        return set >> shard & 1;
}
static inline ShardSet shards_of(unsigned shard)
{
        return (ShardSet) 1 << shard;
}
static inline unsigned shards_count(ShardSet set)
{
        return (unsigned) __builtin_popcountll(set);
}

/* `owners`: 0 = nobody who is alive. `members`: ids of the replicas that want shards, ascending. One that is
 * no member (it is leaving) gives up everything. */
void shards_plan(const int64_t owners[JOURNAL_SHARDS], const int64_t *members, size_t n_members, int64_t me,
                 ShardSet *ret_take, ShardSet *ret_give_up);
