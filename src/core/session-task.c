#include "core/session-task.h"

#include "connectors/slack/block-kit.h"
#include "core/say.h"
#include "core/session.h"
#include "core/start-form.h"

bool session_task_begin(Flow *f, const FlowEvent *ev)
{
        static const char *const copied[] = {"task", "routing", "form"};
        const char *title;

        for (size_t i = 0; i < ELEMENTSOF(copied); i++)
                if (json_at(ev->data, copied[i]))
                        json_object_set_new(flow_data(f), copied[i],
                                            json_deep_copy(json_at(ev->data, copied[i])));
        title = json_str(flow_data(f), "task.title");
        if (str_empty(title))
                return false;
        json_put_str(flow_data(f), "title", title);
        return true;
}

bool session_tell_form(Flow *f, const char *why)
{
        _cleanup_free_ char *address = NULL;

        if (!json_str(flow_data(f), "form"))
                return false;
        address = mem_printf("flow:%s", json_str(flow_data(f), "form"));
        flow_send(f, address, why ? "start.failed" : "start.opened",
                  why ? json_pack("{s:s}", "why", why) : NULL);
        return true;
}

bool session_can_edit(const json_t *data)
{
        int64_t n = json_int(data, "n_turns", 0);

        return n == 0 || (n == 1 && json_at(data, "turn"));
}

/* ---- the form is opened ---- */

static json_t *values_of(Flow *f)
{
        const json_t *data = flow_data(f);
        json_t *values = json_at(data, "task") ? json_deep_copy(json_at(data, "task")) : json_object();

        if (str_empty(json_str(values, "title")))
                json_put_str(values, "title", json_str_or(data, "title", ""));
        /* What was changed with a tap since counts, not what the form said once. */
        if (json_str(data, "routing.override.agent"))
                json_put_str(values, "agent", json_str(data, "routing.override.agent"));
        if (json_str(data, "routing.override.model"))
                json_put_str(values, "model", json_str(data, "routing.override.model"));
        json_object_del(values, "project");
        if (json_str(data, "task.project.id"))
                json_put_str(values, "project", json_str(data, "task.project.id"));
        return values;
}

/* A form for each who edits: what one of them typed is not the other's. */
static void open_form(Flow *f, const FlowEvent *ev)
{
        const char *user = json_str_or(ev->data, "user", "");
        PostedPlace thread = session_thread(f);
        _cleanup_free_ char *address = mem_printf("edit:%s:%s", flow_ref(f), user);
        json_t *data = json_pack("{s:s, s:s, s:s, s:s, s:o}", "session", flow_ref(f), "user", user, "channel",
                                 thread.channel, "trigger_id", json_str_or(ev->data, "trigger_id", ""),
                                 "values", values_of(f));

        if (thread.thread_ts)
                json_put_str(data, "thread_ts", thread.thread_ts);
        if (json_str(ev->data, "response_url"))
                json_put_str(data, "response_url", json_str(ev->data, "response_url"));
        flow_spawn(f, "start", address, "start.edit", data);
}

/* ---- the form was sent ---- */

/* The workspace is there, or on its way: moving a session into another one would lose what it has begun. */
static bool is_placed(Flow *f)
{
        const json_t *data = flow_data(f);

        return json_str(data, "oc.session_id") || json_at(data, "workspace") ||
               str_equal(flow_step_name(f), "preparing");
}

static void take_place(Flow *f, json_t *task, const json_t *was, bool *ret_kept)
{
        static const char *const fields[] = {"project", "repositories"};

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                const json_t *now = json_at(task, fields[i]), *then = json_at(was, fields[i]);
                bool both_none = (json_is_array(now) && json_array_size(now) == 0 && !then) || now == then;

                if (!is_placed(f) || both_none || (now && then && json_equal(now, then)))
                        continue;
                *ret_kept = true;
                if (then)
                        json_object_set_new(task, fields[i], json_deep_copy(then));
                else
                        json_object_del(task, fields[i]);
        }
}

/* The first prompt, as long as it has not been sent. */
static bool take_text(Flow *f, const json_t *task)
{
        json_t *first = json_array_get(json_at(flow_data(f), "queue"), 0);
        _cleanup_free_ char *prompt = start_form_prompt(task);

        if (json_int(flow_data(f), "n_turns", 0) > 0 || json_int(first, "n", 0) != 1)
                return false;
        json_put_str(first, "text", prompt);
        return true;
}

static void tell_changed(Flow *f, const char *user, bool text_kept, bool place_kept)
{
        PostedPlace thread = session_thread(f);
        _cleanup_free_ char *text = mem_printf(
                "Changed. Agent and model count from the next prompt on.%s%s",
                text_kept ? " The agent has read the description already: say what is new in a reply." : "",
                place_kept ? " Project and repositories stay as they were: the session has its place already."
                           : "");

        say_ephemeral(f, &thread, user, ":pencil2:", text);
}

/* A model by its full name cannot be chosen in the form, and is not lost by it either. */
static void take_routing(Flow *f, const json_t *routing)
{
        const json_t *was = json_at(flow_data(f), "routing.override");
        const char *model = json_str(was, "model");
        json_t *now = json_is_object(routing) ? json_deep_copy(routing) : json_object();

        if (model && strchr(model, '/') && !json_at(now, "override.model")) {
                json_t *override = json_at(now, "override") ? json_incref(json_object_get(now, "override"))
                                                            : json_deep_copy(was);

                if (!json_at(now, "override"))
                        json_object_del(override, "agent");
                json_put_str(override, "model", model);
                json_object_set_new(now, "override", override);
        }
        json_object_set_new(flow_data(f), "routing", now);
}

static void edited(Flow *f, const FlowEvent *ev)
{
        json_t *data = flow_data(f), *task = json_deep_copy(json_at(ev->data, "task"));
        const json_t *was = json_at(data, "task");
        bool text_changed =
                     !str_equal(json_str_or(task, "description", ""), json_str_or(was, "description", "")),
             place_kept = false, text_kept;

        take_place(f, task, was, &place_kept);
        text_kept = !take_text(f, task) && text_changed;
        if (text_kept)
                json_put_str(task, "description", json_str_or(was, "description", ""));
        json_put_str(data, "title", json_str_or(task, "title", json_str_or(data, "title", "Task")));
        json_object_set_new(data, "task", task);
        take_routing(f, json_at(ev->data, "routing"));
        tell_changed(f, json_str_or(ev->data, "user", ""), text_kept, place_kept);
        session_show_card(f);
}

FlowVerdict session_take_task_event(Flow *f, const FlowEvent *ev)
{
        PostedPlace thread = session_thread(f);

        if (flow_event_is(ev, "session.edited")) {
                edited(f, ev);
                return FLOW_STAY;
        }
        if (!flow_event_is(ev, "slack.action") || !str_equal(json_str(ev->data, "action_id"), "session.edit"))
                return FLOW_IGNORE;
        if (json_is_false(json_at(ev->data, "allowed")))
                say_ephemeral(f, &thread, json_str_or(ev->data, "user", ""),
                              ":no_entry:", json_str_or(ev->data, "why", "You may not do that here."));
        else
                open_form(f, ev);
        return FLOW_STAY;
}
