/* OpenCode: sessions and their messages, which survive its death; runs, permissions and questions, which do
 * not. What it does is written from observation of OpenCode 1.18: a prompt is stored some time after it was
 * accepted, a prompt to a busy session waits and is answered together with others by one message, the first
 * answer to a request wins and a second is told 404, an abort leaves requests in the lists, a restart forgets
 * what ran. */
#include "sim-journal.h"
#include "sim-world.h"

#include <stdio.h>

OcWorld oc;
static unsigned next_message;

static void run_next(OcSession *s, int64_t after_ms);

static OcSession *session_find(const char *id)
{
        for (size_t i = 0; i < oc.n_sessions; i++)
                if (!oc.sessions[i]->deleted && str_equal(oc.sessions[i]->id, id))
                        return oc.sessions[i];
        return NULL;
}

OcSession *opencode_session_of_thread(int thread)
{
        for (size_t i = oc.n_sessions; i-- > 0;)
                if (!oc.sessions[i]->deleted && oc.sessions[i]->thread == thread)
                        return oc.sessions[i];
        return NULL;
}

static OcMessage *message_find(const OcSession *s, const char *id)
{
        for (size_t i = s->n_messages; i-- > 0;)
                if (str_equal(s->messages[i].id, id))
                        return &s->messages[i];
        return NULL;
}

static OcMessage *message_add(OcSession *s, const char *id, bool is_user, const char *text, const char *key)
{
        OcMessage *m;

        if (s->n_messages == s->size_messages) {
                s->size_messages = s->size_messages ? s->size_messages * 2 : 8;
                s->messages = mem_resize(s->messages, s->size_messages * sizeof(*s->messages));
        }
        m = &s->messages[s->n_messages++];
        *m = (OcMessage){.is_user = is_user,
                         .text = mem_strdup(text),
                         .gateway_key = mem_strdup(key),
                         .created_ms = sim_true_ms(),
                         .action = -1};
        if (id)
                snprintf(m->id, sizeof(m->id), "%s", id);
        else
                snprintf(m->id, sizeof(m->id), "msg_oc%u", next_message++);
        return m;
}

/* ---- runs ---- */

static const char *script_of(const OcSession *s)
{
        return s->script_action >= 0 ? sim->plan->actions[s->script_action].script : "";
}

static bool has_unanswered(const OcSession *s)
{
        for (size_t i = 0; i < s->n_messages; i++)
                if (s->messages[i].is_user && !s->messages[i].was_answered)
                        return true;
        return false;
}

static void say_status(OcSession *s, bool busy)
{
        if (s->told_busy == busy) {
                if (busy || !fault_hits(FAULT_IDLE_DOUBLED))
                        return;
        }
        s->told_busy = busy;
        if (!busy && fault_hits(FAULT_IDLE_LOST))
                return;
        bridge_emit(busy ? "session.active" : "session.idle", s->id, s->id, "%s", "");
}

static void complete(OcSession *s, const char *finish, const char *text)
{
        OcMessage *m = s->current >= 0 ? &s->messages[s->current] : NULL;

        if (!m)
                return;
        m->completed_ms = sim_true_ms();
        m->finish = finish;
        if (text)
                mem_strset(&m->text, text);
        s->current = -1;
}

static void begin_message(OcSession *s)
{
        s->current = (int) s->n_messages;
        message_add(s, NULL, false, "", NULL);
}

/* The run is over; requests of it stay in OpenCode's lists until the plugin rejects them. */
static void reject_stale(void *userdata)
{
        OcRequest *r = &oc.requests[(size_t) userdata];

        if (r->state != OC_PENDING)
                return;
        r->state = OC_REJECTED_STALE;
        r->settled_ms = sim_now_ms();
        if (r->was_told)
                return;
        r->was_told = true;
        if (r->is_question)
                bridge_emit("question.rejected", oc.sessions[r->session]->id, oc.sessions[r->session]->id,
                            ",'question_id':'%s'", r->id);
        else
                bridge_emit("permission.replied", oc.sessions[r->session]->id, oc.sessions[r->session]->id,
                            ",'permission_id':'%s','reply':'reject'", r->id);
}

static void end_run(OcSession *s)
{
        s->is_busy = s->is_retrying = false;
        s->next = NULL;
        if (s->request >= 0) {
                OcRequest *r = &oc.requests[s->request];

                r->is_live = false;
                if (r->state == OC_PENDING)
                        sim_after(OWNER_OPENCODE, sim_draw_ms(DRAW_AGENT, 5, 200), reject_stale, NULL,
                                  (void *) (size_t) s->request);
                s->request = -1;
        }
        say_status(s, false);
        if (has_unanswered(s))
                run_next(s, sim_draw_ms(DRAW_AGENT, 1, 50));
}

static void answer_all(OcSession *s)
{
        Buf text = {0};
        bool any = false;
        char tag[24];

        for (size_t i = 0; i < s->n_messages; i++) {
                OcMessage *m = &s->messages[i];

                if (!m->is_user || m->was_answered)
                        continue;
                m->was_answered = true;
                tag_print(tag, s->thread, m->action);
                buf_printf(&text, "%s%s", any ? " and " : "Answer ", tag);
                any = true;
                sim->plan->actions[m->action].is_answer_due = true;
        }
        buf_append_str(&text, ". It **works**.");
        if (s->current < 0)
                begin_message(s);
        {
                _cleanup_free_ char *owned = buf_take(&text);

                complete(s, "stop", owned);
                sim_trace("opencode: %s says: %s", s->id, owned);
        }
        end_run(s);
}

static void mark_answered(OcSession *s)
{
        for (size_t i = 0; i < s->n_messages; i++)
                s->messages[i].was_answered = true;
}

static void fail_run(OcSession *s, bool leaves_message)
{
        if (leaves_message) {
                if (s->current < 0)
                        begin_message(s);
                s->messages[s->current].error_name = "APIError";
                complete(s, NULL, NULL);
        } else if (s->current >= 0) {
                s->messages[s->current].error_name = "UnknownError";
                complete(s, NULL, NULL);
        }
        mark_answered(s);
        bridge_emit("session.error", s->id, s->id,
                    ",'error':{'name':'APIError','message':'the model failed'}");
        end_run(s);
}

static void ask(OcSession *s, char what, char react)
{
        OcRequest *r;
        char tag[24], child[40];

        if (oc.n_requests == oc.size_requests) {
                oc.size_requests = oc.size_requests ? oc.size_requests * 2 : 8;
                oc.requests = mem_resize(oc.requests, oc.size_requests * sizeof(*oc.requests));
        }
        r = &oc.requests[oc.n_requests];
        *r = (OcRequest){.is_question = what == 'Q' || what == 'M',
                         .is_form = what == 'M',
                         .by_subagent = what == 'p',
                         .react = react,
                         .run = s->run,
                         .asked_ms = sim_now_ms(),
                         .is_live = true};
        snprintf(r->id, sizeof(r->id), "%s_%zu", r->is_question ? "que" : "per", oc.n_requests);
        for (size_t i = 0; i < oc.n_sessions; i++)
                if (oc.sessions[i] == s)
                        r->session = (int) i;
        s->request = (int) oc.n_requests;
        tag_print(tag, s->thread, s->script_action);
        snprintf(child, sizeof(child), "%s%s", s->id, r->by_subagent ? "_child" : "");
        sim_trace("opencode: %s asks %s", s->id, r->id);
        if (!r->is_question)
                bridge_emit(
                        "permission.asked", child, s->id,
                        ",'permission':{'id':'%s','permission':'bash','patterns':['make %s'],'metadata':{'command':"
                        "'make %s request %zu'},'always':['make *'],'tool':null}",
                        r->id, tag, tag, oc.n_requests);
        else
                bridge_emit(
                        "question.asked", s->id, s->id,
                        ",'question':{'id':'%s','questions':[{'question':'Which %s request %zu','header':'H','options':[{"
                        "'label':'Red','description':''},{'label':'Blue','description':''}],'multiple':false,'custom':"
                        "false}%s],'tool':null}",
                        r->id, tag, oc.n_requests,
                        what == 'M'
                                ? ",{'question':'And the other','header':'G','options':[{'label':'Big','description':'"
                                  "'},{'label':'Small','description':''}],'multiple':true,'custom':true}"
                                : "");
        people_see_request((int) oc.n_requests++);
}

static void on_run(void *userdata);

static void run_next(OcSession *s, int64_t after_ms)
{
        s->next = sim_after(OWNER_OPENCODE, after_ms, on_run, NULL, s);
}

static void begin_run(OcSession *s)
{
        s->is_busy = true;
        s->run++;
        s->script_at = 0;
        s->current = -1;
        s->request = -1;
        for (size_t i = s->n_messages; i-- > 0;)
                if (s->messages[i].is_user && !s->messages[i].was_answered)
                        s->script_action = s->messages[i].action;
        say_status(s, true);
        run_next(s, sim_draw_ms(DRAW_AGENT, 50, 3000));
}

static void use_tool(OcSession *s)
{
        char tag[24];

        tag_print(tag, s->thread, s->script_action);
        bridge_emit_volatile(
                "tool.executed", s->id,
                ",'message_id':'msg_t','call_id':'call_%zu','tool':'bash','status':'%s','title':'make %s',"
                "'input':{}",
                s->script_at, sim_draw(DRAW_AGENT, 4) ? "completed" : "running", tag);
        complete(s, "tool-calls", NULL);
        run_next(s, sim_draw_ms(DRAW_AGENT, 100, 6000));
}

/* One step of the script. */
static void on_run(void *userdata)
{
        OcSession *s = userdata;
        char what, react;

        s->next = NULL;
        if (s->deleted)
                return;
        if (!s->is_busy) {
                begin_run(s);
                return;
        }
        if (s->is_retrying) {
                s->is_retrying = false;
                s->told_busy = false;
                say_status(s, true);
        }
        what = script_of(s)[s->script_at];
        react = what ? script_of(s)[s->script_at + 1] : 0;
        if (!what) {
                answer_all(s);
                return;
        }
        s->script_at++;
        if (s->current < 0)
                begin_message(s);
        switch (what) {
        case 'T': use_tool(s); break;
        case 'P':
        case 'p':
        case 'Q':
        case 'M':
                s->script_at++;
                ask(s, what, react);
                break;
        case 'R':
                s->is_retrying = true;
                bridge_emit("session.retry", s->id, s->id,
                            ",'attempt':1,'message':'overloaded','next_ms':%lld",
                            (long long) sim_true_ms() + 2000);
                run_next(s, sim_draw_ms(DRAW_AGENT, 1500, 40000));
                break;
        case 'L': run_next(s, sim_draw_ms(DRAW_AGENT, 60000, 600000)); break;
        case 'E': fail_run(s, true); break;
        case 'X': fail_run(s, false); break;
        default: sim_fail("bad script", "%c", what);
        }
}

static void abort_run(OcSession *s)
{
        bool was_retrying = s->is_retrying;

        if (!s->is_busy)
                return;
        sim_cancel(take(s->next));
        if (s->current >= 0) {
                s->messages[s->current].tool_failed = true;
                if (!was_retrying)
                        s->messages[s->current].error_name = "MessageAbortedError";
                complete(s, NULL, NULL);
        }
        mark_answered(s);
        if (!was_retrying)
                bridge_emit("session.error", s->id, s->id,
                            ",'error':{'name':'MessageAbortedError','message':'Aborted'}");
        sim_trace("opencode: %s is aborted", s->id);
        end_run(s);
}

/* ---- requests ---- */

static bool is_settled_at_gateway(const OcRequest *r)
{
        _cleanup_free_ char *address = mem_printf("%s:%s", r->is_question ? "que" : "perm", r->id);
        const SimRow *flow = sim_disk_flow_at(process_disk(), address);

        return flow && str_equal(flow->s[1], "over");
}

bool opencode_answer(OcRequest *r, const char *reply, bool has_message, bool from_gateway)
{
        OcSession *s = oc.sessions[r->session];
        bool rejected = str_equal(reply, "reject");

        if (r->state != OC_PENDING || !oc.is_up)
                return false;
        r->state = OC_ANSWERED;
        r->is_moot = !r->is_live;
        r->from_gateway = from_gateway;
        r->settled_ms = sim_now_ms();
        snprintf(r->reply, sizeof(r->reply), "%s", reply);
        sim_trace("opencode: %s is answered %s by %s", r->id, reply,
                  from_gateway ? "the gateway" : "its own UI");
        if (!r->was_told) {
                r->was_told = true;
                if (!r->is_question)
                        bridge_emit("permission.replied", s->id, s->id, ",'permission_id':'%s','reply':'%s'",
                                    r->id, reply);
                else if (rejected)
                        bridge_emit("question.rejected", s->id, s->id, ",'question_id':'%s'", r->id);
                else
                        bridge_emit("question.replied", s->id, s->id,
                                    ",'question_id':'%s','answers':[['%s']%s]", r->id, reply,
                                    r->is_form ? ",['Big']" : "");
        }
        if (!r->is_live)
                return true;
        r->is_live = false;
        s->request = -1;
        if (rejected && !has_message) { /* the tool ends in an error, and the turn with it */
                if (s->current >= 0)
                        s->messages[s->current].tool_failed = true;
                complete(s, "tool-calls", NULL);
                mark_answered(s);
                end_run(s);
        } else {
                complete(s, "tool-calls", NULL);
                run_next(s, sim_draw_ms(DRAW_AGENT, 50, 3000));
        }
        return true;
}

/* ---- what people do in its own UI ---- */

static void store(OcSession *s, const char *id, const char *text, const char *key, int action)
{
        Action *a = &sim->plan->actions[action];
        OcMessage *m = message_add(s, id, true, text, key);

        m->action = action;
        if (++a->n_prompted > 1)
                sim_fail("prompted twice", "action %d is in OpenCode twice: %s", action, text);
        sim_trace("opencode: %s gets: %s", s->id, text);
        if (key)
                bridge_emit(
                        "message.received", s->id, s->id,
                        ",'message':{'id':'%s','role':'user','text':'%s','agent':'build','model':null,'gateway_key':'%s'}",
                        m->id, text, key);
        else
                bridge_emit(
                        "message.received", s->id, s->id,
                        ",'message':{'id':'%s','role':'user','text':'%s','agent':'build','model':null,'gateway_key':null}",
                        m->id, text);
        if (!s->is_busy && !s->next)
                run_next(s, sim_draw_ms(DRAW_AGENT, 1, 100));
}

void opencode_user_prompt(OcSession *s, int action)
{
        char tag[24], text[64];

        tag_print(tag, s->thread, action);
        snprintf(text, sizeof(text), "%s typed in OpenCode", tag);
        store(s, NULL, text, NULL, action);
}

void opencode_user_abort(OcSession *s)
{
        abort_run(s);
}

void opencode_user_delete(OcSession *s)
{
        abort_run(s);
        sim_cancel(take(s->next));
        s->deleted = true;
        if (s->thread >= 0)
                slack.threads[s->thread].lost_session = true;
        bridge_emit("session.deleted", s->id, s->id, "%s", "");
        sim_trace("opencode: %s is deleted", s->id);
}

/* ---- commands of the gateway ---- */

static json_t *session_object(const OcSession *s)
{
        return json_pack("{s:{s:s, s:s, s:s, s:n, s:s, s:{s:s, s:s}, s:s, s:i, s:i}}", "session", "id", s->id,
                         "title", "t", "directory", DIRECTORY, "parent_id", "agent", "build", "model",
                         "provider_id", "mock", "model_id", "m1", "gateway_key", s->key, "created_ms", 1,
                         "updated_ms", 1);
}

static json_t *perform_create(const json_t *command, const char **ret_code)
{
        const char *key = json_str_or(command, "key", "");
        OcSession *s;
        SimTag tag;

        (void) ret_code;
        for (size_t i = 0; i < oc.n_sessions; i++)
                if (!oc.sessions[i]->deleted && str_equal(oc.sessions[i]->key, key))
                        return session_object(oc.sessions[i]);
        s = mem_new(OcSession);
        snprintf(s->id, sizeof(s->id), "ses_%zu", oc.n_sessions);
        s->key = mem_strdup(key);
        s->thread = tag_find(json_str_or(command, "title", ""), &tag, NULL) ? tag.session : -1;
        s->current = s->request = s->script_action = -1;
        oc.sessions = mem_resize(oc.sessions, (oc.n_sessions + 1) * sizeof(*oc.sessions));
        oc.sessions[oc.n_sessions++] = s;
        sim_trace("opencode: %s is made for session %d", s->id, s->thread);
        return session_object(s);
}

static json_t *not_found(const char **ret_code)
{
        *ret_code = "not_found";
        return NULL;
}

static json_t *message_object(const OcMessage *m)
{
        bool is_user = m->is_user;
        json_t *o = json_pack(
                "{s:s, s:s, s:n, s:I, s:o, s:s, s:o, s:o, s:s, s:{s:s, s:s}, s:f, s:{s:i, s:i, s:i, s:i, s:i}, "
                "s:s?, s:[], s:[]}",
                "id", m->id, "role", is_user ? "user" : "assistant", "parent_id", "created_ms",
                (json_int_t) m->created_ms, "completed_ms",
                m->completed_ms ? json_integer(m->completed_ms) : json_null(), "text", m->text, "finish",
                m->finish ? json_string(m->finish) : json_null(), "error",
                m->error_name ? json_pack("{s:s, s:s}", "name", m->error_name, "message", "the model failed")
                              : json_null(),
                "agent", "build", "model", "provider_id", "mock", "model_id", "m1", "cost",
                is_user ? 0.0 : 0.01, "tokens", "input", is_user ? 0 : 100, "output", is_user ? 0 : 10,
                "reasoning", 0, "cache_read", 0, "cache_write", 0, "gateway_key", m->gateway_key, "tools",
                "files");

        if (m->finish && str_equal(m->finish, "tool-calls"))
                json_array_append_new(json_object_get(o, "tools"),
                                      json_pack("{s:s, s:s, s:s}", "tool", "bash", "status",
                                                m->tool_failed ? "error" : "completed", "title", "make"));
        return o;
}

static json_t *perform_messages(const json_t *command, const char **ret_code)
{
        const OcSession *s = session_find(json_str(command, "session_id"));
        const char *after = json_str(command, "after");
        size_t limit = (size_t) json_int(command, "limit", 200), from;
        json_t *messages;

        if (!s)
                return not_found(ret_code);
        from = s->n_messages > limit ? s->n_messages - limit : 0;
        for (size_t i = 0; after && i < s->n_messages; i++)
                if (str_equal(s->messages[i].id, after))
                        from = i + 1;
        messages = json_array();
        for (size_t i = from; i < s->n_messages && i < from + limit; i++)
                json_array_append_new(messages, message_object(&s->messages[i]));
        return json_pack("{s:o, s:{s:s}}", "messages", messages, "status", "type",
                         s->is_retrying ? "retry"
                         : s->is_busy   ? "busy"
                                        : "idle");
}

static OcRequest *request_find(const char *id)
{
        for (size_t i = 0; i < oc.n_requests; i++)
                if (str_equal(oc.requests[i].id, id))
                        return &oc.requests[i];
        return NULL;
}

/* The gateway may only say what somebody clicked. */
static void expect_clicked(const OcRequest *r, const char *reply)
{
        for (size_t i = 0; i < slack.n_clicks; i++)
                if (slack.clicks[i].request == (int) (r - oc.requests) &&
                    str_equal(slack.clicks[i].reply, reply) && slack.clicks[i].user != STRANGER)
                        return;
        sim_fail("answer that nobody gave", "%s: %s", r->id, reply);
}

static json_t *perform_reply(const json_t *command, const char **ret_code)
{
        bool is_permission = json_str(command, "permission_id") != NULL;
        OcRequest *r = request_find(is_permission ? json_str(command, "permission_id")
                                                  : json_str(command, "question_id"));
        const char *reply = is_permission                 ? json_str_or(command, "reply", "?")
                            : json_at(command, "answers") ? json_str_or(command, "answers.0.0", "")
                                                          : "reject";

        if (!r)
                return not_found(ret_code);
        expect_clicked(r, reply);
        if (sim->mutation == MUTATION_LOSE_REPLY && sim_chance(DRAW_NET, 20))
                return json_object();
        return opencode_answer(r, reply, json_str(command, "message") != NULL, true) ? json_object()
                                                                                     : not_found(ret_code);
}

static json_t *perform_abort(const json_t *command, const char **ret_code)
{
        OcSession *s = session_find(json_str(command, "session_id"));

        if (!s)
                return not_found(ret_code);
        abort_run(s);
        return json_object();
}

static json_t *perform_message(const json_t *command, const char **ret_code)
{
        OcSession *s = session_find(json_str(command, "session_id"));
        const char *id = json_str_or(command, "message_id", ""), *text = json_str_or(command, "text", "");
        bool already;
        SimTag tag;

        if (!s)
                return not_found(ret_code);
        already = message_find(s, id) && sim->mutation != MUTATION_PROMPT_TWICE;
        if (!already) {
                if (!tag_find(text, &tag, NULL) || tag.session != s->thread)
                        sim_fail("leak between sessions", "the session %s of thread %d gets: %s", s->id,
                                 s->thread, text);
                else
                        store(s, id, text, json_str_or(command, "key", ""), tag.action);
        }
        return json_pack("{s:s, s:b}", "message_id", id, "already", already);
}

static json_t *perform_reconcile(const json_t *command, const char **ret_code)
{
        (void) command;
        (void) ret_code;
        bridge_say_reconcile();
        return json_object();
}

bool opencode_store_prompt(const json_t *command)
{
        OcSession *s = session_find(json_str(command, "session_id"));

        return str_equal(json_str(command, "type"), "session.message") && s &&
               !message_find(s, json_str_or(command, "message_id", ""));
}

json_t *opencode_perform(const json_t *command, const char **ret_code)
{
        static const struct {
                const char *type;
                json_t *(*perform)(const json_t *command, const char **ret_code);
        } verbs[] = {
                {"session.create", perform_create},     {"session.message", perform_message},
                {"session.messages", perform_messages}, {"session.abort", perform_abort},
                {"permission.reply", perform_reply},    {"question.reply", perform_reply},
                {"question.reject", perform_reply},     {"reconcile", perform_reconcile},
        };

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (str_equal(json_str(command, "type"), verbs[i].type))
                        return verbs[i].perform(command, ret_code);
        *ret_code = "invalid";
        return NULL;
}

/* ---- the whole truth, for a reconcile event ---- */

static void add_requests(Buf *out, bool questions)
{
        bool any = false;
        char tag[24];

        for (size_t i = 0; i < oc.n_requests; i++) {
                OcRequest *r = &oc.requests[i];
                const OcSession *s = oc.sessions[r->session];

                if (r->is_question != questions || r->state != OC_PENDING)
                        continue;
                if (!r->is_live || s->run != r->run ||
                    !s->is_busy) { /* nobody waits: the plugin rejects it */
                        sim_after(OWNER_OPENCODE, 5, reject_stale, NULL, (void *) i);
                        continue;
                }
                tag_print(tag, s->thread, s->script_action);
                buf_printf(out, "%s{\"session_id\":\"%s\",\"root_id\":\"%s\",", any ? "," : "", s->id, s->id);
                any = true;
                if (questions)
                        buf_printf(
                                out,
                                "\"question\":{\"id\":\"%s\",\"questions\":[{\"question\":\"Which %s request %zu\",\"header\":"
                                "\"H\",\"options\":[{\"label\":\"Red\",\"description\":\"\"},{\"label\":\"Blue\",\"description\":"
                                "\"\"}],\"multiple\":false,\"custom\":false}%s],\"tool\":null}}",
                                r->id, tag, i,
                                r->is_form
                                        ? ",{\"question\":\"And the other\",\"header\":\"G\",\"options\":[{\"label\":\"Big\","
                                          "\"description\":\"\"},{\"label\":\"Small\",\"description\":\"\"}],\"multiple\":true,"
                                          "\"custom\":true}"
                                        : "");
                else
                        buf_printf(
                                out,
                                "\"permission\":{\"id\":\"%s\",\"permission\":\"bash\",\"patterns\":[\"make %s\"],\"metadata\":{"
                                "\"command\":\"make %s request %zu\"},\"always\":[\"make *\"],\"tool\":null}}",
                                r->id, tag, tag, i);
        }
}

void opencode_reconcile_part(Buf *out)
{
        bool any = false;

        buf_append_str(out, "[{\"directory\":\"" DIRECTORY "\",\"sessions\":[");
        for (size_t i = 0; i < oc.n_sessions; i++) {
                OcSession *s = oc.sessions[i];

                s->told_busy = s->is_busy && !s->deleted;
                if (!s->is_busy || s->deleted)
                        continue;
                buf_printf(out, "%s{\"session_id\":\"%s\",\"root_id\":\"%s\",\"status\":{\"type\":\"busy\"}}",
                           any ? "," : "", s->id, s->id);
                any = true;
        }
        buf_append_str(out, "],\"permissions\":[");
        add_requests(out, false);
        buf_append_str(out, "],\"questions\":[");
        add_requests(out, true);
        buf_append_str(out, "]}]");
}

/* ---- life ---- */

void opencode_init(void)
{
        oc = (OcWorld){.is_up = true};
        next_message = 0;
        bridge_world_init();
}

static void on_up(void *userdata)
{
        (void) userdata;
        oc.is_up = true;
        sim_trace("opencode: is back");
        bridge_opencode_up();
}

void opencode_kill(int64_t down_ms)
{
        if (!oc.is_up)
                return;
        sim_trace("opencode: is killed");
        oc.is_up = false;
        oc.life++;
        sim_cancel_owned(OWNER_OPENCODE);
        for (size_t i = 0; i < oc.n_sessions; i++) {
                OcSession *s = oc.sessions[i];

                /* What was at work stays as it was: an assistant's message without an end. */
                s->is_busy = s->is_retrying = s->told_busy = false;
                s->current = s->request = -1;
                s->next = NULL;
                mark_answered(s);
        }
        for (size_t i = 0; i < oc.n_requests; i++)
                if (oc.requests[i].state == OC_ANSWERED && !is_settled_at_gateway(&oc.requests[i]))
                        oc.requests[i].is_moot = true;
        for (size_t i = 0; i < oc.n_requests; i++)
                if (oc.requests[i].state == OC_PENDING) {
                        oc.requests[i].state = OC_GONE;
                        oc.requests[i].is_live = false;
                        oc.requests[i].settled_ms = sim_now_ms();
                }
        bridge_opencode_down();
        sim_after(OWNER_WORLD, down_ms ? down_ms : sim_draw_ms(DRAW_NET, 1000, 15000), on_up, NULL, NULL);
}

void opencode_deinit(void)
{
        bridge_world_deinit();
        for (size_t i = 0; i < oc.n_sessions; i++) {
                OcSession *s = oc.sessions[i];

                for (size_t k = 0; k < s->n_messages; k++) {
                        free(s->messages[k].text);
                        free(s->messages[k].gateway_key);
                }
                free(s->messages);
                free(s->key);
                free(s);
        }
        free(oc.sessions);
        free(oc.requests);
}
