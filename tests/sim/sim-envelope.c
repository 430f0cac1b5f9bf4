/* Envelopes: from Slack to the process, with what may happen to them on the way. An event that is not
 * acknowledged within three seconds comes again, at once, after a minute and after five, under another
 * envelope id; a click or a command does not, and the person is told by Slack. */
#include "sim-world.h"

#include <stdio.h>

#define ACK_WAIT_MS     3000
#define RESPONSES_MAX   5
#define RESPONSE_AGE_MS (30 * 60 * 1000)

typedef struct Envelope {
        SlackEnvelopeType type;
        char *payload;
        int action, click;
        unsigned n_tries;
        bool acknowledged, over;
} Envelope;

typedef struct Delivery {
        size_t envelope;
        unsigned copy;
} Delivery;

typedef struct Response {
        ResponseOwner owner;
        int index;
        unsigned n_uses;
        int64_t at_ms;
} Response;

static Envelope *envelopes;
static size_t n_envelopes, size_envelopes;
static Response *responses;
static size_t n_responses, size_responses;

static void end_envelope(Envelope *e)
{
        if (e->over)
                return;
        e->over = true;
        slack.n_open_envelopes--;
}

static void on_arrive(void *userdata);

static void drop_delivery(void *userdata)
{
        free(userdata);
}

static void deliver(size_t i, int64_t after_ms, unsigned copy)
{
        Delivery *d = mem_new(Delivery);

        *d = (Delivery){i, copy};
        sim_after(OWNER_WORLD, after_ms, on_arrive, drop_delivery, d);
}

static void send_try(void *userdata);

static void on_ack_due(void *userdata)
{
        static const int64_t pauses_ms[] = {0, 60000, 300000};
        size_t i = (size_t) userdata;
        Envelope *e = &envelopes[i];

        if (e->acknowledged)
                return;
        if (e->type != SLACK_ENVELOPE_EVENT || !sim->plan->brings_again ||
            e->n_tries > ELEMENTSOF(pauses_ms)) {
                sim_trace("slack: gives envelope %zu up", i);
                end_envelope(e);
                return;
        }
        sim_after(OWNER_WORLD, pauses_ms[e->n_tries - 1], send_try, NULL, (void *) i);
}

static void send_try(void *userdata)
{
        size_t i = (size_t) userdata;
        Envelope *e = &envelopes[i];

        if (e->acknowledged)
                return;
        e->n_tries++;
        deliver(i,
                fault_hits(FAULT_DELAYED) ? sim_draw_ms(DRAW_NET, 100, 20000) : sim_draw_ms(DRAW_NET, 5, 300),
                e->n_tries * 10);
        if (fault_hits(FAULT_DOUBLED))
                deliver(i, sim_draw_ms(DRAW_NET, 5, 5000), e->n_tries * 10 + 1);
        sim_after(OWNER_WORLD, ACK_WAIT_MS, on_ack_due, NULL, (void *) i);
}

void envelope_send(SlackEnvelopeType type, char *payload, int action, int click)
{
        if (n_envelopes == size_envelopes) {
                size_envelopes = size_envelopes ? size_envelopes * 2 : 32;
                envelopes = mem_resize(envelopes, size_envelopes * sizeof(*envelopes));
        }
        envelopes[n_envelopes] =
                (Envelope){.type = type, .payload = payload, .action = action, .click = click};
        slack.n_open_envelopes++;
        slack.n_envelopes++;
        send_try((void *) n_envelopes++);
}

static void on_arrive(void *userdata)
{
        Delivery *d = userdata;
        Envelope *e = &envelopes[d->envelope];
        char id[40];

        if (process_is_connected()) {
                snprintf(id, sizeof(id), "%zu.%u", d->envelope, d->copy);
                process_take_envelope(id, e->type, e->payload);
        }
        free(d);
}

void envelope_acknowledged(const char *id)
{
        Envelope *e = &envelopes[strtoul(id, NULL, 10)];

        if (e->action >= 0)
                sim->plan->actions[e->action].was_acknowledged = true;
        if (e->click >= 0)
                slack.clicks[e->click].was_acknowledged = true;
        e->acknowledged = true;
        end_envelope(e);
}

/* ---- response_urls ---- */

char *response_url_new(ResponseOwner owner, int index)
{
        if (n_responses == size_responses) {
                size_responses = size_responses ? size_responses * 2 : 32;
                responses = mem_resize(responses, size_responses * sizeof(*responses));
        }
        responses[n_responses] = (Response){owner, index, 0, sim_now_ms()};
        return mem_printf("https://hooks.slack.com/r/%zu", n_responses++);
}

bool response_url_use(const char *url, ResponseOwner *ret_owner, int *ret_index, bool count)
{
        const char *slash = strrchr(url, '/');
        size_t i = slash ? strtoul(slash + 1, NULL, 10) : n_responses;
        Response *r;

        if (i >= n_responses)
                return false;
        r = &responses[i];
        *ret_owner = r->owner;
        *ret_index = r->index;
        if (count && (r->n_uses >= RESPONSES_MAX || sim_now_ms() - r->at_ms > RESPONSE_AGE_MS))
                return false;
        r->n_uses += count;
        if (r->owner == RESPONSE_ACTION) {
                Action *a = &sim->plan->actions[r->index];

                a->n_responses += count;
                a->n_responses_failed += !count;
        } else {
                Click *c = &slack.clicks[r->index];

                c->n_responses += count;
                c->n_responses_failed += !count;
        }
        return true;
}

void envelopes_deinit(void)
{
        for (size_t i = 0; i < n_envelopes; i++)
                free(envelopes[i].payload);
        free(take(envelopes));
        free(take(responses));
        n_envelopes = size_envelopes = n_responses = size_responses = 0;
}
