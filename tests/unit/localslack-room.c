#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "faults.h"
#include "localslack-room.h"

#define ARGS_BYTES_MAX (128 << 10)

int64_t room_now_ms = 1700000000000;

static int64_t room_clock(void)
{
        return room_now_ms;
}

Room *room_new(void)
{
        /* No app is there to take the events; lost ones are recorded. */
        _cleanup_json_ json_t *lose =
                json_pack("{s:s,s:s,s:i}", "envelope", "", "action", "lose", "times", -1);
        Room *r = mem_new(Room);
        const char *error;

        assert_true(loop_new(&r->loop) >= 0);
        options_init(&r->options);
        r->options.app_name = "octo";
        local_init(&r->l, r->loop, &r->options);
        r->l.state->clock_ms = room_clock;
        r->l.switches.rate_limits = false;
        error = faults_add(r->l.faults, lose);
        if (error)
                fail_msg("%s", error);
        return r;
}

void room_free(Room *r)
{
        local_deinit(&r->l);
        loop_free(r->loop);
        free(r);
}

static char *unquote(const char *quoted)
{
        char *text = mem_strdup(quoted);

        for (char *p = text; *p; p++)
                if (*p == '\'')
                        *p = '"';
        return text;
}

json_t *room_json(const char *quoted)
{
        _cleanup_free_ char *text = unquote(quoted), *error = NULL;
        json_t *out = json_parse(text, strlen(text), &error);

        if (!out)
                fail_msg("%s: %s", text, error);
        return out;
}

json_t *room_call_as(Room *r, const char *token, const char *method, const char *args)
{
        bool is_json = *args == '{';
        _cleanup_free_ char *body = is_json ? unquote(args) : mem_strdup(args),
                            *authorization = mem_printf("Bearer %s", token);
        ApiRequest req = {.method = method,
                          .authorization = authorization,
                          .content_type = is_json ? "application/json; charset=utf-8"
                                                  : "application/x-www-form-urlencoded",
                          .query = "",
                          .base_url = "http://127.0.0.1:3000",
                          .body = body,
                          .n_body = strlen(body)};
        ApiReply reply;
        json_t *answer;

        api_run(&r->l, &req, &reply);
        answer = json_incref(reply.answer);
        api_reply_deinit(&reply);
        return answer;
}

json_t *room_call(Room *r, const char *method, const char *args)
{
        return room_call_as(r, "xoxb-test", method, args);
}

const char *room_expect(Room *r, const char *error, const char *method, const char *args)
{
        static char ts[STATE_TS_SIZE];
        _cleanup_json_ json_t *answer = room_call(r, method, args);
        const char *got = json_str(answer, "error");

        if (!str_equal(got, error)) {
                _cleanup_free_ char *text = json_dump(answer);

                fail_msg("%s %.300s: %s, not %s", method, args, text, error ? error : "ok");
        }
        snprintf(ts, sizeof(ts), "%s", json_str_or(answer, "ts", ""));
        return ts;
}

json_t *room_callf(Room *r, const char *method, const char *format, ...)
{
        _cleanup_free_ char *args = mem_zalloc(ARGS_BYTES_MAX);
        va_list ap;

        va_start(ap, format);
        vsnprintf(args, ARGS_BYTES_MAX, format, ap);
        va_end(ap);
        return room_call(r, method, args);
}

const char *room_expectf(Room *r, const char *error, const char *method, const char *format, ...)
{
        _cleanup_free_ char *args = mem_zalloc(ARGS_BYTES_MAX);
        va_list ap;

        va_start(ap, format);
        vsnprintf(args, ARGS_BYTES_MAX, format, ap);
        va_end(ap);
        return room_expect(r, error, method, args);
}

const json_t *room_message(Room *r, const char *channel, const char *ts)
{
        const Channel *c = state_find_channel(r->l.state, channel);
        const Message *m = c ? channel_find_message(c, ts) : NULL;

        assert_non_null(m);
        return message_body(m);
}

json_t *room_events(Room *r)
{
        json_t *out = json_array();
        const Record *record;

        for (size_t i = 0; (record = record_ring_at(&r->l.frames, i)); i++) {
                _cleanup_json_ json_t *frame = json_parse(record->text, strlen(record->text), NULL);
                json_t *event = (json_t *) json_at(frame, "payload.event");

                if (event)
                        json_array_append(out, event);
        }
        record_ring_clear(&r->l.frames);
        return out;
}
