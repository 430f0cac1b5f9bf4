#include "faults.h"

#include <stdio.h>

#define LINK "link"

struct Faults {
        Fault list[FAULTS_MAX];
        size_t n;
};

static const struct {
        const char *name;
        FaultAction action;
        unsigned status;
} actions[] = {
        {"delay", FAULT_NONE, 200},
        {"http_500_before", FAULT_HTTP_500_BEFORE, 500},
        {"http_500_after", FAULT_HTTP_500_AFTER, 500},
        {"drop_before", FAULT_DROP_BEFORE, 0},
        {"drop_response_after", FAULT_DROP_RESPONSE_AFTER, 0},
        {"ok_false", FAULT_OK_FALSE, 200},
        {"rate_limit", FAULT_RATE_LIMIT, 429},
        {"http_status", FAULT_HTTP_STATUS, 503},
};

Faults *faults_new(void)
{
        return mem_new(Faults);
}

void faults_free(Faults *f)
{
        free(f);
}

void faults_clear(Faults *f)
{
        f->n = 0;
}

static const char *parse(const json_t *in, Fault *ret)
{
        const char *action = json_str_or(in, "action", "delay");

        *ret = (Fault){0};
        for (size_t i = 0; i < ELEMENTSOF(actions); i++)
                if (str_equal(actions[i].name, action)) {
                        ret->action = actions[i].action;
                        ret->status = (unsigned) json_int(in, "status", actions[i].status);
                        snprintf(ret->method, sizeof(ret->method), "%s", json_str_or(in, "method", ""));
                        snprintf(ret->error, sizeof(ret->error), "%s",
                                 json_str_or(in, "error", "internal_error"));
                        ret->retry_after_s = json_int(in, "retry_after_s", 1);
                        ret->delay_ms = json_int(in, "delay_ms", 0);
                        ret->times = json_int(in, "times", 1);
                        return ret->times > 0 && ret->delay_ms >= 0 && ret->delay_ms <= 600000
                                       ? NULL
                                       : "times must be at least 1, delay_ms between 0 and 600000";
                }
        return "unknown action";
}

const char *faults_add(Faults *f, const json_t *list)
{
        const char *error;
        size_t i;
        json_t *item;

        if (!json_is_array(list))
                return "must be an array of faults";
        if (f->n + json_array_size(list) > FAULTS_MAX)
                return "too many faults";
        json_array_foreach ((json_t *) list, i, item) {
                error = parse(item, &f->list[f->n]);
                if (error)
                        return error;
                f->n++;
        }
        return NULL;
}

static bool take_matching(Faults *f, const char *method, bool is_link, Fault *ret)
{
        for (size_t i = 0; i < f->n; i++) {
                Fault *fault = &f->list[i];

                if (is_link ? !str_equal(fault->method, LINK)
                            : *fault->method && !str_equal(fault->method, method))
                        continue;
                *ret = *fault;
                if (--fault->times == 0) {
                        memmove(fault, fault + 1, (f->n - i - 1) * sizeof(*fault));
                        f->n--;
                }
                return true;
        }
        return false;
}

bool faults_take(Faults *f, const char *method, Fault *ret)
{
        return take_matching(f, method, false, ret);
}

bool faults_take_upgrade(Faults *f, unsigned *ret_status)
{
        Fault fault;

        if (!take_matching(f, LINK, true, &fault))
                return false;
        *ret_status = fault.status ? fault.status : 503;
        return true;
}
