#include "core/progress.h"

#define THOUGHT_BYTES 300

void progress_deinit(Progress *p)
{
        free(p->tool);
        free(p->tool_title);
        free(p->call_id);
        free(p->thought);
        json_decref(p->todos);
        *p = (Progress){0};
}

/* What to call a tool's work in one line: its own title, else what it was given. */
static const char *title_of(const json_t *frame)
{
        static const char *const inputs[] = {"input.command", "input.filePath", "input.pattern",
                                             "input.path",    "input.url",      "input.description"};
        const char *title = json_str(frame, "title");

        for (size_t i = 0; str_empty(title) && i < ELEMENTSOF(inputs); i++)
                title = json_str(frame, inputs[i]);
        return title;
}

static void apply_tool(Progress *p, const json_t *frame)
{
        const char *status = json_str_or(frame, "status", "");
        const char *call_id = json_str_or(frame, "call_id", "");

        if (str_equal(status, "completed"))
                p->n_done++;
        else if (str_equal(status, "error"))
                p->n_failed++;
        else {
                mem_strset(&p->tool, json_str(frame, "tool"));
                mem_strset(&p->tool_title, title_of(frame));
                mem_strset(&p->call_id, call_id);
                return;
        }
        if (str_equal(p->call_id, call_id)) {
                mem_strset(&p->tool, NULL);
                mem_strset(&p->tool_title, NULL);
                mem_strset(&p->call_id, NULL);
        }
}

static void apply_text(Progress *p, const json_t *frame)
{
        const char *content = json_str_or(frame, "content", "");
        size_t n = strlen(content);
        const char *from = content + (n > THOUGHT_BYTES ? n - THOUGHT_BYTES : 0);

        while ((*from & 0xc0) == 0x80)
                from++; /* not in the middle of a character */
        mem_strset(&p->thought, from);
}

void progress_apply(Progress *p, const char *type, const json_t *frame)
{
        if (str_equal(type, "session.active"))
                progress_deinit(p);
        else if (str_equal(type, "tool.executed"))
                apply_tool(p, frame);
        else if (str_equal(type, "message.part.streamed"))
                apply_text(p, frame);
        else if (str_equal(type, "todo.updated")) {
                json_decref(p->todos);
                p->todos = json_deep_copy(json_at(frame, "todos"));
        } else
                return;
        p->changed = true;
}

json_t *progress_take(Progress *p)
{
        json_t *data;

        if (!p->changed)
                return NULL;
        p->changed = false;
        data = json_object();
        json_put_str(data, "tool", p->tool);
        json_put_str(data, "tool_title", p->tool_title);
        json_put_str(data, "thought", p->thought);
        json_object_set_new(data, "todos", p->todos ? json_deep_copy(p->todos) : json_null());
        json_put_int(data, "n_done", p->n_done);
        json_put_int(data, "n_failed", p->n_failed);
        return data;
}
