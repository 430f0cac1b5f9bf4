/* The table of switches: each can be read, set and listed, and what does not fit is refused in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "options.h"
#include "switches.h"

static void test_defaults_come_back(void **state)
{
        _cleanup_json_ json_t *all = NULL, *again = NULL;
        Switches s, copy;

        (void) state;
        switches_init(&s);
        switches_init(&copy);
        all = switches_render(&s);
        assert_int_equal(json_object_size(all), n_switch_rows);
        assert_null(switches_apply(&copy, all)); /* what is shown can be sent back */
        again = switches_render(&copy);
        assert_true(json_equal(all, again));
        assert_int_equal(s.ack_timeout_ms, 3000);
        assert_true(s.sibling_acks && s.twins && !s.sticky);
        switches_deinit(&s);
        switches_deinit(&copy);
}

static void test_setting(void **state)
{
        static const struct {
                const char *text, *error; /* of the error: a part, NULL = none */
        } cases[] = {
                {"sticky=true", NULL},
                {"retry_scale=0.5", NULL},
                {"pongs=once", NULL},
                {"scopes=chat:write", NULL},
                {"scopes=", NULL},
                {"ack_timeout_ms=1", NULL},
                {"ack_timeout_ms=0", "whole number from 1"},
                {"ack_timeout_ms=1.5", "whole number"},
                {"ack_timeout_ms=", "whole number"},
                {"retry_scale=-1", "number from 0"},
                {"sticky=yes", "true or false"},
                {"pongs=some", "one of all|once|none"},
                {"stickyness=true", "no switch stickyness"},
                {"sticky", "NAME=VALUE"},
        };
        Switches s;

        (void) state;
        switches_init(&s);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *error = switches_set_text(&s, cases[i].text);

                if (!cases[i].error)
                        assert_null(error);
                else if (!error || !strstr(error, cases[i].error))
                        fail_msg("%s: %s", cases[i].text, error ? error : "accepted");
        }
        assert_true(s.sticky);
        assert_int_equal(s.pongs, PONGS_ONCE);
        assert_int_equal(s.ack_timeout_ms, 1);
        assert_null(s.scopes);
        switches_deinit(&s);
}

/* The README lists every switch with its default. */
static void test_readme(void **state)
{
        FILE *file = fopen("localslack/README.md", "rb");
        char text[200000];
        size_t n = fread(text, 1, sizeof(text) - 1, file);

        (void) state;
        fclose(file);
        text[n] = 0;
        for (size_t i = 0; i < n_switch_rows; i++) {
                _cleanup_free_ char *quoted = mem_printf("`%s`", switch_rows[i].name);

                if (!strstr(text, quoted))
                        fail_msg("localslack/README.md does not know the switch %s", switch_rows[i].name);
        }
}

static void test_options(void **state)
{
        static const struct {
                const char *a, *b;
                int r;
        } cases[] = {
                {"--listen", "127.0.0.1:0", 0},   {"--listen", "nowhere", -1},
                {"--http-events", "ftp://x", -1}, {"--http-events", "http://127.0.0.1:1/x", 0},
                {"--switch", "sticky=true", 0},   {"--switch", "sticky=2", -1},
                {"--slash-command", "x", -1},     {"--slash-command", "/x", 0},
                {"--save-every", "-1", -1},       {"--signing-secret", "", -1},
                {"--nonsense", "x", -1},          {"--quiet", "stray", -1},
        };
        Options o;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char *argv[] = {(char *) "localslack", (char *) cases[i].a, (char *) cases[i].b, NULL};
                int r = options_read(3, argv, &o);

                if (r != cases[i].r)
                        fail_msg("%s %s: %d", cases[i].a, cases[i].b, r);
        }
}

static void test_commands_and_shortcuts(void **state)
{
        char *argv[] = {(char *) "localslack",
                        (char *) "--slash-command",
                        (char *) "/deploy [service] [version]",
                        (char *) "--slash-command",
                        (char *) "/ping",
                        (char *) "--shortcut",
                        (char *) "message:save_it:Save: this",
                        NULL};
        static const char *const bad[] = {"global:x", "global::Name", "global:x:", "other:x:y", ""};
        Options o;

        (void) state;
        assert_int_equal(options_read(7, argv, &o), 0);
        assert_int_equal(o.n_slash_commands, 2);
        assert_string_equal(o.slash_commands[0], "/deploy");
        assert_string_equal(o.usage_hints[0], "[service] [version]");
        assert_string_equal(o.slash_commands[1], "/ping");
        assert_string_equal(o.usage_hints[1], "");
        assert_int_equal(o.n_shortcuts, 1);
        assert_false(o.shortcuts[0].is_global);
        assert_string_equal(o.shortcuts[0].callback_id, "save_it");
        assert_string_equal(o.shortcuts[0].name, "Save: this");
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                char *wrong[] = {(char *) "localslack", (char *) "--shortcut", (char *) bad[i], NULL};

                assert_int_equal(options_read(3, wrong, &o), -1);
        }
        argv[2] = (char *) "/ [x]";
        assert_int_equal(options_read(7, argv, &o), -1);
        argv[2] = (char *) "/abcdefghijklmnopqrstuvwxyz0123456";
        assert_int_equal(options_read(7, argv, &o), -1);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults_come_back),
                cmocka_unit_test(test_setting),
                cmocka_unit_test(test_readme),
                cmocka_unit_test(test_options),
                cmocka_unit_test(test_commands_and_shortcuts),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
