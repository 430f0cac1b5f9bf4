#include "core/start-form.h"

#include <ctype.h>
#include <strings.h>

#include "core/cards-internal.h"

#define OPTION_VALUE_BYTES_MAX 150 /* longer names cannot be told apart by Slack, and are not offered */
#define SEPARATOR              " \xC2\xB7 "

typedef struct Choice {
        const char *value, *label;
} Choice;

static const Choice priorities[] = {
        {"low", "Low"}, {"medium", "Medium"}, {"high", "High"}, {"urgent", "Urgent"}};
static const Choice levels[] = {{"all", "Everything"},
                                {"milestones", "Milestones"},
                                {"questions", "Questions only"},
                                {"none", "Nothing"}};
static const Choice agents[] = {{START_AUTO, "Automatic"},
                                {"architect", "Architect"},
                                {"pm", "Product manager"},
                                {"builder", "Builder"},
                                {"party-mode", "Party mode"}};
static const Choice categories[] = {{"feature", "Feature"},
                                    {"bug", "Bug"},
                                    {"research", "Research"},
                                    {"chore", "Chore"},
                                    {"doc", "Documentation"}};

/* ---- what was typed ---- */

static size_t char_bytes(const unsigned char *s)
{
        size_t n = 1;

        while ((s[n] & 0xC0) == 0x80)
                n++;
        return n;
}

/* U+202A–202E, U+2066–2069 let a text read differently than it is; U+FEFF cannot be seen. */
static bool is_treacherous(const unsigned char *s)
{
        return (s[0] == 0xE2 && s[1] == 0x80 && s[2] >= 0xAA && s[2] <= 0xAE) ||
               (s[0] == 0xE2 && s[1] == 0x81 && s[2] >= 0xA6 && s[2] <= 0xA9) ||
               (s[0] == 0xEF && s[1] == 0xBB && s[2] == 0xBF);
}

static bool is_control(const unsigned char *s)
{
        return (*s < 0x20 && *s != '\n' && *s != '\t') || *s == 0x7F || (s[0] == 0xC2 && s[1] < 0xA0);
}

/* Owned: without what cannot be seen, and without space around it. */
static char *clean_text(const char *text)
{
        Buf out = {0};
        char *s, *from, *end;

        for (const unsigned char *c = (const unsigned char *) text; *c; c += char_bytes(c))
                if (!is_treacherous(c) && !is_control(c))
                        buf_append(&out, c, char_bytes(c));
        s = buf_take(&out);
        from = s + strspn(s, " \t\n");
        end = from + strlen(from);
        while (end > from && strchr(" \t\n", end[-1]))
                end--;
        memmove(s, from, (size_t) (end - from));
        s[end - from] = 0;
        return s;
}

/* Spaces of other scripts, joiners, and marks of direction, which are part of ordinary text but none alone.
 */
static bool has_visible(const char *text)
{
        for (const unsigned char *c = (const unsigned char *) text; *c; c += char_bytes(c)) {
                bool invisible = (*c <= ' ') || (c[0] == 0xC2 && c[1] == 0xA0) ||
                                 (c[0] == 0xE2 && c[1] == 0x80 && c[2] >= 0x80 && c[2] <= 0x8F) ||
                                 (c[0] == 0xE2 && c[1] == 0x81 && c[2] == 0xA0) ||
                                 (c[0] == 0xE3 && c[1] == 0x80 && c[2] == 0x80);

                if (!invisible)
                        return true;
        }
        return false;
}

static void put_clean(json_t *out, const char *field, const char *text, bool one_line)
{
        _cleanup_free_ char *clean = clean_text(text), *line = one_line ? slack_one_line(clean) : NULL;

        json_put_str(out, field, line ? line : clean);
}

static void read_one(json_t *out, const char *field, const json_t *element)
{
        const json_t *many = json_object_get(element, "selected_options"), *option;
        const char *one = json_str(element, "value");
        size_t i;

        if (!one)
                one = json_str(element, "selected_option.value");
        if (!one)
                one = json_str(element, "selected_conversation");
        if (json_is_array(many)) {
                json_t *list = json_array();

                json_array_foreach ((json_t *) many, i, option)
                        if (i < 2 * START_REPOSITORIES_MAX && json_str(option, "value"))
                                json_array_append_new(list, json_string(json_str(option, "value")));
                json_object_set_new(out, field, list);
        } else
                put_clean(out, field, one ? one : "", !str_equal(field, "description"));
}

json_t *start_form_read(const json_t *state_values)
{
        static const char *const fields[] = {"title", "description", "project",  "category", "repositories",
                                             "agent", "model",       "priority", "channel",  "notify"};
        json_t *values = json_object();

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                const json_t *element = json_object_get(json_object_get(state_values, fields[i]), "value");

                if (json_is_object(element))
                        read_one(values, fields[i], element);
        }
        return values;
}

json_t *start_form_split(const char *text)
{
        _cleanup_free_ char *clean = clean_text(text);
        size_t n_first = strcspn(clean, "\n");
        _cleanup_free_ char *first = mem_strndup(clean, n_first), *line = slack_one_line(first);
        _cleanup_free_ char *title = slack_cut(line, START_TITLE_CHARS_MAX);
        const char *rest = clean + n_first;
        json_t *values = json_object();

        json_put_str(values, "title", title);
        if (!str_equal(title, line)) /* cut: what is missing stands in the description */
                rest = clean;
        json_put_str(values, "description", rest + strspn(rest, " \t\n"));
        return values;
}

/* ---- what there is ---- */

static const json_t *find_named(const json_t *list, const char *key, const char *value)
{
        const json_t *one;
        size_t i;

        json_array_foreach ((json_t *) list, i, one)
                if (str_equal(json_str(one, key), value))
                        return one;
        return NULL;
}

static bool is_choice(const Choice *choices, size_t n, const char *value)
{
        for (size_t i = 0; i < n; i++)
                if (str_equal(choices[i].value, value))
                        return true;
        return false;
}

/* A category of the form or of the list of projects. */
static bool is_category(const json_t *offer, const char *value)
{
        return is_choice(categories, ELEMENTSOF(categories), value) ||
               find_named(json_object_get(offer, "projects"), "category", value);
}

static json_t *project_option(const json_t *project)
{
        _cleanup_free_ char *label = mem_printf("%s%s%s", json_str_or(project, "id", ""),
                                                str_empty(json_str(project, "title")) ? "" : SEPARATOR,
                                                json_str_or(project, "title", ""));
        _cleanup_free_ char *line = slack_one_line(label);

        return element_option(line, json_str_or(project, "id", ""), json_str(project, "status"));
}

static json_t *repository_option(const json_t *repository)
{
        return element_option(json_str_or(repository, "name", ""), json_str_or(repository, "name", ""), NULL);
}

static bool contains(const char *text, const char *query)
{
        return !*query || strcasestr(text, query);
}

/* Projects that somebody works on come first; of each kind in the list's own order. */
static json_t *project_options(const json_t *offer, const char *query)
{
        json_t *options = json_array();

        for (int active = 1; active >= 0; active--) {
                const json_t *one;
                size_t i;

                json_array_foreach (json_object_get(offer, "projects"), i, one) {
                        _cleanup_free_ char *text = mem_printf("%s %s", json_str_or(one, "id", ""),
                                                               json_str_or(one, "title", ""));

                        if (json_bool(one, "active") == active && contains(text, query))
                                json_array_append_new(options, project_option(one));
                }
        }
        return options;
}

static json_t *repository_options(const json_t *offer, const char *query)
{
        json_t *options = json_array();
        const json_t *one;
        size_t i;

        json_array_foreach (json_object_get(offer, "repositories"), i, one) {
                const char *name = json_str_or(one, "name", "");

                if (*name && strlen(name) <= OPTION_VALUE_BYTES_MAX && contains(name, query))
                        json_array_append_new(options, repository_option(one));
        }
        return options;
}

json_t *start_form_options(const json_t *offer, const char *field, const char *query)
{
        json_t *options = str_equal(field, "project")        ? project_options(offer, query)
                          : str_equal(field, "repositories") ? repository_options(offer, query)
                                                             : json_array();

        while (json_array_size(options) > SLACK_OPTIONS_MAX)
                json_array_remove(options, json_array_size(options) - 1);
        return json_pack("{s:o}", "options", options);
}

/* ---- the modal ---- */

static json_t *plain(const char *text)
{
        return json_pack("{s:s, s:s}", "type", "plain_text", "text", text);
}

static json_t *choice_options(const Choice *choices, size_t n)
{
        json_t *options = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(options, element_option(choices[i].label, choices[i].value, NULL));
        return options;
}

static json_t *model_options(const json_t *offer)
{
        json_t *options = json_pack("[o]", element_option("Automatic", START_AUTO, NULL));
        const json_t *one;
        size_t i;

        json_array_foreach (json_object_get(offer, "models"), i, one)
                if (json_array_size(options) < SLACK_OPTIONS_MAX && !str_empty(json_str(one, "name")))
                        json_array_append_new(options,
                                              element_option(json_str(one, "name"), json_str(one, "name"),
                                                             json_str(one, "model")));
        return options;
}

static json_t *category_options(const json_t *offer)
{
        json_t *options = choice_options(categories, ELEMENTSOF(categories));
        const json_t *project;
        size_t i;

        json_array_foreach (json_object_get(offer, "projects"), i, project) {
                const char *name = json_str_or(project, "category", "");

                if (*name && strlen(name) <= OPTION_VALUE_BYTES_MAX &&
                    json_array_size(options) < SLACK_OPTIONS_MAX && !find_named(options, "value", name))
                        json_array_append_new(options, element_option(name, name, NULL));
        }
        return options;
}

/* NULL when there is nothing to choose from. Without `options` in it when there is too much: Slack then asks
 * for what fits to what is typed. */
static json_t *select_element(json_t *options /* stolen */, const char *initial)
{
        size_t n = json_array_size(options);
        const json_t *chosen = str_empty(initial) ? NULL : find_named(options, "value", initial);
        bool external = n > SLACK_OPTIONS_MAX;
        json_t *element = json_pack("{s:s, s:s}", "type", external ? "external_select" : "static_select",
                                    "action_id", "value");

        if (chosen)
                json_object_set(element, "initial_option", (json_t *) chosen);
        if (external)
                json_put_int(element, "min_query_length", 0);
        else
                json_object_set(element, "options", options);
        json_decref(options);
        if (n > 0)
                return element;
        json_decref(element);
        return NULL;
}

static json_t *multi_select_element(json_t *options /* stolen */, const json_t *initial)
{
        size_t n = json_array_size(options), i;
        bool external = n > SLACK_OPTIONS_MAX;
        json_t *element = json_pack("{s:s, s:s, s:i}", "type",
                                    external ? "multi_external_select" : "multi_static_select", "action_id",
                                    "value", "max_selected_items", START_REPOSITORIES_MAX);
        json_t *chosen = json_array();
        const json_t *name;

        json_array_foreach ((json_t *) initial, i, name) {
                const json_t *option = find_named(options, "value", json_string_value(name));

                if (option && json_array_size(chosen) < START_REPOSITORIES_MAX)
                        json_array_append(chosen, (json_t *) option);
        }
        if (json_array_size(chosen) > 0)
                json_object_set(element, "initial_options", chosen);
        if (external)
                json_put_int(element, "min_query_length", 0);
        else
                json_object_set(element, "options", options);
        json_decref(chosen);
        json_decref(options);
        if (n > 0)
                return element;
        json_decref(element);
        return NULL;
}

/* Without a channel to begin with, Slack fills in the one that the person looks at. */
static json_t *channel_element(const char *channel)
{
        bool direct = channel && channel[0] == 'D';
        json_t *include = json_pack("[s, s]", "public", "private");
        json_t *element = json_pack("{s:s, s:s}", "type", "conversations_select", "action_id", "value");

        if (direct)
                json_array_append_new(include, json_string("im"));
        json_object_set_new(element, "filter", json_pack("{s:o}", "include", include));
        if (str_empty(channel))
                json_object_set_new(element, "default_to_current_conversation", json_true());
        else
                json_put_str(element, "initial_conversation", channel);
        return element;
}

static json_t *text_element(const char *initial, bool multiline, int max_chars)
{
        json_t *element = element_text_input("value", NULL, multiline);
        _cleanup_free_ char *cut = slack_cut(initial, (size_t) max_chars);

        json_put_int(element, "max_length", max_chars);
        if (!str_empty(cut))
                json_put_str(element, "initial_value", cut);
        return element;
}

static void add_input(json_t *blocks, const char *field, const char *label, json_t *element /* stolen */,
                      bool optional)
{
        if (element)
                json_array_append_new(blocks, block_input(field, label, element, optional));
}

static json_t *placed(json_t *element /* NULL */, const char *placeholder)
{
        if (element)
                json_object_set_new(element, "placeholder", plain(placeholder));
        return element;
}

static json_t *form_blocks(const StartForm *form)
{
        const json_t *v = form->values, *offer = form->offer;
        json_t *blocks = json_array(), *models = model_options(offer);
        _cleanup_free_ char *error =
                form->error ? mem_printf("\xE2\x9A\xA0\xEF\xB8\x8F  %s", form->error) : NULL;

        json_array_append_new(blocks, card_small(NULL, error));
        json_array_append_new(blocks, card_small(NULL, form->note));
        add_input(blocks, "title", "Title",
                  text_element(json_str_or(v, "title", ""), false, START_TITLE_CHARS_MAX), false);
        add_input(blocks, "description", "Description",
                  text_element(json_str_or(v, "description", ""), true, START_DESCRIPTION_CHARS_MAX), true);
        add_input(blocks, "project", "Project",
                  placed(select_element(project_options(offer, ""), json_str(v, "project")), "No project"),
                  true);
        add_input(blocks, "repositories", "Repositories",
                  placed(multi_select_element(repository_options(offer, ""),
                                              json_object_get(v, "repositories")),
                         "No repositories"),
                  true);
        add_input(blocks, "category", "Category",
                  placed(select_element(category_options(offer), json_str(v, "category")), "None"), true);
        add_input(blocks, "agent", "Agent",
                  select_element(choice_options(agents, ELEMENTSOF(agents)),
                                 json_str_or(v, "agent", START_AUTO)),
                  false);
        if (json_array_size(models) > 1)
                add_input(blocks, "model", "Model",
                          select_element(json_incref(models), json_str_or(v, "model", START_AUTO)), false);
        add_input(blocks, "priority", "Priority",
                  select_element(choice_options(priorities, ELEMENTSOF(priorities)),
                                 json_str_or(v, "priority", "medium")),
                  false);
        if (!form->is_edit)
                add_input(blocks, "channel", "Channel of the thread", channel_element(json_str(v, "channel")),
                          false);
        add_input(blocks, "notify", "Tell me about",
                  select_element(choice_options(levels, ELEMENTSOF(levels)),
                                 json_str_or(v, "notify", "milestones")),
                  false);
        json_decref(models);
        return blocks;
}

json_t *start_form_view(const StartForm *form)
{
        return json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:o}", "type", "modal", "callback_id",
                         START_FORM, "private_metadata", form->ref ? form->ref : "", "notify_on_close", 1,
                         "title", plain(form->is_edit ? "Edit the task" : "Start a task"), "submit",
                         plain(form->is_edit ? "Save" : "Start"), "close", plain("Cancel"), "blocks",
                         form_blocks(form));
}

/* ---- what is wrong ---- */

static void check_texts(const json_t *values, json_t *errors)
{
        const char *title = json_str_or(values, "title", "");
        size_t n_title = slack_chars(title),
               n_description = slack_chars(json_str_or(values, "description", ""));

        if (!has_visible(title))
                json_put_str(errors, "title", "Say in a few words what is to be done.");
        else if (n_title > START_TITLE_CHARS_MAX)
                json_object_set_new(
                        errors, "title",
                        json_sprintf(
                                "At most %d characters, and this has %zu. The rest belongs into the description.",
                                START_TITLE_CHARS_MAX, n_title));
        if (n_description > START_DESCRIPTION_CHARS_MAX)
                json_object_set_new(
                        errors, "description",
                        json_sprintf(
                                "At most %d characters, and this has %zu. Put the text into a file of the repository and name it here.",
                                START_DESCRIPTION_CHARS_MAX, n_description));
}

static void check_choices(const json_t *values, const json_t *offer, json_t *errors)
{
        const char *priority = json_str_or(values, "priority", ""),
                   *notify = json_str_or(values, "notify", ""), *agent = json_str_or(values, "agent", ""),
                   *model = json_str_or(values, "model", ""), *category = json_str_or(values, "category", "");

        if (*priority && !is_choice(priorities, ELEMENTSOF(priorities), priority))
                json_put_str(errors, "priority", "That is no priority. Choose one of the list.");
        if (*notify && !is_choice(levels, ELEMENTSOF(levels), notify))
                json_put_str(errors, "notify", "That cannot be chosen. Choose one of the list.");
        if (*agent && !is_choice(agents, ELEMENTSOF(agents), agent))
                json_put_str(errors, "agent", "There is no such agent. Choose one of the list.");
        if (*model && !str_equal(model, START_AUTO) &&
            !find_named(json_object_get(offer, "models"), "name", model))
                json_put_str(errors, "model", "That model is not there any more. Choose another one.");
        if (*category && !is_category(offer, category))
                json_put_str(errors, "category", "There is no such category. Choose one of the list.");
}

static void check_repositories(const json_t *values, const json_t *offer, json_t *errors)
{
        const json_t *chosen = json_object_get(values, "repositories"),
                     *known = json_object_get(offer, "repositories"), *name;
        const char *project = json_str_or(values, "project", "");
        _cleanup_buf_ Buf gone = {0};
        size_t i;

        if (*project && !find_named(json_object_get(offer, "projects"), "id", project))
                json_put_str(errors, "project",
                             "That project is not in the list any more. Choose another one, or none.");
        json_array_foreach ((json_t *) chosen, i, name)
                if (!find_named(known, "name", json_string_value(name)) && buf_len(&gone) < 200)
                        buf_printf(&gone, "%s%s", buf_len(&gone) > 0 ? ", " : "", json_string_value(name));
        if (buf_len(&gone) > 0)
                json_object_set_new(errors, "repositories",
                                    json_sprintf("Not there any more: %s. Choose again.", buf_bytes(&gone)));
        else if (json_array_size(chosen) > START_REPOSITORIES_MAX)
                json_object_set_new(
                        errors, "repositories",
                        json_sprintf("At most %d repositories for one task.", START_REPOSITORIES_MAX));
}

static bool is_allowed(const char *const *list, const char *id)
{
        if (!list || !*list)
                return true;
        for (; *list; list++)
                if (str_equal(*list, id))
                        return true;
        return false;
}

json_t *start_form_check(const json_t *values, const json_t *offer, const char *const *allow_channels,
                         bool is_edit)
{
        const char *channel = json_str_or(values, "channel", "");
        json_t *errors = json_object();

        check_texts(values, errors);
        check_choices(values, offer, errors);
        check_repositories(values, offer, errors);
        if (!is_edit && !*channel)
                json_put_str(errors, "channel", "Choose the channel in which the thread begins.");
        else if (!is_edit && (!strchr("CDG", channel[0]) || strlen(channel) > 64))
                json_put_str(errors, "channel", "That is no channel. Choose one of the list.");
        else if (!is_edit && !is_allowed(allow_channels, channel))
                json_put_str(
                        errors, "channel",
                        "I am not to be used in this channel. Ask the operator to add it (slack.allow_channels).");
        if (json_object_size(errors) > 0)
                return errors;
        json_decref(errors);
        return NULL;
}

json_t *start_form_answer(const json_t *in, const json_t *offer, const char *const *allow_channels)
{
        const char *type = json_str_or(in, "type", "");
        _cleanup_json_ json_t *values = NULL;
        json_t *errors;

        if (!str_equal(json_str(in, "callback_id"), START_FORM))
                return NULL;
        if (str_equal(type, "suggest"))
                return start_form_options(offer, json_str_or(in, "block_id", ""),
                                          json_str_or(in, "query", ""));
        if (!str_equal(type, "view"))
                return NULL;
        values = start_form_read(json_at(in, "values"));
        errors = start_form_check(values, offer, allow_channels, !json_object_get(values, "channel"));
        return errors ? json_pack("{s:s, s:o}", "response_action", "errors", "errors", errors) : NULL;
}

const char *start_form_channel_problem(const json_t *answer)
{
        static const char not_there[] =
                "I am not in that channel. Invite me there (/invite and my name), or choose another one.";
        const json_t *channel = json_object_get(answer, "channel");

        if (str_equal(json_str(answer, "error"), "channel_not_found"))
                return not_there;
        if (!json_bool(answer, "ok") || !json_is_object(channel))
                return NULL;
        if (json_bool(channel, "is_archived"))
                return "That channel is archived. Choose another one.";
        return json_is_false(json_object_get(channel, "is_member")) && !json_bool(channel, "is_im")
                       ? not_there
                       : NULL;
}

/* ---- the task ---- */

json_t *start_form_task(const json_t *values, const json_t *offer)
{
        static const char *const copied[] = {"title", "description", "category", "priority",
                                             "agent", "model",       "notify"};
        const json_t *project =
                find_named(json_object_get(offer, "projects"), "id", json_str_or(values, "project", ""));
        const json_t *repositories = json_object_get(values, "repositories");
        json_t *task = json_object();

        for (size_t i = 0; i < ELEMENTSOF(copied); i++)
                if (!str_empty(json_str(values, copied[i])))
                        json_put_str(task, copied[i], json_str(values, copied[i]));
        if (project)
                json_object_set_new(task, "project",
                                    json_pack("{s:s, s:s}", "id", json_str_or(project, "id", ""), "title",
                                              json_str_or(project, "title", "")));
        json_object_set_new(task, "repositories",
                            json_is_array(repositories) ? json_deep_copy(repositories) : json_array());
        return task;
}

char *start_form_prompt(const json_t *values)
{
        const char *title = json_str_or(values, "title", ""),
                   *description = json_str_or(values, "description", "");
        size_t n = strlen(title);

        if (!*description)
                return mem_strdup(title);
        if (n > 3 && str_equal(title + n - 3, "\xE2\x80\xA6")) /* was cut out of the description */
                n -= 3;
        if (strncmp(description, title, n) == 0)
                return mem_strdup(description);
        return mem_printf("%s\n\n%s", title, description);
}

static void add_part(Buf *line, const char *part)
{
        if (!str_empty(part))
                buf_printf(line, "%s%s", buf_len(line) > 0 ? SEPARATOR : "", part);
}

char *start_task_line(const json_t *task)
{
        const char *project = json_str(task, "project.id"),
                   *priority = json_str_or(task, "priority", "medium");
        const json_t *repositories = json_object_get(task, "repositories"), *name;
        _cleanup_free_ char *named = project ? mem_printf("Project %s", project) : NULL;
        _cleanup_free_ char *urgent =
                str_equal(priority, "medium") ? NULL : mem_printf("%s priority", priority);
        _cleanup_buf_ Buf line = {0}, list = {0};
        char *said;
        size_t i;

        json_array_foreach ((json_t *) repositories, i, name)
                if (i < 3)
                        buf_printf(&list, "%s%s", i > 0 ? ", " : "", json_string_value(name));
        if (json_array_size(repositories) > 3)
                buf_printf(&list, " and %zu more", json_array_size(repositories) - 3);
        add_part(&line, named);
        add_part(&line, json_str(task, "category"));
        add_part(&line, urgent);
        add_part(&line, buf_len(&list) > 0 ? buf_bytes(&list) : NULL);
        if (buf_len(&line) == 0)
                return NULL;
        said = buf_take(&line);
        if (buf_len(&list) == 0 || !str_starts_with(said, buf_bytes(&list))) /* a name stays as it is */
                said[0] = (char) toupper((unsigned char) said[0]);
        return said;
}

json_t *start_form_offer_message(const char *ref, const char *emoji, const char *text, const char *label)
{
        json_t *message = card_notice(emoji, text);

        json_array_append_new(json_object_get(message, "blocks"),
                              block_actions(NULL, json_pack("[o]", element_button("start.open", label, ref,
                                                                                  BUTTON_PRIMARY))));
        return message;
}
