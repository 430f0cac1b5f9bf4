/* Looks at endpoints that answer, refuse, are out of order and are not there; what sessions find out; and
 * that nobody is looked at more often than wanted. */
#include "bridge-world.h"

#include "base/log.h"
#include "integrations/models/health.h"

typedef struct Endpoint {
        HttpServer *server;
        unsigned n_requests, status;
        const char *body;
        char *path, *authorization, *api_key;
        unsigned health_status; /* of /health; 0 = there is none */
} Endpoint;

static void on_request(void *userdata, HttpRequest *req)
{
        Endpoint *e = userdata;
        bool is_health = str_equal(http_request_path(req), "/health");

        e->n_requests++;
        mem_strset(&e->path, http_request_path(req));
        mem_strset(&e->authorization, http_request_header(req, "Authorization"));
        mem_strset(&e->api_key, http_request_header(req, "x-api-key"));
        http_respond_text(req, is_health ? e->health_status ? e->health_status : 404 : e->status,
                          "application/json", e->body);
}

static void on_abort(void *userdata, HttpRequest *req)
{
}

typedef struct Setting {
        World w;
        Endpoint e;
        ModelHealth *health;
        char *url;
        Secret key;
        unsigned n_done;
} Setting;

static void setting_init(Setting *s, bool anthropic, const char *key, int64_t interval_ms)
{
        HttpServerConfig config = {
                .listen = "127.0.0.1:0", .on_request = on_request, .on_abort = on_abort, .userdata = &s->e};
        ModelEndpoint endpoints[2];

        *s = (Setting){.e = {.status = 200, .body = "{\"data\":[{\"id\":\"qwen\"},{\"id\":\"Qwen/x\"}]}"}};
        world_init(&s->w);
        assert_int_equal(http_server_new(&s->e.server, s->w.loop, &config), 0);
        s->url = mem_printf("http://127.0.0.1:%u/v1", http_server_port(s->e.server));
        secret_set(&s->key, key);
        endpoints[0] = (ModelEndpoint){"qwen", "ollama/Qwen/x", anthropic, s->url, &s->key};
        endpoints[1] = (ModelEndpoint){"claude", "anthropic/sonnet", true, "", NULL};
        s->health = model_health_new(s->w.loop, s->w.client, s->w.metrics, endpoints, 2, interval_ms);
}

static void setting_deinit(Setting *s)
{
        model_health_free(s->health);
        http_server_free(s->e.server);
        free(s->e.path);
        free(s->e.authorization);
        free(s->e.api_key);
        free(s->url);
        secret_deinit(&s->key);
        world_deinit(&s->w);
}

static void on_done(void *userdata)
{
        ((Setting *) userdata)->n_done++;
}

static void look(Setting *s)
{
        unsigned n = s->n_done;

        model_health_look(s->health, 0, on_done, s);
        run_until(&s->w, s->n_done == n + 1);
}

static void on_passed(void *userdata)
{
        *(bool *) userdata = true;
}

/* Until the next look is a new one: the interval of these tests is a millisecond. */
static void pass_interval(Setting *s)
{
        bool passed = false;
        LoopTimer *timer = loop_timer_new(s->w.loop, on_passed, &passed);

        loop_timer_set(timer, 2);
        run_until(&s->w, passed);
        loop_timer_free(timer);
}

static void expect_status(Setting *s, size_t i, ModelState state, const char *why)
{
        ModelStatus status = model_health_status(s->health, i);

        assert_string_equal(model_state_name(status.state), model_state_name(state));
        assert_string_equal(status.why ? status.why : "(none)", why ? why : "(none)");
}

static void test_answers(void **state)
{
        static const struct {
                unsigned status, health_status;
                bool has_key;
                const char *body;
                ModelState state;
                const char *why;
        } cases[] = {
                {200, 0, true, "{\"data\":[{\"id\":\"Qwen/x\"}]}", MODEL_HEALTHY, NULL},
                {200, 0, true, "{\"data\":[{\"id\":\"Qwen/x:latest\"}]}", MODEL_HEALTHY, NULL},
                {200, 0, true, "{\"data\":[{\"id\":\"other\"}]}", MODEL_HEALTHY,
                 "it answers, and does not list Qwen/x"},
                {200, 0, true, "<html>", MODEL_HEALTHY, NULL},
                {503, 0, true, "{\"error\":{\"message\":\"Loading model\"}}", MODEL_FAILING,
                 "it answers 503: Loading model"},
                {500, 0, true, "", MODEL_FAILING, "it answers 500"},
                {429, 0, true, "{\"error\":\"slow down\"}", MODEL_FAILING, "it answers 429: slow down"},
                {401, 0, true, "{}", MODEL_FAILING, "it refuses the key (401)"},
                {401, 0, false, "{}", MODEL_HEALTHY, NULL},
                /* a server without a list */
                {404, 200, true, "{}", MODEL_HEALTHY, NULL},
                {404, 503, true, "{}", MODEL_FAILING, "it answers 503"},
                {404, 0, true, "{}", MODEL_FAILING, "it answers 404"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Setting s;

                setting_init(&s, false, cases[i].has_key ? "hush" : NULL, 1000);
                s.e.status = cases[i].status;
                s.e.health_status = cases[i].health_status;
                s.e.body = cases[i].body;
                look(&s);
                expect_status(&s, 0, cases[i].state, cases[i].why);
                assert_string_equal(s.e.path, cases[i].status == 404 ? "/health" : "/v1/models");
                if (cases[i].has_key)
                        assert_string_equal(s.e.authorization, "Bearer hush");
                else
                        assert_null(s.e.authorization);
                setting_deinit(&s);
        }
}

static void test_anthropic(void **state)
{
        Setting s;

        setting_init(&s, true, "hush", 1000);
        look(&s);
        assert_string_equal(s.e.api_key, "hush");
        assert_null(s.e.authorization);
        setting_deinit(&s);
}

static void test_not_there(void **state)
{
        Setting s;

        setting_init(&s, false, NULL, 1000);
        http_server_free(take(s.e.server));
        look(&s);
        assert_int_equal(model_health_status(s.health, 0).state, MODEL_FAILING);
        assert_true(str_starts_with(model_health_status(s.health, 0).why, "it cannot be reached: "));
        setting_deinit(&s);
}

static void test_not_too_often(void **state)
{
        Setting s;

        setting_init(&s, false, NULL, 60000);
        for (int i = 0; i < 10; i++)
                model_health_look(s.health, 0, on_done, &s); /* all wait for one */
        run_until(&s.w, s.n_done == 10);
        look(&s);
        assert_int_equal(s.e.n_requests, 1);
        setting_deinit(&s);
}

static void test_sessions_find_out(void **state)
{
        Setting s;

        setting_init(&s, false, NULL, 1);
        expect_status(&s, 0, MODEL_UNKNOWN, NULL);
        model_health_failed(s.health, 0, "overloaded");
        expect_status(&s, 0, MODEL_FAILING, "overloaded");
        assert_true(world_metric(&s.w, "model_failing", "profile=\"qwen\"") == 1);
        model_health_worked(s.health, 0);
        expect_status(&s, 0, MODEL_UNKNOWN, NULL);
        model_health_failed(s.health, 0, "overloaded");
        pass_interval(&s);
        look(&s);
        expect_status(&s, 0, MODEL_HEALTHY, NULL);
        assert_int_equal(model_health_find(s.health, "ollama/Qwen/x"), 0);
        assert_int_equal(model_health_find(s.health, "nobody/x"), 2);
        setting_deinit(&s);
}

static void test_providers(void **state)
{
        _cleanup_json_ json_t *none = json_array(),
                              *other = json_pack("[{s:s, s:[s]}]", "id", "anthropic", "models", "opus"),
                              *right = json_pack("[{s:s, s:[s]}]", "id", "anthropic", "models", "sonnet");
        Setting s;

        setting_init(&s, false, NULL, 60000);
        assert_true(model_health_wants_providers(s.health));
        assert_false(model_health_wants_providers(s.health)); /* asked just now */
        model_health_providers(s.health, none);
        expect_status(&s, 1, MODEL_FAILING, "OpenCode has no credentials for the provider anthropic");
        model_health_providers(s.health, other);
        expect_status(&s, 1, MODEL_FAILING, "OpenCode knows no model sonnet of its provider");
        model_health_providers(s.health, right);
        expect_status(&s, 1, MODEL_HEALTHY, NULL);
        /* credentials do not answer prompts */
        model_health_failed(s.health, 1, "overloaded");
        model_health_providers(s.health, right);
        expect_status(&s, 1, MODEL_FAILING, "overloaded");
        expect_status(&s, 0, MODEL_UNKNOWN, NULL); /* it has an endpoint of its own */
        setting_deinit(&s);
}

static void test_freed_while_looking(void **state)
{
        Setting s;

        setting_init(&s, false, NULL, 1);
        model_health_look(s.health, 0, on_done, &s);
        setting_deinit(&s);
        assert_int_equal(s.n_done, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answers),
                cmocka_unit_test(test_anthropic),
                cmocka_unit_test(test_not_there),
                cmocka_unit_test(test_not_too_often),
                cmocka_unit_test(test_sessions_find_out),
                cmocka_unit_test(test_providers),
                cmocka_unit_test(test_freed_while_looking),
        };

        json_setup();
        log_set_level(LOG_ERROR);
        return cmocka_run_group_tests_name("models-health", tests, NULL, NULL);
}
