/* The verbs: which method, which arguments, and what its answer means. The engine retries, waits and gives
 * up; here is only said what became of one attempt.
 *
 * Bounds: what a person is waiting to read is worth trying for as long as Slack may be down (hours); what
 * only answers a gesture is not. */
#include "connectors/slack/slack-asks.h"

#include "base/digest.h"
#include "base/log.h"
#include "connectors/slack/asks-internal.h"
#include "connectors/slack/block-kit.h"
#include "connectors/slack/probe.h"

#define COMPONENT "slack.asks"

#define MINUTE_MS ((int64_t) 60 * 1000)
#define HOUR_MS   (60 * MINUTE_MS)

typedef struct Job {
        SlackWeb *web;
        Ask *ask;
        const char *method;
        bool is_plain; /* the second try, without blocks */
} Job;

static Job *job_new(void *owner, Ask *ask, const char *method)
{
        Job *job = mem_new(Job);

        job->web = owner;
        job->ask = ask;
        job->method = method;
        return job;
}

static const char *arg(const Ask *ask, const char *name)
{
        return json_str(ask->args, name);
}

static int64_t wait_for(void *owner, const Ask *ask, const char *method)
{
        return slack_web_wait_ms(owner, method, arg(ask, "channel"), ask->priority == ASK_PRIORITY_URGENT);
}

/* What belongs to every text of ours: data that Slack shall neither interpret nor unfurl. */
static json_t *message_form(const Ask *ask)
{
        json_t *form = json_object();

        json_object_update(form, (json_t *) json_object_get(ask->args, "message"));
        json_put_str(form, "parse", "none");
        json_object_set_new(form, "link_names", json_false());
        json_object_set_new(form, "unfurl_links", json_false());
        json_object_set_new(form, "unfurl_media", json_false());
        return form;
}

static bool is_about_the_blocks(const char *error)
{
        static const char *const codes[] = {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long",
                                            "msg_too_long", "invalid_attachments"};

        for (size_t i = 0; i < ELEMENTSOF(codes); i++)
                if (str_equal(error, codes[i]))
                        return true;
        return false;
}

static void send_message(Job *job);

/* True when the answer was the layout's fault, and the bare text is on its way. */
static bool retry_plain(Job *job, const SlackWebResult *result)
{
        if (job->is_plain || result->outcome != SLACK_WEB_ERROR || !is_about_the_blocks(result->error))
                return false;
        log_warn(COMPONENT, "%s %s: Slack says %s (%s); the text goes out alone", job->ask->verb,
                 job->ask->key, result->error, result->detail ? result->detail : "no details");
        job->is_plain = true;
        send_message(job);
        return true;
}

static void on_stray_deleted(void *userdata, const SlackWebResult *result)
{
        Job *job = userdata;
        Ask *ask = job->ask;

        if (result->outcome != SLACK_WEB_OK)
                log_warn(COMPONENT,
                         "%s %s: a message that fell out of its deleted thread stays in the channel: %s",
                         ask->verb, ask->key, result->error);
        free(job);
        ask_permfail(ask, "thread_gone", "the thread's first message was deleted");
}

/* Into a thread whose parent is gone Slack posts at the top level, and says so only by leaving thread_ts out.
 */
static bool fell_out_of_thread(const Ask *ask, const json_t *body)
{
        const char *wanted = arg(ask, "thread_ts");

        return !str_empty(wanted) && json_object_get(body, "message") &&
               !str_equal(json_str(body, "message.thread_ts"), wanted);
}

static void on_posted(void *userdata, const SlackWebResult *result)
{
        Job *job = userdata;
        Ask *ask = job->ask;
        SlackWeb *web = job->web;
        const char *channel = json_str(result->body, "channel"), *ts = json_str(result->body, "ts");

        if (retry_plain(job, result))
                return;
        if (result->outcome == SLACK_WEB_OK && ts && fell_out_of_thread(ask, result->body)) {
                slack_web_call_owned(job->web, "chat.delete",
                                     json_pack("{s:s?, s:s}", "channel",
                                               channel ? channel : arg(ask, "channel"), "ts", ts),
                                     on_stray_deleted, free, job);
                return;
        }
        free(job);
        if (result->outcome != SLACK_WEB_OK)
                slack_ask_fail(ask, result);
        else if (!ts)
                ask_tempfail(ask, "bad_answer", "Slack's answer lacks the ts", true, 0);
        else {
                channel = channel ? channel : arg(ask, "channel");
                slack_web_tell_posted(web, channel, ts);
                if (ask->repeated)
                        slack_probe_doubles(web, ask, channel, ts);
                else
                        ask_ok(ask, json_pack("{s:s?, s:s}", "channel", channel, "ts", ts));
        }
}

static void on_message_done(void *userdata, const SlackWebResult *result)
{
        Job *job = userdata;
        Ask *ask = job->ask;

        if (retry_plain(job, result))
                return;
        free(job);
        if (result->outcome == SLACK_WEB_OK)
                ask_ok(ask, NULL);
        else
                slack_ask_fail(ask, result);
}

/* chat.postMessage, chat.update or chat.postEphemeral, with blocks or without. */
static void send_message(Job *job)
{
        const Ask *ask = job->ask;
        bool is_post = str_equal(job->method, "chat.postMessage");
        json_t *form = message_form(ask);

        if (job->is_plain) {
                const char *text = json_str(form, "text");
                _cleanup_free_ char *cut = slack_cut_mrkdwn(
                        str_empty(text) ? "(This message cannot be shown.)" : text, SLACK_FALLBACK_CHARS_MAX);

                json_object_del(form, "blocks");
                json_put_str(form, "text", cut);
        }
        json_put_str(form, "channel", arg(ask, "channel"));
        if (arg(ask, "thread_ts"))
                json_put_str(form, "thread_ts", arg(ask, "thread_ts"));
        if (arg(ask, "ts"))
                json_put_str(form, "ts", arg(ask, "ts"));
        if (arg(ask, "user"))
                json_put_str(form, "user", arg(ask, "user"));
        if (is_post) {
                char uuid[UUID_SIZE];

                uuid5(ask->key, uuid);
                json_put_str(form, "client_msg_id", uuid);
                json_object_set_new(form, "metadata",
                                    json_pack("{s:s, s:{s:s}}", "event_type", SLACK_METADATA_TYPE,
                                              "event_payload", "oid", ask->key));
        }
        slack_web_call_owned(job->web, job->method, form, is_post ? on_posted : on_message_done, free, job);
}

static void start_post(void *owner, Ask *ask)
{
        send_message(job_new(owner, ask, "chat.postMessage"));
}
static void probe_post(void *owner, Ask *ask)
{
        slack_probe_post(owner, ask);
}
static int64_t wait_post(void *owner, const Ask *ask)
{
        return wait_for(owner, ask, "chat.postMessage");
}
/* Twice: never, as far as Slack lets us see. After an uncertain attempt the thread is searched for our key
 * before the next; and each attempt carries the same client_msg_id, which Slack (undocumented) recognises as
 * a repetition. The first back-off gives a post whose answer was lost the time to show up in the history;
 * after a repetition there is another look, for one that shows up later still. */
static const AskVerb post = {
        .name = SLACK_POST,
        .max_inflight = 8,
        .max_attempts = 1000,
        .deadline_ms = 8 * HOUR_MS,
        .backoff_ms = 2000,
        .wait_ms = wait_post,
        .probe = probe_post,
        .start = start_post,
};

static void start_update(void *owner, Ask *ask)
{
        send_message(job_new(owner, ask, "chat.update"));
}
static int64_t wait_update(void *owner, const Ask *ask)
{
        return wait_for(owner, ask, "chat.update");
}
/* Twice: the same full content again; the lane keeps an older one from following a newer one. */
static const AskVerb update = {
        .name = SLACK_UPDATE,
        .max_inflight = 8,
        .max_attempts = 1000,
        .deadline_ms = 8 * HOUR_MS,
        .backoff_ms = 1000,
        .wait_ms = wait_update,
        .start = start_update,
};

static void start_ephemeral(void *owner, Ask *ask)
{
        send_message(job_new(owner, ask, "chat.postEphemeral"));
}
static int64_t wait_ephemeral(void *owner, const Ask *ask)
{
        return wait_for(owner, ask, "chat.postEphemeral");
}
/* Twice: one person sees a note twice, which goes away with the next reload. It cannot be looked up:
 * ephemeral messages are in no history and carry no metadata. */
static const AskVerb ephemeral = {
        .name = SLACK_EPHEMERAL,
        .max_inflight = 4,
        .max_attempts = 5,
        .deadline_ms = 10 * MINUTE_MS,
        .backoff_ms = 1000,
        .wait_ms = wait_ephemeral,
        .start = start_ephemeral,
};

/* Calls that end in {} when Slack says OK, or says that it is so already. */
static void end_simple(void *userdata, const SlackWebResult *result, const char *already)
{
        Job *job = userdata;
        Ask *ask = job->ask;

        free(job);
        if (result->outcome == SLACK_WEB_OK ||
            (result->outcome == SLACK_WEB_ERROR && str_equal(result->error, already)))
                ask_ok(ask, NULL);
        else
                slack_ask_fail(ask, result);
}

static void on_deleted(void *userdata, const SlackWebResult *result)
{
        end_simple(userdata, result, "message_not_found");
}
static void start_delete(void *owner, Ask *ask)
{
        slack_web_call_owned(owner, "chat.delete",
                             json_pack("{s:s?, s:s?}", "channel", arg(ask, "channel"), "ts", arg(ask, "ts")),
                             on_deleted, free, job_new(owner, ask, "chat.delete"));
}
static int64_t wait_delete(void *owner, const Ask *ask)
{
        return wait_for(owner, ask, "chat.delete");
}
/* Twice: the second finds nothing to delete (message_not_found), which is what was wanted. */
static const AskVerb delete = {
        .name = SLACK_DELETE,
        .max_inflight = 4,
        .max_attempts = 1000,
        .deadline_ms = 8 * HOUR_MS,
        .backoff_ms = 1000,
        .wait_ms = wait_delete,
        .start = start_delete,
};

static json_t *reaction_form(const Ask *ask)
{
        return json_pack("{s:s?, s:s?, s:s?}", "channel", arg(ask, "channel"), "timestamp", arg(ask, "ts"),
                         "name", arg(ask, "name"));
}
static void on_reacted(void *userdata, const SlackWebResult *result)
{
        end_simple(userdata, result, "already_reacted");
}
static void start_react(void *owner, Ask *ask)
{
        slack_web_call_owned(owner, "reactions.add", reaction_form(ask), on_reacted, free,
                             job_new(owner, ask, "reactions.add"));
}
static int64_t wait_react(void *owner, const Ask *ask)
{
        return wait_for(owner, ask, "reactions.add");
}
/* Twice: a reaction is a member of a set; the second is told already_reacted. */
static const AskVerb react = {
        .name = SLACK_REACT,
        .max_inflight = 4,
        .max_attempts = 100,
        .deadline_ms = HOUR_MS,
        .backoff_ms = 1000,
        .wait_ms = wait_react,
        .start = start_react,
};

static void on_unreacted(void *userdata, const SlackWebResult *result)
{
        end_simple(userdata, result, "no_reaction");
}
static void start_unreact(void *owner, Ask *ask)
{
        slack_web_call_owned(owner, "reactions.remove", reaction_form(ask), on_unreacted, free,
                             job_new(owner, ask, "reactions.remove"));
}
static int64_t wait_unreact(void *owner, const Ask *ask)
{
        return wait_for(owner, ask, "reactions.remove");
}
/* Twice: likewise; no_reaction. */
static const AskVerb unreact = {
        .name = SLACK_UNREACT,
        .max_inflight = 4,
        .max_attempts = 100,
        .deadline_ms = HOUR_MS,
        .backoff_ms = 1000,
        .wait_ms = wait_unreact,
        .start = start_unreact,
};

static void on_responded(void *userdata, const SlackWebResult *result)
{
        end_simple(userdata, result, NULL);
}
static void start_respond(void *owner, Ask *ask)
{
        json_t *form = message_form(ask);
        const json_t *replace = json_object_get(ask->args, "replace_original");

        if (replace)
                json_object_set(form, "replace_original", (json_t *) replace);
        if (arg(ask, "response_type"))
                json_put_str(form, "response_type", arg(ask, "response_type"));
        slack_web_respond_owned(owner, arg(ask, "response_url") ? arg(ask, "response_url") : "", form,
                                on_responded, free, job_new(owner, ask, "response_url"));
}
/* Twice: replacing is the same content again; anything else is an answer to the one person who clicked, shown
 * twice. The address works five times within 30 minutes, hence the bounds. */
static const AskVerb respond = {
        .name = SLACK_RESPOND,
        .max_inflight = 4,
        .max_attempts = 4,
        .deadline_ms = 29 * MINUTE_MS,
        .backoff_ms = 1000,
        .start = start_respond,
};

static void end_with(void *userdata, const SlackWebResult *result, const char *name, const char *path)
{
        Job *job = userdata;
        Ask *ask = job->ask;
        const char *value = json_str(result->body, path);

        free(job);
        if (result->outcome != SLACK_WEB_OK)
                slack_ask_fail(ask, result);
        else if (!value)
                ask_tempfail(ask, "bad_answer", "Slack's answer lacks what was asked for", true, 0);
        else
                ask_ok(ask, json_pack("{s:s}", name, value));
}

static void on_view_opened(void *userdata, const SlackWebResult *result)
{
        end_with(userdata, result, "view_id", "view.id");
}
static void start_view_open(void *owner, Ask *ask)
{
        json_t *form = json_pack("{s:s?}", "trigger_id", arg(ask, "trigger_id"));

        json_object_set(form, "view", (json_t *) json_object_get(ask->args, "view"));
        slack_web_call_owned(owner, "views.open", form, on_view_opened, free,
                             job_new(owner, ask, "views.open"));
}
/* Perishable: a trigger_id lives for 3 s and opens one view; after a failure the flow offers a button
 * instead. No bucket is asked: to wait for a token would be to fail. */
static const AskVerb view_open = {
        .name = SLACK_VIEW_OPEN,
        .max_attempts = 1,
        .deadline_ms = 2500,
        .start = start_view_open,
};

static void start_view_publish(void *owner, Ask *ask)
{
        json_t *form = json_pack("{s:s?}", "user_id", arg(ask, "user"));

        json_object_set(form, "view", (json_t *) json_object_get(ask->args, "view"));
        slack_web_call_owned(owner, "views.publish", form, on_view_opened, free,
                             job_new(owner, ask, "views.publish"));
}
static int64_t wait_view_publish(void *owner, const Ask *ask)
{
        return wait_for(owner, ask, "views.publish");
}
/* Twice: the same page again. A newer one replaces it before long: no reason to try for hours. */
static const AskVerb view_publish = {
        .name = SLACK_VIEW_PUBLISH,
        .max_inflight = 4,
        .max_attempts = 5,
        .deadline_ms = 5 * MINUTE_MS,
        .backoff_ms = 1000,
        .wait_ms = wait_view_publish,
        .start = start_view_publish,
};

static void on_permalink(void *userdata, const SlackWebResult *result)
{
        end_with(userdata, result, "permalink", "permalink");
}
static void start_permalink(void *owner, Ask *ask)
{
        slack_web_call_owned(
                owner, "chat.getPermalink",
                json_pack("{s:s?, s:s?}", "channel", arg(ask, "channel"), "message_ts", arg(ask, "ts")),
                on_permalink, free, job_new(owner, ask, "chat.getPermalink"));
}
static int64_t wait_permalink(void *owner, const Ask *ask)
{
        return wait_for(owner, ask, "chat.getPermalink");
}
/* Twice: a read. */
static const AskVerb permalink = {
        .name = SLACK_PERMALINK,
        .max_inflight = 4,
        .max_attempts = 20,
        .deadline_ms = 10 * MINUTE_MS,
        .backoff_ms = 1000,
        .wait_ms = wait_permalink,
        .start = start_permalink,
};

static void on_user(void *userdata, const SlackWebResult *result)
{
        static const char *const paths[] = {"user.profile.display_name", "user.profile.real_name",
                                            "user.real_name"};

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                if (!str_empty(json_str(result->body, paths[i]))) {
                        end_with(userdata, result, "name", paths[i]);
                        return;
                }
        end_with(userdata, result, "name", "user.name");
}
static void start_user(void *owner, Ask *ask)
{
        slack_web_call_owned(owner, "users.info", json_pack("{s:s?}", "user", arg(ask, "user")), on_user,
                             free, job_new(owner, ask, "users.info"));
}
static int64_t wait_user(void *owner, const Ask *ask)
{
        return wait_for(owner, ask, "users.info");
}
/* Twice: a read. */
static const AskVerb user = {
        .name = SLACK_USER,
        .max_inflight = 4,
        .max_attempts = 20,
        .deadline_ms = 10 * MINUTE_MS,
        .backoff_ms = 1000,
        .wait_ms = wait_user,
        .start = start_user,
};

const AskVerb *const slack_verbs[] = {
        &post,         &update,    &delete, &ephemeral,           &react, &unreact, &respond, &view_open,
        &view_publish, &permalink, &user,   &slack_channels_verb, NULL};
