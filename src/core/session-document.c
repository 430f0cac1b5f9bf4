#include "core/session-document.h"

#include <time.h>

#include "base/digest.h"
#include "core/say.h"
#include "core/session-away.h"
#include "core/session.h"
#include "integrations/git/names.h"
#include "integrations/workspace/state-asks.h"

#define REF_SHOWN   6 /* digits of the reference that make a name unique */
#define DIGEST_SIZE 17
#define ENTRIES_MAX 200 /* questions and milestones that are remembered; git has the older ones */

const char *session_key(Flow *f)
{
        return json_str_or(flow_data(f), "restored_from", flow_ref(f));
}

static json_t *time_text(int64_t ms)
{
        time_t seconds = (time_t) (ms / 1000);
        struct tm tm;
        char text[32];

        if (ms <= 0 || !gmtime_r(&seconds, &tm))
                return json_null();
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
        return json_string(text);
}

static int64_t time_of(const char *text, int64_t otherwise_ms)
{
        struct tm tm = {0};
        const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;

        return end && !*end ? (int64_t) timegm(&tm) * 1000 : otherwise_ms;
}

/* "2026-11-23-add-rate-limiting-4f0a91": its directory; the same for ever. */
static const char *document_name(Flow *f)
{
        json_t *data = flow_data(f);

        if (!json_str(data, "document.name")) {
                _cleanup_json_ json_t *day = time_text(json_int(data, "started_ms", flow_now_ms(f)));
                _cleanup_free_ char *slug = name_slug(json_str_or(data, "title", ""));
                _cleanup_free_ char *name =
                        mem_printf("%.10s-%s-%.*s", json_string_value(day), slug, REF_SHOWN, session_key(f));

                json_object_set_new(data, "document", json_pack("{s:s}", "name", name));
        }
        return json_str(data, "document.name");
}

/* What is the same in both, under the name that people read and the one of the session's data. */
static const struct {
        const char *shown, *own;
} same[] = {
        {"title", "title"},
        {"state", "state"},
        {"error", "error"},
        {"created_by.user", "user"},
        {"task", "task"},
        {"routing", "routing"},
        {"slack.channel", "channel"},
        {"slack.thread_ts", "thread_ts"},
        {"slack.card_is_root", "card_is_root"},
        {"slack.heard", "heard"},
        {"opencode", "oc"},
        {"opencode_sessions_lost", "n_lost"},
        {"workspace", "workspace"},
        {"waiting", "queue"},
        {"questions", "document.questions"},
        {"milestones", "document.milestones"},
        {"usage.turns", "n_turns"},
        {"usage.prompts", "n_prompts"},
        {"usage.tokens", "tokens"},
        {"usage.cost", "cost"},
};

/* `path` has at most one dot. */
static void put_at(json_t *object, const char *path, const json_t *value)
{
        const char *dot = strchr(path, '.');
        _cleanup_free_ char *outer = dot ? mem_strndup(path, (size_t) (dot - path)) : NULL;

        if (outer && !json_object_get(object, outer))
                json_object_set_new(object, outer, json_object());
        if (outer)
                object = json_object_get(object, outer);
        json_object_set_new(object, dot ? dot + 1 : path, json_deep_copy(value));
}

static void copy_at(json_t *to, const char *to_path, const json_t *from, const char *path)
{
        const json_t *value = json_at(from, path);

        if (value && !json_is_null(value))
                put_at(to, to_path, value);
}

json_t *session_document(Flow *f)
{
        const json_t *data = flow_data(f);
        json_t *document = json_pack("{s:s, s:o}", "ref", session_key(f), "created_at",
                                     time_text(json_int(data, "started_ms", 0)));

        for (size_t i = 0; i < ELEMENTSOF(same); i++)
                copy_at(document, same[i].shown, data, same[i].own);
        copy_at(document, "slack.card_ts", data, SLOT_CARD ".ts");
        copy_at(document, "agent", data, "oc.agent");
        copy_at(document, "model", data, "oc.model");
        copy_at(document, "under_way", data, "turn");
        /* What streams is of the moment, and would be a change with every word. */
        json_object_del(json_object_get(document, "under_way"), "view");
        return document;
}

/* ---- keeping ---- */

static char *lane_of(Flow *f)
{
        return mem_printf("state:%s", document_name(f));
}

static bool is_kept(Flow *f)
{
        return json_bool(flow_data(f), "defaults.state") && json_str(flow_data(f), "thread_ts");
}

static void digest_of(const json_t *document, char ret[DIGEST_SIZE])
{
        _cleanup_free_ char *text = json_dump(document);
        uint8_t digest[32];

        digest_sha256(text, strlen(text), digest);
        digest_hex(digest, DIGEST_SIZE / 2, ret);
}

void session_keep(Flow *f)
{
        _cleanup_json_ json_t *document = NULL;
        _cleanup_free_ char *lane = NULL;
        char digest[DIGEST_SIZE];

        if (!is_kept(f))
                return;
        document = session_document(f);
        digest_of(document, digest);
        if (str_equal(digest, json_str(flow_data(f), "document.digest")))
                return;
        lane = lane_of(f);
        flow_ask(f, &(FlowAsk){.verb = STATE_WRITE,
                               .lane = lane,
                               .priority = ASK_PRIORITY_NORMAL,
                               .coalesce = "state",
                               .args = json_pack("{s:s, s:O}", "session", document_name(f), "document",
                                                 document)});
        json_put_str(json_object_get(flow_data(f), "document"), "digest", digest);
}

static void append_to(Flow *f, const char *list, json_t *entry /* stolen */)
{
        json_t *document, *entries;

        document_name(f); /* makes the place for it */
        document = json_object_get(flow_data(f), "document");
        entries = json_object_get(document, list);
        if (!entries) {
                entries = json_array();
                json_object_set_new(document, list, entries);
        }
        if (json_array_size(entries) >= ENTRIES_MAX)
                json_array_remove(entries, 0);
        json_array_append_new(entries, entry);
}

void session_keep_milestone(Flow *f, const char *milestone)
{
        _cleanup_free_ char *lane = NULL;

        if (!is_kept(f))
                return;
        append_to(f, "milestones",
                  json_pack("{s:s, s:o}", "what", milestone, "at", time_text(flow_now_ms(f))));
        lane = lane_of(f);
        flow_ask(f, &(FlowAsk){.verb = STATE_COMMIT,
                               .lane = lane,
                               .priority = ASK_PRIORITY_NORMAL,
                               .args = json_pack("{s:s, s:s, s:o}", "session", document_name(f), "milestone",
                                                 milestone, "document", session_document(f))});
}

void session_keep_answer(Flow *f, const FlowEvent *ev)
{
        const json_t *answers = json_at(ev->data, "answers");
        json_t *entry = json_pack("{s:o}", "at", time_text(flow_now_ms(f)));

        if (!is_kept(f) || !answers) {
                json_decref(entry);
                return;
        }
        copy_at(entry, "questions", ev->data, "questions");
        copy_at(entry, "answers", ev->data, "answers");
        copy_at(entry, "by", ev->data, "by");
        append_to(f, "questions", entry);
        session_keep_milestone(f, "question_answered");
}

/* Said once per kind of trouble: a remote that is down for a week is not a message with every milestone. */
static void tell_once(Flow *f, const char *what, const char *text)
{
        json_t *told = json_object_get(flow_data(f), "document");
        PostedPlace thread = session_thread(f);

        if (str_equal(json_str(told, "told"), what))
                return;
        json_put_str(told, "told", what);
        if (text)
                say_in_thread(f, &thread, ":warning:", text);
}

bool session_take_kept(Flow *f, const FlowEvent *ev)
{
        _cleanup_free_ char *text = NULL;
        const char *conflict = json_str(ev->data, "conflict.message");

        if (!flow_event_is_ask(ev, STATE_WRITE, NULL) && !flow_event_is_ask(ev, STATE_COMMIT, NULL))
                return false;
        if (ev->outcome != ASK_OK) {
                text = mem_printf(
                        "The state of this session could not be written down: %s. The session goes on; "
                        "should the gateway lose its journal, it could not be restored.",
                        json_str_or(ev->data, "message", "unknown"));
                tell_once(f, json_str_or(ev->data, "error", "error"), text);
                json_object_del(json_object_get(flow_data(f), "document"), "digest");
        } else if (conflict)
                tell_once(f, "conflict", conflict);
        else
                tell_once(f, "", NULL);
        return true;
}

/* ---- restoring ---- */

/* The prompt that was under way is asked again under its old name: OpenCode, if it has it, says so, and its
 * answer is read there. */
static void again(Flow *f, const json_t *turn)
{
        static const char *const copied[] = {"n", "user", "ts", "text", "message_id"};
        json_t *data = flow_data(f), *prompt = json_object();

        if (!json_at(data, "queue"))
                json_object_set_new(data, "queue", json_array());
        if (!json_str(turn, "text")) { /* none, or one that was typed in OpenCode */
                json_decref(prompt);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(copied); i++)
                copy_at(prompt, copied[i], turn, copied[i]);
        json_array_insert_new(json_object_get(data, "queue"), 0, prompt);
}

bool session_restore(Flow *f, const FlowEvent *ev)
{
        const json_t *document = json_at(ev->data, "document");
        json_t *data = flow_data(f);
        _cleanup_free_ char *by_session = NULL;

        if (!json_str(document, "slack.channel") || !json_str(document, "slack.thread_ts") ||
            !json_str(document, "ref"))
                return false;
        json_object_set_new(data, "document", json_pack("{s:s}", "name", json_str_or(ev->data, "name", "")));
        for (size_t i = 0; i < ELEMENTSOF(same); i++)
                copy_at(data, same[i].own, document, same[i].shown);
        copy_at(data, "restored_from", document, "ref");
        copy_at(data, "defaults", ev->data, "defaults");
        json_put_int(data, "started_ms", time_of(json_str(document, "created_at"), flow_now_ms(f)));
        if (!json_at(data, "oc"))
                json_object_set_new(data, "oc", json_object());
        if (json_str(document, "slack.card_ts")) /* its buttons get the new reference with the next edit */
                posted_adopt(f, SLOT_CARD, json_str(document, "slack.card_ts"));
        if (json_str(data, "oc.session_id")) {
                by_session = mem_printf("oc:%s", json_str(data, "oc.session_id"));
                flow_address_add(f, by_session);
        }
        again(f, json_at(document, "under_way"));
        /* Where it stopped: nothing is begun that nobody is waiting for. */
        if (!json_str(data, "oc.session_id"))
                json_put_str(data, "stopped_by", "restore");
        /* What was said since has been heard by nobody. */
        session_read_behind(f, json_str_or(document, "slack.heard", json_str(document, "slack.thread_ts")));
        return true;
}
