/* The waker against a server that plays OpenCode. */
#include "bridge-world.h"

#include "base/log.h"
#include "integrations/opencode/waker.h"

typedef struct Fake {
        HttpServer *server;
        unsigned n_requests, status;
        char *path, *query, *authorization;
        HttpRequest *held; /* with status 0 a request is left unanswered */
} Fake;

static void on_request(void *userdata, HttpRequest *req)
{
        Fake *f = userdata;

        f->n_requests++;
        mem_strset(&f->path, http_request_path(req));
        mem_strset(&f->query, http_request_query(req));
        mem_strset(&f->authorization, http_request_header(req, "Authorization"));
        if (f->status)
                http_respond_json(req, f->status, json_array());
        else
                f->held = req;
}

static void on_abort(void *userdata, HttpRequest *req)
{
        ((Fake *) userdata)->held = NULL;
}

static char *fake_init(World *w, Fake *f, unsigned status)
{
        HttpServerConfig config = {
                .listen = "127.0.0.1:0",
                .on_request = on_request,
                .on_abort = on_abort,
                .userdata = f,
        };

        *f = (Fake){.status = status};
        assert_int_equal(http_server_new(&f->server, w->loop, &config), 0);
        return mem_printf("http://127.0.0.1:%u/", http_server_port(f->server));
}

static void fake_deinit(Fake *f)
{
        http_server_free(f->server);
        free(f->path);
        free(f->query);
        free(f->authorization);
}

static void test_wakes(void **state)
{
        World w;
        Fake f;
        Secret password = {0};
        OpencodeWaker *waker;
        _cleanup_free_ char *url = NULL;

        world_init(&w);
        url = fake_init(&w, &f, 200);
        secret_set(&password, "pass:word");
        waker = opencode_waker_new(w.loop, w.client, url, &password, "/srv/my project");
        opencode_waker_set_timing(waker, 50, 5000);
        run_until(&w, f.n_requests == 1);
        assert_string_equal(f.path, "/agent");
        assert_true(str_equal(f.query, "directory=%2Fsrv%2Fmy%20project") ||
                    str_equal(f.query, "directory=%2Fsrv%2Fmy+project"));
        assert_string_equal(f.authorization, "Basic b3BlbmNvZGU6cGFzczp3b3Jk");
        run_until(&w, f.n_requests == 2); /* still nobody connected */
        opencode_waker_free(waker);
        fake_deinit(&f);
        secret_deinit(&password);
        world_deinit(&w);
}

static void on_timer(void *userdata)
{
        *(bool *) userdata = true;
}

static void test_stops_when_connected(void **state)
{
        World w;
        Fake f;
        OpencodeWaker *waker;
        _cleanup_free_ char *url = NULL;
        bool late = false;
        LoopTimer *timer;

        world_init(&w);
        url = fake_init(&w, &f, 0);
        waker = opencode_waker_new(w.loop, w.client, url, NULL, "/srv/a");
        opencode_waker_set_timing(waker, 50, 5000);
        run_until(&w, f.held);
        assert_null(f.authorization);
        opencode_waker_set_connected(waker, true); /* the request under way is taken back */
        run_until(&w, !f.held);
        timer = loop_timer_new(w.loop, on_timer, &late);
        loop_timer_set(timer, 200);
        run_until(&w, late);
        assert_int_equal(f.n_requests, 1);
        f.status = 401;
        opencode_waker_set_connected(waker, false); /* gone: at once again */
        run_until(&w, f.n_requests == 2);
        opencode_waker_set_connected(waker, true);
        opencode_waker_free(waker);
        loop_timer_free(timer);
        fake_deinit(&f);
        world_deinit(&w);
}

/* A request that is never answered does not keep the next from being made. */
static void test_unanswered(void **state)
{
        World w;
        Fake f;
        OpencodeWaker *waker;
        _cleanup_free_ char *url = NULL;

        world_init(&w);
        url = fake_init(&w, &f, 0);
        waker = opencode_waker_new(w.loop, w.client, url, NULL, "/srv/a");
        opencode_waker_set_timing(waker, 50, 100);
        run_until(&w, f.held);
        f.status = 200;
        run_until(&w, f.n_requests >= 2);
        opencode_waker_free(waker);
        fake_deinit(&f);
        world_deinit(&w);
}

/* Nobody listens, or the URL is none: it goes on trying, and can be freed at any time. */
static void test_unreachable(void **state)
{
        World w;
        OpencodeWaker *dead, *wrong;
        bool late = false;
        LoopTimer *timer;

        world_init(&w);
        dead = opencode_waker_new(w.loop, w.client, "http://127.0.0.1:1", NULL, "/srv/a");
        wrong = opencode_waker_new(w.loop, w.client, "http://[", NULL, "/srv/a");
        timer = loop_timer_new(w.loop, on_timer, &late);
        loop_timer_set(timer, 300);
        run_until(&w, late);
        opencode_waker_free(dead);
        opencode_waker_free(wrong);
        loop_timer_free(timer);
        world_deinit(&w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_wakes),
                cmocka_unit_test(test_stops_when_connected),
                cmocka_unit_test(test_unanswered),
                cmocka_unit_test(test_unreachable),
        };

        json_setup();
        log_set_level(LOG_ERROR);
        return cmocka_run_group_tests_name("opencode-waker", tests, NULL, NULL);
}
