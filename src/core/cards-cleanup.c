#include "core/cards-cleanup.h"

#include "core/cards-internal.h"

#define FILES_SHOWN        5
#define REPOSITORIES_SHOWN 12
#define BESIDE             "." /* what workspace.remove calls files that are in no repository */

/* ---- what would be lost ---- */

json_t *cleanup_at_risk(const json_t *inspection)
{
        json_t *names = json_array(), *r;
        size_t i;

        json_array_foreach ((json_t *) json_at(inspection, "repositories"), i, r)
                if (json_bool(r, "at_risk"))
                        json_array_append_new(names, json_string(json_str_or(r, "name", "?")));
        if (json_array_size(json_at(inspection, "files_beside")) > 0)
                json_array_append_new(names, json_string(BESIDE));
        return names;
}

static bool is_among(const json_t *names, const char *name, size_t n)
{
        size_t i;
        json_t *one;

        json_array_foreach ((json_t *) names, i, one)
                if (strlen(json_string_value(one)) == n && memcmp(json_string_value(one), name, n) == 0)
                        return true;
        return false;
}

static char *join(const json_t *names)
{
        _cleanup_buf_ Buf text = {0};
        size_t i;
        json_t *one;

        json_array_foreach ((json_t *) names, i, one)
                buf_printf(&text, "%s`%s`", i ? ", " : "", json_string_value(one));
        return buf_take(&text);
}

char *cleanup_check_names(const json_t *at_risk, const char *typed)
{
        _cleanup_json_ json_t *missing = json_deep_copy(at_risk);
        _cleanup_free_ char *names = NULL;
        const char *p = typed ? typed : "";
        size_t n;

        for (p += strspn(p, " ,;\t\r\n"); *p; p += n, p += strspn(p, " ,;\t\r\n")) {
                n = strcspn(p, " ,;\t\r\n");
                if (!is_among(at_risk, p, n))
                        return mem_printf("`%.*s` is none of what would be lost.", (int) MIN2(n, 60u), p);
                for (size_t i = json_array_size(missing); i-- > 0;)
                        if (strlen(json_string_value(json_array_get(missing, i))) == n &&
                            memcmp(json_string_value(json_array_get(missing, i)), p, n) == 0)
                                json_array_remove(missing, i);
        }
        if (json_array_size(missing) == 0)
                return NULL;
        names = join(missing);
        return mem_printf("Nothing was removed: %s %s not named.", names,
                          json_array_size(missing) == 1 ? "was" : "were");
}

/* ---- the card ---- */

static void add_files(Buf *line, const json_t *r)
{
        const json_t *files = json_at(r, "dirty_files");
        size_t n = (size_t) json_int(r, "dirty", 0), n_shown = MIN2(json_array_size(files), FILES_SHOWN);

        if (n == 0)
                return;
        buf_printf(line, "; %zu uncommitted file%s:", n, n == 1 ? "" : "s");
        for (size_t i = 0; i < n_shown; i++)
                buf_printf(line, "%s %s", i ? "," : "", json_string_value(json_array_get(files, i)));
        if (n > n_shown)
                buf_printf(line, " and %zu more", n - n_shown);
}

static void add_commits(Buf *line, const json_t *r)
{
        int64_t here = json_int(r, "only_here", 0), unpushed = json_int(r, "unpushed", 0);

        if (here > 0)
                buf_printf(line, "; %lld commit%s nowhere else", (long long) here, here == 1 ? "" : "s");
        else if (unpushed > 0)
                buf_printf(line, "; %lld commit%s not pushed, kept in a branch", (long long) unpushed,
                           unpushed == 1 ? "" : "s");
}

static json_t *repository_line(const json_t *r)
{
        json_t *elements = json_array();
        _cleanup_buf_ Buf line = {0};

        json_array_append_new(elements, rich_emoji(json_bool(r, "at_risk") ? "warning" : "white_check_mark"));
        json_array_append_new(elements, rich_text("  ", 0));
        json_array_append_new(elements, rich_text(json_str_or(r, "name", "?"), RICH_BOLD));
        if (json_bool(r, "missing"))
                buf_append_str(&line, ": its directory is gone already");
        else if (json_str(r, "error"))
                buf_printf(&line, ": %s", json_str(r, "error"));
        else
                buf_printf(&line, " on %s", json_str_or(r, "branch", "no branch"));
        add_files(&line, r);
        add_commits(&line, r);
        json_array_append_new(elements, rich_text(buf_bytes(&line), 0));
        return card_rich(elements);
}

static void add_repositories(json_t *blocks, const json_t *inspection)
{
        const json_t *repositories = json_at(inspection, "repositories"),
                     *beside = json_at(inspection, "files_beside");
        size_t n = json_array_size(repositories), n_shown = MIN2(n, REPOSITORIES_SHOWN);
        _cleanup_free_ char *more = NULL, *files = NULL;

        for (size_t i = 0; i < n_shown; i++)
                json_array_append_new(blocks, repository_line(json_array_get(repositories, i)));
        if (n > n_shown) {
                more = mem_printf("and %zu more repositories", n - n_shown);
                json_array_append_new(blocks, card_small(NULL, more));
        }
        if (json_array_size(beside) > 0) {
                files = mem_printf("%zu file%s beside the repositories, the first is %s",
                                   json_array_size(beside), json_array_size(beside) == 1 ? "" : "s",
                                   json_string_value(json_array_get(beside, 0)));
                json_array_append_new(blocks, card_small(NULL, files));
        }
}

static void add_kept_branches(json_t *blocks, const json_t *removed)
{
        size_t i;
        json_t *r;

        json_array_foreach ((json_t *) json_at(removed, "repositories"), i, r) {
                _cleanup_free_ char *line = NULL;

                if (json_bool(r, "branch_deleted"))
                        continue;
                line = mem_printf("%s: the branch %s stays%s%s", json_str_or(r, "name", "?"),
                                  json_str_or(r, "branch", ""), json_str(r, "kept_because") ? ", " : "",
                                  json_str_or(r, "kept_because", ""));
                json_array_append_new(blocks, card_small(NULL, line));
        }
}

static json_t *buttons(const CleanupCard *m)
{
        json_t *list = json_array();
        bool risky = json_bool(m->inspection, "at_risk");

        if (m->state == CLEANUP_FAILED)
                json_array_append_new(list,
                                      element_button("cleanup.retry", "Try again", m->ref, BUTTON_PLAIN));
        else if (risky)
                json_array_append_new(list, element_button("cleanup.confirm", "Remove all the same …", m->ref,
                                                           BUTTON_DANGER));
        else
                json_array_append_new(list,
                                      element_button("cleanup.remove", "Remove", m->ref, BUTTON_PRIMARY));
        json_array_append_new(list, element_button("cleanup.keep", "Keep", m->ref, BUTTON_PLAIN));
        return block_actions(NULL, list);
}

static char *rest_of(const CleanupCard *m)
{
        switch (m->state) {
        case CLEANUP_LOOKING: return mem_strdup(": looking at what would go …");
        case CLEANUP_OFFERED:
                return mem_strdup(json_bool(m->inspection, "at_risk")
                                          ? ": some of the work in it is nowhere else."
                                          : ": nothing in it would be lost.");
        case CLEANUP_REMOVING: return mem_printf(": removing%s%s …", m->at ? " " : "", m->at ? m->at : "");
        case CLEANUP_REMOVED: return mem_strdup(" is removed.");
        case CLEANUP_KEPT: return mem_strdup(" stays as it is.");
        case CLEANUP_FAILED: return mem_printf(": not removed. %s", m->error ? m->error : "");
        }
        return mem_strdup("");
}

json_t *card_cleanup(const CleanupCard *m)
{
        static const char *const emojis[] = {
                [CLEANUP_LOOKING] = "mag",    [CLEANUP_OFFERED] = "broom",
                [CLEANUP_REMOVING] = "broom", [CLEANUP_REMOVED] = "white_check_mark",
                [CLEANUP_KEPT] = "package",   [CLEANUP_FAILED] = "warning",
        };
        _cleanup_free_ char *rest = rest_of(m), *by = card_mention(m->by), *who = NULL;
        _cleanup_free_ char *head = mem_printf("Workspace %s", m->name ? m->name : "");
        _cleanup_free_ char *text = mem_printf("%s%s", head, rest);
        json_t *blocks = json_pack("[o]", card_headline(emojis[m->state], head, rest));

        if (m->state == CLEANUP_OFFERED || m->state == CLEANUP_FAILED) {
                add_repositories(blocks, m->inspection);
                json_array_append_new(blocks, buttons(m));
        }
        if (m->state == CLEANUP_REMOVED)
                add_kept_branches(blocks, m->removed);
        if (by) {
                who = mem_printf("Decided by %s", by);
                json_array_append_new(blocks, card_small(who, NULL));
        }
        return slack_message(text, blocks);
}

/* ---- the modal ---- */

json_t *card_cleanup_view(const char *ref, const json_t *inspection)
{
        _cleanup_json_ json_t *names = cleanup_at_risk(inspection);
        _cleanup_free_ char *list = join(names);
        _cleanup_free_ char *text = mem_printf(
                "What is in %s and nowhere else will be gone for good. Type the names to say so%s.", list,
                is_among(names, BESIDE, strlen(BESIDE)) ? "; `.` stands for the files beside the repositories"
                                                        : "");
        json_t *input = block_input("names", "Names of what may be lost",
                                    element_text_input("text", "api, web", false), false);

        return json_pack("{s:s, s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s}, s:{s:s, s:s}, s:[o, o]}", "type",
                         "modal", "callback_id", "cleanup.confirm", "private_metadata", ref, "title", "type",
                         "plain_text", "text", "Remove unsaved work", "submit", "type", "plain_text", "text",
                         "Remove", "close", "type", "plain_text", "text", "Back", "blocks",
                         block_section(text), input);
}
