#include "stream.h"

#include <stdio.h>

#include "base/buf.h"
#include "blocks.h"
#include "markdown.h"

#define TITLE_MAX 300

static const char *const mode_names[] = {
        [STREAM_TIMELINE] = "timeline", [STREAM_PLAN] = "plan", [STREAM_DENSE] = "dense"};

Stream *stream_new(StreamMode mode)
{
        Stream *s = mem_new(Stream);

        s->mode = mode;
        s->parts = json_array();
        s->tasks = json_object();
        return s;
}

void stream_free(Stream *s)
{
        if (!s)
                return;
        json_decref(s->parts);
        json_decref(s->tasks);
        free(s->plan_title);
        free(s);
}

bool stream_parse_mode(const char *name, StreamMode *ret)
{
        *ret = STREAM_TIMELINE;
        for (size_t i = 0; i < ELEMENTSOF(mode_names); i++)
                if (str_equal(mode_names[i], name)) {
                        *ret = (StreamMode) i;
                        return true;
                }
        return str_empty(name);
}

/* --- checks --- */

typedef struct Growth {
        size_t n_chars, n_blocks, n_tasks, n_parts;
} Growth;

static const char *check_markdown(const json_t *value, Growth *g)
{
        const char *text = json_string_value(value);
        size_t n;

        if (!text)
                return "invalid_chunks";
        n = blocks_count_chars(text);
        g->n_chars += n;
        return n > STREAM_MARKDOWN_MAX ? "msg_too_long" : NULL;
}

static bool is_short_text(const json_t *value, size_t min, size_t max)
{
        const char *text = json_string_value(value);
        size_t n = text ? blocks_count_chars(text) : 0;

        return text && n >= min && n <= max;
}

static bool is_optional_text(const json_t *value)
{
        return !value || json_is_null(value) || is_short_text(value, 0, STREAM_MARKDOWN_MAX);
}

static bool sources_valid(const json_t *sources)
{
        size_t i;
        json_t *source;

        if (!sources || json_is_null(sources))
                return true;
        json_array_foreach ((json_t *) sources, i, source)
                if (!str_equal(json_str(source, "type"), "url") ||
                    !is_short_text(json_object_get(source, "url"), 1, 3000) ||
                    !is_short_text(json_object_get(source, "text"), 1, TITLE_MAX))
                        return false;
        return json_is_array(sources);
}

static const char *check_task(const Stream *s, const json_t *chunk, Growth *g)
{
        static const char *const known[] = {"pending", "in_progress", "complete", "error"};
        const char *status = json_str(chunk, "status"), *id = json_str(chunk, "id");
        bool is_known = false;

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                is_known |= str_equal(known[i], status);
        if (!is_known || !is_short_text(json_object_get(chunk, "id"), 1, 255) ||
            !is_short_text(json_object_get(chunk, "title"), 1, TITLE_MAX) ||
            !is_optional_text(json_object_get(chunk, "details")) ||
            !is_optional_text(json_object_get(chunk, "output")) ||
            !sources_valid(json_object_get(chunk, "sources")))
                return "invalid_chunks";
        g->n_tasks += !json_object_get(s->tasks, id);
        return json_object_size(s->tasks) + g->n_tasks > STREAM_TASKS_MAX ? "invalid_chunks" : NULL;
}

static const char *check_blocks(const json_t *blocks, Growth *g, json_t **ret_details)
{
        json_t *errors;

        if (!json_is_array(blocks) || json_array_size(blocks) == 0)
                return "invalid_chunks";
        g->n_blocks += json_array_size(blocks);
        if (json_array_size(blocks) > STREAM_BLOCKS_MAX)
                return "msg_blocks_too_many";
        errors = blocks_check(blocks, BLOCKS_MESSAGE, "/blocks");
        if (json_array_size(errors) > 0) {
                *ret_details = errors;
                return "invalid_blocks";
        }
        json_decref(errors);
        return blocks_count_text(blocks) > BLOCKS_TEXT_MAX ? "msg_blocks_too_long" : NULL;
}

static const char *check_chunk(const Stream *s, const json_t *chunk, Growth *g, json_t **ret_details)
{
        const char *type = json_str(chunk, "type");

        g->n_parts++;
        if (str_equal(type, "markdown_text"))
                return check_markdown(json_object_get(chunk, "text"), g);
        if (str_equal(type, "task_update"))
                return check_task(s, chunk, g);
        if (str_equal(type, "plan_update"))
                return is_short_text(json_object_get(chunk, "title"), 1, TITLE_MAX) ? NULL : "invalid_chunks";
        if (str_equal(type, "blocks"))
                return check_blocks(json_object_get(chunk, "blocks"), g, ret_details);
        return "invalid_chunks";
}

static const char *check(const Stream *s, const char *markdown, const json_t *chunks, json_t **ret_details)
{
        Growth g = {.n_chars = markdown ? blocks_count_chars(markdown) : 0};
        _cleanup_free_ char *text = chunks ? json_dump(chunks) : NULL;
        size_t i;
        json_t *chunk;

        if (g.n_chars > STREAM_MARKDOWN_MAX)
                return "msg_too_long";
        if (chunks && !json_is_array(chunks))
                return "invalid_chunks";
        if (text && strlen(text) + (markdown ? strlen(markdown) : 0) > STREAM_CALL_BYTES_MAX)
                return "msg_too_long";
        json_array_foreach ((json_t *) chunks, i, chunk) {
                const char *error = check_chunk(s, chunk, &g, ret_details);

                if (error)
                        return error;
        }
        if (s->n_chars + g.n_chars > STREAM_TEXT_MAX)
                return "msg_too_long";
        if (s->n_blocks + g.n_blocks > STREAM_BLOCKS_MAX)
                return "msg_blocks_too_many";
        return json_array_size(s->parts) + g.n_parts > STREAM_PARTS_MAX ? "invalid_chunks" : NULL;
}

/* --- taking chunks in --- */

static void add_markdown(Stream *s, const char *text)
{
        json_t *last = json_array_get(s->parts, json_array_size(s->parts) - 1);
        const char *before = json_str(last, "markdown");

        if (!*text)
                return;
        s->n_chars += blocks_count_chars(text);
        if (before)
                json_object_set_new(last, "markdown", json_sprintf("%s%s", before, text));
        else
                json_array_append_new(s->parts, json_pack("{s:s}", "markdown", text));
}

static bool has_plan(const Stream *s)
{
        size_t i;
        json_t *part;

        json_array_foreach (s->parts, i, part)
                if (json_object_get(part, "plan"))
                        return true;
        return false;
}

/* The plan stands where the first of its tasks, or its title, came. */
static void need_plan(Stream *s)
{
        if (s->mode == STREAM_PLAN && !has_plan(s))
                json_array_append_new(s->parts, json_pack("{s:b}", "plan", 1));
}

static void put_rich(json_t *card, const char *name, const json_t *text)
{
        if (!json_is_string(text))
                return;
        if (json_string_length(text) > 0)
                json_object_set_new(card, name, markdown_to_rich_text(json_string_value(text)));
        else
                json_object_del(card, name);
}

static void add_task(Stream *s, const json_t *chunk)
{
        const char *id = json_str(chunk, "id");
        json_t *card = json_object_get(s->tasks, id), *sources = json_object_get(chunk, "sources");

        if (!card) {
                card = json_pack("{s:s,s:s}", "type", "task_card", "task_id", id);
                json_object_set_new(s->tasks, id, card);
                if (s->mode == STREAM_PLAN)
                        need_plan(s);
                else
                        json_array_append_new(s->parts, json_pack("{s:s}", "task", id));
        }
        json_put_str(card, "title", json_str(chunk, "title"));
        json_put_str(card, "status", json_str(chunk, "status"));
        put_rich(card, "details", json_object_get(chunk, "details"));
        put_rich(card, "output", json_object_get(chunk, "output"));
        if (json_is_array(sources))
                json_object_set_new(card, "sources", json_deep_copy(sources));
}

static void add_chunk(Stream *s, const json_t *chunk)
{
        const char *type = json_str(chunk, "type");

        if (str_equal(type, "markdown_text"))
                add_markdown(s, json_str(chunk, "text"));
        else if (str_equal(type, "task_update"))
                add_task(s, chunk);
        else if (str_equal(type, "plan_update")) {
                mem_strset(&s->plan_title, json_str(chunk, "title"));
                need_plan(s);
        } else {
                _cleanup_json_ json_t *translated =
                        markdown_translate_blocks(json_object_get(chunk, "blocks"));

                s->n_blocks += json_array_size(json_object_get(chunk, "blocks"));
                json_array_append_new(s->parts, json_pack("{s:o}", "blocks", blocks_normalize(translated)));
        }
}

const char *stream_append(Stream *s, const char *markdown, const json_t *chunks, json_t **ret_details)
{
        const char *error;
        size_t i;
        json_t *chunk;

        *ret_details = NULL;
        error = check(s, markdown, chunks, ret_details);
        if (error)
                return error;
        if (markdown)
                add_markdown(s, markdown);
        json_array_foreach ((json_t *) chunks, i, chunk)
                add_chunk(s, chunk);
        return NULL;
}

/* --- what comes out --- */

static json_t *render_plan(const Stream *s, const char *title, json_t *tasks /* stolen */)
{
        return json_pack("{s:s,s:s,s:o}", "type", "plan", "title", s->plan_title ? s->plan_title : title,
                         "tasks", tasks);
}

static json_t *render_all_tasks(const Stream *s)
{
        json_t *out = json_array(), *card;
        const char *id;

        json_object_foreach (s->tasks, id, card)
                json_array_append_new(out, json_deep_copy(card));
        return out;
}

/* Tasks that follow each other without text between them, collapsed into one; `*i` becomes the last of them.
 */
static json_t *render_run(const Stream *s, size_t *i)
{
        json_t *tasks = json_array();
        char title[32];
        const char *id;

        for (; (id = json_str(json_array_get(s->parts, *i), "task")); (*i)++)
                json_array_append_new(tasks, json_deep_copy(json_object_get(s->tasks, id)));
        (*i)--;
        snprintf(title, sizeof(title), "%zu %s", json_array_size(tasks),
                 json_array_size(tasks) == 1 ? "step" : "steps");
        return json_pack("{s:s,s:s,s:o}", "type", "plan", "title", title, "tasks", tasks);
}

static void render_part(const Stream *s, const json_t *part, size_t *i, json_t *out, bool *may_have_table)
{
        json_t *blocks;

        if (json_str(part, "markdown"))
                blocks = markdown_translate(json_str(part, "markdown"), may_have_table);
        else if (json_str(part, "task") && s->mode == STREAM_DENSE)
                blocks = json_pack("[o]", render_run(s, i));
        else if (json_str(part, "task"))
                blocks = json_pack("[o]", json_deep_copy(json_object_get(s->tasks, json_str(part, "task"))));
        else if (json_object_get(part, "plan"))
                blocks = json_pack("[o]", render_plan(s, "Plan", render_all_tasks(s)));
        else
                blocks = json_deep_copy(json_object_get(part, "blocks"));
        json_array_extend(out, blocks);
        json_decref(blocks);
}

static bool has_table(const Stream *s)
{
        size_t i, k;
        json_t *part, *block;

        json_array_foreach (s->parts, i, part)
                json_array_foreach (json_object_get(part, "blocks"), k, block)
                        if (str_equal(json_str(block, "type"), "table") ||
                            str_equal(json_str(block, "type"), "data_table"))
                                return true;
        return false;
}

json_t *stream_render_blocks(const Stream *s)
{
        json_t *out = json_array(), *block;
        bool may_have_table = !has_table(s);
        size_t n_parts = json_array_size(s->parts);

        for (size_t i = 0; i < n_parts; i++) {
                size_t part = i, before = json_array_size(out);

                render_part(s, json_array_get(s->parts, i), &i, out, &may_have_table);
                for (size_t k = before; k < json_array_size(out); k++) {
                        block = json_array_get(out, k);
                        if (!json_object_get(block, "block_id"))
                                json_object_set_new(block, "block_id",
                                                    json_sprintf("s%zu-%zu", part, k - before));
                }
        }
        return out;
}

char *stream_render_text(const Stream *s)
{
        Buf out = {0};
        size_t i;
        json_t *part;

        json_array_foreach (s->parts, i, part)
                if (json_str(part, "markdown"))
                        buf_append_str(&out, json_str(part, "markdown"));
        return out.data ? buf_take(&out) : mem_strdup("");
}

/* --- to a file and back --- */

json_t *stream_save(const Stream *s)
{
        return json_pack("{s:s,s:O,s:O,s:s?}", "mode", mode_names[s->mode], "parts", s->parts, "tasks",
                         s->tasks, "plan_title", s->plan_title);
}

Stream *stream_load(const json_t *saved)
{
        const json_t *parts = json_object_get(saved, "parts"), *tasks = json_object_get(saved, "tasks");
        size_t i;
        json_t *part;
        StreamMode mode;
        Stream *s;

        if (!json_is_array(parts) || !json_is_object(tasks) ||
            !stream_parse_mode(json_str(saved, "mode"), &mode))
                return NULL;
        s = stream_new(mode);
        json_array_foreach ((json_t *) parts, i, part) {
                const char *id = json_str(part, "task");

                if (id && !json_object_get(tasks, id))
                        continue;
                json_array_append_new(s->parts, json_deep_copy(part));
                s->n_chars += blocks_count_chars(json_str_or(part, "markdown", ""));
                s->n_blocks += json_array_size(json_object_get(part, "blocks"));
        }
        json_object_update_new(s->tasks, json_deep_copy(tasks));
        mem_strset(&s->plan_title, json_str(saved, "plan_title"));
        return s;
}
