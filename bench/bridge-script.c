#include "bridge-script.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"

#define FRAME_BYTES_MAX   ((size_t) 2 * 1024 * 1024)
#define CONNECT_MS        5000
#define STREAM_CHARACTERS 1500 /* the most that a frame carries of a part */
#define SESSION_ID        "ses_load%u"

struct BridgeScript {
        Loop *loop;
        HttpOp *op;
        WsPeer *peer;
        const BridgeScriptEvents *events;
        void *userdata;
        char *directory;
        int64_t last_seq;
        uint64_t n_streamed;
};

static void send_frame(BridgeScript *b, json_t *frame /* stolen */)
{
        _cleanup_free_ char *text = json_dump(frame);

        if (b->peer)
                ws_peer_send_text(b->peer, text, strlen(text));
        json_decref(frame);
}

static void send_durable(BridgeScript *b, unsigned session, const char *type, json_t *fields /* stolen */)
{
        _cleanup_free_ char *id = mem_printf(SESSION_ID, session);
        json_t *frame = json_pack("{s:s, s:I, s:s, s:I, s:s, s:s}", "type", type, "seq",
                                  (json_int_t) ++b->last_seq, "directory", b->directory, "at_ms",
                                  (json_int_t) clock_realtime_ms(), "session_id", id, "root_id", id);

        json_object_update(frame, fields);
        json_decref(fields);
        send_frame(b, frame);
}

static void reply(BridgeScript *b, const json_t *command, json_t *result /* stolen */)
{
        send_frame(b, json_pack("{s:s, s:s, s:b, s:o}", "type", "reply", "request_id",
                                json_str_or(command, "request_id", ""), "ok", 1, "result", result));
}

static json_t *session_object(const BridgeScript *b, const json_t *command, const char *id, const char *title)
{
        json_int_t now_ms = (json_int_t) clock_realtime_ms();
        json_t *session = json_pack("{s:s, s:s, s:s, s:n, s:s, s:n, s:I, s:I}", "id", id, "title", title,
                                    "directory", b->directory, "parent_id", "agent", "build", "model",
                                    "created_ms", now_ms, "updated_ms", now_ms);

        json_put_str(session, "gateway_key", json_str(command, "key"));
        return session;
}

static void create_session(BridgeScript *b, const json_t *command)
{
        const char *title = json_str_or(command, "title", "");
        _cleanup_free_ char *id = NULL;
        unsigned n = 0;

        sscanf(title, BRIDGE_SCRIPT_TITLE, &n);
        id = mem_printf(SESSION_ID, n);
        reply(b, command, json_pack("{s:o}", "session", session_object(b, command, id, title)));
}

static void take_prompt(BridgeScript *b, const json_t *command)
{
        unsigned n = 0;

        sscanf(json_str_or(command, "session_id", ""), SESSION_ID, &n);
        reply(b, command,
              json_pack("{s:s, s:b}", "message_id", json_str_or(command, "message_id", "msg_none"), "already",
                        0));
        send_durable(b, n, "session.active", json_object());
        b->events->on_prompted(b->userdata, n);
}

static void take_answer(BridgeScript *b, const json_t *command)
{
        const char *id = json_str_or(command, "question_id", "");
        const json_t *answers = json_at(command, "answers");
        unsigned n = 0;

        /* First of all the measurement. */
        b->events->on_answer(b->userdata, id);
        reply(b, command, json_object());
        sscanf(id, "que_%u", &n);
        send_durable(b, n, "question.replied",
                     json_pack("{s:s, s:o}", "question_id", id, "answers",
                               answers ? json_deep_copy(answers) : json_array()));
}

static void handle_frame(BridgeScript *b, const json_t *frame)
{
        const char *type = json_str_or(frame, "type", "");

        if (str_equal(type, "welcome")) {
                /* Nothing is going on in this OpenCode. */
                send_frame(b, json_pack("{s:s, s:I, s:s, s:I, s:[]}", "type", "reconcile", "seq",
                                        (json_int_t) ++b->last_seq, "directory", b->directory, "at_ms",
                                        (json_int_t) clock_realtime_ms(), "directories"));
                b->events->on_welcome(b->userdata);
        } else if (str_equal(type, "ping"))
                send_frame(b,
                           json_pack("{s:s, s:s}", "type", "pong", "nonce", json_str_or(frame, "nonce", "")));
        else if (str_equal(type, "error"))
                b->events->on_end(b->userdata, json_str_or(frame, "message", "the gateway refused a frame"));
        else if (str_equal(type, "session.create"))
                create_session(b, frame);
        else if (str_equal(type, "session.message"))
                take_prompt(b, frame);
        else if (str_equal(type, "session.messages"))
                reply(b, frame, json_pack("{s:[], s:{s:s}}", "messages", "status", "type", "busy"));
        else if (str_equal(type, "question.reply"))
                take_answer(b, frame);
        else if (json_str(frame, "request_id"))
                reply(b, frame, json_object());
}

static void on_text(void *userdata, const char *data, size_t n_bytes)
{
        _cleanup_json_ json_t *frame = json_parse(data, n_bytes, NULL);

        handle_frame(userdata, frame);
}

static void on_end(void *userdata, unsigned code, const char *reason)
{
        BridgeScript *b = userdata;
        _cleanup_free_ char *why = mem_printf("the bridge ended with %u %s", code, reason ? reason : "");

        b->peer = NULL;
        b->events->on_end(b->userdata, why);
}

static const WsPeerEvents peer_events = {.on_text = on_text, .on_end = on_end};

static void on_dialed(void *userdata, const WsDialResult *result)
{
        BridgeScript *b = userdata;
        char bridge_id[UUID_SIZE];

        b->op = NULL;
        if (!result->peer) {
                b->events->on_end(b->userdata,
                                  result->error ? result->error : "the gateway refused the bridge");
                return;
        }
        b->peer = result->peer;
        ws_peer_set_events(b->peer, &peer_events, b);
        uuid4(bridge_id);
        send_frame(b,
                   json_pack("{s:s, s:i, s:s, s:s, s:n, s:i, s:[s], s:i, s:i}", "type", "hello", "protocol",
                             1, "bridge_id", bridge_id, "plugin_version", "0.1.0", "opencode_version", "pid",
                             1, "directories", b->directory, "next_seq", 1, "lost", 0));
}

int bridge_script_new(BridgeScript **ret, Loop *loop, HttpClient *http, const char *url, const char *token,
                      const char *directory, const BridgeScriptEvents *events, void *userdata)
{
        BridgeScript *b = mem_new(BridgeScript);
        _cleanup_free_ char *address =
                mem_printf("ws%s/api/opencode/bridge", str_starts_with(url, "http") ? url + 4 : url);
        _cleanup_free_ char *authorization = mem_printf("Authorization: Bearer %s", token);
        const char *headers[] = {authorization, NULL};
        int r;

        b->loop = loop;
        b->events = events;
        b->userdata = userdata;
        b->directory = mem_strdup(directory);
        r = ws_dial(http, address, headers, FRAME_BYTES_MAX, CONNECT_MS, on_dialed, b, &b->op);
        if (r < 0) {
                bridge_script_free(b);
                return error_trace(r);
        }
        *ret = b;
        return 0;
}

void bridge_script_free(BridgeScript *b)
{
        if (!b)
                return;
        http_op_cancel(b->op);
        ws_peer_abort(b->peer);
        free(b->directory);
        free(b);
}

void bridge_script_ask(BridgeScript *b, unsigned session, const char *question_id, const char *text)
{
        json_t *question =
                json_pack("{s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}], s:b, s:b}", "question", text, "header",
                          "Load", "options", "label", "Throw (Recommended)", "description", "RangeError",
                          "label", "Clamp", "description", "Return 0 K", "multiple", 0, "custom", 1);

        send_durable(b, session, "question.asked",
                     json_pack("{s:{s:s, s:[o], s:n}}", "question", "id", question_id, "questions", question,
                               "tool"));
}

void bridge_script_stream(BridgeScript *b, unsigned session)
{
        _cleanup_free_ char *id = mem_printf(SESSION_ID, session);
        char content[STREAM_CHARACTERS + 1];
        int n = snprintf(content, sizeof(content), "Thought %llu: ", (unsigned long long) ++b->n_streamed);

        for (size_t i = (size_t) n; i < STREAM_CHARACTERS; i++)
                content[i] = i % 7 == 6 ? ' ' : (char) ('a' + (b->n_streamed + i) % 26);
        content[STREAM_CHARACTERS] = 0;
        send_frame(b, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "type",
                                "message.part.streamed", "session_id", id, "root_id", id, "directory",
                                b->directory, "message_id", "msg_load", "part_id", "prt_load", "kind", "text",
                                "content", content, "length", STREAM_CHARACTERS));
}
