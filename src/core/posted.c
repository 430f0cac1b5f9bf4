#include "core/posted.h"

#include "connectors/slack/slack-asks.h"

char *posted_lane(const PostedPlace *place)
{
        return mem_printf("slack:%s:%s", place->channel, place->thread_ts ? place->thread_ts : "top");
}

static json_t *slot_of(Flow *f, const char *slot)
{
        json_t *state = json_object_get(flow_data(f), slot);

        if (!state) {
                state = json_object();
                json_object_set_new(flow_data(f), slot, state);
        }
        return state;
}

/* Results come back under "<slot>#<generation>": one of an older generation belongs to a message that is not
 * wanted any more. */
static char *tag_of(const char *slot, const json_t *state)
{
        return mem_printf("%s#%lld", slot, (long long) json_int(state, "generation", 0));
}

/* Posts keep the order of their thread. An edit concerns one message only, and has a lane of its own: one
 * that waits for Slack's limit must not hold up a question. */
static char *lane_of(const PostedPlace *place, const char *ts)
{
        return ts ? mem_printf("slack:%s:edit:%s", place->channel, ts) : posted_lane(place);
}

static void ask(Flow *f, const char *slot, const PostedPlace *place, json_t *message, AskPriority priority,
                const json_t *state)
{
        const char *ts = json_str(state, "ts");
        _cleanup_free_ char *lane = lane_of(place, ts), *tag = tag_of(slot, state);
        json_t *args = json_pack("{s:s, s:o}", "channel", place->channel, "message", message);

        if (ts)
                json_put_str(args, "ts", ts);
        else if (place->thread_ts)
                json_put_str(args, "thread_ts", place->thread_ts);
        flow_ask(f, &(FlowAsk){
                            .verb = ts ? SLACK_UPDATE : SLACK_POST,
                            .tag = tag,
                            .lane = lane,
                            .priority = priority,
                            .coalesce = tag,
                            .args = args,
                    });
}

void posted_show(Flow *f, const char *slot, const PostedPlace *place, json_t *message, AskPriority priority)
{
        json_t *state = slot_of(f, slot);

        if (json_bool(state, "asked")) {
                json_object_set_new(state, "next", message);
                return;
        }
        if (!json_str(state, "ts"))
                json_object_set_new(state, "asked", json_true());
        ask(f, slot, place, message, priority, state);
}

static void delete_late(Flow *f, const PostedPlace *place, const FlowEvent *ev)
{
        if (ev->outcome == ASK_OK)
                flow_ask(f, &(FlowAsk){
                                    .verb = SLACK_DELETE,
                                    .tag = "late",
                                    .args = json_pack("{s:s, s:s}", "channel", place->channel, "ts",
                                                      json_str_or(ev->data, "ts", "")),
                            });
}

static PostedResult take_post(Flow *f, const char *slot, const PostedPlace *place, const FlowEvent *ev)
{
        json_t *state = slot_of(f, slot), *next;

        json_object_del(state, "asked");
        if (ev->outcome != ASK_OK) {
                json_put_str(state, "error", json_str_or(ev->data, "error", "unknown"));
                return POSTED_TAKEN;
        }
        json_put_str(state, "ts", json_str(ev->data, "ts"));
        json_object_del(state, "error");
        next = json_incref(json_object_get(state, "next"));
        json_object_del(state, "next");
        if (next)
                posted_show(f, slot, place, next, ASK_PRIORITY_URGENT);
        return POSTED_TAKEN;
}

PostedResult posted_take_result(Flow *f, const char *slot, const PostedPlace *place, const FlowEvent *ev)
{
        _cleanup_free_ char *tag = tag_of(slot, slot_of(f, slot));
        size_t n = strlen(slot);
        bool post = flow_event_is(ev, SLACK_POST), update = flow_event_is(ev, SLACK_UPDATE);

        if ((!post && !update) || strncmp(ev->tag, slot, n) != 0 || ev->tag[n] != '#')
                return POSTED_OTHER;
        if (!str_equal(ev->tag, tag)) {
                if (post)
                        delete_late(f, place, ev);
                return POSTED_TAKEN;
        }
        if (post)
                return take_post(f, slot, place, ev);
        if (ev->outcome != ASK_PERMFAIL || !str_equal(json_str(ev->data, "error"), "message_not_found"))
                return POSTED_TAKEN;
        posted_reset(f, slot);
        return POSTED_GONE;
}

void posted_adopt(Flow *f, const char *slot, const char *ts)
{
        json_put_str(slot_of(f, slot), "ts", ts);
}

const char *posted_ts(Flow *f, const char *slot)
{
        return json_str(json_object_get(flow_data(f), slot), "ts");
}

const char *posted_error(Flow *f, const char *slot)
{
        return json_str(json_object_get(flow_data(f), slot), "error");
}

void posted_reset(Flow *f, const char *slot)
{
        json_t *state = slot_of(f, slot);
        _cleanup_free_ char *tag = tag_of(slot, state);
        int64_t generation = json_int(state, "generation", 0);

        if (json_bool(state, "asked"))
                flow_ask_forget(f, tag);
        json_object_clear(state);
        json_put_int(state, "generation", generation + 1);
}
