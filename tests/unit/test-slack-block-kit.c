/* Texts made safe for Slack and read back from it, and blocks that stay within Slack's limits whatever they
 * get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "blockkit-check.h"
#include "connectors/slack/block-kit.h"

static void assert_text(char *got /* stolen */, const char *want)
{
        assert_string_equal(got, want);
        free(got);
}

static void assert_message_ok(json_t *blocks /* stolen */)
{
        json_t *message = slack_message("x", blocks);
        char *error = blockkit_check_message(message, BLOCKKIT_CARD);

        if (error)
                fail_msg("%s", error);
        json_decref(message);
}

static char *repeat(const char *s, size_t n)
{
        Buf out = {0};

        while (n-- > 0)
                buf_append_str(&out, s);
        return buf_take(&out);
}

static void test_clean(void **state)
{
        assert_text(slack_clean("a\r\nb\rc\td", 8), "a\nb\nc\td");
        assert_text(slack_clean("\x1B[0m\0\x7F", 6), "\xE2\x90\x9B[0m\xE2\x90\x80\xE2\x90\xA1");
        assert_text(slack_clean("\xFF\xC3\xA9\xC3\xED\xA0\x80\xC0\xAF", 9),
                    "\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD"
                    "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
        assert_text(slack_clean("a\xE2\x80\xAE"
                                "b\xE2\x81\xA6"
                                "c\xE2\x80\x8F",
                                12),
                    "a\xEF\xBF\xBD"
                    "b\xEF\xBF\xBD"
                    "c\xE2\x80\x8F");
        assert_text(slack_clean("a\xC2\x9B"
                                "b",
                                4),
                    "a\xEF\xBF\xBD"
                    "b");
        assert_text(slack_clean(NULL, 0), "");
}

static void test_escape(void **state)
{
        assert_text(slack_escape("<!channel> a & b"), "&lt;!channel&gt; a &amp; b");
        assert_text(slack_escape("@here @Everyone @channels"), "@\xE2\x80\x8Bhere @\xE2\x80\x8B"
                                                               "Everyone @\xE2\x80\x8B"
                                                               "channels");
        assert_text(slack_escape("ann@heresy.example"), "ann@\xE2\x80\x8Bheresy.example");
        assert_text(slack_escape(NULL), "");
}

static void test_cut(void **state)
{
        assert_text(slack_cut("abc", 3), "abc");
        assert_text(slack_cut("abcd", 3), "ab\xE2\x80\xA6");
        assert_text(slack_cut("\xC3\xA9\xC3\xA9\xC3\xA9", 2), "\xC3\xA9\xE2\x80\xA6");
        assert_text(slack_cut("abc", 0), "");
        assert_text(slack_cut_mrkdwn("ab&amp;cd", 6), "ab\xE2\x80\xA6");
        assert_text(slack_cut_mrkdwn("ab&amp;cd", 8), "ab&amp;\xE2\x80\xA6");
        assert_text(slack_cut_mrkdwn("hi <@U123> there", 8), "hi \xE2\x80\xA6");
        assert_text(slack_one_line("  a\n\n b\t c "), "a b c");
        assert_int_equal(slack_chars("a\xC3\xA9\xF0\x9F\x98\x80"), 4);
}

static void test_text_plain(void **state)
{
        static const char *const cases[][2] = {
                {"a &lt;b&gt; &amp;amp; &quot;", "a <b> &amp; &quot;"},
                {"<@U1|ann> and <@U2>", "@ann and <@U2>"},
                {"<#C1|general> <#C2>", "#general <#C2>"},
                {"<https://x.example/?a=1&amp;b=2|x> <https://y.example>",
                 "https://x.example/?a=1&b=2 https://y.example"},
                {"<mailto:a@x.example|a@x.example>", "a@x.example"},
                {"<!here> <!channel|channel> <!subteam^S1|@team>", "@here @channel @team"},
                {"<!date^1392734382^{date}|Feb 18>", "Feb 18"},
                {"a < b, 2 <", "a < b, 2 <"},
                {"<> <", "<> <"},
                {"<@>", "<@>"},
                {"", ""},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_text(slack_text_plain(cases[i][0]), cases[i][1]);
}

static void test_url(void **state)
{
        static const char *const refused[] = {"javascript:alert(1)",
                                              "slack://x",
                                              "https:x",
                                              "https://",
                                              "//x.example",
                                              "https://x.example\\@y.example",
                                              "https://b\xC3\xA4nk.example",
                                              "mailto:",
                                              "https://a\nb",
                                              "data:text/html,x",
                                              "https://@/",
                                              "",
                                              NULL};
        char *host = NULL;

        for (size_t i = 0; i < ELEMENTSOF(refused); i++)
                assert_null(slack_url(refused[i], NULL));
        assert_text(slack_url("HTTPS://u:p@x.example:8443/a b?<c>", &host),
                    "HTTPS://u:p@x.example:8443/a%20b?%3Cc%3E");
        assert_text(take(host), "x.example:8443");
        assert_text(slack_url("mailto:a@x.example?subject=b", &host), "mailto:a@x.example?subject=b");
        assert_text(take(host), "a@x.example");
        assert_text(slack_url("http://[::1]:80/", NULL), "http://[::1]:80/");
}

static void test_preformatted(void **state)
{
        json_t *block = block_preformatted("a\nb\nc\nd\n\n", 2);
        char *long_line = repeat("x", 9100);

        assert_string_equal(json_str(block, "elements.0.elements.0.text"), "a\nb\n\xE2\x80\xA6 2 more lines");
        json_decref(block);
        block = block_preformatted("a\nb\nc", 2);
        assert_string_equal(json_str(block, "elements.0.elements.0.text"), "a\nb\n\xE2\x80\xA6 1 more line");
        json_decref(block);
        block = block_preformatted("a\nb\n", 2);
        assert_string_equal(json_str(block, "elements.0.elements.0.text"), "a\nb");
        json_decref(block);
        block = block_preformatted(long_line, 0);
        assert_non_null(
                strstr(json_str(block, "elements.0.elements.0.text"), "\n\xE2\x80\xA6 100 more characters"));
        json_decref(block);
        free(long_line);
        assert_message_ok(json_pack("[o]", block_preformatted("", 0)));
}

/* Every builder with nothing, and with far too much of everything. */
static json_t *all_blocks(const char *text)
{
        json_t *blocks = json_array(), *elements = json_array(), *context = json_array();

        for (int i = 0; i < 30; i++) {
                char *action_id = mem_printf("a%d", i);

                json_array_append_new(elements, element_button(action_id, text, text, i % 3));
                json_array_append_new(context, i % 2 ? text_plain(text) : text_mrkdwn(text));
                free(action_id);
        }
        json_array_append_new(blocks, block_section(text));
        json_array_append_new(blocks, block_header(text));
        json_array_append_new(blocks, block_divider());
        json_array_append_new(blocks, block_context(text));
        json_array_append_new(blocks, block_context_of(context));
        json_array_append_new(
                blocks,
                block_section_accessory(text, element_confirm(element_button("b", text, text, BUTTON_DANGER),
                                                              text, text, text, text)));
        json_array_append_new(blocks, block_actions(NULL, elements));
        json_array_append_new(blocks, block_actions("none", json_array()));
        json_array_append_new(blocks, block_input("i", text, element_text_input("t", text, true), true));
        json_array_append_new(
                blocks, block_input("o", text,
                                    json_pack("{s:s, s:s, s:[o, o]}", "type", "radio_buttons", "action_id",
                                              "r", "options", element_option(text, "1", text),
                                              element_option(text, "2", NULL)),
                                    false));
        json_array_append_new(blocks, block_preformatted(text, 3));
        return blocks;
}

static void test_limits(void **state)
{
        char *letters = repeat("x", 20000), *entities = repeat("&amp;", 4000),
             *wide = repeat("\xF0\x9F\x98\x80", 9000);

        assert_message_ok(all_blocks(NULL));
        assert_message_ok(all_blocks(" \n"));
        assert_message_ok(all_blocks("\xFF\x01"));
        assert_message_ok(all_blocks(letters));
        assert_message_ok(all_blocks(entities));
        assert_message_ok(all_blocks(wide));
        free(letters);
        free(entities);
        free(wide);
}

static void test_message_keeps_its_buttons(void **state)
{
        json_t *blocks = json_array(), *message;
        char *error;

        for (int i = 0; i < 60; i++)
                json_array_append_new(blocks, block_divider());
        json_array_append_new(
                blocks, block_actions(NULL, json_pack("[o]", element_button("b", "b", "b", BUTTON_PLAIN))));
        message = slack_message("<x>", blocks);
        error = blockkit_check_message(message, BLOCKKIT_CARD);
        assert_null(error);
        assert_int_equal(json_array_size(blocks), 50);
        assert_string_equal(json_str(message, "blocks.49.type"), "actions");
        assert_string_equal(json_str(message, "blocks.48.type"), "context");
        assert_string_equal(json_str(message, "text"), "&lt;x&gt;");
        json_decref(message);
}

static void test_rich_elements(void **state)
{
        json_t *link = rich_link("https://x.example", NULL, RICH_BOLD);

        assert_null(rich_text("", 0));
        assert_null(json_object_get(link, "text"));
        assert_true(json_is_true(json_at(link, "style.bold")));
        json_decref(link);
        assert_null(element_link_button("a", "x", "javascript:x"));
        assert_message_ok(json_pack(
                "[o]",
                block_rich_text(json_pack(
                        "[o]", rich_section(json_pack("[o, o, o, o]", rich_emoji("wave"), rich_user("U1"),
                                                      rich_text("<!channel>", RICH_BOLD | RICH_CODE),
                                                      rich_link("https://x.example", "x", 0)))))));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_clean),         cmocka_unit_test(test_escape),
                cmocka_unit_test(test_cut),           cmocka_unit_test(test_text_plain),
                cmocka_unit_test(test_url),           cmocka_unit_test(test_preformatted),
                cmocka_unit_test(test_limits),        cmocka_unit_test(test_message_keeps_its_buttons),
                cmocka_unit_test(test_rich_elements),
        };

        json_setup();
        return cmocka_run_group_tests_name("slack-block-kit", tests, NULL, NULL);
}
