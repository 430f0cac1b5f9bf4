#include "expect.h"

#include <regex.h>
#include <stdio.h>

#include "base/clock.h"

#define WITHIN_MS      5000
#define WITHIN_MAX_MS  600000
#define SETTLE_MS      200
#define LOOK_AGAIN_MS  10
#define SHOWN_MAX      12 /* of what was there instead */
#define LINE_MAX_BYTES 300
#define FOUND_MAX      100
#define PATTERN_MAX    500

typedef enum What {
        WHAT_MESSAGE,
        WHAT_EPHEMERAL,
        WHAT_CALL,
        WHAT_FRAME,
        WHAT_OUTCOME,
        WHAT_PROBLEM,
        N_WHAT
} What;

static const char *const what_names[] = {
        [WHAT_MESSAGE] = "message", [WHAT_EPHEMERAL] = "ephemeral", [WHAT_CALL] = "call",
        [WHAT_FRAME] = "frame",     [WHAT_OUTCOME] = "outcome",     [WHAT_PROBLEM] = "problem"};

typedef struct Expectation {
        LocalWait wait;
        Local *l;
        LateAnswer *late;
        json_t *in;
        What what;
        const json_t *wanted; /* in `in` */
        regex_t pattern;
        bool has_pattern;
        int64_t at_least, at_most;
        int64_t started_ms, deadline_ms, settle_ms, true_since_ms;
        uint64_t seen; /* what the feed and the records had counted when we last looked */
        LoopTimer *timer;
} Expectation;

static size_t n_waiting;

/* --- parts --- */

static bool list_is_part(const json_t *part, const json_t *value, char **ret_path)
{
        size_t at = 0, n = json_array_size(value);

        for (size_t i = 0; i < json_array_size(part); i++) {
                _cleanup_free_ char *why = NULL;
                bool found = false;

                for (; at < n && !found; at++) {
                        free(take(why));
                        found = expect_is_part(json_array_get(part, i), json_array_get(value, at), &why);
                }
                if (!found) {
                        *ret_path = mem_printf(".%zu%s", i, n == 1 && why ? why : "");
                        return false;
                }
        }
        return true;
}

bool expect_is_part(const json_t *part, const json_t *value, char **ret_path)
{
        const char *name;
        json_t *v;

        *ret_path = NULL;
        if (json_is_array(part) && json_is_array(value))
                return list_is_part(part, value, ret_path);
        if (!json_is_object(part) || !json_is_object(value)) {
                if (json_equal((json_t *) part, (json_t *) value))
                        return true;
                *ret_path = mem_strdup("");
                return false;
        }
        json_object_foreach ((json_t *) part, name, v) {
                _cleanup_free_ char *below = NULL;
                const json_t *other = json_object_get(value, name);

                if (other && expect_is_part(v, other, &below))
                        continue;
                *ret_path = mem_printf(".%s%s", name, below ? below : "");
                return false;
        }
        return true;
}

/* --- one candidate --- */

static char *short_text(const char *text)
{
        size_t n = strlen(text);

        if (n <= LINE_MAX_BYTES)
                return mem_strdup(text);
        n = LINE_MAX_BYTES;
        while (n > 0 && ((unsigned char) text[n] & 0xc0) == 0x80) /* not inside a character */
                n--;
        return mem_printf("%.*s…", (int) n, text);
}

/* NULL when it fits, or why not (owned). */
static char *misfit_text(const Expectation *e, const char *text)
{
        const char *exact = json_str(e->wanted, "text"), *contains = json_str(e->wanted, "contains");

        if (exact && !str_equal(exact, text))
                return mem_strdup("text is another");
        if (contains && !strstr(text, contains))
                return mem_printf("does not contain %s", contains);
        if (e->has_pattern && regexec(&e->pattern, text, 0, NULL, 0) != 0)
                return mem_printf("does not match %s", json_str(e->wanted, "matches"));
        return NULL;
}

static char *misfit_like(const Expectation *e, const json_t *value)
{
        const json_t *like = json_object_get(e->wanted, "like");
        _cleanup_free_ char *path = NULL;

        if (!like || expect_is_part(like, value, &path))
                return NULL;
        return mem_printf("differs from `like` at %s", *path ? path + 1 : "the top");
}

typedef struct Look {
        json_t *found, *shown; /* what fits; lines of what does not */
        json_t *values;        /* of `unique` */
        char *twice;           /* owned: the value that is there twice */
        size_t n_others;
} Look;

static void put_candidate(const Expectation *e, Look *k, json_t *value /* stolen */, const char *text,
                          const char *label)
{
        const char *unique = json_str(e->in, "unique");
        char *why = misfit_text(e, text);
        _cleanup_free_ char *shown = NULL, *key = NULL;

        if (!why)
                why = misfit_like(e, value);
        if (why) {
                shown = short_text(text);
                k->n_others++;
                if (json_array_size(k->shown) == SHOWN_MAX)
                        json_array_remove(k->shown, 0);
                json_array_append_new(k->shown, json_sprintf("%s %s — %s", label, shown, why));
                free(why);
                json_decref(value);
                return;
        }
        if (unique && json_at(value, unique)) {
                key = json_dumps(json_at(value, unique), JSON_ENCODE_ANY | JSON_SORT_KEYS);
                if (json_object_get(k->values, key))
                        mem_strset(&k->twice, key);
                json_object_set_new(k->values, key, json_true());
        }
        json_array_append_new(k->found, value);
}

/* --- where to look --- */

static void look_at_messages(const Expectation *e, Look *k, const Channel *ch)
{
        const char *thread = json_str(e->wanted, "thread_ts"), *user = json_str(e->wanted, "user"),
                   *since = json_str(e->in, "since");
        const User *who = state_find_user(e->l->state, user);
        size_t i = since && state_ts_valid(since) ? channel_lower_bound(ch, since) : 0;

        for (; i < ch->n_messages; i++) {
                const Message *m = ch->messages[i];
                _cleanup_free_ char *label = NULL;
                json_t *value;

                if ((since && str_equal(m->ts, since)) || message_is_tombstone(m))
                        continue;
                if (thread && !str_equal(m->ts, thread) && !(m->parent && str_equal(m->parent->ts, thread)))
                        continue;
                value = message_render(m, true);
                if (user && !str_equal(json_str(value, "user"), who ? who->id : user)) {
                        json_decref(value);
                        continue;
                }
                label = mem_printf("%s%s %s:", m->parent ? "  " : "", m->ts, json_str_or(value, "user", "?"));
                put_candidate(e, k, value, json_str_or(value, "text", ""), label);
        }
}

static void look_at_ephemerals(const Expectation *e, Look *k)
{
        const State *s = e->l->state;
        const Channel *ch = state_find_channel(s, json_str(e->wanted, "channel"));
        const User *who = state_find_user(s, json_str(e->wanted, "user"));

        for (size_t i = 0; i < s->n_ephemerals; i++) {
                const Ephemeral *m = s->ephemerals[i];
                _cleanup_free_ char *label = mem_printf("%s (only %s):", m->ts, m->user);

                if ((ch && !str_equal(m->channel, ch->id)) || (who && !str_equal(m->user, who->id)))
                        continue;
                put_candidate(e, k, json_incref(m->body), json_str_or(m->body, "text", ""), label);
        }
}

static json_t *record_value(const Expectation *e, const Record *r)
{
        bool is_raw = e->what == WHAT_CALL || e->what == WHAT_PROBLEM;
        _cleanup_free_ char *text = is_raw ? mem_printf("{%s}", r->text) : mem_strdup(r->text);
        json_t *value = json_parse(text, strlen(text), NULL);

        return value ? value : json_pack("{s:s?}", "text", r->text);
}

static void look_at_records(const Expectation *e, Look *k, const RecordRing *ring, const char *key_name)
{
        const char *key = json_str(e->wanted, key_name), *channel = json_str(e->wanted, "channel");
        const Channel *ch = state_find_channel(e->l->state, channel);
        _cleanup_free_ char *in_text =
                channel ? mem_printf("\"channel\":\"%s\"", ch ? ch->id : channel) : NULL;
        uint64_t since = (uint64_t) json_int(e->in, "since", 0);
        size_t n_key = key ? strlen(key) : 0;
        const Record *r;

        for (size_t i = 0; (r = record_ring_at(ring, i)); i++) {
                json_t *value;
                _cleanup_free_ char *label = NULL;

                if (r->n <= since || (in_text && !strstr(r->text, in_text)) ||
                    (key && (strncmp(key, r->key, n_key) != 0 || (r->key[n_key] && r->key[n_key] != ':'))))
                        continue;
                value = record_value(e, r);
                label = mem_printf("%llu %s", (unsigned long long) r->n, r->key);
                put_candidate(e, k, value, r->text, label);
        }
}

static void look(const Expectation *e, Look *ret)
{
        const State *s = e->l->state;
        const char *channel = json_str(e->wanted, "channel");

        *ret = (Look){.found = json_array(), .shown = json_array(), .values = json_object()};
        switch (e->what) {
        case WHAT_MESSAGE:
                for (size_t i = 0; i < s->n_channels; i++)
                        if (!channel || s->channels[i] == state_find_channel(s, channel))
                                look_at_messages(e, ret, s->channels[i]);
                break;
        case WHAT_EPHEMERAL: look_at_ephemerals(e, ret); break;
        case WHAT_CALL: look_at_records(e, ret, &e->l->calls, "method"); break;
        case WHAT_FRAME: look_at_records(e, ret, &e->l->frames, "direction"); break;
        case WHAT_OUTCOME: look_at_records(e, ret, &e->l->outcomes, "outcome"); break;
        default: look_at_records(e, ret, &e->l->problems, "source"); break;
        }
}

static void look_deinit(Look *k)
{
        json_decref(k->found);
        json_decref(k->shown);
        json_decref(k->values);
        free(k->twice);
}

/* --- the answer --- */

static bool is_true(const Expectation *e, const Look *k)
{
        int64_t n = (int64_t) json_array_size(k->found);

        return n >= e->at_least && (e->at_most < 0 || n <= e->at_most) && !k->twice;
}

static char *describe_failure(const Expectation *e, const Look *k)
{
        _cleanup_free_ char *wanted = json_dump(e->wanted);
        Buf out = {0};
        size_t i;
        json_t *line;

        if (e->at_least == e->at_most)
                buf_printf(&out, "expected exactly %lld", (long long) e->at_least);
        else if (e->at_most >= 0)
                buf_printf(&out, "expected %lld to %lld", (long long) e->at_least, (long long) e->at_most);
        else
                buf_printf(&out, "expected at least %lld", (long long) e->at_least);
        buf_printf(&out, " %s like %s, found %zu within %lld ms", what_names[e->what], wanted,
                   json_array_size(k->found), (long long) (loop_now_ms(e->l->loop) - e->started_ms));
        if (k->twice)
                buf_printf(&out, "; %s is %s twice", json_str(e->in, "unique"), k->twice);
        json_array_foreach (k->found, i, line)
                if (i < SHOWN_MAX && (e->at_most >= 0 || k->twice)) {
                        _cleanup_free_ char *dumped = json_dump(line), *shown = short_text(dumped);

                        buf_printf(&out, "\n  fits: %s", shown);
                }
        if (k->n_others > 0)
                buf_append_str(&out, "\nWhat else is there:");
        else if (json_array_size(k->found) == 0)
                buf_append_str(&out, "\nNothing is there at all.");
        if (k->n_others > json_array_size(k->shown))
                buf_printf(&out, "\n  … %zu before", k->n_others - json_array_size(k->shown));
        json_array_foreach (k->shown, i, line)
                buf_printf(&out, "\n  %s", json_string_value(line));
        return buf_take(&out);
}

static void expectation_free(Expectation *e)
{
        n_waiting--;
        list_remove(&e->wait.link);
        loop_timer_free(e->timer);
        if (e->has_pattern)
                regfree(&e->pattern);
        json_decref(e->in);
        free(e);
}

static void drop(LocalWait *wait)
{
        Expectation *e = container_of(wait, Expectation, wait);

        late_answer_drop(e->late);
        expectation_free(e);
}

static void conclude(Expectation *e, const Look *k, bool ok)
{
        json_t *found = json_array(), *answer, *item;
        _cleanup_free_ char *error = ok ? NULL : describe_failure(e, k);
        size_t i;

        json_array_foreach (k->found, i, item)
                if (i < FOUND_MAX)
                        json_array_append(found, item);
        answer = json_pack("{s:b,s:o,s:I,s:I}", "ok", ok, "found", found, "count",
                           (json_int_t) json_array_size(k->found), "waited_ms",
                           (json_int_t) (loop_now_ms(e->l->loop) - e->started_ms));
        if (error)
                json_put_str(answer, "error", error);
        late_answer_send(e->late, ok ? 200 : 422, answer);
        expectation_free(e);
}

static uint64_t count_happenings(const Local *l)
{
        return feed_count_events(l->feed) + l->calls.n_ever + l->frames.n_ever + l->outcomes.n_ever +
               l->problems.n_ever;
}

static void examine(Expectation *e)
{
        int64_t now = loop_now_ms(e->l->loop);
        int64_t started_us = clock_monotonic_us(), look_ms;
        bool ok, done;
        Look k;

        e->seen = count_happenings(e->l);
        look(e, &k);
        /* A large workspace takes long to look at: at most a fifth of the time is spent on it. */
        look_ms = (clock_monotonic_us() - started_us) / 1000;
        ok = is_true(e, &k);
        if (!ok)
                e->true_since_ms = -1;
        else if (e->true_since_ms < 0)
                e->true_since_ms = now;
        done = ok && now - e->true_since_ms >= e->settle_ms;
        if (done || (now >= e->deadline_ms && !ok) || late_answer_is_abandoned(e->late))
                conclude(e, &k, ok);
        else
                loop_timer_set(e->timer, MAX2(LOOK_AGAIN_MS, 4 * look_ms));
        look_deinit(&k);
}

static void on_look_again(void *userdata)
{
        Expectation *e = userdata;
        int64_t now = loop_now_ms(e->l->loop);
        bool nothing_new = e->seen == count_happenings(e->l);
        bool is_settled = e->true_since_ms >= 0 && now - e->true_since_ms >= e->settle_ms;

        if (nothing_new && !is_settled && now < e->deadline_ms && !late_answer_is_abandoned(e->late))
                loop_timer_set(e->timer, LOOK_AGAIN_MS);
        else
                examine(e);
}

/* --- the question --- */

static const char *read_counts(const json_t *in, Expectation *e)
{
        const json_t *count = json_object_get(in, "count"), *at_most = json_object_get(in, "at_most");
        int64_t within_ms = json_int(in, "within_ms", WITHIN_MS);

        e->at_least = json_int(in, "at_least", at_most ? 0 : 1);
        e->at_most = json_int(in, "at_most", -1);
        if (count)
                e->at_least = e->at_most = json_int(in, "count", -1);
        e->settle_ms = json_int(in, "settle_ms", count || at_most ? SETTLE_MS : 0);
        if (e->at_least < 0 || ((count || at_most) && e->at_most < 0))
                return "count, at_least and at_most are whole numbers";
        if (within_ms < 0 || within_ms > WITHIN_MAX_MS || e->settle_ms < 0 || e->settle_ms > WITHIN_MAX_MS)
                return "within_ms and settle_ms are at most 600000";
        e->deadline_ms = loop_now_ms(e->l->loop) + within_ms;
        return NULL;
}

static const char *read_wanted(const json_t *in, Expectation *e)
{
        const char *pattern, *channel;
        size_t n = 0;

        for (size_t i = 0; i < N_WHAT; i++)
                if (json_is_object(json_object_get(in, what_names[i]))) {
                        e->what = (What) i;
                        e->wanted = json_object_get(in, what_names[i]);
                        n++;
                }
        if (n != 1)
                return "expect one of message, ephemeral, call, frame, outcome and problem, as an object";
        channel = json_str(e->wanted, "channel");
        if (channel && !state_find_channel(e->l->state, channel))
                return "no such channel";
        pattern = json_str(e->wanted, "matches");
        if (!pattern)
                return NULL;
        if (strlen(pattern) > PATTERN_MAX || regcomp(&e->pattern, pattern, REG_EXTENDED | REG_NOSUB) != 0)
                return "matches must be a POSIX extended regular expression of at most 500 bytes";
        e->has_pattern = true;
        return NULL;
}

void expect_handle(Local *l, HttpRequest *req, const json_t *in)
{
        Expectation *e = mem_new(Expectation);
        const char *error;

        n_waiting++;
        e->l = l;
        e->in = json_deep_copy(in);
        e->started_ms = loop_now_ms(l->loop);
        e->true_since_ms = -1;
        error = n_waiting > EXPECT_WAITING_MAX ? "too many expectations wait" : read_wanted(e->in, e);
        if (!error)
                error = read_counts(e->in, e);
        if (error) {
                http_respond_json(req, 400, json_pack("{s:b,s:s}", "ok", 0, "error", error));
                expectation_free(e);
                return;
        }
        e->late = late_answer_new(req);
        e->wait.drop = drop;
        list_append(&l->waits, &e->wait.link);
        e->timer = loop_timer_new(l->loop, on_look_again, e);
        examine(e);
}
