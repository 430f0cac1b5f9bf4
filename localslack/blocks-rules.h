/* The shapes of Block Kit as a table: one row per field of a block, element or composition object, after
 * reference §4.2, §5 and the types of Slack's JavaScript SDK. Read by blocks.c only. */
#pragma once

#include "base/macro.h"

typedef enum RuleKind {
        RULE_STRING, /* min..max characters */
        RULE_ENUM,   /* one of `types` */
        RULE_BOOL,
        RULE_INT, /* min..max */
        RULE_NUMBER,
        RULE_URL, /* with a scheme; at most max characters */
        RULE_HTTPS,
        RULE_DATE,      /* "2026-08-31" */
        RULE_TIME,      /* "23:59" */
        RULE_TIMESTAMP, /* seconds since the epoch, ten digits */
        RULE_PLAIN,     /* plain_text object, min..max characters */
        RULE_TEXT,      /* plain_text or mrkdwn object, min..max characters */
        RULE_OBJECT,    /* one object of one of `types` */
        RULE_ARRAY,     /* min..max objects of one of `types` */
        RULE_STRINGS,   /* min..max texts */
        RULE_ROWS,      /* min..max rows of at most 20 table cells, whose kinds are `types` */
        RULE_ANY        /* not looked at */
} RuleKind;

typedef struct Rule {
        const char *field;
        RuleKind kind;
        bool required;
        unsigned min, max;
        const char *types; /* separated by | */
} Rule;

/* Where a block may stand, as bits. */
#define ON_MESSAGE 1u
#define ON_MODAL   2u
#define ON_HOME    4u
#define ON_VIEWS   (ON_MODAL | ON_HOME)
#define ON_ALL     (ON_MESSAGE | ON_VIEWS)
#define ON_INSIDE  0u /* only inside of others: an element, or an object without a type of its own */

typedef struct RuleType {
        const char *name;
        unsigned surfaces;
        const Rule *rules;
        size_t n;
        bool is_open;  /* fields that are not in the table are not complained about */
        bool has_type; /* the object says its own type */
} RuleType;

/* NULL: no such type. */
const RuleType *rules_find(const char *name);
const RuleType *rules_at(size_t i); /* NULL beyond the end */
