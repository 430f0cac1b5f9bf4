#include "gateway/health.h"

#include "connectors/slack/echo.h"
#include "gateway/gateway.h"

#define COMPONENT "slack.health"

#define MARK_MS           (30 * 1000)     /* how often it is written down that all is well */
#define BROKEN_PAUSE_MS   (30 * 1000)     /* between runs for single sockets that broke */
#define GHOSTS_PERIOD_MS  (5 * 60 * 1000) /* between runs while ghosts swallow a share of what Slack sends */
#define REFRESH_MIN_MS    (60 * 1000) /* between rounds of fresh sockets; doubled while they do not help */
#define REFRESH_MAX_MS    (30 * 60 * 1000)
#define ALARMS_TO_UNLEARN 3
#define ADDRESS           "catchup:slack"

typedef enum HealthState { HEALTH_DOWN, HEALTH_OK, HEALTH_DEAF } HealthState;
static const char *const state_names[] = {[HEALTH_DOWN] = "down", [HEALTH_OK] = "ok", [HEALTH_DEAF] = "deaf"};

struct TransportHealth {
        Gateway *gateway;
        SlackEcho *echo;
        HealthState state;
        int64_t since_ms;  /* loop time */
        int64_t heard_ms;  /* real time of the last envelope, or of the beginning of listening */
        bool was_up;       /* since the start of the process */
        bool ghosts;       /* Slack counts sockets that nobody has */
        unsigned n_alarms; /* in a row, without an echo */
        bool heard_since_alarm;
        int64_t refreshed_ms; /* loop time; 0 = never */
        unsigned n_runs_open; /* asked for and not over */
        const char *again;    /* why to read once more when the timer is due; NULL */
        LoopTimer *mark_due, *judge_due, *again_due;
        MetricSeries *deaf, *alarms, *runs;
};

static int64_t now(const TransportHealth *h)
{
        return loop_now_ms(h->gateway->loop);
}

static void set_state(TransportHealth *h, HealthState state)
{
        if (h->state == state)
                return;
        log_at(state == HEALTH_DEAF ? LOG_ERROR : LOG_INFO, COMPONENT, "Slack's transport: %s -> %s",
               state_names[h->state], state_names[state]);
        h->state = state;
        h->since_ms = now(h);
        metric_set(h->deaf, state == HEALTH_DEAF);
}

/* A mark of our own clock, when that is ahead, would hide what was said before it is caught up with. */
static int64_t slack_now_ms(const TransportHealth *h)
{
        return slack_web_now_ms(h->gateway->web);
}

static void tell(TransportHealth *h, const char *event, json_t *data /* stolen */)
{
        flow_deliver(h->gateway->engine,
                     &(FlowDelivery){
                             .address = ADDRESS, .kind = "catchup", .event = event, .json = json_dump(data)});
        json_decref(data);
}

static void mark(TransportHealth *h)
{
        tell(h, "transport.mark", json_pack("{s:I}", "at_ms", (json_int_t) slack_now_ms(h)));
}

/* While reading is not over, something may have been said that a prompt ought to be read after. */
static void update_doubt(TransportHealth *h)
{
        h->gateway->intake.doubt = h->n_runs_open > 0 || h->ghosts || h->state == HEALTH_DEAF;
}

/* `from_ms`: Slack's time until which all was well; 0 = as it was last written down, by somebody who may not
 * have noticed a dead socket yet. */
static void catch_up(TransportHealth *h, const char *why, int64_t from_ms)
{
        const GatewayConf *conf = h->gateway->conf;
        json_t *data =
                json_pack("{s:I, s:I, s:I, s:s}", "at_ms", (json_int_t) slack_now_ms(h), "overlap_ms",
                          (json_int_t) conf->slack.catch_up_overlap_s * 1000 + SLACK_SOCKET_UNNOTICED_MS,
                          "max_age_ms", (json_int_t) conf->slack.catch_up_max_age_s * 1000, "why", why);

        if (from_ms > 0)
                json_put_int(data, "from_ms", from_ms);
        log_info(COMPONENT, "reading what was said meanwhile (%s)", why);
        metric_add(h->runs, 1);
        tell(h, "transport.catch_up", data);
        mark(h);
        h->n_runs_open = 1;
        update_doubt(h);
}

static void catch_up_later(TransportHealth *h, const char *why, int64_t after_ms)
{
        h->again = why;
        if (!loop_timer_is_set(h->again_due))
                loop_timer_set(h->again_due, after_ms);
}

static void on_again(void *userdata)
{
        TransportHealth *h = userdata;
        const char *why = take(h->again);

        if (why && h->state == HEALTH_OK)
                catch_up(h, why, 0);
        if (h->ghosts)
                catch_up_later(h, "ghosts", GHOSTS_PERIOD_MS);
}

static void on_mark(void *userdata)
{
        TransportHealth *h = userdata;

        loop_timer_set(h->mark_due, MARK_MS);
        /* Ghosts may swallow what is said now: the mark stays where the next run is to begin. */
        if (h->state == HEALTH_OK && !h->ghosts)
                mark(h);
}

/* ---- sockets ---- */

void health_on_sockets(TransportHealth *h, unsigned n_live)
{
        if (n_live == 0 && h->state != HEALTH_DOWN) {
                bool was_deaf = h->state == HEALTH_DEAF;

                set_state(h, HEALTH_DOWN);
                if (!was_deaf && !h->ghosts)
                        mark(h);
        }
        if (n_live == 0 || h->state != HEALTH_DOWN)
                return;
        set_state(h, HEALTH_OK);
        h->heard_ms = slack_now_ms(h);
        slack_echo_forget(h->echo, false);
        catch_up(h, h->was_up ? "gap" : "start", 0);
        h->was_up = true;
        loop_timer_set(h->mark_due, MARK_MS);
}

static void on_fresh(TransportHealth *h)
{
        if (h->state != HEALTH_DEAF)
                return;
        set_state(h, HEALTH_OK);
        catch_up(h, "deaf", h->heard_ms);
}

void health_on_notice(TransportHealth *h, SlackSocketNotice notice)
{
        switch (notice) {
        case SLACK_SOCKET_BROKEN:
                if (h->state == HEALTH_OK)
                        catch_up_later(h, "broken socket",
                                       loop_timer_is_set(h->again_due) ? 0 : BROKEN_PAUSE_MS / 15);
                break;
        case SLACK_SOCKET_GHOSTS:
                h->ghosts = true;
                catch_up_later(h, "ghosts", GHOSTS_PERIOD_MS);
                break;
        case SLACK_SOCKET_GHOSTS_GONE:
                h->ghosts = false;
                if (h->state == HEALTH_OK)
                        catch_up(h, "ghosts gone", 0);
                break;
        case SLACK_SOCKET_FRESH: on_fresh(h); break;
        case SLACK_N_SOCKET_NOTICES: break;
        }
        update_doubt(h);
}

/* ---- hearing ---- */

static void arm_judge(TransportHealth *h)
{
        int64_t due_ms = slack_echo_due_ms(h->echo, now(h));

        if (due_ms >= 0)
                loop_timer_set(h->judge_due, due_ms);
}

static int64_t refresh_pause_ms(const TransportHealth *h)
{
        return MIN2((int64_t) REFRESH_MIN_MS << MIN2(h->n_alarms, 10u), (int64_t) REFRESH_MAX_MS);
}

static void alarm_deaf(TransportHealth *h, SlackHearing hearing)
{
        /* Fresh sockets did not help, and other things are heard: then it is the events that are not sent. */
        bool unsubscribed = ++h->n_alarms >= ALARMS_TO_UNLEARN && h->heard_since_alarm;

        metric_add(h->alarms, 1);
        log_error(COMPONENT, "Slack is connected and deaf: %s since %lld s ago; opening fresh sockets%s",
                  hearing == SLACK_DEAF ? "nothing has been heard" : "own messages have not come back",
                  (long long) ((slack_now_ms(h) - h->heard_ms) / 1000),
                  unsubscribed ? "; is the app still subscribed to message events in these channels?" : "");
        h->heard_since_alarm = false;
        h->refreshed_ms = now(h);
        slack_echo_forget(h->echo, unsubscribed);
        set_state(h, HEALTH_DEAF);
        update_doubt(h);
        slack_socket_refresh(h->gateway->sockets);
}

static void on_judge(void *userdata)
{
        TransportHealth *h = userdata;
        SlackHearing hearing = slack_echo_judge(h->echo, now(h));
        int64_t wait_ms;

        if (hearing == SLACK_HEARS || h->state == HEALTH_DOWN) {
                arm_judge(h);
                return;
        }
        wait_ms = h->refreshed_ms > 0 ? h->refreshed_ms + refresh_pause_ms(h) - now(h) : 0;
        if (wait_ms > 0) {
                set_state(h, HEALTH_DEAF); /* again, or still */
                update_doubt(h);
                loop_timer_set(h->judge_due, wait_ms);
                return;
        }
        alarm_deaf(h, hearing);
}

static void save_echoes(TransportHealth *h)
{
        tell(h, "transport.echoes", json_pack("{s:o}", "channels", slack_echo_channels(h->echo)));
}

void health_on_echo(TransportHealth *h, const char *channel, const char *ts)
{
        h->n_alarms = 0;
        if (slack_echo_heard(h->echo, channel, ts, now(h)))
                save_echoes(h);
}

void health_on_envelope(TransportHealth *h, const json_t *in)
{
        const char *channel = json_str_or(in, "channel", ""), *ts = json_str_or(in, "ts", "");

        h->heard_ms = slack_now_ms(h);
        h->heard_since_alarm = true;
        slack_echo_alive(h->echo, now(h));
        if (!str_equal(json_str(in, "type"), "message") ||
            !str_equal(json_str(in, "user"), h->gateway->intake.bot_user))
                return;
        health_on_echo(h, channel, ts);
        if (h->gateway->tell_peers)
                h->gateway->tell_peers(h->gateway, "echo",
                                       json_pack("{s:s, s:s}", "channel", channel, "ts", ts), NULL, NULL);
}

void health_on_posted(void *health, const char *channel, const char *ts)
{
        TransportHealth *h = health;

        slack_echo_posted(h->echo, channel, ts, now(h));
        if (!loop_timer_is_set(h->judge_due))
                arm_judge(h);
}

void health_caught_up(TransportHealth *h)
{
        h->n_runs_open = 0;
        update_doubt(h);
}

bool health_is_deaf(const TransportHealth *h)
{
        return h->state == HEALTH_DEAF;
}

json_t *health_render(const TransportHealth *h)
{
        _cleanup_json_ json_t *channels = slack_echo_channels(h->echo);

        return json_pack("{s:s, s:I, s:I, s:I, s:I, s:b}", "state", state_names[h->state], "since_ms",
                         (json_int_t) (now(h) - h->since_ms), "heard_ms",
                         (json_int_t) (slack_now_ms(h) - h->heard_ms), "deaf_alarms",
                         (json_int_t) metric_value(h->alarms), "echo_channels",
                         (json_int_t) json_array_size(channels), "catching_up", h->n_runs_open > 0);
}

/* ---- life ---- */

static void on_kept(void *userdata, const char *json)
{
        TransportHealth *h = userdata;
        _cleanup_json_ json_t *rows = json_parse(json, strlen(json), NULL);
        size_t i;
        json_t *channel;

        json_array_foreach ((json_t *) json_at(rows, "0.data.echoes"), i, channel)
                if (json_is_string(channel))
                        slack_echo_learn(h->echo, json_string_value(channel));
}

TransportHealth *health_new(Gateway *g)
{
        TransportHealth *h = mem_new(TransportHealth);

        h->gateway = g;
        h->echo = slack_echo_new(g->conf->slack.echo_wait_ms);
        h->since_ms = loop_now_ms(g->loop);
        h->mark_due = loop_timer_new(g->loop, on_mark, h);
        h->judge_due = loop_timer_new(g->loop, on_judge, h);
        h->again_due = loop_timer_new(g->loop, on_again, h);
        h->deaf = metrics_gauge(g->metrics, "slack_deaf",
                                "1 while connections are open and nothing is heard on them", NULL);
        h->alarms = metrics_counter(g->metrics, "slack_deaf_alarms_total", "Times that Slack was found deaf",
                                    NULL);
        h->runs = metrics_counter(g->metrics, "slack_catch_ups_total",
                                  "Times that what was said meanwhile was read from the history", NULL);
        flow_engine_list(g->engine, "catchup", NULL, 1, on_kept, h);
        return h;
}

void health_stop(TransportHealth *h)
{
        if (h && h->state == HEALTH_OK && !h->ghosts && h->was_up)
                mark(h);
}

void health_free(TransportHealth *h)
{
        if (!h)
                return;
        loop_timer_free(h->mark_due);
        loop_timer_free(h->judge_due);
        loop_timer_free(h->again_due);
        slack_echo_free(h->echo);
        free(h);
}
