#include "views.h"

#include "blocks.h"

Views *views_new(void)
{
        return mem_new(Views);
}

static void view_free(View *view)
{
        json_decref(view->body);
        free(view->id);
        free(view->user);
        free(view->hash);
        free(view->root_id);
        free(view->previous_id);
        free(view);
}

void views_free(Views *v)
{
        if (!v)
                return;
        for (size_t i = 0; i < v->n; i++)
                view_free(v->all[i]);
        free(v);
}

View *views_find(const Views *v, const char *id)
{
        for (size_t i = 0; id && i < v->n; i++)
                if (str_equal(v->all[i]->id, id))
                        return v->all[i];
        return NULL;
}

View *views_find_external(const Views *v, const char *external_id)
{
        for (size_t i = 0; !str_empty(external_id) && i < v->n; i++)
                if (str_equal(json_str(v->all[i]->body, "external_id"), external_id))
                        return v->all[i];
        return NULL;
}

View *views_find_home(const Views *v, const char *user)
{
        for (size_t i = 0; i < v->n; i++)
                if (v->all[i]->is_home && str_equal(v->all[i]->user, user))
                        return v->all[i];
        return NULL;
}

View *views_find_top(const Views *v, const char *user)
{
        for (size_t i = v->n; i-- > 0;)
                if (!v->all[i]->is_home && str_equal(v->all[i]->user, user))
                        return v->all[i];
        return NULL;
}

void views_close(Views *v, View *view)
{
        for (size_t i = 0; i < v->n; i++)
                if (v->all[i] == view) {
                        memmove(v->all + i, v->all + i + 1, (v->n - i - 1) * sizeof(View *));
                        v->n--;
                        view_free(view);
                        return;
                }
}

void views_close_stack(Views *v, const char *user)
{
        View *top;

        while ((top = views_find_top(v, user)))
                views_close(v, top);
}

static bool external_id_taken(const Views *v, const json_t *body, const View *mine)
{
        const View *other = views_find_external(v, json_str(body, "external_id"));

        return other && other != mine;
}

/* Slack's hash is the time of the change and something random; clients only compare it. */
static void store(State *s, View *view, const json_t *body)
{
        json_t *copy = json_deep_copy(body), *blocks = json_object_get(copy, "blocks");
        char ts[STATE_TS_SIZE];

        if (blocks)
                json_object_set_new(copy, "blocks", blocks_normalize(blocks));
        json_decref(view->body);
        view->body = copy;
        state_next_ts(s, ts);
        free(view->hash);
        view->hash = mem_printf("%.10s.%s%llu", ts, ts + 11, (unsigned long long) ++view->n_hash);
}

static View *add(Views *v, State *s, const char *user, const json_t *body)
{
        View *view = mem_new(View);

        if (v->n == VIEWS_MAX)
                views_close(v, v->all[0]);
        view->id = state_new_id(s, 'V');
        view->user = mem_strdup(user);
        view->root_id = mem_strdup(view->id);
        store(s, view, body);
        v->all[v->n++] = view;
        return view;
}

const char *views_open(Views *v, State *s, const char *user, const json_t *body, View **ret)
{
        if (external_id_taken(v, body, NULL))
                return "duplicate_external_id";
        views_close_stack(v, user);
        *ret = add(v, s, user, body);
        return NULL;
}

const char *views_push(Views *v, State *s, const char *user, const json_t *body, View **ret)
{
        const View *top = views_find_top(v, user);
        _cleanup_free_ char *root = NULL, *previous = NULL;
        size_t depth = 0;

        if (!top)
                return "not_found";
        if (external_id_taken(v, body, NULL))
                return "duplicate_external_id";
        for (size_t i = 0; i < v->n; i++)
                depth += !v->all[i]->is_home && str_equal(v->all[i]->user, user);
        if (depth >= VIEWS_STACK_MAX)
                return "push_limit_reached";
        /* Copied: at VIEWS_MAX the oldest view goes, which may be the root. */
        root = mem_strdup(top->root_id);
        previous = mem_strdup(top->id);
        *ret = add(v, s, user, body);
        free((*ret)->root_id);
        (*ret)->root_id = take(root);
        (*ret)->previous_id = take(previous);
        return NULL;
}

const char *views_publish(Views *v, State *s, const char *user, const json_t *body, View **ret)
{
        View *view = views_find_home(v, user);

        if (external_id_taken(v, body, view))
                return "duplicate_external_id";
        if (view)
                store(s, view, body);
        else {
                view = add(v, s, user, body);
                view->is_home = true;
        }
        *ret = view;
        return NULL;
}

const char *views_update(Views *v, State *s, View *view, const json_t *body, const char *hash)
{
        if (!str_empty(hash) && !str_equal(hash, view->hash))
                return "hash_conflict";
        if (external_id_taken(v, body, view))
                return "duplicate_external_id";
        store(s, view, body);
        return NULL;
}

static void put_default(json_t *out, const char *key, json_t *value /* stolen */)
{
        if (!json_object_get(out, key))
                json_object_set(out, key, value);
        json_decref(value);
}

json_t *view_render(const View *view, const json_t *values)
{
        json_t *out = json_copy(view->body), *state = json_object();

        json_put_str(out, "id", view->id);
        json_put_str(out, "team_id", TEAM_ID);
        json_put_str(out, "app_id", APP_ID);
        json_put_str(out, "app_installed_team_id", TEAM_ID);
        json_put_str(out, "bot_id", BOT_ID);
        json_put_str(out, "hash", view->hash);
        json_put_str(out, "root_view_id", view->root_id);
        json_put_str(out, "previous_view_id", view->previous_id);
        put_default(out, "private_metadata", json_string(""));
        put_default(out, "callback_id", json_string(""));
        put_default(out, "external_id", json_string(""));
        put_default(out, "submit", json_null());
        put_default(out, "close", json_null());
        put_default(out, "clear_on_close", json_false());
        put_default(out, "notify_on_close", json_false());
        json_object_set_new(state, "values", values ? json_incref((json_t *) values) : json_object());
        json_object_set_new(out, "state", state);
        return out;
}

json_t *views_save(const Views *v)
{
        json_t *out = json_array();

        for (size_t i = 0; i < v->n; i++) {
                const View *view = v->all[i];

                json_array_append_new(out,
                                      json_pack("{s:s,s:s,s:s,s:s,s:s*,s:b,s:I,s:O}", "id", view->id, "user",
                                                view->user, "hash", view->hash, "root_id", view->root_id,
                                                "previous_id", view->previous_id, "is_home", view->is_home,
                                                "n_hash", (json_int_t) view->n_hash, "body", view->body));
        }
        return out;
}

static View *load_view(const json_t *in)
{
        static const char *const needed[] = {"id", "user", "hash", "root_id"};
        View *view;

        for (size_t i = 0; i < ELEMENTSOF(needed); i++)
                if (!json_str(in, needed[i]))
                        return NULL;
        if (!json_is_object(json_object_get(in, "body")))
                return NULL;
        view = mem_new(View);
        view->id = mem_strdup(json_str(in, "id"));
        view->user = mem_strdup(json_str(in, "user"));
        view->hash = mem_strdup(json_str(in, "hash"));
        view->root_id = mem_strdup(json_str(in, "root_id"));
        view->previous_id = mem_strdup(json_str(in, "previous_id"));
        view->is_home = json_bool(in, "is_home");
        view->n_hash = (uint64_t) json_int(in, "n_hash", 0);
        view->body = json_deep_copy(json_object_get(in, "body"));
        return view;
}

bool views_load(Views *v, const json_t *saved)
{
        Views *loaded = views_new(), old;
        bool fine = json_is_array(saved) && json_array_size(saved) <= VIEWS_MAX;
        size_t i;
        json_t *item;

        json_array_foreach ((json_t *) saved, i, item) {
                View *view = fine ? load_view(item) : NULL;

                if (view)
                        loaded->all[loaded->n++] = view;
                else
                        fine = false;
        }
        if (fine) {
                old = *v;
                *v = *loaded;
                *loaded = old;
        }
        views_free(loaded);
        return fine;
}
