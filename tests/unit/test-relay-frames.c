/* gateway: what gateways say to each other. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "gateway/relay-frames.h"

static json_t *parse(const char *text)
{
        json_t *value = json_parse(text, strlen(text), NULL);

        assert_non_null(value);
        return value;
}

static void assert_frame(const char *text, const char *wrong_field)
{
        _cleanup_json_ json_t *frame = parse(text);
        const char *why = NULL;

        assert_string_equal(wrong_field ? wrong_field : "fits",
                            relay_frame_check(frame, &why) ? relay_frame_check(frame, &why) : "fits");
}

static void test_check(void **state)
{
        static const struct {
                const char *text, *wrong;
        } cases[] = {
                {"{\"type\":\"look\"}", NULL},
                {"{\"type\":\"stored\",\"flows\":[\"0000000000000001\"]}", NULL},
                {"{\"type\":\"hint\",\"flow\":\"0000000000000001\",\"event\":\"progress\",\"data\":{}}",
                 NULL},
                {"{\"type\":\"tell\",\"what\":\"echo\",\"data\":{\"echoes\":[]}}", NULL},
                {"{\"type\":\"ask\",\"verb\":\"v\",\"key\":\"k\",\"args\":{},\"attempt\":1,\"uncertain\":false,"
                 "\"repeated\":false,\"created_ms\":5,\"least\":1}",
                 NULL},
                {"{}", "type"},
                {"{\"type\":7}", "type"},
                {"{\"type\":\"shutdown\"}", "type"},
                {"{\"type\":\"stored\"}", "flows"},
                {"{\"type\":\"stored\",\"flows\":\"all\"}", "flows"},
                {"{\"type\":\"hint\",\"flow\":\"00000000000000011\",\"event\":\"e\",\"data\":{}}", "flow"},
                {"{\"type\":\"hint\",\"flow\":\"0000000000000001\",\"event\":\"e\",\"data\":[]}", "data"},
                {"{\"type\":\"tell\",\"data\":{}}", "what"},
                {"{\"type\":\"ask\",\"verb\":\"v\",\"key\":\"k\",\"attempt\":1,\"uncertain\":false,"
                 "\"repeated\":false,\"created_ms\":5,\"least\":1}",
                 "args"},
                {"{\"type\":\"ask\",\"verb\":\"v\",\"key\":\"k\",\"args\":{},\"attempt\":1,\"uncertain\":\"no\","
                 "\"repeated\":false,\"created_ms\":5,\"least\":1}",
                 "uncertain"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_frame(cases[i].text, cases[i].wrong);
}

static void test_too_many_flows(void **state)
{
        _cleanup_json_ json_t *frame = json_pack("{s:s, s:[]}", "type", "stored", "flows");
        const char *why;

        (void) state;
        for (int i = 0; i < RELAY_FLOWS_MAX; i++)
                json_array_append_new(json_object_get(frame, "flows"), relay_flow_ref(i + 1));
        assert_null(relay_frame_check(frame, &why));
        json_array_append_new(json_object_get(frame, "flows"), relay_flow_ref(1));
        assert_string_equal(relay_frame_check(frame, &why), "flows");
}

static void test_ask_there_and_back(void **state)
{
        _cleanup_json_ json_t *args = parse("{\"session_id\":\"ses_1\"}");
        Ask ask = {.key = "0f/12",
                   .verb = "opencode.session_abort",
                   .lane = "l",
                   .args = args,
                   .attempt = 3,
                   .uncertain = true,
                   .created_ms = 1790000000000},
            read;
        _cleanup_json_ json_t *frame = relay_ask_frame(&ask, 2);
        const char *why;

        (void) state;
        assert_null(relay_frame_check(frame, &why));
        assert_int_equal(json_int(frame, "least", 0), 2);
        assert_true(json_equal(json_at(frame, "args"), args));
        read = relay_ask_read(frame);
        assert_string_equal(read.key, "0f/12");
        assert_string_equal(read.verb, "opencode.session_abort");
        assert_int_equal(read.attempt, 3);
        assert_true(read.uncertain);
        assert_false(read.repeated);
        assert_int_equal(read.created_ms, 1790000000000);
}

static void test_result_there_and_back(void **state)
{
        _cleanup_json_ json_t *value = parse("{\"error\":\"timeout\"}");
        AskResult result = {.outcome = ASK_TEMPFAIL,
                            .uncertain = true,
                            .retry_after_ms = 700,
                            .value = value},
                  read;
        _cleanup_json_ json_t *frame = relay_result_frame(&result);

        (void) state;
        read = relay_result_read(frame);
        assert_int_equal(read.outcome, ASK_TEMPFAIL);
        assert_true(read.uncertain);
        assert_int_equal(read.retry_after_ms, 700);
        assert_true(json_equal(read.value, value));
        json_decref(read.value);
}

/* Nobody knows what became of an ask whose answer is none. */
static void test_bad_results(void **state)
{
        static const char *const bad[] = {"{}",
                                          "{\"outcome\":3}",
                                          "{\"outcome\":-1}",
                                          "{\"outcome\":\"ok\"}",
                                          "{\"outcome\":0,\"value\":[]}",
                                          "[]"};

        (void) state;
        for (size_t i = 0; i <= ELEMENTSOF(bad); i++) {
                _cleanup_json_ json_t *answer = i < ELEMENTSOF(bad) ? parse(bad[i]) : NULL;
                AskResult read = relay_result_read(answer);

                assert_int_equal(read.outcome, ASK_TEMPFAIL);
                assert_true(read.uncertain);
                assert_string_equal(json_str(read.value, "error"), "unavailable");
                json_decref(read.value);
        }
}

static void test_refs(void **state)
{
        _cleanup_json_ json_t *ref = relay_flow_ref(0x0123456789abcdef);

        (void) state;
        assert_string_equal(json_string_value(ref), "0123456789abcdef");
        assert_true(relay_flow_id("0123456789abcdef") == 0x0123456789abcdef);
        assert_true(relay_flow_id("0123456789abcde") == 0);
        assert_true(relay_flow_id("0123456789abcdeg") == 0);
        assert_true(relay_flow_id("") == 0);
        assert_true(relay_flow_id(NULL) == 0);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_check),
                cmocka_unit_test(test_too_many_flows),
                cmocka_unit_test(test_ask_there_and_back),
                cmocka_unit_test(test_result_there_and_back),
                cmocka_unit_test(test_bad_results),
                cmocka_unit_test(test_refs),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
