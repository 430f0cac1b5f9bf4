/* The invariants. Those of a moment are checked where it happens (a second prompt, a second post, a text in
 * the wrong thread); here stand those of the end, and what "the end" is. */
#include <stdio.h>

#include "sim-act.h"
#include "sim-journal.h"
#include "sim-world.h"

#define GESTURE_TRIES 4 /* what only answers a gesture may be given up after so many refusals */

/* ---- at every look ---- */

void check_world(void)
{
        process_check_metrics();
}

/* ---- has everything come to its end? ---- */

static bool is_final(const SimRow *flow)
{
        static const char *const finals[][2] = {{"session", "idle"},    {"session", "broken"},
                                                {"permission", "over"}, {"question", "over"},
                                                {"catchup", "waiting"}, {"notice", "offering"}};

        for (size_t i = 0; i < ELEMENTSOF(finals); i++)
                if (str_equal(flow->s[0], finals[i][0]) && str_equal(flow->s[1], finals[i][1]))
                        return true;
        return false;
}

static bool world_is_quiet(char *why, size_t size)
{
        if (slack.n_open_envelopes || slack.n_calls) {
                snprintf(why, size, "%u envelopes and %u calls are under way", slack.n_open_envelopes,
                         slack.n_calls);
                return false;
        }
        for (size_t i = 0; i < oc.n_sessions; i++)
                if (oc.sessions[i]->is_busy || (oc.sessions[i]->next && !oc.sessions[i]->deleted)) {
                        snprintf(why, size, "%s is at work", oc.sessions[i]->id);
                        return false;
                }
        for (size_t i = 0; i < oc.n_requests; i++)
                if (oc.requests[i].state == OC_PENDING) {
                        snprintf(why, size, "%s waits", oc.requests[i].id);
                        return false;
                }
        if (!oc.is_up || !bridge_is_settled()) {
                snprintf(why, size, "the bridge is not settled");
                return false;
        }
        return true;
}

bool check_is_quiet(char *why, size_t size)
{
        const SimDisk *d = process_disk();

        if (!world_is_quiet(why, size))
                return false;
        if (!process_is_idle()) {
                snprintf(why, size, "the gateway is %s; %zu asks in the journal",
                         process_is_up() ? "at work" : "down", sim_disk_n(d, TABLE_ASK));
                return false;
        }
        for (const SimRow *f = sim_disk_rows(d, TABLE_FLOW); f; f = f->hh.next)
                if (!is_final(f)) {
                        snprintf(why, size, "a %s stays in step %s", f->s[0], f->s[1]);
                        return false;
                }
        for (const SimRow *t = sim_disk_rows(d, TABLE_TIMER); t; t = t->hh.next)
                if (!str_equal(t->s[0], "forget") && !str_equal(t->s[0], "stands")) {
                        snprintf(why, size, "a timer %s is set", t->s[0]);
                        return false;
                }
        return true;
}

/* ---- rows ---- */

static void check_rows(void)
{
        const SimDisk *d = process_disk();
        size_t n_flows = sim_disk_n(d, TABLE_FLOW);

        if (sim_disk_n(d, TABLE_INBOX) > 0)
                sim_fail("event left", "%s waits in the inbox for ever", sim_disk_rows(d, TABLE_INBOX)->s[0]);
        for (const SimRow *a = sim_disk_rows(d, TABLE_ASK); a; a = a->hh.next)
                if (str_equal(a->s[6], "pending"))
                        sim_fail("ask left", "%s %s", a->s[0], a->s[4]);
        if (sim_disk_n(d, TABLE_ADDRESS) > 2 * n_flows + sim->plan->n_sessions ||
            sim_disk_n(d, TABLE_TIMER) > n_flows)
                sim_fail("rows left", "%zu flows, %zu addresses, %zu timers", n_flows,
                         sim_disk_n(d, TABLE_ADDRESS), sim_disk_n(d, TABLE_TIMER));
}

static json_t *data_of(const SimRow *flow)
{
        return flow ? json_parse(flow->s[2], strlen(flow->s[2]), NULL) : NULL;
}

/* ---- cards ---- */

static void check_session(const SimRow *flow)
{
        static const char *const words[][2] = {
                {"idle", "Finished for now"}, {"stopped", "Stopped"}, {"failed", "Failed"}};
        _cleanup_json_ json_t *data = data_of(flow);
        const char *state = json_str_or(data, "state", "?"), *word = NULL;
        const SlackMessage *card = slack_message_at(json_str(data, "card.ts"));

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (str_equal(state, words[i][0]))
                        word = words[i][1];
        if (!word || json_is_object(json_at(data, "turn")) || json_array_size(json_at(data, "queue")) > 0 ||
            json_object_size(json_at(data, "open")) > 0)
                sim_fail("session is not at rest", "%s, step %s, state %s: %.300s",
                         json_str_or(data, "title", "?"), flow->s[1], state, flow->s[2]);
        else if (card && !card->deleted && !strstr(card->text, word))
                sim_fail("card is not the truth", "the session is %s, its card says %s", state, card->text);
}

static void check_progress(void)
{
        for (size_t i = 0; i < slack.n_messages; i++) {
                const SlackMessage *m = slack.messages[i];

                if (m->user < 0 && !m->deleted && str_starts_with(m->text, "Working"))
                        sim_fail("progress left", "%s in session %d: %s", m->ts, m->session, m->text);
        }
}

static bool answers_are(const json_t *data, const char *reply)
{
        return str_equal(json_str_or(data, "answers.0.0", ""), reply);
}

/* A stop rejects what waits; a rejection in OpenCode at that moment may be told as its consequence. */
static bool was_stopped(const OcRequest *r)
{
        int thread = oc.sessions[r->session]->thread;

        for (size_t i = 0; i < sim->plan->n_actions; i++) {
                const Action *a = &sim->plan->actions[i];
                bool stops = a->kind == ACT_BANG_STOP || a->kind == ACT_CLICK_STOP;

                if (a->was_done && a->done_ms <= r->settled_ms + 1000 &&
                    (a->kind == ACT_COMMAND_STOP || (stops && a->session == thread)))
                        return true;
        }
        return false;
}

/* What OpenCode has accepted is what the flow and its card say. */
static void check_request(const OcRequest *r)
{
        _cleanup_free_ char *address = mem_printf("%s:%s", r->is_question ? "que" : "perm", r->id);
        _cleanup_json_ json_t *data = data_of(sim_disk_flow_at(process_disk(), address));
        const SlackMessage *card = slack_card_of((int) (r - oc.requests));
        const char *state = json_str_or(data, "state", "?"), *by = json_str(data, "answered_by");
        bool skipped = str_equal(r->reply, "reject"), ok;

        if (card && card->n_buttons > 0)
                sim_fail("card left open", "%s: %s", r->id, card->text);
        if (!data || r->is_moot)
                return; /* told when nobody could hear it, and settled before anybody did */
        if (r->state !=
            OC_ANSWERED) /* that nobody waits any more counts as a rejection: whose does not matter */
                ok = str_equal(state, "closed") ||
                     (str_equal(state, "answered") && !json_at(data, "answers") &&
                      str_equal(json_str_or(data, "reply", "reject"), "reject"));
        else if (!r->is_question)
                ok = (str_equal(state, "answered") && str_equal(json_str(data, "reply"), r->reply) &&
                      !by == !r->from_gateway) ||
                     (str_equal(state, "closed") && skipped && !r->from_gateway && was_stopped(r));
        else if (skipped)
                ok = str_equal(state, r->from_gateway ? "answered" : "closed") && !json_at(data, "answers") &&
                     !by == !r->from_gateway;
        else
                ok = str_equal(state, "answered") && answers_are(data, r->reply) && !by == !r->from_gateway;
        if (!ok)
                sim_fail("card is not the truth",
                         "%s (%s, %s by %s) but the flow says %s, reply %s, by %s; card: %s", r->id,
                         r->state == OC_ANSWERED ? "answered" : "over", r->reply,
                         r->from_gateway ? "us" : "others", state, json_str_or(data, "reply", "-"),
                         by ? by : "-", card ? card->text : "-");
}

/* ---- every gesture has its outcome ---- */

/* Has this person been told something in this thread since? That a message waits is no outcome. */
static bool was_told(unsigned user, int session, int64_t since_ms)
{
        unsigned n_failed = 0;

        for (size_t i = slack.n_whispers; i-- > 0;) {
                const Whisper *w = &slack.whispers[i];

                if (w->at_ms < since_ms)
                        break;
                if (w->user != (int) user || w->session != session || str_starts_with(w->text, "Queued"))
                        continue;
                if (w->arrived)
                        return true;
                n_failed++;
        }
        return n_failed >= GESTURE_TRIES;
}

static bool has_end_mark(const Action *a)
{
        const SlackMessage *m = slack_message_at(a->ts);

        return m && (m->marks & (MARK_DONE | MARK_STOPPED | MARK_WARNING));
}

static void check_prompt(const Action *a, int n)
{
        bool by_command = a->kind == ACT_START,
             is_start = by_command || a->kind == ACT_MENTION || a->kind == ACT_DIRECT;

        if (!a->was_acknowledged && a->n_prompted == 0)
                return; /* Slack has given up, and tells the person */
        if (by_command && *slack.threads[a->session].ts)
                return; /* its card says what became of it, and is looked at */
        if (a->n_prompted == 0 && (is_start || !act_is_unheard(a)) && !has_end_mark(a) && !a->was_deleted &&
            !a->n_responses && a->n_responses_failed < GESTURE_TRIES &&
            slack.threads[a->session].last_drop_ms < a->done_ms && !was_told(a->user, a->session, a->done_ms))
                sim_fail("message without an outcome", "action %d of U%u in session %d", n, a->user,
                         a->session);
        if (a->n_prompted == 1 && !by_command && !a->was_deleted && !has_end_mark(a))
                sim_fail("prompt without an end mark", "action %d of U%u in session %d", n, a->user,
                         a->session);
}

static void check_answer(const Action *a, int n)
{
        if (a->is_answer_due && a->n_answers == 0 && !slack.threads[a->session].lost_session)
                sim_fail("answer missing", "OpenCode has answered action %d in session %d", n, a->session);
}

static void check_action(const Action *a, int n)
{
        if (!a->was_done)
                return;
        switch (a->kind) {
        case ACT_MENTION:
        case ACT_DIRECT:
        case ACT_START:
        case ACT_REPLY:
        case ACT_REPLY_MENTION:
                check_prompt(a, n);
                check_answer(a, n);
                break;
        case ACT_FOREIGN:
                if (!act_is_unheard(a))
                        check_answer(a, n);
                break;
        case ACT_BANG_STATUS:
        case ACT_BANG_HELP:
        case ACT_BANG_UNKNOWN:
                if (a->was_acknowledged && !act_is_unheard(a) && !was_told(a->user, a->session, a->done_ms))
                        sim_fail("word without an answer", "action %d (%s)", n, action_name(a->kind));
                break;
        case ACT_STRANGER:
                if (a->was_acknowledged && !act_is_unheard(a) && !was_told(STRANGER, a->session, a->done_ms))
                        sim_fail("refusal not told", "action %d", n);
                break;
        case ACT_COMMAND_LIST:
        case ACT_COMMAND_STATUS:
        case ACT_COMMAND_STOP:
        case ACT_COMMAND_HELP:
                if (a->was_acknowledged && !a->n_responses && a->n_responses_failed < GESTURE_TRIES)
                        sim_fail("command without an answer", "action %d (%s)", n, action_name(a->kind));
                break;
        default: break;
        }
}

/* A session of weeks: one thread, longer than Slack gives at once (1,000), and one session of OpenCode. */
static void check_days(void)
{
        const OcSession *s = oc.sessions[0];
        _cleanup_free_ char *address = mem_printf("oc:%s", s->id);
        size_t n_replies = 0;

        for (size_t i = 0; i < slack.n_messages; i++)
                n_replies += str_equal(slack.messages[i]->thread_ts, slack.threads[0].ts);
        sim_trace("the thread has %zu replies, OpenCode %zu messages", n_replies, s->n_messages);
        if (oc.n_sessions != 1 || !sim_disk_flow_at(process_disk(), address))
                sim_fail("session did not stay", "%zu sessions in OpenCode", oc.n_sessions);
        if (sim->plan->n_days >= 60 && n_replies <= 1000)
                sim_fail("thread is short", "%zu replies", n_replies);
}

void check_end(void)
{
        if (sim->plan->n_days)
                check_days();
        check_rows();
        for (const SimRow *f = sim_disk_rows(process_disk(), TABLE_FLOW); f; f = f->hh.next)
                if (str_equal(f->s[0], "session"))
                        check_session(f);
        check_progress();
        for (size_t i = 0; i < oc.n_requests; i++)
                check_request(&oc.requests[i]);
        for (size_t i = 0; i < sim->plan->n_actions; i++)
                if (!sim->plan->actions[i].dropped)
                        check_action(&sim->plan->actions[i], (int) i);
}
