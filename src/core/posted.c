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

static void ask(Flow *f, const char *slot, const PostedPlace *place, json_t *message, AskPriority priority,
                const char *ts)
{
        _cleanup_free_ char *lane = posted_lane(place);
        json_t *args = json_pack("{s:s, s:o}", "channel", place->channel, "message", message);

        if (ts)
                json_put_str(args, "ts", ts);
        else if (place->thread_ts)
                json_put_str(args, "thread_ts", place->thread_ts);
        flow_ask(f, &(FlowAsk) {
                            .verb = ts ? SLACK_UPDATE : SLACK_POST,
                            .tag = slot,
                            .lane = lane,
                            .priority = priority,
                            .coalesce = ts ? slot : NULL,
                            .args = args,
                    });
}

void posted_show(Flow *f, const char *slot, const PostedPlace *place, json_t *message, AskPriority priority)
{
        json_t *state = slot_of(f, slot);
        const char *ts = json_str(state, "ts");

        if (!ts && json_bool(state, "asked")) {
                json_object_set_new(state, "next", message);
                return;
        }
        if (!ts)
                json_object_set_new(state, "asked", json_true());
        ask(f, slot, place, message, priority, ts);
}

PostedResult posted_take_result(Flow *f, const char *slot, const PostedPlace *place, const FlowEvent *ev)
{
        json_t *state, *next;

        if (flow_event_is_ask(ev, SLACK_UPDATE, slot)) {
                if (ev->outcome != ASK_PERMFAIL || !str_equal(json_str(ev->data, "error"), "message_not_found"))
                        return POSTED_TAKEN;
                posted_reset(f, slot);
                return POSTED_GONE;
        }
        if (!flow_event_is_ask(ev, SLACK_POST, slot))
                return POSTED_OTHER;
        state = slot_of(f, slot);
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
        json_object_del(flow_data(f), slot);
}
