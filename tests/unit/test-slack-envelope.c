/* connectors/slack/envelope: every shape that Slack documents or was seen to send, and those it should not.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "connectors/slack/envelope.h"

static SlackFrame frame;

static void parse(const char *text)
{
        slack_frame_parse(text, strlen(text), &frame);
}

static void test_hello(void **state)
{
        (void) state;
        parse("{\"type\":\"hello\",\"num_connections\":4,\"debug_info\":{\"host\":\"applink-7fc4fdbb64-4x5xq\","
              "\"build_number\":10,\"approximate_connection_time\":18060},\"connection_info\":{\"app_id\":\"A01\"}}");
        assert_int_equal(frame.type, SLACK_FRAME_HELLO);
        assert_int_equal(frame.num_connections, 4);
        assert_int_equal(frame.connection_time_ms, 18060 * 1000);
        assert_string_equal(frame.host, "applink-7fc4fdbb64-4x5xq");

        parse("{\"type\":\"hello\"}");
        assert_int_equal(frame.type, SLACK_FRAME_HELLO);
        assert_int_equal(frame.num_connections, 0);
        assert_int_equal(frame.connection_time_ms, 0);
        assert_string_equal(frame.host, "");

        parse("{\"type\":\"hello\",\"num_connections\":-4,\"debug_info\":{\"approximate_connection_time\":\"x\"}}");
        assert_int_equal(frame.num_connections, 0);
        assert_int_equal(frame.connection_time_ms, 0);
        parse("{\"type\":\"hello\",\"num_connections\":99999999999,\"debug_info\":7}");
        assert_int_equal(frame.num_connections, 1000);
}

static void test_disconnect(void **state)
{
        static const struct {
                const char *reason;
                SlackDisconnect disconnect;
        } rows[] = {
                {"warning", SLACK_DISCONNECT_WARNING},
                {"refresh_requested", SLACK_DISCONNECT_REFRESH},
                {"link_disabled", SLACK_DISCONNECT_LINK_DISABLED},
                {"too_many_websockets", SLACK_DISCONNECT_TOO_MANY},
                {"a_reason_of_tomorrow", SLACK_DISCONNECT_REFRESH},
        };
        char text[256];

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                snprintf(text, sizeof(text),
                         "{\"type\":\"disconnect\",\"reason\":\"%s\",\"num_connections\":2,"
                         "\"debug_info\":{\"host\":\"wss-111.slack.com\"}}",
                         rows[i].reason);
                parse(text);
                assert_int_equal(frame.type, SLACK_FRAME_DISCONNECT);
                assert_int_equal(frame.disconnect, rows[i].disconnect);
                assert_string_equal(frame.reason, rows[i].reason);
                assert_string_equal(frame.host, "wss-111.slack.com");
        }
        parse("{\"type\":\"disconnect\"}");
        assert_int_equal(frame.disconnect, SLACK_DISCONNECT_REFRESH);
        assert_string_equal(frame.reason, "unknown");
}

static void assert_envelope(const char *id, SlackEnvelopeType type, const char *payload, bool accepts,
                            unsigned retry)
{
        assert_int_equal(frame.type, SLACK_FRAME_ENVELOPE);
        assert_string_equal(frame.envelope.id, id);
        assert_int_equal(frame.envelope.type, type);
        assert_int_equal(frame.envelope.n_payload, strlen(payload));
        assert_memory_equal(frame.envelope.payload, payload, strlen(payload));
        assert_int_equal(frame.envelope.accepts_response, accepts);
        assert_int_equal(frame.envelope.retry_attempt, retry);
}

static void test_envelopes(void **state)
{
        (void) state;
        parse("{\"envelope_id\":\"57d6a792-4d35\",\"type\":\"events_api\",\"accepts_response_payload\":false,"
              "\"retry_attempt\":0,\"retry_reason\":\"\",\"payload\":{\"type\":\"event_callback\"}}");
        assert_envelope("57d6a792-4d35", SLACK_ENVELOPE_EVENT, "{\"type\":\"event_callback\"}", false, 0);
        parse("{\"payload\":{\"event_id\":\"Ev1\"},\"envelope_id\":\"e2\",\"type\":\"events_api\",\"retry_attempt\":2,"
              "\"retry_reason\":\"timeout\",\"accepts_response_payload\":false}");
        assert_envelope("e2", SLACK_ENVELOPE_EVENT, "{\"event_id\":\"Ev1\"}", false, 2);
        /* No inner event: the official clients used to die of it. */
        parse("{\"envelope_id\":\"e3\",\"type\":\"events_api\",\"payload\":{\"type\":\"app_rate_limited\"}}");
        assert_envelope("e3", SLACK_ENVELOPE_EVENT, "{\"type\":\"app_rate_limited\"}", false, 0);
        parse("{\"type\":\"slash_commands\",\"envelope_id\":\"e4\",\"accepts_response_payload\":true,"
              "\"payload\":{\"command\":\"\\/oc\",\"type\":\"inner\",\"envelope_id\":\"inner\"}}");
        assert_envelope("e4", SLACK_ENVELOPE_COMMAND,
                        "{\"command\":\"\\/oc\",\"type\":\"inner\",\"envelope_id\":\"inner\"}", true, 0);
        parse("{\"type\":\"interactive\",\"envelope_id\":\"e5\",\"accepts_response_payload\":true,\"payload\": {}}");
        assert_envelope("e5", SLACK_ENVELOPE_INTERACTIVE, "{}", true, 0);
        parse("{\"type\":\"inter\\u0061ctive\",\"envelope_id\":\"a\\/b\",\"payload\":{},\"more\":[1,2]}");
        assert_envelope("a/b", SLACK_ENVELOPE_INTERACTIVE, "{}", false, 0);
}

static void test_malformed(void **state)
{
        static const struct {
                const char *text;
                SlackBadFrame bad;
                const char *why;
        } rows[] = {
                {"", SLACK_BAD_JSON, "expected a value at byte 0"},
                {"hello", SLACK_BAD_JSON, "invalid value at byte 0"},
                {"{\"type\":\"hello\"", SLACK_BAD_JSON, "unterminated object at byte 15"},
                {"[]", SLACK_BAD_TYPE, "type is missing at byte 2"},
                {"{\"typ\":\"hello\"}", SLACK_BAD_TYPE, "type is missing at byte 15"},
                {"{\"type\":7}", SLACK_BAD_TYPE, "type is no string at byte 8"},
                {"{\"type\":\"goodbye\"}", SLACK_BAD_UNKNOWN, "goodbye is no type known here, at byte 9"},
                {"{\"type\":\"events_api\",\"payload\":{}}", SLACK_BAD_ID,
                 "envelope_id is missing at byte 34"},
                {"{\"type\":\"events_api\",\"envelope_id\":\"\",\"payload\":{}}", SLACK_BAD_ID,
                 "envelope_id has the wrong type or length at byte 36"},
                {"{\"type\":\"events_api\",\"envelope_id\":12,\"payload\":{}}", SLACK_BAD_ID,
                 "envelope_id has the wrong type or length at byte 35"},
                {"{\"type\":\"interactive\",\"envelope_id\":\"e\"}", SLACK_BAD_PAYLOAD,
                 "payload is missing at byte 40"},
                {"{\"type\":\"interactive\",\"envelope_id\":\"e\",\"payload\":\"{}\"}", SLACK_BAD_PAYLOAD,
                 "payload has the wrong type or length at byte 51"},
                {"{\"type\":\"interactive\",\"envelope_id\":\"e\",\"payload\":null}", SLACK_BAD_PAYLOAD,
                 "payload has the wrong type or length at byte 50"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                parse(rows[i].text);
                assert_int_equal(frame.type, rows[i].bad == SLACK_BAD_UNKNOWN ? SLACK_FRAME_UNKNOWN
                                                                              : SLACK_FRAME_MALFORMED);
                assert_int_equal(frame.bad, rows[i].bad);
                assert_string_equal(frame.why, rows[i].why);
        }
}

static void test_limits(void **state)
{
        char text[1024], id[SLACK_ENVELOPE_ID_MAX + 2] = "";

        (void) state;
        memset(id, 'x', SLACK_ENVELOPE_ID_MAX);
        snprintf(text, sizeof(text), "{\"type\":\"interactive\",\"envelope_id\":\"%s\",\"payload\":{}}", id);
        parse(text);
        assert_envelope(id, SLACK_ENVELOPE_INTERACTIVE, "{}", false, 0);
        id[SLACK_ENVELOPE_ID_MAX] = 'x';
        snprintf(text, sizeof(text), "{\"type\":\"interactive\",\"envelope_id\":\"%s\",\"payload\":{}}", id);
        parse(text);
        assert_int_equal(frame.type, SLACK_FRAME_MALFORMED);
        snprintf(text, sizeof(text), "{\"type\":\"%s%s%s\"}", id, id, id);
        parse(text);
        assert_string_equal(frame.why, "(too long) is no type known here, at byte 9");
        snprintf(text, sizeof(text), "{\"type\":\"hello\",\"debug_info\":{\"host\":\"%s\"}}", id);
        parse(text);
        assert_int_equal(frame.type, SLACK_FRAME_HELLO);
        assert_string_equal(frame.host, "");
}

static void test_names(void **state)
{
        (void) state;
        assert_string_equal(slack_envelope_type_name(SLACK_ENVELOPE_COMMAND), "slash_commands");
        for (int i = 0; i < SLACK_N_BAD; i++)
                assert_non_null(slack_bad_frame_name((SlackBadFrame) i));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hello),     cmocka_unit_test(test_disconnect),
                cmocka_unit_test(test_envelopes), cmocka_unit_test(test_malformed),
                cmocka_unit_test(test_limits),    cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
