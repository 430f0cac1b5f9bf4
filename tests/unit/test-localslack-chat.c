/* What chat.* takes, cuts and refuses, and what of a message stays when it is changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buf.h"
#include "localslack-room.h"
#include "messages.h"
#include "problems.h"

static char *repeat(const char *what, size_t n)
{
        Buf out = {0};

        for (size_t i = 0; i < n; i++)
                buf_append_str(&out, what);
        return buf_take(&out);
}

static void test_refusals(void **state)
{
        static const struct {
                const char *method, *args, *error;
        } cases[] = {
                {"chat.postMessage", "{'channel':'C0GENERAL'}", "no_text"},
                {"chat.postMessage", "{'channel':'C0NONE','text':'x'}", "channel_not_found"},
                {"chat.postMessage", "{'channel':'#general','text':'x'}", NULL},
                {"chat.postMessage", "{'channel':'C0GENERAL','markdown_text':'x','text':'y'}",
                 "markdown_text_conflict"},
                {"chat.postMessage", "{'channel':'C0GENERAL','markdown_text':'x','blocks':[]}",
                 "markdown_text_conflict"},
                {"chat.postMessage", "{'channel':'C0GENERAL','blocks':{}}", "invalid_blocks_format"},
                {"chat.postMessage", "{'channel':'C0GENERAL','blocks':'[}'}", "invalid_blocks_format"},
                {"chat.postMessage", "{'channel':'C0GENERAL','blocks':[{'type':'x'}]}", "invalid_blocks"},
                {"chat.postMessage", "{'channel':'C0GENERAL','attachments':7}", "invalid_attachments"},
                {"chat.postMessage", "{'channel':'C0GENERAL','attachments':['x']}", "invalid_attachments"},
                {"chat.postMessage", "{'channel':'C0GENERAL','attachments':[{'blocks':[{'type':'x'}]}]}",
                 "invalid_blocks"},
                {"chat.postMessage", "{'channel':'C0GENERAL','text':'x','metadata':'x'}",
                 "invalid_metadata_format"},
                {"chat.postMessage", "{'channel':'C0GENERAL','text':'x','metadata':{'event_type':'t'}}",
                 "invalid_metadata_schema"},
                {"chat.postMessage",
                 "{'channel':'C0GENERAL','text':'x','metadata':{'event_type':'t','event_payload':{'a':null}}}",
                 NULL},
                {"chat.postMessage",
                 "{'channel':'C0GENERAL','text':'x','metadata':{'event_type':'t','event_payload':{'a':{'b':1},'c':[{'d':2}]}}}",
                 NULL},
                {"chat.postMessage", "{'channel':'C0GENERAL','text':'x','thread_ts':'1'}",
                 "invalid_thread_ts"},
                {"chat.update", "{'channel':'C0GENERAL','ts':'1.1','text':'x'}", "message_not_found"},
                {"chat.delete", "{'channel':'C0GENERAL','ts':'1.1'}", "message_not_found"},
                {"chat.postEphemeral", "{'channel':'C0GENERAL','user':'U9','text':'x'}",
                 "user_not_in_channel"},
                {"chat.postEphemeral", "{'channel':'C0GENERAL','user':'U0ANN','text':'x','metadata':{'a':1}}",
                 NULL},
                {"chat.meMessage", "{'channel':'C0GENERAL','text':'waves'}", NULL},
        };
        _cleanup_(room_freep) Room *w = room_new();

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                room_expect(w, cases[i].error, cases[i].method, cases[i].args);
}

/* Characters count, not bytes. */
static void test_lengths(void **state)
{
        static const struct {
                const char *method, *field;
                size_t n;
                const char *error, *warning;
        } cases[] = {
                {"chat.postMessage", "text", 40000, NULL, NULL},
                {"chat.postMessage", "text", 40001, NULL, "message_truncated"},
                {"chat.postEphemeral", "text", 40001, "msg_too_long", NULL},
                {"chat.scheduleMessage", "text", 40001, "msg_too_long", NULL},
                {"chat.update", "text", 4000, NULL, NULL},
                {"chat.update", "text", 4001, "msg_too_long", NULL},
                {"chat.postMessage", "markdown_text", 12000, NULL, NULL},
                {"chat.postMessage", "markdown_text", 12001, "msg_too_long", NULL},
        };
        _cleanup_(room_freep) Room *w = room_new();
        char ts[STATE_TS_SIZE];

        (void) state;
        memcpy(ts, room_expect(w, NULL, "chat.postMessage", "{'channel':'C0GENERAL','text':'x'}"),
               sizeof(ts));
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = repeat("ä", cases[i].n);
                _cleanup_json_ json_t *answer = room_callf(
                        w, cases[i].method,
                        "{'channel':'C0GENERAL','user':'U0ANN','ts':'%s','post_at':1700000600,'%s':'%s'}", ts,
                        cases[i].field, text);
                const char *stored = json_str(answer, "message.text");

                assert_string_equal(json_str_or(answer, "error", "ok"),
                                    cases[i].error ? cases[i].error : "ok");
                assert_string_equal(json_str_or(answer, "warning", ""),
                                    cases[i].warning ? cases[i].warning : "");
                if (cases[i].warning)
                        assert_int_equal(strlen(stored), 80000);
        }
}

static void test_metadata_size(void **state)
{
        _cleanup_(room_freep) Room *w = room_new();
        _cleanup_free_ char *most = repeat("x", 8100), *more = repeat("x", 8200);
        static const char args[] =
                "{'channel':'C0GENERAL','text':'x','metadata':{'event_type':'t','event_payload':{'a':'%s'}}}";

        (void) state;
        room_expectf(w, NULL, "chat.postMessage", args, most);
        room_expectf(w, "metadata_too_large", "chat.postMessage", args, more);
}

/* Text alone deletes blocks, blocks alone keep the text; metadata stays unless it is said what of it. */
static void test_what_an_update_keeps(void **state)
{
        _cleanup_(room_freep) Room *w = room_new();
        char ts[STATE_TS_SIZE];
        const json_t *m;

        (void) state;
        memcpy(ts,
               room_expect(
                       w, NULL, "chat.postMessage",
                       "{'channel':'C0GENERAL','text':'t','blocks':[{'type':'divider'}],'metadata':{'event_type':'e','event_payload':{}}}"),
               sizeof(ts));
        m = room_message(w, "C0GENERAL", ts);
        room_expectf(w, NULL, "chat.update",
                     "{'channel':'C0GENERAL','ts':'%s','blocks':[{'type':'divider'},{'type':'divider'}]}",
                     ts);
        assert_string_equal(json_str(m, "text"), "t");
        assert_int_equal(json_array_size(json_object_get(m, "blocks")), 2);
        room_expectf(w, NULL, "chat.update", "{'channel':'C0GENERAL','ts':'%s','text':'u'}", ts);
        assert_string_equal(json_str(m, "text"), "u");
        assert_null(json_object_get(m, "blocks"));
        assert_string_equal(json_str(m, "metadata.event_type"), "e");
        assert_string_equal(json_str(m, "edited.user"), "U0BOT");
        room_expectf(w, NULL, "chat.update", "{'channel':'C0GENERAL','ts':'%s','text':'u','metadata':{}}",
                     ts);
        assert_null(json_object_get(m, "metadata"));
        room_expectf(w, "no_text", "chat.update", "{'channel':'C0GENERAL','ts':'%s','blocks':[]}", ts);
        room_expectf(w, "file_not_found", "chat.update",
                     "{'channel':'C0GENERAL','ts':'%s','text':'u','file_ids':['F9']}", ts);
}

static void test_whose(void **state)
{
        _cleanup_(room_freep) Room *w = room_new();
        Channel *c = state_find_channel(w->l.state, "C0GENERAL");
        const Message *hers =
                messages_post_user(&w->l, c, state_find_user(w->l.state, "U0ANN"), "hi", NULL, NULL);
        _cleanup_json_ json_t *as_ann = NULL;
        _cleanup_free_ char *args = NULL;

        (void) state;
        room_expectf(w, "cant_update_message", "chat.update", "{'channel':'C0GENERAL','ts':'%s','text':'x'}",
                     hers->ts);
        room_expectf(w, "cant_delete_message", "chat.delete", "{'channel':'C0GENERAL','ts':'%s'}", hers->ts);
        /* With a person's token the app is that person. */
        args = mem_printf("{'channel':'C0GENERAL','ts':'%s','text':'x'}", hers->ts);
        as_ann = room_call_as(w, "xoxp-local-U0ANN", "chat.update", args);
        assert_true(json_bool(as_ann, "ok"));
        assert_string_equal(json_str(as_ann, "message.user"), "U0ANN");
        json_decref(as_ann);
        as_ann =
                room_call_as(w, "xoxp-local-U0ANN", "chat.postMessage", "{'channel':'C0GENERAL','text':'x'}");
        assert_string_equal(json_str(as_ann, "message.user"), "U0ANN");
        assert_null(json_str(as_ann, "message.bot_id"));
}

static void test_threads(void **state)
{
        _cleanup_(room_freep) Room *w = room_new();
        static const char reply[] = "{'channel':'C0GENERAL','text':'x','thread_ts':'%s'}";
        char root[STATE_TS_SIZE], first[STATE_TS_SIZE], ts[STATE_TS_SIZE];

        (void) state;
        memcpy(root, room_expect(w, NULL, "chat.postMessage", "{'channel':'C0GENERAL','text':'x'}"),
               sizeof(root));
        memcpy(first, room_expectf(w, NULL, "chat.postMessage", reply, root), sizeof(first));
        assert_string_equal(json_str(room_message(w, "C0GENERAL", first), "thread_ts"), root);
        memcpy(ts, room_expectf(w, NULL, "chat.postMessage", reply, first),
               sizeof(ts)); /* a reply's own ts */
        assert_string_equal(json_str(room_message(w, "C0GENERAL", ts), "thread_ts"), root);
        memcpy(ts, room_expectf(w, NULL, "chat.postMessage", reply, "1600000000.000000"), sizeof(ts));
        assert_null(json_str(room_message(w, "C0GENERAL", ts), "thread_ts"));
        /* A reply that the channel shall see, at once or later. */
        room_expectf(w, "cant_broadcast_message", "chat.update",
                     "{'channel':'C0GENERAL','ts':'%s','reply_broadcast':true}", root);
        room_expectf(w, "no_dual_broadcast_content_update", "chat.update",
                     "{'channel':'C0GENERAL','ts':'%s','reply_broadcast':true,'text':'new'}", first);
        room_expectf(w, NULL, "chat.update", "{'channel':'C0GENERAL','ts':'%s','reply_broadcast':true}",
                     first);
        assert_string_equal(json_str(room_message(w, "C0GENERAL", first), "subtype"), "thread_broadcast");
        w->l.switches.thread_limit = 2;
        room_expectf(w, "restricted_action_thread_locked", "chat.postMessage", reply, root);
        w->l.switches.thread_limit = 0;
        /* The parent is deleted. */
        room_expectf(w, NULL, "chat.delete", "{'channel':'C0GENERAL','ts':'%s'}", root);
        memcpy(ts, room_expectf(w, NULL, "chat.postMessage", reply, root), sizeof(ts));
        assert_string_equal(json_str(room_message(w, "C0GENERAL", ts), "thread_ts"), root);
        w->l.switches.deleted_parent = DELETED_PARENT_UNTHREAD;
        memcpy(ts, room_expectf(w, NULL, "chat.postMessage", reply, root), sizeof(ts));
        assert_null(json_str(room_message(w, "C0GENERAL", ts), "thread_ts"));
        w->l.switches.deleted_parent = DELETED_PARENT_REFUSE;
        room_expectf(w, "cannot_reply_to_message", "chat.postMessage", reply, root);
}

static void test_scopes_of_a_post(void **state)
{
        _cleanup_(room_freep) Room *w = room_new();
        _cleanup_json_ json_t *answer = NULL;

        (void) state;
        answer = room_call(w, "chat.postMessage",
                           "{'channel':'C0GENERAL','text':'x','username':'ecto','icon_emoji':':ghost:'}");
        assert_string_equal(json_str(answer, "message.subtype"), "bot_message");
        assert_string_equal(json_str(answer, "message.username"), "ecto");
        assert_string_equal(json_str(answer, "message.icons.emoji"), ":ghost:");
        mem_strset(&w->l.switches.scopes, "chat:write");
        room_expect(w, "missing_scope", "chat.postMessage",
                    "{'channel':'C0GENERAL','text':'x','username':'ecto'}");
        room_expect(w, NULL, "chat.postMessage", "{'channel':'C0GENERAL','text':'x'}");
        state_add_channel(w->l.state, "C0OTHER", "other", CHANNEL_PUBLIC);
        room_expect(w, "not_in_channel", "chat.postMessage", "{'channel':'C0OTHER','text':'x'}");
        mem_strset(&w->l.switches.scopes, "chat:write,chat:write.public");
        room_expect(w, NULL, "chat.postMessage", "{'channel':'C0OTHER','text':'x'}");
        state_find_channel(w->l.state, "C0OTHER")->is_archived = true;
        room_expect(w, "is_archived", "chat.postMessage", "{'channel':'C0OTHER','text':'x'}");
}

static void test_attachments(void **state)
{
        _cleanup_(room_freep) Room *w = room_new();
        _cleanup_json_ json_t *answer = room_call(
                w, "chat.postMessage",
                "{'channel':'C0GENERAL','attachments':[{'text':'a'},{'blocks':[{'type':'divider'}],'fallback':'f'}]}");
        _cleanup_free_ char *many = repeat("{'text':'a'},", 100);

        (void) state;
        assert_int_equal(json_int(answer, "message.attachments.1.id", 0), 2);
        assert_string_equal(json_str(answer, "message.attachments.0.fallback"), "a");
        assert_string_equal(json_str(answer, "message.attachments.1.fallback"), "f");
        assert_non_null(json_str(answer, "message.attachments.1.blocks.0.block_id"));
        room_expectf(w, "too_many_attachments", "chat.postMessage",
                     "{'channel':'C0GENERAL','attachments':[%s{}]}", many);
}

/* The text as it is stored, for a text and more arguments of the call. */
static void test_links_and_names(void **state)
{
        static const struct {
                const char *method, *more, *text, *stored;
        } cases[] = {
                {"chat.postMessage", "", "see https://x.example/a?b=1, please",
                 "see <https://x.example/a?b=1>, please"},
                {"chat.postMessage", "", "(https://x.example/a_(b)) http://",
                 "(<https://x.example/a_(b)>) http://"},
                {"chat.postMessage", "", "<https://x.example|x> xhttps://y `https://z` ```https://w```",
                 "<https://x.example|x> xhttps://y `https://z` ```https://w```"},
                {"chat.postMessage", "", "@here #general @ann & <@U0ANN> *b*",
                 "@here #general @ann &amp; <@U0ANN> *b*"},
                {"chat.postMessage", "'parse':'none'", "https://x.example @here", "https://x.example @here"},
                {"chat.postMessage", "'parse':'none','link_names':true", "@here, @ann #general",
                 "<!here>, @ann #general"},
                {"chat.postMessage", "'parse':'full'", "<b> https://x.example #general @channel <!here>",
                 "&lt;b&gt; <https://x.example> <#C0GENERAL|general> <!channel> &lt;!here&gt;"},
                {"chat.postMessage", "'parse':'client'", "#general #nowhere https://x.example.",
                 "#general #nowhere <https://x.example>."},
                {"chat.postMessage", "'link_names':'1'", "a@here.example @herein #here",
                 "a@here.example @herein #here"},
                {"chat.postEphemeral", "'link_names':1", "@ann and @annie in #general!",
                 "<@U0ANN> and @annie in <#C0GENERAL|general>!"},
                {"chat.postEphemeral", "'parse':'full'", "@bob: <x>", "<@U0BOB>: &lt;x&gt;"},
                {"chat.update", "'link_names':true", "@bob https://x.example",
                 "<@U0BOB> <https://x.example>"},
                {"chat.update", "'parse':'none'", "@bob https://x.example", "@bob https://x.example"},
                {"chat.update", "", "https://x.example/ ``` <x", "<https://x.example/> ``` <x"},
        };
        _cleanup_(room_freep) Room *w = room_new();
        char ts[STATE_TS_SIZE];

        (void) state;
        memcpy(ts, room_expect(w, NULL, "chat.postMessage", "{'channel':'C0GENERAL','text':'x'}"),
               sizeof(ts));
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                bool ephemeral = str_equal(cases[i].method, "chat.postEphemeral");
                _cleanup_json_ json_t *answer =
                        room_callf(w, cases[i].method,
                                   "{'channel':'C0GENERAL','user':'U0ANN','ts':'%s','text':'%s'%s%s}", ts,
                                   cases[i].text, *cases[i].more ? "," : "", cases[i].more);
                const Ephemeral *e = ephemeral ? state_find_ephemeral(w->l.state, "C0GENERAL",
                                                                      json_str(answer, "message_ts"))
                                               : NULL;
                const json_t *message = e ? e->body : room_message(w, "C0GENERAL", json_str(answer, "ts"));

                assert_string_equal(json_str(message, "text"), cases[i].stored);
        }
}

/* Signs that begin something which never ends take no time beyond their number. */
static void test_links_in_hostile_text(void **state)
{
        static const char *const parts[] = {"<",        "`",         "```", "@", "#",
                                            "https://", "https://a", "((",  "&", "\xc3\xa9@here"};
        _cleanup_(room_freep) Room *w = room_new();

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                _cleanup_free_ char *text = repeat(parts[i], 3900 / strlen(parts[i]));

                room_expectf(w, NULL, "chat.postMessage",
                             "{'channel':'C0GENERAL','parse':'full','text':'%s'}", text);
                room_expectf(w, NULL, "chat.postMessage",
                             "{'channel':'C0GENERAL','link_names':true,'text':'%s'}", text);
        }
}

static void test_text_without_marks(void **state)
{
        _cleanup_(room_freep) Room *w = room_new();
        const json_t *message;

        (void) state;
        message = room_message(w, "C0GENERAL",
                               room_expect(w, NULL, "chat.postMessage",
                                           "{'channel':'C0GENERAL','text':'*x*','mrkdwn':false}"));
        assert_true(json_is_false(json_object_get(message, "mrkdwn")));
        message = room_message(
                w, "C0GENERAL",
                room_expect(w, NULL, "chat.postMessage", "channel=C0GENERAL&text=*x*&mrkdwn=true"));
        assert_null(json_object_get(message, "mrkdwn"));
}

static void test_alerts_are_a_switch(void **state)
{
        static const char args[] =
                "{'channel':'C0GENERAL','blocks':[{'type':'alert','text':{'type':'plain_text','text':'x'}}]}";
        static const char inside[] =
                "{'channel':'C0GENERAL','attachments':[{'blocks':[{'type':'alert','text':{'type':'plain_text','text':'x'}}]}]}";
        _cleanup_(room_freep) Room *w = room_new();

        (void) state;
        room_expect(w, NULL, "chat.postMessage", args);
        w->l.switches.alert_in_messages = false;
        room_expect(w, "invalid_blocks", "chat.postMessage", args);
        room_expect(w, "invalid_blocks", "chat.postMessage", inside);
}

/* What Slack answers is told to the developer in words of its own for each error. */
static void test_problems_in_words(void **state)
{
        static const char *const errors[] = {"not_authed",
                                             "missing_argument",
                                             "bad_timestamp",
                                             "user_not_in_channel",
                                             "restricted_action_thread_locked",
                                             "is_inactive",
                                             "invalid_metadata_schema",
                                             "stopped_by_user",
                                             "name_taken",
                                             "file_not_found",
                                             "view_not_found",
                                             "not_enabled",
                                             "time_in_past",
                                             "token_expired",
                                             "fatal_error",
                                             "session_not_found"};
        _cleanup_(room_freep) Room *w = room_new();
        const RecordRing *ring = &w->l.problems;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                _cleanup_free_ char *quoted = mem_printf("{'ok':false,'error':'%s'}", errors[i]);
                _cleanup_free_ char *begin = mem_printf("\"what\":\"%s: ", errors[i]);
                _cleanup_json_ json_t *answer = room_json(quoted);
                const char *text;

                problems_note_answer(&w->l, "auth.test", 200, answer);
                assert_int_equal(ring->count, i + 1);
                text = record_ring_at(ring, i)->text;
                assert_non_null(strstr(text, begin));
                assert_null(strstr(text, "the call was refused"));
        }
        _cleanup_json_ json_t *unknown = room_json("{'ok':false,'error':'never_heard_of'}");
        problems_note_answer(&w->l, "auth.test", 200, unknown);
        assert_non_null(
                strstr(record_ring_at(ring, ring->count - 1)->text, "never_heard_of: the call was refused"));
}

static void test_same_client_msg_id(void **state)
{
        _cleanup_(room_freep) Room *w = room_new();
        static const char args[] = "{'channel':'C0GENERAL','text':'x','client_msg_id':'6ba7b810'}";
        char ts[STATE_TS_SIZE];

        (void) state;
        memcpy(ts, room_expect(w, NULL, "chat.postMessage", args), sizeof(ts));
        assert_string_equal(room_expect(w, NULL, "chat.postMessage", args), ts);
        w->l.switches.client_msg_id = false;
        assert_string_not_equal(room_expect(w, NULL, "chat.postMessage", args), ts);
        w->l.switches.client_msg_id = true;
        memcpy(ts, room_expect(w, NULL, "chat.postMessage", args), sizeof(ts));
        room_expectf(w, NULL, "chat.delete", "{'channel':'C0GENERAL','ts':'%s'}", ts);
        room_expect(w, "duplicate_message_not_found", "chat.postMessage", args);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_lengths),
                cmocka_unit_test(test_metadata_size),
                cmocka_unit_test(test_what_an_update_keeps),
                cmocka_unit_test(test_whose),
                cmocka_unit_test(test_threads),
                cmocka_unit_test(test_scopes_of_a_post),
                cmocka_unit_test(test_attachments),
                cmocka_unit_test(test_same_client_msg_id),
                cmocka_unit_test(test_links_and_names),
                cmocka_unit_test(test_links_in_hostile_text),
                cmocka_unit_test(test_text_without_marks),
                cmocka_unit_test(test_alerts_are_a_switch),
                cmocka_unit_test(test_problems_in_words),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
