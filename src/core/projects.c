#include "core/projects.h"

#include <ctype.h>
#include <strings.h>

#include "base/buf.h"

/* ---- pieces of text ---- */

typedef struct Span {
        const char *s;
        size_t n;
} Span;

static bool is_space(char c)
{
        return isspace((unsigned char) c);
}

/* Without the space and the Markdown around it: `*`, `_`, backquotes. */
static Span trim(Span t)
{
        while (t.n > 0 && (is_space(t.s[0]) || strchr("*_`", t.s[0])))
                t.s++, t.n--;
        while (t.n > 0 && (is_space(t.s[t.n - 1]) || strchr("*_`", t.s[t.n - 1])))
                t.n--;
        return t;
}

static Span after(Span t, size_t n)
{
        return (Span){t.s + n, t.n - n};
}

/* Without the marks of Markdown; at most PROJECT_TEXT_BYTES_MAX bytes, not cut inside a character. Owned. */
static char *text_of(Span t, bool lower)
{
        size_t n = MIN2(t.n, (size_t) PROJECT_TEXT_BYTES_MAX);
        char *copy;

        while (n > 0 && n < t.n && ((unsigned char) t.s[n] & 0xc0) == 0x80)
                n--;
        copy = mem_zalloc(n + 1);
        for (size_t i = 0, out = 0; i < n; i++) {
                unsigned char c = (unsigned char) t.s[i];

                if (strchr("*`", c) || (c == '\\' && i + 1 < n && ispunct((unsigned char) t.s[i + 1])))
                        continue;
                copy[out++] = (char) (iscntrl(c) ? ' ' : lower ? tolower(c) : c);
        }
        return copy;
}

/* Length of an id at the start of the text: "0012", "#7"; 0 when there is none. */
static size_t id_length(Span t)
{
        size_t hash = t.n > 0 && t.s[0] == '#', n = hash;

        while (n < t.n && isdigit((unsigned char) t.s[n]))
                n++;
        if (n == hash || n - hash > PROJECT_ID_CHARS_MAX)
                return 0;
        /* "2024-05-01", "3.5 GB", "10th" are no ids. */
        if (n < t.n && (isalnum((unsigned char) t.s[n]) || t.s[n] == '_'))
                return 0;
        if (n + 1 < t.n && strchr("-./,:", t.s[n]) && isdigit((unsigned char) t.s[n + 1]))
                return 0;
        return n;
}

/* ---- fields ---- */

typedef enum Field {
        FIELD_NONE,
        FIELD_ID,
        FIELD_TITLE,
        FIELD_STATUS,
        FIELD_CATEGORY,
        FIELD_REPOSITORIES
} Field;

static Field field_named(Span name)
{
        static const struct {
                const char *name;
                Field field;
        } names[] = {
                {"id", FIELD_ID},
                {"#", FIELD_ID},
                {"no", FIELD_ID},
                {"no.", FIELD_ID},
                {"number", FIELD_ID},
                {"project id", FIELD_ID},
                {"title", FIELD_TITLE},
                {"name", FIELD_TITLE},
                {"project", FIELD_TITLE},
                {"status", FIELD_STATUS},
                {"state", FIELD_STATUS},
                {"phase", FIELD_STATUS},
                {"category", FIELD_CATEGORY},
                {"type", FIELD_CATEGORY},
                {"area", FIELD_CATEGORY},
                {"repositories", FIELD_REPOSITORIES},
                {"repository", FIELD_REPOSITORIES},
                {"repos", FIELD_REPOSITORIES},
                {"repo", FIELD_REPOSITORIES},
        };

        name = trim(name);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (name.n == strlen(names[i].name) && strncasecmp(name.s, names[i].name, name.n) == 0)
                        return names[i].field;
        return FIELD_NONE;
}

static void add_repository(Project *p, Span name)
{
        char *text;

        name = trim(name);
        if (name.n == 0 || p->n_repositories >= PROJECT_REPOSITORIES_MAX ||
            (name.n == 1 && strchr("-?", name.s[0])))
                return;
        text = text_of(name, false);
        for (size_t i = 0; i < p->n_repositories; i++)
                if (str_equal(p->repositories[i], text)) {
                        free(text);
                        return;
                }
        p->repositories[p->n_repositories++] = text;
}

/* "ai-dev, domain-apis" or "ai-dev domain-apis" or "ai-dev; domain-apis". */
static void add_repositories(Project *p, Span list)
{
        size_t from = 0;

        for (size_t i = 0; i <= list.n; i++)
                if (i == list.n || is_space(list.s[i]) || strchr(",;|", list.s[i])) {
                        add_repository(p, (Span){list.s + from, i - from});
                        from = i + 1;
                }
}

static void set_field(Project *p, Field field, Span value)
{
        value = trim(value);
        if (value.n == 0)
                return;
        switch (field) {
        case FIELD_TITLE:
                free(p->title);
                p->title = text_of(value, false);
                break;
        case FIELD_STATUS:
                free(p->status);
                p->status = text_of(value, true);
                break;
        case FIELD_CATEGORY:
                free(p->category);
                p->category = text_of(value, true);
                break;
        case FIELD_REPOSITORIES: add_repositories(p, value); break;
        case FIELD_NONE:
        case FIELD_ID: break;
        }
}

/* ---- projects ---- */

static Project *find(const Projects *p, const char *id)
{
        for (size_t i = 0; i < p->n; i++)
                if (str_equal(p->all[i].id, id))
                        return &p->all[i];
        return NULL;
}

const Project *projects_find(const Projects *p, const char *id)
{
        return find(p, id);
}

/* Borrowed until the next one is made; NULL beyond PROJECTS_MAX. */
static Project *get(Projects *p, Span id)
{
        _cleanup_free_ char *text = NULL;
        Project *project;

        if (id.n > 0 && id.s[0] == '#')
                id = after(id, 1);
        text = mem_strndup(id.s, id.n);
        project = find(p, text);
        if (project)
                return project;
        if (p->n >= PROJECTS_MAX) {
                p->n_dropped++;
                return NULL;
        }
        if (p->n == p->size) {
                p->size = p->size ? p->size * 2 : 16;
                p->all = mem_resize(p->all, p->size * sizeof(*p->all));
        }
        project = &p->all[p->n++];
        *project = (Project){.id = take(text),
                             .title = mem_strdup(""),
                             .status = mem_strdup(""),
                             .category = mem_strdup("")};
        return project;
}

void projects_deinit(Projects *p)
{
        for (size_t i = 0; i < p->n; i++) {
                free(p->all[i].id);
                free(p->all[i].title);
                free(p->all[i].status);
                free(p->all[i].category);
                for (size_t k = 0; k < p->all[i].n_repositories; k++)
                        free(p->all[i].repositories[k]);
        }
        free(p->all);
        *p = (Projects){0};
}

bool project_is_active(const Project *p)
{
        static const char *const words[] = {"implementing", "active",   "in progress", "in-progress",
                                            "in_progress",  "building", "ongoing",     "started",
                                            "wip",          "doing"};

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (str_equal(p->status, words[i]))
                        return true;
        return false;
}

/* ---- lines ---- */

#define COLUMNS_MAX 16

typedef struct Reader {
        Projects *out;
        Project *section; /* of the last heading; NULL = none */
        Field columns[COLUMNS_MAX];
        size_t n_columns; /* > 0: inside a table whose head is known */
} Reader;

/* The cells of "| a | b |"; a `\|` is no border. */
static size_t split_row(Span line, Span *ret)
{
        size_t n = 0, from = 0;

        line = trim(line);
        if (line.n > 0 && line.s[0] == '|')
                line = after(line, 1);
        for (size_t i = 0; i <= line.n && n < COLUMNS_MAX; i++)
                if (i == line.n ? i > from : line.s[i] == '|' && (i == 0 || line.s[i - 1] != '\\')) {
                        ret[n++] = trim((Span){line.s + from, i - from});
                        from = i + 1;
                }
        return n;
}

static void read_row(Reader *r, Span line)
{
        Span cells[COLUMNS_MAX];
        size_t n = split_row(line, cells), n_id = 0, id_at = 0;
        Project *p;

        if (r->n_columns == 0) {
                bool has_id = false;

                for (size_t i = 0; i < n; i++) {
                        r->columns[i] = field_named(cells[i]);
                        has_id |= r->columns[i] == FIELD_ID;
                }
                r->n_columns = n;
                /* "| Project | Status |" with "0012 - Title" in its cells: the title has the id. */
                for (size_t i = 0; i < n && !has_id; i++)
                        if (r->columns[i] == FIELD_TITLE) {
                                r->columns[i] = FIELD_ID;
                                has_id = true;
                        }
                return;
        }
        for (size_t i = 0; i < MIN2(n, r->n_columns) && n_id == 0; i++)
                if (r->columns[i] == FIELD_ID) {
                        n_id = id_length(cells[i]);
                        id_at = i;
                }
        if (n_id == 0)
                return;
        p = get(r->out, (Span){cells[id_at].s, n_id});
        if (!p)
                return;
        for (size_t i = 0; i < MIN2(n, r->n_columns); i++)
                set_field(p, r->columns[i], cells[i]);
        cells[id_at] = after(cells[id_at], n_id);
        while (cells[id_at].n > 0 && (is_space(cells[id_at].s[0]) || strchr(":-.", cells[id_at].s[0])))
                cells[id_at] = after(cells[id_at], 1);
        if (str_empty(p->title))
                set_field(p, FIELD_TITLE, cells[id_at]);
}

/* What follows an id: " - Title", ": Title", "  Title", "] Title". */
static Span after_id(Span t, size_t n_id)
{
        static const char *const dashes[] = {"-", ":", ".", "]", ")", "|", "\xe2\x80\x93", "\xe2\x80\x94"};
        bool more = true;

        t = after(t, n_id);
        while (more) {
                more = t.n > 0 && (is_space(t.s[0]) || strchr("*_`", t.s[0]));
                if (more)
                        t = after(t, 1);
                for (size_t i = 0; i < ELEMENTSOF(dashes) && !more; i++)
                        if (t.n >= strlen(dashes[i]) && memcmp(t.s, dashes[i], strlen(dashes[i])) == 0) {
                                t = after(t, strlen(dashes[i]));
                                more = true;
                        }
        }
        return t;
}

/* Takes "(implementing)" or "[integration]" from the end of a title. */
static bool take_bracket(Span *t, char open, char close, Span *ret)
{
        size_t i = t->n;

        *t = trim(*t);
        i = t->n;
        if (i == 0 || t->s[i - 1] != close)
                return false;
        while (i > 0 && t->s[i - 1] != open)
                i--;
        if (i == 0)
                return false;
        *ret = (Span){t->s + i, t->n - i - 1};
        t->n = i - 1;
        return true;
}

static size_t find_word(Span t, const char *word)
{
        size_t n = strlen(word);

        for (size_t i = 0; i + n <= t.n; i++)
                if (strncasecmp(t.s + i, word, n) == 0)
                        return i;
        return t.n;
}

/* "Title (status) [category] repos: a, b" */
static void set_from_line(Project *p, Span t)
{
        size_t at = MIN2(find_word(t, "repos:"), find_word(t, "repositories:"));
        Span part;

        if (at < t.n) {
                Span list = after(t, at);

                add_repositories(p, after(list, find_word(list, ":") + 1));
                t.n = at;
        }
        for (bool more = true; more;) {
                more = take_bracket(&t, '(', ')', &part);
                if (more)
                        set_field(p, FIELD_STATUS, part);
                else if ((more = take_bracket(&t, '[', ']', &part)))
                        set_field(p, FIELD_CATEGORY, part);
        }
        set_field(p, FIELD_TITLE, t);
}

/* Digits in front of a text are an id when they look like one ("0012", "#7") or are set off from it ("7: …"):
 * neither "3 things to do" nor the "1." of an ordered list. */
static bool is_set_off(Span t, size_t n_id)
{
        if (n_id >= 3 || t.s[0] == '#' || n_id == t.n)
                return true;
        while (n_id < t.n && is_space(t.s[n_id]))
                n_id++;
        return n_id < t.n && (strchr(":-]", t.s[n_id]) || (unsigned char) t.s[n_id] == 0xe2);
}

/* A heading or a list item that begins with an id. */
static Project *read_titled(Reader *r, Span t)
{
        size_t n_id;
        Project *p;

        t = trim(t);
        if (t.n > 8 && strncasecmp(t.s, "project ", 8) == 0)
                t = trim(after(t, 8));
        if (t.n > 0 && t.s[0] == '[') /* "[0012] Title" */
                t = after(t, 1);
        n_id = id_length(t);
        if (n_id == 0 || !is_set_off(t, n_id))
                return NULL;
        p = get(r->out, (Span){t.s, n_id});
        if (p)
                set_from_line(p, after_id(t, n_id));
        return p;
}

/* "Status: implementing" below a heading. */
static bool read_field(Project *section, Span t)
{
        size_t colon = find_word(t, ":");
        Field field = colon < t.n ? field_named((Span){t.s, colon}) : FIELD_NONE;

        if (field == FIELD_NONE)
                return false;
        if (section)
                set_field(section, field, after(t, colon + 1));
        return true;
}

static void read_line(Reader *r, Span line)
{
        Span t = trim(line);
        size_t level = 0;

        if (t.n == 0 || t.s[0] != '|')
                r->n_columns = 0;
        if (t.n == 0)
                return;
        if (t.s[0] == '|') {
                read_row(r, t);
                return;
        }
        while (level < t.n && t.s[level] == '#')
                level++;
        if (level > 0 && level < t.n && is_space(t.s[level])) {
                Project *p = read_titled(r, after(t, level));

                /* A deeper heading without an id ("### Notes") still belongs to the project. */
                if (p || level <= 2)
                        r->section = p;
                return;
        }
        if (strchr("-+", t.s[0]))
                t = trim(after(t, 1));
        if (t.n > 3 && t.s[0] == '[' && t.s[2] == ']' && strchr(" xX", t.s[1])) /* a task list */
                t = trim(after(t, 3));
        if (!read_field(r->section, t))
                read_titled(r, t);
}

void projects_parse(const char *text, size_t n_bytes, Projects *ret)
{
        Reader r = {.out = ret};
        size_t from = 0;

        *ret = (Projects){0};
        n_bytes = MIN2(n_bytes, (size_t) PROJECTS_FILE_BYTES_MAX);
        for (size_t i = 0; i <= n_bytes; i++)
                if (i == n_bytes || text[i] == '\n') {
                        read_line(&r, (Span){text + from, i - from});
                        from = i + 1;
                }
}
