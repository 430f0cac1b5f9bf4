/* Markdown as Slack stores it, by the table. The expected blocks are written out in JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/buf.h"
#include "markdown.h"
#include "richtext.h"

#define SECTION(_inside) "{'type':'rich_text_section','elements':[" _inside "]}"
#define RICH(_inside)    "{'type':'rich_text','elements':[" _inside "]}"
#define TEXT(_text)      "{'type':'text','text':'" _text "'}"
#define ITEM(_text)      SECTION(TEXT(_text))
#define LIST(_style, _indent, _inside)                                                                       \
        "{'type':'rich_text_list','style':'" _style "','indent':" _indent ",'border':0,'elements':[" _inside \
        "]}"
#define CELL(_text) "{'type':'raw_text','text':'" _text "'}"

static const struct {
        const char *markdown, *blocks; /* ' stands for " */
} cases[] = {
        {"", ""},
        {"hello", RICH(ITEM("hello"))},
        {"one\ntwo\n\nthree", RICH(ITEM("one\\ntwo\\n\\nthree"))},
        {"a **b** _c_ ~~d~~ `e`",
         RICH(SECTION(TEXT("a ") ",{'type':'text','text':'b','style':{'bold':true}}," TEXT(" ") ",{'type':'text','text':'c','style':{'italic':true}}," TEXT(
                 " ") ",{'type':'text','text':'d','style':{'strike':true}}," TEXT(" ") ",{'type':'text','text':'e','style':{'code':true}}"))},
        {"# Title\ntext",
         "{'type':'header','text':{'type':'plain_text','text':'Title','emoji':true}}," RICH(ITEM("text"))},
        {"a\n\n---\n\nb", RICH(ITEM("a")) ",{'type':'divider'}," RICH(ITEM("b"))},
        {"- a\n- b\n  - c\n- d", RICH(LIST("bullet", "0", ITEM("a") "," ITEM("b")) "," LIST(
                                         "bullet", "1", ITEM("c")) "," LIST("bullet", "0", ITEM("d")))},
        {"1. a\n2. b", RICH(LIST("ordered", "0", ITEM("a") "," ITEM("b")))},
        {"3. a",
         RICH("{'type':'rich_text_list','style':'ordered','indent':0,'border':0,'offset':2,'elements':[" ITEM(
                 "a") "]}")},
        {"- [ ] a\n- [x] b", RICH(LIST("bullet", "0", ITEM("☐ a") "," ITEM("☑ b")))},
        {"```c\nint x;\n```\nend",
         RICH("{'type':'rich_text_preformatted','border':0,'language':'c','elements':[" TEXT(
                 "int x;") "]}," ITEM("end"))},
        {"> a\n> b\n\nc", RICH("{'type':'rich_text_quote','elements':[" TEXT("a\\nb") "]}," ITEM("c"))},
        {"> - a\n> - b", RICH("{'type':'rich_text_quote','elements':[" TEXT("• a\\n• b") "]}")},
        {"[l](https://e.org/x) <https://e.org|two> <https://e.org>",
         RICH(SECTION(
                 "{'type':'link','url':'https://e.org/x','text':'l'}," TEXT(" ") ",{'type':'link','url':'https://e.org','text':'two'}," TEXT(
                         " ") ",{'type':'link','url':'https://e.org'}"))},
        {"**[l](https://e.org)**",
         RICH(SECTION("{'type':'link','url':'https://e.org','text':'l','style':{'bold':true}}"))},
        {"hi <@U0ANN> <#C1> <!here>",
         RICH(SECTION(TEXT("hi ") ",{'type':'user','user_id':'U0ANN'}," TEXT(
                 " ") ",{'type':'channel','channel_id':'C1'}," TEXT(" ") ",{'type':'broadcast','range':'here'}"))},
        /* What is escaped, or code, is no token. */
        {"&lt;@U0ANN&gt; \\<!here> `<@U1>` \\\\<@U2>",
         RICH(SECTION(TEXT("<@U0ANN> <!here> ") ",{'type':'text','text':'<@U1>','style':{'code':true}}," TEXT(
                 " \\\\") ",{'type':'user','user_id':'U2'}"))},
        {"<b>x</b> &amp; &#65; &unknown;", RICH(ITEM("<b>x</b> & A &unknown;"))},
        {"|a|b|\n|---|--:|\n|1||",
         "{'type':'table','rows':[[" CELL("a") "," CELL("b") "],[" CELL("1") "," CELL(
                 " ") "]],'column_settings':[{'align':'left'},{'align':'right'}]}"},
        {"|a|\n|---|\n|1|\n\ntext\n\n|b|\n|---|\n|`2`|",
         "{'type':'table','rows':[[" CELL("a") "],[" CELL("1") "]],'column_settings':[{'align':'left'}]}," RICH(
                 ITEM("text") ",{'type':'rich_text_preformatted','border':0,'elements':[" TEXT(
                         "b\\n2") "]}")},
};

static void use_double_quotes(char *text)
{
        for (; *text; text++)
                if (*text == '\'')
                        *text = '"';
}

static void test_table(void **state)
{
        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = mem_printf("[%s]", cases[i].blocks), *got_text = NULL;
                _cleanup_json_ json_t *wanted = NULL, *got = markdown_translate(cases[i].markdown, NULL);

                use_double_quotes(text);
                wanted = json_parse(text, strlen(text), NULL);
                assert_non_null(wanted);
                got_text = json_dump(got);
                if (!json_equal(wanted, got))
                        fail_msg("%s\n became %s\n  wanted %s", cases[i].markdown, got_text, text);
        }
}

static void test_blocks_are_replaced(void **state)
{
        _cleanup_json_ json_t *blocks = json_pack("[{s:s},{s:s,s:s,s:s},{s:s}]", "type", "divider", "type",
                                                  "markdown", "block_id", "mine", "text", "# A\nb", "type",
                                                  "divider"),
                              *got = markdown_translate_blocks(blocks);
        static const char *const types[] = {"divider", "header", "rich_text", "divider"};

        (void) state;
        assert_int_equal(json_array_size(got), ELEMENTSOF(types));
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                assert_string_equal(json_str(json_array_get(got, i), "type"), types[i]);
                assert_null(json_object_get(json_array_get(got, i), "block_id"));
        }
}

static void test_one_table_per_message(void **state)
{
        _cleanup_json_ json_t *blocks = json_pack("[{s:s,s:s},{s:s,s:s}]", "type", "markdown", "text",
                                                  "|a|\n|---|\n|1|", "type", "markdown", "text",
                                                  "|b|\n|---|\n|2|"),
                              *got = markdown_translate_blocks(blocks);

        (void) state;
        assert_string_equal(json_str(got, "0.type"), "table");
        assert_string_equal(json_str(got, "1.type"), "rich_text");
}

static void test_long_heading(void **state)
{
        char text[400] = "# ";
        _cleanup_json_ json_t *got = NULL;

        (void) state;
        memset(text + 2, 'x', 151);
        got = markdown_translate(text, NULL);
        assert_string_equal(json_str(got, "0.type"), "rich_text");
        assert_true(json_bool(got, "0.elements.0.elements.0.style.bold"));
}

/* Whatever is nested into whatever else, something sound comes out. */
static void test_nesting(void **state)
{
        static const char *const texts[] = {
                "> # a\n> ```\n> b\n> ```\n> c",
                "- > a\n- # b\n- ```\n  c\n  ```\n  d",
                "1. a\n\n   b\n\n   - c\n\n   d",
                "| [a](b) | ![i](https://e.org/i.png) |\n|---|---|\n| **x** | <@U1> |",
                "- \n- ",
                "[![i](a)](b)",
                "# ",
                "[](x)",
                "> > > a\n> b",
                "```\n\n```"};
        _cleanup_buf_ Buf deep = {0};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_json_ json_t *got = markdown_translate(texts[i], NULL);

                assert_true(json_is_array(got));
        }
        for (int i = 0; i < 60; i++)
                buf_printf(&deep, "%*s- x\n", i * 2, "");
        json_decref(markdown_translate(buf_bytes(&deep), NULL));
}

static void test_to_rich_text(void **state)
{
        _cleanup_json_ json_t *got = markdown_to_rich_text("# h\n- a\n\n|t|\n|---|\n|1|");

        (void) state;
        assert_string_equal(json_str(got, "type"), "rich_text");
        assert_int_equal(json_array_size(json_object_get(got, "elements")), 3);
        assert_string_equal(json_str(got, "elements.2.type"), "rich_text_preformatted");
}

static void test_mrkdwn(void **state)
{
        _cleanup_json_ json_t *got = richtext_from_mrkdwn("&lt;@U1&gt; <@U2|x> <!subteam^S1> a &amp;lt; <>");
        _cleanup_free_ char *escaped = richtext_escape("a & b &amp; <c>"), *plain = NULL;

        (void) state;
        assert_string_equal(json_str(got, "0.elements.0.elements.0.text"), "<@U1> ");
        assert_string_equal(json_str(got, "0.elements.0.elements.1.user_id"), "U2");
        assert_string_equal(json_str(got, "0.elements.0.elements.3.usergroup_id"), "S1");
        assert_string_equal(json_str(got, "0.elements.0.elements.4.text"), " a &lt; <>");
        assert_string_equal(escaped, "a &amp; b &amp; <c>");
        plain = richtext_plain(json_at(got, "0.elements.0.elements"));
        assert_string_equal(plain, "<@U1> U2 S1 a &lt; <>");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table),
                cmocka_unit_test(test_blocks_are_replaced),
                cmocka_unit_test(test_one_table_per_message),
                cmocka_unit_test(test_long_heading),
                cmocka_unit_test(test_nesting),
                cmocka_unit_test(test_to_rich_text),
                cmocka_unit_test(test_mrkdwn),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
