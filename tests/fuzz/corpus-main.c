/* Runs a fuzzer over the files of the directories named on the command line: what libFuzzer's own main would
 * do with -runs=0, in a build by any compiler. An input that once broke something stays a test for ever. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static int feed_file(const char *path)
{
        FILE *file = fopen(path, "rb");
        struct stat st;
        uint8_t *data;
        size_t n;

        if (!file || fstat(fileno(file), &st) < 0) {
                fprintf(stderr, "%s: %s\n", path, strerror(errno));
                if (file)
                        fclose(file);
                return -1;
        }
        /* An allocation of exactly the file's size, so that a sanitizer sees a byte read too far. */
        data = mem_alloc((size_t) st.st_size);
        n = fread(data, 1, (size_t) st.st_size, file);
        fclose(file);
        fprintf(stderr, "%s (%zu bytes)\n", path, n);
        LLVMFuzzerTestOneInput(data, n);
        free(data);
        return 0;
}

static int feed_directory(const char *dir)
{
        struct dirent **entries = NULL;
        int n = scandir(dir, &entries, NULL, alphasort), r = n < 0 ? -1 : 0, n_files = 0;

        for (int i = 0; i < n; i++) {
                if (entries[i]->d_name[0] != '.') {
                        _cleanup_free_ char *path = mem_printf("%s/%s", dir, entries[i]->d_name);

                        if (feed_file(path) < 0)
                                r = -1;
                        n_files++;
                }
                free(entries[i]);
        }
        free(entries);
        if (n_files == 0) {
                fprintf(stderr, "%s: no corpus there\n", dir);
                return -1;
        }
        return r;
}

int main(int argc, char **argv)
{
        int r = argc < 2 ? 1 : 0;

        for (int i = 1; i < argc; i++)
                if (feed_directory(argv[i]) < 0)
                        r = 1;
        return r;
}
