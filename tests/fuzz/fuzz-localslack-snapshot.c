/* A state file that anybody may have written: it fits, or the workspace is as it was. What fits is saved and
 * loaded again without a change. */
#include <assert.h>

#include "delivery.h"
#include "snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void drop_time(json_t *snapshot)
{
        json_object_del(snapshot, "saved_at_ms");
}

static void check(Local *l, const json_t *in)
{
        _cleanup_json_ json_t *before = snapshot_save(l), *after = NULL, *again = NULL;
        _cleanup_free_ char *error = snapshot_load(l, in), *second = NULL;

        after = snapshot_save(l);
        drop_time(before);
        drop_time(after);
        if (error) {
                assert(json_equal(before, after));
                return;
        }
        json_put_int(after, "saved_at_ms", 0);
        second = snapshot_load(l, after);
        assert(!second);
        again = snapshot_save(l);
        drop_time(after);
        drop_time(again);
        assert(json_equal(after, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        _cleanup_json_ json_t *in = json_parse((const char *) data, n_bytes, NULL);
        Options options;
        Loop *loop;
        Local local;

        if (!in)
                return 0;
        options_init(&options);
        assert(loop_new(&loop) == 0);
        local_init(&local, loop, &options);
        check(&local, in);
        delivery_reset(local.delivery);
        local_deinit(&local);
        loop_free(loop);
        return 0;
}
