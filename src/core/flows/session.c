/* One session: a thread in Slack and a session in OpenCode, for as long as people reply.
 *
 *   opening → [preparing] → creating → idle ⇄ working → idle …
 *                 ↑         ↑ broken ┘       └→ stopping → idle
 *                 └───────────┘
 *
 * OpenCode is the source of truth. The bridge's events say that something may have changed; what is concluded
 * from them (the turn is over, this is the answer) is always read from OpenCode itself
 * (`opencode.session_messages`), so that a lost, doubled or late event can delay a conclusion, but never
 * falsify it.
 *
 * Prompts wait in our queue, not in OpenCode's: there, several of them would be answered by one message. */
#include "core/flows/flows.h"

#include "connectors/slack/markdown.h"
#include "connectors/slack/slack-asks.h"
#include "core/command.h"
#include "core/reading.h"
#include "core/say.h"
#include "core/session-again.h"
#include "core/session-away.h"
#include "core/session-choice.h"
#include "core/session-document.h"
#include "core/session-opencode.h"
#include "core/session-requests.h"
#include "core/session-route.h"
#include "core/session-talk.h"
#include "core/session-task.h"
#include "core/session-turn.h"
#include "core/session-workspace.h"
#include "core/session.h"
#include "integrations/opencode/opencode-asks.h"

#define TITLE_CHARS      80
#define LOOK_AGAIN_MS    (3 * 1000)
#define STOP_PATIENCE_MS (10 * 1000)
#define IDLE_LOOKS       2 /* so often idle without an answer: the turn was lost (OpenCode was restarted) */

static const FlowStep step_opening, step_preparing, step_creating, step_broken, step_idle, step_working,
        step_stopping;

/* ---- what every step after `opening` understands ---- */

static FlowVerdict stop(Flow *f, const FlowEvent *ev);

/* The prompt of a turn that failed, or does not get on, is sent again. */
static FlowVerdict again(Flow *f, const FlowEvent *ev)
{
        switch (session_again_plan(f, ev)) {
        case AGAIN_ABORT_FIRST: return flow_go(f, &step_stopping);
        case AGAIN_NOW: return flow_go(f, &step_working);
        case AGAIN_NOT: break;
        }
        return FLOW_STAY;
}

/* A mention in the thread of a running session arrives as another start. */
static bool is_message(const FlowEvent *ev)
{
        return flow_event_is(ev, "slack.message") || flow_event_is(ev, "slack.start");
}

/* `!word` in the thread. FLOW_IGNORE: the text is a prompt. */
static FlowVerdict on_bang(Flow *f, const FlowEvent *ev)
{
        Command c;

        if (!command_parse_bang(json_str_or(ev->data, "text", ""), &c))
                return FLOW_IGNORE;
        switch (c.verb) {
        case COMMAND_STOP: return stop(f, ev);
        case COMMAND_STATUS: session_say_status(f, ev); break;
        case COMMAND_HELP: session_say_help(f, ev); break;
        case COMMAND_MODEL: session_choice_begin(f, "model", c.rest, ev); break;
        case COMMAND_AGENT: session_choice_begin(f, "agent", c.rest, ev); break;
        case COMMAND_RETRY: return again(f, ev);
        case COMMAND_CLEANUP: session_ask_cleanup(f, ev); break;
        case COMMAND_START: session_pass_start(f, ev, c.rest); break;
        case COMMAND_LIST: session_pass_list(f, ev); break;
        case COMMAND_FOCUS:
        case COMMAND_UNKNOWN: session_say_unknown(f, ev, c.word); break;
        }
        return FLOW_STAY;
}

static FlowVerdict cleaned(Flow *f);

static FlowVerdict on_common(Flow *f, const FlowEvent *ev)
{
        FlowVerdict v = session_take_posted(f, ev);

        if (v == FLOW_IGNORE)
                v = session_take_request_event(f, ev);
        if (v == FLOW_IGNORE)
                v = session_take_away_event(f, ev);
        if (v == FLOW_IGNORE)
                v = session_take_task_event(f, ev);
        if (v == FLOW_IGNORE)
                v = session_take_choice_event(f, ev);
        if (v != FLOW_IGNORE)
                return v;
        if (flow_event_is(ev, "fallback.act") || flow_event_is(ev, "session.retry") ||
            session_choice_is_retry(ev))
                return again(f, ev);
        if (flow_event_is(ev, "slack.edited"))
                return session_take_edit(f, ev);
        if (flow_event_is(ev, "slack.refused")) {
                PostedPlace thread = session_thread(f);

                say_ephemeral(f, &thread, json_str_or(ev->data, "user", ""),
                              ":no_entry:", json_str_or(ev->data, "why", ""));
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "session.stop"))
                return stop(f, ev);
        if (flow_event_is(ev, "session.cleanup")) {
                session_ask_cleanup(f, ev);
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "session.cleaned"))
                return cleaned(f);
        if (session_take_workspace_posted(f, ev) || session_take_kept(f, ev))
                return FLOW_STAY;
        if (flow_event_is(ev, "slack.action")) /* a link button tells of its click, too */
                return str_equal(json_str(ev->data, "action_id"), "session.stop") ? stop(f, ev) : FLOW_STAY;
        /* The bridge went away while something was going on, or was not there when something began. */
        if (flow_event_is(ev, "oc.offline") || flow_event_is_timer(ev, "offline")) {
                if (flow_event_is_timer(ev, "offline") || json_at(flow_data(f), "turn"))
                        session_set_state(f, SESSION_OFFLINE);
                session_show_card(f);
                return FLOW_STAY;
        }
        return FLOW_IGNORE;
}

/* Stop, by button, `!stop` or command. Only `working` has something to stop; elsewhere the person is told. */
static FlowVerdict stop(Flow *f, const FlowEvent *ev)
{
        PostedPlace thread = session_thread(f);
        const char *user = json_str_or(ev->data, "user", "");
        const json_t *allowed = json_at(ev->data, "allowed");

        if (json_is_false(allowed)) {
                say_ephemeral(f, &thread, user,
                              ":no_entry:", json_str_or(ev->data, "why", "You may not do that here."));
                return FLOW_STAY;
        }
        if (str_equal(flow_step_name(f), "creating") || str_equal(flow_step_name(f), "preparing")) {
                session_queue_drop(f, "Stopped.");
                session_forget_workspace_ask(f);
                flow_ask_forget(f, "create");
                session_set_error(f, NULL);
                json_put_str(flow_data(f), "stopped_by", user);
                return flow_go(f, &step_broken);
        }
        if (!json_at(flow_data(f), "turn")) {
                say_ephemeral(f, &thread, user, NULL, "Nothing is running. A reply in the thread goes on.");
                return FLOW_STAY;
        }
        json_object_del(json_object_get(flow_data(f), "turn"), "again"); /* this is meant more than that */
        return flow_go(f, &step_stopping);
}

/* ---- opening: the card, which makes the thread ---- */

static void begin(Flow *f, const FlowEvent *ev)
{
        static const char *const copied[] = {"user",     "channel", "thread_ts", "response_url",
                                             "defaults", "task",    "routing"};
        json_t *data = flow_data(f);
        const char *text = json_str_or(ev->data, "text", "");
        _cleanup_free_ char *title = slack_markdown_plain(text, TITLE_CHARS);

        for (size_t i = 0; i < ELEMENTSOF(copied); i++)
                if (json_at(ev->data, copied[i]))
                        json_object_set_new(data, copied[i], json_deep_copy(json_at(ev->data, copied[i])));
        if (!session_task_begin(f, ev))
                json_put_str(data, "title", title);
        json_put_int(data, "started_ms", flow_now_ms(f));
        json_object_set_new(data, "card_is_root", json_boolean(!json_str(data, "thread_ts")));
        json_object_set_new(data, "oc", json_object());
        session_queue_push(f, json_str_or(data, "user", ""), json_str(ev->data, "ts"), text);
        session_away_note(f, ev);
        session_set_state(f, SESSION_STARTING);
        if (json_str(ev->data, "ts"))
                say_reaction(f, json_str_or(data, "channel", ""), json_str(ev->data, "ts"), "eyes");
        session_show_card(f);
}

/* The card could not be posted: the one person who waits is told why, where only they see it. */
static FlowVerdict opening_failed(Flow *f)
{
        const char *error = posted_error(f, SLOT_CARD),
                   *response_url = json_str(flow_data(f), "response_url");
        PostedPlace thread = session_thread(f);
        _cleanup_free_ char *text =
                mem_printf("The task was not started: Slack refused the message (%s). %s", error,
                           str_equal(error, "not_in_channel") || str_equal(error, "channel_not_found")
                                   ? "Invite me to this channel and try again."
                                   : "Try again, or ask your operator to look at the gateway's log.");

        if (session_tell_form(f, text))
                return FLOW_FAILED;
        if (response_url)
                say_response(f, response_url, card_notice(":warning:", text));
        else
                say_ephemeral(f, &thread, json_str_or(flow_data(f), "user", ""), ":warning:", text);
        return FLOW_FAILED;
}

/* What a session that was made, lost or restored still needs. */
static const FlowStep *next_step(Flow *f)
{
        if (session_wants_workspace(f))
                return &step_preparing;
        return json_str(flow_data(f), "oc.session_id") ? &step_idle : &step_creating;
}

/* Out of the state repository. What waits for nobody stays as it was; a reply goes on. */
static FlowVerdict restored(Flow *f, const FlowEvent *ev)
{
        if (!session_restore(f, ev))
                return FLOW_FAILED;
        if (session_queue_length(f) > 0)
                return flow_go(f, next_step(f));
        return flow_go(f, json_str(flow_data(f), "oc.session_id") ? &step_idle : &step_broken);
}

static FlowVerdict on_opening(Flow *f, const FlowEvent *ev)
{
        PostedPlace thread = session_thread(f);
        _cleanup_free_ char *address = NULL;

        if (flow_event_is(ev, "slack.start")) {
                if (json_object_size(flow_data(f)) > 0)
                        return FLOW_LATER; /* mentioned again before the card is there */
                begin(f, ev);
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "session.restored"))
                return restored(f, ev);
        if (posted_take_result(f, SLOT_CARD, &thread, ev) == POSTED_OTHER)
                return json_object_size(flow_data(f)) > 0 ? FLOW_LATER : FLOW_FAILED;
        if (!posted_ts(f, SLOT_CARD))
                return opening_failed(f);
        if (json_bool(flow_data(f), "card_is_root"))
                json_put_str(flow_data(f), "thread_ts", posted_ts(f, SLOT_CARD));
        thread = session_thread(f);
        address = mem_printf("thread:%s:%s", thread.channel, thread.thread_ts);
        flow_address_add(f, address);
        session_tell_form(f, NULL);
        session_ask_missed(f, MISSED_THREAD, address);
        return flow_go(f, next_step(f));
}
static const FlowStep step_opening = {"opening", on_opening};

/* ---- preparing: the workspace, where the task names repositories ---- */

static FlowVerdict on_preparing(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is_enter(ev)) {
                session_set_error(f, NULL);
                session_set_state(f, SESSION_STARTING);
                session_show_card(f);
                session_ask_workspace(f);
                return FLOW_STAY;
        }
        switch (session_take_workspace_event(f, ev)) {
        case WORKSPACE_MADE: return flow_go(f, &step_creating);
        case WORKSPACE_FAILED: return flow_go(f, &step_broken);
        case WORKSPACE_NEWS: return FLOW_STAY;
        case WORKSPACE_OTHER: break;
        }
        if (is_message(ev)) {
                FlowVerdict v = on_bang(f, ev);

                if (v == FLOW_IGNORE)
                        session_enqueue(f, ev, false);
                return v == FLOW_IGNORE ? FLOW_STAY : v;
        }
        return on_common(f, ev);
}
static const FlowStep step_preparing = {"preparing", on_preparing};

/* ---- creating: the session in OpenCode ---- */

static void created(Flow *f, const json_t *session)
{
        json_t *oc = json_object_get(flow_data(f), "oc");
        const char *id = json_str_or(session, "id", "");
        _cleanup_free_ char *address = mem_printf("oc:%s", id);

        flow_ask_forget(f, "create"); /* of two that were under way the other would find the same session */
        json_put_str(oc, "session_id", id);
        json_put_str(oc, "directory", json_str(session, "directory"));
        json_put_str(oc, "agent", json_str(session, "agent"));
        if (json_str(session, "model.model_id")) {
                _cleanup_free_ char *model =
                        mem_printf("%s/%s", json_str_or(session, "model.provider_id", "?"),
                                   json_str(session, "model.model_id"));

                json_put_str(oc, "model", model);
        }
        flow_address_add(f, address);
        session_ask_missed(f, MISSED_OPENCODE, address);
}

static FlowVerdict on_creating(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is_enter(ev)) {
                session_set_error(f, NULL);
                session_set_state(f, SESSION_STARTING);
                session_show_card(f);
                session_ask_create(f);
                flow_timer(f, "offline", SESSION_OFFLINE_AFTER_MS);
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, OPENCODE_SESSION_CREATE, NULL)) {
                if (ev->outcome != ASK_OK) {
                        session_set_error(f, json_str_or(ev->data, "message", "OpenCode did not answer"));
                        return flow_go(f, &step_broken);
                }
                created(f, json_at(ev->data, "session"));
                session_keep_milestone(f, "session_created");
                return flow_go(f, &step_idle);
        }
        if (is_message(ev)) {
                FlowVerdict v = on_bang(f, ev);

                if (v == FLOW_IGNORE)
                        session_enqueue(f, ev, false);
                return v == FLOW_IGNORE ? FLOW_STAY : v;
        }
        return on_common(f, ev);
}
static const FlowStep step_creating = {"creating", on_creating};

/* ---- broken: there is no session in OpenCode; a reply tries again ---- */

static FlowVerdict on_broken(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is_enter(ev)) {
                session_set_state(f, json_str(flow_data(f), "stopped_by") ? SESSION_STOPPED : SESSION_FAILED);
                json_object_del(flow_data(f), "stopped_by");
                session_show_card(f);
                return FLOW_STAY;
        }
        if (is_message(ev)) {
                FlowVerdict v = on_bang(f, ev);

                if (v != FLOW_IGNORE)
                        return v;
                session_enqueue(f, ev, true);
                return flow_go(f, next_step(f));
        }
        if (flow_event_is(ev, "session.edited")) { /* what kept it from beginning may be gone */
                session_take_task_event(f, ev);
                return session_queue_length(f) > 0 ? flow_go(f, next_step(f)) : FLOW_STAY;
        }
        if (session_take_workspace_event(f, ev) != WORKSPACE_OTHER)
                return FLOW_STAY; /* made all the same after a stop: the next reply finds it */
        if (flow_event_is_ask(ev, OPENCODE_SESSION_CREATE, NULL)) {
                if (ev->outcome != ASK_OK)
                        return FLOW_STAY; /* stopped before it was made */
                /* It was made all the same, and is to be seen in OpenCode: who types there is heard here. */
                created(f, json_at(ev->data, "session"));
                return flow_go(f, &step_idle);
        }
        return on_common(f, ev);
}
static const FlowStep step_broken = {"broken", on_broken};

/* ---- idle: a reply, or a prompt in OpenCode itself, begins a turn ---- */

/* A subagent's session comes and goes under the same root; only the root's end is the session's. */
static bool is_deletion(Flow *f, const FlowEvent *ev)
{
        return flow_event_is(ev, "oc.session.deleted") &&
               str_equal(json_str(ev->data, "session_id"), json_str(flow_data(f), "oc.session_id"));
}

static void forget_session(Flow *f)
{
        _cleanup_free_ char *address = mem_printf("oc:%s", json_str_or(flow_data(f), "oc.session_id", ""));

        flow_address_remove(f, address);
        json_object_set_new(flow_data(f), "oc", json_object());
        json_put_int(flow_data(f), "n_lost", json_int(flow_data(f), "n_lost", 0) + 1);
}

/* OpenCode does not have the session any more. Prompting it again would fail for ever; a reply begins a new
 * one. What waits was written for the one that knew the thread, and is not sent. */
static FlowVerdict session_lost(Flow *f)
{
        forget_session(f);
        session_queue_drop(f, "The session was deleted in OpenCode.");
        session_set_error(
                f,
                "the session was deleted in OpenCode; a reply begins a new one, which knows nothing of this thread");
        return flow_go(f, &step_broken);
}

/* Its workspace was removed on somebody's word, and the session in OpenCode, which worked there, with it. */
static FlowVerdict cleaned(Flow *f)
{
        if (json_at(flow_data(f), "turn"))
                session_turn_end(f, PROGRESS_FAILED, "the workspace was removed", NULL);
        json_object_del(flow_data(f), "workspace");
        forget_session(f);
        session_queue_drop(f, "The workspace was removed.");
        session_set_error(
                f, "the workspace was removed; a reply makes a new one, with a new session in OpenCode");
        json_put_str(flow_data(f), "stopped_by", "cleanup");
        session_keep_milestone(f, "session_ended");
        return flow_go(f, &step_broken);
}

/* OpenCode is at work, or has been: is it a turn that we have not seen the end of? */
static bool has_news(const FlowEvent *ev)
{
        return ev->outcome == ASK_OK && (!str_equal(json_str_or(ev->data, "status.type", "idle"), "idle") ||
                                         json_array_size(json_at(ev->data, "messages")) > 0);
}

static FlowVerdict on_idle(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is_enter(ev)) {
                if (session_queue_length(f) > 0)
                        return flow_go(f, &step_working);
                if (session_state(f) != SESSION_STOPPED && session_state(f) != SESSION_FAILED)
                        session_set_state(f, SESSION_IDLE);
                session_show_card(f);
                return FLOW_STAY;
        }
        if (is_message(ev)) {
                FlowVerdict v = on_bang(f, ev);

                if (v != FLOW_IGNORE)
                        return v;
                session_enqueue(f, ev, true);
                return flow_go(f, &step_working);
        }
        if (flow_event_is(ev, "oc.message.received")) {
                session_say_foreign(f, json_at(ev->data, "message"));
                return FLOW_STAY;
        }
        if (is_deletion(f, ev))
                return session_lost(f);
        if (flow_event_is(ev, "oc.reconcile"))
                session_reconcile_requests(f, ev);
        if (flow_event_is(ev, "oc.look"))
                session_expect_unheard(f);
        if (flow_event_is(ev, "oc.session.active") || flow_event_is(ev, "oc.look") ||
            (flow_event_is(ev, "oc.reconcile") && !str_equal(json_str(ev->data, "status"), "idle"))) {
                /* After a reconnection an event may come behind the answer to what was asked later: this may
                 * be the turn that is over already. */
                session_look(f);
                flow_timer_cancel(f, "look");
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, OPENCODE_SESSION_MESSAGES, NULL) && !session_is_of_other_turn(f, ev)) {
                session_say_unheard(f, ev);
                return has_news(ev) ? flow_go(f, &step_working) : FLOW_STAY;
        }
        return flow_event_is(ev, "oc.reconcile") ? FLOW_STAY : on_common(f, ev);
}
static const FlowStep step_idle = {"idle", on_idle};

/* ---- working: one turn, from the prompt to its answer ---- */

static FlowVerdict end_turn(Flow *f, ProgressState outcome, const char *error, const TurnReading *reading)
{
        session_turn_end(f, outcome, error, reading);
        return flow_go(f, &step_idle);
}

/* A turn that ends because OpenCode refuses; when it does not know the session, the session ends with it. */
static FlowVerdict end_refused(Flow *f, const json_t *failure, const char *otherwise)
{
        const char *error = json_str_or(failure, "message", otherwise);

        end_turn(f, PROGRESS_FAILED, error, NULL);
        return str_equal(json_str(failure, "error"), "not_found") ? session_lost(f) : flow_go(f, &step_idle);
}

/* The agent is idle and has not answered. Once may be chance (our prompt is just arriving); twice is not. */
static FlowVerdict unanswered(Flow *f, const json_t *messages, const TurnReading *reading, bool stopping)
{
        json_t *turn = json_object_get(flow_data(f), "turn");
        bool foreign = json_bool(turn, "foreign");
        const char *error = json_str(turn, "error");
        int64_t looks = json_int(turn, "idle_looks", 0) + (json_bool(turn, "asked") || foreign);

        json_put_int(turn, "idle_looks", looks);
        if (looks < IDLE_LOOKS && !error) {
                flow_timer(f, "look", LOOK_AGAIN_MS);
                return FLOW_STAY;
        }
        session_turn_remember(f, messages, reading);
        if (stopping)
                return end_turn(f, PROGRESS_STOPPED, NULL, reading);
        if (error) {
                _cleanup_free_ char *copy = mem_strdup(error); /* the turn, whose it is, ends */

                return end_turn(f, PROGRESS_FAILED, copy, reading);
        }
        if (foreign && !reading->unfinished)
                return end_turn(f, PROGRESS_DONE, NULL, reading);
        return end_turn(f, PROGRESS_FAILED,
                        "OpenCode was restarted in the middle of this turn. A reply goes on from here.",
                        reading);
}

/* A turn of very many steps is read page by page: its end is behind the first page. */
static bool turn_page(Flow *f, const json_t *messages, const TurnReading *reading)
{
        if (json_array_size(messages) < SESSION_MESSAGES_PAGE || (reading->answer && !reading->unfinished))
                return false;
        if (reading->answer) /* our prompt was on this page and will not be on the next */
                json_object_set_new(json_object_get(flow_data(f), "turn"), "asked", json_true());
        session_turn_remember(f, messages, reading);
        session_post_answers(f, reading, false);
        session_look(f);
        return true;
}

/* OpenCode has answered: it is not offline, whatever the card says. */
static void heard(Flow *f, bool stopping)
{
        flow_timer_cancel(f, "offline");
        if (session_state(f) != SESSION_OFFLINE)
                return;
        session_set_state(f, stopping ? SESSION_STOPPING : SESSION_WORKING);
        session_show_card(f);
}

static FlowVerdict on_looked(Flow *f, const FlowEvent *ev, bool stopping)
{
        const json_t *messages = json_at(ev->data, "messages");
        const json_t *turn = json_at(flow_data(f), "turn");
        bool taken = json_bool(turn, "asked") || json_bool(turn, "foreign");
        TurnReading reading = turn_read(messages, json_str(turn, "message_id"), taken);
        const char *error;

        if (ev->outcome != ASK_OK) {
                flow_timer(f, "look", LOOK_AGAIN_MS);
                return ev->outcome == ASK_PERMFAIL
                               ? end_refused(f, ev->data, "OpenCode does not show the session")
                               : FLOW_STAY;
        }
        heard(f, stopping);
        if (!str_equal(json_str_or(ev->data, "status.type", "idle"), "idle")) {
                json_object_del(json_object_get(flow_data(f), "turn"), "idle_looks");
                if (stopping) /* it has not heard, or something else began: say it again */
                        flow_timer(f, "abort", LOOK_AGAIN_MS);
                return FLOW_STAY;
        }
        if (turn_page(f, messages, &reading))
                return FLOW_STAY;
        if (!reading.answer || reading.unfinished)
                return unanswered(f, messages, &reading, stopping);
        session_turn_remember(f, messages, &reading);
        error = session_turn_error(&reading, stopping);
        return end_turn(f,
                        error                                                 ? PROGRESS_FAILED
                        : stopping && !session_again_is_answered(f, &reading) ? PROGRESS_STOPPED
                                                                              : PROGRESS_DONE,
                        error, &reading);
}

static FlowVerdict on_prompt_sent(Flow *f, const FlowEvent *ev)
{
        json_t *turn = json_object_get(flow_data(f), "turn");

        if (ev->outcome != ASK_OK)
                return end_refused(f, ev->data, "OpenCode did not take the prompt");
        json_object_set_new(turn, "asked", json_true());
        heard(f, false);
        flow_timer(f, "look", SESSION_LOOK_ANYWAY_MS);
        return FLOW_STAY;
}

/* Events of OpenCode and hints during a turn; the same while it is being stopped. */
static FlowVerdict on_turn_event(Flow *f, const FlowEvent *ev, bool stopping)
{
        if (flow_event_is(ev, "progress")) {
                json_object_set_new(json_object_get(flow_data(f), "turn"), "view", json_deep_copy(ev->data));
                session_again_on_progress(f, ev);
                session_show_progress(f, PROGRESS_WORKING, NULL, ASK_PRIORITY_PROGRESS);
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, OPENCODE_SESSION_MESSAGES, NULL))
                return session_is_of_other_turn(f, ev) ? FLOW_STAY : on_looked(f, ev, stopping);
        if (flow_event_is(ev, "oc.session.error"))
                session_turn_note_error(f, ev);
        if (flow_event_is(ev, "oc.session.idle") || flow_event_is(ev, "oc.session.error") ||
            flow_event_is_timer(ev, "look")) {
                session_look(f);
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "oc.reconcile")) {
                session_reconcile_requests(f, ev);
                heard(f, stopping);
                session_look(f);
                return FLOW_STAY;
        }
        if (is_deletion(f, ev)) {
                end_turn(f, PROGRESS_FAILED, "the session was deleted in OpenCode", NULL);
                return session_lost(f);
        }
        return FLOW_IGNORE;
}

static FlowVerdict on_working(Flow *f, const FlowEvent *ev)
{
        FlowVerdict v;

        if (flow_event_is_enter(ev)) {
                json_t *turn = session_turn_begin(f);

                session_show_card(f);
                session_show_progress(f, PROGRESS_WORKING, NULL, ASK_PRIORITY_NORMAL);
                if (!json_bool(turn, "foreign")) {
                        if (!session_look_first(f))
                                session_ask_prompt(f);
                        flow_timer(f, "look", SESSION_LOOK_ANYWAY_MS);
                } else
                        session_look(f); /* it may have ended before we knew that it began */
                return FLOW_STAY;
        }
        if (session_looked(f, ev)) {
                session_ask_prompt(f);
                return FLOW_STAY;
        }
        v = on_turn_event(f, ev, false);
        if (v != FLOW_IGNORE)
                return v;
        if (flow_event_is_ask(ev, SLACK_USER, NULL) || session_choice_is_offers_of_turn(ev) ||
            flow_event_is_ask(ev, OPENCODE_SESSION_MESSAGE, NULL)) {
                if (session_is_of_other_turn(f, ev))
                        return FLOW_STAY;
                if (flow_event_is(ev, OPENCODE_SESSION_MESSAGE))
                        return on_prompt_sent(f, ev);
                if (flow_event_is(ev, SLACK_USER))
                        session_take_name(f, ev);
                else
                        session_take_offers(f, ev);
                session_send_prompt(f);
                return FLOW_STAY;
        }
        if (is_message(ev)) {
                v = on_bang(f, ev);
                if (v == FLOW_IGNORE)
                        session_enqueue(f, ev, false);
                return v == FLOW_IGNORE ? FLOW_STAY : v;
        }
        if (flow_event_is(ev, "oc.message.received")) {
                session_say_foreign(f, json_at(ev->data, "message"));
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "oc.session.retry") || flow_event_is(ev, "oc.session.active")) {
                bool retry = flow_event_is(ev, "oc.session.retry");

                if (retry)
                        session_again_on_retry(f, ev);
                if (!retry && session_state(f) != SESSION_RETRYING && session_state(f) != SESSION_OFFLINE)
                        return FLOW_IGNORE;
                session_set_error(f, retry ? json_str(ev->data, "message") : NULL);
                session_set_state(f, retry ? SESSION_RETRYING : SESSION_WORKING);
                session_show_card(f);
                return FLOW_STAY;
        }
        return on_common(f, ev);
}
static const FlowStep step_working = {"working", on_working};

/* ---- stopping: the agent is told; what it says last is still the answer ---- */

static FlowVerdict on_stopping(Flow *f, const FlowEvent *ev)
{
        FlowVerdict v;

        if (flow_event_is_enter(ev)) {
                session_set_state(f, session_again_is_wanted(f) ? SESSION_RETRYING : SESSION_STOPPING);
                session_requests_over(f);
                if (!session_again_is_wanted(f))
                        session_queue_drop(f, "Stopped.");
                session_show_card(f);
                flow_ask_forget(f, "prompt");
                flow_ask_forget(f, "offers");
                session_ask_abort(f);
                json_object_set_new(json_object_get(flow_data(f), "turn"), "asked", json_true());
                flow_timer(f, "look", STOP_PATIENCE_MS);
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, OPENCODE_SESSION_ABORT, NULL) ||
            flow_event_is_ask(ev, OPENCODE_SESSION_MESSAGE, NULL)) {
                session_look(f);
                return FLOW_STAY;
        }
        if (flow_event_is_timer(ev, "abort")) {
                session_ask_abort(f);
                return FLOW_STAY;
        }
        v = on_turn_event(f, ev, true);
        if (v != FLOW_IGNORE)
                return v;
        if (is_message(ev)) {
                v = on_bang(f, ev);
                if (v == FLOW_IGNORE)
                        session_enqueue(f, ev, false);
                return v == FLOW_IGNORE ? FLOW_STAY : v;
        }
        return on_common(f, ev);
}
static const FlowStep step_stopping = {"stopping", on_stopping};

static const FlowStep *const steps[] = {&step_opening,  &step_creating, &step_idle, &step_working,
                                        &step_stopping, &step_broken,   NULL};
const FlowKind flow_kind_session = {.name = "session", .version = 1, .steps = steps};
