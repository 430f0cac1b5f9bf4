#include "gateway/relay-frames.h"

#include <ctype.h>

#define REF_DIGITS 16

static const JsonField type_field[] = {{"type", JSON_FIELD_STR, true, 16}};
static const JsonField ask_fields[] = {
        {"verb", JSON_FIELD_STR, true, 64},      {"key", JSON_FIELD_STR, true, 64},
        {"args", JSON_FIELD_OBJ, true, 0},       {"attempt", JSON_FIELD_INT, true, 0},
        {"uncertain", JSON_FIELD_BOOL, true, 0}, {"repeated", JSON_FIELD_BOOL, true, 0},
        {"created_ms", JSON_FIELD_INT, true, 0}, {"least", JSON_FIELD_INT, true, 0},
};
static const JsonField stored_fields[] = {{"flows", JSON_FIELD_ARR, true, RELAY_FLOWS_MAX}};
static const JsonField hint_fields[] = {
        {"flow", JSON_FIELD_STR, true, REF_DIGITS},
        {"event", JSON_FIELD_STR, true, 64},
        {"data", JSON_FIELD_OBJ, true, 0},
};
static const JsonField tell_fields[] = {{"what", JSON_FIELD_STR, true, 32},
                                        {"data", JSON_FIELD_OBJ, true, 0}};

const char *relay_frame_check(const json_t *frame, const char **ret_why)
{
        static const struct {
                const char *type;
                const JsonField *fields;
                size_t n;
        } types[] = {
                {"ask", ask_fields, ELEMENTSOF(ask_fields)},
                {"stored", stored_fields, ELEMENTSOF(stored_fields)},
                {"hint", hint_fields, ELEMENTSOF(hint_fields)},
                {"look", NULL, 0},
                {"tell", tell_fields, ELEMENTSOF(tell_fields)},
        };
        const char *field = json_check(frame, type_field, 1, ret_why);

        if (field)
                return field;
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (str_equal(json_str(frame, "type"), types[i].type))
                        return types[i].n ? json_check(frame, types[i].fields, types[i].n, ret_why) : NULL;
        *ret_why = "is not known";
        return "type";
}

json_t *relay_ask_frame(const Ask *ask, unsigned least)
{
        return json_pack("{s:s, s:s, s:s, s:O, s:i, s:b, s:b, s:I, s:i}", "type", "ask", "verb", ask->verb,
                         "key", ask->key, "args", ask->args, "attempt", (int) ask->attempt, "uncertain",
                         ask->uncertain, "repeated", ask->repeated, "created_ms",
                         (json_int_t) ask->created_ms, "least", (int) least);
}

Ask relay_ask_read(const json_t *frame)
{
        return (Ask){
                .key = json_str(frame, "key"),
                .verb = json_str(frame, "verb"),
                .lane = "",
                .attempt = (unsigned) MAX2(json_int(frame, "attempt", 1), (int64_t) 1),
                .uncertain = json_bool(frame, "uncertain"),
                .repeated = json_bool(frame, "repeated"),
                .created_ms = json_int(frame, "created_ms", 0),
        };
}

json_t *relay_result_frame(const AskResult *result)
{
        json_t *frame = json_pack("{s:i, s:b, s:I}", "outcome", (int) result->outcome, "uncertain",
                                  result->uncertain, "retry_after_ms", (json_int_t) result->retry_after_ms);

        if (result->value)
                json_object_set(frame, "value", result->value);
        return frame;
}

AskResult relay_result_read(const json_t *answer)
{
        int64_t outcome = json_int(answer, "outcome", -1);
        const json_t *value = json_at(answer, "value");

        if (outcome < ASK_OK || outcome > ASK_PERMFAIL || (value && !json_is_object(value)))
                return (AskResult){.outcome = ASK_TEMPFAIL,
                                   .uncertain = true,
                                   .value = ask_error("unavailable", "another gateway gave no answer")};
        return (AskResult){
                .outcome = (AskOutcome) outcome,
                .uncertain = json_bool(answer, "uncertain"),
                .retry_after_ms = MAX2(json_int(answer, "retry_after_ms", 0), (int64_t) 0),
                .value = json_incref((json_t *) value),
        };
}

json_t *relay_flow_ref(int64_t flow_id)
{
        return json_sprintf("%016llx", (unsigned long long) flow_id);
}

int64_t relay_flow_id(const char *ref)
{
        if (!ref || strlen(ref) != REF_DIGITS)
                return 0;
        for (const char *p = ref; *p; p++)
                if (!isxdigit((unsigned char) *p))
                        return 0;
        return (int64_t) (strtoull(ref, NULL, 16) & INT64_MAX);
}
