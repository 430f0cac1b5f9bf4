#include "core/start-infer.h"

#include <ctype.h>
#include <strings.h>

#include "base/buf.h"
#include "core/projects.h"
#include "core/routing.h"
#include "core/start-form.h"

#define REPOSITORY_NAME_MIN 3 /* "go", "js" are words first */
#define NOTE_SEPARATOR      " \xC2\xB7 "

void start_inferred_deinit(StartInferred *i)
{
        json_decref(i->values);
        json_decref(i->routing);
        free(i->note);
        *i = (StartInferred){0};
}

static void add_note(Buf *note, const char *text)
{
        buf_printf(note, "%s%s", buf_len(note) > 0 ? NOTE_SEPARATOR : "", text);
}

/* ---- words ---- */

static bool is_name_char(char c)
{
        return isalnum((unsigned char) c) || strchr("-_", c) || (unsigned char) c >= 0x80;
}

/* `word` in `text`, in any case, not as a part of a longer name. */
static bool has_word(const char *text, const char *word)
{
        size_t n = strlen(word);

        for (const char *at = text; n > 0 && (at = strcasestr(at, word)); at++)
                if ((at == text || !is_name_char(at[-1])) && (!at[n] || !is_name_char(at[n])))
                        return true;
        return false;
}

/* The list's own categories say more than words that every task may have. NULL when none is named. */
static const char *named_category(const json_t *offer, const char *text)
{
        const char *found = NULL;
        const json_t *project;
        size_t i;

        json_array_foreach (json_object_get(offer, "projects"), i, project) {
                const char *category = json_str_or(project, "category", "");

                if (!*category || str_equal(category, found) || !has_word(text, category))
                        continue;
                if (found) /* two are named: neither counts */
                        return NULL;
                found = category;
        }
        return found;
}

static const char *usual_category(const char *text)
{
        static const struct {
                const char *category;
                const char *const words[14];
        } rows[] = {
                {"bug",
                 {"fix", "bug", "broken", "crash", "crashes", "fails", "failing", "error", "regression",
                  "wrong", "hangs", "leak"}},
                {"doc", {"document", "documentation", "docs", "readme", "changelog", "tutorial"}},
                {"research",
                 {"investigate", "research", "evaluate", "compare", "explore", "analyse", "analyze", "spike",
                  "find out"}},
                {"chore",
                 {"upgrade", "bump", "rename", "clean up", "cleanup", "refactor", "dependencies", "lint",
                  "housekeeping"}},
                {"feature",
                 {"add", "implement", "build", "create", "support", "introduce", "allow", "enable",
                  "feature"}},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (size_t k = 0; rows[i].words[k]; k++)
                        if (has_word(text, rows[i].words[k]))
                                return rows[i].category;
        return NULL;
}

/* Those of the catalogue that the text names: {repositories: […]} is set when there are any. */
static size_t find_repositories(const json_t *offer, const char *text, const char **ret_names, json_t *values)
{
        json_t *list = json_array();
        const json_t *one;
        size_t i, n = 0;

        json_array_foreach (json_object_get(offer, "repositories"), i, one) {
                const char *name = json_str_or(one, "name", "");

                if (n < START_REPOSITORIES_MAX && strlen(name) >= REPOSITORY_NAME_MIN &&
                    has_word(text, name)) {
                        ret_names[n++] = name;
                        json_array_append_new(list, json_string(name));
                }
        }
        ret_names[n] = NULL;
        if (n > 0)
                json_object_set(values, "repositories", list);
        json_decref(list);
        return n;
}

/* ---- project ---- */

/* The offer's projects as projects.h has them; strings are borrowed. Free `all`. */
static Projects projects_of(const json_t *offer)
{
        const json_t *list = json_object_get(offer, "projects"), *one, *name;
        Projects p = {.size = json_array_size(list)};
        size_t i, k;

        p.all = mem_zalloc((p.size + 1) * sizeof(*p.all));
        json_array_foreach ((json_t *) list, i, one) {
                Project *project = &p.all[p.n++];

                *project = (Project){.id = (char *) json_str_or(one, "id", ""),
                                     .title = (char *) json_str_or(one, "title", ""),
                                     .status = (char *) json_str_or(one, "status", ""),
                                     .category = (char *) json_str_or(one, "category", "")};
                json_array_foreach (json_object_get(one, "repositories"), k, name)
                        if (project->n_repositories < PROJECT_REPOSITORIES_MAX && json_is_string(name))
                                project->repositories[project->n_repositories++] =
                                        (char *) json_string_value(name);
        }
        return p;
}

/* Of the project's repositories those that are there. */
static void take_repositories(const Project *project, const json_t *offer, json_t *values)
{
        json_t *list = json_array();
        const json_t *one;
        size_t i;

        json_array_foreach (json_object_get(offer, "repositories"), i, one)
                for (size_t k = 0; k < project->n_repositories; k++)
                        if (strcasecmp(project->repositories[k], json_str_or(one, "name", "")) == 0 &&
                            json_array_size(list) < START_REPOSITORIES_MAX)
                                json_array_append_new(list, json_string(json_str(one, "name")));
        if (json_array_size(list) > 0)
                json_object_set(values, "repositories", list);
        json_decref(list);
}

static bool infer_project(const json_t *values, const json_t *offer, const char *category, StartInferred *ret,
                          Buf *note)
{
        static const char *const whence[] = {[PROJECT_BY_ID] = "from its number in the text",
                                             [PROJECT_BY_TITLE] = "from the title",
                                             [PROJECT_BY_REPOSITORIES] = "from the repositories",
                                             [PROJECT_BY_CATEGORY] = "the only active one of its category"};
        const char *repositories[START_REPOSITORIES_MAX + 1], *title = json_str_or(values, "title", "");
        _cleanup_free_ char *text = mem_printf("%s\n%s", title, json_str_or(values, "description", ""));
        size_t n = find_repositories(offer, text, repositories, ret->values);
        Projects projects = projects_of(offer);
        ProjectHints hints = {title, repositories, category};
        ProjectBy by;
        const Project *project = projects_infer(&projects, &hints, &by);
        bool is_list = projects.n > 0;

        if (project) {
                _cleanup_free_ char *said = mem_printf("Project %s %s", project->id, whence[by]);

                json_put_str(ret->values, "project", project->id);
                if (!str_empty(project->category))
                        json_put_str(ret->values, "category", project->category);
                add_note(note, said);
                if (n == 0)
                        take_repositories(project, offer, ret->values);
        }
        if (n > 0)
                add_note(note, n == 1 ? "repository from the text" : "repositories from the text");
        else if (json_object_get(ret->values, "repositories"))
                add_note(note, "repositories from the project list");
        free(projects.all);
        return project || !is_list;
}

/* ---- agent and model ---- */

/* The gateway's own decision comes with the offer: it may have a model of its users' own. Owned. */
static json_t *decide(const json_t *values, const json_t *offer)
{
        const json_t *decided = json_object_get(offer, "routing");
        RouteDecision decision;

        if (json_str(decided, "agent") && json_str(decided, "model"))
                return json_deep_copy(decided);
        route_task(&(RouteText){json_str(values, "title"), json_str(values, "description")},
                   route_model_builtin(), &decision);
        return route_decision_json(&decision);
}

static bool offers_model(const json_t *offer, const char *name)
{
        const json_t *one;
        size_t i;

        json_array_foreach (json_object_get(offer, "models"), i, one)
                if (str_equal(json_str(one, "name"), name))
                        return true;
        return false;
}

void start_infer(const json_t *values, const json_t *offer, StartInferred *ret)
{
        _cleanup_free_ char *text = mem_printf("%s\n%s", json_str_or(values, "title", ""),
                                               json_str_or(values, "description", ""));
        const char *category = named_category(offer, text), *usual = usual_category(text);
        _cleanup_json_ json_t *decision = decide(values, offer);
        const char *model = json_str(decision, "model");
        _cleanup_free_ char *agent = mem_printf("agent %s (%s)", json_str(decision, "agent"),
                                                json_str_or(decision, "reasons", ""));
        Buf note = {0};

        *ret = (StartInferred){.values = json_object(), .routing = json_pack("{s:O}", "decision", decision)};
        ret->certain =
                infer_project(values, offer, category, ret, &note) && !str_empty(json_str(values, "title"));
        if (!json_object_get(ret->values, "category") && (category || usual))
                json_put_str(ret->values, "category", category ? category : usual);
        json_put_str(ret->values, "agent", json_str(decision, "agent"));
        if (offers_model(offer, model))
                json_put_str(ret->values, "model", model);
        add_note(&note, agent);
        ret->note = buf_take(&note);
        ret->note[0] = (char) toupper((unsigned char) ret->note[0]);
}

json_t *start_route(json_t *values, const json_t *offer, const char *user, int64_t now_ms)
{
        json_t *decision = decide(values, offer), *override = json_object();
        const char *agent = json_str(decision, "agent"), *model = json_str(decision, "model");
        json_t *routing = json_pack("{s:o}", "decision", decision);
        const char *chosen_agent = json_str_or(values, "agent", ""),
                   *chosen_model = json_str_or(values, "model", "");

        if (*chosen_agent && !str_equal(chosen_agent, START_AUTO) && !str_equal(chosen_agent, agent))
                json_put_str(override, "agent", chosen_agent);
        if (*chosen_model && !str_equal(chosen_model, START_AUTO) && !str_equal(chosen_model, model))
                json_put_str(override, "model", chosen_model);
        if (!json_object_get(override, "agent"))
                json_put_str(values, "agent", agent);
        if (!json_object_get(override, "model"))
                json_put_str(values, "model", offers_model(offer, model) ? model : "");
        if (json_object_size(override) > 0) {
                json_put_str(override, "user", user);
                json_put_int(override, "at_ms", now_ms);
                json_object_set(routing, "override", override);
        }
        json_decref(override);
        return routing;
}
