#include "agents.h"

#include "delivery.h"
#include "streams.h"

struct Agents {
        Local *local;
        /* Each: "C…:ts" → what the feed tells of it, oldest first. */
        json_t *statuses, *prompts, *titles;
        LoopTimer *timer;
};

static void on_timer(void *userdata)
{
        agents_expire(userdata);
}

Agents *agents_new(Local *l)
{
        Agents *a = mem_new(Agents);

        a->local = l;
        a->statuses = json_object();
        a->prompts = json_object();
        a->titles = json_object();
        a->timer = loop_timer_new(l->loop, on_timer, a);
        return a;
}

void agents_free(Agents *a)
{
        if (!a)
                return;
        json_decref(a->statuses);
        json_decref(a->prompts);
        json_decref(a->titles);
        loop_timer_free(a->timer);
        free(a);
}

void agents_clear(Agents *a)
{
        json_object_clear(a->statuses);
        json_object_clear(a->prompts);
        json_object_clear(a->titles);
        loop_timer_clear(a->timer);
}

/* --- entries --- */

static json_t *need_entry(json_t *all, const char *channel, const char *thread_ts)
{
        _cleanup_free_ char *key = mem_printf("%s:%s", channel, thread_ts);
        json_t *entry = json_object_get(all, key);

        if (entry)
                return entry;
        if (json_object_size(all) >= AGENTS_ENTRIES_MAX)
                json_object_del(all, json_object_iter_key(json_object_iter(all)));
        entry = json_pack("{s:s,s:s}", "channel", channel, "thread_ts", thread_ts);
        json_object_set_new(all, key, entry);
        return entry;
}

static json_t *find_entry(const json_t *all, const char *channel, const char *thread_ts)
{
        _cleanup_free_ char *key = mem_printf("%s:%s", channel, thread_ts);

        return json_object_get(all, key);
}

static void drop_entry(json_t *all, const json_t *entry)
{
        _cleanup_free_ char *key =
                mem_printf("%s:%s", json_str_or(entry, "channel", ""), json_str_or(entry, "thread_ts", ""));

        json_object_del(all, key);
}

/* --- status --- */

static void arm_timer(Agents *a)
{
        int64_t now_ms = a->local->state->clock_ms(), next_ms = INT64_MAX;
        const char *key;
        json_t *entry;

        json_object_foreach (a->statuses, key, entry)
                next_ms = MIN2(next_ms, json_int(entry, "expires_ms", INT64_MAX));
        if (next_ms == INT64_MAX)
                loop_timer_clear(a->timer);
        else
                loop_timer_set(a->timer, MAX2(next_ms - now_ms, 1));
}

/* What the page is told: the entry, with whether there is a Stop button. */
static json_t *render_status(const Agents *a, const json_t *entry)
{
        json_t *out = json_deep_copy(entry);

        if (!json_object_get(out, "status"))
                json_put_str(out, "status", "");
        if (json_object_get(out, "session"))
                json_object_set_new(out, "stoppable",
                                    json_boolean(str_equal(json_str(entry, "session"), "processing") &&
                                                 a->local->switches.stop_events));
        return out;
}

static void emit_status(const Agents *a, const json_t *entry)
{
        if (feed_is_watched(a->local->feed))
                feed_emit(a->local->feed, "status", render_status(a, entry));
}

static void clear_status(Agents *a, json_t *entry)
{
        static const char *const names[] = {"status", "loading_messages", "expires_ms"};

        if (!json_object_get(entry, "status"))
                return;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                json_object_del(entry, names[i]);
        emit_status(a, entry);
        if (!json_object_get(entry, "session"))
                drop_entry(a->statuses, entry);
}

void agents_set_status(Agents *a, const char *channel, const char *thread_ts, const char *status,
                       json_t *look)
{
        json_t *entry = find_entry(a->statuses, channel, thread_ts);

        if (!*status) {
                if (entry)
                        clear_status(a, entry);
        } else {
                entry = need_entry(a->statuses, channel, thread_ts);
                json_put_str(entry, "status", status);
                json_put_int(entry, "expires_ms",
                             a->local->state->clock_ms() + a->local->switches.status_life_ms);
                json_object_del(entry, "loading_messages");
                if (look)
                        json_object_update(entry, look);
                emit_status(a, entry);
        }
        json_decref(look);
        arm_timer(a);
}

void agents_note_post(Agents *a, const char *channel, const char *thread_ts)
{
        json_t *entry = find_entry(a->statuses, channel, thread_ts);

        if (!entry)
                return;
        clear_status(a, entry);
        arm_timer(a);
}

void agents_expire(Agents *a)
{
        int64_t now_ms = a->local->state->clock_ms();
        const char *key;
        void *next;
        json_t *entry;

        json_object_foreach_safe(a->statuses, next, key,
                                 entry) if (json_int(entry, "expires_ms", INT64_MAX) <= now_ms)
                clear_status(a, entry);
        arm_timer(a);
}

/* --- sessions --- */

bool agents_status_known(const char *status)
{
        static const char *const known[] = {"active", "processing", "suspended", "closed"};

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (str_equal(known[i], status))
                        return true;
        return false;
}

const json_t *agents_find_session(const Agents *a, const char *channel, const char *thread_ts)
{
        const json_t *entry = find_entry(a->statuses, channel, thread_ts);

        return json_object_get(entry, "session") ? entry : NULL;
}

void agents_set_session(Agents *a, const char *channel, const char *thread_ts, const char *session,
                        const char *title, const json_t *look)
{
        json_t *entry = need_entry(a->statuses, channel, thread_ts), *value;
        const char *name;

        json_put_str(entry, "session", session);
        if (title || !json_object_get(entry, "title"))
                json_put_str(entry, "title", title ? title : "");
        json_object_foreach ((json_t *) look, name, value)
                if (json_is_null(value))
                        json_object_del(entry, name);
                else
                        json_object_set(entry, name, value);
        emit_status(a, entry);
}

const char *agents_stop(Agents *a, Channel *c, const char *user, const char *thread_ts, json_t **ret)
{
        Local *l = a->local;
        const json_t *session = agents_find_session(a, c->id, thread_ts);
        json_t *streams = streams_stop_by_user(l->streams, c, *thread_ts ? thread_ts : NULL);
        char event_ts[STATE_TS_SIZE];

        if (json_array_size(streams) == 0 && !str_equal(json_str(session, "session"), "processing")) {
                json_decref(streams);
                return "nothing is running there";
        }
        *ret = json_pack("{s:O}", "ts", streams);
        if (l->switches.stop_events) {
                state_next_ts(l->state, event_ts);
                json_put_str(
                        *ret, "event_id",
                        delivery_raise(l->delivery,
                                       json_pack("{s:s,s:s,s:s,s:s,s:O,s:s}", "type", "agent_session_stopped",
                                                 "channel", c->id, "user", user, "thread_ts", thread_ts,
                                                 "streaming_message_ts", streams, "event_ts", event_ts)));
        }
        json_decref(streams);
        return NULL;
}

const char *agents_rename(Agents *a, const Channel *c, const char *user, const char *thread_ts,
                          const char *title)
{
        Local *l = a->local;
        json_t *entry = find_entry(a->statuses, c->id, thread_ts), *event;
        char event_ts[STATE_TS_SIZE];

        if (!json_object_get(entry, "session"))
                return "there is no such session";
        state_next_ts(l->state, event_ts);
        event = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "type", "agent_session_title_changed", "channel",
                          c->id, "user", user, "team_id", TEAM_ID, "thread_ts", thread_ts, "title", title,
                          "event_ts", event_ts);
        if (!str_empty(json_str(entry, "title")))
                json_put_str(event, "previous_title", json_str(entry, "title"));
        json_put_str(entry, "title", title);
        emit_status(a, entry);
        delivery_raise(l->delivery, event);
        return NULL;
}

/* --- titles and prompts --- */

void agents_set_title(Agents *a, const char *channel, const char *thread_ts, const char *title)
{
        json_t *entry = need_entry(a->titles, channel, thread_ts);

        json_put_str(entry, "title", title);
        feed_emit(a->local->feed, "title", json_deep_copy(entry));
}

void agents_set_prompts(Agents *a, const char *channel, const char *thread_ts, const char *title,
                        const json_t *prompts)
{
        json_t *entry = need_entry(a->prompts, channel, thread_ts);

        json_object_del(entry, "title");
        if (!str_empty(title))
                json_put_str(entry, "title", title);
        json_object_set_new(entry, "prompts", json_deep_copy(prompts));
        feed_emit(a->local->feed, "prompts", json_deep_copy(entry));
}

/* --- for the page, and to a file and back --- */

static json_t *list_of(const json_t *all)
{
        json_t *out = json_array(), *entry;
        const char *key;

        json_object_foreach ((json_t *) all, key, entry)
                json_array_append_new(out, json_deep_copy(entry));
        return out;
}

json_t *agents_render(const Agents *a)
{
        json_t *statuses = json_array(), *entry;
        const char *key;

        json_object_foreach (a->statuses, key, entry)
                json_array_append_new(statuses, render_status(a, entry));
        return json_pack("{s:o,s:o,s:o}", "statuses", statuses, "prompts", list_of(a->prompts), "titles",
                         list_of(a->titles));
}

json_t *agents_save(const Agents *a)
{
        return json_pack("{s:o,s:o,s:o}", "statuses", list_of(a->statuses), "prompts", list_of(a->prompts),
                         "titles", list_of(a->titles));
}

static bool load_list(json_t *into, const json_t *list)
{
        size_t i;
        json_t *entry;

        if (!json_is_array(list) || json_array_size(list) > AGENTS_ENTRIES_MAX)
                return false;
        json_array_foreach ((json_t *) list, i, entry) {
                const char *channel = json_str(entry, "channel"), *thread_ts = json_str(entry, "thread_ts");

                if (!channel || !thread_ts)
                        return false;
                json_object_update(need_entry(into, channel, thread_ts), entry);
        }
        return true;
}

bool agents_load(Agents *a, const json_t *saved)
{
        agents_clear(a);
        if (!load_list(a->statuses, json_object_get(saved, "statuses")) ||
            !load_list(a->prompts, json_object_get(saved, "prompts")) ||
            !load_list(a->titles, json_object_get(saved, "titles"))) {
                agents_clear(a);
                return false;
        }
        agents_expire(a);
        return true;
}
