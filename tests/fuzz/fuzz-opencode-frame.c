/* Any bytes as a frame from a plugin. What is accepted can be written and read again with the same verdict; a
 * refusal names a field and a reason; the seq that is salvaged from text is the one that parsing finds. */
#include <assert.h>

#include "integrations/opencode/bridge.h"
#include "integrations/opencode/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check_frame(const json_t *frame)
{
        _cleanup_free_ char *text = json_dump(frame), *field = NULL, *error = NULL;
        _cleanup_json_ json_t *again = bridge_frame_parse(text, strlen(text), &error);
        const char *why = NULL, *found = bridge_frame_check(frame, &why), *code;

        assert(again);
        field = mem_strdup(found);
        assert(str_equal(bridge_frame_check(again, &why), field));
        if (!field) {
                int type = bridge_frame_type(frame);
                int64_t seq = json_int(frame, "seq", 0);

                assert(type >= 0 && (unsigned) type < bridge_frame_n_types());
                if (bridge_frame_class((unsigned) type) == BRIDGE_FRAME_DURABLE && seq <= 1LL << 53)
                        assert(bridge_frame_salvage_seq(text, strlen(text)) == seq);
                return;
        }
        code = bridge_frame_error_code(frame, field);
        assert(why && *why && strlen(field) < 255);
        assert(str_equal(code, "bad_frame") || str_equal(code, "bad_field") || str_equal(code, "protocol"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        /* In an allocation of exactly its size, so that a sanitizer sees any byte read too far. */
        _cleanup_free_ char *text = mem_alloc(n_bytes ? n_bytes : 1), *error = NULL;
        _cleanup_json_ json_t *frame = NULL;

        memcpy(text, data, n_bytes);
        assert(bridge_frame_salvage_seq(text, n_bytes) >= 0);
        frame = bridge_frame_parse(text, n_bytes, &error);
        assert((frame == NULL) == (error != NULL));
        if (frame)
                check_frame(frame);
        return 0;
}
