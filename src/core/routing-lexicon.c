#include "core/routing-lexicon.h"

#include <pthread.h>

/* ---- the lexicon, indexed by the first two letters of each phrase ---- */

#define PHRASE_WORDS_MAX 10
#define GAP_TOKENS_MAX   3
#define BUCKETS          1024

typedef struct Slice {
        const char *s;
        size_t n;
} Slice;

typedef struct Phrase {
        Slice words[PHRASE_WORDS_MAX]; /* in the lexicon's own text */
        size_t n;
        uint16_t group;
        bool head_only;
} Phrase;

/* One way in which a phrase may begin. */
typedef struct Entry {
        Slice first; /* without its star */
        uint16_t phrase;
        bool stem;
} Entry;

typedef struct Bucket {
        Entry *entries;
        size_t n;
} Bucket;

static struct {
        pthread_once_t once;
        Phrase *phrases;
        size_t n;
        Bucket buckets[BUCKETS];
} index_of = {.once = PTHREAD_ONCE_INIT};

static size_t bucket_of(const char *s, size_t n)
{
        return ((size_t) (unsigned char) s[0] * 37 + (n > 1 ? (unsigned char) s[1] : 0)) % BUCKETS;
}

/* The piece of `s` up to `end`; moves `s` behind it. */
static Slice cut(Slice *s, char end)
{
        Slice piece = {s->s, 0};

        while (piece.n < s->n && s->s[piece.n] != end)
                piece.n++;
        s->s += MIN2(piece.n + 1, s->n);
        s->n -= MIN2(piece.n + 1, s->n);
        return piece;
}

/* Takes the star from the end of a word. */
static bool take_star(Slice *word)
{
        bool stem = word->n > 1 && word->s[word->n - 1] == '*';

        word->n -= stem;
        return stem;
}

static bool begins_or_is(const RouteToken *t, Slice word, bool stem)
{
        return (stem ? t->n >= word.n : t->n == word.n) && memcmp(t->s, word.s, word.n) == 0;
}

static void add_to_bucket(Slice first, uint16_t phrase)
{
        Bucket *b = &index_of.buckets[bucket_of(first.s, first.n)];
        bool stem = take_star(&first);

        b->entries = mem_resize(b->entries, (b->n + 1) * sizeof(*b->entries));
        b->entries[b->n++] = (Entry){.first = first, .phrase = phrase, .stem = stem};
}

static void index_phrase(Slice text, uint16_t group)
{
        Phrase p = {.group = group};
        Slice alternatives;

        while (text.n > 0 && text.s[0] == ' ')
                text = (Slice){text.s + 1, text.n - 1};
        if (text.n > 0 && text.s[0] == '^') {
                p.head_only = true;
                text = (Slice){text.s + 1, text.n - 1};
        }
        while (text.n > 0 && p.n < PHRASE_WORDS_MAX) {
                Slice word = cut(&text, ' ');

                if (word.n > 0)
                        p.words[p.n++] = word;
        }
        if (p.n == 0)
                return;
        index_of.phrases = mem_resize(index_of.phrases, (index_of.n + 1) * sizeof(p));
        index_of.phrases[index_of.n] = p;
        alternatives = p.words[0];
        while (alternatives.n > 0)
                add_to_bucket(cut(&alternatives, '/'), (uint16_t) index_of.n);
        index_of.n++;
}

/* Once for the whole process; what it allocates is kept. */
static void build_index(void)
{
        for (size_t g = 0; g < route_lexicon_n; g++) {
                Slice left = {route_lexicon[g].phrases, strlen(route_lexicon[g].phrases)};

                while (left.n > 0)
                        index_phrase(cut(&left, ','), (uint16_t) g);
        }
}

/* ---- a phrase at a place ---- */

static bool word_matches(Slice pattern, const RouteToken *t)
{
        if (pattern.n == 1 && pattern.s[0] == '_')
                return true;
        while (pattern.n > 0) {
                Slice one = cut(&pattern, '/');
                bool stem = take_star(&one);

                if (begins_or_is(t, one, stem))
                        return true;
        }
        return false;
}

typedef struct Found {
        size_t last, n_words;
        size_t tokens[PHRASE_WORDS_MAX];
} Found;

/* The words of `p` from `word` on, at the token `at` or, behind fillers and a gap, later in the same
 * sentence. */
static bool match_from(const Phrase *p, const RouteReading *r, size_t word, size_t at, Found *ret)
{
        size_t gap = 0, sentence = r->tokens[ret->tokens[0]].sentence;

        for (; word < p->n; word++) {
                if (p->words[word].n == 1 && p->words[word].s[0] == '~') {
                        gap = GAP_TOKENS_MAX;
                        continue;
                }
                while (at < r->n && r->tokens[at].sentence == sentence &&
                       !word_matches(p->words[word], &r->tokens[at]) &&
                       (gap > 0 || r->tokens[at].is_filler)) {
                        gap -= !r->tokens[at].is_filler;
                        at++;
                }
                if (at >= r->n || r->tokens[at].sentence != sentence ||
                    !word_matches(p->words[word], &r->tokens[at]))
                        return false;
                ret->tokens[ret->n_words++] = ret->last = at++;
                gap = 0;
        }
        return true;
}

/* The longest phrase that begins at token `at`; NULL when there is none. */
static const Phrase *longest_at(const RouteReading *r, size_t at, Found *ret)
{
        const RouteToken *t = &r->tokens[at];
        const Bucket *b;
        const Phrase *best = NULL;
        size_t best_bytes = 0;

        if (t->n == 0)
                return NULL;
        b = &index_of.buckets[bucket_of(t->s, t->n)];
        for (size_t i = 0; i < b->n; i++) {
                const Entry *e = &b->entries[i];
                const Phrase *p = &index_of.phrases[e->phrase];
                Found found;
                size_t bytes = 0;

                if (!begins_or_is(t, e->first, e->stem) || (p->head_only && at != r->head))
                        continue;
                found.last = found.tokens[0] = at;
                found.n_words = 1;
                if (!match_from(p, r, 1, at + 1, &found))
                        continue;
                for (size_t k = 0; k < found.n_words; k++)
                        bytes += r->tokens[found.tokens[k]].n + 8u;
                /* Of two as long the one that somebody decided about: an agent's before nobody's. */
                bytes = bytes * 4 + (route_lexicon[p->group].agent != ROUTE_AGENTS_N) * 2 + p->head_only;
                if (bytes > best_bytes) {
                        best_bytes = bytes;
                        best = p;
                        *ret = found;
                }
        }
        return best;
}

/* ---- context ---- */

static bool follows(const RouteReading *r, size_t at, size_t reach, const char *words)
{
        for (size_t i = 1; i <= reach && i <= at; i++) {
                const RouteToken *t = &r->tokens[at - i];

                if (t->sentence != r->tokens[at].sentence)
                        return false;
                if (route_token_is(t, words))
                        return true;
        }
        return false;
}

static bool precedes(const RouteReading *r, size_t last, size_t reach, const char *words)
{
        for (size_t i = 1; i <= reach && last + i < r->n; i++) {
                const RouteToken *t = &r->tokens[last + i];

                if (t->sentence != r->tokens[last].sentence)
                        return false;
                if (route_token_is(t, words))
                        return true;
        }
        return false;
}

/* "don't build anything yet", "the architecture we agreed on": what is said about the phrase around it. */
static double context_of(const RouteReading *r, const LexiconGroup *g, size_t at, size_t last)
{
        double k = 1;

        if (g->agent != ROUTE_BUILDER || at == r->head) {
                if (follows(r, at, 2, " dont without never nor "))
                        k *= -0.5;
                else if (follows(r, at, 3, " not rather instead before no skip kein keine ohne sans sin "))
                        k *= 0.1;
        }
        if (g->agent == ROUTE_BUILDER && follows(r, at, 3, " dont not without before instead "))
                k *= 0.3;
        if (g->is_source &&
            (follows(r, at, 4, " per following based according from implements matches attached see ") ||
             precedes(r, last, 3, " agreed approved attached linked says states specifies ")))
                k *= 0.3;
        if (at == r->head)
                k *= 1.3;
        else if (r->tokens[at].sentence == 0)
                k *= 1.2;
        else if (at > 200)
                k *= 0.3;
        else if (at > 80)
                k *= 0.6;
        return k;
}

void lexicon_match(const RouteReading *r, LexiconMatches *ret)
{
        unsigned seen[LEXICON_GROUPS_MAX] = {0};

        pthread_once(&index_of.once, build_index);
        ret->n = 0;
        memset(ret->covered, 0, sizeof(ret->covered));
        for (size_t at = 0; at < r->n && ret->n < LEXICON_MATCHES_MAX; at++) {
                Found found = {0};
                const Phrase *p = ret->covered[at] ? NULL : longest_at(r, at, &found);
                const LexiconGroup *g;

                if (!p)
                        continue;
                g = &route_lexicon[p->group];
                for (size_t i = 0; i < found.n_words; i++)
                        ret->covered[found.tokens[i]] = true;
                /* The same thing said again says less. */
                ret->all[ret->n++] = (LexiconMatch){.group = p->group,
                                                    .at = (uint16_t) at,
                                                    .last = (uint16_t) found.last,
                                                    .weight = g->weight * context_of(r, g, at, found.last) /
                                                              (1 + seen[p->group])};
                seen[p->group] += g->weight > 0;
        }
}
