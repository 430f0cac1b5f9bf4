/* Which project a task belongs to (decision 15). Each rule decides only if exactly one project fits: a wrong
 * guess that nobody looks at costs more than a question. */
#include <ctype.h>
#include <strings.h>

#include "core/projects.h"

#define WORDS_MAX 64

typedef struct Words {
        char text[PROJECT_TEXT_BYTES_MAX + 1];
        char *at[WORDS_MAX];
        size_t n;
} Words;

static int compare_words(const void *a, const void *b)
{
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Lower case, without punctuation, in alphabetical order. Bytes of other scripts are kept as they are. */
static void split_words(const char *title, Words *ret)
{
        size_t n = 0;

        ret->n = 0;
        for (; *title && n < PROJECT_TEXT_BYTES_MAX; title++)
                ret->text[n++] = isalnum((unsigned char) *title) || (unsigned char) *title >= 0x80
                                         ? (char) tolower((unsigned char) *title)
                                         : '\0';
        ret->text[n] = '\0';
        for (size_t i = 0; i < n && ret->n < WORDS_MAX; i++)
                if (ret->text[i] && (i == 0 || !ret->text[i - 1]))
                        ret->at[ret->n++] = ret->text + i;
        qsort(ret->at, ret->n, sizeof(*ret->at), compare_words);
}

static int compare_pairs(const void *a, const void *b)
{
        return (int) *(const uint16_t *) a - (int) *(const uint16_t *) b;
}

/* The pairs of neighbouring bytes, each word with a space before and behind it. */
static size_t make_pairs(const Words *w, uint16_t *pairs, size_t max)
{
        size_t n = 0;

        for (size_t i = 0; i < w->n; i++) {
                unsigned char last = ' ';

                for (const char *c = w->at[i];; c++) {
                        unsigned char next = *c ? (unsigned char) *c : ' ';

                        if (n < max)
                                pairs[n++] = (uint16_t) (last << 8 | next);
                        last = next;
                        if (!*c)
                                break;
                }
        }
        qsort(pairs, n, sizeof(*pairs), compare_pairs);
        return n;
}

/* Sørensen's and Dice's coefficient over pairs of letters. */
double project_title_similarity(const char *a, const char *b)
{
        uint16_t pairs_a[2 * PROJECT_TEXT_BYTES_MAX], pairs_b[2 * PROJECT_TEXT_BYTES_MAX];
        Words words_a, words_b;
        size_t n_a, n_b, n_both = 0;

        split_words(a, &words_a);
        split_words(b, &words_b);
        n_a = make_pairs(&words_a, pairs_a, ELEMENTSOF(pairs_a));
        n_b = make_pairs(&words_b, pairs_b, ELEMENTSOF(pairs_b));
        if (n_a + n_b == 0)
                return 0;
        for (size_t i = 0, k = 0; i < n_a && k < n_b;)
                if (pairs_a[i] == pairs_b[k])
                        n_both++, i++, k++;
                else if (pairs_a[i] < pairs_b[k])
                        i++;
                else
                        k++;
        return 2.0 * (double) n_both / (double) (n_a + n_b);
}

/* "0012 …", "#7: …", "… for project 0012": digits that are some project's id; the shorter ones need their "#"
 * or the word before them, for "3 tests fail" is no project. */
static const Project *by_id(const Projects *p, const char *title)
{
        const Project *found = NULL;

        for (const char *c = title; *c; c++) {
                size_t n = strspn(c, "0123456789");
                bool named = c > title && c[-1] == '#';

                if (n == 0 || (c > title && (isalnum((unsigned char) c[-1]) || strchr(".-_/", c[-1]))))
                        continue;
                named |= c - title >= 8 && strncasecmp(c - 8, "project ", 8) == 0;
                if (n <= PROJECT_ID_CHARS_MAX && (n >= 4 || named) && !isalnum((unsigned char) c[n])) {
                        _cleanup_free_ char *id = mem_strndup(c, n);
                        const Project *project = projects_find(p, id);

                        if (project && found && found != project)
                                return NULL;
                        found = project ? project : found;
                }
                c += n - 1;
        }
        return found;
}

static const Project *by_title(const Projects *p, const char *title)
{
        const Project *best = NULL;
        double best_similarity = PROJECT_SIMILARITY_MIN;
        bool tie = false;

        for (size_t i = 0; i < p->n; i++) {
                double similarity = project_title_similarity(title, p->all[i].title);

                if (similarity > best_similarity) {
                        best = &p->all[i];
                        best_similarity = similarity;
                        tie = false;
                } else if (best && similarity == best_similarity)
                        tie = true;
        }
        return tie ? NULL : best;
}

static bool uses(const Project *p, const char *repository)
{
        for (size_t i = 0; i < p->n_repositories; i++)
                if (strcasecmp(p->repositories[i], repository) == 0)
                        return true;
        return false;
}

/* The project that uses all of them; of several such only an active one, if it is the only active one. */
static const Project *by_repositories(const Projects *p, const char *const *repositories)
{
        const Project *found = NULL, *active = NULL;
        size_t n_found = 0, n_active = 0;

        for (size_t i = 0; i < p->n; i++) {
                bool all = true;

                for (const char *const *r = repositories; *r; r++)
                        all &= uses(&p->all[i], *r);
                if (!all)
                        continue;
                found = &p->all[i];
                n_found++;
                if (project_is_active(&p->all[i])) {
                        active = &p->all[i];
                        n_active++;
                }
        }
        return n_found == 1 ? found : n_active == 1 ? active : NULL;
}

static const Project *by_category(const Projects *p, const char *category)
{
        const Project *found = NULL;

        for (size_t i = 0; i < p->n; i++)
                if (strcasecmp(p->all[i].category, category) == 0 && project_is_active(&p->all[i])) {
                        if (found)
                                return NULL;
                        found = &p->all[i];
                }
        return found;
}

const Project *projects_infer(const Projects *p, const ProjectHints *hints, ProjectBy *ret_by)
{
        const Project *found = NULL;

        *ret_by = PROJECT_BY_NOTHING;
        if (!str_empty(hints->title) && (found = by_id(p, hints->title)))
                *ret_by = PROJECT_BY_ID;
        else if (!str_empty(hints->title) && (found = by_title(p, hints->title)))
                *ret_by = PROJECT_BY_TITLE;
        else if (hints->repositories && *hints->repositories &&
                 (found = by_repositories(p, hints->repositories)))
                *ret_by = PROJECT_BY_REPOSITORIES;
        else if (!str_empty(hints->category) && (found = by_category(p, hints->category)))
                *ret_by = PROJECT_BY_CATEGORY;
        return found;
}
