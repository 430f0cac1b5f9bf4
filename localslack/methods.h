/* What Slack asks of a call before the method itself runs, one row per method: the kinds of token, the
 * scopes, the encodings, the rate tier and the required arguments (reference §3.2 and Appendix A). Pure. */
#pragma once

#include "state.h"

/* Kinds of token, as bits. */
#define TOKEN_NONE   0u /* the method asks for none */
#define TOKEN_BOT    1u /* xoxb- */
#define TOKEN_USER   2u /* xoxp- */
#define TOKEN_APP    4u /* xapp- */
#define TOKEN_CONFIG 8u /* xoxe.xoxp-: of app configurations */

/* How a call may come, as bits. A form (urlencoded or multipart) and a query string are always read; a GET is
 * served for every method that does not insist on POST, whatever the documentation prefers. */
#define CALL_JSON 1u /* a JSON body; where it is not read, its arguments are missing */
#define CALL_POST 2u /* a GET is an insecure_request */

typedef enum Tier {
        TIER_NONE,  /* not limited */
        TIER_1,     /* 1 call per minute */
        TIER_2,     /* 20 */
        TIER_3,     /* 50 */
        TIER_4,     /* 100 */
        TIER_600,   /* 600: auth.test, chat.getPermalink */
        TIER_POST,  /* chat.postMessage: one a second per channel, and the workspace's */
        TIER_STATUS /* 60 per minute and channel */
} Tier;

/* Scopes are alternatives separated by commas. "kind:read" stands for the scope of the channel's kind:
 * channels:read, groups:read, im:read or mpim:read; "kind:write" is channels:manage for bots. NULL: none. */
typedef struct Method {
        const char *name;
        unsigned tokens, calls;
        Tier tier;
        const char *bot_scopes, *user_scopes;
        /* "channel,ts": without these the method does not run. They are texts, but for "view:any". */
        const char *required;
} Method;

/* NULL: there is no such method. */
const Method *method_find(const char *name);
const Method *method_at(size_t i); /* NULL beyond the end */

/* A token's kind by its prefix; TOKEN_NONE: not a token. */
unsigned token_kind(const char *token);

/* The scopes, any of which is enough for this kind of token on a channel of this kind (CHANNEL_KINDS: of any
 * kind). Owned; "" when none is needed. */
#define CHANNEL_KINDS ((ChannelKind) 4)
char *method_scopes(const Method *m, unsigned token, ChannelKind kind);
/* Is one of `needed` among `granted` (NULL: all are)? Lists separated by commas; no needed one is fine. */
bool scopes_suffice(const char *needed, const char *granted);
/* All scopes of bots (or users) that some method asks for, sorted: what is granted unless said otherwise. */
char *methods_list_scopes(unsigned token);
