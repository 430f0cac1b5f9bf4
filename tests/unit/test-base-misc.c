/* base: digests by published vectors, secrets, the redactor, metrics, errors, memory, time. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <pthread.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/secret.h"

static void expect_hex(const uint8_t *data, size_t n, const char *expected)
{
        char hex[65];

        digest_hex(data, n, hex);
        assert_string_equal(hex, expected);
}

static void test_digests(void **state)
{
        uint8_t sha1[20], sha256[32];

        (void) state;
        digest_sha1("abc", 3, sha1); /* FIPS 180-2, A.1 */
        expect_hex(sha1, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
        digest_sha256("abc", 3, sha256); /* B.1 */
        expect_hex(sha256, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        digest_sha256("", 0, sha256);
        expect_hex(sha256, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        digest_hmac_sha256("Jefe", "what do ya want for nothing?", 28, sha256); /* RFC 4231 §4.3 */
        expect_hex(sha256, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void test_base64(void **state)
{
        static const struct {
                const char *plain, *encoded, *url;
        } cases[] = {
                /* RFC 4648 §10 */
                {"", "", ""},
                {"f", "Zg==", "Zg"},
                {"fo", "Zm8=", "Zm8"},
                {"foo", "Zm9v", "Zm9v"},
                {"foob", "Zm9vYg==", "Zm9vYg"},
                {"\xfb\xff\xbf", "+/+/", "-_-_"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *encoded = base64_encode(cases[i].plain, strlen(cases[i].plain));
                _cleanup_free_ char *url = base64url_encode(cases[i].plain, strlen(cases[i].plain));

                assert_string_equal(encoded, cases[i].encoded);
                assert_string_equal(url, cases[i].url);
        }
}

static void test_uuids(void **state)
{
        char a[UUID_SIZE], b[UUID_SIZE];

        (void) state;
        uuid4(a);
        uuid4(b);
        assert_int_equal(strlen(a), 36);
        assert_int_equal(a[14], '4');
        assert_non_null(strchr("89ab", a[19]));
        assert_string_not_equal(a, b);
        assert_true(random_u64() != random_u64());
        /* Stored by others as the identity of our messages: these may never change. */
        uuid5("a4f0/12", a);
        assert_string_equal(a, "581011b1-fe0c-5b65-87ba-ed4c86fe3cfd");
        uuid5("", b);
        assert_string_equal(b, "1d1ac816-99be-57fb-a9b3-5e7e1cdd922d");
}

static void test_secret(void **state)
{
        Secret s = {0};

        (void) state;
        assert_false(secret_is_set(&s));
        assert_false(secret_equal(&s, ""));
        assert_false(secret_equal(&s, NULL));
        assert_string_equal(secret_print(&s), "(unset)");
        assert_string_equal(secret_reveal(&s), "");
        secret_set(&s, "hunter2");
        assert_true(secret_is_set(&s));
        assert_string_equal(secret_print(&s), "***");
        assert_string_equal(secret_reveal(&s), "hunter2");
        assert_true(secret_equal(&s, "hunter2"));
        assert_false(secret_equal(&s, "hunter"));
        assert_false(secret_equal(&s, "hunter22"));
        assert_false(secret_equal(&s, "Hunter2"));
        assert_false(secret_equal(&s, ""));
        assert_false(secret_equal(&s, NULL));
        secret_set(&s, "");
        assert_false(secret_is_set(&s));
        assert_false(secret_equal(&s, ""));
        secret_set(&s, NULL);
        secret_deinit(&s);
        secret_deinit(&s);
}

static void test_redaction(void **state)
{
        static const struct {
                const char *text, *expected;
        } cases[] = {
                {"nothing to hide", "nothing to hide"},
                {"token=xoxb-12-ab end", "token=xoxb-***** end"},
                {"xoxb-a xoxb-b", "xoxb-* xoxb-*"},
                {"xapp-1-A2-x\"", "xapp-******\""},
                {"Authorization: Bearer abc.def=", "Authorization: Bearer ********"},
                {"wss://host/link/?ticket=1234-5678&app_id=x", "wss://host/link/?ticket=*********&app_id=x"},
                {"https://hooks.slack.com/commands/T1/2/abc", "https://hooks.slack.com/*****************"},
                {"xoxb-", "xoxb-"},
                {"", ""},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = mem_strdup(cases[i].text);

                log_redact(text);
                assert_string_equal(text, cases[i].expected);
        }
}

/* What a log line looks like, read back from stderr. */
static void test_log_line(void **state)
{
        FILE *capture = tmpfile();
        int saved = dup(STDERR_FILENO);
        char line[8192];
        size_t n;

        (void) state;
        fflush(stderr);
        dup2(fileno(capture), STDERR_FILENO);
        log_set_level(LOG_INFO);
        log_debug("test", "not this");
        log_info("test", "a \"quoted\" \\ line\nof two\tand xoxb-secret");
        log_info("test", "%06000d", 1);
        fflush(stderr);
        dup2(saved, STDERR_FILENO);
        close(saved);
        rewind(capture);
        assert_non_null(fgets(line, sizeof(line), capture));
        assert_memory_equal(line, "time=2", 6);
        assert_non_null(strstr(
                line,
                "Z level=info component=test msg=\"a \\\"quoted\\\" \\\\ line\\nof two and xoxb-******\"\n"));
        assert_non_null(fgets(line, sizeof(line), capture)); /* bounded, and still one line */
        n = strlen(line);
        assert_in_range(n, 4000, 4300);
        assert_string_equal(line + n - 2, "\"\n");
        assert_null(fgets(line, sizeof(line), capture));
        fclose(capture);
}

static void test_log_levels(void **state)
{
        LogLevel level = LOG_WARN;

        (void) state;
        assert_true(log_level_from_string("debug", &level));
        assert_int_equal(level, LOG_DEBUG);
        assert_true(log_level_from_string("error", &level));
        assert_false(log_level_from_string("loud", &level));
        assert_false(log_level_from_string("", &level));
        assert_int_equal(level, LOG_ERROR);
}

static void test_metrics(void **state)
{
        _cleanup_(metrics_freep) Metrics *m = metrics_new();
        MetricSeries *ok = metrics_counter(m, "calls_total", "Calls made.", "ok=\"true\"");
        MetricSeries *bad = metrics_counter(m, "calls_total", "Calls made.", "ok=\"false\"");
        MetricSeries *gauge = metrics_gauge(m, "waiting", "Things that wait.", NULL);
        MetricSeries *seconds = metrics_histogram(m, "took_seconds", "Time taken.", NULL);
        _cleanup_buf_ Buf out = {0};
        const char *text;

        (void) state;
        assert_ptr_equal(metrics_counter(m, "calls_total", "Calls made.", "ok=\"true\""), ok);
        metric_add(ok, 2);
        metric_add(ok, 1);
        metric_add(bad, 1);
        metric_set(gauge, 2.5);
        metric_add(gauge, -1);
        assert_true(metric_value(ok) == 3);
        metric_observe_ms(seconds, 0.4);
        metric_observe_ms(seconds, 40);
        metric_observe_ms(seconds, 99000);
        metrics_render(m, &out);
        text = buf_bytes(&out);
        assert_non_null(strstr(text, "# HELP calls_total Calls made.\n# TYPE calls_total counter\n"
                                     "calls_total{ok=\"false\"} 1\ncalls_total{ok=\"true\"} 3\n"));
        assert_null(strstr(strstr(text, "# HELP calls_total") + 1, "# HELP calls_total"));
        assert_non_null(strstr(text, "# TYPE waiting gauge\nwaiting 1.5\n"));
        assert_non_null(
                strstr(text, "# TYPE took_seconds histogram\ntook_seconds_bucket{le=\"0.0005\"} 1\n"));
        assert_non_null(strstr(text, "took_seconds_bucket{le=\"0.05\"} 2\n"));
        assert_non_null(
                strstr(text, "took_seconds_bucket{le=\"30\"} 2\ntook_seconds_bucket{le=\"+Inf\"} 3\n"));
        assert_non_null(strstr(text, "took_seconds_count{} 3\n"));
        assert_non_null(strstr(text, "took_seconds_sum{} 99.0404\n"));
        assert_int_equal(text[buf_len(&out) - 1], '\n');
}

static int fails(void)
{
        return error_origin(-ENOSPC);
}

static int passes_on(void)
{
        return error_trace(fails());
}

static void *other_thread(void *arg)
{
        error_origin(-EIO);
        return arg;
}

static void test_errors(void **state)
{
        pthread_t thread;

        (void) state;
        assert_int_equal(passes_on(), -ENOSPC);
        assert_int_equal(pthread_create(&thread, NULL, other_thread, NULL), 0);
        pthread_join(thread, NULL);
        assert_non_null(strstr(error_last_trace(), "No space left"));
        assert_non_null(strstr(error_last_trace(), " fails"));
        assert_non_null(strstr(error_last_trace(), " passes_on"));
        assert_int_equal(error_trace(0), 0);
        assert_int_equal(error_trace(3), 3);
        assert_int_equal(error_origin(2), 2);
        for (int i = 0; i < 200; i++) /* bounded */
                error_trace(-EIO);
        assert_true(strlen(error_last_trace()) < 1024);
}

static char *hand_on(void)
{
        _cleanup_free_ char *text = mem_strdup("kept");

        return take(text);
}

static void test_memory(void **state)
{
        _cleanup_free_ char *kept = hand_on(), *part = mem_strndup("abcdef", 3),
                            *printed = mem_printf("%d-%s", 7, "x");
        char *slot = NULL;

        (void) state;
        assert_string_equal(kept, "kept");
        assert_string_equal(part, "abc");
        assert_string_equal(printed, "7-x");
        assert_null(mem_strdup(NULL));
        mem_strset(&slot, "a");
        mem_strset(&slot, slot); /* of itself */
        assert_string_equal(slot, "a");
        mem_strset(&slot, NULL);
        assert_null(slot);
        assert_true(str_equal(NULL, NULL));
        assert_false(str_equal("a", NULL));
        assert_true(str_starts_with("abc", "ab"));
        assert_false(str_starts_with("a", "ab"));
        assert_true(str_empty(NULL) && str_empty("") && !str_empty(" "));
}

static void test_clock(void **state)
{
        int64_t a = clock_monotonic_us(), b = clock_monotonic_ms();

        (void) state;
        assert_true(clock_realtime_ms() > 1700000000000);
        assert_true(clock_monotonic_us() >= a);
        assert_true(b >= a / 1000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_digests),    cmocka_unit_test(test_base64),
                cmocka_unit_test(test_uuids),      cmocka_unit_test(test_secret),
                cmocka_unit_test(test_redaction),  cmocka_unit_test(test_log_line),
                cmocka_unit_test(test_log_levels), cmocka_unit_test(test_metrics),
                cmocka_unit_test(test_errors),     cmocka_unit_test(test_memory),
                cmocka_unit_test(test_clock),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
