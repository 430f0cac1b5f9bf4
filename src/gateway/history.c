/* One page of Slack's history, read and handed to the intake: the ask behind flows/catchup.c.
 *
 * The page's messages go where the live ones go (core/intake.h), under the same keys. The ask ends when all
 * of them are durable, or known to have been before; a crash in between reads the page again. */
#include "gateway/gateway.h"

#include "connectors/slack/inbound.h"
#include "connectors/slack/probe.h"
#include "core/catchup.h"
#include "core/flows/flows.h"

#define PAGE_SIZE         200
#define IDENTITY_PAUSE_MS 250
#define OVERLOAD_PAUSE_MS 1000

typedef struct Page {
        List link; /* Gateway.pages, once Slack has answered */
        Gateway *gateway;
        Ask *ask;
        json_t *body;
        json_t *result; /* {n_read, n_new, concerned, threads, missing, last, next_cursor} */
        List readings;  /* what is under way to the journal */
        size_t n_waiting;
        bool refused;
} Page;

/* One message of it. */
typedef struct Reading {
        List link;
        Page *page;
        json_t *in;
        char *thread_ts;
        bool is_edit; /* the second reading of a message that was known */
} Reading;

static const char *arg(const Page *p, const char *name)
{
        return json_str(p->ask->args, name);
}

static void reading_free(Reading *r)
{
        list_remove(&r->link);
        json_decref(r->in);
        free(r->thread_ts);
        free(r);
}

static void page_free(Page *p)
{
        list_for_each_safe (node, &p->readings)
                reading_free(list_entry(node, Reading, link));
        list_remove(&p->link);
        json_decref(p->body);
        json_decref(p->result);
        free(p);
}

static void page_done(Page *p)
{
        _cleanup_json_ json_t *result = NULL;
        Ask *ask = p->ask;
        bool refused = p->refused;

        if (--p->n_waiting > 0)
                return;
        result = json_incref(p->result);
        page_free(p);
        if (refused)
                ask_tempfail(ask, "overloaded", NULL, false, OVERLOAD_PAUSE_MS);
        else
                ask_ok(ask, take(result));
}

/* ---- one message ---- */

static void add_once(json_t *list, const char *text)
{
        size_t i;
        json_t *known;

        json_array_foreach (list, i, known)
                if (str_equal(json_string_value(known), text))
                        return;
        json_array_append_new(list, json_string(text));
}

static void deliver(Reading *r, IntakePlan *plan);

/* The message had been taken before; what it says now may be new. */
static void deliver_edit(Reading *r)
{
        _cleanup_(intake_plan_deinit) IntakePlan plan = {0};

        json_put_str(r->in, "type", "edited");
        r->is_edit = true;
        intake_decide(&r->page->gateway->intake, r->in, &plan);
        if (plan.address)
                deliver(r, &plan);
        else {
                Page *p = r->page;

                reading_free(r);
                page_done(p);
        }
}

static void on_delivered(void *userdata, FlowDelivered outcome)
{
        Reading *r = userdata;
        Page *p = r->page;

        if (outcome == FLOW_REFUSED)
                p->refused = true;
        if (outcome == FLOW_UNROUTED) {
                _cleanup_free_ char *address = mem_printf("thread:%s:%s", arg(p, "channel"), r->thread_ts);

                missed_note(p->gateway->missed, address);
        }
        if (!r->is_edit && (outcome == FLOW_DELIVERED || outcome == FLOW_DUPLICATE)) {
                /* A duplicate counts, too: it may be one of this very page, read before a crash. */
                add_once(json_object_get(p->result, "concerned"), r->thread_ts);
                if (outcome == FLOW_DELIVERED) {
                        json_put_int(p->result, "n_new", json_int(p->result, "n_new", 0) + 1);
                        metric_add(p->gateway->m.caught_up, 1);
                }
        }
        if (!r->is_edit && outcome == FLOW_DUPLICATE && json_str(r->in, "edited_ts")) {
                deliver_edit(r);
                return;
        }
        reading_free(r);
        page_done(p);
}

static void deliver(Reading *r, IntakePlan *plan)
{
        flow_deliver(r->page->gateway->engine, &(FlowDelivery){
                                                       .address = plan->address,
                                                       .kind = plan->kind,
                                                       .event = plan->event,
                                                       .dedup_key = plan->dedup_key,
                                                       .json = json_dump(plan->data),
                                                       .done = on_delivered,
                                                       .userdata = r,
                                               });
}

static void read_message(Page *p, const json_t *message)
{
        _cleanup_(intake_plan_deinit) IntakePlan plan = {0};
        SlackHistoryPlace place = {.team = json_str(p->gateway->identity, "team_id"),
                                   .channel = arg(p, "channel"),
                                   .is_direct = json_bool(p->ask->args, "is_direct")};
        json_t *in = slack_inbound_history(message, &place);
        const char *ts = json_str(in, "ts");
        Reading *r;

        if (!in)
                return;
        json_object_set_new(in, "late", json_true());
        if (ts_compare(ts, arg(p, "fresh")) < 0)
                json_object_set_new(in, "stale", json_true());
        intake_decide(&p->gateway->intake, in, &plan);
        if (!plan.address) {
                json_decref(in);
                return;
        }
        r = mem_new(Reading);
        *r = (Reading){.page = p, .in = in, .thread_ts = mem_strdup(json_str_or(in, "thread_ts", ts))};
        list_append(&p->readings, &r->link);
        p->n_waiting++;
        deliver(r, &plan);
}

/* ---- the page ---- */

static bool is_queued(const Page *p, const char *ts)
{
        size_t i;
        json_t *queued;

        json_array_foreach ((json_t *) json_at(p->ask->args, "queued"), i, queued)
                if (str_equal(json_string_value(queued), ts))
                        return true;
        return false;
}

/* A parent whose thread has changed since. */
static void note_thread(Page *p, const json_t *message)
{
        const char *latest = json_str(message, "latest_reply");

        if (latest && ts_compare(latest, arg(p, "from")) >= 0)
                add_once(json_object_get(p->result, "threads"), json_str(message, "ts"));
}

static void read_messages(Page *p)
{
        const json_t *messages = json_object_get(p->body, "messages");
        const char *thread = arg(p, "ts");
        size_t n = json_array_size(messages);

        for (size_t i = 0; i < n; i++) {
                /* As they were said: a history comes newest first, a thread oldest first. */
                const json_t *message = json_array_get(messages, thread ? i : n - 1 - i);
                const char *ts = json_str_or(message, "ts", "");

                if (!thread)
                        note_thread(p, message);
                /* Older than the gap: its place in a queue is known, only its text may have changed. */
                if (ts_compare(ts, arg(p, "from")) < 0 && !is_queued(p, ts))
                        continue;
                if (thread && str_equal(thread, ts))
                        continue; /* the history showed it */
                json_put_int(p->result, "n_read", json_int(p->result, "n_read", 0) + 1);
                read_message(p, message);
        }
        if (n > 0)
                json_put_str(p->result, "last", json_str(json_array_get(messages, n - 1), "ts"));
}

static bool shows(const json_t *messages, const char *ts)
{
        size_t i;
        json_t *message;

        json_array_foreach ((json_t *) messages, i, message)
                if (str_equal(json_str(message, "ts"), ts))
                        return !str_equal(json_str(message, "subtype"), "tombstone");
        return false;
}

/* Queued messages that this page would show if they still existed. */
static void note_missing(Page *p)
{
        const json_t *messages = json_object_get(p->body, "messages");
        const char *last = json_str(p->result, "last"), *after = arg(p, "after");
        bool is_end = str_empty(json_str(p->result, "next_cursor"));
        size_t i;
        json_t *queued;

        json_array_foreach ((json_t *) json_at(p->ask->args, "queued"), i, queued) {
                const char *ts = json_string_value(queued);
                bool here = ts_compare(ts, after) > 0 && (is_end || ts_compare(ts, last) <= 0);

                if (here && !str_equal(ts, arg(p, "ts")) && !shows(messages, ts))
                        add_once(json_object_get(p->result, "missing"), ts);
        }
}

static void on_page(void *userdata, const SlackWebResult *result)
{
        Page *p = userdata;
        Ask *ask = p->ask;

        if (result->outcome != SLACK_WEB_OK) {
                page_free(p);
                slack_ask_fail(ask, result);
                return;
        }
        p->body = json_incref((json_t *) result->body);
        p->result = json_pack("{s:[], s:[], s:[]}", "concerned", "threads", "missing");
        list_append(&p->gateway->pages, &p->link);
        p->n_waiting = 1; /* this function */
        if (!str_empty(json_str(p->body, "response_metadata.next_cursor")))
                json_put_str(p->result, "next_cursor", json_str(p->body, "response_metadata.next_cursor"));
        read_messages(p);
        if (arg(p, "ts"))
                note_missing(p);
        page_done(p);
}

static void page_drop(void *userdata)
{
        page_free(userdata);
}

void history_deinit(Gateway *g)
{
        list_for_each_safe (node, &g->pages)
                page_free(list_entry(node, Page, link));
}

static const char *method_of(const Ask *ask)
{
        return json_str(ask->args, "ts") ? "conversations.replies" : "conversations.history";
}

static void start_catch_up(void *owner, Ask *ask)
{
        Gateway *g = owner;
        Page *p = mem_new(Page);
        json_t *form = json_pack("{s:s?, s:s?, s:s?, s:b, s:i}", "channel", json_str(ask->args, "channel"),
                                 "ts", json_str(ask->args, "ts"), "oldest", json_str(ask->args, "oldest"),
                                 "inclusive", 1, "limit", PAGE_SIZE);

        *p = (Page){.gateway = g, .ask = ask};
        list_init(&p->readings);
        if (json_str(ask->args, "cursor"))
                json_put_str(form, "cursor", json_str(ask->args, "cursor"));
        slack_web_call_owned(g->web, method_of(ask), form, on_page, page_drop, p);
}

static int64_t wait_catch_up(void *owner, const Ask *ask)
{
        Gateway *g = owner;

        if (!g->identity) /* who we are decides what is ours */
                return IDENTITY_PAUSE_MS;
        /* Of these methods nothing more urgent is kept room for: whoever must know at once does not ask here.
         */
        return slack_web_wait_ms(g->web, method_of(ask), NULL, true);
}

/* Twice: every message of the page goes under the key that it had the first time. */
const AskVerb gateway_catch_up_verb = {
        .name = GATEWAY_CATCH_UP,
        .max_inflight = 2,
        .max_attempts = 1000,
        .deadline_ms = 60 * 60 * 1000,
        .backoff_ms = 1000,
        .wait_ms = wait_catch_up,
        .start = start_catch_up,
};
