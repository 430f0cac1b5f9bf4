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
                "{\"user\":\"U1\",\"ts\":\"1.3\",\"text\":\"see\",\"subtype\":\"file_share\",\"files\":[{\"name\":\"a.txt\","
                "\"mimetype\":\"text/plain\",\"url_private\":\"https://x/a\"}]}",
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

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_history),
                                           cmocka_unit_test(test_history_only),
                                           cmocka_unit_test(test_deleted)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
