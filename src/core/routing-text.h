/* A task text as the router reads it: folded words, what is no word (code, files, addresses, tickets), and
 * the head, the word that says what is to be done. Inside the router only. */
#pragma once

#include "core/routing.h"

#define ROUTE_TOKENS_MAX     640
#define ROUTE_WORD_BYTES_MAX 40 /* the rest of a longer word is cut */

typedef enum RouteTokenKind {
        ROUTE_TOKEN_WORD,
        ROUTE_TOKEN_NUMBER,
        ROUTE_TOKEN_IDENTIFIER, /* camelCase, snake_case, call() */
        ROUTE_TOKEN_FILE,       /* "src/a.c", "Dockerfile" */
        ROUTE_TOKEN_CODE,       /* in backquotes, or a fence */
        ROUTE_TOKEN_URL,
        ROUTE_TOKEN_TICKET, /* "ABC-123", "#7" */
        ROUTE_TOKEN_KINDS_N,
} RouteTokenKind;

typedef struct RouteToken {
        const char *s; /* lower case, without accents; "" for what is no word; in the reading's buffer */
        uint8_t n, kind;
        bool starts;    /* a sentence, a line, an item */
        bool is_filler; /* "a", "the", "our", "new" …: what may stand between the words of a phrase */
        uint16_t sentence;
} RouteToken;

typedef struct RouteReading {
        RouteToken tokens[ROUTE_TOKENS_MAX];
        size_t n, head; /* head == n: the text has none */
        size_t n_kind[ROUTE_TOKEN_KINDS_N];
        size_t n_sentences, n_questions, n_items, n_bytes;
        bool is_trace;    /* a stack trace, a panic, an exception is quoted */
        bool ends_asking; /* the last mark of the first sentence, or of the text, is a question mark */
        char buffer[ROUTE_TITLE_BYTES_MAX + ROUTE_DESCRIPTION_BYTES_MAX + 2 * ROUTE_TOKENS_MAX + 8];
        size_t n_buffer;
} RouteReading;

void route_read(const RouteText *text, RouteReading *ret);

/* Whether the word is one of a list, given as " a b c ". */
bool route_token_is(const RouteToken *t, const char *list);
