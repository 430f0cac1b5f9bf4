/* Modals and homes: what people hand in and close, and what the acknowledgement makes of it (reference §1.6,
 * §6.4). */
#include "blocks.h"
#include "control-page.h"
#include "elements.h"
#include "interact-internal.h"
#include "problems.h"

void interact_emit_view(Local *l, const View *view)
{
        feed_emit(l->feed, "view",
                  json_pack("{s:s,s:b,s:o}", "user", view->user, "is_home", view->is_home, "view",
                            view_render(view, NULL)));
}

static void emit_view_closed(Local *l, const char *user, const char *view_id)
{
        feed_emit(l->feed, "view_closed", json_pack("{s:s,s:s}", "user", user, "view_id", view_id));
}

static void emit_top(Local *l, const char *user)
{
        const View *top = views_find_top(l->views, user);

        if (top)
                interact_emit_view(l, top);
}

/* "update" and "push" carry a view; what is wrong with it is the app's mistake, shown in the report. */
static void apply_view_payload(InteractJob *j, View *view, const char *what, const json_t *body,
                               json_t *report)
{
        json_t *errors = blocks_check_view(body);
        const char *error = json_array_size(errors) > 0 ? "invalid_view" : NULL;
        View *result = view;

        if (!error)
                error = str_equal(what, "push") ? views_push(j->l->views, j->l->state, j->user, body, &result)
                                                : views_update(j->l->views, j->l->state, view, body, NULL);
        if (error) {
                _cleanup_free_ char *dumped = json_dump(errors);
                _cleanup_free_ char *text = mem_printf("response_action %s: %s %s", what, error, dumped);

                json_put_str(report, "view_error", error);
                json_object_set(report, "view_errors", errors);
                problems_note(j->l, "modal", view->id, text,
                              "The view of the acknowledgement must be a whole, valid view.");
        } else
                interact_emit_view(j->l, result);
        json_decref(errors);
}

/* Each of the errors must be a text for one of the view's inputs; NULL, or what is wrong. */
static char *check_field_errors(const View *view, const json_t *errors)
{
        const char *block_id;
        json_t *text;

        if (json_object_size(errors) == 0)
                return mem_strdup("response_action errors: `errors` is no object, or empty.");
        json_object_foreach ((json_t *) errors, block_id, text) {
                const json_t *block, *blocks = json_object_get(view->body, "blocks");
                bool is_input = false;
                size_t i;

                json_array_foreach (blocks, i, block)
                        is_input |= str_equal(json_str(block, "type"), "input") &&
                                    str_equal(json_str(block, "block_id"), block_id);
                if (!is_input)
                        return mem_printf(
                                "response_action errors: %s is not the block_id of an input of this view.",
                                block_id);
                if (!json_is_string(text))
                        return mem_printf("response_action errors: the error of %s is not a text.", block_id);
        }
        return NULL;
}

static void apply_field_errors(InteractJob *j, const View *view, json_t *errors, json_t *report)
{
        _cleanup_free_ char *wrong = check_field_errors(view, errors);

        if (wrong) {
                json_put_str(report, "view_error", wrong);
                problems_note(j->l, "modal", view->id, wrong,
                              "Answer {\"response_action\": \"errors\", \"errors\": {block_id: text}}.");
                return;
        }
        json_object_set(report, "errors", errors);
        feed_emit(j->l->feed, "view_errors",
                  json_pack("{s:s,s:s,s:O}", "user", j->user, "view_id", view->id, "errors", errors));
}

static void apply_response(InteractJob *j, View *view, const json_t *payload, json_t *report)
{
        const char *what = json_str(payload, "response_action");

        if (!what) {
                emit_view_closed(j->l, j->user, view->id);
                views_close(j->l->views, view);
                emit_top(j->l, j->user);
                return;
        }
        json_put_str(report, "response_action", what);
        if (str_equal(what, "errors"))
                apply_field_errors(j, view, json_object_get(payload, "errors"), report);
        else if (str_equal(what, "clear")) {
                emit_view_closed(j->l, j->user, "");
                views_close_stack(j->l->views, j->user);
        } else if (str_equal(what, "update") || str_equal(what, "push"))
                apply_view_payload(j, view, what, json_object_get(payload, "view"), report);
        else {
                json_put_str(report, "view_error", "unknown response_action");
                problems_note(j->l, "modal", view->id, "The acknowledgement has an unknown response_action.",
                              "It is errors, update, push or clear; to close the view, send none.");
        }
}

static void on_submit_done(void *userdata, const DeliveryResult *r)
{
        InteractJob *j = userdata;
        json_t *report = interact_report(r);
        View *view = views_find(j->l->views, j->view_id);

        if (r->failure)
                interact_tell_failure(j, "We had some trouble connecting. Try again?");
        else if (view)
                apply_response(j, view, r->payload, report);
        j->done(j->userdata, report);
        interact_job_free(j);
}

/* The ids of a file_input become Slack's file objects. NULL, or what is wrong (owned). */
static char *fill_files(Local *l, const char *base_url, const User *user, json_t *value)
{
        json_t *files = json_object_get(value, "files"), *item;
        size_t i;

        if (!str_equal(json_str(value, "type"), "file_input"))
                return NULL;
        json_array_foreach (files, i, item) {
                const char *id = json_is_string(item) ? json_string_value(item) : json_str(item, "id");
                json_t *file = id ? control_page_attach(l, base_url, user->id, id) : NULL;

                if (!file)
                        return mem_printf("there is no uploaded file %s of this person", id ? id : "");
                json_array_set_new(files, i, file);
        }
        return NULL;
}

char *interact_fill_files(Local *l, const char *base_url, const User *user, json_t *values)
{
        const char *block_id, *action_id;
        json_t *group, *value;
        char *error = NULL;

        json_object_foreach (values, block_id, group)
                json_object_foreach (group, action_id, value)
                        if (!error)
                                error = fill_files(l, base_url, user, value);
        return error;
}

/* One for each select of a conversation with response_url_enabled, for where the person chose to be answered.
 */
static json_t *response_urls(Local *l, const char *base_url, const User *user, const json_t *blocks,
                             const json_t *values)
{
        json_t *out = json_array();
        const json_t *block;
        size_t i;

        json_array_foreach (blocks, i, block) {
                const json_t *element = json_object_get(block, "element"), *value;
                const char *block_id = json_str(block, "block_id"),
                           *action_id = json_str(element, "action_id");
                const char *channel;
                json_t *item;

                if (!json_bool(element, "response_url_enabled") || !block_id || !action_id)
                        continue;
                value = json_object_get(json_object_get(values, block_id), action_id);
                channel = json_str(value, "selected_conversation");
                if (!channel)
                        channel = json_str(value, "selected_channel");
                if (!state_find_channel(l->state, channel))
                        continue;
                item = json_pack("{s:s,s:s,s:s}", "block_id", block_id, "action_id", action_id, "channel_id",
                                 channel);
                interact_put_response_url(l, item, base_url, "app", channel, user->id, NULL, NULL);
                json_array_append_new(out, item);
        }
        return out;
}

char *interact_view_submit(Local *l, const char *base_url, const json_t *in, InteractDone done,
                           void *userdata)
{
        const User *user = state_find_user(l->state, json_str(in, "user"));
        const View *view = views_find(l->views, json_str(in, "view_id"));
        const json_t *blocks = view ? json_object_get(view->body, "blocks") : NULL;
        _cleanup_json_ json_t *values = NULL, *missing = NULL, *payload = NULL;
        _cleanup_free_ char *text = NULL, *wrong = NULL;
        const char *error;
        InteractJob *j;

        if (!user || !view)
                return mem_printf("no such %s", user ? "view" : "user");
        if (!str_equal(view->user, user->id))
                return mem_strdup("this view is open for somebody else");
        error = elements_collect(blocks, json_object_get(in, "values"), &values);
        if (error)
                return mem_strdup(error);
        missing = elements_missing(blocks, values);
        if (json_object_size(missing) > 0) { /* Slack's own client does not let it go out */
                json_t *report =
                        json_pack("{s:b,s:s,s:O}", "acked", 0, "error", "required", "errors", missing);

                feed_emit(
                        l->feed, "view_errors",
                        json_pack("{s:s,s:s,s:O}", "user", user->id, "view_id", view->id, "errors", missing));
                done(userdata, report);
                return NULL;
        }
        wrong = interact_fill_files(l, base_url, user, values);
        if (wrong)
                return take(wrong);
        payload = interact_payload(l, "view_submission", user, view->id);
        json_object_set_new(payload, "view", view_render(view, values));
        json_object_set_new(payload, "response_urls", response_urls(l, base_url, user, blocks, values));
        text = json_dump(payload);
        j = interact_job_new(l, user->id, done, userdata);
        j->view_id = mem_strdup(view->id);
        return interact_send(j, true, text, on_submit_done);
}

char *interact_view_close(Local *l, const json_t *in, InteractDone done, void *userdata)
{
        const User *user = state_find_user(l->state, json_str(in, "user"));
        View *view = views_find(l->views, json_str(in, "view_id"));
        _cleanup_json_ json_t *payload = NULL;
        _cleanup_free_ char *text = NULL;
        bool notify;

        if (!user || !view)
                return mem_printf("no such %s", user ? "view" : "user");
        notify = json_bool(view->body, "notify_on_close");
        payload = interact_payload(l, "view_closed", user, NULL);
        json_object_del(payload, "trigger_id");
        json_object_set_new(payload, "view", view_render(view, NULL));
        json_object_set_new(payload, "is_cleared", json_boolean(json_bool(in, "clear")));
        text = json_dump(payload);
        emit_view_closed(l, user->id, json_bool(in, "clear") ? "" : view->id);
        if (json_bool(in, "clear"))
                views_close_stack(l->views, user->id);
        else
                views_close(l->views, view);
        emit_top(l, user->id);
        if (notify)
                return interact_send(interact_job_new(l, user->id, done, userdata), false, text,
                                     interact_on_action_done);
        done(userdata, json_pack("{s:b,s:b}", "acked", 1, "notified", 0));
        return NULL;
}
