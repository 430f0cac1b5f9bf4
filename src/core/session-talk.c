#include "core/session-talk.h"

#include "connectors/slack/slack-asks.h"
#include "core/say.h"
#include "core/session-away.h"
#include "core/session.h"

#define QUEUE_MAX 50 /* of a session whose defaults do not say */

void session_enqueue(Flow *f, const FlowEvent *ev, bool will_start)
{
        const char *user = json_str_or(ev->data, "user", ""), *ts = json_str(ev->data, "ts");
        PostedPlace thread = session_thread(f);
        size_t n = session_queue_length(f);

        if ((int64_t) n >= json_int(flow_data(f), "defaults.queue_max", QUEUE_MAX)) {
                _cleanup_free_ char *text = mem_printf(
                        "Not taken: as many messages as may wait (%zu) are waiting. Send it again when some of them are done.",
                        n);

                say_ephemeral(f, &thread, user, ":warning:", text);
                return;
        }
        n = session_queue_push(f, user, ts, json_str_or(ev->data, "text", ""));
        session_away_note(f, ev);
        if (ts)
                say_reaction(f, thread.channel, ts, "eyes");
        if (json_array_size(json_at(ev->data, "files")) > 0)
                say_ephemeral(
                        f, &thread, user, ":paperclip:",
                        "The text goes to the agent, the attached files do not; name their paths in the repository.");
        if (!will_start) {
                _cleanup_free_ char *text = mem_printf(
                        "Queued as number %zu: it goes to the agent when the current turn ends.", n);

                say_ephemeral(f, &thread, user, NULL, text);
                session_show_card(f);
        }
}

void session_say_help(Flow *f, const FlowEvent *ev)
{
        PostedPlace thread = session_thread(f);

        say_ephemeral_message(f, &thread, json_str_or(ev->data, "user", ""),
                              card_help(json_str_or(flow_data(f), "defaults.command", "/opencode"), true));
}

void session_say_status(Flow *f, const FlowEvent *ev)
{
        PostedPlace thread = session_thread(f);

        say_ephemeral_message(f, &thread, json_str_or(ev->data, "user", ""), session_card_message(f));
}

/* Who said it, and where the answer goes. */
static json_t *said_here(Flow *f, const FlowEvent *ev, const char *text)
{
        PostedPlace thread = session_thread(f);
        json_t *data = json_pack("{s:s, s:s, s:s, s:s}", "user", json_str_or(ev->data, "user", ""), "channel",
                                 thread.channel, "text", text, "command",
                                 json_str_or(flow_data(f), "defaults.command", "/opencode"));

        if (thread.thread_ts)
                json_put_str(data, "thread_ts", thread.thread_ts);
        return data;
}

void session_pass_list(Flow *f, const FlowEvent *ev)
{
        const char *text = json_str_or(ev->data, "text", ""), *bang = strchr(text, '!');
        _cleanup_free_ char *address = mem_printf("bang:%s:%s", flow_ref(f), json_str_or(ev->data, "ts", ""));

        flow_spawn(f, "command", address, "slack.command", said_here(f, ev, bang ? bang + 1 : "list"));
}

void session_pass_start(Flow *f, const FlowEvent *ev, const char *text)
{
        _cleanup_free_ char *address = mem_printf("bang:%s:%s", flow_ref(f), json_str_or(ev->data, "ts", ""));
        json_t *data = said_here(f, ev, text);

        json_object_set_new(data, "at_once", json_true());
        if (json_at(flow_data(f), "defaults"))
                json_object_set(data, "defaults", (json_t *) json_at(flow_data(f), "defaults"));
        flow_spawn(f, "start", address, "start.asked", data);
}

void session_say_unknown(Flow *f, const FlowEvent *ev, const char *word)
{
        PostedPlace thread = session_thread(f);
        _cleanup_free_ char *text =
                mem_printf("I do not know `!%s`. `!help` lists what works in a thread.", word);

        say_ephemeral(f, &thread, json_str_or(ev->data, "user", ""), ":grey_question:", text);
}

FlowVerdict session_take_edit(Flow *f, const FlowEvent *ev)
{
        PostedPlace thread = session_thread(f);
        const char *ts = json_str_or(ev->data, "ts", ""), *user = json_str_or(ev->data, "user", "");
        const char *why = json_str(ev->data, "why");
        _cleanup_free_ char *refused =
                why ? mem_printf("%s Until then the queued message stays as it was.", why) : NULL;

        if (!session_queue_edit(f, ts, json_str(ev->data, "text")))
                return FLOW_STAY;
        if (refused)
                say_ephemeral(f, &thread, user, ":warning:", refused);
        else
                say_ephemeral(f, &thread, user, NULL,
                              "The queued message was changed; the new text goes to the agent.");
        return FLOW_STAY;
}

/* The answer is the one thing that the person waits for: if Slack does not take it, they are told where it
 * is. */
static void on_answer_refused(Flow *f, const FlowEvent *ev)
{
        PostedPlace thread = session_thread(f);
        _cleanup_free_ char *text =
                mem_printf("A part of the answer cannot be shown here: Slack refused it (%s). "
                           "All of it is in OpenCode.",
                           json_str_or(ev->data, "error", "unknown"));

        say_in_thread(f, &thread, ":warning:", text);
}

FlowVerdict session_take_posted(Flow *f, const FlowEvent *ev)
{
        PostedPlace thread = session_thread(f);

        if (flow_event_is_ask(ev, SLACK_POST, "answer")) {
                if (ev->outcome != ASK_OK)
                        on_answer_refused(f, ev);
                return FLOW_STAY;
        }

        switch (posted_take_result(f, SLOT_CARD, &thread, ev)) {
        case POSTED_GONE: /* deleted; it comes back with the next change, and its thread stays the session's
                           */
                json_object_set_new(flow_data(f), "card_is_root", json_false());
                return FLOW_STAY;
        case POSTED_TAKEN: return FLOW_STAY;
        case POSTED_OTHER: break;
        }
        return posted_take_result(f, SLOT_PROGRESS, &thread, ev) == POSTED_OTHER ? FLOW_IGNORE : FLOW_STAY;
}
