/* The app manifest: it parses, keeps Slack's limits, names nothing twice, and has what the product needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/json.h"
#include "connectors/slack/manifest.h"

static json_t *manifest(const char *name, const char *command)
{
        _cleanup_free_ char *text = slack_manifest(name, command);
        char *error = NULL;
        json_t *m;

        assert_non_null(text);
        m = json_parse(text, strlen(text), &error);
        if (!m)
                fail_msg("%s", error);
        return m;
}

static void expect_length(const json_t *obj, const char *path, size_t max)
{
        const char *s = json_str(obj, path);

        if (str_empty(s) || strlen(s) > max)
                fail_msg("%s has %zu bytes, not 1 to %zu", path, s ? strlen(s) : 0, max);
}

static void expect_distinct(const json_t *list, size_t max)
{
        size_t n = json_array_size(list);

        assert_true(n > 0 && n <= max);
        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < i; j++)
                        assert_string_not_equal(json_string_value(json_array_get(list, i)),
                                                json_string_value(json_array_get(list, j)));
}

static bool has(const json_t *list, const char *word)
{
        for (size_t i = 0; i < json_array_size(list); i++)
                if (str_equal(json_string_value(json_array_get(list, i)), word))
                        return true;
        return false;
}

/* What a person finds in menus, and what the gateway listens for behind it (core/intake.c). */
static void test_ways_in(void **state)
{
        _cleanup_json_ json_t *m = manifest("OpenCode", "/opencode");
        const json_t *shortcuts = json_at(m, "features.shortcuts"), *one;
        size_t i;

        assert_int_equal(json_array_size(shortcuts), 2);
        json_array_foreach ((json_t *) shortcuts, i, one) {
                expect_length(one, "name", 24);
                expect_length(one, "description", 150);
                assert_true(str_starts_with(json_str_or(one, "callback_id", ""), "start."));
        }
        assert_true(json_bool(m, "features.app_home.home_tab_enabled"));
        assert_true(has(json_at(m, "settings.event_subscriptions.bot_events"), "app_home_opened"));
}

static void test_limits(void **state)
{
        _cleanup_json_ json_t *m = manifest("OpenCode", "/opencode");

        expect_length(m, "display_information.name", 35);
        expect_length(m, "display_information.description", 140);
        expect_length(m, "features.bot_user.display_name", 80);
        assert_int_equal(json_array_size(json_at(m, "features.slash_commands")), 1);
        expect_length(m, "features.slash_commands.0.command", 32);
        expect_length(m, "features.slash_commands.0.description", 2000);
        expect_length(m, "features.slash_commands.0.usage_hint", 1000);
        expect_distinct(json_at(m, "oauth_config.scopes.bot"), 255);
        expect_distinct(json_at(m, "settings.event_subscriptions.bot_events"), 100);
}

static void test_contents(void **state)
{
        _cleanup_json_ json_t *m = manifest("Göteborg \"dev\"", "/oc-dev");
        const json_t *scopes = json_at(m, "oauth_config.scopes.bot");
        const json_t *events = json_at(m, "settings.event_subscriptions.bot_events");

        assert_string_equal(json_str(m, "display_information.name"), "Göteborg \"dev\"");
        assert_string_equal(json_str(m, "features.slash_commands.0.command"), "/oc-dev");
        assert_true(json_bool(m, "features.slash_commands.0.should_escape"));
        assert_true(json_bool(m, "settings.socket_mode_enabled"));
        assert_true(json_bool(m, "settings.interactivity.is_enabled"));
        assert_false(json_bool(m, "settings.token_rotation_enabled"));
        assert_false(json_bool(m, "features.app_home.messages_tab_read_only_enabled"));
        assert_true(json_bool(m, "features.app_home.messages_tab_enabled"));
        assert_null(json_at(m, "settings.interactivity.request_url")); /* Socket Mode needs no address */
        assert_null(json_at(m, "features.slash_commands.0.url"));
        for (size_t i = 0; i < 4; i++) { /* every kind of conversation can be heard and read */
                static const char *const kinds[] = {"channels", "groups", "im", "mpim"};
                _cleanup_free_ char *history = mem_printf("%s:history", kinds[i]);
                _cleanup_free_ char *event = mem_printf("message.%s", kinds[i]);

                assert_true(has(scopes, history));
                assert_true(has(events, event));
        }
        assert_true(has(scopes, "chat:write") && has(scopes, "metadata.message:read") &&
                    has(scopes, "commands"));
        assert_true(has(events, "app_mention"));
}

static void test_refused(void **state)
{
        static const struct {
                const char *name, *command;
        } cases[] = {
                {"", "/opencode"},          {NULL, "/opencode"},
                {"\xff", "/opencode"},      {"a name of more than thirty-five chars", "/opencode"},
                {"OpenCode", "opencode"},   {"OpenCode", "/"},
                {"OpenCode", ""},           {"OpenCode", "/Open"},
                {"OpenCode", "/open code"}, {"OpenCode", "/a-command-of-more-than-thirty-two-characters"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_null(slack_manifest(cases[i].name, cases[i].command));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_ways_in),
                cmocka_unit_test(test_contents),
                cmocka_unit_test(test_refused),
        };

        json_setup();
        return cmocka_run_group_tests_name("slack-manifest", tests, NULL, NULL);
}
