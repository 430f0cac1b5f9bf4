#include "core/session-workspace.h"

#include "base/buf.h"
#include "connectors/slack/block-kit.h"
#include "core/cards.h"
#include "core/say.h"
#include "core/session.h"
#include "integrations/git/names.h"
#include "integrations/workspace/workspace-asks.h"

#define SLOT_WORKSPACE "workspace_line"

bool session_wants_workspace(Flow *f)
{
        return json_array_size(json_at(flow_data(f), "task.repositories")) > 0 &&
               !json_at(flow_data(f), "workspace");
}

const char *session_directory(Flow *f)
{
        const json_t *workspace = json_at(flow_data(f), "workspace");
        const json_t *repositories = json_at(workspace, "repositories");

        /* Alone, the repository itself: its root is what the agent's tools expect. */
        if (json_array_size(repositories) == 1)
                return json_str_or(json_array_get(repositories, 0), "path", "");
        return workspace ? json_str_or(workspace, "path", "")
                         : json_str_or(flow_data(f), "defaults.directory", "");
}

/* ---- the line in the thread ---- */

static void show_line(Flow *f, const char *text, AskPriority priority)
{
        PostedPlace thread = session_thread(f);
        json_t *line = block_context_of(json_pack("[o]", text_plain(text)));

        posted_show(f, SLOT_WORKSPACE, &thread, slack_message(text, json_pack("[o]", line)), priority);
}

static const char *phase_words(const char *phase)
{
        static const struct {
                const char *phase, *words;
        } known[] = {
                {"clone", "cloning"},         {"worktree", "worktree"},      {"checkout", "checking out"},
                {"submodules", "submodules"}, {"task", "task builder:init"}, {"par", "par"},
        };

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (str_equal(known[i].phase, phase))
                        return known[i].words;
        return "preparing";
}

static void show_progress(Flow *f, const json_t *at)
{
        _cleanup_free_ char *percent =
                json_at(at, "percent") ? mem_printf(", %d %%", (int) json_int(at, "percent", 0)) : NULL;
        _cleanup_free_ char *text = mem_printf(
                "Preparing the workspace: %s (%d of %d), %s%s", json_str_or(at, "repository", "repositories"),
                (int) json_int(at, "index", 1), (int) json_int(at, "total", 1),
                phase_words(json_str_or(at, "phase", "")), percent ? percent : "");

        show_line(f, text, ASK_PRIORITY_PROGRESS);
}

static char *names_of(const json_t *repositories)
{
        _cleanup_buf_ Buf names = {0};
        size_t i;
        json_t *one;

        json_array_foreach ((json_t *) repositories, i, one)
                buf_printf(&names, "%s%s", i ? ", " : "",
                           json_string_value(one) ? json_string_value(one) : json_str_or(one, "name", "?"));
        return buf_take(&names);
}

/* ---- asking ---- */

static json_t *wanted(const json_t *names)
{
        json_t *list = json_array(), *name;
        size_t i;

        json_array_foreach ((json_t *) names, i, name)
                json_array_append_new(list, json_pack("{s:O}", "name", name));
        return list;
}

void session_ask_workspace(Flow *f)
{
        const json_t *task = json_at(flow_data(f), "task"), *names = json_at(task, "repositories");
        _cleanup_free_ char *slug = name_slug(json_str_or(flow_data(f), "title", "")),
                            *self = mem_printf("flow:%s", flow_ref(f)), *list = names_of(names),
                            *text = mem_printf("Preparing the workspace: %s", list);
        json_t *args = json_pack("{s:s, s:o, s:b, s:s}", "slug", slug, "repositories", wanted(names),
                                 "unique", 1, "progress", self);

        if (json_str(task, "project.id"))
                json_put_str(args, "project", json_str(task, "project.id"));
        show_line(f, text, ASK_PRIORITY_NORMAL);
        flow_ask(f, &(FlowAsk){.verb = WORKSPACE_CREATE, .coalesce = "workspace", .args = args});
}

void session_forget_workspace_ask(Flow *f)
{
        flow_ask_forget(f, "workspace");
}

/* ---- hearing ---- */

static void made(Flow *f, const json_t *result)
{
        static const char *const copied[] = {"name", "path", "branch", "repositories"};
        json_t *workspace = json_object();
        const json_t *repositories = json_at(result, "repositories");
        _cleanup_free_ char *took = card_duration(json_int(result, "ms", 0)), *list = names_of(repositories),
                            *text = NULL;

        for (size_t i = 0; i < ELEMENTSOF(copied); i++)
                if (json_at(result, copied[i]))
                        json_object_set_new(workspace, copied[i], json_deep_copy(json_at(result, copied[i])));
        json_object_set_new(flow_data(f), "workspace", workspace);
        text = mem_printf("Workspace %s: %s on %s, ready in %s", json_str_or(result, "name", ""), list,
                          json_str_or(result, "branch", ""), took);
        show_line(f, text, ASK_PRIORITY_NORMAL);
}

static void failed(Flow *f, const json_t *failure)
{
        const char *message = json_str_or(failure, "message", "the workspace could not be made");
        _cleanup_free_ char *text = mem_printf(
                "There is no workspace: %s. A reply tries again; nothing half made is left.", message);

        session_set_error(f, message);
        show_line(f, text, ASK_PRIORITY_URGENT);
}

WorkspaceNews session_take_workspace_event(Flow *f, const FlowEvent *ev)
{
        if (flow_event_is(ev, WORKSPACE_PROGRESS)) {
                if (session_wants_workspace(f))
                        show_progress(f, ev->data);
                return WORKSPACE_NEWS;
        }
        if (!flow_event_is_ask(ev, WORKSPACE_CREATE, NULL))
                return WORKSPACE_OTHER;
        if (ev->outcome == ASK_OK) {
                made(f, ev->data);
                return WORKSPACE_MADE;
        }
        failed(f, ev->data);
        return WORKSPACE_FAILED;
}

bool session_take_workspace_posted(Flow *f, const FlowEvent *ev)
{
        PostedPlace thread = session_thread(f);

        return posted_take_result(f, SLOT_WORKSPACE, &thread, ev) != POSTED_OTHER;
}

/* ---- removing ---- */

void session_ask_cleanup(Flow *f, const FlowEvent *ev)
{
        const json_t *workspace = json_at(flow_data(f), "workspace");
        const char *user = json_str_or(ev->data, "user", "");
        PostedPlace thread = session_thread(f);
        _cleanup_free_ char *address = NULL;

        if (!workspace) {
                say_ephemeral(f, &thread, user, NULL,
                              "This session has no workspace of its own: there is nothing to clean up.");
                return;
        }
        if (json_at(flow_data(f), "turn")) {
                say_ephemeral(f, &thread, user, ":warning:",
                              "The agent is at work in the workspace. `!stop` first, then `!cleanup`.");
                return;
        }
        address = mem_printf("cleanup:%s", json_str_or(workspace, "name", ""));
        flow_spawn(f, "cleanup", address, "cleanup.begin",
                   json_pack("{s:s, s:s, s:s*, s:s, s:O}", "user", user, "channel", thread.channel,
                             "thread_ts", thread.thread_ts, "session", flow_ref(f), "workspace", workspace));
}
