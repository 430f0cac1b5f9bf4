/* The card of a question request, and the reading of what was answered in it.
 *
 * A request may hold up to 50 questions with any number of options; a message holds 50 blocks and 12,000
 * characters. So the card shows the first QUESTIONS_SHOWN questions, each within an equal share of the
 * characters: descriptions go first, then labels are cut, then options are left out, and each time a line
 * says so. question_is_shown() is the one rule for drawing and for reading: what was never shown is not asked
 * for. */
#include "core/cards-internal.h"

#include "connectors/slack/markdown.h"

#define QUESTIONS_SHOWN       12
#define CHARS_OF_QUESTIONS    9600
#define PICKS_MAX             5
#define BUTTON_LABEL_VISIBLE  30 /* Slack shows about as much of a button's text */
#define DESCRIPTION_MAX       200
#define LABEL_LEAST           20
#define HEADER_CHARS_MAX      100
#define ANSWER_CHARS_MAX      300
#define OWN_CHARS_OF_QUESTION 300

typedef struct Question {
        const json_t *item;
        const json_t *options;
        size_t index, n_options, n_chars; /* n_chars: its share of the message */
        bool multiple, custom, only;      /* only: the one question of its card */
} Question;

static Question question_at(const json_t *questions, size_t i)
{
        const json_t *item = json_array_get(questions, i);
        size_t n = json_array_size(questions), n_shown = MIN2(n, (size_t) QUESTIONS_SHOWN);
        Question q = {.item = item,
                      .options = json_at(item, "options"),
                      .index = i,
                      .only = n == 1,
                      .n_chars = CHARS_OF_QUESTIONS / MAX2(n_shown, (size_t) 1),
                      .multiple = json_bool(item, "multiple")};

        q.n_options = json_array_size(q.options);
        /* OpenCode takes free text unless told otherwise; without options there is no other answer. */
        q.custom = q.n_options == 0 || !json_is_false(json_at(item, "custom"));
        return q;
}

static bool question_is_shown(size_t i)
{
        return i < QUESTIONS_SHOWN;
}

static const char *option_label(const Question *q, size_t i)
{
        return json_str_or(json_array_get(q->options, i), "label", "");
}

static const char *option_description(const Question *q, size_t i)
{
        return json_str_or(json_array_get(q->options, i), "description", "");
}

static bool is_recommended(const char *label)
{
        static const char mark[] = "(Recommended)";
        size_t n = strlen(label);

        return n >= sizeof(mark) - 1 && str_equal(label + n - (sizeof(mark) - 1), mark);
}

/* --- the text of a question ------------------------------------------------------------------------------
 */

/* The question is written in Markdown, like everything of a model. */
static void add_markdown(json_t *sections, const char *markdown, size_t max_chars)
{
        _cleanup_free_ char *cut = slack_cut(markdown, max_chars);
        _cleanup_json_ json_t *messages = slack_markdown_messages(cut, strlen(cut), NULL);
        const json_t *blocks = json_at(messages, "0.blocks");

        if (json_array_size(messages) == 1 && json_array_size(blocks) == 1 &&
            str_equal(json_str(blocks, "0.type"), "rich_text"))
                json_array_extend(sections, (json_t *) json_at(blocks, "0.elements"));
        else { /* a heading or a table, which have no place here: as it was written */
                json_t *elements = json_array();

                card_add_text(elements, *cut ? cut : "(no text)", 0);
                json_array_append_new(sections, rich_section(elements));
        }
}

/* "Below zero", or "2 · Units" where there are several; then the question. */
static json_t *question_sections(const Question *q, size_t max_chars)
{
        _cleanup_free_ char *line = slack_one_line(json_str(q->item, "header")), *numbered = NULL;
        _cleanup_free_ char *header = slack_cut(*line ? line : "Question", HEADER_CHARS_MAX);
        json_t *headline = json_array(), *sections = json_pack("[o]", rich_section(headline));

        if (q->only) {
                json_array_append_new(headline, rich_emoji("speech_balloon"));
                json_array_append_new(headline, rich_text("  ", 0));
        } else
                numbered = mem_printf("%zu \xC2\xB7 %s", q->index + 1, header);
        json_array_append_new(headline, rich_text(numbered ? numbered : header, RICH_BOLD));
        add_markdown(sections, json_str_or(q->item, "question", ""), max_chars);
        return sections;
}

/* --- one question, single choice, few options: a button each ---------------------------------------------
 */

static bool is_pick(const Question *q)
{
        return q->only && !q->multiple && q->n_options > 0 && q->n_options <= PICKS_MAX;
}

/* Each button has a block of its own: an action_id must be unique within its block, and what explains the
 * option then stands right below its button. */
static void add_picks(json_t *blocks, const Question *q, const char *ref)
{
        for (size_t i = 0; i < q->n_options; i++) {
                const char *label = option_label(q, i);
                _cleanup_free_ char *value = mem_printf("%s:0:%zu", ref ? ref : "", i);
                _cleanup_free_ char *line = slack_one_line(option_description(q, i)),
                                    *full = slack_one_line(label);
                _cleanup_free_ char *description = slack_cut(line, DESCRIPTION_MAX), *explained = NULL;
                json_t *button = element_button("question.pick", full, value,
                                                is_recommended(label) ? BUTTON_PRIMARY : BUTTON_PLAIN);

                json_array_append_new(blocks, block_actions(NULL, json_pack("[o]", button)));
                if (slack_chars(full) > BUTTON_LABEL_VISIBLE) {
                        _cleanup_free_ char *cut = slack_cut(full, 1000);

                        explained = mem_printf("%s%s%s", cut, *description ? ": " : "", description);
                } else
                        explained = mem_strdup(description);
                json_array_append_new(blocks, card_small(NULL, explained));
        }
}

/* --- everything else: a form -----------------------------------------------------------------------------
 */

typedef struct OptionLayout {
        size_t n_shown, label_chars, n_chars; /* n_chars: of labels and descriptions together */
        bool descriptions;
        bool in_full[SLACK_OPTIONS_MAX]; /* stands above the form, since it does not fit into it */
} OptionLayout;

/* How much of the options fits into `n_chars`. */
static OptionLayout layout_options(const Question *q, size_t n_chars)
{
        OptionLayout l = {.n_shown = MIN2(q->n_options, (size_t) SLACK_OPTIONS_MAX),
                          .label_chars = SLACK_OPTION_CHARS_MAX};
        size_t n_labels = 0, n_descriptions = 0;

        for (size_t i = 0; i < l.n_shown; i++) {
                n_labels += MIN2(slack_chars(option_label(q, i)), (size_t) SLACK_OPTION_CHARS_MAX) + 1;
                n_descriptions +=
                        MIN2(slack_chars(option_description(q, i)), (size_t) SLACK_OPTION_CHARS_MAX);
        }
        l.descriptions = n_labels + n_descriptions <= n_chars;
        if (n_labels > n_chars)
                l.label_chars = MAX2(n_chars / l.n_shown, (size_t) LABEL_LEAST);
        if (l.n_shown * l.label_chars > n_chars && n_labels > n_chars)
                l.n_shown = MAX2(n_chars / l.label_chars, (size_t) 1);
        l.n_chars = MIN2(n_labels, l.n_shown * l.label_chars) + (l.descriptions ? n_descriptions : 0);
        return l;
}

/* Options whose label or description is cut in the form, in full above it, as long as there is room. */
static void add_full_options(json_t *sections, const Question *q, OptionLayout *l, size_t n_chars)
{
        json_t *items = json_array();

        for (size_t i = 0; i < l->n_shown; i++) {
                _cleanup_free_ char *label = slack_one_line(option_label(q, i));
                _cleanup_free_ char *description = slack_one_line(option_description(q, i));
                size_t n = slack_chars(label) + slack_chars(description) + 2;
                json_t *elements;

                if (slack_chars(label) <= l->label_chars &&
                    slack_chars(description) <= SLACK_OPTION_CHARS_MAX)
                        continue;
                if (n > n_chars)
                        break;
                n_chars -= n;
                l->in_full[i] = true;
                elements = json_array();
                json_array_append_new(elements, rich_text(label, RICH_BOLD));
                if (*description) {
                        json_array_append_new(elements, rich_text(": ", 0));
                        json_array_append_new(elements, rich_text(description, 0));
                }
                json_array_append_new(items, rich_section(elements));
        }
        if (json_array_size(items) > 0)
                json_array_append_new(sections, json_pack("{s:s, s:s, s:i, s:O}", "type", "rich_text_list",
                                                          "style", "bullet", "indent", 0, "elements", items));
        json_decref(items);
}

static json_t *choice_element(const Question *q, const OptionLayout *l)
{
        bool few = l->n_shown <= SLACK_CHOICES_MAX;
        const char *type = q->multiple ? few ? "checkboxes" : "multi_static_select"
                           : few       ? "radio_buttons"
                                       : "static_select";
        json_t *options = json_array();
        json_t *element = json_pack("{s:s, s:s}", "type", type, "action_id", "choice");

        for (size_t i = 0; i < l->n_shown; i++) {
                _cleanup_free_ char *line = slack_one_line(option_label(q, i)),
                                    *label = slack_cut(line, l->label_chars);
                _cleanup_free_ char *value = mem_printf("%zu", i),
                                    *description = slack_one_line(option_description(q, i));
                bool described = l->descriptions && !l->in_full[i];

                json_array_append_new(options, element_option(label, value, described ? description : NULL));
        }
        json_object_set_new(element, "options", options);
        return element;
}

static void add_free_text(json_t *blocks, const Question *q)
{
        _cleanup_free_ char *block_id = mem_printf("q%zu_text", q->index);
        bool alone = q->n_options == 0;

        json_array_append_new(blocks, block_input(block_id, alone ? "Your answer" : "Or in your own words",
                                                  element_text_input("text", NULL, alone), true));
}

/* Everything about one question takes at most three blocks, so that twelve fit into a message. */
static void add_form(json_t *blocks, json_t *sections /* stolen */, const Question *q, size_t n_chars)
{
        _cleanup_free_ char *block_id = mem_printf("q%zu", q->index), *more = NULL;
        OptionLayout l = layout_options(q, n_chars);

        add_full_options(sections, q, &l, n_chars - MIN2(n_chars, l.n_chars));
        if (l.n_shown < q->n_options) {
                more = mem_printf("%zu more options are in OpenCode.", q->n_options - l.n_shown);
                json_array_append_new(sections, rich_section(json_pack("[o]", rich_text(more, RICH_ITALIC))));
        }
        json_array_append_new(blocks, block_rich_text(sections));
        if (l.n_shown > 0)
                json_array_append_new(blocks, block_input(block_id, q->multiple ? "Choose any" : "Choose one",
                                                          choice_element(q, &l), false));
}

static void add_open_question(json_t *blocks, const Question *q, const char *ref)
{
        size_t n_text = MIN2(q->n_chars / 3, (size_t) SLACK_SECTION_CHARS_MAX);
        json_t *sections = question_sections(q, n_text);

        if (is_pick(q)) {
                json_array_append_new(blocks, block_rich_text(sections));
                add_picks(blocks, q, ref);
        } else /* less what headline, labels and lines of our own take */
                add_form(blocks, sections, q, q->n_chars - n_text - OWN_CHARS_OF_QUESTION);
        if (q->custom)
                add_free_text(blocks, q);
}

/* --- the card --------------------------------------------------------------------------------------------
 */

static void add_open(json_t *blocks, const QuestionCard *m)
{
        size_t n = json_array_size(m->questions);
        _cleanup_free_ char *left = card_time_left(m->expires_ms, m->now_ms),
                            *line = slack_one_line(m->error);
        _cleanup_free_ char *error = slack_cut(line, ANSWER_CHARS_MAX);
        Question first = question_at(m->questions, 0);
        json_t *buttons = json_array();

        if (n > 1) {
                _cleanup_free_ char *headline = mem_printf("%zu questions", n);

                json_array_append_new(blocks, card_headline("speech_balloon", headline, NULL));
        }
        for (size_t i = 0; i < n && question_is_shown(i); i++) {
                Question q = question_at(m->questions, i);

                add_open_question(blocks, &q, m->ref);
        }
        if (n > QUESTIONS_SHOWN) {
                _cleanup_free_ char *more =
                        mem_printf("%zu more questions are in OpenCode; they count as unanswered here.",
                                   n - QUESTIONS_SHOWN);

                json_array_append_new(blocks, card_small(NULL, more));
        }
        if (*error)
                json_array_append_new(blocks, card_headline("warning", error, NULL));
        if (n > 0 && (!is_pick(&first) || first.custom))
                json_array_append_new(
                        buttons, element_button("question.submit", n > 1 ? "Send answers" : "Send", m->ref,
                                                is_pick(&first) ? BUTTON_PLAIN : BUTTON_PRIMARY));
        json_array_append_new(buttons, element_button("question.reject", "Skip", m->ref, BUTTON_PLAIN));
        json_array_append_new(blocks, block_actions(NULL, buttons));
        json_array_append_new(blocks, card_small(left, NULL));
}

/* "Clamp, but only for K"; "" when there is no answer. */
static char *answer_text(const json_t *answers, size_t i)
{
        Buf out = {0};
        const json_t *one;
        size_t j;

        json_array_foreach (json_array_get(answers, i), j, one) {
                _cleanup_free_ char *line = slack_one_line(json_string_value(one));

                if (*line)
                        buf_printf(&out, "%s%s", buf_len(&out) > 0 ? ", " : "", line);
        }
        return buf_take(&out);
}

static const char *outcome_phrase(const QuestionCard *m, const char **ret_emoji)
{
        switch (m->state) {
        case REQUEST_SENDING:
                *ret_emoji = "hourglass_flowing_sand";
                return m->answers ? "Answered" : "Skipped";
        case REQUEST_ANSWERED:
                *ret_emoji = m->answers ? "white_check_mark" : "fast_forward";
                return m->answers ? "Answered" : "Skipped";
        case REQUEST_EXPIRED: *ret_emoji = "hourglass"; return "Nobody answered in time.";
        case REQUEST_CLOSED:
        case REQUEST_OPEN: break;
        }
        *ret_emoji = "wastebasket";
        return "No longer needed: the turn that asked is over.";
}

/* Each question with its answer on a line. */
static void add_closed(json_t *blocks, const QuestionCard *m)
{
        size_t n = json_array_size(m->questions);
        bool answered = m->state == REQUEST_ANSWERED || m->state == REQUEST_SENDING;
        const char *emoji = NULL, *phrase = outcome_phrase(m, &emoji);
        _cleanup_free_ char *by = card_by(m->answered_by), *said = NULL;
        json_t *elements = json_pack("[o, o]", rich_emoji(emoji), rich_text("  ", 0));

        for (size_t i = 0; i < n && question_is_shown(i); i++) {
                Question q = question_at(m->questions, i);
                _cleanup_free_ char *line =
                        slack_markdown_plain(json_str(q.item, "question"), ANSWER_CHARS_MAX);
                _cleanup_free_ char *answer = answer_text(m->answers, i),
                                    *cut = slack_cut(answer, ANSWER_CHARS_MAX);

                if (i > 0)
                        json_array_append_new(elements, rich_text("\n", 0));
                json_array_append_new(elements, rich_text(*line ? line : "Question", RICH_BOLD));
                if (answered && m->answers) {
                        json_array_append_new(elements, rich_text("\n", 0));
                        json_array_append_new(elements, *cut ? rich_text(cut, 0)
                                                             : rich_text("not answered", RICH_ITALIC));
                }
        }
        json_array_append_new(blocks, card_rich(elements));
        said = answered ? mem_printf("%s %s%s", phrase, by,
                                     m->state == REQUEST_SENDING ? ", on its way to OpenCode" : "")
                        : mem_strdup(phrase);
        json_array_append_new(blocks, card_small(said, NULL));
}

json_t *card_question(const QuestionCard *m)
{
        _cleanup_free_ char *first =
                slack_markdown_plain(json_str(m->questions, "0.question"), ANSWER_CHARS_MAX);
        _cleanup_free_ char *text = NULL;
        const char *emoji;
        json_t *blocks = json_array();

        if (m->state == REQUEST_OPEN) {
                add_open(blocks, m);
                text = mem_printf("Question: %s", first);
        } else {
                add_closed(blocks, m);
                text = mem_printf("%s: %s", outcome_phrase(m, &emoji), first);
        }
        return slack_message(text, blocks);
}

/* --- reading ---------------------------------------------------------------------------------------------
 */

static void read_choice(const Question *q, const json_t *chosen, json_t *answer)
{
        const char *value = json_str(chosen, "value");
        char *end;
        unsigned long i;

        if (!value)
                return;
        i = strtoul(value, &end, 10);
        if (*value && !*end && i < q->n_options)
                json_array_append_new(answer, json_string(option_label(q, i)));
}

static json_t *read_answer(const Question *q, const json_t *values)
{
        _cleanup_free_ char *choice_path = mem_printf("q%zu.choice", q->index);
        _cleanup_free_ char *text_path = mem_printf("q%zu_text.text.value", q->index);
        const json_t *choice = json_at(values, choice_path), *chosen;
        const char *text = json_str_or(values, text_path, "");
        json_t *answer = json_array();
        size_t i;

        read_choice(q, json_object_get(choice, "selected_option"), answer);
        json_array_foreach (json_object_get(choice, "selected_options"), i, chosen)
                read_choice(q, chosen, answer);
        if (q->custom && text[strspn(text, " \t\r\n")])
                json_array_append_new(answer, json_string(text));
        return answer;
}

json_t *card_question_read(const json_t *questions, const json_t *state_values, char **ret_error)
{
        json_t *answers = json_array();
        size_t n = json_array_size(questions), n_answered = 0;

        for (size_t i = 0; i < n; i++) {
                Question q = question_at(questions, i);
                json_t *answer = question_is_shown(i) ? read_answer(&q, state_values) : json_array();

                if (json_array_size(answer) > 0)
                        n_answered++;
                else if (question_is_shown(i) && q.n_options > 0) {
                        *ret_error = n == 1 ? mem_strdup("Please choose or write an answer.")
                                            : mem_printf("Please answer question %zu.", i + 1);
                        json_decref(answer);
                        json_decref(answers);
                        return NULL;
                }
                json_array_append_new(answers, answer);
        }
        if (n_answered > 0)
                return answers;
        *ret_error = mem_strdup(n == 1 ? "Please write an answer." : "Please answer at least one question.");
        json_decref(answers);
        return NULL;
}
