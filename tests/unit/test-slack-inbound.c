/* connectors/slack/inbound: what the history says of a message is what its event said, in all that decides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "connectors/slack/inbound.h"

static json_t *parse(const char *text)
{
        char *error = NULL;
        json_t *value = json_parse(text, strlen(text), &error);

        if (!value)
                fail_msg("%s in %s", error, text);
        return value;
}

static json_t *as_event(const char *message, const char *channel_type)
{
        _cleanup_json_ json_t *event = parse(message), *payload = NULL;
        _cleanup_free_ char *text = NULL, *error = NULL;

        json_put_str(event, "type", "message");
        json_put_str(event, "channel", "C1");
        json_put_str(event, "channel_type", channel_type);
        payload = json_pack("{s:s, s:s, s:O}", "type", "event_callback", "team_id", "T1", "event", event);
        text = json_dump(payload);
        return slack_inbound(SLACK_ENVELOPE_EVENT, text, strlen(text), &error);
}

static void test_history(void **state)
{
        static const char *const messages[] = {
                "{\"user\":\"U1\",\"ts\":\"1.1\",\"text\":\"<@UB> fix &amp; run\"}",
                "{\"user\":\"U1\",\"ts\":\"1.2\",\"thread_ts\":\"1.1\",\"text\":\"go on\"}",
                ("{\"user\":\"U1\",\"ts\":\"1.3\",\"text\":\"see\",\"subtype\":\"file_share\",\"files\":[{\"name\":\"a.txt\","
                 "\"mimetype\":\"text/plain\",\"url_private\":\"https://x/a\"}]}"),
                "{\"user\":\"UB\",\"bot_id\":\"B1\",\"ts\":\"1.4\",\"text\":\"own\"}",
                "{\"bot_id\":\"B2\",\"subtype\":\"bot_message\",\"ts\":\"1.5\",\"text\":\"beep\"}",
                "{\"user\":\"U1\",\"subtype\":\"channel_join\",\"ts\":\"1.6\",\"text\":\"joined\"}",
        };

        for (size_t i = 0; i < ELEMENTSOF(messages); i++)
                for (int direct = 0; direct < 2; direct++) {
                        SlackHistoryPlace place = {.team = "T1", .channel = "C1", .is_direct = direct};
                        _cleanup_json_ json_t *message = parse(messages[i]);
                        _cleanup_json_ json_t *read = slack_inbound_history(message, &place),
                                              *heard = as_event(messages[i], direct ? "im" : "channel");

                        if (!json_equal(read, heard)) {
                                _cleanup_free_ char *a = json_dump(read), *b = json_dump(heard);

                                fail_msg("read %s, heard %s", a, b);
                        }
                }
}

static void test_history_only(void **state)
{
        SlackHistoryPlace place = {.team = "T1", .channel = "C1"};
        _cleanup_json_ json_t *parent = parse(
                "{\"user\":\"U1\",\"ts\":\"1.1\",\"thread_ts\":\"1.1\",\"reply_count\":2,\"text\":\"x\",\"edited\":{\"ts\":\"3.0\"}}");
        _cleanup_json_ json_t *in = slack_inbound_history(parent, &place), *nothing = json_object(),
                              *wrong = parse("{\"ts\":5}"), *array = json_array();

        assert_null(json_str(in, "thread_ts")); /* as when it was said */
        assert_string_equal(json_str(in, "edited_ts"), "3.0");
        assert_null(slack_inbound_history(nothing, &place));
        assert_null(slack_inbound_history(wrong, &place));
        assert_null(slack_inbound_history(array, &place));
        assert_null(slack_inbound_history(NULL, &place));
}

static json_t *deletion(const char *more)
{
        _cleanup_free_ char *error = NULL;
        _cleanup_free_ char *text =
                mem_printf("{\"type\":\"event_callback\",\"team_id\":\"T1\",\"event\":{\"type\":\"message\","
                           "\"subtype\":\"message_deleted\",\"channel\":\"C1\",\"ts\":\"9.9\"%s}}",
                           more);

        return slack_inbound(SLACK_ENVELOPE_EVENT, text, strlen(text), &error);
}

static void test_deleted(void **state)
{
        _cleanup_json_ json_t *in = deletion(
                ",\"deleted_ts\":\"1.2\",\"previous_message\":{\"user\":\"U1\",\"ts\":\"1.2\",\"thread_ts\":\"1.1\"}");
        _cleanup_json_ json_t *own =
                deletion(",\"deleted_ts\":\"1.3\",\"previous_message\":{\"bot_id\":\"B1\"}");

        assert_string_equal(json_str(in, "type"), "deleted");
        assert_string_equal(json_str(in, "ts"), "1.2");
        assert_string_equal(json_str(in, "thread_ts"), "1.1");
        assert_false(json_bool(in, "bot"));
        assert_true(json_bool(own, "bot"));
        assert_null(json_str(own, "thread_ts"));
        assert_null(deletion("")); /* without the ts of what is gone */
}

/* What is looked at a second time: rare payloads, and those that lack what they need. */
static void test_rare(void **state)
{
#define BY "\"team\":{\"id\":\"T1\"},\"user\":{\"id\":\"U1\"}"
#define VIEW                                                                                                 \
        "\"view\":{\"id\":\"V1\",\"callback_id\":\"start.form\",\"private_metadata\":\"00aa\",\"state\":{\"values\":{\"a\":{}}}}"
        static const struct {
                SlackEnvelopeType type;
                const char *payload, *in; /* NULL: cannot be read */
        } cases[] = {
                {SLACK_ENVELOPE_INTERACTIVE,
                 "{\"type\":\"shortcut\"," BY ",\"callback_id\":\"start.task\",\"trigger_id\":\"t\"}",
                 "{\"type\":\"shortcut\",\"team\":\"T1\",\"user\":\"U1\",\"callback_id\":\"start.task\",\"trigger_id\":\"t\",\"text\":\"\"}"},
                {SLACK_ENVELOPE_INTERACTIVE,
                 "{\"type\":\"message_action\"," BY
                 ",\"callback_id\":\"c\",\"trigger_id\":\"t\",\"response_url\":\"https://r\",\"channel\":{\"id\":\"C1\"},"
                 "\"message_ts\":\"1.2\",\"message\":{\"ts\":\"1.2\",\"thread_ts\":\"1.1\",\"text\":\"a &amp; b\"}}",
                 "{\"type\":\"shortcut\",\"team\":\"T1\",\"user\":\"U1\",\"channel\":\"C1\",\"callback_id\":\"c\",\"trigger_id\":\"t\","
                 "\"response_url\":\"https://r\",\"ts\":\"1.2\",\"thread_ts\":\"1.1\",\"text\":\"a & b\"}"},
                {SLACK_ENVELOPE_INTERACTIVE, "{\"type\":\"shortcut\"," BY ",\"callback_id\":\"c\"}", NULL},
                {SLACK_ENVELOPE_INTERACTIVE, "{\"type\":\"view_closed\"," BY "," VIEW "}",
                 "{\"type\":\"closed\",\"team\":\"T1\",\"user\":\"U1\",\"view_id\":\"V1\",\"callback_id\":\"start.form\",\"ref\":\"00aa\","
                 "\"values\":{\"a\":{}}}"},
                {SLACK_ENVELOPE_INTERACTIVE, "{\"type\":\"view_closed\"," BY "}", NULL},
                {SLACK_ENVELOPE_INTERACTIVE,
                 "{\"type\":\"block_suggestion\"," BY "," VIEW
                 ",\"block_id\":\"project\",\"action_id\":\"value\",\"value\":\"lo\"}",
                 "{\"type\":\"suggest\",\"team\":\"T1\",\"user\":\"U1\",\"view_id\":\"V1\",\"callback_id\":\"start.form\",\"ref\":\"00aa\","
                 "\"block_id\":\"project\",\"query\":\"lo\"}"},
                {SLACK_ENVELOPE_INTERACTIVE, "{\"type\":\"block_suggestion\"," BY "," VIEW "}", NULL},
                {SLACK_ENVELOPE_EVENT,
                 "{\"type\":\"event_callback\",\"team_id\":\"T1\",\"event\":{\"type\":\"app_home_opened\",\"user\":\"U1\",\"channel\":\"D1\","
                 "\"tab\":\"home\",\"event_ts\":\"5.5\"}}",
                 "{\"type\":\"home\",\"team\":\"T1\",\"user\":\"U1\",\"channel\":\"D1\",\"tab\":\"home\",\"event_ts\":\"5.5\"}"},
                {SLACK_ENVELOPE_EVENT,
                 "{\"type\":\"event_callback\",\"event\":{\"type\":\"app_home_opened\"}}", NULL},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *error = NULL;
                _cleanup_json_ json_t *want = cases[i].in ? parse(cases[i].in) : NULL,
                                      *in = slack_inbound(cases[i].type, cases[i].payload,
                                                          strlen(cases[i].payload), &error);

                assert_int_equal(in != NULL, cases[i].in != NULL);
                assert_int_equal(error != NULL, cases[i].in == NULL);
                if (in && !json_equal(in, want)) {
                        _cleanup_free_ char *text = json_dump(in);

                        fail_msg("%s", text);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_history),
                                           cmocka_unit_test(test_history_only),
                                           cmocka_unit_test(test_deleted), cmocka_unit_test(test_rare)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
