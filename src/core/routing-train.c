#include "core/routing-train.h"

#include <math.h>

#include "core/routing-model.h"

/* Chosen by cross-validation over the train texts alone. */
#define FOLDS         8
#define EPOCHS        20
#define LEARNING_RATE 0.05
#define DECAY         0.0004 /* of a weight, at each example that has its feature */

/* ---- examples as numbers ---- */

typedef struct Row {
        RouteFeature *features;
        size_t n;
        RouteAgent agent, by_keywords;
        double weight;
        size_t fold;
        double held_out[ROUTE_AGENTS_N]; /* the scores by the model that did not see it */
} Row;

typedef struct Trainer {
        Row *rows;
        size_t n;
        double (*weights)[ROUTE_AGENTS_N], (*squares)[ROUTE_AGENTS_N];
        uint64_t random;
} Trainer;

/* Folds are pieces of the file, agent by agent: what was written in one go is in one fold, so that texts
 * which echo each other are not learned from and judged at the same time. */
static void assign_folds(Trainer *t)
{
        size_t n_of[ROUTE_AGENTS_N] = {0}, nth[ROUTE_AGENTS_N] = {0};

        for (size_t i = 0; i < t->n; i++)
                n_of[t->rows[i].agent]++;
        for (size_t i = 0; i < t->n; i++) {
                RouteAgent a = t->rows[i].agent;

                t->rows[i].fold = nth[a]++ * FOLDS / n_of[a];
        }
}

static void prepare(Trainer *t, const RouteExamples *e)
{
        _cleanup_free_ RouteFeatures *f = mem_alloc(sizeof(*f));

        t->n = e->n;
        t->rows = mem_zalloc(e->n * sizeof(*t->rows));
        t->weights = mem_zalloc(ROUTE_BUCKETS * sizeof(*t->weights));
        t->squares = mem_zalloc(ROUTE_BUCKETS * sizeof(*t->squares));
        for (size_t i = 0; i < e->n; i++) {
                const RouteText text = {e->all[i].title, e->all[i].description};
                Row *row = &t->rows[i];
                double points[ROUTE_AGENTS_N];

                route_features_of(&text, points, f);
                row->features = mem_alloc(MAX2(f->n, (size_t) 1) * sizeof(*row->features));
                memcpy(row->features, f->all, f->n * sizeof(*row->features));
                row->n = f->n;
                row->agent = e->all[i].agent;
                row->weight = (double) e->all[i].weight;
                row->by_keywords = route_highest(points);
        }
        assign_folds(t);
}

static void trainer_deinit(Trainer *t)
{
        for (size_t i = 0; i < t->n; i++)
                free(t->rows[i].features);
        free(t->rows);
        free(t->weights);
        free(t->squares);
}

/* ---- logistic regression ---- */

static void score(const Trainer *t, const Row *row, double ret[ROUTE_AGENTS_N])
{
        for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                ret[a] = 0;
        for (size_t i = 0; i < row->n; i++)
                for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                        ret[a] += (double) row->features[i].value * t->weights[row->features[i].bucket][a];
}

/* One step of gradient descent, its length by AdaGrad: words that are seldom seen learn as fast as frequent
 * ones. */
static void learn(Trainer *t, const Row *row)
{
        double points[ROUTE_AGENTS_N], shares[ROUTE_AGENTS_N];

        score(t, row, points);
        route_softmax(points, 1, shares);
        for (size_t i = 0; i < row->n; i++) {
                double *w = t->weights[row->features[i].bucket], *s = t->squares[row->features[i].bucket];

                for (size_t a = 0; a < ROUTE_AGENTS_N; a++) {
                        double g = row->weight * (double) row->features[i].value *
                                           (shares[a] - (a == row->agent)) +
                                   DECAY * w[a];

                        s[a] += g * g;
                        w[a] -= LEARNING_RATE * g / (1e-3 + sqrt(s[a]));
                }
        }
}

static uint64_t next_random(Trainer *t)
{
        t->random = t->random * 6364136223846793005u + 1442695040888963407u;
        return t->random >> 33;
}

/* From nothing, on all rows but those of one fold; FOLDS: on all. */
static void train_without(Trainer *t, size_t fold)
{
        _cleanup_free_ size_t *order = mem_alloc(t->n * sizeof(*order));
        size_t n = 0;

        memset(t->weights, 0, ROUTE_BUCKETS * sizeof(*t->weights));
        memset(t->squares, 0, ROUTE_BUCKETS * sizeof(*t->squares));
        t->random = 1;
        for (size_t i = 0; i < t->n; i++)
                if (t->rows[i].fold != fold)
                        order[n++] = i;
        for (size_t epoch = 0; epoch < EPOCHS; epoch++) {
                for (size_t i = n; i > 1; i--) {
                        size_t k = next_random(t) % i, other = order[i - 1];

                        order[i - 1] = order[k];
                        order[k] = other;
                }
                for (size_t i = 0; i < n; i++)
                        learn(t, &t->rows[order[i]]);
        }
}

/* ---- what the folds say ---- */

static double loss_at(const Trainer *t, double temperature)
{
        double loss = 0, shares[ROUTE_AGENTS_N];

        for (size_t i = 0; i < t->n; i++) {
                route_softmax(t->rows[i].held_out, temperature, shares);
                loss -= t->rows[i].weight * log(MAX2(shares[t->rows[i].agent], 1e-9));
        }
        return loss;
}

/* The temperature at which what was held out is least surprising. */
static double calibrate(const Trainer *t)
{
        double best = 1, least = loss_at(t, 1);

        for (double temperature = 0.2; temperature < 8; temperature *= 1.02) {
                double loss = loss_at(t, temperature);

                if (loss < least) {
                        least = loss;
                        best = temperature;
                }
        }
        return best;
}

static void judge(Trainer *t, RouteModel *m)
{
        size_t won = 0, lost = 0;

        for (size_t fold = 0; fold < FOLDS; fold++) {
                train_without(t, fold);
                for (size_t i = 0; i < t->n; i++)
                        if (t->rows[i].fold == fold)
                                score(t, &t->rows[i], t->rows[i].held_out);
        }
        for (size_t i = 0; i < t->n; i++) {
                const Row *row = &t->rows[i];
                bool learned = route_highest(row->held_out) == row->agent,
                     keywords = row->by_keywords == row->agent;

                m->n_right += learned;
                m->n_keywords_right += keywords;
                won += learned && !keywords;
                lost += keywords && !learned;
        }
        /* By more than chance would give it where both are as good as each other (one standard deviation). */
        m->serves = won > lost && (double) (won - lost) * (double) (won - lost) > (double) (won + lost);
        m->temperature = (float) calibrate(t);
}

static void quantize(const Trainer *t, RouteModel *m)
{
        double largest = 1e-9;

        for (size_t i = 0; i < ROUTE_BUCKETS; i++)
                for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                        largest = MAX2(largest, fabs(t->weights[i][a]));
        m->scale = (float) (largest / 32000);
        for (size_t i = 0; i < ROUTE_BUCKETS; i++)
                for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                        m->weights[i][a] = (int16_t) lrint(t->weights[i][a] / (double) m->scale);
}

RouteModel *route_train(const RouteExamples *e)
{
        Trainer t = {0};
        RouteModel *m;
        bool differ = false;

        for (size_t i = 1; i < e->n; i++)
                differ |= e->all[i].agent != e->all[0].agent;
        if (e->n < ROUTE_EXAMPLES_MIN || !differ)
                return NULL;
        m = mem_new(RouteModel);
        m->n_texts = (uint32_t) e->n;
        prepare(&t, e);
        judge(&t, m);
        train_without(&t, FOLDS);
        quantize(&t, m);
        trainer_deinit(&t);
        return m;
}
