/* Build tool: trains the model from the shipped texts and writes it as a C array.
 *
 *   routing-embed OUTPUT DATA… */
#include <stdio.h>

#include "base/json.h"
#include "core/routing-train.h"

static bool read_file(const char *path, RouteExamples *e)
{
        _cleanup_buf_ Buf bytes = {0};
        _cleanup_free_ char *error = NULL;
        FILE *f = fopen(path, "r");
        size_t n;

        if (!f) {
                perror(path);
                return false;
        }
        while ((n = fread(buf_reserve(&bytes, 65536), 1, 65536, f)) > 0)
                buf_commit(&bytes, n);
        if (ferror(f)) {
                perror(path);
                fclose(f);
                return false;
        }
        fclose(f);
        if (!route_examples_read(e, buf_bytes(&bytes), buf_len(&bytes), "train", &error)) {
                fprintf(stderr, "%s: %s\n", path, error);
                return false;
        }
        return true;
}

static bool write_array(const char *path, const Buf *bytes)
{
        FILE *f = fopen(path, "w");
        bool ok = f != NULL;

        if (f) {
                fprintf(f, "static const unsigned char routing_builtin_bytes[] = {");
                for (size_t i = 0; i < buf_len(bytes); i++)
                        fprintf(f, "%s%u,", i % 32 == 0 ? "\n" : "", (unsigned char) buf_bytes(bytes)[i]);
                fprintf(f, "\n};\n");
                ok = !ferror(f);
                ok = fclose(f) == 0 && ok;
        }
        if (!ok)
                perror(path);
        return ok;
}

int main(int argc, char **argv)
{
        RouteExamples e = {0};
        _cleanup_buf_ Buf bytes = {0};
        RouteModel *model;
        bool ok = argc > 2;

        json_setup();
        for (int i = 2; i < argc && ok; i++)
                ok = read_file(argv[i], &e);
        model = ok ? route_train(&e) : NULL;
        if (model) {
                route_model_write(model, &bytes);
                ok = write_array(argv[1], &bytes);
        }
        route_model_free(model);
        route_examples_deinit(&e);
        return model && ok ? 0 : 1;
}
