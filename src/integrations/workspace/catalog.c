/* Which repositories there are, and which projects: read in the background, kept as one JSON value. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "integrations/git/names.h"
#include "integrations/workspace/workspace-internal.h"

#define REPOSITORIES_MAX   500
#define ENTRIES_MAX        5000 /* of one directory */
#define PROJECT_LIST_BYTES (512u * 1024)

typedef struct Found {
        char *name, *owner; /* the directory above, or the address's part before the last */
        char *path, *url;
} Found;

typedef struct Search {
        const CatalogPlan *plan;
        const Git *git;
        Found all[REPOSITORIES_MAX];
        size_t n;
        bool complete;
} Search;

json_t *catalog_empty(void)
{
        return json_pack("{s:[], s:[], s:s, s:b, s:I}", "repositories", "projects", "project_list", "missing",
                         "complete", 0, "refreshed_ms", (json_int_t) 0);
}

static void add(Search *s, char *name /* stolen */, char *owner /* stolen */, const char *path,
                const char *url)
{
        if (s->n == REPOSITORIES_MAX || !name || name_check_repository(name)) {
                s->complete = s->complete && s->n < REPOSITORIES_MAX;
                free(name);
                free(owner);
                return;
        }
        s->all[s->n++] = (Found){name, owner, mem_strdup(path), mem_strdup(url)};
}

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* A bare repository is usually called name.git. */
static char *repository_name(const char *path)
{
        char *name = mem_strdup(base_name(path));
        size_t n = strlen(name);

        if (n > 4 && str_equal(name + n - 4, ".git"))
                name[n - 4] = 0;
        return name;
}

static void search(Search *s, const char *path, unsigned depth)
{
        DIR *dir = opendir(path);
        struct dirent *entry;
        unsigned n = 0;

        if (!dir) {
                s->complete = false;
                return;
        }
        while ((entry = readdir(dir)) && !child_cancel_is_set(s->git->cancel)) {
                _cleanup_free_ char *full = mem_printf("%s/%s", path, entry->d_name);
                struct stat st;

                if (++n > ENTRIES_MAX || s->n == REPOSITORIES_MAX) {
                        s->complete = false;
                        break;
                }
                if (entry->d_name[0] == '.' || str_equal(entry->d_name, "node_modules") ||
                    str_equal(full, s->plan->builders_dir) || lstat(full, &st) < 0 || !S_ISDIR(st.st_mode))
                        continue;
                if (repository_is_at(full))
                        add(s, repository_name(full), mem_strdup(base_name(path)), full, NULL);
                else if (depth > 1)
                        search(s, full, depth - 1);
        }
        closedir(dir);
}

static int by_path(const void *a, const void *b)
{
        return strcmp(((const Found *) a)->path, ((const Found *) b)->path);
}

static bool is_name_taken(json_t *rows, const char *name)
{
        json_t *row;
        size_t i;

        json_array_foreach (rows, i, row)
                if (strcasecmp(json_str_or(row, "name", ""), name) == 0)
                        return true;
        return false;
}

/* The name alone where it is the only one, else with the owner before it, else with a number behind that. */
static char *name_apart(const Search *s, size_t i, json_t *rows)
{
        const Found *f = &s->all[i];
        bool alone = true;
        char *name;

        for (size_t k = 0; k < s->n; k++)
                alone = alone && (k == i || strcasecmp(s->all[k].name, f->name) != 0);
        name = alone || !f->owner ? mem_strdup(f->name) : mem_printf("%s-%s", f->owner, f->name);
        for (unsigned number = 2; is_name_taken(rows, name) || name_check_repository(name); number++) {
                free(name);
                name = mem_printf("%.50s-%u", f->name, number);
        }
        return name;
}

static bool same_address(const char *a, const char *b)
{
        size_t n_a = strlen(a), n_b = strlen(b);

        n_a -= n_a > 4 && str_equal(a + n_a - 4, ".git") ? 4 : 0;
        n_b -= n_b > 4 && str_equal(b + n_b - 4, ".git") ? 4 : 0;
        return n_a == n_b && strncmp(a, b, n_a) == 0;
}

/* Remotes that are here already, below the root, are not offered twice. */
static void drop_known_remotes(Search *s, char *const *urls)
{
        size_t n = 0;

        for (size_t i = 0; i < s->n; i++) {
                bool known = false;

                for (size_t k = 0; !s->all[i].path && k < s->n; k++)
                        known = known || (s->all[k].path && urls[k] && same_address(urls[k], s->all[i].url));
                if (known) {
                        free(s->all[i].name);
                        free(s->all[i].owner);
                        free(s->all[i].url);
                } else {
                        s->all[n++] = s->all[i];
                }
        }
        s->n = n;
}

static json_t *describe(const Search *s, size_t i, json_t *rows, const Repository *r)
{
        const Found *f = &s->all[i];
        _cleanup_free_ char *name = name_apart(s, i, rows),
                            *public = r && r->url ? name_url_public(r->url) : NULL;
        json_t *row = json_object();

        json_put_str(row, "name", name);
        json_put_str(row, "path", f->path);
        json_put_str(row, "url", f->url ? f->url : public);
        json_put_str(row, "default_branch", r ? r->default_branch : NULL);
        json_object_set_new(row, "has_commits", json_boolean(!r || r->has_commits));
        return row;
}

static json_t *repositories(Search *s)
{
        Repository *opened = mem_zalloc(REPOSITORIES_MAX * sizeof(*opened));
        char **urls = mem_zalloc(REPOSITORIES_MAX * sizeof(*urls));
        json_t *rows = json_array();
        size_t n_here;

        if (s->plan->root)
                search(s, s->plan->root, 2);
        n_here = s->n;
        qsort(s->all, s->n, sizeof(*s->all), by_path);
        for (size_t i = 0; i < n_here; i++) {
                _cleanup_problem_ Problem problem = {0};

                /* One that cannot be read is shown; making a workspace of it will say why. */
                if (!repository_open(s->git, s->all[i].path, &opened[i], &problem))
                        s->complete = false;
                urls[i] = opened[i].url ? name_url_public(opened[i].url) : NULL;
        }
        for (const char *const *url = s->plan->remotes; url && *url; url++)
                if (!name_check_url(*url))
                        add(s, name_of_url(*url), name_owner_of_url(*url), NULL, *url);
        drop_known_remotes(s, urls);
        for (size_t i = 0; i < s->n; i++)
                json_array_append_new(rows, describe(s, i, rows, i < n_here ? &opened[i] : NULL));
        for (size_t i = 0; i < n_here; i++) {
                repository_deinit(&opened[i]);
                free(urls[i]);
        }
        free(opened);
        free(urls);
        return rows;
}

static json_t *projects(const CatalogPlan *plan, const char **ret_state)
{
        _cleanup_free_ char *text = NULL;
        json_t *all;
        size_t n;
        bool cut;
        int error = ENOENT;

        if (plan->project_list)
                text = file_read_start(plan->project_list, PROJECT_LIST_BYTES, &n, &cut, &error);
        if (!text || !plan->read_projects) {
                *ret_state = error == ENOENT || error == ENOTDIR ? "missing" : "unreadable";
                return json_array();
        }
        all = plan->read_projects(text, n);
        *ret_state = json_array_size(all) == 0 ? "empty" : cut ? "too_long" : "ok";
        return all;
}

json_t *catalog_read(const CatalogPlan *plan, const Git *git)
{
        Search *s = mem_new(Search);
        const char *state;
        json_t *rows, *list, *catalog;

        s->plan = plan;
        s->git = git;
        s->complete = true;
        rows = repositories(s);
        list = projects(plan, &state);
        catalog =
                json_pack("{s:o, s:o, s:s, s:b, s:I}", "repositories", rows, "projects", list, "project_list",
                          state, "complete", s->complete, "refreshed_ms", (json_int_t) clock_realtime_ms());
        for (size_t i = 0; i < s->n; i++) {
                free(s->all[i].name);
                free(s->all[i].owner);
                free(s->all[i].path);
                free(s->all[i].url);
        }
        free(s);
        return catalog;
}
