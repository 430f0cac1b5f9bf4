/* Block Kit, built without ceremony and never beyond Slack's limits (texts are cut at a character boundary
 * with "…"). Pure. https://docs.slack.dev/reference/block-kit
 *
 * Every text given to these functions may be any bytes: it is made valid and visible by slack_clean() on the
 * way in. A text may be NULL, which is like "". Slack refuses empty texts, so an empty one becomes "(no
 * text)". Objects of mrkdwn are `verbatim`: Slack turns neither bare addresses nor @names in them into
 * anything. */
#pragma once

#include "base/json.h"

#define SLACK_BLOCKS_MAX         50    /* of a message */
#define SLACK_MESSAGE_CHARS_MAX  12000 /* over all texts of all blocks of a message */
#define SLACK_SECTION_CHARS_MAX  3000
#define SLACK_FALLBACK_CHARS_MAX 3000
#define SLACK_HEADER_CHARS_MAX   150
#define SLACK_BUTTON_CHARS_MAX   75
#define SLACK_OPTION_CHARS_MAX   75
#define SLACK_OPTIONS_MAX        100
#define SLACK_CHOICES_MAX        10 /* of radio_buttons and checkboxes */
#define SLACK_URL_CHARS_MAX      3000
#define SLACK_TABLE_ROWS_MAX     100
#define SLACK_TABLE_COLUMNS_MAX  20
#define SLACK_TABLE_CHARS_MAX    10000

/* Valid UTF-8 whose every character can be seen: invalid bytes and bidirectional overrides (which can make a
 * command read differently than it runs) become U+FFFD, control characters their pictures (␛), CR and CRLF a
 * newline. Idempotent. Owned. */
char *slack_clean(const char *text, size_t n_bytes);
/* Length as Slack may count it: UTF-16 units, so never less than the number of characters. */
size_t slack_chars(const char *text);
/* & < > for `text` and mrkdwn (https://docs.slack.dev/messaging/formatting-message-text); also neutralises
 * the plain words @channel, @here, @everyone with a zero-width space. Owned. */
char *slack_escape(const char *text);
/* Cuts at max_chars Unicode characters, "…" included. Owned. */
char *slack_cut(const char *text, size_t max_chars);
/* The same for mrkdwn and escaped text: neither an entity (&amp;) nor a token (<@U1>) is cut in two. Owned.
 */
char *slack_cut_mrkdwn(const char *mrkdwn, size_t max_chars);
/* All white space, newlines too, as single spaces; none at the ends. Owned. */
char *slack_one_line(const char *text);
/* &amp; &lt; &gt; of incoming text back to characters, once. <@U1|name>, <#C1|name>, <https://x|label> become
 * readable text ("@name" / "#name" / "https://x"); bare <@U1> stays as it is. Owned. */
char *slack_text_plain(const char *text);
/* The address for a link, or NULL (owned): only http(s) with a plain ASCII host, and mailto; characters that
 * have no place in an address are percent-encoded. *ret_host (owned, may be NULL) is what a person must see
 * of it: the host with its port, without any user@ before it; of a mailto the address. */
char *slack_url(const char *url, char **ret_host);

json_t *block_section(const char *mrkdwn); /* cut at 3,000; `mrkdwn` is ours or escaped */
json_t *block_section_accessory(const char *mrkdwn, json_t *accessory /* stolen */);
json_t *block_header(const char *plain);
json_t *block_divider(void);
json_t *block_context(const char *mrkdwn);
/* `elements`: text objects, at most 10, the rest is dropped. For data beside mrkdwn of ours. */
json_t *block_context_of(json_t *elements /* stolen */);
/* NULL when there are no elements, which json_array_append_new() ignores. */
json_t *block_actions(const char *block_id /* NULL */, json_t *elements /* stolen, ≤ 25 */);
json_t *block_input(const char *block_id, const char *label, json_t *element /* stolen */, bool optional);
/* rich_text_preformatted; "… n more lines" after max_lines (0 = all), "… n more characters" after 9,000. */
json_t *block_preformatted(const char *text, size_t max_lines);
json_t *block_rich_text(json_t *elements /* stolen array of rich_text_section etc. */);

#define RICH_BOLD   1u
#define RICH_ITALIC 2u
#define RICH_STRIKE 4u
#define RICH_CODE   8u
/* Elements inside a rich_text_section. Their text is not parsed by Slack: the place for data. rich_text() of
 * an empty text is NULL, which json_array_append_new() ignores. */
json_t *rich_text(const char *text, unsigned style);
json_t *rich_link(const char *url /* out of slack_url() */, const char *text /* NULL */, unsigned style);
json_t *rich_emoji(const char *name);
json_t *rich_user(const char *user_id);
json_t *rich_section(json_t *elements /* stolen */);

json_t *text_mrkdwn(const char *mrkdwn); /* text objects for block_context_of() */
json_t *text_plain(const char *plain);   /* emoji names stay as they are */

typedef enum ButtonStyle { BUTTON_PLAIN, BUTTON_PRIMARY, BUTTON_DANGER } ButtonStyle;
json_t *element_button(const char *action_id, const char *text, const char *value, ButtonStyle style);
/* NULL when slack_url() refuses the address. */
json_t *element_link_button(const char *action_id, const char *text, const char *url);
json_t *element_confirm(json_t *button /* borrowed: changed in place, returned */, const char *title,
                        const char *text, const char *yes, const char *no);
json_t *element_option(const char *text, const char *value, const char *description /* NULL */);
json_t *element_text_input(const char *action_id, const char *placeholder, bool multiline);

/* {"text","blocks"}. `text` is plain: it is escaped and cut here. When the blocks together are beyond the
 * limits of a message, the last ones are left out and a line says so; blocks with buttons are always kept. */
json_t *slack_message(const char *text, json_t *blocks /* stolen */);
