#include "core/session-again.h"

#include "core/models.h"
#include "core/say.h"
#include "core/session-requests.h"
#include "core/session-route.h"
#include "core/session.h"

#define FAILING_AFTER 2 /* of a session whose defaults do not say */

static json_t *turn_of(Flow *f)
{
        return json_object_get(flow_data(f), "turn");
}

static char *address_of(Flow *f, int64_t turn)
{
        return mem_printf("fallback:%s:%lld", flow_ref(f), (long long) turn);
}

static void tell(Flow *f, int64_t turn, const char *event, json_t *data /* stolen */)
{
        _cleanup_free_ char *address = address_of(f, turn);

        flow_send(f, address, event, data);
}

static void tell_over(Flow *f, int64_t turn, const char *what, const char *user)
{
        json_t *data = json_pack("{s:s}", "what", what);

        if (user)
                json_put_str(data, "user", user);
        tell(f, turn, "fallback.over", data);
}

/* ---- the model fails ---- */

/* Only a prompt of ours can be sent again; only profiles are looked after. */
static bool is_ours(Flow *f)
{
        return turn_of(f) && !json_bool(turn_of(f), "foreign") &&
               json_array_size(json_at(flow_data(f), "defaults.models")) > 0;
}

static void begin(Flow *f, const char *why, bool trying)
{
        const json_t *data = flow_data(f);
        PostedPlace thread = session_thread(f);
        int64_t no = json_int(turn_of(f), "no", 0);
        _cleanup_free_ char *address = address_of(f, no);
        const char *model = json_str_or(turn_of(f), "model", json_str_or(data, "oc.model", ""));

        json_put_str(turn_of(f), "fallback", "open");
        flow_spawn(f, "fallback", address, "fallback.begin",
                   json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:b, s:b, s:O?, s:O?}", "session",
                             flow_ref(f), "channel", thread.channel, "thread_ts", thread.thread_ts, "turn",
                             (json_int_t) no, "directory", json_str_or(data, "oc.directory", ""), "model",
                             model, "why", why ? why : "no reason given", "trying", trying, "auto",
                             json_bool(turn_of(f), "auto"), "profiles", json_at(data, "defaults.models"),
                             "timing", json_at(data, "defaults.fallback")));
}

void session_again_on_retry(Flow *f, const FlowEvent *ev)
{
        if (is_ours(f) && !session_again_is_wanted(f) &&
            !str_equal(json_str(turn_of(f), "fallback"), "open") &&
            json_int(ev->data, "attempt", 0) >=
                    json_int(flow_data(f), "defaults.fallback.failing_after", FAILING_AFTER))
                begin(f, json_str(ev->data, "message"), true);
}

void session_again_on_progress(Flow *f, const FlowEvent *ev)
{
        if (!str_equal(json_str(turn_of(f), "fallback"), "open") ||
            (str_empty(json_str(ev->data, "thought")) && str_empty(json_str(ev->data, "tool"))))
                return;
        json_put_str(turn_of(f), "fallback", "recovered");
        tell_over(f, json_int(turn_of(f), "no", 0), "recovered", NULL);
}

/* ---- again ---- */

bool session_again_is_wanted(Flow *f)
{
        return json_is_object(json_at(flow_data(f), "turn.again"));
}

bool session_again_is_answered(Flow *f, const TurnReading *reading)
{
        return session_again_is_wanted(f) && reading->answer && json_str(reading->answer, "finish") &&
               !json_is_object(json_at(reading->answer, "error"));
}

/* The prompt with a number of its own, which makes a message id of its own: the first of the queue. */
static void requeue(Flow *f, const json_t *prompt, const char *by)
{
        json_t *again = json_object();

        json_put_str(again, "user", json_str_or(prompt, "user", ""));
        json_put_str(again, "ts", json_str(prompt, "ts"));
        json_put_str(again, "text", json_str_or(prompt, "text", ""));
        if (json_bool(prompt, "auto") || str_equal(by, "recovery"))
                json_object_set_new(again, "auto", json_true());
        json_object_set_new(again, "repeats", json_true());
        /* The one that told OpenCode of its role may not have been read. */
        if (json_int(flow_data(f), "agent.told_n", 0) == json_int(prompt, "n", 0))
                json_object_del(json_object_get(flow_data(f), "agent"), "told_n");
        session_queue_again(f, again);
}

static void refuse(Flow *f, const FlowEvent *ev, const char *why)
{
        PostedPlace thread = session_thread(f);

        if (json_str(ev->data, "from"))
                flow_send(f, json_str(ev->data, "from"), "fallback.acted",
                          json_pack("{s:b, s:s}", "ok", false, "why", why));
        else
                say_ephemeral(f, &thread, json_str_or(ev->data, "user", ""), NULL, why);
}

static AgainPlan plan_working(Flow *f, const FlowEvent *ev)
{
        const char *user = json_str_or(ev->data, "user", ""), *from = json_str(ev->data, "from");
        int64_t no = json_int(turn_of(f), "no", 0);

        if (json_bool(turn_of(f), "foreign")) {
                refuse(f, ev, "This turn was begun in OpenCode; it cannot be sent again from here.");
                return AGAIN_NOT;
        }
        if (from && json_int(ev->data, "turn", 0) != no) {
                refuse(f, ev, "The conversation went on meanwhile; nothing was sent again.");
                return AGAIN_NOT;
        }
        if (json_str(ev->data, "model"))
                session_override(f, "model", json_str(ev->data, "model"), user);
        if (!from && str_equal(json_str(turn_of(f), "fallback"), "open"))
                tell_over(f, no, "again", user);
        json_object_set_new(turn_of(f), "again",
                            json_pack("{s:s, s:s, s:s}", "from", from ? from : "", "user", user, "by",
                                      json_str_or(ev->data, "by", "")));
        return AGAIN_ABORT_FIRST;
}

static AgainPlan plan_idle(Flow *f, const FlowEvent *ev)
{
        const json_t *failed = json_at(flow_data(f), "failed");
        const char *user = json_str_or(ev->data, "user", ""), *from = json_str(ev->data, "from");

        if (!failed || (from && json_int(failed, "turn", 0) != json_int(ev->data, "turn", 0))) {
                refuse(f, ev,
                       from ? "The conversation went on meanwhile; nothing was sent again."
                            : "The last turn did not fail. Say in a reply what is to be done again.");
                return AGAIN_NOT;
        }
        if (json_str(ev->data, "model"))
                session_override(f, "model", json_str(ev->data, "model"), user);
        if (from)
                flow_send(f, from, "fallback.acted", json_pack("{s:b}", "ok", true));
        else if (json_bool(failed, "fallback"))
                tell_over(f, json_int(failed, "turn", 0), "again", user);
        requeue(f, failed, json_str(ev->data, "by"));
        return AGAIN_NOW;
}

AgainPlan session_again_plan(Flow *f, const FlowEvent *ev)
{
        const char *step = flow_step_name(f);

        if (str_equal(step, "working"))
                return plan_working(f, ev);
        if (str_equal(step, "idle"))
                return plan_idle(f, ev);
        refuse(f, ev,
               str_equal(step, "stopping")
                       ? "The turn is being stopped; nothing was sent again."
                       : "There is no session in OpenCode. A reply in the thread begins one.");
        return AGAIN_NOT;
}

/* ---- turns end and begin ---- */

static void keep_failed(Flow *f, bool has_fallback)
{
        const json_t *turn = turn_of(f);
        json_t *failed = json_pack(
                "{s:I, s:I, s:s, s:s, s:b, s:b}", "turn", (json_int_t) json_int(turn, "no", 0), "n",
                (json_int_t) json_int(turn, "n", 0), "user", json_str_or(turn, "user", ""), "text",
                json_str_or(turn, "text", ""), "auto", json_bool(turn, "auto"), "fallback", has_fallback);

        if (json_str(turn, "ts"))
                json_put_str(failed, "ts", json_str(turn, "ts"));
        json_object_set_new(flow_data(f), "failed", failed);
}

static bool goes_again(Flow *f)
{
        const json_t *again = json_at(turn_of(f), "again");
        const char *from = json_str_or(again, "from", "");

        if (*from)
                flow_send(f, from, "fallback.acted", json_pack("{s:b}", "ok", true));
        session_requests_over(f);
        session_end_progress(f, PROGRESS_STOPPED, NULL);
        requeue(f, turn_of(f), json_str(again, "by"));
        json_object_del(flow_data(f), "turn");
        return true;
}

bool session_again_end(Flow *f, ProgressState outcome, const char *error)
{
        int64_t no = json_int(turn_of(f), "no", 0);
        bool open = str_equal(json_str(turn_of(f), "fallback"), "open") || session_again_is_wanted(f),
             failed = outcome == PROGRESS_FAILED && is_ours(f) &&
                      models_is_failure(json_str(turn_of(f), "error_name"), error);

        if (outcome != PROGRESS_DONE && session_again_is_wanted(f))
                return goes_again(f);
        /* Whatever else went wrong meanwhile (OpenCode was restarted): who was asked may still choose. */
        if (open && outcome == PROGRESS_FAILED)
                tell(f, no, "fallback.turn_over", json_pack("{s:s}", "why", error ? error : ""));
        else if (open)
                tell_over(f, no, outcome == PROGRESS_DONE ? "answered" : "stopped", NULL);
        else if (failed)
                begin(f, error, false);
        if (outcome != PROGRESS_DONE && !json_bool(turn_of(f), "foreign"))
                keep_failed(f, failed || (open && outcome == PROGRESS_FAILED));
        return false;
}

void session_again_begin(Flow *f, const json_t *turn)
{
        const json_t *failed = json_at(flow_data(f), "failed");

        if (failed && json_bool(failed, "fallback") && !json_bool(turn, "repeats"))
                tell_over(f, json_int(failed, "turn", 0), "moved_on", NULL);
        json_object_del(flow_data(f), "failed");
}
