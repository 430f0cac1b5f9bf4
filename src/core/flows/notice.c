/* Something that has to be said once to people who addressed nothing that could answer: a refusal, a click on
 * a card whose session is gone, a word that was found in the history and is not obeyed unasked. A flow of its
 * own, so that even this survives a crash between the acknowledgement and the answer.
 *
 *   saying → (over)                 a notice: said once
 *   saying → offering → (over)      an offer: a card with a button that does what was said after all */
#include "core/flows/flows.h"

#include "connectors/slack/slack-asks.h"
#include "core/cards-away.h"
#include "core/catchup.h"
#include "core/say.h"

#define SLOT_OFFER      "offer"
#define OFFER_STANDS_MS (7LL * 24 * 3600 * 1000)

static const FlowStep step_offering;

static PostedPlace place_of(const json_t *data)
{
        return (PostedPlace){.channel = json_str_or(data, "channel", ""),
                             .thread_ts = json_str(data, "thread_ts")};
}

static void show_offer(Flow *f)
{
        const json_t *data = flow_data(f);
        PostedPlace place = place_of(data);
        const char *said_ts = json_str(data, "said_ts");

        posted_show(f, SLOT_OFFER, &place,
                    card_offer(&(OfferCard){
                            .ref = flow_ref(f),
                            .said = json_str_or(data, "said", json_str_or(data, "send.data.text", "")),
                            .user = json_str(data, "user"),
                            .why = json_str_or(data, "why", ""),
                            .label = json_str_or(data, "label", "Do it now"),
                            .taken_by = json_str(data, "taken_by"),
                            .expired = json_bool(data, "expired"),
                            .said_ms = ts_to_ms(said_ts),
                            .now_ms = flow_now_ms(f),
                    }),
                    ASK_PRIORITY_URGENT);
}

/* {channel, thread_ts, user, said_ts, said? (else the data's text), why, label, send: {address, event, data,
 * kind?}} */
static FlowVerdict begin_offer(Flow *f, const FlowEvent *ev)
{
        json_object_update_missing(flow_data(f), (json_t *) ev->data);
        show_offer(f);
        return flow_go(f, &step_offering);
}

static FlowVerdict on_saying(Flow *f, const FlowEvent *ev)
{
        const char *response_url, *user;

        if (flow_event_is(ev, "notice.offer"))
                return begin_offer(f, ev);
        if (!flow_event_is(ev, "notice.say"))
                return FLOW_DONE; /* said, or it cannot be said */
        response_url = json_str(ev->data, "response_url");
        user = json_str(ev->data, "user");
        if (response_url)
                say_response(f, response_url,
                             card_notice(json_str(ev->data, "emoji"), json_str_or(ev->data, "text", "")));
        else if (user && json_str(ev->data, "channel")) {
                PostedPlace place = place_of(ev->data);

                say_ephemeral(f, &place, user, json_str(ev->data, "emoji"),
                              json_str_or(ev->data, "text", ""));
        } else
                return FLOW_DONE;
        return FLOW_STAY;
}
static const FlowStep step_saying = {"saying", on_saying};

/* ---- offering ---- */

/* What was said, as if the one who presses the button said it now. */
static void perform(Flow *f, const char *user)
{
        const json_t *send = json_at(flow_data(f), "send");
        json_t *data = json_deep_copy(json_at(send, "data"));

        json_put_str(data, "user", user);
        flow_spawn(f, json_str(send, "kind"), json_str_or(send, "address", ""),
                   json_str_or(send, "event", ""), data);
        json_put_str(flow_data(f), "taken_by", user);
}

static bool is_over(Flow *f)
{
        return json_str(flow_data(f), "taken_by") || json_bool(flow_data(f), "expired");
}

static FlowVerdict on_offering(Flow *f, const FlowEvent *ev)
{
        PostedPlace place = place_of(flow_data(f));
        const char *user = json_str_or(ev->data, "user", "");

        if (flow_event_is_enter(ev)) {
                flow_timer(f, "stands", OFFER_STANDS_MS);
                return FLOW_STAY;
        }
        if (flow_event_is_timer(ev, "stands")) {
                if (is_over(f))
                        return FLOW_DONE;
                json_object_set_new(flow_data(f), "expired", json_true());
                show_offer(f);
                flow_timer(f, "stands", OFFER_STANDS_MS);
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "slack.action")) {
                if (!json_bool(ev->data, "allowed"))
                        say_ephemeral(f, &place, user, ":no_entry:",
                                      json_str_or(ev->data, "why", "You may not do that here."));
                else if (!is_over(f)) {
                        perform(f, user);
                        show_offer(f);
                }
                return FLOW_STAY;
        }
        if (posted_take_result(f, SLOT_OFFER, &place, ev) == POSTED_OTHER)
                return FLOW_IGNORE;
        return posted_error(f, SLOT_OFFER) ? FLOW_DONE : FLOW_STAY; /* there is no place to say it */
}
static const FlowStep step_offering = {"offering", on_offering};

static const FlowStep *const steps[] = {&step_saying, &step_offering, NULL};
const FlowKind flow_kind_notice = {.name = "notice", .version = 1, .steps = steps};
