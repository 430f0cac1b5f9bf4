#include "canvas.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/digest.h"
#include "blocks.h"

static const char *const level_names[] = {[CANVAS_NONE] = "none",
                                          [CANVAS_READ] = "read",
                                          [CANVAS_COMMENT] = "comment",
                                          [CANVAS_WRITE] = "write",
                                          [CANVAS_OWNER] = "owner"};

Canvases *canvases_new(void)
{
        return mem_new(Canvases);
}

static void canvas_free(Canvas *canvas)
{
        free(canvas->id);
        free(canvas->title);
        free(canvas->creator);
        free(canvas->channel);
        json_decref(canvas->sections);
        json_decref(canvas->users);
        json_decref(canvas->channels);
        free(canvas);
}

void canvases_clear(Canvases *cs)
{
        for (size_t i = 0; i < cs->n; i++)
                canvas_free(cs->all[i]);
        cs->n = 0;
}

void canvases_free(Canvases *cs)
{
        if (!cs)
                return;
        canvases_clear(cs);
        free(cs);
}

static size_t count_bytes(const Canvas *canvas)
{
        size_t n = 0, i;
        json_t *section;

        json_array_foreach (canvas->sections, i, section)
                n += strlen(json_str_or(section, "markdown", "")) + 2;
        return n;
}

/* --- sections --- */

static bool is_fence(const char *line)
{
        line += strspn(line, " ");
        return str_starts_with(line, "```") || str_starts_with(line, "~~~");
}

/* Level of "## heading"; 0: not one. */
static unsigned heading_level(const char *line)
{
        size_t n = strspn(line, "#");

        return n >= 1 && n <= 6 && (line[n] == ' ' || !line[n] || line[n] == '\n') ? (unsigned) n : 0;
}

static json_t *new_section(const char *markdown, size_t n_bytes)
{
        char id[40];

        snprintf(id, sizeof(id), "temp:C:%012" PRIx64 "%012" PRIx64, random_u64() & 0xffffffffffff,
                 random_u64() & 0xffffffffffff);
        return json_pack("{s:s,s:o}", "id", id, "markdown", json_stringn(markdown, n_bytes));
}

static void end_section(json_t *out, const char **from, const char *to)
{
        const char *end = to;

        while (end > *from && (end[-1] == '\n' || end[-1] == ' '))
                end--;
        if (end > *from)
                json_array_append_new(out, new_section(*from, (size_t) (end - *from)));
        *from = to;
}

/* New. */
static json_t *split(const char *markdown)
{
        json_t *out = json_array();
        const char *from = markdown, *line = markdown;
        bool in_fence = false;

        while (*line) {
                const char *next = line + strcspn(line, "\n");

                next += *next == '\n';
                if (is_fence(line))
                        in_fence = !in_fence;
                else if (!in_fence && line[strspn(line, " \t\n")] != 0 && heading_level(line)) {
                        end_section(out, &from, line);
                        end_section(out, &from, next);
                } else if (!in_fence && (*line == '\n' || strspn(line, " \t") == strcspn(line, "\n")))
                        end_section(out, &from, next);
                line = next;
        }
        end_section(out, &from, line);
        return out;
}

char *canvas_markdown(const Canvas *canvas)
{
        Buf out = {0};
        size_t i;
        json_t *section;

        json_array_foreach (canvas->sections, i, section)
                buf_printf(&out, "%s%s", i ? "\n\n" : "", json_str_or(section, "markdown", ""));
        return out.data ? buf_take(&out) : mem_strdup("");
}

size_t canvas_set_markdown(Canvas *canvas, State *s, const char *markdown)
{
        json_t *before = canvas->sections, *section, *old;
        size_t i, k, n_kept = 0, n_before = json_array_size(before), n_after;

        canvas->sections = split(markdown);
        n_after = json_array_size(canvas->sections);
        /* What did not change keeps its id. */
        json_array_foreach (canvas->sections, i, section)
                json_array_foreach (before, k, old)
                        if (str_equal(json_str(section, "markdown"), json_str(old, "markdown"))) {
                                json_object_set(section, "id", json_object_get(old, "id"));
                                json_array_remove(before, k);
                                n_kept++;
                                break;
                        }
        json_decref(before);
        canvas->updated_s = s->clock_ms() / 1000;
        return MAX2(n_before, n_after) - n_kept;
}

static size_t find_section(const Canvas *canvas, const char *id)
{
        size_t i;
        json_t *section;

        json_array_foreach (canvas->sections, i, section)
                if (str_equal(json_str(section, "id"), id))
                        return i;
        return SIZE_MAX;
}

/* --- checks --- */

/* A quote holds text only. */
static const char *bad_in_quote(const char *inside)
{
        size_t n_digits;

        inside += strspn(inside, " ");
        if ((*inside == '-' || *inside == '*' || *inside == '+') && inside[1] == ' ')
                return "List";
        n_digits = strspn(inside, "0123456789");
        if (n_digits > 0 && (inside[n_digits] == '.' || inside[n_digits] == ')') &&
            inside[n_digits + 1] == ' ')
                return "List";
        return heading_level(inside) ? "Heading" : is_fence(inside) ? "Code" : NULL;
}

char *canvas_check(const char *markdown)
{
        size_t n_line = 1;

        for (const char *line = markdown; line; n_line++) {
                const char *start = line + strspn(line, " "), *next = strchr(line, '\n'),
                           *bad = *start == '>' ? bad_in_quote(start + 1) : NULL;

                if (bad)
                        return mem_printf(
                                "'content' error: line %zu: Unsupported block type (%s) within block quote",
                                n_line, bad);
                line = next ? next + 1 : NULL;
        }
        return NULL;
}

/* --- changes --- */

static const char *failed(char **ret_detail, const char *why)
{
        *ret_detail = mem_strdup(why);
        return "canvas_editing_failed";
}

/* The Markdown of a change's document_content or title_content, or the error. */
static const char *content_of(const json_t *change, const char *name, const char **ret, char **ret_detail)
{
        const json_t *content = json_object_get(change, name);

        *ret = json_str(content, "markdown");
        if (!str_equal(json_str(content, "type"), "markdown") || !*ret)
                return failed(ret_detail, "'content' error: a document of type markdown is needed");
        if (blocks_count_chars(*ret) > CANVAS_CHARS_MAX)
                return "canvas_too_large";
        *ret_detail = canvas_check(*ret);
        return *ret_detail ? "canvas_editing_failed" : NULL;
}

static void splice(Canvas *canvas, size_t at, size_t n_removed, const json_t *added)
{
        size_t i;
        json_t *section;

        while (n_removed-- > 0)
                json_array_remove(canvas->sections, at);
        json_array_foreach ((json_t *) added, i, section)
                json_array_insert(canvas->sections, at + i, section);
}

typedef struct Place {
        size_t at, n_removed;
} Place;

/* Where the change goes; false: its section is not there. */
static bool find_place(const Canvas *canvas, const char *operation, const char *section_id, Place *ret)
{
        size_t n = json_array_size(canvas->sections), i = find_section(canvas, section_id);

        *ret = (Place){0};
        if (str_equal(operation, "insert_at_start"))
                return true;
        if (str_equal(operation, "insert_at_end")) {
                ret->at = n;
                return true;
        }
        if (str_equal(operation, "replace") && str_empty(section_id)) {
                ret->n_removed = n;
                return true;
        }
        if (i == SIZE_MAX)
                return false;
        ret->at = str_equal(operation, "insert_after") ? i + 1 : i;
        ret->n_removed = str_equal(operation, "replace") || str_equal(operation, "delete");
        return true;
}

static const char *edit_sections(Canvas *canvas, const char *operation, const json_t *change,
                                 char **ret_detail)
{
        _cleanup_json_ json_t *added = NULL;
        const char *markdown = NULL, *error;
        Place place;

        if (!str_equal(operation, "delete")) {
                error = content_of(change, "document_content", &markdown, ret_detail);
                if (error)
                        return error;
                added = split(markdown);
        }
        if (!find_place(canvas, operation, json_str(change, "section_id"), &place))
                return failed(ret_detail, "section_not_found");
        if (json_array_size(canvas->sections) + json_array_size(added) > CANVAS_SECTIONS_MAX ||
            count_bytes(canvas) + (markdown ? strlen(markdown) : 0) > CANVAS_CHARS_MAX)
                return "canvas_too_large";
        splice(canvas, place.at, place.n_removed, added);
        return NULL;
}

const char *canvas_edit(Canvas *canvas, State *s, const json_t *change, char **ret_detail)
{
        static const char *const known[] = {"insert_after",  "insert_before", "insert_at_start",
                                            "insert_at_end", "replace",       "delete"};
        const char *operation = json_str(change, "operation"), *title, *error;
        bool is_known = false;

        *ret_detail = NULL;
        if (str_equal(operation, "rename")) {
                error = content_of(change, "title_content", &title, ret_detail);
                if (!error)
                        mem_strset(&canvas->title, title);
        } else {
                for (size_t i = 0; i < ELEMENTSOF(known); i++)
                        is_known |= str_equal(known[i], operation);
                error = is_known ? edit_sections(canvas, operation, change, ret_detail)
                                 : failed(ret_detail, "unknown operation");
        }
        if (!error)
                canvas->updated_s = s->clock_ms() / 1000;
        return error;
}

static bool type_fits(const char *markdown, const json_t *types)
{
        unsigned level = heading_level(markdown);
        char name[4] = {'h', (char) ('0' + level), 0};
        size_t i;
        json_t *type;

        if (json_array_size(types) == 0)
                return true;
        json_array_foreach ((json_t *) types, i, type)
                if (level && (str_equal(json_string_value(type), "any_header") ||
                              str_equal(json_string_value(type), name)))
                        return true;
        return false;
}

json_t *canvas_find_sections(const Canvas *canvas, const json_t *types, const char *text)
{
        json_t *out = json_array(), *section;
        size_t i;

        json_array_foreach (canvas->sections, i, section) {
                const char *markdown = json_str_or(section, "markdown", "");

                if (type_fits(markdown, types) && (str_empty(text) || strcasestr(markdown, text)))
                        json_array_append_new(out, json_pack("{s:s}", "id", json_str(section, "id")));
        }
        return out;
}

/* --- who may --- */

CanvasLevel canvas_parse_level(const char *name)
{
        for (size_t i = CANVAS_READ; i < ELEMENTSOF(level_names); i++)
                if (str_equal(level_names[i], name))
                        return (CanvasLevel) i;
        return CANVAS_NONE;
}

CanvasLevel canvas_level(const Canvas *canvas, const State *s, const char *user)
{
        CanvasLevel level = canvas_parse_level(json_string_value(json_object_get(canvas->users, user)));
        const Channel *tab = state_find_channel(s, canvas->channel);
        const char *id;
        json_t *name;

        if (str_equal(canvas->creator, user))
                return CANVAS_OWNER;
        /* The members of a channel write its canvas. */
        if (tab && channel_has_member(tab, user))
                level = MAX2(level, CANVAS_WRITE);
        json_object_foreach (canvas->channels, id, name) {
                const Channel *c = state_find_channel(s, id);
                CanvasLevel its = canvas_parse_level(json_string_value(name));

                if (c && channel_has_member(c, user))
                        level = MAX2(level, its);
        }
        return level;
}

bool canvas_set_access(Canvas *canvas, const char *id, bool is_channel, const char *level)
{
        json_t *list = is_channel ? canvas->channels : canvas->users;

        if (!json_object_get(list, id) && json_object_size(list) >= CANVAS_ACCESS_MAX)
                return false;
        json_put_str(list, id, level);
        return true;
}

void canvas_remove_access(Canvas *canvas, const char *id, bool is_channel)
{
        json_object_del(is_channel ? canvas->channels : canvas->users, id);
}

/* --- the set of them --- */

Canvas *canvases_add(Canvases *cs, State *s, const char *title, const char *creator, const char *channel,
                     const char *markdown)
{
        size_t n_bytes = strlen(markdown);
        Canvas *canvas;

        for (size_t i = 0; i < cs->n; i++)
                n_bytes += count_bytes(cs->all[i]);
        if (cs->n == CANVASES_MAX || n_bytes > CANVASES_BYTES_MAX)
                return NULL;
        canvas = mem_new(Canvas);
        canvas->id = state_new_id(s, 'F');
        canvas->title = mem_strdup(title);
        canvas->creator = mem_strdup(creator);
        canvas->channel = mem_strdup(channel);
        canvas->sections = split(markdown);
        canvas->users = json_object();
        canvas->channels = json_object();
        canvas->created_s = canvas->updated_s = s->clock_ms() / 1000;
        cs->all[cs->n++] = canvas;
        return canvas;
}

Canvas *canvases_find(const Canvases *cs, const char *id)
{
        for (size_t i = 0; id && i < cs->n; i++)
                if (str_equal(cs->all[i]->id, id))
                        return cs->all[i];
        return NULL;
}

Canvas *canvases_find_of_channel(const Canvases *cs, const char *channel)
{
        for (size_t i = 0; i < cs->n; i++)
                if (cs->all[i]->is_of_channel && str_equal(cs->all[i]->channel, channel))
                        return cs->all[i];
        return NULL;
}

void canvases_remove(Canvases *cs, Canvas *canvas)
{
        for (size_t i = 0; i < cs->n; i++)
                if (cs->all[i] == canvas) {
                        memmove(cs->all + i, cs->all + i + 1, (cs->n - i - 1) * sizeof(Canvas *));
                        cs->n--;
                        canvas_free(canvas);
                        return;
                }
}

json_t *canvas_render(const Canvas *canvas)
{
        _cleanup_free_ char *markdown = canvas_markdown(canvas);

        return json_pack("{s:s,s:s,s:s?,s:s,s:I,s:I}", "id", canvas->id, "title", canvas->title, "channel",
                         canvas->channel, "markdown", markdown, "created", (json_int_t) canvas->created_s,
                         "updated", (json_int_t) canvas->updated_s);
}

json_t *canvases_render(const Canvases *cs)
{
        json_t *out = json_array();

        for (size_t i = 0; i < cs->n; i++)
                json_array_append_new(out, canvas_render(cs->all[i]));
        return out;
}

json_t *canvases_save(const Canvases *cs)
{
        json_t *out = json_array();

        for (size_t i = 0; i < cs->n; i++) {
                const Canvas *c = cs->all[i];

                json_array_append_new(out, json_pack("{s:s,s:s,s:s,s:s?,s:b,s:O,s:O,s:O,s:I,s:I}", "id",
                                                     c->id, "title", c->title, "creator", c->creator,
                                                     "channel", c->channel, "is_of_channel", c->is_of_channel,
                                                     "sections", c->sections, "users", c->users, "channels",
                                                     c->channels, "created", (json_int_t) c->created_s,
                                                     "updated", (json_int_t) c->updated_s));
        }
        return out;
}

static bool fits(const json_t *saved)
{
        return json_str(saved, "id") && json_str(saved, "title") && json_str(saved, "creator") &&
               json_is_array(json_object_get(saved, "sections")) &&
               json_is_object(json_object_get(saved, "users")) &&
               json_is_object(json_object_get(saved, "channels"));
}

bool canvases_load(Canvases *cs, const json_t *saved)
{
        size_t i;
        json_t *item;

        canvases_clear(cs);
        if (!json_is_array(saved) || json_array_size(saved) > CANVASES_MAX)
                return false;
        json_array_foreach ((json_t *) saved, i, item) {
                Canvas *c;

                if (!fits(item)) {
                        canvases_clear(cs);
                        return false;
                }
                c = mem_new(Canvas);
                c->id = mem_strdup(json_str(item, "id"));
                c->title = mem_strdup(json_str(item, "title"));
                c->creator = mem_strdup(json_str(item, "creator"));
                c->channel = mem_strdup(json_str(item, "channel"));
                c->is_of_channel = json_bool(item, "is_of_channel");
                c->sections = json_deep_copy(json_object_get(item, "sections"));
                c->users = json_deep_copy(json_object_get(item, "users"));
                c->channels = json_deep_copy(json_object_get(item, "channels"));
                c->created_s = json_int(item, "created", 0);
                c->updated_s = json_int(item, "updated", 0);
                cs->all[cs->n++] = c;
        }
        return true;
}
