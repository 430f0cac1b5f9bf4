/* Markdown to Slack messages: shapes by example, limits and inertness as properties over hostile and random
 * text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "blockkit-check.h"
#include "connectors/slack/markdown.h"

static json_t *compile(const char *markdown)
{
        json_t *messages = slack_markdown_messages(markdown, strlen(markdown), NULL), *message;
        size_t i;

        json_array_foreach (messages, i, message) {
                char *error = blockkit_check_message(message, BLOCKKIT_DATA_ONLY);

                if (error)
                        fail_msg("%s", error);
        }
        return messages;
}

/* The blocks of the only message, compared as JSON; `expected` is written with ' for ". */
static void assert_blocks(const char *markdown, const char *expected)
{
        json_t *messages = compile(markdown);
        char *want = mem_strdup(expected), *got;

        for (char *p = want; *p; p++)
                if (*p == '\'')
                        *p = '"';
        assert_int_equal(json_array_size(messages), 1);
        got = json_dump(json_at(messages, "0.blocks"));
        assert_string_equal(got, want);
        free(got);
        free(want);
        json_decref(messages);
}

/* The inline elements of a text that is one paragraph. */
static void assert_inline(const char *markdown, const char *expected)
{
        char *blocks = mem_printf(
                "[{'type':'rich_text','elements':[{'type':'rich_text_section','elements':[%s]}]}]", expected);

        assert_blocks(markdown, blocks);
        free(blocks);
}

static void test_inline_styles(void **state)
{
        assert_inline("a *b* **c** ~~d~~ `e`",
                      "{'type':'text','text':'a '},{'type':'text','text':'b','style':{'italic':true}},"
                      "{'type':'text','text':' '},{'type':'text','text':'c','style':{'bold':true}},"
                      "{'type':'text','text':' '},{'type':'text','text':'d','style':{'strike':true}},"
                      "{'type':'text','text':' '},{'type':'text','text':'e','style':{'code':true}}");
        assert_inline("**a `b`**", "{'type':'text','text':'a ','style':{'bold':true}},"
                                   "{'type':'text','text':'b','style':{'bold':true,'code':true}}");
        assert_inline("one\ntwo\\\nthree<br>four", "{'type':'text','text':'one\\ntwo\\nthree\\nfour'}");
        assert_inline("a &amp; b &#33; &rarr; &nosuch;", "{'type':'text','text':'a & b ! → &nosuch;'}");
        assert_inline("first\n\nsecond", "{'type':'text','text':'first\\n\\nsecond'}");
}

static void test_links(void **state)
{
        assert_inline(
                "see [docs](https://example.com/a)",
                "{'type':'text','text':'see '},{'type':'link','text':'docs','url':'https://example.com/a'},"
                "{'type':'text','text':' (example.com)'}");
        assert_inline("https://example.com/a", "{'type':'link','text':'https://example.com/a',"
                                               "'url':'https://example.com/a'}");
        assert_inline("[example.com](https://example.com)",
                      "{'type':'link','text':'example.com','url':'https://example.com'}");
        assert_inline(
                "[https://bank.example](https://bank.example@evil.example/x)",
                "{'type':'link','text':'https://bank.example','url':'https://bank.example@evil.example/x'},"
                "{'type':'text','text':' (evil.example)'}");
        assert_inline("[mail](mailto:a@example.com)",
                      "{'type':'link','text':'mail','url':'mailto:a@example.com'},"
                      "{'type':'text','text':' (a@example.com)'}");
        assert_inline("![chart](https://example.com/c.png)",
                      "{'type':'link','text':'chart','url':'https://example.com/c.png'},"
                      "{'type':'text','text':' (example.com)'}");
        assert_inline("[a.c](src/a.c)", "{'type':'text','text':'a.c (src/a.c)'}");
        assert_inline("[up](#top)", "{'type':'text','text':'up'}");
}

static void test_hostile_links(void **state)
{
        assert_inline("[x](javascript:alert)", "{'type':'text','text':'x (javascript:alert)'}");
        assert_inline("[x](slack://open)", "{'type':'text','text':'x (slack://open)'}");
        assert_inline("[x](https:evil.example)", "{'type':'text','text':'x (https:evil.example)'}");
        assert_inline("[x](https://evil.example\\\\@bank.example/)",
                      "{'type':'text','text':'x (https://evil.example\\\\@bank.example/)'}");
        assert_inline("[x](https://b\xD0\xB0nk.example/)",
                      "{'type':'text','text':'x (https://b\xD0\xB0nk.example/)'}");
        assert_inline("<!channel> <@U1> @here", "{'type':'text','text':'<!channel> <@U1> @here'}");
}

static void test_blocks(void **state)
{
        assert_blocks("# Result\n\nok\n\n---\n\n### Why *not*\ntext",
                      "[{'type':'header','text':{'type':'plain_text','text':'Result','emoji':false}},"
                      "{'type':'rich_text','elements':[{'type':'rich_text_section','elements':["
                      "{'type':'text','text':'ok'}]}]},{'type':'divider'},"
                      "{'type':'rich_text','elements':[{'type':'rich_text_section','elements':["
                      "{'type':'text','text':'Why ','style':{'bold':true}},"
                      "{'type':'text','text':'not','style':{'italic':true,'bold':true}},"
                      "{'type':'text','text':'\\ntext'}]}]}]");
        assert_blocks("```c\nint a;\n\n  b\n```",
                      "[{'type':'rich_text','elements':[{'type':'rich_text_preformatted','elements':["
                      "{'type':'text','text':'int a;\\n\\n  b'}]}]}]");
        assert_blocks("> a\n> b\n>\n> c",
                      "[{'type':'rich_text','elements':[{'type':'rich_text_quote','elements':["
                      "{'type':'text','text':'a\\nb\\n\\nc'}]}]}]");
}

static void test_lists(void **state)
{
        assert_blocks("Do:\n- a\n  - b\n- [x] c\n\nend",
                      "[{'type':'rich_text','elements':["
                      "{'type':'rich_text_section','elements':[{'type':'text','text':'Do:'}]},"
                      "{'type':'rich_text_list','elements':[{'type':'rich_text_section','elements':["
                      "{'type':'text','text':'a'}]}],'style':'bullet','indent':0},"
                      "{'type':'rich_text_list','elements':[{'type':'rich_text_section','elements':["
                      "{'type':'text','text':'b'}]}],'style':'bullet','indent':1},"
                      "{'type':'rich_text_list','elements':[{'type':'rich_text_section','elements':["
                      "{'type':'text','text':'☑ c'}]}],'style':'bullet','indent':0},"
                      "{'type':'rich_text_section','elements':["
                      "{'type':'text','text':'\\nend'}]}]}]");
        /* The numbers go on after a code block, and after a paragraph inside an item. */
        assert_blocks("3. a\n\n   ```\n   x\n   ```\n4. b\n\n   more",
                      "[{'type':'rich_text','elements':["
                      "{'type':'rich_text_list','elements':[{'type':'rich_text_section','elements':["
                      "{'type':'text','text':'a'}]}],'style':'ordered','indent':0,'offset':2},"
                      "{'type':'rich_text_preformatted','elements':[{'type':'text','text':'x'}]},"
                      "{'type':'rich_text_list','elements':[{'type':'rich_text_section','elements':["
                      "{'type':'text','text':'b\\nmore'}]}],"
                      "'style':'ordered','indent':0,'offset':3}]}]");
}

static void test_table(void **state)
{
        assert_blocks(
                "| a | b |\n|---|--:|\n| `x` | |\n",
                "[{'type':'table','rows':[[{'type':'raw_text','text':'a'},{'type':'raw_text','text':'b'}],"
                "[{'type':'rich_text','elements':[{'type':'rich_text_section','elements':["
                "{'type':'text','text':'x','style':{'code':true}}]}]},{'type':'raw_text','text':' '}]],"
                "'column_settings':[{'is_wrapped':true},{'is_wrapped':true,'align':'right'}]}]");
}

static void test_second_table_starts_a_message(void **state)
{
        json_t *messages = compile("| a |\n|---|\n| 1 |\n\n## Second\n\n| b |\n|---|\n| 2 |\n");

        assert_int_equal(json_array_size(messages), 2);
        /* Its heading goes with it. */
        assert_string_equal(json_str(messages, "1.blocks.0.type"), "header");
        assert_string_equal(json_str(messages, "1.blocks.1.type"), "table");
        assert_string_equal(json_str(messages, "1.text"), "Second\nb\n2");
        json_decref(messages);
}

static void test_large_table_becomes_text(void **state)
{
        Buf text = {0};
        json_t *messages;

        buf_append_str(&text, "| name | n |\n|---|---|\n");
        for (unsigned i = 0; i < 101; i++)
                buf_printf(&text, "| row | %u |\n", i);
        messages = compile(buf_bytes(&text));
        assert_string_equal(json_str(messages, "0.blocks.0.elements.0.type"), "rich_text_preformatted");
        assert_true(str_starts_with(json_str(messages, "0.blocks.0.elements.0.elements.0.text"),
                                    "name | n\nrow  | 0\nrow  | 1\n"));
        json_decref(messages);
        buf_deinit(&text);
}

static void test_empty(void **state)
{
        static const char *const texts[] = {"", " \n\n ", "```\n```", "[x]: https://example.com"};

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                json_t *messages = compile(texts[i]);

                assert_int_equal(json_array_size(messages), 1);
                assert_string_equal(json_str(messages, "0.text"), "(no text)");
                json_decref(messages);
        }
}

static void test_fence_is_closed_and_opened_again(void **state)
{
        Buf text = {0}, seen = {0};
        json_t *messages, *message;
        size_t i;

        buf_append_str(&text, "Intro\n\n```\n");
        for (unsigned n = 0; n < 3000; n++)
                buf_printf(&text, "line %u\n", n);
        buf_append_str(&text, "```\n\nEnd");
        messages = compile(buf_bytes(&text));
        assert_int_equal(json_array_size(messages), 3);
        json_array_foreach (messages, i, message) {
                const json_t *elements = json_at(message, "blocks.0.elements"), *element;
                size_t j;

                json_array_foreach (elements, j, element)
                        if (str_equal(json_str(element, "type"), "rich_text_preformatted"))
                                buf_printf(&seen, "%s\n", json_str(element, "elements.0.text"));
        }
        /* Cut between lines, none lost, none doubled. */
        buf_clear(&text);
        for (unsigned n = 0; n < 3000; n++)
                buf_printf(&text, "line %u\n", n);
        assert_string_equal(buf_bytes(&seen), buf_bytes(&text));
        json_decref(messages);
        buf_deinit(&text);
        buf_deinit(&seen);
}

static void test_heading_is_not_left_alone(void **state)
{
        SlackMarkdownLimits limits = {.max_text_chars = 3000};
        Buf text = {0};
        json_t *messages;

        for (unsigned i = 0; i < 2900; i++)
                buf_append_char(&text, i % 60 == 59 ? ' ' : 'a');
        buf_append_str(&text, "\n\n## Next\n\n");
        for (unsigned i = 0; i < 200; i++)
                buf_append_char(&text, 'b');
        messages = slack_markdown_messages(buf_bytes(&text), buf_len(&text), &limits);
        assert_int_equal(json_array_size(messages), 2);
        assert_int_equal(json_array_size(json_at(messages, "0.blocks")), 1);
        assert_string_equal(json_str(messages, "1.blocks.0.type"), "header");
        json_decref(messages);
        buf_deinit(&text);
}

static void test_fallback_is_escaped(void **state)
{
        json_t *messages = compile("<!channel> & @everyone");

        assert_string_equal(json_str(messages, "0.text"), "&lt;!channel&gt; &amp; @\xE2\x80\x8B"
                                                          "everyone");
        json_decref(messages);
}

static void test_invisible_characters_are_shown(void **state)
{
        assert_blocks("```\nrm \xE2\x80\xAE x \x1B[1m\xFF\n```",
                      "[{'type':'rich_text','elements':[{'type':'rich_text_preformatted','elements':["
                      "{'type':'text','text':'rm \xEF\xBF\xBD x \xE2\x90\x9B[1m\xEF\xBF\xBD'}]}]}]");
}

static void test_swelling_text_comes_out_as_written(void **state)
{
        Buf text = {0};
        json_t *messages;

        /* Every use of the reference would repeat its address. */
        buf_append_str(&text, "[a]: https://example.com/");
        for (unsigned i = 0; i < 1900; i++)
                buf_append_char(&text, 'x');
        buf_append_str(&text, "\n\n");
        for (unsigned i = 0; i < 20000; i++)
                buf_append_str(&text, "[a] ");
        messages = compile(buf_bytes(&text));
        assert_in_range(json_array_size(messages), 1, 12);
        assert_string_equal(json_str(messages, "0.blocks.0.elements.0.type"), "rich_text_preformatted");
        json_decref(messages);

        /* A wide table whose rows are all but empty. */
        buf_clear(&text);
        for (unsigned i = 0; i < 5000; i++)
                buf_append_str(&text, "|a");
        buf_append_char(&text, '\n');
        for (unsigned i = 0; i < 5000; i++)
                buf_append_str(&text, "|-");
        for (unsigned i = 0; i < 5000; i++)
                buf_append_str(&text, "\n|");
        messages = compile(buf_bytes(&text));
        assert_in_range(json_array_size(messages), 1, 12);
        json_decref(messages);
        buf_deinit(&text);
}

static void test_plain(void **state)
{
        char *s = slack_markdown_plain("# Done\n\n- *a* `b`\n- [c](https://x.example)\n\n| t |\n|---|\n| u |",
                                       100);

        assert_string_equal(s, "Done \xE2\x80\xA2 a b \xE2\x80\xA2 c (x.example) t u");
        free(s);
        s = slack_markdown_plain("abcdef", 4);
        assert_string_equal(s, "abc\xE2\x80\xA6");
        free(s);
        s = slack_markdown_plain(NULL, 4);
        assert_string_equal(s, "");
        free(s);
}

/* Random pieces of Markdown, deterministic: whatever comes out passes the checker. */
static void test_random_text_keeps_the_limits(void **state)
{
        static const char *const pieces[] = {"\n",
                                             "\n\n",
                                             "# ",
                                             "## x\n",
                                             "- ",
                                             "  - ",
                                             "1. ",
                                             "> ",
                                             "```\n",
                                             "```js\n",
                                             "`",
                                             "**",
                                             "*",
                                             "~~",
                                             "[",
                                             "](https://example.com/a)",
                                             "](javascript:x)",
                                             "![",
                                             "| a | b |\n|---|---|\n",
                                             "| x | y |\n",
                                             "---\n",
                                             "<!channel>",
                                             "<b>",
                                             "&amp;",
                                             "&#8238;",
                                             "@here ",
                                             "\xF0\x9F\x98\x80",
                                             "\xE2\x80\xAE",
                                             "\xC3",
                                             "word ",
                                             "a considerably longer run of words that goes on ",
                                             "https://example.com/x ",
                                             "\\",
                                             "\t",
                                             "- [ ] ",
                                             "\x01"};
        uint32_t seed = 12345;

        for (unsigned round = 0; round < 300; round++) {
                SlackMarkdownLimits limits = {.max_blocks = round % 7, .max_text_chars = round % 5 * 2000};
                Buf text = {0};
                json_t *messages, *message;
                size_t i;

                for (unsigned n = 0; n < 50 + round * 10; n++) {
                        seed = seed * 1664525u + 1013904223u;
                        buf_append_str(&text, pieces[(seed >> 16) % ELEMENTSOF(pieces)]);
                }
                messages = slack_markdown_messages(buf_bytes(&text), buf_len(&text), &limits);
                json_array_foreach (messages, i, message) {
                        char *error = blockkit_check_message(message, BLOCKKIT_DATA_ONLY);

                        if (error)
                                fail_msg("%s", error);
                        if (limits.max_blocks)
                                assert_true(json_array_size(json_object_get(message, "blocks")) <=
                                            limits.max_blocks);
                }
                json_decref(messages);
                buf_deinit(&text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_inline_styles),
                cmocka_unit_test(test_links),
                cmocka_unit_test(test_hostile_links),
                cmocka_unit_test(test_blocks),
                cmocka_unit_test(test_lists),
                cmocka_unit_test(test_table),
                cmocka_unit_test(test_second_table_starts_a_message),
                cmocka_unit_test(test_large_table_becomes_text),
                cmocka_unit_test(test_empty),
                cmocka_unit_test(test_fence_is_closed_and_opened_again),
                cmocka_unit_test(test_heading_is_not_left_alone),
                cmocka_unit_test(test_fallback_is_escaped),
                cmocka_unit_test(test_invisible_characters_are_shown),
                cmocka_unit_test(test_swelling_text_comes_out_as_written),
                cmocka_unit_test(test_plain),
                cmocka_unit_test(test_random_text_keeps_the_limits),
        };

        json_setup();
        return cmocka_run_group_tests_name("slack-markdown", tests, NULL, NULL);
}
