#include "core/cards.h"

#include <inttypes.h>
#include <stdio.h>

#include "connectors/slack/markdown.h"
#include "core/cards-internal.h"
#include "core/command.h"

#define TITLE_CHARS_MAX   150
#define LINE_CHARS_MAX    300
#define DETAIL_CHARS_MAX  60
#define THOUGHT_BYTES_MAX 300
#define TODOS_SHOWN       12
#define MENU_SWITCHES_MAX 2
#define SEPARATOR         " \xC2\xB7 "
#define ELLIPSIS          "\xE2\x80\xA6"

/* --- pieces ----------------------------------------------------------------------------------------------
 */

char *card_duration(int64_t ms)
{
        int64_t s = ms > 0 ? ms / 1000 : 0, min = s / 60, h = min / 60, days = h / 24;

        if (s < 60)
                return mem_printf("%" PRId64 " s", s);
        if (min < 60)
                return mem_printf("%" PRId64 " min", min);
        if (h < 24)
                return min % 60 ? mem_printf("%" PRId64 " h %" PRId64 " min", h, min % 60)
                                : mem_printf("%" PRId64 " h", h);
        return mem_printf("%" PRId64 " day%s", days, days == 1 ? "" : "s");
}

/* The code between the first two backticks that enclose some on one line, or NULL. */
static const char *find_code(const char *text, size_t *ret_n)
{
        for (const char *p = strchr(text, '`'); p; p = strchr(p + 1, '`')) {
                *ret_n = strcspn(p + 1, "`\n");
                if (*ret_n > 0 && p[1 + *ret_n] == '`')
                        return p + 1;
        }
        return NULL;
}

void card_add_text(json_t *elements, const char *text, unsigned style)
{
        const char *p = text ? text : "", *code;
        size_t n;

        for (; (code = find_code(p, &n)); p = code + n + 1) {
                _cleanup_free_ char *before = mem_strndup(p, (size_t) (code - 1 - p)),
                                    *inside = mem_strndup(code, n);

                json_array_append_new(elements, rich_text(before, style));
                json_array_append_new(elements, rich_text(inside, style | RICH_CODE));
        }
        json_array_append_new(elements, rich_text(p, style));
}

json_t *card_rich(json_t *elements)
{
        if (json_array_size(elements) == 0)
                json_array_append_new(elements, rich_text("(no text)", 0));
        return block_rich_text(json_pack("[o]", rich_section(elements)));
}

json_t *card_headline(const char *emoji, const char *bold, const char *rest)
{
        json_t *elements = json_array();

        if (emoji) {
                json_array_append_new(elements, rich_emoji(emoji));
                json_array_append_new(elements, rich_text("  ", 0));
        }
        json_array_append_new(elements, rich_text(bold, RICH_BOLD));
        card_add_text(elements, rest, 0);
        return card_rich(elements);
}

json_t *card_small(const char *mrkdwn, const char *plain)
{
        json_t *elements = json_array();

        if (!str_empty(mrkdwn))
                json_array_append_new(elements, text_mrkdwn(mrkdwn));
        if (!str_empty(plain))
                json_array_append_new(elements, text_plain(plain));
        if (json_array_size(elements) > 0)
                return block_context_of(elements);
        json_decref(elements);
        return NULL;
}

char *card_time_left(int64_t expires_ms, int64_t now_ms)
{
        _cleanup_free_ char *left = NULL;

        if (expires_ms <= 0)
                return NULL;
        if (expires_ms <= now_ms)
                return mem_strdup("No time left");
        left = card_duration(expires_ms - now_ms);
        /* The duration is of the moment when the card was written; the time of day stays right. */
        return mem_printf("Time left: %s, until <!date^%" PRId64 "^{time}|%02d:%02d UTC>", left,
                          expires_ms / 1000, (int) (expires_ms / 3600000 % 24),
                          (int) (expires_ms / 60000 % 60));
}

char *card_mention(const char *user_id)
{
        size_t n = user_id ? strspn(user_id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") : 0;

        if (n == 0 || n > 40 || user_id[n] || !strchr("UW", user_id[0]))
                return NULL;
        return mem_printf("<@%s>", user_id);
}

char *card_by(const char *user_id)
{
        _cleanup_free_ char *mention = card_mention(user_id);

        return mention ? mem_printf("by %s", mention) : mem_strdup("in OpenCode");
}

static void add_detail(Buf *line, const char *detail /* NULL */)
{
        _cleanup_free_ char *one_line = slack_one_line(detail), *cut = slack_cut(one_line, DETAIL_CHARS_MAX);

        if (str_empty(detail))
                return;
        if (buf_len(line) > 0)
                buf_append_str(line, SEPARATOR);
        buf_append_str(line, cut);
}

static void add_tools(Buf *line, unsigned n_done, unsigned n_failed)
{
        _cleanup_free_ char *tools = NULL;

        if (n_done + n_failed == 0)
                return;
        tools = mem_printf("%u tool%s", n_done + n_failed, n_done + n_failed == 1 ? "" : "s");
        add_detail(line, tools);
        if (n_failed > 0)
                buf_printf(line, ", %u failed", n_failed);
}

/* --- session ---------------------------------------------------------------------------------------------
 */

static const struct {
        const char *name, *emoji, *word; /* the word of lists and fallbacks */
} states[] = {
        [SESSION_STARTING] = {"starting", "hourglass_flowing_sand", "Starting"},
        [SESSION_WORKING] = {"working", "large_blue_circle", "Working"},
        [SESSION_WAITING] = {"waiting", "bell", "Waiting"},
        [SESSION_IDLE] = {"idle", "white_check_mark", "Finished for now"},
        [SESSION_RETRYING] = {"retrying", "repeat", "Trying again"},
        [SESSION_OFFLINE] = {"offline", "white_circle", "OpenCode is not connected"},
        [SESSION_STOPPING] = {"stopping", "octagonal_sign", "Stopping"},
        [SESSION_STOPPED] = {"stopped", "octagonal_sign", "Stopped"},
        [SESSION_FAILED] = {"failed", "x", "Failed"},
};

const char *session_state_name(SessionState s)
{
        return states[s].name;
}

bool session_state_from_name(const char *name, SessionState *ret)
{
        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (str_equal(states[i].name, name)) {
                        *ret = (SessionState) i;
                        return true;
                }
        return false;
}

const char *card_state_emoji(SessionState s)
{
        return states[s].emoji;
}

const char *card_state_word(SessionState s)
{
        return states[s].word;
}

/* "Waiting for an answer": the state with what it is about, for people. */
static char *state_phrase(SessionState state, const char *waiting_for)
{
        if (state == SESSION_WAITING)
                return mem_printf("Waiting for %s", str_empty(waiting_for) ? "you" : waiting_for);
        return mem_strdup(states[state].word);
}

/* What the state means for the person who reads it. */
static const char *next_step(SessionState state)
{
        switch (state) {
        case SESSION_IDLE:
        case SESSION_STOPPED: return ". Reply in this thread to go on.";
        case SESSION_FAILED: return ". Reply in this thread to try again.";
        case SESSION_OFFLINE: return ". The work goes on when it is back.";
        case SESSION_RETRYING: return ": the model did not answer.";
        case SESSION_STARTING:
        case SESSION_WORKING:
        case SESSION_WAITING:
        case SESSION_STOPPING: break;
        }
        return "";
}

static json_t *session_headline(const SessionCard *m, const char *title)
{
        _cleanup_free_ char *phrase = state_phrase(m->state, m->waiting_for),
                            *line = slack_one_line(m->error);
        _cleanup_free_ char *error = slack_cut(line, LINE_CHARS_MAX),
                            *cut = slack_cut(phrase, LINE_CHARS_MAX), *state = NULL;
        json_t *elements = json_array();

        state = mem_printf("\n%s%s", cut, next_step(m->state));
        json_array_append_new(elements, rich_emoji(states[m->state].emoji));
        json_array_append_new(elements, rich_text("  ", 0));
        json_array_append_new(elements, rich_text(title, RICH_BOLD));
        card_add_text(elements, state, 0);
        if (*error && (m->state == SESSION_FAILED || m->state == SESSION_RETRYING)) {
                json_array_append_new(elements, rich_text("\n", 0));
                json_array_append_new(elements, rich_text(error, RICH_ITALIC));
        }
        if (m->n_queued > 0) {
                _cleanup_free_ char *queued =
                        mem_printf("\n%u %s for the current turn to end.", m->n_queued,
                                   m->n_queued == 1 ? "message waits" : "messages wait");

                json_array_append_new(elements, rich_text(queued, 0));
        }
        return card_rich(elements);
}

static const char *base_name(const char *path)
{
        const char *slash = path ? strrchr(path, '/') : NULL;

        return slash && slash[1] ? slash + 1 : path;
}

static void add_usage(Buf *line, int64_t tokens, double cost_usd)
{
        _cleanup_free_ char *used = NULL, *cost = NULL;

        if (tokens >= 1000000)
                used = mem_printf("%.1f M tokens", (double) tokens / 1e6);
        else if (tokens >= 1000)
                used = mem_printf("%.1f k tokens", (double) tokens / 1e3);
        else if (tokens > 0)
                used = mem_printf("%" PRId64 " tokens", tokens);
        add_detail(line, used);
        if (cost_usd > 0)
                cost = cost_usd < 0.01 ? mem_strdup("under $0.01") : mem_printf("$%.2f", cost_usd);
        add_detail(line, cost);
}

static void add_option(json_t *options, const SessionCard *m, const char *text, const char *what)
{
        _cleanup_free_ char *value = mem_printf("%s:%s", m->ref, what);

        if (strlen(value) <= SLACK_OPTION_CHARS_MAX)
                json_array_append_new(options, element_option(text, value, NULL));
}

static json_t *session_menu(const SessionCard *m)
{
        json_t *options = json_array(), *name;
        size_t i;

        json_array_foreach ((json_t *) m->switches, i, name) {
                _cleanup_free_ char *text = mem_printf("Model: %s", json_string_value(name)),
                                    *what = mem_printf("model:%s", json_string_value(name));

                if (i < MENU_SWITCHES_MAX)
                        add_option(options, m, text, what);
        }
        add_option(options, m, "Change model\xE2\x80\xA6", "model");
        add_option(options, m, "Change agent\xE2\x80\xA6", "agent");
        if (m->can_retry)
                add_option(options, m, "Send the last prompt again", "retry");
        if (json_array_size(options) == 0) {
                json_decref(options);
                return NULL;
        }
        return json_pack("{s:s, s:s, s:o}", "type", "overflow", "action_id", "session.more", "options",
                         options);
}

/* "trade-offs → architect; complexity high · by keywords", or who chose. NULL when there is nothing to say.
 */
static json_t *session_reasons(const SessionCard *m)
{
        _cleanup_free_ char *one_line = slack_one_line(m->reasons),
                            *reasons = slack_cut(one_line, LINE_CHARS_MAX), *safe = slack_escape(reasons),
                            *mention = card_mention(m->chosen_by), *line = NULL;

        if (mention)
                line = mem_printf("Chosen by %s%s%s", mention, *safe ? SEPARATOR "suggested: " : "", safe);
        else if (m->decided_by && *safe)
                line = mem_printf("%s" SEPARATOR "decided by %s", safe,
                                  str_equal(m->decided_by, "learned") ? "the learned model" : "keywords");
        return line ? card_small(line, NULL) : NULL;
}

json_t *card_session(const SessionCard *m)
{
        _cleanup_free_ char *one_line = slack_one_line(m->title), *mention = card_mention(m->user),
                            *text = NULL;
        _cleanup_free_ char *title = slack_cut(*one_line ? one_line : "Task", TITLE_CHARS_MAX),
                            *elapsed = NULL;
        _cleanup_free_ char *phrase = state_phrase(m->state, m->waiting_for);
        _cleanup_free_ char *escaped = NULL, *line = NULL;
        _cleanup_buf_ Buf details = {0};
        json_t *blocks = json_array(), *buttons = json_array();

        elapsed = m->now_ms > m->started_ms ? card_duration(m->now_ms - m->started_ms) : NULL;
        add_detail(&details, m->agent);
        add_detail(&details, m->model);
        add_detail(&details, base_name(m->directory));
        add_detail(&details, elapsed);
        add_usage(&details, m->tokens, m->cost_usd);
        json_array_append_new(blocks, session_headline(m, title));
        escaped = slack_escape(buf_bytes(&details));
        line = mem_printf("%s%s%s", mention ? mention : "", mention && *escaped ? SEPARATOR : "", escaped);
        json_array_append_new(blocks, card_small(line, NULL));
        json_array_append_new(blocks, card_small(NULL, m->task));
        json_array_append_new(blocks, session_reasons(m));
        if (m->state == SESSION_STARTING || m->state == SESSION_WORKING || m->state == SESSION_WAITING ||
            m->state == SESSION_RETRYING)
                json_array_append_new(buttons, element_button("session.stop", "Stop", m->ref, BUTTON_PLAIN));
        if (m->can_edit)
                json_array_append_new(buttons, element_button("session.edit", "Edit", m->ref, BUTTON_PLAIN));
        if (m->open_url)
                json_array_append_new(buttons,
                                      element_link_button("session.open", "Open in OpenCode", m->open_url));
        json_array_append_new(buttons, session_menu(m));
        json_array_append_new(blocks, block_actions(NULL, buttons));
        text = mem_printf("%s: %s", title, phrase);
        return slack_message(text, blocks);
}

/* --- progress --------------------------------------------------------------------------------------------
 */

static bool is_todo_over(const json_t *todo)
{
        const char *status = json_str_or(todo, "status", "");

        return str_equal(status, "completed") || str_equal(status, "cancelled");
}

static void add_todo(json_t *elements, const json_t *todo)
{
        const char *status = json_str_or(todo, "status", "");
        _cleanup_free_ char *one_line = slack_one_line(json_str(todo, "content"));
        _cleanup_free_ char *content = slack_cut(*one_line ? one_line : "(no text)", LINE_CHARS_MAX);
        bool active = str_equal(status, "in_progress"), cancelled = str_equal(status, "cancelled");
        const char *mark = str_equal(status, "completed") ? "\xE2\x9C\x93  " /* ✓ */
                           : cancelled                    ? "\xE2\x80\x93  " /* – */
                           : active                       ? "\xE2\x96\xB8  " /* ▸ */
                                                          : "\xE2\x97\x8B  " /* ○ */;

        if (json_array_size(elements) > 0)
                json_array_append_new(elements, rich_text("\n", 0));
        json_array_append_new(elements, rich_text(mark, 0));
        card_add_text(elements, content, active ? RICH_BOLD : cancelled ? RICH_STRIKE : 0);
}

/* At most TODOS_SHOWN of the list, in a window that holds the first unfinished one. NULL for an empty list.
 */
static json_t *todo_block(const json_t *todos)
{
        size_t n = json_array_size(todos), first = 0, n_after;
        json_t *elements;

        if (n == 0)
                return NULL;
        elements = json_array();
        while (n > TODOS_SHOWN && first < n - TODOS_SHOWN && is_todo_over(json_array_get(todos, first)) &&
               is_todo_over(json_array_get(todos, first + 1)))
                first++;
        if (first > 0) {
                _cleanup_free_ char *earlier = mem_printf("\xE2\x9C\x93  %zu earlier", first);

                json_array_append_new(elements, rich_text(earlier, RICH_ITALIC));
        }
        for (size_t i = first; i < n && i < first + TODOS_SHOWN; i++)
                add_todo(elements, json_array_get(todos, i));
        n_after = n - MIN2(n, first + TODOS_SHOWN);
        if (n_after > 0) {
                _cleanup_free_ char *more = mem_printf("\nand %zu more", n_after);

                json_array_append_new(elements, rich_text(more, RICH_ITALIC));
        }
        return card_rich(elements);
}

/* The last words of Markdown being written, from the start of a word. NULL when there are none. */
static json_t *thought_block(const char *thought)
{
        size_t n = thought ? strlen(thought) : 0, skip = n > THOUGHT_BYTES_MAX ? n - THOUGHT_BYTES_MAX : 0;
        _cleanup_free_ char *plain = NULL, *shown = NULL;

        while (skip > 0 && thought[skip] && thought[skip - 1] != ' ' && thought[skip - 1] != '\n' && skip < n)
                skip++;
        if (skip == n && n > 0) /* one long word */
                skip = n - MIN2(n, (size_t) THOUGHT_BYTES_MAX);
        plain = slack_markdown_plain(thought ? thought + skip : NULL, THOUGHT_BYTES_MAX);
        if (!*plain)
                return NULL;
        shown = mem_printf("%s%s", skip > 0 ? ELLIPSIS " " : "", plain);
        return block_rich_text(
                json_pack("[{s:s, s:[o]}]", "type", "rich_text_quote", "elements", rich_text(shown, 0)));
}

static char *what_runs(const ProgressCard *m)
{
        _cleanup_free_ char *title = slack_one_line(m->tool_title);

        if (str_empty(m->tool))
                return NULL;
        return *title ? mem_printf("%s: %s", m->tool, title) : mem_strdup(m->tool);
}

/* "3 of 5 steps", when the turn ended before its list did. */
static void add_steps_left(Buf *line, const json_t *todos)
{
        size_t n_over = 0, i;
        const json_t *todo;

        json_array_foreach (todos, i, todo)
                n_over += is_todo_over(todo);
        if (n_over < json_array_size(todos)) {
                _cleanup_free_ char *steps = mem_printf("%zu of %zu steps", n_over, json_array_size(todos));

                add_detail(line, steps);
        }
}

static json_t *progress_over(const ProgressCard *m)
{
        static const char *const words[] = {[PROGRESS_DONE] = ":white_check_mark: Done in",
                                            [PROGRESS_STOPPED] = ":octagonal_sign: Stopped after",
                                            [PROGRESS_FAILED] = ":x: Failed after"};
        _cleanup_free_ char *elapsed = card_duration(m->elapsed_ms), *line = slack_one_line(m->error);
        _cleanup_free_ char *error = slack_cut(line, LINE_CHARS_MAX), *head = NULL;
        _cleanup_free_ char *fallback = NULL;
        _cleanup_buf_ Buf text = {0};

        if (m->state == PROGRESS_DONE)
                *error = 0;
        head = mem_printf("%s %s", words[m->state], elapsed);
        buf_append_str(&text, head);
        add_tools(&text, m->n_tools_done, m->n_tools_failed);
        add_steps_left(&text, m->todos);
        fallback = mem_printf("%s%s%s", strchr(buf_bytes(&text), ' ') + 1, *error ? ": " : "", error);
        return slack_message(fallback, json_pack("[o]", card_small(buf_bytes(&text), error)));
}

json_t *card_progress(const ProgressCard *m)
{
        _cleanup_free_ char *elapsed = card_duration(m->elapsed_ms),
                            *rest = mem_printf(SEPARATOR "%s", elapsed);
        _cleanup_free_ char *runs = what_runs(m), *text = NULL;
        _cleanup_buf_ Buf details = {0};
        json_t *blocks;

        if (m->state != PROGRESS_WORKING)
                return progress_over(m);
        blocks = json_pack("[o]", card_headline("hourglass_flowing_sand", "Working", rest));
        json_array_append_new(blocks, todo_block(m->todos));
        json_array_append_new(blocks, thought_block(m->thought));
        add_detail(&details, runs);
        add_tools(&details, m->n_tools_done, m->n_tools_failed);
        json_array_append_new(blocks, card_small(NULL, buf_bytes(&details)));
        text = runs ? mem_printf("Working" SEPARATOR "%s", runs) : mem_strdup("Working");
        return slack_message(text, blocks);
}

/* --- lists, help, notices --------------------------------------------------------------------------------
 */

json_t *card_help(const char *command, bool in_thread)
{
        json_t *items = json_array(), *blocks;
        const CommandHelp *line;

        for (size_t i = 0; (line = command_help(i)); i++) {
                _cleanup_free_ char *word =
                        in_thread ? mem_printf("!%s", line->word) : mem_printf("%s %s", command, line->word);

                if (!in_thread || line->in_thread)
                        json_array_append_new(items,
                                              rich_section(json_pack("[o, o]", rich_text(word, RICH_CODE),
                                                                     rich_text(line->what, 0))));
        }
        blocks = json_pack(
                "[o, o]",
                card_headline(
                        NULL, in_thread ? "In this thread" : "One thread is one session",
                        in_thread ? "" : ". Replies in the thread go to the agent; answers come back there."),
                block_rich_text(json_pack("[{s:s, s:s, s:i, s:o}]", "type", "rich_text_list", "style",
                                          "bullet", "indent", 0, "elements", items)));
        json_array_append_new(
                blocks,
                card_small(NULL, in_thread ? "Anything else that you write here goes to the agent."
                                           : "Inside a thread the same words work with an exclamation "
                                             "mark: !status, !stop. A mention starts a session too."));
        return slack_message(in_thread ? "What you can say in this thread" : "What you can say to OpenCode",
                             blocks);
}

/* ":warning:" → "warning"; NULL for anything else. */
static char *emoji_name(const char *emoji)
{
        size_t n = emoji ? strlen(emoji) : 0;

        return n > 2 && emoji[0] == ':' && emoji[n - 1] == ':' ? mem_strndup(emoji + 1, n - 2) : NULL;
}

json_t *card_notice_by(const char *emoji, const char *text, const char *user)
{
        _cleanup_free_ char *name = emoji_name(emoji), *cut = slack_cut(text, SLACK_FALLBACK_CHARS_MAX);
        _cleanup_free_ char *mention = card_mention(user);
        json_t *elements = json_array();

        if (name) {
                json_array_append_new(elements, rich_emoji(name));
                json_array_append_new(elements, rich_text("  ", 0));
        }
        card_add_text(elements, cut, 0);
        if (mention) {
                json_array_append_new(elements, rich_text(" ", 0));
                json_array_append_new(elements, rich_user(user));
        }
        return slack_message(cut, json_pack("[o]", card_rich(elements)));
}

json_t *card_notice(const char *emoji, const char *text)
{
        return card_notice_by(emoji, text, NULL);
}
