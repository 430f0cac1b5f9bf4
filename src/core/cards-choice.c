#include "core/cards-choice.h"

#include "connectors/slack/markdown.h"
#include "core/cards-internal.h"

#define BUTTONS_MAX     6
#define NAME_CHARS_MAX  60
#define WHY_CHARS_MAX   300
#define VALUE_BYTES_MAX 75

static char *value_of(const char *ref, const char *name)
{
        return mem_printf("%s:%s", ref, name);
}

static json_t *choice_line(const ChoicesCard *m, const json_t *choice)
{
        const char *name = json_str_or(choice, "name", "");
        bool current = str_equal(name, m->current);
        _cleanup_free_ char *cut = slack_cut(name, NAME_CHARS_MAX),
                            *detail = slack_cut(json_str_or(choice, "detail", ""), WHY_CHARS_MAX),
                            *safe_name = slack_escape(cut), *safe_detail = slack_escape(detail),
                            *value = value_of(m->ref, name), *action = mem_printf("session.%s", m->what),
                            *text = mem_printf("%s*%s*%s%s%s", current ? "\xE2\x9C\x93  " : "", safe_name,
                                               current ? " (now)" : "", *safe_detail ? "\n" : "",
                                               safe_detail);

        if (current || strlen(value) > VALUE_BYTES_MAX)
                return block_section(text);
        return block_section_accessory(text, element_button(action, "Use", value, BUTTON_PLAIN));
}

static json_t *choice_select(const ChoicesCard *m)
{
        json_t *options = json_array(), *initial = NULL, *select, *choice;
        _cleanup_free_ char *action = mem_printf("session.%s", m->what);
        size_t i;

        json_array_foreach ((json_t *) m->choices, i, choice) {
                const char *name = json_str_or(choice, "name", "");
                _cleanup_free_ char *value = value_of(m->ref, name);
                json_t *option;

                if (strlen(value) > VALUE_BYTES_MAX || json_array_size(options) == SLACK_OPTIONS_MAX)
                        continue;
                option = element_option(name, value, NULL);
                if (str_equal(name, m->current))
                        initial = option;
                json_array_append_new(options, option);
        }
        select = json_pack("{s:s, s:s, s:o}", "type", "static_select", "action_id", action, "options",
                           options);
        if (initial)
                json_object_set(select, "initial_option", initial);
        return block_actions(NULL, json_pack("[o]", select));
}

json_t *card_choices(const ChoicesCard *m)
{
        bool is_model = str_equal(m->what, "model");
        size_t n = json_array_size(m->choices), i;
        json_t *choice, *blocks;

        if (n == 0)
                return card_notice(
                        NULL, is_model ? "No model profiles are configured. `!model provider/model` chooses "
                                         "any model that OpenCode knows."
                                       : "OpenCode names no agents.");
        blocks = json_pack("[o]", card_headline(NULL, is_model ? "Model" : "Agent",
                                                " of this session, from the next prompt on"));
        if (n <= BUTTONS_MAX)
                json_array_foreach ((json_t *) m->choices, i, choice)
                        json_array_append_new(blocks, choice_line(m, choice));
        else
                json_array_append_new(blocks, choice_select(m));
        return slack_message(is_model ? "Which model?" : "Which agent?", blocks);
}

/* ---- fallback ---- */

/* What happened in the end. `%` stands for the model's label. */
static const struct {
        const char *outcome, *emoji, *text;
} outcomes[] = {
        {"recovered", "white_check_mark", " answers again; the turn goes on."},
        {"retried", "repeat", " was sent the same prompt again"},
        {"switched", "twisted_rightwards_arrows", " did not answer; the same prompt went to "},
        {"answered", "white_check_mark", " has answered after all."},
        {"again", "repeat", " was sent the same prompt again"},
        {"stopped", "octagonal_sign", " did not answer; the turn was stopped."},
        {"moved_on", "arrow_right", " did not answer; the conversation went on."},
        {"ended", "x", " did not answer; the turn ended."},
        {"refused", "x", " did not answer. "},
};

static json_t *fallback_over(const FallbackCard *m)
{
        size_t i = 0;
        json_t *elements = json_array();
        _cleanup_free_ char *text = NULL, *said = NULL, *mention = card_mention(m->user);
        bool is_switched = str_equal(m->outcome, "switched");
        bool is_sent = is_switched || str_equal(m->outcome, "retried") || str_equal(m->outcome, "again");

        while (i < ELEMENTSOF(outcomes) - 1 && !str_equal(outcomes[i].outcome, m->outcome))
                i++;
        said = mem_printf("%s%s%s", outcomes[i].text,
                          str_equal(m->outcome, "refused") ? (m->refused ? m->refused : "") : "",
                          !is_sent || is_switched ? ""
                          : mention               ? ", by "
                                                  : ", because it answers again.");
        json_array_append_new(elements, rich_emoji(outcomes[i].emoji));
        json_array_append_new(elements, rich_text("  ", 0));
        json_array_append_new(elements, rich_text(m->model, RICH_BOLD));
        json_array_append_new(elements, rich_text(said, 0));
        if (is_switched)
                json_array_append_new(elements, rich_text(m->target, RICH_BOLD));
        if (is_switched && mention)
                json_array_append_new(elements, rich_text(", by ", 0));
        if (is_sent && mention)
                json_array_append_new(elements, rich_user(m->user));
        text = mem_printf("%s%s%s", m->model, said, is_switched ? m->target : "");
        return slack_message(text, json_pack("[o]", card_rich(elements)));
}

static json_t *fallback_buttons(const FallbackCard *m)
{
        json_t *buttons = json_pack("[o]", element_button("fallback.retry", "Retry", m->ref, BUTTON_PLAIN)),
               *name;
        size_t i;

        json_array_foreach ((json_t *) m->alternatives, i, name) {
                _cleanup_free_ char *label = mem_printf("Switch to %s", json_string_value(name)),
                                    *value = value_of(m->ref, json_string_value(name)),
                                    *action = mem_printf("fallback.switch.%zu", i);

                json_array_append_new(buttons, element_button(action, label, value,
                                                              i == 0 ? BUTTON_PRIMARY : BUTTON_PLAIN));
        }
        return block_actions(NULL, buttons);
}

static char *fallback_note(const FallbackCard *m)
{
        _cleanup_free_ char *wait = card_duration(m->wait_ms);
        const char *others =
                json_array_size(m->alternatives) > 0 ? "" : " No other profile is known to answer.";

        if (m->state == FALLBACK_SENDING)
                return mem_strdup("The prompt is being sent again.");
        if (m->state == FALLBACK_STANDING)
                return mem_printf("It did not come back within %s. The buttons still work.%s", wait, others);
        if (m->trying)
                return mem_printf("OpenCode goes on trying; I look after it for %s.%s", wait, others);
        if (m->again)
                return mem_printf("It failed again after it had come back; now a person decides.%s", others);
        return mem_printf("When it answers again within %s, the prompt is sent once more.%s", wait, others);
}

json_t *card_fallback(const FallbackCard *m)
{
        _cleanup_free_ char *one_line = slack_one_line(m->why), *why = slack_cut(one_line, WHY_CHARS_MAX),
                            *note = NULL, *text = NULL;
        json_t *elements, *blocks;

        if (m->state == FALLBACK_OVER)
                return fallback_over(m);
        note = fallback_note(m);
        elements = json_pack("[o, o, o, o]", rich_emoji("warning"), rich_text("  ", 0),
                             rich_text(m->model, RICH_BOLD), rich_text(" does not answer", 0));
        if (*why) {
                json_array_append_new(elements, rich_text("\n", 0));
                json_array_append_new(elements, rich_text(why, RICH_ITALIC));
        }
        blocks = json_pack("[o]", card_rich(elements));
        if (m->state != FALLBACK_SENDING)
                json_array_append_new(blocks, fallback_buttons(m));
        json_array_append_new(blocks, card_small(NULL, note));
        text = mem_printf("%s does not answer. %s", m->model, note);
        return slack_message(text, blocks);
}
