#include "methods.h"

#include "base/buf.h"

#define BOT_USER_TOKENS (TOKEN_BOT | TOKEN_USER)

static const Method methods[] = {
        /* the frame itself */
        {"api.test", TOKEN_NONE, CALL_JSON, TIER_4, NULL, NULL, NULL},
        {"blocks.validate", TOKEN_NONE, CALL_JSON, TIER_NONE, NULL, NULL, NULL},
        {"auth.test", BOT_USER_TOKENS, CALL_JSON, TIER_600, NULL, NULL, NULL},
        {"auth.revoke", BOT_USER_TOKENS, CALL_JSON, TIER_3, NULL, NULL, NULL},
        {"auth.teams.list", BOT_USER_TOKENS, CALL_JSON, TIER_2, NULL, NULL, NULL},
        {"apps.connections.open", TOKEN_APP, CALL_JSON | CALL_POST, TIER_3, "connections:write", NULL, NULL},
        {"apps.event.authorizations.list", TOKEN_APP, CALL_JSON, TIER_600, "authorizations:read", NULL,
         "event_context"},
        {"apps.manifest.validate", TOKEN_CONFIG, CALL_JSON, TIER_3, NULL, NULL, "manifest"},
        /* messages */
        {"chat.postMessage", BOT_USER_TOKENS, CALL_JSON, TIER_POST, "chat:write", "chat:write", "channel"},
        {"chat.update", BOT_USER_TOKENS, CALL_JSON, TIER_3, "chat:write", "chat:write", "channel,ts"},
        {"chat.delete", BOT_USER_TOKENS, CALL_JSON, TIER_3, "chat:write", "chat:write", "channel,ts"},
        {"chat.postEphemeral", BOT_USER_TOKENS, CALL_JSON, TIER_4, "chat:write", "chat:write",
         "channel,user"},
        {"chat.meMessage", BOT_USER_TOKENS, CALL_JSON, TIER_3, "chat:write", "chat:write", "channel,text"},
        {"chat.getPermalink", BOT_USER_TOKENS, 0, TIER_600, NULL, NULL, "channel,message_ts"},
        {"chat.scheduleMessage", BOT_USER_TOKENS, CALL_JSON, TIER_3, "chat:write", "chat:write",
         "channel,post_at:any"},
        {"chat.deleteScheduledMessage", BOT_USER_TOKENS, CALL_JSON, TIER_3, "chat:write", "chat:write",
         "channel,scheduled_message_id"},
        {"chat.scheduledMessages.list", BOT_USER_TOKENS, CALL_JSON, TIER_3, NULL, NULL, NULL},
        {"chat.startStream", TOKEN_BOT, CALL_JSON, TIER_2, "chat:write", NULL, "channel"},
        {"chat.appendStream", TOKEN_BOT, CALL_JSON, TIER_4, "chat:write", NULL, "channel,ts"},
        {"chat.stopStream", TOKEN_BOT, CALL_JSON, TIER_2, "chat:write", NULL, "channel,ts"},
        /* agents */
        {"assistant.threads.setStatus", TOKEN_BOT, CALL_JSON, TIER_STATUS, "chat:write,assistant:write", NULL,
         "channel_id,thread_ts"},
        {"assistant.threads.setTitle", TOKEN_BOT, CALL_JSON, TIER_4, "assistant:write", NULL,
         "channel_id,thread_ts,title"},
        {"assistant.threads.setSuggestedPrompts", TOKEN_BOT, CALL_JSON, TIER_4, "assistant:write", NULL,
         "channel_id,prompts:any"},
        {"agents.sessions.setStatus", TOKEN_BOT, CALL_JSON, TIER_3, "chat:write", NULL, "channel_id,status"},
        {"agents.sessions.rename", TOKEN_BOT, CALL_JSON, TIER_3, "chat:write", NULL, "channel_id,title"},
        {"agents.conversations.create", TOKEN_BOT, CALL_JSON, TIER_3, "code_channels:manage", NULL, "name"},
        {"agents.conversations.archive", TOKEN_BOT, CALL_JSON, TIER_3, "code_channels:manage", NULL,
         "channel_id"},
        {"agents.conversations.setProperties", TOKEN_BOT, CALL_JSON, TIER_3, "code_channels:manage", NULL,
         "channel_id"},
        {"agents.conversations.setView", TOKEN_BOT, CALL_JSON, TIER_3, "code_channels:manage", NULL,
         "channel_id"},
        {"agents.conversations.listViews", TOKEN_BOT, CALL_JSON, TIER_3, "code_channels:manage", NULL,
         "channel_id"},
        {"agents.conversations.removeView", TOKEN_BOT, CALL_JSON, TIER_3, "code_channels:manage", NULL,
         "channel_id"},
        {"agents.conversations.setCommands", TOKEN_BOT, CALL_JSON, TIER_3, "code_channels:manage", NULL,
         "channel_id,commands:any"},
        {"agents.conversations.getCanvas", TOKEN_BOT, CALL_JSON, TIER_3, "code_channels:manage", NULL,
         "channel,canvas_id"},
        {"agents.conversations.setCanvasContent", TOKEN_BOT, CALL_JSON, TIER_3, "code_channels:manage", NULL,
         "channel,canvas_id,content"},
        /* views */
        {"views.open", BOT_USER_TOKENS, CALL_JSON, TIER_4, NULL, NULL, "view:any"},
        {"views.push", BOT_USER_TOKENS, CALL_JSON, TIER_4, NULL, NULL, "view:any"},
        {"views.update", BOT_USER_TOKENS, CALL_JSON, TIER_4, NULL, NULL, "view:any"},
        {"views.publish", BOT_USER_TOKENS, CALL_JSON, TIER_4, NULL, NULL, "user_id,view:any"},
        /* conversations */
        {"conversations.list", BOT_USER_TOKENS, 0, TIER_2, "kind:read", "kind:read", NULL},
        {"conversations.info", BOT_USER_TOKENS, 0, TIER_3, "kind:read", "kind:read", "channel"},
        {"conversations.members", BOT_USER_TOKENS, 0, TIER_4, "kind:read", "kind:read", "channel"},
        {"conversations.history", BOT_USER_TOKENS, CALL_JSON, TIER_3, "kind:history", "kind:history",
         "channel"},
        {"conversations.replies", BOT_USER_TOKENS, 0, TIER_3, "kind:history", "kind:history", "channel,ts"},
        {"conversations.open", BOT_USER_TOKENS, CALL_JSON, TIER_3,
         "im:write,mpim:write,channels:manage,groups:write",
         "im:write,mpim:write,channels:write,groups:write", NULL},
        {"conversations.close", BOT_USER_TOKENS, CALL_JSON, TIER_2, "kind:write", "kind:write", "channel"},
        {"conversations.create", BOT_USER_TOKENS, CALL_JSON, TIER_2,
         "channels:manage,groups:write,channels:write,im:write,mpim:write",
         "channels:write,groups:write,im:write,mpim:write", NULL},
        {"conversations.join", BOT_USER_TOKENS, CALL_JSON, TIER_3, "channels:join", "channels:write",
         "channel"},
        {"conversations.leave", BOT_USER_TOKENS, CALL_JSON, TIER_3, "kind:write", "kind:write", "channel"},
        {"conversations.archive", BOT_USER_TOKENS, CALL_JSON, TIER_2, "kind:write", "kind:write", "channel"},
        {"conversations.unarchive", BOT_USER_TOKENS, CALL_JSON, TIER_2, "kind:write", "kind:write",
         "channel"},
        {"conversations.rename", BOT_USER_TOKENS, CALL_JSON, TIER_2, "kind:write", "kind:write",
         "channel,name"},
        {"conversations.invite", BOT_USER_TOKENS, CALL_JSON, TIER_3, "kind:write.invites,kind:write",
         "kind:write.invites,kind:write", "channel"},
        {"conversations.kick", BOT_USER_TOKENS, CALL_JSON, TIER_3, "kind:write", "kind:write",
         "channel,user"},
        {"conversations.setTopic", BOT_USER_TOKENS, CALL_JSON, TIER_2, "kind:write.topic,kind:write",
         "kind:write.topic,kind:write", "channel"},
        {"conversations.setPurpose", BOT_USER_TOKENS, CALL_JSON, TIER_2, "kind:write.topic,kind:write",
         "kind:write.topic,kind:write", "channel"},
        {"conversations.mark", BOT_USER_TOKENS, CALL_JSON, TIER_3, "kind:write", "kind:write", "channel,ts"},
        /* people */
        {"users.info", BOT_USER_TOKENS, 0, TIER_4, "users:read", "users:read", "user"},
        {"users.list", BOT_USER_TOKENS, 0, TIER_2, "users:read", "users:read", NULL},
        {"users.conversations", BOT_USER_TOKENS, 0, TIER_3, "kind:read", "kind:read", NULL},
        {"users.getPresence", BOT_USER_TOKENS, 0, TIER_3, "users:read", "users:read", NULL},
        {"users.setPresence", BOT_USER_TOKENS, CALL_JSON, TIER_2, "users:write", "users:write", "presence"},
        {"users.profile.get", BOT_USER_TOKENS, 0, TIER_4, "users.profile:read", "users.profile:read", NULL},
        {"users.lookupByEmail", BOT_USER_TOKENS, 0, TIER_3, "users:read.email", "users:read.email", "email"},
        {"usergroups.list", BOT_USER_TOKENS, 0, TIER_2, "usergroups:read", "usergroups:read", NULL},
        {"team.info", BOT_USER_TOKENS, CALL_JSON, TIER_3, "team:read", "team:read", NULL},
        {"bots.info", BOT_USER_TOKENS, 0, TIER_3, "users:read", "users:read", NULL},
        {"emoji.list", BOT_USER_TOKENS, 0, TIER_2, "emoji:read", "emoji:read", NULL},
        /* reactions, pins, bookmarks */
        {"reactions.add", BOT_USER_TOKENS, CALL_JSON, TIER_3, "reactions:write", "reactions:write",
         "channel,name,timestamp"},
        {"reactions.remove", BOT_USER_TOKENS, CALL_JSON, TIER_2, "reactions:write", "reactions:write",
         "name"},
        {"reactions.get", BOT_USER_TOKENS, 0, TIER_3, "reactions:read", "reactions:read", NULL},
        {"reactions.list", BOT_USER_TOKENS, 0, TIER_2, "reactions:read", "reactions:read", NULL},
        {"pins.add", BOT_USER_TOKENS, CALL_JSON, TIER_2, "pins:write", "pins:write", "channel"},
        {"pins.remove", BOT_USER_TOKENS, CALL_JSON, TIER_2, "pins:write", "pins:write", "channel"},
        {"pins.list", BOT_USER_TOKENS, 0, TIER_2, "pins:read", "pins:read", "channel"},
        {"bookmarks.add", BOT_USER_TOKENS, CALL_JSON, TIER_2, "bookmarks:write", "bookmarks:write",
         "channel_id,title,type"},
        {"bookmarks.edit", BOT_USER_TOKENS, CALL_JSON, TIER_2, "bookmarks:write", "bookmarks:write",
         "channel_id,bookmark_id"},
        {"bookmarks.remove", BOT_USER_TOKENS, CALL_JSON, TIER_2, "bookmarks:write", "bookmarks:write",
         "channel_id,bookmark_id"},
        {"bookmarks.list", BOT_USER_TOKENS, CALL_JSON, TIER_3, "bookmarks:read", "bookmarks:read",
         "channel_id"},
        /* files and canvases */
        {"files.getUploadURLExternal", BOT_USER_TOKENS, 0, TIER_4, "files:write", "files:write",
         "filename,length:any"},
        {"files.completeUploadExternal", BOT_USER_TOKENS, CALL_JSON, TIER_4, "files:write", "files:write",
         "files:any"},
        {"files.info", BOT_USER_TOKENS, 0, TIER_4, "files:read", "files:read", "file"},
        {"files.list", BOT_USER_TOKENS, 0, TIER_3, "files:read", "files:read", NULL},
        {"files.delete", BOT_USER_TOKENS, CALL_JSON, TIER_3, "files:write", "files:write", "file"},
        {"canvases.create", BOT_USER_TOKENS, CALL_JSON, TIER_2, "canvases:write", "canvases:write", NULL},
        {"canvases.edit", BOT_USER_TOKENS, CALL_JSON, TIER_3, "canvases:write", "canvases:write",
         "canvas_id,changes:any"},
        {"canvases.delete", BOT_USER_TOKENS, CALL_JSON, TIER_3, "canvases:write", "canvases:write",
         "canvas_id"},
        {"canvases.sections.lookup", BOT_USER_TOKENS, CALL_JSON, TIER_3, "canvases:read", "canvases:read",
         "canvas_id,criteria:any"},
        {"canvases.access.set", BOT_USER_TOKENS, CALL_JSON, TIER_3, "canvases:write", "canvases:write",
         "canvas_id,access_level"},
        {"canvases.access.delete", BOT_USER_TOKENS, CALL_JSON, TIER_3, "canvases:write", "canvases:write",
         "canvas_id"},
        {"conversations.canvases.create", BOT_USER_TOKENS, CALL_JSON, TIER_2, "canvases:write",
         "canvases:write", "channel_id"},
};

const Method *method_at(size_t i)
{
        return i < ELEMENTSOF(methods) ? &methods[i] : NULL;
}

const Method *method_find(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (str_equal(methods[i].name, name))
                        return &methods[i];
        return NULL;
}

unsigned token_kind(const char *token)
{
        static const struct {
                const char *prefix;
                unsigned kind;
        } prefixes[] = {{"xoxb-", TOKEN_BOT},
                        {"xoxp-", TOKEN_USER},
                        {"xapp-", TOKEN_APP},
                        {"xoxe.xoxb-", TOKEN_BOT},
                        {"xoxe.xoxp-", TOKEN_CONFIG}};

        for (size_t i = 0; token && i < ELEMENTSOF(prefixes); i++)
                if (str_starts_with(token, prefixes[i].prefix))
                        return prefixes[i].kind;
        return TOKEN_NONE;
}

static void add_scope(Buf *out, const char *scope, size_t n)
{
        if (buf_len(out) > 0)
                buf_append_char(out, ',');
        buf_append(out, scope, n);
}

/* "kind:write" of one kind of channel. */
static void add_kind_scope(Buf *out, const char *right, size_t n_right, unsigned token, ChannelKind kind)
{
        static const char *const prefixes[] = {[CHANNEL_PUBLIC] = "channels",
                                               [CHANNEL_PRIVATE] = "groups",
                                               [CHANNEL_IM] = "im",
                                               [CHANNEL_MPIM] = "mpim"};
        _cleanup_free_ char *scope = NULL;

        /* The one exception: bots manage public channels, people write them. */
        if (kind == CHANNEL_PUBLIC && token == TOKEN_BOT && n_right == 5 && memcmp(right, "write", 5) == 0)
                scope = mem_strdup("channels:manage");
        else
                scope = mem_printf("%s:%.*s", prefixes[kind], (int) n_right, right);
        add_scope(out, scope, strlen(scope));
}

char *method_scopes(const Method *m, unsigned token, ChannelKind kind)
{
        static const char family[] = "kind:";
        const char *p = token == TOKEN_USER ? m->user_scopes : m->bot_scopes;
        Buf out = {0};

        while (p && *p) {
                size_t n = strcspn(p, ",");

                if (!str_starts_with(p, family))
                        add_scope(&out, p, n);
                else
                        for (ChannelKind k = CHANNEL_PUBLIC; k < CHANNEL_KINDS; k++)
                                if (kind == CHANNEL_KINDS || kind == k)
                                        add_kind_scope(&out, p + strlen(family), n - strlen(family), token,
                                                       k);
                p += n + (p[n] == ',');
        }
        return out.data ? buf_take(&out) : mem_strdup("");
}

static bool contains(const char *list, const char *scope, size_t n)
{
        for (const char *p = list; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
                if (strncmp(p, scope, n) == 0 && (p[n] == ',' || !p[n]))
                        return true;
        return false;
}

bool scopes_suffice(const char *needed, const char *granted)
{
        if (!granted || str_empty(needed))
                return true;
        for (const char *p = needed; *p;) {
                size_t n = strcspn(p, ",");

                if (contains(granted, p, n))
                        return true;
                p += n + (p[n] == ',');
        }
        return false;
}

static int compare_texts(const void *a, const void *b)
{
        return strcmp(*(char *const *) a, *(char *const *) b);
}

char *methods_list_scopes(unsigned token)
{
        /* Asked for by no method, but granted to apps: what their events and replies need. */
        static const char more[] = "app_mentions:read,commands,chat:write.public,chat:write.customize";
        Buf all = {0}, out = {0};
        char *names[ELEMENTSOF(methods) * 8], *save = NULL;
        size_t n = 0;

        if (token == TOKEN_BOT)
                buf_append_str(&all, more);
        for (size_t i = 0; i < ELEMENTSOF(methods); i++) {
                _cleanup_free_ char *scopes = NULL;

                if (!(methods[i].tokens & token))
                        continue;
                scopes = method_scopes(&methods[i], token, CHANNEL_KINDS);
                if (*scopes)
                        buf_printf(&all, "%s%s", buf_len(&all) ? "," : "", scopes);
        }
        if (!all.data)
                return mem_strdup("");
        for (char *name = strtok_r(all.data, ",", &save); name && n < ELEMENTSOF(names);
             name = strtok_r(NULL, ",", &save))
                names[n++] = name;
        qsort(names, n, sizeof(*names), compare_texts);
        for (size_t i = 0; i < n; i++)
                if (i == 0 || !str_equal(names[i], names[i - 1]))
                        add_scope(&out, names[i], strlen(names[i]));
        buf_deinit(&all);
        return out.data ? buf_take(&out) : mem_strdup("");
}
