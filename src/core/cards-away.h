/* What is said of a time without a connection to Slack. Pure. */
#pragma once

#include "core/cards.h"

/* What came in one thread meanwhile. Times are those of the messages. */
typedef struct AwayCard {
        unsigned n; /* taken; they are being worked on */
        int64_t first_ms, last_ms, now_ms;
        unsigned n_stale; /* too old to be obeyed: only named */
        int64_t stale_ms; /* of the last of them */
} AwayCard;
/* "3 messages came while I was away (14:02–14:10); I am going through them now." Clock times appear in the
 * reader's own time zone; in the fallback text they are UTC. */
json_t *card_away(const AwayCard *m);

/* Something that was said meanwhile and is not done unasked. */
typedef struct OfferCard {
        const char *ref;      /* for the button */
        const char *said;     /* the message, quoted; cut at 300 characters */
        const char *user;     /* who said it: a Slack id; NULL */
        const char *why;      /* one sentence */
        const char *label;    /* of the button */
        const char *taken_by; /* who pressed it; NULL */
        bool expired;         /* not offered any more */
        int64_t said_ms, now_ms;
} OfferCard;
/* Button: "offer.take". */
json_t *card_offer(const OfferCard *m);
