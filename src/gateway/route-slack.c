/* From an envelope to its acknowledgement: read, decide where it belongs, make it durable, acknowledge.
 *
 * This is the second of the four files that a click passes: connectors/slack/socket.c, this one,
 * core/flows/…, integrations/opencode/asks.c. */
#include "gateway/gateway.h"

#include "base/clock.h"
#include "base/failpoint.h"
#include "connectors/slack/inbound.h"
#include "core/start-form.h"

#define CHANNEL_PATIENCE_MS 1200 /* of Slack's three seconds */

/* An envelope that waits for its commit. */
typedef struct PendingAck {
        List link; /* in gateway->pending_acks */
        Gateway *gateway;
        char *envelope_id;
        uint64_t socket;
        int64_t since_us;
        json_t *in; /* kept while a notice may have to be said */
        char *if_unrouted, *dedup_key;
        char *address; /* where it was delivered to */
} PendingAck;

static void pending_free(PendingAck *p)
{
        list_remove(&p->link);
        free(p->envelope_id);
        free(p->if_unrouted);
        free(p->dedup_key);
        free(p->address);
        json_decref(p->in);
        free(p);
}

void route_slack_deinit(Gateway *g)
{
        list_for_each_safe (node, &g->pending_acks)
                pending_free(list_entry(node, PendingAck, link));
}

static void acknowledge_with(PendingAck *p, const char *payload)
{
        Gateway *g = p->gateway;

        FAILPOINT("slack.before_ack");
        slack_socket_ack(g->sockets, p->socket, p->envelope_id, payload);
        FAILPOINT("slack.after_ack");
        metric_observe_ms(g->m.ack_ms, (double) (clock_monotonic_us() - p->since_us) / 1000);
        pending_free(p);
}

static void acknowledge(PendingAck *p)
{
        acknowledge_with(p, NULL);
}

/* What a form has to be told at once: what is wrong with it, what a select of it offers. True when that was
 * all. */
static bool answer(PendingAck *p, const json_t *in)
{
        Gateway *g = p->gateway;
        _cleanup_json_ json_t *offer = NULL, *payload = NULL;
        _cleanup_free_ char *text = NULL;

        if (!str_equal(json_str(in, "callback_id"), START_FORM))
                return false;
        offer = gateway_offer(g);
        payload = start_form_answer(in, offer, g->intake.allow_channels);
        if (!payload)
                return false;
        text = json_dump(payload);
        acknowledge_with(p, text);
        return true;
}

static void deliver(PendingAck *p, IntakePlan *plan);

static void on_delivered(void *userdata, FlowDelivered outcome)
{
        PendingAck *p = userdata;

        if (outcome == FLOW_REFUSED) {
                /* Not acknowledged: Slack brings events again, and tells the person of a command or click. */
                metric_add(p->gateway->m.turns_refused, 1);
                pending_free(p);
                return;
        }
        if (outcome == FLOW_UNROUTED && p->if_unrouted) {
                _cleanup_(intake_plan_deinit) IntakePlan notice = {0};
                _cleanup_free_ char *text = take(p->if_unrouted);

                intake_notice(p->in, p->dedup_key, text, &notice);
                deliver(p, &notice);
                return;
        }
        if (outcome == FLOW_UNROUTED)
                missed_note(p->gateway->missed, p->address);
        acknowledge(p);
}

static void deliver(PendingAck *p, IntakePlan *plan)
{
        FAILPOINT("slack.before_deliver");
        mem_strset(&p->address, plan->address);
        flow_deliver(p->gateway->engine, &(FlowDelivery){
                                                 .address = plan->address,
                                                 .kind = plan->kind,
                                                 .event = plan->event,
                                                 .dedup_key = plan->dedup_key,
                                                 .json = json_dump(plan->data),
                                                 .done = on_delivered,
                                                 .userdata = p,
                                         });
}

static void decide(PendingAck *p, const json_t *in)
{
        Gateway *g = p->gateway;
        _cleanup_(intake_plan_deinit) IntakePlan plan = {0};

        intake_decide(&g->intake, in, &plan);
        if (!plan.address) {
                acknowledge(p);
                return;
        }
        if (plan.if_unrouted) {
                p->if_unrouted = take(plan.if_unrouted);
                p->dedup_key = mem_strdup(plan.dedup_key);
                p->in = json_incref((json_t *) in);
        }
        deliver(p, &plan);
}

/* ---- a form's channel ---- */

/* A form waits while Slack is asked whether we are in the channel that it names: in one that we are not in, a
 * thread may well begin, but its replies would never be heard. Who answers too late is not waited for. */
typedef struct ChannelLook {
        PendingAck *p; /* NULL: decided */
        json_t *in;
        unsigned n_callbacks; /* that are still to come */
} ChannelLook;

static void channel_look_end(ChannelLook *look)
{
        if (--look->n_callbacks > 0)
                return;
        if (look->p)
                pending_free(look->p);
        json_decref(look->in);
        free(look);
}

static void channel_look_drop(void *userdata)
{
        channel_look_end(userdata);
}

static void on_channel(void *userdata, const SlackWebResult *result)
{
        ChannelLook *look = userdata;
        PendingAck *p = take(look->p);
        const char *why = result->body ? start_form_channel_problem(result->body) : NULL;

        if (p && why) {
                _cleanup_json_ json_t *payload =
                        json_pack("{s:s, s:{s:s}}", "response_action", "errors", "errors", "channel", why);
                _cleanup_free_ char *text = json_dump(payload);

                acknowledge_with(p, text);
        } else if (p)
                decide(p, look->in);
        channel_look_end(look);
}

static void on_channel_late(void *userdata)
{
        ChannelLook *look = userdata;
        PendingAck *p = take(look->p);

        if (p)
                decide(p, look->in);
        channel_look_end(look);
}

static bool look_at_channel(PendingAck *p, json_t *in)
{
        const char *channel = json_str(in, "values.channel.value.selected_conversation");
        ChannelLook *look;

        if (!str_equal(json_str(in, "callback_id"), START_FORM) || !str_equal(json_str(in, "type"), "view") ||
            !channel)
                return false;
        look = mem_new(ChannelLook);
        *look = (ChannelLook){p, json_incref(in), 2};
        slack_web_later(p->gateway->web, CHANNEL_PATIENCE_MS, on_channel_late, channel_look_drop, look);
        slack_web_call_owned(p->gateway->web, "conversations.info", json_pack("{s:s}", "channel", channel),
                             on_channel, channel_look_drop, look);
        return true;
}

void gateway_on_envelope(void *userdata, const SlackEnvelope *env)
{
        Gateway *g = userdata;
        _cleanup_free_ char *error = NULL;
        _cleanup_json_ json_t *in = slack_inbound(env->type, env->payload, env->n_payload, &error);
        PendingAck *p = mem_new(PendingAck);

        p->gateway = g;
        p->envelope_id = mem_strdup(env->id);
        p->socket = env->socket;
        p->since_us = clock_monotonic_us();
        list_append(&g->pending_acks, &p->link);
        health_on_envelope(g->health, in);
        if (!in) {
                /* It will not become better by being sent again: said, counted, acknowledged. */
                log_warn("slack.route", "envelope %s cannot be read: %s", env->id, error);
                metric_add(g->m.bad_payloads, 1);
                acknowledge(p);
                return;
        }
        if (answer(p, in) || look_at_channel(p, in))
                return;
        decide(p, in);
}
