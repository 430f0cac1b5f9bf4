#include "schedule.h"

#include "messages.h"

struct Schedule {
        Local *local;
        Scheduled *all[SCHEDULE_MAX]; /* by the time of posting */
        size_t n;
        LoopTimer *timer;
};

static void on_timer(void *userdata)
{
        schedule_run(userdata);
}

Schedule *schedule_new(Local *l)
{
        Schedule *s = mem_new(Schedule);

        s->local = l;
        s->timer = loop_timer_new(l->loop, on_timer, s);
        return s;
}

static void scheduled_free(Scheduled *m)
{
        free(m->id);
        free(m->channel);
        free(m->user);
        free(m->thread_ts);
        json_decref(m->fields);
        free(m);
}

void schedule_clear(Schedule *s)
{
        for (size_t i = 0; i < s->n; i++)
                scheduled_free(s->all[i]);
        s->n = 0;
        loop_timer_clear(s->timer);
}

void schedule_free(Schedule *s)
{
        if (!s)
                return;
        schedule_clear(s);
        loop_timer_free(s->timer);
        free(s);
}

/* At most half a minute: a timer counts the loop's time, a message waits for the clock's. */
static void arm_timer(Schedule *s)
{
        int64_t wait_ms;

        if (s->n == 0) {
                loop_timer_clear(s->timer);
                return;
        }
        wait_ms = s->all[0]->post_at_s * 1000 - s->local->state->clock_ms();
        loop_timer_set(s->timer, MIN2(MAX2(wait_ms, 0), (int64_t) 30000));
}

static Scheduled *take_at(Schedule *s, size_t i)
{
        Scheduled *m = s->all[i];

        memmove(s->all + i, s->all + i + 1, (s->n - i - 1) * sizeof(Scheduled *));
        s->n--;
        return m;
}

static void insert(Schedule *s, Scheduled *m)
{
        size_t i = s->n;

        while (i > 0 && s->all[i - 1]->post_at_s > m->post_at_s)
                i--;
        memmove(s->all + i + 1, s->all + i, (s->n - i) * sizeof(Scheduled *));
        s->all[i] = m;
        s->n++;
        arm_timer(s);
}

/* The windows of five minutes are those of the clock. */
static size_t count_window(const Schedule *s, const char *channel, int64_t post_at_s)
{
        size_t n = 0;

        for (size_t i = 0; i < s->n; i++)
                n += s->all[i]->post_at_s / SCHEDULE_WINDOW_S == post_at_s / SCHEDULE_WINDOW_S &&
                     str_equal(s->all[i]->channel, channel);
        return n;
}

const char *schedule_add(Schedule *s, const Channel *c, const char *user, int64_t post_at_s, json_t *fields,
                         const char *thread_ts, bool broadcast, const Scheduled **ret)
{
        int64_t now_s = s->local->state->clock_ms() / 1000;
        const char *error = post_at_s <= now_s                                         ? "time_in_past"
                            : post_at_s > now_s + SCHEDULE_AHEAD_S                     ? "time_too_far"
                            : count_window(s, c->id, post_at_s) >= SCHEDULE_WINDOW_MAX ? "restricted_too_many"
                            : s->n == SCHEDULE_MAX ? "message_limit_exceeded"
                                                   : NULL;
        Scheduled *m;

        if (error) {
                json_decref(fields);
                return error;
        }
        m = mem_new(Scheduled);
        m->id = state_new_id(s->local->state, 'Q');
        m->channel = mem_strdup(c->id);
        m->user = mem_strdup(user);
        m->thread_ts = str_empty(thread_ts) ? NULL : mem_strdup(thread_ts);
        m->broadcast = broadcast;
        m->post_at_s = post_at_s;
        m->created_s = now_s;
        m->fields = fields;
        insert(s, m);
        *ret = m;
        return NULL;
}

const Scheduled *schedule_at(const Schedule *s, size_t i)
{
        return i < s->n ? s->all[i] : NULL;
}

bool schedule_remove(Schedule *s, const char *channel, const char *id)
{
        for (size_t i = 0; i < s->n; i++)
                if (str_equal(s->all[i]->id, id) && str_equal(s->all[i]->channel, channel)) {
                        scheduled_free(take_at(s, i));
                        arm_timer(s);
                        return true;
                }
        return false;
}

static void post(Local *l, Scheduled *m)
{
        Channel *c = state_find_channel(l->state, m->channel);
        Message *parent = c ? channel_find_message(c, m->thread_ts) : NULL;

        if (!c || c->is_archived)
                return;
        messages_post_app(l, c, take(m->fields), parent && parent->parent ? parent->parent : parent,
                          m->broadcast);
}

void schedule_run(Schedule *s)
{
        while (s->n > 0 && s->all[0]->post_at_s * 1000 <= s->local->state->clock_ms()) {
                Scheduled *m = take_at(s, 0);

                post(s->local, m);
                scheduled_free(m);
        }
        arm_timer(s);
}

json_t *schedule_save(const Schedule *s)
{
        json_t *out = json_array();

        for (size_t i = 0; i < s->n; i++) {
                const Scheduled *m = s->all[i];

                json_array_append_new(out, json_pack("{s:s,s:s,s:s,s:s?,s:b,s:I,s:I,s:O}", "id", m->id,
                                                     "channel", m->channel, "user", m->user, "thread_ts",
                                                     m->thread_ts, "broadcast", m->broadcast, "post_at",
                                                     (json_int_t) m->post_at_s, "created",
                                                     (json_int_t) m->created_s, "fields", m->fields));
        }
        return out;
}

static bool fits(const json_t *saved)
{
        return json_str(saved, "id") && json_str(saved, "channel") && json_str(saved, "user") &&
               json_is_object(json_object_get(saved, "fields")) &&
               json_is_integer(json_object_get(saved, "post_at"));
}

bool schedule_load(Schedule *s, const json_t *saved)
{
        size_t i;
        json_t *item;

        schedule_clear(s);
        if (!json_is_array(saved) || json_array_size(saved) > SCHEDULE_MAX)
                return false;
        json_array_foreach ((json_t *) saved, i, item) {
                Scheduled *m;

                if (!fits(item)) {
                        schedule_clear(s);
                        return false;
                }
                m = mem_new(Scheduled);
                m->id = mem_strdup(json_str(item, "id"));
                m->channel = mem_strdup(json_str(item, "channel"));
                m->user = mem_strdup(json_str(item, "user"));
                m->thread_ts = mem_strdup(json_str(item, "thread_ts"));
                m->broadcast = json_bool(item, "broadcast");
                m->post_at_s = json_int(item, "post_at", 0);
                m->created_s = json_int(item, "created", 0);
                m->fields = json_deep_copy(json_object_get(item, "fields"));
                insert(s, m);
        }
        return true;
}
