/* How long one routing decision takes: the hold-out's texts, a long description, and what somebody pastes to
 * do harm.
 *
 *   routing-bench DATA        one line per kind of text: name, bytes, µs of the keywords, µs of the learned
 * model (each: median, 99th percentile, longest) */
#include <stdio.h>
#include <time.h>

#include "base/json.h"
#include "core/routing-train.h"

#define ROUNDS 2000

typedef struct Times {
        double us[ROUNDS];
} Times;

static double now_us(void)
{
        struct timespec t;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* what else runs on the machine is not ours */
        return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

static void measure(const RouteExamples *texts, const RouteModel *model)
{
        static Times t;
        RouteDecision d;

        for (size_t i = 0; i < ROUNDS; i++) {
                const RouteExample *e = &texts->all[i % texts->n];
                double start = now_us();

                route_decide(&(RouteText){e->title, e->description}, model, &d);
                t.us[i] = now_us() - start;
        }
        qsort(t.us, ROUNDS, sizeof(*t.us), by_size);
        printf("\t%.1f\t%.1f\t%.1f", t.us[ROUNDS / 2], t.us[ROUNDS * 99 / 100], t.us[ROUNDS - 1]);
}

static void report(const char *name, const RouteExamples *texts)
{
        size_t n_bytes = 0;

        for (size_t i = 0; i < texts->n; i++)
                n_bytes += strlen(texts->all[i].title);
        printf("%s\t%zu", name, n_bytes / texts->n);
        measure(texts, NULL);
        measure(texts, route_model_builtin());
        printf("\n");
}

static void report_repeated(const char *name, const char *piece, size_t n_bytes)
{
        _cleanup_buf_ Buf text = {0};
        RouteExample one = {0};

        while (buf_len(&text) < n_bytes)
                buf_append_str(&text, piece);
        buf_append_char(&text, '\0');
        one.title = one.description = (char *) buf_bytes(&text);
        report(name, &(RouteExamples){.all = &one, .n = 1});
}

static bool read_texts(const char *path, RouteExamples *e)
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
        fclose(f);
        if (route_examples_read(e, buf_bytes(&bytes), buf_len(&bytes), NULL, &error) && e->n > 0)
                return true;
        fprintf(stderr, "%s: %s\n", path, error ? error : "no texts");
        return false;
}

int main(int argc, char **argv)
{
        RouteExamples e = {0};

        json_setup();
        if (argc != 2 || !read_texts(argv[1], &e))
                return 1;
        report("task texts (hold-out)", &e);
        report_repeated("prose, 10 kB",
                        "We should design how the service scales, and write down which options there are. ",
                        10 * 1024);
        report_repeated("prose, 1 MB",
                        "how do we migrate the data model of the billing service without downtime ",
                        1024 * 1024);
        report_repeated("hostile: phrases that begin, 1 MB", "how should we what is the should we ",
                        1024 * 1024);
        report_repeated("hostile: marks, 1 MB", "-/`<@.", 1024 * 1024);
        report_repeated("hostile: one word, 1 MB", "a", 1024 * 1024);
        route_examples_deinit(&e);
        return 0;
}
