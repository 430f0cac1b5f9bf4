/* The verb slack.channels; see slack-asks.h. */
#include "connectors/slack/asks-internal.h"

#include "connectors/slack/probe.h"
#include "connectors/slack/slack-asks.h"

#define PAGE_SIZE 200

typedef struct Listing {
        Ask *ask;
} Listing;

static void on_channels(void *userdata, const SlackWebResult *result)
{
        Listing *l = userdata;
        Ask *ask = l->ask;
        json_t *channels, *channel;
        const char *cursor = json_str(result->body, "response_metadata.next_cursor");
        size_t i;

        free(l);
        if (result->outcome != SLACK_WEB_OK) {
                slack_ask_fail(ask, result);
                return;
        }
        channels = json_array();
        json_array_foreach ((json_t *) json_at(result->body, "channels"), i, channel)
                if (json_str(channel, "id"))
                        json_array_append_new(channels, json_pack("{s:s, s:b}", "id", json_str(channel, "id"),
                                                                  "is_direct", json_bool(channel, "is_im")));
        ask_ok(ask, json_pack("{s:o, s:s}", "channels", channels, "next_cursor", cursor ? cursor : ""));
}

/* https://docs.slack.dev/reference/methods/users.conversations: those of the calling user, which is the bot.
 */
static void start_channels(void *owner, Ask *ask)
{
        json_t *form = json_pack("{s:s, s:b, s:i}", "types", "public_channel,private_channel,mpim,im",
                                 "exclude_archived", 1, "limit", PAGE_SIZE);
        Listing *l = mem_new(Listing);

        l->ask = ask;
        if (json_str(ask->args, "cursor"))
                json_put_str(form, "cursor", json_str(ask->args, "cursor"));
        slack_web_call_owned(owner, "users.conversations", form, on_channels, free, l);
}

static int64_t wait_channels(void *owner, const Ask *ask)
{
        (void) ask;
        return slack_web_wait_ms(owner, "users.conversations", NULL, true);
}

/* Twice: a read. */
const AskVerb slack_channels_verb = {
        .name = SLACK_CHANNELS,
        .max_inflight = 1,
        .max_attempts = 1000,
        .deadline_ms = 60 * 60 * 1000,
        .backoff_ms = 1000,
        .wait_ms = wait_channels,
        .start = start_channels,
};
