#include "core/home.h"

#include "core/cards-internal.h"
#include "core/cards-list.h"

#define WAITING_SHOWN 20

static const struct {
        const char *word, *label;
} focuses[] = {{"auto", "Where I am active"}, {"slack", "In Slack"}, {"web", "In OpenCode"}};

bool home_is_focus(const char *word)
{
        for (size_t i = 0; i < ELEMENTSOF(focuses); i++)
                if (str_equal(focuses[i].word, word))
                        return true;
        return false;
}

static json_t *focus_select(const HomeModel *m)
{
        json_t *options = json_array(), *chosen = NULL, *element;

        for (size_t i = 0; i < ELEMENTSOF(focuses); i++) {
                _cleanup_free_ char *value = mem_printf("%s:%s", m->ref, focuses[i].word);

                json_array_append_new(options, element_option(focuses[i].label, value, NULL));
                if (i == 0 || str_equal(focuses[i].word, m->focus))
                        chosen = json_array_get(options, i);
        }
        element = json_pack("{s:s, s:s, s:O, s:O}", "type", "static_select", "action_id", "home.focus",
                            "options", options, "initial_option", chosen);
        json_decref(options);
        return element;
}

static void add_head(json_t *blocks, const HomeModel *m)
{
        json_array_append_new(
                blocks,
                block_actions("home.head", json_pack("[o]", element_button("home.start", "Start a task",
                                                                           m->ref, BUTTON_PRIMARY))));
        json_array_append_new(blocks,
                              block_section_accessory("*Tell me about my sessions*", focus_select(m)));
        json_array_append_new(blocks, block_divider());
}

/* Every request of every session of mine, with the way to it; a session's line names only the first. */
static void add_waiting(json_t *blocks, const HomeModel *m)
{
        json_t *elements = json_array(), *session, *request;
        const char *ref;
        size_t i, n = 0;

        json_array_foreach ((json_t *) m->sessions, i, session) {
                _cleanup_free_ char *url = slack_url(json_str(session, "permalink"), NULL);

                if (!str_equal(json_str(session, "data.user"), m->user))
                        continue;
                json_object_foreach ((json_t *) json_at(session, "data.open"), ref, request) {
                        _cleanup_free_ char *line = slack_one_line(
                                                    json_str_or(session, "data.title", "Task")),
                                            *title = slack_cut(line, 60), *what = NULL;

                        if (++n > WAITING_SHOWN)
                                continue;
                        what = mem_printf(": %s", json_str_or(request, "what", "an answer"));
                        json_array_append_new(elements, rich_text(n > 1 ? "\n" : "", 0));
                        json_array_append_new(elements, rich_emoji("bell"));
                        json_array_append_new(elements, rich_text(" ", 0));
                        json_array_append_new(elements, url ? rich_link(url, title, RICH_BOLD)
                                                            : rich_text(title, RICH_BOLD));
                        card_add_text(elements, what, 0);
                }
        }
        json_array_append_new(blocks, block_header(n > 0 ? "What waits for you" : "Nothing waits for you"));
        if (n > 0)
                json_array_append_new(blocks, card_rich(elements));
        else
                json_decref(elements);
        if (n > WAITING_SHOWN) {
                _cleanup_free_ char *more = mem_printf("and %zu more", n - WAITING_SHOWN);

                json_array_append_new(blocks, card_small(NULL, more));
        }
}

static void add_pages(json_t *blocks, const HomeModel *m, size_t n)
{
        json_t *buttons = json_array();
        _cleanup_free_ char *newer = mem_printf("%s:%zu", m->ref, m->page > 0 ? m->page - 1 : 0),
                            *older = mem_printf("%s:%zu", m->ref, m->page + 1);

        if (m->page > 0)
                json_array_append_new(buttons, element_button("home.more.back", "Back", newer, BUTTON_PLAIN));
        if (n > (m->page + 1) * LIST_SHOWN) {
                _cleanup_free_ char *label = mem_printf("%zu more", n - (m->page + 1) * LIST_SHOWN);

                json_array_append_new(buttons, element_button("home.more", label, older, BUTTON_PLAIN));
        }
        json_array_append_new(blocks, block_actions("home.pages", buttons));
}

json_t *home_view(const HomeModel *m)
{
        ListModel list = {
                .sessions = m->sessions, .user = m->user, .first = m->page * LIST_SHOWN, .now_ms = m->now_ms};
        _cleanup_json_ json_t *ordered = list_order(&list), *lines = NULL;
        size_t n = json_array_size(ordered);
        json_t *blocks = json_array();

        add_head(blocks, m);
        add_waiting(blocks, m);
        json_array_append_new(blocks, block_header("Your sessions"));
        if (list.first >= n) /* some are gone since the page was turned */
                list.first = 0;
        lines = list_blocks(&list, ordered);
        json_array_extend(blocks, lines);
        if (n == 0) {
                _cleanup_free_ char *how = mem_printf(
                        "None yet. *Start a task* above, `%s start` or a mention of me in a channel begins one.",
                        m->command);

                json_array_append_new(blocks, block_section(how));
        }
        add_pages(blocks, m, n);
        return json_pack("{s:s, s:s, s:s, s:o}", "type", "home", "callback_id", "home", "private_metadata",
                         m->ref, "blocks", blocks);
}
