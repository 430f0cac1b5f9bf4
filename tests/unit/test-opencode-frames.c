/* Frames from plugins: every sample of the contract is accepted, or refused with its very code and field;
 * what can not be parsed is mended or at least gives its seq. argv[1] is the directory contract/samples;
 * without it the tests must run at the root of the repository. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <dirent.h>
#include <cmocka.h>

#include "base/buf.h"
#include "integrations/opencode/bridge.h"
#include "integrations/opencode/frames.h"

static const char *samples_dir;

static json_t *read_json(const char *dir, const char *name)
{
        _cleanup_free_ char *path = mem_printf("%s/%s", dir, name);
        json_error_t error;
        json_t *value = json_load_file(path, JSON_DECODE_ANY, &error);

        if (!value)
                fail_msg("%s:%d: %s", path, error.line, error.text);
        return value;
}

static unsigned each_sample(const char *subdir, void (*check)(const char *name, const json_t *sample))
{
        _cleanup_free_ char *path = mem_printf("%s/%s", samples_dir, subdir);
        DIR *dir = opendir(path);
        struct dirent *entry;
        unsigned n = 0;

        if (!dir)
                fail_msg("cannot read %s: give the directory contract/samples as the first argument", path);
        while ((entry = readdir(dir))) {
                size_t length = strlen(entry->d_name);
                _cleanup_json_ json_t *sample = NULL;

                if (length < 5 || strcmp(entry->d_name + length - 5, ".json") != 0)
                        continue;
                sample = read_json(path, entry->d_name);
                check(entry->d_name, sample);
                n++;
        }
        closedir(dir);
        return n;
}

static void check_valid(const char *name, const json_t *frame)
{
        const char *why = NULL, *field = bridge_frame_check(frame, &why);
        const char *type = json_str(frame, "type");
        BridgeFrameClass class;

        if (field)
                fail_msg("%s: refused: %s %s", name, field, why);
        class = bridge_frame_class((unsigned) bridge_frame_type(frame));
        assert_int_equal(class == BRIDGE_FRAME_DURABLE, json_object_get(frame, "seq") != NULL);
        assert_true(str_starts_with(name, type));
}

static void check_invalid(const char *name, const json_t *sample)
{
        const json_t *frame = json_object_get(sample, "frame");
        const char *why = NULL, *field = bridge_frame_check(frame, &why);
        const char *want_field = json_str_or(sample, "expect.field", "");
        const char *want_code = json_str(sample, "expect.code");

        if (!field)
                fail_msg("%s: accepted, expected a complaint about %s", name, want_field);
        if (!str_equal(field, want_field))
                fail_msg("%s: blames \"%s\" (%s), expected \"%s\"", name, field, why, want_field);
        assert_non_null(why);
        if (!str_equal(bridge_frame_error_code(frame, field), want_code))
                fail_msg("%s: code %s, expected %s", name, bridge_frame_error_code(frame, field), want_code);
}

static void test_valid_samples(void **state)
{
        assert_true(each_sample("valid/to-gateway", check_valid) >= 60);
}

static void test_invalid_samples(void **state)
{
        assert_true(each_sample("invalid/to-gateway", check_invalid) >= 60);
}

/* Every type that the tables know has a valid sample: a table without one would be held to nothing. */
static bool type_seen[64];

static void mark_type(const char *name, const json_t *frame)
{
        type_seen[bridge_frame_type(frame)] = true;
}

static void test_every_type_has_a_sample(void **state)
{
        each_sample("valid/to-gateway", mark_type);
        for (unsigned i = 0; i < bridge_frame_n_types(); i++)
                if (!type_seen[i])
                        fail_msg("no sample of %s", bridge_frame_type_name(i));
}

/* A sample with any one required key gone is refused; with an unknown key added it is accepted. */
static void check_keys(const char *name, const json_t *sample)
{
        _cleanup_json_ json_t *frame = json_deep_copy(sample);
        const char *why;
        void *it;

        json_object_set_new(frame, "from_the_future", json_string("x"));
        assert_null(bridge_frame_check(frame, &why));
        for (it = json_object_iter((json_t *) sample); it;
             it = json_object_iter_next((json_t *) sample, it)) {
                const char *key = json_object_iter_key(it);
                _cleanup_json_ json_t *without = json_deep_copy(sample);
                const char *field;
                bool optional = str_starts_with(name, "reconcile") && str_equal(key, "directory");
                bool unknown = str_starts_with(name, "pong.extra-key") && !str_equal(key, "type") &&
                               !str_equal(key, "nonce");

                json_object_del(without, key);
                field = bridge_frame_check(without, &why);
                if (!field && (optional || unknown))
                        continue;
                if (!field)
                        fail_msg("%s without %s was accepted", name, key);
                assert_string_equal(field, key);
                assert_string_equal(why, "is missing");
        }
}

static void test_required_keys(void **state)
{
        each_sample("valid/to-gateway", check_keys);
}

static const char *check_text(const char *text)
{
        static char result[600];
        char *error = NULL;
        const char *why, *field;
        _cleanup_json_ json_t *frame = bridge_frame_parse(text, strlen(text), &error);

        if (!frame) {
                snprintf(result, sizeof(result), "not JSON: %s", error);
                free(error);
                return result;
        }
        assert_null(error);
        field = bridge_frame_check(frame, &why);
        if (!field)
                return "ok";
        snprintf(result, sizeof(result), "%s %s", field, why);
        return result;
}

static void test_limits(void **state)
{
        Buf text = {0};

        assert_string_equal(check_text("{\"type\":\"pong\",\"nonce\":\"\"}"), "nonce is empty");
        buf_append_str(&text, "{\"type\":\"pong\",\"nonce\":\"");
        for (int i = 0; i < 200; i++)
                buf_append_str(&text, "é"); /* 200 characters, 400 bytes */
        buf_append_str(&text, "\"}");
        assert_string_equal(check_text(buf_bytes(&text)), "ok");
        text.n_bytes -= 2;
        buf_append_str(&text, "é\"}");
        assert_string_equal(check_text(buf_bytes(&text)), "nonce is too long");
        buf_deinit(&text);
        assert_string_equal(check_text("{\"type\":\"directory.added\",\"directory\":\"relative\"}"),
                            "directory must be an absolute path");
        assert_string_equal(
                check_text("{\"type\":\"session.idle\",\"seq\":1,\"directory\":\"/a\",\"at_ms\":1,"
                           "\"session_id\":\"../x\",\"root_id\":\"r\"}"),
                "session_id must be 1 to 128 letters, digits, _ or -");
        assert_string_equal(check_text("{}"), "type is missing");
        assert_string_equal(check_text("[]"), " must be an object");
}

/* JSON that JavaScript writes and a C string can not hold. */
static void test_mending(void **state)
{
        static const struct {
                const char *in, *out;
        } cases[] = {
                {"{\"a\":\"x\\u0000y\"}", "x\xef\xbf\xbdy"},
                {"{\"a\":\"cut \\ud83d\"}", "cut \xef\xbf\xbd"},
                {"{\"a\":\"\\ude00 cut\"}", "\xef\xbf\xbd cut"},
                {"{\"a\":\"\\ud83d\\ude00\\u0000\"}", "\xf0\x9f\x98\x80\xef\xbf\xbd"},
                {"{\"a\":\"\\ud83d\\ud83d\\ude00\"}", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
                {"{\"a\":\"\\\\u0000\\u0000\"}", "\\u0000\xef\xbf\xbd"}, /* an escaped backslash stays */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char *error = NULL;
                _cleanup_json_ json_t *v = bridge_frame_parse(cases[i].in, strlen(cases[i].in), &error);

                if (!v)
                        fail_msg("%s: %s", cases[i].in, error);
                assert_null(error);
                assert_string_equal(json_str(v, "a"), cases[i].out);
        }
        assert_true(strncmp(check_text("{\"a\":\"\\u00"), "not JSON", 8) == 0);
        assert_true(strncmp(check_text("{\"a\":\"\\"), "not JSON", 8) == 0);
        assert_true(strncmp(check_text("{\"a\":\"\\u0000\",}"), "not JSON", 8) == 0);
}

static void test_salvage(void **state)
{
        static const struct {
                const char *text;
                int64_t seq;
        } cases[] = {
                {"{\"type\":\"x\",\"seq\":17,\"broken\":", 17},
                {"{ \"seq\" : 5 , oops", 5},
                {"{\"inner\":{\"seq\":9},\"seq\":3", 3},
                {"{\"text\":\"\\\"seq\\\":4\",\"seq\":8", 8},
                {"{\"kind\":\"seq\",\"x\":1", 0},
                {"{\"seq\":\"12\"}", 0},
                {"{\"seq\":-1}", 0},
                {"{\"seq\":99999999999999999999999999", 0},
                {"[\"seq\",1]", 0},
                {"", 0},
                {"{\"seq", 0},
                {"{\"seq\"", 0},
                {"{\"seq\":", 0},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(bridge_frame_salvage_seq(cases[i].text, strlen(cases[i].text)),
                                 cases[i].seq);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_valid_samples), cmocka_unit_test(test_invalid_samples),
                cmocka_unit_test(test_required_keys), cmocka_unit_test(test_every_type_has_a_sample),
                cmocka_unit_test(test_limits),        cmocka_unit_test(test_mending),
                cmocka_unit_test(test_salvage),
        };

        json_setup();
        samples_dir = argc > 1 ? argv[1] : "contract/samples";
        return cmocka_run_group_tests_name("opencode-frames", tests, NULL, NULL);
}
