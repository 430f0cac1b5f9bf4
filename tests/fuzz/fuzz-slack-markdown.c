/* Any bytes as Markdown: every message is one that Slack takes, and no letter or digit of the text is lost.
 *
 * The first byte chooses the limits. What the text is, is asked of md4c itself with the same dialect: the
 * letters and digits of all its text callbacks must appear in the output in that order (more may appear in
 * between: hosts of links, numbers of cut lists). */
#include <ctype.h>
#include <md4c.h>
#include <stdio.h>

#include "base/buf.h"
#include "connectors/slack/block-kit.h"
#include "connectors/slack/markdown.h"
#include "../unit/blockkit-check.c" /* one program, one file */

static int ignore_block(MD_BLOCKTYPE type, void *detail, void *data)
{
        return 0;
}

static int ignore_span(MD_SPANTYPE type, void *detail, void *data)
{
        return 0;
}

static int collect_text(MD_TEXTTYPE type, const MD_CHAR *text, MD_SIZE n, void *data)
{
        Buf *out = data;

        /* Entities and <br> may be translated. */
        if (type != MD_TEXT_ENTITY && type != MD_TEXT_HTML && buf_len(out) < (1u << 20))
                buf_append(out, text, n);
        return 0;
}

static void check_order(const char *expected, const char *shown)
{
        for (; *expected; expected++) {
                if (!isalnum((unsigned char) *expected))
                        continue;
                shown = strchr(shown, *expected);
                if (!shown) {
                        fprintf(stderr, "lost: %.100s\n", expected);
                        abort();
                }
                shown++;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const MD_PARSER parser = {.flags = MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_TASKLISTS |
                                                  MD_FLAG_PERMISSIVEURLAUTOLINKS | MD_FLAG_NOHTMLBLOCKS,
                                         .enter_block = ignore_block,
                                         .leave_block = ignore_block,
                                         .enter_span = ignore_span,
                                         .leave_span = ignore_span,
                                         .text = collect_text};
        SlackMarkdownLimits limits = {0};
        char *clean, *plain;
        Buf expected = {0}, visible = {0};
        json_t *messages, *message;
        size_t i;

        if (size == 0)
                return 0;
        limits.max_blocks = data[0] & 0x0F;
        limits.max_text_chars = (size_t) (data[0] >> 4) * 1000;
        messages = slack_markdown_messages((const char *) data + 1, size - 1, &limits);
        if (json_array_size(messages) == 0)
                abort();
        json_array_foreach (messages, i, message) {
                const json_t *blocks = json_object_get(message, "blocks");
                char *error = blockkit_check_message(message, BLOCKKIT_DATA_ONLY), *text;

                if (error || (limits.max_blocks && json_array_size(blocks) > limits.max_blocks)) {
                        fprintf(stderr, "%s\n", error ? error : "max_blocks");
                        abort();
                }
                text = blockkit_visible_text(blocks);
                buf_append_str(&visible, text);
                free(text);
        }
        clean = slack_clean((const char *) data + 1, size - 1);
        md_parse(clean, (MD_SIZE) strlen(clean), &parser, &expected);
        check_order(buf_bytes(&expected), buf_bytes(&visible));
        plain = slack_markdown_plain(clean, 200);
        if (slack_chars(plain) > 400 || strpbrk(plain, "\n\t"))
                abort();
        free(plain);
        buf_deinit(&visible);
        free(clean);
        buf_deinit(&expected);
        json_decref(messages);
        return 0;
}
