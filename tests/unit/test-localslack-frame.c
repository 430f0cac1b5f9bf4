/* What is asked of a call before the method runs: rows, scopes, rate limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "methods.h"
#include "rate.h"

static void test_rows(void **state)
{
        (void) state;
        for (size_t i = 0; method_at(i); i++) {
                const Method *m = method_at(i);

                assert_ptr_equal(method_find(m->name), m); /* no name twice */
                /* An app-level token is no user: the scopes of people belong to user tokens. */
                assert_true(!m->user_scopes || (m->tokens & TOKEN_USER));
        }
        assert_null(method_find("chat.nothing"));
        assert_null(method_find(""));
}

static void test_tokens(void **state)
{
        static const struct {
                const char *token;
                unsigned kind;
        } rows[] = {{"xoxb-1", TOKEN_BOT},   {"xoxp-1", TOKEN_USER},
                    {"xapp-1-A", TOKEN_APP}, {"xoxe.xoxp-1", TOKEN_CONFIG},
                    {"xoxc-1", TOKEN_NONE},  {"", TOKEN_NONE},
                    {NULL, TOKEN_NONE}};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                assert_int_equal(token_kind(rows[i].token), rows[i].kind);
}

static void test_scopes(void **state)
{
        static const struct {
                const char *method;
                unsigned token;
                ChannelKind kind;
                const char *scopes;
        } rows[] = {
                {"chat.postMessage", TOKEN_BOT, CHANNEL_KINDS, "chat:write"},
                {"views.open", TOKEN_BOT, CHANNEL_KINDS, ""},
                {"conversations.info", TOKEN_BOT, CHANNEL_PUBLIC, "channels:read"},
                {"conversations.info", TOKEN_BOT, CHANNEL_PRIVATE, "groups:read"},
                {"conversations.history", TOKEN_USER, CHANNEL_IM, "im:history"},
                {"conversations.replies", TOKEN_BOT, CHANNEL_KINDS,
                 "channels:history,groups:history,im:history,mpim:history"},
                {"conversations.archive", TOKEN_BOT, CHANNEL_PUBLIC, "channels:manage"},
                {"conversations.archive", TOKEN_USER, CHANNEL_PUBLIC, "channels:write"},
                {"conversations.setTopic", TOKEN_BOT, CHANNEL_PUBLIC, "channels:write.topic,channels:manage"},
                {"conversations.invite", TOKEN_BOT, CHANNEL_PRIVATE, "groups:write.invites,groups:write"},
                {"conversations.join", TOKEN_BOT, CHANNEL_PUBLIC, "channels:join"},
                {"conversations.join", TOKEN_USER, CHANNEL_PUBLIC, "channels:write"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *scopes =
                        method_scopes(method_find(rows[i].method), rows[i].token, rows[i].kind);

                assert_string_equal(scopes, rows[i].scopes);
        }
}

static void test_suffice(void **state)
{
        (void) state;
        assert_true(scopes_suffice("chat:write", NULL));
        assert_true(scopes_suffice("", "commands"));
        assert_true(scopes_suffice("groups:read,im:read", "commands,im:read"));
        assert_false(scopes_suffice("chat:write", "chat:write.public,commands"));
        assert_false(scopes_suffice("chat:write", ""));
}

static void test_granted(void **state)
{
        _cleanup_free_ char *bot = methods_list_scopes(TOKEN_BOT);

        (void) state;
        assert_true(str_starts_with(bot, "app_mentions:read,"));
        assert_true(scopes_suffice("pins:write", bot));
        assert_true(scopes_suffice("mpim:history", bot));
        assert_false(scopes_suffice("connections:write", bot)); /* of app-level tokens */
}

/* Calls that pass in a row at one moment. */
static unsigned burst(Rate *r, const char *method, const char *channel, unsigned per_min, int64_t now_ms)
{
        unsigned n = 0;

        while (n < 10000 && rate_take(r, method_find(method), "bot", channel, per_min, 1, now_ms) == 0)
                n++;
        return n;
}

static void test_tiers(void **state)
{
        static const struct {
                const char *method;
                unsigned burst;
                int64_t retry_s;
        } rows[] = {
                {"conversations.list", 20, 3}, {"users.list", 20, 3},         {"chat.update", 50, 2},
                {"views.open", 100, 1},        {"auth.test", 600, 1},         {"chat.startStream", 20, 3},
                {"chat.appendStream", 100, 1}, {"blocks.validate", 10000, 0},
        };
        Rate *r = rate_new();

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                assert_int_equal(burst(r, rows[i].method, "C1", 0, 1000), rows[i].burst);
                assert_int_equal(rate_take(r, method_find(rows[i].method), "bot", "C1", 0, 1, 1000),
                                 rows[i].retry_s);
        }
        /* After the wait exactly one more passes; after a minute all do; another token has its own. */
        assert_int_equal(burst(r, "users.list", NULL, 0, 4000), 1);
        assert_int_equal(burst(r, "users.list", NULL, 0, 64000), 20);
        assert_int_equal(rate_take(r, method_find("users.list"), "U0ANN", NULL, 0, 1, 64000), 0);
        rate_clear(r);
        assert_int_equal(burst(r, "users.list", NULL, 0, 64000), 20);
        rate_free(r);
}

static void test_posts(void **state)
{
        const Method *post = method_find("chat.postMessage");
        Rate *r = rate_new();
        unsigned n = 0;

        (void) state;
        assert_int_equal(burst(r, "chat.postMessage", "C1", 0, 0), RATE_POST_BURST);
        assert_int_equal(rate_take(r, post, "bot", "C1", 0, 1, 0), 1);
        assert_int_equal(burst(r, "chat.postMessage", "C2", 0, 0), RATE_POST_BURST);
        assert_int_equal(burst(r, "chat.postMessage", "C1", 0, 1000), 1);
        /* Many channels together meet the workspace's limit. */
        rate_clear(r);
        for (int i = 0; i < 1000; i++) {
                char channel[16];

                snprintf(channel, sizeof(channel), "C%d", i);
                n += rate_take(r, post, "bot", channel, 0, 1, 2000) == 0;
        }
        assert_int_equal(n, RATE_POST_TEAM_PER_MIN);
        rate_free(r);
}

static void test_scale(void **state)
{
        const Method *list = method_find("users.list");
        Rate *r = rate_new();

        (void) state;
        /* One a minute, and a minute of six seconds. */
        assert_int_equal(rate_take(r, list, "bot", NULL, 1, 0.1, 0), 0);
        assert_int_equal(rate_take(r, list, "bot", NULL, 1, 0.1, 0), 6);
        assert_int_equal(rate_take(r, list, "bot", NULL, 1, 0.1, 5500), 1);
        assert_int_equal(rate_take(r, list, "bot", NULL, 1, 0.1, 6000), 0);
        for (int i = 0; i < 100; i++)
                assert_int_equal(rate_take(r, list, "bot", NULL, 1, 0, 6000), 0);
        rate_free(r);
}

static void test_many_buckets(void **state)
{
        const Method *post = method_find("chat.postMessage");
        Rate *r = rate_new();

        (void) state;
        for (int i = 0; i < 3 * RATE_BUCKETS_MAX; i++) {
                char channel[16];

                snprintf(channel, sizeof(channel), "C%d", i);
                assert_int_equal(rate_take(r, post, "bot", channel, 0, 1, (int64_t) i * 1000), 0);
        }
        rate_free(r);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),         cmocka_unit_test(test_tokens),
                cmocka_unit_test(test_scopes),       cmocka_unit_test(test_suffice),
                cmocka_unit_test(test_granted),      cmocka_unit_test(test_tiers),
                cmocka_unit_test(test_posts),        cmocka_unit_test(test_scale),
                cmocka_unit_test(test_many_buckets),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
