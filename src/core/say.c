#include "core/say.h"

#include "connectors/slack/slack-asks.h"
#include "core/cards.h"

void say_ephemeral_message(Flow *f, const PostedPlace *place, const char *user, json_t *message)
{
        json_t *args =
                json_pack("{s:s, s:s, s:o}", "channel", place->channel, "user", user, "message", message);

        if (place->thread_ts)
                json_put_str(args, "thread_ts", place->thread_ts);
        flow_ask(f, &(FlowAsk){.verb = SLACK_EPHEMERAL, .tag = "say", .args = args});
}

void say_ephemeral(Flow *f, const PostedPlace *place, const char *user, const char *emoji, const char *text)
{
        say_ephemeral_message(f, place, user, card_notice(emoji, text));
}

void say_message_in_thread(Flow *f, const PostedPlace *place, json_t *message)
{
        _cleanup_free_ char *lane = posted_lane(place);
        json_t *args = json_pack("{s:s, s:o}", "channel", place->channel, "message", message);

        if (place->thread_ts)
                json_put_str(args, "thread_ts", place->thread_ts);
        flow_ask(f, &(FlowAsk){.verb = SLACK_POST,
                               .tag = "say",
                               .lane = lane,
                               .priority = ASK_PRIORITY_NORMAL,
                               .args = args});
}

void say_in_thread(Flow *f, const PostedPlace *place, const char *emoji, const char *text)
{
        say_message_in_thread(f, place, card_notice(emoji, text));
}

void say_response(Flow *f, const char *response_url, json_t *message)
{
        flow_ask(f, &(FlowAsk){
                            .verb = SLACK_RESPOND,
                            .tag = "say",
                            .args = json_pack("{s:s, s:o}", "response_url", response_url, "message", message),
                    });
}

void say_reaction(Flow *f, const char *channel, const char *ts, const char *emoji)
{
        flow_ask(f, &(FlowAsk){
                            .verb = SLACK_REACT,
                            .tag = "say",
                            .args = json_pack("{s:s, s:s, s:s}", "channel", channel, "ts", ts, "name", emoji),
                    });
}
