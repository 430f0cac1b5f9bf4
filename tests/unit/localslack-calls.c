#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "localslack-calls.h"

#include "faults.h"
#include "net/url.h"

Local *calls_new(void)
{
        static Options options;
        _cleanup_json_ json_t *lose =
                json_pack("{s:s,s:s,s:i}", "envelope", "", "action", "lose", "times", -1);
        Local *l = mem_new(Local);
        Loop *loop = NULL;
        const char *error;

        options_init(&options);
        assert_int_equal(loop_new(&loop), 0);
        local_init(l, loop, &options);
        l->switches.rate_limits = false;
        /* No app is there to take the events; lost ones are recorded. */
        error = faults_add(l->faults, lose);
        if (error)
                fail_msg("%s", error);
        return l;
}

void calls_free(Local *l)
{
        Loop *loop = l->loop;

        local_deinit(l);
        loop_free(loop);
        free(l);
}

static json_t *parse_args(const char *text)
{
        _cleanup_free_ char *quoted = mem_strdup(text);
        json_t *args;

        for (char *p = quoted; *p; p++)
                if (*p == '\'')
                        *p = '"';
        args = json_loads(quoted, 0, NULL);
        if (!args)
                fail_msg("not JSON: %s", quoted);
        return args;
}

json_t *calls_run(Local *l, const char *token, const char *method, const char *args_text)
{
        _cleanup_json_ json_t *args = parse_args(args_text);
        _cleanup_free_ char *authorization = token ? mem_printf("Bearer %s", token) : NULL;
        _cleanup_(api_reply_deinit) ApiReply reply;
        _cleanup_buf_ Buf body = {0};
        const char *name;
        json_t *value;

        json_object_foreach (args, name, value) {
                _cleanup_free_ char *text = json_is_string(value) ? mem_strdup(json_string_value(value))
                                                                  : json_dumps(value, JSON_ENCODE_ANY);

                form_append(&body, name, text);
        }
        api_run(l,
                &(ApiRequest){.method = method,
                              .authorization = authorization,
                              .content_type = "application/x-www-form-urlencoded",
                              .query = "",
                              .base_url = "http://127.0.0.1:1",
                              .body = buf_bytes(&body),
                              .n_body = buf_len(&body)},
                &reply);
        return json_incref(reply.answer);
}

void calls_expect(Local *l, const char *method, const char *args, const char *error)
{
        _cleanup_json_ json_t *answer = calls_run(l, BOT_TOKEN, method, args);
        _cleanup_free_ char *text = json_dump(answer);

        if (!str_equal(json_str_or(answer, "error", ""), error))
                fail_msg("%s %s: %s instead of \"%s\"", method, args, text, error);
}

char *calls_get(Local *l, const char *method, const char *args, const char *path)
{
        _cleanup_json_ json_t *answer = calls_run(l, BOT_TOKEN, method, args);
        const json_t *v = json_at(answer, path);

        if (!json_bool(answer, "ok")) {
                _cleanup_free_ char *text = json_dump(answer);

                fail_msg("%s %s: %s", method, args, text);
        }
        return json_is_string(v) ? mem_strdup(json_string_value(v))
               : v               ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT)
                                 : NULL;
}

json_t *calls_take_events(Local *l)
{
        json_t *out = json_array();
        const Record *r;

        for (size_t i = 0; (r = record_ring_at(&l->frames, i)); i++) {
                _cleanup_json_ json_t *frame = json_loads(r->text, 0, NULL);
                json_t *event = (json_t *) json_at(frame, "payload.event");

                if (event)
                        json_array_append(out, event);
        }
        record_ring_clear(&l->frames);
        return out;
}
