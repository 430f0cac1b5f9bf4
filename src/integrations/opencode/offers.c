/* What the directories of an OpenCode process offer: agents, commands, skills.
 *
 * It is asked for before the first prompt of every session, and changes only when OpenCode reads its
 * configuration again, which it does by opening the directory anew. Kept with the connection: one that comes
 * back may be another OpenCode. */
#include "integrations/opencode/bridge-internal.h"

const json_t *bridge_offers_get(const BridgeConnection *c, const char *directory)
{
        return c && c->offers ? json_object_get(c->offers, directory) : NULL;
}

void bridge_offers_put(BridgeConnection *c, const char *directory, const json_t *offers)
{
        if (!c->offers)
                c->offers = json_object();
        if (json_object_size(c->offers) >= OFFERS_MAX_DIRECTORIES)
                json_object_clear(c->offers);
        json_object_set_new(c->offers, directory, json_deep_copy(offers));
}

void bridge_offers_forget(BridgeConnection *c, const char *directory)
{
        if (c && c->offers && directory)
                json_object_del(c->offers, directory);
        else if (c && c->offers)
                json_object_clear(c->offers);
}

/* ---- providers ---- */

typedef struct ProvidersQuery {
        List link; /* in b->queries */
        void (*done)(void *userdata, const json_t *providers);
        void *userdata;
} ProvidersQuery;

static void on_providers(void *userdata, const BridgeReply *reply)
{
        ProvidersQuery *q = userdata;
        bool ok = reply->frame && json_bool(reply->frame, "ok");

        list_remove(&q->link);
        q->done(q->userdata, ok ? json_at(reply->frame, "result.providers") : NULL);
        free(q);
}

void bridge_list_providers(Bridge *b, const char *directory,
                           void (*done)(void *userdata, const json_t *providers), void *userdata)
{
        ProvidersQuery *q = mem_new(ProvidersQuery);
        json_t *frame = json_pack("{s:s, s:o, s:s}", "type", "providers.list", "request_id",
                                  json_sprintf("providers/%llu", (unsigned long long) ++b->n_queries),
                                  "directory", directory);

        q->done = done;
        q->userdata = userdata;
        list_append(&b->queries, &q->link);
        bridge_command(b, &(BridgeTarget){.directory = directory}, frame, on_providers, q);
}

void bridge_queries_free(Bridge *b)
{
        while (!list_empty(&b->queries)) {
                ProvidersQuery *q = list_entry(b->queries.next, ProvidersQuery, link);

                list_remove(&q->link);
                free(q);
        }
}
