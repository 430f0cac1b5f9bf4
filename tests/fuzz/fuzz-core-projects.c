/* The list of projects, written by hand or by anybody: whatever it says, what is read of it stays within its
 * limits, and every project can be found by what was read. */
#include <assert.h>

#include "core/projects.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        Projects p;
        ProjectBy by;

        projects_parse((const char *) data, n_bytes, &p);
        assert(p.n <= PROJECTS_MAX);
        for (size_t i = 0; i < p.n; i++) {
                const Project *one = &p.all[i];
                const char *repositories[PROJECT_REPOSITORIES_MAX + 1] = {NULL};
                ProjectHints hints = {one->title, repositories, one->category};

                assert(strlen(one->id) <= PROJECT_ID_CHARS_MAX &&
                       strlen(one->title) <= PROJECT_TEXT_BYTES_MAX);
                assert(one->n_repositories <= PROJECT_REPOSITORIES_MAX);
                for (size_t k = 0; k < one->n_repositories; k++)
                        repositories[k] = one->repositories[k];
                assert(projects_find(&p, one->id) == one);
                projects_infer(&p, &hints, &by);
        }
        projects_deinit(&p);
        return 0;
}
