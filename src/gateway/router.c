/* The model that tasks are routed with: the built-in one, or one that was trained from what people here did
 * (docs/routing.md). */
#include "gateway/gateway.h"

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "core/routing-train.h"

static bool read_file(const char *path, Buf *ret)
{
        FILE *file = fopen(path, "re");
        char block[16384];
        bool read;
        size_t n;

        if (!file)
                return false;
        while ((n = fread(block, 1, sizeof(block), file)) > 0 && buf_len(ret) <= ROUTE_MODEL_BYTES_MAX)
                buf_append(ret, block, n);
        read = !ferror(file);
        fclose(file);
        return read;
}

int gateway_open_router(Gateway *g)
{
        const char *path = g->conf->routing.model, *error = NULL;
        _cleanup_buf_ Buf bytes = {0};

        g->intake.router = route_model_builtin();
        if (str_empty(path))
                return 0;
        if (!read_file(path, &bytes)) {
                log_error("gateway", "cannot read routing.model %s: %s", path, strerror(errno));
                return error_origin(-EINVAL);
        }
        g->router = route_model_read(buf_bytes(&bytes), buf_len(&bytes), &error);
        if (!g->router) {
                log_error("gateway",
                          "cannot use routing.model %s: %s; train it anew with opencode-slack routing train",
                          path, error);
                return error_origin(-EINVAL);
        }
        g->intake.router = g->router;
        return 0;
}
