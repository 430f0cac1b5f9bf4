/* Private to the cards: small pieces that several of them are made of. */
#pragma once

#include "base/buf.h"
#include "connectors/slack/block-kit.h"
#include "core/cards.h"

/* Appends data to inline elements of rich_text; what stands between `backticks` is set as code. */
void card_add_text(json_t *elements, const char *text, unsigned style);
/* A rich_text block of one section. */
json_t *card_rich(json_t *elements /* stolen */);
/* ":lock:" and a bold line; `rest` (NULL) follows it in normal weight. */
json_t *card_headline(const char *emoji /* NULL */, const char *bold, const char *rest);
/* One small line: `mrkdwn` of ours (NULL), then `plain` data (NULL). NULL when both are empty. */
json_t *card_small(const char *mrkdwn, const char *plain);
/* "Time left: 20 min (until 14:05)", the time in the reader's own zone; NULL when there is no limit. */
char *card_time_left(int64_t expires_ms, int64_t now_ms);
/* "<@U1>", or NULL for what is no Slack id. */
char *card_mention(const char *user_id);
/* Of a state: the emoji's name, and the word of lists. Static. */
const char *card_state_emoji(SessionState s);
const char *card_state_word(SessionState s);
/* "by <@U1>" or "in OpenCode". */
char *card_by(const char *user_id);
