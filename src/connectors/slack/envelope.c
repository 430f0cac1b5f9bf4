#include "connectors/slack/envelope.h"

#include <stdio.h>

#include "base/json-scan.h"

enum { P_TYPE, P_ID, P_PAYLOAD, P_ACCEPTS, P_RETRY, P_CONNECTIONS, P_TIME, P_HOST, P_REASON, N_PATHS };
static const char *const paths[N_PATHS] = {
        [P_TYPE] = "type",
        [P_ID] = "envelope_id",
        [P_PAYLOAD] = "payload",
        [P_ACCEPTS] = "accepts_response_payload",
        [P_RETRY] = "retry_attempt",
        [P_CONNECTIONS] = "num_connections",
        [P_TIME] = "debug_info.approximate_connection_time",
        [P_HOST] = "debug_info.host",
        [P_REASON] = "reason",
};

static const char *const envelope_types[] = {
        [SLACK_ENVELOPE_EVENT] = "events_api",
        [SLACK_ENVELOPE_COMMAND] = "slash_commands",
        [SLACK_ENVELOPE_INTERACTIVE] = "interactive",
};

static const char *const bad_names[SLACK_N_BAD] = {
        [SLACK_BAD_JSON] = "json",
        [SLACK_BAD_TYPE] = "type",
        [SLACK_BAD_ID] = "envelope_id",
        [SLACK_BAD_PAYLOAD] = "payload",
        [SLACK_BAD_UNKNOWN] = "unknown_type",
        [SLACK_BAD_OVERSIZED] = "oversized",
};

const char *slack_bad_frame_name(SlackBadFrame bad)
{
        return bad_names[bad];
}

const char *slack_envelope_type_name(SlackEnvelopeType type)
{
        return envelope_types[type];
}

static void malformed(SlackFrame *f, SlackBadFrame bad, const char *field, const char *what, size_t offset)
{
        f->type = bad == SLACK_BAD_UNKNOWN ? SLACK_FRAME_UNKNOWN : SLACK_FRAME_MALFORMED;
        f->bad = bad;
        snprintf(f->why, sizeof(f->why), "%s%s%s at byte %zu", field, *field ? " " : "", what, offset);
}

/* A number that is wrong or absent is treated as absent: nothing depends on it that must not go on without.
 */
static int64_t read_count(const JsonSlice *s, int64_t max)
{
        int64_t value;

        return json_slice_int(s, &value) && value > 0 ? MIN2(value, max) : 0;
}

static void read_disconnect(SlackFrame *f, const JsonSlice *s)
{
        static const struct {
                const char *reason;
                SlackDisconnect disconnect;
        } known[] = {
                {"warning", SLACK_DISCONNECT_WARNING},
                {"refresh_requested", SLACK_DISCONNECT_REFRESH},
                {"link_disabled", SLACK_DISCONNECT_LINK_DISABLED},
                {"too_many_websockets", SLACK_DISCONNECT_TOO_MANY},
        };

        f->type = SLACK_FRAME_DISCONNECT;
        /* Whatever a new reason may mean, replacing the socket before leaving it loses nothing. */
        f->disconnect = SLACK_DISCONNECT_REFRESH;
        if (!json_slice_copy(&s[P_REASON], f->reason, sizeof(f->reason)))
                strcpy(f->reason, "unknown");
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (str_equal(f->reason, known[i].reason))
                        f->disconnect = known[i].disconnect;
}

static const char *slice_problem(const JsonSlice *s)
{
        return s->type == JSON_SLICE_NONE ? "is missing" : "has the wrong type or length";
}

static void read_envelope(SlackFrame *f, SlackEnvelopeType type, const JsonSlice *s, const char *text,
                          size_t n_bytes)
{
        const JsonSlice *id = &s[P_ID], *payload = &s[P_PAYLOAD];

        if (!json_slice_copy(id, f->id, sizeof(f->id)) || !*f->id) {
                malformed(f, SLACK_BAD_ID, "envelope_id", slice_problem(id),
                          id->data ? (size_t) (id->data - text) : n_bytes);
                return;
        }
        if (payload->type != JSON_SLICE_OBJECT) {
                malformed(f, SLACK_BAD_PAYLOAD, "payload", slice_problem(payload),
                          payload->data ? (size_t) (payload->data - text) : n_bytes);
                return;
        }
        f->type = SLACK_FRAME_ENVELOPE;
        f->envelope = (SlackEnvelope){
                .id = f->id,
                .type = type,
                .payload = payload->data,
                .n_payload = payload->n_bytes,
                .accepts_response = s[P_ACCEPTS].type == JSON_SLICE_TRUE,
                .retry_attempt = (unsigned) read_count(&s[P_RETRY], 1000),
        };
}

void slack_frame_parse(const char *text, size_t n_bytes, SlackFrame *ret)
{
        JsonSlice s[N_PATHS];
        size_t offset = 0;
        char type[64];

        /* The texts are valid whatever the type; the rest is set by those who need it. */
        ret->id[0] = ret->host[0] = ret->reason[0] = ret->why[0] = 0;
        ret->num_connections = 0;
        ret->connection_time_ms = 0;
        if (!json_scan(text, n_bytes, paths, N_PATHS, s)) {
                const char *why = json_scan_explain(text, n_bytes, &offset);

                malformed(ret, SLACK_BAD_JSON, "", why ? why : "invalid", offset);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(envelope_types); i++)
                if (json_slice_equal(&s[P_TYPE], envelope_types[i])) {
                        read_envelope(ret, (SlackEnvelopeType) i, s, text, n_bytes);
                        return;
                }
        ret->num_connections = (unsigned) read_count(&s[P_CONNECTIONS], 1000);
        json_slice_copy(&s[P_HOST], ret->host, sizeof(ret->host));
        if (json_slice_equal(&s[P_TYPE], "hello")) {
                ret->type = SLACK_FRAME_HELLO;
                ret->connection_time_ms = read_count(&s[P_TIME], 7 * 24 * 3600) * 1000;
        } else if (json_slice_equal(&s[P_TYPE], "disconnect"))
                read_disconnect(ret, s);
        else if (s[P_TYPE].type != JSON_SLICE_STRING)
                malformed(ret, SLACK_BAD_TYPE, "type", s[P_TYPE].data ? "is no string" : "is missing",
                          s[P_TYPE].data ? (size_t) (s[P_TYPE].data - text) : n_bytes);
        else {
                if (!json_slice_copy(&s[P_TYPE], type, sizeof(type)))
                        strcpy(type, "(too long)");
                malformed(ret, SLACK_BAD_UNKNOWN, type, "is no type known here,",
                          (size_t) (s[P_TYPE].data - text));
        }
}
