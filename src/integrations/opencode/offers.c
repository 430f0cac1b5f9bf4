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
