/* The readers of request bodies: form, JSON, multipart, and what is named wrongly. The first byte chooses the
 * Content-Type, the next line is the query string. Whatever comes out is an object that can be written as
 * JSON and read again. */
#include <assert.h>

#include "args.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static const char *const types[] = {"application/x-www-form-urlencoded",
                                    "application/json; charset=utf-8",
                                    "multipart/form-data; boundary=b",
                                    "multipart/form-data; boundary=\"a long one\"",
                                    "text/plain",
                                    NULL};

static void check_multipart(const char *type, const char *body, size_t n)
{
        Multipart m;

        if (multipart_parse(type, body, n, &m) != 0)
                return;
        assert(m.n <= ARGS_PARTS_MAX);
        for (size_t i = 0; i < m.n; i++)
                assert(m.parts[i].data >= body && m.parts[i].data + m.parts[i].n_bytes <= body + n);
        multipart_deinit(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
        const char *type = types[n_bytes > 0 ? data[0] % ELEMENTSOF(types) : 0];
        _cleanup_free_ char *all = mem_strndup((const char *) data + (n_bytes > 0), n_bytes - (n_bytes > 0));
        size_t n_all = n_bytes - (n_bytes > 0);
        char *line_end = memchr(all, '\n', n_all);
        const char *body = line_end ? line_end + 1 : all;
        _cleanup_json_ json_t *args = NULL, *again = NULL;
        _cleanup_free_ char *dumped = NULL;
        const char *error;

        if (line_end)
                *line_end = 0;
        error = args_parse(type, body, n_all - (size_t) (body - all), line_end ? all : "", &args);
        if (type && strstr(type, "multipart"))
                check_multipart(type, body, n_all - (size_t) (body - all));
        if (error)
                return 0;
        assert(json_is_object(args));
        dumped = json_dump(args);
        again = json_loads(dumped, 0, NULL);
        assert(again && json_equal(args, again));
        (void) arg_int(args, "limit", 0);
        (void) arg_bool(args, "ok", false);
        return 0;
}
