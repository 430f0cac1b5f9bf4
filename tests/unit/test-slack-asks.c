/* connectors/slack/asks: each verb against a fake Slack; this file plays the engine. */
#include "test-slack-fake.h"

#include "base/digest.h"
#include "connectors/slack/slack-asks.h"

#define KEY        "a4f0/12"
#define CREATED_MS INT64_C(1700000000123)

/* What is answered, in order; the last row of a method answers all further calls. */
typedef struct Reply {
        const char *method;
        unsigned status; /* 0 = 200; 1 = the connection is cut */
        const char *body;
} Reply;

static const Reply *replies;
static size_t n_replies;
static struct {
        unsigned n_done, n_absent;
        AskOutcome outcome;
        json_t *value;
        bool uncertain;
        int64_t retry_after_ms;
} ended;

void ask_done(Ask *ask, const AskResult *result)
{
        (void) ask;
        ended.n_done++;
        ended.outcome = result->outcome;
        json_decref(ended.value);
        ended.value = result->value;
        ended.uncertain = result->uncertain;
        ended.retry_after_ms = result->retry_after_ms;
}

void ask_absent(Ask *ask)
{
        (void) ask;
        ended.n_absent++;
}

static void answer(Fake *f, HttpRequest *req, const FakeRequest *r)
{
        size_t seen = 0;
        const Reply *reply = NULL;

        for (size_t i = 0; i < f->n_requests; i++)
                seen += str_equal(f->requests[i].method, r->method);
        for (size_t i = 0; i < n_replies; i++)
                if (str_equal(replies[i].method, r->method)) {
                        reply = &replies[i];
                        if (--seen == 0)
                                break;
                }
        if (!reply)
                fail_msg("unexpected call of %s", r->method);
        http_respond_text(req, reply->status ? reply->status : 200, "application/json", reply->body);
}

static const AskVerb *find_verb(const char *name)
{
        for (size_t i = 0; slack_verbs[i]; i++)
                if (str_equal(slack_verbs[i]->name, name))
                        return slack_verbs[i];
        fail_msg("no verb %s", name);
        return NULL;
}

static Fake fake;
static SlackWeb *web;

static void open_fake(void)
{
        fake_init(&fake);
        fake.answer = answer;
        assert_int_equal(
                slack_web_new(&web, fake.loop, fake.http, fake.metrics, fake.api_url, &fake.bot_token), 0);
}

static void close_fake(void)
{
        slack_web_free(web);
        fake_deinit(&fake);
        json_decref(ended.value);
        memset(&ended, 0, sizeof(ended));
}

/* Performs (or probes) one ask to its end. */
static void perform(const char *verb, const char *args, bool probe, const Reply *rows, size_t n_rows)
{
        _cleanup_json_ json_t *parsed = json_parse(args, strlen(args), NULL);
        Ask ask = {.key = KEY,
                   .verb = verb,
                   .lane = "",
                   .args = parsed,
                   .attempt = 1,
                   .created_ms = CREATED_MS,
                   .since_ms = clock_boottime_ms() - 3000};
        const AskVerb *v = find_verb(verb);

        assert_non_null(parsed);
        replies = rows;
        n_replies = n_rows;
        ended.n_done = ended.n_absent = 0;
        fake_forget(&fake);
        if (v->wait_ms)
                assert_true(v->wait_ms(web, &ask) >= 0);
        (probe ? v->probe : v->start)(web, &ask);
        WAIT_UNTIL(&fake, ended.n_done + ended.n_absent > 0);
        assert_int_equal(ended.n_done + ended.n_absent, 1);
}
#define PERFORM(_verb, _args, _probe, ...)                                                                   \
        do {                                                                                                 \
                const Reply _rows[] = {__VA_ARGS__};                                                         \
                perform((_verb), (_args), (_probe), _rows, ELEMENTSOF(_rows));                               \
        } while (0)

static void assert_ended(AskOutcome outcome, const char *value)
{
        _cleanup_free_ char *text = ended.value ? json_dump(ended.value) : mem_strdup("{}");

        assert_int_equal(ended.n_done, 1);
        if (ended.outcome != outcome || !str_equal(text, value))
                fail_msg("ended as %d with %s", ended.outcome, text);
}

static const char post_args[] =
        "{\"channel\":\"C1\",\"thread_ts\":\"1.0\",\"message\":{\"text\":\"hi\",\"blocks\":"
        "[{\"type\":\"divider\"}]}}";

static void test_post(void **state)
{
        char uuid[UUID_SIZE];
        const FakeRequest *r;

        (void) state;
        open_fake();
        PERFORM(SLACK_POST, post_args, false,
                {"chat.postMessage", 0,
                 "{\"ok\":true,\"channel\":\"C1\",\"ts\":\"2.0\",\"message\":{\"ts\":\"2.0\",\"thread_ts\":\"1.0\"}}"});
        assert_ended(ASK_OK, "{\"channel\":\"C1\",\"ts\":\"2.0\"}");
        r = fake_request(&fake, "chat.postMessage", 0);
        uuid5(KEY, uuid);
        assert_field(r, "channel", "C1");
        assert_field(r, "thread_ts", "1.0");
        assert_field(r, "text", "hi");
        assert_field(r, "blocks", "[{\"type\":\"divider\"}]");
        assert_field(r, "parse", "none");
        assert_field(r, "link_names", "false");
        assert_field(r, "unfurl_links", "false");
        assert_field(r, "unfurl_media", "false");
        assert_field(r, "client_msg_id", uuid);
        assert_field(r, "metadata",
                     "{\"event_type\":\"opencode_slack\",\"event_payload\":{\"oid\":\"" KEY "\"}}");
        /* Into a direct message by user id: the channel is the one that Slack names. */
        PERFORM(SLACK_POST, "{\"channel\":\"U1\",\"message\":{\"text\":\"hi\"}}", false,
                {"chat.postMessage", 0, "{\"ok\":true,\"channel\":\"D1\",\"ts\":\"2.0\",\"message\":{}}"});
        assert_ended(ASK_OK, "{\"channel\":\"D1\",\"ts\":\"2.0\"}");
        assert_field(fake_request(&fake, "chat.postMessage", 0), "thread_ts", NULL);
        PERFORM(SLACK_POST, post_args, false, {"chat.postMessage", 0, "{\"ok\":true}"});
        assert_int_equal(ended.outcome, ASK_TEMPFAIL);
        assert_true(ended.uncertain);
        close_fake();
}

static void test_failures(void **state)
{
        static const struct {
                unsigned status;
                const char *body;
                AskOutcome outcome;
                bool uncertain;
                const char *value;
                int64_t retry_after_ms;
        } rows[] = {
                {200, "{\"ok\":false,\"error\":\"channel_not_found\"}", ASK_PERMFAIL, false,
                 "{\"error\":\"channel_not_found\",\"message\":\"channel_not_found\"}", 0},
                {200, "{\"ok\":false,\"error\":\"missing_scope\",\"needed\":\"chat:write\"}", ASK_PERMFAIL,
                 false, "{\"error\":\"missing_scope\",\"message\":\"the app lacks the scope chat:write\"}",
                 0},
                {200, "{\"ok\":false,\"error\":\"ratelimited\"}", ASK_TEMPFAIL, false,
                 "{\"error\":\"ratelimited\",\"message\":\"ratelimited\"}", 5000},
                {200, "{\"ok\":false,\"error\":\"internal_error\"}", ASK_TEMPFAIL, true,
                 "{\"error\":\"internal_error\",\"message\":\"internal_error\"}", 0},
                {502, "", ASK_TEMPFAIL, true, "{\"error\":\"http_502\",\"message\":\"http_502\"}", 0},
                {200, "{\"ok\":false,\"error\":\"team_added_to_org\"}", ASK_TEMPFAIL, false,
                 "{\"error\":\"team_added_to_org\",\"message\":\"team_added_to_org\"}", 0},
        };
        static const struct {
                const char *verb, *method;
        } verbs[] = {
                {SLACK_POST, "chat.postMessage"}, {SLACK_UPDATE, "chat.update"},
                {SLACK_DELETE, "chat.delete"},    {SLACK_EPHEMERAL, "chat.postEphemeral"},
                {SLACK_REACT, "reactions.add"},   {SLACK_UNREACT, "reactions.remove"},
                {SLACK_VIEW_OPEN, "views.open"},  {SLACK_PERMALINK, "chat.getPermalink"},
                {SLACK_USER, "users.info"},
        };

        (void) state;
        open_fake();
        for (size_t v = 0; v < ELEMENTSOF(verbs); v++)
                for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                        PERFORM(verbs[v].verb, post_args, false,
                                {verbs[v].method, rows[i].status, rows[i].body});
                        assert_ended(rows[i].outcome, rows[i].value);
                        assert_int_equal(ended.uncertain, rows[i].uncertain);
                        assert_int_equal(ended.retry_after_ms, rows[i].retry_after_ms);
                }
        close_fake();
}

/* Blocks that Slack does not take must not leave a person with nothing. */
static void test_plain_text_instead(void **state)
{
        static const char *const codes[] = {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long",
                                            "msg_too_long"};
        static const struct {
                const char *verb, *method;
        } verbs[] = {{SLACK_POST, "chat.postMessage"},
                     {SLACK_UPDATE, "chat.update"},
                     {SLACK_EPHEMERAL, "chat.postEphemeral"}};

        (void) state;
        open_fake();
        for (size_t v = 0; v < ELEMENTSOF(verbs); v++)
                for (size_t i = 0; i < ELEMENTSOF(codes); i++) {
                        _cleanup_free_ char *refusal =
                                mem_printf("{\"ok\":false,\"error\":\"%s\"}", codes[i]);
                        const FakeRequest *r;

                        PERFORM(verbs[v].verb, post_args, false, {verbs[v].method, 0, refusal},
                                {verbs[v].method, 0, "{\"ok\":true,\"channel\":\"C1\",\"ts\":\"2.0\"}"});
                        assert_int_equal(ended.outcome, ASK_OK);
                        r = fake_request(&fake, verbs[v].method, 1);
                        assert_field(r, "text", "hi");
                        assert_field(r, "blocks", NULL);
                        assert_field(r, "parse", "none");
                        /* Only once. */
                        PERFORM(verbs[v].verb, post_args, false, {verbs[v].method, 0, refusal});
                        assert_int_equal(ended.outcome, ASK_PERMFAIL);
                        assert_int_equal(fake.n_requests, 2);
                }
        PERFORM(SLACK_POST, "{\"channel\":\"C1\",\"message\":{\"blocks\":[]}}", false,
                {"chat.postMessage", 0, "{\"ok\":false,\"error\":\"invalid_blocks\"}"},
                {"chat.postMessage", 0, "{\"ok\":true,\"channel\":\"C1\",\"ts\":\"2.0\"}"});
        assert_field(fake_request(&fake, "chat.postMessage", 1), "text", "(This message cannot be shown.)");
        close_fake();
}

static void test_thread_gone(void **state)
{
        static const char *const bodies[] = {
                "{\"ok\":true,\"channel\":\"C1\",\"ts\":\"2.0\",\"message\":{\"ts\":\"2.0\"}}",
                "{\"ok\":true,\"channel\":\"C1\",\"ts\":\"2.0\",\"message\":{\"ts\":\"2.0\",\"thread_ts\":\"9.9\"}}",
        };
        static const char *const deleted[] = {"{\"ok\":true}",
                                              "{\"ok\":false,\"error\":\"cant_delete_message\"}"};

        (void) state;
        open_fake();
        for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
                PERFORM(SLACK_POST, post_args, false, {"chat.postMessage", 0, bodies[i]},
                        {"chat.delete", 0, deleted[i]});
                assert_ended(
                        ASK_PERMFAIL,
                        "{\"error\":\"thread_gone\",\"message\":\"the thread's first message was deleted\"}");
                assert_field(fake_request(&fake, "chat.delete", 0), "ts", "2.0");
                assert_field(fake_request(&fake, "chat.delete", 0), "channel", "C1");
        }
        close_fake();
}

#define OURS                                                                                                 \
        "{\"ts\":\"2.0\",\"metadata\":{\"event_type\":\"opencode_slack\",\"event_payload\":{\"oid\":\"" KEY  \
        "\"}}}"
#define OTHERS                                                                                                      \
        "{\"ts\":\"1.0\"},{\"ts\":\"1.5\",\"metadata\":{\"event_type\":\"other\",\"event_payload\":{\"oid\":\"" KEY \
        "\"}}},{\"ts\":\"1.6\",\"metadata\":{\"event_type\":\"opencode_slack\",\"event_payload\":{\"oid\":\"b\"}}}"
#define PAGE(_messages, _cursor)                                                                             \
        "{\"ok\":true,\"messages\":[" _messages "],\"response_metadata\":{\"next_cursor\":\"" _cursor "\"}}"

/* The Date of an answer has whole seconds. */
static void assert_oldest(const FakeRequest *r, int64_t expected_ms)
{
        double oldest_ms = strtod(form_get(&r->form, "oldest"), NULL) * 1000;

        if (oldest_ms < (double) expected_ms - 5000 || oldest_ms > (double) expected_ms + 1000)
                fail_msg("read from %.0f, expected %lld", oldest_ms, (long long) expected_ms);
}

static void test_probe(void **state)
{
        static const char top_args[] = "{\"channel\":\"C1\",\"message\":{\"text\":\"hi\"}}";
        const FakeRequest *r;

        (void) state;
        open_fake();
        PERFORM(SLACK_POST, post_args, true, {"conversations.replies", 0, PAGE(OTHERS "," OURS, "")});
        assert_ended(ASK_OK, "{\"channel\":\"C1\",\"ts\":\"2.0\"}");
        r = fake_request(&fake, "conversations.replies", 0);
        assert_field(r, "channel", "C1");
        assert_field(r, "ts", "1.0");
        assert_oldest(r, clock_realtime_ms() - 3000 - 10 * 60 * 1000);
        assert_field(r, "inclusive", "true");
        assert_field(r, "include_all_metadata", "true");

        PERFORM(SLACK_POST, post_args, true, {"conversations.replies", 0, PAGE(OTHERS, "abc")},
                {"conversations.replies", 0, PAGE(OURS, "")});
        assert_ended(ASK_OK, "{\"channel\":\"C1\",\"ts\":\"2.0\"}");
        assert_field(fake_request(&fake, "conversations.replies", 0), "cursor", NULL);
        assert_field(fake_request(&fake, "conversations.replies", 1), "cursor", "abc");

        PERFORM(SLACK_POST, top_args, true, {"conversations.history", 0, PAGE(OURS, "")});
        assert_ended(ASK_OK, "{\"channel\":\"C1\",\"ts\":\"2.0\"}");
        assert_field(fake_request(&fake, "conversations.history", 0), "ts", NULL);

        PERFORM(SLACK_POST, top_args, true, {"conversations.history", 0, PAGE(OTHERS, "")});
        assert_int_equal(ended.n_absent, 1);
        PERFORM(SLACK_POST, post_args, true,
                {"conversations.replies", 0, "{\"ok\":false,\"error\":\"thread_not_found\"}"});
        assert_int_equal(ended.n_absent, 1);
        /* An endless history ends. */
        PERFORM(SLACK_POST, post_args, true, {"conversations.replies", 0, PAGE(OTHERS, "more")});
        assert_int_equal(ended.n_absent, 1);
        assert_int_equal(fake.n_requests, 25);
        /* Slack cannot be read now: still uncertain. */
        PERFORM(SLACK_POST, post_args, true, {"conversations.replies", 503, ""});
        assert_int_equal(ended.outcome, ASK_TEMPFAIL);
        assert_true(ended.uncertain);
        PERFORM(SLACK_POST, post_args, true,
                {"conversations.replies", 0, "{\"ok\":false,\"error\":\"ratelimited\"}"});
        assert_int_equal(ended.outcome, ASK_TEMPFAIL);
        assert_true(ended.uncertain);
        assert_int_equal(ended.retry_after_ms, 5000);
        close_fake();
}

#define OURS_AT(_ts)                                                                                         \
        "{\"ts\":\"" _ts                                                                                     \
        "\",\"metadata\":{\"event_type\":\"opencode_slack\",\"event_payload\":{\"oid\":\"" KEY "\"}}}"

/* An attempt that was given up and appeared after all. */
static void test_doubles(void **state)
{
        _cleanup_json_ json_t *args = json_parse(post_args, strlen(post_args), NULL);
        Ask ask = {.key = KEY,
                   .verb = SLACK_POST,
                   .lane = "",
                   .args = args,
                   .repeated = true,
                   .created_ms = CREATED_MS,
                   .since_ms = clock_boottime_ms()};
        static const Reply rows[] = {
                {"chat.postMessage", 0, "{\"ok\":true,\"channel\":\"C1\",\"ts\":\"4.0\"}"},
                {"conversations.replies", 0, PAGE(OURS_AT("4.0") "," OURS_AT("5.0"), "")},
                {"chat.delete", 0, "{\"ok\":true}"},
        };

        (void) state;
        open_fake();
        PERFORM(SLACK_POST, "{\"channel\":\"C1\",\"message\":{\"text\":\"hi\"}}", true,
                {"conversations.history", 0, PAGE(OURS_AT("3.0") "," OURS_AT("2.0"), "")},
                {"chat.delete", 0, "{\"ok\":true}"});
        assert_ended(ASK_OK, "{\"channel\":\"C1\",\"ts\":\"2.0\"}");
        assert_field(fake_request(&fake, "chat.delete", 0), "ts", "3.0");
        PERFORM(SLACK_POST, post_args, true,
                {"conversations.replies", 0, PAGE(OURS_AT("2.0") "," OURS_AT("3.0"), "")},
                {"chat.delete", 503, ""});
        assert_int_equal(ended.outcome, ASK_TEMPFAIL);
        assert_true(ended.uncertain);

        /* After a repetition: the one that the flow is told of stays. */
        replies = rows;
        n_replies = ELEMENTSOF(rows);
        ended.n_done = ended.n_absent = 0;
        fake_forget(&fake);
        find_verb(SLACK_POST)->start(web, &ask);
        WAIT_UNTIL(&fake, ended.n_done > 0);
        assert_ended(ASK_OK, "{\"channel\":\"C1\",\"ts\":\"4.0\"}");
        assert_field(fake_request(&fake, "chat.delete", 0), "ts", "5.0");
        assert_int_equal(fake.n_requests, 3);

        /* Stopped before the look: the next start looks. */
        ended.n_done = 0;
        fake_forget(&fake);
        find_verb(SLACK_POST)->start(web, &ask);
        WAIT_UNTIL(&fake, fake_request(&fake, "chat.postMessage", 0) != NULL);
        fake_run(&fake, 100);
        assert_int_equal(ended.n_done, 0);
        close_fake();
}

static void test_simple_verbs(void **state)
{
        static const char args[] =
                "{\"channel\":\"C1\",\"ts\":\"2.0\",\"name\":\"eyes\",\"user\":\"U1\",\"message\":"
                "{\"text\":\"hi\"},\"trigger_id\":\"t1\",\"view\":{\"type\":\"modal\"}}";
        static const char ok[] = "{\"ok\":true}";
        const FakeRequest *r;

        (void) state;
        open_fake();
        PERFORM(SLACK_UPDATE, args, false, {"chat.update", 0, ok});
        assert_ended(ASK_OK, "{}");
        r = fake_request(&fake, "chat.update", 0);
        assert_field(r, "ts", "2.0");
        assert_field(r, "parse", "none");
        assert_field(r, "metadata", NULL); /* left out: kept as it is */
        assert_field(r, "client_msg_id", NULL);
        PERFORM(SLACK_EPHEMERAL, args, false, {"chat.postEphemeral", 0, ok});
        assert_ended(ASK_OK, "{}");
        assert_field(fake_request(&fake, "chat.postEphemeral", 0), "user", "U1");
        PERFORM(SLACK_DELETE, args, false, {"chat.delete", 0, ok});
        assert_ended(ASK_OK, "{}");
        PERFORM(SLACK_DELETE, args, false,
                {"chat.delete", 0, "{\"ok\":false,\"error\":\"message_not_found\"}"});
        assert_ended(ASK_OK, "{}");
        PERFORM(SLACK_REACT, args, false,
                {"reactions.add", 0, "{\"ok\":false,\"error\":\"already_reacted\"}"});
        assert_ended(ASK_OK, "{}");
        assert_field(fake_request(&fake, "reactions.add", 0), "timestamp", "2.0");
        assert_field(fake_request(&fake, "reactions.add", 0), "name", "eyes");
        PERFORM(SLACK_UNREACT, args, false,
                {"reactions.remove", 0, "{\"ok\":false,\"error\":\"no_reaction\"}"});
        assert_ended(ASK_OK, "{}");
        PERFORM(SLACK_UNREACT, args, false,
                {"reactions.remove", 0, "{\"ok\":false,\"error\":\"already_reacted\"}"});
        assert_int_equal(ended.outcome, ASK_PERMFAIL);
        PERFORM(SLACK_VIEW_OPEN, args, false, {"views.open", 0, "{\"ok\":true,\"view\":{\"id\":\"V1\"}}"});
        assert_ended(ASK_OK, "{\"view_id\":\"V1\"}");
        assert_field(fake_request(&fake, "views.open", 0), "trigger_id", "t1");
        assert_field(fake_request(&fake, "views.open", 0), "view", "{\"type\":\"modal\"}");
        PERFORM(SLACK_PERMALINK, args, false,
                {"chat.getPermalink", 0, "{\"ok\":true,\"permalink\":\"https://x/\"}"});
        assert_ended(ASK_OK, "{\"permalink\":\"https://x/\"}");
        assert_field(fake_request(&fake, "chat.getPermalink", 0), "message_ts", "2.0");
        close_fake();
}

static void test_user(void **state)
{
        static const struct {
                const char *user, *name;
        } rows[] = {
                {"{\"name\":\"n\",\"real_name\":\"r\",\"profile\":{\"display_name\":\"d\",\"real_name\":\"p\"}}",
                 "d"},
                {"{\"name\":\"n\",\"real_name\":\"r\",\"profile\":{\"display_name\":\"\",\"real_name\":\"p\"}}",
                 "p"},
                {"{\"name\":\"n\",\"real_name\":\"r\"}", "r"},
                {"{\"name\":\"n\"}", "n"},
        };

        (void) state;
        open_fake();
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *body = mem_printf("{\"ok\":true,\"user\":%s}", rows[i].user);
                _cleanup_free_ char *value = mem_printf("{\"name\":\"%s\"}", rows[i].name);

                PERFORM(SLACK_USER, "{\"user\":\"U1\"}", false, {"users.info", 0, body});
                assert_ended(ASK_OK, value);
        }
        PERFORM(SLACK_USER, "{\"user\":\"U1\"}", false, {"users.info", 0, "{\"ok\":true,\"user\":{}}"});
        assert_int_equal(ended.outcome, ASK_TEMPFAIL);
        close_fake();
}

static void test_channels(void **state)
{
        (void) state;
        open_fake();
        PERFORM(SLACK_CHANNELS, "{\"cursor\":\"c1\"}", false,
                {"users.conversations", 0,
                 "{\"ok\":true,\"channels\":[{\"id\":\"C1\"},{\"id\":\"D1\",\"is_im\":true},{}],"
                 "\"response_metadata\":{\"next_cursor\":\"c2\"}}"});
        assert_ended(ASK_OK,
                     "{\"channels\":[{\"id\":\"C1\",\"is_direct\":false},{\"id\":\"D1\",\"is_direct\":true}],"
                     "\"next_cursor\":\"c2\"}");
        assert_field(fake_request(&fake, "users.conversations", 0), "cursor", "c1");
        assert_field(fake_request(&fake, "users.conversations", 0), "types",
                     "public_channel,private_channel,mpim,im");
        PERFORM(SLACK_CHANNELS, "{}", false, {"users.conversations", 0, "{\"ok\":true}"});
        assert_ended(ASK_OK, "{\"channels\":[],\"next_cursor\":\"\"}");
        close_fake();
}

static void test_respond(void **state)
{
        _cleanup_free_ char *args = NULL;
        _cleanup_json_ json_t *body = NULL;
        const char *text;

        (void) state;
        open_fake();
        args = mem_printf("{\"response_url\":\"%s/actions/abc\",\"message\":{\"text\":\"hi\",\"blocks\":[]},"
                          "\"replace_original\":false,\"response_type\":\"ephemeral\"}",
                          fake.api_url);
        PERFORM(SLACK_RESPOND, args, false, {"abc", 0, "ok"});
        assert_ended(ASK_OK, "{}");
        text = fake_request(&fake, "abc", 0)->body;
        body = json_parse(text, strlen(text), NULL);
        assert_string_equal(json_str(body, "text"), "hi");
        assert_string_equal(json_str(body, "response_type"), "ephemeral");
        assert_string_equal(json_str(body, "parse"), "none");
        assert_true(json_is_false(json_at(body, "replace_original")));
        assert_true(json_is_array(json_at(body, "blocks")));
        PERFORM(SLACK_RESPOND, args, false, {"abc", 404, "used_url"});
        assert_int_equal(ended.outcome, ASK_PERMFAIL);
        PERFORM(SLACK_RESPOND, "{\"message\":{\"text\":\"hi\"}}", false, {"abc", 0, "ok"});
        assert_ended(ASK_PERMFAIL, "{\"error\":\"bad_response_url\",\"message\":\"bad_response_url\"}");
        close_fake();
}

static void test_verbs(void **state)
{
        static const char *const names[] = {SLACK_POST,      SLACK_UPDATE,    SLACK_DELETE,
                                            SLACK_EPHEMERAL, SLACK_REACT,     SLACK_UNREACT,
                                            SLACK_RESPOND,   SLACK_VIEW_OPEN, SLACK_VIEW_PUBLISH,
                                            SLACK_PERMALINK, SLACK_USER,      SLACK_CHANNELS};
        size_t n = 0;

        (void) state;
        while (slack_verbs[n])
                n++;
        assert_int_equal(n, ELEMENTSOF(names));
        for (size_t i = 0; i < n; i++)
                assert_non_null(find_verb(names[i])->start);
        assert_int_equal(find_verb(SLACK_VIEW_OPEN)->max_attempts, 1);
        assert_int_equal(find_verb(SLACK_VIEW_OPEN)->deadline_ms, 2500);
        assert_non_null(find_verb(SLACK_POST)->probe);
}

/* Progress waits while what is urgent still goes. */
static void test_priorities(void **state)
{
        Ask ask = {.key = KEY, .verb = SLACK_UPDATE, .lane = "", .priority = ASK_PRIORITY_PROGRESS};
        const AskVerb *v = find_verb(SLACK_UPDATE);
        static const Reply ok = {"chat.update", 0, "{\"ok\":true}"};
        unsigned n = 0;

        (void) state;
        open_fake();
        replies = &ok;
        n_replies = 1;
        ask.args = json_pack("{s:s, s:s}", "channel", "C1", "ts", "1.0");
        for (; v->wait_ms(web, &ask) == 0; n++)
                v->start(web, &ask);
        assert_in_range(n, 30, 45);
        ask.priority = ASK_PRIORITY_NORMAL;
        assert_true(v->wait_ms(web, &ask) > 0);
        ask.priority = ASK_PRIORITY_URGENT;
        assert_int_equal(v->wait_ms(web, &ask), 0);
        /* Freed with calls under way: dropped, nothing leaks. */
        slack_web_free(web);
        web = NULL;
        fake_run(&fake, 10);
        assert_int_equal(ended.n_done, 0);
        json_decref((json_t *) ask.args);
        close_fake();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_post),
                cmocka_unit_test(test_failures),
                cmocka_unit_test(test_plain_text_instead),
                cmocka_unit_test(test_thread_gone),
                cmocka_unit_test(test_probe),
                cmocka_unit_test(test_doubles),
                cmocka_unit_test(test_simple_verbs),
                cmocka_unit_test(test_user),
                cmocka_unit_test(test_channels),
                cmocka_unit_test(test_respond),
                cmocka_unit_test(test_verbs),
                cmocka_unit_test(test_priorities),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
