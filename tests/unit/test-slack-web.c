/* connectors/slack/web: what goes out, and what each answer is taken for. */
#include "test-slack-fake.h"

#include "connectors/slack/web.h"

static struct {
        const char *body;
        unsigned status;
        const char *retry_after;
        bool cut;     /* the connection, instead of an answer */
        bool restart; /* after the cut, on the same port */
} canned;

static void answer(Fake *f, HttpRequest *req, const FakeRequest *r)
{
        HttpHeader headers[] = {{"Content-Type", "application/json"}, {"Retry-After", canned.retry_after}};

        (void) r;
        if (canned.cut) {
                HttpServerConfig config = {.on_request = fake_on_request, .userdata = f};
                _cleanup_free_ char *listen = mem_printf("127.0.0.1:%u", http_server_port(f->server));

                http_server_free(f->server);
                f->server = NULL;
                canned.cut = false;
                config.listen = listen;
                if (canned.restart)
                        assert_int_equal(http_server_new(&f->server, f->loop, &config), 0);
                return;
        }
        http_respond(req, canned.status, headers, canned.retry_after ? 2 : 1, canned.body,
                     strlen(canned.body));
}

typedef struct Seen {
        unsigned n;
        SlackWebOutcome outcome;
        char error[64], detail[256];
        bool has_error, has_detail, has_body;
        int64_t retry_after_ms;
} Seen;

static void on_done(void *userdata, const SlackWebResult *result)
{
        Seen *seen = userdata;

        seen->n++;
        seen->outcome = result->outcome;
        seen->has_error = result->error != NULL;
        seen->has_detail = result->detail != NULL;
        seen->has_body = result->body != NULL;
        snprintf(seen->error, sizeof(seen->error), "%s", result->error ? result->error : "");
        snprintf(seen->detail, sizeof(seen->detail), "%s", result->detail ? result->detail : "");
        seen->retry_after_ms = result->retry_after_ms;
}

static SlackWeb *web_new(Fake *f)
{
        SlackWeb *w = NULL;

        fake_init(f);
        f->answer = answer;
        canned.cut = false;
        assert_int_equal(slack_web_new(&w, f->loop, f->http, f->metrics, f->api_url, &f->bot_token), 0);
        return w;
}

static void test_request(void **state)
{
        Fake f;
        SlackWeb *w = web_new(&f);
        Seen seen = {0};
        const FakeRequest *r;

        (void) state;
        canned.status = 200;
        canned.body = "{\"ok\":true,\"ts\":\"1.2\"}";
        slack_web_call(w, "chat.postMessage",
                       json_pack("{s:s, s:s, s:b, s:i, s:n, s:[{s:s}], s:{}}", "channel", "C1", "text",
                                 "a&b=c+d \xc3\xa9\n%", "unfurl_links", 0, "limit", 7, "nothing", "blocks",
                                 "type", "divider", "view"),
                       on_done, &seen);
        assert_int_equal(seen.n, 0); /* never from inside the call */
        WAIT_UNTIL(&f, seen.n == 1);
        assert_int_equal(seen.outcome, SLACK_WEB_OK);
        assert_false(seen.has_error);
        assert_true(seen.has_body);
        assert_in_range(slack_web_now_ms(w), clock_realtime_ms() - 2000, clock_realtime_ms() + 1000);
        r = fake_request(&f, "chat.postMessage", 0);
        assert_string_equal(r->authorization, "Bearer xoxb-test");
        assert_string_equal(r->content_type, "application/x-www-form-urlencoded");
        assert_field(r, "channel", "C1");
        assert_field(r, "text", "a&b=c+d \xc3\xa9\n%");
        assert_field(r, "unfurl_links", "false");
        assert_field(r, "limit", "7");
        assert_field(r, "nothing", NULL);
        assert_field(r, "blocks", "[{\"type\":\"divider\"}]");
        assert_field(r, "view", "{}");
        slack_web_free(w);
        fake_deinit(&f);
}

static void test_outcomes(void **state)
{
        static const struct {
                unsigned status;
                const char *retry_after, *body;
                SlackWebOutcome outcome;
                const char *error, *detail;
                int64_t retry_after_ms;
        } rows[] = {
                {200, NULL, "{\"ok\":true,\"warning\":\"missing_charset\"}", SLACK_WEB_OK, NULL, NULL, 0},
                {200, NULL, "{\"ok\":false,\"error\":\"channel_not_found\"}", SLACK_WEB_ERROR,
                 "channel_not_found", NULL, 0},
                {200, NULL, "{\"ok\":false,\"error\":\"missing_scope\",\"needed\":\"reactions:write\"}",
                 SLACK_WEB_ERROR, "missing_scope", "the app lacks the scope reactions:write", 0},
                {200, NULL,
                 "{\"ok\":false,\"error\":\"invalid_blocks\",\"errors\":[\"e\"],\"response_metadata\":{\"messages\":"
                 "[\"[ERROR] too many\"]}}",
                 SLACK_WEB_ERROR, "invalid_blocks", "[ERROR] too many", 0},
                {200, NULL, "{\"ok\":false,\"error\":\"x\",\"errors\":[\"e\"]}", SLACK_WEB_ERROR, "x", "e",
                 0},
                {200, NULL, "{\"ok\":false,\"error\":\"ratelimited\"}", SLACK_WEB_RATE_LIMITED, "ratelimited",
                 NULL, 5000},
                {200, NULL, "{\"ok\":false,\"error\":\"rate_limited\"}", SLACK_WEB_RATE_LIMITED,
                 "rate_limited", NULL, 5000},
                {429, "3", "{\"ok\":false,\"error\":\"ratelimited\"}", SLACK_WEB_RATE_LIMITED, "ratelimited",
                 NULL, 3000},
                {429, "2", "slow down", SLACK_WEB_RATE_LIMITED, "ratelimited", NULL, 2000},
                {429, NULL, "", SLACK_WEB_RATE_LIMITED, "ratelimited", NULL, 5000},
                {200, NULL, "{\"ok\":false,\"error\":\"internal_error\"}", SLACK_WEB_UNKNOWN,
                 "internal_error", NULL, 0},
                {200, NULL, "{\"ok\":false,\"error\":\"fatal_error\"}", SLACK_WEB_UNKNOWN, "fatal_error",
                 NULL, 0},
                {200, NULL, "{\"ok\":false,\"error\":\"request_timeout\"}", SLACK_WEB_UNKNOWN,
                 "request_timeout", NULL, 0},
                {200, NULL, "{\"ok\":false,\"error\":\"service_unavailable\"}", SLACK_WEB_UNKNOWN,
                 "service_unavailable", NULL, 0},
                {200, NULL, "{\"ok\":false,\"error\":\"team_added_to_org\"}", SLACK_WEB_UNSENT,
                 "team_added_to_org", NULL, 0},
                {200, NULL, "{\"ok\":false}", SLACK_WEB_UNKNOWN, "bad_answer", NULL, 0},
                {200, NULL, "{\"ok\":\"yes\"}", SLACK_WEB_UNKNOWN, "bad_answer", NULL, 0},
                {200, NULL, "<html>proxy</html>", SLACK_WEB_UNKNOWN, "bad_answer", NULL, 0},
                {200, NULL, "", SLACK_WEB_UNKNOWN, "bad_answer", NULL, 0},
                {200, NULL, "[]", SLACK_WEB_UNKNOWN, "bad_answer", NULL, 0},
                {302, NULL, "", SLACK_WEB_UNKNOWN, "http_302", NULL, 0},
                {403, NULL, "<html>proxy</html>", SLACK_WEB_UNKNOWN, "http_403", NULL, 0},
                {404, NULL, "{\"ok\":false,\"error\":\"unknown_method\"}", SLACK_WEB_ERROR, "unknown_method",
                 NULL, 0},
                {500, NULL, "{\"ok\":false,\"error\":\"channel_not_found\"}", SLACK_WEB_UNKNOWN, "http_500",
                 NULL, 0},
                {502, NULL, "<html>", SLACK_WEB_UNKNOWN, "http_502", NULL, 0},
                {503, "4", "", SLACK_WEB_UNKNOWN, "http_503", NULL, 4000},
        };
        Fake f;
        SlackWeb *w = web_new(&f);

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Seen seen = {0};

                canned.status = rows[i].status;
                canned.retry_after = rows[i].retry_after;
                canned.body = rows[i].body;
                slack_web_call(w, "views.open", json_object(), on_done, &seen);
                WAIT_UNTIL(&f, seen.n == 1);
                if (seen.outcome != rows[i].outcome ||
                    !str_equal(seen.error, rows[i].error ? rows[i].error : ""))
                        fail_msg("row %zu (%s): outcome %d, error %s", i, rows[i].body, seen.outcome,
                                 seen.error);
                assert_int_equal(seen.has_error, rows[i].error != NULL);
                assert_string_equal(seen.detail, rows[i].detail ? rows[i].detail : "");
                assert_int_equal(seen.retry_after_ms, rows[i].retry_after_ms);
        }
        canned.retry_after = NULL;
        assert_true(metric_value(metrics_counter(f.metrics, "slack_calls_total", "",
                                                 "method=\"views.open\",outcome=\"unknown\"")) >= 10);
        assert_true(metric_value(metrics_histogram(f.metrics, "slack_call_seconds", "",
                                                   "method=\"views.open\"")) > 0);
        slack_web_free(w);
        fake_deinit(&f);
}

static void test_unreachable_and_lost(void **state)
{
        Fake f;
        SlackWeb *w = web_new(&f);
        Seen seen = {0};

        (void) state;
        canned.cut = true;
        slack_web_call(w, "chat.postMessage", json_object(), on_done, &seen);
        WAIT_UNTIL(&f, seen.n == 1);
        assert_int_equal(seen.outcome, SLACK_WEB_UNKNOWN);
        assert_string_equal(seen.error, "no_answer");
        assert_true(seen.has_detail);
        /* Now nobody listens. */
        slack_web_call(w, "chat.postMessage", json_object(), on_done, &seen);
        WAIT_UNTIL(&f, seen.n == 2);
        assert_int_equal(seen.outcome, SLACK_WEB_UNSENT);
        assert_string_equal(seen.error, "unreachable");
        slack_web_free(w);
        fake_deinit(&f);
}

/* libcurl would repeat a request on a new connection when a reused one dies: a message posted twice. */
static void test_lost_on_a_reused_connection(void **state)
{
        Fake f;
        SlackWeb *w = web_new(&f);
        Seen seen = {0};

        (void) state;
        canned.status = 200;
        canned.body = "{\"ok\":true}";
        for (unsigned i = 1; i <= 3; i++) {
                slack_web_call(w, "chat.postMessage", json_pack("{s:s}", "text", "x"), on_done, &seen);
                WAIT_UNTIL(&f, seen.n == i);
                assert_int_equal(seen.outcome, SLACK_WEB_OK);
        }
        canned.cut = canned.restart = true;
        slack_web_call(w, "chat.postMessage", json_pack("{s:s}", "text", "x"), on_done, &seen);
        WAIT_UNTIL(&f, seen.n == 4);
        assert_int_equal(seen.outcome, SLACK_WEB_UNKNOWN);
        assert_int_equal(f.n_requests, 4);
        canned.restart = false;
        slack_web_free(w);
        fake_deinit(&f);
}

static void test_rate(void **state)
{
        Fake f;
        SlackWeb *w = web_new(&f);
        Seen seen = {0};

        (void) state;
        canned.status = 200;
        canned.body = "{\"ok\":true}";
        assert_int_equal(slack_web_wait_ms(w, "chat.postMessage", "C1", false), 0);
        for (unsigned i = 0; i < 5; i++)
                slack_web_call(w, "chat.postMessage", json_pack("{s:s}", "channel", "C1"), on_done, &seen);
        assert_true(slack_web_wait_ms(w, "chat.postMessage", "C1", true) > 0);
        assert_true(slack_web_wait_ms(w, "chat.postMessage", "C1", false) >
                    slack_web_wait_ms(w, "chat.postMessage", "C1", true));
        assert_int_equal(slack_web_wait_ms(w, "chat.postMessage", "C2", false), 0);
        WAIT_UNTIL(&f, seen.n == 5);
        canned.status = 429;
        canned.retry_after = "30";
        canned.body = "{\"ok\":false,\"error\":\"ratelimited\"}";
        assert_int_equal(slack_web_wait_ms(w, "chat.update", NULL, false), 0);
        slack_web_call(w, "chat.update", json_pack("{s:s}", "channel", "C1"), on_done, &seen);
        WAIT_UNTIL(&f, seen.n == 6);
        assert_true(slack_web_wait_ms(w, "chat.update", "C2", true) > 29000);
        canned.retry_after = NULL;
        slack_web_free(w);
        fake_deinit(&f);
}

static void test_respond(void **state)
{
        static const struct {
                unsigned status;
                const char *body;
                SlackWebOutcome outcome;
                const char *error;
        } rows[] = {
                {200, "ok", SLACK_WEB_OK, ""},
                {200, "{\"ok\":true}", SLACK_WEB_OK, ""},
                {404, "expired_url", SLACK_WEB_ERROR, "http_404"},
                {500, "", SLACK_WEB_UNKNOWN, "http_500"},
                {408, "", SLACK_WEB_UNKNOWN, "http_408"},
                {429, "", SLACK_WEB_RATE_LIMITED, "ratelimited"},
        };
        Fake f;
        SlackWeb *w = web_new(&f);
        char url[128];

        (void) state;
        snprintf(url, sizeof(url), "%s/actions/T1/2/abc", f.api_url);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Seen seen = {0};

                canned.status = rows[i].status;
                canned.body = rows[i].body;
                slack_web_respond(w, url, json_pack("{s:s, s:b}", "text", "hi", "replace_original", 1),
                                  on_done, &seen);
                WAIT_UNTIL(&f, seen.n == 1);
                assert_int_equal(seen.outcome, rows[i].outcome);
                assert_string_equal(seen.error, rows[i].error);
        }
        assert_null(fake_request(&f, "abc", 0)->authorization);
        assert_string_equal(fake_request(&f, "abc", 0)->body, "{\"text\":\"hi\",\"replace_original\":true}");
        for (unsigned i = 0; i < 3; i++) {
                static const char *const bad[] = {"", "ftp://x/", "javascript:1"};
                Seen seen = {0};

                slack_web_respond(w, bad[i], json_object(), on_done, &seen);
                assert_int_equal(seen.n, 0);
                WAIT_UNTIL(&f, seen.n == 1);
                assert_int_equal(seen.outcome, SLACK_WEB_ERROR);
                assert_string_equal(seen.error, "bad_response_url");
        }
        slack_web_free(w);
        fake_deinit(&f);
}

/* A response_url in the clear, while the API is reached over TLS, is not Slack's. */
static void test_respond_is_not_downgraded(void **state)
{
        Fake f;
        SlackWeb *w = NULL;
        Seen seen = {0};

        (void) state;
        fake_init(&f);
        f.answer = answer;
        assert_int_equal(slack_web_new(&w, f.loop, f.http, f.metrics, "https://slack.com/api/", &f.bot_token),
                         0);
        slack_web_respond(w, f.api_url, json_object(), on_done, &seen);
        WAIT_UNTIL(&f, seen.n == 1);
        assert_string_equal(seen.error, "bad_response_url");
        assert_int_equal(f.n_requests, 0);
        slack_web_free(w);
        assert_true(slack_web_new(&w, f.loop, f.http, f.metrics, "slack.com", &f.bot_token) < 0);
        fake_deinit(&f);
}

static void on_drop(void *userdata)
{
        ++*(unsigned *) userdata;
}

static void test_free_drops(void **state)
{
        Fake f;
        SlackWeb *w = web_new(&f);
        unsigned n_dropped = 0;
        Seen seen = {0};

        (void) state;
        slack_web_call_owned(w, "views.open", json_object(), on_done, on_drop, &n_dropped);
        slack_web_call(w, "views.open", json_object(), on_done, &seen);
        slack_web_respond(w, "", json_object(), on_done, &seen);
        slack_web_free(w);
        fake_run(&f, 20);
        assert_int_equal(n_dropped, 1);
        assert_int_equal(seen.n, 0);
        fake_deinit(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_request),
                cmocka_unit_test(test_outcomes),
                cmocka_unit_test(test_unreachable_and_lost),
                cmocka_unit_test(test_lost_on_a_reused_connection),
                cmocka_unit_test(test_rate),
                cmocka_unit_test(test_respond),
                cmocka_unit_test(test_respond_is_not_downgraded),
                cmocka_unit_test(test_free_drops),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
