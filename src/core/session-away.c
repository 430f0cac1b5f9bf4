#include "core/session-away.h"

#include "connectors/slack/slack-asks.h"
#include "core/cards-away.h"
#include "core/catchup.h"
#include "core/flows/flows.h"
#include "core/say.h"
#include "core/session-opencode.h"
#include "core/session.h"
#include "integrations/opencode/opencode-asks.h"

#define LOOK_PATIENCE_MS 2000
#define LOOK_FRESH_MS    (24LL * 3600 * 1000)

/* {n, first, last: ts of those taken, n_stale, stale: ts of the last that was not} */
static json_t *away(Flow *f)
{
        json_t *a = json_object_get(flow_data(f), "away");

        if (!a) {
                a = json_object();
                json_object_set_new(flow_data(f), "away", a);
        }
        return a;
}

void session_away_note(Flow *f, const FlowEvent *ev)
{
        const char *ts = json_str(ev->data, "ts"), *heard = json_str(flow_data(f), "heard");
        json_t *a;

        if (!ts)
                return;
        if (json_bool(ev->data, "doubt") && !json_str(flow_data(f), "look_from"))
                json_put_str(flow_data(f), "look_from", heard ? heard : json_str(flow_data(f), "thread_ts"));
        if (ts_compare(ts, heard) > 0)
                json_put_str(flow_data(f), "heard", ts);
        if (!json_bool(ev->data, "late"))
                return;
        a = away(f);
        json_put_int(a, "n", json_int(a, "n", 0) + 1);
        if (!json_str(a, "first") || ts_compare(ts, json_str(a, "first")) < 0)
                json_put_str(a, "first", ts);
        if (ts_compare(ts, json_str(a, "last")) > 0)
                json_put_str(a, "last", ts);
}

/* ---- before a prompt ---- */

static char *look_tag(Flow *f)
{
        return mem_printf("look#%lld", (long long) json_int(flow_data(f), "turn.no", 0));
}

static void read_thread(Flow *f, const char *tag, const char *from)
{
        _cleanup_free_ char *fresh = ts_from_ms(flow_now_ms(f) - LOOK_FRESH_MS);
        PostedPlace thread = session_thread(f);

        flow_ask(f, &(FlowAsk){.verb = GATEWAY_CATCH_UP,
                               .tag = tag,
                               .args = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "channel", thread.channel,
                                                 "ts", thread.thread_ts, "oldest", from, "from", from,
                                                 "fresh", fresh, "is_direct", thread.channel[0] == 'D')});
}

bool session_look_first(Flow *f)
{
        _cleanup_free_ char *from = mem_strdup(json_str(flow_data(f), "look_from")), *tag = look_tag(f);

        json_object_del(flow_data(f), "look_from");
        if (!from || !session_thread(f).thread_ts)
                return false;
        read_thread(f, tag, from);
        flow_timer(f, "doubt", LOOK_PATIENCE_MS);
        json_object_set_new(json_object_get(flow_data(f), "turn"), "looking", json_true());
        return true;
}

/* What was found and is older than the prompt goes first; the prompt waits in its place. */
static void put_first_things_first(Flow *f)
{
        static const char *const swapped[] = {"n", "user", "ts", "text"};
        json_t *turn = json_object_get(flow_data(f), "turn"),
               *first = json_array_get(json_at(flow_data(f), "queue"), 0);

        if (!json_str(first, "ts") || !json_str(turn, "ts") ||
            ts_compare(json_str(first, "ts"), json_str(turn, "ts")) > 0)
                return;
        session_queue_push(f, json_str_or(turn, "user", ""), json_str(turn, "ts"),
                           json_str_or(turn, "text", ""));
        first = session_queue_pop(f);
        for (size_t i = 0; i < ELEMENTSOF(swapped); i++)
                json_object_set(turn, swapped[i], json_object_get(first, swapped[i]));
        json_decref(first);
}

bool session_looked(Flow *f, const FlowEvent *ev)
{
        _cleanup_free_ char *tag = look_tag(f);
        json_t *turn = json_object_get(flow_data(f), "turn");

        if (!json_bool(turn, "looking") ||
            (!flow_event_is_timer(ev, "doubt") && !flow_event_is_ask(ev, GATEWAY_CATCH_UP, tag)))
                return false;
        json_object_del(turn, "looking");
        flow_timer_cancel(f, "doubt");
        put_first_things_first(f);
        return true;
}

/* ---- what came meanwhile ---- */

static void note_stale(Flow *f, const FlowEvent *ev)
{
        const char *ts = json_str_or(ev->data, "ts", "");
        json_t *a = away(f);

        json_put_int(a, "n_stale", json_int(a, "n_stale", 0) + 1);
        if (ts_compare(ts, json_str(a, "stale")) > 0)
                json_put_str(a, "stale", ts);
}

/* Counted in the session's own turns, so that the number is right however often the history was read. */
static void say_away(Flow *f)
{
        const json_t *a = json_at(flow_data(f), "away");
        PostedPlace thread = session_thread(f);
        _cleanup_free_ char *lane = posted_lane(&thread);
        json_t *message;

        if (!a)
                return;
        message = card_away(&(AwayCard){
                .n = (unsigned) json_int(a, "n", 0),
                .first_ms = ts_to_ms(json_str(a, "first")),
                .last_ms = ts_to_ms(json_str(a, "last")),
                .now_ms = flow_now_ms(f),
                .n_stale = (unsigned) json_int(a, "n_stale", 0),
                .stale_ms = ts_to_ms(json_str(a, "stale")),
        });
        /* Urgent: behind the answers it would announce what has been done. */
        flow_ask(f, &(FlowAsk){.verb = SLACK_POST,
                               .tag = "say",
                               .lane = lane,
                               .args = json_pack("{s:s, s:s, s:o}", "channel", thread.channel, "thread_ts",
                                                 thread.thread_ts, "message", message)});
        json_object_del(flow_data(f), "away");
}

/* What was a plain word among people is a command once it is asked for with the button. */
static char *as_command(const char *text, const char *word)
{
        static const char *const stops[] = {"stop", "abort", "cancel", "halt", "kill"};

        for (size_t i = 0; i < ELEMENTSOF(stops); i++)
                if (str_equal(word, stops[i]))
                        return mem_strdup("!stop");
        return mem_strdup(text);
}

/* What stops or destroys was meant for the moment in which it was said. */
static void offer(Flow *f, const FlowEvent *ev)
{
        PostedPlace thread = session_thread(f);
        const char *ts = json_str_or(ev->data, "ts", ""), *word = json_str_or(ev->data, "word", "");
        const char *said = json_str_or(ev->data, "text", "");
        _cleanup_free_ char *address = mem_printf("notice:withheld:%s:%s", thread.channel, ts);
        _cleanup_free_ char *to = mem_printf("flow:%s", flow_ref(f)), *text = as_command(said, word);
        _cleanup_free_ char *why =
                mem_printf("This came while I was away. `%s` is not obeyed afterwards: what it was "
                           "meant for may be over.",
                           word);
        json_t *data =
                json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "channel", thread.channel, "thread_ts",
                          thread.thread_ts, "said_ts", ts, "said", said, "why", why, "label", "Do it now");

        json_put_str(data, "user", json_str(ev->data, "user"));
        json_object_set_new(data, "send",
                            json_pack("{s:s, s:s, s:{s:s, s:s}}", "address", to, "event", "slack.message",
                                      "data", "channel", thread.channel, "text", text));
        flow_spawn(f, "notice", address, "notice.offer", data);
}

static void withdraw(Flow *f, const FlowEvent *ev)
{
        PostedPlace thread = session_thread(f);
        _cleanup_free_ char *user = session_queue_remove(f, json_str_or(ev->data, "ts", ""));

        if (!user)
                return;
        say_ephemeral(f, &thread, user, NULL, "The queued message was deleted; it does not go to the agent.");
        session_show_card(f);
}

/* ---- before there was an address ---- */

void session_ask_missed(Flow *f, const char *what, const char *address)
{
        flow_ask(f, &(FlowAsk){.verb = GATEWAY_MISSED,
                               .tag = what,
                               .args = json_pack("{s:s}", "address", address)});
}

void session_read_behind(Flow *f, const char *ts)
{
        _cleanup_free_ char *from = ts_after(ts);

        read_thread(f, MISSED_THREAD, from);
}

/* Something was. A thread is read from its first message on, in which what was heard meanwhile counts as
 * known. Of OpenCode's session the messages are read when no turn does that anyway; what its agent waits for
 * is told again. */
static void read_missed(Flow *f, const FlowEvent *ev)
{
        if (!json_bool(ev->data, "missed"))
                return;
        if (str_equal(ev->tag, MISSED_THREAD)) {
                read_thread(f, MISSED_THREAD, json_str_or(flow_data(f), "thread_ts", ""));
                return;
        }
        flow_ask(f, &(FlowAsk){.verb = OPENCODE_RECONCILE, .args = json_object()});
        if (str_equal(flow_step_name(f), "idle")) {
                session_look(f);
                flow_timer_cancel(f, "look");
        }
}

static bool take_missed(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is_ask(ev, GATEWAY_MISSED, NULL))
                read_missed(f, ev);
        else if (flow_event_is_ask(ev, GATEWAY_CATCH_UP, MISSED_THREAD))
                say_away(f);
        else
                return flow_event_is_ask(ev, OPENCODE_RECONCILE, NULL);
        return true;
}

FlowVerdict session_take_away_event(Flow *f, const FlowEvent *ev)
{
        if (take_missed(f, ev))
                return ev->outcome == ASK_OK ? FLOW_STAY : FLOW_IGNORE; /* ignored: an operator sees it */
        if (flow_event_is(ev, "slack.withheld"))
                offer(f, ev);
        else if (flow_event_is(ev, "slack.stale"))
                note_stale(f, ev);
        else if (flow_event_is(ev, "slack.deleted"))
                withdraw(f, ev);
        else if (flow_event_is(ev, "slack.caught_up"))
                say_away(f);
        else
                return FLOW_IGNORE;
        return FLOW_STAY;
}
