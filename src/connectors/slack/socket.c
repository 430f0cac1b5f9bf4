/* The manager of the links. Links only report; all decisions are made in one place, settle(), which runs from
 * a timer of its own, never inside a link's callback: it frees what is dead, retires what is replaced, and
 * opens one link at a time while fewer are live than wanted. */
#include "connectors/slack/socket.h"

#include <stdio.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "connectors/slack/rate.h"
#include "connectors/slack/socket-link.h"

#define COMPONENT "slack.socket"

#define DEFAULT_SOCKETS 2
#define SOCKETS_MAX     4
/* Slack's own limit for an app is 10, its other processes and the ghosts included. */
#define LINKS_MAX 10
/* Ghosts swallow their share of the envelopes; more sockets of ours make that share smaller. But other
 * processes of the same app look like ghosts too, and two that answer each other's growth with growth would
 * reach the limit: therefore a few at most, and none beyond a total that leaves room for replacements. */
#define EXTRA_SOCKETS_MAX  2
#define CROWD_MAX          8
#define RETRY_AFTER_MAX_MS (10 * 60 * 1000)
#define BAD_FRAME_LOG_MS   (60 * 1000)
#define LAST_ACKS_MS       500
#define AGE_SHARE          0.9

typedef struct BadFrames {
        MetricSeries *total;
        int64_t logged_ms; /* 0 = never */
        uint64_t n_unlogged;
} BadFrames;

struct SlackSocketMode {
        SlackLinkContext context;
        SlackSocketConfig config;
        char *api_url;
        SlackLink *links[LINKS_MAX];
        size_t n_links;
        uint64_t last_id;
        unsigned n_ghosts, n_others, n_failures; /* failures in a row */
        uint64_t stale_id;                       /* links up to this one are being replaced; 0 = none are */
        bool notices[SLACK_N_SOCKET_NOTICES];    /* to be told */
        uint64_t n_reconnects;
        int64_t not_before_ms, too_many_until_ms;
        SlackRate *rate;
        LoopTimer *settle_due, *recount_due;
        uint64_t n_unacked; /* handed up and not answered for yet; those never acknowledged stay in it */
        bool stopping;
        int64_t close_by_ms; /* when stopping: not to wait for acknowledgements any longer */
        void (*stopped)(void *userdata);
        void *stopped_userdata;
        char error[64], told_error[64];
        unsigned told_live;
        Buf ack;
        Metrics *metrics;
        MetricSeries *live, *ghosts, *acks, *acks_dropped, *envelopes[SLACK_N_ENVELOPE_TYPES];
        BadFrames bad[SLACK_N_BAD];
};

static int64_t now(const SlackSocketMode *s)
{
        return loop_now_ms(s->context.loop);
}

static int64_t random_below(int64_t bound)
{
        return bound > 0 ? (int64_t) (random_u64() % (uint64_t) bound) : 0;
}

static unsigned count_links(const SlackSocketMode *s, SlackLinkState from, SlackLinkState to)
{
        unsigned n = 0;

        for (size_t i = 0; i < s->n_links; i++)
                n += slack_link_state(s->links[i]) >= from && slack_link_state(s->links[i]) <= to;
        return n;
}

static SlackLink *find_first(const SlackSocketMode *s, SlackLinkState state)
{
        for (size_t i = 0; i < s->n_links; i++)
                if (slack_link_state(s->links[i]) == state)
                        return s->links[i];
        return NULL;
}

static unsigned count_wanted(const SlackSocketMode *s)
{
        unsigned extra = MIN2(s->n_ghosts, EXTRA_SOCKETS_MAX), crowd = s->config.n_sockets + s->n_ghosts;

        return s->config.n_sockets + MIN2(extra, crowd < CROWD_MAX ? CROWD_MAX - crowd : 0);
}

/* The lifetime that keeps the links' ends apart, so that never two are replaced together: the longest of N
 * evenly spaced ones that is not near the end of another. */
static int64_t choose_age(const SlackSocketMode *s, const SlackLink *link, int64_t age_ms)
{
        unsigned n = count_wanted(s);

        for (unsigned k = 0; k < n; k++) {
                int64_t candidate = age_ms - age_ms * k / n, nearest = age_ms;

                for (size_t i = 0; i < s->n_links; i++) {
                        if (s->links[i] == link || slack_link_state(s->links[i]) != SLACK_LINK_LIVE ||
                            slack_link_expires_ms(s->links[i]) == 0)
                                continue;
                        nearest =
                                MIN2(nearest, llabs(slack_link_expires_ms(s->links[i]) - now(s) - candidate));
                }
                if (nearest >= age_ms / (2 * (int64_t) n))
                        return candidate;
        }
        return age_ms;
}

static void set_ghosts(SlackSocketMode *s, unsigned counted, unsigned ours)
{
        unsigned known = ours + s->n_others, ghosts = counted > known ? counted - known : 0;

        if (ghosts != s->n_ghosts)
                log_at(ghosts > s->n_ghosts ? LOG_WARN : LOG_INFO, COMPONENT,
                       "Slack counts %u sockets of the app, %u are ours, %u of other processes: %u ghosts",
                       counted, ours, s->n_others, ghosts);
        if (ghosts > s->n_ghosts)
                s->notices[SLACK_SOCKET_GHOSTS] = true;
        else if (ghosts == 0 && s->n_ghosts > 0)
                s->notices[SLACK_SOCKET_GHOSTS_GONE] = true;
        s->n_ghosts = ghosts;
        metric_set(s->ghosts, ghosts);
        if (ghosts > 0)
                loop_timer_set(s->recount_due, s->context.timing.recount_ms);
        else
                loop_timer_clear(s->recount_due);
}

/* Slack tells its count only in a hello. */
static void recount(void *userdata)
{
        SlackSocketMode *s = userdata;
        SlackLink *link = find_first(s, SLACK_LINK_LIVE);

        if (s->stopping)
                return;
        loop_timer_set(s->recount_due, s->context.timing.recount_ms);
        if (link)
                slack_link_expire(link, SLACK_LINK_END_RECOUNT);
}

static void on_hello(SlackSocketMode *s, SlackLink *link, const SlackFrame *hello)
{
        /* Slack counts a socket until it has seen its end: ours up to the closing ones. */
        unsigned ours = count_links(s, SLACK_LINK_LIVE, SLACK_LINK_CLOSING);

        s->n_failures = 0;
        s->error[0] = 0;
        if (hello->num_connections > 0)
                set_ghosts(s, hello->num_connections, ours);
        if (hello->connection_time_ms > 0)
                slack_link_expire_after(
                        link,
                        choose_age(s, link, (int64_t) ((double) hello->connection_time_ms * AGE_SHARE)));
}

static void count_reconnect(SlackSocketMode *s, SlackLinkEnd end)
{
        _cleanup_free_ char *labels = mem_printf("reason=\"%s\"", slack_link_end_name(end));

        s->n_reconnects++;
        metric_add(metrics_counter(s->metrics, "slack_reconnects_total", "Sockets to be replaced, by reason",
                                   labels),
                   1);
}

/* When the next attempt may be made, after a link that failed. */
static void back_off(SlackSocketMode *s, const SlackLink *link)
{
        const SlackSocketTiming *t = &s->context.timing;
        SlackLinkEnd end = slack_link_end(link);
        int64_t limit = t->backoff_ms << MIN2(s->n_failures, 16u), after_ms;

        s->n_failures++;
        after_ms = random_below(MIN2(limit, t->backoff_max_ms) + 1);
        if (slack_link_retry_after_ms(link) > 0)
                after_ms = MIN2(slack_link_retry_after_ms(link), (int64_t) RETRY_AFTER_MAX_MS) + after_ms / 2;
        if (end == SLACK_LINK_END_REFUSED || end == SLACK_LINK_END_DISABLED)
                after_ms = t->blocked_ms + random_below(t->blocked_ms / 10);
        if (end == SLACK_LINK_END_TOO_MANY)
                s->too_many_until_ms = now(s) + t->too_many_ms + random_below(t->too_many_ms / 2);
        s->not_before_ms = MAX2(s->not_before_ms, now(s) + after_ms);
        /* A connection that broke says nothing about whether another one can be had. */
        if (end >= SLACK_LINK_END_HELLO)
                snprintf(s->error, sizeof(s->error), "%s", slack_link_error(link));
        if (end == SLACK_LINK_END_REFUSED || end == SLACK_LINK_END_DISABLED)
                log_error(COMPONENT, "Slack refuses Socket Mode: %s; next attempt in %lld s", s->error,
                          (long long) (after_ms / 1000));
}

static void on_change(void *userdata, SlackLink *link, SlackLinkState old, const SlackFrame *hello)
{
        SlackSocketMode *s = userdata;
        SlackLinkState state = slack_link_state(link);
        SlackLinkEnd end = slack_link_end(link);

        if (state == SLACK_LINK_LIVE)
                on_hello(s, link, hello);
        else if (state == SLACK_LINK_EXPIRING)
                count_reconnect(s, end);
        else if (state >= SLACK_LINK_CLOSING && old < SLACK_LINK_CLOSING && slack_link_is_failure(end) &&
                 !s->stopping) {
                count_reconnect(s, end);
                back_off(s, link);
                s->notices[SLACK_SOCKET_BROKEN] |= old == SLACK_LINK_LIVE;
        }
        loop_timer_set(s->settle_due, 0);
}

static void on_envelope(void *userdata, SlackLink *link, const SlackEnvelope *env)
{
        SlackSocketMode *s = userdata;

        metric_add(s->envelopes[env->type], 1);
        s->n_unacked++;
        s->config.on_envelope(s->config.userdata, env);
}

/* Once per kind and minute: a peer that sends nonsense must not fill the disk with the news of it. */
static void on_bad_frame(void *userdata, SlackLink *link, SlackBadFrame bad, const char *why)
{
        SlackSocketMode *s = userdata;
        BadFrames *b = &s->bad[bad];

        metric_add(b->total, 1);
        if (b->logged_ms > 0 && now(s) - b->logged_ms < BAD_FRAME_LOG_MS) {
                b->n_unlogged++;
                return;
        }
        log_warn(COMPONENT, "socket %llu: ignored a frame: %s (%llu more of this kind since the last line)",
                 (unsigned long long) slack_link_id(link), why, (unsigned long long) b->n_unlogged);
        b->logged_ms = now(s);
        b->n_unlogged = 0;
}

static const SlackLinkEvents link_events = {
        .on_change = on_change, .on_envelope = on_envelope, .on_bad_frame = on_bad_frame};

static void reap(SlackSocketMode *s)
{
        size_t kept = 0;

        for (size_t i = 0; i < s->n_links; i++)
                if (slack_link_state(s->links[i]) == SLACK_LINK_DEAD)
                        slack_link_free(s->links[i]);
                else
                        s->links[kept++] = s->links[i];
        s->n_links = kept;
}

/* Lets go of expiring links as far as enough others are live, and of live ones beyond what is wanted. */
static void retire(SlackSocketMode *s, unsigned wanted)
{
        SlackLink *link;

        while (count_links(s, SLACK_LINK_LIVE, SLACK_LINK_EXPIRING) > wanted) {
                link = find_first(s, SLACK_LINK_EXPIRING);
                link = link ? link : find_first(s, SLACK_LINK_LIVE);
                /* A deaf one would only swallow some more while it is drained. */
                if (slack_link_end(link) == SLACK_LINK_END_DEAF)
                        slack_link_close(link);
                else
                        slack_link_drain(link);
        }
}

static void open_next(SlackSocketMode *s, unsigned wanted)
{
        unsigned n_live = count_links(s, SLACK_LINK_LIVE, SLACK_LINK_LIVE);
        int64_t wait_ms;

        /* One at a time: Slack hands out addresses slowly, and one that fails spares the next. */
        if (n_live >= wanted || s->n_links >= LINKS_MAX ||
            count_links(s, SLACK_LINK_OPENING, SLACK_LINK_GREETING) > 0)
                return;
        wait_ms = MAX2(s->not_before_ms - now(s),
                       slack_rate_wait_ms(s->rate, "apps.connections.open", NULL, n_live == 0, now(s)));
        if (n_live > 0)
                wait_ms = MAX2(wait_ms, s->too_many_until_ms - now(s));
        if (wait_ms > 0) {
                loop_timer_set(s->settle_due, wait_ms);
                return;
        }
        slack_rate_take(s->rate, "apps.connections.open", NULL, now(s));
        s->links[s->n_links] = slack_link_new(&s->context, ++s->last_id);
        slack_link_start(s->links[s->n_links++]);
}

/* To the last byte: until its end is seen at Slack, a link is given envelopes. */
static bool all_fresh(const SlackSocketMode *s)
{
        for (size_t i = 0; i < s->n_links; i++)
                if (slack_link_id(s->links[i]) <= s->stale_id)
                        return false;
        return slack_socket_live(s) > 0;
}

static void tell_notices(SlackSocketMode *s)
{
        if (s->stale_id > 0 && all_fresh(s)) {
                s->stale_id = 0;
                s->notices[SLACK_SOCKET_FRESH] = true;
        }
        for (int i = 0; i < SLACK_N_SOCKET_NOTICES; i++) {
                bool due = s->notices[i];

                s->notices[i] = false;
                if (due && s->config.on_notice)
                        s->config.on_notice(s->config.userdata, (SlackSocketNotice) i);
        }
}

static void tell(SlackSocketMode *s)
{
        unsigned n_live = slack_socket_live(s);

        metric_set(s->live, n_live);
        if (n_live != s->told_live || !str_equal(s->error, s->told_error)) {
                s->told_live = n_live;
                strcpy(s->told_error, s->error);
                if (s->config.on_state)
                        s->config.on_state(s->config.userdata, n_live,
                                           s->told_error[0] ? s->told_error : NULL);
        }
        tell_notices(s);
}

/* What was handed up just before the stop is on its way to the disk: a moment more, and the person who
 * clicked is not told of a failure that is none. */
static void close_all(SlackSocketMode *s)
{
        if (s->n_unacked > 0 && now(s) < s->close_by_ms) {
                loop_timer_set(s->settle_due, s->close_by_ms - now(s));
                return;
        }
        for (size_t i = 0; i < s->n_links; i++)
                slack_link_close(s->links[i]);
}

static void settle(void *userdata)
{
        SlackSocketMode *s = userdata;
        unsigned wanted = count_wanted(s);

        reap(s);
        if (s->stopping)
                close_all(s);
        else {
                retire(s, wanted);
                open_next(s, wanted);
        }
        tell(s);
        if (s->stopping && s->n_links == 0 && s->stopped) {
                void (*stopped)(void *) = s->stopped;

                s->stopped = NULL;
                stopped(s->stopped_userdata); /* may free us */
        }
}

static void make_metrics(SlackSocketMode *s, Metrics *m)
{
        char labels[64];

        s->metrics = m;
        s->live = metrics_gauge(m, "slack_sockets_live", "Socket Mode connections that Slack has greeted",
                                NULL);
        s->ghosts =
                metrics_gauge(m, "slack_ghost_sockets",
                              "Sockets of the app that Slack counts and this process does not have", NULL);
        s->acks = metrics_counter(m, "slack_acks_total", "Envelopes acknowledged", NULL);
        s->acks_dropped = metrics_counter(m, "slack_acks_dropped_total",
                                          "Acknowledgements that no socket was there to carry", NULL);
        for (int i = 0; i < SLACK_N_ENVELOPE_TYPES; i++) {
                snprintf(labels, sizeof(labels), "type=\"%s\"",
                         slack_envelope_type_name((SlackEnvelopeType) i));
                s->envelopes[i] = metrics_counter(m, "slack_envelopes_total", "Envelopes received", labels);
        }
        for (int i = 0; i < SLACK_N_BAD; i++) {
                snprintf(labels, sizeof(labels), "reason=\"%s\"", slack_bad_frame_name((SlackBadFrame) i));
                s->bad[i].total =
                        metrics_counter(m, "slack_bad_frames_total", "Frames that were ignored", labels);
        }
}

static SlackSocketTiming with_defaults(SlackSocketTiming t)
{
        const struct {
                int64_t *slot, ms;
        } rows[] = {
                {&t.connect_ms, 10000},  {&t.hello_ms, 10000},       {&t.ping_ms, 10000},
                {&t.silent_ms, 25000},   {&t.drain_ms, 10000},       {&t.close_ms, 2000},
                {&t.backoff_ms, 500},    {&t.backoff_max_ms, 60000}, {&t.blocked_ms, 60000},
                {&t.too_many_ms, 60000}, {&t.recount_ms, 300000},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (*rows[i].slot <= 0)
                        *rows[i].slot = rows[i].ms;
        return t;
}

int slack_socket_new(SlackSocketMode **ret, Loop *loop, HttpClient *http, Metrics *metrics,
                     const SlackSocketConfig *config)
{
        const char *url = config->api_url;
        SlackSocketMode *s;

        if (config->n_sockets > SOCKETS_MAX || !url ||
            (!str_starts_with(url, "https://") && !str_starts_with(url, "http://")))
                return error_origin(-EINVAL);
        s = mem_new(SlackSocketMode);
        s->config = *config;
        s->config.n_sockets = config->n_sockets ? config->n_sockets : DEFAULT_SOCKETS;
        s->api_url = mem_printf("%s%s", url, url[strlen(url) - 1] == '/' ? "" : "/");
        s->context = (SlackLinkContext){.loop = loop,
                                        .http = http,
                                        .api_url = s->api_url,
                                        .app_token = config->app_token,
                                        .timing = with_defaults(config->timing),
                                        .events = &link_events,
                                        .userdata = s};
        s->rate = slack_rate_new();
        s->settle_due = loop_timer_new(loop, settle, s);
        s->recount_due = loop_timer_new(loop, recount, s);
        make_metrics(s, metrics);
        *ret = s;
        return 0;
}

void slack_socket_start(SlackSocketMode *s)
{
        loop_timer_set(s->settle_due, 0);
}

void slack_socket_stop(SlackSocketMode *s, void (*done)(void *userdata), void *userdata)
{
        s->stopping = true;
        s->stopped = done;
        s->stopped_userdata = userdata;
        s->close_by_ms = now(s) + LAST_ACKS_MS;
        loop_timer_set(s->settle_due, 0);
}

void slack_socket_free(SlackSocketMode *s)
{
        if (!s)
                return;
        for (size_t i = 0; i < s->n_links; i++)
                slack_link_free(s->links[i]);
        loop_timer_free(s->settle_due);
        loop_timer_free(s->recount_due);
        slack_rate_free(s->rate);
        buf_deinit(&s->ack);
        free(s->api_url);
        free(s);
}

static void append_json_string(Buf *out, const char *text)
{
        buf_append_char(out, '"');
        for (; *text; text++)
                if ((unsigned char) *text < 0x20 || *text == '"' || *text == '\\')
                        buf_printf(out, "\\u%04x", (unsigned char) *text);
                else
                        buf_append_char(out, *text);
        buf_append_char(out, '"');
}

static bool send_on(SlackSocketMode *s, SlackLink *link)
{
        return link && slack_link_send(link, buf_bytes(&s->ack), buf_len(&s->ack));
}

void slack_socket_ack(SlackSocketMode *s, uint64_t socket, const char *envelope_id, const char *payload)
{
        bool sent = false;

        buf_clear(&s->ack);
        buf_append_str(&s->ack, "{\"envelope_id\":");
        append_json_string(&s->ack, envelope_id);
        if (payload) {
                buf_append_str(&s->ack, ",\"payload\":");
                buf_append_str(&s->ack, payload);
        }
        buf_append_char(&s->ack, '}');
        for (size_t i = 0; i < s->n_links && !sent; i++)
                if (slack_link_id(s->links[i]) == socket)
                        sent = send_on(s, s->links[i]);
        for (int state = SLACK_LINK_LIVE; state <= SLACK_LINK_DRAINING && !sent; state++)
                sent = send_on(s, find_first(s, (SlackLinkState) state));
        metric_add(sent ? s->acks : s->acks_dropped, 1);
        if (s->n_unacked > 0 && --s->n_unacked == 0 && s->stopping)
                loop_timer_set(s->settle_due, 0);
        if (!sent)
                log_warn(COMPONENT,
                         "no socket to acknowledge an envelope on; Slack will deliver it again if it is an "
                         "event");
}

void slack_socket_refresh(SlackSocketMode *s)
{
        if (s->stopping)
                return;
        for (size_t i = 0; i < s->n_links; i++) {
                if (slack_link_state(s->links[i]) >= SLACK_LINK_LIVE)
                        s->stale_id = MAX2(s->stale_id, slack_link_id(s->links[i]));
                slack_link_expire(s->links[i], SLACK_LINK_END_DEAF);
        }
        loop_timer_set(s->settle_due, 0);
}

void slack_socket_set_others(SlackSocketMode *s, unsigned n_sockets)
{
        unsigned more = n_sockets > s->n_others ? n_sockets - s->n_others : 0,
                 ours = count_links(s, SLACK_LINK_LIVE, SLACK_LINK_CLOSING),
                 ghosts = s->n_ghosts > more ? s->n_ghosts - more : 0;

        s->n_others = n_sockets;
        if (ghosts == s->n_ghosts || s->stopping)
                return;
        /* What was taken for ghosts are the others'. Whether one that has gone leaves ghosts, a hello tells.
         */
        set_ghosts(s, ours + n_sockets + ghosts, ours);
        loop_timer_set(s->settle_due, 0);
}

unsigned slack_socket_live(const SlackSocketMode *s)
{
        return count_links(s, SLACK_LINK_LIVE, SLACK_LINK_EXPIRING);
}

json_t *slack_socket_health(const SlackSocketMode *s)
{
        json_t *sockets = json_array();

        for (size_t i = 0; i < s->n_links; i++)
                json_array_append_new(sockets, slack_link_health(s->links[i]));
        return json_pack("{s:i, s:i, s:i, s:I, s:s?, s:o}", "live", (int) slack_socket_live(s), "wanted",
                         (int) count_wanted(s), "ghosts", (int) s->n_ghosts, "reconnects",
                         (json_int_t) s->n_reconnects, "error", s->error[0] ? s->error : NULL, "sockets",
                         sockets);
}
