/* The database's clock decides when a replica counts as dead for others, our monotonic clock when for
 * ourselves: ours is counted from before the request, theirs from after it, so that we stop first.
 *
 * What a replica that was paused still writes is refused by the journal's fence (journal_fence()): whoever
 * takes a shard begins a new epoch of it. The paused one learns with its next view what it has lost, and may
 * act again only when its owner has heard of that. */
#include "store/replica-postgres.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "store/postgres.h"

#define MARGIN_MS          250
#define RENEW_MS           1000
#define RETRY_MS           250
#define TIMEOUT_MS         2000
#define MIGRATE_TIMEOUT_MS 60000
/* After an absence of the database nobody is dead before all had time to renew. */
#define MERCY_MS 3000

/* What its row is to say. */
typedef struct Wishes {
        bool leaving;
        unsigned n_bridges, n_sockets;
} Wishes;

struct Replica {
        ReplicaConfig config;
        char *url;
        bool started;
        int64_t id, valid_until_ms; /* the latter is the loop's */
        char name[48];
        LoopWake *wake;
        pthread_t thread;
        /* The thread's: */
        PGconn *conn;
        bool migrated, complained;
        int64_t renewed_ms, mercy_until_ms; /* monotonic */
        pthread_mutex_t mutex;              /* guards what follows */
        pthread_cond_t changed;
        bool stop, look;
        Wishes wishes;
        bool has_view;
        ReplicaView view; /* the newest that the loop has not seen */
        int64_t view_valid_until_ms;
};

static void view_deinit(ReplicaView *v)
{
        for (size_t i = 0; i < v->n_peers; i++)
                free(v->peers[i].url);
        free(v->peers);
        *v = (ReplicaView){0};
}

/* ---- one look, on the thread ---- */

static int connect_now(Replica *r)
{
        _cleanup_free_ char *error = NULL;
        int result = postgres_connect(&r->conn, r->config.database_url, r->name, TIMEOUT_MS, &error);

        if (result >= 0 && !r->migrated) {
                result = postgres_migrate(r->conn, MIGRATE_TIMEOUT_MS);
                r->migrated = result == 0;
        }
        if (result >= 0)
                /* A shard whose former owner hangs in a transaction is tried again with the next look. */
                result = result > 0 ? result : postgres_run(r->conn, "SET lock_timeout = '1s'", TIMEOUT_MS);
        if (result == 0) {
                r->complained = false;
                return 0;
        }
        if (!r->complained)
                log_error("replica", "%s",
                          result > 0 ? "the database was written by a newer version of this program"
                          : error    ? error
                                     : strerror(-result));
        r->complained = true;
        if (r->conn)
                PQfinish(take(r->conn));
        return result < 0 ? error_trace(result) : error_origin(-EPROTO);
}

static int beat(Replica *r, ReplicaView *view, const Wishes *wishes)
{
        _cleanup_free_ char *id = mem_printf("%lld", (long long) r->id);
        _cleanup_free_ char *ms = mem_printf("%d", REPLICA_LEASE_MS);
        _cleanup_free_ char *bridges = mem_printf("%u", wishes->n_bridges);
        _cleanup_free_ char *sockets = mem_printf("%u", wishes->n_sockets);
        const char *params[] = {id, ms, r->url, bridges, sockets, wishes->leaving ? "t" : "f"};
        _cleanup_result_ PGresult *result =
                postgres_query(r->conn, "SELECT replica_beat($1, $2, $3, $4, $5, $6)", 6, params, TIMEOUT_MS);

        if (!result)
                return error_origin(-EIO);
        if (PQgetisnull(result, 0, 0)) { /* 64 are alive, or were a moment ago */
                log_error("replica", "there are too many gateways on this database");
                return error_origin(-EUSERS);
        }
        view->number = (unsigned) postgres_int(result, 0, 0);
        return 0;
}

static int read_peers(Replica *r, ReplicaView *view)
{
        _cleanup_free_ char *id = mem_printf("%lld", (long long) r->id);
        const char *params[] = {id};
        _cleanup_result_ PGresult *result = postgres_query(
                r->conn,
                "SELECT id, url, n_bridges, n_sockets, leaving FROM replica WHERE id <> $1 AND "
                "expires_at > clock_timestamp() ORDER BY id",
                1, params, TIMEOUT_MS);

        if (!result)
                return error_origin(-EIO);
        view->n_peers = (size_t) PQntuples(result);
        view->peers = mem_zalloc(MAX2(view->n_peers, (size_t) 1) * sizeof(*view->peers));
        for (int i = 0; i < PQntuples(result); i++)
                view->peers[i] = (ReplicaPeer){.id = postgres_int(result, i, 0),
                                               .url = postgres_text(result, i, 1),
                                               .n_bridges = (unsigned) postgres_int(result, i, 2),
                                               .n_sockets = (unsigned) postgres_int(result, i, 3),
                                               .leaving = PQgetvalue(result, i, 4)[0] == 't'};
        return 0;
}

static bool is_peer(const ReplicaView *view, int64_t id)
{
        for (size_t i = 0; i < view->n_peers; i++)
                if (view->peers[i].id == id)
                        return true;
        return false;
}

/* `merciful`: an owner who seems dead counts as alive. */
static int read_shards(Replica *r, ReplicaView *view, bool merciful)
{
        _cleanup_result_ PGresult *result =
                postgres_query(r->conn, "SELECT id, coalesce(owner, 0), epoch FROM shard WHERE id < 64", 0,
                               NULL, TIMEOUT_MS);

        if (!result)
                return error_origin(-EIO);
        for (int i = 0; i < PQntuples(result); i++) {
                size_t shard = (size_t) postgres_int(result, i, 0);
                int64_t owner = postgres_int(result, i, 1);

                view->owners[shard] = owner == r->id || is_peer(view, owner) || merciful ? owner : 0;
                view->epochs[shard] = postgres_int(result, i, 2);
        }
        return 0;
}

static int take_shards(Replica *r, ReplicaView *view, ShardSet wanted)
{
        _cleanup_free_ char *id = mem_printf("%lld", (long long) r->id);
        _cleanup_buf_ Buf shards = {0};
        const char *params[] = {id, NULL};
        _cleanup_result_ PGresult *result = NULL;

        for (unsigned s = 0; s < JOURNAL_SHARDS; s++)
                if (shards_have(wanted, s))
                        buf_printf(&shards, "%c%u", buf_len(&shards) ? ',' : '{', s);
        buf_append_char(&shards, '}');
        params[1] = buf_bytes(&shards);
        result = postgres_query(r->conn, "SELECT id, epoch FROM replica_take($1, $2)", 2, params, TIMEOUT_MS);
        if (!result)
                return error_origin(-EIO);
        for (int i = 0; i < PQntuples(result); i++) {
                size_t shard = (size_t) postgres_int(result, i, 0);

                view->owners[shard] = r->id;
                view->epochs[shard] = postgres_int(result, i, 1);
        }
        if (PQntuples(result) > 0)
                log_info("replica", "took %d of 64 shards, %zu other gateways are alive", PQntuples(result),
                         view->n_peers);
        return 0;
}

static void divide(const Replica *r, ReplicaView *view, bool leaving, ShardSet *ret_take)
{
        int64_t members[REPLICAS_MAX + 1];
        size_t n = 0;
        bool added = leaving;

        for (size_t i = 0; i < view->n_peers && n < REPLICAS_MAX; i++) {
                if (view->peers[i].leaving)
                        continue;
                if (!added && r->id < view->peers[i].id) {
                        members[n++] = r->id;
                        added = true;
                }
                members[n++] = view->peers[i].id;
        }
        if (!added)
                members[n++] = r->id;
        shards_plan(view->owners, members, n, r->id, ret_take, &view->give_up);
}

static int look(Replica *r, ReplicaView *view, const Wishes *wishes)
{
        int64_t now_ms = clock_monotonic_ms();
        ShardSet wanted;
        int result = r->conn ? 0 : connect_now(r);

        if (r->renewed_ms > 0 && now_ms - r->renewed_ms > REPLICA_LEASE_MS)
                r->mercy_until_ms = now_ms + MERCY_MS;
        if (result >= 0)
                result = beat(r, view, wishes);
        if (result >= 0)
                result = read_peers(r, view);
        if (result >= 0)
                result = read_shards(r, view, now_ms < r->mercy_until_ms);
        if (result < 0) {
                if (r->conn)
                        PQfinish(take(r->conn));
                return error_trace(result);
        }
        r->renewed_ms = now_ms;
        divide(r, view, wishes->leaving, &wanted);
        if (wanted)
                (void) take_shards(r, view, wanted); /* logged; again with the next look */
        return 0;
}

/* ---- the thread ---- */

static void wait_ms(Replica *r, int64_t ms)
{
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += ms / 1000;
        until.tv_nsec += ms % 1000 * 1000000;
        if (until.tv_nsec >= 1000000000) {
                until.tv_sec++;
                until.tv_nsec -= 1000000000;
        }
        while (!r->stop && !r->look && pthread_cond_timedwait(&r->changed, &r->mutex, &until) == 0)
                ;
        r->look = false;
}

static void take_back(Replica *r)
{
        _cleanup_free_ char *id = mem_printf("%lld", (long long) r->id);
        const char *params[] = {id};
        _cleanup_result_ PGresult *result = NULL;

        if (!r->conn)
                return;
        result = postgres_query(r->conn, "DELETE FROM replica WHERE id = $1", 1, params, TIMEOUT_MS);
        if (!result)
                log_warn("replica", "the lease could not be given back; it runs out by itself");
}

static void *replica_main(void *arg)
{
        Replica *r = arg;

        pthread_mutex_lock(&r->mutex);
        while (!r->stop) {
                ReplicaView view = {0};
                Wishes wishes = r->wishes;
                int64_t asked_ms = clock_monotonic_ms();
                int result;

                pthread_mutex_unlock(&r->mutex);
                result = look(r, &view, &wishes);
                pthread_mutex_lock(&r->mutex);
                if (result >= 0) {
                        view_deinit(&r->view);
                        r->view = view;
                        r->has_view = true;
                        r->view_valid_until_ms = asked_ms + REPLICA_LEASE_MS - MARGIN_MS;
                        loop_wake_send(r->wake);
                } else
                        view_deinit(&view);
                wait_ms(r, result >= 0 ? RENEW_MS : RETRY_MS);
        }
        pthread_mutex_unlock(&r->mutex);
        take_back(r);
        if (r->conn)
                PQfinish(take(r->conn));
        return NULL;
}

/* ---- the loop's side ---- */

static void on_wake(void *userdata)
{
        Replica *r = userdata;
        ReplicaView view;
        int64_t valid_until_ms;
        bool has_view;

        pthread_mutex_lock(&r->mutex);
        has_view = r->has_view;
        view = r->view;
        valid_until_ms = r->view_valid_until_ms;
        r->has_view = false;
        r->view = (ReplicaView){0};
        pthread_mutex_unlock(&r->mutex);
        if (!has_view) /* a wake can be one too many */
                return;
        r->config.on_view(r->config.userdata, &view);
        r->valid_until_ms = valid_until_ms;
        view_deinit(&view);
}

Replica *replica_new(Loop *loop, const ReplicaConfig *config)
{
        Replica *r = mem_new(Replica);
        pthread_condattr_t attr;

        r->config = *config;
        r->id = (int64_t) (random_u64() >> 1 | 1);
        snprintf(r->name, sizeof(r->name), "opencode-slack replica %016llx", (unsigned long long) r->id);
        pthread_mutex_init(&r->mutex, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&r->changed, &attr);
        pthread_condattr_destroy(&attr);
        r->wake = loop_wake_new(loop, on_wake, r);
        return r;
}

void replica_start(Replica *r, const char *url)
{
        r->url = mem_strdup(url);
        r->started = true;
        if (pthread_create(&r->thread, NULL, replica_main, r) != 0)
                abort(); /* as when there is no memory */
}

void replica_set_connections(Replica *r, unsigned n_bridges, unsigned n_sockets)
{
        pthread_mutex_lock(&r->mutex);
        r->look |= r->wishes.n_bridges != n_bridges || r->wishes.n_sockets != n_sockets;
        r->wishes.n_bridges = n_bridges;
        r->wishes.n_sockets = n_sockets;
        pthread_cond_signal(&r->changed);
        pthread_mutex_unlock(&r->mutex);
}

void replica_leave(Replica *r)
{
        pthread_mutex_lock(&r->mutex);
        r->wishes.leaving = r->look = true;
        pthread_cond_signal(&r->changed);
        pthread_mutex_unlock(&r->mutex);
}

void replica_look(Replica *r)
{
        pthread_mutex_lock(&r->mutex);
        r->look = true;
        pthread_cond_signal(&r->changed);
        pthread_mutex_unlock(&r->mutex);
}

void replica_free(Replica *r)
{
        if (!r)
                return;
        pthread_mutex_lock(&r->mutex);
        r->stop = true;
        pthread_cond_signal(&r->changed);
        pthread_mutex_unlock(&r->mutex);
        if (r->started)
                pthread_join(r->thread, NULL);
        loop_wake_free(r->wake);
        pthread_mutex_destroy(&r->mutex);
        pthread_cond_destroy(&r->changed);
        view_deinit(&r->view);
        free(r->url);
        free(r);
}

int64_t replica_id(const Replica *r)
{
        return r->id;
}

bool replica_holds(const Replica *r)
{
        return clock_monotonic_ms() < r->valid_until_ms;
}
