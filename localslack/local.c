#include "local.h"

#include <stdio.h>

#include "agents-channels.h"
#include "agents.h"
#include "base/clock.h"
#include "base/digest.h"
#include "bench.h"
#include "delivery.h"
#include "faults.h"
#include "http-delivery.h"
#include "schedule.h"
#include "scenario.h"
#include "socketmode.h"
#include "streams.h"

#define RECORDS_KEPT       100000
#define PROBLEMS_KEPT      1000
#define PROBLEMS_BYTES_MAX (2u << 20)

struct LateAnswer {
        HttpRequest *req; /* NULL once the client has gone */
};

LateAnswer *late_answer_new(HttpRequest *req)
{
        LateAnswer *late = mem_new(LateAnswer);

        late->req = req;
        if (req)
                http_request_set_userdata(req, late);
        return late;
}

void late_answer_send(LateAnswer *late, unsigned status, json_t *body)
{
        if (late->req)
                http_respond_json(late->req, status, body);
        else
                json_decref(body);
        free(late);
}

HttpRequest *late_answer_take(LateAnswer *late)
{
        HttpRequest *req = late->req;

        if (req)
                http_request_set_userdata(req, NULL);
        free(late);
        return req;
}

void late_answer_drop(LateAnswer *late)
{
        (void) late_answer_take(late);
}

bool late_answer_is_abandoned(const LateAnswer *late)
{
        return !late->req;
}

void late_answer_abort(HttpRequest *req)
{
        LateAnswer *late = http_request_userdata(req);

        if (late)
                late->req = NULL;
}

void local_reset_switches(Local *l)
{
        switches_deinit(&l->switches);
        switches_init(&l->switches);
        for (size_t i = 0; i < l->options->n_switches; i++)
                free(switches_set_text(&l->switches,
                                       l->options->switches[i])); /* checked by options_read() */
}

void local_apply_switches(Local *l)
{
        l->tickets->trigger_life_ms = l->switches.trigger_life_ms;
        l->tickets->url_life_ms = l->switches.response_url_life_ms;
        socketmode_apply_switches(l->sockets);
}

/* Calls are the largest and the most wanted. */
static void init_records(Local *l, size_t n_bytes)
{
        record_ring_init(&l->calls, RECORDS_KEPT, n_bytes / 2);
        record_ring_init(&l->frames, RECORDS_KEPT, n_bytes / 8 * 3);
        record_ring_init(&l->outcomes, RECORDS_KEPT, n_bytes / 8);
        record_ring_init(&l->problems, PROBLEMS_KEPT, MIN2(n_bytes / 8, (size_t) PROBLEMS_BYTES_MAX));
}

void local_init(Local *l, Loop *loop, const Options *options)
{
        *l = (Local){.loop = loop, .options = options, .rng = random_u64()};
        list_init(&l->waits);
        local_reset_switches(l);
        l->state = state_new(options->app_name, clock_realtime_ms);
        l->tickets = tickets_new();
        l->views = views_new();
        l->files = files_new();
        l->feed = feed_new(loop);
        l->faults = faults_new(l);
        l->rate = rate_new();
        init_records(l, (size_t) options->record_mb << 20);
        l->http = http_delivery_new(l);
        l->sockets = socketmode_new(l);
        l->delivery = delivery_new(l);
        l->bench = bench_new(l);
        l->scenario = scenario_new(l);
        local_apply_switches(l);
        l->streams = streams_new(l);
        l->agents = agents_new(l);
        l->code_channels = code_channels_new();
        l->schedule = schedule_new(l);
        l->canvases = canvases_new();
}

void local_drop_waits(Local *l)
{
        list_for_each_safe (node, &l->waits) {
                LocalWait *wait = list_entry(node, LocalWait, link);

                list_remove(node);
                wait->drop(wait);
        }
}

void local_deinit(Local *l)
{
        local_drop_waits(l);
        scenario_free(l->scenario);
        free(l->base_url);
        socketmode_free(l->sockets);
        delivery_free(l->delivery);
        http_delivery_free(l->http);
        bench_free(l->bench);
        streams_free(l->streams);
        agents_free(l->agents);
        code_channels_free(l->code_channels);
        schedule_free(l->schedule);
        canvases_free(l->canvases);
        feed_free(l->feed);
        faults_free(l->faults);
        rate_free(l->rate);
        views_free(l->views);
        files_free(l->files);
        tickets_free(l->tickets);
        state_free(l->state);
        record_ring_deinit(&l->calls);
        record_ring_deinit(&l->frames);
        record_ring_deinit(&l->outcomes);
        record_ring_deinit(&l->problems);
        switches_deinit(&l->switches);
}

void local_reset_workspace(Local *l)
{
        _cleanup_free_ char *app_name = mem_strdup(l->state->app_name);
        uint64_t last_id = l->state->last_id;
        int64_t last_ts_us = l->state->last_ts_us;
        int64_t (*clock_ms)(void) = l->state->clock_ms;

        views_free(l->views);
        files_free(l->files);
        tickets_free(l->tickets);
        state_free(l->state);
        l->state = state_new(app_name, clock_ms);
        /* An id or a timestamp is never given twice, whatever happens. */
        l->state->last_id = last_id;
        l->state->last_ts_us = last_ts_us;
        l->views = views_new();
        l->files = files_new();
        l->tickets = tickets_new();
        rate_clear(l->rate);
        streams_clear(l->streams);
        agents_clear(l->agents);
        code_channels_clear(l->code_channels);
        schedule_clear(l->schedule);
        canvases_clear(l->canvases);
}

/* splitmix64. */
uint64_t local_random(Local *l)
{
        uint64_t z = l->rng += 0x9e3779b97f4a7c15u;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
}

void local_record_frame(Local *l, const char *direction, int64_t id, const char *text, size_t n_bytes)
{
        char key[32];

        if (!l->switches.record_frames)
                return;
        snprintf(key, sizeof(key), "%s:%lld", direction, (long long) id);
        record_ring_add(&l->frames, clock_realtime_ms(), key, text, n_bytes);
}
