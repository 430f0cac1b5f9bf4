#include "core/cards-list.h"

#include <ctype.h>
#include <strings.h>

#include "core/cards-internal.h"

#define TITLE_CHARS   60 /* a line and a half of a phone */
#define WAITING_CHARS 60
#define SEPARATOR     " \xC2\xB7 "

static SessionState state_of(const json_t *session)
{
        SessionState state = SESSION_STARTING;

        session_state_from_name(json_str_or(session, "data.state", "starting"), &state);
        return state;
}

static const char *title_of(const json_t *session)
{
        const char *title = json_str_or(session, "data.title", "");

        return *title ? title : "Task";
}

/* The first of the requests that somebody has to answer; NULL when there is none. */
static const char *waiting_for(const json_t *session)
{
        const char *ref;
        json_t *request;

        json_object_foreach ((json_t *) json_at(session, "data.open"), ref, request)
                return json_str_or(request, "what", "an answer");
        return NULL;
}

static bool is_own(const ListModel *m, const json_t *session)
{
        return str_equal(json_str(session, "data.user"), m->user);
}

static ListGroup group_of(const ListModel *m, const json_t *session)
{
        if (waiting_for(session))
                return is_own(m, session) ? LIST_WAITS_FOR_YOU : LIST_WAITS_FOR_OTHERS;
        switch (state_of(session)) {
        case SESSION_STARTING:
        case SESSION_WORKING:
        case SESSION_WAITING:
        case SESSION_RETRYING:
        case SESSION_STOPPING:
        case SESSION_OFFLINE: return LIST_AT_WORK;
        case SESSION_IDLE:
        case SESSION_STOPPED:
        case SESSION_FAILED: break;
        }
        return LIST_QUIET;
}

json_t *list_order(const ListModel *m)
{
        json_t *ordered = json_array(), *session;
        size_t i;

        for (ListGroup group = 0; group < LIST_GROUPS_N; group++) {
                if (m->busy_only && group == LIST_QUIET)
                        break;
                json_array_foreach ((json_t *) m->sessions, i, session)
                        if (group_of(m, session) == group && (m->everybody || is_own(m, session)))
                                json_array_append(ordered, session);
        }
        return ordered;
}

/* ---- lines ---- */

static const char *emoji_of(const json_t *session)
{
        return waiting_for(session) ? "bell" : card_state_emoji(state_of(session));
}

static void add_line(json_t *elements, const ListModel *m, const json_t *session, size_t number)
{
        _cleanup_free_ char *line = slack_one_line(title_of(session)), *title = slack_cut(line, TITLE_CHARS);
        _cleanup_free_ char *age = card_duration(m->now_ms - json_int(session, "updated_ms", m->now_ms));
        _cleanup_free_ char *url = slack_url(json_str(session, "permalink"), NULL),
                            *mention = card_mention(json_str(session, "data.user"));
        const char *what = waiting_for(session);
        _cleanup_free_ char *cut = slack_cut(what ? what : card_state_word(state_of(session)), WAITING_CHARS);
        _cleanup_free_ char *before =
                                    mem_printf("%s%zu  ", json_array_size(elements) > 0 ? "\n" : "", number),
                            *after = mem_printf(SEPARATOR "%s" SEPARATOR "%s", cut, age);

        json_array_append_new(elements, rich_text(before, 0));
        json_array_append_new(elements, rich_emoji(emoji_of(session)));
        json_array_append_new(elements, rich_text(" ", 0));
        json_array_append_new(elements, url ? rich_link(url, title, RICH_BOLD) : rich_text(title, RICH_BOLD));
        card_add_text(elements, after, 0);
        if (m->everybody && !is_own(m, session) && mention) {
                json_array_append_new(elements, rich_text(SEPARATOR, 0));
                json_array_append_new(elements, rich_user(json_str(session, "data.user")));
        }
}

static const char *const heads[] = {[LIST_WAITS_FOR_YOU] = "Waiting for you",
                                    [LIST_WAITS_FOR_OTHERS] = "Waiting for others",
                                    [LIST_AT_WORK] = "At work",
                                    [LIST_QUIET] = "Finished for now"};

json_t *list_blocks(const ListModel *m, const json_t *ordered)
{
        size_t n = json_array_size(ordered), end = MIN2(n, m->first + LIST_SHOWN);
        json_t *blocks = json_array();

        for (size_t i = m->first; i < end;) {
                ListGroup group = group_of(m, json_array_get(ordered, i));
                json_t *head = json_pack("[o]", rich_text(heads[group], RICH_BOLD)), *lines = json_array();

                for (; i < end && group_of(m, json_array_get(ordered, i)) == group; i++)
                        add_line(lines, m, json_array_get(ordered, i), i + 1);
                json_array_append_new(blocks, block_rich_text(json_pack("[o, o]", rich_section(head),
                                                                        rich_section(lines))));
        }
        return blocks;
}

json_t *card_list(const ListModel *m)
{
        _cleanup_json_ json_t *ordered = list_order(m);
        size_t n = json_array_size(ordered);
        _cleanup_free_ char *text = mem_printf("%zu session%s", n, n == 1 ? "" : "s");
        json_t *blocks = list_blocks(m, ordered);

        if (n == 0) {
                json_array_append_new(
                        blocks, card_headline(NULL,
                                              m->busy_only ? "Nothing runs, and nothing waits for you"
                                                           : "No sessions yet",
                                              m->busy_only ? ". `/opencode list` shows what is finished."
                                                           : ". `/opencode start` begins one."));
                return slack_message("No sessions.", blocks);
        }
        if (n > m->first + LIST_SHOWN) {
                _cleanup_free_ char *more = mem_printf("and %zu more", n - m->first - LIST_SHOWN);

                json_array_append_new(blocks, card_small(NULL, more));
        }
        return slack_message(text, blocks);
}

/* ---- picking ---- */

static const json_t *by_title(const json_t *ordered, const char *what, bool *ret_many)
{
        const json_t *found = NULL;
        json_t *session;
        size_t i;

        json_array_foreach ((json_t *) ordered, i, session)
                if (strcasecmp(title_of(session), what) == 0)
                        return session;
        json_array_foreach ((json_t *) ordered, i, session) {
                if (!strcasestr(title_of(session), what))
                        continue;
                *ret_many = found != NULL;
                if (found)
                        return NULL;
                found = session;
        }
        return found;
}

const json_t *list_pick(const json_t *ordered, const char *what, bool *ret_many)
{
        _cleanup_free_ char *word = slack_one_line(what);
        size_t n_digits = strspn(word, "0123456789");

        *ret_many = false;
        if (!*word)
                return NULL;
        if (!word[n_digits] && n_digits < 5) {
                unsigned long number = strtoul(word, NULL, 10);

                if (number >= 1 && number <= json_array_size(ordered))
                        return json_array_get(ordered, number - 1);
        }
        return by_title(ordered, word, ret_many);
}
