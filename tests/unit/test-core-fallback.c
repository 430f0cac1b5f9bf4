/* A model that does not answer: every order of click, recovery, end of patience and end of the turn, over the
 * pure flow; and what its cards say. */
#include "core-desk.h"

#include "core/cards-choice.h"
#include "core/models.h"

#define FALLBACK "fallback:1:7"

/* The session's end of it: counts what it was told to do. */
static FlowVerdict on_session(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is(ev, "fallback.act")) {
                json_put_int(flow_data(f), "n_acts", json_int(flow_data(f), "n_acts", 0) + 1);
                json_object_set_new(flow_data(f), "act", json_deep_copy(ev->data));
        }
        return FLOW_STAY;
}
static const FlowStep step_there = {"there", on_session};
static const FlowStep *const session_steps[] = {&step_there, NULL};
static const FlowKind session_kind = {.name = "session", .version = 1, .steps = session_steps};
static const FlowKind *const kinds[] = {&session_kind, &flow_kind_fallback, NULL};

#define STATES(_claude, _qwen)                                                                               \
        "{'profiles':[{'name':'claude','model':'a/c','state':'" _claude                                      \
        "'},{'name':'qwen','model':'o/q','state':'" _qwen "'}]}"

static Desk *new_desk(void)
{
        Desk *d = desk_new(kinds);

        d->slack_answers = true;
        desk_tell(d, "the-session", "session", "hello", "{}");
        return d;
}

static void begin(Desk *d, bool trying, bool again)
{
        _cleanup_json_ json_t *session = desk_flow(d, "session");

        desk_tell(
                d, FALLBACK, "fallback", "fallback.begin",
                "{'session':'%s','channel':'C1','thread_ts':'1.1','turn':7,'directory':'/r','model':'a/c','why':"
                "'overloaded','trying':%s,'auto':%s,'profiles':[{'name':'claude','model':'a/c'},{'name':'qwen','model':"
                "'o/q'}],'timing':{'poll_ms':30000,'wait_ms':120000}}",
                json_str(session, "ref"), trying ? "true" : "false", again ? "true" : "false");
}

static void end_models(Desk *d, const char *states)
{
        desk_end(d, desk_held(d, GATEWAY_MODELS, 0), ASK_OK, states, "");
}

/* A timer comes due, without waiting for it: only the current step's own ones can. */
static void fire(Desk *d, const char *name)
{
        _cleanup_json_ json_t *flow = desk_flow(d, "fallback");
        EventItem *item = mem_new(EventItem);

        item->name = mem_strdup(EVENT_TIMER);
        item->tag = mem_strdup(name);
        engine_push(d->engine, (int64_t) strtoull(json_str(flow, "ref"), NULL, 16), item);
        desk_tell(d, "the-session", NULL, "tick", "{}");
}

static void click(Desk *d, const char *action, const char *name, const char *user)
{
        _cleanup_json_ json_t *flow = desk_flow(d, "fallback");
        _cleanup_free_ char *address = mem_printf("flow:%s", json_str(flow, "ref"));

        desk_tell(d, address, NULL, "slack.action",
                  "{'user':'%s','action_id':'%s','value':'%s%s','allowed':true}", user, action,
                  json_str(flow, "ref"), name);
}

/* ---- every order ---- */

typedef enum Happening { RECOVERY, RETRY, SWITCH, PATIENCE, STOPPED, HAPPENINGS_N } Happening;

/* What the flow should be in, from the rules as the head of fallback.c states them. */
typedef struct Expected {
        const char *step, *outcome, *user;
        unsigned n_acts, n_told;
} Expected;

static void expect_next(Expected *e, Happening what, bool trying)
{
        bool waiting = str_equal(e->step, "offering") || str_equal(e->step, "standing");

        if (what == PATIENCE && str_equal(e->step, "offering"))
                e->step = "standing";
        else if (what == STOPPED && !str_equal(e->step, "over"))
                *e = (Expected){"over", "stopped", NULL, e->n_acts, e->n_told};
        else if (what == RECOVERY && str_equal(e->step, "offering") && !trying)
                *e = (Expected){"acting", "retried", NULL, 1, e->n_told};
        else if ((what == RETRY || what == SWITCH) && waiting)
                *e = what == RETRY ? (Expected){"acting", "retried", "U0ANN", 1, e->n_told}
                                   : (Expected){"acting", "switched", "U0BOB", 1, e->n_told};
        else if (what == RETRY || what == SWITCH)
                e->n_told++;
}

static void happen(Desk *d, Happening what, const char *step)
{
        switch (what) {
        case RECOVERY: end_models(d, STATES("healthy", "healthy")); break;
        case RETRY: click(d, "fallback.retry", "", "U0ANN"); break;
        case SWITCH: click(d, "fallback.switch.0", ":qwen", "U0BOB"); break;
        case PATIENCE:
                if (str_equal(step, "offering")) /* else it died with its step */
                        fire(d, "wait");
                break;
        case STOPPED: desk_tell(d, FALLBACK, NULL, "fallback.over", "{'what':'stopped'}"); break;
        case HAPPENINGS_N: break;
        }
}

static void check_order(const Happening *order, bool trying)
{
        Desk *d = new_desk();
        Expected e = {"offering", NULL, NULL, 0, 0};
        _cleanup_free_ char *n_acts = NULL;

        begin(d, trying, false);
        end_models(d, STATES("failing", "healthy"));
        fire(d, "poll"); /* a look is under way when all the rest happens */
        desk_expect(d, "fallback", "step", "offering");
        for (size_t i = 0; i < HAPPENINGS_N; i++) {
                happen(d, order[i], e.step);
                expect_next(&e, order[i], trying);
                desk_expect(d, "fallback", "step", e.step);
        }
        if (str_equal(e.step, "acting")) {
                desk_tell(d, FALLBACK, NULL, "fallback.acted", "{'ok':true}");
                e.step = "over";
        }
        desk_expect(d, "fallback", "step", e.step);
        desk_expect(d, "fallback", "data.outcome", e.outcome ? e.outcome : "(none)");
        n_acts = mem_printf("%u", e.n_acts);
        desk_expect(d, "session", "data.n_acts", e.n_acts ? n_acts : "(none)");
        if (str_equal(e.outcome, "switched"))
                desk_expect(d, "session", "data.act.model", "qwen");
        if (e.user)
                desk_expect(d, "fallback", "data.user", e.user);
        assert_int_equal(desk_times(d, "slack.ephemeral "), e.n_told);
        desk_free(d);
}

static void each_order(Happening *order, size_t n, bool trying, unsigned *ret_n)
{
        if (n == HAPPENINGS_N) {
                check_order(order, trying);
                ++*ret_n;
                return;
        }
        for (size_t i = n; i < HAPPENINGS_N; i++) {
                Happening was = order[n];

                order[n] = order[i];
                order[i] = was;
                each_order(order, n + 1, trying, ret_n);
                order[i] = order[n];
                order[n] = was;
        }
}

static void test_every_order(void **state)
{
        Happening order[] = {RECOVERY, RETRY, SWITCH, PATIENCE, STOPPED};
        unsigned n = 0;

        each_order(order, 0, false, &n);
        each_order(order, 0, true, &n);
        assert_int_equal(n, 240);
}

/* ---- the rest ---- */

static void test_told_before_asked(void **state)
{
        Desk *d = new_desk();

        begin(d, true, false);
        desk_tell(d, FALLBACK, NULL, "fallback.over", "{'what':'recovered'}");
        end_models(d, STATES("healthy", "healthy"));
        assert_int_equal(desk_times(d, "slack.post"), 0);
        desk_free(d);
}

static void test_only_once_without_a_person(void **state)
{
        Desk *d = new_desk();

        begin(d, false, true);
        end_models(d, STATES("failing", "healthy"));
        fire(d, "poll");
        end_models(d, STATES("healthy", "healthy"));
        desk_expect(d, "fallback", "step", "offering");
        assert_true(desk_times(d, "now a person decides") > 0);
        desk_free(d);
}

static void test_turn_over_while_trying(void **state)
{
        Desk *d = new_desk();

        begin(d, true, false);
        end_models(d, STATES("failing", "healthy"));
        assert_true(desk_times(d, "OpenCode goes on trying") > 0);
        fire(d, "poll");
        end_models(d, STATES("healthy", "healthy")); /* OpenCode is still at it: its own attempt counts */
        desk_expect(d, "fallback", "step", "offering");
        desk_tell(d, FALLBACK, NULL, "fallback.turn_over", "{'why':'gave up'}");
        assert_true(desk_times(d, "gave up") > 0);
        fire(d, "poll");
        end_models(d, STATES("healthy", "healthy"));
        desk_expect(d, "fallback", "step", "acting");
        desk_expect(d, "session", "data.act.by", "recovery");
        desk_free(d);
}

static void test_gone_again(void **state)
{
        Desk *d = new_desk();

        begin(d, true, false);
        end_models(d, STATES("failing", "healthy"));
        desk_tell(d, FALLBACK, NULL, "fallback.over", "{'what':'recovered'}");
        desk_expect(d, "fallback", "step", "over");
        end_models(d, STATES("healthy", "healthy"));
        begin(d, true, false);
        desk_expect(d, "fallback", "step", "offering");
        desk_tell(d, FALLBACK, NULL, "fallback.over", "{'what':'stopped'}");
        begin(d, true, false);
        desk_expect(d, "fallback", "step", "over");
        desk_free(d);
}

static void test_session_refuses(void **state)
{
        Desk *d = new_desk();

        begin(d, false, false);
        end_models(d, STATES("failing", "healthy"));
        click(d, "fallback.retry", "", "U0ANN");
        desk_tell(d, FALLBACK, NULL, "fallback.acted", "{'ok':false,'why':'The conversation went on.'}");
        desk_expect(d, "fallback", "data.outcome", "refused");
        assert_true(desk_times(d, "The conversation went on.") > 0);
        desk_free(d);
}

static void test_who_may_not(void **state)
{
        Desk *d = new_desk();
        _cleanup_json_ json_t *flow = NULL;
        _cleanup_free_ char *address = NULL;

        begin(d, false, false);
        end_models(d, STATES("failing", "failing"));
        assert_int_equal(desk_times(d, "fallback.switch"), 0); /* a button that leads nowhere helps nobody */
        flow = desk_flow(d, "fallback");
        address = mem_printf("flow:%s", json_str(flow, "ref"));
        desk_tell(d, address, NULL, "slack.action",
                  "{'user':'U9','action_id':'fallback.retry','value':'x','allowed':false,'why':'Not you.'}");
        desk_expect(d, "fallback", "step", "offering");
        assert_true(desk_times(d, "Not you.") > 0);
        fire(d, "poll");
        end_models(d, STATES("failing", "healthy")); /* now there is one */
        assert_true(desk_times(d, "fallback.switch.0") > 0);
        click(d, "fallback.switch.0", ":gone", "U0ANN");
        desk_expect(d, "fallback", "step", "offering");
        assert_true(desk_times(d, "not configured any more") > 0);
        desk_free(d);
}

static void test_models(void **state)
{
        _cleanup_json_ json_t *states = desk_json(STATES("failing", "unknown")), *others = NULL, *back = NULL;
        _cleanup_json_ json_t *object = models_object("vllm/Qwen/Q2");
        _cleanup_free_ char *text = models_text(object),
                            *label = models_label(json_at(states, "profiles"), "o/q");
        static const struct {
                const char *name, *message;
                bool failure;
        } errors[] = {
                {"APIError", "overloaded", true},
                {"ProviderAuthError", "no key", true},
                {"UnknownError", "Model not found: a/b.", true},
                {"UnknownError", "Unable to connect. Is the computer able to access the url?", true},
                {"UnknownError", "something of ours", false},
                {"MessageAbortedError", "aborted", false},
                {"ContextOverflowError", "too long", false},
                {NULL, NULL, false},
        };

        others = models_alternatives(json_at(states, "profiles"), "a/c");
        back = models_alternatives(json_at(states, "profiles"), "o/q");
        assert_int_equal(json_array_size(others), 1);
        assert_int_equal(json_array_size(back), 0);
        assert_string_equal(text, "vllm/Qwen/Q2");
        assert_string_equal(label, "qwen (o/q)");
        assert_string_equal(models_resolve(json_at(states, "profiles"), "qwen"), "o/q");
        assert_string_equal(models_resolve(NULL, "x/y/z"), "x/y/z");
        assert_null(models_resolve(NULL, "/y"));
        assert_null(models_resolve(NULL, NULL));
        assert_null(models_object("x/"));
        for (size_t i = 0; i < ELEMENTSOF(errors); i++)
                assert_int_equal(models_is_failure(errors[i].name, errors[i].message), errors[i].failure);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_order),
                cmocka_unit_test(test_told_before_asked),
                cmocka_unit_test(test_only_once_without_a_person),
                cmocka_unit_test(test_turn_over_while_trying),
                cmocka_unit_test(test_gone_again),
                cmocka_unit_test(test_session_refuses),
                cmocka_unit_test(test_who_may_not),
                cmocka_unit_test(test_models),
        };

        json_setup();
        return cmocka_run_group_tests_name("core-fallback", tests, NULL, NULL);
}
