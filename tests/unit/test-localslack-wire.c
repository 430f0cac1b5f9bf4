/* The pure parts of what goes over the wire and into records: signatures, the ring, names in the place of
 * what differs, parts of JSON, YAML, faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "api.h"
#include "delivery.h"
#include "expect.h"
#include "faults.h"
#include "http-delivery.h"
#include "normalize.h"
#include "scenario.h"
#include "yaml-json.h"

/* The example of Slack's documentation, "Verifying requests from Slack". */
static void test_signature(void **state)
{
        static const char body[] =
                "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
                "channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
                "response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%"
                "2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        char signature[HTTP_SIGNATURE_SIZE];

        (void) state;
        http_delivery_sign("8f742231b10e8888abcd99yyyzzz85a5", 1531420618, body, strlen(body), signature);
        assert_string_equal(signature, "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");
}

static void test_ring(void **state)
{
        RecordRing r;

        (void) state;
        record_ring_init(&r, 3, 1000);
        for (int i = 1; i <= 5; i++) {
                char text[16];

                snprintf(text, sizeof(text), "text %d", i);
                assert_int_equal(record_ring_add(&r, i, "key", text, strlen(text)), i);
        }
        assert_int_equal(r.count, 3);
        assert_string_equal(record_ring_at(&r, 0)->text, "text 3");
        assert_string_equal(record_ring_at(&r, 2)->key, "key");
        assert_null(record_ring_at(&r, 3));
        _cleanup_free_ char *large = mem_alloc(2000);

        memset(large, 'x', 2000);
        record_ring_add(&r, 6, "large", large, 2000); /* pushes the others out, and is kept itself */
        assert_int_equal(r.count, 1);
        record_ring_add(&r, 7, "nul", "a\0b", 3);
        assert_string_equal(record_ring_at(&r, 0)->text, "a");
        record_ring_clear(&r);
        assert_int_equal(r.n_bytes, 0);
        record_ring_deinit(&r);
}

static void test_normalize(void **state)
{
        static const char *const cases[][2] = {
                {"{\"ts\":\"1700000000.000100\",\"thread_ts\":\"1700000000.000200\",\"x\":\"1700000000.000100\"}",
                 "{\"ts\":\"ts-1\",\"thread_ts\":\"ts-2\",\"x\":\"ts-1\"}"},
                {"{\"at_ms\":1700000000123,\"n\":7}", "{\"at_ms\":0,\"n\":7}"},
                {"0f8fad5b-d9cb-469f-a165-70867728950e \"Ev00000001A\" V00000001AB C0GENERAL U0ANN",
                 "uuid-1 \"id-1\" id-2 C0GENERAL U0ANN"},
                {"12.34.0123456789abcdef http://127.0.0.1:43210/x", "trigger-1 http://host-1/x"},
                {"xx1700000000.000100 17000000001.000100", "xx1700000000.000100 17000000001.000100"},
                {"\"1700000000.0001001\"", "\"1700000000.0001001\""},
                {"", ""},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_buf_ Buf text = {0};

                buf_append_str(&text, cases[i][0]);
                normalize_export(&text);
                assert_string_equal(buf_bytes(&text), cases[i][1]);
        }
}

static void test_parts(void **state)
{
        static const struct {
                const char *part, *value, *path; /* NULL: is a part */
        } cases[] = {
                {"{}", "{\"a\":1}", NULL},
                {"{\"a\":1}", "{\"a\":1,\"b\":2}", NULL},
                {"{\"a\":2}", "{\"a\":1}", ".a"},
                {"{\"a\":{\"b\":1}}", "{\"a\":{}}", ".a.b"},
                {"{\"a\":[2,3]}", "{\"a\":[1,2,9,3]}", NULL},
                {"{\"a\":[3,2]}", "{\"a\":[1,2,3]}", ".a.1"},
                {"{\"a\":[{\"b\":1}]}", "{\"a\":[{\"b\":2}]}", ".a.0.b"},
                {"{\"a\":null}", "{\"a\":null}", NULL},
                {"{\"a\":\"x\"}", "[1]", ""},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ json_t *part = json_loads(cases[i].part, 0, NULL),
                                      *value = json_loads(cases[i].value, 0, NULL);
                _cleanup_free_ char *path = NULL;

                assert_int_equal(expect_is_part(part, value, &path), cases[i].path == NULL);
                if (cases[i].path)
                        assert_string_equal(path, cases[i].path);
        }
}

static void test_yaml(void **state)
{
        static const struct {
                const char *yaml, *json, *error;
        } cases[] = {
                {"a: 1\nb: [true, null, ~, 1.5, -3, x, \"1\", '', 1e3]",
                 "{\"a\":1,\"b\":[true,null,null,1.5,-3,\"x\",\"1\",\"\",1000.0]}", NULL},
                {"- a: {b: c}\n- |\n  two\n  lines\n", "[{\"a\":{\"b\":\"c\"}},\"two\\nlines\\n\"]", NULL},
                {"yes", "\"yes\"", NULL},
                {"{\"is\": \"JSON\"}", "{\"is\":\"JSON\"}", NULL},
                {"a: &x 1", NULL, "f:1:4: anchors"},
                {"a: *x", NULL, "f:1:4: aliases"},
                {"a: !!str 1", NULL, "f:1:4: tags"},
                {"a: 1\na: 2", NULL, "f:2:1: the key stands twice"},
                {"a: [", NULL, "f:"},
                {"", NULL, "f:1:1: is empty"},
                {"a\n---\nb", NULL, "more than one document"},
                {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", NULL, "too deeply"},
                {"a: \"\\0\"", NULL, "JSON cannot hold"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *error = NULL, *dumped = NULL;
                _cleanup_json_ json_t *value =
                        yaml_json_parse("f", cases[i].yaml, strlen(cases[i].yaml), &error);

                if (cases[i].error) {
                        if (value || !strstr(error, cases[i].error))
                                fail_msg("%s: %s", cases[i].yaml, error ? error : "accepted");
                        continue;
                }
                if (!value)
                        fail_msg("%s: %s", cases[i].yaml, error);
                dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
                assert_string_equal(dumped, cases[i].json);
        }
}

static int64_t clock_fixed(void)
{
        return 1700000000000;
}

static json_t *words(const char *text)
{
        return json_pack("{s:s,s:s,s:s}", "type", "message", "user", "U0ANN", "text", text);
}

/* Old messages are kept as text; nobody can tell. */
static void test_frozen_messages(void **state)
{
        _cleanup_(state_freep) State *s = state_new("octo", clock_fixed);
        Channel *c = state_find_channel(s, "general");
        Message *root = state_add_message(s, c, words("root"), NULL), *m = NULL, *first = NULL;
        _cleanup_json_ json_t *before = NULL, *after = NULL;
        size_t n_frozen = 0;

        (void) state;
        for (int i = 0; i < 4 * STATE_AWAKE; i++) {
                m = state_add_message(s, c, words("\"subtype\":\"tombstone\" é"), i % 2 ? root : NULL);
                first = first ? first : m;
                if (i == 0)
                        before = message_render(first, true);
        }
        for (size_t i = 0; i < c->n_messages; i++)
                n_frozen += c->messages[i]->frozen != NULL;
        assert_in_range(n_frozen, 3 * STATE_AWAKE - 1, 3 * STATE_AWAKE + 1);
        assert_non_null(first->frozen);
        after = message_render(first, true); /* looking does not wake it */
        assert_true(json_equal(before, after));
        assert_non_null(first->frozen);
        assert_false(message_is_tombstone(first));
        assert_string_equal(json_str(message_body(first), "user"), "U0ANN");
        assert_null(first->frozen);
        json_put_str(message_body(first), "text", "changed");
        for (int i = 0; i < 4 * STATE_AWAKE; i++)
                state_add_message(s, c, words("more"), NULL);
        assert_non_null(first->frozen); /* and sleeps again after a while, changed as it is */
        assert_string_equal(json_str(message_body(first), "text"), "changed");
        assert_int_equal(message_add_reaction(root, "eyes", "U0BOB"), REACTION_OK);
        state_remove_message(s, c, root);
        for (int i = 0; i < 8 * STATE_AWAKE; i++)
                state_add_message(s, c, words("yet more"), NULL);
        assert_non_null(root->frozen);
        assert_true(message_is_tombstone(root));
}

static Fault take_for(Local *l, const char *method)
{
        Fault fault;

        if (!faults_take(l->faults, method, &fault))
                fault.action = (FaultAction) -1;
        return fault;
}

static void test_faults(void **state)
{
        _cleanup_json_ json_t *list = json_loads(
                "[{\"method\":\"chat.*\",\"action\":\"rate_limit\",\"times\":2},{\"method\":\"chat.update\","
                "\"action\":\"ok_false\",\"error\":\"x\"},{\"envelope\":\"message\",\"action\":\"lose\"},"
                "{\"method\":\"link\",\"action\":\"http_status\",\"status\":409},"
                "{\"action\":\"delay\",\"delay_ms\":10,\"delay_max_ms\":20,\"probability\":0.5,\"times\":100}]",
                0, NULL);
        Options options;
        Fault fault;
        Loop *loop;
        Local l;
        unsigned status, n_delays = 0;

        (void) state;
        options_init(&options);
        assert_int_equal(loop_new(&loop), 0);
        local_init(&l, loop, &options);
        l.rng = 1;
        assert_null(faults_add(l.faults, list));
        assert_int_equal(take_for(&l, "chat.update").action, FAULT_RATE_LIMIT);
        assert_int_equal(take_for(&l, "chat.postMessage").status, 429);
        assert_string_equal(take_for(&l, "chat.update").error, "x");
        assert_true(faults_has_envelopes(l.faults));
        assert_false(faults_take_envelope(l.faults, "slash_commands", "/x", &fault));
        assert_true(faults_take_envelope(l.faults, "events_api", "message", &fault));
        assert_false(faults_has_envelopes(l.faults));
        assert_true(faults_take_upgrade(l.faults, &status));
        assert_int_equal(status, 409);
        assert_false(faults_take_upgrade(l.faults, &status));
        for (int i = 0; i < 100; i++) {
                fault = take_for(&l, "auth.test");
                if (fault.action == FAULT_NONE) {
                        n_delays++;
                        assert_in_range(fault.delay_ms, 10, 20);
                }
        }
        assert_in_range(n_delays, 30, 70); /* of a fixed seed */
        delivery_reset(l.delivery);
        local_deinit(&l);
        loop_free(loop);
}

static int64_t moving_ms = 1700000000000;

static int64_t clock_moving(void)
{
        return moving_ms;
}

static char *post_once(Local *l)
{
        static const char body[] = "{\"channel\":\"C0GENERAL\",\"text\":\"x\",\"client_msg_id\":\"id-1\"}";
        ApiRequest req = {.method = "chat.postMessage",
                          .authorization = "Bearer xoxb-1",
                          .content_type = "application/json; charset=utf-8",
                          .query = "",
                          .base_url = "http://127.0.0.1",
                          .body = body,
                          .n_body = strlen(body)};
        ApiReply reply;
        char *ts;

        api_run(l, &req, &reply);
        ts = mem_strdup(json_str(reply.answer, "ts"));
        api_reply_deinit(&reply);
        assert_non_null(ts);
        return ts;
}

/* How long a repeated client_msg_id gives the first message is a switch, as Slack's time is not known. */
static void test_client_msg_id_window(void **state)
{
        _cleanup_free_ char *first = NULL, *again = NULL, *later = NULL, *latest = NULL;
        Options options;
        Loop *loop;
        Local l;

        (void) state;
        options_init(&options);
        assert_int_equal(loop_new(&loop), 0);
        local_init(&l, loop, &options);
        l.state->clock_ms = clock_moving;
        first = post_once(&l);
        moving_ms += 60000;
        again = post_once(&l);
        assert_string_equal(first, again);
        l.switches.client_msg_id_window_ms = 30000;
        later = post_once(&l);
        assert_string_not_equal(first, later);
        moving_ms += 29000;
        latest = post_once(&l);
        assert_string_equal(later, latest);
        delivery_reset(l.delivery);
        local_deinit(&l);
        loop_free(loop);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_signature),
                cmocka_unit_test(test_ring),
                cmocka_unit_test(test_normalize),
                cmocka_unit_test(test_parts),
                cmocka_unit_test(test_yaml),
                cmocka_unit_test(test_faults),
                cmocka_unit_test(test_frozen_messages),
                cmocka_unit_test(test_client_msg_id_window),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
