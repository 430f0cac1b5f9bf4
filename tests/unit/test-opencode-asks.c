/* OpenCode's verbs: the commands they send, whom they send them to, and how each answer, and each missing
 * one, ends the ask. The engine is this file: it starts asks and records their ends. */
#include "bridge-world.h"

#include "base/log.h"
#include "integrations/opencode/opencode-asks.h"

typedef struct TestAsk {
        Ask ask;
        unsigned n_done;
        AskOutcome outcome;
        bool uncertain;
        json_t *value, *args;
} TestAsk;

void ask_done(Ask *ask, const AskResult *result)
{
        TestAsk *t = container_of(ask, TestAsk, ask);

        t->n_done++;
        t->outcome = result->outcome;
        t->uncertain = result->uncertain;
        t->value = result->value;
}

void ask_absent(Ask *ask)
{
        fail_msg("no verb of OpenCode has a probe");
}

static const AskVerb *find_verb(const char *name)
{
        for (size_t i = 0; opencode_verbs[i]; i++)
                if (str_equal(opencode_verbs[i]->name, name))
                        return opencode_verbs[i];
        fail_msg("no verb %s", name);
        return NULL;
}

static void start_ask(World *w, TestAsk *t, const char *verb, const char *key, json_t *args /* stolen */)
{
        *t = (TestAsk){
                .ask = {.key = key,
                        .verb = verb,
                        .lane = "",
                        .args = args,
                        .attempt = 1,
                        .created_ms = 1795406579734},
                .args = args,
        };
        find_verb(verb)->start(w->bridge, &t->ask);
}

static void end_ask(TestAsk *t)
{
        assert_int_equal(t->n_done, 1);
        json_decref(t->value);
        json_decref(t->args);
}

static json_t *read_sample(const char *name)
{
        _cleanup_free_ char *path = mem_printf("contract/samples/valid/to-plugin/%s.json", name);
        json_error_t error;
        json_t *sample = json_load_file(path, 0, &error);

        if (!sample)
                fail_msg("%s: %s", path, error.text);
        return sample;
}

static void plugin_reply(Plugin *p, const char *request_id, json_t *result /* stolen */)
{
        plugin_send(p, json_pack("{s:s, s:s, s:b, s:o}", "type", "reply", "request_id", request_id, "ok",
                                 true, "result", result));
}

static void plugin_refuse(Plugin *p, const char *request_id, const char *code, const char *field)
{
        json_t *error = json_pack("{s:s, s:s}", "code", code, "message", "because");

        if (field)
                json_put_str(error, "field", field);
        plugin_send(p, json_pack("{s:s, s:s, s:b, s:o}", "type", "reply", "request_id", request_id, "ok",
                                 false, "error", error));
}

/* --- the commands --- */

/* The contract's samples of commands, from the other side: an ask with a sample's arguments sends that
 * sample. */
static void test_commands(void **state)
{
        static const struct {
                const char *sample, *verb;
        } cases[] = {
                {"session.create", OPENCODE_SESSION_CREATE},
                {"session.create.minimal", OPENCODE_SESSION_CREATE},
                {"session.message", OPENCODE_SESSION_MESSAGE},
                {"session.message.minimal", OPENCODE_SESSION_MESSAGE},
                {"session.message.file-only", OPENCODE_SESSION_MESSAGE},
                {"session.abort", OPENCODE_SESSION_ABORT},
                {"session.messages", OPENCODE_SESSION_MESSAGES},
                {"session.messages.all", OPENCODE_SESSION_MESSAGES},
                {"permission.reply.once", OPENCODE_PERMISSION_REPLY},
                {"permission.reply.always", OPENCODE_PERMISSION_REPLY},
                {"permission.reply.reject-reason", OPENCODE_PERMISSION_REPLY},
                {"question.reply", OPENCODE_QUESTION_REPLY},
                {"question.reject", OPENCODE_QUESTION_REJECT},
                {"reconcile", OPENCODE_RECONCILE},
                {"agents.list", OPENCODE_AGENTS_LIST},
                {"providers.list", OPENCODE_PROVIDERS_LIST},
                {"session.message.command", OPENCODE_SESSION_MESSAGE},
                {"session.message.instruction", OPENCODE_SESSION_MESSAGE},
        };
        World w;
        Plugin p;

        world_init(&w);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                json_t *sample = read_sample(cases[i].sample), *args = json_deep_copy(sample);
                TestAsk t;

                json_object_del(args, "type");
                json_object_del(args, "request_id");
                json_object_del(args, "key");
                json_object_del(json_object_get(args, "author"), "source"); /* the gateway adds it */
                json_object_set_new(args, "agent_of_another_time", json_null());
                if (!json_object_get(args, "agent"))
                        json_object_set_new(args, "agent", json_null()); /* null is absent */
                if (json_object_get(sample, "key"))
                        json_put_str(sample, "key", json_str(sample, "request_id"));
                json_array_clear(p.heard);
                start_ask(&w, &t, cases[i].verb, json_str(sample, "request_id"), args);
                run_until(&w, heard(&p, json_str(sample, "type")));
                if (!json_equal(json_array_get(p.heard, 0), sample)) {
                        _cleanup_free_ char *got = json_dump(json_array_get(p.heard, 0)),
                                            *want = json_dump(sample);

                        fail_msg("sent %s, not %s", got, want);
                }
                assert_int_equal(t.n_done, 0);
                plugin_reply(&p, t.ask.key, json_pack("{s:i}", "n", 7));
                run_until(&w, t.n_done == 1);
                assert_int_equal(t.outcome, ASK_OK);
                assert_int_equal(json_int(t.value, "n", 0), 7);
                end_ask(&t);
                json_decref(sample);
        }
        assert_int_equal(world_metric(&w, "bridge_commands_total", "outcome=\"ok\""), ELEMENTSOF(cases));
        plugin_deinit(&p);
        world_deinit(&w);
}

static void test_message_id(void **state)
{
        _cleanup_free_ char *id = opencode_message_id("a4f0/12", 1795406579734);
        _cleanup_free_ char *again = opencode_message_id("a4f0/12", 1795406579734);
        _cleanup_free_ char *other = opencode_message_id("a4f0/13", 1795406579734);
        _cleanup_free_ char *later = opencode_message_id("a4f0/12", 1795406579735);

        assert_int_equal(strlen(id), 30);
        /* 1795406579734 * 0x1000 = 0x1a206924b816000, of which OpenCode keeps the low 48 bits. */
        assert_true(str_starts_with(id, "msg_20692"));
        assert_int_equal(strspn(id + 4, "0123456789abcdef") >= 12, true);
        assert_memory_equal(id + 13, "000", 3);
        assert_int_equal(strspn(id + 16, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
                         14);
        assert_string_equal(id, again);
        assert_string_not_equal(id, other);
        assert_true(strcmp(id, later) < 0); /* OpenCode sorts messages by id */
}

static void test_derived_message_id(void **state)
{
        World w;
        Plugin p;
        TestAsk t;
        _cleanup_free_ char *want = opencode_message_id("f/1", 1795406579734);

        world_init(&w);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        start_ask(&w, &t, OPENCODE_SESSION_MESSAGE, "f/1",
                  json_pack("{s:s, s:s}", "session_id", "ses_1", "text", "hi"));
        run_until(&w, heard(&p, "session.message"));
        assert_string_equal(json_str(heard(&p, "session.message"), "message_id"), want);
        plugin_reply(&p, "f/1", json_object());
        run_until(&w, t.n_done);
        end_ask(&t);
        plugin_deinit(&p);
        world_deinit(&w);
}

/* --- the ends --- */

static void test_refusals(void **state)
{
        static const struct {
                const char *code;
                AskOutcome outcome;
                bool uncertain;
        } cases[] = {
                {"not_found", ASK_PERMFAIL, false},     {"invalid", ASK_PERMFAIL, false},
                {"unavailable", ASK_TEMPFAIL, false},   {"timeout", ASK_TEMPFAIL, true},
                {"opencode_error", ASK_TEMPFAIL, true},
        };
        World w;
        Plugin p;

        world_init(&w);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                TestAsk t;

                start_ask(&w, &t, OPENCODE_SESSION_ABORT, "f/1", json_pack("{s:s}", "session_id", "ses_1"));
                plugin_refuse(&p, "f/1", cases[i].code,
                              str_equal(cases[i].code, "invalid") ? "session_id" : NULL);
                run_until(&w, t.n_done);
                assert_int_equal(t.outcome, cases[i].outcome);
                assert_int_equal(t.uncertain, cases[i].uncertain);
                assert_string_equal(json_str(t.value, "error"), cases[i].code);
                assert_string_equal(json_str(t.value, "message"), "because");
                assert_true(str_equal(json_str(t.value, "field"),
                                      str_equal(cases[i].code, "invalid") ? "session_id" : NULL));
                end_ask(&t);
        }
        plugin_deinit(&p);
        world_deinit(&w);
}

/* A permission that is gone at the second attempt was answered, perhaps by the first. */
static void test_answered_before(void **state)
{
        World w;
        Plugin p;
        TestAsk t;

        world_init(&w);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        start_ask(&w, &t, OPENCODE_PERMISSION_REPLY, "f/1",
                  json_pack("{s:s, s:s, s:s}", "directory", "/srv/a", "permission_id", "per_1", "reply",
                            "once"));
        t.ask.uncertain = true;
        plugin_refuse(&p, "f/1", "not_found", NULL);
        run_until(&w, t.n_done);
        assert_int_equal(t.outcome, ASK_OK);
        assert_true(json_bool(t.value, "already"));
        end_ask(&t);
        plugin_deinit(&p);
        world_deinit(&w);
}

static void test_bad_arguments(void **state)
{
        World w;
        TestAsk t;

        world_init(&w); /* found before anybody is asked, so nobody needs to be connected */
        start_ask(&w, &t, OPENCODE_PERMISSION_REPLY, "f/1",
                  json_pack("{s:s, s:s}", "directory", "/a", "reply", "once"));
        assert_int_equal(t.outcome, ASK_PERMFAIL);
        assert_string_equal(json_str(t.value, "error"), "invalid");
        assert_string_equal(json_str(t.value, "field"), "permission_id");
        assert_string_equal(json_str(t.value, "message"), "permission_id is missing");
        end_ask(&t);
        start_ask(&w, &t, OPENCODE_SESSION_CREATE, "f/1",
                  json_pack("{s:s, s:s, s:s}", "directory", "/a", "title", "t", "model", "a/b"));
        assert_string_equal(json_str(t.value, "message"), "model must be an object");
        end_ask(&t);
        world_deinit(&w);
}

static void test_too_large(void **state)
{
        World w;
        Plugin p;
        TestAsk t;
        char *text = mem_zalloc(BRIDGE_FRAME_MAX_BYTES + 1);

        world_init(&w);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        memset(text, 'x', BRIDGE_FRAME_MAX_BYTES);
        start_ask(&w, &t, OPENCODE_SESSION_MESSAGE, "f/1",
                  json_pack("{s:s, s:s}", "session_id", "ses_1", "text", text));
        assert_int_equal(t.outcome, ASK_PERMFAIL);
        assert_string_equal(json_str(t.value, "error"), "invalid");
        end_ask(&t);
        free(text);
        plugin_deinit(&p);
        world_deinit(&w);
}

static void test_nobody_connected(void **state)
{
        World w;
        Plugin p;
        TestAsk t;
        const AskVerb *verb = find_verb(OPENCODE_SESSION_ABORT);

        world_init(&w);
        assert_int_equal(verb->wait_ms(w.bridge, &t.ask), 500);
        start_ask(&w, &t, OPENCODE_SESSION_ABORT, "f/1", json_pack("{s:s}", "session_id", "ses_1"));
        assert_int_equal(t.outcome, ASK_TEMPFAIL);
        assert_false(t.uncertain);
        assert_string_equal(json_str(t.value, "error"), "unavailable");
        end_ask(&t);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        assert_int_equal(verb->wait_ms(w.bridge, &t.ask), 0);
        plugin_deinit(&p);
        world_deinit(&w);
}

static void test_lost_connection(void **state)
{
        World w;
        Plugin p, again;
        TestAsk t, second;

        world_init(&w);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        start_ask(&w, &t, OPENCODE_SESSION_ABORT, "f/1", json_pack("{s:s}", "session_id", "ses_1"));
        run_until(&w, heard(&p, "session.abort"));
        ws_peer_abort(take(p.peer));
        run_until(&w, t.n_done);
        assert_int_equal(t.outcome, ASK_TEMPFAIL);
        assert_true(t.uncertain);
        assert_string_equal(json_str(t.value, "error"), "unavailable");
        end_ask(&t);

        /* The same when a newer connection of the same process replaces it; the repetition goes there. */
        plugin_deinit(&p);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        start_ask(&w, &t, OPENCODE_SESSION_ABORT, "f/1", json_pack("{s:s}", "session_id", "ses_1"));
        plugin_connect(&w, &again, TEST_BRIDGE_ID, 1, "/srv/a");
        run_until(&w, t.n_done);
        assert_true(t.uncertain);
        end_ask(&t);
        start_ask(&w, &second, OPENCODE_SESSION_ABORT, "f/1", json_pack("{s:s}", "session_id", "ses_1"));
        run_until(&w, heard(&again, "session.abort"));
        plugin_reply(&again, "f/1", json_object());
        plugin_reply(&again, "f/1", json_object()); /* a plugin that answers twice does no harm */
        plugin_reply(&again, "nobody's", json_object());
        run_until(&w, second.n_done);
        assert_int_equal(second.outcome, ASK_OK);
        plugin_send(&again, idle_event(1, "ses_1"));
        run_until(&w, heard(&again, "ack"));
        end_ask(&second);
        plugin_deinit(&p);
        plugin_deinit(&again);
        world_deinit(&w);
}

static void test_deadline(void **state)
{
        World w;
        Plugin p;
        TestAsk first, second;

        world_init(&w);
        bridge_set_timing(w.bridge, &(BridgeTiming){5000, 10000, 25000, 60, 30000});
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        start_ask(&w, &first, OPENCODE_SESSION_ABORT, "f/1", json_pack("{s:s}", "session_id", "ses_1"));
        start_ask(&w, &second, OPENCODE_SESSION_ABORT, "f/2", json_pack("{s:s}", "session_id", "ses_1"));
        run_until(&w, count_heard(&p, "session.abort") == 2);
        plugin_reply(&p, "f/2", json_object());
        run_until(&w, first.n_done && second.n_done);
        assert_int_equal(first.outcome, ASK_TEMPFAIL);
        assert_true(first.uncertain);
        assert_string_equal(json_str(first.value, "error"), "timeout");
        assert_int_equal(second.outcome, ASK_OK);
        end_ask(&first);
        end_ask(&second);
        assert_int_equal(bridge_connected(w.bridge), 1);
        plugin_deinit(&p);
        world_deinit(&w);
}

static void test_stop(void **state)
{
        World w;
        Plugin p;
        TestAsk t, unfinished;

        world_init(&w);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        start_ask(&w, &t, OPENCODE_SESSION_ABORT, "f/1", json_pack("{s:s}", "session_id", "ses_1"));
        bridge_stop(w.bridge);
        assert_int_equal(t.outcome, ASK_TEMPFAIL);
        assert_true(t.uncertain);
        end_ask(&t);
        plugin_deinit(&p);
        world_deinit(&w);

        world_init(&w); /* bridge_free() does not reach into an engine that may be gone */
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        start_ask(&w, &unfinished, OPENCODE_SESSION_ABORT, "f/1", json_pack("{s:s}", "session_id", "ses_1"));
        plugin_deinit(&p);
        world_deinit(&w);
        assert_int_equal(unfinished.n_done, 0);
        json_decref(unfinished.args);
}

/* --- whom to ask --- */

/* 0 = `a` heard it, 1 = `b` did. Answers it. */
static int who_heard(World *w, Plugin *a, Plugin *b, const char *verb, json_t *args)
{
        TestAsk t;
        int who;

        json_array_clear(a->heard);
        json_array_clear(b->heard);
        start_ask(w, &t, verb, "f/1", args);
        run_until(w, json_array_size(a->heard) + json_array_size(b->heard) == 1);
        who = (int) json_array_size(b->heard);
        plugin_reply(who ? b : a, "f/1", json_object());
        run_until(w, t.n_done);
        end_ask(&t);
        return who;
}

static json_t *permission_args(const char *permission_id)
{
        return json_pack("{s:s, s:s, s:s}", "directory", "/srv/both", "permission_id", permission_id, "reply",
                         "once");
}

static json_t *permission_asked(int64_t seq, const char *session_id, const char *permission_id)
{
        return json_pack("{s:s, s:I, s:s, s:i, s:s, s:s, s:{s:s, s:s, s:[], s:{}, s:[], s:n}}", "type",
                         "permission.asked", "seq", (json_int_t) seq, "directory", "/srv/both", "at_ms", 1,
                         "session_id", session_id, "root_id", session_id, "permission", "id", permission_id,
                         "permission", "bash", "patterns", "metadata", "always", "tool");
}

static void test_whom(void **state)
{
        World w;
        Plugin a, b;

        world_init(&w);
        plugin_connect(&w, &a, TEST_BRIDGE_ID, 1, "/srv/a");
        plugin_connect(&w, &b, OTHER_BRIDGE_ID, 1, "/srv/b");
        plugin_send(&a, json_pack("{s:s, s:s}", "type", "directory.added", "directory", "/srv/both"));
        plugin_send(&b, json_pack("{s:s, s:s}", "type", "directory.added", "directory", "/srv/both"));
        plugin_send(&a, permission_asked(1, "ses_a", "per_a"));
        plugin_send(&b, json_pack("{s:s, s:i, s:i, s:[{s:s, s:[], s:[{s:s, s:s, s:o}], s:[]}]}", "type",
                                  "reconcile", "seq", 1, "at_ms", 1, "directories", "directory", "/srv/both",
                                  "sessions", "permissions", "session_id", "ses_b", "root_id", "ses_b",
                                  "permission",
                                  json_pack("{s:s, s:s, s:[], s:{}, s:[], s:n}", "id", "per_b", "permission",
                                            "bash", "patterns", "metadata", "always", "tool"),
                                  "questions"));
        run_until(&w, heard(&a, "ack") && heard(&b, "ack"));

        /* the directory */
        assert_int_equal(who_heard(&w, &a, &b, OPENCODE_SESSION_CREATE,
                                   json_pack("{s:s, s:s}", "directory", "/srv/a", "title", "t")),
                         0);
        assert_int_equal(who_heard(&w, &a, &b, OPENCODE_SESSION_CREATE,
                                   json_pack("{s:s, s:s}", "directory", "/srv/b", "title", "t")),
                         1);
        /* the directory of both: the latest, unless one spoke of the session */
        assert_int_equal(who_heard(&w, &a, &b, OPENCODE_SESSION_CREATE,
                                   json_pack("{s:s, s:s}", "directory", "/srv/both", "title", "t")),
                         1);
        assert_int_equal(who_heard(&w, &a, &b, OPENCODE_SESSION_ABORT,
                                   json_pack("{s:s, s:s}", "directory", "/srv/both", "session_id", "ses_a")),
                         0);
        /* no directory: who spoke of the session; of an unknown one, the latest */
        assert_int_equal(
                who_heard(&w, &a, &b, OPENCODE_SESSION_ABORT, json_pack("{s:s}", "session_id", "ses_a")), 0);
        assert_int_equal(
                who_heard(&w, &a, &b, OPENCODE_SESSION_ABORT, json_pack("{s:s}", "session_id", "ses_b")), 1);
        assert_int_equal(
                who_heard(&w, &a, &b, OPENCODE_SESSION_ABORT, json_pack("{s:s}", "session_id", "ses_x")), 1);
        /* a directory that nobody has open: the session's, else the latest */
        assert_int_equal(who_heard(&w, &a, &b, OPENCODE_SESSION_ABORT,
                                   json_pack("{s:s, s:s}", "directory", "/srv/new", "session_id", "ses_a")),
                         0);
        /* a pending request: who asked, whatever else */
        assert_int_equal(who_heard(&w, &a, &b, OPENCODE_PERMISSION_REPLY, permission_args("per_a")), 0);
        assert_int_equal(who_heard(&w, &a, &b, OPENCODE_PERMISSION_REPLY, permission_args("per_b")), 1);
        assert_int_equal(who_heard(&w, &a, &b, OPENCODE_PERMISSION_REPLY, permission_args("per_x")), 1);
        /* who is gone is not asked */
        ws_peer_abort(take(a.peer));
        run_until(&w, bridge_connected(w.bridge) == 1);
        assert_int_equal(
                who_heard(&w, &a, &b, OPENCODE_SESSION_ABORT, json_pack("{s:s}", "session_id", "ses_a")), 1);
        plugin_deinit(&a);
        plugin_deinit(&b);
        world_deinit(&w);
}

/* Asks what /srv/a offers; when nothing is remembered, the plugin answers with `n`. How often it was asked.
 */
static unsigned ask_offers(World *w, Plugin *p, int n, int want)
{
        unsigned asked;
        TestAsk t;

        json_array_clear(p->heard);
        start_ask(w, &t, OPENCODE_AGENTS_LIST, "f/offers", json_pack("{s:s}", "directory", "/srv/a"));
        run_until(w, t.n_done == 1 || heard(p, "agents.list"));
        asked = count_heard(p, "agents.list");
        if (t.n_done == 0)
                plugin_reply(p, t.ask.key, json_pack("{s:i}", "n", n));
        run_until(w, t.n_done == 1);
        assert_int_equal(json_int(t.value, "n", 0), want);
        end_ask(&t);
        return asked;
}

static void test_offers_are_remembered(void **state)
{
        World w;
        Plugin p;
        TestAsk t;

        world_init(&w);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 1, "/srv/a");
        assert_int_equal(ask_offers(&w, &p, 1, 1), 1);
        assert_int_equal(ask_offers(&w, &p, 2, 1), 0);
        /* a prompt that is refused as invalid: perhaps its agent is gone */
        start_ask(&w, &t, OPENCODE_SESSION_MESSAGE, "f/1",
                  json_pack("{s:s, s:s, s:s}", "directory", "/srv/a", "session_id", "ses_1", "text", "x"));
        run_until(&w, heard(&p, "session.message"));
        plugin_refuse(&p, t.ask.key, "invalid", "agent");
        run_until(&w, t.n_done == 1);
        end_ask(&t);
        assert_int_equal(ask_offers(&w, &p, 3, 3), 1);
        /* its configuration was read again */
        plugin_send(&p, json_pack("{s:s, s:s}", "type", "directory.added", "directory", "/srv/a"));
        plugin_send(&p, idle_event(1, "ses_1"));
        run_until(&w, heard(&p, "ack"));
        assert_int_equal(ask_offers(&w, &p, 4, 4), 1);
        /* another connection may be another OpenCode */
        plugin_deinit(&p);
        run_until(&w, bridge_connected(w.bridge) == 0);
        plugin_connect(&w, &p, TEST_BRIDGE_ID, 2, "/srv/a");
        assert_int_equal(ask_offers(&w, &p, 5, 5), 1);
        plugin_deinit(&p);
        world_deinit(&w);
}

static void test_offers_limit(void **state)
{
        BridgeConnection c = {0};
        _cleanup_json_ json_t *offers = json_object();

        for (int i = 0; i < 3 * OFFERS_MAX_DIRECTORIES; i++) {
                _cleanup_free_ char *directory = mem_printf("/srv/%d", i);

                bridge_offers_put(&c, directory, offers);
                assert_non_null(bridge_offers_get(&c, directory));
                assert_true(json_object_size(c.offers) <= OFFERS_MAX_DIRECTORIES);
        }
        bridge_offers_forget(&c, NULL);
        assert_int_equal(json_object_size(c.offers), 0);
        json_decref(c.offers);
}

static void test_reconcile_everybody(void **state)
{
        World w;
        Plugin a, b;
        TestAsk t;

        world_init(&w);
        plugin_connect(&w, &a, TEST_BRIDGE_ID, 1, "/srv/a");
        plugin_connect(&w, &b, OTHER_BRIDGE_ID, 1, "/srv/b");
        start_ask(&w, &t, OPENCODE_RECONCILE, "f/1", json_object());
        run_until(&w, heard(&a, "reconcile") && heard(&b, "reconcile"));
        plugin_reply(&a, "f/1", json_object());
        plugin_reply(&b, "f/1", json_object());
        run_until(&w, t.n_done);
        assert_int_equal(t.outcome, ASK_OK);
        end_ask(&t);
        plugin_deinit(&a);
        plugin_deinit(&b);
        world_deinit(&w);
}

/* Ids are remembered up to a limit, the least recently heard of go first. */
static void test_homes_limit(void **state)
{
        World w;
        Plugin a;
        BridgeProcess *process;

        world_init(&w);
        plugin_connect(&w, &a, TEST_BRIDGE_ID, 1, "/srv/a");
        process = bridge_process_find(w.bridge, TEST_BRIDGE_ID);
        for (int i = 0; i < HOMES_MAX + 100; i++) {
                _cleanup_json_ json_t *frame = json_object();
                char id[32];

                snprintf(id, sizeof(id), "ses_%d", i);
                json_put_str(frame, "session_id", id);
                bridge_homes_learn(w.bridge, process, frame);
                json_put_str(frame, "session_id", "ses_0"); /* heard of again and again */
                bridge_homes_learn(w.bridge, process, frame);
        }
        assert_int_equal(HASH_COUNT(w.bridge->homes), HOMES_MAX);
        BridgeHome *home;
        HASH_FIND_STR(w.bridge->homes, "ses_0", home);
        assert_non_null(home);
        HASH_FIND_STR(w.bridge->homes, "ses_1", home);
        assert_null(home);
        plugin_deinit(&a);
        world_deinit(&w);
}

static void test_verbs(void **state)
{
        static const struct {
                const char *name;
                unsigned max_attempts;
                int64_t deadline_ms;
        } wants[] = {
                {OPENCODE_SESSION_CREATE, 5, 10 * 60 * 1000}, {OPENCODE_SESSION_MESSAGE, 1000, 86400000},
                {OPENCODE_PERMISSION_REPLY, 1000, 86400000},  {OPENCODE_QUESTION_REPLY, 1000, 86400000},
                {OPENCODE_QUESTION_REJECT, 1000, 86400000},   {OPENCODE_SESSION_MESSAGES, 1000, 86400000},
        };

        for (size_t i = 0; i < ELEMENTSOF(wants); i++) {
                assert_int_equal(find_verb(wants[i].name)->max_attempts, wants[i].max_attempts);
                assert_int_equal(find_verb(wants[i].name)->deadline_ms, wants[i].deadline_ms);
        }
        for (size_t i = 0; opencode_verbs[i]; i++) {
                assert_null(opencode_verbs[i]->probe);
                assert_true(opencode_verbs[i]->max_inflight > 0 && opencode_verbs[i]->backoff_ms > 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_verbs),
                cmocka_unit_test(test_commands),
                cmocka_unit_test(test_message_id),
                cmocka_unit_test(test_derived_message_id),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_answered_before),
                cmocka_unit_test(test_bad_arguments),
                cmocka_unit_test(test_too_large),
                cmocka_unit_test(test_nobody_connected),
                cmocka_unit_test(test_lost_connection),
                cmocka_unit_test(test_deadline),
                cmocka_unit_test(test_stop),
                cmocka_unit_test(test_whom),
                cmocka_unit_test(test_reconcile_everybody),
                cmocka_unit_test(test_homes_limit),
                cmocka_unit_test(test_offers_are_remembered),
                cmocka_unit_test(test_offers_limit),
        };

        json_setup();
        log_set_level(LOG_ERROR);
        return cmocka_run_group_tests_name("opencode-asks", tests, NULL, NULL);
}
