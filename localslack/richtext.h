/* The elements of rich_text blocks: what a person's mrkdwn text and an app's Markdown have in common. Pure.
 */
#pragma once

#include "base/json.h"

/* Appends `text`, which is not escaped, to a section's elements; a text with the same style is continued.
 * `style` (borrowed, may be NULL): {"bold": true, …}. */
void richtext_put(json_t *elements, const char *text, size_t n_bytes, const json_t *style);
/* The same, with the tokens inside made elements: <@U…>, <#C…>, <!here>, <!subteam^S…>, <https://…|label>. */
void richtext_put_tokens(json_t *elements, const char *text, size_t n_bytes, const json_t *style);

/* [one rich_text block] for a text in Slack's wire form: tokens become elements, the rest is unescaped. */
json_t *richtext_from_mrkdwn(const char *text);
/* The text with bare & escaped, as Slack stores what an app posts; owned. */
char *richtext_escape(const char *text);
/* What a reader without blocks sees: the texts of all elements, one after the other; owned. */
char *richtext_plain(const json_t *elements);
