/* Slack as the gateway meets it: messages, threads, reactions, what only one person sees; and the Web API, at
 * the seam of connectors/slack/web.h, so that the product's own verbs, probe and rate buckets run unchanged.
 * What a call does, and whether its answer comes, are two events: between them everything can happen. */
#include "sim-world.h"

#include <stdio.h>

#include "base/clock.h"
#include "connectors/slack/probe.h"
#include "connectors/slack/rate.h"
#include "connectors/slack/web.h"

#define TIMEOUT_MS   10000
#define HISTORY_PAGE 25

SlackWorld slack;
static SlackRate *rate; /* the process's own buckets */

/* ---- pieces ---- */

void json_each_string(const json_t *value, void (*fn)(void *userdata, const char *text), void *userdata)
{
        const char *key;
        json_t *member;
        size_t i;

        if (json_is_string(value))
                fn(userdata, json_string_value(value));
        else if (json_is_array(value))
                json_array_foreach ((json_t *) value, i, member)
                        json_each_string(member, fn, userdata);
        else if (json_is_object(value))
                json_object_foreach ((json_t *) value, key, member)
                        json_each_string(member, fn, userdata);
}

static unsigned channel_of(const char *name)
{
        return name && name[0] ? (unsigned) (name[1] - '0') % N_CHANNELS : 0;
}

int session_of_thread(unsigned channel, const char *thread_ts)
{
        for (unsigned i = 0; i < sim->plan->n_sessions && !str_empty(thread_ts); i++)
                if (slack.threads[i].channel == channel && str_equal(slack.threads[i].ts, thread_ts))
                        return (int) i;
        return -1;
}

SlackMessage *slack_message_at(const char *ts)
{
        SlackMessage *m = NULL;

        if (ts)
                HASH_FIND_STR(slack.by_ts, ts, m);
        return m;
}

SlackMessage *slack_card_of(int request)
{
        for (size_t i = slack.n_messages; i-- > 0;)
                if (slack.messages[i]->request == request && !slack.messages[i]->deleted)
                        return slack.messages[i];
        return NULL;
}

static SlackMessage *message_new(unsigned channel, const char *thread_ts, int user)
{
        SlackMessage *m = mem_new(SlackMessage);

        slack.last_ts = MAX2(slack.last_ts + 1, (uint64_t) sim_true_ms() * 1000);
        snprintf(m->ts, sizeof(m->ts), "%llu.%06llu", (unsigned long long) slack.last_ts / 1000000,
                 (unsigned long long) slack.last_ts % 1000000);
        snprintf(m->thread_ts, sizeof(m->thread_ts), "%s", thread_ts ? thread_ts : "");
        m->channel = channel;
        m->user = user;
        m->action = m->request = -1;
        m->at_ms = sim_now_ms();
        m->session = session_of_thread(channel, m->thread_ts);
        if (slack.n_messages == slack.size_messages) {
                slack.size_messages = slack.size_messages ? slack.size_messages * 2 : 64;
                slack.messages = mem_resize(slack.messages, slack.size_messages * sizeof(*slack.messages));
        }
        slack.messages[slack.n_messages++] = m;
        HASH_ADD_STR(slack.by_ts, ts, m);
        return m;
}

/* ---- what is said, looked at ---- */

typedef struct Look {
        int session;          /* whose thread it is; -1 = nobody's yet */
        int request;          /* named in it */
        SlackMessage *posted; /* a post, not an edit */
        bool is_drop;         /* "… queued messages were not sent" */
        const char *where;
} Look;

static void note_answer(SlackMessage *m, int action)
{
        if (m->n_answers < ANSWERS_MAX)
                m->answers[m->n_answers++] = action;
        if (++sim->plan->actions[action].n_answers > 1)
                sim_fail("answered twice", "the answer to action %d was posted twice", action);
}

static void look_at_text(void *userdata, const char *text)
{
        Look *look = userdata;
        const char *p = text, *id;
        SimTag tag;

        while (tag_find(p, &tag, &p)) {
                if (look->posted && str_starts_with(text, "Answer "))
                        note_answer(look->posted, tag.action);
                if (look->session < 0)
                        look->session = tag.session;
                else if (tag.session != look->session)
                        sim_fail("leak between sessions", "%s of session %d says: %.100s", look->where,
                                 look->session, text);
        }
        look->is_drop |= strstr(text, " not sent; send ") != NULL;
        id = strstr(text, "request ");
        if (id && id[8] >= '0' && id[8] <= '9')
                look->request = atoi(id + 8);
}

static void take_buttons(SlackMessage *m, const json_t *value)
{
        const char *key, *action_id, *button_value;
        json_t *member;
        size_t i;

        if (json_is_array(value)) {
                json_array_foreach ((json_t *) value, i, member)
                        take_buttons(m, member);
                return;
        }
        if (!json_is_object(value))
                return;
        action_id = json_string_value(json_object_get(value, "action_id"));
        button_value = json_string_value(json_object_get(value, "value"));
        if (action_id && button_value) {
                m->buttons = mem_resize(m->buttons, (m->n_buttons + 1) * sizeof(*m->buttons));
                snprintf(m->buttons[m->n_buttons].action_id, sizeof(m->buttons->action_id), "%s", action_id);
                snprintf(m->buttons[m->n_buttons++].value, sizeof(m->buttons->value), "%s", button_value);
                return;
        }
        json_object_foreach ((json_t *) value, key, member)
                if (json_is_array(member) || json_is_object(member))
                        take_buttons(m, member);
}

static void set_content(SlackMessage *m, const json_t *form, bool is_new)
{
        Look look = {.session = m->session,
                     .request = -1,
                     .posted = is_new ? m : NULL,
                     .where = is_new ? "a post" : "an edit"};

        mem_strset(&m->text, json_str_or(form, "text", ""));
        sim_note(m->text, m->session);
        json_each_string(json_object_get(form, "blocks"), look_at_text, &look);
        if (m->session < 0 && look.session >= 0) { /* the card of a slash command makes the thread */
                Thread *t = &slack.threads[look.session];

                m->session = look.session;
                if (!*t->ts) {
                        t->channel = m->channel;
                        memcpy(t->ts, m->ts, sizeof(t->ts));
                }
        }
        if (is_new && look.is_drop && m->session >= 0)
                slack.threads[m->session].last_drop_ms = sim_now_ms();
        free(take(m->buttons));
        m->n_buttons = 0;
        take_buttons(m, json_object_get(form, "blocks"));
        /* The session's card names the request, too, but cannot answer it. */
        if (m->n_buttons > 0 && !str_starts_with(m->buttons[0].action_id, "session.") && look.request >= 0)
                m->request = look.request;
        if (m->n_buttons > 0 && !m->was_seen && str_equal(m->buttons[0].action_id, "offer.take")) {
                m->was_seen = true;
                people_see_offer(m);
        }
        if (m->n_buttons > 0 && !m->was_seen && m->request >= 0) {
                m->was_seen = true;
                people_see_card(m);
        }
        for (size_t i = 0; i < m->n_buttons; i++)
                if (str_equal(m->buttons[i].action_id, "session.stop") && m->session >= 0)
                        memcpy(slack.threads[m->session].card_ts, m->ts, sizeof(m->ts));
}

void slack_whisper(unsigned channel, int user, int session, bool arrived, const json_t *message)
{
        Look look = {.session = session, .request = -1, .where = "a whisper"};

        if (slack.n_whispers == slack.size_whispers) {
                slack.size_whispers = slack.size_whispers ? slack.size_whispers * 2 : 16;
                slack.whispers = mem_resize(slack.whispers, slack.size_whispers * sizeof(*slack.whispers));
        }
        slack.whispers[slack.n_whispers++] = (Whisper){.channel = channel,
                                                       .user = user,
                                                       .session = session,
                                                       .at_ms = sim_now_ms(),
                                                       .arrived = arrived,
                                                       .text = mem_strdup(json_str_or(message, "text", ""))};
        if (session >= 0)
                json_each_string(json_object_get(message, "blocks"), look_at_text, &look);
        sim_trace("slack: %s %s sees only: %.70s", arrived ? "" : "(not taken)",
                  user == STRANGER ? "a stranger" : "a person", json_str_or(message, "text", ""));
}

/* ---- the Web API ---- */

typedef struct Call {
        char method[32];
        json_t *args;
        char *url; /* of a response_url */
        SlackWebDone done;
        LoopFn drop;
        void *userdata;
        unsigned n_refs;
        bool has_effect;
        SlackWebOutcome outcome;
        const char *error;
        int64_t retry_after_ms;
        json_t *body;
} Call;

static void call_unref(Call *c)
{
        if (--c->n_refs > 0)
                return;
        json_decref(c->args);
        json_decref(c->body);
        free(c->url);
        free(c);
}

static void refuse(Call *c, const char *error)
{
        c->outcome = SLACK_WEB_ERROR;
        c->error = error;
}

static SlackMessage *find_repeated(const char *client_msg_id)
{
        for (size_t i = slack.n_messages; i-- > 0 && client_msg_id;)
                if (str_equal(slack.messages[i]->client_msg_id, client_msg_id))
                        return slack.messages[i];
        return NULL;
}

static void expect_unique(const SlackMessage *m)
{
        for (size_t i = slack.n_messages; i-- > 0 && m->oid;)
                if (slack.messages[i] != m && str_equal(slack.messages[i]->oid, m->oid) &&
                    !slack.messages[i]->deleted)
                        sim_fail("posted twice", "%s in session %d: %.80s", m->oid, m->session, m->text);
}

static void echo(const SlackMessage *m)
{
        if (sim->plan->echoes)
                envelope_send(
                        SLACK_ENVELOPE_EVENT,
                        mem_printf(
                                "{\"team_id\":\"T1\",\"type\":\"event_callback\",\"event\":{\"type\":\"message\","
                                "\"channel\":\"%c%u\",\"user\":\"" BOT_USER
                                "\",\"bot_id\":\"B1\",\"ts\":\"%s\",\"text\":\"\"}}",
                                m->channel == 2 ? 'D' : 'C', m->channel, m->ts),
                        -1, -1);
}

static void do_post(Call *c)
{
        const char *client_msg_id = json_str(c->args, "client_msg_id"),
                   *thread_ts = json_str(c->args, "thread_ts");
        SlackMessage *m = sim->plan->knows_client_msg_id ? find_repeated(client_msg_id) : NULL;
        unsigned channel = channel_of(json_str(c->args, "channel"));
        unsigned n = sim->mutation == MUTATION_POST_TWICE && sim_chance(DRAW_NET, 2) ? 2 : 1;

        if (sim->mutation == MUTATION_LEAK && thread_ts && sim->plan->n_sessions > 1 &&
            sim_chance(DRAW_NET, 5))
                thread_ts = slack.threads[(session_of_thread(channel, thread_ts) + 1) %
                                          (int) sim->plan->n_sessions]
                                    .ts;
        for (; !m && n > 0; n--) {
                SlackMessage *posted = message_new(channel, thread_ts, -1);

                posted->oid = mem_strdup(json_str(c->args, "metadata.event_payload.oid"));
                posted->client_msg_id = mem_strdup(client_msg_id);
                set_content(posted, c->args, true);
                sim_trace("slack: posted %s in session %d: %.80s", posted->ts, posted->session, posted->text);
                echo(posted);
                expect_unique(posted);
                if (n == 1)
                        m = posted;
        }
        c->body = json_pack("{s:b, s:s, s:s}", "ok", 1, "channel", json_str_or(c->args, "channel", ""), "ts",
                            m->ts);
}

static void do_update(Call *c)
{
        SlackMessage *m = slack_message_at(json_str(c->args, "ts"));

        if (!m || m->deleted) {
                refuse(c, "message_not_found");
                return;
        }
        set_content(m, c->args, false);
        sim_trace("slack: edited %s in session %d: %.80s", m->ts, m->session, m->text);
}

static void do_delete(Call *c)
{
        SlackMessage *m = slack_message_at(json_str(c->args, "ts"));

        if (!m || m->deleted) {
                refuse(c, "message_not_found");
                return;
        }
        m->deleted = true;
        sim_trace("slack: deleted %s: %.60s", m->ts, m->text);
}

static void do_react(Call *c)
{
        static const struct {
                const char *name;
                Mark mark;
        } names[] = {{"eyes", MARK_EYES},
                     {"white_check_mark", MARK_DONE},
                     {"octagonal_sign", MARK_STOPPED},
                     {"warning", MARK_WARNING}};
        SlackMessage *m = slack_message_at(json_str(c->args, "timestamp"));
        const char *name = json_str(c->args, "name");
        Mark mark = 0;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (str_equal(name, names[i].name))
                        mark = names[i].mark;
        if (!m || m->deleted)
                refuse(c, "message_not_found");
        else if (m->marks & mark)
                refuse(c, "already_reacted");
        else {
                m->marks |= mark;
                sim_trace("slack: :%s: on %s", name, m->ts);
        }
}

static void do_ephemeral(Call *c)
{
        const char *user = json_str_or(c->args, "user", "U0");
        unsigned channel = channel_of(json_str(c->args, "channel"));

        slack_whisper(channel, user[1] - '0', session_of_thread(channel, json_str(c->args, "thread_ts")),
                      true, c->args);
}

static void do_view(Call *c)
{
        const char *trigger = json_str_or(c->args, "trigger_id", "");
        int click = str_starts_with(trigger, "trc") ? atoi(trigger + 3) : -1;

        if (click < 0 || sim_now_ms() - slack.clicks[click].at_ms > 3000) {
                refuse(c, "expired_trigger_id");
                return;
        }
        people_see_form(slack.clicks[click].user, click, json_str_or(c->args, "view.private_metadata", ""));
        c->body = json_pack("{s:b, s:{s:s}}", "ok", 1, "view", "id", "V1");
}

static void do_user(Call *c)
{
        c->body = json_pack("{s:b, s:{s:{s:s}}}", "ok", 1, "user", "profile", "display_name",
                            json_str_or(c->args, "user", "?"));
}

static const SlackMessage *latest_reply(const char *ts)
{
        for (size_t i = slack.n_messages; i-- > 0;)
                if (str_equal(slack.messages[i]->thread_ts, ts) && !slack.messages[i]->deleted)
                        return slack.messages[i];
        return NULL;
}

bool slack_is_shown(const SlackMessage *m)
{
        return !m->deleted || (!*m->thread_ts && latest_reply(m->ts));
}

/* Of a page: a person's message, or ours with its mark; a deleted parent is a tombstone. */
static json_t *as_history(const SlackMessage *m)
{
        json_t *o =
                json_pack("{s:s, s:s, s:s}", "type", "message", "ts", m->ts, "text", m->text ? m->text : "");
        const SlackMessage *latest = *m->thread_ts ? NULL : latest_reply(m->ts);

        if (latest)
                json_put_str(o, "latest_reply", latest->ts);
        if (m->deleted) {
                json_put_str(o, "subtype", "tombstone");
                json_put_str(o, "text", "This message was deleted.");
                json_put_str(o, "thread_ts", m->ts);
                return o;
        }
        json_object_set_new(o, "user", m->user < 0 ? json_string(BOT_USER) : json_sprintf("U%d", m->user));
        if (*m->thread_ts)
                json_put_str(o, "thread_ts", m->thread_ts);
        if (*m->edited_ts)
                json_object_set_new(o, "edited", json_pack("{s:s}", "ts", m->edited_ts));
        if (m->user < 0)
                json_put_str(o, "bot_id", "B1");
        if (m->oid)
                json_object_set_new(o, "metadata",
                                    json_pack("{s:s, s:{s:s}}", "event_type", SLACK_METADATA_TYPE,
                                              "event_payload", "oid", m->oid));
        return o;
}

/* A channel's history comes newest first and without the replies, a thread oldest first and with its parent.
 */
static void do_read(Call *c)
{
        const char *thread_ts = json_str(c->args, "ts"), *oldest = json_str_or(c->args, "oldest", "0");
        unsigned channel = channel_of(json_str(c->args, "channel"));
        size_t from = strtoul(json_str_or(c->args, "cursor", "0"), NULL, 10), n = 0;
        json_t *found = json_array();

        for (size_t k = 0; k < slack.n_messages && n <= from + HISTORY_PAGE; k++) {
                const SlackMessage *m = slack.messages[thread_ts ? k : slack.n_messages - 1 - k];
                bool is_in = thread_ts ? str_equal(m->thread_ts, thread_ts) || str_equal(m->ts, thread_ts)
                                       : !*m->thread_ts;

                if (m->channel != channel || !slack_is_shown(m) || !is_in || strcmp(m->ts, oldest) < 0)
                        continue;
                if (n >= from && n < from + HISTORY_PAGE)
                        json_array_append_new(found, as_history(m));
                n++;
        }
        c->body = json_pack("{s:b, s:o}", "ok", 1, "messages", found);
        if (n > from + HISTORY_PAGE)
                json_object_set_new(
                        c->body, "response_metadata",
                        json_pack("{s:o}", "next_cursor", json_sprintf("%zu", from + HISTORY_PAGE)));
}

static void do_channels(Call *c)
{
        c->body = json_pack("{s:b, s:[{s:s}, {s:s}, {s:s, s:b}]}", "ok", 1, "channels", "id", "C0", "id",
                            "C1", "id", "D2", "is_im", 1);
}

static void do_respond(Call *c)
{
        ResponseOwner owner;
        int index;

        if (!response_url_use(c->url, &owner, &index, true)) {
                refuse(c, "http_404");
                return;
        }
        sim_trace("slack: through the response_url of %s %d: %.60s",
                  owner == RESPONSE_ACTION ? "action" : "click", index, json_str_or(c->args, "text", ""));
}

static void perform(Call *c)
{
        static const struct {
                const char *method;
                void (*perform)(Call *c);
        } methods[] = {
                {"chat.postMessage", do_post},
                {"chat.update", do_update},
                {"reactions.add", do_react},
                {"chat.delete", do_delete},
                {"chat.postEphemeral", do_ephemeral},
                {"views.open", do_view},
                {"users.info", do_user},
                {"conversations.replies", do_read},
                {"conversations.history", do_read},
                {"response_url", do_respond},
                {"users.conversations", do_channels},
        };

        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (str_equal(c->method, methods[i].method)) {
                        methods[i].perform(c);
                        return;
                }
        sim_fail("unknown method", "%s", c->method);
}

static void on_effect(void *userdata)
{
        Call *c = userdata;
        SlackWebOutcome fate = c->outcome;
        const char *error = c->error;

        perform(c);
        if (fate != SLACK_WEB_OK) { /* the answer is lost on its way */
                c->outcome = fate;
                c->error = error;
        }
        call_unref(c);
}

static void drop_effect(void *userdata)
{
        call_unref(userdata);
}

static void note_failed_gesture(const Call *c)
{
        ResponseOwner owner;
        int index;

        if (c->url)
                response_url_use(c->url, &owner, &index, false);
        else if (str_equal(c->method, "chat.postEphemeral") && !c->has_effect) {
                unsigned channel = channel_of(json_str(c->args, "channel"));

                slack_whisper(channel, json_str_or(c->args, "user", "U0")[1] - '0',
                              session_of_thread(channel, json_str(c->args, "thread_ts")), false, c->args);
        }
}

static void on_response(void *userdata)
{
        Call *c = userdata;
        SlackWebResult result = {.outcome = c->outcome,
                                 .error = c->error,
                                 .body = c->outcome == SLACK_WEB_OK ? c->body : NULL,
                                 .retry_after_ms = c->retry_after_ms};

        slack.n_calls--;
        if (c->outcome == SLACK_WEB_RATE_LIMITED)
                slack_rate_block(rate, c->method, json_str(c->args, "channel"), c->retry_after_ms,
                                 sim_now_ms());
        if (c->outcome != SLACK_WEB_OK)
                note_failed_gesture(c);
        c->done(c->userdata, &result);
        call_unref(c);
}

static void drop_response(void *userdata)
{
        Call *c = userdata;

        slack.n_calls--;
        c->drop(c->userdata);
        call_unref(c);
}

/* What becomes of a call, by the faults that are on. Returns after how long its end is seen. */
static int64_t decide_fate(Call *c)
{
        c->has_effect = true;
        if (fault_hits(FAULT_UNREACHABLE)) {
                c->has_effect = false;
                c->outcome = SLACK_WEB_UNSENT;
                c->error = "unreachable";
                return sim_draw_ms(DRAW_NET, 1, 1000);
        }
        if (fault_hits(FAULT_429)) {
                c->has_effect = false;
                c->outcome = SLACK_WEB_RATE_LIMITED;
                c->error = "ratelimited";
                c->retry_after_ms = 1000 * sim_draw_ms(DRAW_NET, 1, 10);
                return sim_draw_ms(DRAW_NET, 5, 60);
        }
        if (fault_hits(FAULT_5XX)) {
                c->has_effect = sim_draw(DRAW_NET, 2);
                c->outcome = SLACK_WEB_UNKNOWN;
                c->error = "http_502";
                return sim_draw_ms(DRAW_NET, 150, 3000);
        }
        if (fault_hits(FAULT_LOST_BEFORE) || fault_hits(FAULT_LOST_AFTER)) {
                c->has_effect = fault_is_on(FAULT_LOST_AFTER);
                c->outcome = SLACK_WEB_UNKNOWN;
                c->error = "no_answer";
                return sim_draw(DRAW_NET, 2) ? TIMEOUT_MS : sim_draw_ms(DRAW_NET, 150, 400);
        }
        return fault_hits(FAULT_SLOW) ? sim_draw_ms(DRAW_NET, 1000, 9900) : sim_draw_ms(DRAW_NET, 5, 120);
}

static void call(const char *method, json_t *args, const char *url, SlackWebDone done, LoopFn drop,
                 void *userdata)
{
        Call *c = mem_new(Call);
        int64_t seen_ms;

        snprintf(c->method, sizeof(c->method), "%s", method);
        c->args = args;
        c->url = mem_strdup(url);
        c->done = done;
        c->drop = drop;
        c->userdata = userdata;
        c->n_refs = 1;
        if (!url)
                slack_rate_take(rate, method, json_str(args, "channel"), sim_now_ms());
        seen_ms = decide_fate(c);
        slack.n_calls++;
        if (c->has_effect) {
                c->n_refs++;
                sim_after(OWNER_WORLD, sim_draw_ms(DRAW_NET, 1, MIN2(seen_ms - 1, (int64_t) 100)), on_effect,
                          drop_effect, c);
        }
        sim_after(OWNER_GATEWAY, seen_ms, on_response, drop_response, c);
}

void slack_web_call_owned(SlackWeb *w, const char *method, json_t *args, SlackWebDone done, LoopFn drop,
                          void *userdata)
{
        (void) w;
        call(method, args, NULL, done, drop, userdata);
}

void slack_web_respond_owned(SlackWeb *w, const char *response_url, json_t *message, SlackWebDone done,
                             LoopFn drop, void *userdata)
{
        (void) w;
        call("response_url", message, response_url, done, drop, userdata);
}

int64_t slack_web_wait_ms(SlackWeb *w, const char *method, const char *channel, bool urgent)
{
        (void) w;
        return slack_rate_wait_ms(rate, method, channel, urgent, sim_now_ms());
}

int64_t slack_web_now_ms(const SlackWeb *w)
{
        (void) w;
        return sim->mutation == MUTATION_OWN_CLOCK ? clock_realtime_ms() : sim_true_ms();
}

void slack_web_later(SlackWeb *w, int64_t after_ms, LoopFn fn, LoopFn drop, void *userdata)
{
        (void) w;
        sim_after(OWNER_GATEWAY, after_ms, fn, drop, userdata);
}

void slack_web_start(void)
{
        rate = slack_rate_new();
}

void slack_web_stop(void)
{
        slack_rate_free(rate);
        rate = NULL;
}

/* ---- people's side ---- */

static void send_message_event(const SlackMessage *m, const char *type, const char *more)
{
        envelope_send(
                SLACK_ENVELOPE_EVENT,
                mem_printf(
                        "{\"team_id\":\"T1\",\"type\":\"event_callback\",\"event\":{\"type\":\"%s\",\"channel\":"
                        "\"%c%u\",\"channel_type\":\"%s\",\"user\":\"U%d\",\"ts\":\"%s\",%s%s%s\"text\":\"%s\"%s}}",
                        type, m->channel == 2 ? 'D' : 'C', m->channel, m->channel == 2 ? "im" : "channel",
                        m->user, m->ts, *m->thread_ts ? "\"thread_ts\":\"" : "", m->thread_ts,
                        *m->thread_ts ? "\"," : "", m->text, more),
                m->action, -1);
}

SlackMessage *slack_write(int action, unsigned user, unsigned channel, const char *thread_ts,
                          const char *text, bool mention)
{
        SlackMessage *m = message_new(channel, thread_ts, (int) user);

        m->text = mention ? mem_printf("<@" BOT_USER "> %s", text) : mem_strdup(text);
        m->action = action;
        memcpy(sim->plan->actions[action].ts, m->ts, sizeof(m->ts));
        send_message_event(m, "message", "");
        if (mention)
                send_message_event(m, "app_mention", "");
        return m;
}

void slack_edit(SlackMessage *m, const char *text)
{
        uint64_t stamp = slack.last_ts = MAX2(slack.last_ts + 1, (uint64_t) sim_true_ms() * 1000);

        mem_strset(&m->text, text);
        snprintf(m->edited_ts, sizeof(m->edited_ts), "%llu.0", (unsigned long long) stamp);
        envelope_send(
                SLACK_ENVELOPE_EVENT,
                mem_printf(
                        "{\"team_id\":\"T1\",\"type\":\"event_callback\",\"event\":{\"type\":\"message\",\"subtype\":"
                        "\"message_changed\",\"channel\":\"%c%u\",\"ts\":\"%llu.0\",\"message\":{\"user\":\"U%d\","
                        "\"ts\":\"%s\",\"thread_ts\":\"%s\",\"edited\":{\"ts\":\"%llu.0\"},\"text\":\"%s\"}}}",
                        m->channel == 2 ? 'D' : 'C', m->channel, (unsigned long long) stamp, m->user, m->ts,
                        m->thread_ts, (unsigned long long) stamp, m->text),
                -1, -1);
}

void slack_delete(SlackMessage *m)
{
        m->deleted = true;
        envelope_send(
                SLACK_ENVELOPE_EVENT,
                mem_printf(
                        "{\"team_id\":\"T1\",\"type\":\"event_callback\",\"event\":{\"type\":\"message\",\"subtype\":"
                        "\"message_deleted\",\"channel\":\"%c%u\",\"ts\":\"9.0\",\"deleted_ts\":\"%s\",\"previous_message\":{"
                        "\"user\":\"U%d\",\"thread_ts\":\"%s\"}}}",
                        m->channel == 2 ? 'D' : 'C', m->channel, m->ts, m->user, m->thread_ts),
                -1, -1);
}

void slack_command(int action, unsigned user, unsigned channel, const char *text)
{
        _cleanup_free_ char *url = response_url_new(RESPONSE_ACTION, action);

        envelope_send(
                SLACK_ENVELOPE_COMMAND,
                mem_printf(
                        "{\"team_id\":\"T1\",\"channel_id\":\"%c%u\",\"user_id\":\"U%u\",\"command\":\"/opencode\","
                        "\"text\":\"%s\",\"trigger_id\":\"tra%d\",\"response_url\":\"%s\"}",
                        channel == 2 ? 'D' : 'C', channel, user, text, action, url),
                action, -1);
}

void slack_click(unsigned user, SlackMessage *m, const Button *b, const char *reply, const char *values)
{
        _cleanup_free_ char *url = NULL;
        int click = (int) slack.n_clicks;

        if (slack.n_clicks == slack.size_clicks) {
                slack.size_clicks = slack.size_clicks ? slack.size_clicks * 2 : 16;
                slack.clicks = mem_resize(slack.clicks, slack.size_clicks * sizeof(*slack.clicks));
        }
        slack.clicks[slack.n_clicks] = (Click){.user = user, .request = m->request, .at_ms = sim_now_ms()};
        snprintf(slack.clicks[click].action_id, sizeof(slack.clicks->action_id), "%s", b->action_id);
        snprintf(slack.clicks[click].reply, sizeof(slack.clicks->reply), "%s", reply);
        slack.n_clicks++;
        url = response_url_new(RESPONSE_CLICK, click);
        sim_trace("people: U%u clicks %s on request %d", user, b->action_id, m->request);
        envelope_send(
                SLACK_ENVELOPE_INTERACTIVE,
                mem_printf(
                        "{\"type\":\"block_actions\",\"team\":{\"id\":\"T1\"},\"channel\":{\"id\":\"%c%u\"},\"user\":{"
                        "\"id\":\"U%u\"},\"container\":{\"message_ts\":\"%s\"},\"trigger_id\":\"trc%d\",\"response_url\":"
                        "\"%s\",\"actions\":[{\"action_id\":\"%s\",\"value\":\"%s\",\"action_ts\":\"%lld.%d\"}],"
                        "\"state\":{\"values\":%s}}",
                        m->channel == 2 ? 'D' : 'C', m->channel, user, m->ts, click, url, b->action_id,
                        b->value, (long long) sim_true_ms(), click, values ? values : "{}"),
                -1, click);
}

/* ---- life ---- */

void slack_init(void)
{
        slack = (SlackWorld){0};
        slack.threads = mem_zalloc(sizeof(*slack.threads) * (sim->plan->n_sessions + 1));
}

void slack_deinit(void)
{
        HASH_CLEAR(hh, slack.by_ts);
        for (size_t i = 0; i < slack.n_messages; i++) {
                SlackMessage *m = slack.messages[i];

                free(m->text);
                free(m->oid);
                free(m->client_msg_id);
                free(m->buttons);
                free(m);
        }
        for (size_t i = 0; i < slack.n_whispers; i++)
                free(slack.whispers[i].text);
        free(slack.messages);
        free(slack.whispers);
        free(slack.clicks);
        free(slack.threads);
        envelopes_deinit();
}
