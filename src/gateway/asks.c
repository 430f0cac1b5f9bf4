/* Verbs of the composition root: what a flow can ask of the gateway itself. */
#include "gateway/gateway.h"

#include "core/flows/flows.h"
#include "core/session.h"

#define SESSIONS_LISTED    200
#define SESSIONS_LOOKED_AT 1000 /* for those of one person */

static void permalink(const Gateway *g, const json_t *session, json_t *row)
{
        const char *base = json_str(g->identity, "url"), *channel = json_str(session, "data.channel"),
                   *ts = json_str(session, "data.thread_ts");
        _cleanup_free_ char *link = NULL;

        if (!base || !channel || !ts)
                return;
        /* The form that chat.getPermalink answers; made here, since a list would need one call per line. */
        link = mem_printf("%sarchives/%s/p%.*s%s", base, channel, (int) strcspn(ts, "."), ts,
                          strchr(ts, '.') ? strchr(ts, '.') + 1 : "");
        json_put_str(row, "permalink", link);
}

static void waiting_for(const json_t *session, json_t *row)
{
        const char *ref;
        json_t *request;

        json_object_foreach ((json_t *) json_at(session, "data.open"), ref, request) {
                json_put_str(row, "waiting_for", json_str(request, "what"));
                return;
        }
}

typedef struct SessionsAsk {
        Gateway *gateway;
        Ask *ask;
} SessionsAsk;

static void on_sessions(void *userdata, const char *json)
{
        SessionsAsk *a = userdata;
        _cleanup_json_ json_t *all = json_parse(json, strlen(json), NULL);
        const char *user = json_str(a->ask->args, "user");
        json_t *sessions = json_array(), *session;
        size_t i;

        json_array_foreach (all, i, session) {
                if (json_array_size(sessions) == SESSIONS_LISTED ||
                    (user && !str_equal(json_str(session, "data.user"), user)))
                        continue;
                permalink(a->gateway, session, session);
                waiting_for(session, session);
                json_array_append(sessions, session);
        }
        ask_ok(a->ask, json_pack("{s:o}", "sessions", sessions));
        free(a);
}

static void start_sessions(void *owner, Ask *ask)
{
        Gateway *g = owner;
        SessionsAsk *a = mem_new(SessionsAsk);

        *a = (SessionsAsk){g, ask};
        flow_engine_list(g->engine, "session", "active",
                         json_str(ask->args, "user") ? SESSIONS_LOOKED_AT : SESSIONS_LISTED, on_sessions, a);
}

static void on_answer_told(void *userdata, bool all, bool yes)
{
        (void) yes;
        if (all)
                ask_ok(userdata, NULL);
        else
                ask_tempfail(userdata, "unavailable", "another gateway may be where the request waits", false,
                             0);
}

/* The request waits at whichever gateway it came to. */
static void start_http_answer(void *owner, Ask *ask)
{
        Gateway *g = owner;

        permission_http_answer(g, ask->args);
        if (g->tell_peers)
                g->tell_peers(g, "http_answer", json_incref((json_t *) ask->args), on_answer_told, ask);
        else
                ask_ok(ask, NULL);
}

/* A read: as often as one likes. */
static const AskVerb sessions_verb = {
        .name = GATEWAY_SESSIONS, .max_attempts = 3, .backoff_ms = 100, .start = start_sessions};
/* Answering a request that is gone is nothing; one that came again is answered again. */
static const AskVerb http_answer_verb = {
        .name = GATEWAY_HTTP_ANSWER, .max_attempts = 3, .backoff_ms = 100, .start = start_http_answer};

static void start_caught_up(void *owner, Ask *ask)
{
        Gateway *g = owner;

        health_caught_up(g->health);
        if (g->tell_peers) /* one that is not told reads a thread more often than it need */
                g->tell_peers(g, "caught_up", json_object(), NULL, NULL);
        ask_ok(ask, NULL);
}
/* It is said again of what is so already. */
static const AskVerb caught_up_verb = {
        .name = GATEWAY_CAUGHT_UP, .max_attempts = 3, .backoff_ms = 100, .start = start_caught_up};

static void on_missed_told(void *userdata, bool all, bool yes)
{
        ask_ok(userdata, json_pack("{s:b}", "missed", yes || !all)); /* reading once too often does no harm */
}

static void start_missed(void *owner, Ask *ask)
{
        Gateway *g = owner;
        bool here = missed_take(g->missed, json_str_or(ask->args, "address", ""));

        if (here || !g->tell_peers)
                ask_ok(ask, json_pack("{s:b}", "missed", here));
        else
                g->tell_peers(g, "missed", json_incref((json_t *) ask->args), on_missed_told, ask);
}
/* Twice: the second is told "no" of what the first was told. It is asked a second time only when the process
 * died with the answer; what is said then is found by the catch-up and the reconciliation that follow a
 * start, or is noted again. */
static const AskVerb missed_verb = {
        .name = GATEWAY_MISSED, .max_attempts = 3, .backoff_ms = 100, .start = start_missed};

const AskVerb *const gateway_verbs[] = {&sessions_verb,  &http_answer_verb, &gateway_catch_up_verb,
                                        &caught_up_verb, &missed_verb,      NULL};
