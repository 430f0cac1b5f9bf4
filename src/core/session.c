#include "core/session.h"

#include "base/digest.h"
#include "core/catchup.h"
#include "core/models.h"
#include "core/say.h"
#include "core/session-document.h"
#include "core/session-route.h"
#include "core/session-task.h"
#include "core/start-form.h"

PostedPlace session_thread(Flow *f)
{
        return (PostedPlace){
                .channel = json_str_or(flow_data(f), "channel", ""),
                .thread_ts = json_str(flow_data(f), "thread_ts"),
        };
}

SessionState session_state(Flow *f)
{
        SessionState state = SESSION_STARTING;

        session_state_from_name(json_str_or(flow_data(f), "state", ""), &state);
        return state;
}

/* The page of whoever this session belongs to, when they look at it (flows/home.c); else nobody hears it. */
static void tell_home(Flow *f)
{
        _cleanup_free_ char *address = mem_printf("person:%s", json_str_or(flow_data(f), "user", ""));

        flow_send(f, address, "home.changed", NULL);
}

void session_set_state(Flow *f, SessionState state)
{
        if (state == SESSION_WORKING && json_object_size(json_object_get(flow_data(f), "open")) > 0)
                state = SESSION_WAITING;
        if (!str_equal(json_str(flow_data(f), "state"), session_state_name(state)))
                tell_home(f);
        json_put_str(flow_data(f), "state", session_state_name(state));
}

void session_set_error(Flow *f, const char *error)
{
        json_put_str(flow_data(f), "error", error);
}

char *session_open_url(const json_t *data, const char *session_id)
{
        const char *web_url = json_str(data, "defaults.web_url");
        const char *directory = json_str(data, "oc.directory");
        _cleanup_free_ char *encoded = NULL;

        if (str_empty(web_url) || str_empty(directory) || str_empty(session_id))
                return NULL;
        encoded = base64url_encode(directory, strlen(directory));
        return mem_printf("%s%s%s/session/%s", web_url, web_url[strlen(web_url) - 1] == '/' ? "" : "/",
                          encoded, session_id);
}

static const char *first_waiting(const json_t *data)
{
        const char *ref;
        json_t *request;

        json_object_foreach ((json_t *) json_at(data, "open"), ref, request)
                return json_str(request, "what");
        return NULL;
}

json_t *session_card_message(Flow *f)
{
        return session_card_of(flow_data(f), flow_ref(f), flow_now_ms(f));
}

json_t *session_card_of(const json_t *data, const char *ref, int64_t now_ms)
{
        SessionState state = SESSION_STARTING;
        _cleanup_free_ char *open_url = session_open_url(data, json_str(data, "oc.session_id")),
                            *task = json_at(data, "task") ? start_task_line(json_at(data, "task")) : NULL,
                            *agent = session_agent_label(data), *model = session_model_label(data);
        _cleanup_json_ json_t *switches =
                models_alternatives(json_at(data, "defaults.models"), session_model(data));

        session_state_from_name(json_str_or(data, "state", ""), &state);
        return card_session(&(SessionCard){
                .ref = ref,
                .title = json_str_or(data, "title", "Task"),
                .user = json_str(data, "user"),
                .state = state,
                .waiting_for = first_waiting(data),
                .error = json_str(data, "error"),
                .agent = agent,
                .model = model,
                .directory = json_str(data, "oc.directory"),
                .open_url = open_url,
                .task = task,
                .can_edit = session_can_edit(data),
                .started_ms = json_int(data, "started_ms", now_ms),
                .now_ms = now_ms,
                .tokens = json_int(data, "tokens", 0),
                .cost_usd = json_number_value(json_at(data, "cost")),
                /* Before the first turn the task itself stands in the queue: nothing waits behind anything
                   yet. */
                .n_queued = json_at(data, "turn") ? (unsigned) json_array_size(json_at(data, "queue")) : 0,
                .reasons = json_str(data, "routing.decision.reasons"),
                .decided_by = json_str(data, "routing.decision.by"),
                .chosen_by = json_str(data, "routing.override.user"),
                .switches = switches,
                .can_retry = json_at(data, "failed") != NULL,
        });
}

void session_show_card(Flow *f)
{
        /* The card of a slash command is itself the first message of its thread; a mention has its card as a
         * reply. */
        PostedPlace place = session_thread(f);

        if (json_bool(flow_data(f), "card_is_root"))
                place.thread_ts = NULL;
        posted_show(f, SLOT_CARD, &place, session_card_message(f), ASK_PRIORITY_NORMAL);
        session_keep(f);
}

static json_t *progress_message(Flow *f, ProgressState state, const char *error)
{
        const json_t *turn = json_at(flow_data(f), "turn");
        const json_t *view = json_at(turn, "view");

        return card_progress(&(ProgressCard){
                .state = state,
                .tool = json_str(view, "tool"),
                .tool_title = json_str(view, "tool_title"),
                .thought = json_str(view, "thought"),
                .todos = json_at(view, "todos"),
                .n_tools_done = (unsigned) json_int(view, "n_done", 0),
                .n_tools_failed = (unsigned) json_int(view, "n_failed", 0),
                .elapsed_ms = flow_now_ms(f) - json_int(turn, "started_ms", flow_now_ms(f)),
                .error = error,
        });
}

void session_show_progress(Flow *f, ProgressState state, const char *error, AskPriority priority)
{
        PostedPlace place = session_thread(f);

        posted_show(f, SLOT_PROGRESS, &place, progress_message(f, state, error), priority);
}

void session_end_progress(Flow *f, ProgressState state, const char *error)
{
        PostedPlace place = session_thread(f);

        if (posted_ts(f, SLOT_PROGRESS)) {
                session_show_progress(f, state, error, ASK_PRIORITY_URGENT);
                return;
        }
        posted_reset(f, SLOT_PROGRESS);
        if (error) /* as a message of its own: the next turn, which may begin at once, has the slot */
                say_message_in_thread(f, &place, progress_message(f, state, error));
}

static json_t *queue(Flow *f)
{
        json_t *q = json_object_get(flow_data(f), "queue");

        if (!q) {
                q = json_array();
                json_object_set_new(flow_data(f), "queue", q);
        }
        return q;
}

/* The place of what was said at `ts`: behind everything that was said before it. What was found in the
 * history may be older than what waits already. */
static size_t place_for(Flow *f, const char *ts)
{
        size_t i = json_array_size(queue(f));

        while (ts && i > 0) {
                const char *before = json_str(json_array_get(queue(f), i - 1), "ts");

                if (!before || ts_compare(before, ts) <= 0)
                        break;
                i--;
        }
        return i;
}

size_t session_queue_push(Flow *f, const char *user, const char *ts, const char *text)
{
        json_t *prompt = json_object();
        size_t place = place_for(f, ts);
        int64_t n = json_int(flow_data(f), "n_prompts", 0) + 1;

        json_put_int(flow_data(f), "n_prompts", n);
        json_put_int(prompt, "n", n);
        json_put_str(prompt, "user", user);
        json_put_str(prompt, "ts", ts);
        json_put_str(prompt, "text", text);
        json_array_insert_new(queue(f), place, prompt);
        return place + 1;
}

void session_queue_again(Flow *f, json_t *prompt)
{
        int64_t n = json_int(flow_data(f), "n_prompts", 0) + 1;

        json_put_int(flow_data(f), "n_prompts", n);
        json_put_int(prompt, "n", n);
        json_array_insert_new(queue(f), 0, prompt);
}

json_t *session_queue_pop(Flow *f)
{
        json_t *prompt = json_incref(json_array_get(queue(f), 0));

        json_array_remove(queue(f), 0);
        return prompt;
}

bool session_queue_edit(Flow *f, const char *ts, const char *text)
{
        size_t i;
        json_t *prompt;

        json_array_foreach (queue(f), i, prompt)
                if (str_equal(json_str(prompt, "ts"), ts)) {
                        if (text)
                                json_put_str(prompt, "text", text);
                        return true;
                }
        return false;
}

char *session_queue_remove(Flow *f, const char *ts)
{
        size_t i;
        json_t *prompt;

        json_array_foreach (queue(f), i, prompt)
                if (str_equal(json_str(prompt, "ts"), ts)) {
                        char *user = mem_strdup(json_str_or(prompt, "user", ""));

                        json_array_remove(queue(f), i);
                        return user;
                }
        return NULL;
}

size_t session_queue_length(Flow *f)
{
        return json_array_size(json_at(flow_data(f), "queue"));
}

void session_queue_drop(Flow *f, const char *why)
{
        PostedPlace thread = session_thread(f);
        size_t n = session_queue_length(f), i;
        _cleanup_free_ char *text = NULL;
        json_t *prompt;

        if (n == 0)
                return;
        json_array_foreach (queue(f), i, prompt)
                if (json_str(prompt, "ts"))
                        say_reaction(f, thread.channel, json_str(prompt, "ts"), "octagonal_sign");
        text = mem_printf("%s %zu queued %s not sent; send %s again if still wanted.", why, n,
                          n == 1 ? "message was" : "messages were", n == 1 ? "it" : "them");
        say_in_thread(f, &thread, NULL, text);
        json_array_clear(queue(f));
}

static json_t *open_requests(Flow *f)
{
        json_t *open = json_object_get(flow_data(f), "open");

        if (!open) {
                open = json_object();
                json_object_set_new(flow_data(f), "open", open);
        }
        return open;
}

void session_request_opened(Flow *f, const char *ref, const char *what)
{
        json_object_set_new(open_requests(f), ref, json_pack("{s:s}", "what", what));
        tell_home(f);
}

void session_request_closed(Flow *f, const char *ref)
{
        json_object_del(open_requests(f), ref);
        tell_home(f);
}

void session_requests_over(Flow *f)
{
        const char *ref;
        json_t *request;

        json_object_foreach (open_requests(f), ref, request) {
                _cleanup_free_ char *address = mem_printf("flow:%s", ref);

                flow_send(f, address, "request.over", NULL);
        }
        json_object_clear(open_requests(f));
}
