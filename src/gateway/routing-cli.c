/* opencode-slack routing …: what the router would decide, how good it is, and a model of one's own. All but
 * `export` works on files alone, without a configuration. */
#include <stdio.h>

#include "core/routing-train.h"
#include "gateway/gateway.h"
#include "gateway/routing-cli.h"

static const char usage[] =
        "opencode-slack routing: which agent and model a task goes to\n"
        "\n"
        "  routing decide [--json] TEXT            what would be decided; TEXT \"-\": read it from standard input\n"
        "  routing evaluate DATA…                  how good the decisions are on labelled texts (JSON lines)\n"
        "  routing train DATA… [-o FILE]           learn from labelled texts (default file: routing.model)\n"
        "  routing export [-c FILE]                the running gateway's decisions and overrides as JSON lines\n"
        "\n"
        "decide and evaluate: --keywords  only the lexicon decides\n"
        "                     --learned   the learned model decides, even where it would not serve\n"
        "                     --model FILE  a model made by `routing train` instead of the one that is built in\n"
        "evaluate and train:  --split NAME  leave out lines that say another split\n";

#define DATA_FILES_MAX 64
#define FILE_BYTES_MAX (256u * 1024 * 1024)

typedef enum Who {
        WHO_SERVES,
        WHO_KEYWORDS,
        WHO_LEARNED,
} Who;

typedef struct Options {
        const char *files[DATA_FILES_MAX]; /* or words of a text */
        size_t n;
        const char *output, *model, *split, *conf;
        Who who;
        bool json, bad;
} Options;

static Options parse_options(int argc, char **argv)
{
        Options o = {.output = "routing.model"};
        bool only_words = false;

        for (int i = 0; i < argc; i++) {
                const char *value = i + 1 < argc ? argv[i + 1] : NULL;
                const struct {
                        const char *name, **to;
                } valued[] = {
                        {"-o", &o.output}, {"--model", &o.model}, {"--split", &o.split}, {"-c", &o.conf}};
                bool took = false;

                for (size_t k = 0; k < ELEMENTSOF(valued) && value && !only_words; k++)
                        if (str_equal(argv[i], valued[k].name)) {
                                *valued[k].to = value;
                                took = true;
                        }
                if (took)
                        i++;
                else if (!only_words && str_equal(argv[i], "--"))
                        only_words = true;
                else if (!only_words && str_equal(argv[i], "--json"))
                        o.json = true;
                else if (!only_words && str_equal(argv[i], "--keywords"))
                        o.who = WHO_KEYWORDS;
                else if (!only_words && str_equal(argv[i], "--learned"))
                        o.who = WHO_LEARNED;
                else if ((!only_words && argv[i][0] == '-' && argv[i][1]) || o.n >= ELEMENTSOF(o.files))
                        o.bad = true;
                else
                        o.files[o.n++] = argv[i];
        }
        return o;
}

/* ---- files ---- */

static bool read_stream(FILE *f, const char *name, Buf *out)
{
        size_t n;

        while ((n = fread(buf_reserve(out, 65536), 1, 65536, f)) > 0) {
                buf_commit(out, n);
                if (buf_len(out) > FILE_BYTES_MAX) {
                        fprintf(stderr, "%s: it is larger than %u MB\n", name, FILE_BYTES_MAX / 1024 / 1024);
                        return false;
                }
        }
        if (ferror(f))
                perror(name);
        return !ferror(f);
}

static bool read_file(const char *path, Buf *out)
{
        FILE *f = str_equal(path, "-") ? stdin : fopen(path, "r");
        bool ok;

        if (!f) {
                perror(path);
                return false;
        }
        ok = read_stream(f, path, out);
        if (f != stdin)
                fclose(f);
        return ok;
}

static bool write_file(const char *path, const Buf *bytes)
{
        FILE *f = fopen(path, "w");
        bool ok = f && fwrite(buf_bytes(bytes), 1, buf_len(bytes), f) == buf_len(bytes);

        if (f)
                ok = fclose(f) == 0 && ok;
        if (!ok)
                perror(path);
        return ok;
}

static bool read_examples(const Options *o, RouteExamples *e)
{
        for (size_t i = 0; i < o->n; i++) {
                _cleanup_buf_ Buf bytes = {0};
                _cleanup_free_ char *error = NULL;

                if (!read_file(o->files[i], &bytes))
                        return false;
                if (!route_examples_read(e, buf_bytes(&bytes), buf_len(&bytes), o->split, &error)) {
                        fprintf(stderr, "%s, %s\n", o->files[i], error);
                        return false;
                }
        }
        if (e->n == 0)
                fprintf(stderr, "there are no labelled texts\n");
        return e->n > 0;
}

/* The model that was asked for; *ret_own is to be freed. */
static bool find_model(const Options *o, RouteModel **ret_own, const RouteModel **ret)
{
        _cleanup_buf_ Buf bytes = {0};
        const char *error;

        *ret_own = NULL;
        *ret = o->who == WHO_KEYWORDS ? NULL : route_model_builtin();
        if (o->who == WHO_KEYWORDS || !o->model)
                return true;
        if (!read_file(o->model, &bytes))
                return false;
        *ret = *ret_own = route_model_read(buf_bytes(&bytes), buf_len(&bytes), &error);
        if (!*ret)
                fprintf(stderr, "%s: %s\n", o->model, error);
        return *ret != NULL;
}

/* ---- decide ---- */

static char *text_of(const Options *o)
{
        _cleanup_buf_ Buf text = {0};

        if (o->n == 1 && str_equal(o->files[0], "-"))
                return read_stream(stdin, "standard input", &text) ? buf_take(&text) : NULL;
        for (size_t i = 0; i < o->n; i++)
                buf_printf(&text, "%s%s", i ? " " : "", o->files[i]);
        return buf_take(&text);
}

static void print_decision(const RouteDecision *d, bool json)
{
        _cleanup_json_ json_t *value = route_decision_json(d);
        _cleanup_free_ char *text = json ? json_dump(value) : NULL;

        if (json) {
                printf("%s\n", text);
                return;
        }
        printf("%s, %s, complexity %d (%s), confidence %.2f, by %s\n", route_agent_name(d->agent),
               route_profile_name(d->profile), d->complexity, route_level_name(d->level), d->confidence,
               route_by_name(d->by));
        for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                printf("%s%s %.2f", a ? ", " : "", route_agent_name((RouteAgent) a), d->scores[a]);
        printf("\n%s\n", d->reasons);
}

static int run_decide(const Options *o)
{
        _cleanup_(route_model_freep) RouteModel *own = NULL;
        _cleanup_free_ char *text = o->n > 0 ? text_of(o) : NULL;
        const RouteModel *model;
        RouteDecision d;

        if (o->n == 0) {
                fputs(usage, stderr);
                return 2;
        }
        if (!text || !find_model(o, &own, &model))
                return 1;
        /* All in the description, whose limit is the larger one. */
        if (o->who == WHO_LEARNED)
                route_decide(&(RouteText){NULL, text}, model, &d);
        else
                route_task(&(RouteText){NULL, text}, model, &d);
        print_decision(&d, o->json);
        return 0;
}

/* ---- evaluate, train ---- */

static int run_evaluate(const Options *o)
{
        _cleanup_(route_model_freep) RouteModel *own = NULL;
        _cleanup_(route_examples_deinit) RouteExamples e = {0};
        _cleanup_buf_ Buf out = {0};
        const RouteModel *model;
        RouteEvaluation v;

        if (!read_examples(o, &e) || !find_model(o, &own, &model))
                return 1;
        if (o->who == WHO_SERVES && !route_model_serves(model))
                model = NULL;
        route_evaluate(&e, model, &v);
        route_evaluation_print(&v, &out);
        printf("%s decided\n%s", model ? "the learned model" : "the keywords", buf_bytes(&out));
        return 0;
}

static int run_train(const Options *o)
{
        _cleanup_(route_model_freep) RouteModel *model = NULL;
        _cleanup_(route_examples_deinit) RouteExamples e = {0};
        _cleanup_buf_ Buf bytes = {0};
        RouteModelReport r;

        if (!read_examples(o, &e))
                return 1;
        model = route_train(&e);
        if (!model) {
                fprintf(stderr,
                        "%zu texts are too few, or all of one agent: at least %d of several agents are needed\n",
                        e.n, ROUTE_EXAMPLES_MIN);
                return 1;
        }
        route_model_write(model, &bytes);
        if (!write_file(o->output, &bytes))
                return 1;
        route_model_report(model, &r);
        printf("%zu texts, each judged by a model that had not seen it:\n"
               "  keywords %5.1f%% right\n  learned  %5.1f%% right\n"
               "%s: %zu bytes, temperature %.2f; it %s\n",
               r.n_texts, 100.0 * (double) r.n_keywords_right / (double) r.n_texts,
               100.0 * (double) r.n_right / (double) r.n_texts, o->output, buf_len(&bytes), r.temperature,
               r.serves ? "serves, being clearly better" : "does not serve: the keywords are as good");
        return 0;
}

/* ---- export ---- */

static void print_records(const json_t *answer)
{
        size_t i;
        json_t *record;

        json_array_foreach ((json_t *) json_at(answer, "records"), i, record) {
                _cleanup_free_ char *line = json_dump(record);

                printf("%s\n", line);
        }
}

static int run_export(const Options *o)
{
        _cleanup_free_ char *error = NULL;
        GatewayConf conf = {0};
        int r;

        if (conf_load(o->conf ? o->conf : "gateway.yaml", o->conf != NULL, &conf, &error) < 0) {
                fprintf(stderr, "%s\n", error);
                return 1;
        }
        r = gateway_remote(&conf, "GET", "/api/routing", print_records);
        conf_deinit(&conf);
        return r;
}

int gateway_routing(int argc, char **argv)
{
        static const struct {
                const char *name;
                int (*run)(const Options *o);
        } verbs[] = {{"decide", run_decide},
                     {"evaluate", run_evaluate},
                     {"train", run_train},
                     {"export", run_export}};
        Options o = parse_options(argc > 0 ? argc - 1 : 0, argv + 1);

        for (size_t i = 0; i < ELEMENTSOF(verbs) && argc > 0 && !o.bad; i++)
                if (str_equal(argv[0], verbs[i].name))
                        return verbs[i].run(&o);
        fputs(usage, stderr);
        return 2;
}
