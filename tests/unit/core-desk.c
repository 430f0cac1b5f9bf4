#include "core-desk.h"

#include <uv.h>

#include "base/log.h"
#include "store/journal-sqlite.h"

#define DEADLINE_MS 20000

/* ---- asks ---- */

static void note(Desk *d, const Ask *ask)
{
        _cleanup_free_ char *text = json_dump(ask->args);

        buf_printf(&d->log, "%s %s\n", ask->verb, text);
}

static void hold(void *owner, Ask *ask)
{
        Desk *d = owner;

        note(d, ask);
        d->held = mem_resize(d->held, (d->n_held + 1) * sizeof(Ask *));
        d->held[d->n_held++] = ask;
}

static void on_slack(void *owner, Ask *ask)
{
        Desk *d = owner;

        if (!d->slack_answers) {
                hold(owner, ask);
                return;
        }
        note(d, ask);
        ask_ok(ask, str_equal(ask->verb, SLACK_POST)
                            ? json_pack("{s:o}", "ts", json_sprintf("200.%u", ++d->n_posts))
                            : NULL);
}

static const AskVerb verbs[] = {
        {.name = SLACK_POST, .start = on_slack},
        {.name = SLACK_UPDATE, .start = on_slack},
        {.name = SLACK_DELETE, .start = on_slack},
        {.name = SLACK_EPHEMERAL, .start = on_slack},
        {.name = SLACK_REACT, .start = on_slack},
        {.name = SLACK_RESPOND, .start = on_slack},
        {.name = SLACK_VIEW_OPEN, .start = hold, .max_attempts = 1},
        {.name = SLACK_VIEW_PUBLISH, .start = hold, .max_attempts = 1},
        {.name = SLACK_USER, .start = hold},
        {.name = OPENCODE_SESSION_CREATE, .start = hold, .max_attempts = 1},
        {.name = OPENCODE_SESSION_MESSAGE, .start = hold, .max_attempts = 1},
        {.name = OPENCODE_SESSION_MESSAGES, .start = hold, .max_attempts = 1},
        {.name = OPENCODE_SESSION_ABORT, .start = hold, .max_attempts = 1},
        {.name = OPENCODE_PERMISSION_REPLY, .start = hold, .max_attempts = 1},
        {.name = OPENCODE_QUESTION_REPLY, .start = hold, .max_attempts = 1},
        {.name = OPENCODE_QUESTION_REJECT, .start = hold, .max_attempts = 1},
        {.name = GATEWAY_SESSIONS, .start = hold, .max_attempts = 1},
        {.name = GATEWAY_MODELS, .start = hold, .max_attempts = 1},
        {.name = OPENCODE_AGENTS_LIST, .start = hold, .max_attempts = 1},
        {.name = OPENCODE_PROVIDERS_LIST, .start = hold, .max_attempts = 1},
        {.name = GATEWAY_OFFER, .start = hold, .max_attempts = 1},
        {.name = GATEWAY_HTTP_ANSWER, .start = hold, .max_attempts = 1},
        {.name = SLACK_CHANNELS, .start = hold, .max_attempts = 1},
        {.name = GATEWAY_CATCH_UP, .start = hold, .max_attempts = 1},
        {.name = GATEWAY_MISSED, .start = hold, .max_attempts = 1},
        {.name = OPENCODE_RECONCILE, .start = hold, .max_attempts = 1},
        {.name = GATEWAY_CAUGHT_UP, .start = hold, .max_attempts = 1},
        {.name = WORKSPACE_CREATE, .start = hold, .max_attempts = 1},
        {.name = WORKSPACE_INSPECT, .start = hold, .max_attempts = 1},
        {.name = WORKSPACE_REMOVE, .start = hold, .max_attempts = 1},
        {.name = STATE_WRITE, .start = hold, .max_attempts = 1},
        {.name = STATE_COMMIT, .start = hold, .max_attempts = 1},
};

/* ---- life ---- */

Desk *desk_new(const FlowKind *const *kinds)
{
        Desk *d = mem_new(Desk);

        log_set_level(LOG_ERROR + 1);
        assert_int_equal(loop_new(&d->loop), 0);
        d->metrics = metrics_new();
        assert_int_equal(journal_sqlite_open(&d->journal, d->loop, &(JournalSqliteConfig){0}), 0);
        assert_int_equal(flow_engine_new(&d->engine, d->loop, d->journal, d->metrics,
                                         &(FlowEngineConfig){.kinds = kinds}),
                         0);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                flow_engine_add_verb(d->engine, &verbs[i], d);
        assert_int_equal(flow_engine_start(d->engine), 0);
        return d;
}

void desk_free(Desk *d)
{
        journal_free(d->journal);
        flow_engine_free(d->engine);
        metrics_free(d->metrics);
        loop_free(d->loop);
        free(d->held);
        free(d->listed);
        buf_deinit(&d->log);
        free(d);
}

/* ---- running ---- */

static bool is_settled(const Desk *d)
{
        const FlowEngine *e = d->engine;

        return !e->open && e->n_inflight == 0 && list_empty(&e->runnable) && !e->run_scheduled &&
               !e->flush_scheduled && !e->pump_scheduled;
}

static void on_late(void *userdata)
{
        *(bool *) userdata = true;
}

static void settle(Desk *d)
{
        bool late = false;
        LoopTimer *timer = loop_timer_new(d->loop, on_late, &late);

        loop_timer_set(timer, DEADLINE_MS);
        while (!late && !is_settled(d))
                uv_run(loop_uv(d->loop), UV_RUN_ONCE);
        loop_timer_free(timer);
        assert_false(late);
}

static json_t *json_of(const char *format, va_list ap)
{
        char *text = NULL, *error = NULL;
        json_t *value;

        assert_true(vasprintf(&text, format, ap) >= 0);
        for (char *p = text; *p; p++)
                *p = *p == '\'' ? '"' : *p;
        value = json_parse(text, strlen(text), &error);
        if (!value)
                fail_msg("%s in %s", error, text);
        free(text);
        return value;
}

json_t *desk_json(const char *format, ...)
{
        json_t *value;
        va_list ap;

        va_start(ap, format);
        value = json_of(format, ap);
        va_end(ap);
        return value;
}

void desk_tell(Desk *d, const char *address, const char *kind, const char *event, const char *format, ...)
{
        _cleanup_json_ json_t *data = NULL;
        va_list ap;

        va_start(ap, format);
        data = json_of(format, ap);
        va_end(ap);
        flow_deliver(
                d->engine,
                &(FlowDelivery){.address = address, .kind = kind, .event = event, .json = json_dump(data)});
        settle(d);
}

size_t desk_n_held(const Desk *d, const char *verb)
{
        size_t n = 0;

        for (size_t i = 0; i < d->n_held; i++)
                n += str_equal(d->held[i]->verb, verb);
        return n;
}

Ask *desk_held(Desk *d, const char *verb, size_t nth)
{
        for (size_t i = 0; i < d->n_held; i++)
                if (str_equal(d->held[i]->verb, verb) && nth-- == 0)
                        return d->held[i];
        fail_msg("no %s is under way", verb);
        return NULL;
}

void desk_end(Desk *d, Ask *ask, AskOutcome outcome, const char *format, ...)
{
        json_t *value;
        va_list ap;
        size_t i = 0;

        va_start(ap, format);
        value = json_of(format, ap);
        va_end(ap);
        while (d->held[i] != ask)
                i++;
        memmove(d->held + i, d->held + i + 1, (--d->n_held - i) * sizeof(*d->held));
        ask_done(ask, &(AskResult){.outcome = outcome, .value = value});
        settle(d);
}

/* ---- looking ---- */

static void on_listed(void *userdata, const char *json)
{
        mem_strset(&((Desk *) userdata)->listed, json);
}

json_t *desk_flow(Desk *d, const char *kind)
{
        _cleanup_json_ json_t *list = NULL;

        flow_engine_list(d->engine, kind, NULL, 10, on_listed, d);
        settle(d);
        list = json_parse(d->listed, strlen(d->listed), NULL);
        return json_incref(json_array_get(list, 0));
}

void desk_expect(Desk *d, const char *kind, const char *path, const char *value)
{
        _cleanup_json_ json_t *flow = desk_flow(d, kind);
        const json_t *at = flow ? json_at(flow, path) : NULL;
        _cleanup_free_ char *text = NULL;

        text = json_is_string(at) ? mem_strdup(json_string_value(at))
               : at               ? json_dump(at)
                                  : mem_strdup("(none)");
        assert_string_equal(text, value);
}

unsigned desk_times(const Desk *d, const char *text)
{
        const char *at = buf_bytes(&d->log), *stop = at + buf_len(&d->log);
        unsigned n = 0;

        while (at < stop && (at = memmem(at, (size_t) (stop - at), text, strlen(text)))) {
                at++;
                n++;
        }
        return n;
}

void desk_forget(Desk *d)
{
        buf_clear(&d->log);
}
