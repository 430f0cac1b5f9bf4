#include "interact-internal.h"

#include "base/clock.h"
#include "blocks.h"
#include "delivery.h"
#include "elements.h"
#include "messages.h"
#include "problems.h"

void interact_job_free(InteractJob *j)
{
        free(j->user);
        free(j->channel);
        free(j->view_id);
        free(j->command);
        free(j->thread_ts);
        free(j);
}

InteractJob *interact_job_new(Local *l, const char *user, InteractDone done, void *userdata)
{
        InteractJob *j = mem_new(InteractJob);

        j->l = l;
        j->user = mem_strdup(user);
        j->done = done;
        j->userdata = userdata;
        return j;
}

/* --- parts of payloads --- */

static json_t *user_object(const User *u)
{
        return json_pack("{s:s,s:s,s:s,s:s}", "id", u->id, "username", u->name, "name", u->name, "team_id",
                         TEAM_ID);
}

static const char *shown_name(const Channel *c)
{
        return c->kind == CHANNEL_IM        ? "directmessage"
               : c->kind == CHANNEL_PRIVATE ? "privategroup"
                                            : c->name;
}

json_t *interact_payload(Local *l, const char *type, const User *user, const char *view_id)
{
        json_t *out = json_object();

        json_put_str(out, "type", type);
        json_object_set_new(out, "user", user_object(user));
        json_put_str(out, "api_app_id", APP_ID);
        json_put_str(out, "token", "local-verification-token");
        json_object_set_new(out, "team", json_pack("{s:s,s:s}", "id", TEAM_ID, "domain", "localslack"));
        json_object_set_new(out, "enterprise", json_null());
        json_object_set_new(out, "is_enterprise_install", json_false());
        json_put_str(out, "trigger_id",
                     tickets_make_trigger(l->tickets, user->id, view_id, l->state->clock_ms()));
        return out;
}

void interact_put_response_url(Local *l, json_t *out, const char *base_url, const char *kind,
                               const char *channel, const char *user, const char *ts, const char *thread_ts)
{
        const ResponseUrl *u =
                tickets_make_url(l->tickets, channel, user, ts, thread_ts, l->state->clock_ms());
        _cleanup_free_ char *url = mem_printf("%s/%s/%s/%s", base_url, kind, TEAM_ID, u->key);

        json_put_str(out, "response_url", url);
}

json_t *interact_report(const DeliveryResult *r)
{
        json_t *out = json_object();

        json_put_str(out, "envelope_id", r->envelope_id);
        json_object_set_new(out, "acked", json_boolean(!r->failure));
        if (r->failure)
                json_put_str(out, "error", r->failure);
        else
                json_object_set_new(out, "ack_ms", json_real((double) r->ack_us / 1000.0));
        if (r->payload && json_is_object(r->payload) && json_object_size(r->payload) > 0)
                json_object_set_new(out, "response", json_deep_copy(r->payload));
        return out;
}

/* What Slack tells a person whose command or click nobody answered. */
void interact_tell_failure(const InteractJob *j, const char *what)
{
        feed_emit(j->l->feed, "failure",
                  json_pack("{s:s,s:s,s:s}", "user", j->user, "channel", j->channel ? j->channel : "", "text",
                            what));
}

/* --- slash commands --- */

static void on_command_done(void *userdata, const DeliveryResult *r)
{
        InteractJob *j = userdata;
        json_t *report = interact_report(r);
        Channel *ch = state_find_channel(j->l->state, j->channel);
        const json_t *payload = json_is_object(r->payload) ? r->payload : NULL;

        if (r->failure) {
                bool is_late = str_equal(r->failure, "timeout") || str_equal(r->failure, "no_socket");
                _cleanup_free_ char *text = mem_printf("%s failed with the error \"%s\"", j->command,
                                                       is_late ? "operation_timeout" : "dispatch_failed");

                interact_tell_failure(j, text);
        } else if (ch && payload && (json_str(payload, "text") || json_object_get(payload, "blocks"))) {
                json_t *fields = json_deep_copy(payload);

                if (str_equal(json_str(payload, "response_type"), "in_channel"))
                        json_put_str(report, "ts", messages_post_app(j->l, ch, fields, NULL, false)->ts);
                else
                        json_put_str(report, "ephemeral_ts",
                                     messages_post_ephemeral(j->l, ch, j->user, fields, NULL)->ts);
        }
        j->done(j->userdata, report);
        interact_job_free(j);
}

char *interact_command(Local *l, const char *base_url, const json_t *in, InteractDone done, void *userdata)
{
        const User *user = state_find_user(l->state, json_str(in, "user"));
        const Channel *ch = state_find_channel(l->state, json_str(in, "channel"));
        const char *command = json_str(in, "command");
        _cleanup_free_ char *text = NULL;
        bool known = false;
        json_t *payload;
        InteractJob *j;

        if (!user || !ch)
                return mem_printf("no such %s", user ? "channel" : "user");
        for (size_t i = 0; i < l->options->n_slash_commands; i++)
                known |= str_equal(l->options->slash_commands[i], command);
        if (!known)
                return mem_printf("%s is not a command of this app", command ? command : "(none)");
        payload = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "token",
                            "local-verification-token", "team_id", TEAM_ID, "team_domain", "localslack",
                            "channel_id", ch->id, "channel_name", shown_name(ch), "user_id", user->id,
                            "user_name", user->name, "command", command, "text", json_str_or(in, "text", ""),
                            "api_app_id", APP_ID, "is_enterprise_install", "false");
        interact_put_response_url(l, payload, base_url, "commands", ch->id, user->id, NULL, NULL);
        json_put_str(payload, "trigger_id",
                     tickets_make_trigger(l->tickets, user->id, NULL, l->state->clock_ms()));
        text = json_dump(payload);
        json_decref(payload);
        j = interact_job_new(l, user->id, done, userdata);
        j->channel = mem_strdup(ch->id);
        j->command = mem_strdup(command);
        if (!delivery_send(l->delivery, "slash_commands", true, text, on_command_done, j)) {
                interact_job_free(j);
                return mem_strdup("too many envelopes are waiting for their acknowledgement");
        }
        return NULL;
}

/* --- clicks --- */

static const json_t *find_choice(const json_t *in, const json_t *element)
{
        static const char *const names[] = {"value",         "selected_option", "selected_options",
                                            "selected_user", "selected_date",   "choice"};
        const json_t *choice;

        if (str_equal(json_str(element, "type"), "button") ||
            str_equal(json_str(element, "type"), "icon_button"))
                return json_object_get(element, "value");
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if ((choice = json_object_get(in, names[i])))
                        return choice;
        return NULL;
}

/* Of the two buttons the one with the value that was sent. */
static void put_pressed_text(const json_t *element, json_t *action)
{
        static const char *const names[] = {"positive_button", "negative_button"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const json_t *button = json_object_get(element, names[i]);

                if (str_equal(json_str(button, "value"), json_str(action, "value")))
                        json_object_set(action, "text", json_object_get(button, "text"));
        }
}

/* The entry of `actions`; NULL and an owned text when the choice does not fit. */
static json_t *build_action(Local *l, const json_t *in, const json_t *block, const json_t *element,
                            char **ret_error)
{
        const char *type = json_str(element, "type"), *error;
        json_t *action = json_object();
        char ts[STATE_TS_SIZE];

        state_next_ts(l->state, ts);
        json_put_str(action, "action_id", json_str(element, "action_id"));
        json_put_str(action, "block_id", json_str(block, "block_id"));
        json_put_str(action, "type", type);
        json_put_str(action, "action_ts", ts);
        error = element_put_value(element, find_choice(in, element), action);
        if (error) {
                json_decref(action);
                *ret_error = mem_printf("%s: %s", json_str(element, "action_id"), error);
                return NULL;
        }
        if (str_equal(type, "button")) {
                json_object_set(action, "text", json_object_get(element, "text"));
                if (json_str(element, "style"))
                        json_put_str(action, "style", json_str(element, "style"));
                if (json_is_null(json_object_get(action, "value")))
                        json_object_del(action, "value");
        } else if (str_equal(type, "feedback_buttons"))
                put_pressed_text(element, action);
        else if (json_object_get(element, "placeholder"))
                json_object_set(action, "placeholder", json_object_get(element, "placeholder"));
        return action;
}

/* state.values with the choice that was just made in it. */
static json_t *values_after(const json_t *blocks, const json_t *in, const json_t *action, char **ret_error)
{
        json_t *chosen = json_deep_copy(json_object_get(in, "state")), *group, *values = NULL;
        const char *block_id = json_str(action, "block_id"), *error;

        if (!json_is_object(chosen)) {
                json_decref(chosen);
                chosen = json_object();
        }
        group = json_object_get(chosen, block_id);
        if (!json_is_object(group)) {
                group = json_object();
                json_object_set_new(chosen, block_id, group);
        }
        json_object_set(group, json_str(action, "action_id"), (json_t *) action);
        error = elements_collect(blocks, chosen, &values);
        json_decref(chosen);
        if (error)
                *ret_error = mem_printf("state: %s", error);
        return values;
}

static json_t *state_object(json_t *values /* stolen */)
{
        return json_pack("{s:o}", "values", values);
}

static void put_message_parts(Local *l, json_t *payload, const char *base_url, const Channel *ch,
                              const char *user, const char *ts, const json_t *message, bool is_ephemeral)
{
        const char *thread_ts = json_str(message, "thread_ts");
        json_t *container = json_pack("{s:s,s:s,s:s,s:b}", "type", "message", "message_ts", ts, "channel_id",
                                      ch->id, "is_ephemeral", is_ephemeral);

        if (thread_ts)
                json_put_str(container, "thread_ts", thread_ts);
        json_object_set_new(payload, "container", container);
        json_object_set_new(payload, "channel", json_pack("{s:s,s:s}", "id", ch->id, "name", shown_name(ch)));
        if (!is_ephemeral)
                json_object_set(payload, "message", (json_t *) message);
        interact_put_response_url(l, payload, base_url, "actions", ch->id, user, ts, thread_ts);
}

/* Where the click happened: a message, an ephemeral message, or a view. */
typedef struct Place {
        const Channel *channel;
        const View *view;
        json_t *message; /* owned */
        const char *ts;
        bool is_ephemeral;
        const json_t *blocks;
        size_t attachment_id; /* 1 …: the blocks are those of an attachment */
} Place;

static char *find_place(Local *l, const json_t *in, Place *ret)
{
        const char *view_id = json_str(in, "view_id");
        const Ephemeral *e;
        const Message *m;

        *ret = (Place){.ts = json_str(in, "ts")};
        if (view_id) {
                ret->view = views_find(l->views, view_id);
                ret->blocks = ret->view ? json_object_get(ret->view->body, "blocks") : NULL;
                return ret->view ? NULL : mem_strdup("no such view");
        }
        ret->channel = state_find_channel(l->state, json_str(in, "channel"));
        if (!ret->channel)
                return mem_strdup("no such channel");
        m = channel_find_message(ret->channel, ret->ts);
        e = m ? NULL : state_find_ephemeral(l->state, ret->channel->id, ret->ts);
        if (!m && !e)
                return mem_strdup("no such message");
        ret->is_ephemeral = e;
        ret->message = m ? message_render(m, true) : json_incref(e->body);
        ret->blocks = json_object_get(ret->message, "blocks");
        return NULL;
}

/* The element that was clicked; it may stand in a legacy attachment. */
static const json_t *find_clicked(const json_t *in, Place *p, const json_t **ret_block)
{
        const char *action_id = json_str(in, "action_id"), *block_id = json_str(in, "block_id");
        const json_t *element = blocks_find_element(p->blocks, action_id, block_id, ret_block),
                     *attachments = json_object_get(p->message, "attachments");

        for (size_t i = 0; !element && i < json_array_size(attachments); i++) {
                const json_t *blocks = json_object_get(json_array_get(attachments, i), "blocks");

                element = blocks_find_element(blocks, action_id, block_id, ret_block);
                if (element) {
                        p->blocks = blocks;
                        p->attachment_id = i + 1;
                }
        }
        return element;
}

static void put_place(Local *l, json_t *payload, const char *base_url, const User *user, const Place *p,
                      json_t *values)
{
        json_t *container;

        if (p->view) {
                json_object_set_new(payload, "container",
                                    json_pack("{s:s,s:s}", "type", "view", "view_id", p->view->id));
                json_object_set_new(payload, "view", view_render(p->view, values));
                return;
        }
        put_message_parts(l, payload, base_url, p->channel, user->id, p->ts, p->message, p->is_ephemeral);
        container = json_object_get(payload, "container");
        if (p->attachment_id) {
                json_put_str(container, "type", "message_attachment");
                json_put_int(container, "attachment_id", (int64_t) p->attachment_id);
                json_object_set_new(container, "is_app_unfurl", json_false());
        }
}

char *interact_block_actions(Local *l, const char *base_url, const json_t *in, char **ret_error)
{
        const User *user = state_find_user(l->state, json_str(in, "user"));
        const json_t *element, *block;
        json_t *payload, *action, *values;
        char *text = NULL;
        Place place;

        *ret_error = user ? find_place(l, in, &place) : mem_strdup("no such user");
        if (*ret_error)
                return NULL;
        element = find_clicked(in, &place, &block);
        if (!element)
                *ret_error =
                        mem_printf("no element with action_id %s", json_str_or(in, "action_id", "(none)"));
        action = element ? build_action(l, in, block, element, ret_error) : NULL;
        values = action ? values_after(place.blocks, in, action, ret_error) : NULL;
        if (values)
                *ret_error = interact_fill_files(l, base_url, user, values);
        if (*ret_error) {
                json_decref(values);
                values = NULL;
        }
        if (values) {
                payload = interact_payload(l, "block_actions", user, place.view ? place.view->id : NULL);
                put_place(l, payload, base_url, user, &place, values);
                if (place.view)
                        json_put_str(payload, "hash", place.view->hash);
                else
                        json_object_set_new(payload, "state", state_object(json_incref(values)));
                json_object_set_new(payload, "actions", json_pack("[O]", action));
                text = json_dump(payload);
                json_decref(payload);
        }
        json_decref(values);
        json_decref(action);
        json_decref(place.message);
        return text;
}

void interact_on_action_done(void *userdata, const DeliveryResult *r)
{
        InteractJob *j = userdata;

        if (r->failure)
                interact_tell_failure(j, "This app did not answer your click.");
        j->done(j->userdata, interact_report(r));
        interact_job_free(j);
}

char *interact_send(InteractJob *j, bool accepts_payload, const char *text, DeliveryDone done)
{
        if (delivery_send(j->l->delivery, "interactive", accepts_payload, text, done, j))
                return NULL;
        interact_job_free(j);
        return mem_strdup("too many envelopes are waiting for their acknowledgement");
}

char *interact_action(Local *l, const char *base_url, const json_t *in, InteractDone done, void *userdata)
{
        char *error = NULL;
        _cleanup_free_ char *text = interact_block_actions(l, base_url, in, &error);
        const User *user = state_find_user(l->state, json_str(in, "user"));
        InteractJob *j;

        if (!text)
                return error;
        j = interact_job_new(l, user->id, done, userdata);
        j->channel = mem_strdup(json_str(in, "channel"));
        return interact_send(j, l->switches.action_payload, text, interact_on_action_done);
}

/* --- what a select of the app offers --- */

/* Where the options stand in the block that check_options() puts around them. */
#define OPTIONS_POINTER "/0/elements/0"

/* What Block Kit would say of the offer, were it written into a select: NULL, or a text. Nothing to offer is
 * well. */
static char *check_options(const json_t *offer)
{
        _cleanup_json_ json_t *blocks = NULL, *errors = NULL;
        const json_t *first;
        const char *pointer;

        if (json_array_size(json_object_get(offer, "options")) +
                    json_array_size(json_object_get(offer, "option_groups")) ==
            0)
                return NULL;
        blocks =
                json_pack("[{s:s,s:[{s:s,s:s,s:O*,s:O*}]}]", "type", "actions", "elements", "type",
                          "static_select", "action_id", "offer", "options", json_object_get(offer, "options"),
                          "option_groups", json_object_get(offer, "option_groups"));
        errors = blocks_find_errors(blocks, BLOCKS_MODAL, "");
        first = json_array_get(errors, 0);
        if (!first)
                return NULL;
        pointer = json_str_or(first, "pointer", "");
        if (str_starts_with(pointer, OPTIONS_POINTER))
                pointer += strlen(OPTIONS_POINTER);
        return mem_printf("The answer to block_suggestion breaks a rule of Block Kit: %s [%s].",
                          json_str_or(first, "message", "invalid"), pointer);
}

/* {"acked", "options" or "option_groups"} for the page and for tests; neither when the offer is none that
 * Slack shows. */
static void on_suggest_done(void *userdata, const DeliveryResult *r)
{
        static const char *const names[] = {"options", "option_groups"};
        InteractJob *j = userdata;
        json_t *report = interact_report(r), *offer = json_object();
        _cleanup_free_ char *wrong = NULL;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (json_is_array(json_object_get(r->payload, names[i])))
                        json_object_set(offer, names[i], json_object_get(r->payload, names[i]));
        if (!r->failure)
                wrong = json_object_size(offer) == 0
                                ? mem_strdup("The answer to block_suggestion has neither options nor "
                                             "option_groups.")
                                : check_options(offer);
        if (wrong)
                problems_note(j->l, "click", j->command, wrong,
                              "Acknowledge within 3 seconds with {\"options\": […]} or {\"option_groups\": "
                              "[…]}, at most 100 of them.");
        else
                json_object_update(report, offer);
        json_decref(offer);
        j->done(j->userdata, report);
        interact_job_free(j);
}

char *interact_suggest(Local *l, const char *base_url, const json_t *in, InteractDone done, void *userdata)
{
        const User *user = state_find_user(l->state, json_str(in, "user"));
        const json_t *element, *block = NULL;
        _cleanup_json_ json_t *payload = NULL;
        _cleanup_free_ char *text = NULL;
        char *error;
        Place place;
        InteractJob *j;

        error = user ? find_place(l, in, &place) : mem_strdup("no such user");
        if (error)
                return error;
        element = find_clicked(in, &place, &block);
        if (!element || !strstr(json_str_or(element, "type", ""), "external_select")) {
                json_decref(place.message);
                return mem_strdup("no external select with this action_id");
        }
        payload = interact_payload(l, "block_suggestion", user, NULL);
        json_object_del(payload, "trigger_id");
        put_place(l, payload, base_url, user, &place, NULL);
        json_object_del(payload, "response_url");
        json_put_str(payload, "action_id", json_str(element, "action_id"));
        json_put_str(payload, "block_id", json_str(block, "block_id"));
        json_put_str(payload, "value", json_str_or(in, "value", ""));
        text = json_dump(payload);
        j = interact_job_new(l, user->id, done, userdata);
        j->command = mem_strdup(json_str(element, "action_id"));
        json_decref(place.message);
        return interact_send(j, true, text, on_suggest_done);
}

/* --- shortcuts --- */

char *interact_shortcut(Local *l, const char *base_url, const json_t *in, InteractDone done, void *userdata)
{
        const User *user = state_find_user(l->state, json_str(in, "user"));
        const char *callback_id = json_str(in, "callback_id"), *ts = json_str(in, "ts");
        _cleanup_json_ json_t *payload = NULL;
        _cleanup_free_ char *text = NULL;
        char action_ts[STATE_TS_SIZE];
        char *error = NULL;
        Place place;

        if (!user || !callback_id)
                return mem_strdup(user ? "callback_id is missing" : "no such user");
        error = ts ? find_place(l, in, &place) : NULL;
        if (error)
                return error;
        payload = interact_payload(l, ts ? "message_action" : "shortcut", user, NULL);
        if (ts) {
                put_message_parts(l, payload, base_url, place.channel, user->id, ts, place.message,
                                  place.is_ephemeral);
                json_put_str(payload, "message_ts", ts);
                json_decref(place.message);
        }
        state_next_ts(l->state, action_ts);
        json_put_str(payload, "action_ts", action_ts);
        json_put_str(payload, "callback_id", callback_id);
        text = json_dump(payload);
        return interact_send(interact_job_new(l, user->id, done, userdata), false, text,
                             interact_on_action_done);
}
