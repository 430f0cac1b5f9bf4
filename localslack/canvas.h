/* Canvases: documents of Markdown in sections, each of which can be found and changed (reference Appendix A,
 * canvases.*). A section is what stands between blank lines; code between fences stays together, a heading is
 * a section of its own. Pure. */
#pragma once

#include "state.h"

#define CANVASES_MAX        500
#define CANVASES_BYTES_MAX  (64u << 20) /* all together */
#define CANVAS_CHARS_MAX    1048576     /* of one document, and of one change */
#define CANVAS_SECTIONS_MAX 10000
#define CANVAS_ACCESS_MAX   1000 /* entries of one canvas */

typedef enum CanvasLevel { CANVAS_NONE, CANVAS_READ, CANVAS_COMMENT, CANVAS_WRITE, CANVAS_OWNER } CanvasLevel;

typedef struct Canvas {
        char *id, *title, *creator;
        char *channel;            /* in which it is a tab; NULL: it stands alone */
        bool is_of_channel;       /* the one canvas that a channel has itself */
        json_t *sections;         /* [{"id", "markdown"}] */
        json_t *users, *channels; /* id → "read" … */
        int64_t created_s, updated_s;
} Canvas;

typedef struct Canvases {
        Canvas *all[CANVASES_MAX]; /* oldest first */
        size_t n;
} Canvases;

Canvases *canvases_new(void);
void canvases_free(Canvases *cs);
void canvases_clear(Canvases *cs);

/* NULL: there are CANVASES_MAX, or too much is in them. `markdown` must have passed canvas_check(). */
Canvas *canvases_add(Canvases *cs, State *s, const char *title, const char *creator, const char *channel,
                     const char *markdown);
Canvas *canvases_find(const Canvases *cs, const char *id);
/* The canvas that the channel has itself; NULL: none. */
Canvas *canvases_find_of_channel(const Canvases *cs, const char *channel);
void canvases_remove(Canvases *cs, Canvas *canvas);

/* NULL, or what Slack says of Markdown that a canvas cannot hold (owned): "'content' error: line 28: …". */
char *canvas_check(const char *markdown);
/* One change: {"operation": insert_after | insert_before | insert_at_start | insert_at_end | replace | delete
 * | rename, "section_id"?, "document_content"?, "title_content"?}. NULL, or Slack's error, with *ret_detail
 * (owned) or NULL. */
const char *canvas_edit(Canvas *canvas, State *s, const json_t *change, char **ret_detail);
/* [{"id"}] of the sections that are of one of these types (NULL: any; "h1", "h2", "h3", "any_header") and
 * contain the text (NULL: any). */
json_t *canvas_find_sections(const Canvas *canvas, const json_t *types, const char *text);
char *canvas_markdown(const Canvas *canvas); /* the whole; owned */
/* Replaces the content; sections that are the same keep their ids. Returns how many are not. */
size_t canvas_set_markdown(Canvas *canvas, State *s, const char *markdown);

CanvasLevel canvas_parse_level(const char *name); /* CANVAS_NONE: there is no such level */
/* What this person may: as creator, by name, or as member of a channel. */
CanvasLevel canvas_level(const Canvas *canvas, const State *s, const char *user);
/* False at CANVAS_ACCESS_MAX. */
bool canvas_set_access(Canvas *canvas, const char *id, bool is_channel, const char *level);
void canvas_remove_access(Canvas *canvas, const char *id, bool is_channel);

/* {"id", "title", "channel", "markdown", "created", "updated"} for the page. */
json_t *canvas_render(const Canvas *canvas);
json_t *canvases_render(const Canvases *cs);
json_t *canvases_save(const Canvases *cs);
bool canvases_load(Canvases *cs, const json_t *saved);
