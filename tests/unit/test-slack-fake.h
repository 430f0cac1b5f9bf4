/* A Slack inside the test's own loop: records each request, answers by a table or as the test says, and
 * accepts WebSockets. Header only; used by test-slack-web.c, test-slack-asks.c and test-slack-socket.c. */
#pragma once

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/metric.h"
#include "base/secret.h"
#include "loop/loop.h"
#include "net/http-client.h"
#include "net/http-server.h"
#include "net/url.h"

typedef struct FakeRequest {
        char *method; /* "chat.postMessage"; the last part of the path */
        char *authorization, *content_type, *body;
        Form form;
} FakeRequest;

typedef struct Fake {
        Loop *loop;
        HttpServer *server;
        HttpClient *http;
        Metrics *metrics;
        Secret bot_token, app_token;
        char api_url[64];
        FakeRequest requests[256];
        size_t n_requests;
        /* Answers; req is recorded already, as the last. */
        void (*answer)(struct Fake *f, HttpRequest *req, const FakeRequest *r);
        LoopTimer *turn;
} Fake;

static void fake_on_request(void *userdata, HttpRequest *req)
{
        Fake *f = userdata;
        const char *path = http_request_path(req), *body, *slash = strrchr(path, '/');
        FakeRequest *r = &f->requests[f->n_requests];
        size_t n_bytes = 0;

        assert_true(f->n_requests < ELEMENTSOF(f->requests));
        f->n_requests++;
        body = http_request_body(req, &n_bytes);
        r->method = mem_strdup(slash ? slash + 1 : path);
        r->authorization = mem_strdup(http_request_header(req, "authorization"));
        r->content_type = mem_strdup(http_request_header(req, "content-type"));
        r->body = mem_strndup(body ? body : "", n_bytes);
        form_parse(r->body, n_bytes, &r->form);
        f->answer(f, req, r);
}

static void fake_stop_turn(void *userdata)
{
        loop_stop(userdata);
}

static void fake_init(Fake *f)
{
        HttpServerConfig config = {.listen = "127.0.0.1:0", .on_request = fake_on_request, .userdata = f};

        *f = (Fake){0};
        assert_int_equal(loop_new(&f->loop), 0);
        assert_int_equal(http_server_new(&f->server, f->loop, &config), 0);
        assert_int_equal(http_client_new(&f->http, f->loop, "test"), 0);
        f->metrics = metrics_new();
        secret_set(&f->bot_token, "xoxb-test");
        secret_set(&f->app_token, "xapp-test");
        snprintf(f->api_url, sizeof(f->api_url), "http://127.0.0.1:%u/api", http_server_port(f->server));
        f->turn = loop_timer_new(f->loop, fake_stop_turn, f->loop);
}

static void fake_forget(Fake *f)
{
        for (size_t i = 0; i < f->n_requests; i++) {
                FakeRequest *r = &f->requests[i];

                free(r->method);
                free(r->authorization);
                free(r->content_type);
                free(r->body);
                form_deinit(&r->form);
                *r = (FakeRequest){0};
        }
        f->n_requests = 0;
}

static void fake_deinit(Fake *f)
{
        loop_timer_free(f->turn);
        http_client_free(f->http);
        http_server_free(f->server);
        loop_free(f->loop);
        metrics_free(f->metrics);
        secret_deinit(&f->bot_token);
        secret_deinit(&f->app_token);
        fake_forget(f);
}

/* Runs the loop for at most so long. */
UNUSED static void fake_run(Fake *f, int64_t ms)
{
        loop_timer_set(f->turn, ms);
        loop_run(f->loop);
}

#define WAIT_UNTIL(_f, _condition)                                                                           \
        do {                                                                                                 \
                int64_t _deadline_ms = clock_monotonic_ms() + 8000;                                          \
                                                                                                             \
                while (!(_condition)) {                                                                      \
                        if (clock_monotonic_ms() > _deadline_ms)                                             \
                                fail_msg("never came true: %s", #_condition);                                \
                        fake_run((_f), 2);                                                                   \
                }                                                                                            \
        } while (0)

/* The n-th request to `method`, counted from 0; NULL when there were fewer. */
UNUSED static const FakeRequest *fake_request(const Fake *f, const char *method, size_t n)
{
        for (size_t i = 0; i < f->n_requests; i++)
                if (str_equal(f->requests[i].method, method) && n-- == 0)
                        return &f->requests[i];
        return NULL;
}

UNUSED static void assert_field(const FakeRequest *r, const char *name, const char *value)
{
        const char *got = form_get(&r->form, name);

        if (!value)
                assert_null(got);
        else if (!str_equal(got, value))
                fail_msg("%s: field %s is %s, not %s", r->method, name, got ? got : "absent", value);
}
