/* The verbs of opencode-asks.h: an ask becomes one command on the bridge, its reply becomes the ask's end.
 *
 * No verb has a probe: each command is harmless to repeat, because the plugin looks first. A session is found
 * by its key, a prompt by its message_id, a permission or question that was answered says not_found, aborting
 * twice stops once, and the rest only reads. An ask whose reply was lost is therefore simply sent again. */
#include "integrations/opencode/opencode-asks.h"

#include <stdio.h>

#include "base/digest.h"
#include "integrations/opencode/bridge-internal.h"

#define MINUTE_MS (60 * 1000LL)
#define DAY_MS    (24 * 60 * MINUTE_MS)
/* How soon an ask that found nobody connected looks again. */
#define ABSENT_WAIT_MS 500

typedef struct Verb {
        AskVerb ask;
        const char *command;
        const JsonField *args; /* top level ones are copied into the command, nested ones are only checked */
        size_t n_args;
        const char *pending_id; /* the argument that names a pending permission or question; NULL = none */
        bool with_key;          /* the command carries the ask's key as OpenCode's own mark, too */
        bool to_everybody;
        bool offers; /* the result is what a directory offers, and is remembered */
} Verb;

#define ARGS(_a) .args = (_a), .n_args = ELEMENTSOF(_a)
#define MODEL_ARGS                                                                                           \
        {"agent", JSON_FIELD_STR},                                                                           \
        {                                                                                                    \
                "model", JSON_FIELD_OBJ                                                                      \
        }

static const JsonField create_args[] = {
        {"directory", JSON_FIELD_STR, .required = true, .max = 4096},
        {"title", JSON_FIELD_STR, .required = true},
        {"key", JSON_FIELD_STR},
        MODEL_ARGS,
};
static const JsonField message_args[] = {
        {"directory", JSON_FIELD_STR},
        {"session_id", JSON_FIELD_STR, .required = true},
        {"message_id", JSON_FIELD_STR},
        {"text", JSON_FIELD_STR},
        {"author", JSON_FIELD_OBJ},
        {"files", JSON_FIELD_ARR, .max = 20},
        {"instruction", JSON_FIELD_STR, .max = 8000},
        {"command", JSON_FIELD_STR, .max = 200},
        MODEL_ARGS,
};
static const JsonField session_args[] = {
        {"directory", JSON_FIELD_STR},
        {"session_id", JSON_FIELD_STR, .required = true},
};
static const JsonField messages_args[] = {
        {"directory", JSON_FIELD_STR},
        {"session_id", JSON_FIELD_STR, .required = true},
        {"after", JSON_FIELD_STR},
        {"limit", JSON_FIELD_INT},
};
static const JsonField permission_args[] = {
        {"directory", JSON_FIELD_STR, .required = true},
        {"session_id", JSON_FIELD_STR},
        {"permission_id", JSON_FIELD_STR, .required = true},
        {"reply", JSON_FIELD_STR, .required = true},
        {"message", JSON_FIELD_STR},
};
static const JsonField question_args[] = {
        {"directory", JSON_FIELD_STR, .required = true},
        {"session_id", JSON_FIELD_STR},
        {"question_id", JSON_FIELD_STR, .required = true},
        {"answers", JSON_FIELD_ARR, .required = true, .max = 50},
};
static const JsonField reject_args[] = {
        {"directory", JSON_FIELD_STR, .required = true},
        {"session_id", JSON_FIELD_STR},
        {"question_id", JSON_FIELD_STR, .required = true},
};
static const JsonField directory_args[] = {{"directory", JSON_FIELD_STR, .required = true, .max = 4096}};
static const JsonField no_args[] = {{"directory", JSON_FIELD_STR}};

static void start(void *owner, Ask *ask);

static int64_t wait_ms(void *owner, const Ask *ask)
{
        (void) ask;
        return bridge_connected(owner) > 0 ? 0 : ABSENT_WAIT_MS;
}

#define VERB(_name, _inflight, _attempts, _deadline_ms)                                                      \
        .ask = {.name = (_name),                                                                             \
                .max_inflight = (_inflight),                                                                 \
                .max_attempts = (_attempts),                                                                 \
                .deadline_ms = (_deadline_ms),                                                               \
                .backoff_ms = 1000,                                                                          \
                .wait_ms = wait_ms,                                                                          \
                .start = start}

static const Verb verbs[] = {
        {VERB(OPENCODE_SESSION_CREATE, 8, 5, 10 * MINUTE_MS), .command = "session.create", ARGS(create_args),
         .with_key = true},
        {VERB(OPENCODE_SESSION_MESSAGE, 16, 1000, DAY_MS), .command = "session.message", ARGS(message_args),
         .with_key = true},
        /* A late abort would stop a run that the person did not mean. */
        {VERB(OPENCODE_SESSION_ABORT, 16, 10, 2 * MINUTE_MS), .command = "session.abort", ARGS(session_args)},
        {VERB(OPENCODE_SESSION_MESSAGES, 16, 1000, DAY_MS), .command = "session.messages",
         ARGS(messages_args)},
        {VERB(OPENCODE_PERMISSION_REPLY, 16, 1000, DAY_MS), .command = "permission.reply",
         ARGS(permission_args), .pending_id = "permission_id"},
        {VERB(OPENCODE_QUESTION_REPLY, 16, 1000, DAY_MS), .command = "question.reply", ARGS(question_args),
         .pending_id = "question_id"},
        {VERB(OPENCODE_QUESTION_REJECT, 16, 1000, DAY_MS), .command = "question.reject", ARGS(reject_args),
         .pending_id = "question_id"},
        /* Every process has its own pending requests, so all of them are asked; the answer waited for is the
         * most recent one's. Another that misses the command has lost its connection, and reconciles anyway
         * when it is back. */
        {VERB(OPENCODE_RECONCILE, 1, 100, 60 * MINUTE_MS), .command = "reconcile", ARGS(no_args),
         .to_everybody = true},
        {VERB(OPENCODE_AGENTS_LIST, 8, 100, 10 * MINUTE_MS), .command = "agents.list", ARGS(directory_args),
         .offers = true},
        /* Who asks wants to know how it is now, and asks again. */
        {VERB(OPENCODE_PROVIDERS_LIST, 8, 2, MINUTE_MS / 6), .command = "providers.list",
         ARGS(directory_args)},
};

const AskVerb *const opencode_verbs[] = {
        &verbs[0].ask, &verbs[1].ask, &verbs[2].ask, &verbs[3].ask, &verbs[4].ask, &verbs[5].ask,
        &verbs[6].ask, &verbs[7].ask, &verbs[8].ask, &verbs[9].ask, NULL,
};
_Static_assert(ELEMENTSOF(opencode_verbs) == ELEMENTSOF(verbs) + 1, "every verb is in the list");

char *opencode_message_id(const char *key, int64_t created_ms)
{
        static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        uint64_t stamp = ((uint64_t) created_ms * 0x1000) & 0xffffffffffffULL;
        uint8_t digest[32];
        char tail[15];

        digest_sha256(key, strlen(key), digest);
        for (size_t i = 0; i < sizeof(tail) - 1; i++)
                tail[i] = base62[(digest[2 * i] << 8 | digest[2 * i + 1]) % 62];
        tail[sizeof(tail) - 1] = 0;
        return mem_printf("msg_%012llx%s", (unsigned long long) stamp, tail);
}

/* The contract's author: who, and that it was said in Slack. NULL when the ask names nobody. */
static json_t *author_of(const json_t *args)
{
        const char *name = json_str(args, "author.name");

        return str_empty(name) ? NULL : json_pack("{s:s, s:s}", "name", name, "source", "slack");
}

static json_t *build_command(const Verb *verb, const Ask *ask)
{
        json_t *frame = json_pack("{s:s, s:s}", "type", verb->command, "request_id", ask->key);

        for (size_t i = 0; i < verb->n_args; i++) {
                json_t *value = json_object_get(ask->args, verb->args[i].path);

                if (value && !json_is_null(value))
                        json_object_set(frame, verb->args[i].path, value);
        }
        if (verb->with_key && !json_object_get(frame, "key"))
                json_put_str(frame, "key", ask->key);
        if (str_equal(verb->ask.name, OPENCODE_SESSION_MESSAGE)) {
                json_t *author = author_of(ask->args);
                _cleanup_free_ char *message_id = opencode_message_id(ask->key, ask->created_ms);

                json_object_del(frame, "author");
                if (author)
                        json_object_set_new(frame, "author", author);
                if (!json_object_get(frame, "message_id"))
                        json_put_str(frame, "message_id", message_id);
                if (!json_object_get(frame, "text"))
                        json_put_str(frame, "text", ""); /* files only */
        }
        return frame;
}

static void finish_refused(Ask *ask, const char *code, const char *message, const char *field)
{
        json_t *error = ask_error(code, message);

        if (field)
                json_put_str(error, "field", field);
        ask_done(ask, &(AskResult){.outcome = ASK_PERMFAIL, .value = error});
}

static const Verb *verb_of(const Ask *ask)
{
        const Verb *verb = verbs;

        while (!str_equal(verb->ask.name, ask->verb)) /* the engine starts only what was registered */
                verb++;
        return verb;
}

static void on_reply(void *userdata, const BridgeReply *reply)
{
        Ask *ask = userdata;
        const char *code, *message;

        if (reply->frame && json_bool(reply->frame, "ok")) {
                if (verb_of(ask)->offers)
                        bridge_offers_put(reply->from, json_str_or(ask->args, "directory", ""),
                                          json_object_get(reply->frame, "result"));
                ask_ok(ask, json_incref(json_object_get(reply->frame, "result")));
                return;
        }
        code = reply->frame ? json_str_or(reply->frame, "error.code", "opencode_error") : reply->code;
        message = reply->frame ? json_str(reply->frame, "error.message") : reply->message;
        /* Perhaps because of an agent or command that is not there any more. */
        if (str_equal(code, "invalid"))
                bridge_offers_forget(reply->from, json_str(ask->args, "directory"));
        /* The request is gone, and it may have been our own earlier attempt that settled it; if it was
         * somebody else, permission.replied or question.replied says so. */
        if (str_equal(code, "not_found") && ask->uncertain && verb_of(ask)->pending_id)
                ask_ok(ask, json_pack("{s:b}", "already", true));
        else if (str_equal(code, "not_found") || str_equal(code, "invalid"))
                finish_refused(ask, code, message, json_str(reply->frame, "error.field"));
        else
                /* Only the plugin itself can say that it has not even tried. */
                ask_tempfail(ask, code, message, reply->frame ? !str_equal(code, "unavailable") : reply->sent,
                             0);
}

static void start(void *owner, Ask *ask)
{
        const Verb *verb = verb_of(ask);
        BridgeTarget target;
        const char *field, *why;
        const json_t *known;
        json_t *frame;

        field = json_check(ask->args, verb->args, verb->n_args, &why);
        if (field) {
                _cleanup_free_ char *message = mem_printf("%s %s", field, why);

                finish_refused(ask, "invalid", message, field);
                return;
        }
        target = (BridgeTarget){
                .pending_id = verb->pending_id ? json_str(ask->args, verb->pending_id) : NULL,
                .directory = json_str(ask->args, "directory"),
                .session_id = json_str(ask->args, "session_id"),
        };
        known = verb->offers ? bridge_offers_get(bridge_choose(owner, &target), target.directory) : NULL;
        if (known) {
                ask_ok(ask, json_deep_copy(known));
                return;
        }
        frame = build_command(verb, ask);
        if (verb->to_everybody)
                bridge_command_others(owner, &target, frame);
        bridge_command(owner, &target, frame, on_reply, ask);
}
