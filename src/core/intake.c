#include "core/intake.h"

#include "core/catchup.h"
#include "core/command.h"
#include "core/start-form.h"
#include "core/start-infer.h"

void intake_plan_deinit(IntakePlan *p)
{
        free(p->address);
        free(p->dedup_key);
        free(p->if_unrouted);
        json_decref(p->data);
        *p = (IntakePlan){0};
}

static bool listed(const char *const *list, const char *id)
{
        if (!list || !*list)
                return true;
        for (; id && *list; list++)
                if (str_equal(*list, id))
                        return true;
        return false;
}

/* NULL when `in`'s author may; else what to tell them. */
static const char *refusal(const IntakeContext *ctx, const json_t *in)
{
        if (!listed(ctx->allow_users, json_str(in, "user")))
                return "You are not on the list of people who may use me here. Ask the operator to add you (`slack.allow_users`).";
        if (json_str(in, "channel") && !listed(ctx->allow_channels, json_str(in, "channel")))
                return "I am not to be used in this channel. Ask the operator to add it (`slack.allow_channels`).";
        return NULL;
}

void intake_notice(const json_t *in, const char *dedup_key, const char *text, IntakePlan *ret)
{
        static const char *const copied[] = {"response_url", "user", "channel", "thread_ts"};

        *ret = (IntakePlan){
                .address = mem_printf("notice:%s", dedup_key),
                .kind = "notice",
                .event = "notice.say",
                .dedup_key = mem_printf("%s:notice", dedup_key),
                .data = json_pack("{s:s, s:s}", "text", text, "emoji", ":no_entry:"),
        };
        for (size_t i = 0; i < ELEMENTSOF(copied); i++)
                if (json_str(in, copied[i]))
                        json_put_str(ret->data, copied[i], json_str(in, copied[i]));
}

static void copy_to(json_t *to, const json_t *from, const char *const *keys)
{
        for (; *keys; keys++)
                if (json_at(from, *keys))
                        json_object_set(to, *keys, (json_t *) json_at(from, *keys));
}

/* ---- messages ---- */

static bool mentions(const char *raw, const char *user)
{
        _cleanup_free_ char *token = NULL, *labelled = NULL;

        if (!raw || str_empty(user))
                return false;
        token = mem_printf("<@%s>", user);
        labelled = mem_printf("<@%s|", user);
        return strstr(raw, token) || strstr(raw, labelled);
}

/* The text without the mention that only called us. */
static char *without_mention(const char *text, const char *user)
{
        _cleanup_free_ char *token = mem_printf("<@%s>", user ? user : "");
        const char *at = strstr(text, token);

        if (!at)
                return mem_strdup(text);
        if (at == text) {
                text += strlen(token);
                text += strspn(text, " \t\n:,");
                return mem_strdup(text);
        }
        return mem_printf("%.*s%s", (int) (at - text), text, at + strlen(token));
}

/* Subtypes are denied by list, not allowed by list: a file or a broadcast reply is a message like any other.
 */
static bool is_noise(const IntakeContext *ctx, const json_t *in)
{
        static const char *const kept[] = {"file_share", "thread_broadcast", "me_message"};
        const char *subtype = json_str(in, "subtype");

        if (json_bool(in, "bot") || !json_str(in, "user") || str_equal(json_str(in, "user"), ctx->bot_user))
                return true;
        for (size_t i = 0; subtype && i < ELEMENTSOF(kept); i++)
                if (str_equal(subtype, kept[i]))
                        return false;
        return subtype != NULL;
}

/* What a form would have had in it: who does it; and project and repositories, where the words leave no doubt
 * about them. The title is made of the message as its readers see it. */
static void add_task(const IntakeContext *ctx, const char *text, json_t *data)
{
        static const char *const kept[] = {"project", "category", "repositories"};
        _cleanup_json_ json_t *offer = ctx->offer ? ctx->offer(ctx->offer_of) : json_object();
        _cleanup_json_ json_t *said = start_form_split(text), *values = json_object();
        _cleanup_(start_inferred_deinit) StartInferred inferred = {0};
        RouteDecision decision;

        route_task(&(RouteText){.description = text}, ctx->router, &decision);
        json_object_set_new(offer, "routing", route_decision_json(&decision));
        start_infer(said, offer, &inferred);
        json_object_set(data, "routing", inferred.routing);
        if (!inferred.certain ||
            (!json_at(inferred.values, "project") && !json_at(inferred.values, "repositories")))
                return;
        for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                if (json_at(inferred.values, kept[i]))
                        json_object_set(values, kept[i], (json_t *) json_at(inferred.values, kept[i]));
        json_object_set_new(data, "task", start_form_task(values, offer));
}

static json_t *message_data(const IntakeContext *ctx, const json_t *in, bool start)
{
        static const char *const copied[] = {"user", "channel", "ts", "files", NULL};
        _cleanup_free_ char *text = without_mention(json_str_or(in, "text", ""), ctx->bot_user);
        json_t *data = json_object();

        copy_to(data, in, copied);
        json_put_str(data, "text", text);
        if (json_bool(in, "late"))
                json_object_set_new(data, "late", json_true());
        else if (ctx->doubt)
                json_object_set_new(data, "doubt", json_true());
        if (start) {
                json_put_str(data, "thread_ts", json_str_or(in, "thread_ts", json_str_or(in, "ts", "")));
                json_object_set(data, "defaults", (json_t *) ctx->defaults);
                add_task(ctx, text, data);
        }
        return data;
}

/* Why the text of a message that we were meant to read cannot be a prompt; NULL when it can. */
static const char *unusable(const IntakeContext *ctx, const json_t *in)
{
        _cleanup_free_ char *text = without_mention(json_str_or(in, "text", ""), ctx->bot_user);

        if (strlen(text) > ctx->max_text_bytes)
                return "That message is too long for me. Put the text into a file of the repository and name it here.";
        if (text[strspn(text, " \t\r\n")])
                return NULL;
        return json_array_size(json_at(in, "files")) > 0
                       ? "I cannot pass files on yet. Say in words what to do, and name the file's path in the repository."
                       : "What shall I do? Say it in words, right behind my name.";
}

/* Begun only when somebody still wants it: an offer with a button, in the thread that it would have opened.
 */
static void plan_stale_start(const IntakeContext *ctx, const json_t *in, const char *key, IntakePlan *ret)
{
        static const char *const copied[] = {"user", "channel", NULL};
        const char *ts = json_str_or(in, "ts", ""), *thread_ts = json_str_or(in, "thread_ts", ts);
        json_t *data = message_data(ctx, in, true);

        json_object_del(data, "late");
        *ret = (IntakePlan){
                .address = mem_printf("notice:%s", key),
                .kind = "notice",
                .event = "notice.offer",
                .dedup_key = mem_strdup(key),
                .data = json_pack("{s:s, s:s, s:s, s:s, s:{s:o, s:s, s:s, s:o}}", "thread_ts", thread_ts,
                                  "said_ts", ts, "why",
                                  "This came while I was away, too long ago for me to begin with it unasked.",
                                  "label", "Begin now", "send", "address",
                                  json_sprintf("thread:%s:%s", json_str_or(in, "channel", ""), thread_ts),
                                  "kind", "session", "event", "slack.start", "data", data),
        };
        copy_to(ret->data, in, copied);
}

/* What differs when a message was found in the history instead of heard (core/catchup.h). True: planned. */
static bool plan_late(const IntakeContext *ctx, const json_t *in, bool start, const char *key,
                      IntakePlan *ret)
{
        static const char *const copied[] = {"user", "channel", "ts", NULL};
        _cleanup_free_ char *text = without_mention(json_str_or(in, "text", ""), ctx->bot_user);
        const char *word = catchup_dangerous_word(text), *ts = json_str_or(in, "ts", "");
        bool stale = json_bool(in, "stale");

        if (!stale && !word)
                return false;
        if (stale && start && !word) {
                plan_stale_start(ctx, in, key, ret);
                return true;
        }
        ret->address =
                mem_printf("thread:%s:%s", json_str_or(in, "channel", ""), json_str_or(in, "thread_ts", ts));
        ret->event = word ? "slack.withheld" : "slack.stale";
        ret->dedup_key = mem_strdup(key);
        ret->data = json_object();
        copy_to(ret->data, in, copied);
        json_put_str(ret->data, "text", text);
        if (word)
                json_put_str(ret->data, "word", word);
        return true;
}

static void plan_message(const IntakeContext *ctx, const json_t *in, IntakePlan *ret)
{
        const char *channel = json_str_or(in, "channel", ""), *ts = json_str_or(in, "ts", "");
        const char *thread_ts = json_str(in, "thread_ts");
        bool direct = str_equal(json_str(in, "channel_type"), "im");
        bool start = mentions(json_str(in, "raw_text"), ctx->bot_user) || (direct && !thread_ts);
        _cleanup_free_ char *key = mem_printf("msg:%s:%s:%s", json_str_or(in, "team", ""), channel, ts);
        const char *refused = refusal(ctx, in);

        if (is_noise(ctx, in) || (!start && !thread_ts))
                return;
        if (!refused)
                refused = unusable(ctx, in);
        if (!refused && json_bool(in, "late") && plan_late(ctx, in, start, key, ret))
                return;
        if (refused && start) {
                intake_notice(in, key, refused, ret);
                return;
        }
        if (refused) { /* somebody talks in a thread of ours; only if it is ours do they hear of it */
                *ret = (IntakePlan){
                        .event = "slack.refused",
                        .data = json_pack("{s:s, s:s}", "user", json_str_or(in, "user", ""), "why", refused)};
        } else
                *ret = (IntakePlan){
                        .kind = start ? "session" : NULL,
                        .event = start ? "slack.start" : "slack.message",
                        .data = message_data(ctx, in, start),
                };
        ret->address = mem_printf("thread:%s:%s", channel, thread_ts ? thread_ts : ts);
        ret->dedup_key = mem_strdup(key);
}

/* An edit is read as the message was: without the mention, and refused for the same reasons. */
static void plan_edited(const IntakeContext *ctx, const json_t *in, IntakePlan *ret)
{
        static const char *const copied[] = {"user", "ts", NULL};
        _cleanup_free_ char *text = without_mention(json_str_or(in, "text", ""), ctx->bot_user);
        const char *refused;

        if (json_bool(in, "bot") || !json_str(in, "thread_ts") || !json_str(in, "edited_ts") ||
            refusal(ctx, in))
                return;
        refused = unusable(ctx, in);
        ret->address = mem_printf("thread:%s:%s", json_str_or(in, "channel", ""), json_str(in, "thread_ts"));
        ret->event = "slack.edited";
        ret->dedup_key = mem_printf("edit:%s:%s:%s", json_str_or(in, "channel", ""),
                                    json_str_or(in, "ts", ""), json_str(in, "edited_ts"));
        ret->data = json_object();
        copy_to(ret->data, in, copied);
        if (refused)
                json_put_str(ret->data, "why", refused);
        else
                json_put_str(ret->data, "text", text);
}

/* What waits in a queue and was deleted there is not sent any more. Whoever could delete it may withdraw it.
 */
static void plan_deleted(const IntakeContext *ctx, const json_t *in, IntakePlan *ret)
{
        static const char *const copied[] = {"ts", NULL};

        (void) ctx;
        if (json_bool(in, "bot") || !json_str(in, "thread_ts"))
                return;
        ret->address = mem_printf("thread:%s:%s", json_str_or(in, "channel", ""), json_str(in, "thread_ts"));
        ret->event = "slack.deleted";
        ret->dedup_key = mem_printf("del:%s:%s", json_str_or(in, "channel", ""), json_str_or(in, "ts", ""));
        ret->data = json_object();
        copy_to(ret->data, in, copied);
}

/* ---- commands ---- */

static void plan_command(const IntakeContext *ctx, const json_t *in, IntakePlan *ret)
{
        static const char *const copied[] = {"user", "channel", "command", "text", "response_url", NULL};
        Command c = command_parse(json_str_or(in, "text", ""));
        _cleanup_free_ char *key = mem_printf("cmd:%s", json_str_or(in, "trigger_id", ""));
        const char *refused = refusal(ctx, in);

        if (!refused && c.verb == COMMAND_START && strlen(c.rest) > ctx->max_text_bytes)
                refused =
                        "That task is too long for one command. Put the text into a file of the repository and name it.";
        if (refused) {
                intake_notice(in, key, refused, ret);
                return;
        }
        ret->data = json_object();
        copy_to(ret->data, in, copied);
        if (c.verb == COMMAND_START) {
                json_put_str(ret->data, "text", c.rest);
                json_put_str(ret->data, "trigger_id", json_str_or(in, "trigger_id", ""));
                json_object_set_new(ret->data, "at_once", json_true());
                json_object_set(ret->data, "defaults", (json_t *) ctx->defaults);
        }
        ret->kind = c.verb == COMMAND_START ? "start" : "command";
        ret->event = c.verb == COMMAND_START ? "start.asked" : "slack.command";
        ret->address = mem_strdup(key);
        ret->dedup_key = mem_strdup(key);
}

/* ---- clicks and forms ---- */

static const char *click_refusal(const IntakeContext *ctx, const json_t *in, const char *what)
{
        const char *refused = refusal(ctx, in);

        if (!refused && str_starts_with(what, "permission.") && !listed(ctx->approvers, json_str(in, "user")))
                refused = "Only the approvers may answer this. Ask the operator (`slack.approvers`).";
        return refused;
}

static void plan_click(const IntakeContext *ctx, const json_t *in, const char *ref, const char *what,
                       const char *event, IntakePlan *ret)
{
        static const char *const copied[] = {"user",       "channel",      "ts",     "action_id",   "value",
                                             "trigger_id", "response_url", "values", "callback_id", NULL};
        const char *refused = click_refusal(ctx, in, what);

        ret->address = mem_printf("flow:%.*s", (int) strcspn(ref, ":"), ref);
        ret->event = event;
        ret->data = json_object();
        copy_to(ret->data, in, copied);
        json_object_set_new(ret->data, "allowed", json_boolean(!refused));
        if (refused)
                json_put_str(ret->data, "why", refused);
        ret->if_unrouted = mem_strdup("This is from a session that has ended; nothing was done. "
                                      "Start a new one with the command or by mentioning me.");
}

static void plan_action(const IntakeContext *ctx, const json_t *in, IntakePlan *ret)
{
        const char *value = json_str(in, "value"), *action_id = json_str_or(in, "action_id", "");

        if (str_empty(value))
                return; /* a choice that is only read when its form is sent, or a link */
        plan_click(ctx, in, value, action_id, "slack.action", ret);
        ret->dedup_key = mem_printf("act:%s:%s:%s:%s", json_str_or(in, "user", ""), json_str_or(in, "ts", ""),
                                    action_id, json_str_or(in, "action_ts", ""));
}

static void plan_view(const IntakeContext *ctx, const json_t *in, IntakePlan *ret)
{
        plan_click(ctx, in, json_str_or(in, "ref", ""), json_str_or(in, "callback_id", ""), "slack.view",
                   ret);
        ret->dedup_key =
                mem_printf("view:%s:%s", json_str_or(in, "view_id", ""), json_str_or(in, "hash", ""));
}

/* The app's own page. Whoever may not use the app finds it empty. */
static void plan_home(const IntakeContext *ctx, const json_t *in, IntakePlan *ret)
{
        static const char *const copied[] = {"user", NULL};

        if (!str_equal(json_str(in, "tab"), "home") || !listed(ctx->allow_users, json_str(in, "user")))
                return;
        ret->address = mem_printf("person:%s", json_str_or(in, "user", ""));
        ret->kind = "person";
        ret->event = "home.opened";
        ret->dedup_key =
                mem_printf("home:%s:%s", json_str_or(in, "user", ""), json_str_or(in, "event_ts", ""));
        ret->data = json_object();
        copy_to(ret->data, in, copied);
        json_put_str(ret->data, "command", ctx->command);
        json_object_set(ret->data, "defaults", (json_t *) ctx->defaults);
}

/* Closed unsent: what stood in it is kept by its flow. */
static void plan_closed(const IntakeContext *ctx, const json_t *in, IntakePlan *ret)
{
        plan_click(ctx, in, json_str_or(in, "ref", ""), json_str_or(in, "callback_id", ""), "slack.closed",
                   ret);
        free(take(ret->if_unrouted)); /* nobody clicked on anything */
        ret->dedup_key = mem_printf("closed:%s", json_str_or(in, "view_id", ""));
}

/* The address of a message in Slack, as chat.getPermalink says it, without a call. Owned; NULL = unknown. */
static char *link_to(const IntakeContext *ctx, const json_t *in)
{
        const char *ts = json_str_or(in, "ts", ""), *thread_ts = json_str(in, "thread_ts"),
                   *channel = json_str(in, "channel");
        _cleanup_free_ char *thread =
                thread_ts && !str_equal(thread_ts, ts) ? mem_printf("?thread_ts=%s", thread_ts) : NULL;

        if (!ctx->workspace_url || !*ts || !channel)
                return NULL;
        return mem_printf("%sarchives/%s/p%.*s%s%s", ctx->workspace_url, channel, (int) strcspn(ts, "."), ts,
                          strchr(ts, '.') ? strchr(ts, '.') + 1 : "", thread ? thread : "");
}

static void plan_shortcut(const IntakeContext *ctx, const json_t *in, IntakePlan *ret)
{
        static const char *const copied[] = {"user", "channel", "text", "trigger_id", "response_url", NULL};
        const char *refused = refusal(ctx, in);
        _cleanup_free_ char *link = link_to(ctx, in);

        if (!str_starts_with(json_str_or(in, "callback_id", ""), "start."))
                return;
        ret->kind = "start";
        ret->event = "start.asked";
        ret->address = mem_printf("cut:%s", json_str_or(in, "trigger_id", ""));
        ret->dedup_key = mem_strdup(ret->address);
        ret->data = json_object();
        copy_to(ret->data, in, copied);
        if (strlen(json_str_or(in, "text", "")) > ctx->max_text_bytes)
                json_put_str(ret->data, "text", "");
        if (link)
                json_put_str(ret->data, "link", link);
        json_object_set(ret->data, "defaults", (json_t *) ctx->defaults);
        json_object_set_new(ret->data, "allowed", json_boolean(!refused));
        if (refused)
                json_put_str(ret->data, "why", refused);
}

void intake_decide(const IntakeContext *ctx, const json_t *in, IntakePlan *ret)
{
        static const struct {
                const char *type;
                void (*plan)(const IntakeContext *ctx, const json_t *in, IntakePlan *ret);
        } plans[] = {
                {"message", plan_message}, {"edited", plan_edited},     {"deleted", plan_deleted},
                {"command", plan_command}, {"action", plan_action},     {"view", plan_view},
                {"closed", plan_closed},   {"shortcut", plan_shortcut}, {"home", plan_home},
        };
        const char *type = json_str_or(in, "type", "");

        *ret = (IntakePlan){0};
        for (size_t i = 0; i < ELEMENTSOF(plans); i++)
                if (str_equal(type, plans[i].type))
                        plans[i].plan(ctx, in, ret);
}
