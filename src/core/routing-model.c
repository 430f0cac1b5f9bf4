#include "core/routing-model.h"

#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/digest.h"
#include "core/routing-train.h"

#define PIECES_WORDS 60 /* of the text, from its start, that are also taken to pieces */

/* ---- features ---- */

/* FNV-1a over the kind of the feature and its words. */
static uint32_t hash_on(uint32_t h, const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                h = (h ^ (unsigned char) s[i]) * 16777619u;
        return (h ^ 0xffu) * 16777619u;
}

static uint32_t hash_of(const char *kind)
{
        return hash_on(2166136261u, kind, strlen(kind));
}

static uint32_t bucket_of(uint32_t h)
{
        return (h ^ h >> ROUTE_BUCKETS_LOG2) % ROUTE_BUCKETS;
}

static void add(RouteFeatures *f, uint32_t h, double value)
{
        if (f->n < ROUTE_FEATURES_MAX && value != 0)
                f->all[f->n++] = (RouteFeature){bucket_of(h), (float) value};
}

static void add_named(RouteFeatures *f, const char *name, double value)
{
        add(f, hash_of(name), value);
}

static uint32_t hash_word(const char *kind, const RouteToken *t)
{
        static const char *const kinds[ROUTE_TOKEN_KINDS_N] = {"",       "<number>", "",        "<file>",
                                                               "<code>", "<url>",    "<ticket>"};
        const char *name = kinds[t->kind];

        return name[0] ? hash_on(hash_of(kind), name, strlen(name)) : hash_on(hash_of(kind), t->s, t->n);
}

static uint32_t hash_pair(const char *kind, const RouteToken *a, const RouteToken *b)
{
        return hash_on(hash_word(kind, a), b->s, b->n);
}

/* The words themselves, what they begin and end with, and their pieces: so that a compound
 * ("Sicherheitskonzept") or a word with a slip in it ("requiremnts") still says something. */
static void add_word(RouteFeatures *f, const RouteReading *r, size_t i, double value)
{
        const RouteToken *t = &r->tokens[i];

        add(f, hash_word("w", t), value);
        if (r->tokens[i].sentence == 0)
                add(f, hash_word("w1", t), value * 0.7);
        if (t->n >= 6)
                add(f, hash_on(hash_of("p5"), t->s, 5), value * 0.7);
        if (t->n >= 5)
                add(f, hash_on(hash_of("s3"), t->s + t->n - 3, 3), value * 0.4);
        for (size_t k = 0; k + 4 <= t->n && i < PIECES_WORDS; k++)
                add(f, hash_on(hash_of("4"), t->s + k, 4), value * 0.8);
}

static void add_pairs(RouteFeatures *f, const RouteReading *r, size_t i, double value)
{

        const RouteToken *t = &r->tokens[i];
        size_t next = i + 1;

        if (next < r->n && r->tokens[next].sentence == t->sentence)
                add(f, hash_pair("b", t, &r->tokens[next]), value);
        while (next < r->n && r->tokens[next].is_filler)
                next++;
        if (next >= r->n || r->tokens[next].sentence != t->sentence || t->is_filler)
                return;
        if (next > i + 1)
                add(f, hash_pair("b", t, &r->tokens[next]), value);
        if (next + 1 < r->n && r->tokens[next + 1].sentence == t->sentence)
                add(f, hash_pair("k", t, &r->tokens[next + 1]), value * 0.7);
}

/* What is to be done, and to what. */
static void add_head(RouteFeatures *f, const RouteReading *r)
{
        const RouteToken *head;
        size_t told = 0;

        if (r->n == 0)
                return;
        add(f, hash_word("f", &r->tokens[0]), 0.6);
        if (r->n > 1)
                add(f, hash_pair("ff", &r->tokens[0], &r->tokens[1]), 0.6);
        if (r->head >= r->n)
                return;
        head = &r->tokens[r->head];
        add(f, hash_word("h", head), 1);
        for (size_t i = r->head + 1; i < r->n && told < 4 && r->tokens[i].sentence == head->sentence; i++)
                if (!r->tokens[i].is_filler) {
                        add(f, hash_pair("ho", head, &r->tokens[i]), 0.7);
                        told++;
                }
}

/* What kind of sentence the text begins with: a question of which kind, or what its head is. */
static const char *opening_of(const RouteReading *r, const LexiconMatches *m)
{
        static const char asking[] =
                " how what which where why who when wie was welche welcher warum wo wer comment "
                "quelle quel pourquoi como que cual ";
        static const char modal[] =
                " should could can would do does is are will shall may soll sollte sollen kann faut ";

        if (r->n == 0)
                return "nothing";
        for (size_t i = 0; i < 2 && i < r->n; i++)
                if (route_token_is(&r->tokens[i], asking))
                        return "wh";
        if (r->ends_asking && route_token_is(&r->tokens[0], modal))
                return "modal";
        for (size_t i = 0; i < m->n && m->all[i].at <= r->head; i++)
                if (m->all[i].at == r->head)
                        return route_lexicon[m->all[i].group].name;
        return "other";
}

/* "backup concept for the store", "the sync is broken": of a title without a verb, what it is about: the word
 * before the first preposition, or the last one. */
static void add_noun(RouteFeatures *f, const RouteReading *r)
{
        static const char behind[] =
                " for of between in to on with about from by at when after before fur pour de para von "
                "zur zum ";
        size_t last = r->n;

        for (size_t i = 0; i < r->n && i < 12 && r->tokens[i].sentence == r->tokens[0].sentence; i++) {
                if (i > 0 && route_token_is(&r->tokens[i], behind))
                        break;
                last = i;
        }
        if (last < r->n)
                add(f, hash_word("nh", &r->tokens[last]), 0.7);
}

/* What the lexicon found, and in which order. */
static void add_matches(RouteFeatures *f, const RouteReading *r, const LexiconMatches *m)
{
        uint32_t last = hash_of("g^");
        double value = 0.8 / sqrt(1 + (double) m->n / 4);
        const char *opening = opening_of(r, m);

        add_noun(f, r);
        add(f, hash_on(hash_of("o"), opening, strlen(opening)), 0.7);

        for (size_t i = 0; i < m->n; i++) {
                const char *name = route_lexicon[m->all[i].group].name;
                uint32_t h = hash_on(hash_of("g"), name, strlen(name));

                add(f, h, value * (m->all[i].weight < 0 ? -1 : 1));
                if (m->all[i].at == r->head)
                        add(f, hash_on(hash_of("gh"), name, strlen(name)), 1);
                if (r->tokens[m->all[i].at].sentence == 0)
                        add(f, hash_on(hash_of("g1"), name, strlen(name)), value);
                add(f, hash_on(last, name, strlen(name)), value * 0.7);
                last = hash_on(hash_of("gg"), name, strlen(name));
                if (m->all[i].at != r->head)
                        add(f, hash_on(hash_on(hash_of("og"), opening, strlen(opening)), name, strlen(name)),
                            value * 0.7);
                if (r->head < r->n)
                        add(f, hash_on(hash_word("hg", &r->tokens[r->head]), name, strlen(name)),
                            value * 0.7);
        }
}

static void add_shape(RouteFeatures *f, const RouteReading *r)
{
        static const char *const kinds[ROUTE_TOKEN_KINDS_N] = {"",      "#number", "#identifier", "#file",
                                                               "#code", "#url",    "#ticket"};
        char size[16];

        add_named(f, "#bias", 1);
        snprintf(size, sizeof(size), "#size%d", (int) log2(1.0 + (double) r->n));
        add_named(f, size, 0.5);
        snprintf(size, sizeof(size), "#lines%d", (int) log2(1.0 + (double) r->n_sentences));
        add_named(f, size, 0.5);
        for (size_t k = 1; k < ROUTE_TOKEN_KINDS_N; k++)
                if (kinds[k][0] && r->n_kind[k] > 0)
                        add_named(f, kinds[k], 0.7);
        add_named(f, "#question", r->n_questions > 0 ? 0.7 : 0);
        add_named(f, "#asks", r->ends_asking ? 0.7 : 0);
        add_named(f, "#items", r->n_items > 1 ? 0.5 : 0);
        add_named(f, "#trace", r->is_trace ? 1 : 0);
}

void route_features(const RouteReading *r, const LexiconMatches *m, const double points[ROUTE_AGENTS_N],
                    RouteFeatures *ret)
{
        double shares[ROUTE_AGENTS_N],
                value = 1.4 / sqrt(1 + (double) MIN2(r->n, (size_t) ROUTE_FEATURE_WORDS) / 10);

        ret->n = 0;
        route_softmax(points, 1.6, shares);
        for (size_t a = 0; a < ROUTE_AGENTS_N; a++) {
                char name[] = {'#', 'k', (char) ('0' + a), '\0'}, top[] = {'#', 't', (char) ('0' + a), '\0'};

                add_named(ret, name, points[a] > 0 ? MIN2(points[a], 8.0) * 0.3 : 0);
                add_named(ret, top, shares[a] * 1.5);
        }
        add_shape(ret, r);
        add_head(ret, r);
        add_matches(ret, r, m);
        for (size_t i = 0; i < r->n && i < ROUTE_FEATURE_WORDS; i++) {
                add_word(ret, r, i, value);
                add_pairs(ret, r, i, value * 0.6);
        }
}

/* ---- what the model says ---- */

void route_model_score(const RouteModel *model, const RouteFeatures *f, double ret[ROUTE_AGENTS_N])
{
        for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                ret[a] = 0;
        for (size_t i = 0; i < f->n; i++)
                for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                        ret[a] += (double) f->all[i].value * model->weights[f->all[i].bucket][a];
        for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                ret[a] *= (double) model->scale;
}

double route_model_weigh_word(const RouteModel *model, const RouteToken *t, RouteAgent agent)
{
        const int16_t *word = model->weights[bucket_of(hash_word("w", t))],
                      *head = model->weights[bucket_of(hash_word("h", t))];
        double sum = 0, others = 0;

        for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                *(a == agent ? &sum : &others) += word[a] + 0.5 * head[a];
        return (sum - others / (ROUTE_AGENTS_N - 1)) * (double) model->scale;
}

/* ---- the file ---- */

/* Little endian: "OSRM", version, fingerprint of the lexicon and the features, texts, right, keywords right,
 * serves, temperature, scale, buckets, agents; the weights; SHA-256 of all before it. */
#define MAGIC        "OSRM"
#define HEAD_BYTES   44
#define DIGEST_BYTES 32
#define FILE_BYTES   (HEAD_BYTES + ROUTE_BUCKETS * ROUTE_AGENTS_N * 2 + DIGEST_BYTES)
_Static_assert(FILE_BYTES < ROUTE_MODEL_BYTES_MAX, "larger than promised");

/* A model belongs to the lexicon that it was trained with: what the keywords find is among its features. */
static uint32_t fingerprint(void)
{
        uint32_t h = hash_of("features 2");

        for (size_t i = 0; i < route_lexicon_n; i++) {
                h = hash_on(h, route_lexicon[i].name, strlen(route_lexicon[i].name));
                h = hash_on(h, route_lexicon[i].phrases, strlen(route_lexicon[i].phrases));
        }
        return h;
}

static void put_u32(Buf *out, uint32_t v)
{
        unsigned char b[] = {v & 0xff, v >> 8 & 0xff, v >> 16 & 0xff, v >> 24};

        buf_append(out, b, sizeof(b));
}

static void put_float(Buf *out, float f)
{
        uint32_t v;

        memcpy(&v, &f, sizeof(v));
        put_u32(out, v);
}

static uint32_t get_u32(const unsigned char *b)
{
        return (uint32_t) b[0] | (uint32_t) b[1] << 8 | (uint32_t) b[2] << 16 | (uint32_t) b[3] << 24;
}

static float get_float(const unsigned char *b)
{
        uint32_t v = get_u32(b);
        float f;

        memcpy(&f, &v, sizeof(f));
        return f;
}

void route_model_write(const RouteModel *m, Buf *out)
{
        uint8_t digest[DIGEST_BYTES];
        size_t start = buf_len(out);

        buf_append(out, MAGIC, 4);
        put_u32(out, ROUTE_MODEL_VERSION);
        put_u32(out, fingerprint());
        put_u32(out, m->n_texts);
        put_u32(out, m->n_right);
        put_u32(out, m->n_keywords_right);
        put_u32(out, m->serves);
        put_float(out, m->temperature);
        put_float(out, m->scale);
        put_u32(out, ROUTE_BUCKETS);
        put_u32(out, ROUTE_AGENTS_N);
        for (size_t i = 0; i < ROUTE_BUCKETS; i++)
                for (size_t a = 0; a < ROUTE_AGENTS_N; a++) {
                        uint16_t v = (uint16_t) m->weights[i][a];
                        unsigned char b[] = {v & 0xff, v >> 8};

                        buf_append(out, b, sizeof(b));
                }
        digest_sha256(buf_bytes(out) + start, buf_len(out) - start, digest);
        buf_append(out, digest, sizeof(digest));
}

static const char *check_head(const unsigned char *b, size_t n_bytes)
{
        uint8_t digest[DIGEST_BYTES];
        float temperature, scale;

        if (n_bytes < HEAD_BYTES || memcmp(b, MAGIC, 4) != 0)
                return "it is no routing model";
        if (get_u32(b + 4) != ROUTE_MODEL_VERSION)
                return "it is a routing model of another version";
        if (n_bytes != FILE_BYTES || get_u32(b + 36) != ROUTE_BUCKETS || get_u32(b + 40) != ROUTE_AGENTS_N)
                return "its size is wrong";
        digest_sha256(b, FILE_BYTES - DIGEST_BYTES, digest);
        if (memcmp(digest, b + FILE_BYTES - DIGEST_BYTES, DIGEST_BYTES) != 0)
                return "it is damaged: its checksum is wrong";
        if (get_u32(b + 8) != fingerprint())
                return "it was trained with another lexicon; train it again";
        temperature = get_float(b + 28);
        scale = get_float(b + 32);
        if (!isfinite(temperature) || temperature < 0.01f || temperature > 100 || !isfinite(scale) ||
            scale < 0 || scale > 1)
                return "its numbers make no sense";
        return NULL;
}

RouteModel *route_model_read(const void *bytes, size_t n_bytes, const char **ret_error)
{
        const unsigned char *b = bytes;
        const char *error = check_head(b, n_bytes);
        RouteModel *m;

        if (ret_error)
                *ret_error = error;
        if (error)
                return NULL;
        m = mem_new(RouteModel);
        m->n_texts = get_u32(b + 12);
        m->n_right = get_u32(b + 16);
        m->n_keywords_right = get_u32(b + 20);
        m->serves = get_u32(b + 24) == 1;
        m->temperature = get_float(b + 28);
        m->scale = get_float(b + 32);
        b += HEAD_BYTES;
        for (size_t i = 0; i < ROUTE_BUCKETS; i++)
                for (size_t a = 0; a < ROUTE_AGENTS_N; a++, b += 2)
                        m->weights[i][a] = (int16_t) (b[0] | b[1] << 8);
        return m;
}

void route_model_free(RouteModel *m)
{
        free(m);
}

bool route_model_serves(const RouteModel *m)
{
        return m && m->serves;
}

void route_model_report(const RouteModel *m, RouteModelReport *ret)
{
        *ret = (RouteModelReport){.n_texts = m->n_texts,
                                  .n_right = m->n_right,
                                  .n_keywords_right = m->n_keywords_right,
                                  .temperature = (double) m->temperature,
                                  .serves = m->serves};
}
