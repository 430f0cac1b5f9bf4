/* slack_frame_parse() against a full parse: what it says of a frame is what a tree of it says. */
#include <assert.h>

#include "base/json.h"
#include "connectors/slack/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check_envelope(const SlackFrame *f, const json_t *tree, const char *text, size_t n_bytes)
{
        const char *p = f->envelope.payload;

        assert(f->envelope.id == f->id && *f->id && strlen(f->id) <= SLACK_ENVELOPE_ID_MAX);
        assert(p >= text && p + f->envelope.n_payload <= text + n_bytes);
        assert(p[0] == '{' && p[f->envelope.n_payload - 1] == '}');
        if (!tree)
                return;
        assert(str_equal(json_str(tree, "type"), slack_envelope_type_name(f->envelope.type)));
        assert(str_equal(json_str(tree, "envelope_id"), f->id));
        assert(json_bool(tree, "accepts_response_payload") == f->envelope.accepts_response);
        _cleanup_json_ json_t *payload = json_loadb(p, f->envelope.n_payload, JSON_ALLOW_NUL, NULL);
        assert(payload && json_equal(payload, json_object_get(tree, "payload")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        const char *text = (const char *) data;
        _cleanup_json_ json_t *tree =
                json_loadb(text, n_bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        SlackFrame f;

        memset(&f, 0xa5, sizeof(f)); /* nothing may depend on what was there before */
        slack_frame_parse(text, n_bytes, &f);
        switch (f.type) {
        case SLACK_FRAME_ENVELOPE: check_envelope(&f, tree, text, n_bytes); break;
        case SLACK_FRAME_HELLO:
                assert(f.connection_time_ms >= 0 && f.num_connections <= 1000);
                assert(memchr(f.host, 0, sizeof(f.host)));
                assert(!tree || str_equal(json_str(tree, "type"), "hello"));
                break;
        case SLACK_FRAME_DISCONNECT:
                assert(memchr(f.reason, 0, sizeof(f.reason)) && *f.reason != (char) 0xa5);
                assert(!tree || str_equal(json_str(tree, "type"), "disconnect"));
                break;
        case SLACK_FRAME_UNKNOWN:
        case SLACK_FRAME_MALFORMED:
                assert(f.bad < SLACK_N_BAD && slack_bad_frame_name(f.bad));
                assert(memchr(f.why, 0, sizeof(f.why)) && *f.why);
                break;
        }
        return 0;
}
