/* connectors/slack/echo: when silence means that the connection is deaf, and when it means nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "connectors/slack/echo.h"

#define WAIT 25000

static int setup(void **state)
{
        *state = slack_echo_new(WAIT);
        return 0;
}

static int teardown(void **state)
{
        slack_echo_free(*state);
        return 0;
}

static void test_quiet(void **state)
{
        SlackEcho *e = *state;

        /* Hours without a word; then a channel whose events the app does not get. */
        assert_int_equal(slack_echo_judge(e, 10LL * 3600 * 1000), SLACK_HEARS);
        assert_int_equal(slack_echo_due_ms(e, 0), -1);
        slack_echo_posted(e, "C1", "1.1", 1000);
        assert_int_equal(slack_echo_due_ms(e, 1000), -1);
        assert_int_equal(slack_echo_judge(e, 1000 + 2 * WAIT), SLACK_HEARS);
        assert_true(slack_echo_heard(e, "C2", "1.2", 2000));
        assert_false(slack_echo_heard(e, "C2", "1.3", 2000));
        slack_echo_posted(e, "C1", "1.4", 3000);
        assert_int_equal(slack_echo_judge(e, 3000 + 2 * WAIT), SLACK_HEARS);
}

static void test_deaf(void **state)
{
        SlackEcho *e = *state;

        assert_true(slack_echo_heard(e, "C1", "1.1", 0));
        slack_echo_posted(e, "C1", "1.2", 1000);
        assert_int_equal(slack_echo_due_ms(e, 2000), WAIT - 1000);
        assert_int_equal(slack_echo_judge(e, 1000 + WAIT - 1), SLACK_HEARS);
        assert_int_equal(slack_echo_judge(e, 1000 + WAIT), SLACK_DEAF);
        assert_int_equal(slack_echo_due_ms(e, 1000 + WAIT), -1);
        /* It was only slow. */
        slack_echo_heard(e, "C1", "1.2", 1000 + WAIT + 1);
        assert_int_equal(slack_echo_judge(e, 1000 + WAIT + 1), SLACK_HEARS);
        /* The echo overtakes the answer to the post. */
        slack_echo_heard(e, "C1", "1.3", 40000);
        slack_echo_posted(e, "C1", "1.3", 40001);
        assert_int_equal(slack_echo_judge(e, 40001 + 2 * WAIT), SLACK_HEARS);
        /* The same ts in another channel is another message. */
        slack_echo_posted(e, "C1", "1.4", 200000);
        slack_echo_heard(e, "C9", "1.4", 200000);
        assert_int_equal(slack_echo_judge(e, 200000 + WAIT), SLACK_DEAF);
}

static void test_half_deaf(void **state)
{
        SlackEcho *e = *state;

        slack_echo_learn(e, "C1");
        for (int i = 0; i < SLACK_ECHO_HALF_DEAF; i++) {
                _cleanup_free_ char *ts = mem_printf("1.%d", i);

                assert_int_equal(slack_echo_judge(e, 1000 + i + WAIT), SLACK_HEARS);
                slack_echo_posted(e, "C1", ts, 1000 + i);
                slack_echo_alive(e, 2000);
        }
        assert_int_equal(slack_echo_judge(e, 2000 + WAIT), SLACK_HALF_DEAF);
        slack_echo_forget(e, false);
        assert_int_equal(slack_echo_judge(e, 2000 + WAIT), SLACK_HEARS);
        slack_echo_posted(e, "C1", "2.0", 2000);
        assert_int_equal(slack_echo_judge(e, 2000 + WAIT), SLACK_DEAF);
        /* Events that are not subscribed to any more are not waited for for ever. */
        slack_echo_forget(e, true);
        slack_echo_posted(e, "C1", "3.0", 3000);
        assert_int_equal(slack_echo_judge(e, 3000 + WAIT), SLACK_HEARS);
}

static void test_limits(void **state)
{
        SlackEcho *e = *state;
        _cleanup_json_ json_t *channels = NULL;

        for (int i = 0; i < SLACK_ECHO_CHANNELS_MAX + 10; i++) {
                _cleanup_free_ char *channel = mem_printf("C%d", i);

                assert_int_equal(slack_echo_heard(e, channel, "1.1", 0), i < SLACK_ECHO_CHANNELS_MAX);
        }
        channels = slack_echo_channels(e);
        assert_int_equal(json_array_size(channels), SLACK_ECHO_CHANNELS_MAX);
        for (int i = 0; i < 3 * SLACK_ECHO_AWAITED_MAX; i++) {
                _cleanup_free_ char *ts = mem_printf("5.%d", i);

                slack_echo_posted(e, "C1", ts, 5000 + i);
        }
        assert_int_equal(slack_echo_judge(e, 5000 + 2 * SLACK_ECHO_AWAITED_MAX - 1 + WAIT), SLACK_HEARS);
        assert_int_equal(slack_echo_judge(e, 5000 + 2 * SLACK_ECHO_AWAITED_MAX + WAIT), SLACK_DEAF);
        /* Given up after ten minutes, once something is heard. */
        slack_echo_alive(e, 700000);
        assert_int_equal(slack_echo_judge(e, 700000), SLACK_HEARS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_quiet, setup, teardown),
                cmocka_unit_test_setup_teardown(test_deaf, setup, teardown),
                cmocka_unit_test_setup_teardown(test_half_deaf, setup, teardown),
                cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
