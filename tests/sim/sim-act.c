/* The actions of the plan, done when their time comes and if they are possible then. */
#include "sim-act.h"

#include <stdio.h>

#include "sim-journal.h"
#include "sim-world.h"

static void prompt_text(char out[64], const Action *a, int n, const char *word)
{
        char tag[24];

        tag_print(tag, a->session, n);
        snprintf(out, 64, "%s %s", tag, word);
}

static void write_start(Action *a, int n)
{
        Thread *t = &slack.threads[a->session];
        bool direct = a->kind == ACT_DIRECT;
        char text[64];
        SlackMessage *m;

        prompt_text(text, a, n, "please");
        t->channel = direct ? 2 : (unsigned) a->session % 2;
        m = slack_write(n, a->user, t->channel, NULL, text, !direct);
        memcpy(t->ts, m->ts, sizeof(t->ts));
        m->session = a->session;
}

static void start_by_command(Action *a, int n)
{
        char text[64], tag[24];

        tag_print(tag, a->session, n);
        snprintf(text, sizeof(text), "start %s please", tag);
        slack_command(n, a->user, (unsigned) a->session % 2, text);
}

static bool write_reply(Action *a, int n, const char *text, bool mention)
{
        const Thread *t = &slack.threads[a->session];
        const SlackMessage *parent = slack_message_at(t->ts);

        if (!parent || !slack_is_shown(parent))
                return false;
        slack_write(n, a->kind == ACT_STRANGER ? STRANGER : a->user, t->channel, t->ts, text, mention);
        return true;
}

static bool reply(Action *a, int n)
{
        char text[64];

        prompt_text(text, a, n, "and");
        return write_reply(a, n, text, a->kind == ACT_REPLY_MENTION);
}

static SlackMessage *message_of(const Action *a)
{
        return a->of >= 0 ? slack_message_at(sim->plan->actions[a->of].ts) : NULL;
}

static bool edit(Action *a)
{
        SlackMessage *m = message_of(a);
        char text[64];

        if (!m || m->deleted)
                return false;
        prompt_text(text, &sim->plan->actions[a->of], a->of, "instead");
        sim->plan->actions[a->of].was_edited = true;
        slack_edit(m, text);
        return true;
}

static bool delete (Action *a)
{
        SlackMessage *m = message_of(a);

        if (!m || m->deleted)
                return false;
        sim->plan->actions[a->of].was_deleted = true;
        slack_delete(m);
        return true;
}

static bool click_stop(Action *a)
{
        SlackMessage *m = slack_message_at(slack.threads[a->session].card_ts);

        for (size_t i = 0; m && !m->deleted && i < m->n_buttons; i++)
                if (str_equal(m->buttons[i].action_id, "session.stop")) {
                        slack_click(a->user, m, &m->buttons[i], "", NULL);
                        return true;
                }
        return false;
}

static bool in_opencode(Action *a, int n)
{
        OcSession *s = oc.is_up ? opencode_session_of_thread(a->session) : NULL;

        if (!s)
                return false;
        if (a->kind == ACT_FOREIGN)
                opencode_user_prompt(s, n);
        else if (a->kind == ACT_FOREIGN_ABORT)
                opencode_user_abort(s);
        else
                opencode_user_delete(s);
        return true;
}

/* A moderator deletes the newest message of ours in the thread. */
static bool delete_card(Action *a)
{
        for (size_t i = slack.n_messages; i-- > 0;) {
                SlackMessage *m = slack.messages[i];

                if (m->user >= 0 || m->deleted || m->session != a->session)
                        continue;
                m->deleted = true;
                /* Whether it was there cannot be found out any more: it may come again, or not. */
                for (size_t k = 0; k < m->n_answers; k++) {
                        sim->plan->actions[m->answers[k]].n_answers = 0;
                        sim->plan->actions[m->answers[k]].is_answer_due = false;
                }
                if (m->request >= 0)
                        oc.requests[m->request].card_deleted = true;
                sim_trace("slack: a moderator deletes %s: %.60s", m->ts, m->text);
                return true;
        }
        return false;
}

static bool perform(Action *a, int n)
{
        switch (a->kind) {
        case ACT_MENTION:
        case ACT_DIRECT: write_start(a, n); return true;
        case ACT_START: start_by_command(a, n); return true;
        case ACT_REPLY:
        case ACT_REPLY_MENTION:
        case ACT_STRANGER: return reply(a, n);
        case ACT_EDIT: return edit(a);
        case ACT_DELETE: return delete (a);
        case ACT_BANG_STOP: return write_reply(a, n, "!stop", false);
        case ACT_BANG_STATUS: return write_reply(a, n, "!status", false);
        case ACT_BANG_HELP: return write_reply(a, n, "!help", false);
        case ACT_BANG_UNKNOWN: return write_reply(a, n, "!dance", false);
        case ACT_CLICK_STOP: return click_stop(a);
        case ACT_COMMAND_LIST: slack_command(n, a->user, 0, "list"); return true;
        case ACT_COMMAND_STATUS: slack_command(n, a->user, 0, "status"); return true;
        case ACT_COMMAND_STOP: slack_command(n, a->user, 0, "stop"); return true;
        case ACT_COMMAND_HELP: slack_command(n, a->user, 0, "help"); return true;
        case ACT_FOREIGN:
        case ACT_FOREIGN_ABORT:
        case ACT_DELETE_SESSION: return in_opencode(a, n);
        case ACT_DELETE_CARD: return delete_card(a);
        case N_ACTION_KINDS: break;
        }
        return false;
}

bool act_is_unheard(const Action *a)
{
        const Thread *t = &slack.threads[a->session];
        const OcSession *s = a->kind == ACT_FOREIGN ? opencode_session_of_thread(a->session) : NULL;
        _cleanup_free_ char *address =
                s ? mem_printf("oc:%s", s->id)
                  : mem_printf("thread:%c%u:%s", t->channel == 2 ? 'D' : 'C', t->channel, t->ts);

        return !sim_disk_flow_at(process_disk(), address);
}

void act(void *userdata)
{
        int n = (int) (size_t) userdata;
        Action *a = &sim->plan->actions[n];

        a->done_ms = sim_now_ms();
        sim_trace("people: U%u: %s (action %d, session %d)", a->user, action_name(a->kind), n, a->session);
        a->was_done = perform(a, n);
}
