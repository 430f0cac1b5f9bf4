/* The words of `/opencode …` and `!…`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/command.h"

static void test_commands(void **state)
{
        static const struct {
                const char *text;
                CommandVerb verb;
                const char *word, *rest;
        } cases[] = {
                {"", COMMAND_HELP, "", ""},
                {" \t\n", COMMAND_HELP, "", ""},
                {"help", COMMAND_HELP, "help", ""},
                {"?", COMMAND_HELP, "?", ""},
                {"start fix the bug", COMMAND_START, "start", "fix the bug"},
                {"  START\n fix\n it ", COMMAND_START, "START", "fix\n it "},
                {"new x", COMMAND_START, "new", "x"},
                {"start", COMMAND_START, "start", ""},
                {"started x", COMMAND_UNKNOWN, "started", "x"},
                {"status", COMMAND_STATUS, "status", ""},
                {"list", COMMAND_LIST, "list", ""},
                {"ls -a", COMMAND_LIST, "ls", "-a"},
                {"Sessions", COMMAND_LIST, "Sessions", ""},
                {"stop", COMMAND_STOP, "stop", ""},
                {"abort now", COMMAND_STOP, "abort", "now"},
                {"dance", COMMAND_UNKNOWN, "dance", ""},
                {"start\tx", COMMAND_START, "start", "x"},
                {"start!", COMMAND_UNKNOWN, "start!", ""},
                /* What is shown again is cut, but not in the middle of a character. */
                {"abcdefghijklmnopqrstuvwxyzabcdefghijklm x", COMMAND_UNKNOWN,
                 "abcdefghijklmnopqrstuvwxyzabcde", "x"},
                {"abcdefghijklmnopqrstuvwxyzabcd\xC3\xA4 x", COMMAND_UNKNOWN,
                 "abcdefghijklmnopqrstuvwxyzabcd", "x"},
                {"\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80"
                 "\xF0\x9F\x98\x80\xF0\x9F\x98\x80",
                 COMMAND_UNKNOWN,
                 "\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80"
                 "\xF0\x9F\x98\x80",
                 ""},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Command c = command_parse(cases[i].text);

                assert_int_equal(c.verb, cases[i].verb);
                assert_string_equal(c.word, cases[i].word);
                assert_string_equal(c.rest, cases[i].rest);
        }
}

static void test_bangs(void **state)
{
        static const struct {
                const char *text;
                bool is_command;
                CommandVerb verb;
        } cases[] = {
                {"!stop", true, COMMAND_STOP},
                {"  !Stop please", true, COMMAND_STOP},
                {"!help", true, COMMAND_HELP},
                {"!dance", true, COMMAND_UNKNOWN},
                {"!!!", false, 0},
                {"! stop", false, 0},
                {"!", false, 0},
                {"", false, 0},
                {"!1", false, 0},
                {"stop", false, 0},
                {"please !stop", false, 0},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Command c;

                assert_int_equal(command_parse_bang(cases[i].text, &c), cases[i].is_command);
                if (cases[i].is_command)
                        assert_int_equal(c.verb, cases[i].verb);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_commands), cmocka_unit_test(test_bangs)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
