/* The database's clock decides when the lease is over for others, our monotonic clock when it is over for us:
 * ours is counted from before the request, theirs from after it, so that we stop first.
 *
 * What a gateway that was paused still writes is refused by the journal's fence (journal_fence()): taking
 * over begins a new epoch. */
#include "store/lease-postgres.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "store/postgres.h"

#define LEASE_MS           6000
#define MARGIN_MS          250
#define RENEW_MS           2000
#define TRY_MS             500
#define TIMEOUT_MS         4000
#define MIGRATE_TIMEOUT_MS 60000

typedef enum LeaseState { LEASE_WAITING, LEASE_HELD, LEASE_LOST } LeaseState;

struct Lease {
        LeaseConfig config;
        int64_t owner;
        char name[48];
        PGconn *conn; /* the thread's */
        bool migrated, complained;
        LoopWake *wake;
        pthread_t thread;
        pthread_mutex_t mutex; /* guards what follows */
        pthread_cond_t changed;
        LeaseState state, told; /* told: what the loop has heard */
        bool gap;               /* it had run out, and the loop has not heard that it is back */
        bool stop;
        int64_t epoch, valid_until_ms; /* atomic: read by the loop at any time */
};

static void set_state(Lease *l, LeaseState state)
{
        static const char *const names[] = {"waiting", "held", "lost"};

        if (l->state == state)
                return;
        log_info("lease", "%s → %s (epoch %lld)", names[l->state], names[state], (long long) l->epoch);
        l->state = state;
}

static int connect_now(Lease *l)
{
        _cleanup_free_ char *error = NULL;
        int r = postgres_connect(&l->conn, l->config.url, l->name, TIMEOUT_MS, &error);

        if (r >= 0 && !l->migrated) {
                r = postgres_migrate(l->conn, MIGRATE_TIMEOUT_MS);
                l->migrated = r == 0;
        }
        if (r == 0) {
                l->complained = false;
                return 0;
        }
        if (!l->complained)
                log_error("lease", "%s",
                          r > 0   ? "the database was written by a newer version of this program"
                          : error ? error
                                  : strerror(-r));
        l->complained = true;
        if (l->conn)
                PQfinish(take(l->conn));
        return r < 0 ? error_trace(r) : error_origin(-EPROTO);
}

/* The epoch that is ours now, 0 = somebody else's; < 0: nobody knows. */
static int64_t beat(Lease *l)
{
        char owner[24], epoch[24], ms[24];
        const char *params[] = {owner, epoch, ms};
        _cleanup_result_ PGresult *result = NULL;

        if (!l->conn && connect_now(l) < 0)
                return -1;
        snprintf(owner, sizeof(owner), "%lld", (long long) l->owner);
        snprintf(epoch, sizeof(epoch), "%lld", (long long) l->epoch);
        snprintf(ms, sizeof(ms), "%d", LEASE_MS);
        result = postgres_query(l->conn, "SELECT lease_beat($1, $2, $3)", 3, params, TIMEOUT_MS);
        if (!result) {
                PQfinish(take(l->conn));
                return -1;
        }
        return postgres_int(result, 0, 0);
}

/* Under the mutex. */
static void heard(Lease *l, int64_t epoch, int64_t asked_ms)
{
        if (epoch == 0 && l->state == LEASE_HELD)
                set_state(l, LEASE_LOST);
        if (epoch <= 0)
                return;
        l->gap |= l->state == LEASE_HELD && !lease_holds(l);
        __atomic_store_n(&l->epoch, epoch, __ATOMIC_SEQ_CST);
        __atomic_store_n(&l->valid_until_ms, asked_ms + LEASE_MS - MARGIN_MS, __ATOMIC_SEQ_CST);
        set_state(l, LEASE_HELD);
}

static void wait_ms(Lease *l, int64_t ms)
{
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += ms / 1000;
        until.tv_nsec += ms % 1000 * 1000000;
        if (until.tv_nsec >= 1000000000) {
                until.tv_sec++;
                until.tv_nsec -= 1000000000;
        }
        while (!l->stop && pthread_cond_timedwait(&l->changed, &l->mutex, &until) == 0)
                ;
}

static void release(Lease *l)
{
        char owner[24];
        const char *params[] = {owner};
        _cleanup_result_ PGresult *result = NULL;

        if (l->state != LEASE_HELD || !l->conn)
                return;
        snprintf(owner, sizeof(owner), "%lld", (long long) l->owner);
        result = postgres_query(l->conn,
                                "UPDATE lease SET owner = NULL, expires_at = '-infinity' WHERE owner = $1", 1,
                                params, TIMEOUT_MS);
        if (!result)
                log_warn("lease", "could not be given back; it runs out by itself");
}

static void *lease_main(void *arg)
{
        Lease *l = arg;

        pthread_mutex_lock(&l->mutex);
        while (!l->stop && l->state != LEASE_LOST) {
                int64_t asked_ms = clock_monotonic_ms(), epoch;

                pthread_mutex_unlock(&l->mutex);
                epoch = beat(l);
                pthread_mutex_lock(&l->mutex);
                heard(l, epoch, asked_ms);
                if (l->state != l->told || l->gap)
                        loop_wake_send(l->wake);
                if (l->state != LEASE_LOST)
                        wait_ms(l, epoch > 0 ? RENEW_MS : TRY_MS);
        }
        pthread_mutex_unlock(&l->mutex);
        release(l);
        if (l->conn)
                PQfinish(take(l->conn));
        return NULL;
}

static void on_wake(void *userdata)
{
        Lease *l = userdata;
        LeaseState state, told;
        bool gap;

        pthread_mutex_lock(&l->mutex);
        state = l->state;
        told = l->told;
        gap = l->gap;
        l->told = state;
        l->gap = false;
        pthread_mutex_unlock(&l->mutex);
        if (told == LEASE_WAITING && state != LEASE_WAITING)
                l->config.on_acquired(l->config.userdata);
        if (state == LEASE_LOST && told != LEASE_LOST)
                l->config.on_lost(l->config.userdata);
        else if (gap)
                l->config.on_renewed(l->config.userdata);
}

Lease *lease_new(Loop *loop, const LeaseConfig *config)
{
        Lease *l = mem_new(Lease);
        pthread_condattr_t attr;

        l->config = *config;
        l->owner = (int64_t) (random_u64() >> 1);
        snprintf(l->name, sizeof(l->name), "opencode-slack lease %016llx", (unsigned long long) l->owner);
        pthread_mutex_init(&l->mutex, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&l->changed, &attr);
        pthread_condattr_destroy(&attr);
        l->wake = loop_wake_new(loop, on_wake, l);
        if (pthread_create(&l->thread, NULL, lease_main, l) != 0)
                abort(); /* as when there is no memory */
        return l;
}

void lease_free(Lease *l)
{
        if (!l)
                return;
        pthread_mutex_lock(&l->mutex);
        l->stop = true;
        pthread_cond_signal(&l->changed);
        pthread_mutex_unlock(&l->mutex);
        pthread_join(l->thread, NULL);
        loop_wake_free(l->wake);
        pthread_mutex_destroy(&l->mutex);
        pthread_cond_destroy(&l->changed);
        free(l);
}

bool lease_holds(const Lease *l)
{
        return clock_monotonic_ms() < __atomic_load_n(&l->valid_until_ms, __ATOMIC_SEQ_CST);
}

int64_t lease_epoch(const Lease *l)
{
        return __atomic_load_n(&l->epoch, __ATOMIC_SEQ_CST);
}
