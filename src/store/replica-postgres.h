/* The gateways on one PostgreSQL: who is alive, and who has which shards. Each renews a row of its own every
 * second, takes shards that nobody has who is alive, and tells what it sees. A thread of its own with a
 * connection of its own. */
#pragma once

#include "loop/loop.h"
#include "store/shards.h"

#define REPLICA_LEASE_MS 4000 /* after so long without renewal others take what one has */
#define REPLICAS_MAX     64

typedef struct Replica Replica;

typedef struct ReplicaPeer {
        int64_t id;
        char *url; /* where it is reached: "http://10.0.0.7:8000" */
        unsigned n_bridges, n_sockets;
        bool leaving;
} ReplicaPeer;

/* The database as one renewal found it, what was taken included. */
typedef struct ReplicaView {
        unsigned number;    /* ours, 0 to 63; may be another one after an absence */
        ReplicaPeer *peers; /* the others that are alive, by id; owned by the view */
        size_t n_peers;
        int64_t owners[JOURNAL_SHARDS]; /* 0 = nobody who is alive */
        int64_t epochs[JOURNAL_SHARDS];
        ShardSet give_up; /* of ours: more than our share */
} ReplicaView;

typedef struct ReplicaConfig {
        const char *database_url; /* borrowed for the replica's life */
        /* On the loop thread, after every renewal. replica_holds() is true again only after it has returned.
         * The view is borrowed until then. */
        void (*on_view)(void *userdata, const ReplicaView *view);
        void *userdata;
} ReplicaConfig;

Replica *replica_new(Loop *loop, const ReplicaConfig *config); /* with an id, and quiet */
void replica_start(Replica *r, const char *url);               /* where others reach us; once */
/* From now on, and at once: so many connections to plugins and to Slack; it takes no more shards, and asks
 * its owner to give up all. Look again now. */
void replica_set_connections(Replica *r, unsigned n_bridges, unsigned n_sockets);
void replica_leave(Replica *r);
void replica_look(Replica *r);
/* Takes its row back, so that nobody waits for it to run out. Takes NULL. */
void replica_free(Replica *r);

int64_t replica_id(const Replica *r); /* of the owners' ids; > 0 */
/* By our own monotonic clock, which goes on while the process is paused. While false, nothing may be done to
 * the outside world: another may have taken our shards. Loop thread. */
bool replica_holds(const Replica *r);
