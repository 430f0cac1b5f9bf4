#include "agents-channels.h"

#include <ctype.h>
#include <stdio.h>

#include "agents.h"
#include "base/buf.h"

struct CodeChannels {
        json_t *all; /* channel's id → what is known of it, oldest first */
};

CodeChannels *code_channels_new(void)
{
        CodeChannels *cs = mem_new(CodeChannels);

        cs->all = json_object();
        return cs;
}

void code_channels_free(CodeChannels *cs)
{
        if (!cs)
                return;
        json_decref(cs->all);
        free(cs);
}

void code_channels_clear(CodeChannels *cs)
{
        json_object_clear(cs->all);
}

char *code_channels_make_name(const State *s, const char *title)
{
        char name[CODE_CHANNEL_NAME_CHARS + 1];
        size_t n = 0, base;

        for (const char *p = title; *p && n < CODE_CHANNEL_NAME_CHARS - 5; p++) {
                bool plain = isalnum((unsigned char) *p) || *p == '_';

                if (plain)
                        name[n++] = (char) tolower((unsigned char) *p);
                else if (n > 0 && name[n - 1] != '-')
                        name[n++] = '-';
        }
        while (n > 0 && name[n - 1] == '-')
                n--;
        if (n == 0)
                n = (size_t) snprintf(name, sizeof(name), "session");
        name[n] = 0;
        base = n;
        for (unsigned i = 2; state_find_channel(s, name); i++)
                snprintf(name + base, sizeof(name) - base, "-%u", i);
        return mem_strdup(name);
}

bool code_channels_are_full(const CodeChannels *cs)
{
        return json_object_size(cs->all) >= CODE_CHANNELS_MAX;
}

json_t *code_channels_add(CodeChannels *cs, const Channel *c, const char *agent, const char *session_id,
                          const char *origin_channel, const char *origin_ts)
{
        json_t *out = json_pack("{s:s,s:s,s:{},s:{},s:[],s:[]}", "channel", c->id, "agent", agent,
                                "code_channel", "agent_resource", "views", "commands");

        if (!str_empty(session_id))
                json_put_str(out, "session_id", session_id);
        if (origin_channel && origin_ts)
                json_object_set_new(out, "origin",
                                    json_pack("{s:s,s:s}", "channel_id", origin_channel, "ts", origin_ts));
        json_object_set_new(cs->all, c->id, out);
        return out;
}

json_t *code_channels_find(const CodeChannels *cs, const char *channel)
{
        return json_object_get(cs->all, channel);
}

json_t *code_channels_find_session(const CodeChannels *cs, const char *session_id)
{
        const char *id;
        json_t *one;

        json_object_foreach (cs->all, id, one)
                if (!str_empty(session_id) && str_equal(json_str(one, "session_id"), session_id))
                        return one;
        return NULL;
}

/* --- views --- */

json_t *code_channel_find_view(const json_t *channel, const char *view_key, const char *view_id)
{
        size_t i;
        json_t *view;

        json_array_foreach (json_object_get(channel, "views"), i, view)
                if (view_id ? str_equal(json_str(view, "view_id"), view_id)
                            : view_key && str_equal(json_str(view, "view_key"), view_key))
                        return view;
        return NULL;
}

/* There is one diff in a channel, whatever its key. */
static json_t *find_same(const json_t *channel, const char *type, const char *view_key)
{
        size_t i;
        json_t *view;

        if (!str_equal(type, "diff"))
                return code_channel_find_view(channel, view_key, NULL);
        json_array_foreach (json_object_get(channel, "views"), i, view)
                if (str_equal(json_str(view, "type"), "diff"))
                        return view;
        return NULL;
}

static size_t count_bytes(const CodeChannels *cs)
{
        size_t n = 0, i;
        const char *id;
        json_t *one, *view;

        json_object_foreach (cs->all, id, one)
                json_array_foreach (json_object_get(one, "views"), i, view)
                        n += json_string_length(json_object_get(view, "content"));
        return n;
}

const char *code_channel_set_view(CodeChannels *cs, State *s, json_t *channel, const char *type,
                                  const char *view_key, const json_t *fields, json_t **ret)
{
        json_t *views = json_object_get(channel, "views"), *view = find_same(channel, type, view_key);
        size_t n_bytes = json_string_length(json_object_get(fields, "content"));

        if (n_bytes > CODE_VIEW_BYTES_MAX || count_bytes(cs) + n_bytes > CODE_VIEWS_BYTES_MAX)
                return "content_too_large";
        if (!view) {
                _cleanup_free_ char *tab = state_new_id(s, 'C'), *file = state_new_id(s, 'F');

                if (json_array_size(views) >= CODE_VIEWS_MAX)
                        return "too_many_views";
                tab[1] = 't'; /* ids of tabs begin with Ct */
                view = json_pack("{s:s,s:s,s:I}", "view_id", tab, "file_id", file, "date_added",
                                 (json_int_t) (s->clock_ms() / 1000));
                if (!str_empty(view_key))
                        json_put_str(view, "view_key", view_key);
                json_array_append_new(views, view);
        }
        json_put_str(view, "type", type);
        json_object_update(view, (json_t *) fields);
        json_put_int(view, "content_version", json_int(view, "content_version", 0) + 1);
        *ret = view;
        return NULL;
}

bool code_channel_remove_view(json_t *channel, const json_t *view)
{
        json_t *views = json_object_get(channel, "views"), *one;
        size_t i;

        json_array_foreach (views, i, one)
                if (one == view) {
                        json_array_remove(views, i);
                        return true;
                }
        return false;
}

/* --- for others --- */

json_t *code_channels_properties(const Local *l, const char *channel)
{
        const json_t *one = code_channels_find(l->code_channels, channel),
                     *session = agents_find_session(l->agents, channel, "");
        json_t *out;

        if (!one)
                return NULL;
        out = json_pack("{s:{s:s,s:[s],s:s},s:O}", "agent_session", "status",
                        json_str_or(session, "session", "active"), "encoded_agent_bot_user_ids",
                        json_str(one, "agent"), "title", json_str_or(session, "title", ""), "code_channel",
                        json_object_get(one, "code_channel"));
        if (json_object_get(one, "origin"))
                json_object_set(json_object_get(out, "agent_session"), "origin_link",
                                json_object_get(one, "origin"));
        if (json_object_size(json_object_get(one, "agent_resource")) > 0)
                json_object_set(out, "agent_resource", json_object_get(one, "agent_resource"));
        return out;
}

json_t *code_channels_render(const CodeChannels *cs)
{
        json_t *out = json_array(), *one;
        const char *id;

        json_object_foreach (cs->all, id, one)
                json_array_append_new(out, json_deep_copy(one));
        return out;
}

json_t *code_channels_save(const CodeChannels *cs)
{
        return code_channels_render(cs);
}

static bool fits(const json_t *saved)
{
        return json_str(saved, "channel") && json_str(saved, "agent") &&
               json_is_object(json_object_get(saved, "code_channel")) &&
               json_is_object(json_object_get(saved, "agent_resource")) &&
               json_is_array(json_object_get(saved, "views")) &&
               json_is_array(json_object_get(saved, "commands"));
}

bool code_channels_load(CodeChannels *cs, const json_t *saved)
{
        size_t i;
        json_t *one;

        code_channels_clear(cs);
        if (!json_is_array(saved) || json_array_size(saved) > CODE_CHANNELS_MAX)
                return false;
        json_array_foreach ((json_t *) saved, i, one) {
                if (!fits(one)) {
                        code_channels_clear(cs);
                        return false;
                }
                json_object_set_new(cs->all, json_str(one, "channel"), json_deep_copy(one));
        }
        return true;
}
