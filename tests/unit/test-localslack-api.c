/* The Web API's methods, called as apps call them: errors, answers, and the events that follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "localslack-calls.h"
#include "messages.h"

typedef struct Row {
        const char *method, *args, *error; /* "" = the call succeeds */
} Row;

static void run_rows(Local *l, const Row *rows, size_t n)
{
        for (size_t i = 0; i < n; i++)
                calls_expect(l, rows[i].method, rows[i].args, rows[i].error);
}

/* Every method has its row, and every row a method. */
static void test_rows_and_methods(void **state)
{
        const ApiMethods tables[] = {api_chat_methods(),  api_conversations_methods(), api_channels_methods(),
                                     api_users_methods(), api_items_methods(),         api_misc_methods(),
                                     api_views_methods(), api_files_methods()};

        (void) state;
        for (size_t t = 0; t < ELEMENTSOF(tables); t++)
                for (size_t i = 0; i < tables[t].n; i++)
                        if (!method_find(tables[t].rows[i].name))
                                fail_msg("%s has no row in methods.c", tables[t].rows[i].name);
        for (size_t i = 0; method_at(i); i++)
                if (!api_find_method(method_at(i)->name))
                        fail_msg("%s has a row, but nothing runs it", method_at(i)->name);
}

/* One request as bytes. */
static json_t *request(Local *l, const char *method, bool is_get, const char *token, const char *type,
                       const char *body, const char *query)
{
        _cleanup_free_ char *authorization = token ? mem_printf("Bearer %s", token) : NULL;
        _cleanup_(api_reply_deinit) ApiReply reply;

        api_run(l,
                &(ApiRequest){.method = method,
                              .is_get = is_get,
                              .authorization = authorization,
                              .content_type = type,
                              .query = query,
                              .base_url = "http://127.0.0.1:1",
                              .body = body,
                              .n_body = strlen(body)},
                &reply);
        assert_null(json_object_get(reply.args, "token"));
        return json_incref(reply.answer);
}

static void test_frame(void **state)
{
        static const char form[] = "application/x-www-form-urlencoded",
                          json[] = "application/json; charset=utf-8";
        static const struct {
                const char *method;
                bool is_get;
                const char *token, *type, *body, *query, *error, *warning;
        } rows[] = {
                {"auth.test", false, BOT_TOKEN, form, "", "", "", NULL},
                {"auth.test", true, BOT_TOKEN, NULL, "", "", "", NULL},
                {"auth.test", false, NULL, form, "token=xoxb-1", "", "", NULL},
                {"auth.test", false, NULL, form, "", "", "not_authed", NULL},
                {"auth.test", false, "nonsense", form, "", "", "invalid_auth", NULL},
                {"auth.test", false, "xoxc-1", form, "", "", "not_allowed_token_type", NULL},
                {"auth.test", false, "xapp-1", form, "", "", "not_allowed_token_type", NULL},
                {"no.such", false, BOT_TOKEN, form, "", "", "unknown_method", NULL},
                {"no.such", false, NULL, json, "{", "", "unknown_method", NULL},
                {"api.test", false, NULL, json, "{}", "", "", NULL},
                {"api.test", false, NULL, "application/json", "{}", "", "", "missing_charset"},
                {"api.test", false, NULL, "application/x-www-form-urlencoded; charset=utf-8", "a=1", "", "",
                 "superfluous_charset"},
                {"api.test", false, NULL, "application/json; charset=latin-9", "{}", "", "invalid_charset",
                 NULL},
                {"api.test", false, NULL, json, "{", "", "invalid_json", NULL},
                {"api.test", false, NULL, json, "[]", "", "json_not_object", NULL},
                {"api.test", false, NULL, NULL, "a=1", "", "missing_post_type", NULL},
                {"api.test", false, NULL, "application/xml", "<a/>", "", "invalid_post_type", NULL},
                {"api.test", false, NULL, "multipart/form-data; boundary=b", "", "", "request_timeout", NULL},
                {"api.test", false, NULL, form, "a[]=1", "", "invalid_array_arg", NULL},
                {"api.test", false, NULL, form, "a.b=1", "", "invalid_arg_name", NULL},
                {"api.test", false, NULL, form, "a=%zz", "", "invalid_form_data", NULL},
                {"api.test", true, NULL, NULL, "", "error=mine", "mine", NULL},
                {"apps.connections.open", true, "xapp-1", NULL, "", "", "insecure_request", NULL},
                {"apps.connections.open", false, BOT_TOKEN, form, "", "", "not_allowed_token_type", NULL},
                {"apps.connections.open", false, NULL, form, "token=xapp-1", "", "not_authed", NULL},
                {"apps.connections.open", false, "xapp-1", json, "", "", "", NULL},
                /* JSON is read by the methods that say so; elsewhere its arguments are not there. */
                {"users.info", false, BOT_TOKEN, json, "{\"user\":\"U0ANN\"}", "", "invalid_arguments", NULL},
                {"users.info", false, BOT_TOKEN, form, "user=U0ANN", "", "", NULL},
                {"users.info", true, BOT_TOKEN, NULL, "", "user=U0ANN", "", NULL},
                {"chat.postMessage", false, BOT_TOKEN, json, "{\"channel\":1,\"text\":\"x\"}", "",
                 "invalid_arguments", NULL},
                {"chat.postMessage", false, BOT_TOKEN, json, "{\"channel\":\"C0GENERAL\",\"text\":\"x\"}", "",
                 "", NULL},
        };
        Local *l = calls_new();

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ json_t *answer = request(l, rows[i].method, rows[i].is_get, rows[i].token,
                                                        rows[i].type, rows[i].body, rows[i].query);
                _cleanup_free_ char *text = json_dump(answer);

                if (!str_equal(json_str_or(answer, "error", ""), rows[i].error) ||
                    !str_equal(json_str(answer, "warning"), rows[i].warning))
                        fail_msg("row %zu: %s", i, text);
        }
        calls_free(l);
}

static void test_missing_arguments(void **state)
{
        Local *l = calls_new();
        _cleanup_json_ json_t *answer = calls_run(l, BOT_TOKEN, "reactions.add", "{}");
        _cleanup_json_ json_t *want = json_loads("[\"[ERROR] missing required field: channel\","
                                                 "\"[ERROR] missing required field: name\","
                                                 "\"[ERROR] missing required field: timestamp\"]",
                                                 0, NULL);

        (void) state;
        assert_true(json_equal(json_at(answer, "response_metadata.messages"), want));
        calls_free(l);
}

static void test_scopes(void **state)
{
        static const struct {
                const char *method, *args, *needed; /* NULL: granted */
        } rows[] = {
                {"chat.postMessage", "{'channel':'C0GENERAL','text':'x'}", NULL},
                {"reactions.add", "{}", "reactions:write"},
                {"conversations.info", "{'channel':'C0GENERAL'}", NULL},
                {"conversations.info", "{'channel':'C0SECRET'}", "groups:read"},
                {"conversations.info", "{'channel':'C0NOTHING'}", NULL},
                {"conversations.history", "{'channel':'C0GENERAL'}", "channels:history"},
                {"conversations.list", "{'types':'public_channel'}", NULL},
                {"conversations.list", "{'types':'public_channel,im'}", "im:read"},
                {"conversations.create", "{'name':'x'}",
                 "channels:manage,groups:write,channels:write,im:write,mpim:write"},
                {"auth.test", "{}", NULL},
        };
        Local *l = calls_new();

        (void) state;
        state_add_channel(l->state, "C0SECRET", "secret", CHANNEL_PRIVATE);
        mem_strset(&l->switches.scopes, "chat:write,channels:read");
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ json_t *answer = calls_run(l, BOT_TOKEN, rows[i].method, rows[i].args);

                assert_string_equal(json_str_or(answer, "needed", ""), rows[i].needed ? rows[i].needed : "");
                if (rows[i].needed) {
                        assert_string_equal(json_str(answer, "error"), "missing_scope");
                        assert_string_equal(json_str(answer, "provided"), "chat:write,channels:read");
                }
        }
        calls_free(l);
}

static void test_token_states(void **state)
{
        static const char *const errors[] = {[TOKENS_VALID] = "",
                                             [TOKENS_INACTIVE] = "account_inactive",
                                             [TOKENS_REVOKED] = "token_revoked",
                                             [TOKENS_EXPIRED] = "token_expired"};
        Local *l = calls_new();
        json_t *answer;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                l->switches.token_state = (TokenState) i;
                calls_expect(l, "auth.test", "{}", errors[i]);
                calls_expect(l, "api.test", "{}", "");
        }
        l->switches.token_state = TOKENS_VALID;
        calls_expect(l, "auth.revoke", "{'test':true}", "");
        calls_expect(l, "auth.test", "{}", "");
        calls_expect(l, "auth.revoke", "{}", "");
        calls_expect(l, "auth.test", "{}", "token_revoked");
        answer = calls_run(l, "xoxb-another", "auth.test", "{}");
        assert_true(json_bool(answer, "ok"));
        json_decref(answer);
        calls_free(l);
}

static void test_user_tokens(void **state)
{
        Local *l = calls_new();
        json_t *answer = calls_run(l, "xoxp-local-U0BOB", "auth.test", "{}");

        (void) state;
        assert_string_equal(json_str(answer, "user_id"), "U0BOB");
        assert_null(json_object_get(answer, "bot_id"));
        json_decref(answer);
        answer = calls_run(l, "xoxp-whoever", "auth.test", "{}");
        assert_string_equal(json_str(answer, "user_id"), "U0ANN");
        json_decref(answer);
        answer = calls_run(l, "xoxp-local-U0BOB", "conversations.create", "{'name':'bobs'}");
        assert_string_equal(json_str(answer, "channel.creator"), "U0BOB");
        json_decref(answer);
        calls_free(l);
}

static void test_rate_limits(void **state)
{
        Local *l = calls_new();
        _cleanup_(api_reply_deinit) ApiReply reply;

        (void) state;
        l->switches.rate_limits = true;
        for (int i = 0; i < 20; i++)
                calls_expect(l, "users.list", "{}", "");
        api_run(l,
                &(ApiRequest){.method = "users.list",
                              .authorization = "Bearer " BOT_TOKEN,
                              .query = "",
                              .base_url = "http://x",
                              .body = ""},
                &reply);
        assert_string_equal(json_str(reply.answer, "error"), "ratelimited");
        assert_in_range(reply.retry_after_s, 1, 3);
        /* Posts are counted by channel. */
        for (int i = 0; i < 5; i++)
                calls_expect(l, "chat.postMessage", "{'channel':'C0GENERAL','text':'x'}", "");
        calls_expect(l, "chat.postMessage", "{'channel':'#general','text':'x'}", "ratelimited");
        calls_expect(l, "chat.postMessage", "{'channel':'C0CODING','text':'x'}", "");
        calls_free(l);
}

static void test_history_limited(void **state)
{
        Local *l = calls_new();
        json_t *answer;

        (void) state;
        for (int i = 0; i < 20; i++)
                calls_expect(l, "chat.postMessage", "{'channel':'C0GENERAL','text':'x'}", "");
        l->switches.history_limited = true;
        answer = calls_run(l, BOT_TOKEN, "conversations.history", "{'channel':'C0GENERAL','limit':100}");
        assert_int_equal(json_array_size(json_object_get(answer, "messages")), 15);
        assert_true(json_bool(answer, "has_more"));
        json_decref(answer);
        calls_expect(l, "conversations.history", "{'channel':'C0GENERAL'}", "ratelimited");
        calls_free(l);
}

static void test_channel_errors(void **state)
{
        static const Row rows[] = {
                {"conversations.create", "{}", "invalid_arguments"},
                {"conversations.create", "{'name':''}", "invalid_name_required"},
                {"conversations.create", "{'name':'Big'}", "invalid_name_specials"},
                {"conversations.create", "{'name':'a b'}", "invalid_name_specials"},
                {"conversations.create", "{'name':'--__'}", "invalid_name_punctuation"},
                {"conversations.create",
                 "{'name':'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}",
                 "invalid_name_maxlength"},
                {"conversations.create", "{'name':'general'}", "name_taken"},
                {"conversations.create", "{'name':'gr\xc3\xbcn_1'}", ""},
                {"conversations.info", "{'channel':'general'}", "channel_not_found"},
                {"conversations.info", "{'channel':'C0HIDDEN'}", "channel_not_found"},
                {"conversations.rename", "{'channel':'C0GENERAL','name':'x'}", "not_authorized"},
                {"conversations.archive", "{'channel':'C0GENERAL'}", "cant_archive_general"},
                {"conversations.unarchive", "{'channel':'C0CODING'}", "not_archived"},
                {"conversations.setTopic", "{'channel':'C0GENERAL'}", "invalid_arguments"},
                {"conversations.setTopic", "{'channel':'D0ANN','topic':'x'}",
                 "method_not_supported_for_channel_type"},
                {"conversations.join", "{'channel':'D0ANN'}", "method_not_supported_for_channel_type"},
                {"conversations.join", "{'channel':'C0CODING'}", ""},
                {"conversations.leave", "{'channel':'C0GENERAL'}", "cant_leave_general"},
                {"conversations.kick", "{'channel':'C0CODING','user':'U0BOT'}", "cant_kick_self"},
                {"conversations.kick", "{'channel':'C0GENERAL','user':'U0ANN'}", "cant_kick_from_general"},
                {"conversations.kick", "{'channel':'C0CODING','user':'U0NOBODY'}", "user_not_found"},
                {"conversations.kick", "{'channel':'C0CODING','user':'U0ANN'}", ""},
                {"conversations.kick", "{'channel':'C0CODING','user':'U0ANN'}", "not_in_channel"},
                {"conversations.invite", "{'channel':'C0CODING'}", "no_user"},
                {"conversations.invite", "{'channel':'C0CODING','users':'U0BOT'}", "cant_invite_self"},
                {"conversations.invite", "{'channel':'C0CODING','users':'U0NOBODY'}", "user_not_found"},
                {"conversations.invite", "{'channel':'C0CODING','users':'U0BOB'}", "already_in_channel"},
                {"conversations.invite", "{'channel':'C0CODING','users':'U0ANN,U0NOBODY'}", "user_not_found"},
                {"conversations.invite", "{'channel':'C0CODING','users':'U0ANN,U0NOBODY','force':true}", ""},
                {"conversations.close", "{'channel':'C0CODING'}", "method_not_supported_for_channel_type"},
                {"conversations.mark", "{'channel':'C0CODING','ts':'1'}", "invalid_timestamp"},
                {"conversations.open", "{}", "users_list_not_supplied"},
                {"conversations.open", "{'users':'U0NOBODY'}", "user_not_found"},
                {"conversations.open", "{'users':'U0BOT'}", "not_enough_users"},
                {"conversations.open", "{'channel':'C0CODING'}", "method_not_supported_for_channel_type"},
                {"conversations.archive", "{'channel':'C0CODING'}", ""},
                {"conversations.archive", "{'channel':'C0CODING'}", "already_archived"},
                {"conversations.invite", "{'channel':'C0CODING','users':'U0ANN'}", "is_archived"},
                {"conversations.setTopic", "{'channel':'C0CODING','topic':'x'}", "is_archived"},
                {"conversations.unarchive", "{'channel':'C0CODING'}", ""},
                {"conversations.leave", "{'channel':'C0CODING'}", ""},
                {"conversations.setTopic", "{'channel':'C0CODING','topic':'x'}", "not_in_channel"},
                {"conversations.history", "{'channel':'C0CODING'}", "not_in_channel"},
        };
        Local *l = calls_new();
        Channel *direct = state_add_channel(l->state, "D0ANN", NULL, CHANNEL_IM);

        (void) state;
        channel_add_member(direct, BOT_USER);
        channel_add_member(direct, "U0ANN");
        state_add_channel(l->state, "C0HIDDEN", "hidden", CHANNEL_PRIVATE);
        run_rows(l, rows, ELEMENTSOF(rows));
        calls_free(l);
}

/* The types of the events, with the subtype of messages: "channel_archive message/channel_archive". */
static char *event_types(Local *l)
{
        _cleanup_json_ json_t *events = calls_take_events(l);
        Buf out = {0};
        json_t *event;
        size_t i;

        json_array_foreach (events, i, event)
                buf_printf(&out, "%s%s%s%s", i ? " " : "", json_str(event, "type"),
                           json_str(event, "subtype") ? "/" : "", json_str_or(event, "subtype", ""));
        return out.data ? buf_take(&out) : mem_strdup("");
}

static void test_channel_events(void **state)
{
        static const struct {
                const char *method, *args, *events;
        } rows[] = {
                {"conversations.create", "{'name':'ops'}", "channel_created"},
                {"conversations.invite", "{'channel':'@','users':'U0ANN'}",
                 "member_joined_channel message/channel_join"},
                {"conversations.rename", "{'channel':'@','name':'ops-2'}",
                 "message/channel_name channel_rename"},
                {"conversations.setTopic", "{'channel':'@','topic':'t'}", "message/channel_topic"},
                {"conversations.setPurpose", "{'channel':'@','purpose':'p'}", "message/channel_purpose"},
                {"conversations.kick", "{'channel':'@','user':'U0ANN'}",
                 "member_left_channel message/channel_leave"},
                {"conversations.archive", "{'channel':'@'}", "message/channel_archive channel_archive"},
                {"conversations.unarchive", "{'channel':'@'}", "message/channel_unarchive channel_unarchive"},
                {"conversations.leave", "{'channel':'@'}", "member_left_channel channel_left"},
        };
        Local *l = calls_new();
        _cleanup_free_ char *id = NULL, *topic = NULL, *names = NULL;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const char *at = strchr(rows[i].args, '@');
                _cleanup_free_ char *args =
                        at ? mem_printf("%.*s%s%s", (int) (at - rows[i].args), rows[i].args, id, at + 1)
                           : mem_strdup(rows[i].args);
                _cleanup_free_ char *got = NULL;

                if (at)
                        calls_expect(l, rows[i].method, args, "");
                else
                        id = calls_get(l, rows[i].method, args, "channel.id");
                got = event_types(l);
                assert_string_equal(got, rows[i].events);
        }
        {
                _cleanup_free_ char *args = mem_printf("{'channel':'%s'}", id);

                topic = calls_get(l, "conversations.info", args, "channel.topic.value");
                names = calls_get(l, "conversations.info", args, "channel.previous_names");
        }
        assert_string_equal(topic, "t");
        assert_string_equal(names, "[\"ops\"]");
        calls_free(l);
}

static void test_lists(void **state)
{
        static const Row rows[] = {
                {"conversations.list", "{'limit':1000}", "invalid_limit"},
                {"conversations.list", "{'limit':'x'}", "invalid_limit"},
                {"conversations.list", "{'cursor':'nonsense'}", "invalid_cursor"},
                {"conversations.list", "{'types':'public_channel,nonsense'}", "invalid_types"},
                {"users.conversations", "{'user':'U0NOBODY'}", "user_not_found"},
                {"conversations.members", "{'channel':'C0GENERAL','limit':-1}", "invalid_limit"},
                {"conversations.history", "{'channel':'C0GENERAL','oldest':'x'}", "invalid_ts_oldest"},
                {"conversations.history", "{'channel':'C0GENERAL','latest':'x'}", "invalid_ts_latest"},
                {"conversations.history", "{'channel':'C0GENERAL','cursor':'bmV4dDox'}", "invalid_cursor"},
                {"conversations.replies", "{'channel':'C0GENERAL','ts':'1700000000.000001'}",
                 "thread_not_found"},
        };
        Local *l = calls_new();
        _cleanup_free_ char *cursor = NULL, *args = NULL, *second = NULL, *end = NULL;

        (void) state;
        run_rows(l, rows, ELEMENTSOF(rows));
        cursor = calls_get(l, "conversations.list", "{'limit':1}", "response_metadata.next_cursor");
        args = mem_printf("{'limit':1,'cursor':'%s'}", cursor);
        second = calls_get(l, "conversations.list", args, "channels.0.id");
        end = calls_get(l, "conversations.list", args, "response_metadata.next_cursor");
        assert_string_equal(second, "C0CODING");
        assert_string_equal(end, "");
        calls_free(l);
}

/* The texts of the messages, one letter each. */
static void assert_texts(Local *l, const char *method, const char *args, const char *want, bool more)
{
        _cleanup_json_ json_t *answer = calls_run(l, BOT_TOKEN, method, args);
        char got[64] = "";
        json_t *m;
        size_t i;

        json_array_foreach (json_object_get(answer, "messages"), i, m)
                strcat(got, json_str(m, "text"));
        if (!str_equal(got, want) || json_bool(answer, "has_more") != more)
                fail_msg("%s %s: \"%s\" instead of \"%s\"", method, args, got, want);
}

static void test_history(void **state)
{
        Local *l = calls_new();
        char *ts[6] = {0}, *args;

        (void) state;
        for (int i = 0; i < 6; i++) {
                args = mem_printf("{'channel':'C0GENERAL','text':'%c'}", 'a' + i);
                ts[i] = calls_get(l, "chat.postMessage", args, "ts");
                free(args);
        }
        assert_texts(l, "conversations.history", "{'channel':'C0GENERAL'}", "fedcba", false);
        assert_texts(l, "conversations.history", "{'channel':'C0GENERAL','limit':2}", "fe", true);
#define ASSERT_SPAN(_want, _more, ...)                                                                       \
        do {                                                                                                 \
                args = mem_printf(__VA_ARGS__);                                                              \
                assert_texts(l, "conversations.history", args, _want, _more);                                \
                free(args);                                                                                  \
        } while (0)
        ASSERT_SPAN("fed", false, "{'channel':'C0GENERAL','oldest':'%s'}", ts[2]);
        ASSERT_SPAN("fedc", false, "{'channel':'C0GENERAL','oldest':'%s','inclusive':true}", ts[2]);
        /* One message by its ts, in both ways that the documentation shows. */
        ASSERT_SPAN("c", true, "{'channel':'C0GENERAL','oldest':'%s','inclusive':true,'limit':1}", ts[2]);
        ASSERT_SPAN("c", true, "{'channel':'C0GENERAL','latest':'%s','inclusive':true,'limit':1}", ts[2]);
        ASSERT_SPAN("ba", false, "{'channel':'C0GENERAL','latest':'%s'}", ts[2]);
        ASSERT_SPAN("ed", false, "{'channel':'C0GENERAL','oldest':'%s','latest':'%s'}", ts[2], ts[5]);
        for (int i = 0; i < 6; i++)
                free(ts[i]);
        calls_free(l);
}

static void test_history_forward(void **state)
{
        Local *l = calls_new();
        _cleanup_free_ char *first =
                calls_get(l, "chat.postMessage", "{'channel':'C0GENERAL','text':'a'}", "ts");
        char *cursor = NULL, got[64] = "";

        (void) state;
        for (int i = 1; i < 6; i++) {
                _cleanup_free_ char *args = mem_printf("{'channel':'C0GENERAL','text':'%c'}", 'a' + i);

                calls_expect(l, "chat.postMessage", args, "");
        }
        /* From a watermark on, page by page, nothing is left out. */
        do {
                _cleanup_free_ char *args =
                        mem_printf("{'channel':'C0GENERAL','oldest':'%s','limit':2,'cursor':'%s'}", first,
                                   cursor ? cursor : "");
                _cleanup_json_ json_t *answer = calls_run(l, BOT_TOKEN, "conversations.history", args);
                json_t *m;
                size_t i;

                json_array_foreach (json_object_get(answer, "messages"), i, m)
                        strcat(got, json_str(m, "text"));
                free(cursor);
                cursor = mem_strdup(json_str(answer, "response_metadata.next_cursor"));
        } while (cursor);
        assert_string_equal(got, "cbedf");
        calls_free(l);
}

static void test_items(void **state)
{
        Local *l = calls_new();
        _cleanup_free_ char *ts =
                calls_get(l, "chat.postMessage", "{'channel':'C0GENERAL','text':'a'}", "ts");
        _cleanup_free_ char *at = mem_printf("'channel':'C0GENERAL','timestamp':'%s'", ts);
        static const struct {
                const char *method, *more, *error; /* `more` follows channel and timestamp */
        } rows[] = {
                {"reactions.add", "'name':'thumbs up'", "invalid_name"},
                {"reactions.add", "'name':'eyes'", ""},
                {"reactions.add", "'name':'eyes'", "already_reacted"},
                {"reactions.remove", "'name':'wave'", "no_reaction"},
                {"pins.add", "'x':'1'", ""},
                {"pins.add", "'x':'1'", "already_pinned"},
                {"pins.remove", "'x':'1'", ""},
                {"pins.remove", "'x':'1'", "no_pin"},
                {"pins.add", "'x':'1'", ""},
        };
        static const Row others[] = {
                {"reactions.remove", "{'name':'eyes'}", "no_item_specified"},
                {"reactions.get", "{'channel':'C0GENERAL','timestamp':'1'}", "bad_timestamp"},
                {"pins.add", "{'channel':'C0GENERAL'}", "no_item_specified"},
                {"pins.add", "{'channel':'C0GENERAL','timestamp':'1700000000.000001'}", "message_not_found"},
                {"bookmarks.add", "{'channel_id':'C0GENERAL','title':'t','type':'folder'}",
                 "invalid_bookmark_type"},
                {"bookmarks.add", "{'channel_id':'C0GENERAL','title':'t','type':'link'}", "invalid_link"},
                {"bookmarks.add", "{'channel_id':'C0GENERAL','title':'t','type':'link','link':'ftp://x'}",
                 "invalid_link"},
                {"bookmarks.add",
                 "{'channel_id':'C0GENERAL','title':'t','type':'link','link':'https://x','emoji':'x'}",
                 "invalid_emoji"},
                {"bookmarks.add", "{'channel_id':'C0NONE','title':'t','type':'link','link':'https://x'}",
                 "channel_not_found"},
                {"bookmarks.edit", "{'channel_id':'C0GENERAL','bookmark_id':'Bk1'}", "not_found"},
                {"bookmarks.remove", "{'channel_id':'C0GENERAL','bookmark_id':'Bk1'}", "not_found"},
        };
        char *count;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *args = mem_printf("{%s,%s}", at, rows[i].more);

                calls_expect(l, rows[i].method, args, rows[i].error);
        }
        run_rows(l, others, ELEMENTSOF(others));
        count = calls_get(l, "conversations.history", "{'channel':'C0GENERAL'}", "pin_count");
        assert_string_equal(count, "1");
        free(count);
        count = calls_get(l, "pins.list", "{'channel':'C0GENERAL'}", "items.0.message.text");
        assert_string_equal(count, "a");
        free(count);
        count = calls_get(l, "reactions.list", "{}", "items.0.message.ts");
        assert_string_equal(count, ts);
        free(count);
        /* With its message a pin goes. */
        {
                _cleanup_free_ char *args = mem_printf("{'channel':'C0GENERAL','ts':'%s'}", ts);

                calls_expect(l, "chat.delete", args, "");
        }
        count = calls_get(l, "pins.list", "{'channel':'C0GENERAL'}", "items");
        assert_string_equal(count, "[]");
        free(count);
        calls_free(l);
}

static void test_bookmarks(void **state)
{
        Local *l = calls_new();
        _cleanup_free_ char *id = calls_get(
                l, "bookmarks.add",
                "{'channel_id':'C0GENERAL','title':'t','type':'link','link':'https://x','emoji':':eyes:'}",
                "bookmark.id");
        _cleanup_free_ char *edit =
                mem_printf("{'channel_id':'C0GENERAL','bookmark_id':'%s','title':'u'}", id);
        _cleanup_free_ char *title = calls_get(l, "bookmarks.edit", edit, "bookmark.title");
        _cleanup_free_ char *link =
                calls_get(l, "bookmarks.list", "{'channel_id':'C0GENERAL'}", "bookmarks.0.link");

        (void) state;
        assert_true(str_starts_with(id, "Bk"));
        assert_string_equal(title, "u");
        assert_string_equal(link, "https://x");
        calls_expect(l, "bookmarks.remove", edit, "");
        calls_expect(l, "bookmarks.remove", edit, "not_found");
        calls_free(l);
}

static void test_users(void **state)
{
        static const Row rows[] = {
                {"users.info", "{'user':'ann'}", "user_not_found"},
                {"users.info", "{'user':'U0ANN'}", ""},
                {"users.lookupByEmail", "{'email':'ANN@example.com'}", ""},
                {"users.lookupByEmail", "{'email':'nobody@example.com'}", "users_not_found"},
                {"users.profile.get", "{'user':'U0NOBODY'}", "user_not_found"},
                {"users.setPresence", "{'presence':'there'}", "invalid_presence"},
                {"users.setPresence", "{'presence':'away'}", ""},
                {"bots.info", "{'bot':'B0NONE'}", "bot_not_found"},
                {"team.info", "{'team':'T0NONE'}", "team_not_found"},
                {"team.info", "{}", ""},
                {"emoji.list", "{}", ""},
                {"usergroups.list", "{}", ""},
                {"users.list", "{'cursor':'%'}", "invalid_cursor"},
        };
        Local *l = calls_new();
        _cleanup_free_ char *presence = NULL, *email = NULL, *hidden = NULL;

        (void) state;
        run_rows(l, rows, ELEMENTSOF(rows));
        presence = calls_get(l, "users.getPresence", "{}", "presence");
        assert_string_equal(presence, "away");
        email = calls_get(l, "users.info", "{'user':'U0ANN'}", "user.profile.email");
        assert_string_equal(email, "ann@example.com");
        mem_strset(&l->switches.scopes, "users:read");
        hidden = calls_get(l, "users.info", "{'user':'U0ANN'}", "user.profile.email");
        assert_null(hidden);
        calls_free(l);
}

static void test_blocks_validate(void **state)
{
        static const Row rows[] = {
                {"blocks.validate", "{}", "invalid_arguments"},
                {"blocks.validate", "{'blocks':[],'view':{}}", "invalid_arguments"},
                {"blocks.validate", "{'blocks':[{'type':'divider'}]}", ""},
                {"blocks.validate", "{'blocks':[{'type':'x'}]}", "invalid_blocks"},
                {"blocks.validate", "{'blocks':'nonsense'}", "invalid_blocks"},
                {"blocks.validate", "{'view':{'type':'home','blocks':[]}}", ""},
                {"blocks.validate", "{'view':{'type':'modal','blocks':[]}}", "invalid_view"},
                {"blocks.validate", "{'message':{'text':'x'}}", ""},
                {"blocks.validate", "{'message':{}}", "invalid_message"},
                {"blocks.validate", "{'message':{'blocks':[{'type':'header'}]}}", "invalid_message"},
        };
        Local *l = calls_new();
        _cleanup_json_ json_t *answer =
                calls_run(l, NULL, "blocks.validate", "{'message':{'blocks':[{'type':'header'}]}}");

        (void) state;
        run_rows(l, rows, ELEMENTSOF(rows));
        assert_string_equal(json_str(answer, "errors.0.pointer"), "/blocks/0");
        calls_free(l);
}

static void test_manifest(void **state)
{
        static const struct {
                const char *manifest, *pointer; /* of the first error, or NULL */
        } rows[] = {
                {"{'display_information':{'name':'Octo'}}", NULL},
                {"{}", ""},
                {"nonsense", ""},
                {"{'display_information':{'name':'Octo'},'settings':{'interactivity':{'is_enabled':true}}}",
                 "/settings/interactivity"},
                {"{'display_information':{'name':'Octo'},'features':{'slash_commands':"
                 "[{'command':'octo','description':'d'}]}}",
                 "/features/slash_commands/0"},
        };
        Local *l = calls_new();

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *text = mem_strdup(rows[i].manifest), *args_text = NULL;
                _cleanup_json_ json_t *args = NULL, *answer = NULL;

                for (char *p = text; *p; p++)
                        if (*p == '\'')
                                *p = '"';
                args = json_pack("{s:s}", "manifest", text);
                args_text = json_dump(args);
                answer = calls_run(l, "xoxe.xoxp-1", "apps.manifest.validate", args_text);
                assert_int_equal(json_bool(answer, "ok"), rows[i].pointer == NULL);
                if (rows[i].pointer)
                        assert_string_equal(json_str(answer, "errors.0.pointer"), rows[i].pointer);
        }
        calls_expect(l, "apps.manifest.validate", "{'manifest':'{}'}", "not_allowed_token_type");
        calls_free(l);
}

/* `rows` with @ replaced by a fresh trigger of Ann's. */
static void run_view_row(Local *l, const char *method, const char *args, const char *error)
{
        const char *at = strchr(args, '@'), *trigger;
        _cleanup_free_ char *full = NULL;

        trigger = tickets_make_trigger(l->tickets, "U0ANN", NULL, l->state->clock_ms());
        full = at ? mem_printf("%.*s%s%s", (int) (at - args), args, trigger, at + 1) : mem_strdup(args);
        calls_expect(l, method, full, error);
}

#define MODAL "{'type':'modal','title':{'type':'plain_text','text':'t'},'blocks':[]}"
#define NAMED "{'type':'modal','title':{'type':'plain_text','text':'t'},'external_id':'e','blocks':[]}"
#define HOME  "{'type':'home','blocks':[]}"

static void test_views(void **state)
{
        static const Row rows[] = {
                {"views.open", "{}", "invalid_arguments"},
                {"views.open", "{'view':" MODAL "}", "invalid_arguments"},
                {"views.open", "{'trigger_id':'nonsense','view':" MODAL "}", "invalid_trigger_id"},
                {"views.open", "{'trigger_id':'@','view':'nonsense'}", "invalid_arguments"},
                {"views.open", "{'trigger_id':'@','view':" HOME "}", "invalid_arguments"},
                {"views.push", "{'trigger_id':'@','view':" MODAL "}", "not_found"},
                {"views.open", "{'trigger_id':'@','view':" NAMED "}", ""},
                {"views.push", "{'trigger_id':'@','view':" NAMED "}", "duplicate_external_id"},
                {"views.push", "{'interactivity_pointer':'@','view':" MODAL "}", ""},
                {"views.push", "{'trigger_id':'@','view':" MODAL "}", ""},
                {"views.push", "{'trigger_id':'@','view':" MODAL "}", "push_limit_reached"},
                {"views.update", "{'view':" MODAL "}", "invalid_arguments"},
                {"views.update", "{'view_id':'V0','view':" MODAL "}", "not_found"},
                {"views.update", "{'external_id':'e','hash':'old','view':" NAMED "}", "hash_conflict"},
                {"views.update", "{'external_id':'e','view':" NAMED "}", ""},
                {"views.publish", "{'user_id':'U0NOBODY','view':" HOME "}", "invalid_arguments"},
                {"views.publish", "{'user_id':'U0ANN','view':" MODAL "}", "invalid_arguments"},
                {"views.publish", "{'user_id':'U0ANN','view':" HOME "}", ""},
                {"views.publish", "{'user_id':'U0ANN','hash':'old','view':" HOME "}", "hash_conflict"},
        };
        Local *l = calls_new();
        _cleanup_free_ char *once = NULL;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                run_view_row(l, rows[i].method, rows[i].args, rows[i].error);
        once = mem_printf("{'trigger_id':'%s','view':" MODAL "}",
                          tickets_make_trigger(l->tickets, "U0BOB", NULL, l->state->clock_ms()));
        calls_expect(l, "views.open", once, "");
        calls_expect(l, "views.open", once, "exchanged_trigger_id");
        l->switches.home_tab = false;
        calls_expect(l, "views.publish", "{'user_id':'U0ANN','view':" HOME "}", "not_enabled");
        calls_free(l);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_views),           cmocka_unit_test(test_rows_and_methods),
                cmocka_unit_test(test_frame),           cmocka_unit_test(test_missing_arguments),
                cmocka_unit_test(test_scopes),          cmocka_unit_test(test_token_states),
                cmocka_unit_test(test_user_tokens),     cmocka_unit_test(test_rate_limits),
                cmocka_unit_test(test_history_limited), cmocka_unit_test(test_channel_errors),
                cmocka_unit_test(test_channel_events),  cmocka_unit_test(test_lists),
                cmocka_unit_test(test_history),         cmocka_unit_test(test_history_forward),
                cmocka_unit_test(test_items),           cmocka_unit_test(test_bookmarks),
                cmocka_unit_test(test_users),           cmocka_unit_test(test_blocks_validate),
                cmocka_unit_test(test_manifest),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
