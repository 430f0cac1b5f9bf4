/* store: gateways on one PostgreSQL, each with a thread of its own: they divide the shards, hear of each
 * other, and stop when they cannot renew. Runs under TSan, too. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include <uv.h>

#include "base/log.h"
#include "postgres-server.h"
#include "store/replica-postgres.h"

#define ALL      (~(ShardSet) 0)
#define BEAT_MS  20 /* so that what is waited for is looked at when nothing happens, too */
#define N_MEMBER 3

typedef struct World World;

/* One gateway, as its replica tells it. */
typedef struct Member {
        World *world;
        Replica *replica;
        ShardSet owned;
        unsigned n_views, n_peers, n_peer_bridges, n_peer_sockets, number;
        char *peer_url; /* of the last one */
} Member;

struct World {
        char *url;
        Loop *loop;
        LoopTimer *beat;
        Member members[N_MEMBER];
};

static void on_beat(void *userdata)
{
        World *w = userdata;

        loop_timer_set(w->beat, BEAT_MS);
}

/* What the engine does at its leisure, done at once. */
static void give_up(Member *m, ShardSet set)
{
        for (unsigned s = 0; s < JOURNAL_SHARDS; s++) {
                _cleanup_free_ char *sql =
                        mem_printf("UPDATE shard SET owner = NULL WHERE id = %u AND owner = %lld", s,
                                   (long long) replica_id(m->replica));

                if (shards_have(set, s))
                        free(postgres_server_query(m->world->url, sql));
        }
}

static void on_view(void *userdata, const ReplicaView *view)
{
        Member *m = userdata;

        m->n_views++;
        m->number = view->number;
        m->n_peers = (unsigned) view->n_peers;
        m->n_peer_bridges = m->n_peer_sockets = 0;
        for (size_t i = 0; i < view->n_peers; i++) {
                m->n_peer_bridges += view->peers[i].n_bridges;
                m->n_peer_sockets += view->peers[i].n_sockets;
                mem_strset(&m->peer_url, view->peers[i].url);
        }
        m->owned = 0;
        for (unsigned s = 0; s < JOURNAL_SHARDS; s++)
                if (view->owners[s] == replica_id(m->replica))
                        m->owned |= shards_of(s);
        m->owned &= ~view->give_up;
        give_up(m, view->give_up);
}

static Member *join(World *w, unsigned i)
{
        Member *m = &w->members[i];
        _cleanup_free_ char *url = mem_printf("http://gateway-%u:8000", i);

        m->world = w;
        m->replica = replica_new(w->loop,
                                 &(ReplicaConfig){.database_url = w->url, .on_view = on_view, .userdata = m});
        replica_start(m->replica, url);
        return m;
}

static void leave(Member *m)
{
        replica_free(take(m->replica));
        free(m->peer_url);
        *m = (Member){0};
}

/* Until it is so; the test's own time limit ends what never becomes so. */
#define until(_w, _condition)                                                                                \
        while (!(_condition))                                                                                \
        uv_run(loop_uv((_w)->loop), UV_RUN_ONCE)

static int setup(void **state)
{
        World *w = mem_new(World);

        log_set_level(LOG_ERROR + 1);
        w->url = postgres_server_schema();
        if (!w->url)
                skip();
        assert_int_equal(loop_new(&w->loop), 0);
        w->beat = loop_timer_new(w->loop, on_beat, w);
        loop_timer_set(w->beat, BEAT_MS);
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        World *w = *state;

        for (size_t i = 0; i < N_MEMBER; i++)
                if (w->members[i].replica)
                        leave(&w->members[i]);
        loop_timer_free(w->beat);
        loop_free(w->loop);
        free(w->url);
        free(w);
        return 0;
}

static int64_t n_rows(World *w)
{
        _cleanup_free_ char *text = postgres_server_query(w->url, "SELECT count(*) FROM replica");

        return strtoll(text, NULL, 10);
}

static void test_alone(void **state)
{
        World *w = *state;
        Member *m = join(w, 0);

        assert_false(replica_holds(m->replica));
        until(w, m->n_views > 0);
        assert_true(m->owned == ALL);
        assert_int_equal(m->n_peers, 0);
        assert_true(m->number < REPLICAS_MAX);
        assert_true(replica_holds(m->replica));
}

static void test_divided(void **state)
{
        World *w = *state;
        Member *a = join(w, 0), *b, *c;

        until(w, a->owned == ALL);
        b = join(w, 1);
        until(w, shards_count(a->owned) == 32 && shards_count(b->owned) == 32);
        assert_true((a->owned | b->owned) == ALL);
        assert_int_not_equal(a->number, b->number);
        assert_string_equal(a->peer_url, "http://gateway-1:8000");
        replica_set_connections(b->replica, 3, 2);
        until(w, a->n_peer_bridges == 3);
        assert_int_equal(a->n_peer_sockets, 2);
        c = join(w, 2);
        /* 22, 21 and 21: who has the one more depends on their ids. */
        until(w, (a->owned | b->owned | c->owned) == ALL && shards_count(c->owned) >= 21 &&
                         shards_count(a->owned) <= 22 && shards_count(b->owned) <= 22);
        assert_int_equal(shards_count(a->owned) + shards_count(b->owned) + shards_count(c->owned), 64);
        assert_int_equal(a->n_peers, 2);
}

static void test_leaving(void **state)
{
        World *w = *state;
        Member *a = join(w, 0), *b = join(w, 1);

        until(w, shards_count(a->owned) == 32 && shards_count(b->owned) == 32);
        replica_leave(b->replica);
        until(w, a->owned == ALL && b->owned == 0);
        assert_int_equal(n_rows(w), 2);
        leave(b);
        assert_int_equal(n_rows(w), 1); /* nobody has to wait for the lease to run out */
        until(w, a->n_peers == 0);
}

static void test_gone(void **state)
{
        World *w = *state;
        Member *a = join(w, 0), *b = join(w, 1);

        until(w, shards_count(a->owned) == 32 && shards_count(b->owned) == 32);
        leave(b);
        replica_look(a->replica);
        until(w, a->owned == ALL);
}

static void test_connection_cut(void **state)
{
        World *w = *state;
        Member *m = join(w, 0);

        until(w, m->n_views > 0);
        for (unsigned i = 0; i < 3; i++) {
                unsigned before = m->n_views;

                postgres_server_cut("opencode-slack replica");
                until(w, m->n_views > before + 1);
                assert_true(m->owned == ALL);
                assert_true(replica_holds(m->replica));
        }
}

/* No database: the lease runs out, and comes back with the database. */
static void test_database_away(void **state)
{
        World *w = *state;
        Member *m = join(w, 0);
        unsigned before;

        until(w, m->n_views > 0);
        postgres_server_hide(true);
        postgres_server_deafen();
        until(w, !replica_holds(m->replica));
        postgres_server_hide(false);
        before = m->n_views;
        until(w, m->n_views > before);
        assert_true(replica_holds(m->replica));
        assert_true(m->owned == ALL);
}

#define replica_test(_name) cmocka_unit_test_setup_teardown(_name, setup, teardown)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                replica_test(test_alone), replica_test(test_divided),        replica_test(test_leaving),
                replica_test(test_gone),  replica_test(test_connection_cut), replica_test(test_database_away),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
