/* A task on its way to a session: what is missing is asked for in a form.
 *
 *   reading → handed → (over)                   enough is known: it begins at once
 *   reading → open → starting → handed → (over) the form asks for the rest
 *             open → reading                    a button opens it again, with what was typed
 *
 * Slack gives three seconds for opening a form, and closes it without a word when its person presses Escape.
 * Therefore what was typed is kept here, and whenever there is no form where one should be, its person is
 * given a button. What a form says has been checked before it was acknowledged (core/start-form.h), and is
 * checked once more when the session begins. */
#include "core/flows/flows.h"

#include "connectors/slack/block-kit.h"
#include "connectors/slack/slack-asks.h"
#include "core/cards.h"
#include "core/say.h"
#include "core/start-form.h"
#include "core/start-infer.h"

#define FORM_PATIENCE_MS 1500  /* of the three seconds */
#define TEXT_PATIENCE_MS 10000 /* what may begin without a form has no such haste */
#define OFFER_AGAIN_MS   400   /* the catalogue is being read for the first time */
#define URL_LIFE_MS      (25LL * 60 * 1000)
#define URL_USES         4
#define KEPT_MS          (7LL * 24 * 3600 * 1000)
#define HANDED_MS        (24LL * 3600 * 1000)

static const FlowStep step_reading, step_open, step_starting, step_handed;
static FlowVerdict begin(Flow *f, const json_t *offer);

/* ---- saying, where only this person sees it ---- */

static void tell(Flow *f, json_t *message /* stolen */)
{
        json_t *data = flow_data(f);
        const char *url = json_str(data, "response_url"), *channel = json_str(data, "channel");
        int64_t n = json_int(data, "n_urls", 0);
        PostedPlace place = {.channel = channel ? channel : json_str_or(data, "user", ""),
                             .thread_ts = json_str(data, "thread_ts")};

        if (url && n < URL_USES && flow_now_ms(f) - json_int(data, "url_ms", 0) < URL_LIFE_MS) {
                json_put_int(data, "n_urls", n + 1);
                say_response(f, url, message);
        } else if (channel)
                say_ephemeral_message(f, &place, json_str_or(data, "user", ""), message);
        else /* a shortcut of the whole workspace is nowhere: as a direct message */
                say_message_in_thread(f, &place, message);
}

static void offer_form(Flow *f, const char *emoji, const char *text, const char *label)
{
        tell(f, start_form_offer_message(flow_ref(f), emoji, text, label));
}

/* A trigger and an address for answers are worth something for a moment only: the newest count. */
static void take_ticket(Flow *f, const FlowEvent *ev)
{
        json_t *data = flow_data(f);

        json_object_del(data, "trigger_id");
        if (!str_empty(json_str(ev->data, "trigger_id")))
                json_put_str(data, "trigger_id", json_str(ev->data, "trigger_id"));
        if (json_str(ev->data, "response_url")) {
                json_put_str(data, "response_url", json_str(ev->data, "response_url"));
                json_put_int(data, "url_ms", flow_now_ms(f));
                json_put_int(data, "n_urls", 0);
        }
}

static bool is_refused(Flow *f, const FlowEvent *ev)
{
        if (!json_is_false(json_at(ev->data, "allowed")))
                return false;
        tell(f, card_notice(":no_entry:", json_str_or(ev->data, "why", "You may not do that here.")));
        return true;
}

static bool is_edit(Flow *f)
{
        return json_str(flow_data(f), "session") != NULL;
}

/* ---- reading: what may be chosen, and what the words say ---- */

static void ask_offer(Flow *f)
{
        const json_t *data = flow_data(f), *values = json_at(data, "values");
        json_t *args = json_object();

        json_put_str(args, "title", json_str(values, "title"));
        json_put_str(args, "description", values ? json_str(values, "description") : json_str(data, "text"));
        flow_ask(f, &(FlowAsk){.verb = GATEWAY_OFFER, .coalesce = "offer", .args = args});
}

static FlowVerdict open_form(Flow *f, const json_t *offer)
{
        json_t *data = flow_data(f);
        const char *trigger_id = json_str(data, "trigger_id");
        json_t *view;

        if (!trigger_id) {
                offer_form(f, NULL, "Something about this task has to be asked first.", "Open the form");
                return flow_go(f, &step_open);
        }
        view = start_form_view(&(StartForm){.ref = flow_ref(f),
                                            .values = json_at(data, "values"),
                                            .offer = offer,
                                            .note = json_str(data, "note"),
                                            .error = json_str(data, "error"),
                                            .is_edit = is_edit(f)});
        flow_ask(f, &(FlowAsk){.verb = SLACK_VIEW_OPEN,
                               .args = json_pack("{s:s, s:o}", "trigger_id", trigger_id, "view", view)});
        json_object_del(data, "trigger_id");
        return flow_go(f, &step_open);
}

/* The text becomes values, and what it says of the others is added. */
static void infer(Flow *f, const json_t *offer)
{
        json_t *data = flow_data(f), *values = start_form_split(json_str_or(data, "text", ""));
        _cleanup_(start_inferred_deinit) StartInferred inferred = {0};

        if (!str_empty(json_str(data, "text"))) {
                start_infer(values, offer, &inferred);
                json_object_update(values, inferred.values);
                json_put_str(data, "note", inferred.note);
                if (inferred.certain && json_bool(data, "at_once"))
                        json_object_set_new(data, "certain", json_true());
        }
        if (json_str(data, "channel"))
                json_put_str(values, "channel", json_str(data, "channel"));
        if (json_str(data, "link")) {
                const char *said = json_str_or(values, "description", "");
                _cleanup_free_ char *linked = mem_printf("%s%sFrom this message: %s", said,
                                                         *said ? "\n\n" : "", json_str(data, "link"));

                json_put_str(values, "description", linked);
        }
        json_object_set_new(data, "values", values);
}

/* What there is to choose from is not known in time. */
static FlowVerdict not_read_yet(Flow *f)
{
        offer_form(f, ":hourglass:", "The projects and repositories are still being read. Your text is kept.",
                   "Open the form");
        return flow_go(f, &step_open);
}

static FlowVerdict take_offer(Flow *f, const FlowEvent *ev)
{
        if (ev->outcome == ASK_OK && json_is_false(json_at(ev->data, "complete"))) {
                if (json_bool(flow_data(f), "late"))
                        return not_read_yet(f);
                flow_timer(f, "again", OFFER_AGAIN_MS);
                return FLOW_STAY;
        }
        if (!json_at(flow_data(f), "values"))
                infer(f, ev->data);
        if (json_bool(flow_data(f), "certain"))
                return begin(f, ev->data);
        return open_form(f, ev->data);
}

/* A text that may begin at once is not asked about because of a slow moment. */
static bool may_begin_at_once(Flow *f)
{
        return json_bool(flow_data(f), "at_once") && !str_empty(json_str(flow_data(f), "text"));
}

static FlowVerdict out_of_patience(Flow *f)
{
        if (!may_begin_at_once(f))
                return not_read_yet(f);
        json_object_set_new(flow_data(f), "late", json_true());
        return FLOW_STAY;
}

static FlowVerdict on_reading(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is(ev, "start.asked") || flow_event_is(ev, "start.edit")) {
                json_object_update_missing(flow_data(f), (json_t *) ev->data);
                take_ticket(f, ev);
                if (is_refused(f, ev))
                        return FLOW_DONE;
        }
        if (flow_event_is(ev, "start.asked") || flow_event_is(ev, "start.edit") || flow_event_is_enter(ev)) {
                json_object_del(flow_data(f), "late");
                flow_timer(f, "patience", may_begin_at_once(f) ? TEXT_PATIENCE_MS : FORM_PATIENCE_MS);
                ask_offer(f);
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, GATEWAY_OFFER, NULL))
                return take_offer(f, ev);
        if (flow_event_is_timer(ev, "again")) {
                ask_offer(f);
                return FLOW_STAY;
        }
        if (flow_event_is_timer(ev, "patience"))
                return out_of_patience(f);
        return flow_event_is(ev, "slack.view") ? FLOW_LATER : FLOW_IGNORE;
}
static const FlowStep step_reading = {"reading", on_reading};

/* ---- open: a form is on somebody's screen, or a button that opens it ---- */

/* A description that did not fit into the form, and was not touched there, is still meant. */
static void take_values(Flow *f, const FlowEvent *ev)
{
        json_t *data = flow_data(f), *now = start_form_read(json_at(ev->data, "values"));
        const char *was = json_str_or(data, "values.description", "");
        _cleanup_free_ char *shown = slack_cut(was, START_DESCRIPTION_CHARS_MAX);

        if (slack_chars(was) > START_DESCRIPTION_CHARS_MAX && str_equal(json_str(now, "description"), shown))
                json_put_str(now, "description", was);
        if (json_object_size(now) > 0)
                json_object_update(json_object_get(data, "values"), now);
        json_decref(now);
}

static FlowVerdict sent(Flow *f, const FlowEvent *ev)
{
        if (is_refused(f, ev))
                return FLOW_STAY;
        if (!json_at(flow_data(f), "values"))
                json_object_set_new(flow_data(f), "values", json_object());
        take_values(f, ev);
        json_object_del(flow_data(f), "error");
        return flow_go(f, &step_starting);
}

static FlowVerdict on_open(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is_enter(ev)) {
                flow_timer(f, "forget", KEPT_MS);
                return FLOW_STAY;
        }
        if (flow_event_is_timer(ev, "forget"))
                return FLOW_DONE;
        if (flow_event_is_ask(ev, SLACK_VIEW_OPEN, NULL)) {
                if (ev->outcome != ASK_OK)
                        offer_form(f,
                                   ":hourglass:", "The form could not be opened in time. Your text is kept.",
                                   "Open the form");
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "slack.view"))
                return sent(f, ev);
        if (flow_event_is(ev, "slack.closed")) {
                take_values(f, ev);
                offer_form(f, NULL,
                           is_edit(f) ? "Nothing was changed."
                                      : "Nothing was started. What the form said is kept.",
                           "Open again");
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "start.edit") || flow_event_is(ev, "slack.action")) {
                if (is_refused(f, ev))
                        return FLOW_STAY;
                take_ticket(f, ev);
                return flow_go(f, &step_reading);
        }
        return FLOW_IGNORE;
}
static const FlowStep step_open = {"open", on_open};

/* ---- starting: the session is asked for ---- */

static FlowVerdict back_to_form(Flow *f, const char *why)
{
        json_put_str(flow_data(f), "error", why);
        json_object_del(flow_data(f), "certain");
        offer_form(f, ":warning:", why, "Open again");
        return flow_go(f, &step_open);
}

static void spawn_session(Flow *f, json_t *task /* stolen */, json_t *routing /* stolen */)
{
        const json_t *data = flow_data(f), *values = json_at(data, "values");
        _cleanup_free_ char *address = mem_printf("form:%s", flow_ref(f));
        /* What begins at once is said as it was said. */
        _cleanup_free_ char *text = json_bool(data, "certain") ? mem_strdup(json_str_or(data, "text", ""))
                                                               : start_form_prompt(values);
        json_t *start = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "user", json_str_or(data, "user", ""),
                                  "channel", json_str_or(values, "channel", ""), "text", text, "form",
                                  flow_ref(f), "task", task, "routing", routing);

        if (json_at(data, "defaults"))
                json_object_set(start, "defaults", (json_t *) json_at(data, "defaults"));
        flow_spawn(f, "session", address, "slack.start", start);
}

static void send_edit(Flow *f, json_t *task /* stolen */, json_t *routing /* stolen */)
{
        _cleanup_free_ char *address = mem_printf("flow:%s", json_str_or(flow_data(f), "session", ""));

        flow_send(f, address, "session.edited",
                  json_pack("{s:s, s:o, s:o}", "user", json_str_or(flow_data(f), "user", ""), "task", task,
                            "routing", routing));
}

static FlowVerdict begin(Flow *f, const json_t *offer)
{
        /* A copy: in the form "automatic" stays what was chosen, should it have to be opened again. */
        _cleanup_json_ json_t *values = json_deep_copy(json_at(flow_data(f), "values"));
        _cleanup_json_ json_t *errors =
                json_bool(flow_data(f), "certain") ? NULL : start_form_check(values, offer, NULL, is_edit(f));
        const char *field;
        json_t *why, *routing;

        json_object_foreach (errors, field, why)
                return back_to_form(f, json_string_value(why));
        routing = start_route(values, offer, json_str_or(flow_data(f), "user", ""), flow_now_ms(f));
        if (is_edit(f)) {
                send_edit(f, start_form_task(values, offer), routing);
                return FLOW_DONE;
        }
        spawn_session(f, start_form_task(values, offer), routing);
        return flow_go(f, &step_handed);
}

static FlowVerdict on_starting(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is_enter(ev)) {
                ask_offer(f);
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, GATEWAY_OFFER, NULL))
                return begin(f, ev->data);
        return FLOW_IGNORE;
}
static const FlowStep step_starting = {"starting", on_starting};

/* ---- handed: until the thread is there, what was typed may still be needed ---- */

static FlowVerdict on_handed(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is_enter(ev)) {
                flow_timer(f, "forget", HANDED_MS);
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "start.failed"))
                return back_to_form(f, json_str_or(ev->data, "why", "The task was not started."));
        if (flow_event_is(ev, "start.opened") || flow_event_is_timer(ev, "forget"))
                return FLOW_DONE;
        return FLOW_IGNORE;
}
static const FlowStep step_handed = {"handed", on_handed};

static const FlowStep *const steps[] = {&step_reading, &step_open, &step_starting, &step_handed, NULL};
const FlowKind flow_kind_start = {.name = "start", .version = 1, .steps = steps};
