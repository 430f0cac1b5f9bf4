/* What streams (text, tools, to-dos), folded per session in memory. A session hears of it at most once per
 * progress interval: the first change at once, what follows together. */
#include "gateway/gateway.h"

#include "core/progress.h"

#define LIVE_MAX 4096 /* sessions; the oldest is forgotten, its next frame begins anew */

struct LiveSession {
        char *root_id;
        Gateway *gateway;
        Progress progress;
        LoopTimer *timer; /* set: told lately, wait */
        UT_hash_handle hh;
};

static void live_free(LiveSession *s)
{
        HASH_DEL(s->gateway->live, s);
        loop_timer_free(s->timer);
        progress_deinit(&s->progress);
        free(s->root_id);
        free(s);
}

static void tell(LiveSession *s)
{
        _cleanup_free_ char *address = NULL;
        json_t *data;

        if (loop_timer_is_set(s->timer))
                return;
        data = progress_take(&s->progress);
        if (!data)
                return;
        address = mem_printf("oc:%s", s->root_id);
        flow_hint(s->gateway->engine, address, "progress", data);
        loop_timer_set(s->timer, s->gateway->conf->progress.interval_ms);
}

static void on_interval(void *userdata)
{
        tell(userdata);
}

static LiveSession *live_get(Gateway *g, const char *root_id)
{
        LiveSession *s;

        HASH_FIND_STR(g->live, root_id, s);
        if (s)
                return s;
        if (HASH_COUNT(g->live) >= LIVE_MAX)
                live_free(g->live);
        s = mem_new(LiveSession);
        s->root_id = mem_strdup(root_id);
        s->gateway = g;
        s->timer = loop_timer_new(g->loop, on_interval, s);
        HASH_ADD_KEYPTR(hh, g->live, s->root_id, strlen(s->root_id), s);
        return s;
}

void live_apply(Gateway *g, const BridgeEvent *event)
{
        LiveSession *s;

        if (str_empty(event->root_id))
                return;
        HASH_FIND_STR(g->live, event->root_id, s);
        if (str_equal(event->type, "session.idle") || str_equal(event->type, "session.deleted")) {
                if (s && str_equal(event->session_id, event->root_id))
                        live_free(s);
                return;
        }
        if (event->seq > 0 && !str_equal(event->type, "session.active"))
                return;
        /* A subagent's own turn does not begin the session's anew. */
        if (str_equal(event->type, "session.active") && !str_equal(event->session_id, event->root_id))
                return;
        s = live_get(g, event->root_id);
        progress_apply(&s->progress, event->type, event->frame);
        if (event->seq == 0)
                tell(s);
}

void live_deinit(Gateway *g)
{
        while (g->live)
                live_free(g->live);
}
