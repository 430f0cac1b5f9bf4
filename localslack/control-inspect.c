/* The part of the control interface that looks: the workspace, what was recorded, the export of all of it,
 * and expectations. */
#include "control-internal.h"

#include <stdio.h>

#include "control.h"
#include "expect.h"
#include "normalize.h"
#include "snapshot.h"

#define STATE_MESSAGES_SHOWN 1000

static void get_state(ControlCall *c)
{
        const char *limit = form_get(&c->query, "limit");

        control_answer(c,
                       control_render_state(c->l, limit ? strtoul(limit, NULL, 10) : STATE_MESSAGES_SHOWN));
}

static void get_messages(ControlCall *c)
{
        const Channel *ch = state_find_channel(c->l->state, form_get(&c->query, "channel"));
        const char *thread_ts = form_get(&c->query, "thread_ts");
        json_t *messages;

        if (!ch) {
                control_refuse(c, "no such channel");
                return;
        }
        messages = json_array();
        for (size_t i = 0; i < ch->n_messages; i++) {
                const Message *m = ch->messages[i];

                if (!thread_ts || str_equal(m->ts, thread_ts) ||
                    (m->parent && str_equal(m->parent->ts, thread_ts)))
                        json_array_append_new(messages, message_render(m, true));
        }
        control_answer(c, json_pack("{s:b,s:o}", "ok", 1, "messages", messages));
}

/* --- records --- */

static void put_json_string(Buf *out, const char *text)
{
        json_t *value = json_string(text);
        _cleanup_free_ char *quoted = json_dump(value);

        buf_append_str(out, value ? quoted : "null");
        json_decref(value);
}

/* What of a ring is wanted: the query of GET calls, frames, outcomes, problems and export. */
typedef struct RecordFilter {
        uint64_t since;   /* numbers above it */
        int64_t since_ms; /* not before it */
        const char *key;  /* the method (also "chat.*"), direction, outcome or source */
        char *channel;    /* owned: "channel":"C…" as it stands in the text */
        const char *contains;
        size_t limit; /* the newest so many */
} RecordFilter;

static bool key_fits(const char *wanted, const char *key)
{
        size_t n = wanted ? strlen(wanted) : 0;

        if (!wanted)
                return true;
        if (n > 0 && wanted[n - 1] == '*')
                return strncmp(wanted, key, n - 1) == 0;
        /* A direction stands before the number of its socket: "out" fits "out:3". */
        return strncmp(wanted, key, n) == 0 && (!key[n] || key[n] == ':');
}

static bool record_fits(const RecordFilter *f, const Record *r)
{
        return r->n > f->since && r->at_ms >= f->since_ms && key_fits(f->key, r->key) &&
               (!f->channel || strstr(r->text, f->channel)) && (!f->contains || strstr(r->text, f->contains));
}

static void filter_read(const ControlCall *c, const char *key_name, RecordFilter *ret)
{
        const char *since = form_get(&c->query, "since"), *since_ms = form_get(&c->query, "since_ms"),
                   *limit = form_get(&c->query, "limit"), *channel = form_get(&c->query, "channel");
        const Channel *ch = channel ? state_find_channel(c->l->state, channel) : NULL;

        *ret = (RecordFilter){.since = since ? strtoull(since, NULL, 10) : 0,
                              .since_ms = since_ms ? strtoll(since_ms, NULL, 10) : 0,
                              .key = key_name ? form_get(&c->query, key_name) : NULL,
                              .contains = form_get(&c->query, "contains"),
                              .limit = limit ? strtoul(limit, NULL, 10) : SIZE_MAX};
        if (channel)
                ret->channel = mem_printf("\"channel\":\"%s\"", ch ? ch->id : channel);
}

typedef struct RecordKind {
        const char *name, *key_name;
        bool is_raw; /* the text is the inside of an object already, and names its key itself when key_name is
                        NULL */
} RecordKind;

static const RecordKind kinds[] = {{"call", "method", true},
                                   {"frame", "direction", false},
                                   {"outcome", "outcome", false},
                                   {"problem", NULL, true}};

static const RecordRing *ring_of(const Local *l, size_t kind)
{
        const RecordRing *const rings[] = {&l->calls, &l->frames, &l->outcomes, &l->problems};

        return rings[kind];
}

static void put_record(Buf *out, const RecordKind *kind, const Record *r, bool with_kind)
{
        buf_append_char(out, '{');
        if (with_kind)
                buf_printf(out, "\"kind\":\"%s\",", kind->name);
        buf_printf(out, "\"n\":%llu,\"at_ms\":%lld,", (unsigned long long) r->n, (long long) r->at_ms);
        if (kind->key_name) {
                buf_printf(out, "\"%s\":", kind->key_name);
                put_json_string(out, r->key);
                buf_append_char(out, ',');
        }
        if (kind->is_raw)
                buf_append_str(out, r->text);
        else {
                buf_append_str(out, "\"text\":");
                put_json_string(out, r->text);
        }
        buf_append_char(out, '}');
}

/* Index of the first record to show, so that at most f->limit that fit follow. */
static size_t first_of(const RecordRing *ring, const RecordFilter *f)
{
        size_t n = 0, i = ring->count;

        while (i > 0 && n < f->limit) {
                i--;
                n += record_fits(f, record_ring_at(ring, i));
        }
        return i;
}

static void put_records(Buf *out, const Local *l, size_t kind, const RecordFilter *f)
{
        const RecordRing *ring = ring_of(l, kind);
        const Record *r;
        bool first = true;

        buf_append_char(out, '[');
        for (size_t i = first_of(ring, f); (r = record_ring_at(ring, i)); i++)
                if (record_fits(f, r)) {
                        if (!first)
                                buf_append_char(out, ',');
                        put_record(out, &kinds[kind], r, false);
                        first = false;
                }
        buf_append_char(out, ']');
}

static void respond_records(ControlCall *c, size_t kind, const char *key_name, const char *wrapper)
{
        HttpHeader header = {"Content-Type", "application/json"};
        _cleanup_buf_ Buf out = {0};
        RecordFilter f;

        filter_read(c, key_name, &f);
        if (wrapper)
                buf_printf(&out, "{\"ok\":true,\"%s\":", wrapper);
        put_records(&out, c->l, kind, &f);
        if (wrapper)
                buf_append_char(&out, '}');
        free(f.channel);
        http_respond(c->req, 200, &header, 1, buf_bytes(&out), buf_len(&out));
}

static void get_calls(ControlCall *c)
{
        respond_records(c, 0, "method", NULL);
}

static void get_frames(ControlCall *c)
{
        respond_records(c, 1, "direction", NULL);
}

static void get_outcomes(ControlCall *c)
{
        respond_records(c, 2, "outcome", NULL);
}

static void get_problems(ControlCall *c)
{
        respond_records(c, 3, "source", "problems");
}

/* Everything recorded, oldest first, one JSON object a line. With golden=true without times and with names in
 * the place of what differs between two runs (see normalize.h). */
static void get_export(ControlCall *c)
{
        HttpHeader header = {"Content-Type", "application/x-ndjson"};
        const char *wanted = form_get(&c->query, "kinds");
        bool golden = str_equal(form_get(&c->query, "golden"), "true");
        size_t at[ELEMENTSOF(kinds)] = {0};
        _cleanup_buf_ Buf out = {0};
        RecordFilter f;

        filter_read(c, "key", &f);
        for (;;) {
                const Record *next = NULL, *r;
                size_t kind = 0;

                for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
                        r = record_ring_at(ring_of(c->l, k), at[k]);
                        if (r && (!next || r->at_ms < next->at_ms)) {
                                next = r;
                                kind = k;
                        }
                }
                if (!next)
                        break;
                at[kind]++;
                if ((wanted && !strstr(wanted, kinds[kind].name)) || !record_fits(&f, next))
                        continue;
                put_record(&out, &kinds[kind], next, true);
                buf_append_char(&out, '\n');
        }
        free(f.channel);
        if (golden)
                normalize_export(&out);
        http_respond(c->req, 200, &header, 1, buf_bytes(&out), buf_len(&out));
}

static void get_events(ControlCall *c)
{
        feed_open(c->l->feed, c->req);
}

static void post_expect(ControlCall *c)
{
        if (!c->req)
                control_refuse(c, "expectations are for tests");
        else
                expect_handle(c->l, c->req, c->in);
}

/* --- the workspace as a whole --- */

static void get_snapshot(ControlCall *c)
{
        control_answer(c, snapshot_save(c->l));
}

static void post_snapshot(ControlCall *c)
{
        _cleanup_free_ char *error = snapshot_load(c->l, c->in);

        if (error)
                control_refuse(c, error);
        else
                control_answer(c, control_fine());
}

static const ControlRoute routes[] = {
        {"GET", "state", get_state},         {"GET", "messages", get_messages},
        {"GET", "calls", get_calls},         {"GET", "frames", get_frames},
        {"GET", "outcomes", get_outcomes},   {"GET", "problems", get_problems},
        {"GET", "export", get_export},       {"GET", "events", get_events},
        {"POST", "expect", post_expect},     {"GET", "snapshot", get_snapshot},
        {"POST", "snapshot", post_snapshot},
};

ControlRoutes control_inspect_routes(void)
{
        return (ControlRoutes){routes, ELEMENTSOF(routes)};
}
