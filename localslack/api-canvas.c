/* canvases.* and conversations.canvases.create; reference Appendix A. */
#include "api-chat.h"
#include "args.h"
#include "blocks.h"
#include "canvas.h"

static json_t *detailed(const char *error, char *detail /* stolen, may be NULL */)
{
        json_t *answer = api_error(error);

        if (detail)
                json_put_str(answer, "detail", detail);
        free(detail);
        return answer;
}

static void emit(ApiCall *c, const Canvas *canvas)
{
        if (feed_is_watched(c->l->feed))
                feed_emit(c->l->feed, "canvas", canvas_render(canvas));
}

/* The Markdown of document_content, "" when there is none. NULL, or the answer. */
static json_t *check_document(ApiCall *c, const char **ret)
{
        const json_t *content = json_object_get(c->args, "document_content");
        char *detail;

        *ret = "";
        if (!content || json_is_null(content))
                return NULL;
        *ret = json_str(content, "markdown");
        if (!str_equal(json_str(content, "type"), "markdown") || !*ret)
                return api_invalid_arguments(
                        "must provide a document of type markdown [json-pointer:/document_content]");
        if (blocks_count_chars(*ret) > CANVAS_CHARS_MAX)
                return detailed("canvas_creation_failed", mem_strdup("'content' error: too large"));
        detail = canvas_check(*ret);
        return detail ? detailed("canvas_creation_failed", detail) : NULL;
}

static json_t *create(ApiCall *c, const Channel *ch, const char *title, bool is_of_channel)
{
        const char *markdown;
        json_t *answer = check_document(c, &markdown);
        Canvas *canvas;

        if (answer)
                return answer;
        canvas = canvases_add(c->l->canvases, c->l->state, title, c->user_id, ch ? ch->id : NULL, markdown);
        if (!canvas)
                return api_error("canvas_creation_failed");
        canvas->is_of_channel = is_of_channel;
        emit(c, canvas);
        return json_pack("{s:b,s:s}", "ok", 1, "canvas_id", canvas->id);
}

static const char *title_of(ApiCall *c, const char *fallback)
{
        const char *title = arg_str(c->args, "title");

        return str_empty(title) ? fallback : title;
}

static json_t *canvases_create(ApiCall *c)
{
        bool tabbed = !str_empty(arg_str(c->args, "channel_id"));
        const Channel *ch = tabbed ? api_find_channel(c, "channel_id", false) : NULL;
        json_t *answer = tabbed ? chat_check_channel(c, ch) : NULL;

        return answer ? answer : create(c, ch, title_of(c, "Untitled"), false);
}

static json_t *conversations_canvases_create(ApiCall *c)
{
        const Channel *ch = api_find_channel(c, "channel_id", false);
        json_t *answer = chat_check_channel(c, ch);

        if (answer)
                return answer;
        if (canvases_find_of_channel(c->l->canvases, ch->id))
                return api_error("channel_canvas_already_exists");
        return create(c, ch, title_of(c, ch->name ? ch->name : "Canvas"), true);
}

/* The canvas of the call, if the caller may do this much with it. */
static json_t *find(ApiCall *c, CanvasLevel needed, Canvas **ret)
{
        CanvasLevel level;

        *ret = canvases_find(c->l->canvases, arg_str(c->args, "canvas_id"));
        level = *ret ? canvas_level(*ret, c->l->state, c->user_id) : CANVAS_NONE;
        if (level < CANVAS_READ)
                return api_error("canvas_not_found");
        return level < needed ? api_error("restricted_action") : NULL;
}

static json_t *canvases_edit(ApiCall *c)
{
        const json_t *changes;
        const char *error;
        Canvas *canvas;
        json_t *answer = find(c, CANVAS_WRITE, &canvas);
        char *detail;

        if (answer)
                return answer;
        if (!chat_arg_array(c, "changes", &changes) || json_array_size(changes) == 0)
                return api_invalid_arguments("must provide an array of changes [json-pointer:/changes]");
        if (json_array_size(changes) > 1)
                return api_invalid_arguments("no more than 1 items allowed [json-pointer:/changes]");
        error = canvas_edit(canvas, c->l->state, json_array_get(changes, 0), &detail);
        if (error)
                return detailed(error, detail);
        emit(c, canvas);
        return api_ok();
}

static json_t *canvases_delete(ApiCall *c)
{
        Canvas *canvas;
        json_t *answer = find(c, CANVAS_OWNER, &canvas);

        if (answer)
                return answer;
        feed_emit(c->l->feed, "canvas", json_pack("{s:s,s:b}", "id", canvas->id, "deleted", 1));
        canvases_remove(c->l->canvases, canvas);
        return api_ok();
}

static json_t *canvases_sections_lookup(ApiCall *c)
{
        const json_t *criteria = json_object_get(c->args, "criteria");
        const json_t *types = json_object_get(criteria, "section_types");
        Canvas *canvas;
        json_t *answer = find(c, CANVAS_READ, &canvas);

        if (answer)
                return answer;
        if (!json_is_object(criteria) || (types && !json_is_array(types)))
                return api_invalid_arguments("must provide an object [json-pointer:/criteria]");
        return json_pack("{s:b,s:o}", "ok", 1, "sections",
                         canvas_find_sections(canvas, types, json_str(criteria, "contains_text")));
}

/* --- access --- */

typedef struct Grantees {
        const json_t *ids;
        bool are_channels;
} Grantees;

/* One of user_ids and channel_ids, all of them known. */
static json_t *find_grantees(ApiCall *c, Grantees *ret)
{
        const json_t *users, *channels;
        size_t i;
        json_t *id;

        if (!chat_arg_array(c, "user_ids", &users) || !chat_arg_array(c, "channel_ids", &channels) ||
            (json_array_size(users) > 0) == (json_array_size(channels) > 0))
                return api_error("invalid_parameters");
        ret->are_channels = json_array_size(channels) > 0;
        ret->ids = ret->are_channels ? channels : users;
        json_array_foreach ((json_t *) ret->ids, i, id)
                if (ret->are_channels ? !state_find_channel(c->l->state, json_string_value(id))
                                      : !state_find_user(c->l->state, json_string_value(id)))
                        return api_error(ret->are_channels ? "channel_not_found" : "user_not_found");
        return NULL;
}

static json_t *canvases_access_set(ApiCall *c)
{
        const char *level = arg_str(c->args, "access_level");
        CanvasLevel parsed = canvas_parse_level(level);
        Grantees to;
        Canvas *canvas;
        json_t *answer = find(c, CANVAS_WRITE, &canvas), *id;
        size_t i;

        if (!answer && (parsed == CANVAS_NONE || parsed == CANVAS_COMMENT))
                answer = api_invalid_arguments(
                        "value must be one of read, write, owner [json-pointer:/access_level]");
        if (!answer)
                answer = find_grantees(c, &to);
        if (!answer && to.are_channels && parsed == CANVAS_OWNER)
                answer = api_error("invalid_parameters"); /* a canvas is owned by a person */
        if (answer)
                return answer;
        json_array_foreach ((json_t *) to.ids, i, id)
                if (!canvas_set_access(canvas, json_string_value(id), to.are_channels, level))
                        return api_error("failed_to_update_user_ids");
        return api_ok();
}

static json_t *canvases_access_delete(ApiCall *c)
{
        Grantees to;
        Canvas *canvas;
        json_t *answer = find(c, CANVAS_WRITE, &canvas), *id;
        size_t i;

        if (!answer)
                answer = find_grantees(c, &to);
        if (answer)
                return answer;
        json_array_foreach ((json_t *) to.ids, i, id)
                canvas_remove_access(canvas, json_string_value(id), to.are_channels);
        return api_ok();
}

ApiMethods api_canvas_methods(void)
{
        static const ApiMethod rows[] = {
                {"canvases.create", canvases_create},
                {"canvases.edit", canvases_edit},
                {"canvases.delete", canvases_delete},
                {"canvases.sections.lookup", canvases_sections_lookup},
                {"canvases.access.set", canvases_access_set},
                {"canvases.access.delete", canvases_access_delete},
                {"conversations.canvases.create", conversations_canvases_create},
        };

        return (ApiMethods){rows, ELEMENTSOF(rows)};
}
