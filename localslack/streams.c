#include "streams.h"

#include "base/log.h"
#include "messages.h"

typedef enum StreamEnd { STREAM_OPEN, STREAM_STOPPED, STREAM_EXPIRED, STREAM_STOPPED_BY_USER } StreamEnd;

static const char *const end_names[] = {[STREAM_OPEN] = "open",
                                        [STREAM_STOPPED] = "stopped",
                                        [STREAM_EXPIRED] = "expired",
                                        [STREAM_STOPPED_BY_USER] = "stopped_by_user"};

typedef struct Entry {
        char *channel, *thread_ts; /* thread_ts: NULL in the channel itself */
        char ts[STATE_TS_SIZE];
        StreamEnd end;
        int64_t started_ms, touched_ms;
        Stream *content;
} Entry;

struct Streams {
        Local *local;
        Entry *all[STREAMS_MAX]; /* oldest first */
        size_t n;
        LoopTimer *timer;
};

static void on_timer(void *userdata)
{
        streams_expire(userdata);
}

Streams *streams_new(Local *l)
{
        Streams *ss = mem_new(Streams);

        ss->local = l;
        ss->timer = loop_timer_new(l->loop, on_timer, ss);
        return ss;
}

static void entry_free(Entry *e)
{
        stream_free(e->content);
        free(e->channel);
        free(e->thread_ts);
        free(e);
}

void streams_clear(Streams *ss)
{
        for (size_t i = 0; i < ss->n; i++)
                entry_free(ss->all[i]);
        ss->n = 0;
        loop_timer_clear(ss->timer);
}

void streams_free(Streams *ss)
{
        if (!ss)
                return;
        streams_clear(ss);
        loop_timer_free(ss->timer);
        free(ss);
}

static int64_t now_ms(const Streams *ss)
{
        return ss->local->state->clock_ms();
}

static int64_t deadline_ms(const Streams *ss, const Entry *e)
{
        const Switches *s = &ss->local->switches;

        return (s->stream_life == STREAM_LIFE_IDLE ? e->touched_ms : e->started_ms) + s->stream_life_ms;
}

/* Looks again after at most a second, as the switches may change meanwhile. */
static void arm_timer(Streams *ss)
{
        int64_t wait_ms = 1000;
        bool any = false;

        for (size_t i = 0; i < ss->n; i++)
                if (ss->all[i]->end == STREAM_OPEN) {
                        wait_ms = MIN2(wait_ms, deadline_ms(ss, ss->all[i]) - now_ms(ss));
                        any = true;
                }
        if (any)
                loop_timer_set(ss->timer, MAX2(wait_ms, 1));
        else
                loop_timer_clear(ss->timer);
}

static Entry *find(const Streams *ss, const Channel *c, const char *ts)
{
        for (size_t i = ss->n; i-- > 0;)
                if (str_equal(ss->all[i]->ts, ts) && str_equal(ss->all[i]->channel, c->id))
                        return ss->all[i];
        return NULL;
}

static json_t *render(const Entry *e, const char *state)
{
        _cleanup_free_ char *text = stream_render_text(e->content);

        return json_pack("{s:s,s:o,s:s}", "text", text, "blocks", stream_render_blocks(e->content),
                         "streaming_state", state);
}

/* The content goes with the end: nothing can be added any more. */
static void set_end(Streams *ss, Entry *e, StreamEnd end)
{
        log_debug("stream %s: %s → %s", e->ts, end_names[e->end], end_names[end]);
        e->end = end;
        stream_free(take(e->content));
        arm_timer(ss);
}

/* `fields` (stolen): what the message is to be from now on. */
static void finish(Streams *ss, Entry *e, StreamEnd end, json_t *fields)
{
        Channel *c = state_find_channel(ss->local->state, e->channel);
        Message *m = c ? channel_find_message(c, e->ts) : NULL;

        set_end(ss, e, end);
        if (m && !message_is_tombstone(m))
                messages_stream(ss->local, c, m, fields, true);
        else
                json_decref(fields);
}

static void forget_oldest(Streams *ss)
{
        Entry *e = ss->all[0];

        if (e->end == STREAM_OPEN)
                finish(ss, e, STREAM_EXPIRED, render(e, "errored"));
        entry_free(e);
        memmove(ss->all, ss->all + 1, (ss->n - 1) * sizeof(Entry *));
        ss->n--;
}

Message *streams_start(Streams *ss, Channel *c, Stream *content, json_t *fields, Message *parent)
{
        Entry *e = mem_new(Entry);
        json_t *first;
        Message *m;

        e->content = content;
        e->channel = mem_strdup(c->id);
        e->thread_ts = parent ? mem_strdup(parent->ts) : NULL;
        e->started_ms = e->touched_ms = now_ms(ss);
        first = render(e, "in_progress");
        json_object_update(fields, first);
        json_decref(first);
        m = messages_post_app(ss->local, c, fields, parent, false);
        memcpy(e->ts, m->ts, sizeof(e->ts));
        if (ss->n == STREAMS_MAX)
                forget_oldest(ss);
        ss->all[ss->n++] = e;
        arm_timer(ss);
        return m;
}

const char *streams_find_open(Streams *ss, const Channel *c, const Message *m, Stream **ret)
{
        Entry *e;

        streams_expire(ss);
        e = find(ss, c, m->ts);
        if (!e || e->end == STREAM_STOPPED || e->end == STREAM_EXPIRED)
                return "message_not_in_streaming_state";
        if (e->end == STREAM_STOPPED_BY_USER)
                return "stopped_by_user";
        *ret = e->content;
        return NULL;
}

bool streams_is_open(Streams *ss, const Channel *c, const Message *m)
{
        Stream *content;

        return !streams_find_open(ss, c, m, &content);
}

void streams_show(Streams *ss, Channel *c, Message *m)
{
        Entry *e = find(ss, c, m->ts);

        e->touched_ms = now_ms(ss);
        messages_stream(ss->local, c, m, render(e, "in_progress"), false);
        arm_timer(ss);
}

void streams_stop(Streams *ss, Channel *c, Message *m, const json_t *blocks, const json_t *metadata)
{
        Entry *e = find(ss, c, m->ts);
        json_t *fields = render(e, "completed");

        if (blocks)
                json_array_extend(json_object_get(fields, "blocks"), (json_t *) blocks);
        if (metadata)
                json_object_set(fields, "metadata", (json_t *) metadata);
        finish(ss, e, STREAM_STOPPED, fields);
}

json_t *streams_stop_by_user(Streams *ss, Channel *c, const char *thread_ts)
{
        json_t *out = json_array();

        streams_expire(ss);
        for (size_t i = 0; i < ss->n; i++) {
                Entry *e = ss->all[i];

                if (e->end != STREAM_OPEN || !str_equal(e->channel, c->id) ||
                    !str_equal(e->thread_ts, thread_ts))
                        continue;
                json_array_append_new(out, json_string(e->ts));
                finish(ss, e, STREAM_STOPPED_BY_USER, render(e, "completed"));
        }
        return out;
}

void streams_expire(Streams *ss)
{
        for (size_t i = 0; i < ss->n; i++)
                if (ss->all[i]->end == STREAM_OPEN && deadline_ms(ss, ss->all[i]) <= now_ms(ss))
                        finish(ss, ss->all[i], STREAM_EXPIRED, render(ss->all[i], "errored"));
        arm_timer(ss);
}

json_t *streams_save(const Streams *ss)
{
        json_t *out = json_array();

        for (size_t i = 0; i < ss->n; i++) {
                const Entry *e = ss->all[i];
                json_t *saved =
                        json_pack("{s:s,s:s,s:s?,s:s,s:I,s:I}", "channel", e->channel, "ts", e->ts,
                                  "thread_ts", e->thread_ts, "end", end_names[e->end], "started_ms",
                                  (json_int_t) e->started_ms, "touched_ms", (json_int_t) e->touched_ms);

                if (e->content)
                        json_object_set_new(saved, "content", stream_save(e->content));
                json_array_append_new(out, saved);
        }
        return out;
}

static Entry *load_entry(const json_t *saved)
{
        const char *ts = json_str(saved, "ts"), *end = json_str(saved, "end");
        Entry *e;
        size_t i = 0;

        while (i < ELEMENTSOF(end_names) && !str_equal(end_names[i], end))
                i++;
        if (i == ELEMENTSOF(end_names) || !json_str(saved, "channel") || !state_ts_valid(ts))
                return NULL;
        e = mem_new(Entry);
        e->end = (StreamEnd) i;
        e->content = e->end == STREAM_OPEN ? stream_load(json_object_get(saved, "content")) : NULL;
        e->channel = mem_strdup(json_str(saved, "channel"));
        e->thread_ts = mem_strdup(json_str(saved, "thread_ts"));
        memcpy(e->ts, ts, sizeof(e->ts));
        e->started_ms = json_int(saved, "started_ms", 0);
        e->touched_ms = json_int(saved, "touched_ms", 0);
        if (e->end != STREAM_OPEN || e->content)
                return e;
        entry_free(e);
        return NULL;
}

bool streams_load(Streams *ss, const json_t *saved)
{
        size_t i;
        json_t *item;

        streams_clear(ss);
        if (!json_is_array(saved) || json_array_size(saved) > STREAMS_MAX)
                return false;
        json_array_foreach ((json_t *) saved, i, item) {
                Entry *e = load_entry(item);

                if (!e) {
                        streams_clear(ss);
                        return false;
                }
                ss->all[ss->n++] = e;
        }
        arm_timer(ss);
        return true;
}
