/* What was said while Slack could not be heard, read from the history. One flow for the whole workspace,
 * which also keeps until when the transport was healthy.
 *
 *   waiting → listing → channels → threads → waiting …
 *
 * Reading too much does no harm: every message goes through the same intake under the same key as a live one.
 * So a run begins some minutes before the time at which the transport was known to be healthy, is told to go
 * over the same time twice when in doubt, and after a crash goes on with the page it was at.
 *
 * Replies do not appear in a channel's history. The threads that changed are found by what their parents say
 * of the last reply; parents that are older than the gap are looked at when they belong to a session: a few
 * threads one by one, many by reading the channel's history back to the oldest of them. */
#include "core/flows/flows.h"

#include "connectors/slack/slack-asks.h"
#include "core/catchup.h"

#define CHANNELS_MAX   1000
#define THREADS_MAX    1000 /* of one run */
#define ERRORS_MAX     20
#define PAGES_MAX      50 /* of one channel or thread in one run: 10,000 messages */
#define ONE_BY_ONE_MAX 3  /* so many old threads of a channel are read without asking its history first */
#define LOOK_BACK_MS   (30LL * 24 * 3600 * 1000)

static const FlowStep step_listing, step_channels, step_threads, step_waiting;

static json_t *run_of(Flow *f)
{
        return json_object_get(flow_data(f), "run");
}

static json_t *list_of(json_t *obj, const char *name)
{
        json_t *list = json_object_get(obj, name);

        if (!list) {
                list = json_array();
                json_object_set_new(obj, name, list);
        }
        return list;
}

static void add_to(json_t *obj, const char *counter, int64_t n)
{
        json_put_int(obj, counter, json_int(obj, counter, 0) + n);
}

/* ---- what every step understands: the mark, and the wish for another run ---- */

static void take_mark(Flow *f, const FlowEvent *ev)
{
        json_put_int(flow_data(f), "mark_ms",
                     MAX2(json_int(flow_data(f), "mark_ms", 0), json_int(ev->data, "at_ms", 0)));
}

/* From when on is to be read: the earliest of all that was wished. */
static void take_wish(Flow *f, const FlowEvent *ev)
{
        json_t *data = flow_data(f), *want = json_object_get(data, "want");
        int64_t at_ms = json_int(ev->data, "at_ms", flow_now_ms(f)), mark_ms = json_int(data, "mark_ms", 0),
                from_ms;

        if (mark_ms == 0) { /* the first start ever: what was said before was not said to us */
                json_put_int(data, "mark_ms", at_ms);
                return;
        }
        from_ms = MIN2(mark_ms, json_int(ev->data, "from_ms", mark_ms)) - json_int(ev->data, "overlap_ms", 0);
        if (want)
                from_ms = MIN2(from_ms, json_int(want, "from_ms", from_ms));
        json_object_set_new(data, "want", json_object());
        want = json_object_get(data, "want");
        json_put_int(want, "from_ms", MAX2(from_ms, at_ms - LOOK_BACK_MS));
        json_put_int(want, "max_age_ms", json_int(ev->data, "max_age_ms", LOOK_BACK_MS));
        json_put_str(want, "why", json_str_or(ev->data, "why", ""));
}

static bool take_common(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is(ev, "transport.mark"))
                take_mark(f, ev);
        else if (flow_event_is(ev, "transport.catch_up"))
                take_wish(f, ev);
        else if (flow_event_is(ev, "transport.echoes"))
                json_object_set(flow_data(f), "echoes", (json_t *) json_at(ev->data, "channels"));
        else
                return false;
        return true;
}

/* ---- waiting ---- */

static void begin_run(Flow *f)
{
        json_t *data = flow_data(f), *run = json_object();
        const json_t *want = json_at(data, "want");
        int64_t from_ms = json_int(want, "from_ms", 0), now_ms = flow_now_ms(f);
        _cleanup_free_ char *from = ts_from_ms(from_ms);
        _cleanup_free_ char *fresh =
                ts_from_ms(MAX2(from_ms, now_ms - json_int(want, "max_age_ms", LOOK_BACK_MS)));

        json_put_int(run, "started_ms", now_ms);
        json_put_str(run, "why", json_str(want, "why"));
        json_put_str(run, "from", from);
        json_put_str(run, "fresh", fresh);
        json_object_set_new(data, "run", run);
        json_object_del(data, "want");
}

static FlowVerdict on_waiting(Flow *f, const FlowEvent *ev)
{
        bool wished = flow_event_is(ev, "transport.catch_up");

        if (!flow_event_is_enter(ev) && !take_common(f, ev))
                return FLOW_IGNORE;
        if (!json_at(flow_data(f), "want")) {
                if (wished) /* the first time: there is nothing to read */
                        flow_ask(f, &(FlowAsk){.verb = GATEWAY_CAUGHT_UP});
                return FLOW_STAY;
        }
        begin_run(f);
        return flow_go(f, &step_listing);
}
static const FlowStep step_waiting = {"waiting", on_waiting};

/* ---- listing: the sessions, the channels ---- */

static void ask_channels(Flow *f)
{
        json_t *args = json_object();

        if (json_str(run_of(f), "cursor"))
                json_put_str(args, "cursor", json_str(run_of(f), "cursor"));
        flow_ask(f, &(FlowAsk){.verb = SLACK_CHANNELS, .priority = ASK_PRIORITY_PROGRESS, .args = args});
}

/* Of each session what is needed to find what was said in its thread: {channel, ts, queued: [ts]}. */
static void take_sessions(Flow *f, const json_t *sessions)
{
        json_t *kept = list_of(run_of(f), "sessions"), *session, *prompt;
        size_t i, k;

        json_array_foreach ((json_t *) sessions, i, session) {
                const char *channel = json_str(session, "data.channel"),
                           *ts = json_str(session, "data.thread_ts");
                json_t *queued = json_array();

                json_array_foreach ((json_t *) json_at(session, "data.queue"), k, prompt)
                        if (json_str(prompt, "ts"))
                                json_array_append_new(queued, json_string(json_str(prompt, "ts")));
                if (channel && ts)
                        json_array_append_new(kept, json_pack("{s:s, s:s, s:O}", "channel", channel, "ts", ts,
                                                              "queued", queued));
                json_decref(queued);
        }
}

static void add_channel(Flow *f, const char *id, bool is_direct)
{
        json_t *channels = list_of(run_of(f), "channels"), *c;
        size_t i;

        json_array_foreach (channels, i, c)
                if (str_equal(json_str(c, "id"), id))
                        return;
        if (json_array_size(channels) < CHANNELS_MAX)
                json_array_append_new(channels, json_pack("{s:s, s:b}", "id", id, "is_direct", is_direct));
}

static void note_error(Flow *f, const char *where, const FlowEvent *ev)
{
        json_t *errors = list_of(run_of(f), "errors");

        add_to(run_of(f), "n_errors", 1);
        if (json_array_size(errors) < ERRORS_MAX)
                json_array_append_new(errors, json_pack("{s:s, s:s}", "where", where, "error",
                                                        json_str_or(ev->data, "error", "unknown")));
}

/* The list cannot be had (a missing scope): then at least where sessions are. */
static void channels_of_sessions(Flow *f)
{
        size_t i;
        json_t *session;

        json_array_foreach (list_of(run_of(f), "sessions"), i, session)
                add_channel(f, json_str_or(session, "channel", ""),
                            json_str_or(session, "channel", "")[0] == 'D');
}

static FlowVerdict take_channels(Flow *f, const FlowEvent *ev)
{
        const char *cursor = json_str(ev->data, "next_cursor");
        size_t i;
        json_t *channel;

        if (ev->outcome != ASK_OK) {
                note_error(f, "channels", ev);
                channels_of_sessions(f);
        }
        json_array_foreach ((json_t *) json_at(ev->data, "channels"), i, channel)
                add_channel(f, json_str_or(channel, "id", ""), json_bool(channel, "is_direct"));
        if (!str_empty(cursor) && json_array_size(list_of(run_of(f), "channels")) < CHANNELS_MAX) {
                json_put_str(run_of(f), "cursor", cursor);
                ask_channels(f);
                return FLOW_STAY;
        }
        json_object_del(run_of(f), "cursor");
        json_put_int(run_of(f), "n_channels", (int64_t) json_array_size(list_of(run_of(f), "channels")));
        return flow_go(f, &step_channels);
}

static FlowVerdict on_listing(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is_enter(ev)) {
                flow_ask(f, &(FlowAsk){.verb = GATEWAY_SESSIONS});
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, GATEWAY_SESSIONS, NULL)) {
                take_sessions(f, json_at(ev->data, "sessions"));
                ask_channels(f);
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, SLACK_CHANNELS, NULL))
                return take_channels(f, ev);
        return take_common(f, ev) ? FLOW_STAY : FLOW_IGNORE;
}
static const FlowStep step_listing = {"listing", on_listing};

/* ---- pages ---- */

/* `place`: what is read: {id | channel, is_direct, ts?, cursor?, queued?, after?}. */
static void ask_page(Flow *f, const json_t *place, const char *oldest)
{
        static const char *const copied[] = {"is_direct", "ts", "cursor", "queued", "after"};
        json_t *args = json_pack("{s:s, s:s, s:s, s:s}", "channel",
                                 json_str_or(place, "id", json_str_or(place, "channel", "")), "oldest",
                                 oldest, "from", json_str_or(run_of(f), "from", "0"), "fresh",
                                 json_str_or(run_of(f), "fresh", "0"));

        for (size_t i = 0; i < ELEMENTSOF(copied); i++)
                if (json_at(place, copied[i]))
                        json_object_set(args, copied[i], (json_t *) json_at(place, copied[i]));
        flow_ask(f, &(FlowAsk){.verb = GATEWAY_CATCH_UP, .priority = ASK_PRIORITY_PROGRESS, .args = args});
}

static void tell_caught_up(Flow *f, const char *channel, const char *thread_ts)
{
        _cleanup_free_ char *address = mem_printf("thread:%s:%s", channel, thread_ts);

        flow_send(f, address, "slack.caught_up", NULL);
}

static json_t *find_thread(Flow *f, const char *channel, const char *ts)
{
        size_t i;
        json_t *thread;

        json_array_foreach (list_of(run_of(f), "threads"), i, thread)
                if (str_equal(json_str(thread, "ts"), ts) && str_equal(json_str(thread, "channel"), channel))
                        return thread;
        return NULL;
}

static void add_thread(Flow *f, const json_t *place, const char *ts)
{
        json_t *threads = list_of(run_of(f), "threads"), *thread;
        const char *channel = json_str_or(place, "id", "");

        if (find_thread(f, channel, ts))
                return;
        if (json_array_size(threads) >= THREADS_MAX) {
                add_to(run_of(f), "n_skipped", 1);
                return;
        }
        thread = json_pack("{s:s, s:s, s:b}", "channel", channel, "ts", ts, "is_direct",
                           json_bool(place, "is_direct"));
        json_array_append_new(threads, thread);
}

/* What both kinds of pages bring. */
static void take_page(Flow *f, json_t *place, const FlowEvent *ev)
{
        add_to(run_of(f), "n_new", json_int(ev->data, "n_new", 0));
        add_to(run_of(f), "n_read", json_int(ev->data, "n_read", 0));
        add_to(place, "n_pages", 1);
}

/* True: there is another page, and it has been asked for. */
static bool next_page(Flow *f, json_t *place, const FlowEvent *ev, const char *oldest)
{
        const char *cursor = json_str(ev->data, "next_cursor");

        if (str_empty(cursor) || json_int(place, "n_pages", 0) >= PAGES_MAX)
                return false;
        json_put_str(place, "cursor", cursor);
        if (json_str(ev->data, "last"))
                json_put_str(place, "after", json_str(ev->data, "last"));
        ask_page(f, place, oldest);
        return true;
}

/* ---- channels: their history, one after the other ---- */

static const json_t *first_channel(Flow *f)
{
        return json_array_get(list_of(run_of(f), "channels"), 0);
}

/* Where reading begins: earlier than the gap when that shows what many old threads did meanwhile. */
static char *oldest_of(Flow *f, const json_t *channel)
{
        const char *from = json_str_or(run_of(f), "from", "0"), *oldest = from;
        size_t i, n = 0;
        json_t *session;

        json_array_foreach (list_of(run_of(f), "sessions"), i, session)
                if (str_equal(json_str(session, "channel"), json_str(channel, "id")) &&
                    ts_compare(json_str(session, "ts"), from) < 0) {
                        n++;
                        if (ts_compare(json_str(session, "ts"), oldest) < 0)
                                oldest = json_str(session, "ts");
                }
        return mem_strdup(n > ONE_BY_ONE_MAX ? oldest : from);
}

/* Threads of sessions of which the history did not speak, because it was not read back to them. */
static void add_unseen_threads(Flow *f, const json_t *channel, const char *reached)
{
        size_t i;
        json_t *session, *thread;

        json_array_foreach (list_of(run_of(f), "sessions"), i, session) {
                const char *ts = json_str_or(session, "ts", "");
                bool waits = json_array_size(json_at(session, "queued")) > 0;

                if (!str_equal(json_str(session, "channel"), json_str(channel, "id")))
                        continue;
                if (ts_compare(ts, reached) < 0 || waits)
                        add_thread(f, channel, ts);
                thread = waits ? find_thread(f, json_str_or(channel, "id", ""), ts) : NULL;
                if (thread)
                        json_object_set(thread, "queued", (json_t *) json_at(session, "queued"));
        }
}

static void end_channel(Flow *f, const char *reached)
{
        add_unseen_threads(f, first_channel(f), reached);
        json_array_remove(list_of(run_of(f), "channels"), 0);
}

static FlowVerdict take_channel_page(Flow *f, const FlowEvent *ev)
{
        json_t *channel = (json_t *) first_channel(f), *ts;
        _cleanup_free_ char *oldest = oldest_of(f, channel);
        size_t i;

        if (ev->outcome != ASK_OK) {
                note_error(f, json_str_or(channel, "id", "?"), ev);
                end_channel(f, "");
                return flow_go(f, &step_channels);
        }
        take_page(f, channel, ev);
        json_array_foreach ((json_t *) json_at(ev->data, "threads"), i, ts)
                add_thread(f, channel, json_string_value(ts));
        /* A thread that is still to be read hears of it when it has been. */
        json_array_foreach ((json_t *) json_at(ev->data, "concerned"), i, ts)
                if (!find_thread(f, json_str_or(channel, "id", ""), json_string_value(ts)))
                        tell_caught_up(f, json_str_or(channel, "id", ""), json_string_value(ts));
        if (next_page(f, channel, ev, oldest))
                return FLOW_STAY;
        end_channel(f, str_empty(json_str(ev->data, "next_cursor")) ? oldest
                                                                    : json_str_or(ev->data, "last", oldest));
        return flow_go(f, &step_channels);
}

static FlowVerdict on_channels(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is_enter(ev)) {
                const json_t *channel = first_channel(f);
                _cleanup_free_ char *oldest = channel ? oldest_of(f, channel) : NULL;

                if (!channel)
                        return flow_go(f, &step_threads);
                ask_page(f, channel, oldest);
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, GATEWAY_CATCH_UP, NULL))
                return take_channel_page(f, ev);
        return take_common(f, ev) ? FLOW_STAY : FLOW_IGNORE;
}
static const FlowStep step_channels = {"channels", on_channels};

/* ---- threads: their replies, one after the other ---- */

static const json_t *first_thread(Flow *f)
{
        return json_array_get(list_of(run_of(f), "threads"), 0);
}

/* What waits in the session's queue is looked at too: it may have been deleted, or edited, meanwhile. */
static const char *oldest_reply(Flow *f, const json_t *thread)
{
        const char *oldest = json_str_or(run_of(f), "from", "0");
        size_t i;
        json_t *ts;

        json_array_foreach ((json_t *) json_at(thread, "queued"), i, ts)
                if (ts_compare(json_string_value(ts), oldest) < 0)
                        oldest = json_string_value(ts);
        return oldest;
}

static void tell_deleted(Flow *f, const json_t *thread, const json_t *missing)
{
        _cleanup_free_ char *address =
                mem_printf("thread:%s:%s", json_str_or(thread, "channel", ""), json_str_or(thread, "ts", ""));
        size_t i;
        json_t *ts;

        json_array_foreach ((json_t *) missing, i, ts)
                flow_send(f, address, "slack.deleted", json_pack("{s:O}", "ts", ts));
}

static FlowVerdict take_thread_page(Flow *f, const FlowEvent *ev)
{
        json_t *threads = list_of(run_of(f), "threads"), *thread = json_incref((json_t *) first_thread(f));

        if (ev->outcome != ASK_OK)
                note_error(f, json_str_or(thread, "ts", "?"), ev);
        else {
                take_page(f, thread, ev);
                tell_deleted(f, thread, json_at(ev->data, "missing"));
                if (next_page(f, thread, ev, oldest_reply(f, thread))) {
                        json_decref(thread);
                        return FLOW_STAY;
                }
        }
        add_to(run_of(f), "n_threads", 1);
        tell_caught_up(f, json_str_or(thread, "channel", ""), json_str_or(thread, "ts", ""));
        json_array_remove(threads, 0);
        json_decref(thread);
        return flow_go(f, &step_threads);
}

/* What an operator may want to know of the last run. */
static void end_run(Flow *f)
{
        static const char *const kept[] = {"started_ms", "why",   "from",      "n_channels", "n_threads",
                                           "n_read",     "n_new", "n_skipped", "n_errors",   "errors"};
        json_t *last = json_object();

        for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                if (json_at(run_of(f), kept[i]))
                        json_object_set(last, kept[i], (json_t *) json_at(run_of(f), kept[i]));
        json_put_int(last, "ended_ms", flow_now_ms(f));
        json_object_set_new(flow_data(f), "last", last);
        json_object_del(flow_data(f), "run");
        add_to(flow_data(f), "n_runs", 1);
        if (!json_at(flow_data(f), "want"))
                flow_ask(f, &(FlowAsk){.verb = GATEWAY_CAUGHT_UP});
}

static FlowVerdict on_threads(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is_enter(ev)) {
                const json_t *thread = first_thread(f);

                if (thread) {
                        ask_page(f, thread, oldest_reply(f, thread));
                        return FLOW_STAY;
                }
                end_run(f);
                return flow_go(f, &step_waiting);
        }
        if (flow_event_is_ask(ev, GATEWAY_CATCH_UP, NULL))
                return take_thread_page(f, ev);
        return take_common(f, ev) ? FLOW_STAY : FLOW_IGNORE;
}
static const FlowStep step_threads = {"threads", on_threads};

static const FlowStep *const steps[] = {&step_waiting, &step_listing, &step_channels, &step_threads, NULL};
const FlowKind flow_kind_catchup = {.name = "catchup", .version = 1, .steps = steps};
