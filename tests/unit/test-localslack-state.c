/* The workspace's rules: timestamps, threads, reactions, ephemeral messages, rights that run out, views. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "state.h"
#include "tickets.h"
#include "views.h"

static int64_t now_ms = 1700000000000;

static int64_t clock_fake(void)
{
        return now_ms;
}

static json_t *body(const char *user, const char *text)
{
        return json_pack("{s:s,s:s,s:s}", "type", "message", "user", user, "text", text);
}

static void test_timestamps(void **state)
{
        _cleanup_(state_freep) State *s = state_new("octo", clock_fake);
        char before[STATE_TS_SIZE], ts[STATE_TS_SIZE];

        (void) state;
        state_next_ts(s, before);
        assert_string_equal(before, "1700000000.000000");
        for (int i = 0; i < 1000; i++) {
                state_next_ts(s, ts);
                assert_true(state_ts_valid(ts));
                assert_true(strcmp(before, ts) < 0);
                memcpy(before, ts, sizeof(ts));
        }
        now_ms -= 5000; /* the clock jumps back */
        state_next_ts(s, ts);
        assert_true(strcmp(before, ts) < 0);
        now_ms += 5000;
        assert_false(state_ts_valid("1700000000.1"));
        assert_false(state_ts_valid("1700000000"));
        assert_false(state_ts_valid(NULL));
}

static void test_threads(void **state)
{
        _cleanup_(state_freep) State *s = state_new("octo", clock_fake);
        Channel *c = state_find_channel(s, "#general");
        Message *root = state_add_message(s, c, body("U0ANN", "root"), NULL), *last = NULL;
        _cleanup_json_ json_t *shown = NULL, *reply = NULL, *bare = NULL;
        char users[][8] = {"U0BOB", "U0ANN", "U0BOB"};

        (void) state;
        bare = message_render(root, false);
        assert_null(json_object_get(bare, "thread_ts"));
        for (size_t i = 0; i < 3; i++)
                last = state_add_message(s, c, body(users[i], "reply"), root);
        shown = message_render(root, false);
        assert_string_equal(json_str(shown, "thread_ts"), root->ts);
        assert_int_equal(json_int(shown, "reply_count", 0), 3);
        assert_int_equal(json_int(shown, "reply_users_count", 0), 2);
        assert_string_equal(json_str(shown, "latest_reply"), last->ts);
        reply = message_render(last, false);
        assert_string_equal(json_str(reply, "thread_ts"), root->ts);
        assert_string_equal(json_str(reply, "parent_user_id"), "U0ANN");
        /* A parent with replies stays as a tombstone, and can still be found. */
        state_remove_message(s, c, root);
        assert_true(message_is_tombstone(channel_find_message(c, json_str(reply, "thread_ts"))));
        state_remove_message(s, c, last);
        assert_int_equal(root->n_replies, 2);
        assert_int_equal(c->n_messages, 3);
}

static void test_channel_limit(void **state)
{
        _cleanup_(state_freep) State *s = state_new("octo", clock_fake);
        Channel *c = state_find_channel(s, "general");
        Message *root = state_add_message(s, c, body("U0ANN", "root"), NULL), *reply;
        char first[STATE_TS_SIZE];

        (void) state;
        memcpy(first, root->ts, sizeof(first));
        for (size_t i = 0; i < STATE_MESSAGES_MAX - 2; i++)
                state_add_message(s, c, body("U0ANN", "x"), NULL);
        reply = state_add_message(s, c, body("U0BOB", "reply"), root);
        assert_int_equal(c->n_messages, STATE_MESSAGES_MAX);
        state_add_message(s, c, body("U0ANN", "one more"), NULL);
        assert_true(c->n_messages < STATE_MESSAGES_MAX);
        assert_null(channel_find_message(c, first));
        assert_null(reply->parent); /* what referred to the one that went is still sound */
        assert_string_equal(json_str(message_body(reply), "thread_ts"), first);
}

static void test_metadata(void **state)
{
        _cleanup_(state_freep) State *s = state_new("octo", clock_fake);
        json_t *with = body("U0BOT", "x");
        Message *m;
        _cleanup_json_ json_t *gated = NULL, *full = NULL;

        (void) state;
        json_object_set_new(with, "metadata",
                            json_pack("{s:s,s:{s:i}}", "event_type", "e", "event_payload", "id", 1));
        m = state_add_message(s, state_find_channel(s, "general"), with, NULL);
        gated = message_render(m, false);
        full = message_render(m, true);
        assert_string_equal(json_str(gated, "metadata.event_type"), "e");
        assert_null(json_at(gated, "metadata.event_payload"));
        assert_int_equal(json_int(full, "metadata.event_payload.id", 0), 1);
}

static void test_reactions(void **state)
{
        _cleanup_(state_freep) State *s = state_new("octo", clock_fake);
        Message *m = state_add_message(s, state_find_channel(s, "general"), body("U0ANN", "x"), NULL);
        char name[16];

        (void) state;
        assert_int_equal(message_add_reaction(m, "eyes", "U0ANN"), REACTION_OK);
        assert_int_equal(message_add_reaction(m, "eyes", "U0ANN"), REACTION_E_ALREADY);
        assert_int_equal(message_add_reaction(m, "eyes", "U0BOB"), REACTION_OK);
        assert_int_equal(json_int(message_body(m), "reactions.0.count", 0), 2);
        assert_int_equal(message_remove_reaction(m, "tada", "U0ANN"), REACTION_E_NONE);
        assert_int_equal(message_remove_reaction(m, "eyes", "U0ANN"), REACTION_OK);
        assert_int_equal(message_remove_reaction(m, "eyes", "U0ANN"), REACTION_E_NONE);
        assert_int_equal(message_remove_reaction(m, "eyes", "U0BOB"), REACTION_OK);
        assert_null(json_object_get(message_body(m), "reactions"));
        for (int i = 0; i < STATE_REACTIONS_MAX; i++) {
                snprintf(name, sizeof(name), "e%d", i);
                assert_int_equal(message_add_reaction(m, name, "U0ANN"), REACTION_OK);
        }
        assert_int_equal(message_add_reaction(m, "more", "U0ANN"), REACTION_E_TOO_MANY);
}

static void test_directs_and_ephemerals(void **state)
{
        _cleanup_(state_freep) State *s = state_new("octo", clock_fake);
        bool was_open;
        Channel *d = state_open_direct(s, (const char *[]){"U0ANN", BOT_USER}, 2, true, &was_open);
        Ephemeral *e;
        char ts[STATE_TS_SIZE];

        (void) state;
        assert_false(was_open);
        assert_int_equal(d->id[0], 'D');
        assert_ptr_equal(state_open_direct(s, (const char *[]){BOT_USER, "U0ANN"}, 2, true, &was_open), d);
        assert_true(was_open);
        assert_null(state_open_direct(s, (const char *[]){"U0ANN", "U0BOB"}, 2, false, &was_open));
        e = state_add_ephemeral(s, d->id, "U0ANN", body(BOT_USER, "psst"));
        memcpy(ts, e->ts, sizeof(ts));
        assert_ptr_equal(state_find_ephemeral(s, d->id, ts), e);
        assert_null(channel_find_message(d, ts));
        for (size_t i = 0; i < STATE_EPHEMERALS_MAX; i++)
                state_add_ephemeral(s, d->id, "U0ANN", body(BOT_USER, "more"));
        assert_null(state_find_ephemeral(s, d->id, ts)); /* the oldest went */
        assert_int_equal(s->n_ephemerals, STATE_EPHEMERALS_MAX);
}

static void test_triggers(void **state)
{
        Tickets *t = tickets_new();
        _cleanup_free_ char *id = mem_strdup(tickets_make_trigger(t, "U0ANN", NULL, 1000));
        _cleanup_free_ char *late = mem_strdup(tickets_make_trigger(t, "U0ANN", NULL, 1000));
        const Trigger *trigger;

        (void) state;
        assert_null(tickets_redeem_trigger(t, id, 4000, &trigger));
        assert_string_equal(trigger->user, "U0ANN");
        assert_string_equal(tickets_redeem_trigger(t, id, 4000, &trigger), "exchanged_trigger_id");
        assert_string_equal(tickets_redeem_trigger(t, late, 4001, &trigger), "expired_trigger_id");
        assert_string_equal(tickets_redeem_trigger(t, "nonsense", 4001, &trigger), "invalid_trigger_id");
        assert_string_equal(tickets_redeem_trigger(t, "999999.1.00", 4001, &trigger), "invalid_trigger_id");
        for (size_t i = 0; i < TRIGGERS_MAX; i++)
                tickets_make_trigger(t, "U0BOB", NULL, 5000);
        assert_string_equal(tickets_redeem_trigger(t, id, 5000, &trigger), "expired_trigger_id");
        tickets_free(t);
}

static void test_response_urls(void **state)
{
        Tickets *t = tickets_new();
        ResponseUrl *u = tickets_make_url(t, "C1", "U0ANN", NULL, NULL, 0), *same;
        _cleanup_free_ char *key = mem_strdup(u->key);

        (void) state;
        for (int i = 0; i < RESPONSE_URL_USES_MAX; i++) {
                assert_null(tickets_use_url(t, key, RESPONSE_URL_LIFE_MS, &same));
                assert_ptr_equal(same, u);
        }
        assert_string_equal(tickets_use_url(t, key, 0, &same), "used_url");
        assert_string_equal(tickets_use_url(t, key, RESPONSE_URL_LIFE_MS + 1, &same), "expired_url");
        assert_string_equal(tickets_use_url(t, "0-0", 0, &same), "expired_url");
        assert_string_equal(tickets_use_url(t, "bench", 0, &same), "expired_url");
        tickets_free(t);
}

static void test_views(void **state)
{
        _cleanup_(state_freep) State *s = state_new("octo", clock_fake);
        Views *v = views_new();
        _cleanup_json_ json_t *modal =
                json_pack("{s:s,s:s,s:[]}", "type", "modal", "external_id", "mine", "blocks");
        _cleanup_json_ json_t *plain = json_pack("{s:s,s:[]}", "type", "modal", "blocks");
        View *a, *b, *c, *d;
        _cleanup_free_ char *hash = NULL;

        (void) state;
        assert_null(views_open(v, s, "U0ANN", modal, &a));
        assert_string_equal(views_open(v, s, "U0BOB", modal, &b), "duplicate_external_id");
        assert_null(views_push(v, s, "U0ANN", plain, &b));
        assert_string_equal(b->previous_id, a->id);
        assert_string_equal(b->root_id, a->id);
        assert_null(views_push(v, s, "U0ANN", plain, &c));
        assert_string_equal(views_push(v, s, "U0ANN", plain, &d), "push_limit_reached");
        hash = mem_strdup(c->hash);
        assert_null(views_update(v, s, c, plain, hash));
        assert_string_equal(views_update(v, s, c, plain, hash), "hash_conflict");
        views_close(v, c);
        assert_ptr_equal(views_find_top(v, "U0ANN"), b);
        assert_null(views_open(v, s, "U0ANN", plain, &d)); /* a new root replaces the stack */
        assert_int_equal(v->n, 1);
        views_free(v);
}

static void test_rest_of_a_channel(void **state)
{
        _cleanup_(state_freep) State *s = state_new("octo", clock_fake);
        Channel *c = state_find_channel(s, "general");
        const Message *m = state_add_message(s, c, body("U0ANN", "x"), NULL);
        char name[32], ts[STATE_TS_SIZE];

        (void) state;
        assert_true(channel_remove_member(c, "U0ANN"));
        assert_false(channel_remove_member(c, "U0ANN"));
        for (int i = 0; i < 3 * STATE_NAMES_KEPT; i++) {
                snprintf(name, sizeof(name), "name-%d", i);
                channel_rename(c, name);
        }
        assert_int_equal(json_array_size(c->previous_names), STATE_NAMES_KEPT);
        assert_string_equal(json_str(c->previous_names, "0"), "name-58");
        memcpy(ts, m->ts, sizeof(ts));
        assert_true(channel_add_pin(c, ts, "U0BOB", 1));
        assert_false(channel_add_pin(c, ts, "U0BOB", 1));
        for (int i = 1; i < STATE_PINS_MAX; i++) {
                m = state_add_message(s, c, body("U0ANN", "x"), NULL);
                assert_true(channel_add_pin(c, m->ts, "U0BOB", 1));
        }
        m = state_add_message(s, c, body("U0ANN", "x"), NULL);
        assert_false(channel_add_pin(c, m->ts, "U0BOB", 1));
        state_remove_message(s, c, channel_find_message(c, ts)); /* its pin goes with it */
        assert_true(channel_add_pin(c, m->ts, "U0BOB", 1));
        for (int i = 0; i < 2 * STATE_REVOKED_MAX; i++) {
                snprintf(name, sizeof(name), "xoxb-%d", i);
                state_revoke_token(s, name);
                assert_true(state_token_revoked(s, name));
        }
        assert_false(state_token_revoked(s, "xoxb-0"));
}

/* A workspace with something of everything. */
static State *furnished(void)
{
        State *s = state_new("octo", clock_fake);
        Channel *c = state_find_channel(s, "general");
        Message *root = state_add_message(s, c, body("U0ANN", "root"), NULL);

        state_add_message(s, c, body("U0BOB", "reply"), root);
        message_add_reaction(root, "eyes", "U0BOB");
        channel_add_pin(c, root->ts, "U0ANN", 7);
        channel_rename(c, "general-2");
        channel_note_set(&c->topic, "t", "U0ANN", 8);
        c->is_archived = true;
        json_array_append_new(c->bookmarks, json_pack("{s:s}", "id", "Bk1"));
        json_object_set_new(c->last_read, "U0ANN", json_string(root->ts));
        state_find_user(s, "U0BOB")->is_deleted = true;
        mem_strset(&state_find_user(s, "U0ANN")->title, "Head of Coffee");
        state_add_ephemeral(s, c->id, "U0ANN", body("U0BOT", "psst"));
        state_note_client_msg_id(s, "id-1", c->id, root->ts);
        state_revoke_token(s, "xoxb-old");
        return s;
}

static void test_save_and_load(void **state)
{
        _cleanup_(state_freep) State *s = furnished(), *t = state_new("other", clock_fake);
        _cleanup_json_ json_t *saved = state_save(s), *again = NULL;
        const Channel *c;
        char ts[STATE_TS_SIZE], after[STATE_TS_SIZE];

        (void) state;
        assert_true(state_load(t, saved));
        again = state_save(t);
        assert_true(json_equal(saved, again));
        c = state_find_channel(t, "general-2");
        assert_int_equal(c->messages[0]->n_replies, 1);
        assert_ptr_equal(c->messages[1]->parent, c->messages[0]);
        assert_true(state_token_revoked(t, "xoxb-old"));
        /* What comes next is newer than all that there was. */
        state_next_ts(s, ts);
        state_next_ts(t, after);
        assert_string_equal(ts, after);
}

static void test_load_of_nonsense(void **state)
{
        static const struct {
                const char *path, *key; /* the member that is broken */
                const char *value;
        } rows[] = {
                {NULL, "version", "2"},
                {NULL, "users", "{}"},
                {NULL, "users", "[{}]"},
                {NULL, "channels", "[{\"id\":\"C1\"}]"},
                {NULL, "channels", "[{\"id\":\"C1\",\"kind\":9}]"},
                {NULL, "channels", "[{\"id\":\"C1\",\"kind\":0},{\"id\":\"C1\",\"kind\":0}]"},
                {NULL, "ephemerals", "[1]"},
                {"channels.0", "messages", "[{\"body\":{\"ts\":\"1\"}}]"},
                {"channels.0", "messages",
                 "[{\"body\":{\"ts\":\"1700000000.000002\"}},{\"body\":{\"ts\":\"1700000000.000001\"}}]"},
        };
        _cleanup_(state_freep) State *s = furnished(), *t = state_new("other", clock_fake);
        _cleanup_json_ json_t *before = state_save(t);

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_json_ json_t *saved = state_save(s), *deep = json_deep_copy(saved), *now = NULL;
                json_t *at = rows[i].path ? (json_t *) json_at(deep, rows[i].path) : deep;

                json_object_set_new(at, rows[i].key, json_loads(rows[i].value, JSON_DECODE_ANY, NULL));
                assert_false(state_load(t, deep));
                now = state_save(t);
                assert_true(json_equal(before, now));
        }
}

static void test_views_saved(void **state)
{
        _cleanup_(state_freep) State *s = state_new("octo", clock_fake);
        Views *v = views_new(), *w = views_new();
        json_t *modal = json_pack("{s:s,s:[]}", "type", "modal", "blocks"), *saved, *again;
        View *view;

        (void) state;
        assert_null(views_open(v, s, "U0ANN", modal, &view));
        assert_null(views_push(v, s, "U0ANN", modal, &view));
        assert_null(views_publish(v, s, "U0BOB", modal, &view));
        assert_string_equal(views_push(v, s, "U0BOB", modal, &view), "not_found"); /* no modal is open */
        saved = views_save(v);
        assert_true(views_load(w, saved));
        again = views_save(w);
        assert_true(json_equal(saved, again));
        json_array_append_new(saved, json_object());
        assert_false(views_load(w, saved));
        assert_int_equal(w->n, 3);
        json_decref(modal);
        json_decref(saved);
        json_decref(again);
        views_free(v);
        views_free(w);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_timestamps),    cmocka_unit_test(test_threads),
                cmocka_unit_test(test_channel_limit), cmocka_unit_test(test_metadata),
                cmocka_unit_test(test_reactions),     cmocka_unit_test(test_directs_and_ephemerals),
                cmocka_unit_test(test_triggers),      cmocka_unit_test(test_response_urls),
                cmocka_unit_test(test_views),         cmocka_unit_test(test_rest_of_a_channel),
                cmocka_unit_test(test_save_and_load), cmocka_unit_test(test_load_of_nonsense),
                cmocka_unit_test(test_views_saved),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
