/* One question request of the agent (one or several questions): a card, until it is answered, skipped, or
 * nobody waits. The shape is that of permission.c; what differs is how an answer is put together. */
#include "core/flows/flows.h"

#include "core/request.h"
#include "integrations/opencode/opencode-asks.h"

static const FlowStep step_open, step_sending, step_over;

static void show(Flow *f, const char *error)
{
        const json_t *data = flow_data(f);
        PostedPlace place = request_place(f);
        json_t *message = card_question(&(QuestionCard){
                .ref = flow_ref(f),
                .state = request_state(f),
                .questions = json_at(data, "question.questions"),
                .answers = json_at(data, "answers"),
                .answered_by = json_str(data, "answered_by"),
                .error = error,
                .now_ms = flow_now_ms(f),
        });

        posted_show(f, SLOT_REQUEST, &place, message, ASK_PRIORITY_URGENT);
}

static FlowVerdict end(Flow *f, RequestState state)
{
        request_set_state(f, state);
        return flow_go(f, &step_over);
}

/* True when it is an answer: it may also have been skipped. */
static bool take_theirs(Flow *f, const json_t *theirs)
{
        const json_t *answers = json_at(theirs, "answers");

        json_object_del(flow_data(f), "answered_by");
        if (!json_is_array(answers))
                json_object_del(flow_data(f), "answers");
        else
                json_object_set_new(flow_data(f), "answers", json_deep_copy(answers));
        return json_is_array(answers);
}

static FlowVerdict replied_there(Flow *f, const json_t *theirs)
{
        return end(f, take_theirs(f, theirs) ? REQUEST_ANSWERED : REQUEST_CLOSED);
}

/* Closed by a stop, and answered in OpenCode a moment before: the answer is shown. */
static FlowVerdict replied_before_the_end(Flow *f, const json_t *theirs)
{
        if (request_state(f) != REQUEST_CLOSED || !take_theirs(f, theirs))
                return FLOW_STAY;
        request_set_state(f, REQUEST_ANSWERED);
        show(f, NULL);
        return FLOW_STAY;
}

/* ---- open ---- */

/* "<ref>:<question>:<option>": a button of a single question. */
static json_t *picked(const json_t *questions, const char *value)
{
        const char *first = strchr(value, ':'), *second = first ? strchr(first + 1, ':') : NULL;
        const json_t *question;
        const char *label;

        if (!second)
                return NULL;
        question = json_array_get(questions, strtoul(first + 1, NULL, 10));
        label = json_string_value(json_object_get(
                json_array_get(json_object_get(question, "options"), strtoul(second + 1, NULL, 10)),
                "label"));
        return label ? json_pack("[[s]]", label) : NULL;
}

static FlowVerdict answered(Flow *f, const FlowEvent *ev, json_t *answers /* stolen; NULL = skipped */)
{
        if (answers)
                json_object_set_new(flow_data(f), "answers", answers);
        json_put_str(flow_data(f), "answered_by", json_str(ev->data, "user"));
        return flow_go(f, &step_sending);
}

static FlowVerdict clicked(Flow *f, const FlowEvent *ev)
{
        const json_t *questions = json_at(flow_data(f), "question.questions");
        const char *action = json_str_or(ev->data, "action_id", "");
        _cleanup_free_ char *error = NULL;
        json_t *answers = NULL;

        if (request_refuse(f, ev))
                return FLOW_STAY;
        if (str_equal(action, "question.reject"))
                return answered(f, ev, NULL);
        if (str_starts_with(action, "question.pick"))
                answers = picked(questions, json_str_or(ev->data, "value", ""));
        else if (str_equal(action, "question.submit"))
                answers = card_question_read(questions, json_at(ev->data, "values"), &error);
        else
                return FLOW_STAY; /* a choice being made; it counts when it is sent */
        if (answers)
                return answered(f, ev, answers);
        request_tell_clicker(f, ev,
                             error ? error : "That choice is not there any more. Please choose again.");
        return FLOW_STAY;
}

static FlowVerdict on_open(Flow *f, const FlowEvent *ev)
{
        PostedPlace place = request_place(f);

        if (flow_event_is(ev, "request.asked")) {
                if (json_at(flow_data(f), "question"))
                        return FLOW_IGNORE; /* told again, by a reconciliation */
                request_begin(f, ev);
                request_tell_opened(f, "an answer");
                show(f, NULL);
                return FLOW_STAY;
        }
        if (!json_at(flow_data(f), "question"))
                return FLOW_FAILED;
        switch (posted_take_result(f, SLOT_REQUEST, &place, ev)) {
        case POSTED_GONE: show(f, NULL); return FLOW_STAY;
        case POSTED_TAKEN:
                if (request_card_missing(f, ev))
                        show(f, NULL);
                return FLOW_STAY;
        case POSTED_OTHER: break;
        }
        if (flow_event_is(ev, "slack.action"))
                return clicked(f, ev);
        if (flow_event_is(ev, "request.replied"))
                return replied_there(f, ev->data);
        if (flow_event_is(ev, "request.over") || request_is_forgotten(f, ev, "question.id"))
                return end(f, REQUEST_CLOSED);
        return FLOW_IGNORE;
}
static const FlowStep step_open = {"open", on_open};

/* ---- sending ---- */

/* Our answer came to nothing, or nobody knows: what OpenCode says counts. */
static FlowVerdict told(Flow *f)
{
        const json_t *theirs = json_at(flow_data(f), "theirs");
        json_t *said = json_object_get(theirs, "answers"), *ours = json_object_get(flow_data(f), "answers");

        if (request_may_be_ours(f) && (said && ours ? json_equal(said, ours) : !said && !ours))
                return end(f, REQUEST_ANSWERED);
        return replied_there(f, theirs);
}

static void send_answer(Flow *f)
{
        const json_t *data = flow_data(f);
        const json_t *answers = json_at(data, "answers");
        _cleanup_free_ char *lane = request_lane(f);
        json_t *args = json_pack("{s:s, s:s}", "directory", json_str_or(data, "directory", ""), "question_id",
                                 json_str_or(data, "question.id", ""));

        if (answers)
                json_object_set_new(args, "answers", json_deep_copy(answers));
        flow_ask(f, &(FlowAsk){
                            .verb = answers ? OPENCODE_QUESTION_REPLY : OPENCODE_QUESTION_REJECT,
                            .lane = lane,
                            .args = args,
                    });
}

static FlowVerdict on_sending(Flow *f, const FlowEvent *ev)
{
        PostedPlace place = request_place(f);

        if (flow_event_is_enter(ev)) {
                request_set_state(f, REQUEST_SENDING);
                send_answer(f);
                show(f, NULL);
                return FLOW_STAY;
        }
        if (flow_event_is_ask(ev, OPENCODE_QUESTION_REPLY, NULL) ||
            flow_event_is_ask(ev, OPENCODE_QUESTION_REJECT, NULL)) {
                if (request_is_answered(f, ev))
                        return end(f, REQUEST_ANSWERED);
                return json_at(flow_data(f), "theirs") ? told(f) : FLOW_STAY;
        }
        if (flow_event_is(ev, "slack.action")) {
                request_refuse(f, ev);
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "request.replied")) {
                json_object_set_new(flow_data(f), "theirs", json_deep_copy(ev->data));
                return json_str(flow_data(f), "undecided") ? told(f) : FLOW_STAY;
        }
        if (flow_event_is_timer(ev, "told")) /* nobody answered: it died with its turn */
                return end(f, REQUEST_CLOSED);
        return posted_take_result(f, SLOT_REQUEST, &place, ev) == POSTED_OTHER ? FLOW_IGNORE : FLOW_STAY;
}
static const FlowStep step_sending = {"sending", on_sending};

/* ---- over ---- */

/* For the session's document. */
static json_t *what_was_answered(Flow *f)
{
        const json_t *data = flow_data(f), *questions = json_at(data, "question.questions");
        json_t *texts, *question, *outcome;
        size_t i;

        if (request_state(f) != REQUEST_ANSWERED || !json_at(data, "answers"))
                return NULL;
        texts = json_array();
        json_array_foreach ((json_t *) questions, i, question)
                json_array_append_new(texts, json_string(json_str_or(question, "question", "")));
        outcome = json_pack("{s:o, s:O}", "questions", texts, "answers", json_at(data, "answers"));
        json_put_str(outcome, "by", json_str_or(data, "answered_by", "in OpenCode"));
        return outcome;
}

static FlowVerdict on_over(Flow *f, const FlowEvent *ev)
{
        PostedPlace place = request_place(f);

        if (flow_event_is_enter(ev)) {
                show(f, NULL);
                request_tell_closed(f, what_was_answered(f));
                flow_timer(f, "forget", REQUEST_KEPT_MS);
                return FLOW_STAY;
        }
        if (flow_event_is_timer(ev, "forget"))
                return FLOW_DONE;
        if (flow_event_is(ev, "slack.action")) {
                request_refuse(f, ev);
                return FLOW_STAY;
        }
        if (flow_event_is(ev, "request.replied"))
                return replied_before_the_end(f, ev->data);
        return posted_take_result(f, SLOT_REQUEST, &place, ev) == POSTED_OTHER ? FLOW_IGNORE : FLOW_STAY;
}
static const FlowStep step_over = {"over", on_over};

static const FlowStep *const steps[] = {&step_open, &step_sending, &step_over, NULL};
const FlowKind flow_kind_question = {.name = "question", .version = 1, .steps = steps};
