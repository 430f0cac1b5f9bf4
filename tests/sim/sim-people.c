/* People: they do what the plan says, and answer the cards that they see as the prompt's script says:
 *   0 one click    1 the same click twice   2 two people at once, different answers   3 in OpenCode's own UI
 *   4 here and there at once   5 nobody, for a long time   6 deny, skip   7 deny with a reason, send an empty
 * form 8 always, the other option   9 one click, and much later another */
#include "sim-world.h"

#include <stdio.h>

#define SWEEPS_BEFORE_BLAME 4

void people_init(void)
{
}

/* ---- clicks ---- */

typedef struct Gesture {
        unsigned user;
        int request; /* -1: Stop in `session` */
        int session;
        const char *action_id, *reply, *values;
        bool in_opencode;
} Gesture;

static const Button *button_of(const SlackMessage *m, const char *action_id, const char *reply)
{
        const Button *found = NULL;

        for (size_t i = 0; m && i < m->n_buttons; i++) {
                if (!str_starts_with(m->buttons[i].action_id, action_id))
                        continue;
                found = &m->buttons[i];
                if (!str_equal(reply, "Blue")) /* the second of the options */
                        return found;
        }
        return found;
}

static void on_gesture(void *userdata)
{
        Gesture *g = userdata;
        OcRequest *r = g->request >= 0 ? &oc.requests[g->request] : NULL;
        SlackMessage *m = r ? slack_card_of(g->request) : slack_message_at(slack.threads[g->session].card_ts);

        if (g->in_opencode)
                opencode_answer(r, g->reply, false, false);
        else if (button_of(m, g->action_id, g->reply) && !m->deleted)
                slack_click(g->user, m, button_of(m, g->action_id, g->reply), g->reply, g->values);
        free(g);
}

static void gesture(int64_t after_ms, Gesture g)
{
        Gesture *copy = mem_new(Gesture);

        *copy = g;
        sim_after(OWNER_WORLD, after_ms, on_gesture, free, copy);
}

static const char *const form_values =
        "{\"q0\":{\"choice\":{\"selected_option\":{\"value\":\"0\"}}},\"q1\":{\"choice\":{\"selected_options\":[{\"value\":\"0\"}]}}}";

static void click(int request, unsigned user, int64_t after_ms, const char *reply)
{
        const OcRequest *r = &oc.requests[request];
        Gesture g = {.user = user, .request = request, .reply = reply};

        if (r->is_question) {
                g.action_id = str_equal(reply, "reject") ? "question.reject"
                              : r->is_form               ? "question.submit"
                                                         : "question.pick";
                g.values = r->is_form ? form_values : NULL;
                if (r->is_form && !str_equal(reply, "reject"))
                        g.reply = "Red";
        } else
                g.action_id = str_equal(reply, "always")   ? "permission.always"
                              : str_equal(reply, "reject") ? "permission.deny"
                                                           : "permission.once";
        gesture(after_ms, g);
}

static const char *yes(const OcRequest *r)
{
        return r->is_question ? "Red" : "once";
}

void people_see_card(SlackMessage *m)
{
        int n = m->request;
        OcRequest *r = &oc.requests[n];
        int64_t soon_ms = sim_draw_ms(DRAW_PEOPLE, 300, 9000);

        if (n >= (int) oc.n_requests)
                return;
        switch (r->react) {
        case '0':
        case '9': click(n, 0, soon_ms, yes(r)); break;
        case '1':
                click(n, 0, soon_ms, yes(r));
                click(n, 0, soon_ms + sim_draw_ms(DRAW_PEOPLE, 1, 400), yes(r));
                break;
        case '2':
                click(n, 0, soon_ms, yes(r));
                click(n, 1, soon_ms + sim_draw_ms(DRAW_PEOPLE, 0, 300), "reject");
                break;
        case '4':
                click(n, 0,
                      MAX2(r->asked_ms + 8000 - sim_now_ms(), (int64_t) 0) + sim_draw_ms(DRAW_PEOPLE, 0, 200),
                      yes(r));
                break;
        case '6': click(n, 1, soon_ms, "reject"); break;
        case '7':
                if (r->is_question)
                        gesture(soon_ms, (Gesture){.user = 0,
                                                   .request = n,
                                                   .action_id = "question.submit",
                                                   .reply = ""});
                else
                        gesture(soon_ms, (Gesture){.user = 1,
                                                   .request = n,
                                                   .action_id = "permission.deny_reason",
                                                   .reply = "reject"});
                break;
        case '8': click(n, 0, soon_ms, r->is_question ? "Blue" : "always"); break;
        default: break;
        }
        if (r->react == '9')
                click(n, 1, soon_ms + 40000, "reject");
        if (sim_chance(DRAW_PEOPLE, 5)) /* somebody who may not is faster */
                click(n, STRANGER, soon_ms / 2, yes(r));
}

static void on_offer(void *userdata)
{
        SlackMessage *m = userdata;

        if (m->n_buttons > 0 && !m->deleted)
                slack_click(1, m, &m->buttons[0], "", NULL);
}

/* "This was said while I was away: do it now?" Some people want it, most do not. */
void people_see_offer(SlackMessage *m)
{
        if (sim_chance(DRAW_PEOPLE, 40))
                sim_after(OWNER_WORLD, sim_draw_ms(DRAW_PEOPLE, 500, 20000), on_offer, NULL, m);
}

void people_see_request(int n)
{
        OcRequest *r = &oc.requests[n];

        if (r->react == '3')
                gesture(sim_draw_ms(DRAW_PEOPLE, 200, 6000),
                        (Gesture){.request = n, .in_opencode = true, .reply = yes(r)});
        if (r->react == '4')
                gesture(8000 + sim_draw_ms(DRAW_PEOPLE, 0, 200),
                        (Gesture){.request = n,
                                  .in_opencode = true,
                                  .reply = r->is_question ? "Blue" : "reject"});
}

typedef struct Form {
        unsigned user;
        int click;
        char ref[40];
} Form;

static void on_form_sent(void *userdata)
{
        Form *f = userdata;

        sim_trace("people: U%u sends the form of click %d", f->user, f->click);
        envelope_send(
                SLACK_ENVELOPE_INTERACTIVE,
                mem_printf(
                        "{\"type\":\"view_submission\",\"team\":{\"id\":\"T1\"},\"user\":{\"id\":\"U%u\"},\"view\":{\"id\":\"V%d"
                        "\",\"hash\":\"h%d\",\"callback_id\":\"permission.deny_reason\",\"private_metadata\":\"%s\","
                        "\"state\":{\"values\":{\"reason\":{\"text\":{\"value\":\"not like this\"}}}}}}",
                        f->user, f->click, f->click, f->ref),
                -1, -1);
        free(f);
}

void people_see_form(unsigned user, int n_click, const char *ref)
{
        Form *f = mem_new(Form);

        *f = (Form){.user = user, .click = n_click};
        snprintf(f->ref, sizeof(f->ref), "%s", ref);
        sim_after(OWNER_WORLD, sim_draw_ms(DRAW_PEOPLE, 800, 5000), on_form_sent, free, f);
}

/* Somebody comes by and answers what is still open; what has no card is looked for in OpenCode, and
 * remembered. */
void people_sweep(void)
{
        for (size_t i = 0; i < oc.n_requests; i++) {
                OcRequest *r = &oc.requests[i];
                SlackMessage *m;

                if (r->state != OC_PENDING || !r->is_live || sim_now_ms() - r->asked_ms < 30000)
                        continue;
                m = slack_card_of((int) i);
                if (m && m->n_buttons > 0) {
                        click((int) i, 0, 0, yes(r));
                        continue;
                }
                if (++r->n_sweeps < SWEEPS_BEFORE_BLAME)
                        continue;
                if (!r->card_deleted && oc.sessions[r->session]->thread >= 0 && !m)
                        sim_fail("request without a card", "%s has waited for %lld s", r->id,
                                 (long long) (sim_now_ms() - r->asked_ms) / 1000);
                if (r->n_sweeps > 2 * SWEEPS_BEFORE_BLAME && !r->card_deleted)
                        sim_fail("request that cannot be answered", "%s: its card says %.60s", r->id,
                                 m ? m->text : "-");
                if (r->card_deleted)
                        opencode_answer(r, yes(r), false, false);
        }
}
