/* views.*: reference §6.5 and Appendix A. */
#include "api.h"

#include "args.h"
#include "blocks.h"
#include "interact.h"

/* NULL, or the answer with what is wrong with the view. */
static json_t *check_view(ApiCall *c, const char *wanted_type, const json_t **ret)
{
        const json_t *view = json_object_get(c->args, "view");
        _cleanup_free_ char *text = json_dump(view);
        json_t *errors;

        *ret = view;
        if (!json_is_object(view))
                return api_invalid_arguments("must provide an object [json-pointer:/view]");
        if (strlen(text) > VIEW_BYTES_MAX)
                return api_error("view_too_large");
        if (wanted_type && json_str(view, "type") && !str_equal(json_str(view, "type"), wanted_type))
                return api_invalid_arguments("must be a valid enum value [json-pointer:/view/type]");
        errors = blocks_check_view(view);
        if (json_array_size(errors) > 0)
                return api_invalid_list("invalid_arguments", errors);
        json_decref(errors);
        return NULL;
}

static json_t *done(ApiCall *c, const View *view)
{
        interact_emit_view(c->l, view);
        return json_pack("{s:b,s:o}", "ok", 1, "view", view_render(view, NULL));
}

static json_t *open_or_push(ApiCall *c, bool push)
{
        const char *id = arg_str(c->args, "trigger_id"), *error;
        const json_t *body;
        json_t *answer = check_view(c, "modal", &body);
        const Trigger *trigger;
        View *view;

        if (answer)
                return answer;
        /* A function's interactivity pointer is worth a trigger, and looks like one here. */
        if (str_empty(id))
                id = arg_str(c->args, "interactivity_pointer");
        if (str_empty(id))
                return api_invalid_arguments("missing required field: trigger_id");
        /* Arguments are looked at first: a refused view does not cost the trigger. */
        error = tickets_redeem_trigger(c->l->tickets, id, c->l->state->clock_ms(), &trigger);
        if (!error)
                error = push ? views_push(c->l->views, c->l->state, trigger->user, body, &view)
                             : views_open(c->l->views, c->l->state, trigger->user, body, &view);
        return error ? api_error(error) : done(c, view);
}

static json_t *views_open_method(ApiCall *c)
{
        return open_or_push(c, false);
}

static json_t *views_push_method(ApiCall *c)
{
        return open_or_push(c, true);
}

static json_t *views_update_method(ApiCall *c)
{
        const char *id = arg_str(c->args, "view_id"), *external = arg_str(c->args, "external_id"), *error;
        View *view = str_empty(id) ? views_find_external(c->l->views, external) : views_find(c->l->views, id);
        const json_t *body;
        json_t *answer = check_view(c, NULL, &body);

        if (answer)
                return answer;
        if (str_empty(id) && str_empty(external))
                return api_invalid_arguments("missing required field: view_id");
        if (!view)
                return api_error("not_found");
        error = views_update(c->l->views, c->l->state, view, body, arg_str(c->args, "hash"));
        return error ? api_error(error) : done(c, view);
}

static json_t *views_publish_method(ApiCall *c)
{
        const User *user = state_find_user(c->l->state, arg_str(c->args, "user_id"));
        const char *hash = arg_str(c->args, "hash"), *error;
        const json_t *body;
        json_t *answer = check_view(c, "home", &body);
        View *view;

        if (answer)
                return answer;
        if (!c->l->switches.home_tab)
                return api_error("not_enabled");
        if (!user || !str_equal(user->id, arg_str(c->args, "user_id")))
                return api_invalid_arguments("invalid `user_id`");
        view = views_find_home(c->l->views, user->id);
        if (view && !str_empty(hash) && !str_equal(hash, view->hash))
                return api_error("hash_conflict");
        error = views_publish(c->l->views, c->l->state, user->id, body, &view);
        return error ? api_error(error) : done(c, view);
}

ApiMethods api_views_methods(void)
{
        static const ApiMethod rows[] = {
                {"views.open", views_open_method},
                {"views.push", views_push_method},
                {"views.update", views_update_method},
                {"views.publish", views_publish_method},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
