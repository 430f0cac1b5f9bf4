/* The card of a permission request. What would run is shown as it would run: whole or with a line that says
 * how much is not shown, control characters visible (slack_clean). */
#include "core/cards-internal.h"

#define COMMAND_LINES    0 /* all: nobody should approve a command unseen */
#define DIFF_LINES       60
#define ANSWERED_LINES   10
#define PATTERNS_SHOWN   30
#define PATH_CHARS_MAX   500
#define REASON_CHARS_MAX 500
#define SUBAGENT_MAX     60
#define DESCRIPTION_MAX  300

static const struct {
        const char *permission, *asks, *asked; /* the headline while open, and after */
} kinds[] = {
        {"bash", "Run this command?", "Command"},
        {"edit", "Change this file?", "Change of a file"},
        {"write", "Write this file?", "New file"},
        {"read", "Read this file?", "Reading a file"},
        {"webfetch", "Fetch this address?", "Web address"},
        {"websearch", "Search the web for this?", "Web search"},
        {"task", "Start this subagent?", "Subagent"},
        {"external_directory", "Work outside of the project?", "Work outside of the project"},
        {"doom_loop", "Go on? The agent repeats the same step.", "Repeated step"},
};

static char *headline(const json_t *permission, bool is_open)
{
        const char *kind = json_str_or(permission, "permission", "");
        _cleanup_free_ char *one_line = slack_one_line(kind), *cut = slack_cut(one_line, SUBAGENT_MAX);

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (str_equal(kinds[i].permission, kind))
                        return mem_strdup(is_open ? kinds[i].asks : kinds[i].asked);
        if (!*cut)
                return mem_strdup(is_open ? "Allow this?" : "Permission");
        return is_open ? mem_printf("Allow \"%s\"?", cut) : take(cut);
}

/* "npm *, git *" */
static char *pattern_list(const json_t *patterns, const char *separator)
{
        Buf out = {0};
        const json_t *pattern;
        size_t i, n = 0;

        json_array_foreach (patterns, i, pattern) {
                if (str_empty(json_string_value(pattern)))
                        continue;
                if (n++ == PATTERNS_SHOWN) {
                        buf_printf(&out, "%s\xE2\x80\xA6 %zu more", separator, json_array_size(patterns) - i);
                        break;
                }
                buf_append_str(&out, buf_len(&out) > 0 ? separator : "");
                buf_append_str(&out, json_string_value(pattern));
        }
        return buf_take(&out);
}

/* A diff without the two lines that only repeat the path. */
static const char *diff_body(const char *diff)
{
        const char *line = diff;

        if (str_starts_with(line, "Index: ")) {
                line += strcspn(line, "\n");
                line += *line == '\n';
                if (str_starts_with(line, "====")) {
                        line += strcspn(line, "\n");
                        line += *line == '\n';
                }
        }
        return *line ? line : diff;
}

static json_t *path_block(const json_t *permission)
{
        const char *path = json_str_or(permission, "metadata.filepath", json_str(permission, "patterns.0"));
        _cleanup_free_ char *one_line = slack_one_line(path), *cut = slack_cut(one_line, PATH_CHARS_MAX);

        return *cut ? card_rich(json_pack("[o]", rich_text(cut, RICH_CODE))) : NULL;
}

/* What is at stake: a command, or a path and a diff, or else the patterns. */
static void add_subject(json_t *blocks, const json_t *permission, bool answered)
{
        const char *command = json_str(permission, "metadata.command"),
                   *diff = json_str(permission, "metadata.diff");
        const char *url = json_str(permission, "metadata.url");
        _cleanup_free_ char *patterns = pattern_list(json_at(permission, "patterns"), "\n");

        if (!str_empty(command))
                json_array_append_new(blocks,
                                      block_preformatted(command, answered ? ANSWERED_LINES : COMMAND_LINES));
        else if (!str_empty(diff)) {
                json_array_append_new(blocks, path_block(permission));
                if (!answered)
                        json_array_append_new(blocks, block_preformatted(diff_body(diff), DIFF_LINES));
        } else if (!str_empty(url))
                json_array_append_new(blocks, block_preformatted(url, ANSWERED_LINES));
        else if (*patterns)
                json_array_append_new(
                        blocks, block_preformatted(patterns, answered ? ANSWERED_LINES : COMMAND_LINES));
        else
                json_array_append_new(blocks, path_block(permission));
}

static json_t *always_button(const PermissionCard *m)
{
        const json_t *always = json_at(m->permission, "always");
        _cleanup_free_ char *patterns = pattern_list(always, ", "), *text = NULL;
        static const char tail[] =
                "\nOpenCode will not ask for these again in this project, until it is restarted.";

        if (!*patterns)
                return NULL; /* there is no rule that it would make */
        if (str_equal(patterns, "*")) {
                _cleanup_free_ char *kind = slack_cut(json_str_or(m->permission, "permission", ""), 60);

                text = mem_printf("Everything of the kind \"%s\".%s", kind, tail);
        } else {
                _cleanup_free_ char *cut = slack_cut(patterns, 200);

                text = mem_printf("%s%s", cut, tail);
        }
        return element_confirm(element_button("permission.always", "Always allow", m->ref, BUTTON_PLAIN),
                               "Allow from now on?", text, "Always allow", "Back");
}

static json_t *open_buttons(const PermissionCard *m)
{
        json_t *buttons =
                json_pack("[o]", element_button("permission.once", "Allow once", m->ref, BUTTON_PRIMARY));

        json_array_append_new(buttons, always_button(m));
        json_array_append_new(buttons, element_button("permission.deny", "Deny", m->ref, BUTTON_DANGER));
        json_array_append_new(buttons, element_button("permission.deny_reason", "Deny with a reason", m->ref,
                                                      BUTTON_PLAIN));
        return block_actions(NULL, buttons);
}

static const char *reply_phrase(const PermissionCard *m)
{
        if (str_equal(m->reply, "always"))
                return "Always allowed";
        return str_equal(m->reply, "once") ? "Allowed once" : "Denied";
}

/* The one line of a card that is not open, and its emoji. */
static char *outcome(const PermissionCard *m, const char **ret_emoji)
{
        _cleanup_free_ char *by = card_by(m->answered_by);

        switch (m->state) {
        case REQUEST_SENDING:
                *ret_emoji = "hourglass_flowing_sand";
                return mem_printf("%s %s, on its way to OpenCode", reply_phrase(m), by);
        case REQUEST_ANSWERED:
                *ret_emoji = str_equal(m->reply, "once") || str_equal(m->reply, "always") ? "white_check_mark"
                                                                                          : "no_entry";
                return mem_printf("%s %s", reply_phrase(m), by);
        case REQUEST_EXPIRED:
                *ret_emoji = "hourglass";
                return mem_strdup("Nobody answered in time. That is not a denial.");
        case REQUEST_CLOSED:
        case REQUEST_OPEN: break;
        }
        *ret_emoji = "wastebasket";
        return mem_strdup("No longer needed: the turn that asked is over.");
}

json_t *card_permission(const PermissionCard *m)
{
        _cleanup_free_ char *head = headline(m->permission, m->state == REQUEST_OPEN),
                            *line = slack_one_line(m->subagent);
        _cleanup_free_ char *subagent = slack_cut(line, SUBAGENT_MAX), *rest = NULL, *text = NULL,
                            *subject = NULL;
        const char *emoji = "lock", *command = json_str(m->permission, "metadata.command");
        bool is_open = m->state == REQUEST_OPEN;
        _cleanup_free_ char *said = is_open ? card_time_left(m->expires_ms, m->now_ms) : outcome(m, &emoji);
        _cleanup_free_ char *reason_line = slack_one_line(m->reason),
                            *reason = slack_cut(reason_line, REASON_CHARS_MAX);
        _cleanup_free_ char *description =
                slack_cut(json_str(m->permission, "metadata.description"), DESCRIPTION_MAX);
        json_t *blocks = json_array();

        rest = *subagent ? mem_printf("  asked by the subagent %s", subagent) : NULL;
        json_array_append_new(blocks, card_headline(emoji, head, rest));
        add_subject(blocks, m->permission, !is_open);
        if (is_open)
                json_array_append_new(blocks, card_small(NULL, description));
        if (is_open)
                json_array_append_new(blocks, open_buttons(m));
        json_array_append_new(blocks, card_small(said, NULL));
        if ((m->state == REQUEST_SENDING || m->state == REQUEST_ANSWERED) && *reason &&
            str_equal(m->reply, "reject"))
                json_array_append_new(blocks,
                                      block_rich_text(json_pack("[{s:s, s:[o]}]", "type", "rich_text_quote",
                                                                "elements", rich_text(reason, 0))));
        subject = slack_one_line(str_empty(command) ? json_str(m->permission, "patterns.0") : command);
        text = is_open ? mem_printf("Permission needed: %s", *subject ? subject : head)
                       : mem_printf("%s: %s", m->state == REQUEST_ANSWERED ? reply_phrase(m) : "Permission",
                                    *subject ? subject : head);
        return slack_message(text, blocks);
}

json_t *card_permission_reason_view(const char *ref)
{
        json_t *input = element_text_input("text", "Use the test database instead.", true);
        json_t *block = block_input("reason", "What should the agent do instead?", input, false);

        json_object_set_new(
                block, "hint",
                json_pack("{s:s, s:s}", "type", "plain_text", "text", "The agent reads this and goes on."));
        return json_pack("{s:s, s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s}, s:{s:s, s:s}, s:[o]}", "type", "modal",
                         "callback_id", "permission.deny_reason", "private_metadata", ref ? ref : "", "title",
                         "type", "plain_text", "text", "Deny with a reason", "submit", "type", "plain_text",
                         "text", "Deny", "close", "type", "plain_text", "text", "Back", "blocks", block);
}
