/* The keywords: phrases with a weight per agent, and how they are found in a text. Inside the router only. */
#pragma once

#include "core/routing-text.h"

/* One line of the lexicon. `phrases` are separated by commas; a phrase is words separated by spaces, where
 *   word*      also what begins with it
 *   a/b/c*     one of these
 *   _          any one word
 *   ~          nothing, or up to three words of the same sentence
 *   ^ (first)  the phrase begins at the head of the text
 * Articles and their like in the text ("a", "the", "our", "new") are passed over between the words of a
 * phrase. Of the phrases that begin at one word the longest counts, and its words count for no other phrase:
 * so "design a button" is no "design". */
typedef struct LexiconGroup {
        const char *name;
        RouteAgent agent; /* ROUTE_AGENTS_N: for nobody by itself, but the learned model sees it */
        double weight;
        bool is_source; /* a thing that is also made use of: less where the text only refers to it */
        const char *phrases;
} LexiconGroup;

extern const LexiconGroup route_lexicon[];
extern const size_t route_lexicon_n;

#define LEXICON_GROUPS_MAX 96

typedef struct LexiconMatch {
        uint16_t group, at, last; /* tokens, both included */
        double weight;            /* in its context */
} LexiconMatch;

#define LEXICON_MATCHES_MAX 200

typedef struct LexiconMatches {
        LexiconMatch all[LEXICON_MATCHES_MAX]; /* in the order of the text */
        size_t n;
        bool covered[ROUTE_TOKENS_MAX];
} LexiconMatches;

void lexicon_match(const RouteReading *r, LexiconMatches *ret);
