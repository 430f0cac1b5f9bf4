/* Block Kit, built without ceremony and never beyond Slack's limits (texts are cut at a character boundary with
 * "…"). Pure. https://docs.slack.dev/reference/block-kit */
#pragma once

#include "base/json.h"

/* & < > for `text` and mrkdwn (https://docs.slack.dev/messaging/formatting-message-text); also neutralises the
 * plain words @channel, @here, @everyone with a zero-width space. Owned. */
char *slack_escape(const char *text);
/* Cuts at max_chars Unicode characters, "…" included. Owned. */
char *slack_cut(const char *text, size_t max_chars);
/* &amp; &lt; &gt; of incoming text back to characters, once. <@U1|name>, <#C1|name>, <https://x|label> become
 * readable text ("@name" / "#name" / "https://x"); bare <@U1> stays as it is. Owned. */
char *slack_text_plain(const char *text);

json_t *block_section(const char *mrkdwn);                 /* cut at 3,000; `mrkdwn` is ours or escaped */
json_t *block_section_accessory(const char *mrkdwn, json_t *accessory /* stolen */);
json_t *block_header(const char *plain);
json_t *block_divider(void);
json_t *block_context(const char *mrkdwn);
json_t *block_actions(const char *block_id /* NULL */, json_t *elements /* stolen, ≤ 25 */);
json_t *block_input(const char *block_id, const char *label, json_t *element /* stolen */, bool optional);
json_t *block_preformatted(const char *text, size_t max_lines); /* rich_text_preformatted; "… n more lines" */
json_t *block_rich_text(json_t *elements /* stolen array of rich_text_section etc. */);

typedef enum ButtonStyle { BUTTON_PLAIN, BUTTON_PRIMARY, BUTTON_DANGER } ButtonStyle;
json_t *element_button(const char *action_id, const char *text, const char *value, ButtonStyle style);
json_t *element_link_button(const char *action_id, const char *text, const char *url);
json_t *element_confirm(json_t *button /* borrowed: changed in place, returned */, const char *title, const char *text,
                        const char *yes, const char *no);
json_t *element_option(const char *text, const char *value, const char *description /* NULL */);
json_t *element_text_input(const char *action_id, const char *placeholder, bool multiline);

json_t *slack_message(const char *text, json_t *blocks /* stolen */); /* {"text","blocks"} */
