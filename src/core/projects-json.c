#include "core/projects-json.h"

#include "core/projects.h"

/* Lists are written by hand: what is no UTF-8 in them is left out, not the project. */
static void put(json_t *row, const char *key, const char *text)
{
        json_t *value = json_string(text);

        json_object_set_new(row, key, value ? value : json_string(""));
}

json_t *projects_to_json(const char *text, size_t n_bytes)
{
        json_t *rows = json_array();
        Projects projects;

        projects_parse(text, n_bytes, &projects);
        for (size_t i = 0; i < projects.n; i++) {
                const Project *p = &projects.all[i];
                json_t *row = json_object(), *repositories = json_array();

                put(row, "id", p->id);
                put(row, "title", p->title);
                put(row, "status", p->status);
                put(row, "category", p->category);
                for (size_t k = 0; k < p->n_repositories; k++) {
                        json_t *name = json_string(p->repositories[k]);

                        if (name)
                                json_array_append_new(repositories, name);
                }
                json_object_set_new(row, "repositories", repositories);
                json_object_set_new(row, "active", json_boolean(project_is_active(p)));
                json_array_append_new(rows, row);
        }
        projects_deinit(&projects);
        return rows;
}
