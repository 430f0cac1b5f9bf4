#include "core/session-away.h"

#include "core/cards-away.h"
#include "core/catchup.h"
#include "core/say.h"
#include "core/session.h"

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
        const char *ts = json_str(ev->data, "ts");
        json_t *a;

        if (!json_bool(ev->data, "late") || !ts)
                return;
        a = away(f);
        json_put_int(a, "n", json_int(a, "n", 0) + 1);
        if (!json_str(a, "first") || ts_compare(ts, json_str(a, "first")) < 0)
                json_put_str(a, "first", ts);
        if (ts_compare(ts, json_str(a, "last")) > 0)
                json_put_str(a, "last", ts);
}

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

        if (!a)
                return;
        say_message_in_thread(f, &thread,
                              card_away(&(AwayCard){
                                      .n = (unsigned) json_int(a, "n", 0),
                                      .first_ms = ts_to_ms(json_str(a, "first")),
                                      .last_ms = ts_to_ms(json_str(a, "last")),
                                      .now_ms = flow_now_ms(f),
                                      .n_stale = (unsigned) json_int(a, "n_stale", 0),
                                      .stale_ms = ts_to_ms(json_str(a, "stale")),
                              }));
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

FlowVerdict session_take_away_event(Flow *f, const FlowEvent *ev)
{
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
