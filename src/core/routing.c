#include "core/routing.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "core/routing-model.h"
#include "core/routing-train.h"

/* ---- names ---- */

const char *route_agent_name(RouteAgent agent)
{
        static const char *const names[ROUTE_AGENTS_N] = {"architect", "pm", "builder", "party-mode"};

        return agent < ROUTE_AGENTS_N ? names[agent] : "?";
}

RouteAgent route_agent_named(const char *name)
{
        static const struct {
                const char *name;
                RouteAgent agent;
        } names[] = {
                {"architect", ROUTE_ARCHITECT},
                {"architecture", ROUTE_ARCHITECT},
                {"pm", ROUTE_PM},
                {"product", ROUTE_PM},
                {"product-manager", ROUTE_PM},
                {"builder", ROUTE_BUILDER},
                {"build", ROUTE_BUILDER},
                {"dev", ROUTE_BUILDER},
                {"developer", ROUTE_BUILDER},
                {"party-mode", ROUTE_PARTY_MODE},
                {"party_mode", ROUTE_PARTY_MODE},
                {"party mode", ROUTE_PARTY_MODE},
                {"party", ROUTE_PARTY_MODE},
                {"partymode", ROUTE_PARTY_MODE},
        };

        for (size_t i = 0; i < ELEMENTSOF(names) && name; i++)
                if (strcasecmp(name, names[i].name) == 0)
                        return names[i].agent;
        return ROUTE_AGENTS_N;
}

const char *route_profile_name(RouteProfile profile)
{
        return profile == ROUTE_QWEN ? "qwen" : "claude";
}

const char *route_level_name(RouteLevel level)
{
        return level == ROUTE_HIGH ? "high" : level == ROUTE_MEDIUM ? "medium" : "low";
}

const char *route_by_name(RouteBy by)
{
        return by == ROUTE_BY_LEARNED ? "learned" : "keywords";
}

/* ---- complexity ---- */

#define COMPLEXITY_MEDIUM 35
#define COMPLEXITY_WORDS  250 /* of the text, from its start, that are weighed */
#define COMPLEXITY_HIGH   65

static const char hard_words[] =
        " distributed concurrency concurrent parallel multi tenant tenants migration migrate migrating security encryption auth "
        "authentication authorization permissions realtime real transaction transactions consistency zero downtime legacy "
        "performance latency race deadlock memory leak payment payments billing compliance gdpr hipaa pci scale scaling scalable "
        "architecture algorithm protocol synchronization sync conflict offline replication sharding kernel compiler parser crypto "
        "refactor rewrite services microservices platform across entire whole every all integration integrate "
        "pipeline streaming kafka kubernetes cluster failover recovery machine learning model training inference embedded "
        "interrupt protocol thread threads cache invalidation backwards compatible compatibility ";
static const char easy_words[] =
        " typo small tiny quick simple trivial minor easy rename bump tweak color colour text label wording copy readme comment "
        "spacing padding margin icon link tooltip placeholder lint just only little single cosmetic font logo favicon ";

/* From what the words say about the work, and how much of it is described. */
static int complexity_of(const RouteReading *r, RouteAgent agent)
{
        double hard = 0, easy = 0, size = log2(1.0 + (double) r->n / 8.0), points;

        for (size_t i = 0; i < r->n && i < COMPLEXITY_WORDS; i++) {
                hard += route_token_is(&r->tokens[i], hard_words);
                easy += route_token_is(&r->tokens[i], easy_words);
        }
        points = 18 + 6 * size + 9 * sqrt(hard * 2) - 9 * sqrt(easy * 2);
        points += 2.0 * (double) MIN2(r->n_items, (size_t) 8) +
                  3.0 * (double) MIN2(r->n_kind[ROUTE_TOKEN_FILE], (size_t) 4);
        points += r->is_trace ? 5 : 0;
        points += agent == ROUTE_ARCHITECT ? 12 : agent == ROUTE_BUILDER ? 0 : 4;
        return points < 0 ? 0 : points > 100 ? 100 : (int) points;
}

/* ---- the keywords ---- */

void route_softmax(const double points[ROUTE_AGENTS_N], double temperature, double ret[ROUTE_AGENTS_N])
{
        double top = points[0], sum = 0;

        for (size_t a = 1; a < ROUTE_AGENTS_N; a++)
                top = MAX2(top, points[a]);
        for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                sum += ret[a] = exp((points[a] - top) / temperature);
        for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                ret[a] /= sum;
}

static void score_keywords(const RouteReading *r, const LexiconMatches *m, double *ret)
{
        static const double prior[ROUTE_AGENTS_N] = {0, 0, 1.0, -0.2};

        memcpy(ret, prior, sizeof(prior));
        for (size_t i = 0; i < m->n; i++)
                if (route_lexicon[m->all[i].group].agent < ROUTE_AGENTS_N)
                        ret[route_lexicon[m->all[i].group].agent] += m->all[i].weight;
        /* What can be pasted only by somebody who has it in front of them. */
        ret[ROUTE_BUILDER] += 1.0 * r->is_trace + 0.8 * (r->n_kind[ROUTE_TOKEN_FILE] > 0) +
                              0.6 * (r->n_kind[ROUTE_TOKEN_IDENTIFIER] > 0) +
                              0.5 * (r->n_kind[ROUTE_TOKEN_CODE] > 0);
}

RouteAgent route_highest(const double scores[ROUTE_AGENTS_N])
{
        RouteAgent best = ROUTE_BUILDER;

        for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                if (scores[a] > scores[best])
                        best = (RouteAgent) a;
        return best;
}

/* ---- reasons ---- */

static bool is_plain(const RouteToken *t)
{
        for (size_t i = 0; i < t->n; i++)
                if ((unsigned char) t->s[i] >= 0x80)
                        return false;
        return t->n > 0 && t->n <= 24;
}

/* The words of a match as they are in the text: "trade off". */
static void append_phrase(const RouteReading *r, const LexiconMatch *m, char *out, size_t size)
{
        size_t n = 0;

        out[0] = '\0';
        for (size_t i = m->at; i <= m->last && n + r->tokens[i].n + 2 < size; i++)
                if (is_plain(&r->tokens[i]))
                        n += (size_t) snprintf(out + n, size - n, "%s%s", n ? " " : "", r->tokens[i].s);
}

typedef struct Reasons {
        char text[ROUTE_REASONS_BYTES_MAX - 60];
        size_t n_bytes, n;
} Reasons;

static void add_reason(Reasons *why, const char *phrase)
{
        if (phrase[0] == '\0' || strstr(why->text, phrase) ||
            why->n_bytes + strlen(phrase) + 3 > sizeof(why->text))
                return;
        why->n_bytes += (size_t) snprintf(why->text + why->n_bytes, sizeof(why->text) - why->n_bytes, "%s%s",
                                          why->n ? ", " : "", phrase);
        why->n++;
}

/* The phrases that spoke most for the agent. */
static void add_phrases(const RouteReading *r, const LexiconMatches *m, RouteAgent agent, Reasons *why)
{
        bool told[LEXICON_MATCHES_MAX] = {false};
        char phrase[64];

        while (why->n < 3) {
                const LexiconMatch *best = NULL;

                for (size_t i = 0; i < m->n; i++)
                        if (route_lexicon[m->all[i].group].agent == agent && m->all[i].weight > 0.2 &&
                            !told[i] && (!best || m->all[i].weight > best->weight))
                                best = &m->all[i];
                if (!best)
                        return;
                told[best - m->all] = true;
                append_phrase(r, best, phrase, sizeof(phrase));
                add_reason(why, phrase);
        }
}

/* The words that the model learned to see as the agent's. */
static void add_learned_words(const RouteReading *r, const RouteModel *model, RouteAgent agent, Reasons *why)
{
        bool told[ROUTE_TOKENS_MAX] = {false};
        char word[32];

        for (size_t k = 0; k < 2; k++) {
                size_t best = r->n;
                double most = 0.15;

                for (size_t i = 0; i < r->n && i < ROUTE_FEATURE_WORDS; i++) {
                        double w = told[i] || !is_plain(&r->tokens[i]) || r->tokens[i].n < 4
                                           ? 0
                                           : route_model_weigh_word(model, &r->tokens[i], agent);

                        if (w > most) {
                                most = w;
                                best = i;
                        }
                }
                if (best == r->n)
                        return;
                told[best] = true;
                snprintf(word, sizeof(word), "%s", r->tokens[best].s);
                add_reason(why, word);
        }
}

/* Up to three things that spoke for the agent, then what follows from them. */
static void give_reasons(const RouteReading *r, const LexiconMatches *m, const RouteModel *model,
                         RouteDecision *d)
{
        Reasons why = {0};

        add_phrases(r, m, d->agent, &why);
        if (model && why.n == 0)
                add_learned_words(r, model, d->agent, &why);
        if (why.n == 0)
                add_reason(&why, r->is_trace ? "an error is quoted" : "no telling words");
        snprintf(d->reasons, sizeof(d->reasons), "%s \xe2\x86\x92 %s; complexity %s", why.text,
                 route_agent_name(d->agent), route_level_name(d->level));
}

/* ---- the decision ---- */

#define KEYWORDS_TEMPERATURE 1.0 /* at which the train texts surprise the keywords least */

void route_features_of(const RouteText *text, double ret_points[ROUTE_AGENTS_N], RouteFeatures *ret)
{
        RouteReading r;
        LexiconMatches m;

        route_read(text, &r);
        lexicon_match(&r, &m);
        score_keywords(&r, &m, ret_points);
        route_features(&r, &m, ret_points, ret);
}

static void decide(const RouteReading *r, const LexiconMatches *m, const RouteModel *model,
                   RouteDecision *ret)
{
        double points[ROUTE_AGENTS_N];
        RouteFeatures f;

        score_keywords(r, m, points);
        if (model) {
                route_features(r, m, points, &f);
                route_model_score(model, &f, points);
                route_softmax(points, (double) model->temperature, ret->scores);
                ret->by = ROUTE_BY_LEARNED;
        } else
                route_softmax(points, KEYWORDS_TEMPERATURE, ret->scores);
        ret->agent = route_highest(ret->scores);
        ret->confidence = ret->scores[ret->agent];
}

void route_decide(const RouteText *text, const RouteModel *model, RouteDecision *ret)
{
        RouteReading r;
        LexiconMatches m;

        *ret = (RouteDecision){.by = ROUTE_BY_KEYWORDS};
        route_read(text, &r);
        lexicon_match(&r, &m);
        decide(&r, &m, model, ret);
        ret->complexity = complexity_of(&r, ret->agent);
        ret->level = ret->complexity >= COMPLEXITY_HIGH     ? ROUTE_HIGH
                     : ret->complexity >= COMPLEXITY_MEDIUM ? ROUTE_MEDIUM
                                                            : ROUTE_LOW;
        ret->profile = ret->agent == ROUTE_BUILDER && ret->level != ROUTE_HIGH ? ROUTE_QWEN : ROUTE_CLAUDE;
        give_reasons(&r, &m, model, ret);
}

void route_task(const RouteText *text, const RouteModel *learned, RouteDecision *ret)
{
        route_decide(text, route_model_serves(learned) ? learned : NULL, ret);
}

/* Four digits are enough for people, and the same on every machine. */
static json_t *rounded(double value)
{
        return json_real(floor(value * 10000 + 0.5) / 10000);
}

json_t *route_decision_json(const RouteDecision *d)
{
        json_t *out = json_pack("{s:i, s:s, s:s, s:i, s:s}", "v", 1, "agent", route_agent_name(d->agent),
                                "model", route_profile_name(d->profile), "complexity", d->complexity, "level",
                                route_level_name(d->level));
        json_t *scores = json_object();

        for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                json_object_set_new(scores, route_agent_name((RouteAgent) a), rounded(d->scores[a]));
        json_object_set_new(out, "confidence", rounded(d->confidence));
        json_object_set_new(out, "scores", scores);
        json_object_set_new(out, "by", json_string(route_by_name(d->by)));
        json_object_set_new(out, "reasons", json_string(d->reasons));
        return out;
}
