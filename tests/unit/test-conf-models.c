/* Model profiles: their values, the place and words of every mistake, the environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "conf/conf-schema.h"

#define QWEN "  qwen: {model: ollama/qwen2.5, base_url: 'http://127.0.0.1:1/v1'}\n"

static void test_profiles(void **state)
{
        static const char text[] = "models:\n"
                                   "  default: qwen-32b\n"
                                   "  failing_after: 3\n"
                                   "  claude:\n"
                                   "    model: anthropic/claude-sonnet-4-5\n"
                                   "  qwen-32b:\n"
                                   "    model: vllm/Qwen/Qwen2.5-Coder-32B\n"
                                   "    base_url: http://127.0.0.1:8001/v1/\n"
                                   "    key: hush\n";
        _cleanup_free_ char *printed = NULL;
        GatewayConf conf;
        char *error = NULL;
        size_t n;
        FILE *out = open_memstream(&printed, &n);

        assert_int_equal(conf_parse("gateway.yaml", text, strlen(text), &conf, &error), 0);
        assert_int_equal(conf.models.n_profiles, 2);
        assert_int_equal(conf.models.failing_after, 3);
        assert_string_equal(conf.models.default_profile, "qwen-32b");
        assert_string_equal(conf.models.profiles[0].name, "claude");
        assert_string_equal(conf.models.profiles[0].kind, "anthropic");
        assert_string_equal(conf.models.profiles[0].base_url, "");
        assert_string_equal(conf.models.profiles[1].model, "vllm/Qwen/Qwen2.5-Coder-32B");
        assert_string_equal(conf.models.profiles[1].kind, "openai-compatible");
        assert_string_equal(conf.models.profiles[1].base_url, "http://127.0.0.1:8001/v1");
        assert_string_equal(secret_reveal(&conf.models.profiles[1].key), "hush");
        conf_print(&conf, out);
        fclose(out);
        assert_non_null(strstr(printed, "  qwen-32b: {model: \"vllm/Qwen/Qwen2.5-Coder-32B\""));
        assert_null(strstr(printed, "hush"));
        conf_deinit(&conf);
}

static void test_mistakes(void **state)
{
        static const struct {
                const char *text, *error;
        } cases[] = {
                {"models:\n  qwen: yes\n",
                 "gateway.yaml:2:9: models.qwen: is neither a setting nor a profile: a profile has keys of its own, "
                 "such as {model: provider/model}"},
                {"models:\n  Qwen: {model: a/b}\n",
                 "gateway.yaml:2:3: models: has a profile whose name is not a letter and up to 30 of a-z, 0-9, _ and "
                 "-"},
                {"models:\n" QWEN QWEN, "gateway.yaml:3:3: models.qwen: is there twice"},
                {"models:\n  qwen:\n    modell: a/b\n",
                 "gateway.yaml:3:5: models.qwen.modell: is not a known key: a profile has model, kind, base_url and "
                 "key"},
                {"models:\n  qwen:\n    model: a/b\n    model: a/c\n",
                 "gateway.yaml:4:5: models.qwen.model: is set twice"},
                {"models:\n  qwen:\n    model: qwen\n",
                 "gateway.yaml:3:12: models.qwen.model: must be provider/model, such as anthropic/claude-sonnet-4-5"},
                {"models:\n  qwen:\n    model: [a/b]\n",
                 "gateway.yaml:3:12: models.qwen.model: must be a text"},
                {"models:\n  qwen:\n    kind: ollama\n",
                 "gateway.yaml:3:11: models.qwen.kind: must be anthropic or openai-compatible"},
                {"models:\n  qwen:\n    base_url: localhost\n",
                 "gateway.yaml:3:15: models.qwen.base_url: must be a URL that begins with https:// or http://"},
                {"models:\n  qwen: {base_url: 'http://h'}\n",
                 "models.qwen.model: is missing: provider/model, as OpenCode names it"},
                {"models:\n  qwen: {model: a/b}\n",
                 "models.qwen.base_url: is missing: where the endpoint is, such as http://127.0.0.1:11434/v1"},
                {"models:\n" QWEN "  too: {model: ollama/qwen2.5, kind: anthropic}\n",
                 "models.too.model: is the model of models.qwen, too"},
                {"models:\n  default: claude\n" QWEN,
                 "models.default: must be the name of a profile, and there is no models.claude"},
                {"models:\n  wait_s: 121\n", "gateway.yaml:2:11: models.wait_s: must be 1 to 120"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                GatewayConf conf;
                char *error = NULL;

                if (conf_parse("gateway.yaml", cases[i].text, strlen(cases[i].text), &conf, &error) >= 0)
                        fail_msg("accepted: %s", cases[i].text);
                assert_string_equal(error, cases[i].error);
                free(error);
        }
}

static void test_too_many(void **state)
{
        _cleanup_buf_ Buf text = {0};
        GatewayConf conf;
        char *error = NULL;

        buf_append_str(&text, "models:\n");
        for (int i = 0; i < 17; i++)
                buf_printf(&text, "  m%d: {model: anthropic/m%d}\n", i, i);
        assert_true(conf_parse("g", buf_bytes(&text), buf_len(&text), &conf, &error) < 0);
        assert_string_equal(error, "g:18:3: models: must not have more than 16 profiles");
        free(error);
}

static void load(GatewayConf *conf, ConfErrors *errors)
{
        static const char text[] = "models:\n  qwen-32b: {model: a/b, base_url: 'http://h'}\n";
        char *error = NULL;

        assert_int_equal(conf_parse("g", text, strlen(text), conf, &error), 0);
        conf_models_read_environment(conf, errors);
}

static void test_environment(void **state)
{
        ConfErrors errors = {0};
        GatewayConf conf;

        setenv("GATEWAY_MODELS_DEFAULT", "zeta", 1);
        setenv("GATEWAY_MODELS_ZETA_MODEL", "anthropic/z", 1);
        setenv("GATEWAY_MODELS_BETA_MODEL", "anthropic/y", 1);
        setenv("GATEWAY_MODELS_QWEN_32B_KEY", "hush\n", 1);
        load(&conf, &errors);
        assert_int_equal(errors.n, 0);
        assert_int_equal(conf.models.n_profiles, 3);
        assert_string_equal(secret_reveal(&conf.models.profiles[0].key), "hush");
        assert_string_equal(conf.models.profiles[1].name, "beta");
        assert_string_equal(conf.models.profiles[2].model, "anthropic/z");
        conf_deinit(&conf);
        buf_deinit(&errors.text);

        setenv("GATEWAY_MODELS_ZETA_MODEL", "z", 1);
        setenv("GATEWAY_MODELS_QWEN", "x", 1);
        load(&conf, &errors);
        assert_string_equal(
                buf_bytes(&errors.text),
                "GATEWAY_MODELS_QWEN: is neither a setting nor ends in _MODEL, _KIND, _BASE_URL or _KEY\n"
                "GATEWAY_MODELS_ZETA_MODEL: models.zeta.model: must be provider/model, such as "
                "anthropic/claude-sonnet-4-5");
        conf_deinit(&conf);
        buf_deinit(&errors.text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_profiles),
                cmocka_unit_test(test_mistakes),
                cmocka_unit_test(test_too_many),
                cmocka_unit_test(test_environment),
        };

        return cmocka_run_group_tests_name("conf-models", tests, NULL, NULL);
}
