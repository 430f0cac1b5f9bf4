#include "core/session-turn.h"

#include "connectors/slack/markdown.h"
#include "connectors/slack/slack-asks.h"
#include "core/say.h"
#include "core/session-again.h"
#include "core/session-requests.h"
#include "core/session.h"

json_t *session_turn_begin(Flow *f)
{
        json_t *turn = session_queue_pop(f);

        if (!turn)
                turn = json_pack("{s:b}", "foreign", 1);
        session_again_begin(f, turn);
        json_put_int(turn, "started_ms", flow_now_ms(f));
        json_put_int(turn, "no", json_int(flow_data(f), "n_turns", 0) + 1);
        json_put_int(flow_data(f), "n_turns", json_int(turn, "no", 0));
        json_object_set_new(flow_data(f), "turn", turn);
        posted_reset(f, SLOT_PROGRESS);
        session_set_error(f, NULL);
        session_set_state(f, SESSION_WORKING);
        return turn;
}

static void post_answer(Flow *f, const char *text)
{
        _cleanup_json_ json_t *messages = slack_markdown_messages(text, strlen(text), NULL);
        PostedPlace thread = session_thread(f);
        _cleanup_free_ char *lane = posted_lane(&thread);
        size_t i;
        json_t *message;

        json_array_foreach (messages, i, message)
                flow_ask(f, &(FlowAsk){
                                    .verb = SLACK_POST,
                                    .tag = "answer",
                                    .lane = lane,
                                    /* When Slack takes less than there is to say, questions go first. */
                                    .priority = ASK_PRIORITY_NORMAL,
                                    .args = json_pack("{s:s, s:s, s:O}", "channel", thread.channel,
                                                      "thread_ts", thread.thread_ts, "message", message),
                            });
}

void session_post_answers(Flow *f, const TurnReading *reading, bool is_over)
{
        _cleanup_json_ json_t *texts = turn_texts(reading, is_over);
        json_t *text;
        size_t i;

        json_array_foreach (texts, i, text)
                post_answer(f, json_string_value(text));
}

const char *session_turn_error(const TurnReading *reading, bool stopped)
{
        const char *name = json_str(reading->answer, "error.name");

        if (!name || (stopped && str_equal(name, "MessageAbortedError")))
                return NULL;
        return json_str_or(reading->answer, "error.message", name);
}

void session_turn_remember(Flow *f, const json_t *messages, const TurnReading *reading)
{
        json_t *data = flow_data(f), *oc = json_object_get(data, "oc");
        const json_t *last = json_array_get(messages, json_array_size(messages) - 1);

        if (json_str(last, "id"))
                json_put_str(oc, "last_message_id", json_str(last, "id"));
        if (json_str(reading->answer, "agent"))
                json_put_str(oc, "agent", json_str(reading->answer, "agent"));
        if (json_str(reading->answer, "model.model_id")) {
                _cleanup_free_ char *model =
                        mem_printf("%s/%s", json_str_or(reading->answer, "model.provider_id", "?"),
                                   json_str(reading->answer, "model.model_id"));

                json_put_str(oc, "model", model);
        }
        json_put_int(data, "tokens", json_int(data, "tokens", 0) + reading->tokens);
        json_object_set_new(data, "cost",
                            json_real(json_number_value(json_at(data, "cost")) + reading->cost));
}

void session_turn_end(Flow *f, ProgressState outcome, const char *error, const TurnReading *reading)
{
        const json_t *turn = json_at(flow_data(f), "turn");
        static const char *const marks[] = {[PROGRESS_DONE] = "white_check_mark",
                                            [PROGRESS_STOPPED] = "octagonal_sign",
                                            [PROGRESS_FAILED] = "warning"};

        if (json_str(reading ? reading->answer : NULL, "error.name"))
                json_put_str(json_object_get(flow_data(f), "turn"), "error_name",
                             json_str(reading->answer, "error.name"));
        if (session_again_end(f, outcome, error))
                return;
        session_requests_over(f);
        session_end_progress(f, outcome, error);
        if (reading)
                session_post_answers(f, reading, true);
        if (json_str(turn, "ts"))
                say_reaction(f, json_str_or(flow_data(f), "channel", ""), json_str(turn, "ts"),
                             marks[outcome]);
        session_set_error(f, error);
        session_set_state(f, outcome == PROGRESS_DONE      ? SESSION_IDLE
                             : outcome == PROGRESS_STOPPED ? SESSION_STOPPED
                                                           : SESSION_FAILED);
        json_object_del(flow_data(f), "turn");
}

void session_turn_note_error(Flow *f, const FlowEvent *ev)
{
        const char *name = json_str_or(ev->data, "error.name", "error");
        json_t *turn = json_object_get(flow_data(f), "turn");

        if (str_equal(json_str(ev->data, "session_id"), json_str(flow_data(f), "oc.session_id")) &&
            !str_equal(name, "MessageAbortedError")) {
                json_put_str(turn, "error", json_str_or(ev->data, "error.message", name));
                json_put_str(turn, "error_name", name);
        }
}
