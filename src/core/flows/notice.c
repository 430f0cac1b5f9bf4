/* Something that has to be said once to one person who addressed nothing that could answer: a refusal, a
 * click on a card whose session is gone, a slash command that is not known. A flow of its own, so that even
 * this survives a crash between the acknowledgement and the answer. */
#include "core/flows/flows.h"

#include "core/cards.h"
#include "core/say.h"

static FlowVerdict on_saying(Flow *f, const FlowEvent *ev)
{
        const char *response_url, *user;

        if (!flow_event_is(ev, "notice.say"))
                return FLOW_DONE; /* said, or it cannot be said */
        response_url = json_str(ev->data, "response_url");
        user = json_str(ev->data, "user");
        if (response_url)
                say_response(f, response_url,
                             card_notice(json_str(ev->data, "emoji"), json_str_or(ev->data, "text", "")));
        else if (user && json_str(ev->data, "channel")) {
                PostedPlace place = {.channel = json_str(ev->data, "channel"),
                                     .thread_ts = json_str(ev->data, "thread_ts")};

                say_ephemeral(f, &place, user, json_str(ev->data, "emoji"),
                              json_str_or(ev->data, "text", ""));
        } else
                return FLOW_DONE;
        return FLOW_STAY;
}

static const FlowStep step_saying = {"saying", on_saying};
static const FlowStep *const steps[] = {&step_saying, NULL};
const FlowKind flow_kind_notice = {.name = "notice", .version = 1, .steps = steps};
