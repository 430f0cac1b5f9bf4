/* connectors/slack/rate: virtual time against the published limits. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "connectors/slack/rate.h"

#define START_MS 1000000

/* Calls that go through at once at `now_ms`, taken. */
static unsigned burst(SlackRate *r, const char *method, const char *channel, bool urgent, int64_t now_ms)
{
        unsigned n = 0;

        while (n < 2000 && slack_rate_wait_ms(r, method, channel, urgent, now_ms) == 0) {
                slack_rate_take(r, method, channel, now_ms);
                n++;
        }
        return n;
}

static void test_bursts(void **state)
{
        static const struct {
                const char *method, *channel;
                unsigned normal, urgent; /* then left for urgent calls */
                int64_t urgent_wait_ms;  /* after both */
        } rows[] = {
                {"chat.update", "C1", 37, 13, 1200},        {"chat.update", NULL, 37, 13, 1200},
                {"some.unknownMethod", "C1", 37, 13, 1200}, {"reactions.remove", NULL, 15, 5, 3000},
                {"views.open", NULL, 75, 25, 600},          {"chat.postMessage", "C1", 3, 2, 1000},
                {"chat.postMessage", NULL, 225, 75, 200},   {"apps.connections.open", NULL, 7, 3, 6000},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(slack_rate_freep) SlackRate *r = slack_rate_new();
                const char *m = rows[i].method, *c = rows[i].channel;

                assert_int_equal(burst(r, m, c, false, START_MS), rows[i].normal);
                assert_true(slack_rate_wait_ms(r, m, c, false, START_MS) > 0);
                assert_int_equal(burst(r, m, c, true, START_MS), rows[i].urgent);
                assert_int_equal(slack_rate_wait_ms(r, m, c, true, START_MS), rows[i].urgent_wait_ms);
        }
}

/* Waiting as long as told is enough, and not a millisecond too long. */
static void test_wait_is_exact(void **state)
{
        static const char *const methods[] = {"chat.update", "chat.postMessage", "reactions.remove",
                                              "users.info"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                for (int urgent = 0; urgent <= 1; urgent++) {
                        _cleanup_(slack_rate_freep) SlackRate *r = slack_rate_new();
                        int64_t now_ms = START_MS, wait_ms;

                        burst(r, methods[i], "C1", urgent, now_ms);
                        for (int n = 0; n < 50; n++) {
                                wait_ms = slack_rate_wait_ms(r, methods[i], "C1", urgent, now_ms);
                                assert_true(wait_ms > 0);
                                assert_true(slack_rate_wait_ms(r, methods[i], "C1", urgent,
                                                               now_ms + wait_ms - 1) > 0);
                                now_ms += wait_ms;
                                assert_int_equal(burst(r, methods[i], "C1", urgent, now_ms), 1);
                        }
                }
}

/* Over ten minutes of calling whenever allowed, no more than the tier's rate beyond the first burst. */
static void test_sustained(void **state)
{
        _cleanup_(slack_rate_freep) SlackRate *r = slack_rate_new();
        unsigned updates = 0, posts = 0;

        (void) state;
        for (int64_t t = 0; t < 600 * 1000; t += 10) {
                updates += burst(r, "chat.update", "C1", true, START_MS + t);
                posts += burst(r, "chat.postMessage", "C1", true, START_MS + t);
        }
        assert_in_range(updates, 540, 550);
        assert_in_range(posts, 595, 605);
}

static void test_urgent_is_not_starved(void **state)
{
        _cleanup_(slack_rate_freep) SlackRate *r = slack_rate_new();

        (void) state;
        for (int64_t t = 0; t < 300 * 1000; t += 100) {
                burst(r, "chat.update", "C1", false, START_MS + t);
                if (t % 2000 == 0) {
                        assert_int_equal(slack_rate_wait_ms(r, "chat.update", "C1", true, START_MS + t), 0);
                        slack_rate_take(r, "chat.update", "C1", START_MS + t);
                }
        }
}

static void test_channels_are_apart(void **state)
{
        _cleanup_(slack_rate_freep) SlackRate *r = slack_rate_new();

        (void) state;
        assert_int_equal(burst(r, "chat.postMessage", "C1", true, START_MS), 5);
        assert_int_equal(burst(r, "chat.postMessage", "C2", true, START_MS), 5);
        assert_int_equal(burst(r, "chat.update", "C1", true, START_MS), 50);
        assert_int_equal(burst(r, "chat.update", "C2", true, START_MS), 0); /* one bucket for the workspace */
}

static void test_block(void **state)
{
        _cleanup_(slack_rate_freep) SlackRate *r = slack_rate_new();

        (void) state;
        slack_rate_block(r, "chat.update", NULL, 7000, START_MS);
        assert_int_equal(slack_rate_wait_ms(r, "chat.update", NULL, true, START_MS), 7000);
        assert_int_equal(slack_rate_wait_ms(r, "chat.update", NULL, true, START_MS + 6999), 1);
        assert_int_equal(burst(r, "chat.update", NULL, true, START_MS + 7000), 1);
        assert_int_equal(slack_rate_wait_ms(r, "chat.update", NULL, true, START_MS + 7000), 1200);
        /* Reserve first, then everybody. */
        assert_true(slack_rate_wait_ms(r, "chat.update", NULL, false, START_MS + 8200) > 0);
        assert_int_equal(slack_rate_wait_ms(r, "chat.update", NULL, false, START_MS + 70000), 0);

        slack_rate_block(r, "chat.postMessage", "C1", 3000, START_MS);
        assert_int_equal(slack_rate_wait_ms(r, "chat.postMessage", "C1", true, START_MS), 3000);
        assert_int_equal(slack_rate_wait_ms(r, "chat.postMessage", "C2", true, START_MS), 0);
        /* A shorter wish does not undo a longer one. */
        slack_rate_block(r, "chat.postMessage", "C1", 10, START_MS);
        assert_int_equal(slack_rate_wait_ms(r, "chat.postMessage", "C1", true, START_MS), 3000);
        slack_rate_block(r, "users.info", NULL, INT64_MAX, START_MS);
        assert_int_equal(slack_rate_wait_ms(r, "users.info", NULL, true, START_MS), 600 * 1000);
        slack_rate_block(r, "views.open", NULL, -5, START_MS);
        assert_int_equal(slack_rate_wait_ms(r, "views.open", NULL, true, START_MS), 0);
}

static void test_debt_is_bounded(void **state)
{
        _cleanup_(slack_rate_freep) SlackRate *r = slack_rate_new();

        (void) state;
        for (int i = 0; i < 1000; i++)
                slack_rate_take(r, "chat.postMessage", "C1", START_MS);
        assert_int_equal(slack_rate_wait_ms(r, "chat.postMessage", "C1", true, START_MS),
                         60200); /* the workspace's */
}

static void test_map_is_bounded(void **state)
{
        _cleanup_(slack_rate_freep) SlackRate *r = slack_rate_new();
        char channel[32];

        (void) state;
        burst(r, "chat.postMessage", "C-busy", true, START_MS);
        for (int i = 0; i < 5000; i++) {
                snprintf(channel, sizeof(channel), "C%d", i);
                slack_rate_wait_ms(r, "chat.postMessage", channel, false, START_MS);
                /* In use, therefore remembered. */
                assert_true(slack_rate_wait_ms(r, "chat.postMessage", "C-busy", true, START_MS) > 0);
        }
        assert_int_equal(slack_rate_n_buckets(r), SLACK_RATE_BUCKETS_MAX);
}

static void test_time_going_back(void **state)
{
        _cleanup_(slack_rate_freep) SlackRate *r = slack_rate_new();

        (void) state;
        burst(r, "chat.update", NULL, true, START_MS);
        assert_true(slack_rate_wait_ms(r, "chat.update", NULL, true, START_MS - 5000) > 0);
        assert_int_equal(slack_rate_wait_ms(r, "chat.update", NULL, true, START_MS + 1200), 0);
}

/* Of several programs that are one app each has its part, of what has been used already, too. */
static void test_share(void **state)
{
        _cleanup_(slack_rate_freep) SlackRate *r = slack_rate_new();
        int64_t now_ms = 0;

        (void) state;
        assert_int_equal(slack_rate_wait_ms(r, "conversations.list", NULL, true, now_ms), 0);
        slack_rate_set_share(r, 4);
        for (int i = 0; i < 5; i++)
                slack_rate_take(r, "conversations.list", NULL, now_ms); /* 20 a minute */
        assert_int_equal(slack_rate_wait_ms(r, "conversations.list", NULL, true, now_ms), 12000);
        slack_rate_set_share(r, 1);
        assert_int_equal(slack_rate_wait_ms(r, "conversations.list", NULL, true, now_ms), 3000);
        /* However many they are, each may call once. */
        slack_rate_set_share(r, 100);
        assert_int_equal(slack_rate_wait_ms(r, "chat.postMessage", "C1", false, now_ms), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_share),
                cmocka_unit_test(test_bursts),
                cmocka_unit_test(test_wait_is_exact),
                cmocka_unit_test(test_sustained),
                cmocka_unit_test(test_urgent_is_not_starved),
                cmocka_unit_test(test_channels_are_apart),
                cmocka_unit_test(test_block),
                cmocka_unit_test(test_debt_is_bounded),
                cmocka_unit_test(test_map_is_bounded),
                cmocka_unit_test(test_time_going_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
