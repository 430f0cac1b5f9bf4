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

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_timestamps),    cmocka_unit_test(test_threads),
                cmocka_unit_test(test_channel_limit), cmocka_unit_test(test_metadata),
                cmocka_unit_test(test_reactions),     cmocka_unit_test(test_directs_and_ephemerals),
                cmocka_unit_test(test_triggers),      cmocka_unit_test(test_response_urls),
                cmocka_unit_test(test_views),
        };

        json_setup();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
