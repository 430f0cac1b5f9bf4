#include "faults.h"

#include <math.h>
#include <stdio.h>

#define LINK            "link"
#define DELAY_MAX_MS    600000
#define WINDOW_MAX      1000
#define REORDER_WAIT_MS 500
#define REORDER_WINDOW  4

struct Faults {
        Local *local;
        Fault list[FAULTS_MAX];
        size_t n, n_envelopes;
};

static const struct {
        const char *name;
        FaultAction action;
        unsigned status;
} call_actions[] = {
        {"delay", FAULT_NONE, 200},
        {"delay_after", FAULT_DELAY_AFTER, 200},
        {"http_500_before", FAULT_HTTP_500_BEFORE, 500},
        {"http_500_after", FAULT_HTTP_500_AFTER, 500},
        {"drop_before", FAULT_DROP_BEFORE, 0},
        {"drop_response_after", FAULT_DROP_RESPONSE_AFTER, 0},
        {"ok_false", FAULT_OK_FALSE, 200},
        {"rate_limit", FAULT_RATE_LIMIT, 429},
        {"http_status", FAULT_HTTP_STATUS, 503},
};

static const struct {
        const char *name;
        FaultAction action;
} envelope_actions[] = {
        {"lose", FAULT_LOSE},     {"lose_ack", FAULT_LOSE_ACK}, {"duplicate", FAULT_DUPLICATE},
        {"repeat", FAULT_REPEAT}, {"delay", FAULT_DELAY},       {"reorder", FAULT_REORDER},
};

Faults *faults_new(Local *l)
{
        Faults *f = mem_new(Faults);

        f->local = l;
        return f;
}

void faults_free(Faults *f)
{
        free(f);
}

void faults_clear(Faults *f)
{
        f->n = f->n_envelopes = 0;
}

bool faults_has_envelopes(const Faults *f)
{
        return f->n_envelopes > 0;
}

static const char *action_name(const Fault *fault)
{
        for (size_t i = 0; fault->is_envelope && i < ELEMENTSOF(envelope_actions); i++)
                if (envelope_actions[i].action == fault->action)
                        return envelope_actions[i].name;
        for (size_t i = 0; !fault->is_envelope && i < ELEMENTSOF(call_actions); i++)
                if (call_actions[i].action == fault->action)
                        return call_actions[i].name;
        return "unknown";
}

static bool parse_action(const char *name, Fault *ret)
{
        for (size_t i = 0; ret->is_envelope && i < ELEMENTSOF(envelope_actions); i++)
                if (str_equal(envelope_actions[i].name, name)) {
                        ret->action = envelope_actions[i].action;
                        return true;
                }
        for (size_t i = 0; !ret->is_envelope && i < ELEMENTSOF(call_actions); i++)
                if (str_equal(call_actions[i].name, name)) {
                        ret->action = call_actions[i].action;
                        ret->status = call_actions[i].status;
                        return true;
                }
        return false;
}

/* "*" and "" mean any. */
static bool copy_target(const json_t *in, Fault *ret)
{
        const char *text = json_str_or(in, ret->is_envelope ? "envelope" : "method", "");

        if (strlen(text) >= sizeof(ret->target))
                return false;
        snprintf(ret->target, sizeof(ret->target), "%s", str_equal(text, "*") ? "" : text);
        return true;
}

static const char *parse_limits(const json_t *in, Fault *ret, int64_t now_ms)
{
        const json_t *probability = json_object_get(in, "probability");
        int64_t for_ms = json_int(in, "for_ms", 0);

        ret->times = json_int(in, "times", for_ms > 0 || probability ? -1 : 1);
        ret->until_ms = for_ms > 0 ? now_ms + for_ms : 0;
        ret->probability = probability ? json_number_value(probability) : 1;
        if (ret->times == 0 || ret->times < -1)
                return "times must be at least 1 (or -1: without end)";
        if (for_ms < 0 || for_ms > 24 * 3600000)
                return "for_ms must be between 0 and a day";
        if ((probability && !json_is_number(probability)) || ret->probability < 0 || ret->probability > 1)
                return "probability must be between 0 and 1";
        return NULL;
}

static const char *parse_details(const json_t *in, Fault *ret)
{
        const char *distribution = json_str_or(in, "distribution", "uniform");
        int64_t window = json_int(in, "window", REORDER_WINDOW);

        ret->status = (unsigned) json_int(in, "status", ret->status);
        ret->retry_after_s = json_int(in, "retry_after_s", 1);
        ret->delay_ms = json_int(in, "delay_ms", ret->action == FAULT_REORDER ? REORDER_WAIT_MS : 0);
        ret->is_exponential = str_equal(distribution, "exponential");
        ret->delay_max_ms = json_int(in, "delay_max_ms", ret->is_exponential ? DELAY_MAX_MS : ret->delay_ms);
        snprintf(ret->error, sizeof(ret->error), "%s", json_str_or(in, "error", "internal_error"));
        if (ret->delay_ms < 0 || ret->delay_max_ms > DELAY_MAX_MS || ret->delay_max_ms < ret->delay_ms)
                return "delay_ms must be between 0 and 600000, and delay_max_ms not below it";
        if (!ret->is_exponential && !str_equal(distribution, "uniform"))
                return "distribution must be uniform or exponential";
        if (window < 2 || window > WINDOW_MAX)
                return "window must be between 2 and 1000";
        if (ret->status > 599 || (ret->status > 0 && ret->status < 200))
                return "status must be between 200 and 599";
        if (ret->retry_after_s < 0 || ret->retry_after_s > 86400)
                return "retry_after_s must be between 0 and 86400";
        ret->window = (unsigned) window;
        return NULL;
}

static const char *parse(const json_t *in, int64_t now_ms, Fault *ret)
{
        const char *error;

        *ret = (Fault){.is_envelope = json_object_get(in, "envelope") != NULL};
        if (!json_is_object(in))
                return "each fault must be an object";
        if (!copy_target(in, ret))
                return "the method or envelope is too long";
        if (!parse_action(json_str_or(in, "action", "delay"), ret))
                return ret->is_envelope
                               ? "unknown action; of an envelope: lose, lose_ack, duplicate, repeat, "
                                 "delay, reorder"
                               : "unknown action; of a call: delay, delay_after, http_500_before, "
                                 "http_500_after, drop_before, drop_response_after, ok_false, "
                                 "rate_limit, http_status";
        error = parse_limits(in, ret, now_ms);
        return error ? error : parse_details(in, ret);
}

const char *faults_add(Faults *f, const json_t *list)
{
        size_t n = json_is_array(list) ? json_array_size(list) : 1, n_envelopes = 0;
        const char *error = NULL;

        if (!json_is_array(list) && !json_is_object(list))
                return "must be an array of faults";
        if (f->n + n > FAULTS_MAX)
                return "too many faults";
        for (size_t i = 0; i < n && !error; i++) {
                Fault *slot = &f->list[f->n + i];

                error = parse(json_is_array(list) ? json_array_get(list, i) : list,
                              loop_now_ms(f->local->loop), slot);
                n_envelopes += slot->is_envelope;
        }
        if (error)
                return error;
        f->n += n;
        f->n_envelopes += n_envelopes;
        return NULL;
}

static void remove_at(Faults *f, size_t i)
{
        f->n_envelopes -= f->list[i].is_envelope;
        memmove(&f->list[i], &f->list[i + 1], (f->n - i - 1) * sizeof(Fault));
        f->n--;
}

static void drop_expired(Faults *f)
{
        int64_t now = loop_now_ms(f->local->loop);

        for (size_t i = f->n; i-- > 0;)
                if (f->list[i].until_ms > 0 && f->list[i].until_ms <= now)
                        remove_at(f, i);
}

/* What the caller will get instead of an answer. */
static void put_answer(json_t *item, const Fault *fault)
{
        if (fault->is_envelope)
                return;
        if (fault->action == FAULT_OK_FALSE)
                json_put_str(item, "error", fault->error);
        if (fault->action == FAULT_RATE_LIMIT)
                json_put_int(item, "retry_after_s", fault->retry_after_s);
        if (fault->action == FAULT_HTTP_STATUS)
                json_put_int(item, "status", fault->status);
}

json_t *faults_render(Faults *f)
{
        json_t *out = json_array();

        drop_expired(f);
        for (size_t i = 0; i < f->n; i++) {
                const Fault *fault = &f->list[i];
                json_t *item = json_pack("{s:s,s:s}", fault->is_envelope ? "envelope" : "method",
                                         *fault->target ? fault->target : "*", "action", action_name(fault));

                if (fault->times > 0)
                        json_put_int(item, "times", fault->times);
                if (fault->until_ms > 0)
                        json_put_int(item, "for_ms", fault->until_ms - loop_now_ms(f->local->loop));
                if (fault->probability < 1)
                        json_object_set_new(item, "probability", json_real(fault->probability));
                if (fault->delay_ms > 0)
                        json_put_int(item, "delay_ms", fault->delay_ms);
                if (fault->delay_max_ms > fault->delay_ms)
                        json_put_int(item, "delay_max_ms", fault->delay_max_ms);
                put_answer(item, fault);
                json_array_append_new(out, item);
        }
        return out;
}

/* Evenly in [0, 1). */
static double draw(Faults *f)
{
        return (double) (local_random(f->local) >> 11) / 9007199254740992.0;
}

static int64_t draw_delay(Faults *f, const Fault *fault)
{
        double ms;

        if (fault->is_exponential)
                ms = -log(1 - draw(f)) * (double) fault->delay_ms;
        else
                ms = (double) fault->delay_ms + draw(f) * (double) (fault->delay_max_ms - fault->delay_ms);
        return MIN2((int64_t) ms, fault->delay_max_ms);
}

static bool matches(const char *target, const char *name)
{
        size_t n = strlen(target);

        if (n > 1 && target[n - 1] == '*')
                return strncmp(target, name, n - 1) == 0;
        return str_equal(target, name);
}

static bool use(Faults *f, size_t i, Fault *ret)
{
        Fault *fault = &f->list[i];

        if (fault->probability < 1 && draw(f) >= fault->probability)
                return false;
        *ret = *fault;
        if (fault->action != FAULT_REORDER)
                ret->delay_ms = draw_delay(f, fault);
        if (fault->times > 0 && --fault->times == 0)
                remove_at(f, i);
        return true;
}

static bool take_call(Faults *f, const char *method, bool is_link, Fault *ret)
{
        drop_expired(f);
        for (size_t i = 0; i < f->n; i++) {
                const Fault *fault = &f->list[i];
                bool fits = is_link ? str_equal(fault->target, LINK)
                                    : !*fault->target || matches(fault->target, method);

                if (!fault->is_envelope && fits && use(f, i, ret))
                        return true;
        }
        return false;
}

bool faults_take(Faults *f, const char *method, Fault *ret)
{
        return f->n > f->n_envelopes && take_call(f, method, false, ret);
}

bool faults_take_upgrade(Faults *f, unsigned *ret_status)
{
        Fault fault;

        if (!take_call(f, LINK, true, &fault))
                return false;
        *ret_status = fault.status >= 400 ? fault.status : 503;
        return true;
}

bool faults_take_envelope(Faults *f, const char *type, const char *inner, Fault *ret)
{
        drop_expired(f);
        for (size_t i = 0; i < f->n; i++) {
                const Fault *fault = &f->list[i];

                if (fault->is_envelope &&
                    (!*fault->target || matches(fault->target, type) || matches(fault->target, inner)) &&
                    use(f, i, ret))
                        return true;
        }
        return false;
}
