/* Configuration: values and their defaults, the place and words of every kind of mistake, the environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "conf/conf-schema.h"

static void clear_environment(void)
{
        for (size_t i = 0; i < conf_n_items; i++)
                unsetenv(conf_items[i].env);
}

static int setup(void **state)
{
        clear_environment();
        return 0;
}

static const char minimum[] = "slack:\n"
                              "  bot_token: xoxb-1\n"
                              "  app_token: xapp-1\n"
                              "gateway:\n"
                              "  bridge_token: 0123456789abcdef\n"
                              "opencode:\n"
                              "  directory: /srv/project\n";

static void parse_ok(const char *text, GatewayConf *ret)
{
        char *error = NULL;

        if (conf_parse("gateway.yaml", text, strlen(text), ret, &error) < 0)
                fail_msg("refused: %s", error);
        assert_null(error);
}

static void expect_error(const char *text, const char *want)
{
        GatewayConf conf;
        char *error = NULL;
        int r = conf_parse("gateway.yaml", text, strlen(text), &conf, &error);

        if (r >= 0)
                fail_msg("accepted: %s", text);
        assert_string_equal(error, want);
        conf_deinit(&conf);
        free(error);
}

static void test_defaults(void **state)
{
        GatewayConf conf;

        parse_ok("", &conf);
        assert_string_equal(conf.slack.api_url, "https://slack.com/api/");
        assert_int_equal(conf.slack.sockets, 2);
        assert_string_equal(conf.slack.command, "/opencode");
        assert_int_equal(conf.slack.allow_users.n, 0);
        assert_string_equal(conf.gateway.listen, "127.0.0.1:8000");
        assert_string_equal(conf.gateway.state_dir, "./state");
        assert_false(secret_is_set(&conf.gateway.database_url));
        assert_int_equal(conf.gateway.log_level, LOG_INFO);
        assert_string_equal(conf.opencode.url, "http://127.0.0.1:4096");
        assert_string_equal(conf.opencode.web_url, "http://127.0.0.1:4096");
        assert_string_equal(conf.opencode.agent, "");
        assert_int_equal(conf.limits.queued_prompts, 50);
        assert_int_equal(conf.limits.queued_prompts, 50);
        assert_int_equal(conf.limits.message_bytes, 100000);
        assert_int_equal(conf.progress.interval_ms, 1500);
        assert_false(secret_is_set(&conf.slack.bot_token));
        conf_deinit(&conf);
}

static void test_values(void **state)
{
        GatewayConf conf;

        parse_ok("---\n"
                 "slack: # a comment\n"
                 "  bot_token: 'xoxb-1'\n"
                 "  sockets: 4\n"
                 "  api_url: http://127.0.0.1:3000/api\n"
                 "  allow_users: [U012AB3CD, \"W1234\"]\n"
                 "  allow_channels:\n"
                 "    - C012AB3CD\n"
                 "  approvers:\n"
                 "gateway: {listen: '[::1]:0', log_level: debug, database_url: 'sqlite:/tmp/x.db'}\n"
                 "opencode:\n"
                 "  url: http://localhost:4096/\n"
                 "  web_url: https://code.example.com/\n"
                 "  model: a/b/c\n"
                 "limits:\n",
                 &conf);
        assert_string_equal(secret_reveal(&conf.slack.bot_token), "xoxb-1");
        assert_int_equal(conf.slack.sockets, 4);
        assert_string_equal(conf.slack.api_url, "http://127.0.0.1:3000/api/");
        assert_int_equal(conf.slack.allow_users.n, 2);
        assert_string_equal(conf.slack.allow_users.items[1], "W1234");
        assert_null(conf.slack.allow_users.items[2]); /* who reads the list looks for its end */
        assert_string_equal(conf.slack.allow_channels.items[0], "C012AB3CD");
        assert_int_equal(conf.slack.approvers.n, 0);
        assert_string_equal(conf.gateway.listen, "[::1]:0");
        assert_int_equal(conf.gateway.log_level, LOG_DEBUG);
        assert_string_equal(conf.opencode.url, "http://localhost:4096");
        assert_string_equal(conf.opencode.web_url, "https://code.example.com");
        assert_string_equal(conf.opencode.model, "a/b/c");
        conf_deinit(&conf);
}

static void test_mistakes(void **state)
{
        static const struct {
                const char *text, *error;
        } cases[] = {
                {"slack:\n  sockets: 9\n", "gateway.yaml:2:12: slack.sockets: must be 1 to 4"},
                {"slack:\n  sockets: 0x2\n", "gateway.yaml:2:12: slack.sockets: must be a whole number"},
                {"slack:\n  sockets: 1.5\n", "gateway.yaml:2:12: slack.sockets: must be a whole number"},
                {"slack:\n  sockets: '2'\n",
                 "gateway.yaml:2:12: slack.sockets: must be a whole number, without quotes"},
                {"slack:\n  sockets: [2]\n", "gateway.yaml:2:12: slack.sockets: must be a whole number"},
                {"slack:\n  sockets: 99999999999999999999\n",
                 "gateway.yaml:2:12: slack.sockets: must be 1 to 4"},
                {"slack:\n  sockets: 2\n  sockets: 2\n", "gateway.yaml:3:3: slack.sockets: is set twice"},
                {"slack:\n  api_url: {a: b}\n", "gateway.yaml:2:12: slack.api_url: must be a text"},
                {"slack:\n  api_url: ''\n", "gateway.yaml:2:12: slack.api_url: must not be empty"},
                {"slack:\n  socket: 2\n",
                 "gateway.yaml:2:3: slack.socket: is not a known key; slack.sockets is"},
                {"slack:\n  bridge_token: abc\n",
                 "gateway.yaml:2:3: slack.bridge_token: is not a known key; gateway.bridge_token is"},
                {"slack:\n  colour: red\n", "gateway.yaml:2:3: slack.colour: is not a known key"},
                {"slack:\n  xoxb-12345: red\n", "gateway.yaml:2:3: slack: has a key that is not a known one"},
                {"slack:\n  [a, b]: red\n", "gateway.yaml:2:3: slack: has a key that is not a known one"},
                {"slak:\n  sockets: 2\n", "gateway.yaml:1:1: slak: is not a known section"},
                {"slack: {}\nslack: {}\n", "gateway.yaml:2:1: slack: is there twice"},
                {"slack: yes\n", "gateway.yaml:1:8: slack: must be a section: keys, indented"},
                {"- slack\n", "gateway.yaml:1:1: must begin with a section, such as slack:"},
                {"hello\n", "gateway.yaml:1:1: must begin with a section, such as slack:"},
                {"slack:\n  allow_users: U1234\n",
                 "gateway.yaml:2:16: slack.allow_users: must be a list, such as [A, B]"},
                {"slack:\n  allow_users: [[U1234]]\n",
                 "gateway.yaml:2:17: slack.allow_users: must be a list of texts"},
                {"slack:\n  allow_users: [U1234, U1234]\n",
                 "gateway.yaml:2:24: slack.allow_users: must not name anything twice"},
                {"slack:\n  allow_users: [U1234, ]\n  approvers: ['']\n",
                 "gateway.yaml:3:15: slack.approvers: must not have empty elements"},
                {"slack:\n  allow_users: ['@ann']\n",
                 "gateway.yaml:2:17: slack.allow_users: must be member ids such as U012AB3CD (profile, then Copy "
                 "member ID), not names"},
                {"slack: &a\n  sockets: 2\n", "gateway.yaml:1:8: anchors (&name) are not supported"},
                {"slack:\n  bot_token: *a\n", "gateway.yaml:2:14: aliases (*name) are not supported"},
                {"slack:\n  bot_token: !!str a\n", "gateway.yaml:2:14: tags (!name) are not supported"},
                {"slack: {}\n---\nslack: {}\n", "gateway.yaml:2:1: only one document is supported"},
                {"slack:\n\tsockets: 2\n", "gateway.yaml:2:1: found character that cannot start any token"},
                {"slack:\n  bot_token: \"xoxb-\\0\"\n",
                 "gateway.yaml:2:14: slack.bot_token: must not contain NUL"},
                {"slack:\n  bot_token: \"xoxb-\\n\"\n",
                 "gateway.yaml:2:14: slack.bot_token: must be one line, without control characters"},
                {"slack:\n  bot_token: xapp-1\n",
                 "gateway.yaml:2:14: slack.bot_token: must be the bot token (xoxb-…), and this is an app-level token: "
                 "were the two swapped?"},
                {"slack:\n  command: /Open Code\n",
                 "gateway.yaml:2:12: slack.command: must be a slash and 1 to 31 of a-z, 0-9, _ and -"},
                {"gateway:\n  listen: 8000\n",
                 "gateway.yaml:2:11: gateway.listen: must be an address and a port, such as 127.0.0.1:8000 or "
                 "[::1]:8000"},
                {"gateway:\n  listen: 127.0.0.1:70000\n",
                 "gateway.yaml:2:11: gateway.listen: must have a port from 0 (any) to 65535"},
                {"gateway:\n  listen: '::1:80'\n",
                 "gateway.yaml:2:11: gateway.listen: must have an IPv6 address in brackets, such as [::1]:8000"},
                {"gateway:\n  database_url: mysql://db/x\n",
                 "gateway.yaml:2:17: gateway.database_url: must be empty (SQLite in gateway.state_dir), "
                 "sqlite:PATH, postgres://…, or memory: (nothing survives a restart)"},
                {"gateway:\n  log_level: loud\n",
                 "gateway.yaml:2:14: gateway.log_level: must be debug, info, warn or error"},
                {"opencode:\n  directory: src\n",
                 "gateway.yaml:2:14: opencode.directory: must be an absolute path"},
                {"opencode:\n  url: ftp://x\n",
                 "gateway.yaml:2:8: opencode.url: must be a URL that begins with https:// or http://"},
                {"opencode:\n  url: http://u:p@x\n",
                 "gateway.yaml:2:8: opencode.url: must not have a user name or password in it"},
                {"workspace:\n  repositories_root: src\n",
                 "gateway.yaml:2:22: workspace.repositories_root: must be an absolute path"},
                {"workspace:\n  remotes: [api]\n",
                 "gateway.yaml:2:13: workspace.remotes: must be an address such as https://host/owner/name.git or "
                 "git@host:owner/name.git"},
                {"workspace:\n  maker: make\n",
                 "gateway.yaml:2:10: workspace.maker: must be native, task or par"},
                {"state:\n  remote: https://me:secret@host/state.git\n",
                 "gateway.yaml:2:11: state.remote: must not have a password in it: give it to git's credential helper"},
                {"progress:\n  interval_ms: 500\n",
                 "gateway.yaml:2:16: progress.interval_ms: must be 1000 to 60000"},
                {"slack:\n  sockets: 9\n  colour: red\nlimits:\n  queued_prompts: x\n",
                 "gateway.yaml:2:12: slack.sockets: must be 1 to 4\n"
                 "gateway.yaml:3:3: slack.colour: is not a known key\n"
                 "gateway.yaml:5:19: limits.queued_prompts: must be a whole number"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                expect_error(cases[i].text, cases[i].error);
}

static void test_many_mistakes(void **state)
{
        GatewayConf conf;
        Buf text = {0};
        char *error = NULL;

        buf_append_str(&text, "slack:\n");
        for (int i = 0; i < 1000; i++)
                buf_printf(&text, "  unknown_%c%c: 1\n", 'a' + i % 26, 'a' + i / 26 % 26);
        assert_true(conf_parse("f", buf_bytes(&text), buf_len(&text), &conf, &error) < 0);
        assert_non_null(strstr(error, "\nand 980 more"));
        free(error);
        buf_deinit(&text);
}

/* Deep or long input costs neither stack nor much memory. */
static void test_hostile(void **state)
{
        GatewayConf conf;
        Buf text = {0};
        char *error = NULL;

        buf_append_str(&text, "slack: ");
        for (int i = 0; i < 5000; i++)
                buf_append_char(&text, '[');
        assert_true(conf_parse("f", buf_bytes(&text), buf_len(&text), &conf, &error) < 0);
        free(take(error));
        buf_clear(&text);
        buf_append_str(&text, "slack:\n  bot_token: ");
        for (int i = 0; i < 5000; i++)
                buf_append_char(&text, 'x');
        assert_true(conf_parse("f", buf_bytes(&text), buf_len(&text), &conf, &error) < 0);
        assert_string_equal(error, "f:2:14: slack.bot_token: must not be longer than 4096 bytes");
        free(take(error));
        assert_true(conf_parse("f", "a: \xff", 4, &conf, &error) < 0);
        free(error);
        buf_deinit(&text);
}

/* --- files and environment --- */

static char *write_file(const char *text)
{
        char *path = mem_strdup("/tmp/test-conf-XXXXXX");
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
        return path;
}

static void test_missing_keys(void **state)
{
        GatewayConf conf;
        char *error = NULL;

        assert_true(conf_load(NULL, false, &conf, &error) < 0);
        assert_string_equal(
                error,
                "missing: slack.bot_token (SLACK_BOT_TOKEN): the bot token (xoxb-…), from "
                "https://api.slack.com/apps → your app → OAuth & Permissions\n"
                "missing: slack.app_token (SLACK_APP_TOKEN): an app-level token (xapp-…) with connections:write, from "
                "https://api.slack.com/apps → your app → Basic Information → App-Level Tokens\n"
                "missing: gateway.bridge_token (GATEWAY_BRIDGE_TOKEN): any long random text, for example from: openssl "
                "rand -hex 32; the same in GATEWAY_BRIDGE_TOKEN where OpenCode runs\n"
                "missing: opencode.directory (OPENCODE_DIRECTORY): the absolute path, where OpenCode runs, of the "
                "directory in which sessions start");
        free(error);
        conf_deinit(&conf); /* nothing is left in it */
}

static void test_file(void **state)
{
        _cleanup_free_ char *path = write_file(minimum);
        GatewayConf conf;
        char *error = NULL;

        assert_int_equal(conf_load(path, true, &conf, &error), 0);
        assert_string_equal(secret_reveal(&conf.slack.app_token), "xapp-1");
        assert_string_equal(conf.opencode.directory, "/srv/project");
        conf_deinit(&conf);
        unlink(path);
        assert_true(conf_load(path, true, &conf, &error) < 0);
        assert_non_null(strstr(error, ": cannot be read: No such file or directory"));
        free(take(error));
        assert_true(conf_load("/", true, &conf, &error) < 0);
        assert_string_equal(error, "/: cannot be read: Is a directory");
        free(error);
}

static void test_environment(void **state)
{
        _cleanup_free_ char *path = write_file(minimum);
        GatewayConf conf;
        char *error = NULL;

        setenv("SLACK_BOT_TOKEN", "xoxb-2\n", 1);
        setenv("GATEWAY_SLACK_SOCKETS", "3", 1);
        setenv("GATEWAY_SLACK_ALLOW_USERS", "U111, U222,U333", 1);
        setenv("GATEWAY_LISTEN", "", 1);
        setenv("GATEWAY_LOG_LEVEL", "error", 1);
        setenv("OPENCODE_URL", "http://opencode:4096", 1);
        assert_int_equal(conf_load(path, true, &conf, &error), 0);
        assert_string_equal(secret_reveal(&conf.slack.bot_token), "xoxb-2");
        assert_int_equal(conf.slack.sockets, 3);
        assert_int_equal(conf.slack.allow_users.n, 3);
        assert_string_equal(conf.slack.allow_users.items[2], "U333");
        assert_string_equal(conf.gateway.listen, "127.0.0.1:8000");
        assert_int_equal(conf.gateway.log_level, LOG_ERROR);
        assert_string_equal(conf.opencode.web_url, "http://opencode:4096");
        conf_deinit(&conf);

        setenv("GATEWAY_SLACK_SOCKETS", "many", 1);
        setenv("GATEWAY_SLACK_ALLOW_USERS", "U111,@ann", 1);
        assert_true(conf_load(path, true, &conf, &error) < 0);
        assert_string_equal(
                error, "GATEWAY_SLACK_SOCKETS: slack.sockets: must be a whole number\n"
                       "GATEWAY_SLACK_ALLOW_USERS: slack.allow_users: must be member ids such as U012AB3CD "
                       "(profile, then Copy member ID), not names");
        free(error);
        unlink(path);
        clear_environment();
}

/* --- the table --- */

static void test_table(void **state)
{
        for (size_t i = 0; i < conf_n_items; i++) {
                const ConfItem *item = &conf_items[i];

                assert_non_null(item->meaning);
                assert_ptr_equal(conf_item_find(item->section, item->key), item);
                for (size_t j = 0; j < i; j++) {
                        assert_string_not_equal(item->env, conf_items[j].env);
                        assert_int_not_equal(item->offset, conf_items[j].offset);
                }
                if (item->fallback) {
                        GatewayConf conf = {0};

                        assert_null(conf_item_set(item, &conf, item->fallback, true));
                        conf_deinit(&conf);
                }
        }
}

static char *printed(const GatewayConf *conf)
{
        char *text = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);

        conf_print(conf, out);
        fclose(out);
        return text;
}

/* The reference is itself a configuration file with every key commented out: as it stands, and with all of
 * them uncommented, it says the defaults. */
static void test_reference(void **state)
{
        char *text = NULL, *rest;
        _cleanup_free_ char *want = NULL, *as_is = NULL, *uncommented = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);
        Buf all = {0};
        GatewayConf conf;

        conf_print_reference(out);
        fclose(out);
        parse_ok("", &conf);
        want = printed(&conf);
        conf_deinit(&conf);
        parse_ok(text, &conf);
        as_is = printed(&conf);
        conf_deinit(&conf);
        assert_string_equal(as_is, want);
        rest = text;
        for (char *line; (line = strsep(&rest, "\n"));) {
                bool is_key = str_starts_with(line, "  # ") &&
                              line[4 + strspn(line + 4, "abcdefghijklmnopqrstuvwxyz_")] == ':';

                buf_printf(&all, "%s%s\n", is_key ? "  " : "", is_key ? line + 4 : line);
        }
        for (size_t i = 0; i < conf_n_items; i++) {
                _cleanup_free_ char *key = mem_printf("\n  %s: ", conf_items[i].key);

                assert_non_null(strstr(buf_bytes(&all), key));
                assert_non_null(strstr(buf_bytes(&all), conf_items[i].env));
        }
        parse_ok(buf_bytes(&all), &conf);
        uncommented = printed(&conf);
        conf_deinit(&conf);
        assert_string_equal(uncommented, want);
        buf_deinit(&all);
        free(text);
}

static void test_print(void **state)
{
        GatewayConf conf;
        _cleanup_free_ char *text = NULL;

        parse_ok(minimum, &conf);
        text = printed(&conf);
        assert_non_null(strstr(text, "bot_token: \"***\""));
        assert_null(strstr(text, "xoxb-1"));
        assert_null(strstr(text, "0123456789abcdef"));
        assert_non_null(strstr(text, "  sockets: 2\n"));
        assert_non_null(strstr(text, "  allow_users: []\n"));
        conf_deinit(&conf);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),
                cmocka_unit_test(test_mistakes), cmocka_unit_test(test_many_mistakes),
                cmocka_unit_test(test_hostile),  cmocka_unit_test(test_missing_keys),
                cmocka_unit_test(test_file),     cmocka_unit_test(test_environment),
                cmocka_unit_test(test_table),    cmocka_unit_test(test_reference),
                cmocka_unit_test(test_print),
        };

        return cmocka_run_group_tests_name("conf", tests, setup, NULL);
}
