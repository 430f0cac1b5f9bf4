#include "scenario.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "control.h"
#include "yaml-json.h"

#define TIME_MAX_MS (24 * 3600000LL)
#define TIMES_MAX   1000000
#define ERROR_SHOWN 300

typedef struct Step {
        Scenario *owner;
        LoopTimer *timer;
        char *act, *label, *error;
        json_t *body;
        int64_t at_ms, every_ms, until_ms, jitter_ms, due_ms;
        int64_t times; /* of an `every`; 0 = as long as the scenario lasts */
        double probability;
        int64_t n_due, n_fired, n_skipped, n_failed;
        uint64_t rng;
        bool is_over;
} Step;

struct Scenario {
        Local *local;
        bool running;
        uint64_t seed;
        int64_t started_ms;
        Step *steps;
        size_t n_steps, n_over;
};

/* --- reading --- */

/* 250, "250ms", "1.5s", "2m"; false when it is none of these. */
static bool read_time(const json_t *v, int64_t *ret)
{
        const char *text = json_string_value(v);
        double n, unit = 1;
        char *end;

        if (json_is_integer(v))
                n = (double) json_integer_value(v);
        else if (text && *text >= '0' && *text <= '9') {
                n = strtod(text, &end);
                unit = str_equal(end, "ms")  ? 1
                       : str_equal(end, "s") ? 1000
                       : str_equal(end, "m") ? 60000
                                             : -1;
        } else
                return false;
        if (unit < 0 || !(n * unit >= 0 && n * unit <= (double) TIME_MAX_MS))
                return false;
        *ret = (int64_t) (n * unit);
        return true;
}

static const struct {
        const char *name;
        size_t offset;
} times[] = {{"at", offsetof(Step, at_ms)},
             {"every", offsetof(Step, every_ms)},
             {"until", offsetof(Step, until_ms)},
             {"jitter", offsetof(Step, jitter_ms)}};

/* NULL when `name` was one of the words around the act, or what is wrong; "" when it is the act. */
static const char *read_word(const char *name, const json_t *v, Step *ret)
{
        for (size_t i = 0; i < ELEMENTSOF(times); i++)
                if (str_equal(times[i].name, name))
                        return read_time(v, (int64_t *) ((char *) ret + times[i].offset))
                                       ? NULL
                                       : "must be a time such as 500ms, 1.5s or 2m, at most a day";
        if (str_equal(name, "label")) {
                mem_strset(&ret->label, json_string_value(v));
                return NULL;
        }
        if (str_equal(name, "times")) {
                ret->times = json_is_integer(v) ? json_integer_value(v) : -1;
                return ret->times >= 1 && ret->times <= TIMES_MAX ? NULL
                                                                  : "must be a number from 1 to 1000000";
        }
        if (str_equal(name, "probability")) {
                ret->probability = json_is_number(v) ? json_number_value(v) : -1;
                return ret->probability >= 0 && ret->probability <= 1 ? NULL : "must be between 0 and 1";
        }
        return "";
}

static char *read_step(const json_t *in, size_t index, Step *ret)
{
        const char *name, *why;
        json_t *v;

        ret->probability = 1;
        if (!json_is_object(in))
                return mem_printf("step %zu: must be a mapping", index + 1);
        json_object_foreach ((json_t *) in, name, v) {
                why = read_word(name, v, ret);
                if (why && *why)
                        return mem_printf("step %zu: %s %s", index + 1, name, why);
                if (!why)
                        continue;
                if (ret->act)
                        return mem_printf("step %zu: both %s and %s are acts; a step has one", index + 1,
                                          ret->act, name);
                if (!json_is_object(v) && !json_is_array(v))
                        return mem_printf(
                                "step %zu: %s must be a mapping or a list, the body of POST /_local/%s",
                                index + 1, name, name);
                ret->act = mem_strdup(name);
                ret->body = json_deep_copy(v);
        }
        if (!ret->act)
                return mem_printf("step %zu: has no act, such as message or faults", index + 1);
        if (ret->every_ms == 0 && (ret->times || ret->until_ms || json_object_get(in, "every")))
                return mem_printf("step %zu: every must be more than 0, and times and until need it",
                                  index + 1);
        if (!control_knows_act(ret->act))
                return mem_printf("step %zu: there is no act %.64s", index + 1, ret->act);
        return NULL;
}

static void step_deinit(Step *step)
{
        loop_timer_free(step->timer);
        free(step->act);
        free(step->label);
        free(step->error);
        json_decref(step->body);
}

static void free_steps(Step *steps, size_t n)
{
        for (size_t i = 0; i < n; i++)
                step_deinit(&steps[i]);
        free(steps);
}

static char *check_head(const json_t *in)
{
        static const char *const known[] = {"seed", "switches", "steps", "description"};
        const char *name;
        json_t *v;

        if (!json_is_object(in))
                return mem_strdup("a scenario is a mapping with steps");
        json_object_foreach ((json_t *) in, name, v) {
                bool found = false;

                for (size_t i = 0; i < ELEMENTSOF(known); i++)
                        found |= str_equal(known[i], name);
                if (!found)
                        return mem_printf(
                                "%.64s is unknown; a scenario has seed, switches, description and steps",
                                name);
        }
        v = json_object_get(in, "seed");
        if (v && !json_is_integer(v))
                return mem_strdup("seed must be a whole number");
        if (!json_is_array(json_object_get(in, "steps")))
                return mem_strdup("steps must be a list");
        if (json_array_size(json_object_get(in, "steps")) > SCENARIO_STEPS_MAX)
                return mem_printf("there are more than %d steps", SCENARIO_STEPS_MAX);
        return NULL;
}

static char *check_switches(const json_t *in)
{
        const json_t *wanted = json_object_get(in, "switches");
        Switches tried;
        char *error;

        if (!wanted)
                return NULL;
        switches_init(&tried);
        error = switches_apply(&tried, wanted);
        switches_deinit(&tried);
        return error;
}

static char *read_all(const json_t *in, Step **ret, size_t *ret_n)
{
        const json_t *list = json_object_get(in, "steps");
        char *error = check_head(in);
        size_t n = json_array_size(list);
        Step *steps;

        if (!error)
                error = check_switches(in);
        if (error)
                return error;
        steps = mem_zalloc(MAX2(n, (size_t) 1) * sizeof(Step));
        for (size_t i = 0; i < n && !error; i++)
                error = read_step(json_array_get(list, i), i, &steps[i]);
        if (error) {
                free_steps(steps, n);
                return error;
        }
        *ret = steps;
        *ret_n = n;
        return NULL;
}

char *scenario_check(const json_t *in)
{
        Step *steps;
        size_t n;
        char *error = read_all(in, &steps, &n);

        if (!error)
                free_steps(steps, n);
        return error;
}

/* --- what stands for something else in a body --- */

static const char *newest(const Local *l, const char *channel, int of_bot)
{
        const Channel *ch = state_find_channel(l->state, channel);

        for (size_t i = ch ? ch->n_messages : 0; i-- > 0;) {
                bool by_bot = str_equal(json_str(message_body(ch->messages[i]), "user"), BOT_USER);

                if (!message_is_tombstone(ch->messages[i]) && (of_bot < 0 || by_bot == (of_bot > 0)))
                        return ch->messages[i]->ts;
        }
        return "";
}

static uint64_t draw(Step *step)
{
        uint64_t z = step->rng += 0x9e3779b97f4a7c15u;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        return z ^ (z >> 27);
}

static const char *any_person(Step *step)
{
        const State *s = step->owner->local->state;
        const User *people[STATE_USERS_MAX];
        size_t n = 0;

        for (size_t i = 0; i < s->n_users; i++)
                if (!s->users[i]->is_bot && !str_equal(s->users[i]->id, SLACKBOT))
                        people[n++] = s->users[i];
        return n ? people[draw(step) % n]->id : "";
}

static char *replace_number(const char *text, int64_t number)
{
        const char *at = strstr(text, "{n}");

        return at ? mem_printf("%.*s%lld%s", (int) (at - text), text, (long long) number, at + 3) : NULL;
}

/* $last, $last_bot, $last_person: the newest message of the body's channel; $person: any; {n}: the how
 * manieth time. */
static void substitute(Step *step, json_t *body)
{
        const char *channel = json_str(body, "channel"), *name, *text, *instead;
        json_t *v;
        void *next;

        json_object_foreach_safe(body, next, name, v)
        {
                _cleanup_free_ char *numbered = NULL;

                text = json_string_value(v);
                if (!text)
                        continue;
                numbered = replace_number(text, step->n_due);
                instead = str_equal(text, "$last")          ? newest(step->owner->local, channel, -1)
                          : str_equal(text, "$last_bot")    ? newest(step->owner->local, channel, 1)
                          : str_equal(text, "$last_person") ? newest(step->owner->local, channel, 0)
                          : str_equal(text, "$person")      ? any_person(step)
                                                            : numbered;
                if (instead)
                        json_object_set_new(body, name, json_string(instead));
        }
}

/* --- playing --- */

static void act(Step *step)
{
        _cleanup_json_ json_t *body = json_deep_copy(step->body);
        _cleanup_free_ char *error = NULL;

        substitute(step, body);
        error = control_act(step->owner->local, step->act, body);
        if (!error) {
                step->n_fired++;
                return;
        }
        step->n_failed++;
        mem_strset(&step->error, error);
        log_warn("localslack.scenario", "%s: %s", step->act, error);
}

static void end(Scenario *s)
{
        s->running = false;
        feed_emit(s->local->feed, "scenario", scenario_render(s));
        log_info("localslack.scenario", "the scenario has ended");
}

/* Times are kept by the plan, not by when the last one came: a slow moment does not move the rest. */
static void plan(Step *step, int64_t due_ms)
{
        Scenario *s = step->owner;
        int64_t jitter_ms =
                step->jitter_ms > 0 ? (int64_t) (draw(step) % (uint64_t) (step->jitter_ms + 1)) : 0;

        step->due_ms = due_ms;
        loop_timer_set(step->timer,
                       MAX2(s->started_ms + due_ms + jitter_ms - loop_now_ms(s->local->loop), (int64_t) 0));
}

static void on_due(void *userdata)
{
        Step *step = userdata;
        Scenario *s = step->owner;
        int64_t next_ms = step->due_ms + step->every_ms;

        step->n_due++;
        if (step->probability < 1 && (double) (draw(step) >> 11) / 9007199254740992.0 >= step->probability)
                step->n_skipped++;
        else
                act(step);
        step->is_over = step->every_ms == 0 || (step->times > 0 && step->n_due >= step->times) ||
                        (step->until_ms > 0 && next_ms > step->until_ms);
        if (!step->is_over)
                plan(step, next_ms);
        else if (++s->n_over == s->n_steps)
                end(s);
}

Scenario *scenario_new(Local *l)
{
        Scenario *s = mem_new(Scenario);

        s->local = l;
        return s;
}

void scenario_stop(Scenario *s)
{
        for (size_t i = 0; i < s->n_steps; i++)
                loop_timer_clear(s->steps[i].timer);
        if (s->running)
                end(s);
}

void scenario_free(Scenario *s)
{
        if (!s)
                return;
        free_steps(s->steps, s->n_steps);
        free(s);
}

char *scenario_start(Scenario *s, const json_t *in)
{
        Local *l = s->local;
        Step *steps;
        size_t n;
        char *error = read_all(in, &steps, &n);

        if (error)
                return error;
        scenario_stop(s);
        free_steps(s->steps, s->n_steps);
        s->steps = steps;
        s->n_steps = n;
        s->n_over = 0;
        s->seed = (uint64_t) json_int(in, "seed", 1);
        s->started_ms = loop_now_ms(l->loop);
        s->running = n > 0;
        l->rng = s->seed;
        free(switches_apply(&l->switches, json_object_get(in, "switches"))); /* checked */
        local_apply_switches(l);
        for (size_t i = 0; i < n; i++) {
                steps[i].owner = s;
                steps[i].rng = s->seed * 1000003 + i;
                steps[i].timer = loop_timer_new(l->loop, on_due, &steps[i]);
                plan(&steps[i], steps[i].at_ms > 0 ? steps[i].at_ms : steps[i].every_ms);
        }
        return NULL;
}

char *scenario_start_yaml(Scenario *s, const char *name, const char *text, size_t n_bytes)
{
        char *error;
        _cleanup_json_ json_t *in = yaml_json_parse(name, text, n_bytes, &error);

        return in ? scenario_start(s, in) : error;
}

char *scenario_start_file(Scenario *s, const char *path)
{
        _cleanup_free_ char *text = mem_alloc(YAML_JSON_BYTES_MAX + 2);
        FILE *file = fopen(path, "rb");
        size_t n;

        if (!file)
                return mem_printf("%s: %s", path, strerror(errno));
        n = fread(text, 1, YAML_JSON_BYTES_MAX + 1, file);
        fclose(file);
        return scenario_start_yaml(s, path, text, n);
}

static json_t *render_step(const Step *step)
{
        json_t *out =
                json_pack("{s:s,s:I,s:I,s:I}", "act", step->act, "fired", (json_int_t) step->n_fired,
                          "skipped", (json_int_t) step->n_skipped, "failed", (json_int_t) step->n_failed);
        char error[ERROR_SHOWN];

        if (step->label)
                json_put_str(out, "label", step->label);
        if (step->error) {
                snprintf(error, sizeof(error), "%s", step->error);
                json_put_str(out, "error", error);
        }
        return out;
}

json_t *scenario_render(const Scenario *s)
{
        json_t *steps = json_array();

        for (size_t i = 0; i < s->n_steps; i++)
                json_array_append_new(steps, render_step(&s->steps[i]));
        return json_pack(
                "{s:b,s:I,s:I,s:o}", "running", s->running, "seed", (json_int_t) s->seed, "elapsed_ms",
                (json_int_t) (s->n_steps ? loop_now_ms(s->local->loop) - s->started_ms : 0), "steps", steps);
}
