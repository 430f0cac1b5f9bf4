#include "core/routing.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "core/routing-lexicon.h"

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

        for (size_t i = 0; i < r->n; i++) {
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

static void softmax(const double *points, double temperature, double *ret)
{
        double highest = points[0], sum = 0;

        for (size_t a = 1; a < ROUTE_AGENTS_N; a++)
                highest = MAX2(highest, points[a]);
        for (size_t a = 0; a < ROUTE_AGENTS_N; a++)
                sum += ret[a] = exp((points[a] - highest) / temperature);
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

static RouteAgent highest(const double *scores)
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

/* Up to three things that spoke most for the agent, then what follows from them. */
static void give_reasons(const RouteReading *r, const LexiconMatches *m, RouteDecision *d)
{
        bool told[LEXICON_MATCHES_MAX] = {false};
        char why[ROUTE_REASONS_BYTES_MAX - 60] = "", phrase[64];
        size_t n = 0;

        for (size_t k = 0; k < 3; k++) {
                const LexiconMatch *best = NULL;

                for (size_t i = 0; i < m->n; i++)
                        if (route_lexicon[m->all[i].group].agent == d->agent && m->all[i].weight > 0.2 &&
                            !told[i] && (!best || m->all[i].weight > best->weight))
                                best = &m->all[i];
                if (!best)
                        break;
                told[best - m->all] = true;
                append_phrase(r, best, phrase, sizeof(phrase));
                if (phrase[0] && !strstr(why, phrase) && n + strlen(phrase) + 2 < sizeof(why))
                        n += (size_t) snprintf(why + n, sizeof(why) - n, "%s%s", n ? ", " : "", phrase);
        }
        if (n == 0)
                snprintf(why, sizeof(why), "%s", r->is_trace ? "an error is quoted" : "no telling words");
        snprintf(d->reasons, sizeof(d->reasons), "%s \xe2\x86\x92 %s; complexity %s", why,
                 route_agent_name(d->agent), route_level_name(d->level));
}

/* ---- the decision ---- */

#define KEYWORDS_TEMPERATURE 1.6

void route_task(const RouteText *text, const RouteModel *learned, RouteDecision *ret)
{
        RouteReading r;
        LexiconMatches m;
        double points[ROUTE_AGENTS_N];

        (void) learned;
        *ret = (RouteDecision){.by = ROUTE_BY_KEYWORDS};
        route_read(text, &r);
        lexicon_match(&r, &m);
        score_keywords(&r, &m, points);
        softmax(points, KEYWORDS_TEMPERATURE, ret->scores);
        ret->agent = highest(ret->scores);
        ret->confidence = ret->scores[ret->agent];
        ret->complexity = complexity_of(&r, ret->agent);
        ret->level = ret->complexity >= COMPLEXITY_HIGH     ? ROUTE_HIGH
                     : ret->complexity >= COMPLEXITY_MEDIUM ? ROUTE_MEDIUM
                                                            : ROUTE_LOW;
        ret->profile = ret->agent == ROUTE_BUILDER && ret->level != ROUTE_HIGH ? ROUTE_QWEN : ROUTE_CLAUDE;
        give_reasons(&r, &m, ret);
}

const RouteModel *route_model_builtin(void)
{
        return NULL;
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
