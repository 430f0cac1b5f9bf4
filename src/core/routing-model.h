/* The learned model: features of a text, hashed into buckets with a weight per agent each, and the file that
 * holds them. Inside the router only; what others need of it is in routing.h and routing-train.h. */
#pragma once

#include "core/routing-lexicon.h"

#define ROUTE_BUCKETS_LOG2  15
#define ROUTE_BUCKETS       (1u << ROUTE_BUCKETS_LOG2)
#define ROUTE_FEATURES_MAX  4096
#define ROUTE_MODEL_VERSION 1
#define ROUTE_FEATURE_WORDS 200 /* of the text, from its start, that become features */

typedef struct RouteFeature {
        uint32_t bucket;
        float value;
} RouteFeature;

typedef struct RouteFeatures {
        RouteFeature all[ROUTE_FEATURES_MAX]; /* a bucket may come more than once */
        size_t n;
} RouteFeatures;

struct RouteModel {
        uint32_t n_texts;                   /* that it was trained from */
        uint32_t n_right, n_keywords_right; /* of n_texts, each judged by a model that had not seen it */
        bool serves;
        float temperature; /* of the softmax: so that a confidence of 0.8 is right 8 times in 10 */
        float scale;       /* a weight is weights[] × scale */
        int16_t weights[ROUTE_BUCKETS][ROUTE_AGENTS_N];
};

/* `points` are the keywords' sums per agent. */
void route_features(const RouteReading *r, const LexiconMatches *m, const double points[ROUTE_AGENTS_N],
                    RouteFeatures *ret);
/* What the model says, before its temperature. */
void route_model_score(const RouteModel *model, const RouteFeatures *f, double ret[ROUTE_AGENTS_N]);
/* How much one word speaks for the agent rather than for the others; for reasons. */
double route_model_weigh_word(const RouteModel *model, const RouteToken *t, RouteAgent agent);

/* Both at once: the sums and the features of a text. */
void route_features_of(const RouteText *text, double ret_points[ROUTE_AGENTS_N], RouteFeatures *ret);

void route_softmax(const double points[ROUTE_AGENTS_N], double temperature, double ret[ROUTE_AGENTS_N]);
RouteAgent route_highest(const double scores[ROUTE_AGENTS_N]); /* in a tie the builder */
